package api

import (
	"context"
	"net/http"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
	"parapheur/internal/problem"
	"parapheur/internal/trial"
)

// A CircuitWish asks for another circuit than the one that the type chooses.
type CircuitWish struct {
	Code  string     `json:"code,omitempty" maxLength:"60" doc:"Code d’un circuit que le type permet" example:"visa-dgs-signature-maire"`
	Steps []StepWish `json:"steps,omitempty" maxItems:"30" doc:"Ou bien les étapes, l’une après l’autre, si le type permet de composer un circuit"`
}

// A StepWish is a step that a depositor composes.
type StepWish struct {
	Kind  string `json:"kind" enum:"visa,signature,cachet,avis,externe,information" doc:"Ce qu’on y fait"`
	Desk  string `json:"desk" minLength:"1" maxLength:"100" doc:"Identifiant ou code du bureau : voir GET /desks"`
	Title string `json:"title" minLength:"1" maxLength:"200" doc:"Nom de l’étape" example:"Visa de la voirie"`
}

// wished is the circuit asked for, or nil.
func (s *server) wished(ctx context.Context, v dossiers.Viewer, kind string, w *CircuitWish) (*circuits.Definition, error) {
	if w == nil {
		return nil, nil //nolint:nilnil // nothing was asked for
	}
	ask := dossiers.CircuitWish{Code: w.Code}
	for _, st := range w.Steps {
		ask.Steps = append(ask.Steps, dossiers.AdHocStep{Kind: circuits.Kind(st.Kind), Desk: circuits.DeskID(st.Desk), Title: st.Title})
	}
	return s.Office.WishedCircuit(ctx, v, kind, ask)
}

// picked are desks chosen at the start, by step.
func picked(chosen map[string]string) map[circuits.StepID]circuits.DeskID {
	out := map[circuits.StepID]circuits.DeskID{}
	for step, desk := range chosen {
		out[circuits.StepID(step)] = circuits.DeskID(desk)
	}
	return out
}

// An Intention is a letter that is not deposited.
type Intention struct {
	Type     string            `json:"type" minLength:"1" maxLength:"100" doc:"Code du type de courrier" example:"courrier-simple"`
	Drafter  string            `json:"drafter,omitempty" maxLength:"254" doc:"Adresse du rédacteur ; par défaut, celui de l’application"`
	Metadata map[string]string `json:"metadata,omitempty" doc:"Valeurs par nom de champ du type" example:"{\"montant\":\"1200.50\"}"`
	Circuit  *CircuitWish      `json:"circuit,omitempty" doc:"Autre circuit que celui du type"`
	Chosen   map[string]string `json:"chosen,omitempty" doc:"Bureau choisi (identifiant ou code), par étape où le circuit laisse choisir"`
	Annexes  int               `json:"annexes,omitempty" minimum:"0" maximum:"20" doc:"Nombre d’annexes"`
	Pages    int               `json:"pages,omitempty" minimum:"1" maximum:"10000" default:"1" doc:"Nombre de pages de la lettre"`
	On       string            `json:"on,omitempty" maxLength:"10" doc:"Jour du départ ; par défaut, aujourd’hui" example:"2027-05-04"`
}

// A Forecast is what would become of it.
type Forecast struct {
	Ready    bool             `json:"ready" doc:"Rien ne manque, le chemin va au bout et chaque signature pourrait aboutir aujourd’hui"`
	Circuit  *ForecastCircuit `json:"circuit,omitempty" doc:"Le circuit qu’elle prendrait ; absent tant qu’un champ qui le choisit manque"`
	Complete bool             `json:"complete" doc:"Le chemin va au bout"`
	Stop     string           `json:"stop,omitempty" doc:"Pourquoi elle s’arrêterait"`
	Ends     *time.Time       `json:"ends,omitempty" doc:"Fin au plus tard"`
	Days     int              `json:"days" doc:"Jours ouvrés du départ à la fin"`
	Steps    []TrialStep      `json:"steps" doc:"Le chemin, et qui agirait ce jour-là"`
	Missing  []Fault          `json:"missing" doc:"Champs à renseigner avant de déposer"`
	NotReady []NotReady       `json:"not_ready" doc:"Les signatures qui ne pourraient pas aboutir aujourd’hui, et pourquoi"`
}

// A ForecastCircuit is the circuit that a letter would take.
type ForecastCircuit struct {
	Code    string `json:"code"`
	Version int    `json:"version"`
	Name    string `json:"name"`
}

func (s *server) registerForecast() {
	add(s, operation{
		id: "forecastDossier", method: http.MethodPost, path: "/dossiers/dry-run", tag: tagDossiers, scope: dossiers.ScopeCircuitsRead,
		summary:     "Essayer un dépôt",
		description: "Le circuit que prendrait cette lettre, qui agirait, la fin au plus tard, ce qui manque et les clés qui ne sont pas prêtes. Rien n’est créé, personne n’est prévenu. Un champ obligatoire absent n’est pas une erreur ici : il est dans missing.",
		errors:      []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}, s.forecast)
}

func (s *server) forecast(ctx context.Context, in *struct {
	caller
	Body Intention
},
) (*struct{ Body Forecast }, error) {
	b := in.Body
	circuit, err := s.wished(ctx, in.viewer, b.Type, b.Circuit)
	if err != nil {
		return nil, err
	}
	f, err := s.Office.Forecast(ctx, in.viewer, dossiers.Intention{
		TypeCode: b.Type, DrafterEmail: b.Drafter, Metadata: conditions.Values(b.Metadata), Chosen: picked(b.Chosen), Circuit: circuit,
		Annexes: b.Annexes, Pages: b.Pages, On: delegation.Date(b.On),
	})
	if err != nil {
		return nil, err
	}
	out := &struct{ Body Forecast }{Forecast{Missing: []Fault{}, Steps: trialSteps(f.Path), NotReady: notReady(f.Circuit, f.Ahead)}}
	for _, m := range f.Missing {
		out.Body.Missing = append(out.Body.Missing, Fault{Location: m.Field, Message: m.Reason})
	}
	if len(f.Circuit.Steps) > 0 {
		out.Body.Circuit = &ForecastCircuit{Code: f.Circuit.Code, Version: f.Circuit.Version, Name: f.Circuit.Name}
		out.Body.Complete, out.Body.Stop, out.Body.Days = f.Path.Complete, f.Path.Stop, f.Path.Days
	}
	if out.Body.Complete {
		out.Body.Ends = &f.Path.Ends
	}
	out.Body.Ready = out.Body.Complete && len(f.Missing) == 0 && len(f.Ahead) == 0
	return out, nil
}

// trialSteps says a path step by step.
func trialSteps(p trial.Path) []TrialStep {
	out := []TrialStep{}
	for _, st := range p.Steps {
		one := TrialStep{Step: string(st.Step.ID), Title: st.Step.Title, Outcome: string(st.Outcome), Who: []string{}}
		for _, t := range st.Turns {
			if t.Personal != "" {
				one.Who = append(one.Who, t.Personal)
			}
			for _, power := range t.Powers {
				one.Who = append(one.Who, power.Name)
			}
		}
		if st.Outcome == trial.Taken {
			one.Until = &st.Until
		}
		out = append(out, one)
	}
	return out
}

// notReady says which steps of a circuit could not be completed today.
func notReady(d circuits.Definition, ahead []dossiers.StepReadiness) []NotReady {
	out := []NotReady{}
	for _, st := range ahead {
		one := NotReady{Step: string(d.Steps[st.Step].ID), Level: st.Level.String()}
		for _, x := range st.Problems {
			one.Problems = append(one.Problems, KeyProblem{Code: string(x.Problem), Holder: x.Name, Detail: problem.OfKey(x.Problem)})
		}
		out = append(out, one)
	}
	return out
}
