package approvals_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"parapheur/approvals"
	"parapheur/approvals/proof"
)

const (
	siret  = "21690123100011"
	rpID   = "parapheur.ville.fr"
	origin = "https://parapheur.ville.fr"
)

// httpSession is the HTTP session of the tests.
var httpSession = []byte("session-of-the-mayor")

// desk is a relying party, a person, and the software authenticator that he holds.
type desk struct {
	t     *testing.T
	rp    *approvals.RelyingParty
	user  approvals.User
	site  virtualwebauthn.RelyingParty
	auth  virtualwebauthn.Authenticator
	key   virtualwebauthn.Credential
	later time.Duration // added to the clock of the relying party
	docs  [][]byte
}

// newDesk makes a person without passkey yet.
func newDesk(t *testing.T, kind virtualwebauthn.KeyType) *desk {
	t.Helper()
	d := &desk{t: t, site: virtualwebauthn.RelyingParty{ID: rpID, Origin: origin}, key: newKey(kind)}
	var err error
	d.rp, err = approvals.New(approvals.Config{
		Tenant: siret, RPID: rpID, Origin: origin, DisplayName: "Parapheur",
		Now: func() time.Time { return time.Now().Add(d.later) },
	})
	if err != nil {
		t.Fatal(err)
	}
	handle, err := d.rp.NewHandle()
	if err != nil {
		t.Fatal(err)
	}
	d.user = approvals.User{ID: "p-42", Handle: handle, Name: "jeanne.martin", DisplayName: "Jeanne Martin"}
	d.auth = virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{
		BackupEligible: true, BackupState: true, UserHandle: handle,
	})
	for i := range 50 {
		d.docs = append(d.docs, fmt.Appendf(nil, "%%PDF-1.7 lettre %d", i))
	}
	return d
}

// newKey makes a key whose COSE form is well made: the software authenticator drops leading zeros of coordinates, once in
// 128 keys, which real ones do not.
func newKey(kind virtualwebauthn.KeyType) virtualwebauthn.Credential {
	for {
		c := virtualwebauthn.NewCredential(kind)
		if _, err := proof.ParseKey(c.Key.AttestationData()); err == nil {
			return c
		}
	}
}

// enrolled makes a person with one passkey.
func enrolled(t *testing.T, kind virtualwebauthn.KeyType) *desk {
	t.Helper()
	d := newDesk(t, kind)
	c, response := d.register()
	cred, err := d.rp.FinishRegistration(d.user, httpSession, c, response, enrolment())
	if err != nil {
		t.Fatalf("%v (%s)", err, approvals.Detail(err))
	}
	d.user.Credentials = append(d.user.Credentials, cred)
	return d
}

func enrolment() proof.Enrolment {
	return proof.Enrolment{Quality: "Maire", IdentityCheck: proof.IdentityByInvitation, EnrolledBy: "p-1", Founding: proof.FoundedForDemonstration}
}

// register begins a registration and answers it.
func (d *desk) register() (approvals.Ceremony, []byte) {
	d.t.Helper()
	c, options, err := d.rp.BeginRegistration(d.user, httpSession)
	if err != nil {
		d.t.Fatal(err)
	}
	o, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		d.t.Fatal(err)
	}
	return c, []byte(virtualwebauthn.CreateAttestationResponse(d.site, d.auth, d.key, *o))
}

// statements are n decisions, on n dossiers.
func (d *desk) statements(n int, what proof.Decision) []proof.Statement {
	out := make([]proof.Statement, n)
	for i := range out {
		out[i] = proof.Statement{
			Dossier: fmt.Sprintf("d-%d", i), Version: 1, DocSHA256: proof.SHA256(d.docs[i]), DocBytes: int64(len(d.docs[i])),
			CircuitSHA256: proof.SHA256([]byte("circuit")), Step: "maire", Decision: what, Quality: "Maire",
		}
		if what == proof.Refusal {
			out[i].ReasonSHA256 = proof.SHA256([]byte("motif"))
		}
	}
	return out
}

// begin asks for a decision on n dossiers.
func (d *desk) begin(n int) (approvals.Ceremony, approvals.DecisionRequest) {
	d.t.Helper()
	c, req, err := d.rp.BeginDecision(d.user, httpSession, d.statements(n, proof.Sign))
	if err != nil {
		d.t.Fatal(err)
	}
	return c, req
}

// decide asks for a decision on n dossiers and answers with the authenticator as it is set.
func (d *desk) decide(n int) (approvals.Ceremony, []byte) {
	d.t.Helper()
	c, req := d.begin(n)
	return c, d.answer(req.OptionsJSON)
}

func (d *desk) answer(options []byte) []byte {
	d.t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(string(options))
	if err != nil {
		d.t.Fatal(err)
	}
	return []byte(virtualwebauthn.CreateAssertionResponse(d.site, d.auth, d.key, *o))
}

// login begins a login and answers it.
func (d *desk) login() (approvals.Ceremony, []byte) {
	d.t.Helper()
	c, options, err := d.rp.BeginLogin(httpSession)
	if err != nil {
		d.t.Fatal(err)
	}
	return c, d.answer(options)
}

// byHandle finds the one user.
func (d *desk) byHandle(_, handle []byte) (approvals.User, error) {
	if !bytes.Equal(handle, d.user.Handle) {
		return approvals.User{}, approvals.ErrUnknownCredential
	}
	return d.user, nil
}

// forged is an assertion whose client data and flags are chosen, well signed by the key.
func (d *desk) forged(clientData string, flags byte) []byte {
	d.t.Helper()
	hash := sha256.Sum256([]byte(rpID))
	data := append(hash[:], flags)
	data = binary.BigEndian.AppendUint32(data, d.key.Counter)
	client := sha256.Sum256([]byte(clientData))
	digest := sha256.Sum256(append(bytes.Clone(data), client[:]...))
	signature, err := d.key.Key.Sign(digest[:])
	if err != nil {
		d.t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	response, err := json.Marshal(map[string]any{
		"type": "public-key", "id": b64(d.key.ID), "rawId": b64(d.key.ID),
		"response": map[string]string{
			"authenticatorData": b64(data), "clientDataJSON": b64([]byte(clientData)), "signature": b64(signature),
			"userHandle": b64(d.user.Handle),
		},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return response
}

// edit changes the member at path of a JSON object.
func edit(t *testing.T, js []byte, change func(m map[string]any)) []byte {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(js, &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
