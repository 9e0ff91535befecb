package signing

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"parapheur/signing/internal/cms"
	"parapheur/signing/internal/pdf"
)

// Prepared is a signature that waits for its value. It can be stored between the request to a key
// and its answer; it holds nothing secret. It is immutable and may be used concurrently.
type Prepared struct {
	level      Level
	hash       crypto.Hash
	identity   Identity
	base       int64 // size of the document
	tail       []byte
	hole       pdf.Hole
	digest     []byte
	attributes []byte
	placed     Placement
	state      HashState // after the document; not stored
}

// Level is the level that Complete will reach.
func (p *Prepared) Level() Level { return p.level }

// Hash is the hash of the document and of the signed attributes.
func (p *Prepared) Hash() crypto.Hash { return p.hash }

// Digest is the digest of the /ByteRange: what the signature covers.
func (p *Prepared) Digest() []byte { return bytes.Clone(p.digest) }

// DocumentSize is the number of bytes of the document that the tail must follow.
func (p *Prepared) DocumentSize() int64 { return p.base }

// TailSize is the number of bytes that Complete will return.
func (p *Prepared) TailSize() int { return len(p.tail) }

// Certificate is the certificate of the signer.
func (p *Prepared) Certificate() *x509.Certificate { return p.identity.Certificate }

// Placement returns the name of the signature field, its page (1 is the first) and its rectangle,
// empty for an invisible signature.
func (p *Prepared) Placement() (field string, page int, rect Rect) {
	return p.placed.Field, p.placed.Page, p.placed.Rect
}

// Notice says what had to give way so that the block covers nothing.
func (p *Prepared) Notice() Notice { return p.placed.Notice }

// ToBeSigned returns the DER signed attributes: the key signs their digest of [Prepared.Hash].
func (p *Prepared) ToBeSigned() []byte { return bytes.Clone(p.attributes) }

// TimestampInput returns the imprint of the signature time-stamp: the digest of the signature
// value (EN 319 122-1, 5.3).
func (p *Prepared) TimestampInput(sig []byte) (digest []byte, h crypto.Hash) {
	w := p.hash.New()
	w.Write(sig)
	return w.Sum(nil), p.hash
}

func (p *Prepared) builder() cms.Builder {
	return cms.Builder{Hash: p.hash, Certificate: p.identity.Certificate, Chain: p.identity.Chain, PSS: p.identity.PSS}
}

// Complete is the second phase: it returns the bytes to append to the document. sig is the value
// that the key made over ToBeSigned, token the time-stamp over TimestampInput(sig), nil at level
// BB. It fails with [ErrSignature], [ErrTimestamp] or [ErrReserve], and may be called again.
func (p *Prepared) Complete(sig, token []byte) ([]byte, error) {
	der, err := p.assemble(sig, token)
	if err != nil {
		return nil, fmt.Errorf("completing a signature: %w", err)
	}
	if len(der) > p.hole.Capacity() {
		return nil, fmt.Errorf("completing a signature: %w: %d bytes, %d reserved", ErrReserve, len(der), p.hole.Capacity())
	}
	tail := bytes.Clone(p.tail)
	hex.Encode(tail[p.hole.Start+1:], der)
	return tail, nil
}

func (p *Prepared) assemble(sig, token []byte) ([]byte, error) {
	if err := cms.Verify(p.identity.Certificate, p.hash, p.identity.PSS, p.attributes, sig); err != nil {
		return nil, err
	}
	if p.level == BB && token != nil {
		return nil, fmt.Errorf("%w: not asked for at level %v", ErrTimestamp, p.level)
	}
	if p.level >= BT {
		digest, h := p.TimestampInput(sig)
		if err := checkToken(token, h, digest); err != nil {
			return nil, err
		}
	}
	return p.builder().Assemble(p.attributes, sig, token)
}

// checkToken refuses a token that is missing, unsound, or over something else than digest.
func checkToken(token []byte, h crypto.Hash, digest []byte) error {
	if len(token) == 0 {
		return fmt.Errorf("%w: missing", ErrTimestamp)
	}
	t, err := cms.ParseToken(token)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTimestamp, err)
	}
	if err := t.Check(h, digest); err != nil {
		return fmt.Errorf("%w: %w", ErrTimestamp, err)
	}
	return nil
}

// stored is the serialised form. Version changes when the meaning of a field does.
type stored struct {
	Version     int      `json:"version"`
	Level       Level    `json:"level"`
	Hash        string   `json:"hash"`
	PSS         bool     `json:"pss,omitempty"`
	Certificate []byte   `json:"certificate"`
	Chain       [][]byte `json:"chain,omitempty"`
	Base        int64    `json:"base"`
	Tail        []byte   `json:"tail"`
	HoleStart   int      `json:"holeStart"`
	HoleEnd     int      `json:"holeEnd"`
	Digest      []byte   `json:"digest"`
	Field       string   `json:"field"`
	Page        int      `json:"page"`
	Rect        Rect     `json:"rect"`
	Notice      Notice   `json:"notice,omitempty"`
}

const storedVersion = 1

// MarshalBinary returns the prepared signature for storage.
func (p *Prepared) MarshalBinary() ([]byte, error) {
	s := stored{
		Version: storedVersion, Level: p.level, Hash: p.hash.String(), PSS: p.identity.PSS,
		Certificate: p.identity.Certificate.Raw, Base: p.base, Tail: p.tail, HoleStart: p.hole.Start,
		HoleEnd: p.hole.End, Digest: p.digest, Field: p.placed.Field, Page: p.placed.Page,
		Rect: p.placed.Rect, Notice: p.placed.Notice,
	}
	for _, c := range p.identity.Chain {
		s.Chain = append(s.Chain, c.Raw)
	}
	return json.Marshal(s)
}

// UnmarshalBinary reads back what MarshalBinary wrote, or fails with [ErrPrepared]. The signed
// attributes are rebuilt from the digest and the certificate, so the three always agree.
func (p *Prepared) UnmarshalBinary(b []byte) error {
	var s stored
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("%w: %w", ErrPrepared, err)
	}
	q, err := s.restore()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPrepared, err)
	}
	*p = *q
	return nil
}

func (s *stored) restore() (*Prepared, error) {
	p := &Prepared{
		level: s.Level, base: s.Base, tail: s.Tail, digest: s.Digest, placed: Placement{s.Field, s.Page, s.Rect, s.Notice},
		hole: pdf.Hole{Start: s.HoleStart, End: s.HoleEnd},
	}
	if s.Version != storedVersion || s.Level < BB || s.Level > BT {
		return nil, fmt.Errorf("version %d, level %d", s.Version, s.Level)
	}
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		if h.String() == s.Hash {
			p.hash = h
		}
	}
	if h := p.hole; h.Start < 0 || h.End > len(p.tail) || h.End < h.Start+2 || p.tail[h.Start] != '<' || p.tail[h.End-1] != '>' ||
		len(bytes.Trim(p.tail[h.Start+1:h.End-1], "0")) > 0 {
		return nil, fmt.Errorf("hole %d to %d of %d bytes", h.Start, h.End, len(p.tail))
	}
	var err error
	if p.identity, err = s.identity(); err != nil {
		return nil, err
	}
	p.attributes, err = p.builder().SignedAttributes(p.digest)
	return p, err
}

func (s *stored) identity() (Identity, error) {
	cert, err := x509.ParseCertificate(s.Certificate)
	if err != nil {
		return Identity{}, err
	}
	id := Identity{Certificate: cert, PSS: s.PSS}
	for _, raw := range s.Chain {
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			return Identity{}, err
		}
		id.Chain = append(id.Chain, c)
	}
	return id, nil
}
