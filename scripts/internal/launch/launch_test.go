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

const bucket = "https://doit-aws-ops-prod-templates.s3.amazonaws.com/"

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

// opened is the page of the console that a link opens, and the form that the
// page reads out of it.
func opened(t *testing.T, link string) (page string, form url.Values) {
	t.Helper()
	// The console's own router splits the fragment as it stands in the link.
	page, raw, _ := strings.Cut(link, "#")
	route, query, _ := strings.Cut(raw, "?")
	if route != "/stacks/create/review" {
		t.Errorf("the link opens %q", route)
	}
	form, err := url.ParseQuery(query)
	if err != nil {
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
	return bucket + name + "/" + hex.EncodeToString(digest[:]) + ".yaml"
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
		{
			name:    "the usual one",
			request: with("ticket", "12345"),
			stack:   "doit-support-12345",
			want:    map[string]string{"TicketId": "12345", "AccessExpires": "2026-12-24T23:59:59Z"},
		},
		{
			name:    "no ticket",
			request: with("ticket", "none"),
			stack:   "doit-support",
			want:    map[string]string{"AccessExpires": "2026-12-24T23:59:59Z"},
		},
		{
			name:    "no end",
			request: with("expires", "never"),
			stack:   "doit-support-12345",
			want:    map[string]string{"TicketId": "12345"},
		},
		{
			name:    "a week",
			request: with("expires", "7"),
			stack:   "doit-support-12345",
			want:    map[string]string{"TicketId": "12345", "AccessExpires": "2026-12-01T23:59:59Z"},
		},
		{
			name:    "a quarter",
			request: with("expires", "90"),
			stack:   "doit-support-12345",
			want:    map[string]string{"TicketId": "12345", "AccessExpires": "2027-02-22T23:59:59Z"},
		},
		{
			name:    "a day",
			request: with("expires", "2026-11-24"),
			stack:   "doit-support-12345",
			want:    map[string]string{"TicketId": "12345", "AccessExpires": "2026-11-24T23:59:59Z"},
		},
		{
			name:    "the account",
			request: usual(func(r *Request) { r.Account, r.Expires = "000011112222", "never" }),
			stack:   "doit-support-12345",
			want:    map[string]string{"TicketId": "12345", "AccountId": "000011112222"},
		},
		{
			name: "everything",
			request: Request{
				Region:     "ap-southeast-7",
				Ticket:     "A-1",
				Account:    "111122223333",
				Expires:    "2027-02-28T23:59:58Z",
				Stack:      "Support",
				ExternalID: "a+b=c,d.e@f:g/h-i_jk",
				Notices:    true,
			},
			stack: "Support",
			want: map[string]string{
				"TicketId":      "A-1",
				"AccessExpires": "2027-02-28T23:59:58Z",
				"Notices":       "on",
				"AccountId":     "111122223333",
				"ExternalId":    "a+b=c,d.e@f:g/h-i_jk",
			},
		},
		{
			name:    "an organization",
			request: usual(func(r *Request) { r.Organization, r.Expires = true, "never" }),
			stack:   "doit-support-12345",
			want:    map[string]string{"TicketId": "12345"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l, err := p.Launch(c.request, now)
			if err != nil {
				t.Fatal(err)
			}
			link := l.Console()
			page, form := opened(t, link)
			region := c.request.Region
			if page != "https://"+region+".console.aws.amazon.com/cloudformation/home?region="+region {
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

// wrong are values that make link refuses, by the member of the page that
// presets them, in words that hold says.
var wrong = []struct{ member, value, says string }{
	{member: "region", value: "eu-west-9", says: `"eu-west-9" is not known`},
	{member: "region", value: "eu-west-1.evil.example", says: "is not known"},
	{member: "region", value: "cn-north-1", says: "aws-cn"},
	{member: "region", value: "us-gov-west-1", says: "aws-us-gov"},
	{member: "region", value: "eusc-de-east-1", says: "aws-eusc"},
	{member: "region", value: "aws-global", says: "is not known"}, // no place
	{member: "region", value: "me-south-1", says: "lacks account regional namespaces"},
	{member: "region", value: "me-central-1", says: "lacks account regional namespaces"},
	{member: "ticket", value: "1&param_Access=approved", says: "TicketId"},
	{member: "ticket", value: strings.Repeat("1", 33), says: "TicketId"},
	{member: "ticket", value: "１２３", says: "TicketId"},
	{member: "account", value: "11112222333", says: "12 digits"},
	{member: "account", value: "1111-2222-3333", says: "12 digits"}, // as the console shows it
	{member: "expires", value: "2026-11-24T23:00:00Z", says: "has passed"},
	{member: "expires", value: "2026-11-23", says: "has passed"},
	{member: "expires", value: "2027-02-30T00:00:00Z", says: "no UTC time"},
	{member: "expires", value: "2027-02-30", says: "no day"},
	{member: "expires", value: "2027-02-28T00:00:00+01:00", says: "no UTC time"},
	{member: "expires", value: "2027-02-28T00:00:00.5Z", says: "no UTC time"},
	{member: "expires", value: "2027-02-28T00:00:00,5Z", says: "no UTC time"},
	{member: "expires", value: "2127-02-28T00:00:00Z", says: "AccessExpires"}, // the template's pattern
	{member: "expires", value: "31", says: "7, 30 or 90 days"},
	{member: "expires", value: "07", says: "7, 30 or 90 days"},
	{member: "stack", value: "1st", says: "stack name"},
	{member: "stack", value: strings.Repeat("s", 129), says: "stack name"},
	{member: "external-id", value: "shortly", says: "ExternalId"},
	{member: "external-id", value: strings.Repeat("x", 1225), says: "ExternalId"},
	{member: "external-id", value: "0123456789abcdef\n", says: "ExternalId"},
}

// with is the usual request with another value of a member.
func with(member, value string) Request {
	r := Request{Region: "eu-west-1", Ticket: "12345"}
	*map[string]*string{
		"region":      &r.Region,
		"ticket":      &r.Ticket,
		"account":     &r.Account,
		"expires":     &r.Expires,
		"stack":       &r.Stack,
		"external-id": &r.ExternalID,
	}[member] = value
	return r
}

func TestALaunchThatWouldFailIsRefused(t *testing.T) {
	t.Parallel()
	p := published(t)
	if _, err := p.Launch(with("region", ""), now); err == nil || !strings.Contains(err.Error(), "REGION=eu-west-1") {
		t.Errorf("without a region it says %v", err)
	}
	if _, err := p.Launch(with("ticket", ""), now); err == nil || !strings.Contains(err.Error(), "TICKET=12345") {
		t.Errorf("without a ticket it says %v", err)
	}
	for _, c := range wrong {
		r := with(c.member, c.value)
		l, err := p.Launch(r, now)
		if err == nil {
			t.Errorf("%s %q: made %s", c.member, c.value, l.Console())
			continue
		}
		if c.member == "external-id" && strings.Contains(err.Error(), c.value) {
			t.Errorf("the external ID is printed: %q", err)
		}
		if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %q: said %q, want one line with %q", c.member, c.value, err, c.says)
		}
		if address, err := p.Page(nil, r, now); err == nil {
			t.Errorf("%s %q: the page is told all the same: %s", c.member, c.value, address)
		}
	}
}

func TestThePageIsToldWhatIsGivenAndNothingElse(t *testing.T) {
	t.Parallel()
	p := published(t)
	page := []byte("page")
	digest := sha256.Sum256(page)
	base := bucket + "launch/" + hex.EncodeToString(digest[:]) + ".html"
	for _, c := range []struct {
		request Request
		want    string
	}{
		{request: Request{}, want: ""},
		{request: Request{Ticket: "12345"}, want: "#ticket=12345"},
		{request: Request{Ticket: "none", Expires: "never"}, want: "#ticket=none&expires=never"},
		{request: Request{Region: "eu-west-1", Organization: true}, want: "#region=eu-west-1&organization=1"},
		{
			request: Request{
				Region:       "eu-west-1",
				Ticket:       "12345",
				Account:      "111122223333",
				Expires:      "2026-12-31T00:00:00Z",
				Stack:        "NAME",
				Notices:      true,
				Organization: true,
			},
			want: "#ticket=12345&account=111122223333&region=eu-west-1&expires=2026-12-31T00:00:00Z&stack=NAME" +
				"&notices=1&organization=1",
		},
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

// One line in the template's mapping is all that a link to another partition
// takes. The page is not pinned before it offers that one too.
func TestAPartitionThatTheMappingHas(t *testing.T) {
	t.Parallel()
	p := published(t)
	const row = "    aws: {"
	const another = "    aws-us-gov: { Account: '111122223333', CodeBucket: b }\n"
	wider := strings.Replace(string(p.Account.Body), row, another+row, 1)
	var err error
	if p.Account, err = template.Parse([]byte(wider)); err != nil {
		t.Fatal(err)
	}
	p.Regions = regions.Partitions{"us-gov-west-1": "aws-us-gov"}
	l, err := p.Launch(with("region", "us-gov-west-1"), now)
	if err != nil {
		t.Fatal(err)
	}
	page, _ := opened(t, l.Console())
	if !strings.HasPrefix(page, "https://us-gov-west-1.console.amazonaws-us-gov.com/") {
		t.Errorf("the link opens %s", page)
	}
	if _, err := p.PinPage([]byte{}); err == nil || !strings.Contains(err.Error(), "aws-us-gov") {
		t.Errorf("the page, which does not offer it, is pinned: %v", err)
	}
}
