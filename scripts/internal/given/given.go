// Package given reads what a program was given: by its flags, and where these
// are silent by the variables of make's command line, which reach it in the
// environment. So no shell reads a value, and a wrong one is told in one line
// that names the variable:
//
//	func main() {
//		region := given.Text("region", "REGION", "the `region` of the stack")
//		page := given.Switch("page", "PAGE", "print the page's address")
//		given.Main("link", func(ctx context.Context) error { return run(ctx, *region, *page) })
//	}
package given

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
)

// Text is a flag for a name, a number, a time: one line without a quote.
func Text(name, variable, usage string) *string {
	return text(name, variable, usage, `"'`+"`")
}

// Line is a flag for a path or an address, which may hold a quote.
func Line(name, variable, usage string) *string {
	return text(name, variable, usage, "")
}

// Switch is a flag that is on or off. Its variable is 1 or nothing, since
// nobody who writes ORGANIZATION=0 wants it on.
func Switch(name, variable, usage string) *bool {
	v := &value{variable: variable, isSwitch: true, text: os.Getenv(variable)}
	v.on = v.text == "1"
	flag.Var(v, name, usage+" ("+variable+"=1)")
	return &v.on
}

// Main is what main has to do around run: it reads the command line, ends ctx
// at Ctrl-C, and tells in one line what failed, or that it was interrupted.
func Main(program string, run func(context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := Parse()
	if err == nil {
		err = run(ctx)
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", program, err)
		os.Exit(1)
	}
}

// Parse reads the command line, and refuses what is no flag, and what a flag
// cannot take. Its errors are one line, and hold no value but a switch's: the
// external ID is one.
func Parse() error {
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("%q is no flag", flag.Arg(0))
	}
	var wrong []error
	flag.VisitAll(func(f *flag.Flag) {
		if v, ok := f.Value.(*value); ok && v.wrong() != nil {
			wrong = append(wrong, fmt.Errorf("%s %w", v.variable, v.wrong()))
		}
	})
	if len(wrong) > 0 {
		return wrong[0]
	}
	return nil
}

func text(name, variable, usage, refused string) *string {
	v := &value{variable: variable, refused: refused, text: os.Getenv(variable)}
	flag.Var(v, name, usage+" ("+variable+"=)")
	return &v.text
}

// value is what one flag and its variable say.
type value struct {
	variable string
	text     string
	refused  string // characters
	isSwitch bool
	on       bool
}

func (v *value) wrong() error {
	switch {
	case v.isSwitch && v.text != "" && v.text != "1":
		return fmt.Errorf("is %q: a switch is 1 or nothing", v.text)
	case strings.ContainsAny(v.text, "\r\n"):
		return errors.New("holds a line break")
	case strings.ContainsAny(v.text, v.refused):
		return errors.New("holds a quote")
	case !utf8.ValidString(v.text) || strings.ContainsFunc(v.text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("holds a character that cannot be printed")
	}
	return nil
}

// Set is the flag's. What is wrong with a text is Parse's to say, since package
// flag would print the text.
func (v *value) Set(said string) error {
	v.text = said
	if !v.isSwitch {
		return nil
	}
	on, err := strconv.ParseBool(said)
	v.on, v.text = on, ""
	return err
}

// IsBoolFlag lets a switch stand without a value.
func (v *value) IsBoolFlag() bool { return v.isSwitch }

// String is the default in the usage, which no variable's value is.
func (v *value) String() string { return "" }
