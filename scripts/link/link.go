package main

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/regions"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// consoles are the hosts of AWS's console, less the region in front.
var consoles = map[string]string{
	"aws":        "console.aws.amazon.com",
	"aws-us-gov": "console.amazonaws-us-gov.com",
	"aws-cn":     "console.amazonaws.cn",
	"aws-eusc":   "console.amazonaws-eusc.eu",
}

const (
	expiry   = 30 * 24 * time.Hour
	exactly  = "2006-01-02T15:04:05Z" // what the parameter AccessExpires takes
	noTicket = "none"
	noExpiry = "never"
)

// request is what is asked for, as it was written.
type request struct {
	region, ticket, expires, externalID, stack string
}

// offered is the partition of a region in which the template can be launched.
func offered(region string, known regions.Partitions, t template.Template) (string, error) {
	if region == "" {
		return "", errors.New("a region is missing, like REGION=eu-west-1")
	}
	partition, ok := known[region]
	if !ok {
		return "", fmt.Errorf("region %q is not known to AWS's SDK", region)
	}
	if _, ok := t.DoiT[partition]; !ok {
		return "", fmt.Errorf("region %s is in the partition %s, in which DoiT has no account (the template's mapping DoiT)", region, partition)
	}
	return partition, nil
}

func (r request) link(partition, path string, t template.Template, now time.Time) (string, error) {
	expires, err := r.accessExpires(now)
	if err != nil {
		return "", err
	}
	ticket, err := r.ticketID()
	if err != nil {
		return "", err
	}
	var parameters string
	for _, p := range []struct{ name, value string }{
		{"TicketId", ticket},
		{"AccessExpires", expires},
		{"ExternalId", r.externalID},
	} {
		if p.value == "" {
			continue // the template's default
		}
		if err := t.Check(p.name, p.value); err != nil {
			if p.name == "ExternalId" { // never printed, not even a wrong one
				err = errors.New(p.name + " " + t.Parameters[p.name].ConstraintDescription)
			}
			return "", err
		}
		parameters += "&param_" + p.name + "=" + url.QueryEscape(p.value)
	}
	stack, err := r.stackName(ticket)
	if err != nil {
		return "", err
	}
	console, ok := consoles[partition]
	if !ok {
		return "", fmt.Errorf("the console's host in the partition %s is not known here", partition)
	}
	return "https://" + r.region + "." + console + "/cloudformation/home?region=" + r.region +
		"#/stacks/create/review?templateURL=" + url.QueryEscape(template.URL(path, t.Body)) +
		"&stackName=" + url.QueryEscape(stack) + parameters, nil
}

func (r request) ticketID() (string, error) {
	switch r.ticket {
	case "":
		return "", errors.New("the support request's number is missing, like TICKET=12345; TICKET=none gives a link without one")
	case noTicket:
		return "", nil
	}
	return r.ticket, nil
}

func (r request) accessExpires(now time.Time) (string, error) {
	switch r.expires {
	case "":
		return now.Add(expiry).UTC().Format(exactly), nil
	case noExpiry:
		return "", nil
	}
	// time.Parse also takes fractions of a second, which the layout lacks, and
	// the template's pattern also takes the 31st of February.
	end, err := time.Parse(exactly, r.expires)
	if err != nil || end.Format(exactly) != r.expires {
		return "", fmt.Errorf("EXPIRES %q is no UTC time written exactly like 2026-12-31T00:00:00Z, nor never", r.expires)
	}
	if !end.After(now) {
		return "", fmt.Errorf("EXPIRES %s has passed", r.expires)
	}
	return r.expires, nil
}

// stackName is CloudFormation's rule. The ticket's number in the default keeps
// two requests of one account apart.
func (r request) stackName(ticket string) (string, error) {
	name := r.stack
	if name == "" {
		name = strings.TrimSuffix("doit-support-"+ticket, "-")
	}
	if !regexp.MustCompile(`\A[A-Za-z][A-Za-z0-9-]{0,127}\z`).MatchString(name) {
		return "", fmt.Errorf("stack name %q must be a letter and up to 127 letters, digits and hyphens", name)
	}
	return name, nil
}
