// Command screenshot draws the README's picture of the launch page, as a
// browser shows it to a customer with a link from a support request.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/doitintl/aws-ro-access/scripts/internal/browser"
	"github.com/doitintl/aws-ro-access/scripts/internal/given"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

const (
	picture  = "template/launch.png"
	fragment = "#ticket=12345&account=111122223333&region=eu-west-1"
	width    = 1100
	height   = 1400 // more than is drawn
)

// now is the picture's own time: it shows an end, which should not pass.
var now = time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC)

func main() { given.Main("screenshot", run) }

func run(ctx context.Context) error {
	root, err := repo.Root()
	if err != nil {
		return err
	}
	tab, stop, err := browser.Start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if err := browser.SetClock(tab, now); err != nil {
		return err
	}
	if _, err := chromedp.Call(tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1,
	}); err != nil {
		return err
	}
	address := "file://" + filepath.Join(root, template.LaunchPath) + fragment
	if err := chromedp.Do(tab, chromedp.Navigate(address)); err != nil {
		return fmt.Errorf("open the page: %w", err)
	}
	// What a customer has to see before the button, and the button.
	const end = `document.querySelector(".columns").getBoundingClientRect().bottom + 24`
	bottom, err := chromedp.Run(tab, chromedp.Evaluate[float64](end))
	if err != nil {
		return fmt.Errorf("measure the page: %w", err)
	}
	shot, err := chromedp.Call(tab, page.CaptureScreenshot, page.CaptureScreenshotParams{
		Clip: &page.Viewport{Width: width, Height: bottom, Scale: 1},
	})
	if err != nil {
		return fmt.Errorf("draw the page: %w", err)
	}
	// #nosec G703 -- inside the checkout
	if err := os.WriteFile(filepath.Join(root, picture), shot.Data, 0o600); err != nil {
		return err
	}
	fmt.Printf("%s, %d bytes\n", picture, len(shot.Data))
	return nil
}
