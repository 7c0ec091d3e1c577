package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// licence matches the names under which modules keep their terms.
var licence = regexp.MustCompile(`(?i)^(licen[cs]e|notice|copying)`)

// licences are the terms of all that is linked into the function: ours, those
// of each module, of a package where it has its own, and those of Go.
func licences(ctx context.Context, root, version string) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "The licences of registration.zip, version %s, and of all that is linked into it.\n", version)
	if err := addFile(&b, "github.com/doitintl/aws-ro-access", root, filepath.Join(root, "LICENSE")); err != nil {
		return nil, err
	}
	goroot, err := goCommand(ctx, root, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	goVersion, err := goCommand(ctx, root, "env", "GOVERSION")
	if err != nil {
		return nil, err
	}
	if err := addFile(&b, "the standard library of "+goVersion, goroot, filepath.Join(goroot, "LICENSE")); err != nil {
		return nil, err
	}
	const columns = "{{.Dir}}\t{{.Module.Path}} {{.Module.Version}}\t{{.Module.Dir}}"
	packages, err := goCommand(ctx, root, "list", "-deps", "-tags=lambda.norpc",
		"-f", "{{if .Module}}{{if not .Module.Main}}"+columns+"{{end}}{{end}}", "./lambda")
	if err != nil {
		return nil, err
	}
	if err := addModules(&b, strings.Split(packages, "\n")); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// addModules takes a line of each linked package: its folder, its module and the
// module's folder, with tabs between them.
func addModules(b *bytes.Buffer, packages []string) error {
	terms, tops := map[string][]string{}, map[string]string{} // files and folder, by module
	for _, line := range packages {
		columns := strings.Split(line, "\t")
		if len(columns) != 3 {
			return fmt.Errorf("go list said %q", line)
		}
		module, top := columns[1], columns[2]
		tops[module] = top
		for dir := columns[0]; strings.HasPrefix(dir, top); dir = filepath.Dir(dir) {
			found, err := termsIn(dir)
			if err != nil {
				return err
			}
			terms[module] = append(terms[module], found...)
		}
	}
	for _, module := range slices.Sorted(maps.Keys(terms)) {
		if len(terms[module]) == 0 {
			return fmt.Errorf("%s has no licence", module)
		}
		slices.Sort(terms[module])
		for _, file := range slices.Compact(terms[module]) {
			if err := addFile(b, module, tops[module], file); err != nil {
				return err
			}
		}
	}
	return nil
}

func termsIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		if entry.Type().IsRegular() && licence.MatchString(entry.Name()) && filepath.Ext(entry.Name()) != ".go" {
			files = append(files, filepath.Join(dir, entry.Name()))
		}
	}
	return files, nil
}

func addFile(b *bytes.Buffer, of, top, file string) error {
	text, err := os.ReadFile(file) // #nosec G304 -- of the repository, Go or a pinned module
	if err != nil {
		return fmt.Errorf("read the licence of %s: %w", of, err)
	}
	name, err := filepath.Rel(top, file)
	if err != nil {
		return err
	}
	rule := strings.Repeat("=", 80)
	fmt.Fprintf(b, "\n%s\n%s: %s\n%s\n\n%s\n", rule, of, filepath.ToSlash(name), rule, bytes.TrimSpace(text))
	return nil
}

// goCommand asks the go command what it would build the function from.
func goCommand(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...) // #nosec G204 -- constants
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}
