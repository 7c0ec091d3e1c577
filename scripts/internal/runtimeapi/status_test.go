package runtimeapi_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

// endless answers with a body that has no end.
func endless(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		for {
			if _, err := w.Write(bytes.Repeat([]byte(" "), 64<<10)); err != nil {
				return
			}
		}
	}
}

func packed(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // a buffer takes it all
	_ = w.Close()
	return b.String()
}

func TestASuccessIsOneWhateverItsBody(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 201, 202, 203, 204, 206, 226, 299} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, reply(status), ok)
			s.invoke(s.event("Create"))
			s.want("SUCCESS", runtimeapi.RoleARN)
			s.posts(1)
		})
	}
	for name, handler := range map[string]http.HandlerFunc{
		"no JSON": body(200, "<html>"), "a problem": problem(200, "refused"), "endless": endless(200), "packed": body(200, packed("x"), "Content-Encoding", "gzip"),
		"cut off": body(200, "x", "Content-Length", "1000"),
		"stopped": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, handler, ok)
			result := s.invokeWithin(s.event("Create"), time.Minute)
			s.want("SUCCESS", runtimeapi.RoleARN)
			s.posts(1)
			if took := result.Done.Sub(result.Taken); took > 5*time.Second {
				t.Errorf("it took %v: the body was read", took)
			}
		})
	}
}

func TestAPassingStatusIsTriedAgain(t *testing.T) {
	t.Parallel()
	faults := map[string]http.HandlerFunc{"a reset": reset}
	for _, status := range []int{408, 425, 429, 500, 502, 503, 504} {
		faults[fmt.Sprint(status)] = reply(status)
	}
	for name, fault := range faults {
		for _, request := range []string{"Create", "Update", "Delete"} {
			t.Run(name+" "+request, func(t *testing.T) {
				t.Parallel()
				s := newScene(t, inTurn(fault, fault, ok), ok)
				s.invoke(s.event(request))
				s.want("SUCCESS", runtimeapi.RoleARN)
				s.posts(3)
			})
		}
	}
}

func TestEveryOtherStatusIsARefusal(t *testing.T) {
	t.Parallel()
	for _, status := range []int{300, 301, 302, 303, 304, 305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 409, 410, 411, 412, 413, 414, 415, 418, 421, 422, 423, 424, 426, 428, 431, 451, 499, 501, 505, 507, 511, 599, 600, 999} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, inTurn(reply(status, "Location", "/v1/registrations", "Retry-After", "0"), ok), ok)
			s.invoke(s.event("Create"))
			s.want("FAILED", runtimeapi.RoleARN, fmt.Sprint(status))
			s.posts(1)
		})
	}
}

func TestARedirectedRegistrationIsNotFollowedElsewhere(t *testing.T) {
	t.Parallel()
	elsewhere := serve(t, ok)
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, reply(status, "Location", "https://"+elsewhere.Host+"/v1/registrations"), ok)
			s.invoke(s.event("Create"))
			s.want("FAILED", runtimeapi.RoleARN, fmt.Sprint(status))
			if got := elsewhere.Requests(); len(got) != 0 {
				t.Errorf("the redirect was followed: %s %s", got[0].Method, got[0].Target)
			}
		})
	}
}

func TestARefusalIsTheCustomersToRead(t *testing.T) {
	t.Parallel()
	s := newScene(t, problem(403, "Ticket 12345 is not open for this account. Ask DoiT for a new link."), ok)
	s.invoke(s.event("Create"))
	s.want("FAILED", runtimeapi.RoleARN, "403", "Ticket 12345 is not open for this account. Ask DoiT for a new link.")
	if a := s.answer(); strings.Contains(a.Reason, "{") {
		t.Errorf("the Reason %q is no sentence", a.Reason)
	}
}

func TestARefusalThatNeverEndsIsOne(t *testing.T) {
	t.Parallel()
	s := newScene(t, endless(403), ok)
	result := s.invokeWithin(s.event("Create"), time.Minute)
	s.want("FAILED", runtimeapi.RoleARN, "403")
	s.posts(1)
	if took := result.Done.Sub(result.Taken); took > 5*time.Second {
		t.Errorf("it took %v: more than 64 KiB was read", took)
	}
}

func TestARefusalThatStopsIsOne(t *testing.T) {
	t.Parallel()
	s := newScene(t, func(w http.ResponseWriter, r *http.Request) {
		body(403, `{"detail":"this takes`)(w, r)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}, ok)
	s.invokeWithin(s.event("Create"), limit)
	s.want("FAILED", runtimeapi.RoleARN, "403")
	s.posts(1)
}

func TestRetryAfterIsWaitedFor(t *testing.T) {
	t.Parallel()
	t.Run("seconds", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, inTurn(reply(429, "Retry-After", "1"), ok), ok)
		s.invoke(s.event("Create"))
		s.want("SUCCESS", runtimeapi.RoleARN)
		s.posts(2)
		requests := s.endpoint.Requests()
		if wait := requests[1].Received.Sub(requests[0].Answered); wait < time.Second-20*time.Millisecond {
			t.Errorf("the next try came after %v", wait)
		}
	})
	for _, layout := range []string{http.TimeFormat, "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC} {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			// A date has no fraction: the second after the next one.
			until := time.Now().UTC().Truncate(time.Second).Add(2 * time.Second)
			s := newScene(t, inTurn(reply(503, "Retry-After", until.Format(layout)), ok), ok)
			s.invoke(s.event("Create"))
			s.want("SUCCESS", runtimeapi.RoleARN)
			s.posts(2)
			if second := s.endpoint.Requests()[1].Received; second.Before(until.Add(-20 * time.Millisecond)) {
				t.Errorf("the next try came at %v, want %v", second, until)
			}
		})
	}
}

func TestARetryAfterThatIsNoneIsIgnored(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"soon", "-5", "1.5", "", "0", "1 2", "0x10", "Mon, 02 Jan 2006 15:04:05 GMT", "Tue, 31 Feb 2040 00:00:00 GMT", "+3600", "９"} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, inTurn(reply(503, "Retry-After", value), ok), ok)
			result := s.invokeWithin(s.event("Create"), time.Minute)
			s.want("SUCCESS", runtimeapi.RoleARN)
			s.posts(2)
			if took := result.Done.Sub(result.Taken); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestARetryAfterBeyondTheEndFailsAtOnce(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"3600", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), "9999999999"} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, body(503, `{"detail":"the queue is an hour long"}`, "Retry-After", value, "Content-Type", "application/problem+json"), ok)
			result := s.invoke(s.event("Create"))
			s.want("FAILED", runtimeapi.RoleARN, "503", "the queue is an hour long")
			s.posts(1)
			if took := result.Done.Sub(result.Taken); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}
