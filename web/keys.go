package web

import (
	"encoding/base64"
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"

	"parapheur/dossiers"
)

// keys is /mes-cles.
func (s *server) keys(v *visit, w http.ResponseWriter, r *http.Request) error {
	said := map[string]string{
		"ajoutee": "La clé est ajoutée.", "renommee": "La clé a un nouveau nom.",
		"revoquee": "La clé est révoquée. Elle n’ouvre plus rien.", "oubliee": "La clé en attente est oubliée. Elle n’a rien ouvert.",
	}[r.URL.Query().Get("dit")]
	return s.showKeys(v, w, r, http.StatusOK, said, "")
}

func (s *server) showKeys(v *visit, w http.ResponseWriter, r *http.Request, status int, said, problem string) error {
	all, err := s.Office.Passkeys(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	p := newKeysPage(all, s.calendar(v))
	p.frame = s.frame(v, "Mes clés d’accès", "mes-cles")
	p.Name, p.Said, p.Problem, p.Scripts = v.viewer.Person.Name(), said, problem, []string{"js/enrol.js", "js/witness.js"}
	p.Welcome = r.URL.Query().Has("bienvenue") && len(p.Keys) == 1
	if p.Alerts, err = s.keyAlerts(v, r); err != nil {
		return err
	}
	linked, err := s.Office.LinkedAccounts(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	_, p.Linked = newIdentityLines(nil, linked, nil, s.calendar(v))
	waiting, err := s.Office.EnrolmentRequests(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	waiting = slices.DeleteFunc(waiting, func(x dossiers.EnrolmentRequest) bool { return x.Person != v.viewer.Person.ID })
	p.Waiting = newEnrolmentLines(waiting, v.viewer.Person.ID, s.calendar(v))
	return s.show(w, r, status, p)
}

// keyAlerts tells the person of each passkey that an invitation recently added
// to those they had: the one way in which an administrator could act as them.
// Accounts that an administrator linked to them let in whoever has them.
func (s *server) keyAlerts(v *visit, r *http.Request) ([]accessAlert, error) {
	found, err := s.Office.UnexpectedPasskeys(r.Context(), v.viewer)
	if err != nil {
		return nil, err
	}
	accounts, err := s.Office.UnexpectedAccounts(r.Context(), v.viewer)
	if err != nil {
		return nil, err
	}
	return append(newKeyAlerts(found, s.calendar(v)), newAccountAlerts(accounts, s.calendar(v))...), nil
}

// An accessAlert is a way into somebody's place that they may not know of.
type accessAlert struct {
	Text    string
	Account bool // an account of an identity provider, not a passkey
}

func newAccountAlerts(found []dossiers.Identity, c calendar) []accessAlert {
	var out []accessAlert
	for _, i := range found {
		account := "Un compte"
		if i.Email != "" {
			account = "Le compte " + i.Email
		}
		out = append(out, accessAlert{account + " a été rattaché à votre nom " + c.full(i.LinkedAt) + ", par " + i.LinkedBy + ".", true})
	}
	return out
}

func newKeyAlerts(found []dossiers.Credential, c calendar) []accessAlert {
	var out []accessAlert
	for _, k := range found {
		by, _, err := k.InvitedBy()
		if err != nil {
			by = "quelqu’un"
		}
		how := " par un lien d’invitation de " + by
		if _, identity := k.WitnessedBy(); identity != "" {
			how = ", confirmée par " + by + " (" + identity + ")"
		}
		out = append(out, accessAlert{Text: "Une clé d’accès a été ajoutée à votre nom " + c.full(k.CreatedAt) + how + "."})
	}
	return out
}

// keyOrigin says how a passkey came to be the person's, from its enrolment
// statement.
func keyOrigin(k dossiers.Credential) string {
	by, invited, err := k.InvitedBy()
	_, identity := k.WitnessedBy()
	switch {
	case err != nil: // revoking it must stay possible
		return "Origine illisible\u00a0: révoquez-la"
	case invited && identity != "":
		return "Confirmée par " + by + " (" + identity + ")"
	case invited:
		return "Enrôlée par un lien d’invitation de " + by
	}
	return "Ajoutée par vous, avec une clé déjà enrôlée"
}

func newKeysPage(all []dossiers.Credential, c calendar) *keysPage {
	p := &keysPage{}
	for _, k := range all {
		card := keyCard{
			ID: base64.RawURLEncoding.EncodeToString(k.ID), Label: k.Label, Kind: keyKind(k),
			Added: "Ajoutée " + c.full(k.CreatedAt), Origin: keyOrigin(k), Last: len(all) == 1,
		}
		if k.CloneWarning {
			card.Revoked = "Bloquée\u00a0: elle a peut-être été copiée"
		}
		p.Keys = append(p.Keys, card)
	}
	return p
}

// keyKind says where a passkey lives, as far as the authenticator tells.
func keyKind(k dossiers.Credential) string {
	switch {
	case k.BackupEligible:
		return "Synchronisée entre les appareils de votre compte"
	case slices.Contains(k.Transports, "usb"), slices.Contains(k.Transports, "nfc"):
		return "Clé de sécurité USB ou sans contact, liée à l’appareil"
	}
	return "Liée à cet appareil : elle n’en sort pas"
}

func kid(r *http.Request) ([]byte, error) {
	id, err := base64.RawURLEncoding.DecodeString(chi.URLParam(r, "kid"))
	if err != nil {
		return nil, dossiers.ErrNotFound
	}
	return id, nil
}

func (s *server) renameKey(v *visit, w http.ResponseWriter, r *http.Request) error {
	id, err := kid(r)
	if err != nil {
		return err
	}
	if err := s.Office.RenamePasskey(r.Context(), v.viewer, id, r.PostForm.Get("label")); err != nil {
		return s.keysAfter(v, w, r, err)
	}
	http.Redirect(w, r, "/mes-cles?dit=renommee", http.StatusSeeOther)
	return nil
}

func (s *server) revokeKey(v *visit, w http.ResponseWriter, r *http.Request) error {
	id, err := kid(r)
	if err != nil {
		return err
	}
	if err := s.Office.RevokePasskey(r.Context(), v.viewer, v.session, id); err != nil {
		return s.keysAfter(v, w, r, err)
	}
	http.Redirect(w, r, "/mes-cles?dit=revoquee", http.StatusSeeOther)
	return nil
}

// keysAfter shows the page again with why something was refused.
func (s *server) keysAfter(v *visit, w http.ResponseWriter, r *http.Request, err error) error {
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError || p.Status == http.StatusNotFound {
		return err
	}
	return s.showKeys(v, w, r, p.Status, "", p.Title+". "+p.Detail)
}

func (s *server) beginPasskey(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.Office.BeginPasskey(r.Context(), v.viewer, v.session)
	if err != nil {
		return err
	}
	return replyGesture(v, w, g)
}

// finishPasskey keeps the new passkey and asks for the gesture of another one,
// which vouches for it.
func (s *server) finishPasskey(v *visit, w http.ResponseWriter, r *http.Request) error {
	var in answered
	if err := read(r, &in); err != nil {
		return err
	}
	g, err := s.Office.FinishPasskey(r.Context(), v.viewer, v.session, in.Ceremony, in.Response, in.Label)
	if err != nil {
		return err
	}
	return replyGesture(v, w, g)
}
