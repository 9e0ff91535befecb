// Package api is the REST interface of the programs of a town: deposit a
// letter, follow it, withdraw it, download it with its evidence. One file for
// each resource; the Go types are the contract and the OpenAPI document is
// made from them.
//
// It must hold no rule of the domain: those are the office's, and it asks
// nothing else. It must not read or write storage, know a page, or let a
// program decide: no operation and no scope gives a visa, signs or refuses,
// and a test reads both the document and this package to hold it to that. In a
// sandbox a program plays test persons: that is Options.Sandbox, which a real
// town has not.
//
// # Failure handling
//
// Every error is an application/problem+json (RFC 9457) taken from the table
// of the package problem, in French, with a stable type, and never repeats
// what was sent. What is ours is logged once, here, under the trace_id that
// the answer carries. An upload that is refused leaves nothing behind.
package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"reflect"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"golang.org/x/time/rate"

	"parapheur/dossiers"
	"parapheur/internal/live"
	"parapheur/internal/peer"
	"parapheur/internal/problem"
	"parapheur/internal/rates"
)

const (
	base     = "/api/v1"
	revision = "1.0.0" // of the contract: additive changes only within /api/v1

	maxBody     = 64 << 10         // of a JSON body, of the JSON part of a deposit
	uploadTime  = 2 * time.Minute  // to receive a deposit, on a slow uplink
	streamTime  = 10 * time.Minute // to send a document
	maxUploads  = 4                // deposits received at the same time by this node
	uploadQueue = 5 * time.Second  // how long one waits for its turn
	defaultRate = 20               // requests a second of one key
)

// Options are what the interface is made of.
type Options struct {
	Office *dossiers.Office // required
	// Sandbox plays what nobody can ask of a real town, where it is nil and all
	// of that is refused.
	Sandbox *dossiers.Sandbox
	Log     *slog.Logger // required
	// Hub wakes the long poll of the event feed; nil makes the poll answer at
	// its end only.
	Hub *live.Hub
	// Version of the software, shown by GET /me.
	Version string
	// MaxUpload bounds the whole body of a deposit, in bytes; default 128 MiB.
	// The limit of one document is the office's.
	MaxUpload int64
	// Rate is how many requests a second one API key may make, on average, and
	// Burst how many at once; default 20 and 60.
	Rate  rate.Limit
	Burst int
	// StrangerBurst is how many requests without a key in force one address may
	// make at once, and two a second after that; default 60.
	StrangerBurst int
	// ClientAddress returns the address a request comes from (see package
	// peer); nil believes no proxy.
	ClientAddress func(*http.Request) netip.Addr
	// Spool is the folder for evidence files under way; default that of the
	// system.
	Spool string
	// Now is the clock of rates and deadlines; default time.Now.
	Now func() time.Time
	// Rand gives trace identifiers; default crypto/rand.
	Rand func([]byte)
}

// server is the interface at work.
type server struct {
	Options
	api       huma.API
	uploads   chan struct{} // one token for each deposit being received
	underway  sync.Map      // the keys of these deposits, by town and application
	rates     *rates.Table
	strangers *rates.Table // by address: who shows nothing, or something wrong
	deposit   *huma.Schema // of the JSON part
	spec      document
	handler   http.Handler
}

// New returns the handler of everything under /api: the operations at
// /api/v1, the OpenAPI document beside them, and the documentation at
// /api/docs. It routes by the whole path: mount it without removing a prefix.
func New(o Options) http.Handler { return newServer(o).handler }

func newServer(o Options) *server {
	configure()
	s := &server{Options: withDefaults(o), uploads: make(chan struct{}, maxUploads)}
	s.rates, s.strangers = rates.New(s.Rate, s.Burst), rates.New(strangerRate, s.StrangerBurst)

	root := chi.NewRouter()
	root.Use(s.trace, s.recover, middleware.GetHead)
	root.NotFound(s.plain(http.StatusNotFound))
	root.MethodNotAllowed(s.methodNotAllowed(root))
	root.Route(base, func(r chi.Router) {
		r.NotFound(s.plain(http.StatusNotFound))
		r.MethodNotAllowed(s.methodNotAllowed(r))
		s.api = humachi.New(r, s.config())
		s.api.UseMiddleware(s.admit)
		s.routes()
		s.spec = describe(s.api.OpenAPI())
		s.spec.serve(r)
	})
	s.documentation(root)
	s.authorization(root)
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Another router may have mounted this one: forget where it stands.
		ctx := context.WithValue(r.Context(), chi.RouteCtxKey, (*chi.Context)(nil))
		root.ServeHTTP(w, r.WithContext(ctx))
	})
	return s
}

// routes is the list of every operation.
func (s *server) routes() {
	s.registerDeposit()
	s.registerForecast()
	s.registerDossiers()
	s.registerDocuments()
	s.registerEvidence()
	s.registerVerifications()
	s.registerEvents()
	s.registerTypes()
	s.registerDesks()
	s.registerRecords()
	s.registerAnnexes()
	s.registerActs()
	s.registerSlip()
	s.registerPanels()
	s.registerWebhooks()
	s.registerOrganisation()
	s.registerCircuits()
	s.registerSandbox()
	s.registerMe()
}

func withDefaults(o Options) Options {
	if o.MaxUpload <= 0 {
		o.MaxUpload = 128 << 20
	}
	if o.Rate <= 0 {
		o.Rate = defaultRate
	}
	if o.Burst <= 0 {
		o.Burst = 3 * defaultRate
	}
	if o.StrangerBurst <= 0 {
		o.StrangerBurst = strangerBurst
	}
	if o.ClientAddress == nil {
		o.ClientAddress = peer.Proxies(nil).Address
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = randomBytes
	}
	return o
}

// configured guards the settings that huma keeps in package variables.
var configured sync.Once

// configure sets what huma keeps in package variables, once: our errors
// instead of its own, arrays that are never null, and names as they are
// described ("Title" is not "title").
func configure() {
	configured.Do(func() {
		huma.DefaultArrayNullable = false
		huma.ValidateStrictCasing = true
		huma.NewError = newError
	})
}

func (s *server) config() huma.Config {
	cfg := huma.DefaultConfig("Parapheur", revision)
	cfg.CreateHooks = nil // no $schema property, no Link header made from Host
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "", "", ""
	cfg.RejectUnknownQueryParameters = true
	cfg.Formats = formats()
	cfg.Transformers = []huma.Transformer{identify}
	cfg.Info.Description = introduction
	cfg.Info.License = &huma.License{Name: "EUPL-1.2", Identifier: "EUPL-1.2"}
	cfg.Info.Contact = &huma.Contact{Name: "L’administrateur de la collectivité"}
	cfg.Servers = []*huma.Server{{URL: base, Description: "La collectivité dont c’est l’adresse"}}
	cfg.Tags = tags()
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{scheme: {
		Type: "http", Scheme: "bearer", BearerFormat: "pk_<id>_<secret>",
		Description: "Clé d’application, créée par l’administrateur de la collectivité et montrée une seule fois. Ses droits (scopes) sont nommés par chaque opération ; aucun ne permet de viser, de signer ni de refuser.",
	}, oauth: {
		Type: "oauth2", Flows: &huma.OAuthFlows{ClientCredentials: &huma.OAuthFlow{TokenURL: TokenPath, Scopes: scopeTexts()}},
		Description: "Jeton d’une demi-heure, obtenu avec l’identifiant et le secret d’une clé d’application (client_secret_basic, client_secret_post), ou par private_key_jwt avec un jeu de clés publiques enregistré par l’administrateur.",
	}}
	return cfg
}

// operation describes one operation before it is registered.
type operation struct {
	id, method, path, tag string
	summary, description  string
	scope                 string // empty: any key in force
	status                int    // of success; 0: 200
	errors                []int  // beside those that every operation has
	body                  int64  // largest body; 0: maxBody
	outdated              *deprecation
}

// A deprecation says that an operation will go: since when one should not
// begin with it, when it goes, and what follows it.
type deprecation struct {
	since, until time.Time
	successor    string // path, below the base
}

// add registers an operation. Its handler returns errors of the domain: they
// become problems here, and only here.
func add[I, O any](s *server, o operation, handler func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Tags: []string{o.tag}, Summary: o.summary, Description: o.description,
		DefaultStatus: o.status, MaxBodyBytes: cmp.Or(o.body, maxBody), BodyReadTimeout: 15 * time.Second,
		Errors: append([]int{
			http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusTooManyRequests,
		}, o.errors...),
		Security: []map[string][]string{{scheme: {}}, {oauth: {}}},
		Metadata: map[string]any{scopeKey: o.scope},
	}
	if o.outdated != nil {
		op.Deprecated, op.Metadata[deprecatedKey] = true, *o.outdated
	}
	if o.scope != "" {
		op.Security = []map[string][]string{{scheme: {}}, {oauth: {o.scope}}}
		op.Description += "\n\nDroit nécessaire : `" + o.scope + "`."
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, s.refuse(ctx, o.method, o.path, err)
		}
		return out, nil
	})
}

// schemaOf registers T among the schemas of the document and returns it.
func schemaOf[T any](api huma.API) *huma.Schema {
	return huma.SchemaFromType(api.OpenAPI().Components.Schemas, reflect.TypeFor[T]())
}

// plain answers a bare status.
func (s *server) plain(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { write(w, r, problem.Of(status)) }
}

// methodNotAllowed answers 405 with the methods that the address has (RFC
// 9110, 15.5.6), or 404 if it has none.
func (s *server) methodNotAllowed(routes chi.Routes) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		path := cmp.Or(chi.RouteContext(r.Context()).RoutePath, r.URL.Path)
		status := http.StatusNotFound
		for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			look := m
			if m == http.MethodHead {
				look = http.MethodGet
			}
			if routes.Match(chi.NewRouteContext(), look, path) {
				w.Header().Add("Allow", m)
				status = http.StatusMethodNotAllowed
			}
		}
		write(w, r, problem.Of(status))
	}
}
