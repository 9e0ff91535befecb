package web

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"parapheur/dossiers"
)

// A journalNothing stands where no line answers: what was looked for, and how
// to look for less.
type journalNothing struct {
	Title, Text string
	Asked       []string
	Wider       []widerSearch
}

// A widerSearch is the same search with less asked.
type widerSearch struct{ Label, URL string }

// nothing says what was looked for in vain, with what the form offers. What
// was not understood was not looked for.
func (p *journalPage) nothing(asked url.Values, q dossiers.JournalQuery, wrong error, c calendar) *journalNothing {
	if wrong != nil {
		return &journalNothing{Title: "La recherche n’a pas été faite", Text: "Corrigez le champ signalé, puis cherchez de nouveau."}
	}
	n := &journalNothing{Title: "Aucune ligne", Text: "Rien dans le journal ne répond à tout ce que vous cherchez" + nbsp + ":"}
	without := func(label string, names ...string) { n.wider(label, part(asked, names...)) }
	if q.Person != "" {
		n.Asked = append(n.Asked, p.chosen("qui", string(q.Person), "une personne inconnue ici"))
		without("Toutes les personnes", "qui")
	}
	if q.Number != 0 {
		n.Asked = append(n.Asked, "dossier n°"+nbsp+strings.TrimSpace(asked.Get("dossier")))
		without("Tous les dossiers", "dossier")
	}
	if q.Kind != "" {
		n.Asked = append(n.Asked, "«"+nbsp+p.chosen("quoi", q.Kind, "un fait inconnu ici")+nbsp+"»")
		without("Tous les faits", "quoi")
	}
	if n.dates(q, c) {
		other := part(asked)
		other.Set("du", asked.Get("au"))
		other.Set("au", asked.Get("du"))
		n.wider("Inverser les dates", other)
	}
	if !q.From.IsZero() || !q.Until.IsZero() {
		without("Toutes les dates", "du", "au")
	}
	if len(n.Asked) == 0 { // older than the first line
		n.Text, n.Wider = "Le journal ne remonte pas plus loin.", []widerSearch{{"Les dernières lignes", "/administration/journal"}}
	}
	return n
}

// part is a search without some of its fields.
func part(asked url.Values, without ...string) url.Values {
	out := url.Values{}
	for _, name := range journalFields() {
		if value := strings.TrimSpace(asked.Get(name)); value != "" && !slices.Contains(without, name) {
			out.Set(name, value)
		}
	}
	return out
}

// wider offers another search. Of the whole journal the form has its own link.
func (n *journalNothing) wider(label string, search url.Values) {
	if len(search) > 0 {
		n.Wider = append(n.Wider, widerSearch{label, "/administration/journal?" + search.Encode()})
	}
}

// dates says which days were asked, and reports whether they are the wrong way
// round.
func (n *journalNothing) dates(q dossiers.JournalQuery, c calendar) (inverted bool) {
	last := q.Until.AddDate(0, 0, -1) // the query ends before the day after
	switch from, until := !q.From.IsZero(), !q.Until.IsZero(); {
	case from && until && last.Before(q.From):
		n.Title, n.Text = "Les deux dates sont inversées", "Le premier jour est après le dernier"+nbsp+":"
		n.Asked = append(n.Asked, between(q.From, last, c))
		return true
	case from && until:
		n.Asked = append(n.Asked, between(q.From, last, c))
	case from:
		n.Asked = append(n.Asked, "depuis le "+c.date(q.From))
	case until:
		n.Asked = append(n.Asked, "jusqu’au "+c.date(last))
	}
	return false
}

func between(from, last time.Time, c calendar) string {
	if from.Equal(last) {
		return "le " + c.date(from)
	}
	first := c.date(from)
	if from.Year() == last.Year() {
		first = dayMonth(from)
	}
	return "du " + first + " au " + c.date(last)
}

// chosen is the label of a value that the form offers: no other is repeated.
func (p *journalPage) chosen(name, value, unknown string) string {
	for _, s := range p.Search {
		for _, o := range s.Options {
			if s.Name == name && o.Value == value {
				return o.Label
			}
		}
	}
	return unknown
}
