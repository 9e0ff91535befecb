package dossiers_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"parapheur/approvals/proof"
	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/evidence"
	"parapheur/internal/tooltest"
	"parapheur/internal/towntest"
	"parapheur/signing"
)

// played is a sandbox with an application that asks.
type played struct {
	*towntest.Sandbox
	town *towntest.Town
	app  dossiers.Viewer
}

func newPlayed(t *testing.T) played {
	t.Helper()
	town := towntest.New(t)
	box := town.Sandbox(t)
	v, _, err := box.Office.Authenticate(t.Context(), box.Tenant, box.Key)
	if err != nil {
		t.Fatal(err)
	}
	return played{box, town, v}
}

func (p played) deposit(t *testing.T, typ string) dossiers.Dossier {
	t.Helper()
	letter := bytes.NewReader(towntest.Sample(t, "lettre-rue-des-mariniers.pdf"))
	main, err := p.Office.Receive(t.Context(), p.Tenant, "lettre.pdf", letter)
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := p.Office.Deposit(t.Context(), p.app, dossiers.Draft{Title: "Essai", Recipient: "Mme Lefèvre", TypeCode: typ, Main: main, Start: true})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (p played) play(t *testing.T, id dossiers.ID, who, decision string) (dossiers.Dossier, error) {
	t.Helper()
	return p.Play(t.Context(), p.app, who, dossiers.DecisionItem{Dossier: id, Decision: decision})
}

// signed plays a letter to its end and returns it with its evidence.
func (p played) signed(t *testing.T) (letter, pkg []byte) {
	t.Helper()
	d := p.deposit(t, "courrier-simple")
	for _, x := range [][2]string{{"dgs", "visa"}, {"maire", "signature"}} {
		if _, err := p.play(t, d.ID, x[0], x[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Office.Seal(t.Context(), p.Tenant.ID, d.ID); err != nil {
		t.Fatal(err)
	}
	c, err := p.Office.Content(t.Context(), p.app, d.ID, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // read only
	if letter, err = io.ReadAll(c); err != nil {
		t.Fatal(err)
	}
	var zip bytes.Buffer
	if err := p.Office.Evidence(t.Context(), p.app, d.ID, &zip); err != nil {
		t.Fatal(err)
	}
	return letter, zip.Bytes()
}

// A letter played to its end is sealed by the ceremonies of everybody, at the
// level of everybody, and verifies nowhere as anything but a specimen.
func TestSpecimenNeverVerifies(t *testing.T) {
	t.Parallel()
	p := newPlayed(t)
	letter, pkg := p.signed(t)
	now := p.Office.Now()
	own, err := signing.Check(bytes.NewReader(letter), int64(len(letter)), signing.CheckOptions{Roots: p.Office.Trust.Own, At: now, Sandbox: true})
	if err != nil || own.Verdict != signing.Valid || own.Signatures[0].Level != "PAdES-BASELINE-LTA" {
		t.Fatalf("the sandbox itself finds %+v, %v", own, err)
	}
	// Whoever trusts the root of the sandbox, with all that goes with it, is
	// refused all the same: the extension is critical and nobody knows it.
	rep, err := evidence.Verify(t.Context(), bytes.NewReader(pkg), int64(len(pkg)), bytes.NewReader(letter), int64(len(letter)),
		evidence.Options{Roots: p.Office.Trust.Own, At: now})
	if err != nil || rep.Outcome != proof.Unverifiable || !rep.Specimen {
		t.Errorf("trusted by somebody: %s, %t, %v", rep.Outcome, rep.Specimen, err)
	}
	for _, f := range rep.Findings {
		if f.Outcome == proof.Invalid {
			t.Errorf("something is false: %+v", f)
		}
	}
	var said strings.Builder
	if err := rep.French(&said); err != nil || !strings.Contains(strings.ReplaceAll(said.String(), "\u00a0", " "), "Spécimen du bac à sable : sans valeur") {
		t.Errorf("the report says %s", said.String())
	}
	for i, d := range rep.Decisions {
		if d.Outcome == proof.Valid {
			t.Errorf("decision %d is valid", i)
		}
	}
	for _, o := range []*dossiers.Office{p.town.Office, p.Office} { // the page and the API of a real town, and of this one
		hold := func(b []byte) *dossiers.Held {
			h, err := o.Hold(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		got, err := o.Examine(t.Context(), hold(letter), hold(pkg))
		if err != nil || got.Outcome == proof.Valid || !got.Specimen {
			t.Errorf("examined: %+v, %v", got, err)
		}
		if got, err := o.Examine(t.Context(), hold(letter), nil); err != nil || got.Outcome == proof.Valid || !got.Specimen {
			t.Errorf("the letter alone: %+v, %v", got, err)
		}
	}
}

// Taking the mark off breaks what carried it.
func TestStrippedSpecimenIsInvalid(t *testing.T) {
	t.Parallel()
	p := newPlayed(t)
	letter, pkg := p.signed(t)
	check := func(letter, pkg []byte) proof.Outcome {
		rep, err := evidence.Verify(t.Context(), bytes.NewReader(pkg), int64(len(pkg)), bytes.NewReader(letter), int64(len(letter)),
			evidence.Options{Roots: p.Office.Trust.Own, At: p.Office.Now()})
		if err != nil {
			t.Fatal(err)
		}
		return rep.Outcome
	}
	if got := check(letter, pkg); got != proof.Unverifiable {
		t.Fatalf("untouched: %s", got)
	}
	// The visible mark: the content stream is in the signed bytes.
	at := bytes.Index(letter, []byte("/PrphRed"))
	if at < 0 {
		t.Fatal("no mark in the letter")
	}
	stripped := bytes.Clone(letter)
	copy(stripped[at:], "/PrphXed")
	if got := check(stripped, pkg); got != proof.Invalid {
		t.Errorf("without its visible mark: %s", got)
	}
	// The town: every statement, enrolment and entry says or hashes its SIRET.
	real := repacked(t, pkg, p.Tenant.SIRET, "21490999900010")
	if got := check(letter, real); got != proof.Invalid {
		t.Errorf("passed off as of a real town: %s", got)
	}
}

// The mark is seen on every page, and said in the text.
func TestSpecimenIsSeen(t *testing.T) {
	t.Parallel()
	p := newPlayed(t)
	letter, _ := p.signed(t)
	text := tooltest.On(t, letter, "pdftotext", "FILE", "-")
	if !strings.Contains(text, "SPÉCIMEN — SANS VALEUR. Document d’un bac à sable") || strings.Count(text, "SPÉCIMEN — SANS VALEUR") != 2 {
		t.Errorf("the text is %s", text) // at the foot of the page, and in the block of the signature
	}
}

// The clock, moved, brings about what deadlines do: reminders, escalation.
func TestSandboxClock(t *testing.T) {
	t.Parallel()
	p := newPlayed(t)
	d := p.deposit(t, "courrier-simple")
	before, err := p.Read(p.app)
	if err != nil || before.Ahead != 0 {
		t.Fatalf("%+v, %v", before, err)
	}
	// The sweep of the node may come first and count what this one then has not to do: the journal tells.
	c, done, err := p.Advance(t.Context(), p.app, before.Now.Add(30*24*time.Hour))
	if err != nil || done.Reminded > 1 || c.Ahead < 29*24*time.Hour || c.Now.Sub(c.Real).Round(time.Minute) != c.Ahead.Round(time.Minute) {
		t.Fatalf("moved: %+v, %+v, %v", c, done, err)
	}
	kinds := map[string]bool{}
	entries, err := p.Office.Store.JournalOf(t.Context(), p.Tenant.ID, d.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		kinds[e.Kind] = true
	}
	if !kinds[circuits.KindReminded] || !kinds[circuits.KindEscalated] {
		t.Errorf("what happened is %v", kinds)
	}
	if _, _, err := p.Advance(t.Context(), p.app, before.Now); !errors.Is(err, dossiers.ErrClockBack) {
		t.Errorf("back: %v", err)
	}
	if _, _, err := p.Advance(t.Context(), p.app, before.Now.AddDate(50, 0, 0)); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("too far: %v", err)
	}
	// Keys of programs live on the real clock, and another node learns the move.
	if _, _, err := p.Office.Authenticate(t.Context(), p.Tenant, p.Key); err != nil {
		t.Errorf("the key after the move: %v", err)
	}
	late := &towntest.Town{Config: p.town.Config, Tenant: p.town.Tenant}
	late.Open(t)
	o, err := late.OfficeOf(t.Context(), p.Tenant.ID)
	if err != nil || time.Until(o.Now()) < 29*24*time.Hour {
		t.Errorf("another node is at %v, %v", o.Now(), err)
	}
	// What is decided then is sealed and dated then.
	if _, err := p.play(t, d.ID, "maire", "visa"); err != nil {
		if _, err := p.play(t, d.ID, "dgs", "visa"); err != nil {
			t.Errorf("after the move: %v", err)
		}
	}
}

// An invitation lives by the real clock: it opens though the sandbox is weeks
// ahead.
func TestSandboxInvitations(t *testing.T) {
	t.Parallel()
	p := newPlayed(t)
	before, err := p.Read(p.app)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Advance(t.Context(), p.app, before.Now.AddDate(0, 0, 20)); err != nil {
		t.Fatal(err)
	}
	if err := p.Cast(t.Context(), p.Tenant, person(t, p, demo.Preparer), "preparatrice"); err != nil {
		t.Errorf("invited three weeks ahead: %v", err)
	}
}

// Certificates follow the clock: past their end, nobody signs.
func TestSandboxCertificatesEnd(t *testing.T) {
	t.Parallel()
	p := newPlayed(t)
	before, err := p.Read(p.app)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Advance(t.Context(), p.app, before.Now.AddDate(4, 0, 0)); err != nil {
		t.Fatal(err)
	}
	r, err := p.Office.Keys.Readiness(t.Context(), p.Tenant, person(t, p, demo.Mayor).ID)
	if err != nil || r.Usable || len(r.Problems) == 0 || r.Problems[0] != dossiers.KeyExpired {
		t.Errorf("%+v, %v", r, err)
	}
}

func person(t *testing.T, p played, email string) dossiers.Person {
	t.Helper()
	out, err := p.Office.Store.PersonByEmail(t.Context(), p.Tenant.ID, email)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Nothing of a sandbox serves in another town, and nothing real in it.
func TestSandboxStaysApart(t *testing.T) {
	t.Parallel()
	p := newPlayed(t)
	ctx, real := t.Context(), p.town
	d := real.Deposit(t)
	v := real.Person(t, demo.Drafter).Viewer(t)
	if _, err := p.Play(ctx, v, "dgs", dossiers.DecisionItem{Dossier: d.ID, Decision: "visa"}); !errors.Is(err, dossiers.ErrNotSandbox) {
		t.Errorf("played in a real town: %v", err)
	}
	var none *dossiers.Sandbox
	if _, err := none.Play(ctx, p.app, "dgs", dossiers.DecisionItem{Dossier: d.ID, Decision: "visa"}); !errors.Is(err, dossiers.ErrNotSandbox) {
		t.Errorf("played where no sandbox is given: %v", err)
	}
	if _, _, err := p.Advance(ctx, v, time.Now().Add(time.Hour)); !errors.Is(err, dossiers.ErrNotSandbox) {
		t.Errorf("the clock of a real town moved: %v", err)
	}
	// A letter of the real town is not there for who plays.
	if _, err := p.play(t, d.ID, "dgs", "visa"); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("a letter of the real town: %v", err)
	}
	// The office of real towns does not serve sandboxes, nor this one others.
	if _, err := real.Office.Tenant(ctx, p.Tenant.Host()); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("the real office serves the sandbox: %v", err)
	}
	if _, err := p.Office.Tenant(ctx, real.Tenant.Host()); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("the sandbox serves a real town: %v", err)
	}
	// A specimen key does not sign in a real town, a real one not in a sandbox.
	k, err := p.PKI.Person(demoPerson())
	if err != nil {
		t.Fatal(err)
	}
	if err := real.Ring.Add(ctx, real.Tenant, "0f0e0d0c-0b0a-4999-8888-777766665555", "", "x", k, dossiers.Founder()); err == nil {
		t.Error("a specimen key was added to a real town")
	}
	other, err := real.Demo.Person(demoPerson())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Ring.Add(ctx, p.Tenant, "0f0e0d0c-0b0a-4999-8888-777766665556", "", "x", other, dossiers.Founder()); err == nil {
		t.Error("a key of the demonstration was added to a sandbox")
	}
	if _, err := real.Box(ctx, real.Tenant); !errors.Is(err, dossiers.ErrNotSandbox) {
		t.Errorf("a box for a real town: %v", err)
	}
	// No key of a real town is given the scope.
	admin := real.Person(t, demo.Administrator).Viewer(t)
	apps, err := real.Store.Applications(ctx, real.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := real.Office.AddAPIKey(ctx, admin, apps[0].ID, []string{dossiers.ScopeSandbox}, time.Time{}); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("the scope in a real town: %v", err)
	}
}

// A passkey in software enrols in its sandbox and nowhere else.
func TestSoftwarePasskeyElsewhere(t *testing.T) {
	t.Parallel()
	p := newPlayed(t)
	ctx, real := t.Context(), p.town
	invitation := real.Founded.Invitations[demo.DGS]
	who, err := real.Office.InvitedPerson(ctx, real.Tenant, invitation)
	if err != nil {
		t.Fatal(err)
	}
	_, s, err := real.Office.OpenVisit(ctx, real.Tenant)
	if err != nil {
		t.Fatal(err)
	}
	asked, err := real.Office.BeginEnrolment(ctx, real.Tenant, s, invitation)
	if err != nil {
		t.Fatal(err)
	}
	var x dossiers.TestPerson
	if _, err := p.Player.Register(real.Tenant, who, asked.Options, &x); err == nil {
		t.Error("the player makes a passkey for a real town")
	}
	// Its authenticator, made to answer for the real town all the same.
	as := real.Tenant
	as.SIRET = p.Tenant.SIRET
	response, err := p.Player.Register(as, who, asked.Options, &x)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := real.Office.FinishEnrolment(ctx, real.Tenant, s, invitation, asked.Ceremony, response, "x"); err == nil {
		t.Error("a passkey in software was enrolled in a real town")
	}
}

// Refusals of a play: who is no test person, whose turn it is not, a letter
// that is signed already, a reason that is missing.
func TestPlayRefusals(t *testing.T) {
	t.Parallel()
	p := newPlayed(t)
	d := p.deposit(t, "courrier-simple")
	for name, c := range map[string]struct {
		who  string
		item dossiers.DecisionItem
		want error
	}{
		"nobody":            {"personne", dossiers.DecisionItem{Decision: "visa"}, dossiers.ErrInvalid},
		"not their turn":    {"maire", dossiers.DecisionItem{Decision: "signature"}, circuits.ErrDesk},
		"not that decision": {"dgs", dossiers.DecisionItem{Decision: "signature"}, circuits.ErrKind},
		"no such decision":  {"dgs", dossiers.DecisionItem{Decision: "oui"}, dossiers.ErrInvalid},
		"no reason":         {"dgs", dossiers.DecisionItem{Decision: "refus"}, circuits.ErrReason},
		"other bytes":       {"dgs", dossiers.DecisionItem{Decision: "visa", Seen: circuits.Digest{1}}, circuits.ErrStale},
	} {
		c.item.Dossier = d.ID
		if _, err := p.Play(t.Context(), p.app, c.who, c.item); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	got, err := p.Play(t.Context(), p.app, "dgs", dossiers.DecisionItem{Dossier: d.ID, Decision: "refus", Reason: "À revoir"})
	if err != nil || got.State.Phase != circuits.Refused {
		t.Errorf("refused: %s, %v", got.State.Phase, err)
	}
	signed := towntest.Sample(t, "lettre-rue-des-mariniers.pdf")
	letter, _ := p.signed(t)
	if _, err := p.Office.Receive(t.Context(), p.Tenant, "x.pdf", bytes.NewReader(letter)); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("a signed PDF in a sandbox: %v", err)
	}
	if r, err := p.town.Office.Receive(t.Context(), p.town.Tenant, "x.pdf", bytes.NewReader(signed)); err != nil || r.Bytes != int64(len(signed)) {
		t.Errorf("a real town marks letters: %+v, %v", r, err)
	}
}

func demoPerson() certs.DemoPerson {
	return certs.DemoPerson{Name: "Camille Durand", Quality: "Maire", Town: "Ailleurs"}
}

// repacked writes a package anew with one text for another in every file.
func repacked(t *testing.T, pkg []byte, old, text string) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(pkg), int64(len(pkg)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		h := f.FileHeader
		to, err := w.CreateHeader(&zip.FileHeader{Name: h.Name, Method: h.Method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write(bytes.ReplaceAll(b, []byte(old), []byte(text))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
