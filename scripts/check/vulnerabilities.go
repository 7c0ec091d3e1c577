package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
)

const govulncheck = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"

// vulnerabilities asks the Go vulnerability database about the function, as it
// is built. It is no part of `make test`: the database is not reachable from
// every network, and says something new every day.
func vulnerabilities(root string) check {
	return check{
		name: "known vulnerabilities",
		run:  func(ctx context.Context, out io.Writer) error { return askDatabase(ctx, root, out) },
	}
}

func askDatabase(ctx context.Context, root string, out io.Writer) error {
	var said bytes.Buffer
	err := loudly(ctx, root, io.MultiWriter(out, &said), "go", "run", govulncheck, "-tags", "lambda.norpc", "./lambda")
	if err != nil && !strings.Contains(said.String(), "Vulnerability #") {
		url := os.Getenv("GOVULNDB")
		if url == "" {
			url = "https://vuln.go.dev"
		}
		return fmt.Errorf("the vulnerability database at %s could not be asked, so nothing is known: %w", url, err)
	}
	return err
}
