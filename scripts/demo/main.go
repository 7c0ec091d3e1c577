// Command demo shows the whole life of a grant: the published template is
// launched, used, dismissed, approved, updated and deleted in a local cloud,
// which runs the built function and enforces IAM, beside DoiT's reference
// endpoint. With -aws the same happens in a real account.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

type options struct {
	aws      bool
	stack    string
	region   string
	ticket   string
	engineer string
	endpoint string
	colour   bool
	picture  string
	pause    time.Duration // between two looks at the stack
}

func main() {
	var o options
	flag.BoolVar(&o.aws, "aws", false, "play in the AWS account of the credentials in the environment, and not in a local cloud")
	flag.StringVar(&o.stack, "stack", "doit-support-demo", "the `name` of the stack that is made, and deleted at the end")
	flag.StringVar(&o.region, "region", "eu-west-1", "the `region` of the stack")
	flag.StringVar(&o.ticket, "ticket", "12345", "the `number` of the support request")
	flag.StringVar(&o.engineer, "engineer", "", "with -aws: a `profile` with a role of DoiT's account, to show the door from outside")
	flag.StringVar(&o.endpoint, "endpoint", "", "with -aws: another `URL` of DoiT's to register at than the template's own")
	flag.BoolVar(&o.colour, "colour", isTerminal(os.Stdout) && os.Getenv("NO_COLOR") == "", "colours, also where the output is no terminal")
	flag.StringVar(&o.picture, "svg", "", "write a picture of the output to this `file` too")
	flag.Parse()
	o.pause = 50 * time.Millisecond
	if o.aws {
		o.pause = time.Second // AWS throttles
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out, progress io.Writer) (err error) {
	published, err := template.Read()
	if err != nil {
		return err
	}
	if err := published.Check("TicketId", o.ticket); err != nil {
		return err
	}
	if !o.aws && (o.engineer != "" || o.endpoint != "") {
		return errors.New("-engineer and -endpoint go with -aws; the local cloud has its own")
	}
	g := &grant{
		stage: &stage{out: out, colour: o.colour}, template: published,
		stack: o.stack, ticket: o.ticket, endpoint: o.endpoint, seen: map[string]bool{}, pause: o.pause,
	}
	if o.aws {
		err = g.realAccount(ctx, o.region, o.engineer)
	} else {
		var w *world
		w, err = newWorld(ctx, g, o.region, progress)
		defer w.close()
	}
	if err != nil {
		return err
	}
	began := time.Now()
	if err = g.play(ctx); err != nil {
		return errors.Join(err, g.remove(ctx))
	}
	g.curtain(time.Since(began))
	if o.picture != "" {
		if err := os.WriteFile(o.picture, picture(g.shown), 0o600); err != nil {
			return fmt.Errorf("write the picture: %w", err)
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
