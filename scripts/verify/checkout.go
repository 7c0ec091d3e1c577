package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/launch"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// checkout rebuilds the function and compares it with what is committed: here is
// this commit's edition.
func checkout(ctx context.Context, r *report, root string, here edition) error {
	head, err := repo.Head(root)
	if err != nil {
		r.title("This folder, which is no git checkout: its files stand for the committed ones")
	} else {
		r.title("This checkout, commit %.12s %s", head.Hash, strings.Join(head.Tags, " "))
		r.compare("working tree", "no file differs from the commit", differs(root, head))
	}
	zip, err := code.Build(ctx, root)
	if err != nil {
		return err
	}
	return compareBuild(r, root, zip, here)
}

// differs are the files of which a reviewer would read something else than what
// is committed. A new file counts where it could be read, or run, as part of
// this repository.
func differs(root string, head repo.Commit) []string {
	var differences []string
	for _, path := range head.Changed {
		_, err := repo.File(root, head.Hash, path)
		switch top, _, _ := strings.Cut(path, "/"); {
		case err == nil:
			differences = append(differences, path+" differs from the commit")
		case slices.Contains([]string{"lambda", "template", "scripts"}, top) || strings.HasPrefix(top, "go."):
			differences = append(differences, path+" is in no commit")
		}
	}
	return differences
}

func compareBuild(r *report, root string, zip code.Zip, here edition) error {
	body := here.files[template.Path]
	published, err := launch.Of(root, body, here.files[template.OrganizationPath])
	if err != nil {
		return err
	}
	built, pin := zip.Pin(), published.Account.Pin
	repinned, err := published.Account.Pinned(built)
	if err != nil {
		return err
	}
	digest := strings.TrimSuffix(filepath.Base(pin.Key), ".zip")
	r.compare("zip",
		fmt.Sprintf("SHA-256 %s, %d bytes, built here with %s", zip.Digest(), len(zip.Bytes), runtime.Version()),
		unless(zip.Digest() == digest, "the build gives SHA-256 %s, the template names %s", zip.Digest(), digest))
	r.compare("key", pin.Key,
		unless(built.Key == pin.Key, "the build gives %s, the template names %s", built.Key, pin.Key))
	r.compare("CodeSha256", pin.CodeSha256, unless(built.CodeSha256 == pin.CodeSha256,
		"the build gives %s, the template names %s", built.CodeSha256, pin.CodeSha256))
	r.compare("template",
		fmt.Sprintf("SHA-256 %s, version %s", template.Digest(body), pin.Version),
		unless(bytes.Equal(repinned, body),
			"the build gives SHA-256 %s, version %s; the committed one has %s, version %s", template.Digest(repinned),
			built.Version, template.Digest(body), pin.Version),
	)
	for _, launching := range []struct {
		name string
		body []byte
		err  error
	}{
		{name: "organization", body: here.files[template.OrganizationPath],
			err: template.CheckOrganization(published.Organization.Body, body)},
		{name: "page", body: here.files[template.LaunchPath],
			err: published.CheckPage(here.files[template.LaunchPath])},
	} {
		var differences []string
		if launching.err != nil {
			differences = []string{launching.err.Error()}
		}
		r.compare(launching.name,
			fmt.Sprintf("SHA-256 %s, launches exactly that template", template.Digest(launching.body)), differences)
	}
	return nil
}
