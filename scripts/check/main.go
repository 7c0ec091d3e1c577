// Command check is `make test`: everything that must be true of a commit, each
// with its time, and a short summary at the end.
//
// ONLY=word runs the checks whose names have the word, where each package of
// scripts/ is one of its own; -lint those that read and run nothing.
//
// With -fuzz it fuzzes every target instead, for as long as that: `go test`
// runs their seeds only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/given"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

type options struct {
	only            string
	linters         bool
	fuzz            time.Duration
	vulnerabilities bool
}

func main() {
	var o options
	flag.DurationVar(&o.fuzz, "fuzz", 0, "fuzz each target for so long, and do nothing else")
	flag.BoolVar(&o.vulnerabilities, "vulnerabilities", false,
		"ask the Go vulnerability database about the function, and do nothing else")
	flag.BoolVar(&o.linters, "lint", false, "run the linters alone")
	only := given.Text("only", "ONLY", "run the checks alone whose names have this `word`")
	err := given.Parse()
	o.only = *only
	var chosen []check
	if err == nil {
		chosen, err = choose(o)
	}
	var clean func()
	if err == nil {
		clean, err = ownFolder()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "check:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	allPassed := runAll(ctx, chosen)
	clean()
	if !allPassed {
		stop()
		os.Exit(1)
	}
}

// ownFolder is where all that is started here keeps its temporary files: an
// interrupted Go command leaves its folder, an interrupted test its own.
func ownFolder() (clean func(), err error) {
	dir, err := os.MkdirTemp("", "aws-ro-access-check-")
	if err != nil {
		return nil, err
	}
	return func() { _ = os.RemoveAll(dir) }, os.Setenv("TMPDIR", dir) // a leftover does no harm
}

// choose returns what was asked for, and sets the environment for it.
func choose(o options) ([]check, error) {
	root, err := repo.Root()
	if err != nil {
		return nil, err
	}
	switch {
	case o.fuzz > 0:
		return []check{fuzzing(root, o.fuzz)}, nil
	case o.vulnerabilities:
		return []check{vulnerabilities(root)}, nil
	}
	all := checks(root)
	if o.only != "" {
		if all, err = apart(root); err != nil {
			return nil, err
		}
	}
	var names []string
	var chosen []check
	for _, c := range all {
		if o.linters && !c.reads {
			continue
		}
		names = append(names, c.name)
		if strings.Contains(strings.ToLower(c.name), strings.ToLower(o.only)) {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("ONLY=%s is in the name of no check: %s", o.only, strings.Join(names, "; "))
	}
	return chosen, setEnvironment()
}

// setEnvironment keeps the account of whoever runs this out of reach, and has
// all that is built here built with the race detector, or the AWS SDK would be
// compiled twice: for the tests, and for the programs. Nothing reads debug
// information, and to optimize the SDK takes longer than it saves. The detector
// does not watch what would take most of its time and has nothing to find in
// it: the packing of the zip, and SQLite's C in Go. The function's own build
// takes no flags from outside.
func setEnvironment() error {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			if err := os.Unsetenv(name); err != nil {
				return err
			}
		}
	}
	flags := []string{
		"-race",
		"-gcflags=all=-dwarf=false",
		"-gcflags=compress/flate=-dwarf=false -race=false",
		"-gcflags=github.com/aws/...=-dwarf=false -N -l",
		"-gcflags=modernc.org/sqlite/lib=-dwarf=false -N -l -race=false",
		"-gcflags=modernc.org/libc/...=-dwarf=false -N -l -race=false",
	}
	return errors.Join(
		os.Setenv("CGO_ENABLED", "1"),
		os.Setenv("GOFLAGS", os.Getenv("GOFLAGS")+" '"+strings.Join(flags, "' '")+"'"),
		os.Setenv("GORACE", "atexit_sleep_ms=100"), // before its end, each program slept a second
	)
}
