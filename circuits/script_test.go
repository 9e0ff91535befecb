package circuits_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/calendar"
)

// A play runs a scenario: lines of French that say what the circuit is, what
// the town knows, who does what, and how things then stand.
type play struct {
	zone     *time.Location
	clock    time.Time
	facts    circuits.Facts
	circuits map[string]*circuits.Definition
	current  *circuits.Definition // being described, then the one that is started
	state    circuits.State
	events   []circuits.Event
	version  int
	tried    []string // commands given: "vise", "refuse"…
}

func newPlay() *play {
	zone := time.FixedZone("CET", 3600) // one zone without summer time keeps the traces simple
	return &play{
		zone: zone, clock: time.Date(2026, 3, 2, 9, 0, 0, 0, zone).UTC(), circuits: map[string]*circuits.Definition{},
		facts: circuits.Facts{
			Conditions: map[circuits.StepID]bool{}, Heads: map[circuits.DeskID]circuits.DeskID{}, Values: map[string]circuits.DeskID{},
			Chosen: map[circuits.StepID]circuits.DeskID{}, Substitutes: map[circuits.DeskID]circuits.Recipient{},
			Filled: map[string]bool{}, Calendar: calendar.Calendar{Zone: zone},
		},
	}
}

// run plays a script; the error names the line.
func (p *play) run(script string) error {
	for n, line := range strings.Split(script, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if err := p.line(line); err != nil {
			return fmt.Errorf("line %d, %q: %w", n+1, line, err)
		}
	}
	return nil
}

// errLine says that a line is not of the language.
var errLine = errors.New("not understood")

func (p *play) line(line string) error {
	words := strings.Fields(line)
	rest := strings.TrimSpace(strings.TrimPrefix(line, words[0]))
	switch words[0] {
	case "circuit":
		name, version, _ := strings.Cut(rest, " version ")
		v, _ := strconv.Atoi(version)
		p.current = &circuits.Definition{Code: name, Version: max(v, 1), Name: "Circuit " + name}
		p.circuits[rest] = p.current
		return nil
	case "étape":
		return p.step(rest)
	case "correction", "puis", "délai":
		return p.policy(words)
	case "le", "la", "on", "fermeture", "région", "personne":
		if done, err := p.fact(words); done {
			return err
		}
	case "alors":
		return p.check(rest)
	}
	return p.act(line)
}

// step reads "visa-dgs : visa par dgs, en 3 jours".
func (p *play) step(s string) error {
	id, rest, ok := strings.Cut(s, " : ")
	if !ok || p.current == nil {
		return errLine
	}
	parts := strings.Split(rest, ",")
	kind, actors, _ := strings.Cut(strings.TrimSpace(parts[0]), " par ")
	st := circuits.Step{ID: circuits.StepID(id), Kind: circuits.Kind(kind), Title: "Étape " + id}
	if err := cast(&st, strings.Fields(actors)); err != nil {
		return err
	}
	for _, o := range parts[1:] {
		if err := option(&st, strings.TrimSpace(o)); err != nil {
			return fmt.Errorf("%q: %w", o, err)
		}
	}
	p.current.Steps = append(p.current.Steps, st)
	return nil
}

// cast reads who acts: "dgs", "dgs et finances", "dgs ou finances", "2 parmi
// dgs finances juridique", "machine".
func cast(st *circuits.Step, words []string) error {
	if len(words) == 0 {
		return errLine
	}
	if words[0] == "machine" {
		st.Auto = true
		return nil
	}
	if n, err := strconv.Atoi(words[0]); err == nil && len(words) > 2 && words[1] == "parmi" {
		st.Need, words = circuits.Need{Mode: circuits.Quorum, N: n}, words[2:]
	}
	for _, w := range words {
		switch w {
		case "et":
			st.Need.Mode = circuits.All
		case "ou":
			st.Need.Mode = circuits.Any
		default:
			st.Actors = append(st.Actors, rule(w))
		}
	}
	if st.Kind == circuits.Information {
		st.Need = circuits.Need{}
	}
	if len(st.Actors) == 1 && st.Actors[0].Rule == circuits.NamedDesk && st.Need == (circuits.Need{}) {
		st.Desk, st.Actors = st.Actors[0].Desk, nil
	}
	return nil
}

func rule(w string) circuits.ActorRule {
	name, of, _ := strings.Cut(w, ":")
	among := func(s string) (out []circuits.DeskID) {
		for d := range strings.SplitSeq(s, "/") {
			out = append(out, circuits.DeskID(d))
		}
		return out
	}
	switch name {
	case "rédacteur":
		return circuits.ActorRule{Rule: circuits.TheDrafter}
	case "chef-du-rédacteur":
		return circuits.ActorRule{Rule: circuits.HeadOfDrafter}
	case "chef-du-précédent":
		return circuits.ActorRule{Rule: circuits.HeadOfPrevious}
	case "champ":
		return circuits.ActorRule{Rule: circuits.FromMetadata, Field: of}
	case "choix":
		return circuits.ActorRule{Rule: circuits.ChosenAtStart, Among: among(of)}
	}
	return circuits.ActorRule{Rule: circuits.NamedDesk, Desk: circuits.DeskID(w)}
}

// option reads what follows a comma.
func option(st *circuits.Step, o string) error {
	w := strings.Fields(o)
	number := func(i int) int {
		if i >= len(w) {
			return -1
		}
		n, err := strconv.Atoi(w[i])
		if err != nil {
			return -1
		}
		return n
	}
	switch {
	case o == "dans l’ordre":
		st.Need.Ordered = true
	case o == "cumul permis":
		st.Need.Cumulate = true
	case o == "lecture obligatoire":
		st.MustRead = true
	case o == "sans refus":
		st.NoRefusal = true
	case o == "refus au précédent":
		st.RefuseTo.To = circuits.ToPrevious
	case strings.HasPrefix(o, "refus au choix"):
		st.RefuseTo.To = circuits.ToChosen
		for _, id := range w[3:] {
			st.RefuseTo.Allowed = append(st.RefuseTo.Allowed, circuits.StepID(id))
		}
	case strings.HasPrefix(o, "assurance ") && len(w) == 2:
		st.Assurance = w[1]
	case strings.HasPrefix(o, "si "):
		st.When = strings.TrimPrefix(o, "si ")
	case strings.HasPrefix(o, "en ") && len(w) == 3:
		st.Days = number(1)
	case strings.HasPrefix(o, "rappel ") && strings.HasSuffix(o, " avant"):
		st.RemindBefore = append(st.RemindBefore, number(1))
	case strings.HasPrefix(o, "rappel ") && strings.HasSuffix(o, " après"):
		st.RemindAfter = append(st.RemindAfter, number(1))
	case strings.HasPrefix(o, "escalade ") && len(w) == 3:
		to := map[string]string{"rappel": circuits.RungReminder, "suppléant": circuits.RungSubstitute, "chef": circuits.RungHead}[w[2]]
		st.Escalate = append(st.Escalate, circuits.Rung{After: number(1), To: to})
	case strings.HasPrefix(o, "métadonnée ") && strings.HasSuffix(o, " au refus"):
		st.OnRefusalFields = append(st.OnRefusalFields, circuits.FieldRule{Field: w[1]})
	case strings.HasPrefix(o, "métadonnée ") && len(w) == 2:
		st.Fields = append(st.Fields, circuits.FieldRule{Field: w[1]})
	default:
		return errLine
	}
	return nil
}

// policy reads what is said of the whole circuit.
func (p *play) policy(w []string) error {
	if p.current == nil {
		return errLine
	}
	switch c := p.current; {
	case len(w) == 3 && w[0] == "correction" && w[1] == "mineure":
		c.Correction.Minor = true
	case len(w) == 3 && w[0] == "correction" && w[1] == "partielle":
		c.Correction.Partial = true
	case len(w) == 4 && w[0] == "correction" && w[3] == "acteurs": // correction par les acteurs
		c.Correction.Actors = true
	case len(w) == 4 && w[0] == "correction" && w[2] == "bureau": // correction par bureau dgs
		return errLine
	case len(w) == 5 && w[0] == "correction": // correction par le bureau dgs
		c.Correction.Desks = append(c.Correction.Desks, circuits.DeskID(w[4]))
	case len(w) == 3 && w[0] == "puis": // puis circuit envoi
		c.Then = w[2]
	case len(w) == 3 && w[0] == "délai": // délai 20 jours
		n, err := strconv.Atoi(w[1])
		c.Days = n
		return err
	default:
		return errLine
	}
	return nil
}

// fact reads what the town knows, and the clock.
func (p *play) fact(w []string) (bool, error) {
	line := strings.Join(w, " ")
	f := &p.facts
	switch {
	case w[0] == "le" && len(w) >= 2 && strings.Count(w[1], "-") == 2: // le 2026-03-02 à 09:00
		at, err := time.ParseInLocation("2006-01-02 à 15:04", strings.TrimPrefix(line, "le "), p.zone)
		if err == nil && at.Before(p.clock) {
			err = errors.New("the clock goes back")
		}
		p.clock = at.UTC()
		return true, err
	case strings.HasPrefix(line, "le bureau ") && len(w) >= 5 && w[3] == "est": // le bureau dgs est tenu par karim anne
		if f.Holders == nil {
			f.Holders = map[circuits.DeskID][]circuits.PersonID{}
		}
		f.Holders[circuits.DeskID(w[2])] = nil
		for _, x := range w[min(6, len(w)):] {
			if x != "personne" {
				f.Holders[circuits.DeskID(w[2])] = append(f.Holders[circuits.DeskID(w[2])], circuits.PersonID(x))
			}
		}
	case strings.HasPrefix(line, "le chef de ") && len(w) == 6: // le chef de finances est dgs
		f.Heads[circuits.DeskID(w[3])] = circuits.DeskID(w[5])
	case strings.HasPrefix(line, "le suppléant de ") && len(w) == 6:
		f.Substitutes[circuits.DeskID(w[3])] = recipient(w[5])
	case strings.HasPrefix(line, "le rédacteur travaille à ") && len(w) == 5:
		f.DrafterDesk = circuits.DeskID(w[4])
	case strings.HasPrefix(line, "le champ ") && len(w) == 5 && w[3] == "vaut":
		f.Values[w[2]] = circuits.DeskID(w[4])
	case strings.HasPrefix(line, "le champ ") && len(w) == 5 && w[3] == "est":
		f.Filled[w[2]] = w[4] == "rempli"
	case strings.HasPrefix(line, "la condition de ") && len(w) == 6:
		f.Conditions[circuits.StepID(w[3])] = w[5] == "vraie"
	case strings.HasPrefix(line, "on choisit ") && len(w) == 5: // on choisit dgs pour visa
		f.Chosen[circuits.StepID(w[4])] = circuits.DeskID(w[2])
	case strings.HasPrefix(line, "fermeture du ") && len(w) == 5:
		var c calendar.Closure
		if c.From.UnmarshalText([]byte(w[2])) != nil || c.To.UnmarshalText([]byte(w[4])) != nil {
			return true, errLine
		}
		f.Calendar.Closures = append(f.Calendar.Closures, c)
	case w[0] == "région" && len(w) == 2:
		f.Calendar.Region = calendar.Region(w[1])
	default:
		return false, nil
	}
	return true, nil
}

// recipient reads "finances" as a desk and "@paul" as a person.
func recipient(w string) circuits.Recipient {
	desk, person, found := strings.Cut(w, "@")
	if !found {
		return circuits.Recipient{Desk: circuits.DeskID(w)}
	}
	return circuits.Recipient{Desk: circuits.DeskID(desk), Person: circuits.PersonID(person)}
}

// The French of the checks.
func phases() map[string]circuits.Phase {
	return map[string]circuits.Phase{
		"brouillon": circuits.Draft, "en-cours": circuits.Running, "refusé": circuits.Refused, "retiré": circuits.Withdrawn, "terminé": circuits.Completed,
	}
}

func frenchStatus(s circuits.Status) string {
	return map[circuits.Status]string{
		circuits.Ahead: "à-venir", circuits.Open: "ouverte", circuits.Sealing: "scellement", circuits.Done: "faite", circuits.Rejects: "refusée",
		circuits.Skipped: "sautée", circuits.Bypassed: "contournée", circuits.Blocked: "bloquée", circuits.Released: "libérée",
	}[s]
}

func frenchStanding(s circuits.Standing) string {
	return map[circuits.Standing]string{
		circuits.Holds: "tient", circuits.Lapsed: "caduque", circuits.Undone: "reprise", circuits.Maintained: "maintenue",
	}[s]
}

// check reads "alors en-cours : faite ouverte", "alors attendent dgs @paul",
// "alors décisions tient caduque", "alors questions juriste".
func (p *play) check(s string) error {
	var got []string
	var want string
	what, list, _ := strings.Cut(s, " ")
	phase, isPhase := phases()[what]
	switch {
	case isPhase:
		if p.state.Phase != phase {
			return fmt.Errorf("the dossier is %s", p.state.Phase)
		}
		_, want, _ = strings.Cut(s, " : ")
		if want == "" {
			return nil
		}
		for _, st := range p.state.Steps {
			got = append(got, frenchStatus(st.Status))
		}
	case what == "attendent":
		want = list
		for _, t := range p.state.OpenTurns() {
			got = append(got, written(circuits.Recipient{Desk: t.Desk, Person: t.Person}))
		}
	case what == "questions":
		want = list
		for _, q := range p.state.OpenQuestions() {
			got = append(got, written(q.To))
		}
	case what == "décisions":
		want = list
		for _, d := range p.state.Decisions {
			got = append(got, frenchStanding(d.Standing))
		}
	case what == "échéance":
		want = list
		for _, t := range p.state.OpenTurns() {
			if day := calendar.On(t.Due.Add(-time.Nanosecond).In(p.zone)).String(); !slices.Contains(got, day) {
				got = append(got, day)
			}
		}
	default:
		return errLine
	}
	if want == "personne" {
		want = ""
	}
	if strings.Join(got, " ") != strings.TrimSpace(want) {
		return fmt.Errorf("got %q", strings.Join(got, " "))
	}
	return nil
}

func written(r circuits.Recipient) string {
	if r.Person == "" {
		return string(r.Desk)
	}
	return string(r.Desk) + "@" + string(r.Person)
}
