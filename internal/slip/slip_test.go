package slip

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"parapheur/internal/tooltest"
)

func sample(lines int) Slip {
	s := Slip{
		Town: "Ville de Saint-Aubin-sur-Loire", Title: "Bordereau de circulation", Subject: "Réfection du trottoir, rue des Mariniers : réponse à M. et Mme Lefèvre et à l’ensemble des riverains du quartier de l’Œuvre",
		Facts: []Fact{{"Dossier", "n° 12, circuit terminé"}, {"Empreinte SHA-256", strings.Repeat("0123456789abcdef", 8)}},
		Foot:  "Établi le 02/03/2026 à 10:00.", At: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
	}
	t := Table{Heading: "Les décisions", Columns: []string{"Quand", "Qui", "Décision"}, Wide: []float64{0.2, 0.4, 0.4}}
	for i := range lines {
		t.Lines = append(t.Lines, []string{"02/03/2026 à 10:00", "Hélène Garnier, Maire", fmt.Sprintf("Refus %d\n« Voir la page 2 – l’été ; ça n’est pas “sûr”… »", i)})
	}
	s.Tables = []Table{t, {Heading: "Rien", None: "Aucune ligne."}}
	return s
}

// text extracts what poppler reads, which first checks that qpdf finds no fault.
func text(t *testing.T, s Slip) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	tooltest.On(t, b.Bytes(), "qpdf", "--check", "FILE")
	return tooltest.Text(t, b.Bytes())
}

func TestSlipReadsInFrench(t *testing.T) {
	t.Parallel()
	got := text(t, sample(60))
	for _, want := range []string{"Bordereau de circulation", "Œuvre", "Hélène Garnier, Maire", "Refus 59", "“sûr”…", "ça", "Aucune ligne.", "Page 1 sur"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in the slip", want)
		}
	}
	if strings.Contains(got, "?") {
		t.Error("a letter could not be drawn")
	}
	if n := strings.Count(got, "Hélène"); n != 60 {
		t.Errorf("%d lines of 60", n)
	}
}

func TestSameWordsSameBytes(t *testing.T) {
	t.Parallel()
	var a, b bytes.Buffer
	if err := sample(3).Write(&a); err != nil {
		t.Fatal(err)
	}
	if err := sample(3).Write(&b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two writings differ")
	}
}

// Words without a space, names in another script and controls stay on the page.
func TestOddWords(t *testing.T) {
	t.Parallel()
	s := sample(0)
	s.Subject = strings.Repeat("x", 2000) + " Šćepanović \u202fΔ漢\x00"
	if got := text(t, s); !strings.Contains(got, "Šćepanović") {
		t.Errorf("%.400s", got)
	}
}
