package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/trial"
)

// circuitRoutes are those below /administration/circuits.
func (s *server) circuitRoutes(r chi.Router) {
	r.Get("/", s.someone(s.circuits))
	r.Post("/", s.someone(s.newCircuit))
	r.Get("/{code}", s.someone(s.circuit))
	r.Post("/{code}", s.someone(s.setCircuit))
	r.Post("/{code}/brouillon", s.someone(s.circuitDraft))
	r.Post("/{code}/etapes", s.someone(s.arrange))
	r.Post("/{code}/etape", s.someone(s.setStep))
	r.Post("/{code}/condition", s.someone(s.checkCondition))
	r.Post("/{code}/essai", s.someone(s.tryCircuit))
	r.Post("/{code}/cas", s.someone(s.circuitCase))
	r.Get("/{code}/publier", s.someone(s.publishForm))
	r.Post("/{code}/publier", s.someone(s.publish))
	r.Post("/{code}/retirer", s.someone(s.retire))
	r.Get("/{code}/comparer", s.someone(s.compare))
	r.Get("/{code}/dessin.svg", s.someone(s.circuitPicture))
	r.Get("/{code}/dossiers", s.someone(s.travelling))
	r.Post("/{code}/dossiers", s.someone(s.migrate))
}

func circuitPath(code string) string { return "/administration/circuits/" + url.PathEscape(code) }

// circuits is /administration/circuits.
func (s *server) circuits(v *visit, w http.ResponseWriter, r *http.Request) error {
	said := map[string]string{"abandonne": "Le brouillon est abandonné."}[r.URL.Query().Get("dit")]
	return s.showCircuits(v, w, r, http.StatusOK, &circuitsPage{Said: said})
}

func (s *server) showCircuits(v *visit, w http.ResponseWriter, r *http.Request, status int, p *circuitsPage) error {
	if err := administers(v); err != nil {
		return err
	}
	all, err := s.Office.Circuits(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	p.frame, p.Rows = s.frame(v, "Les circuits", "administration"), circuitRows(all)
	return s.show(w, r, status, p)
}

func circuitRows(all []dossiers.CircuitLine) []circuitRow {
	var out []circuitRow
	for _, c := range all {
		row := circuitRow{Code: c.Code, Name: c.Name, Types: list(c.Types), State: circuitState(c)}
		n := 0
		for _, d := range c.Dossiers {
			n += d
		}
		if n > 0 {
			row.Dossiers = count(n, "dossier en route", "dossiers en route")
		}
		d := c.Draft
		if d == nil {
			d = c.Published
		}
		if d != nil {
			row.Steps = count(len(d.Steps), "étape", "étapes")
		}
		out = append(out, row)
	}
	return out
}

func circuitState(c dossiers.CircuitLine) (out []tag) {
	switch {
	case c.Published != nil:
		out = append(out, tag{"ok", "circle-check", fmt.Sprintf("Publié, version"+nbsp+"%d", c.Published.Version)})
	case len(c.Versions) > 0:
		out = append(out, tag{"", "archive", "Retiré"})
	}
	if len(c.Stops) > 0 {
		out = append(out, tag{"urgent", "circle-x", "Arrêté : personne au bureau « " + strings.Join(c.Stops, " », « ") + " »"})
	}
	if c.Draft != nil {
		out = append(out, tag{"late", "pen-line", "Brouillon"})
	}
	return out
}

// newCircuit begins a circuit, from nothing or as a copy.
func (s *server) newCircuit(v *visit, w http.ResponseWriter, r *http.Request) error {
	name := r.PostForm.Get("name")
	code, err := s.Office.NewCircuit(r.Context(), v.viewer, name, r.PostForm.Get("from"))
	if invalid, ok := isField(err); ok {
		return s.showCircuits(v, w, r, http.StatusUnprocessableEntity, &circuitsPage{Name: field{name, invalid.Reason}})
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, circuitPath(code), http.StatusSeeOther)
	return nil
}

// circuitDraft begins the next version, or throws it away.
func (s *server) circuitDraft(v *visit, w http.ResponseWriter, r *http.Request) error {
	code := chi.URLParam(r, "code")
	if r.PostForm.Get("op") != "abandonner" {
		if err := s.Office.OpenDraft(r.Context(), v.viewer, code); err != nil {
			return err
		}
		http.Redirect(w, r, circuitPath(code), http.StatusSeeOther)
		return nil
	}
	if err := s.Office.DropDraft(r.Context(), v.viewer, code, ""); err != nil {
		return err
	}
	if _, err := s.Office.Trial(r.Context(), v.viewer, code); err != nil {
		http.Redirect(w, r, "/administration/circuits?dit=abandonne", http.StatusSeeOther) // it never was more
		return nil
	}
	http.Redirect(w, r, circuitPath(code)+"?dit=abandonne", http.StatusSeeOther)
	return nil
}

// circuit is /administration/circuits/{code}.
func (s *server) circuit(v *visit, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	said := map[string]string{
		"publie":    "C’est publié : les nouveaux dossiers prennent cette version.",
		"abandonne": "Le brouillon est abandonné. La version en service n’a pas changé.",
		"deja":      "Ce brouillon a déjà été publié ou abandonné. Rien d’autre n’a changé.",
		"retire":    "La version est retirée : aucun nouveau dossier ne la prend. Ceux qui sont en route la gardent.",
		"garde":     "Le cas est gardé : il sera rejoué avant chaque publication.",
		"oublie":    "Le cas est retiré.",
	}[q.Get("dit")]
	return s.showCircuit(v, w, r, http.StatusOK, shown{step: circuits.StepID(q.Get("etape")), said: typeset(said)})
}

// shown is what a page of a circuit shows beside the circuit.
type shown struct {
	step          circuits.StepID
	said, problem string
	about         string // what the problem is about: "etape", "essai" or nothing
	try           *attempt
}

func (s *server) showCircuit(v *visit, w http.ResponseWriter, r *http.Request, status int, see shown) error {
	if err := administers(v); err != nil {
		return err
	}
	x, err := s.Office.Trial(r.Context(), v.viewer, chi.URLParam(r, "code"))
	if err != nil {
		return err
	}
	p := newCircuitPage(x, see, s.calendar(v))
	p.frame = s.frame(v, "Circuit «"+nbsp+p.Name+nbsp+"»", "administration")
	p.Scripts = []string{"js/circuit.js"}
	return s.show(w, r, status, p)
}

func newCircuitPage(x dossiers.Trial, see shown, c calendar) *circuitPage {
	d := x.Definition
	p := &circuitPage{
		Code: x.Code, Name: x.Name, Edition: x.Edition, Drafted: x.Drafted, Ready: x.Ready(), Said: see.said,
		Types: list(x.Types), Kinds: kindOptions(""), Values: map[string][]string{},
	}
	if see.about == "" {
		p.Problem = see.problem
	}
	if x.Published != nil {
		p.InForce, p.Retirable = x.Published.Version, len(x.Types) == 0
	}
	p.Next = d.Version
	p.Lead, p.Older = circuitLead(x)
	for _, n := range x.Dossiers {
		p.Running = count(n, "dossier", "dossiers")
	}
	p.Steps = flow(x, see.step)
	if i := d.Step(see.step); i >= 0 && x.Drafted {
		panel := newStepPanel(x, i)
		if see.about == "etape" {
			panel.Problem = see.problem
		}
		p.Panel = &panel
	}
	p.Whole, p.Findings = newWholePanel(x), findingNotes(x)
	p.Try = newTryPanel(x, see, c)
	p.Cases, p.Coverage, p.Covered = caseLines(x), coverageLines(x), covered(x)
	p.Drawing, p.Narrow, p.List = picture(x, wideFigure()), picture(x, narrowFigure()), pictureList(x)
	p.Versions = versionLines(x, c)
	for _, f := range x.Fields() {
		if len(f.Values) > 0 {
			p.Values[f.Name] = f.Values
		}
	}
	return p
}

// circuitLead says where a circuit is, and how many dossiers travel versions
// that are not the one in force.
func circuitLead(x dossiers.Trial) (lead string, older int) {
	all := 0
	for version, n := range x.Dossiers {
		all += n
		if x.Published == nil || version != x.Published.Version {
			older += n
		}
	}
	running := ""
	if all > 0 {
		running = " pour " + count(all, "dossier", "dossiers")
	}
	switch {
	case x.Drafted && x.Published != nil:
		return fmt.Sprintf("Version"+nbsp+"%d en préparation. La version"+nbsp+"%d reste en service%s.", x.Definition.Version, x.Published.Version, running), older
	case x.Drafted:
		return "Brouillon" + nbsp + ": rien ne le prend avant sa publication.", older
	case x.Published != nil:
		return fmt.Sprintf("Version"+nbsp+"%d, en service%s.", x.Published.Version, running), older
	}
	return "Retiré" + nbsp + ": aucun nouveau dossier ne le prend.", older
}

func kindOptions(on circuits.Kind) []pick {
	var out []pick
	for _, k := range []struct {
		kind        circuits.Kind
		label, hint string
	}{
		{circuits.Visa, "Visa", "Accord d’un bureau"},
		{circuits.Signature, "Signature", "Avec le certificat de la personne"},
		{circuits.Seal, "Cachet", "Cachet de la collectivité"},
		{circuits.Opinion, "Avis", "Consultatif : la lettre continue"},
		{circuits.External, "Acte externe", "Fait hors du parapheur, avec sa preuve"},
		{circuits.Information, "Information", "Sans attendre personne"},
	} {
		out = append(out, pick{Value: string(k.kind), Label: k.label, Hint: k.hint, On: k.kind == on})
	}
	return out
}

func kindIcon(k circuits.Kind) string {
	switch k {
	case circuits.Signature:
		return "pen-line"
	case circuits.Seal:
		return "stamp"
	case circuits.Opinion:
		return "message-square"
	case circuits.External:
		return "file-up"
	case circuits.Information:
		return "info"
	case circuits.Visa:
	}
	return "user-check"
}

// flow draws the steps for the editor.
func flow(x dossiers.Trial, current circuits.StepID) []flowStep {
	var out []flowStep
	steps := x.Definition.Steps
	for i, st := range steps {
		f := flowStep{
			N: i + 1, ID: string(st.ID), Title: st.Title, Act: trial.Act(st), Icon: kindIcon(st.Kind), Current: st.ID == current && x.Drafted,
			First: i == 0, Last: i == len(steps)-1, Many: trial.Many(st), Facts: stepFacts(st),
		}
		if f.Title == "" {
			f.Title = "Étape sans nom"
		}
		if st.When != "" {
			f.Condition = typeset(trial.Words(st.When, x.Fields()))
		}
		for _, a := range x.Standing[i] {
			f.Actors = append(f.Actors, flowActor{typeset(a.Who), a.People, badgeTag(a)})
		}
		if len(f.Actors) == 0 && st.Kind != circuits.Information {
			f.Actors = []flowActor{{Who: "Personne", Tag: &tag{"urgent", "circle-x", "À choisir"}}}
		}
		for _, n := range x.Findings {
			switch {
			case n.Step != st.ID:
			case n.Gravity == trial.Blocking:
				f.Blocking++
			default:
				f.Warning++
			}
		}
		out = append(out, f)
	}
	return out
}

func badgeTag(a trial.Standing) *tag {
	t := tag{Text: typeset(a.Text)}
	switch a.Badge {
	case trial.Nobody, trial.Keyless:
		t.Kind, t.Icon = "urgent", "circle-x"
	case trial.Delegated:
		t.Kind, t.Icon = "deleg", "users"
	case trial.Leave:
		t.Kind, t.Icon = "late", "calendar"
	default:
		return nil
	}
	return &t
}

// stepFacts are the few words that a drawn step bears.
func stepFacts(st circuits.Step) string {
	var out []string
	if st.Days > 0 {
		out = append(out, count(st.Days, "jour ouvré", "jours ouvrés"))
	}
	if st.MustRead {
		out = append(out, "lecture obligatoire")
	}
	if st.Level != "" {
		out = append(out, "niveau "+st.Level)
	}
	if st.NoRefusal {
		out = append(out, "sans refus")
	}
	return strings.Join(out, ", ")
}

func findingNotes(x dossiers.Trial) (out []findingNote) {
	for _, f := range x.Findings {
		n := findingNote{Blocking: f.Gravity == trial.Blocking, Text: typeset(f.Text)}
		switch f.Code {
		case "desk_empty", "desk_closed", "desk_unable", "no_head", "top_drafter", "head_loop", "head_again":
			n.URL, n.Link = "/administration/bureaux", "Nommer un titulaire"
			if strings.HasPrefix(f.Code, "no_head") || strings.HasPrefix(f.Code, "top") || strings.HasPrefix(f.Code, "head") || f.Code == "desk_closed" {
				n.Link = "Voir les bureaux"
			}
		case "no_passkey":
			n.URL, n.Link = "/administration", "Inviter à enregistrer une clé"
		case "no_certificate", "no_seal", "drafter_signs":
			n.URL, n.Link = "/administration/certificats", "Voir les certificats"
		default:
			if f.Step != "" && x.Drafted {
				n.URL, n.Link = circuitPath(x.Code)+"?etape="+url.QueryEscape(string(f.Step))+"#reglages", "Régler l’étape"
			}
		}
		out = append(out, n)
	}
	return out
}

func versionLines(x dossiers.Trial, c calendar) (out []versionLine) {
	for _, ver := range x.Versions {
		l := versionLine{N: ver.Version, Published: strings.TrimPrefix(c.full(ver.PublishedAt), "le "), State: tag{Text: "Ancienne"}}
		if n := x.Dossiers[ver.Version]; n > 0 {
			l.Running = count(n, "dossier en route", "dossiers en route")
		}
		switch {
		case ver.Retired:
			l.State = tag{"", "archive", "Retirée"}
		case x.Published != nil && x.Published.Version == ver.Version:
			l.State, l.InForce = tag{"ok", "circle-check", "En service"}, true
		}
		out = append(out, l)
	}
	slices.Reverse(out)
	return out
}

// retire keeps new dossiers from taking the version in force.
func (s *server) retire(v *visit, w http.ResponseWriter, r *http.Request) error {
	code := chi.URLParam(r, "code")
	version, err := strconv.Atoi(r.PostForm.Get("version"))
	if err != nil {
		return dossiers.ErrNotFound
	}
	err = s.Office.RetireCircuit(r.Context(), v.viewer, code, version)
	if invalid, ok := isField(err); ok {
		return s.showCircuit(v, w, r, http.StatusUnprocessableEntity, shown{problem: typeset(invalid.Reason)})
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, circuitPath(code)+"?dit=retire", http.StatusSeeOther)
	return nil
}
