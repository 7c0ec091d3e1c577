package main

import (
	"archive/zip"
	"bytes"
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

// A peer is one handler, and what was measured of it.
type peer struct {
	name    string
	command []string
	answers bool // CloudFormation; the empty handler does not

	binary, zip amount // bytes

	init   sample // seconds from the start of the process to its first request for an event
	answer sample // seconds from the event to the answer, less what the endpoint took
	memory sample // bytes at the peak, after that event
}

//go:embed inline/*.py
var inline embed.FS

// build makes the function and its peers in dir.
func build(ctx context.Context, root, dir string) ([]*peer, error) {
	ours, err := code.Build(ctx, root)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(dir, "function")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	bootstrap, err := runtimeapi.Unpack(ours.Bytes, folder)
	if err != nil {
		return nil, err
	}
	binary, err := size(bootstrap)
	if err != nil {
		return nil, err
	}
	peers := []*peer{{
		name: "function", command: []string{bootstrap}, answers: true,
		binary: binary, zip: bytesOf(ours.Bytes),
	}}
	for _, name := range []string{"floor", "plain"} {
		p, err := compile(ctx, filepath.Join(root, "scripts"), dir, name)
		if err != nil {
			return nil, err
		}
		peers = append(peers, p)
	}
	python, err := unpackInline(dir)
	if err != nil {
		return nil, err
	}
	return append(peers, python), nil
}

func compile(ctx context.Context, scripts, dir, name string) (*peer, error) {
	path := filepath.Join(dir, name)
	if err := code.Compile(ctx, scripts, "./bench/"+name, path); err != nil {
		return nil, fmt.Errorf("build the peer %s: %w", name, err)
	}
	program, err := os.ReadFile(path) // #nosec G304 -- just built
	if err != nil {
		return nil, err
	}
	packed, err := code.Pack(program)
	if err != nil {
		return nil, err
	}
	return &peer{
		name: name, command: []string{path}, answers: name != "floor",
		binary: bytesOf(program), zip: bytesOf(packed),
	}, nil
}

// unpackInline writes the Python handler and its loop to dir. A template
// carries the handler as text, which is its size here.
func unpackInline(dir string) (*peer, error) {
	// The interpreter itself: python3 on the path may be a script that finds it first.
	python, err := exec.Command("python3", "-c", "import sys; print(sys.executable, end='')").Output()
	if err != nil {
		return nil, fmt.Errorf("the inline peer needs Python 3: %w", err)
	}
	var handler []byte
	for _, name := range []string{"index.py", "bootstrap.py"} {
		text, err := inline.ReadFile("inline/" + name)
		if err != nil {
			return nil, err
		}
		if name == "index.py" {
			handler = text
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return nil, err
		}
	}
	packed, err := packText("index.py", handler)
	if err != nil {
		return nil, err
	}
	return &peer{
		name: "inline Python", command: []string{string(python), filepath.Join(dir, "bootstrap.py")}, answers: true,
		binary: bytesOf(handler), zip: bytesOf(packed),
	}, nil
}

func packText(name string, text []byte) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func size(path string) (amount, error) {
	info, err := os.Stat(path)
	if err != nil {
		return amount{}, err
	}
	return amount{float64(info.Size()), bytesUnit}, nil
}
