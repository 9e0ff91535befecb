package dossiers_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"parapheur/dossiers"
	"parapheur/internal/blobs"
	"parapheur/internal/demo"
	"parapheur/internal/intake"
	"parapheur/internal/pdftest"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

// files lists everything under the blob store, uploads under way included.
func files(t *testing.T, town *towntest.Town) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(filepath.Join(town.Config.DataDir, "blobs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func receive(t *testing.T, town *towntest.Town, name string, r io.Reader) (dossiers.Received, error) {
	t.Helper()
	return town.Office.Receive(t.Context(), town.Tenant, name, r)
}

// encrypted protects a PDF: without a user password, against changes only.
func encrypted(t *testing.T, pdf []byte, user string) []byte {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.pdf"), filepath.Join(dir, "out.pdf")
	if err := os.WriteFile(in, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.CommandContext(t.Context(), "qpdf", "--encrypt", user, "owner", "256", "--", in, out).CombinedOutput(); err != nil {
		t.Fatalf("qpdf: %v\n%s", err, said)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What is refused is refused with its reason and leaves nothing behind.
func TestRefusedUploads(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	town := towntest.New(t, func(c *wiring.Config) { c.MaxDocument = limit })
	letter := towntest.Sample(t, "lettre-rue-des-mariniers.pdf")
	lost := errors.New("connection lost")
	refused := map[string]struct {
		body io.Reader
		want error
	}{
		"no PDF":          {strings.NewReader("PK\x03\x04 a word processor's file"), intake.ErrNotPDF},
		"empty":           {strings.NewReader(""), intake.ErrNotPDF},
		"truncated":       {bytes.NewReader(letter[:len(letter)*2/3]), intake.ErrTruncated},
		"broken":          {strings.NewReader("%PDF-1.7\n1 0 obj\n<</Type/Catalog\nstartxref\n9\n%%EOF\n"), intake.ErrDamaged},
		"encrypted":       {bytes.NewReader(encrypted(t, letter, "secret")), intake.ErrEncrypted},
		"oversized":       {io.MultiReader(bytes.NewReader(letter), bytes.NewReader(make([]byte, limit))), dossiers.ErrTooLarge},
		"connection lost": {io.MultiReader(bytes.NewReader(letter[:1000]), iotest.ErrReader(lost)), lost},
	}
	before := files(t, town)
	for name, c := range refused {
		if _, err := receive(t, town, "lettre.pdf", c.body); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if after := files(t, town); len(after) != len(before) {
			t.Errorf("%s left behind %v", name, after)
		}
	}
	if _, err := receive(t, town, "lettre.pdf", bytes.NewReader(letter)); err != nil || len(files(t, town)) != len(before)+1 {
		t.Errorf("a sound letter: %v, files %v", err, files(t, town))
	}
}

// An untidy PDF is repaired once, before it is frozen: what is approved is
// what is kept, and it can be signed.
func TestUntidyIsRepaired(t *testing.T) {
	t.Parallel()
	letter := towntest.Sample(t, "lettre-rue-des-mariniers.pdf")
	cut := bytes.LastIndex(letter, []byte("startxref"))
	for name, untidy := range map[string][]byte{
		"junk of a mail gateway": append([]byte("junk of a mail gateway\n"), letter...),
		"junk before the end":    slices.Concat(letter[:cut], []byte("\x00s\x00\n"), letter[cut:]), // readable, and signed it would be called invalid
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repaired(t, untidy)
		})
	}
}

func repaired(t *testing.T, untidy []byte) {
	t.Helper()
	town := towntest.New(t)
	got, err := receive(t, town, "lettre.pdf", bytes.NewReader(untidy))
	if err != nil {
		t.Fatal(err)
	}
	if got.SHA256 == sha256.Sum256(untidy) || len(files(t, town)) != 1 {
		t.Errorf("kept as it came, in %v", files(t, town))
	}
	d, _, err := town.Office.Deposit(t.Context(), town.Person(t, demo.Drafter).Viewer(t), dossiers.Draft{
		Title: "Lettre réparée", Recipient: "Quelqu’un", TypeCode: "courrier-cabinet", Main: got, Start: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	mayor := town.Person(t, demo.Mayor)
	if kept := town.Read(t, mayor.Viewer(t), d.ID, 1, ""); !bytes.HasPrefix(kept, []byte("%PDF-")) || sha256.Sum256(kept) != got.SHA256 || int64(len(kept)) != got.Bytes {
		t.Error("the bytes that are kept are not those that were hashed")
	}
	if _, err := mayor.Decide(t, d.ID, "signature", ""); err != nil {
		t.Fatal(err)
	}
	town.Await(t, d.ID, completed)
}

// A PDF that came signed is kept to the byte, and only appended to.
func TestSignedUpload(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	mayor := town.Person(t, demo.Mayor)
	sign := func(main dossiers.Received) []byte {
		d, _, err := town.Office.Deposit(t.Context(), town.Person(t, demo.Drafter).Viewer(t), dossiers.Draft{
			Title: "Lettre", Recipient: "Quelqu’un", TypeCode: "courrier-cabinet", Main: main, Start: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := mayor.Decide(t, d.ID, "signature", ""); err != nil {
			t.Fatal(err)
		}
		town.Await(t, d.ID, completed)
		return town.Read(t, mayor.Viewer(t), d.ID, 1, "")
	}
	once := sign(town.Letter(t))
	got, err := receive(t, town, "signée.pdf", bytes.NewReader(once))
	if err != nil || !got.Signed || got.SHA256 != sha256.Sum256(once) {
		t.Fatalf("a signed letter was received as %+v, %v", got, err)
	}
	if twice := sign(got); !bytes.HasPrefix(twice, once) || len(twice) <= len(once) {
		t.Error("the signed letter was rewritten")
	}
	if _, err := receive(t, town, "signée.pdf", bytes.NewReader(append([]byte("junk\n"), once...))); !errors.Is(err, intake.ErrDamaged) {
		t.Errorf("a signed letter that would need a repair: %v", err)
	}
}

// Bytes damaged on disk are never shown, never signed, and not called
// "not found": the fault is said.
func TestDamagedBlob(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	d := town.Deposit(t)
	name := hex.EncodeToString(d.Main().Revision.SHA256[:])
	path := filepath.Join(town.Config.DataDir, "blobs", name[:2], name)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, raw, 0o600)); err != nil {
		t.Fatal(err)
	}
	v := town.Person(t, demo.DGS).Viewer(t)
	read := func() error { _, err := town.Office.Content(t.Context(), v, d.ID, 1, ""); return err }
	if err := read(); !errors.Is(err, blobs.ErrCorrupt) {
		t.Errorf("one bit flipped: %v", err)
	}
	if _, err := town.Office.PageImage(t.Context(), v, d.ID, 1, 1, 200); !errors.Is(err, blobs.ErrCorrupt) {
		t.Errorf("a page of it: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := read(); !errors.Is(err, blobs.ErrNotFound) || errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("bytes lost: %v", err)
	}
	if opened, err := town.Store.Opened(t.Context(), town.Tenant.ID, d.ID, v.Person.ID, d.Main().Revision.SHA256); opened || err != nil {
		t.Errorf("what could not be read counts as opened: %v", err)
	}
}

// A deposit is the same whichever name the client gives its file.
func TestFileNames(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	pdf := pdftest.Pages(pdftest.Text("Bonjour"))
	for sent, want := range map[string]string{
		"lettre.pdf": "lettre.pdf", `C:\Users\claire\lettre.pdf`: "lettre.pdf", "../../etc/passwd": "passwd", "": "document.pdf",
		"a\x00b\n.pdf": "ab.pdf", strings.Repeat("é", 200) + ".pdf": strings.Repeat("é", 116) + ".pdf", "dossier/": "document.pdf",
	} {
		if got, err := receive(t, town, sent, bytes.NewReader(pdf)); err != nil || got.Name != want {
			t.Errorf("%q is kept as %q, %v", sent, got.Name, err)
		}
	}
}
