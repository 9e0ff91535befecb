package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// applications is /administration/applications.
func (s *server) applications(v *visit, w http.ResponseWriter, r *http.Request) error {
	said := map[string]string{"application": "L’application est ajoutée. Créez-lui une clé.", "revoquee": "La clé est révoquée. Elle n’ouvre plus rien."}[r.URL.Query().Get("dit")]
	return s.showApplications(v, w, r, http.StatusOK, &applicationsPage{Said: said})
}

func (s *server) showApplications(v *visit, w http.ResponseWriter, r *http.Request, status int, p *applicationsPage) error {
	apps, err := s.Office.Applications(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	people, err := s.Office.People(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	p.frame = s.frame(v, "Les applications", "administration")
	p.Applications = applicationCards(apps, people, s.calendar(v))
	p.People = personChoices(people, func(p dossiers.Person) bool { return p.Active && p.Drafter })
	p.Scopes = scopeChoices(v.tenant)
	if p.Shown != nil {
		w.Header().Set("Cache-Control", "no-store")
	}
	return s.show(w, r, status, p)
}

func applicationCards(apps []dossiers.Application, people []dossiers.Person, c calendar) []applicationCard {
	names := map[circuits.PersonID]string{}
	for _, p := range people {
		names[p.ID] = p.Name()
	}
	var out []applicationCard
	for _, a := range apps {
		card := applicationCard{ID: a.ID, Name: a.Name, Drafter: names[a.DefaultDrafter]}
		for _, k := range a.Keys {
			card.Keys = append(card.Keys, newKeyLine(k, c))
		}
		out = append(out, card)
	}
	return out
}

func newKeyLine(k dossiers.APIKey, c calendar) keyLine {
	line := keyLine{ID: k.ID, Scopes: strings.Join(k.Scopes, ", "), Created: "Créée " + c.full(k.CreatedAt), Used: "Jamais utilisée"}
	if !k.LastUsed.IsZero() {
		line.Used = "Utilisée " + c.moment(k.LastUsed)
	}
	if !k.ExpiresAt.IsZero() {
		line.Expires = "expire le " + dayMonth(k.ExpiresAt.In(c.now.Location())) + " " + strconv.Itoa(k.ExpiresAt.Year())
	}
	switch {
	case !k.RevokedAt.IsZero():
		line.Revoked = "Révoquée " + c.full(k.RevokedAt)
	case !k.ExpiresAt.IsZero() && !c.now.Before(k.ExpiresAt):
		line.Revoked = "Expirée"
	}
	return line
}

// scopeChoices lists the rights a key may hold, in words. Those that the
// management of mail needs are chosen.
func scopeChoices(t dossiers.Tenant) []scopeChoice {
	words := map[string]string{
		dossiers.ScopeDossiersRead: "Suivre ses lettres", dossiers.ScopeDossiersWrite: "Déposer, envoyer et retirer ses lettres",
		dossiers.ScopeDocumentsRead: "Télécharger les PDF", dossiers.ScopeEvidenceRead: "Télécharger les dossiers de preuve",
		dossiers.ScopeEventsRead: "Lire le fil des évènements", dossiers.ScopeCircuitsRead: "Lire les types et les circuits",
		dossiers.ScopeDispatchesWrite: "Inscrire l’envoi des lettres", dossiers.ScopeWebhooksManage: "Gérer ses adresses de notification",
		dossiers.ScopeJournalRead: "Lire tout le journal de la collectivité", dossiers.ScopeOrganisationRead: "Lire l’organisation\u00a0: personnes, bureaux, types, délégations", dossiers.ScopeOrganisationManage: "Régler l’organisation (annuaire, centre d’hébergement)",
		dossiers.ScopeSandbox: "Avancer l’horloge et jouer les personnes d’essai",
	}
	var out []scopeChoice
	for _, code := range t.Scopes() {
		label := words[code]
		if label == "" {
			label = code
		}
		out = append(out, scopeChoice{Code: code, Label: label, Default: !strings.HasPrefix(code, "organisation:") && code != dossiers.ScopeJournalRead})
	}
	return out
}

func (s *server) addApplication(v *visit, w http.ResponseWriter, r *http.Request) error {
	name := r.PostForm.Get("name")
	_, err := s.Office.AddApplication(r.Context(), v.viewer, name, circuits.PersonID(r.PostForm.Get("drafter")))
	if invalid, ok := isField(err); ok {
		return s.showApplications(v, w, r, http.StatusUnprocessableEntity, &applicationsPage{Name: field{name, invalid.Reason}})
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/administration/applications?dit=application", http.StatusSeeOther)
	return nil
}

// addAPIKey makes a key and shows its secret, once.
func (s *server) addAPIKey(v *visit, w http.ResponseWriter, r *http.Request) error {
	id := chi.URLParam(r, "id")
	secret, _, err := s.Office.AddAPIKey(r.Context(), v.viewer, id, r.PostForm["scope"], expiry(r.PostForm.Get("days"), s.now(v)))
	if invalid, ok := isField(err); ok {
		return s.showApplications(v, w, r, http.StatusUnprocessableEntity, &applicationsPage{Problem: invalid.Reason})
	}
	if err != nil {
		return err
	}
	apps, err := s.Office.Applications(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	note := &secretNote{Secret: secret}
	if i := slices.IndexFunc(apps, func(a dossiers.Application) bool { return a.ID == id }); i >= 0 {
		note.Application = apps[i].Name
	}
	return s.showApplications(v, w, r, http.StatusOK, &applicationsPage{Shown: note})
}

func (s *server) revokeAPIKey(v *visit, w http.ResponseWriter, r *http.Request) error {
	if err := s.Office.RevokeAPIKey(r.Context(), v.viewer, chi.URLParam(r, "id")); err != nil {
		return err
	}
	http.Redirect(w, r, "/administration/applications?dit=revoquee", http.StatusSeeOther)
	return nil
}
