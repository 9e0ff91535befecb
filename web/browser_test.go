package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"parapheur/internal/browsertest"
)

// tab opens a page of its own storage, at a size.
func tab(t *testing.T, browser context.Context, width, height int64, dark bool) context.Context {
	t.Helper()
	ctx, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	ctx, stop = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(stop)
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	_, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600,
	})
	if err == nil {
		_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
		})
	}
	if err != nil {
		t.Fatalf("set the screen: %v", err)
	}
	return ctx
}

// serveOnLocalhost serves h under the name that passkeys accept.
func serveOnLocalhost(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "http://localhost:" + port
}

// A screen is a size at which pages are judged.
type screen struct {
	name          string
	width, height int64
	dark          bool
}

// TestPagesInBrowser opens every sample page on a phone and on a desk, and
// asks axe-core, the console and the layout what is wrong with it. With
// WEB_SCREENS set to a folder, it leaves a picture of each there.
func TestPagesInBrowser(t *testing.T) {
	axe, err := os.ReadFile(filepath.Join("testdata", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	s := newPreview(t)
	ctx := browsertest.Open(t)
	base := serveOnLocalhost(t, preview(s))
	screens := []screen{{"telephone", 390, 844, false}, {"ordinateur", 1440, 900, false}, {"etroit", 320, 640, true}}
	var mu sync.Mutex
	for _, sc := range screens {
		page := tab(t, ctx, sc.width, sc.height, sc.dark)
		for _, one := range samples(s) {
			t.Run(one.name+"/"+sc.name, func(t *testing.T) {
				mu.Lock()
				defer mu.Unlock()
				judge(t, page, base+"/"+one.name, string(axe), one.name+"-"+sc.name)
			})
		}
	}
}

// findings is what a page is asked once it stands.
const findings = `(async () => {
	await document.fonts.ready;
	const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
	const small = [...document.querySelectorAll("main a.btn, main button, main input:not([type=hidden]):not(.ghost):not([tabindex='-1']), main select, main summary")]
		.filter((el) => el.offsetParent && !el.matches("[type=checkbox], [type=radio], [type=file]"))
		.map((el) => [el.outerHTML.slice(0, 80), el.getBoundingClientRect().height]).filter(([, h]) => h < 43.5);
	const r = await axe.run(document, {runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "RGAAv4", "best-practice"]}});
	return JSON.stringify({wide, small, refused: window.refused, axe: r.violations.map((v) => v.id + ": " + v.help + " " + v.nodes.map((n) => n.html.slice(0, 160) + " " + n.failureSummary).join(" | "))});
})()`

func judge(t *testing.T, page context.Context, url, axe, name string) {
	t.Helper()
	if err := chromedp.Do(page, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	watch := `window.refused = []; addEventListener("securitypolicyviolation", (e) => window.refused.push(e.violatedDirective + " " + e.blockedURI)); true`
	if _, err := chromedp.Run(page, chromedp.Evaluate[bool](watch)); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(page, chromedp.Evaluate[chromedp.Void](axe)); err != nil {
		t.Fatal(err)
	}
	raw, err := chromedp.Run(page, chromedp.Evaluate[string](findings, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	var found struct {
		Wide    float64  `json:"wide"`
		Small   [][2]any `json:"small"`
		Refused []string `json:"refused"`
		Axe     []string `json:"axe"`
	}
	if err := json.Unmarshal([]byte(raw), &found); err != nil {
		t.Fatal(err)
	}
	for _, v := range found.Axe {
		t.Errorf("axe: %s", v)
	}
	if found.Wide > 0 {
		t.Errorf("the page scrolls sideways by %v px", found.Wide)
	}
	for _, el := range found.Small {
		t.Errorf("target under 44 px: %v", el)
	}
	if len(found.Refused) > 0 {
		t.Errorf("refused by the policy: %s", strings.Join(found.Refused, ", "))
	}
	if folder := os.Getenv("WEB_SCREENS"); folder != "" {
		png, err := chromedp.Run(page, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s.png", name)), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
