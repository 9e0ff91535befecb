package dossiers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
)

// An OutsideProof is a file that proves an act done outside: a signed page
// scanned in, the receipt of a registered letter. It is kept as it came, and
// named by its digest in the decision that records the act.
type OutsideProof struct {
	SHA256 circuits.Digest
	Bytes  int64
	Kind   string // "application/pdf", "image/jpeg" or "image/png"
}

// A FiledProof is a proof as it was handed in: for which step of which
// dossier, and by whom. A decision cites no other.
type FiledProof struct {
	OutsideProof
	Dossier        ID
	Version, Round int // of the dossier, at that moment
	Step           circuits.StepID
	Person         circuits.PersonID
	At             time.Time
}

// filed is what p hands in, or cites, at the step that g is about.
func (x OutsideProof) filed(d Dossier, p Person, g gesture) FiledProof {
	return FiledProof{
		OutsideProof: x, Dossier: d.ID, Version: d.State.Version, Round: d.State.Round, Step: d.State.Circuit.Steps[g.step].ID, Person: p.ID,
	}
}

// proofKind recognises the files that may prove an act, by their first bytes.
func proofKind(head []byte) string {
	switch {
	case bytes.Contains(head, []byte("%PDF-")):
		return "application/pdf"
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return "image/jpeg"
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png"
	}
	return ""
}

// proofHead is how far the kind of a proof is looked for: a PDF begins within
// its first 1024 bytes (ISO 32000-1, annex H, 3.4.1).
const proofHead = 1024

// A limited reader fails with ErrTooLarge past left bytes.
type limited struct {
	r    io.Reader
	left int64
}

func (b *limited) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, ErrTooLarge
	}
	return n, err
}

// KeepProof keeps the proof of an act that v is about to record at an open
// step of the dossier, and journals that they handed it in there. Kept twice
// is kept once.
func (o *Office) KeepProof(ctx context.Context, v Viewer, id ID, r io.Reader) (OutsideProof, error) {
	p, err := v.person()
	if err != nil {
		return OutsideProof{}, fmt.Errorf("keep a proof: %w", err)
	}
	m, c, err := o.matter(ctx, v, id)
	if err != nil {
		return OutsideProof{}, err
	}
	g, err := c.gesture(m.Dossier, p, DecisionItem{Dossier: id, Decision: string(proof.External)})
	if err != nil {
		return OutsideProof{}, fmt.Errorf("keep a proof of %s: %w", id, err)
	}
	if m.Dossier.State.Circuit.Steps[g.step].Kind != circuits.External {
		return OutsideProof{}, fmt.Errorf("keep a proof of %s: %w", id, circuits.ErrKind)
	}
	head := make([]byte, proofHead)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF { //nolint:errorlint // ReadFull answers them unwrapped
		return OutsideProof{}, fmt.Errorf("keep a proof of %s: %w", id, err)
	}
	out := OutsideProof{Kind: proofKind(head[:n])}
	if out.Kind == "" {
		return out, &InvalidError{"outside", "La preuve est un PDF, ou une image JPEG ou PNG."}
	}
	digest, size, err := o.Blobs.Put(ctx, &limited{io.MultiReader(bytes.NewReader(head[:n]), r), o.MaxBytes})
	if err != nil {
		return out, fmt.Errorf("keep a proof of %s: %w", id, err)
	}
	out.SHA256, out.Bytes = digest, size
	filed := out.filed(m.Dossier, p, g)
	filed.At = o.now()
	return out, o.Store.FileProof(ctx, v.Tenant.ID, filed, g.by)
}

// proven refuses to record an act with a proof that p did not hand in for this
// very step: who knows the digest of a file kept for something else proves
// nothing with it.
func (o *Office) proven(ctx context.Context, t TenantID, d Dossier, c circumstances, p Person, i DecisionItem) error {
	if i.Outside == nil {
		return nil
	}
	g, err := c.gesture(d, p, i)
	if err != nil {
		return err
	}
	filed, err := o.Store.ProofFiled(ctx, t, OutsideProof{SHA256: i.Outside.Proof}.filed(d, p, g))
	if err == nil && !filed {
		err = &InvalidError{"outside", "Joignez la preuve de l’acte, puis recommencez."}
	}
	return err
}

// Proof opens the proof of an act recorded in a dossier that v may see. Close
// it.
func (o *Office) Proof(ctx context.Context, v Viewer, id ID, digest circuits.Digest) (OutsideProof, Blob, error) {
	d, err := o.visible(ctx, v, id)
	if err != nil {
		return OutsideProof{}, nil, err
	}
	if !slices.ContainsFunc(d.State.Decisions, func(x circuits.Decision) bool { return x.Outside != nil && x.Outside.Proof == digest }) {
		return OutsideProof{}, nil, fmt.Errorf("proof %s of %s: %w", digest, id, ErrNotFound)
	}
	b, err := o.Blobs.Open(ctx, digest)
	if err != nil {
		return OutsideProof{}, nil, fmt.Errorf("proof %s of %s: %w", digest, id, err)
	}
	head := make([]byte, min(proofHead, b.Size()))
	if _, err := b.ReadAt(head, 0); err != nil && err != io.EOF { //nolint:errorlint // ReaderAt answers it unwrapped
		return OutsideProof{}, nil, fmt.Errorf("proof %s of %s: %w", digest, id, err)
	}
	return OutsideProof{SHA256: digest, Bytes: b.Size(), Kind: proofKind(head)}, b, nil
}
