package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/launch"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// sums names the file with the digests of the others, for sha256sum -c.
const sums = "SHA256SUMS"

// release makes all files of the release of the repository at root, by name.
func release(ctx context.Context, root string) (map[string][]byte, error) {
	zip, err := code.Build(ctx, root)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"registration.zip": zip.Bytes}
	for _, path := range []string{
		template.Path, template.OrganizationPath, template.LaunchPath, "template/registration.openapi.yaml",
	} {
		body, err := os.ReadFile(filepath.Join(root, path)) // #nosec G304 -- the repository's own files
		if err != nil {
			return nil, err
		}
		files[filepath.Base(path)] = body
	}
	published, err := launch.Of(root, files[filepath.Base(template.Path)],
		files[filepath.Base(template.OrganizationPath)])
	if err != nil {
		return nil, err
	}
	if err := published.Check(zip.Pin(), files[filepath.Base(template.LaunchPath)]); err != nil {
		return nil, err
	}
	log, err := os.ReadFile(filepath.Join(root, "template", "CHANGELOG.md")) // #nosec G304 -- the repository's own file
	if err != nil {
		return nil, err
	}
	if files["CHANGES.md"], err = section(log, zip.Version); err != nil {
		return nil, err
	}
	if files["LICENCES.txt"], err = licences(ctx, root, zip.Version); err != nil {
		return nil, err
	}
	if files["registration.cdx.json"], err = billOfMaterials(zip); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(files[name]), name)
	}
	files[sums] = b.Bytes()
	return files, nil
}

// section is what the change log says of a version, its heading included.
func section(log []byte, version string) ([]byte, error) {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(string(log)) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			inside = strings.TrimSpace(heading) == version
		}
		if inside {
			b.WriteString(line)
		}
	}
	if b.Len() == 0 {
		return nil, fmt.Errorf("template/CHANGELOG.md has no section %q: say what this version changes", "## "+version)
	}
	return []byte(strings.TrimRight(b.String(), "\n") + "\n"), nil
}
