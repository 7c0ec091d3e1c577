// Package launch says how a stack of the published template is launched: by
// AWS's console, by the AWS CLI, by Terraform, and by template/launch.html, the
// page that shows all three. They are the same launch.
package launch

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/regions"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

const (
	// NoTicket and NoExpiry are the words for what is left out on purpose.
	NoTicket = "none"
	NoExpiry = "never"

	exactly  = "2006-01-02T15:04:05Z" // what the parameter AccessExpires takes
	byItself = "30"                   // days, unless another end is asked for
)

// Request is what is asked for, as it was written. What is empty is left to
// the defaults.
type Request struct {
	Region, Ticket, Account, Expires, Stack string
	ExternalID                              string
	Notices, Organization                   bool
}

// Published is what a launch takes from the repository, and from AWS's own list.
type Published struct {
	Account, Organization template.Template
	Regions               regions.Partitions
	Places                map[string]string // regions' names in words
}

// Read reads what this checkout publishes.
func Read() (Published, error) {
	root, err := repo.Root()
	if err != nil {
		return Published{}, err
	}
	account, err := template.Read()
	if err != nil {
		return Published{}, err
	}
	organization, err := template.ReadOrganization()
	if err != nil {
		return Published{}, err
	}
	return Of(root, account.Body, organization.Body)
}

// Of is what a commit of the repository at root publishes, with these templates.
func Of(root string, account, organization []byte) (Published, error) {
	var (
		p   Published
		err error
	)
	if p.Account, err = template.Parse(account); err != nil {
		return p, err
	}
	if p.Organization, err = template.Parse(organization); err != nil {
		return p, err
	}
	if p.Regions, err = regions.Read(root); err != nil {
		return p, err
	}
	p.Places, err = regions.Names(root)
	return p, err
}

// Launch is a request that was found to be right, with its defaults.
type Launch struct {
	Region, Partition, Stack string
	TemplateURL              string
	Parameters               []Parameter // those that are not the template's defaults
	Organization             bool
}

// Parameter is one value of the template's form.
type Parameter struct{ Name, Value string }

// Launch checks a request: whatever CloudFormation's form would show in red is
// an error here.
func (p Published) Launch(r Request, now time.Time) (Launch, error) {
	partition, err := p.partition(r.Region)
	if err != nil {
		return Launch{}, err
	}
	if r.Ticket == "" {
		return Launch{}, errors.New("the support request's number is missing, like TICKET=12345; " +
			"TICKET=none gives a link without one")
	}
	ticket := r.Ticket
	if ticket == NoTicket {
		ticket = ""
	}
	expires, err := accessExpires(r.Expires, now)
	if err != nil {
		return Launch{}, err
	}
	l := Launch{Region: r.Region, Partition: partition, Organization: r.Organization}
	t, path := p.Account, template.Path
	if r.Organization {
		t, path = p.Organization, template.OrganizationPath
	}
	l.TemplateURL = template.URL(path, t.Body)
	notices := ""
	if r.Notices {
		notices = "on"
	}
	for _, parameter := range []Parameter{
		{Name: "TicketId", Value: ticket},
		{Name: "AccessExpires", Value: expires},
		{Name: "Notices", Value: notices},
		{Name: "AccountId", Value: r.Account},
		{Name: "ExternalId", Value: r.ExternalID},
	} {
		if parameter.Value == "" {
			continue // the template's default
		}
		if err := check(t, parameter); err != nil {
			return Launch{}, err
		}
		l.Parameters = append(l.Parameters, parameter)
	}
	l.Stack, err = stackName(r.Stack, ticket)
	return l, err
}

func check(t template.Template, p Parameter) error {
	err := t.Check(p.Name, p.Value)
	if err != nil && p.Name == "ExternalId" { // never printed, not even a wrong one
		return errors.New(p.Name + " " + t.Parameters[p.Name].ConstraintDescription)
	}
	return err
}

// partition is that of a region in which the template can be launched.
func (p Published) partition(region string) (string, error) {
	if region == "" {
		return "", errors.New("a region is missing, like REGION=eu-west-1")
	}
	partition, ok := p.Regions[region]
	if !ok {
		return "", fmt.Errorf("region %q is not known to AWS's SDK", region)
	}
	if _, ok := p.Account.DoiT[partition]; !ok {
		return "", fmt.Errorf("region %s is in the partition %s, in which DoiT has no account "+
			"(the template's mapping DoiT)", region, partition)
	}
	if slices.Contains(regions.NotOffered, region) {
		return "", fmt.Errorf("region %s cannot have a bucket for the function's code "+
			"(it lacks account regional namespaces): choose another, the role can read all regions from any", region)
	}
	if _, ok := consoles[partition]; !ok {
		return "", fmt.Errorf("the console's host in the partition %s is not known here", partition)
	}
	return partition, nil
}

// days are the ends that are offered by their distance.
var days = map[string]int{"7": 7, "30": 30, "90": 90}

// accessExpires is an end as the parameter AccessExpires takes it: days from
// now, and a day, end when that day does in UTC.
func accessExpires(asked string, now time.Time) (string, error) {
	if asked == NoExpiry {
		return "", nil
	}
	if asked == "" {
		asked = byItself
	}
	at := asked
	if n, ok := days[asked]; ok {
		at = now.UTC().AddDate(0, 0, n).Format(time.DateOnly)
	}
	if _, err := time.Parse(time.DateOnly, at); err == nil {
		at += "T23:59:59Z"
	}
	// time.Parse also takes fractions of a second, which the layout lacks, and
	// the template's pattern also takes the 31st of February.
	end, err := time.Parse(exactly, at)
	if err != nil || end.Format(exactly) != at {
		return "", fmt.Errorf("EXPIRES %q is no day like 2026-12-31, no UTC time written exactly like "+
			"2026-12-31T00:00:00Z, not 7, 30 or 90 days, nor never", asked)
	}
	if !end.After(now) {
		return "", fmt.Errorf("EXPIRES %s has passed", at)
	}
	return at, nil
}

// stackName is CloudFormation's rule. The ticket's number in the default keeps
// two requests of one account apart.
func stackName(name, ticket string) (string, error) {
	if name == "" {
		name = strings.TrimSuffix("doit-support-"+ticket, "-")
	}
	if !regexp.MustCompile(`\A[A-Za-z][A-Za-z0-9-]{0,127}\z`).MatchString(name) {
		return "", fmt.Errorf("stack name %q must be a letter and up to 127 letters, digits and hyphens", name)
	}
	return name, nil
}
