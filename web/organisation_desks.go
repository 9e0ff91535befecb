package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// A deskNode is a desk in the tree, with those below it.
type deskNode struct {
	deskLine
	Code        string
	Inactive    bool
	Supervisors []string
	Below       []deskNode
}

// deskTree puts desks under their heads. A desk whose head is unknown stands
// at the top: none is ever hidden.
func deskTree(g dossiers.Organisation, lines []deskLine) []deskNode {
	seen := map[circuits.DeskID]bool{}
	var below func(parent circuits.DeskID) []deskNode
	node := func(d dossiers.DeskSetup) deskNode {
		seen[d.ID] = true
		n := deskNode{deskLine: deskLine{ID: string(d.ID), Name: d.Name}, Code: d.Code, Inactive: d.Inactive}
		if i := slices.IndexFunc(lines, func(l deskLine) bool { return l.ID == string(d.ID) }); i >= 0 {
			n.deskLine = lines[i]
		}
		if n.Inactive {
			n.Warning = ""
		}
		for _, p := range d.Supervisors {
			n.Supervisors = append(n.Supervisors, memberName(g, p)+" supervise")
		}
		n.Below = below(d.ID)
		return n
	}
	below = func(parent circuits.DeskID) (out []deskNode) {
		for _, d := range g.Desks {
			_, known := g.Desk(d.Parent)
			if !seen[d.ID] && (d.Parent == parent || parent == "" && !known) {
				out = append(out, node(d))
			}
		}
		return out
	}
	tree := below("")
	for _, d := range g.Desks {
		if !seen[d.ID] {
			tree = append(tree, node(d))
		}
	}
	return tree
}

// deskValues are the fields of a desk's form.
func deskValues(d dossiers.DeskSetup) url.Values {
	values := url.Values{"name": {d.Name}, "code": {d.Code}, "parent": {string(d.Parent)}, "inactive": {flag(d.Inactive)}}
	for i, h := range d.Holders {
		setRow(values, "holders", i, url.Values{"person": {string(h.Person)}, "quality": {h.Quality}})
	}
	for i, h := range d.Preparers {
		setRow(values, "preparers", i, url.Values{"person": {string(h.Person)}, "quality": {h.Quality}})
	}
	for _, p := range d.Supervisors {
		values.Add("supervisors", string(p))
	}
	return values
}

func deskFrom(values url.Values, d dossiers.DeskSetup) dossiers.DeskSetup {
	d.Name, d.Code, d.Parent, d.Inactive = trimmed(values, "name"), trimmed(values, "code"), circuits.DeskID(values.Get("parent")), values.Get("inactive") != ""
	d.Holders, d.Preparers, d.Supervisors = seatsFrom(values, "holders", ""), seatsFrom(values, "preparers", "Préparateur"), nil
	for _, p := range values["supervisors"] {
		d.Supervisors = append(d.Supervisors, circuits.PersonID(p))
	}
	return d
}

// seatsFrom reads the lines of people; one without anybody is no line.
func seatsFrom(values url.Values, group, usual string) (out []dossiers.SeatSetup) {
	for i := range rowCount(values, group) {
		line := row(values, group, i)
		if line.Get("person") == "" {
			continue
		}
		seat := dossiers.SeatSetup{Person: circuits.PersonID(line.Get("person")), Quality: trimmed(line, "quality")}
		if seat.Quality == "" {
			seat.Quality = usual
		}
		out = append(out, seat)
	}
	return out
}

func deskPage(g dossiers.Organisation, values url.Values, wrong error, focus string) *formPage {
	f := newFiche(values, wrong)
	f.focused = focus
	p := &formPage{Nav: "bureaux", Back: choice{"/administration/bureaux", "Les bureaux"}, Submit: "Enregistrer"}
	somebody := memberOptions(g, "Choisir…", active)
	seat := func(hint string) func(int) []setting {
		return func(int) []setting {
			return []setting{f.one("select", "person", "Personne", "", somebody), f.text("quality", "Qualité", hint, 120)}
		}
	}
	p.Parts = []formPart{
		{ID: "bureau", Title: "Le bureau", Controls: []setting{
			must(f.text("name", "Nom", "", 80)), must(f.text("code", "Code", "Court et stable, pour le fichier d’organisation et l’annuaire : « dgs ».", 60)),
			f.one("select", "parent", "Bureau placé au-dessus", "Celui à qui l’on remonte : les circuits peuvent dire « le supérieur ».", deskOptions(g, "Aucun : en haut de l’organigramme")),
			f.check("inactive", "Ne sert plus", "Plus personne n’y agit : une lettre qui y attend s’arrête, et ce qui s’y est décidé reste prouvé."),
		}},
		f.rows(formPart{
			ID: "titulaires", Title: "Titulaires", Hint: "Visent ou signent, chacun avec sa clé d’accès. La qualité s’inscrit sous la signature.", Group: "holders", Add: "Ajouter un titulaire",
			None: typeset("Personne : une lettre s’y arrêterait."),
		}, "Titulaire", seat("« Maire », « Directrice générale des services ».")),
		f.rows(formPart{
			ID: "preparateurs", Title: "Préparateurs", Hint: "Voient la bannette et préparent ; ne décident jamais.", Group: "preparers", Add: "Ajouter un préparateur", None: "Personne.",
		}, "Préparateur", seat("« Cabinet du Maire ».")),
		{ID: "superviseurs", Title: "Superviseurs", Hint: typeset("Voient ce qui passe au bureau, et n’agissent jamais."), Controls: []setting{
			f.many("supervisors", "Qui supervise", "", memberOptions(g, "", active)),
		}},
	}
	for i := range p.Parts { // errors about people belong to the list of holders
		if p.Parts[i].ID == "titulaires" && f.wrong != nil && !f.told && slices.Contains([]string{"holders", "quality"}, f.wrong.Field) {
			p.Problem = typeset("Titulaires et préparateurs : " + f.wrong.Reason)
			f.told = true
		}
	}
	if p.Problem == "" {
		p.Problem = f.problem(wrong)
	}
	return p
}

func (s *server) showDesk(v *visit, w http.ResponseWriter, r *http.Request, status int, d dossiers.DeskSetup, values url.Values, p *formPage, wrong error) error {
	p.Heading, p.Action = d.Name, "/administration/bureaux/"+string(d.ID)
	if d.ID == "" {
		p.Heading, p.Action = "Un nouveau bureau", "/administration/bureaux/"+newID
	} else {
		p.from(d, values, deskValues(d), wrong)
	}
	p.frame = s.frame(v, p.Heading, "administration")
	return s.show(w, r, status, p)
}

// deskAsked returns the desk of the address; a new one has no identifier.
func deskAsked(g dossiers.Organisation, r *http.Request) (dossiers.DeskSetup, error) {
	id := chi.URLParam(r, "id")
	if id == newID {
		return dossiers.DeskSetup{}, nil
	}
	d, ok := g.Desk(circuits.DeskID(id))
	if !ok {
		return d, dossiers.ErrNotFound
	}
	return d, nil
}

func (s *server) deskForm(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	d, err := deskAsked(g, r)
	if err != nil {
		return err
	}
	return s.showDesk(v, w, r, http.StatusOK, d, deskValues(d), deskPage(g, deskValues(d), nil, ""), nil)
}

func (s *server) setDesk(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	was, err := deskAsked(g, r)
	if err != nil {
		return err
	}
	if focus, did := rearranged(r.PostForm, map[string]string{"holders": "person", "preparers": "person"}); did {
		return s.showDesk(v, w, r, http.StatusOK, was, r.PostForm, deskPage(g, r.PostForm, nil, focus), nil)
	}
	d := deskFrom(r.PostForm, was)
	if told, err := s.relied(v, r, was, d); err != nil {
		return err
	} else if told != "" {
		p := deskPage(g, r.PostForm, nil, "")
		p.Problem = typeset(told)
		p.Parts[0].Controls = append(p.Parts[0].Controls, newFiche(r.PostForm, nil).check("sachant", "Je sais que des lettres s’arrêteront ici", ""))
		return s.showDesk(v, w, r, http.StatusConflict, was, r.PostForm, p, nil)
	}
	_, err = s.Office.AmendIf(r.Context(), v.viewer, unmoved(r.PostForm, func(g dossiers.Organisation) any {
		d, _ := g.Desk(was.ID)
		return d
	}), dossiers.DeskSet{Desk: d})
	if status, told := again(err); told {
		return s.showDesk(v, w, r, status, was, r.PostForm, deskPage(g, r.PostForm, err, ""), err)
	}
	if err != nil {
		return err
	}
	return saying(w, r, "/administration/bureaux", "garde")
}

// relied says what would stop if a desk were closed, or left without holders,
// to who does not know it yet; nothing otherwise.
func (s *server) relied(v *visit, r *http.Request, was, d dossiers.DeskSetup) (string, error) {
	closed, emptied := d.Inactive && !was.Inactive, len(d.Holders) == 0 && len(was.Holders) > 0 && !d.Inactive
	if was.ID == "" || !closed && !emptied || r.PostForm.Get("sachant") != "" {
		return "", nil
	}
	on, err := s.Office.Reliance(r.Context(), v.viewer, was.ID)
	if err != nil || on.Letters+len(on.Circuits) == 0 {
		return "", err
	}
	told := "Rien n’est enregistré encore."
	if on.Letters > 0 {
		told += " " + count(on.Letters, "lettre attend à ce bureau et s’y arrêterait.", "lettres attendent à ce bureau et s’y arrêteraient.")
	}
	switch n := len(on.Circuits); {
	case n == 1:
		told += " Le circuit « " + on.Circuits[0] + " », en service, le nomme : ses lettres s’arrêteraient ici."
	case n > 1:
		told += " " + strconv.Itoa(n) + " circuits en service le nomment, et leurs lettres s’arrêteraient ici : « " + strings.Join(on.Circuits, " », « ") + " »."
	}
	if closed {
		return told + " Publiez d’abord ces circuits sans ce bureau, ou cochez « Je sais que des lettres s’arrêteront ici ».", nil
	}
	return told + " Nommez d’abord un titulaire, ou cochez « Je sais que des lettres s’arrêteront ici ».", nil
}
