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
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"golang.org/x/time/rate"

	"parapheur/dossiers"
	"parapheur/internal/problem"
)

const (
	scheme   = "apiKey" // name of the security scheme
	scopeKey = "scope"  // of an operation's metadata
)

type traceKey struct{}

type callerKey struct{}

// A caller is the application that asks, part of every operation's input. It
// travels from the middleware that admits the request to the input through
// the request's context, because huma has no other way; no further.
type caller struct {
	who
}

type who struct {
	viewer dossiers.Viewer
	scopes []string
	w      http.ResponseWriter
	r      *http.Request
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

// admit finds the town by the host, the application by its key, and lets the
// request in if the key has the scope and has not asked too often.
func (s *server) admit(ctx huma.Context, next func(huma.Context)) {
	r, w := humachi.Unwrap(ctx)
	w.Header().Set("Cache-Control", "private, no-cache")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	town, err := s.Office.Tenant(r.Context(), r.Host)
	if err != nil {
		s.deny(w, r, err)
		return
	}
	key, shown := bearer(r)
	if !shown {
		w.Header().Set("WWW-Authenticate", `Bearer realm="parapheur"`)
		write(w, r, problem.Of(http.StatusUnauthorized))
		return
	}
	viewer, scopes, err := s.Office.Authenticate(r.Context(), town, key)
	if errors.Is(err, dossiers.ErrSignInNeeded) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="parapheur", error="invalid_token"`)
		write(w, r, problem.Of(http.StatusUnauthorized))
		return
	}
	if err != nil {
		s.deny(w, r, err)
		return
	}
	if wait := s.rates.wait(keyID(town, key), s.Now()); wait > 0 {
		p := problem.Of(http.StatusTooManyRequests)
		p.RetryAfter = wait
		write(w, r, p)
		return
	}
	if scope, _ := ctx.Operation().Metadata[scopeKey].(string); scope != "" && !slices.Contains(scopes, scope) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="parapheur", error="insufficient_scope", scope="`+scope+`"`)
		p := problem.Of(http.StatusForbidden)
		p.Type, p.Title = "insufficient-scope", "La clé n’a pas ce droit"
		p.Detail = "Cette opération demande le droit « " + scope + " » : votre administrateur peut créer une clé qui le porte."
		write(w, r, p)
		return
	}
	next(huma.WithValue(ctx, callerKey{}, who{viewer: viewer, scopes: scopes}))
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

// keyID names a key without its secret.
func keyID(t dossiers.Tenant, key string) string {
	return string(t.ID) + "/" + key[:max(strings.LastIndexByte(key, '_'), 0)]
}

// rates counts the requests of each key. Only keys that were accepted are in
// it, so it is never larger than the number of keys.
type rates struct {
	limit rate.Limit
	burst int

	mu   sync.Mutex // guards what follows
	keys map[string]*rate.Limiter
}

// wait returns how long the key must wait, or zero if it may go on.
func (x *rates) wait(key string, now time.Time) time.Duration {
	x.mu.Lock()
	if x.keys == nil {
		x.keys = map[string]*rate.Limiter{}
	}
	l := x.keys[key]
	if l == nil {
		l = rate.NewLimiter(x.limit, x.burst)
		x.keys[key] = l
	}
	x.mu.Unlock()
	res := l.ReserveN(now, 1)
	if d := res.DelayFrom(now); d > 0 {
		res.CancelAt(now)
		return d
	}
	return 0
}

// trace gives each request an identifier, answered and logged.
func (s *server) trace(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b [16]byte
		s.Rand(b[:])
		id := hex.EncodeToString(b[:])
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), traceKey{}, id)))
	})
}

func traceOf(ctx context.Context) string {
	id, _ := ctx.Value(traceKey{}).(string)
	return id
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
