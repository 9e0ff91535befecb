package evidence

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/journal"
)

// forgery is a package and its letter about to be changed. The forger holds the seal of the town unless keepSeal is set:
// what a seal alone would show must be found without it.
type forgery struct {
	t        testing.TB
	of       *sample
	files    map[string][]byte
	order    []string
	letter   []byte
	opt      Options
	keepSeal bool // manifest and seal stay as they were
	seal     func(ctx context.Context, manifest []byte) ([]byte, error)
	rezip    func(zipped []byte) []byte // the last touch, or nil
}

func forge(t testing.TB, s *sample) *forgery {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(s.zip), int64(len(s.zip)))
	if err != nil {
		t.Fatal(err)
	}
	f := &forgery{t: t, of: s, files: map[string][]byte{}, letter: bytes.Clone(s.letter), opt: s.options(), seal: s.world.seal}
	for _, e := range z.File {
		b, bad := readEntry(e, maxPackage)
		if bad != nil {
			t.Fatal(bad)
		}
		f.files[e.Name], f.order = b, append(f.order, e.Name)
	}
	return f
}

// set replaces a file, or adds one before the manifest.
func (f *forgery) set(name string, content []byte) {
	if _, there := f.files[name]; !there {
		f.order = append([]string{name}, f.order...)
	}
	f.files[name] = content
}

func (f *forgery) remove(prefix string) {
	var kept []string
	for _, name := range f.order {
		if strings.HasPrefix(name, prefix) {
			delete(f.files, name)
			continue
		}
		kept = append(kept, name)
	}
	f.order = kept
}

func (f *forgery) replace(name, old, new string) {
	f.t.Helper()
	b := f.files[name]
	if !bytes.Contains(b, []byte(old)) {
		f.t.Fatalf("%s does not hold %q", name, old)
	}
	f.files[name] = bytes.Replace(b, []byte(old), []byte(new), 1)
}

// swap exchanges the contents of two folders, or of two files.
func (f *forgery) swap(a, b string) {
	for name := range f.files {
		if rest, ok := strings.CutPrefix(name, a); ok {
			f.files[name], f.files[b+rest] = f.files[b+rest], f.files[name]
		}
	}
}

// rewrite changes journal entries and computes again what the forger can: their hashes, and dossier.json.
func (f *forgery) rewrite(change func(entries []journal.Entry) []journal.Entry) {
	f.t.Helper()
	h, entries, err := readExtract(f.files[fileJournal], formatExtract)
	if err != nil {
		f.t.Fatal(err)
	}
	entries = change(entries)
	last := journal.Genesis(siret)
	for i := range entries {
		if entries[i].Seq == last.Seq+1 {
			entries[i].Prev = last.Hash
		}
		entries[i].Hash = entries[i].Sum()
		last = entries[i]
	}
	p := Package{Tenant: Tenant{SIRET: h.Tenant}, Dossier: Dossier{ID: h.Dossier}, Journal: entries, Head: journal.Entry{Seq: h.HeadSeq, Hash: h.HeadHash}}
	if f.files[fileJournal], err = writeExtract(&p, formatExtract, entries); err != nil {
		f.t.Fatal(err)
	}
	f.summarise()
}

// event changes the event of one kind, the last of them.
func (f *forgery) event(kind string, change func(e circuits.Event) circuits.Event) {
	f.t.Helper()
	f.rewrite(func(entries []journal.Entry) []journal.Entry {
		for i := len(entries) - 1; i >= 0; i-- {
			if entries[i].Kind != kind {
				continue
			}
			e, err := circuits.Decode(kind, entries[i].Body)
			if err != nil {
				f.t.Fatal(err)
			}
			e = change(e)
			if entries[i].Body, err = json.Marshal(e); err != nil {
				f.t.Fatal(err)
			}
			entries[i].At = e.When().Truncate(time.Microsecond)
			return entries
		}
		f.t.Fatalf("no %s", kind)
		return nil
	})
}

// summarise makes dossier.json agree with the journal, as the forger would.
func (f *forgery) summarise() {
	f.t.Helper()
	var about summary
	if err := proof.ParseCanonical(f.files[fileDossier], &about); err != nil {
		f.t.Fatal(err)
	}
	_, entries, err := readExtract(f.files[fileJournal], formatExtract)
	if err != nil {
		f.t.Fatal(err)
	}
	r, bad := replayJournal(siret, dossierID, entries)
	if bad != nil {
		return // it will be found
	}
	about.Phase, about.Versions, about.Decisions, about.Signatures = r.state.Phase, r.versions, r.decisions(), r.signatures
	if f.files[fileDossier], err = proof.CanonicalJSON(about); err != nil {
		f.t.Fatal(err)
	}
}

// evidence changes the evidence of the last decision, with its files and the digests that the journal holds.
func (f *forgery) evidence(change func(e *proof.Evidence)) {
	f.t.Helper()
	const folder = "decisions/05-signature/"
	e, err := proof.ParseEvidence(f.files[folder+fileEvidence])
	if err != nil {
		f.t.Fatal(err)
	}
	change(&e)
	raw, err := e.Canonical()
	if err != nil {
		f.t.Fatal(err)
	}
	files, err := e.Files()
	if err != nil {
		f.t.Fatal(err)
	}
	f.files[folder+fileEvidence] = raw
	for _, x := range files {
		f.files[folder+x.Name] = x.Content
	}
	f.event(circuits.KindDecided, func(e circuits.Event) circuits.Event {
		d := e.(circuits.StepDecided)
		d.Evidence = circuits.Digest(proof.SHA256(raw))
		return d
	})
}

// manifest makes the manifest and the seal again.
func (f *forgery) manifest() {
	f.t.Helper()
	var m manifest
	if err := proof.ParseCanonical(f.files[fileManifest], &m); err != nil {
		f.t.Fatal(err)
	}
	m.Files = nil
	for _, name := range f.order {
		if b := f.files[name]; name != fileManifest && name != fileSeal {
			m.Files = append(m.Files, manifestFile{name, int64(len(b)), sha256.Sum256(b)})
		}
	}
	cms, raw, err := m.sealedBy(f.t.Context(), f.seal)
	if err != nil {
		f.t.Fatal(err)
	}
	f.files[fileManifest] = raw
	if f.files[fileSeal] = cms; cms == nil {
		f.remove(fileSeal)
	}
}

// pack makes the zip.
func (f *forgery) pack() []byte {
	f.t.Helper()
	if !f.keepSeal {
		f.manifest()
	}
	var out bytes.Buffer
	w := archiveWriter{zip: zip.NewWriter(&out), at: f.opt.At}
	for _, name := range f.order {
		if err := w.add(f.t.Context(), name, f.files[name]); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := w.zip.Close(); err != nil {
		f.t.Fatal(err)
	}
	if f.rezip != nil {
		return f.rezip(out.Bytes())
	}
	return out.Bytes()
}
