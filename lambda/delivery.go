package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// recipient is who is told something, and how it is tried.
type recipient struct {
	name    string
	limit   time.Duration // of one try
	passing func(status int) bool
}

// refusal is an answer that says no: a status other than 2xx.
type refusal struct {
	status     int
	detail     string        // of the problem document (RFC 9457), if there is one
	retryAfter time.Duration // zero if the answer does not say
	passing    bool
}

func (r *refusal) Error() string {
	text := "answered " + strconv.Itoa(r.status)
	if name := http.StatusText(r.status); name != "" {
		text += " " + name
	}
	if r.detail != "" {
		text += ": " + r.detail
	}
	return text
}

// deliver sends what request builds, anew for every try, until it is answered
// with 2xx (nil) or refused for good (a *refusal that is not passing). It
// gives up with the last failure when the next wait would pass ctx's deadline.
func (f *function) deliver(ctx context.Context, log logger, to recipient, request func(context.Context) (*http.Request, error)) error {
	end, _ := ctx.Deadline()
	for attempt := 1; ; attempt++ {
		start := time.Now()
		tryCtx, cancel := context.WithTimeout(ctx, to.limit)
		req, err := request(tryCtx)
		if err != nil {
			cancel()
			return err
		}
		err = f.exchange(req, to)
		cancel()
		if err == nil {
			log.Info("delivered", "to", to.name, "attempt", attempt, "duration", time.Since(start).Seconds())
			return nil
		}
		var refused *refusal
		status, wait := 0, backoff(attempt)
		if errors.As(err, &refused) {
			status, wait = refused.status, wait+refused.retryAfter
		}
		log.Warn("try failed", "to", to.name, "attempt", attempt, "status", status, "error", err.Error(),
			"duration", time.Since(start).Seconds())
		err = fmt.Errorf("%s: %w", to.name, err)
		if refused != nil && !refused.passing {
			return err
		}
		if time.Now().Add(wait).After(end) {
			return fmt.Errorf("gave up after %d tries: %w", attempt, err)
		}
		time.Sleep(wait)
	}
}

// backoff is exponential with full jitter: up to 200 ms before the second
// try, up to twice as long before each further one, and never over 20 s.
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
func backoff(attempt int) time.Duration {
	ceiling := min(200*time.Millisecond<<min(attempt-1, 10), 20*time.Second)
	return rand.N(ceiling) // #nosec G404 -- spreads load, guards nothing
}

// exchange sends one request and reads what matters of the answer. It follows
// no redirect: RoundTrip never does.
func (f *function) exchange(req *http.Request, to recipient) error {
	req.Header["User-Agent"] = []string{"doit-aws-ro-access/" + strings.TrimSpace(version)}
	resp, err := f.transport.RoundTrip(req)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return errors.New("no answer in time")
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }() // nothing is lost: the body was read as far as it matters
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	return &refusal{
		status:     resp.StatusCode,
		detail:     problemDetail(resp.Body),
		retryAfter: retryAfter(resp.Header.Get("Retry-After")),
		passing:    to.passing(resp.StatusCode),
	}
}

// problemDetail returns the detail of a problem document of at most 64 KiB,
// and "" for anything else: the status alone is a refusal.
func problemDetail(body io.Reader) string {
	const limit = 64 << 10
	b, err := io.ReadAll(io.LimitReader(body, limit))
	if err != nil {
		return ""
	}
	var problem map[string]any
	if json.Unmarshal(b, &problem) != nil {
		return ""
	}
	return properties(problem).text("detail")
}

// retryAfter reads the header of that name: seconds or a date. Nonsense is no wait.
func retryAfter(value string) time.Duration {
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
