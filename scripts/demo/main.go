// Command demo shows the whole life of a grant: the published template is
// launched, used, dismissed, approved, updated and deleted in a local cloud,
// which runs the built function and enforces IAM, beside DoiT's reference
// endpoint.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/given"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

type options struct {
	colour  bool
	picture string // the file to draw it in, if any
}

func main() {
	var o options
	coloured := isTerminal(os.Stdout) && os.Getenv("NO_COLOR") == ""
	flag.BoolVar(&o.colour, "colour", coloured, "colours, also where the output is no terminal")
	flag.StringVar(&o.picture, "svg", "", "draw the output in this `file` too, and one screen of it beside that")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := given.Parse()
	if err == nil {
		err = run(ctx, o, os.Stdout, os.Stderr)
	}
	if complain(ctx, err, os.Stderr) {
		os.Exit(1)
	}
	stop()
}

// complain says in one line what went wrong, if anything did. After an
// interruption nobody asks what was under way.
func complain(ctx context.Context, err error, to io.Writer) bool {
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_, _ = fmt.Fprintln(to, "demo:", err) // nobody is left to tell
	}
	return err != nil
}

func run(ctx context.Context, o options, out, progress io.Writer) error {
	published, err := template.Read()
	if err != nil {
		return err
	}
	g := &grant{stage: &stage{out: out, colour: o.colour}, template: published, seen: map[string]bool{}}
	g.world, err = newWorld(ctx, g.stage, published, progress)
	defer g.world.close()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := g.play(ctx); err != nil {
		return err
	}
	g.curtain(time.Since(began))
	if o.picture != "" {
		if err := draw(o.picture, g.shown); err != nil {
			return err
		}
	}
	if g.bad > 0 {
		return fmt.Errorf("%d of %d did not go as they should", g.bad, g.good+g.bad)
	}
	return nil
}

func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
