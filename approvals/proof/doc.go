// Package proof is the evidence of one decision: what was decided, the passkey assertion over it, and the verification of
// both years later, without this product. It is what a court expert would re-implement, so it is small, it depends on the
// standard library and on a CBOR reader only, and it never imports the WebAuthn library that runs the ceremonies.
//
//	statement₁ … statementₙ                       one decision on one document at one step, canonical JSON
//	     └── Merkle root (RFC 9162) ──▶ set       what one gesture approves, canonical JSON
//	                                    └── SHA-256("parapheur.decision-set.v1\n" ‖ set) = challenge
//	clientDataJSON ∋ challenge; signature over authenticatorData ‖ SHA-256(clientDataJSON), by the enrolled key
//	enrolment statement ∋ hashes of the key, of its credential id and of its attestation object
//
// # Canonical bytes
//
// Statements, sets, enrolments and evidence are JSON objects with a fixed order of fields, strings, integers and booleans
// only, no insignificant white space and no HTML escaping. Bytes are produced once, stored and hashed; a reader decodes
// them, refuses unknown fields, and requires that encoding again gives the same bytes. Texts hold no control character, so
// the form does not depend on how a version of a JSON library escapes them. Store these bytes as bytea, never as jsonb.
//
// # What it proves
//
// A verified gesture (user presence and user verification) by an enrolled key over the hash of a document. Not what a
// screen displayed. And a key carried by the evidence proves nothing until it is found in an enrolment: [Verify] says
// "unverifiable" rather than "valid" when the enrolment or the document is not given.
//
// # Failure handling
//
// Parsers return an error that is [ErrMalformed]. [Verify] returns a [Report] in every case and an error that is
// [ErrInvalid] (a check failed) or [ErrUnverifiable] (nothing failed, something is missing); the error is a [*Failure]
// which carries a stable [Reason].
//
// The package must not read a clock, a file or a network, and must not import another package of the product.
package proof
