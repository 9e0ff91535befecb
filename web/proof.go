package web

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// proofKept is what the browser needs of a proof that it sent.
type proofKept struct {
	SHA256 string `json:"sha256"`
	Size   string `json:"size"`
}

// keepProof keeps the proof of an act done outside, sent before the gesture
// that records it. The token is in a header: only a script sends this.
func (s *server) keepProof(v *visit, w http.ResponseWriter, r *http.Request) error {
	if !sameToken(r.Header.Get("X-CSRF-Token"), v.session.CSRF) {
		return errForged
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return &dossiers.InvalidError{Field: "form", Reason: "Le formulaire n’a pas pu être lu."}
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return &dossiers.InvalidError{Field: "outside", Reason: "Joignez la preuve de l’acte."}
		}
		if err != nil {
			return &dossiers.InvalidError{Field: "form", Reason: "Le formulaire n’a pas pu être lu."}
		}
		if part.FileName() == "" {
			continue
		}
		kept, err := s.Office.KeepProof(r.Context(), v.viewer, dossiers.ID(chi.URLParam(r, "id")), part)
		if err != nil {
			return err
		}
		return reply(w, http.StatusCreated, proofKept{kept.SHA256.String(), size(kept.Bytes)})
	}
}

// proofFile downloads the proof of an act that the dossier records.
func (s *server) proofFile(v *visit, w http.ResponseWriter, r *http.Request) error {
	var digest circuits.Digest
	if digest.UnmarshalText([]byte(chi.URLParam(r, "sha"))) != nil {
		return dossiers.ErrNotFound
	}
	found, blob, err := s.Office.Proof(r.Context(), v.viewer, dossiers.ID(chi.URLParam(r, "id")), digest)
	if err != nil {
		return err
	}
	defer blob.Close() //nolint:errcheck // read only
	name := map[string]string{"application/pdf": "preuve.pdf", "image/jpeg": "preuve.jpg", "image/png": "preuve.png"}[found.Kind]
	h := w.Header()
	h.Set("Content-Type", found.Kind)
	h.Set("Content-Length", strconv.FormatInt(found.Bytes, 10))
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "private, no-cache")
	if r.Method == http.MethodHead {
		return nil
	}
	_, err = io.Copy(w, io.NewSectionReader(blob, 0, found.Bytes))
	return ignoreGone(err)
}
