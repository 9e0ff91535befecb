package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
	"parapheur/internal/trial"
)

// TownCircuits are the circuits of the town, as administrators see them.
type TownCircuits struct {
	Data []TownCircuit `json:"data"`
}

// A TownCircuit is a circuit with its state.
type TownCircuit struct {
	Code     string           `json:"code"`
	Name     string           `json:"name"`
	Draft    bool             `json:"draft" doc:"Un brouillon est en préparation"`
	InForce  int              `json:"in_force,omitempty" doc:"Version que prennent les nouveaux dossiers ; absente : aucune"`
	Versions []CircuitVersion `json:"versions"`
	Types    []string         `json:"types" doc:"Noms des types qui le prennent"`
}

// A CircuitVersion is one immutable version of a circuit.
type CircuitVersion struct {
	Version  int    `json:"version"`
	SHA256   string `json:"sha256"`
	Retired  bool   `json:"retired"`
	Dossiers int    `json:"dossiers" doc:"Dossiers en route selon cette version"`
}

// A CircuitDefinition is what a circuit says. Desks are named by their code.
type CircuitDefinition struct {
	Edition    string         `json:"edition,omitempty" doc:"Du brouillon : à rendre dans If-Match pour le changer"`
	Definition map[string]any `json:"definition" doc:"Comme dans le fichier d’organisation"`
}

// Findings are what is wrong with a circuit, and the cases that no longer hold.
type Findings struct {
	Ready bool           `json:"ready" doc:"Un brouillon que rien n’empêche de publier"`
	Data  []Finding      `json:"data"`
	Cases []CircuitCase  `json:"cases"`
	Steps []CoverageStep `json:"coverage"`
}

// A Finding is one thing to know about a circuit.
type Finding struct {
	Gravity string `json:"gravity" enum:"bloquant,a-savoir"`
	Code    string `json:"code" doc:"Nom stable" example:"desk_empty"`
	Step    string `json:"step,omitempty"`
	Detail  string `json:"detail"`
}

// A CircuitCase is a kept case and what becomes of it today.
type CircuitCase struct {
	Name  string   `json:"name"`
	Holds bool     `json:"holds"`
	Steps []string `json:"steps" doc:"Étapes prises, dans l’ordre"`
	Stop  string   `json:"stop,omitempty" doc:"Pourquoi la lettre s’arrête"`
}

// A CoverageStep says how many cases take a step and pass it by.
type CoverageStep struct {
	Step    string `json:"step"`
	Taken   int    `json:"taken"`
	Skipped int    `json:"skipped"`
}

// A Trial is a letter that does not exist.
type Trial struct {
	Type     string            `json:"type,omitempty" maxLength:"60" doc:"Code du type ; absent : le premier qui prend le circuit"`
	Metadata map[string]string `json:"metadata,omitempty" doc:"Métadonnées ; aussi annexes et pages"`
	Drafter  string            `json:"drafter,omitempty" maxLength:"254" doc:"Adresse du rédacteur"`
	Chosen   map[string]string `json:"chosen,omitempty" doc:"Par étape, le code du bureau choisi au départ"`
	On       string            `json:"on,omitempty" doc:"Jour du départ ; absent : aujourd’hui" example:"2026-05-04"`
}

// A TrialPath is where such a letter would go.
type TrialPath struct {
	Complete bool        `json:"complete"`
	Stop     string      `json:"stop,omitempty" doc:"Pourquoi elle s’arrête"`
	Ends     *time.Time  `json:"ends,omitempty" doc:"Fin au plus tard"`
	Days     int         `json:"days" doc:"Jours ouvrés du départ à la fin"`
	Steps    []TrialStep `json:"steps"`
}

// A TrialStep is a step of the path.
type TrialStep struct {
	Step    string     `json:"step"`
	Title   string     `json:"title"`
	Outcome string     `json:"outcome" enum:"taken,skipped,stopped,not_reached"`
	Who     []string   `json:"who" doc:"Qui pourrait agir ce jour-là, délégations comprises"`
	Until   *time.Time `json:"until,omitempty"`
}

// A PublishCircuit says what publication does beside.
type PublishCircuit struct {
	Types []string `json:"types,omitempty" doc:"Codes des types qui prendront aussi ce circuit"`
}

// OfCircuit names the circuit of an operation.
type OfCircuit struct {
	caller
	Code string `path:"code" minLength:"1" maxLength:"60" doc:"Code du circuit"`
}

type versionIn struct {
	caller
	Code    string `path:"code" minLength:"1" maxLength:"60" doc:"Code du circuit"`
	Version int    `query:"version" minimum:"0" maximum:"2147483647" doc:"Absente ou 0 : le brouillon, ou la version en service s’il n’y en a pas"`
}

type draftIn struct {
	caller
	Code    string `path:"code" minLength:"1" maxLength:"60" doc:"Code du circuit"`
	IfMatch string `header:"If-Match" doc:"Édition du brouillon qui a été lu, entre guillemets ; obligatoire, « * » pour n’importe laquelle"`
	Body    struct {
		Definition map[string]any `json:"definition" doc:"Comme dans le fichier d’organisation"`
	}
}

type trialIn struct {
	caller
	Code string `path:"code" minLength:"1" maxLength:"60" doc:"Code du circuit"`
	Body Trial
}

type publishIn struct {
	caller
	Code    string `path:"code" minLength:"1" maxLength:"60" doc:"Code du circuit"`
	IfMatch string `header:"If-Match" doc:"Édition du brouillon qui a été lu, entre guillemets ; obligatoire, « * » pour n’importe laquelle"`
	Body    PublishCircuit
}

type definitionOut struct {
	ETag string `header:"ETag"`
	Body CircuitDefinition
}

func (s *server) registerCircuits() {
	changes := itemErrors()
	read, manage := dossiers.ScopeOrganisationRead, dossiers.ScopeOrganisationManage
	add(s, operation{
		id: "listTownCircuits", method: http.MethodGet, path: "/organisation/circuits", tag: tagOrganisation, scope: read,
		summary: "Lister les circuits et leurs versions", description: "Brouillons et versions retirées compris, avec le nombre de dossiers en route selon chacune.",
	}, s.townCircuits)
	add(s, operation{
		id: "getTownCircuit", method: http.MethodGet, path: "/organisation/circuits/{code}", tag: tagOrganisation, scope: read,
		summary: "Lire la définition d’un circuit", description: "Le brouillon, la version en service, ou une version donnée.",
	}, s.townCircuit)
	add(s, operation{
		id: "putCircuitDraft", method: http.MethodPut, path: "/organisation/circuits/{code}/draft", tag: tagOrganisation, scope: manage,
		summary: "Enregistrer un brouillon", description: "Rien ne le prend avant sa publication. Avec If-Match, un brouillon changé par quelqu’un d’autre n’est pas écrasé.", errors: changes, body: maxSetup,
	}, s.putDraft)
	add(s, operation{
		id: "publishCircuit", method: http.MethodPost, path: "/organisation/circuits/{code}/publication", tag: tagOrganisation, scope: manage,
		summary: "Publier un brouillon", description: "Refusé tant qu’un constat est bloquant ou qu’un cas gardé ne tient plus. Les dossiers en route gardent leur version.", errors: append(changes, http.StatusConflict),
	}, s.publishCircuit)
	add(s, operation{
		id: "lintCircuit", method: http.MethodGet, path: "/circuits/{code}/findings", tag: tagCircuits, scope: dossiers.ScopeCircuitsRead,
		summary: "Relire un circuit", description: "Ce qui arrêterait une lettre aujourd’hui, ce qu’il faut savoir, et ce que deviennent les cas gardés.",
	}, s.findings)
	add(s, operation{
		id: "rehearseCircuit", method: http.MethodPost, path: "/circuits/{code}/rehearsals", tag: tagCircuits, scope: dossiers.ScopeCircuitsRead,
		summary: "Essayer un circuit", description: "Le chemin que prendrait une lettre, qui agirait ce jour-là et la fin au plus tard. Rien n’est créé, personne n’est prévenu.",
		errors: []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}, s.rehearse)
	s.registerDrafts()
}

func (s *server) townCircuits(ctx context.Context, in *organisationIn) (*struct{ Body TownCircuits }, error) {
	all, err := s.Office.Circuits(ctx, in.viewer)
	if err != nil {
		return nil, err
	}
	out := &struct{ Body TownCircuits }{TownCircuits{Data: []TownCircuit{}}}
	for _, c := range all {
		one := TownCircuit{Code: c.Code, Name: c.Name, Draft: c.Draft != nil, Versions: []CircuitVersion{}, Types: append([]string{}, c.Types...)}
		if c.Published != nil {
			one.InForce = c.Published.Version
		}
		for _, v := range c.Versions {
			one.Versions = append(one.Versions, CircuitVersion{Version: v.Version, SHA256: v.SHA256.String(), Retired: v.Retired, Dossiers: c.Dossiers[v.Version]})
		}
		out.Body.Data = append(out.Body.Data, one)
	}
	return out, nil
}

func (s *server) townCircuit(ctx context.Context, in *versionIn) (*definitionOut, error) {
	d, edition, err := s.Office.WrittenCircuit(ctx, in.viewer, in.Code, in.Version)
	if err != nil {
		return nil, err
	}
	return definitionWire(d, edition)
}

func definitionWire(d circuits.Definition, edition string) (*definitionOut, error) {
	out := &definitionOut{Body: CircuitDefinition{Edition: edition}}
	if edition != "" {
		out.ETag = `"` + edition + `"`
	}
	return out, json.Unmarshal(d.Canonical(), &out.Body.Definition)
}

func (s *server) putDraft(ctx context.Context, in *draftIn) (*definitionOut, error) {
	from, err := editionOf(in.IfMatch)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(in.Body.Definition)
	if err != nil {
		return nil, err
	}
	var d circuits.Definition
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return nil, &dossiers.InvalidError{Field: "definition", Reason: "Une valeur n’a pas la forme attendue (" + strings.TrimPrefix(err.Error(), "json: ") + ")."}
	}
	d.Code = in.Code
	if err := s.Office.WriteCircuit(ctx, in.viewer, d, from); err != nil {
		return nil, stale(err)
	}
	return s.written(ctx, in.caller, in.Code)
}

// editionOf reads If-Match; any edition will do for "*".
func editionOf(match string) (string, error) {
	switch match = strings.TrimSpace(match); match {
	case "":
		return "", refused(http.StatusPreconditionRequired, "")
	case "*":
		return "", nil
	}
	return strings.Trim(match, `"`), nil
}

func (s *server) publishCircuit(ctx context.Context, in *publishIn) (*definitionOut, error) {
	edition, err := editionOf(in.IfMatch)
	if err != nil {
		return nil, err
	}
	d, err := s.Office.PublishCircuit(ctx, in.viewer, in.Code, dossiers.Publication{Edition: edition, Types: in.Body.Types})
	if err != nil {
		return nil, stale(err)
	}
	written, _, err := s.Office.WrittenCircuit(ctx, in.viewer, in.Code, d.Version)
	if err != nil {
		return nil, err
	}
	return definitionWire(written, "")
}

func (s *server) findings(ctx context.Context, in *OfCircuit) (*struct{ Body Findings }, error) {
	x, err := s.Office.Trial(ctx, in.viewer, in.Code)
	if err != nil {
		return nil, err
	}
	out := &struct{ Body Findings }{Findings{Ready: x.Ready(), Data: []Finding{}, Cases: []CircuitCase{}, Steps: []CoverageStep{}}}
	for _, f := range x.Findings {
		out.Body.Data = append(out.Body.Data, findingWire(f))
	}
	for _, r := range x.Results {
		c := CircuitCase{Name: r.Name, Holds: r.OK, Stop: r.Stop, Steps: []string{}}
		for _, id := range r.Taken() {
			c.Steps = append(c.Steps, string(id))
		}
		out.Body.Cases = append(out.Body.Cases, c)
	}
	for _, c := range x.Coverage {
		out.Body.Steps = append(out.Body.Steps, CoverageStep{Step: string(c.Step.ID), Taken: len(c.Taken), Skipped: len(c.Skipped)})
	}
	return out, nil
}

func findingWire(f trial.Finding) Finding {
	return Finding{Gravity: string(f.Gravity), Code: f.Code, Step: string(f.Step), Detail: f.Text}
}

func (s *server) rehearse(ctx context.Context, in *trialIn) (*struct{ Body TrialPath }, error) {
	b := in.Body
	c := trial.Case{Type: b.Type, Values: conditions.Values(b.Metadata), Chosen: picked(b.Chosen)}
	p, err := s.Office.RehearseNamed(ctx, in.viewer, in.Code, c, b.Drafter, delegation.Date(b.On))
	if err != nil {
		return nil, err
	}
	out := &struct{ Body TrialPath }{TrialPath{Complete: p.Complete, Stop: p.Stop, Days: p.Days, Steps: trialSteps(p)}}
	if p.Complete {
		out.Body.Ends = &p.Ends
	}
	return out, nil
}
