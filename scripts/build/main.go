// Command build makes dist/registration.zip, the same bytes on every machine,
// and writes its key, its digest and its version into the template, and the
// template's digest into what launches it.
//
// With -check it writes nothing, and fails where the committed files do not
// name what this commit builds.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/given"
	"github.com/doitintl/aws-ro-access/scripts/internal/launch"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

func main() {
	check := flag.Bool("check", false, "write nothing, and fail if the templates name another zip than is built")
	given.Main("build", func(ctx context.Context) error { return run(ctx, *check) })
}

func run(ctx context.Context, check bool) error {
	root, err := repo.Root()
	if err != nil {
		return err
	}
	zip, err := code.Build(ctx, root)
	if err != nil {
		return err
	}
	files, err := pinned(zip.Pin())
	if err != nil {
		return err
	}
	var stale []string
	for _, path := range []string{template.Path, template.OrganizationPath, template.LaunchPath} {
		body, err := os.ReadFile(filepath.Join(root, path)) // #nosec G304 -- the repository's own file
		if err != nil {
			return err
		}
		if !bytes.Equal(body, files[path]) {
			stale = append(stale, path)
		}
	}
	fmt.Printf("zip         %d bytes, SHA-256 %s\n", len(zip.Bytes), zip.Digest())
	if check {
		if len(stale) > 0 {
			return fmt.Errorf("the committed %s do not name what this commit builds, %+v: "+
				"run make build and commit template/", strings.Join(stale, ", "), zip.Pin())
		}
		fmt.Println("templates   name exactly this zip")
		return nil
	}
	if err := os.MkdirAll(filepath.Join(root, "dist"), 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "dist", "registration.zip"), zip.Bytes, 0o600); err != nil {
		return err
	}
	fmt.Println("dist        dist/registration.zip written")
	if len(stale) == 0 {
		fmt.Println("templates   name exactly this zip already")
		return nil
	}
	for _, path := range stale {
		// #nosec G703 -- the repository's own file
		if err := os.WriteFile(filepath.Join(root, path), files[path], 0o600); err != nil {
			return err
		}
	}
	fmt.Println("templates   name this zip now: commit template/")
	return nil
}

// pinned are the files that name the zip, or another of them by its digest.
func pinned(pin template.Pin) (map[string][]byte, error) {
	body, organization, err := template.BothPinned(pin)
	if err != nil {
		return nil, err
	}
	published, err := launch.Read()
	if err != nil {
		return nil, err
	}
	if published.Account, err = template.Parse(body); err != nil {
		return nil, err
	}
	if published.Organization, err = template.Parse(organization); err != nil {
		return nil, err
	}
	page, err := launch.ReadPage()
	if err != nil {
		return nil, err
	}
	if page, err = published.PinPage(page); err != nil {
		return nil, err
	}
	return map[string][]byte{
		template.Path:             body,
		template.OrganizationPath: organization,
		template.LaunchPath:       page,
	}, nil
}
