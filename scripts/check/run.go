package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/child"
)

// silence is how long nothing is said before the checks that run are named.
const silence = 20 * time.Second

// A run shows what the checks say as they say it.
type run struct {
	mutex   sync.Mutex
	said    time.Time            // when something was last printed
	running map[string]time.Time // since when
	results map[string]string
}

const (
	passed      = "passed"
	failed      = "failed"
	interrupted = "interrupted"
	notRun      = "not run"
)

// runAll runs the checks one after the other, with one lane for those beside,
// all of them also where one fails, and tells whether all passed.
func runAll(ctx context.Context, checks []check) bool {
	start := time.Now()
	r := &run{said: start, running: map[string]time.Time{}, results: map[string]string{}}
	done := make(chan struct{})
	go r.breakSilence(checks, done)
	var lanes sync.WaitGroup
	for _, beside := range []bool{false, true} {
		lanes.Go(func() {
			for i, c := range checks {
				if c.beside == beside {
					r.one(ctx, c, fmt.Sprintf("[%d/%d] %s", i+1, len(checks), c.name))
				}
			}
		})
	}
	lanes.Wait()
	close(done)
	return r.conclude(checks, time.Since(start))
}

func (r *run) one(ctx context.Context, c check, title string) {
	if ctx.Err() != nil {
		r.result(c, notRun)
		return
	}
	began := time.Now()
	_, _ = fmt.Fprintln(r, title)
	r.begin(c, began)
	err := c.run(ctx, r)
	result, mark := passed, "✓"
	switch {
	case err != nil && ctx.Err() != nil:
		result, mark = interrupted, "-"
	case err != nil:
		result, mark = failed, "✗"
		_, _ = fmt.Fprintln(r, err)
	}
	r.result(c, result)
	_, _ = fmt.Fprintf(r, "  %s %s  %.1f s\n", mark, c.name, time.Since(began).Seconds())
}

func (r *run) begin(c check, now time.Time) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.running[c.name] = now
}

func (r *run) result(c check, result string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	delete(r.running, c.name)
	r.results[c.name] = result
}

// Write prints to standard output.
func (r *run) Write(text []byte) (int, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.said = time.Now()
	return os.Stdout.Write(text)
}

// breakSilence names the checks that run when nothing was said for a while.
func (r *run) breakSilence(checks []check, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(time.Second):
		}
		r.mutex.Lock()
		var line strings.Builder
		for _, c := range checks {
			since, ok := r.running[c.name]
			if !ok || time.Since(r.said) < silence {
				continue
			}
			fmt.Fprintf(&line, "  … %s: %.0f s so far", c.name, time.Since(since).Seconds())
			if c.once != "" {
				fmt.Fprintf(&line, " (the first run %s, once)", c.once)
			}
			line.WriteString("\n")
		}
		r.mutex.Unlock()
		if line.Len() > 0 {
			_, _ = io.WriteString(r, line.String())
		}
	}
}

func (r *run) conclude(checks []check, took time.Duration) bool {
	named := map[string][]string{}
	for _, c := range checks {
		result := r.results[c.name]
		named[result] = append(named[result], c.name)
	}
	fmt.Printf("\n%.0f s in all", took.Seconds())
	if len(named[failed]) > 0 {
		fmt.Printf("; failed: %s", strings.Join(named[failed], ", "))
	}
	fmt.Printf("\n%d passed, %d failed", len(named[passed]), len(named[failed]))
	for _, result := range []string{interrupted, notRun} {
		if n := len(named[result]); n > 0 {
			fmt.Printf(", %d %s", n, result)
		}
	}
	fmt.Println()
	return len(named[passed]) == len(checks)
}

// quietly runs a command, and shows what it printed only if it fails.
func quietly(ctx context.Context, dir string, args ...string) error {
	var out bytes.Buffer
	if err := loudly(ctx, dir, &out, args...); err != nil {
		return fmt.Errorf("%w\n%s", err, bytes.TrimSpace(out.Bytes()))
	}
	return nil
}

func loudly(ctx context.Context, dir string, out io.Writer, args ...string) error {
	cmd := child.Command(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return nil
}
