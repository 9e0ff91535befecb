package proof

import (
	_ "embed"
	"fmt"
)

// Names of the files into which an evidence is laid out, for people and for openssl. VERIFY.md describes them.
const (
	FileStatement          = "statement.json"
	FileSet                = "set.json"
	FileInclusion          = "proof.json"
	FileAuthenticatorData  = "authenticatorData.bin"
	FileClientData         = "clientData.json"
	FileSignature          = "signature.der"
	FileKeyCOSE            = "pubkey.cose"
	FileKeyPEM             = "pubkey.pem"
	FileAttestation        = "attestationObject.cbor"
	FileRegistrationClient = "registrationClientData.json"
	FileContext            = "context.json"
	// FileEnrolment and FileGuide are not part of the evidence: they go beside it.
	FileEnrolment = "enrolment.json"
	FileGuide     = "VERIFY.md"
)

//go:embed VERIFY.md
var guide []byte

// Guide is the text of VERIFY.md, in French: how to verify the files with openssl alone. A test runs its commands.
func Guide() []byte { return append([]byte(nil), guide...) }

// File is one of the files of an evidence.
type File struct {
	Name    string
	Content []byte
}

// inclusion is the content of proof.json.
type inclusion struct {
	LeafIndex int      `json:"leaf_index"`
	Count     int      `json:"count"`
	Path      []Digest `json:"path"`
}

// context is the content of context.json.
type context struct {
	Format          string  `json:"format"`
	RPID            string  `json:"rp_id"`
	Origin          string  `json:"origin"`
	CredentialID    []byte  `json:"credential_id"`
	ReceivedAt      Instant `json:"received_at"`
	EnrolmentSHA256 Digest  `json:"enrolment_sha256"`
}

// Files lays an evidence out, in a fixed order; [FromFiles] is the inverse. Set and key must parse: the count and the PEM
// form come from them. The error is ErrMalformed.
func (e Evidence) Files() ([]File, error) {
	e.normalise()
	set, err := ParseSet(e.Set)
	if err != nil {
		return nil, err
	}
	key, err := ParseKey(e.COSEKey)
	if err != nil {
		return nil, err
	}
	pem, err := key.PEM()
	if err != nil {
		return nil, err
	}
	place, err := CanonicalJSON(inclusion{e.LeafIndex, set.Count, e.Path})
	if err != nil {
		return nil, err
	}
	about, err := CanonicalJSON(context{e.Format, e.RPID, e.Origin, e.CredentialID, e.ReceivedAt, e.EnrolmentSHA256})
	if err != nil {
		return nil, err
	}
	return []File{
		{FileStatement, e.Statement},
		{FileSet, e.Set},
		{FileInclusion, place},
		{FileAuthenticatorData, e.AuthenticatorData},
		{FileClientData, e.ClientDataJSON},
		{FileSignature, e.Signature},
		{FileKeyCOSE, e.COSEKey},
		{FileKeyPEM, pem},
		{FileAttestation, e.AttestationObject},
		{FileRegistrationClient, e.RegistrationClientDataJSON},
		{FileContext, about},
	}, nil
}

// FromFiles puts an evidence together again. Files that an evidence does not know are ignored; proof.json must agree with
// set.json, and pubkey.pem with pubkey.cose, since people will have used either. The error is ErrMalformed.
func FromFiles(files []File) (Evidence, error) {
	by := make(map[string][]byte, len(files))
	for _, f := range files {
		if _, twice := by[f.Name]; twice {
			return Evidence{}, fmt.Errorf("evidence: file %q twice: %w", f.Name, ErrMalformed)
		}
		by[f.Name] = f.Content
	}
	var about context
	if err := ParseCanonical(by[FileContext], &about); err != nil {
		return Evidence{}, fmt.Errorf("evidence: %s: %w", FileContext, err)
	}
	var place inclusion
	if err := ParseCanonical(by[FileInclusion], &place); err != nil {
		return Evidence{}, fmt.Errorf("evidence: %s: %w", FileInclusion, err)
	}
	e := Evidence{
		Format: about.Format, Statement: by[FileStatement], Set: by[FileSet], LeafIndex: place.LeafIndex, Path: place.Path,
		RPID: about.RPID, Origin: about.Origin, CredentialID: about.CredentialID, COSEKey: by[FileKeyCOSE],
		AuthenticatorData: by[FileAuthenticatorData], ClientDataJSON: by[FileClientData], Signature: by[FileSignature],
		AttestationObject: by[FileAttestation], RegistrationClientDataJSON: by[FileRegistrationClient],
		ReceivedAt: about.ReceivedAt, EnrolmentSHA256: about.EnrolmentSHA256,
	}
	e.normalise()
	if err := e.check(); err != nil {
		return Evidence{}, fmt.Errorf("evidence: %w", err)
	}
	again, err := e.Files()
	if err != nil {
		return Evidence{}, err
	}
	for _, f := range again {
		if string(f.Content) != string(by[f.Name]) {
			return Evidence{}, fmt.Errorf("evidence: %s does not agree with the others: %w", f.Name, ErrMalformed)
		}
	}
	return e, nil
}
