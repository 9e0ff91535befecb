package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// Correcting is part of the input of an operation that changes what is decided
// on. It says nothing in a draft.
type Correcting struct {
	Nature string `query:"nature" enum:"substantial,minor" doc:"Dossier déjà envoyé : substantial (par défaut) fait décider de nouveau ; minor maintient les visas, si le circuit le permet"`
	From   string `query:"from" maxLength:"100" doc:"Première étape qui décide de nouveau (identifiant), si le circuit permet de ne pas tout reprendre ; par défaut, la première"`
	Reason string `query:"reason" maxLength:"2000" doc:"Ce qui a changé, pour ceux qui avaient décidé"`
}

func (c Correcting) correction() dossiers.Correction {
	return dossiers.Correction{Nature: circuits.Nature(c.Nature), From: circuits.StepID(c.From), Reason: c.Reason}
}

// OfAnnex names an annex of a dossier.
type OfAnnex struct {
	OfDossier
	N int `path:"n" minimum:"2" maximum:"2147483647" doc:"Numéro de l’annexe, tel que le dossier le donne ; la lettre est le 1"`
}

// An AnnexOrder puts annexes in order.
type AnnexOrder struct {
	Annexes []int `json:"annexes" maxItems:"20" doc:"Le numéro (n) de chaque annexe du dossier, une fois, dans l’ordre voulu" example:"[3,2]"`
}

type addedOut struct {
	Replayable
	Location string `header:"Location" doc:"Où télécharger l’annexe"`
	ETag     string `header:"ETag" doc:"Révision du dossier, entre guillemets"`
	Body     Dossier
}

const annexText = ` Dans un brouillon, rien d’autre ne change. Une fois le dossier envoyé, les décisions portent aussi sur les annexes : en changer suit les règles d’une correction, avec nature, from et reason. Impossible dès qu’une signature est décidée.`

func (s *server) registerAnnexes() {
	write := []int{http.StatusBadRequest, http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusPreconditionRequired}
	receives := append([]int{http.StatusServiceUnavailable}, write...)
	add(s, operation{
		id: "addAnnex", method: http.MethodPost, path: "/dossiers/{id}/documents", tag: tagDocuments, scope: dossiers.ScopeDossiersWrite, status: http.StatusCreated,
		summary: "Ajouter une annexe", errors: receives,
		description: "Le corps est le PDF ; l’en-tête Content-Disposition peut nommer le fichier. Elle vient après les autres et reçoit un numéro (n) qui n’a servi à aucun autre document du dossier." + annexText,
	}, s.addAnnex)
	add(s, operation{
		id: "replaceAnnex", method: http.MethodPut, path: "/dossiers/{id}/documents/{n}/content", tag: tagDocuments, scope: dossiers.ScopeDossiersWrite,
		summary: "Remplacer une annexe", errors: receives,
		description: "Le corps est le PDF. L’annexe garde son numéro et sa place ; sa version précédente se télécharge encore (version=v1)." + annexText,
	}, s.replaceAnnex)
	add(s, operation{
		id: "removeAnnex", method: http.MethodDelete, path: "/dossiers/{id}/documents/{n}", tag: tagDocuments, scope: dossiers.ScopeDossiersWrite, status: http.StatusOK,
		summary: "Retirer une annexe", errors: write, description: "Répond le dossier sans elle. Son numéro ne sert plus." + annexText,
	}, s.removeAnnex)
	add(s, operation{
		id: "orderAnnexes", method: http.MethodPut, path: "/dossiers/{id}/documents", tag: tagDocuments, scope: dossiers.ScopeDossiersWrite,
		summary: "Ordonner les annexes", errors: write, description: "Elles se lisent, et s’inscrivent aux preuves, dans cet ordre." + annexText,
	}, s.orderAnnexes)
	// After Register: declared before, it makes huma read the whole body, without bound.
	for path, describe := range map[string]func(*huma.PathItem, *huma.RequestBody){
		"/dossiers/{id}/documents":             func(p *huma.PathItem, b *huma.RequestBody) { p.Post.RequestBody = b },
		"/dossiers/{id}/documents/{n}/content": func(p *huma.PathItem, b *huma.RequestBody) { p.Put.RequestBody = b },
	} {
		describe(s.api.OpenAPI().Paths[path], pdfBody("L’annexe"))
	}
}

// pdfBody describes a body that is one PDF.
func pdfBody(what string) *huma.RequestBody {
	return &huma.RequestBody{
		Required: true, Description: what,
		Content: map[string]*huma.MediaType{"application/pdf": {Schema: &huma.Schema{Type: huma.TypeString, ContentEncoding: "binary"}}},
	}
}

// Sent is part of the input of an operation whose body is one PDF.
type Sent struct {
	Disposition string `header:"Content-Disposition" doc:"Nom du fichier (RFC 6266), s’il a changé" example:"attachment; filename=\"annexe.pdf\""`
}

// inFile receives the body of a request that changes a dossier, then has it
// change, at most once for its key.
func inFile[O any](ctx context.Context, s *server, in OfDossier, guard Guarded, of any, change func(dossiers.Received) (*O, error)) (*O, error) {
	id := dossiers.ID(in.ID)
	// Before a body is received. A repeated request names the version it was
	// first made on: whether that is still the one is asked again below.
	match := guard.IfMatch
	if match != "" && guard.Key != "" {
		match = "*"
	}
	if _, err := s.precondition(ctx, in.viewer, id, match); err != nil {
		return nil, err
	}
	release, err := s.upload(ctx, in.caller)
	if err != nil {
		return nil, err
	}
	defer release()
	file, err := s.bodyFile(ctx, in.viewer.Tenant, in.r)
	if err != nil {
		return nil, err
	}
	return atMostOnce(ctx, s, in.caller, guard.Key, []any{guard.IfMatch, of, file.SHA256}, func(string) (*O, error) {
		if _, err := s.precondition(ctx, in.viewer, id, guard.IfMatch); err != nil {
			return nil, err
		}
		return change(file)
	})
}

func (s *server) addAnnex(ctx context.Context, in *struct {
	OfDossier
	Guarded
	Correcting
	Sent
},
) (*addedOut, error) {
	return inFile(ctx, s, in.OfDossier, in.Guarded, in.Correcting, func(file dossiers.Received) (*addedOut, error) {
		_, n, err := s.Office.AddAnnex(ctx, in.viewer, dossiers.ID(in.ID), file, in.correction())
		if err != nil {
			return nil, stale(err)
		}
		now, err := s.changed(ctx, in.viewer, dossiers.ID(in.ID))
		if err != nil {
			return nil, err
		}
		return &addedOut{Location: dossierPath(dossiers.ID(in.ID)) + "/documents/" + url.PathEscape(strconv.Itoa(n)) + "/content", ETag: now.ETag, Body: now.Body}, nil
	})
}

func (s *server) replaceAnnex(ctx context.Context, in *struct {
	OfAnnex
	Guarded
	Correcting
	Sent
},
) (*changedOut, error) {
	return inFile(ctx, s, in.OfDossier, in.Guarded, in.Correcting, func(file dossiers.Received) (*changedOut, error) {
		if _, err := s.Office.ReplaceAnnex(ctx, in.viewer, dossiers.ID(in.ID), in.N, file, in.correction()); err != nil {
			return nil, stale(err)
		}
		return s.changed(ctx, in.viewer, dossiers.ID(in.ID))
	})
}

func (s *server) removeAnnex(ctx context.Context, in *struct {
	OfAnnex
	Guarded
	Correcting
},
) (*changedOut, error) {
	return s.guarded(ctx, in.OfDossier, in.Guarded, in.Correcting, func(id dossiers.ID) error {
		_, err := s.Office.RemoveAnnex(ctx, in.viewer, id, in.N, in.correction())
		return err
	})
}

func (s *server) orderAnnexes(ctx context.Context, in *struct {
	OfDossier
	Guarded
	Correcting
	Body AnnexOrder
},
) (*changedOut, error) {
	return s.guarded(ctx, in.OfDossier, in.Guarded, []any{in.Correcting, in.Body}, func(id dossiers.ID) error {
		_, err := s.Office.OrderAnnexes(ctx, in.viewer, id, in.Body.Annexes, in.correction())
		return err
	})
}

// guarded changes a dossier as it was read, at most once for its key, and
// answers what it became.
func (s *server) guarded(ctx context.Context, in OfDossier, guard Guarded, of any, change func(dossiers.ID) error) (*changedOut, error) {
	id := dossiers.ID(in.ID)
	return atMostOnce(ctx, s, in.caller, guard.Key, []any{guard.IfMatch, of}, func(string) (*changedOut, error) {
		if _, err := s.precondition(ctx, in.viewer, id, guard.IfMatch); err != nil {
			return nil, err
		}
		if err := change(id); err != nil {
			return nil, stale(err)
		}
		return s.changed(ctx, in.viewer, id)
	})
}
