package dossiers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"parapheur/approvals"
	"parapheur/circuits"
)

// Why an identity provider brought nobody in.
var (
	// ErrSignOn: the answer is not one to the question asked from this browser,
	// was used, or does not prove what it says.
	ErrSignOn = errors.New("sign-on refused")
	// ErrSignOnDown: the provider does not answer.
	ErrSignOnDown = errors.New("identity provider unavailable")
	// ErrSignOnWeak: the person proved who they are by too little (acr).
	ErrSignOnWeak = errors.New("authentication too weak")
	// ErrSignOnElsewhere: the account is one of another establishment (SIRET).
	ErrSignOnElsewhere = errors.New("account of another establishment")
	// ErrSignOnUnknown: nobody here has this account; administrators see the
	// request.
	ErrSignOnUnknown = errors.New("account linked to nobody")
)

// A SignOn is how a town asks its identity provider.
type SignOn struct {
	Name       string // what people call it: "ProConnect"
	Issuer     string
	ClientID   string
	Sealed     []byte   // the client's secret, under the vault
	Scopes     []string // beside openid
	ACR        []string // levels that are enough; never empty
	WholeSIREN bool     // any establishment of the town's SIREN
}

// An Account identifies somebody at a provider. The e-mail address is no part
// of it: providers let it change, and give it to somebody else.
type Account struct {
	Issuer  string
	IDP     string // the identity provider behind the issuer; empty without
	Subject string // unique for IDP
}

// Claims are what a provider vouches for.
type Claims struct {
	Account
	GivenName, FamilyName, Email string
	SIRET                        string // of the establishment the person works for
	ACR                          string
	IDToken                      string // to sign out with
}

// An Identity is an account that is a person of the town.
type Identity struct {
	Account
	ID       string
	Person   circuits.PersonID
	Email    string // as the provider said, for people to read
	How      string // "invitation" or "approval"
	LinkedBy string
	LinkedAt time.Time
}

// An IdentityRequest is an account that is nobody yet.
type IdentityRequest struct {
	Account
	ID                           string
	GivenName, FamilyName, Email string // as the provider says
	ACR                          string
	At                           time.Time // of the last try
}

// A Party is the client that a town is at its provider.
type Party struct {
	SignOn
	Secret string
	Return string // where the provider sends browsers back
	Left   string // where it does after signing out
}

// A Challenge is what one sign-in is bound to. All are secret but State.
type Challenge struct {
	State    string // 43 characters
	Nonce    string // 43 characters
	Verifier string // of PKCE, RFC 7636, 43 characters
}

// An IdentityProvider speaks OpenID Connect. What it answers was verified:
// signatures, issuer, audience, dates, nonce, acr, and that user info is about
// the subject of the ID token.
type IdentityProvider interface {
	// SignIn is the address to send the browser to, or ErrSignOnDown.
	SignIn(ctx context.Context, p Party, c Challenge) (string, error)
	// Claims exchanges a code. Its errors are those of this file.
	Claims(ctx context.Context, p Party, c Challenge, code string) (Claims, error)
	// SignOut is the address that ends the session at the provider, or empty.
	SignOut(ctx context.Context, p Party, idToken, state string) (string, error)
}

// Identities keeps providers and accounts. Everything is of one town.
type Identities interface {
	// SignOn returns the provider, or ErrNotFound.
	SignOn(ctx context.Context, t TenantID) (SignOn, error)
	// SetSignOn replaces it. It and the other writes are journaled under by.
	SetSignOn(ctx context.Context, t TenantID, s SignOn, by circuits.Actor, at time.Time) error
	// RemoveSignOn removes it, or is ErrNotFound. Links are kept.
	RemoveSignOn(ctx context.Context, t TenantID, by circuits.Actor, at time.Time) error
	// Identity returns whose account it is, or ErrNotFound.
	Identity(ctx context.Context, t TenantID, a Account) (Identity, error)
	Identities(ctx context.Context, t TenantID) ([]Identity, error)
	// LinkIdentity makes an account a person's and forgets its request. It is
	// ErrForbidden when the account is somebody's.
	LinkIdentity(ctx context.Context, t TenantID, i Identity, by circuits.Actor) error
	// UnlinkIdentity undoes it and closes the sessions of its person.
	UnlinkIdentity(ctx context.Context, t TenantID, id string, by circuits.Actor, at time.Time) error
	// AskIdentity keeps a request, once per account.
	AskIdentity(ctx context.Context, t TenantID, r IdentityRequest) error
	IdentityRequests(ctx context.Context, t TenantID) ([]IdentityRequest, error)
	// RefuseIdentity forgets a request, or is ErrNotFound.
	RefuseIdentity(ctx context.Context, t TenantID, id string, by circuits.Actor, at time.Time) error
	// SetLogoutHint keeps with a session what the provider wants when it ends.
	SetLogoutHint(ctx context.Context, t TenantID, session string, sealed []byte) error
	// LogoutHint is nil for a session that no provider opened.
	LogoutHint(ctx context.Context, t TenantID, session string) ([]byte, error)
}

const (
	// SignOnSecretKind is what the vault knows the client's secret by.
	SignOnSecretKind = "sign_on"
	logoutHintKind   = "logout_hint"
	// purposeSignOn keeps sign-ins under way beside the ceremonies: they too
	// are of one browser, serve once and expire.
	purposeSignOn approvals.Purpose = "sign_on"
	signOnLife                      = 10 * time.Minute
)

// An attempt is a sign-in under way.
type attempt struct {
	Challenge  Challenge `json:"challenge"`
	Issuer     string    `json:"issuer"`
	Next       string    `json:"next"`                 // path to go to
	Invitation []byte    `json:"invitation,omitempty"` // SHA-256 of its token
}

// SignOnName is what people call the identity provider of the town, or empty
// when it has none.
func (o *Office) SignOnName(ctx context.Context, t Tenant) (string, error) {
	if o.Identity == nil {
		return "", nil
	}
	s, err := o.Store.SignOn(ctx, t.ID)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return s.Name, err
}

// signOn is the client that t is, with its secret.
func (o *Office) signOn(ctx context.Context, t Tenant) (Party, error) {
	if o.Identity == nil {
		return Party{}, fmt.Errorf("identity provider: %w", ErrNotFound)
	}
	s, err := o.Store.SignOn(ctx, t.ID)
	if err != nil {
		return Party{}, err
	}
	secret, err := o.Vault.Open(t, SignOnSecretKind, s.Issuer, s.Sealed)
	if err != nil {
		return Party{}, fmt.Errorf("secret of the identity provider: %w", err)
	}
	return Party{SignOn: s, Secret: string(secret), Return: t.Origin + "/connexion/retour", Left: t.Origin + "/connexion"}, nil
}

// BeginSignOn returns the address of the provider. s is the session that will
// come back; next is where the person wants to go. An invitation, if any, links
// the account to its person.
func (o *Office) BeginSignOn(ctx context.Context, t Tenant, s Session, next, invitation string) (string, error) {
	p, err := o.signOn(ctx, t)
	if err != nil {
		return "", err
	}
	a := attempt{Issuer: p.Issuer, Next: next}
	for _, x := range []*string{&a.Challenge.State, &a.Challenge.Nonce, &a.Challenge.Verifier} {
		if *x, err = o.token(32); err != nil {
			return "", err
		}
	}
	if invitation != "" {
		if _, _, err := o.invitation(ctx, t, invitation); err != nil {
			return "", err
		}
		h := hashToken(invitation)
		a.Invitation = h[:]
	}
	address, err := o.Identity.SignIn(ctx, p, a.Challenge)
	if err != nil {
		return "", fmt.Errorf("begin sign-on: %w", err)
	}
	note, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("encode a sign-on: %w", err)
	}
	id := hashToken(a.Challenge.State)
	c := approvals.Ceremony{
		ID: id[:], Purpose: purposeSignOn, HTTPSession: []byte(s.ID), Challenge: []byte(a.Challenge.Nonce), Expires: o.Now().Add(signOnLife),
	}
	return address, o.Store.KeepCeremony(ctx, t.ID, c, note)
}

// A SignedOn is whom a provider brought in.
type SignedOn struct {
	Person Person
	Token  string // of the new session
	Next   string // where they wanted to go
}

// An Answer is what the browser brought back from the provider.
type Answer struct {
	State  string
	Code   string // empty when the provider refused
	Issuer string // RFC 9207; empty when the provider does not say
}

// FinishSignOn opens a session for the person that an answer proves, under a
// new token. It decides nothing: decisions ask for a passkey. An account that
// is nobody's is shown to administrators and refused, ErrSignOnUnknown.
func (o *Office) FinishSignOn(ctx context.Context, t Tenant, s Session, in Answer) (SignedOn, error) {
	out := SignedOn{}
	a, err := o.takeSignOn(ctx, t, s, in)
	if err != nil {
		return out, err
	}
	out.Next = a.Next
	p, err := o.signOn(ctx, t)
	if err != nil {
		return out, err
	}
	if in.Code == "" || a.Issuer != p.Issuer || in.Issuer != "" && in.Issuer != p.Issuer {
		return out, fmt.Errorf("finish sign-on: no code of %s: %w", p.Issuer, ErrSignOn)
	}
	c, err := o.Identity.Claims(ctx, p, a.Challenge, in.Code)
	if err != nil {
		return out, fmt.Errorf("finish sign-on: %w", err)
	}
	if !employs(t, p.WholeSIREN, c.SIRET) {
		return out, fmt.Errorf("finish sign-on: SIRET %q: %w", c.SIRET, ErrSignOnElsewhere)
	}
	if out.Person, err = o.known(ctx, t, c, a.Invitation); err != nil {
		return out, err
	}
	if !out.Person.Active {
		return out, fmt.Errorf("finish sign-on: inactive person: %w", ErrForbidden)
	}
	out.Token, err = o.openSignedOn(ctx, t, out.Person.ID, c.IDToken)
	return out, err
}

// takeSignOn uses up the sign-in that an answer names. It must have been begun
// by the same browser.
func (o *Office) takeSignOn(ctx context.Context, t Tenant, s Session, in Answer) (a attempt, err error) {
	id := hashToken(in.State)
	_, note, err := o.Store.TakeCeremony(ctx, t.ID, id[:], string(purposeSignOn), s.ID, o.Now())
	if errors.Is(err, ErrNotFound) {
		return a, fmt.Errorf("finish sign-on: unknown state: %w", ErrSignOn)
	}
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(note, &a); err != nil {
		return a, fmt.Errorf("decode a sign-on: %w", err)
	}
	return a, nil
}

func (o *Office) openSignedOn(ctx context.Context, t Tenant, p circuits.PersonID, idToken string) (string, error) {
	token, s, err := o.openSession(ctx, t, p, sessionLife)
	if err != nil {
		return "", err
	}
	hint, err := o.Vault.Seal(t, logoutHintKind, s.ID, []byte(idToken))
	if err != nil {
		return "", fmt.Errorf("seal the ID token: %w", err)
	}
	return token, o.Store.SetLogoutHint(ctx, t.ID, s.ID, hint)
}

// employs reports whether a SIRET (14 digits, of which 9 are the SIREN) is the
// town's, or its SIREN where the town says so.
func employs(t Tenant, wholeSIREN bool, siret string) bool {
	if len(siret) != 14 || strings.Trim(siret, "0123456789") != "" {
		return false
	}
	return siret == t.SIRET || wholeSIREN && len(t.SIRET) == 14 && siret[:9] == t.SIRET[:9]
}

// known returns whose account it is. An invitation links it to a person who
// has none, and stays open for their passkey.
func (o *Office) known(ctx context.Context, t Tenant, c Claims, invitation []byte) (Person, error) {
	i, err := o.Store.Identity(ctx, t.ID, c.Account)
	if err == nil {
		return o.Store.Person(ctx, t.ID, i.Person)
	}
	if !errors.Is(err, ErrNotFound) {
		return Person{}, err
	}
	if p, ok, err := o.linkInvited(ctx, t, c, invitation); ok || err != nil {
		return p, err
	}
	id, err := o.newID()
	if err != nil {
		return Person{}, err
	}
	asked := IdentityRequest{
		Account: c.Account, ID: id, GivenName: shown(c.GivenName), FamilyName: shown(c.FamilyName), Email: shown(c.Email), ACR: c.ACR, At: o.now(),
	}
	if err := o.Store.AskIdentity(ctx, t.ID, asked); err != nil {
		return Person{}, err
	}
	return Person{}, ErrSignOnUnknown
}

// linkInvited links an account to the person of an open invitation, if that
// person has neither account nor passkey yet: whoever has one asks an
// administrator, so that a link gone astray takes no place over.
func (o *Office) linkInvited(ctx context.Context, t Tenant, c Claims, invitation []byte) (p Person, ok bool, err error) {
	if len(invitation) != 32 {
		return p, false, nil
	}
	in, err := o.Store.Invitation(ctx, t.ID, [32]byte(invitation), o.Now())
	if errors.Is(err, ErrNotFound) {
		return p, false, ErrInvitation
	}
	if err != nil {
		return p, false, err
	}
	if p, err = o.Store.Person(ctx, t.ID, in.Person); err != nil {
		return p, false, err
	}
	all, err := o.Store.Identities(ctx, t.ID)
	if err != nil {
		return p, false, err
	}
	keys, err := o.Store.Credentials(ctx, t.ID, p.ID)
	if err != nil || len(keys) > 0 || !p.Active {
		return p, false, err
	}
	for _, i := range all {
		if i.Person == p.ID {
			return p, false, nil
		}
	}
	id, err := o.newID()
	if err != nil {
		return p, false, err
	}
	i := Identity{Account: c.Account, ID: id, Person: p.ID, Email: shown(c.Email), How: "invitation", LinkedBy: in.InvitedBy, LinkedAt: o.now()}
	err = o.Store.LinkIdentity(ctx, t.ID, i, circuits.Actor{Person: p.ID, Name: p.Name()})
	return p, err == nil, err
}

// shown bounds what a provider says before administrators read it.
func shown(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200])
	}
	return s
}

// IdentityRequests lists the accounts that wait for an administrator.
func (o *Office) IdentityRequests(ctx context.Context, v Viewer) ([]IdentityRequest, error) {
	if err := v.administers(); err != nil {
		return nil, err
	}
	return o.Store.IdentityRequests(ctx, v.Tenant.ID)
}

// Identities lists the accounts that are people's.
func (o *Office) Identities(ctx context.Context, v Viewer) ([]Identity, error) {
	if err := v.administers(); err != nil {
		return nil, err
	}
	return o.Store.Identities(ctx, v.Tenant.ID)
}

// ApproveIdentity makes the account of a request a person's. The choice is the
// administrator's: nothing is proposed from an e-mail address.
func (o *Office) ApproveIdentity(ctx context.Context, v Viewer, request string, p circuits.PersonID) error {
	all, err := o.IdentityRequests(ctx, v)
	if err != nil {
		return err
	}
	who, err := o.Store.Person(ctx, v.Tenant.ID, p)
	if err != nil {
		return err
	}
	if !who.Active {
		return &InvalidError{"person", "Cette personne est désactivée."}
	}
	for _, r := range all {
		if r.ID != request {
			continue
		}
		i := Identity{Account: r.Account, ID: r.ID, Person: p, Email: r.Email, How: "approval", LinkedBy: v.Person.Name(), LinkedAt: o.now()}
		return o.Store.LinkIdentity(ctx, v.Tenant.ID, i, v.Actor(""))
	}
	return fmt.Errorf("identity request %s: %w", request, ErrNotFound)
}

// RefuseIdentity forgets a request.
func (o *Office) RefuseIdentity(ctx context.Context, v Viewer, request string) error {
	if err := v.administers(); err != nil {
		return err
	}
	return o.Store.RefuseIdentity(ctx, v.Tenant.ID, request, v.Actor(""), o.now())
}

// UnlinkIdentity takes an account from its person, whose sessions are closed.
func (o *Office) UnlinkIdentity(ctx context.Context, v Viewer, id string) error {
	if err := v.administers(); err != nil {
		return err
	}
	return o.Store.UnlinkIdentity(ctx, v.Tenant.ID, id, v.Actor(""), o.now())
}

// SignOutAddress is where the session of s also ends at the provider that
// opened it; empty when none did, or when the provider cannot be asked: leaving
// here never depends on it.
func (o *Office) SignOutAddress(ctx context.Context, t Tenant, s Session) (string, error) {
	sealed, err := o.Store.LogoutHint(ctx, t.ID, s.ID)
	if errors.Is(err, ErrNotFound) || err == nil && sealed == nil {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	p, err := o.signOn(ctx, t)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	hint, err := o.Vault.Open(t, logoutHintKind, s.ID, sealed)
	if err != nil {
		return "", fmt.Errorf("open the ID token: %w", err)
	}
	state, err := o.token(32)
	if err != nil {
		return "", err
	}
	address, err := o.Identity.SignOut(ctx, p, string(hint), state)
	if errors.Is(err, ErrSignOnDown) {
		return "", nil
	}
	return address, err
}

// SetSignOn gives the town an identity provider, for the operator. s.Sealed is
// made of secret. It replaces the one before, whose links stay.
func (o *Office) SetSignOn(ctx context.Context, v Viewer, s SignOn, secret string) error {
	if err := v.administers(); err != nil {
		return err
	}
	if s.Name == "" || s.Issuer == "" || s.ClientID == "" || secret == "" || len(s.ACR) == 0 {
		return &InvalidError{"issuer", "Il faut le nom et l’adresse du fournisseur, un identifiant, un secret et au moins un niveau (acr)."}
	}
	var err error
	if s.Sealed, err = o.Vault.Seal(v.Tenant, SignOnSecretKind, s.Issuer, []byte(secret)); err != nil {
		return fmt.Errorf("seal the secret: %w", err)
	}
	return o.Store.SetSignOn(ctx, v.Tenant.ID, s, v.Actor(""), o.now())
}

// RemoveSignOn closes the door of the provider, for the operator.
func (o *Office) RemoveSignOn(ctx context.Context, v Viewer) error {
	if err := v.administers(); err != nil {
		return err
	}
	return o.Store.RemoveSignOn(ctx, v.Tenant.ID, v.Actor(""), o.now())
}
