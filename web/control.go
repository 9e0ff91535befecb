package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
)

// A listed is one answer of a list.
type listed struct {
	Value, Label, Hint string
	Chosen             bool
}

// An optionGroup is options under a heading; without one they stand alone.
type optionGroup struct {
	Label   string
	Options []listed
}

// A control is a field of a form, with what was typed and why it does not do.
type control struct {
	Kind                     string // text, area, select, radio, check, checks
	Type                     string // of a text: "date", "number"
	Name, Label, Hint, Value string
	Error                    string
	Required                 bool
	Max                      int // characters
	Groups                   []optionGroup
}

// Options are those of every group, for lists that show none.
func (c control) Options() (out []listed) {
	for _, g := range c.Groups {
		out = append(out, g.Options...)
	}
	return out
}

// choose marks what was chosen.
func (c *control) choose(values ...string) {
	for i := range c.Groups {
		for k := range c.Groups[i].Options {
			o := &c.Groups[i].Options[k]
			o.Chosen = slices.Contains(values, o.Value)
		}
	}
}

const metadataPrefix = "metadata."

// metadataControl is the field of a form for one metadata of a type.
func metadataControl(f dossiers.Field, value string, required bool) control {
	c := control{Kind: "text", Type: "text", Name: metadataPrefix + f.Name, Label: f.Label, Hint: f.Help, Value: value, Required: required, Max: 2000}
	values := func(first ...listed) []optionGroup {
		g := optionGroup{Options: first}
		for _, v := range f.Values {
			g.Options = append(g.Options, listed{Value: v, Label: v})
		}
		return []optionGroup{g}
	}
	switch f.Type {
	case conditions.Date:
		c.Type = "date"
	case conditions.Integer:
		c.Type, c.Max = "number", 20
	case conditions.Decimal:
		c.Value, c.Max = strings.Replace(value, ".", ",", 1), 30
	case conditions.Boolean:
		c.Kind = "radio"
		c.Groups = []optionGroup{{Options: []listed{{Value: "true", Label: "Oui"}, {Value: "false", Label: "Non"}}}}
		c.choose(value)
	case conditions.List:
		c.Kind, c.Groups = "select", values(listed{Label: "Choisissez"})
		c.choose(value)
	case conditions.Lists:
		c.Kind, c.Groups = "checks", values()
		c.choose(strings.Split(value, "\n")...)
	case conditions.Text:
	}
	return c
}

// metadataFrom reads the metadata of a form: several values of one field are
// a list.
func metadataFrom(form url.Values) conditions.Values {
	out := conditions.Values{}
	for name, values := range form {
		if field, ok := strings.CutPrefix(name, metadataPrefix); ok {
			out[field] = strings.TrimSpace(strings.Join(slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" }), "\n"))
		}
	}
	return out
}

const choicePrefix = "choice."

// choiceControl asks for the desk of a step.
func choiceControl(c dossiers.DeskChoice, chosen string) control {
	out := control{Kind: "select", Name: choicePrefix + string(c.Step), Label: c.Title + nbsp + ": quel bureau", Required: c.Always}
	group := optionGroup{Options: []listed{{Label: "Choisissez"}}}
	if !c.Always {
		out.Hint = "Si le circuit passe par cette étape."
	}
	for _, d := range c.Among {
		o := listed{Value: string(d.ID), Label: d.Name}
		if names := holderNames(d.Holders); len(names) > 0 {
			o.Label += " (" + anyOf(names) + ")"
		}
		group.Options = append(group.Options, o)
	}
	out.Groups = []optionGroup{group}
	out.choose(chosen)
	return out
}

// choicesFrom reads the desks chosen in a form.
func choicesFrom(form url.Values) map[circuits.StepID]circuits.DeskID {
	out := map[circuits.StepID]circuits.DeskID{}
	for name, values := range form {
		if step, ok := strings.CutPrefix(name, choicePrefix); ok && len(values) > 0 && values[0] != "" {
			out[circuits.StepID(step)] = circuits.DeskID(values[0])
		}
	}
	return out
}

const (
	deskPrefix   = "bureau:"
	personPrefix = "personne:"
)

// recipientControl asks for a desk or a person.
func recipientControl(name, label string, desks []dossiers.DeskSetup, people []dossiers.Member, but circuits.PersonID) control {
	c := control{Kind: "select", Name: name, Label: label}
	d, p := optionGroup{Label: "Bureaux"}, optionGroup{Label: "Personnes"}
	for _, x := range desks {
		d.Options = append(d.Options, listed{Value: deskPrefix + string(x.ID), Label: x.Name})
	}
	for _, x := range people {
		if x.ID != but {
			p.Options = append(p.Options, listed{Value: personPrefix + string(x.ID), Label: x.Name()})
		}
	}
	c.Groups = []optionGroup{{Options: []listed{{Label: "Choisissez"}}}, d, p}
	return c
}

// recipientFrom reads the answer of recipientControl; nothing chosen is the
// zero one.
func recipientFrom(value string) circuits.Recipient {
	if desk, ok := strings.CutPrefix(value, deskPrefix); ok {
		return circuits.Recipient{Desk: circuits.DeskID(desk)}
	}
	person, _ := strings.CutPrefix(value, personPrefix)
	return circuits.Recipient{Person: circuits.PersonID(person)}
}

// senseControl asks which way an opinion goes.
func senseControl() control {
	return control{Kind: "radio", Name: "sense", Label: "Votre avis", Required: true, Groups: []optionGroup{{Options: []listed{
		{Value: string(circuits.Favourable), Label: "Favorable", Chosen: true},
		{Value: string(circuits.Reserved), Label: "Réservé", Hint: "Favorable, sous les réserves que vous écrivez."},
		{Value: string(circuits.Unfavourable), Label: "Défavorable", Hint: "Dites pourquoi."},
	}}}}
}

// days reads a number of days; nothing is 0, and what is no number is -1.
func days(s string) int {
	if strings.TrimSpace(s) == "" {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return -1
	}
	return n
}
