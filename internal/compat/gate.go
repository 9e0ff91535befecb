package compat

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"parapheur/dossiers"
	"parapheur/internal/peer"
	"parapheur/internal/problem"
	"parapheur/internal/rates"
)

const (
	clientRate    = 20 // requests a second of one account
	clientBurst   = 120
	strangerRate  = 1 // of one address that shows nothing right
	strangerBurst = 20
	uploads       = 3 // bodies received at the same time by this node
	uploadTime    = 2 * time.Minute
)

// Options are what a facade is made of.
type Options struct {
	Office *dossiers.Office // required
	Log    *slog.Logger     // required
	// MaxBody bounds a whole request, in bytes; default 192 MiB. The limit of
	// one document is the office's.
	MaxBody int64
	// Spool is the folder of requests under way; default that of the system.
	Spool string
	// ClientAddress returns the address a request comes from (see package
	// peer); nil believes no proxy.
	ClientAddress func(*http.Request) netip.Addr
	Now           func() time.Time // of rates and durations; default time.Now
}

// A Gate lets the clients of one kind in.
type Gate struct {
	Options
	kind               dossiers.ConnectorKind
	uploads            chan struct{}
	clients, strangers *rates.Table
}

// NewGate returns the gate of a kind.
func NewGate(kind dossiers.ConnectorKind, o Options) *Gate {
	if o.MaxBody <= 0 {
		o.MaxBody = 192 << 20
	}
	if o.ClientAddress == nil {
		o.ClientAddress = peer.Proxies(nil).Address
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Gate{
		Options: o, kind: kind, uploads: make(chan struct{}, uploads),
		clients: rates.New(clientRate, clientBurst), strangers: rates.New(strangerRate, strangerBurst),
	}
}

// A Caller is a client that was let in, with its request.
type Caller struct {
	dossiers.Connected
	// Operation is kept with the call in the journal of access.
	Operation string
	W         http.ResponseWriter
	R         *http.Request
}

// A Refuser answers a status and a French sentence in the form of a protocol.
type Refuser func(w http.ResponseWriter, r *http.Request, status int, why string)

// Town finds the town that a request is for, if it has the kind turned on;
// otherwise it answers 404.
func (g *Gate) Town(w http.ResponseWriter, r *http.Request, refuse Refuser) (dossiers.Tenant, bool) {
	town, err := g.Office.Tenant(r.Context(), r.Host)
	on := false
	if err == nil {
		on, err = g.Office.Connects(r.Context(), town, g.kind)
	}
	switch {
	case err == nil && on:
		return town, true
	case err == nil || errors.Is(err, dossiers.ErrNotFound):
		refuse(w, r, http.StatusNotFound, "Cette adresse n’existe pas.")
	default:
		status, why := g.Explain(r.Context(), "admit", err)
		refuse(w, r, status, why)
	}
	return town, false
}

// Admit runs next for a client that shows its account, and keeps the call.
func (g *Gate) Admit(w http.ResponseWriter, r *http.Request, refuse Refuser, next func(*Caller)) {
	seen := &recorder{ResponseWriter: w}
	defer g.survive(seen, r, refuse)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	town, ok := g.Town(seen, r, refuse)
	if !ok {
		return
	}
	from := g.ClientAddress(r)
	if g.strangers.Spent(peer.Network(from), g.Now()) {
		refuse(seen, r, http.StatusTooManyRequests, "Trop d’essais : réessayez dans une minute.")
		return
	}
	login, secret, shown := credentials(r)
	var in dossiers.Connected
	err := dossiers.ErrSignInNeeded
	if shown {
		in, err = g.Office.AdmitConnector(r.Context(), town, g.kind, login, secret, from)
	}
	c := &Caller{Connected: in, Operation: "admit", W: seen, R: r}
	if in.Connector.ID != "" {
		defer g.keep(c, seen, g.Now())
	}
	switch {
	case errors.Is(err, dossiers.ErrSignInNeeded):
		g.strangers.Allow(peer.Network(from), g.Now())
		w.Header().Set("WWW-Authenticate", `Basic realm="parapheur", charset="UTF-8"`)
		refuse(seen, r, http.StatusUnauthorized, "Identifiant ou mot de passe refusé.")
	case errors.Is(err, dossiers.ErrAddress):
		refuse(seen, r, http.StatusForbidden, "Ce compte ne peut pas être utilisé depuis cette adresse : voyez avec l’administrateur du parapheur.")
	case err != nil:
		status, why := g.Explain(r.Context(), "admit", err)
		refuse(seen, r, status, why)
	case !g.clients.Allow(in.Connector.ID, g.Now()):
		w.Header().Set("Retry-After", "5")
		refuse(seen, r, http.StatusTooManyRequests, "Trop de demandes à la fois : réessayez dans quelques secondes.")
	default:
		next(c)
	}
}

// credentials reads the account that a request shows: by Basic, or by a bearer
// token made of the same, "login:secret", for clients that know nothing else.
func credentials(r *http.Request) (login, secret string, shown bool) {
	if login, secret, shown = r.BasicAuth(); shown {
		return login, secret, true
	}
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") {
		return "", "", false
	}
	return strings.Cut(strings.TrimSpace(token), ":")
}

// Receive runs read on the body of a request, in bounded size and time, with
// few others at the same time.
func (g *Gate) Receive(c *Caller, read func(body *http.Request) error) error {
	select {
	case g.uploads <- struct{}{}:
		defer func() { <-g.uploads }()
	case <-c.R.Context().Done():
		return c.R.Context().Err()
	}
	// A recorder in a test has no deadline to set.
	_ = http.NewResponseController(c.W).SetReadDeadline(time.Now().Add(uploadTime)) //nolint:forbidigo // the clock of sockets
	c.R.Body = http.MaxBytesReader(c.W, c.R.Body, g.MaxBody)
	return read(c.R)
}

// Explain returns the status of an error and what a client is told of it, in
// French. What is ours is logged and not told.
func (g *Gate) Explain(ctx context.Context, operation string, err error) (status int, why string) {
	switch {
	case errors.Is(err, ErrBase64):
		return http.StatusBadRequest, "Un document n’est pas en base64 valable."
	case errors.Is(err, ErrZip):
		return http.StatusBadRequest, "Chaque document est attendu dans un zip qui ne contient que lui."
	case errors.Is(err, ErrTooLarge):
		return http.StatusRequestEntityTooLarge, "La demande est trop volumineuse."
	}
	p := problem.For(err)
	if p.Status >= http.StatusInternalServerError && ctx.Err() == nil {
		g.Log.ErrorContext(ctx, "connecteur", slog.String("kind", string(g.kind)), slog.String("operation", operation), slog.Any("error", err))
	}
	if len(p.Fields) > 0 {
		return p.Status, p.Fields[0].Message
	}
	return p.Status, p.Title + ". " + p.Detail
}

// keep puts a call in the journal of access of the client's application.
func (g *Gate) keep(c *Caller, seen *recorder, started time.Time) {
	status := seen.status
	if status == 0 {
		status = http.StatusOK
	}
	call := dossiers.Call{
		At: started.UTC(), Application: c.Connector.Application, Credential: string(g.kind) + ":" + c.Connector.Login, Operation: string(g.kind) + "." + c.Operation,
		Method: c.R.Method, Path: c.R.URL.EscapedPath(), Status: status, Took: g.Now().Sub(started), Request: rand.Text(), Address: g.ClientAddress(c.R).String(),
	}
	ctx := context.WithoutCancel(c.R.Context()) // the call was made, whoever left
	if err := g.Office.LogCall(ctx, c.Tenant, call); err != nil {
		g.Log.ErrorContext(ctx, "connecteur: call not journaled", slog.Any("error", err))
	}
}

// survive turns a panic into a 500 that says nothing, in the protocol's form.
func (g *Gate) survive(w *recorder, r *http.Request, refuse Refuser) {
	v := recover()
	if v == nil {
		return
	}
	if v != http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
		g.Log.ErrorContext(r.Context(), "connecteur: panic", slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
		if w.status == 0 {
			refuse(w, r, http.StatusInternalServerError, "Une erreur est survenue dans le parapheur.")
			return
		}
	}
	panic(http.ErrAbortHandler)
}

// A recorder remembers the status that was answered.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
