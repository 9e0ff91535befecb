package proof_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"parapheur/approvals/proof"
)

const (
	siret  = "21690123100011"
	rpID   = "parapheur.ville.fr"
	origin = "https://parapheur.ville.fr"
)

// flags of a verified gesture with a synced passkey, and of its registration.
const (
	flagsGet    = 0x01 | 0x04 | 0x08 | 0x10
	flagsCreate = flagsGet | 0x40
)

// issued is the moment of the decisions of the tests.
var issued = proof.At(time.Date(2026, 3, 2, 8, 30, 0, 0, time.UTC))

// maker makes an evidence in which everything is right but what a test changes before; whatever comes after the change is
// signed and hashed again, so that one rule alone is broken.
type maker struct {
	key         crypto.Signer
	otherKey    crypto.Signer
	n, index    int
	rpID        string
	origin      string
	decision    proof.Decision
	flags       byte
	extensions  []byte
	attested    []byte // attested credential data in the assertion, which must not be
	statement   func(*proof.Statement)
	statementJS func([]byte) []byte
	set         func(*proof.Set)
	setJS       func([]byte) []byte
	client      func(string) string
	regClient   func(string) string
	regFlags    byte
	regRPID     string
	aaguid      proof.AAGUID
	attestation string // format: "none", "packed", "certified", or another
	attObject   func(map[string]any)
	cose        func(map[int]any)
	nonce       proof.Nonce // of the registration
	person      string      // of the registration
	enrolment   func(*proof.Enrolment)
	evidence    func(*proof.Evidence)
	expect      func(*proof.Expect)
}

func newMaker(key crypto.Signer) *maker {
	return &maker{
		key: key, n: 5, index: 2, rpID: rpID, origin: origin, decision: proof.Sign, flags: flagsGet, regFlags: flagsCreate,
		regRPID: rpID, attestation: "packed", aaguid: proof.AAGUID{1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8}, nonce: proof.Nonce{9}, person: "p-42",
	}
}

var (
	newES256   = sync.OnceValue(makeES256)
	otherES256 = sync.OnceValue(makeES256)
)

func makeES256() crypto.Signer {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

var newRS256 = sync.OnceValue(func() crypto.Signer {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func document(i int) []byte { return fmt.Appendf(nil, "%%PDF-1.7 lettre %d", i) }

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// coseOf is the COSE form of a public key, which change may alter.
func coseOf(t testing.TB, key crypto.Signer, change func(map[int]any)) []byte {
	t.Helper()
	var m map[int]any
	switch pub := key.Public().(type) {
	case *ecdsa.PublicKey:
		point := must[[]byte](t)(pub.Bytes())
		m = map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]}
	case *rsa.PublicKey:
		m = map[int]any{1: 3, 3: -257, -1: pub.N.Bytes(), -2: big.NewInt(int64(pub.E)).Bytes()}
	}
	if change != nil {
		change(m)
	}
	return encodeCBOR(t, m)
}

func encodeCBOR(t testing.TB, v any) []byte {
	t.Helper()
	mode := must[cbor.EncMode](t)(cbor.CTAP2EncOptions().EncMode())
	return must[[]byte](t)(mode.Marshal(v))
}

func sign(t testing.TB, key crypto.Signer, authData, client []byte) []byte {
	t.Helper()
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, authData...), hash[:]...))
	return must[[]byte](t)(key.Sign(rand.Reader, digest[:], crypto.SHA256))
}

func authData(rpID string, flags byte, count uint32, rest ...[]byte) []byte {
	hash := sha256.Sum256([]byte(rpID))
	b := binary.BigEndian.AppendUint32(append(hash[:], flags), count)
	for _, r := range rest {
		b = append(b, r...)
	}
	return b
}

func clientData(kind string, challenge proof.Digest, origin string, change func(string) string) []byte {
	s := fmt.Sprintf(`{"type":%q,"challenge":%q,"origin":%q,"crossOrigin":false}`,
		kind, base64.RawURLEncoding.EncodeToString(challenge[:]), origin)
	if change != nil {
		s = change(s)
	}
	return []byte(s)
}

// make makes the evidence, and what a verifier who has everything expects.
func (m *maker) make(t testing.TB) (proof.Evidence, proof.Expect) {
	t.Helper()
	statements := m.statements(t)
	set := m.sealed(t, statements)
	credentialID := []byte("credential-identifier-0123456789")
	cose := coseOf(t, m.key, m.cose)
	ao, regClient := m.registration(t, credentialID, cose)
	enrolment := m.enrolled(t, credentialID, cose, ao)
	client := clientData("webauthn.get", proof.Challenge(set), m.origin, m.client)
	data := authData(m.rpID, m.flags, 7, m.attested, m.extensions)
	signer := m.key
	if m.otherKey != nil {
		signer = m.otherKey
	}
	ev := proof.Evidence{
		Format: proof.FormatEvidence, Statement: statements[m.index], Set: set, LeafIndex: m.index, Path: proof.Prove(statements, m.index),
		RPID: rpID, Origin: origin, CredentialID: credentialID, COSEKey: cose, AuthenticatorData: data, ClientDataJSON: client,
		Signature: sign(t, signer, data, client), AttestationObject: ao, RegistrationClientDataJSON: regClient,
		ReceivedAt: issued + 30, EnrolmentSHA256: proof.EnrolmentDigest(enrolment),
	}
	if m.evidence != nil {
		m.evidence(&ev)
	}
	want := proof.Expect{
		Document: proof.DocumentOf(document(m.index)), Enrolment: enrolment, RPID: rpID, Origin: origin, Previous: &proof.Digest{1},
	}
	if m.expect != nil {
		m.expect(&want)
	}
	return ev, want
}

func (m *maker) statements(t testing.TB) [][]byte {
	t.Helper()
	out := make([][]byte, m.n)
	for i := range out {
		s := proof.Statement{
			Schema: "parapheur.decision.v1", Tenant: siret, Dossier: fmt.Sprintf("d-%d", i), Version: 2,
			DocSHA256: proof.SHA256(document(i)), DocBytes: int64(len(document(i))), CircuitSHA256: proof.SHA256([]byte("circuit")),
			Step: "maire", Decision: m.decision, Actor: "p-42", Quality: "Maire de L’Haÿ-les-Roses",
			PrevSHA256: proof.Digest{1}, Nonce: proof.Nonce{byte(i), 1}, IssuedAt: issued,
		}
		if i == m.index && m.statement != nil {
			m.statement(&s)
		}
		out[i] = must[[]byte](t)(s.Canonical())
		if i == m.index && m.statementJS != nil {
			out[i] = m.statementJS(out[i])
		}
	}
	return out
}

func (m *maker) sealed(t testing.TB, statements [][]byte) []byte {
	t.Helper()
	set := proof.NewSet(m.rpID, "p-42", statements, proof.Nonce{8}, issued, issued+300)
	if m.set != nil {
		m.set(&set)
	}
	raw := must[[]byte](t)(set.Canonical())
	if m.setJS != nil {
		raw = m.setJS(raw)
	}
	return raw
}

func (m *maker) registration(t testing.TB, credentialID, cose []byte) (ao, client []byte) {
	t.Helper()
	challenge := must[proof.Digest](t)(proof.RegistrationChallenge(rpID, m.person, m.nonce))
	client = clientData("webauthn.create", challenge, origin, m.regClient)
	length := binary.BigEndian.AppendUint16(nil, uint16(len(credentialID)))
	data := authData(m.regRPID, m.regFlags, 0, m.aaguid[:], length, credentialID, cose)
	object := map[string]any{"fmt": m.attestation, "authData": data, "attStmt": map[string]any{}}
	alg := map[bool]int{true: -7, false: -257}[isEC(m.key)]
	switch m.attestation {
	case "packed":
		object["attStmt"] = map[string]any{"alg": alg, "sig": sign(t, m.key, data, client)}
	case "certified":
		maker := newES256()
		object["fmt"] = "packed"
		object["attStmt"] = map[string]any{"alg": -7, "sig": sign(t, maker, data, client), "x5c": [][]byte{selfSigned(t, maker)}}
	}
	if m.attObject != nil {
		m.attObject(object)
	}
	return encodeCBOR(t, object), client
}

func isEC(k crypto.Signer) bool { _, ok := k.(*ecdsa.PrivateKey); return ok }

func selfSigned(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Fabricant"}, NotAfter: time.Now().Add(time.Hour)}
	return must[[]byte](t)(x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key))
}

func (m *maker) enrolled(t testing.TB, credentialID, cose, ao []byte) []byte {
	t.Helper()
	e := proof.Enrolment{
		Schema: "parapheur.enrolment.v1", Tenant: siret, Person: "p-42", Quality: "Maire", CredentialIDSHA256: proof.SHA256(credentialID),
		COSEKeySHA256: proof.SHA256(cose), AttestationObjectSHA256: proof.SHA256(ao),
		AAGUID: proof.AAGUID{1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8}, BackupEligible: true,
		IdentityCheck: "en face à face, PV 2026-07", EnrolledBy: "p-1", Nonce: m.nonce, IssuedAt: issued - 86400,
	}
	if m.enrolment != nil {
		m.enrolment(&e)
	}
	return must[[]byte](t)(e.Canonical())
}
