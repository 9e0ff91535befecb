package dossiers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/internal/conditions"
)

// A Filing is what the register knows of a dossier: its metadata and its
// number.
type Filing struct {
	Values conditions.Values
	Number string // of its sequence, empty until it is drawn
}

// A Demand says when metadata are looked at: at the deposit, at a step, or at
// a refusal. At most one is set.
type Demand struct {
	Deposit bool
	Step    circuits.StepID
	Refusal bool
}

func (f Field) demanded(at Demand) bool {
	return at.Deposit && f.AtDeposit || at.Refusal && f.AtRefusal || at.Step != "" && slices.Contains(f.AtSteps, at.Step)
}

// Variable is the field as conditions and forms read it.
func (f Field) Variable() conditions.Variable {
	return conditions.Variable{Name: f.Name, Label: f.Label, Type: f.Type, Values: f.Values}
}

// builtin are what conditions may name of any dossier. Titles and people are
// not there: a circuit depends on what was filed.
func builtin() conditions.Schema {
	return conditions.Schema{
		{Name: "annexes", Label: "Nombre d’annexes", Type: conditions.Integer},
		{Name: "pages", Label: "Nombre de pages", Type: conditions.Integer},
	}
}

// Schema is what the conditions of a type may name.
func (y TypeSetup) Schema() conditions.Schema {
	s := builtin()
	for _, f := range y.Metadata {
		s = append(s, f.Variable())
	}
	return s
}

// Normal checks metadata given for the type and returns them in canonical
// form, defaults included. At a demand, what it asks for must be there.
func (y TypeSetup) Normal(given conditions.Values, at Demand) (conditions.Values, error) {
	out := conditions.Values{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.ContainsFunc(y.Metadata, func(f Field) bool { return f.Name == name }) {
			return nil, &InvalidError{"metadata." + name, "Ce type de courrier n’a pas de champ « " + name + " »."}
		}
	}
	for _, f := range y.Metadata {
		raw, there := given[f.Name]
		if !there && at.Deposit {
			raw = f.Default
		}
		value, problem := f.Variable().Normal(raw)
		if value == "" && problem == "" && f.demanded(at) {
			problem = "Renseignez « " + f.Label + " »."
		}
		if problem != "" {
			return nil, &InvalidError{"metadata." + f.Name, problem}
		}
		if value != "" {
			out[f.Name] = value
		}
	}
	return out, nil
}

// Amounts returns the metadata that are sums, as limits of delegations read
// them.
func (y TypeSetup) Amounts(values conditions.Values) map[string]delegation.Amount {
	out := map[string]delegation.Amount{}
	for _, f := range y.Metadata {
		if f.Type != conditions.Decimal && f.Type != conditions.Integer {
			continue
		}
		if a, err := delegation.ParseAmount(values[f.Name]); err == nil {
			out[f.Name] = a
		}
	}
	return out
}

// CircuitFor chooses the circuit of a letter of type y: the first rule that
// holds, else the default. A rule that needs a field which is not filled is an
// *InvalidError that names it.
func (g Organisation) CircuitFor(y TypeSetup, values conditions.Values, today time.Time) (circuits.Definition, error) {
	code := y.Circuit
	for _, r := range y.Rules {
		holds, err := y.holds(r.When, values, today)
		if err != nil {
			return circuits.Definition{}, err
		}
		if holds {
			code = r.Circuit
			break
		}
	}
	if code == "" {
		return circuits.Definition{}, &InvalidError{"type", "Aucun circuit de ce type ne convient à cette lettre : prévenez votre administrateur."}
	}
	c, _ := g.Circuit(code)
	if c.Published == nil {
		return circuits.Definition{}, &InvalidError{"type", "Le circuit « " + code + " » n’est pas publié : prévenez votre administrateur."}
	}
	return *c.Published, nil
}

// holds evaluates a condition of the type.
func (y TypeSetup) holds(when string, values conditions.Values, today time.Time) (bool, error) {
	c, err := conditions.Compile(when, y.Schema())
	if err != nil {
		return false, conditionError("type", err)
	}
	yes, err := c.Eval(values, today)
	if err != nil {
		return false, conditionError("type", err)
	}
	return yes, nil
}

// Conditions evaluates the condition of each step that has one, on metadata
// and a day: the facts that a circuit asks for.
func (y TypeSetup) Conditions(d circuits.Definition, values conditions.Values, today time.Time) (map[circuits.StepID]bool, error) {
	whens, err := stepConditions(d)
	if err != nil {
		return nil, err
	}
	out := map[circuits.StepID]bool{}
	for _, w := range whens {
		if out[w.ID], err = y.holds(w.When, values, today); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// conditionError turns an error of a condition into one for people.
func conditionError(field string, err error) error {
	var e *conditions.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("condition: %w", err)
	}
	if e.Missing != "" {
		field = "metadata." + e.Missing
	}
	return &InvalidError{field, e.French}
}

// derived adds what conditions may name of any dossier.
func derived(values conditions.Values, annexes, pages int) conditions.Values {
	out := maps.Clone(values)
	if out == nil {
		out = conditions.Values{}
	}
	out["annexes"], out["pages"] = strconv.Itoa(annexes), strconv.Itoa(pages)
	return out
}

// file prepares the deposit of a letter: who may, with which metadata, along
// which circuit, numbered by which sequence.
func (o *Office) file(ctx context.Context, v Viewer, d Draft) (circuit circuits.Definition, f Filing, sequence string, err error) {
	g, err := o.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		return circuit, f, "", err
	}
	y, ok := g.Type(d.TypeCode)
	if !ok || y.Inactive {
		return circuit, f, "", &InvalidError{"type", "Choisissez un type de courrier de la liste."}
	}
	if !y.Permissions.allows(v) {
		return circuit, f, "", &InvalidError{"type", "Ce type de courrier ne vous est pas ouvert : voyez avec votre administrateur."}
	}
	if f.Values, err = y.Normal(d.Metadata, Demand{Deposit: true}); err != nil {
		return circuit, f, "", err
	}
	if y.Sequence != "" && (y.NumberAtDeposit || d.Start) {
		sequence = y.Sequence
	}
	switch {
	case d.Circuit != nil:
		circuit, err = *d.Circuit, g.asked(y, *d.Circuit)
	case d.Start:
		circuit, err = g.CircuitFor(y, derived(f.Values, len(d.Annexes), d.Main.Pages), o.here(g.Territory))
	}
	return circuit, f, sequence, err
}

// Filing returns the metadata and the number of a dossier.
func (o *Office) Filing(ctx context.Context, v Viewer, id ID) (Filing, error) {
	if _, err := o.visible(ctx, v, id); err != nil {
		return Filing{}, err
	}
	return o.Store.Filing(ctx, v.Tenant.ID, id)
}

// SetMetadata changes metadata of a dossier: those given are replaced, an
// empty value empties one. The drafter may, and who acts at an open step; nobody
// once the circuit is over: circuits.ErrState.
func (o *Office) SetMetadata(ctx context.Context, v Viewer, id ID, given conditions.Values) (Filing, error) {
	m, c, err := o.matter(ctx, v, id)
	if err != nil {
		return Filing{}, err
	}
	if !c.files(v, m.Dossier) {
		return Filing{}, fmt.Errorf("metadata of %s: %w", id, ErrForbidden)
	}
	if m.Dossier.State.Phase == circuits.Completed {
		return Filing{}, fmt.Errorf("metadata of %s: %w", id, circuits.ErrState)
	}
	f := m.Filing
	values := maps.Clone(f.Values)
	if values == nil {
		values = conditions.Values{}
	}
	maps.Copy(values, given)
	if f.Values, err = c.kind.Normal(values, Demand{}); err != nil {
		return f, err
	}
	for _, field := range c.kind.Metadata {
		if field.AtDeposit && f.Values[field.Name] == "" {
			return f, &InvalidError{"metadata." + field.Name, "Renseignez « " + field.Label + " »."}
		}
	}
	return f, o.Store.SetMetadata(ctx, v.Tenant.ID, id, f.Values, v.Actor(""), o.now())
}

// files reports whether v may change the metadata of d.
func (c circumstances) files(v Viewer, d Dossier) bool {
	if v.Application != nil {
		return d.State.Depositor.Application == v.Application.ID
	}
	if v.Person == nil {
		return false
	}
	acts := func(turn circuits.OpenTurn) bool {
		_, err := c.capacity(*v.Person, turn, d.State.Circuit.Steps[turn.Step].Kind)
		return err == nil
	}
	return d.Drafter.Person == v.Person.ID || slices.ContainsFunc(d.State.OpenTurns(), acts)
}
