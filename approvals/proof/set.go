package proof

import (
	"crypto/sha256"
	"fmt"
	"time"
)

// Prefixes of the challenges, one for each purpose: an assertion made for one can never serve for another. The challenge
// of a login is random and has none.
const (
	prefixSet          = "parapheur.decision-set.v1\n"
	prefixEnrolment    = "parapheur.enrolment.v1\n"
	prefixRegistration = "parapheur.registration.v1\n"
	prefixWitness      = "parapheur.enrolment-witness.v1\n"
	prefixAct          = "parapheur.act.v1\n"

	schemaSet = "parapheur.decision-set.v1"
)

// MaxLifetime is the longest time between the display of a statement and the gesture that approves it.
const MaxLifetime = 5 * time.Minute

// Set is what one gesture approves: one statement or more, hidden behind a Merkle root. The order of the fields is the
// canonical order.
type Set struct {
	// Schema is "parapheur.decision-set.v1".
	Schema string `json:"schema"`
	// RPID is the domain name to which the passkey is bound.
	RPID string `json:"rp_id"`
	// Actor is the person, as in each statement.
	Actor string `json:"actor"`
	// Count is the number of statements, 1 to 50.
	Count int `json:"count"`
	// MerkleRoot is the root over the statements, in order.
	MerkleRoot Digest `json:"merkle_root"`
	// Nonce is fresh: it makes the challenge unpredictable.
	Nonce Nonce `json:"nonce"`
	// IssuedAt and ExpiresAt bound the gesture.
	IssuedAt  Instant `json:"issued_at"`
	ExpiresAt Instant `json:"expires_at"`
}

// Canonical returns the bytes which are hashed, shown and stored, or ErrMalformed when a field does not hold.
func (s Set) Canonical() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("set: %w", err)
	}
	return CanonicalJSON(s)
}

// ParseSet reads canonical bytes and nothing else. The error is ErrMalformed.
func ParseSet(raw []byte) (Set, error) {
	var s Set
	if err := ParseCanonical(raw, &s); err != nil {
		return Set{}, fmt.Errorf("set: %w", err)
	}
	if err := s.check(); err != nil {
		return Set{}, fmt.Errorf("set: %w", err)
	}
	return s, nil
}

func (s Set) check() error {
	if s.Schema != schemaSet {
		return fmt.Errorf("schema %q: %w", s.Schema, ErrMalformed)
	}
	if err := checkTexts("rp_id", s.RPID, "actor", s.Actor); err != nil {
		return err
	}
	switch {
	case s.Count < 1 || s.Count > Visa.MaxBatch():
		return fmt.Errorf("count %d: %w", s.Count, ErrMalformed)
	case s.MerkleRoot.IsZero() || s.Nonce.IsZero():
		return fmt.Errorf("no root or no nonce: %w", ErrMalformed)
	case s.IssuedAt <= 0 || s.ExpiresAt <= s.IssuedAt:
		return fmt.Errorf("from %s to %s: %w", s.IssuedAt, s.ExpiresAt, ErrMalformed)
	}
	return nil
}

// Challenge is what the authenticator signs for a set of decisions, given its canonical bytes.
func Challenge(set []byte) Digest { return prefixed(prefixSet, set) }

func prefixed(prefix string, b []byte) Digest {
	h := sha256.New()
	h.Write([]byte(prefix))
	h.Write(b)
	return Digest(h.Sum(nil))
}

// NewSet makes the set over statements already in canonical form, all by the same actor.
func NewSet(rpID, actor string, statements [][]byte, nonce Nonce, issued, expires Instant) Set {
	return Set{
		Schema: schemaSet, RPID: rpID, Actor: actor, Count: len(statements), MerkleRoot: Root(leaves(statements)),
		Nonce: nonce, IssuedAt: issued, ExpiresAt: expires,
	}
}
