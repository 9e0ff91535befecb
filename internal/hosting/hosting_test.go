package hosting_test

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"parapheur/approvals"
	"parapheur/approvals/proof"
	"parapheur/dossiers"
	"parapheur/internal/hosting"
	"parapheur/internal/pgtest"
	"parapheur/internal/postgres"
	"parapheur/journal"
	"parapheur/migrations"
)

const origin = "http://centre.localhost:8080"

// A bench is a hosting centre on a database of its own.
type bench struct {
	*hosting.Centre
	t     *testing.T
	store *postgres.Host
	owner *pgxpool.Pool // past row-level security
	later time.Duration
}

func open(t *testing.T) *bench {
	t.Helper()
	dsn := pgtest.DSN(t, migrations.Apply)
	pool, err := postgres.HostPool(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	b := &bench{t: t, store: postgres.NewHost(pool)}
	if b.owner, err = pgxpool.New(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.owner.Close)
	b.Centre, err = hosting.Open(hosting.Parts{
		Store: b.store, Origin: origin, Domain: "parapheur.example", Now: func() time.Time { return time.Now().Add(b.later) }, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A somebody of the centre holds a software authenticator.
type somebody struct {
	b    *bench
	auth virtualwebauthn.Authenticator
	key  virtualwebauthn.Credential
	site virtualwebauthn.RelyingParty
	v    hosting.Viewer
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%v (%s)", err, approvals.Detail(err))
		}
		return v
	}
}

// enrol invites somebody and registers their passkey.
func (b *bench) enrol(name, email string) *somebody {
	b.t.Helper()
	link, _, err := b.Invite(b.t.Context(), name, email)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.register(link)
}

func (b *bench) register(link string) *somebody {
	b.t.Helper()
	ctx := b.t.Context()
	token, ours := strings.CutPrefix(link, origin+"/enrolement/")
	if !ours {
		b.t.Fatal(link)
	}
	w := &somebody{b: b, auth: virtualwebauthn.NewAuthenticator(), site: virtualwebauthn.RelyingParty{ID: "centre.localhost", Origin: origin}}
	for w.key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); ; w.key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2) {
		if _, err := proof.ParseKey(w.key.Key.AttestationData()); err == nil {
			break // the software authenticator drops leading zeros, once in 128 keys
		}
	}
	p := must(b.InvitedPerson(ctx, token))(b.t)
	w.auth.Options.UserHandle = p.Handle
	_, s, err := b.OpenVisit(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	g := must(b.BeginEnrolment(ctx, s, token))(b.t)
	options := must(virtualwebauthn.ParseAttestationOptions(string(g.Options)))(b.t)
	cookie, _, err := b.FinishEnrolment(ctx, s, token, g.Ceremony, []byte(virtualwebauthn.CreateAttestationResponse(w.site, w.auth, w.key, *options)), "Mon téléphone")
	if err != nil {
		b.t.Fatal(err)
	}
	w.auth.AddCredential(w.key)
	w.v = w.visit(cookie)
	return w
}

func (w *somebody) visit(cookie string) hosting.Viewer {
	w.b.t.Helper()
	v, signed, err := w.b.Visit(w.b.t.Context(), cookie)
	if err != nil || !signed {
		w.b.t.Fatal(signed, err)
	}
	return v
}

func (w *somebody) answer(options []byte) []byte {
	w.b.t.Helper()
	parsed := must(virtualwebauthn.ParseAssertionOptions(string(options)))(w.b.t)
	return []byte(virtualwebauthn.CreateAssertionResponse(w.site, w.auth, w.key, *parsed))
}

// do begins an act and makes its gesture.
func (w *somebody) do(g hosting.Gesture, err error) (hosting.Created, error) {
	w.b.t.Helper()
	if err != nil {
		return hosting.Created{}, err
	}
	_, out, err := w.b.Finish(w.b.t.Context(), w.v, g.Ceremony, w.answer(g.Options))
	return out, err
}

func newTown() hosting.NewTown {
	return hosting.NewTown{
		SIRET: "214 907 772 00013", Name: " Ville  Neuve ", Place: "Ville Neuve", Origin: "ville-neuve",
		GivenName: "Anne", FamilyName: "de la Tour", Email: "anne@neuve.example",
	}
}

// A town is created by a gesture, up to the link of its administrator; another
// link can be made until the first passkey, and the centre sees no row since.
func TestCreate(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	w := b.enrol("Zoé Lambert", "zoe@centre.example")
	made, err := w.do(b.BeginCreate(ctx, w.v, newTown()))
	if err != nil {
		t.Fatal(err)
	}
	if made.Town.SIRET != "21490777200013" || made.Town.Name != "Ville Neuve" || made.Town.Origin != "https://ville-neuve.parapheur.example" || made.Town.RPID != "ville-neuve.parapheur.example" {
		t.Errorf("%+v", made.Town)
	}
	app := must(postgres.Pool(ctx, b.owner.Config().ConnString()))(t)
	defer app.Close()
	office := dossiers.Open(dossiers.Parts{Store: postgres.New(app, nil), Now: time.Now, Rand: rand.Reader, Location: time.UTC})
	town := must(office.Tenant(ctx, "ville-neuve.parapheur.example"))(t)
	token := func(link string) string { return strings.TrimPrefix(link, town.Origin+"/enrolement/") }
	if p := must(office.InvitedPerson(ctx, town, token(made.Link)))(t); !p.Admin || p.FamilyName != "de la Tour" {
		t.Errorf("administrator %+v", p)
	}
	again := must(w.do(b.BeginOnTown(ctx, w.v, hosting.KindTownInvited, town.SIRET, "")))(t)
	if _, err := office.InvitedPerson(ctx, town, token(made.Link)); !errors.Is(err, dossiers.ErrInvitation) {
		t.Errorf("the first link: %v", err)
	}
	must(office.InvitedPerson(ctx, town, token(again.Link)))(t)
	if towns := must(b.Towns(ctx))(t); len(towns) != 1 || !towns[0].Awaiting || towns[0].Suspended() {
		t.Errorf("%+v", towns)
	}
	// Its first passkey, as far as the database knows.
	if _, err := b.owner.Exec(ctx, `update journal_head set enrolments = 1`); err != nil {
		t.Fatal(err)
	}
	if towns := must(b.Towns(ctx))(t); towns[0].Awaiting {
		t.Error("the town waits for its first passkey")
	}
	if _, err := b.BeginOnTown(ctx, w.v, hosting.KindTownInvited, town.SIRET, ""); !errors.Is(err, dossiers.ErrConflict) {
		t.Errorf("a link for a town that has its administrator: %v", err)
	}
	err = b.store.Reenter(ctx, town.ID, hosting.Fact{At: time.Now(), Subject: "x", Kind: "x"}, func(dossiers.Store) error { t.Error("entered"); return nil })
	if !errors.Is(err, dossiers.ErrConflict) {
		t.Errorf("enter: %v", err)
	}
	b.chain("person.added", "person.invited", "passkey.enrolled", "town.created", "town.invited")
}

// chain verifies the journal of the centre, and the gesture of each act with
// the passkey that it names, as a stranger would.
func (b *bench) chain(kinds ...string) {
	b.t.Helper()
	entries := must(b.store.Journal(b.t.Context(), 0, 100))(b.t)
	var got []string
	head, keys := journal.Genesis(hosting.Chain), map[string][]byte{}
	for _, e := range entries {
		if err := journal.Check(head, e); err != nil {
			b.t.Fatal(err)
		}
		head = e
		got = append(got, e.Kind)
		line := must(hosting.ReadLine(e))(b.t)
		if line.Evidence != nil {
			if _, err := proof.VerifyAct(*line.Evidence, keys[string(line.Evidence.CredentialID)], "centre.localhost", origin); err != nil {
				b.t.Errorf("entry %d: %v", e.Seq, err)
			}
		}
		if line.COSEKey != nil {
			keys[string(line.CredentialID)] = line.COSEKey
		}
	}
	for _, l := range must(b.Lines(b.t.Context()))(b.t) {
		if l.Proved != (l.Evidence != nil) {
			b.t.Errorf("entry %d, %s: proved %t", l.Seq, l.Kind, l.Proved)
		}
	}
	if !slices.Equal(got, kinds) {
		b.t.Errorf("journal %q, want %q", got, kinds)
	}
}

// What is wrong is refused by its field, before any gesture, and nothing is left.
func TestCreateRefused(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	w := b.enrol("Zoé Lambert", "zoe@centre.example")
	must(w.do(b.BeginCreate(ctx, w.v, newTown())))(t)
	for _, bad := range []struct {
		field  string
		change func(n *hosting.NewTown)
	}{
		{"siret", func(n *hosting.NewTown) { n.SIRET = "21490777200014" }},
		{"siret", func(n *hosting.NewTown) { n.Origin = "autre" }}, // taken
		{"origin", func(n *hosting.NewTown) { n.SIRET = "21490999900010" }},
		{"origin", func(n *hosting.NewTown) { n.SIRET, n.Origin = "21490999900010", origin }},
		{"origin", func(n *hosting.NewTown) { n.SIRET, n.Origin = "21490999900010", "http://autre.fr" }},
		{"origin", func(n *hosting.NewTown) { n.SIRET, n.Origin = "21490999900010", "Pas Un Mot" }},
		{"name", func(n *hosting.NewTown) { n.Name = " " }},
		{"place", func(n *hosting.NewTown) { n.SIRET, n.Place = "21490999900010", "a\x00b" }},
		{"given_name", func(n *hosting.NewTown) { n.GivenName = "" }},
		{"family_name", func(n *hosting.NewTown) { n.FamilyName = strings.Repeat("a", 81) }},
		{"email", func(n *hosting.NewTown) { n.Email = "anne" }},
	} {
		n := newTown()
		bad.change(&n)
		_, err := b.BeginCreate(ctx, w.v, n)
		var why *dossiers.InvalidError
		if !errors.As(err, &why) || why.Field != bad.field || why.Reason == "" {
			t.Errorf("%+v: %v", n, err)
		}
	}
	// Two at once: the gesture of the second comes too late.
	other := newTown()
	other.SIRET, other.Origin = "21490999900010", "seconde"
	first, second := must(b.BeginCreate(ctx, w.v, other))(t), must(b.BeginCreate(ctx, w.v, other))(t)
	must(w.do(first, nil))(t)
	if _, err := w.do(second, nil); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("the same town twice: %v", err)
	}
	if _, err := w.do(first, nil); !errors.Is(err, dossiers.ErrCeremony) {
		t.Errorf("a ceremony twice: %v", err)
	}
	if towns := must(b.Towns(ctx))(t); len(towns) != 2 {
		t.Errorf("%d towns", len(towns))
	}
	var people int
	if err := b.owner.QueryRow(ctx, `select count(*) from person`).Scan(&people); err != nil || people != 2 {
		t.Errorf("%d people, %v", people, err)
	}
}

// A creation that fails half-way leaves nothing, and the same town may be
// created again.
func TestCreateWhole(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	w := b.enrol("Zoé Lambert", "zoe@centre.example")
	if _, err := b.owner.Exec(ctx, `create function fail() returns trigger language plpgsql as $$ begin raise 'power cut'; end $$;
		create trigger fail before insert on invitation for each row execute function fail()`); err != nil {
		t.Fatal(err)
	}
	if _, err := w.do(b.BeginCreate(ctx, w.v, newTown())); err == nil || !strings.Contains(err.Error(), "power cut") {
		t.Fatal(err)
	}
	if _, err := b.owner.Exec(ctx, `drop trigger fail on invitation`); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"tenant", "journal_head", "person", "desk", "journal"} {
		var n int
		if err := b.owner.QueryRow(ctx, `select count(*) from `+pgx.Identifier{table}.Sanitize()).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s keeps %d rows, %v", table, n, err)
		}
	}
	must(w.do(b.BeginCreate(ctx, w.v, newTown())))(t)
	b.chain("person.added", "person.invited", "passkey.enrolled", "town.created")
}

// The gesture is one of the person's own passkey, at the centre, in the session
// that began it.
func TestGestureRefused(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	w, thief := b.enrol("Zoé Lambert", "zoe@centre.example"), b.enrol("Paul Ici", "paul@centre.example")
	g := func() hosting.Gesture { return must(b.BeginCreate(ctx, w.v, newTown()))(t) }
	finish := func(v hosting.Viewer, g hosting.Gesture, response []byte) error {
		_, _, err := b.Finish(ctx, v, g.Ceremony, response)
		return err
	}
	a := g()
	if err := finish(thief.v, a, thief.answer(a.Options)); !errors.Is(err, dossiers.ErrCeremony) {
		t.Errorf("in another session: %v", err)
	}
	a = g()
	if err := finish(w.v, a, thief.answer(a.Options)); !errors.Is(err, approvals.ErrUnknownCredential) {
		t.Errorf("by somebody else: %v", err)
	}
	elsewhere := *w
	elsewhere.site.Origin = "http://ville-neuve.localhost:8080"
	a = g()
	if err := finish(w.v, a, elsewhere.answer(a.Options)); !errors.Is(err, approvals.ErrOrigin) {
		t.Errorf("from a town: %v", err)
	}
	mute := *w
	mute.auth.Options.UserNotVerified = true
	a = g()
	if err := finish(w.v, a, mute.answer(a.Options)); !errors.Is(err, approvals.ErrUserVerification) {
		t.Errorf("not verified: %v", err)
	}
	if _, err := b.Dismiss(ctx, "Zoe@centre.example"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.BeginCreate(ctx, w.v, newTown()); !errors.Is(err, approvals.ErrNoCredential) {
		t.Errorf("dismissed: %v", err)
	}
	if _, _, err := b.Invite(ctx, "Zoé", "zoe@centre.example"); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("a link for who was dismissed: %v", err)
	}
	if towns := must(b.Towns(ctx))(t); len(towns) != 0 {
		t.Errorf("%d towns", len(towns))
	}
}

// People of the centre sign in by passkey; a link serves once, for seven days.
func TestDoor(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	link, _, err := b.Invite(ctx, "Zoé Lambert", "zoe@centre.example")
	if err != nil {
		t.Fatal(err)
	}
	newer, _, err := b.Invite(ctx, "", "ZOE@centre.example")
	if err != nil {
		t.Fatal(err)
	}
	token := func(link string) string { return strings.TrimPrefix(link, origin+"/enrolement/") }
	b.later = 8 * 24 * time.Hour
	if _, err := b.InvitedPerson(ctx, token(newer)); !errors.Is(err, dossiers.ErrInvitation) {
		t.Errorf("after a week: %v", err)
	}
	b.later = 0
	if _, err := b.InvitedPerson(ctx, token(link)); !errors.Is(err, dossiers.ErrInvitation) {
		t.Errorf("an older link: %v", err)
	}
	w := b.register(newer)
	if _, err := b.InvitedPerson(ctx, token(newer)); !errors.Is(err, dossiers.ErrInvitation) {
		t.Errorf("a used link: %v", err)
	}
	sign := func() (string, error) {
		_, s, err := b.OpenVisit(ctx)
		if err != nil {
			t.Fatal(err)
		}
		g := must(b.BeginSignIn(ctx, s))(t)
		cookie, _, err := b.FinishSignIn(ctx, s, g.Ceremony, w.answer(g.Options))
		return cookie, err
	}
	cookie := must(sign())(t)
	if v := w.visit(cookie); v.Person.Email != "zoe@centre.example" || v.Person.Passkeys != 1 {
		t.Errorf("%+v", v.Person)
	}
	if err := b.CloseVisit(ctx, cookie); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Visit(ctx, cookie); !errors.Is(err, dossiers.ErrSignInNeeded) {
		t.Errorf("after leaving: %v", err)
	}
	cookie = must(sign())(t)
	if _, err := b.Dismiss(ctx, "zoe@centre.example"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Visit(ctx, cookie); !errors.Is(err, dossiers.ErrSignInNeeded) {
		t.Errorf("the session of who was dismissed: %v", err)
	}
	if _, err := sign(); !errors.Is(err, approvals.ErrUnknownCredential) && !errors.Is(err, dossiers.ErrForbidden) {
		t.Errorf("sign-in of who was dismissed: %v", err)
	}
}

// A program creates a town once, however often it asks.
func TestProgram(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	secret, k, err := b.AddKey(ctx, "Guichet", 30)
	if err != nil {
		t.Fatal(err)
	}
	if got := must(b.Authenticate(ctx, secret))(t); got.ID != k.ID || got.Name != "Guichet" {
		t.Errorf("%+v", got)
	}
	for _, bad := range []string{"", "hk_", "hk_" + k.ID, secret + "x", "pk_" + strings.TrimPrefix(secret, "hk_"), "hk_0000000000000000_x"} {
		if _, err := b.Authenticate(ctx, bad); !errors.Is(err, dossiers.ErrSignInNeeded) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	first := must(b.CreateTown(ctx, k, newTown(), "demande-1"))(t)
	again := must(b.CreateTown(ctx, k, newTown(), "demande-1"))(t)
	if first.Link == "" || first.Replayed || again.Link != "" || !again.Replayed || again.Town.ID != first.Town.ID {
		t.Errorf("%+v, then %+v", first, again)
	}
	other := newTown()
	other.Place = "Ailleurs"
	if _, err := b.CreateTown(ctx, k, other, "demande-1"); !errors.Is(err, dossiers.ErrKeyReused) {
		t.Errorf("something else under the same name: %v", err)
	}
	if _, err := b.CreateTown(ctx, k, other, "demande-2"); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("the same town under another name: %v", err)
	}
	if _, err := b.CreateTown(ctx, k, other, ""); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("without a name: %v", err)
	}
	if link := must(b.InviteAgain(ctx, k, "21490777200013"))(t).Link; link == "" || link == first.Link {
		t.Errorf("another link: %q", link)
	}
	if _, err := b.InviteAgain(ctx, k, "21490888800007"); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("no such town: %v", err)
	}
	// Many at once: one is made.
	n := newTown()
	n.SIRET, n.Origin = "21490999900010", "seconde"
	answers := make(chan hosting.Created, 4)
	for range 4 {
		go func() {
			out, err := b.CreateTown(context.WithoutCancel(ctx), k, n, "demande-3")
			if err != nil {
				t.Error(err)
			}
			answers <- out
		}()
	}
	links := 0
	for range 4 {
		if out := <-answers; out.Link != "" {
			links++
		}
	}
	if links != 1 {
		t.Errorf("%d links", links)
	}
	b.later = 31 * 24 * time.Hour
	if _, err := b.Authenticate(ctx, secret); !errors.Is(err, dossiers.ErrSignInNeeded) {
		t.Errorf("after its end: %v", err)
	}
	b.later = 0
	if err := b.RevokeKey(ctx, k.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Authenticate(ctx, secret); !errors.Is(err, dossiers.ErrSignInNeeded) {
		t.Errorf("revoked: %v", err)
	}
	b.chain("key.added", "town.created", "town.invited", "town.created", "key.revoked")
}

// A suspended town answers nobody, then goes on.
func TestSuspend(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	w := b.enrol("Zoé Lambert", "zoe@centre.example")
	town := must(w.do(b.BeginCreate(ctx, w.v, newTown())))(t).Town
	app := must(postgres.Pool(ctx, b.owner.Config().ConnString()))(t)
	defer app.Close()
	office := dossiers.Open(dossiers.Parts{Store: postgres.New(app, nil), Now: time.Now, Rand: rand.Reader, Location: time.UTC})
	if _, err := b.BeginOnTown(ctx, w.v, hosting.KindTownSuspended, town.SIRET, " "); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("without a reason: %v", err)
	}
	must(w.do(b.BeginOnTown(ctx, w.v, hosting.KindTownSuspended, town.SIRET, "Convention échue")))(t)
	if got, err := office.Tenant(ctx, "ville-neuve.parapheur.example"); !errors.Is(err, dossiers.ErrSuspended) || got.Name != "Ville Neuve" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := b.BeginOnTown(ctx, w.v, hosting.KindTownSuspended, town.SIRET, "Encore"); !errors.Is(err, dossiers.ErrConflict) {
		t.Errorf("twice: %v", err)
	}
	must(w.do(b.BeginOnTown(ctx, w.v, hosting.KindTownResumed, town.SIRET, "")))(t)
	must(office.Tenant(ctx, "ville-neuve.parapheur.example"))(t)
	if _, err := b.BeginOnTown(ctx, w.v, hosting.KindTownResumed, town.SIRET, ""); !errors.Is(err, dossiers.ErrConflict) {
		t.Errorf("going on twice: %v", err)
	}
	if _, err := b.BeginOnTown(ctx, w.v, "town.deleted", town.SIRET, ""); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("an act that does not exist: %v", err)
	}
}
