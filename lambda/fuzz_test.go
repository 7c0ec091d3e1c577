package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func FuzzDecode(f *testing.F) {
	const named = `{"StackId":"s","RequestId":"r","LogicalResourceId":"l",`
	f.Add([]byte(named + `"ResponseURL":"https://h/a%2Fb?X-Amz-Expires=1e9&c=%zz"}`))
	f.Add([]byte(named + `"ResponseURL":"http://127.0.0.1:1//x?Expires=1","ResourceProperties":[1e999]}`))
	f.Add([]byte(`{"StackId":{},"RequestId":[],"LogicalResourceId":null,"responseurl":"https://h/"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		ev, err := decode(payload)
		if err != nil {
			if raw := (object{}); json.Unmarshal(payload, &raw) == nil {
				if secret := raw.text("ResponseURL"); len(secret) > 8 && strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows the ResponseURL: %v", err)
				}
			}
			return
		}
		if ev.text("StackId") == "" || ev.text("RequestId") == "" || ev.text("LogicalResourceId") == "" {
			t.Error("an event without its IDs was taken")
		}
		u, given := ev.responseURL, ev.text("ResponseURL")
		if u.User != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			t.Errorf("ResponseURL %q was taken", given)
		}
		sent := u.Host + u.RequestURI()
		whole, _, _ := strings.Cut(given, "#")
		pathless := strings.HasPrefix(u.RequestURI(), "/?") || u.RequestURI() == "/" // of which the slash is ours
		if !strings.HasSuffix(whole, sent) && !pathless {
			t.Errorf("ResponseURL %q is sent as %q", given, sent)
		}
		ev.nobodyWaits()
		ev.kind()
	})
}

// The design's rules, in a second spelling.
var spelled = map[string]*regexp.Regexp{
	"roleArn":         regexp.MustCompile(`^arn:aws:iam::111122223333:role/[!-~]*[!-.0-~]$`),
	"externalId":      regexp.MustCompile(`^[A-Za-z0-9_+=,.@:/-]{2,}$`),
	"ticketId":        regexp.MustCompile(`^[A-Za-z0-9-]{1,32}$`),
	"access":          regexp.MustCompile(`^(approved|dismissed)$`),
	"accessExpires":   regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`),
	"templateVersion": regexp.MustCompile(`^[A-Za-z0-9.-]{1,32}$`),
}

func FuzzCheck(f *testing.F) {
	f.Add(testRole, "an-id", "12345", "approved", "2026-12-31T00:00:00Z", "1.0.0")
	f.Add(strings.Replace(testRole, "1111", "9999", 1), "x", "a b", "maybe", "2026-12-31T00:00:00.5Z", "v/1")
	f.Add("arn:aws:iam::111122223333:role/", "\xff", strings.Repeat("1", 33), "", "2026-12-31T1:00:00Z", "\n")
	f.Fuzz(func(t *testing.T, roleArn, externalID, ticketID, access, accessExpires, templateVersion string) {
		given := map[string]string{
			"RoleArn": roleArn, "ExternalId": externalID, "TicketId": ticketID,
			"Access": access, "AccessExpires": accessExpires, "TemplateVersion": templateVersion,
		}
		ev := event{given: object{}, withheld: new(secrets)}
		for name, value := range given {
			ev.given[name] = marshal(value)
		}
		r := registration{stack: stack{partition: "aws", region: "eu-west-1", account: "111122223333", name: "s"}}
		err := r.check(ev)
		taken := map[string]string{}
		if err := json.Unmarshal(marshal(r), &taken); err != nil {
			t.Fatal(err)
		}
		for name, rule := range spelled {
			if value := taken[name]; value != "" && !rule.MatchString(value) {
				t.Errorf("%s %q was taken", name, value)
			}
		}
		if len(r.RoleArn) > 1024 || len(r.ExternalID) > 1224 {
			t.Error("a value that is too long was taken")
		}
		for name, sent := range map[string]string{
			"RoleArn": r.RoleArn, "ExternalId": r.ExternalID, "TicketId": r.TicketID,
			"Access": r.Access, "AccessExpires": r.AccessExpires, "TemplateVersion": r.TemplateVersion,
		} {
			said := err != nil && strings.Contains(err.Error(), name+" ")
			if given[name] != "" && sent == "" && !said {
				t.Errorf("%s %q was left out without a word: %v", name, given[name], err)
			}
		}
	})
}

// servers answer for the endpoint with a status and a body, and for
// CloudFormation with 200.
type servers struct {
	status int
	body   []byte
	answer []byte // what CloudFormation got
}

func (s *servers) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "endpoint.test" {
		body := io.NopCloser(bytes.NewReader(s.body))
		return &http.Response{StatusCode: s.status, Header: http.Header{}, Body: body}, nil
	}
	var err error
	s.answer, err = io.ReadAll(r.Body)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}, err
}

func FuzzReason(f *testing.F) {
	f.Add([]byte(`{"detail":"no such ticket"}`), testExternalID, "arn:aws:iam::111122223333:role/x")
	f.Add([]byte(`{"detail":"`+strings.Repeat(`\u0001\"é`, 3000)+`"}`), testExternalID, testRole)
	f.Add([]byte(`{"detail":"x"}`), "éé", strings.Repeat("\\", 1000))
	f.Add([]byte(`{"detail":"abaabbb"}`), "ab", testRole)
	f.Add([]byte("{\"detail\":\"\xff\xfe\xe2\x80\xa8<&>\"}"), "re", testRole)
	setCredentials(f)
	f.Fuzz(func(t *testing.T, problem []byte, externalID, roleArn string) {
		s := &servers{status: http.StatusForbidden, body: problem}
		var log bytes.Buffer
		function := newFunction("https://endpoint.test/v1/registrations", newLogger(&log, "INFO"))
		function.transport = s
		payload, err := json.Marshal(map[string]any{
			"RequestType": "Create", "RequestId": "r", "StackId": testStack, "LogicalResourceId": "l",
			"ResponseURL":        "https://answer.test/",
			"ResourceProperties": map[string]string{"RoleArn": roleArn, "ExternalId": externalID},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := function.Invoke(ctx, payload); err != nil {
			t.Fatal(err)
		}
		var a answer
		if err := json.Unmarshal(s.answer, &a); err != nil || !utf8.Valid(s.answer) || len(s.answer) > 4096 {
			t.Fatalf("%d bytes, %v: %q", len(s.answer), err, s.answer)
		}
		if a.Status != "FAILED" {
			t.Errorf("answered %+v", a)
		}
		var sent string // with U+FFFD for what is not UTF-8
		if err := json.Unmarshal(marshal(externalID), &sent); err != nil {
			t.Fatal(err)
		}
		if len(sent) >= 2 && strings.Contains(a.Reason, sent) {
			t.Errorf("the reason %q holds the external ID %q", a.Reason, sent)
		}
		if strings.ContainsFunc(a.Reason, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf) }) {
			t.Errorf("the reason %q holds a control character", a.Reason)
		}
	})
}
