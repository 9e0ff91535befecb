package web

import "golang.org/x/time/rate"

// Limits of ceremonies. A town hall often shares one address, so addresses
// are given much more than sessions.
const (
	addressRate   = rate.Limit(5)
	addressBurst  = 150
	sessionRate   = rate.Limit(1)
	sessionBurst  = 40
	formLimit     = 64 << 10
	ceremonyLimit = 256 << 10 // an attestation with its certificates fits in
)
