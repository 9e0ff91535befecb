package signing_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"parapheur/signing"
	"parapheur/signing/internal/cms"
	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/signtest"
)

// certifiedLetter is the letter with its form, certified with a permission by somebody else, then
// signed by the mayor, with more entries, unless the permission is 1. 0 certifies nothing.
func (o *office) certifiedLetter(t testing.TB, permission int, more ...pdf.Entry) []byte {
	t.Helper()
	letter := letterObjects()
	letter[12] = strings.Replace(letter[12], "/AP<</N 6 0 R>>", "/AP<</N 16 0 R>>", 1)
	letter[16] = stream("/Type/XObject/Subtype/Form/BBox[0 0 100 20]", "BT /F1 10 Tf 2 5 Td (100) Tj ET")
	certified := forgery{
		name: "(certificat)", certify: permission, value: func(d []byte) []byte { return o.stampedCMS(t, d) },
	}.apply(t, base(letter))
	if permission == 1 {
		return certified
	}
	return forgery{name: "(maire)", entries: more, value: func(d []byte) []byte { return o.stampedCMS(t, d) }}.apply(t, certified)
}

// filledIn is the form field of the letter with another value and a new appearance.
func filledIn(value string) map[int]string {
	return map[int]string{
		12:  "<</Type/Annot/Subtype/Widget/FT/Tx/T(montant)/V(" + value + ")/Rect[300 600 400 620]/P 3 0 R/AP<</N 160 0 R>>>>",
		160: stream("/Type/XObject/Subtype/Form/BBox[0 0 100 20]", "BT /F1 10 Tf 2 5 Td ("+value+") Tj ET"),
	}
}

// A form that a certification leaves open may be filled after the signatures, and the report says so;
// nothing else may change, and nothing may be filled when no certification, or a lock, says otherwise.
func TestFormFilling(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	lock := func(action string) pdf.Entry {
		return pdf.Entry{Key: "Reference", Value: pdf.Raw("[<</Type/SigRef" +
			"/TransformMethod/FieldMDP/TransformParams<</Action/" + action + "/Fields[(montant)]>>>>]")}
	}
	inPlace := map[int]string{
		12: strings.Replace(filledIn("250")[12], "160 0 R", "16 0 R", 1), 16: filledIn("250")[160],
	}
	with := func(n int, from, to string) map[int]string {
		f := filledIn("250")
		f[n] = strings.Replace(f[n], from, to, 1)
		return f
	}
	for name, c := range map[string]struct {
		permission int
		lock       string
		change     map[int]string
		want       signing.Code // FormFilled when it is allowed
		object     int
	}{
		"P=2":                                {2, "", filledIn("250"), signing.FormFilled, 12},
		"P=3":                                {3, "", filledIn("250"), signing.FormFilled, 12},
		"P=2, appearance in place":           {2, "", inPlace, signing.FormFilled, 12},
		"P=2, another field locked":          {2, "Exclude", filledIn("250"), signing.FormFilled, 12},
		"P=1":                                {1, "", filledIn("250"), signing.ObjectModified, 12},
		"no certification":                   {0, "", filledIn("250"), signing.ObjectModified, 12},
		"P=2, all fields locked":             {2, "All", filledIn("250"), signing.ObjectModified, 12},
		"P=2, this field locked":             {2, "Include", filledIn("250"), signing.ObjectModified, 12},
		"P=2, field moved":                   {2, "", with(12, "/Rect[300 600", "/Rect[72 600"), signing.ObjectModified, 12},
		"P=2, action added":                  {2, "", with(12, "/FT/Tx", "/FT/Tx/AA<</F<</S/JavaScript/JS(x)>>>>"), signing.ObjectModified, 12},
		"P=2, value is an object":            {2, "", with(12, "/V(250)", "/V 4 0 R"), signing.ObjectModified, 12},
		"P=2, appearance of the letter":      {2, "", with(12, "/N 160 0 R", "/N 6 0 R"), signing.ObjectModified, 12},
		"P=2, appearance without a value":    {2, "", map[int]string{16: filledIn("900")[160]}, signing.ObjectModified, 16},
		"P=2, appearance and page":           {2, "", map[int]string{16: filledIn("900")[160], 4: stream("", "(900) Tj")}, signing.ObjectModified, 4},
		"P=2, annotation (evil annotation)":  {2, "", evilAnnotation(t, o, 2), signing.ObjectAdded, 150},
		"P=3, annotation (evil annotation)":  {3, "", evilAnnotation(t, o, 3), signing.ObjectAdded, 150},
		"P=2, empty field with a drawing":    {2, "", sneakyField(t, o, ""), signing.ObjectAdded, 150},
		"P=2, signature field over the form": {2, "", sneakyField(t, o, "/V 152 0 R"), signing.WidgetCovering, 150},
	} {
		t.Run(name, func(t *testing.T) {
			var more []pdf.Entry
			if c.lock != "" {
				if more = append(more, lock(c.lock)); c.lock == "Exclude" {
					more[0].Value = pdf.Raw(strings.Replace(string(more[0].Value.(pdf.Raw)), "Exclude/Fields[(montant)]", "Include/Fields[(autre)]", 1))
				}
			}
			file := o.certifiedLetter(t, c.permission, more...)
			before := o.check(t, file)
			if before.Verdict != signing.Valid {
				t.Fatalf("before: %s", show(before))
			}
			r := o.check(t, revise(file, c.change, ""))
			for i, s := range r.Signatures[:len(before.Signatures)] {
				found := slices.ContainsFunc(s.Reasons, func(x signing.Reason) bool { return x.Code == c.want && x.Object == c.object })
				if !found || (s.Verdict == signing.Valid) != (c.want == signing.FormFilled) {
					t.Errorf("signature %d: want %s on object %d: %s", i, c.want, c.object, show(r))
				}
			}
			last := r.Revisions[len(r.Revisions)-1]
			if allowed := c.want == signing.FormFilled; len(last.Changes) == 0 != allowed || slices.Contains(last.Filled, "montant") != allowed || allowed && r.Verdict != signing.Valid {
				t.Errorf("%s %+v", show(r), r.Revisions)
			}
		})
	}
}

// evilAnnotation adds an opaque text over the letter (Mainka, Mladenov, Rohlmann, « Breaking certified
// PDFs », 2021): even where P=3 lets people annotate, it is reported.
func evilAnnotation(t testing.TB, o *office, permission int) map[int]string {
	t.Helper()
	page, err := openDoc(t, o.certifiedLetter(t, permission)).Page(1)
	if err != nil {
		t.Fatal(err)
	}
	d := page.Dict.Clone()
	d.Set("Annots", append(slices.Clone(d.Get("Annots").(pdf.Array)), pdf.Ref{Number: 150}))
	return map[int]string{
		3:   string(pdf.Append(nil, d)),
		150: "<</Type/Annot/Subtype/FreeText/Rect[72 690 200 715]/Contents(Payer 900 euros)/DA(/F1 12 Tf)/AP<</N 151 0 R>>>>",
		151: stream("/Type/XObject/Subtype/Form/BBox[0 0 128 25]", "1 g 0 0 128 25 re f BT /F1 12 Tf 0 g (Payer 900 euros) Tj ET"),
	}
}

// sneakyField adds a signature field whose block is a drawing over the form.
func sneakyField(t testing.TB, o *office, value string) map[int]string {
	t.Helper()
	doc := openDoc(t, o.certifiedLetter(t, 2))
	page, err := doc.Page(1)
	if err != nil {
		t.Fatal(err)
	}
	_, form, err := doc.Form()
	if err != nil {
		t.Fatal(err)
	}
	grow := func(d *pdf.Dict, k pdf.Name) string {
		d = d.Clone()
		d.Set(k, append(slices.Clone(d.Get(k).(pdf.Array)), pdf.Ref{Number: 150}))
		return string(pdf.Append(nil, d))
	}
	return map[int]string{
		3: grow(page.Dict, "Annots"), 8: grow(form, "Fields"),
		150: "<</Type/Annot/Subtype/Widget/FT/Sig/T(furtif)/Rect[300 600 400 620]/P 3 0 R/AP<</N 151 0 R>>" + value + ">>",
		151: stream("/Type/XObject/Subtype/Form/BBox[0 0 100 20]", "1 g 0 0 100 20 re f (900) Tj"),
		152: "<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/ByteRange[0 1 2 3]/Contents<3000>/M(D:20261123104703Z)>>",
	}
}

// Certification cannot be turned against those who signed before it, nor be removed or replaced.
func TestPermsAbuse(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	value := func(d []byte) []byte { return o.stampedCMS(t, d) }
	catalog := func(file []byte, perms string) map[int]string {
		ref, cat, err := openDoc(t, file).Catalog()
		if err != nil {
			t.Fatal(err)
		}
		d := cat.Clone()
		if d.Set("Perms", pdf.Raw(perms)); perms == "" {
			d.Entries = slices.DeleteFunc(d.Entries, func(e pdf.Entry) bool { return e.Key == "Perms" })
		}
		return map[int]string{ref.Number: string(pdf.Append(nil, d))}
	}
	signed := forgery{name: "(maire)", value: value}.apply(t, base(letterObjects()))
	late := forgery{name: "(tardif)", certify: 2, value: value}.apply(t, signed)
	r := o.check(t, revise(late, filledIn("900"), ""))
	if !has(r, 0, signing.ObjectModified) || r.Signatures[1].Verdict != signing.Valid {
		t.Errorf("filled under a certification that came after the mayor's signature: %s", show(r))
	}
	for _, p := range []int{2, 3} {
		file := o.certifiedLetter(t, p)
		certificate := signatureAt(t, file, 0).Ref
		dict := bytes.Replace(pdf.Append(nil, signatureAt(t, file, 0).Dict), fmt.Appendf(nil, "/P %d", p), []byte("/P 1"), 1)
		for name, change := range map[string]map[int]string{
			"removed":                {1: catalog(file, "")[1]},
			"names another":          {1: catalog(file, "<</DocMDP "+signatureAt(t, file, 1).Ref.String()+">>")[1]},
			"usage rights added":     {1: catalog(file, "<</DocMDP "+certificate.String()+"/UR3 "+signatureAt(t, file, 1).Ref.String()+">>")[1]},
			"a drawing":              {1: catalog(file, "6 0 R")[1]},
			"dictionary rewritten":   {certificate.Number: string(dict)},
			"emptied":                {1: catalog(file, "<<>>")[1]},
			"permission in the page": {3: "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>"},
		} {
			r := o.check(t, revise(file, change, ""))
			if r.Verdict != signing.Invalid || r.Signatures[0].Verdict != signing.Invalid || r.Signatures[1].Verdict != signing.Invalid {
				t.Errorf("P=%d, %s: %s", p, name, show(r))
			}
		}
	}
}

// A stranger may certify, sign or stamp after the mayor: it never looks better than unknown, and the
// mayor's signature keeps its verdict.
func TestSneakySignature(t *testing.T) {
	t.Parallel()
	o, stranger := newOffice(t), newOffice(t)
	_, file := o.twice(t)
	thief := stranger.pki.Signer(t, "Élise Préfète-Gœury", signtest.P256(t), nil)
	for name, f := range map[string]forgery{
		"signature": {value: func(d []byte) []byte { return stranger.cmsOf(t, thief, cms.Builder{}, d, nil) }},
		"certification": {certify: 3, value: func(d []byte) []byte {
			return stranger.cmsOf(t, thief, cms.Builder{}, d, nil)
		}},
		"document time-stamp": {kind: "DocTimeStamp", filter: "ETSI.RFC3161", noTime: true, value: func(d []byte) []byte { return stranger.stampDigest(t, d) }},
		"signature stamped by our authority": {value: func(d []byte) []byte {
			return stranger.cmsOf(t, thief, cms.Builder{}, d, func(sig []byte) []byte { return o.stamp(t, sig) })
		}},
	} {
		r := o.check(t, f.apply(t, file))
		last := r.Signatures[len(r.Signatures)-1]
		if r.Verdict != signing.Unknown || last.Verdict != signing.Unknown || last.Certificate.Trusted || r.Signatures[1].Verdict != signing.Valid {
			t.Errorf("%s: %s", name, show(r))
		}
	}
}

// Remarks cannot crowd out what makes a signature invalid.
func TestManyFillingsHideNothing(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	file := o.certifiedLetter(t, 2)
	for i := range 70 {
		file = revise(file, map[int]string{
			12: strings.Replace(filledIn(fmt.Sprint(i))[12], "160 0 R", "16 0 R", 1), 16: filledIn(fmt.Sprint(i))[160],
		}, "")
	}
	if r := o.check(t, file); r.Verdict != signing.Valid || len(r.Signatures[0].Reasons) > 40 {
		t.Fatalf("filled seventy times: %s", show(r))
	}
	r := o.check(t, revise(file, map[int]string{4: stream("", "(Payer 900 euros) Tj")}, ""))
	if !has(r, 0, signing.ObjectModified) || !has(r, 1, signing.ObjectModified) {
		t.Errorf("then altered: %s", show(r))
	}
}
