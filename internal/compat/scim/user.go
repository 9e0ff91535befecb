package scim

import (
	"net/http"
	"strconv"
	"strings"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/compat"
)

// A user is somebody of the town (RFC 7643, 4.1). The address is the userName:
// it names a person everywhere.
type user struct {
	Schemas     []string `json:"schemas"`
	ID          string   `json:"id,omitempty"`
	ExternalID  string   `json:"externalId,omitempty"`
	UserName    string   `json:"userName"`
	Name        name     `json:"name"`
	DisplayName string   `json:"displayName,omitempty"`
	Emails      []email  `json:"emails,omitempty"`
	Active      *bool    `json:"active,omitempty"`
	Meta        *meta    `json:"meta,omitempty"`
}

type name struct {
	Formatted  string `json:"formatted,omitempty"`
	GivenName  string `json:"givenName,omitempty"`
	FamilyName string `json:"familyName,omitempty"`
	Prefix     string `json:"honorificPrefix,omitempty"`
}

type email struct {
	Value   string `json:"value"`
	Type    string `json:"type,omitempty"`
	Primary bool   `json:"primary,omitempty"`
}

func newUser(c *compat.Caller, m dossiers.Member) user {
	active := !m.Inactive
	at := place(c, "User", string(m.ID))
	return user{
		Schemas: []string{userSchema}, ID: string(m.ID), ExternalID: m.ExternalID, UserName: m.Email, DisplayName: m.Name(), Active: &active, Meta: &at,
		Name:   name{Formatted: m.Name(), GivenName: m.GivenName, FamilyName: m.FamilyName, Prefix: m.Civility},
		Emails: []email{{m.Email, "work", true}},
	}
}

// shown reports whether the directory sees somebody: who was deleted is inactive
// and belongs to no directory any more.
func shown(m dossiers.Member) bool { return !m.Inactive || m.ExternalID != "" }

func attributesOf(m dossiers.Member) map[string]string {
	return map[string]string{
		"id": string(m.ID), "externalid": m.ExternalID, "username": m.Email, "emails": m.Email, "emails.value": m.Email,
		"displayname": m.Name(), "active": strconv.FormatBool(!m.Inactive), "name.familyname": m.FamilyName, "name.givenname": m.GivenName,
	}
}

func (f facade) users(c *compat.Caller) error {
	g, err := f.Office.Organisation(c.R.Context(), c.Directory())
	if err != nil {
		return err
	}
	only, err := filtered(c)
	if err != nil {
		return err
	}
	all := []any{}
	for _, m := range g.People {
		yes, err := only.takes(attributesOf(m))
		if err != nil {
			return err
		}
		if yes && shown(m) {
			all = append(all, newUser(c, m))
		}
	}
	return list(c, all)
}

// known finds the person of a path.
func (f facade) known(c *compat.Caller) (dossiers.Member, error) {
	g, err := f.Office.Organisation(c.R.Context(), c.Directory())
	if err != nil {
		return dossiers.Member{}, err
	}
	m, ok := g.Member(circuits.PersonID(c.R.PathValue("id")))
	if !ok || !shown(m) {
		return m, &fault{http.StatusNotFound, "", "Cette personne n’existe pas dans le parapheur."}
	}
	return m, nil
}

func (f facade) user(c *compat.Caller) error {
	m, err := f.known(c)
	if err != nil {
		return err
	}
	write(c.W, http.StatusOK, newUser(c, m))
	return nil
}

// createUser makes somebody known, or takes back who was deleted.
func (f facade) createUser(c *compat.Caller) error {
	var in user
	if err := f.read(c, &in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	g, err := f.Office.Organisation(c.R.Context(), c.Directory())
	if err != nil {
		return err
	}
	for _, m := range g.People {
		same := strings.EqualFold(m.Email, in.UserName) || in.ExternalID != "" && m.ExternalID == in.ExternalID
		if same && shown(m) {
			return taken("Une personne de la collectivité a déjà cette adresse, ou cet identifiant.")
		}
		if strings.EqualFold(m.Email, in.UserName) {
			in.UserName = m.Email // as it is kept: who was deleted comes back
		}
	}
	m, _, err := f.Office.ProvisionPerson(c.R.Context(), c.Directory(), in.ExternalID, in.UserName, in.put)
	if err != nil {
		return err
	}
	made := newUser(c, m)
	c.W.Header().Set("Location", made.Meta.Location)
	write(c.W, http.StatusCreated, made)
	return nil
}

// check says what is missing.
func (u user) check() error {
	if !strings.Contains(u.UserName, "@") {
		return invalid("userName est l’adresse électronique de la personne : c’est par elle que le parapheur la nomme.")
	}
	return nil
}

// put replaces what the directory knows of somebody; what it does not know
// stays.
func (u user) put(m *dossiers.Member) {
	m.Email, m.ExternalID = u.UserName, u.ExternalID
	m.GivenName, m.FamilyName, m.Civility = u.Name.GivenName, u.Name.FamilyName, civility(u.Name.Prefix, m.Civility)
	m.Inactive = u.Active != nil && !*u.Active
}

// civility takes the prefixes that letters use, and leaves others.
func civility(prefix, was string) string {
	switch strings.ToLower(strings.TrimSuffix(prefix, ".")) {
	case "m", "mr", "monsieur":
		return "M."
	case "mme", "mrs", "ms", "madame":
		return "Mme"
	}
	return was
}

func (f facade) replaceUser(c *compat.Caller) error {
	m, err := f.known(c)
	if err != nil {
		return err
	}
	in := user{}
	if err := f.read(c, &in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	return f.changeUser(c, m, in)
}

// changeUser writes what became of somebody.
func (f facade) changeUser(c *compat.Caller, was dossiers.Member, now user) error {
	g, err := f.Office.Organisation(c.R.Context(), c.Directory())
	if err != nil {
		return err
	}
	for _, m := range g.People {
		if m.ID != was.ID && (strings.EqualFold(m.Email, now.UserName) || now.ExternalID != "" && m.ExternalID == now.ExternalID) {
			return taken("Une autre personne de la collectivité a déjà cette adresse, ou cet identifiant.")
		}
	}
	m, _, err := f.Office.ProvisionPerson(c.R.Context(), c.Directory(), "", was.Email, now.put)
	if err != nil {
		return err
	}
	write(c.W, http.StatusOK, newUser(c, m))
	return nil
}

func (f facade) patchUser(c *compat.Caller) error {
	m, err := f.known(c)
	if err != nil {
		return err
	}
	ops, err := f.patch(c)
	if err != nil {
		return err
	}
	u := newUser(c, m)
	for _, op := range ops {
		if err := op.each(func(path string, value any) error { return u.set(op.Op, path, value) }); err != nil {
			return err
		}
	}
	if err := u.check(); err != nil {
		return err
	}
	return f.changeUser(c, m, u)
}

// set changes one attribute (RFC 7644, 3.5.2). What is not kept here is passed
// over: directories send all that they know.
func (u *user) set(op, path string, value any) error {
	text, is := value.(string)
	if op == opRemove {
		text, is = "", true
	}
	var field *string
	switch path {
	case "active":
		yes, err := boolean(value)
		u.Active = &yes
		return err
	case "username":
		field = &u.UserName
	case "externalid":
		field = &u.ExternalID
	case "name.givenname":
		field = &u.Name.GivenName
	case "name.familyname":
		field = &u.Name.FamilyName
	case "name.honorificprefix":
		field = &u.Name.Prefix
	default:
		return nil
	}
	if !is {
		return invalid("« " + path + " » est un texte.")
	}
	*field = text
	return nil
}

// boolean reads yes or no, as text too: some directories quote it.
func boolean(value any) (bool, error) {
	switch v := value.(type) {
	case bool:
		return v, nil
	case string:
		if yes, err := strconv.ParseBool(strings.ToLower(v)); err == nil {
			return yes, nil
		}
	}
	return false, invalid("« active » vaut true ou false.")
}

// deleteUser deactivates somebody, whom the directory does not see any more.
func (f facade) deleteUser(c *compat.Caller) error {
	m, err := f.known(c)
	if err != nil {
		return err
	}
	_, _, err = f.Office.ProvisionPerson(c.R.Context(), c.Directory(), "", m.Email, func(m *dossiers.Member) {
		m.Inactive, m.ExternalID = true, ""
	})
	if err != nil {
		return err
	}
	c.W.WriteHeader(http.StatusNoContent)
	return nil
}
