package endpoint

import (
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/values"
)

// spelled is the design's URL, written a second time and in another way, so that
// proof.go is not held against itself.
var spelled = regexp.MustCompile(`^/\?Action=GetCallerIdentity&Version=2011-06-15` +
	`&X-Amz-Algorithm=AWS4-HMAC-SHA256` +
	`&X-Amz-Credential=ASIA[A-Z0-9]+%2F(\d{8})%2F([a-z]+(?:-[a-z]+)+-\d)%2Fsts%2Faws4_request` +
	`&X-Amz-Date=(\d{8})T\d{6}Z&X-Amz-Expires=60` +
	`&X-Amz-Security-Token=(?:[A-Za-z0-9._-]|%2B|%2F|%3D)+` +
	`&X-Amz-SignedHeaders=host%3Bx-doit-audience%3Bx-doit-content-sha256&X-Amz-Signature=[0-9a-f]{64}$`)

// recorder takes the place of the network: it sees the bytes that would be sent.
type recorder struct{ sent *http.Request }

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	r.sent = request
	return &http.Response{StatusCode: http.StatusForbidden, Body: io.NopCloser(strings.NewReader(""))}, nil
}

// FuzzProof: whatever bytes come in, either they are refused or the URL called is
// the one that the design spells, on a host of the endpoint's own list.
func FuzzProof(f *testing.F) {
	const audience = "registration.example.com"
	digest := sha256Hex([]byte("a body"))
	headers := map[string]string{"X-DoiT-Audience": audience, "X-DoiT-Content-SHA256": digest}
	suffixes := map[string]string{}
	for _, p := range values.Read(f).Partitions {
		suffixes[p.Name] = strings.TrimPrefix(p.STS, "sts."+p.Region)
	}
	network, sts := &recorder{}, newSTSClient(nil)
	sts.http = network
	for region, host := range stsHosts {
		f.Add(presign(f, somebody, region, time.Now(), "https://"+host, headers))
	}
	good := presign(f, somebody, home, time.Now(), "https://"+stsHosts[home], headers)
	f.Add(strings.Replace(good, "amazonaws.com", "amazonaws.com.evil.example", 1))
	f.Add(strings.Replace(good, "&X-Amz-Date", "%0d%0a&X-Amz-Date", 1))
	f.Add(strings.ReplaceAll(good, home, "eu-west-9"))
	f.Add(good + "&X-Amz-Signature=" + strings.Repeat("0", 64))
	f.Add(good + "#")
	f.Fuzz(func(t *testing.T, received string) {
		p, err := rebuild(received)
		if err != nil {
			if refusal := new(Problem); !errors.As(err, &refusal) || refusal.Status != http.StatusUnauthorized {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if _, err := sts.identify(t.Context(), p, audience, digest); !errors.Is(err, rejectedProof) {
			t.Fatalf("STS says 403, and the proof is %v", err)
		}
		sent := network.sent
		match := spelled.FindStringSubmatch(sent.URL.RequestURI())
		formed := match != nil && match[1] == match[3] && sent.URL.String() == received
		if !formed || sent.URL.Scheme != "https" || sent.Method != http.MethodGet {
			t.Fatalf("called %s for the proof %q", sent.URL, received)
		}
		ours := "sts." + match[2] + suffixes[partitionOf[match[2]]]
		if sent.URL.Host != sent.Host || sent.Host != ours {
			t.Fatalf("called host %q as %q", sent.URL.Host, sent.Host)
		}
		for name, want := range headers {
			if sent.Header.Get(name) != want {
				t.Fatalf("called with %s %q", name, sent.Header.Get(name))
			}
		}
	})
}
