package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// A panelPage is /panneau/{token}: where a letter is, shown inside the program
// that deposited it. Nothing can be done there: it has no form and no session,
// and its links open the parapheur in a window of its own, where people decide.
type panelPage struct {
	frame
	Heading, Recipient, Number, Reference string
	Tags                                  []tag
	Banner                                *banner
	Stops                                 []stop
	Open                                  string // address of the letter on our own origin
	Here                                  string // its own address, to ask again
	Asked                                 string // when this was so
	Expired                               bool
}

func (s *server) panel(v *visit, w http.ResponseWriter, r *http.Request) error {
	shown, err := s.Office.Panel(r.Context(), v.tenant, chi.URLParam(r, "token"))
	if err != nil && (!errors.Is(err, dossiers.ErrPanel) || len(shown.Origins) == 0) {
		return err
	}
	// Whoever is signed in here is nobody on this page.
	p := &panelPage{frame: s.frame(&visit{tenant: v.tenant}, "Panneau", ""), Expired: err != nil}
	if err == nil {
		p.fill(shown.View, s.calendar(v))
		p.Open, p.Here = v.tenant.Origin+"/dossiers/"+string(shown.View.ID), r.URL.EscapedPath()
		p.Title = p.Heading
	}
	p.Body = "embedded"
	framed(w.Header(), shown.Origins)
	status := http.StatusOK
	if p.Expired {
		status = http.StatusGone
	}
	return s.show(w, r, status, p)
}

// framed lets the pages of these origins, and of no other, hold the answer in
// a frame. The address of a panel opens it: no other site is told it, and no
// gesture of a passkey can be asked for within.
func framed(h http.Header, origins []string) {
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Permissions-Policy", strings.ReplaceAll(h.Get("Permissions-Policy"), "(self)", "()"))
	if len(origins) == 0 {
		return // a link: opened by itself or not at all
	}
	h.Set("Content-Security-Policy", strings.Replace(contentPolicy, "frame-ancestors 'none'", "frame-ancestors "+strings.Join(origins, " "), 1))
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // for a page that isolates itself (COEP)
	h.Del("X-Frame-Options")                              // names no origin; browsers that know frame-ancestors ignore it
}

func (p *panelPage) fill(d dossiers.View, c calendar) {
	var nobody dossiers.Person
	p.Heading, p.Recipient = d.Title, to(d.Recipient)
	p.Number, p.Reference = "n°"+nbsp+strconv.FormatInt(d.Number, 10), d.ExternalReference
	p.Tags = []tag{{"", "file-text", d.TypeName}}
	p.Stops, p.Asked = stops(d, nobody, c), c.moment(c.now)
	switch d.State.Phase {
	case circuits.Draft:
		p.Banner = &banner{"", "info", "Brouillon", "Cette lettre n’est pas encore partie dans son circuit."}
	case circuits.Completed:
		p.Banner = &banner{"ok", "circle-check", "Circuit terminé", "La lettre et son dossier de preuve sont prêts."}
		if names, _ := signers(d, c); len(names) > 0 {
			p.Banner.Title, p.Banner.Text = "Lettre signée", "Par "+list(names)+"."
		}
	case circuits.Running, circuits.Refused, circuits.Withdrawn:
		p.Banner = standing(d, nobody, c)
	}
}
