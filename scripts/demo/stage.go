package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// style is what a piece of text is for. The terminal and the picture have
// their own colours for it.
type style int

const (
	plain style = iota
	faint
	title
	good
	bad
	customer
	cloudFormation
	doit
	mail
)

// The four voices of a grant.
var voices = map[style]string{
	customer: "Customer", cloudFormation: "CloudFormation", doit: "DoiT", mail: "Customer's mail",
}

// A line has the 80 columns of a plain terminal.
const (
	width     = 80
	gutter    = 16 // columns for the voices
	textWidth = width - gutter
	column    = 40 // of a check's text, where it stands beside what was seen
)

type span struct {
	style style
	text  string
}

// stage shows what happens, a line at a time, and counts what did not go as it should.
type stage struct {
	out    io.Writer
	colour bool
	shown  [][]span
	voice  style // of the line before
	good   int
	bad    int
}

func (s *stage) show(spans ...span) {
	s.shown = append(s.shown, spans)
	var line strings.Builder
	for _, span := range spans {
		line.WriteString(terminal(span, s.colour))
	}
	_, _ = fmt.Fprintln(s.out, strings.TrimRight(line.String(), " ")) // nobody is left to tell
}

// act opens a part of the play.
func (s *stage) act(name string) {
	s.voice = plain
	if len(s.shown) > 0 {
		s.show()
	}
	for _, line := range wrap(name, width) {
		s.show(span{title, line})
	}
}

// say shows a line of one voice, whose name stands where it begins to speak.
func (s *stage) say(voice style, spans ...span) {
	name := ""
	if voice != s.voice {
		name = voices[voice]
	}
	s.voice = voice
	s.show(append([]span{{voice, fmt.Sprintf("%-*s", gutter, name)}}, spans...)...)
}

// says lets a voice speak, in as many lines as it takes.
func (s *stage) says(voice style, format string, values ...any) {
	for _, line := range wrap(fmt.Sprintf(format, values...), textWidth) {
		s.say(voice, span{plain, line})
	}
}

// quote shows text faint under the line before, broken where it is too long
// and not changed otherwise.
func (s *stage) quote(quoted string) {
	for _, line := range broken(quoted, textWidth) {
		s.show(span{plain, strings.Repeat(" ", gutter)}, span{faint, line})
	}
}

// check shows whether something is as it should be, and what was seen.
func (s *stage) check(voice style, ok bool, what, seen string) {
	mark := span{good, "✓ "}
	if ok {
		s.good++
	} else {
		s.bad++
		mark = span{bad, "✗ "}
	}
	const room = textWidth - 2
	lines := wrap(what, room)
	beside := max(utf8.RuneCountInString(lines[len(lines)-1]), column) + 1
	if beside+utf8.RuneCountInString(seen) > room && seen != "" {
		lines = append(lines, "")
	}
	for i, line := range lines {
		spans := []span{mark, {plain, line}}
		if i == len(lines)-1 && seen != "" {
			spans = []span{mark, {plain, fmt.Sprintf("%-*s ", column, line)}, {faint, seen}}
		}
		s.say(voice, spans...)
		mark = span{plain, "  "}
	}
}

// curtain sums up.
func (s *stage) curtain(took time.Duration) {
	s.voice = plain
	s.show()
	mark := span{good, fmt.Sprintf("✓ %d of %d as it should be", s.good, s.good+s.bad)}
	if s.bad > 0 {
		mark = span{bad, fmt.Sprintf("✗ %d of %d not as it should be", s.bad, s.good+s.bad)}
	}
	s.show(mark, span{faint, fmt.Sprintf("  in %.1f s", took.Seconds())})
}

// terminal is a span in the colours that every terminal has, which follow its
// owner's theme.
func terminal(s span, colour bool) string {
	codes := map[style]string{
		faint: "2", title: "1", good: "32", bad: "1;31", customer: "36", cloudFormation: "33", doit: "35", mail: "34",
	}
	if code := codes[s.style]; colour && code != "" && s.text != "" {
		return "\x1b[" + code + "m" + s.text + "\x1b[0m"
	}
	return s.text
}

// wrap breaks text between words, no line longer than the width where it can be.
func wrap(words string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(words) {
		if line != "" && utf8.RuneCountInString(line+" "+word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// broken cuts text into lines without changing a byte of it, behind a comma or
// a space where there is one.
func broken(whole string, width int) (lines []string) {
	for utf8.RuneCountInString(whole) > width {
		end := len(string([]rune(whole)[:width]))
		at := strings.LastIndexAny(whole[:end], ", ") + 1
		if at == 0 {
			at = end
		}
		lines, whole = append(lines, whole[:at]), whole[at:]
	}
	return append(lines, whole)
}
