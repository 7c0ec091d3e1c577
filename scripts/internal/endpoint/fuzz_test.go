package endpoint

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

// spelled is the design's URL, written a second time and in another way, so that
// proof.go is not held against itself.
var spelled = regexp.MustCompile(`^/\?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256` +
	`&X-Amz-Credential=ASIA[A-Z0-9]+%2F(\d{8})%2F([a-z]+(?:-[a-z]+)+-\d)%2Fsts%2Faws4_request&X-Amz-Date=(\d{8})T\d{6}Z&X-Amz-Expires=60` +
	`&X-Amz-Security-Token=(?:[A-Za-z0-9._-]|%2B|%2F|%3D)+` +
	`&X-Amz-SignedHeaders=host%3Bx-doit-audience%3Bx-doit-content-sha256&X-Amz-Signature=[0-9a-f]{64}$`)

var suffixes = regexp.MustCompile(`^(?:sts\.(?:af|ap|ca|eu|il|me|mx|sa|us|us-gov)-[a-z]+-\d\.amazonaws\.com|sts\.cn-north(?:west)?-1\.amazonaws\.com\.cn|sts\.eusc-de-east-1\.amazonaws\.eu)$`)

// recorder takes the place of the network: it sees the bytes that would be sent.
type recorder struct{ sent *http.Request }

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	r.sent = request
	return &http.Response{StatusCode: http.StatusForbidden, Body: io.NopCloser(strings.NewReader(""))}, nil
}

// FuzzProof: whatever bytes come in, either they are refused or the URL called is
// the one that the design spells, on a host of the endpoint's own list.
func FuzzProof(f *testing.F) {
	kept, err := openStore(f.Context(), "")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = kept.db.Close() }) // memory
	network := &recorder{}
	e := &endpoint{
		audience: "registration.example.com", sts: newSTSClient(nil), stsLimit: time.Second, store: kept,
		log: slog.New(slog.DiscardHandler), throttle: &throttle{}, early: &early{},
	}
	e.sts.http.Transport = network
	body := []byte(`{"requestType":"Delete","requestId":"1","stackId":"` + stackID + `","accountId":"` + customer + `","region":"` + home + `","roleArn":"` + roleArn + `"}`)

	for region, host := range stsHosts {
		f.Add(presign(f, somebody, region, time.Now(), "https://"+host, map[string]string{"X-DoiT-Audience": e.audience, "X-DoiT-Content-SHA256": sha256Hex(body)}))
	}
	good := presign(f, somebody, home, time.Now(), "https://"+stsHosts[home], map[string]string{"X-DoiT-Audience": e.audience, "X-DoiT-Content-SHA256": sha256Hex(body)})
	f.Add(strings.Replace(good, "amazonaws.com", "amazonaws.com.evil.example", 1))
	f.Add(strings.Replace(good, "&X-Amz-Date", "%0d%0a&X-Amz-Date", 1))
	f.Add(good + "&X-Amz-Signature=" + strings.Repeat("0", 64))
	f.Add(good + "#")
	f.Fuzz(func(t *testing.T, proof string) {
		network.sent = nil
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/registrations", bytes.NewReader(body))
		request.Header = http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {sha256Hex(body)}, "X-Doit-Caller-Identity": {proof}}
		answer := httptest.NewRecorder()
		e.ServeHTTP(answer, request)
		if network.sent == nil {
			if answer.Code != http.StatusUnauthorized && answer.Code != http.StatusRequestEntityTooLarge {
				t.Fatalf("nobody was asked, and the answer is %d", answer.Code)
			}
			return
		}
		sent := network.sent
		match := spelled.FindStringSubmatch(sent.URL.RequestURI())
		if match == nil || match[1] != match[3] || sent.URL.String() != proof || sent.URL.Scheme != "https" || sent.Method != http.MethodGet {
			t.Fatalf("called %s for the proof %q", sent.URL, proof)
		}
		if sent.URL.Host != sent.Host || !suffixes.MatchString(sent.Host) || !strings.HasPrefix(sent.Host, "sts."+match[2]+".") {
			t.Fatalf("called host %q as %q", sent.URL.Host, sent.Host)
		}
		if sent.Header.Get("X-DoiT-Audience") != e.audience || sent.Header.Get("X-DoiT-Content-SHA256") != sha256Hex(body) {
			t.Fatalf("called with %v", sent.Header)
		}
	})
}
