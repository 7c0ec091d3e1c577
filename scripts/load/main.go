// Command load measures the reference endpoint under 200 callers at once, each
// registration over a new TLS connection as the function makes it: how many a
// second it takes, how long each waits, and what each costs in processor time.
// With -before it measures an earlier commit's endpoint in the same run, in
// turn, so that both meet the same machine.
//
// Processors and the disk's fsync share the work between them, so a fast disk
// shows the processors alone: -fsync makes it as slow as one behind a network.
//
// The callers are this process. AWS STS is a double in a process of its own,
// which verifies each signature by making it again.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"text/tabwriter"

	"github.com/doitintl/aws-ro-access/scripts/internal/child"
	"github.com/doitintl/aws-ro-access/scripts/internal/given"
)

func main() {
	debug.SetGCPercent(800) // what the callers and the double take the endpoint does not have
	if len(os.Args) == 2 && os.Args[1] == doubleOfSTS {
		fmt.Fprintln(os.Stderr, "load:", serveSTS())
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	before := given.Text("before", "BEFORE", "measure the endpoint of this `commit` too")
	rounds := given.Text("rounds", "ROUNDS", "measure each setting so `often`, 3 if nothing is said")
	fsync := given.Text("fsync", "FSYNC", "let each fsync take so much longer, `1ms`, as on a disk behind a network")
	if err := given.Parse(); err != nil {
		return err
	}
	times, err := numberOf(*rounds, 3)
	if err != nil {
		return err
	}
	slower, err := slowerDisk(*fsync)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "load-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a leftover does no harm

	var builds []build
	what := "compiling the endpoint, once a commit, up to two minutes each"
	err = child.Patiently(os.Stderr, what, func() (err error) {
		builds, err = compile(ctx, dir, *before)
		return err
	})
	if err != nil {
		return err
	}
	for i := range builds {
		builds[i].slower = slower
	}
	var measured []measurement
	for _, s := range settings {
		if slower != nil && !s.file {
			continue // memory has no disk to wait for
		}
		err = child.Patiently(os.Stderr, "measuring "+s.String(), func() error {
			took, err := measure(ctx, dir, builds, s, times)
			measured = append(measured, took...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return report(measured, times)
}

func report(measured []measurement, rounds int) error {
	fmt.Printf("%d registrations from %d callers and %d accounts, %d times each; the median of these\n",
		registrations, callers, accounts, rounds)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "\tcommit\tregistrations/s\tp50\tp99\tprocessor each\t") // the flush tells
	for _, m := range measured {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%.0f\t%.0f ms\t%.0f ms\t%.2f ms\t\n", m.setting, m.commit,
			m.perSecond, m.p50.Seconds()*1000, m.p99.Seconds()*1000, m.processor.Seconds()*1000)
	}
	return w.Flush()
}
