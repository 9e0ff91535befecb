// Package delegation says who may act for a desk on a day, and in which
// capacity: the law of delegation and of suppléance (Code général des
// collectivités territoriales, articles L2122-17 to L2122-23) as a pure
// reading of a town's records.
//
//	holder ─────────────────────────────────▶ acts in his own right
//	  │ arrêté, published, transmitted…
//	  ├──▶ delegate     "Pour le Maire et par délégation, le Directeur général des services"
//	  │ impediment, declared and proven
//	  ├──▶ substitute   "Le Maire empêché, l’adjoint suppléant"
//	  │ planned absence, visas only
//	  └──▶ replacement  "En l’absence de M. Philippe Rousseau"
//
// A Snapshot is everything that the answer depends on; Powers resolves it for
// a desk, an act and a day, and says why each other person may not act. The
// package must not read a clock, hold a context or touch storage, and knows
// nothing about passkeys or steps.
//
// It fails by refusal only: a *Refusal, which matches its Reason with
// errors.Is and says it in French.
package delegation

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"parapheur/circuits"
)

// An ID names a delegation, an absence or an impediment (UUID, in text).
type ID string

// A Basis is the article of the CGCT on which a delegation rests.
type Basis string

// The bases. Sub-delegation exists in the last one only, for what the council
// delegated to the mayor (L2122-22) and lets him sub-delegate.
const (
	Functions     Basis = "L2122-18" // of functions, to adjoints and councillors
	Signature     Basis = "L2122-19" // of signature, to the DGS, DGAS, DST and heads of service
	SubDelegation Basis = "L2122-23" // of matters of L2122-22, where the deliberation allows it
)

// Bases lists the bases, in the order of the code.
func Bases() []Basis { return []Basis{Functions, Signature, SubDelegation} }

// A Class is the class of an act: what the law asks of its signature.
type Class string

// The classes of acts that a parapheur carries.
const (
	Letter   Class = "courrier_simple" // information or reply, nothing is decided
	Decision Class = "decision"        // grants or refuses: signed by its author (CRPA L212-1)
)

// Classes lists the classes of acts.
func Classes() []Class { return []Class{Letter, Decision} }

// A Party is one side of a delegation, as the arrêté names it.
type Party struct {
	Person  circuits.PersonID `json:"person"`
	Quality string            `json:"quality"` // "Maire", "Directeur général des services"
	// Article, if set, is the one written before the quality: "le", "la" or
	// "l’". Empty: made from the civility and the first letter.
	Article string `json:"article,omitempty"`
}

// A Limit refuses acts whose amount is above Max, or unknown.
type Limit struct {
	Field string `json:"field"` // the metadata field that holds the amount
	Max   Amount `json:"max"`   // included
}

// A Scope is what a delegation covers. An empty list covers everything.
type Scope struct {
	Types   []string          `json:"types,omitempty"`   // codes of types of letters; a type covers its sub-types
	Classes []Class           `json:"classes,omitempty"` // classes of acts
	Desks   []circuits.DeskID `json:"desks,omitempty"`   // desks of the delegator
	Limit   *Limit            `json:"limit,omitempty"`
}

// A Delegation is an arrêté that lets one person sign for another.
type Delegation struct {
	ID     ID     `json:"id,omitempty"`
	Number string `json:"number"` // of the arrêté: "2026-041"
	Basis  Basis  `json:"basis"`
	// The formalities, each empty until it is done.
	Signed      Date `json:"signed"`
	Published   Date `json:"published,omitempty"`
	Notified    Date `json:"notified,omitempty"`
	Transmitted Date `json:"transmitted,omitempty"` // to the prefect
	// Arrete is the SHA-256 of the PDF of the arrêté, kept as a blob.
	Arrete    circuits.Digest `json:"pdf_sha256,omitzero"`
	Delegator Party           `json:"delegator"`
	Delegate  Party           `json:"delegate"`
	Scope     Scope           `json:"scope,omitzero"`
	From      Date            `json:"from"`
	To        Date            `json:"to,omitempty"` // last day; empty: until withdrawn or the end of the mandate
	// Priority orders several delegates of one delegator: a higher number acts
	// only while the lower ones are absent. Equal numbers act alike.
	Priority    int  `json:"priority,omitempty"`
	AbsenceOnly bool `json:"absence_only,omitempty"` // only while the delegator is absent or impeded
	Withdrawn   Date `json:"withdrawn,omitempty"`    // first day without it
}

// An Act is what somebody is about to sign or to approve.
type Act struct {
	Type string // code of its type
	// Within names the types that Type belongs to, itself not included.
	Within []string
	Class  Class
	// Amounts are the amounts known of it, by metadata field.
	Amounts map[string]Amount
	// Council says that the council delegated the matter to the mayor
	// (L2122-22): only a sub-delegation covers it.
	Council bool
	// Internal is a visa or an opinion: no signature of the town, hence open
	// to the replacement named for an absence.
	Internal bool
	// Recusals are those of the dossier.
	Recusals []Recusal
}

// A Recusal (déport) keeps a person with an interest away from one dossier
// (loi 2013-907, article 2; décret 2014-90, articles 5 to 7).
type Recusal struct {
	Person circuits.PersonID `json:"person"`
	Motive string            `json:"motive"`
	// Substitute is who the arrêté of déport designates, or empty; Number is
	// that arrêté's.
	Substitute circuits.PersonID `json:"substitute,omitempty"`
	Number     string            `json:"number,omitempty"`
	On         Date              `json:"on"`
}

// A Tray says what becomes of what already waits when an absence begins.
type Tray string

// What becomes of the tray.
const (
	KeepTray  Tray = "keep"  // it waits for the return; nobody is told more
	ShareTray Tray = "share" // the replacement sees it and may act; it stays in the tray
	MoveTray  Tray = "move"  // it goes to the replacement, for good
)

// Trays lists what may become of the tray.
func Trays() []Tray { return []Tray{KeepTray, ShareTray, MoveTray} }

// An Absence is planned by the person or by an administrator.
type Absence struct {
	ID     ID                `json:"id,omitempty"`
	Person circuits.PersonID `json:"person"`
	From   Date              `json:"from"`
	To     Date              `json:"to"` // last day
	// Replacement acts on visas meanwhile; empty: nobody does.
	Replacement circuits.PersonID `json:"replacement,omitempty"`
	Tray        Tray              `json:"tray,omitempty"`
	Note        string            `json:"note,omitempty"`
	Cancelled   bool              `json:"cancelled,omitempty"`
}

// An Impediment (empêchement) of the mayor opens suppléance (L2122-17). It is
// declared with its proof, never deduced from a calendar.
type Impediment struct {
	ID         ID                `json:"id,omitempty"`
	Person     circuits.PersonID `json:"person"`
	DeclaredBy circuits.PersonID `json:"declared_by,omitempty"`
	Motive     string            `json:"motive"` // "Hospitalisation", "Suspension", "Décès"
	Proof      string            `json:"proof"`  // what proves it: "Certificat du 3 mars 2026"
	// Document is the SHA-256 of the proof, kept as a blob, or zero.
	Document circuits.Digest `json:"document_sha256,omitzero"`
	From     Date            `json:"from"`
	To       Date            `json:"to,omitempty"` // last day; empty: until it is ended
}

// A Reason is why somebody may not act. It is an error, to be matched with
// errors.Is.
type Reason string

// Error implements error.
func (r Reason) Error() string { return "delegation: " + string(r) }

// The reasons.
const (
	NotPublished     Reason = "not_published"
	NotTransmitted   Reason = "not_transmitted"
	NotNotified      Reason = "not_notified"
	NotStarted       Reason = "not_started"
	Ended            Reason = "ended"
	Withdrawn        Reason = "withdrawn"
	OutOfType        Reason = "out_of_type"
	OutOfClass       Reason = "out_of_class"
	OutOfDesk        Reason = "out_of_desk"
	OutOfAmount      Reason = "out_of_amount"
	AmountUnknown    Reason = "amount_unknown"
	CouncilMatter    Reason = "council_matter"
	PrincipalPresent Reason = "principal_present"
	EarlierPresent   Reason = "earlier_delegate_present"
	Chained          Reason = "chained"
	Away             Reason = "away"
	Impeded          Reason = "impeded"
	MandateEnded     Reason = "mandate_ended"
	PrincipalGone    Reason = "principal_mandate_ended"
	Inactive         Reason = "inactive"
	Recused          Reason = "recused"
	PrincipalRecused Reason = "principal_recused"
)

// A Refusal says why somebody may not act, with what the sentence needs.
type Refusal struct {
	Reason Reason
	On     Date   // the day that the reason is about, if it is about one
	Amount Amount // of the act, for OutOfAmount
	Max    Amount // of the delegation, for OutOfAmount
	Name   string // of whom or what the reason is about: a person, a field
}

// Error implements error.
func (r *Refusal) Error() string { return r.Reason.Error() }

// Unwrap makes a Refusal match its Reason.
func (r *Refusal) Unwrap() error { return r.Reason }

// Is makes every Refusal match ErrPower.
func (r *Refusal) Is(target error) bool { return target == ErrPower }

// French says the refusal to the person who met it.
func (r *Refusal) French() string {
	switch r.Reason {
	case NotPublished:
		return "L’arrêté de délégation n’est pas encore publié."
	case NotTransmitted:
		return "L’arrêté de délégation n’est pas encore transmis au préfet."
	case NotNotified:
		return "L’arrêté de délégation n’est pas encore notifié au délégataire."
	case NotStarted:
		return "La délégation ne commence que le " + r.On.French() + "."
	case Ended:
		return "La délégation a pris fin le " + r.On.French() + "."
	case Withdrawn:
		return "La délégation est retirée depuis le " + r.On.French() + "."
	case OutOfType:
		return "La délégation ne couvre pas ce type de courrier."
	case OutOfClass:
		return "La délégation ne couvre pas cette catégorie d’actes."
	case OutOfDesk:
		return "La délégation ne couvre pas ce bureau."
	case OutOfAmount:
		return fmt.Sprintf("Le montant (%s) dépasse celui de la délégation (%s).", r.Amount.French(), r.Max.French())
	case AmountUnknown:
		return "La délégation est limitée par un montant, et le champ « " + r.Name + " » n’est pas renseigné."
	case CouncilMatter:
		return "Cette matière a été déléguée au maire par le conseil municipal : seule une subdélégation (article L2122-23) permet de la signer."
	default:
		return r.personal()
	}
}

// personal says the reasons that are about people.
func (r *Refusal) personal() string {
	switch r.Reason {
	case PrincipalPresent:
		return "La délégation ne vaut qu’en l’absence de " + r.Name + ", qui est présent(e)."
	case EarlierPresent:
		return r.Name + " vient avant dans l’ordre des délégataires et n’est pas absent(e)."
	case Chained:
		return "Le délégant tient lui-même son pouvoir d’une délégation : il ne peut pas le déléguer à son tour."
	case Away:
		return r.Name + " est absent(e) jusqu’au " + r.On.French() + "."
	case Impeded:
		return r.Name + " est empêché(e)."
	case MandateEnded:
		return "Le mandat ou les fonctions de " + r.Name + " ont pris fin le " + r.On.French() + "."
	case PrincipalGone:
		return "Le mandat de " + r.Name + ", qui avait donné la délégation, a pris fin le " + r.On.French() + "."
	case Inactive:
		return "Le compte de " + r.Name + " n’est pas actif."
	case Recused:
		return r.Name + " s’est déporté(e) de ce dossier."
	case PrincipalRecused:
		return r.Name + " s’est déporté(e) de ce dossier : une personne placée sous son autorité ne peut pas le signer, sauf à être désignée par l’arrêté de déport."
	default: // the reasons of French
		return "Cette personne ne peut pas agir."
	}
}

func refuse(r Reason, on Date, name string) error { return &Refusal{Reason: r, On: on, Name: name} }

// Allows says whether d, by its own words, covers act at desk on day at: its
// formalities, its dates and its scope. Who is absent, recused or gone is not
// in the arrêté: see Snapshot.Powers. It answers a *Refusal.
//
// Publication and transmission make an arrêté executory (CGCT L2131-1); one
// that delegates signature to an agent names that person, who is notified.
func Allows(d Delegation, act Act, desk circuits.DeskID, at Date) error {
	if err := d.inForce(at); err != nil {
		return err
	}
	return d.covers(act, desk)
}

// inForce checks formalities and dates.
func (d Delegation) inForce(at Date) error {
	switch {
	case d.Withdrawn != "" && d.Withdrawn <= at:
		return refuse(Withdrawn, d.Withdrawn, "")
	case d.Published == "" || d.Published > at:
		return refuse(NotPublished, d.Published, "")
	case d.Transmitted == "" || d.Transmitted > at:
		return refuse(NotTransmitted, d.Transmitted, "")
	case d.Basis == Signature && (d.Notified == "" || d.Notified > at):
		return refuse(NotNotified, d.Notified, "")
	case d.From > at:
		return refuse(NotStarted, d.From, "")
	case d.To != "" && d.To < at:
		return refuse(Ended, d.To, "")
	}
	return nil
}

// covers checks the scope.
func (d Delegation) covers(act Act, desk circuits.DeskID) error {
	within := func(code string) bool { return code == act.Type || slices.Contains(act.Within, code) }
	switch s := d.Scope; {
	case len(s.Desks) > 0 && !slices.Contains(s.Desks, desk):
		return refuse(OutOfDesk, "", "")
	case len(s.Types) > 0 && !slices.ContainsFunc(s.Types, within):
		return refuse(OutOfType, "", "")
	case len(s.Classes) > 0 && !slices.Contains(s.Classes, act.Class):
		return refuse(OutOfClass, "", "")
	case act.Council && d.Basis != SubDelegation:
		return refuse(CouncilMatter, "", "")
	case s.Limit == nil:
		return nil
	}
	limit := *d.Scope.Limit
	amount, known := act.Amounts[limit.Field]
	switch {
	case !known:
		return refuse(AmountUnknown, "", limit.Field)
	case amount > limit.Max:
		return &Refusal{Reason: OutOfAmount, Amount: amount, Max: limit.Max}
	}
	return nil
}

// Errors of the package. Match them with errors.Is.
var (
	ErrPower   = errors.New("no power to act here today")  // every Refusal
	ErrUnsound = errors.New("the delegation is not sound") // every Flaw
)

// A Flaw is what is wrong with a record, in French, for who typed it.
type Flaw struct {
	Field  string // "number", "from"...
	Reason string
}

// Error implements error.
func (f *Flaw) Error() string { return "unsound " + f.Field + ": " + f.Reason }

// Is makes every Flaw match ErrUnsound.
func (f *Flaw) Is(target error) bool { return target == ErrUnsound }

// Check says whether d can be recorded: what it must name, dates in order, a
// delegate whom its basis allows. elected tells whether the delegate is of the
// council. It answers a *Flaw.
func (d Delegation) Check(elected bool) error {
	switch {
	case strings.TrimSpace(d.Number) == "":
		return &Flaw{"number", "Indiquez le numéro de l’arrêté."}
	case !slices.Contains(Bases(), d.Basis):
		return &Flaw{"basis", "Choisissez le fondement : L2122-18, L2122-19 ou L2122-23."}
	case d.Delegator.Person == "" || d.Delegate.Person == "" || d.Delegator.Person == d.Delegate.Person:
		return &Flaw{"delegate", "Le délégant et le délégataire sont deux personnes différentes."}
	case strings.TrimSpace(d.Delegator.Quality) == "" || strings.TrimSpace(d.Delegate.Quality) == "":
		return &Flaw{"quality", "Indiquez la qualité du délégant et celle du délégataire, comme dans l’arrêté."}
	case d.Basis == Functions && !elected:
		return &Flaw{"basis", "Une délégation de fonctions (L2122-18) va à un adjoint ou à un conseiller municipal : donnez-lui son rang au tableau, ou choisissez L2122-19."}
	case d.Basis == Signature && elected:
		return &Flaw{"basis", "Une délégation de signature (L2122-19) va à un agent : pour un élu, choisissez L2122-18."}
	case d.Priority < 0:
		return &Flaw{"priority", "L’ordre des délégataires commence à 0."}
	}
	return cmp.Or(d.checkDates(), d.checkScope())
}

func (d Delegation) checkDates() error {
	for _, x := range []struct {
		field string
		Date
	}{{"published", d.Published}, {"notified", d.Notified}, {"transmitted", d.Transmitted}, {"to", d.To}, {"withdrawn", d.Withdrawn}} {
		if x.Date != "" && !x.Valid() {
			return &Flaw{x.field, "Cette date n’existe pas : écrivez-la comme 2026-03-31."}
		}
	}
	switch {
	case !d.Signed.Valid():
		return &Flaw{"signed", "Indiquez la date de l’arrêté, comme 2026-03-31."}
	case !d.From.Valid():
		return &Flaw{"from", "Indiquez le premier jour de la délégation, comme 2026-03-31."}
	case d.From < d.Signed:
		return &Flaw{"from", "Une délégation ne commence pas avant la date de son arrêté : elle n’a pas d’effet rétroactif."}
	case d.Published != "" && d.Published < d.Signed, d.Transmitted != "" && d.Transmitted < d.Signed, d.Notified != "" && d.Notified < d.Signed:
		return &Flaw{"signed", "L’arrêté est publié, notifié et transmis après avoir été signé : vérifiez les dates."}
	case d.To != "" && d.To < d.From:
		return &Flaw{"to", "La délégation finit avant de commencer."}
	}
	return nil
}

func (d Delegation) checkScope() error {
	for _, c := range d.Scope.Classes {
		if !slices.Contains(Classes(), c) {
			return &Flaw{"scope", "Choisissez les catégories d’actes parmi « courrier_simple » et « decision »."}
		}
	}
	if l := d.Scope.Limit; l != nil && (l.Field == "" || l.Max < 0) {
		return &Flaw{"limit", "Un plafond nomme le champ du montant et une somme positive."}
	}
	return nil
}
