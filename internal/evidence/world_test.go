package evidence

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"parapheur/approvals"
	"parapheur/approvals/proof"
	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/internal/pdftest"
	"parapheur/journal"
	"parapheur/signing"
)

const (
	siret     = "21690123100011"
	rpID      = "parapheur.saint-aubin.fr"
	origin    = "https://parapheur.saint-aubin.fr"
	dossierID = "0193a5b0-7c3e-7d11-9a2b-3c4d5e6f7081"
)

// official is somebody of the town with a desk and a passkey.
type official struct {
	actor circuits.Actor
	user  approvals.User
	auth  virtualwebauthn.Authenticator
	key   virtualwebauthn.Credential
	// ground is the act by which they decide for another, or empty.
	ground string
}

// world is a town that handles one letter: real passkeys, real signatures, a real journal.
type world struct {
	now        time.Time
	rp         *approvals.RelyingParty
	demo       *certs.Demo
	state      circuits.State
	head       journal.Entry
	all        []journal.Entry // the journal of the town
	evidence   [][]byte
	enrolments [][]byte
	annexes    []Annex
	letter     []byte // with its signatures
	frozen     []byte // before any
	first      []byte // version 1, which was refused
	director   *official
	mayor      *official
}

// sample is a package and its letter, which no test may change.
type sample struct {
	world       *world
	zip, letter []byte
	roots       *x509.CertPool
	at          time.Time
}

// completed is the world in which the letter was refused, corrected, approved, taken back, approved again and signed.
// It is made once: tests copy what they change.
var completed = sync.OnceValues(func() (*sample, error) { //nolint:gochecknoglobals // made once for all the tests
	w, err := newWorld()
	if err != nil {
		return nil, err
	}
	if err := w.journey(); err != nil {
		return nil, err
	}
	return w.sample()
})

func theSample(t testing.TB) *sample {
	t.Helper()
	s, err := completed()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) sample() (*sample, error) {
	var out bytes.Buffer
	if err := Write(context.Background(), &out, w.pkg(), w.seal); err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(w.demo.Root())
	return &sample{w, out.Bytes(), w.letter, roots, w.now.Add(time.Minute)}, nil
}

func (s *sample) options() Options { return Options{Roots: s.roots, At: s.at} }

// scratch holds what the shared worlds keep on disk, until the end of the tests.
var scratch string //nolint:gochecknoglobals // set by TestMain

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "evidence-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // the end
		scratch = dir
		return m.Run()
	}())
}

// newDemo makes a PKI of its own.
func newDemo(now func() time.Time) (*certs.Demo, error) {
	dir, err := os.MkdirTemp(scratch, "pki-")
	if err != nil {
		return nil, err
	}
	vault, err := certs.NewVault(bytes.Repeat([]byte{7}, certs.MasterKeySize))
	if err != nil {
		return nil, err
	}
	return certs.OpenDemo(certs.DemoOptions{
		Dir: dir + "/pki", Vault: vault, Guard: certs.Guard{AllowDemo: true}, BaseURL: "http://127.0.0.1:1/pki", Now: now,
	})
}

// bareWorld has nobody yet.
func bareWorld() (*world, error) {
	w := &world{now: time.Now().UTC().Truncate(time.Microsecond).Add(-time.Hour), head: journal.Genesis(siret)}
	var err error
	if w.demo, err = newDemo(func() time.Time { return w.now }); err != nil {
		return nil, err
	}
	w.rp, err = approvals.New(approvals.Config{
		Tenant: siret, RPID: rpID, Origin: origin, DisplayName: "Parapheur", Now: func() time.Time { return w.now },
	})
	if err != nil {
		return nil, err
	}
	return w, err
}

// newWorld is a town for demonstration, where nobody vouches for keys.
func newWorld() (*world, error) {
	w, err := bareWorld()
	if err != nil {
		return nil, err
	}
	w.town("person.added")
	if w.director, err = w.enrol("p-dgs", "Émile Lefèvre", "d-dgs", "Directeur général des services"); err != nil {
		return nil, err
	}
	if w.mayor, err = w.enrol("p-maire", "Hélène Garnier", "d-maire", "Maire"); err != nil {
		return nil, err
	}
	_, err = w.enrol("p-redac", "Ousmane Diallo", "d-redac", "Rédacteur")
	return w, err
}

func (w *world) tick() time.Time {
	w.now = w.now.Add(90*time.Second + 123456*time.Microsecond)
	return w.now
}

// town records a fact about something else than the dossier.
func (w *world) town(kind string) {
	w.head = journal.Next(w.head, w.tick(), "town", kind, []byte(`{}`))
	w.all = append(w.all, w.head)
}

// record applies what the state machine answered.
func (w *world) record(events []circuits.Event, err error) error {
	if err != nil {
		return err
	}
	for _, e := range events {
		body, err := json.Marshal(e)
		if err != nil {
			return err
		}
		w.state = w.state.Apply(e)
		w.head = journal.Next(w.head, e.When(), dossierID, e.Kind(), body)
		w.all = append(w.all, w.head)
	}
	return nil
}

var session = []byte("session") //nolint:gochecknoglobals // a constant

func (w *world) enrol(id circuits.PersonID, name string, desk circuits.DeskID, quality string) (*official, error) {
	o := w.newcomer(id, name, desk, quality)
	if err := w.register(o, proof.FoundedForDemonstration); err != nil {
		return nil, err
	}
	w.town("passkey.enrolled")
	return o, nil
}

// newcomer is somebody with an authenticator and no passkey yet.
func (*world) newcomer(id circuits.PersonID, name string, desk circuits.DeskID, quality string) *official {
	handle := make([]byte, 64)
	_, _ = rand.Read(handle) // never fails
	o := &official{
		actor: circuits.Actor{Person: id, Name: name, Desk: desk, Quality: quality},
		user:  approvals.User{ID: string(id), Handle: handle, Name: string(id), DisplayName: name},
		auth:  virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{BackupEligible: true, UserHandle: handle}),
	}
	for { // the software authenticator drops leading zeros of coordinates, which real ones do not
		o.key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
		if _, err := proof.ParseKey(o.key.Key.AttestationData()); err == nil {
			return o
		}
	}
}

// register enrols the key of o, for which nobody vouches.
func (w *world) register(o *official, founding proof.Founding) error {
	w.tick()
	c, options, err := w.rp.BeginRegistration(o.user, session)
	if err != nil {
		return err
	}
	asked, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		return err
	}
	var head proof.Digest
	if n := len(w.enrolments); n > 0 {
		head = proof.EnrolmentDigest(w.enrolments[n-1])
	}
	made, err := w.rp.FinishRegistration(o.user, session, c, []byte(virtualwebauthn.CreateAttestationResponse(w.site(), o.auth, o.key, *asked)),
		proof.Enrolment{Quality: o.actor.Quality, IdentityCheck: "en face à face, PV 2026-07", EnrolledBy: "Ousmane Diallo", PrevSHA256: head, Founding: founding})
	if err != nil {
		return errors.Join(err, errors.New(approvals.Detail(err)))
	}
	o.user.Credentials = append(o.user.Credentials, made)
	w.enrolments = append(w.enrolments, made.EnrolmentStatement)
	return nil
}

func (w *world) site() virtualwebauthn.RelyingParty {
	return virtualwebauthn.RelyingParty{ID: rpID, Origin: origin}
}

// gesture makes the evidence of a decision on the letter as it stands.
func (w *world) gesture(o *official, step int, what proof.Decision, reason string) (circuits.Digest, error) {
	w.tick()
	st := proof.Statement{
		Dossier: dossierID, Version: w.state.Version, DocSHA256: proof.SHA256(w.letter), DocBytes: int64(len(w.letter)),
		AnnexRoot: annexRoot(w.annexes), CircuitSHA256: proof.Digest(w.state.Circuit.Hash()), Step: string(w.state.Circuit.Steps[step].ID),
		Decision: what, Quality: o.actor.Quality, Delegation: o.ground,
	}
	if reason != "" {
		st.ReasonSHA256 = proof.SHA256([]byte(reason))
	}
	if n := len(w.evidence); n > 0 {
		st.PrevSHA256 = proof.SHA256(w.evidence[n-1])
	}
	c, req, err := w.rp.BeginDecision(o.user, session, w.batch(st, what))
	if err != nil {
		return circuits.Digest{}, errors.Join(err, errors.New(approvals.Detail(err)))
	}
	asked, err := virtualwebauthn.ParseAssertionOptions(string(req.OptionsJSON))
	if err != nil {
		return circuits.Digest{}, err
	}
	w.now = w.now.Add(7 * time.Second)
	made, used, err := w.rp.FinishDecision(o.user, session, c, []byte(virtualwebauthn.CreateAssertionResponse(w.site(), o.auth, o.key, *asked)))
	if err != nil {
		return circuits.Digest{}, errors.Join(err, errors.New(approvals.Detail(err)))
	}
	o.user.Credentials[0] = used
	raw, err := made[len(made)-1].Canonical()
	if err != nil {
		return circuits.Digest{}, err
	}
	w.evidence = append(w.evidence, raw)
	return circuits.Digest(proof.SHA256(raw)), nil
}

// batch puts a visa with two others, so that the inclusion proof is not empty.
func (w *world) batch(st proof.Statement, what proof.Decision) []proof.Statement {
	if what != proof.Visa {
		return []proof.Statement{st}
	}
	a, b := st, st
	a.Dossier, b.Dossier = "another", "and another"
	return []proof.Statement{a, b, st}
}

func (w *world) visa(o *official, step int) error {
	ev, err := w.gesture(o, step, proof.Visa, "")
	if err != nil {
		return err
	}
	return w.record(w.state.Visa(circuits.Choice{By: o.actor, Step: step, Seen: w.state.LastSealed(), Evidence: ev, At: w.now}, circuits.Facts{}))
}

func (w *world) refuse(o *official, step int, reason string) error {
	ev, err := w.gesture(o, step, proof.Refusal, reason)
	if err != nil {
		return err
	}
	return w.record(w.state.Refuse(circuits.Choice{By: o.actor, Step: step, Seen: w.state.LastSealed(), Evidence: ev, At: w.now}, reason, circuits.Return{}, circuits.Facts{}))
}

func (w *world) undo(o *official, step int) error {
	ev, err := w.gesture(o, step, proof.Undoing, "")
	if err != nil {
		return err
	}
	return w.record(w.state.Undo(o.actor, ev, w.now))
}

// sign decides to sign, then uses the key of the person named.
func (w *world) sign(o *official, step int, holder string) error {
	ev, err := w.gesture(o, step, proof.Sign, "")
	if err != nil {
		return err
	}
	decided := w.now
	if err := w.record(w.state.Sign(circuits.Choice{By: o.actor, Step: step, Seen: w.state.LastSealed(), Evidence: ev, At: decided}, circuits.Facts{})); err != nil {
		return err
	}
	w.town("person.added")
	key, err := w.demo.Person(certs.DemoPerson{Name: holder, Quality: o.actor.Quality, Town: "Commune de Saint-Aubin"})
	if err != nil {
		return err
	}
	tail, err := signing.Sign(context.Background(), bytes.NewReader(w.letter), signing.Options{
		Level: signing.BT, Claims: signing.Claims{Name: o.actor.Name, Quality: o.actor.Quality, Town: "Saint-Aubin-sur-Loire", Time: decided},
	}, signerOf(w.demo, key, func() time.Time { return w.now }), w.demo.TSA())
	if err != nil {
		return err
	}
	w.letter = append(bytes.Clone(w.letter), tail...)
	return w.record(w.state.Seal(circuits.StepSealed{
		Step: step, Signed: sha256.Sum256(w.letter), Bytes: int64(len(w.letter)), Level: signing.BT.String(),
		Certificate: sha256.Sum256(key.Certificate().Raw), At: w.tick(),
	}, circuits.Facts{}))
}

// put deposits a letter with an annex.
func (w *world) put() error {
	w.letter = pdftest.Pages(pdftest.Text("Premi\\350re version"))
	w.frozen = w.letter
	annex := []byte("plan de situation")
	w.annexes = []Annex{{N: 2, Name: "plan.pdf", Bytes: int64(len(annex)), SHA256: sha256.Sum256(annex)}}
	return w.record(w.state.Deposit(circuits.Deposited{
		By: circuits.Actor{Person: "p-redac", Name: "Ousmane Diallo"}, Drafter: "p-redac", Document: sha256.Sum256(w.letter), Bytes: int64(len(w.letter)),
		Annexes: []circuits.Digest{w.annexes[0].SHA256}, At: w.tick(),
	}))
}

// deposit puts the letter and starts its circuit.
func (w *world) deposit() error {
	if err := w.put(); err != nil {
		return err
	}
	by := circuits.Actor{Person: "p-redac", Name: "Ousmane Diallo"}
	return w.record(w.state.Start(by, circuits.Definition{
		Code: "courrier-simple", Version: 3, Name: "Courrier simple", Steps: []circuits.Step{
			{ID: "visa-dgs", Kind: circuits.Visa, Desk: "d-dgs", Title: "Visa de la direction générale"},
			{ID: "maire", Kind: circuits.Signature, Desk: "d-maire", Title: "Signature du maire"},
		},
	}, circuits.Facts{}, w.tick()))
}

func (w *world) journey() error {
	if err := w.deposit(); err != nil {
		return err
	}
	if err := w.refuse(w.director, 0, "L’adresse est fausse.\nC’est une rue."); err != nil {
		return err
	}
	w.town("person.added")
	w.first = w.letter
	w.letter = pdftest.Pages(pdftest.Text("Seconde version"))
	w.frozen = w.letter
	by := circuits.Actor{Person: "p-redac", Name: "Ousmane Diallo"}
	if err := w.record(w.state.Correct(circuits.Correction{By: by, Document: sha256.Sum256(w.letter), Bytes: int64(len(w.letter)), At: w.tick()}, circuits.Facts{})); err != nil {
		return err
	}
	if err := w.visa(w.director, 0); err != nil {
		return err
	}
	if err := w.undo(w.director, 0); err != nil {
		return err
	}
	if err := w.visa(w.director, 0); err != nil {
		return err
	}
	if err := w.sign(w.mayor, 1, w.mayor.actor.Name); err != nil {
		return err
	}
	w.town("person.added")
	return nil
}

func (w *world) pkg() Package {
	p := Package{
		Tenant:   Tenant{siret, "Ville de Saint-Aubin-sur-Loire", rpID, origin},
		Dossier:  Dossier{ID: dossierID, Number: 42, Title: "Réponse à M. Martin <voirie>", Type: "Courrier simple", TypeCode: "courrier-simple", TypeWithin: []string{"courrier"}},
		Evidence: w.evidence, Enrolments: w.enrolments, Annexes: w.annexes, Head: w.head,
		Context: Context{Software: "test", ExportedAt: w.now, Clock: "horloge du serveur"},
	}
	for _, e := range w.all {
		if e.Subject == dossierID {
			p.Journal = append(p.Journal, e)
		}
	}
	if err := p.Rest(w.all); err != nil {
		panic(err) // the world holds together
	}
	return p
}

// seal is that of the town.
func (w *world) seal(ctx context.Context, manifest []byte) ([]byte, error) {
	return sealBy(ctx, w.demo, "Ville de Saint-Aubin-sur-Loire", siret, w.now, manifest)
}

func sealBy(ctx context.Context, d *certs.Demo, town, number string, at time.Time, manifest []byte) ([]byte, error) {
	key, err := d.TownSeal(town, number)
	if err != nil {
		return nil, err
	}
	opt := signing.DetachedOptions{Level: signing.BT, Time: at}
	return signing.Detached(ctx, bytes.NewReader(manifest), opt, signerOf(d, key, func() time.Time { return at }), d.TSA())
}

// sealByPerson puts the signature of the mayor where the seal of the town is expected.
func sealByPerson(ctx context.Context, w *world, manifest []byte) ([]byte, error) {
	key, err := w.demo.Person(certs.DemoPerson{Name: w.mayor.actor.Name, Quality: "Maire", Town: "Commune de Saint-Aubin"})
	if err != nil {
		return nil, err
	}
	opt := signing.DetachedOptions{Level: signing.BT, Time: w.now}
	return signing.Detached(ctx, bytes.NewReader(manifest), opt, signerOf(w.demo, key, func() time.Time { return w.now }), w.demo.TSA())
}

// keySigner is a key of the demonstration in the shape of package signing.
type keySigner struct{ *certs.Signer }

// Identity implements signing.Signer.
func (s keySigner) Identity(context.Context) (signing.Identity, error) {
	return signing.Identity{Certificate: s.Certificate(), Chain: s.Chain()[1:]}, nil
}

func signerOf(_ *certs.Demo, key *certs.Key, now func() time.Time) signing.Signer {
	local, err := certs.NewLocal(key, certs.LocalOptions{
		Gate: func([]byte, [][]byte) error { return nil }, Guard: certs.Guard{AllowDemo: true}, Now: now,
	})
	if err != nil {
		panic(err) // a key of the demonstration, allowed
	}
	s, err := certs.AsSigner(context.Background(), local, nil)
	if err != nil {
		panic(err) // a key has a chain
	}
	return keySigner{s}
}
