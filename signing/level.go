package signing

import (
	"errors"
	"fmt"

	"parapheur/signing/internal/appearance"
	"parapheur/signing/internal/cms"
	"parapheur/signing/internal/pdf"
)

// Level is a PAdES baseline level (EN 319 142-1, 6). Each one holds what the one before holds.
type Level int

// The levels, from the least to the most durable.
const (
	BB   Level = iota // signature with the signing certificate
	BT                // with a time-stamp from a trusted authority
	BLT               // with certificates and revocation data
	BLTA              // with an archive time-stamp over all of it
)

// String returns the name that validation reports use, "PAdES-BASELINE-T".
func (l Level) String() string {
	switch l {
	case BB:
		return "PAdES-BASELINE-B"
	case BT:
		return "PAdES-BASELINE-T"
	case BLT:
		return "PAdES-BASELINE-LT"
	case BLTA:
		return "PAdES-BASELINE-LTA"
	}
	return fmt.Sprintf("Level(%d)", int(l))
}

// Errors of this package. They come wrapped with what was being done; test with errors.Is.
var (
	// ErrLevelUnavailable answers a level that [Prepare] or [Detached] cannot make: [Augment] makes B-LT
	// and B-LTA, of documents only.
	ErrLevelUnavailable = errors.New("signing: level not available")
	// ErrOptions refuses options that contradict each other or miss something required.
	ErrOptions = errors.New("signing: invalid options")
	// ErrHashState refuses a saved hash state of other bytes or of another hash.
	ErrHashState = errors.New("signing: hash state does not fit the document")
	// ErrCertified refuses to change a document whose certification signature forbids it (DocMDP).
	ErrCertified = errors.New("signing: the document is certified against this change")
	// ErrLocked refuses what the lock of an earlier signature forbids (FieldMDP, /Lock of its field).
	ErrLocked = errors.New("signing: an earlier signature locks this field")
	// ErrSigned refuses a field that is already signed; it comes with [ErrField].
	ErrSigned = errors.New("signing: the field is already signed")
	// ErrTag says that no tag was found in the document.
	ErrTag = errors.New("signing: tag not found")
	// ErrField refuses a field that is already signed, is no signature field, or has an invalid name.
	ErrField = errors.New("signing: signature field not usable")
	// ErrPlace says that the visible block would cover text, a form field or another signature, or is
	// off the page.
	ErrPlace = errors.New("signing: no place for the signature block")
	// ErrReserve says that the signature does not fit in the reserved bytes: prepare again with more.
	ErrReserve = errors.New("signing: reserved space too small")
	// ErrTimestamp says that the time-stamp token is missing, malformed or not over this signature.
	ErrTimestamp = errors.New("signing: time-stamp token refused")
	// ErrUnsound refuses to augment a document whose signatures do not hold, or that has none.
	ErrUnsound = errors.New("signing: a signature of the document does not hold")
	// ErrEvidence says that the revocation data for a higher level is missing or does not suffice.
	ErrEvidence = errors.New("signing: revocation evidence missing")
	// ErrKeyMismatch says that a key is not the one of the certificate.
	ErrKeyMismatch = errors.New("signing: key does not belong to the certificate")
	// ErrPrepared says that stored prepared data cannot be read back.
	ErrPrepared = errors.New("signing: prepared data unreadable")

	// ErrWeakKey refuses RSA under 3072 bits and any key but ECDSA on P-256 or P-384 (TS 119 312).
	ErrWeakKey = cms.ErrWeakKey
	// ErrValidity refuses a certificate outside its validity period at the claimed time.
	ErrValidity = cms.ErrValidity
	// ErrKeyUsage refuses a certificate without digitalSignature or contentCommitment.
	ErrKeyUsage = cms.ErrKeyUsage
	// ErrAlgorithm refuses a hash other than SHA-256, SHA-384 and SHA-512.
	ErrAlgorithm = cms.ErrAlgorithm
	// ErrSignature says that a signature value does not verify with the certificate.
	ErrSignature = cms.ErrSignature

	// ErrMalformed says that the document is not a PDF that can be read without repair.
	ErrMalformed = pdf.ErrSyntax
	// ErrLimit says that the document exceeds a limit that only hostile files reach.
	ErrLimit = pdf.ErrLimit
	// ErrFilter says that the structure of the document is in a stream that is not decoded here.
	ErrFilter = pdf.ErrFilter
	// ErrEncrypted refuses an encrypted document.
	ErrEncrypted = pdf.ErrEncrypted
	// ErrNotFound says that the document has no such page.
	ErrNotFound = pdf.ErrNotFound
	// ErrPicture refuses an image that is not a PNG or JPEG within the limits.
	ErrPicture = appearance.ErrPicture
	errNoRoom  = appearance.ErrNoRoom
)
