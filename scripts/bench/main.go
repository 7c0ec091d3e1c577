// Command bench measures the function beside its peers, in one run and in turn:
//
//	floor    an empty handler on aws-lambda-go
//	plain    the straightforward handler on its cfn wrapper and the SDK's STS client
//	inline   the Python handler that most vendors write into their template
//
// Each run is a new process that gets one Create, under the Runtime API and
// between the servers of the process tests. The Go peers are built with the
// function's own flags.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/doitintl/aws-ro-access/scripts/internal/child"
	"github.com/doitintl/aws-ro-access/scripts/internal/given"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

func main() {
	runs := flag.Int("runs", 50, "measure each peer this many times")
	readme := flag.Bool("readme", false, "print the README's table, and draw its chart in scripts/bench/bench.svg")
	given.Main("bench", func(ctx context.Context) error { return run(ctx, *runs, *readme) })
}

func run(ctx context.Context, runs int, readme bool) error {
	if runs < 1 {
		return fmt.Errorf("-runs %d measures nothing", runs)
	}
	root, err := repo.Root()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a leftover does no harm

	var peers []*peer
	err = child.Patiently(os.Stderr, "compiling the function and its peers: once, half a minute", func() (err error) {
		peers, err = build(ctx, root, dir)
		return err
	})
	if err != nil {
		return err
	}
	err = child.Patiently(os.Stderr, fmt.Sprintf("measuring each peer %d times", runs), func() error {
		return measure(ctx, peers, dir, runs)
	})
	if err != nil {
		return err
	}
	setting, err := newSetting(peers, runs)
	if err != nil {
		return err
	}
	if readme {
		fmt.Print(markdown(peers, setting))
		return draw(filepath.Join(root, "scripts", "bench", "bench.svg"), peers, setting)
	}
	return print(peers, setting)
}

func print(peers []*peer, s setting) error {
	fmt.Println(s)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "\tinit\t\tevent to answer\t\tpeak memory\t\tbinary\tzip\t")
	for _, p := range peers {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", p.name,
			p.init.median(), p.init.spread(), p.answer.median(), p.answer.spread(),
			p.memory.median(), p.memory.spread(), p.binary, p.zip)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Println("\n± is half of what lies between the quartiles. As ratios:")
	for _, g := range goals(peers) {
		mark := "✓"
		if !g.met() {
			mark = "✗"
		}
		fmt.Printf("  %s %-32s %6.2f   goal: %v\n", mark, g.what, g.ratio, g)
	}
	return nil
}
