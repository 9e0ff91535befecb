package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
)

// A typeNode is a type at its depth in the tree of types.
type typeNode struct {
	dossiers.TypeSetup
	depth int
}

// typeTree lists types, each before its sub-types.
func typeTree(g dossiers.Organisation) []typeNode {
	seen := map[string]bool{}
	var out []typeNode
	var below func(parent string, depth int)
	below = func(parent string, depth int) {
		for _, y := range g.Types {
			if y.Parent == parent && !seen[y.Code] {
				seen[y.Code] = true
				out = append(out, typeNode{y, depth})
				below(y.Code, depth+1)
			}
		}
	}
	below("", 0)
	for _, y := range g.Types {
		if !seen[y.Code] {
			out = append(out, typeNode{y, 0})
		}
	}
	return out
}

// A typeCard is a type as the list shows it.
type typeCard struct {
	Code, Name, Hint string
	Depth            int
	Inactive         bool
	Facts            []string
	Rules            []string
}

// typesPage is /administration/types.
type typesPage struct {
	frame
	Types     []typeCard
	Sequences []sequenceLine
	Said      string
}

func (*typesPage) template() string { return "types" }

// A sequenceLine is a sequence with what its next number may look like.
type sequenceLine struct{ Code, Name, Pattern, Example, Restart string }

func newTypesPage(g dossiers.Organisation, now time.Time) *typesPage {
	p := &typesPage{}
	for _, y := range typeTree(g) {
		full, _ := g.Type(y.Code)
		card := typeCard{Code: y.Code, Name: y.Name, Hint: typeset(y.Hint), Depth: y.depth, Inactive: full.Inactive, Facts: typeFacts(g, full)}
		for _, r := range y.Rules {
			card.Rules = append(card.Rules, typeset("Si "+r.When+" : « "+circuitName(g, r.Circuit)+" »"))
		}
		switch {
		case y.Circuit != "" && len(y.Rules) > 0:
			card.Rules = append(card.Rules, typeset("Sinon : « "+circuitName(g, y.Circuit)+" »"))
		case y.Circuit != "":
			card.Rules = append(card.Rules, typeset("Circuit : « "+circuitName(g, y.Circuit)+" »"))
		case len(y.Rules) == 0:
			card.Rules = append(card.Rules, typeset("Pas de circuit : un titre, sous lequel on range des sous-types"))
		}
		p.Types = append(p.Types, card)
	}
	for _, q := range g.Sequences {
		line := sequenceLine{Code: q.Code, Name: q.Name, Pattern: q.Pattern, Example: q.Number(1, now), Restart: "Recommence à 1 chaque année"}
		if q.Continuous {
			line.Restart = "Continue d’une année à l’autre"
		}
		p.Sequences = append(p.Sequences, line)
	}
	return p
}

func circuitName(g dossiers.Organisation, code string) string {
	if c, ok := g.Circuit(code); ok && c.Published != nil {
		return c.Published.Name
	}
	return code
}

// typeFacts says in words what a type asks for.
func typeFacts(g dossiers.Organisation, y dossiers.TypeSetup) (out []string) {
	out = append(out, className(y.Class))
	if y.CouncilMatter {
		out = append(out, "Matière du conseil")
	}
	if y.Level != "" {
		out = append(out, "Signature "+y.Level+" au moins")
	}
	if y.Assurance != "" {
		out = append(out, "Clé liée à un appareil")
	}
	if y.Sequence != "" {
		if q, ok := g.Sequence(y.Sequence); ok {
			out = append(out, "Numérotée par «"+nbsp+q.Name+nbsp+"»")
		}
	}
	if n := len(y.Metadata); n > 0 {
		out = append(out, count(n, "champ", "champs"))
	}
	if y.AdHoc {
		out = append(out, "Circuit libre permis")
	}
	if !y.Permissions.Open() {
		out = append(out, "Dépôt réservé")
	}
	return out
}

func className(c delegation.Class) string {
	if c == delegation.Decision {
		return "Décision"
	}
	return "Courrier simple"
}

func (s *server) types(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	p := newTypesPage(g, s.now(v))
	p.frame = s.frame(v, "Les types de courrier", "administration")
	p.Said = map[string]string{"garde": "Le type est enregistré.", "suite": "La suite de numéros est enregistrée."}[r.URL.Query().Get("dit")]
	return s.show(w, r, http.StatusOK, p)
}

// typeValues are the fields of a type's form.
func typeValues(y dossiers.TypeSetup) url.Values {
	values := url.Values{
		"code": {y.Code}, "name": {y.Name}, "hint": {y.Hint}, "parent": {y.Parent}, "inactive": {flag(y.Inactive)}, "class": {string(y.Class)}, "level": {y.Level},
		"assurance": {y.Assurance}, "council_matter": {flag(y.CouncilMatter)}, "sequence": {y.Sequence}, "number_at_deposit": {flag(y.NumberAtDeposit)},
		"circuit": {y.Circuit}, "ad_hoc": {flag(y.AdHoc)}, "applications": y.Permissions.Applications,
	}
	for _, p := range y.Permissions.People {
		values.Add("people", string(p))
	}
	for _, d := range y.Permissions.Desks {
		values.Add("desks", string(d))
	}
	for i, x := range y.Rules {
		setRow(values, "rules", i, url.Values{"when": {x.When}, "circuit": {x.Circuit}})
	}
	for i, f := range y.Metadata {
		setRow(values, "metadata", i, fieldValues(f))
	}
	return values
}

func fieldValues(f dossiers.Field) url.Values {
	line := url.Values{
		"name": {f.Name}, "label": {f.Label}, "help": {f.Help}, "type": {string(f.Type)}, "values": {strings.Join(f.Values, "\n")}, "default": {f.Default},
		"at_deposit": {flag(f.AtDeposit)}, "at_refusal": {flag(f.AtRefusal)},
	}
	for _, step := range f.AtSteps {
		line.Add("at_steps", string(step))
	}
	return line
}

func typeFrom(values url.Values, y dossiers.TypeSetup) dossiers.TypeSetup {
	if y.Code == "" {
		y.Code = trimmed(values, "code")
	}
	y.Name, y.Hint, y.Parent, y.Inactive = trimmed(values, "name"), trimmed(values, "hint"), values.Get("parent"), values.Get("inactive") != ""
	y.Class, y.Level, y.Assurance = delegation.Class(values.Get("class")), values.Get("level"), values.Get("assurance")
	y.CouncilMatter, y.Sequence, y.NumberAtDeposit = values.Get("council_matter") != "", values.Get("sequence"), values.Get("number_at_deposit") != ""
	y.Circuit, y.AdHoc, y.Rules, y.Metadata = values.Get("circuit"), values.Get("ad_hoc") != "", nil, nil
	y.Permissions = dossiers.Permissions{Applications: values["applications"]}
	for _, p := range values["people"] {
		y.Permissions.People = append(y.Permissions.People, circuits.PersonID(p))
	}
	for _, d := range values["desks"] {
		y.Permissions.Desks = append(y.Permissions.Desks, circuits.DeskID(d))
	}
	for i := range rowCount(values, "rules") {
		if line := row(values, "rules", i); trimmed(line, "when") != "" {
			y.Rules = append(y.Rules, dossiers.CircuitRule{When: trimmed(line, "when"), Circuit: line.Get("circuit")})
		}
	}
	for i := range rowCount(values, "metadata") {
		if line := row(values, "metadata", i); trimmed(line, "name")+trimmed(line, "label") != "" {
			y.Metadata = append(y.Metadata, fieldFrom(line))
		}
	}
	return y
}

func fieldFrom(line url.Values) dossiers.Field {
	f := dossiers.Field{
		Name: trimmed(line, "name"), Label: trimmed(line, "label"), Help: trimmed(line, "help"), Type: conditions.Type(line.Get("type")), Default: trimmed(line, "default"),
		AtDeposit: line.Get("at_deposit") != "", AtRefusal: line.Get("at_refusal") != "",
	}
	if f.Type == conditions.List || f.Type == conditions.Lists {
		f.Values = splitLines(line.Get("values"))
	}
	for _, step := range line["at_steps"] {
		f.AtSteps = append(f.AtSteps, circuits.StepID(step))
	}
	return f
}

// typeForm shows a type, or a new one under the type named in the address.
func (s *server) typeForm(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	y, err := typeAsked(g, r)
	if err != nil {
		return err
	}
	if y.Code == "" {
		y.Parent = r.URL.Query().Get("sous")
	}
	return s.showType(v, w, r, http.StatusOK, y, typeValues(y), typePage(g, y, typeValues(y), nil, ""), nil)
}

func typeAsked(g dossiers.Organisation, r *http.Request) (dossiers.TypeSetup, error) {
	code := chi.URLParam(r, "code")
	if code == newID {
		return dossiers.TypeSetup{}, nil
	}
	return kindAsked(g, code)
}

// kindAsked returns a type as it is kept, without what it inherits.
func kindAsked(g dossiers.Organisation, code string) (dossiers.TypeSetup, error) {
	for _, y := range g.Types {
		if y.Code == code {
			return y, nil
		}
	}
	return dossiers.TypeSetup{}, dossiers.ErrNotFound
}

func (s *server) showType(v *visit, w http.ResponseWriter, r *http.Request, status int, y dossiers.TypeSetup, values url.Values, p *formPage, wrong error) error {
	p.Heading, p.Action = y.Name, "/administration/types/"+y.Code
	if y.Code == "" {
		p.Heading, p.Action = "Un nouveau type de courrier", "/administration/types/"+newID
	} else {
		p.from(y, values, typeValues(y), wrong)
	}
	p.frame = s.frame(v, p.Heading, "administration")
	p.Scripts = []string{"js/organisation.js"}
	return s.show(w, r, status, p)
}

func (s *server) setType(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	was, err := typeAsked(g, r)
	if err != nil {
		return err
	}
	if focus, did := rearranged(r.PostForm, map[string]string{"rules": "when", "metadata": "label"}); did {
		return s.showType(v, w, r, http.StatusOK, was, r.PostForm, typePage(g, was, r.PostForm, nil, focus), nil)
	}
	y := typeFrom(r.PostForm, was)
	if _, taken := g.Type(y.Code); taken && was.Code == "" {
		err = &dossiers.InvalidError{Field: "code", Reason: "Un autre type porte déjà ce code."}
	} else {
		_, err = s.Office.AmendIf(r.Context(), v.viewer, unmoved(r.PostForm, func(g dossiers.Organisation) any {
			y, _ := kindAsked(g, was.Code)
			return y
		}), dossiers.TypeSet{Type: y})
	}
	if status, told := again(err); told {
		return s.showType(v, w, r, status, was, r.PostForm, typePage(g, was, r.PostForm, err, ""), err)
	}
	if err != nil {
		return err
	}
	return saying(w, r, "/administration/types", "garde")
}

func (s *server) sequenceForm(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	q, err := sequenceAsked(g, r)
	if err != nil {
		return err
	}
	values := sequenceValues(q)
	if q.Code == "" {
		values.Set("pattern", "{annee}-{numero:04}")
	}
	return s.showSequence(v, w, r, http.StatusOK, q, values, nil)
}

func sequenceValues(q dossiers.Sequence) url.Values {
	return url.Values{"code": {q.Code}, "name": {q.Name}, "pattern": {q.Pattern}, "continuous": {flag(q.Continuous)}}
}

func sequenceAsked(g dossiers.Organisation, r *http.Request) (dossiers.Sequence, error) {
	code := chi.URLParam(r, "code")
	if code == newID {
		return dossiers.Sequence{}, nil
	}
	q, ok := g.Sequence(code)
	if !ok {
		return q, dossiers.ErrNotFound
	}
	return q, nil
}

func (s *server) showSequence(v *visit, w http.ResponseWriter, r *http.Request, status int, q dossiers.Sequence, values url.Values, wrong error) error {
	p := sequencePage(q, values, wrong)
	if q.Code != "" {
		p.from(q, values, sequenceValues(q), wrong)
	}
	p.frame = s.frame(v, p.Heading, "administration")
	return s.show(w, r, status, p)
}

func sequencePage(q dossiers.Sequence, values url.Values, wrong error) *formPage {
	f := newFiche(values, wrong)
	p := &formPage{
		Nav: "types", Back: choice{"/administration/types", "Les types de courrier"}, Submit: "Enregistrer", Heading: q.Name, Action: "/administration/suites/" + q.Code,
		Lead: "Une suite donne aux lettres leur numéro chrono : aucun ne manque, aucun ne sert deux fois.",
	}
	code := setting{Kind: "hidden", Name: "code", Value: q.Code}
	if q.Code == "" {
		p.Heading, p.Action = "Une nouvelle suite de numéros", "/administration/suites/"+newID
		code = must(f.text("code", "Code", "Court et stable : « courrier-depart ».", 60))
	}
	p.Parts = []formPart{{ID: "suite", Title: "La suite", Controls: []setting{
		must(f.text("name", "Nom", "« Courrier départ ».", 120)), code,
		must(f.text("pattern", "Modèle", "{annee}, {an}, {mois} et {numero} ou {numero:04}. « {annee}-{numero:04} » donne « 2026-0001 ».", 60)),
		f.check("continuous", "Continue d’une année à l’autre", "Sans cela, elle recommence à 1 chaque année."),
	}}}
	p.Lead, p.Problem = typeset(p.Lead), f.problem(wrong)
	return p
}

func (s *server) setSequence(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	was, err := sequenceAsked(g, r)
	if err != nil {
		return err
	}
	f := r.PostForm
	q := dossiers.Sequence{Code: was.Code, Name: trimmed(f, "name"), Pattern: trimmed(f, "pattern"), Continuous: f.Get("continuous") != ""}
	if q.Code == "" {
		q.Code = trimmed(f, "code")
		if _, taken := g.Sequence(q.Code); taken {
			return s.showSequence(v, w, r, http.StatusUnprocessableEntity, was, f, &dossiers.InvalidError{Field: "code", Reason: "Une autre suite porte déjà ce code."})
		}
	}
	_, err = s.Office.AmendIf(r.Context(), v.viewer, unmoved(f, func(g dossiers.Organisation) any {
		q, _ := g.Sequence(was.Code)
		return q
	}), dossiers.SequenceSet{Sequence: q})
	if status, told := again(err); told {
		return s.showSequence(v, w, r, status, was, f, err)
	}
	if err != nil {
		return err
	}
	return saying(w, r, "/administration/types", "suite")
}
