package web

import (
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"parapheur/dossiers"
	"parapheur/internal/live"
	"parapheur/internal/peer"
	"parapheur/internal/rates"
)

// Options are what the pages are made of. Office, Live and Log are required.
type Options struct {
	Office *dossiers.Office
	Live   *live.Hub
	Log    *slog.Logger
	// Secure says that people reach the site over HTTPS: cookies are then
	// Secure and named __Host-.
	Secure  bool
	Version string // shown at the foot of pages, may be empty
	// ClientAddress returns the address a request comes from, to which
	// ceremonies are counted (see package peer); nil believes no proxy.
	ClientAddress func(*http.Request) netip.Addr
}

// server answers the routes.
type server struct {
	Options
	assets        *assets
	pages         templates
	addresses     *rates.Table
	sessions      *rates.Table
	verifications *verifier
}

// New returns the handler of every page, to be mounted at "/". It panics when
// an embedded template does not parse, which the tests exclude.
func New(o Options) http.Handler {
	s, err := newServer(o)
	if err != nil {
		panic(err)
	}
	return s.routes()
}

func newServer(o Options) (*server, error) {
	a, err := newAssets()
	if err != nil {
		return nil, err
	}
	pages, err := parseTemplates(a)
	if err != nil {
		return nil, err
	}
	if o.ClientAddress == nil {
		o.ClientAddress = peer.Proxies(nil).Address
	}
	return &server{
		Options: o, assets: a, pages: pages,
		addresses: rates.New(addressRate, addressBurst), sessions: rates.New(sessionRate, sessionBurst),
		verifications: newVerifier(),
	}, nil
}

// routes lists every address of the surface, methods included.
func (s *server) routes() http.Handler {
	r := chi.NewRouter()
	r.Use(s.harden, middleware.GetHead)
	r.NotFound(s.anyone(func(*visit, http.ResponseWriter, *http.Request) error { return dossiers.ErrNotFound }))
	r.MethodNotAllowed(s.notAllowed)

	r.Method(http.MethodGet, "/static/*", s.assets)
	r.Get("/manifest.webmanifest", s.manifest)
	r.Get("/favicon.ico", s.favicon)
	r.Get("/robots.txt", s.robots)

	r.Get("/connexion", s.anyone(s.signIn))
	r.Get("/connexion/proconnect", s.anyone(s.beginSignOn))
	r.Get("/connexion/retour", s.anyone(s.finishSignOn))
	r.Get("/enrolement/{token}", s.anyone(s.enrol))
	r.Get("/accessibilite", s.anyone(s.accessibility))
	r.Get("/panneau/{token}", s.anyone(s.panel))
	r.Get("/verifier", s.anyone(s.verifyForm))
	r.Post("/verifier", s.stranger(s.verify))
	r.Post("/quitter", s.anyone(s.quit))

	r.Post("/ceremonies/connexion/debut", s.ceremony(s.beginSignIn))
	r.Post("/ceremonies/connexion/fin", s.ceremony(s.finishSignIn))
	r.Post("/ceremonies/enrolement/debut", s.ceremony(s.beginEnrolment))
	r.Post("/ceremonies/enrolement/fin", s.ceremony(s.finishEnrolment))
	r.Post("/ceremonies/cle/debut", s.ceremony(s.person(s.beginPasskey)))
	r.Post("/ceremonies/cle/fin", s.ceremony(s.person(s.finishPasskey)))
	r.Post("/ceremonies/temoin/debut", s.ceremony(s.person(s.beginWitness)))
	r.Post("/ceremonies/temoin/fin", s.ceremony(s.person(s.finishWitness)))
	r.Post("/ceremonies/decision/debut", s.ceremony(s.person(s.beginDecision)))
	r.Post("/ceremonies/decision/fin", s.ceremony(s.person(s.finishDecision)))

	r.Get("/session", s.someone(s.standing))
	r.Get("/", s.someone(s.bins))
	r.Get("/bannettes", s.someone(s.bins))
	r.Get("/evenements", s.someone(s.events))
	r.Route("/dossiers/{id}", s.letterRoutes)
	r.Get("/deposer", s.someone(s.depositForm))
	r.Post("/deposer", s.uploader(s.deposit))
	r.Post("/deposer/controle", s.uploader(s.checkFile))
	r.Get("/mes-cles", s.someone(s.keys))
	r.Post("/mes-cles/{kid}/renommer", s.someone(s.renameKey))
	r.Post("/mes-cles/{kid}/revoquer", s.someone(s.revokeKey))
	r.Post("/mes-cles/{kid}/oublier", s.someone(s.refuseEnrolment))
	r.Get("/signature", s.someone(s.toActivate))
	r.Post("/signature/autoriser", s.someone(s.activate))
	r.Get("/signature/retour", s.someone(s.activated))
	r.Route("/mes-absences", s.absenceRoutes)
	r.Get("/mes-collectivites", s.someone(s.counterparts))
	r.Get("/mes-collectivites/relier/{offer}", s.someone(s.offered))
	r.Get("/mes-collectivites/retour/{answer}", s.someone(s.answeredElsewhere))
	r.Post("/mes-collectivites/{id}/oublier", s.someone(s.forgetElsewhere))
	r.Post("/ceremonies/collectivite/debut", s.ceremony(s.person(s.beginLink)))
	r.Post("/ceremonies/collectivite/fin", s.ceremony(s.person(s.finishLink)))
	r.Route("/ma-griffe", griffeRoutes(s))
	r.Get("/mes-courriels", s.someone(s.mails))
	r.Post("/mes-courriels", s.someone(s.setMails))
	r.Route("/administration", s.administrationRoutes)
	return r
}

func (s *server) letterRoutes(r chi.Router) {
	r.Get("/", s.someone(s.letter))
	r.Get("/{act:^(viser|signer|cacheter|avis|externe|refuser|remords|contourner)$}", s.someone(s.decision))
	r.Get("/{form:^(demander-avis|repondre|transferer|deport|remplacer|partir|recycler|informations)$}", s.someone(s.actForm))
	r.Post("/{form:^(demander-avis|repondre|transferer|deport|remplacer|partir|recycler|informations)$}", s.someone(s.actDone))
	r.Post("/lecture", s.someone(s.acknowledge))
	r.Post("/piece", s.uploader(s.keepProof))
	r.Get("/pieces/{sha}", s.someone(s.proofFile))
	r.Get("/etat", s.someone(s.letterState))
	r.Get("/chemin", s.someone(s.letterWay))
	r.Get("/chemin.svg", s.someone(s.letterDrawingFile))
	r.Get("/documents/{n}/contenu", s.someone(s.content))
	r.Get("/documents/{n}/texte", s.someone(s.text))
	r.Get("/documents/{n}/pages/{page}.png", s.someone(s.pageImage))
	r.Get("/preuve", s.someone(s.evidence))
	r.Post("/envoyer", s.someone(s.start))
	r.Get("/retirer", s.someone(s.withdrawForm))
	r.Post("/retirer", s.someone(s.withdraw))
	r.Get("/corriger", s.someone(s.correctForm))
	r.Post("/corriger", s.uploader(s.correct))
}

func (s *server) administrationRoutes(r chi.Router) {
	s.organisationRoutes(r)
	r.Get("/", s.someone(s.people))
	r.Post("/personnes", s.someone(s.addPerson))
	r.Post("/personnes/{id}/invitation", s.someone(s.invite))
	r.Get("/enrolements", s.someone(s.enrolments))
	r.Get("/identites", s.someone(s.identities))
	r.Post("/identites/{id}/{act:rattacher|refuser|detacher}", s.someone(s.onIdentity))
	r.Get("/bureaux", s.someone(s.desks))
	r.Post("/bureaux", s.someone(s.addDesk))
	r.Post("/bureaux/titulaires", s.someone(s.seat))
	r.Route("/circuits", s.circuitRoutes)
	r.Get("/certificats", s.someone(s.certificates))
	r.Route("/armoiries", armsRoutes(s))
	r.Get("/connecteurs", s.someone(s.connectors))
	r.Post("/connecteurs", s.someone(s.addConnector))
	r.Post("/connecteurs/{id}", s.someone(s.setConnector))
	r.Post("/connecteurs/{id}/secret", s.someone(s.rotateConnector))
	r.Get("/applications", s.someone(s.applications))
	r.Post("/applications", s.someone(s.addApplication))
	r.Post("/applications/{id}/cles", s.someone(s.addAPIKey))
	r.Get("/applications/{id}", s.someone(s.application))
	r.Post("/applications/{id}/acces", s.someone(s.setAccess))
	r.Post("/applications/{id}/jeu-de-cles", s.someone(s.addKeySet))
	r.Post("/applications/{id}/notifications", s.someone(s.addHook))
	r.Post("/notifications/{id}/{act:essai|pause|reprise|rejeu|renvoi|suppression|secret}", s.someone(s.onHook))
	r.Post("/cles/{id}/revoquer", s.someone(s.revokeAPIKey))
	r.Get("/depot", s.someone(s.rules))
	r.Post("/depot", s.someone(s.setRules))
	r.Get("/journal", s.someone(s.journal))
	r.Get("/journal/export", s.someone(s.exportJournal))
}
