//go:build lint

// Command lint is staticcheck, errcheck and gosec in one program, so that they
// load and type-check the code once, and none of their own commands' many
// dependencies is built. The tag keeps what is left of them out of ./...
package main

import (
	"github.com/kisielk/errcheck/errcheck"
	"github.com/securego/gosec/v2/goanalysis"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/multichecker"
	"honnef.co/go/tools/simple"
	"honnef.co/go/tools/staticcheck"
)

func main() {
	analyzers := []*analysis.Analyzer{errcheck.Analyzer, goanalysis.Analyzer}
	for _, a := range append(staticcheck.Analyzers, simple.Analyzers...) {
		analyzers = append(analyzers, a.Analyzer)
	}
	multichecker.Main(analyzers...)
}
