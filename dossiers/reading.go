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

// maxTray is how far the in-tray is read to place a dossier in it.
const maxTray = 100

// visible returns the dossier if v may see it, or ErrNotFound.
func (o *Office) visible(ctx context.Context, v Viewer, id ID) (Dossier, error) {
	d, err := o.Store.Dossier(ctx, v.Tenant.ID, id)
	if err != nil {
		return d, err
	}
	if !sees(v, d) {
		return Dossier{}, fmt.Errorf("dossier %s: %w", id, ErrNotFound)
	}
	return d, nil
}

// sees reports whether d is v's to see: an application sees what it
// deposited, or all with ScopeDossiersAll; a person what they drafted, what travels by a desk they hold or
// prepare, and what they decided.
func sees(v Viewer, d Dossier) bool {
	if v.Person == nil {
		return v.Application.Handles(d.TypeCode) && (v.All || d.State.Depositor.Application == v.Application.ID)
	}
	if d.Drafter.Person == v.Person.ID {
		return true
	}
	for _, st := range d.State.Circuit.Steps {
		if _, holds := v.Person.Seat(st.Desk); holds || slices.Contains(v.Person.Prepares, st.Desk) {
			return true
		}
	}
	return slices.ContainsFunc(d.State.Decisions, func(x circuits.Decision) bool { return x.By.Person == v.Person.ID })
}

// View returns a dossier with its path, its history and what v may do.
func (o *Office) View(ctx context.Context, v Viewer, id ID) (View, error) {
	d, err := o.visible(ctx, v, id)
	if err != nil {
		return View{}, err
	}
	out := View{Dossier: d, Step: -1}
	desks, err := o.Store.Desks(ctx, v.Tenant.ID)
	if err != nil {
		return View{}, err
	}
	circuit, steps := d.State.Circuit, d.State.Steps
	if len(circuit.Steps) == 0 { // a draft shows the circuit it will take
		kind, err := o.typeOf(ctx, v.Tenant, d.TypeCode)
		if err != nil && !errors.Is(err, ErrInvalid) { // its type may be gone
			return View{}, err
		}
		circuit = kind.Circuit
	}
	out.Path = path(circuit, steps, d.State.Decisions, desks)
	if out.History, err = o.history(ctx, v.Tenant, id); err != nil {
		return View{}, err
	}
	if v.Person == nil {
		return out, nil
	}
	out.verbs(*v.Person, circuit)
	if out.Opened, err = o.Store.Opened(ctx, v.Tenant.ID, id, v.Person.ID, d.Main().Revision.SHA256); err != nil {
		return View{}, err
	}
	return out, o.place(ctx, v, &out)
}

// path draws the circuit as it stands.
func path(c circuits.Definition, steps []circuits.StepState, decisions []circuits.Decision, desks []Desk) []PathStep {
	out := make([]PathStep, len(c.Steps))
	for i, st := range c.Steps {
		out[i] = PathStep{Step: st, Status: circuits.Ahead}
		if i < len(steps) {
			out[i].Status, out[i].Awaiting = steps[i].Status, steps[i].Awaiting
		}
		if k := slices.IndexFunc(desks, func(d Desk) bool { return d.ID == st.Desk }); k >= 0 {
			out[i].Desk, out[i].Holders = desks[k].Name, desks[k].Holders
		}
		for k := range decisions {
			if decisions[k].Step == i && decisions[k].Standing == circuits.Holds {
				out[i].Decision = &decisions[k]
			}
		}
	}
	return out
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
func (v *View) verbs(p Person, next circuits.Definition) {
	s, at := v.State, v.UpdatedAt
	probe := circuits.Digest{1} // stands for evidence that does not exist yet
	drafter := circuits.Actor{Person: p.ID, Name: p.Name()}
	for _, i := range s.OpenSteps() {
		seat, ok := p.Seat(s.Circuit.Steps[i].Desk)
		if !ok {
			continue
		}
		c := circuits.Choice{By: actorAt(p, seat), Step: i, Seen: s.LastSealed(), Evidence: probe, At: at}
		_, visa := s.Visa(c, circuits.Facts{})
		_, sign := s.Sign(c, circuits.Facts{})
		_, refuse := s.Refuse(c, "-", circuits.Return{}, circuits.Facts{})
		v.Can.Visa, v.Can.Sign, v.Can.Refuse = visa == nil, sign == nil, refuse == nil
		v.As, v.Step = seat, i
		break
	}
	_, undo := s.Undo(drafter, probe, at)
	_, withdraw := s.Withdraw(drafter, "", at)
	_, correct := s.Correct(circuits.Correction{By: drafter, Document: circuits.Digest{1}, Bytes: 1, At: at}, circuits.Facts{})
	v.Can.Undo, v.Can.Withdraw, v.Can.Correct = undo == nil, withdraw == nil, correct == nil
	_, start := s.Start(drafter, next, circuits.Facts{}, at)
	v.Can.Start = start == nil
}

// place finds the dossier's neighbours in the viewer's in-tray.
func (o *Office) place(ctx context.Context, v Viewer, out *View) error {
	rows, _, err := o.Store.List(ctx, v.Tenant.ID, *v.Person, BinToDo, Page{Limit: maxTray})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(rows, func(r Row) bool { return r.ID == out.ID })
	if i < 0 {
		if len(rows) > 0 {
			out.Next = rows[0].ID
		}
		return nil
	}
	out.Place, out.Tray = i+1, len(rows)
	if i > 0 {
		out.Previous = rows[i-1].ID
	}
	if i+1 < len(rows) {
		out.Next = rows[i+1].ID
	}
	return nil
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

// Bins counts what waits in each of the viewer's bins.
func (o *Office) Bins(ctx context.Context, v Viewer) (map[Bin]int, error) {
	p, err := v.person()
	if err != nil {
		return nil, fmt.Errorf("bins: %w", err)
	}
	return o.Store.Count(ctx, v.Tenant.ID, p)
}

// List reads one of the viewer's bins.
func (o *Office) List(ctx context.Context, v Viewer, b Bin, p Page) ([]Row, string, error) {
	viewer, err := v.person()
	if err != nil {
		return nil, "", fmt.Errorf("list %s: %w", b, err)
	}
	return o.Store.List(ctx, v.Tenant.ID, viewer, b, clamp(p))
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
// about its own dossiers only, after seq, in order and without gap.
func (o *Office) Events(ctx context.Context, v Viewer, after int64, limit int) ([]FeedEntry, error) {
	if v.Application == nil {
		return nil, fmt.Errorf("events: %w", ErrForbidden)
	}
	return o.Store.Feed(ctx, v.Tenant.ID, v.owner(), v.Application.Types, after, min(max(limit, 1), 1000))
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
