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
	b, err := o.openKept(ctx, v.Tenant.ID, d.Arrete)
	if err != nil {
		return nil, d, fmt.Errorf("arrêté %s: %w", d.Number, err)
	}
	return b, d, nil
}

// ImpedimentProof opens the PDF that proves an impediment, for those who may
// read the set-up and for the person who is impeded, under the rule of Arrete:
// it may be about somebody's health. Close it.
func (o *Office) ImpedimentProof(ctx context.Context, v Viewer, id delegation.ID) (Blob, delegation.Impediment, error) {
	g, err := o.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		return nil, delegation.Impediment{}, err
	}
	i, ok := find(g.Impediments, func(x delegation.Impediment) bool { return x.ID == id })
	if denied := v.consults(); denied != nil && (!ok || v.Person == nil || v.Person.ID != i.Person) {
		return nil, delegation.Impediment{}, denied
	}
	if !ok || i.Document.IsZero() {
		return nil, i, fmt.Errorf("proof of impediment %s: %w", id, ErrNotFound)
	}
	b, err := o.openKept(ctx, v.Tenant.ID, i.Document)
	if err != nil {
		return nil, i, fmt.Errorf("proof of impediment %s: %w", id, err)
	}
	return b, i, nil
}

// openKept opens what KeepDocument received in this town, and nothing else.
func (o *Office) openKept(ctx context.Context, t TenantID, digest circuits.Digest) (Blob, error) {
	kept, err := o.Store.KeptDocument(ctx, t, digest)
	if err != nil {
		return nil, err
	}
	if !kept {
		return nil, fmt.Errorf("document %s was never received here: %w", digest, ErrNotFound)
	}
	return o.Blobs.Open(ctx, digest)
}
