package approvals_test

import (
	"errors"
	"testing"

	"github.com/descope/virtualwebauthn"

	"parapheur/approvals"
	"parapheur/approvals/proof"
)

// pendingOf registers a second passkey of somebody else.
func pendingOf(t *testing.T) (person string, p approvals.Pending) {
	t.Helper()
	d := newDesk(t, virtualwebauthn.KeyTypeEC2)
	d.user.ID = "p-43"
	c, response := d.register()
	p, err := d.rp.FinishPending(d.user, httpSession, c, response)
	if err != nil {
		t.Fatalf("%v (%s)", err, approvals.Detail(err))
	}
	return d.user.ID, p
}

func vouched(head proof.Digest) proof.Enrolment {
	return proof.Enrolment{Quality: "Maire", IdentityCheck: "en présence de la personne", EnrolledBy: "Jeanne Martin", PrevSHA256: head}
}

// witness has the officer vouch for a pending passkey.
func (d *desk) witness(person string, p approvals.Pending) (approvals.Ceremony, []byte) {
	d.t.Helper()
	c, req, err := d.rp.BeginWitness(d.user, httpSession, person, p, vouched(d.user.Credentials[0].EnrolmentHash))
	if err != nil {
		d.t.Fatalf("%v (%s)", err, approvals.Detail(err))
	}
	return c, d.answer(req.OptionsJSON)
}

// TestWitness follows a chain of two: the founding, and the passkey for which its holder vouches. Then it alters each field
// of what was vouched for: the chain does not hold.
func TestWitness(t *testing.T) {
	t.Parallel()
	for _, kind := range []virtualwebauthn.KeyType{virtualwebauthn.KeyTypeEC2, virtualwebauthn.KeyTypeRSA} {
		d := newDesk(t, kind)
		c, response := d.register()
		founding := enrolment()
		founding.Founding = proof.FoundedByOperator
		first, err := d.rp.FinishRegistration(d.user, httpSession, c, response, founding)
		if err != nil {
			t.Fatal(err)
		}
		d.user.Credentials = append(d.user.Credentials, first)
		person, pending := pendingOf(t)
		c, response = d.witness(person, pending)
		made, with, err := d.rp.FinishWitness(d.user, httpSession, c, response)
		if err != nil {
			t.Fatalf("%v (%s)", err, approvals.Detail(err))
		}
		if string(with.ID) != string(first.ID) || string(made.ID) != string(pending.ID) {
			t.Errorf("vouched with %x for %x", with.ID, made.ID)
		}
		chain := [][]byte{first.EnrolmentStatement, made.EnrolmentStatement}
		if head, err := proof.VerifyEnrolments(siret, chain); err != nil || head != made.EnrolmentHash {
			t.Fatalf("%s, %v", head, err)
		}
		alterations(t, chain)
	}
}

func alterations(t *testing.T, chain [][]byte) {
	t.Helper()
	for name, change := range map[string]func(*proof.Enrolment){
		"person":                func(e *proof.Enrolment) { e.Person = "p-44" },
		"quality":               func(e *proof.Enrolment) { e.Quality = "DGS" },
		"credential":            func(e *proof.Enrolment) { e.CredentialIDSHA256[0] ^= 1 },
		"key":                   func(e *proof.Enrolment) { e.COSEKeySHA256[0] ^= 1 },
		"registration":          func(e *proof.Enrolment) { e.AttestationObjectSHA256[0] ^= 1 },
		"model":                 func(e *proof.Enrolment) { e.AAGUID[0] ^= 1 },
		"copies":                func(e *proof.Enrolment) { e.BackupEligible = !e.BackupEligible },
		"identity":              func(e *proof.Enrolment) { e.IdentityCheck = "sur parole" },
		"who enrolled":          func(e *proof.Enrolment) { e.EnrolledBy = "personne" },
		"nonce":                 func(e *proof.Enrolment) { e.Nonce[0] ^= 1 },
		"instant":               func(e *proof.Enrolment) { e.IssuedAt++ },
		"earlier than witness":  func(e *proof.Enrolment) { e.IssuedAt = 1 },
		"witness":               func(e *proof.Enrolment) { e.Witness.Person = e.Person },
		"key of witness":        func(e *proof.Enrolment) { e.Witness.COSEKey[len(e.Witness.COSEKey)-1] ^= 1 },
		"no key in the chain":   func(e *proof.Enrolment) { e.Witness.EnrolmentSHA256[0] ^= 1 },
		"site":                  func(e *proof.Enrolment) { e.Witness.RPID = "ville.fr" },
		"origin":                func(e *proof.Enrolment) { e.Witness.Origin = "https://autre.parapheur.ville.fr" },
		"flags":                 func(e *proof.Enrolment) { e.Witness.AuthenticatorData[32] &^= 4 },
		"signature":             func(e *proof.Enrolment) { e.Witness.Signature[12] ^= 1 },
		"client data":           func(e *proof.Enrolment) { e.Witness.ClientDataJSON[2] ^= 1 },
		"founding in its place": func(e *proof.Enrolment) { e.Witness, e.Founding = nil, proof.FoundedByOperator },
		"demonstration":         func(e *proof.Enrolment) { e.Witness, e.Founding = nil, proof.FoundedForDemonstration },
		"older schema":          func(e *proof.Enrolment) { e.Witness, e.Schema = nil, "parapheur.enrolment.v1" },
	} {
		e, err := proof.ParseEnrolment(chain[1])
		if err != nil {
			t.Fatal(err)
		}
		change(&e)
		raw, err := e.Canonical()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := proof.VerifyEnrolments(siret, [][]byte{chain[0], raw}); !errors.Is(err, proof.ErrInvalid) && !errors.Is(err, proof.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWitnessMalformed holds the enrolments that are not in the form of their schema.
func TestWitnessMalformed(t *testing.T) {
	t.Parallel()
	d := enrolled(t, virtualwebauthn.KeyTypeEC2)
	c, response := d.witness(pendingOf(t))
	made, _, err := d.rp.FinishWitness(d.user, httpSession, c, response)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*proof.Enrolment){
		"neither":                  func(e *proof.Enrolment) { e.Witness = nil },
		"both":                     func(e *proof.Enrolment) { e.Founding = proof.FoundedForDemonstration },
		"another founding":         func(e *proof.Enrolment) { e.Witness, e.Founding = nil, "maire" },
		"witness in the older one": func(e *proof.Enrolment) { e.Schema = "parapheur.enrolment.v1" },
		"another schema":           func(e *proof.Enrolment) { e.Schema = "parapheur.enrolment.v3" },
		"no assertion":             func(e *proof.Enrolment) { e.Witness.Signature = nil },
		"no key":                   func(e *proof.Enrolment) { e.Witness.EnrolmentSHA256 = proof.Digest{} },
		"site without origin":      func(e *proof.Enrolment) { e.Witness.Origin = "https://evil.fr" },
		"nobody":                   func(e *proof.Enrolment) { e.Witness.Person = "" },
	} {
		e, err := proof.ParseEnrolment(made.EnrolmentStatement)
		if err != nil {
			t.Fatal(err)
		}
		change(&e)
		if _, err := e.Canonical(); !errors.Is(err, proof.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWitnessRefused holds the refusals of the gesture of a witness.
func TestWitnessRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		before func(*desk)
		after  func(*desk, *approvals.Ceremony)
		want   error
	}{
		{"nothing wrong", nil, nil, nil},
		{"not verified", func(d *desk) { d.auth.Options.UserNotVerified = true }, nil, approvals.ErrUserVerification},
		{"not present", func(d *desk) { d.auth.Options.UserNotPresent = true }, nil, approvals.ErrUserPresence},
		{"another origin", func(d *desk) { d.site.Origin = "https://evil.fr" }, nil, approvals.ErrOrigin},
		{"too late", nil, func(d *desk, _ *approvals.Ceremony) { d.later = approvals.TTL }, approvals.ErrExpired},
		{"of another purpose", nil, func(_ *desk, c *approvals.Ceremony) { c.Purpose = approvals.PurposeDecision }, approvals.ErrPurpose},
		{"another witness", nil, func(d *desk, _ *approvals.Ceremony) { d.user.ID = "p-7" }, approvals.ErrSession},
		{"revoked meanwhile", nil, func(d *desk, _ *approvals.Ceremony) {
			d.user.Credentials[0].RevokedAt = d.user.Credentials[0].CreatedAt
		}, approvals.ErrUnknownCredential},
		{"payload altered", nil, func(_ *desk, c *approvals.Ceremony) { c.Payload = []byte(`{"enrolment":{}}`) }, approvals.ErrCeremony},
	} {
		d := enrolled(t, virtualwebauthn.KeyTypeEC2)
		if test.before != nil {
			test.before(d)
		}
		c, response := d.witness(pendingOf(t))
		if test.after != nil {
			test.after(d, &c)
		}
		if _, _, err := d.rp.FinishWitness(d.user, httpSession, c, response); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v (%s), want %v", test.name, err, approvals.Detail(err), test.want)
		}
	}
	d := newDesk(t, virtualwebauthn.KeyTypeEC2)
	person, p := pendingOf(t)
	if _, _, err := d.rp.BeginWitness(d.user, httpSession, person, p, vouched(proof.Digest{})); !errors.Is(err, approvals.ErrNoCredential) {
		t.Errorf("a witness without passkey: %v", err)
	}
}
