package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"parapheur/dossiers"
)

// A checked file is what the deposit page shows of it before anything is sent.
type checked struct {
	Refused string        `json:"refused,omitempty"` // why, when it would be
	Facts   string        `json:"facts,omitempty"`   // "2 pages, PDF/A-2b"
	Signed  bool          `json:"signed"`
	Notices []checkedNote `json:"notices"`
}

// A checkedNote is one sentence about a file.
type checkedNote struct {
	Text string `json:"text"`
	Warn bool   `json:"warn"`
}

// checkFile is /deposer/controle: one PDF goes through the whole check and
// nothing of it is kept.
func (s *server) checkFile(v *visit, w http.ResponseWriter, r *http.Request) error {
	if !v.viewer.Person.Drafter {
		return dossiers.ErrForbidden
	}
	if !sameToken(r.Header.Get("X-CSRF-Token"), v.session.CSRF) {
		return errForged
	}
	if !s.sessions.Allow(v.session.ID, s.now(v)) {
		return errTooMany
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return &dossiers.InvalidError{Field: "form", Reason: "Le formulaire n’a pas pu être lu."}
	}
	part, err := parts.NextPart()
	if err != nil {
		return fmt.Errorf("read a file to check: %w", err)
	}
	got, err := s.Office.Precheck(r.Context(), v.viewer, part.FileName(), part)
	answer := newChecked(got)
	if err != nil {
		told := problemOf(err)
		var whole *http.MaxBytesError
		if told.Status >= http.StatusInternalServerError || errors.As(err, &whole) {
			return err
		}
		answer = checked{Refused: told.Title + ". " + told.Detail, Notices: []checkedNote{}}
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(answer)
}

func newChecked(got dossiers.Received) checked {
	facts := []string{count(got.Pages, "page", "pages")}
	if got.Archival != "" {
		facts = append(facts, "format d’archivage PDF/A-"+got.Archival)
	}
	out := checked{Facts: strings.Join(facts, ", "), Signed: got.Signed, Notices: []checkedNote{}}
	if got.Locked {
		out.Notices = append(out.Notices, checkedNote{"La signature qu’il porte interdit d’en ajouter une autre\u00a0: ce fichier peut être joint en annexe, pas signé.", true})
	}
	for _, n := range got.Notices {
		out.Notices = append(out.Notices, checkedNote{n.French(), n.Warns()})
	}
	return out
}

// noticeLines tells on the page of a letter what its deposit noted.
func noticeLines(told []dossiers.DocumentNotice) []noticeLine {
	var out []noticeLine
	for _, n := range told {
		one := noticeLine{Text: n.French(), Warn: n.Warns()}
		if n.N > 1 {
			one.Document = fmt.Sprintf("Annexe\u00a0%d", n.N-1)
		}
		out = append(out, one)
	}
	return out
}
