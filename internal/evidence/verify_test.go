package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"parapheur/approvals/proof"
)

// verify runs Verify over bytes.
func verify(t testing.TB, pkg, letter []byte, opt Options) *Report {
	t.Helper()
	rep, err := Verify(t.Context(), bytes.NewReader(pkg), int64(len(pkg)), bytes.NewReader(letter), int64(len(letter)), opt)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func show(t testing.TB, rep *Report) string {
	t.Helper()
	b, err := json.MarshalIndent(rep.Findings, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestWholeJourneyHolds verifies the package of a letter refused, corrected, approved, taken back, approved again, signed.
func TestWholeJourneyHolds(t *testing.T) {
	t.Parallel()
	s := theSample(t)
	rep := verify(t, s.zip, s.letter, s.options())
	if rep.Outcome != proof.Valid {
		t.Fatalf("%s: %s", rep.Outcome, show(t, rep))
	}
	if len(rep.Decisions) != 5 {
		t.Fatalf("%d decisions", len(rep.Decisions))
	}
	t.Log(len(s.zip), show(t, rep))
}

// TestFrench reads the report as a judge would, and holds it to French typography.
func TestFrench(t *testing.T) {
	t.Parallel()
	s := theSample(t)
	f := forge(t, s)
	f.replace("decisions/01-refus/reason.txt", "fausse", "juste")
	named := forge(t, s)
	named.replace(fileDossier, "Ville de", `DES\u001b[2JConclusion`)
	for name, test := range map[string]struct {
		rep  *Report
		want []string
	}{
		"valid": {verify(t, s.zip, s.letter, s.options()), []string{
			"Conclusion\u00a0: VALIDE.", "Dossier n°\u00a042, «\u00a0Réponse à M. Martin <voirie>\u00a0»", "SIRET 216\u00a0901\u00a0231\u00a000011",
			"1. Refus, par Émile Lefèvre, Directeur général des services", "Motif\u00a0: «\u00a0L’adresse est fausse", "Caduque\u00a0:",
			"Reprise ensuite par son auteur", "5. Décision de signer, par Hélène Garnier, Maire", "La signature 1 de la lettre a été apposée pour cette décision.",
			"Signature 1\u00a0: valide", "PAdES-BASELINE-T", "cachet valide", "droit de remords",
		}},
		"invalid":      {verify(t, f.pack(), f.letter, f.opt), []string{"NON VALIDE", "Ce qui ne tient pas", "Le motif n’est pas celui qui a été approuvé", "preuve NON VALIDE"}},
		"hostile":      {verify(t, named.pack(), named.letter, named.opt), []string{"DES\ufffd[2JConclusion"}},
		"unverifiable": {verify(t, s.zip, s.world.frozen, s.options()), []string{"NON CONCLUANT", "Ce qui n’a pas pu être vérifié", "état antérieur", "aucune signature"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			if err := test.rep.French(&out); err != nil {
				t.Fatal(err)
			}
			text := out.String()
			for _, w := range test.want {
				if !strings.Contains(text, w) {
					t.Errorf("no %q in\n%s", w, text)
				}
			}
			for _, bad := range []string{" :", " ;", "« ", " »", " ?", "'", "%!"} {
				if strings.Contains(text, bad) {
					t.Errorf("%q in\n%s", bad, text)
				}
			}
			if name == "valid" {
				t.Log(text)
			}
		})
	}
}

// TestEveryCodeHasItsSentence keeps the table of sentences whole: the codes of the source, and no other.
func TestEveryCodeHasItsSentence(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("finding.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`Code += "([a-z_]+)"`).FindAllSubmatch(source, -1)
	if len(found) != len(sentences()) {
		t.Errorf("%d codes, %d sentences", len(found), len(sentences()))
	}
	for _, m := range found {
		if sentences()[Code(m[1])] == "" {
			t.Errorf("%s has no sentence", m[1])
		}
	}
	source, err = os.ReadFile("../../approvals/proof/reason.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`Reason += "([a-z_]+)"`).FindAllSubmatch(source, -1) {
		if proofSentences()[proof.Reason(m[1])] == "" {
			t.Errorf("%s of package proof has no sentence", m[1])
		}
	}
}

// TestLetterAlone verifies signatures without a package.
func TestLetterAlone(t *testing.T) {
	t.Parallel()
	s := theSample(t)
	broken := bytes.Clone(s.letter)
	broken[100] ^= 1
	for name, test := range map[string]struct {
		letter []byte
		want   proof.Outcome
	}{
		"signed": {s.letter, proof.Valid}, "not signed": {s.world.frozen, proof.Unverifiable},
		"changed": {broken, proof.Invalid}, "no PDF": {[]byte("bonjour"), proof.Unverifiable},
	} {
		rep, err := VerifyLetter(t.Context(), bytes.NewReader(test.letter), int64(len(test.letter)), s.options())
		if err != nil {
			t.Fatal(err)
		}
		if rep.Outcome != test.want {
			t.Errorf("%s: %s: %s", name, rep.Outcome, show(t, rep))
		}
	}
}

// TestNoLetter verifies a package alone.
func TestNoLetter(t *testing.T) {
	t.Parallel()
	s := theSample(t)
	rep, err := Verify(t.Context(), bytes.NewReader(s.zip), int64(len(s.zip)), nil, 0, s.options())
	if err != nil {
		t.Fatal(err)
	}
	if rep.Outcome != proof.Unverifiable || rep.Findings[len(rep.Findings)-1].Code == "" {
		t.Errorf("%s: %s", rep.Outcome, show(t, rep))
	}
}

// TestSameBytes writes twice: only the seal may differ, so there is none here.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	w := theSample(t).world
	var a, b bytes.Buffer
	for _, out := range []*bytes.Buffer{&a, &b} {
		if err := Write(t.Context(), out, w.pkg(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two packages of the same dossier differ")
	}
}

// TestWriteRefusesContradictions gives Write what a tampered store would.
func TestWriteRefusesContradictions(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(p *Package){
		"a decision less":       func(p *Package) { p.Evidence = p.Evidence[:4] },
		"decisions exchanged":   func(p *Package) { p.Evidence[1], p.Evidence[2] = p.Evidence[2], p.Evidence[1] },
		"an entry less":         func(p *Package) { p.Journal = slices.Delete(p.Journal, 3, 4) },
		"no entry":              func(p *Package) { p.Journal, p.Evidence = nil, nil },
		"enrolments reordered":  func(p *Package) { slices.Reverse(p.Enrolments) },
		"head before the facts": func(p *Package) { p.Head.Seq = 1 },
	} {
		p := theSample(t).world.pkg()
		p.Evidence, p.Enrolments = slices.Clone(p.Evidence), slices.Clone(p.Enrolments)
		change(&p)
		var out bytes.Buffer
		if err := Write(t.Context(), &out, p, nil); !errors.Is(err, ErrInconsistent) || out.Len() > 0 {
			t.Errorf("%s: %v, %d bytes written", name, err, out.Len())
		}
	}
}

// TestInterrupted ends with its context.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	s := theSample(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Verify(ctx, bytes.NewReader(s.zip), int64(len(s.zip)), bytes.NewReader(s.letter), int64(len(s.letter)), s.options())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("verify: %v", err)
	}
	if err := Write(ctx, io.Discard, s.world.pkg(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("write: %v", err)
	}
}

// TestAnotherPersonsKey signs for the mayor with the certificate of somebody else: everything holds but the name.
func TestAnotherPersonsKey(t *testing.T) {
	t.Parallel()
	w, err := newWorld()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		w.deposit, func() error { return w.visa(w.director, 0) }, func() error { return w.sign(w.mayor, 1, "Paul Durand") },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	s, err := w.sample()
	if err != nil {
		t.Fatal(err)
	}
	rep := verify(t, s.zip, s.letter, s.options())
	if rep.Outcome != proof.Unverifiable || !strings.Contains(show(t, rep), string(SignatureName)) {
		t.Errorf("%s: %s", rep.Outcome, show(t, rep))
	}
}

// TestOnTheWay verifies packages made before the end: a draft, then a letter that was approved and not signed.
func TestOnTheWay(t *testing.T) {
	t.Parallel()
	w, err := newWorld()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{w.deposit, func() error { return w.visa(w.director, 0) }} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		s, err := w.sample()
		if err != nil {
			t.Fatal(err)
		}
		rep := verify(t, s.zip, s.letter, s.options())
		if rep.Outcome != proof.Valid || !strings.Contains(show(t, rep), string(NothingSigned)) {
			t.Errorf("%s: %s", rep.Outcome, show(t, rep))
		}
	}
}

func TestSamePerson(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, certificate string
		want              bool
	}{
		{"Hélène Garnier", "Hélène Garnier", true},
		{"Hélène Garnier", "GARNIER Helene", true},
		{"Élise Préfète-Gœury", "PREFETE-GOEURY Élise (Maire)", true},
		{"Éric d’Orgeval", "D'ORGEVAL ERIC", true},
		{"Hélène Garnier", "Paul Garnier", false},
		{"", "Paul Garnier", false},
	} {
		if got := samePerson(test.name, test.certificate); got != test.want {
			t.Errorf("%q, %q: %v", test.name, test.certificate, got)
		}
	}
}

// BenchmarkVerify verifies five decisions, one signature and one seal.
func BenchmarkVerify(b *testing.B) {
	s := theSample(b)
	b.ReportAllocs()
	for b.Loop() {
		verify(b, s.zip, s.letter, s.options())
	}
}

// BenchmarkWrite writes the same package, without its seal.
func BenchmarkWrite(b *testing.B) {
	w := theSample(b).world
	b.ReportAllocs()
	for b.Loop() {
		if err := Write(b.Context(), io.Discard, w.pkg(), nil); err != nil {
			b.Fatal(err)
		}
	}
}

// TestSpecimenLeadsTheConclusion has both reports say in their first line that what they read is of a sandbox.
func TestSpecimenLeadsTheConclusion(t *testing.T) {
	t.Parallel()
	const sandbox = "00000000000001"
	for outcome, want := range map[proof.Outcome]string{
		proof.Unverifiable: "Conclusion\u00a0: Spécimen du bac à sable\u00a0: sans valeur. Il n’engage personne",
		proof.Invalid:      "Conclusion\u00a0: Spécimen du bac à sable\u00a0: sans valeur. NON VALIDE de surcroît",
	} {
		for name, rep := range map[string]interface{ French(w io.Writer) error }{
			"letter": &Report{Outcome: outcome, Specimen: true}, "journal": &JournalReport{Outcome: outcome, Tenant: sandbox},
		} {
			var out strings.Builder
			if err := rep.French(&out); err != nil || !strings.HasPrefix(out.String(), want) {
				t.Errorf("%s, %s: %v\n%s", name, outcome, err, out.String())
			}
		}
	}
	var out strings.Builder
	if err := (&Report{Outcome: proof.Unverifiable}).French(&out); err != nil || strings.Contains(out.String(), "Spécimen") {
		t.Errorf("a real one: %v\n%s", err, out.String())
	}
}
