package evidence

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"parapheur/approvals"
	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/journal"
)

// founded is the world of a town that is no demonstration: an administrator, whose key came by the operator's link, vouches
// for the others; an act done outside is recorded with its proof; the DGS signs by delegation of the Mayor.
var founded = sync.OnceValues(func() (*sample, error) { //nolint:gochecknoglobals // made once for all the tests
	w, err := bareWorld()
	if err != nil {
		return nil, err
	}
	if err := w.found(); err != nil {
		return nil, err
	}
	if err := w.delegated(); err != nil {
		return nil, err
	}
	return w.sample()
})

func theFounded(t testing.TB) *sample {
	t.Helper()
	s, err := founded()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// about records a fact about the town, and another that nothing rests on, so that the first may be changed alone.
func (w *world) about(subject, kind string, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err) // a value of these tests
	}
	w.head = journal.Next(w.head, w.tick(), subject, kind, raw)
	w.all = append(w.all, w.head)
	w.town("desk.set")
}

type personAdded struct {
	Name  string `json:"name"`
	Admin bool   `json:"admin"`
}

func (w *world) enrolledFact(o *official) {
	c := o.user.Credentials[len(o.user.Credentials)-1]
	w.about(string(o.actor.Person), kindEnrolled, map[string]any{
		"statement": json.RawMessage(c.EnrolmentStatement), "statement_sha256": hex.EncodeToString(c.EnrolmentHash[:]),
	})
}

// vouch enrols a key for o, for which by vouches.
func (w *world) vouch(o, by *official) error {
	w.tick()
	c, options, err := w.rp.BeginRegistration(o.user, session)
	if err != nil {
		return err
	}
	asked, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		return err
	}
	pending, err := w.rp.FinishPending(o.user, session, c, []byte(virtualwebauthn.CreateAttestationResponse(w.site(), o.auth, o.key, *asked)))
	if err != nil {
		return errors.Join(err, errors.New(approvals.Detail(err)))
	}
	w.tick()
	c, req, err := w.rp.BeginWitness(by.user, session, o.user.ID, pending, proof.Enrolment{
		Quality: o.actor.Quality, IdentityCheck: "en face à face, carte d’identité", EnrolledBy: by.actor.Name,
		PrevSHA256: proof.EnrolmentDigest(w.enrolments[len(w.enrolments)-1]),
	})
	if err != nil {
		return errors.Join(err, errors.New(approvals.Detail(err)))
	}
	gesture, err := virtualwebauthn.ParseAssertionOptions(string(req.OptionsJSON))
	if err != nil {
		return err
	}
	made, with, err := w.rp.FinishWitness(by.user, session, c, []byte(virtualwebauthn.CreateAssertionResponse(w.site(), by.auth, by.key, *gesture)))
	if err != nil {
		return errors.Join(err, errors.New(approvals.Detail(err)))
	}
	by.user.Credentials[0] = with
	o.user.Credentials = append(o.user.Credentials, made)
	w.enrolments = append(w.enrolments, made.EnrolmentStatement)
	w.enrolledFact(o)
	return nil
}

// found begins the town: Jeanne Martin administers it.
func (w *world) found() (err error) {
	w.about("p-admin", kindPersonAdded, personAdded{"Jeanne Martin", true})
	admin := w.newcomer("p-admin", "Jeanne Martin", "", "Administratrice")
	if err := w.register(admin, proof.FoundedByOperator); err != nil {
		return err
	}
	w.enrolledFact(admin)
	w.about("p-dgs", kindPersonAdded, personAdded{"Émile Lefèvre", false})
	w.director = w.newcomer("p-dgs", "Émile Lefèvre", "d-dgs", "Directeur général des services")
	w.mayor = w.newcomer("p-maire", "Hélène Garnier", "d-maire", "Maire")
	if err := errors.Join(w.vouch(w.director, admin), w.vouch(w.mayor, admin)); err != nil {
		return err
	}
	day := func(days int) delegation.Date { return delegation.DateOf(w.now.AddDate(0, 0, days)) }
	w.about("delegation/d-1", kindDelegation, map[string]any{"delegation": delegation.Delegation{
		ID: "d-1", Number: "2026-041", Basis: delegation.Signature, Signed: day(-30), Published: day(-29), Notified: day(-29), Transmitted: day(-29),
		Arrete: circuits.Digest{7}, From: day(-28), To: day(300),
		Delegator: delegation.Party{Person: "p-maire", Quality: "Maire"}, Delegate: delegation.Party{Person: "p-dgs", Quality: "Directeur général des services"},
		Scope: delegation.Scope{Types: []string{"courrier"}, Desks: []circuits.DeskID{"d-maire"}},
	}})
	return nil
}

// delegated takes a letter through an act done outside and a signature by delegation.
func (w *world) delegated() error {
	if err := w.put(); err != nil {
		return err
	}
	if err := w.record(w.state.Start(circuits.Actor{Person: "p-redac", Name: "Ousmane Diallo"}, circuits.Definition{
		Code: "courrier-simple", Version: 3, Name: "Courrier simple", Steps: []circuits.Step{
			{ID: "papier", Kind: circuits.External, Desk: "d-dgs", Title: "Accord sur papier"},
			{ID: "maire", Kind: circuits.Signature, Desk: "d-maire", Title: "Signature du maire"},
		},
	}, circuits.Facts{}, w.tick())); err != nil {
		return err
	}
	outside := circuits.Outside{Means: "paper", By: "M. Martin", On: w.now.Truncate(time.Second), Proof: circuits.Digest(proof.SHA256([]byte("scan")))}
	w.about(dossierID+"/proof", kindProofFiled, map[string]any{
		"version": 1, "round": 1, "step": "papier", "proof_sha256": outside.Proof, "by": circuits.Actor{Person: "p-dgs", Name: "Émile Lefèvre"},
	})
	ev, err := w.gesture(w.director, 0, proof.External, outside.Said())
	if err != nil {
		return err
	}
	choice := circuits.Choice{By: w.director.actor, Step: 0, Seen: w.state.LastSealed(), Evidence: ev, At: w.now}
	if err := w.record(w.state.External(choice, outside, circuits.Facts{})); err != nil {
		return err
	}
	w.town("desk.set")
	w.director.ground = proof.ByArrete("2026-041", proof.Digest{7})
	w.director.actor.Desk = "d-maire"
	w.director.actor.For = &circuits.Principal{
		Person: "p-maire", Name: "Hélène Garnier", Quality: "Maire", Mandate: circuits.Delegated, Reference: "d-1",
		Mention: "Pour le Maire et par délégation, le Directeur général des services",
	}
	if err := w.sign(w.director, 1, w.director.actor.Name); err != nil {
		return err
	}
	w.town("person.added")
	return nil
}

// grounds changes the entries of town.jsonl and computes their hashes again, as a forger would.
func (f *forgery) grounds(change func([]journal.Entry) []journal.Entry) {
	f.t.Helper()
	h, entries, err := readExtract(f.files[fileTown], formatTown)
	if err != nil {
		f.t.Fatal(err)
	}
	entries = change(entries)
	for i := range entries {
		entries[i].Hash = entries[i].Sum()
	}
	p := Package{Tenant: Tenant{SIRET: h.Tenant}, Dossier: Dossier{ID: h.Dossier}, Head: journal.Entry{Seq: h.HeadSeq, Hash: h.HeadHash}}
	if f.files[fileTown], err = writeExtract(&p, formatTown, entries); err != nil {
		f.t.Fatal(err)
	}
}

// say replaces a text in the body of the entries of a kind.
func (f *forgery) say(kind, old, new string) {
	f.t.Helper()
	found := false
	f.grounds(func(entries []journal.Entry) []journal.Entry {
		for i := range entries {
			if entries[i].Kind == kind && bytes.Contains(entries[i].Body, []byte(old)) {
				entries[i].Body, found = bytes.ReplaceAll(entries[i].Body, []byte(old), []byte(new)), true
			}
		}
		return entries
	})
	if !found {
		f.t.Fatalf("no %s with %q", kind, old)
	}
}

// forget removes the entries of a kind, but for those that keep keeps.
func (f *forgery) forget(kind string) {
	f.t.Helper()
	f.grounds(func(entries []journal.Entry) []journal.Entry {
		return slices.DeleteFunc(entries, func(e journal.Entry) bool { return e.Kind == kind })
	})
}

// A groundCase is one thing changed in what the journal says of the town, and what the report must name.
type groundCase struct {
	name   string
	change func(f *forgery)
	want   Code
}

func groundCases() []groundCase {
	today := string(delegation.DateOf(time.Now().UTC()))
	ago, ahead := string(delegation.DateOf(time.Now().UTC().AddDate(0, 0, -3))), string(delegation.DateOf(time.Now().UTC().AddDate(0, 0, 3)))
	return []groundCase{
		{"nothing changed", func(*forgery) {}, ""},
		{"the number of the arrêté", func(f *forgery) { f.say(kindDelegation, "2026-041", "2026-042") }, MandateAct},
		{"the PDF of the arrêté", func(f *forgery) { f.say(kindDelegation, `"pdf_sha256":"07`, `"pdf_sha256":"08`) }, MandateAct},
		{"the delegator", func(f *forgery) {
			f.say(kindDelegation, `"delegator":{"person":"p-maire"`, `"delegator":{"person":"p-adj"`)
		}, MandatePersons},
		{"the delegate", func(f *forgery) {
			f.say(kindDelegation, `"delegate":{"person":"p-dgs"`, `"delegate":{"person":"p-dst"`)
		}, MandatePersons},
		{"the quality of the delegate", func(f *forgery) { f.say(kindDelegation, "Directeur général des services", "Directrice") }, MandatePersons},
		{"the desk", func(f *forgery) { f.say(kindDelegation, `"desks":["d-maire"]`, `"desks":["d-cabinet"]`) }, MandateScope},
		{"the type", func(f *forgery) { f.say(kindDelegation, `"types":["courrier"]`, `"types":["marche"]`) }, MandateScope},
		{"withdrawn before", func(f *forgery) { f.say(kindDelegation, `"from":`, `"withdrawn":"`+ago+`","from":`) }, MandateForce},
		{"ended before", func(f *forgery) { f.say(kindDelegation, `"to":"`, `"to":"`+ago+`","was":"`) }, MandateForce},
		{"not begun", func(f *forgery) { f.say(kindDelegation, `"from":"`, `"from":"`+ahead+`","was":"`) }, MandateForce},
		{"not published", func(f *forgery) { f.say(kindDelegation, `"published":"`, `"was":"`) }, MandateForce},
		{"not transmitted", func(f *forgery) { f.say(kindDelegation, `"transmitted":"`, `"was":"`) }, MandateForce},
		{"not notified", func(f *forgery) { f.say(kindDelegation, `"notified":"`, `"was":"`) }, MandateForce},
		{"ended today, in force all day", func(f *forgery) { f.say(kindDelegation, `"to":"`, `"to":"`+today+`","was":"`) }, ""},
		{"the arrêté is not there", func(f *forgery) { f.forget(kindDelegation) }, MandateUnknown},
		{"another arrêté under the same number", func(f *forgery) { f.say(kindDelegation, `"id":"d-1"`, `"id":"d-2"`) }, MandateUnknown},
		{"the witness was no administrator", func(f *forgery) { f.say(kindPersonAdded, `"admin":true`, `"admin":false`) }, WitnessStranger},
		{"the witness was dismissed before", func(f *forgery) {
			f.grounds(func(e []journal.Entry) []journal.Entry {
				gone := e[0]
				gone.Seq, gone.Kind, gone.Body = gone.Seq+1, kindPersonSet, []byte(`{"person":{"id":"p-admin"}}`)
				gone.Prev = e[0].Hash
				return slices.Insert(e, 1, gone)
			})
		}, WitnessStranger},
		{"the witness was deactivated before", func(f *forgery) {
			f.grounds(func(e []journal.Entry) []journal.Entry {
				gone := e[0]
				gone.Seq, gone.Kind, gone.Body, gone.Prev = gone.Seq+1, kindDeactivated, []byte(`{}`), e[0].Hash
				return slices.Insert(e, 1, gone)
			})
		}, WitnessStranger},
		{"nothing says what the witness was", func(f *forgery) { f.forget(kindPersonAdded) }, WitnessRole},
		{"nothing says when the key was enrolled", func(f *forgery) { f.forget(kindEnrolled) }, WitnessRole},
		{"the proof was not handed in", func(f *forgery) { f.forget(kindProofFiled) }, ProofUnfiled},
		{"the proof was handed in by another", func(f *forgery) { f.say(kindProofFiled, `"person":"p-dgs"`, `"person":"p-dst"`) }, ProofUnfiled},
		{"the proof was handed in for another step", func(f *forgery) { f.say(kindProofFiled, `"step":"papier"`, `"step":"avis"`) }, ProofUnfiled},
		{"another proof was handed in", func(f *forgery) {
			f.say(kindProofFiled, `"proof_sha256":"`, `"proof_sha256":"`+strings.Repeat("0", 64)+`","was":"`)
		}, ProofUnfiled},
		{"an entry on which nothing rests", func(f *forgery) {
			f.grounds(func(e []journal.Entry) []journal.Entry {
				more := e[0]
				more.Seq, more.Kind, more.Prev = more.Seq+1, "desk.set", e[0].Hash
				return slices.Insert(e, 1, more)
			})
		}, EntryExtra},
		{"an entry changed and not its hash", func(f *forgery) { f.replace(fileTown, `"kind":"person.added"`, `"kind":"person.set"`) }, JournalHash},
		{"another head", func(f *forgery) { f.replace(fileTown, `"head_seq":`, `"head_seq":1`) }, JournalMalformed},
		{"entries in another order", func(f *forgery) {
			f.grounds(func(e []journal.Entry) []journal.Entry { e[0], e[1] = e[1], e[0]; return e })
		}, JournalOrder},
		{"two entries of one number", func(f *forgery) {
			f.grounds(func(e []journal.Entry) []journal.Entry { return slices.Insert(e, 0, e[0]) })
		}, JournalOrder},
		{"an entry after the head", func(f *forgery) {
			f.grounds(func(e []journal.Entry) []journal.Entry {
				late := e[0]
				late.Seq += 1000
				return append(e, late)
			})
		}, JournalHash},
		{"a delegation withdrawn, and the entry left out", func(f *forgery) {
			f.forget(kindProofFiled)
			f.opt.Journal = townJournal(f, nil)
		}, JournalAbsent},
		{"the whole journal", func(f *forgery) { f.opt.Journal = townJournal(f, nil) }, ""},
	}
}

// TestGrounds changes one thing that the journal says of the town, and wants the report to name that and nothing else.
func TestGrounds(t *testing.T) {
	t.Parallel()
	for _, test := range groundCases() {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := forge(t, theFounded(t))
			test.change(f)
			rep := verify(t, f.pack(), f.letter, f.opt)
			found := test.want == ""
			for _, x := range rep.Findings {
				found = found || x.Code == test.want
				if x.Outcome != proof.Valid && x.Code != test.want && test.want != JournalHash && test.want != JournalMalformed && test.want != JournalOrder && test.want != JournalAbsent {
					t.Errorf("%s too: %s", x.Code, x.Detail)
				}
			}
			if !found || (rep.Outcome == proof.Valid) != (test.want == "") {
				t.Errorf("%s, no %s: %s", rep.Outcome, test.want, show(t, rep))
			}
		})
	}
}

// TestGroundsAreSaid reads who vouches for the keys, and by which act somebody signed for another.
func TestGroundsAreSaid(t *testing.T) {
	t.Parallel()
	s := theFounded(t)
	rep := verify(t, s.zip, s.letter, s.options())
	var out strings.Builder
	if err := rep.French(&out); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(out.String(), nbsp, " ")
	for _, want := range []string{
		"Qui répond des clés d’accès", "– Émile Lefèvre, Directeur général des services", "Jeanne Martin en répond depuis le",
		"administrait la collectivité à cette date (journal, inscription n° ", "– Jeanne Martin, Administratrice",
		"première clé de la collectivité, par le lien de l’opérateur", "Arrêté n° 2026-041", "Hélène Garnier (Maire) délègue à Émile Lefèvre (Directeur général des services)",
		"types de courrier : courrier", "bureaux : d-maire",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	t.Log(text)
}
