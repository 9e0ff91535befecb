package evidence

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/journal"
)

// MandateReport is the act by which somebody decided for another, as the journal of the town records it.
type MandateReport struct {
	// Entry is the number of that entry.
	Entry int64 `json:"journal_entry"`
	// One of these is set: an arrêté of delegation, an impediment, an absence, a recusal.
	Delegation *delegation.Delegation `json:"delegation,omitempty"`
	Impediment *delegation.Impediment `json:"impediment,omitempty"`
	Absence    *delegation.Absence    `json:"absence,omitempty"`
	Recusal    *delegation.Recusal    `json:"recusal,omitempty"`
}

// mandates compares, for each decision taken for another, what the person approved and what the journal of the dossier
// says with the act that the journal of the town records.
func (v *verification) mandates() {
	if v.manifest.Schema == schemaManifestBare {
		return
	}
	for i := range v.rep.Decisions {
		d := &v.rep.Decisions[i]
		if d.For == nil || d.Automatic || d.ReceivedAt == nil {
			continue // in their own right, or its evidence was refused
		}
		m := v.mandate(d, v.fold.acts[i].seq)
		if m == nil {
			v.rep.add(unverifiable(MandateUnknown, d.Folder, "%s %s", d.For.Mandate, d.For.Reference))
			continue
		}
		d.Mandate = m
		v.rep.add(m.compare(d), m.holds(d, v.fold.acts[i].by.Desk, v.about.Dossier))
	}
}

// mandate finds the act as it was recorded last before the decision.
func (v *verification) mandate(d *DecisionReport, seq int64) (out *MandateReport) {
	for _, e := range v.rested {
		if e.Seq >= seq {
			break
		}
		if m := recorded(e, d.For); m != nil {
			out = m
		}
	}
	return out
}

// recorded reads the act in an entry, nil when the entry is about another.
func recorded(e journal.Entry, f *circuits.Principal) *MandateReport {
	m := &MandateReport{Entry: e.Seq}
	if json.Unmarshal(e.Body, m) != nil {
		return nil
	}
	m.Entry = e.Seq
	same := func(id delegation.ID) bool { return string(id) == f.Reference }
	switch {
	case f.Mandate == circuits.Delegated && e.Kind == kindDelegation && m.Delegation != nil && same(m.Delegation.ID):
		return &MandateReport{Entry: e.Seq, Delegation: m.Delegation}
	case f.Mandate == circuits.Substitutes && e.Kind == kindImpediment && m.Impediment != nil && same(m.Impediment.ID):
		return &MandateReport{Entry: e.Seq, Impediment: m.Impediment}
	case f.Mandate == circuits.Absence && e.Kind == kindAbsence && m.Absence != nil && same(m.Absence.ID):
		return &MandateReport{Entry: e.Seq, Absence: m.Absence}
	case f.Mandate == circuits.Recusing && e.Kind == kindRecusal && m.Recusal != nil && m.Recusal.Number == f.Reference:
		return &MandateReport{Entry: e.Seq, Recusal: m.Recusal}
	}
	return nil
}

// compare says what the person approved, or the journal of the dossier, says otherwise than the act.
func (m *MandateReport) compare(d *DecisionReport) *Finding {
	act, principal, actor := "", circuits.PersonID(""), d.Person
	switch {
	case m.Delegation != nil:
		x := m.Delegation
		act, principal, actor = proof.ByArrete(x.Number, proof.Digest(x.Arrete)), x.Delegator.Person, x.Delegate.Person
		if x.Delegate.Quality != d.Quality {
			return invalid(MandatePersons, d.Folder, "quality %q, entry %d: %q", d.Quality, m.Entry, x.Delegate.Quality)
		}
	case m.Impediment != nil:
		act, principal = proof.ByImpediment(string(m.Impediment.ID), proof.Digest(m.Impediment.Document)), m.Impediment.Person
	case m.Absence != nil:
		act, principal, actor = proof.ByAbsence(string(m.Absence.ID)), m.Absence.Person, m.Absence.Replacement
	case m.Recusal != nil:
		act, principal, actor = proof.ByRecusal(m.Recusal.Number), m.Recusal.Person, m.Recusal.Substitute
	}
	switch {
	case d.Delegation != act:
		return invalid(MandateAct, d.Folder, "approved: %q, entry %d: %q", d.Delegation, m.Entry, act)
	case d.For.Person != principal:
		return invalid(MandatePersons, d.Folder, "for %s, entry %d: for %s", d.For.Person, m.Entry, principal)
	case d.Person != actor:
		return invalid(MandatePersons, d.Folder, "by %s, entry %d: by %s", d.Person, m.Entry, actor)
	}
	return nil
}

// holds says whether the act was in force on the day of the decision, and covered the desk and the type of the letter.
// What its classes and amounts allow rests on the metadata, which are not in the package.
func (m *MandateReport) holds(d *DecisionReport, desk circuits.DeskID, about Dossier) *Finding {
	var why error
	for _, day := range days(d.At) {
		if why = m.on(day, desk, about); why == nil {
			return nil
		}
		if errors.Is(why, delegation.OutOfDesk) || errors.Is(why, delegation.OutOfType) {
			return invalid(MandateScope, d.Folder, "entry %d: %v", m.Entry, why)
		}
	}
	return invalid(MandateForce, d.Folder, "entry %d: %v", m.Entry, why)
}

// on is holds for one day.
func (m *MandateReport) on(day delegation.Date, desk circuits.DeskID, about Dossier) error {
	switch {
	case m.Delegation != nil:
		x := *m.Delegation
		x.Scope.Classes, x.Scope.Limit = nil, nil
		if about.TypeCode == "" {
			x.Scope.Types = nil
		}
		return delegation.Allows(x, delegation.Act{Type: about.TypeCode, Within: about.TypeWithin}, desk, day)
	case m.Impediment != nil && !between(m.Impediment.From, m.Impediment.To, day):
		return delegation.Ended
	case m.Absence != nil && (m.Absence.Cancelled || !between(m.Absence.From, m.Absence.To, day)):
		return delegation.Ended
	}
	return nil
}

func between(from, to, day delegation.Date) bool { return from <= day && (to == "" || day <= to) }

// days are those that it is somewhere in the towns of the law at an instant: the package does not say in which zone the town
// counts its days, and Wallis is a day ahead of Papeete.
func days(at time.Time) []delegation.Date {
	out := []delegation.Date{}
	for _, shift := range []time.Duration{0, -11 * time.Hour, 12 * time.Hour} {
		if day := delegation.DateOf(at.UTC().Add(shift)); !slices.Contains(out, day) {
			out = append(out, day)
		}
	}
	return out
}

// filed says whether the proof of an act done outside was handed in by who recorded it, for that step, before they did.
func (v *verification) filed(d *DecisionReport, seq int64) *Finding {
	for _, e := range v.before(seq, v.rests.proofs, kindProofFiled) {
		var b struct {
			Version int             `json:"version"`
			Step    circuits.StepID `json:"step"`
			Proof   circuits.Digest `json:"proof_sha256"`
			By      circuits.Actor  `json:"by"`
		}
		if json.Unmarshal(e.Body, &b) == nil && b.Version == d.Version && b.Step == d.StepID && b.Proof == d.Outside.Proof && b.By.Person == d.Person {
			return nil
		}
	}
	return unverifiable(ProofUnfiled, d.Folder, "%s", d.Outside.Proof)
}
