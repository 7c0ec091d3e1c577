package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// published are the files that have addresses under their own digests, from the
// top of the repository.
var published = []string{template.Path, template.OrganizationPath, template.LaunchPath}

// edition is what one commit publishes.
type edition struct {
	name    string
	version string
	files   map[string][]byte // by path; one that the commit lacks is not there
}

// editions are those of this commit and of all tagged versions here, this one
// first.
func editions(root string) ([]edition, error) {
	head, err := repo.Head(root)
	if _, none := os.Lstat(filepath.Join(root, ".git")); err != nil && none == nil {
		return nil, err // git does not read this checkout, as it does not read somebody else's
	}
	if err != nil { // an unpacked archive: its files are all there is
		here, err := readEdition("this folder", func(path string) ([]byte, error) {
			return os.ReadFile(filepath.Join(root, path)) // #nosec G304 -- the repository's own file
		})
		return []edition{here}, err
	}
	here, err := readEdition("this commit",
		func(path string) ([]byte, error) { return repo.File(root, head.Hash, path) })
	if err != nil {
		return nil, err
	}
	all := []edition{here}
	tags, err := repo.Tags(root)
	if err != nil {
		return nil, err
	}
	for _, tag := range tags {
		tagged, err := readEdition("the tag "+tag, func(path string) ([]byte, error) {
			return repo.File(root, "refs/tags/"+tag, path)
		})
		if err == nil && tag == "v"+tagged.version { // another tag is no version
			all = append(all, tagged)
		}
	}
	return all, nil
}

func readEdition(name string, read func(path string) ([]byte, error)) (edition, error) {
	e := edition{name: name, files: map[string][]byte{}}
	for _, path := range published {
		if body, err := read(path); err == nil {
			e.files[path] = body
		}
	}
	body, ok := e.files[template.Path]
	if !ok {
		return edition{}, fmt.Errorf("%s lacks %s", name, template.Path)
	}
	parsed, err := template.Parse(body)
	if err != nil {
		return edition{}, fmt.Errorf("%s: %w", name, err)
	}
	e.version = parsed.Pin.Version
	return e, nil
}

// named is the file whose digest is given, and of which edition it is: of the
// tag where it is tagged.
func named(all []edition, digest string) (e edition, path string, ok bool) {
	for _, e := range append(all[1:len(all):len(all)], all[0]) {
		for _, path := range published {
			if body, has := e.files[path]; has && template.Digest(body) == digest {
				return e, path, true
			}
		}
	}
	return edition{}, "", false
}

// of is the edition of a version, the tagged one first.
func of(all []edition, version string) (edition, error) {
	for _, e := range append(all[1:len(all):len(all)], all[0]) {
		if e.version == version {
			return e, nil
		}
	}
	return edition{}, fmt.Errorf("version %q is neither a tag here nor the version checked out (%s): "+
		"fetch the tags, or check that version out", version, all[0].version)
}

// compareDownload says of a downloaded file which version it is, or how it
// differs from the one that it is most like.
func compareDownload(r *report, all []edition, file string) error {
	body, err := os.ReadFile(file) // #nosec G304 -- what the reviewer names
	if err != nil {
		return err
	}
	digest := template.Digest(body)
	r.title("%s, SHA-256 %s", filepath.Base(file), digest)
	if e, path, ok := named(all, digest); ok {
		r.compare("download", fmt.Sprintf("is %s of version %s, byte for byte (%s)", path, e.version, e.name), nil)
		return nil
	}
	e, path, err := likest(all, body)
	if err != nil {
		r.compare("download", "", []string{err.Error()})
		return nil
	}
	what := fmt.Sprintf("%s of version %s (%s)", path, e.version, e.name)
	r.compare("download", "", []string{"it is not " + what + ":"})
	differences := bodyDiffers(body, e.files[path])
	if len(differences) == 0 {
		differences = []string{"only the blank at its end"}
	}
	for _, difference := range differences {
		r.note("%s", difference)
	}
	return nil
}

// likest is the file that a changed one was most likely made from.
func likest(all []edition, body []byte) (e edition, path string, err error) {
	if bytes.HasPrefix(body, []byte("<!DOCTYPE html")) {
		return all[0], template.LaunchPath, nil
	}
	parsed, err := parse(body)
	if err != nil {
		return edition{}, "", fmt.Errorf("it is none of DoiT's: %w", err)
	}
	if at(parsed, "Resources", "AccountStacks") != nil {
		for _, e := range all {
			if bytes.Contains(body, []byte(template.Digest(e.files[template.Path]))) {
				return e, template.OrganizationPath, nil
			}
		}
		return all[0], template.OrganizationPath, nil
	}
	if at(parsed, "Resources", "Registration") == nil {
		return edition{}, "", errors.New(
			"it is none of DoiT's: it has neither the resource Registration nor AccountStacks",
		)
	}
	claimed, err := template.Parse(body)
	if err != nil {
		return edition{}, "", err
	}
	if e, err := of(all, claimed.Pin.Version); err == nil {
		return e, template.Path, nil
	}
	return all[0], template.Path, nil
}
