package signing_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"parapheur/signing"
	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/pdftest"
	"parapheur/signing/internal/signtest"
)

// What a document says of itself, before and after it is signed and archived.
func TestInspect(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	inspect := func(file []byte) *signing.Info {
		t.Helper()
		i, err := signing.Inspect(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	if i := inspect(pdftest.Form()); i.Pages != 1 || !slices.Equal(i.EmptyFields, []string{"maire.visa"}) || len(i.Signatures) != 0 || i.Evidence != nil {
		t.Errorf("form: %+v", i)
	}
	if i := inspect(encrypted()); !i.Encrypted {
		t.Errorf("encrypted: %+v", i)
	}
	if i := inspect(certified(2)); i.Certified != 2 {
		t.Errorf("certified: %+v", i)
	}
	file := augment(t, o.sign(t, pdftest.Letter(3), o.mayor, signing.BT), o.augmenting(t, signing.BLTA))
	i := inspect(file)
	if i.Pages != 3 || i.Revisions != 3 || i.Size != int64(len(file)) || len(i.Signatures) != 2 || *i.Evidence != (signing.EvidenceInfo{Certificates: 4, Lists: 3}) {
		t.Fatalf("archived: %+v", i)
	}
	at := signtest.Now().UTC().Format(time.RFC3339)
	if s := i.Signatures[0]; s.Kind != signing.KindSignature || s.Name != "Élise Préfète-Gœury" || s.Digest != "SHA-256" || !slices.Equal(s.Timestamps, []string{at}) ||
		!s.ClaimedTime.Equal(signtest.Now()) || len(s.ByteRange) != 4 {
		t.Errorf("signature: %+v", s)
	}
	if s := i.Signatures[1]; s.Kind != signing.KindDocumentTimestamp || s.Name != "Horodatage de test" || s.SubFilter != "ETSI.RFC3161" || !slices.Equal(s.Timestamps, []string{at}) ||
		!s.NotAfter.Equal(o.pki.Unit.Certificate.NotAfter) {
		t.Errorf("time-stamp: %+v", s)
	}
	b, err := json.Marshal(inspect(pdftest.Letter(1)))
	if err != nil || !bytes.Contains(b, []byte(`"empty_fields":[],"signatures":[]`)) {
		t.Errorf("%s %v", b, err)
	}
}

// Hostile files are inspected or refused in bounded time, like they are checked.
func TestInspectHostile(t *testing.T) {
	t.Parallel()
	for name, file := range pdftest.Hostile() {
		start := time.Now()
		_, err := signing.Inspect(bytes.NewReader(file), int64(len(file)))
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%s: %v, %v", name, d, err)
		}
	}
}

// A /DSS that another program wrote keeps its shape: direct in the catalog, with an indirect array,
// or with entries of its own.
func TestAugmentKeepsTheStore(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	cert := stream("", string(o.pki.Root.Certificate.Raw))
	for name, dss := range map[string]string{
		"direct":               "<</Certs[20 0 R]>>",
		"indirect":             "22 0 R",
		"array that is shared": "<</Certs 21 0 R/VRI<<>>>>", // with object 22, which nothing uses
		"dangling":             "199 0 R",
		"array that is absent": "<</Certs 198 0 R>>",
	} {
		objects := with(map[int]string{
			1:  letterObjects()[1][:len(letterObjects()[1])-2] + "/DSS " + dss + ">>",
			20: cert, 21: "[20 0 R]", 22: "<</Certs 21 0 R>>",
		})
		file := augment(t, o.sign(t, base(objects), o.mayor, signing.BT), o.augmenting(t, signing.BLTA))
		if r := o.check(t, file); !slices.Equal(levelsOf(t, r), repeat(signing.BLTA, 1)) {
			t.Errorf("%s: %s", name, show(r))
		}
		doc := openDoc(t, file)
		_, cat, err := doc.Catalog()
		if err != nil {
			t.Fatal(err)
		}
		store, err := doc.Dict(cat.Get("DSS"))
		if err != nil {
			t.Fatal(err)
		}
		certs, err := doc.Array(store.Get("Certs"))
		if err != nil || len(certs) != 4 {
			t.Errorf("%s: %d certificates, %v", name, len(certs), err)
		}
		if name != "dangling" && name != "array that is absent" && certs[0] != pdf.Object(pdf.Ref{Number: 20}) {
			t.Errorf("%s: what was there moved: %v", name, certs)
		}
	}
}
