package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode"
	"unicode/utf8"
)

// ErrMalformed reports bytes that are not in the form which this package defines or reads.
var ErrMalformed = errors.New("malformed")

// maxText bounds the length in bytes of a text in a statement.
const maxText = 1024

// Digest is a SHA-256. In JSON it is 64 lower-case hexadecimal digits. The zero value stands for "none": in an optional
// field it is left out, in prev_sha256 it says that nothing comes before.
type Digest [sha256.Size]byte

// SHA256 is the digest of b.
func SHA256(b []byte) Digest { return sha256.Sum256(b) }

// ParseDigest reads 64 lower-case hexadecimal digits. The error is ErrMalformed.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	return d, d.UnmarshalText([]byte(s))
}

// IsZero says whether the digest is the zero value.
func (d Digest) IsZero() bool { return d == Digest{} }

// String is the hexadecimal form.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText is the hexadecimal form.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText accepts the hexadecimal form alone.
func (d *Digest) UnmarshalText(text []byte) error {
	var out Digest
	if len(text) != 2*len(out) {
		return fmt.Errorf("digest of %d characters: %w", len(text), ErrMalformed)
	}
	if _, err := hex.Decode(out[:], text); err != nil || out.String() != string(text) {
		return fmt.Errorf("digest %q: %w", text, ErrMalformed)
	}
	*d = out
	return nil
}

// Nonce is 32 random bytes. In JSON it is written as a Digest is.
type Nonce [32]byte

// NewNonce reads a nonce from random, which is crypto/rand.Reader outside of tests.
func NewNonce(random io.Reader) (Nonce, error) {
	var n Nonce
	if _, err := io.ReadFull(random, n[:]); err != nil {
		return Nonce{}, fmt.Errorf("drawing a nonce: %w", err)
	}
	return n, nil
}

// IsZero says whether the nonce is the zero value, which no statement may hold.
func (n Nonce) IsZero() bool { return n == Nonce{} }

// MarshalText is the hexadecimal form.
func (n Nonce) MarshalText() ([]byte, error) { return Digest(n).MarshalText() }

// UnmarshalText accepts the hexadecimal form alone.
func (n *Nonce) UnmarshalText(text []byte) error { return (*Digest)(n).UnmarshalText(text) }

// Instant is a moment in seconds since 1970, UTC. In JSON it is RFC 3339 with Z and no fraction. The zero value stands for
// "not set" and is refused where an instant is required.
type Instant int64

// instantLayout is the only spelling accepted.
const instantLayout = "2006-01-02T15:04:05Z"

// At is the instant of t, its fraction of a second dropped.
func At(t time.Time) Instant { return Instant(t.Unix()) }

// Time is the instant as a time in UTC.
func (i Instant) Time() time.Time { return time.Unix(int64(i), 0).UTC() }

// String is the RFC 3339 form.
func (i Instant) String() string { return i.Time().Format(instantLayout) }

// MarshalText is the RFC 3339 form.
func (i Instant) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText accepts the RFC 3339 form in UTC, to the second, alone.
func (i *Instant) UnmarshalText(text []byte) error {
	t, err := time.Parse(instantLayout, string(text))
	if err != nil || t.Format(instantLayout) != string(text) {
		return fmt.Errorf("instant %q: %w", text, ErrMalformed)
	}
	*i = At(t)
	return nil
}

// CanonicalJSON is the one encoding of a statement, a set, an enrolment, an evidence, and of the files of an evidence package:
// fields in the order of the type, no white space, no HTML escaping, no final newline. The error is that of encoding/json.
func CanonicalJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding %T: %w", v, err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// ParseCanonical decodes raw into v and wants that encoding v again gives raw. This refuses duplicate and unknown keys,
// white space, another order, and other spellings of the same value, at once. The error is ErrMalformed.
func ParseCanonical(raw []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	again, err := CanonicalJSON(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, raw) {
		return fmt.Errorf("not canonical: %w", ErrMalformed)
	}
	return nil
}

// checkText accepts a text of 1 to maxText bytes of UTF-8 that every JSON library writes in the same way: no control
// character, no line or paragraph separator, no replacement character.
func checkText(field, s string) error {
	if s == "" || len(s) > maxText || !utf8.ValidString(s) {
		return fmt.Errorf("%s: empty, too long or not UTF-8: %w", field, ErrMalformed)
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
			return fmt.Errorf("%s: character %U: %w", field, r, ErrMalformed)
		}
	}
	return nil
}

// checkTexts checks texts given as name, value, name, value...
func checkTexts(pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		if err := checkText(pairs[i], pairs[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// checkSIRET accepts 14 digits. The Luhn sum is not checked: La Poste breaks it, and it proves nothing here.
func checkSIRET(s string) error {
	if len(s) != 14 {
		return fmt.Errorf("tenant %q is not a SIRET: %w", s, ErrMalformed)
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return fmt.Errorf("tenant %q is not a SIRET: %w", s, ErrMalformed)
		}
	}
	return nil
}
