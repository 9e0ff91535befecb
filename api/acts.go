package api

import (
	"context"
	"net/http"

	"parapheur/dossiers"
	"parapheur/internal/conditions"
)

// A Filing changes metadata of a dossier: what is absent stays.
type Filing struct {
	Metadata map[string]string `json:"metadata" doc:"Valeurs par nom de champ du type ; une valeur vide efface la sienne" example:"{\"montant\":\"1200.50\"}"`
}

// Filed are the metadata of a dossier, and its number in the register.
type Filed struct {
	Metadata map[string]string `json:"metadata"`
	Number   string            `json:"number,omitempty" doc:"Numéro chrono, une fois tiré"`
}

// A Replacement takes a dossier out because another one replaces it.
type Replacement struct {
	By     string `json:"by" format:"uuid" doc:"Identifiant du dossier qui le remplace"`
	Reason string `json:"reason,omitempty" maxLength:"2000" doc:"Pourquoi"`
}

// A Recycling sends a dossier along its circuit again, as it is.
type Recycling struct {
	Chosen  map[string]string `json:"chosen,omitempty" doc:"Bureau choisi (identifiant ou code), par étape où le circuit laisse choisir"`
	Circuit *CircuitWish      `json:"circuit,omitempty" doc:"Autre circuit que celui du type : l’un de ceux qu’il permet, ou composé s’il le permet"`
}

type filedOut struct {
	Replayable
	Body Filed
}

// registerActs lists what an application may do with its dossiers beside
// their description. None decides: no visa, opinion, refusal nor signature.
func (s *server) registerActs() {
	write := []int{http.StatusBadRequest, http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusPreconditionRequired}
	add(s, operation{
		id: "fileDossier", method: http.MethodPatch, path: "/dossiers/{id}/metadata", tag: tagDossiers, scope: dossiers.ScopeDossiersWrite,
		summary: "Changer les métadonnées d’un dossier", errors: write,
		description: "Celles du type de courrier ; chaque changement est journalisé. Un champ obligatoire au dépôt ne s’efface pas. Impossible une fois le circuit terminé.",
	}, s.fileDossier)
	add(s, operation{
		id: "supersedeDossier", method: http.MethodPost, path: "/dossiers/{id}/supersede", tag: tagDossiers, scope: dossiers.ScopeDossiersWrite,
		summary: "Remplacer un dossier par un autre", errors: write,
		description: "Le dossier sort du circuit pour de bon et renvoie à celui qui le remplace. Impossible dès qu’une signature est décidée.",
	}, s.supersedeDossier)
	add(s, operation{
		id: "recycleDossier", method: http.MethodPost, path: "/dossiers/{id}/recycle", tag: tagDossiers, scope: dossiers.ScopeDossiersWrite,
		summary: "Renvoyer tel quel un dossier refusé ou retiré", errors: write,
		description: "Il repart dans le circuit de son type, depuis le début, avec le même document. Les décisions prises restent à la trace et ne comptent plus.",
	}, s.recycleDossier)
}

func (s *server) fileDossier(ctx context.Context, in *struct {
	OfDossier
	Guarded
	Body Filing
},
) (*filedOut, error) {
	id := dossiers.ID(in.ID)
	return atMostOnce(ctx, s, in.caller, in.Key, []any{in.IfMatch, in.Body}, func(string) (*filedOut, error) {
		if _, err := s.precondition(ctx, in.viewer, id, in.IfMatch); err != nil {
			return nil, err
		}
		f, err := s.Office.SetMetadata(ctx, in.viewer, id, conditions.Values(in.Body.Metadata))
		if err != nil {
			return nil, err
		}
		return &filedOut{Body: Filed{Metadata: f.Values, Number: f.Number}}, nil
	})
}

func (s *server) supersedeDossier(ctx context.Context, in *struct {
	OfDossier
	Guarded
	Body Replacement
},
) (*changedOut, error) {
	id := dossiers.ID(in.ID)
	return atMostOnce(ctx, s, in.caller, in.Key, []any{in.IfMatch, in.Body}, func(string) (*changedOut, error) {
		if _, err := s.precondition(ctx, in.viewer, id, in.IfMatch); err != nil {
			return nil, err
		}
		if _, err := s.Office.Supersede(ctx, in.viewer, id, dossiers.ID(in.Body.By), in.Body.Reason); err != nil {
			return nil, stale(err)
		}
		return s.changed(ctx, in.viewer, id)
	})
}

func (s *server) recycleDossier(ctx context.Context, in *struct {
	OfDossier
	Guarded
	Body Recycling
},
) (*changedOut, error) {
	id := dossiers.ID(in.ID)
	return atMostOnce(ctx, s, in.caller, in.Key, []any{in.IfMatch, in.Body}, func(string) (*changedOut, error) {
		view, err := s.precondition(ctx, in.viewer, id, in.IfMatch)
		if err != nil {
			return nil, err
		}
		circuit, err := s.wished(ctx, in.viewer, view.TypeCode, in.Body.Circuit)
		if err != nil {
			return nil, err
		}
		if _, err := s.Office.Depart(ctx, in.viewer, id, dossiers.Departure{Chosen: picked(in.Body.Chosen), Circuit: circuit, Again: true}); err != nil {
			return nil, stale(err)
		}
		return s.changed(ctx, in.viewer, id)
	})
}
