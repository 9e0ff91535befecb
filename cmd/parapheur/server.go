package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"

	"parapheur/api"
	"parapheur/dossiers"
	"parapheur/internal/compat"
	"parapheur/internal/compat/iparapheur"
	"parapheur/internal/compat/maarch"
	"parapheur/internal/compat/scim"
	"parapheur/internal/metrics"
	"parapheur/internal/peer"
	"parapheur/internal/wiring"
	"parapheur/web"
)

// How long a node takes to stop.
const (
	drain     = 10 * time.Second // requests under way
	handBack  = 15 * time.Second // jobs under way
	pingLimit = time.Second
)

// A server is one node's listeners.
type server struct {
	system  *wiring.System
	log     *slog.Logger
	metrics *metrics.Metrics
	leaving atomic.Bool
	limit   int64        // of one document, in bytes
	proxies peer.Proxies // whose X-Forwarded-For is believed
	// elsewhere, if set, is where a newcomer who typed the address of this
	// machine instead of its name is sent: passkeys want a name.
	elsewhere string
	centre    *wiring.Host // the hosting centre; nil without one
}

// handler serves the real towns, and each sandbox by a handler of its own over
// its own office: neither knows what the other can do.
func (s *server) handler(secure bool) http.Handler {
	real := s.surfaces(s.system.Office, nil, secure)
	var open sync.Map // TenantID -> http.Handler
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		box, err := s.system.BoxAt(r.Context(), strings.ToLower(r.Host))
		if err != nil && r.Context().Err() == nil { // what follows says so to who asks, if it lasts
			s.log.ErrorContext(r.Context(), "sandboxes not found out", slog.Any("error", err))
		}
		if box == nil {
			real.ServeHTTP(w, r)
			return
		}
		h, ok := open.Load(box.Tenant)
		if !ok {
			h, _ = open.LoadOrStore(box.Tenant, s.surfaces(box.Office, box.Sandbox, secure))
		}
		h.(http.Handler).ServeHTTP(w, r)
	})
}

// surfaces routes everything that is served in public over an office.
func (s *server) surfaces(office *dossiers.Office, box *dossiers.Sandbox, secure bool) http.Handler {
	r := chi.NewRouter()
	r.Use(s.metrics.Middleware, hurry, s.toCentre(secure))
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		r.Method(method, "/healthz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") }))
		r.Method(method, "/readyz", http.HandlerFunc(s.ready))
	}
	if s.system.Demo != nil {
		r.Mount("/pki", s.system.Demo.Handler())
	}
	programs := api.New(api.Options{
		Office: office, Sandbox: box, Hub: s.system.Hub, Log: s.log, Version: fullVersion(), MaxUpload: 2 * s.limit, ClientAddress: s.proxies.Address,
	})
	r.Mount("/api", programs)
	for _, path := range []string{api.TokenPath, api.RevokePath, api.MetadataPath} {
		r.Handle(path, programs)
	}
	s.connectors(r, office)
	pages := web.New(web.Options{
		Office: office, Live: s.system.Hub, Log: s.log, Secure: secure, Version: fullVersion(), ClientAddress: s.proxies.Address,
	})
	// Mounted as the router it is: what answers HEAD looks through it.
	r.With(s.byName).Mount("/", pages)
	// A method that no router knows (PROPFIND…) stops here, before any of them.
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			programs.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
	return r
}

// connectors routes what mail systems of other products speak, for the towns
// that turned it on.
func (s *server) connectors(r chi.Router, office *dossiers.Office) {
	o := compat.Options{
		Office: office, Log: s.log, MaxBody: 4 * s.limit, Spool: office.Spool, ClientAddress: s.proxies.Address,
	}
	r.Mount(maarch.Base, maarch.New(o))
	r.Mount(scim.Base, scim.New(o))
	soap := iparapheur.New(o)
	r.Mount(iparapheur.Path, soap)
	r.Mount(iparapheur.NoMTOM, soap)
}

// byName sends who reads a page by the address of this machine to its name.
func (s *server) byName(pages http.Handler) http.Handler {
	if s.elsewhere == "" {
		return pages
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if ip := net.ParseIP(host); err == nil && ip.IsLoopback() && r.Method == http.MethodGet {
			http.Redirect(w, r, s.elsewhere+r.URL.RequestURI(), http.StatusTemporaryRedirect)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// ready says whether this node should be sent requests.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), pingLimit)
	defer cancel()
	switch {
	case s.leaving.Load():
		answer(w, http.StatusServiceUnavailable, "leaving")
	case s.system.Store.Ping(ctx) != nil:
		answer(w, http.StatusServiceUnavailable, "database")
	default:
		answer(w, http.StatusOK, "ready")
	}
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}

// serve answers on listener until ctx ends, then drains: readiness goes first,
// requests under way finish, jobs under way finish or are handed back.
func (s *server) serve(ctx context.Context, listener net.Listener, metricsAddr string, secure bool) error {
	srv := &http.Server{
		Handler: s.handler(secure), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	srv.RegisterOnShutdown(s.system.Hub.Close) // open event streams end
	failed := make(chan error, 2)
	go func() { failed <- srv.Serve(listener) }()
	side := &http.Server{Addr: metricsAddr, Handler: s.metrics.Handler(), ReadHeaderTimeout: 10 * time.Second}
	if metricsAddr != "" {
		go func() { failed <- side.ListenAndServe() }()
	}
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	s.leaving.Store(true)
	return errors.Join(err, s.stop(ctx, srv, side))
}

func (s *server) stop(ctx context.Context, servers ...*http.Server) error {
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	var errs []error
	for _, srv := range servers {
		if err := srv.Shutdown(draining); err != nil {
			errs = append(errs, fmt.Errorf("drain: %w", err), srv.Close())
		}
	}
	handing, cancelJobs := context.WithTimeout(context.WithoutCancel(ctx), handBack)
	defer cancelJobs()
	if s.centre != nil {
		s.centre.Close()
	}
	return errors.Join(append(errs, s.system.Close(handing))...)
}
