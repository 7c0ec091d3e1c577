package main

import (
	"errors"
	"testing"
)

func TestLinesThatAreWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, body, want string }{
		{name: "good", file: "a.go", body: "\tx\n\nx\n"},
		{name: "empty", file: "a.go", body: ""},
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
