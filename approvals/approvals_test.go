package approvals_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/go-webauthn/webauthn/protocol"

	"parapheur/approvals"
	"parapheur/approvals/proof"
)

// TestDecision approves 1 to 20 letters with one gesture, for both algorithms, and verifies each evidence as a stranger.
func TestDecision(t *testing.T) {
	t.Parallel()
	for _, kind := range []virtualwebauthn.KeyType{virtualwebauthn.KeyTypeEC2, virtualwebauthn.KeyTypeRSA} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			d := enrolled(t, kind)
			for n := 1; n <= 20; n++ {
				c, response := d.decide(n)
				evidence, updated, err := d.rp.FinishDecision(d.user, httpSession, c, response)
				if err != nil {
					t.Fatalf("%d letters: %v (%s)", n, err, approvals.Detail(err))
				}
				if len(evidence) != n {
					t.Fatalf("%d letters: %d pieces of evidence", n, len(evidence))
				}
				for i := range evidence {
					checkEvidence(t, d, evidence[i], i)
				}
				d.user.Credentials[0] = updated
			}
		})
	}
}

func checkEvidence(t *testing.T, d *desk, ev proof.Evidence, i int) {
	t.Helper()
	raw, err := ev.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	read, err := proof.ParseEvidence(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := proof.Expect{
		Document: proof.DocumentOf(d.docs[i]), Enrolment: d.user.Credentials[0].EnrolmentStatement,
		RPID: rpID, Origin: origin, Previous: &proof.Digest{},
	}
	report, err := proof.Verify(read, want)
	if err != nil {
		t.Fatalf("statement %d: %v", i, err)
	}
	if s := report.Statement; s.Actor != "p-42" || s.Tenant != siret || s.Dossier != d.statements(i+1, proof.Sign)[i].Dossier {
		t.Errorf("statement %d: %+v", i, s)
	}
	want.Document = proof.DocumentOf([]byte("une autre lettre"))
	if _, err := proof.Verify(read, want); !errors.Is(err, proof.ErrInvalid) {
		t.Errorf("statement %d: another document: %v", i, err)
	}
}

// TestDecisionRefused holds the refusals of a gesture. In each, one thing alone is wrong.
func TestDecisionRefused(t *testing.T) {
	t.Parallel()
	const get = `{"type":"webauthn.get","challenge":"CHALLENGE","origin":"` + origin + `","crossOrigin":false}`
	forge := func(old, new string, flags byte) func(*desk) (approvals.Ceremony, []byte) {
		return func(d *desk) (approvals.Ceremony, []byte) {
			c, _ := d.begin(1)
			text := strings.Replace(get, "CHALLENGE", protocol.URLEncodedBase64(c.Challenge).String(), 1)
			return c, d.forged(strings.Replace(text, old, new, 1), flags)
		}
	}
	with := func(change func(*desk)) func(*desk) (approvals.Ceremony, []byte) {
		return func(d *desk) (approvals.Ceremony, []byte) { change(d); return d.decide(2) }
	}
	edited := func(change func(m map[string]any)) func(*desk) (approvals.Ceremony, []byte) {
		return func(d *desk) (approvals.Ceremony, []byte) {
			c, response := d.decide(1)
			return c, edit(d.t, response, change)
		}
	}
	for _, test := range []struct {
		name string
		run  func(*desk) (approvals.Ceremony, []byte)
		want error
	}{
		{"nothing wrong", forge("", "", 0x1d), nil},
		{"not verified", with(func(d *desk) { d.auth.Options.UserNotVerified = true }), approvals.ErrUserVerification},
		{"not present", with(func(d *desk) { d.auth.Options.UserNotPresent = true }), approvals.ErrUserPresence},
		{"another origin", with(func(d *desk) { d.site.Origin = "https://parapheur.vi11e.fr" }), approvals.ErrOrigin},
		{"origin with another port", with(func(d *desk) { d.site.Origin = origin + ":8443" }), approvals.ErrOrigin},
		{"another RP ID", with(func(d *desk) { d.site.ID = "ville.fr" }), approvals.ErrOrigin},
		{"backup eligibility flipped", with(func(d *desk) {
			d.auth.Options.BackupEligible, d.auth.Options.BackupState = false, false
		}), approvals.ErrAssertion},
		{"backed up but not eligible", with(func(d *desk) { d.auth.Options.BackupEligible = false }), approvals.ErrAssertion},
		{"unknown credential", with(func(d *desk) { d.key = newKey(virtualwebauthn.KeyTypeEC2) }), approvals.ErrUnknownCredential},
		{"key of another behind a known identifier", with(func(d *desk) {
			id := d.key.ID
			d.key = newKey(virtualwebauthn.KeyTypeEC2)
			d.key.ID = id
		}), approvals.ErrAssertion},
		{"user handle of another", with(func(d *desk) { d.auth.Options.UserHandle = make([]byte, 64) }), approvals.ErrAssertion},
		{"in a frame", forge(`"crossOrigin":false`, `"crossOrigin":true`, 0x1d), approvals.ErrOrigin},
		{"in a frame of ours", forge(`"crossOrigin":false`, `"crossOrigin":true,"topOrigin":"`+origin+`"`, 0x1d), approvals.ErrOrigin},
		{"registration passed off as decision", forge("webauthn.get", "webauthn.create", 0x1d), approvals.ErrAssertion},
		{"origin twice", forge(`"type"`, `"origin":"https://evil.fr","type"`, 0x1d), approvals.ErrResponse},
		{"bogus signature", edited(func(m map[string]any) {
			r := m["response"].(map[string]any)
			r["signature"] = "MEUCIQ" + r["signature"].(string)[6:40] + "AAAA" + r["signature"].(string)[44:]
		}), approvals.ErrAssertion},
		{"unsolicited extension", edited(func(m map[string]any) {
			m["clientExtensionResults"] = map[string]any{"credProps": map[string]any{"rk": true}}
		}), approvals.ErrAssertion},
		{"not JSON", func(d *desk) (approvals.Ceremony, []byte) { c, _ := d.decide(1); return c, []byte("{") }, approvals.ErrResponse},
		{"replay in another ceremony", func(d *desk) (approvals.Ceremony, []byte) {
			_, response := d.decide(1)
			c, _ := d.decide(1)
			return c, response
		}, approvals.ErrChallenge},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := enrolled(t, virtualwebauthn.KeyTypeEC2)
			c, response := test.run(d)
			evidence, _, err := d.rp.FinishDecision(d.user, httpSession, c, response)
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v (%s), want %v", err, approvals.Detail(err), test.want)
			}
			if (evidence == nil) != (test.want != nil) {
				t.Errorf("%d pieces of evidence with error %v", len(evidence), err)
			}
			if err != nil {
				checkDiscreet(t, err, c)
			}
		})
	}
}

// checkDiscreet checks that an error tells a client nothing of what was expected.
func checkDiscreet(t *testing.T, err error, c approvals.Ceremony) {
	t.Helper()
	var perr *protocol.Error
	if errors.As(err, &perr) {
		t.Errorf("the error of the library is reachable: %s", perr.DevInfo)
	}
	if strings.Contains(err.Error(), protocol.URLEncodedBase64(c.Challenge).String()) || strings.Contains(err.Error(), origin) {
		t.Errorf("the error says what was expected: %v", err)
	}
	if approvals.Detail(err) == "" {
		t.Errorf("nothing for the log in %v", err)
	}
}

// TestCeremonyRefused holds the refusals of a ceremony that is not the one begun, with a perfect gesture.
func TestCeremonyRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(d *desk, c *approvals.Ceremony)
		want   error
	}{
		{"too late", func(d *desk, _ *approvals.Ceremony) { d.later = approvals.TTL + time.Second }, approvals.ErrExpired},
		{"another HTTP session", func(_ *desk, c *approvals.Ceremony) { c.HTTPSession = []byte("session-of-the-thief") }, approvals.ErrSession},
		{"another person", func(_ *desk, c *approvals.Ceremony) { c.UserID = "p-43" }, approvals.ErrSession},
		{"begun for a login", func(_ *desk, c *approvals.Ceremony) { c.Purpose = approvals.PurposeLogin }, approvals.ErrPurpose},
		{"begun for a registration", func(_ *desk, c *approvals.Ceremony) { c.Purpose = approvals.PurposeRegistration }, approvals.ErrPurpose},
		{"other statements", func(d *desk, c *approvals.Ceremony) {
			other, _ := d.begin(3)
			c.Payload = other.Payload
		}, approvals.ErrCeremony},
		{"other challenge", func(_ *desk, c *approvals.Ceremony) { c.Challenge[0] ^= 1 }, approvals.ErrCeremony},
		{"verification no longer required", func(d *desk, c *approvals.Ceremony) {
			c.Session = edit(d.t, c.Session, func(m map[string]any) { m["userVerification"] = "preferred" })
		}, approvals.ErrCeremony},
		{"no library deadline", func(d *desk, c *approvals.Ceremony) {
			c.Session = edit(d.t, c.Session, func(m map[string]any) { delete(m, "expires") })
		}, approvals.ErrCeremony},
		{"library deadline passed", func(d *desk, c *approvals.Ceremony) {
			c.Session = edit(d.t, c.Session, func(m map[string]any) { m["expires"] = time.Now().Add(-time.Second) })
		}, approvals.ErrAssertion},
		{"credential revoked meanwhile", func(d *desk, _ *approvals.Ceremony) {
			d.user.Credentials[0].RevokedAt = time.Now()
		}, approvals.ErrUnknownCredential},
		{"credential reserved to logins meanwhile", func(d *desk, _ *approvals.Ceremony) {
			d.user.Credentials[0].Purpose = approvals.UseLogin
		}, approvals.ErrPurpose},
		{"credential blocked meanwhile", func(d *desk, _ *approvals.Ceremony) {
			d.user.Credentials[0].CloneWarning = true
		}, approvals.ErrClone},
		{"enrolment of another key", func(d *desk, _ *approvals.Ceremony) {
			other := enrolled(d.t, virtualwebauthn.KeyTypeEC2)
			d.user.Credentials[0].EnrolmentStatement = other.user.Credentials[0].EnrolmentStatement
			d.user.Credentials[0].EnrolmentHash = other.user.Credentials[0].EnrolmentHash
		}, approvals.ErrAssertion},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := enrolled(t, virtualwebauthn.KeyTypeEC2)
			c, response := d.decide(2)
			test.change(d, &c)
			evidence, _, err := d.rp.FinishDecision(d.user, httpSession, c, response)
			if !errors.Is(err, test.want) || evidence != nil {
				t.Errorf("got %v (%s), want %v", err, approvals.Detail(err), test.want)
			}
		})
	}
}

// TestPurposes uses each kind of ceremony for each other one.
func TestPurposes(t *testing.T) {
	t.Parallel()
	d := enrolled(t, virtualwebauthn.KeyTypeEC2)
	begin := map[approvals.Purpose]func() (approvals.Ceremony, []byte){
		approvals.PurposeRegistration: d.register,
		approvals.PurposeLogin:        d.login,
		approvals.PurposeDecision:     func() (approvals.Ceremony, []byte) { return d.decide(1) },
	}
	finish := map[approvals.Purpose]func(approvals.Ceremony, []byte) error{
		approvals.PurposeRegistration: func(c approvals.Ceremony, r []byte) error {
			_, err := d.rp.FinishRegistration(d.user, httpSession, c, r, enrolment())
			return err
		},
		approvals.PurposeLogin: func(c approvals.Ceremony, r []byte) error {
			_, _, err := d.rp.FinishLogin(httpSession, c, r, d.byHandle)
			return err
		},
		approvals.PurposeDecision: func(c approvals.Ceremony, r []byte) error {
			_, _, err := d.rp.FinishDecision(d.user, httpSession, c, r)
			return err
		},
	}
	for from, make := range begin {
		for to, use := range finish {
			if from == to {
				continue
			}
			if c, response := make(); !errors.Is(use(c, response), approvals.ErrPurpose) {
				t.Errorf("a ceremony of %s serves as %s", from, to)
			}
			// Even a store that lies about the purpose does not help.
			c, response := make()
			c.Purpose = to
			if to != approvals.PurposeLogin {
				c.UserID = d.user.ID
			} else {
				c.UserID = ""
			}
			if err := use(c, response); err == nil {
				t.Errorf("a ceremony of %s relabelled %s is accepted", from, to)
			}
		}
	}
}

// TestClone checks that a counter that goes backwards blocks the credential until a person lifts the warning.
func TestClone(t *testing.T) {
	t.Parallel()
	for _, counter := range []uint32{5, 4, 0} {
		d := enrolled(t, virtualwebauthn.KeyTypeEC2)
		d.key.Counter = 5
		c, response := d.decide(1)
		_, updated, err := d.rp.FinishDecision(d.user, httpSession, c, response)
		if err != nil || updated.SignCount != 5 {
			t.Fatalf("count %d: %v", updated.SignCount, err)
		}
		d.user.Credentials[0] = updated

		d.key.Counter = counter
		c, response = d.decide(1)
		evidence, updated, err := d.rp.FinishDecision(d.user, httpSession, c, response)
		if !errors.Is(err, approvals.ErrClone) || evidence != nil {
			t.Fatalf("counter %d after 5: %v", counter, err)
		}
		if !updated.CloneWarning || updated.SignCount != 5 || updated.EnrolmentHash.IsZero() {
			t.Errorf("counter %d after 5: the credential to store is %+v", counter, updated)
		}
		lc, lr := d.login()
		if _, updated, err := d.rp.FinishLogin(httpSession, lc, lr, d.byHandle); !errors.Is(err, approvals.ErrClone) || !updated.CloneWarning {
			t.Errorf("login with counter %d after 5: %v", counter, err)
		}

		d.user.Credentials[0] = updated
		d.key.Counter = 100
		if _, _, err := d.rp.BeginDecision(d.user, httpSession, d.statements(1, proof.Visa)); !errors.Is(err, approvals.ErrNoCredential) {
			t.Errorf("decision with a blocked credential: %v", err)
		}
		lc, lr = d.login()
		if _, _, err := d.rp.FinishLogin(httpSession, lc, lr, d.byHandle); !errors.Is(err, approvals.ErrClone) {
			t.Errorf("login with a blocked credential: %v", err)
		}
	}
}

// TestBatch holds what may be approved by one gesture.
func TestBatch(t *testing.T) {
	t.Parallel()
	d := enrolled(t, virtualwebauthn.KeyTypeEC2)
	big := d.statements(50, proof.Visa)
	over := append(slices.Clone(big), big[0])
	over[50].Dossier = "d-50"
	mixed := d.statements(2, proof.Visa)
	mixed[1].Decision = proof.Sign
	twice := d.statements(2, proof.Sign)
	twice[1] = twice[0]
	other := d.statements(1, proof.Sign)
	other[0].Actor = "p-43"
	town := d.statements(1, proof.Sign)
	town[0].Tenant = "21750001600019"
	mute := d.statements(1, proof.Refusal)
	mute[0].ReasonSHA256 = proof.Digest{}
	unknown := d.statements(1, "oui")
	for _, test := range []struct {
		name       string
		statements []proof.Statement
		want       error
	}{
		{"50 visas", big, nil},
		{"20 signatures", d.statements(20, proof.Sign), nil},
		{"one refusal", d.statements(1, proof.Refusal), nil},
		{"one undoing", d.statements(1, proof.Undoing), nil},
		{"nothing", nil, approvals.ErrBatch},
		{"51 visas", over, approvals.ErrBatch},
		{"21 signatures", d.statements(21, proof.Sign), approvals.ErrBatch},
		{"two refusals", d.statements(2, proof.Refusal), approvals.ErrBatch},
		{"a visa and a signature", mixed, approvals.ErrBatch},
		{"the same letter twice", twice, approvals.ErrBatch},
		{"a word that is no decision", unknown, approvals.ErrBatch},
		{"in the name of another", other, approvals.ErrStatement},
		{"in another town", town, approvals.ErrStatement},
		{"refusal without reason", mute, approvals.ErrStatement},
	} {
		if _, _, err := d.rp.BeginDecision(d.user, httpSession, test.statements); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v (%s), want %v", test.name, err, approvals.Detail(err), test.want)
		}
	}
	if _, _, err := d.rp.BeginDecision(d.user, nil, big); !errors.Is(err, approvals.ErrSession) {
		t.Errorf("without HTTP session: %v", err)
	}
}

// TestDecisionRequest checks what the browser is asked, and that it can recompute it.
func TestDecisionRequest(t *testing.T) {
	t.Parallel()
	d := enrolled(t, virtualwebauthn.KeyTypeEC2)
	revoked := d.user.Credentials[0]
	revoked.ID, revoked.RevokedAt = []byte("revoked"), time.Now()
	login := d.user.Credentials[0]
	login.ID, login.Purpose = []byte("login only"), approvals.UseLogin
	d.user.Credentials = append(d.user.Credentials, revoked, login)
	c, req := d.begin(3)
	var o struct {
		PublicKey struct {
			Challenge        protocol.URLEncodedBase64
			UserVerification string
			RPID             string `json:"rpId"`
			Timeout          int
			AllowCredentials []struct{ ID protocol.URLEncodedBase64 }
		}
	}
	if err := json.Unmarshal(req.OptionsJSON, &o); err != nil {
		t.Fatal(err)
	}
	want := proof.Challenge(req.Set)
	p := o.PublicKey
	if string(p.Challenge) != string(want[:]) || p.UserVerification != "required" || p.RPID != rpID || p.Timeout != 300_000 {
		t.Errorf("options: %s", req.OptionsJSON)
	}
	if len(p.AllowCredentials) != 1 || string(p.AllowCredentials[0].ID) != string(d.key.ID) {
		t.Errorf("allowed: %s", req.OptionsJSON)
	}
	set, err := proof.ParseSet(req.Set)
	if err != nil || set.Count != 3 || len(req.Statements) != 3 || !req.Expires.Equal(c.Expires) {
		t.Errorf("set %+v of %d, until %s: %v", set, len(req.Statements), req.Expires, err)
	}
	again, _ := d.begin(3)
	if string(again.Challenge) == string(c.Challenge) || string(again.ID) == string(c.ID) {
		t.Error("two ceremonies with the same challenge or identifier")
	}
}
