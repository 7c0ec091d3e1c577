package endpoint

import (
	"bytes"
	"database/sql"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// startProcess runs the endpoint as a program of its own: this test binary, see
// TestMain.
func startProcess(t testing.TB, flags ...string) (*exec.Cmd, *running) {
	t.Helper()
	process := program(t, flags...)
	return process, startProgram(t, process)
}

func startProgram(t testing.TB, process *exec.Cmd) *running {
	t.Helper()
	r := &running{log: &lockedBuffer{}}
	process.Stderr = r.log
	stdout, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill() // it may have ended
		_ = process.Wait()
		if t.Failed() {
			t.Logf("the endpoint's log ends:\n%s", r.log)
		}
	})
	r.ready(t, stdout)
	return r
}

// program is the endpoint as a program of its own, which listens wherever there is a port.
func program(t testing.TB, flags ...string) *exec.Cmd {
	t.Helper()
	file, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	process := exec.CommandContext(t.Context(), file, append([]string{ // #nosec G204 -- this test
		"-listen", "127.0.0.1:0", "-admin", "127.0.0.1:0", "-cert", certificate.File, "-key", certificate.KeyFile,
	}, flags...)...)
	process.Env = append(os.Environ(), "ENDPOINT_PROCESS=1")
	return process
}

// end sends a signal and waits for the end.
func end(t *testing.T, process *exec.Cmd, signal os.Signal) {
	t.Helper()
	if err := process.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if err := process.Wait(); err != nil {
		t.Errorf("the endpoint ended with %v", err)
	}
}

func TestARestartLosesNothing(t *testing.T) {
	t.Parallel()
	sts := countSTS(t, scripted{})
	flags := []string{"-db", filepath.Join(t.TempDir(), "registrations?of=#100%.db"), "-sts", sts.url}
	process, r := startProcess(t, flags...)
	changed := func(requestType, day, ticket string) *call {
		return r.newCall(somebody, requestType, map[string]any{
			"issuedAt": "2026-01-" + day + "T00:00:00Z", "ticketId": ticket,
		})
	}
	r.expect(t, changed("Create", "02", "1"), nil)
	r.expect(t, changed("Update", "04", "2"), nil)
	r.http.CloseIdleConnections()
	end(t, process, syscall.SIGTERM)

	_, r = startProcess(t, flags...)
	rows := r.list(t)
	if len(rows) != 1 || rows[0].TicketID != "2" || len(rows[0].History) != 2 {
		t.Errorf("rows after the restart: %+v", rows)
	}
	r.expect(t, changed("Update", "03", "1"), overtaken)
	tried := sts.trust.Load()
	r.expect(t, changed("Update", "05", "1"), nil)
	if sts.trust.Load() != tried {
		t.Error("what the row said before its last change was forgotten")
	}
}

// TestASignalEndsWhatHasBegunAndNothingElse: a whole request is answered, and
// nobody waits for half of one, nor for who says nothing.
func TestASignalEndsWhatHasBegunAndNothingElse(t *testing.T) {
	t.Parallel()
	verifying, goOn := make(chan struct{}), make(chan struct{})
	sts := countSTS(t, scripted{assume: func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("ExternalId") == "" {
			close(verifying)
			<-goOn
		}
		assumable(w, r)
	}})
	process, r := startProcess(t, "-sts", sts.url)
	silent, half := r.dial(t), r.dial(t)
	write(t, half, halfRequest)
	answered := make(chan answer, 1)
	go func() {
		a, err := r.try(t, r.newCall(somebody, "Create", nil))
		if err != nil {
			t.Error(err)
		}
		answered <- a
	}()
	<-verifying
	signalled := time.Now()
	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	closed(t, silent)
	closed(t, half)
	// By its own limits the endpoint would wait for them five seconds.
	if took := time.Since(signalled); took > 4*time.Second {
		t.Errorf("the connections were closed after %v", took)
	}
	// It ends what has begun however long that takes, up to a request's whole clock.
	<-time.After(time.Until(signalled.Add(2500 * time.Millisecond)))
	close(goOn)
	if a := <-answered; a.status != http.StatusOK || !a.closes {
		t.Errorf("the request under way is answered %v, and its connection closed: %v", a, a.closes)
	}
	if err := process.Wait(); err != nil {
		t.Errorf("the endpoint ended with %v", err)
	}
}

func TestASecondSignalEndsItAtOnce(t *testing.T) {
	t.Parallel()
	verifying := make(chan struct{})
	sts := countSTS(t, scripted{assume: func(w http.ResponseWriter, r *http.Request) {
		close(verifying)
		slow("")(w, r)
	}})
	process, r := startProcess(t, "-sts", sts.url)
	silent := r.dial(t)
	began := time.Now()
	answered := make(chan error, 1)
	go func() {
		_, err := r.try(t, r.newCall(somebody, "Create", nil))
		answered <- err
	}()
	<-verifying
	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	closed(t, silent) // the first signal has come
	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := process.Wait(); err == nil {
		t.Error("the endpoint ended as if all were said")
	}
	if err := <-answered; err == nil {
		t.Error("a request that was broken off is answered")
	}
	if took := time.Since(began); took > 7*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestAHungRequestDoesNotOutliveTheEndpoint(t *testing.T) {
	t.Parallel()
	process, r := startProcess(t, "-hang", "-verify-role=false")
	sent, ended := make(chan struct{}), make(chan error, 1)
	c := r.newCall(somebody, "Create", nil)
	c.ctx = httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { close(sent) },
	})
	go func() {
		_, err := r.try(t, c)
		ended <- err
	}()
	<-sent
	end(t, process, syscall.SIGINT)
	if err := <-ended; err == nil {
		t.Error("a hung request was answered")
	}
}

// TestTheStartTells what a customer would be told otherwise.
func TestTheStartTells(t *testing.T) {
	t.Parallel()
	old := filepath.Join(t.TempDir(), "old.db")
	conn, err := sql.Open("sqlite", old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "CREATE TABLE registrations (id TEXT)"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	mute := httptest.NewServer(http.NotFoundHandler()) // the metadata of a machine without a role
	t.Cleanup(mute.Close)
	held := heldDatabase(t)
	for name, c := range map[string]struct {
		flags []string
		lacks []string // variables
		want  string
	}{
		"no credentials": {lacks: []string{"AWS_ACCESS_KEY_ID"}, want: "find credentials for AssumeRole"},
		"a machine without a role": {
			lacks: []string{"AWS_ACCESS_KEY_ID", "AWS_EC2_METADATA_DISABLED"}, want: "find credentials for AssumeRole",
		},
		"a wildcard":               {flags: []string{"-listen", ":0"}, want: "-audience"},
		"a wrong number":           {flags: []string{"-throttle", "three"}, want: `invalid value "three"`},
		"a database of something":  {flags: []string{"-db", certificate.File}, want: certificate.File},
		"a database of an old one": {flags: []string{"-db", old}, want: "its schema is version 0"},
		"a database that is held":  {flags: []string{"-db", held}, want: held},
		"a folder for a database":  {flags: []string{"-db", filepath.Dir(old)}, want: filepath.Dir(old)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			process := program(t, c.flags...)
			process.Env = append(withoutVariables(process.Env, c.lacks...),
				"AWS_EC2_METADATA_SERVICE_ENDPOINT="+mute.URL)
			var said bytes.Buffer
			process.Stderr = &said
			if err := process.Run(); err == nil {
				t.Fatal("it ended as if all were well")
			}
			if !strings.Contains(said.String(), c.want) || strings.Count(said.String(), "\n") != 1 {
				t.Errorf("it says %q, want one line with %q", &said, c.want)
			}
		})
	}
}

// heldDatabase is one that somebody else keeps until the test ends.
func heldDatabase(t *testing.T) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "held.db")
	do(t, database(t, file), "CREATE TABLE x (y)")
	do(t, database(t, file), "BEGIN EXCLUSIVE")
	return file
}

func TestHelpIsTheUsage(t *testing.T) {
	t.Parallel()
	process := program(t, "-h")
	var said bytes.Buffer
	process.Stderr = &said
	if err := process.Run(); err != nil {
		t.Error(err)
	}
	for _, flag := range []string{"-audience host[:port]", "-per-account N", "-connections N"} {
		if !strings.Contains(said.String(), flag) {
			t.Errorf("the usage lacks %s:\n%s", flag, &said)
		}
	}
}

// TestTheEnvironmentsFIPSDoesNoHarm: STS has no such endpoint in most regions. The
// endpoint's own credentials come from STS too, as in a container of EKS.
func TestTheEnvironmentsFIPSDoesNoHarm(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	sts := countSTS(t, scripted{assume: func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("Action") == "AssumeRoleWithWebIdentity" {
			asked.Add(1)
			says(http.StatusOK, strings.ReplaceAll(sessionXML, "AssumeRoleRes", "AssumeRoleWithWebIdentityRes"))(w, r)
			return
		}
		assumable(w, r)
	}})
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a token"), 0o600); err != nil {
		t.Fatal(err)
	}
	process := program(t, "-sts", sts.url)
	static := []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
	process.Env = append(withoutVariables(process.Env, static...),
		"AWS_REGION=eu-west-3", "AWS_WEB_IDENTITY_TOKEN_FILE="+token, "AWS_ROLE_ARN="+roleArn,
		"AWS_USE_FIPS_ENDPOINT=true", "AWS_ENDPOINT_URL_STS="+sts.url,
		"HTTPS_PROXY=http://127.0.0.1:1", "HTTP_PROXY=http://127.0.0.1:1")
	r := startProgram(t, process)
	r.expect(t, r.newCall(somebody, "Create", nil), nil)
	if tries := sts.trust.Load() - asked.Load(); tries != 4 || asked.Load() != 1 {
		t.Errorf("the role was tried %d times, with credentials that were asked for %d times", tries, asked.Load())
	}
}

// TestNobodyStandsBetweenTheEndpointAndSTS: a proxy would see proofs and the sessions
// of roles. Go never asks one for a loopback address, so this STS has a name.
func TestNobodyStandsBetweenTheEndpointAndSTS(t *testing.T) {
	t.Parallel()
	var proxied atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxied.Add(1)
		http.NotFound(w, r)
	}))
	t.Cleanup(proxy.Close)
	process := program(t, "-sts", "https://sts.invalid", "-verify-role=false")
	process.Env = append(withoutVariables(process.Env, "NO_PROXY", "no_proxy"),
		"HTTPS_PROXY="+proxy.URL, "https_proxy="+proxy.URL, "HTTP_PROXY="+proxy.URL, "ALL_PROXY="+proxy.URL)
	r := startProgram(t, process)
	r.expect(t, r.newCall(somebody, "Create", nil), stsUnavailable)
	if count := proxied.Load(); count > 0 {
		t.Errorf("the proxy was asked %d times", count)
	}
}

// TestCredentialsThatNoRoleAdmitsAreToldAtTheStart: the template's roles let in
// sessions of roles only, and each customer would be told that the role does not open.
func TestCredentialsThatNoRoleAdmitsAreToldAtTheStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lacks []string // variables
		lines int
	}{
		"a role's": {},
		"a user's": {lacks: []string{"AWS_SESSION_TOKEN"}, lines: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			process := program(t)
			process.Env = withoutVariables(process.Env, c.lacks...)
			r := startProgram(t, process)
			end(t, process, syscall.SIGTERM) // now all that it says has come
			said := r.log.String()
			told := strings.Count(said, `"level":"WARN","msg":"the credentials for AssumeRole are not a role's`)
			if told != c.lines {
				t.Errorf("it says %q, want %d lines that warn of the credentials", said, c.lines)
			}
		})
	}
}

// withoutVariables is an environment that lacks some.
func withoutVariables(environment []string, names ...string) []string {
	return slices.DeleteFunc(environment, func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(names, name)
	})
}
