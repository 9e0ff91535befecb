package api

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"parapheur/dossiers"
	"parapheur/internal/problem"
)

type verificationIn struct {
	caller
}

type verificationOut struct {
	Body Verification
}

// A Verification is the report on a letter: that of « parapheur verify --json », and whether it is of a demonstration.
type Verification struct {
	*dossiers.Verification
}

// Schema implements huma.SchemaProvider. Only what every reader needs is described: the names of the rest are those of the
// report's own package, as stable as its "schema" says.
func (Verification) Schema(huma.Registry) *huma.Schema {
	text := func(doc string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: doc} }
	open := func(doc string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: doc}
	}
	outcome := text("valid : tout ce qui a été présenté est exact ; invalid : quelque chose est faux ; unverifiable : rien n’est faux, mais on ne peut pas conclure. Seul valid vaut acceptation.")
	outcome.Enum = []any{"valid", "invalid", "unverifiable"}
	at := text("Moment de la vérification")
	at.Format = "date-time"
	s := &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: true, Required: []string{"schema", "outcome", "verified_at", "demonstration", "findings"},
		Properties: map[string]*huma.Schema{
			"schema": text("Nom et version de la forme du rapport : parapheur.evidence-report.v1"), "outcome": outcome, "verified_at": at,
			"demonstration": {Type: huma.TypeBoolean, Description: "Un certificat de démonstration est en cause : sans valeur, quel que soit le résultat"},
			"specimen":      {Type: huma.TypeBoolean, Description: "Quelque chose vient d’un bac à sable : un spécimen, sans valeur, qui n’est jamais valid"},
			"tenant":        open("La collectivité que nomme le dossier de preuve"),
			"dossier":       open("Le dossier que décrit le dossier de preuve"),
			"context":       open("Ce que le dossier de preuve dit de lui-même"),
			"letter":        open("La lettre : bytes, sha256, et check, le verdict sur chaque signature (signataire, date, niveau, étendue) et chaque révision"),
			"package":       open("Le dossier de preuve : fichiers, cachet, journal"),
			"decisions":     {Type: huma.TypeArray, Items: open("Une décision, sa preuve et son verdict (outcome)")},
			"findings":      {Type: huma.TypeArray, Items: open("Un constat : code stable, outcome, subject, detail")},
		},
	}
	s.PrecomputeMessages()
	return s
}

const verificationText = `Dit qui a signé un PDF, quand, à quel niveau, ce que chaque signature couvre et ce qui a changé depuis ; avec son dossier de preuve, vérifie aussi chaque décision. La lettre peut venir d’ailleurs. Les fichiers sont examinés puis effacés : rien n’est conservé.

Un fichier non signé, altéré ou endommagé est un résultat (200), pas une erreur. Sont refusés un envoi trop volumineux et une lettre qui n’est pas un PDF.`

func (s *server) registerVerifications() {
	add(s, operation{
		id: "verifyDocument", method: http.MethodPost, path: "/verifications", tag: tagEvidence, scope: dossiers.ScopeDossiersRead,
		summary: "Vérifier une lettre signée", description: verificationText,
		errors: []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusServiceUnavailable},
	}, s.verification)
	file := func(doc string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeString, ContentEncoding: "binary", Description: doc}
	}
	// After Register, as for a deposit: the body is streamed.
	s.api.OpenAPI().Paths["/verifications"].Post.RequestBody = &huma.RequestBody{
		Required: true, Description: "La lettre et, si vous l’avez, son dossier de preuve.",
		Content: map[string]*huma.MediaType{"multipart/form-data": {
			Schema: &huma.Schema{Type: huma.TypeObject, Required: []string{"document"}, Properties: map[string]*huma.Schema{
				"document": file("La lettre (PDF)"), "evidence": file("Son dossier de preuve (zip)"),
			}},
			Encoding: map[string]*huma.Encoding{"document": {ContentType: "application/pdf"}, "evidence": {ContentType: "application/zip"}},
		}},
	}
}

func (s *server) verification(ctx context.Context, in *verificationIn) (*verificationOut, error) {
	select {
	case s.uploads <- struct{}{}:
		defer func() { <-s.uploads }()
	default:
		return nil, &refusal{Problem: problem.Of(http.StatusServiceUnavailable)}
	}
	in.r.Body = http.MaxBytesReader(in.w, in.r.Body, s.MaxUpload)
	// A server without deadlines has nothing to extend.
	_ = http.NewResponseController(in.w).SetReadDeadline(s.Now().Add(uploadTime))
	held, err := s.hold(in.r)
	defer func() {
		for _, h := range held {
			h.Close() //nolint:errcheck // nothing is kept of it
		}
	}()
	if err != nil {
		return nil, err
	}
	found, err := s.Office.Examine(ctx, held["document"], held["evidence"])
	if err != nil {
		return nil, err
	}
	return &verificationOut{Body: Verification{found}}, nil
}

// hold spools the parts. What it returns is to be closed, even beside an error.
func (s *server) hold(r *http.Request) (map[string]*dossiers.Held, error) {
	held := map[string]*dossiers.Held{}
	mr, err := r.MultipartReader()
	if err != nil {
		return held, refused(http.StatusUnsupportedMediaType, "Envoyez la demande en multipart/form-data.")
	}
	for {
		part, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return held, unreadable(err)
		}
		name := part.FormName()
		if name != "document" && name != "evidence" || held[name] != nil {
			return held, wrong("body", "Les parties attendues sont document et, si vous l’avez, evidence, une fois chacune.")
		}
		h, err := s.holdPart(part)
		if err != nil {
			return held, err
		}
		held[name] = h
	}
	if held["document"] == nil {
		return held, wrong("document", "Il manque la lettre à vérifier.")
	}
	return held, nil
}

// holdPart tells what is wrong with the body from what is wrong here.
func (s *server) holdPart(part *multipart.Part) (*dossiers.Held, error) {
	body := &reading{r: part}
	h, err := s.Office.Hold(body)
	if err != nil && body.err != nil {
		return nil, unreadable(body.err)
	}
	return h, err
}
