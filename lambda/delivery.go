package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// recipient is who is told, and how patient the function is with it.
type recipient struct {
	name        string
	method      string
	tryLimit    time.Duration         // of one try
	longestWait time.Duration         // between two tries, unless Retry-After asks for more
	passing     func(status int) bool // answers after which it is tried again
	goneIsDone  bool                  // 404 and 410 are as good as 200
}

var registrationEndpoint = recipient{
	name:        "registration endpoint",
	method:      http.MethodPost,
	tryLimit:    10 * time.Second,
	longestWait: 20 * time.Second,
	passing:     func(status int) bool { return slices.Contains([]int{408, 425, 429, 500, 502, 503, 504}, status) },
}

var cloudFormation = recipient{
	name:        "CloudFormation",
	method:      http.MethodPut,
	tryLimit:    3 * time.Second,
	longestWait: 2 * time.Second,
	passing:     func(status int) bool { return status == 408 || status == 429 || status/100 == 5 },
}

// longestNotYet is how long a role may take until it can be assumed. Then something else keeps the endpoint out, such
// as an organization's resource control policy, which would hold every launch to its end.
const longestNotYet = 2 * time.Minute

// deliver sends body, with a new header at every try, until it is taken (no error), refused for good (the status, and
// an error), or the next wait would pass ctx's deadline: then it fails at once, with the last failure.
func (f *function) deliver(ctx context.Context, log logger, to recipient, u *url.URL, body []byte,
	header func() (http.Header, error)) (refused int, err error) {
	end, _ := ctx.Deadline()
	waits := backoff{longest: to.longestWait}
	var failure error
	var early time.Time // when the answer was "not yet" for the first time
	for attempt := 1; ; attempt++ {
		start := time.Now()
		h, err := header()
		if err != nil {
			return 0, err
		}
		h.Set("User-Agent", "doit-aws-ro-access/"+strings.TrimSpace(version))
		got := f.try(ctx, log, to, &http.Request{
			Method: to.method, URL: u, Header: h,
			Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		})
		if got.err == nil {
			return 0, nil
		}
		log.line("WARN", "try failed", fields{
			"to": to.name, "attempt": attempt, "status": got.status, "error": got.err.Error(),
			"duration": time.Since(start).Seconds(),
		})
		cutShort := got.status == 0 && ctx.Err() != nil // by the end: what was said before tells more
		if failure == nil || !cutShort {
			failure = fmt.Errorf("%s: %w", to.name, got.err)
		}
		if got.status != 0 && !to.passing(got.status) {
			return got.status, failure
		}
		if got.status == http.StatusTooEarly && early.IsZero() {
			early = time.Now()
		}
		wait := got.retryAfter + waits.next(got.status, time.Until(end)-got.retryAfter)
		switch next := time.Now().Add(wait); {
		case next.After(end):
			return 0, fmt.Errorf("%w (try %d, the last)", failure, attempt)
		case got.status == http.StatusTooEarly && next.After(early.Add(longestNotYet)):
			return got.status, failure
		}
		time.Sleep(wait)
	}
}

// backoff is exponential from 200 ms, with full jitter.
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
type backoff struct {
	longest   time.Duration
	doublings int
}

// next is how long to wait after an answer. It grows faster where too many try already, and stays below a fifth of the
// time left: else latecomers overtake those who have waited long, until they fail. storm_test.go measures it.
func (b *backoff) next(status int, left time.Duration) time.Duration {
	const first = 200 * time.Millisecond
	most := min(first<<min(b.doublings, 10), b.longest, max(left/5, first))
	b.doublings++
	if status == http.StatusTooManyRequests {
		b.doublings++
	}
	return rand.N(most) // #nosec G404 -- it guards nothing
}

// reply is what came of a try.
type reply struct {
	status     int           // 0 without an answer
	retryAfter time.Duration // which the answer asks for
	err        error         // nil where it was taken
}

// try sends one request. An answer other than 2xx is an error, with the detail of its problem document (RFC 9457), if
// it has one in 64 KiB. RoundTrip, unlike a client, follows no redirect.
func (f *function) try(ctx context.Context, log logger, to recipient, req *http.Request) reply {
	ctx, cancel := context.WithTimeout(ctx, to.tryLimit)
	defer cancel()
	resp, err := f.transport.RoundTrip(req.WithContext(ctx))
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return reply{err: errors.New("no answer in time")}
	case err != nil:
		return reply{err: err}
	}
	defer func() { _ = resp.Body.Close() }() // nobody needs the rest of it

	status := resp.StatusCode
	gone := status == http.StatusNotFound || status == http.StatusGone
	if status/100 == 2 || gone && to.goneIsDone {
		return reply{status: status}
	}
	text := strings.TrimSpace(fmt.Sprintf("answered %d %s", status, http.StatusText(status)))
	if detail := log.withheld.tellable(detailOf(resp), longestReason); detail != "" {
		text += ": " + detail
	}
	return reply{status: status, retryAfter: retryAfter(resp.Header.Get("Retry-After")), err: errors.New(text)}
}

// detailOf is what a problem document says to people. What cannot be read has none.
func detailOf(resp *http.Response) string {
	if resp.StatusCode == http.StatusSwitchingProtocols { // whose body is a connection, which no deadline ends
		return ""
	}
	var problem object
	_ = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&problem)
	return problem.text("detail")
}

// retryAfter reads seconds or a date. Nonsense asks for no wait.
func retryAfter(value string) time.Duration {
	if consists(1, 100, digits)(value) {
		n, _ := strconv.ParseUint(value, 10, 31) // the most of 31 bits, where it is more
		return time.Duration(n) * time.Second    // #nosec G115 -- of 31 bits
	}
	const year = 365 * 24 * time.Hour // beyond each end, and far from where a sum of durations wraps
	at, _ := http.ParseTime(value)    // nonsense is long past
	return min(max(time.Until(at), 0), year)
}
