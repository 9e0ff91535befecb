// Package assertion verifies that a program holds the private key of one of
// the public keys registered for it: private_key_jwt, RFC 7523 as OpenID
// Connect Core 9 profiles it, with the keys of RFC 7517.
//
// It must not read a clock, keep identifiers, or fetch keys: what was used
// before is its caller's to know, and keys are registered, never referred to.
//
// # Failure handling
//
// It fails closed: whatever is not exactly as wanted is [ErrAssertion], and
// keys that could not be trusted are [ErrKeys]. Neither says a value of what
// was sent.
package assertion

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Errors of this package. Match them with errors.Is.
var (
	ErrAssertion = errors.New("client assertion refused")
	ErrKeys      = errors.New("key set refused")
)

const (
	maxKeys = 10
	maxSize = 16 << 10
	// maxLife is how far in the future an assertion may expire: its
	// identifier is remembered for so long.
	maxLife = 15 * time.Minute
	skew    = 30 * time.Second
	minRSA  = 2048
)

// A Key is one public key of a set.
type key struct {
	id     string
	public crypto.PublicKey
	algs   []string
}

// Keys is a JSON Web Key Set of public keys.
type Keys struct{ keys []key }

// jwk is a key as it is written (RFC 7517, RFC 8037).
type jwk struct {
	Kty string `json:"kty"`
	Kid string `json:"kid"`
	Use string `json:"use"`
	Crv string `json:"crv"`
	N   string `json:"n"`
	E   string `json:"e"`
	X   string `json:"x"`
	Y   string `json:"y"`
	D   string `json:"d"` // a private key: refused
	K   string `json:"k"` // a shared secret: refused
}

// ParseKeys reads a set of 1 to 10 public keys: RSA from 2048 bits, P-256,
// P-384, P-521 or Ed25519. A private key in it is refused, as is a key whose
// use is not signatures.
func ParseKeys(raw []byte) (Keys, error) {
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if len(raw) > maxSize || json.Unmarshal(raw, &set) != nil {
		return Keys{}, fmt.Errorf("%w: not a JSON Web Key Set", ErrKeys)
	}
	if len(set.Keys) == 0 || len(set.Keys) > maxKeys {
		return Keys{}, fmt.Errorf("%w: %d keys", ErrKeys, len(set.Keys))
	}
	var out Keys
	for i, j := range set.Keys {
		k, err := j.parse()
		if err != nil {
			return Keys{}, fmt.Errorf("%w: key %d: %w", ErrKeys, i, err)
		}
		out.keys = append(out.keys, k)
	}
	return out, nil
}

func (j jwk) parse() (key, error) {
	switch {
	case j.D != "" || j.K != "":
		return key{}, errors.New("it is private")
	case j.Use != "" && j.Use != "sig":
		return key{}, errors.New("it is not for signatures")
	}
	switch j.Kty {
	case "RSA":
		return j.rsa()
	case "EC":
		return j.ec()
	case "OKP":
		x, err := base64.RawURLEncoding.DecodeString(j.X)
		if err != nil || j.Crv != "Ed25519" || len(x) != ed25519.PublicKeySize {
			return key{}, errors.New("not an Ed25519 key")
		}
		return key{j.Kid, ed25519.PublicKey(x), []string{"EdDSA"}}, nil
	}
	return key{}, errors.New("unknown kind of key")
}

func (j jwk) rsa() (key, error) {
	n, errN := base64.RawURLEncoding.DecodeString(j.N)
	e, errE := base64.RawURLEncoding.DecodeString(j.E)
	if errN != nil || errE != nil || len(e) == 0 || len(e) > 4 {
		return key{}, errors.New("not an RSA key")
	}
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	if public.N.BitLen() < minRSA || public.N.BitLen() > 4*minRSA || public.E < 3 || public.E%2 == 0 {
		return key{}, errors.New("RSA wants 2048 to 8192 bits and an odd exponent")
	}
	return key{j.Kid, public, []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}}, nil
}

func (j jwk) ec() (key, error) {
	var curve elliptic.Curve
	var alg string
	switch j.Crv {
	case "P-256":
		curve, alg = elliptic.P256(), "ES256"
	case "P-384":
		curve, alg = elliptic.P384(), "ES384"
	case "P-521":
		curve, alg = elliptic.P521(), "ES512"
	default:
		return key{}, errors.New("unknown curve")
	}
	x, errX := base64.RawURLEncoding.DecodeString(j.X)
	y, errY := base64.RawURLEncoding.DecodeString(j.Y)
	size := (curve.Params().BitSize + 7) / 8
	if errX != nil || errY != nil || len(x) != size || len(y) != size {
		return key{}, errors.New("coordinates of the wrong size")
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return key{}, errors.New("not a point of the curve")
	}
	return key{j.Kid, public, []string{alg}}, nil
}

// A Claim is what an accepted assertion said.
type Claim struct {
	ID      string // jti, to be refused from now on until Expires
	Expires time.Time
}

// Subject reads whom an assertion is about, unverified: to find the keys that
// verify it.
func Subject(token string) (string, error) {
	if len(token) > maxSize {
		return "", ErrAssertion
	}
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil {
		return "", ErrAssertion
	}
	return claims.Subject, nil
}

// A Fault is what is wrong with an assertion that one of the keys signed: its
// maker may be told. It is an ErrAssertion.
type Fault struct{ Why string } // in ASCII, as OAuth 2 wants its descriptions

// Error implements error.
func (f *Fault) Error() string { return ErrAssertion.Error() + ": " + f.Why }

// Unwrap makes a Fault an ErrAssertion.
func (f *Fault) Unwrap() error { return ErrAssertion }

// Verify accepts an assertion of client, made for one of audiences, signed by
// one of k, at now. Issuer and subject are both the client; jti and exp are
// there; it expires within a quarter of an hour. What is signed and yet not
// accepted is a *Fault.
func Verify(token string, k Keys, client string, audiences []string, now time.Time) (Claim, error) {
	if len(token) > maxSize {
		return Claim{}, ErrAssertion
	}
	for _, candidate := range k.keys {
		claims := jwt.RegisteredClaims{}
		parser := jwt.NewParser(jwt.WithValidMethods(candidate.algs), jwt.WithoutClaimsValidation())
		parsed, err := parser.ParseWithClaims(token, &claims, func(t *jwt.Token) (any, error) {
			if kid, _ := t.Header["kid"].(string); kid != "" && candidate.id != "" && kid != candidate.id {
				return nil, ErrAssertion
			}
			return candidate.public, nil
		})
		if err != nil || !parsed.Valid {
			continue
		}
		if why := wrong(parsed.Header, claims, client, audiences, now); why != "" {
			return Claim{}, &Fault{why}
		}
		return Claim{ID: claims.ID, Expires: claims.ExpiresAt.Time}, nil
	}
	return Claim{}, ErrAssertion
}

// wrong says what a signed assertion may not be, or nothing.
func wrong(header map[string]any, c jwt.RegisteredClaims, client string, audiences []string, now time.Time) string {
	if _, critical := header["crit"]; critical {
		return "crit names an extension that is not understood" // RFC 7515, 4.1.11
	}
	err := jwt.NewValidator(jwt.WithTimeFunc(func() time.Time { return now }), jwt.WithLeeway(skew),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithIssuer(client), jwt.WithSubject(client)).Validate(c)
	switch {
	case c.ExpiresAt == nil:
		return "exp is missing"
	case errors.Is(err, jwt.ErrTokenExpired):
		return "exp is past: see the clock of the client"
	case c.ExpiresAt.After(now.Add(maxLife)):
		return "exp is more than 15 minutes ahead"
	case errors.Is(err, jwt.ErrTokenUsedBeforeIssued), errors.Is(err, jwt.ErrTokenNotValidYet):
		return "iat or nbf is in the future: see the clock of the client"
	case err != nil:
		return "iss and sub must both be the client identifier"
	case !slices.ContainsFunc(c.Audience, func(a string) bool { return slices.Contains(audiences, a) }):
		return "aud must be the issuer or the token endpoint"
	case c.ID == "":
		return "jti is missing"
	}
	return ""
}
