package hosting

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/specimen"
)

// A NewTown is what is told of a town about to be created.
type NewTown struct {
	SIRET string // 14 digits; spaces are dropped
	Name  string // "Ville de Saint-Aubin-sur-Loire"
	Place string // "Saint-Aubin-sur-Loire", as dates of letters say it
	// Origin is the address of its pages, for ever; or one word, below the
	// domain of the centre.
	Origin string
	// The first administrator.
	GivenName, FamilyName, Email string
}

func invalid(field, reason string) error { return &dossiers.InvalidError{Field: field, Reason: reason} }

// line normalises one line of text.
func line(field, s string, most int) (string, error) {
	s = strings.Join(strings.Fields(s), " ")
	switch {
	case s == "":
		return s, invalid(field, "Cette information est nécessaire.")
	case utf8.RuneCountInString(s) > most:
		return s, invalid(field, fmt.Sprintf("%d caractères au plus.", most))
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError
	}):
		return s, invalid(field, "Un caractère de ce texte ne peut pas être gardé.")
	}
	return s, nil
}

// slug is the first label of a town's address.
var slug = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`)

// check normalises what was told and names the first field that is wrong. It
// must not be changed afterwards: the SIRET is in every proof, and passkeys are
// bound to the origin.
func (n *NewTown) check(domain string) (err error) {
	n.SIRET = strings.Join(strings.Fields(n.SIRET), "")
	if !ValidSIRET(n.SIRET) {
		return invalid("siret", "Ce n’est pas un SIRET valable : 14 chiffres, avec leur clé.")
	}
	for _, f := range []struct {
		field string
		value *string
		most  int
	}{{"name", &n.Name, 120}, {"place", &n.Place, 80}, {"origin", &n.Origin, 200}, {"given_name", &n.GivenName, 80}, {"family_name", &n.FamilyName, 80}, {"email", &n.Email, 200}} {
		if *f.value, err = line(f.field, *f.value, f.most); err != nil {
			return err
		}
	}
	if domain != "" && slug.MatchString(n.Origin) {
		n.Origin = "https://" + n.Origin + "." + domain
	}
	if _, err := OriginHost(n.Origin); err != nil {
		var why *dossiers.InvalidError
		if errors.As(err, &why) {
			return invalid("origin", why.Reason)
		}
		return err
	}
	address, err := mail.ParseAddress(n.Email)
	if err != nil || address.Name != "" {
		return invalid("email", "Cette adresse électronique n’est pas valable.")
	}
	n.Email = address.Address
	return nil
}

// OriginHost returns the host that passkeys are bound to. Browsers give
// passkeys to secure sites with a name, and to localhost. The error is an
// InvalidError about "origin".
func OriginHost(origin string) (string, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme+"://"+u.Host != origin || u.Hostname() == "" || origin != strings.ToLower(origin) {
		return "", invalid("origin", fmt.Sprintf("%q n’est pas de la forme https://parapheur.ma-ville.fr, en minuscules et sans rien après", origin))
	}
	host := u.Hostname()
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !local):
		return "", invalid("origin", origin+" doit commencer par https:// : les clés d’accès ne fonctionnent pas sans")
	case !local && (!strings.Contains(host, ".") || strings.Trim(host, "0123456789.") == "" || strings.Contains(host, ":")):
		return "", invalid("origin", host+" doit être un nom, non une adresse IP : les clés d’accès y sont attachées")
	}
	return host, nil
}

// ValidSIRET checks the key of Luhn, and that the number is not that of a
// sandbox; the offices of La Poste, which have
// another rule, are no towns.
func ValidSIRET(s string) bool {
	sum := 0
	for i, c := range s {
		if c < '0' || c > '9' {
			return false
		}
		d := int(c - '0')
		if i%2 == 0 { // from the right, of 14 digits: every second one
			d *= 2
		}
		sum += d/10 + d%10
	}
	return len(s) == 14 && sum%10 == 0 && !specimen.Town(s)
}

// FirstDay is how a town begins: an administrator, who names the rest, and the
// two desks and two circuits that every town hall begins with.
func FirstDay(admin dossiers.PlannedPerson) dossiers.Plan {
	const dgs, mayor = "Direction générale des services", "Maire"
	visa := circuits.Step{ID: "visa-dgs", Kind: circuits.Visa, Desk: dgs, Title: "Visa de la direction générale"}
	signature := circuits.Step{ID: "signature-maire", Kind: circuits.Signature, Desk: mayor, Title: "Signature du maire"}
	return dossiers.Plan{
		People: []dossiers.PlannedPerson{admin},
		Desks:  []string{dgs, mayor},
		Types: []dossiers.Type{
			{
				Code: "courrier-simple", Name: "Courrier simple", Hint: "Information ou réponse, sans décision.",
				Circuit: circuits.Definition{Code: "courrier-simple", Version: 1, Name: "Courrier simple", Steps: []circuits.Step{visa, signature}},
			},
			{
				Code: "courrier-cabinet", Name: "Courrier du cabinet", Hint: "Félicitations, invitations : signature sans visa.",
				Circuit: circuits.Definition{Code: "courrier-cabinet", Version: 1, Name: "Courrier du cabinet", Steps: []circuits.Step{signature}},
			},
		},
	}
}

// A Created is a town that was just created, or whose link was made again.
type Created struct {
	Town Town
	// Link is where its first administrator registers a passkey. It is answered
	// once and kept nowhere: empty when a request is only repeated.
	Link     string
	Expires  time.Time
	Replayed bool // the request had been made before
}

// created is the body of the journal about a town.
type created struct {
	Name     string   `json:"name,omitempty"`
	Origin   string   `json:"origin,omitempty"`
	Reason   string   `json:"reason,omitempty"`
	By       Actor    `json:"by"`
	Evidence evidence `json:"evidence,omitzero"`
}

// admissible refuses a town that could not be created beside those that are there.
func (c *Centre) admissible(ctx context.Context, n *NewTown) error {
	if err := n.check(c.Domain); err != nil {
		return err
	}
	if n.Origin == c.Origin {
		return invalid("origin", "Cette adresse est celle du centre d’hébergement.")
	}
	towns, err := c.Store.Towns(ctx)
	if err != nil {
		return err
	}
	for _, t := range towns {
		switch {
		case t.SIRET == n.SIRET:
			return takenSIRET()
		case t.Origin == n.Origin:
			return takenOrigin()
		}
	}
	return nil
}

func takenSIRET() error {
	return invalid("siret", "Une collectivité a déjà ce SIRET dans ce service.")
}

func takenOrigin() error {
	return invalid("origin", "Une collectivité a déjà cette adresse dans ce service.")
}

// create makes the town, its first day and its link, all or nothing.
func (c *Centre) create(ctx context.Context, n NewTown, r *Request, by Actor, e evidence) (Created, error) {
	var out Created
	host, err := OriginHost(n.Origin)
	if err != nil {
		return out, err
	}
	id, err := uuid.NewV7FromReader(c.Rand)
	if err != nil {
		return out, fmt.Errorf("draw an identifier: %w", err)
	}
	t := dossiers.Tenant{ID: dossiers.TenantID(id.String()), SIRET: n.SIRET, Name: n.Name, Place: n.Place, RPID: host, Origin: n.Origin}
	f := Fact{At: c.now(), Subject: n.SIRET, Kind: KindTownCreated, Body: created{Name: n.Name, Origin: n.Origin, By: by, Evidence: e}}
	err = c.Store.Found(ctx, t, r, f, func(s dossiers.Store) error {
		made, err := c.office(s).Found(ctx, t, FirstDay(dossiers.PlannedPerson{
			GivenName: n.GivenName, FamilyName: n.FamilyName, Email: n.Email, Admin: true,
		}))
		if err != nil {
			return err
		}
		out.Link = linkOf(t, made.Invitations)
		return nil
	})
	if err != nil {
		return Created{}, fmt.Errorf("create %s: %w", n.SIRET, err)
	}
	out.Town = Town{Tenant: t, CreatedAt: f.At, Awaiting: true}
	out.Expires = f.At.Add(invitationLife)
	return out, nil
}

// office sets one town up, through a store that sees nothing else.
func (c *Centre) office(s dossiers.Store) *dossiers.Office {
	return dossiers.Open(dossiers.Parts{Store: s, Now: c.Now, Rand: c.Rand, Location: time.UTC})
}

// linkOf is the enrolment link of the one person of a new town.
func linkOf(t dossiers.Tenant, invitations map[string]string) string {
	for _, token := range invitations {
		return t.Origin + "/enrolement/" + token
	}
	return ""
}

// reinvite makes another link for the first administrator of a town, as long as
// nobody of it has a passkey: ErrConflict afterwards.
func (c *Centre) reinvite(ctx context.Context, siret string, by Actor, e evidence) (Created, error) {
	t, err := c.Town(ctx, siret)
	if err != nil {
		return Created{}, err
	}
	out := Created{Town: t}
	f := Fact{At: c.now(), Subject: siret, Kind: KindTownInvited, Body: created{By: by, Evidence: e}}
	err = c.Store.Reenter(ctx, t.ID, f, func(s dossiers.Store) error {
		made, err := c.office(s).Reinvite(ctx, t.Tenant)
		if err == nil && len(made) == 0 {
			err = fmt.Errorf("nobody to invite: %w", dossiers.ErrConflict)
		}
		out.Link = linkOf(t.Tenant, made)
		return err
	})
	if err != nil {
		return Created{}, fmt.Errorf("invite to %s: %w", siret, err)
	}
	out.Expires = f.At.Add(invitationLife)
	return out, nil
}

// CreateTown creates a town for a program. The same request under the same
// name answers the same town again, without its link.
func (c *Centre) CreateTown(ctx context.Context, k Key, n NewTown, name string) (Created, error) {
	if name, err := line("idempotency_key", name, 255); err != nil || len(name) < 8 {
		return Created{}, invalid("idempotency_key", "Donnez à la demande un nom de 8 à 255 caractères (en-tête Idempotency-Key).")
	}
	r := &Request{Key: k.ID, Name: name, Fingerprint: sha256.Sum256(fmt.Appendf(nil, "%q", n))}
	if out, err := c.again(ctx, r); err == nil || !errors.Is(err, dossiers.ErrNotFound) {
		return out, err
	}
	err := c.admissible(ctx, &n)
	var out Created
	if err == nil {
		out, err = c.create(ctx, n, r, Actor{Key: k.ID, Name: k.Name}, evidence{})
	}
	if err == nil {
		return out, nil
	}
	// The same request may have been done a moment ago, elsewhere.
	if out, again := c.again(ctx, r); again == nil {
		return out, nil
	}
	return Created{}, err
}

// again answers a request that was already made, or ErrNotFound.
func (c *Centre) again(ctx context.Context, r *Request) (Created, error) {
	id, fingerprint, err := c.Store.Requested(ctx, r.Key, r.Name)
	switch {
	case err != nil:
		return Created{}, err
	case fingerprint != r.Fingerprint:
		return Created{}, fmt.Errorf("request %q: %w", r.Name, dossiers.ErrKeyReused)
	}
	towns, err := c.Store.Towns(ctx)
	if err != nil {
		return Created{}, err
	}
	for _, t := range towns {
		if t.ID == id {
			return Created{Town: t, Replayed: true}, nil
		}
	}
	return Created{}, fmt.Errorf("town %s: %w", id, dossiers.ErrNotFound)
}

// InviteAgain makes another link for the first administrator of a town, for a
// program.
func (c *Centre) InviteAgain(ctx context.Context, k Key, siret string) (Created, error) {
	return c.reinvite(ctx, siret, Actor{Key: k.ID, Name: k.Name}, evidence{})
}
