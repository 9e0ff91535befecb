package keyring

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/dossiers"
)

// A Kind says where a key lies.
type Kind string

// The kinds.
const (
	PKCS12 Kind = "pkcs12" // here, encrypted
	PKCS11 Kind = "pkcs11" // in a token of the machine
	CSC    Kind = "csc"    // at a remote signing service
)

// A StoredKey is a key as the town's database knows it.
type StoredKey struct {
	ID     string
	Person circuits.PersonID // empty: the seal of the town
	Label  string
	Kind   Kind
	// Settings say where the key lies, in JSON: nothing for PKCS12, a Token or
	// a Remote. They hold no secret.
	Settings []byte
	// Sealed are the secrets: certs.SealedKey in JSON for PKCS12, else what the
	// vault made of them, bound to the settings.
	Sealed      []byte
	Certificate []byte   // DER, to show without opening anything
	Chain       [][]byte // DER, its issuers from its own up; empty for PKCS12
	NotAfter    time.Time
	CreatedAt   time.Time
	RetiredAt   time.Time // zero: in force
	RetiredFor  string    // why, when it was not another key that took its place
	Suspended   string    // why it is not to be used, or empty
}

// A Token names a key in a PKCS#11 token of the machines that serve.
type Token struct {
	Module      string `json:"module"`
	TokenLabel  string `json:"token_label,omitempty"`
	TokenSerial string `json:"token_serial,omitempty"`
	KeyLabel    string `json:"key_label,omitempty"`
	KeyID       string `json:"key_id,omitempty"` // hexadecimal
	PSS         bool   `json:"pss,omitempty"`
}

// A Remote names a credential of a remote signing service (CSC API 2).
type Remote struct {
	BaseURL    string `json:"base_url"`
	OAuthURL   string `json:"oauth_url"`
	ClientID   string `json:"client_id"`
	Credential string `json:"credential"`
	Mode       string `json:"mode"`
	SCAL       string `json:"scal"`
	Multisign  int    `json:"multisign"`
	PSS        bool   `json:"pss,omitempty"`
}

// secrets are what goes with a Token or a Remote.
type secrets struct {
	PIN          string `json:"pin,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
}

const (
	bindingKind       = "signing-key"
	bindingSecrets    = "signing-key-secrets"
	bindingActivation = "signing-key-activation"
)

// secretsBinding ties secrets to their key and to its settings: another address
// written into the row would be given none of them.
func secretsBinding(t dossiers.Tenant, id string, settings []byte) (certs.Binding, error) {
	var canonical bytes.Buffer
	var v any
	if err := json.Unmarshal(settings, &v); err != nil {
		return certs.Binding{}, fmt.Errorf("settings: %w", err)
	}
	// The database keeps JSON by its meaning: keys sorted here are the same there.
	if err := json.NewEncoder(&canonical).Encode(v); err != nil {
		return certs.Binding{}, fmt.Errorf("settings: %w", err)
	}
	sum := sha256.Sum256(canonical.Bytes())
	return certs.Binding{Tenant: t.SIRET, Kind: bindingSecrets, ID: id + "/" + hex.EncodeToString(sum[:])}, nil
}

// Add puts a key at rest for a person, or as the seal of the town when person
// is empty. The key in force before is replaced.
func (r *Ring) Add(ctx context.Context, t dossiers.Tenant, id string, person circuits.PersonID, label string, k *certs.Key, by circuits.Actor) error {
	if err := r.opt.Guard.Check(k.Chain()...); err != nil {
		return fmt.Errorf("add key: %w", err)
	}
	sealed, err := certs.SealKey(r.opt.Vault, certs.Binding{Tenant: t.SIRET, Kind: bindingKind, ID: id}, k)
	if err != nil {
		return fmt.Errorf("add key: %w", err)
	}
	raw, err := json.Marshal(sealed)
	if err != nil {
		return fmt.Errorf("add key: %w", err)
	}
	return r.opt.Store.AddSigningKey(ctx, t.ID, StoredKey{
		ID: id, Person: person, Label: label, Kind: PKCS12, Settings: []byte("{}"), Sealed: raw,
		Certificate: k.Certificate().Raw, NotAfter: k.Certificate().NotAfter,
	}, by, r.opt.Now())
}

// An Owner is whose key is brought, and by whom.
type Owner struct {
	ID     string            // drawn by the caller
	Person circuits.PersonID // empty: the seal of the town
	Label  string            // empty: the name that the certificate bears
	By     circuits.Actor
	// Judge refuses chains that letters could not be signed with; nil refuses none.
	Judge func(chain []*x509.Certificate) error
}

// AddToken opens the token, with this PIN and once, and keeps where the key is.
// known are the key's own certificate and its issuers where the token does not
// hold them. The key in force before is replaced.
func (r *Ring) AddToken(ctx context.Context, t dossiers.Tenant, to Owner, at Token, pin string, known []*x509.Certificate) error {
	provider, err := r.openToken(at, pin, known)
	if err != nil {
		return fmt.Errorf("add key: %w", err)
	}
	defer provider.Close()
	chain, err := provider.Chain(ctx)
	if err != nil {
		return fmt.Errorf("add key: %w", err)
	}
	return r.addElsewhere(ctx, t, to, PKCS11, at, secrets{PIN: pin}, chain)
}

// RemoteSecrets go with a Remote.
type RemoteSecrets struct {
	ClientSecret string
	RefreshToken string // of the holder, for services that list credentials on their behalf only
	PIN          string // for certs.CSCExplicit
}

// AddRemote asks the service about the credential and keeps where the key is.
// Mode, SCAL and Multisign of at are taken from the answer; the mode is
// answered. The key in force before is replaced.
func (r *Ring) AddRemote(ctx context.Context, t dossiers.Tenant, to Owner, at Remote, s RemoteSecrets) (mode string, err error) {
	kept := secrets{PIN: s.PIN, ClientSecret: s.ClientSecret, RefreshToken: s.RefreshToken}
	service, err := r.service(at, kept, func(_ context.Context, token string) error {
		kept.RefreshToken = token
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("add key: %w", err)
	}
	c, err := service.Credential(ctx, at.Credential)
	if err != nil {
		return "", fmt.Errorf("add key: %w", err)
	}
	switch {
	case !c.Enabled:
		return "", fmt.Errorf("add key: %w: the credential is disabled", certs.ErrRemoteRefused)
	case c.Mode == certs.CSCExplicit && s.PIN == "":
		return "", fmt.Errorf("add key: %w: this credential wants a PIN", certs.ErrPIN)
	case c.Mode != certs.CSCExplicit && c.Mode != certs.CSCOAuth && c.Mode != certs.CSCImplicit:
		return "", fmt.Errorf("add key: %w: authorisation of kind %q", certs.ErrRemoteRefused, c.Mode)
	}
	at.Mode, at.SCAL, at.Multisign = c.Mode, c.SCAL, c.Multisign
	return c.Mode, r.addElsewhere(ctx, t, to, CSC, at, kept, c.Chain)
}

// addElsewhere keeps a key that lies in a token or at a service, once its chain
// was judged.
func (r *Ring) addElsewhere(ctx context.Context, t dossiers.Tenant, to Owner, kind Kind, settings any, s secrets, chain []*x509.Certificate) error {
	err := errors.Join(r.opt.Guard.Check(chain...), certs.CheckUsable(chain[0], r.opt.Now()))
	if err == nil && to.Judge != nil {
		err = to.Judge(chain)
	}
	if err != nil {
		return fmt.Errorf("add key: %w", err)
	}
	k := StoredKey{ID: to.ID, Person: to.Person, Label: to.Label, Kind: kind, Certificate: chain[0].Raw, NotAfter: chain[0].NotAfter}
	if k.Label == "" {
		k.Label = chain[0].Subject.CommonName
	}
	for _, c := range chain[1:] {
		k.Chain = append(k.Chain, c.Raw)
	}
	if k.Settings, err = json.Marshal(settings); err != nil {
		return fmt.Errorf("add key: %w", err)
	}
	if k.Sealed, err = r.sealSecrets(t, k, s); err != nil {
		return fmt.Errorf("add key: %w", err)
	}
	return r.opt.Store.AddSigningKey(ctx, t.ID, k, to.By, r.opt.Now())
}

func (r *Ring) sealSecrets(t dossiers.Tenant, k StoredKey, s secrets) ([]byte, error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	b, err := secretsBinding(t, k.ID, k.Settings)
	if err != nil {
		return nil, err
	}
	return r.opt.Vault.Seal(raw, b)
}

func (r *Ring) openSecrets(t dossiers.Tenant, k StoredKey) (s secrets, err error) {
	b, err := secretsBinding(t, k.ID, k.Settings)
	if err != nil {
		return s, err
	}
	raw, err := r.opt.Vault.Open(k.Sealed, b)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(raw, &s)
}

// opened is a provider that is kept: a token whose sessions are open, a service
// whose token of access still serves.
type opened struct {
	settings, sealed string
	token            *certs.PKCS11
	remote           *certs.CSCService
	credential       certs.CSCCredential
}

// provider returns the provider of a key, behind a gate.
func (r *Ring) provider(ctx context.Context, t dossiers.Tenant, k StoredKey, gate certs.Gate) (certs.KeyProvider, error) {
	switch k.Kind {
	case PKCS11, CSC:
		return r.elsewhere(t, k, gate)
	case PKCS12:
	default:
		return nil, fmt.Errorf("key of kind %q", k.Kind)
	}
	var sealed certs.SealedKey
	if err := json.Unmarshal(k.Sealed, &sealed); err != nil {
		return nil, err
	}
	key, err := sealed.Open(r.opt.Vault, certs.Binding{Tenant: t.SIRET, Kind: bindingKind, ID: k.ID})
	if err != nil {
		return nil, err
	}
	return certs.NewLocal(key, certs.LocalOptions{Gate: gate, Guard: r.opt.Guard, Now: r.opt.Now})
}

// elsewhere returns the provider of a key in a token or at a service. What was
// opened is kept until the row changes.
func (r *Ring) elsewhere(t dossiers.Tenant, k StoredKey, gate certs.Gate) (certs.KeyProvider, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o, known := r.open[k.ID]
	if known && (o.settings != string(k.Settings) || o.sealed != string(k.Sealed)) {
		if o.token != nil {
			o.token.Close()
		}
		delete(r.open, k.ID)
		known = false
	}
	if !known {
		var err error
		if o, err = r.openElsewhere(t, k); err != nil {
			return nil, err
		}
		r.open[k.ID] = o
	}
	if o.token != nil {
		return o.token.WithGate(gate), nil
	}
	return r.remote(t, k, o, gate)
}

func (r *Ring) openElsewhere(t dossiers.Tenant, k StoredKey) (opened, error) {
	o := opened{settings: string(k.Settings), sealed: string(k.Sealed)}
	chain, err := k.certificates()
	if err != nil {
		return o, err
	}
	s, err := r.openSecrets(t, k)
	if err != nil {
		return o, err
	}
	if k.Kind == PKCS11 {
		var at Token
		if err := json.Unmarshal(k.Settings, &at); err != nil {
			return o, err
		}
		o.token, err = r.openToken(at, s.PIN, chain)
		return o, err
	}
	var at Remote
	if err := json.Unmarshal(k.Settings, &at); err != nil {
		return o, err
	}
	o.credential = certs.CSCCredential{ID: at.Credential, Chain: chain, Enabled: true, Mode: at.Mode, SCAL: at.SCAL, Multisign: at.Multisign}
	o.remote, err = r.service(at, s, func(ctx context.Context, token string) error { return r.refreshed(ctx, t, k, token) })
	return o, err
}

// refreshed keeps the refresh token by which a service replaced another.
func (r *Ring) refreshed(ctx context.Context, t dossiers.Tenant, k StoredKey, token string) error {
	s, err := r.openSecrets(t, k)
	if err != nil {
		return err
	}
	s.RefreshToken = token
	sealed, err := r.sealSecrets(t, k, s)
	if err != nil {
		return err
	}
	return r.opt.Store.ResealSigningKey(ctx, t.ID, k.ID, sealed)
}

func (r *Ring) openToken(at Token, pin string, known []*x509.Certificate) (*certs.PKCS11, error) {
	id, err := hex.DecodeString(at.KeyID)
	if err != nil {
		return nil, fmt.Errorf("identifier of the key: %w", err)
	}
	return certs.OpenPKCS11(certs.PKCS11Options{
		Module: at.Module, TokenLabel: at.TokenLabel, TokenSerial: at.TokenSerial, KeyLabel: at.KeyLabel, KeyID: id, PIN: pin,
		Certificates: known, PSS: at.PSS, Guard: r.opt.Guard, Now: r.opt.Now,
	})
}

func (r *Ring) service(at Remote, s secrets, onRefresh func(context.Context, string) error) (*certs.CSCService, error) {
	if r.opt.HTTP == nil {
		return nil, fmt.Errorf("%w: remote signing services are not reached from here", certs.ErrKeyUnavailable)
	}
	return certs.NewCSCService(certs.CSCServiceOptions{
		BaseURL: at.BaseURL, OAuthURL: at.OAuthURL, ClientID: at.ClientID, ClientSecret: s.ClientSecret,
		RefreshToken: s.RefreshToken, OnRefresh: onRefresh, HTTP: r.opt.HTTP, Now: r.opt.Now,
	})
}

// remote returns the provider of a credential. Its activations are bound to the
// key's row.
func (r *Ring) remote(t dossiers.Tenant, k StoredKey, o opened, gate certs.Gate) (*certs.CSC, error) {
	var at Remote
	if err := json.Unmarshal(k.Settings, &at); err != nil {
		return nil, err
	}
	s, err := r.openSecrets(t, k)
	if err != nil {
		return nil, err
	}
	opt := certs.CSCOptions{
		Service: o.remote, Credential: o.credential, Redirect: Callback(t), PSS: at.PSS, Description: t.Name,
		Vault: r.opt.Vault, Binding: certs.Binding{Tenant: t.SIRET, Kind: bindingActivation, ID: k.ID},
		Gate: gate, Guard: r.opt.Guard, Now: r.opt.Now,
	}
	if s.PIN != "" {
		opt.Auth = []certs.CSCAuth{{ID: "PIN", Value: s.PIN}}
	}
	return certs.NewCSC(opt)
}

// certificates returns the key's certificate and its issuers.
func (k StoredKey) certificates() ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for _, der := range append([][]byte{k.Certificate}, k.Chain...) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("certificate of key %s: %w", k.ID, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// Close leaves the tokens.
func (r *Ring) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, o := range r.open {
		if o.token != nil {
			o.token.Close()
		}
		delete(r.open, id)
	}
}
