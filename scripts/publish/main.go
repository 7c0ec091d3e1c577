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

	"github.com/doitintl/aws-ro-access/scripts/internal/given"
)

func main() {
	names := given.Text("regions", "REGIONS", "publish to these `regions` only, with commas between them; to all that the account has enabled by default")
	untagged := flag.Bool("untagged", false, "publish a commit that has no tag of its version")
	dryRun := given.Switch("dry-run", "DRY_RUN", "print what would be done and ask nobody")
	if err := given.Parse(); err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
	o := options{untagged: *untagged, dryRun: *dryRun}
	o.regions = strings.FieldsFunc(*names, func(r rune) bool { return r == ',' || r == ' ' })

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		stop()
		os.Exit(1)
	}
}
