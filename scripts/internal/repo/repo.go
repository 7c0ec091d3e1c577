// Package repo finds this repository on the disk, and asks git which commit is
// checked out and what was committed.
package repo

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// mark is a file that every checkout of this repository has, and no other.
var mark = filepath.Join("template", "doitmanagement.yaml")

// outside is what the tests of this module read of the rest of the repository,
// themselves or by a command that they start.
var outside = []string{"go.mod", "go.sum", "Makefile", "README.md", ".github", "lambda", "template"}

// Root finds the top of the repository, above the working directory. A test
// that found it by this function is run again when a file outside this module
// changed, and not answered from Go's cache.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, mark)); err == nil {
			for _, name := range outside {
				watch(dir + "/scripts/../" + name)
			}
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no %s above the working directory: run this inside the repository", mark)
		}
		dir = parent
	}
}

// ReadFile reads a file of the repository by its path from the top.
func ReadFile(path string) ([]byte, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(root, path)) // #nosec G304 -- the repository's own file
}

// Watch has Go's test cache look at sources of this module that a test does not
// import, since a command compiles them.
func Watch(root string, folders ...string) {
	for _, folder := range folders {
		watch(filepath.Join(root, folder))
	}
}

// watch opens a file, or a folder and those below it. That is what Go's test
// cache goes by: it looks again at whatever the test's own process opened, and
// in a folder at the size and time of each file. It does so only inside the
// module, but takes the name as it was written for that (cmd/go, in
// computeTestInputsID); hence Root's "scripts/..", which filepath.Join and
// filepath.WalkDir would clean away.
func watch(name string) {
	entries, _ := os.ReadDir(name) // a file, or nothing yet, is looked at too
	for _, entry := range entries {
		if entry.IsDir() {
			watch(name + "/" + entry.Name())
		}
	}
}

// Commit is what is checked out.
type Commit struct {
	Hash    string
	Tags    []string
	Changed []string // paths that differ from the commit, new ones included
}

// Head reads the repository at root.
func Head(root string) (Commit, error) {
	hash, err := git(root, "rev-parse", "--verify", "HEAD")
	if err != nil {
		return Commit{}, err
	}
	tags, err := git(root, "tag", "--points-at", "HEAD")
	if err != nil {
		return Commit{}, err
	}
	status, err := git(root, "status", "--porcelain", "--untracked-files=all", "--no-renames", "-z")
	if err != nil {
		return Commit{}, err
	}
	c := Commit{Hash: strings.TrimSpace(string(hash)), Tags: strings.Fields(string(tags))}
	for entry := range strings.SplitSeq(string(status), "\x00") {
		if len(entry) > 3 { // two letters of state, a space, the path
			c.Changed = append(c.Changed, entry[3:])
		}
	}
	return c, nil
}

// Tags are the names of all tags, newest version first.
func Tags(root string) ([]string, error) {
	tags, err := git(root, "tag", "--list", "--sort=-version:refname")
	return strings.Fields(string(tags)), err
}

// Refusals are the reasons not to hand this commit on as the version: what is
// handed on would not be what somebody can check out, build and review.
func (c Commit) Refusals(version string, untagged bool) []string {
	var reasons []string
	if len(c.Changed) > 0 {
		reasons = append(reasons, fmt.Sprintf("the tree differs from the commit (%s): commit it, or take it away",
			strings.Join(c.Changed, ", ")))
	}
	if tag := "v" + version; !untagged && !slices.Contains(c.Tags, tag) {
		reasons = append(reasons,
			fmt.Sprintf("commit %.12s is not tagged %s (UNTAGGED=1 takes it all the same)", c.Hash, tag))
	}
	return reasons
}

// Files are the paths of what is committed, or would be by `git add -A`.
func Files(root string) ([]string, error) {
	listed, err := git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	if err != nil {
		return nil, err
	}
	var paths []string
	for path := range strings.SplitSeq(strings.TrimSuffix(string(listed), "\x00"), "\x00") {
		if _, err := os.Lstat(filepath.Join(root, path)); err == nil { // or it is deleted, and not committed yet
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// File is a file as a revision has it.
func File(root, revision, path string) ([]byte, error) {
	return git(root, "cat-file", "blob", revision+":"+path)
}

func git(root string, args ...string) ([]byte, error) {
	cmd := exec.Command("git", append([]string{"-C", root}, args...)...) // #nosec G204 -- our own arguments
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("git %s: %s", strings.Join(args, " "), strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return nil, fmt.Errorf("git %s: %w", args[0], err)
	}
	return out, nil
}
