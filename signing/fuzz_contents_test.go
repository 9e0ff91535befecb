package signing_test

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"parapheur/signing"
	"parapheur/signing/internal/cms"
	"parapheur/signing/internal/signtest"
)

// FuzzContents puts any bytes in the hole of a sound document: nothing crashes or takes long, and only the
// value that was made for these bytes is valid.
func FuzzContents(f *testing.F) {
	o := newOffice(f)
	var sound []byte
	file := o.forge(f, base(letterObjects()), forgery{}, nil, func(content []byte) []byte {
		sound = o.altered(f, func(c *signtest.CMS) { c.Unsigned = o.token(f, same) })(content)
		return sound
	})
	f.Add(sound)
	f.Add(o.altered(f, nothing)([]byte("autre")))
	f.Add(o.stamp(f, []byte("x")))
	f.Add([]byte{0x30, 0x80, 0, 0})
	f.Add(bytes.Repeat([]byte{0x30, 0x82, 0x03, 0xe8}, 200))
	c := signatureAt(f, file, 0).Contents[0]
	room := int(c.End-c.Start-2) / 2
	f.Fuzz(func(t *testing.T, der []byte) {
		if len(der) > room {
			der = der[:room]
		}
		b := bytes.Clone(file)
		copy(b[c.Start+1:], strings.Repeat("0", 2*room))
		hex.Encode(b[c.Start+1:], der)
		start := time.Now()
		r, err := signing.Check(bytes.NewReader(b), int64(len(b)), o.options())
		if took := time.Since(start); took > 2*time.Second {
			t.Fatalf("took %v", took)
		}
		if err != nil {
			t.Fatal(err)
		}
		if s := r.Signatures[0]; s.Verdict == signing.Valid {
			// The unsigned attributes and the certificates may differ; what was signed may not.
			sd, err := cms.Parse(der)
			if want, _ := cms.Parse(sound); err != nil || !bytes.Equal(sd.SignedAttrs, want.SignedAttrs) {
				t.Fatalf("valid over another value: %v", err)
			}
		}
	})
}

// FuzzDetached reads any bytes as a detached signature, by both readers.
func FuzzDetached(f *testing.F) {
	o := newOffice(f)
	manifest := []byte("manifeste")
	der, err := signing.Detached(f.Context(), bytes.NewReader(manifest), signing.DetachedOptions{Level: signing.BT, Time: signtest.Now()}, o.mayor, o.pki)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Add(der[:len(der)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := signing.VerifyDetached(b, []byte("autre"), o.options())
		if err != nil || r.Verdict == signing.Valid {
			t.Fatalf("valid over other bytes: %+v %v", r, err)
		}
		if _, err := signing.OpenDetached(b, bytes.NewReader([]byte("autre"))); err == nil {
			t.Fatal("opens over other bytes")
		}
	})
}

// FuzzPrepared reads any bytes as a stored preparation: nothing crashes, and what is read writes back to
// bytes that read the same.
func FuzzPrepared(f *testing.F) {
	o := newOffice(f)
	id, err := o.mayor.Identity(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	p, err := signing.Prepare(f.Context(), source(base(letterObjects())), signing.Options{Identity: id, Level: signing.BB, Claims: claims()})
	if err != nil {
		f.Fatal(err)
	}
	b, err := p.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)/3])
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p, q signing.Prepared
		if p.UnmarshalBinary(b) != nil {
			return
		}
		if _, err := p.Complete(make([]byte, 64), nil); err == nil {
			t.Fatal("completes without a signature")
		}
		again, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := q.UnmarshalBinary(again); err != nil || !bytes.Equal(p.ToBeSigned(), q.ToBeSigned()) {
			t.Fatalf("not the same after storage: %v", err)
		}
	})
}

// FuzzHashState reads any bytes as a saved state.
func FuzzHashState(f *testing.F) {
	doc := base(letterObjects())
	state, err := signing.NewHashState(f.Context(), source(doc), crypto.SHA256)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(state), []byte("suite"))
	f.Add([]byte(state)[:20], []byte(nil))
	f.Fuzz(func(_ *testing.T, b, more []byte) {
		s := signing.HashState(b)
		if s.Length() < 0 {
			return
		}
		if next, err := s.Extend(crypto.SHA256, more); err == nil {
			_, _ = next.Digest(crypto.SHA256)
		}
	})
}
