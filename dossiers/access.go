package dossiers

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"parapheur/circuits"
	"parapheur/internal/assertion"
)

// Errors of the access of programs. Match them with errors.Is.
var (
	ErrAddress  = errors.New("address not on the application's list")
	ErrClient   = errors.New("client unknown or not authenticated")
	ErrScope    = errors.New("scope not granted")
	ErrInFlight = errors.New("the same request is still under way")
)

const (
	// tokenLife is how long an access token opens.
	tokenLife = 30 * time.Minute
	// answerLock is how long a request may run before its key is taken for
	// that of a node that died.
	answerLock = 2 * time.Minute
	tokenMark  = "pt_"
	keyMark    = "pk_"
)

// An AccessToken is what a client was given for half an hour. Its value is
// never kept.
type AccessToken struct {
	Key     string // identifier of the credential that obtained it
	Scopes  []string
	Created time.Time
	Expires time.Time
	Revoked time.Time // zero: in force
}

// A Call is one request of an application, as its journal of access keeps it.
type Call struct {
	At          time.Time
	Application string
	Credential  string // the key, never its secret
	Operation   string // "getDossier", or empty when none was reached
	Method      string
	Path        string // without its query
	Status      int
	Took        time.Duration
	Request     string // its identifier
	Address     string
}

// An Access keeps how programs come in. Everything is of one town.
type Access interface {
	// SetApplication keeps where an application may call from and which types
	// it may touch.
	SetApplication(ctx context.Context, t TenantID, a Application, by circuits.Actor, at time.Time) error
	AddAccessToken(ctx context.Context, t TenantID, tok AccessToken, hash [32]byte) error
	// AccessToken returns a token with the credential that obtained it.
	AccessToken(ctx context.Context, t TenantID, hash [32]byte) (AccessToken, APIKey, Application, error)
	// RevokeAccessToken ends a token that this credential obtained. None is ErrNotFound.
	RevokeAccessToken(ctx context.Context, t TenantID, key string, hash [32]byte, at time.Time) error
	// UseAssertion remembers the identifier of an assertion; used before, it is ErrConflict.
	UseAssertion(ctx context.Context, t TenantID, key string, jti [32]byte, expires time.Time) error
	// LogCall may lose the last calls when the database itself crashes.
	LogCall(ctx context.Context, t TenantID, c Call) error
	// Calls lists those of an application, or of all when it is empty, newest first.
	Calls(ctx context.Context, t TenantID, application string, page Page) ([]Call, string, error)
	// ClaimAnswer takes a key for one request. It answers what the same
	// request was answered; ErrInFlight while it runs; ErrKeyReused when the
	// key served another one. Nothing of these: the request is the caller's to run.
	ClaimAnswer(ctx context.Context, t TenantID, application, key string, fingerprint [32]byte, now, until time.Time) ([]byte, error)
	KeepAnswer(ctx context.Context, t TenantID, application, key string, answer []byte) error
	DropAnswer(ctx context.Context, t TenantID, application, key string) error
}

// A Grant is what a credential opens.
type Grant struct {
	Viewer
	Credential string // identifier of the key
	Scopes     []string
}

// Admit returns what a bearer opens: an API key or an access token, shown from
// an address. ErrSignInNeeded when it opens nothing; ErrAddress, with the
// grant, when the application may not call from there.
func (o *Office) Admit(ctx context.Context, t Tenant, bearer string, from netip.Addr) (Grant, error) {
	g, err := o.grant(ctx, t, bearer)
	if err != nil {
		return g, err
	}
	if !g.Application.From(from) {
		return g, ErrAddress
	}
	return g, nil
}

func (o *Office) grant(ctx context.Context, t Tenant, bearer string) (Grant, error) {
	if !strings.HasPrefix(bearer, tokenMark) {
		v, scopes, err := o.Authenticate(ctx, t, bearer)
		id, _, _ := strings.Cut(strings.TrimPrefix(bearer, keyMark), "_")
		return Grant{v, id, scopes}, err
	}
	tok, key, app, err := o.Store.AccessToken(ctx, t.ID, hashToken(bearer))
	now := o.wall()
	switch {
	case isNotFound(err):
		return Grant{}, ErrSignInNeeded
	case err != nil:
		return Grant{}, err
	case !tok.Revoked.IsZero(), !now.Before(tok.Expires), !key.inForce(now):
		return Grant{}, ErrSignInNeeded
	}
	return Grant{o.program(t, app, tok.Scopes), tok.Key, tok.Scopes}, nil
}

// program is an application with what the scopes it shows widen.
func (o *Office) program(t Tenant, app Application, scopes []string) Viewer {
	return Viewer{
		Tenant: t, Application: &app, All: slices.Contains(scopes, ScopeDossiersAll),
		Consults: slices.Contains(scopes, ScopeOrganisationRead), Manages: slices.Contains(scopes, ScopeOrganisationManage),
		Follows: slices.Contains(scopes, ScopeJournalRead),
	}
}

// DeskNames lists the desks of the town with who holds them, for a program
// that shows them.
func (o *Office) DeskNames(ctx context.Context, v Viewer) ([]Desk, error) {
	return o.Store.Desks(ctx, v.Tenant.ID)
}

// inForce reports whether the key opens anything at now.
func (k APIKey) inForce(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// From reports whether the application may call from an address.
func (a Application) From(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return len(a.Networks) == 0 || slices.ContainsFunc(a.Networks, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// Handles reports whether the application may touch letters of a type.
func (a Application) Handles(kind string) bool {
	return len(a.Types) == 0 || slices.Contains(a.Types, kind)
}

// A TokenRequest is what a client shows for an access token.
type TokenRequest struct {
	Client    string // identifier of a key
	Secret    string // of that key: "pk_<id>_<secret>", or what follows its second mark
	Assertion string // private_key_jwt, instead of a secret
	Scope     string // wanted, separated by spaces; empty: all of the key
	From      netip.Addr
}

// Token gives a client an access token (RFC 6749, 4.4). ErrClient when it is
// not who it says, ErrScope when it asks for more than it has.
func (o *Office) Token(ctx context.Context, t Tenant, r TokenRequest) (token string, a AccessToken, err error) {
	key, app, err := o.client(ctx, t, r)
	if err != nil {
		return "", a, err
	}
	if !app.From(r.From) {
		return "", a, ErrAddress
	}
	scopes := strings.Fields(r.Scope)
	if len(scopes) == 0 {
		scopes = key.Scopes
	}
	for _, s := range scopes {
		if !slices.Contains(key.Scopes, s) {
			return "", a, ErrScope
		}
	}
	random, err := o.token(32)
	if err != nil {
		return "", a, err
	}
	token = tokenMark + random
	a = AccessToken{Key: key.ID, Scopes: scopes, Created: o.wall(), Expires: o.wall().Add(tokenLife)}
	if !key.ExpiresAt.IsZero() && key.ExpiresAt.Before(a.Expires) {
		a.Expires = key.ExpiresAt
	}
	if err := o.Store.TouchAPIKey(ctx, t.ID, key.ID, o.wall()); err != nil {
		return "", a, err
	}
	return token, a, o.Store.AddAccessToken(ctx, t.ID, a, hashToken(token))
}

// client authenticates a client by its secret or its assertion.
func (o *Office) client(ctx context.Context, t Tenant, r TokenRequest) (APIKey, Application, error) {
	if r.Assertion != "" {
		return o.asserted(ctx, t, r)
	}
	key, want, app, err := o.Store.APIKey(ctx, t.ID, r.Client)
	if err != nil && !isNotFound(err) {
		return key, app, err
	}
	secret := strings.TrimPrefix(r.Secret, keyMark+r.Client+"_")
	got := hashToken(secret)
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 || err != nil || key.JWKS != nil || !key.inForce(o.wall()) {
		return key, app, ErrClient
	}
	return key, app, nil
}

// asserted authenticates a client by private_key_jwt. An assertion serves once.
func (o *Office) asserted(ctx context.Context, t Tenant, r TokenRequest) (APIKey, Application, error) {
	subject, err := assertion.Subject(r.Assertion)
	if err != nil || r.Client != "" && r.Client != subject {
		return APIKey{}, Application{}, ErrClient
	}
	key, _, app, err := o.Store.APIKey(ctx, t.ID, subject)
	if err != nil && !isNotFound(err) {
		return key, app, err
	}
	if err != nil || key.JWKS == nil || !key.inForce(o.wall()) {
		return key, app, ErrClient
	}
	keys, err := assertion.ParseKeys(key.JWKS)
	if err != nil {
		return key, app, fmt.Errorf("keys of %s: %w", key.ID, err)
	}
	claim, err := assertion.Verify(r.Assertion, keys, key.ID, []string{t.Origin, t.Origin + "/oauth2/token"}, o.wall())
	if fault := (*assertion.Fault)(nil); errors.As(err, &fault) {
		return key, app, &ClientError{fault.Why}
	}
	if err != nil {
		return key, app, ErrClient
	}
	err = o.Store.UseAssertion(ctx, t.ID, key.ID, hashToken(claim.ID), claim.Expires.Add(time.Minute))
	if errors.Is(err, ErrConflict) {
		return key, app, &ClientError{"jti was used before"}
	}
	return key, app, err
}

// A ClientError is an ErrClient whose reason may be told: only who holds the
// key of the client can meet it. Why is in ASCII.
type ClientError struct{ Why string }

// Error implements error.
func (e *ClientError) Error() string { return ErrClient.Error() + ": " + e.Why }

// Unwrap makes a ClientError an ErrClient.
func (e *ClientError) Unwrap() error { return ErrClient }

// RevokeToken ends an access token of the client that shows it (RFC 7009). A
// token that is unknown, or another's, is already as wanted.
func (o *Office) RevokeToken(ctx context.Context, t Tenant, r TokenRequest, token string) error {
	key, _, err := o.client(ctx, t, r)
	if err != nil {
		return err
	}
	err = o.Store.RevokeAccessToken(ctx, t.ID, key.ID, hashToken(token), o.wall())
	if isNotFound(err) {
		return nil
	}
	return err
}

// LogCall keeps one request in the journal of access of its application.
func (o *Office) LogCall(ctx context.Context, t Tenant, c Call) error {
	return o.Store.LogCall(ctx, t.ID, c)
}

// Calls lists the requests of an application, or of all, for an administrator.
func (o *Office) Calls(ctx context.Context, v Viewer, application string, p Page) ([]Call, string, error) {
	if err := v.administers(); err != nil {
		return nil, "", err
	}
	return o.Store.Calls(ctx, v.Tenant.ID, application, clamp(p))
}

// Once runs a request of an application under its Idempotency-Key: run is
// called once, and its answer is what every repetition gets, with true. An
// error is not kept: the request may be made again.
func (o *Office) Once(ctx context.Context, v Viewer, key string, fingerprint [32]byte, run func() ([]byte, error)) (answer []byte, replayed bool, err error) {
	now := o.wall()
	kept, err := o.Store.ClaimAnswer(ctx, v.Tenant.ID, v.Application.ID, key, fingerprint, now, now.Add(answerLock))
	if err != nil || kept != nil {
		return kept, kept != nil, err
	}
	answer, err = run()
	late := context.WithoutCancel(ctx) // the effect is there, whoever left
	if err != nil {
		return nil, false, errors.Join(err, o.Store.DropAnswer(late, v.Tenant.ID, v.Application.ID, key))
	}
	return answer, false, o.Store.KeepAnswer(late, v.Tenant.ID, v.Application.ID, key, answer)
}

// OnceSealed is Once for an answer that shows a secret: what is kept of it for
// a repetition is sealed, and opened for who repeats.
func (o *Office) OnceSealed(ctx context.Context, v Viewer, key string, fingerprint [32]byte, run func() ([]byte, error)) (answer []byte, replayed bool, err error) {
	name := v.Application.ID + "/" + key
	kept, replayed, err := o.Once(ctx, v, key, fingerprint, func() ([]byte, error) {
		if answer, err = run(); err != nil {
			return nil, err
		}
		sealed, err := o.Vault.Seal(v.Tenant, answerKind, name, answer)
		if err != nil {
			return nil, fmt.Errorf("seal an answer: %w", err)
		}
		return json.Marshal(sealed) // answers are kept as JSON
	})
	if err != nil || !replayed {
		return answer, false, err
	}
	var sealed []byte
	if err := json.Unmarshal(kept, &sealed); err != nil {
		return nil, false, fmt.Errorf("a sealed answer: %w", err)
	}
	if answer, err = o.Vault.Open(v.Tenant, answerKind, name, sealed); err != nil {
		return nil, false, fmt.Errorf("open an answer: %w", err)
	}
	return answer, true, nil
}

// answerKind is what the vault knows kept answers by.
const answerKind = "answer"

// A Reach is where an application calls from, what it touches and where it
// shows letters.
type Reach struct {
	Networks []string // addresses and networks; none: any
	Types    []string // codes of types of letters; none: any
	Frames   []string // origins whose pages may show its panels; none: no page may
}

// SetApplication says what an application may reach from now on. Panels that
// are open follow when they are asked for again.
func (o *Office) SetApplication(ctx context.Context, v Viewer, id string, reach Reach) error {
	if err := v.administers(); err != nil {
		return err
	}
	a := Application{ID: id}
	frames, err := frameOrigins("frames", reach.Frames)
	if err != nil {
		return err
	}
	a.Frames = frames
	for _, n := range reach.Networks {
		p, err := network(n)
		if err != nil {
			return &InvalidError{"networks", "Une des adresses ne se lit pas. Écrivez par exemple « 192.0.2.10 » ou « 192.0.2.0/24 »."}
		}
		a.Networks = append(a.Networks, p)
	}
	known, err := o.Store.Types(ctx, v.Tenant.ID)
	if err != nil {
		return err
	}
	for _, code := range reach.Types {
		if !slices.ContainsFunc(known, func(y Type) bool { return y.Code == code }) {
			return &InvalidError{"types", "Choisissez des types de courrier de la liste."}
		}
		a.Types = append(a.Types, code)
	}
	return o.Store.SetApplication(ctx, v.Tenant.ID, a, v.Actor(""), o.now())
}

func network(s string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(s); err == nil {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

// AddKeySet registers the public keys with which an application proves who it
// is (private_key_jwt), instead of a secret. Its identifier is the client_id.
func (o *Office) AddKeySet(ctx context.Context, v Viewer, application string, scopes []string, expires time.Time, jwks []byte) (APIKey, error) {
	if err := v.administers(); err != nil {
		return APIKey{}, err
	}
	if _, err := assertion.ParseKeys(jwks); err != nil {
		return APIKey{}, &InvalidError{"jwks", "Ce jeu de clés n’est pas accepté : des clés publiques RSA (2048 bits au moins), P-256, P-384, P-521 ou Ed25519, au format JWKS."}
	}
	_, key, err := o.makeKey(ctx, v.Tenant, application, scopes, expires)
	if err != nil {
		return key, err
	}
	key.JWKS = jwks
	return key, o.Store.AddAPIKey(ctx, v.Tenant.ID, application, key, [32]byte{}, v.Actor(""), o.now())
}

// makeKey draws the identifier and the secret of a credential.
func (o *Office) makeKey(ctx context.Context, t Tenant, application string, scopes []string, expires time.Time) (random string, key APIKey, err error) {
	if len(scopes) == 0 || slices.ContainsFunc(scopes, func(s string) bool { return s != ScopeDossiersAll && !slices.Contains(t.Scopes(), s) }) {
		return "", key, &InvalidError{"scopes", "Choisissez au moins un droit, parmi ceux de la liste."}
	}
	apps, err := o.Store.Applications(ctx, t.ID)
	if err != nil {
		return "", key, err
	}
	if !slices.ContainsFunc(apps, func(a Application) bool { return a.ID == application }) {
		return "", key, fmt.Errorf("application %s: %w", application, ErrNotFound)
	}
	id, err := o.token(8)
	if err != nil {
		return "", key, err
	}
	if random, err = o.token(32); err != nil {
		return "", key, err
	}
	sum := hashToken(id)
	return random, APIKey{ID: fmt.Sprintf("%x", sum[:8]), Scopes: scopes, CreatedAt: o.wall(), ExpiresAt: expires}, nil
}
