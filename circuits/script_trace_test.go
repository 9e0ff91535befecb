package circuits_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/calendar"
)

// trace writes what happened, one event a line, as a reader wants it: when,
// what, at which step, by whom and for whom, and what matters of the rest.
func (p *play) trace() string {
	var out strings.Builder
	var s circuits.State
	for _, e := range p.events {
		after := s.Apply(e)
		fmt.Fprintf(&out, "%s  %s\n", e.When().In(p.zone).Format("2006-01-02 15:04"), strings.TrimRight(told(e, s, after, p.zone), " "))
		s = after
	}
	return out.String()
}

func told(e circuits.Event, before, after circuits.State, zone *time.Location) string {
	name := strings.TrimPrefix(e.Kind(), "dossier.")
	at := func(i int) string {
		if i < 0 || i >= len(after.Circuit.Steps) {
			return "?"
		}
		return string(after.Circuit.Steps[i].ID)
	}
	line := func(parts ...string) string {
		return strings.Join(slices.DeleteFunc(append([]string{name}, parts...), func(s string) bool { return s == "" }), " ")
	}
	day := func(due time.Time) string {
		if due.IsZero() {
			return ""
		}
		return "échéance " + calendar.On(due.Add(-time.Nanosecond).In(zone)).String()
	}
	switch e := e.(type) {
	case circuits.Deposited:
		return line("par", person(e.By))
	case circuits.Started:
		return line(e.Circuit.Code, "par", person(e.By), day(e.Due))
	case circuits.Recycled:
		return line(e.Circuit.Code, "par", person(e.By), day(e.Due))
	case circuits.Chained:
		return line(e.Circuit.Code, "par", person(e.By), day(e.Due))
	case circuits.Migrated:
		return line(fmt.Sprintf("%s version %d", e.Circuit.Code, e.Circuit.Version), "par", person(e.By), quoted(e.Reason))
	case circuits.StepOpened:
		return line(at(e.Step), "→", recipients(e.Turns), day(e.Due))
	case circuits.StepSkipped:
		return line(at(e.Step), "si", e.Condition)
	case circuits.StepBlocked:
		return line(at(e.Step), e.Why, string(e.Desk), e.Field)
	case circuits.StepDecided:
		sense := ""
		if e.Advice != nil {
			sense = string(e.Advice.Sense) + " " + quoted(e.Advice.Text)
		}
		if e.Outside != nil {
			sense = e.Outside.Means + " " + quoted(e.Outside.Reference)
		}
		return line(at(e.Step), string(e.Verdict), "par", person(e.By), strings.TrimSpace(sense))
	case circuits.StepRefused:
		back := "au rédacteur"
		if e.BackTo > 0 {
			back = "à " + at(e.BackTo-1)
		}
		return line(at(e.Step), back, "par", person(e.By), quoted(e.Reason), "prévenus", fmt.Sprint(e.Told))
	case circuits.TurnRefused:
		return line(at(e.Step), "par", person(e.By), quoted(e.Reason))
	}
	return toldMore(e, before, line, at, day)
}

func toldMore(e circuits.Event, before circuits.State, line func(...string) string, at func(int) string, day func(time.Time) string) string {
	switch e := e.(type) {
	case circuits.SealingAwaited:
		return line(at(e.Step), e.Why)
	case circuits.TimestampAwaited:
		return line(at(e.Step))
	case circuits.StepSealed:
		return line(at(e.Step), e.Level)
	case circuits.DecisionUndone:
		return line(at(e.Step), "par", person(e.By))
	case circuits.StepBypassed:
		return line(at(e.Step), "par", person(e.By), quoted(e.Reason))
	case circuits.DocumentRead:
		return line("par", person(e.By))
	case circuits.OpinionAsked:
		return line(at(e.Step), "par", person(e.By), "→", recipients(e.To), quoted(e.Question), day(e.Due))
	case circuits.OpinionGiven:
		return line(at(e.Step), string(e.Advice.Sense), "par", person(e.By), "à", person(e.To), quoted(e.Advice.Text))
	case circuits.OpinionExpired:
		return line(at(e.Step))
	case circuits.Transferred:
		return line(at(e.Step), "par", person(e.By), "→", written(e.To), quoted(e.Reason))
	case circuits.Redirected:
		return line(at(e.Step), "par", person(e.By), "→", written(e.To), quoted(e.Reason))
	case circuits.Recused:
		return line("par", person(e.By), quoted(e.Reason), fmt.Sprintf("%d tour(s)", len(e.Turns)), written(e.To))
	case circuits.DossierWithdrawn:
		return line("par", person(e.By), quoted(e.Reason))
	case circuits.Superseded:
		return line("par", person(e.By), "→", e.Other, quoted(e.Reason))
	case circuits.Corrected:
		from := ""
		if before.Phase != circuits.Draft {
			from = "dès " + at(e.From)
		}
		return line(fmt.Sprintf("version %d", e.Version), string(e.Nature), from, "par", person(e.By), quoted(e.Reason))
	case circuits.AnnexesChanged:
		from := ""
		if before.Phase != circuits.Draft {
			from = "dès " + at(e.From)
		}
		return line(fmt.Sprintf("%d annexe(s)", len(e.Annexes)), string(e.Nature), from, "par", person(e.By), quoted(e.Reason))
	case circuits.Reminded:
		return line(at(e.Step), fmt.Sprintf("%+d", e.Days), "→", recipients(e.To))
	case circuits.Escalated:
		return line(at(e.Step), e.Means, "→", written(e.To), map[bool]string{true: "(le tour passe)", false: "(prévenu)"}[e.Moved])
	case circuits.CircuitEnded:
		return line("suivi de", e.Next)
	case circuits.DossierArchived:
		return line(e.Reference)
	}
	return line()
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return "« " + s + " »"
}

func person(a circuits.Actor) string {
	s := string(a.Person)
	if s == "" {
		s = a.Application
	}
	if a.Desk != "" {
		s += "@" + string(a.Desk)
	}
	if a.For != nil {
		s += " pour " + string(a.For.Person) + " (" + string(a.For.Mandate) + ")"
	}
	return s
}

func recipients(to []circuits.Recipient) string {
	var out []string
	for _, r := range to {
		out = append(out, written(r))
	}
	if len(out) == 0 {
		return "machine"
	}
	return strings.Join(out, " ")
}
