package web

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"parapheur/dossiers"
	"parapheur/internal/hosting"
	"parapheur/internal/peer"
	"parapheur/internal/problem"
)

// HostOptions are what the pages of a hosting centre are made of. Centre and
// Log are required.
type HostOptions struct {
	Centre        *hosting.Centre
	Log           *slog.Logger
	Secure        bool
	Version       string
	ClientAddress func(*http.Request) netip.Addr
	Location      *time.Location // of the dates shown
}

// host answers the pages of a hosting centre. It has the look, the files and
// the limits of the pages of towns, and none of their use cases.
type host struct {
	*server
	centre   *hosting.Centre
	location *time.Location
}

// NewHost returns the handler of every page of a hosting centre, to be mounted
// at "/" of its own origin. Like New it panics when a template does not parse.
func NewHost(o HostOptions) http.Handler {
	s, err := newServer(Options{Log: o.Log, Secure: o.Secure, Version: o.Version, ClientAddress: o.ClientAddress})
	if err != nil {
		panic(err)
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	return (&host{server: s, centre: o.Centre, location: o.Location}).routes()
}

// routes lists every address of the surface, methods included.
func (h *host) routes() http.Handler {
	r := chi.NewRouter()
	r.Use(h.harden, middleware.GetHead)
	r.NotFound(h.anyone(func(*hostVisit, http.ResponseWriter, *http.Request) error { return dossiers.ErrNotFound }))
	r.MethodNotAllowed(h.anyone(func(*hostVisit, http.ResponseWriter, *http.Request) error { return dossiers.ErrNotFound }))

	r.Method(http.MethodGet, "/static/*", h.assets)
	r.Get("/favicon.ico", h.favicon)
	r.Get("/robots.txt", h.robots)

	r.Get("/connexion", h.anyone(h.signIn))
	r.Get("/enrolement/{token}", h.anyone(h.enrol))
	r.Post("/quitter", h.anyone(h.quit))
	r.Get("/", h.someone(h.towns))
	r.Get("/collectivites/nouvelle", h.someone(h.newTown))
	r.Get("/journal", h.someone(h.journal))
	r.Get("/journal/export", h.someone(h.exportJournal))

	r.Post("/ceremonies/connexion/debut", h.ceremony(h.beginSignIn))
	r.Post("/ceremonies/connexion/fin", h.ceremony(h.finishSignIn))
	r.Post("/ceremonies/enrolement/debut", h.ceremony(h.beginEnrolment))
	r.Post("/ceremonies/enrolement/fin", h.ceremony(h.finishEnrolment))
	for path, begin := range map[string]hostHandler{
		"creation": h.beginCreate, "invitation": h.beginOnTown(hosting.KindTownInvited),
		"suspension": h.beginOnTown(hosting.KindTownSuspended), "reprise": h.beginOnTown(hosting.KindTownResumed),
	} {
		r.Post("/ceremonies/"+path+"/debut", h.ceremony(h.person(begin)))
		r.Post("/ceremonies/"+path+"/fin", h.ceremony(h.person(h.finishAct)))
	}
	return r
}

// A hostVisit is one request's session and person at the centre.
type hostVisit struct {
	token  string
	viewer hosting.Viewer // its Session is zero without one
	signed bool
	lapsed bool
}

type hostHandler func(v *hostVisit, w http.ResponseWriter, r *http.Request) error

// cookie is named apart from that of towns, for machines where both are at one
// name.
func (h *host) cookie() string { return h.cookieName() + "-centre" }

func (h *host) setCookie(w http.ResponseWriter, token string) {
	http.SetCookie(w, &http.Cookie{
		Name: h.cookie(), Value: token, Path: "/", HttpOnly: true, Secure: h.Secure, SameSite: http.SameSiteLaxMode,
	})
}

// arrive establishes the visit of a request.
func (h *host) arrive(r *http.Request) (*hostVisit, error) {
	v := &hostVisit{}
	c, err := r.Cookie(h.cookie())
	if err != nil || c.Value == "" {
		return v, nil //nolint:nilerr // nobody has a session yet
	}
	v.viewer, v.signed, err = h.centre.Visit(r.Context(), c.Value)
	if errors.Is(err, dossiers.ErrSignInNeeded) {
		return &hostVisit{lapsed: true}, nil
	}
	v.token = c.Value
	return v, err
}

// anyone answers whoever comes; unsafe requests must be of a page of this session.
func (h *host) anyone(fn hostHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := h.arrive(r)
		if err == nil && unsafe(r.Method) {
			r.Body = http.MaxBytesReader(w, r.Body, formLimit)
			switch {
			case !fromHere(r, h.centre.Origin), r.ParseForm() != nil, !sameToken(r.PostForm.Get("csrf"), v.viewer.Session.CSRF):
				err = errForged
			}
		}
		if err == nil {
			err = fn(v, w, r)
		}
		if err != nil {
			h.fail(v, w, r, err)
		}
	}
}

// person refuses whoever did not sign in.
func (h *host) person(fn hostHandler) hostHandler {
	return func(v *hostVisit, w http.ResponseWriter, r *http.Request) error {
		if !v.signed {
			return dossiers.ErrSignInNeeded
		}
		return fn(v, w, r)
	}
}

func (h *host) someone(fn hostHandler) http.HandlerFunc { return h.anyone(h.person(fn)) }

// ceremony answers the JSON endpoints of gestures, as those of towns do.
func (h *host) ceremony(fn hostHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := h.arrive(r)
		s := v.viewer.Session
		switch {
		case err != nil:
		case !fromHere(r, h.centre.Origin):
			err = errForged
		case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
			err = &dossiers.InvalidError{Field: "body", Reason: "Cette demande doit être en JSON."}
		case !h.addresses.Allow(peer.Network(h.ClientAddress(r)), h.centre.Now()), s.ID != "" && !h.sessions.Allow(s.ID, h.centre.Now()):
			err = errTooMany
		case s.ID != "" && !sameToken(r.Header.Get("X-CSRF-Token"), s.CSRF) && r.URL.Path != "/ceremonies/connexion/debut":
			err = errForged
		default:
			r.Body = http.MaxBytesReader(w, r.Body, ceremonyLimit)
			err = fn(v, w, r)
		}
		if err != nil {
			h.fail(v, w, r, err)
		}
	}
}

// open makes sure that a session exists, for ceremonies to be bound to.
func (h *host) open(v *hostVisit, w http.ResponseWriter, r *http.Request) error {
	if v.viewer.Session.ID != "" {
		return nil
	}
	token, s, err := h.centre.OpenVisit(r.Context())
	if err != nil {
		return err
	}
	v.token, v.viewer.Session = token, s
	h.setCookie(w, token)
	return nil
}

// frame fills what surrounds every page of the centre.
func (h *host) frame(v *hostVisit, title, section string) frame {
	f := frame{Title: title, Section: section, CSRF: v.viewer.Session.CSRF, Version: h.Version, Centre: true, Place: "centre d’hébergement"}
	if v.signed {
		f.Who = v.viewer.Person.Name
	}
	return f
}

func (h *host) calendar() calendar { return calendar{h.centre.Now().In(h.location)} }

// fail is where errors of the centre are told and logged.
func (h *host) fail(v *hostVisit, w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the client left; there is nobody to tell
	}
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError {
		h.Log.LogAttrs(r.Context(), slog.LevelError, "page of the centre failed", slog.String("method", r.Method), slog.String("route", route(r)), slog.Any("err", err))
	}
	switch {
	case wantsJSON(r):
		err = reply(w, p.Status, newRefusal(p))
	case p.Status == http.StatusUnauthorized && !unsafe(r.Method) && wantsPage(r):
		http.Redirect(w, r, signInAddress(r.URL.RequestURI(), v.lapsed), http.StatusSeeOther)
		return
	default:
		err = h.show(w, r, p.Status, h.errorPage(v, p))
	}
	if err != nil {
		h.Log.LogAttrs(r.Context(), slog.LevelError, "error page failed", slog.Any("err", err))
		http.Error(w, p.Title, p.Status)
	}
}

func (h *host) errorPage(v *hostVisit, p problem.Problem) *errorPage {
	out := &errorPage{
		frame: h.frame(v, p.Title, ""), Status: p.Status, Icon: "circle-alert", Heading: p.Title, Say: p.Detail, URL: "/", Action: "Revenir aux collectivités",
	}
	out.Body = "center"
	if !v.signed {
		out.URL, out.Action = "/connexion", "Aller à la connexion"
	}
	return out
}
