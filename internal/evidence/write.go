package evidence

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
)

// Names of the files of a package.
const (
	fileGuide    = "VERIFY.md"
	fileDossier  = "dossier.json"
	fileCircuit  = "circuit.json"
	fileAnnexes  = "annexes.json"
	fileJournal  = "journal.jsonl"
	fileTown     = "town.jsonl"
	fileManifest = "manifest.json"
	fileSeal     = "manifest.p7s"

	fileEvidence = "evidence.json" // in the folder of a decision
	fileReason   = "reason.txt"    // likewise, what was written with it: a reason, an opinion, an act done outside
	fileProof    = "proof.bin"     // likewise, of an act done outside
)

//go:embed VERIFY.md
var guide []byte

// Guide is VERIFY.md, in French: how to verify a package with openssl alone. A test runs its commands.
func Guide() []byte { return append([]byte(nil), guide...) }

// manifest is the content of manifest.json.
type manifest struct {
	Schema     string         `json:"schema"`
	Tenant     string         `json:"tenant"` // SIRET
	Dossier    string         `json:"dossier"`
	ExportedAt time.Time      `json:"exported_at"`
	Sealed     bool           `json:"sealed"` // manifest.p7s is there
	Files      []manifestFile `json:"files"`  // in the order of the package
}

type manifestFile struct {
	Name   string          `json:"name"`
	Bytes  int64           `json:"bytes"`
	SHA256 circuits.Digest `json:"sha256"`
}

// Write makes the package of p, as a zip: same p, same bytes, but for the seal. Files are stored without compression, so
// that the bytes do not depend on a version of a compressor. seal signs the manifest with the seal of the town
// (signing.Detached); when it is nil, or answers nil, the town has none and the manifest says so. The error is [ErrInconsistent], or that
// of w, seal or ctx; nothing is written in the first case.
func Write(ctx context.Context, w io.Writer, p Package, seal func(ctx context.Context, manifest []byte) ([]byte, error)) error {
	if err := write(ctx, w, &p, seal); err != nil {
		return fmt.Errorf("writing the evidence of %s: %w", p.Dossier.ID, err)
	}
	return nil
}

// Digest names what [Write] would pack of p: packages with the same one have the same files, and with the same seal the
// same bytes. It covers every file under the manifest, the moment of the export included. The errors are those of Write.
func Digest(p Package) (circuits.Digest, error) {
	m, err := p.manifest(func(string, []byte) error { return nil })
	if err != nil {
		return circuits.Digest{}, fmt.Errorf("digest of the evidence of %s: %w", p.Dossier.ID, err)
	}
	raw, err := proof.CanonicalJSON(m)
	if err != nil {
		return circuits.Digest{}, fmt.Errorf("digest of the evidence of %s: %w", p.Dossier.ID, err)
	}
	return sha256.Sum256(raw), nil
}

// manifest gives the files of the package to add, and lists them. It is not sealed yet.
func (p *Package) manifest(add func(name string, content []byte) error) (manifest, error) {
	r, err := p.read()
	if err != nil {
		return manifest{}, err
	}
	about, err := p.summarise(r)
	if err != nil {
		return manifest{}, err
	}
	m := manifest{
		Schema: schemaManifest, Tenant: p.Tenant.SIRET, Dossier: p.Dossier.ID, ExportedAt: about.Context.ExportedAt,
	}
	err = p.files(r, about, func(name string, content []byte) error {
		m.Files = append(m.Files, manifestFile{name, int64(len(content)), sha256.Sum256(content)})
		return add(name, content)
	})
	return m, err
}

func write(ctx context.Context, w io.Writer, p *Package, seal func(context.Context, []byte) ([]byte, error)) error {
	out := archiveWriter{zip: zip.NewWriter(w), at: p.Context.moment()}
	m, err := p.manifest(func(name string, content []byte) error { return out.add(ctx, name, content) })
	if err != nil {
		return err
	}
	cms, raw, err := m.sealedBy(ctx, seal)
	if err != nil {
		return err
	}
	if err := out.add(ctx, fileManifest, raw); err != nil {
		return err
	}
	if m.Sealed {
		if err := out.add(ctx, fileSeal, cms); err != nil {
			return err
		}
	}
	return out.zip.Close()
}

// sealedBy makes the bytes of the manifest, and the seal over them when the town has one.
func (m *manifest) sealedBy(ctx context.Context, seal func(context.Context, []byte) ([]byte, error)) (cms, raw []byte, err error) {
	if seal != nil {
		m.Sealed = true
		if raw, err = proof.CanonicalJSON(m); err != nil {
			return nil, nil, err
		}
		if cms, err = seal(ctx, raw); err != nil {
			return nil, nil, fmt.Errorf("sealing the manifest: %w", err)
		}
		if cms != nil {
			return cms, raw, nil
		}
	}
	m.Sealed = false
	raw, err = proof.CanonicalJSON(m)
	return nil, raw, err
}

// files gives the files under the manifest, one at a time, in the order of the package.
func (p *Package) files(r *replay, about summary, add func(name string, content []byte) error) error {
	if err := add(fileGuide, guide); err != nil {
		return err
	}
	extract, err := writeExtract(p, formatExtract, p.Journal)
	if err != nil {
		return err
	}
	town, err := writeExtract(p, formatTown, p.Town)
	if err != nil {
		return err
	}
	list := p.Annexes
	if list == nil {
		list = []Annex{}
	}
	for _, f := range []struct {
		name string
		v    any
	}{{fileDossier, about}, {fileAnnexes, annexes{schemaAnnexes, annexRoot(list), list}}} {
		raw, err := proof.CanonicalJSON(f.v)
		if err != nil {
			return err
		}
		if err := add(f.name, raw); err != nil {
			return err
		}
	}
	if err := errors.Join(add(fileJournal, extract), add(fileTown, town)); err != nil {
		return err
	}
	for i, c := range r.circuits {
		if err := add(circuitName(i, len(r.circuits)), c.Canonical()); err != nil {
			return err
		}
	}
	for i, e := range p.Enrolments {
		if err := add(enrolmentName(i), e); err != nil {
			return err
		}
	}
	for k, i := range r.gestures() {
		a := r.acts[i]
		var kept []byte
		if a.outside != nil {
			kept = p.Proofs[a.outside.Proof]
		}
		if err := addDecision(about.Decisions[i], a.said(), kept, p.Evidence[k], add); err != nil {
			return err
		}
	}
	return nil
}

// circuitName is the file of circuit i of n: circuit.json for the last, in force.
func circuitName(i, n int) string {
	if i == n-1 {
		return fileCircuit
	}
	return fmt.Sprintf("circuits/%02d.json", i+1)
}

func enrolmentName(i int) string { return fmt.Sprintf("enrolments/%06d.json", i+1) }

// addDecision gives the files of one decision. kept is the proof of an act done outside, or nil.
func addDecision(d Decision, said string, kept, raw []byte, add func(name string, content []byte) error) error {
	ev, err := proof.ParseEvidence(raw)
	if err != nil {
		return fmt.Errorf("%w: decision %d: %w", ErrInconsistent, d.Seq, err)
	}
	laid, err := ev.Files()
	if err != nil {
		return fmt.Errorf("%w: decision %d: %w", ErrInconsistent, d.Seq, err)
	}
	files := append([]proof.File{{Name: fileEvidence, Content: raw}}, laid...)
	if said != "" {
		files = append(files, proof.File{Name: fileReason, Content: []byte(said)})
	}
	if kept != nil {
		files = append(files, proof.File{Name: fileProof, Content: kept})
	}
	for _, f := range files {
		if err := add(d.Folder+"/"+f.Name, f.Content); err != nil {
			return err
		}
	}
	return nil
}

// archiveWriter writes stored entries whose sizes stand before their bytes, which every reader of zip accepts.
type archiveWriter struct {
	zip *zip.Writer
	at  time.Time
}

func (a archiveWriter) add(ctx context.Context, name string, content []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h := &zip.FileHeader{
		Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(content),
		CompressedSize64: uint64(len(content)), UncompressedSize64: uint64(len(content)),
	}
	h.SetMode(0o644)
	h.SetModTime(a.at) //nolint:staticcheck // CreateRaw writes the header as it is, and reads these fields alone
	w, err := a.zip.CreateRaw(h)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if _, err := w.Write(content); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
