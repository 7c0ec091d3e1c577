package endpoint

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/doitintl/aws-ro-access/scripts/internal/browser"
	"github.com/doitintl/aws-ro-access/scripts/internal/npm"
)

// look is what is wrong with the page to somebody who reads it, in one line each.
const look = `(async () => {
	const wrong = [];
	const wide = document.documentElement.scrollWidth;
	if (wide > innerWidth) wrong.push("the page is " + wide + " wide, the window " + innerWidth);
	for (const cell of document.querySelectorAll("td:not(.long):not(:has(details))")) {
		const range = document.createRange();
		range.selectNodeContents(cell.firstChild);
		if (range.getClientRects().length > 1) wrong.push("broken over lines: " + cell.firstChild.textContent);
	}
	for (const cell of document.querySelectorAll("td.long")) {
		if (cell.clientWidth < 200) wrong.push("a role has " + cell.clientWidth + " pixels");
	}
	const part = { include: [["h1"], ["table tr:nth-child(-n+3)"], ["nav"]] }; // all rows are alike
	const { violations, passes } = await axe.run(part, { resultTypes: ["violations"] });
	if (passes.length < 5) wrong.push("axe-core looked at " + passes.length + " rules only");
	violations.forEach(v => wrong.push(v.id + ": " + v.nodes[0].html + " " + v.nodes[0].failureSummary));
	return wrong.slice(0, 5);
})()`

// brightness of the page's background and of its text, from 0 to 255.
const brightness = `["backgroundColor", "color"].map(name => {
	const [red, green, blue] = getComputedStyle(document.body)[name].match(/\d+/g).map(Number);
	return Math.round(0.3 * red + 0.6 * green + 0.1 * blue);
})`

func TestAPersonCanReadTheAdminPage(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{identify: byAccount}, []string{"-verify-role=false"})
	const rows = 3 * shownAtOnce
	var all sync.WaitGroup
	for worker := range 10 {
		all.Go(func() {
			for i := worker; i < rows; i += 10 {
				account := fmt.Sprintf("%012d", 100000000000+i)
				members := map[string]any{"ticketId": fmt.Sprint(i), "accessExpires": "2099-12-31T00:00:00Z"}
				if i%7 == 0 {
					members = map[string]any{"access": "dismissed"}
				}
				r.expect(t, r.ofAccount(account, "Create", members), nil)
			}
		})
	}
	all.Wait()
	modules, err := npm.Install(t.Context(), "scripts")
	if err != nil {
		t.Fatal(err)
	}
	axe, err := os.ReadFile(filepath.Join(modules, "axe-core", "axe.min.js")) // #nosec G304 -- of a pinned package
	if err != nil {
		t.Fatal(err)
	}
	tab, stop, err := browser.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{360, 1400} {
			t.Run(fmt.Sprintf("%s %d", scheme, width), func(t *testing.T) {
				seen := walk(t, tab, r.admin, scheme, width, string(axe))
				if len(seen) != rows {
					t.Errorf("%d accounts are shown, want %d", len(seen), rows)
				}
			})
		}
	}
}

// walk goes through all pages and returns the accounts that they show.
func walk(t *testing.T, tab context.Context, address, scheme string, width int64, axe string) map[string]bool {
	t.Helper()
	_, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(tab, chromedp.EmulateViewport(width, 900), chromedp.Navigate(address+"/")); err != nil {
		t.Fatal(err)
	}
	shades := evaluate[[]int](t, tab, brightness)
	light, dark := shades[0], shades[1]
	if scheme == "dark" {
		light, dark = dark, light
	}
	if light < 192 || dark > 64 {
		t.Errorf("of a %s page the background and the text are as bright as %d", scheme, shades)
	}
	seen := map[string]bool{}
	for page := 1; ; page++ {
		evaluate[any](t, tab, axe+"; undefined")
		for _, wrong := range evaluate[[]string](t, tab, look) {
			t.Errorf("page %d: %s", page, wrong)
		}
		says := fmt.Sprintf("%d in all, %d on this page.", 3*shownAtOnce, shownAtOnce)
		if text := evaluate[string](t, tab, `document.body.innerText`); !strings.Contains(text, says) {
			t.Errorf("page %d does not say %q", page, says)
		}
		for _, account := range evaluate[[]string](t, tab,
			`[...document.querySelectorAll("tbody tr td:first-of-type")].map(cell => cell.firstChild.textContent)`) {
			seen[account] = true
		}
		next := evaluate[string](t, tab, `document.querySelector("a[rel=next]")?.href ?? ""`)
		if next == "" {
			return seen
		}
		if err := chromedp.Do(tab, chromedp.Navigate(next)); err != nil {
			t.Fatal(err)
		}
	}
}

func evaluate[T any](t *testing.T, tab context.Context, script string) T {
	t.Helper()
	got, err := chromedp.Run(tab, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return got
}
