package web

import (
	"cmp"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"parapheur/dossiers"
)

// letter is /dossiers/{id}.
func (s *server) letter(v *visit, w http.ResponseWriter, r *http.Request) error {
	d, err := s.viewIn(v, r)
	if err != nil {
		return err
	}
	p := newLetterPage(d, *v.viewer.Person, s.calendar(v))
	p.frame = s.frame(v, d.Title, "bannettes")
	p.Said = saidDone(r.URL.Query().Get("fait"))
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
	blocks, err := s.Office.Blocks(r.Context(), v.viewer, d.ID)
	if err != nil {
		return err
	}
	p.Blocks = blockLines(blocks)
	if err := s.beside(v, r, d.ID, p); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, p)
}

// view reads the dossier that the address names.
func (s *server) view(v *visit, r *http.Request) (dossiers.View, error) {
	return s.Office.View(r.Context(), v.viewer, dossiers.ID(chi.URLParam(r, "id")))
}

// viewIn reads the dossier among its neighbours in the bin that the address
// names.
func (s *server) viewIn(v *visit, r *http.Request) (dossiers.View, error) {
	return s.Office.ViewIn(r.Context(), v.viewer, dossiers.ID(chi.URLParam(r, "id")), binAsked(r))
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
		p.Back, p.BackLabel = binAddress(d.Bin), binLabel(cmp.Or(d.Bin, dossiers.BinToDo))
		if d.Previous != "" {
			p.Previous = inBin("/dossiers/"+string(d.Previous), d.Bin)
		}
		if d.Next != "" {
			p.Next = inBin("/dossiers/"+string(d.Next), d.Bin)
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
	p.Deleg, p.Why, p.Question = inPlaceOf(d), why(d), question(d, c)
	p.Metadata, p.Chrono = metadataLines(d.Fields(), d.Filing.Values), d.Filing.Number
	if d.Files() {
		p.MetadataURL = at + "/informations"
	}
	p.Readings, p.Recusals = readings(d, c), recusals(d, c)
	p.MustRead, p.Seen = d.Unread(), d.Main().Revision.SHA256.String()
	if d.State.SupersededBy != "" {
		p.Replaced = follow(dossiers.ID(d.State.SupersededBy))
	}
	p.verbs(at, d, who)
	return p
}

// origin says who deposited the letter.
func origin(d dossiers.Dossier) string {
	if d.Application != "" {
		return "par " + d.Drafter.Name + ", déposée par " + d.State.Depositor.Name
	}
	return "par " + d.Drafter.Name
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

// blockLines tells what gave way when signatures were laid out, and where the
// blocks are.
func blockLines(blocks []dossiers.Block) (out []noticeLine) {
	for _, b := range blocks {
		one := noticeLine{Document: b.Title, Text: typeset("bloc page " + strconv.Itoa(b.Page)), Warn: b.Notice != ""}
		switch {
		case b.Notice != "" && b.Page > 0:
			one.Text += typeset(" : " + b.Notice.French())
		case b.Notice != "":
			one.Text = typeset(b.Notice.French())
		case b.Page == 0:
			one.Text = "signature sans bloc visible"
		}
		one.Text += "."
		out = append(out, one)
	}
	return out
}
