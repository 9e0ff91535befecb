// Package problem is the one table which says what an error of the domain
// becomes over HTTP: a status, a stable name, and French words that a mayor
// understands. The REST API writes it as application/problem+json (RFC 9457),
// the pages as an error page.
//
// The package must not log, must not read a request, and must not repeat what
// somebody submitted or what an error said: only sentences written here, or
// written for people where the error was made (dossiers.InvalidError,
// dossiers.ContentError, intake.French), go out.
//
// # Failure handling
//
// An error that is not in the table is a 500 that says nothing. A test reads
// the packages whose errors reach people and fails when one of their sentinels
// has no row here.
package problem

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/intake"
)

// A Problem is what a person or a program may know of an error.
type Problem struct {
	Status int
	// Type is the last segment of the problem's URI, stable for ever:
	// "document-encrypted".
	Type   string
	Title  string // French, the same for every occurrence
	Detail string // French: what happened and what to do next
	Fields []Field
	// RetryAfter is when to try again, or zero when that would change nothing.
	RetryAfter time.Duration
}

// A Field is one input that is wrong.
type Field struct {
	Location string // "title"
	Message  string // French
}

// A Row is one line of the table.
type Row struct {
	Err error
	Problem
}

// For returns the problem of err, which is matched through its wrapping. It
// never answers a status under 400.
func For(err error) Problem {
	var invalid *dossiers.InvalidError
	if errors.As(err, &invalid) {
		p := Invalid()
		p.Fields = []Field{{Location: invalid.Field, Message: invalid.Reason}}
		return p
	}
	var powerless *delegation.Refusal
	if errors.As(err, &powerless) {
		p := noPower()
		p.Detail = powerless.French()
		return p
	}
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return tooLarge()
	}
	for _, r := range Table() {
		if errors.Is(err, r.Err) {
			return told(r.Problem, err)
		}
	}
	if away(err) {
		return busy()
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return busy()
	}
	return internal()
}

// told adds what the error says for people: which active content was found
// where.
func told(p Problem, err error) Problem {
	var content *dossiers.ContentError
	if errors.As(err, &content) {
		p.Detail = content.French()
	}
	var unready *dossiers.NotReadyError
	if errors.As(err, &unready) {
		p.Fields = steps(unready)
	}
	var untried *dossiers.UnreadyError
	if errors.As(err, &untried) {
		for _, r := range untried.Reasons {
			p.Fields = append(p.Fields, Field{Location: r.Field, Message: r.Reason})
		}
	}
	return p
}

// away reports whether what we stand on does not answer: the database or the
// store of documents.
func away(err error) bool {
	var unreachable *net.OpError
	var unsent interface{ SafeToRetry() bool } // of a connection that was lost before
	if errors.As(err, &unreachable) || errors.As(err, &unsent) && unsent.SafeToRetry() || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	var database interface{ SQLState() string }
	if !errors.As(err, &database) {
		return false
	}
	code := database.SQLState()
	// Connection exceptions, insufficient resources, operator intervention
	// (PostgreSQL, appendix A): a restart is under way, or soon.
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "53") || strings.HasPrefix(code, "57P0")
}

// Invalid is the problem of an input that does not fit; say which in Fields.
func Invalid() Problem {
	return Problem{
		Status: http.StatusUnprocessableEntity, Type: "invalid-input", Title: "Une information est incorrecte",
		Detail: "Corrigez ce qui est signalé, puis envoyez de nouveau.",
	}
}

// noPower is the problem of who has neither the desk nor a delegation that
// covers the act.
func noPower() Problem {
	return Problem{
		Status: http.StatusForbidden, Type: "no-power", Title: "Vous n’avez pas ce pouvoir aujourd’hui",
		Detail: "Ni bureau, ni délégation, ni suppléance ne vous permettent d’agir sur ce dossier.",
	}
}

// Of returns the problem of a bare HTTP status, for what goes wrong before
// any use case is reached: an unknown address, a method that does not exist, a
// body that cannot be read.
func Of(status int) Problem {
	for _, p := range plain() {
		if p.Status == status {
			return p
		}
	}
	if status >= 400 && status < 500 {
		return Problem{Status: status, Type: "bad-request", Title: "La demande n’est pas recevable", Detail: "Elle ne suit pas la documentation de l’interface."}
	}
	return internal()
}

// All lists every problem once, in the order of their types' first use: what
// the documentation shows.
func All() []Problem {
	var out []Problem
	seen := map[string]bool{}
	add := func(p Problem) {
		if !seen[p.Type] {
			seen[p.Type] = true
			out = append(out, p)
		}
	}
	add(Invalid())
	for _, r := range Table() {
		add(r.Problem)
	}
	for _, p := range plain() {
		add(p)
	}
	add(internal())
	return out
}

func internal() Problem {
	return Problem{
		Status: http.StatusInternalServerError, Type: "internal", Title: "Le parapheur a rencontré une difficulté",
		Detail: "Rien n’a été modifié par cette demande, sauf indication contraire dans le dossier. Réessayez dans quelques minutes ; si cela se reproduit, prévenez votre administrateur.",
	}
}

func busy() Problem {
	return Problem{
		Status: http.StatusServiceUnavailable, Type: "unavailable", Title: "Le parapheur est momentanément indisponible",
		Detail: "La demande n’a pas pu aboutir. Réessayez dans un instant.", RetryAfter: 5 * time.Second,
	}
}

func tooLarge() Problem {
	return Problem{
		Status: http.StatusRequestEntityTooLarge, Type: "request-too-large", Title: "L’envoi est trop volumineux",
		Detail: "L’ensemble dépasse la taille acceptée. Réduisez la définition des images, ou déposez moins d’annexes.",
	}
}

// plain are the problems of HTTP itself.
func plain() []Problem {
	return []Problem{
		{Status: http.StatusBadRequest, Type: "bad-request", Title: "La demande est mal formée", Detail: "Elle ne suit pas la documentation de l’interface."},
		{Status: http.StatusUnauthorized, Type: "key-needed", Title: "Une clé d’application est nécessaire", Detail: "Présentez une clé d’application en vigueur dans l’en-tête Authorization : « Bearer pk_… »."},
		{Status: http.StatusForbidden, Type: "forbidden", Title: "Vous n’avez pas ce droit", Detail: "Cette action n’est pas ouverte à votre compte. Voyez avec votre administrateur."},
		{Status: http.StatusNotFound, Type: "not-found", Title: "Introuvable", Detail: "Cette adresse ne correspond à rien que vous puissiez voir."},
		{Status: http.StatusMethodNotAllowed, Type: "method-not-allowed", Title: "Cette action n’existe pas ici", Detail: "L’adresse existe, mais pas avec cette méthode : l’en-tête Allow dit lesquelles."},
		{Status: http.StatusNotAcceptable, Type: "not-acceptable", Title: "Ce format n’est pas proposé", Detail: "Acceptez application/json."},
		{Status: http.StatusConflict, Type: "conflict", Title: "Quelqu’un a agi entre-temps", Detail: "Relisez le dossier avant de recommencer."},
		{Status: http.StatusPreconditionFailed, Type: "stale-version", Title: "Quelque chose a changé entre-temps", Detail: "L’en-tête If-Match nomme une version dépassée : relisez, puis recommencez."},
		tooLarge(),
		{Status: http.StatusUnsupportedMediaType, Type: "unsupported-media-type", Title: "Ce format d’envoi n’est pas accepté", Detail: "La documentation dit sous quelle forme envoyer cette demande."},
		{Status: http.StatusRequestedRangeNotSatisfiable, Type: "range-not-satisfiable", Title: "Cette partie n’existe pas", Detail: "Le fichier finit avant : l’en-tête Content-Range dit sa longueur. S’il a changé depuis le premier octet, reprenez au début."},
		Invalid(),
		{Status: http.StatusPreconditionRequired, Type: "precondition-required", Title: "La version lue doit être indiquée", Detail: "Ajoutez l’en-tête If-Match avec l’étiquette (ETag) du dossier que vous avez lu."},
		{Status: http.StatusTooManyRequests, Type: "too-many-requests", Title: "Trop de demandes", Detail: "Attendez le délai indiqué par l’en-tête Retry-After.", RetryAfter: time.Second},
		busy(),
	}
}

// pdf is the problem of a refused PDF, in the words of the package intake.
func pdf(status int, refusal error, name string) Row {
	title, detail := intake.French(refusal)
	return Row{Err: refusal, Problem: Problem{Status: status, Type: "document-" + name, Title: title, Detail: detail}}
}

// row makes a line; detail is joined from short sentences for legibility.
func row(err error, status int, name, title string, detail ...string) Row {
	return Row{Err: err, Problem: Problem{Status: status, Type: name, Title: title, Detail: strings.Join(detail, " ")}}
}

// as is r for another error that means the same.
func as(err error, r Row) Row {
	r.Err = err
	return r
}

// later is a row whose cause passes.
func later(r Row, after time.Duration) Row {
	r.RetryAfter = after
	return r
}
