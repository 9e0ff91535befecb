// Package sandbox holds what test persons of a bac à sable have and nobody
// else: passkeys in software, sealed at rest, and the clock that programs move.
//
// A passkey is drawn for one person of one sandbox. Its private key is sealed
// under the SIRET of that town, and its attestation claims the model that
// package proof calls a specimen: no relying party of a real town registers
// it, and no verifier finds valid what it signed.
//
// It must not be reachable from a real town: package wiring gives it to the
// office of a sandbox alone, and it refuses any other town by itself. It
// decides nothing and verifies nothing: what it answers goes through the
// ceremonies of everybody.
//
// # Failure handling
//
// Options that it cannot read, and a town that is no sandbox, are errors; a
// secret of another town does not open.
package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"

	"parapheur/approvals/proof"
	"parapheur/dossiers"
)

// secretKind is what the vault knows the passkeys by.
const secretKind = "test-passkey"

// Flags of authenticator data (Web Authentication, 6.1): present, verified, and
// with a new credential. A key in software stays where it is: never backed up.
const (
	flagsUsed = 0x01 | 0x04
	flagsMade = flagsUsed | 0x40
)

// A Player is the software authenticator of test persons. It is safe for
// concurrent use.
type Player struct {
	Vault dossiers.Secrets
	Rand  io.Reader // crypto/rand.Reader but in tests
}

var _ dossiers.Player = (*Player)(nil)

var errTown = errors.New("software passkeys serve in sandboxes alone")

// Register implements dossiers.Player.
func (p *Player) Register(t dossiers.Tenant, who dossiers.Person, options []byte, x *dossiers.TestPerson) ([]byte, error) {
	if !t.Sandbox() {
		return nil, errTown
	}
	asked, err := parse(options)
	if err != nil {
		return nil, fmt.Errorf("register %s: %w", who.ID, err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("draw a passkey: %w", err)
	}
	x.KID = make([]byte, 32)
	if _, err := io.ReadFull(p.Rand, x.KID); err != nil {
		return nil, fmt.Errorf("draw a passkey: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write a passkey: %w", err)
	}
	defer clear(der)
	if x.Passkey, err = p.Vault.Seal(t, secretKind, string(who.ID), der); err != nil {
		return nil, fmt.Errorf("seal a passkey: %w", err)
	}
	client := clientData("webauthn.create", asked.Challenge, t.Origin)
	object, err := attested(key, t.RPID, x.KID, client)
	if err != nil {
		return nil, fmt.Errorf("attest a passkey: %w", err)
	}
	return answer(x.KID, map[string]any{
		"clientDataJSON": url64(client), "attestationObject": url64(object), "transports": []string{"internal"},
	})
}

// Answer implements dossiers.Player.
func (p *Player) Answer(t dossiers.Tenant, who dossiers.Person, x dossiers.TestPerson, options []byte) ([]byte, error) {
	if !t.Sandbox() {
		return nil, errTown
	}
	asked, err := parse(options)
	if err != nil {
		return nil, fmt.Errorf("answer for %s: %w", who.ID, err)
	}
	der, err := p.Vault.Open(t, secretKind, string(x.Person), x.Passkey)
	if err != nil {
		return nil, fmt.Errorf("open the passkey of %s: %w", x.Role, err)
	}
	defer clear(der)
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("read the passkey of %s: %T, %w", x.Role, parsed, err)
	}
	data := authenticatorData(t.RPID, flagsUsed)
	client := clientData("webauthn.get", asked.Challenge, t.Origin)
	signature, err := sign(key, data, client)
	if err != nil {
		return nil, fmt.Errorf("use the passkey of %s: %w", x.Role, err)
	}
	return answer(x.KID, map[string]any{
		"clientDataJSON": url64(client), "authenticatorData": url64(data), "signature": url64(signature), "userHandle": url64(who.Handle),
	})
}

// asked is what is read of the options of a ceremony.
type asked struct {
	Challenge string `json:"challenge"` // base64url
}

// parse reads options as browsers get them, inside publicKey or not.
func parse(options []byte) (asked, error) {
	var wrapped struct {
		PublicKey *asked `json:"publicKey"`
		asked
	}
	if err := json.Unmarshal(options, &wrapped); err != nil {
		return asked{}, fmt.Errorf("options: %w", err)
	}
	out := wrapped.asked
	if wrapped.PublicKey != nil {
		out = *wrapped.PublicKey
	}
	if out.Challenge == "" {
		return out, errors.New("options without a challenge")
	}
	return out, nil
}

// clientData is what a browser says (Web Authentication, 5.8.1), in the order
// of its serialization.
func clientData(kind, challenge, origin string) []byte {
	quoted := func(s string) string {
		b, _ := json.Marshal(s) //nolint:errchkjson // a string
		return string(b)
	}
	return []byte(`{"type":` + quoted(kind) + `,"challenge":` + quoted(challenge) + `,"origin":` + quoted(origin) + `,"crossOrigin":false}`)
}

// authenticatorData has a counter that stays at zero, as passkeys do.
func authenticatorData(rpID string, flags byte) []byte {
	hash := sha256.Sum256([]byte(rpID))
	return append(append(hash[:], flags), 0, 0, 0, 0)
}

// attested makes the attestation object, signed by the key itself (packed, Web
// Authentication, 8.2).
func attested(key *ecdsa.PrivateKey, rpID string, kid, client []byte) ([]byte, error) {
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	cose, err := mode.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	if err != nil {
		return nil, err
	}
	model := proof.SoftwareAAGUID()
	data := append(authenticatorData(rpID, flagsMade), model[:]...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(kid))) //nolint:gosec // 32 bytes
	data = append(append(data, kid...), cose...)
	signature, err := sign(key, data, client)
	if err != nil {
		return nil, err
	}
	return mode.Marshal(map[string]any{"fmt": "packed", "attStmt": map[string]any{"alg": -7, "sig": signature}, "authData": data})
}

func sign(key *ecdsa.PrivateKey, data, client []byte) ([]byte, error) {
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	return ecdsa.SignASN1(rand.Reader, key, digest[:])
}

// answer is the JSON form of a public key credential.
func answer(kid []byte, response map[string]any) ([]byte, error) {
	return json.Marshal(map[string]any{
		"id": url64(kid), "rawId": url64(kid), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{},
	})
}

func url64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
