package main

import (
	"context"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// check is one thing that must be true.
type check struct {
	name   string
	once   string // what only the first run does, and how long that takes on two idle cores
	reads  bool   // and runs nothing of ours: a linter
	beside bool   // the others: it leaves a processor idle
	run    func(context.Context, io.Writer) error
}

// checks are in the order in which their results are waited for.
func checks(root string) []check {
	scripts := filepath.Join(root, "scripts")
	return []check{
		{
			name: "gofmt", reads: true,
			run: func(ctx context.Context, _ io.Writer) error { return formatted(ctx, root) },
		},
		{
			name: "the lines of all files", reads: true,
			run: func(context.Context, io.Writer) error { return lines(root) },
		},
		{
			name: "the templates name the zip that this commit builds",
			once: "compiles Go's standard library, half a minute",
			run: func(ctx context.Context, out io.Writer) error {
				return loudly(ctx, scripts, out, "go", "run", "./build", "-check")
			},
		},
		{
			name: "vet, staticcheck, errcheck, gosec", reads: true,
			once: "compiles the linters, and what they look at, a minute",
			run:  func(ctx context.Context, _ io.Writer) error { return lint(ctx, root) },
		},
		{
			name: "cfn-lint, every region, every check", reads: true, beside: true,
			once: "installs cfn-lint, half a minute",
			run:  func(ctx context.Context, out io.Writer) error { return cfnLint(ctx, root, out) },
		},
		{
			name: "the contract's linter", reads: true, beside: true,
			once: "installs Redocly, half a minute",
			run:  func(ctx context.Context, _ io.Writer) error { return redocly(ctx, scripts) },
		},
		{
			name: "actionlint, on the workflow", reads: true, beside: true,
			once: "compiles actionlint, some seconds",
			run:  func(ctx context.Context, _ io.Writer) error { return lintWorkflow(ctx, root) },
		},
		{
			name: "go test -race, the function",
			once: "compiles it and Go's standard library with the race detector, half a minute",
			run: func(ctx context.Context, out io.Writer) error {
				return loudly(ctx, root, out, "go", "test", "-vet=off", "./...")
			},
		},
		aroundTheFunction(scripts, "./..."),
		{
			name: "schemathesis, on the contract and the endpoint", beside: true,
			once: "compiles AWS's SDK with the race detector, two minutes",
			run: func(ctx context.Context, _ io.Writer) error {
				return quietly(ctx, scripts, "go", "run", "./schemathesis")
			},
		},
	}
}

// aroundTheFunction tests what pattern names of scripts/. -count=1: Go's cache
// looks again at the files that a test opened (repo.Root, repo.Watch), not at
// the emulator, the browser and the other commands that the tests run.
func aroundTheFunction(scripts, pattern string) check {
	return check{
		name: "go test -race, all around it: " + pattern,
		once: "compiles AWS's SDK with the race detector, two minutes",
		run: func(ctx context.Context, out io.Writer) error {
			return loudly(ctx, scripts, out, "go", "test", "-vet=off", "-count=1", pattern)
		},
	}
}

// apart has a check for each package where checks has one for all of scripts/.
func apart(root string) ([]check, error) {
	scripts := filepath.Join(root, "scripts")
	var all []check
	for _, c := range checks(root) {
		if c.name != aroundTheFunction(scripts, "./...").name {
			all = append(all, c)
		}
	}
	packages := map[string]bool{}
	for _, pattern := range []string{"*/*_test.go", "internal/*/*_test.go"} {
		files, err := filepath.Glob(filepath.Join(scripts, pattern))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			packages["."+strings.TrimPrefix(filepath.Dir(file), scripts)] = true
		}
	}
	for _, pattern := range slices.Sorted(maps.Keys(packages)) {
		all = append(all, aroundTheFunction(scripts, pattern))
	}
	return all, nil
}
