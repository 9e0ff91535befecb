package dossiers

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/internal/conditions"
)

// A TypeSetup is a type or a sub-type of letters. A sub-type inherits what it
// leaves empty from its parent. A type without circuit is a heading: letters
// are deposited under its sub-types.
type TypeSetup struct {
	Code     string `json:"code"` // "courrier-simple"
	Name     string `json:"name"`
	Hint     string `json:"hint,omitempty"` // one line for the drafter
	Parent   string `json:"parent,omitempty"`
	Inactive bool   `json:"inactive,omitempty"` // no letter is deposited under it any more
	// Class is what the law asks of the signature; default courrier_simple.
	Class delegation.Class `json:"class,omitempty"`
	// Level is the level required of signatures ("PAdES-BASELINE-T"…), empty
	// for the town's. Assurance is that of the authenticator.
	Level     string `json:"level,omitempty"`
	Assurance string `json:"assurance,omitempty"`
	// CouncilMatter: the council delegated the matter to the mayor (L2122-22).
	CouncilMatter bool `json:"council_matter,omitempty"`
	// Sequence numbers the letters, at their start, or at their deposit.
	Sequence        string `json:"sequence,omitempty"`
	NumberAtDeposit bool   `json:"number_at_deposit,omitempty"`
	// Rules choose the circuit: the first whose condition holds. Circuit is
	// taken when none does.
	Rules    []CircuitRule `json:"rules,omitempty"`
	Circuit  string        `json:"circuit,omitempty"`
	AdHoc    bool          `json:"ad_hoc,omitempty"` // the drafter may compose a circuit of his own
	Metadata []Field       `json:"metadata,omitempty"`
	// Permissions say who may deposit under the type; empty: everybody who
	// drafts.
	Permissions Permissions `json:"permissions,omitzero"`
}

// A CircuitRule sends letters to a circuit when a condition holds.
type CircuitRule struct {
	When    string `json:"when"`
	Circuit string `json:"circuit"`
}

// A Field is one metadata of a type.
type Field struct {
	Name    string          `json:"name"` // in conditions: "montant"
	Label   string          `json:"label"`
	Help    string          `json:"help,omitempty"`
	Type    conditions.Type `json:"type"`
	Values  []string        `json:"values,omitempty"` // of a list
	Default string          `json:"default,omitempty"`
	// When the field must be filled.
	AtDeposit bool              `json:"at_deposit,omitempty"`
	AtSteps   []circuits.StepID `json:"at_steps,omitempty"`
	AtRefusal bool              `json:"at_refusal,omitempty"`
}

// Permissions name who may use a type, by any of the lists.
type Permissions struct {
	People       []circuits.PersonID `json:"people,omitempty"`
	Desks        []circuits.DeskID   `json:"desks,omitempty"`        // their holders and preparers
	Applications []string            `json:"applications,omitempty"` // by name
}

// Open reports whether p lets everybody in.
func (p Permissions) Open() bool { return len(p.People)+len(p.Desks)+len(p.Applications) == 0 }

// allows reports whether v may use what p protects.
func (p Permissions) allows(v Viewer) bool {
	if p.Open() {
		return true
	}
	if v.Application != nil {
		return slices.Contains(p.Applications, v.Application.Name)
	}
	if v.Person == nil {
		return false
	}
	at := func(d circuits.DeskID) bool {
		_, holds := v.Person.Seat(d)
		return holds || slices.Contains(v.Person.Prepares, d)
	}
	return slices.Contains(p.People, v.Person.ID) || slices.ContainsFunc(p.Desks, at)
}

// maxFamily bounds how deep types are nested.
const maxFamily = 4

// Type returns a type with what it inherits: its own fields first, then those
// of its parents which it does not define anew. Parent, Code, Name and Circuit
// are its own.
func (g Organisation) Type(code string) (TypeSetup, bool) {
	y, ok := find(g.Types, func(y TypeSetup) bool { return y.Code == code })
	for at, n := y.Parent, 0; ok && at != "" && n < maxFamily; n++ {
		p, found := find(g.Types, func(x TypeSetup) bool { return x.Code == at })
		if !found {
			break
		}
		y = y.inherit(p)
		at = p.Parent
	}
	if y.Class == "" {
		y.Class = delegation.Letter
	}
	return y, ok
}

func (y TypeSetup) inherit(p TypeSetup) TypeSetup {
	or := func(s *string, from string) {
		if *s == "" {
			*s = from
		}
	}
	or((*string)(&y.Class), string(p.Class))
	or(&y.Level, p.Level)
	or(&y.Assurance, p.Assurance)
	or(&y.Sequence, p.Sequence)
	y.CouncilMatter = y.CouncilMatter || p.CouncilMatter
	y.NumberAtDeposit = y.NumberAtDeposit || p.NumberAtDeposit
	y.Inactive = y.Inactive || p.Inactive
	y.Metadata = slices.Clone(y.Metadata)
	for _, f := range p.Metadata {
		if !slices.ContainsFunc(y.Metadata, func(x Field) bool { return x.Name == f.Name }) {
			y.Metadata = append(y.Metadata, f)
		}
	}
	if y.Permissions.Open() {
		y.Permissions = p.Permissions
	}
	return y
}

// Within lists the parents of a type, nearest first.
func (g Organisation) Within(code string) (parents []string) {
	y, _ := find(g.Types, func(y TypeSetup) bool { return y.Code == code })
	for n := 0; y.Parent != "" && n < maxFamily; n++ {
		parents = append(parents, y.Parent)
		y, _ = find(g.Types, func(x TypeSetup) bool { return x.Code == y.Parent })
	}
	return parents
}

// A Sequence gives letters their number in the register (chrono).
type Sequence struct {
	Code string `json:"code"`
	Name string `json:"name"`
	// Pattern is how a number is written: "{annee}-{numero:04}", "CAB/{an}/{numero}".
	Pattern string `json:"pattern"`
	// Continuous sequences do not begin again at 1 each year.
	Continuous bool `json:"continuous,omitempty"`
}

func placeholders() *regexp.Regexp { return regexp.MustCompile(`\{[^{}]*\}`) }

// Number writes number n of the sequence, drawn at an instant of the town.
func (s Sequence) Number(n int64, at time.Time) string {
	return placeholders().ReplaceAllStringFunc(s.Pattern, func(p string) string {
		word, width, _ := strings.Cut(strings.Trim(p, "{}"), ":")
		switch word {
		case "annee":
			return at.Format("2006")
		case "an":
			return at.Format("06")
		case "mois":
			return at.Format("01")
		}
		w, _ := strconv.Atoi(width) // checked before it was kept
		return fmt.Sprintf("%0*d", w, n)
	})
}

// checkPattern says in French what is wrong with the pattern, or nothing.
func (s Sequence) checkPattern() string {
	const example = "Par exemple : {annee}-{numero:04}."
	numbers, yearly := 0, false
	for _, p := range placeholders().FindAllString(s.Pattern, -1) {
		word, width, wide := strings.Cut(strings.Trim(p, "{}"), ":")
		n, err := strconv.Atoi(width)
		switch {
		case word == "numero" && (!wide || err == nil && n >= 1 && n <= 12):
			numbers++
		case word == "annee" && !wide, word == "an" && !wide:
			yearly = true
		case word == "mois" && !wide:
		default:
			return "« " + p + " » n’est pas connu : {annee}, {an}, {mois} et {numero} ou {numero:04}. " + example
		}
	}
	rest := placeholders().ReplaceAllString(s.Pattern, "")
	switch {
	case numbers != 1:
		return "Le modèle contient {numero} une fois. " + example
	case strings.ContainsAny(rest, "{}"):
		return "Une accolade n’est pas fermée. " + example
	case len(s.Pattern) > 60:
		return "Ce modèle est trop long : 60 caractères au plus."
	case !s.Continuous && !yearly:
		return "Une suite qui recommence chaque année porte {annee} ou {an}, sinon deux lettres auraient le même numéro."
	}
	return ""
}
