package launch

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// consoles are the hosts of AWS's console by partition, less the region in front.
var consoles = map[string]string{
	"aws":        "console.aws.amazon.com",
	"aws-us-gov": "console.amazonaws-us-gov.com",
	"aws-cn":     "console.amazonaws.cn",
	"aws-eusc":   "console.amazonaws-eusc.eu",
}

var regionForm = regexp.MustCompile(`\A[a-z]+(-[a-z]+)+-[0-9]\z`)

// RegionOfConsole is the region whose console has this host.
func RegionOfConsole(host string) (region string, ok bool) {
	for _, console := range consoles {
		if region, ok := strings.CutSuffix(host, "."+console); ok && regionForm.MatchString(region) {
			return region, true
		}
	}
	return "", false
}

// Console is the quick-create link, which opens AWS's form filled in.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-create-stacks-quick-create-links.html
func (l Launch) Console() string {
	var b strings.Builder
	b.WriteString("https://" + l.Region + "." + consoles[l.Partition] + "/cloudformation/home?region=" + l.Region)
	b.WriteString("#/stacks/create/review?templateURL=" + url.QueryEscape(l.TemplateURL))
	b.WriteString("&stackName=" + url.QueryEscape(l.Stack))
	for _, p := range l.Parameters {
		b.WriteString("&param_" + p.Name + "=" + url.QueryEscape(p.Value))
	}
	return b.String()
}

// CLI is the launch as commands of the AWS CLI, which wait for its end and
// print what it made. Every value was checked, so that none means anything to a
// shell; a comma, which ends a value, can only stand in an external ID.
func (l Launch) CLI() string {
	stack := " --region " + l.Region + " --stack-name " + l.Stack
	var b strings.Builder
	var parameters []string
	capabilities := "CAPABILITY_IAM"
	if l.Organization {
		b.WriteString("# The root's ID means every account. For some: units='ou-ab12-11111111\\,ou-ab12-22222222'\n")
		b.WriteString("units=$(aws organizations list-roots --query 'Roots[0].Id' --output text) &&\n")
		parameters = append(parameters, `"ParameterKey=OrganizationalUnits,ParameterValue=$units"`)
		capabilities = "CAPABILITY_NAMED_IAM CAPABILITY_AUTO_EXPAND" // of the nested stack
	}
	for _, p := range l.Parameters {
		assigned := "ParameterKey=" + p.Name + ",ParameterValue=" + p.Value
		if strings.Contains(p.Value, ",") {
			assigned = "'" + "ParameterKey=" + p.Name + `,ParameterValue="` + p.Value + `"'`
		}
		parameters = append(parameters, assigned)
	}
	lines := []string{
		"aws cloudformation create-stack" + stack,
		"--template-url " + l.TemplateURL,
		"--capabilities " + capabilities,
	}
	if len(parameters) > 0 {
		lines = append(lines, "--parameters")
	}
	for _, p := range parameters {
		lines = append(lines, "  "+p)
	}
	b.WriteString(strings.Join(lines, " \\\n  ") + " &&\n")
	b.WriteString("aws cloudformation wait stack-create-complete" + stack + " &&\n")
	b.WriteString("aws cloudformation describe-stacks" + stack + " --query 'Stacks[0].Outputs' --output table")
	return b.String()
}

// Terraform is the launch of one account as a resource of Terraform's AWS provider.
func (l Launch) Terraform() (string, error) {
	if l.Organization {
		return "", errors.New("FORMAT=terraform launches in one account: an organization takes the link, or FORMAT=cli")
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(`resource "aws_cloudformation_stack" "doit_support" {`)
	line(`  region       = "%s" # takes version 6 of the AWS provider; in an older one the provider has it`, l.Region)
	line(`  name         = "%s"`, l.Stack)
	line(`  template_url = "%s"`, l.TemplateURL)
	line(`  capabilities = ["CAPABILITY_IAM"]`)
	if len(l.Parameters) > 0 {
		line("  parameters = {")
		width := 0
		for _, p := range l.Parameters {
			width = max(width, len(p.Name))
		}
		for _, p := range l.Parameters {
			line(`    %-*s = "%s"`, width, p.Name, p.Value)
		}
		line("  }")
	}
	line("}")
	line("")
	line(`output "doit_support" {`)
	line("  value = aws_cloudformation_stack.doit_support.outputs")
	b.WriteString("}")
	return b.String(), nil
}

// Page is the address of the page, under its own digest, with what the request
// presets: what it does not name, the page asks for.
func (p Published) Page(page []byte, r Request, now time.Time) (string, error) {
	if r.ExternalID != "" {
		return "", errors.New("EXTERNAL_ID has no place on the page: leave out PAGE=1, or EXTERNAL_ID")
	}
	whole := r // what is asked for must be right whatever the page is told later
	if whole.Region == "" {
		whole.Region = "us-east-1"
	}
	if whole.Ticket == "" {
		whole.Ticket = NoTicket
	}
	if _, err := p.Launch(whole, now); err != nil {
		return "", err
	}
	address, mark := template.URL(template.LaunchPath, page), "#"
	for _, member := range []struct{ name, value string }{
		{"ticket", r.Ticket},
		{"account", r.Account},
		{"region", r.Region},
		{"expires", r.Expires},
		{"stack", r.Stack},
		{"notices", one(r.Notices)},
		{"organization", one(r.Organization)},
	} {
		if member.value == "" {
			continue
		}
		address += mark + member.name + "=" + member.value // nothing in it that an address would escape
		mark = "&"
	}
	return address, nil
}

func one(on bool) string {
	if on {
		return "1"
	}
	return ""
}

// CodeURL is where the function's code lies for a region in which the template
// can be launched.
func (p Published) CodeURL(region string) string {
	bucket := p.Account.DoiT[p.Regions[region]].Bucket(region)
	return "https://" + bucket + ".s3." + region + ".amazonaws.com/" + p.Account.Pin.Key
}
