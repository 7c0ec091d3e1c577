package repo_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

func TestHeadIsWhatIsCheckedOutAndWhatWasChangedSince(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, "a file", "one")
	git(t, root, "init", "-q")
	if _, err := repo.Head(root); err == nil {
		t.Error("a repository without a commit has a head")
	}
	git(t, root, "add", ".")
	git(t, root, "commit", "-qm", "first")
	git(t, root, "tag", "v1.0.0")
	head, err := repo.Head(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(head.Hash) != 40 || !slices.Equal(head.Tags, []string{"v1.0.0"}) || len(head.Changed) > 0 {
		t.Errorf("a clean tagged commit is %+v", head)
	}

	write(t, root, "a file", "two")
	write(t, root, "new", "")
	if head, err = repo.Head(root); err != nil || !slices.Equal(head.Changed, []string{"a file", "new"}) {
		t.Errorf("a dirty tree has changed in %q (%v)", head.Changed, err)
	}
	if files, err := repo.Files(root); err != nil || len(files) != 2 || !slices.Contains(files, "new") {
		t.Errorf("the files are %q (%v)", files, err)
	}
	if was, err := repo.File(root, "v1.0.0", "a file"); err != nil || string(was) != "one" {
		t.Errorf("v1.0.0 has %q (%v), want one", was, err)
	}
	if _, err := repo.File(root, "v2.0.0", "a file"); err == nil {
		t.Error("a tag that is not there has a file")
	}

	git(t, root, "add", ".")
	git(t, root, "commit", "-qm", "second")
	if head, err = repo.Head(root); err != nil || len(head.Tags) > 0 || len(head.Changed) > 0 {
		t.Errorf("an untagged commit is %+v (%v)", head, err)
	}
}

// What a test reads from outside this module it has to find by Root, or Go's
// cache answers for it after a change.
func TestNoTestGoesAroundRoot(t *testing.T) {
	t.Parallel()
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	scripts := os.DirFS(filepath.Join(root, "scripts"))
	around := regexp.MustCompile(`"(\.\./)+(lambda|template|go\.mod|\.\.)`)
	for _, pattern := range []string{"*/*_test.go", "internal/*/*_test.go"} {
		files, err := fs.Glob(scripts, pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			source, err := fs.ReadFile(scripts, file)
			if err != nil {
				t.Fatal(err)
			}
			if found := around.Find(source); found != nil {
				t.Errorf("%s has %s…: find the file by repo.Root or repo.ReadFile", file, found)
			}
		}
	}
}

func TestOnlyACleanTaggedCommitIsAVersion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		commit   repo.Commit
		untagged bool
		refusals int
	}{
		{name: "clean and tagged", commit: repo.Commit{Tags: []string{"v0.9.0", "v1.0.0"}}, refusals: 0},
		{name: "another version's tag", commit: repo.Commit{Tags: []string{"v1.0.1"}}, refusals: 1},
		{name: "no tag", commit: repo.Commit{}, refusals: 1},
		{name: "no tag, let through", commit: repo.Commit{}, untagged: true, refusals: 0},
		{name: "changed", commit: repo.Commit{Tags: []string{"v1.0.0"}, Changed: []string{"README.md"}}, refusals: 1},
		{name: "changed, without a tag let through", commit: repo.Commit{Changed: []string{"README.md"}},
			untagged: true, refusals: 1},
		{name: "changed and without a tag", commit: repo.Commit{Changed: []string{"README.md"}}, refusals: 2},
	} {
		if got := c.commit.Refusals("1.0.0", c.untagged); len(got) != c.refusals {
			t.Errorf("%s: refused with %q, want %d reasons", c.name, got, c.refusals)
		}
	}
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func git(t *testing.T, root string, args ...string) {
	t.Helper()
	all := append([]string{"-C", root, "-c", "user.name=T", "-c", "user.email=t@example.com"}, args...)
	cmd := exec.Command("git", all...) // #nosec G204 -- this test
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v: %s", args, err, out)
	}
}
