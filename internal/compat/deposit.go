package compat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"parapheur/dossiers"
	"parapheur/internal/conditions"
)

const (
	maxTitle   = 200
	maxNote    = 2000
	referenced = 50 // deposits under one reference of the client
)

// Line makes one line of what a client wrote, cut where it has to be.
func Line(s string) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, ""), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if utf8.RuneCountInString(s) > maxTitle {
		s = string([]rune(s)[:maxTitle-1]) + "…"
	}
	return s
}

// Note puts what the client said about a letter into one note. Empty values
// are left out.
func Note(lines ...string) (string, error) {
	var said []string
	for _, l := range lines {
		label, value, _ := strings.Cut(l, "\x00")
		if value = strings.TrimSpace(value); value != "" {
			said = append(said, label+value)
		}
	}
	note := strings.Join(said, "\n")
	if utf8.RuneCountInString(note) > maxNote {
		return "", &dossiers.InvalidError{Field: "note", Reason: fmt.Sprintf("L’annotation est trop longue : %d caractères au plus, en comptant la référence et l’expéditeur.", maxNote)}
	}
	return note, nil
}

// Values keeps of a client's metadata what the type of letters has a field
// for, by its name or its label.
func Values(y dossiers.TypeSetup, given map[string]string) conditions.Values {
	out := conditions.Values{}
	for name, value := range given {
		for _, f := range y.Metadata {
			if strings.EqualFold(f.Name, name) || strings.EqualFold(f.Label, name) {
				out[f.Name] = value
			}
		}
	}
	return out
}

// Recipient finds to whom a letter goes among a client's metadata.
func Recipient(given map[string]string) string {
	for name, value := range given {
		switch strings.ToLower(name) {
		case "destinataire", "destinataires", "recipient", "ph:destinataire":
			if value = Line(value); value != "" {
				return value
			}
		}
	}
	return "Indiqué dans la lettre"
}

// Deposit makes a dossier for a client. A drafter that the town does not know
// becomes the application's own, and a reference that was used is used again
// with a rank: clients send a letter anew under the one it had.
func Deposit(ctx context.Context, o *dossiers.Office, in dossiers.Connected, d dossiers.Draft) (dossiers.Dossier, error) {
	reference := Line(d.ExternalReference)
	if utf8.RuneCountInString(reference) > 90 {
		reference = ""
	}
	for n := 1; ; n++ {
		if d.ExternalReference = reference; n > 1 {
			d.ExternalReference = fmt.Sprintf("%s (%d)", reference, n)
		}
		made, _, err := o.Deposit(ctx, in.Viewer, d)
		var invalid *dossiers.InvalidError
		switch {
		case errors.As(err, &invalid) && invalid.Field == "drafter" && d.DrafterEmail != "":
			d.DrafterEmail = ""
			n--
		case errors.Is(err, dossiers.ErrReference) && d.Origin.Identifier == "" && n < referenced:
		default:
			return made, err
		}
	}
}

// FileName names a file after what a client called a document.
func FileName(title, extension string) string {
	title = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) {
			return '-'
		}
		return r
	}, Line(title))
	if title == "" {
		title = "document"
	}
	if !strings.HasSuffix(strings.ToLower(title), extension) {
		title += extension
	}
	return title
}
