package main

import (
	"errors"
	"strings"
	"testing"
)

func TestLinesThatAreWrong(t *testing.T) {
	t.Parallel()
	wide := strings.Repeat("x", maxWidth)
	for _, c := range []struct{ name, file, body, want string }{
		{name: "good", file: "a.go", body: "\tx\n\n" + wide + "\n"},
		{name: "empty", file: "a.go", body: ""},
		{name: "wide", file: "a.go", body: "x\n" + wide + "x\n", want: "a.go:2: is 121 characters wide, more than 120"},
		{name: "a tab is four", file: "a.go", body: "\t" + wide[3:] + "\n",
			want: "a.go:1: is 121 characters wide, more than 120"},
		{name: "letters, not bytes", file: "a.go", body: strings.Repeat("…", maxWidth) + "\n"},
		{name: "a wide line of text", file: "a.md", body: wide + wide + "\n"},
		{name: "no end", file: "a.md", body: "x\ny", want: "a.md:2: has no line end"},
		{name: "Windows's ends", file: "a.md", body: "x\r\n", want: "a.md:1: ends with CR LF"},
		{name: "white space", file: "a.md", body: "x \n", want: "a.md:1: has white space at its end"},
		{name: "no text", file: "a.md", body: "x\xff\n", want: "a.md:1: is no text in UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got string
			if err := errors.Join(wrongLines(c.file, c.body)...); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("said %q, want %q", got, c.want)
			}
		})
	}
}
