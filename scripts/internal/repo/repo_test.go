package repo_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

func TestHead(t *testing.T) {
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

func write(t *testing.T, root, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func git(t *testing.T, root string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", root, "-c", "user.name=T", "-c", "user.email=t@example.com"}, args...)...) // #nosec G204 -- this test
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v: %s", args, err, out)
	}
}
