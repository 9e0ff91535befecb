package dossiers

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"parapheur/circuits"
	"parapheur/internal/slip"
)

// Slip writes the circulation slip of a dossier as a PDF, for people: who did
// what, when, in which capacity, and how the letter was sent. Nothing in it is
// of the hour at which it is asked for: a download that was cut can be resumed
// as long as the dossier did not change. It answers the
// dossier's number.
func (o *Office) Slip(ctx context.Context, v Viewer, id ID, w io.Writer) (int64, error) {
	view, err := o.View(ctx, v, id)
	if err != nil {
		return 0, err
	}
	notes, err := o.Store.Notes(ctx, v.Tenant.ID, id)
	if err != nil {
		return 0, err
	}
	sent, err := o.Store.Dispatches(ctx, v.Tenant.ID, id)
	if err != nil {
		return 0, err
	}
	c := clerk{o.LocationOf(v.Tenant.Territory)}
	s := slip.Slip{
		Town: v.Tenant.Name, Title: "Bordereau de circulation", Subject: view.Title, At: view.UpdatedAt, Facts: c.facts(view),
		Foot: "État du dossier au " + c.written(view.UpdatedAt) + ", établi par le parapheur. Pour information : seul le dossier de preuve fait preuve.",
	}
	s.Tables = append(s.Tables, c.path(view), c.decisions(view))
	if len(notes) > 0 {
		s.Tables = append(s.Tables, c.notes(notes))
	}
	if len(sent) > 0 {
		s.Tables = append(s.Tables, c.dispatches(sent))
	}
	return view.Number, s.Write(w)
}

// A clerk writes a slip, with the hours of the town.
type clerk struct{ zone *time.Location }

// written is an instant as people of the town write it.
func (c clerk) written(at time.Time) string {
	return at.In(c.zone).Format("02/01/2006 à 15:04")
}

func (c clerk) facts(v View) []slip.Fact {
	main := v.Main()
	facts := []slip.Fact{
		{Name: "Dossier", Value: "n° " + strconv.FormatInt(v.Number, 10) + ", " + phaseName(v.State.Phase)},
		{Name: "Destinataire", Value: v.Recipient},
		{Name: "Type de courrier", Value: v.TypeName},
	}
	if v.ExternalReference != "" {
		facts = append(facts, slip.Fact{Name: "Référence externe", Value: v.ExternalReference})
	}
	facts = append(facts,
		slip.Fact{Name: "Rédaction", Value: v.Drafter.Name},
		slip.Fact{Name: "Dépôt", Value: c.written(v.CreatedAt)},
		slip.Fact{Name: "Lettre", Value: main.Name + ", version " + strconv.Itoa(v.State.Version) + ", " + pages(main.Pages)},
		slip.Fact{Name: "Empreinte SHA-256", Value: main.Revision.SHA256.String()})
	for _, a := range v.Annexes() {
		facts = append(facts, slip.Fact{Name: "Annexe", Value: a.Name + ", " + pages(a.Pages)})
	}
	return facts
}

func pages(n int) string {
	if n == 1 {
		return "1 page"
	}
	return strconv.Itoa(n) + " pages"
}

func phaseName(p circuits.Phase) string {
	names := map[circuits.Phase]string{
		circuits.Draft: "en brouillon", circuits.Running: "dans son circuit", circuits.Refused: "refusé", circuits.Withdrawn: "retiré", circuits.Completed: "circuit terminé",
	}
	return names[p]
}

func (c clerk) path(v View) slip.Table {
	t := slip.Table{
		Heading: "Le circuit", Columns: []string{"Étape", "État", "Qui et quand"}, Wide: []float64{0.36, 0.17, 0.47}, None: "Aucun circuit : le dossier n’a pas été envoyé.",
	}
	if v.State.Circuit.Name != "" {
		t.Heading = "Le circuit « " + v.State.Circuit.Name + " »"
	}
	states := map[circuits.Status]string{
		circuits.Ahead: "à venir", circuits.Open: "en attente", circuits.Sealing: "signature en cours", circuits.Done: "fait", circuits.Rejects: "refusé",
		circuits.Skipped: "sans objet", circuits.Bypassed: "contournée", circuits.Blocked: "bloquée",
	}
	for i, st := range v.Path {
		t.Lines = append(t.Lines, []string{strconv.Itoa(i+1) + ". " + st.Step.Title + needed(st), states[st.Status], c.place(v, st)})
	}
	return t
}

// needed says how many must act at a step of several.
func needed(st PathStep) string {
	if len(st.Turns) < 2 || st.Step.Kind == circuits.Information {
		return ""
	}
	rule := map[circuits.Mode]string{
		circuits.All: "Tous doivent agir (ET)", circuits.Any: "Le premier suffit (OU)",
		circuits.Quorum: "Il en faut " + strconv.Itoa(st.Step.Need.N) + " sur " + strconv.Itoa(len(st.Turns)),
	}[st.Step.Need.Mode]
	if rule == "" {
		return ""
	}
	return "\n" + rule
}

// place says who acted at a step and when, turn by turn, or whom it waits for.
func (c clerk) place(v View, st PathStep) string {
	var out []string
	for _, t := range st.Turns {
		name := t.Desk
		if t.Person != "" && len(t.Holders) > 0 || name == "" {
			name = strings.Join(holderNames(t.Holders), " ou ")
		}
		switch k := t.Decision - 1; {
		case k >= 0 && k < len(v.State.Decisions) && t.Status != circuits.Open:
			x := v.State.Decisions[k]
			out = append(out, signatory(x.By)+", le "+c.written(x.At))
		case t.Status == circuits.Open:
			line := "Attend " + name
			if !st.State.Due.IsZero() {
				line += ", pour le " + st.State.Due.Add(-time.Second).In(c.zone).Format("02/01/2006")
			}
			out = append(out, line)
		case t.Status == circuits.Released:
			out = append(out, name+" : les autres ont suffi")
		case st.Status != circuits.Skipped && name != "":
			out = append(out, name)
		}
	}
	if len(out) == 0 && st.Decision != nil {
		out = append(out, signatory(st.Decision.By)+", le "+c.written(st.Decision.At))
	}
	if len(out) == 0 && st.Status != circuits.Skipped {
		out = append(out, st.Desk)
	}
	return strings.Join(out, "\n")
}

func holderNames(all []Holder) (out []string) {
	for _, h := range all {
		out = append(out, h.Name)
	}
	return out
}

func (c clerk) decisions(v View) slip.Table {
	t := slip.Table{
		Heading: "Les décisions", Columns: []string{"Quand", "Qui", "Décision"}, Wide: []float64{0.20, 0.38, 0.42}, None: "Personne n’a encore décidé.",
	}
	for _, d := range v.State.Decisions {
		t.Lines = append(t.Lines, []string{c.written(d.At), signatory(d.By), decided(d, v.State.Version)})
	}
	return t
}

// signatory is who decided, in which capacity, and for whom.
func signatory(a circuits.Actor) string {
	who := a.Name
	if a.Quality != "" {
		who += ", " + a.Quality
	}
	if a.For != nil && a.For.Mention != "" {
		who += "\n" + a.For.Mention
	}
	return who
}

// decided is a decision in words, with what it is worth today.
func decided(d circuits.Decision, version int) string {
	verdicts := map[circuits.Verdict]string{
		circuits.GivesVisa: "Visa", circuits.Signs: "Signature", circuits.Refuses: "Refus", circuits.Seals: "Cachet", circuits.Advises: "Avis",
		circuits.Records: "Acte fait hors du parapheur", circuits.Bypasses: "Étape contournée",
	}
	words := []string{verdicts[d.Verdict]}
	if words[0] == "" {
		words[0] = string(d.Verdict)
	}
	if d.Advice != nil {
		senses := map[circuits.Sense]string{circuits.Favourable: "favorable", circuits.Reserved: "favorable avec réserves", circuits.Unfavourable: "défavorable"}
		words[0] += " " + senses[d.Advice.Sense]
		if d.Advice.Text != "" {
			words = append(words, "« "+d.Advice.Text+" »")
		}
	}
	if d.Version != version {
		words[0] += ", sur la version " + strconv.Itoa(d.Version)
	}
	switch d.Standing {
	case circuits.Lapsed:
		words[0] += " (caduque)"
	case circuits.Undone:
		words[0] += " (reprise par son auteur)"
	case circuits.Maintained:
		words[0] += " (maintenue)"
	case circuits.Holds:
	}
	if d.Reason != "" {
		words = append(words, "« "+d.Reason+" »")
	}
	return strings.Join(words, "\n")
}

func (c clerk) notes(notes []Note) slip.Table {
	t := slip.Table{Heading: "Les remarques", Columns: []string{"Quand", "Qui", "Remarque"}, Wide: []float64{0.20, 0.28, 0.52}}
	for _, n := range notes {
		t.Lines = append(t.Lines, []string{c.written(n.At), n.By, n.Text})
	}
	return t
}

func (c clerk) dispatches(sent []Dispatch) slip.Table {
	t := slip.Table{Heading: "L’envoi", Columns: []string{"Quand", "Comment", "État"}, Wide: []float64{0.20, 0.42, 0.38}}
	for _, d := range sent {
		how := strings.Join(nonEmpty(ChannelName(d.Channel), d.Provider, d.Reference), ", ")
		state := strings.Join(nonEmpty(DispatchStatusName(d.Status), d.Detail), "\n")
		t.Lines = append(t.Lines, []string{c.written(d.OccurredAt), how, state})
	}
	return t
}

func nonEmpty(in ...string) (out []string) {
	for _, s := range in {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// ChannelName is a channel in French.
func ChannelName(channel string) string {
	return map[string]string{
		"courrier": "Courrier", "recommande": "Lettre recommandée", "recommande_electronique": "Lettre recommandée électronique", "courriel": "Courriel",
		"remise": "Remise en main propre", "teleservice": "Téléservice", "autre": "Autre envoi",
	}[channel]
}

// DispatchStatusName is what a carrier said, in French.
func DispatchStatusName(status string) string {
	return map[string]string{
		"prepared": "Préparé", "sent": "Envoyé", "delivered": "Distribué", "refused": "Refusé par le destinataire", "returned": "Retourné", "failed": "Non abouti",
	}[status]
}
