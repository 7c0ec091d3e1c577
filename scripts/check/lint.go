package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/doitintl/aws-ro-access/scripts/internal/npm"
	"github.com/doitintl/aws-ro-access/scripts/internal/venv"
)

func formatted(ctx context.Context, root string) error {
	var differ bytes.Buffer
	if err := loudly(ctx, root, &differ, "gofmt", "-l", "lambda", "scripts"); err != nil {
		return err
	}
	if differ.Len() > 0 {
		return fmt.Errorf("not as gofmt writes it:\n%s", &differ)
	}
	return nil
}

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
	err = quietly(ctx, scripts, "env", "GOFLAGS=-trimpath", "CGO_ENABLED=0",
		"go", "build", "-tags=lint", "-o", program, "./lint")
	if err != nil {
		return err
	}
	if err := quietly(ctx, dir, "go", "work", "init", root, scripts); err != nil {
		return err
	}
	workspace := "GOWORK=" + filepath.Join(dir, "go.work")
	return quietly(ctx, root, "env", workspace, program, "./lambda/...", "./scripts/...")
}

func cfnLint(ctx context.Context, root string, out io.Writer) error {
	python, err := venv.Install(ctx, "checks", out)
	if err != nil {
		return err
	}
	return quietly(ctx, root, python, "-c", "from cfnlint.runner import main; main()",
		"--include-experimental", "--regions", "ALL_REGIONS", "--",
		"template/doitmanagement.yaml", "template/organization.yaml", "template/release.yaml")
}

// redocly lints the contract.
func redocly(ctx context.Context, scripts string) error {
	if _, err := npm.Install(ctx, "scripts"); err != nil {
		return err
	}
	return quietly(ctx, scripts, "env", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true",
		"npx", "--no-install", "redocly", "lint", "--config", "redocly.yaml", "../template/registration.openapi.yaml")
}

// lintWorkflow compiles actionlint outside our module, since it needs another
// version of a YAML package than kin-openapi.
func lintWorkflow(ctx context.Context, root string) error {
	return quietly(ctx, root, "env", "GOFLAGS=-trimpath", "CGO_ENABLED=0",
		"go", "run", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12", "-shellcheck=", "-pyflakes=")
}
