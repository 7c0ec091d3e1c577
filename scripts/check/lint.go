package main

import (
	"context"
	"os"
	"path/filepath"
)

// lint runs vet and the linters over both modules.
func lint(ctx context.Context, root string) error {
	dir, err := os.MkdirTemp("", "aws-ro-access-lint-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a leftover does no harm
	scripts, program := filepath.Join(root, "scripts"), filepath.Join(dir, "lint")
	if err := quietly(ctx, scripts, "go", "build", "-race=false", "-tags=lint", "-o", program, "./lint"); err != nil {
		return err
	}
	for _, module := range []string{root, scripts} {
		if err := quietly(ctx, module, program, "./..."); err != nil {
			return err
		}
	}
	return nil
}
