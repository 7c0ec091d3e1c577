package launch

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// ReadPage reads the page of the repository.
func ReadPage() ([]byte, error) {
	root, err := repo.Root()
	if err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(root, template.LaunchPath)) // #nosec G304 -- the repository's own file
}

// partition is the one whose regions the page offers.
const partition = "aws"

// PinPage returns the page with what it takes over: the templates' addresses
// under their digests, the rules of their parameters, DoiT's account, the
// regions, and the digests of its own script and style for its
// Content-Security-Policy.
func (p Published) PinPage(page []byte) ([]byte, error) {
	for other := range p.Account.DoiT {
		if other != partition {
			return nil, fmt.Errorf("%s offers the regions of %s alone, and the template's mapping DoiT has %s too: "+
				"give its regions and its console a place on the page", template.LaunchPath, partition, other)
		}
	}
	account := template.URL(template.Path, p.Account.Body)
	pins := []pin{
		{`(<main id="launch"\s+data-template=")[^"]*`, account},
		{`(\sdata-organization=")[^"]*`, template.URL(template.OrganizationPath, p.Organization.Body)},
		{`(<a id="template" href=")[^"]*`, account},
		{`(<code id="digest">)[^<]*`, template.Digest(p.Account.Body)},
		{`(<b id="doit">)[^<]*`, p.Account.DoiT[partition].Account},
		{`(<select id="region" data-console=")[^"]*`, consoles[partition]},
		{`(<select id="region"[^>]*>)(?s:.*?)</select>`, p.options() + "</select>"},
		{`(<ul id="plain">)(?s:.*?)</ul>`, p.plain() + "</ul>"},
	}
	for _, name := range []string{"TicketId", "AccountId", "AccessExpires"} {
		rules, field := p.Account.Parameters[name], `(\sdata-parameter="`+name+`"\s+data-pattern="`
		pins = append(pins,
			pin{field + `)[^"]*`, html.EscapeString(rules.AllowedPattern)},
			pin{field + `[^"]*"\s+data-must=")[^"]*`, html.EscapeString(rules.ConstraintDescription)})
	}
	for _, pin := range pins {
		var err error
		if page, err = pin.write(page); err != nil {
			return nil, err
		}
	}
	for _, element := range []string{"script", "style"} {
		inside := regexp.MustCompile(`(?s)<` + element + `>(.*?)</` + element + `>`).FindSubmatch(page)
		if inside == nil {
			return nil, fmt.Errorf("%s has no %s of its own", template.LaunchPath, element)
		}
		sum := sha256.Sum256(inside[1])
		var err error
		digest := pin{`(; ` + element + `-src 'sha256-)[^']*`, base64.StdEncoding.EncodeToString(sum[:])}
		if page, err = digest.write(page); err != nil {
			return nil, err
		}
	}
	if n := len(page); n > 40_000 {
		return nil, fmt.Errorf("%s has %d bytes, more than 40,000", template.LaunchPath, n)
	}
	return page, nil
}

// Check fails unless the templates and the page name exactly this zip and each other.
func (p Published) Check(built template.Pin, page []byte) error {
	if p.Account.Pin != built {
		return fmt.Errorf("%s names %+v, the build gives %+v: run make build and commit the template",
			template.Path, p.Account.Pin, built)
	}
	if err := template.CheckOrganization(p.Organization.Body, p.Account.Body); err != nil {
		return err
	}
	return p.CheckPage(page)
}

// CheckPage fails unless the page opens exactly these templates.
func (p Published) CheckPage(page []byte) error {
	pinned, err := p.PinPage(page)
	if err == nil && !bytes.Equal(pinned, page) {
		err = errors.New(template.LaunchPath + " does not open the templates as they stand: run make build, commit all")
	}
	return err
}

// pin is a place in the page, which ends where its group does, and what stands there.
type pin struct{ before, text string }

func (p pin) write(page []byte) ([]byte, error) {
	place := regexp.MustCompile(p.before)
	if n := len(place.FindAll(page, -1)); n != 1 {
		return nil, fmt.Errorf("%s has %d places like %s, not 1", template.LaunchPath, n, p.before)
	}
	return place.ReplaceAll(page, []byte("${1}"+strings.ReplaceAll(p.text, "$", "$$"))), nil
}

// options are the regions to choose from. (HTML needs no end tags here.)
func (p Published) options() string {
	var b strings.Builder
	b.WriteString("\n<option value=\"\">Choose one\n")
	for _, region := range p.Regions.Offered(partition) {
		fmt.Fprintf(&b, "<option value=\"%s\">%s, %s\n", region, region, html.EscapeString(p.Places[region]))
	}
	return b.String()
}

// plain are the links of the page without scripts: the form opens with the
// template's defaults.
func (p Published) plain() string {
	var b strings.Builder
	b.WriteString("\n")
	for _, region := range p.Regions.Offered(partition) {
		l := Launch{
			Region:      region,
			Partition:   partition,
			Stack:       "doit-support",
			TemplateURL: template.URL(template.Path, p.Account.Body),
		}
		fmt.Fprintf(&b, "<li><a href=\"%s\">%s</a>\n", html.EscapeString(l.Console()), region)
	}
	return b.String()
}
