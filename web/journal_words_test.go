package web

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/journal"
)

// Every kind of entry that the packages declare is said in French.
func TestEveryKindIsSaid(t *testing.T) {
	t.Parallel()
	declared := regexp.MustCompile(`\b[kK]ind[A-Z]\w*\s*=\s*"([a-z_]+\.[a-z_]+)"`)
	seen := 0
	for _, root := range []string{"../circuits", "../dossiers", "../internal/postgres"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			raw, err := os.ReadFile(path)
			for _, m := range declared.FindAllStringSubmatch(string(raw), -1) {
				seen++
				if said := journalKind(m[1]); said == m[1] || said == "" {
					t.Errorf("%s: %s is not said", path, m[1])
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 60 {
		t.Errorf("only %d kinds were found", seen)
	}
}

// An entry of the set-up says what changed, with names.
func TestSentences(t *testing.T) {
	t.Parallel()
	names := map[string]string{"garnier": "Hélène Garnier", "rousseau": "Philippe Rousseau", "maire": "Maire"}
	circuit := circuits.Definition{Code: "simple", Name: "Courrier simple", Version: 3}
	for _, one := range []struct {
		a    dossiers.Amendment
		want string
	}{
		{dossiers.MemberSet{Member: dossiers.Member{GivenName: "Hélène", FamilyName: "Garnier", Email: "m@x", Rank: 1, Admin: true, MandateEnd: "2032-03-20"}}, "Hélène Garnier (m@x), administre et maire, jusqu’au 20 mars 2032."},
		{dossiers.DeskSet{Desk: dossiers.DeskSetup{Name: "DGS", Parent: "maire", Holders: []dossiers.SeatSetup{{Person: "rousseau", Quality: "Directeur"}}}}, "Bureau « DGS », tenu par Philippe Rousseau, Directeur, sous « Maire »."},
		{dossiers.DeskSet{Desk: dossiers.DeskSetup{Name: "Ancien", Inactive: true}}, "Bureau « Ancien », sans titulaire, qui ne sert plus."},
		{dossiers.SequenceSet{Sequence: dossiers.Sequence{Name: "Départ", Pattern: "{annee}-{numero}"}}, "Suite « Départ », modèle {annee}-{numero}."},
		{dossiers.TypeSet{Type: dossiers.TypeSetup{Name: "Subvention"}}, "Type « Subvention »."},
		{dossiers.CircuitDrafted{Circuit: circuit}, "Circuit « Courrier simple »."},
		{dossiers.CircuitPublished{Circuit: circuit}, "Circuit « Courrier simple », version 3."},
		{dossiers.CircuitRetired{Code: "simple", Version: 2}, "Circuit « simple », version 2."},
		{dossiers.CircuitDraftDropped{Code: "simple"}, "Circuit « simple »."},
		{dossiers.DelegationSet{Delegation: delegation.Delegation{Number: "2026-041", Delegator: delegation.Party{Person: "garnier"}, Delegate: delegation.Party{Person: "rousseau"}, From: "2026-04-01", Withdrawn: "2026-05-01"}}, "Arrêté 2026-041 : Hélène Garnier à Philippe Rousseau, à partir du 1er avril 2026. Retirée le 1er mai 2026."},
		{dossiers.AbsenceSet{Absence: delegation.Absence{Person: "garnier", From: "2026-07-14", To: "2026-07-15", Replacement: "rousseau"}}, "Hélène Garnier, du 14 juillet 2026 au 15 juillet 2026, remplacement par Philippe Rousseau."},
		{dossiers.AbsenceSet{Absence: delegation.Absence{Person: "garnier", From: "2026-07-14", To: "2026-07-15", Cancelled: true}}, "Absence du 14 juillet 2026 au 15 juillet 2026 annulée."},
		{dossiers.ImpedimentSet{Impediment: delegation.Impediment{Person: "garnier", From: "2026-03-03", Motive: "Hospitalisation", Proof: "Certificat"}}, "Hélène Garnier, depuis le 3 mars 2026 : Hospitalisation. Preuve : Certificat."},
		{dossiers.RecusalSet{Recusal: delegation.Recusal{Person: "nobody", Motive: "parent du demandeur"}}, "Quelqu’un se déporte : parent du demandeur."},
		{dossiers.ClosureSet{Closure: dossiers.Closure{On: "2026-05-15", Label: "Pont"}}, "Fermée le 15 mai 2026 : Pont."},
		{dossiers.ImpedimentSet{Impediment: delegation.Impediment{Person: "garnier", From: "2026-03-03", Motive: "Hospitalisation", Proof: "Certificat", Document: circuits.Digest{1}}}, "Hélène Garnier, depuis le 3 mars 2026 : Hospitalisation. Preuve : Certificat. PDF d’empreinte 01" + strings.Repeat("0", 62) + "."},
		{dossiers.TerritorySet{}, "Métropole, hors Alsace et Moselle."},
		{dossiers.TerritorySet{Territory: dossiers.Territory{Region: "polynesie-francaise", Zone: "Pacific/Marquesas"}}, "Polynésie française, fuseau : Marquises."},
		{dossiers.ClosureRemoved{On: "2026-05-15"}, "Ouverte le 15 mai 2026."},
		{dossiers.ApplicationSet{Application: dossiers.ApplicationSetup{Name: "GEC"}}, "Application « GEC »."},
	} {
		body, err := json.Marshal(one.a)
		if err != nil {
			t.Fatal(err)
		}
		if got := sentence(journal.Entry{Kind: one.a.Kind(), Body: body}, names); got != one.want {
			t.Errorf("%s: %q, want %q", one.a.Kind(), got, one.want)
		}
	}
	for _, one := range [][3]string{
		{dossiers.KindSandboxClock, `{"to":"2026-12-01T00:00:00Z","ahead_seconds":1731660}`, "En avance de 20 jours et 1 h 01 sur l’heure réelle."},
		{dossiers.KindSandboxClock, `{"ahead_seconds":86429}`, "En avance de 1 jour sur l’heure réelle."},
		{dossiers.KindSandboxClock, `{"ahead_seconds":1727999}`, "En avance de 20 jours sur l’heure réelle."},
		{dossiers.KindSandboxClock, `{"ahead_seconds":59}`, "En avance de 0 h 01 sur l’heure réelle."},
		{dossiers.KindSandboxPerson, `{"role":"maire"}`, "« maire » pour les programmes."},
		{dossiers.KindSandboxPerson, `{}`, ""},
		{dossiers.KindSandboxClock, `{"ahead_seconds":"x"}`, ""},
	} {
		if got := strings.ReplaceAll(sentence(journal.Entry{Kind: one[0], Body: []byte(one[1])}, names), nbsp, " "); got != one[2] {
			t.Errorf("%s of %s: %q, want %q", one[0], one[1], got, one[2])
		}
	}
	for kind, body := range map[string]string{dossiers.KindDeskSet: "not JSON", dossiers.KindMemberSet: "[]", dossiers.KindPublished: "{}", "person.invited": "{}"} {
		if got := sentence(journal.Entry{Kind: kind, Body: []byte(body)}, names); got != "" {
			t.Errorf("%s of %s: %q", kind, body, got)
		}
	}
}

// What only sandboxes have is about them, and is offered to no other town.
func TestSandboxInTheJournal(t *testing.T) {
	t.Parallel()
	const id = "019b0000-0000-7000-8000-000000000000"
	for _, c := range []struct {
		entry journal.Entry
		want  string
	}{
		{journal.Entry{Kind: dossiers.KindSandboxClock, Subject: id}, "Le bac à sable"},
		{journal.Entry{Kind: dossiers.KindSandboxOpened, Subject: id}, "Le bac à sable"},
		{journal.Entry{Kind: dossiers.KindSandboxPerson, Subject: "p"}, "Hélène Garnier"},
		{journal.Entry{Kind: circuits.KindDeposited, Subject: id}, "…00000000"},
	} {
		if got := about(c.entry, map[string]string{"p": "Hélène Garnier"}); got != c.want {
			t.Errorf("%s is about %q, want %q", c.entry.Kind, got, c.want)
		}
	}
	for sandbox, want := range map[bool]int{false: 0, true: 4} {
		n := 0
		for _, o := range journalKindOptions(sandbox) {
			if strings.HasPrefix(o.Value, ofSandboxes) {
				n++
			}
		}
		if n != want {
			t.Errorf("sandbox %t: %d kinds are offered, want %d", sandbox, n, want)
		}
	}
}
