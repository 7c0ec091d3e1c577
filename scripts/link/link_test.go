package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/regions"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

var now = time.Date(2026, 11, 24, 10, 0, 0, 0, time.FixedZone("", 3600))

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

func TestTheLinkOpensTheForm(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("../../template/doitmanagement.yaml")
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(body)
	templateURL := "https://doit-aws-ops-prod-templates.s3.amazonaws.com/doitmanagement/" + hex.EncodeToString(digest[:]) + ".yaml"
	for _, c := range []struct {
		name    string
		request request
		stack   string
		want    map[string]string
	}{
		{"the usual one", request{region: "eu-west-1", ticket: "12345"},
			"doit-support-12345", map[string]string{"TicketId": "12345", "AccessExpires": "2026-12-24T09:00:00Z"}},
		{"no ticket", request{region: "us-east-1", ticket: "none"},
			"doit-support", map[string]string{"AccessExpires": "2026-12-24T09:00:00Z"}},
		{"no end", request{region: "us-east-1", ticket: "A-1", expires: "never"},
			"doit-support-A-1", map[string]string{"TicketId": "A-1"}},
		{"everything", request{region: "ap-southeast-7", ticket: "12345", expires: "2027-02-28T23:59:59Z",
			externalID: "a+b=c,d.e@f:g/h-i_jk", stack: "Support"},
			"Support", map[string]string{"TicketId": "12345", "AccessExpires": "2027-02-28T23:59:59Z", "ExternalId": "a+b=c,d.e@f:g/h-i_jk"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			link, err := run(c.request, false, now, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			page, form := opened(t, link)
			if page.Scheme != "https" || page.Host != c.request.region+".console.aws.amazon.com" ||
				page.Path != "/cloudformation/home" || page.RawQuery != "region="+c.request.region {
				t.Errorf("the link opens %s", page)
			}
			want := url.Values{"templateURL": {templateURL}, "stackName": {c.stack}}
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

func TestALinkForAnOrganization(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("../../template/organization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(body)
	link, err := run(request{region: "eu-west-1", ticket: "12345", expires: "never"}, true, now, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	_, form := opened(t, link)
	want := url.Values{
		"templateURL":    {"https://doit-aws-ops-prod-templates.s3.amazonaws.com/organization/" + hex.EncodeToString(digest[:]) + ".yaml"},
		"stackName":      {"doit-support-12345"},
		"param_TicketId": {"12345"},
	}
	if got, want := form.Encode(), want.Encode(); got != want {
		t.Errorf("the form has\n%s\nwant\n%s", got, want)
	}
}

func TestALinkThatWouldFailIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		request request
		says    string
	}{
		{"no region", request{ticket: "1"}, "REGION=eu-west-1"},
		{"no such region", request{region: "eu-west-9", ticket: "1"}, `"eu-west-9" is not known`},
		{"a region with a host in it", request{region: "eu-west-1.evil.example", ticket: "1"}, "is not known"},
		{"China", request{region: "cn-north-1", ticket: "1"}, "aws-cn"},
		{"GovCloud", request{region: "us-gov-west-1", ticket: "1"}, "aws-us-gov"},
		{"the European Sovereign Cloud", request{region: "eusc-de-east-1", ticket: "1"}, "aws-eusc"},
		{"a region that is no place", request{region: "aws-global", ticket: "1"}, "is not known"},
		{"no ticket", request{region: "eu-west-1"}, "TICKET=12345"},
		{"a ticket that is more", request{region: "eu-west-1", ticket: "1&param_Access=approved"}, "TicketId"},
		{"a long ticket", request{region: "eu-west-1", ticket: strings.Repeat("1", 33)}, "TicketId"},
		{"an end that has passed", request{region: "eu-west-1", ticket: "1", expires: "2026-11-24T09:00:00Z"}, "has passed"},
		{"an end of no day", request{region: "eu-west-1", ticket: "1", expires: "2027-02-30T00:00:00Z"}, "no UTC time"},
		{"an end in another zone", request{region: "eu-west-1", ticket: "1", expires: "2027-02-28T00:00:00+01:00"}, "no UTC time"},
		{"an end with a fraction", request{region: "eu-west-1", ticket: "1", expires: "2027-02-28T00:00:00.5Z"}, "no UTC time"},
		{"an end beyond the template's", request{region: "eu-west-1", ticket: "1", expires: "2127-02-28T00:00:00Z"}, "AccessExpires"},
		{"a short external ID", request{region: "eu-west-1", ticket: "1", externalID: "shortly"}, "ExternalId"},
		{"a long external ID", request{region: "eu-west-1", ticket: "1", externalID: strings.Repeat("x", 1225)}, "ExternalId"},
		{"an external ID with a line's end", request{region: "eu-west-1", ticket: "1", externalID: "0123456789abcdef\n"}, "ExternalId"},
		{"a stack name", request{region: "eu-west-1", ticket: "1", stack: "1st"}, "stack name"},
		{"a long stack name", request{region: "eu-west-1", ticket: "1", stack: strings.Repeat("s", 129)}, "stack name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			link, err := run(c.request, false, now, io.Discard)
			if err == nil {
				t.Fatalf("made %s", link)
			}
			if id := c.request.externalID; id != "" && strings.Contains(err.Error(), id) {
				t.Errorf("the external ID is printed: %q", err)
			}
			if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("said %q, want one line with %q", err, c.says)
			}
		})
	}
}

// One line in the template's mapping is all that another partition takes.
func TestAPartitionThatTheMappingHas(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("../../template/doitmanagement.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const row = "    aws: {"
	wider, err := template.Parse([]byte(strings.Replace(string(body), row, "    aws-us-gov: { Account: '111122223333', CodeBucket: b }\n"+row, 1)))
	if err != nil {
		t.Fatal(err)
	}
	partition, err := offered("us-gov-west-1", regions.Partitions{"us-gov-west-1": "aws-us-gov"}, wider)
	if err != nil {
		t.Fatal(err)
	}
	link, err := request{region: "us-gov-west-1", ticket: "1"}.link(partition, template.Path, wider, now)
	if err != nil {
		t.Fatal(err)
	}
	if page, _ := opened(t, link); page.Host != "us-gov-west-1.console.amazonaws-us-gov.com" {
		t.Errorf("the link opens %s", page.Host)
	}
}
