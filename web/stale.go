package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"parapheur/dossiers"
)

// This file keeps one administrator from undoing in silence what another did
// while a form was open. A form carries the mark of what it was filled from;
// saving compares it, under the lock, with what is kept now.

// readField is the hidden field that holds the mark.
const readField = "lu"

// mark names what an item says.
func mark(item any) string {
	raw, err := json.Marshal(item)
	if err != nil {
		return "" // such an item is saved without comparing
	}
	sum := sha256.Sum256(raw)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// errOvertaken says that the item changed since the form was filled.
var errOvertaken = &dossiers.InvalidError{Field: readField, Reason: "Quelqu’un d’autre a changé cette fiche pendant que vous l’écriviez."}

// unmoved holds a form to what it was filled from; now finds what is kept. A
// form without a mark makes something new.
func unmoved(values url.Values, now func(dossiers.Organisation) any) func(dossiers.Organisation) error {
	return func(g dossiers.Organisation) error {
		if was := values.Get(readField); was != "" && was != mark(now(g)) {
			return errOvertaken
		}
		return nil
	}
}

// from marks the form with what it was filled from. One that was overtaken is
// marked with what is kept now, so that saving again replaces it knowingly, and
// says which fields differ: kept holds what they say.
func (p *formPage) from(item any, values, kept url.Values, wrong error) {
	p.Read = values.Get(readField)
	overtaken := errors.Is(wrong, errOvertaken)
	if p.Read == "" || overtaken {
		p.Read = mark(item)
	}
	if !overtaken {
		return
	}
	told := errOvertaken.Reason + " Ce que vous avez écrit est ici, et n’est pas enregistré."
	if differ := p.differ(values, kept); len(differ) > 0 {
		told += " Diffèrent de la fiche telle qu’elle est maintenant : " + strings.Join(differ, ", ") + ". Enregistrer de nouveau les remplace."
	} else {
		told += " Elle dit maintenant la même chose."
	}
	p.Problem, p.Overtaken = typeset(told), true
}

// differ lists the labels of the fields whose values are not those kept.
func (p *formPage) differ(values, kept url.Values) (labels []string) {
	add := func(title string, controls []setting) {
		for _, c := range controls {
			if chosenIn(values, c.Name) != chosenIn(kept, c.Name) {
				label := c.Label
				if title != "" {
					label = title + " (" + c.Label + ")"
				}
				labels = append(labels, "«"+nbsp+label+nbsp+"»")
			}
		}
	}
	for _, part := range p.Parts {
		add("", part.Controls)
		for _, line := range part.Rows {
			add(line.Title, line.Controls)
		}
		if n := rowCount(kept, part.Group); part.Group != "" && n > len(part.Rows) {
			labels = append(labels, "«"+nbsp+part.Title+nbsp+"», où il y a une ligne de plus")
		}
	}
	return labels
}

// chosenIn is what a field says, in whatever order, blanks aside.
func chosenIn(values url.Values, name string) string {
	var out []string
	for _, v := range values[name] {
		if v = strings.TrimSpace(strings.ReplaceAll(v, "\r\n", "\n")); v != "" {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\x00")
}
