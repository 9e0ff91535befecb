package trial

import (
	"fmt"
	"strings"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
)

// A Badge is what must be seen at once about a desk.
type Badge string

// The badges.
const (
	Nobody    Badge = "nobody"    // no holder, or none who may act
	Keyless   Badge = "keyless"   // nobody has a passkey
	Delegated Badge = "delegated" // somebody acts for the holder
	Leave     Badge = "leave"     // everybody is away
)

// A Standing is one actor of a step as the town is today.
type Standing struct {
	Who    string // French: "Bureau DGS", "Le rédacteur"
	People string // "Philippe Rousseau", or empty when it depends on the letter
	Badge  Badge  // or empty
	Text   string // of the badge, French
	Desk   circuits.DeskID
}

// Stand says who acts at each step of a circuit today. It answers one list for
// each step, one Standing for each of its actors.
func Stand(d circuits.Definition, t Town, l Letter, at time.Time) [][]Standing {
	out := make([][]Standing, len(d.Steps))
	for i, st := range d.Steps {
		if st.Auto {
			out[i] = []Standing{t.machine()}
			continue
		}
		for _, r := range rules(st) {
			out[i] = append(out[i], t.stand(st, r, l, at))
		}
	}
	return out
}

func (t Town) machine() Standing {
	s := Standing{Who: "Le parapheur, automatiquement", People: "Cachet de la collectivité"}
	if t.Sealless {
		s.Badge, s.Text = Nobody, "Cachet indisponible"
	}
	return s
}

func (t Town) stand(st circuits.Step, r circuits.ActorRule, l Letter, at time.Time) Standing {
	s := Standing{Who: t.Who(r, l)}
	if r.Rule != circuits.NamedDesk {
		return s
	}
	s.Desk = r.Desk
	if r.Desk == "" {
		s.Badge, s.Text = Nobody, "À choisir"
		return s
	}
	day := t.day(at)
	powers := t.Powers(r.Desk, l.act(nil, !seals(st.Kind)), day).Powers
	if len(t.Holders[r.Desk]) == 0 {
		s.Badge, s.Text = Nobody, "Aucun titulaire"
		return s
	}
	if len(powers) == 0 {
		s.Badge, s.Text = Nobody, "Personne ne peut agir"
		return s
	}
	s.People = holders(powers)
	if st.Kind != circuits.Information {
		s.Badge, s.Text = t.badge(powers, day)
	}
	return s
}

func holders(powers []delegation.Power) string {
	var names []string
	for _, p := range powers {
		if p.Principal == nil {
			names = append(names, p.Name)
		}
	}
	return strings.Join(names, ", ")
}

// badge is the gravest thing to say of those who may act.
func (t Town) badge(powers []delegation.Power, day delegation.Date) (Badge, string) {
	key, here := false, false
	var other *delegation.Power
	for i, p := range powers {
		key = key || t.Able[p.Person].Passkey
		here = here || !p.Away
		if p.Principal != nil && other == nil {
			other = &powers[i]
		}
	}
	switch {
	case !key:
		return Keyless, "Aucune clé d’accès"
	case other != nil && other.Capacity == delegation.Substituted:
		return Delegated, "Suppléance : " + other.Name
	case other != nil:
		return Delegated, "Délégation à " + other.Name + t.until(*other, day)
	case !here:
		a, _ := t.AbsenceOf(powers[0].Person, day)
		return Leave, "En congé jusqu’au " + a.To.French()
	}
	return "", ""
}

// until says when a delegation or a replacement ends, if it does.
func (t Town) until(p delegation.Power, day delegation.Date) string {
	for _, d := range t.Delegations {
		if d.ID == p.Record && d.To != "" {
			return " jusqu’au " + d.To.French()
		}
	}
	for _, a := range t.Absences {
		if a.ID == p.Record && a.To >= day {
			return " jusqu’au " + a.To.French()
		}
	}
	return ""
}

// Who names an actor as the circuit does.
func (t Town) Who(r circuits.ActorRule, l Letter) string {
	switch r.Rule {
	case circuits.NamedDesk:
		if r.Desk == "" {
			return "Bureau à choisir"
		}
		return "Bureau " + t.deskName(r.Desk)
	case circuits.TheDrafter:
		return "Le rédacteur"
	case circuits.HeadOfDrafter:
		return "Le chef du rédacteur"
	case circuits.HeadOfPrevious:
		return "Le chef du bureau précédent"
	case circuits.FromMetadata:
		return "Le bureau du champ « " + l.label(r.Field) + " »"
	case circuits.ChosenAtStart:
		names := make([]string, len(r.Among))
		for i, d := range r.Among {
			names[i] = t.deskName(d)
		}
		return "Au choix, au départ : " + strings.Join(names, ", ")
	}
	return string(r.Rule)
}

// Many says how many of the actors of a step must say yes, or nothing when
// there is one.
func Many(st circuits.Step) string {
	n := len(rules(st))
	if n < 2 {
		return ""
	}
	order := ""
	if st.Need.Ordered {
		order = ", dans l’ordre"
	}
	switch st.Need.Mode {
	case circuits.All:
		if n == 2 {
			return "En parallèle, tous les deux" + order
		}
		return fmt.Sprintf("En parallèle, tous les %d", n) + order
	case circuits.Any:
		return "L’un d’eux, le premier qui agit"
	case circuits.Quorum:
		return fmt.Sprintf("Il en faut %d sur %d", st.Need.N, n) + order
	case circuits.One:
	}
	if st.Kind == circuits.Information {
		return "Tous sont informés"
	}
	return "Dites combien doivent agir"
}
