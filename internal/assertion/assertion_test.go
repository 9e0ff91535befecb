package assertion

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	client   = "0123456789abcdef"
	audience = "https://parapheur.exemple/oauth2/token"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// public writes the set of one public key.
func public(t *testing.T, k crypto.Signer, change ...string) []byte {
	t.Helper()
	m := map[string]string{"kid": "k1", "use": "sig"}
	switch p := k.Public().(type) {
	case *rsa.PublicKey:
		m["kty"], m["n"], m["e"] = "RSA", b64(p.N.Bytes()), b64(big.NewInt(int64(p.E)).Bytes())
	case *ecdsa.PublicKey:
		raw, err := p.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		half := (len(raw) - 1) / 2
		m["kty"], m["crv"], m["x"], m["y"] = "EC", p.Params().Name, b64(raw[1:1+half]), b64(raw[1+half:])
	case ed25519.PublicKey:
		m["kty"], m["crv"], m["x"] = "OKP", "Ed25519", b64(p)
	}
	for i := 0; i+1 < len(change); i += 2 {
		m[change[i]] = change[i+1]
	}
	raw, err := json.Marshal(map[string]any{"keys": []any{m}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func signed(t *testing.T, method jwt.SigningMethod, k any, claims jwt.RegisteredClaims, kid string) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	if kid != "" {
		token.Header["kid"] = kid
	}
	s, err := token.SignedString(k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func good(now time.Time) jwt.RegisteredClaims {
	return jwt.RegisteredClaims{
		Issuer: client, Subject: client, Audience: jwt.ClaimStrings{audience}, ID: "j1",
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(5 * time.Minute)),
	}
}

func keys(t *testing.T) (*rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey) {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, o, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return r, e, o
}

func TestVerify(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	r, e, o := keys(t)
	_, thief, _ := ed25519.GenerateKey(rand.Reader)
	for _, k := range []struct {
		method jwt.SigningMethod
		key    crypto.Signer
	}{{jwt.SigningMethodRS256, r}, {jwt.SigningMethodPS384, r}, {jwt.SigningMethodES256, e}, {jwt.SigningMethodEdDSA, o}} {
		set, err := ParseKeys(public(t, k.key))
		if err != nil {
			t.Fatal(err)
		}
		c, err := Verify(signed(t, k.method, k.key, good(now), "k1"), set, client, []string{audience}, now)
		if err != nil || c.ID != "j1" || !c.Expires.Equal(now.Add(5*time.Minute)) {
			t.Errorf("%s: %+v, %v", k.method.Alg(), c, err)
		}
	}
	set, err := ParseKeys(public(t, o))
	if err != nil {
		t.Fatal(err)
	}
	critical := jwt.NewWithClaims(jwt.SigningMethodEdDSA, good(now))
	critical.Header["crit"] = []string{"b64"}
	extended, err := critical.SignedString(o)
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*jwt.RegisteredClaims)) string {
		c := good(now)
		change(&c)
		return signed(t, jwt.SigningMethodEdDSA, o, c, "")
	}
	for name, token := range map[string]string{
		"another key":       signed(t, jwt.SigningMethodEdDSA, thief, good(now), "k1"),
		"another kid":       signed(t, jwt.SigningMethodEdDSA, o, good(now), "k2"),
		"no signature":      signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good(now), "k1"),
		"the key as a MAC":  signed(t, jwt.SigningMethodHS256, []byte(o.Public().(ed25519.PublicKey)), good(now), "k1"),
		"another algorithm": signed(t, jwt.SigningMethodES256, e, good(now), "k1"),
		"expired":           with(func(c *jwt.RegisteredClaims) { c.ExpiresAt = jwt.NewNumericDate(now.Add(-time.Minute)) }),
		"for ever":          with(func(c *jwt.RegisteredClaims) { c.ExpiresAt = nil }),
		"for a day":         with(func(c *jwt.RegisteredClaims) { c.ExpiresAt = jwt.NewNumericDate(now.Add(24 * time.Hour)) }),
		"not yet":           with(func(c *jwt.RegisteredClaims) { c.NotBefore = jwt.NewNumericDate(now.Add(time.Hour)) }),
		"made tomorrow":     with(func(c *jwt.RegisteredClaims) { c.IssuedAt = jwt.NewNumericDate(now.Add(24 * time.Hour)) }),
		"for another":       with(func(c *jwt.RegisteredClaims) { c.Audience = jwt.ClaimStrings{"https://ailleurs.exemple"} }),
		"for nobody":        with(func(c *jwt.RegisteredClaims) { c.Audience = nil }),
		"another issuer":    with(func(c *jwt.RegisteredClaims) { c.Issuer = "x" }),
		"another subject":   with(func(c *jwt.RegisteredClaims) { c.Subject = "x" }),
		"no identifier":     with(func(c *jwt.RegisteredClaims) { c.ID = "" }),
		"an extension":      extended,
		"garbage":           "a.b.c",
		"nothing":           "",
		"endless":           string(make([]byte, maxSize+1)),
	} {
		_, err := Verify(token, set, client, []string{audience}, now)
		if !errors.Is(err, ErrAssertion) {
			t.Errorf("%s: %v", name, err)
		}
		// Who holds the key is told why, and nobody else.
		_, told := errors.AsType[*Fault](err)
		if unsigned := []string{"another key", "another kid", "no signature", "the key as a MAC", "another algorithm", "garbage", "nothing", "endless"}; told == slices.Contains(unsigned, name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseKeysRefuses(t *testing.T) {
	t.Parallel()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	_, e, o := keys(t)
	for name, raw := range map[string][]byte{
		"a weak RSA key":        public(t, weak),
		"a private key":         public(t, o, "d", "AA"),
		"a shared secret":       public(t, o, "kty", "oct", "k", "AA"),
		"a key for encryption":  public(t, o, "use", "enc"),
		"a point off the curve": public(t, e, "x", b64(make([]byte, 32))),
		"an unknown curve":      public(t, e, "crv", "secp256k1"),
		"a short coordinate":    public(t, e, "x", "AA"),
		"an unknown kind":       public(t, o, "kty", "XYZ"),
		"no key":                []byte(`{"keys":[]}`),
		"no set":                []byte(`[]`),
		"nothing":               nil,
	} {
		if _, err := ParseKeys(raw); !errors.Is(err, ErrKeys) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzVerify checks that nothing sent makes it panic.
func FuzzVerify(f *testing.F) {
	f.Add(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`, "a.b.c")
	f.Fuzz(func(t *testing.T, set, token string) {
		k, err := ParseKeys([]byte(set))
		if err != nil {
			return
		}
		_, _ = Subject(token)
		if _, err := Verify(token, k, client, []string{audience}, time.Unix(1, 0)); err != nil && !errors.Is(err, ErrAssertion) {
			t.Error(err)
		}
	})
}
