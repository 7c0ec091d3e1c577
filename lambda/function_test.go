package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const (
	testRole       = "arn:aws:iam::111122223333:role/doit/s-SupportRole-1"
	testStack      = "arn:aws:cloudformation:eu-west-1:111122223333:stack/s/5d1d3c60-c92a-11f0-9f4d-0a1b2c3d4e5f"
	testExternalID = "an-external-id-of-the-customer"
)

// try is a request that reached one of the two servers.
type try struct {
	at   time.Duration // since the event
	host string
	body []byte
}

// scene is one event in virtual time: the function, and real HTTP servers at
// the other end of a pipe.
type scene struct {
	t              *testing.T
	f              *function
	start          time.Time
	mu             sync.Mutex // guards tries
	tries          []try
	log            bytes.Buffer
	endpoint       func(http.ResponseWriter, *http.Request, int) // with the number of the try
	cloudFormation func(http.ResponseWriter, *http.Request, int)
}

func play(t *testing.T, test func(*scene)) {
	t.Setenv("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
	t.Setenv("AWS_SESSION_TOKEN", "token+of/the=function")
	synctest.Test(t, func(t *testing.T) {
		s := &scene{t: t, start: time.Now()}
		taken := func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusOK) }
		s.endpoint, s.cloudFormation = taken, taken
		connections := make(listener)
		server := &http.Server{Handler: http.HandlerFunc(s.serve), ErrorLog: log.New(io.Discard, "", 0)} // #nosec G112 -- a test's
		go func() { _ = server.Serve(connections) }()
		defer func() { _ = server.Close() }()
		s.f = &function{
			endpoint: "https://endpoint.test/v1/registrations",
			log:      newLogger(&s.log, "INFO"),
			transport: &http.Transport{DisableKeepAlives: true, DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				connections <- theirs
				return ours, nil
			}},
		}
		test(s)
	})
}

// listener accepts what is sent to it.
type listener chan net.Conn

func (l listener) Accept() (net.Conn, error) {
	c, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l listener) Close() error   { close(l); return nil }
func (l listener) Addr() net.Addr { return &net.UnixAddr{} }

func (s *scene) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.tries = append(s.tries, try{time.Since(s.start), r.Host, body})
	s.mu.Unlock()
	n := len(s.at(r.Host))
	if r.Host == "endpoint.test" {
		s.endpoint(w, r, n)
	} else {
		s.cloudFormation(w, r, n)
	}
}

// at returns when the tries reached a host.
func (s *scene) at(host string) (at []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, try := range s.tries {
		if try.host == host {
			at = append(at, try.at)
		}
	}
	return at
}

// answer returns the last answer that CloudFormation got.
func (s *scene) answer() (a answer) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tries) == 0 || s.tries[len(s.tries)-1].host != "answer.test" {
		s.t.Fatalf("CloudFormation got no answer; log:\n%s", &s.log)
	}
	if err := json.Unmarshal(s.tries[len(s.tries)-1].body, &a); err != nil {
		s.t.Fatal(err)
	}
	return a
}

// invoke delivers an event with Lambda's deadline of three minutes.
func (s *scene) invoke(requestType string, change func(event, given map[string]any)) error {
	s.t.Helper()
	given := map[string]any{"RoleArn": testRole, "ExternalId": testExternalID, "TicketId": "12345", "Access": "approved", "ServiceTimeout": "600"}
	ev := map[string]any{
		"RequestType": requestType, "RequestId": "r", "StackId": testStack, "LogicalResourceId": "Registration", "ResourceProperties": given,
		"ResponseURL": "https://answer.test/a?X-Amz-Date=" + s.start.UTC().Format("20060102T150405Z") + "&X-Amz-Expires=7200&X-Amz-Signature=c0ffee",
	}
	if change != nil {
		change(ev, given)
	}
	payload, err := json.Marshal(ev)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Minute)
	defer cancel()
	_, err = s.f.Invoke(ctx, payload)
	synctest.Wait() // for the servers
	return err
}

func status(code int) func(http.ResponseWriter, *http.Request, int) {
	return func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(code) }
}

func hang(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }

func within(t *testing.T, what string, got, least, most time.Duration) {
	t.Helper()
	if got < least || got > most {
		t.Errorf("%s after %v, want between %v and %v", what, got, least, most)
	}
}

func TestACreateIsTriedAgainUntilTheEndpointIsBack(t *testing.T) {
	play(t, func(s *scene) {
		s.endpoint = func(w http.ResponseWriter, _ *http.Request, _ int) {
			if time.Since(s.start) < 100*time.Second {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}
		if err := s.invoke("Create", nil); err != nil || s.answer().Status != "SUCCESS" {
			t.Fatal(err, s.answer())
		}
		at := s.at("endpoint.test")
		for i := 1; i < len(at); i++ {
			within(t, "a further try", at[i]-at[i-1], 0, min(200*time.Millisecond<<(i-1), 20*time.Second))
		}
		if len(at) < 7 {
			t.Errorf("only %d tries in 100 seconds: %v", len(at), at)
		}
	})
}

func TestTheTimeOfADeadEndpoint(t *testing.T) {
	for name, test := range map[string]struct {
		requestType string
		endpoint    func(http.ResponseWriter, *http.Request, int)
		change      func(event, given map[string]any)
		least, most time.Duration // of the answer
		status      string
	}{
		"a Create waits for as long as Lambda lets it":      {"Create", hang, nil, 140 * time.Second, 171 * time.Second, "FAILED"},
		"a Delete does not wait longer than twenty seconds": {"Delete", hang, nil, 9 * time.Second, 21 * time.Second, "SUCCESS"},
		"nor does a dismissal": {"Update", hang, func(_, given map[string]any) { given["Access"] = "dismissed" },
			9 * time.Second, 21 * time.Second, "SUCCESS"},
		"a Create is over when CloudFormation gives up": {"Create", hang, func(_, given map[string]any) { given["ServiceTimeout"] = "60" },
			29 * time.Second, 51 * time.Second, "FAILED"},
		"and leaves a third of a short time to the answer": {"Create", hang, func(_, given map[string]any) { given["ServiceTimeout"] = "15" },
			9 * time.Second, 11 * time.Second, "FAILED"},
		"a try that hangs is given up after ten seconds": {"Create", func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 1 {
				hang(w, r, n)
			}
		}, nil, 10 * time.Second, 11 * time.Second, "SUCCESS"},
		"a refusal is final": {"Create", status(http.StatusForbidden), nil, 0, time.Second, "FAILED"},
		"a wait beyond the end is not waited": {"Create", func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Retry-After", "171")
			w.WriteHeader(http.StatusTooManyRequests)
		}, nil, 0, time.Second, "FAILED"},
		"Retry-After may be a date": {"Create", func(w http.ResponseWriter, _ *http.Request, n int) {
			if n == 1 {
				w.Header().Set("Retry-After", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat))
				w.WriteHeader(http.StatusTooManyRequests)
			}
		}, nil, 59 * time.Second, 61 * time.Second, "SUCCESS"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *scene) {
				s.endpoint = test.endpoint
				if err := s.invoke(test.requestType, func(ev, given map[string]any) {
					if test.requestType != "Create" {
						ev["PhysicalResourceId"] = testRole
					}
					if test.change != nil {
						test.change(ev, given)
					}
				}); err != nil {
					t.Fatal(err)
				}
				within(t, "the answer", s.at("answer.test")[0], test.least, test.most)
				if a := s.answer(); a.Status != test.status {
					t.Errorf("answered %+v, want %s", a, test.status)
				}
			})
		})
	}
}

func TestAnAnswerIsTriedUntilJustBeforeTheEnd(t *testing.T) {
	play(t, func(s *scene) {
		s.cloudFormation = hang
		if err := s.invoke("Delete", nil); err == nil {
			t.Error("an answer that nobody took is no error, so that Lambda would not deliver the event again")
		}
		within(t, "giving up", time.Since(s.start), 26*time.Second, 29500*time.Millisecond)
		if at := s.at("answer.test"); len(at) < 5 {
			t.Errorf("only %d tries in 29 seconds", len(at))
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, try := range s.tries {
			if try.host == "answer.test" && !bytes.Equal(try.body, s.tries[len(s.tries)-1].body) {
				t.Errorf("answers differ:\n%s\n%s", try.body, s.tries[len(s.tries)-1].body)
			}
		}
	})
}

// panicking is a transport whose calls to the endpoint panic.
type panicking struct{ http.RoundTripper }

func (p panicking) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "endpoint.test" {
		panic("of " + testExternalID)
	}
	return p.RoundTripper.RoundTrip(r)
}

func TestAPanicIsAnsweredAsUntoldAndLoggedWithItsStack(t *testing.T) {
	for requestType, want := range map[string]string{"Create": "FAILED", "Delete": "SUCCESS"} {
		t.Run(requestType, func(t *testing.T) {
			play(t, func(s *scene) {
				s.f.transport = panicking{s.f.transport}
				if err := s.invoke(requestType, nil); err != nil {
					t.Error(err)
				}
				if a := s.answer(); a.Status != want || strings.Contains(a.Reason, testExternalID) {
					t.Errorf("answered %+v, want %s", a, want)
				}
				if text := s.log.String(); !strings.Contains(text, "RoundTrip") || strings.Contains(text, testExternalID) {
					t.Errorf("the log has no stack, or the external ID:\n%s", text)
				}
			})
		})
	}
}

func TestWhatAServerRepeatsIsNotTold(t *testing.T) {
	play(t, func(s *scene) {
		var proof string
		s.endpoint = func(w http.ResponseWriter, r *http.Request, _ int) {
			proof = r.Header.Get("X-DoiT-Caller-Identity")
			w.WriteHeader(http.StatusForbidden)
			if err := json.NewEncoder(w).Encode(map[string]string{"detail": testExternalID[:9] + proof + testExternalID[9:] + "\x07 by " + proof}); err != nil {
				t.Error(err)
			}
		}
		if err := s.invoke("Create", nil); err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(proof)
		if err != nil {
			t.Fatal(err)
		}
		told := s.answer().Reason + s.log.String()
		for _, secret := range []string{testExternalID, "\x07", u.Query().Get("X-Amz-Signature"), "token", "EXAMPLEKEY", "c0ffee"} {
			if strings.Contains(told, secret) {
				t.Errorf("%q is told in %s", secret, told)
			}
		}
		if !strings.Contains(s.answer().Reason, "answered 403 Forbidden:  by") {
			t.Errorf("the reason is gone with it: %s", s.answer().Reason)
		}
	})
}
