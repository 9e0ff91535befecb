package evidence

import (
	"bufio"
	"errors"
	"io"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/internal/specimen"
	"parapheur/journal"
)

// SchemaJournalReport names the JSON form of a report on a journal. It is stable.
const SchemaJournalReport = "parapheur.journal-report.v1"

// JournalReport is what the verification of an export of the journal found.
type JournalReport struct {
	Schema  string        `json:"schema"`
	Outcome proof.Outcome `json:"outcome"`
	Tenant  string        `json:"tenant,omitempty"` // SIRET
	// AfterSeq is 0 for a whole journal, otherwise the entry from which the export continues.
	AfterSeq int64 `json:"after_seq"`
	// Entries is how many hold, HeadSeq and HeadHash the last of them, to be compared with a published one.
	Entries  int64           `json:"entries"`
	HeadSeq  int64           `json:"head_seq"`
	HeadHash circuits.Digest `json:"head_hash"`
	Findings []Finding       `json:"findings"`
}

// VerifyJournal recomputes the chain of an export of the journal. An export that continues another one is at best
// Unverifiable: its beginning is not there. The error is that of r.
func VerifyJournal(r io.Reader) (*JournalReport, error) {
	rep := &JournalReport{Schema: SchemaJournalReport, Outcome: proof.Valid, Findings: []Finding{}}
	in := &faults{r: r}
	x, err := journal.Open(in)
	if err == nil {
		rep.Tenant, rep.AfterSeq = x.Tenant(), x.After().Seq
		var head journal.Entry
		head, err = journal.Verify(x.After(), x.Entries())
		rep.Entries, rep.HeadSeq, rep.HeadHash = head.Seq-rep.AfterSeq, head.Seq, head.Hash
	}
	switch {
	case in.err != nil:
		return nil, in.err
	case err != nil:
		rep.Findings = append(rep.Findings, *invalid(JournalBroken, "journal", "%v", err))
	case rep.AfterSeq > 0:
		rep.Findings = append(rep.Findings, *unverifiable(JournalContinues, "journal", "after entry %d", rep.AfterSeq))
	}
	if specimen.Town(rep.Tenant) {
		rep.Findings = append(rep.Findings, *unverifiable(Specimen, "journal", ""))
	}
	rep.Outcome = worst(rep.Findings)
	return rep, nil
}

// faults remembers an error of its reader that is not the end: it says nothing of the journal.
type faults struct {
	r   io.Reader
	err error
}

// Read implements io.Reader.
func (f *faults) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// French writes the report for a reader.
func (r *JournalReport) French(w io.Writer) error {
	p := &page{w: bufio.NewWriter(w)}
	p.line("Conclusion%s: %s", nbsp, spaced(conclusion(r.Outcome, specimen.Town(r.Tenant))))
	if r.Tenant != "" {
		p.line("\nJournal de la collectivité de SIRET %s", grouped(r.Tenant))
		if r.AfterSeq > 0 {
			p.line("  Suite d’un autre export, après l’inscription n°%s%s", nbsp, thousands(r.AfterSeq))
		}
		p.line("  %s, empreintes recalculées", count(r.Entries, "inscription", "inscriptions"))
		p.line("  La dernière qui tient%s: n°%s%s,", nbsp, nbsp, thousands(r.HeadSeq))
		p.line("  %s", r.HeadHash)
	}
	for _, o := range []proof.Outcome{proof.Invalid, proof.Unverifiable} {
		p.findings(r.Findings, o)
	}
	p.title("Ce que cette vérification n’établit pas")
	p.line("  – Qu’aucune inscription ne manque à la fin%s: comparez la dernière à une empreinte publiée ailleurs.", nbsp)
	return p.w.Flush()
}
