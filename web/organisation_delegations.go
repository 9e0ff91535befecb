package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
)

// A stage is where a delegation stands on a day.
type stage string

const (
	inForce    stage = "vigueur"
	toCome     stage = "venir"
	incomplete stage = "incomplete"
	over       stage = "terminee"
)

// stageOf says where d stands, and what explains it.
func stageOf(g dossiers.Organisation, d delegation.Delegation, today delegation.Date) (stage, string) {
	ended := func(id circuits.PersonID) bool {
		m, _ := g.Member(id)
		return m.Inactive || m.MandateEnd != "" && m.MandateEnd < today
	}
	switch {
	case d.Withdrawn != "" && d.Withdrawn <= today:
		return over, "Retirée depuis le " + d.Withdrawn.French() + "."
	case d.To != "" && d.To < today:
		return over, "Arrivée à son terme le " + d.To.French() + "."
	case ended(d.Delegator.Person):
		return over, "Le délégant n’est plus en fonction."
	case ended(d.Delegate.Person):
		return over, "Le délégataire n’est plus en fonction."
	}
	if missing := missingFormalities(d); len(missing) > 0 {
		return incomplete, "Elle ne vaut rien encore. Il manque : " + list(missing) + "."
	}
	for _, day := range []delegation.Date{d.From, d.Published, d.Transmitted, d.Notified} {
		if day > today {
			return toCome, "Commence le " + max(d.From, d.Published, d.Transmitted, d.Notified).French() + "."
		}
	}
	if d.To != "" {
		return inForce, "Jusqu’au " + d.To.French() + "."
	}
	return inForce, "Jusqu’à son retrait ou à la fin du mandat."
}

func missingFormalities(d delegation.Delegation) (out []string) {
	if d.Published == "" {
		out = append(out, "la publication")
	}
	if d.Transmitted == "" {
		out = append(out, "la transmission au préfet")
	}
	if d.Basis == delegation.Signature && d.Notified == "" {
		out = append(out, "la notification au délégataire")
	}
	return out
}

// A delegationLine is a delegation in a list.
type delegationLine struct {
	ID, Number, From, To, Mention, Scope, State string
	Document                                    bool
}

// A delegationGroup is delegations that stand alike.
type delegationGroup struct {
	Code, Title, Icon, Kind string
	Lines                   []delegationLine
}

// An impedimentLine is a declared impediment.
type impedimentLine struct {
	ID, Name, When, Motive, Proof, By string
	Over, Document                    bool // Document: its proof is kept as a PDF
}

// delegationsPage is /administration/delegations.
type delegationsPage struct {
	frame
	Groups      []delegationGroup
	Impediments []impedimentLine
	Ask         []setting
	Asked       bool
	Powers      []powerLine
	Refused     []powerLine
	AskedWords  string
	Said        string
}

func (*delegationsPage) template() string { return "delegations" }

// A powerLine is somebody who may act, or may not, and why.
type powerLine struct{ Name, As, Why string }

func newDelegationsPage(g dossiers.Organisation, ask url.Values, today delegation.Date) *delegationsPage {
	p := &delegationsPage{Groups: []delegationGroup{
		{Code: string(incomplete), Title: "Incomplètes", Icon: "triangle-alert", Kind: "late"},
		{Code: string(inForce), Title: "En vigueur", Icon: "circle-check", Kind: "ok"},
		{Code: string(toCome), Title: "À venir", Icon: "calendar"},
		{Code: string(over), Title: "Terminées", Icon: "history"},
	}}
	for _, d := range g.Delegations {
		at, why := stageOf(g, d, today)
		i := slices.IndexFunc(p.Groups, func(x delegationGroup) bool { return x.Code == string(at) })
		p.Groups[i].Lines = append(p.Groups[i].Lines, delegationLine{
			ID: string(d.ID), Number: d.Number, From: memberName(g, d.Delegator.Person), To: memberName(g, d.Delegate.Person),
			Mention: mentionOf(g, d), Scope: typeset(scopeInWords(g, d)), State: typeset(why), Document: !d.Arrete.IsZero(),
		})
	}
	p.Groups = slices.DeleteFunc(p.Groups, func(x delegationGroup) bool { return len(x.Lines) == 0 })
	for _, i := range slices.Backward(g.Impediments) {
		line := impedimentLine{ID: string(i.ID), Name: memberName(g, i.Person), Motive: i.Motive, Proof: i.Proof, By: memberName(g, i.DeclaredBy), When: "Depuis le " + i.From.French(), Over: i.To != "" && i.To < today, Document: !i.Document.IsZero()}
		if i.To != "" {
			line.When = "Du " + i.From.French() + " au " + i.To.French()
		}
		p.Impediments = append(p.Impediments, line)
	}
	p.simulate(g, ask, today)
	return p
}

func mentionOf(g dossiers.Organisation, d delegation.Delegation) string {
	snapshot := g.Snapshot()
	return delegation.Mention(d, snapshot.People[d.Delegator.Person], snapshot.People[d.Delegate.Person])
}

// scopeInWords says what a delegation covers.
func scopeInWords(g dossiers.Organisation, d delegation.Delegation) string {
	var parts []string
	for _, code := range d.Scope.Types {
		y, _ := g.Type(code)
		parts = append(parts, y.Name)
	}
	for _, c := range d.Scope.Classes {
		parts = append(parts, className(c))
	}
	for _, desk := range d.Scope.Desks {
		parts = append(parts, "bureau « "+deskName(g, desk)+" »")
	}
	if l := d.Scope.Limit; l != nil {
		parts = append(parts, "jusqu’à "+l.Max.French()+" (champ « "+l.Field+" »)")
	}
	scope := "Tout ce que signe le délégant."
	if len(parts) > 0 {
		scope = "Limitée à : " + list(parts) + "."
	}
	if d.AbsenceOnly {
		scope += " Seulement en l’absence du délégant."
	}
	if d.Priority > 0 {
		scope += " Rang " + strconv.Itoa(d.Priority) + " entre les délégataires."
	}
	return scope
}

// simulate answers « Qui peut signer ? » from the address of the page.
func (p *delegationsPage) simulate(g dossiers.Organisation, ask url.Values, today delegation.Date) {
	values := url.Values{"bureau": {ask.Get("bureau")}, "type": {ask.Get("type")}, "montant": {ask.Get("montant")}, "jour": {ask.Get("jour")}, "acte": {ask.Get("acte")}}
	if values.Get("jour") == "" {
		values.Set("jour", string(today))
	}
	if values.Get("acte") == "" {
		values.Set("acte", "signature")
	}
	act, wrong := simulated(g, values)
	f := newFiche(values, wrong)
	p.Ask = []setting{
		f.one("select", "bureau", "Au bureau", "", deskOptions(g, "Choisir…")), f.one("select", "type", "Pour une lettre du type", "", typeOptions(g, "N’importe lequel")),
		f.text("montant", "D’un montant de", "En euros, si le type a un champ de montant.", 20), f.date("jour", "Le", ""),
		f.one("radios", "acte", "Pour", "", []option{{Value: "signature", Label: "Signer"}, {Value: "visa", Label: "Viser"}}),
	}
	desk, known := g.Desk(circuits.DeskID(values.Get("bureau")))
	p.Asked = known && wrong == nil
	if !p.Asked {
		return
	}
	day := delegation.Date(values.Get("jour"))
	p.AskedWords = typeset("Au bureau « " + desk.Name + " », le " + day.French() + " :")
	resolved := g.Snapshot().Powers(desk.ID, act, day)
	for _, x := range resolved.Powers {
		line := powerLine{Name: x.Name, As: x.Quality, Why: typeset(x.Mention)}
		if x.Away {
			line.Why = "A annoncé une absence, et peut agir tout de même."
		}
		p.Powers = append(p.Powers, line)
	}
	for _, x := range resolved.Refused {
		p.Refused = append(p.Refused, powerLine{Name: x.Name, As: capacityName(x.Capacity), Why: typeset(x.Why.French())})
	}
}

func capacityName(c delegation.Capacity) string {
	switch c {
	case delegation.Holding:
		return "Titulaire"
	case delegation.Delegated:
		return "Délégataire"
	case delegation.Substituted:
		return "Suppléant"
	case delegation.Replaced:
		return "Remplaçant"
	}
	return string(c)
}

// simulated makes the act that a simulation is about.
func simulated(g dossiers.Organisation, values url.Values) (delegation.Act, error) {
	if !delegation.Date(values.Get("jour")).Valid() {
		return delegation.Act{}, &dossiers.InvalidError{Field: "jour", Reason: "Choisissez un jour qui existe."}
	}
	code := values.Get("type")
	y, _ := g.Type(code)
	act := g.Act(code, dossiers.Filing{})
	act.Internal = values.Get("acte") == "visa"
	if sum := trimmed(values, "montant"); sum != "" {
		amount, err := delegation.ParseAmount(sum)
		if err != nil {
			return act, &dossiers.InvalidError{Field: "montant", Reason: "Écrivez une somme, par exemple 12000 ou 12000,50."}
		}
		act.Amounts = map[string]delegation.Amount{}
		for _, field := range y.Metadata {
			if field.Type == "decimal" || field.Type == "integer" {
				act.Amounts[field.Name] = amount
			}
		}
	}
	return act, nil
}

func (s *server) delegations(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	p := newDelegationsPage(g, r.URL.Query(), s.today(v))
	p.frame = s.frame(v, "Les délégations", "administration")
	p.Said = map[string]string{
		"gardee": "La délégation est enregistrée.", "retiree": "La délégation est retirée. Elle ne vaut plus rien.", "empechement": "L’empêchement est enregistré.",
	}[r.URL.Query().Get("dit")]
	return s.show(w, r, http.StatusOK, p)
}

func (s *server) withdrawDelegation(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	d, err := delegationAsked(g, r)
	if err != nil || d.ID == "" {
		return dossiers.ErrNotFound
	}
	if d.Withdrawn == "" {
		d.Withdrawn = s.today(v)
		if _, err := s.Office.Amend(r.Context(), v.viewer, dossiers.DelegationSet{Delegation: d}); err != nil {
			return err
		}
	}
	return saying(w, r, "/administration/delegations", "retiree")
}

// delegationAsked returns the delegation of the address; a new one has no
// identifier.
func delegationAsked(g dossiers.Organisation, r *http.Request) (delegation.Delegation, error) {
	id := delegation.ID(chi.URLParam(r, "id"))
	if id == newID {
		return delegation.Delegation{}, nil
	}
	return delegationOf(g, id)
}

func delegationOf(g dossiers.Organisation, id delegation.ID) (delegation.Delegation, error) {
	i := slices.IndexFunc(g.Delegations, func(d delegation.Delegation) bool { return d.ID == id })
	if i < 0 {
		return delegation.Delegation{}, dossiers.ErrNotFound
	}
	return g.Delegations[i], nil
}
