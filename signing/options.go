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
// the signature dictionary; Name, Quality, Town, Mention, Motto (or else Reason) and the time to the
// visible block. Nothing of it is proof: the proof is the certificate.
type Claims struct {
	Name        string    // required: "Élise Préfète-Gœury"; the organisation for a seal: "Ville de Saint-Aubin"
	Quality     string    // "Maire"
	Town        string    // "Saint-Aubin-sur-Loire"
	Mention     string    // "Pour le Maire et par délégation, le Directeur général des services", above the name
	Motto       string    // small print at the foot of the block
	Reason      string    // /Reason; in the block when there is no motto
	Place       string    // /Location
	ContactInfo string    // /ContactInfo
	Time        time.Time // required: /M and the visible date, in the location of the value
	// Seal says that the key is an organisation's: the block is labelled « Cachet » and shows neither
	// quality, mention nor handwritten signature, which are a person's. It is taken as true for a
	// certificate that says so itself: see [IsSeal].
	Seal bool
	// Warning stands in place of the heading « Signé électroniquement », in every size of the block:
	// « SPÉCIMEN — SANS VALEUR ».
	Warning string
}

// maxClaim is the longest claim, in bytes.
const maxClaim = 2048

// Rect is a rectangle in the default user space of its page, in points from the page's own origin,
// with X0 < X1 and Y0 < Y1.
type Rect struct{ X0, Y0, X1, Y1 float64 }

// Point is a place on a page as it is seen, in percent of its width and height from its upper left
// corner: {50, 50} is the middle, whatever the rotation and the crop box.
type Point struct{ X, Y float64 }

// Field says where the signature goes. The zero Field is a new field with a name of its own, shown
// in free space of the last page. One of Tags, At and Rect at most may be given, and none of them with
// the name of an existing field. Nothing is ever placed over text, a form field or another block;
// what had to give way is told by [Notice].
type Field struct {
	// Name is the field to sign: an empty signature field of the document, or else a new one of
	// that name. Empty: a new field, Signature1 or the first number that is free.
	Name string
	// Invisible makes a signature without a block, on page 1 unless Page says otherwise.
	Invisible bool
	// Page is the page of a new field; 1 is the first, 0 the last.
	Page int
	// Tags are texts of the document, such as "#signature:dgs#", in any colour: the upper left corner
	// of the block goes on that of the first one that is found, on any page, or as near as there is
	// room. Case and blanks do not count. Without any: [ErrTag].
	Tags []string
	// TagsOptional makes free space do when no tag is found.
	TagsOptional bool
	// At is the upper left corner of the block on Page, moved as little as it takes.
	At *Point
	// Rect is exactly where a new field goes on Page; the block is scaled to it. It is refused over
	// text, a form field or another block ([ErrPlace]). Nil looks for a free place.
	Rect *Rect
}

// maxTags bounds the tags of one signature; maxTag is the longest, in bytes.
const (
	maxTags = 8
	maxTag  = 200
)

func (f *Field) validate() error {
	given := 0
	for _, is := range []bool{len(f.Tags) > 0, f.At != nil, f.Rect != nil} {
		if is {
			given++
		}
	}
	if given > 1 || given > 0 && f.Invisible {
		return fmt.Errorf("%w: several places", ErrOptions)
	}
	if len(f.Tags) > maxTags {
		return fmt.Errorf("%w: %d tags", ErrOptions, len(f.Tags))
	}
	for _, t := range f.Tags {
		if len(strings.TrimSpace(t)) < 2 || len(t) > maxTag || !utf8.ValidString(t) {
			return fmt.Errorf("%w: tag %q", ErrOptions, t)
		}
	}
	if p := f.At; p != nil && !(p.X >= 0 && p.X <= 100 && p.Y >= 0 && p.Y <= 100) {
		return fmt.Errorf("%w: %g %%, %g %%", ErrOptions, p.X, p.Y)
	}
	if f.Page < 0 {
		return fmt.Errorf("%w: page %d", ErrOptions, f.Page)
	}
	return nil
}

// Options is one signature to prepare.
type Options struct {
	Identity Identity    // of the signer
	Level    Level       // BB or BT; with [Sign], BLT and BLTA too
	Hash     crypto.Hash // 0: SHA-384 for a P-384 key, SHA-256 otherwise
	Claims   Claims
	Field    Field
	// Arms is a coat of arms or a logo, PNG or JPEG, at the left of the block.
	Arms []byte
	// Griffe is the image of a handwritten signature, PNG or JPEG, above the name. It is a picture and
	// nothing calls it a signature.
	Griffe []byte
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
	if err := o.shown(); err != nil {
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

// shown validates what the block needs.
func (o *Options) shown() error {
	if err := o.Claims.validate(); err != nil {
		return err
	}
	return o.Field.validate()
}

// isSeal says whether the block is that of an organisation.
func (o *Options) isSeal() bool { return o.Claims.Seal || IsSeal(o.Identity.Certificate) }

func (c *Claims) validate() error {
	if c.Time.IsZero() || c.Time.Year() < 1 || c.Time.Year() > 9999 {
		return fmt.Errorf("%w: no time", ErrOptions)
	}
	if strings.TrimSpace(c.Name) == "" {
		return fmt.Errorf("%w: no name", ErrOptions)
	}
	for _, s := range []string{c.Name, c.Quality, c.Town, c.Mention, c.Motto, c.Reason, c.Place, c.ContactInfo, c.Warning} {
		if len(s) > maxClaim || !utf8.ValidString(s) {
			return fmt.Errorf("%w: claim longer than %d bytes or not UTF-8", ErrOptions, maxClaim)
		}
	}
	return nil
}
