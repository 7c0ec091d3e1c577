package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const (
	testRole       = "arn:aws:iam::111122223333:role/doit/s-SupportRole-1"
	otherRole      = "arn:aws:iam::111122223333:role/doit/s-SupportRole-2"
	testStack      = "arn:aws:cloudformation:eu-west-1:111122223333:stack/s/5d1d3c60-c92a-11f0-9f4d-0a1b2c3d4e5f"
	testExternalID = "an-external-id-of-the-customer"
)

// No time that is told or sent may be that of the machine's zone.
func init() { time.Local = time.FixedZone("elsewhere", 3600) }

// try is a request that reached one of the two servers.
type try struct {
	at     time.Duration // since the scene began
	host   string
	method string
	target string
	header http.Header
	body   []byte
}

// handler answers try number n.
type handler = func(w http.ResponseWriter, r *http.Request, n int)

// change makes of a usual event the one that a test is about.
type change = func(ev, given, old map[string]any)

// scene is the function in virtual time, and real HTTP servers at the other end of a pipe.
type scene struct {
	*testing.T
	f              *function
	start          time.Time
	deadline       time.Duration // Lambda's
	mu             sync.Mutex    // guards tries
	tries          []try
	log            *locked
	endpoint       handler
	cloudFormation handler
}

// locked is a log that two events may write to.
type locked struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func setCredentials(t interface{ Setenv(name, value string) }) {
	t.Setenv("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
	t.Setenv("AWS_SESSION_TOKEN", "token+of/the=function")
}

func play(t *testing.T, test func(*scene)) {
	t.Helper()
	setCredentials(t)
	synctest.Test(t, func(t *testing.T) {
		s := &scene{T: t, start: time.Now(), deadline: 10 * time.Minute, log: new(locked)}
		s.endpoint, s.cloudFormation = status(200), status(200)
		connections := make(listener)
		server := &http.Server{
			Handler:           http.HandlerFunc(s.serve),
			ErrorLog:          log.New(io.Discard, "", 0),
			ReadHeaderTimeout: time.Minute,
		}
		go func() { _ = server.Serve(connections) }()
		defer func() { _ = server.Close() }()
		s.f = newFunction("https://endpoint.test/v1/registrations", newLogger(s.log, "INFO"))
		s.f.transport.(*http.Transport).DialTLSContext = func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			connections <- theirs
			return ours, nil
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
	s.tries = append(s.tries, try{
		at: time.Since(s.start), host: r.Host, method: r.Method, target: r.RequestURI, header: r.Header, body: body,
	})
	s.mu.Unlock()
	answer := s.cloudFormation
	if r.Host == "endpoint.test" {
		answer = s.endpoint
	}
	answer(w, r, len(s.at(r.Host)))
}

// at returns the tries that reached a host.
func (s *scene) at(host string) (there []try) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, try := range s.tries {
		if try.host == host {
			there = append(there, try)
		}
	}
	return there
}

func (s *scene) posts() []try { return s.at("endpoint.test") }

// answer returns the last answer that CloudFormation got.
func (s *scene) answer() (a answer) {
	s.Helper()
	answers := s.at("answer.test")
	if len(answers) == 0 {
		s.Fatalf("CloudFormation got no answer; log:\n%s", s.log)
	}
	if err := json.Unmarshal(answers[len(answers)-1].body, &a); err != nil {
		s.Fatal(err)
	}
	return a
}

// posted returns the last document that the endpoint got.
func (s *scene) posted() (members map[string]string) {
	s.Helper()
	posts := s.posts()
	if len(posts) == 0 {
		s.Fatalf("nothing was posted; log:\n%s", s.log)
	}
	if err := json.Unmarshal(posts[len(posts)-1].body, &members); err != nil {
		s.Fatal(err)
	}
	return members
}

// want fails the test unless CloudFormation was told this, and a failure with all these words.
func (s *scene) want(status string, words ...string) {
	s.Helper()
	a := s.answer()
	if a.Status != status || (a.Reason != "") != (status == "FAILED") {
		s.Errorf("answered %+v, want %s; log:\n%s", a, status, s.log)
	}
	for _, word := range words {
		if !strings.Contains(a.Reason, word) {
			s.Errorf("the Reason %q does not say %q", a.Reason, word)
		}
	}
}

// event is a usual one: of a role that stays, and approved as before.
func (s *scene) event(requestType string, changes ...change) map[string]any {
	given := map[string]any{
		"RoleArn": testRole, "ExternalId": testExternalID, "TicketId": "12345", "Access": "approved",
		"AccessExpires": "2030-01-01T00:00:00Z", "TemplateVersion": "1.0.0", "ServiceTimeout": "630",
	}
	for _, p := range values().properties() { // whatever else there is
		if _, there := given[p.Property]; !there {
			given[p.Property] = p.Good[0]
		}
	}
	old := map[string]any{}
	ev := map[string]any{
		"RequestType": requestType, "RequestId": "r", "StackId": testStack, "LogicalResourceId": "Registration",
		"ResponseURL":        responseURL(time.Now()),
		"ResourceProperties": given,
	}
	if requestType != "Create" {
		ev["PhysicalResourceId"] = testRole
	}
	if requestType == "Update" {
		old["RoleArn"], old["ExternalId"], old["Access"] = testRole, testExternalID, "approved"
		ev["OldResourceProperties"] = old
	}
	for _, change := range changes {
		if change != nil {
			change(ev, given, old)
		}
	}
	return ev
}

// responseURL is one as CloudFormation presigns it.
func responseURL(signed time.Time) string {
	return "https://answer.test/a%7Cb?X-Amz-Date=" + signed.UTC().Format("20060102T150405Z") +
		"&X-Amz-Expires=7200&X-Amz-Signature=c0ffee"
}

// invoke delivers an event, and waits until the servers are done with it.
func (s *scene) invoke(requestType string, changes ...change) error {
	s.Helper()
	payload, err := json.Marshal(s.event(requestType, changes...))
	if err != nil {
		s.Fatal(err)
	}
	return s.deliver(payload)
}

func (s *scene) deliver(payload []byte) error {
	ctx, cancel := context.WithTimeout(s.Context(), s.deadline)
	defer cancel()
	_, err := s.f.Invoke(ctx, payload)
	synctest.Wait()
	return err
}

// mustInvoke is invoke, of an event that is answered.
func (s *scene) mustInvoke(requestType string, changes ...change) {
	s.Helper()
	if err := s.invoke(requestType, changes...); err != nil {
		s.Fatalf("%v; log:\n%s", err, s.log)
	}
}

func set(name string, value any) change {
	return func(_, given, _ map[string]any) {
		given[name] = value
		if value == nil {
			delete(given, name)
		}
	}
}

func setOld(name string, value any) change {
	return func(_, _, old map[string]any) { old[name] = value }
}

func setEvent(name string, value any) change {
	return func(ev, _, _ map[string]any) {
		ev[name] = value
		if value == nil {
			delete(ev, name)
		}
	}
}

func status(code int) handler {
	return func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(code) }
}

// problem answers with a problem document.
func problem(code int, detail string) handler {
	return func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.WriteHeader(code)
		_, _ = w.Write(marshal(map[string]string{"detail": detail})) // whoever called may have gone
	}
}

// first answers the first n tries, and takes those after them.
func first(n int, fault handler) handler {
	return func(w http.ResponseWriter, r *http.Request, number int) {
		if number <= n {
			fault(w, r, number)
		}
	}
}

func hang(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }

// breakOff ends a connection without an answer.
func breakOff(http.ResponseWriter, *http.Request, int) { panic(http.ErrAbortHandler) }

// raw answers with these bytes.
func raw(answer string) handler {
	return func(w http.ResponseWriter, _ *http.Request, _ int) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = conn.Write([]byte(answer)) // what gets through gets through
		_ = conn.Close()
	}
}
