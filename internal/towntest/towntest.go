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
	"github.com/jackc/pgx/v5/pgxpool"

	"parapheur/approvals/proof"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/pgtest"
	"parapheur/internal/tooltest"
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

// New assembles and seeds a town in a database of its own. change may alter
// the node's configuration. Jobs are worked until the test ends, unless it
// asks for no Workers.
func New(t testing.TB, change ...func(*wiring.Config)) *Town {
	t.Helper()
	return On(t, pgtest.DSN(t, migrations.Apply), change...)
}

// On is New in a database of the caller's, migrated: one that lasts, say.
func On(t testing.TB, dsn string, change ...func(*wiring.Config)) *Town {
	t.Helper()
	town := &Town{DSN: dsn, Config: Node(dsn, t.TempDir()), people: map[string]*Person{}}
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

// Neighbour seeds another town on the same node.
func (town *Town) Neighbour(t testing.TB) *Town {
	t.Helper()
	return town.beside(t, dossiers.Tenant{
		SIRET: "21490888800017", Name: "Ville de Saint-Martin-des-Prés", Place: "Saint-Martin-des-Prés",
		RPID: "voisine.localhost", Origin: "http://voisine.localhost:8080", Demo: true,
	})
}

// Strict seeds a town on the same node which is none for demonstration: the
// administrator founds it, and vouches for the passkey of everybody else.
func (town *Town) Strict(t testing.TB) *Town {
	t.Helper()
	return town.beside(t, dossiers.Tenant{
		SIRET: "21490777200013", Name: "Ville de Saint-Loup-sur-Thouet", Place: "Saint-Loup-sur-Thouet",
		RPID: "stricte.localhost", Origin: "http://stricte.localhost:8080",
	})
}

// A Sandbox is a bac à sable on the node of a town.
type Sandbox struct {
	*wiring.Box
	Tenant dossiers.Tenant
	Key    string // of its application
	Admin  string // invitation of its administrator
}

// Sandbox seeds a sandbox on the same node.
func (town *Town) Sandbox(t testing.TB) *Sandbox {
	t.Helper()
	const host = "bac-a-sable.localhost"
	tenant, founded, err := demo.SeedSandbox(t.Context(), town.System, town.DSN, host, "http://"+host+":8080")
	if err != nil {
		t.Fatal(err)
	}
	return &Sandbox{
		Box: must(town.Box(t.Context(), tenant))(t), Tenant: tenant, Key: founded.APIKeys[demo.SandboxGEC], Admin: founded.Invitations[demo.Administrator],
	}
}

func (town *Town) beside(t testing.TB, tenant dossiers.Tenant) *Town {
	t.Helper()
	other := &Town{System: town.System, DSN: town.DSN, Config: town.Config, people: map[string]*Person{}}
	var err error
	other.Tenant, other.Founded, err = demo.SeedTown(t.Context(), town.System, town.DSN, tenant)
	if err != nil {
		t.Fatal(err)
	}
	return other
}

// Node is the configuration of a node over a database and a folder. Nodes of
// one town share both, in this process or in another.
func Node(dsn, dir string) wiring.Config {
	return wiring.Config{
		DatabaseURL: dsn, DataDir: dir, MasterKey: []byte("a master key of tests, 32 bytes!"), DemoURL: Origin + "/pki",
		EngineCache: tooltest.EngineCache(), Workers: 2, Log: slog.New(slog.DiscardHandler), Now: time.Now, Version: "test",
		Outward: wiring.Outward{Rounds: -1}, // a test says when webhooks are sent
	}
}

// Open assembles a node of the town's configuration and makes it the one that
// the town's methods use: one more, or the same after a restart.
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

// Owner connects to the town's database as its owner, past row-level security.
func (town *Town) Owner(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool := must(pgxpool.New(t.Context(), town.DSN))(t)
	t.Cleanup(pool.Close)
	return pool
}

// Desk returns the desk of this name.
func (town *Town) Desk(t testing.TB, name string) dossiers.Desk {
	t.Helper()
	for _, d := range must(town.Store.Desks(t.Context(), town.Tenant.ID))(t) {
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("no desk %q", name)
	return dossiers.Desk{}
}

// Newcomer makes somebody known to the town, seats them at a desk if one is
// named, and returns them enrolled and signed in.
func (town *Town) Newcomer(t testing.TB, email, desk string) *Person {
	t.Helper()
	admin := town.Person(t, demo.Administrator).Viewer(t)
	made := must(town.Office.AddPerson(t.Context(), admin, dossiers.Person{GivenName: "Camille", FamilyName: email, Email: email}))(t)
	if desk != "" {
		if err := town.Office.Seat(t.Context(), admin, town.Desk(t, desk).ID, made.ID, "Adjointe", false); err != nil {
			t.Fatal(err)
		}
	}
	token, _, err := town.Office.InvitePerson(t.Context(), admin, made.ID)
	if err != nil {
		t.Fatal(err)
	}
	town.Founded.Invitations[email] = token
	return town.Person(t, email)
}

// Person returns somebody of the demonstration, enrolled at the first call.
func (town *Town) Person(t testing.TB, email string) *Person {
	t.Helper()
	if p, ok := town.people[email]; ok {
		return p
	}
	p := town.Unconfirmed(t, email)
	if p.Token == "" {
		town.Person(t, demo.Administrator).Vouch(t, email)
		p.Token = p.Elsewhere(t).Token
	}
	p.Session = must(town.Office.Visit(t.Context(), town.Tenant, p.Token))(t)
	town.people[email] = p
	return p
}

// Unconfirmed returns somebody of the demonstration who registered a passkey
// just now, and is signed in if that needs no witness.
func (town *Town) Unconfirmed(t testing.TB, email string) *Person {
	t.Helper()
	p := &Person{
		town: town, Email: email, key: newKey(),
		rp:   virtualwebauthn.RelyingParty{ID: town.Tenant.RPID, Name: "Parapheur", Origin: town.Tenant.Origin},
		auth: virtualwebauthn.NewAuthenticator(),
	}
	p.enrol(t)
	return p
}

// newKey draws a passkey. The software authenticator drops the leading zeros
// of coordinates, once in 128 keys, which real ones do not: it draws again.
func newKey() virtualwebauthn.Credential {
	for {
		c := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
		if _, err := proof.ParseKey(c.Key.AttestationData()); err == nil {
			return c
		}
	}
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
	p.Token = must(o.FinishEnrolment(ctx, tenant, s, invitation, g.Ceremony, []byte(response), ""))(t).Token
	p.auth.AddCredential(p.key)
}

// Vouch confirms, with a gesture, each passkey that waits of somebody.
func (p *Person) Vouch(t testing.TB, email string) {
	t.Helper()
	ctx, o, v := t.Context(), p.town.Office, p.Viewer(t)
	for _, r := range must(o.EnrolmentRequests(ctx, v))(t) {
		if r.Holder.Email != email {
			continue
		}
		g := must(o.BeginWitness(ctx, v, p.Session, r.ID, "en présence de la personne"))(t)
		if err := o.FinishWitness(ctx, v, p.Session, g.Ceremony, p.Answer(t, g.Options)); err != nil {
			t.Fatal(err)
		}
	}
}

// Viewer is the person as the town knows them now.
func (p *Person) Viewer(t testing.TB) dossiers.Viewer {
	t.Helper()
	return must(p.town.Office.Viewer(t.Context(), p.town.Tenant, p.Session))(t)
}

// Elsewhere returns the same person, with the same passkey, signed in from
// another browser.
func (p *Person) Elsewhere(t testing.TB) *Person {
	t.Helper()
	ctx, o, tenant := t.Context(), p.town.Office, p.town.Tenant
	other := *p
	_, s, err := o.OpenVisit(ctx, tenant)
	if err != nil {
		t.Fatal(err)
	}
	g := must(o.BeginSignIn(ctx, tenant, s))(t)
	if other.Token, _, err = o.FinishSignIn(ctx, tenant, s, g.Ceremony, p.Answer(t, g.Options)); err != nil {
		t.Fatal(err)
	}
	other.Session = must(o.Visit(ctx, tenant, other.Token))(t)
	return &other
}

// At returns the person as if their browser were at origin.
func (p *Person) At(origin string) *Person {
	other := *p
	other.rp.Origin = origin
	return &other
}

// Unverified returns the person with an authenticator that asked for neither
// finger nor code.
func (p *Person) Unverified() *Person {
	other := *p
	other.auth.Options.UserNotVerified = true
	return &other
}

// Answer answers the options of a sign-in or of a decision as the person's
// authenticator does.
func (p *Person) Answer(t testing.TB, options []byte) []byte {
	t.Helper()
	parsed := must(virtualwebauthn.ParseAssertionOptions(publicKey(options)))(t)
	return []byte(virtualwebauthn.CreateAssertionResponse(p.rp, p.auth, p.key, *parsed))
}

// Gesture answers a decision request.
func (p *Person) Gesture(t testing.TB, req dossiers.DecisionRequest) []byte {
	t.Helper()
	return p.Answer(t, req.Options)
}

// Item is a decision about the letter as it stands.
func (town *Town) Item(t testing.TB, id dossiers.ID, decision, reason string) dossiers.DecisionItem {
	t.Helper()
	d := must(town.Store.Dossier(t.Context(), town.Tenant.ID, id))(t)
	return dossiers.DecisionItem{Dossier: id, Decision: decision, Reason: reason, Seen: d.Main().Revision.SHA256}
}

// Decide reads the letter as it stands and takes one decision on it.
func (p *Person) Decide(t testing.TB, id dossiers.ID, decision, reason string) (dossiers.Dossier, error) {
	t.Helper()
	req, err := p.Begin(t, id, decision, reason)
	if err != nil {
		return dossiers.Dossier{}, err
	}
	return p.Finish(t, req, p.Gesture(t, req))
}

// Begin asks for the statements of one decision.
func (p *Person) Begin(t testing.TB, id dossiers.ID, decision, reason string) (dossiers.DecisionRequest, error) {
	t.Helper()
	items := []dossiers.DecisionItem{p.town.Item(t, id, decision, reason)}
	return p.town.Office.BeginDecision(t.Context(), p.Viewer(t), p.Session, items)
}

// Finish sends the gesture of one decision.
func (p *Person) Finish(t testing.TB, req dossiers.DecisionRequest, response []byte) (dossiers.Dossier, error) {
	t.Helper()
	out, err := p.town.Office.FinishDecision(t.Context(), p.Viewer(t), p.Session, req.Ceremony, response)
	if err != nil {
		return dossiers.Dossier{}, err
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
	limit := time.NewTimer(time.Minute)
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
