// Package webhook tells the programs of a town what happened, at the addresses
// they gave: messages signed as Standard Webhooks says, in the order of the
// journal for each endpoint, at least once.
//
//	journal ─▶ position of the endpoint ─▶ one message, kept ─▶ POST, signed ─▶ position + 1
//	                 ▲                            │ failed: tried again, at most for three days
//	                 └────────── lease ───────────┘ of one node at a time
//
// The journal is the queue: an endpoint holds a position in it, and the next
// event waits until the one before was taken or given up. A node works for an
// endpoint under a lease. One that dies loses the lease with time, and another
// goes on from the position: what was sent and not recorded is sent again,
// under the same identifier and with the same bytes.
//
// It must not decide which events an application may see (the store does),
// call an address that the egress guard refuses, follow a redirect, or send
// more of a letter than its identifiers.
//
// # Failure handling
//
// An endpoint that fails is tried again after growing waits (see [Wait]). When
// the last one fails too, the message is given up, the endpoint is suspended
// and the administrators are told; the message is kept and can be sent again.
// An endpoint that answers 410 asked to be left alone, and is. The sender's
// own errors are logged, and its next round begins again.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// Headers of a message (Standard Webhooks).
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// Signature signs a message with every secret in force: "v1,…" each, separated
// by a space. What is signed is "id.seconds.body".
func Signature(id string, at time.Time, body []byte, secrets ...[]byte) string {
	var out []string
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		out = append(out, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(out, " ")
}

// waits are the pauses before each attempt after the first: three days in all.
func waits() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

// Wait returns the pause after that many failed attempts, and whether there is
// another attempt at all. jitter, from 0 to 1, adds up to a tenth, so that the
// endpoints which failed together do not come back together.
func Wait(failed int, jitter float64) (time.Duration, bool) {
	all := waits()
	if failed < 1 || failed > len(all) {
		return 0, failed < 1
	}
	d := all[failed-1]
	return d + time.Duration(jitter*float64(d)/10), true
}
