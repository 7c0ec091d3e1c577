// Command scan runs other people's scanners over the templates, and compares
// what they find with what template/REVIEW.md answers: checkov, the proactive
// controls of AWS Control Tower, and AWS's Guard rules registry. It needs the
// network, and is no part of make test.
//
// The exit status is 0 where each finding is answered and each answer found, 1
// where not, and 2 where a scanner could not be installed or run.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/doitintl/aws-ro-access/scripts/internal/given"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

// templates are what is scanned, in the folder of that name.
var templates = []string{"doitmanagement.yaml", "organization.yaml", "release.yaml"}

func main() {
	registry := given.Line("registry", "REGISTRY",
		"take AWS's Guard rules from this `folder`, a checkout of the registry, instead of fetching them")
	err := given.Parse()
	status := 0
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		status, err = run(ctx, os.Stdout, *registry)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scan:", err)
		os.Exit(2)
	}
	os.Exit(status)
}

func run(ctx context.Context, out io.Writer, registry string) (status int, err error) {
	root, err := repo.Root()
	if err != nil {
		return 0, err
	}
	review, err := os.ReadFile(filepath.Join(root, "template", "REVIEW.md")) // #nosec G304 -- a file of this checkout
	if err != nil {
		return 0, err
	}
	say := func(format string, values ...any) {
		_, _ = fmt.Fprintf(out, format+"\n", values...) // what cannot be shown is no reason to stop
	}
	for _, scanner := range scanners(root, registry) {
		found, err := scanner.scan(ctx)
		if err != nil {
			say("? %s: %v", scanner.name, err)
			if status == 0 {
				status = 2
			}
			continue
		}
		open, stale := compare(found, answers(string(review)), scanner.named)
		for _, f := range open {
			say("✗ %s: %s in template/%s: REVIEW.md does not answer it", scanner.name, f.rule, f.template)
		}
		for _, f := range stale {
			say("✗ %s: %s in template/%s: answered, and found no more", scanner.name, f.rule, f.template)
		}
		if len(open)+len(stale) > 0 {
			status = 1
			continue
		}
		say("✓ %s: %d findings, each answered in REVIEW.md", scanner.name, len(found))
	}
	return status, nil
}

// finding is one rule that a template does not meet.
type finding struct{ template, rule string }

// findings is a set of them.
type findings map[finding]bool

// answers are the findings that REVIEW.md has a row for: under a heading that
// names the template, a table whose first cell names rules in backquotes.
func answers(review string) findings {
	answered, template := findings{}, ""
	for line := range strings.Lines(review) {
		if strings.HasPrefix(line, "#") {
			template = ""
			for _, name := range templates {
				if strings.Contains(line, name) {
					template = name
				}
			}
		}
		cell, _, isRow := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		if template == "" || !isRow || !strings.HasPrefix(line, "| `") {
			continue
		}
		for i, rule := range strings.Split(cell, "`") {
			if i%2 == 1 {
				answered[finding{template, rule}] = true
			}
		}
	}
	return answered
}

// compare tells what was found and is not answered, and what is answered among
// the rules that this scanner could name, and was not found.
func compare(found, answered findings, named func(rule string) bool) (open, stale []finding) {
	for f := range found {
		if !answered[f] {
			open = append(open, f)
		}
	}
	for f := range answered {
		if named(f.rule) && !found[f] {
			stale = append(stale, f)
		}
	}
	return sorted(open), sorted(stale)
}

func sorted(all []finding) []finding {
	return slices.SortedFunc(slices.Values(all), func(a, b finding) int {
		return strings.Compare(a.template+" "+a.rule, b.template+" "+b.rule)
	})
}
