package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"parapheur/internal/problem"
)

const (
	jsonMedia = "application/json"
	faultMark = "json:" // begins the text of a jsonFault, which huma keeps as a text only
	maxPath   = 200     // of a path that is told: a name may be as long as the body
)

// A jsonFault is why a JSON text is not taken, in French, and where.
type jsonFault struct {
	path string // "metadata.montant", empty for the whole
	why  string
}

// Error implements error.
func (f *jsonFault) Error() string { return faultMark + f.path + "\n" + f.why }

// jsonFaultOf reads a jsonFault back from its text.
func jsonFaultOf(text string) (*jsonFault, bool) {
	text, ok := strings.CutPrefix(text, faultMark)
	if !ok {
		return nil, false
	}
	path, why, ok := strings.Cut(text, "\n")
	return &jsonFault{path, why}, ok
}

// formats are those of bodies. What reads one is stricter than encoding/json,
// which takes what it cannot read for U+FFFD and the last of two namesakes: a
// letter would bear what nobody wrote.
func formats() map[string]huma.Format {
	strict := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: decodeJSON}
	return map[string]huma.Format{jsonMedia: strict, "json": strict}
}

// decodeJSON reads one JSON text of RFC 7493 (I-JSON): in UTF-8, without
// twice the same name in an object, without half a character. A mark of byte
// order is passed over (RFC 8259, 8.1).
func decodeJSON(raw []byte, into any) error {
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	if err := interoperable(raw); err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

func interoperable(raw []byte) error {
	if !utf8.Valid(raw) {
		return &jsonFault{why: "Ce texte n’est pas en UTF-8 : il est sans doute écrit en ISO-8859-1 ou en Windows-1252."}
	}
	if err := json.Unmarshal(raw, new(json.RawMessage)); err != nil {
		why := "Ce texte n’est pas du JSON, ou il est coupé."
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) && syntax.Offset > 0 && syntax.Offset < int64(len(raw)) {
			why = "Ce texte n’est plus du JSON à partir de l’octet " + strconv.FormatInt(syntax.Offset, 10) + "."
		}
		return &jsonFault{why: why}
	}
	w := &jsonWalk{raw: raw, Decoder: json.NewDecoder(bytes.NewReader(raw))}
	w.UseNumber()
	if err := w.value(""); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// A jsonWalk goes through a JSON text that is well formed.
type jsonWalk struct {
	*json.Decoder
	raw []byte
}

// next is the following token, with what is wrong with a text.
func (w *jsonWalk) next(path string) (json.Token, error) {
	from := w.InputOffset()
	token, err := w.Token()
	if err != nil {
		return nil, err
	}
	if text, ok := token.(string); ok {
		if strings.ContainsRune(text, 0) {
			return nil, &jsonFault{path, "Ce texte contient le caractère nul."}
		}
		if halfCharacter(w.raw[from:w.InputOffset()]) {
			return nil, &jsonFault{path, "Ce texte contient la moitié d’un caractère (\\ud800 à \\udfff)."}
		}
	}
	return token, nil
}

func (w *jsonWalk) value(path string) error {
	token, err := w.next(path)
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		return w.object(path)
	case json.Delim('['):
		for n := 0; w.More(); n++ {
			if err := w.value(path + "[" + strconv.Itoa(n) + "]"); err != nil {
				return err
			}
		}
		_, err := w.Token()
		return err
	}
	return nil
}

func (w *jsonWalk) object(path string) error {
	seen := map[string]bool{}
	for w.More() {
		token, err := w.next(path)
		if err != nil {
			return err
		}
		name, _ := token.(string) // of a member: always a text
		below := strings.TrimPrefix(path+"."+name, ".")
		if len(below) > maxPath {
			below = path
		}
		if seen[name] {
			return &jsonFault{below, "Cette information est donnée deux fois."}
		}
		seen[name] = true
		if err := w.value(below); err != nil {
			return err
		}
	}
	_, err := w.Token()
	return err
}

// halfCharacter reports whether a JSON text writes a surrogate without its
// other half (RFC 8259, 8.2).
func halfCharacter(raw []byte) bool {
	for i := 0; i+5 < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if i++; raw[i] != 'u' {
			continue
		}
		switch unit := hex4(raw[i+1:]); {
		case unit >= 0xdc00 && unit < 0xe000:
			return true
		case unit >= 0xd800 && unit < 0xdc00:
			if i+10 >= len(raw) || raw[i+5] != '\\' || raw[i+6] != 'u' {
				return true
			}
			if low := hex4(raw[i+7:]); low < 0xdc00 || low >= 0xe000 {
				return true
			}
			i += 10
		}
	}
	return false
}

func hex4(raw []byte) uint64 {
	n, err := strconv.ParseUint(string(raw[:min(4, len(raw))]), 16, 16)
	if err != nil {
		return 0
	}
	return n
}

// unreadableURL is why what an address asks cannot be read as one question: a
// character that is none, a name given twice. The store would fail at the
// first, and an answer about one of two filters would pass for that of both.
func unreadableURL(u *url.URL) (problem.Problem, bool) {
	if !displayable(u.Path) {
		return problem.Of(http.StatusNotFound), true
	}
	fault := func(location, why string) (problem.Problem, bool) {
		p := problem.Invalid()
		p.Fields = []problem.Field{{Location: location, Message: why}}
		return p, true
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return fault("query", "Ces paramètres sont mal écrits : chaque valeur s’encode (%C3%A9 pour é, %25 pour %).")
	}
	for _, name := range sortedKeys(query) {
		switch {
		case !displayable(name):
			return fault("query", "Un nom de paramètre n’est pas en UTF-8.")
		case len(query[name]) > 1:
			return fault("query."+name, "Une seule valeur est attendue.")
		case !displayable(query[name][0]):
			return fault("query."+name, "Cette valeur n’est pas en UTF-8, ou contient le caractère nul.")
		}
	}
	return problem.Problem{}, false
}

func displayable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
