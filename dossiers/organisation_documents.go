package dossiers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
)

// KeepDocument stores the PDF of an arrêté or of a proof, byte for byte: it
// may be signed. Whoever reads it downloads it; nothing here opens it.
func (o *Office) KeepDocument(ctx context.Context, v Viewer, r io.Reader) (circuits.Digest, error) {
	if err := v.manages(); err != nil {
		return circuits.Digest{}, err
	}
	head := make([]byte, 1024)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return circuits.Digest{}, fmt.Errorf("receive a document: %w", err)
	}
	if !bytes.Contains(head[:n], []byte("%PDF-")) {
		return circuits.Digest{}, &InvalidError{"pdf", "Ce fichier n’est pas un PDF. Enregistrez-le d’abord au format PDF."}
	}
	most := o.MaxBytes + 1
	digest, size, err := o.Blobs.Put(ctx, io.LimitReader(io.MultiReader(bytes.NewReader(head[:n]), r), most))
	if err != nil {
		return circuits.Digest{}, fmt.Errorf("keep a document: %w", err)
	}
	if size == most {
		return circuits.Digest{}, &InvalidError{"pdf", "Ce fichier est trop lourd."}
	}
	if err := o.Store.RecordDocument(ctx, v.Tenant.ID, digest, size, v.Actor(""), o.now()); err != nil {
		return circuits.Digest{}, fmt.Errorf("keep a document: %w", err)
	}
	return digest, nil
}

// Kept says whether a document was kept by an administrator of the town.
func (o *Office) Kept(ctx context.Context, v Viewer, digest circuits.Digest) (bool, error) {
	if err := v.consults(); err != nil {
		return false, err
	}
	return o.Store.KeptDocument(ctx, v.Tenant.ID, digest)
}

// Arrete opens the PDF of the arrêté of a delegation, for those who may read
// the set-up. Close it. Only what KeepDocument received in this town is
// opened: a digest written in a configuration file, or copied from the
// journal, must not open a letter.
func (o *Office) Arrete(ctx context.Context, v Viewer, id delegation.ID) (Blob, delegation.Delegation, error) {
	g, err := o.Organisation(ctx, v)
	if err != nil {
		return nil, delegation.Delegation{}, err
	}
	d, ok := find(g.Delegations, func(x delegation.Delegation) bool { return x.ID == id })
	if !ok || d.Arrete.IsZero() {
		return nil, d, fmt.Errorf("arrêté of delegation %s: %w", id, ErrNotFound)
	}
	kept, err := o.Kept(ctx, v, d.Arrete)
	if err != nil {
		return nil, d, err
	}
	if !kept {
		return nil, d, fmt.Errorf("arrêté %s was never received here: %w", d.Number, ErrNotFound)
	}
	b, err := o.Blobs.Open(ctx, d.Arrete)
	if err != nil {
		return nil, d, fmt.Errorf("arrêté %s: %w", d.Number, err)
	}
	return b, d, nil
}
