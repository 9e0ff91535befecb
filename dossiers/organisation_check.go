package dossiers

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/internal/conditions"
	"parapheur/internal/trial"
)

// admitAll checks each amendment in the set-up that all of them lead to, and
// what v may not do: a program never makes an administrator. about says which
// amendment an error is about.
func (g Organisation) admitAll(v Viewer, list []Amendment, about func(Amendment, error) error) error {
	before := g
	for _, a := range list {
		g = a.apply(g)
	}
	for _, a := range list {
		if m, ok := a.(MemberSet); ok {
			if err := before.guard(v, m.Member); err != nil {
				return about(a, err)
			}
		}
		if err := a.check(g); err != nil {
			return about(a, fmt.Errorf("%s: %w", a.Kind(), err))
		}
	}
	if !slices.ContainsFunc(g.People, func(m Member) bool { return m.Admin && !m.Inactive }) &&
		slices.ContainsFunc(before.People, func(m Member) bool { return m.Admin && !m.Inactive }) {
		return &InvalidError{"admin", "La collectivité garde au moins un administrateur actif."}
	}
	return nil
}

// guard refuses what would let a program, or somebody, take over the town.
func (g Organisation) guard(v Viewer, m Member) error {
	was, known := g.Member(m.ID)
	if v.Application != nil && m.Admin != (known && was.Admin) {
		return &InvalidError{"admin", "Seul un administrateur, avec sa clé d’accès, fait ou défait un administrateur."}
	}
	if v.Application != nil && known && was.Admin && (m.Email != was.Email || m.Inactive != was.Inactive) {
		return &InvalidError{"email", "Une application ne change ni l’adresse ni l’état d’un administrateur."}
	}
	if v.Person != nil && v.Person.ID == m.ID && m.Inactive {
		return ErrOneself
	}
	return nil
}

func code(field, s string) error {
	if !regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?$`).MatchString(s) {
		return &InvalidError{field, "« " + s + " » n’est pas un code : lettres minuscules sans accent, chiffres et tirets, par exemple « courrier-simple »."}
	}
	return nil
}

// exactly refuses a line that is empty, too long, or not as it would be kept.
func exactly(field, s string, least, most int) error {
	clean, err := line(field, s, least, most)
	if err == nil && clean != s {
		err = &InvalidError{field, "Retirez les espaces en trop au début ou à la fin."}
	}
	return err
}

// lines checks several lines at once.
func lines(checks ...error) error {
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

func (a MemberSet) check(g Organisation) error {
	m := a.Member
	if err := lines(exactly("given_name", m.GivenName, 1, 80), exactly("family_name", m.FamilyName, 1, 80), exactly("external_id", m.ExternalID, 0, 200)); err != nil {
		return err
	}
	address, err := mail.ParseAddress(m.Email)
	other := func(same func(Member) bool) bool {
		return slices.ContainsFunc(g.People, func(x Member) bool { return x.ID != m.ID && same(x) })
	}
	switch {
	case err != nil || address.Address != m.Email:
		return &InvalidError{"email", "« " + m.Email + " » n’est pas une adresse électronique valable."}
	case other(func(x Member) bool { return strings.EqualFold(x.Email, m.Email) }):
		return &InvalidError{"email", "L’adresse " + m.Email + " est déjà celle d’une autre personne de la collectivité."}
	case m.ExternalID != "" && other(func(x Member) bool { return x.ExternalID == m.ExternalID }):
		return &InvalidError{"external_id", "Cet identifiant de l’annuaire est déjà celui d’une autre personne."}
	case m.Civility != "" && m.Civility != "M." && m.Civility != "Mme":
		return &InvalidError{"civility", "Choisissez « M. », « Mme » ou rien."}
	case m.Rank < 0 || m.Rank > 999 || m.Adjoint && m.Rank < 2:
		return &InvalidError{"rank", "Le tableau commence au maire, de rang 1 ; un adjoint a le rang 2 ou plus."}
	case m.Rank > 0 && !m.Inactive && other(func(x Member) bool { return x.Rank == m.Rank && !x.Inactive && !overlaps(x, m) }):
		return &InvalidError{"rank", fmt.Sprintf("Le rang %d du tableau est déjà celui d’une autre personne.", m.Rank)}
	case m.MandateEnd != "" && !m.MandateEnd.Valid():
		return &InvalidError{"mandate_end", "Indiquez un jour qui existe, comme 2032-03-20."}
	}
	return nil
}

// overlaps reports whether one of two people of the same rank succeeds the
// other: an end of mandate is known for one and not the other.
func overlaps(a, b Member) bool { return (a.MandateEnd == "") != (b.MandateEnd == "") }

func (a DeskSet) check(g Organisation) error {
	d := a.Desk
	if err := lines(exactly("name", d.Name, 1, 80), code("code", d.Code)); err != nil {
		return err
	}
	for _, x := range g.Desks {
		switch {
		case x.ID == d.ID:
		case x.Code == d.Code:
			return &InvalidError{"code", "Un autre bureau porte déjà le code « " + d.Code + " »."}
		case x.Name == d.Name:
			return &InvalidError{"name", "Un autre bureau porte déjà ce nom."}
		}
	}
	if err := g.checkParents(d); err != nil {
		return err
	}
	return g.checkSeats(d)
}

// checkParents follows the desks above d: a desk is never above itself.
func (g Organisation) checkParents(d DeskSetup) error {
	seen := map[circuits.DeskID]bool{d.ID: true}
	for at := d.Parent; at != ""; {
		above, ok := g.Desk(at)
		switch {
		case !ok:
			return &InvalidError{"parent", "Le bureau placé au-dessus n’existe pas."}
		case seen[at]:
			return &InvalidError{"parent", "« " + d.Name + " » se trouverait au-dessus de lui-même : choisissez un autre bureau supérieur."}
		}
		seen[at] = true
		at = above.Parent
	}
	return nil
}

func (g Organisation) checkSeats(d DeskSetup) error {
	seated := map[circuits.PersonID]bool{}
	for _, s := range slices.Concat(d.Holders, d.Preparers) {
		if _, ok := g.Member(s.Person); !ok {
			return &InvalidError{"holders", "Une personne de ce bureau n’est pas connue de la collectivité."}
		}
		if seated[s.Person] {
			return &InvalidError{"holders", "Une personne tient le bureau ou prépare sa bannette, une seule fois."}
		}
		seated[s.Person] = true
		if err := exactly("quality", s.Quality, 1, 120); err != nil {
			return err
		}
	}
	for _, p := range d.Supervisors {
		if _, ok := g.Member(p); !ok {
			return &InvalidError{"supervisors", "Un superviseur n’est pas connu de la collectivité."}
		}
		if slices.ContainsFunc(d.Holders, func(s SeatSetup) bool { return s.Person == p }) {
			return &InvalidError{"supervisors", "Un superviseur voit et n’agit jamais : il ne tient pas le bureau."}
		}
	}
	return nil
}

func (a SequenceSet) check(Organisation) error {
	if problem := a.Sequence.checkPattern(); problem != "" {
		return &InvalidError{"pattern", problem}
	}
	return lines(code("code", a.Sequence.Code), exactly("name", a.Sequence.Name, 1, 120))
}

func (a TypeSet) check(g Organisation) error {
	y := a.Type
	if err := lines(code("code", y.Code), exactly("name", y.Name, 1, 120), exactly("hint", y.Hint, 0, 200)); err != nil {
		return err
	}
	if err := g.checkFamily(y); err != nil {
		return err
	}
	full, _ := g.Type(y.Code)
	if err := full.checkFields(); err != nil {
		return err
	}
	if y.Sequence != "" {
		if _, ok := g.Sequence(y.Sequence); !ok {
			return &InvalidError{"sequence", "La suite de numéros « " + y.Sequence + " » n’existe pas."}
		}
	}
	if !slices.Contains([]string{"", "B-B", "B-T", "B-LT", "B-LTA"}, y.Level) {
		return &InvalidError{"level", "Choisissez le niveau de signature : B-B, B-T, B-LT ou B-LTA."}
	}
	if !slices.Contains([]string{"", "device_bound"}, y.Assurance) {
		return &InvalidError{"assurance", "Choisissez l’assurance de la clé d’accès : rien, ou « device_bound » (liée à un appareil)."}
	}
	if err := g.checkRules(full); err != nil && !full.Inactive {
		return err
	}
	return g.checkPermissions(y.Permissions)
}

// checkFamily follows the parents of a type.
func (g Organisation) checkFamily(y TypeSetup) error {
	if y.Class != "" && !slices.Contains(delegation.Classes(), y.Class) {
		return &InvalidError{"class", "Choisissez « courrier_simple » ou « decision »."}
	}
	at := y.Parent
	for n := 1; at != ""; n++ {
		p, ok := find(g.Types, func(x TypeSetup) bool { return x.Code == at })
		switch {
		case !ok:
			return &InvalidError{"parent", "Le type « " + at + " » n’existe pas."}
		case at == y.Code:
			return &InvalidError{"parent", "Un type n’est pas son propre sous-type."}
		case n >= maxFamily:
			return &InvalidError{"parent", "Les sous-types sont trop profonds : trois niveaux au plus."}
		}
		at = p.Parent
	}
	return nil
}

func (y TypeSetup) checkFields() error {
	seen := map[string]bool{}
	for _, f := range builtin() {
		seen[f.Name] = true
	}
	for _, f := range y.Metadata {
		where := "metadata." + f.Name
		switch {
		case !conditions.ValidName(f.Name):
			return &InvalidError{where, "« " + f.Name + " » ne peut pas nommer un champ : lettres minuscules sans accent, chiffres et soulignés, par exemple « montant_ttc »."}
		case seen[f.Name]:
			return &InvalidError{where, "Deux champs ne portent pas le même nom : « " + f.Name + " »."}
		case !slices.Contains(conditions.Types(), f.Type):
			return &InvalidError{where, "Choisissez le type du champ : text, date, integer, decimal, boolean, list ou lists."}
		case (f.Type == conditions.List || f.Type == conditions.Lists) && len(f.Values) == 0:
			return &InvalidError{where, "Donnez les valeurs de la liste."}
		}
		seen[f.Name] = true
		if err := lines(exactly(where, f.Label, 1, 80), exactly(where, f.Help, 0, 300)); err != nil {
			return err
		}
		if _, problem := f.Variable().Normal(f.Default); problem != "" {
			return &InvalidError{where, "La valeur par défaut ne convient pas. " + problem}
		}
	}
	return nil
}

// checkRules compiles the conditions of the type, and those of the circuits it
// leads to, against its metadata.
func (g Organisation) checkRules(y TypeSetup) error {
	codes := []string{}
	if y.Circuit != "" {
		codes = append(codes, y.Circuit)
	}
	for i, r := range y.Rules {
		where := fmt.Sprintf("rules.%d", i+1)
		if _, err := conditions.Compile(r.When, y.Schema()); err != nil {
			return conditionError(where, err)
		}
		codes = append(codes, r.Circuit)
	}
	if len(y.Rules) > 0 && y.Circuit == "" {
		return &InvalidError{"circuit", "Choisissez aussi le circuit pris quand aucune règle ne convient."}
	}
	for _, c := range codes {
		found, _ := g.Circuit(c)
		if found.Published == nil {
			return &InvalidError{"circuit", "Le circuit « " + c + " » n’est pas publié."}
		}
		if err := y.checkSteps(*found.Published); err != nil {
			return err
		}
	}
	return nil
}

// checkSteps compiles the conditions of the steps of a circuit against the
// metadata of a type that takes it.
func (y TypeSetup) checkSteps(d circuits.Definition) error {
	whens, err := stepConditions(d)
	if err != nil {
		return err
	}
	for _, w := range whens {
		if _, err := conditions.Compile(w.When, y.Schema()); err != nil {
			return conditionError("circuit."+d.Code+"."+string(w.ID), err)
		}
	}
	for _, st := range d.Steps {
		for _, rule := range slices.Concat(st.Fields, st.OnRefusalFields) {
			if !slices.ContainsFunc(y.Metadata, func(f Field) bool { return f.Name == rule.Field }) {
				return &InvalidError{"circuit." + d.Code + "." + string(st.ID), "L’étape « " + st.Title + " » demande le champ « " + rule.Field + " », que le type n’a pas."}
			}
		}
	}
	return nil
}

// A stepCondition is a step that is skipped unless its condition holds.
type stepCondition struct {
	ID   circuits.StepID `json:"id"`
	When string          `json:"when"`
}

// stepConditions reads them from the canonical form, which is the same for
// every version of the engine.
func stepConditions(d circuits.Definition) ([]stepCondition, error) {
	var read struct {
		Steps []stepCondition `json:"steps"`
	}
	if err := json.Unmarshal(d.Canonical(), &read); err != nil {
		return nil, fmt.Errorf("conditions of circuit %s: %w", d.Code, err)
	}
	return slices.DeleteFunc(read.Steps, func(s stepCondition) bool { return s.When == "" }), nil
}

func (g Organisation) checkPermissions(p Permissions) error {
	for _, id := range p.People {
		if _, ok := g.Member(id); !ok {
			return &InvalidError{"permissions", "Une personne autorisée n’est pas connue de la collectivité."}
		}
	}
	for _, id := range p.Desks {
		if _, ok := g.Desk(id); !ok {
			return &InvalidError{"permissions", "Un bureau autorisé n’existe pas."}
		}
	}
	for _, name := range p.Applications {
		if !slices.ContainsFunc(g.Applications, func(a ApplicationSetup) bool { return a.Name == name }) {
			return &InvalidError{"permissions", "L’application « " + name + " » n’existe pas."}
		}
	}
	return nil
}

// checkCircuit says whether a definition may be drafted or published.
func (g Organisation) checkCircuit(d circuits.Definition) error {
	if err := lines(code("code", d.Code), exactly("name", d.Name, 1, 120)); err != nil {
		return err
	}
	unknown := ""
	desks(&d, func(id circuits.DeskID) circuits.DeskID {
		if found, ok := g.Desk(id); !ok || found.Inactive {
			unknown = string(id)
		}
		return id
	})
	if unknown != "" {
		return &InvalidError{"steps", "Le circuit « " + d.Code + " » nomme un bureau qui n’existe pas ou n’est plus actif (" + unknown + ")."}
	}
	return nil
}

func (a CircuitDrafted) check(g Organisation) error { return g.checkCircuit(a.Circuit) }

func (CircuitDraftDropped) check(Organisation) error { return nil }

func (CasesSet) check(Organisation) error { return nil } // a circuit that changes may make any case fail

// check compiles the conditions of the steps against the metadata of every
// type that takes the circuit.
func (a CircuitPublished) check(g Organisation) error {
	d := a.Circuit
	if err := lines(g.checkCircuit(d), g.checkChain(d)); err != nil {
		return err
	}
	if err := d.Check(); err != nil {
		return &InvalidError{"steps", "Le circuit « " + d.Code + " » n’est pas complet : " + trial.Unsound(err) + "."}
	}
	if d.Hash() != a.SHA256 {
		return fmt.Errorf("circuit %s: digest %s: %w", d.Code, a.SHA256, ErrInvalid)
	}
	taken := false
	for _, y := range g.Types {
		full, _ := g.Type(y.Code)
		if full.Circuit == d.Code || slices.ContainsFunc(full.Rules, func(r CircuitRule) bool { return r.Circuit == d.Code }) {
			taken = true
			if err := full.checkSteps(d); err != nil {
				return err
			}
		}
	}
	if !taken {
		return TypeSetup{Metadata: g.everyField()}.checkSteps(d)
	}
	return nil
}

// checkChain follows the circuits that come after d: there is an end.
func (g Organisation) checkChain(d circuits.Definition) error {
	seen := map[string]bool{d.Code: true}
	for next := d.Then; next != ""; {
		c, _ := g.Circuit(next)
		switch {
		case seen[next]:
			return &InvalidError{"then", "Les circuits s’enchaînent en rond : « " + d.Code + " » reviendrait à « " + next + " »."}
		case c.Published == nil:
			return &InvalidError{"then", "Le circuit « " + next + " », qui doit suivre, n’est pas publié."}
		}
		seen[next] = true
		next = c.Published.Then
	}
	return nil
}

// everyField lists the fields of all types, the first of each name: what the
// conditions of a circuit that no type takes yet may name.
func (g Organisation) everyField() (out []Field) {
	for _, y := range g.Types {
		for _, f := range y.Metadata {
			if !slices.ContainsFunc(out, func(x Field) bool { return x.Name == f.Name }) {
				out = append(out, f)
			}
		}
	}
	return out
}

func (a CircuitRetired) check(g Organisation) error {
	c, ok := g.Circuit(a.Code)
	if !ok || !slices.ContainsFunc(c.Versions, func(v CircuitVersion) bool { return v.Version == a.Version }) {
		return fmt.Errorf("circuit %s, version %d: %w", a.Code, a.Version, ErrNotFound)
	}
	for _, y := range g.Types {
		uses := y.Circuit == a.Code || slices.ContainsFunc(y.Rules, func(r CircuitRule) bool { return r.Circuit == a.Code })
		if uses && !y.Inactive && c.Published == nil {
			return &InvalidError{"circuit", "Le type « " + y.Name + " » prend encore ce circuit : donnez-lui-en un autre d’abord."}
		}
	}
	return nil
}

func (a ClosureSet) check(Organisation) error {
	if !a.Closure.On.Valid() {
		return &InvalidError{"on", "Indiquez un jour qui existe, comme 2026-05-15."}
	}
	return exactly("label", a.Closure.Label, 0, 120)
}

func (ClosureRemoved) check(Organisation) error { return nil }

func (a ApplicationSet) check(g Organisation) error {
	x := a.Application
	m, ok := g.Member(x.DefaultDrafter)
	switch {
	case !ok || !m.Drafter:
		return &InvalidError{"default_drafter", "Choisissez une personne qui rédige : les refus lui reviendront."}
	case slices.ContainsFunc(g.Applications, func(o ApplicationSetup) bool { return o.ID != x.ID && o.Name == x.Name }):
		return &InvalidError{"name", "Une application porte déjà ce nom."}
	}
	if _, err := frameOrigins("panel_origins", x.Frames); err != nil {
		return err
	}
	return exactly("name", x.Name, 1, 80)
}
