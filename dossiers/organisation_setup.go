package dossiers

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
)

// A Setup is what a configuration file says of a town: its organisation with
// people named by their address and desks by their code, without identifier,
// secret or passkey. A section that is nil is not spoken of; one that is there
// is complete: what it does not list is taken out of use.
type Setup struct {
	Town         string                  `json:"town,omitempty"` // SIRET: a guard against the wrong file
	Territory    *Territory              `json:"territory,omitempty"`
	Arms         *ArmsSetup              `json:"arms,omitempty"`
	Refused      DepositRules            `json:"refused_contents,omitempty"` // of PDFs; what it does not name is not spoken of
	People       []Member                `json:"people,omitzero"`
	Desks        []DeskSetup             `json:"desks,omitzero"`
	Sequences    []Sequence              `json:"sequences,omitzero"`
	Circuits     []circuits.Definition   `json:"circuits,omitzero"` // versions are not written
	Types        []TypeSetup             `json:"types,omitzero"`
	Delegations  []delegation.Delegation `json:"delegations,omitzero"`
	Closures     []Closure               `json:"closures,omitzero"`
	Applications []ApplicationSetup      `json:"applications,omitzero"`
}

// A Reform is what a Setup would change, said and ready.
type Reform struct {
	Lines []ReformLine
	// Findings are what is to be known of the circuits that the plan publishes,
	// and of those in force that it makes stumble.
	Findings   []ReformFinding
	amendments []Amendment
}

// A ReformLine is one change, in French.
type ReformLine struct {
	Sign    string   `json:"sign"` // "+" made, "~" changed, "-" taken out of use
	What    string   `json:"what"` // "bureau « dgs » (Direction générale)"
	Details []string `json:"details,omitempty"`
}

// Digest names the plan: what was shown is what is applied, or nothing is.
func (r Reform) Digest() circuits.Digest {
	raw, err := json.Marshal(r.Lines)
	if err != nil {
		panic(err) // strings always encode
	}
	return sha256.Sum256(raw)
}

// Setup returns the organisation as a configuration file says it.
func (g Organisation) Setup() Setup {
	s := Setup{
		People: slices.Clone(g.People), Desks: slices.Clone(g.Desks), Sequences: slices.Clone(g.Sequences), Types: slices.Clone(g.Types),
		Delegations: slices.Clone(g.Delegations), Closures: slices.Clone(g.Closures), Applications: slices.Clone(g.Applications),
	}
	for _, c := range g.Circuits {
		if c.Published != nil {
			d := *c.Published
			d.Version = 0
			s.Circuits = append(s.Circuits, d)
		}
	}
	if g.Territory != (Territory{}) {
		at := g.Territory
		s.Territory = &at
	}
	if rules := g.Deposits.complete(); !maps.Equal(rules, DefaultDepositRules()) {
		s.Refused = rules
	}
	people(&s, func(id circuits.PersonID) circuits.PersonID {
		m, _ := g.Member(id)
		return circuits.PersonID(m.Email)
	})
	desks(&s, func(id circuits.DeskID) circuits.DeskID {
		d, _ := g.Desk(id)
		return circuits.DeskID(d.Code)
	})
	for i := range s.People {
		s.People[i].ID = ""
	}
	for i := range s.Desks {
		s.Desks[i].ID = ""
	}
	for i := range s.Delegations {
		s.Delegations[i].ID = ""
	}
	for i := range s.Applications {
		s.Applications[i].ID = ""
	}
	return s.sorted()
}

// sorted puts every section in an order of its own: the same organisation is
// the same file.
func (s Setup) sorted() Setup {
	slices.SortFunc(s.People, func(a, b Member) int { return cmp.Compare(a.Email, b.Email) })
	slices.SortFunc(s.Desks, func(a, b DeskSetup) int { return cmp.Compare(a.Code, b.Code) })
	for i := range s.Desks {
		d := &s.Desks[i]
		byPerson := func(a, b SeatSetup) int { return cmp.Compare(a.Person, b.Person) }
		slices.SortFunc(d.Holders, byPerson)
		slices.SortFunc(d.Preparers, byPerson)
		slices.Sort(d.Supervisors)
	}
	slices.SortFunc(s.Circuits, func(a, b circuits.Definition) int { return cmp.Compare(a.Code, b.Code) })
	slices.SortFunc(s.Types, func(a, b TypeSetup) int { return cmp.Compare(a.Code, b.Code) })
	slices.SortFunc(s.Delegations, func(a, b delegation.Delegation) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Delegate.Person, b.Delegate.Person))
	})
	slices.SortFunc(s.Applications, func(a, b ApplicationSetup) int { return cmp.Compare(a.Name, b.Name) })
	return s
}

// keyed turns the names of a file into identifiers, drawn for what is new.
type keyed struct {
	people  map[circuits.PersonID]circuits.PersonID
	desks   map[circuits.DeskID]circuits.DeskID
	draw    func() (string, error)
	unknown []string
	err     error
}

func (g Organisation) keys(s Setup, draw func() (string, error)) *keyed {
	k := &keyed{people: map[circuits.PersonID]circuits.PersonID{}, desks: map[circuits.DeskID]circuits.DeskID{}, draw: draw}
	for _, m := range g.People {
		k.people[circuits.PersonID(m.Email)] = m.ID
	}
	for _, d := range g.Desks {
		k.desks[circuits.DeskID(d.Code)] = d.ID
	}
	for _, m := range s.People {
		if e := circuits.PersonID(m.Email); k.people[e] == "" {
			k.people[e] = circuits.PersonID(k.fresh())
		}
	}
	for _, d := range s.Desks {
		if c := circuits.DeskID(d.Code); k.desks[c] == "" {
			k.desks[c] = circuits.DeskID(k.fresh())
		}
	}
	return k
}

func (k *keyed) fresh() string {
	id, err := k.draw()
	k.err = errors.Join(k.err, err)
	return id
}

// resolve replaces names by identifiers in *x. What is not known is noted.
func resolve[T any](k *keyed, x *T) {
	people(x, func(email circuits.PersonID) circuits.PersonID {
		if k.people[email] == "" {
			k.unknown = append(k.unknown, "la personne « "+string(email)+" »")
		}
		return k.people[email]
	})
	desks(x, func(code circuits.DeskID) circuits.DeskID {
		if k.desks[code] == "" {
			k.unknown = append(k.unknown, "le bureau « "+string(code)+" »")
		}
		return k.desks[code]
	})
}

// A section compares one list of a file with what there is.
type section[T any] struct {
	want, have []T
	key        func(T) string
	what       func(T) string
	amend      func(T) (Amendment, error) // names already resolved
	// gone takes out of use what is not listed any more; nil amendment: it
	// already is, or stays.
	gone func(T) Amendment
	also func(T) []string // further differences, or nil
}

// plan adds what the section changes to r.
func (x section[T]) plan(r *Reform, k *keyed) error {
	if x.want == nil {
		return nil
	}
	there := map[string]T{}
	for _, h := range x.have {
		there[x.key(h)] = h
	}
	listed := map[string]bool{}
	for _, w := range x.want {
		key := x.key(w)
		if listed[key] {
			return &InvalidError{"setup", capitalised(x.what(w)) + " est écrit deux fois dans le fichier."}
		}
		listed[key] = true
		h, known := there[key]
		line := ReformLine{Sign: "+", What: x.what(w)}
		if known {
			line.Sign, line.Details = "~", differences(h, w)
			if x.also != nil {
				line.Details = append(line.Details, x.also(w)...)
			}
			if len(line.Details) == 0 {
				continue
			}
		}
		what := x.what(w)
		k.unknown = nil
		resolve(k, &w)
		if len(k.unknown) > 0 {
			return &InvalidError{"setup", capitalised(what) + " nomme " + strings.Join(k.unknown, ", ") + ", que rien ne décrit."}
		}
		a, err := x.amend(w)
		if err != nil {
			return err
		}
		r.Lines, r.amendments = append(r.Lines, line), append(r.amendments, a)
	}
	return x.drop(r, listed, k)
}

func (x section[T]) drop(r *Reform, listed map[string]bool, k *keyed) error {
	for _, h := range x.have {
		if listed[x.key(h)] || x.gone == nil {
			continue
		}
		what := x.what(h)
		resolve(k, &h)
		if a := x.gone(h); a != nil {
			r.Lines, r.amendments = append(r.Lines, ReformLine{Sign: "-", What: what}), append(r.amendments, a)
		}
	}
	return nil
}

func capitalised(s string) string {
	for i := range s {
		if i > 0 {
			return strings.ToUpper(s[:i]) + s[i:]
		}
	}
	return strings.ToUpper(s)
}

// differences lists the fields that differ, by their name in the file.
func differences(have, want any) (out []string) {
	a, b := fields(have), fields(want)
	names := slices.Sorted(maps.Keys(a))
	for n := range maps.Keys(b) {
		if _, ok := a[n]; !ok {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		if !bytes.Equal(a[n], b[n]) {
			out = append(out, n+" : "+short(a[n])+" → "+short(b[n]))
		}
	}
	return out
}

// fields returns the JSON of each field of a value. Empty ones are left out,
// so that an empty list and none are the same.
func fields(v any) map[string]json.RawMessage {
	raw, err := json.Marshal(v)
	out := map[string]json.RawMessage{}
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		panic(err) // values of our own types
	}
	maps.DeleteFunc(out, func(_ string, x json.RawMessage) bool {
		return slices.Contains([]string{`""`, "null", "[]", "{}", "false", "0"}, string(x))
	})
	return out
}

// short writes a value on the line of a plan.
func short(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "rien"
	}
	if runes := []rune(string(raw)); len(runes) > 160 {
		return string(runes[:159]) + "…"
	}
	return string(raw)
}

// Plan says what a Setup changes, and prepares it. Identifiers of what is new
// are drawn.
func (g Organisation) Plan(s Setup, today delegation.Date, draw func() (string, error)) (Reform, error) {
	var r Reform
	g, renamed := g.adopt(s.Desks)
	have, k := g.Setup(), g.keys(s, draw)
	s = s.folded().sorted()
	for _, step := range []func() error{
		func() error { return peopleSection(s, have, k).plan(&r, k) },
		func() error { return desksSection(s, have, k, renamed).plan(&r, k) },
		func() error { return sequencesSection(s, have).plan(&r, k) },
		func() error { return circuitsSection(g, s, have).plan(&r, k) },
		func() error { return applicationsSection(g, s, have).plan(&r, k) },
		func() error { return typesSection(s, have).plan(&r, k) },
		func() error { return delegationsSection(g, s, have, today, draw).plan(&r, k) },
		func() error { return closuresSection(s, have).plan(&r, k) },
		func() error { return territoryPlanned(s, have, &r) },
		func() error { armsPlanned(g, s, &r); return nil },
		func() error { return depositsPlanned(g, s, &r) },
		func() error { return k.err },
	} {
		if err := step(); err != nil {
			return Reform{}, err
		}
	}
	slices.SortStableFunc(r.amendments, func(a, b Amendment) int { return cmp.Compare(late(a), late(b)) })
	return r, nil
}

// adopt gives the codes of a file to the desks that it names alike and whose
// own code it does not list: the desk made by its name is the one described.
func (g Organisation) adopt(want []DeskSetup) (Organisation, map[string]string) {
	renamed, listed := map[string]string{}, map[string]bool{}
	for _, d := range want {
		listed[d.Code] = true
	}
	g.Desks = slices.Clone(g.Desks)
	for i, have := range g.Desks {
		w, ok := find(want, func(d DeskSetup) bool { return d.Name == have.Name })
		taken := slices.ContainsFunc(g.Desks, func(d DeskSetup) bool { return d.Code == w.Code })
		if ok && !listed[have.Code] && !taken {
			renamed[w.Code] = have.Code
			g.Desks[i].Code = w.Code
		}
	}
	return g, renamed
}

// late is 1 for what can only follow the rest: a circuit is retired once no
// type takes it.
func late(a Amendment) int {
	if _, ok := a.(CircuitRetired); ok {
		return 1
	}
	return 0
}

// folded copies s with what files may write freely in one form.
func (s Setup) folded() Setup {
	people(&s, func(p circuits.PersonID) circuits.PersonID { return p }) // copies every list
	s.Circuits = slices.Clone(s.Circuits)
	for i := range s.Circuits {
		s.Circuits[i].Version = 0
	}
	for i := range s.Types {
		if s.Types[i].Level == "B-B" {
			s.Types[i].Level = ""
		}
	}
	return s
}

// planned makes the plan of s, each amendment identified and admitted.
func (o *Office) planned(v Viewer, g Organisation, s Setup) (Reform, error) {
	if s.Town != "" && s.Town != v.Tenant.SIRET {
		return Reform{}, &InvalidError{"town", "Ce fichier est celui de la collectivité " + s.Town + ", non de " + v.Tenant.SIRET + "."}
	}
	r, err := g.Plan(s, o.today(g.Territory), o.newID)
	if err != nil {
		return r, err
	}
	for i := range r.amendments {
		if r.amendments[i], err = r.amendments[i].identified(o.newID); err != nil {
			return r, err
		}
	}
	return r, g.admitAll(v, r.amendments, inFile)
}

// inFile says which entry of a file an error is about.
func inFile(a Amendment, err error) error {
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	name := a.Subject()
	switch a := a.(type) {
	case MemberSet:
		name = "personne « " + a.Member.Email + " »"
	case DeskSet:
		name = "bureau « " + a.Desk.Code + " »"
	case TypeSet:
		name = "type « " + a.Type.Code + " »"
	case CircuitPublished:
		name = "circuit « " + a.Circuit.Code + " »"
	case DelegationSet:
		name = "délégation " + a.Delegation.Number
	case ApplicationSet:
		name = "application « " + a.Application.Name + " »"
	default:
	}
	return &InvalidError{invalid.Field, capitalised(name) + " : " + invalid.Reason}
}

// PlanSetup says what applying s would change, and changes nothing. The
// circuits that it would publish are tried: see Reform.Findings.
func (o *Office) PlanSetup(ctx context.Context, v Viewer, s Setup) (Reform, error) {
	if err := v.manages(); err != nil {
		return Reform{}, err
	}
	s, err := o.drawn(v, s)
	if err != nil {
		return Reform{}, err
	}
	g, err := o.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		return Reform{}, err
	}
	r, err := o.planned(v, g, s)
	if err != nil {
		return r, err
	}
	found, err := o.resources(ctx, v.Tenant, r.after(g), r.inForce(g)...)
	if err != nil {
		return r, err
	}
	r.Findings, err = r.tried(g, found, o.here(g.Territory))
	return r, err
}

// Terms are those on which a Setup is applied.
type Terms struct {
	// Shown is the Digest of the plan that was shown; zero: whatever the plan.
	Shown circuits.Digest
	// Founding lets circuits be published at which nobody can act yet, because
	// passkeys and certificates are still to come: a town that begins. Nothing
	// else is let through.
	Founding bool
}

// ApplySetup brings the town to s, in one transaction; doing it twice is doing
// it once. A plan that has become another one than was shown is ErrConflict.
// Every circuit that it publishes is tried first, with its kept cases: an
// *UnreadyError says what a letter would stumble on, and nothing is done.
func (o *Office) ApplySetup(ctx context.Context, v Viewer, s Setup, terms Terms) (Reform, error) {
	s, err := o.drawn(v, s)
	if err != nil {
		return Reform{}, err
	}
	r, err := o.PlanSetup(ctx, v, s)
	if err != nil {
		return Reform{}, err
	}
	g, err := o.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		return Reform{}, err
	}
	// Keys are looked up before the transaction, which nothing slow enters: who
	// appears meanwhile is taken for unable.
	found, err := o.resources(ctx, v.Tenant, r.after(g), r.inForce(g)...)
	if err != nil {
		return Reform{}, err
	}
	_, err = o.Store.Organise(ctx, v.Tenant.ID, v.Actor(""), o.now(), func(g Organisation) ([]Amendment, error) {
		var err error
		if r, err = o.planned(v, g, s); err != nil {
			return nil, err
		}
		if !terms.Shown.IsZero() && terms.Shown != r.Digest() {
			return nil, fmt.Errorf("apply the set-up: %w", ErrConflict)
		}
		if r.Findings, err = r.tried(g, found, o.here(g.Territory)); err != nil {
			return nil, err
		}
		if err := r.Refusal(terms.Founding); err != nil {
			return nil, err
		}
		return o.handled(r.amendments)
	})
	return r, err
}

// MergeSetup makes what s lists, or changes it; what it does not list stays,
// whatever the section. Doing it twice is doing it once. Circuits are not
// merged: they are published. still is asked, under the lock, whether the
// set-up is as the caller read it; its error is answered as it is.
func (o *Office) MergeSetup(ctx context.Context, v Viewer, s Setup, still func(Setup) error) (Reform, error) {
	if err := v.manages(); err != nil {
		return Reform{}, err
	}
	s.Circuits = nil
	var r Reform
	_, err := o.Store.Organise(ctx, v.Tenant.ID, v.Actor(""), o.now(), func(g Organisation) ([]Amendment, error) {
		have := g.Setup()
		err := still(have)
		if err != nil {
			return nil, err
		}
		if r, err = o.planned(v, g, s.over(have)); err != nil {
			return nil, err
		}
		return o.handled(r.amendments)
	})
	return r, err
}

// over completes each section of s with what is there.
func (s Setup) over(have Setup) Setup {
	s.People = over(s.People, have.People, func(m Member) string { return m.Email })
	s.Desks = over(s.Desks, have.Desks, func(d DeskSetup) string { return d.Code })
	s.Sequences = over(s.Sequences, have.Sequences, func(x Sequence) string { return x.Code })
	s.Types = over(s.Types, have.Types, func(y TypeSetup) string { return y.Code })
	s.Delegations = over(s.Delegations, have.Delegations, func(d delegation.Delegation) string { return d.Number + " " + string(d.Delegate.Person) })
	s.Closures = over(s.Closures, have.Closures, func(c Closure) string { return string(c.On) })
	s.Applications = over(s.Applications, have.Applications, func(a ApplicationSetup) string { return a.Name })
	return s
}

func over[T any](want, have []T, key func(T) string) []T {
	if want == nil {
		return nil
	}
	for _, w := range want {
		have = put(have, w, func(h T) bool { return key(h) == key(w) })
	}
	return have
}
