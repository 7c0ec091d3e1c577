// Command release writes into dist/ what a release consists of: the function's
// zip, the templates, the contract, the change log's section, a bill of
// materials, the licences of what is linked in, and the digests of them all.
// Made twice, on whichever machines, it is the same bytes.
package main

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/given"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

func main() {
	untagged := given.Switch("untagged", "UNTAGGED", "take a commit that has no tag of its version")
	given.Main("release", func(ctx context.Context) error { return run(ctx, *untagged) })
}

func run(ctx context.Context, untagged bool) error {
	root, err := repo.Root()
	if err != nil {
		return err
	}
	commit, err := repo.Head(root)
	if err != nil {
		return err
	}
	version, err := code.Version(root)
	if err != nil {
		return err
	}
	if refusals := commit.Refusals(version, untagged); len(refusals) > 0 {
		return errors.New(strings.Join(refusals, "; "))
	}
	files, err := release(ctx, root)
	if err != nil {
		return err
	}
	dist := filepath.Join(root, "dist")
	if err := os.MkdirAll(dist, 0o755); err != nil { // #nosec G301 -- a release is for everybody
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := hand(filepath.Join(dist, name), files[name]); err != nil {
			return err
		}
	}
	if _, err := os.Stdout.Write(files[sums]); err != nil {
		return errors.Join(errors.New("the release is written, but could not be shown"), err)
	}
	return nil
}

// hand makes a file that everybody may read, one that is there already too.
func hand(path string, body []byte) error {
	const everybody = 0o644
	if err := os.WriteFile(path, body, everybody); err != nil { // #nosec G306 -- as it should be
		return err
	}
	return os.Chmod(path, everybody) // #nosec G302 -- as it should be
}
