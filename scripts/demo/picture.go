package main

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"os"
	"strings"
	"unicode/utf8"
)

const (
	lineHeight = 18
	charWidth  = 7.8 // of 13 px monospace; textLength holds each piece to it, whatever the font
	margin     = 18
)

// The colours are readable on their background, light or dark, whichever the
// reader's system asks for.
const pictureStyle = `
.paper{fill:#ffffff;stroke:#d0d7de}
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#1f2328;white-space:pre}
.faint{fill:#59636e}.title{font-weight:700}.good{fill:#1a7f37;font-weight:700}.bad{fill:#cf222e;font-weight:700}
.customer{fill:#0969da}.cloudformation{fill:#9a6700}.doit{fill:#8250df}.mail{fill:#bc4c00}
@media (prefers-color-scheme:dark){
.paper{fill:#0d1117;stroke:#3d444d}
text{fill:#f0f6fc}
.faint{fill:#9198a1}.good{fill:#3fb950}.bad{fill:#f85149}
.customer{fill:#4493f8}.cloudformation{fill:#d29922}.doit{fill:#ab7df8}.mail{fill:#f0883e}
}
`

// picture draws what was shown as an SVG that needs nothing from elsewhere.
func picture(lines [][]span) []byte {
	classes := map[style]string{
		faint: "faint", title: "title", good: "good", bad: "bad",
		customer: "customer", cloudFormation: "cloudformation", doit: "doit", mail: "mail",
	}
	widest := 0
	var body bytes.Buffer
	for row, line := range lines {
		column := 0
		for _, span := range line {
			text := strings.TrimRight(span.text, " ")
			if inner := strings.TrimLeft(text, " "); inner != "" {
				indent := len(text) - len(inner)
				fmt.Fprintf(&body, `<text x="%.1f" y="%d" textLength="%.1f"`, margin+charWidth*float64(column+indent),
					margin+lineHeight*row+13, charWidth*float64(utf8.RuneCountInString(inner)))
				if class := classes[span.style]; class != "" {
					fmt.Fprintf(&body, ` class="%s"`, class)
				}
				fmt.Fprintf(&body, ">%s</text>\n", html.EscapeString(inner))
			}
			column += utf8.RuneCountInString(span.text)
		}
		widest = max(widest, column)
	}
	width, height := 2*margin+int(charWidth*float64(widest)), 2*margin+lineHeight*len(lines)
	var svg bytes.Buffer
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d">`+"\n",
		width, height)
	svg.WriteString("<title>What make demo shows</title>\n<style>" + pictureStyle + "</style>\n")
	fmt.Fprintf(&svg, `<rect class="paper" x=".5" y=".5" width="%d" height="%d" rx="8"/>`+"\n", width-1, height-1)
	svg.Write(body.Bytes())
	svg.WriteString("</svg>\n")
	return svg.Bytes()
}

// draw writes a picture of all that was shown, and beside it one of a screen:
// who gets in, what the customer reads of it, and what opens inside.
func draw(file string, shown [][]span) error {
	acts := map[string]int{}
	for row, line := range shown {
		if len(line) > 0 && line[0].style == title {
			acts[line[0].text] = row
		}
	}
	first, last := acts[atTheDoor], acts[somebodyAttaches]-1 // less the empty line
	if first <= 0 || last <= first {
		return errors.New("draw the demo: it was not played to its end")
	}
	for name, lines := range map[string][][]span{file: shown, screenOf(file): shown[first:last]} {
		if err := os.WriteFile(name, picture(lines), 0o600); err != nil {
			return fmt.Errorf("draw the demo: %w", err)
		}
	}
	return nil
}

func screenOf(file string) string { return strings.TrimSuffix(file, ".svg") + "-screen.svg" }
