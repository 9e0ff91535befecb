// Package evidence makes and verifies the evidence package of a dossier: the one file, kept beside the signed letter,
// from which anyone can establish years later who decided what, in which order, with which key and on which bytes. It
// works without the product, without its database and without a network.
//
//	VERIFY.md                   how to verify all of it with openssl, in French
//	dossier.json                what the dossier is: a reading of the files below, recomputed by the verifier
//	circuit.json                the frozen circuit, canonical bytes (circuits/NN.json: those of earlier starts)
//	annexes.json                the digests of the annexes and their Merkle root
//	journal.jsonl               every entry of the town's journal about the dossier, with its hash
//	town.jsonl                  the entries of that journal on which the dossier rests beside: delegations, witnesses...
//	enrolments/NNNNNN.json      every enrolment of the town, each naming the one before
//	decisions/NN-visa/          one decision: evidence.json (exact bytes) and the same laid out for openssl
//	manifest.json               size and SHA-256 of each of the files above
//	manifest.p7s                the town's seal over manifest.json (CAdES, time-stamped); absent without a seal key
//
// The letter is not in it (personal data): « les doc_bytes premiers octets du PDF signé » is the approved document.
//
// # What rests on what
//
// The journal entries are folded through package circuits, command by command: what the circuit would have refused is
// invalid. Each decision of that fold must have its evidence, which package proof verifies with the bytes of the letter
// and the chain of enrolments. The signatures of the letter are verified by package signing and must be those that the
// journal recorded, on the bytes that were approved, by a certificate in the name of who decided. The seal ties all of it
// to the town; without it the rest may hold and the outcome is Unverifiable.
//
// Who decided for another, who vouched for a key and who handed in a proof are compared with the entries about the town that
// the package carries: which those must be follows from the rest of it.
//
// The entries between those of the dossier belong to other letters and are not in the package: that the extract is part of
// the chain of the town is checked against a complete export of the journal, when the verifier has one.
//
// # Failure handling
//
// [Write] fails with [ErrInconsistent] when what the store holds contradicts itself, before anything is written. [Verify]
// returns a [Report] for any bytes, in bounded time and memory; its error is that of the letter's reader or of the context.
// Every finding has a stable [Code]. The package must not read a clock, open a file or a network, nor decide whom to trust.
package evidence
