package approvals_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"parapheur/approvals"
	"parapheur/approvals/proof"
)

// TestNew holds the configurations that are refused.
func TestNew(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		tenant, rpID, origin string
		want                 error
	}{
		{siret, rpID, origin, nil},
		{siret, "ville.fr", "https://parapheur.ville.fr", nil},
		{siret, "mairie-a.localhost", "http://mairie-a.localhost:8080", nil},
		{siret, "localhost", "http://localhost:8080", nil},
		{"", rpID, origin, approvals.ErrConfig},
		{siret, rpID, "http://parapheur.ville.fr", approvals.ErrConfig},
		{siret, rpID, "https://parapheur.autre.fr", approvals.ErrConfig},
		{siret, rpID, "https://xparapheur.ville.fr", approvals.ErrConfig},
		{siret, rpID, origin + "/", approvals.ErrConfig},
		{siret, rpID, origin + ":443", approvals.ErrConfig},
		{siret, rpID, origin + ":", approvals.ErrConfig},
		{siret, rpID, "https://Parapheur.ville.fr", approvals.ErrConfig},
		{siret, "127.0.0.1", "https://127.0.0.1", approvals.ErrConfig},
		{siret, "intranet", "https://intranet", approvals.ErrConfig},
		{siret, "", "https://", approvals.ErrConfig},
	} {
		c := approvals.Config{Tenant: test.tenant, RPID: test.rpID, Origin: test.origin, DisplayName: "Parapheur"}
		if _, err := approvals.New(c); !errors.Is(err, test.want) {
			t.Errorf("%+v: got %v (%s), want %v", c, err, approvals.Detail(err), test.want)
		}
	}
}

// TestRegistration checks the credential and the enrolment that a registration leaves.
func TestRegistration(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind   virtualwebauthn.KeyType
		alg    proof.Algorithm
		backup bool
		want   approvals.Assurance
	}{
		{virtualwebauthn.KeyTypeEC2, proof.ES256, true, approvals.Synced},
		{virtualwebauthn.KeyTypeRSA, proof.RS256, false, approvals.Device},
	} {
		d := newDesk(t, test.kind)
		d.auth.Options.BackupEligible, d.auth.Options.BackupState = test.backup, test.backup
		c, response := d.register()
		cred, err := d.rp.FinishRegistration(d.user, httpSession, c, response, enrolment())
		if err != nil {
			t.Fatalf("%v (%s)", err, approvals.Detail(err))
		}
		if cred.Alg != test.alg || cred.Assurance != test.want || cred.BackupEligible != test.backup || !cred.Active() {
			t.Errorf("credential: %+v", cred)
		}
		e, err := proof.ParseEnrolment(cred.EnrolmentStatement)
		if err != nil {
			t.Fatal(err)
		}
		if e.Person != d.user.ID || e.Tenant != siret || e.COSEKeySHA256 != proof.SHA256(cred.COSE) || e.AAGUID != cred.AAGUID ||
			e.IdentityCheck != proof.IdentityByInvitation || cred.EnrolmentHash != proof.EnrolmentDigest(cred.EnrolmentStatement) {
			t.Errorf("enrolment: %+v", e)
		}
	}
}

// TestRegistrationOptions checks the algorithms, their order, and that known keys are excluded, revoked or not.
func TestRegistrationOptions(t *testing.T) {
	t.Parallel()
	d := enrolled(t, virtualwebauthn.KeyTypeEC2)
	d.user.Credentials[0].RevokedAt = time.Now()
	_, options, err := d.rp.BeginRegistration(d.user, httpSession)
	if err != nil {
		t.Fatal(err)
	}
	var o struct {
		PublicKey struct {
			Parameters             []struct{ Alg int } `json:"pubKeyCredParams"`
			ExcludeCredentials     []struct{ ID string }
			Attestation            string
			AuthenticatorSelection struct{ ResidentKey, UserVerification string }
		}
	}
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	p := o.PublicKey
	if len(p.Parameters) != 2 || p.Parameters[0].Alg != -7 || p.Parameters[1].Alg != -257 || len(p.ExcludeCredentials) != 1 ||
		p.Attestation != "direct" || p.AuthenticatorSelection.ResidentKey != "required" || p.AuthenticatorSelection.UserVerification != "required" {
		t.Errorf("options: %s", options)
	}
}

// TestRegistrationRefused holds the refusals of a registration.
func TestRegistrationRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		before func(*desk)
		after  func(*desk, *approvals.Ceremony, *proof.Enrolment)
		want   error
	}{
		{"nothing wrong", nil, nil, nil},
		{"not verified", func(d *desk) { d.auth.Options.UserNotVerified = true }, nil, approvals.ErrUserVerification},
		{"not present", func(d *desk) { d.auth.Options.UserNotPresent = true }, nil, approvals.ErrUserPresence},
		{"another origin", func(d *desk) { d.site.Origin = "https://evil.fr" }, nil, approvals.ErrOrigin},
		{"another RP ID", func(d *desk) { d.site.ID = "ville.fr" }, nil, approvals.ErrOrigin},
		{"backed up but not eligible", func(d *desk) { d.auth.Options.BackupEligible = false }, nil, approvals.ErrRegistration},
		{"too late", nil, func(d *desk, _ *approvals.Ceremony, _ *proof.Enrolment) { d.later = approvals.TTL }, approvals.ErrExpired},
		{"another person", nil, func(d *desk, _ *approvals.Ceremony, _ *proof.Enrolment) { d.user.ID = "p-43" }, approvals.ErrSession},
		{"another person, and a store that lies", nil, func(d *desk, c *approvals.Ceremony, _ *proof.Enrolment) {
			d.user.ID, c.UserID = "p-43", "p-43"
		}, approvals.ErrCeremony},
		{"another handle", nil, func(d *desk, _ *approvals.Ceremony, _ *proof.Enrolment) { d.user.Handle = make([]byte, 64) }, approvals.ErrRegistration},
		{"another nonce", nil, func(_ *desk, c *approvals.Ceremony, _ *proof.Enrolment) {
			c.Payload[len(c.Payload)-5] ^= 1
		}, approvals.ErrCeremony},
		{"another HTTP session", nil, func(_ *desk, c *approvals.Ceremony, _ *proof.Enrolment) { c.HTTPSession = nil }, approvals.ErrSession},
		{"nobody answers for it", nil, func(_ *desk, _ *approvals.Ceremony, e *proof.Enrolment) { e.EnrolledBy = "" }, approvals.ErrRegistration},
		{"the same key again", nil, func(d *desk, _ *approvals.Ceremony, _ *proof.Enrolment) {
			d.user.Credentials = append(d.user.Credentials, approvals.Credential{ID: d.key.ID})
		}, approvals.ErrRegistration},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, virtualwebauthn.KeyTypeEC2)
			if test.before != nil {
				test.before(d)
			}
			c, response := d.register()
			e := enrolment()
			if test.after != nil {
				test.after(d, &c, &e)
			}
			_, err := d.rp.FinishRegistration(d.user, httpSession, c, response, e)
			if !errors.Is(err, test.want) {
				t.Errorf("got %v (%s), want %v", err, approvals.Detail(err), test.want)
			}
		})
	}
}

// TestRegistrationReplay answers a registration with the response to another.
func TestRegistrationReplay(t *testing.T) {
	t.Parallel()
	d := newDesk(t, virtualwebauthn.KeyTypeEC2)
	_, response := d.register()
	c, _ := d.register()
	if _, err := d.rp.FinishRegistration(d.user, httpSession, c, response, enrolment()); !errors.Is(err, approvals.ErrChallenge) {
		t.Errorf("got %v", err)
	}
}

// TestBeginRefused wants an HTTP session for each ceremony, and a user handle of the right size.
func TestBeginRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t, virtualwebauthn.KeyTypeEC2)
	if _, _, err := d.rp.BeginRegistration(d.user, nil); !errors.Is(err, approvals.ErrSession) {
		t.Errorf("registration without HTTP session: %v", err)
	}
	if _, _, err := d.rp.BeginLogin(nil); !errors.Is(err, approvals.ErrSession) {
		t.Errorf("login without HTTP session: %v", err)
	}
	d.user.Handle = []byte("jeanne.martin@ville.fr")
	if _, _, err := d.rp.BeginRegistration(d.user, httpSession); !errors.Is(err, approvals.ErrRegistration) {
		t.Errorf("an address as user handle: %v", err)
	}
}

// TestLogin logs in without saying who, then holds the refusals.
func TestLogin(t *testing.T) {
	t.Parallel()
	down := errors.New("database down")
	for _, test := range []struct {
		name   string
		before func(*desk)
		after  func(*desk, *approvals.Ceremony)
		find   func(rawID, handle []byte) (approvals.User, error)
		want   error
	}{
		{name: "nothing wrong"},
		{name: "not verified", before: func(d *desk) { d.auth.Options.UserNotVerified = true }, want: approvals.ErrUserVerification},
		{name: "not present", before: func(d *desk) { d.auth.Options.UserNotPresent = true }, want: approvals.ErrUserPresence},
		{name: "another origin", before: func(d *desk) { d.site.Origin = "https://evil.fr" }, want: approvals.ErrOrigin},
		{name: "no user handle", before: func(d *desk) { d.auth.Options.UserHandle = nil }, want: approvals.ErrUnknownCredential},
		{name: "unknown handle", before: func(d *desk) { d.auth.Options.UserHandle = []byte("who") }, want: approvals.ErrUnknownCredential},
		{name: "unknown credential", before: func(d *desk) { d.key = newKey(virtualwebauthn.KeyTypeEC2) }, want: approvals.ErrUnknownCredential},
		{name: "eligibility flipped", before: func(d *desk) {
			d.auth.Options.BackupEligible, d.auth.Options.BackupState = false, false
		}, want: approvals.ErrAssertion},
		{name: "approval key", after: func(d *desk, _ *approvals.Ceremony) {
			d.user.Credentials[0].Purpose = approvals.UseApprove
		}, want: approvals.ErrPurpose},
		{name: "revoked", after: func(d *desk, _ *approvals.Ceremony) { d.user.Credentials[0].RevokedAt = time.Now() }, want: approvals.ErrUnknownCredential},
		{name: "too late", after: func(d *desk, _ *approvals.Ceremony) { d.later = approvals.TTL }, want: approvals.ErrExpired},
		{name: "another HTTP session", after: func(_ *desk, c *approvals.Ceremony) { c.HTTPSession = []byte("x") }, want: approvals.ErrSession},
		{name: "user of another handle", find: func(_, _ []byte) (approvals.User, error) {
			return enrolled(t, virtualwebauthn.KeyTypeEC2).user, nil
		}, want: approvals.ErrUnknownCredential},
		{name: "store down", find: func(_, _ []byte) (approvals.User, error) { return approvals.User{}, down }, want: down},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := enrolled(t, virtualwebauthn.KeyTypeEC2)
			d.key.Counter = 7
			if test.before != nil {
				test.before(d)
			}
			c, response := d.login()
			if test.after != nil {
				test.after(d, &c)
			}
			find := d.byHandle
			if test.find != nil {
				find = test.find
			}
			u, updated, err := d.rp.FinishLogin(httpSession, c, response, find)
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v (%s), want %v", err, approvals.Detail(err), test.want)
			}
			if err == nil && (u.ID != d.user.ID || updated.SignCount != 7) {
				t.Errorf("logged in as %q, counter %d", u.ID, updated.SignCount)
			}
			if err != nil && u.ID != "" {
				t.Errorf("refused, and yet %q", u.ID)
			}
		})
	}
}
