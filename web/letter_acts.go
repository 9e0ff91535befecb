package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
)

// binAsked is the bin that an address names, or none.
func binAsked(r *http.Request) dossiers.Bin {
	asked := dossiers.Bin(r.FormValue("bannette"))
	if slices.Contains(dossiers.Bins(), asked) {
		return asked
	}
	return ""
}

// inBin adds to an address the bin where its reader comes from. In-trays are
// what a page takes by itself.
func inBin(address string, b dossiers.Bin) string {
	if b == "" || b == dossiers.BinToDo {
		return address
	}
	return address + "?" + url.Values{"bannette": {string(b)}}.Encode()
}

func binAddress(b dossiers.Bin) string { return inBin("/bannettes", b) }

// verbs lays out what the viewer may do: the act, the other verb, the rest
// behind « Actions ».
func (p *letterPage) verbs(at string, d dossiers.View, who dossiers.Person) {
	can := d.Can
	link := func(name, label, icon, path string) verb {
		return verb{Name: name, Label: label, Icon: icon, URL: inBin(at+path, d.Bin), Sheet: true}
	}
	p.act(p.SignedPDF != "" && !can.Decide() && !can.Answer, verb{Name: "download", Label: "PDF signé", Icon: "download", URL: p.SignedPDF})
	p.act(can.Sign, link("sign", "Signer", "pen-line", "/signer"))
	p.act(can.Visa, link("visa", "Viser", "user-check", "/viser"))
	p.act(can.Seal, link("seal", "Apposer le cachet", "stamp", "/cacheter"))
	p.act(can.Advise, link("advise", "Donner mon avis", "message-square", "/avis"))
	p.act(can.Record, link("record", "Enregistrer l’acte", "file-check", "/externe"))
	p.act(can.Answer, link("answer", "Répondre à la demande d’avis", "message-square", "/repondre"))
	p.act(can.Refuse, link("refuse", "Refuser", "corner-up-left", "/refuser"))
	p.act(can.Start, verb{Name: "start", Label: "Envoyer dans le circuit", Icon: "send", URL: at + "/envoyer", Post: true})
	// A letter that merely travels has no act: its rare verbs stay folded.
	folded := p.Main == nil && p.Phase == string(circuits.Running)
	rest := func(ok bool, v verb) {
		if folded && ok {
			p.More = append(p.More, v)
			return
		}
		p.act(ok, v)
	}
	correct := link("correct", "Corriger", "file-up", "/corriger")
	correct.Sheet = false
	rest(can.Correct, correct)
	p.rest(can.Ask, link("ask", "Demander un avis complémentaire", "users", "/demander-avis"))
	p.rest(can.Transfer, link("transfer", "Transférer", "send", "/transferer"))
	rest(can.Undo, link("undo", "Exercer mon droit de remords", "undo-2", "/remords"))
	p.rest(can.Recuse, link("recuse", "Me déporter", "minus", "/deport"))
	p.rest(readable(d, who), verb{Name: "read", Label: "Accuser lecture", Icon: "eye", URL: at + "/lecture", Post: true})
	p.rest(p.MetadataURL != "", link("metadata", "Compléter les informations", "list", "/informations"))
	p.rest(can.Recycle && d.State.Phase == circuits.Refused, link("recycle", "Recycler", "rotate-ccw", "/recycler"))
	p.rest(can.Supersede && d.State.Phase != circuits.Draft, link("supersede", "Remplacer par une autre lettre", "copy", "/remplacer"))
	rest(can.Withdraw, link("withdraw", "Retirer la lettre", "trash-2", "/retirer"))
	p.rest(can.Bypass, link("bypass", "Contourner l’étape", "arrow-right", "/contourner"))
}

// act gives a verb the first free place: the act, the other verb, the menu.
func (p *letterPage) act(ok bool, v verb) {
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

// rest puts a verb in the menu.
func (p *letterPage) rest(ok bool, v verb) {
	if ok {
		p.More = append(p.More, v)
	}
}

// readable reports whether a reading of the letter may be recorded: it was
// opened, and no receipt says so yet.
func readable(d dossiers.View, who dossiers.Person) bool {
	seen := d.State.LastSealed()
	return d.Opened && d.State.Phase == circuits.Running && d.Drafter.Person != who.ID &&
		!slices.ContainsFunc(d.State.Reads, func(r circuits.Receipt) bool { return r.Person == who.ID && r.Document == seen })
}

// inPlaceOf says in whose place the viewer would decide, and by what right.
func inPlaceOf(d dossiers.View) *banner {
	by := d.By
	if by.For == nil && d.Answers.For != nil {
		by = d.Answers
	}
	if by.For == nil {
		return nil
	}
	right := map[circuits.Mandate]string{
		circuits.Delegated: "Par délégation", circuits.Substitutes: "Par suppléance", circuits.Recusing: "Par suite d’un déport",
		circuits.Absence: "Pendant son absence",
	}[by.For.Mandate]
	b := &banner{"deleg", "users", "Vous agissez pour " + named(by.For.Name, by.For.Quality), right + "."}
	if by.For.Mention != "" {
		b.Text = right + nbsp + ": votre décision portera «\u00a0" + by.For.Mention + "\u00a0»."
	}
	return b
}

// why says what keeps the viewer from a decision that waits where they could
// act.
func why(d dossiers.View) string {
	var refusal *delegation.Refusal
	switch {
	case d.Why == nil || d.Can.Decide():
		return ""
	case errors.As(d.Why, &refusal):
		return typeset(refusal.French())
	}
	told := problemOf(d.Why)
	return told.Title + ". " + told.Detail
}

// question is the opinion that the viewer is asked for.
func question(d dossiers.View, c calendar) *banner {
	if d.Question == nil {
		return nil
	}
	b := &banner{"deleg", "message-square", d.Question.By.Name + " vous demande votre avis", quoted(d.Question.Question)}
	if !d.Question.Due.IsZero() {
		b.Text += " À rendre pour le " + c.due(d.Question.Due) + "."
	}
	return b
}

// metadataLines are the metadata that are filled, as people read them.
func metadataLines(fields []dossiers.Field, values conditions.Values) []choice {
	var out []choice
	for _, f := range fields {
		if value := values[f.Name]; value != "" {
			out = append(out, choice{Value: f.Label, Label: metadataText(f, value)})
		}
	}
	return out
}

// metadataText is a value as people read it.
func metadataText(f dossiers.Field, value string) string {
	switch f.Type {
	case conditions.Boolean:
		return map[string]string{"true": "Oui", "false": "Non"}[value]
	case conditions.Date:
		return delegation.Date(value).French()
	case conditions.Lists:
		return strings.Join(strings.Split(value, "\n"), ", ")
	case conditions.Decimal:
		return strings.Replace(value, ".", ",", 1)
	case conditions.Integer, conditions.Text, conditions.List:
	}
	return value
}

// readings are the receipts of the letter as it stands.
func readings(d dossiers.View, c calendar) []string {
	var out []string
	for _, r := range d.State.Reads {
		if name := d.NameOf(circuits.Recipient{Person: r.Person}); name != "" {
			out = append(out, name+", "+c.moment(r.At))
		}
	}
	return out
}

func recusals(d dossiers.View, c calendar) []string {
	var out []string
	for _, r := range d.State.Recused {
		out = append(out, d.NameOf(circuits.Recipient{Person: r.Person})+", "+c.moment(r.At))
	}
	return out
}
