// Package commandline tests a program as it is used: by its command line. A
// program's test says what it is called, and runs testdata/*.txtar, whose
// language is https://pkg.go.dev/github.com/rogpeppe/go-internal/testscript:
//
//	func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"link": main}) }
//	func TestCommandLine(t *testing.T) { t.Parallel(); commandline.Run(t) }
//
// A script begins in $ROOT, this repository, which it must not write to. It may
// copy it (checkout DIR: a clean commit of what is here, tracked or not yet),
// and see what make hands on: `exec make link run=@link TICKET=12345` runs link
// from the PATH, where the program under test is. $two holds two lines, $return
// ends in a carriage return, $bell is a character that cannot be printed, and
// $latin is no UTF-8.
package commandline

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

// Run runs the scripts of the package's testdata, each a test of its own.
func Run(t *testing.T) {
	t.Helper()
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                "testdata",
		RequireUniqueNames: true,
		Setup:              func(env *testscript.Env) error { return setUp(env, root) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"checkout": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 1 {
					ts.Fatalf("usage: checkout DIR")
				}
				ts.Check(checkout(root, ts.MkAbs(args[0])))
			},
		},
	})
}

// setUp lets the script find the caches of the Go command, and nothing else of
// whoever runs it: the home directory, and with it AWS's credentials, is empty.
func setUp(env *testscript.Env, root string) error {
	names := []string{"GOENV", "GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOFLAGS"}
	values, err := exec.Command("go", append([]string{"env"}, names...)...).Output() // #nosec G204 -- constants
	if err != nil {
		return fmt.Errorf("ask Go for its caches: %w", err)
	}
	for i, value := range strings.Split(strings.TrimSuffix(string(values), "\n"), "\n") {
		env.Setenv(names[i], value)
	}
	env.Setenv("CGO_ENABLED", os.Getenv("CGO_ENABLED"))
	env.Setenv("ROOT", root)
	env.Setenv("two", "1\n2")
	env.Setenv("return", "1\r")
	env.Setenv("bell", "\a")
	env.Setenv("latin", "\xe9")
	env.Cd = root
	return nil
}

// checkout copies the repository's files, without its history, into a
// repository of their own with one commit.
func checkout(root, dir string) error {
	paths, err := repo.Files(root)
	if err != nil {
		return err
	}
	for _, path := range paths {
		body, err := os.ReadFile(filepath.Join(root, path)) // #nosec G304 -- a file of this checkout
		if err != nil {
			return err
		}
		copied := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(copied), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(copied, body, 0o600); err != nil { // #nosec G703 -- below the test's own folder
			return err
		}
	}
	for _, args := range [][]string{
		{"init", "-q"},
		{"config", "user.name", "Test"},
		{"config", "user.email", "test@example.com"},
		{"add", "-A"},
		{"commit", "-qm", "Copy"},
	} {
		cmd := exec.Command("git", append([]string{"-C", dir}, args...)...) // #nosec G204 -- this function's own words
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w: %s", args[0], err, out)
		}
	}
	return nil
}
