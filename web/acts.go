package web

import (
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
)

// actPage is the form of an act that needs no gesture: an opinion asked or
// given, a transfer, a recusal, a departure.
type actPage struct {
	frame
	ID, Back, Letter   string
	Heading, Say       string
	URL                string // where the form goes
	Seen               string // SHA-256 of the letter as it is shown
	Bin                string
	Return             string // the decision to come back to, or empty
	Fields             []control
	Fine               []string
	Problem            string
	Name, Go, Icon     string // of the button
	Grave              bool   // it takes something away
	Quote              string // what the person answers
	QuoteTitle, Answer string
}

// A form is one act: who may, what it asks, what it does, where it leads.
type form struct {
	allowed func(dossiers.View) bool
	fill    func(s *server, v *visit, r *http.Request, d dossiers.View, p *actPage) error
	do      func(s *server, v *visit, r *http.Request, d dossiers.View) error
	// leaves says that the letter leaves the viewer's tray: they land on the
	// next one of the bin.
	leaves bool
	done   string // said after it
}

// formOf returns the act at an address.
func formOf(name string) form {
	switch name {
	case "demander-avis":
		return form{func(d dossiers.View) bool { return d.Can.Ask }, fillAsk, doAsk, false, "avis-demande"}
	case "repondre":
		return form{func(d dossiers.View) bool { return d.Can.Answer }, fillAnswer, doAnswer, true, "avis-rendu"}
	case "transferer":
		return form{func(d dossiers.View) bool { return d.Can.Transfer }, fillTransfer, doTransfer, true, "transfert"}
	case "deport":
		return form{func(d dossiers.View) bool { return d.Can.Recuse }, fillRecuse, doRecuse, true, "deport"}
	case "remplacer":
		return form{func(d dossiers.View) bool { return d.Can.Supersede }, fillSupersede, doSupersede, false, "remplacement"}
	case "partir":
		return form{func(d dossiers.View) bool { return d.Can.Start }, fillDepart, doDepart, false, "depart"}
	case "recycler":
		return form{func(d dossiers.View) bool { return d.Can.Recycle }, fillRecycle, doRecycle, false, "recyclage"}
	}
	return form{dossiers.View.Files, fillMetadata, doMetadata, false, "informations"}
}

// saidDone is the sentence that follows an act.
func saidDone(code string) string {
	return map[string]string{
		"avis-demande": "Votre demande d’avis est partie.", "avis-rendu": "Votre avis est rendu à la personne qui l’a demandé.",
		"transfert": "La lettre est transférée.", "deport": "Votre déport est inscrit au journal du dossier.",
		"remplacement": "La lettre est remplacée.", "depart": "La lettre est partie dans son circuit.", "recyclage": "La lettre est repartie dans son circuit.",
		"informations": "Les informations sont enregistrées.", "lecture": "Votre lecture est inscrite au journal du dossier.",
	}[code]
}

// actForm shows the form of an act.
func (s *server) actForm(v *visit, w http.ResponseWriter, r *http.Request) error {
	return s.showForm(v, w, r, http.StatusOK, nil)
}

func (s *server) showForm(v *visit, w http.ResponseWriter, r *http.Request, status int, why error) error {
	name := chi.URLParam(r, "form")
	f := formOf(name)
	d, err := s.viewIn(v, r)
	if err != nil {
		return err
	}
	if !f.allowed(d) {
		return circuits.ErrState
	}
	at := "/dossiers/" + string(d.ID)
	p := &actPage{
		ID: string(d.ID), Back: inBin(at, d.Bin), Letter: d.Title, URL: at + "/" + name, Seen: d.Main().Revision.SHA256.String(),
		Bin: string(binAsked(r)), Return: returnTo(r.FormValue("retour")), Name: name, Icon: "check", Go: "Enregistrer",
	}
	if err := f.fill(s, v, r, d, p); err != nil {
		return err
	}
	p.refill(r.PostForm)
	p.blame(why)
	p.frame = s.frame(v, p.Heading, "bannettes")
	p.Body = "sheet-page"
	return s.show(w, r, status, p)
}

// refill gives the fields what was typed.
func (p *actPage) refill(typed url.Values) {
	for i := range p.Fields {
		c := &p.Fields[i]
		if values, ok := typed[c.Name]; ok {
			if c.Value = values[0]; c.Kind == "check" {
				c.Value = "1"
			}
			c.choose(values...)
		}
	}
}

// blame puts what is wrong beside its field, or above them all.
func (p *actPage) blame(why error) {
	if why == nil {
		return
	}
	told := problemOf(why)
	if invalid, ok := isField(why); ok {
		for i := range p.Fields {
			if p.Fields[i].Name == invalid.Field {
				p.Fields[i].Error = typeset(invalid.Reason)
				return
			}
		}
	}
	p.Problem = told.Title + ". " + told.Detail
}

// actDone does the act and lands where its person goes on.
func (s *server) actDone(v *visit, w http.ResponseWriter, r *http.Request) error {
	f := formOf(chi.URLParam(r, "form"))
	d, err := s.viewIn(v, r)
	if err != nil {
		return err
	}
	if !f.allowed(d) {
		return circuits.ErrState
	}
	if err := f.do(s, v, r, d); err != nil {
		if told := problemOf(err); told.Status < http.StatusInternalServerError && told.Status != http.StatusUnauthorized {
			return s.showForm(v, w, r, told.Status, err)
		}
		return err
	}
	return goTo(w, r, landing(d, r, f))
}

// landing is where an act leads: back to the decision that asked for it, to
// the next letter of the bin when this one left it, or to the letter.
func landing(d dossiers.View, r *http.Request, f form) string {
	to := "/dossiers/" + string(d.ID)
	switch back := returnTo(r.FormValue("retour")); {
	case back != "":
		return inBin(to+"/"+back, d.Bin)
	case f.leaves && d.Next != "":
		to = "/dossiers/" + string(d.Next)
	case f.leaves:
		to = "/bannettes"
	}
	q := url.Values{"fait": {f.done}}
	if d.Bin != "" && d.Bin != dossiers.BinToDo {
		q.Set("bannette", string(d.Bin))
	}
	return to + "?" + q.Encode()
}

// returnTo keeps the names of pages of decisions, and nothing else.
func returnTo(name string) string {
	switch name {
	case "viser", "signer", "cacheter", "avis", "externe", "refuser":
		return name
	}
	return ""
}

func fillAsk(s *server, v *visit, r *http.Request, _ dossiers.View, p *actPage) error {
	desks, people, err := s.Office.Colleagues(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	p.Heading, p.Go, p.Icon = "Demander un avis complémentaire", "Demander l’avis", "send"
	p.Say = "La lettre reste chez vous\u00a0: c’est vous qui décidez, avec l’avis ou sans lui."
	more := recipientControl("to2", "Et aussi (facultatif)", desks, people, v.viewer.Person.ID)
	to := recipientControl("to", "À qui", desks, people, v.viewer.Person.ID)
	to.Required = true
	p.Fields = []control{
		to, more,
		{Kind: "area", Name: "question", Label: "Votre question", Required: true, Max: 2000},
		{Kind: "text", Type: "number", Name: "days", Label: "Délai de réponse, en jours ouvrés (facultatif)", Max: 3},
		{Kind: "check", Name: "waits", Label: "Attendre la réponse avant de décider", Hint: "Ou la fin du délai. Sinon, vous pouvez décider sans elle."},
	}
	return nil
}

func doAsk(s *server, v *visit, r *http.Request, d dossiers.View) error {
	q := dossiers.Consultation{Question: r.PostForm.Get("question"), Waits: r.PostForm.Get("waits") != "", Days: days(r.PostForm.Get("days"))}
	q.To = []circuits.Recipient{recipientFrom(r.PostForm.Get("to"))}
	if more := recipientFrom(r.PostForm.Get("to2")); more != (circuits.Recipient{}) {
		q.To = append(q.To, more)
	}
	_, err := s.Office.AskOpinion(r.Context(), v.viewer, d.ID, q)
	return err
}

func fillAnswer(_ *server, _ *visit, _ *http.Request, d dossiers.View, p *actPage) error {
	p.Heading, p.Go, p.Icon = "Répondre à la demande d’avis", "Rendre mon avis", "send"
	p.QuoteTitle, p.Quote = d.Question.By.Name+" demande", d.Question.Question
	p.Fields = []control{senseControl(), {Kind: "area", Name: "advice", Label: "En quelques mots", Hint: "Nécessaire si l’avis est réservé ou défavorable.", Max: 4000}}
	p.Fine = []string{"Votre avis revient à " + d.Question.By.Name + ", qui décide. Il est gardé au journal du dossier."}
	return nil
}

func doAnswer(s *server, v *visit, r *http.Request, d dossiers.View) error {
	seen, err := seenIn(r)
	if err != nil {
		return err
	}
	_, err = s.Office.GiveOpinion(r.Context(), v.viewer, d.ID, circuits.Advice{Sense: circuits.Sense(r.PostForm.Get("sense")), Text: r.PostForm.Get("advice")}, seen)
	return err
}

// seenIn reads the digest of the letter that a form was shown with.
func seenIn(r *http.Request) (seen circuits.Digest, err error) {
	if seen.UnmarshalText([]byte(r.PostForm.Get("seen"))) != nil {
		return seen, circuits.ErrStale
	}
	return seen, nil
}

func fillTransfer(s *server, v *visit, r *http.Request, _ dossiers.View, p *actPage) error {
	desks, people, err := s.Office.Colleagues(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	p.Heading, p.Go, p.Icon, p.Grave = "Transférer la lettre", "Transférer", "send", true
	p.Say = "Vous donnez la main pour de bon\u00a0: la lettre quitte votre bannette, et la décision revient à la personne ou au bureau que vous choisissez."
	to := recipientControl("to", "À qui", desks, people, v.viewer.Person.ID)
	to.Required = true
	p.Fields = []control{to, {Kind: "area", Name: "reason", Label: "Pourquoi (facultatif)", Max: 2000}}
	return nil
}

func doTransfer(s *server, v *visit, r *http.Request, d dossiers.View) error {
	_, err := s.Office.Transfer(r.Context(), v.viewer, d.ID, recipientFrom(r.PostForm.Get("to")), r.PostForm.Get("reason"))
	return err
}

func fillRecuse(s *server, v *visit, r *http.Request, _ dossiers.View, p *actPage) error {
	_, people, err := s.Office.Colleagues(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	p.Heading, p.Go, p.Icon, p.Grave = "Me déporter de ce dossier", "Me déporter", "minus", true
	p.Say = "Si l’affaire touche à vos intérêts, vous n’y décidez plus et n’y donnez plus d’instruction. C’est définitif pour ce dossier."
	substitute := recipientControl("substitute", "Suppléant désigné par l’arrêté (facultatif)", nil, people, v.viewer.Person.ID)
	substitute.Groups = []optionGroup{{Options: []listed{{Label: "Personne"}}}, substitute.Groups[2]}
	p.Fields = []control{
		{Kind: "area", Name: "motive", Label: "Pourquoi", Hint: "En quelques mots\u00a0: le journal du dossier le gardera.", Required: true, Max: 2000},
		substitute,
		{Kind: "text", Type: "text", Name: "number", Label: "Numéro de l’arrêté de déport (facultatif)", Max: 60},
	}
	return nil
}

func doRecuse(s *server, v *visit, r *http.Request, d dossiers.View) error {
	return s.Office.Recuse(r.Context(), v.viewer, d.ID, delegation.Recusal{
		Person: v.viewer.Person.ID, Motive: r.PostForm.Get("motive"), Substitute: recipientFrom(r.PostForm.Get("substitute")).Person,
		Number: r.PostForm.Get("number"),
	})
}

// fillSupersede offers the letters of the drafter that may replace this one.
func fillSupersede(s *server, v *visit, r *http.Request, d dossiers.View, p *actPage) error {
	p.Heading, p.Go, p.Icon, p.Grave = "Remplacer par une autre lettre", "Remplacer", "copy", true
	p.Say = "Cette lettre sort du circuit pour de bon, et renvoie à celle qui la remplace."
	by := control{Kind: "select", Name: "by", Label: "La lettre qui la remplace", Required: true, Groups: []optionGroup{{Options: []listed{{Label: "Choisissez"}}}}}
	for _, b := range []dossiers.Bin{dossiers.BinDrafts, dossiers.BinFollowed, dossiers.BinReturned, dossiers.BinCompleted} {
		rows, _, err := s.Office.List(r.Context(), v.viewer, b, dossiers.Page{Limit: 50})
		if err != nil {
			return err
		}
		g := optionGroup{Label: binLabel(b)}
		for _, row := range rows {
			if row.ID != d.ID {
				g.Options = append(g.Options, listed{Value: string(row.ID), Label: "n°" + nbsp + number(row.Number) + ", " + row.Title})
			}
		}
		if len(g.Options) > 0 {
			by.Groups = append(by.Groups, g)
		}
	}
	p.Fields = []control{by, {Kind: "area", Name: "reason", Label: "Pourquoi (facultatif)", Max: 2000}}
	return nil
}

func doSupersede(s *server, v *visit, r *http.Request, d dossiers.View) error {
	by := r.PostForm.Get("by")
	if by == "" {
		return &dossiers.InvalidError{Field: "by", Reason: "Choisissez la lettre qui la remplace."}
	}
	_, err := s.Office.Supersede(r.Context(), v.viewer, d.ID, dossiers.ID(by), r.PostForm.Get("reason"))
	return err
}
