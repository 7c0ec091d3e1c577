package main

import (
	"fmt"
	"io"
	"strings"
	"time"
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
)

// The three voices of a grant.
var voices = map[style]string{customer: "Customer", cloudFormation: "CloudFormation", doit: "DoiT"}

const gutter = 16 // columns for the voices

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
	s.show(span{title, name})
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

func (s *stage) says(voice style, format string, values ...any) {
	s.say(voice, span{plain, fmt.Sprintf(format, values...)})
}

// quote shows text as it is, faint, under the line before.
func (s *stage) quote(text string) {
	for line := range strings.Lines(text) {
		s.show(span{plain, strings.Repeat(" ", gutter)}, span{faint, strings.TrimRight(line, "\n")})
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
	s.say(voice, mark, span{plain, fmt.Sprintf("%-62s  ", what)}, span{faint, seen})
}

// terminal is a span in the colours that every terminal has, which follow its
// owner's theme.
func terminal(s span, colour bool) string {
	codes := map[style]string{
		faint: "2", title: "1", good: "32", bad: "1;31", customer: "36", cloudFormation: "33", doit: "35",
	}
	if code := codes[s.style]; colour && code != "" && s.text != "" {
		return "\x1b[" + code + "m" + s.text + "\x1b[0m"
	}
	return s.text
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
