package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"parapheur/circuits"
	"parapheur/dossiers"
)

func (s *server) registerSlip() {
	add(s, operation{
		id: "getSlip", method: http.MethodGet, path: "/dossiers/{id}/slip", tag: tagEvidence, scope: dossiers.ScopeDossiersRead,
		summary:     "Télécharger le bordereau de circulation",
		description: "Un PDF pour les personnes : qui a fait quoi, quand, en quelle qualité. Il ne prouve rien par lui-même : le dossier de preuve, si.",
	}, s.slip)
	s.documentBinary("/dossiers/{id}/slip", "application/pdf", "Le bordereau")
}

type slipIn struct {
	OfDossier
	IfNoneMatch string `header:"If-None-Match" doc:"Étiquette déjà connue : 304 si rien n’a changé"`
}

func (s *server) slip(ctx context.Context, in *slipIn) (*huma.StreamResponse, error) {
	var pdf bytes.Buffer
	number, err := s.Office.Slip(ctx, in.viewer, dossiers.ID(in.ID), &pdf)
	if err != nil {
		return nil, err
	}
	digest := circuits.Digest(sha256.Sum256(pdf.Bytes()))
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humachi.Unwrap(hc)
		h := w.Header()
		h.Set("Content-Type", "application/pdf")
		h.Set("ETag", `"`+digest.String()+`"`)
		h.Set("Repr-Digest", digestOf(digest))
		h.Set("Content-Disposition", attachment("bordereau-"+strconv.FormatInt(number, 10)+".pdf"))
		deliver(w, r, bytes.NewReader(pdf.Bytes()))
	}}, nil
}
