package web

import (
	"context"
	"net/http"

	"github.com/go-chi/chi/v5"

	"parapheur/dossiers"
)

// A side is another town where the person is somebody.
type side struct {
	ID, Town, URL string
	Since         string
}

// counterpartsPage is /mes-collectivites.
type counterpartsPage struct {
	frame
	Here  string // this town
	Sides []side
	Said  string
}

func (*counterpartsPage) template() string { return "mes-collectivites" }

// offeredPage is /mes-collectivites/relier/{offer}: somebody of another town
// says that they are also the person who looks.
type offeredPage struct {
	frame
	Here, Name  string // this town, and who the person is here
	There, Them string // the other, and who they say to be there
	URL         string // its address
	Offer       string
}

func (*offeredPage) template() string { return "relier" }

// elsewhere reads the doors of v when a page is shown.
func (s *server) elsewhere(v *visit) func(context.Context) ([]door, error) {
	return func(ctx context.Context) ([]door, error) {
		all, err := s.Office.Elsewhere(ctx, v.viewer)
		if err != nil {
			return nil, err
		}
		var out []door
		for _, c := range all {
			out = append(out, door{Town: c.Name, URL: c.Origin + "/connexion"})
		}
		return out, nil
	}
}

func (s *server) counterparts(v *visit, w http.ResponseWriter, r *http.Request) error {
	all, err := s.Office.Elsewhere(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	p := &counterpartsPage{frame: s.frame(v, "Mes collectivités", "collectivites"), Here: v.tenant.Name}
	p.Scripts = []string{"js/act.js"}
	p.Said = map[string]string{
		"reliee": "Vos deux comptes sont reliés. « Changer de collectivité » vous mène de l’un à l’autre.",
		"oublie": "Le lien est oublié ici. L’autre collectivité garde le sien jusqu’à ce que vous l’y oubliiez aussi.",
	}[r.URL.Query().Get("dit")]
	p.Said = typeset(p.Said)
	for _, c := range all {
		p.Sides = append(p.Sides, side{ID: c.ID, Town: c.Name, URL: c.Origin + "/connexion", Since: "Reliée " + s.calendar(v).full(c.LinkedAt)})
	}
	return s.show(w, r, http.StatusOK, p)
}

// offered shows who asks, before any gesture.
func (s *server) offered(v *visit, w http.ResponseWriter, r *http.Request) error {
	offer := chi.URLParam(r, "offer")
	asked, err := s.Office.ReadOffer(r.Context(), v.viewer, offer)
	if err != nil {
		return err
	}
	p := &offeredPage{
		frame: s.frame(v, "Relier mes deux comptes", "collectivites"), Here: v.tenant.Name, Name: v.viewer.Person.Name(),
		There: asked.Town.Name, Them: asked.Name, URL: asked.Town.Origin, Offer: offer,
	}
	p.Scripts = []string{"js/act.js"}
	w.Header().Set("Cache-Control", "no-store")
	return s.show(w, r, http.StatusOK, p)
}

// answeredElsewhere ends the way back. The gesture of the person was made
// before they left: opening this address again changes nothing.
func (s *server) answeredElsewhere(v *visit, w http.ResponseWriter, r *http.Request) error {
	if _, err := s.Office.CompleteLink(r.Context(), v.viewer, chi.URLParam(r, "answer")); err != nil {
		return err
	}
	http.Redirect(w, r, "/mes-collectivites?dit=reliee", http.StatusSeeOther)
	return nil
}

func (s *server) forgetElsewhere(v *visit, w http.ResponseWriter, r *http.Request) error {
	if err := s.Office.Unlink(r.Context(), v.viewer, chi.URLParam(r, "id")); err != nil {
		return err
	}
	http.Redirect(w, r, "/mes-collectivites?dit=oublie", http.StatusSeeOther)
	return nil
}

// linking is what the script sends: an address that was typed, or the offer
// that came from there.
type linking struct {
	Origin string `json:"origin"`
	Offer  string `json:"offer"`
}

func (s *server) beginLink(v *visit, w http.ResponseWriter, r *http.Request) error {
	var in linking
	if err := read(r, &in); err != nil {
		return err
	}
	var g dossiers.Gesture
	var err error
	if in.Offer != "" {
		g, err = s.Office.BeginAnswer(r.Context(), v.viewer, v.session, in.Offer)
	} else {
		g, err = s.Office.BeginLink(r.Context(), v.viewer, v.session, in.Origin)
	}
	if err != nil {
		return err
	}
	return replyGesture(v, w, g)
}

// goOn says where the browser goes after a gesture.
type goOn struct {
	Next string `json:"next"`
}

func (s *server) finishLink(v *visit, w http.ResponseWriter, r *http.Request) error {
	var in answered
	if err := read(r, &in); err != nil {
		return err
	}
	next, err := s.Office.FinishLink(r.Context(), v.viewer, v.session, in.Ceremony, in.Response)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, goOn{next})
}
