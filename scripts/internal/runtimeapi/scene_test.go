package runtimeapi_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/contract"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

var (
	bootstrap   string
	certificate *runtimeapi.Certificate
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	// The cases wait for deadlines, not for the processor.
	if err := flag.Set("test.parallel", "12"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "function")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system's temporary folder is cleaned anyway
	root, err := repo.Root()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	zip, err := code.Build(context.Background(), root)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if bootstrap, err = runtimeapi.Unpack(zip.Bytes, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if certificate, err = runtimeapi.NewCertificate(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	sent, err := runtimeapi.Posted(bootstrap, certificate)
	if err == nil {
		err = contract.Request(sent.Header, sent.Body)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the function does not speak the contract, so nothing else was tried:", err)
		return 1
	}
	return m.Run()
}

type event = map[string]any

func properties(e event) map[string]any { return e["ResourceProperties"].(map[string]any) }
func old(e event) map[string]any        { return e["OldResourceProperties"].(map[string]any) }

// A scene is one process of the function between its two servers. When the
// test is over, everything that the function said is held against the design.
type scene struct {
	*testing.T
	env            map[string]string
	endpoint       *runtimeapi.Server
	cloudformation *runtimeapi.Server
	process        *runtimeapi.Process
	secrets        []string // beside those of every scene
	externalIDs    []string
	errors         []*runtimeapi.Error
}

func newScene(t *testing.T, endpoint, cloudformation http.HandlerFunc) *scene {
	t.Helper()
	// Found in TestMain too, which Go's test cache does not watch: it begins with the first test.
	if _, err := repo.Root(); err != nil {
		t.Fatal(err)
	}
	s := &scene{T: t, endpoint: serve(t, endpoint), cloudformation: serve(t, cloudformation)}
	s.env = runtimeapi.Environment("https://"+s.endpoint.Host+"/v1/registrations", certificate.File)
	t.Cleanup(s.end)
	return s
}

func serve(t *testing.T, handler http.HandlerFunc) *runtimeapi.Server {
	t.Helper()
	server, err := certificate.Serve(handler)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func (s *scene) start() {
	s.Helper()
	if s.process != nil {
		return
	}
	var err error
	if s.process, err = runtimeapi.Start(s.env, bootstrap); err != nil {
		s.Fatal(err)
	}
}

// event is one as CloudFormation would send it now.
func (s *scene) event(requestType string) event {
	return runtimeapi.Event(requestType, runtimeapi.ResponseURL(s.cloudformation.Host, time.Now()))
}

// invoke delivers the event with all the time of the published template.
func (s *scene) invoke(e event) runtimeapi.Result {
	s.Helper()
	return s.invokeWithin(e, 10*time.Minute)
}

func (s *scene) invokeWithin(e event, limit time.Duration) runtimeapi.Result {
	s.Helper()
	raw, err := json.Marshal(e)
	if err != nil {
		s.Fatal(err)
	}
	s.remember(e)
	return s.deliver(raw, limit)
}

func (s *scene) deliver(raw []byte, limit time.Duration) runtimeapi.Result {
	s.Helper()
	s.start()
	result, err := s.process.Invoke(raw, time.Now().Add(limit))
	if err != nil {
		s.Fatalf("%v; it printed:\n%s", err, s.process.Output())
	}
	if result.Error != nil {
		s.errors = append(s.errors, result.Error)
	}
	return result
}

// remember keeps what of the event must never be seen again.
func (s *scene) remember(e event) {
	for _, name := range []string{"ResourceProperties", "OldResourceProperties"} {
		members, _ := e[name].(map[string]any)
		// Shorter ones are found in many words.
		if id, ok := members["ExternalId"].(string); ok && len(id) > 7 {
			s.externalIDs = append(s.externalIDs, id)
		}
	}
	if raw, ok := e["ResponseURL"].(string); ok && len(raw) > 7 {
		s.secrets = append(s.secrets, raw)
		if u, err := url.Parse(raw); err == nil {
			if len(u.RawQuery) > 7 {
				s.secrets = append(s.secrets, u.RawQuery)
			}
			if len(u.EscapedPath()) > 7 {
				s.secrets = append(s.secrets, u.EscapedPath())
			}
			for _, value := range []string{"X-Amz-Signature", "X-Amz-Credential", "Signature"} {
				if v := u.Query().Get(value); v != "" {
					s.secrets = append(s.secrets, v)
				}
			}
		}
	}
}

// An answer is what CloudFormation reads from the ResponseURL.
type answer struct {
	Status             string
	PhysicalResourceID string `json:"PhysicalResourceId"`
	StackID            string `json:"StackId"`
	RequestID          string `json:"RequestId"`
	LogicalResourceID  string `json:"LogicalResourceId"`
	Reason             string `json:",omitempty"`
}

// answer is the one answer that CloudFormation has got.
func (s *scene) answer() answer {
	s.Helper()
	requests := s.cloudformation.Requests()
	if len(requests) != 1 {
		s.Fatalf("CloudFormation got %d answers, want 1; the log is\n%s", len(requests), s.log())
	}
	return s.decode(requests[0])
}

func (s *scene) decode(r runtimeapi.Request) answer {
	s.Helper()
	var a answer
	d := json.NewDecoder(bytes.NewReader(r.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		s.Fatalf("the answer %q: %v", r.Body, err)
	}
	return a
}

// want fails the test unless CloudFormation was told this, once.
func (s *scene) want(status, id string, reason ...string) {
	s.Helper()
	a := s.answer()
	if a.Status != status || a.PhysicalResourceID != id {
		s.Errorf("CloudFormation was told %s of %q (%s), want %s of %q",
			a.Status, a.PhysicalResourceID, a.Reason, status, id)
	}
	for _, part := range reason {
		if !strings.Contains(a.Reason, part) {
			s.Errorf("the Reason %q does not say %q", a.Reason, part)
		}
	}
}

// posts fails the test unless the endpoint was called so many times.
func (s *scene) posts(n int) {
	s.Helper()
	if got := len(s.endpoint.Requests()); got != n {
		s.Errorf("the endpoint was called %d times, want %d", got, n)
	}
}

// log is all that the process has printed.
func (s *scene) log() string {
	if s.process == nil {
		return ""
	}
	return s.process.Output()
}

// A line is one of the log.
type line struct {
	Timestamp, Level, Message string
	raw                       string
}

var levels = []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}

func (s *scene) lines() []line {
	s.Helper()
	var all []line
	for raw := range strings.Lines(s.log()) {
		var members map[string]any
		if err := json.Unmarshal([]byte(raw), &members); err != nil {
			s.Errorf("a line of the log is no JSON object: %q", raw)
			continue
		}
		l := line{raw: raw}
		for name, field := range map[string]*string{
			"timestamp": &l.Timestamp, "level": &l.Level, "message": &l.Message,
		} {
			if *field, _ = members[name].(string); *field == "" {
				s.Errorf("a line of the log has no %s: %s", name, raw)
			}
		}
		if _, err := time.Parse(time.RFC3339Nano, l.Timestamp); err != nil {
			s.Errorf("the timestamp of a line of the log: %v", err)
		}
		if !slices.Contains(levels, l.Level) {
			s.Errorf("a line of the log has level %q", l.Level)
		}
		all = append(all, l)
	}
	return all
}

// warned says whether the log holds a warning.
func (s *scene) warned() bool {
	s.Helper()
	return slices.ContainsFunc(s.lines(), func(l line) bool { return l.Level == "WARN" })
}

func (s *scene) end() {
	s.Helper()
	secrets := slices.Concat(s.everyonesSecrets(), s.secrets, s.externalIDs)
	s.lines()
	log := s.log()
	s.silent("the log", log, secrets)
	if strings.Contains(log, "panic") || strings.Contains(log, "runtime error") {
		s.Error("there was a panic")
	}
	for _, e := range s.errors {
		s.silent("the error for the runtime", string(e.Body), secrets)
	}
	s.clear()
	if s.Failed() {
		s.Logf("the log of the function:\n%s", log)
	}
	if s.process != nil {
		if err := s.process.Close(); err != nil {
			s.Error(err)
		}
	}
}

// clear holds what the servers got until now against the design, and makes
// room for the next event.
func (s *scene) clear() {
	s.Helper()
	for _, r := range s.endpoint.Requests() {
		s.checkRegistration(r)
	}
	for _, r := range s.cloudformation.Requests() {
		s.checkAnswer(r)
	}
	s.endpoint.Forget()
	s.cloudformation.Forget()
}

func (s *scene) everyonesSecrets() []string {
	object := runtimeapi.ResponseURL("", time.Time{})[len("https:///"):][:40]
	secrets := []string{runtimeapi.StackGUID, "X-Amz-", "GetCallerIdentity&", object}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		if s.env[name] != "" {
			secrets = append(secrets, s.env[name])
		}
	}
	return secrets
}

// silent fails the test where the text holds a secret, as it is, in JSON or in
// a URL.
func (s *scene) silent(what, text string, secrets []string) {
	s.Helper()
	for _, secret := range slices.Compact(slices.Sorted(slices.Values(secrets))) {
		inJSON, _ := json.Marshal(secret) // a string always can
		forms := []string{secret, strings.Trim(string(inJSON), `"`), url.QueryEscape(secret), url.PathEscape(secret)}
		if slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(text, form) }) {
			s.Errorf("%s holds %q: %s", what, secret, text)
		}
	}
}

// checkAnswer holds what was PUT against the design's rules for every answer.
func (s *scene) checkAnswer(r runtimeapi.Request) {
	s.Helper()
	if r.Method != http.MethodPut {
		s.Errorf("the answer came as %s", r.Method)
	}
	for _, name := range []string{
		"Content-Type", "Referer", "Authorization", "X-Doit-Caller-Identity", "Cookie", "Expect",
	} {
		if value, ok := r.Header[name]; ok {
			s.Errorf("the answer has a header %s: %q", name, value)
		}
	}
	if r.Length != int64(len(r.Body)) || r.TransferEncoding != nil {
		s.Errorf("the answer of %d bytes has Content-Length %d, Transfer-Encoding %q",
			len(r.Body), r.Length, r.TransferEncoding)
	}
	if len(r.Body) > 4096 {
		s.Errorf("the answer has %d bytes", len(r.Body))
	}
	if !utf8.Valid(r.Body) {
		s.Errorf("the answer is not UTF-8: %q", r.Body)
	}
	if m := regexp.MustCompile(`\\u00(3c|3e|26|3C|3E)`).Find(r.Body); m != nil {
		s.Errorf("the answer has HTML escaping: %q", r.Body)
	}
	a := s.decode(r)
	if (a.Status == "FAILED") != (a.Reason != "") {
		s.Errorf("the answer is %s with the Reason %q", a.Status, a.Reason)
	}
	if a.Status != "SUCCESS" && a.Status != "FAILED" {
		s.Errorf("the answer is %q", a.Status)
	}
	if a.PhysicalResourceID == "" {
		s.Errorf("the answer has no PhysicalResourceId: %s", r.Body)
	}
	if i := strings.IndexFunc(a.Reason, func(c rune) bool { return c < 0x20 || c >= 0x7f && c < 0xa0 }); i >= 0 {
		s.Errorf("the Reason %q has a control character at %d", a.Reason, i)
	}
	s.silent("the Reason", a.Reason, s.externalIDs)
}

// reply answers with a status and headers, name and value in turn.
func reply(status int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for pair := range slices.Chunk(header, 2) {
			w.Header().Set(pair[0], pair[1])
		}
		w.WriteHeader(status)
	}
}

// body answers with a status and a body.
func body(status int, content string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		reply(status, header...)(w, r)
		_, _ = w.Write([]byte(content)) // whoever called may have gone
	}
}

// problem answers with a problem document.
func problem(status int, detail string) http.HandlerFunc {
	document, _ := json.Marshal(map[string]any{ // always can
		"type": "https://example.com/problem", "status": status, "detail": detail,
	})
	return body(status, string(document), "Content-Type", "application/problem+json")
}

// inTurn answers each request with the next handler, and from then on with the
// last one.
func inTurn(handlers ...http.HandlerFunc) http.HandlerFunc {
	turns := make(chan http.HandlerFunc, len(handlers))
	for _, h := range handlers {
		turns <- h
	}
	last := handlers[len(handlers)-1]
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case h := <-turns:
			h(w, r)
		default:
			last(w, r)
		}
	}
}

var ok = reply(http.StatusOK)

// later refuses for longer than any function lives, so that the tries run out
// at once.
var later = body(http.StatusServiceUnavailable, `{"detail":"come back in an hour"}`,
	"Retry-After", "3600", "Content-Type", "application/problem+json")

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// reset breaks the connection without an answer.
func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	raw := conn.(*tls.Conn).NetConn().(*net.TCPConn)
	_ = raw.SetLinger(0) // then it is a reset and not an end
	_ = raw.Close()      // the break is what was wanted
}

// with is a copy of the environment with other values; "" takes a name away.
func with(env map[string]string, changes map[string]string) map[string]string {
	changed := maps.Clone(env)
	for name, value := range changes {
		changed[name] = value
		if value == "" {
			delete(changed, name)
		}
	}
	return changed
}
