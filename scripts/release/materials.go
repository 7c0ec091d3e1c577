package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"runtime/debug"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
)

// billOfMaterials lists in CycloneDX what the shipped program itself says that
// it is made of. It has no time and no serial number, which would be others
// each time.
func billOfMaterials(function code.Zip) ([]byte, error) {
	program, err := code.Unpack(function.Bytes)
	if err != nil {
		return nil, err
	}
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return nil, fmt.Errorf("read what the program is made of: %w", err)
	}
	main := component(cdx.ComponentTypeApplication, info.Main.Path, "v"+function.Version)
	parts := []cdx.Component{component(cdx.ComponentTypeLibrary, "std", info.GoVersion)}
	for _, module := range info.Deps {
		part, err := dependency(module)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	refs := make([]string, len(parts))
	for i, part := range parts {
		refs[i] = part.BOMRef
	}
	bill := cdx.NewBOM()
	bill.Metadata = &cdx.Metadata{
		Component: &main,
		Tools: &cdx.ToolsChoice{
			Components: &[]cdx.Component{
				component(cdx.ComponentTypeApplication, info.Main.Path+"/scripts/release", "v"+function.Version),
			},
		},
	}
	bill.Components = &parts
	bill.Dependencies = &[]cdx.Dependency{{Ref: main.BOMRef, Dependencies: &refs}}
	var b bytes.Buffer
	err = cdx.NewBOMEncoder(&b, cdx.BOMFileFormatJSON).
		SetPretty(true).
		SetEscapeHTML(false).
		EncodeVersion(bill, cdx.SpecVersion1_6)
	return b.Bytes(), err
}

// component is a Go module, named as https://github.com/package-url/purl-spec
// has it.
func component(kind cdx.ComponentType, path, version string) cdx.Component {
	purl := "pkg:golang/" + path + "@" + version
	return cdx.Component{Type: kind, BOMRef: purl, Name: path, Version: version, PackageURL: purl}
}

// dependency has the digest by which go.sum and the checksum database know the
// module: https://go.dev/ref/mod#go-sum-files.
func dependency(module *debug.Module) (cdx.Component, error) {
	if module.Replace != nil {
		return cdx.Component{}, fmt.Errorf("%s is replaced by %s, of which nobody else knows", module.Path,
			module.Replace.Path)
	}
	digest, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(module.Sum, "h1:"))
	if err != nil || len(digest) != 32 {
		return cdx.Component{}, fmt.Errorf("%s %s has the digest %q, not an h1", module.Path, module.Version,
			module.Sum)
	}
	c := component(cdx.ComponentTypeLibrary, module.Path, module.Version)
	c.Scope = cdx.ScopeRequired
	c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(digest)}}
	return c, nil
}
