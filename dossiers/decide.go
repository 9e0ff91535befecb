package dossiers

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"parapheur/approvals"
	"parapheur/approvals/proof"
	"parapheur/circuits"
)

// BeginDecision issues the statements that one gesture will approve, and the
// options of that gesture. Nothing moves yet. Each item is refused here for
// the same reasons as it would be later.
func (o *Office) BeginDecision(ctx context.Context, v Viewer, s Session, items []DecisionItem) (DecisionRequest, error) {
	p, err := v.person()
	if err != nil {
		return DecisionRequest{}, fmt.Errorf("decide: %w", err)
	}
	rp, err := o.party(v.Tenant)
	if err != nil {
		return DecisionRequest{}, err
	}
	u, err := o.user(ctx, v.Tenant.ID, p)
	if err != nil {
		return DecisionRequest{}, err
	}
	statements := make([]proof.Statement, len(items))
	for i := range items {
		if err := items[i].check(); err != nil {
			return DecisionRequest{}, err
		}
		m, circumstances, err := o.matter(ctx, v, items[i].Dossier)
		if err != nil {
			return DecisionRequest{}, err
		}
		if err := o.read(ctx, v, m.Dossier, len(items)); err != nil {
			return DecisionRequest{}, err
		}
		if statements[i], err = circumstances.statement(m.Dossier, p, items[i], o.now()); err != nil {
			return DecisionRequest{}, fmt.Errorf("decide on %s: %w", m.Dossier.ID, circumstances.explain(err, m.Dossier.State.Circuit))
		}
		if err := o.proven(ctx, v.Tenant.ID, m.Dossier, circumstances, p, items[i]); err != nil {
			return DecisionRequest{}, fmt.Errorf("decide on %s: %w", m.Dossier.ID, err)
		}
	}
	c, req, err := rp.BeginDecision(u, []byte(s.ID), statements)
	if err != nil {
		return DecisionRequest{}, fmt.Errorf("decide: %w", err)
	}
	note, err := json.Marshal(items)
	if err != nil {
		return DecisionRequest{}, fmt.Errorf("decide: %w", err)
	}
	if err := o.Store.KeepCeremony(ctx, v.Tenant.ID, c, note); err != nil {
		return DecisionRequest{}, err
	}
	return DecisionRequest{Ceremony: c.ID, Options: req.OptionsJSON, Statements: req.Statements, Set: req.Set, Expires: req.Expires}, nil
}

// read refuses to decide on several letters at once when one of them was
// never opened as it stands.
func (o *Office) read(ctx context.Context, v Viewer, d Dossier, together int) error {
	if together < 2 {
		return nil
	}
	opened, err := o.Store.Opened(ctx, v.Tenant.ID, d.ID, v.Person.ID, d.Main().Revision.SHA256)
	if err == nil && !opened {
		err = fmt.Errorf("decide on %s: %w", d.ID, ErrUnread)
	}
	return err
}

// statement says what item decides about d as it stands, or why it cannot.
func (c circumstances) statement(d Dossier, p Person, item DecisionItem, at time.Time) (proof.Statement, error) {
	g, err := c.gesture(d, p, item)
	if err != nil {
		return proof.Statement{}, err
	}
	if err := c.filed(d.State, g); err != nil {
		return proof.Statement{}, err
	}
	probe := circuits.Digest{1} // stands for the evidence that does not exist yet
	if _, err := g.events(d.State, c.facts(d.State, d.State.Circuit, nil), probe, at); err != nil {
		return proof.Statement{}, err
	}
	main := d.Main().Revision
	if item.Seen != main.SHA256 {
		return proof.Statement{}, circuits.ErrStale
	}
	st := proof.Statement{
		Dossier: string(d.ID), Version: d.State.Version, DocSHA256: proof.Digest(main.SHA256), DocBytes: main.Bytes,
		AnnexRoot: annexRoot(d), CircuitSHA256: proof.Digest(d.State.Circuit.Hash()),
		Step: string(d.State.Circuit.Steps[g.step].ID), Decision: proof.Decision(item.Decision),
		Quality: g.by.Quality, Delegation: c.ground(g.by), PrevSHA256: proof.Digest(d.EvidenceHead),
	}
	if said := item.said(); said != "" {
		st.ReasonSHA256 = sha256.Sum256([]byte(said))
	}
	return st, nil
}

// annexRoot commits to the annexes, in order; zero without any.
func annexRoot(d Dossier) proof.Digest {
	var leaves []proof.Digest
	for _, a := range d.Annexes() {
		leaves = append(leaves, proof.Leaf(a.Revision.SHA256[:]))
	}
	if len(leaves) == 0 {
		return proof.Digest{}
	}
	return proof.Root(leaves)
}

// FinishDecision verifies the gesture and takes each decision in a
// transaction of its own. The ceremony is consumed first. An error means that
// nothing was taken; otherwise each Outcome says what became of its item.
func (o *Office) FinishDecision(ctx context.Context, v Viewer, s Session, ceremony, response []byte) ([]Outcome, error) {
	p, err := v.person()
	if err != nil {
		return nil, fmt.Errorf("decide: %w", err)
	}
	rp, err := o.party(v.Tenant)
	if err != nil {
		return nil, err
	}
	c, note, err := o.take(ctx, v.Tenant, s, ceremony, approvals.PurposeDecision)
	if err != nil {
		return nil, err
	}
	var items []DecisionItem
	if err := json.Unmarshal(note, &items); err != nil {
		return nil, fmt.Errorf("decide: items: %w", err)
	}
	u, err := o.user(ctx, v.Tenant.ID, p)
	if err != nil {
		return nil, err
	}
	proofs, used, err := rp.FinishDecision(u, []byte(s.ID), c, response)
	touched := Credential{Person: p.ID, Credential: used}
	if errors.Is(err, approvals.ErrClone) {
		if err := o.Store.TouchCredential(ctx, v.Tenant.ID, touched, o.now()); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, fmt.Errorf("decide: %w", err)
	}
	if len(proofs) != len(items) {
		return nil, fmt.Errorf("decide: %d proofs for %d items", len(proofs), len(items))
	}
	outcomes := make([]Outcome, len(items))
	for i, item := range items {
		outcomes[i].Decision = item.Decision
		outcomes[i].Dossier, outcomes[i].Err = o.commit(ctx, v, item, proofs[i], touched)
	}
	return outcomes, nil
}

// commit records one verified decision: under the dossier's lock, everything
// that its statement says must still hold.
func (o *Office) commit(ctx context.Context, v Viewer, item DecisionItem, ev proof.Evidence, touched Credential) (Dossier, error) {
	st, err := proof.ParseStatement(ev.Statement)
	if err != nil {
		return Dossier{}, fmt.Errorf("decide: %w", err)
	}
	file, err := ev.Canonical()
	if err != nil {
		return Dossier{}, fmt.Errorf("decide: %w", err)
	}
	digest := circuits.Digest(sha256.Sum256(file))
	return o.move(ctx, v, item.Dossier, item.Decision, func(w Work, c circumstances) (Change, error) {
		d, at := w.Dossier, o.now()
		if w.Person == nil || !w.Person.Active {
			return Change{}, ErrForbidden
		}
		g, err := c.gesture(d, *w.Person, item)
		if err != nil {
			return Change{}, err
		}
		if err := c.filed(d.State, g); err != nil {
			return Change{}, err
		}
		g.seen, g.assurance = circuits.Digest(st.DocSHA256), touched.assurance()
		events, err := g.events(d.State, c.facts(d.State, d.State.Circuit, nil), digest, at)
		if err != nil {
			return Change{}, err
		}
		if err := unmoved(d, st, g, c.ground(g.by)); err != nil {
			return Change{}, err
		}
		return Change{
			Events: events, Touched: &touched,
			Evidence: &EvidenceRecord{
				Version: d.State.Version, Round: d.State.Round, Step: g.step, Turn: g.turn, Person: w.Person.ID,
				Decision: item.Decision, SHA256: digest, File: file, At: at,
			},
		}, nil
	})
}

// unmoved compares what the person approved with the dossier under its lock.
func unmoved(d Dossier, st proof.Statement, g gesture, ground string) error {
	switch {
	case st.Version != d.State.Version || circuits.Digest(st.DocSHA256) != d.Main().Revision.SHA256 || st.DocBytes != d.Main().Revision.Bytes:
		return circuits.ErrStale
	case st.Step != string(d.State.Circuit.Steps[g.step].ID) || circuits.Digest(st.CircuitSHA256) != d.State.Circuit.Hash():
		return ErrConflict
	case circuits.Digest(st.PrevSHA256) != d.EvidenceHead || st.AnnexRoot != annexRoot(d), st.Quality != g.by.Quality, st.Delegation != ground:
		return ErrConflict
	}
	return nil
}
