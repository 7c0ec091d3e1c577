package main

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/launch"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

var now = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

func TestALinkIsSaidInWords(t *testing.T) {
	t.Parallel()
	here, tagged := someEditions(t)
	of := func(e edition) launch.Published {
		p, err := launch.Of(top(t), e.files[template.Path], e.files[template.OrganizationPath])
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	made := func(e edition, r launch.Request) string {
		l, err := of(e).Launch(r, now)
		if err != nil {
			t.Fatal(err)
		}
		return l.Console()
	}
	usual := launch.Request{Region: "eu-west-1", Ticket: "12345", Expires: "2026-12-31"}
	everything := launch.Request{
		Region: "ap-southeast-7", Ticket: "A-1", Expires: "2027-02-28T23:59:59Z", Account: "111122223333",
		Stack: "Support", ExternalID: externalID, Notices: true,
	}
	rollout := usual
	rollout.Organization = true
	link := made(tagged, usual)
	page := func(fragment string) string {
		return template.URL(template.LaunchPath, here.files[template.LaunchPath]) + fragment
	}
	edited := func(old, changed string) string {
		if !strings.Contains(link, old) {
			t.Fatalf("%s lacks %q", link, old)
		}
		return strings.Replace(link, old, changed, 1)
	}
	digest := template.Digest(tagged.files[template.Path])
	for _, c := range []struct {
		name, link string
		crosses    string
		says       []string
	}{
		{name: "the usual one", link: link, says: []string{
			"AWS's own console in eu-west-1, on the form for a new stack doit-support-12345",
			"SHA-256 " + digest + ", template/doitmanagement.yaml of version 1.0.0 (the tag v1.0.0)",
			"TicketId              12345: DoiT's sessions carry this number",
			"AccessExpires         2026-12-31T23:59:59Z: the access ends then",
			"AccountId             not set: it launches in any account",
			"RegistrationEndpoint  not set: the role is reported to DoiT's usual address",
		}},
		{name: "everything", link: made(here, everything), says: []string{
			"ap-southeast-7", "new stack Support", "of version 1.1.0 (this commit)", "A-1", "2027-02-28T23:59:59Z",
			"Notices               on: a topic of yours is told", "111122223333: the launch is refused in any other",
			"ExternalId            set, 24 characters: DoiT must present it",
		}},
		{name: "an organization's", link: made(tagged, rollout), says: []string{
			"template/organization.yaml of version 1.0.0", "OrganizationalUnits   not set: you say",
			"ManagementAccount     not set: the management account is included",
		}},
		{name: "an organization's that presets units",
			link: made(tagged, rollout) + "&param_OrganizationalUnits=ou-ab12-11111111%2Cr-ab12" +
				"&param_ExcludedAccounts=111122223333%2C444455556666&param_ManagementAccount=excluded&param_Attempt=2",
			says: []string{"ou-ab12-11111111,r-ab12: it rolls out to the accounts of these units: look whether",
				"444455556666: these accounts are left out", "excluded: the management account is left out"}},
		{name: "no notices, and a dismissal",
			link: link + "&param_Notices=off&param_Access=dismissed",
			says: []string{"off: no topic is told of entries", "dismissed: DoiT may not enter"}},

		{name: "a stranger's console",
			link: edited(".console.aws.amazon.com/", ".console.aws.amazon.com.evil.example/"), crosses: "opens",
			says: []string{"it leads to eu-west-1.console.aws.amazon.com.evil.example, which is neither"}},
		{name: "a stranger in front", link: strings.Replace(link, "https://", "https://evil.example@", 1),
			crosses: "opens",
			says:    []string{"no https address"}},
		{name: "without TLS", link: strings.Replace(link, "https:", "http:", 1), crosses: "opens",
			says: []string{"no https address"}},
		{name: "another partition's console", link: edited(".console.aws.amazon.com/", ".console.amazonaws.cn/"),
			crosses: "opens",
			says:    []string{"not written as make link writes it"}},
		{name: "another region in its query", link: edited("?region=eu-west-1", "?region=us-east-1"), crosses: "opens",
			says: []string{"not written as make link writes it"}},
		{name: "a region that is none", link: strings.ReplaceAll(link, "eu-west-1", "eu-west-9"), crosses: "opens",
			says: []string{"not written as make link writes it"}},
		{name: "another page of the console", link: edited("/stacks/create/review?", "/stacks/quickcreate?"),
			crosses: "opens",
			says:    []string{"/stacks/quickcreate"}},
		{name: "a second template", link: link + "&templateURL=https%3A%2F%2Fevil.example%2Fx.yaml",
			crosses: "opens template",
			says: []string{"not written as make link writes it",
				`the template is "https://evil.example/x.yaml", which is not in DoiT's bucket`}},
		{name: "a template elsewhere", link: edited("doit-aws-ops-prod-templates", "doit-aws-ops-prod-template"),
			crosses: "template",
			says:    []string{"not in DoiT's bucket"}},
		{name: "the newest template", link: edited(digest, "1.0.0"), crosses: "template",
			says: []string{`"doitmanagement/1.0.0.yaml" is not named by its digest: what is there can change`}},
		{name: "a template in another folder", link: edited("%2Fdoitmanagement%2F", "%2Fmore%2Fdoitmanagement%2F"),
			crosses: "template", says: []string{"is not named by its digest"}},
		{name: "a template with a longer name", link: edited(".yaml", ".yaml.old"), crosses: "template",
			says: []string{"is not named by its digest"}},
		{name: "a template of no version", link: edited(digest, strings.Repeat("0", 64)), crosses: "template",
			says: []string{"is of no version here: fetch the tags"}},
		{name: "the account's template under the organization's name",
			link:    edited("%2Fdoitmanagement%2F", "%2Forganization%2F"),
			crosses: "template", says: []string{"under the name of another"}},
		{name: "a parameter that is none", link: link + "&param_Account=999999999999", crosses: "Account",
			says: []string{"is set, and is no parameter of this template"}},
		{name: "a parameter twice", link: link + "&param_TicketId=1", crosses: "TicketId",
			says: []string{"is set twice"}},
		{name: "a value that the form refuses",
			link: edited("param_TicketId=12345",
				"param_TicketId="+url.QueryEscape("12345 or so")), crosses: "TicketId", says: []string{"at most 32"}},
		{name: "an endpoint elsewhere", link: link + "&param_RegistrationEndpoint=https%3A%2F%2Fevil.example%2F",
			crosses: "RegistrationEndpoint", says: []string{"must be an https address"}},
		{name: "units of which one is none", link: made(tagged, rollout) + "&param_OrganizationalUnits=r-ab12%2Co-x",
			crosses: "OrganizationalUnits", says: []string{"must be IDs of organizational units"}},
		{name: "a number that is too small", link: made(tagged, rollout) + "&param_Attempt=0", crosses: "Attempt",
			says: []string{"must be a number, 1 or more"}},
		{name: "a number that is none", link: made(tagged, rollout) + "&param_Attempt=NaN", crosses: "Attempt",
			says: []string{"must be a number, 1 or more"}},
		{name: "a weak external ID", link: link + "&param_ExternalId=guessable", crosses: "ExternalId",
			says: []string{"must be empty, or 16 to 1224"}},
		{name: "something else", link: link + "&capabilities=CAPABILITY_IAM", crosses: "opens",
			says: []string{`it sets "capabilities", which make link never does`}},
		{name: "hidden characters", link: edited("TicketId=12345", "TicketId=12345%20"), crosses: "opens TicketId",
			says: []string{"not written as make link writes it"}},
		{name: "nothing", link: "https://", crosses: "opens"},

		{name: "the page", link: page(""), says: []string{
			"template/launch.html of version 1.1.0 (this commit)",
			"It opens template/doitmanagement.yaml of version 1.1.0, SHA-256 " +
				template.Digest(here.files[template.Path]),
			"expires               not set: the access ends after 30 days",
		}},
		{name: "the page with everything",
			link: page("#ticket=12345&account=111122223333&region=eu-west-1&expires=7" +
				"&stack=Support&notices=1&organization=1"),
			says: []string{
				"ticket                12345: ", "account               111122223333: ",
				"region                eu-west-1: ", "expires               7: ",
				"stack                 Support: ", "notices               a topic of yours",
				"organization          it rolls out",
				"It opens template/organization.yaml of version 1.1.0",
			}},
		{name: "the newest page", link: "https://doit-aws-ops-prod-templates.s3.amazonaws.com/launch.html#ticket=12345",
			says: []string{
				"whose bytes change", "If it shows SHA-256 " + template.Digest(here.files[template.Path]) + ",",
				"it opens template/doitmanagement.yaml of version 1.1.0 (this commit). Otherwise look by LINK=",
			}},
		{name: "a page of no version",
			link: "https://doit-aws-ops-prod-templates.s3.amazonaws.com/launch/" + strings.Repeat("0",
				64) + ".html", crosses: "opens",
			says: []string{"is of no page here"}},
		{name: "a template for a page", link: template.URL(template.Path, here.files[template.Path]), crosses: "opens",
			says: []string{"is of no page here"}},
		{name: "another thing in the bucket", link: "https://doit-aws-ops-prod-templates.s3.amazonaws.com/evil.html",
			crosses: "opens",
			says:    []string{"is neither the newest page"}},
		{name: "the page with an external ID", link: page("#externalId=" + externalID), crosses: "presets",
			says: []string{`it sets "externalId", which the page refuses`}},
		{name: "the page with a ticket twice", link: page("#ticket=1&ticket=2"), crosses: "presets",
			says: []string{"it sets ticket twice"}},
		{name: "the page with a wrong account", link: page("#account=1234"), crosses: "presets",
			says: []string{"12 digits"}},
		{name: "the page with an end that has passed", link: page("#expires=2026-01-01"), crosses: "presets",
			says: []string{"has passed"}},
		{name: "the page with a switch that is none", link: page("#organization=yes"), crosses: "presets",
			says: []string{`its organization is "yes"`}},
		{name: "the page with a broken escape", link: page("#ticket=%"), crosses: "presets",
			says: []string{"not written as an address is"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			r := &report{out: &out}
			if err := compareLink(r, top(t), []edition{here, tagged}, c.link, now); err != nil {
				t.Fatal(err)
			}
			if got := crosses(out.String()); got != c.crosses {
				t.Errorf("differ: %q, want %q:\n%s", got, c.crosses, &out)
			}
			if status := r.conclude(); (status == 1) != (c.crosses != "") {
				t.Errorf("exit status %d:\n%s", status, &out)
			}
			for _, words := range c.says {
				if !strings.Contains(out.String(), words) {
					t.Errorf("it does not say %q:\n%s", words, &out)
				}
			}
			for _, secret := range []string{externalID, "guessable"} {
				if strings.Contains(out.String(), secret) {
					t.Errorf("it prints the external ID:\n%s", &out)
				}
			}
		})
	}
}

// Every parameter of both templates has its meaning, and each value where there are few.
func TestEachParameterHasItsMeaning(t *testing.T) {
	t.Parallel()
	p, err := launch.Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []template.Template{p.Account, p.Organization} {
		for name, p := range of.Parameters {
			values := p.AllowedValues
			if values == nil {
				values = []string{"any"}
			}
			for _, value := range values {
				if m := meanings[name]; m.of(value) == "" || m.unset == "" {
					t.Errorf("verify does not say what %s of the parameter %s means", value, name)
				}
			}
		}
	}
}
