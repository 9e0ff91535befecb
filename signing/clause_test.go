package signing_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/digitorus/timestamp"
	"golang.org/x/crypto/ocsp"

	"parapheur/signing"
	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/signtest"
)

// clause is one requirement of EN 319 142-1 (PAdES), EN 319 122-1 (CAdES) or of what they build on,
// as one check. A letter in parentheses is that of the requirement in table 1 of EN 319 142-1, 6.3.
type clause struct {
	name  string
	level signing.Level // the first that must satisfy it
	holds func(v *view) error
}

func refuse(format string, args ...any) error { return fmt.Errorf(format, args...) }

// exactly refuses any other count.
func exactly(n, want int, what string) error {
	if n != want {
		return refuse("%d %s, want %d", n, what, want)
	}
	return nil
}

func clauses() []clause {
	inside := slices.Concat(cmsClauses(), attributeClauses())
	for i, c := range inside {
		inside[i].holds = func(v *view) error {
			if v.sd.Version == 0 {
				return nil // the next clause says so
			}
			return c.holds(v)
		}
	}
	return slices.Concat(dictionaryClauses(), []clause{{"RFC 5652 5.1 SignedData in DER", signing.BB, func(v *view) error {
		if v.sd.Version == 0 {
			return refuse("no SignedData")
		}
		return nil
	}}}, inside, archiveClauses())
}

func dictionaryClauses() []clause {
	entry := func(k pdf.Name, want string) func(*view) error {
		return func(v *view) error {
			n, _ := v.sig.Dict.Get(k).(pdf.Name)
			if n.Decoded() != want {
				return refuse("/%s is %s", k, n)
			}
			return nil
		}
	}
	absent := func(k pdf.Name) func(*view) error {
		return func(v *view) error { return exactly(len(v.sig.Dict.All(k)), 0, "/"+string(k)) }
	}
	return []clause{
		{"ISO 32000-2 table 255 Type Sig", signing.BB, entry("Type", "Sig")},
		{"EN 319 142-1 6.3 Filter", signing.BB, func(v *view) error { return exactly(len(v.sig.Dict.All("Filter")), 1, "/Filter") }},
		{"EN 319 142-1 6.3 (l) SubFilter ETSI.CAdES.detached", signing.BB, entry("SubFilter", "ETSI.CAdES.detached")},
		{"EN 319 142-1 6.3 (g) M present once", signing.BB, func(v *view) error { return exactly(len(v.sig.Dict.All("M")), 1, "/M") }},
		{"ISO 32000-2 7.9.4 M is a date", signing.BB, func(v *view) error {
			raw, _ := v.sig.Dict.Get("M").(pdf.Raw)
			if _, ok := raw.Time(); !ok && raw != "" {
				return refuse("/M %s", raw)
			}
			return nil
		}},
		{"EN 319 142-1 6.3 (n) Cert absent", signing.BB, absent("Cert")},
		{"EN 319 142-1 6.3 Contents present once", signing.BB, func(v *view) error { return exactly(len(v.sig.Contents), 1, "/Contents") }},
		{"EN 319 142-1 6.3 ByteRange present once", signing.BB, func(v *view) error { return exactly(len(v.sig.ByteRange), 1, "/ByteRange") }},
		{"EN 319 142-1 6.3 ByteRange covers all but Contents", signing.BB, func(v *view) error {
			r := v.ranges()
			if len(r) == 4 && len(v.sig.Contents) == 1 && (r[0] != 0 || r[1] != v.sig.Contents[0].Start || r[2] != v.sig.Contents[0].End) {
				return refuse("%v around %d to %d", r, v.sig.Contents[0].Start, v.sig.Contents[0].End)
			}
			return nil
		}},
		{"EN 319 142-1 6.3 ByteRange ends with its revision", signing.BB, func(v *view) error {
			c := v.content()
			if r := v.ranges(); len(r) == 4 && c != nil && !bytes.HasSuffix(bytes.TrimRight(c, "\r\n"), []byte("%%EOF")) {
				return refuse("it ends with %q", c[max(0, len(c)-8):])
			}
			return nil
		}},
		{"EN 319 142-1 6.3 (d)(m) Reason without commitment-type or policy", signing.BB, func(v *view) error {
			indications := len(values(v.info.Signed, 1, 2, 840, 113549, 1, 9, 16, 2, 16)) + len(values(v.info.Signed, 1, 2, 840, 113549, 1, 9, 16, 2, 15))
			if v.sig.Dict.Get("Reason") != nil && indications > 0 {
				return refuse("both")
			}
			return nil
		}},
	}
}

func cmsClauses() []clause {
	return []clause{
		{"RFC 5652 5.1 version 1 for id-data", signing.BB, func(v *view) error {
			if v.sd.Version > 1 {
				return refuse("version %d", v.sd.Version)
			}
			return nil
		}},
		{"EN 319 142-1 6.3 one SignerInfo", signing.BB, func(v *view) error { return exactly(len(v.sd.Infos), 1, "SignerInfo") }},
		{"EN 319 142-1 6.3 detached", signing.BB, func(v *view) error { return exactly(len(v.sd.Encapsulated.Content.FullBytes), 0, "bytes of content") }},
		{"EN 319 122-1 5.1.1 encapsulated content is id-data", signing.BB, func(v *view) error {
			if !v.sd.Encapsulated.Type.Equal(signtest.ID(1, 2, 840, 113549, 1, 7, 1)) {
				return refuse("%v", v.sd.Encapsulated.Type)
			}
			return nil
		}},
		{"EN 319 142-1 6.3 (a) signer's certificate present", signing.BB, func(v *view) error {
			if v.signer() == nil {
				return refuse("not among %d", len(v.certificates()))
			}
			return nil
		}},
		{"EN 319 142-1 6.3 (b) path to the root present", signing.BB, func(v *view) error {
			leaf := v.signer()
			if leaf == nil {
				return nil
			}
			pool := x509.NewCertPool()
			for _, c := range v.certificates() {
				pool.AddCert(c)
			}
			_, err := leaf.Verify(x509.VerifyOptions{Roots: v.root, Intermediates: pool, CurrentTime: leaf.NotBefore, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
			return err
		}},
		{"RFC 5652 5.3 digestAlgorithms lists the signer's", signing.BB, func(v *view) error {
			if !slices.ContainsFunc(v.sd.DigestAlgorithms, func(a pkix.AlgorithmIdentifier) bool { return a.Algorithm.Equal(v.info.Digest.Algorithm) }) {
				return refuse("%v", v.sd.DigestAlgorithms)
			}
			return nil
		}},
		{"EN 319 142-1 6.2.1 hash of TS 119 312", signing.BB, func(v *view) error {
			if !slices.ContainsFunc([]int{1, 2, 3}, func(n int) bool { return v.info.Digest.Algorithm.Equal(signtest.ID(2, 16, 840, 1, 101, 3, 4, 2, n)) }) {
				return refuse("%v", v.info.Digest.Algorithm)
			}
			return nil
		}},
		{"EN 319 142-1 6.2.1 key of TS 119 312", signing.BB, func(v *view) error {
			if v.signer() == nil {
				return nil
			}
			switch k := v.signer().PublicKey.(type) {
			case *rsa.PublicKey:
				if k.N.BitLen() >= 3072 {
					return nil
				}
			case *ecdsa.PublicKey:
				if k.Curve.Params().BitSize >= 256 {
					return nil
				}
			}
			return refuse("%T", v.signer().PublicKey)
		}},
		{"RFC 5652 5.3 signed attributes in DER order", signing.BB, func(v *view) error {
			var raws [][]byte
			for rest := v.info.Signed.Bytes; len(rest) > 0; {
				var one asn1.RawValue
				var err error
				if rest, err = asn1.Unmarshal(rest, &one); err != nil {
					return err
				}
				raws = append(raws, one.FullBytes)
			}
			if !slices.IsSortedFunc(raws, bytes.Compare) {
				return refuse("not sorted")
			}
			return nil
		}},
		{"RFC 5652 5.4 value over the signed attributes", signing.BB, func(v *view) error {
			leaf := v.signer()
			k, ok := publicECDSA(leaf)
			h, known := hashes()[v.info.Digest.Algorithm.String()]
			if !ok || !known || len(v.info.Signed.FullBytes) == 0 {
				return nil
			}
			w := h.New()
			w.Write([]byte{0x31})
			w.Write(v.info.Signed.FullBytes[1:])
			if !ecdsa.VerifyASN1(k, w.Sum(nil), v.info.Value) {
				return refuse("the value does not verify")
			}
			return nil
		}},
	}
}

func hashes() map[string]crypto.Hash {
	return map[string]crypto.Hash{
		"1.3.14.3.2.26": crypto.SHA1, "2.16.840.1.101.3.4.2.1": crypto.SHA256,
		"2.16.840.1.101.3.4.2.2": crypto.SHA384, "2.16.840.1.101.3.4.2.3": crypto.SHA512,
	}
}

func publicECDSA(c *x509.Certificate) (*ecdsa.PublicKey, bool) {
	if c == nil {
		return nil, false
	}
	k, ok := c.PublicKey.(*ecdsa.PublicKey)
	return k, ok
}

func attributeClauses() []clause {
	count := func(want int, id ...int) func(*view) error {
		return func(v *view) error { return exactly(len(values(v.info.Signed, id...)), want, "values") }
	}
	one := func(check func(v *view, value []byte) error, id ...int) func(*view) error {
		return func(v *view) error {
			if list := values(v.info.Signed, id...); len(list) == 1 {
				return check(v, list[0])
			}
			return nil
		}
	}
	return []clause{
		{"EN 319 122-1 5.1.1 (c) content-type present once", signing.BB, count(1, 1, 2, 840, 113549, 1, 9, 3)},
		{"EN 319 122-1 5.1.1 (c) content-type is id-data", signing.BB, one(func(_ *view, value []byte) error {
			if !bytes.Equal(value, signtest.Marshal(signtest.ID(1, 2, 840, 113549, 1, 7, 1))) {
				return refuse("%x", value)
			}
			return nil
		}, 1, 2, 840, 113549, 1, 9, 3)},
		{"EN 319 122-1 5.1.2 message-digest present once", signing.BB, count(1, 1, 2, 840, 113549, 1, 9, 4)},
		{"EN 319 122-1 5.1.2 message-digest is that of the bytes", signing.BB, one(func(v *view, value []byte) error {
			h, known := hashes()[v.info.Digest.Algorithm.String()]
			if content := v.content(); known && content != nil {
				w := h.New()
				w.Write(content)
				if !bytes.Equal(value, signtest.Marshal(w.Sum(nil))) {
					return refuse("another digest")
				}
			}
			return nil
		}, 1, 2, 840, 113549, 1, 9, 4)},
		{"EN 319 142-1 6.3 (e) signing-time absent", signing.BB, count(0, 1, 2, 840, 113549, 1, 9, 5)},
		{"EN 319 122-1 5.2.2.3 (h) signing-certificate-v2 present once", signing.BB, count(1, 1, 2, 840, 113549, 1, 9, 16, 2, 47)},
		{"EN 319 122-1 5.2.2.3 (i) it designates the signer", signing.BB, one(func(v *view, value []byte) error {
			if leaf := v.signer(); leaf != nil {
				sum, h := essHash(value)
				w := h.New()
				w.Write(leaf.Raw)
				if !bytes.Equal(sum, w.Sum(nil)) {
					return refuse("another certificate")
				}
			}
			return nil
		}, 1, 2, 840, 113549, 1, 9, 16, 2, 47)},
		{"RFC 5035 4 SHA-256 is left out of it", signing.BB, one(func(_ *view, value []byte) error {
			if bytes.Contains(value, signtest.Marshal(signtest.ID(2, 16, 840, 1, 101, 3, 4, 2, 1))) {
				return refuse("the default is written")
			}
			return nil
		}, 1, 2, 840, 113549, 1, 9, 16, 2, 47)},
		{"EN 319 142-1 6.3 no Adobe revocation attribute", signing.BB, count(0, 1, 2, 840, 113583, 1, 1, 8)},
		{"EN 319 122-1 5.3 signature-time-stamp present", signing.BT, func(v *view) error {
			if len(v.tokens()) == 0 {
				return refuse("none")
			}
			return nil
		}},
		{"EN 319 122-1 5.3 its imprint is that of the value", signing.BT, func(v *view) error {
			for _, ts := range v.tokens() {
				w := ts.HashAlgorithm.New()
				w.Write(v.info.Value)
				if !bytes.Equal(ts.HashedMessage, w.Sum(nil)) {
					return refuse("imprint of something else")
				}
			}
			return nil
		}},
		{"EN 319 142-1 6.3 time-stamped while the certificate was valid", signing.BT, func(v *view) error {
			for _, ts := range v.tokens() {
				if leaf := v.signer(); leaf != nil && (ts.Time.Before(leaf.NotBefore) || ts.Time.After(leaf.NotAfter)) {
					return refuse("stamped on %v", ts.Time)
				}
			}
			return nil
		}},
	}
}

// essHash reads the first ESSCertIDv2.
func essHash(value []byte) ([]byte, crypto.Hash) {
	var s struct {
		Certs []struct {
			Algorithm pkix.AlgorithmIdentifier `asn1:"optional"`
			Hash      []byte
			Issuer    asn1.RawValue `asn1:"optional"`
		}
	}
	if _, err := asn1.Unmarshal(value, &s); err != nil || len(s.Certs) == 0 {
		return nil, crypto.SHA256
	}
	if h, ok := hashes()[s.Certs[0].Algorithm.Algorithm.String()]; ok {
		return s.Certs[0].Hash, h
	}
	return s.Certs[0].Hash, crypto.SHA256
}

// tokens are the signature time-stamps that can be read.
func (v *view) tokens() []*timestamp.Timestamp {
	var out []*timestamp.Timestamp
	for _, der := range values(v.info.Unsigned, 1, 2, 840, 113549, 1, 9, 16, 2, 14) {
		if ts, err := timestamp.Parse(der); err == nil {
			out = append(out, ts)
		}
	}
	return out
}

func archiveClauses() []clause {
	return []clause{
		{"EN 319 142-1 5.4.2.1 DSS holds the certificates", signing.BLT, func(v *view) error {
			certs, err := v.store("Certs")
			if err == nil && len(certs) == 0 {
				err = refuse("none")
			}
			for _, der := range certs {
				if _, bad := x509.ParseCertificate(der); bad != nil {
					err = errors.Join(err, bad)
				}
			}
			return err
		}},
		{"EN 319 142-1 5.4.2.2 revocation data of every certificate", signing.BLT, func(v *view) error {
			for _, cert := range v.paths() {
				if !v.proven(cert) {
					return refuse("nothing about %s", cert.Subject.CommonName)
				}
			}
			return nil
		}},
		{"EN 319 142-1 5.4.2.3 no VRI", signing.BLT, func(v *view) error {
			_, cat, err := v.doc.Catalog()
			if err != nil {
				return err
			}
			dss, err := v.doc.Dict(cat.Get("DSS"))
			if err != nil || dss == nil {
				return err
			}
			return exactly(len(dss.All("VRI")), 0, "/VRI")
		}},
		{"EN 319 142-1 5.4.3 document time-stamp after the DSS", signing.BLTA, func(v *view) error {
			if len(v.stamps()) == 0 {
				return refuse("none")
			}
			return nil
		}},
		{"EN 319 142-1 5.4.3 SubFilter ETSI.RFC3161", signing.BLTA, func(v *view) error {
			for _, s := range v.stamps() {
				if sub, _ := s.Dict.Get("SubFilter").(pdf.Name); !sub.Is("ETSI.RFC3161") {
					return refuse("%s", sub)
				}
			}
			return nil
		}},
		{"EN 319 142-1 6.3 (y) document time-stamp over the whole revision", signing.BLTA, func(v *view) error {
			for _, s := range v.stamps() {
				inner := &view{file: v.file, sig: s}
				r := inner.ranges()
				if len(r) != 4 || len(s.Contents) != 1 || r[0] != 0 || r[1] != s.Contents[0].Start || r[2] != s.Contents[0].End || r[2]+r[3] > int64(len(v.file)) {
					return refuse("%v", r)
				}
			}
			return nil
		}},
		{"RFC 3161 2.4 its imprint is that of the bytes", signing.BLTA, func(v *view) error {
			for _, s := range v.stamps() {
				raw, _ := s.Contents[0].Value.(pdf.Raw)
				ts, err := timestamp.Parse(raw.Bytes())
				inner := &view{file: v.file, sig: s}
				if sum := sha256.Sum256(inner.content()); err == nil && !bytes.Equal(ts.HashedMessage, sum[:]) {
					return refuse("imprint of something else")
				}
			}
			return nil
		}},
	}
}

// stamps are the document time-stamps.
func (v *view) stamps() []pdf.Signature {
	list, err := v.doc.Signatures()
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(list, func(s pdf.Signature) bool {
		kind, _ := s.Dict.Get("Type").(pdf.Name)
		return !kind.Is("DocTimeStamp")
	})
}

// paths are the certificates that need a proof: those of the signer and of its time-stamps, roots left out.
func (v *view) paths() []*x509.Certificate {
	list := v.certificates()
	for _, ts := range v.tokens() {
		list = append(list, ts.Certificates...)
	}
	return slices.DeleteFunc(list, func(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) })
}

// proven reports whether a list or an answer of the DSS is about the certificate.
func (v *view) proven(cert *x509.Certificate) bool {
	lists, _ := v.store("CRLs")
	answers, _ := v.store("OCSPs")
	for _, der := range lists {
		if l, err := x509.ParseRevocationList(der); err == nil && bytes.Equal(l.RawIssuer, cert.RawIssuer) {
			return true
		}
	}
	for _, der := range answers {
		if a, err := ocsp.ParseResponse(der, nil); err == nil && a.SerialNumber.Cmp(cert.SerialNumber) == 0 {
			return true
		}
	}
	return false
}

// broken names the clauses of a level that do not hold.
func broken(v *view, level signing.Level) []string {
	var out []string
	for _, c := range clauses() {
		if c.level <= level {
			if err := c.holds(v); err != nil {
				out = append(out, c.name+": "+err.Error())
			}
		}
	}
	return out
}

// Every clause holds for what the product makes, at each level, for each of three signatures.
func TestClausesHold(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, file := o.twice(t)
	file = o.sign(t, file, o.mayor, signing.BT)
	for level, made := range map[signing.Level][]byte{
		signing.BB: file, signing.BT: o.sign(t, base(letterObjects()), o.mayor, signing.BT),
		signing.BLT:  augment(t, o.sign(t, base(letterObjects()), o.mayor, signing.BT), o.augmenting(t, signing.BLT)),
		signing.BLTA: augment(t, o.sign(t, base(letterObjects()), o.mayor, signing.BT), o.augmenting(t, signing.BLTA)),
	} {
		for i := range strings.Count(string(made), "/ETSI.CAdES.detached") {
			if list := broken(viewOf(t, o, made, i), level); len(list) > 0 {
				t.Errorf("%v, signature %d: %v", level, i, list)
			}
		}
	}
}
