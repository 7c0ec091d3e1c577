package main

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/launch"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// host is where the templates and the page are.
const host = "https://" + template.Bucket + ".s3.amazonaws.com/"

// compareLink says what a quick-create link or an address of the page names and
// presets. It asks nobody: what a browser would find there is what the digest
// says.
func compareLink(r *report, root string, all []edition, address string, now time.Time) error {
	r.title("The link")
	here, err := launch.Of(root, all[0].files[template.Path], all[0].files[template.OrganizationPath])
	if err != nil {
		return err
	}
	if strings.HasPrefix(address, host) {
		return comparePageLink(r, here, all, address, now)
	}
	l, err := readConsoleLink(address)
	if err != nil {
		r.compare("opens", "", []string{err.Error()})
		return nil
	}
	l.Partition = here.Regions[l.Region]
	// A link that is written otherwise than "make link" writes it may hold what a browser sees and this does not.
	same := l.Partition != "" && l.Console() == address
	r.compare("opens", "AWS's own console in "+l.Region+", on the form for a new stack "+l.Stack,
		unless(same, "it is not written as make link writes it: what a browser makes of it may be something else"))
	compareNamed(r, all, l)
	return nil
}

// readConsoleLink takes a quick-create link apart.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-create-stacks-quick-create-links.html
func readConsoleLink(address string) (launch.Launch, error) {
	whole, fragment, _ := strings.Cut(address, "#")
	parsed, err := url.Parse(whole)
	if err != nil || parsed.Scheme != "https" || parsed.User != nil {
		return launch.Launch{}, errors.New("it is no https address")
	}
	region, ok := launch.RegionOfConsole(parsed.Host)
	if !ok {
		return launch.Launch{}, fmt.Errorf(
			"it leads to %s, which is neither AWS's console nor the bucket of DoiT's page "+
				"(give the address that a short link leads to)",
			parsed.Host,
		)
	}
	l := launch.Launch{Region: region}
	route, query, _ := strings.Cut(fragment, "?")
	if route != "/stacks/create/review" {
		return launch.Launch{}, fmt.Errorf("it opens %q in AWS's console, not the form for a new stack", route)
	}
	for part := range strings.SplitSeq(query, "&") {
		name, escaped, _ := strings.Cut(part, "=")
		value, err := url.QueryUnescape(escaped)
		if err != nil {
			return launch.Launch{}, fmt.Errorf("its %q is not written as an address is", name)
		}
		parameter, isParameter := strings.CutPrefix(name, "param_")
		switch {
		case isParameter:
			l.Parameters = append(l.Parameters, launch.Parameter{Name: parameter, Value: value})
		case name == "templateURL":
			l.TemplateURL = value
		case name == "stackName":
			l.Stack = value
		default:
			return launch.Launch{}, fmt.Errorf("it sets %q, which make link never does", name)
		}
	}
	return l, nil
}

var underDigest = regexp.MustCompile(`\A(doitmanagement|organization|launch)/([0-9a-f]{64})\.(yaml|html)\z`)

// compareNamed says which template a link names, and what it presets there.
func compareNamed(r *report, all []edition, l launch.Launch) {
	digest, err := digestOf(l.TemplateURL)
	if err != nil {
		r.compare("template", "", []string{err.Error()})
		return
	}
	e, file, ok := named(all, digest)
	if !ok {
		r.compare("template", "", []string{
			fmt.Sprintf("SHA-256 %s is of no version here: fetch the tags, or check that version out", digest),
		})
		return
	}
	r.compare("template",
		fmt.Sprintf("SHA-256 %s, %s of version %s (%s)", digest, file, e.version, e.name),
		unless(path.Base(path.Dir(l.TemplateURL))+".yaml" == path.Base(file), "it is %s, under the name of another",
			file),
	)
	t, err := template.Parse(e.files[file])
	if err != nil {
		r.unseen(err)
		return
	}
	presets(r, t, l.Parameters)
}

func digestOf(address string) (string, error) {
	key, ok := strings.CutPrefix(address, host)
	if !ok {
		return "", fmt.Errorf("the template is %q, which is not in DoiT's bucket %s", address, template.Bucket)
	}
	parts := underDigest.FindStringSubmatch(key)
	if parts == nil {
		return "", fmt.Errorf("%q is not named by its digest: what is there can change", key)
	}
	return parts[2], nil
}

// meaning is what a parameter's value does, in words, by value where it
// takes a few only.
type meaning struct {
	set, unset string
	values     map[string]string
}

func (m meaning) of(value string) string {
	if words, ok := m.values[value]; ok {
		return words
	}
	return m.set
}

var meanings = map[string]meaning{
	"TicketId": {set: "DoiT's sessions carry this number", unset: "DoiT's sessions may have any name"},
	"Access": {unset: "DoiT may enter", values: map[string]string{
		"approved": "DoiT may enter", "dismissed": "DoiT may not enter until you approve it",
	}},
	"AccessExpires": {set: "the access ends then", unset: "the access has no end but the one that you make"},
	"Notices": {unset: "no topic is told of entries", values: map[string]string{
		"on": "a topic of yours is told of each entry", "off": "no topic is told of entries",
	}},
	"PermissionsBoundary": {
		set:   "it bounds both roles, in place of SecurityAudit",
		unset: "SecurityAudit bounds the role",
	},
	"AccountId":            {set: "the launch is refused in any other account", unset: "it launches in any account"},
	"ExternalId":           {set: "DoiT must present it", unset: "the external ID is the stack's own"},
	"RegistrationEndpoint": {set: "the role is reported there", unset: "the role is reported to DoiT's usual address"},
	"OrganizationalUnits": {
		set:   "it rolls out to the accounts of these units: look whether you mean them",
		unset: "you say which organizational units it rolls out to",
	},
	"ExcludedAccounts": {set: "these accounts are left out", unset: "no account of the units is left out"},
	"ManagementAccount": {
		unset: "the management account is included",
		values: map[string]string{
			"included": "the management account is included", "excluded": "the management account is left out",
		},
	},
	"CallAs": {unset: "it is launched in the management account", values: map[string]string{
		"SELF":            "it is launched in the management account",
		"DELEGATED_ADMIN": "it is launched in a delegated administrator's account",
	}},
	"Attempt": {set: "which try it is", unset: "it is the first try"},
}

// presets says of each parameter what the link sets, and what that does. What
// the form would refuse differs from what it may set.
func presets(r *report, t template.Template, set []launch.Parameter) {
	values := map[string]string{}
	for _, p := range set {
		_, known := t.Parameters[p.Name]
		_, twice := values[p.Name]
		switch err := t.Check(p.Name, p.Value); {
		case !known:
			r.compare(p.Name, "", []string{"is set, and is no parameter of this template"})
		case twice:
			r.compare(p.Name, "", []string{"is set twice"})
		case err != nil && p.Name == "ExternalId": // never printed
			r.compare(p.Name, "", []string{t.Parameters[p.Name].ConstraintDescription})
		case err != nil:
			r.compare(p.Name, "", []string{err.Error()})
		case p.Name == "ExternalId":
			r.compare(p.Name, fmt.Sprintf("set, %d characters: %s", len(p.Value), meanings[p.Name].set), nil)
		default:
			r.compare(p.Name, fmt.Sprintf("%s: %s", p.Value, meanings[p.Name].of(p.Value)), nil)
		}
		values[p.Name] = p.Value
	}
	for _, name := range slices.Sorted(names(t)) {
		if _, ok := values[name]; !ok {
			r.note("%-21s not set: %s", name, meanings[name].unset)
		}
	}
}

func names(t template.Template) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range t.Parameters {
			if !yield(name) {
				return
			}
		}
	}
}

// comparePageLink says what an address of the page presets there.
func comparePageLink(r *report, here launch.Published, all []edition, address string, now time.Time) error {
	key, fragment, _ := strings.Cut(strings.TrimPrefix(address, host), "#")
	opens, newest := all[0], false
	switch parts := underDigest.FindStringSubmatch(key); {
	case key == template.LatestKey(template.LaunchPath):
		newest = true
		r.compare("opens", "the newest page, whose bytes change: it shows the digest of the template that it opens",
			nil)
	case parts == nil:
		r.compare("opens", "", []string{fmt.Sprintf("%q is neither the newest page nor named by its digest", key)})
		return nil
	default:
		e, file, ok := named(all, parts[2])
		if !ok || file != template.LaunchPath {
			r.compare("opens", "", []string{
				fmt.Sprintf("SHA-256 %s is of no page here: fetch the tags, or check that version out", parts[2]),
			})
			return nil
		}
		opens = e
		r.compare("opens", fmt.Sprintf("SHA-256 %s, %s of version %s (%s)", parts[2], file, e.version, e.name), nil)
	}
	request, err := readFragment(fragment)
	if err == nil {
		_, err = here.Page(nil, request, now)
	}
	if err != nil {
		r.compare("presets", "", []string{err.Error()})
		return nil
	}
	file := template.Path
	if request.Organization {
		file = template.OrganizationPath
	}
	digest := template.Digest(opens.files[file])
	if newest {
		r.note("If it shows SHA-256 %s,", digest)
		r.note("it opens %s of version %s (%s). Otherwise look by LINK= at the address that it opens.", file,
			opens.version, opens.name)
	} else {
		r.note("It opens %s of version %s, SHA-256 %s.", file, opens.version, digest)
	}
	for _, member := range []struct{ name, value, set, unset string }{
		{name: "region", value: request.Region, set: "the stack's region", unset: "you choose the stack's region"},
		{name: "stack", value: request.Stack, set: "the stack's name", unset: "the stack is named after the request"},
		{name: "ticket", value: request.Ticket, set: meanings["TicketId"].set,
			unset: "you fill in the number of your request"},
		{name: "account", value: request.Account, set: meanings["AccountId"].set, unset: meanings["AccountId"].unset},
		{name: "expires", value: request.Expires,
			set:   "when the access ends: days from the launch, a day, a time, or never",
			unset: "the access ends after 30 days"},
	} {
		if member.value == "" {
			r.note("%-21s not set: %s", member.name, member.unset)
			continue
		}
		r.compare(member.name, member.value+": "+member.set, nil)
	}
	if request.Notices {
		r.compare("notices", meanings["Notices"].of("on"), nil)
	}
	if request.Organization {
		r.compare("organization", "it rolls out over an AWS Organization: you say on AWS's form over which units", nil)
	}
	return nil
}

// readFragment reads what the page reads, and refuses what the page refuses.
func readFragment(fragment string) (launch.Request, error) {
	var request launch.Request
	texts := map[string]*string{
		"ticket": &request.Ticket, "account": &request.Account, "region": &request.Region,
		"expires": &request.Expires, "stack": &request.Stack,
	}
	switches := map[string]*bool{"notices": &request.Notices, "organization": &request.Organization}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(fragment, "&") {
		if part == "" {
			continue
		}
		name, escaped, _ := strings.Cut(part, "=")
		value, err := url.PathUnescape(escaped)
		text, isText := texts[name]
		on, isSwitch := switches[name]
		switch {
		case err != nil:
			return request, fmt.Errorf("its %q is not written as an address is", name)
		case !isText && !isSwitch:
			return request, fmt.Errorf("it sets %q, which the page refuses", name)
		case seen[name]:
			return request, fmt.Errorf("it sets %s twice, which the page refuses", name)
		case isText:
			*text = value
		case value != "1" && value != "":
			return request, fmt.Errorf("its %s is %q: the page takes 1, or nothing", name, value)
		default:
			*on = value == "1"
		}
		seen[name] = true
	}
	return request, nil
}
