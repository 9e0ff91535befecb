package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
)

// An absenceLine is an absence in a list.
type absenceLine struct {
	Base                                      string // address of the forms
	Everybody                                 bool   // says whose it is
	ID, Person, When, Replacement, Tray, Note string
	Now, Over, Cancelled                      bool
}

// absencesPage is /mes-absences, and /administration/absences.
type absencesPage struct {
	frame
	Everybody   bool
	Base        string // address of the forms
	Now         string // "Vous êtes absent jusqu’au …"
	Coming      []absenceLine
	Past        []absenceLine
	Impediments []impedimentLine
	Said        string
}

func (*absencesPage) template() string { return "absences" }

// trayName says what becomes of the tray.
func trayName(t delegation.Tray, replacement string) string {
	switch t {
	case delegation.ShareTray:
		return "La bannette est partagée avec " + replacement + "."
	case delegation.MoveTray:
		return "La bannette est transmise à " + replacement + "."
	case delegation.KeepTray:
	}
	return "La bannette attend le retour."
}

func newAbsenceLine(name func(circuits.PersonID) string, a delegation.Absence, today delegation.Date) absenceLine {
	line := absenceLine{
		ID: string(a.ID), Person: name(a.Person), When: "Du " + a.From.French() + " au " + a.To.French(), Note: a.Note, Tray: trayName(a.Tray, name(a.Replacement)),
		Cancelled: a.Cancelled, Over: a.To < today, Now: !a.Cancelled && a.From <= today && today <= a.To,
	}
	if a.Replacement != "" {
		line.Replacement = name(a.Replacement) + " vise entre-temps."
	}
	return line
}

// split puts absences in order: those to come and under way first.
func (p *absencesPage) split(all []delegation.Absence, name func(circuits.PersonID) string, today delegation.Date) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b delegation.Absence) int {
		if a.From < b.From {
			return -1
		}
		return 1
	})
	for _, a := range all {
		line := newAbsenceLine(name, a, today)
		line.Base, line.Everybody = p.Base, p.Everybody
		if line.Over || line.Cancelled {
			p.Past = slices.Insert(p.Past, 0, line)
		} else {
			p.Coming = append(p.Coming, line)
		}
	}
}

// absences is /administration/absences: everybody's.
func (s *server) absences(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	p := &absencesPage{Everybody: true, Base: "/administration/absences", frame: s.frame(v, "Les absences", "administration"), Said: absenceSaid(r)}
	p.split(g.Absences, func(id circuits.PersonID) string { return memberName(g, id) }, s.today(v))
	return s.show(w, r, http.StatusOK, p)
}

func absenceSaid(r *http.Request) string {
	return map[string]string{"gardee": "L’absence est enregistrée.", "annulee": "L’absence est annulée."}[r.URL.Query().Get("dit")]
}

// myAbsences is /mes-absences.
func (s *server) myAbsences(v *visit, w http.ResponseWriter, r *http.Request) error {
	mine, err := s.Office.MyAbsences(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	names := map[circuits.PersonID]string{}
	for _, c := range mine.Colleagues {
		names[c.ID] = c.Name()
	}
	today := s.today(v)
	p := &absencesPage{Base: "/mes-absences", frame: s.frame(v, "Mes absences", "mes-absences"), Said: absenceSaid(r), Now: awayInWords(v.viewer.Person.Civility, mine.Absences, today)}
	for _, i := range mine.Impediments {
		line := impedimentLine{ID: string(i.ID), Motive: i.Motive, Proof: i.Proof, By: cmp.Or(names[i.DeclaredBy], "un administrateur"), When: "Depuis le " + i.From.French(), Over: i.To != "" && i.To < today, Document: !i.Document.IsZero()}
		p.Impediments = append(p.Impediments, line)
	}
	p.split(mine.Absences, func(id circuits.PersonID) string { return cmp.Or(names[id], "quelqu’un qui n’est plus là") }, today)
	return s.show(w, r, http.StatusOK, p)
}

// awayInWords is the banner of somebody who announced an absence, or nothing.
func awayInWords(civility string, all []delegation.Absence, today delegation.Date) string {
	last := delegation.Date("")
	for _, a := range all {
		if !a.Cancelled && a.From <= today && today <= a.To {
			last = max(last, a.To)
		}
	}
	if last == "" {
		return ""
	}
	word := "absent"
	switch civility {
	case "Mme":
		word = "absente"
	case "":
		word = "absent ou absente"
	}
	return "Vous êtes " + word + " jusqu’au " + last.French() + "."
}

// away is the banner of the in-trays.
func (s *server) away(v *visit, r *http.Request) (string, error) {
	mine, err := s.Office.MyAbsences(r.Context(), v.viewer)
	if err != nil {
		return "", err
	}
	return awayInWords(v.viewer.Person.Civility, mine.Absences, s.today(v)), nil
}

func absenceValues(a delegation.Absence) url.Values {
	tray := a.Tray
	if tray == "" {
		tray = delegation.KeepTray
	}
	return url.Values{"person": {string(a.Person)}, "from": {string(a.From)}, "to": {string(a.To)}, "replacement": {string(a.Replacement)}, "tray": {string(tray)}, "note": {a.Note}}
}

func absenceFrom(values url.Values, a delegation.Absence) delegation.Absence {
	a.From, a.To = delegation.Date(trimmed(values, "from")), delegation.Date(trimmed(values, "to"))
	a.Replacement, a.Tray, a.Note = circuits.PersonID(values.Get("replacement")), delegation.Tray(values.Get("tray")), trimmed(values, "note")
	return a
}

// absencePage builds the form; people may be absent, colleagues replace.
func absencePage(a delegation.Absence, people, colleagues []option, values url.Values, wrong error, today delegation.Date) *formPage {
	f := newFiche(values, wrong)
	p := &formPage{Submit: "Enregistrer l’absence", Heading: "Définir une plage d’absence", Lead: typeset("Un remplaçant vise ; pour signer, il faut une délégation. Qui a annoncé une absence peut toujours agir.")}
	when := []setting{must(f.date("from", "Premier jour", "")), must(f.date("to", "Dernier jour", ""))}
	switch {
	case a.ID != "":
		p.Heading = "Modifier l’absence"
	case people != nil:
		when = append([]setting{must(f.one("select", "person", "Qui est absent", "", people))}, when...)
	}
	p.Parts = []formPart{{ID: "quand", Title: "Quand", Controls: when}, {ID: "entretemps", Title: "Entre-temps", Controls: []setting{
		f.one("select", "replacement", "Remplaçant", "Vise à votre place. Personne : les lettres attendent, ou vont à qui tient aussi le bureau.", colleagues),
		f.one("radios", "tray", "Ce qui est déjà dans la bannette", "", []option{
			{Value: string(delegation.KeepTray), Label: "Attend le retour"},
			{Value: string(delegation.ShareTray), Label: "Est partagé", Hint: "Le remplaçant le voit et peut viser ; cela reste dans la bannette."},
			{Value: string(delegation.MoveTray), Label: "Est transmis", Hint: "Va au remplaçant, pour de bon."},
		}),
		f.text("note", "Remarque", "", 200),
	}}}
	if a.ID != "" && a.To >= today && !a.Cancelled {
		p.Parts = append(p.Parts, formPart{ID: "annuler", Title: "Annuler", Controls: []setting{f.check("cancel", "L’absence n’aura pas lieu", "Rien n’est plus redirigé. Ce qui a été transmis ne revient pas seul.")}})
	}
	if a.Cancelled {
		p.Closed = "Cette absence est annulée."
	}
	p.Problem = f.problem(wrong)
	return p
}

func (s *server) showAbsence(v *visit, w http.ResponseWriter, r *http.Request, status int, a delegation.Absence, base string, p *formPage) error {
	id := string(a.ID)
	if id == "" {
		id = newID
	}
	p.Action, p.Back, p.Nav = base+"/"+id, choice{"/mes-absences", "Mes absences"}, ""
	section := "mes-absences"
	if base != "/mes-absences" {
		p.Back, p.Nav, section = choice{base, "Les absences"}, "absences", "administration"
	}
	p.frame = s.frame(v, p.Heading, section)
	return s.show(w, r, status, p)
}

// pickAbsence finds the absence of the address among these.
func pickAbsence(all []delegation.Absence, r *http.Request) (delegation.Absence, error) {
	id := delegation.ID(chi.URLParam(r, "id"))
	if id == newID {
		return delegation.Absence{}, nil
	}
	i := slices.IndexFunc(all, func(a delegation.Absence) bool { return a.ID == id })
	if i < 0 {
		return delegation.Absence{}, dossiers.ErrNotFound
	}
	return all[i], nil
}

func colleagueOptions(g dossiers.Organisation, but circuits.PersonID) []option {
	return memberOptions(g, "Personne", func(m dossiers.Member) bool { return active(m) && m.ID != but })
}

func (s *server) absenceForm(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	a, err := pickAbsence(g.Absences, r)
	if err != nil {
		return err
	}
	p := absencePage(a, memberOptions(g, "Choisir…", active), colleagueOptions(g, a.Person), absenceValues(a), nil, s.today(v))
	return s.showAbsence(v, w, r, http.StatusOK, a, "/administration/absences", p)
}

func (s *server) setAbsence(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	a, err := pickAbsence(g.Absences, r)
	if err != nil {
		return err
	}
	if a.ID == "" {
		a.Person = circuits.PersonID(r.PostForm.Get("person"))
	}
	form := func(wrong error) *formPage {
		if a.ID == "" {
			return absencePage(delegation.Absence{}, memberOptions(g, "Choisir…", active), colleagueOptions(g, ""), r.PostForm, wrong, s.today(v))
		}
		return absencePage(a, memberOptions(g, "Choisir…", active), colleagueOptions(g, a.Person), r.PostForm, wrong, s.today(v))
	}
	return s.keepAbsence(v, w, r, a, "/administration/absences", form)
}

// keepAbsence plans what the form says, and tells what is wrong in it.
func (s *server) keepAbsence(v *visit, w http.ResponseWriter, r *http.Request, a delegation.Absence, base string, form func(error) *formPage) error {
	if r.PostForm.Get("cancel") != "" && a.ID != "" {
		a.Cancelled = true
		if _, err := s.Office.PlanAbsence(r.Context(), v.viewer, a); err != nil {
			return err
		}
		return saying(w, r, base, "annulee")
	}
	_, err := s.Office.PlanAbsence(r.Context(), v.viewer, absenceFrom(r.PostForm, a))
	if status, told := again(err); told {
		return s.showAbsence(v, w, r, status, a, base, form(err))
	}
	if err != nil {
		return err
	}
	return saying(w, r, base, "gardee")
}

func (s *server) myAbsenceForm(v *visit, w http.ResponseWriter, r *http.Request) error {
	mine, err := s.Office.MyAbsences(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	a, err := pickAbsence(mine.Absences, r)
	if err != nil {
		return err
	}
	return s.showAbsence(v, w, r, http.StatusOK, a, "/mes-absences", absencePage(a, nil, personOptions(mine.Colleagues), absenceValues(a), nil, s.today(v)))
}

func personOptions(people []dossiers.Person) []option {
	out := []option{{Label: "Personne"}}
	for _, p := range people {
		out = append(out, option{Value: string(p.ID), Label: p.Name()})
	}
	return out
}

func (s *server) setMyAbsence(v *visit, w http.ResponseWriter, r *http.Request) error {
	mine, err := s.Office.MyAbsences(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	a, err := pickAbsence(mine.Absences, r)
	if err != nil {
		return err
	}
	a.Person = v.viewer.Person.ID
	return s.keepAbsence(v, w, r, a, "/mes-absences", func(wrong error) *formPage {
		return absencePage(a, nil, personOptions(mine.Colleagues), r.PostForm, wrong, s.today(v))
	})
}
