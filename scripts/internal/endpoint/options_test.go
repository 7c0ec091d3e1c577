package endpoint

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"
)

func TestCommandLinesThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args string // behind -cert and -key
		want string // in the error; empty: it is fine
	}{
		"the design's": {args: "-listen 127.0.0.1:8443 -audience registration.example.com -sts http://127.0.0.1:4566" +
			" -db x.db -admin 127.0.0.1:0 -verify-role=false -tickets 1,2@111122223333 -per-account 5 -connections 10" +
			" -refuse no -throttle 3 -early 5 -hang"},
		"no key":                       {args: "-key=", want: "-cert and -key"},
		"an admin for everybody":       {args: "-admin 0.0.0.0:8080", want: "loopback"},
		"an admin on every interface":  {args: "-admin :8080", want: "loopback"},
		"an admin by a name":           {args: "-admin admin.example:8080", want: "loopback"},
		"an admin on IPv6":             {args: "-admin [::1]:8080"},
		"an STS in the clear":          {args: "-sts http://sts.example", want: "loopback"},
		"an STS with a path":           {args: "-sts https://sts.example/x", want: "HOST"},
		"an STS without a host":        {args: "-sts https://", want: "HOST"},
		"an STS with a query":          {args: "-sts https://sts.example/?x", want: "HOST"},
		"an STS with a user":           {args: "-sts https://me@sts.example", want: "HOST"},
		"an STS without a scheme":      {args: "-sts 127.0.0.1:4566", want: "first path segment"},
		"a ticket without a number":    {args: "-tickets 1,,2", want: "ticket"},
		"a ticket of a short account":  {args: "-tickets 1@2", want: "ticket"},
		"a negative throttle":          {args: "-throttle -1", want: "negative"},
		"a negative number of seconds": {args: "-early -1", want: "negative"},
		"less than none of an account": {args: "-per-account -1", want: "-per-account"},
		"no limit of an account":       {args: "-per-account 0"},
		"as much as nobody takes":      {args: "-per-account 1000000"},
		"more than a burst can be":     {args: "-per-account 1844674407370955161", want: "-per-account"},
		"memory in SQLite's words":     {args: "-db :memory:", want: "without -db"},
		"a URI of SQLite":              {args: "-db file:x.db", want: "without -db"},
		"no connections":               {args: "-connections 0", want: "-connections"},
		"more than there can be":       {args: "-connections 9223372036854775807", want: "-connections"},
		"a number in words":            {args: "-throttle three", want: `invalid value "three" for flag -throttle`},
		"every address":                {args: "-listen 0.0.0.0:8443", want: "-audience"},
		"every address of IPv6":        {args: "-listen [::]:8443", want: "-audience"},
		"every address without one":    {args: "-listen :8443", want: "-audience"},
		"every address of IPv4 as v6":  {args: "-listen [::ffff:0.0.0.0]:8443", want: "-audience"},
		"every address, and a name":    {args: "-listen :8443 -audience registration.example.com:8443"},
		"an audience with a scheme":    {args: "-audience https://registration.example.com", want: "-audience"},
		"an audience with a path":      {args: "-audience registration.example.com/v1", want: "-audience"},
		"an unknown flag":              {args: "-verify-roles=false", want: "verify-roles"},
		"an argument":                  {args: "serve", want: "flags only"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told bytes.Buffer
			_, err := parseOptions(append([]string{"-cert", "c", "-key", "k"}, strings.Fields(c.args)...), &told)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if told.Len() > 0 {
				t.Errorf("what the error says is told twice: %s", &told)
			}
		})
	}
}

func TestFilesThatAreNotThereAreNamed(t *testing.T) {
	t.Parallel()
	cert, key := certificate.File, certificate.KeyFile
	for name, c := range map[string]struct {
		o    options
		want string
	}{
		"certificate": {options{cert: "/nowhere/cert.pem", key: key}, "/nowhere/cert.pem"},
		"database":    {options{cert: cert, key: key, db: "/nowhere/x.db"}, "/nowhere/x.db"},
		"no database": {options{cert: cert, key: key, db: cert}, "prepare the database"},
		"address":     {options{cert: cert, key: key, listen: "127.0.0.1:nowhere"}, "listen for registrations"},
	} {
		c.o.limits = theLimits
		err := serve(t.Context(), c.o, io.Discard, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestLogsAreJSONLinesWithoutSecrets(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, nil)
	r.expect(t, r.newCall(somebody, "Create", map[string]any{
		"ticketId": "12345", "stackId": strings.Replace(stackID, "5d1e8a70", "guid8a70", 1),
	}), nil)
	bad := r.newCall(somebody, "Create", nil)
	bad.proof = func(s string) string { return s + "x" }
	r.expect(t, bad, invalidProof)
	log := r.log.String()
	lines := strings.Split(strings.TrimSpace(log), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines:\n%s", len(lines), log)
	}
	for i, want := range []map[string]any{
		{
			"level": "INFO", "msg": "taken", "account": customer, "stack": "doit", "role": roleArn,
			"ticket": "12345", "status": 200.0,
		},
		{"level": "WARN", "msg": "refused", "problem": "invalid-proof", "status": 401.0},
	} {
		var line map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &line); err != nil {
			t.Fatalf("line %q: %v", lines[i], err)
		}
		for name, value := range want {
			if line[name] != value {
				t.Errorf("line %d has %s %v, want %v", i+1, name, line[name], value)
			}
		}
	}
	secrets := []string{externalID, "guid8a70", "X-Amz-", somebody.SessionToken[:20], somebody.AccessKeyID}
	for _, secret := range secrets {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q:\n%s", secret, log)
		}
	}
}

func TestProblemsAreDistinctAndFixed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range Problems() {
		if seen[p.Type] || seen[p.Detail] || seen[p.Title] {
			t.Errorf("%s is there twice, or its words are", p.Type)
		}
		seen[p.Type], seen[p.Detail], seen[p.Title] = true, true, true
		if !strings.HasPrefix(p.Type, problemBase) || p.Status < 400 || !strings.HasSuffix(p.Detail, ".") {
			t.Errorf("%+v", p)
		}
	}
}
