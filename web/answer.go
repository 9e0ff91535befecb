package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"parapheur/dossiers"
	"parapheur/internal/problem"
)

// errTooMany says that ceremonies come too fast.
var errTooMany = errors.New("too many requests")

// frame fills what surrounds every page of v.
func (s *server) frame(v *visit, title, section string) frame {
	f := frame{
		Title: title, Place: v.tenant.Place, Town: v.tenant.Name, Section: section,
		CSRF: v.session.CSRF, Demo: v.tenant.Demo, Sandbox: v.tenant.Sandbox(), Version: s.Version,
	}
	if f.Place == "" {
		f.Place = "la mairie"
	}
	if p := v.viewer.Person; p != nil {
		f.Visitor = string(p.ID)
		f.Who, f.Drafter, f.Admin = strings.TrimSpace(p.Civility+nbsp+p.FamilyName), p.Drafter, p.Admin
		if p.Civility == "" {
			f.Who = p.Name()
		}
		f.others = s.elsewhere(v)
	}
	return f
}

// show renders p with an entity tag: a page that did not change is not sent
// again, yet is always asked for, so that nothing stale is shown and nothing
// is left for the next person on the machine.
func (s *server) show(w http.ResponseWriter, r *http.Request, status int, p page) error {
	if f := p.layout(); f.others != nil {
		var err error
		if f.Elsewhere, err = f.others(r.Context()); err != nil {
			return err
		}
	}
	body, err := s.pages.execute(p)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	if h.Get("Cache-Control") == "" { // a page that shows a secret has said no-store
		h.Set("Cache-Control", "private, no-cache")
	}
	h.Add("Vary", "Cookie")
	h.Add("Vary", "Accept-Encoding")
	if status == http.StatusOK && r.Method == http.MethodGet {
		sum := sha256.Sum256(body)
		tag := `W/"` + hex.EncodeToString(sum[:12]) + `"`
		h.Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	// Compressing secrets beside what an attacker chooses would leak them
	// (BREACH): no page repeats a parameter of the address that somebody else
	// could choose, beside the sign-in page, which carries no token.
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && len(body) > 1024 {
		body = compress(body)
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, err = w.Write(body)
	}
	return ignoreGone(err)
}

// ignoreGone drops the error of a client that left: nobody can be told.
func ignoreGone(error) error { return nil }

// reply writes a JSON answer of a ceremony.
func reply(w http.ResponseWriter, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write an answer: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err = w.Write(body)
	return ignoreGone(err)
}

// read decodes the JSON body of a ceremony into value.
func read(r *http.Request, value any) error {
	d := json.NewDecoder(r.Body)
	if err := d.Decode(value); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return fmt.Errorf("read a request: %w", err)
		}
		return &dossiers.InvalidError{Field: "body", Reason: "Cette demande n’a pas pu être lue."}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return &dossiers.InvalidError{Field: "body", Reason: "Cette demande contient plus qu’attendu."}
	}
	return nil
}

// raw is bytes as base64url without padding in JSON.
type raw []byte

// MarshalText implements encoding.TextMarshaler.
func (b raw) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *raw) UnmarshalText(text []byte) error {
	out, err := base64.RawURLEncoding.AppendDecode(nil, bytes.TrimRight(text, "="))
	*b = out
	return err
}

// refusal is a problem as scripts read it.
type refusal struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Status int    `json:"status"`
	Field  string `json:"field,omitempty"` // the one input that is wrong
}

func newRefusal(p problem.Problem) refusal {
	out := refusal{Type: p.Type, Title: p.Title, Detail: p.Detail, Status: p.Status}
	if len(p.Fields) == 1 {
		out.Field = p.Fields[0].Location
	}
	return out
}

// problemOf maps err, and lets a field's own sentence speak for the whole.
func problemOf(err error) problem.Problem {
	if errors.Is(err, errTooMany) {
		return problem.Of(http.StatusTooManyRequests)
	}
	if errors.Is(err, errBusy) {
		return problem.Of(http.StatusServiceUnavailable)
	}
	p := problem.For(err)
	if errors.Is(err, errForged) {
		p.Detail = "La demande ne vient pas d’une page à jour du parapheur. Rechargez la page, puis recommencez."
	}
	if len(p.Fields) == 1 {
		p.Detail = p.Fields[0].Message
	}
	p.Title, p.Detail = typeset(p.Title), typeset(p.Detail)
	return p
}

// fail is the one place where errors are told and logged.
func (s *server) fail(v *visit, w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the client left; there is nobody to tell
	}
	p := problemOf(err)
	ref := ""
	if p.Status >= http.StatusInternalServerError {
		ref = s.reference()
		s.Log.LogAttrs(r.Context(), slog.LevelError, "page failed", slog.String("ref", ref), slog.String("method", r.Method),
			slog.String("route", route(r)), slog.String("tenant", string(v.tenant.ID)), slog.Any("err", err))
	}
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(p.RetryAfter.Seconds())))
	}
	switch {
	case wantsJSON(r):
		err = reply(w, p.Status, newRefusal(p))
	case p.Status == http.StatusUnauthorized && !unsafe(r.Method) && wantsPage(r):
		http.Redirect(w, r, signInAddress(r.URL.RequestURI(), v.lapsed), http.StatusSeeOther)
		return
	default:
		err = s.show(w, r, p.Status, s.errorPage(v, r, p, ref))
	}
	if err != nil {
		s.Log.LogAttrs(r.Context(), slog.LevelError, "error page failed", slog.Any("err", err))
		http.Error(w, p.Title, p.Status)
	}
}

// route is the pattern that r matched, for the log: a path may hold the token
// of an invitation.
func route(r *http.Request) string {
	if c := chi.RouteContext(r.Context()); c != nil && c.RoutePattern() != "" {
		return c.RoutePattern()
	}
	return "none"
}

// reference draws a short name for one failure, found again in the log.
func (s *server) reference() string {
	var b [5]byte
	if _, err := io.ReadFull(s.Office.Rand, b[:]); err != nil {
		return "sans numéro"
	}
	return hex.EncodeToString(b[:])
}

// signInAddress is where to go to sign in and come back.
func signInAddress(back string, lapsed bool) string {
	q := url.Values{}
	if back = localPath(back); back != "/" {
		q.Set("retour", back)
	}
	if lapsed {
		q.Set("fin", "1")
	}
	if len(q) == 0 {
		return "/connexion"
	}
	return "/connexion?" + q.Encode()
}

func wantsJSON(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/ceremonies/") || strings.HasPrefix(r.Header.Get("Accept"), "application/json")
}

// wantsPage reports whether a person is looking at the answer: an image or an
// event stream must not be sent to the sign-in page.
func wantsPage(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return accept == "" || strings.Contains(accept, "text/html")
}

// errorPage says what happened, what is safe, what to do.
func (s *server) errorPage(v *visit, r *http.Request, p problem.Problem, ref string) *errorPage {
	out := &errorPage{
		frame: s.frame(v, p.Title, ""), Status: p.Status, Icon: "circle-alert", Heading: p.Title, Say: p.Detail,
		URL: "/", Action: "Revenir à mes bannettes", Ref: ref,
	}
	out.Body, out.others = "center", nil
	switch {
	case p.Type == "town-suspended":
		out.Icon, out.Action, out.URL = "lock", "Réessayer", "/"
		return out
	case p.Status == http.StatusNotFound && v.tenant.ID == "":
		out.Heading, out.Say = "Aucune mairie à cette adresse", "Vérifiez l’adresse du parapheur auprès de votre mairie."
		out.Action, out.URL = "Réessayer", "/"
	case p.Status == http.StatusNotFound:
		out.Icon = "search"
	case p.Status == http.StatusUnauthorized:
		out.Icon, out.Action, out.URL = "lock", "Me connecter", signInAddress("/", v.lapsed)
		out.Safe = "Rien n’a été envoyé. Revenez en arrière pour retrouver ce que vous aviez écrit."
	case p.Status == http.StatusForbidden:
		out.Icon = "lock"
	case p.Status == http.StatusConflict:
		out.Icon = "refresh-cw"
		if id, ok := dossierOf(r.URL.Path); ok {
			out.URL, out.Action = "/dossiers/"+id, "Relire la lettre"
		}
	case p.Status == http.StatusTooManyRequests, p.Status == http.StatusServiceUnavailable:
		out.Icon = "hourglass"
	}
	if !v.signed() && p.Status != http.StatusUnauthorized && v.tenant.ID != "" {
		out.Action, out.URL = "Aller à la connexion", "/connexion"
	}
	return out
}

// dossierOf finds the dossier that an address is about.
func dossierOf(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, "/dossiers/")
	if !ok {
		return "", false
	}
	id, _, _ := strings.Cut(rest, "/")
	return id, id != ""
}

func (s *server) notAllowed(w http.ResponseWriter, r *http.Request) {
	v, err := s.arrive(r)
	if err != nil {
		s.fail(v, w, r, err)
		return
	}
	p := problem.Of(http.StatusMethodNotAllowed)
	p.Detail = "Cette adresse ne s’ouvre pas ainsi. Revenez à la page précédente."
	if err := s.show(w, r, p.Status, s.errorPage(v, r, p, "")); err != nil {
		s.Log.LogAttrs(r.Context(), slog.LevelError, "error page failed", slog.Any("err", err))
	}
}
