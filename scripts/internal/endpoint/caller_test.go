package endpoint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/doitintl/aws-ro-access/scripts/internal/contract"
	"github.com/doitintl/aws-ro-access/scripts/internal/identityproof"
	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

const (
	home       = "eu-west-1"
	externalID = "6a1f3b52-8c1e-4c0a-9d57-1f2e3d4c5b6a"
	stackID    = "arn:aws:cloudformation:eu-west-1:111122223333:stack/doit/5d1e8a70-c92b-11f0-8a2e-0a1b2c3d4e5f"
	roleArn    = "arn:aws:iam::111122223333:role/doit/doit-SupportRole-1ABCDEF"
)

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// call is one request as the function would send it, and then whatever a test
// makes of it.
type call struct {
	as       aws.Credentials
	region   string
	audience string
	at       time.Time
	members  map[string]any
	body     []byte // instead of members

	proof  func(string) string // changes the proof
	header func(http.Header)   // changes the headers
	method string
	path   string

	chunked bool            // send the body without saying how long it is
	ctx     context.Context // of the test, where nil
}

// newCall is a good request of the customer's function.
func (r *running) newCall(as aws.Credentials, requestType string, members map[string]any) *call {
	c := &call{as: as, region: home, audience: r.audience, at: time.Now(), method: http.MethodPost, path: path}
	c.members = map[string]any{
		"requestType": requestType, "requestId": "3d9b5b1e-6d5a-4a53-a5f3-6a7a7f1f0b11",
		"stackId": stackID, "accountId": customer, "region": home, "roleArn": roleArn, "externalId": externalID,
	}
	maps.Copy(c.members, members)
	return c
}

// oneEvent is for calls that are under way together and name one role: without
// a date each counts as issued at its own proof's second, and of two seconds the
// call of the earlier one may come last, overtaken.
var oneEvent = map[string]any{"issuedAt": "2026-01-01T00:00:00Z"}

// answer is what came back.
type answer struct {
	status  int
	problem Problem
	id      string
	header  http.Header
	closes  bool // the connection
}

func (a answer) String() string {
	return fmt.Sprintf("%d %s", a.status, a.problem.name())
}

func (r *running) send(t testing.TB, c *call) answer {
	t.Helper()
	a, err := r.try(t, c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (r *running) try(t testing.TB, c *call) (answer, error) {
	request, err := r.request(t, c)
	if err != nil {
		return answer{}, err
	}
	response, err := r.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }() // read-only
	return readAnswer(response)
}

func (r *running) request(t testing.TB, c *call) (*http.Request, error) {
	body := c.body
	if body == nil {
		var err error
		if body, err = json.Marshal(c.members); err != nil {
			return nil, err
		}
	}
	proof := presign(t, c.as, c.region, c.at, "https://"+stsHost(c.region), map[string]string{
		"X-DoiT-Audience": c.audience, "X-DoiT-Content-SHA256": sha256Hex(body),
	})
	if c.proof != nil {
		proof = c.proof(proof)
	}
	ctx := c.ctx
	if ctx == nil {
		ctx = t.Context()
	}
	request, err := http.NewRequestWithContext(ctx, c.method, r.url+c.path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header = http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"doit-aws-ro-access/1.0.0"},
		"Idempotency-Key": {sha256Hex(body)}, "X-Doit-Caller-Identity": {proof},
	}
	if c.header != nil {
		c.header(request.Header)
	}
	if c.chunked {
		request.ContentLength = -1
	}
	return request, nil
}

// readAnswer holds every answer to the contract.
func readAnswer(response *http.Response) (answer, error) {
	a := answer{status: response.StatusCode, header: response.Header, closes: response.Close}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	if err := contract.Response(response.StatusCode, response.Header, text); err != nil {
		return a, err
	}
	media := response.Header.Get("Content-Type")
	if a.status == http.StatusOK {
		var taken struct {
			RegistrationID string `json:"registrationId"`
		}
		err = json.Unmarshal(text, &taken)
		if a.id = taken.RegistrationID; err != nil || a.id == "" || media != "application/json" {
			return a, fmt.Errorf("the answer 200 is %s %q: %w", media, text, err)
		}
		return a, nil
	}
	err = json.Unmarshal(text, &a.problem)
	worded := a.problem.Detail != "" && a.problem.Title != "" && a.problem.Status == a.status
	if err != nil || media != "application/problem+json" || !worded {
		return a, fmt.Errorf("the answer %d is %s %q: %w", a.status, media, text, err)
	}
	waits := a.status == 425 || a.status == 429 || a.status == 503
	if seconds := response.Header.Get("Retry-After"); waits != (seconds != "") {
		return a, fmt.Errorf("the answer %d has Retry-After %q", a.status, seconds)
	}
	return a, nil
}

// expect sends the call and wants the problem, or success where it is nil.
func (r *running) expect(t testing.TB, c *call, want *Problem) answer {
	t.Helper()
	a := r.send(t, c)
	expected := Problem{Status: http.StatusOK}
	if want != nil {
		expected = *want
	}
	if a.status != expected.Status || a.problem.Type != expected.Type {
		t.Fatalf("the answer is %v, want %v", a, want)
	}
	return a
}

// list is what the admin listener shows.
func (r *running) list(t testing.TB) []registrations.Registration {
	t.Helper()
	all, err := registrations.List(t.Context(), r.admin)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// presign is the function's side of the proof.
func presign(
	t testing.TB, as aws.Credentials, region string, at time.Time, base string, headers map[string]string,
) string {
	proof := identityproof.Proof{As: as, Region: region, At: at, STS: base, Headers: headers}
	signed, err := proof.Sign(t.Context(), v4.NewSigner())
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func stsHost(region string) string {
	if host := stsHosts[region]; host != "" {
		return host
	}
	return "sts." + region + ".amazonaws.com"
}

// countingSTS is an STS that counts how often it is asked, and by which name.
type countingSTS struct {
	url             string
	identify, trust atomic.Int64

	mu    sync.Mutex
	hosts []string
}

// countSTS starts a server in front of an answering one.
func countSTS(t testing.TB, answering http.Handler) *countingSTS {
	t.Helper()
	s := &countingSTS{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			s.identify.Add(1)
			s.mu.Lock()
			s.hosts = append(s.hosts, r.Host)
			s.mu.Unlock()
		} else {
			s.trust.Add(1)
		}
		answering.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// cloudSTS is the local cloud's STS, counted.
func cloudSTS(t testing.TB) *countingSTS {
	t.Helper()
	if err := startCloud(); err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(cloud.URL)
	if err != nil {
		t.Fatal(err)
	}
	return countSTS(t, &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Host = p.In.Host
		},
		Transport: cloudTransport,
	})
}

var cloudTransport = &http.Transport{MaxIdleConnsPerHost: 32}

var (
	sessionsMu sync.Mutex
	sessions   = map[string]aws.Credentials{}
)

// session is a session of a role, made once for all tests. It is who calls when
// that account's function does.
func session(t testing.TB, account, role string) aws.Credentials {
	t.Helper()
	if err := startCloud(); err != nil {
		t.Fatal(err)
	}
	sessionsMu.Lock()
	defer sessionsMu.Unlock()
	key := account + "/" + role
	if _, made := sessions[key]; !made {
		made, err := cloud.Session(t.Context(), account, role, "function", "sts:GetCallerIdentity")
		if err != nil {
			t.Fatal(err)
		}
		sessions[key] = made
	}
	return sessions[key]
}

// function is the session of the customer's function.
func function(t testing.TB) aws.Credentials { return session(t, customer, "doit-RegistrationRole") }

func replace(old, with string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, with, 1) }
}
