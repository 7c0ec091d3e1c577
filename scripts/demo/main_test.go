package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestTheWholeLife is the demo itself, which checks each of its steps.
func TestTheWholeLife(t *testing.T) {
	t.Parallel()
	whole := filepath.Join(t.TempDir(), "demo.svg")
	var out bytes.Buffer
	if err := run(t.Context(), options{picture: whole}, &out, io.Discard); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		"Customer  ", "CloudFormation  ", "DoiT  ", "Customer's mail ",
		`"roleArn":"arn:aws:iam::111122223333:role/doit/`, "another AWS account", "UPDATE_ROLLBACK_COMPLETE",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	// A proof speaks for the function for a minute, so not even the demo shows it.
	for _, secret := range []string{"X-Amz-Signature", "X-Amz-Security-Token"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the output has %q", secret)
		}
	}
	for line := range strings.Lines(out.String()) {
		if columns := utf8.RuneCountInString(strings.TrimRight(line, "\n")); columns > 80 {
			t.Errorf("%d columns wrap in a terminal of 80: %s", columns, line)
		}
	}
	if rows := wantPicture(t, whole); rows < 100 {
		t.Errorf("the picture has %d rows of text, want all", rows)
	}
	if rows := wantPicture(t, screenOf(whole)); rows < 10 || rows > 40 {
		t.Errorf("the screen has %d rows of text, want one screen", rows)
	}
}

// wantPicture fails unless a picture is XML that needs nothing from elsewhere,
// and returns its rows of text.
func wantPicture(t *testing.T, file string) int {
	t.Helper()
	drawn, err := os.ReadFile(file) // #nosec G304 -- the test's own
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for tokens := xml.NewDecoder(bytes.NewReader(drawn)); ; {
		token, err := tokens.Token()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%s is not XML: %v", file, err)
		}
		if text, ok := token.(xml.StartElement); ok && text.Name.Local == "text" {
			rows[text.Attr[1].Value] = true
		}
	}
	for _, elsewhere := range []string{"@import", "url(", "href", "<script"} {
		if bytes.Contains(drawn, []byte(elsewhere)) {
			t.Errorf("%s has %q, so it needs something from elsewhere", file, elsewhere)
		}
	}
	return len(rows)
}

func TestInterruptedItSaysOneLine(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"wrong account", "UPDATE_IN_PROGRESS"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			ctx, interrupt := context.WithCancelCause(t.Context())
			defer interrupt(nil)
			var shown, said bytes.Buffer
			err := run(ctx, options{}, writer(func(text []byte) {
				shown.Write(text)
				if strings.Contains(strings.Join(strings.Fields(shown.String()), " "), at) {
					interrupt(errors.New("interrupt signal received"))
				}
			}), io.Discard)
			if !complain(ctx, err, &said) || said.String() != "demo: interrupt signal received\n" {
				t.Errorf("it said %q after %v, want one line", said.String(), err)
			}
			if strings.Contains(shown.String(), "as it should be") {
				t.Errorf("it played on to its end:\n%s", shown.String())
			}
		})
	}
}

type writer func(text []byte)

func (w writer) Write(text []byte) (int, error) {
	w(text)
	return len(text), nil
}

func TestAStepThatGoesWrongIsAnError(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := &stage{out: &out}
	s.check(doit, true, "this is right", "")
	s.refused(doit, "a call that went through", nil)
	s.refused(doit, "a call that failed otherwise", errors.New("no route to host"))
	s.allowed(doit, "a call that failed", "seen", errors.New("no route to host"))
	if s.good != 1 || s.bad != 3 {
		t.Errorf("%d good and %d bad, want 1 and 3", s.good, s.bad)
	}
	if got := strings.Count(out.String(), "✗"); got != 3 {
		t.Errorf("%d crosses, want 3:\n%s", got, out.String())
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("colours, although no terminal asked for them")
	}
}

// A line is broken behind a comma or a space, and no byte of it is lost.
func TestWhatIsQuotedIsWhole(t *testing.T) {
	t.Parallel()
	for _, whole := range []string{"", "short", strings.Repeat("ä", 200), strings.Repeat(`"member":"value",`, 20)} {
		lines := broken(whole, 64)
		if strings.Join(lines, "") != whole {
			t.Errorf("%q was broken into %q", whole, lines)
		}
		for _, line := range lines {
			if utf8.RuneCountInString(line) > 64 {
				t.Errorf("a line of %q has more than 64 columns", lines)
			}
		}
	}
}
