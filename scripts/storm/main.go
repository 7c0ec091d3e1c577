// Command storm lets 10,000 accounts register at one throttled endpoint, in
// virtual time: TestStorm of the function's own tests, whole. With -write it
// also draws scripts/storm/storm.svg, and prints the README's table.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "storm:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	write := flag.Bool("write", false, "draw scripts/storm/storm.svg, and print the README's table")
	flag.Parse()
	root, err := repo.Root()
	if err != nil {
		return err
	}
	fmt.Println("10,000 accounts, 50 registrations a second; this takes some minutes")
	fmt.Printf(row, "", "registered", "failed", "requests each", "done", "ideal", "longest wait")
	outcomes, err := measure(ctx, root, func(o outcome) {
		fmt.Printf(row, o.Storm, fmt.Sprint(o.Registered), o.failed(), fmt.Sprintf("%.2f", o.Requests), seconds(o.Seconds), seconds(o.Ideal), seconds(o.LongestWait))
	})
	if err != nil || !*write {
		return err
	}
	fmt.Print("\n", markdown(outcomes))
	return draw(filepath.Join(root, "scripts", "storm", "storm.svg"), outcomes)
}

const row = "%-32s%12s%16s%15s%9s%9s%14s\n"
