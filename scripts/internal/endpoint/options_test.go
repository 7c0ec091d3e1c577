package endpoint

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestCommandLinesThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	pair := []string{"-cert", "c", "-key", "k"}
	for name, c := range map[string]struct {
		args []string
		want string // in the error; empty: it is fine
	}{
		"the design's":                {append(pair, "-listen", "127.0.0.1:8443", "-audience", "registration.example.com", "-sts", "http://127.0.0.1:4566", "-db", "x.db", "-admin", "127.0.0.1:0", "-verify-role=false", "-tickets", "1,2@111122223333", "-refuse", "no", "-throttle", "3", "-early", "5", "-hang"), ""},
		"no certificate":              {[]string{"-key", "k"}, "-cert and -key"},
		"an admin for everybody":      {append(pair, "-admin", "0.0.0.0:8080"), "loopback"},
		"an admin on every interface": {append(pair, "-admin", ":8080"), "loopback"},
		"an admin by a name":          {append(pair, "-admin", "admin.example:8080"), "loopback"},
		"an admin on IPv6":            {append(pair, "-admin", "[::1]:8080"), ""},
		"an STS in the clear":         {append(pair, "-sts", "http://sts.example"), "loopback"},
		"an STS with a path":          {append(pair, "-sts", "https://sts.example/x"), "HOST"},
		"an STS without a scheme":     {append(pair, "-sts", "127.0.0.1:4566"), "first path segment"},
		"a ticket with a blank":       {append(pair, "-tickets", "1, 2"), "ticket"},
		"a ticket of a short account": {append(pair, "-tickets", "1@2"), "ticket"},
		"a negative throttle":         {append(pair, "-throttle", "-1"), "negative"},
		"an argument":                 {append(pair, "serve"), "flags only"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseOptions(c.args, io.Discard)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
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
		"address":     {options{cert: cert, key: key, listen: "127.0.0.1:http-alt-nowhere"}, "listen for registrations"},
	} {
		if err := serve(t.Context(), c.o, io.Discard, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

// TestARestartLosesNothing also ends the endpoint by a signal, while a request is
// under way.
func TestARestartLosesNothing(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "registrations?of=#100%.db")
	verifying, goOn := make(chan struct{}), make(chan struct{})
	sts := countSTS(t, scripted{assume: func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("RoleArn") == roleArn+"2" && r.FormValue("ExternalId") == "" {
			close(verifying)
			<-goOn
		}
		assumable(w, r)
	}})
	flags := []string{"-db", db, "-sts", sts.url, "-admin", "127.0.0.1:0", "-listen", "127.0.0.1:0", "-cert", certificate.File, "-key", certificate.KeyFile}
	process, r := startProcess(t, flags...)
	r.expect(t, r.newCall(somebody, "Create", map[string]any{"issuedAt": "2026-01-02T00:00:00Z", "ticketId": "1"}), nil)
	r.expect(t, r.newCall(somebody, "Update", map[string]any{"issuedAt": "2026-01-03T00:00:00Z", "ticketId": "2"}), nil)
	slow, answered := r.newCall(somebody, "Create", map[string]any{"roleArn": roleArn + "2"}), make(chan answer, 1)
	go func() {
		a, err := r.try(t, slow)
		if err != nil {
			t.Error(err)
		}
		answered <- a
	}()
	<-verifying
	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // the signal is on its way; sooner is as good
	close(goOn)
	if a := <-answered; a.status != http.StatusOK {
		t.Errorf("the request under way is answered %v", a)
	}
	r.http.CloseIdleConnections()
	if err := process.Wait(); err != nil {
		t.Errorf("the endpoint ended with %v", err)
	}

	_, again := startProcess(t, flags...)
	rows := again.list(t)
	if len(rows) != 2 || rows[0].TicketID != "2" || len(rows[0].History) != 2 {
		t.Errorf("rows after the restart: %+v", rows)
	}
	again.expect(t, again.newCall(somebody, "Update", map[string]any{"issuedAt": "2026-01-02T12:00:00Z", "ticketId": "1"}), overtaken)
	tried := sts.trust.Load()
	again.expect(t, again.newCall(somebody, "Update", map[string]any{"issuedAt": "2026-01-04T00:00:00Z", "ticketId": "1"}), nil)
	if sts.trust.Load() != tried {
		t.Error("what the row said before its last change was forgotten")
	}
}

func TestAHungRequestDoesNotOutliveTheEndpoint(t *testing.T) {
	t.Parallel()
	process, r := startProcess(t, "-hang", "-admin", "127.0.0.1:0", "-listen", "127.0.0.1:0", "-verify-role=false", "-cert", certificate.File, "-key", certificate.KeyFile)
	ended := make(chan error, 1)
	go func() {
		_, err := r.try(t, r.newCall(somebody, "Create", nil))
		ended <- err
	}()
	time.Sleep(200 * time.Millisecond)
	if err := process.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("a hung request was answered")
	}
	if err := process.Wait(); err != nil {
		t.Errorf("the endpoint ended with %v", err)
	}
}

func TestLogsAreJSONLinesWithoutSecrets(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, nil)
	r.expect(t, r.newCall(somebody, "Create", map[string]any{"ticketId": "12345", "stackId": strings.Replace(stackID, "5d1e8a70", "guid8a70", 1)}), nil)
	bad := r.newCall(somebody, "Create", nil)
	bad.proof = func(s string) string { return s + "x" }
	r.expect(t, bad, invalidProof)
	log := r.log.String()
	lines := strings.Split(strings.TrimSpace(log), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines:\n%s", len(lines), log)
	}
	for i, want := range []map[string]any{
		{"level": "INFO", "msg": "taken", "account": customer, "stack": "doit", "role": roleArn, "ticket": "12345", "status": 200.0},
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
	for _, secret := range []string{externalID, "guid8a70", "X-Amz-", somebody.SessionToken[:20], somebody.AccessKeyID} {
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
	var usage bytes.Buffer
	if _, err := parseOptions([]string{"-h"}, &usage); err == nil || !strings.Contains(usage.String(), "-audience host[:port]") {
		t.Errorf("-h says %v and prints %s", err, usage.String())
	}
}
