package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

// TestCheckLooksAndNothingElseDoes runs link behind a proxy that is all of the
// internet for it, S3 included.
func TestCheckLooksAndNothingElseDoes(t *testing.T) {
	t.Parallel()
	const public = "doit-aws-ops-prod-templates.s3.amazonaws.com"
	const code = "doit-aws-ops-code-462932234033-eu-west-1-an.s3.eu-west-1.amazonaws.com"
	for _, c := range []struct {
		name   string
		args   []string
		answer http.HandlerFunc // nothing answers without it
		asked  []string         // parts of what is asked for, in the alphabet's order
		notes  []string         // parts of what is said of it, likewise
	}{
		{
			name:   "all is there",
			answer: status(http.StatusOK),
			asked:  []string{code + "/registration/", public + "/doitmanagement/"},
		},
		{
			name:   "the commands",
			args:   []string{"-format", "cli"},
			answer: status(http.StatusOK),
			asked:  []string{code + "/registration/", public + "/doitmanagement/"},
		},
		{
			name:   "the page",
			args:   []string{"-page"},
			answer: status(http.StatusOK),
			asked:  []string{code + "/registration/", public + "/doitmanagement/", public + "/launch/"},
		},
		{
			name:   "an organization",
			args:   []string{"-organization"},
			answer: status(http.StatusOK),
			asked:  []string{code + "/registration/", public + "/doitmanagement/", public + "/organization/"},
		},
		{
			name:   "nothing is there",
			answer: status(http.StatusNotFound),
			asked:  []string{code, public},
			notes:  []string{"note: https://" + code + "/", "note: https://" + public + "/"},
		},
		{
			name:   "not for everybody",
			answer: status(http.StatusForbidden),
			asked:  []string{code, public},
			notes:  []string{"is not there, or not public", "is not there, or not public"},
		},
		{
			name: "another region's",
			answer: func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://evil.example/", http.StatusMovedPermanently)
			},
			asked: []string{code, public},
			notes: []string{"answered 301 Moved Permanently", "answered 301 Moved Permanently"},
		},
		{
			name:   "S3 is down",
			answer: status(http.StatusServiceUnavailable),
			asked:  []string{code, public},
			notes:  []string{"answered 503 Service Unavailable", "answered 503 Service Unavailable"},
		},
		{
			name:  "nobody answers",
			asked: []string{code, public},
			notes: []string{"within 3 seconds at https://" + code, "within 3 seconds at https://" + public},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			world := newWorld(t, c.answer)
			args := append(c.args, "-region", "eu-west-1", "-ticket", "12345")
			without, _ := world.link(t, args...)
			if asked := world.seen(); len(asked) > 0 {
				t.Errorf("without the check it asks %q", asked)
			}
			printed, said := world.link(t, append(args, "-check")...)
			if printed != without || printed == "" {
				t.Errorf("with the check it prints %q, without %q", printed, without)
			}
			asked := world.seen()
			wantParts(t, "asked", asked, c.asked)
			for _, request := range asked {
				if !strings.HasPrefix(request, "HEAD https://") {
					t.Errorf("asked %s", request)
				}
			}
			var notes []string
			for note := range strings.Lines(said) {
				if !strings.Contains(note, "is not that of the tag") && !strings.Contains(note, "ticks two boxes") {
					notes = append(notes, note)
				}
			}
			slices.Sort(notes)
			wantParts(t, "said", notes, c.notes)
		})
	}
}

func wantParts(t *testing.T, what string, got, want []string) {
	t.Helper()
	same := slices.EqualFunc(got, want, func(got, want string) bool { return strings.Contains(got, want) })
	if !same {
		t.Errorf("%s %q, want %q", what, got, want)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// world is a proxy that answers for every host.
type world struct {
	proxy, roots string

	mu    sync.Mutex
	asked []string
}

func newWorld(t *testing.T, answer http.HandlerFunc) *world {
	t.Helper()
	certificate, err := runtimeapi.NewCertificate(t.TempDir(), "*.s3.amazonaws.com", "*.s3.eu-west-1.amazonaws.com")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{roots: certificate.File}
	s3, err := certificate.Serve(http.HandlerFunc(func(writer http.ResponseWriter, r *http.Request) {
		w.note(r.Method + " https://" + r.Host + r.URL.Path)
		if r.Header.Get("Authorization") != "" {
			t.Error("somebody's credentials are sent")
		}
		answer(writer, r)
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s3.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(writer http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if r.Method != http.MethodConnect || err != nil {
			t.Errorf("the proxy is asked for %s %s", r.Method, r.Host)
			return
		}
		if answer == nil {
			w.note("HEAD https://" + host)
			<-r.Context().Done()
			return
		}
		join(t, writer, s3.Host)
	}))
	t.Cleanup(proxy.Close)
	w.proxy = proxy.URL
	return w
}

// join connects the client of a CONNECT with a server.
func join(t *testing.T, w http.ResponseWriter, address string) {
	server, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	go func() {
		_, _ = io.Copy(server, client) // until either hangs up
		_ = server.Close()
	}()
	_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	_, _ = io.Copy(client, server)
	_ = client.Close()
}

func (w *world) note(request string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, request)
}

func (w *world) seen() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(slices.Values(w.asked))
}

// link runs the program as make does.
func (w *world) link(t *testing.T, args ...string) (printed, said string) {
	t.Helper()
	link := exec.CommandContext(t.Context(), "link", args...) // #nosec G204 -- a test's own
	link.Env = append(os.Environ(), "HTTPS_PROXY="+w.proxy, "NO_PROXY=", "SSL_CERT_FILE="+w.roots,
		"AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=secret")
	var stderr strings.Builder
	link.Stderr = &stderr
	out, err := link.Output()
	if err != nil {
		t.Errorf("it failed: %v\n%s", err, stderr.String())
	}
	return string(out), stderr.String()
}
