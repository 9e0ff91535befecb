package approvals_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"parapheur/approvals"
	"parapheur/approvals/proof"
)

func creation() proof.Act {
	return proof.Act{Kind: "town.created", Details: []proof.Detail{{Name: "siret", Value: siret}, {Name: "name", Value: "Ville Neuve"}}}
}

// act begins an act and answers it.
func (d *desk) act() (approvals.Ceremony, []byte) {
	d.t.Helper()
	c, req, err := d.rp.BeginAct(d.user, httpSession, creation())
	if err != nil {
		d.t.Fatal(err)
	}
	o, err := virtualwebauthn.ParseAssertionOptions(string(req.OptionsJSON))
	if err != nil {
		d.t.Fatal(err)
	}
	return c, []byte(virtualwebauthn.CreateAssertionResponse(d.site, d.auth, d.key, *o))
}

// TestAct makes the evidence of an act, and looks for a change that still verifies.
func TestAct(t *testing.T) {
	t.Parallel()
	d := enrolled(t, virtualwebauthn.KeyTypeEC2)
	c, response := d.act()
	act, e, used, err := d.rp.FinishAct(d.user, httpSession, c, response)
	if err != nil {
		t.Fatalf("%v (%s)", err, approvals.Detail(err))
	}
	if act.Actor != d.user.ID || act.Detail("name") != "Ville Neuve" || act.Detail("place") != "" || !bytes.Equal(used.ID, d.user.Credentials[0].ID) {
		t.Errorf("act %+v with %x", act, used.ID)
	}
	cose := used.COSE
	if _, err := proof.VerifyAct(e, cose, rpID, origin); err != nil {
		t.Fatal(err)
	}
	other := enrolled(t, virtualwebauthn.KeyTypeEC2).user.Credentials[0].COSE
	for name, change := range map[string]func(e *proof.ActEvidence){
		"act":       func(e *proof.ActEvidence) { e.Act = bytes.Replace(e.Act, []byte("Neuve"), []byte("Vieux"), 1) },
		"act spelt": func(e *proof.ActEvidence) { e.Act = append([]byte(" "), e.Act...) },
		"client data": func(e *proof.ActEvidence) {
			e.ClientDataJSON = bytes.Replace(e.ClientDataJSON, []byte("ville"), []byte("vil1e"), 1)
		},
		"flags": func(e *proof.ActEvidence) {
			e.AuthenticatorData = bytes.Clone(e.AuthenticatorData)
			e.AuthenticatorData[32] &^= 4
		},
		"signature": func(e *proof.ActEvidence) { e.Signature = bytes.Clone(e.Signature); e.Signature[9] ^= 1 },
		"format":    func(e *proof.ActEvidence) { e.Format = "parapheur.act-evidence.v2" },
		"key":       func(e *proof.ActEvidence) { e.COSEKey = other },
		"place":     func(e *proof.ActEvidence) { e.Origin = "https://parapheur.autre.fr" },
		"late":      func(e *proof.ActEvidence) { e.ReceivedAt += 301 },
		"early":     func(e *proof.ActEvidence) { e.ReceivedAt -= 60 },
	} {
		changed := e
		change(&changed)
		if _, err := proof.VerifyAct(changed, cose, rpID, origin); !errors.Is(err, proof.ErrInvalid) && !errors.Is(err, proof.ErrMalformed) {
			t.Errorf("%s changed: %v", name, err)
		}
	}
	if _, err := proof.VerifyAct(e, other, rpID, origin); err == nil {
		t.Error("the key of somebody else verifies")
	}
	if _, err := proof.VerifyAct(e, cose, rpID, "https://parapheur.autre.fr"); err == nil {
		t.Error("another origin verifies")
	}
}

// TestActRefused changes one thing of a gesture, or of the ceremony that was kept.
func TestActRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		before func(d *desk)
		change func(d *desk, c *approvals.Ceremony)
		want   error
	}{
		{"not verified", func(d *desk) { d.auth.Options.UserNotVerified = true }, nil, approvals.ErrUserVerification},
		{"another origin", func(d *desk) { d.site.Origin = "https://parapheur.vi11e.fr" }, nil, approvals.ErrOrigin},
		{"too late", nil, func(d *desk, _ *approvals.Ceremony) { d.later = approvals.TTL + time.Second }, approvals.ErrExpired},
		{"another session", nil, func(_ *desk, c *approvals.Ceremony) { c.HTTPSession = []byte("thief") }, approvals.ErrSession},
		{"another person", nil, func(_ *desk, c *approvals.Ceremony) { c.UserID = "p-43" }, approvals.ErrSession},
		{"another act", nil, func(_ *desk, c *approvals.Ceremony) {
			c.Payload = bytes.Replace(c.Payload, []byte("Neuve"), []byte("Vieux"), 1)
		}, approvals.ErrCeremony},
		{"begun for a decision", nil, func(d *desk, c *approvals.Ceremony) { *c, _ = d.decide(1) }, approvals.ErrPurpose},
		{"key revoked meanwhile", nil, func(d *desk, _ *approvals.Ceremony) { d.user.Credentials[0].RevokedAt = time.Now() }, approvals.ErrUnknownCredential},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := enrolled(t, virtualwebauthn.KeyTypeEC2)
			if test.before != nil {
				test.before(d)
			}
			c, response := d.act()
			if test.change != nil {
				test.change(d, &c)
			}
			if _, e, _, err := d.rp.FinishAct(d.user, httpSession, c, response); !errors.Is(err, test.want) || e.Signature != nil {
				t.Errorf("got %v (%s), want %v", err, approvals.Detail(err), test.want)
			}
		})
	}
	d := enrolled(t, virtualwebauthn.KeyTypeEC2)
	for name, act := range map[string]proof.Act{
		"nothing said": {Kind: "town.created"}, "no kind": {Details: creation().Details},
		"a line break": {Kind: "x", Details: []proof.Detail{{Name: "name", Value: "a\nb"}}},
		"said twice":   {Kind: "x", Details: []proof.Detail{{Name: "name", Value: "a"}, {Name: "name", Value: "b"}}},
	} {
		if _, _, err := d.rp.BeginAct(d.user, httpSession, act); !errors.Is(err, approvals.ErrStatement) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// An act is no decision either, and no login.
	c, response := d.act()
	if _, _, err := d.rp.FinishDecision(d.user, httpSession, c, response); !errors.Is(err, approvals.ErrPurpose) {
		t.Errorf("as a decision: %v", err)
	}
	if _, _, err := d.rp.FinishLogin(httpSession, c, response, d.byHandle); !errors.Is(err, approvals.ErrPurpose) {
		t.Errorf("as a login: %v", err)
	}
}
