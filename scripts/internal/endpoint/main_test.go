package endpoint

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

// The accounts of the tests. DoiT's is the one in the template.
const (
	doit     = "462932234033"
	customer = "111122223333"
	stranger = "999999999999"
)

// files of all tests, and the one local cloud that they share.
var (
	scratch     string
	certificate *runtimeapi.Certificate
	cloud       *localcloud.Cloud
)

func TestMain(m *testing.M) {
	if os.Getenv("ENDPOINT_PROCESS") != "" {
		os.Exit(Main()) // the tests start this binary where they need a process to kill
	}
	os.Exit(tests(m))
}

func tests(m *testing.M) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var err error
	if scratch, err = os.MkdirTemp("", "endpoint-"); err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(scratch) }() // a scratch folder
	if certificate, err = runtimeapi.NewCertificate(scratch); err != nil {
		panic(err)
	}
	// The endpoint finds its own credentials in the environment, and nowhere else.
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "ASIAENDPOINT00000000", "AWS_SECRET_ACCESS_KEY": "endpoint",
		"AWS_SESSION_TOKEN": strings.Repeat("t", 32),
		"AWS_CONFIG_FILE":   os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	startCloud = sync.OnceValue(func() error {
		if cloud, err = localcloud.Start(ctx, localcloud.Options{Progress: os.Stderr}); err != nil {
			return err
		}
		return hireDoiT(ctx)
	})
	defer func() {
		if cloud != nil {
			cloud.Stop()
		}
	}()
	return m.Run()
}

// startCloud starts the local cloud once, for the tests that want it.
var startCloud func() error

// hireDoiT gives the endpoint the session of a role in DoiT's account.
func hireDoiT(ctx context.Context) error {
	session, err := cloud.Session(ctx, doit, "registration-endpoint", "endpoint", "sts:AssumeRole")
	if err != nil {
		return err
	}
	return errors.Join(os.Setenv("AWS_ACCESS_KEY_ID", session.AccessKeyID),
		os.Setenv("AWS_SECRET_ACCESS_KEY", session.SecretAccessKey),
		os.Setenv("AWS_SESSION_TOKEN", session.SessionToken))
}

// running is an endpoint under test: the real server, on loopback, over TLS.
type running struct {
	url, admin string
	audience   string
	http       *http.Client
	log        *lockedBuffer
}

// start runs the endpoint in this process, with the command line given behind
// the flags that every test needs. Limits are shorter than the real ones where a
// test has to wait for them.
func start(t testing.TB, flags []string, adjust ...func(*options)) *running {
	t.Helper()
	o, err := parseOptions(append([]string{
		"-listen", "127.0.0.1:0", "-admin", "127.0.0.1:0",
		"-cert", certificate.File, "-key", certificate.KeyFile,
	}, flags...), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range adjust {
		change(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended, log := make(chan error, 1), &lockedBuffer{}
	stdout, writer := io.Pipe()
	go func() {
		err := serve(ctx, o, writer, slog.New(slog.NewJSONHandler(log, nil)))
		writer.CloseWithError(fmt.Errorf("the endpoint ended: %w", err))
		ended <- err
	}()
	r := &running{log: log}
	r.ready(t, stdout)
	t.Cleanup(func() {
		r.http.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the endpoint ended with %v", err)
		}
		if t.Failed() {
			t.Logf("the endpoint's log:\n%s", log)
		}
	})
	return r
}

// ready waits for the two lines that the endpoint prints.
func (r *running) ready(t testing.TB, stdout io.Reader) {
	t.Helper()
	lines := bufio.NewScanner(stdout)
	for i, want := range []struct {
		prefix string
		url    *string
	}{{"admin on ", &r.admin}, {"listening on ", &r.url}} {
		if !lines.Scan() {
			t.Fatalf("line %d of the endpoint is missing: %v", i+1, lines.Err())
		}
		url, ok := strings.CutPrefix(lines.Text(), want.prefix)
		if !ok {
			t.Fatalf("line %d of the endpoint is %q, want %q and a URL", i+1, lines.Text(), want.prefix)
		}
		*want.url = url
	}
	r.audience = strings.TrimPrefix(r.url, "https://")
	r.http = &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: certificate.Pool(), MinVersion: tls.VersionTLS12},
			MaxIdleConnsPerHost: 200,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       30 * time.Second,
	}
}

// lockedBuffer is a log that can be read, and waited for, while it is written.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
	more   chan struct{} // closed with the next line
}

// await waits until the log says something.
func (b *lockedBuffer) await(t testing.TB, text string) {
	t.Helper()
	for {
		b.mu.Lock()
		if b.more == nil {
			b.more = make(chan struct{})
		}
		more, there := b.more, bytes.Contains(b.buffer.Bytes(), []byte(text))
		b.mu.Unlock()
		if there {
			return
		}
		select {
		case <-more:
		case <-t.Context().Done():
			t.Fatalf("the log does not say %q", text)
		}
	}
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.more != nil {
		close(b.more)
		b.more = nil
	}
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
