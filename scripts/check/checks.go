package main

import (
	"context"
	"io"
	"path/filepath"
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
		{
			name: "go test -race, its zip as a process, the endpoint, the programs, a grant's whole life in the emulator",
			once: "compiles AWS's SDK with the race detector, two minutes",
			run: func(ctx context.Context, out io.Writer) error {
				// -count=1: the tests read files of the other module, of which Go's cache does not know.
				return loudly(ctx, scripts, out, "go", "test", "-vet=off", "-count=1", "./...")
			},
		},
		{
			name: "schemathesis, on the contract and the endpoint", beside: true,
			once: "compiles AWS's SDK with the race detector, two minutes",
			run: func(ctx context.Context, _ io.Writer) error {
				return quietly(ctx, scripts, "go", "run", "./schemathesis")
			},
		},
	}
}
