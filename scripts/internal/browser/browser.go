// Package browser drives a real Chromium, without a window and without a
// network: whatever a page asks for beyond this machine is not found.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// ErrMissing says how to come by a browser.
var ErrMissing = errors.New("no Chromium was found, in which the page is looked at " +
	"(Debian and Ubuntu: apt install chromium)")

// Start starts a browser, which ends when stop is called or ctx ends. Tabs of
// it are made by chromedp.NewContext.
func Start(ctx context.Context) (tab context.Context, stop func(), err error) {
	program, err := find()
	if err != nil {
		return nil, nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("lang", "en-US"),
	)
	if os.Geteuid() == 0 { // for whom Chromium's sandbox does not start
		options = append(options, chromedp.NoSandbox)
	}
	started, end := chromedp.NewExecAllocator(ctx, options...)
	tab, closeTab := chromedp.NewContext(started)
	stop = func() {
		closeTab()
		end()
	}
	if err := chromedp.Do(tab); err != nil {
		stop()
		return nil, nil, fmt.Errorf("start %s: %w", program, err)
	}
	return tab, stop, nil
}

// SetClock has the pages that a tab opens from now on take this time for the present.
func SetClock(tab context.Context, now time.Time) error {
	script := page.AddScriptToEvaluateOnNewDocumentParams{Source: fmt.Sprintf("Date.now = () => %d", now.UnixMilli())}
	_, err := chromedp.Call(tab, page.AddScriptToEvaluateOnNewDocument, script)
	return err
}

func find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", ErrMissing
}
