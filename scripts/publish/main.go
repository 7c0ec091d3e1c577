// Command publish uploads a release: the function's zip to the bucket of every
// region, and then the templates, so that nobody ever reads a template whose
// code is missing.
//
// What stands under a key that is made from its own digest is never
// overwritten nor removed. A run that failed is made whole by running it again.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	var o options
	names := flag.String("regions", "", "publish to these `regions` only, with commas between them (default: all that the account has enabled)")
	flag.BoolVar(&o.untagged, "untagged", false, "publish a commit that has no tag of its version")
	dryRun := flag.String("dry-run", "", "with any value, print what would be done and ask nobody")
	flag.Parse()
	o.dryRun = *dryRun != ""
	o.regions = strings.FieldsFunc(*names, func(r rune) bool { return r == ',' || r == ' ' })

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		stop()
		os.Exit(1)
	}
}
