package dossiers

import (
	"context"
	"fmt"
	"strings"
)

// A NoticeCode says what happened to a PDF when it was received, or what it
// carries. Codes are stable: programs match them.
type NoticeCode string

// What was done to a PDF, and what it is.
const (
	NoticeRepaired    NoticeCode = "repaired"       // its structure was put in order
	NoticeUnprotected NoticeCode = "unprotected"    // a restriction on changes was lifted
	NoticeSigned      NoticeCode = "already_signed" // it carries a signature
	NoticeJoined      NoticeCode = "annex_joined"   // Name is the annex whose pages follow those of the letter
	NoticeStamped     NoticeCode = "stamped"        // Name is the text
	NoticeSpecimen    NoticeCode = "specimen"       // the word was drawn across its pages: it is of a sandbox
)

// Active content: what a PDF can carry that no paper could. Each may be
// refused by the town.
const (
	ContentLaunch     NoticeCode = "launch"
	ContentExecutable NoticeCode = "embedded_executable"
	ContentJavaScript NoticeCode = "javascript"
	ContentSubmit     NoticeCode = "submit_form"
	ContentRemote     NoticeCode = "remote_content"
	ContentRichMedia  NoticeCode = "rich_media"
	ContentAttachment NoticeCode = "embedded_file"
)

// Contents lists the kinds of active content, worst first.
func Contents() []NoticeCode {
	return []NoticeCode{ContentLaunch, ContentExecutable, ContentJavaScript, ContentSubmit, ContentRemote, ContentRichMedia, ContentAttachment}
}

// A Notice is something that the depositor of a PDF should know.
type Notice struct {
	Code  NoticeCode `json:"code"`
	Page  int        `json:"page,omitempty"`  // from 1; 0 when it is of no page
	Where string     `json:"where,omitempty"` // opening, form, bookmark or document, when it is of no page
	Name  string     `json:"name,omitempty"`  // of a file, an address or a text, as the PDF or the depositor has it
}

// A DocumentNotice is a notice about the nth document of a dossier.
type DocumentNotice struct {
	N int `json:"document"` // 1 is the letter
	Notice
}

func notices(n int, r Received) []DocumentNotice {
	var out []DocumentNotice
	for _, one := range r.Notices {
		out = append(out, DocumentNotice{n, one})
	}
	return out
}

// Notices lists what the depositors of a dossier's documents were told.
func (o *Office) Notices(ctx context.Context, v Viewer, id ID) ([]DocumentNotice, error) {
	if _, err := o.visible(ctx, v, id); err != nil {
		return nil, err
	}
	return o.Store.Notices(ctx, v.Tenant.ID, id)
}

// Warns reports whether the notice is about something that may be a danger or
// a surprise, and not only about what was done.
func (n Notice) Warns() bool {
	switch n.Code {
	case NoticeRepaired, NoticeJoined, NoticeStamped, NoticeSpecimen:
		return false
	case NoticeUnprotected, NoticeSigned, NoticeBlockMoved, NoticeBlockSmaller, NoticeBlockOtherPage, NoticeBlockInvisible, ContentLaunch, ContentExecutable, ContentJavaScript, ContentSubmit, ContentRemote, ContentRichMedia, ContentAttachment:
	}
	return true
}

// French tells the notice in a sentence, and what it means.
func (n Notice) French() string {
	about := ""
	if n.Name != "" {
		about = " «\u00a0" + n.Name + "\u00a0»"
	}
	switch n.Code {
	case NoticeRepaired:
		return "La structure du fichier a été remise en ordre. Son contenu n’a pas changé."
	case NoticeUnprotected:
		return "Le fichier interdisait les modifications\u00a0: cette restriction a été levée pour que la lettre puisse être signée. Son contenu n’a pas changé."
	case NoticeSigned:
		return "Le fichier porte déjà une signature. Elle est conservée\u00a0: les suivantes s’ajoutent sans rien réécrire."
	case NoticeJoined:
		return "Les pages de" + about + " suivent celles de la lettre et sont signées avec elle."
	case NoticeStamped:
		return "Le tampon" + about + " a été apposé avant que la lettre soit figée."
	case NoticeBlockMoved, NoticeBlockSmaller, NoticeBlockOtherPage, NoticeBlockInvisible:
		return blockFrench(n.Code)
	case NoticeSpecimen:
		return "La marque SPÉCIMEN a été portée sur chaque page : c’est un bac à sable, rien n’y a de valeur."
	case ContentLaunch, ContentExecutable, ContentJavaScript, ContentSubmit, ContentRemote, ContentRichMedia, ContentAttachment:
		return n.Code.French() + about + n.place() + ". " + n.Code.Meaning()
	}
	return string(n.Code)
}

// place says where, to follow what.
func (n Notice) place() string {
	if n.Page > 0 {
		return fmt.Sprintf(", page\u00a0%d", n.Page)
	}
	return map[string]string{
		"opening": ", à l’ouverture du fichier", "form": ", dans un champ de formulaire", "bookmark": ", dans le sommaire",
	}[n.Where]
}

// French names a kind of active content.
func (c NoticeCode) French() string {
	return map[NoticeCode]string{
		ContentLaunch:     "Lancement d’un programme",
		ContentExecutable: "Programme joint au PDF",
		ContentJavaScript: "Script (JavaScript)",
		ContentSubmit:     "Envoi de données vers une adresse",
		ContentRemote:     "Renvoi vers un fichier extérieur",
		ContentRichMedia:  "Film, son ou objet animé",
		ContentAttachment: "Fichier joint au PDF",
	}[c]
}

// Meaning says in a sentence why a kind of active content matters.
func (c NoticeCode) Meaning() string {
	return map[NoticeCode]string{
		ContentLaunch:     "Un clic ferait démarrer un programme sur l’ordinateur du lecteur.",
		ContentExecutable: "Il pourrait être ouvert depuis la lettre signée.",
		ContentJavaScript: "Un script peut changer ce qui s’affiche après la signature.",
		ContentSubmit:     "Ce qui est saisi dans le formulaire partirait hors de la mairie.",
		ContentRemote:     "Ce fichier n’est pas signé et peut changer ou disparaître.",
		ContentRichMedia:  "Ce contenu ne s’imprime pas et ne se relit pas partout.",
		ContentAttachment: "Il est signé avec la lettre, mais les lecteurs ne le voient pas à l’écran.",
	}[c]
}

// A ContentError refuses a PDF for its active content, by the rules of the
// town. It matches ErrContent.
type ContentError struct{ Found []Notice }

// Error implements error.
func (e *ContentError) Error() string {
	codes := make([]string, len(e.Found))
	for i, f := range e.Found {
		codes[i] = string(f.Code)
	}
	return "active content: " + strings.Join(codes, ", ")
}

// Is makes every ContentError match ErrContent.
func (e *ContentError) Is(target error) bool { return target == ErrContent }

// French says what was found and what to do, without the names the file gives.
func (e *ContentError) French() string {
	seen, parts := map[string]bool{}, []string(nil)
	for _, f := range e.Found {
		one := f.Code.French() + f.place()
		if !seen[one] && len(parts) < 5 {
			parts = append(parts, one)
		}
		seen[one] = true
	}
	return strings.Join(parts, "\u00a0; ") + ". Les règles de dépôt de la collectivité ne l’acceptent pas. Imprimez le document vers un nouveau PDF\u00a0: le texte reste, ces éléments disparaissent."
}
