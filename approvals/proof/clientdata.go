package proof

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Types of ceremonies in clientDataJSON.
const (
	typeCreate = "webauthn.create"
	typeGet    = "webauthn.get"
)

// ClientData is what the browser says of a ceremony (Web Authentication, 5.8.1).
type ClientData struct {
	Type        string
	Challenge   string // base64url without padding
	Origin      string
	CrossOrigin bool
	TopOrigin   string
}

// ParseClientData reads clientDataJSON. Browsers may add members, which are ignored, but a member given twice is refused,
// and names are compared exactly: there is one way to read the result. The error is ErrMalformed.
func ParseClientData(raw []byte) (ClientData, error) {
	members, err := parseObject(raw)
	if err != nil {
		return ClientData{}, fmt.Errorf("client data: %w", err)
	}
	var c ClientData
	for name, dst := range map[string]any{
		"type": &c.Type, "challenge": &c.Challenge, "origin": &c.Origin,
		"crossOrigin": &c.CrossOrigin, "topOrigin": &c.TopOrigin,
	} {
		value, ok := members[name]
		if !ok {
			continue
		}
		if err := json.Unmarshal(value, dst); err != nil {
			return ClientData{}, fmt.Errorf("client data: %s: %w", name, ErrMalformed)
		}
	}
	if c.Type == "" || c.Challenge == "" || c.Origin == "" {
		return ClientData{}, fmt.Errorf("client data: type, challenge or origin missing: %w", ErrMalformed)
	}
	return c, nil
}

// parseObject reads one JSON object without duplicate member, and nothing after it.
func parseObject(raw []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(raw) {
		return nil, fmt.Errorf("not UTF-8: %w", ErrMalformed)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("not an object: %w", ErrMalformed)
	}
	members := map[string]json.RawMessage{}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, fmt.Errorf("member name: %w", ErrMalformed)
		}
		if _, twice := members[name]; twice {
			return nil, fmt.Errorf("member %q twice: %w", name, ErrMalformed)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("member %q: %w: %v", name, ErrMalformed, err)
		}
		members[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("object not closed: %w", ErrMalformed)
	}
	if len(bytes.TrimSpace(raw[dec.InputOffset():])) != 0 {
		return nil, fmt.Errorf("something after the object: %w", ErrMalformed)
	}
	return members, nil
}

// answers says whether the client data carries this challenge.
func (c ClientData) answers(challenge Digest) bool {
	return c.Challenge == base64.RawURLEncoding.EncodeToString(challenge[:])
}

// OriginFits says whether a browser lets a page of this origin use keys of this RP ID (Web Authentication, 13.4.9): https,
// the same host or one below it; http for localhost, for development. The origin must be spelt as browsers do: lower case,
// no default port, nothing after the host.
func OriginFits(origin, rpID string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != origin || strings.ToLower(origin) != origin {
		return false
	}
	if port := u.Port(); u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" || strings.HasSuffix(u.Host, ":") {
		return false
	}
	host := u.Hostname()
	if rpID == "" || host != rpID && !strings.HasSuffix(host, "."+rpID) {
		return false
	}
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	return u.Scheme == "https" || u.Scheme == "http" && local
}
