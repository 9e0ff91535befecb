package certs

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Patience with a remote service.
const (
	defaultPollEvery = 2 * time.Second
	defaultPollFor   = 2 * time.Minute
	// redirectLife is how long the holder has to come back from the service.
	redirectLife = 15 * time.Minute
)

// CSCAuth is one thing that proves the holder, such as {"PIN", "…"}.
type CSCAuth struct {
	ID    string `json:"id"`
	Value string `json:"value"`
}

// CSCOptions configures [NewCSC].
type CSCOptions struct {
	Service    *CSCService
	Credential CSCCredential
	// Auth goes with each authorisation of an explicit credential.
	Auth []CSCAuth
	// Redirect is where the holder's browser comes back to, for CSCOAuth.
	Redirect string
	// Description is what the service shows to the holder.
	Description string
	// Vault and Binding encrypt what an activation must not reveal. Required.
	Vault   *Vault
	Binding Binding
	// PSS has an RSA key sign with RSASSA-PSS, salt as long as the hash.
	PSS bool
	// PollEvery and PollFor say how an answer that is not there yet is waited
	// for; 2 seconds and 2 minutes if zero.
	PollEvery, PollFor time.Duration

	// Gate, Guard and Now are those of [LocalOptions].
	Gate  Gate
	Guard Guard
	Now   Clock
}

// CSC is the provider of a key held by a remote service. It is safe for
// concurrent use.
//
// With CSCOAuth the activation carries a Redirect: the holder goes there, comes
// back to the callback, and [CSC.Finish] makes the activation ready. Otherwise
// Begin authorises at once, and Sign waits for the holder's telephone within
// PollFor. An authorisation of level SCAL2 holds for the given digests only; it
// is asked for all of them together.
type CSC struct {
	opt CSCOptions
}

var _ KeyProvider = (*CSC)(nil)

// NewCSC makes a provider; it contacts nobody.
func NewCSC(opt CSCOptions) (*CSC, error) {
	if opt.Service == nil || opt.Vault == nil || opt.Now == nil || opt.Credential.ID == "" {
		return nil, errors.New("certs: a remote key needs its service, a credential, a vault and a clock")
	}
	if len(opt.Credential.Chain) == 0 {
		return nil, ErrNoCertificate
	}
	switch opt.Credential.Mode {
	case CSCExplicit, CSCImplicit:
	case CSCOAuth:
		if opt.Redirect == "" {
			return nil, errors.New("certs: a remote key that its holder authorises needs an address of return")
		}
	default:
		return nil, fmt.Errorf("%w: authorisation of kind %q", ErrRemoteRefused, opt.Credential.Mode)
	}
	if err := opt.Guard.Check(opt.Credential.Chain...); err != nil {
		return nil, err
	}
	if opt.PollEvery == 0 {
		opt.PollEvery = defaultPollEvery
	}
	if opt.PollFor == 0 {
		opt.PollFor = defaultPollFor
	}
	return &CSC{opt: opt}, nil
}

// WithGate returns a provider of the same key which asks another gate.
func (c *CSC) WithGate(g Gate) *CSC {
	opt := c.opt
	opt.Gate = g
	return &CSC{opt: opt}
}

// Chain implements [KeyProvider].
func (c *CSC) Chain(context.Context) ([]*x509.Certificate, error) {
	return slices.Clone(c.opt.Credential.Chain), nil
}

// PSS says that an RSA key signs with RSASSA-PSS here; see [Signer.PSS].
func (c *CSC) PSS() bool { return c.opt.PSS }

func (c *CSC) admission() admission {
	return admission{gate: c.opt.Gate, guard: c.opt.Guard, now: c.opt.Now, chain: c.opt.Credential.Chain}
}

// cscSecret is what an activation keeps sealed.
type cscSecret struct {
	Verifier string `json:"verifier,omitempty"` // of PKCE, until the holder is back
	SAD      string `json:"sad,omitempty"`      // signature activation data
	Bearer   bool   `json:"bearer,omitempty"`   // the SAD is a token of scope "credential"
}

// binding ties a sealed secret to its activation and to the bytes it is for.
func (c *CSC) binding(a *Activation) Binding {
	b := c.opt.Binding
	b.ID += "/" + a.Handle
	return b
}

func (c *CSC) seal(a *Activation, s cscSecret) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("certs: sealing the activation: %w", err)
	}
	a.Sealed, err = c.opt.Vault.Seal(raw, c.binding(a))
	return err
}

func (c *CSC) unseal(a Activation) (s cscSecret, err error) {
	raw, err := c.opt.Vault.Open(a.Sealed, c.binding(&a))
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("%w: %w", ErrSealed, err)
	}
	return s, nil
}

// Begin implements [KeyProvider]. More digests than one authorisation allows
// is [ErrRemoteRefused]: ask for fewer at a time.
func (c *CSC) Begin(ctx context.Context, tbs [][]byte, h crypto.Hash, proof []byte) (Activation, error) {
	if err := c.admission().admit(ctx, tbs, h, proof); err != nil {
		return Activation{}, err
	}
	if n := c.opt.Credential.Multisign; len(tbs) > n {
		return Activation{}, fmt.Errorf("%w: %d signatures at once, %d allowed", ErrRemoteRefused, len(tbs), n)
	}
	a := Activation{Hash: h, TBS: tbs, Proof: proof}
	if c.opt.Credential.Mode == CSCOAuth {
		err := c.redirect(&a)
		return a, err
	}
	err := c.authorize(ctx, &a)
	return a, err
}

// redirect prepares the way of the holder to the service (CSC API 2.0, 8.4.2).
func (c *CSC) redirect(a *Activation) error {
	verifier, state := randomText(), randomText()
	challenge := sha256.Sum256([]byte(verifier))
	hashes := make([]string, len(a.TBS))
	for i, tbs := range a.TBS {
		hashes[i] = base64.RawURLEncoding.EncodeToString(digestOf(tbs, a.Hash))
	}
	q := url.Values{
		"response_type": {"code"}, "client_id": {c.opt.Service.opt.ClientID}, "redirect_uri": {c.opt.Redirect},
		"scope": {"credential"}, "state": {state},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
		"credentialID": {c.opt.Credential.ID}, "numSignatures": {strconv.Itoa(len(a.TBS))},
		"hashes": {strings.Join(hashes, ",")}, "hashAlgorithmOID": {hashOID(a.Hash).String()}, "lang": {"fr-FR"},
	}
	if c.opt.Description != "" {
		q.Set("description", c.opt.Description)
	}
	a.Redirect = c.opt.Service.opt.OAuthURL + "/oauth2/authorize?" + q.Encode()
	a.Handle, a.Expires = state, c.opt.Now().Add(redirectLife)
	return c.seal(a, cscSecret{Verifier: verifier})
}

func randomText() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand crashes the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Finish takes the parameters with which the browser of the holder came back,
// and makes the activation ready. [ErrHolderRefused] if the holder declined,
// [ErrActivationExpired] if these are not the parameters of this activation, or
// come too late.
func (c *CSC) Finish(ctx context.Context, a Activation, query url.Values) (Activation, error) {
	if subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(a.Handle)) != 1 || a.Redirect == "" || a.Ready {
		return Activation{}, fmt.Errorf("%w: another request", ErrActivationExpired)
	}
	if c.opt.Now().After(a.Expires) {
		return Activation{}, ErrActivationExpired
	}
	if code := query.Get("error"); code != "" {
		return Activation{}, &CSCError{Status: http.StatusBadRequest, Code: code, Description: query.Get("error_description")}
	}
	secret, err := c.unseal(a)
	if err != nil {
		return Activation{}, err
	}
	t, err := c.opt.Service.grant(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {query.Get("code")}, "redirect_uri": {c.opt.Redirect}, "code_verifier": {secret.Verifier},
	})
	if err != nil {
		return Activation{}, err
	}
	a.Ready, a.Redirect, a.Expires = true, "", c.opt.Now().Add(t.lifetime())
	err = c.seal(&a, cscSecret{SAD: t.Access, Bearer: true})
	return a, err
}

// authorize asks for the authorisation of all the digests (CSC API 2.0, 11.6).
func (c *CSC) authorize(ctx context.Context, a *Activation) error {
	token, err := c.opt.Service.token(ctx)
	if err != nil {
		return err
	}
	in := map[string]any{
		"credentialID": c.opt.Credential.ID, "numSignatures": len(a.TBS), "hashes": digests(a),
		"hashAlgorithmOID": hashOID(a.Hash).String(),
	}
	if len(c.opt.Auth) > 0 {
		in["authData"] = c.opt.Auth
	}
	if c.opt.Description != "" {
		in["description"] = c.opt.Description
	}
	var out cscAuthorized
	status, err := c.opt.Service.call(ctx, token, "credentials/authorize", in, &out)
	if err != nil {
		return err
	}
	return c.authorized(a, status, out)
}

// cscAuthorized answers credentials/authorize and authorizeCheck.
type cscAuthorized struct {
	SAD       string `json:"SAD"`
	Handle    string `json:"handle"`
	ExpiresIn int    `json:"expiresIn"`
}

// authorized records an answer: an authorisation, or a handle to ask again with.
func (c *CSC) authorized(a *Activation, status int, out cscAuthorized) error {
	if status == http.StatusAccepted {
		if out.Handle != "" {
			a.Handle = out.Handle
		}
		if a.Handle == "" {
			return fmt.Errorf("%w: neither authorisation nor handle", ErrRemoteRefused)
		}
		return nil
	}
	if out.SAD == "" {
		return fmt.Errorf("%w: authorised without activation data", ErrRemoteRefused)
	}
	a.Ready, a.Expires = true, c.opt.Now().Add(cscToken{ExpiresIn: out.ExpiresIn}.lifetime())
	return c.seal(a, cscSecret{SAD: out.SAD})
}

// digests are the digests to sign, in base64.
func digests(a *Activation) []string {
	out := make([]string, len(a.TBS))
	for i, tbs := range a.TBS {
		out[i] = base64.StdEncoding.EncodeToString(digestOf(tbs, a.Hash))
	}
	return out
}

// Sign implements [KeyProvider]. It asks for the signatures once; waiting for
// an answer under way is not asking again.
func (c *CSC) Sign(ctx context.Context, a Activation) ([][]byte, error) {
	if err := c.admission().admit(ctx, a.TBS, a.Hash, a.Proof); err != nil {
		return nil, err
	}
	if !a.Ready {
		if a.Redirect != "" {
			return nil, ErrNotReady
		}
		if err := c.await(ctx, &a); err != nil {
			return nil, err
		}
	}
	if c.opt.Now().After(a.Expires) {
		return nil, ErrActivationExpired
	}
	secret, err := c.unseal(a)
	if err != nil {
		return nil, err
	}
	values, err := c.signHash(ctx, &a, secret)
	if err != nil {
		return nil, err
	}
	return c.accept(&a, values)
}

// await asks until the holder has confirmed elsewhere, within the deadline.
func (c *CSC) await(ctx context.Context, a *Activation) error {
	return c.poll(ctx, func(ctx context.Context) (bool, error) {
		token, err := c.opt.Service.token(ctx)
		if err != nil {
			return false, err
		}
		var out cscAuthorized
		status, err := c.opt.Service.call(ctx, token, "credentials/authorizeCheck", map[string]any{"handle": a.Handle}, &out)
		if err != nil || status == http.StatusAccepted {
			return false, err
		}
		return true, c.authorized(a, status, out)
	})
}

// poll calls ask until it is done. Past the deadline it is [ErrNotReady].
func (c *CSC) poll(ctx context.Context, ask func(context.Context) (bool, error)) error {
	limited, cancel := context.WithTimeout(ctx, c.opt.PollFor)
	defer cancel()
	for {
		done, err := ask(limited)
		if err != nil && ctx.Err() == nil && limited.Err() != nil {
			return ErrNotReady
		}
		if done || err != nil {
			return err
		}
		timer := time.NewTimer(c.opt.PollEvery)
		select {
		case <-limited.Done():
			timer.Stop()
			if err := ctx.Err(); err != nil {
				return err
			}
			return ErrNotReady
		case <-timer.C:
		}
	}
}

// signHash asks for the values (CSC API 2.0, 11.10).
func (c *CSC) signHash(ctx context.Context, a *Activation, secret cscSecret) ([]string, error) {
	algorithm, params, err := c.algorithm(a.Hash)
	if err != nil {
		return nil, err
	}
	in := map[string]any{
		"credentialID": c.opt.Credential.ID, "hashes": digests(a), "hashAlgorithmOID": hashOID(a.Hash).String(),
		"signAlgo": algorithm.String(), "operationMode": "S",
	}
	if params != nil {
		in["signAlgoParams"] = base64.StdEncoding.EncodeToString(params)
	}
	token := secret.SAD
	if !secret.Bearer {
		in["SAD"] = secret.SAD
		if token, err = c.opt.Service.token(ctx); err != nil {
			return nil, err
		}
	}
	var out struct {
		Signatures []string `json:"signatures"`
		ResponseID string   `json:"responseID"`
	}
	if _, err := c.opt.Service.call(ctx, token, "signatures/signHash", in, &out); err != nil {
		return nil, err
	}
	if len(out.Signatures) > 0 || out.ResponseID == "" {
		return out.Signatures, nil
	}
	id := out.ResponseID
	err = c.poll(ctx, func(ctx context.Context) (bool, error) {
		_, err := c.opt.Service.call(ctx, token, "signatures/signPolling", map[string]any{"responseID": id}, &out)
		return len(out.Signatures) > 0, err
	})
	return out.Signatures, err
}

// accept decodes the values and verifies each with the certificate.
func (c *CSC) accept(a *Activation, values []string) ([][]byte, error) {
	if len(values) != len(a.TBS) {
		return nil, fmt.Errorf("%w: %d signatures for %d digests", ErrBadSignature, len(values), len(a.TBS))
	}
	cert := c.opt.Credential.Chain[0]
	out := make([][]byte, len(values))
	for i, v := range values {
		sig, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			return nil, fmt.Errorf("%w: not base64", ErrBadSignature)
		}
		if pub, ok := cert.PublicKey.(*ecdsa.PublicKey); ok {
			sig = derECDSA(pub, sig)
		}
		if err := verifySignature(cert, a.TBS[i], sig, a.Hash, c.opt.PSS); err != nil {
			return nil, err
		}
		out[i] = sig
	}
	return out, nil
}

// derECDSA turns r‖s, which some services give, into DER; DER stays as it is.
func derECDSA(pub *ecdsa.PublicKey, sig []byte) []byte {
	size := (pub.Curve.Params().BitSize + 7) / 8
	var der struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(sig, &der); len(sig) != 2*size || err == nil && len(rest) == 0 {
		return sig
	}
	out, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:])})
	if err != nil {
		return sig // and it will not verify
	}
	return out
}

// algorithm is the signature algorithm for the key and the hash, with its
// parameters for RSASSA-PSS.
func (c *CSC) algorithm(h crypto.Hash) (asn1.ObjectIdentifier, []byte, error) {
	i := slices.Index([]crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}, h)
	if i < 0 {
		return nil, nil, fmt.Errorf("%w: %v", ErrWeakKey, h)
	}
	switch c.opt.Credential.Chain[0].PublicKey.(type) {
	case *ecdsa.PublicKey:
		return asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2 + i}, nil, nil
	case *rsa.PublicKey:
		if c.opt.PSS {
			params, err := pssParameters(h)
			return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}, params, err
		}
		return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11 + i}, nil, nil
	}
	return nil, nil, fmt.Errorf("%w: %T", ErrWeakKey, c.opt.Credential.Chain[0].PublicKey)
}

// hashOID is the identifier of a SHA-2 (RFC 5754, 2).
func hashOID(h crypto.Hash) asn1.ObjectIdentifier {
	i := 1 + slices.Index([]crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}, h)
	return asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, i}
}

// pssParameters are RSASSA-PSS-params (RFC 4055, 3.1) of [pssOptions].
func pssParameters(h crypto.Hash) ([]byte, error) {
	type identifier struct {
		Algorithm  asn1.ObjectIdentifier
		Parameters asn1.RawValue `asn1:"optional"`
	}
	hash := identifier{Algorithm: hashOID(h), Parameters: asn1.NullRawValue}
	inner, err := asn1.Marshal(hash)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct {
		Hash identifier `asn1:"explicit,tag:0"`
		MGF  identifier `asn1:"explicit,tag:1"`
		Salt int        `asn1:"explicit,tag:2"`
	}{hash, identifier{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}, asn1.RawValue{FullBytes: inner}}, h.Size()})
}
