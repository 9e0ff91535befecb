package web

import (
	"encoding/xml"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
)

// wideCircuit has a step of each kind, and several turns where there may be.
func wideCircuit() circuits.Definition {
	desk := func(ids ...circuits.DeskID) (out []circuits.ActorRule) {
		for _, id := range ids {
			out = append(out, circuits.ActorRule{Rule: circuits.NamedDesk, Desk: id})
		}
		return out
	}
	return circuits.Definition{Code: "large", Version: 2, Name: "Marché public", Steps: []circuits.Step{
		{ID: "avis", Kind: circuits.Opinion, Desk: "finances", Title: "Avis des finances", Days: 3},
		{ID: "visas", Kind: circuits.Visa, Title: "Visas des directions", Actors: desk("technique", "finances", "dgs"), Need: circuits.Need{Mode: circuits.Quorum, N: 2}, Days: 5},
		{ID: "juriste", Kind: circuits.Visa, Desk: "juriste", Title: "Visa du juriste", When: "montant > 40000"},
		{ID: "externe", Kind: circuits.External, Desk: "dgs", Title: "Envoi recommandé"},
		{ID: "signature", Kind: circuits.Signature, Desk: "maire", Title: "Signature de la Maire", Days: 2},
		{ID: "info", Kind: circuits.Information, Desk: "technique", Title: "Information des services"},
	}}
}

// sampleShared is a letter that waits for the mayor, who delegated, past its
// deadline, after an opinion, a quorum, a step skipped and one bypassed.
func sampleShared() dossiers.View {
	v := sampleView()
	able := func(id circuits.PersonID, name, quality string) []dossiers.Holder {
		return []dossiers.Holder{{Person: id, Name: name, Quality: quality, Able: true}}
	}
	legoff, perrin := actor("legoff", "Sophie Le Goff", "Directrice des services techniques"), actor("perrin", "Louis Perrin", "Directeur des finances")
	rousseau := actor("rousseau", "Philippe Rousseau", "Directeur général des services")
	c := wideCircuit()
	events := []circuits.Event{
		circuits.Deposited{By: actor("marchand", "Claire Marchand", ""), Drafter: "marchand", Document: digest(0x9f), Bytes: 184212, At: at(16, 9, 12)},
		circuits.Started{By: actor("marchand", "Claire Marchand", ""), Circuit: c, CircuitHash: c.Hash(), At: at(16, 9, 13)},
		circuits.StepOpened{Step: 0, Turns: []circuits.Recipient{{Desk: "finances"}}, Due: at(19, 0, 0), At: at(16, 9, 13)},
		circuits.StepDecided{Step: 0, Verdict: circuits.Advises, By: perrin, Document: digest(0x9f), Evidence: digest(1), At: at(16, 14, 40), Advice: &circuits.Advice{Sense: circuits.Reserved, Text: "Crédits ouverts en décembre seulement."}},
		circuits.StepOpened{Step: 1, Turns: []circuits.Recipient{{Desk: "technique"}, {Desk: "finances"}, {Desk: "dgs"}}, Due: at(25, 0, 0), At: at(16, 14, 40)},
		circuits.OpinionAsked{Step: 1, By: legoff, To: []circuits.Recipient{{Person: "nguyen"}}, Question: "Le chantier touche-t-il l’arrêt de bus ?", Due: at(19, 0, 0), At: at(17, 9, 0)},
		circuits.StepDecided{Step: 1, Turn: 0, Verdict: circuits.GivesVisa, By: legoff, Document: digest(0x9f), Evidence: digest(2), At: at(18, 8, 5)},
		circuits.StepDecided{Step: 1, Turn: 2, Verdict: circuits.GivesVisa, By: rousseau, Document: digest(0x9f), Evidence: digest(3), At: at(18, 10, 5)},
		circuits.StepSkipped{Step: 2, Condition: "montant > 40000", At: at(18, 10, 5)},
		circuits.StepOpened{Step: 3, Turns: []circuits.Recipient{{Desk: "dgs"}}, At: at(18, 10, 5)},
		circuits.StepDecided{Step: 3, Verdict: circuits.Records, By: rousseau, Document: digest(0x9f), Evidence: digest(4), At: at(18, 11, 0), Outside: &circuits.Outside{Means: "registered_mail", Proof: digest(9), Reference: "1A 234 567 8901 2", By: "La Poste", On: time.Date(2026, 11, 18, 0, 0, 0, 0, time.UTC)}},
		circuits.StepOpened{Step: 4, Turns: []circuits.Recipient{{Desk: "maire"}}, Due: at(20, 0, 0), At: at(18, 11, 0)},
	}
	v.State = circuits.Fold(events)
	v.History = nil
	for i, e := range events {
		v.History = append(v.History, dossiers.Happening{Seq: int64(4410 + i), At: e.When(), Event: e})
	}
	holders := map[circuits.DeskID][]dossiers.Holder{
		"finances": able("perrin", "Louis Perrin", "Directeur des finances"), "technique": able("legoff", "Sophie Le Goff", "Directrice des services techniques"),
		"dgs": able("rousseau", "Philippe Rousseau", "Directeur général des services"), "maire": able("garnier", "Hélène Garnier", "Maire"), "juriste": able("diallo", "Aïcha Diallo", "Juriste"),
	}
	names := map[circuits.DeskID]string{"finances": "Finances", "technique": "Services techniques", "dgs": "Direction générale", "maire": "Maire", "juriste": "Affaires juridiques"}
	v.Path = nil
	for i, st := range c.Steps {
		p := dossiers.PathStep{Step: st, State: v.State.Steps[i], Status: v.State.Steps[i].Status}
		turns := p.State.Turns
		if len(turns) == 0 {
			for _, r := range append([]circuits.ActorRule{{Desk: st.Desk}}, st.Actors...) {
				if r.Desk != "" {
					turns = append(turns, circuits.Turn{Desk: r.Desk, Status: circuits.Ahead})
				}
			}
		}
		for _, turn := range turns {
			p.Turns = append(p.Turns, dossiers.PathTurn{Turn: turn, Desk: names[turn.Desk], Holders: holders[turn.Desk]})
			p.Holders, p.Desk = append(p.Holders, holders[turn.Desk]...), names[turn.Desk]
		}
		for k := range v.State.Decisions {
			if v.State.Decisions[k].Step == i {
				p.Decision, p.Decisions = &v.State.Decisions[k], append(p.Decisions, v.State.Decisions[k])
			}
		}
		v.Path = append(v.Path, p)
	}
	v.By = rousseau
	v.By.For = &circuits.Principal{Person: "garnier", Name: "Hélène Garnier", Quality: "Maire", Mandate: circuits.Delegated, Reference: "a", Mention: "Pour la Maire et par délégation, le Directeur général des services"}
	v.As, v.Step, v.Bin = dossiers.Seat{Quality: "Directeur général des services"}, 4, dossiers.BinDelegated
	v.Can = dossiers.Verbs{Sign: true, Refuse: true, Ask: true, Transfer: true, Recuse: true}
	v.Filing = dossiers.Filing{Number: "2026-0123"}
	return v
}

// sampleFields are metadata of every type.
func sampleFields() []dossiers.Field {
	return []dossiers.Field{
		{Name: "montant", Label: "Montant, en euros", Help: "Toutes taxes comprises.", Type: conditions.Decimal, AtDeposit: true},
		{Name: "echeance", Label: "Échéance", Type: conditions.Date},
		{Name: "service", Label: "Service", Type: conditions.List, Values: []string{"Urbanisme", "Culture"}},
		{Name: "themes", Label: "Thèmes", Type: conditions.Lists, Values: []string{"Voirie", "Eau"}},
		{Name: "urgent", Label: "Urgent", Type: conditions.Boolean},
		{Name: "objet", Label: "Précision", Type: conditions.Text},
	}
}

// actSamples are the pages of what is decided and done beside visas and
// signatures.
func actSamples(add func(string, page), fr func(dossiers.Person, string, string) frame, s *server) {
	c := sampleNow()
	letter := func(name string, v dossiers.View, who dossiers.Person, change func(*letterPage)) {
		p := newLetterPage(v, who, c)
		p.frame = fr(who, v.Title, "bannettes")
		p.Body, p.Vendor, p.Scripts = "reading", s.assets.vendor, []string{"js/letter.js", "js/decision.js"}
		if change != nil {
			change(p)
		}
		add(name, p)
	}
	letter("dossier-partage", sampleShared(), manager(), func(p *letterPage) {
		p.Metadata = metadataLines(sampleFields(), conditions.Values{"montant": "38000.50", "echeance": "2026-12-01", "themes": "Voirie\nEau", "urgent": "true"})
		p.MetadataURL, p.Readings, p.Recusals = "/dossiers/0193/informations", []string{"Sophie Le Goff, hier, 9\u00a0h\u00a005"}, []string{"Thomas Nguyen, vendredi 20\u00a0novembre"}
		p.Said = saidDone("avis-demande")
	})
	refused := sampleShared()
	refused.Can, refused.By, refused.Step, refused.Why = dossiers.Verbs{}, circuits.Actor{}, -1, &delegation.Refusal{Reason: delegation.OutOfType}
	letter("dossier-hors-delegation", refused, manager(), func(p *letterPage) { p.MustRead = true })
	way := func(name string, v dossiers.View, who dossiers.Person) {
		p := newWayPage(v, who, c)
		p.frame = fr(who, "Le chemin de la lettre", "bannettes")
		add(name, p)
	}
	mails := newMailsPage(url.Values{"waiting": {"digest"}, "copies": {"1"}}, nil)
	mails.frame = fr(mayor(), mails.Heading, "mes-courriels")
	add("mes-courriels", mails)
	way("chemin-partage", sampleShared(), manager())
	way("chemin-simple", sampleView(), mayor())

	decide := func(name, of string, v dossiers.View, who dossiers.Person, change func(*decisionPage)) {
		a := actOf(of)
		p := newDecisionPage(a, v, who, 3)
		p.frame = fr(who, a.heading, "bannettes")
		p.Act, p.Today, p.MaxSize = of, "2026-11-23", size(20<<20)
		p.Body, p.Scripts = "sheet-page", []string{"js/decision.js"}
		if change != nil {
			change(p)
		}
		add(name, p)
	}
	shared := sampleShared()
	shared.Returns = wideCircuit().Steps[:2]
	decide("signer-delegation", "signer", shared, manager(), nil)
	decide("refuser-ou", "refuser", shared, manager(), nil)
	for _, of := range []string{"cacheter", "avis", "externe", "contourner"} {
		decide(of, of, sampleView(), mayor(), nil)
	}
	decide("viser-lecture", "viser", sampleView(), mayor(), func(p *decisionPage) { p.Unread, p.Opened = true, true })
	decide("viser-informations", "viser", sampleView(), mayor(), func(p *decisionPage) {
		p.Missing = []control{metadataControl(sampleFields()[0], "", true)}
	})
	formSamples(add, fr, s)
}

// formSamples are the forms of acts, filled by hand as the office would.
func formSamples(add func(string, page), fr func(dossiers.Person, string, string) frame, _ *server) {
	to := recipientControl("to", "À qui", []dossiers.DeskSetup{{ID: "dgs", Name: "Direction générale"}}, []dossiers.Member{{ID: "nguyen", GivenName: "Thomas", FamilyName: "Nguyen"}}, "garnier")
	base := func(heading string, fields ...control) *actPage {
		p := &actPage{ID: "0193", Back: "/dossiers/0193", Letter: "Réfection du trottoir", Heading: heading, URL: "/dossiers/0193/x", Fields: fields, Go: "Envoyer", Icon: "send", Name: "x"}
		p.frame = withBody(fr(mayor(), heading, "bannettes"), "sheet-page")
		return p
	}
	question := control{Kind: "area", Name: "question", Label: "Votre question", Required: true, Error: "Écrivez votre question.", Max: 2000}
	ask := base("Demander un avis complémentaire", to, question, control{Kind: "check", Name: "waits", Label: "Attendre la réponse avant de décider", Hint: "Ou la fin du délai."})
	ask.Problem, ask.Say = "Ce destinataire ne convient pas. Choisissez un bureau ou une personne qui n’a pas déjà ce tour.", "La lettre reste chez vous."
	add("acte-avis-demande", ask)
	answer := base("Répondre à la demande d’avis", senseControl(), control{Kind: "area", Name: "advice", Label: "En quelques mots", Hint: "Nécessaire si l’avis est réservé ou défavorable."})
	answer.QuoteTitle, answer.Quote = "Hélène Garnier demande", "Le chantier touche-t-il l’arrêt de bus\u00a0?"
	add("acte-repondre", answer)
	var fields []control
	for _, f := range sampleFields() {
		fields = append(fields, metadataControl(f, map[string]string{"service": "Culture", "urgent": "true"}[f.Name], f.AtDeposit))
	}
	add("acte-informations", base("Compléter les informations", fields...))
	deport := base("Me déporter de ce dossier", control{Kind: "text", Type: "text", Name: "number", Label: "Numéro de l’arrêté (facultatif)"})
	deport.Grave = true
	add("acte-deport", deport)
}

// Every kind of event is told in words of its own, and none by its code.
func TestEveryEventIsTold(t *testing.T) {
	t.Parallel()
	n := narrator{sampleShared(), sampleNow()}
	seen := map[string]string{}
	for _, kind := range circuits.Kinds() {
		e, err := circuits.Decode(kind, []byte("{}"))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		h := n.tell(e)
		if h.What == "" || strings.Contains(h.What, "dossier.") || h.What == n.life(nil).What {
			t.Errorf("%s is told as %q", kind, h.What)
		}
		if other, ok := seen[h.What]; ok && !strings.HasPrefix(h.What, "Circuit terminé") && kind != circuits.KindSealingAwaited {
			t.Errorf("%s and %s are both %q", kind, other, h.What)
		}
		seen[h.What] = kind
	}
}

// What several people do at a step is told turn by turn.
func TestPathOfSeveral(t *testing.T) {
	t.Parallel()
	found := stops(sampleShared(), manager(), sampleNow())
	avis, visas, skip, outside, sign := found[1], found[2], found[3], found[4], found[5]
	if len(visas.Turns) != 3 || visas.Rule != "Il en faut 2 sur 3" || visas.Turns[0].State != "done" || !strings.HasSuffix(visas.Turns[1].Text, "les autres ont suffi") {
		t.Errorf("the quorum is drawn %+v", visas)
	}
	if avis.Lines[0] != "Avis réservé, Louis Perrin, Directeur des finances" || avis.Reason == "" {
		t.Errorf("the opinion is drawn %+v", avis)
	}
	if skip.State != "passed" || !strings.Contains(skip.Lines[0], "montant > 40000") {
		t.Errorf("the skipped step is drawn %+v", skip)
	}
	if !slices.ContainsFunc(outside.Lines, func(l string) bool {
		return strings.Contains(l, "Lettre recommandée, La Poste, le 18\u00a0novembre 2026")
	}) || outside.Proof == "" {
		t.Errorf("the outside act is drawn %+v", outside)
	}
	if !sign.Late || !strings.HasPrefix(sign.Due, "En retard") || len(visas.Asked) != 1 {
		t.Errorf("the signature is drawn %+v", sign)
	}
}

// The way back after an act stays in the bin, and only names our pages.
func TestLanding(t *testing.T) {
	t.Parallel()
	d := sampleShared()
	d.Next = "0193-b"
	for query, want := range map[string]string{
		"":                    "/dossiers/0193-b?bannette=en-delegation&fait=transfert",
		"?retour=signer":      "/dossiers/0193-mariniers/signer?bannette=en-delegation",
		"?retour=//evil.test": "/dossiers/0193-b?bannette=en-delegation&fait=transfert",
	} {
		if got := landing(d, httptest.NewRequest("GET", "/x"+query, nil), formOf("transferer")); got != want {
			t.Errorf("%q lands at %q, want %q", query, got, want)
		}
	}
}

// The drawing says what the list says, letter by letter, and stays in its
// frame: no line of text is wider than its card.
func TestDrawingSaysTheList(t *testing.T) {
	t.Parallel()
	for _, d := range []dossiers.View{sampleShared(), sampleView()} {
		way := stops(d, manager(), sampleNow())
		for _, f := range []figure{wideFigure(), narrowFigure()} {
			drawn := drawLetter(d, way, f)
			var doc struct {
				Width int `xml:"width,attr"`
				Text  []struct {
					X      int    `xml:"x,attr"`
					Anchor string `xml:"text-anchor,attr"`
					Size   int    `xml:"font-size,attr"`
					Line   string `xml:",chardata"`
				} `xml:"text"`
			}
			if err := xml.Unmarshal([]byte(drawn), &doc); err != nil {
				t.Fatal(err)
			}
			said := ""
			for _, x := range doc.Text {
				said += " " + x.Line
				if wide := len([]rune(x.Line)) * x.Size / 2; x.Anchor == "start" && x.X+wide > f.width || x.Anchor == "middle" && wide > f.width {
					t.Errorf("%q leaves a picture of %d", x.Line, f.width)
				}
			}
			flat := func(s string) string { return strings.Join(strings.Fields(typeset(s)), " ") }
			said = flat(said)
			for _, x := range way {
				lines := append([]string{x.Title}, x.Lines...)
				for _, turn := range x.Turns {
					lines = append(lines, turn.Text)
				}
				if len(x.Turns) == 0 {
					lines = append(lines, strings.ToUpper(x.Word))
				}
				for _, line := range lines {
					for word := range strings.FieldsSeq(flat(line)) {
						if !strings.Contains(said, word) {
							t.Errorf("the drawing does not say %q of %q", word, line)
						}
					}
				}
			}
		}
	}
}

// What people write stays text in the picture.
func TestDrawingEscapes(t *testing.T) {
	t.Parallel()
	d := sampleView()
	d.Title = `<script>alert("1")</script>`
	way := []stop{{State: "stop", Word: "Refusé", Title: d.Title, Reason: "</text><script>", Lines: []string{"a & b"}}}
	if drawn := drawLetter(d, way, wideFigure()); strings.Contains(drawn, "<script") || !strings.Contains(drawn, "&amp; b") {
		t.Error(drawn)
	}
}
