package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/aws/smithy-go"
)

// report shows each comparison, and counts.
type report struct {
	out          io.Writer
	same, hidden int
	differs      []string // what was compared
}

func (r *report) title(format string, args ...any) {
	r.line("")
	r.line(format, args...)
}

func (r *report) note(format string, args ...any) {
	r.line("    "+format, args...)
}

// compare shows what was compared, and in words what differs.
func (r *report) compare(what, same string, differences []string) {
	if len(differences) == 0 {
		r.same++
		r.line("  ✓ %-21s %s", what, same)
	}
	for _, difference := range differences {
		r.differs = append(r.differs, what)
		r.line("  ✗ %-21s %s", what, difference)
	}
}

// unseen says what could not be looked at: a build's errors are lines.
func (r *report) unseen(err error) {
	r.hidden++
	mark := "  ? "
	for line := range strings.Lines(said(err)) {
		r.line("%s%s", mark, strings.ReplaceAll(strings.TrimRight(line, "\n"), "\t", "  "))
		mark = "    "
	}
}

// said is an error, with AWS's own words where AWS refused.
func said(err error) string {
	answer, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err.Error()
	}
	what, _, _ := strings.Cut(err.Error(), ": operation error ")
	return fmt.Sprintf("%s: %s: %s", what, answer.ErrorCode(), answer.ErrorMessage())
}

// conclude is the exit status.
func (r *report) conclude() int {
	r.line("")
	switch {
	case len(r.differs) > 0:
		if r.hidden > 0 {
			r.line("Not everything could be looked at.")
		}
		r.line("%d of %d differ: %s.", len(r.differs), len(r.differs)+r.same,
			strings.Join(slices.Compact(r.differs), ", "))
		return 1
	case r.hidden > 0:
		r.line("Nothing differs of what could be looked at, but not everything could.")
		return 2
	}
	r.line("All %d are the same.", r.same)
	return 0
}

// line keeps what somebody wrote into a policy from drawing a tick of its own.
func (r *report) line(format string, args ...any) {
	text := strings.Map(func(c rune) rune {
		switch {
		case unicode.IsPrint(c):
			return c
		case c == '\n':
			return ' '
		}
		return '?'
	}, fmt.Sprintf(format, args...))
	_, _ = fmt.Fprintln(r.out, text) // the exit status tells it too
}

// unless is a difference where the two are not the same.
func unless(same bool, format string, args ...any) []string {
	if same {
		return nil
	}
	return []string{fmt.Sprintf(format, args...)}
}
