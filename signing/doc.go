// Package signing appends PAdES baseline signatures to PDF documents (ETSI EN 319 142-1).
//
// A signature is made in two phases, because the key may be behind a token, an HSM or a remote
// service that answers hours later:
//
//	Prepare   reads the document, lays out the bytes to append, computes the digest   no key
//	          -> Prepared: storable; ToBeSigned is what the key signs
//	Complete  verifies the signature value, wraps it (and a time-stamp) in the hole   no document
//	          -> the tail: the bytes to append to the document
//
// [Sign] runs both with a [Signer] that answers at once, [SignBatch] for many documents with one use of
// the key. [Locate] says beforehand where the block will be. [Augment] brings all signatures of a document
// from B-T to B-LT and B-LTA and renews its archive time-stamp. [Detached] seals any bytes, such as an
// evidence manifest, with a CAdES signature that stands beside them.
//
// [Check] judges every signature of a document and what later revisions changed; a [Report] says
// what it found. [OpenDetached] and [VerifyDetached] do the same for a detached signature.
//
// The document is never rewritten: the first Size bytes of the signed file are, byte for byte, the
// document that was read. Prepare is deterministic: given the same document and options it makes
// the same bytes, so a crash between the use of the key and the commit of the result can be redone.
//
// # Failure handling
//
// Prepare fails before any key is used: on a certificate that may not sign ([ErrWeakKey],
// [ErrValidity], [ErrKeyUsage]), a document that cannot be read or must not change ([ErrMalformed],
// [ErrLimit], [ErrFilter], [ErrEncrypted], [ErrCertified], [ErrLocked]), a field, a tag or a place that
// is not available ([ErrField], [ErrSigned], [ErrTag], [ErrPlace]), an image that is none
// ([ErrPicture]). Complete fails with [ErrSignature] when the value does not verify with
// the certificate, [ErrTimestamp] when the token is missing or covers something else, [ErrReserve]
// when the result does not fit: nothing is ever truncated and no level is lowered in silence.
// Augment refuses a document with a signature that does not hold ([ErrUnsound]), and gives nothing
// when the evidence is not complete ([ErrEvidence]): the document keeps its level and the caller
// tries again later.
//
// The package must not know key files, HTTP, a database or the clock, nor decide which authorities
// are trusted. Nothing here is shared between calls: every function may run concurrently, on the
// condition that the [Source] it is given allows concurrent ReadAt.
package signing
