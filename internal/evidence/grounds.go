package evidence

import (
	"cmp"
	"encoding/json"
	"slices"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/journal"
)

// The kinds of entries about the town on which a dossier may rest beside its own.
const (
	kindPersonAdded = "person.added"
	kindPersonSet   = "person.set"
	kindDeactivated = "person.deactivated"
	kindReactivated = "person.reactivated"
	kindEnrolled    = "passkey.enrolled"
	kindDelegation  = "delegation.set"
	kindImpediment  = "impediment.set"
	kindAbsence     = "absence.set"
	kindRecusal     = "recusal.set"
	kindProofFiled  = "proof.filed"
)

// grounds say which entries of the town's journal a dossier rests on beside its own: the acts by which somebody decided for
// another, the proofs that were handed in, who vouched for the keys that decided, and since when they administered.
type grounds struct {
	delegations map[string]bool // by subject
	records     map[string]bool // identifiers of impediments and absences
	principals  map[string]bool // the people whom those are about
	recusals    string          // the subject, or empty
	proofs      string          // likewise
	witnesses   map[string]bool // people who vouched for somebody else
	enrolled    map[string]bool // digests, in hexadecimal, of what they vouched for
	holders     map[string]bool // the people of those enrolments
}

// groundsOf reads the needs of a dossier from its own journal and from the enrolments of the keys that decided.
func groundsOf(dossier string, r *replay, keys []enrolled) grounds {
	g := grounds{
		delegations: map[string]bool{}, records: map[string]bool{}, principals: map[string]bool{},
		witnesses: map[string]bool{}, enrolled: map[string]bool{}, holders: map[string]bool{},
	}
	for _, a := range r.acts {
		if a.outside != nil {
			g.proofs = dossier + "/proof"
		}
		f := a.by.For
		if f == nil {
			continue
		}
		switch f.Mandate {
		case circuits.Delegated:
			g.delegations["delegation/"+f.Reference] = true
		case circuits.Recusing:
			g.recusals = dossier + "/recusal"
		case circuits.Substitutes, circuits.Absence:
			g.records[f.Reference], g.principals[string(f.Person)] = true, true
		}
	}
	for _, k := range keys {
		if k.byAnother() {
			g.witnesses[k.Witness.Person], g.enrolled[k.digest.String()], g.holders[k.Person] = true, true, true
		}
	}
	return g
}

// subjects are those of the entries to look among.
func (g grounds) subjects() []string {
	all := map[string]bool{g.recusals: true, g.proofs: true}
	for _, set := range []map[string]bool{g.delegations, g.principals, g.witnesses, g.holders} {
		for s := range set {
			all[s] = true
		}
	}
	delete(all, "")
	out := make([]string, 0, len(all))
	for s := range all {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// want says whether an entry is one of them.
func (g grounds) want(e journal.Entry) bool {
	switch e.Kind {
	case kindPersonAdded, kindPersonSet, kindDeactivated, kindReactivated:
		return g.witnesses[e.Subject]
	case kindEnrolled:
		return g.holders[e.Subject] && g.enrolled[enrolledIn(e)]
	case kindDelegation:
		return g.delegations[e.Subject]
	case kindImpediment, kindAbsence:
		return g.principals[e.Subject] && g.records[recordIn(e)]
	case kindRecusal:
		return g.recusals != "" && e.Subject == g.recusals
	case kindProofFiled:
		return g.proofs != "" && e.Subject == g.proofs
	}
	return false
}

// enrolledIn is the digest of the enrolment that an entry records.
func enrolledIn(e journal.Entry) string {
	var b struct {
		SHA256 string `json:"statement_sha256"`
	}
	if json.Unmarshal(e.Body, &b) != nil {
		return ""
	}
	return b.SHA256
}

// recordIn is the identifier of the impediment or absence that an entry records.
func recordIn(e journal.Entry) string {
	var b struct {
		Impediment, Absence struct {
			ID string `json:"id"`
		}
	}
	if json.Unmarshal(e.Body, &b) != nil {
		return ""
	}
	return cmp.Or(b.Impediment.ID, b.Absence.ID)
}

// Subjects are those of the entries of the town's journal among which [Package.Rest] finds what the dossier rests on beside
// its own entries: Journal, Evidence and Enrolments must be there. The error is [ErrInconsistent].
func (p *Package) Subjects() ([]string, error) {
	g, err := p.grounds()
	return g.subjects(), err
}

// Rest keeps of entries those on which the dossier rests, up to Head, in their order, each once. The error is
// [ErrInconsistent].
func (p *Package) Rest(entries []journal.Entry) error {
	g, err := p.grounds()
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(slices.Clone(entries), func(e journal.Entry) bool { return e.Seq > p.Head.Seq || !g.want(e) })
	slices.SortFunc(entries, func(a, b journal.Entry) int { return cmp.Compare(a.Seq, b.Seq) })
	p.Town = slices.CompactFunc(entries, func(a, b journal.Entry) bool { return a.Seq == b.Seq })
	return nil
}

func (p *Package) grounds() (grounds, error) {
	r, err := p.read()
	if err != nil {
		return grounds{}, err
	}
	chain := make(map[proof.Digest][]byte, len(p.Enrolments))
	for _, raw := range p.Enrolments {
		chain[proof.EnrolmentDigest(raw)] = raw
	}
	var used []proof.Digest
	for _, raw := range p.Evidence {
		if ev, err := proof.ParseEvidence(raw); err == nil {
			used = append(used, ev.EnrolmentSHA256)
		}
	}
	return groundsOf(p.Dossier.ID, r, vouching(chain, used)), nil
}

// town reads town.jsonl: entries of the same journal as those of the dossier, and only those on which it rests.
func (v *verification) town() {
	if v.manifest.Schema == schemaManifestBare {
		v.rep.add(remark(GroundsAbsent, fileTown, ""))
		return
	}
	raw, f := v.zip.read(fileTown)
	if f != nil {
		v.rep.add(f)
		return
	}
	h, entries, err := readExtract(raw, formatTown)
	if err != nil || h != (extractHeader{formatTown, v.head.Tenant, v.head.Dossier, v.head.HeadSeq, v.head.HeadHash}) {
		v.rep.add(invalid(JournalMalformed, fileTown, "not that of the dossier: %v", err))
		return
	}
	if f := v.aligned(entries); f != nil {
		v.rep.add(f)
		return
	}
	for _, e := range entries {
		if !v.rests.want(e) {
			v.rep.add(invalid(EntryExtra, townSubject(e.Seq), "%s, on which nothing rests", e.Kind))
		}
	}
	v.rested, v.rep.Package.Grounds = entries, len(entries)
}

// aligned checks that entries of the town and those of the dossier are of one chain, as far as they alone can show it.
func (v *verification) aligned(entries []journal.Entry) *Finding {
	both := slices.Concat(v.entries, entries)
	slices.SortStableFunc(both, func(a, b journal.Entry) int { return cmp.Compare(a.Seq, b.Seq) })
	if !slices.IsSortedFunc(entries, func(a, b journal.Entry) int { return cmp.Compare(a.Seq, b.Seq) }) {
		return invalid(JournalOrder, fileTown, "")
	}
	last := journal.Genesis(v.head.Tenant)
	for _, e := range both {
		switch {
		case e.Seq <= last.Seq:
			return invalid(JournalOrder, townSubject(e.Seq), "two entries of one number")
		case e.Seq > v.head.HeadSeq, e.Seq == v.head.HeadSeq && circuits.Digest(e.Hash) != v.head.HeadHash:
			return invalid(JournalHash, townSubject(e.Seq), "after the head at %d", v.head.HeadSeq)
		case e.Seq == last.Seq+1 && e.Prev != last.Hash:
			return invalid(JournalHash, townSubject(e.Seq), "does not follow entry %d", last.Seq)
		case e.Hash != e.Sum():
			return invalid(JournalHash, townSubject(e.Seq), "hash")
		}
		last = e
	}
	return nil
}

// before are the entries of some kinds and subject before one, in order.
func (v *verification) before(seq int64, subject string, kinds ...string) (out []journal.Entry) {
	for _, e := range v.rested {
		if e.Seq < seq && e.Subject == subject && slices.Contains(kinds, e.Kind) {
			out = append(out, e)
		}
	}
	return out
}
