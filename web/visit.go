package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"parapheur/dossiers"
	"parapheur/internal/peer"
)

// A visit is one request's town, session and person, established before its
// handler runs.
type visit struct {
	tenant  dossiers.Tenant
	token   string           // of the cookie; empty without session
	session dossiers.Session // zero without session
	viewer  dossiers.Viewer  // zero before sign-in
	lapsed  bool             // the browser showed a cookie that opens nothing any more
}

// signed reports whether somebody signed in.
func (v *visit) signed() bool { return v.viewer.Person != nil }

// A handler answers one route, or returns why it did not.
type handler func(v *visit, w http.ResponseWriter, r *http.Request) error

// errForged refuses a request that no page of ours sent.
var errForged = fmt.Errorf("cross-site request: %w", dossiers.ErrForbidden)

// cookieName is bound to the host by its prefix when the site is secure.
func (s *server) cookieName() string {
	if s.Secure {
		return "__Host-parapheur"
	}
	return "parapheur"
}

// setCookie opens a session in the browser. Lax, not Strict: a link in a mail
// must find the person signed in; unsafe methods are guarded by origin and
// token.
func (s *server) setCookie(w http.ResponseWriter, token string) {
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(), Value: token, Path: "/", HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode,
	})
}

func (s *server) dropCookie(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(), Path: "/", MaxAge: -1, HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode,
	})
}

// arrive establishes the visit of a request. A cookie that opens nothing is
// no error: the page decides whether it needs somebody.
func (s *server) arrive(r *http.Request) (*visit, error) {
	ctx := r.Context()
	v := &visit{}
	var err error
	if v.tenant, err = s.Office.Tenant(ctx, r.Host); err != nil {
		return v, fmt.Errorf("town at %q: %w", r.Host, err)
	}
	cookie, err := r.Cookie(s.cookieName())
	if err != nil || cookie.Value == "" {
		return v, nil
	}
	session, err := s.Office.Visit(ctx, v.tenant, cookie.Value)
	if errors.Is(err, dossiers.ErrSignInNeeded) {
		v.lapsed = true
		return v, nil
	}
	if err != nil {
		return v, fmt.Errorf("session: %w", err)
	}
	v.token, v.session = cookie.Value, session
	v.viewer, err = s.Office.Viewer(ctx, v.tenant, session)
	if errors.Is(err, dossiers.ErrSignInNeeded) {
		v.viewer = dossiers.Viewer{}
		return v, nil
	}
	return v, err
}

// guard refuses unsafe requests that did not come from a page of this
// session. Forms carry the token in a field, scripts in a header.
func guard(v *visit, w http.ResponseWriter, r *http.Request) error {
	if !unsafe(r.Method) {
		return nil
	}
	if !fromHere(r, v.tenant.Origin) {
		return errForged
	}
	r.Body = http.MaxBytesReader(w, r.Body, formLimit)
	if err := r.ParseForm(); err != nil {
		return &dossiers.InvalidError{Field: "form", Reason: "Le formulaire n’a pas pu être lu."}
	}
	if v.session.ID == "" {
		return dossiers.ErrSignInNeeded
	}
	if !sameToken(r.Header.Get("X-CSRF-Token"), v.session.CSRF) && !sameToken(r.PostForm.Get("csrf"), v.session.CSRF) {
		return errForged
	}
	return nil
}

// anyone answers whoever comes.
func (s *server) anyone(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := s.arrive(r)
		if err == nil {
			err = guard(v, w, r)
		}
		if err == nil {
			err = h(v, w, r)
		}
		if err != nil {
			s.fail(v, w, r, err)
		}
	}
}

// person refuses whoever did not sign in.
func (s *server) person(h handler) handler {
	return func(v *visit, w http.ResponseWriter, r *http.Request) error {
		if !v.signed() {
			return dossiers.ErrSignInNeeded
		}
		return h(v, w, r)
	}
}

// someone answers people who signed in.
func (s *server) someone(h handler) http.HandlerFunc { return s.anyone(s.person(h)) }

// uploader answers people who send files. The body is a stream, so its
// handler looks for the token in the first field, before any file.
func (s *server) uploader(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := s.arrive(r)
		switch {
		case err != nil:
		case !fromHere(r, v.tenant.Origin):
			err = errForged
		case !v.signed():
			err = dossiers.ErrSignInNeeded
		default:
			r.Body = http.MaxBytesReader(w, r.Body, s.uploadLimit())
			err = h(v, w, r)
		}
		if err != nil {
			s.fail(v, w, r, err)
		}
	}
}

// uploadLimit bounds a whole deposit: a letter and a reasonable number of
// annexes as large as it may be.
func (s *server) uploadLimit() int64 { return 4*s.Office.MaxBytes + 1<<20 }

// ceremony answers the JSON endpoints of gestures: bounded, counted, and
// refused to other sites. The token is asked for once a session exists.
func (s *server) ceremony(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := s.arrive(r)
		switch {
		case err != nil:
		case !fromHere(r, v.tenant.Origin):
			err = errForged
		case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
			err = &dossiers.InvalidError{Field: "body", Reason: "Cette demande doit être en JSON."}
		case !s.addresses.Allow(peer.Network(s.ClientAddress(r)), s.now(v)), v.session.ID != "" && !s.sessions.Allow(v.session.ID, s.now(v)):
			err = errTooMany
		case v.session.ID != "" && !sameToken(r.Header.Get("X-CSRF-Token"), v.session.CSRF) && !strings.HasSuffix(r.URL.Path, "/connexion/debut"):
			err = errForged
		default:
			r.Body = http.MaxBytesReader(w, r.Body, ceremonyLimit)
			err = h(v, w, r)
		}
		if err != nil {
			s.fail(v, w, r, err)
		}
	}
}

// calendar tells dates as they are seen now, in the town's time.
func (s *server) calendar(v *visit) calendar { return calendar{s.now(v)} }

func (s *server) now(v *visit) time.Time {
	return s.Office.Now().In(s.Office.LocationOf(v.tenant.Territory))
}
