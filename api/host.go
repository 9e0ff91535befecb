package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"parapheur/dossiers"
	"parapheur/internal/hosting"
	"parapheur/internal/peer"
	"parapheur/internal/rates"
)

// hostBase is where the programs of a hosting centre ask, on its own origin.
const hostBase = "/api/host/v1"

// HostOptions are what the interface of a hosting centre is made of. Centre and
// Log are required.
type HostOptions struct {
	Centre        *hosting.Centre
	Log           *slog.Logger
	ClientAddress func(*http.Request) netip.Addr // as in Options
}

// hostServer answers the programs of a hosting centre. It has the habits of
// the interface of towns (problems, traces, limits) and none of its operations.
type hostServer struct {
	*server
	centre *hosting.Centre
}

// NewHost returns the handler of everything under /api/host/v1. No key of a
// town opens it, and no key of the centre opens a town.
func NewHost(o HostOptions) http.Handler { return newHostServer(o).handler }

func newHostServer(o HostOptions) *hostServer {
	configure()
	s := &hostServer{server: &server{Options: withDefaults(Options{Log: o.Log, ClientAddress: o.ClientAddress})}, centre: o.Centre}
	if s.ClientAddress == nil {
		s.ClientAddress = peer.Proxies(nil).Address
	}
	s.rates, s.strangers = rates.New(s.Rate, s.Burst), rates.New(strangerRate, s.StrangerBurst)
	root := chi.NewRouter()
	root.Use(s.trace, s.recover, middleware.GetHead)
	root.NotFound(s.plain(http.StatusNotFound))
	root.MethodNotAllowed(s.methodNotAllowed(root))
	root.Route(hostBase, func(r chi.Router) {
		r.NotFound(s.plain(http.StatusNotFound))
		r.MethodNotAllowed(s.methodNotAllowed(r))
		s.api = humachi.New(r, s.hostConfig())
		s.api.UseMiddleware(s.admitKey)
		s.hostRoutes()
		s.spec = describe(s.api.OpenAPI())
		s.spec.serve(r)
	})
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		root.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, (*chi.Context)(nil))))
	})
	return s
}

func (s *hostServer) hostConfig() huma.Config {
	cfg := s.config()
	cfg.Info.Title = "Parapheur, centre d’hébergement"
	cfg.Info.Description = "Créer et lister les collectivités d’un service. Rien ici ne lit une lettre, un agent ou un compte : seulement des noms et des adresses. " +
		"Chaque demande porte une clé du centre, faite sur le serveur par `parapheur host key add` : `Authorization: Bearer hk_…`. Les erreurs suivent la RFC 9457."
	cfg.Info.Contact = &huma.Contact{Name: "L’exploitant du service"}
	cfg.Servers = []*huma.Server{{URL: hostBase, Description: "L’adresse du centre, non celle d’une collectivité"}}
	cfg.Tags = []*huma.Tag{{Name: tagTowns, Description: "Les collectivités du service."}}
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{scheme: {
		Type: "http", Scheme: "bearer", BearerFormat: "hk_<id>_<secret>",
		Description: "Clé du centre, montrée une seule fois par `parapheur host key add`. Aucune clé d’une collectivité ne sert ici, ni celle-ci dans une collectivité.",
	}}
	return cfg
}

const tagTowns = "Collectivités"

type hostCallerKey struct{}

// hostCaller is the program that asks, part of every operation's input.
type hostCaller struct{ key hosting.Key }

// Resolve implements huma.Resolver.
func (c *hostCaller) Resolve(ctx huma.Context) []error {
	found, ok := ctx.Context().Value(hostCallerKey{}).(hosting.Key)
	if !ok {
		return []error{errors.New("operation registered without admission")}
	}
	c.key = found
	return nil
}

// admitKey lets a request in by its key, if it has not asked too often.
func (s *hostServer) admitKey(ctx huma.Context, next func(huma.Context)) {
	r, w := humachi.Unwrap(ctx)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	shown, ok := bearer(r)
	if !ok {
		s.unknown(w, r, `Bearer realm="parapheur-host"`)
		return
	}
	key, err := s.centre.Authenticate(r.Context(), shown)
	switch {
	case errors.Is(err, dossiers.ErrSignInNeeded):
		s.unknown(w, r, `Bearer realm="parapheur-host", error="invalid_token"`)
		return
	case err != nil:
		s.deny(w, r, err)
		return
	}
	if wait := s.rates.Wait(key.ID, s.Now()); wait > 0 {
		tooMany(w, r, wait)
		return
	}
	if p, odd := unreadableURL(r.URL); odd {
		write(w, r, p)
		return
	}
	next(huma.WithValue(ctx, hostCallerKey{}, key))
}

// addHost registers an operation of the centre, as add does one of a town.
func addHost[I, O any](s *hostServer, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	op.Tags, op.Security, op.MaxBodyBytes, op.BodyReadTimeout = []string{tagTowns}, []map[string][]string{{scheme: {}}}, maxBody, 15*time.Second
	op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusUnprocessableEntity, http.StatusTooManyRequests)
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, s.refuse(ctx, op.Method, op.Path, err)
		}
		return out, nil
	})
}

// HostedTown is a town as its hosting centre knows it.
type HostedTown struct {
	SIRET     string     `json:"siret" doc:"14 chiffres" example:"21490999900010"`
	SIREN     string     `json:"siren" doc:"Les 9 premiers" example:"214909999"`
	Name      string     `json:"name" example:"Ville de Saint-Aubin-sur-Loire"`
	Place     string     `json:"place" example:"Saint-Aubin-sur-Loire"`
	Origin    string     `json:"origin" format:"uri" doc:"Adresse de ses pages et de son API" example:"https://saint-aubin.parapheur.exemple.fr"`
	RPID      string     `json:"rp_id" doc:"Nom auquel ses clés d’accès sont liées, pour toujours" example:"saint-aubin.parapheur.exemple.fr"`
	State     string     `json:"state" enum:"awaiting,active,suspended" doc:"awaiting : personne n’y a encore de clé d’accès ; suspended : personne n’y entre"`
	CreatedAt time.Time  `json:"created_at"`
	Suspended *time.Time `json:"suspended_at,omitempty"`
	Demo      bool       `json:"demo" doc:"Collectivité de démonstration"`
}

func hostedTown(t hosting.Town) HostedTown {
	out := HostedTown{
		SIRET: t.SIRET, SIREN: t.SIRET[:9], Name: t.Name, Place: t.Place, Origin: t.Origin, RPID: t.RPID, State: "active", CreatedAt: t.CreatedAt, Demo: t.Demo,
	}
	switch {
	case t.Suspended():
		at := t.SuspendedAt
		out.State, out.Suspended = "suspended", &at
	case t.Awaiting:
		out.State = "awaiting"
	}
	return out
}

// HostedLink is the link of a first administrator.
type HostedLink struct {
	Link    string    `json:"link" format:"uri" doc:"À remettre au premier administrateur par une voie sûre. Montré cette seule fois, ne sert qu’une fois."`
	Expires time.Time `json:"expires_at"`
}

// TownWish is a town to create.
type TownWish struct {
	SIRET      string `json:"siret" minLength:"14" maxLength:"20" doc:"14 chiffres ; figure dans toutes les preuves et ne change plus" example:"21490999900010"`
	Name       string `json:"name" minLength:"1" maxLength:"120" example:"Ville de Saint-Aubin-sur-Loire"`
	Place      string `json:"place" minLength:"1" maxLength:"80" doc:"Lieu qui figure dans les lettres" example:"Saint-Aubin-sur-Loire"`
	Origin     string `json:"origin" minLength:"1" maxLength:"200" doc:"Adresse, définitive, de ses pages ; ou un seul mot, sous le domaine du centre" example:"saint-aubin"`
	GivenName  string `json:"given_name" minLength:"1" maxLength:"80" doc:"Du premier administrateur" example:"Marc"`
	FamilyName string `json:"family_name" minLength:"1" maxLength:"80" doc:"Du premier administrateur" example:"Delattre"`
	Email      string `json:"email" minLength:"3" maxLength:"200" doc:"Du premier administrateur. Rien ne lui est envoyé." example:"marc.delattre@saint-aubin.example"`
}

type hostListIn struct{ hostCaller }

type hostListOut struct {
	Body struct {
		Towns []HostedTown `json:"towns" doc:"Par nom"`
	}
}

type hostTownIn struct {
	hostCaller
	SIRET string `path:"siret" doc:"SIRET de la collectivité" example:"21490999900010"`
}

type hostTownOut struct {
	Body HostedTown
}

type hostCreateIn struct {
	hostCaller
	Key  string `header:"Idempotency-Key" required:"true" doc:"De 8 à 255 caractères, propre à cette demande : la répéter répond la même collectivité, sans son lien." example:"\"creation-saint-aubin-1\""`
	Body TownWish
}

type hostCreateOut struct {
	Status int
	Replayable
	Location string `header:"Location" doc:"De la collectivité"`
	Body     struct {
		Town       HostedTown  `json:"town"`
		Invitation *HostedLink `json:"invitation,omitempty" doc:"Absente quand la demande est répétée : le lien n’est gardé nulle part. Faites-en un autre."`
	}
}

type hostLinkOut struct {
	Body HostedLink
}

func (s *hostServer) hostRoutes() {
	addHost(s, huma.Operation{
		OperationID: "listTowns", Method: http.MethodGet, Path: "/towns", Summary: "Lister les collectivités",
		Description: "Noms, adresses et état. Ni le nombre des agents, ni celui des lettres : le centre ne les connaît pas.",
	}, func(ctx context.Context, _ *hostListIn) (*hostListOut, error) {
		towns, err := s.centre.Towns(ctx)
		out := &hostListOut{}
		out.Body.Towns = []HostedTown{}
		for _, t := range towns {
			out.Body.Towns = append(out.Body.Towns, hostedTown(t))
		}
		return out, err
	})
	addHost(s, huma.Operation{
		OperationID: "getTown", Method: http.MethodGet, Path: "/towns/{siret}", Summary: "Lire une collectivité", Errors: []int{http.StatusNotFound},
		Description: "Ce que le centre en sait.",
	}, func(ctx context.Context, in *hostTownIn) (*hostTownOut, error) {
		t, err := s.centre.Town(ctx, in.SIRET)
		if err != nil {
			return nil, err
		}
		return &hostTownOut{Body: hostedTown(t)}, nil
	})
	addHost(s, huma.Operation{
		OperationID: "createTown", Method: http.MethodPost, Path: "/towns", Summary: "Créer une collectivité", DefaultStatus: http.StatusCreated,
		Errors:      []int{http.StatusBadRequest, http.StatusConflict},
		Description: "Avec son premier administrateur, deux bureaux et deux circuits, tout ou rien. Répond le lien par lequel cet administrateur enregistre sa clé d’accès.",
	}, s.create)
	addHost(s, huma.Operation{
		OperationID: "inviteAgain", Method: http.MethodPost, Path: "/towns/{siret}/invitation", Summary: "Refaire le lien du premier administrateur",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
		Description: "Tant que personne n’a de clé d’accès dans la collectivité. Le lien d’avant n’ouvre plus rien.",
	}, func(ctx context.Context, in *hostTownIn) (*hostLinkOut, error) {
		out, err := s.centre.InviteAgain(ctx, in.key, in.SIRET)
		if err != nil {
			return nil, err
		}
		return &hostLinkOut{Body: HostedLink{out.Link, out.Expires}}, nil
	})
}

func (s *hostServer) create(ctx context.Context, in *hostCreateIn) (*hostCreateOut, error) {
	name, err := idempotencyKey(in.Key)
	if err != nil {
		return nil, err
	}
	made, err := s.centre.CreateTown(ctx, in.key, hosting.NewTown(in.Body), name)
	if err != nil {
		return nil, err
	}
	out := &hostCreateOut{Status: http.StatusCreated, Location: hostBase + "/towns/" + made.Town.SIRET}
	out.Body.Town = hostedTown(made.Town)
	if made.Replayed {
		out.Status = http.StatusOK
		out.replayed()
		return out, nil
	}
	out.Body.Invitation = &HostedLink{made.Link, made.Expires}
	return out, nil
}
