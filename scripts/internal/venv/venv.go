// Package venv installs the Python tools of this repository, each into a
// virtual environment of its own inside the checkout, where git ignores it.
package venv

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/child"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

// Install makes the environment of scripts/requirements-NAME.txt and returns
// its Python, with which the tool is run by `python -m`. An environment that
// was made from the same requirements is used as it is. Progress goes to out,
// a line a package.
func Install(ctx context.Context, name string, out io.Writer) (python string, err error) {
	root, err := repo.Root()
	if err != nil {
		return "", err
	}
	requirements := filepath.Join(root, "scripts", "requirements-"+name+".txt")
	wanted, err := os.ReadFile(requirements) // #nosec G304 -- a file of this checkout
	if err != nil {
		return "", fmt.Errorf("read what %s needs: %w", name, err)
	}
	sum := sha256.Sum256(wanted)
	stamp := hex.EncodeToString(sum[:])

	venvs := filepath.Join(root, "scripts", ".venv")
	if err := os.MkdirAll(venvs, 0o750); err != nil {
		return "", fmt.Errorf("make a place for %s: %w", name, err)
	}
	unlock, err := lock(ctx, filepath.Join(venvs, name+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()

	venv := filepath.Join(venvs, name)
	python = filepath.Join(venv, "bin", "python")
	if installed(venv, stamp) {
		return python, nil
	}
	// Built aside and renamed, so that an interrupted installation is never
	// taken for a whole one. Only `python -m` is used, which a move does not break.
	aside := venv + ".new"
	defer func() { _ = os.RemoveAll(aside) }() // after the rename there is nothing left to remove
	if err := build(ctx, name, aside, requirements, out); err != nil {
		return "", err
	}
	stampFile := filepath.Join(aside, "stamp")
	if err := os.WriteFile(stampFile, []byte(stamp), 0o600); err != nil { // #nosec G703 -- inside the checkout
		return "", fmt.Errorf("finish the installation of %s: %w", name, err)
	}
	if err := os.RemoveAll(venv); err != nil {
		return "", fmt.Errorf("remove the previous %s: %w", name, err)
	}
	if err := os.Rename(aside, venv); err != nil {
		return "", fmt.Errorf("finish the installation of %s: %w", name, err)
	}
	return python, nil
}

// lock waits until no other process installs. The lock goes with the process.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // #nosec G304 -- a file of this checkout
	if err != nil {
		return nil, fmt.Errorf("lock the installation: %w", err)
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) // #nosec G115 -- descriptors are small
		if err == nil {
			return func() { _ = file.Close() }, nil // nothing was written
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock the installation: %w", err), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for another installation: %w", ctx.Err()), file.Close())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// installed tells whether the environment was made from these requirements and
// its Python still runs: a system's upgrade can take the one it links to away.
func installed(venv, stamp string) bool {
	made, err := os.ReadFile(filepath.Join(venv, "stamp")) // #nosec G304 -- a file of this checkout
	if err != nil || string(made) != stamp {
		return false
	}
	_, err = os.Stat(filepath.Join(venv, "bin", "python"))
	return err == nil
}

func build(ctx context.Context, name, venv, requirements string, out io.Writer) error {
	python, err := findPython(ctx)
	if err != nil {
		return err
	}
	started := time.Now()
	say(out, "installing "+name+" into scripts/.venv (once)")
	if err := os.RemoveAll(venv); err != nil {
		return fmt.Errorf("remove an unfinished installation: %w", err)
	}
	make := child.Command(ctx, python, "-m", "venv", venv)
	if output, err := make.CombinedOutput(); err != nil {
		return fmt.Errorf("python3 could not make a virtual environment: %w: %s", err, LastLine(output))
	}
	// Wheels only: nothing that is downloaded runs during the installation.
	// --require-hashes: and it is what was reviewed. --no-deps: all of it is named.
	// --no-compile: Python compiles what it needs.
	pip := child.Command(ctx, filepath.Join(venv, "bin", "python"), "-m", "pip", "install",
		"--disable-pip-version-check", "--no-input", "--retries", "1", "--timeout", "10",
		"--only-binary", ":all:", "--require-hashes", "--no-deps", "--no-compile", "-r", requirements)
	var stderr bytes.Buffer
	pip.Stderr = &stderr
	stdout, err := pip.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start pip: %w", err)
	}
	if err := pip.Start(); err != nil {
		return fmt.Errorf("start pip: %w", err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if wheel, ok := strings.CutPrefix(lines.Text(), "Collecting "); ok {
			release, _, _ := strings.Cut(wheel, " ")
			say(out, "  "+release)
		}
	}
	if err := errors.Join(lines.Err(), pip.Wait()); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("install %s: %w", name, ctx.Err())
		}
		return fmt.Errorf("pip could not install %s; the first time it needs the network: %s",
			name, LastLine(stderr.Bytes()))
	}
	say(out, fmt.Sprintf("  installed in %.0f s", time.Since(started).Seconds()))
	return nil
}

// findPython returns a Python that the tools run on, or says in one line what
// is missing. Debian and Ubuntu ship python3 without what venv needs.
func findPython(ctx context.Context) (string, error) {
	python, err := exec.LookPath("python3")
	if err != nil {
		return "", errors.New("python3 was not found: Python 3.10 or newer is needed, with its venv module")
	}
	for _, need := range []struct{ program, otherwise string }{
		{"import sys; sys.exit(sys.version_info < (3, 10))", "is older than 3.10, which is needed"},
		{"import ensurepip, venv", "has no venv module, which is needed (Debian and Ubuntu: apt install python3-venv)"},
	} {
		if err := child.Command(ctx, python, "-c", need.program).Run(); err != nil {
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			return "", fmt.Errorf("%s %s", python, need.otherwise)
		}
	}
	return python, nil
}

// LastLine is what a command that failed said last.
func LastLine(output []byte) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

func say(out io.Writer, line string) {
	_, _ = fmt.Fprintln(out, line) // progress that cannot be shown is no reason to stop
}
