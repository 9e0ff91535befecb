package dossiers

import (
	"slices"
	"time"

	"parapheur/circuits/calendar"
)

// A Territory is where a town is: which public holidays it keeps, and where
// its days begin. The zero Territory is the metropole, on Paris time.
type Territory struct {
	Region calendar.Region `json:"region,omitempty"`
	// Zone is the name of a time zone, one of calendar.Zones; empty is that of
	// the region.
	Zone string `json:"zone,omitempty"`
}

// TerritorySet says where the town is. Deadlines that run keep their instant:
// it was told to people.
type TerritorySet struct {
	Territory Territory `json:"territory"`
}

// KindTerritorySet is the amendment's entry in the journal.
const KindTerritorySet = "territory.set"

// Kind implements Amendment.
func (TerritorySet) Kind() string { return KindTerritorySet }

// Subject implements Amendment.
func (TerritorySet) Subject() string { return "territory" }

func (a TerritorySet) identified(func() (string, error)) (Amendment, error) { return a, nil }

func (a TerritorySet) apply(g Organisation) Organisation {
	g.Territory = a.Territory
	return g
}

func (a TerritorySet) check(Organisation) error {
	x := a.Territory
	switch {
	case !x.Region.Known():
		return &InvalidError{"region", "« " + string(x.Region) + " » n’est pas un territoire connu : vide pour la métropole, ou « alsace-moselle », « guadeloupe », « mayotte »… La page des fermetures les montre tous."}
	case x.Zone != "" && !slices.Contains(calendar.Zones(), x.Zone):
		return &InvalidError{"zone", "« " + x.Zone + " » n’est pas un fuseau horaire français : par exemple « Europe/Paris » ou « Pacific/Marquesas ». Vide : celui du territoire."}
	}
	return nil
}

// named is the name of the zone, that of the region unless another is chosen;
// empty when the town never said where it is.
func (x Territory) named() string {
	if x.Zone == "" && x.Region != "" {
		return x.Region.Zone()
	}
	return x.Zone
}

// LocationOf is the time zone of a territory. Where none was chosen, or where
// this machine does not know it, it is that of the service.
func (o *Office) LocationOf(x Territory) *time.Location {
	name := x.named()
	if name == "" {
		return o.location()
	}
	if kept, ok := o.zones.Load(name); ok {
		return kept.(*time.Location)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		zone = o.location()
	}
	o.zones.Store(name, zone)
	return zone
}

// here is now, in the town.
func (o *Office) here(x Territory) time.Time { return o.Now().In(o.LocationOf(x)) }

// territoryPlanned compares where the town is.
func territoryPlanned(s, have Setup, r *Reform) error {
	if s.Territory == nil {
		return nil
	}
	was := Territory{}
	if have.Territory != nil {
		was = *have.Territory
	}
	if details := differences(was, *s.Territory); len(details) > 0 {
		r.Lines = append(r.Lines, ReformLine{Sign: "~", What: "territoire de la collectivité", Details: details})
		r.amendments = append(r.amendments, TerritorySet{Territory: *s.Territory})
	}
	return nil
}
