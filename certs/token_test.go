package certs

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
)

// tokenBy stamps digest with any key of the PKI, so that units can be wrong in every way.
func tokenBy(t *testing.T, unit *Key, digest []byte, mod func(*timestamp.Timestamp)) []byte {
	t.Helper()
	info := timestamp.Timestamp{
		HashAlgorithm: crypto.SHA256, HashedMessage: digest, Nonce: big.NewInt(42), Time: time.Now().UTC().Truncate(time.Second),
		Policy: oidDemoTSAPolicy, AddTSACertificate: true, Certificates: unit.chain[1:],
	}
	if mod != nil {
		mod(&info)
	}
	reply, err := info.CreateResponseWithOpts(unit.Certificate(), unit.signer, crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := tokenOf(reply)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// unit issues a time-stamping certificate with a fault.
func unit(t *testing.T, d *Demo, name string, mod func(*x509.Certificate)) *Key {
	t.Helper()
	template := d.tsaTemplate()
	mod(template)
	k, err := d.ensure(name, d.issuing, template)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func dropUsage(c *x509.Certificate) {
	c.ExtraExtensions = c.ExtraExtensions[:1] // the mark of the demonstration stays
}

func TestVerifyTokenNamesEachFault(t *testing.T) {
	t.Parallel()
	d, stranger := openDemo(t, t.TempDir()), openDemo(t, t.TempDir())
	sum := sha256.Sum256([]byte("lettre"))
	digest := sum[:]
	good := tokenBy(t, d.tsa.unit, digest, nil)
	leafHash := sha256.Sum256(d.tsa.Certificate().Raw)
	content := []byte("another digest, another letter!!")
	for name, c := range map[string]struct {
		token []byte
		mod   func(*Expect)
		fault string // empty: accepted
	}{
		"good":            {token: good},
		"no nonce wanted": {token: good, mod: func(e *Expect) { e.Nonce = nil }},
		"policy wanted":   {token: good, mod: func(e *Expect) { e.Policy = oidDemoTSAPolicy }},
		"other digest":    {good, func(e *Expect) { e.Digest = content }, "imprint"},
		"other hash":      {good, func(e *Expect) { e.Hash = crypto.SHA512 }, "imprint"},
		"other nonce":     {good, func(e *Expect) { e.Nonce = big.NewInt(43) }, "nonce"},
		"nonce missing":   {tokenBy(t, d.tsa.unit, digest, func(i *timestamp.Timestamp) { i.Nonce = nil }), nil, "nonce"},
		"other policy":    {good, func(e *Expect) { e.Policy = oidDemoPolicy }, "policy"},
		"no root":         {good, func(e *Expect) { e.Trust = nil }, "no trusted"},
		"other root":      {good, func(e *Expect) { e.Trust = stranger.Trust() }, "not trusted"},
		"imprint altered": {bytes.Replace(good, digest, content, 1), func(e *Expect) { e.Digest = content }, "message-digest"},
		"ESS altered":     {bytes.Replace(good, leafHash[:], digest, 1), nil, "ESS attribute names another"},
		"signature cut":   {flipLast(good), nil, ""},
		"trailing bytes":  {append(bytes.Clone(good), 0), nil, "trailing"},
		"no certificates": {tokenBy(t, d.tsa.unit, digest, func(i *timestamp.Timestamp) { i.AddTSACertificate, i.Certificates = false, nil }), nil, "signer's certificate is not"},
		"critical extension": {tokenBy(t, d.tsa.unit, digest, func(i *timestamp.Timestamp) {
			i.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}), nil, "critical extension"},
		"stamped before its certificate": {tokenBy(t, d.tsa.unit, digest, func(i *timestamp.Timestamp) { i.Time = time.Now().AddDate(-1, 0, 0).UTC() }), nil, "not trusted"},
		"stamped after its certificate":  {tokenBy(t, d.tsa.unit, digest, func(i *timestamp.Timestamp) { i.Time = time.Now().AddDate(9, 0, 0).UTC() }), nil, "not trusted"},
		"a signatory's certificate":      {tokenBy(t, newPerson(t, d), digest, nil), nil, "time-stamping alone"},
		"usage not critical": {tokenBy(t, unit(t, d, "tsa-soft", func(c *x509.Certificate) {
			dropUsage(c)
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}
		}), digest, nil), nil, "time-stamping alone"},
		"usage not alone": {tokenBy(t, unit(t, d, "tsa-both", func(c *x509.Certificate) {
			dropUsage(c)
			der, _ := asn1.Marshal([]asn1.ObjectIdentifier{oidTimeStamping, oidDocumentSigning}) // constants
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oidExtKeyUsage, Critical: true, Value: der})
		}), digest, nil), nil, "time-stamping alone"},
		"empty": {nil, nil, "ContentInfo"},
	} {
		want := Expect{Hash: crypto.SHA256, Digest: digest, Nonce: big.NewInt(42), Trust: d.Trust()}
		if c.mod != nil {
			c.mod(&want)
		}
		tok, err := VerifyToken(c.token, want)
		if name == "signature cut" {
			c.fault = "wrong signature"
		}
		switch {
		case c.fault == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.fault != "" && (!errors.Is(err, ErrTSAInvalid) || errors.Is(err, ErrTSAUnavailable) || !strings.Contains(err.Error(), c.fault) || tok != nil):
			t.Errorf("%s: %v, want ErrTSAInvalid because of %q", name, err, c.fault)
		}
	}
}

// flipLast alters the last byte, which belongs to the signature value.
func flipLast(der []byte) []byte {
	out := bytes.Clone(der)
	out[len(out)-1] ^= 1
	return out
}

// TestProductionRefusesDemoTokens: a store of production roots cannot even be made to hold ours,
// and a foreign root that certified a demonstration unit does not launder it.
func TestProductionRefusesDemoTokens(t *testing.T) {
	t.Parallel()
	d := openDemo(t, t.TempDir())
	sum := sha256.Sum256(nil)
	raw := tokenBy(t, d.tsa.unit, sum[:], nil)
	trust := d.Trust()
	trust.guard = Guard{}
	_, err := VerifyToken(raw, Expect{Hash: crypto.SHA256, Digest: sum[:], Trust: trust})
	if !errors.Is(err, ErrDemoPKI) || !errors.Is(err, ErrTSAInvalid) {
		t.Errorf("%v, want ErrDemoPKI and ErrTSAInvalid", err)
	}
}

func TestClientTellsWaitFromNever(t *testing.T) {
	t.Parallel()
	d := openDemo(t, t.TempDir())
	sum := sha256.Sum256([]byte("lettre"))
	stale, err := d.TSA().Timestamp(t.Context(), crypto.SHA256, sum[:]) // valid, for a request without our nonce
	if err != nil {
		t.Fatal(err)
	}
	granted := append([]byte{0x30, 0x03, 0x02, 0x01, 0x00}, stale...)
	replay, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: granted})
	if err != nil {
		t.Fatal(err)
	}
	rejection, err := timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.TimeNotAvailable)
	if err != nil {
		t.Fatal(err)
	}
	reply := func(body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { writeBinary(w, "application/timestamp-reply", body) }
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    error
	}{
		"good":      {d.TSA().ServeHTTP, nil},
		"created":   {func(w http.ResponseWriter, r *http.Request) { d.TSA().ServeHTTP(&created{w}, r) }, nil},
		"breakdown": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, ErrTSAUnavailable},
		"quota":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, ErrTSAUnavailable},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, d.URL("/tsa"), http.StatusTemporaryRedirect)
		}, ErrTSAUnavailable},
		"captive portal":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>Bienvenue") }, ErrTSAUnavailable},
		"rejection":        {reply(rejection), ErrTSAUnavailable},
		"never answers":    {func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body); <-r.Context().Done() }, ErrTSAUnavailable},
		"replayed token":   {reply(replay), ErrTSAInvalid},
		"garbage":          {reply([]byte("garbage")), ErrTSAInvalid},
		"granted, nothing": {reply([]byte{0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x00}), ErrTSAInvalid},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/timestamp-reply")
			for block := make([]byte, 64<<10); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}, ErrTSAInvalid},
	} {
		srv := httptest.NewServer(c.handler)
		client, err := NewTSAClient(TSAClientOptions{
			Endpoints: []TSAEndpoint{{URL: srv.URL}}, Trust: d.Trust(), Now: time.Now, Timeout: 300 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := client.Timestamp(t.Context(), crypto.SHA256, sum[:])
		if !errors.Is(err, c.want) || (raw == nil) != (err != nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if errors.Is(err, ErrTSAUnavailable) && errors.Is(err, ErrTSAInvalid) {
			t.Errorf("%s: both wait and never: %v", name, err)
		}
		srv.CloseClientConnections()
		srv.Close()
	}
}

// created answers 201, as sigstore's authority does.
type created struct{ http.ResponseWriter }

func (c *created) Write(p []byte) (int, error) {
	c.WriteHeader(http.StatusCreated)
	return c.ResponseWriter.Write(p)
}

func TestClientGoesToTheNextAuthority(t *testing.T) {
	t.Parallel()
	d := openDemo(t, t.TempDir())
	sum := sha256.Sum256([]byte("lettre"))
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeBinary(w, "application/timestamp-reply", []byte("garbage"))
	}))
	defer bad.Close()
	var heard []string
	client, err := NewTSAClient(TSAClientOptions{
		Endpoints: []TSAEndpoint{{URL: "http://127.0.0.1:1/"}, {URL: bad.URL}, {URL: d.URL("/tsa"), Policy: oidDemoTSAPolicy}},
		Trust:     d.Trust(), Now: time.Now,
		OnFailure: func(url string, _ error) { heard = append(heard, url) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Timestamp(t.Context(), crypto.SHA256, sum[:]); err != nil {
		t.Error(err)
	}
	if len(heard) != 2 {
		t.Errorf("failures heard of: %v, want the first two authorities", heard)
	}
	d.TSA().SetAvailable(false)
	_, err = client.Timestamp(t.Context(), crypto.SHA256, sum[:])
	if !errors.Is(err, ErrTSAUnavailable) || !errors.Is(err, ErrTSAInvalid) {
		t.Errorf("all failed: %v, want both reasons", err)
	}
}

func TestClientComparesClocks(t *testing.T) {
	t.Parallel()
	d := openDemo(t, t.TempDir())
	sum := sha256.Sum256(nil)
	for shift, want := range map[time.Duration]error{0: nil, time.Minute: nil, time.Hour: ErrTSAInvalid, -time.Hour: ErrTSAInvalid} {
		client, err := NewTSAClient(TSAClientOptions{
			Endpoints: []TSAEndpoint{{URL: d.URL("/tsa")}}, Trust: d.Trust(), Now: func() time.Time { return time.Now().Add(shift) },
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Timestamp(t.Context(), crypto.SHA256, sum[:]); !errors.Is(err, want) {
			t.Errorf("our clock off by %s: %v, want %v", shift, err, want)
		}
	}
}

func TestClientOptions(t *testing.T) {
	t.Parallel()
	trust := openDemo(t, t.TempDir()).Trust()
	for name, opt := range map[string]TSAClientOptions{
		"no endpoint": {Trust: trust, Now: time.Now},
		"no trust":    {Endpoints: []TSAEndpoint{{URL: "https://tsa.example.fr"}}, Now: time.Now},
		"no clock":    {Endpoints: []TSAEndpoint{{URL: "https://tsa.example.fr"}}, Trust: trust},
		"file":        {Endpoints: []TSAEndpoint{{URL: "file:///etc/passwd"}}, Trust: trust, Now: time.Now},
		"no scheme":   {Endpoints: []TSAEndpoint{{URL: "tsa.example.fr"}}, Trust: trust, Now: time.Now},
	} {
		if _, err := NewTSAClient(opt); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	client := newClient(t, trust, "https://tsa.example.fr")
	if _, err := client.Timestamp(t.Context(), crypto.SHA256, []byte("short")); err == nil || errors.Is(err, ErrTSAUnavailable) {
		t.Errorf("a digest of the wrong size: %v", err)
	}
}

// golden is a token over "lettre" and its root, kept so that a token of today
// still verifies with the code of tomorrow, and as the seed of the fuzzing.
func golden(t testing.TB) ([]byte, Expect) {
	t.Helper()
	raw, err := os.ReadFile("testdata/token.der")
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.ReadFile("testdata/token-root.pem")
	if err != nil {
		t.Fatal(err)
	}
	certs, err := ParseCertificates(root)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := NewTrust(demoGuard(), certs...)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("lettre"))
	return raw, Expect{Hash: crypto.SHA256, Digest: sum[:], Trust: trust}
}

func TestGoldenTokenStillVerifies(t *testing.T) {
	t.Parallel()
	raw, want := golden(t)
	if _, err := VerifyToken(raw, want); err != nil {
		t.Error(err)
	}
}

// TestEveryAlteredByteIsSeen: no byte of what a token says may change unseen. What is
// outside the signature is only the frame, and certificates that are not the unit's.
func TestEveryAlteredByteIsSeen(t *testing.T) {
	t.Parallel()
	raw, want := golden(t)
	first, err := VerifyToken(raw, want)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(raw); i += 3 { // a third of them keeps the test short
		bad := bytes.Clone(raw)
		bad[i] ^= 0x01
		tok, err := VerifyToken(bad, want)
		if err == nil && (!tok.Time.Equal(first.Time) || tok.Serial.Cmp(first.Serial) != 0 || !tok.Chain[0].Equal(first.Chain[0]) || !tok.Policy.Equal(first.Policy)) {
			t.Errorf("byte %d altered: accepted as %+v", i, tok)
		}
		if err != nil && !errors.Is(err, ErrTSAInvalid) {
			t.Errorf("byte %d altered: %v", i, err)
		}
	}
}

func FuzzVerifyToken(f *testing.F) {
	good, want := golden(f)
	f.Add([]byte{0x30, 0x00})
	f.Add(good)
	first, err := VerifyToken(good, want)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		// Whatever is accepted says the same thing by the same unit.
		if tok, err := VerifyToken(raw, want); err == nil && (!tok.Chain[0].Equal(first.Chain[0]) || !tok.Time.Equal(first.Time)) {
			t.Errorf("accepted %+v", tok)
		}
		if _, err := tokenOf(raw); err != nil && !errors.Is(err, ErrTSAInvalid) && !errors.Is(err, ErrTSAUnavailable) {
			t.Error(err)
		}
	})
}
