package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

// maxWidth is .editorconfig's max_line_length, and tabWidth its tab_width.
const (
	maxWidth = 120
	tabWidth = 4
)

// lines holds the repository's files to what .editorconfig and .gitattributes
// say, which editors and git heed only where they are asked to.
func lines(root string) error {
	names, err := repo.Files(root)
	if err != nil {
		return err
	}
	var wrong []error
	for _, name := range names {
		if strings.HasSuffix(name, ".png") {
			continue
		}
		body, err := os.ReadFile(filepath.Join(root, name)) // #nosec G304 -- a file of this checkout
		if err != nil {
			return err
		}
		wrong = append(wrong, wrongLines(name, string(body))...)
	}
	return errors.Join(wrong...)
}

func wrongLines(name, body string) (wrong []error) {
	at := func(line int, what string) { wrong = append(wrong, fmt.Errorf("%s:%d: %s", name, line, what)) }
	if strings.ContainsRune(body, 0) || !utf8.ValidString(body) {
		at(1, "is no text in UTF-8")
		return wrong
	}
	n := 0
	for line := range strings.Lines(body) {
		n++
		text, ended := strings.CutSuffix(line, "\n")
		width := utf8.RuneCountInString(text) + strings.Count(text, "\t")*(tabWidth-1)
		switch {
		case !ended:
			at(n, "has no line end")
		case strings.HasSuffix(text, "\r"):
			at(n, "ends with CR LF")
		case strings.TrimRight(text, " \t") != text:
			at(n, "has white space at its end")
		case strings.HasSuffix(name, ".go") && width > maxWidth:
			at(n, fmt.Sprintf("is %d characters wide, more than %d", width, maxWidth))
		}
	}
	return wrong
}
