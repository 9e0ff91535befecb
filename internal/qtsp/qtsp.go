// Package qtsp is a remote signing service of our own, for tests and the
// demonstration: it speaks the CSC API version 2 over HTTP, with credentials of
// both assurance levels (SCAL1, SCAL2), authorisation by PIN, by a telephone
// that answers later, and by the holder's browser (OAuth 2 with PKCE).
//
//	POST /csc/v2/{info,credentials/…,signatures/…}     the API
//	GET, POST /oauth2/authorize                        the page of the holder
//	POST /oauth2/token                                 codes, refresh tokens, client credentials
//
// Its authority is its own, marked as worth nothing ([certs.DemoMarker]). It
// must never be reachable in production: its keys are in memory and everybody
// who may call it may have them used with a PIN.
//
// It refuses as real services do, with the codes of the specification; what a
// service does wrong is a [Fault].
package qtsp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"sync"
	"time"

	"parapheur/certs"
)

// A Fault is something that a service does wrong.
type Fault string

// The faults.
const (
	WrongSignature Fault = "wrong-signature" // signs something else
	OtherKey       Fault = "other-key"       // signs with another key
	TooFew         Fault = "too-few"         // gives one signature less
	RawECDSA       Fault = "raw-ecdsa"       // r‖s instead of DER
	Later          Fault = "later"           // answers signHash with a responseID
	Endless        Fault = "endless"         // an answer without end
	NotJSON        Fault = "not-json"        // the page of a proxy
	Down           Fault = "down"            // 503
	Expired        Fault = "expired"         // authorisations are born expired
	Never          Fault = "never"           // the telephone never answers
)

// How holders authorise; see certs.CSCExplicit and its neighbours.
const (
	Explicit = certs.CSCExplicit
	OAuth    = certs.CSCOAuth
	Implicit = certs.CSCImplicit
)

// Options configures [New].
type Options struct {
	// ClientID and ClientSecret are those of the one client.
	ClientID, ClientSecret string
	// RefreshToken is the standing consent of the holder.
	RefreshToken string
	// Redirects are the addresses to which browsers may be sent back.
	Redirects []string
	// Confirmations is how many times a telephone is asked before it answers.
	Confirmations int
	Now           func() time.Time
}

// A Credential is a key of a holder.
type Credential struct {
	ID        string
	Holder    string // "Hélène Garnier"
	Mode      string // Explicit, OAuth or Implicit
	SCAL      string // "1" or "2"
	PIN       string // asked for with Explicit and on the page
	Multisign int    // how many signatures one authorisation allows
	RSA       bool   // RSA-3072 instead of P-256
	Disabled  bool
	// Validity is how long the certificate serves; a year if zero.
	Validity time.Duration

	key  crypto.Signer
	cert *x509.Certificate
}

// Server is the service. It is safe for concurrent use.
type Server struct {
	opt  Options
	root *x509.Certificate
	ca   crypto.Signer
	mux  *http.ServeMux

	mu          sync.Mutex
	credentials map[string]*Credential
	order       []string
	grants      map[string]*grant // codes, tokens, SADs and handles, by value
	tries       map[string]int    // wrong PINs in a row, by credential
	fault       Fault
	calls       map[string]int
	refresh     string
}

// maxTries is after how many wrong PINs in a row a credential is locked.
const maxTries = 3

// New makes a service with its authority and no credential.
func New(opt Options) (*Server, error) {
	if opt.Now == nil || opt.ClientID == "" {
		return nil, errors.New("qtsp: no clock or no client")
	}
	s := &Server{opt: opt, credentials: map[string]*Credential{}, grants: map[string]*grant{}, tries: map[string]int{}, calls: map[string]int{}, refresh: opt.RefreshToken}
	ca, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("qtsp: drawing a key: %w", err)
	}
	s.ca = ca
	template := s.template("Service de signature de démonstration", 10*365*24*time.Hour)
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	if s.root, err = s.issue(template, template, ca.Public()); err != nil {
		return nil, err
	}
	s.routes()
	return s, nil
}

func (s *Server) template(name string, validity time.Duration) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // crypto/rand does not fail
	return &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: name, Organization: []string{certs.DemoMarker}, Country: []string{"FR"}},
		NotBefore:    s.opt.Now().Add(-time.Hour), NotAfter: s.opt.Now().Add(validity),
	}
}

func (s *Server) issue(template, parent *x509.Certificate, pub crypto.PublicKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, s.ca)
	if err != nil {
		return nil, fmt.Errorf("qtsp: issuing a certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// Root is the certificate of the authority.
func (s *Server) Root() *x509.Certificate { return s.root }

// Add draws a key for a credential and issues its certificate, which it returns.
func (s *Server) Add(c Credential) (*x509.Certificate, error) {
	var err error
	if c.RSA {
		c.key, err = rsa.GenerateKey(rand.Reader, 3072)
	} else {
		c.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return nil, fmt.Errorf("qtsp: drawing a key: %w", err)
	}
	if c.Validity == 0 {
		c.Validity = 365 * 24 * time.Hour
	}
	template := s.template(c.Holder, c.Validity)
	template.KeyUsage = x509.KeyUsageContentCommitment
	if c.cert, err = s.issue(template, s.root, c.key.Public()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credentials[c.ID] = &c
	s.order = append(s.order, c.ID)
	return c.cert, nil
}

// Fail has the service do something wrong from now on; nothing for "".
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

func (s *Server) fails(f Fault) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault == f
}

// Calls is how often a method was called, such as "signatures/signHash".
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// A grant is a code, a token, an authorisation or a handle.
type grant struct {
	kind       string // "code", "service", "sad", "handle", "response"
	credential string
	hashes     []string // base64, what it is bound to; nil: anything
	left       int      // signatures
	until      time.Time
	challenge  string // of PKCE
	redirect   string
	pending    int // questions before the telephone answers
	values     []string
}

// keep stores a grant under a new unguessable name.
func (s *Server) keep(g *grant, life time.Duration) string {
	var b [24]byte
	_, _ = rand.Read(b[:]) // does not fail
	name := base64.RawURLEncoding.EncodeToString(b[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	g.until = s.opt.Now().Add(life)
	if s.fault == Expired && g.kind == "sad" {
		g.until = s.opt.Now().Add(-time.Second)
	}
	s.grants[name] = g
	return name
}

// grant finds one that has not ended.
func (s *Server) grant(kind, name string) *grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.grants[name]
	if g == nil || g.kind != kind || s.opt.Now().After(g.until) {
		return nil
	}
	return g
}

// take is grant, for what serves once.
func (s *Server) take(kind, name string) *grant {
	g := s.grant(kind, name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.grants[name] != g {
		return nil
	}
	delete(s.grants, name)
	return g
}

func (s *Server) credential(id string) *Credential {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.credentials[id]
}

// proven checks a PIN and counts the wrong ones.
func (s *Server) proven(c *Credential, pin string) (ok, locked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tries[c.ID] >= maxTries {
		return false, true
	}
	if c.PIN != "" && pin != c.PIN {
		s.tries[c.ID]++
		return false, s.tries[c.ID] >= maxTries
	}
	s.tries[c.ID] = 0
	return true, false
}
