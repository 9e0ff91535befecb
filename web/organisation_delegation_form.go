package web

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
)

// A mentionAside is what the signature block will say.
type mentionAside struct{ Text, Name, State string }

// delegationValues are the fields of the form of an arrêté.
func delegationValues(d delegation.Delegation) url.Values {
	values := url.Values{
		"number": {d.Number}, "basis": {string(d.Basis)}, "signed": {string(d.Signed)}, "published": {string(d.Published)}, "notified": {string(d.Notified)},
		"transmitted": {string(d.Transmitted)}, "delegator": {string(d.Delegator.Person)}, "delegator_quality": {d.Delegator.Quality}, "delegator_article": {d.Delegator.Article},
		"delegate": {string(d.Delegate.Person)}, "delegate_quality": {d.Delegate.Quality}, "delegate_article": {d.Delegate.Article}, "types": d.Scope.Types,
		"from": {string(d.From)}, "to": {string(d.To)}, "absence_only": {flag(d.AbsenceOnly)}, "priority": {strconv.Itoa(d.Priority)},
	}
	for _, c := range d.Scope.Classes {
		values.Add("classes", string(c))
	}
	for _, x := range d.Scope.Desks {
		values.Add("desks", string(x))
	}
	if l := d.Scope.Limit; l != nil {
		values.Set("limit_field", l.Field)
		values.Set("limit_max", l.Max.String())
	}
	if !d.Arrete.IsZero() {
		values.Set("pdf_sha256", d.Arrete.String())
	}
	return values
}

// delegationFrom reads the form over what is not in it.
func delegationFrom(values url.Values, d delegation.Delegation) (delegation.Delegation, error) {
	day := func(name string) delegation.Date { return delegation.Date(trimmed(values, name)) }
	party := func(who string) delegation.Party {
		return delegation.Party{Person: circuits.PersonID(values.Get(who)), Quality: trimmed(values, who+"_quality"), Article: values.Get(who + "_article")}
	}
	d.Number, d.Basis = trimmed(values, "number"), delegation.Basis(values.Get("basis"))
	d.Signed, d.Published, d.Notified, d.Transmitted = day("signed"), day("published"), day("notified"), day("transmitted")
	d.Delegator, d.Delegate, d.From, d.To, d.AbsenceOnly = party("delegator"), party("delegate"), day("from"), day("to"), values.Get("absence_only") != ""
	d.Scope = delegation.Scope{Types: values["types"]}
	for _, c := range values["classes"] {
		d.Scope.Classes = append(d.Scope.Classes, delegation.Class(c))
	}
	for _, x := range values["desks"] {
		d.Scope.Desks = append(d.Scope.Desks, circuits.DeskID(x))
	}
	d.Arrete = digestIn(values, "pdf_sha256")
	d.Priority = 0
	if p := trimmed(values, "priority"); p != "" {
		n, err := strconv.Atoi(p)
		if err != nil {
			return d, &dossiers.InvalidError{Field: "priority", Reason: "Écrivez le rang en chiffres : 0, 1, 2…"}
		}
		d.Priority = n
	}
	return d, limitFrom(values, &d)
}

// digestIn reads a SHA-256 of a form; what is none is zero.
func digestIn(values url.Values, name string) (out circuits.Digest) {
	if raw, err := hex.DecodeString(values.Get(name)); err == nil && len(raw) == len(out) {
		copy(out[:], raw)
	}
	return out
}

func limitFrom(values url.Values, d *delegation.Delegation) error {
	field, sum := values.Get("limit_field"), trimmed(values, "limit_max")
	switch {
	case field == "" && sum == "":
		return nil
	case field == "":
		return &dossiers.InvalidError{Field: "limit", Reason: "Dites dans quel champ se lit le montant."}
	}
	amount, err := delegation.ParseAmount(sum)
	if err != nil {
		return &dossiers.InvalidError{Field: "limit_max", Reason: "Écrivez une somme, par exemple 40000 ou 40000,50."}
	}
	d.Scope.Limit = &delegation.Limit{Field: field, Max: amount}
	return nil
}

func delegationPage(g dossiers.Organisation, d delegation.Delegation, values url.Values, wrong error, today delegation.Date) *formPage {
	f := newFiche(values, wrong)
	p := &formPage{
		Nav: "delegations", Back: choice{"/administration/delegations", "Les délégations"}, Submit: "Enregistrer", File: true, Heading: "Arrêté " + d.Number,
		Action: "/administration/delegations/" + string(d.ID),
	}
	if d.ID == "" {
		p.Heading, p.Action = "Une nouvelle délégation", "/administration/delegations/"+newID
	}
	p.Parts = []formPart{arretePart(f), partiesPart(f, g), scopePart(f, g), timePart(f), pdfPart(f)}
	p.Problem = f.problem(wrong)
	typed, _ := delegationFrom(values, d)
	p.Mention = newMention(g, typed, today)
	if d.ID != "" && d.Withdrawn == "" {
		p.Withdraw = "/administration/delegations/" + string(d.ID) + "/retrait"
	}
	if d.ID != "" && !d.Arrete.IsZero() {
		p.Document = "/administration/delegations/" + string(d.ID) + "/arrete"
	}
	if d.Withdrawn != "" {
		p.Closed = "Cette délégation est retirée depuis le " + d.Withdrawn.French() + "."
	}
	return p
}

func arretePart(f *fiche) formPart {
	return formPart{ID: "arrete", Title: "L’arrêté", Hint: typeset("Une délégation ne vaut qu’une fois l’arrêté publié et transmis, et notifié à l’agent pour L2122-19. Laissez vide ce qui n’est pas fait."), Controls: []setting{
		must(f.text("number", "Numéro", "« 2026-041 ».", 60)),
		f.one("radios", "basis", "Fondement (CGCT)", "", []option{
			{Value: string(delegation.Functions), Label: "L2122-18 : délégation de fonctions", Hint: "À un adjoint ou à un conseiller."},
			{Value: string(delegation.Signature), Label: "L2122-19 : délégation de signature", Hint: "Au DGS, aux DGA, au DST, aux responsables de service."},
			{Value: string(delegation.SubDelegation), Label: "L2122-23 : subdélégation", Hint: "D’une matière que le conseil a déléguée au maire."},
		}),
		must(f.date("signed", "Signé le", "")), f.date("published", "Publié le", ""), f.date("transmitted", "Transmis au préfet le", ""), f.date("notified", "Notifié au délégataire le", ""),
	}}
}

func partiesPart(f *fiche, g dossiers.Organisation) formPart {
	people := memberOptions(g, "Choisir…", active)
	articles := []option{{Label: "Calculé"}, {Value: "le", Label: "le"}, {Value: "la", Label: "la"}, {Value: "l’", Label: "l’"}}
	party := func(who, label, hint string) []setting {
		return []setting{
			must(f.one("select", who, label, "", people)), must(f.text(who+"_quality", "Sa qualité", hint, 120, "quality")),
			f.one("select", who+"_article", "Article devant la qualité", "Calculé d’après la civilité, sauf si l’arrêté en impose un.", articles),
		}
	}
	return formPart{ID: "parties", Title: "De qui à qui", Controls: append(party("delegator", "Délégant", "« Maire »."), party("delegate", "Délégataire", "« Directeur général des services ».")...)}
}

func scopePart(f *fiche, g dossiers.Organisation) formPart {
	fields := []option{{Label: "Aucun"}}
	seen := map[string]bool{}
	for _, y := range g.Types {
		for _, x := range y.Metadata {
			if !seen[x.Name] && (x.Type == "decimal" || x.Type == "integer") {
				seen[x.Name] = true
				fields = append(fields, option{Value: x.Name, Label: x.Label})
			}
		}
	}
	return formPart{ID: "etendue", Title: "L’étendue", Hint: typeset("Rien de coché : tout ce que signe le délégant. Hors de l’étendue, l’acte est refusé, et la page dit pourquoi."), Controls: []setting{
		f.many("types", "Types de courrier", "", typeOptions(g, ""), "scope"),
		f.many("classes", "Catégories d’actes", "", []option{{Value: string(delegation.Letter), Label: "Courrier simple"}, {Value: string(delegation.Decision), Label: "Décision"}}),
		f.many("desks", "Bureaux du délégant", "", deskOptions(g, "")),
		f.one("select", "limit_field", "Montant lu dans le champ", "", fields, "limit"), f.text("limit_max", "Jusqu’à, en euros", "Un montant inconnu est refusé.", 20, "limit_max", "scope.limit"),
	}}
}

func timePart(f *fiche) formPart {
	return formPart{ID: "duree", Title: "La durée et l’ordre", Controls: []setting{
		must(f.date("from", "À partir du", "")), f.date("to", "Jusqu’au", "Vide : jusqu’au retrait ou à la fin du mandat."),
		f.check("absence_only", "Seulement en l’absence du délégant", "Tant qu’il est là, le délégataire n’agit pas."),
		f.text("priority", "Rang entre plusieurs délégataires", "0 : en premier. Un rang plus élevé n’agit que si les précédents sont absents.", 3),
	}}
}

func pdfPart(f *fiche) formPart {
	hint := "Gardé à l’octet près, signature comprise."
	if f.values.Get("pdf_sha256") != "" {
		hint = "Un PDF est déjà joint. En choisir un autre le remplace."
	}
	return formPart{ID: "pdf", Title: "Le PDF de l’arrêté", Controls: []setting{{Kind: "hidden", Name: "pdf_sha256", Value: f.values.Get("pdf_sha256")}, f.control("file", "pdf", "Fichier", hint)}}
}

// newMention computes what the form says so far.
func newMention(g dossiers.Organisation, d delegation.Delegation, today delegation.Date) *mentionAside {
	m := &mentionAside{}
	_, from := g.Member(d.Delegator.Person)
	_, to := g.Member(d.Delegate.Person)
	if !from || !to || d.Delegator.Quality == "" || d.Delegate.Quality == "" {
		return m
	}
	_, why := stageOf(g, d, today)
	m.Text, m.Name, m.State = typeset(mentionOf(g, d)), memberName(g, d.Delegate.Person), typeset(why)
	return m
}

func (s *server) delegationForm(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	d, err := delegationAsked(g, r)
	if err != nil {
		return err
	}
	values := delegationValues(d)
	if d.ID == "" {
		values.Set("basis", string(delegation.Signature))
		if i := mayorOf(g); i >= 0 {
			values.Set("delegator", string(g.People[i].ID))
			values.Set("delegator_quality", "Maire")
		}
	}
	p := delegationPage(g, d, values, nil, s.today(v))
	if d.ID != "" {
		p.from(d, values, values, nil)
	}
	return s.showDelegation(v, w, r, http.StatusOK, p)
}

// mayorOf finds the first of the tableau, or -1.
func mayorOf(g dossiers.Organisation) int {
	for i, m := range g.People {
		if m.Rank == 1 && !m.Inactive {
			return i
		}
	}
	return -1
}

func (s *server) showDelegation(v *visit, w http.ResponseWriter, r *http.Request, status int, p *formPage) error {
	p.frame = s.frame(v, p.Heading, "administration")
	p.Scripts = []string{"js/organisation.js"}
	return s.show(w, r, status, p)
}

// previewMention answers the mention of a form being filled.
func (s *server) previewMention(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	d, _ := delegationFrom(r.PostForm, delegation.Delegation{}) // half-filled forms have a mention too
	m := newMention(g, d, s.today(v))
	return reply(w, http.StatusOK, struct {
		Text  string `json:"text"`
		Name  string `json:"name"`
		State string `json:"state"`
	}{m.Text, m.Name, m.State})
}

func (s *server) setDelegation(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	was, err := delegationAsked(g, r)
	if err != nil {
		return err
	}
	values, wrong, err := s.receiveForm(v, r, "pdf_sha256")
	if err != nil {
		return err
	}
	show := func(status int, wrong error) error {
		p := delegationPage(g, was, values, wrong, s.today(v))
		if was.ID != "" {
			p.from(was, values, delegationValues(was), wrong)
		}
		return s.showDelegation(v, w, r, status, p)
	}
	if values.Get("faire") == "apercu" {
		return show(http.StatusOK, nil)
	}
	d, read := delegationFrom(values, was)
	if wrong == nil {
		wrong = read
	}
	if wrong == nil && d.Arrete != was.Arrete && !d.Arrete.IsZero() {
		wrong = s.onlyKept(v, r, d.Arrete)
	}
	if wrong == nil {
		_, wrong = s.Office.AmendIf(r.Context(), v.viewer, unmoved(values, func(g dossiers.Organisation) any {
			d, _ := delegationOf(g, was.ID)
			return d
		}), dossiers.DelegationSet{Delegation: d})
	}
	if status, told := again(wrong); told {
		return show(status, wrong)
	}
	if wrong != nil {
		return wrong
	}
	return saying(w, r, "/administration/delegations", "gardee")
}

// onlyKept refuses the digest of what was not uploaded here.
func (s *server) onlyKept(v *visit, r *http.Request, digest circuits.Digest) error {
	kept, err := s.Office.Kept(r.Context(), v.viewer, digest)
	if err == nil && !kept {
		return &dossiers.InvalidError{Field: "pdf", Reason: "Choisissez de nouveau le PDF."}
	}
	return err
}

// receiveForm reads a form with at most one file, which an administrator
// keeps: its digest is written in the field named into. A file that is refused
// is told; the rest of the form is read all the same.
func (s *server) receiveForm(v *visit, r *http.Request, into string) (values url.Values, refused, err error) {
	values = url.Values{}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, nil, &dossiers.InvalidError{Field: "form", Reason: "Le formulaire n’a pas pu être lu."}
	}
	trusted, read := false, 0
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read a form: %w", err)
		}
		if part.FileName() != "" {
			if !trusted {
				return nil, nil, errForged
			}
			if refused, err = s.keepPart(v, r, part, values, into); err != nil {
				return nil, nil, err
			}
			continue
		}
		value, err := io.ReadAll(io.LimitReader(part, maxField))
		if err != nil {
			return nil, nil, fmt.Errorf("read a form: %w", err)
		}
		if read++; read > maxFormFields {
			return nil, nil, &dossiers.InvalidError{Field: "form", Reason: "Ce formulaire a trop de champs."}
		}
		values.Add(part.FormName(), string(value))
		trusted = trusted || part.FormName() == "csrf" && sameToken(string(value), v.session.CSRF)
	}
	if !trusted {
		return nil, nil, errForged
	}
	return values, refused, nil
}

// maxFormFields bounds what a form may hold.
const maxFormFields = 2000

func (s *server) keepPart(v *visit, r *http.Request, part *multipart.Part, values url.Values, into string) (refused, err error) {
	digest, err := s.Office.KeepDocument(r.Context(), v.viewer, part)
	if _, told := again(err); told {
		return err, nil
	}
	if err != nil {
		return nil, err
	}
	values.Set(into, digest.String())
	return nil, nil
}

// arrete sends the PDF of an arrêté, as it was received.
func (s *server) arrete(v *visit, w http.ResponseWriter, r *http.Request) error {
	g, err := s.setup(v, r)
	if err != nil {
		return err
	}
	d, err := delegationAsked(g, r)
	if err != nil {
		return err
	}
	b, _, err := s.Office.Arrete(r.Context(), v.viewer, d.ID)
	if err != nil {
		return err
	}
	defer b.Close() //nolint:errcheck // read only
	return s.download(w, r, "application/pdf", "arrete-"+plainName(d.Number)+".pdf", func(out io.Writer) error {
		_, err := io.Copy(out, io.NewSectionReader(b, 0, b.Size()))
		return err
	})
}

// plainName keeps of s what any file system and any header take.
func plainName(s string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, s), "-")
}
