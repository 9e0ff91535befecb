package postgres

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A term is one thing that a search asks for: a word, or words in a row.
type term struct {
	text string // as typed: SQL's plain makes words of it
	not  bool   // which the letter must not have
}

// alternatives reads what was typed. A letter is meant that has every term of
// one alternative. Words are separated by space; those that signs join
// (Saint-Pierre, l’école, 2026/014) and those between quotation marks, French,
// typographic or straight, are looked for in a row. « or » between two words
// is an alternative, - before a word or a quotation excludes it: alone, as in
// a title, it is a sign like others. Nothing typed is an error.
func alternatives(query string) [][]term {
	var out [][]term
	var all []term
	rest := strings.TrimSpace(query)
	for rest != "" {
		if other, ok := afterOr(rest); ok && len(all) > 0 {
			out, all, rest = append(out, all), nil, other
		}
		var t term
		if t, rest = next(rest); t.text != "" {
			all = append(all, t)
		}
	}
	if len(all) > 0 {
		out = append(out, all)
	}
	return out
}

// afterOr returns what follows « or » and space, if something does.
func afterOr(typed string) (string, bool) {
	if len(typed) < 3 || !strings.EqualFold(typed[:2], "or") {
		return "", false
	}
	other := strings.TrimLeftFunc(typed[2:], unicode.IsSpace)
	return other, other != "" && len(other) < len(typed)-2
}

// quotation are the marks that open or close one: telephones curl them.
const quotation = `"“”„«»`

// next cuts the first term off what was typed, and the space after it.
func next(typed string) (term, string) {
	var t term
	if after, ok := strings.CutPrefix(typed, "-"); ok && excludes(after) {
		t.not, typed = true, after
	}
	first, size := utf8.DecodeRuneInString(typed)
	end, skip := strings.IndexFunc(typed, unicode.IsSpace), 0
	if strings.ContainsRune(quotation, first) {
		typed = typed[size:]
		if end = strings.IndexAny(typed, quotation); end >= 0 {
			_, skip = utf8.DecodeRuneInString(typed[end:])
		}
	}
	if end < 0 {
		end = len(typed)
	}
	t.text = strings.TrimSpace(typed[:end])
	return t, strings.TrimLeftFunc(typed[end+skip:], unicode.IsSpace)
}

// excludes reports whether what follows a minus is a word or a quotation.
func excludes(after string) bool {
	r, _ := utf8.DecodeRuneInString(after)
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(quotation, r)
}

// needed are the words that every letter found has, as typed, and whether no
// other is asked about: none where one of several alternatives is enough.
func needed(query string) (words string, only bool) {
	all := alternatives(query)
	if len(all) != 1 {
		return "", len(all) == 0
	}
	only = true
	for _, t := range all[0] {
		if t.not {
			only = false
			continue
		}
		words += t.text + " "
	}
	return words, only
}

// matching writes the condition that a letter, d, has the words that are
// asked. Small words match nothing and exclude nothing.
func (q *sought) matching() string {
	var asked []string
	for _, all := range alternatives(q.Query) {
		var words []string
		for _, t := range all {
			word := `phraseto_tsquery('french', plain(` + q.arg(t.text) + `))`
			if t.not {
				word = `(!!` + word + `)`
			}
			words = append(words, word)
		}
		asked = append(asked, `(`+strings.Join(words, ` && `)+`)`)
	}
	return ` and d.search @@ (` + strings.Join(asked, ` || `) + `)`
}
