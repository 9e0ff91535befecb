package scim

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/compat"
)

// A group is a desk (RFC 7643, 4.2): its members hold it. externalId is its
// code.
type group struct {
	Schemas     []string `json:"schemas"`
	ID          string   `json:"id,omitempty"`
	ExternalID  string   `json:"externalId,omitempty"`
	DisplayName string   `json:"displayName"`
	Members     []one    `json:"members,omitempty"`
	Meta        *meta    `json:"meta,omitempty"`
}

// A one is a member of a group.
type one struct {
	Value   string `json:"value"` // identifier of the person
	Display string `json:"display,omitempty"`
	Ref     string `json:"$ref,omitempty"`
}

func newGroup(c *compat.Caller, g dossiers.Organisation, d dossiers.DeskSetup) group {
	at := place(c, "Group", string(d.ID))
	out := group{Schemas: []string{groupSchema}, ID: string(d.ID), ExternalID: d.Code, DisplayName: d.Name, Meta: &at}
	for _, h := range d.Holders {
		m, _ := g.Member(h.Person)
		if shown(m) && !slices.Contains(strings.Split(strings.ToLower(c.R.URL.Query().Get("excludedAttributes")), ","), "members") {
			out.Members = append(out.Members, one{string(h.Person), m.Name(), place(c, "User", string(h.Person)).Location})
		}
	}
	return out
}

func (f facade) groups(c *compat.Caller) error {
	g, err := f.Office.Organisation(c.R.Context(), c.Directory())
	if err != nil {
		return err
	}
	only, err := filtered(c)
	if err != nil {
		return err
	}
	all := []any{}
	for _, d := range g.Desks {
		yes, err := only.takes(map[string]string{"id": string(d.ID), "externalid": d.Code, "displayname": d.Name})
		if err != nil {
			return err
		}
		if yes && !d.Inactive {
			all = append(all, newGroup(c, g, d))
		}
	}
	return list(c, all)
}

// desk finds the desk of a path.
func (f facade) desk(c *compat.Caller) (dossiers.Organisation, dossiers.DeskSetup, error) {
	g, err := f.Office.Organisation(c.R.Context(), c.Directory())
	if err != nil {
		return g, dossiers.DeskSetup{}, err
	}
	d, ok := g.Desk(circuits.DeskID(c.R.PathValue("id")))
	if !ok || d.Inactive {
		return g, d, &fault{http.StatusNotFound, "", "Ce bureau n’existe pas dans le parapheur."}
	}
	return g, d, nil
}

func (f facade) group(c *compat.Caller) error {
	g, d, err := f.desk(c)
	if err != nil {
		return err
	}
	write(c.W, http.StatusOK, newGroup(c, g, d))
	return nil
}

// createGroup makes a desk, or takes back one that was deleted.
func (f facade) createGroup(c *compat.Caller) error {
	var in group
	if err := f.read(c, &in); err != nil {
		return err
	}
	g, err := f.Office.Organisation(c.R.Context(), c.Directory())
	if err != nil {
		return err
	}
	code := in.ExternalID
	if !regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?$`).MatchString(code) {
		code = dossiers.CodeOf(in.DisplayName)
	}
	for _, d := range g.Desks {
		if (d.Code == code || d.Name == in.DisplayName) && !d.Inactive {
			return taken("Un bureau de la collectivité a déjà ce nom, ou ce code.")
		}
	}
	members, err := people(g, dossiers.DeskSetup{}, in.Members)
	if err != nil {
		return err
	}
	return f.setDesk(c, code, http.StatusCreated, func(d *dossiers.DeskSetup) {
		d.Name, d.Holders = in.DisplayName, seated(d.Holders, members, in.DisplayName)
	})
}

// setDesk writes what became of a desk, and answers it.
func (f facade) setDesk(c *compat.Caller, code string, status int, change func(*dossiers.DeskSetup)) error {
	ctx := c.R.Context()
	_, _, err := f.Office.ProvisionDesk(ctx, c.Directory(), code, func(d *dossiers.DeskSetup) {
		d.Inactive = false
		change(d)
		// Who holds a desk neither prepares nor supervises it.
		holds := func(p circuits.PersonID) bool {
			return slices.ContainsFunc(d.Holders, func(s dossiers.SeatSetup) bool { return s.Person == p })
		}
		d.Preparers = slices.DeleteFunc(slices.Clone(d.Preparers), func(s dossiers.SeatSetup) bool { return holds(s.Person) })
		d.Supervisors = slices.DeleteFunc(slices.Clone(d.Supervisors), holds)
	})
	if err != nil {
		return err
	}
	g, err := f.Office.Organisation(ctx, c.Directory())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(g.Desks, func(d dossiers.DeskSetup) bool { return d.Code == code })
	if i < 0 {
		return dossiers.ErrConflict // gone meanwhile
	}
	made := newGroup(c, g, g.Desks[i])
	c.W.Header().Set("Location", made.Meta.Location)
	write(c.W, status, made)
	return nil
}

// people turns members into addresses, by which a desk names people. Who holds
// d already may stay, shown to the directory or not.
func people(g dossiers.Organisation, d dossiers.DeskSetup, members []one) ([]circuits.PersonID, error) {
	var out []circuits.PersonID
	for _, x := range members {
		m, ok := g.Member(circuits.PersonID(x.Value))
		held := slices.ContainsFunc(d.Holders, func(s dossiers.SeatSetup) bool { return s.Person == m.ID })
		if !ok || !shown(m) && !held {
			return nil, invalid("Un membre du groupe n’est pas une personne de la collectivité.")
		}
		if p := circuits.PersonID(m.Email); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out, nil
}

// seated gives the desk to these people: who held it keeps their quality, who
// comes acts in the name of the desk until an administrator says better.
func seated(was []dossiers.SeatSetup, members []circuits.PersonID, quality string) (out []dossiers.SeatSetup) {
	for _, p := range members {
		seat := dossiers.SeatSetup{Person: p, Quality: quality}
		if i := slices.IndexFunc(was, func(s dossiers.SeatSetup) bool { return s.Person == p }); i >= 0 {
			seat = was[i]
		}
		out = append(out, seat)
	}
	slices.SortFunc(out, func(a, b dossiers.SeatSetup) int { return strings.Compare(string(a.Person), string(b.Person)) })
	return out
}

func (f facade) replaceGroup(c *compat.Caller) error {
	g, d, err := f.desk(c)
	if err != nil {
		return err
	}
	var in group
	if err := f.read(c, &in); err != nil {
		return err
	}
	return f.changeGroup(c, g, d, in)
}

func (f facade) changeGroup(c *compat.Caller, g dossiers.Organisation, d dossiers.DeskSetup, in group) error {
	for _, x := range g.Desks {
		if x.ID != d.ID && x.Name == in.DisplayName {
			return taken("Un autre bureau de la collectivité a déjà ce nom.")
		}
	}
	members, err := people(g, d, in.Members)
	if err != nil {
		return err
	}
	return f.setDesk(c, d.Code, http.StatusOK, func(d *dossiers.DeskSetup) {
		d.Name, d.Holders = in.DisplayName, seated(d.Holders, members, in.DisplayName)
	})
}

func (f facade) patchGroup(c *compat.Caller) error {
	g, d, err := f.desk(c)
	if err != nil {
		return err
	}
	ops, err := f.patch(c)
	if err != nil {
		return err
	}
	in := group{DisplayName: d.Name}
	for _, h := range d.Holders {
		in.Members = append(in.Members, one{Value: string(h.Person)})
	}
	for _, op := range ops {
		if err := op.each(func(path string, value any) error { return in.set(op.Op, path, value) }); err != nil {
			return err
		}
	}
	return f.changeGroup(c, g, d, in)
}

// set changes one attribute of a desk; what is not kept here is passed over.
func (x *group) set(op, path string, value any) error {
	if one, ok := cutMember(path); ok && op == opRemove {
		x.drop(one)
		return nil
	}
	switch path {
	case "displayname":
		text, ok := value.(string)
		if !ok {
			return invalid("« displayName » est un texte.")
		}
		x.DisplayName = text
	case "members":
		return x.setMembers(op, value)
	}
	return nil
}

// cutMember reads the path of one member: members[value eq "…"].
func cutMember(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, `members[value eq "`)
	id, end := strings.CutSuffix(rest, `"]`)
	return id, ok && end
}

func (x *group) drop(id string) {
	x.Members = slices.DeleteFunc(x.Members, func(m one) bool { return m.Value == id })
}

func (x *group) setMembers(op string, value any) error {
	values, ok := value.([]any)
	if !ok && value != nil {
		values = []any{value}
	}
	if op == opReplace || op == opRemove && value == nil {
		x.Members = nil
	}
	for _, v := range values {
		member, ok := v.(map[string]any)
		id, text := member["value"].(string)
		if !ok || !text {
			return invalid("Un membre est un objet, dont « value » est l’identifiant de la personne.")
		}
		x.drop(id)
		if op != opRemove {
			x.Members = append(x.Members, one{Value: id})
		}
	}
	return nil
}

// deleteGroup takes a desk out of use.
func (f facade) deleteGroup(c *compat.Caller) error {
	_, d, err := f.desk(c)
	if err != nil {
		return err
	}
	_, _, err = f.Office.ProvisionDesk(c.R.Context(), c.Directory(), d.Code, func(d *dossiers.DeskSetup) { d.Inactive = true })
	if err != nil {
		return err
	}
	c.W.WriteHeader(http.StatusNoContent)
	return nil
}
