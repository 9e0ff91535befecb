package web

import (
	"encoding/base64"
	"net/http"
	"strings"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// An enrolmentLine is a passkey that waits for a witness.
type enrolmentLine struct {
	ID          string // base64url of the credential identifier
	Name, Email string // of its holder
	Label       string
	Kind        string
	Print       string // of its public key, in groups
	Asked       string // when, and by whose link
	Own         bool   // of the person who looks
}

// enrolmentsPage is /administration/enrolements.
type enrolmentsPage struct {
	frame
	Requests []enrolmentLine
	Alone    bool // nobody but the viewer administers
	Said     string
	Problem  string
}

// enrolments is /administration/enrolements.
func (s *server) enrolments(v *visit, w http.ResponseWriter, r *http.Request) error {
	people, err := s.Office.People(r.Context(), v.viewer) // administrators only
	if err != nil {
		return err
	}
	all, err := s.Office.EnrolmentRequests(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	p := &enrolmentsPage{frame: s.frame(v, "Demandes d’enrôlement", "administration"), Requests: newEnrolmentLines(all, v.viewer.Person.ID, s.calendar(v))}
	p.Said = map[string]string{
		"confirmee": "La clé est confirmée\u00a0: elle sert dès maintenant.", "refusee": "La demande est refusée. La clé n’a rien ouvert.",
	}[r.URL.Query().Get("dit")]
	able := 0
	for _, x := range people {
		if x.Admin && x.Active && x.Passkeys > 0 {
			able++
		}
	}
	p.Alone, p.Scripts = able < 2, []string{"js/witness.js"}
	return s.show(w, r, http.StatusOK, p)
}

func newEnrolmentLines(all []dossiers.EnrolmentRequest, viewer circuits.PersonID, c calendar) []enrolmentLine {
	var out []enrolmentLine
	for _, x := range all {
		line := enrolmentLine{
			ID: base64.RawURLEncoding.EncodeToString(x.ID), Name: x.Holder.Name(), Email: x.Holder.Email, Label: x.Label,
			Kind: keyKind(dossiers.Credential{Credential: x.Credential}), Print: grouped(x.Fingerprint().String()),
			Asked: "Enregistrée " + c.full(x.CreatedAt), Own: x.Person == viewer,
		}
		if x.InvitedBy != "" {
			line.Asked += ", par un lien d’invitation de " + x.InvitedBy
		}
		out = append(out, line)
	}
	return out
}

// grouped is the beginning of a digest as people read it aloud: five groups of
// four digits.
func grouped(digest string) string {
	var groups []string
	for i := 0; i < 20 && i+4 <= len(digest); i += 4 {
		groups = append(groups, digest[i:i+4])
	}
	return strings.Join(groups, nbsp)
}

// witnessed is what the script of a witness sends.
type witnessed struct {
	Key      raw    `json:"key"`
	Identity string `json:"identity"`
}

func (s *server) beginWitness(v *visit, w http.ResponseWriter, r *http.Request) error {
	var in witnessed
	if err := read(r, &in); err != nil {
		return err
	}
	g, err := s.Office.BeginWitness(r.Context(), v.viewer, v.session, in.Key, in.Identity)
	if err != nil {
		return err
	}
	return replyGesture(v, w, g)
}

// done says that there is nothing more to ask.
type done struct {
	Done bool `json:"done"`
}

func (s *server) finishWitness(v *visit, w http.ResponseWriter, r *http.Request) error {
	var in answered
	if err := read(r, &in); err != nil {
		return err
	}
	if err := s.Office.FinishWitness(r.Context(), v.viewer, v.session, in.Ceremony, in.Response); err != nil {
		return err
	}
	return reply(w, http.StatusOK, done{true})
}

// refuseEnrolment forgets a pending passkey; for its holder, from their keys.
func (s *server) refuseEnrolment(v *visit, w http.ResponseWriter, r *http.Request) error {
	id, err := kid(r)
	if err != nil {
		return err
	}
	if err := s.Office.RefusePasskey(r.Context(), v.viewer, id); err != nil {
		return err
	}
	next := "/mes-cles?dit=oubliee"
	if r.PostForm.Get("de") == "administration" {
		next = "/administration/enrolements?dit=refusee"
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}
