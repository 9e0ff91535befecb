package dossiers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"parapheur/circuits"
	"parapheur/internal/segments"
)

// visible returns the dossier if v may see it, or ErrNotFound.
func (o *Office) visible(ctx context.Context, v Viewer, id ID) (Dossier, error) {
	d, err := o.Store.Dossier(ctx, v.Tenant.ID, id)
	if err != nil {
		return d, err
	}
	if sees(v, d) {
		return d, nil
	}
	m, _, err := o.matter(ctx, v, id) // in somebody's place, maybe
	return m.Dossier, err
}

// sees reports whether d is v's to see in their own right: an application sees
// what it deposited, or all with ScopeDossiersAll, of the types it may handle;
// a person what they drafted, what travels by a desk they hold or prepare,
// what was asked of them, and what they decided.
func sees(v Viewer, d Dossier) bool {
	if v.Person == nil {
		return v.Application.Handles(d.TypeCode) && (v.All || d.State.Depositor.Application == v.Application.ID)
	}
	if d.Drafter.Person == v.Person.ID {
		return true
	}
	for _, to := range recipients(d.State) {
		_, holds := v.Person.Seat(to.Desk)
		if to.Person == v.Person.ID || holds || slices.Contains(v.Person.Prepares, to.Desk) {
			return true
		}
	}
	return slices.ContainsFunc(d.State.Decisions, func(x circuits.Decision) bool { return x.By.Person == v.Person.ID })
}

// recipients are the desks and people by whom a dossier travels, or who were
// asked about it.
func recipients(s circuits.State) (out []circuits.Recipient) {
	for _, st := range s.Circuit.Steps {
		out = append(out, circuits.Recipient{Desk: st.Desk})
		for _, r := range st.Actors {
			out = append(out, circuits.Recipient{Desk: r.Desk})
		}
	}
	for _, st := range s.Steps {
		for _, t := range st.Turns {
			out = append(out, circuits.Recipient{Desk: t.Desk, Person: t.Person})
		}
		for _, q := range st.Asked {
			out = append(out, q.To)
		}
	}
	return out
}

// sees adds to what somebody sees in their own right what they may act on in
// somebody's place, what they supervise and, for an administrator, what nobody
// can act on: they let it go on.
func (c circumstances) sees(v Viewer, d Dossier) bool {
	if sees(v, d) || v.Person == nil {
		return v.Person != nil || sees(v, d)
	}
	for _, turn := range d.State.OpenTurns() {
		if _, err := c.capacity(*v.Person, turn, d.State.Circuit.Steps[turn.Step].Kind); err == nil {
			return true
		}
	}
	if v.Person.Admin && d.State.BlockedStep() >= 0 {
		return true
	}
	for _, to := range recipients(d.State) {
		if desk, ok := c.town.Desk(to.Desk); ok && slices.Contains(desk.Supervisors, v.Person.ID) {
			return true
		}
	}
	return false
}

// View returns a dossier with its path, its history and what v may do, among
// its neighbours in the bin where v would look for it.
func (o *Office) View(ctx context.Context, v Viewer, id ID) (View, error) {
	return o.ViewIn(ctx, v, id, "")
}

// ViewIn is View with the neighbours of the dossier in one bin of v.
func (o *Office) ViewIn(ctx context.Context, v Viewer, id ID, b Bin) (View, error) {
	m, c, err := o.matter(ctx, v, id)
	if err != nil {
		return View{}, err
	}
	d := m.Dossier
	out := View{Dossier: d, Filing: m.Filing, Step: -1, circumstances: c, reader: v.Person}
	desks, err := o.Store.Desks(ctx, v.Tenant.ID)
	if err != nil {
		return View{}, err
	}
	circuit, steps := d.State.Circuit, d.State.Steps
	if len(circuit.Steps) == 0 { // a draft shows the circuit it would take today
		if circuit, err = c.town.CircuitFor(c.kind, c.values, c.now); err != nil && !errors.Is(err, ErrInvalid) {
			return View{}, err // its type may be gone, or a field be missing
		}
	}
	out.Path = path(circuit, steps, d.State.Decisions, desks)
	if out.History, err = o.history(ctx, v.Tenant, id); err != nil {
		return View{}, err
	}
	if v.Person == nil {
		return out, nil
	}
	out.verbs(c, *v.Person, circuit)
	if out.Opened, err = o.Store.Opened(ctx, v.Tenant.ID, id, v.Person.ID, d.Main().Revision.SHA256); err != nil {
		return View{}, err
	}
	return out, o.place(ctx, v, &out, b)
}

// path draws the circuit as it stands.
func path(c circuits.Definition, steps []circuits.StepState, decisions []circuits.Decision, desks []Desk) []PathStep {
	out := make([]PathStep, len(c.Steps))
	for i, st := range c.Steps {
		out[i] = PathStep{Step: st, Status: circuits.Ahead}
		if i < len(steps) {
			out[i].Status, out[i].Awaiting = steps[i].Status, steps[i].Awaiting
		}
		if i < len(steps) {
			out[i].State = steps[i]
		}
		out[i].turns(desks)
		for k := range decisions {
			if x := decisions[k]; x.Step == i && (x.Standing == circuits.Holds || x.Standing == circuits.Maintained) {
				out[i].Decision = &decisions[k]
				out[i].Decisions = append(out[i].Decisions, x)
			}
		}
	}
	return out
}

// turns names who has the turns of a step, or would have them.
func (p *PathStep) turns(desks []Desk) {
	all := p.State.Turns
	if len(all) == 0 {
		for _, r := range append([]circuits.ActorRule{{Rule: circuits.NamedDesk, Desk: p.Step.Desk}}, p.Step.Actors...) {
			if r.Desk != "" {
				all = append(all, circuits.Turn{Desk: r.Desk, Status: circuits.Ahead})
			}
		}
	}
	for i, t := range all {
		turn := PathTurn{Turn: t}
		if k := slices.IndexFunc(desks, func(d Desk) bool { return d.ID == t.Desk }); k >= 0 {
			turn.Desk = desks[k].Name
			if !desks[k].Closed {
				turn.Holders = desks[k].Holders
			}
		}
		if t.Person != "" {
			turn.Holders = slices.DeleteFunc(slices.Clone(turn.Holders), func(h Holder) bool { return h.Person != t.Person })
		}
		if i == 0 {
			p.Desk = turn.Desk
		} else if turn.Desk != "" {
			p.Desk += ", " + turn.Desk
		}
		p.Holders = append(p.Holders, turn.Holders...)
		p.Turns = append(p.Turns, turn)
	}
}

func (o *Office) history(ctx context.Context, t Tenant, id ID) ([]Happening, error) {
	entries, err := o.Store.JournalOf(ctx, t.ID, id)
	if err != nil {
		return nil, err
	}
	out := make([]Happening, len(entries))
	for i, e := range entries {
		ev, err := circuits.Decode(e.Kind, e.Body)
		if err != nil {
			return nil, fmt.Errorf("history of %s, entry %d: %w", id, e.Seq, err)
		}
		out[i] = Happening{Seq: e.Seq, At: e.At, Event: ev}
	}
	return out, nil
}

// verbs fills in what p may do now, by asking the circuit itself. next is the
// circuit that a start would take.
func (v *View) verbs(c circumstances, p Person, next circuits.Definition) {
	s, at := v.State, v.UpdatedAt
	facts := c.facts(s, s.Circuit, nil)
	facts.Filled = nil          // what is missing is said when it is asked for
	probe := circuits.Digest{1} // stands for evidence that does not exist yet
	drafter := circuits.Actor{Person: p.ID, Name: p.Name()}
	v.turn(c, p, facts)
	_, undo := s.Undo(drafter, probe, at)
	_, withdraw := s.Withdraw(drafter, "", at)
	_, start := s.Start(drafter, next, c.facts(s, next, someChoice(next)), at)
	_, recycle := s.Recycle(drafter, next, c.facts(s, next, someChoice(next)), at)
	_, supersede := s.Supersede(drafter, "x", "", at)
	can := &v.Can
	can.Undo, can.Withdraw, can.Start, can.Recycle, can.Supersede = undo == nil, withdraw == nil, start == nil, recycle == nil, supersede == nil
	can.Correct = c.corrects(s, p, circuits.Correction{Document: circuits.Digest{1}, Bytes: 1, At: at}, facts) == nil
	for _, st := range s.Circuit.Steps {
		x := circuits.Correction{Document: circuits.Digest{1}, Bytes: 1, From: st.ID, At: at}
		if s.Phase != circuits.Draft && c.corrects(s, p, x, facts) == nil {
			v.Restarts = append(v.Restarts, st)
		}
	}
	can.CorrectMinor = c.corrects(s, p, circuits.Correction{Document: circuits.Digest{1}, Bytes: 1, Nature: circuits.Minor, At: at}, facts) == nil
	for _, q := range s.OpenQuestions() {
		if by, err := c.asked(p, q.To); err == nil {
			v.Question, v.Answers, can.Answer = &q, by, true
			break
		}
	}
	_, recuse := s.Recuse(drafter, "-", circuits.Recipient{}, facts, at)
	can.Recuse = recuse == nil && (v.Can.Decide() || slices.ContainsFunc(recipients(s), func(to circuits.Recipient) bool {
		_, holds := p.Seat(to.Desk)
		return holds
	}))
	if g, err := (gesture{}).bypass(s, p); err == nil {
		_, err = s.Bypass(g.step, g.by, "-", probe, c.facts(s, s.Circuit, nil), at)
		can.Bypass = err == nil
	}
}

// turn fills in what p may decide at the turn that is theirs to take.
func (v *View) turn(c circumstances, p Person, facts circuits.Facts) {
	s, at, probe := v.State, v.UpdatedAt, circuits.Digest{1}
	for _, turn := range s.OpenTurns() {
		kind := s.Circuit.Steps[turn.Step].Kind
		by, err := c.capacity(p, turn, kind)
		if err != nil {
			if v.Why == nil && !errors.Is(err, circuits.ErrDesk) {
				v.Why = err
			}
			continue
		}
		choice := circuits.Choice{By: by, Step: turn.Step, Seen: s.LastSealed(), Evidence: probe, Assurance: strongest, At: at}
		may := func(_ []circuits.Event, err error) bool {
			if err == nil || errors.Is(err, circuits.ErrFields) || errors.Is(err, circuits.ErrFacts) || errors.Is(err, circuits.ErrMustRead) {
				return true // said, and settled, on the page of the decision
			}
			v.Why = err
			return false
		}
		v.Why = nil
		can := &v.Can
		switch kind {
		case circuits.Visa:
			can.Visa = may(s.Visa(choice, facts))
		case circuits.Signature:
			can.Sign = may(s.Sign(choice, facts))
		case circuits.Seal:
			can.Seal = may(s.Cachet(choice, facts))
		case circuits.Opinion:
			can.Advise = may(s.Opinion(choice, circuits.Advice{Sense: circuits.Favourable}, facts))
		case circuits.External:
			can.Record = may(s.External(choice, circuits.Outside{Means: "other", Proof: probe, On: at}, facts))
		case circuits.Information:
		}
		why := v.Why
		can.Refuse = may(s.Refuse(choice, "-", circuits.Return{}, facts))
		v.Why = why
		v.returns(choice, facts)
		to := circuits.Recipient{Desk: "x"}
		_, transfer := s.Transfer(by, turn.Step, to, "", at)
		_, ask := s.AskOpinion(circuits.Question{By: by, Step: turn.Step, To: []circuits.Recipient{to}, Text: "-", At: at}, facts)
		can.Transfer, can.Ask = transfer == nil, ask == nil
		v.As, v.By, v.Step = Seat{Desk: by.Desk, Quality: by.Quality}, by, turn.Step
		if seat, ok := p.Seat(turn.Desk); ok {
			v.As.Name = seat.Name
		}
		return
	}
}

// returns lists the earlier steps to which a refusal may send the dossier:
// those that the circuit lets choose, or the previous one.
func (v *View) returns(choice circuits.Choice, facts circuits.Facts) {
	if v.State.Circuit.Steps[choice.Step].RefuseTo.To == circuits.ToPrevious {
		events, err := v.State.Refuse(choice, "-", circuits.Return{To: circuits.ToPrevious}, facts)
		for _, e := range events {
			if x, ok := e.(circuits.StepRefused); ok && err == nil && x.BackTo > 0 {
				v.Returns = []circuits.Step{v.State.Circuit.Steps[x.BackTo-1]}
			}
		}
		return
	}
	for i := range choice.Step {
		st := v.State.Circuit.Steps[i]
		if _, err := v.State.Refuse(choice, "-", circuits.Return{To: circuits.ToChosen, Step: st.ID}, facts); err == nil {
			v.Returns = append(v.Returns, st)
		}
	}
}

// someChoice picks a desk wherever a circuit lets choose: what matters is
// whether a start is possible at all.
func someChoice(d circuits.Definition) map[circuits.StepID]circuits.DeskID {
	out := map[circuits.StepID]circuits.DeskID{}
	for _, st := range d.Steps {
		for _, r := range st.Actors {
			if r.Rule == circuits.ChosenAtStart && len(r.Among) > 0 {
				out[st.ID] = r.Among[0]
			}
		}
	}
	return out
}

// corrects says whether p may correct, in the first of their capacities that
// the circuit accepts.
func (c circumstances) corrects(s circuits.State, p Person, x circuits.Correction, f circuits.Facts) error {
	_, err := c.correct(s, circuits.Actor{Person: p.ID, Name: p.Name()}, p.Seats, x, f)
	return err
}

// correct asks the circuit, from no desk and then from each seat.
func (c circumstances) correct(s circuits.State, by circuits.Actor, seats []Seat, x circuits.Correction, f circuits.Facts) ([]circuits.Event, error) {
	x.By = by
	events, err := s.Correct(x, f)
	for _, seat := range seats {
		if !errors.Is(err, circuits.ErrDrafter) {
			break
		}
		x.By.Desk, x.By.Quality = seat.Desk, seat.Quality
		events, err = s.Correct(x, f)
	}
	return events, err
}

// asked says in which capacity p answers a question put to a desk or to them.
func (c circumstances) asked(p Person, to circuits.Recipient) (circuits.Actor, error) {
	return c.capacity(p, circuits.OpenTurn{Desk: to.Desk, Person: to.Person}, circuits.Opinion)
}

// A TypeView is a type with the circuit it takes and who will act.
type TypeView struct {
	Type
	Path []PathStep
	// Ahead says why a signature of the circuit could not be completed today.
	Ahead []StepReadiness
}

// Types lists the types of the town.
func (o *Office) Types(ctx context.Context, v Viewer) ([]TypeView, error) {
	types, err := o.Store.Types(ctx, v.Tenant.ID)
	if err != nil {
		return nil, err
	}
	desks, err := o.Store.Desks(ctx, v.Tenant.ID)
	if err != nil {
		return nil, err
	}
	out := make([]TypeView, 0, len(types))
	for _, y := range types {
		if v.Application == nil || v.Application.Handles(y.Code) {
			ahead, err := o.readiness(ctx, v.Tenant, y, desks)
			if err != nil {
				return nil, err
			}
			out = append(out, TypeView{Type: y, Path: path(y.Circuit, nil, nil, desks), Ahead: ahead})
		}
	}
	return out, nil
}

// owner narrows lists to the application's own dossiers, or is empty for all.
func (v Viewer) owner() string {
	if v.All {
		return ""
	}
	return v.Application.ID
}

// Search lists the dossiers an application may see.
func (o *Office) Search(ctx context.Context, v Viewer, f Filter, p Page) ([]Dossier, string, error) {
	if v.Application == nil {
		return nil, "", fmt.Errorf("search: %w", ErrForbidden)
	}
	f.Types = v.Application.Types
	return o.Store.Search(ctx, v.Tenant.ID, v.owner(), f, clamp(p))
}

func clamp(p Page) Page {
	if p.Limit < 1 {
		p.Limit = 50
	}
	p.Limit = min(p.Limit, 100)
	return p
}

// Events reads the feed of an application: the journal of the town, entries
// about its own dossiers only, after seq, in order and without gap. A point
// that the journal has not reached is refused: who waits there would miss all
// that happens until then.
func (o *Office) Events(ctx context.Context, v Viewer, after int64, limit int) ([]FeedEntry, error) {
	if v.Application == nil {
		return nil, fmt.Errorf("events: %w", ErrForbidden)
	}
	found, err := o.Store.Feed(ctx, v.Tenant.ID, v.owner(), v.Application.Types, after, min(max(limit, 1), 1000))
	if err != nil || len(found) > 0 || after == 0 {
		return found, err
	}
	head, err := o.Store.JournalHead(ctx, v.Tenant.ID)
	if err == nil && after > head.Seq {
		err = &InvalidError{"after", "Ce point n’existe pas encore dans ce journal : il vient d’une autre collectivité, ou d’avant une restauration. Reprenez à 0, ou relisez les dossiers changés depuis (updated_after)."}
	}
	return nil, err
}

// A Content is an open document. Close it.
type Content struct {
	Document
	Chosen Revision // the revision that is read
	*io.SectionReader
	parts []Blob
}

// Close releases the segments.
func (c *Content) Close() error {
	var errs []error
	for _, p := range c.parts {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// Content opens document n of a dossier. which is "" or "current" for the bytes as they
// stand (signed once they are), "approved" for the bytes as deposited in the
// current version, or "v1", "v2" for the last bytes of a version. Opening the
// letter as it stands marks it as opened by a person.
func (o *Office) Content(ctx context.Context, v Viewer, id ID, n int, which string) (*Content, error) {
	d, err := o.visible(ctx, v, id)
	if err != nil {
		return nil, err
	}
	k := slices.IndexFunc(d.Documents, func(x Document) bool { return x.N == n })
	if k < 0 {
		return nil, fmt.Errorf("document %d of %s: %w", n, id, ErrNotFound)
	}
	doc := d.Documents[k]
	chosen, err := o.choose(ctx, v.Tenant, id, doc, which)
	if err != nil {
		return nil, err
	}
	c, err := o.openRevision(ctx, chosen)
	if err != nil {
		return nil, fmt.Errorf("document %d of %s: %w", n, id, err)
	}
	c.Document = doc
	if n == 1 && v.Person != nil && chosen.SHA256 == doc.Revision.SHA256 {
		if err := o.Store.MarkOpened(ctx, v.Tenant.ID, id, v.Person.ID, chosen.SHA256, o.now()); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

func (o *Office) choose(ctx context.Context, t Tenant, id ID, doc Document, which string) (Revision, error) {
	switch which {
	case "", "current":
		return doc.Revision, nil
	case "approved":
		return doc.Approved, nil
	}
	want, err := strconv.Atoi(strings.TrimPrefix(which, "v"))
	if err != nil || !strings.HasPrefix(which, "v") {
		return Revision{}, &InvalidError{"version", "Demandez « current », « approved », ou une version : « v1 »."}
	}
	all, err := o.Store.Revisions(ctx, t.ID, id, doc.N)
	if err != nil {
		return Revision{}, err
	}
	for _, r := range slices.Backward(all) {
		if r.Version == want {
			return r, nil
		}
	}
	return Revision{}, fmt.Errorf("version %d of document %d of %s: %w", want, doc.N, id, ErrNotFound)
}

// openRevision opens the segments of r as one run of bytes.
func (o *Office) openRevision(ctx context.Context, r Revision) (*Content, error) {
	c := &Content{Chosen: r}
	var parts []segments.Segment
	for _, seg := range r.Segments {
		b, err := o.Blobs.Open(ctx, seg.Digest)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("segment %s: %w", seg.Digest, err), c.Close())
		}
		c.parts = append(c.parts, b)
		parts = append(parts, b)
	}
	whole := segments.Concat(parts...)
	c.SectionReader = io.NewSectionReader(whole, 0, whole.Size())
	return c, nil
}

// PageImage returns a page of document n, as it stands, as a PNG.
func (o *Office) PageImage(ctx context.Context, v Viewer, id ID, n, page, width int) ([]byte, error) {
	r, open, err := o.renderable(ctx, v, id, n)
	if err != nil {
		return nil, err
	}
	return o.Render.Page(ctx, r.SHA256, open, page, width)
}

// PageTexts returns the text of each page of document n, as it stands.
func (o *Office) PageTexts(ctx context.Context, v Viewer, id ID, n int) ([]string, error) {
	r, open, err := o.renderable(ctx, v, id, n)
	if err != nil {
		return nil, err
	}
	return o.Render.Text(ctx, r.SHA256, open)
}

func (o *Office) renderable(ctx context.Context, v Viewer, id ID, n int) (Revision, func() (io.ReadCloser, error), error) {
	d, err := o.visible(ctx, v, id)
	if err != nil {
		return Revision{}, nil, err
	}
	k := slices.IndexFunc(d.Documents, func(x Document) bool { return x.N == n })
	if k < 0 {
		return Revision{}, nil, fmt.Errorf("document %d of %s: %w", n, id, ErrNotFound)
	}
	r := d.Documents[k].Revision
	return r, func() (io.ReadCloser, error) { return o.openRevision(ctx, r) }, nil
}
