package dossiers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"parapheur/circuits"
	"parapheur/internal/evidence"
	"parapheur/journal"
)

// journalPage is how many entries of the journal are held at once.
const journalPage = 500

// Evidence writes the evidence package of a dossier, a zip that anyone can verify without the product: see package
// evidence. It is sealed by the town when Parts.Seal is set. As long as nothing changed it is the same bytes for
// EvidenceLife, on every node: a download may be resumed. Nothing is written before everything was read.
func (o *Office) Evidence(ctx context.Context, v Viewer, id ID, w io.Writer) error {
	p, seal, err := o.sealedEvidence(ctx, v, id)
	if err != nil {
		return fmt.Errorf("evidence of %s: %w", id, err)
	}
	return evidence.Write(ctx, w, p, func(context.Context, []byte) ([]byte, error) { return seal, nil })
}

// evidencePackage reads the parts. They come from several reads, so it begins again when a fact was added meanwhile.
func (o *Office) evidencePackage(ctx context.Context, v Viewer, id ID) (evidence.Package, error) {
	d, err := o.visible(ctx, v, id)
	for range 8 {
		if err != nil {
			return evidence.Package{}, err
		}
		p, err := o.readEvidence(ctx, v.Tenant, d)
		if err != nil {
			return p, err
		}
		again, err := o.visible(ctx, v, id)
		if err != nil {
			return p, err
		}
		if again.Rev() == d.Rev() {
			return p, o.restEvidence(ctx, v.Tenant.ID, d, &p)
		}
		d = again
	}
	return evidence.Package{}, ErrConflict
}

func (o *Office) readEvidence(ctx context.Context, t Tenant, d Dossier) (evidence.Package, error) {
	p := evidence.Package{
		Tenant:  evidence.Tenant{SIRET: t.SIRET, Name: t.Name, RPID: t.RPID, Origin: t.Origin},
		Dossier: evidence.Dossier{ID: string(d.ID), Number: d.Number, Title: d.Title, Type: d.TypeName, TypeCode: d.TypeCode},
		Context: evidence.Context{Software: o.Software, ExportedAt: o.now(), Clock: clockOf(t)},
	}
	if err := o.outsideProofs(ctx, d, &p); err != nil {
		return p, err
	}
	for _, a := range d.Annexes() {
		p.Annexes = append(p.Annexes, evidence.Annex{N: a.N, Name: a.Name, Bytes: a.Approved.Bytes, SHA256: a.Approved.SHA256})
	}
	records, err := o.Store.Evidence(ctx, t.ID, d.ID)
	if err != nil {
		return p, err
	}
	for _, r := range records {
		p.Evidence = append(p.Evidence, r.File)
	}
	if p.Journal, err = o.Store.JournalOf(ctx, t.ID, d.ID); err != nil {
		return p, err
	}
	if p.Enrolments, err = o.Store.Enrolments(ctx, t.ID); err != nil {
		return p, err
	}
	p.Head, err = o.Store.JournalHead(ctx, t.ID)
	return p, err
}

// restEvidence adds the entries of the town's journal on which the dossier
// rests beside its own: they are read after the head that the package names.
func (o *Office) restEvidence(ctx context.Context, t TenantID, d Dossier, p *evidence.Package) error {
	if slices.ContainsFunc(d.State.Decisions, func(x circuits.Decision) bool { return x.By.For != nil }) {
		g, err := o.Store.Organisation(ctx, t)
		if err != nil {
			return err
		}
		p.Dossier.TypeWithin = g.Within(d.TypeCode)
	}
	subjects, err := p.Subjects()
	if err != nil {
		return err
	}
	var entries []journal.Entry
	for _, s := range subjects {
		found, err := o.Store.JournalOf(ctx, t, ID(s))
		if err != nil {
			return err
		}
		entries = append(entries, found...)
	}
	return p.Rest(entries)
}

// clockOf names the clock of the facts.
func clockOf(t Tenant) string {
	if t.Sandbox() {
		return "horloge du bac à sable, que l’intégrateur avance"
	}
	return "horloge du serveur"
}

// outsideProofs adds the proofs of acts done outside, the first ones first, as
// long as they fit. What does not fit is left out, and its digest said.
func (o *Office) outsideProofs(ctx context.Context, d Dossier, p *evidence.Package) error {
	left := int64(evidence.MaxProofs)
	p.Proofs = map[circuits.Digest][]byte{}
	for _, x := range d.State.Decisions {
		if x.Outside == nil || p.Proofs[x.Outside.Proof] != nil {
			continue
		}
		b, err := o.Blobs.Open(ctx, x.Outside.Proof)
		if err != nil {
			return fmt.Errorf("proof of an outside act: %w", err)
		}
		raw := make([]byte, min(b.Size(), left+1))
		_, err = io.ReadFull(io.NewSectionReader(b, 0, int64(len(raw))), raw)
		if err := errors.Join(err, b.Close()); err != nil {
			return fmt.Errorf("proof of an outside act: %w", err)
		}
		if int64(len(raw)) <= left {
			left -= int64(len(raw))
			p.Proofs[x.Outside.Proof] = raw
		}
	}
	return nil
}

// journal yields the entries of the town after one, page by page.
func (o *Office) journal(ctx context.Context, t TenantID, after int64) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		for {
			page, err := o.Store.Journal(ctx, t, after, journalPage)
			if err != nil {
				yield(journal.Entry{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
				after = e.Seq
			}
			if len(page) < journalPage {
				return
			}
		}
	}
}

// ExportJournal writes the whole journal of the town, in the form of package journal, for its administrators. The chain is
// verified on the way: an export that ends with its footer holds.
func (o *Office) ExportJournal(ctx context.Context, v Viewer, w io.Writer) error {
	if err := v.follows(); err != nil {
		return err
	}
	if _, err := journal.Write(w, v.Tenant.SIRET, journal.Genesis(v.Tenant.SIRET), o.journal(ctx, v.Tenant.ID, 0)); err != nil {
		return fmt.Errorf("export the journal of %s: %w", v.Tenant.SIRET, err)
	}
	return nil
}
