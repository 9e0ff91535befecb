package web

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/trial"
)

// picture draws the circuit of a trial as an SVG that reads on a screen and on
// paper. What comes from people is escaped there. pictureList says the same to
// who does not see it.
func picture(x dossiers.Trial, f figure) template.HTML {
	return template.HTML(drawCircuit(x.Name, x.Definition, x.Standing, x.Letter(""), f)) //nolint:gosec // every text goes through words
}

func drawCircuit(name string, d circuits.Definition, standing [][]trial.Standing, l trial.Letter, f figure) string {
	c := &canvas{figure: f, y: 4}
	c.end("Dépôt par le rédacteur")
	for i, st := range d.Steps {
		c.arrow(false)
		c.step(st, standing[i], l)
	}
	c.arrow(false)
	last := "Retour au rédacteur, preuve archivée"
	if d.Then != "" {
		last = "Suite : circuit « " + d.Then + " »"
	}
	c.end(last)
	return c.svg("Circuit « " + name + " », repris en liste")
}

// step draws a step: one card, in a frame when it has a condition or several
// actors.
func (c *canvas) step(st circuits.Step, actors []trial.Standing, l trial.Letter) {
	var frame []string
	room := c.frameLetters(len(actors))
	if st.When != "" {
		frame = append(frame, wrap("Si "+typeset(trial.Words(st.When, l.Schema))+", sinon étape suivante", room)...)
	}
	if many := trial.Many(st); many != "" {
		frame = append(frame, wrap(typeset(many), room)...)
	}
	width := c.narrow(len(actors))
	c.cards(frame, len(frame), stepCards(st, actors, width), width)
}

// stepCards are the cards of a step: one for each actor when there are several.
func stepCards(st circuits.Step, actors []trial.Standing, width int) (cards []pictureCard) {
	chars := width/letterWidth - 4
	if len(actors) == 0 {
		actors = []trial.Standing{{Who: "Personne n’est désigné", Badge: trial.Nobody}}
	}
	for _, a := range actors {
		k := pictureCard{kind: strings.ToUpper(trial.Act(st)), sign: st.Kind == circuits.Signature || st.Kind == circuits.Seal}
		k.lines = append(k.lines, wrap(typeset(st.Title), chars)...)
		k.title = len(k.lines)
		k.lines = append(k.lines, wrap(typeset(a.Who), chars)...)
		if a.People != "" {
			k.lines = append(k.lines, wrap(a.People, chars)...)
		}
		if facts := stepFacts(st); facts != "" {
			k.lines = append(k.lines, wrap(facts, chars)...)
		}
		if a.Text != "" {
			k.warning = wrap(typeset(a.Text), chars)
		}
		cards = append(cards, k)
	}
	return cards
}

// pictureList is the picture in words.
func pictureList(x dossiers.Trial) []stop {
	out := []stop{{State: "todo", Title: "Dépôt", Lines: []string{"Le rédacteur de la lettre"}}}
	l := x.Letter("")
	for i, st := range x.Definition.Steps {
		one := stop{State: "todo", Title: st.Title}
		for _, line := range trial.Describe(st, x.Town, l) {
			one.Lines = append(one.Lines, typeset(line))
		}
		for _, a := range x.Standing[i] {
			if a.Text != "" {
				one.Lines = append(one.Lines, typeset(a.Who+" : "+a.Text))
			} else if a.People != "" {
				one.Lines = append(one.Lines, typeset(a.Who+" : "+a.People))
			}
		}
		out = append(out, one)
	}
	return append(out, stop{State: "todo", Title: "Retour au rédacteur, preuve archivée"})
}

// circuitPicture is the picture as a file.
func (s *server) circuitPicture(v *visit, w http.ResponseWriter, r *http.Request) error {
	if err := administers(v); err != nil {
		return err
	}
	x, err := s.Office.Trial(r.Context(), v.viewer, chi.URLParam(r, "code"))
	if err != nil {
		return err
	}
	drawing := drawCircuit(x.Name, x.Definition, x.Standing, x.Letter(""), wideFigure())
	h := w.Header()
	h.Set("Content-Type", "image/svg+xml")
	h.Set("Content-Disposition", `attachment; filename="circuit-`+x.Code+`.svg"`)
	h.Set("Cache-Control", "private, no-cache")
	_, err = w.Write([]byte(drawing))
	return ignoreGone(err)
}
