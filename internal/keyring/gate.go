package keyring

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"parapheur/approvals/proof"
	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/signing"
)

// packProofs makes what a provider is shown and hands to the gate again: one
// evidence file for each of the bytes to sign, in their order.
func packProofs(list ...proof.Evidence) ([]byte, error) {
	var files [][]byte
	for _, ev := range list {
		file, err := ev.Canonical()
		if err != nil {
			return nil, fmt.Errorf("evidence: %w", err)
		}
		files = append(files, file)
	}
	return json.Marshal(files)
}

// letterGate accepts bytes that are the signature, laid out and kept, of the
// document that the evidence approves, with the certificate of this key, in
// the name of its own person.
func (r *Ring) letterGate(ctx context.Context, t dossiers.Tenant, k StoredKey) certs.Gate {
	return func(proofs []byte, list [][]byte) error {
		var files [][]byte
		if err := json.Unmarshal(proofs, &files); err != nil {
			return fmt.Errorf("evidence: %w", err)
		}
		if len(files) != len(list) {
			return fmt.Errorf("%d decisions for %d signatures", len(files), len(list))
		}
		for i, tbs := range list {
			st, document, err := r.verify(ctx, t, k.Person, files[i])
			if err != nil {
				return err
			}
			if err := r.covers(ctx, t, k, st, document, tbs); err != nil {
				return err
			}
		}
		return nil
	}
}

// decisionFor is what must have been decided for a key: nobody's key is the seal.
func decisionFor(p circuits.PersonID) proof.Decision {
	if p == "" {
		return proof.Seal
	}
	return proof.Sign
}

// verify returns the statement and the revision it approves: nil means that
// person p of town t decided to sign, or somebody to seal when p is nobody,
// with an enrolled passkey, the very document that is stored.
func (r *Ring) verify(ctx context.Context, t dossiers.Tenant, p circuits.PersonID, file []byte) (proof.Statement, dossiers.Revision, error) {
	none := dossiers.Revision{}
	ev, err := proof.ParseEvidence(file)
	if err != nil {
		return proof.Statement{}, none, err
	}
	st, err := proof.ParseStatement(ev.Statement)
	if err != nil {
		return st, none, err
	}
	switch {
	case st.Decision != decisionFor(p):
		return st, none, fmt.Errorf("the decision is %q, not %q", st.Decision, decisionFor(p))
	case p != "" && st.Actor != string(p) || st.Tenant != t.SIRET:
		return st, none, errors.New("the decision is of another person or town")
	}
	enrolment, err := r.enrolment(ctx, t, ev.EnrolmentSHA256)
	if err != nil {
		return st, none, err
	}
	revisions, approved, err := r.document(ctx, t, st)
	if err != nil {
		return st, none, err
	}
	_, err = proof.Verify(ev, proof.Expect{
		Document:  &proof.Document{SHA256: proof.Digest(revisions[approved].SHA256), Bytes: revisions[approved].Bytes},
		Enrolment: enrolment, RPID: t.RPID, Sandbox: t.Sandbox(), Origin: t.Origin,
	})
	return st, revisions[approved], err
}

// enrolment follows the town's chain and returns the statement named want.
//
// A chain that was followed to its head is remembered by that head, which is
// the digest of a statement that names the one before, and so on to the first:
// the same head of the same town is the same chain, and need not be followed,
// nor read, again.
func (r *Ring) enrolment(ctx context.Context, t dossiers.Tenant, want proof.Digest) ([]byte, error) {
	head, err := r.opt.Store.EnrolmentHead(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	known, ok := r.chains.get(t.SIRET, proof.Digest(head))
	if !ok {
		chain, err := r.opt.Store.Enrolments(ctx, t.ID)
		if err != nil {
			return nil, err
		}
		end, err := proof.VerifyEnrolments(t.SIRET, chain)
		if err != nil {
			return nil, err
		}
		if proof.Digest(head) != end {
			return nil, errors.New("the chain of enrolments does not end at its head")
		}
		known = r.chains.keep(t.SIRET, end, chain)
	}
	if e, ok := known[want]; ok {
		return e, nil
	}
	return nil, errors.New("the passkey was never enrolled in this town")
}

// document finds the stored revision that a statement is about, among those of
// its version.
func (r *Ring) document(ctx context.Context, t dossiers.Tenant, st proof.Statement) ([]dossiers.Revision, int, error) {
	revisions, err := r.opt.Store.Revisions(ctx, t.ID, dossiers.ID(st.Dossier), 1)
	if err != nil {
		return nil, 0, err
	}
	for i, rev := range revisions {
		if rev.Version == st.Version && proof.Digest(rev.SHA256) == st.DocSHA256 {
			return revisions, i, nil
		}
	}
	return nil, 0, errors.New("no stored document is the one that was approved")
}

// covers is nil when tbs is a kept signature of this key over the approved
// document, as it was approved or grown by earlier signatures.
//
// The chain of reasons: the passkey signed the digest of the document; the kept
// hash state ends in that digest after as many bytes, so it is the state after
// these very bytes; the digest in tbs is that of this state followed by what
// was appended since, read again, and by what the signature appends.
func (r *Ring) covers(ctx context.Context, t dossiers.Tenant, k StoredKey, st proof.Statement, approved dossiers.Revision, tbs []byte) error {
	p, err := r.laidOut(ctx, t, st, tbs)
	if err != nil {
		return err
	}
	if !bytes.Equal(p.Certificate().Raw, k.Certificate) {
		return errors.New("the signature was laid out for another certificate")
	}
	state := signing.HashState(approved.HashState)
	digest, err := state.Digest(crypto.SHA256)
	if err != nil {
		return err
	}
	if !bytes.Equal(digest, st.DocSHA256[:]) || state.Length() != st.DocBytes {
		return errors.New("the kept hash state is not that of the approved document")
	}
	if p.DocumentSize() != state.Length() {
		if state, err = r.grown(ctx, t, st, approved, p.DocumentSize()); err != nil {
			return err
		}
	}
	return p.Covers(state)
}

// laidOut finds the kept signature whose signed attributes are tbs.
func (r *Ring) laidOut(ctx context.Context, t dossiers.Tenant, st proof.Statement, tbs []byte) (*signing.Prepared, error) {
	kept, err := r.opt.Store.Sealings(ctx, t.ID, dossiers.ID(st.Dossier), st.Version)
	if err != nil {
		return nil, err
	}
	for _, s := range kept {
		var p signing.Prepared
		if err := p.UnmarshalBinary(s.Prepared); err != nil {
			continue // it cannot be the one: tbs would not come out of it
		}
		if bytes.Equal(p.ToBeSigned(), tbs) {
			return &p, nil
		}
	}
	return nil, errors.New("these bytes are the signature of no letter that is kept")
}

// maxGrowth bounds what earlier signatures may have appended, in bytes.
const maxGrowth = 64 << 20

// grown returns the hash state of the approved document followed by what
// earlier signatures appended, up to size.
func (r *Ring) grown(ctx context.Context, t dossiers.Tenant, st proof.Statement, approved dossiers.Revision, size int64) (signing.HashState, error) {
	revisions, err := r.opt.Store.Revisions(ctx, t.ID, dossiers.ID(st.Dossier), 1)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(revisions, func(rev dossiers.Revision) bool { return rev.Version == st.Version && rev.Bytes == size })
	n := len(approved.Segments)
	switch {
	case i < 0 || len(revisions[i].Segments) < n || !slices.Equal(revisions[i].Segments[:n], approved.Segments):
		return nil, errors.New("the signature was laid out on no stored revision that begins with the approved document")
	case r.opt.Blobs == nil || size-approved.Bytes > maxGrowth:
		return nil, errors.New("what was appended since the approval cannot be read again")
	}
	state := signing.HashState(approved.HashState)
	for _, seg := range revisions[i].Segments[n:] {
		tail, err := r.segment(ctx, seg)
		if err != nil {
			return nil, err
		}
		if state, err = state.Extend(crypto.SHA256, tail); err != nil {
			return nil, err
		}
	}
	return state, nil
}

// segment reads a blob and holds it to its digest.
func (r *Ring) segment(ctx context.Context, seg dossiers.Segment) ([]byte, error) {
	b, err := r.opt.Blobs.Open(ctx, seg.Digest)
	if err != nil {
		return nil, fmt.Errorf("segment %s: %w", seg.Digest, err)
	}
	defer b.Close() //nolint:errcheck // read only
	if seg.Bytes < 0 || seg.Bytes > maxGrowth {
		return nil, fmt.Errorf("segment %s: %d bytes", seg.Digest, seg.Bytes)
	}
	tail := make([]byte, seg.Bytes)
	if _, err := io.ReadFull(io.NewSectionReader(b, 0, seg.Bytes), tail); err != nil {
		return nil, fmt.Errorf("segment %s: %w", seg.Digest, err)
	}
	if circuits.Digest(sha256.Sum256(tail)) != seg.Digest {
		return nil, fmt.Errorf("segment %s: altered", seg.Digest)
	}
	return tail, nil
}

// onlyManifest is the gate of manifests: the bytes to sign are about this
// manifest, which is JSON and therefore no letter.
func onlyManifest(manifest []byte, list [][]byte) error {
	if !json.Valid(manifest) {
		return errors.New("not a manifest")
	}
	for _, tbs := range list {
		digest, err := signing.MessageDigest(tbs)
		if err != nil {
			return err
		}
		var h crypto.Hash
		for _, c := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
			if c.Size() == len(digest) {
				h = c
			}
		}
		if h == 0 {
			return fmt.Errorf("digest of %d bytes", len(digest))
		}
		w := h.New()
		w.Write(manifest)
		if !bytes.Equal(w.Sum(nil), digest) {
			return errors.New("these bytes are not about the manifest")
		}
	}
	return nil
}
