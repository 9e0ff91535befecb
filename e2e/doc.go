// Package e2e plays the journey of a letter in a real browser against the
// real program: no part is replaced. See TestJourney.
package e2e
