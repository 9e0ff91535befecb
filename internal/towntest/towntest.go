// Package towntest gives tests a whole town hall: the demonstration town on
// an assembled node, with its own database, keys and folder, and people who
// hold a software authenticator and make real gestures.
//
// Everything that goes wrong here is fatal for the test.
package towntest

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/pgtest"
	"parapheur/internal/wiring"
	"parapheur/migrations"
)

// Origin is where the town of the tests is served.
const Origin = "http://localhost:8080"

// A Town is a running town hall.
type Town struct {
	*wiring.System
	Tenant  dossiers.Tenant
	Founded dossiers.Founded
	DSN     string // of the database, as its owner
	Config  wiring.Config
	people  map[string]*Person
}

// A Person of the town, enrolled and signed in.
type Person struct {
	town    *Town
	Email   string
	Token   string // of the session's cookie
	Session dossiers.Session
	auth    virtualwebauthn.Authenticator
	key     virtualwebauthn.Credential
	rp      virtualwebauthn.RelyingParty
}

// New assembles and seeds a town. change may alter the node's configuration.
// Jobs are worked until the test ends, unless it asks for no Workers.
func New(t testing.TB, change ...func(*wiring.Config)) *Town {
	t.Helper()
	town := &Town{DSN: pgtest.DSN(t, migrations.Apply), people: map[string]*Person{}}
	town.Config = wiring.Config{
		DatabaseURL: town.DSN, DataDir: t.TempDir(), MasterKey: []byte("une clé de test, 32 octets juste"), DemoURL: Origin + "/pki",
		Workers: 2, Log: slog.New(slog.DiscardHandler), Now: time.Now, Version: "test",
	}
	town.Config.MasterKey = append([]byte(nil), town.Config.MasterKey...)[:32]
	for _, c := range change {
		c(&town.Config)
	}
	town.Open(t)
	var err error
	if town.Tenant, town.Founded, err = demo.Seed(t.Context(), town.System, town.DSN, Origin); err != nil {
		t.Fatal(err)
	}
	return town
}

// Open assembles the node of the town's configuration: once more, as after a
// restart, when the test closed the previous one.
func (town *Town) Open(t testing.TB) {
	t.Helper()
	s, err := wiring.Assemble(t.Context(), town.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	town.System = s
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
}

// Person returns somebody of the demonstration, enrolled at the first call.
func (town *Town) Person(t testing.TB, email string) *Person {
	t.Helper()
	if p, ok := town.people[email]; ok {
		return p
	}
	p := &Person{
		town: town, Email: email, key: virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2),
		rp:   virtualwebauthn.RelyingParty{ID: town.Tenant.RPID, Name: "Parapheur", Origin: town.Tenant.Origin},
		auth: virtualwebauthn.NewAuthenticator(),
	}
	p.enrol(t)
	town.people[email] = p
	return p
}

func (p *Person) enrol(t testing.TB) {
	t.Helper()
	ctx, o, tenant := t.Context(), p.town.Office, p.town.Tenant
	invitation := p.town.Founded.Invitations[p.Email]
	invited := must(o.InvitedPerson(ctx, tenant, invitation))(t)
	p.auth.Options.UserHandle = invited.Handle
	_, s, err := o.OpenVisit(ctx, tenant)
	if err != nil {
		t.Fatal(err)
	}
	g := must(o.BeginEnrolment(ctx, tenant, s, invitation))(t)
	options := must(virtualwebauthn.ParseAttestationOptions(publicKey(g.Options)))(t)
	response := virtualwebauthn.CreateAttestationResponse(p.rp, p.auth, p.key, *options)
	if p.Token, _, err = o.FinishEnrolment(ctx, tenant, s, invitation, g.Ceremony, []byte(response), ""); err != nil {
		t.Fatal(err)
	}
	p.auth.AddCredential(p.key)
	p.Session = must(o.Visit(ctx, tenant, p.Token))(t)
}

// Viewer is the person as the town knows them now.
func (p *Person) Viewer(t testing.TB) dossiers.Viewer {
	t.Helper()
	return must(p.town.Office.Viewer(t.Context(), p.town.Tenant, p.Session))(t)
}

// Gesture answers a decision request as the person's authenticator does.
func (p *Person) Gesture(t testing.TB, req dossiers.DecisionRequest) []byte {
	t.Helper()
	options := must(virtualwebauthn.ParseAssertionOptions(publicKey(req.Options)))(t)
	return []byte(virtualwebauthn.CreateAssertionResponse(p.rp, p.auth, p.key, *options))
}

// Decide reads the letter as it stands and takes one decision on it.
func (p *Person) Decide(t testing.TB, id dossiers.ID, decision, reason string) (dossiers.Dossier, error) {
	t.Helper()
	ctx, o, v := t.Context(), p.town.Office, p.Viewer(t)
	d, err := p.town.Store.Dossier(ctx, p.town.Tenant.ID, id)
	if err != nil {
		return d, err
	}
	item := dossiers.DecisionItem{Dossier: id, Decision: decision, Reason: reason, Seen: d.Main().Revision.SHA256}
	req, err := o.BeginDecision(ctx, v, p.Session, []dossiers.DecisionItem{item})
	if err != nil {
		return d, err
	}
	out, err := o.FinishDecision(ctx, v, p.Session, req.Ceremony, p.Gesture(t, req))
	if err != nil {
		return d, err
	}
	return out[0].Dossier, out[0].Err
}

// Letter receives the sample letter.
func (town *Town) Letter(t testing.TB) dossiers.Received {
	t.Helper()
	return town.receive(t, "lettre-rue-des-mariniers.pdf")
}

// Annex receives the sample annex.
func (town *Town) Annex(t testing.TB) dossiers.Received {
	t.Helper()
	return town.receive(t, "annexe-plan-du-chantier.pdf")
}

func (town *Town) receive(t testing.TB, name string) dossiers.Received {
	t.Helper()
	f := must(demo.Samples().Open(name))(t)
	defer f.Close() //nolint:errcheck // embedded
	return must(town.Office.Receive(t.Context(), town.Tenant, name, f))(t)
}

// Sample returns the bytes of a sample PDF.
func Sample(t testing.TB, name string) []byte {
	t.Helper()
	return must(fs.ReadFile(demo.Samples(), name))(t)
}

// Deposit sends the sample letter with its annex along "Courrier simple".
func (town *Town) Deposit(t testing.TB) dossiers.Dossier {
	t.Helper()
	d, _, err := town.Office.Deposit(t.Context(), town.Person(t, demo.Drafter).Viewer(t), dossiers.Draft{
		Title: "Réfection du trottoir, rue des Mariniers", Recipient: "M. et Mme Lefèvre", TypeCode: "courrier-simple",
		Main: town.Letter(t), Annexes: []dossiers.Received{town.Annex(t)}, Start: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Await returns the dossier once its state satisfies ok, waiting on the
// journal's notifications.
func (town *Town) Await(t testing.TB, id dossiers.ID, ok func(dossiers.Dossier) bool) dossiers.Dossier {
	t.Helper()
	events, cancel := town.Hub.Subscribe(town.Tenant.ID)
	defer cancel()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	for {
		d := must(town.Store.Dossier(t.Context(), town.Tenant.ID, id))(t)
		if ok(d) {
			return d
		}
		select {
		case <-events:
		case <-time.After(200 * time.Millisecond): // a notice may have come before Subscribe
		case <-limit.C:
			t.Fatalf("dossier %s still in phase %s, steps %+v", id, d.State.Phase, d.State.Steps)
		}
	}
}

// Read returns the whole of a document as v sees it.
func (town *Town) Read(t testing.TB, v dossiers.Viewer, id dossiers.ID, n int, which string) []byte {
	t.Helper()
	c := must(town.Office.Content(t.Context(), v, id, n, which))(t)
	defer c.Close() //nolint:errcheck // read only
	return must(io.ReadAll(c))(t)
}

// publicKey gives the options in the form that virtualwebauthn parses.
func publicKey(options []byte) string {
	var wrapped struct {
		PublicKey json.RawMessage `json:"publicKey"`
	}
	if json.Unmarshal(options, &wrapped) == nil && wrapped.PublicKey != nil {
		return string(options)
	}
	return `{"publicKey":` + string(options) + `}`
}

// must makes a value of a value and an error, or ends the test.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
