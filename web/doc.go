// Package web is the surface of the product in a browser: pages, static
// files, sessions, ceremonies and live updates. It speaks French to people
// and asks the Office for everything else.
//
//	browser ──▶ router ─▶ town by host ─▶ session ─▶ one handler a page ─▶ Office
//	   ▲                                                    │
//	   │  page = Go struct, typed, rendered by html/template ┘
//	   └─ /evenements (SSE): "something changed"; the page asks again
//
// Pages are links first: each works as a plain page, and with script the
// same fragment opens as a sheet. Nothing is inline, so that the content
// security policy holds without exception.
//
// The package must not decide what may follow what, touch storage, or know
// keys. A cookie alone decides nothing here: every decision is a passkey
// gesture whose challenge the browser recomputes (static/app/js/decision.js)
// from the bytes that were read.
//
// # Failure handling
//
// Handlers return errors; one place (Server.fail) maps them through
// internal/problem, logs what is ours and renders a page, or JSON for the
// ceremonies. Unknown errors say nothing of their cause. What a person typed
// is never lost: forms come back filled, the motive of a refusal stays in
// the tab until it was used.
package web
