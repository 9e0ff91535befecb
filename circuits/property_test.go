package circuits_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"parapheur/circuits"
)

// A walk throws commands at a dossier, sensible or not, by anyone, in a
// circuit and with facts drawn at random. The same seed walks the same way.
type walk struct {
	*play
	r *rand.Rand
}

func newWalk(seed uint64) *walk {
	w := &walk{play: newPlay(), r: rand.New(rand.NewPCG(seed, 4))}
	w.draw()
	return w
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// Six people hold four desks; two of them hold two.
func seats() map[string][]string {
	return map[string][]string{"a": {"ana", "eve"}, "b": {"bob"}, "c": {"cid", "ana"}, "d": {"dan", "bob"}}
}

func desks() []string { return []string{"a", "b", "c", "d"} }

// draw makes a sound circuit and the facts of a town.
func (w *walk) draw() {
	r := w.r
	w.facts.DrafterDesk, w.facts.Values["service"] = "a", circuits.DeskID(pick(r, "", "b", "d"))
	w.facts.Heads = map[circuits.DeskID]circuits.DeskID{"a": "b", "b": "c", "c": "d"}
	w.facts.Substitutes["a"] = circuits.Recipient{Desk: "d"}
	w.facts.Substitutes["b"] = circuits.Recipient{Person: "zoe"}
	if r.IntN(2) == 0 {
		w.facts.Holders = map[circuits.DeskID][]circuits.PersonID{}
		for _, d := range desks() {
			for _, p := range seats()[d] {
				if r.IntN(8) > 0 {
					w.facts.Holders[circuits.DeskID(d)] = append(w.facts.Holders[circuits.DeskID(d)], circuits.PersonID(p))
				}
			}
		}
	}
	for {
		d := w.definition()
		if d.Check() == nil {
			w.current = &d
			break
		}
	}
}

func (w *walk) definition() circuits.Definition {
	r := w.r
	d := circuits.Definition{Code: "hasard", Version: 1 + r.IntN(3), Name: "Au hasard"}
	d.Correction = circuits.CorrectionPolicy{Actors: r.IntN(3) == 0, Minor: r.IntN(2) == 0, Partial: r.IntN(2) == 0}
	if r.IntN(4) == 0 {
		d.Then = "suite"
	}
	if r.IntN(3) == 0 {
		d.Days = 5
	}
	for i := range 1 + r.IntN(5) {
		d.Steps = append(d.Steps, w.randomStep(fmt.Sprintf("s%d", i+1), i))
	}
	return d
}

func (w *walk) randomStep(id string, i int) circuits.Step {
	r := w.r
	st := circuits.Step{
		ID: circuits.StepID(id), Title: id,
		Kind: pick(r, circuits.Visa, circuits.Visa, circuits.Visa, circuits.Signature, circuits.Signature, circuits.Seal, circuits.Opinion, circuits.External, circuits.Information),
	}
	switch {
	case st.Kind == circuits.Seal && r.IntN(2) == 0:
		st.Auto = true
	case r.IntN(3) == 0:
		st.Desk = circuits.DeskID(pick(r, desks()...))
	default:
		for range 1 + r.IntN(3) {
			st.Actors = append(st.Actors, w.randomRule())
		}
		if st.Kind != circuits.Information {
			st.Need = circuits.Need{Mode: pick(r, circuits.One, circuits.All, circuits.Any, circuits.Quorum), Ordered: r.IntN(3) == 0, Cumulate: r.IntN(6) == 0}
			if st.Need.Mode == circuits.Quorum {
				st.Need.N = 1 + r.IntN(len(st.Actors))
			}
		}
	}
	if r.IntN(4) == 0 {
		st.When = "montant > 1000"
	}
	if r.IntN(3) == 0 && st.Kind != circuits.Information {
		st.Days, st.RemindBefore, st.RemindAfter = 2, []int{1}, []int{1, 3}
		st.Escalate = circuits.Escalation{{After: 1, To: circuits.RungReminder}, {After: 2, To: circuits.RungSubstitute}, {After: 3, To: circuits.RungHead}}
	}
	st.MustRead, st.NoRefusal = r.IntN(8) == 0, r.IntN(8) == 0
	st.RefuseTo.To = pick(r, "", circuits.ToPrevious, circuits.ToChosen)
	return st
}

func (w *walk) randomRule() circuits.ActorRule {
	switch r := w.r; r.IntN(8) {
	case 0:
		return circuits.ActorRule{Rule: circuits.TheDrafter}
	case 1:
		return circuits.ActorRule{Rule: circuits.HeadOfDrafter}
	case 2:
		return circuits.ActorRule{Rule: circuits.HeadOfPrevious}
	case 3:
		return circuits.ActorRule{Rule: circuits.FromMetadata, Field: "service"}
	default:
		return circuits.ActorRule{Rule: circuits.NamedDesk, Desk: circuits.DeskID(pick(r, desks()...))}
	}
}

// somebody is an actor: three times in four one who has an open turn, as far
// as the state says.
func (w *walk) somebody() circuits.Actor {
	r, desk, person := w.r, pick(w.r, desks()...), ""
	if open := w.state.OpenTurns(); len(open) > 0 && r.IntN(4) > 0 {
		t := pick(r, open...)
		desk, person = string(t.Desk), string(t.Person)
	}
	if person == "" {
		person = pick(r, append([]string{"lea", "zoe"}, seats()[desk]...)...)
		if r.IntN(4) > 0 && len(seats()[desk]) > 0 {
			person = pick(r, seats()[desk]...)
		}
	}
	a := circuits.Actor{Person: circuits.PersonID(person), Name: person, Desk: circuits.DeskID(desk)}
	if r.IntN(6) == 0 {
		p := pick(r, "ana", "bob", "cid", "dan", "eve")
		a.For = &circuits.Principal{
			Person: circuits.PersonID(p), Name: p, Reference: "2026-07", Mention: pick(r, "", "Par délégation"),
			Mandate: pick(r, circuits.Delegated, circuits.Substitutes, circuits.Recusing, circuits.Absence),
		}
	}
	return a
}

func (w *walk) recipient() circuits.Recipient {
	return pick(w.r, circuits.Recipient{}, circuits.Recipient{Desk: circuits.DeskID(pick(w.r, desks()...))}, circuits.Recipient{Person: circuits.PersonID(pick(w.r, "zoe", "ana", "dan"))})
}

// A stroke is one command of a walk, under its name in the table.
type stroke struct {
	name string
	do   func(w *walk) ([]circuits.Event, error)
}

// strokes are all the commands. Their order is that of the published table.
func strokes() []stroke {
	lea := circuits.Actor{Person: "lea", Name: "Léa"}
	admin := circuits.Actor{Person: "admin", Name: "Administration"}
	sometimes := func(w *walk, by circuits.Actor) circuits.Actor {
		if w.r.IntN(4) == 0 {
			return w.somebody()
		}
		return by
	}
	return []stroke{
		{"deposit", func(w *walk) ([]circuits.Event, error) { return w.travel(lea, []string{"dépose"}, "") }},
		{"start", func(w *walk) ([]circuits.Event, error) { return w.travel(sometimes(w, lea), []string{"envoie"}, "") }},
		{"recycle", func(w *walk) ([]circuits.Event, error) { return w.travel(sometimes(w, lea), []string{"recycle"}, "") }},
		{"visa", func(w *walk) ([]circuits.Event, error) { return w.state.Visa(w.choice(w.somebody()), w.facts) }},
		{"sign", func(w *walk) ([]circuits.Event, error) { return w.state.Sign(w.choice(w.somebody()), w.facts) }},
		{"seal in person", func(w *walk) ([]circuits.Event, error) { return w.state.Cachet(w.choice(w.somebody()), w.facts) }},
		{"automatic seal", func(w *walk) ([]circuits.Event, error) { return w.machine([]string{"cachette"}) }},
		{"opinion", func(w *walk) ([]circuits.Event, error) {
			return w.state.Opinion(w.choice(w.somebody()), circuits.Advice{Sense: pick(w.r, circuits.Favourable, circuits.Unfavourable), Text: "voilà"}, w.facts)
		}},
		{"external act", func(w *walk) ([]circuits.Event, error) {
			return w.decision(w.somebody(), []string{"constate", pick(w.r, "papier", "recommandé")}, "RA 1")
		}},
		{"refuse", func(w *walk) ([]circuits.Event, error) {
			to := pick(w.r, circuits.Return{}, circuits.Return{To: circuits.ToDrafter}, circuits.Return{To: circuits.ToPrevious}, circuits.Return{Step: "s1"})
			return w.state.Refuse(w.choice(w.somebody()), "non", to, w.facts)
		}},
		{"undo", func(w *walk) ([]circuits.Event, error) {
			by := circuits.Actor{Person: w.state.UndoableBy()}
			return w.state.Undo(sometimes(w, by), w.digest("remords"), w.clock)
		}},
		{"transfer", func(w *walk) ([]circuits.Event, error) {
			return w.state.Transfer(w.somebody(), w.at(), w.recipient(), "", w.clock)
		}},
		{"ask opinion", func(w *walk) ([]circuits.Event, error) {
			return w.state.AskOpinion(circuits.Question{By: w.somebody(), Step: w.at(), To: []circuits.Recipient{w.recipient()}, Text: "oui ?", Waits: w.r.IntN(2) == 0, Days: w.r.IntN(2), At: w.clock}, w.facts)
		}},
		{"give opinion", func(w *walk) ([]circuits.Event, error) {
			return w.state.GiveOpinion(circuits.Answer{By: w.somebody(), Step: w.at(), Advice: circuits.Advice{Sense: circuits.Favourable}, Seen: w.state.LastSealed(), At: w.clock})
		}},
		{"read", func(w *walk) ([]circuits.Event, error) {
			return w.state.Read(w.somebody(), w.state.LastSealed(), w.clock)
		}},
		{"redirect", func(w *walk) ([]circuits.Event, error) {
			return w.state.Redirect(admin, w.at(), w.r.IntN(3), w.recipient(), "absence", w.facts, w.clock)
		}},
		{"recuse", func(w *walk) ([]circuits.Event, error) {
			if w.r.IntN(4) > 0 {
				return w.state.Recuse(circuits.Actor{}, "", circuits.Recipient{}, w.facts, w.clock)
			}
			return w.state.Recuse(w.somebody(), "conflit", w.recipient(), w.facts, w.clock)
		}},
		{"bypass", func(w *walk) ([]circuits.Event, error) {
			return w.state.Bypass(w.at(), admin, pick(w.r, "", "bloqué"), w.digest("geste"), w.facts, w.clock)
		}},
		{"resume", func(w *walk) ([]circuits.Event, error) { return w.state.Resume(w.facts, w.clock) }},
		{"withdraw", func(w *walk) ([]circuits.Event, error) {
			if w.r.IntN(4) > 0 {
				return w.state.Withdraw(admin, "", w.clock)
			}
			return w.state.Withdraw(sometimes(w, lea), "", w.clock)
		}},
		{"correct", func(w *walk) ([]circuits.Event, error) { return w.correction(sometimes(w, lea)) }},
		{"supersede", func(w *walk) ([]circuits.Event, error) {
			if w.r.IntN(25) > 0 {
				return w.state.Supersede(admin, "autre", "", w.clock)
			}
			return w.state.Supersede(lea, "autre", "", w.clock)
		}},
		{"migrate", func(w *walk) ([]circuits.Event, error) {
			return w.state.Migrate(admin, w.amended(), "", w.facts, w.clock)
		}},
		{"chain", func(w *walk) ([]circuits.Event, error) {
			return w.state.Chain(admin, circuits.Definition{Code: "suite", Version: 1, Steps: []circuits.Step{{ID: "s1", Kind: circuits.External, Desk: "c", Title: "Envoi"}}}, w.facts, w.clock)
		}},
		{"end chain", func(w *walk) ([]circuits.Event, error) { return w.state.EndChain(w.clock) }},
		{"await", func(w *walk) ([]circuits.Event, error) {
			return w.state.Await(max(w.state.SealingStep(), 0), pick(w.r, circuits.AwaitsTimestamp, "clé"), w.clock)
		}},
		{"seal", func(w *walk) ([]circuits.Event, error) { return w.machine([]string{"scelle"}) }},
		{"renew", func(w *walk) ([]circuits.Event, error) { return w.machine([]string{"renouvelle"}) }},
		{"archive", func(w *walk) ([]circuits.Event, error) { return w.state.Archive(admin, "SAE", w.clock) }},
		{"clock", func(w *walk) ([]circuits.Event, error) {
			events, err := w.state.Due(w.clock, w.facts)
			if next := w.state.NextDue(w.facts.Calendar); len(events) > 0 && (next.IsZero() || w.clock.Before(next)) {
				return nil, fmt.Errorf("the clock says something at %s and was next due at %s", w.clock, next)
			}
			return events, err
		}},
	}
}

func (w *walk) correction(by circuits.Actor) ([]circuits.Event, error) {
	if w.r.IntN(4) > 0 && w.state.Phase == circuits.Running {
		return nil, circuits.ErrDrafter // most walks go on
	}
	c := circuits.Correction{By: by, Document: w.digest("corrigée"), Bytes: 1, At: w.clock, Nature: pick(w.r, "", circuits.Minor, circuits.Substantial)}
	if c.Nature == circuits.Substantial {
		c.From = pick(w.r, "", circuits.StepID("s2"), circuits.StepID("s3"))
	}
	if w.r.IntN(2) == 0 {
		annexes := []circuits.Digest{w.digest("annexe")}
		return w.state.ChangeAnnexes(circuits.AnnexChange{By: by, Annexes: annexes[:w.r.IntN(2)], Nature: c.Nature, From: c.From, At: w.clock}, w.facts)
	}
	return w.state.Correct(c, w.facts)
}

// amended is the circuit of the walk with a step more, less or changed.
func (w *walk) amended() circuits.Definition {
	d := w.state.Circuit
	d.Version++
	d.Steps = slices.Clone(d.Steps)
	if len(d.Steps) == 0 {
		return d
	}
	i := w.r.IntN(len(d.Steps))
	switch w.r.IntN(3) {
	case 0:
		d.Steps = slices.Delete(d.Steps, i, i+1)
	case 1:
		d.Steps = slices.Insert(d.Steps, i, w.randomStep(fmt.Sprintf("n%d", len(d.Steps)), i))
	default:
		d.Steps[i] = w.randomStep(string(d.Steps[i].ID), i)
	}
	return d
}

// advance lets time pass and metadata change.
func (w *walk) advance() {
	w.clock = w.clock.Add(time.Minute)
	if w.r.IntN(10) == 0 {
		w.clock = w.clock.AddDate(0, 0, w.r.IntN(5))
	}
	for i := range 8 {
		for _, prefix := range []string{"s", "n"} {
			w.facts.Conditions[circuits.StepID(fmt.Sprintf("%s%d", prefix, i))] = w.r.IntN(4) > 0
			w.facts.Conditions[circuits.StepID(fmt.Sprintf("%s%d-2", prefix, i))] = true
		}
	}
}

// TestRandomJourneys walks and checks what must hold whatever happens. What it
// went through is published in docs/circuits-coverage.md.
func TestRandomJourneys(t *testing.T) {
	t.Parallel()
	seen := coverage{}
	for seed := range uint64(500) {
		w := newWalk(seed)
		for range 90 {
			w.stroke(t, seed, seen)
		}
		if folded := circuits.Fold(journaled(t, w.events)); !reflect.DeepEqual(folded, w.state) {
			t.Fatalf("seed %d: the journal folds to\n%s\nand the state is\n%s", seed, encoded(t, folded), encoded(t, w.state))
		}
		var row circuits.State
		if err := json.Unmarshal([]byte(encoded(t, w.state)), &row); err != nil || encoded(t, row) != encoded(t, w.state) {
			t.Fatalf("seed %d: the row reads back otherwise: %v", seed, err)
		}
	}
	seen.complete(t)
	compare(t, "../docs/circuits-coverage.md", seen.page())
}

// likely is the command that makes a dossier go on, so that walks go far.
func (w *walk) likely() string {
	switch s := w.state; {
	case s.Phase == "":
		return "deposit"
	case s.Phase == circuits.Draft || s.Phase == circuits.Withdrawn:
		return "start"
	case s.Phase == circuits.Refused:
		return "recycle"
	case s.SealingStep() >= 0:
		return "seal"
	case s.AutoStep() >= 0:
		return "automatic seal"
	case s.BlockedStep() >= 0:
		return "resume"
	case len(s.OpenTurns()) > 0:
		return map[circuits.Kind]string{
			circuits.Visa: "visa", circuits.Signature: "sign", circuits.Seal: "seal in person", circuits.Opinion: "opinion", circuits.External: "external act",
		}[s.Circuit.Steps[s.OpenTurns()[0].Step].Kind]
	}
	return ""
}

// stroke gives one command and checks all that must hold around it.
func (w *walk) stroke(t *testing.T, seed uint64, seen coverage) {
	t.Helper()
	w.advance()
	all := strokes()
	c := all[w.r.IntN(len(all))]
	if likely := w.likely(); likely != "" && w.r.IntN(3) == 0 {
		c = all[slices.IndexFunc(all, func(c stroke) bool { return c.name == likely })]
	}
	before, image := w.state, encoded(t, w.state)
	events, err := c.do(w)
	if encoded(t, before) != image {
		t.Fatalf("seed %d: %s changed the state it was asked of", seed, c.name)
	}
	seen.count(before, c.name, len(events), err)
	if err != nil {
		if len(events) != 0 {
			t.Fatalf("seed %d: %s refused with %d events", seed, c.name, len(events))
		}
		known := false
		for _, sentinel := range refusals() {
			known = known || errors.Is(err, sentinel)
		}
		if !known {
			t.Fatalf("seed %d: %s: not a sentinel: %v", seed, c.name, err)
		}
		return
	}
	if len(events) == 0 && c.name != "clock" {
		t.Fatalf("seed %d: %s: neither an event nor a refusal", seed, c.name)
	}
	if err := w.happen(events); err != nil {
		t.Fatalf("seed %d, %s in %s:\n%v\n%s", seed, c.name, image, err, w.trace())
	}
	for _, broken := range broken(before, w.state, events) {
		t.Fatalf("seed %d, after %s: %s\n%s\n%s", seed, c.name, broken, w.trace(), encoded(t, w.state))
	}
	if len(events) > 0 {
		w.undoes(t, seed, before, events[0])
	}
}

// undoes checks that a decision taken back at once leaves everything as it
// was, but for the count of rounds and of events and the trace of the decision.
func (w *walk) undoes(t *testing.T, seed uint64, before circuits.State, first circuits.Event) {
	t.Helper()
	n := len(w.state.Decisions)
	if n == len(before.Decisions) {
		return
	}
	d := w.state.Decisions[n-1]
	events, err := w.state.Undo(d.By, w.digest("remords"), w.clock)
	if first.Kind() == circuits.KindBypassed || d.Verdict == circuits.Signs || d.Verdict == circuits.Seals || w.state.Phase == circuits.Completed || w.state.Next != "" {
		if err == nil {
			t.Fatalf("seed %d: a %s is undone", seed, d.Verdict)
		}
		return
	}
	if err != nil {
		t.Fatalf("seed %d: a %s cannot be undone at once: %v", seed, d.Verdict, err)
	}
	after := w.state.Apply(events[0])
	if after.Decisions[n-1].Standing != circuits.Undone {
		t.Fatalf("seed %d: undone, the decision %s", seed, after.Decisions[n-1].Standing)
	}
	who, was := after.UndoableBy(), before.UndoableBy()
	after.Decisions, after.Round, after.Events = after.Decisions[:n-1], before.Round, before.Events
	if before.SentBack != nil { // the return that came before can no longer be taken back
		before.SentBack, was = nil, who
	}
	// A state that opened its step without an event says the same with turns.
	if len(before.Decisions) == 0 {
		before.Decisions, after.Decisions = nil, nil
	}
	if who != was || encoded(t, after) != encoded(t, before) {
		t.Fatalf("seed %d: a %s undone leaves\n%s\nnot\n%s\n(by %s, was %s)\n%s", seed, d.Verdict, encoded(t, after), encoded(t, before), who, was, w.trace())
	}
}

// broken names the invariants that do not hold after a command.
func broken(before, after circuits.State, events []circuits.Event) (out []string) {
	say := func(wrong bool, format string, args ...any) {
		if wrong {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	for _, e := range events {
		allowed := []string{circuits.KindRenewed, circuits.KindArchived, circuits.KindRead}
		say(before.Phase == circuits.Completed && !slices.Contains(allowed, e.Kind()), "%s after the end", e.Kind())
		say(before.SupersededBy != "" && e.Kind() != circuits.KindRead, "%s after another dossier replaced it", e.Kind())
	}
	busy, pending := 0, false
	for i, st := range after.Steps {
		def := after.Circuit.Steps[i]
		switch st.Status {
		case circuits.Open, circuits.Sealing, circuits.Blocked, circuits.Rejects:
			busy++
		default:
		}
		sealed := !st.Sealed.IsZero() || st.Status == circuits.Sealing
		say(sealed && pending, "step %s is signed before its conditions", def.ID)
		say(after.Phase == circuits.Completed && (def.Kind == circuits.Signature || def.Kind == circuits.Seal) && st.Status != circuits.Skipped && st.Sealed.IsZero(),
			"completed with %s unsealed", def.ID)
		say(after.Phase == circuits.Completed && !slices.Contains([]circuits.Status{circuits.Done, circuits.Skipped, circuits.Bypassed}, st.Status),
			"completed with %s %s", def.ID, st.Status)
		pending = pending || st.Status == circuits.Ahead && def.Kind != circuits.Information || st.Status == circuits.Open || st.Status == circuits.Blocked
		out = append(out, brokenStep(after, i, events)...)
	}
	say(busy > 1, "%d steps at work", busy)
	say(after.Phase == circuits.Running && after.Next == "" && busy != 1, "%d steps at work while it runs", busy)
	say(len(after.Decisions) < len(before.Decisions) || after.Version < before.Version || after.Events < before.Events, "something went backwards")
	say(after.Version == before.Version && before.Phase != "" && after.Document != before.Document, "the document changed within its version")
	for i, d := range before.Decisions {
		now := after.Decisions[i].Standing
		undo := len(events) > 0 && events[0].Kind() == circuits.KindUndone
		say(d.Standing != now && !undo && (d.Standing == circuits.Lapsed || d.Standing == circuits.Undone), "decision %d was %s and is %s", i, d.Standing, now)
		say(now == circuits.Maintained && (d.Verdict == circuits.Signs || d.Verdict == circuits.Seals) && after.Version != d.Version, "a signature is maintained")
	}
	for _, x := range after.Decisions[len(before.Decisions):] {
		for _, r := range before.Recused {
			say(x.By.Person == r.Person, "%s decided after declaring a conflict", r.Person)
		}
	}
	return out
}

// brokenStep names the invariants of one step that do not hold.
func brokenStep(s circuits.State, i int, events []circuits.Event) (out []string) {
	st, def := s.Steps[i], s.Circuit.Steps[i]
	holders := map[string]bool{}
	for _, t := range st.Turns {
		key := fmt.Sprint(t.Desk, t.Person)
		if t.Person != "" {
			key = string(t.Person)
		}
		if t.Status == circuits.Open && holders[key] {
			out = append(out, fmt.Sprintf("two open turns of %s are %s's", def.ID, key))
		}
		holders[key] = holders[key] || t.Status == circuits.Open
	}
	persons, yes := map[circuits.PersonID]bool{}, 0
	for _, d := range s.Decisions {
		if d.Step != i || d.Standing != circuits.Holds && d.Standing != circuits.Maintained {
			continue
		}
		if d.Verdict != circuits.Refuses && d.Verdict != circuits.Bypasses {
			yes++
		}
		counted := []circuits.PersonID{d.By.Person}
		if d.By.For != nil {
			counted = append(counted, d.By.For.Person)
		}
		for _, p := range counted {
			if p != "" && persons[p] && !def.Need.Cumulate && d.Verdict != circuits.Bypasses {
				out = append(out, fmt.Sprintf("%s counts twice at %s", p, def.ID))
			}
			persons[p] = true
		}
	}
	need := len(st.Turns)
	switch def.Need.Mode {
	case circuits.Any:
		need = 1
	case circuits.Quorum:
		need = def.Need.N
	default:
	}
	if def.Auto {
		need = 1
	}
	asks := def.Kind != circuits.Information && def.Kind != circuits.Opinion // an opinion may expire
	ended := slices.ContainsFunc(events, func(e circuits.Event) bool {       // a migration may ask otherwise of what is done
		d, decided := e.(circuits.StepDecided)
		x, sealed := e.(circuits.StepSealed)
		return decided && d.Step == i || sealed && x.Step == i
	})
	if st.Status == circuits.Done && asks && ended && yes < need {
		out = append(out, fmt.Sprintf("%s is done with %d of %d", def.ID, yes, need))
	}
	if st.Status == circuits.Ahead && yes > 0 {
		out = append(out, fmt.Sprintf("%s is ahead with %d decisions that count", def.ID, yes))
	}
	return out
}

// A coverage counts what walks went through: situation, command, verdict.
type coverage map[[2]string]map[string]int

func (c coverage) count(s circuits.State, command string, events int, err error) {
	key := [2]string{where(s), command}
	if c[key] == nil {
		c[key] = map[string]int{}
	}
	verdict := "accepted"
	if err != nil {
		verdict = "refused"
	} else if events == 0 {
		verdict = "nothing"
	}
	c[key][verdict]++
}

// where is the situation of a dossier, as the table of coverage has it.
func where(s circuits.State) string {
	switch {
	case s.Phase == "":
		return "never deposited"
	case s.SupersededBy != "":
		return "superseded"
	case s.Phase != circuits.Running:
		return string(s.Phase)
	case s.Next != "":
		return "running, between two circuits"
	case s.SealingStep() >= 0:
		return "running, sealing"
	case s.BlockedStep() >= 0:
		return "running, blocked"
	case s.AutoStep() >= 0:
		return "running, at the machine’s seal"
	}
	i, several := s.OpenSteps()[0], ""
	if len(s.Steps[i].Turns) > 1 {
		several = " of several"
	}
	return "running, at a step “" + string(s.Circuit.Steps[i].Kind) + "”" + several
}

func (c coverage) situations() []string {
	var out []string
	for key := range c {
		if !slices.Contains(out, key[0]) {
			out = append(out, key[0])
		}
	}
	slices.Sort(out)
	return out
}

// complete fails when a command was never accepted, or few situations met it.
func (c coverage) complete(t *testing.T) {
	t.Helper()
	missed := 0
	for _, s := range strokes() {
		accepted := 0
		for _, where := range c.situations() {
			accepted += c[[2]string{where, s.name}]["accepted"]
			if len(c[[2]string{where, s.name}]) == 0 {
				missed++
			}
		}
		if accepted == 0 {
			t.Errorf("never accepted: %s", s.name)
		}
	}
	if n := len(c.situations()); n < 18 || missed > n {
		t.Errorf("%d situations met, %d cells never tried: %v", n, missed, c.situations())
	}
}

// page writes the table: for each situation and command, how many times it was
// accepted out of how many it was tried.
func (c coverage) page() string {
	var out strings.Builder
	out.WriteString(coveragePreface)
	cells, tried, accepted := 0, 0, 0
	var table strings.Builder
	table.WriteString("|  |")
	for _, s := range c.situations() {
		fmt.Fprintf(&table, " %s |", s)
	}
	table.WriteString("\n|---|" + strings.Repeat("--:|", len(c.situations())) + "\n")
	for _, s := range strokes() {
		fmt.Fprintf(&table, "| %s |", s.name)
		for _, where := range c.situations() {
			n := c[[2]string{where, s.name}]
			yes, all := n["accepted"], n["accepted"]+n["refused"]+n["nothing"]
			if yes > 0 {
				fmt.Fprintf(&table, " **%d** / %d |", yes, all)
			} else {
				fmt.Fprintf(&table, " 0 / %d |", all)
			}
			tried, accepted = tried+all, accepted+yes
			if all > 0 {
				cells++
			}
		}
		table.WriteString("\n")
	}
	fmt.Fprintf(&out, "%d commands were given, %d of them accepted, in %d situations: %d of %d cells were tried.\n\n",
		tried, accepted, len(c.situations()), cells, len(c.situations())*len(strokes()))
	out.WriteString(table.String())
	return out.String()
}

const coveragePreface = `# What random journeys went through

Made by ` + "`go test ./circuits -run TestRandomJourneys -update`" + ` and compared by the same test. 500 circuits are drawn at random
(1 to 5 steps of every kind, every rule of actors, every need, conditions, delays), each with a town that may lack holders,
and 90 commands are given to each dossier, sensible or not, by the right person or not. After each command the test checks
that no turn has two holders, that nothing is signed before its conditions, that the journal folds to the row and is admitted
event by event by a replay without facts, that a decision taken back at once leaves everything as it was, that nobody counts
twice at a step (a delegate and the principal neither), that a completed dossier has every signature sealed, that nothing
moves after the end, and that no decision that lapsed counts again.

A cell is: accepted / tried.

`

// journaled writes events as the journal keeps them and reads them back.
func journaled(t *testing.T, events []circuits.Event) []circuits.Event {
	t.Helper()
	var out []circuits.Event
	for _, e := range events {
		back, err := circuits.Decode(e.Kind(), []byte(encoded(t, e)))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, e) {
			t.Fatalf("read back %+v, wrote %+v", back, e)
		}
		out = append(out, back)
	}
	return out
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
