package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// checkout rebuilds the function and compares it with the committed templates.
func checkout(ctx context.Context, r *report, root string) error {
	head, err := repo.Head(root)
	if err == nil {
		r.title("This checkout, commit %.12s %s", head.Hash, strings.Join(head.Tags, " "))
		for _, path := range head.Changed {
			if built(path) {
				r.note("%s differs from the commit: what is built here is not what was committed.", path)
			}
		}
	} else {
		r.title("This folder, which is no git checkout: its files stand for the committed ones")
	}
	committed := func(path string) ([]byte, error) {
		if head.Hash == "" {
			return os.ReadFile(filepath.Join(root, path)) // #nosec G304 -- the repository's own file
		}
		return repo.File(root, head.Hash, path)
	}
	body, err := committed(template.Path)
	if err != nil {
		return err
	}
	organization, err := committed(template.OrganizationPath)
	if err != nil {
		return err
	}
	zip, err := code.Build(ctx, root)
	if err != nil {
		return err
	}
	return compareBuild(r, zip, body, organization)
}

// built tells whether the function's bytes depend on the file.
func built(path string) bool {
	return path == "go.mod" || path == "go.sum" || strings.HasPrefix(path, "lambda/") && !strings.HasSuffix(path, "_test.go")
}

func compareBuild(r *report, zip code.Zip, body, organization []byte) error {
	published, err := template.Parse(body)
	if err != nil {
		return err
	}
	built, pin := zip.Pin(), published.Pin
	repinned, err := published.Pinned(built)
	if err != nil {
		return err
	}
	digest := strings.TrimSuffix(filepath.Base(pin.Key), ".zip")
	r.compare("zip", fmt.Sprintf("SHA-256 %s, %d bytes, built here with %s", zip.Digest(), len(zip.Bytes), runtime.Version()),
		unless(zip.Digest() == digest, "the build gives SHA-256 %s, the template names %s", zip.Digest(), digest))
	r.compare("key", pin.Key, unless(built.Key == pin.Key, "the build gives %s, the template names %s", built.Key, pin.Key))
	r.compare("CodeSha256", pin.CodeSha256, unless(built.CodeSha256 == pin.CodeSha256, "the build gives %s, the template names %s", built.CodeSha256, pin.CodeSha256))
	r.compare("template", fmt.Sprintf("SHA-256 %s, version %s", template.Digest(body), pin.Version),
		unless(bytes.Equal(repinned, body), "the build gives SHA-256 %s, version %s; the committed one has %s, version %s",
			template.Digest(repinned), built.Version, template.Digest(body), pin.Version))
	var differs []string
	if err := template.CheckOrganization(organization, body); err != nil {
		differs = append(differs, err.Error())
	}
	r.compare("organization", fmt.Sprintf("SHA-256 %s, launches exactly that template", template.Digest(organization)), differs)
	return nil
}

var versions = regexp.MustCompile(`\A[0-9A-Za-z.-]{1,32}\z`)

// released is the template of a version: of its tag, or the committed one where
// that version has no tag yet.
func released(root, version string) ([]byte, error) {
	if !versions.MatchString(version) { // git would take v1.0.0~5 for a commit that was never released
		return nil, fmt.Errorf("the stack says that it is of version %q, which is none", version)
	}
	tagged, err := repo.File(root, "refs/tags/v"+version, template.Path)
	if err == nil {
		return tagged, nil
	}
	committed, err := repo.File(root, "HEAD", template.Path)
	if err != nil {
		if committed, err = os.ReadFile(filepath.Join(root, template.Path)); err != nil { // #nosec G304 -- the repository's own file
			return nil, err
		}
	}
	published, err := template.Parse(committed)
	if err != nil {
		return nil, err
	}
	if published.Pin.Version != version {
		return nil, fmt.Errorf("the stack says that it is of version %q, which is neither a tag here nor the version checked out (%s): fetch the tags, or check that version out", version, published.Pin.Version)
	}
	return committed, nil
}
