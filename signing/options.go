package signing

import (
	"crypto"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"parapheur/signing/internal/cms"
)

// Claims is what the signature declares, in any script. Name, Reason, Place and ContactInfo go to
// the signature dictionary; Name, Quality, Town, Mention, Motto and the time to the visible block.
// Nothing of it is proof: the proof is the certificate.
type Claims struct {
	Name        string    // required: "Élise Préfète-Gœury"
	Quality     string    // "Maire"
	Town        string    // "Saint-Aubin-sur-Loire"
	Mention     string    // "Pour le maire et par délégation", above the name
	Motto       string    // small print at the foot of the block
	Reason      string    // /Reason
	Place       string    // /Location
	ContactInfo string    // /ContactInfo
	Time        time.Time // required: /M and the visible date, in the location of the value
}

// maxClaim is the longest claim, in bytes.
const maxClaim = 2048

// Rect is a rectangle in the default user space of its page, in points from the page's own origin,
// with X0 < X1 and Y0 < Y1.
type Rect struct{ X0, Y0, X1, Y1 float64 }

// Field says where the signature goes. The zero Field is a new field with a name of its own, shown
// in free space of the last page.
type Field struct {
	// Name is the field to sign: an empty signature field of the document, or else a new one of
	// that name. Empty: a new field, Signature1 or the first number that is free.
	Name string
	// Invisible makes a signature without a block, on page 1 unless Page says otherwise.
	Invisible bool
	// Page is the page of a new field; 1 is the first, 0 the last.
	Page int
	// Rect is where a new field goes; nil looks for a free place. The block is scaled to it.
	Rect *Rect
}

// Options is one signature to prepare.
type Options struct {
	Identity Identity    // of the signer
	Level    Level       // BB or BT; with [Sign], BLT and BLTA too
	Hash     crypto.Hash // 0: SHA-384 for a P-384 key, SHA-256 otherwise
	Claims   Claims
	Field    Field
	// HashState, when it is not nil, is the state of Hash after the whole document: the document is
	// then not read again. It must come from a place as trusted as the document.
	HashState HashState
	// CopyTo, when it is not nil, receives the bytes of the document in the pass that hashes them:
	// the signed file is those bytes and the tail.
	CopyTo io.Writer
	// TokenReserve is the room for a time-stamp token, in bytes; 0 means 12 KiB.
	TokenReserve int
	// Augment is the evidence and the trust for [Sign] at levels BLT and BLTA; its Level and its
	// Timestamper are those of the signature.
	Augment AugmentOptions
}

// defaultTokenReserve holds the tokens of the authorities measured (3 to 8 KiB).
const defaultTokenReserve = 12 << 10

// maxTokenReserve bounds what a mistaken setting can append to each document.
const maxTokenReserve = 1 << 20

// hash returns the hash to use, or 0 when there is no certificate to choose it.
func (o *Options) hash() crypto.Hash {
	if o.Hash != 0 || o.Identity.Certificate == nil {
		return o.Hash
	}
	return cms.HashFor(o.Identity.Certificate)
}

func (o *Options) validate() error {
	switch o.Level {
	case BB, BT:
	case BLT, BLTA:
		return fmt.Errorf("%w: %v is made by augmenting a signature of level %v", ErrLevelUnavailable, o.Level, BT)
	default:
		return fmt.Errorf("%w: %v", ErrOptions, o.Level)
	}
	if o.Identity.Certificate == nil {
		return fmt.Errorf("%w: no certificate", ErrOptions)
	}
	if o.TokenReserve < 0 || o.TokenReserve > maxTokenReserve {
		return fmt.Errorf("%w: reserve of %d bytes", ErrOptions, o.TokenReserve)
	}
	if err := o.Claims.validate(); err != nil {
		return err
	}
	if stateMagic(o.hash()) == "" {
		return fmt.Errorf("%w: %v", ErrAlgorithm, o.Hash)
	}
	if err := cms.CheckCertificate(o.Identity.Certificate, o.Claims.Time); err != nil {
		return fmt.Errorf("certificate of %q: %w", o.Identity.Certificate.Subject.CommonName, err)
	}
	return nil
}

func (c *Claims) validate() error {
	if c.Time.IsZero() || c.Time.Year() < 1 || c.Time.Year() > 9999 {
		return fmt.Errorf("%w: no time", ErrOptions)
	}
	if strings.TrimSpace(c.Name) == "" {
		return fmt.Errorf("%w: no name", ErrOptions)
	}
	for _, s := range []string{c.Name, c.Quality, c.Town, c.Mention, c.Motto, c.Reason, c.Place, c.ContactInfo} {
		if len(s) > maxClaim || !utf8.ValidString(s) {
			return fmt.Errorf("%w: claim longer than %d bytes or not UTF-8", ErrOptions, maxClaim)
		}
	}
	return nil
}
