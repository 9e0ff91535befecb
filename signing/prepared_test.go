package signing_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"parapheur/signing"
	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/pdftest"
	"parapheur/signing/internal/signtest"
)

// The request to a remote key and its answer may be in two processes: what is stored in between
// completes to the same bytes, and preparing again after a crash gives the same bytes too.
func TestPreparedSurvivesStorage(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	for name, key := range map[string]crypto.Signer{"P-256": signtest.P256(t), "P-384": signtest.P384(t)} {
		p := newPerson(t, pki, "Maire", key)
		opt := withIdentity(signing.Options{Claims: claims(), Level: signing.BT}, p)
		doc := pdftest.Letter(2)
		first, err := signing.Prepare(t.Context(), source(doc), opt)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := first.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var back signing.Prepared
		if err := back.UnmarshalBinary(stored); err != nil {
			t.Fatal(err)
		}
		again, err := signing.Prepare(t.Context(), source(doc), opt)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := again.MarshalBinary(); err != nil || !bytes.Equal(second, stored) {
			t.Errorf("%s: preparing twice gives other bytes, %v", name, err)
		}
		if !bytes.Equal(back.ToBeSigned(), first.ToBeSigned()) {
			t.Errorf("%s: signed attributes changed in storage", name)
		}
		sig, err := p.Sign(t.Context(), back.ToBeSigned(), back.Hash())
		if err != nil {
			t.Fatal(err)
		}
		digest, h := back.TimestampInput(sig)
		token, err := pki.Timestamp(t.Context(), h, digest)
		if err != nil {
			t.Fatal(err)
		}
		one, err := first.Complete(sig, token)
		if err != nil {
			t.Fatal(err)
		}
		two, err := back.Complete(sig, token)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one, two) || len(one) != first.TailSize() || first.DocumentSize() != int64(len(doc)) {
			t.Errorf("%s: two completions differ", name)
		}
		checkTools(t, pki, append(bytes.Clone(doc), one...), 1)
	}
}

// What the signature covers does not depend on where the hash comes from.
func TestHashStateSparesReading(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		p := newPerson(t, pki, "Maire", signtest.P256(t))
		doc := pdftest.Big(3 << 20)
		state, err := signing.NewHashState(t.Context(), source(doc), h)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			opt := withIdentity(signing.Options{Claims: claims(), Hash: h}, p)
			read, err := signing.Prepare(t.Context(), source(doc), opt)
			if err != nil {
				t.Fatal(err)
			}
			opt.HashState = state
			counted := &countingSource{Source: source(doc)}
			saved, err := signing.Prepare(t.Context(), counted, opt)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(read.Digest(), saved.Digest()) {
				t.Errorf("%v: digests differ", h)
			}
			if counted.n > 64<<10 {
				t.Errorf("%v: read %d bytes of a document whose state is known", h, counted.n)
			}
			tail := finish(t, p, saved)
			doc = append(doc, tail...)
			if state, err = state.Extend(h, tail); err != nil {
				t.Fatal(err)
			}
		}
		checkTools(t, pki, doc, 2)
	}
}

type countingSource struct {
	signing.Source
	n int
}

func (c *countingSource) ReadAt(b []byte, off int64) (int, error) {
	n, err := c.Source.ReadAt(b, off)
	c.n += n
	return n, err
}

// finish completes a prepared signature at level B-B.
func finish(t testing.TB, p person, prepared *signing.Prepared) []byte {
	t.Helper()
	sig, err := p.Sign(t.Context(), prepared.ToBeSigned(), prepared.Hash())
	if err != nil {
		t.Fatal(err)
	}
	tail, err := prepared.Complete(sig, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tail
}

// A hash state of other bytes would make a signature over nothing that exists.
func TestHashStateOfOtherBytesIsRefused(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	p := newPerson(t, pki, "Maire", signtest.P256(t))
	doc := pdftest.Letter(1)
	longer, err := signing.NewHashState(t.Context(), source(append(bytes.Clone(doc), 'x')), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	other, err := signing.NewHashState(t.Context(), source(doc), crypto.SHA512)
	if err != nil {
		t.Fatal(err)
	}
	for name, state := range map[string]signing.HashState{"longer": longer, "of SHA-512": other, "cut": longer[:50], "empty": {}} {
		_, err := signing.Prepare(t.Context(), source(doc), withIdentity(signing.Options{Claims: claims(), HashState: state}, p))
		if !errors.Is(err, signing.ErrHashState) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// The copy made in the hashing pass is the document.
func TestCopyTo(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	p := newPerson(t, pki, "Maire", signtest.P256(t))
	doc := pdftest.Big(1 << 20)
	var out bytes.Buffer
	tail, err := signing.Sign(t.Context(), source(doc), signing.Options{Claims: claims(), CopyTo: &out}, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(tail)
	if !bytes.HasPrefix(out.Bytes(), doc) {
		t.Error("not the document")
	}
	checkTools(t, pki, out.Bytes(), 1)
}

// Complete never emits a signature that a verifier would refuse.
func TestCompleteRefuses(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	p, q := newPerson(t, pki, "Maire", signtest.P256(t)), newPerson(t, pki, "Autre", signtest.P256(t))
	prepare := func(l signing.Level, reserve int) *signing.Prepared {
		pr, err := signing.Prepare(t.Context(), source(pdftest.Letter(1)), withIdentity(signing.Options{Claims: claims(), Level: l, TokenReserve: reserve}, p))
		if err != nil {
			t.Fatal(err)
		}
		return pr
	}
	bb, bt, tight := prepare(signing.BB, 0), prepare(signing.BT, 0), prepare(signing.BT, 100)
	sign := func(s person, pr *signing.Prepared) []byte {
		sig, err := s.Sign(t.Context(), pr.ToBeSigned(), pr.Hash())
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	stamp := func(pr *signing.Prepared, sig []byte) []byte {
		digest, h := pr.TimestampInput(sig)
		token, err := pki.Timestamp(t.Context(), h, digest)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good := sign(p, bt)
	token := stamp(bt, good)
	broken := bytes.Clone(token)
	broken[len(broken)-3] ^= 1
	for _, c := range []struct {
		name       string
		pr         *signing.Prepared
		sig, token []byte
		want       error
	}{
		{"value of another key", bb, sign(q, bb), nil, signing.ErrSignature},
		{"value over other attributes", bb, sign(p, bt)[1:], nil, signing.ErrSignature},
		{"no value", bb, nil, nil, signing.ErrSignature},
		{"no token", bt, good, nil, signing.ErrTimestamp},
		{"token of another signature", bt, good, stamp(bt, []byte("other")), signing.ErrTimestamp},
		{"token with a broken signature", bt, good, broken, signing.ErrTimestamp},
		{"token that is not one", bt, good, []byte("token"), signing.ErrTimestamp},
		{"token that was not asked for", bb, sign(p, bb), token, signing.ErrTimestamp},
		{"token longer than the reserve", tight, good, token, signing.ErrSignature},
	} {
		if c.pr == tight {
			c.sig = sign(p, tight)
			c.token, c.want = stamp(tight, c.sig), signing.ErrReserve
		}
		tail, err := c.pr.Complete(c.sig, c.token)
		if !errors.Is(err, c.want) || tail != nil {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

// Every refusal happens before a key is used.
func TestPrepareRefuses(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	good := newPerson(t, pki, "Maire", signtest.P256(t))
	with := func(key crypto.Signer, change func(*x509.Certificate)) signing.Identity {
		return signing.Identity{Certificate: pki.Signer(t, "Maire", key, change).Certificate}
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	letter := pdftest.Letter(1)
	base := withIdentity(signing.Options{Claims: claims()}, good)
	twice := signed(t, letter, signing.Options{Claims: claims(), Field: signing.Field{Name: "Maire"}}, good, nil)
	for _, c := range []struct {
		name   string
		doc    []byte
		change func(*signing.Options)
		want   error
	}{
		{"level LT", letter, func(o *signing.Options) { o.Level = signing.BLT }, signing.ErrLevelUnavailable},
		{"level LTA", letter, func(o *signing.Options) { o.Level = signing.BLTA }, signing.ErrLevelUnavailable},
		{"unknown level", letter, func(o *signing.Options) { o.Level = 9 }, signing.ErrOptions},
		{"no certificate", letter, func(o *signing.Options) { o.Identity = signing.Identity{} }, signing.ErrOptions},
		{"no time", letter, func(o *signing.Options) { o.Claims.Time = time.Time{} }, signing.ErrOptions},
		{"no name", letter, func(o *signing.Options) { o.Claims.Name = " " }, signing.ErrOptions},
		{"endless reason", letter, func(o *signing.Options) { o.Claims.Reason = strings.Repeat("x", 1<<20) }, signing.ErrOptions},
		{"name that is not UTF-8", letter, func(o *signing.Options) { o.Claims.Name = "\xff" }, signing.ErrOptions},
		{"SHA-1", letter, func(o *signing.Options) { o.Hash = crypto.SHA1 }, signing.ErrAlgorithm},
		{"RSA of 2048 bits", letter, func(o *signing.Options) { o.Identity = with(signtest.RSA(t, 2048), nil) }, signing.ErrWeakKey},
		{"curve P-521", letter, func(o *signing.Options) { o.Identity = with(p521, nil) }, signing.ErrWeakKey},
		{"expired", letter, func(o *signing.Options) { o.Claims.Time = good.Certificate.NotAfter.Add(time.Second) }, signing.ErrValidity},
		{"not yet valid", letter, func(o *signing.Options) { o.Claims.Time = good.Certificate.NotBefore.Add(-time.Second) }, signing.ErrValidity},
		{"no key usage", letter, func(o *signing.Options) {
			o.Identity = with(signtest.P256(t), func(c *x509.Certificate) { c.KeyUsage = 0 })
		}, signing.ErrKeyUsage},
		{"key usage of an authority", letter, func(o *signing.Options) {
			o.Identity = with(signtest.P256(t), func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
		}, signing.ErrKeyUsage},
		{"no such page", letter, func(o *signing.Options) { o.Field.Page = 2 }, signing.ErrNotFound},
		{"negative page", letter, func(o *signing.Options) { o.Field.Page = -1 }, signing.ErrOptions},
		{"rectangle off the page", letter, func(o *signing.Options) { o.Field.Rect = &signing.Rect{X0: 500, X1: 700, Y1: 50} }, signing.ErrPlace},
		{"empty rectangle", letter, func(o *signing.Options) { o.Field.Rect = &signing.Rect{} }, signing.ErrPlace},
		{"rectangle over a form field", pdftest.Form(), func(o *signing.Options) {
			o.Field.Rect = &signing.Rect{X0: 40, Y0: 690, X1: 240, Y1: 760}
		}, signing.ErrPlace},
		{"name with a period", letter, func(o *signing.Options) { o.Field.Name = "a.b" }, signing.ErrField},
		{"name of a parent", pdftest.Form(), func(o *signing.Options) { o.Field.Name = "maire" }, signing.ErrField},
		{"field already signed", twice, func(o *signing.Options) { o.Field.Name = "Maire" }, signing.ErrField},
		{"encrypted", encrypted(), func(*signing.Options) {}, signing.ErrEncrypted},
		{"certified, no change", certified(1), func(*signing.Options) {}, signing.ErrCertified},
		{"certified, no new field", certified(2), func(*signing.Options) {}, signing.ErrCertified},
		{"not a PDF", []byte("Bonjour"), func(*signing.Options) {}, signing.ErrMalformed},
	} {
		o := base
		c.change(&o)
		if _, err := signing.Prepare(t.Context(), source(c.doc), o); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	o := base
	if _, err := signing.Prepare(t.Context(), source(certified(3)), o); err != nil {
		t.Errorf("P=3 allows new signatures: %v", err)
	}
}

func encrypted() []byte {
	return pdftest.Table("/Size 5 /Encrypt 4 0 R", pdftest.Catalog, pdftest.Pages, pdftest.Page, "<< /Filter /Standard /V 1 /R 2 >>")
}

func certified(p int) []byte {
	return pdftest.Table("", "<< /Type /Catalog /Pages 2 0 R /Perms << /DocMDP 4 0 R >> >>", pdftest.Pages, pdftest.Page,
		"<< /Type /Sig /Reference [<< /TransformMethod /DocMDP /TransformParams << /P "+string(rune('0'+p))+" /V /1.2 >> >>] >>")
}

// A key that is not the one of the certificate is found before it signs.
func TestKeyMismatch(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	e := pki.Signer(t, "Maire", signtest.P256(t), nil)
	_, err := signing.NewSigner(signtest.P256(t), signing.Identity{Certificate: e.Certificate})
	wantErr(t, err, signing.ErrKeyMismatch)
	_, err = signing.NewSigner(e.Key, signing.Identity{})
	wantErr(t, err, signing.ErrOptions)
}

// A time-stamping authority that is down stops the signature; it never lowers its level.
func TestAuthorityDownNeverLowersTheLevel(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	p := newPerson(t, pki, "Maire", signtest.P256(t))
	opt := signing.Options{Claims: claims(), Level: signing.BT}
	down := errors.New("authority unreachable")
	tail, err := signing.Sign(t.Context(), source(pdftest.Letter(1)), opt, p, failing{down})
	if wantErr(t, err, down); tail != nil {
		t.Error("bytes in spite of the failure")
	}
	_, err = signing.Sign(t.Context(), source(pdftest.Letter(1)), opt, p, nil)
	wantErr(t, err, signing.ErrOptions)
}

type failing struct{ err error }

func (f failing) Timestamp(context.Context, crypto.Hash, []byte) ([]byte, error) { return nil, f.err }

// A document that fails, or a context that ends, stops the work.
func TestReadFailuresStop(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	p := newPerson(t, pki, "Maire", signtest.P256(t))
	doc := pdftest.Big(2 << 20)
	opt := withIdentity(signing.Options{Claims: claims()}, p)
	_, err := signing.Prepare(t.Context(), shortSource{source(doc)}, opt)
	wantErr(t, err, io.ErrUnexpectedEOF)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = signing.Prepare(ended, source(doc), opt)
	wantErr(t, err, context.Canceled)
}

// shortSource loses the middle of its document.
type shortSource struct{ signing.Source }

func (s shortSource) ReadAt(b []byte, off int64) (int, error) {
	if len(b) > 4096 && off > 0 {
		return 0, io.EOF
	}
	return s.Source.ReadAt(b, off)
}

// Stored data that was damaged or forged is refused rather than completed.
func TestDamagedStorageIsRefused(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	p := newPerson(t, pki, "Maire", signtest.P256(t))
	pr, err := signing.Prepare(t.Context(), source(pdftest.Letter(1)), withIdentity(signing.Options{Claims: claims()}, p))
	if err != nil {
		t.Fatal(err)
	}
	b, err := pr.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for field, values := range map[string][]any{
		"version": {0, 2, "x"}, "level": {-1, 3}, "hash": {"SHA-1", ""}, "certificate": {"", "AAAA"}, "chain": {[]string{"AAAA"}},
		"tail": {"", "AAAA"}, "holeStart": {-1, 0, 1 << 30}, "holeEnd": {0, 1 << 30}, "digest": {"", "AAAA"},
	} {
		for _, v := range values {
			var m map[string]any
			if err := json.Unmarshal(b, &m); err != nil {
				t.Fatal(err)
			}
			m[field] = v
			forged, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			var back signing.Prepared
			if err := back.UnmarshalBinary(forged); !errors.Is(err, signing.ErrPrepared) {
				t.Errorf("%s = %v: got %v", field, v, err)
			}
		}
	}
}

// The page of a form keeps its direct link and its order of annotations; the indirect arrays are
// replaced alone, so the page and the form objects do not change.
func TestIndirectArraysAreReplacedAlone(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	p := newPerson(t, pki, "Maire", signtest.P256(t))
	before := pdftest.Form()
	after := signed(t, before, signing.Options{Claims: claims()}, p, nil)
	rev := open(t, after).Revisions()
	if got := rev[1].Numbers(); slices.Contains(got, 3) || slices.Contains(got, 1) || !slices.Contains(got, 5) || !slices.Contains(got, 6) {
		t.Errorf("objects written: %v", got)
	}
	form, err := open(t, after).Object(4)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := form.(*pdf.Dict).Int("SigFlags"); n != 3 {
		t.Errorf("form %s", pdf.Append(nil, form))
	}
}
