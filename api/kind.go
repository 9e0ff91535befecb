package api

import (
	"context"
	"net/http"

	"parapheur/dossiers"
)

type typesIn struct {
	caller
}

type typesOut struct {
	Body Types
}

// Types are the kinds of letters that the town knows.
type Types struct {
	Data []Type `json:"data"`
}

// A Type is a kind of letter, with the circuit it takes.
type Type struct {
	Code    string      `json:"code" example:"courrier-simple"`
	Name    string      `json:"name"`
	Hint    string      `json:"hint,omitempty" doc:"Une ligne d’explication pour le rédacteur"`
	Circuit TypeCircuit `json:"circuit"`
	// NotReady is empty most of the time.
	NotReady []NotReady `json:"not_ready,omitempty" doc:"Les signatures qui ne pourraient pas aboutir aujourd’hui, et pourquoi : une lettre partirait et attendrait là"`
}

// A NotReady is a signature step that could not be completed today.
type NotReady struct {
	Step     string       `json:"step" doc:"Identifiant de l’étape"`
	Level    string       `json:"level" doc:"Niveau demandé" example:"PAdES-BASELINE-LTA"`
	Problems []KeyProblem `json:"problems"`
}

// A KeyProblem is why a key, or the step, is not ready.
type KeyProblem struct {
	Code   string `json:"code" doc:"Nom stable" example:"expired"`
	Holder string `json:"holder,omitempty" doc:"De qui est la clé"`
	Detail string `json:"detail"`
}

// A TypeCircuit is the published circuit of a type.
type TypeCircuit struct {
	Code    string     `json:"code"`
	Version int        `json:"version"`
	Name    string     `json:"name"`
	SHA256  string     `json:"sha256" doc:"Empreinte de la définition : celle que citent les preuves"`
	Steps   []TypeStep `json:"steps"`
}

// A TypeStep is a step with those who will act.
type TypeStep struct {
	ID      string   `json:"id"`
	Kind    string   `json:"kind" enum:"visa,signature,cachet,avis,externe,information"`
	Title   string   `json:"title"`
	Desk    string   `json:"desk"`
	Holders []Holder `json:"holders" doc:"Qui tient le bureau aujourd’hui"`
}

// A Holder is a person at a desk.
type Holder struct {
	Name    string `json:"name"`
	Quality string `json:"quality,omitempty" example:"Maire"`
	Able    bool   `json:"able" doc:"Peut décider : compte actif et clé d’accès enregistrée"`
}

func (s *server) registerTypes() {
	add(s, operation{
		id: "listTypes", method: http.MethodGet, path: "/types", tag: tagCircuits, scope: dossiers.ScopeCircuitsRead,
		summary:     "Lister les types de courrier",
		description: "Les types, le circuit que chacun emprunte et les personnes qui décideront, et ce qui empêcherait aujourd’hui une signature d’aboutir.",
	}, s.types)
}

func (s *server) types(ctx context.Context, in *typesIn) (*typesOut, error) {
	found, err := s.Office.Types(ctx, in.viewer)
	if err != nil {
		return nil, err
	}
	out := &typesOut{Body: Types{Data: []Type{}}}
	for _, y := range found {
		t := Type{Code: y.Code, Name: y.Name, Hint: y.Hint, NotReady: notReady(y.Circuit, y.Ahead), Circuit: TypeCircuit{
			Code: y.Circuit.Code, Version: y.Circuit.Version, Name: y.Circuit.Name, SHA256: y.Circuit.Hash().String(), Steps: []TypeStep{},
		}}
		for _, p := range y.Path {
			step := TypeStep{ID: string(p.Step.ID), Kind: string(p.Step.Kind), Title: p.Step.Title, Desk: p.Desk, Holders: []Holder{}}
			for _, h := range p.Holders {
				step.Holders = append(step.Holders, Holder{Name: h.Name, Quality: h.Quality, Able: h.Able})
			}
			t.Circuit.Steps = append(t.Circuit.Steps, step)
		}
		out.Body.Data = append(out.Body.Data, t)
	}
	return out, nil
}

// A Desk is a function of the town with those who hold it.
type Desk struct {
	ID      string   `json:"id" format:"uuid"`
	Name    string   `json:"name" example:"Direction générale des services"`
	Holders []Holder `json:"holders" doc:"Qui le tient aujourd’hui"`
}

// Desks are those of the town.
type Desks struct {
	Data []Desk `json:"data"`
}

func (s *server) registerDesks() {
	add(s, operation{
		id: "listDesks", method: http.MethodGet, path: "/desks", tag: tagCircuits, scope: dossiers.ScopeCircuitsRead,
		summary: "Lister les bureaux", description: "Les bureaux de la collectivité et qui les tient : les étapes des circuits les nomment.",
	}, func(ctx context.Context, in *typesIn) (*struct{ Body Desks }, error) {
		all, err := s.Office.DeskNames(ctx, in.viewer)
		if err != nil {
			return nil, err
		}
		out := &struct{ Body Desks }{Desks{Data: []Desk{}}}
		for _, d := range all {
			desk := Desk{ID: string(d.ID), Name: d.Name, Holders: []Holder{}}
			for _, h := range d.Holders {
				desk.Holders = append(desk.Holders, Holder{Name: h.Name, Quality: h.Quality, Able: h.Able})
			}
			out.Body.Data = append(out.Body.Data, desk)
		}
		return out, nil
	})
	add(s, operation{
		id: "listCircuits", method: http.MethodGet, path: "/circuits", tag: tagCircuits, scope: dossiers.ScopeCircuitsRead,
		summary: "Lister les circuits", description: "Les circuits publiés que prennent les types que l’application peut employer, chacun une fois.",
	}, s.circuits)
}

// Circuits are those in force.
type Circuits struct {
	Data []TypeCircuit `json:"data"`
}

func (s *server) circuits(ctx context.Context, in *typesIn) (*struct{ Body Circuits }, error) {
	types, err := s.types(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &struct{ Body Circuits }{Circuits{Data: []TypeCircuit{}}}
	seen := map[string]bool{}
	for _, y := range types.Body.Data {
		if c := y.Circuit; !seen[c.SHA256] {
			seen[c.SHA256] = true
			out.Body.Data = append(out.Body.Data, c)
		}
	}
	return out, nil
}
