package api

import "golang.org/x/time/rate"

// Limits of who is not known: what is refused is counted by address.
const (
	strangerRate  = rate.Limit(2)
	strangerBurst = 60
)
