package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdpwa "github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// patience is how long one thing on a page may take to appear.
const patience = 20 * time.Second

// A somebody is a person at a browser of their own, with an authenticator.
type somebody struct {
	t    *testing.T
	name string
	tab  context.Context
	auth cdpwa.AuthenticatorID
	out  string // folder of pictures, or empty
	axe  string
	shot *int // number of the next picture
}

// arrive opens a browser of width x height with its own storage and a
// platform authenticator that verifies its user.
func arrive(t *testing.T, browser context.Context, j *journey, name string, width, height int64) *somebody {
	t.Helper()
	tab, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	p := &somebody{t: t, name: name, tab: tab, out: j.out, axe: j.axe, shot: &j.shot}
	phone := width < 600
	scale := 1.0
	if phone {
		scale = 2
	}
	_, err := chromedp.Call(tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: scale, Mobile: phone,
	})
	if err == nil && phone {
		_, err = chromedp.Call(tab, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: true})
	}
	if err == nil { // a sheet that slides in would be photographed on its way
		_, err = chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}},
		})
	}
	if err == nil {
		_, err = chromedp.Call(tab, cdpwa.Enable, cdpwa.EnableParams{})
	}
	if err != nil {
		t.Fatalf("%s: set the browser up: %v", name, err)
	}
	added, err := chromedp.Call(tab, cdpwa.AddVirtualAuthenticator, cdpwa.AddVirtualAuthenticatorParams{Options: &cdpwa.VirtualAuthenticatorOptions{
		Protocol: cdpwa.AuthenticatorProtocolCtap2, Ctap2version: cdpwa.Ctap2versionCtap21, Transport: cdpwa.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		DefaultBackupEligibility: true, DefaultBackupState: true,
	}})
	if err != nil {
		t.Fatalf("%s: add an authenticator: %v", name, err)
	}
	p.auth = added.AuthenticatorID
	return p
}

// present says whether the authenticator answers for its user.
func (p *somebody) present(there bool) {
	p.t.Helper()
	_, err := chromedp.Call(p.tab, cdpwa.SetAutomaticPresenceSimulation, cdpwa.SetAutomaticPresenceSimulationParams{AuthenticatorID: p.auth, Enabled: there})
	if err != nil {
		p.t.Fatalf("%s: presence: %v", p.name, err)
	}
}

// do runs actions in turn. A page that changes under an action (a live
// refresh, a navigation) takes its node away: the action is tried again.
func (p *somebody) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	began := time.Now()
	for _, a := range actions {
		for {
			ctx, cancel := context.WithTimeout(p.tab, patience)
			_, err := chromedp.Run(ctx, a)
			cancel()
			if err == nil {
				break
			}
			if !gone(err) || time.Since(began) > patience {
				p.lost(what, err)
			}
		}
	}
}

// gone reports whether err says that the node or the page is no more.
func gone(err error) bool {
	return strings.Contains(err.Error(), "(-32000)")
}

// lost ends the test with a picture of what was on the page.
func (p *somebody) lost(what string, err error) {
	p.t.Helper()
	page, _ := chromedp.Run(p.tab, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText.slice(0, 1500)`))
	p.picture("echec")
	p.t.Fatalf("%s: %s: %v\n%s", p.name, what, err, page)
}

func (p *somebody) open(url string) {
	p.t.Helper()
	p.do("open "+url, chromedp.Navigate(url))
}

func (p *somebody) click(selector string) {
	p.t.Helper()
	p.do("click "+selector, chromedp.WaitVisible(selector), chromedp.Click(selector))
}

func (p *somebody) write(selector, text string) {
	p.t.Helper()
	p.do("write in "+selector, chromedp.WaitVisible(selector), chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelector(%q).value = ""`, selector)), chromedp.SendKeys(selector, text))
}

func (p *somebody) choose(selector string, files ...string) {
	p.t.Helper()
	p.do("choose files for "+selector, chromedp.SetUploadFiles(selector, files))
}

// sees waits until the expression is true on the page, through navigations,
// and returns how long that took.
func (p *somebody) sees(what, expression string) time.Duration {
	p.t.Helper()
	start := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		// While a page leaves, evaluation fails: the next one is asked.
		ok, err := chromedp.Run(p.tab, chromedp.Evaluate[bool](`Boolean(`+expression+`)`))
		if ok && err == nil {
			return time.Since(start)
		}
		if time.Since(start) > patience {
			if err == nil {
				err = errors.New("it never came")
			}
			p.lost("wait for "+what, err)
		}
		<-tick.C
	}
}

// stage waits until the ceremony shows the state; a failure shown instead ends
// the test.
func (p *somebody) stage(name string) {
	p.t.Helper()
	shown := `(n) => [...document.querySelectorAll('[data-state="' + n + '"]')].some((e) => e.offsetParent !== null)`
	p.sees("stage "+name, fmt.Sprintf(`(%s)(%q) || (%s)("failed")`, shown, name, shown))
	if evaluate[bool](p, fmt.Sprintf(`(%s)("failed")`, shown)) {
		p.lost("stage "+name, errors.New("the ceremony failed"))
	}
}

// evaluate returns the value of an asynchronous expression.
func evaluate[T any](p *somebody, expression string) T {
	p.t.Helper()
	raw, err := chromedp.Run(p.tab, chromedp.Evaluate[string](`(async () => JSON.stringify(await (`+expression+`)))()`, chromedp.EvalAwaitPromise))
	if err != nil {
		p.lost("evaluate "+expression, err)
	}
	var v T
	if err := json.Unmarshal([]byte(raw), &v); err != nil {
		p.t.Fatalf("%s: %s answers %s: %v", p.name, expression, raw, err)
	}
	return v
}

// picture keeps what the page looks like, when a folder was named.
func (p *somebody) picture(name string) {
	p.t.Helper()
	if p.out == "" {
		return
	}
	png, err := chromedp.Run(p.tab, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatalf("%s: picture %s: %v", p.name, name, err)
	}
	*p.shot++
	file := filepath.Join(p.out, fmt.Sprintf("%02d-%s.png", *p.shot, name))
	if err := os.WriteFile(file, png, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// accessible asks axe-core about the page as it stands: no violation of WCAG
// A and AA nor of the rules tagged RGAA. It takes a picture on the way.
func (p *somebody) accessible(name string) {
	p.t.Helper()
	p.sees("pictures of pages", `[...document.images].every((i) => i.complete || i.loading === "lazy")`)
	p.picture(name)
	p.do("load axe-core", chromedp.Evaluate[chromedp.Void](p.axe))
	found := evaluate[[]string](p, `axe.run(document, {runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "RGAAv4"]}}).then((r) => r.violations.map((v) => v.id + ": " + v.help + " " + v.nodes.map((n) => n.html.slice(0, 200)).join(" | ")))`)
	for _, v := range found {
		p.t.Errorf("%s on %s: %s", p.name, name, v)
	}
}
