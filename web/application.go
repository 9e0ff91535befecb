package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"parapheur/dossiers"
)

// callsShown and deliveriesShown are how many lines the page of an application shows.
const (
	callsShown      = 30
	deliveriesShown = 15
)

// An applicationPage is /administration/applications/{id}.
type applicationPage struct {
	frame
	ID, Name string
	Networks string // one a line
	Frames   string // one a line
	Types    []allowedType
	Hooks    []hookCard
	Calls    []callLine
	Scopes   []scopeChoice
	Said     string
	Problem  string
	Secret   string          // of an endpoint, shown once
	Asked    *dossiers.Reach // what was refused, to be mended
	URL      field
}

// A allowedType is a type of letters the application may touch.
type allowedType struct {
	Code, Label string
	Chosen      bool
}

// A hookCard is an address that is called.
type hookCard struct {
	ID, URL, Kinds   string
	Kind, Icon, Text string // its state
	Reason           string
	Progress         string
	Active           bool
	Position         int64
	Deliveries       []deliveryLine
}

// A deliveryLine is one message.
type deliveryLine struct {
	ID, Type, When, State, Error string
	Bad                          bool
}

// A callLine is one request of the application.
type callLine struct {
	When, Method, Path, Status, Took, From string
	Bad                                    bool
}

func (s *server) application(v *visit, w http.ResponseWriter, r *http.Request) error {
	said := map[string]string{
		"acces": "Les accès sont enregistrés.", "cles": "Le jeu de clés est enregistré.", "essai": "Le message d’essai part. Rechargez la page pour voir s’il est arrivé.",
		"pause": "Les appels sont en pause. Rien n’est perdu.", "reprise": "Les appels reprennent où ils s’étaient arrêtés.", "suppression": "L’adresse est supprimée.",
		"rejeu": "Tout est renvoyé depuis ce point, dans l’ordre.", "renvoi": "Le message repart.",
	}[r.URL.Query().Get("dit")]
	return s.showApplication(v, w, r, http.StatusOK, chi.URLParam(r, "id"), &applicationPage{Said: said})
}

func (s *server) showApplication(v *visit, w http.ResponseWriter, r *http.Request, status int, id string, p *applicationPage) error {
	apps, err := s.Office.Applications(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(apps, func(a dossiers.Application) bool { return a.ID == id })
	if i < 0 {
		return dossiers.ErrNotFound
	}
	types, err := s.Office.Types(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	calls, _, err := s.Office.Calls(r.Context(), v.viewer, id, dossiers.Page{Limit: callsShown})
	if err != nil {
		return err
	}
	hooks, err := s.hookCards(v, r, id)
	if err != nil {
		return err
	}
	p.fill(apps[i], types, calls, s.calendar(v))
	p.keep()
	p.Hooks, p.frame, p.Scopes = hooks, s.frame(v, apps[i].Name, "administration"), scopeChoices(v.tenant)
	if p.Secret != "" {
		w.Header().Set("Cache-Control", "no-store")
	}
	return s.show(w, r, status, p)
}

// fill puts an application in words.
func (p *applicationPage) fill(a dossiers.Application, types []dossiers.TypeView, calls []dossiers.Call, c calendar) {
	p.ID, p.Name = a.ID, a.Name
	var networks []string
	for _, n := range a.Networks {
		text := n.String()
		if n.IsSingleIP() {
			text = n.Addr().String()
		}
		networks = append(networks, text)
	}
	p.Networks, p.Frames = strings.Join(networks, "\n"), strings.Join(a.Frames, "\n")
	for _, y := range types {
		p.Types = append(p.Types, allowedType{y.Code, y.Name, slices.Contains(a.Types, y.Code)})
	}
	for _, x := range calls {
		p.Calls = append(p.Calls, callLine{
			When: c.moment(x.At), Method: x.Method, Path: x.Path, Status: strconv.Itoa(x.Status), From: x.Address,
			Took: strconv.FormatInt(x.Took.Milliseconds(), 10) + nbsp + "ms", Bad: x.Status >= http.StatusBadRequest,
		})
	}
}

func (s *server) hookCards(v *visit, r *http.Request, application string) (out []hookCard, err error) {
	all, err := s.Office.Webhooks(r.Context(), v.viewer)
	if err != nil {
		return nil, err
	}
	for _, w := range all {
		if w.Application != application {
			continue
		}
		sent, _, err := s.Office.Deliveries(r.Context(), v.viewer, w.ID, dossiers.Page{Limit: deliveriesShown})
		if err != nil {
			return nil, err
		}
		out = append(out, newHookCard(w, sent, s.calendar(v)))
	}
	return out, nil
}

func newHookCard(w dossiers.Webhook, sent []dossiers.Delivery, c calendar) hookCard {
	h := hookCard{ID: w.ID, URL: w.URL, Kinds: "Tous les évènements", Reason: w.Reason, Active: w.Status == dossiers.WebhookActive, Position: w.Position}
	if len(w.Kinds) > 0 {
		h.Kinds = strings.Join(w.Kinds, ", ")
	}
	switch w.Status {
	case dossiers.WebhookActive:
		h.Kind, h.Icon, h.Text = "ok", "circle-check", "Appelée"
		if w.Attempts > 0 {
			h.Kind, h.Icon, h.Text = "warn", "hourglass", "Ne répond pas, prochain essai "+c.moment(w.DueAt)
		}
	case dossiers.WebhookPaused:
		h.Kind, h.Icon, h.Text = "", "hourglass", "En pause"
	case dossiers.WebhookSuspended, dossiers.WebhookGone:
		h.Kind, h.Icon, h.Text = "urgent", "circle-x", "Suspendue "+c.moment(w.StatusAt)
		if !w.ToldAt.IsZero() {
			h.Reason += " Les administrateurs ont reçu un courriel " + c.moment(w.ToldAt) + "."
		} else {
			h.Reason += " Personne n’a reçu de courriel."
		}
	}
	h.Progress = "Tout est livré."
	if left := w.Head - w.Position; left > 0 {
		h.Progress = strconv.FormatInt(left, 10) + " lignes du journal restent à lire."
	}
	for _, d := range sent {
		h.Deliveries = append(h.Deliveries, newDeliveryLine(d, c))
	}
	return h
}

func newDeliveryLine(d dossiers.Delivery, c calendar) deliveryLine {
	states := map[dossiers.DeliveryState]string{
		dossiers.DeliveryPending: "À envoyer", dossiers.DeliveryDone: "Livré", dossiers.DeliveryFailed: "Échec", dossiers.DeliveryDead: "Abandonné",
	}
	line := deliveryLine{ID: d.ID, Type: d.Kind, When: c.moment(d.CreatedAt), State: states[d.State], Error: d.Error, Bad: d.State == dossiers.DeliveryFailed || d.State == dossiers.DeliveryDead}
	if d.Attempts > 1 {
		line.State += ", " + strconv.Itoa(d.Attempts) + " essais"
	}
	return line
}

// keep shows what was asked for and refused, instead of what is in force.
func (p *applicationPage) keep() {
	if p.Asked == nil {
		return
	}
	p.Networks, p.Frames = strings.Join(p.Asked.Networks, "\n"), strings.Join(p.Asked.Frames, "\n")
	for i, y := range p.Types {
		p.Types[i].Chosen = slices.Contains(p.Asked.Types, y.Code)
	}
}

// backTo returns to the page of an application with a word of what was done.
func backTo(w http.ResponseWriter, r *http.Request, application, said string) error {
	http.Redirect(w, r, "/administration/applications/"+application+"?dit="+said, http.StatusSeeOther)
	return nil
}

func (s *server) setAccess(v *visit, w http.ResponseWriter, r *http.Request) error {
	id := chi.URLParam(r, "id")
	reach := dossiers.Reach{
		Networks: strings.Fields(r.PostForm.Get("networks")), Types: r.PostForm["type"], Frames: strings.Fields(r.PostForm.Get("frames")),
	}
	err := s.Office.SetApplication(r.Context(), v.viewer, id, reach)
	if invalid, ok := isField(err); ok {
		return s.showApplication(v, w, r, http.StatusUnprocessableEntity, id, &applicationPage{Problem: invalid.Reason, Asked: &reach})
	}
	if err != nil {
		return err
	}
	return backTo(w, r, id, "acces")
}

func (s *server) addKeySet(v *visit, w http.ResponseWriter, r *http.Request) error {
	id := chi.URLParam(r, "id")
	_, err := s.Office.AddKeySet(r.Context(), v.viewer, id, r.PostForm["scope"], expiry(r.PostForm.Get("days"), s.now(v)), []byte(r.PostForm.Get("jwks")))
	if invalid, ok := isField(err); ok {
		return s.showApplication(v, w, r, http.StatusUnprocessableEntity, id, &applicationPage{Problem: invalid.Reason})
	}
	if err != nil {
		return err
	}
	return backTo(w, r, id, "cles")
}

func (s *server) addHook(v *visit, w http.ResponseWriter, r *http.Request) error {
	id, url := chi.URLParam(r, "id"), strings.TrimSpace(r.PostForm.Get("url"))
	_, secret, err := s.Office.AddWebhook(r.Context(), v.viewer, id, url, nil)
	if invalid, ok := isField(err); ok {
		return s.showApplication(v, w, r, http.StatusUnprocessableEntity, id, &applicationPage{URL: field{url, invalid.Reason}})
	}
	if err != nil {
		return err
	}
	return s.showApplication(v, w, r, http.StatusOK, id, &applicationPage{Secret: secret})
}

// onHook acts on an endpoint, and returns to its application.
func (s *server) onHook(v *visit, w http.ResponseWriter, r *http.Request) error {
	ctx, id, act := r.Context(), chi.URLParam(r, "id"), chi.URLParam(r, "act")
	hook, err := s.Office.Webhook(ctx, v.viewer, id)
	if err != nil {
		return err
	}
	switch act {
	case "essai":
		_, err = s.Office.TestWebhook(ctx, v.viewer, id)
	case "pause", "reprise":
		active := act == "reprise"
		_, err = s.Office.ChangeWebhook(ctx, v.viewer, id, dossiers.WebhookRequest{Active: &active})
	case "rejeu":
		after, perr := strconv.ParseInt(r.PostForm.Get("after"), 10, 64)
		if perr != nil {
			after = -1
		}
		_, err = s.Office.ReplayWebhook(ctx, v.viewer, id, after)
	case "renvoi":
		err = s.Office.Redeliver(ctx, v.viewer, id, r.PostForm.Get("message"))
	case "suppression":
		err = s.Office.RemoveWebhook(ctx, v.viewer, id)
	case "secret":
		_, secret, rerr := s.Office.RotateWebhook(ctx, v.viewer, id)
		if rerr != nil {
			return rerr
		}
		return s.showApplication(v, w, r, http.StatusOK, hook.Application, &applicationPage{Secret: secret})
	}
	if invalid, ok := isField(err); ok {
		return s.showApplication(v, w, r, http.StatusUnprocessableEntity, hook.Application, &applicationPage{Problem: invalid.Reason})
	}
	if err != nil {
		return err
	}
	return backTo(w, r, hook.Application, act)
}
