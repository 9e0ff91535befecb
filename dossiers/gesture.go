package dossiers

import (
	"fmt"
	"slices"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
)

// check normalises what was typed with a decision, and names the first field
// that is wrong.
func (i *DecisionItem) check() (err error) {
	if i.Reason, err = text("reason", i.Reason, 4000); err != nil {
		return err
	}
	d := proof.Decision(i.Decision)
	switch {
	case !d.Known():
		return &InvalidError{"decision", "Cette décision n’existe pas."}
	case i.Reason != "" && d != proof.Refusal && d != proof.Bypass:
		return &InvalidError{"reason", "Seuls un refus et un contournement portent un motif."}
	case (i.Advice != nil) != (d == proof.Opinion):
		return &InvalidError{"advice", "Un avis dit s’il est favorable, réservé ou défavorable."}
	case (i.Outside != nil) != (d == proof.External):
		return &InvalidError{"outside", "Un acte externe dit comment il a été fait, et joint sa preuve."}
	case i.Return != (circuits.Return{}) && d != proof.Refusal:
		return &InvalidError{"return", "Seul un refus renvoie le dossier."}
	}
	if i.Outside != nil {
		if err := checkOutside(i.Outside); err != nil {
			return err
		}
	}
	if i.Advice != nil {
		if i.Advice.Text, err = text("advice", i.Advice.Text, 4000); err != nil {
			return err
		}
		if i.Advice.Sense != circuits.Favourable && i.Advice.Text == "" {
			return &InvalidError{"advice", "Dites pourquoi l’avis est réservé ou défavorable."}
		}
	}
	return nil
}

// checkOutside normalises what was typed about an act done outside.
func checkOutside(x *circuits.Outside) (err error) {
	if x.Reference, err = line("outside.reference", x.Reference, 0, 200); err != nil {
		return err
	}
	if x.By, err = line("outside.by", x.By, 0, 200); err != nil {
		return err
	}
	switch {
	case x.Means != "paper" && x.Means != "registered_mail" && x.Means != "other":
		return &InvalidError{"outside.means", "Dites comment l’acte a été fait : signature sur papier, envoi recommandé ou autre."}
	case x.Proof.IsZero():
		return &InvalidError{"outside.proof", "Joignez la preuve de l’acte."}
	}
	x.On = x.On.UTC()
	return nil
}

// said is what was written with a decision, in the form whose digest the
// statement carries; empty when nothing was.
func (i DecisionItem) said() string {
	switch {
	case i.Advice != nil:
		return i.Advice.Said()
	case i.Outside != nil:
		return i.Outside.Said()
	}
	return i.Reason
}

// A gesture is a decision about to be taken, with who takes it and where.
type gesture struct {
	DecisionItem
	by         circuits.Actor
	step, turn int
	seen       circuits.Digest
	assurance  string
}

// gesture finds the turn that item is about, and in which capacity p takes it.
func (c circumstances) gesture(d Dossier, p Person, item DecisionItem) (gesture, error) {
	g := gesture{DecisionItem: item, seen: item.Seen, assurance: strongest}
	s := d.State
	switch proof.Decision(item.Decision) {
	case proof.Undoing:
		return g.undoing(s, p)
	case proof.Bypass:
		return g.bypass(s, p)
	default:
	}
	open := s.OpenTurns()
	switch {
	case s.Phase != circuits.Running:
		return g, circuits.ErrState
	case len(open) == 0:
		return g, circuits.ErrStep
	}
	var why error
	for _, turn := range open {
		by, err := c.capacity(p, turn, s.Circuit.Steps[turn.Step].Kind)
		if err == nil {
			g.by, g.step, g.turn = by, turn.Step, turn.Turn
			return g, nil
		}
		if why == nil || why == circuits.ErrDesk { //nolint:errorlint // capacity answers it unwrapped
			why = err
		}
	}
	return g, why
}

// strongest is the assurance with which the circuit is asked, before the
// gesture, whether it would take the decision.
const strongest = "attested"

// undoing takes back the last decision of p.
func (g gesture) undoing(s circuits.State, p Person) (gesture, error) {
	for _, x := range slices.Backward(s.Decisions) {
		if x.Standing == circuits.Holds && x.By.Person == p.ID {
			g.by, g.step, g.turn = x.By, x.Step, x.Turn
			return g, nil
		}
	}
	return g, circuits.ErrAuthor
}

// bypass passes the step where the dossier stands, in the name of the
// administration of the town.
func (g gesture) bypass(s circuits.State, p Person) (gesture, error) {
	if !p.Admin {
		return g, ErrForbidden
	}
	g.step = s.BlockedStep()
	if open := s.OpenSteps(); len(open) > 0 {
		g.step = open[0]
	}
	if g.step < 0 {
		return g, circuits.ErrStep
	}
	g.by = circuits.Actor{Person: p.ID, Name: p.Name(), Quality: "Administrateur"}
	return g, nil
}

// filed refuses a decision at a step for which the metadata are not filled.
func (c circumstances) filed(s circuits.State, g gesture) error {
	switch d := proof.Decision(g.Decision); d {
	case proof.Undoing, proof.Bypass:
		return nil
	default:
		return c.missing(s.Circuit.Steps[g.step], d == proof.Refusal)
	}
}

// events asks the circuit.
func (g gesture) events(s circuits.State, f circuits.Facts, evidence circuits.Digest, at time.Time) ([]circuits.Event, error) {
	choice := circuits.Choice{By: g.by, Step: g.step, Seen: g.seen, Evidence: evidence, Assurance: g.assurance, At: at}
	switch proof.Decision(g.Decision) {
	case proof.Visa:
		return s.Visa(choice, f)
	case proof.Sign:
		return s.Sign(choice, f)
	case proof.Seal:
		return s.Cachet(choice, f)
	case proof.Opinion:
		return s.Opinion(choice, *g.Advice, f)
	case proof.External:
		return s.External(choice, *g.Outside, f)
	case proof.Refusal:
		return s.Refuse(choice, g.Reason, g.Return, f)
	case proof.Undoing:
		return s.Undo(g.by, evidence, at)
	case proof.Bypass:
		return s.Bypass(g.step, g.by, g.Reason, evidence, f, at)
	}
	return nil, fmt.Errorf("decision %q: %w", g.Decision, circuits.ErrKind)
}

// assurance is how far an authenticator is known to keep its key to itself.
func (c Credential) assurance() string {
	if c.BackupEligible {
		return "synced"
	}
	return "device_bound"
}
