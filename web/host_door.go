package web

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"parapheur/internal/hosting"
)

// hostDoorPage is /connexion of the centre.
type hostDoorPage struct {
	frame
	Next          string
	Expired, Left bool
}

func (*hostDoorPage) template() string { return "centre-connexion" }

// hostEnrolPage is /enrolement/{token} of the centre.
type hostEnrolPage struct {
	frame
	Name, Token string
}

func (*hostEnrolPage) template() string { return "centre-enrolement" }

func (h *host) signIn(v *hostVisit, w http.ResponseWriter, r *http.Request) error {
	next := localPath(r.URL.Query().Get("retour"))
	if v.signed {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return nil
	}
	p := &hostDoorPage{frame: h.frame(v, "Se connecter", ""), Next: next, Expired: r.URL.Query().Has("fin"), Left: r.URL.Query().Has("parti")}
	p.CSRF, p.Body, p.Scripts = "", "center", []string{"js/signin.js"} // no token beside a parameter: see show
	return h.show(w, r, http.StatusOK, p)
}

func (h *host) quit(v *hostVisit, w http.ResponseWriter, r *http.Request) error {
	if err := h.centre.CloseVisit(r.Context(), v.token); err != nil {
		return err
	}
	http.SetCookie(w, &http.Cookie{Name: h.cookie(), Path: "/", MaxAge: -1, HttpOnly: true, Secure: h.Secure, SameSite: http.SameSiteLaxMode})
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	http.Redirect(w, r, "/connexion?parti=1", http.StatusSeeOther)
	return nil
}

func (h *host) enrol(v *hostVisit, w http.ResponseWriter, r *http.Request) error {
	token := chi.URLParam(r, "token")
	p, err := h.centre.InvitedPerson(r.Context(), token)
	if err != nil {
		return err
	}
	if err := h.open(v, w, r); err != nil {
		return err
	}
	out := &hostEnrolPage{frame: h.frame(v, "Bienvenue", ""), Name: p.Name, Token: token}
	out.Body, out.Scripts, out.Who = "center", []string{"js/enrol.js"}, ""
	return h.show(w, r, http.StatusOK, out)
}

func replyHost(v *hostVisit, w http.ResponseWriter, g hosting.Gesture) error {
	return reply(w, http.StatusOK, gesture{Ceremony: g.Ceremony, Options: g.Options, CSRF: v.viewer.Session.CSRF})
}

func (h *host) beginSignIn(v *hostVisit, w http.ResponseWriter, r *http.Request) error {
	if err := h.open(v, w, r); err != nil {
		return err
	}
	g, err := h.centre.BeginSignIn(r.Context(), v.viewer.Session)
	if err != nil {
		return err
	}
	return replyHost(v, w, g)
}

func (h *host) finishSignIn(v *hostVisit, w http.ResponseWriter, r *http.Request) error {
	var in answered
	if err := read(r, &in); err != nil {
		return err
	}
	token, p, err := h.centre.FinishSignIn(r.Context(), v.viewer.Session, in.Ceremony, in.Response)
	if err != nil {
		return err
	}
	return h.welcome(v, w, r, token, p)
}

// welcome moves the browser to its new session; the one before is closed.
func (h *host) welcome(v *hostVisit, w http.ResponseWriter, r *http.Request, token string, p hosting.Person) error {
	if err := h.centre.CloseVisit(r.Context(), v.token); err != nil {
		return err
	}
	h.setCookie(w, token)
	return reply(w, http.StatusOK, hello{"Bonjour " + p.Name + ". Ouverture des collectivités…"})
}

func (h *host) beginEnrolment(v *hostVisit, w http.ResponseWriter, r *http.Request) error {
	var in answered
	if err := read(r, &in); err != nil {
		return err
	}
	if err := h.open(v, w, r); err != nil {
		return err
	}
	g, err := h.centre.BeginEnrolment(r.Context(), v.viewer.Session, in.Invitation)
	if err != nil {
		return err
	}
	return replyHost(v, w, g)
}

func (h *host) finishEnrolment(v *hostVisit, w http.ResponseWriter, r *http.Request) error {
	var in answered
	if err := read(r, &in); err != nil {
		return err
	}
	token, p, err := h.centre.FinishEnrolment(r.Context(), v.viewer.Session, in.Invitation, in.Ceremony, in.Response, in.Label)
	if err != nil {
		return err
	}
	return h.welcome(v, w, r, token, p)
}
