package runtimeapi_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

// Go itself never asks a proxy for a loopback address; for 0.0.0.0 it would.
func TestNoProxyIsAsked(t *testing.T) {
	t.Parallel()
	proxy, err := runtimeapi.ServePlain(reply(http.StatusBadGateway))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	s := newScene(t, ok, ok)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		s.env[name] = "http://" + proxy.Host
	}
	s.env["REGISTRATION_ENDPOINT"] = strings.Replace(s.env["REGISTRATION_ENDPOINT"], "127.0.0.1", "0.0.0.0", 1)
	e := s.event("Create")
	e["ResponseURL"] = strings.Replace(e["ResponseURL"].(string), "127.0.0.1", "0.0.0.0", 1)
	result := s.invokeWithin(e, limit)
	if result.Error != nil {
		t.Errorf("the invocation ended in an error: %s", result.Error.Body)
	}
	s.want("SUCCESS", runtimeapi.RoleARN)
	if n := len(proxy.Requests()); n != 0 {
		t.Errorf("the proxy was asked %d times", n)
	}
}

// A connection that is kept alive breaks when it is used again. net/http sends
// such a request again by itself where it thinks that it may; then the try is
// neither logged nor signed anew.
func TestABrokenConnectionIsATryOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newScene(t, inTurn(ok, reset, ok), ok)
	s.invoke(s.event("Create"))
	quiet := strings.Count(s.process.Output(), "\n")
	s.invoke(s.event("Create"))
	s.posts(3)
	if loud := strings.Count(s.log(), "\n") - quiet; loud <= quiet {
		t.Errorf("the event with a broken connection has %d lines in the log, the one without has %d:\n%s",
			loud, quiet, s.log())
	}
}

func TestTwoHundredEventsInOneProcess(t *testing.T) {
	t.Parallel()
	big := problem(403, strings.Repeat("big ", 20_000))
	var replies []http.HandlerFunc
	for range 20 {
		replies = append(replies, reset, ok, big, ok, ok, body(200, strings.Repeat("x", 1<<20)))
		replies = append(replies, ok, ok, big, ok, ok, ok, ok)
	}
	s := newScene(t, inTurn(replies...), ok)
	var warm int64
	var open int
	for i := range 260 {
		request := []string{"Create", "Update", "Delete"}[i%3]
		if result := s.invoke(s.event(request)); result.Error != nil {
			t.Fatalf("event %d ended in an error: %s", i, result.Error.Body)
		}
		if i%10 == 9 {
			s.deliver([]byte("garbage"), time.Minute)
		}
		if i == 59 {
			warm, open = s.resident(), s.files()
		}
	}
	if n := len(s.cloudformation.Requests()); n != 260 {
		t.Errorf("CloudFormation got %d answers of 260", n)
	}
	if grown := s.resident() - warm; grown > 3<<20 {
		t.Errorf("the process has grown by %d KiB from %d KiB in 200 events", grown>>10, warm>>10)
	}
	if more := s.files() - open; more > 5 {
		t.Errorf("the process has %d more open files than before 200 events", more)
	}
}

func (s *scene) resident() int64 {
	s.Helper()
	now, _, err := s.process.Memory()
	if err != nil {
		s.Fatal(err)
	}
	return now
}

func (s *scene) files() int {
	s.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.process.PID()))
	if err != nil {
		s.Fatal(err)
	}
	return len(open)
}

// Init does nothing that could fail, and needs nothing but the runtime's address.
func TestInitSurvivesAnEmptyEnvironment(t *testing.T) {
	t.Parallel()
	s := newScene(t, ok, ok)
	s.env = map[string]string{"SSL_CERT_FILE": certificate.File}
	s.invoke(s.event("Create"))
	s.want("FAILED", runtimeapi.RoleARN, "REGISTRATION_ENDPOINT")
	s.env["REGISTRATION_ENDPOINT"] = "https://" + s.endpoint.Host + "/v1/registrations"
	select {
	case body := <-s.process.Runtime.InitError:
		t.Errorf("init failed: %s", body)
	default:
	}
}
