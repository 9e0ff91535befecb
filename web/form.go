package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"parapheur/dossiers"
)

// This file holds the forms of the administration: described in Go, drawn by
// one template, so that each field has its label, its hint and its error where
// screen readers look for them. Without script they work the same: rows are
// added, moved and taken away by buttons that send the form.

// An option is one choice of a list.
type option struct {
	Value, Label, Hint string
	Chosen             bool
}

// A setting is one field of a form.
type setting struct {
	Kind              string // text, email, date, number, textarea, select, check, checks, radios, file, hidden
	Name, ID          string
	Label, Hint, Help string
	Value, Error      string
	Required, Focus   bool
	Max               int
	Options           []option
}

// A formRow is one of several lines of the same fields.
type formRow struct {
	Title, Group, ID string
	Index            int
	First, Last      bool
	Controls         []setting
}

// A formPart is fields under one heading.
type formPart struct {
	ID, Title, Hint string
	Controls        []setting
	// Group names rows that may be added; Add is what the button says. Ordered
	// rows may be moved.
	Group, Add, None string
	Ordered          bool
	Rows             []formRow
}

// A fiche builds settings from what was typed, or kept, and from what is wrong.
type fiche struct {
	values  url.Values
	wrong   *dossiers.InvalidError
	told    bool // the error is shown at its field
	prefix  string
	focused string // name of the control that takes the focus
}

// newFiche reads wrong, which may be nil.
func newFiche(values url.Values, wrong error) *fiche {
	f := &fiche{values: values}
	if invalid, ok := isField(wrong); ok {
		f.wrong = invalid
	}
	return f
}

// problem is what is wrong that no field told.
func (f *fiche) problem(wrong error) string {
	switch {
	case wrong == nil || f.told:
		return ""
	case f.wrong != nil:
		return typeset(f.wrong.Reason)
	}
	p := problemOf(wrong)
	return p.Title + ". " + p.Detail
}

// control makes one field. It shows the errors of its own name and of those
// in also.
func (f *fiche) control(kind, name, label, hint string, also ...string) setting {
	c := setting{
		Kind: kind, Name: f.prefix + name, ID: "f-" + f.prefix + name, Label: typeset(label), Hint: typeset(hint), Value: f.values.Get(f.prefix + name),
	}
	c.Focus = f.focused != "" && f.focused == c.Name
	if f.wrong != nil && !f.told && slices.Contains(append(also, c.Name), f.wrong.Field) {
		c.Error, f.told = typeset(f.wrong.Reason), true
	}
	return c
}

func (f *fiche) text(name, label, hint string, most int, also ...string) setting {
	c := f.control("text", name, label, hint, also...)
	c.Max = most
	return c
}

func (f *fiche) date(name, label, hint string, also ...string) setting {
	return f.control("date", name, label, hint, also...)
}

func (f *fiche) check(name, label, hint string, also ...string) setting {
	return f.control("check", name, label, hint, also...)
}

// one is a choice among options; many lets several be checked.
func (f *fiche) one(kind, name, label, hint string, options []option, also ...string) setting {
	c := f.control(kind, name, label, hint, also...)
	c.Options = ticked(options, f.values[c.Name])
	return c
}

func (f *fiche) many(name, label, hint string, options []option, also ...string) setting {
	c := f.control("checks", name, label, hint, also...)
	c.Options = ticked(options, f.values[c.Name])
	return c
}

func ticked(options []option, values []string) []option {
	out := slices.Clone(options)
	for i := range out {
		out[i].Chosen = slices.Contains(values, out[i].Value)
		out[i].Label, out[i].Hint = typeset(out[i].Label), typeset(out[i].Hint)
	}
	return out
}

func must(c setting) setting {
	c.Required = true
	return c
}

// rows makes the lines of a group: those there are, made by line.
func (f *fiche) rows(part formPart, title string, line func(i int) []setting) formPart {
	part.Hint, part.None = typeset(part.Hint), typeset(part.None)
	n := rowCount(f.values, part.Group)
	for i := range n {
		f.prefix = part.Group + "-" + strconv.Itoa(i) + "-"
		part.Rows = append(part.Rows, formRow{
			Title: title + nbsp + strconv.Itoa(i+1), Group: part.Group, ID: "g-" + part.Group + "-" + strconv.Itoa(i), Index: i, First: i == 0, Last: i == n-1, Controls: line(i),
		})
	}
	f.prefix = ""
	return part
}

// rowCount is how many lines of a group a form holds: names are
// "rules-0-when".
func rowCount(values url.Values, group string) int {
	n := 0
	for key := range values {
		rest, ok := strings.CutPrefix(key, group+"-")
		number, _, _ := strings.Cut(rest, "-")
		if i, err := strconv.Atoi(number); ok && err == nil && i >= n && i < maxRows {
			n = i + 1
		}
	}
	return n
}

// maxRows bounds the lines of one group.
const maxRows = 100

// row returns the values of one line, without their prefix.
func row(values url.Values, group string, i int) url.Values {
	out := url.Values{}
	prefix := group + "-" + strconv.Itoa(i) + "-"
	for key, v := range values {
		if name, ok := strings.CutPrefix(key, prefix); ok {
			out[name] = v
		}
	}
	return out
}

// setRow writes one line.
func setRow(values url.Values, group string, i int, line url.Values) {
	prefix := group + "-" + strconv.Itoa(i) + "-"
	for name, v := range line {
		values[prefix+name] = v
	}
}

// rearranged does what a button of rows asks ("ajouter:rules",
// "monter:rules:2", "retirer:rules:2") and answers the name of the field that
// takes the focus; false when the form is to be kept. first names the first
// field of a line.
func rearranged(values url.Values, first map[string]string) (focus string, did bool) {
	verb, rest, _ := strings.Cut(values.Get("faire"), ":")
	group, number, _ := strings.Cut(rest, ":")
	n := rowCount(values, group)
	lines := make([]url.Values, n)
	for i := range lines {
		lines[i] = row(values, group, i)
	}
	i, _ := strconv.Atoi(number)
	var at int
	switch {
	case verb == "ajouter" && first[group] != "" && n < maxRows:
		lines, at = append(lines, url.Values{first[group]: {""}}), n
	case verb == "monter" && i > 0 && i < n:
		lines[i-1], lines[i] = lines[i], lines[i-1]
		at = i - 1
	case verb == "retirer" && i >= 0 && i < n && number != "":
		lines = slices.Delete(lines, i, i+1)
		at = max(i-1, 0)
	default:
		return "", false
	}
	for key := range values {
		if strings.HasPrefix(key, group+"-") {
			delete(values, key)
		}
	}
	for j, line := range lines {
		setRow(values, group, j, line)
	}
	return group + "-" + strconv.Itoa(at) + "-" + first[group], true
}

// A formPage is a page whose matter is one form.
type formPage struct {
	frame
	Nav           string // entry of the administration's menu; empty outside it
	Heading, Lead string
	Back          choice // where the form comes from
	Action        string // address the form is sent to
	File          bool   // the form carries a file
	Parts         []formPart
	Submit        string
	Problem, Said string
	Read          string // mark of what the form was filled from; empty for something new
	Overtaken     bool   // somebody else changed it since
	Person        *personAside
	Mention       *mentionAside
	Withdraw      string   // address that takes the delegation back
	Document      string   // address of the arrêté kept
	Closed        string   // why nothing can be changed any more
	Always        []string // mails that leave whatever is chosen
	Mine          string   // address of this page among those of the person
}

func (*formPage) template() string { return "formulaire" }

// again says whether err is for the person who typed: the form is then shown
// again, under this status.
func again(err error) (int, bool) {
	if err == nil {
		return http.StatusOK, false
	}
	status := problemOf(err).Status
	return status, status < http.StatusInternalServerError && status != http.StatusForbidden && status != http.StatusNotFound
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return ""
}

// splitLines splits a text field, one value a line.
func splitLines(s string) (out []string) {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

func trimmed(values url.Values, name string) string { return strings.TrimSpace(values.Get(name)) }
