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

// recipient is who is told, for how long at a try, at most how long after the last, and after which answers again.
type recipient struct {
	name, method   string
	limit, longest time.Duration
	again          func(status int) bool
	gone           bool // 404 and 410 mean that it is done
}

var toEndpoint = recipient{"registration endpoint", http.MethodPost, 10 * time.Second, 20 * time.Second, func(status int) bool {
	return slices.Contains([]int{408, 425, 429, 500, 502, 503, 504}, status)
}, false}

var toCloudFormation = recipient{"CloudFormation", http.MethodPut, 3 * time.Second, 2 * time.Second, func(status int) bool {
	return status == 408 || status == 429 || status >= 500
}, false}

// deliver sends body, with a new header at every try, until it is taken (no error), refused for good (the status, and
// an error), or the next wait would pass ctx's deadline: then it fails at once, with the last failure.
func (f *function) deliver(ctx context.Context, log logger, to recipient, u *url.URL, body []byte,
	header func() (http.Header, error)) (refused int, err error) {
	for attempt, steps := 1, 0; ; attempt, steps = attempt+1, steps+1 {
		start := time.Now()
		h, herr := header()
		if herr != nil {
			return 0, herr
		}
		h.Set("User-Agent", "doit-aws-ro-access/"+strings.TrimSpace(version))
		status, wait, failed := f.try(ctx, to, &http.Request{
			Method: to.method, URL: u, Header: h, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		})
		if failed == nil {
			return 0, nil
		}
		log.line("WARN", "try failed", fields{"to": to.name, "attempt": attempt, "status": status, "error": failed.Error(),
			"duration": time.Since(start).Seconds()})
		if ctx.Err() == nil || err == nil || status != 0 { // what was said before tells more than a try that the end cut short
			err = fmt.Errorf("%s: %w", to.name, failed)
		}
		if status != 0 && !to.again(status) {
			return status, err
		}
		// Exponential backoff from 200 ms, with full jitter, after what the answer asks for. It grows faster where too many try
		// already, and stays below a fifth of the time left: else latecomers overtake those who have waited long, until they fail.
		// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/, and storm_test.go.
		end, _ := ctx.Deadline()
		fifth := max((time.Until(end)-wait)/5, 200*time.Millisecond)
		wait += rand.N(min(200*time.Millisecond<<min(steps, 10), to.longest, fifth)) // #nosec G404 -- it guards nothing
		if time.Now().Add(wait).After(end) {
			return 0, fmt.Errorf("%w (try %d, the last)", err, attempt)
		}
		time.Sleep(wait)
		if status == http.StatusTooManyRequests {
			steps++
		}
	}
}

// try sends one request. An answer other than 2xx is an error, with the detail of its problem document (RFC 9457), if
// it has one in 64 KiB, and the wait that it asks for. RoundTrip, unlike a client, follows no redirect.
func (f *function) try(ctx context.Context, to recipient, req *http.Request) (status int, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, to.limit)
	defer cancel()
	resp, err := f.transport.RoundTrip(req.WithContext(ctx))
	if errors.Is(err, context.DeadlineExceeded) {
		return 0, 0, errors.New("no answer in time")
	} else if err != nil {
		return 0, 0, err
	}
	defer func() { _ = resp.Body.Close() }() // nobody needs the rest of it
	if status = resp.StatusCode; status/100 == 2 || to.gone && (status == 404 || status == 410) {
		return status, 0, nil
	}
	var problem properties
	if status >= 300 { // the body of 101 is a connection, which no deadline ends
		_ = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&problem) // what cannot be read has no detail
	}
	text := fmt.Sprintf("answered %d %s: %.4000s", status, http.StatusText(status), problem.text("detail"))
	return status, retryAfter(resp.Header.Get("Retry-After")), errors.New(strings.TrimRight(text, ": "))
}

// retryAfter reads seconds or a date. Nonsense asks for no wait.
func retryAfter(value string) time.Duration {
	if consists(1, 100, digits)(value) {
		n, _ := strconv.ParseUint(value, 10, 31) // the most of 31 bits, where it is more
		return time.Duration(n) * time.Second    // #nosec G115 -- of 31 bits
	}
	at, _ := http.ParseTime(value) // nonsense is long past
	return max(time.Until(at), 0)
}
