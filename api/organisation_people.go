package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
)

// People are the people of the town.
type People struct {
	Data []SetupPerson `json:"data"`
}

// TownDesks are the desks of the town, as set up.
type TownDesks struct {
	Data []SetupDesk `json:"data"`
}

// A SetupPersonChange is what a directory knows of somebody. What is left out
// stays as it is; somebody new is active and has no right.
type SetupPersonChange struct {
	ExternalID *string `json:"external_id,omitempty" maxLength:"200" doc:"Identifiant dans l’annuaire. S’il est là, c’est par lui que la personne est retrouvée ; sinon, par son adresse"`
	Email      *string `json:"email,omitempty" maxLength:"254"`
	Civility   *string `json:"civility,omitempty" enum:"M.,Mme,"`
	GivenName  *string `json:"given_name,omitempty" maxLength:"80"`
	FamilyName *string `json:"family_name,omitempty" maxLength:"80"`
	Drafter    *bool   `json:"drafter,omitempty"`
	Active     *bool   `json:"active,omitempty" doc:"false : ses sessions et ses invitations sont closes aussitôt"`
	Rank       *int    `json:"rank,omitempty" minimum:"0" maximum:"999"`
	Adjoint    *bool   `json:"adjoint,omitempty"`
	MandateEnd *string `json:"mandate_end,omitempty" example:"2032-03-20"`
}

// A SetupDeskChange is a desk as a directory knows it. What is left out stays
// as it is.
type SetupDeskChange struct {
	Code        string       `json:"code" maxLength:"60" example:"dgs"`
	Name        *string      `json:"name,omitempty" maxLength:"80"`
	Parent      *string      `json:"parent,omitempty" doc:"Code du bureau placé au-dessus ; vide : aucun"`
	Active      *bool        `json:"active,omitempty"`
	Holders     *[]SetupSeat `json:"holders,omitempty" doc:"La liste complète"`
	Preparers   *[]SetupSeat `json:"preparers,omitempty" doc:"La liste complète"`
	Supervisors *[]string    `json:"supervisors,omitempty" doc:"La liste complète"`
}

type peopleIn struct {
	caller
	Email      string `query:"email" maxLength:"254" doc:"Seulement la personne de cette adresse"`
	ExternalID string `query:"external_id" maxLength:"200" doc:"Seulement la personne de cet identifiant d’annuaire"`
}

type peopleOut struct {
	Body People
}

type personIn struct {
	caller
	Body SetupPersonChange
}

type personOut struct {
	Status int
	Body   SetupPerson
}

type townDesksIn struct {
	caller
}

type townDesksOut struct {
	Body TownDesks
}

type deskIn struct {
	caller
	Body SetupDeskChange
}

type deskOut struct {
	Status int
	Body   SetupDesk
}

func (s *server) registerPeople() {
	add(s, operation{
		id: "listPeople", method: http.MethodGet, path: "/organisation/people", tag: tagOrganisation, scope: dossiers.ScopeOrganisationRead,
		summary: "Lister les personnes", description: "Toutes, ou celle que l’on cherche.",
	}, s.people)
	add(s, operation{
		id: "putPerson", method: http.MethodPost, path: "/organisation/people", tag: tagOrganisation, scope: dossiers.ScopeOrganisationManage,
		summary:     "Ajouter ou mettre à jour une personne",
		description: "Pour un annuaire : la même demande, une seconde fois, ne change rien. Répond 201 si la personne est nouvelle. Une personne ajoutée ne peut rien décider avant qu’un administrateur l’ait invitée à enregistrer sa clé d’accès.",
		errors:      []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}, s.putPerson)
	s.alsoCreates("/organisation/people")
}

// alsoCreates documents that a POST answers 201 for what is new, of the same
// form as 200 for what was known.
func (s *server) alsoCreates(path string) {
	responses := s.api.OpenAPI().Paths[path].Post.Responses
	made := *responses["200"]
	made.Description = http.StatusText(http.StatusCreated)
	responses["201"] = &made
}

func (s *server) registerTownDesks() {
	add(s, operation{
		id: "listTownDesks", method: http.MethodGet, path: "/organisation/desks", tag: tagOrganisation, scope: dossiers.ScopeOrganisationRead,
		summary: "Lister les bureaux", description: "Leur place, et qui les tient, prépare leur bannette ou les supervise.",
	}, s.townDesks)
	add(s, operation{
		id: "putDesk", method: http.MethodPost, path: "/organisation/desks", tag: tagOrganisation, scope: dossiers.ScopeOrganisationManage,
		summary:     "Ajouter ou mettre à jour un bureau",
		description: "Retrouvé par son code ; la même demande, une seconde fois, ne change rien. Répond 201 si le bureau est nouveau.",
		errors:      []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}, s.putDesk)
	s.alsoCreates("/organisation/desks")
}

func (s *server) people(ctx context.Context, in *peopleIn) (*peopleOut, error) {
	g, err := s.Office.Organisation(ctx, in.viewer)
	if err != nil {
		return nil, err
	}
	out := &peopleOut{Body: People{Data: []SetupPerson{}}}
	for _, m := range g.People {
		if (in.Email == "" || in.Email == m.Email) && (in.ExternalID == "" || in.ExternalID == m.ExternalID) {
			out.Body.Data = append(out.Body.Data, personWire(m))
		}
	}
	return out, nil
}

func personWire(m dossiers.Member) SetupPerson {
	return SetupPerson{
		Email: m.Email, ExternalID: m.ExternalID, Civility: m.Civility, GivenName: m.GivenName, FamilyName: m.FamilyName, Drafter: m.Drafter,
		Admin: m.Admin, Inactive: m.Inactive, Rank: m.Rank, Adjoint: m.Adjoint, MandateEnd: string(m.MandateEnd),
	}
}

func (s *server) putPerson(ctx context.Context, in *personIn) (*personOut, error) {
	b := in.Body
	m, made, err := s.Office.ProvisionPerson(ctx, in.viewer, value(b.ExternalID), value(b.Email), b.change)
	if err != nil {
		return nil, err
	}
	return &personOut{Status: madeStatus(made), Body: personWire(m)}, nil
}

// value returns what p points to, or nothing.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// set replaces a field by what was given.
func set[T any](field, given *T) {
	if given != nil {
		*field = *given
	}
}

func madeStatus(made bool) int {
	if made {
		return http.StatusCreated
	}
	return http.StatusOK
}

func (b SetupPersonChange) change(m *dossiers.Member) {
	set(&m.ExternalID, b.ExternalID)
	set(&m.Email, b.Email)
	set(&m.Civility, b.Civility)
	set(&m.GivenName, b.GivenName)
	set(&m.FamilyName, b.FamilyName)
	set(&m.Drafter, b.Drafter)
	set(&m.Rank, b.Rank)
	set(&m.Adjoint, b.Adjoint)
	if b.Active != nil {
		m.Inactive = !*b.Active
	}
	if b.MandateEnd != nil {
		m.MandateEnd = delegation.Date(*b.MandateEnd)
	}
}

func (s *server) townDesks(ctx context.Context, in *townDesksIn) (*townDesksOut, error) {
	g, err := s.Office.Organisation(ctx, in.viewer)
	if err != nil {
		return nil, err
	}
	out := &townDesksOut{Body: TownDesks{Data: []SetupDesk{}}}
	for _, d := range g.Setup().Desks {
		out.Body.Data = append(out.Body.Data, deskWire(d))
	}
	return out, nil
}

func deskWire(d dossiers.DeskSetup) SetupDesk {
	out := SetupDesk{Code: d.Code, Name: d.Name, Parent: string(d.Parent), Inactive: d.Inactive}
	for _, h := range d.Holders {
		out.Holders = append(out.Holders, SetupSeat{Person: string(h.Person), Quality: h.Quality})
	}
	for _, p := range d.Preparers {
		out.Preparers = append(out.Preparers, SetupSeat{Person: string(p.Person), Quality: p.Quality})
	}
	for _, p := range d.Supervisors {
		out.Supervisors = append(out.Supervisors, string(p))
	}
	return out
}

func (s *server) putDesk(ctx context.Context, in *deskIn) (*deskOut, error) {
	d, made, err := s.Office.ProvisionDesk(ctx, in.viewer, in.Body.Code, in.Body.change)
	if err != nil {
		return nil, err
	}
	return &deskOut{Status: madeStatus(made), Body: deskWire(d)}, nil
}

func (b SetupDeskChange) change(d *dossiers.DeskSetup) {
	set(&d.Name, b.Name)
	if b.Parent != nil {
		d.Parent = circuits.DeskID(*b.Parent)
	}
	if b.Active != nil {
		d.Inactive = !*b.Active
	}
	if b.Holders != nil {
		d.Holders = seats(*b.Holders)
	}
	if b.Preparers != nil {
		d.Preparers = seats(*b.Preparers)
	}
	if b.Supervisors != nil {
		d.Supervisors = nil
		for _, p := range *b.Supervisors {
			d.Supervisors = append(d.Supervisors, circuits.PersonID(p))
		}
		slices.Sort(d.Supervisors)
	}
}

func seats(list []SetupSeat) (out []dossiers.SeatSetup) {
	for _, s := range list {
		out = append(out, dossiers.SeatSetup{Person: circuits.PersonID(s.Person), Quality: s.Quality})
	}
	slices.SortFunc(out, func(a, b dossiers.SeatSetup) int { return cmp.Compare(a.Person, b.Person) })
	return out
}
