package main

import (
	_ "embed"
	"fmt"
	"os"
	"strings"
	"text/template"
)

//go:embed storm.svg.tmpl
var pictureTemplate string

var picture = template.Must(template.New("picture").Parse(pictureTemplate))

// panels are the storms that are drawn over each other. The first one's ideal is drawn too.
var panels = []struct {
	title  string
	storms []string
}{
	{"over two minutes", []string{"over two minutes", "over two minutes, queue told"}},
	{"over two minutes, with an outage of five", []string{"over two minutes, outage"}},
	{"all at once", []string{"all at once", "all at once, queue told"}},
	{"over an hour, with an outage of five minutes", []string{"over an hour, outage"}},
}

const width, height = 320, 130 // of a panel's plot

type panel struct {
	Title, Ideal string
	X, Y         int
	Lines        []line
	Ticks        []tick
}

type line struct{ Class, Path string }

type tick struct {
	X    int
	Text string
}

// draw writes the curves to the file.
func draw(file string, outcomes []outcome) error {
	byName := make(map[string]outcome)
	for _, o := range outcomes {
		byName[o.Storm] = o
	}
	var drawn []panel
	for i, p := range panels {
		first := byName[p.storms[0]]
		// The axis ends with the slowest.
		span := 0.0
		for _, name := range p.storms {
			o, ok := byName[name]
			if !ok {
				return fmt.Errorf("draw the curves: TestStorm has no storm %q", name)
			}
			span = max(span, o.Step*float64(len(o.Curve)-1))
		}
		d := panel{Title: p.title, X: 50 + i%2*410, Y: 36 + i/2*200}
		d.Ideal = path(first.IdealCurve, first, span)
		for _, name := range p.storms {
			o := byName[name]
			d.Lines = append(d.Lines, line{class(name), path(o.Curve, o, span)})
		}
		each := 1.0 // minutes
		switch {
		case span > 1800:
			each = 15
		case span > 300:
			each = 2
		}
		for at := 0.0; at*60 <= span; at += each {
			d.Ticks = append(d.Ticks, tick{int(at * 60 / span * width), fmt.Sprintf("%.0f min", at)})
		}
		drawn = append(drawn, d)
	}
	var b strings.Builder
	if err := picture.Execute(&b, drawn); err != nil {
		return fmt.Errorf("draw the curves: %w", err)
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil { // #nosec G306 -- a picture for everybody
		return fmt.Errorf("draw the curves: %w", err)
	}
	return nil
}

// class is the line's style: what differs from an endpoint that does not say how long its queue is.
func class(storm string) string {
	if strings.HasSuffix(storm, ", queue told") {
		return "told"
	}
	return "plain"
}

// path is a curve as an SVG path, up to where it stays as it is.
func path(curve []int, o outcome, span float64) string {
	var b strings.Builder
	for i, n := range curve {
		command := "L"
		if i == 0 {
			command = "M"
		}
		x, y := float64(i)*o.Step/span*width, height-float64(n)/float64(o.Accounts)*height
		fmt.Fprintf(&b, "%s%.0f %.0f", command, x, y)
		if n == curve[len(curve)-1] {
			break
		}
	}
	return b.String()
}
