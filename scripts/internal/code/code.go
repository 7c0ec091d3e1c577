// Package code builds the function's zip, byte for byte the same wherever it
// is built from the same commit.
package code

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/child"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// Zip is the function as it is uploaded.
type Zip struct {
	Bytes   []byte
	Version string
}

// Digest is the zip's SHA-256, in lower-case hex.
func (z Zip) Digest() string { return template.Digest(z.Bytes) }

// Pin is what the template says of the zip. The key is made from the digest,
// so that another zip never takes its place.
func (z Zip) Pin() template.Pin {
	sum := sha256.Sum256(z.Bytes)
	return template.Pin{
		Key:        "registration/" + z.Digest() + ".zip",
		CodeSha256: base64.StdEncoding.EncodeToString(sum[:]),
		Version:    z.Version,
	}
}

var goLine = regexp.MustCompile(`(?m)^go (\S+)$`)

// Version is the function's, of the repository at root.
func Version(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "lambda", "VERSION")) // #nosec G304 -- the repository's own file
	return strings.TrimSpace(string(text)), err
}

// Build compiles the function of the repository at root and zips it. It leaves
// nothing behind, also where ctx ends.
func Build(ctx context.Context, root string) (Zip, error) {
	version, err := Version(root)
	if err != nil {
		return Zip{}, err
	}
	dir, err := os.MkdirTemp("", "aws-ro-access-build-")
	if err != nil {
		return Zip{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a leftover does no harm
	binary := filepath.Join(dir, "bootstrap")
	if err := Compile(ctx, root, "./lambda", binary); err != nil {
		return Zip{}, err
	}
	program, err := os.ReadFile(binary) // #nosec G304 -- just built
	if err != nil {
		return Zip{}, err
	}
	packed, err := Pack(program)
	if err != nil {
		return Zip{}, err
	}
	return Zip{Bytes: packed, Version: version}, nil
}

// Compile builds pkg of the module in dir for Lambda's x86_64. The toolchain is
// the one that the module's go.mod names, to the patch: another one would
// give other bytes.
func Compile(ctx context.Context, dir, pkg, binary string) error {
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod")) // #nosec G304 -- the repository's own file
	if err != nil {
		return err
	}
	line := goLine.FindSubmatch(mod)
	if line == nil {
		return errors.New("go.mod names no Go version")
	}
	toolchain := "go" + string(line[1])
	// The zip is compressed by this very program, so its own toolchain counts too.
	if runtime.Version() != toolchain {
		return fmt.Errorf("this runs on %s, the zip is made with %s: set GOTOOLCHAIN=%s, as make does",
			runtime.Version(), toolchain, toolchain)
	}
	cmd := child.Command(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-tags=lambda.norpc",
		"-ldflags=-s -w -buildid=", "-o", binary, pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+toolchain, "GOOS=linux", "GOARCH=amd64", "GOAMD64=v1",
		"CGO_ENABLED=0", "GOFLAGS=", "GOEXPERIMENT=", "GOWORK=off", "GOFIPS140=off", "GODEBUG=",
		"GOTMPDIR="+filepath.Dir(binary)) // an interrupted Go command leaves its folder
	if out, err := cmd.CombinedOutput(); ctx.Err() != nil {
		return context.Cause(ctx)
	} else if err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, bytes.TrimSpace(out))
	}
	return nil
}

// Pack zips the program under the name that the runtime provided.al2023
// starts, with a fixed time and mode.
func Pack(program []byte) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	header := &zip.FileHeader{
		Name:     "bootstrap",
		Method:   zip.Deflate,
		Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	header.SetMode(0o755)
	f, err := w.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(program); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Unpack returns the program of a zip that Pack made.
func Unpack(packed []byte) ([]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return nil, fmt.Errorf("read the zip: %w", err)
	}
	if len(z.File) != 1 || z.File[0].Name != "bootstrap" {
		return nil, errors.New("the zip holds something else than one file named bootstrap")
	}
	if z.File[0].Mode().Perm()&0o111 != 0o111 {
		return nil, fmt.Errorf("bootstrap in the zip has mode %v: Lambda could not run it", z.File[0].Mode())
	}
	file, err := z.File[0].Open()
	if err != nil {
		return nil, fmt.Errorf("unpack the zip: %w", err)
	}
	program, err := io.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("unpack the zip: %w", err)
	}
	return program, nil
}
