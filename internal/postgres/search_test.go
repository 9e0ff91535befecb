package postgres_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

// A shelf is a town with one letter, whose words change.
type shelf struct {
	*towntest.Town
	owner *pgxpool.Pool
	id    dossiers.ID
}

func newShelf(t *testing.T) shelf {
	t.Helper()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	return shelf{town, town.Owner(t), town.Deposit(t).ID}
}

// entitled gives the letter its words.
func (s shelf) entitled(t *testing.T, title, recipient, reference string) {
	t.Helper()
	if _, err := s.owner.Exec(t.Context(), `update dossier set title = $2, recipient = $3, external_reference = nullif($4, '') where id = $1`, s.id, title, recipient, reference); err != nil {
		t.Fatalf("%q: %v", title, err)
	}
}

// finds reports whether a search finds the letter, whichever of the ways to
// it is followed.
func (s shelf) finds(t *testing.T, query string) bool {
	t.Helper()
	var found []bool
	for _, f := range []dossiers.Filter{{}, {Phase: circuits.Running}, {Number: 1}} {
		f.Query = query
		got, _, err := s.Store.Search(t.Context(), s.Tenant.ID, "", f, dossiers.Page{Limit: 10})
		if err != nil {
			t.Fatalf("%q: %v", query, err)
		}
		found = append(found, slices.ContainsFunc(got, func(d dossiers.Dossier) bool { return d.ID == s.id }))
	}
	if found[0] != found[1] || found[0] != found[2] {
		t.Errorf("%q finds the letter %v among all, of a phase, of its number", query, found)
	}
	return found[0]
}

// plain asks the database how it writes a text.
func (s shelf) plain(t *testing.T, text string) (out string) {
	t.Helper()
	if err := s.owner.QueryRow(t.Context(), `select plain($1)`, text).Scan(&out); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return out
}

// A letter is found as people type: without accents on a phone, with them on a
// keyboard, in capitals, with the apostrophe or the dash of any program.
func TestSearchAsTyped(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	const (
		school = "Réfection de la toiture de l’école élémentaire Saint-Pierre"
		works  = "Œuvres d’été : maïs, forêt & cœur de ville"
		permit = "Autorisation accordée – taxe foncière n° 12/2026"
		medal  = "Médaille d’or de la ville"
	)
	for _, x := range []struct {
		title       string
		found, lost []string
	}{
		{school, []string{
			"refection", "réfection", "RÉFECTION", "REFECTION", "Refections", "re\u0301fection", "rèfêctïon", "toitures", "ecole elementaire", "école", "ECOLE", "l’ecole", "l'école", "l‘ecole", "l´ecole",
			"saint-pierre", "Saint Pierre", "st refection or saint pierre", "saint‑pierre", "saint–pierre", "pierre-saint or ecole", "réf\u00adection", "réfection\u00a0de\u202fla", "mme lefevre", "LEFÈVRE",
			"GEC-2026/014", "gec 2026 014", "2026-014", "2026/014", "014", "gec_2026", "à la réfection", "a la refection", "même ecole", "\u200bécole\ufeff",
			`"refection de la toiture"`, "« réfection de la toiture »", "“ecole elementaire”", "„ecole elementaire“", `"toiture de l'ecole`, "refection -piscine", "refection -« saint paul »", "piscine or TOITURE", "piscine OR toiture or mer",
			"réfection - école", "refection -", "réfection, école !", "(réfection)", "refection ; ecole",
		}, []string{
			"piscine", "refection piscine", "refection -toiture", "refection -ECOLE", `"toiture refection"`, "or refection", "refection or", `-"saint pierre"`, "refection -saint-pierre", "-refection", "pierre-saint", "014-2026",
			"la", "de l’", "", " ", "-", `"`, `""`, "«»", "à", "!!!", "piscine or mer", "\x00", "\xff", "saintpierre",
		}},
		{works, []string{"oeuvre", "œuvre", "ŒUVRES", "Oeuvres", "ete", "été", "ÉTÉ", "maïs", "MAÏS", "mai\u0308s", "foret", "forêt", "coeur", "cœur de ville", "mais coeur"}, []string{"mai", "mais", "oeuf"}},
		{permit, []string{"accorde", "accordé", "accordée", "ACCORDES", "foncier", "fonciere", "foncière", "foncières", "no 12 or 12", "n°12", "nº12", "№12", "n° 12", "12/2026", "12-2026"}, []string{"2026/12"}},
		{medal, []string{medal, "medaille d'or", "MEDAILLE D’OR DE LA VILLE", "or"}, []string{"médaille d’argent", "argent d'or"}},
		{"Straße in Łódź, señor Muñoz, Ærø", []string{"strasse", "STRASSE", "straße", "STRAẞE", "lodz", "ŁÓDŹ", "senor munoz", "aero", "ærø", "ÆRØ"}, []string{"strase"}},
		{"Αθήνα, Киев", []string{"αθηνα", "Αθήνα", "киев", "КИЕВ"}, []string{"athena"}},
	} {
		s.entitled(t, x.title, "Mme Lefèvre", "GEC-2026/014")
		for _, query := range append(x.found, x.title) {
			if !s.finds(t, query) && query != "" {
				t.Errorf("« %s » is not found by %q", x.title, query)
			}
		}
		for _, query := range x.lost {
			if query != "" && s.finds(t, query) {
				t.Errorf("« %s » is found by %q", x.title, query)
			}
		}
	}
}

// How a text is written where it is searched.
func TestPlain(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	for text, want := range map[string]string{
		"":                        "",
		"Réfection de la TOITURE": "refection de la toiture",
		"e\u0301\u0323cole":       "ecole",
		"ÀÂÄÁÃÅÇÉÈÊËÍÎÏÑÓÔÖÕÚÙÛÜŸÝ àâäáãåçéèêëíîïñóôöõúùûüÿý": "aaaaaaceeeeiiinoooouuuuyy aaaaaaceeeeiiinoooouuuuyy",
		"Œ œ Æ æ ẞ ß Ø ø Ł ł Đ đ İ ı ﬁ ĳ":                     "oe oe ae ae ss ss o o l l d d i i fi ij",
		"l’école l'eau":                         "l ecole l eau",
		"a.b@c.fr":                              "au b c fr",
		"<b>&amp;":                              " b amp ",
		"so\u00adft\u200b\ufeff":                "soft",
		"①②１２ＡＢ m² 1ᵉʳ":                         "1212ab m2 1er",
		"nº 12 № 13 Parapheur™":                 "n  12   13 parapheur ",
		"à même le sol, a capella":              "au au le sol  au capella",
		"maïs mais maïserie":                    "maiz mais maiserie",
		"foncières premières arriérées pierres": "fonciers premiers arriers pierres",
		"\u05d0\u05b4\u034f\u05b0":              "\u05d0\u05b0\u05b4", // in their order, once nothing keeps them apart
		"ragréée lycées idée":                   "ragre lyces ide",
	} {
		if got := s.plain(t, text); got != want {
			t.Errorf("plain(%q) = %q, want %q", text, got, want)
		}
		if got := s.plain(t, want); got != want {
			t.Errorf("plain(%q) = %q, want it as it is", want, got)
		}
	}
}

// oddities are what titles are made of when programs made them.
func oddities() []string {
	return []string{
		" ", " ", " ", "\u00a0", "\u202f", "\t", "\n", "-", "–", "—", "'", "’", "ʼ", "`", ".", ",", "/", "\\", "@", "&", "&amp;", "<b>", "</", "_", "°", "º", "№", "«", "»", "“", "”", `"`, "(", ")", "!", "|", ":", "*", "%", "€", "²", "½", "…",
		"\u0301", "\u0323", "\u0308", "\u0327", "\u034f", "\u0345", "\u05b0", "\u05b4", "\u20dd", "\u00ad", "\u200b", "\u200d", "\ufe0f", "\ufeff", "\u202e", "\u0001", "\u007f", "\u0085",
		"é", "É", "è", "ç", "œ", "Œ", "æ", "ß", "ẞ", "ı", "İ", "ſ", "ﬁ", "ǆ", "Ǆ", "ŉ", "Å", "Å", "ø", "Ł", "þ", "ŋ", "ª", "ᵉ", "ʳ", "①", "Ⅳ", "ﷺ", "한", "가", "ᄀ", "字", "α", "Σ", "ς", "Я", "й", "ё", "א", "ا", "ก", "🏛", "👩🏽‍⚖️", "𝐚", "𝔸",
		"a", "A", "e", "ee", "ees", "ier", "iere", "ieree", "eee", "meme", "même", "à", "mais", "maïs", "or", "OR", "et", "la", "de", "l", "d", "Réfection", "écoles", "travaux", "été", "1", "12", "2026", "1e5", "-5", "0x1F", "www.ville.fr", "12/03/2026", "GEC-2026-014",
	}
}

// Whatever a title is made of, it is written plainly once, in capitals too,
// and what is copied from it finds its letter: but for a minus before a word,
// which excludes it, and titles without one word that counts.
func TestTitleFindsItsLetter(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 24))
	all, asked := oddities(), 0
	excluding := regexp.MustCompile(`(^|[\s\p{Z}\x{85}"“”„«»])-+`)
	for range 400 {
		var title strings.Builder
		for range 1 + r.IntN(12) {
			if r.IntN(40) == 0 {
				title.WriteRune(rune(1 + r.IntN(0xd7ff)))
			}
			title.WriteString(all[r.IntN(len(all))])
		}
		text := title.String()
		if once := s.plain(t, text); s.plain(t, once) != once {
			t.Errorf("seed %d: plain(%q) = %q, then %q", seed, text, once, s.plain(t, once))
		}
		s.entitled(t, text, "Mme Lefèvre", "")
		var words int
		query := excluding.ReplaceAllString(text, "$1 ")
		if err := s.owner.QueryRow(t.Context(), `select length(to_tsvector('french', plain($1)))`, query).Scan(&words); err != nil {
			t.Fatalf("seed %d: %q: %v", seed, query, err)
		}
		if words == 0 {
			continue
		}
		asked++
		if !s.finds(t, query) {
			t.Errorf("seed %d: the title %q is not found by %q", seed, text, query)
		}
	}
	if asked < 200 {
		t.Errorf("seed %d: only %d titles have words", seed, asked)
	}
}
