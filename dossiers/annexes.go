package dossiers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"parapheur/circuits"
)

// AddAnnex puts a document after the annexes of a dossier and answers its
// number, which no other document of the dossier ever has. In a draft nothing
// else follows. Later the annexes are part of what was decided: they change
// under the rules of a correction, as how says.
func (o *Office) AddAnnex(ctx context.Context, v Viewer, id ID, file Received, how Correction) (d Dossier, n int, err error) {
	d, err = o.changeAnnexes(ctx, v, id, how, func(d Dossier, list []annex) ([]annex, *NewRevision, error) {
		if len(list) >= maxAnnexes {
			return nil, nil, tooManyAnnexes()
		}
		n = d.Numbered + 1
		return append(list, annex{n, file.SHA256}), o.asAnnex(n, 1, file), nil
	})
	return d, n, err
}

// ReplaceAnnex puts a document in the place of annex n, under its number, as
// AddAnnex does. The same bytes again are circuits.ErrSame.
func (o *Office) ReplaceAnnex(ctx context.Context, v Viewer, id ID, n int, file Received, how Correction) (Dossier, error) {
	return o.changeAnnexes(ctx, v, id, how, func(d Dossier, list []annex) ([]annex, *NewRevision, error) {
		k, err := place(list, n)
		if err != nil {
			return nil, nil, err
		}
		if list[k].digest == file.SHA256 {
			return nil, nil, circuits.ErrSame
		}
		list[k].digest = file.SHA256
		return list, o.asAnnex(n, d.Annexes()[k].Approved.Version+1, file), nil
	})
}

// RemoveAnnex takes annex n out, as AddAnnex adds one. Its bytes stay, for the
// trace of what was decided with it.
func (o *Office) RemoveAnnex(ctx context.Context, v Viewer, id ID, n int, how Correction) (Dossier, error) {
	return o.changeAnnexes(ctx, v, id, how, func(_ Dossier, list []annex) ([]annex, *NewRevision, error) {
		k, err := place(list, n)
		if err != nil {
			return nil, nil, err
		}
		return slices.Delete(list, k, k+1), nil, nil
	})
}

// OrderAnnexes puts the annexes in an order that names each of them once, as
// AddAnnex adds one. The order they have is circuits.ErrSame.
func (o *Office) OrderAnnexes(ctx context.Context, v Viewer, id ID, order []int, how Correction) (Dossier, error) {
	return o.changeAnnexes(ctx, v, id, how, func(_ Dossier, list []annex) ([]annex, *NewRevision, error) {
		out := make([]annex, 0, len(list))
		for _, n := range order {
			k, err := place(list, n)
			if err != nil || slices.Contains(out, list[k]) {
				return nil, nil, misordered()
			}
			out = append(out, list[k])
		}
		if len(out) != len(list) {
			return nil, nil, misordered()
		}
		if slices.Equal(out, list) {
			return nil, nil, circuits.ErrSame
		}
		return out, nil, nil
	})
}

// An annex as a list of them is written: its number, what statements bind.
type annex struct {
	n      int
	digest circuits.Digest
}

func place(list []annex, n int) (int, error) {
	k := slices.IndexFunc(list, func(a annex) bool { return a.n == n })
	if k < 0 {
		return k, fmt.Errorf("annex %d: %w", n, ErrNotFound)
	}
	return k, nil
}

func misordered() error {
	return &InvalidError{"annexes", "Citez chaque annexe du dossier une fois, par son numéro (n)."}
}

func tooManyAnnexes() error {
	return &InvalidError{"annexes", "Un dossier porte au plus " + strconv.Itoa(maxAnnexes) + " annexes."}
}

// asAnnex is a document as a version of annex n.
func (o *Office) asAnnex(n, version int, file Received) *NewRevision {
	doc := received(n, file, o.now())
	doc.Revision.Version = version
	return &NewRevision{N: n, Name: doc.Name, Pages: doc.Pages, Revision: doc.Revision, Notices: notices(n, file)}
}

// changeAnnexes runs one change of the list, under the dossier's lock. edit may
// write to the list that it is given.
func (o *Office) changeAnnexes(ctx context.Context, v Viewer, id ID, how Correction, edit func(Dossier, []annex) ([]annex, *NewRevision, error)) (Dossier, error) {
	reason, err := text("reason", how.Reason, 4000)
	if err != nil {
		return Dossier{}, err
	}
	if d, err := o.visible(ctx, v, id); err != nil {
		return d, err
	}
	return o.move(ctx, v, id, "annexes of", func(w Work, c circumstances) (Change, error) {
		var before []annex
		for _, a := range w.Dossier.Annexes() {
			before = append(before, annex{a.N, a.Approved.SHA256})
		}
		list, revision, err := edit(w.Dossier, before)
		if err != nil {
			return Change{}, err
		}
		x := circuits.AnnexChange{Nature: how.Nature, From: how.From, Reason: reason, At: o.now()}
		order := make([]int, len(list))
		for i, a := range list {
			order[i], x.Annexes = a.n, append(x.Annexes, a.digest)
		}
		c.values = derived(c.values, len(list), w.Dossier.Main().Pages)
		events, err := c.reannex(w, v.Actor(""), x)
		return Change{Events: events, Annexes: &order, Revision: revision}, err
	})
}

// reannex asks the circuit, from no desk and then from each seat.
func (c circumstances) reannex(w Work, by circuits.Actor, x circuits.AnnexChange) ([]circuits.Event, error) {
	s := w.Dossier.State
	f := c.facts(s, s.Circuit, nil)
	x.By = by
	events, err := s.ChangeAnnexes(x, f)
	if w.Person == nil {
		return events, err
	}
	for _, seat := range w.Person.Seats {
		if !errors.Is(err, circuits.ErrDrafter) {
			break
		}
		x.By.Desk, x.By.Quality = seat.Desk, seat.Quality
		events, err = s.ChangeAnnexes(x, f)
	}
	return events, err
}
