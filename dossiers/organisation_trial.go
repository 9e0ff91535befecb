package dossiers

import (
	"fmt"
	"slices"
	"time"

	"parapheur/circuits"
	"parapheur/internal/trial"
)

// FindingCase is the code of the finding that a kept case does not hold.
const FindingCase = "case_failed"

// A ReformFinding is one thing to know about a circuit before a Setup is
// applied.
type ReformFinding struct {
	Circuit string // code
	trial.Finding
	// Enrolment is set for what only says that somebody has no passkey or no
	// certificate yet, or that the town has no seal: see Terms.Founding.
	Enrolment bool
	// Elsewhere is set when the plan does not publish the circuit: it only makes
	// it stumble. It never keeps the plan from being applied.
	Elsewhere bool
}

// Blocks reports whether the finding keeps a plan from being applied.
func (f ReformFinding) Blocks(founding bool) bool {
	return f.Gravity == trial.Blocking && !f.Elsewhere && !(founding && f.Enrolment)
}

// Refusal is the *UnreadyError of the circuits that the plan would publish and
// that are not ready, or nil.
func (r Reform) Refusal(founding bool) error {
	e := &UnreadyError{}
	for _, f := range r.Findings {
		if f.Blocks(founding) {
			e.Reasons = append(e.Reasons, InvalidError{Field: "circuits." + f.Circuit, Reason: f.French()})
		}
	}
	if len(e.Reasons) == 0 {
		return nil
	}
	return e
}

// French is the finding as a whole sentence that names its circuit.
func (f ReformFinding) French() string { return "Circuit « " + f.Circuit + " » : " + f.Text }

// after is the set-up that the plan leads to.
func (r Reform) after(g Organisation) Organisation {
	for _, a := range r.amendments {
		g = a.apply(g)
	}
	return g
}

// inForce lists the definitions that new dossiers would take.
func (r Reform) inForce(g Organisation) (out []circuits.Definition) {
	for _, c := range r.after(g).Circuits {
		if c.Published != nil {
			out = append(out, *c.Published)
		}
	}
	return out
}

// tried tries what the plan publishes, and what it leaves in force, in the
// set-up that it leads to. Of the latter, only what the plan makes worse is
// told.
func (r Reform) tried(before Organisation, found Resources, at time.Time) (out []ReformFinding, err error) {
	if len(r.amendments) == 0 {
		return nil, nil
	}
	after := r.after(before)
	for _, c := range after.Circuits {
		if c.Published == nil {
			continue
		}
		list, err := after.published(c.Code, found, at)
		if err != nil {
			return nil, err
		}
		if r.publishes(c.Code) {
			out = append(out, list...)
			continue
		}
		was, err := before.published(c.Code, found, at)
		if err != nil {
			return nil, err
		}
		for _, f := range list {
			if f.Gravity == trial.Blocking && !slices.Contains(was, f) {
				f.Elsewhere = true
				out = append(out, f)
			}
		}
	}
	return out, nil
}

func (r Reform) publishes(code string) bool {
	return slices.ContainsFunc(r.amendments, func(a Amendment) bool {
		p, ok := a.(CircuitPublished)
		return ok && p.Circuit.Code == code
	})
}

// published tries the version in force of a circuit, whatever its draft says.
func (g Organisation) published(code string, found Resources, at time.Time) (out []ReformFinding, err error) {
	x, err := g.circuit(code, func(c *CircuitSetup) { c.Draft = nil }).Try(code, found, nil, at)
	if err != nil {
		return nil, err
	}
	for _, f := range x.Findings {
		out = append(out, ReformFinding{Circuit: code, Finding: f, Enrolment: enrolment(f.Code)})
	}
	for _, c := range x.Results {
		if !c.OK {
			out = append(out, ReformFinding{Circuit: code, Finding: trial.Finding{
				Gravity: trial.Blocking, Code: FindingCase, Text: fmt.Sprintf("Le cas « %s » ne prend plus le chemin attendu.", c.Name),
			}})
		}
	}
	return out, nil
}

// enrolment reports whether a finding goes away by itself once people have
// their passkeys and the town its keys.
func enrolment(code string) bool {
	return slices.Contains([]string{"no_passkey", "no_certificate", "no_seal"}, code)
}
