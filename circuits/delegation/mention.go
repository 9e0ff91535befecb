package delegation

import (
	"strings"
	"unicode/utf8"
)

// feminine chooses a word by civility; without one the masculine is neutral.
func feminine(p Person, masculine, feminineForm string) string {
	if p.Civility == "Mme" {
		return feminineForm
	}
	return masculine
}

// Article returns a quality with its article: "le Directeur général des
// services", "la Maire", "l’Adjointe au maire". given wins if it is set.
func Article(quality, given string, p Person) string {
	quality = strings.TrimSpace(quality)
	switch given {
	case "l’", "l'":
		return "l’" + quality
	case "le", "la":
		return given + " " + quality
	}
	first := []rune(strings.ToLower(quality) + " ")[0]
	if strings.ContainsRune("aàâeéèêiîoôuyh", first) {
		return "l’" + quality
	}
	return feminine(p, "le ", "la ") + quality
}

// Mention returns what the signature block of a delegate says before the
// name: "Pour le Maire et par délégation, le Directeur général des services".
// An adjoint who acts by delegation of functions is "l’adjoint délégué"
// (réponse ministérielle, Sénat, n° 16756, 2006), unless the arrêté's quality
// says of what.
func Mention(d Delegation, principal, delegate Person) string { return mention(d, principal, delegate) }

func mention(d Delegation, principal, delegate Person) string {
	quality := d.Delegate.Quality
	lower := strings.ToLower(quality)
	if d.Basis != Signature && !strings.Contains(lower, "délégué") && (strings.Contains(lower, "adjoint") || strings.Contains(lower, "maire")) {
		quality = feminine(delegate, "adjoint délégué", "adjointe déléguée")
	}
	return "Pour " + Article(d.Delegator.Quality, d.Delegator.Article, principal) + " et par délégation, " +
		Article(quality, d.Delegate.Article, delegate)
}

// substitution is the mention of suppléance, distinct from delegation: the
// substitute acts in the fulness of the function (L2122-17).
func substitution(h Holder, principal, substitute Person) string {
	return capital(Article(h.Quality, "", principal)) + " " + feminine(principal, "empêché", "empêchée") + ", " +
		feminine(substitute, "l’adjoint suppléant", "l’adjointe suppléante")
}

// recusal is the mention of who was designated by an arrêté of déport.
func recusal(h Holder, principal, substitute Person) string {
	return capital(Article(h.Quality, "", principal)) + " s’étant " + feminine(principal, "déporté", "déportée") + ", " +
		feminine(substitute, "le suppléant désigné", "la suppléante désignée")
}

func capital(s string) string {
	_, size := utf8.DecodeRuneInString(s)
	return strings.ToUpper(s[:size]) + s[size:]
}
