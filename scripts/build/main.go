// Command build makes dist/registration.zip, the same bytes on every machine,
// and writes its key, its digest and its version into the template.
//
// With -check it writes nothing, and fails where the committed template does
// not name what this commit builds.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/given"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

func main() {
	check := flag.Bool("check", false, "write nothing, and fail if the committed templates name another zip than this commit builds")
	err := given.Parse()
	if err == nil {
		err = run(*check)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	root, err := repo.Root()
	if err != nil {
		return err
	}
	zip, err := code.Build(root)
	if err != nil {
		return err
	}
	pinned, organization, changed, err := template.BothPinned(zip.Pin())
	if err != nil {
		return err
	}
	fmt.Printf("zip         %d bytes, SHA-256 %s\n", len(zip.Bytes), zip.Digest())
	if check {
		if changed {
			return fmt.Errorf("the committed templates do not name what this commit builds, %+v: run make build and commit template/", zip.Pin())
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
	if !changed {
		fmt.Println("templates   name exactly this zip already")
		return nil
	}
	if err := os.WriteFile(filepath.Join(root, template.Path), pinned, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, template.OrganizationPath), organization, 0o600); err != nil { // #nosec G703 -- the repository's own file
		return err
	}
	fmt.Println("templates   name this zip now: commit template/")
	return nil
}
