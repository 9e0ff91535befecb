package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/journal"
)

// replay is what the journal entries of a dossier say, once each was found to be what the circuit allows.
type replay struct {
	state      circuits.State
	acts       []act
	circuits   []circuits.Definition // one for each start, chaining or migration, in order
	versions   []Version
	signatures []Signature
	sealed     []int     // of each signature, the index in state.Decisions of the decision it was made for
	renewals   []Version // of the archive time-stamp of the completed letter
	annexes    []circuits.Digest
	bytes      int64 // of the letter with its signatures so far
	seq        int64 // of the entry being read
}

// act is one decision, or the taking back of one.
type act struct {
	decision  proof.Decision
	step      int
	by        circuits.Actor
	reason    string // of a refusal or of a bypass
	advice    *circuits.Advice
	outside   *circuits.Outside
	automatic bool // nobody's: the machine put the seal, its evidence is the circuit
	evidence  circuits.Digest
	event     circuits.Event
	before    circuits.State
	bytes     int64             // length of what was approved
	annexes   []circuits.Digest // as they were
	seq       int64             // of its entry in the journal
}

// said is what was written with the act, under the digest of its statement; empty when nothing was.
func (a act) said() string {
	switch {
	case a.advice != nil:
		return a.advice.Said()
	case a.outside != nil:
		return a.outside.Said()
	}
	return a.reason
}

// replayJournal checks the entries one by one and runs their events through the state machine. It stops at the first that
// does not belong.
func replayJournal(siret, dossier string, entries []journal.Entry) (*replay, *Finding) {
	r := &replay{versions: []Version{}, signatures: []Signature{}}
	last := journal.Genesis(siret)
	for i, e := range entries {
		if f := checkEntry(last, e, dossier); f != nil {
			return r, f
		}
		last, r.seq = e, e.Seq
		ev, f := decodeEvent(e)
		if f != nil {
			return r, f
		}
		if err := r.step(ev); err != nil {
			return r, invalid(JournalRefused, entrySubject(e.Seq), "entry %d (%s): %v", i+1, e.Kind, err)
		}
	}
	if !r.state.Settled() {
		return r, invalid(JournalRefused, "journal.jsonl", "ends before the next step or the end is said")
	}
	if len(entries) == 0 {
		return r, invalid(JournalRefused, "journal.jsonl", "no entry")
	}
	return r, nil
}

func entrySubject(seq int64) string { return fmt.Sprintf("journal.jsonl#%d", seq) }

func townSubject(seq int64) string { return fmt.Sprintf("%s#%d", fileTown, seq) }

// checkEntry checks what an entry alone, or with its predecessor, can prove.
func checkEntry(last, e journal.Entry, dossier string) *Finding {
	switch {
	case e.Subject != dossier:
		return invalid(JournalSubject, entrySubject(e.Seq), "about %q", e.Subject)
	case e.Seq <= last.Seq:
		return invalid(JournalOrder, entrySubject(e.Seq), "after entry %d", last.Seq)
	case e.Seq == last.Seq+1 && e.Prev != last.Hash:
		return invalid(JournalHash, entrySubject(e.Seq), "does not follow entry %d", last.Seq)
	case e.Hash != e.Sum():
		return invalid(JournalHash, entrySubject(e.Seq), "hash")
	}
	return nil
}

// decodeEvent reads the body of an entry, and wants it to be the one form of the event: what an expert reads in it is what
// was replayed.
func decodeEvent(e journal.Entry) (circuits.Event, *Finding) {
	ev, err := circuits.Decode(e.Kind, e.Body)
	if err != nil {
		return nil, invalid(JournalRefused, entrySubject(e.Seq), "%v", err)
	}
	again, err := json.Marshal(ev)
	if err != nil || !bytes.Equal(again, e.Body) {
		return nil, invalid(JournalRefused, entrySubject(e.Seq), "body of %s not in its form", e.Kind)
	}
	if !ev.When().Truncate(time.Microsecond).Equal(e.At) {
		return nil, invalid(JournalRefused, entrySubject(e.Seq), "event of %s in an entry of %s", ev.When(), e.At)
	}
	return ev, nil
}

// step applies an event, if the circuit admits it where it stands.
func (r *replay) step(e circuits.Event) error {
	if err := r.state.Admits(e); err != nil {
		return err
	}
	before := r.state
	r.state = r.state.Apply(e)
	r.note(before, e)
	return nil
}

// note keeps what the event says beside the state.
func (r *replay) note(before circuits.State, e circuits.Event) {
	switch e := e.(type) {
	case circuits.Deposited:
		r.annexes = e.Annexes
		r.freeze()
	case circuits.AnnexesChanged:
		r.annexes = e.Annexes
	case circuits.Corrected:
		r.freeze()
	case circuits.Started:
		r.circuits = append(r.circuits, e.Circuit)
		r.bytes = r.state.Bytes
	case circuits.Recycled:
		r.circuits = append(r.circuits, e.Circuit)
		r.bytes = r.state.Bytes
	case circuits.Chained:
		r.circuits = append(r.circuits, e.Circuit)
	case circuits.Migrated:
		r.circuits = append(r.circuits, e.Circuit)
	case circuits.SignatureRenewed:
		r.bytes = e.Bytes
		r.renewals = append(r.renewals, Version{before.Version, e.Signed, e.Bytes})
	case circuits.StepSealed:
		r.bytes = e.Bytes
		i := sealer(before, e.Step)
		x := Signature{
			Version: before.Version, Step: e.Step + 1, SHA256: e.Signed, Bytes: e.Bytes, Level: e.Level, Certificate: e.Certificate, At: e.At,
		}
		if i >= 0 {
			x.Evidence = before.Decisions[i].Evidence
		}
		r.signatures, r.sealed = append(r.signatures, x), append(r.sealed, i)
	default:
		r.noteAct(before, e)
	}
}

// noteAct keeps what somebody decided, or took back.
func (r *replay) noteAct(before circuits.State, e circuits.Event) {
	a := act{event: e, before: before, bytes: r.bytes, annexes: r.annexes, seq: r.seq}
	switch e := e.(type) {
	case circuits.StepDecided:
		a.decision, a.step, a.by, a.evidence, a.advice, a.outside = proof.Decision(e.Verdict), e.Step, e.By, e.Evidence, e.Advice, e.Outside
		a.automatic = circuits.Decision{Verdict: e.Verdict, By: e.By}.Automatic()
	case circuits.StepRefused:
		a.decision, a.step, a.by, a.evidence, a.reason = proof.Refusal, e.Step, e.By, e.Evidence, e.Reason
	case circuits.TurnRefused:
		a.decision, a.step, a.by, a.evidence, a.reason = proof.Refusal, e.Step, e.By, e.Evidence, e.Reason
	case circuits.StepBypassed:
		a.decision, a.step, a.by, a.evidence, a.reason = proof.Bypass, e.Step, e.By, e.Evidence, e.Reason
	case circuits.DecisionUndone:
		a.decision, a.step, a.by, a.evidence = proof.Undoing, e.Step, e.By, e.Evidence
	default:
		return
	}
	r.acts = append(r.acts, a)
}

// freeze records a new version of the letter.
func (r *replay) freeze() {
	r.bytes = r.state.Bytes
	r.versions = append(r.versions, Version{r.state.Version, r.state.Document, r.state.Bytes})
}

// sealer is the index of the decision for which a key is at work, or -1.
func sealer(s circuits.State, step int) int {
	d, at := s.Sealer()
	if !at || d.Step != step {
		return -1
	}
	return slices.IndexFunc(s.Decisions, func(x circuits.Decision) bool { return x.Event == d.Event })
}

// gestures are the acts that somebody made a gesture for, in order: each has its evidence.
func (r *replay) gestures() []int {
	out := []int{}
	for i, a := range r.acts {
		if !a.automatic {
			out = append(out, i)
		}
	}
	return out
}

// decisions says each act as dossier.json does.
func (r *replay) decisions() []Decision {
	out := make([]Decision, len(r.acts))
	for i, a := range r.acts {
		st := a.before.Circuit.Steps[a.step] // the state machine accepted the step
		where := folder(i, a.decision)
		if a.automatic {
			where = ""
		}
		out[i] = Decision{
			Seq: i + 1, Folder: where, Evidence: a.evidence, Verdict: a.decision, Version: a.before.Version,
			Step: a.step + 1, StepID: st.ID, StepTitle: st.Title, Circuit: a.before.Circuit.Hash(),
			Person: a.by.Person, Name: a.by.Name, Quality: a.by.Quality,
			Document: a.before.LastSealed(), Bytes: a.bytes, Reason: a.reason, At: a.event.When().UTC(), Standing: circuits.Holds,
			For: a.by.For, Advice: a.advice, Outside: a.outside, Automatic: a.automatic,
		}
		for _, d := range r.state.Decisions {
			if d.Evidence == a.evidence && d.Event == a.before.Events {
				out[i].Standing = d.Standing
			}
		}
	}
	return out
}

// folder is where decision i (from 0) is in the package.
func folder(i int, d proof.Decision) string { return fmt.Sprintf("decisions/%02d-%s", i+1, d) }
