package web

import (
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// letter is /dossiers/{id}.
func (s *server) letter(v *visit, w http.ResponseWriter, r *http.Request) error {
	d, err := s.view(v, r)
	if err != nil {
		return err
	}
	p := newLetterPage(d, *v.viewer.Person, s.calendar())
	p.frame = s.frame(v, d.Title, "bannettes")
	p.Body, p.Live, p.Vendor = "reading", string(d.ID), s.assets.vendor
	p.Scripts = []string{"js/letter.js", "js/decision.js"}
	if p.Alerts, err = s.keyAlerts(v, r); err != nil {
		return err
	}
	if p.Activate, err = s.activations(v, r); err != nil {
		return err
	}
	told, err := s.Office.Notices(r.Context(), v.viewer, d.ID)
	if err != nil {
		return err
	}
	p.Notices = noticeLines(told)
	if err := s.beside(v, r, d.ID, p); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, p)
}

// view reads the dossier that the address names.
func (s *server) view(v *visit, r *http.Request) (dossiers.View, error) {
	return s.Office.View(r.Context(), v.viewer, dossiers.ID(chi.URLParam(r, "id")))
}

// newLetterPage fills the page, but for its frame.
func newLetterPage(d dossiers.View, who dossiers.Person, c calendar) *letterPage {
	at := "/dossiers/" + string(d.ID)
	p := &letterPage{
		ID: string(d.ID), Rev: d.Rev(), Heading: d.Title, Recipient: to(d.Recipient), By: origin(d.Dossier),
		Number: "n°" + nbsp + strconv.FormatInt(d.Number, 10), Reference: d.ExternalReference, Note: d.Note,
		Phase: string(d.State.Phase), Back: "/bannettes", BackLabel: "Bannettes", Place: d.Place, Tray: d.Tray,
		Stops: stops(d, who, c), Banner: standing(d, who, c), History: story(d, c),
		SHA256: spaced(d.Main().Revision.SHA256.String()), Versions: d.State.Version,
	}
	if d.Tray > 0 {
		p.BackLabel = binLabel(dossiers.BinToDo)
		if d.Previous != "" {
			p.Previous = "/dossiers/" + string(d.Previous)
		}
		if d.Next != "" {
			p.Next = "/dossiers/" + string(d.Next)
		}
	}
	p.Strip = strip(d)
	p.Tags = append(p.Tags, tag{"", "file-text", d.TypeName})
	for _, doc := range d.Documents {
		p.Docs = append(p.Docs, newDocTab(at, doc))
	}
	if len(d.State.Decisions) > 0 {
		p.Evidence = at + "/preuve"
	}
	if d.Main().Signed() && d.State.SealingStep() < 0 {
		p.SignedPDF = p.Docs[0].Download
		p.Signers, p.Level = signers(d, c)
	}
	p.verbs(at, d.Can)
	return p
}

// origin says who deposited the letter.
func origin(d dossiers.Dossier) string {
	if d.Application != "" {
		return "par " + d.Drafter.Name + ", déposée par " + d.State.Depositor.Name
	}
	return "par " + d.Drafter.Name
}

// verbs lays out what the viewer may do: one act, one other verb, the rest
// behind « Plus ».
func (p *letterPage) verbs(at string, can dossiers.Verbs) {
	add := func(ok bool, v verb) {
		switch {
		case !ok:
		case p.Main == nil:
			p.Main = &v
		case p.Second == nil && v.Name != "withdraw" && p.Main.Name != "start":
			p.Second = &v
		default:
			p.More = append(p.More, v)
		}
	}
	add(p.SignedPDF != "" && !can.Decide(), verb{Name: "download", Label: "PDF signé", Icon: "download", URL: p.SignedPDF})
	add(can.Sign, verb{Name: "sign", Label: "Signer", Icon: "pen-line", URL: at + "/signer", Sheet: true})
	add(can.Visa, verb{Name: "visa", Label: "Viser", Icon: "user-check", URL: at + "/viser", Sheet: true})
	add(can.Refuse, verb{Name: "refuse", Label: "Refuser", Icon: "corner-up-left", URL: at + "/refuser", Sheet: true})
	add(can.Start, verb{Name: "start", Label: "Envoyer dans le circuit", Icon: "send", URL: at + "/envoyer", Post: true})
	correct := verb{Name: "correct", Label: "Corriger", Icon: "file-up", URL: at + "/corriger"}
	undo := verb{Name: "undo", Label: "Reprendre ma décision", Icon: "undo-2", URL: at + "/remords", Sheet: true}
	withdraw := verb{Name: "withdraw", Label: "Retirer la lettre", Icon: "trash-2", URL: at + "/retirer", Sheet: true}
	// A letter that merely travels has no act: its rare verbs stay folded.
	if p.Main == nil && p.Phase == string(circuits.Running) {
		for _, o := range []struct {
			ok bool
			verb
		}{{can.Undo, undo}, {can.Correct, correct}, {can.Withdraw, withdraw}} {
			if o.ok {
				p.More = append(p.More, o.verb)
			}
		}
		return
	}
	add(can.Correct, correct)
	add(can.Undo, undo)
	add(can.Withdraw, withdraw)
}

// newDocTab tells one document, with an address for each of its pages. The
// digest in addresses lets browsers keep what they name for ever.
func newDocTab(at string, d dossiers.Document) docTab {
	base := at + "/documents/" + strconv.Itoa(d.N)
	mark := "?v=" + d.Revision.SHA256.String()[:16]
	t := docTab{
		N: d.N, Label: "Lettre", File: d.Name, Pages: d.Pages, Text: base + "/texte", Content: base + "/contenu" + mark,
		Download: base + "/contenu?telecharger=1", SHA256: d.Revision.SHA256.String(), Annex: d.N > 1,
	}
	whose := "de la lettre"
	if t.Annex {
		t.Label = strings.TrimSuffix(d.Name, path.Ext(d.Name))
		whose = "de l’annexe «\u00a0" + t.Label + "\u00a0»"
	}
	t.Fact = count(d.Pages, "page", "pages") + ", " + size(d.Revision.Bytes)
	if !t.Annex && d.Pages > 1 {
		t.Fact = "Page 1 sur " + strconv.Itoa(d.Pages)
	}
	for n := 1; n <= d.Pages; n++ {
		t.Leaves = append(t.Leaves, leaf{
			Number: n, First: n == 1 && !t.Annex, Image: base + "/pages/" + strconv.Itoa(n) + ".png" + mark,
			Alt: "Page " + strconv.Itoa(n) + " " + whose + ". Le bouton «\u00a0En texte\u00a0» en donne le contenu.",
		})
	}
	return t
}

// spaced cuts a digest in groups that can be compared by eye.
func spaced(hex string) string {
	var b strings.Builder
	for i := 0; i < len(hex); i += 8 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(hex[i:min(i+8, len(hex))])
	}
	return b.String()
}

// stops draws the way of the letter: deposit, steps, return.
func stops(d dossiers.View, who dossiers.Person, c calendar) []stop {
	first := stop{State: "done", Title: "Dépôt", Lines: []string{d.Drafter.Name, c.moment(d.CreatedAt)}}
	if d.Application != "" {
		first.Lines[0] += ", par " + d.State.Depositor.Name
	}
	if d.State.Phase == circuits.Draft {
		first = stop{State: "now", Title: "Brouillon", Lines: []string{"Chez " + d.Drafter.Name}}
	}
	out := []stop{first}
	for i, st := range d.Path {
		out = append(out, stepStop(d, i, st, who, c))
	}
	last := stop{State: "todo", Title: "Retour et preuve", Lines: []string{"À venir\u00a0: la lettre signée revient à " + d.Drafter.Name + ", avec sa preuve."}}
	if d.State.Phase == circuits.Completed {
		last = stop{State: "done", Title: "Retour et preuve", Lines: []string{"La lettre signée et son dossier de preuve sont prêts.", c.moment(d.UpdatedAt)}}
	}
	return append(out, last)
}

// stepStop draws one step.
func stepStop(d dossiers.View, i int, st dossiers.PathStep, who dossiers.Person, c calendar) stop {
	s := stop{State: "todo", Title: st.Step.Title}
	switch st.Status {
	case circuits.Done:
		s.State = "done"
		s.Lines = decided(st, c)
	case circuits.Rejects:
		s.State = "stop"
		s.Lines = decided(st, c)
		if st.Decision != nil {
			s.Reason = st.Decision.Reason
		}
	case circuits.Sealing:
		s.State, s.Lines = "now", append(decided(st, c), "La signature se pose sur le PDF")
		if st.Awaiting != "" {
			s.Lines[len(s.Lines)-1], _, _ = awaiting(st.Awaiting)
		}
	case circuits.Open:
		s.State = "now"
		if d.State.Phase != circuits.Running {
			s.State = "todo"
		}
		s.Lines = []string{waitsFor(st, who)}
		s.Mine = i == d.Step
	case circuits.Ahead:
		if len(st.Holders) > 0 {
			s.Lines = []string{anyOf(holderNames(st.Holders))}
		} else {
			s.Lines = []string{st.Desk}
		}
	}
	return s
}

// decided tells who said what and when.
func decided(st dossiers.PathStep, c calendar) []string {
	if st.Decision == nil {
		return nil
	}
	did := map[circuits.Verdict]string{circuits.GivesVisa: "Visé par ", circuits.Signs: "Signé par ", circuits.Refuses: "Refusé par "}[st.Decision.Verdict]
	return []string{did + named(st.Decision.By.Name, st.Decision.By.Quality), c.moment(st.Decision.At)}
}

func holderNames(holders []dossiers.Holder) []string {
	var names []string
	for _, h := range holders {
		names = append(names, named(h.Name, h.Quality))
	}
	return names
}

// waitsFor says who may act at an open step.
func waitsFor(st dossiers.PathStep, who dossiers.Person) string {
	var able []string
	for _, h := range st.Holders {
		if h.Person == who.ID {
			return "À vous, " + h.Name
		}
		if h.Able {
			able = append(able, h.Name)
		}
	}
	if len(able) == 0 {
		return "Personne ne peut agir à ce bureau\u00a0: aucun titulaire n’a de clé d’accès"
	}
	return "Attend " + anyOf(able)
}

// strip is the way of the letter in a few words, for a phone.
func strip(d dossiers.View) string {
	visas := 0
	for _, st := range d.Path {
		if st.Decision != nil && st.Decision.Verdict == circuits.GivesVisa {
			visas++
		}
	}
	switch d.State.Phase {
	case circuits.Draft:
		return "Brouillon"
	case circuits.Refused:
		return "Refusée"
	case circuits.Withdrawn:
		return "Retirée du circuit"
	case circuits.Completed:
		return "Signée, circuit terminé"
	case circuits.Running: // below: it depends on the step
	}
	if d.Can.Decide() {
		if visas == 0 {
			return "À vous, en premier"
		}
		return "À vous, après " + count(visas, "visa", "visas")
	}
	for i, st := range d.Path {
		switch st.Status {
		case circuits.Sealing:
			return "Signature en cours"
		case circuits.Open:
			return "Étape " + strconv.Itoa(i+1) + " sur " + strconv.Itoa(len(d.Path)) + nbsp + ": " + st.Desk
		case circuits.Ahead, circuits.Done, circuits.Rejects:
		}
	}
	return "Voir le chemin"
}
