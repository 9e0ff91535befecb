package signing_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parapheur/signing"
	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/signtest"
)

// vector breaks one clause and no other. Check must name it by a code, or give a lower level.
type vector struct {
	clause string
	level  signing.Level
	file   func() []byte
	// code is what Check says: that the signature is not valid, or, when remark is set, that it is valid without
	// being what it claims. Empty: only the level is lower, or, when remark is set, a « should » that
	// Check accepts.
	code   signing.Code
	remark bool
}

// forge writes a signature whose dictionary is f's and whose value is made from the signed bytes;
// ranges, when it is not nil, changes the ByteRange before.
func (o *office) forge(t testing.TB, file []byte, f forgery, ranges func(r [4]int64) [4]int64, value func(content []byte) []byte) []byte {
	t.Helper()
	f.value = func([]byte) []byte { return []byte{0x30, 0} }
	out := f.apply(t, file)
	list, err := openDoc(t, out).Signatures()
	if err != nil {
		t.Fatal(err)
	}
	s := list[len(list)-1]
	c := slices.MaxFunc(s.Contents, func(a, b pdf.Entry) int { return int(a.End - a.Start - b.End + b.Start) })
	r := [4]int64{0, c.Start, c.End, int64(len(out)) - c.End}
	if ranges != nil {
		r = ranges(r)
		e := s.ByteRange[0]
		copy(out[e.Start:], fmt.Sprintf("%-*s", e.End-e.Start, fmt.Sprintf("[%d %d %d %d]", r[0], r[1], r[2], r[3])))
	}
	hex.Encode(out[c.Start+1:], value(slices.Concat(out[r[0]:r[0]+r[1]], out[r[2]:r[2]+r[3]])))
	return out
}

// clerk signs the vectors.
func (o *office) clerk(t testing.TB, change func(*x509.Certificate)) signtest.Entity {
	t.Helper()
	return o.pki.Signer(t, "Élise Préfète-Gœury", signtest.P256(t), change)
}

// altered is a value of B-B by a new signer with one change.
func (o *office) altered(t testing.TB, change func(c *signtest.CMS)) func([]byte) []byte {
	e := o.clerk(t, nil)
	return func(content []byte) []byte {
		sum := sha256.Sum256(content)
		c := o.pki.Baseline(e, sum[:])
		change(&c)
		return c.Encode(t)
	}
}

// token makes a signature time-stamp over data.
func (o *office) token(t testing.TB, over func(value []byte) []byte) func(value []byte) []signtest.Attribute {
	return func(value []byte) []signtest.Attribute {
		return []signtest.Attribute{{Type: signtest.ID(1, 2, 840, 113549, 1, 9, 16, 2, 14), Values: [][]byte{o.stamp(t, over(value))}}}
	}
}

func same(b []byte) []byte { return b }

func nothing(*signtest.CMS) {}

func (o *office) dictionaryVectors(t testing.TB) []vector {
	letter := base(letterObjects())
	with := func(f forgery) func() []byte {
		return func() []byte { return o.forge(t, letter, f, nil, o.altered(t, nothing)) }
	}
	entry := func(k pdf.Name, v string) []pdf.Entry { return []pdf.Entry{{Key: k, Value: pdf.Raw(v)}} }
	ranged := func(change func(r [4]int64) [4]int64) func() []byte {
		return func() []byte { return o.forge(t, letter, forgery{}, change, o.altered(t, nothing)) }
	}
	return []vector{
		{clause: "ISO 32000-2 table 255 Type Sig", file: with(forgery{kind: "Autre"}), code: signing.NotBaseline, remark: true},
		{clause: "EN 319 142-1 6.3 Filter", file: with(forgery{drop: "Filter"}), code: signing.NotBaseline, remark: true},
		{clause: "EN 319 142-1 6.3 (l) SubFilter ETSI.CAdES.detached", file: with(forgery{filter: "adbe.pkcs7.detached"}), code: signing.NotPAdES},
		{clause: "EN 319 142-1 6.3 (g) M present once", file: with(forgery{noTime: true}), code: signing.TimeEntryMissing},
		{clause: "ISO 32000-2 7.9.4 M is a date", file: with(forgery{noTime: true, entries: entry("M", "(hier)")}), code: signing.TimeEntryMissing},
		{clause: "EN 319 142-1 6.3 (n) Cert absent", file: with(forgery{entries: entry("Cert", "<00>")}), code: signing.CertEntryPresent},
		{clause: "EN 319 142-1 6.3 Contents present once", file: with(forgery{entries: entry("Contents", "<00>")}), code: signing.DuplicateEntry},
		{clause: "EN 319 142-1 6.3 ByteRange present once", file: with(forgery{entries: entry("ByteRange", "[0 1 2 3]")}), code: signing.DuplicateEntry},
		{clause: "EN 319 142-1 6.3 ByteRange covers all but Contents", file: ranged(func(r [4]int64) [4]int64 {
			return [4]int64{0, r[1], r[2] + 2, r[3] - 2}
		}), code: signing.ByteRangeGap},
		{clause: "EN 319 142-1 6.3 ByteRange ends with its revision", file: ranged(func(r [4]int64) [4]int64 {
			return [4]int64{0, r[1], r[2], r[3] - 8}
		}), code: signing.ByteRangeEnd},
		{clause: "EN 319 142-1 6.3 (d)(m) Reason without commitment-type or policy", file: func() []byte {
			return o.forge(t, letter, forgery{entries: entry("Reason", "(Bon pour accord)")}, nil, o.altered(t, func(c *signtest.CMS) {
				proof := signtest.Marshal(struct{ ID any }{signtest.ID(1, 2, 840, 113549, 1, 9, 16, 6, 5)})
				c.Signed = append(c.Signed, signtest.Attribute{Type: signtest.ID(1, 2, 840, 113549, 1, 9, 16, 2, 16), Values: [][]byte{proof}})
			}))
		}, code: signing.NotBaseline, remark: true},
	}
}

func (o *office) cmsVectors(t testing.TB) []vector {
	letter := base(letterObjects())
	with := func(change func(c *signtest.CMS)) func() []byte {
		return func() []byte { return o.forge(t, letter, forgery{}, nil, o.altered(t, change)) }
	}
	return []vector{
		{clause: "RFC 5652 5.1 SignedData in DER", file: func() []byte {
			return o.forge(t, letter, forgery{}, nil, func(content []byte) []byte {
				der := o.altered(t, nothing)(content)
				return slices.Concat([]byte{0x30, 0x80}, der[4:], []byte{0, 0}) // BER, indefinite length
			})
		}, code: signing.CMSMalformed},
		{clause: "RFC 5652 5.1 version 1 for id-data", file: with(func(c *signtest.CMS) { c.Version = 4 }), code: signing.NotBaseline, remark: true},
		{clause: "EN 319 142-1 6.3 one SignerInfo", file: with(func(c *signtest.CMS) { c.Infos = 2 }), code: signing.CMSMalformed},
		{clause: "EN 319 142-1 6.3 detached", file: with(func(c *signtest.CMS) { c.Content = []byte("autre") }), code: signing.ContentNotDetached},
		{clause: "EN 319 122-1 5.1.1 encapsulated content is id-data", file: with(func(c *signtest.CMS) {
			c.ContentType = signtest.ID(1, 2, 840, 113549, 1, 9, 16, 1, 4)
		}), code: signing.ContentTypeWrong},
		{clause: "EN 319 142-1 6.3 (a) signer's certificate present", file: with(func(c *signtest.CMS) { c.Certificates = c.Certificates[1:] }), code: signing.SignerMissing},
		{clause: "EN 319 142-1 6.3 (b) path to the root present", file: with(func(c *signtest.CMS) { c.Certificates = c.Certificates[:1] }), code: signing.SignerUntrusted},
		{clause: "RFC 5652 5.3 digestAlgorithms lists the signer's", file: with(func(c *signtest.CMS) { c.Declared = crypto.SHA384 }), code: signing.NotBaseline, remark: true},
		{clause: "EN 319 142-1 6.2.1 hash of TS 119 312", file: func() []byte {
			e := o.clerk(t, nil)
			return o.forge(t, letter, forgery{}, nil, func(content []byte) []byte {
				w := crypto.SHA1.New()
				w.Write(content)
				c := o.pki.Baseline(e, w.Sum(nil))
				c.Hash = crypto.SHA1
				return c.Encode(t)
			})
		}, code: signing.AlgorithmRefused},
		{clause: "EN 319 142-1 6.2.1 key of TS 119 312", file: func() []byte {
			e := o.pki.Signer(t, "Petite clé", signtest.EC(t, elliptic.P224()), nil)
			return o.forge(t, letter, forgery{}, nil, func(content []byte) []byte {
				sum := sha256.Sum256(content)
				return o.pki.Baseline(e, sum[:]).Encode(t)
			})
		}, code: signing.WeakKey},
		{clause: "RFC 5652 5.3 signed attributes in DER order", file: with(func(c *signtest.CMS) {
			c.Unsorted = true
			slices.Reverse(c.Signed)
		}), code: signing.NotBaseline, remark: true},
		{clause: "RFC 5652 5.4 value over the signed attributes", file: with(func(c *signtest.CMS) { c.Signer.Key = signtest.P256(t) }), code: signing.SignatureValueWrong},
	}
}

func (o *office) attributeVectors(t testing.TB) []vector {
	letter := base(letterObjects())
	contentType, digest := signtest.ID(1, 2, 840, 113549, 1, 9, 3), signtest.ID(1, 2, 840, 113549, 1, 9, 4)
	signingCertificate := signtest.ID(1, 2, 840, 113549, 1, 9, 16, 2, 47)
	with := func(change func(c *signtest.CMS)) func() []byte {
		return func() []byte { return o.forge(t, letter, forgery{}, nil, o.altered(t, change)) }
	}
	add := func(value []byte, id ...int) func(c *signtest.CMS) {
		return func(c *signtest.CMS) {
			c.Signed = append(c.Signed, signtest.Attribute{Type: id, Values: [][]byte{value}})
		}
	}
	return []vector{
		{clause: "EN 319 122-1 5.1.1 (c) content-type present once", file: with(func(c *signtest.CMS) { c.Without(contentType) }), code: signing.ContentTypeWrong},
		{clause: "EN 319 122-1 5.1.1 (c) content-type is id-data", file: with(func(c *signtest.CMS) {
			c.Attribute(contentType).Values[0] = signtest.Marshal(signtest.ID(1, 2, 840, 113549, 1, 7, 3))
		}), code: signing.ContentTypeWrong},
		{clause: "EN 319 122-1 5.1.2 message-digest present once", file: with(func(c *signtest.CMS) { c.Without(digest) }), code: signing.CMSMalformed},
		{clause: "EN 319 122-1 5.1.2 message-digest is that of the bytes", file: with(func(c *signtest.CMS) {
			c.Attribute(digest).Values[0] = signtest.Marshal(make([]byte, 32))
		}), code: signing.DigestMismatch},
		{clause: "EN 319 142-1 6.3 (e) signing-time absent", file: with(add(signtest.Marshal(signtest.Now().UTC()), 1, 2, 840, 113549, 1, 9, 5)), code: signing.SigningTimePresent},
		{clause: "EN 319 122-1 5.2.2.3 (h) signing-certificate-v2 present once", file: with(func(c *signtest.CMS) { c.Without(signingCertificate) }), code: signing.SigningCertMissing},
		{clause: "EN 319 122-1 5.2.2.3 (i) it designates the signer", file: with(func(c *signtest.CMS) {
			c.Attribute(signingCertificate).Values[0] = signtest.SigningCertificate(o.pki.Root.Certificate, crypto.SHA256, false)
		}), code: signing.SigningCertMismatch},
		{clause: "RFC 5035 4 SHA-256 is left out of it", file: with(func(c *signtest.CMS) {
			c.Attribute(signingCertificate).Values[0] = signtest.SigningCertificate(c.Signer.Certificate, crypto.SHA256, true)
		}), remark: true},
		{clause: "EN 319 142-1 6.3 no Adobe revocation attribute", file: with(add(signtest.Marshal(struct{}{}), 1, 2, 840, 113583, 1, 1, 8)), code: signing.NotBaseline, remark: true},
		{clause: "EN 319 122-1 5.3 signature-time-stamp present", level: signing.BT, file: with(nothing)},
		{clause: "EN 319 122-1 5.3 its imprint is that of the value", level: signing.BT, file: with(func(c *signtest.CMS) {
			c.Unsigned = o.token(t, func([]byte) []byte { return []byte("autre") })
		}), code: signing.TimestampImprint},
		{clause: "EN 319 142-1 6.3 time-stamped while the certificate was valid", level: signing.BT, file: func() []byte {
			e := o.clerk(t, func(c *x509.Certificate) { c.NotAfter = signtest.Now().AddDate(0, 0, -1) })
			return o.forge(t, letter, forgery{}, nil, func(content []byte) []byte {
				sum := sha256.Sum256(content)
				c := o.pki.Baseline(e, sum[:])
				c.Unsigned = o.token(t, same)
				return c.Encode(t)
			})
		}, code: signing.SignedOutsideValidity},
	}
}

func (o *office) archiveVectors(t testing.TB) []vector {
	signed := o.forge(t, base(letterObjects()), forgery{}, nil, o.altered(t, func(c *signtest.CMS) { c.Unsigned = o.token(t, same) }))
	certs := [2]string{"Certs", string(o.pki.Root.Certificate.Raw)}
	lists := [][2]string{{"CRLs", o.revocationList(t, nil, time.Time{})}, {"CRLs", o.listOf(t, o.pki.Root, nil, time.Time{})}}
	stamp := func(content []byte) []byte { return o.stamp(t, content) }
	archive := func(f forgery, ranges func([4]int64) [4]int64, value func([]byte) []byte) func() []byte {
		return func() []byte {
			f.noTime, f.name = true, "(archive)"
			if f.kind = "DocTimeStamp"; f.filter == "" {
				f.filter = "ETSI.RFC3161"
			}
			return o.forge(t, signed, f, ranges, value)
		}
	}
	whole := append([][2]string{certs}, lists...)
	return []vector{
		{clause: "EN 319 142-1 5.4.2.1 DSS holds the certificates", level: signing.BLT, file: archive(forgery{dss: lists}, nil, stamp), remark: true},
		{clause: "EN 319 142-1 5.4.2.2 revocation data of every certificate", level: signing.BLT, file: archive(forgery{dss: whole[:2]}, nil, stamp), code: signing.EvidenceMissing, remark: true},
		{clause: "EN 319 142-1 5.4.2.3 no VRI", level: signing.BLT, file: archive(forgery{dss: append(slices.Clone(whole), [2]string{"VRI", "x"})}, nil, stamp), remark: true},
		{clause: "EN 319 142-1 5.4.3 document time-stamp after the DSS", level: signing.BLTA, file: func() []byte {
			return augment(t, signed, o.augmenting(t, signing.BLT))
		}},
		{clause: "EN 319 142-1 5.4.3 SubFilter ETSI.RFC3161", level: signing.BLTA, file: archive(forgery{dss: whole, filter: "ETSI.RFC3162"}, nil, stamp), code: signing.SubFilterUnknown},
		{clause: "EN 319 142-1 6.3 (y) document time-stamp over the whole revision", level: signing.BLTA, file: archive(forgery{dss: whole}, func(r [4]int64) [4]int64 {
			return [4]int64{0, r[1], r[2] + 2, r[3] - 2}
		}, stamp), code: signing.ByteRangeGap},
		{clause: "RFC 3161 2.4 its imprint is that of the bytes", level: signing.BLTA, file: archive(forgery{dss: whole}, nil, func([]byte) []byte { return o.stamp(t, []byte("autre")) }), code: signing.TimestampImprint},
	}
}

// TestClause has one vector for each clause, which fails for exactly that clause: the other clauses
// hold, and Check names what is wrong.
func TestClause(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	vectors := slices.Concat(o.dictionaryVectors(t), o.cmsVectors(t), o.attributeVectors(t), o.archiveVectors(t))
	for _, c := range clauses() {
		if !slices.ContainsFunc(vectors, func(v vector) bool { return v.clause == c.name }) {
			t.Errorf("no vector breaks %q", c.name)
		}
	}
	for _, v := range vectors {
		t.Run(strings.ReplaceAll(v.clause, " ", "_"), func(t *testing.T) {
			file := v.file()
			got := broken(viewOf(t, o, file, 0), v.level)
			if len(got) != 1 || !strings.HasPrefix(got[0], v.clause+": ") {
				t.Errorf("%d clauses broken: %s", len(got), strings.Join(got, "\n"))
			}
			v.judge(t, o, file)
		})
	}
}

// judge compares with the verdict of Check.
func (v vector) judge(t *testing.T, o *office, file []byte) {
	t.Helper()
	r := o.check(t, file)
	var all []signing.Code
	for _, s := range r.Signatures {
		all = append(all, codes(s.Reasons)...)
	}
	if v.code != "" && !slices.Contains(all, v.code) {
		t.Errorf("Check does not say %s: %s", v.code, show(r))
	}
	first := r.Signatures[0]
	switch {
	case v.remark && r.Verdict != signing.Valid, !v.remark && v.code != "" && r.Verdict == signing.Valid:
		t.Errorf("Check says %s", show(r))
	case v.code == signing.NotBaseline && (first.Level != "" || first.NoLevel != signing.NotBaseline || first.NoLevelFrench() == ""), v.code == "" && !v.remark && first.Level == v.level.String():
		t.Errorf("Check sees level %s: %s", first.Level, show(r))
	}
}

// The vectors differ from a sound signature by their clause alone.
func TestSoundVectorIsValid(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	file := o.forge(t, base(letterObjects()), forgery{}, nil, o.altered(t, func(c *signtest.CMS) { c.Unsigned = o.token(t, same) }))
	if list := broken(viewOf(t, o, file, 0), signing.BT); len(list) > 0 {
		t.Error(list)
	}
	if r := o.check(t, file); r.Verdict != signing.Valid || r.Signatures[0].Level != "PAdES-BASELINE-T" || len(r.Signatures[0].Reasons) > 0 {
		t.Error(show(r))
	}
	if !bytes.HasPrefix(file, base(letterObjects())) {
		t.Error("not appended")
	}
}
