package api

import (
	"context"
	"net/http"
	"slices"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
	"parapheur/internal/trial"
)

// A SetupCircuit begins a circuit, from nothing or as a copy.
type SetupCircuit struct {
	Name string `json:"name" minLength:"1" maxLength:"120" example:"Courrier de l’urbanisme"`
	From string `json:"from,omitempty" maxLength:"60" doc:"Code du circuit à copier ; absent : un brouillon vide"`
}

// A SetupCase is a letter that does not exist, kept with a circuit as its test.
type SetupCase struct {
	Type     string            `json:"type,omitempty" maxLength:"60" doc:"Code du type ; absent : le premier qui prend le circuit"`
	Metadata map[string]string `json:"metadata,omitempty" doc:"Métadonnées ; aussi annexes et pages"`
	Drafter  string            `json:"drafter,omitempty" maxLength:"254" doc:"Adresse du rédacteur"`
	Chosen   map[string]string `json:"chosen,omitempty" doc:"Par étape, le code du bureau choisi au départ"`
}

// A KeptCase is a kept case with the path expected of it, and today's.
type KeptCase struct {
	Name string `json:"name"`
	SetupCase
	Expect []string `json:"expect" doc:"Étapes attendues, dans l’ordre : celles du jour où le cas fut gardé"`
	Steps  []string `json:"steps" doc:"Étapes prises aujourd’hui"`
	Holds  bool     `json:"holds" doc:"Le chemin d’aujourd’hui est celui attendu"`
	Stop   string   `json:"stop,omitempty" doc:"Pourquoi la lettre s’arrête"`
}

// KeptCases are the tests of a circuit.
type KeptCases struct {
	Holds bool       `json:"holds" doc:"Tous prennent le chemin attendu"`
	Data  []KeptCase `json:"data"`
}

// A Comparison sets two versions of a circuit side by side.
type Comparison struct {
	From  int              `json:"from" doc:"0 : le brouillon"`
	To    int              `json:"to" doc:"0 : le brouillon"`
	Same  bool             `json:"same"`
	Whole []string         `json:"whole" doc:"Ce qui change du circuit entier, en français"`
	Steps []ComparisonStep `json:"steps" doc:"Dans l’ordre de la seconde ; ce qui fut retiré est à sa place d’avant"`
}

// A ComparisonStep is what becomes of one step.
type ComparisonStep struct {
	Step   string   `json:"step"`
	Title  string   `json:"title"`
	Change string   `json:"change" enum:"same,added,removed,altered,moved"`
	Fields []string `json:"fields" doc:"Ce qui change de l’étape, en français"`
}

// OfCase names a kept case.
type OfCase struct {
	OfCircuit
	Name string `path:"name" minLength:"1" maxLength:"80" doc:"Nom du cas"`
}

func (s *server) registerDrafts() {
	const path = "/organisation/circuits"
	add(s, makes("createCircuit", path, "Commencer un circuit, ou en dupliquer un", "Un brouillon, sous un code fait de son nom : rien ne le prend avant sa publication."), s.createCircuit)
	op := makes("openCircuitDraft", path+"/{code}/draft", "Commencer la version suivante", "Depuis la version en service, ou la dernière si le circuit est retiré. Un brouillon déjà là reste comme il est.")
	op.status = http.StatusOK
	add(s, op, s.openDraft)
	op = changes("dropCircuitDraft", path+"/{code}/draft", "Abandonner un brouillon", "La version en service reste.")
	op.method, op.status = http.MethodDelete, http.StatusNoContent
	add(s, op, s.dropDraft)
	op = makes("retireCircuitVersion", path+"/{code}/versions/{version}/retirement", "Retirer une version", "Aucun nouveau dossier ne la prend ; ceux en route la gardent. Refusé tant qu’un type la prend. Deux fois, c’est une fois.")
	op.status = http.StatusNoContent
	add(s, op, s.retireVersion)
	add(s, reads("compareCircuitVersions", path+"/{code}/comparison", "Comparer deux versions", "Étape par étape, avec ce qui change de chacune."), s.compareVersions)
	add(s, reads("listCircuitCases", path+"/{code}/cases", "Rejouer les cas gardés", "Chaque cas avec le chemin attendu et celui d’aujourd’hui, brouillon compris : la publication est refusée tant que l’un ne tient plus."), s.cases)
	op = writes("putCircuitCase", path+"/{code}/cases/{name}", "Garder un cas", "")
	op.description = "La lettre est essayée, et le chemin qu’elle prend aujourd’hui devient celui attendu. Un cas du même nom est remplacé. Refusé si la lettre ne va pas au bout."
	add(s, op, s.putCase)
	op = writes("dropCircuitCase", path+"/{code}/cases/{name}", "Oublier un cas", "")
	op.method, op.status, op.description = http.MethodDelete, http.StatusNoContent, "Il n’est plus rejoué."
	add(s, op, s.dropCase)
}

func (s *server) createCircuit(ctx context.Context, in *struct {
	caller
	Repeatable
	Body SetupCircuit
},
) (*madeOut[CircuitDefinition], error) {
	return atMostOnce(ctx, s, in.caller, in.Key, in.Body, func(string) (*madeOut[CircuitDefinition], error) {
		code, err := s.Office.NewCircuit(ctx, in.viewer, in.Body.Name, in.Body.From)
		if err != nil {
			return nil, err
		}
		d, err := s.written(ctx, in.caller, code)
		if err != nil {
			return nil, err
		}
		return &madeOut[CircuitDefinition]{Location: base + "/organisation/circuits/" + code, ETag: d.ETag, Body: d.Body}, nil
	})
}

// written reads the draft of a circuit, or the version in force.
func (s *server) written(ctx context.Context, c caller, code string) (*definitionOut, error) {
	d, edition, err := s.Office.WrittenCircuit(ctx, c.viewer, code, 0)
	if err != nil {
		return nil, err
	}
	return definitionWire(d, edition)
}

func (s *server) openDraft(ctx context.Context, in *OfCircuit) (*definitionOut, error) {
	if err := s.Office.OpenDraft(ctx, in.viewer, in.Code); err != nil {
		return nil, err
	}
	return s.written(ctx, in.caller, in.Code)
}

func (s *server) dropDraft(ctx context.Context, in *struct {
	OfCircuit
	Guard
},
) (*noContent, error) {
	edition, err := editionOf(in.IfMatch)
	if err != nil {
		return nil, err
	}
	return &noContent{}, stale(s.Office.DropDraft(ctx, in.viewer, in.Code, edition))
}

func (s *server) retireVersion(ctx context.Context, in *struct {
	OfCircuit
	Version int `path:"version" minimum:"1" maximum:"2147483647" doc:"Numéro de la version"`
},
) (*noContent, error) {
	all, err := s.Office.Circuits(ctx, in.viewer)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if c.Code == in.Code && slices.ContainsFunc(c.Versions, func(v dossiers.CircuitVersion) bool { return v.Version == in.Version && v.Retired }) {
			return &noContent{}, nil
		}
	}
	return &noContent{}, s.Office.RetireCircuit(ctx, in.viewer, in.Code, in.Version)
}

func (s *server) compareVersions(ctx context.Context, in *struct {
	OfCircuit
	From int `query:"from" minimum:"0" maximum:"2147483647" doc:"Version de départ ; 0 ou absente : le brouillon"`
	To   int `query:"to" minimum:"0" maximum:"2147483647" doc:"Version d’arrivée ; 0 ou absente : le brouillon"`
},
) (*struct{ Body Comparison }, error) {
	before, err := s.Office.CircuitVersion(ctx, in.viewer, in.Code, in.From)
	if err != nil {
		return nil, err
	}
	after, err := s.Office.CircuitVersion(ctx, in.viewer, in.Code, in.To)
	if err != nil {
		return nil, err
	}
	out := Comparison{From: in.From, To: in.To, Whole: append([]string{}, trial.CompareWhole(before, after)...), Steps: []ComparisonStep{}}
	out.Same = len(out.Whole) == 0
	for _, d := range trial.Compare(before, after) {
		st := d.After
		if st == nil {
			st = d.Before
		}
		out.Same = out.Same && d.Change == trial.Same
		out.Steps = append(out.Steps, ComparisonStep{Step: string(st.ID), Title: st.Title, Change: string(d.Change), Fields: append([]string{}, d.Fields...)})
	}
	return &struct{ Body Comparison }{out}, nil
}

func (s *server) cases(ctx context.Context, in *OfCircuit) (*struct{ Body KeptCases }, error) {
	x, err := s.Office.Trial(ctx, in.viewer, in.Code)
	if err != nil {
		return nil, err
	}
	n, err := s.names(ctx, in.caller)
	if err != nil {
		return nil, err
	}
	out := &struct{ Body KeptCases }{KeptCases{Holds: true, Data: []KeptCase{}}}
	for _, r := range x.Results {
		out.Body.Holds = out.Body.Holds && r.OK
		out.Body.Data = append(out.Body.Data, n.kept(r))
	}
	return out, nil
}

// kept writes a case that was run again.
func (n names) kept(r trial.Result) KeptCase {
	out := KeptCase{Name: r.Name, Holds: r.OK, Stop: r.Stop, Expect: steps(r.Expect), Steps: steps(r.Taken())}
	out.SetupCase = SetupCase{Type: r.Type, Metadata: r.Values, Drafter: n.email(r.Drafter), Chosen: map[string]string{}}
	for step, desk := range r.Chosen {
		d, _ := n.Desk(desk)
		out.Chosen[string(step)] = d.Code
	}
	return out
}

func steps(list []circuits.StepID) []string {
	out := []string{}
	for _, id := range list {
		out = append(out, string(id))
	}
	return out
}

func (s *server) putCase(ctx context.Context, in *struct {
	OfCase
	Body SetupCase
},
) (*struct{ Body KeptCase }, error) {
	b := in.Body
	c := trial.Case{Name: in.Name, Type: b.Type, Values: conditions.Values(b.Metadata), Chosen: map[circuits.StepID]circuits.DeskID{}}
	for step, desk := range b.Chosen {
		c.Chosen[circuits.StepID(step)] = circuits.DeskID(desk)
	}
	if _, err := s.Office.KeepNamedCase(ctx, in.viewer, in.Code, c, b.Drafter); err != nil {
		return nil, err
	}
	all, err := s.cases(ctx, &in.OfCircuit)
	if err != nil {
		return nil, err
	}
	k, ok, _ := pick(all.Body.Data, nil, func(k KeptCase) bool { return k.Name == in.Name })
	if !ok {
		return nil, dossiers.ErrNotFound
	}
	return &struct{ Body KeptCase }{k}, nil
}

func (s *server) dropCase(ctx context.Context, in *OfCase) (*noContent, error) {
	return &noContent{}, s.Office.DropCase(ctx, in.viewer, in.Code, in.Name)
}
