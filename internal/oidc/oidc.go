// Package oidc signs people in through the identity provider of their town:
// ProConnect, or any OpenID Connect 1.0 provider that signs its user info
// (Keycloak does). It asks and verifies; whose account it is, and whether its
// establishment is the town's, are for package dossiers.
//
// What it answers was verified: the ID token (signature RS256 or ES256, iss,
// aud, azp, exp, nonce, at_hash, acr) and the user info, which must be a JWT of
// the same issuer (signature, iss, aud, and exp where it has one: Keycloak says
// none) about the same subject. It must
// not send a parameter that the specification of ProConnect does not know
// (error Y000400), nor follow where the provider's metadata leaves its scheme.
//
// # Failure handling
//
// It fails closed, with the errors of package dossiers: ErrSignOnDown when the
// provider does not answer, which trying again may help; ErrSignOn when the
// answer proves nothing; ErrSignOnWeak when it proves too little. Metadata are
// kept for an hour; keys are asked for again when one is unknown.
package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"parapheur/dossiers"
)

// keptFor is how long the metadata of a provider are believed.
const keptFor = time.Hour

// A Client speaks to providers. It is safe for concurrent use.
type Client struct {
	http *http.Client
	now  func() time.Time

	mu    sync.Mutex
	known map[string]discovered
}

var _ dossiers.IdentityProvider = (*Client)(nil)

// discovered are the metadata of one issuer.
type discovered struct {
	*oidc.Provider
	until      time.Time
	endSession string
	pkce       bool
}

// New returns a Client which asks by http; see package egress.
func New(http *http.Client, now func() time.Time) *Client {
	return &Client{http: http, now: now, known: map[string]discovered{}}
}

// provider returns the metadata of an issuer, asked for if need be.
func (c *Client) provider(ctx context.Context, issuer string) (discovered, error) {
	c.mu.Lock()
	d, ok := c.known[issuer]
	c.mu.Unlock()
	if ok && c.now().Before(d.until) {
		return d, nil
	}
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, c.http), issuer)
	if err != nil {
		return d, fmt.Errorf("%w: metadata of %s: %w", dossiers.ErrSignOnDown, issuer, err)
	}
	var more struct {
		EndSession string   `json:"end_session_endpoint"`
		PKCE       []string `json:"code_challenge_methods_supported"`
	}
	if err := p.Claims(&more); err != nil {
		return d, fmt.Errorf("%w: metadata of %s: %w", dossiers.ErrSignOnDown, issuer, err)
	}
	for _, address := range []string{p.Endpoint().AuthURL, p.Endpoint().TokenURL, p.UserInfoEndpoint(), more.EndSession} {
		if !sameScheme(issuer, address) {
			return d, fmt.Errorf("%w: metadata of %s name %q", dossiers.ErrSignOnDown, issuer, address)
		}
	}
	d = discovered{Provider: p, until: c.now().Add(keptFor), endSession: more.EndSession, pkce: slices.Contains(more.PKCE, "S256")}
	c.mu.Lock()
	c.known[issuer] = d
	c.mu.Unlock()
	return d, nil
}

// sameScheme reports whether an address, unless empty, is as guarded as the issuer.
func sameScheme(issuer, address string) bool {
	i, err := url.Parse(issuer)
	if err != nil {
		return false
	}
	a, err := url.Parse(address)
	return err == nil && (address == "" || a.Scheme == i.Scheme && a.Host != "")
}

func (d discovered) config(p dossiers.Party) *oauth2.Config {
	e := d.Endpoint()
	e.AuthStyle = oauth2.AuthStyleInParams // client_secret_post
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.Secret, Endpoint: e, RedirectURL: p.Return,
		Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...),
	}
}

// SignIn implements dossiers.IdentityProvider. PKCE is sent to providers that
// announce it: ProConnect refuses what it does not know.
func (c *Client) SignIn(ctx context.Context, p dossiers.Party, ch dossiers.Challenge) (string, error) {
	d, err := c.provider(ctx, p.Issuer)
	if err != nil {
		return "", err
	}
	type wanted struct {
		Essential bool     `json:"essential"`
		Values    []string `json:"values,omitempty"`
	}
	claims, err := json.Marshal(map[string]map[string]wanted{"id_token": {"acr": {true, p.ACR}, "amr": {Essential: true}}})
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	opts := []oauth2.AuthCodeOption{oidc.Nonce(ch.Nonce), oauth2.SetAuthURLParam("claims", string(claims))}
	if d.pkce {
		opts = append(opts, oauth2.S256ChallengeOption(ch.Verifier))
	}
	return d.config(p).AuthCodeURL(ch.State, opts...), nil
}

// Claims implements dossiers.IdentityProvider.
func (c *Client) Claims(ctx context.Context, p dossiers.Party, ch dossiers.Challenge, code string) (dossiers.Claims, error) {
	out := dossiers.Claims{}
	d, err := c.provider(ctx, p.Issuer)
	if err != nil {
		return out, err
	}
	ctx = oidc.ClientContext(ctx, c.http)
	var opts []oauth2.AuthCodeOption
	if d.pkce {
		opts = append(opts, oauth2.VerifierOption(ch.Verifier))
	}
	token, err := d.config(p).Exchange(ctx, code, opts...)
	if err != nil {
		return out, exchangeFailed(err)
	}
	verifier := d.VerifierContext(ctx, &oidc.Config{
		ClientID: p.ClientID, Now: c.now, SupportedSigningAlgs: []string{oidc.RS256, oidc.ES256},
	})
	out.IDToken, _ = token.Extra("id_token").(string)
	id, err := verifier.Verify(ctx, out.IDToken)
	if err != nil {
		return out, fmt.Errorf("%w: ID token: %w", dossiers.ErrSignOn, err)
	}
	if out.ACR, err = judge(id, p, ch.Nonce, token.AccessToken); err != nil {
		return out, err
	}
	raw, err := c.userInfo(ctx, d.UserInfoEndpoint(), token.AccessToken)
	if err != nil {
		return out, err
	}
	info, err := c.verifyInfo(ctx, d, p, raw)
	if err != nil {
		return out, fmt.Errorf("%w: user info: %w", dossiers.ErrSignOn, err)
	}
	if info.Subject == "" || info.Subject != id.Subject {
		return out, fmt.Errorf("%w: user info is about another subject", dossiers.ErrSignOn)
	}
	return fill(out, info, p)
}

// verifyInfo verifies a signed user info: its issuer and its audience, and its
// end where it has one. OpenID Connect Core 1.0, 5.3.2 asks for iss and aud
// only: Keycloak signs no exp. It was fetched just now, with the token of this
// sign-in.
func (c *Client) verifyInfo(ctx context.Context, d discovered, p dossiers.Party, raw string) (*oidc.IDToken, error) {
	info, err := d.VerifierContext(ctx, &oidc.Config{
		ClientID: p.ClientID, SupportedSigningAlgs: []string{oidc.RS256, oidc.ES256}, SkipExpiryCheck: true,
	}).Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	var claims struct {
		Expires *float64 `json:"exp"`
	}
	if err := info.Claims(&claims); err != nil {
		return nil, err
	}
	if claims.Expires != nil && !c.now().Before(info.Expiry) {
		return nil, &oidc.TokenExpiredError{Expiry: info.Expiry}
	}
	return info, nil
}

// exchangeFailed tells a code that was refused from a provider that is down.
func exchangeFailed(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < http.StatusInternalServerError {
		return fmt.Errorf("%w: exchange of the code: %s", dossiers.ErrSignOn, refused.ErrorCode)
	}
	return fmt.Errorf("%w: exchange of the code: %w", dossiers.ErrSignOnDown, err)
}

// judge verifies of an ID token what its signature does not tell, and returns
// its acr.
func judge(id *oidc.IDToken, p dossiers.Party, nonce, accessToken string) (string, error) {
	var claims struct {
		ACR string `json:"acr"`
		AZP string `json:"azp"`
	}
	if err := id.Claims(&claims); err != nil {
		return "", fmt.Errorf("%w: ID token: %w", dossiers.ErrSignOn, err)
	}
	switch {
	case nonce == "" || subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1:
		return "", fmt.Errorf("%w: nonce of another sign-in", dossiers.ErrSignOn)
	case id.Subject == "":
		return "", fmt.Errorf("%w: ID token without subject", dossiers.ErrSignOn)
	case claims.AZP != "" && claims.AZP != p.ClientID, len(id.Audience) > 1 && claims.AZP == "":
		return "", fmt.Errorf("%w: ID token for party %q", dossiers.ErrSignOn, claims.AZP)
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(accessToken); err != nil {
			return "", fmt.Errorf("%w: %w", dossiers.ErrSignOn, err)
		}
	}
	if !slices.Contains(p.ACR, claims.ACR) {
		return "", fmt.Errorf("%w: acr %q", dossiers.ErrSignOnWeak, claims.ACR)
	}
	return claims.ACR, nil
}

// maxUserInfo bounds a signed user info.
const maxUserInfo = 256 << 10

// userInfo asks for the user info, which must be signed.
func (c *Client) userInfo(ctx context.Context, address, accessToken string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", fmt.Errorf("%w: user info: %w", dossiers.ErrSignOnDown, err)
	}
	r.Header.Set("Authorization", "Bearer "+accessToken)
	r.Header.Set("Accept", "application/jwt")
	resp, err := c.http.Do(r)
	if err != nil {
		return "", fmt.Errorf("%w: user info: %w", dossiers.ErrSignOnDown, err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to the end below
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxUserInfo))
	if err != nil {
		return "", fmt.Errorf("%w: user info: %w", dossiers.ErrSignOnDown, err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%w: user info: status %d", dossiers.ErrSignOnDown, resp.StatusCode)
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "application/jwt" {
		return "", fmt.Errorf("%w: user info is %q, not signed", dossiers.ErrSignOn, kind)
	}
	return string(body), nil
}

// fill reads a verified user info. An idp_id that was asked for must be there:
// subjects are unique for it alone.
func fill(out dossiers.Claims, info *oidc.IDToken, p dossiers.Party) (dossiers.Claims, error) {
	var u struct {
		GivenName  string `json:"given_name"`
		UsualName  string `json:"usual_name"`
		FamilyName string `json:"family_name"`
		Email      string `json:"email"`
		SIRET      string `json:"siret"`
		IDP        string `json:"idp_id"`
	}
	if err := info.Claims(&u); err != nil {
		return dossiers.Claims{}, fmt.Errorf("%w: user info: %w", dossiers.ErrSignOn, err)
	}
	if u.IDP == "" && slices.Contains(p.Scopes, "idp_id") {
		return dossiers.Claims{}, fmt.Errorf("%w: user info without idp_id", dossiers.ErrSignOn)
	}
	if u.UsualName == "" {
		u.UsualName = u.FamilyName
	}
	out.Account = dossiers.Account{Issuer: p.Issuer, IDP: u.IDP, Subject: info.Subject}
	out.GivenName, out.FamilyName, out.Email, out.SIRET = u.GivenName, u.UsualName, u.Email, u.SIRET
	return out, nil
}

// SignOut implements dossiers.IdentityProvider (OpenID Connect RP-Initiated
// Logout 1.0).
func (c *Client) SignOut(ctx context.Context, p dossiers.Party, idToken, state string) (string, error) {
	d, err := c.provider(ctx, p.Issuer)
	if err != nil || d.endSession == "" {
		return "", err
	}
	u, err := url.Parse(d.endSession)
	if err != nil {
		return "", fmt.Errorf("%w: end of session: %w", dossiers.ErrSignOnDown, err)
	}
	q := u.Query()
	q.Set("id_token_hint", idToken)
	q.Set("post_logout_redirect_uri", p.Left)
	q.Set("state", state)
	u.RawQuery = q.Encode()
	return u.String(), nil
}
