package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/launch"
	"github.com/doitintl/aws-ro-access/scripts/internal/regions"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// release is what one commit publishes.
type release struct {
	commit    repo.Commit
	zip       code.Zip
	published launch.Published
	page      []byte
}

func read(ctx context.Context, root string) (release, error) {
	var (
		r   release
		err error
	)
	if r.commit, err = repo.Head(root); err != nil {
		return release{}, err
	}
	if r.published, err = launch.Read(); err != nil {
		return release{}, err
	}
	if r.page, err = launch.ReadPage(); err != nil {
		return release{}, err
	}
	if r.zip, err = code.Build(ctx, root); err != nil {
		return release{}, err
	}
	return r, nil
}

// refusals are the reasons not to publish.
func (r release) refusals(untagged bool) []string {
	reasons := r.commit.Refusals(r.zip.Version, untagged)
	if err := r.published.Check(r.zip.Pin(), r.page); err != nil {
		reasons = append(reasons, err.Error())
	}
	return reasons
}

// code is the zip for one region.
func (r release) code(doit template.DoiTAccount, region string) object {
	return object{bucket: doit.Bucket(region), region: region, key: r.zip.Pin().Key, body: r.zip.Bytes}
}

// files are in the order in which they may appear: the organization's template
// names the account's under its digest, and the page both. The page says of no
// version what it is, so it has none.
func (r release) files() []object {
	var all []object
	for _, file := range []struct {
		path      string
		body      []byte
		versioned bool
	}{
		{path: template.Path, body: r.published.Account.Body, versioned: true},
		{path: template.OrganizationPath, body: r.published.Organization.Body, versioned: true},
		{path: template.LaunchPath, body: r.page},
	} {
		own := object{
			bucket: template.Bucket,
			region: home,
			key:    template.OwnKey(file.path, file.body),
			body:   file.body,
		}
		all = append(all, own)
		if file.versioned {
			version := own
			version.key = template.VersionKey(file.path, r.zip.Version)
			all = append(all, version)
		}
		newest := own
		newest.key, newest.latest = template.LatestKey(file.path), true
		all = append(all, newest)
	}
	return all
}

// plan says what publishing does, for reading before it is done.
func (r release) plan(p places, refusals []string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("dry run: nobody is asked and nothing is uploaded")
	for _, reason := range refusals {
		line("without DRY_RUN=1 this would be refused: %s", reason)
	}
	line("\nrelease %s, commit %.12s", r.zip.Version, r.commit.Hash)
	line("\n1. %s, %d bytes, where it is missing, to", r.zip.Pin().Key, len(r.zip.Bytes))
	for _, region := range p.names {
		line("   s3://%s", r.code(p.doit, region).bucket)
	}
	line("\n2. when they all have it, %s:", p.andTheOthers())
	for _, o := range r.files() {
		how := "where it is missing"
		if o.latest {
			how = "in place of what is there"
		}
		line("   %-26s %s", how, o)
	}
	line("\nnot offered: %s (%s)", strings.Join(regions.NotOffered, ", "), meets)
	return b.String()
}

func (p places) andTheOthers() string {
	if len(p.others) == 0 {
		return "the templates and the page"
	}
	return fmt.Sprintf("and the %d other regions that are offered, the templates and the page", len(p.others))
}
