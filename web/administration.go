package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// people is /administration.
func (s *server) people(v *visit, w http.ResponseWriter, r *http.Request) error {
	said := map[string]string{
		"personne":   "La personne est ajoutée. Invitez-la à enregistrer sa clé d’accès.",
		"desactivee": "La personne est désactivée\u00a0: ses sessions sont fermées, ses clés n’ouvrent plus rien.",
		"reactivee":  "La personne est réactivée\u00a0: ses clés d’accès servent de nouveau.",
	}[r.URL.Query().Get("dit")]
	return s.showPeople(v, w, r, http.StatusOK, &peoplePage{Said: said})
}

func (s *server) showPeople(v *visit, w http.ResponseWriter, r *http.Request, status int, p *peoplePage) error {
	all, err := s.Office.People(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	p.frame = s.frame(v, "Les personnes", "administration")
	p.People, p.Mails = personLines(all), s.Office.MailsInvitations()
	for i := range p.People {
		p.People[i].Oneself = p.People[i].ID == string(v.viewer.Person.ID)
	}
	return s.show(w, r, status, p)
}

func personLines(all []dossiers.Person) []personLine {
	var out []personLine
	for _, p := range all {
		line := personLine{
			ID: string(p.ID), Name: strings.TrimSpace(p.Civility + nbsp + p.Name()), Email: p.Email, Roles: roles(p),
			Keys: count(p.Passkeys, "clé d’accès", "clés d’accès"), Keyless: p.Passkeys == 0, OneKey: p.Passkeys == 1, Inactive: !p.Active,
		}
		if p.Civility == "" {
			line.Name = p.Name()
		}
		if line.Keyless {
			line.Keys = "Aucune clé d’accès"
		}
		out = append(out, line)
	}
	return out
}

// roles tells what a person does here.
func roles(p dossiers.Person) string {
	var all []string
	for _, seat := range p.Seats {
		all = append(all, seat.Quality)
	}
	if p.Drafter {
		all = append(all, "dépose des lettres")
	}
	if n := len(p.Prepares); n > 0 {
		all = append(all, "prépare "+count(n, "bannette", "bannettes"))
	}
	if p.Admin {
		all = append(all, "administre")
	}
	return strings.Join(all, ", ")
}

// addPerson adds somebody or, when the form names a person, lets them act or
// not any more.
func (s *server) addPerson(v *visit, w http.ResponseWriter, r *http.Request) error {
	f := r.PostForm
	if f.Has("person") {
		return s.setActive(v, w, r, circuits.PersonID(f.Get("person")), f.Get("active") == "1")
	}
	_, err := s.Office.AddPerson(r.Context(), v.viewer, dossiers.Person{
		Civility: f.Get("civility"), GivenName: f.Get("given_name"), FamilyName: f.Get("family_name"), Email: f.Get("email"),
		Drafter: f.Has("drafter"), Admin: f.Has("admin"),
	})
	if err == nil {
		http.Redirect(w, r, "/administration?dit=personne", http.StatusSeeOther)
		return nil
	}
	told := problemOf(err)
	if told.Status >= http.StatusInternalServerError || told.Status == http.StatusForbidden {
		return err
	}
	p := &peoplePage{Problem: told.Title + ". " + told.Detail, Form: personForm{
		Civility: f.Get("civility"), GivenName: field{Value: f.Get("given_name")}, FamilyName: field{Value: f.Get("family_name")},
		Email: field{Value: f.Get("email")}, Drafter: f.Has("drafter"), Admin: f.Has("admin"),
	}}
	if invalid, ok := isField(err); ok && invalid.Field == "email" {
		p.Form.Email.Error, p.Problem = invalid.Reason, ""
	}
	return s.showPeople(v, w, r, told.Status, p)
}

func (s *server) setActive(v *visit, w http.ResponseWriter, r *http.Request, id circuits.PersonID, active bool) error {
	err := s.Office.SetActive(r.Context(), v.viewer, id, active)
	if errors.Is(err, dossiers.ErrOneself) {
		told := problemOf(err)
		return s.showPeople(v, w, r, told.Status, &peoplePage{Problem: told.Title + ". " + told.Detail})
	}
	if err != nil {
		return err
	}
	said := "desactivee"
	if active {
		said = "reactivee"
	}
	http.Redirect(w, r, "/administration?dit="+said, http.StatusSeeOther)
	return nil
}

// invite makes an invitation, and mails its link or shows it, once.
func (s *server) invite(v *visit, w http.ResponseWriter, r *http.Request) error {
	id := circuits.PersonID(chi.URLParam(r, "id"))
	token, expires, err := s.Office.InvitePerson(r.Context(), v.viewer, id)
	if err != nil {
		return err
	}
	all, err := s.Office.People(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	note := &invitationNote{Link: v.tenant.Origin + "/enrolement/" + token, Expires: s.calendar(v).full(expires)}
	for _, p := range all {
		if p.ID == id {
			note.Name, note.Again = p.Name(), p.Passkeys > 0
		}
	}
	if r.PostForm.Get("par") == "courriel" {
		s.mailInvitation(r.Context(), v, token, note)
	}
	return s.showPeople(v, w, r, http.StatusOK, &peoplePage{Invited: note})
}

// mailInvitation sends a link to its person. A link that no server took is
// handed over by the administrator instead.
func (s *server) mailInvitation(ctx context.Context, v *visit, token string, note *invitationNote) {
	p, err := s.Office.MailInvitation(ctx, v.viewer, token)
	if err != nil {
		s.Log.WarnContext(ctx, "invitation not mailed", slog.String("person", string(p.ID)), slog.Any("error", err))
		note.Unsent = true
		return
	}
	note.Mailed = p.Email
}

// desks is /administration/bureaux.
func (s *server) desks(v *visit, w http.ResponseWriter, r *http.Request) error {
	said := map[string]string{"bureau": "Le bureau est ajouté.", "garde": "Le bureau est enregistré.", "titulaire": "C’est fait\u00a0: la personne est nommée.", "retiree": "C’est fait\u00a0: la personne n’est plus à ce bureau."}[r.URL.Query().Get("dit")]
	return s.showDesks(v, w, r, http.StatusOK, &desksPage{Said: said})
}

func (s *server) showDesks(v *visit, w http.ResponseWriter, r *http.Request, status int, p *desksPage) error {
	desks, err := s.Office.Desks(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	people, err := s.Office.People(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	g, err := s.Office.Organisation(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	p.frame = s.frame(v, "Les bureaux", "administration")
	p.Scripts = []string{"js/organisation.js"}
	p.Desks, p.People = deskLines(desks), personChoices(people, func(p dossiers.Person) bool { return p.Active })
	p.Tree = deskTree(g, p.Desks)
	return s.show(w, r, status, p)
}

func deskLines(desks []dossiers.Desk) []deskLine {
	var out []deskLine
	for _, d := range desks {
		line := deskLine{ID: string(d.ID), Name: d.Name}
		for i, text := range holderNames(d.Holders) {
			line.Holders = append(line.Holders, seatLine{string(d.Holders[i].Person), d.Holders[i].Name, text})
		}
		for _, h := range d.Preparers {
			line.Preparer = append(line.Preparer, seatLine{string(h.Person), h.Name, h.Name + " prépare sa bannette"})
		}
		switch {
		case len(d.Holders) == 0:
			line.Warning = "Aucun titulaire\u00a0: une lettre s’y arrêterait"
		case !someoneAble(d.Holders):
			line.Warning = "Aucun titulaire n’a de clé d’accès"
		}
		out = append(out, line)
	}
	return out
}

func personChoices(people []dossiers.Person, fits func(dossiers.Person) bool) []choice {
	var out []choice
	for _, p := range people {
		if fits(p) {
			out = append(out, choice{string(p.ID), p.Name()})
		}
	}
	return out
}

func (s *server) addDesk(v *visit, w http.ResponseWriter, r *http.Request) error {
	name := r.PostForm.Get("name")
	if _, err := s.Office.AddDesk(r.Context(), v.viewer, name); err != nil {
		if invalid, ok := isField(err); ok {
			return s.showDesks(v, w, r, http.StatusUnprocessableEntity, &desksPage{Name: field{name, invalid.Reason}})
		}
		return err
	}
	http.Redirect(w, r, "/administration/bureaux?dit=bureau", http.StatusSeeOther)
	return nil
}

// seat gives somebody a desk, the preparation of its in-tray, or (role "none")
// neither any more.
func (s *server) seat(v *visit, w http.ResponseWriter, r *http.Request) error {
	f := r.PostForm
	if f.Get("role") == "none" {
		if err := s.Office.Unseat(r.Context(), v.viewer, circuits.DeskID(f.Get("desk")), circuits.PersonID(f.Get("person"))); err != nil {
			return err
		}
		http.Redirect(w, r, "/administration/bureaux?dit=retiree", http.StatusSeeOther)
		return nil
	}
	prepares := f.Get("role") == "preparer"
	quality := f.Get("quality")
	if prepares && quality == "" {
		quality = "Préparateur"
	}
	err := s.Office.Seat(r.Context(), v.viewer, circuits.DeskID(f.Get("desk")), circuits.PersonID(f.Get("person")), quality, prepares)
	if invalid, ok := isField(err); ok {
		return s.showDesks(v, w, r, http.StatusUnprocessableEntity, &desksPage{Problem: "Qualité" + nbsp + ": " + invalid.Reason})
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/administration/bureaux?dit=titulaire", http.StatusSeeOther)
	return nil
}

// expiry reads the life asked for a key, in days.
func expiry(days string, now time.Time) time.Time {
	n, err := strconv.Atoi(days)
	if err != nil || n < 1 || n > 1100 {
		n = 365
	}
	return now.AddDate(0, 0, n)
}
