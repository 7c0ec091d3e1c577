// Package awscli runs commands as somebody would who pasted them into a shell
// that has the AWS CLI and jq, which CloudShell has: those that the templates'
// outputs and the documents give.
package awscli

import (
	"bytes"
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/venv"
)

// jq is all of jq's command line that they use, over jq's own library.
//
//go:embed jq.py
var jq []byte

// Run runs the commands with these variables, and no others of this process
// but the PATH, and returns what they printed.
func Run(t testing.TB, commands string, env ...string) (printed, said string, err error) {
	t.Helper()
	python, err := venv.Install(t.Context(), "awscli", os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "jq-program"), jq, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, program := range map[string]string{"aws": "-m awscli", "jq": filepath.Join(dir, "jq-program")} {
		script := "#!/bin/sh\nexec " + python + " " + program + ` "$@"` + "\n"
		err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700) // #nosec G306 -- to be run
		if err != nil {
			t.Fatal(err)
		}
	}
	shell := exec.CommandContext(t.Context(), "bash", "-o", "pipefail", "-c", commands) // #nosec G204 -- a test's
	shell.Env = append([]string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "AWS_MAX_ATTEMPTS=1"}, env...)
	var stdout, stderr bytes.Buffer
	shell.Stdout, shell.Stderr = &stdout, &stderr
	err = shell.Run()
	return stdout.String(), stderr.String(), err
}
