package function

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Unpack writes the one file of the zip, bootstrap, to dir and returns its path.
func Unpack(archive, dir string) (string, error) {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return "", fmt.Errorf("open %s (make build makes it): %w", archive, err)
	}
	defer func() { _ = z.Close() }() // was only read
	if len(z.File) != 1 || z.File[0].Name != "bootstrap" {
		return "", fmt.Errorf("%s holds something else than one file named bootstrap", archive)
	}
	if z.File[0].Mode().Perm()&0o111 != 0o111 {
		return "", fmt.Errorf("bootstrap in %s has mode %v: Lambda could not run it", archive, z.File[0].Mode())
	}
	packed, err := z.File[0].Open()
	if err != nil {
		return "", fmt.Errorf("unpack %s: %w", archive, err)
	}
	content, err := io.ReadAll(packed)
	if err != nil {
		return "", fmt.Errorf("unpack %s: %w", archive, err)
	}
	path := filepath.Join(dir, "bootstrap")
	if err := os.WriteFile(path, content, 0o700); err != nil { // #nosec G306 -- it is a program
		return "", fmt.Errorf("unpack %s: %w", archive, err)
	}
	return path, nil
}
