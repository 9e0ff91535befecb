package circuits

import (
	"time"

	"parapheur/circuits/calendar"
)

// Facts are what a command must know of the town and of the metadata on the
// day it is given. They are data handed in, never functions: what a command
// made of them is in its events. A command that opens no step uses Filled
// only. The zero Facts are those of a circuit whose steps are all plain; steps
// opened with them are not announced by an event of their own.
type Facts struct {
	// Conditions says of each step with a When whether it holds on today's
	// metadata. A missing answer is ErrFacts, never a no.
	Conditions map[StepID]bool
	// Heads names the parent of each desk; the top desks are absent.
	Heads map[DeskID]DeskID
	// DrafterDesk is the desk from which the drafter works, or empty.
	DrafterDesk DeskID
	// Values names the desk that each metadata field designates.
	Values map[string]DeskID
	// Chosen are the desks picked for the rules ChosenAtStart, by step. Only
	// Start, Recycle, Chain and Migrate read it; the State keeps it.
	Chosen map[StepID]DeskID
	// Holders says who may act today from each desk, delegates and substitutes
	// included. Nil is "not known", and nobody is then found missing; a desk
	// that is absent from a map that is there has nobody.
	Holders map[DeskID][]PersonID
	// Substitutes says to whom an escalation passes the turn of a desk.
	Substitutes map[DeskID]Recipient
	// Filled are the metadata fields that have a value.
	Filled map[string]bool
	// Calendar counts working days.
	Calendar calendar.Calendar
}

// known reports whether the caller knows anything about desks and conditions.
func (f Facts) known() bool {
	return f.Conditions != nil || f.Heads != nil || f.DrafterDesk != "" || f.Values != nil || f.Chosen != nil || f.Holders != nil
}

// due is the deadline of something that opens at an instant with so many
// working days, or zero without any.
func (f Facts) due(at time.Time, days int) time.Time {
	if days <= 0 {
		return time.Time{}
	}
	return f.Calendar.Add(at, days)
}
