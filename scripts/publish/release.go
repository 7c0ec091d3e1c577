package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// release is what one commit publishes.
type release struct {
	commit       repo.Commit
	zip          code.Zip
	template     template.Template
	organization template.Template
}

func read(ctx context.Context, root string) (release, error) {
	var (
		r   release
		err error
	)
	if r.commit, err = repo.Head(root); err != nil {
		return release{}, err
	}
	if r.template, err = template.Read(); err != nil {
		return release{}, err
	}
	if r.organization, err = template.ReadOrganization(); err != nil {
		return release{}, err
	}
	if r.zip, err = code.Build(ctx, root); err != nil {
		return release{}, err
	}
	return r, nil
}

// refusals are the reasons not to publish: what runs would not be what
// somebody can check out, build and review.
func (r release) refusals(untagged bool) []string {
	var reasons []string
	if n := len(r.commit.Changed); n > 0 {
		reasons = append(reasons, fmt.Sprintf("%d files differ from the commit, %s for one", n, r.commit.Changed[0]))
	}
	if tag := "v" + r.zip.Version; !untagged && !slices.Contains(r.commit.Tags, tag) {
		reasons = append(reasons, fmt.Sprintf("commit %.12s is not tagged %s (-untagged publishes it all the same)", r.commit.Hash, tag))
	}
	if built := r.zip.Pin(); r.template.Pin != built {
		reasons = append(reasons, fmt.Sprintf("%s names %+v, this commit builds %+v: run make build and commit the template", template.Path, r.template.Pin, built))
	}
	if err := template.CheckOrganization(r.organization.Body, r.template.Body); err != nil {
		reasons = append(reasons, err.Error())
	}
	return reasons
}

// code is the zip for one region.
func (r release) code(bucket, region string) object {
	return object{bucket: bucket + "-" + region, region: region, key: r.zip.Pin().Key, body: r.zip.Bytes}
}

// templates are in the order in which they may appear: the organization's
// names the other one under its digest.
func (r release) templates() []object {
	var all []object
	for _, t := range []struct {
		path string
		body []byte
	}{{template.Path, r.template.Body}, {template.OrganizationPath, r.organization.Body}} {
		all = append(all,
			object{bucket: template.Bucket, region: home, key: template.OwnKey(t.path, t.body), body: t.body},
			object{bucket: template.Bucket, region: home, key: template.VersionKey(t.path, r.zip.Version), body: t.body},
			object{bucket: template.Bucket, region: home, key: template.LatestKey(t.path), body: t.body, latest: true})
	}
	return all
}

// plan says what publishing does, for reading before it is done.
func (r release) plan(bucket string, names []string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("release %s, commit %.12s", r.zip.Version, r.commit.Hash)
	line("\n1. %s, %d bytes, where it is missing, to", r.zip.Pin().Key, len(r.zip.Bytes))
	for _, region := range names {
		line("   s3://%s", r.code(bucket, region).bucket)
	}
	line("\n2. when they all have it, and every other bucket of this name that is there, the templates:")
	for _, o := range r.templates() {
		how := "where it is missing"
		if o.latest {
			how = "in place of what is there"
		}
		line("   %-26s %s", how, o)
	}
	return b.String()
}
