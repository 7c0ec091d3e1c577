package launch

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/regions"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// now is in a zone in which it is a day later than in UTC.
var now = time.Date(2026, 11, 25, 1, 0, 0, 0, time.FixedZone("", 2*60*60))

// usual is the request that most links are made for; change makes another one of it.
func usual(change func(*Request)) Request {
	r := Request{Region: "eu-west-1", Ticket: "12345"}
	change(&r)
	return r
}

func published(t *testing.T) Published {
	t.Helper()
	p, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// opened is what the console reads out of a link.
func opened(t *testing.T, link string) (page *url.URL, form url.Values) {
	t.Helper()
	page, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	// The console's own router splits the fragment as it stands in the link.
	_, raw, _ := strings.Cut(link, "#")
	route, query, _ := strings.Cut(raw, "?")
	if route != "/stacks/create/review" {
		t.Errorf("the link opens %q", route)
	}
	if form, err = url.ParseQuery(query); err != nil {
		t.Fatal(err)
	}
	return page, form
}

// address is where a template lies, worked out apart from the code under test.
func address(t *testing.T, path string) string {
	t.Helper()
	body, err := repo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(body)
	name := strings.TrimSuffix(filepath.Base(path), ".yaml")
	return "https://doit-aws-ops-prod-templates.s3.amazonaws.com/" + name + "/" + hex.EncodeToString(digest[:]) + ".yaml"
}

func TestTheLinkOpensTheForm(t *testing.T) {
	t.Parallel()
	p := published(t)
	for _, c := range []struct {
		name    string
		request Request
		stack   string
		want    map[string]string
	}{
		{"the usual one", usual(func(*Request) {}),
			"doit-support-12345", map[string]string{"TicketId": "12345", "AccessExpires": "2026-12-24T23:59:59Z"}},
		{"no ticket", usual(func(r *Request) { r.Ticket = "none" }),
			"doit-support", map[string]string{"AccessExpires": "2026-12-24T23:59:59Z"}},
		{"no end", usual(func(r *Request) { r.Expires = "never" }),
			"doit-support-12345", map[string]string{"TicketId": "12345"}},
		{"a week", usual(func(r *Request) { r.Expires = "7" }),
			"doit-support-12345", map[string]string{"TicketId": "12345", "AccessExpires": "2026-12-01T23:59:59Z"}},
		{"a quarter", usual(func(r *Request) { r.Expires = "90" }),
			"doit-support-12345", map[string]string{"TicketId": "12345", "AccessExpires": "2027-02-22T23:59:59Z"}},
		{"a day", usual(func(r *Request) { r.Expires = "2026-11-24" }),
			"doit-support-12345", map[string]string{"TicketId": "12345", "AccessExpires": "2026-11-24T23:59:59Z"}},
		{"the account", usual(func(r *Request) { r.Account = "000011112222" }),
			"doit-support-12345", map[string]string{
				"TicketId": "12345", "AccessExpires": "2026-12-24T23:59:59Z", "AccountId": "000011112222"}},
		{"everything", Request{
			Region: "ap-southeast-7", Ticket: "A-1", Account: "111122223333", Expires: "2027-02-28T23:59:58Z",
			ExternalID: "a+b=c,d.e@f:g/h-i_jk", Stack: "Support", Notices: true,
		}, "Support", map[string]string{
			"TicketId": "A-1", "AccessExpires": "2027-02-28T23:59:58Z", "Notices": "on", "AccountId": "111122223333",
			"ExternalId": "a+b=c,d.e@f:g/h-i_jk"}},
		{"an organization", usual(func(r *Request) { r.Organization, r.Expires = true, "never" }),
			"doit-support-12345", map[string]string{"TicketId": "12345"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l, err := p.Launch(c.request, now)
			if err != nil {
				t.Fatal(err)
			}
			link := l.Console()
			page, form := opened(t, link)
			if page.Scheme != "https" || page.Host != c.request.Region+".console.aws.amazon.com" ||
				page.Path != "/cloudformation/home" || page.RawQuery != "region="+c.request.Region {
				t.Errorf("the link opens %s", page)
			}
			path := template.Path
			if c.request.Organization {
				path = template.OrganizationPath
			}
			want := url.Values{"templateURL": {address(t, path)}, "stackName": {c.stack}}
			for name, value := range c.want {
				want.Set("param_"+name, value)
			}
			if got, want := form.Encode(), want.Encode(); got != want {
				t.Errorf("the form has\n%s\nwant\n%s", got, want)
			}
			if strings.ContainsAny(link, " +\"'<>\\") {
				t.Errorf("the link is not escaped: %s", link)
			}
		})
	}
}

// wrong are requests that make link refuses, in words that hold says.
var wrong = []struct {
	name    string
	request Request
	says    string
}{
	{"no such region", usual(func(r *Request) { r.Region = "eu-west-9" }), `"eu-west-9" is not known`},
	{"a region with a host in it", usual(func(r *Request) { r.Region = "eu-west-1.evil.example" }), "is not known"},
	{"China", usual(func(r *Request) { r.Region = "cn-north-1" }), "aws-cn"},
	{"GovCloud", usual(func(r *Request) { r.Region = "us-gov-west-1" }), "aws-us-gov"},
	{"the European Sovereign Cloud", usual(func(r *Request) { r.Region = "eusc-de-east-1" }), "aws-eusc"},
	{"a region that is no place", usual(func(r *Request) { r.Region = "aws-global" }), "is not known"},
	{"Bahrain", usual(func(r *Request) { r.Region = "me-south-1" }), "lacks account regional namespaces"},
	{"the Emirates", usual(func(r *Request) { r.Region = "me-central-1" }), "lacks account regional namespaces"},
	{"a ticket that is more", usual(func(r *Request) { r.Ticket = "1&param_Access=approved" }), "TicketId"},
	{"a long ticket", usual(func(r *Request) { r.Ticket = strings.Repeat("1", 33) }), "TicketId"},
	{"a ticket of other digits", usual(func(r *Request) { r.Ticket = "１２３" }), "TicketId"},
	{"a short account", usual(func(r *Request) { r.Account = "11112222333" }), "12 digits"},
	{"an account as the console shows it", usual(func(r *Request) { r.Account = "1111-2222-3333" }), "12 digits"},
	{"an end that has passed", usual(func(r *Request) { r.Expires = "2026-11-24T23:00:00Z" }), "has passed"},
	{"a day that has passed", usual(func(r *Request) { r.Expires = "2026-11-23" }), "has passed"},
	{"an end of no day", usual(func(r *Request) { r.Expires = "2027-02-30T00:00:00Z" }), "no UTC time"},
	{"no day", usual(func(r *Request) { r.Expires = "2027-02-30" }), "no day"},
	{"an end in another zone", usual(func(r *Request) { r.Expires = "2027-02-28T00:00:00+01:00" }), "no UTC time"},
	{"an end with a fraction", usual(func(r *Request) { r.Expires = "2027-02-28T00:00:00.5Z" }), "no UTC time"},
	{"an end with a comma", usual(func(r *Request) { r.Expires = "2027-02-28T00:00:00,5Z" }), "no UTC time"},
	{"an end beyond the template's", usual(func(r *Request) { r.Expires = "2127-02-28T00:00:00Z" }), "AccessExpires"},
	{"days that nobody offers", usual(func(r *Request) { r.Expires = "31" }), "7, 30 or 90 days"},
	{"no number of days", usual(func(r *Request) { r.Expires = "07" }), "7, 30 or 90 days"},
	{"a stack name", usual(func(r *Request) { r.Stack = "1st" }), "stack name"},
	{"a long stack name", usual(func(r *Request) { r.Stack = strings.Repeat("s", 129) }), "stack name"},
	{"a short external ID", usual(func(r *Request) { r.ExternalID = "shortly" }), "ExternalId"},
	{"a long external ID", usual(func(r *Request) { r.ExternalID = strings.Repeat("x", 1225) }), "ExternalId"},
	{"an external ID with a line's end", usual(func(r *Request) { r.ExternalID = "0123456789abcdef\n" }), "ExternalId"},
}

func TestALaunchThatWouldFailIsRefused(t *testing.T) {
	t.Parallel()
	p := published(t)
	missing := usual(func(r *Request) { r.Region = "" })
	if _, err := p.Launch(missing, now); err == nil || !strings.Contains(err.Error(), "REGION=eu-west-1") {
		t.Errorf("without a region it says %v", err)
	}
	missing = usual(func(r *Request) { r.Ticket = "" })
	if _, err := p.Launch(missing, now); err == nil || !strings.Contains(err.Error(), "TICKET=12345") {
		t.Errorf("without a ticket it says %v", err)
	}
	for _, c := range wrong {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l, err := p.Launch(c.request, now)
			if err == nil {
				t.Fatalf("made %s", l.Console())
			}
			if id := c.request.ExternalID; id != "" && strings.Contains(err.Error(), id) {
				t.Errorf("the external ID is printed: %q", err)
			}
			if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("said %q, want one line with %q", err, c.says)
			}
			if address, err := p.Page(nil, c.request, now); err == nil {
				t.Errorf("the page is told all the same: %s", address)
			}
		})
	}
}

func TestThePageIsToldWhatIsGivenAndNothingElse(t *testing.T) {
	t.Parallel()
	p := published(t)
	page := []byte("page")
	digest := sha256.Sum256(page)
	base := "https://doit-aws-ops-prod-templates.s3.amazonaws.com/launch/" + hex.EncodeToString(digest[:]) + ".html"
	for _, c := range []struct {
		request Request
		want    string
	}{
		{Request{}, ""},
		{Request{Ticket: "12345"}, "#ticket=12345"},
		{Request{Ticket: "none", Expires: "never"}, "#ticket=none&expires=never"},
		{Request{Region: "eu-west-1", Organization: true}, "#region=eu-west-1&organization=1"},
		{Request{
			Region: "eu-west-1", Ticket: "12345", Account: "111122223333", Expires: "2026-12-31T00:00:00Z", Stack: "NAME",
			Notices: true, Organization: true,
		}, "#ticket=12345&account=111122223333&region=eu-west-1&expires=2026-12-31T00:00:00Z&stack=NAME&notices=1&organization=1"},
	} {
		got, err := p.Page(page, c.request, now)
		if err != nil || got != base+c.want {
			t.Errorf("%+v gives %s (%v), want %s", c.request, got, err, base+c.want)
		}
	}
	if got, err := p.Page(page, Request{ExternalID: "0123456789abcdef"}, now); err == nil {
		t.Errorf("an external ID is lost: %s", got)
	}
}

// One line in the template's mapping is all that another partition takes.
func TestAPartitionThatTheMappingHas(t *testing.T) {
	t.Parallel()
	p := published(t)
	const row = "    aws: {"
	wider := strings.Replace(string(p.Account.Body), row, "    aws-us-gov: { Account: '111122223333', CodeBucket: b }\n"+row, 1)
	var err error
	if p.Account, err = template.Parse([]byte(wider)); err != nil {
		t.Fatal(err)
	}
	p.Regions = regions.Partitions{"us-gov-west-1": "aws-us-gov"}
	l, err := p.Launch(usual(func(r *Request) { r.Region = "us-gov-west-1" }), now)
	if err != nil {
		t.Fatal(err)
	}
	if page, _ := opened(t, l.Console()); page.Host != "us-gov-west-1.console.amazonaws-us-gov.com" {
		t.Errorf("the link opens %s", page.Host)
	}
	if _, err := p.PinPage([]byte{}); err == nil || !strings.Contains(err.Error(), "aws-us-gov") {
		t.Errorf("the page, which does not offer it, is pinned: %v", err)
	}
}
