package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

var fuzzTarget = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// fuzzing fuzzes each target of both modules, one after the other, as the Go
// command does it.
func fuzzing(root string, each time.Duration) check {
	return check{
		name: "fuzzing for " + each.String() + " a target",
		run:  func(ctx context.Context, out io.Writer) error { return fuzzAll(ctx, root, each, out) },
	}
}

func fuzzAll(ctx context.Context, root string, each time.Duration, out io.Writer) error {
	for _, pattern := range []string{"lambda/*_test.go", "scripts/*/*_test.go", "scripts/internal/*/*_test.go"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return err
		}
		for _, file := range files {
			source, err := os.ReadFile(file) // #nosec G304 -- a file of this checkout
			if err != nil {
				return err
			}
			for _, target := range fuzzTarget.FindAllSubmatch(source, -1) {
				name := string(target[1])
				_, _ = fmt.Fprintln(out, "  ", name)
				err := quietly(ctx, filepath.Dir(file),
					"go", "test", "-run=^$", "-fuzz=^"+name+"$", "-fuzztime="+each.String(), ".")
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}
