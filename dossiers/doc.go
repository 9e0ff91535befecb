// Package dossiers carries letters through their circuits. An Office does
// what people and other programs ask: each of its methods is one use case, at
// most one transaction at a time, one or more journal entries.
//
//	api, web ─▶ Office ─▶ Store.Update ─▶ circuits decides ─▶ state + journal + jobs, committed together
//	                 └──▶ Blobs.Put before the fact that names the bytes
//
// The package declares what it needs of the world (Store, Blobs, Keys,
// Intake) and imports neither PostgreSQL, nor HTTP, nor keys. It must not
// hold rules about what may follow what: those are the package circuits'; nor
// about who proved what: those are the package approvals'.
//
// # Failure handling
//
// Bytes are durable before the fact that names them, so a crash leaves an
// orphan blob and never a fact without its document. A decision is one
// transaction: evidence, state, journal and job, or nothing. Sealing happens
// with no transaction open and in stages that are each kept (prepared,
// signed, sealed); a second run resumes at the stage reached, and the state
// refuses a second seal. A ceremony is consumed before it is verified: a
// crash in between costs a gesture, never a replay.
//
// Errors are the sentinels of this package, of circuits and of approvals,
// wrapped with what was being done; internal/problem maps them to HTTP.
package dossiers
