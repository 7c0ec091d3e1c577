package main

import (
	"bytes"
	"fmt"
	"html"
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
.customer{fill:#0969da}.cloudformation{fill:#9a6700}.doit{fill:#8250df}
@media (prefers-color-scheme:dark){
.paper{fill:#0d1117;stroke:#3d444d}
text{fill:#f0f6fc}
.faint{fill:#9198a1}.good{fill:#3fb950}.bad{fill:#f85149}
.customer{fill:#4493f8}.cloudformation{fill:#d29922}.doit{fill:#ab7df8}
}
`

// picture draws what was shown as an SVG that needs nothing from elsewhere.
func picture(lines [][]span) []byte {
	classes := map[style]string{
		faint: "faint", title: "title", good: "good", bad: "bad",
		customer: "customer", cloudFormation: "cloudformation", doit: "doit",
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
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d">`+"\n", width, height, width, height)
	svg.WriteString("<title>What make demo shows</title>\n<style>" + pictureStyle + "</style>\n")
	fmt.Fprintf(&svg, `<rect class="paper" x=".5" y=".5" width="%d" height="%d" rx="8"/>`+"\n", width-1, height-1)
	svg.Write(body.Bytes())
	svg.WriteString("</svg>\n")
	return svg.Bytes()
}
