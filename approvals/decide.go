package approvals

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"parapheur/approvals/proof"
)

// DecisionRequest is what the browser needs to check for itself what is about to be approved, before the gesture: it hashes
// the documents shown, compares them with the statements, computes the root of the statements and the challenge.
type DecisionRequest struct {
	// OptionsJSON goes to navigator.credentials.get.
	OptionsJSON []byte
	// Statements and Set are canonical bytes.
	Statements [][]byte
	Set        []byte
	// Expires is when another request must be made; nothing is lost by that.
	Expires time.Time
}

// decisionPayload is the payload of a decision: what its challenge commits to.
type decisionPayload struct {
	Statements [][]byte `json:"statements"`
	Set        []byte   `json:"set"`
}

// BeginDecision asks the user to approve statements with one gesture. Of each statement the caller gives all but Schema,
// Tenant, Actor, Nonce and IssuedAt, which are filled here (Tenant and Actor, when given, must be those of the town and of
// the user). All statements of a batch bear the same decision, 50 visas or opinions, 20 signatures or seals, or one refusal
// or undoing. The errors are ErrBatch, ErrStatement, ErrNoCredential, ErrSession.
func (rp *RelyingParty) BeginDecision(u User, httpSession []byte, statements []proof.Statement) (Ceremony, DecisionRequest, error) {
	const op = "beginning a decision"
	if len(httpSession) == 0 {
		return Ceremony{}, DecisionRequest{}, refuse(op, ErrSession, "no HTTP session")
	}
	if err := checkBatch(op, statements); err != nil {
		return Ceremony{}, DecisionRequest{}, err
	}
	now := rp.now()
	payload, err := rp.commitment(op, u, statements, now)
	if err != nil {
		return Ceremony{}, DecisionRequest{}, err
	}
	allowed := u.narrowed(active(UseApprove))
	if len(allowed.credentials) == 0 {
		return Ceremony{}, DecisionRequest{}, refuse(op, ErrNoCredential, "%q has %d credentials", u.ID, len(u.Credentials))
	}
	challenge := proof.Challenge(payload.Set)
	options, session, err := rp.lib.BeginLogin(allowed,
		webauthn.WithChallenge(challenge[:]),
		webauthn.WithUserVerification(protocol.VerificationRequired),
		webauthn.WithLoginOrigin(rp.origin))
	if err != nil {
		return Ceremony{}, DecisionRequest{}, refuseWith(op, ErrAssertion, err)
	}
	body, err := json.Marshal(payload)
	if err != nil {
		return Ceremony{}, DecisionRequest{}, fmt.Errorf("%s: %w", op, err)
	}
	c, err := rp.begin(PurposeDecision, httpSession, u.ID, session, challenge[:], body)
	if err != nil {
		return Ceremony{}, DecisionRequest{}, fmt.Errorf("%s: %w", op, err)
	}
	js, err := json.Marshal(options)
	return c, DecisionRequest{OptionsJSON: js, Statements: payload.Statements, Set: payload.Set, Expires: c.Expires}, err
}

// checkBatch checks that the statements may be approved by one gesture.
func checkBatch(op string, statements []proof.Statement) error {
	if len(statements) == 0 {
		return refuse(op, ErrBatch, "nothing to decide")
	}
	first := statements[0].Decision
	if n := first.MaxBatch(); len(statements) > n {
		return refuse(op, ErrBatch, "%d times %q, at most %d", len(statements), first, n)
	}
	type act struct {
		dossier, step string
		document      proof.Digest
	}
	seen := map[act]bool{}
	for _, s := range statements {
		a := act{s.Dossier, s.Step, s.DocSHA256}
		if s.Decision != first || seen[a] {
			return refuse(op, ErrBatch, "%q and %q together, or dossier %q twice", first, s.Decision, s.Dossier)
		}
		seen[a] = true
	}
	return nil
}

// commitment completes the statements and makes the set over them.
func (rp *RelyingParty) commitment(op string, u User, statements []proof.Statement, now time.Time) (decisionPayload, error) {
	var p decisionPayload
	issued := proof.At(now)
	for _, s := range statements {
		if s.Tenant != "" && s.Tenant != rp.tenant || s.Actor != "" && s.Actor != u.ID {
			return p, refuse(op, ErrStatement, "of %q in %q, asked of %q in %q", s.Actor, s.Tenant, u.ID, rp.tenant)
		}
		nonce, err := proof.NewNonce(rp.rand)
		if err != nil {
			return p, fmt.Errorf("%s: %w", op, err)
		}
		s.Tenant, s.Actor = rp.tenant, u.ID
		raw, err := s.Issue(nonce, issued)
		if err != nil {
			return p, refuseWith(op, ErrStatement, err)
		}
		p.Statements = append(p.Statements, raw)
	}
	nonce, err := proof.NewNonce(rp.rand)
	if err != nil {
		return p, fmt.Errorf("%s: %w", op, err)
	}
	set := proof.NewSet(rp.rpID, u.ID, p.Statements, nonce, issued, proof.At(now.Add(TTL)))
	if p.Set, err = set.Canonical(); err != nil {
		return p, refuseWith(op, ErrStatement, err)
	}
	return p, nil
}

// FinishDecision checks the gesture and makes one evidence for each statement, in their order. Each evidence has been
// verified by [proof.Verify] as a third party would, but for the document, which the caller compares under its lock. The
// credential returned is to be stored, also with ErrClone.
func (rp *RelyingParty) FinishDecision(u User, httpSession []byte, c Ceremony, response []byte) ([]proof.Evidence, Credential, error) {
	const op = "finishing a decision"
	session, err := rp.resume(op, PurposeDecision, httpSession, u.ID, c)
	if err != nil {
		return nil, Credential{}, err
	}
	var payload decisionPayload
	if err := json.Unmarshal(c.Payload, &payload); err != nil {
		return nil, Credential{}, refuseWith(op, ErrCeremony, err)
	}
	if challenge := proof.Challenge(payload.Set); string(challenge[:]) != string(c.Challenge) || len(payload.Statements) == 0 {
		return nil, Credential{}, refuse(op, ErrCeremony, "the challenge does not commit to the statements")
	}
	parsed, err := rp.read(op, c.Challenge, response)
	if err != nil {
		return nil, Credential{}, err
	}
	stored, err := usable(op, u, parsed.RawID, UseApprove)
	if err != nil {
		return nil, stored, err
	}
	seen, err := rp.lib.ValidateLogin(u.narrowed(active(UseApprove)), session, parsed)
	if err != nil {
		return nil, Credential{}, refuseWith(op, ErrAssertion, err)
	}
	updated, err := accept(op, stored, seen)
	if err != nil {
		return nil, updated, err
	}
	evidence, err := rp.evidence(op, payload, updated, parsed.Raw.AssertionResponse)
	if err != nil {
		return nil, updated, err
	}
	return evidence, updated, nil
}

// evidence makes and verifies the evidence of each statement.
func (rp *RelyingParty) evidence(op string, p decisionPayload, c Credential, a protocol.AuthenticatorAssertionResponse) ([]proof.Evidence, error) {
	received := proof.At(rp.now())
	out := make([]proof.Evidence, len(p.Statements))
	for i, statement := range p.Statements {
		out[i] = proof.Evidence{
			Format: proof.FormatEvidence, Statement: statement, Set: p.Set, LeafIndex: i, Path: proof.Prove(p.Statements, i),
			RPID: rp.rpID, Origin: rp.origin, CredentialID: c.ID, COSEKey: c.COSE,
			AuthenticatorData: a.AuthenticatorData, ClientDataJSON: a.ClientDataJSON, Signature: a.Signature,
			AttestationObject: c.AttestationObject, RegistrationClientDataJSON: c.RegistrationClientData,
			ReceivedAt: received, EnrolmentSHA256: c.EnrolmentHash,
		}
		st, err := proof.ParseStatement(statement)
		if err != nil {
			return nil, refuseWith(op, ErrCeremony, err)
		}
		if _, err := proof.Verify(out[i], proof.Expect{
			Document:  &proof.Document{SHA256: st.DocSHA256, Bytes: st.DocBytes},
			Enrolment: c.EnrolmentStatement, RPID: rp.rpID, Origin: rp.origin, Sandbox: proof.OfSandbox(rp.tenant),
		}); err != nil {
			return nil, refuse(op, ErrAssertion, "evidence of statement %d does not verify: %v", i, err)
		}
	}
	return out, nil
}
