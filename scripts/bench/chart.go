package main

import (
	_ "embed"
	"fmt"
	"os"
	"strings"
	"text/template"
)

// markdown is the README's table.
func markdown(peers []*peer, s setting) string {
	var b strings.Builder
	b.WriteString("| | init | event to answer | peak memory | binary | zip |\n")
	b.WriteString("| --- | ---: | ---: | ---: | ---: | ---: |\n")
	for _, p := range peers {
		fmt.Fprintf(&b, "| %s | %v %s | %v %s | %v %s | %v | %v |\n", p.name,
			p.init.median(), p.init.spread(), p.answer.median(), p.answer.spread(),
			p.memory.median(), p.memory.spread(), p.binary, p.zip)
	}
	b.WriteString("\n| ratio | measured | goal |\n| --- | ---: | ---: |\n")
	for _, g := range goals(peers) {
		fmt.Fprintf(&b, "| %s | %.2f | %v |\n", g.what, g.ratio, g)
	}
	fmt.Fprintf(&b, "\n%v.\n", s)
	return b.String()
}

//go:embed chart.svg.tmpl
var chartTemplate string

var chart = template.Must(template.New("chart").Parse(chartTemplate))

// A panel is one measure, a bar for each peer.
type panel struct {
	Title string
	X, Y  int
	Bars  []bar
}

type bar struct {
	Name, Value      string
	Y, Width, Beside int
	Ours             bool
}

const widest = 200 // the longest bar

// draw writes the chart to the file.
func draw(file string, peers []*peer, s setting) error {
	measures := []struct {
		title string
		of    func(*peer) amount
	}{
		{"init", func(p *peer) amount { return p.init.median() }},
		{"event to answer", func(p *peer) amount { return p.answer.median() }},
		{"peak memory", func(p *peer) amount { return p.memory.median() }},
		{"zip", func(p *peer) amount { return p.zip }},
	}
	var panels []panel
	for i, m := range measures {
		most := 0.0
		for _, p := range peers {
			most = max(most, m.of(p).n)
		}
		drawn := panel{Title: m.title, X: 20 + i%2*400, Y: 30 + i/2*150}
		for j, p := range peers {
			width := max(1, int(m.of(p).n/most*widest))
			drawn.Bars = append(drawn.Bars, bar{
				Name: p.name, Value: m.of(p).String(),
				Y: 12 + j*26, Width: width, Beside: 94 + width + 6,
				Ours: j == 0,
			})
		}
		panels = append(panels, drawn)
	}
	var b strings.Builder
	shown := map[string]any{"Panels": panels, "Setting": s.String(), "Notes": s.notes()}
	if err := chart.Execute(&b, shown); err != nil {
		return fmt.Errorf("draw the chart: %w", err)
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil { // #nosec G306 -- a picture for everybody
		return fmt.Errorf("draw the chart: %w", err)
	}
	return nil
}
