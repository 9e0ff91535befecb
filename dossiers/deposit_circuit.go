package dossiers

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"parapheur/circuits"
)

// An AdHocStep is a step that a depositor composed.
type AdHocStep struct {
	Kind  circuits.Kind
	Desk  circuits.DeskID
	Title string
}

// maxAdHoc is how many steps a depositor may compose.
const maxAdHoc = 30

// AdHoc is the circuit of steps that a depositor composed, one after the
// other. Their identifiers are "1", "2"…
func AdHoc(steps []AdHocStep) circuits.Definition {
	d := circuits.Definition{Code: "sur-mesure", Version: 1, Name: "Circuit composé au dépôt"}
	for i, st := range steps {
		d.Steps = append(d.Steps, circuits.Step{ID: circuits.StepID(strconv.Itoa(i + 1)), Kind: st.Kind, Desk: st.Desk, Title: st.Title})
	}
	return d
}

// choices are the circuits that letters of a type may ask for: those that the
// type names, or all where circuits may be composed.
func (g Organisation) choices(y TypeSetup) (out []circuits.Definition) {
	named := []string{y.Circuit}
	for _, r := range y.Rules {
		named = append(named, r.Circuit)
	}
	for _, c := range g.Circuits {
		if c.Published != nil && (y.AdHoc || slices.Contains(named, c.Code)) {
			out = append(out, *c.Published)
		}
	}
	return out
}

// OpenType returns a type under which v may deposit, with what it inherits,
// and the circuits that may be asked for by Draft.Circuit.
func (o *Office) OpenType(ctx context.Context, v Viewer, code string) (TypeSetup, []circuits.Definition, error) {
	g, err := o.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		return TypeSetup{}, nil, err
	}
	y, ok := g.Type(code)
	if !ok || y.Inactive || !y.Permissions.allows(v) || v.Application != nil && !v.Application.Handles(code) {
		return y, nil, fmt.Errorf("type %s: %w", code, ErrNotFound)
	}
	return y, g.choices(y), nil
}

// asked checks the circuit that a depositor asked for: one that the type
// names, or one of their own where the type lets compose.
func (g Organisation) asked(y TypeSetup, d circuits.Definition) error {
	if slices.ContainsFunc(g.choices(y), func(x circuits.Definition) bool { return x.Hash() == d.Hash() }) {
		return nil
	}
	if !y.AdHoc {
		return &InvalidError{"circuit", "Le type « " + y.Name + " » ne permet pas de composer un circuit : prenez l’un des siens, ou voyez avec votre administrateur."}
	}
	if len(d.Steps) > maxAdHoc {
		return &InvalidError{"circuit", "Un circuit composé compte au plus 30 étapes."}
	}
	for _, st := range d.Steps {
		desk, ok := g.Desk(st.Desk)
		if !ok || desk.Inactive {
			return &InvalidError{"circuit", "L’étape « " + st.Title + " » ne va à aucun bureau en service."}
		}
	}
	if err := d.Check(); err != nil {
		return &InvalidError{"circuit", "Ce circuit ne peut pas être suivi : il lui faut au moins une signature ou un cachet."}
	}
	return nil
}

// placed completes the places asked for with the sizes of the pages.
func (x *Origin) placed(main Received) {
	for i, p := range x.Places {
		if p.Page >= 1 && p.Page <= len(main.sizes) {
			x.Places[i].Width, x.Places[i].Height = main.sizes[p.Page-1][0], main.sizes[p.Page-1][1]
		}
	}
}
