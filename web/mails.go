package web

import (
	"net/http"
	"net/url"

	"parapheur/dossiers"
)

// newMailsPage builds the form of the mails that somebody wants.
func newMailsPage(values url.Values, wrong error) *formPage {
	f := newFiche(values, wrong)
	p := &formPage{
		Heading: "Mes courriels", Action: "/mes-courriels", Mine: "/mes-courriels", Back: choice{"/bannettes", "Bannettes"}, Submit: "Enregistrer",
		Lead: typeset("Ce que le parapheur vous écrit. Aucun courriel ne contient de document, et aucun lien n’ouvre rien sans votre clé d’accès."),
	}
	p.Parts = []formPart{
		{ID: "attente", Title: "Ce qui vous attend", Controls: []setting{f.one("radios", "waiting", "Être averti", "", []option{
			{Value: "", Label: "Comme votre collectivité l’a réglé"},
			{Value: string(dossiers.MailEach), Label: "À chaque lettre", Hint: "Un courriel dès qu’une lettre vous attend."},
			{Value: string(dossiers.MailDigest), Label: "Une fois par jour", Hint: "Le matin des jours ouvrés : combien de lettres, dont combien en retard."},
			{Value: string(dossiers.MailBoth), Label: "À chaque lettre, et une fois par jour"},
			{Value: string(dossiers.MailReminders), Label: "Aux rappels seulement", Hint: "Rien tant qu’aucune échéance n’approche."},
		})}},
		{ID: "suite", Title: "Les autres nouvelles", Controls: []setting{
			f.check("copies", "Les lettres transmises pour information", ""), f.check("ends", "Les lettres que j’ai rédigées, quand leur circuit est terminé", ""),
		}},
		{ID: "salut", Title: "Comment vous saluer", Controls: []setting{
			f.text("greeting", "Premiers mots", "« Chère Hélène ». Vide : selon votre civilité et votre qualité, « Madame la Maire ».", 60),
		}},
	}
	p.Always = []string{
		"Le refus d’une lettre sur laquelle vous avez agi, ou que vous avez rédigée.", "Un avis qu’on vous demande, ou que vous avez demandé.",
		"Les rappels, les retards et les lettres bloquées.", "Une lettre remplacée alors que vous aviez décidé.", "Un compte rattaché à votre nom.",
	}
	for i := range p.Always {
		p.Always[i] = typeset(p.Always[i])
	}
	p.Problem = f.problem(wrong)
	return p
}

// mails is /mes-courriels.
func (s *server) mails(v *visit, w http.ResponseWriter, r *http.Request) error {
	m := v.viewer.Person.Mails
	values := url.Values{"waiting": {string(m.Waiting)}, "copies": {flag(!m.NoCopies)}, "ends": {flag(!m.NoEnds)}, "greeting": {m.Greeting}}
	p := newMailsPage(values, nil)
	if r.URL.Query().Get("dit") == "garde" {
		p.Said = "C’est enregistré, dès le prochain courriel."
	}
	return s.showMails(v, w, r, http.StatusOK, p)
}

func (s *server) showMails(v *visit, w http.ResponseWriter, r *http.Request, status int, p *formPage) error {
	p.frame = s.frame(v, p.Heading, "mes-courriels")
	return s.show(w, r, status, p)
}

// setMails keeps the mails that somebody wants: their own, nobody else's.
func (s *server) setMails(v *visit, w http.ResponseWriter, r *http.Request) error {
	f := r.PostForm
	err := s.Office.SetMails(r.Context(), v.viewer, dossiers.MailWishes{
		Waiting: dossiers.WaitingMail(f.Get("waiting")), NoCopies: f.Get("copies") == "", NoEnds: f.Get("ends") == "", Greeting: f.Get("greeting"),
	})
	if status, told := again(err); told {
		return s.showMails(v, w, r, status, newMailsPage(f, err))
	}
	if err != nil {
		return err
	}
	return saying(w, r, "/mes-courriels", "garde")
}
