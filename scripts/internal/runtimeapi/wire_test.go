package runtimeapi_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/contract"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
	"github.com/doitintl/aws-ro-access/scripts/internal/values"
)

// A registration is the document on the wire, its members in the design's order.
type registration struct {
	RequestType     string `json:"requestType"`
	RequestID       string `json:"requestId"`
	StackID         string `json:"stackId"`
	AccountID       string `json:"accountId"`
	Region          string `json:"region"`
	RoleARN         string `json:"roleArn"`
	ExternalID      string `json:"externalId,omitempty"`
	TicketID        string `json:"ticketId,omitempty"`
	Access          string `json:"access,omitempty"`
	AccessExpires   string `json:"accessExpires,omitempty"`
	TemplateVersion string `json:"templateVersion,omitempty"`
	IssuedAt        string `json:"issuedAt,omitempty"`
}

// registrations are the documents that the endpoint got.
func (s *scene) registrations() []registration {
	s.Helper()
	var all []registration
	for _, r := range s.endpoint.Requests() {
		var one registration
		d := json.NewDecoder(bytes.NewReader(r.Body))
		d.DisallowUnknownFields()
		if err := d.Decode(&one); err != nil {
			s.Fatalf("the registration %q: %v", r.Body, err)
		}
		all = append(all, one)
	}
	return all
}

// registration is the last document that the endpoint got.
func (s *scene) registration() registration {
	s.Helper()
	all := s.registrations()
	if len(all) == 0 {
		s.Fatal("the endpoint got nothing")
	}
	return all[len(all)-1]
}

// lawful are the bodies that were held against the contract already, which
// compiles its schemas each time.
var lawful sync.Map

// checkRegistration holds one call of the endpoint against the design.
func (s *scene) checkRegistration(r runtimeapi.Request) {
	s.Helper()
	endpoint, err := url.Parse(s.env["REGISTRATION_ENDPOINT"])
	if err != nil {
		s.Fatal(err)
	}
	if r.Method != http.MethodPost || r.Target != endpoint.RequestURI() || r.Host != endpoint.Host {
		s.Errorf("the registration came as %s %s to %s", r.Method, r.Target, r.Host)
	}
	version, err := repo.ReadFile("lambda/VERSION")
	if err != nil {
		s.Fatal(err)
	}
	if _, known := lawful.LoadOrStore(string(r.Body), true); !known {
		if err := contract.Request(r.Header, r.Body); err != nil {
			s.Errorf("the registration %s is not the contract's: %v", r.Body, err)
		}
	}
	for name, want := range map[string]string{
		"Content-Type":    "application/json",
		"User-Agent":      "doit-aws-ro-access/" + strings.TrimSpace(string(version)),
		"Idempotency-Key": digest(string(r.Body)),
	} {
		if got := r.Header[name]; len(got) != 1 || got[0] != want {
			s.Errorf("the registration has %s: %q, want %q", name, got, want)
		}
	}
	known := []string{
		"Content-Type", "User-Agent", "Idempotency-Key", "X-Doit-Caller-Identity", "Content-Length", "Connection",
	}
	for name, value := range r.Header {
		if !slices.Contains(known, name) {
			s.Errorf("the registration has a header %s: %q", name, value)
		}
	}
	if r.Length != int64(len(r.Body)) {
		s.Errorf("the registration has Content-Length %d and %d bytes", r.Length, len(r.Body))
	}

	var document registration
	if err := json.Unmarshal(r.Body, &document); err != nil {
		s.Errorf("the registration %q: %v", r.Body, err)
		return
	}
	escaped, _ := json.Marshal(document) // strings always can
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	_ = e.Encode(document)
	if !bytes.Equal(r.Body, escaped) && !bytes.Equal(r.Body, bytes.TrimSuffix(plain.Bytes(), []byte("\n"))) {
		s.Errorf("the registration is not in the design's form:\n%s\nwant\n%s", r.Body, plain.Bytes())
	}
	for name, value := range map[string]string{
		"requestType": document.RequestType, "requestId": document.RequestID, "stackId": document.StackID,
		"accountId": document.AccountID, "region": document.Region, "roleArn": document.RoleARN,
	} {
		if value == "" {
			s.Errorf("the registration has no %s: %s", name, r.Body)
		}
	}
	if document.RequestType != "Delete" && document.ExternalID == "" {
		s.Errorf("the registration has no externalId: %s", r.Body)
	}
	s.checkProof(r, document)
}

// stsHost is the name of a region's STS, made of the table's for its partition.
func stsHost(t testing.TB, partition, region string) string {
	t.Helper()
	for _, p := range values.Read(t).Partitions {
		if p.Name == partition {
			return strings.Replace(p.STS, p.Region, region, 1)
		}
	}
	t.Fatalf("%s has no partition %s", values.Path, partition)
	return ""
}

var proofValues = regexp.MustCompile(`&X-Amz-Date=([0-9]{8}T[0-9]{6}Z)&.*&X-Amz-Signature=([0-9a-f]{64})$`)

// checkProof rebuilds the proof from what the endpoint knows and the keys of
// the function, signature included. The signature is computed here and not by
// the library that made it:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func (s *scene) checkProof(r runtimeapi.Request, document registration) {
	s.Helper()
	proofs := r.Header["X-Doit-Caller-Identity"]
	if len(proofs) != 1 {
		s.Errorf("the registration has %d proofs", len(proofs))
		return
	}
	parts := proofValues.FindStringSubmatch(proofs[0])
	if parts == nil {
		s.Errorf("the proof has no date or no signature: %s", proofs[0])
		return
	}
	date := parts[1]
	signed, err := time.Parse("20060102T150405Z", date)
	if err != nil || signed.After(r.Received) || r.Received.Sub(signed) > 10*time.Second {
		s.Errorf("the proof is of %s, and came at %v", date, r.Received.UTC())
	}

	stack := strings.Split(document.StackID, ":")
	partition, region, account := stack[1], stack[3], stack[4]
	if document.Region != region || document.AccountID != account {
		s.Errorf("the registration is of account %s in %s, its stack is %s",
			document.AccountID, document.Region, document.StackID)
	}
	host := stsHost(s, partition, region)
	scope := date[:8] + "/" + region + "/sts/aws4_request"
	query := "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256" +
		"&X-Amz-Credential=" + encode(s.env["AWS_ACCESS_KEY_ID"]+"/"+scope) +
		"&X-Amz-Date=" + date +
		"&X-Amz-Expires=60" +
		"&X-Amz-Security-Token=" + encode(s.env["AWS_SESSION_TOKEN"]) +
		"&X-Amz-SignedHeaders=host%3Bx-doit-audience%3Bx-doit-content-sha256"
	canonical := strings.Join([]string{
		http.MethodGet, "/", query,
		"host:" + host,
		"x-doit-audience:" + r.Host,
		"x-doit-content-sha256:" + digest(string(r.Body)),
		"", "host;x-doit-audience;x-doit-content-sha256",
		digest(""),
	}, "\n")
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", date, scope, digest(canonical)}, "\n")
	key := []byte("AWS4" + s.env["AWS_SECRET_ACCESS_KEY"])
	for _, part := range append(strings.Split(scope, "/"), toSign) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	if want := "https://" + host + "/?" + query + "&X-Amz-Signature=" + hex.EncodeToString(key); proofs[0] != want {
		s.Errorf("the proof is\n%s\nwant\n%s", proofs[0], want)
	}
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// encode is percent-encoding as Signature Version 4 has it.
func encode(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

func TestHTTP2IsTaken(t *testing.T) {
	t.Parallel()
	server, err := certificate.ServeHTTP2(inTurn(reply(503), ok))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	s := newScene(t, ok, ok)
	s.endpoint = server
	s.env["REGISTRATION_ENDPOINT"] = "https://" + server.Host + "/v1/registrations"
	s.invoke(s.event("Create"))
	s.want("SUCCESS", runtimeapi.RoleARN)
	s.posts(2)
}
