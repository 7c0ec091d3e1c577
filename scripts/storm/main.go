// Command storm lets 10,000 accounts register at one throttled endpoint, in
// virtual time: TestStorm of the function's own tests, whole. With -write it
// also draws scripts/storm/storm.svg, and writes its table beside it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/doitintl/aws-ro-access/scripts/internal/given"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

func main() {
	write := flag.Bool("write", false, "write scripts/storm/storm.svg and README.md")
	given.Main("storm", func(ctx context.Context) error { return run(ctx, *write) })
}

func run(ctx context.Context, write bool) error {
	root, err := repo.Root()
	if err != nil {
		return err
	}
	fmt.Println("10,000 accounts, 50 registrations a second; this takes some minutes")
	fmt.Printf(row, "", "registered", "failed", "requests each", "done", "ideal", "longest wait")
	outcomes, err := measure(ctx, root, func(o outcome) {
		fmt.Printf(row, o.Storm, fmt.Sprint(o.Registered), fmt.Sprint(o.Failed), fmt.Sprintf("%.2f", o.Requests),
			seconds(o.Seconds), seconds(o.Ideal), seconds(o.LongestWait))
	})
	if err != nil || !write {
		return err
	}
	beside := filepath.Join(root, "scripts", "storm")
	// #nosec G306 -- a page for everybody
	if err := os.WriteFile(filepath.Join(beside, "README.md"), []byte(markdown(outcomes)), 0o644); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return draw(filepath.Join(beside, "storm.svg"), outcomes)
}

const row = "%-30s%12s%8s%15s%9s%9s%14s\n"
