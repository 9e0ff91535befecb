package web

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"

	"parapheur/dossiers"
	"parapheur/internal/townfile"
)

// A reformLine is one change of a plan.
type reformLine struct {
	Kind, Icon, Sign, What string
	Details                []string
}

// filePage is /administration/fichier: the set-up as one file.
type filePage struct {
	frame
	Errors  []string
	Problem string
	Said    string
	Planned bool
	Lines   []reformLine
	Content string // of the file that was planned, sent back to be applied
	Digest  string // of the plan shown
	// Findings are what is to be known of the circuits. Refused is set when the
	// plan cannot be applied, Founding when it can once the administrator ticks
	// that nobody has a passkey yet.
	Findings          []findingLine
	Refused, Founding bool
}

// A findingLine is one thing to know about a circuit of the plan.
type findingLine struct{ Kind, Icon, Sign, What string }

func (*filePage) template() string { return "fichier" }

func (s *server) townFile(v *visit, w http.ResponseWriter, r *http.Request) error {
	if err := administers(v); err != nil {
		return err
	}
	p := &filePage{frame: s.frame(v, "Le fichier d’organisation", "administration")}
	if r.URL.Query().Get("dit") == "applique" {
		p.Said = "Le fichier est appliqué. Chaque changement est au journal, sous votre nom."
	}
	return s.show(w, r, http.StatusOK, p)
}

// exportTown sends the set-up in the form that planTown reads.
func (s *server) exportTown(v *visit, w http.ResponseWriter, r *http.Request) error {
	setup, _, err := s.Office.SetupOf(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	return s.download(w, r, "application/yaml", "organisation-"+v.tenant.SIRET+".yaml", func(out io.Writer) error {
		return townfile.Format(out, setup)
	})
}

// planTown shows what a file changes, or applies the plan that was shown.
func (s *server) planTown(v *visit, w http.ResponseWriter, r *http.Request) error {
	if err := administers(v); err != nil {
		return err
	}
	content, terms, err := s.receiveTown(v, r)
	if err != nil {
		return err
	}
	p := &filePage{frame: s.frame(v, "Le fichier d’organisation", "administration")}
	setup, err := townfile.Parse(bytes.NewReader(content))
	var faults townfile.Errors
	switch {
	case len(content) == 0:
		p.Problem = "Choisissez le fichier à comparer."
		return s.show(w, r, http.StatusUnprocessableEntity, p)
	case errors.As(err, &faults):
		for _, f := range faults {
			p.Errors = append(p.Errors, typeset(f.Error()))
		}
		return s.show(w, r, http.StatusUnprocessableEntity, p)
	case err != nil:
		return err
	}
	if !terms.Shown.IsZero() {
		_, err := s.Office.ApplySetup(r.Context(), v.viewer, setup, terms)
		if err == nil {
			return saying(w, r, "/administration/fichier", "applique")
		}
		switch {
		case errors.Is(err, dossiers.ErrUnready):
			return s.unreadyFile(v, w, r, p, setup, content)
		case !errors.Is(err, dossiers.ErrConflict):
			return s.refusedFile(w, r, p, err)
		}
		p.Problem = "L’organisation a changé depuis que le plan a été montré. Rien n’est appliqué : voici le plan d’aujourd’hui."
		p.Problem = typeset(p.Problem)
	}
	reform, err := s.Office.PlanSetup(r.Context(), v.viewer, setup)
	if err != nil {
		return s.refusedFile(w, r, p, err)
	}
	p.plan(reform, content)
	return s.show(w, r, http.StatusOK, p)
}

func (s *server) refusedFile(w http.ResponseWriter, r *http.Request, p *filePage, err error) error {
	status, told := again(err)
	if !told {
		return err
	}
	p.Problem = newFiche(nil, err).problem(err)
	return s.show(w, r, status, p)
}

// unreadyFile shows the plan again, with why it is not applied.
func (s *server) unreadyFile(v *visit, w http.ResponseWriter, r *http.Request, p *filePage, setup dossiers.Setup, content []byte) error {
	reform, err := s.Office.PlanSetup(r.Context(), v.viewer, setup)
	if err != nil {
		return s.refusedFile(w, r, p, err)
	}
	p.Problem = typeset("Rien n’est appliqué : une lettre s’arrêterait dans ces circuits.")
	p.plan(reform, content)
	return s.show(w, r, http.StatusConflict, p)
}

// plan puts a reform in words.
func (p *filePage) plan(reform dossiers.Reform, content []byte) {
	digest := reform.Digest()
	p.Planned, p.Content, p.Digest = true, string(content), digest.String()
	for _, l := range reform.Lines {
		line := reformLine{Kind: "ok", Icon: "plus", Sign: "Ajouté", What: typeset(l.What)}
		switch l.Sign {
		case "~":
			line.Kind, line.Icon, line.Sign = "late", "pen-line", "Modifié"
		case "-":
			line.Kind, line.Icon, line.Sign = "urgent", "minus", "Mis hors d’usage"
		}
		for _, d := range l.Details {
			line.Details = append(line.Details, typeset(d))
		}
		p.Lines = append(p.Lines, line)
	}
	p.Refused = reform.Refusal(true) != nil
	p.Founding = !p.Refused && reform.Refusal(false) != nil
	for _, f := range reform.Findings {
		line := findingLine{"late", "info", "À savoir", typeset(f.French())}
		if f.Blocks(false) {
			line.Kind, line.Icon, line.Sign = "urgent", "triangle-alert", "Bloquant"
		}
		p.Findings = append(p.Findings, line)
	}
}

// receiveTown reads the form of a plan: the file, or the one that was planned
// with the digest of what was shown.
func (s *server) receiveTown(v *visit, r *http.Request) (content []byte, terms dossiers.Terms, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, terms, &dossiers.InvalidError{Field: "form", Reason: "Le formulaire n’a pas pu être lu."}
	}
	trusted := false
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, terms, fmt.Errorf("read a file: %w", err)
		}
		raw, err := io.ReadAll(io.LimitReader(part, townfile.MaxBytes+1))
		if err != nil {
			return nil, terms, fmt.Errorf("read a file: %w", err)
		}
		switch part.FormName() {
		case "csrf":
			trusted = sameToken(string(raw), v.session.CSRF)
		case "shown":
			if d, err := hex.DecodeString(string(raw)); err == nil && len(d) == len(terms.Shown) {
				copy(terms.Shown[:], d)
			}
		case "founding":
			terms.Founding = string(raw) == "1"
		case "content", "file":
			content = raw
		}
	}
	if !trusted {
		return nil, terms, errForged
	}
	return content, terms, nil
}
