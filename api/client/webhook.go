package client

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ErrSignature says that a call does not come from the parapheur, or was
// recorded and played again.
var ErrSignature = errors.New("signature refused")

const (
	// Tolerance is how far the clocks may be apart (Standard Webhooks).
	Tolerance    = 5 * time.Minute
	secretPrefix = "whsec_"
)

// A Verifier checks the calls that the parapheur makes.
type Verifier struct {
	secrets [][]byte
}

// NewVerifier reads the secrets in force, "whsec_…": two while one is renewed.
func NewVerifier(secrets ...string) (*Verifier, error) {
	v := &Verifier{}
	for _, s := range secrets {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, secretPrefix))
		if err != nil || len(raw) == 0 || !strings.HasPrefix(s, secretPrefix) {
			return nil, errors.New("a secret is not one of Standard Webhooks")
		}
		v.secrets = append(v.secrets, raw)
	}
	if len(v.secrets) == 0 {
		return nil, errors.New("no secret")
	}
	return v, nil
}

// A Message is what a call says. ID is the same each time it is sent: what was
// acted on once need not be again. It has no Seq: calls come in their order.
type Message struct {
	ID string `json:"-"`
	Event
}

// Verify checks a call that was received at now, from its headers and the very
// bytes of its body, and reads it. ErrSignature when it must not be believed.
func (v *Verifier) Verify(h http.Header, body []byte, now time.Time) (Message, error) {
	m := Message{ID: h.Get("webhook-id")}
	stamp := h.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || m.ID == "" || now.Sub(time.Unix(seconds, 0)).Abs() > Tolerance {
		return Message{}, ErrSignature
	}
	if !v.signed(h.Get("webhook-signature"), m.ID+"."+stamp+".", body) {
		return Message{}, ErrSignature
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return Message{}, fmt.Errorf("read a call: %w", err)
	}
	return m, nil
}

// signed reports whether one of the signatures is of one of the secrets.
func (v *Verifier) signed(header, prefix string, body []byte) bool {
	for _, secret := range v.secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(prefix))
		mac.Write(body)
		want := mac.Sum(nil)
		for s := range strings.FieldsSeq(header) {
			version, value, _ := strings.Cut(s, ",")
			got, err := base64.StdEncoding.DecodeString(value)
			if version == "v1" && err == nil && hmac.Equal(got, want) {
				return true
			}
		}
	}
	return false
}
