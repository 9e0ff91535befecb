package proof_test

import (
	"bytes"
	"errors"
	"testing"

	"parapheur/approvals/proof"
)

// roundTrip fuzzes a parser of canonical bytes: what parses encodes to the same bytes, what does not is ErrMalformed.
func roundTrip[T interface{ Canonical() ([]byte, error) }](f *testing.F, parse func([]byte) (T, error), seeds ...[]byte) {
	for _, s := range seeds {
		f.Add(s)
		f.Add(s[:len(s)/2])
		f.Add(append(bytes.Clone(s), ' '))
	}
	f.Add([]byte("null"))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := parse(raw)
		if err != nil {
			if !errors.Is(err, proof.ErrMalformed) {
				t.Errorf("another error: %v", err)
			}
			return
		}
		if again, err := v.Canonical(); err != nil || !bytes.Equal(again, raw) {
			t.Errorf("%q came back as %q, %v", raw, again, err)
		}
	})
}

func FuzzStatement(f *testing.F) {
	ev, _ := newMaker(newES256()).make(f)
	roundTrip(f, proof.ParseStatement, ev.Statement)
}

func FuzzSet(f *testing.F) {
	ev, _ := newMaker(newES256()).make(f)
	roundTrip(f, proof.ParseSet, ev.Set)
}

func FuzzEnrolment(f *testing.F) {
	_, want := newMaker(newES256()).make(f)
	roundTrip(f, proof.ParseEnrolment, want.Enrolment)
}

func FuzzEvidence(f *testing.F) {
	ev, _ := newMaker(newES256()).make(f)
	roundTrip(f, proof.ParseEvidence, must[[]byte](f)(ev.Canonical()))
}

func FuzzKey(f *testing.F) {
	f.Add(coseOf(f, newES256(), nil))
	f.Add(coseOf(f, newRS256(), nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		key, err := proof.ParseKey(raw)
		if err != nil {
			if !errors.Is(err, proof.ErrMalformed) {
				t.Errorf("another error: %v", err)
			}
			return
		}
		if key.Verify([]byte("x"), []byte("y")) {
			t.Error("a signature of nothing passes")
		}
		if _, err := key.PEM(); err != nil {
			t.Errorf("an accepted key has no PEM form: %v", err)
		}
	})
}

func FuzzAuthenticatorData(f *testing.F) {
	ev, _ := newMaker(newES256()).make(f)
	a := must[proof.Attestation](f)(proof.ParseAttestation(ev.AttestationObject))
	f.Add(ev.AuthenticatorData)
	f.Add(a.AuthData)
	f.Add(append(authData(rpID, 0x81, 1), 0xa1, 0x61, 'x', 0xf5))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := proof.ParseAuthenticatorData(raw)
		if err != nil {
			if !errors.Is(err, proof.ErrMalformed) {
				t.Errorf("another error: %v", err)
			}
			return
		}
		size := 37
		if a.Credential != nil {
			size += 18 + len(a.Credential.ID) + len(a.Credential.COSE)
		}
		if len(raw) < size || (a.Flags&0x80 == 0 && len(raw) != size) {
			t.Errorf("%d bytes read as %d", len(raw), size)
		}
	})
}

func FuzzClientData(f *testing.F) {
	ev, _ := newMaker(newES256()).make(f)
	f.Add(ev.ClientDataJSON)
	f.Add(ev.RegistrationClientDataJSON)
	f.Add([]byte(`{"type":"a","type":"b"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := proof.ParseClientData(raw)
		if err != nil {
			if !errors.Is(err, proof.ErrMalformed) {
				t.Errorf("another error: %v", err)
			}
			return
		}
		if c.Type == "" || c.Challenge == "" || c.Origin == "" {
			t.Errorf("accepted: %+v", c)
		}
	})
}

func FuzzAttestation(f *testing.F) {
	for _, format := range []string{"packed", "none", "certified", "tpm"} {
		m := newMaker(newES256())
		m.attestation = format
		ev, _ := m.make(f)
		f.Add(ev.AttestationObject)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := proof.ParseAttestation(raw)
		if err != nil {
			if !errors.Is(err, proof.ErrMalformed) {
				t.Errorf("another error: %v", err)
			}
			return
		}
		if a.Data.Credential == nil {
			t.Error("no credential")
		}
		if trust, err := a.Check([]byte("{}")); err == nil && trust != proof.AttestationNone && trust != proof.AttestationUnread {
			t.Errorf("a signature over other client data passes as %q", trust)
		}
	})
}
