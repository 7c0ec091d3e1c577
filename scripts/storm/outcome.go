package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/doitintl/aws-ro-access/scripts/internal/child"
)

// outcome is a line of what TestStorm prints, whose type of the same name says
// what the members mean.
type outcome struct {
	Storm                          string
	Accounts, Registered, Failed   int
	Requests, Seconds, LongestWait float64
	Ideal                          float64
	Step                           float64
	Curve, IdealCurve              []int
}

// measure runs TestStorm and hands over each outcome as it comes. It fails,
// with what the test says, where a goal is missed.
func measure(ctx context.Context, root string, each func(outcome)) ([]outcome, error) {
	dir, err := os.MkdirTemp("", "storm-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a leftover does no harm
	// Built and run in two steps, since go test holds a test's output back until its end.
	binary := filepath.Join(dir, "lambda.test")
	build := child.Command(ctx, "go", "test", "-c", "-o", binary, "./lambda")
	build.Dir = root
	build.Env = append(os.Environ(), "GOTMPDIR="+dir) // an interrupted Go command leaves its folder
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the function's tests: %w\n%s", err, out)
	}
	test := child.Command(ctx, binary, "-test.run=^TestStorm$", "-storm.full")
	test.Dir = filepath.Join(root, "lambda")
	out, err := test.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := test.Start(); err != nil {
		return nil, fmt.Errorf("run the storm: %w", err)
	}
	var outcomes []outcome
	var said strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var o outcome
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			said.WriteString(lines.Text() + "\n")
			continue
		}
		outcomes = append(outcomes, o)
		each(o)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read what the storm says: %w", err)
	}
	if err := test.Wait(); err != nil {
		return nil, fmt.Errorf("the storm missed its goals: %w\n%s", err, said.String())
	}
	return outcomes, nil
}

func seconds(s float64) string { return fmt.Sprintf("%.0f s", s) }

//go:embed storm.md.tmpl
var page string

// markdown is the page that stands beside the picture.
func markdown(outcomes []outcome) string {
	var b strings.Builder
	b.WriteString(page)
	for _, o := range outcomes {
		fmt.Fprintf(&b, "| %s | %d | %d | %.2f | %s | %s | %s |\n", o.Storm, o.Registered, o.Failed, o.Requests,
			seconds(o.Seconds), seconds(o.Ideal), seconds(o.LongestWait))
	}
	return b.String()
}
