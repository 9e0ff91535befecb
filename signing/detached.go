package signing

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"io"
	"time"

	"parapheur/signing/internal/cms"
)

// DetachedOptions is one detached signature.
type DetachedOptions struct {
	Level Level       // BB, or BT to require a time-stamp
	Hash  crypto.Hash // 0: SHA-384 for a P-384 key, SHA-256 otherwise
	Time  time.Time   // required: the claimed time, signed (EN 319 122-1, 5.2.1)
}

// Detached returns a CAdES baseline signature over content, as a DER CMS that does not contain it
// (EN 319 122-1). It seals an evidence manifest. tsa may be nil at level BB only. The errors are
// those of [Prepare] and [Prepared.Complete], and those of content, signer and tsa, wrapped.
func Detached(ctx context.Context, content io.Reader, opt DetachedOptions, signer Signer, tsa Timestamper) ([]byte, error) {
	if opt.Level != BB && opt.Level != BT {
		return nil, fmt.Errorf("detached signature: %w: %v", ErrLevelUnavailable, opt.Level)
	}
	if opt.Time.IsZero() || opt.Level == BT && tsa == nil {
		return nil, fmt.Errorf("detached signature: %w: no time, or no time-stamping authority", ErrOptions)
	}
	id, err := signer.Identity(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking the signer for its certificate: %w", err)
	}
	if id.Certificate == nil {
		return nil, fmt.Errorf("detached signature: %w: no certificate", ErrOptions)
	}
	if err := cms.CheckCertificate(id.Certificate, opt.Time); err != nil {
		return nil, fmt.Errorf("detached signature: %w", err)
	}
	h := opt.Hash
	if h == 0 {
		h = cms.HashFor(id.Certificate)
	}
	digest, err := digestOf(content, h)
	if err != nil {
		return nil, err
	}
	b := cms.Builder{Hash: h, Certificate: id.Certificate, Chain: id.Chain, PSS: id.PSS, SigningTime: opt.Time}
	attrs, err := b.SignedAttributes(digest)
	if err != nil {
		return nil, err
	}
	sig, err := signer.Sign(ctx, attrs, h)
	if err != nil {
		return nil, fmt.Errorf("signing the attributes: %w", err)
	}
	if err := cms.Verify(id.Certificate, h, id.PSS, attrs, sig); err != nil {
		return nil, fmt.Errorf("detached signature: %w", err)
	}
	if opt.Level == BB {
		return b.Assemble(attrs, sig, nil)
	}
	token, err := stampValue(ctx, tsa, sig, h)
	if err != nil {
		return nil, err
	}
	return b.Assemble(attrs, sig, token)
}

// stampValue obtains and checks a time-stamp over a signature value.
func stampValue(ctx context.Context, tsa Timestamper, sig []byte, h crypto.Hash) ([]byte, error) {
	w := h.New()
	w.Write(sig)
	digest := w.Sum(nil)
	token, err := tsa.Timestamp(ctx, h, digest)
	if err != nil {
		return nil, fmt.Errorf("time-stamping the signature: %w", err)
	}
	return token, checkToken(token, h, digest)
}

func digestOf(content io.Reader, h crypto.Hash) ([]byte, error) {
	if stateMagic(h) == "" {
		return nil, fmt.Errorf("%w: %v", ErrAlgorithm, h)
	}
	w := h.New()
	if _, err := io.Copy(w, content); err != nil {
		return nil, fmt.Errorf("reading the content to sign: %w", err)
	}
	return w.Sum(nil), nil
}

// DetachedSignature is what a detached signature says, once verified against its content.
type DetachedSignature struct {
	Level        Level // BB, or BT when a sound time-stamp covers the value
	Certificate  *x509.Certificate
	Certificates []*x509.Certificate // all that it carries
	SigningTime  time.Time           // claimed
	Timestamp    time.Time           // of the token; zero at level BB
	Authority    *x509.Certificate   // of the token; nil at level BB
}

// OpenDetached verifies a detached signature over content: digest, value, signing-certificate
// and the time-stamp when there is one. It does not decide whether the certificates are trusted.
func OpenDetached(der []byte, content io.Reader) (*DetachedSignature, error) {
	sd, err := cms.Parse(der)
	if err != nil {
		return nil, fmt.Errorf("detached signature: %w", err)
	}
	cert, err := sd.Signer()
	if err != nil {
		return nil, fmt.Errorf("detached signature: %w", err)
	}
	digest, err := digestOf(content, sd.Hash)
	if err != nil {
		return nil, err
	}
	if err := sd.Verify(cert, digest); err != nil {
		return nil, fmt.Errorf("detached signature: %w", err)
	}
	out := &DetachedSignature{Certificate: cert, Certificates: sd.Certificates}
	out.SigningTime, _ = sd.SigningTime()
	for _, token := range sd.Tokens() {
		t, err := cms.ParseToken(token)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTimestamp, err)
		}
		w := t.Hash.New()
		w.Write(sd.Signature)
		if err := t.Check(t.Hash, w.Sum(nil)); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTimestamp, err)
		}
		out.Level, out.Timestamp = BT, t.Time
		out.Authority, _ = t.SignedData.Signer()
	}
	return out, nil
}
