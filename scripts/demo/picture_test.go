package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// TestPicturesShowThePinnedDigest looks at what make pictures has drawn: a zip's
// digest is cut short there, and its beginning is that of the committed one.
func TestPicturesShowThePinnedDigest(t *testing.T) {
	t.Parallel()
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	published, err := template.Read()
	if err != nil {
		t.Fatal(err)
	}
	digests := regexp.MustCompile(`\b[0-9a-f]{8,63}…`)
	shown := map[string]int{}
	for _, folder := range []string{"scripts", "template"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			installed := strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"
			if entry.IsDir() && installed {
				return fs.SkipDir
			}
			if filepath.Ext(path) != ".svg" {
				return nil
			}
			picture, err := os.ReadFile(path) // #nosec G304 -- a file of this checkout
			if err != nil {
				return err
			}
			for _, digest := range digests.FindAllString(string(picture), -1) {
				shown[entry.Name()]++
				if !strings.HasPrefix(published.Pin.Key, "registration/"+strings.TrimSuffix(digest, "…")) {
					t.Errorf("%s shows the digest %s, %s names %s: run make pictures",
						path, digest, template.Path, published.Pin.Key)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if shown["demo.svg"] != 1 {
		t.Errorf("the pictures show %v digests, want one in demo.svg, or nothing was looked at", shown)
	}
}
