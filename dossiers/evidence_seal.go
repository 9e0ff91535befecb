package dossiers

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"parapheur/circuits"
	"parapheur/internal/evidence"
	"parapheur/journal"
)

// EvidenceLife is how long an evidence package is made again as it was, when
// nothing that it says has changed.
const EvidenceLife = 24 * time.Hour

// An EvidenceSeal is what makes an evidence package again, byte for byte, out
// of the facts as they are: its moment, the head of the journal then, and the
// seal. The package itself is not kept.
type EvidenceSeal struct {
	Dossier    ID
	Package    circuits.Digest // of every file of the package, its moment included: evidence.Digest
	ExportedAt time.Time       // on the clock of the town
	HeadSeq    int64
	HeadHash   circuits.Digest
	Seal       []byte    // CMS; nil when the town had no seal
	At         time.Time // on the clock of the service, from which EvidenceLife counts
}

// sealedEvidence returns the package of a dossier with its seal, nil when the
// town has none: those of the last download as long as they say the same, and
// otherwise new ones, kept before they are answered. Of two downloads that find
// them stale together, on whichever nodes, the first to keep its own is
// followed by the other.
func (o *Office) sealedEvidence(ctx context.Context, v Viewer, id ID) (evidence.Package, []byte, error) {
	for range 8 {
		p, err := o.evidencePackage(ctx, v, id)
		if err != nil {
			return p, nil, err
		}
		kept, err := o.Store.EvidenceSeal(ctx, v.Tenant.ID, id)
		if err != nil && !isNotFound(err) {
			return p, nil, err
		}
		if err == nil {
			again, holds, err := o.resumed(ctx, v.Tenant, p, kept)
			if err != nil || holds {
				return again, kept.Seal, err
			}
		}
		made, err := o.sealEvidence(ctx, v.Tenant, id, p)
		if err != nil {
			return p, nil, err
		}
		err = o.Store.KeepEvidenceSeal(ctx, v.Tenant.ID, made, kept.Package)
		if !errors.Is(err, ErrConflict) {
			return p, made.Seal, err
		}
	}
	return evidence.Package{}, nil, ErrConflict
}

// sealEvidence seals a package.
func (o *Office) sealEvidence(ctx context.Context, t Tenant, id ID, p evidence.Package) (EvidenceSeal, error) {
	made := EvidenceSeal{
		Dossier: id, ExportedAt: p.Context.ExportedAt, HeadSeq: p.Head.Seq, HeadHash: p.Head.Hash, At: o.wall(),
	}
	var err error
	if made.Package, err = evidence.Digest(p); err == nil {
		made.Seal, err = o.manifestSeal(ctx, t, p)
	}
	return made, err
}

// manifestSeal signs the manifest of a package; nil when the town has no seal.
func (o *Office) manifestSeal(ctx context.Context, t Tenant, p evidence.Package) (cms []byte, err error) {
	if o.Parts.Seal == nil {
		return nil, nil
	}
	err = evidence.Write(ctx, io.Discard, p, func(ctx context.Context, manifest []byte) ([]byte, error) {
		var err error
		cms, err = o.Parts.Seal(ctx, t, manifest)
		return cms, err
	})
	return cms, err
}

// resumed returns the package of today at the moment of the one that was kept,
// and whether it is that one: young enough, of the same facts, and sealed if
// the town has a seal by now.
func (o *Office) resumed(ctx context.Context, t Tenant, p evidence.Package, kept EvidenceSeal) (evidence.Package, bool, error) {
	later := func(e journal.Entry) bool { return e.Seq > kept.HeadSeq }
	if age := o.wall().Sub(kept.At); age < 0 || age >= EvidenceLife || slices.ContainsFunc(p.Journal, later) || slices.ContainsFunc(p.Town, later) {
		return p, false, nil
	}
	p.Context.ExportedAt = kept.ExportedAt
	p.Head.Seq, p.Head.Hash = kept.HeadSeq, kept.HeadHash
	now, err := evidence.Digest(p)
	if err != nil || now != kept.Package || kept.Seal != nil {
		return p, err == nil && now == kept.Package, err
	}
	cms, err := o.manifestSeal(ctx, t, p)
	return p, err == nil && cms == nil, err
}
