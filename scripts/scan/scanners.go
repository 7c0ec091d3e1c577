package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/child"
	"github.com/doitintl/aws-ro-access/scripts/internal/npm"
	"github.com/doitintl/aws-ro-access/scripts/internal/venv"
)

// scanner is one set of rules.
type scanner struct {
	name  string
	named func(rule string) bool // tells whether a rule can be one of its own, by its form
	scan  func(context.Context) (findings, error)
}

func scanners(root, registry string) []scanner {
	return []scanner{
		{
			name:  "checkov",
			named: func(rule string) bool { return strings.HasPrefix(rule, "CKV") },
			scan:  func(ctx context.Context) (findings, error) { return checkov(ctx, root) },
		},
		{
			name:  "AWS Control Tower's proactive controls",
			named: func(rule string) bool { return strings.HasSuffix(rule, "_check") },
			scan: func(ctx context.Context) (findings, error) {
				program, rules, err := guard(ctx)
				if err != nil {
					return nil, err
				}
				return validate(ctx, root, program, rules)
			},
		},
		{
			name: "AWS's Guard rules registry",
			named: func(rule string) bool {
				return rule == strings.ToUpper(rule) && !strings.HasPrefix(rule, "CKV")
			},
			scan: func(ctx context.Context) (findings, error) { return guardRegistry(ctx, root, registry) },
		},
	}
}

// checkov is pinned in scripts/requirements-checkov.txt.
func checkov(ctx context.Context, root string) (findings, error) {
	python, err := venv.Install(ctx, "checkov", os.Stderr)
	if err != nil {
		return nil, err
	}
	found := findings{}
	for _, template := range templates {
		// It ends with 1 where it finds something.
		text, err := output(ctx, 1, python, "-m", "checkov.main", "--framework", "cloudformation", "--output", "json",
			"--compact", "--quiet", "--skip-download", "--file", filepath.Join(root, "template", template))
		if err != nil {
			return nil, err
		}
		var result struct {
			Results struct {
				Failed []struct {
					ID string `json:"check_id"`
				} `json:"failed_checks"`
				Wrong []string `json:"parsing_errors"`
			} `json:"results"`
		}
		if err := json.Unmarshal(text, &result); err != nil {
			return nil, fmt.Errorf("read what checkov says of %s: %w", template, err)
		}
		if len(result.Results.Wrong) > 0 {
			return nil, fmt.Errorf("checkov cannot read %s", template)
		}
		for _, failed := range result.Results.Failed {
			found[finding{template, failed.ID}] = true
		}
	}
	return found, nil
}

// guard is AWS's tool, and the rules that come with it, from the npm package
// that scripts/scan/package-lock.json pins.
func guard(ctx context.Context) (program, rules string, err error) {
	system := map[string]string{"linux": "ubuntu", "darwin": "macos"}[runtime.GOOS]
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	if system == "" || machine == "" {
		return "", "", fmt.Errorf("the package has no Guard for %s on %s", runtime.GOOS, runtime.GOARCH)
	}
	modules, err := npm.Install(ctx, filepath.Join("scripts", "scan"))
	if err != nil {
		return "", "", err
	}
	whole := filepath.Join(modules, "@cdklabs", "cdk-validator-cfnguard")
	return filepath.Join(whole, "bin", system, machine, "cfn-guard"), filepath.Join(whole, "rules"), nil
}

// Where AWS's registry of Guard rules is, and what of it was answered.
const (
	registryURL    = "https://github.com/aws-cloudformation/aws-guard-rules-registry"
	registryCommit = "7f7340c26ae5d5e8874651dbffeb12e0e9f505b6"
)

func guardRegistry(ctx context.Context, root, folder string) (findings, error) {
	program, _, err := guard(ctx)
	if err != nil {
		return nil, err
	}
	if folder == "" {
		if folder, err = os.MkdirTemp("", "registry-"); err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(folder) }() // a scratch folder under the system's
		if err := fetch(ctx, folder); err != nil {
			return nil, err
		}
	}
	return validate(ctx, root, program, filepath.Join(folder, "rules"))
}

func fetch(ctx context.Context, folder string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"fetch", "--quiet", "--depth=1", registryURL, registryCommit},
		{"checkout", "--quiet", "FETCH_HEAD"},
	} {
		if _, err := output(ctx, 0, "git", append([]string{"-C", folder}, args...)...); err != nil {
			return fmt.Errorf("fetch %s (REGISTRY=folder takes a checkout of %s): %w",
				registryURL, registryCommit[:12], err)
		}
	}
	return nil
}

// validate runs Guard, which ends with 19 where it finds something.
func validate(ctx context.Context, root, program, rules string) (findings, error) {
	found := findings{}
	for _, template := range templates {
		text, err := output(ctx, 19, program, "validate", "--structured", "--output-format", "json",
			"--show-summary", "none", "--rules", rules, "--data", filepath.Join(root, "template", template))
		if err != nil {
			return nil, err
		}
		var results []struct {
			NotCompliant []struct {
				Rule struct {
					Name string `json:"name"`
				} `json:"Rule"`
			} `json:"not_compliant"`
			NotApplicable []string `json:"not_applicable"`
			Compliant     []string `json:"compliant"`
		}
		if err := json.Unmarshal(text, &results); err != nil {
			return nil, fmt.Errorf("read what Guard says of %s: %w", template, err)
		}
		checked := 0
		for _, result := range results {
			checked += len(result.NotCompliant) + len(result.NotApplicable) + len(result.Compliant)
			for _, failed := range result.NotCompliant {
				found[finding{template, failed.Rule.Name}] = true
			}
		}
		if checked == 0 {
			return nil, fmt.Errorf("%s holds no rule of Guard's", rules)
		}
	}
	return found, nil
}

// output is what a command prints, where it ends with 0 or with the status that
// says that something was found.
func output(ctx context.Context, finds int, program string, args ...string) ([]byte, error) {
	command := child.Command(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == finds && finds != 0 {
		return stdout.Bytes(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(program), err, venv.LastLine(stderr.Bytes()))
	}
	return stdout.Bytes(), nil
}
