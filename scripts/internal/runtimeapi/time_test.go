package runtimeapi_test

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/loopback"
	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

// slow sends a byte now and then, and never a whole answer.
func slow(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	defer func() { _ = conn.Close() }() // the caller has gone by then
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for _, b := range []byte("HTTP/1.1 200 OK\r\nX-Slow: " + strings.Repeat("x", 1000)) {
		if _, err := conn.Write([]byte{b}); err != nil {
			return
		}
		<-tick.C
	}
}

// raw answers with these bytes and an end.
func raw(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = conn.Write([]byte(answer)) // what gets through gets through
		_ = conn.Close()
	}
}

// deaf is the address of a server that takes connections and says nothing.
func deaf(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // the test is over
	return listener.Addr().String()
}

// nobody is an address at which nobody listens, nor can while the test runs.
func nobody(t *testing.T) string {
	t.Helper()
	socket, address, err := loopback.Hold()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() }) // the test is over
	return address
}

// Until the deadline the work has two thirds, the answer has the rest less half
// a second.
const (
	limit     = 4 * time.Second
	workLimit = limit * 2 / 3
)

// An endpoint that never answers well is answered for when the work's time is
// up, and not before.
func TestCloudFormationIsToldInTimeWhateverTheEndpointDoes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		address func(*testing.T) string
		waits   bool // all the time that the work has
	}{
		{name: "hangs", handler: hang, waits: true},
		{name: "is deaf", address: deaf, waits: true},
		{name: "is slow", handler: slow, waits: true},
		{name: "resets", handler: reset},
		{name: "is throttled", handler: reply(429)},
		{name: "refuses connections", address: nobody},
		{name: "speaks nonsense", handler: raw("nonsense\r\n\r\n")},
		{name: "has an endless head", handler: raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 12<<20))},
		{name: "ends without a word", handler: raw("")},
	} {
		for _, request := range []string{"Create", "Delete"} {
			t.Run(c.name+" "+request, func(t *testing.T) {
				t.Parallel()
				handler := c.handler
				if handler == nil {
					handler = ok
				}
				s := newScene(t, handler, ok)
				if c.address != nil {
					s.env["REGISTRATION_ENDPOINT"] = "https://" + c.address(t) + "/v1/registrations"
				}
				result := s.invokeWithin(s.event(request), limit)
				if result.Error != nil {
					t.Errorf("the invocation ended in an error: %s", result.Error.Body)
				}
				if request == "Create" {
					s.want("FAILED", runtimeapi.RoleARN)
				} else {
					s.want("SUCCESS", runtimeapi.RoleARN)
					if !s.warned() {
						t.Error("there is no warning in the log")
					}
				}
				told := s.cloudformation.Requests()[0].Received.Sub(result.Taken)
				if told > limit-400*time.Millisecond {
					t.Errorf("CloudFormation was told after %v", told)
				}
				if c.waits && told < workLimit-100*time.Millisecond {
					t.Errorf("the work was given up after %v", told)
				}
				if c.handler != nil && !c.waits {
					if n := len(s.endpoint.Requests()); n < 3 {
						t.Errorf("the endpoint was called %d times in %v", n, workLimit)
					}
				}
			})
		}
	}
}

// The function has 128 MB. No answer is worth more than a part of them.
func TestNoAnswerFillsTheMemory(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"head":  raw("HTTP/1.1 403 Forbidden\r\nX: " + strings.Repeat("x", 60<<20)),
		"body":  body(403, strings.Repeat("x", 60<<20)),
		"chunk": raw("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n4;" + strings.Repeat("x", 60<<20)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, inTurn(handler, later), ok)
			s.invokeWithin(s.event("Create"), limit)
			s.want("FAILED", runtimeapi.RoleARN)
			_, peak, err := s.process.Memory()
			if err != nil {
				t.Fatal(err)
			}
			if peak > 24<<20 {
				t.Errorf("the process has taken %d MiB", peak>>20)
			}
		})
	}
}

func TestAnAnswerThatNobodyTakesIsGivenUpBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"hangs": hang, "is slow": slow, "resets": reset, "fails": reply(500),
		"speaks nonsense": raw("nonsense\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, handler)
			result := s.invokeWithin(s.event("Create"), limit)
			if result.Error == nil {
				t.Error("the invocation ended well")
			}
			took := result.Done.Sub(result.Taken)
			if took > limit-300*time.Millisecond {
				t.Errorf("it took %v of %v", took, limit)
			}
			// A backoff that would pass the end is not begun.
			if took < time.Second {
				t.Errorf("it was given up after %v", took)
			}
			s.posts(1)
		})
	}
	t.Run("refuses connections", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, ok, ok)
		e := s.event("Create")
		e["ResponseURL"] = runtimeapi.ResponseURL(nobody(t), time.Now())
		result := s.invokeWithin(e, limit)
		if result.Error == nil {
			t.Error("the invocation ended well")
		}
		if took := result.Done.Sub(result.Taken); took > limit-300*time.Millisecond {
			t.Errorf("it took %v of %v", took, limit)
		}
	})
}

// The answer has time of its own, whatever the registration took.
func TestTheAnswerIsTriedAgainAfterAHangingEndpoint(t *testing.T) {
	t.Parallel()
	s := newScene(t, hang, inTurn(reply(503), ok))
	// The second answer may be more than a second late.
	result := s.invokeWithin(s.event("Create"), 5*time.Second)
	if result.Error != nil {
		t.Errorf("the invocation ended in an error: %s", result.Error.Body)
	}
	if n := len(s.cloudformation.Requests()); n != 2 {
		t.Errorf("CloudFormation got %d answers, want 2", n)
	}
}

func TestTLSIsNewAndTrusted(t *testing.T) {
	t.Parallel()
	oldTLS, err := certificate.ServeOldTLS(ok)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(oldTLS.Close)
	plain, err := runtimeapi.ServePlain(ok)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(plain.Close)
	other, err := runtimeapi.NewCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	untrusted, err := other.Serve(http.HandlerFunc(ok))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(untrusted.Close)
	for name, server := range map[string]*runtimeapi.Server{
		"TLS 1.1": oldTLS, "no TLS": plain, "a stranger's certificate": untrusted,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			s.env["REGISTRATION_ENDPOINT"] = "https://" + server.Host + "/v1/registrations"
			s.invokeWithin(s.event("Create"), limit)
			s.want("FAILED", runtimeapi.RoleARN)
			if n := len(server.Requests()); n != 0 {
				t.Errorf("the endpoint was told %d times", n)
			}
		})
		t.Run(name+" of the answer", func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			e := s.event("Create")
			e["ResponseURL"] = runtimeapi.ResponseURL(server.Host, time.Now())
			if result := s.invokeWithin(e, limit); result.Error == nil {
				t.Error("the invocation ended well")
			}
			if n := len(server.Requests()); n != 0 {
				t.Errorf("CloudFormation was told %d times", n)
			}
		})
	}
}
