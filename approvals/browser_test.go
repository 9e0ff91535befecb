package approvals_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	cdpwa "github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"parapheur/approvals"
	"parapheur/approvals/proof"
	"parapheur/internal/tooltest"
)

// TestBrowser runs a registration, a login and a batch of decisions in a real Chromium with its virtual authenticator, and
// verifies the evidence: the strict parsers must read what browsers write.
func TestBrowser(t *testing.T) {
	t.Parallel()
	page := openPage(t)
	rp, err := approvals.New(approvals.Config{
		Tenant: siret, RPID: "localhost", Origin: page.origin, DisplayName: "Parapheur",
	})
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t, "ec2")
	d.rp = rp

	c, options, err := rp.BeginRegistration(d.user, httpSession)
	if err != nil {
		t.Fatal(err)
	}
	cred, err := rp.FinishRegistration(d.user, httpSession, c, page.gesture("create", "Creation", options), enrolment())
	if err != nil {
		t.Fatalf("registration: %v (%s)", err, approvals.Detail(err))
	}
	d.user.Credentials = []approvals.Credential{cred}
	if _, options, err = rp.BeginRegistration(d.user, httpSession); err != nil {
		t.Fatal(err)
	}
	if again := string(page.gesture("create", "Creation", options)); !strings.HasPrefix(again, "InvalidStateError") {
		t.Errorf("the same authenticator enrolled twice: %s", again)
	}

	c, options, err = rp.BeginLogin(httpSession)
	if err != nil {
		t.Fatal(err)
	}
	u, cred, err := rp.FinishLogin(httpSession, c, page.gesture("get", "Request", options), d.byHandle)
	if err != nil || u.ID != d.user.ID {
		t.Fatalf("login of %q: %v (%s)", u.ID, err, approvals.Detail(err))
	}
	d.user.Credentials[0] = cred

	c, request := d.begin(7)
	evidence, cred, err := rp.FinishDecision(d.user, httpSession, c, page.gesture("get", "Request", request.OptionsJSON))
	if err != nil {
		t.Fatalf("decision: %v (%s)", err, approvals.Detail(err))
	}
	for i, ev := range evidence {
		report, err := proof.Verify(ev, proof.Expect{
			Document: proof.DocumentOf(d.docs[i]), Enrolment: cred.EnrolmentStatement, RPID: "localhost", Origin: page.origin,
		})
		if err != nil || report.AttestationFormat != "packed" || report.AttestationTrust != proof.AttestationCertified {
			t.Errorf("statement %d: attestation %s %s: %v", i, report.AttestationFormat, report.AttestationTrust, err)
		}
	}
}

// page is a page of the relying party, open in a browser.
type page struct {
	t      *testing.T
	tab    context.Context
	origin string
}

// openPage starts a browser on a page, with an authenticator that obeys. Without a browser the test is skipped, but on CI.
func openPage(t *testing.T) page {
	t.Helper()
	chromium := cmp.Or(os.Getenv("CHROMIUM"), "/usr/bin/chromium")
	if _, err := os.Stat(chromium); err != nil {
		tooltest.Lacking(t, "a browser at "+chromium+" (CHROMIUM names it)")
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!doctype html><title>Parapheur</title>")
	}))
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium))
	alloc, cancelAlloc := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancelAlloc)
	tab, cancelTab := chromedp.NewContext(alloc)
	t.Cleanup(cancelTab)

	p := page{t: t, tab: tab, origin: strings.Replace(server.URL, "127.0.0.1", "localhost", 1)}
	if err := chromedp.Do(tab, chromedp.Navigate(p.origin+"/")); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(tab, cdpwa.Enable, cdpwa.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	_, err := chromedp.Call(tab, cdpwa.AddVirtualAuthenticator, cdpwa.AddVirtualAuthenticatorParams{
		Options: &cdpwa.VirtualAuthenticatorOptions{
			Protocol: cdpwa.AuthenticatorProtocolCtap2, Ctap2version: cdpwa.Ctap2versionCtap21,
			Transport: cdpwa.AuthenticatorTransportInternal, HasResidentKey: true, HasUserVerification: true,
			IsUserVerified: true, AutomaticPresenceSimulation: true, DefaultBackupEligibility: true, DefaultBackupState: true,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// gesture calls navigator.credentials and returns the response as JSON, or the name of the exception.
func (p page) gesture(method, kind string, options []byte) []byte {
	p.t.Helper()
	script := fmt.Sprintf(`(async () => {
		try {
			const publicKey = PublicKeyCredential.parse%sOptionsFromJSON((%s).publicKey);
			return JSON.stringify((await navigator.credentials.%s({publicKey})).toJSON());
		} catch (e) { return e.name + ': ' + e.message; }
	})()`, kind, options, method)
	out, err := chromedp.Run(p.tab, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatal(err)
	}
	return []byte(out)
}
