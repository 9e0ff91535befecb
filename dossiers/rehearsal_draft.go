package dossiers

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/internal/conditions"
	"parapheur/internal/trial"
)

// Bounds of what is drawn: more is a mistake, or an attack.
const (
	maxSteps  = 60
	maxActors = 30
	maxCases  = 50
)

// ErrNoDraft says that a circuit has no draft any more: it was published, or
// let go, by somebody whose page was newer. It is also ErrNotFound.
var ErrNoDraft = fmt.Errorf("no draft: %w", ErrNotFound)

// draftless is the error of a circuit without a draft; one that never was is
// ErrNotFound and nothing else.
func draftless(c CircuitSetup, code string) error {
	if c.Code == "" {
		return fmt.Errorf("circuit %s: %w", code, ErrNotFound)
	}
	return fmt.Errorf("circuit %s: %w", code, ErrNoDraft)
}

// edition names a draft by its content: two people who save the same thing do
// not disturb each other.
func edition(d circuits.Definition) string {
	d.Version = 0
	h := d.Hash()
	return hex.EncodeToString(h[:])
}

// DraftCircuit keeps the draft of a circuit, made or replaced. Nothing takes
// it before it is published, and it may be incomplete meanwhile.
func (o *Office) DraftCircuit(ctx context.Context, v Viewer, d circuits.Definition) error {
	if err := drawable(d); err != nil {
		return err
	}
	_, err := o.Amend(ctx, v, CircuitDrafted{Circuit: d})
	return err
}

// ReviseCircuit changes the draft of a circuit that was read as from, and
// answers its new edition. When somebody changed it meanwhile it is
// ErrConflict, and nothing is changed.
func (o *Office) ReviseCircuit(ctx context.Context, v Viewer, code, from string, change func(*circuits.Definition) error) (now string, err error) {
	if err := v.manages(); err != nil {
		return "", err
	}
	err = o.organise(ctx, v, func(g Organisation) ([]Amendment, error) {
		c, _ := g.Circuit(code)
		switch {
		case c.Draft == nil:
			return nil, draftless(c, code)
		case edition(*c.Draft) != from:
			return nil, fmt.Errorf("draft of circuit %s: %w", code, ErrConflict)
		}
		d := *c.Draft
		d.Steps = slices.Clone(d.Steps)
		if err := change(&d); err != nil {
			return nil, err
		}
		d.Code = code
		if err := drawable(d); err != nil {
			return nil, err
		}
		if now = edition(d); now == from {
			return nil, nil
		}
		return []Amendment{CircuitDrafted{Circuit: d}}, nil
	})
	return now, err
}

// drawable refuses what no town hall draws.
func drawable(d circuits.Definition) error {
	if len(d.Steps) > maxSteps {
		return &InvalidError{"steps", fmt.Sprintf("Un circuit a %d étapes au plus.", maxSteps)}
	}
	for _, st := range d.Steps {
		switch {
		case utf8.RuneCountInString(st.Title) > 120:
			return &InvalidError{"title", "Le nom d’une étape a 120 caractères au plus."}
		case len(st.When) > 2000:
			return &InvalidError{"when", "La condition est trop longue : 2000 caractères au plus."}
		case len(st.Actors) > maxActors, len(st.ID) > 80, len(st.Escalate)+len(st.RemindBefore)+len(st.RemindAfter) > maxActors:
			return &InvalidError{"steps", "Une étape désigne trop de bureaux, ou trop de relances."}
		}
	}
	return nil
}

// NewCircuit begins a circuit, from nothing or as a copy of another, and
// answers its code.
func (o *Office) NewCircuit(ctx context.Context, v Viewer, name, from string) (code string, err error) {
	if err := v.manages(); err != nil {
		return "", err
	}
	if name, err = line("name", name, 1, 120); err != nil {
		return "", err
	}
	err = o.organise(ctx, v, func(g Organisation) ([]Amendment, error) {
		d := circuits.Definition{}
		if from != "" {
			c, ok := g.Circuit(from)
			if !ok {
				return nil, fmt.Errorf("circuit %s: %w", from, ErrNotFound)
			}
			d, _ = c.tried(g)
		}
		code = g.freeCode(name)
		d.Code, d.Name, d.Version = code, name, 1
		return []Amendment{CircuitDrafted{Circuit: d}}, nil
	})
	return code, err
}

// freeCode makes a code of a name, that no circuit has.
func (g Organisation) freeCode(name string) string {
	base := slug(name)
	code := base
	for n := 2; ; n++ {
		if _, taken := g.Circuit(code); !taken {
			return code
		}
		code = fmt.Sprintf("%s-%d", base, n)
	}
}

// CodeOf makes a code of a name: what a desk or a circuit is called in files.
func CodeOf(name string) string { return slug(name) }

// slug writes a name with what codes are made of.
func slug(name string) string {
	plain := strings.NewReplacer(
		"à", "a", "â", "a", "ä", "a", "é", "e", "è", "e", "ê", "e", "ë", "e", "î", "i", "ï", "i", "ô", "o", "ö", "o",
		"ù", "u", "û", "u", "ü", "u", "ç", "c", "œ", "oe", "æ", "ae", "ÿ", "y").Replace(strings.ToLower(name))
	words := strings.FieldsFunc(plain, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	code := strings.Join(words, "-")
	if len(code) > 50 {
		code = strings.Trim(code[:50], "-")
	}
	if code == "" {
		return "circuit"
	}
	return code
}

// OpenDraft begins the next version of a circuit from the one in force, or
// from the last when it was retired. A draft that is there stays.
func (o *Office) OpenDraft(ctx context.Context, v Viewer, code string) error {
	if err := v.manages(); err != nil {
		return err
	}
	last, err := o.lastVersion(ctx, v, code)
	if err != nil {
		return err
	}
	return o.organise(ctx, v, func(g Organisation) ([]Amendment, error) {
		c, ok := g.Circuit(code)
		switch {
		case !ok:
			return nil, fmt.Errorf("circuit %s: %w", code, ErrNotFound)
		case c.Draft != nil:
			return nil, nil
		case c.Published != nil:
			return []Amendment{CircuitDrafted{Circuit: *c.Published}}, nil
		}
		return []Amendment{CircuitDrafted{Circuit: last}}, nil
	})
}

// lastVersion is the newest version of a circuit, retired or not.
func (o *Office) lastVersion(ctx context.Context, v Viewer, code string) (d circuits.Definition, err error) {
	g, err := o.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		return d, err
	}
	c, _ := g.Circuit(code)
	if len(c.Versions) == 0 {
		return d, nil
	}
	return o.Store.Circuit(ctx, v.Tenant.ID, code, c.Versions[len(c.Versions)-1].Version)
}

// DropDraft throws the draft of a circuit away; the version in force stays.
// from is the edition that was read, ErrConflict when it is another; empty:
// whatever it is.
func (o *Office) DropDraft(ctx context.Context, v Viewer, code, from string) error {
	if err := v.manages(); err != nil {
		return err
	}
	return o.organise(ctx, v, func(g Organisation) ([]Amendment, error) {
		c, _ := g.Circuit(code)
		switch {
		case c.Draft == nil:
			return nil, draftless(c, code)
		case from != "" && edition(*c.Draft) != from:
			return nil, fmt.Errorf("draft of circuit %s: %w", code, ErrConflict)
		}
		list := []Amendment{CircuitDraftDropped{Code: code}}
		if len(c.Versions) == 0 && len(c.Cases) > 0 {
			list = append(list, CasesSet{Code: code})
		}
		return list, nil
	})
}

// KeepCase keeps a case with a circuit, as one of its tests: the path that it
// takes today is the one expected from then on. A case of the same name is
// replaced.
func (o *Office) KeepCase(ctx context.Context, v Viewer, code string, c trial.Case) (trial.Path, error) {
	if err := v.manages(); err != nil {
		return trial.Path{}, err
	}
	name, err := line("name", c.Name, 1, 80)
	if err != nil {
		return trial.Path{}, err
	}
	c.Name = name
	x, err := o.Trial(ctx, v, code)
	if err != nil {
		return trial.Path{}, err
	}
	if c, err = x.normal(c); err != nil {
		return trial.Path{}, err
	}
	p := trial.Rehearse(x.Definition, x.Town, x.Letter(c.Type), c, o.here(v.Tenant.Territory))
	if !p.Complete {
		return p, &InvalidError{"case", "Ce cas ne va pas au bout du circuit : " + p.Stop}
	}
	c.Expect = p.Taken()
	return p, o.cases(ctx, v, code, func(list []trial.Case) ([]trial.Case, error) {
		list = put(list, c, func(x trial.Case) bool { return x.Name == c.Name })
		if len(list) > maxCases {
			return nil, &InvalidError{"case", fmt.Sprintf("Un circuit garde %d cas au plus.", maxCases)}
		}
		return list, nil
	})
}

// DropCase forgets a case of a circuit.
func (o *Office) DropCase(ctx context.Context, v Viewer, code, name string) error {
	return o.cases(ctx, v, code, func(list []trial.Case) ([]trial.Case, error) {
		left := slices.DeleteFunc(slices.Clone(list), func(c trial.Case) bool { return c.Name == name })
		if len(left) == len(list) {
			return nil, fmt.Errorf("case of circuit %s: %w", code, ErrNotFound)
		}
		return left, nil
	})
}

func (o *Office) cases(ctx context.Context, v Viewer, code string, change func([]trial.Case) ([]trial.Case, error)) error {
	if err := v.manages(); err != nil {
		return err
	}
	return o.organise(ctx, v, func(g Organisation) ([]Amendment, error) {
		c, ok := g.Circuit(code)
		if !ok {
			return nil, fmt.Errorf("circuit %s: %w", code, ErrNotFound)
		}
		list, err := change(c.Cases)
		return []Amendment{CasesSet{Code: code, Cases: list}}, err
	})
}

// CheckCondition says what is wrong with a condition for the types that take a
// circuit, or nothing. It is a *conditions.Error.
func (o *Office) CheckCondition(ctx context.Context, v Viewer, code, expression string) error {
	if err := v.tries(); err != nil {
		return err
	}
	g, err := o.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		return err
	}
	x := Trial{Takers: g.takers(code), setup: g}
	for _, l := range x.letters() {
		if _, err := conditions.Compile(expression, l.Schema); err != nil {
			return err
		}
	}
	return nil
}

// A Publication says how a draft becomes the version that new dossiers take.
type Publication struct {
	// Edition is that of the draft which was shown; empty: whatever it is.
	Edition string
	// Types take the circuit from then on, beside those that already do.
	Types []string
}

// PublishCircuit makes the draft of a circuit the version that new dossiers
// take, and answers it. Those that are under way keep theirs. The circuit is
// tried first: an *UnreadyError says what a letter would stumble on, and which
// kept cases no longer take their path.
func (o *Office) PublishCircuit(ctx context.Context, v Viewer, code string, p Publication) (d circuits.Definition, err error) {
	if err := v.manages(); err != nil {
		return d, err
	}
	g, err := o.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		return d, err
	}
	found, err := o.resources(ctx, v.Tenant, g, g.tried(code))
	if err != nil {
		return d, err
	}
	err = o.organise(ctx, v, func(g Organisation) ([]Amendment, error) {
		c, _ := g.Circuit(code)
		switch {
		case c.Draft == nil:
			return nil, draftless(c, code)
		case p.Edition != "" && p.Edition != edition(*c.Draft):
			return nil, fmt.Errorf("draft of circuit %s: %w", code, ErrConflict)
		}
		then := g.taking(code, p.Types)
		for _, a := range then {
			g = a.apply(g)
		}
		x, err := g.Try(code, found, nil, o.here(g.Territory))
		if err != nil {
			return nil, err
		}
		if err := x.refusal(); err != nil {
			return nil, err
		}
		d = x.Definition
		return append([]Amendment{CircuitPublished{Circuit: d, SHA256: d.Hash()}}, then...), nil
	})
	return d, err
}

// taking makes types take a circuit.
func (g Organisation) taking(code string, types []string) (out []Amendment) {
	for _, y := range g.Types {
		if slices.Contains(types, y.Code) && y.Circuit != code {
			y.Circuit = code
			out = append(out, TypeSet{Type: y})
		}
	}
	return out
}

// RetireCircuit keeps new dossiers from taking a version; those under way keep
// theirs. A circuit whose newest version is retired is out of use until
// another is published.
func (o *Office) RetireCircuit(ctx context.Context, v Viewer, code string, version int) error {
	_, err := o.Amend(ctx, v, CircuitRetired{Code: code, Version: version})
	return err
}

// CircuitVersion returns one version of a circuit; 0 is its draft.
func (o *Office) CircuitVersion(ctx context.Context, v Viewer, code string, version int) (d circuits.Definition, err error) {
	if err := v.tries(); err != nil {
		return d, err
	}
	if version > 0 {
		return o.Store.Circuit(ctx, v.Tenant.ID, code, version)
	}
	g, err := o.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		return d, err
	}
	c, _ := g.Circuit(code)
	if c.Draft == nil {
		return d, draftless(c, code)
	}
	d, _ = c.tried(g)
	return d, nil
}

// Travelling lists the running dossiers of a circuit for who may migrate them.
// Nothing of the letters themselves is said.
func (o *Office) Travelling(ctx context.Context, v Viewer, code string) ([]Travelling, error) {
	if err := v.administers(); err != nil {
		return nil, err
	}
	return o.Store.Travelling(ctx, v.Tenant.ID, code, maxTravelling)
}

// maxTravelling bounds how many dossiers are migrated at once.
const maxTravelling = 500

// A Migration is what became of one dossier of MigrateAll.
type Migration struct {
	Travelling
	Err error // nil when it travels the version in force
}

// MigrateAll passes dossiers of a circuit to the version in force, one after
// the other, each an act in its journal; ids empty means all that travel an
// older version. What cannot pass stays where it is and says why.
func (o *Office) MigrateAll(ctx context.Context, v Viewer, code string, ids []ID, reason string) ([]Migration, error) {
	to, err := o.published(ctx, v.Tenant, code, 0)
	if err != nil {
		return nil, err
	}
	all, err := o.Travelling(ctx, v, code)
	if err != nil {
		return nil, err
	}
	var out []Migration
	for _, x := range all {
		if x.Version == to.Version || len(ids) > 0 && !slices.Contains(ids, x.ID) {
			continue
		}
		_, err := o.Migrate(ctx, v, x.ID, code, to.Version, reason)
		if invalid, ok := err.(*InvalidError); ok && invalid.Field == "reason" { //nolint:errorlint // Migrate answers it bare
			return out, err
		}
		out = append(out, Migration{x, err})
	}
	return out, nil
}

// Today is the day in a town.
func (o *Office) Today(t Tenant) delegation.Date { return o.today(t.Territory) }
