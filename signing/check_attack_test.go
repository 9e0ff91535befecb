package signing_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"parapheur/signing"
	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/signtest"
)

// with returns the letter's objects with some replaced.
func with(change map[int]string) map[int]string {
	o := letterObjects()
	for n, s := range change {
		o[n] = s
	}
	return o
}

// A revision appended to a file with two sound signatures: each attack makes both Invalid, by
// its name, on the object concerned.
func TestAppendedAttacks(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, file := o.twice(t)
	doc := openDoc(t, file)
	page, err := doc.Page(1)
	if err != nil {
		t.Fatal(err)
	}
	_, cat, err := doc.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	_, form, err := doc.Form()
	if err != nil {
		t.Fatal(err)
	}
	first := signatureAt(t, file, 0)
	ap := first.Field.Dict.Get("AP").(*pdf.Dict).Get("N").(pdf.Ref).Number
	edit := func(d *pdf.Dict, k pdf.Name, v string) string {
		d = d.Clone()
		d.Set(k, pdf.Raw(v))
		return string(pdf.Append(nil, d))
	}
	annots := func(more string) string {
		return "[" + strings.Trim(string(pdf.Append(nil, page.Dict.Get("Annots"))), "[]") + " " + more + "]"
	}
	fields := func(more string) string {
		return "[" + strings.Trim(string(pdf.Append(nil, form.Get("Fields"))), "[]") + " " + more + "]"
	}
	evil := stream("/Type/XObject/Subtype/Form/BBox[0 0 100 20]", "1 g 0 0 100 20 re f")
	for name, a := range map[string]struct {
		objects map[int]string
		trailer string
		code    signing.Code
		object  int
	}{
		"replaced page":                {map[int]string{3: edit(page.Dict, "Contents", "10 0 R")}, "", signing.ObjectModified, 3},
		"rotated page":                 {map[int]string{3: edit(page.Dict, "Rotate", "180")}, "", signing.ObjectModified, 3},
		"page with two /Contents":      {map[int]string{3: strings.Replace(string(pdf.Append(nil, page.Dict)), "<<", "<</Contents 10 0 R ", 1)}, "", signing.ObjectModified, 3},
		"page with two /Contents, 2nd": {map[int]string{3: strings.TrimSuffix(string(pdf.Append(nil, page.Dict)), ">>") + "/Contents 10 0 R>>"}, "", signing.ObjectModified, 3},
		"replaced content":             {map[int]string{4: stream("", "BT /F1 12 Tf 72 700 Td (Payer 900 euros) Tj ET")}, "", signing.ObjectModified, 4},
		"replaced content, same dict":  {map[int]string{4: stream("", "BT /F1 12 Tf 72 700 Td (Payer 900 euros) Tj ET /X1 Do")}, "", signing.ObjectModified, 4},
		"replaced font":                {map[int]string{5: "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>"}, "", signing.ObjectModified, 5},
		"replaced XObject":             {map[int]string{6: evil}, "", signing.ObjectModified, 6},
		"replaced appearance":          {map[int]string{ap: evil}, "", signing.ObjectModified, ap},
		"replaced link":                {map[int]string{7: strings.Replace(letterObjects()[7], "exemple", "attaque", 1)}, "", signing.ObjectModified, 7},
		"form value":                   {map[int]string{12: strings.Replace(letterObjects()[12], "(100)", "(900)", 1)}, "", signing.ObjectModified, 12},
		"form resources":               {map[int]string{8: edit(form, "NeedAppearances", "true")}, "", signing.ObjectModified, 8},
		"form without first field":     {map[int]string{8: edit(form, "Fields", "[12 0 R]")}, "", signing.ObjectModified, 8},
		"layer renamed":                {map[int]string{11: "<</Type/OCG/Name(Autre)>>"}, "", signing.ObjectModified, 11},
		"layers swapped":               {map[int]string{1: edit(cat, "OCProperties", "<</OCGs[11 0 R]/D<</OFF[11 0 R]>>>>")}, "", signing.ObjectModified, 1},
		"catalog with other pages":     {map[int]string{1: edit(cat, "Pages", "50 0 R"), 50: "<</Type/Pages/Kids[3 0 R]/Count 1>>"}, "", signing.ObjectModified, 1},
		"open action":                  {map[int]string{1: edit(cat, "OpenAction", "<</S/JavaScript/JS(app.alert\\(1\\))>>")}, "", signing.ObjectModified, 1},
		"other root":                   {map[int]string{50: string(pdf.Append(nil, cat))}, "/Root 50 0 R", signing.TrailerModified, 0},
		"information added":            {map[int]string{50: "<</Title(Autre)>>"}, "/Info 50 0 R", signing.TrailerModified, 0},
		"dangling reference filled":    {map[int]string{99: evil}, "", signing.ReferenceFilled, 99},
		"object deleted":               {map[int]string{7: "free"}, "", signing.ObjectDeleted, 7},
		"evil annotation":              {map[int]string{3: edit(page.Dict, "Annots", annots("50 0 R")), 50: "<</Type/Annot/Subtype/FreeText/Rect[72 690 200 715]/AP<</N 51 0 R>>>>", 51: evil}, "", signing.ObjectAdded, 50},
		"evil text field":              {map[int]string{8: edit(form, "Fields", fields("50 0 R")), 50: "<</FT/Tx/T(total)/V(900)>>"}, "", signing.ObjectAdded, 50},
		"opaque empty signature":       {map[int]string{8: edit(form, "Fields", fields("50 0 R")), 50: "<</FT/Sig/T(x)/Subtype/Widget/Rect[72 690 200 715]/AP<</N 51 0 R>>>>", 51: evil}, "", signing.ObjectAdded, 50},
		"signature with an action":     {map[int]string{8: edit(form, "Fields", fields("50 0 R")), 50: "<</FT/Sig/T(x)/Subtype/Widget/Rect[0 0 0 0]/AA<</E<</S/JavaScript/JS(x)>>>>>>"}, "", signing.ObjectAdded, 50},
		"field of the same name":       {map[int]string{8: edit(form, "Fields", fields("50 0 R")), 50: "<</FT/Sig/T(Signature1)>>"}, "", signing.ObjectAdded, 50},
		"existing object as field":     {map[int]string{8: edit(form, "Fields", fields("10 0 R"))}, "", signing.ObjectAdded, 10},
		"prepared object as field":     {map[int]string{8: edit(form, "Fields", fields("15 0 R"))}, "", signing.ObjectAdded, 15},
		"drawn over a field": {map[int]string{
			8: edit(form, "Fields", fields("50 0 R")), 3: edit(page.Dict, "Annots", annots("50 0 R")), 51: evil,
			50: "<</FT/Sig/T(x)/Subtype/Widget/Rect[300 600 400 620]/P 3 0 R/AP<</N 51 0 R>>/V 52 0 R>>", 52: "<</Type/Sig/ByteRange[0 1 2 3]/Contents<01>>>",
		}, "", signing.WidgetCovering, 50},
		"flags lowered":          {map[int]string{8: edit(form, "SigFlags", "1")}, "", signing.ObjectModified, 8},
		"content as evidence":    {map[int]string{1: edit(cat, "DSS", "<</Certs[4 0 R]>>")}, "", signing.ObjectModified, 0},
		"evidence of other keys": {map[int]string{1: edit(cat, "DSS", "<</Font 5 0 R>>")}, "", signing.ObjectModified, 0},
		"appearance of the letter": {map[int]string{
			8: edit(form, "Fields", fields("50 0 R")), 50: "<</FT/Sig/T(x)/Subtype/Widget/Rect[0 0 0 0]/AP<</N 6 0 R>>/V 52 0 R>>",
			52: "<</Type/Sig/ByteRange[0 1 2 3]/Contents<01>>>",
		}, "", signing.ObjectAdded, 50},
		"extension as a drawing": {map[int]string{1: edit(cat, "Extensions", "50 0 R"), 50: evil}, "", signing.ObjectModified, 1},
		"evidence as a drawing":  {map[int]string{1: edit(cat, "DSS", "50 0 R"), 50: evil}, "", signing.ObjectModified, 1},
		"permissions":            {map[int]string{1: edit(cat, "Perms", "<</DocMDP 10 0 R>>")}, "", signing.ObjectModified, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := o.check(t, revise(file, a.objects, a.trailer))
			if len(r.Signatures) < 2 || r.Verdict != signing.Invalid {
				t.Fatal(show(r))
			}
			for i := range 2 {
				found := slices.ContainsFunc(r.Signatures[i].Reasons, func(x signing.Reason) bool { return x.Code == a.code && x.Object == a.object })
				if !found || r.Signatures[i].Verdict != signing.Invalid {
					t.Errorf("signature %d without %s on object %d: %s", i, a.code, a.object, show(r))
				}
			}
		})
	}
}

// Documents prepared for an attack before they are signed.
func TestShadowAttacks(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	hidden := "4 0 obj\n" + stream("", "BT /F1 12 Tf 72 700 Td (Payer 900 euros) Tj ET") + "\nendobj"
	swap := o.sign(t, base(with(map[int]string{10: stream("", hidden)})), o.mayor, signing.BB)
	shared := with(map[int]string{3: strings.Replace(letterObjects()[3], "/Contents 4 0 R", "/Contents 14 0 R", 1), 14: "[4 0 R]"})
	shared[1] = strings.Replace(shared[1], "/Type/Catalog", "/Type/Catalog/DSS<</Certs 14 0 R>>", 1)
	alias := o.sign(t, base(shared), o.mayor, signing.BB)
	for name, c := range map[string]struct {
		file   []byte
		code   signing.Code
		object int
	}{
		"cross-reference to a hidden object": {xrefOnly(swap, 4, bytes.Index(swap, []byte(hidden))), signing.ObjectModified, 4},
		"array with two roles":               {revise(alias, map[int]string{14: "[4 0 R 50 0 R]", 50: stream("", "(900) Tj")}, ""), signing.ObjectModified, 14},
		"section hidden in a stream":         {o.hiddenSection(t), signing.RevisionOrder, 0},
		"entry after the signed bytes":       {o.forward(t), signing.ForwardReference, 50},
	} {
		r := o.check(t, c.file)
		if !has(r, 0, c.code) || r.Signatures[0].Reasons[0].Object != c.object {
			t.Errorf("%s: %s", name, show(r))
		}
	}
}

// A reference left open by one revision after the signature is filled by the next one.
func TestReferenceOpenedThenFilled(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	once := o.sign(t, base(letterObjects()), o.mayor, signing.BB)
	form := strings.Replace(letterObjects()[8], "/Fields[12 0 R", "/SigFlags 3/Fields[12 0 R "+signatureAt(t, once, 0).Field.Ref.String()+" 300 0 R", 1)
	open := revise(once, map[int]string{
		8: form, 300: "<</FT/Sig/T(x)/Subtype/Widget/Rect[0 0 0 0]/AP<</N 301 0 R>>/V 302 0 R>>",
		301: stream("/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 310 0 R>>>>", "/X Do"), 302: "<</Type/Sig/ByteRange[0 1 2 3]/Contents<01>>>",
	}, "")
	if r := o.check(t, open); r.Signatures[0].Verdict != signing.Valid || r.Verdict != signing.Invalid {
		t.Errorf("before: %s", show(r))
	}
	if r := o.check(t, revise(open, map[int]string{310: stream("/Subtype/Form/BBox[0 0 9 9]", "")}, "")); !has(r, 0, signing.ReferenceFilled) {
		t.Errorf("after: %s", show(r))
	}
}

// A signature made over a file whose revisions are out of order is no better than the file: it is
// refused, and named where somebody else made it.
func TestSignatureOverARevisionOutOfOrder(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	file := o.hiddenSection(t)
	if err := signing.Admits(bytes.NewReader(file), int64(len(file))); !errors.Is(err, signing.ErrMalformed) {
		t.Errorf("admitted: %v", err)
	}
	_, err := signing.Sign(t.Context(), bytes.NewReader(file), signing.Options{Claims: claims()}, o.drafter, nil)
	wantErr(t, err, signing.ErrMalformed)
	who := o.pki.Signer(t, "Maire", signtest.P256(t), nil)
	r := o.check(t, forgery{value: func(d []byte) []byte {
		return o.cmsOf(t, who, o.builder(who), d, func(sig []byte) []byte { return o.stamp(t, sig) })
	}}.apply(t, file))
	if !has(r, 0, signing.RevisionOrder) || !has(r, 1, signing.RevisionOrder) {
		t.Error(show(r))
	}
}

// xrefOnly appends a cross-reference section that moves one object to an offset of the file.
func xrefOnly(file []byte, n, offset int) []byte {
	return fmt.Appendf(bytes.Clone(file), "xref\n%d 1\n%010d 00000 n \ntrailer\n<</Size 200/Root 1 0 R/ID[<01><02>]/Prev %d>>\nstartxref\n%d\n%%%%EOF\n",
		n, offset, lastXRef(file), len(file))
}

// forward signs a letter whose table announces object 50 beyond the end, where a later revision
// puts it without listing it.
func (o *office) forward(t testing.TB) []byte {
	t.Helper()
	const at = 200_000
	b := base(with(map[int]string{50: "null"}))
	entry := bytes.Index(b, []byte("\n50 1\n")) + len("\n50 1\n")
	copy(b[entry:], fmt.Sprintf("%010d", at))
	file := o.sign(t, b, o.mayor, signing.BB)
	file = append(file, bytes.Repeat([]byte{'\n'}, at-len(file))...)
	file = append(file, "50 0 obj\n(evil)\nendobj\n"...)
	return section(file, map[int]string{60: "null"}, "", lastXRef(file))
}

// hiddenSection signs a letter with a cross-reference section in one of its streams, whose /Prev is
// where the signature is going to be, then makes startxref lead to it.
func (o *office) hiddenSection(t testing.TB) []byte {
	t.Helper()
	prev := 0
	for range 3 { // the second pass knows where the first one ended
		hidden := fmt.Sprintf("xref\n4 1\n0000000020 00000 n \ntrailer\n<</Size 200/Root 1 0 R/ID[<01><02>]/Prev %010d>>\nstartxref\n0\n%%%%EOF\n", prev)
		file := o.sign(t, base(with(map[int]string{10: stream("", hidden)})), o.mayor, signing.BB)
		if at := lastXRef(file); at == prev {
			return fmt.Appendf(file, "startxref\n%d\n%%%%EOF\n", bytes.Index(file, []byte(hidden)))
		}
		prev = lastXRef(file)
	}
	t.Fatal("the size of a signature changes")
	return nil
}

// The first signature claims more than its revision.
func TestRangeOverALaterRevision(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	once, file := o.twice(t)
	s := signatureAt(t, file, 0)
	a, b, e := s.Contents[0].Start, s.Contents[0].End, s.ByteRange[0]
	for _, end := range []int{len(once) + 9, len(file)} {
		v := fmt.Sprintf("%-*s", e.End-e.Start, fmt.Sprintf("[0 %d %d %d]", a, b, int64(end)-b))
		if r := o.check(t, overwrite(file, e.Start, v)); !has(r, 0, signing.ByteRangeEnd) {
			t.Errorf("end at %d: %s", end, show(r))
		}
	}
}

// In-place changes to the dictionary of the second signature.
func TestBrokenDictionaries(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	once, file := o.twice(t)
	s := signatureAt(t, file, 1)
	a, b := s.Contents[0].Start, s.Contents[0].End
	ranges := func(v string) []byte {
		e := s.ByteRange[0]
		return overwrite(file, e.Start, fmt.Sprintf("%-*s", e.End-e.Start, v))
	}
	rest := int64(len(file)) - b
	key := func(k, to string) []byte {
		return append(bytes.Clone(once), bytes.Replace(file[len(once):], []byte(k), []byte(to), 1)...)
	}
	claimed := s.Dict.All("Name")[0]
	name := func(v string) []byte {
		return overwrite(file, claimed.Start-int64(len("/Name ")), fmt.Sprintf("%-*s", claimed.End-claimed.Start+6, v))
	}
	for what, c := range map[string]struct {
		file []byte
		code signing.Code
	}{
		"contents of FF":          {overwrite(file, a+1, strings.Repeat("FF", int(b-a-2)/2)), signing.CMSMalformed},
		"no /Contents":            {key("/Contents ", "/Kontents "), signing.ContentsMissing},
		"no /ByteRange":           {key("/ByteRange ", "/ByteRunge "), signing.ByteRangeMissing},
		"null contents":           {overwrite(file, a, "null"+strings.Repeat(" ", int(b-a)-4)), signing.ContentsMissing},
		"empty contents":          {overwrite(file, a, "<>"+strings.Repeat(" ", int(b-a)-2)), signing.ContentsMissing},
		"contents of zeros":       {overwrite(file, a+1, strings.Repeat("0", int(b-a-2))), signing.ContentsMissing},
		"white space in contents": {overwrite(file, b-3, " "), signing.ByteRangeGap},
		"null byte range":         {ranges("null"), signing.ByteRangeMissing},
		"empty byte range":        {ranges("[]"), signing.ByteRangeMissing},
		"offset not 0":            {ranges(fmt.Sprintf("[1 %d %d %d]", a-1, b, rest)), signing.ByteRangeMalformed},
		"negative":                {ranges(fmt.Sprintf("[0 %d %d -%d]", a, b, rest)), signing.ByteRangeMalformed},
		"overflow":                {ranges(fmt.Sprintf("[0 %d %d 9223372036854775807]", a, b)), signing.ByteRangeMalformed},
		"overlapping":             {ranges(fmt.Sprintf("[0 %d %d %d]", a, a-10, int64(len(file))-a+10)), signing.ByteRangeMalformed},
		"two numbers":             {ranges(fmt.Sprintf("[0 %d]", a)), signing.ByteRangeMalformed},
		"six numbers":             {ranges(fmt.Sprintf("[0 %d %d 5 9 9]", a, b)), signing.ByteRangeMalformed},
		"gap wider":               {ranges(fmt.Sprintf("[0 %d %d %d]", a, b+4, rest-4)), signing.ByteRangeGap},
		"gap earlier":             {ranges(fmt.Sprintf("[0 %d %d %d]", a-4, b, rest)), signing.ByteRangeGap},
		"gap narrower":            {ranges(fmt.Sprintf("[0 %d %d %d]", a+2, b-2, rest+2)), signing.ByteRangeGap},
		"end before":              {ranges(fmt.Sprintf("[0 %d %d %d]", a, b, rest-8)), signing.ByteRangeEnd},
		"end beyond":              {ranges(fmt.Sprintf("[0 %d %d %d]", a, b, rest+1)), signing.ByteRangeEnd},
		"end of the signed part":  {ranges(fmt.Sprintf("[0 %d %d %d]", a, b, int64(40))), signing.ByteRangeEnd},
		"two byte ranges":         {name("/ByteRange [0 1 2 3]"), signing.DuplicateEntry},
		"two contents":            {name("/Contents <3000>"), signing.DuplicateEntry},
		"two /M":                  {name("/M (D:20200101000000Z)"), signing.DuplicateEntry},
		"no /M":                   {key("/M (", "/m ("), signing.TimeEntryMissing},
		"other sub-filter":        {key("/ETSI.CAdES.detached", "/ETSI.CAdES.dettched"), signing.SubFilterUnknown},
	} {
		r := o.check(t, c.file)
		if len(r.Signatures) != 2 || !slices.Contains(codes(r.Signatures[1].Reasons), c.code) || r.Verdict == signing.Valid || r.Signatures[1].Verdict == signing.Valid {
			t.Errorf("%s: %s", what, show(r))
		}
		if c.code != signing.SubFilterUnknown && r.Verdict != signing.Invalid {
			t.Errorf("%s: %s", what, show(r))
		}
		added := c.code == signing.ContentsMissing && what == "no /Contents" || what == "no /ByteRange" // no signature, so a foreign field
		if r.Signatures[0].Verdict != signing.Valid && !added {
			t.Errorf("%s: the first signature should stay valid: %s", what, show(r))
		}
	}
}

func overwrite(file []byte, at int64, s string) []byte {
	out := bytes.Clone(file)
	copy(out[at:], s)
	return out
}

// Signatures moved, copied or skipped.
func TestWrappedSignatures(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	once, _ := o.twice(t)
	s := signatureAt(t, once, 0)
	a, b := s.Contents[0].Start, s.Contents[0].End
	contents := string(once[a:b])
	copied := fmt.Sprintf("<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/M(D:20261123104703Z)/ByteRange[0 %d %d %d]/Contents%s>>", a, b, int64(len(once))-b, contents)
	replaced := revise(once, map[int]string{s.Ref.Number: copied, 4: stream("", "(900) Tj")}, "")
	r := o.check(t, replaced)
	if len(r.Signatures) != 2 || !has(r, 0, signing.SignatureRemoved) || !has(r, 1, signing.ByteRangeGap) {
		t.Errorf("dictionary replaced by a copy: %s", show(r))
	}
	skipped := skip(t, once, letterObjects())
	if r = o.check(t, skipped); r.Verdict != signing.Unknown || !slices.Contains(codes(r.Reasons), signing.NoSignature) {
		t.Errorf("chain that skips the signature: %s", show(r))
	}
	kept := skip(t, once, with(map[int]string{4: stream("", "(900) Tj")}))
	if r = o.check(t, keepSignature(t, once, kept)); !has(r, 0, signing.ByteRangeEnd) {
		t.Errorf("chain that skips the revision and keeps the signature: %s", show(r))
	}
	second := revise(once, map[int]string{
		8:  "<</Fields[12 0 R " + s.Field.Ref.String() + " 50 0 R]/SigFlags 3/DA(/F1 10 Tf 0 g)/DR<</Font<</F1 5 0 R>>>>>>",
		50: "<</FT/Sig/T(other)/V " + s.Ref.String() + ">>",
	}, "")
	if r = o.check(t, second); len(r.Signatures) != 2 || !has(r, 0, signing.ObjectAdded) || !has(r, 1, signing.SignatureShared) {
		t.Errorf("two fields for one signature: %s", show(r))
	}
}

// skip appends a revision whose /Prev leads to the first one.
func skip(t testing.TB, file []byte, objects map[int]string) []byte {
	t.Helper()
	prev := bytes.Index(file, []byte("\nxref\n")) + 1
	return section(file, objects, "", prev)
}

// keepSignature appends another revision that names the old signature objects at their offsets.
func keepSignature(t testing.TB, once, file []byte) []byte {
	t.Helper()
	s := signatureAt(t, once, 0)
	doc := openDoc(t, once)
	form := strings.Replace(letterObjects()[8], "/Fields[12 0 R]", "/SigFlags 3/Fields[12 0 R "+s.Field.Ref.String()+"]", 1)
	file = section(file, map[int]string{8: form}, "", lastXRef(file))
	for _, n := range []int{s.Ref.Number, s.Field.Ref.Number} {
		x, _ := doc.XRef(n)
		file = xrefOnly(file, n, int(x.Offset))
	}
	return file
}

func TestTrailingBytesAreNotCovered(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, file := o.twice(t)
	for _, more := range []string{"bonjour", "\n\n", "%%EOF\n", "<</evil true>>"} {
		r := o.check(t, append(bytes.Clone(file), more...))
		if r.Verdict != signing.Invalid || !slices.Contains(codes(r.Reasons), signing.TrailingBytes) || r.Signatures[1].CoversWholeFile {
			t.Errorf("%q: %s", more, show(r))
		}
	}
	long := append(bytes.Clone(file), bytes.Repeat([]byte("x"), 5000)...)
	if _, err := signing.Check(bytes.NewReader(long), int64(len(long)), o.options()); !errors.Is(err, signing.ErrMalformed) {
		t.Errorf("5000 bytes: %v", err)
	}
	cut := file[:len(file)*6/10]
	if r, err := signing.Check(bytes.NewReader(cut), int64(len(cut)), o.options()); err == nil && r.Verdict == signing.Valid {
		t.Error("a cut file is valid")
	}
}

// Changing any byte outside the holes makes the file not valid; changing one inside may not.
func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, file := o.twice(t)
	holes := [2][2]int64{}
	for i := range holes {
		c := signatureAt(t, file, i).Contents[0]
		holes[i] = [2]int64{c.Start, c.End}
	}
	inside := func(at int64) bool {
		return at > holes[0][0] && at < holes[0][1]-1 || at > holes[1][0] && at < holes[1][1]-1
	}
	r := rand.New(rand.NewSource(1))
	for range 1500 {
		at := r.Int63n(int64(len(file)))
		if inside(at) {
			continue
		}
		b := bytes.Clone(file)
		b[at] ^= 1 << r.Intn(8)
		start := time.Now()
		rep, err := signing.Check(bytes.NewReader(b), int64(len(b)), o.options())
		if err == nil && rep.Verdict == signing.Valid {
			t.Errorf("byte %d (%q to %q): %s", at, file[at], b[at], show(rep))
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Fatalf("byte %d: %v", at, d)
		}
	}
}
