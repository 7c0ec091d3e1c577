package function

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Unpack writes the one file of a built zip, bootstrap, to dir and returns its
// path.
func Unpack(packed []byte, dir string) (string, error) {
	z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return "", fmt.Errorf("read the zip: %w", err)
	}
	if len(z.File) != 1 || z.File[0].Name != "bootstrap" {
		return "", errors.New("the zip holds something else than one file named bootstrap")
	}
	if z.File[0].Mode().Perm()&0o111 != 0o111 {
		return "", fmt.Errorf("bootstrap in the zip has mode %v: Lambda could not run it", z.File[0].Mode())
	}
	file, err := z.File[0].Open()
	if err != nil {
		return "", fmt.Errorf("unpack the zip: %w", err)
	}
	program, err := io.ReadAll(file)
	if err != nil {
		return "", fmt.Errorf("unpack the zip: %w", err)
	}
	path := filepath.Join(dir, "bootstrap")
	if err := os.WriteFile(path, program, 0o700); err != nil { // #nosec G306 -- it is a program
		return "", fmt.Errorf("unpack the zip: %w", err)
	}
	return path, nil
}
