// Command publish uploads a release: the function's zip to the bucket of every
// region, and then the templates, so that nobody ever reads a template whose
// code is missing.
//
// What stands under a key that is made from its own digest is never
// overwritten nor removed. A run that failed is made whole by running it again.
package main

import (
	"context"

	"github.com/doitintl/aws-ro-access/scripts/internal/given"
)

func main() {
	names := given.Text("regions", "REGIONS",
		"publish to these `regions` only, with commas between them (default: all that are offered)")
	untagged := given.Switch("untagged", "UNTAGGED", "publish a commit that has no tag of its version")
	dryRun := given.Switch("dry-run", "DRY_RUN", "print what would be done and ask nobody")
	given.Main("publish", func(ctx context.Context) error {
		return run(ctx, options{names: *names, untagged: *untagged, dryRun: *dryRun})
	})
}
