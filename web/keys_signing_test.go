package web

import (
	"strings"
	"testing"
	"time"

	"parapheur/dossiers"
	"parapheur/signing"
)

// sampleKeys are a key in order, one that ends soon, one with every trouble,
// nobody's, and a seal.
func sampleKeys() []dossiers.KeyReport {
	in := func(days int) time.Time { return sampleNow().now.AddDate(0, 0, days) }
	seat := []dossiers.Seat{{Name: "Maire", Quality: "Maire"}}
	return []dossiers.KeyReport{
		{Person: "garnier", Name: "Hélène Garnier", Seats: seat, Reaches: signing.BLTA, KeyReadiness: dossiers.KeyReadiness{
			Kind: "pkcs12", Holder: "Hélène GARNIER", Issuer: "Autorité de démonstration", NotAfter: in(700), Usable: true, Archivable: true,
		}},
		{Person: "leroy", Name: "Anne Leroy", Reaches: signing.BT, KeyReadiness: dossiers.KeyReadiness{
			Kind: "csc", Holder: "Anne LEROY", Issuer: "AC Signature", NotAfter: in(20), Usable: true,
			Problems: []dossiers.KeyProblem{dossiers.KeyExpiresSoon, dossiers.KeyRevocationUnknown, dossiers.KeyNeedsActivation},
		}},
		{Person: "benali", Name: "Karim Benali", Seats: seat, KeyReadiness: dossiers.KeyReadiness{
			Kind: "pkcs11", Holder: "Karim BENALI", Issuer: "AC Signature", NotAfter: in(-3),
			Problems: []dossiers.KeyProblem{dossiers.KeyExpired, dossiers.KeyUntrusted, dossiers.KeyRevoked, dossiers.KeySuspended, dossiers.KeyWeak},
		}},
		{Person: "rousseau", Name: "Philippe Rousseau", Seats: seat, KeyReadiness: dossiers.KeyReadiness{Problems: []dossiers.KeyProblem{dossiers.KeyMissing}}},
		{Name: "Ville de Saint-Aubin-sur-Loire", Reaches: signing.BLTA, KeyReadiness: dossiers.KeyReadiness{
			Kind: "pkcs12", Holder: "Cachet - Ville de Saint-Aubin-sur-Loire", Issuer: "Autorité de démonstration", NotAfter: in(700), Usable: true, Archivable: true,
		}},
	}
}

// What is said before a letter leaves names the step, the person and the cause.
func TestAheadInWords(t *testing.T) {
	t.Parallel()
	got := aheadInWords([]dossiers.StepReadiness{
		{Title: "Signature du Maire", Desk: "Maire", Problems: []dossiers.StepProblem{{Problem: dossiers.KeyExpired, Name: "Hélène Garnier"}, {Problem: dossiers.NoTimestamping}}},
		{Title: "Signature de l’adjointe", Desk: "Adjointe", Problems: []dossiers.StepProblem{{Problem: dossiers.NobodyAble}}},
	})
	want := "«\u00a0Signature du Maire\u00a0» ne pourrait pas aboutir aujourd’hui. Hélène Garnier\u00a0: certificat échu. Il en faut un autre. " +
		"Aucune autorité d’horodatage n’est réglée (--tsa)\u00a0: le niveau demandé ne peut être atteint. La lettre peut partir\u00a0: elle attendrait là."
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A signature that waits says for what.
func TestAwaitingInWords(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, reason := range []string{dossiers.AwaitsTimestamp, dossiers.AwaitsRevocation, dossiers.AwaitsKey, dossiers.AwaitsActivation} {
		tag, title, text := awaiting(reason)
		if tag == "" || title == "" || text == "" || seen[tag] {
			t.Errorf("%s: %q, %q, %q", reason, tag, title, text)
		}
		seen[tag] = true
	}
}

// The notice of a letter that waits for its holder leads to where they
// authorise it.
func TestActivationIsShown(t *testing.T) {
	t.Parallel()
	s := newPreview(t)
	letter := newLetterPage(sampleView(), mayor(), sampleNow())
	bins := newBinsPage(mayor(), dossiers.BinToDo, nil, sampleRows(), sampleNow())
	letter.Activate, bins.Activate = "2 lettres", "2 lettres"
	for name, p := range map[string]page{"letter": letter, "bins": bins} {
		body, err := s.pages.execute(p)
		if err != nil {
			t.Fatal(err)
		}
		if text := string(body); !strings.Contains(text, "2 lettres à autoriser") || !strings.Contains(text, `href="/signature"`) {
			t.Errorf("%s: no way to the authorisation", name)
		}
	}
}
