package launch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/doitintl/aws-ro-access/scripts/internal/browser"
	"github.com/doitintl/aws-ro-access/scripts/internal/npm"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// chromium is one browser for all tests; each has tabs of its own.
var chromium = sync.OnceValues(func() (tab context.Context, err error) {
	tab, stopChromium, err = browser.Start(context.Background())
	return tab, err
})

var stopChromium func()

func TestMain(m *testing.M) {
	status := m.Run()
	if stopChromium != nil {
		stopChromium()
	}
	os.Exit(status)
}

// tab is the committed page in a real browser, at the time now.
type tab struct {
	*testing.T
	ctx     context.Context
	address string

	mu         sync.Mutex
	asked      []string // for what, over any network
	complaints []string // of the console: errors, violations of the page's policy
}

// open opens the page with a fragment. What is true of it whatever it is asked
// is seen at the end: it asked for nothing, and nothing went wrong.
func open(t *testing.T, fragment string, before ...func(*tab)) *tab {
	t.Helper()
	first, err := chromium()
	if err != nil {
		t.Fatal(err)
	}
	body := committedPage(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.String() != "/launch.html" {
			t.Errorf("the server is asked for %s %s", r.Method, r.URL)
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(body) // the browser would miss it
	}))
	t.Cleanup(server.Close)
	p := &tab{T: t, address: server.URL + "/launch.html"}
	var closeTab context.CancelFunc
	p.ctx, closeTab = chromedp.NewContext(first, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.hear))
	t.Cleanup(closeTab)
	t.Cleanup(p.wantPeace)
	p.do() // the tab is there from the first action on
	command(p, network.Enable, network.EnableParams{})
	command(p, cdplog.Enable, cdp.Empty{})
	// A day ahead of UTC, where the page is looked at.
	command(p, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Pacific/Kiritimati"})
	if err := browser.SetClock(p.ctx, now); err != nil {
		t.Fatal(err)
	}
	for _, prepare := range before {
		prepare(p)
	}
	p.do(chromedp.Navigate(p.address + fragment))
	return p
}

// command speaks to the browser itself.
func command[P, R any](p *tab, c cdp.Command[P, R], params P) {
	p.Helper()
	if _, err := chromedp.Call(p.ctx, c, params); err != nil {
		p.Fatal(err)
	}
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.Fatal(err)
	}
}

func (p *tab) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		p.asked = append(p.asked, event.Request.URL)
	case *cdplog.EventEntryAdded:
		p.complaints = append(p.complaints, event.Entry.Text+" "+event.Entry.URL)
	case *runtime.EventConsoleAPICalled:
		p.complaints = append(p.complaints, fmt.Sprintf("console.%s", event.Type))
	case *runtime.EventExceptionThrown:
		p.complaints = append(p.complaints, event.ExceptionDetails.Text)
	}
}

func (p *tab) wantPeace() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, url := range p.asked {
		if url != p.address && !strings.HasPrefix(url, "data:") { // the browser's own calendar has a picture
			p.Errorf("the page asked for %s", url)
		}
	}
	if len(p.asked) == 0 {
		p.Error("no request was seen, not even that for the page")
	}
	for _, complaint := range p.complaints {
		p.Errorf("the console says: %s", complaint)
	}
}

// opens hears of a tab that this one opens, and not of those of other tests.
func (p *tab) opens() <-chan target.ID {
	own := chromedp.FromContext(p.ctx).Target.TargetID
	return chromedp.WaitNewTarget(p.ctx, func(info *target.Info) bool { return info.OpenerID == own && info.URL != "" })
}

// eval runs a script in the page, whatever the page's own policy is, and waits for it.
func eval[T any](p *tab, script string) T {
	p.Helper()
	got, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatalf("%s: %v", script, err)
	}
	return got
}

// state is what the page shows.
type state struct {
	Open                 *string // where the button leads, byte for byte; nothing where it leads nowhere
	CLI, Terraform       string
	Problem, Missing     string
	Account, Until, Told string
	Template, Digest     string
	Words                string // all that can be seen, on one line
}

func (p *tab) state() state {
	p.Helper()
	return eval[state](p, `(() => {
		const at = id => document.getElementById(id), text = id => at(id).textContent;
		return {
			Open: at("open").getAttribute("href"), CLI: text("cli"), Terraform: text("terraform"),
			Problem: at("problem").innerText, Missing: text("missing"), Account: text("account-named"),
			Until: text("until"), Told: at("told").hidden ? "" : text("told"), Template: at("template").href,
			Digest: text("digest"), Words: document.body.innerText.replace(/\s+/g, " "),
		};
	})()`)
}

// turn changes the fragment of a page that is open.
func (p *tab) turn(fragment string) state {
	p.Helper()
	eval[any](p, `new Promise(turned => {
		const want = new URL(`+quote(fragment)+`, location.href).hash;
		if (location.hash === want) return turned();
		addEventListener("hashchange", () => turned(), { once: true });
		location.hash = want;
	})`)
	return p.state()
}

// fill puts a value into a field, as somebody does who then leaves it.
func (p *tab) fill(field, value string) state {
	p.Helper()
	eval[any](p, `(() => {
		const field = document.getElementById(`+quote(field)+`);
		if (field.type === "checkbox") field.checked = !field.checked;
		else field.value = `+quote(value)+`;
		for (const event of ["input", "change"]) field.dispatchEvent(new Event(event, { bubbles: true }));
	})()`)
	return p.state()
}

func quote(text string) string {
	literal, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string
	}
	return string(literal)
}

// wantLaunch fails unless the page shows the launch that make link prints.
func (p *tab) wantLaunch(what string, got state, l Launch) {
	p.Helper()
	if got.Problem != "" || got.Missing != "" || got.Open == nil {
		p.Errorf("%s: the page opens nothing: %q, %q", what, got.Problem, got.Missing)
		return
	}
	if *got.Open != l.Console() {
		p.Errorf("%s: the page opens\n%s\nwant\n%s", what, *got.Open, l.Console())
	}
	if got.CLI != l.CLI() {
		p.Errorf("%s: the page's commands are\n%s\nwant\n%s", what, got.CLI, l.CLI())
	}
	terraform, err := l.Terraform()
	if err != nil {
		terraform = "" // of an organization
	}
	if got.Terraform != terraform {
		p.Errorf("%s: the page's resource is\n%s\nwant\n%s", what, got.Terraform, terraform)
	}
	if got.Template != l.TemplateURL || !strings.HasSuffix(l.TemplateURL, "/"+got.Digest+".yaml") {
		p.Errorf("%s: the page shows %s, digest %s, and launches %s", what, got.Template, got.Digest, l.TemplateURL)
	}
}

// wantNothing fails if the page opens anything.
func (p *tab) wantNothing(what string, got state) {
	p.Helper()
	if got.Open != nil || got.CLI != "" || got.Terraform != "" {
		p.Errorf("%s: the page opens %v\n%s\n%s", what, got.Open, got.CLI, got.Terraform)
	}
}

func TestThePageMakesTheLaunchThatMakeLinkPrints(t *testing.T) {
	t.Parallel()
	p, committed := published(t), committedPage(t)
	var requests []Request
	for _, region := range p.Regions.Offered("aws") {
		requests = append(requests, usual(func(r *Request) { r.Region = region }))
	}
	for _, ticket := range []string{"none", "1", "A-b-3", "-", "1-", "date", strings.Repeat("9", 32)} {
		requests = append(requests, usual(func(r *Request) { r.Ticket = ticket }))
	}
	for _, end := range []string{
		"7", "30", "90", "never", "2026-11-24", "2027-02-28", "2028-02-29",
		"2098-12-31T00:00:00Z", "2026-11-24T23:00:01Z",
	} {
		requests = append(requests, usual(func(r *Request) { r.Expires = end }))
	}
	requests = append(requests,
		usual(func(r *Request) { r.Account = "000011112222" }),
		usual(func(r *Request) { r.Stack = "Support-2" }),
		usual(func(r *Request) { r.Stack = strings.Repeat("s", 128) }),
		usual(func(r *Request) { r.Notices = true }),
		usual(func(r *Request) { r.Organization = true }),
		Request{
			Region: "us-east-1", Ticket: "A-1", Account: "111122223333", Expires: "2027-01-31", Stack: "S",
			Notices: true, Organization: true,
		},
		Request{Region: "us-east-1", Ticket: "none", Expires: "never"},
	)
	tab := open(t, "")
	for _, r := range requests {
		l, err := p.Launch(r, now)
		if err != nil {
			t.Fatal(err)
		}
		address, err := p.Page(committed, r, now)
		if err != nil {
			t.Fatal(err)
		}
		_, fragment, _ := strings.Cut(address, "#")
		tab.wantLaunch(fragment, tab.turn("#"+fragment), l)
	}
	// The same from the first load on.
	l, err := p.Launch(requests[0], now)
	if err != nil {
		t.Fatal(err)
	}
	fresh := open(t, "#ticket=12345&region="+requests[0].Region)
	fresh.wantLaunch("the first load", fresh.state(), l)
}

// Whatever make link refuses, the page refuses too, and names the member.
func TestThePageRefusesWhatMakeLinkRefuses(t *testing.T) {
	t.Parallel()
	tab := open(t, "")
	for _, c := range wrong {
		if c.member == "external-id" {
			continue // which the page does not take
		}
		fragment := "#" + c.member + "=" + url.QueryEscape(c.value)
		for member, value := range map[string]string{"ticket": "12345", "region": "eu-west-1"} {
			if member != c.member {
				fragment += "&" + member + "=" + value
			}
		}
		got := tab.turn(fragment)
		tab.wantNothing(fragment, got)
		if !strings.HasPrefix(got.Problem, c.member+" ") {
			t.Errorf("%s: the page says %q, want %s named", fragment, got.Problem, c.member)
		}
	}
}

func TestAnOddLinkIsNamedAndOpensNothing(t *testing.T) {
	t.Parallel()
	const usual = "#ticket=12345&region=eu-west-1&"
	tab := open(t, "")
	for fragment, says := range map[string]string{
		usual + "stack=<img src=x onerror=alert(1)>":             "stack “?img src?x onerror?alert?1??”",
		usual + "<script>alert(1)</script>=1":                    "The link sets “?3Cscript?3Ealert?1??3C?script?3E”",
		"#region=eu-west-1&ticket=</input><svg onload=alert(1)>": "ticket “??input??svg onload?alert?1??”",
		usual + "stack=" + strings.Repeat("s", 10_000):           "stack “" + strings.Repeat("s", 40) + "…”",
		usual + strings.Repeat("n", 10_000) + "=1":               "“" + strings.Repeat("n", 40) + "…”",
		usual + "endpoint=https://evil.example":                  "The link sets “endpoint”",
		usual + "param_Access=dismissed":                         "The link sets “param_Access”",
		usual + "external-id=0123456789abcdef":                   "The link sets “external-id”",
		usual + "__proto__=1":                                    "The link sets “__proto__”",
		usual + "constructor=1":                                  "The link sets “constructor”",
		"#Ticket=12345&region=eu-west-1":                         "The link sets “Ticket”",
		usual + "ticket=12345":                                   "The link sets ticket twice",
		usual + "expires=date":                                   "expires “date”",
		"#region=eu-west-1&ticket=123%0A45":                      "ticket “123?45”", // a field would join the lines
		usual + "expires=2098-12-31%0D":                          "expires “2098-12-31?”",
		usual + "account=1111%0A22223333":                        "account “1111?22223333”",
		usual + "organization=1%00":                              "organization “1?” must be 1",
		usual + "account=%":                                      "account is not written as an address is",
		usual + "account=%C3":                                    "account is not written as an address is",
		usual + "%":                                              "The link sets “?”",
		"#ticket=12345&region=cn-north-1":                        "region “cn-north-1” is not offered",
		"#ticket=12345&region=evil.example%2F":                   "region “evil.example?” is not offered",
		usual + "expires=2026-01-31":                             "expires 2026-01-31T23:59:59Z has passed",
		"#ticket=Ж１２&region=eu-west-1":                           "ticket “???”",
		"#ticket=%E2%80%AE12&region=eu-west-1":                   "ticket “?12”", // would turn the line
		usual + "organization=yes":                               "organization “yes” must be 1",
		usual + "notices=0":                                      "notices “0” must be 1",
	} {
		got := tab.turn(fragment)
		if len(fragment) > 80 {
			fragment = fragment[:80]
		}
		tab.wantNothing(fragment, got)
		if !strings.Contains(got.Problem, says) || len(got.Problem) > 400 {
			t.Errorf("%s: the page says %q, want %q and little more", fragment, got.Problem, says)
		}
	}
	fresh := open(t, usual+"stack=<img src=x onerror=alert(1)>&evil=1")
	fresh.wantNothing("the first load", fresh.state())
}

// What a link says wrongly is mended in the form, or left out altogether.
func TestAWrongLinkIsMended(t *testing.T) {
	t.Parallel()
	p := published(t)
	tab := open(t, "#ticket=1+2&region=cn-north-1&expires=2026-01-31&account=1&stack=1")
	want := Request{Region: "eu-west-2", Ticket: "12", Expires: "90", Account: account, Stack: "S"}
	l, err := p.Launch(want, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []struct{ name, value string }{
		{name: "ticket", value: " 12 "},
		{name: "region", value: "eu-west-2"},
		{name: "expires", value: "90"},
		{name: "account", value: "1111-2222-3333"},
	} {
		got := tab.fill(field.name, field.value)
		tab.wantNothing("before "+field.name+" all was wrong", got)
		if strings.Contains(got.Problem, field.name+" ") {
			t.Errorf("%s is mended, and the page says %q", field.name, got.Problem)
		}
	}
	tab.wantLaunch("mended", tab.fill("stack", "S"), l)

	tab.wantNothing("a name of another's", tab.turn("#ticket=12&region=eu-west-2&evil=1"))
	eval[any](tab, `document.querySelector("#problem a").click()`)
	if got := tab.state(); got.Problem != "" || got.Missing == "" {
		t.Errorf("without what the link sets the page says %q, %q", got.Problem, got.Missing)
	}
}

func TestThePageAsksForWhatIsMissing(t *testing.T) {
	t.Parallel()
	p := published(t)
	tab := open(t, "")
	got := tab.state()
	tab.wantNothing("nothing is given", got)
	if got.Problem != "" || !strings.Contains(got.Missing, "the number of your support request, a region") {
		t.Errorf("nothing is given, and the page says %q, %q", got.Problem, got.Missing)
	}
	tab.wantNothing("no region", tab.fill("ticket", "12345"))
	l, err := p.Launch(Request{Region: "sa-east-1", Ticket: "12345"}, now)
	if err != nil {
		t.Fatal(err)
	}
	got = tab.fill("region", "sa-east-1")
	tab.wantLaunch("filled in", got, l)
	if want := "Thursday, 24 December 2026, 23:59:59 UTC"; got.Until != want {
		t.Errorf("the page shows the end %s, want %s", got.Until, want)
	}
	if got.Account != "The account that you are signed in to" || got.Told != "" {
		t.Errorf("beside the button stands %q, and who is told %q", got.Account, got.Told)
	}
	if got = tab.fill("account", "1111 2222 3333"); got.Account != "Account 111122223333" {
		t.Errorf("beside the button stands %q", got.Account)
	}
	if got = tab.fill("notices", "on"); got.Told == "" {
		t.Error("that a topic is told is not said")
	}
	tab.wantNothing("no such day", tab.fill("expires", "2027-02-30"))
	got = tab.fill("expires", "2027-01-31")
	if got.Until != "Sunday, 31 January 2027, 23:59:59 UTC" || got.Open == nil {
		t.Errorf("with a day the page shows the end %s, and opens %v", got.Until, got.Open)
	}
	if got = tab.fill("expires", "never"); got.Until != "you end it" || got.Open == nil {
		t.Errorf("without an end the page shows the end %s, and opens %v", got.Until, got.Open)
	}
}

// Whatever the form says changes what the page says of the launch.
func TestTheWordsFollowTheForm(t *testing.T) {
	t.Parallel()
	const (
		anyAccount = "With its number above, AWS refuses"
		oneAccount = "AWS refuses the launch in any other account, before anything is created."
		ticket     = "management calls, under the number of your request."
		end        = "Then nobody comes in any more"
	)
	tab := open(t, "")
	for fragment, says := range map[string]map[string]bool{
		"#ticket=1&region=eu-west-1": {anyAccount: true, oneAccount: false, ticket: true, end: true},
		"#ticket=1&region=eu-west-1&account=" + account: {
			anyAccount: false, oneAccount: true, "the sign-in to account " + account + ".": true,
		},
		"#ticket=none&region=eu-west-1":              {ticket: false, "its management calls.": true},
		"#ticket=1&region=eu-west-1&expires=never":   {end: false, "Until you end it.": true},
		"#ticket=1&region=eu-west-1&expires=2020-01": {"a time that is not right yet": true},
	} {
		got := tab.turn(fragment)
		for words, want := range says {
			if strings.Contains(got.Words, words) != want {
				t.Errorf("%s: that the page says %q is %t:\n%s", fragment, words, !want, got.Words)
			}
		}
	}
	if rel := eval[string](tab, `document.getElementById("open").rel`); rel != "noopener noreferrer" {
		t.Errorf("what the button opens is tied to the page: %q", rel)
	}
}

// An end is written as EXPIRES of make link is, or chosen by a button.
func TestTheEndIsWhatStandsInItsField(t *testing.T) {
	t.Parallel()
	p := published(t)
	tab := open(t, "#ticket=12345&region=eu-west-1")
	for _, end := range []string{
		"7", "never", "2026-12-31", "90", "2026-12-31T00:00:00Z", "", "2026-11-24T23:00:01Z", "30",
	} {
		l, err := p.Launch(with("expires", end), now)
		if err != nil {
			t.Fatal(err)
		}
		tab.wantLaunch("written: "+end, tab.fill("expires", end), l)
		if press := eval[bool](tab, `(() => {
			const button = document.querySelector("[data-end='`+end+`']");
			if (button === null) return false;
			document.getElementById("expires").value = "1";
			button.click();
			return true;
		})()`); press {
			tab.wantLaunch("chosen: "+end, tab.state(), l)
		}
	}
	tab.fill("expires", "31")
	tab.wantNothing("an end of no known kind", tab.state())
	if got := tab.state(); !strings.HasPrefix(got.Problem, "expires “31” is no day") {
		t.Errorf("the page says %q", got.Problem)
	}
}

// A browser that loads a page again may put back what stood in its fields, and tells of it by pageshow alone.
func TestWhatABrowserPutsBackIsWhatIsOpened(t *testing.T) {
	t.Parallel()
	p := published(t)
	tab := open(t, "#ticket=12345&region=eu-west-1")
	eval[any](tab, `(() => {
		document.getElementById("region").value = "sa-east-1";
		document.getElementById("notices").checked = true;
		dispatchEvent(new PageTransitionEvent("pageshow"));
	})()`)
	r := Request{Region: "sa-east-1", Ticket: "12345", Notices: true}
	l, err := p.Launch(r, now)
	if err != nil {
		t.Fatal(err)
	}
	tab.wantLaunch("put back", tab.state(), l)
}

// A launch for an organization is said to be one wherever the page speaks of accounts.
func TestAnOrganizationIsToldThatItIsOne(t *testing.T) {
	t.Parallel()
	tab := open(t, "#ticket=12345&region=eu-west-1")
	alone := []string{"your AWS account\n", "tick one box.", "the account that DoiT is to read"}
	many := []string{
		"your AWS accounts\n", "tick two boxes.", "In which accounts", "the management account unless you exclude it",
		"the management (or a delegated administrator’s) account", "OrganizationalUnits", "FailedAccounts",
	}
	says := func(what string, want, unwanted []string) {
		t.Helper()
		visible := eval[string](tab, `document.body.innerText`)
		for _, words := range want {
			if !strings.Contains(strings.Join(strings.Fields(visible), " "), strings.TrimSpace(words)) {
				t.Errorf("%s: the page does not say %q:\n%s", what, words, visible)
			}
		}
		for _, words := range unwanted {
			if strings.Contains(visible, words) {
				t.Errorf("%s: the page says %q", what, words)
			}
		}
	}
	says("one account", alone, many)
	tab.fill("organization", "on")
	says("an organization", many, alone)
	tab.fill("organization", "on")
	says("one account again", alone, many)
}

// The page was opened before the end, and the button is pressed after it.
func TestAnEndThatPassesWhileThePageIsOpen(t *testing.T) {
	t.Parallel()
	tab := open(t, "#ticket=12345&region=eu-west-1&expires=2026-11-24")
	if tab.state().Open == nil {
		t.Fatal("the page opens nothing")
	}
	opened := tab.opens()
	eval[any](tab, `Date.now = () => Date.parse("2026-11-25T00:00:00Z"); document.getElementById("open").click()`)
	got := tab.state()
	tab.wantNothing("an end that has passed", got)
	if !strings.Contains(got.Missing, "expires") && !strings.Contains(got.Problem, "has passed") {
		t.Errorf("the page says %q, %q", got.Problem, got.Missing)
	}
	tab.state() // by now the browser has heard of the click
	middle := open(t, "#ticket=12345&region=eu-west-1&expires=2026-11-24")
	eval[any](middle, `Date.now = () => Date.parse("2026-11-25T00:00:00Z");
		document.getElementById("open").dispatchEvent(new MouseEvent("auxclick", { button: 1 }))`)
	middle.wantNothing("an end that has passed, and the middle button", middle.state())
	select {
	case <-opened:
		t.Error("a tab was opened")
	default:
	}
}

// All of it by keyboard: the fields come in reading order, and Enter opens AWS.
func TestTheKeyboardIsEnough(t *testing.T) {
	t.Parallel()
	p := published(t)
	tab := open(t, "")
	const focused = `document.activeElement.id || document.activeElement.tagName`
	var path []string
	press := func(keys string) { tab.do(chromedp.KeyEvent(keys)) }
	for _, step := range []struct{ id, keys string }{
		{"ticket", "12345"},
		{"account", "1111-2222-3333"},
		{"region", "eu-west-2"},
		{"expires", "2027-01-31"}, // in place of what stands there
	} {
		press("\t")
		if path = append(path, eval[string](tab, focused)); path[len(path)-1] != step.id {
			t.Fatalf("the tabulator leads over %v, want %s next", path, step.id)
		}
		press(step.keys)
	}
	for range 12 {
		press("\t")
		if eval[string](tab, focused) == "open" {
			break
		}
	}
	if at := eval[string](tab, focused); at != "open" {
		t.Fatalf("the tabulator leads to %s, and never to the button: %+v", at, tab.state())
	}
	want := Request{Region: "eu-west-2", Ticket: "12345", Account: account, Expires: "2027-01-31"}
	l, err := p.Launch(want, now)
	if err != nil {
		t.Fatal(err)
	}
	tab.wantLaunch("typed", tab.state(), l)
	opened := tab.opens()
	press("\r")
	var id target.ID
	select {
	case id = <-opened:
	case <-time.After(time.Minute):
		t.Fatal("Enter opens no tab")
	}
	targets, err := chromedp.Targets(tab.ctx)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(targets, func(info *target.Info) bool { return info.TargetID == id })
	if at < 0 || targets[at].URL != l.Console() && !strings.HasPrefix(targets[at].URL, "chrome-error://") {
		t.Errorf("Enter opens %v", targets)
	}
}

func TestTheCommandsAreCopied(t *testing.T) {
	t.Parallel()
	tab := open(t, "#ticket=12345&region=eu-west-1")
	eval[any](tab, `Object.defineProperty(navigator, "clipboard", { value: {
		writeText: async text => { globalThis.copied = text; },
	} })`)
	for _, form := range []string{"cli", "terraform"} {
		eval[any](tab, `document.querySelector("[data-copy=`+form+`]").click()`)
		copied := eval[string](tab, `copied`)
		want := eval[string](tab, `document.getElementById(`+quote(form)+`).textContent`)
		if copied != want || want == "" {
			t.Errorf("copied is %q, want %q", copied, want)
		}
	}
	// Where the browser keeps the clipboard to itself, the text is selected.
	eval[any](tab, `navigator.clipboard.writeText = async () => { throw new Error("refused"); }`)
	eval[any](tab, `document.querySelector("[data-copy=cli]").click()`)
	if selected := eval[string](tab, `String(getSelection())`); selected != tab.state().CLI {
		t.Errorf("selected is %q", selected)
	}
}

func TestThePageIsOfUseWithoutScripts(t *testing.T) {
	t.Parallel()
	p := published(t)
	tab := open(t, "#ticket=12345&region=eu-west-1", func(p *tab) {
		command(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	})
	visible := eval[string](tab, `document.body.innerText`)
	for _, want := range []string{
		"Scripts are off", "DoiT can never", "AccessExpires", "The stack is there already?", "eu-west-1\n",
	} {
		if !strings.Contains(visible, want) {
			t.Errorf("the page does not show %q:\n%s", want, visible)
		}
	}
	if strings.Contains(visible, "Your launch") || strings.Contains(visible, "same launch from a terminal") {
		t.Errorf("the page shows a form that does nothing:\n%s", visible)
	}
	links := eval[[]string](tab, `[...document.querySelectorAll("#plain a")].map(link => link.getAttribute("href"))`)
	for n, region := range p.Regions.Offered("aws") {
		l, err := p.Launch(Request{Region: region, Ticket: NoTicket, Expires: NoExpiry}, now)
		if err != nil {
			t.Fatal(err)
		}
		if n >= len(links) || links[n] != l.Console() {
			t.Errorf("without scripts %s does not open %s", region, l.Console())
		}
	}
	if read := eval[string](tab, `document.getElementById("template").href`); read != address(t, template.Path) {
		t.Errorf("the template to read is %s", read)
	}
}

// findings are what axe-core says of the page, in which it has been put.
const findings = `axe.run(document, { resultTypes: ["violations"] }).then(({ violations, passes }) => {
	if (passes.length < 10) return ["only " + passes.length + " rules were looked at"];
	return violations.flatMap(({ id, nodes }) => nodes.map(node => id + ": " + node.html + " " + node.failureSummary));
})`

// axe-core knows the rules of accessible pages that a program can check.
func TestAxeFindsNothing(t *testing.T) {
	t.Parallel()
	modules, err := npm.Install(t.Context(), "scripts")
	if err != nil {
		t.Fatal(err)
	}
	axe, err := os.ReadFile(filepath.Join(modules, "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	fragments := map[string]string{
		"empty":        "",
		"preset":       "#ticket=12345&account=111122223333&region=eu-west-1",
		"wrong":        "#ticket=1+2&region=cn-north-1&expires=2020-01-01&evil=1&stack=1",
		"organization": "#ticket=12345&region=eu-west-1&organization=1&notices=1&expires=never",
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{360, 1400} {
			t.Run(fmt.Sprintf("%s %d", scheme, width), func(t *testing.T) {
				t.Parallel()
				tab := open(t, "", func(p *tab) { p.do(chromedp.EmulateViewport(width, 900)) })
				command(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
					Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
				})
				ground := eval[string](tab, `getComputedStyle(document.body).backgroundColor`)
				if dark := ground == "rgb(17, 21, 27)"; dark != (scheme == "dark") {
					t.Fatalf("the ground is %s", ground)
				}
				eval[any](tab, string(axe)+"; undefined")
				for name, fragment := range fragments {
					tab.turn(fragment)
					for _, finding := range eval[[]string](tab, findings) {
						t.Errorf("%s: %s", name, finding)
					}
					if wide := eval[int64](tab, `document.documentElement.scrollWidth`); wide > width {
						t.Errorf("%s: the page is %d wide", name, wide)
					}
				}
			})
		}
	}
}
