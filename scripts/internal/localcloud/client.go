package localcloud

import (
	"bytes"
	"io"
	"net/http"
)

// wholeBodies keeps the SDK's calls from breaking on a fast answer: it lets
// net/http see that a body is in memory. Of the SDK's own kind, net/http looks
// for more once it is sent; where the answer is faster than that look, as on
// loopback, smithy-go (v1.28.9) has closed the body, and net/http takes the
// io.EOF for a failed write and breaks the connection under the answer.
type wholeBodies struct{ *http.Client }

// Do is what the SDK calls.
func (c wholeBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return c.Client.Do(r) // #nosec G704 -- wherever the SDK was told to go
}
