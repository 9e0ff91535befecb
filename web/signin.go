package web

import (
	"encoding/json"
	"net/http"

	"github.com/go-chi/chi/v5"

	"parapheur/dossiers"
)

// signIn shows the door.
func (s *server) signIn(v *visit, w http.ResponseWriter, r *http.Request) error {
	next := localPath(r.URL.Query().Get("retour"))
	if v.signed() {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return nil
	}
	p := &signInPage{
		frame: s.frame(v, "Se connecter", ""), Next: next,
		Expired: r.URL.Query().Has("fin"), Left: r.URL.Query().Has("parti"),
	}
	var err error
	if p.SignOn, err = s.Office.SignOnName(r.Context(), v.tenant); err != nil {
		return err
	}
	p.CSRF, p.Body, p.Scripts = "", "center door-page", []string{"js/signin.js"} // no token beside a parameter: see show
	return s.show(w, r, http.StatusOK, p)
}

// quit closes the session.
func (s *server) quit(v *visit, w http.ResponseWriter, r *http.Request) error {
	elsewhere := ""
	if v.token != "" {
		var err error
		if elsewhere, err = s.Office.SignOutAddress(r.Context(), v.tenant, v.session); err != nil {
			return err
		}
		if err := s.Office.CloseVisit(r.Context(), v.tenant, v.token); err != nil {
			return err
		}
	}
	s.dropCookie(w)
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	if elsewhere != "" {
		return s.leave(v, w, r, elsewhere)
	}
	http.Redirect(w, r, "/connexion?parti=1", http.StatusSeeOther)
	return nil
}

// enrol welcomes who holds an invitation.
func (s *server) enrol(v *visit, w http.ResponseWriter, r *http.Request) error {
	token := chi.URLParam(r, "token")
	p, err := s.Office.InvitedPerson(r.Context(), v.tenant, token)
	if err != nil {
		return err
	}
	if err := s.open(v, w, r); err != nil {
		return err
	}
	out := &enrolPage{frame: s.frame(v, "Bienvenue", ""), Name: p.Name(), Token: token, Demo: v.tenant.Demo}
	if out.SignOn, err = s.Office.SignOnName(r.Context(), v.tenant); err != nil {
		return err
	}
	out.Body, out.Scripts, out.Who = "center door-page", []string{"js/enrol.js"}, ""
	return s.show(w, r, http.StatusOK, out)
}

// open makes sure that a session exists, for ceremonies to be bound to.
func (s *server) open(v *visit, w http.ResponseWriter, r *http.Request) error {
	if v.session.ID != "" {
		return nil
	}
	token, session, err := s.Office.OpenVisit(r.Context(), v.tenant)
	if err != nil {
		return err
	}
	v.token, v.session = token, session
	s.setCookie(w, token)
	return nil
}

// gesture is what a script needs to ask the authenticator.
type gesture struct {
	Ceremony raw             `json:"ceremony"`
	Options  json.RawMessage `json:"options"`
	CSRF     string          `json:"csrf"`
}

func replyGesture(v *visit, w http.ResponseWriter, g dossiers.Gesture) error {
	return reply(w, http.StatusOK, gesture{Ceremony: g.Ceremony, Options: g.Options, CSRF: v.session.CSRF})
}

// answered is what a script sends back after a gesture.
type answered struct {
	Ceremony   raw             `json:"ceremony"`
	Response   json.RawMessage `json:"response"`
	Invitation string          `json:"invitation"`
	Label      string          `json:"label"`
}

func (s *server) beginSignIn(v *visit, w http.ResponseWriter, r *http.Request) error {
	if err := s.open(v, w, r); err != nil {
		return err
	}
	g, err := s.Office.BeginSignIn(r.Context(), v.tenant, v.session)
	if err != nil {
		return err
	}
	return replyGesture(v, w, g)
}

// hello is what a page says to somebody who just came in.
type hello struct {
	Hello string `json:"hello"`
}

func (s *server) finishSignIn(v *visit, w http.ResponseWriter, r *http.Request) error {
	var in answered
	if err := read(r, &in); err != nil {
		return err
	}
	token, p, err := s.Office.FinishSignIn(r.Context(), v.tenant, v.session, in.Ceremony, in.Response)
	if err != nil {
		return err
	}
	return s.welcome(v, w, r, token, p)
}

// welcome moves the browser to its new session; the one before is closed, so
// that nobody who planted it follows.
func (s *server) welcome(v *visit, w http.ResponseWriter, r *http.Request, token string, p dossiers.Person) error {
	if v.token != "" && v.token != token {
		if err := s.Office.CloseVisit(r.Context(), v.tenant, v.token); err != nil {
			return err
		}
	}
	s.setCookie(w, token)
	return reply(w, http.StatusOK, hello{"Bonjour " + polite(p) + ". Ouverture de vos bannettes…"})
}

func (s *server) beginEnrolment(v *visit, w http.ResponseWriter, r *http.Request) error {
	var in answered
	if err := read(r, &in); err != nil {
		return err
	}
	if err := s.open(v, w, r); err != nil {
		return err
	}
	g, err := s.Office.BeginEnrolment(r.Context(), v.tenant, v.session, in.Invitation)
	if err != nil {
		return err
	}
	return replyGesture(v, w, g)
}

func (s *server) finishEnrolment(v *visit, w http.ResponseWriter, r *http.Request) error {
	var in answered
	if err := read(r, &in); err != nil {
		return err
	}
	out, err := s.Office.FinishEnrolment(r.Context(), v.tenant, v.session, in.Invitation, in.Ceremony, in.Response, in.Label)
	if err != nil {
		return err
	}
	if out.Token == "" {
		return reply(w, http.StatusOK, unconfirmed{true, grouped(out.Print.String())})
	}
	return s.welcome(v, w, r, out.Token, out.Person)
}

// unconfirmed says that a passkey opens nothing before somebody vouches for it.
type unconfirmed struct {
	Pending bool   `json:"pending"`
	Print   string `json:"print"` // of its public key
}

// standing tells a page that somebody wrote in whose session it has by now,
// and the token that its forms need.
func (s *server) standing(v *visit, w http.ResponseWriter, _ *http.Request) error {
	return reply(w, http.StatusOK, struct {
		Person string `json:"person"`
		CSRF   string `json:"csrf"`
	}{string(v.viewer.Person.ID), v.session.CSRF})
}
