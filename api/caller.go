package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5/middleware"

	"parapheur/dossiers"
	"parapheur/internal/peer"
	"parapheur/internal/problem"
)

const (
	scheme        = "apiKey" // names of the security schemes
	oauth         = "oauth2"
	scopeKey      = "scope" // of an operation's metadata
	deprecatedKey = "deprecated"
	maxRequestID  = 128
)

type traceKey struct{}

type callerKey struct{}

type noteKey struct{}

// A note is what is learnt of a request on its way in, for the journal of
// access. It belongs to one request and to one goroutine at a time.
type note struct {
	grant     dossiers.Grant
	operation string
}

// A caller is the application that asks, part of every operation's input. It
// travels from the middleware that admits the request to the input through
// the request's context, because huma has no other way; no further.
type caller struct {
	who
}

type who struct {
	viewer     dossiers.Viewer
	scopes     []string
	credential string // the key that was shown, or that obtained the token
	w          http.ResponseWriter
	r          *http.Request
}

// Resolve implements huma.Resolver.
func (c *caller) Resolve(ctx huma.Context) []error {
	found, ok := ctx.Context().Value(callerKey{}).(who)
	if !ok {
		return []error{errors.New("operation registered without admission")}
	}
	c.who = found
	c.r, c.w = humachi.Unwrap(ctx)
	return nil
}

// admit finds the town by the host, the application by what it shows, and lets
// the request in if it has the scope and has not asked too often.
func (s *server) admit(ctx huma.Context, next func(huma.Context)) {
	r, w := humachi.Unwrap(ctx)
	w.Header().Set("Cache-Control", "private, no-cache")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	outdated(w.Header(), ctx.Operation())
	town, err := s.Office.Tenant(r.Context(), r.Host)
	if err != nil {
		s.deny(w, r, err)
		return
	}
	grant, ok := s.recognise(w, r, town)
	if !ok {
		return
	}
	noteOf(r.Context()).operation = ctx.Operation().OperationID
	if wait := s.rates.Wait(string(town.ID)+"/"+grant.Credential, s.Now()); wait > 0 {
		tooMany(w, r, wait)
		return
	}
	if scope, _ := ctx.Operation().Metadata[scopeKey].(string); scope != "" && !slices.Contains(grant.Scopes, scope) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="parapheur", error="insufficient_scope", scope="`+scope+`"`)
		p := problem.Of(http.StatusForbidden)
		p.Type, p.Title = "insufficient-scope", "La clé n’a pas ce droit"
		p.Detail = "Cette opération demande le droit « " + scope + " » : votre administrateur peut créer une clé qui le porte."
		write(w, r, p)
		return
	}
	if p, odd := unreadableURL(r.URL); odd {
		write(w, r, p)
		return
	}
	next(huma.WithValue(ctx, callerKey{}, who{viewer: grant.Viewer, scopes: grant.Scopes, credential: grant.Credential}))
}

// recognise finds the application that asks, or answers why not. Who shows
// nothing, or something wrong, is counted by address (RFC 6750, 3).
func (s *server) recognise(w http.ResponseWriter, r *http.Request, town dossiers.Tenant) (dossiers.Grant, bool) {
	key, shown := bearer(r)
	if !shown {
		s.unknown(w, r, `Bearer realm="parapheur"`)
		return dossiers.Grant{}, false
	}
	grant, err := s.Office.Admit(r.Context(), town, key, s.ClientAddress(r))
	if grant.Application != nil {
		noteOf(r.Context()).grant = grant
	}
	switch {
	case err == nil:
		return grant, true
	case errors.Is(err, dossiers.ErrSignInNeeded):
		s.unknown(w, r, `Bearer realm="parapheur", error="invalid_token"`)
	default:
		s.deny(w, r, err)
	}
	return grant, false
}

// unknown answers 401 with a challenge, or 429 to an address that goes on.
func (s *server) unknown(w http.ResponseWriter, r *http.Request, challenge string) {
	if wait := s.strangers.Wait(peer.Network(s.ClientAddress(r)), s.Now()); wait > 0 {
		tooMany(w, r, wait)
		return
	}
	w.Header().Set("WWW-Authenticate", challenge)
	write(w, r, problem.Of(http.StatusUnauthorized))
}

func tooMany(w http.ResponseWriter, r *http.Request, wait time.Duration) {
	p := problem.Of(http.StatusTooManyRequests)
	p.RetryAfter = wait
	write(w, r, p)
}

// deny answers an error met before the operation.
func (s *server) deny(w http.ResponseWriter, r *http.Request, err error) {
	p := problem.For(err)
	if p.Status >= http.StatusInternalServerError && r.Context().Err() == nil {
		s.Log.ErrorContext(r.Context(), "api", slog.String("operation", "admit"), slog.String("trace_id", traceOf(r.Context())), slog.Any("error", err))
	}
	write(w, r, p)
}

// bearer returns the key shown (RFC 6750, 2.1), and whether one was.
func bearer(r *http.Request) (string, bool) {
	kind, key, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(key), ok && strings.EqualFold(kind, "Bearer")
}

// outdated says that an operation will go, and when (RFC 9745, RFC 8594).
func outdated(h http.Header, op *huma.Operation) {
	d, ok := op.Metadata[deprecatedKey].(deprecation)
	if !ok {
		return
	}
	h.Set("Deprecation", "@"+strconv.FormatInt(d.since.Unix(), 10))
	h.Set("Sunset", d.until.UTC().Format(http.TimeFormat))
	h.Add("Link", "<"+base+d.successor+`>; rel="successor-version"`)
}

// trace gives each request an identifier, the client's own if it has one,
// answered and logged; what an application asked is kept in its journal of
// access, whatever came of it.
func (s *server) trace(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := s.requestID(r)
		w.Header().Set("X-Request-Id", id)
		n := &note{}
		ctx := context.WithValue(context.WithValue(r.Context(), traceKey{}, id), noteKey{}, n)
		seen := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		started := s.Now()
		next.ServeHTTP(seen, r.WithContext(ctx))
		if n.grant.Application == nil {
			return
		}
		call := dossiers.Call{
			At: started.UTC(), Application: n.grant.Application.ID, Credential: n.grant.Credential, Operation: n.operation,
			Method: r.Method, Path: r.URL.EscapedPath(), Status: max(seen.Status(), http.StatusOK), Took: s.Now().Sub(started), Request: id, Address: peer.Network(s.ClientAddress(r)),
		}
		// The call was made, whether the client is still there or not.
		if err := s.Office.LogCall(context.WithoutCancel(ctx), n.grant.Tenant, call); err != nil {
			s.Log.ErrorContext(ctx, "api: call not journaled", slog.String("trace_id", id), slog.Any("error", err))
		}
	})
}

// requestID takes the client's identifier if it is one that a log may show.
func (s *server) requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	odd := func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-", c))
	}
	if len(id) >= 8 && len(id) <= maxRequestID && !strings.ContainsFunc(id, odd) {
		return id
	}
	var b [16]byte
	s.Rand(b[:])
	return hex.EncodeToString(b[:])
}

func traceOf(ctx context.Context) string {
	id, _ := ctx.Value(traceKey{}).(string)
	return id
}

func noteOf(ctx context.Context) *note {
	n, ok := ctx.Value(noteKey{}).(*note)
	if !ok {
		return &note{}
	}
	return n
}

// recover turns a panic into a 500 that says nothing.
func (s *server) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
				panic(v)
			}
			s.Log.ErrorContext(r.Context(), "api: panic", slog.String("trace_id", traceOf(r.Context())), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			write(w, r, problem.Of(http.StatusInternalServerError))
		}()
		next.ServeHTTP(w, r)
	})
}

func randomBytes(b []byte) { _, _ = rand.Read(b) } // never fails: crypto/rand
