package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"parapheur/dossiers"
)

// A connectorsPage is /administration/connecteurs.
type connectorsPage struct {
	frame
	Cards        []connectorCard
	Applications []choice
	Kinds        []choice
	Types        []choice
	Seats        []numberedSeat
	Shown        *secretNote
	Said         string
	Problem      string
}

// A connectorCard is an account of a mail system.
type connectorCard struct {
	ID, Kind, Name, Login, Application string
	Address                            string // what is set in the client
	Networks, Circuits, Aliases        string // as typed: one a line
	Types                              []allowedType
	Enabled, Provisions                bool
}

// Maarch reports whether the account speaks Maarch Parapheur.
func (c connectorCard) Maarch() bool { return c.Kind == string(dossiers.ConnectorMaarch) }

// A numberedSeat is somebody as clients know them.
type numberedSeat struct {
	Number int64
	Who    string
}

// Directory reports whether the account provisions people by SCIM.
func (c connectorCard) Directory() bool { return c.Kind == string(dossiers.ConnectorSCIM) }

func connectorNames() map[dossiers.ConnectorKind]string {
	return map[dossiers.ConnectorKind]string{
		dossiers.ConnectorMaarch: "Maarch Courrier (Maarch Parapheur, REST)", dossiers.ConnectorIParapheur: "Pastell, Maarch Courrier… (i-Parapheur, SOAP)",
		dossiers.ConnectorSCIM: "Un annuaire (SCIM 2.0)",
	}
}

func (s *server) connectors(v *visit, w http.ResponseWriter, r *http.Request) error {
	said := map[string]string{"regle": "Le connecteur est enregistré."}[r.URL.Query().Get("dit")]
	return s.showConnectors(v, w, r, http.StatusOK, &connectorsPage{Said: said})
}

func (s *server) showConnectors(v *visit, w http.ResponseWriter, r *http.Request, status int, p *connectorsPage) error {
	ctx := r.Context()
	all, err := s.Office.ListConnectors(ctx, v.viewer)
	if err != nil {
		return err
	}
	apps, err := s.Office.Applications(ctx, v.viewer)
	if err != nil {
		return err
	}
	types, err := s.Office.Types(ctx, v.viewer)
	if err != nil {
		return err
	}
	people, err := s.Office.Signatories(ctx, dossiers.Connected{Viewer: v.viewer})
	if err != nil {
		return err
	}
	p.frame = s.frame(v, "Les connecteurs", "administration")
	p.fill(all, apps, types, people, v.tenant.Origin)
	if p.Shown != nil {
		w.Header().Set("Cache-Control", "no-store")
	}
	return s.show(w, r, status, p)
}

func (p *connectorsPage) fill(all []dossiers.Connector, apps []dossiers.Application, types []dossiers.TypeView, people []dossiers.Signatory, origin string) {
	names := map[string]string{}
	for _, a := range apps {
		names[a.ID] = a.Name
		p.Applications = append(p.Applications, choice{a.ID, a.Name})
	}
	for _, k := range dossiers.ConnectorKinds() {
		p.Kinds = append(p.Kinds, choice{string(k), connectorNames()[k]})
	}
	for _, y := range types {
		p.Types = append(p.Types, choice{y.Code, y.Name})
	}
	for _, c := range all {
		p.Cards = append(p.Cards, newConnectorCard(c, names[c.Application], types, origin))
	}
	for _, x := range people {
		who := named(x.Person.Name(), x.Seat.Quality)
		if x.Desk == "" {
			who += " (sans bureau\u00a0: aucune étape ne peut lui revenir)"
		}
		p.Seats = append(p.Seats, numberedSeat{x.Number, who})
	}
}

func newConnectorCard(c dossiers.Connector, application string, types []dossiers.TypeView, origin string) connectorCard {
	card := connectorCard{
		ID: c.ID, Kind: string(c.Kind), Name: connectorNames()[c.Kind], Login: c.Login, Application: application,
		Enabled: c.Enabled, Provisions: c.Provisions, Circuits: strings.Join(c.Circuits, "\n"), Address: origin + "/ws-iparapheur?wsdl",
	}
	switch {
	case card.Maarch():
		card.Address = origin + "/maarch"
	case card.Directory():
		card.Address = origin + "/scim/v2"
	}
	var networks, aliases []string
	for _, n := range c.Networks {
		networks = append(networks, n.String())
	}
	for login, code := range c.Aliases {
		aliases = append(aliases, login+" = "+code)
	}
	slices.Sort(aliases)
	card.Networks, card.Aliases = strings.Join(networks, "\n"), strings.Join(aliases, "\n")
	for _, y := range types {
		card.Types = append(card.Types, allowedType{y.Code, y.Name, y.Code == c.Type})
	}
	return card
}

// connectorRequest reads the form of an account.
func connectorRequest(r *http.Request) dossiers.ConnectorRequest {
	f := r.PostForm
	out := dossiers.ConnectorRequest{
		Login: f.Get("login"), Enabled: f.Get("enabled") == "1", Networks: strings.Fields(f.Get("networks")), Circuits: strings.Fields(f.Get("circuits")),
		Type: f.Get("type"), Provisions: f.Get("provisions") == "1", Aliases: map[string]string{},
	}
	for line := range strings.Lines(f.Get("aliases")) {
		if login, code, _ := strings.Cut(line, "="); strings.TrimSpace(line) != "" {
			out.Aliases[strings.TrimSpace(login)] = strings.TrimSpace(code)
		}
	}
	return out
}

func (s *server) addConnector(v *visit, w http.ResponseWriter, r *http.Request) error {
	c, secret, err := s.Office.AddConnector(r.Context(), v.viewer, r.PostForm.Get("application"), dossiers.ConnectorKind(r.PostForm.Get("kind")), connectorRequest(r))
	return s.shownSecret(v, w, r, c, secret, err)
}

func (s *server) rotateConnector(v *visit, w http.ResponseWriter, r *http.Request) error {
	c, secret, err := s.Office.RotateConnector(r.Context(), v.viewer, chi.URLParam(r, "id"))
	return s.shownSecret(v, w, r, c, secret, err)
}

// shownSecret shows the secret of an account, once.
func (s *server) shownSecret(v *visit, w http.ResponseWriter, r *http.Request, c dossiers.Connector, secret string, err error) error {
	if invalid, ok := isField(err); ok {
		return s.showConnectors(v, w, r, http.StatusUnprocessableEntity, &connectorsPage{Problem: invalid.Reason})
	}
	if err != nil {
		return err
	}
	return s.showConnectors(v, w, r, http.StatusOK, &connectorsPage{Shown: &secretNote{Application: c.Login, Secret: secret}})
}

func (s *server) setConnector(v *visit, w http.ResponseWriter, r *http.Request) error {
	_, err := s.Office.SetConnector(r.Context(), v.viewer, chi.URLParam(r, "id"), connectorRequest(r))
	if invalid, ok := isField(err); ok {
		return s.showConnectors(v, w, r, http.StatusUnprocessableEntity, &connectorsPage{Problem: invalid.Reason})
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/administration/connecteurs?dit=regle", http.StatusSeeOther)
	return nil
}
