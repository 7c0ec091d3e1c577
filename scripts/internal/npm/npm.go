// Package npm installs what a package-lock.json of this repository names, beside it, where git ignores it.
package npm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/doitintl/aws-ro-access/scripts/internal/child"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

// Install installs what the lock in a folder of the repository names, and
// returns its node_modules. One that was made from the same lock is used as it
// is, and while one process installs, others wait.
func Install(ctx context.Context, folder string) (modules string, err error) {
	root, err := repo.Root()
	if err != nil {
		return "", err
	}
	folder = filepath.Join(root, folder)
	modules = filepath.Join(folder, "node_modules")
	lock, err := os.Open(filepath.Join(folder, "package-lock.json")) // #nosec G304 -- a file of this checkout
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil { // #nosec G115 -- descriptors are small
		return "", fmt.Errorf("wait for another npm ci: %w", err)
	}
	wanted, err := os.ReadFile(lock.Name())
	if err != nil {
		return "", err
	}
	stamp := filepath.Join(modules, ".made-from")
	if made, err := os.ReadFile(stamp); err == nil && bytes.Equal(made, wanted) { // #nosec G304 -- as above
		return modules, nil
	}
	ci := child.Command(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	ci.Dir = folder
	if out, err := ci.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w: %s", err, bytes.TrimSpace(out))
	}
	return modules, os.WriteFile(stamp, wanted, 0o600) // #nosec G703 -- inside the checkout
}
