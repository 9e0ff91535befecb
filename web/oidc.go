package web

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/peer"
)

// An identityLine is an account that waits, or that is somebody's.
type identityLine struct {
	ID, Name, Email  string
	Issuer, IDP, ACR string
	Asked            string // when
	How              string // it was linked
}

// identitiesPage is /administration/identites.
type identitiesPage struct {
	frame
	SignOn   string // name of the provider; empty without
	Requests []identityLine
	Linked   []identityLine
	People   []personLine // who may be chosen
	Said     string
}

func (*identitiesPage) template() string { return "identites" }

// leavePage tells that the session at the provider ends too.
type leavePage struct {
	frame
	SignOn  string
	Address string
}

func (*leavePage) template() string { return "quitter" }

// beginSignOn sends the browser to the identity provider of the town.
func (s *server) beginSignOn(v *visit, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	next := localPath(q.Get("retour"))
	if v.signed() {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return nil
	}
	if !s.addresses.Allow(peer.Network(s.ClientAddress(r)), s.now(v)) {
		return errTooMany
	}
	if name, err := s.Office.SignOnName(r.Context(), v.tenant); err != nil || name == "" {
		return orNotFound(err)
	}
	if err := s.open(v, w, r); err != nil {
		return err
	}
	address, err := s.Office.BeginSignOn(r.Context(), v.tenant, v.session, next, q.Get("invitation"))
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}

func orNotFound(err error) error {
	if err != nil {
		return err
	}
	return dossiers.ErrNotFound
}

// finishSignOn is where the provider sends the browser back. The session that
// set out is the only one that may come back; what it opens is a new one.
func (s *server) finishSignOn(v *visit, w http.ResponseWriter, r *http.Request) error {
	if !s.addresses.Allow(peer.Network(s.ClientAddress(r)), s.now(v)) {
		return errTooMany
	}
	if v.session.ID == "" {
		return dossiers.ErrSignOn
	}
	q := r.URL.Query()
	code := q.Get("code")
	if q.Has("error") {
		code = ""
	}
	out, err := s.Office.FinishSignOn(r.Context(), v.tenant, v.session, dossiers.Answer{State: q.Get("state"), Code: code, Issuer: q.Get("iss")})
	if err != nil {
		return err
	}
	if err := s.Office.CloseVisit(r.Context(), v.tenant, v.token); err != nil {
		return err
	}
	s.setCookie(w, out.Token)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, localPath(out.Next), http.StatusSeeOther)
	return nil
}

// leave sends a browser that left to its provider. The policy of forms lets no
// answer to one redirect to another origin, so a page does.
func (s *server) leave(v *visit, w http.ResponseWriter, r *http.Request, address string) error {
	name, err := s.Office.SignOnName(r.Context(), v.tenant)
	if err != nil {
		return err
	}
	v.viewer, v.session = dossiers.Viewer{}, dossiers.Session{}
	p := &leavePage{frame: s.frame(v, "Au revoir", ""), SignOn: name, Address: address}
	p.Body = "center door-page"
	w.Header().Set("Refresh", "0; url="+address)
	return s.show(w, r, http.StatusOK, p)
}

// identities is /administration/identites.
func (s *server) identities(v *visit, w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	people, err := s.Office.People(ctx, v.viewer) // administrators only
	if err != nil {
		return err
	}
	requests, err := s.Office.IdentityRequests(ctx, v.viewer)
	if err != nil {
		return err
	}
	linked, err := s.Office.Identities(ctx, v.viewer)
	if err != nil {
		return err
	}
	p := &identitiesPage{frame: s.frame(v, "Comptes rattachés", "administration")}
	if p.SignOn, err = s.Office.SignOnName(ctx, v.tenant); err != nil {
		return err
	}
	for _, line := range personLines(people) {
		if !line.Inactive {
			p.People = append(p.People, line)
		}
	}
	p.Requests, p.Linked = newIdentityLines(requests, linked, people, s.calendar(v))
	p.Said = map[string]string{
		"rattache": "Le compte est rattaché\u00a0: il ouvre des sessions dès maintenant.", "refuse": "La demande est refusée.",
		"detache": "Le compte est détaché\u00a0: les sessions de la personne sont fermées.",
	}[r.URL.Query().Get("dit")]
	return s.show(w, r, http.StatusOK, p)
}

func newIdentityLines(requests []dossiers.IdentityRequest, linked []dossiers.Identity, people []dossiers.Person, c calendar) (asked, in []identityLine) {
	for _, x := range requests {
		name := strings.TrimSpace(x.GivenName + " " + x.FamilyName)
		if name == "" {
			name = "Compte sans nom"
		}
		asked = append(asked, identityLine{ID: x.ID, Name: name, Email: x.Email, Issuer: x.Issuer, IDP: x.IDP, ACR: x.ACR, Asked: c.full(x.At)})
	}
	names := map[circuits.PersonID]string{}
	for _, p := range people {
		names[p.ID] = p.Name()
	}
	for _, x := range linked {
		how := "Rattaché " + c.full(x.LinkedAt) + " par " + x.LinkedBy
		if x.How == "invitation" {
			how = "Rattaché " + c.full(x.LinkedAt) + ", par un lien d’invitation de " + x.LinkedBy
		}
		in = append(in, identityLine{ID: x.ID, Name: names[x.Person], Email: x.Email, How: how})
	}
	return asked, in
}

// onIdentity links, refuses or unlinks an account.
func (s *server) onIdentity(v *visit, w http.ResponseWriter, r *http.Request) error {
	id := chi.URLParam(r, "id")
	var said string
	var err error
	switch chi.URLParam(r, "act") {
	case "rattacher":
		said, err = "rattache", s.Office.ApproveIdentity(r.Context(), v.viewer, id, circuits.PersonID(r.PostForm.Get("person")))
	case "refuser":
		said, err = "refuse", s.Office.RefuseIdentity(r.Context(), v.viewer, id)
	default:
		said, err = "detache", s.Office.UnlinkIdentity(r.Context(), v.viewer, id)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/administration/identites?dit="+said, http.StatusSeeOther)
	return nil
}
