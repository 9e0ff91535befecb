package dossiers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"parapheur/circuits"
)

// A ConnectorKind is a protocol of another product that mail management
// systems already speak.
type ConnectorKind string

// The kinds of connectors.
const (
	ConnectorMaarch     ConnectorKind = "maarch"     // Maarch Parapheur, REST
	ConnectorIParapheur ConnectorKind = "iparapheur" // i-Parapheur, SOAP
	ConnectorSCIM       ConnectorKind = "scim"       // SCIM 2.0 (RFC 7644): a directory, which sees no dossier
)

// ConnectorKinds lists the kinds, in the order pages show them.
func ConnectorKinds() []ConnectorKind {
	return []ConnectorKind{ConnectorMaarch, ConnectorIParapheur, ConnectorSCIM}
}

// The kinds of the journal that are about connectors.
const (
	KindConnectorAdded   = "connector.added"
	KindConnectorChanged = "connector.changed"
	// KindReleased says that a client let go of a dossier: it is hidden from
	// that client, and nothing else.
	KindReleased = "connector.released"
)

// A Connector is the account by which a client that speaks another protocol
// acts as an application of the town. It sees the dossiers that it made itself
// and no others.
type Connector struct {
	ID          string
	Application string // identifier
	Kind        ConnectorKind
	Login       string
	Secret      string // hash, in PHC form; see drawSecret
	Enabled     bool
	Networks    []netip.Prefix    // where it may call from; one at least once it is enabled
	Circuits    []string          // codes it may ask for; empty: any
	Type        string            // of its letters, where the protocol names none
	Provisions  bool              // may make people known to the town
	Aliases     map[string]string // login of a user of the client -> code of a circuit
	CreatedAt   time.Time
}

// Takes reports whether the connector may ask for a circuit.
func (c Connector) Takes(circuit string) bool {
	return len(c.Circuits) == 0 || slices.Contains(c.Circuits, circuit)
}

// A SeatNumber is the integer by which clients know a person at a desk. It is
// never given to another.
type SeatNumber struct {
	Number int64
	Person circuits.PersonID
	Desk   circuits.DeskID // empty: a person without desk
}

// An Origin is what a client called a dossier, and said of it that the dossier
// has no place for.
type Origin struct {
	Connector   string
	Identifier  string          // byte for byte; empty when the protocol has none
	Fingerprint [32]byte        // of what was deposited: equal means sent again
	Sent        json.RawMessage // the connector's own
	Places      []Place
	At          time.Time
	ReleasedAt  time.Time // the client let go of it; zero: not
}

// The kinds of places.
const (
	PlaceSignature = "signature"
	PlaceDate      = "date"
)

// A Place is where a depositor asked for the block of a step.
type Place struct {
	Step          circuits.StepID
	Kind          string  // PlaceSignature or PlaceDate
	Page          int     // from 1; 0 is the last
	X, Y          float64 // of the upper left corner, in percent of the page as it is shown, from its upper left corner
	Width, Height float64 // of that page, in points; zero when the letter has no such page
	Style         PlaceStyle
}

// A PlaceStyle is how a date is to be written.
type PlaceStyle struct {
	Format string  `json:"format,omitempty"` // of PHP: "d/m/Y"
	Font   string  `json:"font,omitempty"`
	Color  string  `json:"color,omitempty"` // "#135F7F"
	Width  float64 `json:"width,omitempty"`
}

// A Connectors keeps the accounts of connectors and what they deposited.
// Everything is of one town.
type Connectors interface {
	Connectors(ctx context.Context, t TenantID) ([]Connector, error)
	// Connector returns an account, enabled or not, with its application.
	Connector(ctx context.Context, t TenantID, kind ConnectorKind, login string) (Connector, Application, error)
	// AddConnector and ChangeConnector are journaled under by, secrets
	// excepted. A login that another account of the kind has is an
	// *InvalidError. change is called on the account, locked.
	AddConnector(ctx context.Context, t TenantID, c Connector, by circuits.Actor, at time.Time) error
	ChangeConnector(ctx context.Context, t TenantID, id string, by circuits.Actor, at time.Time, change func(*Connector) error) (Connector, error)
	// SeatNumbers gives a number to those that have none, and answers all.
	SeatNumbers(ctx context.Context, t TenantID, seats []SeatNumber) ([]SeatNumber, error)
	// Origin reads what is known of a dossier's deposit, without its places.
	Origin(ctx context.Context, t TenantID, id ID) (Origin, error)
	// Named finds a dossier by what a connector called it.
	Named(ctx context.Context, t TenantID, connector, identifier string) (ID, error)
	// Release notes, once, that the connector let go of the dossier.
	Release(ctx context.Context, t TenantID, id ID, by circuits.Actor, at time.Time) error
	// Places lists where blocks were asked for, in the order they were sent.
	Places(ctx context.Context, t TenantID, id ID) ([]Place, error)
}

// Connected is a client that was let in.
type Connected struct {
	Viewer
	Connector Connector
}

// Directory is the client as a directory: it reads the people and the desks of
// the town and, where the connector may, provisions them. Another kind gets
// nothing by it.
func (c Connected) Directory() Viewer {
	v := c.Viewer
	v.Consults = c.Connector.Kind == ConnectorSCIM
	v.Manages = v.Consults && c.Connector.Provisions
	return v
}

// Connects reports whether the town has an account of this kind in use. What
// it has not is answered as if the product had no such thing.
func (o *Office) Connects(ctx context.Context, t Tenant, kind ConnectorKind) (bool, error) {
	all, err := o.Store.Connectors(ctx, t.ID)
	return slices.ContainsFunc(all, func(c Connector) bool { return c.Kind == kind && c.Enabled }), err
}

// AdmitConnector returns what a login and a secret open, shown from an
// address. ErrSignInNeeded when they open nothing; ErrAddress, with the
// account, when it may not call from there.
func (o *Office) AdmitConnector(ctx context.Context, t Tenant, kind ConnectorKind, login, secret string, from netip.Addr) (Connected, error) {
	c, app, err := o.Store.Connector(ctx, t.ID, kind, login)
	if err != nil && !isNotFound(err) {
		return Connected{}, err
	}
	// An unknown login costs as much as a known one with a wrong secret.
	right := o.secrets.check(c.Secret, secret)
	if err != nil || !right || !c.Enabled {
		return Connected{}, ErrSignInNeeded
	}
	in := Connected{Viewer: o.program(t, app, nil), Connector: c}
	from = from.Unmap().WithZone("")
	allowed := slices.ContainsFunc(c.Networks, func(p netip.Prefix) bool { return p.Contains(from) })
	if !allowed || !app.From(from) {
		return in, ErrAddress
	}
	return in, nil
}

// Origin returns a dossier that a client made and did not let go of, and what
// it said of it; any other is ErrNotFound.
func (o *Office) Origin(ctx context.Context, in Connected, id ID) (Dossier, Origin, error) {
	d, x, err := o.origin(ctx, in, id)
	if err == nil && !x.ReleasedAt.IsZero() {
		err = fmt.Errorf("dossier %s was let go of: %w", id, ErrNotFound)
	}
	return d, x, err
}

func (o *Office) origin(ctx context.Context, in Connected, id ID) (Dossier, Origin, error) {
	d, err := o.visible(ctx, in.Viewer, id)
	if err != nil {
		return d, Origin{}, err
	}
	x, err := o.Store.Origin(ctx, in.Tenant.ID, id)
	if err == nil && x.Connector != in.Connector.ID {
		err = fmt.Errorf("dossier %s of another connector: %w", id, ErrNotFound)
	}
	return d, x, err
}

// Named finds a dossier by what the client called it, let go of or not.
func (o *Office) Named(ctx context.Context, in Connected, identifier string) (ID, error) {
	if identifier == "" {
		return "", fmt.Errorf("dossier without name: %w", ErrNotFound)
	}
	return o.Store.Named(ctx, in.Tenant.ID, in.Connector.ID, identifier)
}

// Release hides a dossier that is over from the client that made it. Nothing
// is deleted: people see it, and its evidence stays. Twice is once.
func (o *Office) Release(ctx context.Context, in Connected, id ID) error {
	d, x, err := o.origin(ctx, in, id)
	if err != nil || !x.ReleasedAt.IsZero() {
		return err
	}
	if p := d.State.Phase; p == circuits.Running || p == circuits.Draft {
		return fmt.Errorf("let go of %s: %w", id, circuits.ErrState)
	}
	return o.Store.Release(ctx, in.Tenant.ID, id, in.Actor(""), o.now())
}

// Retract takes a dossier back for the client that made it, as long as nobody
// did anything at it (droit de remords); after that it is ErrState.
func (o *Office) Retract(ctx context.Context, in Connected, id ID, reason string) (Dossier, error) {
	d, _, err := o.Origin(ctx, in, id)
	if err != nil {
		return d, err
	}
	acted := func(x circuits.Decision) bool { return x.Standing != circuits.Undone }
	if slices.ContainsFunc(d.State.Decisions, acted) || d.State.SealingStep() >= 0 {
		return d, fmt.Errorf("retract %s: %w", id, circuits.ErrActed)
	}
	return o.Withdraw(ctx, in.Viewer, id, reason, d.Rev())
}

// A Signatory is somebody whom a client may put in a circuit.
type Signatory struct {
	SeatNumber
	Person Person
	Seat   Seat // zero: none, and no step may be theirs
}

// Signatories lists the active people of the town, once for each desk that
// they hold, or once when they hold none.
func (o *Office) Signatories(ctx context.Context, in Connected) ([]Signatory, error) {
	people, err := o.Store.People(ctx, in.Tenant.ID)
	if err != nil {
		return nil, err
	}
	var out []Signatory
	var wanted []SeatNumber
	for _, p := range people {
		seats := p.Seats
		if len(seats) == 0 {
			seats = []Seat{{}}
		}
		for _, seat := range seats {
			if p.Active {
				out = append(out, Signatory{Person: p, Seat: seat})
				wanted = append(wanted, SeatNumber{Person: p.ID, Desk: seat.Desk})
			}
		}
	}
	numbers, err := o.Store.SeatNumbers(ctx, in.Tenant.ID, wanted)
	if err != nil {
		return nil, err
	}
	for i, w := range wanted {
		at := slices.IndexFunc(numbers, func(n SeatNumber) bool { return n.Person == w.Person && n.Desk == w.Desk })
		if at < 0 {
			return nil, fmt.Errorf("number of %s: %w", w.Person, ErrConflict)
		}
		out[i].SeatNumber = numbers[at]
	}
	slices.SortFunc(out, func(a, b Signatory) int { return int(a.Number - b.Number) })
	return out, nil
}

// Introduce makes somebody known to the town for a client that may. They hold
// no desk and can do nothing before an administrator invites and seats them.
func (o *Office) Introduce(ctx context.Context, in Connected, p Person) (Signatory, error) {
	if !in.Connector.Provisions {
		return Signatory{}, fmt.Errorf("introduce somebody: %w", ErrForbidden)
	}
	made, err := o.addPerson(ctx, in.Tenant, Person{GivenName: p.GivenName, FamilyName: p.FamilyName, Email: p.Email}, in.Actor(""))
	if err != nil {
		return Signatory{}, err
	}
	numbers, err := o.Store.SeatNumbers(ctx, in.Tenant.ID, []SeatNumber{{Person: made.ID}})
	if err != nil {
		return Signatory{}, err
	}
	at := slices.IndexFunc(numbers, func(n SeatNumber) bool { return n.Person == made.ID })
	return Signatory{SeatNumber: numbers[at], Person: made}, nil
}

// A ConnectorRequest is what an administrator says of a connector.
type ConnectorRequest struct {
	Login      string
	Enabled    bool
	Networks   []string
	Circuits   []string
	Type       string
	Provisions bool
	Aliases    map[string]string
}

// ListConnectors lists the accounts of the town, for its administrators.
func (o *Office) ListConnectors(ctx context.Context, v Viewer) ([]Connector, error) {
	if err := v.administers(); err != nil {
		return nil, err
	}
	return o.Store.Connectors(ctx, v.Tenant.ID)
}

// AddConnector makes an account of an application. Its secret is answered once
// and kept nowhere.
func (o *Office) AddConnector(ctx context.Context, v Viewer, application string, kind ConnectorKind, r ConnectorRequest) (c Connector, secret string, err error) {
	apps, err := o.Applications(ctx, v)
	if err != nil {
		return c, "", err
	}
	if !slices.ContainsFunc(apps, func(a Application) bool { return a.ID == application }) || !slices.Contains(ConnectorKinds(), kind) {
		return c, "", fmt.Errorf("connector %s of %s: %w", kind, application, ErrNotFound)
	}
	if c.ID, err = o.newID(); err != nil {
		return c, "", err
	}
	c.Application, c.Kind, c.CreatedAt = application, kind, o.now()
	if err := o.checkConnector(ctx, v, &c, r); err != nil {
		return c, "", err
	}
	if secret, c.Secret, err = o.drawSecret(); err != nil {
		return c, "", err
	}
	return c, secret, o.Store.AddConnector(ctx, v.Tenant.ID, c, v.Actor(""), o.now())
}

// SetConnector changes an account, but for its secret.
func (o *Office) SetConnector(ctx context.Context, v Viewer, id string, r ConnectorRequest) (Connector, error) {
	if err := v.administers(); err != nil {
		return Connector{}, err
	}
	var checked Connector
	if err := o.checkConnector(ctx, v, &checked, r); err != nil {
		return Connector{}, err
	}
	return o.Store.ChangeConnector(ctx, v.Tenant.ID, id, v.Actor(""), o.now(), func(c *Connector) error {
		c.Login, c.Enabled, c.Networks, c.Circuits = checked.Login, checked.Enabled, checked.Networks, checked.Circuits
		c.Type, c.Provisions, c.Aliases = checked.Type, checked.Provisions, checked.Aliases
		return nil
	})
}

// RotateConnector gives an account a new secret, answered once. The old one
// opens nothing any more.
func (o *Office) RotateConnector(ctx context.Context, v Viewer, id string) (Connector, string, error) {
	if err := v.administers(); err != nil {
		return Connector{}, "", err
	}
	secret, hash, err := o.drawSecret()
	if err != nil {
		return Connector{}, "", err
	}
	c, err := o.Store.ChangeConnector(ctx, v.Tenant.ID, id, v.Actor(""), o.now(), func(c *Connector) error {
		c.Secret = hash
		return nil
	})
	return c, secret, err
}

// checkConnector puts into c what r asks for.
func (o *Office) checkConnector(ctx context.Context, v Viewer, c *Connector, r ConnectorRequest) (err error) {
	if c.Login, err = line("login", r.Login, 1, 80); err != nil {
		return err
	}
	if strings.ContainsAny(c.Login, ": ") {
		return &InvalidError{"login", "L’identifiant ne contient ni espace ni deux-points."}
	}
	c.Enabled, c.Provisions, c.Circuits, c.Type = r.Enabled, r.Provisions, r.Circuits, r.Type
	for _, n := range r.Networks {
		p, err := network(n)
		if err != nil {
			return &InvalidError{"networks", "Une des adresses ne se lit pas. Écrivez par exemple « 192.0.2.10 » ou « 192.0.2.0/24 »."}
		}
		c.Networks = append(c.Networks, p)
	}
	if c.Enabled && len(c.Networks) == 0 {
		return &InvalidError{"networks", "Dites d’où le connecteur appelle avant de l’activer : ces logiciels ne vérifient pas toujours à qui ils parlent."}
	}
	g, err := o.Store.Organisation(ctx, v.Tenant.ID)
	if err != nil {
		return err
	}
	if y, ok := g.Type(c.Type); c.Type != "" && (!ok || y.Inactive) {
		return &InvalidError{"type", "Choisissez un type de courrier de la liste."}
	}
	for _, code := range slices.Concat(c.Circuits, slices.Collect(maps.Values(r.Aliases))) {
		if x, _ := g.Circuit(code); x.Published == nil {
			return &InvalidError{"circuits", "Le circuit « " + code + " » n’est pas publié."}
		}
	}
	c.Aliases = map[string]string{}
	for login, code := range r.Aliases {
		// Clients write these into XML without escaping them.
		if login, err = line("aliases", login, 1, 64); err != nil || strings.ContainsAny(login, "&<>\"'") {
			return &InvalidError{"aliases", "Un identifiant compte 64 caractères au plus, sans « & », « < », « > » ni guillemets."}
		}
		c.Aliases[login] = code
	}
	return nil
}
