package signing_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"parapheur/signing"
	"parapheur/signing/internal/signtest"
)

// office is a town hall for the attacks: two signers, a time-stamping authority, and a letter
// with everything that an attacker likes to replace.
type office struct {
	pki     *signtest.PKI
	drafter signing.Signer
	mayor   signing.Signer
}

func newOffice(t testing.TB) *office {
	t.Helper()
	pki := signtest.New(t)
	sign := func(name string) signing.Signer {
		e := pki.Signer(t, name, signtest.P256(t), nil)
		s, err := signing.NewSigner(e.Key, signing.Identity{Certificate: e.Certificate, Chain: pki.Chain()})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	return &office{pki: pki, drafter: sign("Rédactrice"), mayor: sign("Élise Préfète-Gœury")}
}

// letterObjects are the objects of the letter, by number. 10 and 15 are unused, 99 is referred to but absent.
func letterObjects() map[int]string {
	return map[int]string{
		1: "<</Type/Catalog/Pages 2 0 R/AcroForm 8 0 R/Names 9 0 R/OCProperties<</OCGs[11 0 R]/D<</ON[11 0 R]>>>>/Metadata 13 0 R>>",
		2: "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		3: "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Annots[7 0 R 12 0 R]" +
			"/Resources<</Font<</F1 5 0 R>>/XObject<</X1 6 0 R/X2 99 0 R>>>>>>",
		4:  stream("", "BT /F1 12 Tf 72 700 Td (Payer 100 euros) Tj ET /X1 Do"),
		5:  "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
		6:  stream("/Type/XObject/Subtype/Form/BBox[0 0 10 10]", "0 0 10 10 re f"),
		7:  "<</Type/Annot/Subtype/Link/Rect[72 690 200 715]/Border[0 0 0]/A<</S/URI/URI(https://exemple.fr)>>>>",
		8:  "<</Fields[12 0 R]/DA(/F1 10 Tf 0 g)/DR<</Font<</F1 5 0 R>>>>>>",
		9:  "<</Dests<</Names[]>>>>",
		10: stream("/Type/XObject/Subtype/Form/BBox[0 0 100 20]", "1 g 0 0 100 20 re f"),
		11: "<</Type/OCG/Name(Fond)>>",
		12: "<</Type/Annot/Subtype/Widget/FT/Tx/T(montant)/V(100)/Rect[300 600 400 620]/P 3 0 R/AP<</N 6 0 R>>>>",
		13: stream("/Type/Metadata/Subtype/XML", "<x/>"),
		15: "<</FT/Sig/T(prepared)>>",
	}
}

func stream(dict, data string) string {
	return fmt.Sprintf("<<%s/Length %d>>\nstream\n%s\nendstream", dict, len(data), data)
}

// base writes objects as the first revision of a file.
func base(objects map[int]string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")
	return section(b.Bytes(), objects, "", 0)
}

// section appends objects, a table and a trailer to file; prev 0 means none.
func section(file []byte, objects map[int]string, trailer string, prev int) []byte {
	b := bytes.NewBuffer(bytes.Clone(file))
	var table strings.Builder
	if prev == 0 {
		table.WriteString("0 1\n0000000000 65535 f \n")
	}
	top := 0
	for _, n := range slices.Sorted(maps.Keys(objects)) {
		if top = max(top, n); objects[n] == "free" {
			fmt.Fprintf(&table, "%d 1\n0000000000 00001 f \n", n)
			continue
		}
		fmt.Fprintf(&table, "%d 1\n%010d 00000 n \n", n, b.Len())
		fmt.Fprintf(b, "%d 0 obj\n%s\nendobj\n", n, objects[n])
	}
	if prev > 0 {
		trailer += fmt.Sprintf("/Prev %d", prev)
	}
	if !strings.Contains(trailer, "/Root") {
		trailer += "/Root 1 0 R"
	}
	start := b.Len()
	fmt.Fprintf(b, "xref\n%strailer\n<</Size %d/ID[<01><02>]%s>>\nstartxref\n%d\n%%%%EOF\n", table.String(), max(top+1, 200), trailer, start)
	return b.Bytes()
}

// revise appends a revision to a file, as an attacker would.
func revise(file []byte, objects map[int]string, trailer string) []byte {
	return section(file, objects, trailer, lastXRef(file))
}

func lastXRef(file []byte) int {
	m := regexp.MustCompile(`startxref\s+(\d+)`).FindAllSubmatch(file, -1)
	var n int
	fmt.Sscan(string(m[len(m)-1][1]), &n)
	return n
}

func (o *office) sign(t testing.TB, file []byte, who signing.Signer, level signing.Level) []byte {
	t.Helper()
	c := signing.Claims{Name: "Élise Préfète-Gœury", Quality: "Maire", Town: "Saint-Aubin-sur-Loire", Time: signtest.Now()}
	tail, err := signing.Sign(t.Context(), bytes.NewReader(file), signing.Options{Level: level, Claims: c}, who, o.pki)
	if err != nil {
		t.Fatal(err)
	}
	return append(bytes.Clone(file), tail...)
}

// twice is the letter signed by the drafter (B-B), then by the mayor (B-T).
func (o *office) twice(t testing.TB) (once, twice []byte) {
	t.Helper()
	once = o.sign(t, base(letterObjects()), o.drafter, signing.BB)
	return once, o.sign(t, once, o.mayor, signing.BT)
}

func (o *office) options() signing.CheckOptions {
	roots := x509.NewCertPool()
	roots.AddCert(o.pki.Root.Certificate)
	return signing.CheckOptions{Roots: roots, At: signtest.Now().Add(time.Hour)}
}

func (o *office) check(t testing.TB, file []byte) *signing.Report {
	t.Helper()
	r, err := signing.Check(bytes.NewReader(file), int64(len(file)), o.options())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// show lists the verdicts and the codes of a report.
func show(r *signing.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %v", r.Verdict, codes(r.Reasons))
	for _, s := range r.Signatures {
		fmt.Fprintf(&b, "; %s %s %s %v", s.Field, s.Verdict, s.Level, s.Reasons)
	}
	return b.String()
}

func codes(reasons []signing.Reason) []signing.Code {
	out := []signing.Code{}
	for _, r := range reasons {
		out = append(out, r.Code)
	}
	return out
}

// has reports whether signature i of a report is Invalid for the given code.
func has(r *signing.Report, i int, code signing.Code) bool {
	return i < len(r.Signatures) && r.Signatures[i].Verdict == signing.Invalid && slices.Contains(codes(r.Signatures[i].Reasons), code)
}

func TestSoundSignaturesAreValid(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	once, twice := o.twice(t)
	thrice := o.sign(t, twice, o.drafter, signing.BT)
	for name, c := range map[string]struct {
		file   []byte
		levels []string
	}{
		"one B-B":   {once, []string{"PAdES-BASELINE-B"}},
		"one B-T":   {o.sign(t, base(letterObjects()), o.mayor, signing.BT), []string{"PAdES-BASELINE-T"}},
		"two":       {twice, []string{"PAdES-BASELINE-B", "PAdES-BASELINE-T"}},
		"three":     {thrice, []string{"PAdES-BASELINE-B", "PAdES-BASELINE-T", "PAdES-BASELINE-T"}},
		"plain PDF": {o.sign(t, base(map[int]string{1: "<</Type/Catalog/Pages 2 0 R>>", 2: "<</Type/Pages/Kids[3 0 R]/Count 1>>", 3: "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>"}), o.mayor, signing.BB), []string{"PAdES-BASELINE-B"}},
	} {
		r := o.check(t, c.file)
		if r.Verdict != signing.Valid || len(r.Signatures) != len(c.levels) {
			t.Errorf("%s: %s", name, show(r))
			continue
		}
		for i, s := range r.Signatures {
			if s.Level != c.levels[i] || s.Revision != i+1 || s.CoversWholeFile != (i == len(c.levels)-1) || !s.Certificate.Trusted {
				t.Errorf("%s: signature %d: %+v", name, i, s)
			}
		}
	}
}

func TestReportSaysWhoAndWhen(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, file := o.twice(t)
	s := o.check(t, file).Signatures[1]
	if s.Name != "Élise Préfète-Gœury" || s.ClaimedName != s.Name || s.Field != "Signature2" || s.SubFilter != "ETSI.CAdES.detached" ||
		s.Digest != "SHA-256" || !s.ClaimedTime.Equal(signtest.Now()) || !s.Timestamp.Time.Equal(signtest.Now()) || s.Timestamp.Authority != "Horodatage de test" {
		t.Errorf("%+v", s)
	}
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{`"verdict":"valid"`, `"level":"PAdES-BASELINE-T"`, `"covers_whole_file":true`, `"sub_filter":`, `"claimed_time":`, `"byte_range":[0,`} {
		if !bytes.Contains(b, []byte(key)) {
			t.Errorf("no %s in %s", key, b)
		}
	}
}
