// Command link prints the quick-create link of a support request: the customer
// opens it, reads one page and ticks one box.
//
// The link stands alone on standard output. Whatever CloudFormation's form
// would show in red is refused here.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/given"
	"github.com/doitintl/aws-ro-access/scripts/internal/regions"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

func main() {
	region := given.Text("region", "REGION", "the `region` of the stack")
	ticket := given.Text("ticket", "TICKET", "the `number` of the support request, or none")
	expires := given.Text("expires", "EXPIRES", "when the access ends, a UTC `time` like 2026-12-31T00:00:00Z, or never; 30 days from now by default")
	externalID := given.Text("external-id", "EXTERNAL_ID", "what DoiT must present; made by the stack by default")
	stack := given.Text("stack", "STACK", "the stack's `name`; doit-support, with the ticket's number, by default")
	organization := given.Switch("organization", "ORGANIZATION", "the link rolls out over an AWS Organization")
	if err := given.Parse(); err != nil {
		fmt.Fprintln(os.Stderr, "link:", err)
		os.Exit(1)
	}
	r := request{region: *region, ticket: *ticket, expires: *expires, externalID: *externalID, stack: *stack}
	link, err := run(r, *organization, time.Now(), os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "link:", err)
		os.Exit(1)
	}
	fmt.Println(link)
}

func run(r request, organization bool, now time.Time, notes io.Writer) (string, error) {
	root, err := repo.Root()
	if err != nil {
		return "", err
	}
	known, err := regions.Read(root)
	if err != nil {
		return "", err
	}
	published, err := template.Read()
	if err != nil {
		return "", err
	}
	launched, path := published, template.Path
	if organization {
		path = template.OrganizationPath
		if launched, err = template.ReadOrganization(); err != nil {
			return "", err
		}
	}
	partition, err := offered(r.region, known, published)
	if err != nil {
		return "", err
	}
	link, err := r.link(partition, path, launched, now)
	if err != nil {
		return "", err
	}
	tag := "v" + published.Pin.Version
	if released, err := repo.File(root, "refs/tags/"+tag, path); err != nil || !bytes.Equal(released, launched.Body) {
		_, _ = fmt.Fprintf(notes, "note: %s here is not that of the tag %s; the link works once it is published\n", path, tag) // the link counts
	}
	return link, nil
}
