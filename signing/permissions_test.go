package signing_test

import (
	"bytes"
	"fmt"
	"testing"

	"parapheur/signing"
	"parapheur/signing/internal/pdftest"
	"parapheur/signing/internal/signtest"
)

// locking is a document of two empty fields, "maire" and "dgs"; signing the first one does what lock
// says.
func locking(lock string) []byte {
	return pdftest.Table("",
		"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R 5 0 R] >> >>", pdftest.Pages,
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Annots [4 0 R 5 0 R] >>",
		"<< /Type /Annot /Subtype /Widget /FT /Sig /T (maire) /Rect [60 60 260 130] /P 3 0 R /F 4 "+lock+" >>",
		"<< /Type /Annot /Subtype /Widget /FT /Sig /T (dgs) /Rect [300 60 500 130] /P 3 0 R /F 4 >>")
}

// What the first signature locks, the next signer is refused with its reason; what it does not lock is
// signed.
func TestLocksAreRespected(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	maire := newPerson(t, pki, "Élise Préfète", signtest.P256(t))
	for name, c := range map[string]struct {
		lock       string
		dgs, fresh error
	}{
		"no lock":           {"", nil, nil},
		"all":               {"/Lock << /Type /SigFieldLock /Action /All >>", signing.ErrLocked, signing.ErrLocked},
		"include the other": {"/Lock << /Action /Include /Fields [(dgs)] >>", signing.ErrLocked, nil},
		"include itself":    {"/Lock << /Action /Include /Fields [(maire)] >>", nil, nil},
		"exclude the other": {"/Lock << /Action /Exclude /Fields [(dgs)] >>", nil, signing.ErrLocked},
		"exclude itself":    {"/Lock << /Action /Exclude /Fields [(maire)] >>", signing.ErrLocked, signing.ErrLocked},
		"no change at all":  {"/Lock << /Action /Include /Fields [(maire)] /P 1 >>", signing.ErrCertified, signing.ErrCertified},
		"signing only":      {"/Lock << /Action /Include /Fields [(maire)] /P 2 >>", nil, signing.ErrCertified},
	} {
		first := signed(t, locking(c.lock), signing.Options{Claims: claims(), Field: signing.Field{Name: "maire"}}, maire, nil)
		if got := bytes.Contains(first, []byte("/TransformMethod /FieldMDP")); got != (c.lock != "") {
			t.Errorf("%s: the signature says what it locks: %v", name, got)
		}
		for field, want := range map[string]error{"dgs": c.dgs, "": c.fresh} {
			opt := signing.Options{Claims: claims(), Field: signing.Field{Name: field}}
			tail, err := signing.Sign(t.Context(), source(first), opt, maire, nil)
			if want != nil {
				if wantErr(t, err, want); t.Failed() {
					t.Fatalf("%s, field %q", name, field)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s, field %q: %v", name, field, err)
			}
			both := append(bytes.Clone(first), tail...)
			checkTools(t, pki, both, 2)
			rep, err := signing.Check(source(both), int64(len(both)), signing.CheckOptions{At: signtest.Now()})
			if err != nil || rep.Verdict == signing.Invalid {
				t.Errorf("%s, field %q: %+v, %v", name, field, rep, err)
			}
		}
	}
}

// A signer that wrote a lock in its signature only, or in its field only, is respected too.
func TestLocksOfOtherProgramsAreRespected(t *testing.T) {
	t.Parallel()
	file := func(field, dict string) []byte {
		return pdftest.Table("", "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R] >> >>", pdftest.Pages, pdftest.Page,
			"<< /FT /Sig /T (maire) /V 5 0 R "+field+" >>", "<< /Type /Sig "+dict+" >>")
	}
	transform := "/Reference [<< /TransformMethod /%s /TransformParams << %s >> >>]"
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"in the signature":      {file("", fmt.Sprintf(transform, "FieldMDP", "/Action /All")), signing.ErrLocked},
		"in the field":          {file("/Lock << /Action /All >>", ""), signing.ErrLocked},
		"names of other fields": {file("", fmt.Sprintf(transform, "FieldMDP", "/Action /Include /Fields [(objet)]")), nil},
		"approval with DocMDP":  {file("", fmt.Sprintf(transform, "DocMDP", "/P 1")), signing.ErrCertified},
		"DocMDP without P":      {file("", fmt.Sprintf(transform, "DocMDP", "")), signing.ErrCertified},
		"annotations allowed":   {file("", fmt.Sprintf(transform, "DocMDP", "/P 3")), nil},
		"another transform":     {file("", fmt.Sprintf(transform, "UR3", "/Action /All")), nil},
	} {
		if _, err := locate(t, c.file, signing.Field{}); c.want != nil || err != nil {
			if wantErr(t, err, c.want); t.Failed() {
				t.Fatal(name)
			}
		}
	}
	_, err := locate(t, file("", ""), signing.Field{Name: "maire"})
	wantErr(t, err, signing.ErrSigned)
	wantErr(t, err, signing.ErrField)
}
