package web

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"parapheur/dossiers"
)

// fillDepart asks for the desks that the circuit lets choose.
func fillDepart(s *server, v *visit, r *http.Request, d dossiers.View, p *actPage) error {
	p.Heading, p.Go, p.Icon = "Envoyer dans le circuit", "Envoyer", "send"
	choices, err := s.Office.Departing(r.Context(), v.viewer, d.ID)
	if err != nil {
		return err
	}
	for _, c := range choices {
		p.Fields = append(p.Fields, choiceControl(c, string(d.State.Chosen[c.Step])))
	}
	return nil
}

func doDepart(s *server, v *visit, r *http.Request, d dossiers.View) error {
	_, err := s.Office.Depart(r.Context(), v.viewer, d.ID, dossiers.Departure{Chosen: choicesFrom(r.PostForm)})
	return err
}

func fillRecycle(s *server, v *visit, r *http.Request, d dossiers.View, p *actPage) error {
	if err := fillDepart(s, v, r, d, p); err != nil {
		return err
	}
	p.Heading, p.Go, p.Icon = "Recycler la lettre", "Renvoyer telle quelle", "rotate-ccw"
	p.Say = "Elle repart dans son circuit, depuis le début, sans changer d’un mot. Les décisions prises restent au journal et ne comptent plus."
	return nil
}

func doRecycle(s *server, v *visit, r *http.Request, d dossiers.View) error {
	_, err := s.Office.Depart(r.Context(), v.viewer, d.ID, dossiers.Departure{Chosen: choicesFrom(r.PostForm), Again: true})
	return err
}

// fillMetadata shows every field of the type.
func fillMetadata(_ *server, _ *visit, _ *http.Request, d dossiers.View, p *actPage) error {
	p.Heading, p.Say = "Compléter les informations", "Chaque changement est inscrit au journal du dossier."
	for _, f := range d.Fields() {
		p.Fields = append(p.Fields, metadataControl(f, d.Filing.Values[f.Name], f.AtDeposit))
	}
	return nil
}

func doMetadata(s *server, v *visit, r *http.Request, d dossiers.View) error {
	_, err := s.Office.SetMetadata(r.Context(), v.viewer, d.ID, metadataFrom(r.PostForm))
	return err
}

// acknowledge records that the viewer read the letter as it stands.
func (s *server) acknowledge(v *visit, w http.ResponseWriter, r *http.Request) error {
	d, err := s.viewIn(v, r)
	if err != nil {
		return err
	}
	seen, err := seenIn(r)
	if err != nil {
		return err
	}
	if !d.Opened {
		return dossiers.ErrUnread
	}
	if _, err := s.Office.Acknowledge(r.Context(), v.viewer, dossiers.ID(chi.URLParam(r, "id")), seen); err != nil {
		return err
	}
	return goTo(w, r, landing(d, r, form{done: "lecture"}))
}
