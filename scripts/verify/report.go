package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// report shows each comparison, and counts.
type report struct {
	out                  io.Writer
	same, differ, hidden int
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
		r.differ++
		r.line("  ✗ %-21s %s", what, difference)
	}
}

// unseen says what could not be looked at.
func (r *report) unseen(err error) {
	r.hidden++
	r.line("  ? %v", err)
}

// conclude is the exit status.
func (r *report) conclude() int {
	r.line("")
	switch {
	case r.differ > 0:
		r.line("%d of %d differ.", r.differ, r.differ+r.same)
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
		if unicode.IsPrint(c) {
			return c
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
