package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"parapheur/circuits"
	"parapheur/dossiers"
)

type evidenceIn struct {
	caller
	ID string `path:"id" doc:"Identifiant du dossier (UUID)"`
}

func (s *server) registerEvidence() {
	add(s, operation{
		id: "getEvidence", method: http.MethodGet, path: "/dossiers/{id}/evidence", tag: tagEvidence, scope: dossiers.ScopeEvidenceRead,
		summary:     "Télécharger le dossier de preuve",
		description: "Une archive zip qui suffit à vérifier chaque décision et chaque signature sans le parapheur, des années plus tard.\n\nTant que le dossier ne change pas, c’est la même archive, octet pour octet, pendant 24 heures : un téléchargement interrompu se reprend (Range, If-Range). Ensuite, ou dès que le dossier change, elle est scellée de nouveau.",
	}, s.evidence)
	s.documentBinary("/dossiers/{id}/evidence", "application/zip", "L’archive")
}

// evidence spools the archive, so that an error is an answer and not half a
// file, and its digest is known before its first byte.
func (s *server) evidence(ctx context.Context, in *evidenceIn) (*huma.StreamResponse, error) {
	view, err := s.Office.View(ctx, in.viewer, dossiers.ID(in.ID))
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(s.Spool, "preuve-*.zip")
	if err != nil {
		return nil, fmt.Errorf("spool evidence: %w", err)
	}
	discard := func() error { return errors.Join(f.Close(), os.Remove(f.Name())) }
	h := sha256.New()
	if err := s.Office.Evidence(ctx, in.viewer, view.ID, io.MultiWriter(f, h)); err != nil {
		return nil, errors.Join(err, discard())
	}
	digest := circuits.Digest(h.Sum(nil))
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer discard() //nolint:errcheck // the answer is sent
		r, w := humachi.Unwrap(hc)
		w.Header().Set("Content-Type", "application/zip")
		w.Header().Set("ETag", `"`+digest.String()+`"`)
		w.Header().Set("Repr-Digest", digestOf(digest))
		w.Header().Set("Content-Disposition", attachment(fmt.Sprintf("preuve-%d.zip", view.Number)))
		_ = http.NewResponseController(w).SetWriteDeadline(s.Now().Add(streamTime)) // none to extend on some servers
		deliver(w, r, f)
	}}, nil
}
