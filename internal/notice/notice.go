// Package notice writes the mails that tell people what waits for them, what
// was refused, asked, answered or finished: short, in French, as text and as
// simple HTML, with a link to the town's own address.
//
// It must not decide who is told what (dossiers does), send anything (mailer
// does), nor say more of a letter than its number, title and step: no
// document, no key, no link that opens without signing in but that of an
// invitation, sent once and not stored. It cannot fail.
package notice

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"time"

	"parapheur/dossiers"
)

// A Mail is what is sent to one person.
type Mail struct {
	ID      string // of the message: the same when it is sent again
	Subject string
	Text    string
	HTML    string
}

// Of writes the mail about one thing to tell of a dossier. key is the same
// whenever the same thing is told again.
func Of(town dossiers.Tenant, d dossiers.Dossier, x dossiers.Telling, key string, zone *time.Location) Mail {
	name := fmt.Sprintf("n° %d, « %s »", d.Number, d.Title)
	subject, lines := said(x, name, zone)
	return write(town, subject, x.Person, lines, town.Origin+"/dossiers/"+string(d.ID), "Ouvrir le dossier", key)
}

// said is the subject and the paragraphs of a mail.
func said(x dossiers.Telling, name string, zone *time.Location) (subject string, lines []string) {
	due := ""
	if !x.Due.IsZero() {
		due = " Échéance : " + day(x.Due, zone) + "."
	}
	step := " (étape « " + x.Step + " »)"
	switch x.Kind {
	case dossiers.TellWaiting:
		return "Un courrier " + x.Verb + " : " + name, []string{"Le courrier " + name + " est " + x.Verb + step + "." + due}
	case dossiers.TellReminder:
		return "Rappel : un courrier " + x.Verb + " : " + name, []string{"Le courrier " + name + " est toujours " + x.Verb + step + "." + due}
	case dossiers.TellEscalated:
		return "Un courrier attend depuis trop longtemps : " + name, []string{
			"Le courrier " + name + " attend toujours" + step + "." + due, "Vous êtes prévenu parce que vous êtes responsable de ce bureau, ou que vous le suppléez.",
		}
	case dossiers.TellAsked:
		return "Votre avis est demandé : " + name, []string{x.By + " vous demande votre avis sur le courrier " + name + " :" + due, "« " + x.Text + " »"}
	case dossiers.TellAnswered:
		return "L’avis demandé est rendu : " + name, []string{x.By + " a rendu son avis sur le courrier " + name + " :", opinion(x.Text)}
	case dossiers.TellRefused:
		return "Refus du courrier " + name, []string{x.By + " a refusé le courrier " + name + step + ".", "Motif : « " + x.Text + " »", x.Next}
	case dossiers.TellBlocked:
		return "Un courrier est bloqué : " + name, []string{
			"Personne ne peut agir aujourd’hui sur le courrier " + name + step + ".",
			"Un administrateur peut désigner un titulaire, une délégation ou un remplaçant, ou contourner l’étape. Le courrier repart de lui-même dès que quelqu’un peut agir.",
		}
	case dossiers.TellInformed:
		return "Pour information : " + name, []string{"Le courrier " + name + " vous est transmis pour information" + step + ". Rien ne vous est demandé."}
	case dossiers.TellOverdue:
		return "Le circuit du courrier " + name + " est en retard", []string{"Le courrier " + name + " n’est pas arrivé au bout de son circuit à temps." + due}
	case dossiers.TellCompleted:
		return "Courrier terminé : " + name, []string{"Le courrier " + name + " est arrivé au bout de son circuit."}
	case dossiers.TellSuperseded:
		lines = []string{x.By + " a remplacé le courrier " + name + " par un autre : votre décision n’a plus d’objet."}
		if x.Text != "" {
			lines = append(lines, "Motif : « "+x.Text+" »")
		}
		return "Courrier remplacé : " + name, lines
	}
	return "Courrier " + name, nil
}

// opinion turns a sense and a text into words.
func opinion(said string) string {
	sense, text, _ := strings.Cut(said, "\n")
	word := map[string]string{"favorable": "Avis favorable", "reserve": "Avis favorable avec réserves", "defavorable": "Avis défavorable"}[sense]
	if text == "" {
		return word + "."
	}
	return word + " : « " + text + " »"
}

// Digest writes the mail of a morning.
func Digest(town dossiers.Tenant, m dossiers.Morning, on string) Mail {
	letters := "1 courrier à traiter"
	if m.ToDo > 1 {
		letters = strconv.Itoa(m.ToDo) + " courriers à traiter"
	}
	if m.ToDo >= 1000 {
		letters = "plus de 1000 courriers à traiter"
	}
	late := ""
	switch {
	case m.Late == 1:
		late = ", dont 1 en retard"
	case m.Late > 1:
		late = ", dont " + strconv.Itoa(m.Late) + " en retard"
	}
	return write(town, "Parapheur : "+letters+late, m.Person, []string{"Vous avez " + letters + late + "."}, town.Origin+"/", "Ouvrir mon parapheur",
		"digest/"+string(town.ID)+"/"+on+"/"+string(m.Person.ID))
}

// Invitation writes the mail by which somebody registers a first passkey, or
// another one.
func Invitation(town dossiers.Tenant, x dossiers.InvitationMail, zone *time.Location) Mail {
	expires := x.Expires.In(zone)
	until := day(expires, zone) + ", " + strconv.Itoa(expires.Hour()) + " h " + fmt.Sprintf("%02d", expires.Minute())
	return lay(town, "Votre accès au parapheur de "+town.Name, x.To, []string{
		x.By + " vous invite à enregistrer une clé d’accès. Elle ouvrira le parapheur, et prouvera vos décisions : ni mot de passe, ni code.",
		"Ouvrez le lien sur l’appareil dont vous vous servirez (téléphone, ordinateur, clé de sécurité). Il sert une seule fois, jusqu’au " + until + ".",
		"Votre clé servira quand un administrateur vous aura reconnu. Ne transmettez ce message à personne. Si vous n’attendiez pas cette invitation, dites-le à votre administrateur.",
	}, x.Link, "Enregistrer ma clé d’accès", "invitation/"+string(town.ID)+"/"+x.Link,
		"Parapheur de "+town.Name+". Ce message est automatique : ne répondez pas.")
}

// Linked writes the mail about an account of an identity provider that became
// somebody's: it opens their sessions from now on. What is not known of it any
// more was taken away meanwhile.
func Linked(town dossiers.Tenant, to dossiers.Person, i dossiers.Identity, zone *time.Location) Mail {
	what := "Un compte a été rattaché à votre nom, puis détaché."
	if i.How != "" {
		account := "Un compte"
		if i.Email != "" {
			account = "Le compte " + i.Email
		}
		what = account + " est rattaché à votre nom depuis le " + day(i.LinkedAt.Add(time.Nanosecond), zone) + ", par " + i.LinkedBy + "."
		if i.How == "invitation" {
			what = account + " est rattaché à votre nom depuis le " + day(i.LinkedAt.Add(time.Nanosecond), zone) + ", par un lien d’invitation de " + i.LinkedBy + "."
		}
	}
	return lay(town, "Un compte ouvre votre session au parapheur", to, []string{
		what, "Qui s’en sert ouvre votre session : il lit vos lettres, et ne décide rien à votre place, faute de votre clé d’accès.",
		"Si vous ne le reconnaissez pas, dites-le aussitôt à votre administrateur et à votre direction : il peut être détaché, et le journal garde qui l’a rattaché.",
	}, town.Origin+"/mes-cles#comptes", "Voir mes comptes et mes clés", "linked/"+string(town.ID)+"/"+i.ID,
		"Parapheur de "+town.Name+". Ce message est automatique : ne répondez pas. Il ne peut pas être désactivé.")
}

// write lays a mail about letters out.
func write(town dossiers.Tenant, subject string, to dossiers.Person, lines []string, link, label, key string) Mail {
	return lay(town, subject, to, lines, link, label, key,
		"Parapheur de "+town.Name+". Ce message est automatique : ne répondez pas. Il ne contient aucun document, et le lien demande votre clé d’accès. Choisir vos courriels : "+town.Origin+"/mes-courriels")
}

// sandboxMark begins the subject of the mails of a sandbox.
const sandboxMark = "[Bac à sable] "

// lay lays a mail out, as text and as HTML. That of a sandbox says so first.
func lay(town dossiers.Tenant, subject string, to dossiers.Person, lines []string, link, label, key, foot string) Mail {
	if town.Sandbox() {
		subject = sandboxMark + subject
		lines = append([]string{"Ce message vient d’un bac à sable : rien de ce qui s’y fait n’a de valeur."}, lines...)
	}
	hello := greeting(to)
	text := hello + ",\n\n" + strings.Join(lines, "\n\n") + "\n\n" + label + " :\n" + link + "\n\n-- \n" + foot + "\n"
	var b strings.Builder
	b.WriteString(`<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>` + html.EscapeString(subject) +
		`</title></head><body style="font-family:sans-serif;color:#161616;line-height:1.5;max-width:36rem"><p>` + html.EscapeString(hello) + ",</p>")
	for _, l := range lines {
		b.WriteString("<p>" + strings.ReplaceAll(html.EscapeString(l), "\n", "<br>") + "</p>")
	}
	b.WriteString(`<p><a href="` + html.EscapeString(link) + `">` + html.EscapeString(label) + `</a></p><p style="color:#666;font-size:.85em">` +
		html.EscapeString(foot) + "</p></body></html>\n")
	return Mail{ID: messageID(town, key), Subject: oneLine(subject), Text: text, HTML: b.String()}
}

// greeting is « Madame la Maire » for who holds a desk, by their first
// quality, else by name.
func greeting(p dossiers.Person) string {
	if p.Mails.Greeting != "" {
		return p.Mails.Greeting
	}
	title := map[string]string{"M.": "Monsieur", "Mme": "Madame"}[p.Civility]
	if title == "" {
		return "Bonjour " + p.Name()
	}
	quality := ""
	if len(p.Seats) > 0 {
		quality = p.Seats[0].Quality
	}
	if strings.EqualFold(quality, "maire") {
		if p.Civility == "M." {
			return "Monsieur le Maire"
		}
		return "Madame la Maire"
	}
	return title + " " + p.FamilyName
}

// messageID names a message for good, so that mail servers recognise one that
// is sent a second time.
func messageID(town dossiers.Tenant, key string) string {
	host := "parapheur.invalid"
	if u, err := url.Parse(town.Origin); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16]) + "@" + host
}

// oneLine keeps a subject on its line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// day is « 9 mars 2026 ». A deadline at midnight is the day that ends there.
func day(at time.Time, zone *time.Location) string {
	at = at.In(zone).Add(-time.Nanosecond)
	month := [...]string{
		"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre",
	}[at.Month()-1]
	n := strconv.Itoa(at.Day())
	if at.Day() == 1 {
		n = "1er"
	}
	return n + " " + month + " " + strconv.Itoa(at.Year())
}
