// Package approvals runs the WebAuthn ceremonies by which people enrol a passkey, log in, and decide; a decision is bound
// to the exact document, circuit and step, and leaves a [proof.Evidence] that anyone can verify without this product.
//
//	Begin…(user, session) ──▶ Ceremony: the caller stores it ──▶ options to the browser
//	                                      │
//	the caller DELETES the row, commits, ─┘
//	and only then Finish…(user, session, ceremony, response) ──▶ Credential, or Evidence
//
// The package holds no storage and starts nothing. It relies on its caller for three things that no code here can do:
//
//   - a ceremony is consumed exactly once, by a DELETE … RETURNING committed before Finish is called, whatever Finish then
//     says: this is what stops a replay;
//   - the credential that Finish returns is written back, also when the error is [ErrClone], which latches the warning;
//   - the transaction that stores the evidence checks again, under the lock of the dossier, that version, digest, step,
//     rights, and the digest of the evidence before are still those of the statement.
//
// # Failure handling
//
// Every refusal is one of the sentinel errors of this package. None carries what the browser or an attacker must not
// learn; [Detail] gives more for a log. Nothing is retried: a refused ceremony is lost and another one is begun.
//
// The package must not import a database, a handler, or package dossiers, and must not log.
package approvals
