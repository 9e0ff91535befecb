package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	holidays "parapheur/circuits/calendar"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
)

// A closureLine is a day on which no deadline counts.
type closureLine struct {
	On, When, Label string
	Holiday         bool
}

// closuresPage is /administration/fermetures.
type closuresPage struct {
	frame
	Year           int
	Previous, Next string
	Days           []closureLine
	Form           []setting
	Territory      []setting
	Now            string // "Il y est 7 h 42, lundi 23 novembre."
	Problem, Said  string
}

func (*closuresPage) template() string { return "fermetures" }

// closureSpan bounds the days that one form closes.
const closureSpan = 62

func newClosuresPage(g dossiers.Organisation, year int, now time.Time, values url.Values, wrong error) *closuresPage {
	p := &closuresPage{Year: year, Previous: "/administration/fermetures?annee=" + strconv.Itoa(year-1), Next: "/administration/fermetures?annee=" + strconv.Itoa(year+1)}
	for _, h := range g.Territory.Region.Holidays(year) {
		p.Days = append(p.Days, closureLine{On: h.Date.String(), When: dayInWords(h.Date.Time(time.UTC)), Label: h.Name, Holiday: true})
	}
	for _, c := range g.Closures {
		day, err := time.Parse(time.DateOnly, string(c.On))
		if err == nil && day.Year() == year {
			p.Days = append(p.Days, closureLine{On: string(c.On), When: dayInWords(day), Label: c.Label})
		}
	}
	slices.SortStableFunc(p.Days, func(a, b closureLine) int { return strings.Compare(a.On, b.On) })
	f := newFiche(values, wrong)
	p.Now = typeset("Il y est " + clock(now) + ", " + dayInWords(now) + ".")
	p.Territory = territoryControls(newFiche(url.Values{"region": {string(g.Territory.Region)}, "zone": {g.Territory.Zone}}, nil))
	p.Form = []setting{
		must(f.date("from", "Du", "", "on")), f.date("to", "Au", "Vide : un seul jour."), f.text("label", "Raison", "« Pont de l’Ascension ».", 120),
	}
	p.Problem = f.problem(wrong)
	return p
}

func dayInWords(t time.Time) string { return weekday(t.Weekday()) + " " + dayMonth(t) }

func (s *server) closures(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	year, err := strconv.Atoi(r.URL.Query().Get("annee"))
	if err != nil || year < 1900 || year > 2200 {
		year = s.now(v).Year()
	}
	p := newClosuresPage(g, year, s.now(v), url.Values{}, nil)
	p.frame = s.frame(v, "Les fermetures", "administration")
	p.Said = map[string]string{
		"inscrite": "La fermeture est inscrite. Aucun délai ne compte plus ces jours.", "levee": "La fermeture est levée.",
		"territoire": "Le territoire est enregistré. Les délais à venir en tiennent compte ; ceux qui courent gardent leur échéance.",
	}[r.URL.Query().Get("dit")]
	return s.show(w, r, http.StatusOK, p)
}

// daysOf lists the days of a form, both ends included.
func daysOf(values url.Values) ([]delegation.Date, error) {
	from, err := time.Parse(time.DateOnly, trimmed(values, "from"))
	if err != nil {
		return nil, &dossiers.InvalidError{Field: "from", Reason: "Choisissez le premier jour de la fermeture."}
	}
	to := from
	if last := trimmed(values, "to"); last != "" {
		if to, err = time.Parse(time.DateOnly, last); err != nil || to.Before(from) {
			return nil, &dossiers.InvalidError{Field: "to", Reason: "Le dernier jour vient après le premier."}
		}
	}
	var out []delegation.Date
	for day := from; !day.After(to); day = day.AddDate(0, 0, 1) {
		if len(out) == closureSpan {
			return nil, &dossiers.InvalidError{Field: "to", Reason: "Deux mois au plus à la fois."}
		}
		out = append(out, delegation.DateOf(day))
	}
	return out, nil
}

func (s *server) setClosure(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	days, err := daysOf(r.PostForm)
	var list []dossiers.Amendment
	for _, day := range days {
		list = append(list, dossiers.ClosureSet{Closure: dossiers.Closure{On: day, Label: trimmed(r.PostForm, "label")}})
	}
	if err == nil {
		_, err = s.Office.Amend(r.Context(), v.viewer, list...)
	}
	if status, told := again(err); told {
		p := newClosuresPage(g, s.now(v).Year(), s.now(v), r.PostForm, err)
		p.frame = s.frame(v, "Les fermetures", "administration")
		return s.show(w, r, status, p)
	}
	if err != nil {
		return err
	}
	return backToYear(w, r, string(days[0]), "inscrite")
}

// territoryControls asks where the town is.
func territoryControls(f *fiche) []setting {
	regions, zones := []option{{Label: holidays.Region("").Name()}}, []option{{Label: "Celui du territoire"}}
	for _, r := range holidays.Regions() {
		regions = append(regions, option{Value: string(r), Label: r.Name()})
	}
	for _, z := range holidays.Zones() {
		zones = append(zones, option{Value: z, Label: zoneName(z)})
	}
	return []setting{
		f.one("select", "region", "Territoire", "Il donne les jours fériés : ceux d’Alsace et de Moselle, l’abolition de l’esclavage outre-mer, ceux du Pacifique.", regions),
		f.one("select", "zone", "Fuseau horaire", "À quelle heure finit un jour. Aux Marquises et aux Gambier, ce n’est pas celui de Papeete.", zones),
	}
}

// zoneName is "Marquises" for Pacific/Marquesas: the names of the database are
// not French.
func zoneName(zone string) string {
	switch zone {
	case "Europe/Paris":
		return "Paris"
	case "Pacific/Tahiti":
		return "Papeete"
	case "Pacific/Marquesas":
		return "Marquises"
	case "Pacific/Gambier":
		return "Gambier"
	case "Pacific/Noumea":
		return "Nouméa"
	}
	for _, r := range holidays.Regions() {
		if r.Zone() == zone {
			return r.Name()
		}
	}
	return zone
}

// setTerritory says where the town is.
func (s *server) setTerritory(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	at := dossiers.Territory{Region: holidays.Region(r.PostForm.Get("region")), Zone: r.PostForm.Get("zone")}
	if at.Region != "" && at.Zone == at.Region.Zone() {
		at.Zone = "" // said by the region
	}
	_, err = s.Office.Amend(r.Context(), v.viewer, dossiers.TerritorySet{Territory: at})
	if status, told := again(err); told {
		p := newClosuresPage(g, s.now(v).Year(), s.now(v), url.Values{}, nil)
		f := newFiche(r.PostForm, err)
		p.Territory, p.frame = territoryControls(f), s.frame(v, "Les fermetures", "administration")
		p.Problem = f.problem(err)
		return s.show(w, r, status, p)
	}
	if err != nil {
		return err
	}
	return saying(w, r, "/administration/fermetures", "territoire")
}

func (s *server) removeClosure(v *visit, w http.ResponseWriter, r *http.Request) error {
	if err := administers(v); err != nil {
		return err
	}
	on := r.PostForm.Get("on")
	if _, err := s.Office.Amend(r.Context(), v.viewer, dossiers.ClosureRemoved{On: delegation.Date(on)}); err != nil {
		return err
	}
	return backToYear(w, r, on, "levee")
}

func backToYear(w http.ResponseWriter, r *http.Request, day, said string) error {
	year, _, _ := strings.Cut(day, "-")
	http.Redirect(w, r, "/administration/fermetures?"+url.Values{"annee": {year}, "dit": {said}}.Encode(), http.StatusSeeOther)
	return nil
}
