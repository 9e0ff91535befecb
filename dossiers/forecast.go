package dossiers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/internal/conditions"
	"parapheur/internal/trial"
)

// An Intention is a letter that nobody deposited yet.
type Intention struct {
	TypeCode     string
	DrafterEmail string // as in Draft
	Metadata     conditions.Values
	Chosen       map[circuits.StepID]circuits.DeskID // as in Draft
	Circuit      *circuits.Definition                // as in Draft
	Annexes      int
	Pages        int             // of the letter; 0 is 1
	On           delegation.Date // the day it would leave; empty: today
}

// A Forecast is what would become of it.
type Forecast struct {
	// Circuit is the one it would take; without steps when none can be told.
	Circuit circuits.Definition
	Path    trial.Path
	// Missing are the fields to fill before the letter may leave.
	Missing []InvalidError
	// Ahead are the steps whose signature or seal could not be completed today.
	Ahead []StepReadiness
}

// Forecast says where a letter would go, who would act and when it would end at
// the latest, what is missing and which keys are not ready. It writes nothing
// and tells nobody.
func (o *Office) Forecast(ctx context.Context, v Viewer, x Intention) (f Forecast, err error) {
	y, _, err := o.OpenType(ctx, v, x.TypeCode)
	if isNotFound(err) {
		return f, unknownType()
	}
	if err != nil {
		return f, err
	}
	drafter, err := o.drafterOf(ctx, v, x.DrafterEmail)
	if err != nil {
		return f, err
	}
	g, err := o.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		return f, err
	}
	at, err := o.morning(v.Tenant, x.On)
	if err != nil {
		return f, err
	}
	values, missing, err := y.filled(x.Metadata)
	if err != nil {
		return f, err
	}
	f.Missing = missing
	values = derived(values, x.Annexes, max(x.Pages, 1))
	if x.Circuit != nil {
		f.Circuit, err = *x.Circuit, g.asked(y, *x.Circuit)
	} else {
		f.Circuit, err = g.CircuitFor(y, values, at)
	}
	if invalid := (*InvalidError)(nil); errors.As(err, &invalid) && x.Circuit == nil {
		if !slices.ContainsFunc(f.Missing, func(m InvalidError) bool { return m.Field == invalid.Field }) {
			f.Missing = append(f.Missing, *invalid)
		}
		f.Circuit = circuits.Definition{}
		return f, nil
	}
	if err != nil {
		return f, err
	}
	c := trial.Case{Type: y.Code, Values: values, Drafter: drafter.ID, DrafterDesk: circumstances{town: g}.deskOf(drafter.ID)}
	if c.Chosen, err = g.picked(x.Chosen); err != nil {
		return f, err
	}
	found, err := o.resources(ctx, v.Tenant, g, f.Circuit)
	if err != nil {
		return f, err
	}
	f.Path = trial.Rehearse(f.Circuit, g.trialTown(found, at.Location()), g.letter(y), c, at)
	f.Ahead, err = o.ahead(ctx, v.Tenant, y.Code, f.Circuit)
	return f, err
}

// filled is Normal at a deposit, but for what is missing: it is listed.
func (y TypeSetup) filled(given conditions.Values) (values conditions.Values, missing []InvalidError, err error) {
	values = conditions.Values{}
	for _, field := range y.Metadata {
		if _, there := given[field.Name]; !there && field.Default != "" {
			values[field.Name] = field.Default
		}
	}
	for name, value := range given {
		values[name] = value
	}
	if values, err = y.Normal(values, Demand{}); err != nil {
		return nil, nil, err
	}
	for _, field := range y.Metadata {
		if field.AtDeposit && values[field.Name] == "" {
			missing = append(missing, InvalidError{"metadata." + field.Name, "Renseignez « " + field.Label + " »."})
		}
	}
	return values, missing, nil
}

// ahead is the readiness of the keys that a circuit needs, for letters of a type.
func (o *Office) ahead(ctx context.Context, t Tenant, code string, d circuits.Definition) ([]StepReadiness, error) {
	y, err := o.typeOf(ctx, t, code)
	if invalid := (*InvalidError)(nil); errors.As(err, &invalid) {
		y = Type{Code: code} // it has no circuit of its own
	} else if err != nil {
		return nil, err
	}
	y.Circuit = d
	desks, err := o.Store.Desks(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	return o.readiness(ctx, t, y, desks)
}

// picked finds the desks that somebody chose, by identifier or by code.
func (g Organisation) picked(chosen map[circuits.StepID]circuits.DeskID) (map[circuits.StepID]circuits.DeskID, error) {
	out := make(map[circuits.StepID]circuits.DeskID, len(chosen))
	for step, wanted := range chosen {
		d, ok := g.deskBy(wanted)
		if !ok {
			return nil, &InvalidError{"chosen", "Le bureau choisi pour l’étape « " + string(step) + " » n’existe pas."}
		}
		out[step] = d
	}
	return out, nil
}

// deskBy finds a desk by its identifier or its code.
func (g Organisation) deskBy(wanted circuits.DeskID) (circuits.DeskID, bool) {
	if d, ok := g.Desk(wanted); ok {
		return d.ID, true
	}
	return g.coded(string(wanted))
}

// A CircuitWish names the circuit that a depositor wants instead of the one
// that the type chooses: by its code, or step by step.
type CircuitWish struct {
	Code  string
	Steps []AdHocStep // desks by identifier or code
}

// WishedCircuit is the circuit that v asks for, for letters of a type.
func (o *Office) WishedCircuit(ctx context.Context, v Viewer, code string, w CircuitWish) (*circuits.Definition, error) {
	y, choices, err := o.OpenType(ctx, v, code)
	if isNotFound(err) {
		return nil, unknownType()
	}
	if err != nil {
		return nil, err
	}
	if (w.Code == "") == (len(w.Steps) == 0) {
		return nil, &InvalidError{"circuit", "Demandez un circuit par son code, ou composez ses étapes : l’un des deux."}
	}
	if w.Code != "" {
		k := slices.IndexFunc(choices, func(d circuits.Definition) bool { return d.Code == w.Code })
		if k < 0 {
			return nil, &InvalidError{"circuit.code", "Le type « " + y.Name + " » ne permet pas ce circuit, ou il n’est pas publié."}
		}
		return &choices[k], nil
	}
	g, err := o.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		return nil, err
	}
	steps := slices.Clone(w.Steps)
	for i, st := range steps {
		if steps[i].Title, err = line("circuit.steps["+strconv.Itoa(i)+"].title", st.Title, 1, 200); err != nil {
			return nil, err
		}
		desk, ok := g.deskBy(st.Desk)
		if !ok {
			return nil, &InvalidError{"circuit.steps[" + strconv.Itoa(i) + "].desk", "Ce bureau n’existe pas."}
		}
		steps[i].Desk = desk
	}
	d := AdHoc(steps)
	if err := g.asked(y, d); err != nil {
		return nil, fmt.Errorf("circuit for %s: %w", code, err)
	}
	return &d, nil
}

func unknownType() error {
	return &InvalidError{"type", "Choisissez un type de courrier de la liste."}
}
