package main

import (
	"bufio"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// A setting is where, when and with what was measured.
type setting struct {
	machine string
	goes    string // the Go version and those of the libraries
	python  string
	runs    int
	date    string
}

func (s setting) String() string { return strings.Join(s.notes(), "; ") }

// notes are two lines for the chart.
func (s setting) notes() []string {
	return []string{
		fmt.Sprintf("medians of %d runs each, in turn; %s; %s", s.runs, s.machine, s.date),
		s.goes + "; " + s.python,
	}
}

func newSetting(peers []*peer, runs int) (setting, error) {
	s := setting{
		runs:    runs,
		date:    time.Now().UTC().Format(time.DateOnly),
		machine: fmt.Sprintf("%s, %d cores, %s", processor(), runtime.NumCPU(), runtime.GOOS),
	}
	// Plain has them all.
	info, err := buildinfo.ReadFile(peers[2].command[0])
	if err != nil {
		return s, fmt.Errorf("read the versions in the peer %s: %w", peers[2].name, err)
	}
	s.goes = info.GoVersion
	for _, module := range info.Deps {
		for _, path := range []string{"github.com/aws/aws-lambda-go", "github.com/aws/aws-sdk-go-v2/service/sts"} {
			if module.Path == path {
				s.goes += ", " + strings.TrimPrefix(path, "github.com/aws/") + " " + module.Version
			}
		}
	}
	version, err := exec.Command(peers[3].command[0], "--version").Output() // #nosec G204 -- python3
	if err != nil {
		return s, fmt.Errorf("ask Python for its version: %w", err)
	}
	s.python = strings.TrimSpace(string(version))
	return s, nil
}

func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer func() { _ = f.Close() }() // was only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
