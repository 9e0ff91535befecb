package dossiers_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"parapheur/approvals"
	"parapheur/approvals/proof"
	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
	"parapheur/journal"
)

// waiting are the passkeys of a town that wait for a witness.
func waiting(t *testing.T, town *towntest.Town, v dossiers.Viewer) []dossiers.EnrolmentRequest {
	t.Helper()
	all, err := town.Office.EnrolmentRequests(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// vouch asks v's gesture for a passkey and gives it.
func vouch(t *testing.T, town *towntest.Town, p *towntest.Person, kid []byte, identity string) error {
	t.Helper()
	v := p.Viewer(t)
	g, err := town.Office.BeginWitness(t.Context(), v, p.Session, kid, identity)
	if err != nil {
		return err
	}
	return town.Office.FinishWitness(t.Context(), v, p.Session, g.Ceremony, p.Answer(t, g.Options))
}

// In a town that is none for demonstration a letter is signed by people whose
// passkeys an administrator vouched for, and the chain says so.
func TestWitnessedTown(t *testing.T) {
	t.Parallel()
	town := towntest.New(t).Strict(t)
	d := decided(t, town)
	signedOnce(t, town, town.Await(t, d.ID, completed))
	chain, err := town.Store.Enrolments(t.Context(), town.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := proof.VerifyEnrolments(town.Tenant.SIRET, chain); err != nil || proof.Born(chain) != proof.FoundedByOperator {
		t.Fatalf("chain born %q: %v", proof.Born(chain), err)
	}
	admin := town.Person(t, demo.Administrator).Viewer(t).Person
	for i, raw := range chain[1:] {
		e, err := proof.ParseEnrolment(raw)
		if err != nil || e.Witness == nil || e.Witness.Person != string(admin.ID) || e.IdentityCheck != "en présence de la personne" || e.EnrolledBy != admin.Name() {
			t.Errorf("enrolment %d: %+v, %v", i+2, e, err)
		}
	}
	if len(chain) != 4 {
		t.Errorf("%d enrolments", len(chain))
	}
	rep := (&hall{Town: town, now: time.Now()}).proves(t, d.ID)
	witnessed := 0
	for _, e := range rep.Enrolments {
		if w := e.Witness; w != nil {
			witnessed++
			if w.Administrator == nil || !*w.Administrator || w.Entry == 0 || w.Person != string(admin.ID) {
				t.Errorf("%s: the journal says of the witness %+v", e.Name, w)
			}
		}
	}
	if witnessed != 2 || len(rep.Enrolments) != 3 {
		t.Errorf("%d witnesses in %d enrolments", witnessed, len(rep.Enrolments))
	}
}

// Who is dismissed between the question and the gesture vouches for nothing:
// the journal never says that somebody vouched who was no administrator.
func TestDismissedWitness(t *testing.T) {
	t.Parallel()
	town := towntest.New(t).Strict(t)
	ctx, o := t.Context(), town.Office
	admin, mayor := town.Person(t, demo.Administrator), town.Person(t, demo.Mayor)
	town.Unconfirmed(t, demo.DGS)
	v := admin.Viewer(t)
	g, err := o.BeginWitness(ctx, v, admin.Session, waiting(t, town, v)[0].ID, "en présence")
	if err != nil {
		t.Fatal(err)
	}
	setup, err := o.Organisation(ctx, v)
	if err != nil {
		t.Fatal(err)
	}
	var changes []dossiers.Amendment
	for _, m := range setup.People {
		if was := m.Admin; m.ID == v.Person.ID || m.ID == mayor.Viewer(t).Person.ID {
			m.Admin = !was
			changes = append(changes, dossiers.MemberSet{Member: m})
		}
	}
	if _, err := o.Amend(ctx, v, changes...); err != nil {
		t.Fatal(err)
	}
	if err := o.FinishWitness(ctx, v, admin.Session, g.Ceremony, admin.Answer(t, g.Options)); !errors.Is(err, dossiers.ErrForbidden) {
		t.Errorf("got %v", err)
	}
	if n := len(waiting(t, town, mayor.Viewer(t))); n != 1 {
		t.Errorf("%d passkeys wait", n)
	}
}

// A passkey that waits opens nothing, its holder is told why, and it becomes
// theirs by the gesture of an administrator alone.
func TestPendingPasskey(t *testing.T) {
	t.Parallel()
	town := towntest.New(t).Strict(t)
	ctx, o := t.Context(), town.Office
	admin, drafter, dgs := town.Person(t, demo.Administrator), town.Person(t, demo.Drafter), town.Person(t, demo.DGS)
	mayor, err := town.Store.PersonByEmail(ctx, town.Tenant.ID, demo.Mayor)
	if err != nil {
		t.Fatal(err)
	}
	token, err := enrolBy(t, town, town.Founded.Invitations[demo.Mayor], dossiers.Viewer{Tenant: town.Tenant, Person: &mayor})
	if err != nil || token != "" {
		t.Fatalf("session %q, %v", token, err)
	}
	requests := waiting(t, town, admin.Viewer(t))
	if len(requests) != 1 || requests[0].Holder.ID != mayor.ID {
		t.Fatalf("requests: %+v", requests)
	}
	kid := requests[0].ID
	if n := len(waiting(t, town, drafter.Viewer(t))); n != 0 {
		t.Errorf("somebody else sees %d requests", n)
	}
	if all, err := town.Store.Credentials(ctx, town.Tenant.ID, mayor.ID); err != nil || len(all) != 0 {
		t.Errorf("a passkey in force before its witness: %d, %v", len(all), err)
	}
	for name, refused := range map[string]struct {
		got, want error
	}{
		"not an administrator":            {vouch(t, town, drafter, kid, "vu"), dossiers.ErrNotFound},
		"an officer of no administration": {vouch(t, town, dgs, kid, "vu"), dossiers.ErrNotFound},
		"without verification":            {vouch(t, town, admin.Unverified(), kid, "vu"), approvals.ErrUserVerification},
		"from another site":               {vouch(t, town, admin.At("https://evil.example"), kid, "vu"), approvals.ErrOrigin},
		"no such passkey":                 {vouch(t, town, admin, []byte("x"), "vu"), dossiers.ErrNotFound},
	} {
		if !errors.Is(refused.got, refused.want) {
			t.Errorf("%s: got %v, want %v", name, refused.got, refused.want)
		}
	}
	var invalid *dossiers.InvalidError
	if err := vouch(t, town, admin, kid, " "); !errors.As(err, &invalid) {
		t.Errorf("nobody says how the person was recognised: %v", err)
	}
	if err := vouch(t, town, admin, kid, "en présence"); err != nil {
		t.Fatal(err)
	}
	if all, err := town.Store.Credentials(ctx, town.Tenant.ID, mayor.ID); err != nil || len(all) != 1 {
		t.Errorf("%d passkeys, %v", len(all), err)
	}
	if err := o.RefusePasskey(ctx, admin.Viewer(t), kid); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("refused afterwards: %v", err)
	}
}

// The holder of a passkey that waits is told at the door; refused, it is gone.
func TestPendingPasskeyAtTheDoor(t *testing.T) {
	t.Parallel()
	town := towntest.New(t).Strict(t)
	admin := town.Person(t, demo.Administrator)
	dgs := town.Unconfirmed(t, demo.DGS)
	if _, err := signIn(t, town, dgs); !errors.Is(err, dossiers.ErrPending) {
		t.Errorf("at the door: %v", err)
	}
	kid := waiting(t, town, admin.Viewer(t))[0].ID
	if err := town.Office.RefusePasskey(t.Context(), admin.Viewer(t), kid); err != nil {
		t.Fatal(err)
	}
	if _, err := signIn(t, town, dgs); !errors.Is(err, approvals.ErrUnknownCredential) {
		t.Errorf("at the door once refused: %v", err)
	}
	if err := vouch(t, town, admin, kid, "en présence"); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("vouched for after the refusal: %v", err)
	}
	if last := lastEntry(t, town, admin.Viewer(t)); last.Kind != "passkey.refused" {
		t.Errorf("the journal ends with %s", last.Kind)
	}
}

// Rows written in the database make nobody an approver: a credential without
// the gesture of a witness breaks the chain, and no key is used.
func TestDatabaseAddsNoApprover(t *testing.T) {
	t.Parallel()
	town := towntest.New(t).Strict(t)
	ctx := t.Context()
	mayor := town.Person(t, demo.Mayor)
	d := decided(t, town)
	town.Await(t, d.ID, completed)
	stored, err := town.Store.Credentials(ctx, town.Tenant.ID, mayor.Viewer(t).Person.ID)
	if err != nil || len(stored) != 1 {
		t.Fatal(err)
	}
	for _, forge := range []struct {
		name   string
		change func(*proof.Enrolment)
	}{
		{"without witness, as in an old town", func(e *proof.Enrolment) { e.Schema, e.Witness = "parapheur.enrolment.v1", nil }},
		{"as a founding", func(e *proof.Enrolment) { e.Witness, e.Founding = nil, proof.FoundedByOperator }},
		{"as a demonstration", func(e *proof.Enrolment) { e.Witness, e.Founding = nil, proof.FoundedForDemonstration }},
		{"with the gesture that vouched for another", func(*proof.Enrolment) {}},
	} {
		chain, err := town.Store.Enrolments(ctx, town.Tenant.ID)
		if err != nil {
			t.Fatal(err)
		}
		e, err := proof.ParseEnrolment(stored[0].EnrolmentStatement)
		if err != nil {
			t.Fatal(err)
		}
		e.CredentialIDSHA256, e.PrevSHA256 = proof.SHA256([]byte(forge.name)), proof.EnrolmentDigest(chain[len(chain)-1])
		forge.change(&e)
		raw, err := e.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := proof.VerifyEnrolments(town.Tenant.SIRET, append(slices.Clone(chain), raw)); !errors.Is(err, proof.ErrInvalid) {
			t.Errorf("%s: %v", forge.name, err)
		}
	}
	// The whole of it, by the owner of the database: the next key refuses.
	e, err := proof.ParseEnrolment(stored[0].EnrolmentStatement)
	if err != nil {
		t.Fatal(err)
	}
	head, err := town.Store.EnrolmentHead(ctx, town.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	e.Witness, e.Founding, e.PrevSHA256, e.CredentialIDSHA256 = nil, proof.FoundedByOperator, proof.Digest(head), proof.Digest{7}
	raw, err := e.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	forged := stored[0]
	forged.ID, forged.EnrolmentStatement, forged.EnrolmentHash = []byte("forged"), raw, proof.EnrolmentDigest(raw)
	if err := town.Store.Enrol(ctx, town.Tenant.ID, forged, head, nil, circuits.Actor{Name: "base"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	next := decided(t, town)
	if err := town.Office.Seal(ctx, town.Tenant.ID, next.ID); !errors.Is(err, certs.ErrRefusedByGate) {
		t.Errorf("a key under a forged chain: %v", err)
	}
}

// lastEntry is the last entry of the journal of a town.
func lastEntry(t *testing.T, town *towntest.Town, admin dossiers.Viewer) journal.Entry {
	t.Helper()
	last, err := town.Office.JournalHead(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// Two officers vouch at once: the chain takes one, and the other is asked again.
func TestWitnessesAtOnce(t *testing.T) {
	t.Parallel()
	town := towntest.New(t).Strict(t)
	ctx, o, admin := t.Context(), town.Office, town.Person(t, demo.Administrator)
	for _, email := range []string{demo.Mayor, demo.DGS} {
		p, err := town.Store.PersonByEmail(ctx, town.Tenant.ID, email)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := enrolBy(t, town, town.Founded.Invitations[email], dossiers.Viewer{Tenant: town.Tenant, Person: &p}); err != nil {
			t.Fatal(err)
		}
	}
	requests, v := waiting(t, town, admin.Viewer(t)), admin.Viewer(t)
	var gestures []dossiers.Gesture
	for _, r := range requests {
		g, err := o.BeginWitness(ctx, v, admin.Session, r.ID, "en présence")
		if err != nil {
			t.Fatal(err)
		}
		gestures = append(gestures, g)
	}
	if err := o.FinishWitness(ctx, v, admin.Session, gestures[0].Ceremony, admin.Answer(t, gestures[0].Options)); err != nil {
		t.Fatal(err)
	}
	if err := o.FinishWitness(ctx, v, admin.Session, gestures[1].Ceremony, admin.Answer(t, gestures[1].Options)); !errors.Is(err, dossiers.ErrConflict) {
		t.Errorf("got %v", err)
	}
	if err := vouch(t, town, admin, requests[1].ID, "en présence"); err != nil {
		t.Error(err)
	}
	if err := o.FinishWitness(ctx, v, admin.Session, gestures[1].Ceremony, admin.Answer(t, gestures[1].Options)); !errors.Is(err, dossiers.ErrCeremony) {
		t.Errorf("a gesture served twice: %v", err)
	}
}

// What the journal says of an enrolment is what verifies.
func TestEnrolmentInTheJournal(t *testing.T) {
	t.Parallel()
	town := towntest.New(t).Strict(t)
	admin := town.Person(t, demo.Administrator)
	dgs := town.Person(t, demo.DGS).Viewer(t)
	last := lastEntry(t, town, admin.Viewer(t))
	var body struct {
		Statement json.RawMessage `json:"statement"`
		By        circuits.Actor  `json:"by"`
	}
	if err := json.Unmarshal(last.Body, &body); err != nil {
		t.Fatal(err)
	}
	e, err := proof.ParseEnrolment(body.Statement)
	if err != nil || last.Kind != "passkey.enrolled" || e.Person != string(dgs.Person.ID) || e.Witness == nil || body.By.Person != admin.Viewer(t).Person.ID {
		t.Errorf("%s: %+v by %+v, %v", last.Kind, e, body.By, err)
	}
}
