package web

import (
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/trial"
)

// wayPage is /dossiers/{id}/chemin: the circuit drawn, with the letter's
// place in it, and the same as a list.
type wayPage struct {
	frame
	ID, Heading, Number, Strip string
	Back                       string
	Wide, Narrow               template.HTML // made by letterDrawing, which escapes what it is given
	Stops                      []stop
}

func (*wayPage) template() string { return "chemin" }

// letterWay is /dossiers/{id}/chemin.
func (s *server) letterWay(v *visit, w http.ResponseWriter, r *http.Request) error {
	d, err := s.viewIn(v, r)
	if err != nil {
		return err
	}
	p := newWayPage(d, *v.viewer.Person, s.calendar(v))
	p.frame = s.frame(v, "Le chemin de « "+d.Title+" »", "bannettes")
	return s.show(w, r, http.StatusOK, p)
}

func newWayPage(d dossiers.View, who dossiers.Person, c calendar) *wayPage {
	p := &wayPage{
		ID: string(d.ID), Heading: d.Title, Number: strconv.FormatInt(d.Number, 10), Strip: strip(d), Back: inBin("/dossiers/"+string(d.ID), d.Bin),
		Stops: stops(d, who, c),
	}
	p.Wide, p.Narrow = letterDrawing(d, p.Stops, wideFigure()), letterDrawing(d, p.Stops, narrowFigure())
	return p
}

// letterDrawingFile is the picture as a file, as anybody at the town reads it.
func (s *server) letterDrawingFile(v *visit, w http.ResponseWriter, r *http.Request) error {
	d, err := s.Office.View(r.Context(), v.viewer, dossiers.ID(chi.URLParam(r, "id")))
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "image/svg+xml")
	h.Set("Content-Disposition", `attachment; filename="chemin-`+strconv.FormatInt(d.Number, 10)+`.svg"`)
	h.Set("Cache-Control", "private, no-cache")
	_, err = w.Write([]byte(drawLetter(d, stops(d, dossiers.Person{}, s.calendar(v)), wideFigure())))
	return ignoreGone(err)
}

func letterDrawing(d dossiers.View, way []stop, f figure) template.HTML {
	return template.HTML(drawLetter(d, way, f)) //nolint:gosec // every text goes through words
}

// drawLetter draws the way of a letter: what is done, where it waits, what is
// ahead.
func drawLetter(d dossiers.View, way []stop, f figure) string {
	c := &canvas{figure: f, y: 4}
	for i, x := range way {
		if i > 0 {
			c.arrow(x.State == "todo")
		}
		act := ""
		sign := false
		if i > 0 && i <= len(d.Path) {
			st := d.Path[i-1].Step
			act, sign = trial.Act(st), st.Kind == circuits.Signature || st.Kind == circuits.Seal
		}
		c.stop(x, act, sign, act == "")
	}
	return c.svg("Chemin de la lettre « " + d.Title + " », repris en liste")
}

// stop draws one step, or an end of the way: one card, or a frame with one for
// each who takes part.
func (c *canvas) stop(x stop, act string, sign, round bool) {
	if len(x.Turns) == 0 {
		chars := c.box/letterWidth - 4
		k := pictureCard{kind: strings.ToUpper(act), mark: pictureMark{x.State, x.Word}, sign: sign, round: round, lines: wrap(typeset(x.Title), chars)}
		k.title = len(k.lines)
		for _, line := range x.Lines {
			k.lines = append(k.lines, wrap(typeset(line), chars)...)
		}
		if x.Reason != "" {
			k.lines = append(k.lines, wrap(typeset("« "+x.Reason+" »"), chars)...)
		}
		k.lines = append(k.lines, x.askedRows(chars)...)
		k.warning = x.late(chars)
		c.cards(nil, 0, []pictureCard{k}, c.box)
		return
	}
	var cards []pictureCard
	width := c.narrow(len(x.Turns))
	for _, t := range x.Turns {
		k := pictureCard{kind: strings.ToUpper(act), mark: pictureMark{t.State, t.word()}, sign: sign, lines: wrap(typeset(t.Text), width/letterWidth-4)}
		k.title = 0
		if t.Note != "" {
			k.lines = append(k.lines, wrap(typeset(t.Note), width/letterWidth-4)...)
		}
		cards = append(cards, k)
	}
	room := c.frameLetters(len(x.Turns))
	frame := wrap(typeset(x.Title), room)
	bold := len(frame)
	for _, line := range append([]string{x.Rule}, x.Lines...) {
		frame = append(frame, wrap(typeset(line), room)...)
	}
	frame = append(append(frame, x.askedRows(room)...), x.late(room)...)
	c.cards(frame, bold, cards, width)
}

// late says until when a step waits.
func (s stop) late(chars int) []string { return wrap(typeset(s.Due), chars) }

// askedRows are the opinions asked at a step.
func (s stop) askedRows(chars int) (out []string) {
	for _, q := range s.Asked {
		out = append(out, wrap(typeset(q.Text), chars)...)
		out = append(out, wrap(typeset(q.Answer), chars)...)
	}
	return out
}

// word is where a turn stands.
func (t turnLine) word() string {
	return map[string]string{"done": "Fait", "now": "En cours", "todo": "À venir", "stop": "Refusé", "passed": "Sans objet"}[t.State]
}
