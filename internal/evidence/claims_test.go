package evidence

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/signing"
)

// A claim is one thing that docs/verify.md says is verified, in its words, with a change that breaks it and what the report
// may then say: the first code it must say, the others follow from the same change.
type claim struct {
	words  string
	named  string // of forgeries or groundCases; empty: change
	change func(f *forgery)
	codes  []Code
}

// statement changes what the last decision approved, keeping all else of its evidence.
func (f *forgery) statement(change func(*proof.Statement)) {
	f.t.Helper()
	f.evidence(func(e *proof.Evidence) {
		st, err := proof.ParseStatement(e.Statement)
		if err != nil {
			f.t.Fatal(err)
		}
		change(&st)
		if e.Statement, err = st.Canonical(); err != nil {
			f.t.Fatal(err)
		}
	})
}

func claims() []claim {
	letter := []Code{LetterUnknown, Code(proof.BadDocument), SignatureInvalid, SignatureForeign}
	return []claim{
		{"chaque fichier a l’empreinte du manifeste", "a title changed", nil, []Code{EntryDiffers}},
		{"complet", "a file less", nil, []Code{EntryMissing}},
		{"rien n’y a été ajouté", "a file more", nil, []Code{EntryExtra}},
		{"Le manifeste porte le cachet", "seal that is no signature", nil, []Code{SealInvalid}},
		{"(même SIREN)", "seal of another town", nil, []Code{SealOfAnother}},
		{"s’il n’est pas horodaté par un tiers, le rapport le dit", "", func(f *forgery) {
			f.seal = func(ctx context.Context, m []byte) ([]byte, error) {
				w := f.of.world
				key, err := w.demo.TownSeal("Ville de Saint-Aubin-sur-Loire", siret)
				if err != nil {
					return nil, err
				}
				return signing.Detached(ctx, bytes.NewReader(m), signing.DetachedOptions{Level: signing.BB, Time: w.now}, signerOf(w.demo, key, w.tick), nil)
			}
		}, []Code{SealUndated}},
		{"Sans cachet, la vérification ne conclut pas", "no seal", nil, []Code{SealMissing}},
		{"Chaque inscription du journal a son empreinte", "an entry changed and not its hash", nil, []Code{JournalHash}},
		{"le circuit autorisait chacun des faits qu’elles disent", "a step that is not there", nil, []Code{JournalRefused}},
		{"Chaque décision inscrite a sa preuve", "a decision removed", nil, []Code{EntryMissing}},
		{"désigne la précédente", "", func(f *forgery) {
			f.statement(func(s *proof.Statement) { s.PrevSHA256[0] ^= 1 })
		}, []Code{Code(proof.BadPrevious)}},
		{"le geste a été fait sur le site de la collectivité", "", func(f *forgery) {
			f.evidence(func(e *proof.Evidence) {
				e.ClientDataJSON = bytes.Replace(e.ClientDataJSON, []byte(origin), []byte("https://parapheur.evil.fr"), 1)
			})
		}, []Code{Code(proof.BadOrigin)}},
		{"par une personne présente", "", func(f *forgery) {
			f.evidence(func(e *proof.Evidence) { e.AuthenticatorData[32] &^= 1 })
		}, []Code{Code(proof.BadPresence)}},
		{"présente et vérifiée", "the person not verified", nil, []Code{Code(proof.BadVerification)}},
		{"avec une clé enrôlée", "a key that is nobody's", nil, []Code{EnrolmentUnknown}},
		{"à son nom", "the enrolment of another", nil, []Code{Code(proof.BadEnrolmentPerson)}},
		{"il portait sur ce document", "", func(f *forgery) {
			f.statement(func(s *proof.Statement) { s.DocSHA256[0] ^= 1 })
		}, []Code{DecisionStatement, Code(proof.BadInclusion)}},
		{"ce circuit", "another circuit in the journal", nil, []Code{DecisionStatement}},
		{"ces annexes", "", func(f *forgery) {
			f.event(circuits.KindDeposited, func(e circuits.Event) circuits.Event {
				d := e.(circuits.Deposited)
				d.Annexes = []circuits.Digest{{9}}
				list := []Annex{{N: 2, Name: "plan.pdf", Bytes: 1, SHA256: circuits.Digest{9}}}
				raw, err := proof.CanonicalJSON(annexes{schemaAnnexes, annexRoot(list), list})
				if err != nil {
					f.t.Fatal(err)
				}
				f.files[fileAnnexes] = raw
				return d
			})
		}, []Code{DecisionStatement}},
		{"ce motif", "another reason in the journal too", nil, []Code{ReasonDiffers}},
		{"Qui a décidé pour un autre l’a fait par un acte inscrit au journal de la collectivité avant sa décision", "the arrêté is not there", nil, []Code{MandateUnknown}},
		{"(numéro", "the number of the arrêté", nil, []Code{MandateAct}},
		{"et PDF)", "the PDF of the arrêté", nil, []Code{MandateAct}},
		{"entre ces deux personnes", "the delegator", nil, []Code{MandatePersons}},
		{"ces deux personnes", "the delegate", nil, []Code{MandatePersons}},
		{"en ces qualités", "the quality of the delegate", nil, []Code{MandatePersons}},
		{"en vigueur ce jour-là", "withdrawn before", nil, []Code{MandateForce}},
		{"pour ce bureau", "the desk", nil, []Code{MandateScope}},
		{"ce type de courrier", "the type", nil, []Code{MandateScope}},
		{"Qui répond d’une clé administrait la collectivité", "the witness was no administrator", nil, []Code{WitnessStranger}},
		{"à l’inscription de cette clé au journal", "the witness was dismissed before", nil, []Code{WitnessStranger}},
		{"la preuve d’un acte externe a été remise", "the proof was not handed in", nil, []Code{ProofUnfiled}},
		{"pour cette étape", "the proof was handed in for another step", nil, []Code{ProofUnfiled}},
		{"par la personne qui l’a constaté", "the proof was handed in by another", nil, []Code{ProofUnfiled}},
		{"Le document approuvé est le début de la lettre, octet pour octet", "a byte of the approved letter", nil, letter},
		{"Chaque signature de la lettre est valide", "a byte of the signature", nil, []Code{SignatureInvalid, LetterUnknown}},
		{"n’a été suivie d’aucune modification", "bytes after the letter", nil, []Code{SignatureInvalid}},
		{"avec le certificat inscrit au journal", "another certificate in the journal", nil, []Code{SignatureForeign}},
		{"au nom de la personne qui a décidé", "", func(f *forgery) {
			f.event(circuits.KindDecided, func(e circuits.Event) circuits.Event {
				d := e.(circuits.StepDecided)
				d.By.Name = "Paul Durand"
				return d
			})
		}, []Code{SignatureName}},
		{"après sa décision", "decided an hour after the signature", nil, []Code{SignatureTime, SignatureClaim}},
	}
}

// changeOf finds the change of a claim, and the package that it is made in.
func (c claim) changeOf(t *testing.T) (func(*forgery), *sample) {
	t.Helper()
	if c.change != nil {
		return c.change, theSample(t)
	}
	for _, x := range forgeries() {
		if x.name == c.named {
			return x.change, theSample(t)
		}
	}
	for _, x := range groundCases() {
		if x.name == c.named {
			return x.change, theFounded(t)
		}
	}
	t.Fatalf("no forgery is called %q", c.named)
	return nil, nil
}

// TestClaims holds docs/verify.md to the verifier: each thing that the page says is verified is broken, alone, and the
// report names that and nothing else; and no sentence of the page claims more.
func TestClaims(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/verify.md")
	if err != nil {
		t.Fatal(err)
	}
	_, said, _ := strings.Cut(string(page), "## Ce qui est vérifié\n")
	said, _, _ = strings.Cut(said, "\n\nLe rapport écrit")
	said = regexp.MustCompile(`\s+`).ReplaceAllString(said, " ")
	left := said
	for _, c := range claims() {
		if !strings.Contains(said, c.words) {
			t.Errorf("the page does not say %q any more", c.words)
		}
		left = strings.Replace(left, c.words, "", 1)
		t.Run(c.words, func(t *testing.T) {
			t.Parallel()
			change, of := c.changeOf(t)
			f := forge(t, of)
			change(f)
			rep := verify(t, f.pack(), f.letter, f.opt)
			named := false
			for _, x := range rep.Findings {
				named = named || x.Code == c.codes[0]
				if x.Outcome != proof.Valid && !slices.Contains(c.codes, x.Code) {
					t.Errorf("%s too (%s): %s", x.Code, x.Subject, x.Detail)
				}
			}
			if !named {
				t.Errorf("no %s: %s", c.codes[0], show(t, rep))
			}
		})
	}
	for _, clause := range regexp.MustCompile(`[.;:,()] ?|\d\. `).Split(left, -1) {
		if words := strings.Fields(clause); len(words) > 7 {
			t.Errorf("nothing breaks %q", clause)
		}
	}
}
