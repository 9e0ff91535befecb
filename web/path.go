package web

import (
	"slices"
	"strconv"
	"strings"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/trial"
)

// A stop is one eyelet of the circuit.
type stop struct {
	State  string // done, now, todo, stop, passed
	Word   string // of the state, as people say it
	Title  string
	Rule   string // how many must act, when there are several
	Lines  []string
	Turns  []turnLine // who does what, when there are several
	Due    string
	Late   bool
	Reason string
	Mine   bool
	Asked  []askedLine // opinions asked before deciding
	Proof  string      // address of the proof of an act done outside
}

// A turnLine is the part of one desk, or one person, in a step.
type turnLine struct {
	State, Text, Note string
}

// An askedLine is an opinion that was asked, and its answer.
type askedLine struct {
	Text, Question, Answer string
}

// stops draws the way of the letter: deposit, steps, return.
func stops(d dossiers.View, who dossiers.Person, c calendar) []stop {
	first := stop{State: "done", Title: "Dépôt", Lines: []string{d.Drafter.Name, c.moment(d.CreatedAt)}}
	if d.Application != "" {
		first.Lines[0] += ", par " + d.State.Depositor.Name
	}
	if d.State.Phase == circuits.Draft {
		first = stop{State: "now", Title: "Brouillon", Lines: []string{"Chez " + d.Drafter.Name}}
	}
	out := []stop{first}
	for i, st := range d.Path {
		out = append(out, stepStop(d, i, st, who, c))
	}
	last := stop{State: "todo", Title: "Retour et preuve", Lines: []string{"À venir\u00a0: la lettre signée revient à " + d.Drafter.Name + ", avec sa preuve."}}
	if d.State.Next != "" {
		last.Lines[0] = "Ensuite, le circuit «\u00a0" + d.CircuitName(d.State.Next) + "\u00a0» prend la suite."
	}
	if d.State.Phase == circuits.Completed {
		last = stop{State: "done", Title: "Retour et preuve", Lines: []string{"La lettre signée et son dossier de preuve sont prêts.", c.moment(d.UpdatedAt)}}
	}
	switch d.State.Phase { //nolint:exhaustive // the others end where the circuit does
	case circuits.Refused:
		last = stop{State: "todo", Title: "Chez le rédacteur", Lines: []string{"Refusée\u00a0: la lettre est revenue à " + d.Drafter.Name + ", qui peut la corriger ou y renoncer."}}
	case circuits.Withdrawn:
		last = stop{State: "todo", Title: "Sans suite", Lines: []string{"La lettre est sortie du circuit."}}
	}
	out = append(out, last)
	for i := range out {
		if out[i].Word == "" {
			out[i].Word = map[string]string{"done": "Fait", "now": "En cours", "todo": "À venir", "stop": "Refusé", "passed": "Sans objet"}[out[i].State]
		}
	}
	if d.State.Phase == circuits.Refused || d.State.Phase == circuits.Withdrawn {
		out[len(out)-1].Word = ""
	}
	return out
}

// stepStop draws one step.
func stepStop(d dossiers.View, i int, st dossiers.PathStep, who dossiers.Person, c calendar) stop {
	s := stop{State: "todo", Title: st.Step.Title, Rule: needed(st.Step, len(st.Turns)), Asked: consultations(d, st, c)}
	for _, x := range st.Decisions {
		if x.Outside != nil {
			s.Proof = "/dossiers/" + string(d.ID) + "/pieces/" + x.Outside.Proof.String()
		}
	}
	switch st.Status {
	case circuits.Done:
		s.State, s.Lines = "done", doneBy(st, c)
	case circuits.Rejects:
		s.State, s.Lines = "stop", decided(st, c)
	case circuits.Skipped:
		s.State, s.Lines = "passed", []string{skipped(d, st.Step)}
	case circuits.Bypassed:
		s.State, s.Word, s.Lines = "passed", "Contournée", decided(st, c)
	case circuits.Blocked:
		s.State, s.Word, s.Lines = "stop", "Bloquée", []string{"Bloquée\u00a0: " + blocked(d, st)}
	case circuits.Sealing:
		s.State, s.Lines = "now", append(decided(st, c), "La signature se pose sur le PDF")
		if st.Awaiting != "" {
			s.Lines[len(s.Lines)-1], _, _ = awaiting(st.Awaiting)
		}
	case circuits.Open:
		s.State = "now"
		if d.State.Phase != circuits.Running {
			s.State = "todo"
		}
		s.Lines = []string{waitsFor(st, who)}
		s.Mine = i == d.Step
		s.Due, s.Late = deadline(st.State, c)
	case circuits.Ahead, circuits.Released:
		s.Lines = []string{expected(st)}
	}
	if st.Decision != nil && s.State != "todo" {
		s.Reason = written(*st.Decision)
	}
	if len(st.Turns) == 1 && st.Turns[0].From != nil {
		s.Lines = append(s.Lines, "Au lieu de "+d.NameOf(*st.Turns[0].From))
	}
	if len(st.Turns) > 1 {
		s.share(d, st, who, c)
	}
	return s
}

// share tells who does what at a step that is several people's.
func (s *stop) share(d dossiers.View, st dossiers.PathStep, who dossiers.Person, c calendar) {
	if st.Status == circuits.Skipped || st.Status == circuits.Bypassed || st.Step.Kind == circuits.Information {
		return
	}
	if st.Status != circuits.Blocked && st.Status != circuits.Sealing {
		s.Lines, s.Reason = nil, ""
	}
	for _, t := range st.Turns {
		s.Turns = append(s.Turns, turnOf(d, st, t, who, c))
	}
}

// turnOf tells one turn of a step.
func turnOf(d dossiers.View, st dossiers.PathStep, t dossiers.PathTurn, who dossiers.Person, c calendar) turnLine {
	line := turnLine{State: "todo", Text: nameOfTurn(t)}
	if t.From != nil {
		line.Note = "au lieu de " + d.NameOf(*t.From)
	}
	if k := t.Decision - 1; k >= 0 && k < len(d.State.Decisions) && t.Status != circuits.Open {
		x := d.State.Decisions[k]
		line.State, line.Text, line.Note = "done", said(x)+", "+c.moment(x.At), written(x)
		if x.Verdict == circuits.Refuses {
			line.State = "stop"
		}
		return line
	}
	switch t.Status {
	case circuits.Open:
		line.State, line.Text = "now", waitsFor(dossiers.PathStep{Step: st.Step, Desk: t.Desk, Holders: t.Holders, Turns: []dossiers.PathTurn{t}}, who)
	case circuits.Released:
		line.State = "passed"
		line.Text += nbsp + ": les autres ont suffi"
	case circuits.Ahead:
		if st.Step.Need.Ordered && st.Status == circuits.Open {
			line.Text += ", ensuite"
		}
	default:
	}
	return line
}

func nameOfTurn(t dossiers.PathTurn) string {
	if t.Person != "" && len(t.Holders) > 0 || t.Desk == "" {
		return anyOf(holderNames(t.Holders))
	}
	return t.Desk
}

// needed says how many must act at a step of n turns.
func needed(st circuits.Step, n int) string {
	if n < 2 || st.Kind == circuits.Information {
		return ""
	}
	rule := map[circuits.Mode]string{
		circuits.All: "Tous doivent agir (ET)", circuits.Any: "Le premier qui agit suffit (OU)",
		circuits.Quorum: "Il en faut " + strconv.Itoa(st.Need.N) + " sur " + strconv.Itoa(n),
	}[st.Need.Mode]
	if st.Need.Ordered && rule != "" {
		rule += ", l’un après l’autre"
	}
	return rule
}

// skipped says why a step was passed over.
func skipped(d dossiers.View, st circuits.Step) string {
	if st.When == "" {
		return "Sans objet"
	}
	return "Sans objet\u00a0: la condition «\u00a0" + trial.Words(st.When, d.Schema()) + "\u00a0» n’est pas remplie"
}

// blocked says why nobody can act at a step.
func blocked(d dossiers.View, st dossiers.PathStep) string {
	switch st.State.Blocked {
	case circuits.NoActor:
		return "le circuit ne trouve pas à quel bureau elle revient."
	case circuits.NoQuorum:
		return "il ne reste pas assez de bureaux pour le nombre demandé."
	}
	for _, t := range st.Turns {
		if t.Desk != "" && !someoneAble(t.Holders) {
			return "personne ne peut agir aujourd’hui au bureau «\u00a0" + t.Desk + "\u00a0»."
		}
	}
	return "personne ne peut agir aujourd’hui à cette étape."
}

// deadline tells until when a step waits, and whether that has passed.
func deadline(st circuits.StepState, c calendar) (string, bool) {
	switch {
	case st.Due.IsZero():
		return "", false
	case st.Due.Before(c.now):
		return "En retard\u00a0: à faire pour le " + c.due(st.Due), true
	}
	return "À faire pour le " + c.due(st.Due), false
}

// doneBy tells how a step was done.
func doneBy(st dossiers.PathStep, c calendar) []string {
	if st.Step.Kind != circuits.Information {
		return decided(st, c)
	}
	var told []string
	for _, t := range st.Turns {
		told = append(told, nameOfTurn(t))
	}
	return []string{"Pour information\u00a0: " + list(distinct(told...))}
}

// decided tells who said what and when.
func decided(st dossiers.PathStep, c calendar) []string {
	if st.Decision == nil {
		return nil
	}
	lines := []string{said(*st.Decision)}
	if p := st.Decision.By.For; p != nil && p.Mention != "" {
		lines = append(lines, "«\u00a0"+p.Mention+"\u00a0»")
	}
	if o := st.Decision.Outside; o != nil {
		lines = append(lines, outside(*o))
	}
	when := c.moment(st.Decision.At)
	if st.Decision.Standing == circuits.Maintained {
		when += ", maintenu sur la version corrigée"
	}
	return append(lines, when)
}

// said tells who decided what, and in whose place.
func said(x circuits.Decision) string {
	did := map[circuits.Verdict]string{
		circuits.GivesVisa: "Visé par ", circuits.Signs: "Signé par ", circuits.Refuses: "Refusé par ", circuits.Seals: "Cachet apposé par ",
		circuits.Records: "Acte externe enregistré par ", circuits.Bypasses: "Contournée par ", circuits.Advises: "Avis donné par ",
	}[x.Verdict]
	if x.Verdict == circuits.Advises && x.Advice != nil {
		did = senseLabel(x.Advice.Sense) + ", "
	}
	return did + acting(x.By)
}

// acting names who acted, with the person in whose place they did.
func acting(a circuits.Actor) string {
	if a.For == nil {
		return named(a.Name, a.Quality)
	}
	return named(a.Name, a.Quality) + ", pour " + named(a.For.Name, a.For.Quality)
}

// written is what was written with a decision.
func written(x circuits.Decision) string {
	if x.Advice != nil {
		return x.Advice.Text
	}
	return x.Reason
}

// consultations tells the opinions asked at a step.
func consultations(d dossiers.View, st dossiers.PathStep, c calendar) []askedLine {
	var out []askedLine
	for _, q := range st.State.Asked {
		line := askedLine{Text: "Avis demandé par " + q.By.Name, Question: q.Question}
		if to := d.NameOf(q.To); to != "" {
			line.Text = "Avis demandé à " + to + " par " + q.By.Name
		}
		switch {
		case q.Answer != nil && q.From != nil:
			line.Answer = senseLabel(q.Answer.Sense) + ", " + acting(*q.From)
			if q.Answer.Text != "" {
				line.Answer += "\u00a0: «\u00a0" + q.Answer.Text + "\u00a0»"
			}
		case !q.Due.IsZero():
			line.Text += ", à rendre pour le " + c.due(q.Due)
		}
		out = append(out, line)
	}
	return out
}

func holderNames(holders []dossiers.Holder) []string {
	var names []string
	for _, h := range holders {
		names = append(names, named(h.Name, h.Quality))
	}
	return names
}

// expected says who will act at a step that did not open yet.
func expected(st dossiers.PathStep) string {
	switch {
	case st.Step.Auto:
		return "Apposé par le parapheur, sans geste"
	case len(st.Holders) > 0:
		return anyOf(holderNames(st.Holders))
	case st.Desk != "":
		return st.Desk
	}
	return list(distinct(rules(st.Step)...))
}

// rules says how the desks of a step will be found.
func rules(st circuits.Step) (out []string) {
	for _, r := range st.Actors {
		out = append(out, map[circuits.Rule]string{
			circuits.TheDrafter: "le rédacteur", circuits.HeadOfDrafter: "le responsable du rédacteur",
			circuits.HeadOfPrevious: "le responsable du bureau précédent", circuits.FromMetadata: "le bureau que nomme le champ «\u00a0" + r.Field + "\u00a0»",
			circuits.ChosenAtStart: "un bureau choisi à l’envoi",
		}[r.Rule])
	}
	return out
}

// fixed reports whether a step names all its desks: what they can do today is
// then known.
func fixed(st circuits.Step) bool {
	return !st.Auto && !slices.ContainsFunc(st.Actors, func(r circuits.ActorRule) bool { return r.Rule != circuits.NamedDesk })
}

// waitsFor says who may act at an open step.
func waitsFor(st dossiers.PathStep, who dossiers.Person) string {
	var able []string
	for _, h := range st.Holders {
		if h.Person == who.ID {
			return "À vous, " + h.Name
		}
		if h.Able {
			able = append(able, h.Name)
		}
	}
	if len(able) == 0 && len(st.Holders) == 0 && st.Desk == "" {
		return "Attend la personne désignée"
	}
	if len(able) == 0 {
		return "Personne ne peut agir au bureau «\u00a0" + st.Desk + "\u00a0»\u00a0: aucun titulaire n’a de clé d’accès"
	}
	return "Attend " + anyOf(distinct(able...))
}

// strip is the way of the letter in a few words, for a phone.
func strip(d dossiers.View) string {
	visas := 0
	for _, st := range d.Path {
		for _, x := range st.Decisions {
			if x.Verdict == circuits.GivesVisa {
				visas++
			}
		}
	}
	switch d.State.Phase {
	case circuits.Draft:
		return "Brouillon"
	case circuits.Refused:
		return "Refusée"
	case circuits.Withdrawn:
		return "Retirée du circuit"
	case circuits.Completed:
		return "Circuit terminé"
	case circuits.Running: // below: it depends on the step
	}
	switch {
	case d.Can.Decide() && d.By.For != nil:
		return "À vous, pour " + d.By.For.Name
	case d.Can.Decide() && visas == 0:
		return "À vous, en premier"
	case d.Can.Decide():
		return "À vous, après " + count(visas, "visa", "visas")
	case d.Can.Answer:
		return "Votre avis est demandé"
	}
	for i, st := range d.Path {
		where := "Étape " + strconv.Itoa(i+1) + " sur " + strconv.Itoa(len(d.Path)) + nbsp + ": "
		switch st.Status {
		case circuits.Sealing:
			return "Signature en cours"
		case circuits.Blocked:
			return where + "bloquée"
		case circuits.Open:
			return where + openDesks(st)
		case circuits.Ahead, circuits.Done, circuits.Rejects, circuits.Skipped, circuits.Bypassed, circuits.Released:
		}
	}
	return "Voir le chemin"
}

// openDesks names who still has to act at a step.
func openDesks(st dossiers.PathStep) string {
	var names []string
	for _, t := range st.Turns {
		if t.Status == circuits.Open {
			names = append(names, nameOfTurn(t))
		}
	}
	if len(names) == 0 {
		return st.Desk
	}
	return strings.Join(distinct(names...), ", ")
}
