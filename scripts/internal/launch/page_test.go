package launch

import (
	"bytes"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

func committedPage(t *testing.T) []byte {
	t.Helper()
	page, err := ReadPage()
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// What the page opens, checks and offers is what the templates say, and is pinned.
func TestThePageIsPinned(t *testing.T) {
	t.Parallel()
	p, page := published(t), committedPage(t)
	if err := p.CheckPage(page); err != nil {
		t.Fatal(err)
	}
	if len(page) >= 40_000 {
		t.Errorf("the page has %d bytes", len(page))
	}
	zeros := strings.Repeat("0", 64)
	for name, change := range map[string]struct{ of, to string }{
		"another template":     {of: template.Digest(p.Account.Body), to: zeros},
		"another organization": {of: template.Digest(p.Organization.Body), to: zeros},
		"another pattern":      {of: "{0,32}", to: "{0,33}"},
		"other words":          {of: "must be empty, or the 12", to: "must be the 12"},
		"another account":      {of: "462932234033", to: "462932234034"},
		"a region more":        {of: `<option value="eu-`, to: `<option value="eu-west-9">x<option value="eu-`},
		"another console":      {of: `data-console="console.`, to: `data-console="evil.`},
		"another script":       {of: "\npreset();\n", to: "\npreset(); \n"},
		"another style":        {of: ":root {", to: ":root  {"},
	} {
		body := bytes.Replace(page, []byte(change.of), []byte(change.to), 1)
		if bytes.Equal(body, page) {
			t.Errorf("%s: the page has no such place", name)
		}
		if err := p.CheckPage(body); err == nil {
			t.Errorf("%s: the check finds nothing", name)
		}
		back, err := p.PinPage(body)
		scriptsMayDiffer := strings.HasSuffix(name, "script") || strings.HasSuffix(name, "style")
		if err != nil || !scriptsMayDiffer && !bytes.Equal(back, page) {
			t.Errorf("%s: it is not pinned back (%v)", name, err)
		}
	}
	for name, body := range map[string][]byte{
		"no template": bytes.Replace(page, []byte(`id="template"`), nil, 1),
		"two regions": append(slices.Clone(page), `<select id="region" data-console=""></select>`...),
		"no script":   bytes.Replace(page, []byte("</script>"), nil, 1),
		"too large":   append(slices.Clone(page), bytes.Repeat([]byte(" "), 40_000)...),
		"nothing":     nil,
	} {
		if _, err := p.PinPage(body); err == nil {
			t.Errorf("%s: it was pinned", name)
		}
	}
}

// The page says the same words of a wrong value as CloudFormation and make link.
func TestThePageHasTheTemplatesRules(t *testing.T) {
	t.Parallel()
	p, page := published(t), committedPage(t)
	field := regexp.MustCompile(`data-parameter="(\w+)"\s+data-pattern="([^"]*)"\s+data-must="([^"]*)"`)
	rules := field.FindAllSubmatch(page, -1)
	if len(rules) != 3 {
		t.Errorf("the page has %d fields with rules, want 3", len(rules))
	}
	for _, rule := range rules {
		name := string(rule[1])
		want := p.Account.Parameters[name]
		if pattern := html.UnescapeString(string(rule[2])); pattern == "" || pattern != want.AllowedPattern {
			t.Errorf("the page checks %s with %s, CloudFormation with %s", name, pattern, want.AllowedPattern)
		}
		if must := html.UnescapeString(string(rule[3])); must == "" || must != want.ConstraintDescription {
			t.Errorf("the page says %q of %s, CloudFormation %q", must, name, want.ConstraintDescription)
		}
		if want.MaxLength != 0 || want.AllowedValues != nil {
			t.Errorf("%s has a rule that the page does not know", name)
		}
		if organization := p.Organization.Parameters[name]; organization.AllowedPattern != want.AllowedPattern {
			t.Errorf("%s differs in the organization's template: %s", name, organization.AllowedPattern)
		}
	}
}

// Without scripts, a region's link is what make link prints for nothing but the region.
func TestThePageOffersTheRegionsThatCanBeLaunched(t *testing.T) {
	t.Parallel()
	p, page := published(t), committedPage(t)
	options := regexp.MustCompile(`<option value="([a-z]+-[a-z]+-[0-9])">([^\n]*)\n`).FindAllSubmatch(page, -1)
	links := regexp.MustCompile(`<li><a href="([^"]*)">([^<]*)</a>\n`).FindAllSubmatch(page, -1)
	if len(options) < 30 || len(options) != len(links) {
		t.Fatalf("the page offers %d regions with scripts and %d without", len(options), len(links))
	}
	for n, option := range options {
		region := string(option[1])
		if want := region + ", " + p.Places[region]; string(option[2]) != want || p.Places[region] == "" {
			t.Errorf("region %s is offered as %s, want %s", region, option[2], want)
		}
		l, err := p.Launch(Request{Region: region, Ticket: NoTicket, Expires: NoExpiry}, now)
		if err != nil {
			t.Errorf("the page offers a region that make link refuses: %v", err)
			continue
		}
		if link := html.UnescapeString(string(links[n][1])); link != l.Console() || string(links[n][2]) != region {
			t.Errorf("without scripts %s opens\n%s\nwant\n%s", links[n][2], link, l.Console())
		}
	}
	offered := 0
	for region := range p.Regions {
		if _, err := p.Launch(Request{Region: region, Ticket: NoTicket}, now); err == nil {
			offered++
		}
	}
	if offered != len(options) {
		t.Errorf("make link takes %d regions, the page offers %d", offered, len(options))
	}
}
