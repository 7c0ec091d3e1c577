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

func TestAWrongEndpointNeverStopsAnAnswer(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"", " ", "nonsense", "http://127.0.0.1/v1/registrations", "https://", "https:///v1/registrations", "https://:443/v1/registrations", "//host/v1", "https:opaque",
		"https://user:password@127.0.0.1/v1/registrations", "https://user@127.0.0.1/v1/registrations", "https://127.0.0.1/v1/registrations?a=b", "https://127.0.0.1/v1/registrations?",
		"https://127.0.0.1/v1/registrations#a", "https://127.0.0.1/%zz", "https://127.0.0.1:port/", "https://[::1/", "ftp://127.0.0.1/", "\x01", " https://127.0.0.1/v1/registrations",
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			s.env = with(s.env, map[string]string{"REGISTRATION_ENDPOINT": value})
			s.invoke(s.event("Create"))
			s.want("FAILED", runtimeapi.RoleARN, "REGISTRATION_ENDPOINT")
			if a := s.answer(); strings.Contains(a.Reason, "password") {
				t.Errorf("the Reason %q holds the password", a.Reason)
			}
			s.cloudformation.Forget()
			s.invoke(s.event("Delete"))
			s.want("SUCCESS", runtimeapi.RoleARN)
			if !s.warned() {
				t.Error("there is no warning in the log")
			}
		})
	}
}

func TestMissingCredentialsNeverStopAnAnswer(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			s.env = with(s.env, map[string]string{name: ""})
			s.invoke(s.event("Create"))
			s.want("FAILED", runtimeapi.RoleARN, "credentials")
			s.cloudformation.Forget()
			s.invoke(s.event("Delete"))
			s.want("SUCCESS", runtimeapi.RoleARN)
			s.posts(0)
			if !s.warned() {
				t.Error("there is no warning in the log")
			}
		})
	}
}

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
		t.Errorf("the event with a broken connection has %d lines in the log, the one without has %d:\n%s", loud, quiet, s.log())
	}
}

func TestTheSameEventTwiceIsTheSameTwice(t *testing.T) {
	t.Parallel()
	s := newScene(t, ok, ok)
	e := s.event("Create")
	s.invoke(e)
	s.invoke(e)
	posts, answers := s.endpoint.Requests(), s.cloudformation.Requests()
	if len(posts) != 2 || len(answers) != 2 {
		t.Fatalf("%d registrations and %d answers, want 2 and 2", len(posts), len(answers))
	}
	if string(posts[0].Body) != string(posts[1].Body) || posts[0].Header.Get("Idempotency-Key") != posts[1].Header.Get("Idempotency-Key") {
		t.Errorf("registered %s, then %s", posts[0].Body, posts[1].Body)
	}
	if string(answers[0].Body) != string(answers[1].Body) {
		t.Errorf("answered %s, then %s", answers[0].Body, answers[1].Body)
	}
}

func TestTwoHundredEventsInOneProcess(t *testing.T) {
	t.Parallel()
	big := problem(403, strings.Repeat("big ", 20_000))
	var replies []http.HandlerFunc
	for range 20 {
		replies = append(replies, reset, ok, big, ok, ok, body(200, strings.Repeat("x", 1<<20)), ok, ok, big, ok, ok, ok, ok)
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
