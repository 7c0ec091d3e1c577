package child_test

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/child"
)

// A command ends with all that it started, and only because its context ended.
func TestACommandEndsWithWhatItStarted(t *testing.T) {
	t.Parallel()
	// As in the programs: a child of who ignores Ctrl-C, as a shell's background job does, would ignore it too.
	ctx, cancel := signal.NotifyContext(t.Context(), os.Interrupt)
	defer cancel()
	up := filepath.Join(t.TempDir(), "up")
	if err := os.WriteFile(up, []byte("up\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// What it starts is there once it has said something. (A shell that is told to end between two commands begins
	// the second.)
	cmd := child.Command(ctx, "sh", "-c", `tail -f "$0"; echo down`, up)
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = in
	if err := errors.Join(cmd.Start(), in.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("up\n"))); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := cmd.Wait(); err == nil {
		t.Error("ended well")
	}
	if err := out.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 { // at its end, nobody has the other end any more
		t.Errorf("went on to say %q (%v)", rest, err)
	}
}

func TestWhatTakesLongIsSaid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		takes time.Duration
		said  string
	}{
		{name: "nothing of what is quick", takes: 2 * time.Second},
		{name: "once", takes: 10 * time.Second, said: "compiling; 3 s so far\n"},
		{name: "again and again", takes: 30 * time.Second, said: "compiling; 3 s so far\ncompiling; 23 s so far\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out strings.Builder
				failed := errors.New("failed")
				err := child.Patiently(&out, "compiling", func() error {
					time.Sleep(c.takes)
					return failed
				})
				synctest.Wait()
				if !errors.Is(err, failed) {
					t.Errorf("returned %v", err)
				}
				if out.String() != c.said {
					t.Errorf("said %q, want %q", out.String(), c.said)
				}
			})
		})
	}
}
