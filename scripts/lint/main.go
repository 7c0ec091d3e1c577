//go:build lint

// Command lint is vet, staticcheck, errcheck and gosec in one program, so that
// they load and type-check the code once, and none of their own commands' many
// dependencies is built. The tag keeps what is left of them out of ./...
package main

import (
	"strings"

	"github.com/kisielk/errcheck/errcheck"
	"github.com/securego/gosec/v2/goanalysis"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/multichecker"
	"golang.org/x/tools/go/analysis/suite/vet"
	"honnef.co/go/tools/simple"
	"honnef.co/go/tools/staticcheck"
)

func main() {
	analyzers := append([]*analysis.Analyzer{errcheck.Analyzer, gosec()}, vet.Suite...)
	for _, a := range append(staticcheck.Analyzers, simple.Analyzers...) {
		analyzers = append(analyzers, a.Analyzer)
	}
	multichecker.Main(analyzers...)
}

// gosec looks at what is shipped or run, not at tests.
func gosec() *analysis.Analyzer {
	a := *goanalysis.Analyzer
	a.Run = func(pass *analysis.Pass) (any, error) {
		p := *pass
		p.Report = func(d analysis.Diagnostic) {
			if !strings.HasSuffix(pass.Fset.Position(d.Pos).Filename, "_test.go") {
				pass.Report(d)
			}
		}
		return goanalysis.Analyzer.Run(&p)
	}
	return &a
}
