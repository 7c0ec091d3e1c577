package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// all is an outcome of every storm that is drawn.
func all() (outcomes []outcome) {
	for _, p := range panels {
		for _, name := range p.storms {
			outcomes = append(outcomes, outcome{
				Storm: name, Accounts: 4, Registered: 3, Failed: 1, Step: 100,
				Curve: []int{0, 1, 3, 3}, IdealCurve: []int{0, 2, 4, 4},
			})
		}
	}
	return outcomes
}

func TestThePictureShowsEveryStorm(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "storm.svg")
	if err := draw(file, all()); err != nil {
		t.Fatal(err)
	}
	picture, err := os.ReadFile(file) // #nosec G304 -- the test's own
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(strings.NewReader(string(picture))); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, picture)
		}
	}
	// Up to the last registration, from the bottom to three quarters of the height.
	if got, want := strings.Count(string(picture), `d="M0 130L107 98L213 32"`), len(all()); got != want {
		t.Errorf("the picture has %d curves, want %d:\n%s", got, want, picture)
	}
	if got := strings.Count(string(picture), `d="M0 130L107 65L213 0"`); got != len(panels) {
		t.Errorf("the picture has %d ideals, want %d", got, len(panels))
	}
}

func TestAPictureOfAStormThatIsNotThere(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "storm.svg")
	if err := draw(file, all()[1:]); err == nil || !strings.Contains(err.Error(), all()[0].Storm) {
		t.Errorf("the error is %v, want one that names the storm", err)
	}
}

func TestTheTableHasALineForEachStorm(t *testing.T) {
	t.Parallel()
	_, table, found := strings.Cut(markdown(all()), "\n| --- |")
	if got := strings.Count(table, "\n| "); !found || got != len(all()) {
		t.Errorf("the table has %d lines, want %d:\n%s", got, len(all()), table)
	}
}
