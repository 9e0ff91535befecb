package signing_test

import (
	"bytes"
	"crypto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parapheur/internal/tooltest"
	"parapheur/signing"
	"parapheur/signing/internal/signtest"
)

// A sealed manifest is accepted by OpenSSL and by our own reader, and by neither once changed.
func TestDetached(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	manifest := []byte(`{"documents":["é"]}`)
	for name, key := range map[string]crypto.Signer{"P-256": signtest.P256(t), "P-384": signtest.P384(t), "RSA": signtest.RSA(t, 3072)} {
		p := newPerson(t, pki, "Cachet de la mairie", key)
		for _, level := range []signing.Level{signing.BB, signing.BT} {
			opt := signing.DetachedOptions{Level: level, Time: signtest.Now()}
			der, err := signing.Detached(t.Context(), bytes.NewReader(manifest), opt, p, pki)
			if err != nil {
				t.Fatal(name, err)
			}
			got, err := signing.OpenDetached(der, bytes.NewReader(manifest))
			if err != nil {
				t.Fatal(name, err)
			}
			if got.Level != level || !got.SigningTime.Equal(signtest.Now()) || !got.Certificate.Equal(p.Certificate) || len(got.Certificates) != 3 {
				t.Errorf("%s: reads %v at %v by %v", name, got.Level, got.SigningTime, got.Certificate.Subject)
			}
			if (level == signing.BT) != got.Timestamp.Equal(signtest.Now()) || (level == signing.BT) != (got.Authority != nil) {
				t.Errorf("%s: time-stamp %v by %v", name, got.Timestamp, got.Authority)
			}
			_, err = signing.OpenDetached(der, strings.NewReader("other"))
			wantErr(t, err, signing.ErrSignature)
			verifyDetached(t, pki, der, manifest)
		}
	}
}

func verifyDetached(t *testing.T, pki *signtest.PKI, der, content []byte) {
	t.Helper()
	dir := t.TempDir()
	for name, b := range map[string][]byte{"root.pem": pki.RootPEM(), "content": content, "sig": der} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tooltest.On(t, nil, "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", filepath.Join(dir, "sig"),
		"-content", filepath.Join(dir, "content"), "-CAfile", filepath.Join(dir, "root.pem"), "-purpose", "any", "-out", filepath.Join(dir, "out"))
}

func TestDetachedRefuses(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	p := newPerson(t, pki, "Cachet", signtest.P256(t))
	for _, c := range []struct {
		name string
		opt  signing.DetachedOptions
		want error
	}{
		{"level LT", signing.DetachedOptions{Level: signing.BLT, Time: signtest.Now()}, signing.ErrLevelUnavailable},
		{"no time", signing.DetachedOptions{}, signing.ErrOptions},
		{"no authority", signing.DetachedOptions{Level: signing.BT, Time: signtest.Now()}, signing.ErrOptions},
		{"expired", signing.DetachedOptions{Time: p.Certificate.NotAfter.Add(time.Hour)}, signing.ErrValidity},
		{"SHA-1", signing.DetachedOptions{Time: signtest.Now(), Hash: crypto.SHA1}, signing.ErrAlgorithm},
	} {
		if _, err := signing.Detached(t.Context(), strings.NewReader("x"), c.opt, p, nil); err == nil {
			t.Errorf("%s: accepted", c.name)
		} else {
			wantErr(t, err, c.want)
		}
	}
	for _, b := range []string{"", "0", "\x30\x80", strings.Repeat("\x30\x84", 1000)} {
		if _, err := signing.OpenDetached([]byte(b), strings.NewReader("x")); err == nil {
			t.Errorf("%q accepted", b)
		}
	}
}
