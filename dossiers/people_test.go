package dossiers_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"

	"parapheur/approvals/proof"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// invited makes an invitation for a person, as the administrator does.
func invited(t *testing.T, town *towntest.Town, p dossiers.Viewer) string {
	t.Helper()
	token, _, err := town.Office.InvitePerson(t.Context(), town.Person(t, demo.Administrator).Viewer(t), p.Person.ID)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// attest answers the options of a registration with a new key.
func attest(t *testing.T, town *towntest.Town, handle, options []byte) []byte {
	t.Helper()
	key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	for { // the software authenticator drops leading zeros, once in 128 keys
		if _, err := proof.ParseKey(key.Key.AttestationData()); err == nil {
			break
		}
		key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	}
	var bare map[string]json.RawMessage
	if err := json.Unmarshal(options, &bare); err != nil {
		t.Fatal(err)
	}
	if bare["publicKey"] == nil {
		options = []byte(`{"publicKey":` + string(options) + `}`)
	}
	asked, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		t.Fatal(err)
	}
	auth := virtualwebauthn.NewAuthenticator()
	auth.Options.UserHandle = handle
	rp := virtualwebauthn.RelyingParty{ID: town.Tenant.RPID, Name: "Parapheur", Origin: town.Tenant.Origin}
	return []byte(virtualwebauthn.CreateAttestationResponse(rp, auth, key, *asked))
}

// enrolBy enrols a passkey through an invitation, from a browser that nobody
// signed in on, and returns its session's token.
func enrolBy(t *testing.T, town *towntest.Town, invitation string, p dossiers.Viewer) (string, error) {
	t.Helper()
	ctx, o := t.Context(), town.Office
	_, s, err := o.OpenVisit(ctx, town.Tenant)
	if err != nil {
		t.Fatal(err)
	}
	g, err := o.BeginEnrolment(ctx, town.Tenant, s, invitation)
	if err != nil {
		return "", err
	}
	out, err := o.FinishEnrolment(ctx, town.Tenant, s, invitation, g.Ceremony, attest(t, town, p.Person.Handle, g.Options), "autre")
	return out.Token, err
}

// addKey adds a passkey to those of a signed-in person.
func addKey(t *testing.T, town *towntest.Town, p *towntest.Person) {
	t.Helper()
	v := p.Viewer(t)
	g, err := town.Office.BeginPasskey(t.Context(), v, p.Session)
	if err != nil {
		t.Fatal(err)
	}
	answer := attest(t, town, v.Person.Handle, g.Options)
	if g, err = town.Office.FinishPasskey(t.Context(), v, p.Session, g.Ceremony, answer, "seconde"); err != nil {
		t.Fatal(err)
	}
	if err := town.Office.FinishWitness(t.Context(), v, p.Session, g.Ceremony, p.Answer(t, g.Options)); err != nil {
		t.Fatal(err)
	}
}

// One invitation of a person is open at a time, and none after an enrolment.
func TestInvitationsReplaceEachOther(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	ctx, o := t.Context(), town.Office
	dgs := town.Person(t, demo.DGS).Viewer(t)
	first := invited(t, town, dgs)
	second := invited(t, town, dgs)
	if _, err := o.InvitedPerson(ctx, town.Tenant, first); !errors.Is(err, dossiers.ErrInvitation) {
		t.Errorf("the invitation before is still open: %v", err)
	}
	if _, err := o.InvitedPerson(ctx, town.Tenant, second); err != nil {
		t.Errorf("the last invitation: %v", err)
	}
	if _, err := o.InvitedPerson(ctx, town.Tenant, town.Founded.Invitations[demo.Preparer]); err != nil {
		t.Errorf("the invitation of somebody else: %v", err)
	}
	// As if both had been made before invitations replaced each other.
	if _, err := town.Owner(t).Exec(ctx, `update invitation set used_at = null where person = $1`, dgs.Person.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := enrolBy(t, town, second, dgs); err != nil {
		t.Fatal(err)
	}
	if _, err := enrolBy(t, town, first, dgs); !errors.Is(err, dossiers.ErrInvitation) {
		t.Errorf("a second key through the other invitation: %v", err)
	}
}

// A key that an administrator's link adds to somebody's is told to them, even
// once their own key is revoked; one they add themself is not.
func TestUnexpectedPasskeys(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	o, mayor := town.Office, town.Person(t, demo.Mayor)
	unexpected := func() []dossiers.Credential {
		t.Helper()
		found, err := o.UnexpectedPasskeys(t.Context(), mayor.Viewer(t))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	addKey(t, town, mayor)
	if found := unexpected(); len(found) != 0 {
		t.Fatalf("told of what they did themself: %d keys", len(found))
	}
	if _, err := enrolBy(t, town, invited(t, town, mayor.Viewer(t)), mayor.Viewer(t)); err != nil {
		t.Fatal(err)
	}
	found := unexpected()
	if len(found) != 1 {
		t.Fatalf("told of %d keys, want the one of the invitation", len(found))
	}
	admin := town.Person(t, demo.Administrator).Viewer(t)
	if name, was, err := found[0].InvitedBy(); err != nil || !was || name != admin.Person.Name() {
		t.Errorf("invited by %q, %v, %v", name, was, err)
	}
	all, err := o.Passkeys(t.Context(), mayor.Viewer(t))
	if err != nil || len(all) != 3 {
		t.Fatal(len(all), err)
	}
	for _, k := range all[:2] { // whoever holds the third would hide it so
		if err := o.RevokePasskey(t.Context(), mayor.Viewer(t), mayor.Session, k.ID); err != nil {
			t.Fatal(err)
		}
	}
	if len(unexpected()) != 1 {
		t.Error("the keys before it are revoked, and the person is told nothing")
	}
	if _, err := town.Owner(t).Exec(t.Context(), `update credential set created_at = created_at - interval '31 days'`); err != nil {
		t.Fatal(err)
	}
	if len(unexpected()) != 0 {
		t.Error("told for ever")
	}
}

// Whoever came in with a passkey is out when it is revoked, and the browser
// that revoked it stays in.
func TestRevocationClosesOtherSessions(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	ctx, o := t.Context(), town.Office
	dgs, mayor := town.Person(t, demo.DGS), town.Person(t, demo.Mayor)
	elsewhere := dgs.Elsewhere(t)
	addKey(t, town, dgs)
	keys, err := o.Passkeys(ctx, dgs.Viewer(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.RevokePasskey(ctx, dgs.Viewer(t), dgs.Session, keys[0].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Visit(ctx, town.Tenant, elsewhere.Token); !errors.Is(err, dossiers.ErrSignInNeeded) {
		t.Errorf("the other browser: %v", err)
	}
	for who, p := range map[string]*towntest.Person{"the browser that revoked": dgs, "somebody else": mayor} {
		if _, err := o.Visit(ctx, town.Tenant, p.Token); err != nil {
			t.Errorf("%s: %v", who, err)
		}
	}
}

// A deactivated person is out at once and stays out, until reactivated.
func TestDeactivation(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	ctx, o := t.Context(), town.Office
	admin, dgs := town.Person(t, demo.Administrator).Viewer(t), town.Person(t, demo.DGS)
	letter, who := town.Deposit(t).ID, dgs.Viewer(t)
	req, err := dgs.Begin(t, letter, "visa", "")
	if err != nil {
		t.Fatal(err)
	}
	invitation := invited(t, town, who)
	if err := o.SetActive(ctx, admin, admin.Person.ID, false); !errors.Is(err, dossiers.ErrOneself) {
		t.Errorf("an administrator deactivates themself: %v", err)
	}
	before := head(t, town, admin)
	for range 2 { // the second changes nothing
		if err := o.SetActive(ctx, admin, who.Person.ID, false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.Visit(ctx, town.Tenant, dgs.Token); !errors.Is(err, dossiers.ErrSignInNeeded) {
		t.Errorf("the session: %v", err)
	}
	out, err := o.FinishDecision(ctx, who, dgs.Session, req.Ceremony, dgs.Gesture(t, req))
	if err == nil {
		err = out[0].Err
	}
	if !errors.Is(err, dossiers.ErrForbidden) {
		t.Errorf("a decision under way: %v", err)
	}
	if _, err := signIn(t, town, dgs); !errors.Is(err, dossiers.ErrForbidden) {
		t.Errorf("sign-in: %v", err)
	}
	if _, err := o.InvitedPerson(ctx, town.Tenant, invitation); !errors.Is(err, dossiers.ErrInvitation) {
		t.Errorf("the invitation of before: %v", err)
	}
	if _, _, err := o.InvitePerson(ctx, admin, who.Person.ID); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("a new invitation: %v", err)
	}
	// As an operator does it, in the database.
	if _, err := town.Owner(t).Exec(ctx, `update invitation set used_at = null`); err != nil {
		t.Fatal(err)
	}
	if _, err := enrolBy(t, town, invitation, who); !errors.Is(err, dossiers.ErrInvitation) {
		t.Errorf("an invitation that was left open: %v", err)
	}
	if err := o.SetActive(ctx, admin, who.Person.ID, true); err != nil {
		t.Fatal(err)
	}
	if _, err := signIn(t, town, dgs); err != nil {
		t.Errorf("sign-in once active again: %v", err)
	}
	if got := acts(t, town, admin, before); got != "person.deactivated person.reactivated" {
		t.Errorf("journal: %s", got)
	}
}

// A desk taken from somebody is theirs no more, and the journal says so.
func TestUnseat(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	ctx, o := t.Context(), town.Office
	admin, dgs := town.Person(t, demo.Administrator).Viewer(t), town.Person(t, demo.DGS)
	letter, who := town.Deposit(t).ID, dgs.Viewer(t)
	before := head(t, town, admin)
	desk := who.Person.Seats[0].Desk
	for name, err := range map[string]error{
		"no such desk":   o.Unseat(ctx, admin, "01900000-0000-7000-8000-000000000000", who.Person.ID),
		"no such person": o.Unseat(ctx, admin, desk, "x"),
		"no such seat":   o.Unseat(ctx, admin, desk, admin.Person.ID),
	} {
		if !errors.Is(err, dossiers.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := o.Unseat(ctx, admin, desk, who.Person.ID); err != nil {
		t.Fatal(err)
	}
	if left := dgs.Viewer(t).Person.Seats; len(left) != len(who.Person.Seats)-1 {
		t.Errorf("still seated: %v", left)
	}
	if _, err := dgs.Begin(t, letter, "visa", ""); err == nil {
		t.Error("decides at a desk they left")
	}
	if got := acts(t, town, admin, before); got != "seat.removed" {
		t.Errorf("journal: %s", got)
	}
}

func head(t *testing.T, town *towntest.Town, admin dossiers.Viewer) int64 {
	t.Helper()
	e, err := town.Office.JournalHead(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	return e.Seq
}

// acts lists the kinds of the journal's entries after one, but for what
// happened to letters.
func acts(t *testing.T, town *towntest.Town, admin dossiers.Viewer, after int64) string {
	t.Helper()
	entries, err := town.Office.JournalTail(t.Context(), admin, after, 100)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Kind, "person.") || strings.HasPrefix(e.Kind, "seat.") {
			out = append(out, e.Kind)
		}
	}
	return strings.Join(out, " ")
}

// signIn makes the gesture of a sign-in.
func signIn(t *testing.T, town *towntest.Town, p *towntest.Person) (string, error) {
	t.Helper()
	ctx, o := t.Context(), town.Office
	_, s, err := o.OpenVisit(ctx, town.Tenant)
	if err != nil {
		t.Fatal(err)
	}
	g, err := o.BeginSignIn(ctx, town.Tenant, s)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := o.FinishSignIn(ctx, town.Tenant, s, g.Ceremony, p.Answer(t, g.Options))
	return token, err
}
