package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/doitintl/aws-ro-access/scripts/code"
)

// billOfMaterials lists what the shipped program itself says that it is made
// of, in CycloneDX. The tool has a go.mod of its own, sbom.mod: what it needs
// is a lot, and nothing else here needs it.
func billOfMaterials(ctx context.Context, root string, function code.Zip) (_ []byte, err error) {
	dir, err := os.MkdirTemp("", "aws-ro-access-sbom-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program := filepath.Join(dir, "bootstrap")
	if err := unpack(function.Bytes, program); err != nil {
		return nil, err
	}
	tool := exec.CommandContext(ctx, "go", "tool", "-modfile=release/sbom.mod", "cyclonedx-gomod", // #nosec G204 -- constants and our own paths
		"bin", "-json", "-output-version", "1.6", "-std", "-noserial", "-notimestamp", "-version", "v"+function.Version, program)
	tool.Dir = filepath.Join(root, "scripts")
	tool.Env = append(os.Environ(), "GOFLAGS=-trimpath", "GOWORK=off", "CGO_ENABLED=0")
	var stderr bytes.Buffer
	tool.Stderr = &stderr
	out, err := tool.Output()
	if err != nil {
		return nil, fmt.Errorf("cyclonedx-gomod: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return withoutToolDigests(out)
}

// withoutToolDigests takes out what differs from machine to machine: the
// digests of the tool's own binary.
func withoutToolDigests(text []byte) ([]byte, error) {
	var bill map[string]any
	if err := json.Unmarshal(text, &bill); err != nil {
		return nil, fmt.Errorf("cyclonedx-gomod: %w", err)
	}
	metadata, _ := bill["metadata"].(map[string]any)
	tools, _ := metadata["tools"].([]any)
	if len(tools) == 0 {
		return nil, errors.New("cyclonedx-gomod has changed its form: it names no tools")
	}
	for _, tool := range tools {
		if tool, ok := tool.(map[string]any); ok {
			delete(tool, "hashes")
		}
	}
	text, err := json.MarshalIndent(bill, "", "  ")
	return append(text, '\n'), err
}

// unpack writes the program of the zip to a file.
func unpack(packed []byte, path string) error {
	archive, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return err
	}
	file, err := archive.Open("bootstrap")
	if err != nil {
		return err
	}
	program, err := io.ReadAll(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.WriteFile(path, program, 0o700) // #nosec G306 -- go version -m reads only what may be executed
}
