package runtimeapi

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
)

// Unpack writes the program of a built zip, bootstrap, to dir and returns its
// path.
func Unpack(packed []byte, dir string) (string, error) {
	program, err := code.Unpack(packed)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "bootstrap")
	if err := os.WriteFile(path, program, 0o700); err != nil { // #nosec G306 -- it is a program
		return "", fmt.Errorf("unpack the zip: %w", err)
	}
	return path, nil
}
