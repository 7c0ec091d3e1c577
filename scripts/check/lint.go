package main

import (
	"context"
	"os"
	"path/filepath"
)

// lint runs vet and the linters over both modules. They load what both need
// once, in a workspace, since to load the AWS SDK takes most of their time.
func lint(ctx context.Context, root string) error {
	dir, err := os.MkdirTemp("", "aws-ro-access-lint-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a leftover does no harm
	scripts, program := filepath.Join(root, "scripts"), filepath.Join(dir, "lint")
	// Not with the flags of the tests: it is a program that has much to do.
	if err := quietly(ctx, scripts, "env", "GOFLAGS=-trimpath", "CGO_ENABLED=0", "go", "build", "-tags=lint", "-o", program, "./lint"); err != nil {
		return err
	}
	if err := quietly(ctx, dir, "go", "work", "init", root, scripts); err != nil {
		return err
	}
	return quietly(ctx, root, "env", "GOWORK="+filepath.Join(dir, "go.work"), program, "./lambda/...", "./scripts/...")
}
