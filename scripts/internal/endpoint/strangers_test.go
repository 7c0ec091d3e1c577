package endpoint

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestLargeRequestsTakeLittleMemory: 500 callers whose thousands of headers are read
// wait for STS. It runs alone, since what others allocate counts too.
func TestLargeRequestsTakeLittleMemory(t *testing.T) {
	const callers = 500
	asked, goOn := make(chan struct{}, callers), make(chan struct{})
	r, _ := startScripted(t, scripted{identify: func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-goOn
	}}, nil, func(o *options) { o.limits.identityCalls, o.limits.identity = callers, time.Minute })
	defer close(goOn)
	large := r.newCall(somebody, "Create", nil)
	large.header = func(h http.Header) {
		for i := range 2000 {
			h[strconv.FormatInt(int64(i+36*36), 36)] = []string{""}
		}
	}
	request, err := r.request(t, large)
	var text bytes.Buffer
	if err = errors.Join(err, request.Write(&text)); err != nil {
		t.Fatal(err)
	}
	before := heap()
	for range callers {
		if _, err := r.dial(t).Write(text.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	for range callers {
		<-asked
	}
	if grown := heap() - before; grown > callers*100<<10 {
		t.Errorf("%d callers take %d KB each", callers, grown/callers>>10)
	}
}

// heap is what is in use, without garbage.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestTheProtocolsLinesAreShort(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	settings := r.settings()
	for range 200 {
		settings.NextProtos = append(settings.NextProtos, strings.Repeat("\x01", 255))
	}
	dialer := &tls.Dialer{Config: settings}
	if conn, err := dialer.DialContext(t.Context(), "tcp", r.audience); err == nil {
		_ = conn.Close()
		t.Error("a protocol that nobody knows is spoken")
	}
	r.log.await(t, "unsupported application protocols")
	for line := range strings.Lines(r.log.String()) {
		var said struct{ Level, Msg string }
		if err := json.Unmarshal([]byte(line), &said); err != nil || said.Level != "WARN" {
			t.Errorf("the log has %.100s", line)
		}
		if len(line) > 512+100 {
			t.Errorf("a line of the log has %d bytes", len(line))
		}
	}
}

// TestNoPartOfARequestIsWaitedForLongerThanAllOfIt: headers and body have five
// seconds each by their own limits, and the request one.
func TestNoPartOfARequestIsWaitedForLongerThanAllOfIt(t *testing.T) {
	t.Parallel()
	for name, part := range map[string]string{"half headers": halfRequest[:30], "half a body": halfRequest} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, nil, func(o *options) { o.limits.request = time.Second })
			began := time.Now()
			conn := r.dial(t)
			write(t, conn, part)
			if part == halfRequest {
				if a := read(t, conn); a.problem.Type != bodyIncomplete.Type {
					t.Errorf("the answer is %v", a)
				}
				if level := r.lastLine(t)["level"]; string(level) != `"WARN"` { // whoever is slow has not hung up
					t.Errorf("it is logged as %s", level)
				}
			}
			closed(t, conn)
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("it was waited for %v", took)
			}
		})
	}
}

// TestTheRestOfABodyHasItsTimeToo where nobody reads it: net/http itself waits for it, before it
// closes the connection.
func TestTheRestOfABodyHasItsTimeToo(t *testing.T) {
	t.Parallel()
	r := start(t, nil, func(o *options) { o.limits.body = 500 * time.Millisecond })
	admin, err := net.Dial("tcp", strings.TrimPrefix(r.admin, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }() // the endpoint may have been first
	began := time.Now()
	for what, conn := range map[string]net.Conn{"elsewhere": r.dial(t), "the admin's page": admin} {
		write(t, conn, "GET /elsewhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf")
		closed(t, conn)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("at %s it was waited for %v", what, took)
		}
	}
}

func TestOptionsOfEverythingIsAPathLikeAnyOther(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	conn := r.dial(t)
	write(t, conn, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
	if a := read(t, conn); a.problem.Type != notFound.Type {
		t.Errorf("the answer is %v", a)
	}
}

// TestTheStartTellsWhereFilesAreTooFew, since each connection is one.
func TestTheStartTellsWhereFilesAreTooFew(t *testing.T) {
	t.Parallel()
	const others = 2*(256+256) + 2*65 + 64
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // one that starts does not end
	defer cancel()
	for connections, enough := range map[int]bool{100: true, 101: false} {
		endpoint := program(t, "-verify-role=false", "-connections", fmt.Sprint(connections))
		process := exec.CommandContext(ctx, "sh", append([]string{ // #nosec G204 -- this test
			"-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, 100+others),
		}, endpoint.Args...)...)
		process.Env = endpoint.Env
		if enough {
			r := startProgram(t, process)
			r.expect(t, r.newCall(somebody, "Get", nil), invalidRegistration)
			continue
		}
		var said bytes.Buffer
		process.Stderr = &said
		want := fmt.Sprintf("endpoint: with -connections 101 it may need %d open files, and the system allows %d:",
			101+others, 100+others)
		if err := process.Run(); err == nil || !strings.HasPrefix(said.String(), want) {
			t.Errorf("it ended with %v and says %q, want %q", err, &said, want)
		}
	}
}

func TestASignalAtTheStartIsNoError(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 10)
	mute := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(mute.Close)
	process := program(t)
	process.Env = append(withoutVariables(process.Env, "AWS_ACCESS_KEY_ID", "AWS_EC2_METADATA_DISABLED"),
		"AWS_EC2_METADATA_SERVICE_ENDPOINT="+mute.URL)
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	end(t, process, syscall.SIGTERM)
}

func TestASignalBesideAHeldDatabaseIsNoError(t *testing.T) {
	t.Parallel()
	held := heldDatabase(t)
	process := program(t, "-db", held)
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	for !opened(process.Process.Pid, held) {
		time.Sleep(time.Millisecond)
	}
	end(t, process, syscall.SIGTERM)
}

// opened tells whether a process has a file open.
func opened(pid int, file string) bool {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	return slices.ContainsFunc(files, func(name string) bool {
		target, err := os.Readlink(name)
		return err == nil && target == file
	})
}
