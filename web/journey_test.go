package web_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdpdom "github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	cdpwa "github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"parapheur/dossiers"
	"parapheur/internal/browsertest"
	"parapheur/internal/child"
	"parapheur/internal/demo"
	"parapheur/internal/pgtest"
	"parapheur/internal/tooltest"
	"parapheur/internal/wiring"
	"parapheur/migrations"
	"parapheur/web"
)

func TestMain(m *testing.M) {
	child.Main(wiring.Jobs()...)
	os.Exit(m.Run())
}

// A town is the whole product with the demonstration's people, behind the
// pages, on a port of its own.
type town struct {
	origin  string
	host    string
	dsn     string // of the database, as its owner
	tenant  dossiers.Tenant
	founded dossiers.Founded
	system  *wiring.System
	handler http.Handler
}

func newTown(t *testing.T) *town {
	t.Helper()
	ctx := t.Context()
	dsn := pgtest.DSN(t, migrations.Apply)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	host := "localhost:" + port
	origin := "http://" + host
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	system, err := wiring.Assemble(ctx, wiring.Config{
		DatabaseURL: dsn, DataDir: t.TempDir(), EngineCache: tooltest.EngineCache(), MasterKey: []byte("0123456789abcdef0123456789abcdef"),
		DemoURL: origin + "/pki", Workers: 2, MaxDocument: 4 << 20, Log: log, Now: time.Now, Version: "essai",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := system.Start(ctx); err != nil {
		t.Fatal(err)
	}
	tenant, founded, err := demo.Seed(ctx, system, dsn, origin)
	if err != nil {
		t.Fatal(err)
	}
	handler := web.New(web.Options{Office: system.Office, Live: system.Hub, Log: log, Version: "essai"})
	srv := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}}
	srv.Start()
	t.Cleanup(func() {
		system.Hub.Close()
		srv.CloseClientConnections()
		srv.Close()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := system.Close(stop); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &town{origin: origin, host: host, dsn: dsn, tenant: tenant, founded: founded, system: system, handler: handler}
}

// A person is somebody with a device of their own: a browser profile and an
// authenticator in it.
type person struct {
	t    *testing.T
	ctx  context.Context
	at   *town
	auth cdpwa.AuthenticatorID
}

func (at *town) person(t *testing.T, browser context.Context, width, height int64) *person {
	t.Helper()
	ctx, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	ctx, stop = context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(stop)
	if _, err := chromedp.Call(ctx, cdpwa.Enable, cdpwa.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	added, err := chromedp.Call(ctx, cdpwa.AddVirtualAuthenticator, cdpwa.AddVirtualAuthenticatorParams{Options: &cdpwa.VirtualAuthenticatorOptions{
		Protocol: cdpwa.AuthenticatorProtocolCtap2, Ctap2version: cdpwa.Ctap2versionCtap21, Transport: cdpwa.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		DefaultBackupEligibility: true, DefaultBackupState: true,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600,
	}); err != nil {
		t.Fatal(err)
	}
	return &person{t, ctx, at, added.AuthenticatorID}
}

// present says whether the authenticator answers for its user. Without it the
// sign-in page, which proposes the account by itself, would be answered at
// once, while another page is being asked for.
func (p *person) present(there bool) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, cdpwa.SetAutomaticPresenceSimulation, cdpwa.SetAutomaticPresenceSimulationParams{AuthenticatorID: p.auth, Enabled: there})
	if err != nil {
		p.t.Fatalf("presence: %v", err)
	}
}

func (p *person) open(path string) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, chromedp.Navigate(p.at.origin+path)); err != nil {
		p.t.Fatalf("open %s: %v", path, err)
	}
}

// until waits for an expression of the page to hold.
func (p *person) until(what, expression string) {
	p.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		ok, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && ok {
			return
		}
		if time.Now().After(deadline) {
			p.shoot("echec")
			body, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText"))
			p.t.Fatalf("%s: not within 20 s (%v)\n%s", what, err, body)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (p *person) eval(expression string) string {
	p.t.Helper()
	s, err := chromedp.Run(p.ctx, chromedp.Evaluate[string]("Promise.resolve("+expression+").then(String)", chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return s
}

// tap clicks as a person does: on what is shown.
func (p *person) tap(selector string) {
	p.t.Helper()
	p.until("see "+selector, "document.querySelector("+quote(selector)+")?.offsetParent || getComputedStyle(document.querySelector("+quote(selector)+")).position === 'fixed'")
	p.eval("document.querySelector(" + quote(selector) + ").click()")
}

func (p *person) fill(selector, text string) {
	p.t.Helper()
	p.eval("(() => { const e = document.querySelector(" + quote(selector) + "); e.value = " + quote(text) + "; e.dispatchEvent(new Event('input', {bubbles: true})); e.dispatchEvent(new Event('change', {bubbles: true})); })()")
}

// choose puts files in an input. The page's nodes are named anew when it
// moves, so a name may be lost between two calls: ask again.
func (p *person) choose(selector string, files ...string) {
	p.t.Helper()
	var err error
	for range 20 {
		var doc cdpdom.GetDocumentResult
		var node cdpdom.QuerySelectorResult
		if doc, err = chromedp.Call(p.ctx, cdpdom.GetDocument, cdpdom.GetDocumentParams{}); err != nil {
			continue
		}
		if node, err = chromedp.Call(p.ctx, cdpdom.QuerySelector, cdpdom.QuerySelectorParams{NodeID: doc.Root.NodeID, Selector: selector}); err != nil {
			continue
		}
		if _, err = chromedp.Call(p.ctx, cdpdom.SetFileInputFiles, cdpdom.SetFileInputFilesParams{Files: files, NodeID: node.NodeID}); err == nil {
			return
		}
	}
	p.t.Fatalf("choose files: %v", err)
}

// shoot leaves a picture in the folder named by WEB_SCREENS.
func (p *person) shoot(name string) {
	folder := os.Getenv("WEB_SCREENS")
	if folder == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Logf("no picture: %v", err)
		return
	}
	if err := os.WriteFile(filepath.Join(folder, "parcours-"+name+".png"), png, 0o644); err != nil {
		p.t.Error(err)
	}
}

// accessible asks axe-core what is wrong with the page as it stands.
func (p *person) accessible(what string) {
	p.t.Helper()
	axe, err := os.ReadFile(filepath.Join("testdata", "axe.min.js"))
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := chromedp.Run(p.ctx, chromedp.Evaluate[chromedp.Void](string(axe))); err != nil {
		p.t.Fatal(err)
	}
	p.eval(`Promise.all(document.getAnimations().map((a) => a.finished.catch(() => {})))`)
	found := p.eval(`axe.run(document, {runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "RGAAv4", "best-practice"]}})
		.then((r) => r.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html.slice(0, 160) + " " + n.failureSummary).join(" | ")).join("\n"))`)
	if found != "" {
		p.t.Errorf("%s: axe: %s", what, found)
	}
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// enrol registers a first passkey by invitation.
func (p *person) enrol(email string) {
	p.t.Helper()
	p.open("/enrolement/" + p.at.founded.Invitations[email])
	p.tap("[data-go=enrol]")
	p.until("enrolled", `!document.querySelector("[data-state=done]").hidden`)
}

// sampleLetter writes the demonstration's letter where the browser can pick
// it.
func sampleLetter(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := demo.WriteSamples(dir); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "lettre*.pdf"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no sample letter: %v", err)
	}
	return found[0]
}

// deposit sends the sample letter along the first circuit and returns its
// path.
func (p *person) deposit(file, title string) string {
	p.t.Helper()
	p.open("/deposer")
	p.choose("#document", file)
	p.fill("#title", title)
	p.fill("#recipient", "M. et Mme Lefèvre")
	p.tap("input[name=type]")
	p.tap("[data-go=start]")
	p.until("the letter opens", `location.pathname.startsWith("/dossiers/")`)
	return p.eval("location.pathname")
}

// decide opens a letter, opens its sheet and makes the gesture.
func (p *person) decide(path, verb string) {
	p.t.Helper()
	p.open(path)
	p.tap("[data-verb=" + verb + "]")
	p.until("the sheet", `document.querySelector("#sheet[open] [data-state=ready]")`)
	p.tap("#sheet [data-go=" + verb + "]")
	p.until("decided", `!document.querySelector("#sheet [data-state=done]").hidden`)
}

// TestFromDepositToSigned follows a letter as the people of the town do, each
// with a device, and meets the troubles they meet on the way.
func TestFromDepositToSigned(t *testing.T) {
	at := newTown(t)
	browser := browsertest.Open(t)
	letter := sampleLetter(t)
	drafter, manager, mayor := at.person(t, browser, 1440, 900), at.person(t, browser, 1440, 900), at.person(t, browser, 390, 844)
	drafter.enrol(demo.Drafter)
	manager.enrol(demo.DGS)
	mayor.enrol(demo.Mayor)

	path := drafter.deposit(letter, "Réfection du trottoir")
	drafter.until("the circuit is drawn", `document.querySelectorAll("#circuit .now").length === 1`)
	drafter.shoot("deposee")

	// The in-tray of the manager shows it by itself, without reloading.
	manager.open("/")
	manager.until("in the in-tray", `document.querySelector("[data-dossier]")`)
	second := drafter.deposit(letter, "Prêt de la halle")
	manager.until("the second letter arrives by itself", `document.querySelectorAll("li.letter").length === 2`)
	manager.shoot("bannettes")
	manager.accessible("the in-tray")

	manager.decide(path, "visa")
	manager.shoot("visee")

	// The mayor refuses the second one only with a motive, which survives.
	manager.decide(second, "visa")
	mayor.open(second)
	mayor.shoot("dossier")
	mayor.accessible("the letter")
	mayor.tap("[data-verb=refuse]")
	mayor.tap("#sheet [data-go=refuse]")
	mayor.until("the motive is asked for", `!document.querySelector("#motif-e").hidden`)
	mayor.accessible("the sheet of a refusal without motive")
	mayor.fill("#motif", "La date a changé.")
	mayor.open(second + "/refuser")
	mayor.until("the motive was kept", `document.querySelector("#motif").value === "La date a changé."`)
	mayor.tap("[data-go=refuse]")
	mayor.until("refused", `!document.querySelector("[data-state=done]").hidden`)
	mayor.shoot("refusee")
	drafter.open(second)
	drafter.until("the motive is read", `document.querySelector("#etat").innerText.includes("La date a changé.")`)
	drafter.shoot("motif")

	// The signature: the sheet, the gesture, then the signed letter.
	mayor.open(path)
	mayor.tap("[data-verb=sign]")
	mayor.until("the sheet", `document.querySelector("#sheet[open] [data-state=ready]")`)
	mayor.shoot("signer")
	mayor.accessible("the sheet of a signature")
	begun := time.Now()
	mayor.tap("#sheet [data-go=sign]")
	mayor.until("decided", `!document.querySelector("#sheet [data-state=done]").hidden`)
	t.Logf("decided after %v", time.Since(begun))
	mayor.until("signed", `document.querySelector("[data-done]").textContent === "Lettre signée"`)
	signed := time.Since(begun)
	t.Logf("signed after %v", signed)
	mayor.shoot("signee")
	mayor.accessible("a signature done")
	mayor.until("the page follows", `document.querySelector("[data-signed]")`)
	t.Logf("page updated after %v", time.Since(begun))
	mayor.eval(`document.body.dataset.before = "1"`) // the page that is left shows the same link for a moment
	mayor.tap("#sheet [data-see]")
	mayor.until("the letter again", `!document.body.dataset.before && document.querySelector("[data-banner=ok]") && document.querySelector("[data-download=signe]")`)
	mayor.shoot("dossier-signe")
	if kind := mayor.eval(`fetch(document.querySelector("[data-download=signe]").href).then((r) => r.blob()).then((b) => b.slice(0, 5).text())`); kind != "%PDF-" {
		t.Errorf("the signed PDF begins with %q", kind)
	}
	if kind := mayor.eval(`fetch(document.querySelector("[data-download^=preuve]").href).then((r) => r.headers.get("Content-Type"))`); kind != "application/zip" {
		t.Errorf("the evidence file is %q", kind)
	}

	// Reading as text, and pdf.js with its search, under the policy.
	mayor.open(path)
	mayor.tap("[data-as-text]")
	mayor.until("text", `document.querySelector("[data-prose]").innerText.length > 200`)
	mayor.shoot("texte")
	mayor.accessible("the letter as text")
	mayor.tap("[data-zoom]")
	mayor.until("pdf.js draws", `document.querySelector(".pdfpage canvas")`)
	mayor.until("its text layer", `document.querySelector(".textLayer span")`)
	mayor.fill("#chercher", "trottoir")
	mayor.eval(`document.querySelector(".find").requestSubmit()`)
	mayor.until("found", `document.querySelector(".textLayer .hit")`)
	mayor.shoot("zoom")
	mayor.accessible("pdf.js")
	mayor.fill("#chercher", "TROTTOÏR")
	mayor.eval(`document.querySelector(".find").requestSubmit()`)
	mayor.until("accents do not count", `/ sur /.test(document.querySelector(".find output").textContent)`)
	mayor.fill("#chercher", "piscine municipale")
	mayor.eval(`document.querySelector(".find").requestSubmit()`)
	mayor.until("what was not found is said", `document.querySelector(".find output").textContent.includes("piscine municipale\u00a0» n’est pas dans la lettre. Essayez avec un seul mot.")`)
	mayor.shoot("zoom-rien")
	mayor.accessible("pdf.js that finds nothing")

	// Out and in again, to the page that was asked for.
	mayor.eval(`document.querySelector("[data-back]").click()`)
	mayor.until("bins", `document.querySelector("[data-nav=quitter]")`)
	mayor.present(false)
	mayor.eval(`document.querySelector("[data-nav=quitter]").form.requestSubmit()`)
	mayor.until("out", `location.pathname === "/connexion"`)
	mayor.open(path)
	mayor.until("asked to sign in", `location.pathname === "/connexion"`)
	mayor.present(true)
	mayor.until("back where I was, without a tap: the browser proposed the account", `location.pathname === `+quote(path))
}

// TestOtherRoads takes the ways that letters take less often: a draft, a
// batch, a decision taken back, a correction, a withdrawal; then what the
// administrator does.
func TestOtherRoads(t *testing.T) {
	at := newTown(t)
	browser := browsertest.Open(t)
	letter := sampleLetter(t)
	drafter, manager, admin := at.person(t, browser, 390, 844), at.person(t, browser, 1440, 900), at.person(t, browser, 1440, 900)
	drafter.enrol(demo.Drafter)
	manager.enrol(demo.DGS)
	admin.enrol(demo.Administrator)

	// A draft, then its departure.
	drafter.open("/deposer")
	drafter.choose("#document", letter)
	drafter.until("the title is proposed", `document.querySelector("#title").value.startsWith("lettre rue")`)
	drafter.tap("[data-go=draft]")
	drafter.until("what is missing is said", `document.querySelector("#recipient").getAttribute("aria-invalid") === "true"`)
	drafter.fill("#recipient", "Les Amis de la Gabare")
	drafter.tap("input[name=type]")
	drafter.tap("[data-go=draft]")
	drafter.until("a draft, with the file that was kept", `location.pathname.startsWith("/dossiers/")`)
	first := drafter.eval("location.pathname")
	drafter.tap("[data-verb=start]")
	drafter.until("on its way", `document.querySelector("#entete").dataset.phase === "running"`)
	second := drafter.deposit(letter, "Deuxième")

	// Two visas with one gesture, once both were opened.
	for _, path := range []string{first, second} {
		manager.open(path)
		manager.until("read", `performance.getEntriesByType("resource").some((e) => e.name.includes("/contenu"))`)
	}
	manager.open("/bannettes")
	manager.until("both are there, opened", `document.querySelectorAll("li.letter:not(.unread)").length === 2`)
	manager.eval(`document.querySelectorAll("input[name=lot]").forEach((box) => box.click())`)
	manager.tap("[data-decide-batch]")
	manager.until("the sheet of the batch", `document.querySelector("#lot[open]")`)
	manager.shoot("lot")
	manager.accessible("the sheet of a batch")
	manager.tap("#lot [data-go=batch]")
	manager.until("both are decided", `document.querySelectorAll("[data-report] li").length === 2 && !document.querySelector("[data-report] .q")`)
	manager.shoot("lot-fait")
	manager.accessible("the report of a batch")

	// One visa is taken back, and the letter refused instead, then corrected.
	manager.open(second)
	manager.tap("[data-more]")
	manager.tap("[data-verb=undo]")
	manager.until("the sheet", `document.querySelector("#sheet[open] [data-state=ready]")`)
	manager.tap("#sheet [data-go=undo]")
	manager.until("taken back", `!document.querySelector("#sheet [data-state=done]").hidden`)
	manager.open(second)
	manager.tap("[data-verb=refuse]")
	manager.until("the sheet", `document.querySelector("#sheet[open] #motif")`)
	manager.fill("#motif", "Une coquille au deuxième paragraphe.")
	manager.tap("#sheet [data-go=refuse]")
	manager.until("refused", `!document.querySelector("#sheet [data-state=done]").hidden`)
	drafter.open(second)
	drafter.tap("[data-verb=correct]")
	drafter.until("the form", `document.querySelector("#document")`)
	drafter.choose("#document", letter)
	drafter.tap("[data-go=correct]")
	drafter.until("the same bytes are no correction", `document.querySelector("[data-problem]")`)
	drafter.shoot("corriger")

	// The first one is withdrawn while nobody signed.
	drafter.open(first)
	drafter.tap("[data-more]")
	drafter.tap("[data-verb=withdraw]")
	drafter.until("the sheet", `document.querySelector("#sheet[open] [data-go=withdraw]")`)
	drafter.tap("[data-go=withdraw]")
	drafter.until("withdrawn", `document.querySelector("#entete")?.dataset.phase === "withdrawn"`)

	admin.administers()
	admin.manageKeys()
}

// administers adds somebody, invites them, and makes a key for a program.
func (p *person) administers() {
	p.t.Helper()
	p.open("/administration")
	p.fill("[name=given_name]", "Karim")
	p.fill("[name=family_name]", "Benali")
	p.fill("[name=email]", "karim.benali@saint-aubin.example")
	p.tap("[data-go=add-person]")
	p.until("added", `document.body.innerText.includes("karim.benali@saint-aubin.example")`)
	p.eval(`[...document.querySelectorAll("[data-person]")].find((e) => e.innerText.includes("Benali")).querySelector("[data-go=invite]").click()`)
	p.until("the link is shown", `document.querySelector("[data-invitation-link]")?.value.includes("/enrolement/")`)
	p.open("/administration/bureaux")
	p.fill("#name", "Finances")
	p.tap("[data-go=add-desk]")
	p.until("the desk", `document.querySelector(".lines").innerText.includes("Finances")`)
	p.fill("#quality", "Adjoint aux finances")
	p.tap("[data-go=seat]")
	p.until("seated", `document.querySelector(".lines").innerText.includes("Adjoint aux finances")`)
	p.open("/administration/circuits")
	p.until("listed", `document.body.innerText.includes("Courrier simple")`)
	p.shoot("circuits")
	p.open("/administration/certificats")
	p.until("the Mayor's certificate serves", `document.querySelector("[data-certificate]:not([data-stops])")?.innerText.includes("PAdES-BASELINE-LTA")`)
	p.shoot("certificats")
	p.open("/administration/applications")
	p.eval(`document.querySelector("[data-application] summary").click()`)
	p.tap("[data-go=add-api-key]")
	p.until("the secret, once", `document.querySelector("[data-secret]")?.value.startsWith("pk_")`)
	p.open("/administration/journal")
	p.until("the journal's last line is that key", `document.querySelector(".log tbody tr").innerText.includes("api_key.added")`)
	p.shoot("journal")
}

// manageKeys renames the only passkey, which cannot be revoked.
func (p *person) manageKeys() {
	p.t.Helper()
	p.open("/mes-cles")
	p.eval(`document.querySelector(".key summary").click()`)
	p.fill(".key [name=label]", "Ordinateur de la mairie")
	p.tap(".key [data-go=rename]")
	p.until("renamed", `document.querySelector(".key").innerText.includes("Ordinateur de la mairie")`)
	p.until("the last key stays", `!document.querySelector("[data-go=revoke]")`)
	p.fill("#libelle", "Une autre")
	p.tap("[data-go=add-key]")
	p.until("one device keeps one key", `!document.querySelector("form[data-enrol] [data-state=failed]").hidden`)
	p.shoot("mes-cles")
	p.accessible("a key that was refused")
}

// lies are answers that a hostile or broken server could give to a browser
// that asks to decide. Each changes one thing of what the gesture commits to.
func lies() map[string]string {
	// A consistent liar makes the root and the challenge again.
	restate := func(change string) string {
		return `const st = JSON.parse(text(a.statements[0])), set = JSON.parse(text(a.set)), enc = (s) => new TextEncoder().encode(s);
			` + change + `;
			const sha = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer()));
			const statement = JSON.stringify(st);
			a.statements[0] = code(statement);
			set.merkle_root = [...await sha(Uint8Array.of(0), enc(statement))].map((b) => b.toString(16).padStart(2, "0")).join("");
			a.set = code(JSON.stringify(set));
			(a.options.publicKey || a.options).challenge = btoa(String.fromCharCode(...await sha(enc("parapheur.decision-set.v1\n"), enc(JSON.stringify(set))))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");`
	}
	return map[string]string{
		"another document":  restate(`st.doc_sha256 = "00".repeat(32)`),
		"another letter":    restate(`st.dossier = "01930000-0000-7000-8000-000000000000"`),
		"another decision":  restate(`st.decision = "refus"`),
		"another person":    restate(`st.actor = "quelqu’un"`),
		"another statement": `const st = JSON.parse(text(a.statements[0])); st.nonce = "11".repeat(32); a.statements[0] = code(JSON.stringify(st));`,
		"another town":      restate(`set.rp_id = "ailleurs.example"`),
		"one more":          `a.statements.push(a.statements[0]);`,
		"another set":       `const set = JSON.parse(text(a.set)); set.nonce = "22".repeat(32); a.set = code(JSON.stringify(set));`,
		"another challenge": `(a.options.publicKey || a.options).challenge = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";`,
	}
}

// TestBrowserRefusesALyingServer: the script checks by itself what it is told
// to sign, and does not ask the authenticator when one thing is off.
func TestBrowserRefusesALyingServer(t *testing.T) {
	at := newTown(t)
	browser := browsertest.Open(t)
	letter := sampleLetter(t)
	drafter, manager := at.person(t, browser, 1440, 900), at.person(t, browser, 390, 844)
	drafter.enrol(demo.Drafter)
	manager.enrol(demo.DGS)
	path := drafter.deposit(letter, "Réfection du trottoir")
	for name, lie := range lies() {
		script := `(() => {
			window.gestures = 0;
			const get = navigator.credentials.get.bind(navigator.credentials);
			navigator.credentials.get = (o) => { window.gestures++; return get(o); };
			const text = (s) => new TextDecoder().decode(Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0)));
			const code = (s) => btoa(String.fromCharCode(...new TextEncoder().encode(s))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
			const send = window.fetch;
			window.fetch = async (url, o) => {
				const r = await send(url, o);
				if (!String(url).includes("/decision/debut")) return r;
				const a = await r.json();
				` + lie + `
				return new Response(JSON.stringify(a), {status: r.status});
			};
		})()`
		added, err := chromedp.Call(manager.ctx, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		if err != nil {
			t.Fatal(err)
		}
		manager.open(path + "/viser")
		manager.tap("[data-go=visa]")
		manager.until(name+" is refused", `document.querySelector("[data-why-title]").textContent.startsWith("Ce n’est pas la lettre")`)
		if got := manager.eval("window.gestures"); got != "0" {
			t.Errorf("%s: the authenticator was asked %s times", name, got)
		}
		if _, err := chromedp.Call(manager.ctx, cdppage.RemoveScriptToEvaluateOnNewDocument, cdppage.RemoveScriptToEvaluateOnNewDocumentParams(added)); err != nil {
			t.Fatal(err)
		}
	}
	manager.shoot("mensonge")
	manager.decide(path, "visa")
}
