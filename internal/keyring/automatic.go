package keyring

import (
	"context"
	"errors"
	"fmt"

	"parapheur/approvals/proof"
	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/signing"
)

// AutoSealer returns the town's seal for the step of a dossier at which the
// machine puts it. Nobody's gesture allows that: what does is the circuit that
// a person started, as the journal of the dossier tells it. The gate reads that
// journal again and runs it through the rules of circuits.
func (r *Ring) AutoSealer(ctx context.Context, t dossiers.Tenant, id dossiers.ID) (signing.Signer, error) {
	stored, err := r.find(ctx, t, "")
	if err != nil {
		return nil, err
	}
	return r.bound(ctx, t, stored, []byte(id), r.automaticGate(ctx, t, stored, id))
}

// automaticGate accepts the signature, laid out and kept, of the document that
// stands before an automatic seal, with the seal of the town.
func (r *Ring) automaticGate(ctx context.Context, t dossiers.Tenant, k StoredKey, id dossiers.ID) certs.Gate {
	return func(proofs []byte, list [][]byte) error {
		if string(proofs) != string(id) || k.Person != "" {
			return errors.New("not the seal of this dossier")
		}
		s, err := r.replayed(ctx, t, id)
		if err != nil {
			return err
		}
		d, at := s.Sealer()
		if !at || !d.Automatic() || d.Evidence != s.Circuit.Hash() || !s.Circuit.Steps[d.Step].Auto {
			return errors.New("the circuit does not stand at an automatic seal")
		}
		if err := r.gestures(ctx, t, id, s); err != nil {
			return err
		}
		st := proof.Statement{
			Dossier: string(id), Version: d.Version, Step: string(s.Circuit.Steps[d.Step].ID),
			DocSHA256: proof.Digest(d.Document), CircuitSHA256: proof.Digest(d.Evidence),
		}
		revisions, i, err := r.document(ctx, t, st)
		if err != nil {
			return err
		}
		st.DocBytes = revisions[i].Bytes
		for _, tbs := range list {
			if err := r.covers(ctx, t, k, st, revisions[i], tbs); err != nil {
				return err
			}
		}
		return nil
	}
}

// gestures verifies the evidence of every decision that carries the dossier up
// to the seal: a journal alone, which whoever writes in the database can write,
// opens nothing.
func (r *Ring) gestures(ctx context.Context, t dossiers.Tenant, id dossiers.ID, s circuits.State) error {
	records, err := r.opt.Store.Evidence(ctx, t.ID, id)
	if err != nil {
		return err
	}
	files := map[circuits.Digest][]byte{}
	for _, x := range records {
		files[circuits.Digest(proof.SHA256(x.File))] = x.File
	}
	for i, d := range s.Decisions {
		if d.Automatic() || d.Standing != circuits.Holds && d.Standing != circuits.Maintained {
			continue
		}
		if err := r.gesture(ctx, t, id, d, files[d.Evidence]); err != nil {
			return fmt.Errorf("decision %d: %w", i+1, err)
		}
	}
	return nil
}

// gesture is nil when file is the evidence of d: by the person, at the step and
// on the document of which the journal speaks.
func (r *Ring) gesture(ctx context.Context, t dossiers.Tenant, id dossiers.ID, d circuits.Decision, file []byte) error {
	ev, err := proof.ParseEvidence(file)
	if err != nil {
		return err
	}
	st, err := proof.ParseStatement(ev.Statement)
	if err != nil {
		return err
	}
	if st.Tenant != t.SIRET || st.Dossier != string(id) || st.Actor != string(d.By.Person) || string(st.Decision) != string(d.Verdict) ||
		d.StepID != "" && st.Step != string(d.StepID) || st.DocSHA256 != proof.Digest(d.Document) {
		return errors.New("the evidence is of something else")
	}
	enrolment, err := r.enrolment(ctx, t, ev.EnrolmentSHA256)
	if err != nil {
		return err
	}
	revisions, approved, err := r.document(ctx, t, st)
	if err != nil {
		return err
	}
	_, err = proof.Verify(ev, proof.Expect{
		Document:  &proof.Document{SHA256: proof.Digest(revisions[approved].SHA256), Bytes: revisions[approved].Bytes},
		Enrolment: enrolment, RPID: t.RPID, Sandbox: t.Sandbox(), // the origin may have moved since, the name not
	})
	return err
}

// replayed is the state that the journal of a dossier leads to. Each entry must
// be that of its hash, and each fact one that the circuit allows there.
func (r *Ring) replayed(ctx context.Context, t dossiers.Tenant, id dossiers.ID) (s circuits.State, err error) {
	entries, err := r.opt.Store.JournalOf(ctx, t.ID, id)
	if err != nil {
		return s, err
	}
	for _, e := range entries {
		if e.Hash != e.Sum() {
			return s, fmt.Errorf("entry %d of the journal was altered", e.Seq)
		}
		ev, err := circuits.Decode(e.Kind, e.Body)
		if err != nil {
			return s, fmt.Errorf("entry %d of the journal: %w", e.Seq, err)
		}
		if err := s.Admits(ev); err != nil {
			return s, fmt.Errorf("entry %d of the journal: %w", e.Seq, err)
		}
		s = s.Apply(ev)
	}
	return s, nil
}
