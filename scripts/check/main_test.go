package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doitintl/aws-ro-access/scripts/internal/commandline"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"check": main})
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	commandline.Run(t)
}
