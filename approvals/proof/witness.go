package proof

import (
	"encoding/base64"
	"fmt"
)

// Witness is who vouches for an enrolment, with a key that was enrolled before: an officer of the town, or the person, with
// another of their keys. The assertion answers a challenge over the enrolment, with who vouches and where
// ([WitnessChallenge]). In JSON, bytes are in standard base64.
type Witness struct {
	// Person identifies who vouches.
	Person string `json:"person"`
	// EnrolmentSHA256 is the digest of the enrolment of the key used, earlier in the chain.
	EnrolmentSHA256 Digest `json:"enrolment_sha256"`
	// RPID and Origin are those of the town at the time.
	RPID   string `json:"rp_id"`
	Origin string `json:"origin"`
	// COSEKey, AuthenticatorData, ClientDataJSON and Signature are the key used and its assertion.
	COSEKey           []byte `json:"cose_key,omitempty"`
	AuthenticatorData []byte `json:"authenticator_data,omitempty"`
	ClientDataJSON    []byte `json:"client_data_json,omitempty"`
	Signature         []byte `json:"signature,omitempty"`
}

// checkVouched checks that an enrolment of the second schema has a founding, or a witness with an assertion.
func (e Enrolment) checkVouched() error {
	if e.Witness == nil {
		if e.Founding != FoundedByOperator && e.Founding != FoundedForDemonstration && e.Founding != FoundedForSandbox {
			return fmt.Errorf("neither founding nor witness: %w", ErrMalformed)
		}
		return nil
	}
	w := *e.Witness
	if e.Founding != "" || len(w.COSEKey) == 0 || len(w.AuthenticatorData) == 0 || len(w.ClientDataJSON) == 0 || len(w.Signature) == 0 || w.EnrolmentSHA256.IsZero() {
		return fmt.Errorf("a founding with a witness, or a witness without key or assertion: %w", ErrMalformed)
	}
	return w.check()
}

func (w Witness) check() error {
	if err := checkTexts("witness", w.Person, "rp_id", w.RPID, "origin", w.Origin); err != nil {
		return err
	}
	if !OriginFits(w.Origin, w.RPID) {
		return fmt.Errorf("witness of %q at %q: %w", w.RPID, w.Origin, ErrMalformed)
	}
	return nil
}

// WitnessChallenge is what the key of the witness answers: it commits to the whole enrolment but to which of their keys
// they answer with, and to its assertion, which need not be there yet: enrolment_sha256 is zero in what is hashed, and the
// four fields of the assertion are left out. The error is ErrMalformed.
func WitnessChallenge(e Enrolment) (Digest, error) {
	if e.Witness == nil {
		return Digest{}, fmt.Errorf("no witness: %w", ErrMalformed)
	}
	w := *e.Witness
	if err := w.check(); err != nil {
		return Digest{}, err
	}
	w = Witness{Person: w.Person, RPID: w.RPID, Origin: w.Origin}
	e.Witness = &w
	b, err := CanonicalJSON(e)
	if err != nil {
		return Digest{}, err
	}
	return prefixed(prefixWitness, b), nil
}

// vouched verifies the assertion of the witness of e, whose key was enrolled by of.
func (e Enrolment) vouched(of Enrolment) error {
	w := *e.Witness
	challenge, err := WitnessChallenge(e)
	if err != nil {
		return err
	}
	if of.Person != w.Person || of.COSEKeySHA256 != SHA256(w.COSEKey) || of.IssuedAt > e.IssuedAt {
		return fmt.Errorf("the key of the witness is of %q, enrolled at %s: %w", of.Person, of.IssuedAt, ErrInvalid)
	}
	c, err := ParseClientData(w.ClientDataJSON)
	if err != nil {
		return err
	}
	a, err := ParseAuthenticatorData(w.AuthenticatorData)
	if err != nil {
		return err
	}
	key, err := ParseKey(w.COSEKey)
	if err != nil {
		return err
	}
	switch {
	case c.Type != typeGet || c.Challenge != base64.RawURLEncoding.EncodeToString(challenge[:]):
		return fmt.Errorf("the witness answered something else: %w", ErrInvalid)
	case c.Origin != w.Origin || c.CrossOrigin || c.TopOrigin != "" || a.RPIDHash != SHA256([]byte(w.RPID)):
		return fmt.Errorf("the witness answered elsewhere, at %q: %w", c.Origin, ErrInvalid)
	case a.Credential != nil || !a.Flags.UserPresent() || !a.Flags.UserVerified():
		return fmt.Errorf("the witness was not verified, flags %08b: %w", a.Flags, ErrInvalid)
	case !key.Verify(signedBytes(w.AuthenticatorData, w.ClientDataJSON), w.Signature):
		return fmt.Errorf("the signature of the witness does not match: %w", ErrInvalid)
	}
	return nil
}

// VerifyEnrolments follows the chain of the enrolments of a town, given as canonical bytes from the first: each names the
// digest of the one before, and somebody enrolled before vouches for it. Without witness are the first key of a town, those
// of a demonstration that was one from its first key on, those of a sandbox, and those of the first schema, before any of the second. It
// returns the digest of the last. The error is ErrMalformed or ErrInvalid.
func VerifyEnrolments(tenant string, chain [][]byte) (Digest, error) {
	f := following{known: map[Digest]Enrolment{}}
	for i, raw := range chain {
		e, err := ParseEnrolment(raw)
		if err != nil {
			return f.head, fmt.Errorf("enrolment %d: %w", i+1, err)
		}
		if e.Tenant != tenant || e.PrevSHA256 != f.head {
			return f.head, fmt.Errorf("enrolment %d does not follow %s in the chain of %s: %w", i+1, f.head, tenant, ErrInvalid)
		}
		if err := f.admits(e); err != nil {
			return f.head, fmt.Errorf("enrolment %d: %w", i+1, err)
		}
		f.add(raw, e)
	}
	return f.head, nil
}

// following is how far a chain was followed.
type following struct {
	head      Digest
	known     map[Digest]Enrolment
	founding  Founding // of the first
	witnessed bool     // an enrolment of the second schema was met
}

func (f *following) add(raw []byte, e Enrolment) {
	if len(f.known) == 0 {
		f.founding = e.Founding
	}
	f.head = EnrolmentDigest(raw)
	f.known[f.head] = e
	f.witnessed = f.witnessed || e.Schema == schemaWitnessed
}

// admits says whether somebody vouches for e, or need not.
func (f *following) admits(e Enrolment) error {
	first := len(f.known) == 0
	switch {
	case e.Schema == schemaEnrolment && f.witnessed:
		return fmt.Errorf("without witness after witnesses: %w", ErrInvalid)
	case e.Schema == schemaEnrolment, e.Founding != "" && first:
		return nil
	case e.Founding == FoundedForDemonstration && f.founding == FoundedForDemonstration, e.Founding == FoundedForSandbox:
		return nil
	case e.Witness == nil:
		return fmt.Errorf("a founding (%s) after the first key: %w", e.Founding, ErrInvalid)
	}
	of, known := f.known[e.Witness.EnrolmentSHA256]
	if !known {
		return fmt.Errorf("the witness has no key in the chain: %w", ErrInvalid)
	}
	return e.vouched(of)
}

// Born tells in which way a chain began: nothing for a chain of the first schema, or for none. It verifies nothing.
func Born(chain [][]byte) Founding {
	if len(chain) == 0 {
		return ""
	}
	e, err := ParseEnrolment(chain[0])
	if err != nil {
		return ""
	}
	return e.Founding
}
