package api

import (
	"context"
	"encoding/hex"
	"errors"
	"mime"
	"net/http"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// A Description changes what a dossier is called: what is absent stays.
type Description struct {
	Title     *string `json:"title,omitempty" minLength:"1" maxLength:"200" doc:"Objet ; ne change plus une fois que quelqu’un a décidé"`
	Recipient *string `json:"recipient,omitempty" minLength:"1" maxLength:"200" doc:"Destinataire ; ne change plus une fois que quelqu’un a décidé"`
	Note      *string `json:"note,omitempty" maxLength:"2000" doc:"Mot à ceux qui décident"`
}

// A Remark is something said about a dossier.
type Remark struct {
	Text string `json:"text" minLength:"1" maxLength:"2000" doc:"Ce qu’il y a à dire ; ne décide de rien"`
}

// A Comment is a remark as it was kept.
type Comment struct {
	ID   string    `json:"id" format:"uuid"`
	Text string    `json:"text"`
	By   string    `json:"by" doc:"Personne ou application"`
	At   time.Time `json:"at"`
}

// Comments are what was said of a dossier, oldest first.
type Comments struct {
	Data []Comment `json:"data"`
}

// A Dispatching says how a letter was sent, or what became of it since.
type Dispatching struct {
	Channel    string     `json:"channel" enum:"courrier,recommande,recommande_electronique,courriel,remise,teleservice,autre" doc:"Comment la lettre est partie"`
	Status     string     `json:"status" enum:"prepared,sent,delivered,refused,returned,failed" doc:"Où elle en est"`
	Provider   string     `json:"provider,omitempty" maxLength:"100" doc:"Qui la porte" example:"La Poste"`
	Reference  string     `json:"reference,omitempty" maxLength:"200" doc:"Son numéro chez qui la porte" example:"1A 234 567 8901 2"`
	Detail     string     `json:"detail,omitempty" maxLength:"1000" doc:"Précision"`
	Proof      string     `json:"proof_sha256,omitempty" pattern:"^[0-9a-f]{64}$" doc:"Empreinte SHA-256 de la preuve que vous gardez (dépôt, avis de réception)"`
	OccurredAt *time.Time `json:"occurred_at,omitempty" doc:"Quand ; par défaut, maintenant"`
}

// A Dispatch is one record of a sending, never changed: the next one says more.
type Dispatch struct {
	ID         string    `json:"id" format:"uuid"`
	Channel    string    `json:"channel"`
	Status     string    `json:"status"`
	Provider   string    `json:"provider,omitempty"`
	Reference  string    `json:"reference,omitempty"`
	Detail     string    `json:"detail,omitempty"`
	Proof      string    `json:"proof_sha256,omitempty"`
	OccurredAt time.Time `json:"occurred_at"`
	By         string    `json:"by"`
	RecordedAt time.Time `json:"recorded_at"`
}

// Dispatches are the records of a letter's sending, oldest first.
type Dispatches struct {
	Data []Dispatch `json:"data"`
}

// Steps are those of a dossier's circuit, with what was decided.
type Steps struct {
	Data      []Step     `json:"data"`
	Decisions []Decision `json:"decisions"`
}

// OfDossier names the dossier of an operation.
type OfDossier struct {
	caller
	ID string `path:"id" doc:"Identifiant du dossier (UUID)"`
}

// Guarded is part of the input of an operation that changes a dossier.
type Guarded struct {
	Repeatable
	IfMatch string `header:"If-Match" doc:"Étiquette du dossier tel que lu ; obligatoire, « * » pour n’importe laquelle" example:"\"7\""`
}

type changedOut struct {
	Replayable
	ETag string `header:"ETag" doc:"Révision du dossier, entre guillemets"`
	Body Dossier
}

func (s *server) registerRecords() {
	write := []int{http.StatusBadRequest, http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusPreconditionRequired}
	noted := []int{http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}
	add(s, operation{
		id: "describeDossier", method: http.MethodPatch, path: "/dossiers/{id}", tag: tagDossiers, scope: dossiers.ScopeDossiersWrite,
		summary: "Changer l’objet, le destinataire ou le mot d’un dossier", errors: write,
		description: "Pour un dossier qui n’est pas dans son circuit. L’objet et le destinataire ne changent plus une fois que quelqu’un a décidé : les preuves les citent.",
	}, s.describeDossier)
	add(s, operation{
		id: "startDossier", method: http.MethodPost, path: "/dossiers/{id}/start", tag: tagDossiers, scope: dossiers.ScopeDossiersWrite,
		summary: "Envoyer un brouillon dans son circuit", errors: write,
		description: "Le circuit est celui que choisit son type, tel que publié à cet instant, ou celui qui est demandé. Sans corps, rien n’est choisi.",
	}, s.startDossier)
	add(s, operation{
		id: "correctDossier", method: http.MethodPut, path: "/dossiers/{id}/documents/1/content", tag: tagDocuments, scope: dossiers.ScopeDossiersWrite,
		summary: "Remplacer la lettre par une version corrigée", errors: write,
		description: "Le corps est le PDF. Dans un brouillon, elle prend simplement la place de la précédente. Ensuite, les décisions prises deviennent caduques et le circuit reprend, comme sa définition et nature, from et reason le disent. L’en-tête Content-Disposition peut nommer le fichier.",
	}, s.correctDossier)
	// After Register: declared before, it makes huma read the whole body, without bound.
	s.api.OpenAPI().Paths["/dossiers/{id}/documents/1/content"].Put.RequestBody = pdfBody("La lettre corrigée")
	add(s, operation{
		id: "listSteps", method: http.MethodGet, path: "/dossiers/{id}/steps", tag: tagDossiers, scope: dossiers.ScopeDossiersRead,
		summary: "Lire les étapes d’un dossier", description: "Le circuit, étape par étape, et les décisions. La liste est aussi longue que le circuit : n’en figez pas le nombre.",
	}, s.listSteps)
	s.registerComments(noted)
	s.registerDispatches(noted)
}

func (s *server) registerComments(errors []int) {
	add(s, operation{
		id: "listComments", method: http.MethodGet, path: "/dossiers/{id}/comments", tag: tagDossiers, scope: dossiers.ScopeDossiersRead,
		summary: "Lire les remarques", description: "Ce qui a été dit du dossier, du plus ancien au plus récent.",
	}, s.listComments)
	add(s, operation{
		id: "addComment", method: http.MethodPost, path: "/dossiers/{id}/comments", tag: tagDossiers, scope: dossiers.ScopeDossiersWrite, status: http.StatusCreated,
		summary: "Ajouter une remarque", description: "Elle paraît dans la trace de la lettre, au nom de l’application. Elle ne décide de rien et ne se modifie pas.", errors: errors,
	}, s.addComment)
}

func (s *server) registerDispatches(errors []int) {
	add(s, operation{
		id: "listDispatches", method: http.MethodGet, path: "/dossiers/{id}/dispatches", tag: tagDispatches, scope: dossiers.ScopeDossiersRead,
		summary: "Lire les envois d’une lettre", description: "Comment elle est partie et ce qu’elle est devenue, du plus ancien au plus récent.",
	}, s.listDispatches)
	add(s, operation{
		id: "addDispatch", method: http.MethodPost, path: "/dossiers/{id}/dispatches", tag: tagDispatches, scope: dossiers.ScopeDispatchesWrite, status: http.StatusCreated,
		summary:     "Inscrire l’envoi d’une lettre",
		description: "Une fois le circuit terminé : le canal, qui porte la lettre, son numéro, où elle en est, l’empreinte de la preuve. Chaque inscription s’ajoute à la trace ; aucune ne se modifie. Idempotency-Key est obligatoire.", errors: errors,
	}, s.addDispatch)
}

func (s *server) changed(ctx context.Context, v dossiers.Viewer, id dossiers.ID) (*changedOut, error) {
	out, err := s.read(ctx, v, id)
	if err != nil {
		return nil, err
	}
	return &changedOut{ETag: out.ETag, Body: out.Body}, nil
}

func (s *server) describeDossier(ctx context.Context, in *struct {
	OfDossier
	Guarded
	Body Description
},
) (*changedOut, error) {
	id := dossiers.ID(in.ID)
	return atMostOnce(ctx, s, in.caller, in.Key, []any{in.IfMatch, in.Body}, func(string) (*changedOut, error) {
		view, err := s.precondition(ctx, in.viewer, id, in.IfMatch)
		if err != nil {
			return nil, err
		}
		_, err = s.Office.Redescribe(ctx, in.viewer, id, dossiers.Redescription{Title: in.Body.Title, Recipient: in.Body.Recipient, Note: in.Body.Note}, view.Rev())
		if err != nil {
			return nil, stale(err)
		}
		return s.changed(ctx, in.viewer, id)
	})
}

func (s *server) startDossier(ctx context.Context, in *struct {
	OfDossier
	Guarded
	Body *Recycling
},
) (*changedOut, error) {
	id, how := dossiers.ID(in.ID), Recycling{}
	if in.Body != nil {
		how = *in.Body
	}
	return atMostOnce(ctx, s, in.caller, in.Key, []any{in.IfMatch, how}, func(string) (*changedOut, error) {
		view, err := s.precondition(ctx, in.viewer, id, in.IfMatch)
		if err != nil {
			return nil, err
		}
		circuit, err := s.wished(ctx, in.viewer, view.TypeCode, how.Circuit)
		if err != nil {
			return nil, err
		}
		if _, err := s.Office.Depart(ctx, in.viewer, id, dossiers.Departure{Chosen: picked(how.Chosen), Circuit: circuit}); err != nil {
			return nil, stale(err)
		}
		return s.changed(ctx, in.viewer, id)
	})
}

// correctDossier streams the new version to the check of deposits.
func (s *server) correctDossier(ctx context.Context, in *struct {
	OfDossier
	Guarded
	Correcting
	Sent
},
) (*changedOut, error) {
	return inFile(ctx, s, in.OfDossier, in.Guarded, in.Correcting, func(main dossiers.Received) (*changedOut, error) {
		if _, err := s.Office.CorrectAs(ctx, in.viewer, dossiers.ID(in.ID), main, in.correction()); err != nil {
			return nil, stale(err)
		}
		return s.changed(ctx, in.viewer, dossiers.ID(in.ID))
	})
}

func (s *server) listSteps(ctx context.Context, in *OfDossier) (*struct{ Body Steps }, error) {
	view, err := s.Office.View(ctx, in.viewer, dossiers.ID(in.ID))
	if err != nil {
		return nil, err
	}
	d := dossier(view)
	return &struct{ Body Steps }{Steps{Data: d.Steps, Decisions: d.Decisions}}, nil
}

func (s *server) listComments(ctx context.Context, in *OfDossier) (*struct{ Body Comments }, error) {
	all, err := s.Office.Notes(ctx, in.viewer, dossiers.ID(in.ID))
	if err != nil {
		return nil, err
	}
	out := &struct{ Body Comments }{Comments{Data: []Comment{}}}
	for _, n := range all {
		out.Body.Data = append(out.Body.Data, Comment{n.ID, n.Text, n.By, n.At})
	}
	return out, nil
}

type commentOut struct {
	Replayable
	Body Comment
}

func (s *server) addComment(ctx context.Context, in *struct {
	OfDossier
	Repeatable
	Body Remark
},
) (*commentOut, error) {
	return atMostOnce(ctx, s, in.caller, in.Key, in.Body, func(key string) (*commentOut, error) {
		n, err := s.Office.AddNote(ctx, in.viewer, dossiers.ID(in.ID), in.Body.Text, key)
		if err != nil {
			return nil, err
		}
		return &commentOut{Body: Comment{n.ID, n.Text, n.By, n.At}}, nil
	})
}

func dispatchOf(d dossiers.Dispatch) Dispatch {
	out := Dispatch{
		ID: d.ID, Channel: d.Channel, Status: d.Status, Provider: d.Provider, Reference: d.Reference, Detail: d.Detail,
		OccurredAt: d.OccurredAt, By: d.By, RecordedAt: d.At,
	}
	if !d.Proof.IsZero() {
		out.Proof = d.Proof.String()
	}
	return out
}

func (s *server) listDispatches(ctx context.Context, in *OfDossier) (*struct{ Body Dispatches }, error) {
	all, err := s.Office.Dispatches(ctx, in.viewer, dossiers.ID(in.ID))
	if err != nil {
		return nil, err
	}
	out := &struct{ Body Dispatches }{Dispatches{Data: []Dispatch{}}}
	for _, d := range all {
		out.Body.Data = append(out.Body.Data, dispatchOf(d))
	}
	return out, nil
}

type dispatchOut struct {
	Replayable
	Body Dispatch
}

func (s *server) addDispatch(ctx context.Context, in *struct {
	OfDossier
	Repeatable
	Body Dispatching
},
) (*dispatchOut, error) {
	if _, err := idempotencyKey(in.Key); err != nil {
		return nil, err
	}
	return atMostOnce(ctx, s, in.caller, in.Key, in.Body, func(key string) (*dispatchOut, error) {
		b := in.Body
		d := dossiers.Dispatch{Dossier: dossiers.ID(in.ID), Channel: b.Channel, Status: b.Status, Provider: b.Provider, Reference: b.Reference, Detail: b.Detail}
		if b.OccurredAt != nil {
			d.OccurredAt = *b.OccurredAt
		}
		proof, err := hex.DecodeString(b.Proof)
		if err == nil && len(proof) == len(d.Proof) {
			d.Proof = circuits.Digest(proof)
		}
		d, err = s.Office.AddDispatch(ctx, in.viewer, d, key)
		if err != nil {
			return nil, err
		}
		return &dispatchOut{Body: dispatchOf(d)}, nil
	})
}

// stale turns a race that was lost into a precondition that failed: the
// request named the version it read.
func stale(err error) error {
	if errors.Is(err, dossiers.ErrConflict) {
		return refused(http.StatusPreconditionFailed, "")
	}
	return err
}

// upload takes one of the places for uploads, bounds the body and gives it time.
func (s *server) upload(ctx context.Context, c caller) (release func(), err error) {
	if err := s.turn(ctx); err != nil {
		return nil, err
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, s.MaxUpload)
	_ = http.NewResponseController(c.w).SetReadDeadline(s.Now().Add(uploadTime)) // none to extend on some servers
	return func() { <-s.uploads }, nil
}

// bodyFile hands the whole body to the office as one PDF.
func (s *server) bodyFile(ctx context.Context, t dossiers.Tenant, r *http.Request) (dossiers.Received, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/pdf" {
		return dossiers.Received{}, refused(http.StatusUnsupportedMediaType, "Envoyez la lettre en application/pdf.")
	}
	name := "lettre.pdf"
	if _, params, err := mime.ParseMediaType(r.Header.Get("Content-Disposition")); err == nil && params["filename"] != "" {
		name = params["filename"]
	}
	body := &reading{r: r.Body}
	got, err := s.Office.Receive(ctx, t, name, body)
	if err != nil && body.err != nil {
		return got, unreadable(body.err)
	}
	return got, err
}
