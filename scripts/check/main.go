// Command check is `make test`: everything that must be true of a commit, each
// with its time, and a short summary at the end.
//
// ONLY=word runs the checks whose names have the word, -lint those that read
// and run nothing.
//
// With -fuzz it fuzzes every target instead, for as long as that: `go test`
// runs their seeds only.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/given"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/venv"
)

// check is one thing that must be true.
type check struct {
	name   string
	reads  bool // and runs nothing of ours: a linter
	beside bool // the others: it leaves a processor idle
	run    func(context.Context, io.Writer) error
}

func main() {
	fuzz := flag.Duration("fuzz", 0, "fuzz each target for so long, and do nothing else")
	known := flag.Bool("vulnerabilities", false, "ask the Go vulnerability database about the function, and do nothing else")
	linters := flag.Bool("lint", false, "run the linters alone")
	word := given.Text("only", "ONLY", "run the checks alone whose names have this `word`")
	err := given.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var root string
	if err == nil {
		root, err = repo.Root()
	}
	var chosen []check
	if err == nil {
		chosen, err = choose(checks(root, *fuzz, *known), *linters, *word)
	}
	if err == nil && *fuzz == 0 && !*known {
		err = setEnvironment()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "check:", err)
		os.Exit(2)
	}
	if failed := runAll(ctx, chosen); failed > 0 {
		stop()
		os.Exit(1)
	}
}

// choose leaves out what was not asked for.
func choose(all []check, linters bool, word string) (chosen []check, err error) {
	var names []string
	for _, c := range all {
		if linters && !c.reads {
			continue
		}
		names = append(names, c.name)
		if strings.Contains(strings.ToLower(c.name), strings.ToLower(word)) {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("ONLY=%s is in the name of no check: %s", word, strings.Join(names, "; "))
	}
	return chosen, nil
}

// setEnvironment keeps the account of whoever runs this out of reach, and has
// all that is built here built with the race detector, or the AWS SDK would be
// compiled twice: for the tests, and for the programs. Nothing reads debug
// information, and to optimize the SDK takes longer than it saves. The detector
// does not watch what would take most of its time and has nothing to find in
// it: the packing of the zip, and SQLite's C in Go. The function's own build
// takes no flags from outside.
func setEnvironment() error {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			if err := os.Unsetenv(name); err != nil {
				return err
			}
		}
	}
	flags := []string{
		"-race", "-gcflags=all=-dwarf=false", "-gcflags=compress/flate=-dwarf=false -race=false",
		"-gcflags=github.com/aws/...=-dwarf=false -N -l",
		"-gcflags=modernc.org/sqlite/lib=-dwarf=false -N -l -race=false", "-gcflags=modernc.org/libc/...=-dwarf=false -N -l -race=false",
	}
	return errors.Join(
		os.Setenv("CGO_ENABLED", "1"),
		os.Setenv("GOFLAGS", os.Getenv("GOFLAGS")+" '"+strings.Join(flags, "' '")+"'"),
		os.Setenv("GORACE", "atexit_sleep_ms=100"), // before its end, each program slept a second
	)
}

// runAll runs the checks one after the other, with one lane for those beside,
// all of them also where one fails, and returns how many did.
func runAll(ctx context.Context, checks []check) (failed int) {
	start := time.Now()
	errs := make([]error, len(checks))
	var lanes sync.WaitGroup
	for _, beside := range []bool{false, true} {
		lanes.Go(func() {
			for i, c := range checks {
				if c.beside == beside {
					errs[i] = runOne(ctx, c, fmt.Sprintf("[%d/%d] %s", i+1, len(checks), c.name))
				}
			}
		})
	}
	lanes.Wait()
	var broken []string
	for i, err := range errs {
		if errors.Is(err, context.Canceled) {
			broken = append(broken, checks[i].name+" (interrupted)")
		} else if err != nil {
			broken = append(broken, checks[i].name)
		}
	}
	fmt.Printf("\n%.0f s in all", time.Since(start).Seconds())
	if len(broken) > 0 {
		fmt.Printf("; failed: %s", strings.Join(broken, ", "))
	}
	fmt.Printf("\n%d passed, %d failed\n", len(checks)-len(broken), len(broken))
	return len(broken)
}

// runOne shows what a check prints as it comes, or at its end where it runs
// beside another.
func runOne(ctx context.Context, c check, title string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	fmt.Println(title)
	began := time.Now()
	var kept bytes.Buffer
	out := io.Writer(os.Stdout)
	if c.beside {
		out = &kept
	}
	err := c.run(ctx, out)
	mark := "✓"
	if err != nil {
		mark = "✗"
		fmt.Fprintln(&kept, err)
	}
	fmt.Printf("%s  %s %s  %.1f s\n", &kept, mark, c.name, time.Since(began).Seconds())
	return err
}

func checks(root string, fuzz time.Duration, known bool) []check {
	scripts := filepath.Join(root, "scripts")
	if fuzz > 0 {
		return []check{{"fuzzing for " + fuzz.String() + " a target", false, false, func(ctx context.Context, out io.Writer) error {
			return fuzzAll(ctx, root, fuzz, out)
		}}}
	}
	if known {
		return []check{{"known vulnerabilities", false, false, func(ctx context.Context, out io.Writer) error { return vulnerabilities(ctx, root, out) }}}
	}
	return []check{
		{"gofmt", true, false, func(ctx context.Context, _ io.Writer) error {
			cmd := exec.CommandContext(ctx, "gofmt", "-l", "lambda", "scripts")
			cmd.Dir = root
			out, err := cmd.CombinedOutput()
			if err == nil && len(out) > 0 {
				err = fmt.Errorf("not as gofmt writes it:\n%s", out)
			}
			return err
		}},
		{"the templates name the zip that this commit builds", false, false, func(ctx context.Context, out io.Writer) error {
			return loudly(ctx, scripts, out, "go", "run", "./build", "-check")
		}},
		{"vet, staticcheck, errcheck, gosec", true, false, func(ctx context.Context, _ io.Writer) error { return lint(ctx, root) }},
		{"cfn-lint, every region, every check", true, true, func(ctx context.Context, out io.Writer) error {
			python, err := venv.Install(ctx, "checks", out)
			if err != nil {
				return err
			}
			return quietly(ctx, root, python, "-c", "from cfnlint.runner import main; main()", "--include-experimental", "--regions", "ALL_REGIONS", "--",
				"template/doitmanagement.yaml", "template/organization.yaml", "template/release.yaml")
		}},
		{"the contract's linter", true, true, func(ctx context.Context, _ io.Writer) error {
			if err := quietly(ctx, scripts, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"); err != nil {
				return err
			}
			return quietly(ctx, scripts, "env", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true", "npx", "--no-install", "redocly", "lint", "--config", "redocly.yaml", "../template/registration.openapi.yaml")
		}},
		{"go test -race, the function", false, false, func(ctx context.Context, out io.Writer) error {
			return loudly(ctx, root, out, "go", "test", "-vet=off", "./...")
		}},
		{"go test -race, its zip as a process, the endpoint, the programs, and a grant's whole life in the emulator", false, false, func(ctx context.Context, out io.Writer) error {
			// -count=1: the tests read files of the other module, of which Go's cache does not know.
			return loudly(ctx, scripts, out, "go", "test", "-vet=off", "-count=1", "./...")
		}},
		{"schemathesis, on the contract and the endpoint", false, true, func(ctx context.Context, out io.Writer) error {
			return quietly(ctx, scripts, "go", "run", "./schemathesis")
		}},
	}
}

// quietly runs a command, and shows what it printed only if it fails.
func quietly(ctx context.Context, dir string, args ...string) error {
	var out bytes.Buffer
	if err := loudly(ctx, dir, &out, args...); err != nil {
		return fmt.Errorf("%w\n%s", err, bytes.TrimSpace(out.Bytes()))
	}
	return nil
}

func loudly(ctx context.Context, dir string, out io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) // #nosec G204 -- commands of this program
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return nil
}

var fuzzTarget = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// fuzzAll fuzzes each target of both modules, one after the other, as the Go
// command does it.
func fuzzAll(ctx context.Context, root string, each time.Duration, out io.Writer) error {
	for _, pattern := range []string{"lambda/*_test.go", "scripts/*/*_test.go", "scripts/internal/*/*_test.go"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return err
		}
		for _, file := range files {
			source, err := os.ReadFile(file) // #nosec G304 -- a file of this checkout
			if err != nil {
				return err
			}
			for _, target := range fuzzTarget.FindAllSubmatch(source, -1) {
				name := string(target[1])
				_, _ = fmt.Fprintln(out, "  ", name)
				if err := quietly(ctx, filepath.Dir(file), "go", "test", "-run=^$", "-fuzz=^"+name+"$", "-fuzztime="+each.String(), "."); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
