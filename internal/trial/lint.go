package trial

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/internal/conditions"
)

// A Gravity says what a finding prevents.
type Gravity string

// The gravities.
const (
	Blocking Gravity = "bloquant" // it cannot be published
	Warning  Gravity = "a-savoir" // it can, knowingly
)

// A Finding is one thing to know about a circuit.
type Finding struct {
	Gravity Gravity         `json:"gravity"`
	Code    string          `json:"code"`           // stable: "no_signatory"
	Step    circuits.StepID `json:"step,omitempty"` // of the step it is about, or empty
	Text    string          `json:"text"`           // a French sentence, whole
}

// Lint says what is wrong with a circuit in a town, on a day: first what
// prevents publication, each in the order of the steps. A circuit with
// nothing to say about has none.
func Lint(d circuits.Definition, t Town, l Letter, at time.Time) []Finding {
	x := &linter{Definition: d, town: t, letter: l, at: at}
	x.whole()
	seen := map[circuits.StepID]bool{}
	for i, st := range d.Steps {
		x.step = st
		x.identity(st, seen)
		x.actors(i, st)
		x.condition(st)
		x.delays(st)
		x.fields(st)
		seen[st.ID] = true
	}
	x.step = circuits.Step{}
	x.order()
	if err := d.Check(); err != nil && !slices.ContainsFunc(x.found, Finding.blocks) {
		x.block("unsound", "Le circuit n’est pas complet : %s.", Unsound(err)) // nothing above told it better
	}
	slices.SortStableFunc(x.found, func(a, b Finding) int { return cmp.Compare(b.Gravity, a.Gravity) })
	return x.found
}

func (f Finding) blocks() bool { return f.Gravity == Blocking }

// A linter gathers what it finds; step is the one it is at.
type linter struct {
	circuits.Definition
	town   Town
	letter Letter
	at     time.Time
	step   circuits.Step
	found  []Finding
}

func (x *linter) add(g Gravity, code, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if x.step.Title != "" {
		text = "« " + x.step.Title + " »" + x.which() + " : " + text
	}
	x.found = append(x.found, Finding{g, code, x.step.ID, text})
}

// which tells a step from others of the same title.
func (x *linter) which() string {
	place, same := 0, 0
	for i, st := range x.Steps {
		if st.Title == x.step.Title {
			same++
		}
		if st.ID == x.step.ID && place == 0 {
			place = i + 1
		}
	}
	if same < 2 {
		return ""
	}
	return fmt.Sprintf(" (étape %d)", place)
}

func (x *linter) block(code, format string, args ...any) { x.add(Blocking, code, format, args...) }
func (x *linter) warn(code, format string, args ...any)  { x.add(Warning, code, format, args...) }

// whole looks at the circuit as a whole.
func (x *linter) whole() {
	final := slices.ContainsFunc(x.Steps, func(st circuits.Step) bool { return seals(st.Kind) || st.Kind == circuits.External })
	switch {
	case len(x.Steps) == 0:
		x.block("empty", "Le circuit n’a aucune étape.")
	case !final && x.Then == "":
		x.block("no_signatory", "Personne ne signe : ajoutez une étape de signature, de cachet ou d’acte externe.")
	case !slices.ContainsFunc(x.Steps, func(st circuits.Step) bool { return st.Kind == circuits.Signature }) && x.Then == "":
		x.warn("no_person_signs", "Aucune personne ne signe : le cachet prouve l’origine de la lettre, pas l’accord d’un signataire.")
	}
	switch {
	case x.Then == "":
	case x.Then == x.Code:
		x.block("chain_loop", "Le circuit s’enchaîne à lui-même : un dossier n’en sortirait jamais.")
	case x.town.Circuits != nil && !x.town.Circuits[x.Then]:
		x.block("chain_unknown", "Le circuit « %s », qui doit suivre, n’est pas publié.", x.Then)
	}
	if total := x.total(); x.Days > 0 && total > x.Days {
		x.block("deadline_impossible", "Les étapes ont ensemble %d jours ouvrés pour agir, et le circuit entier n’en a que %d.", total, x.Days)
	}
}

// total adds the delays of the steps.
func (x *linter) total() int {
	n := 0
	for _, st := range x.Steps {
		n += st.Days
	}
	return n
}

func (x *linter) identity(st circuits.Step, seen map[circuits.StepID]bool) {
	if strings.TrimSpace(st.Title) == "" {
		x.block("no_title", "Une étape n’a pas de nom.")
	}
	if st.ID == "" || seen[st.ID] {
		x.block("same_identifier", "deux étapes ont le même identifiant.")
	}
	if !slices.Contains(levels(), st.Level) {
		x.block("level_unknown", "le niveau de signature « %s » n’existe pas : choisissez B-B, B-T, B-LT ou B-LTA.", st.Level)
	}
	if st.Kind == circuits.Information || st.Auto {
		return
	}
	n := len(rules(st))
	switch need := st.Need; {
	case n == 0:
		x.block("no_actor", "personne n’est désigné pour agir.")
	case need.Mode == circuits.Quorum && (need.N < 1 || need.N > n):
		x.block("quorum_impossible", "il faut %s sur %d : c’est impossible.", plural(need.N, "accord", "accords"), n)
	case need.Mode == circuits.One && n > 1:
		x.block("how_many", "%d bureaux sont désignés : dites s’ils agissent tous, ou l’un d’eux, ou combien.", n)
	}
}

// levels are those that a step may ask for, as the sealing reads them; empty is
// the town's.
func levels() []string {
	return []string{"", "B-B", "B-T", "B-LT", "B-LTA", "PAdES-BASELINE-B", "PAdES-BASELINE-T", "PAdES-BASELINE-LT", "PAdES-BASELINE-LTA"}
}

// actors looks at who would act at a step today.
func (x *linter) actors(i int, st circuits.Step) {
	if st.Kind == circuits.Seal && x.town.Sealless {
		x.block("no_seal", "le cachet de la collectivité n’est pas utilisable aujourd’hui.")
	}
	if st.Auto {
		return
	}
	for _, r := range rules(st) {
		switch r.Rule {
		case circuits.NamedDesk:
			x.desk(st, r.Desk)
		case circuits.FromMetadata:
			x.variable(st, r)
		case circuits.ChosenAtStart:
			if len(r.Among) == 0 {
				x.block("choice_empty", "le bureau se choisit au départ, et aucun n’est proposé : cochez ceux qui peuvent l’être.")
			}
			for _, d := range r.Among {
				x.desk(st, d)
			}
		case circuits.HeadOfPrevious:
			x.headOfPrevious(i)
		case circuits.HeadOfDrafter:
			x.headOfDrafter()
		case circuits.TheDrafter:
			if st.Kind == circuits.Signature {
				x.warn("drafter_signs", "le rédacteur signe sa propre lettre : il lui faut un certificat.")
			}
		}
	}
}

// desk says whether somebody can act at a desk.
func (x *linter) desk(st circuits.Step, id circuits.DeskID) {
	d, known := x.town.Desks[id]
	switch {
	case id == "":
		x.block("no_actor", "choisissez un bureau.")
		return
	case !known:
		x.block("desk_unknown", "le bureau désigné n’existe pas.")
		return
	case d.Closed:
		x.block("desk_closed", "le bureau « %s » n’est plus en service.", d.Name)
		return
	case st.Kind == circuits.Information:
		return
	case len(x.town.Holders[id]) == 0:
		x.block("desk_empty", "le bureau « %s » n’a pas de titulaire. Toute lettre s’y arrêterait.", d.Name)
		return
	}
	x.holders(st, id, d)
}

// holders says whether one of those who may act at a desk today has what it
// takes.
func (x *linter) holders(st circuits.Step, id circuits.DeskID, d Desk) {
	powers := x.town.Powers(id, x.letter.act(nil, !seals(st.Kind)), x.town.day(x.at))
	if len(powers.Powers) == 0 {
		x.block("desk_unable", "personne ne peut agir aujourd’hui au bureau « %s »%s", d.Name, why(powers.Refused))
		return
	}
	var passkey, certificate, present bool
	for _, p := range powers.Powers {
		can := x.town.Able[p.Person]
		passkey = passkey || can.Passkey
		certificate = certificate || can.Passkey && can.Certificate
		present = present || !p.Away
	}
	switch {
	case !passkey:
		x.block("no_passkey", "au bureau « %s », personne n’a encore de clé d’accès : %s.", d.Name, names(powers.Powers))
	case st.Kind == circuits.Signature && !certificate:
		x.block("no_certificate", "au bureau « %s », personne n’a de certificat de signature utilisable : %s.", d.Name, names(powers.Powers))
	case !present:
		a, _ := x.town.AbsenceOf(powers.Powers[0].Person, x.town.day(x.at))
		x.warn("on_leave", "%s est en congé jusqu’au %s, sans personne pour agir à sa place.", powers.Powers[0].Name, a.To.French())
	}
}

// why tells the refusals of a desk where nobody may act.
func why(refused []delegation.Refused) string {
	if len(refused) == 0 {
		return "."
	}
	return " : " + refused[0].Why.French()
}

func names(powers []delegation.Power) string {
	out := make([]string, len(powers))
	for i, p := range powers {
		out[i] = p.Name
	}
	return strings.Join(out, ", ")
}

func (x *linter) variable(st circuits.Step, r circuits.ActorRule) {
	if !x.letter.has(r.Field) {
		x.block("field_unknown", "le champ « %s », qui désigne le bureau, n’existe pas dans ce type de lettre.", r.Field)
		return
	}
	if !slices.Contains(x.letter.Required, r.Field) && !slices.ContainsFunc(st.Fields, func(f circuits.FieldRule) bool { return f.Field == r.Field }) {
		x.warn("field_optional", "si le champ « %s » n’est pas rempli, l’étape est bloquée. Le rendre obligatoire l’éviterait.", x.letter.label(r.Field))
	}
	for _, v := range x.letter.Schema {
		if v.Name != r.Field {
			continue
		}
		for _, value := range v.Values {
			if _, known := x.town.known().Named(value); !known {
				x.warn("value_without_desk", "la valeur « %s » du champ « %s » n’est le nom d’aucun bureau.", value, x.letter.label(r.Field))
			}
		}
	}
}

// headOfPrevious finds climbs that lead nowhere: nobody above, or the same
// person again.
func (x *linter) headOfPrevious(i int) {
	if i == 0 {
		x.block("no_previous", "c’est la première étape : il n’y a pas de bureau précédent dont prendre le chef.")
		return
	}
	previous := x.Steps[i-1]
	for _, r := range rules(previous) {
		if r.Rule != circuits.NamedDesk {
			continue
		}
		head := x.town.Desks[r.Desk].Parent
		switch {
		case head == "":
			x.block("no_head", "le bureau « %s » n’a pas de bureau au-dessus de lui.", x.town.deskName(r.Desk))
		case x.namedAfter(i, head):
			x.warn("head_again", "le chef du bureau « %s » est « %s », qui agit encore plus loin.", x.town.deskName(r.Desk), x.town.deskName(head))
		}
	}
	x.loop()
}

func (x *linter) headOfDrafter() {
	x.loop()
	for id, d := range x.town.Desks {
		if d.Parent == "" && !d.Closed && len(x.town.Holders[id]) > 0 {
			x.warn("top_drafter", "une lettre rédigée au bureau « %s », qui n’a personne au-dessus de lui, serait bloquée ici.", d.Name)
			return
		}
	}
}

// loop finds desks that are above themselves.
func (x *linter) loop() {
	for id := range x.town.Desks {
		at := id
		for range x.town.Desks {
			if at = x.town.Desks[at].Parent; at == "" {
				break
			}
			if at == id {
				x.block("head_loop", "le bureau « %s » est au-dessus de lui-même : « le chef de » n’aurait pas de fin.", x.town.deskName(id))
				return
			}
		}
	}
}

func (x *linter) namedAfter(i int, d circuits.DeskID) bool {
	for _, st := range x.Steps[i+1:] {
		if slices.ContainsFunc(rules(st), func(r circuits.ActorRule) bool { return r.Rule == circuits.NamedDesk && r.Desk == d }) {
			return true
		}
	}
	return false
}

// condition checks a condition, and tries it on every value that matters.
func (x *linter) condition(st circuits.Step) {
	if st.When == "" {
		return
	}
	c, err := conditions.Compile(st.When, x.letter.Schema)
	var told *conditions.Error
	if errors.As(err, &told) {
		x.block("condition", "sa condition ne se lit pas. %s", told.French)
		return
	}
	if err != nil {
		x.block("condition", "sa condition ne se lit pas.")
		return
	}
	yes, no := tries(c, st.When, x.letter.Schema, x.at)
	switch {
	case !yes && no:
		x.block("never", "sa condition n’est jamais remplie : l’étape n’aurait jamais lieu.")
	case yes && !no:
		x.warn("always", "sa condition est toujours remplie : elle ne sert à rien.")
	}
	for _, f := range c.Uses() {
		if !slices.Contains(x.letter.Required, f) {
			x.warn("condition_optional", "si le champ « %s » n’est pas rempli, la condition n’a pas de réponse et la lettre ne part pas. Le rendre obligatoire l’éviterait.", x.letter.label(f))
		}
	}
}

// delays looks at deadlines, reminders and escalation.
func (x *linter) delays(st circuits.Step) {
	for _, n := range st.RemindBefore {
		if n >= st.Days {
			x.warn("reminder_too_early", "une relance %s avant l’échéance tombe avant l’arrivée de la lettre, qui n’a que %s.",
				plural(n, "jour", "jours"), plural(st.Days, "jour", "jours"))
		}
	}
	for _, r := range st.Escalate {
		switch {
		case r.To != circuits.RungHead:
		case slices.ContainsFunc(rules(st), func(a circuits.ActorRule) bool {
			return a.Rule == circuits.NamedDesk && x.town.Desks[a.Desk].Parent == ""
		}):
			x.warn("escalation_top", "le retard est signalé au bureau du dessus, et il n’y en a pas.")
		}
		if seals(st.Kind) && r.To != circuits.RungReminder {
			x.warn("escalation_signature", "une signature ne passe pas à quelqu’un d’autre parce que le délai est dépassé : le retard sera seulement signalé.")
		}
	}
	if st.Days == 0 && (st.Kind == circuits.Opinion) {
		x.warn("opinion_without_date", "cet avis n’a pas de délai : la lettre l’attendra aussi longtemps qu’il faut.")
	}
}

func (x *linter) fields(st circuits.Step) {
	for _, f := range slices.Concat(st.Fields, st.OnRefusalFields) {
		if !x.letter.has(f.Field) {
			x.block("field_unknown", "le champ « %s », demandé ici, n’existe pas dans ce type de lettre.", f.Field)
		}
	}
}

// order looks at how steps follow each other.
func (x *linter) order() {
	signed := ""
	for i, st := range x.Steps {
		if signed != "" && (st.Kind == circuits.Visa || st.Kind == circuits.Opinion) {
			x.warn("visa_after_signature", "« %s » vient après « %s » : la lettre sera déjà signée, et ne pourra plus être corrigée.", st.Title, signed)
		}
		if st.Kind == circuits.Signature {
			signed = st.Title
		}
		if i > 0 {
			x.twice(x.Steps[i-1], st)
		}
	}
}

// twice warns when the same person would act at two steps in a row.
func (x *linter) twice(a, b circuits.Step) {
	if a.Desk == "" || b.Desk == "" || a.Kind == circuits.Information || b.Kind == circuits.Information {
		return
	}
	first := x.town.Powers(a.Desk, x.letter.act(nil, true), x.town.day(x.at)).Powers
	second := x.town.Powers(b.Desk, x.letter.act(nil, true), x.town.day(x.at)).Powers
	if len(first) != 1 || len(second) != 1 || first[0].Person != second[0].Person {
		return
	}
	x.warn("same_person", "%s agirait deux fois de suite : à « %s », puis à « %s ».", first[0].Name, a.Title, b.Title)
}

func plural(n int, one, many string) string {
	if n < 2 {
		return fmt.Sprintf("%d %s", n, one)
	}
	return fmt.Sprintf("%d %s", n, many)
}
