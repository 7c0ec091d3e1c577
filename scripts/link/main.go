// Command link prints the quick-create link of a support request: the customer
// opens it, reads one page and ticks one box. FORMAT=cli and FORMAT=terraform
// print the same launch for a terminal, PAGE=1 the address of the page that
// offers all three.
//
// What was asked for stands alone on standard output. Whatever CloudFormation's
// form would show in red is refused here.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/given"
	"github.com/doitintl/aws-ro-access/scripts/internal/launch"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// form is in which form the launch is printed.
type form struct {
	format      string // cli, terraform, or empty for the console's link
	page, check bool
}

func main() {
	region := given.Text("region", "REGION", "the `region` of the stack")
	ticket := given.Text("ticket", "TICKET", "the `number` of the support request, or none")
	account := given.Text("account", "ACCOUNT", "the `number` of the account that it is for, 12 digits; any by default")
	expires := given.Text("expires", "EXPIRES", "when the access ends: 7, 30 or 90 `days`, a day like 2026-12-31, "+
		"a UTC time like 2026-12-31T00:00:00Z, or never; 30 days by default")
	externalID := given.Text("external-id", "EXTERNAL_ID", "what DoiT must present; made by the stack by default")
	stack := given.Text("stack", "STACK", "the stack's `name`; doit-support, with the ticket's number, by default")
	notices := given.Switch("notices", "NOTICES", "a topic in the account is told each time DoiT comes in")
	organization := given.Switch("organization", "ORGANIZATION", "the launch rolls out over an AWS Organization")
	format := given.Text("format", "FORMAT", "print the launch for a terminal: `cli or terraform`")
	page := given.Switch("page", "PAGE", "print the address of the page that asks for what is not given")
	check := given.Switch("check", "CHECK", "look whether what is launched can be downloaded, three seconds at most")
	given.Main("link", func(ctx context.Context) error {
		r := launch.Request{
			Region:       *region,
			Ticket:       *ticket,
			Account:      *account,
			Expires:      *expires,
			Stack:        *stack,
			ExternalID:   *externalID,
			Notices:      *notices,
			Organization: *organization,
		}
		return run(ctx, r, form{format: *format, page: *page, check: *check})
	})
}

func run(ctx context.Context, r launch.Request, f form) error {
	published, err := launch.Read()
	if err != nil {
		return err
	}
	page, err := launch.ReadPage()
	if err != nil {
		return err
	}
	printed, err := f.print(published, page, r, time.Now())
	if err != nil {
		return err
	}
	fmt.Println(printed)
	paths := []string{template.Path}
	if r.Organization {
		paths = append(paths, template.OrganizationPath)
		fmt.Fprintln(os.Stderr, "note: the customer fills in OrganizationalUnits, and ticks two boxes, "+
			"CAPABILITY_NAMED_IAM and CAPABILITY_AUTO_EXPAND: the management account's stack is a nested one")
	}
	if f.page {
		paths = append(paths, template.LaunchPath)
	}
	if err := noteUnreleased(published, paths); err != nil {
		return err
	}
	if f.check {
		for _, note := range look(ctx, published, page, paths, r.Region) {
			fmt.Fprintln(os.Stderr, "note:", note)
		}
	}
	return nil
}

func (f form) print(published launch.Published, page []byte, r launch.Request, now time.Time) (string, error) {
	if f.page {
		if f.format != "" {
			return "", errors.New("PAGE=1 prints the page's address, and the page has every FORMAT: leave one out")
		}
		return published.Page(page, r, now)
	}
	l, err := published.Launch(r, now)
	if err != nil {
		return "", err
	}
	switch f.format {
	case "":
		return l.Console(), nil
	case "cli":
		return l.CLI(), nil
	case "terraform":
		return l.Terraform()
	}
	return "", fmt.Errorf("FORMAT %q is neither cli nor terraform", f.format)
}

// noteUnreleased says which of the files are not yet those of the version's tag.
func noteUnreleased(published launch.Published, paths []string) error {
	root, err := repo.Root()
	if err != nil {
		return err
	}
	tag := "v" + published.Account.Pin.Version
	for _, path := range paths {
		here, err := os.ReadFile(root + "/" + path) // #nosec G304 -- the repository's own file
		if err != nil {
			return err
		}
		if released, err := repo.File(root, "refs/tags/"+tag, path); err != nil || !bytes.Equal(released, here) {
			fmt.Fprintf(os.Stderr, "note: %s here is not that of the tag %s; it works once published\n", path, tag)
		}
	}
	return nil
}
