// Package townfile reads and writes the configuration file of a town: its
// people, desks, types, circuits and delegations as YAML that a person can
// read and a repository can keep.
//
// What is written is deterministic: the same organisation is the same bytes.
// What is read is exact: a key that is not known, a value of another type or
// an entry written twice is refused with its line, in French; nothing is
// guessed and nothing is ignored. Anchors and tags are refused too: a file is
// as large as it looks.
//
// The package must not know the database nor decide anything: what the file
// asks for is checked by the office. It fails with Errors only.
package townfile

import (
	"bytes"
	"embed"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"parapheur/dossiers"
)

// MaxBytes is the size of the largest file that is read.
const MaxBytes = 8 << 20

const maxErrors = 20 // listed at once

// An Error is what is wrong at a line of the file.
type Error struct {
	Line   int // from 1; 0 for the whole
	French string
}

// Error implements error.
func (e Error) Error() string {
	if e.Line == 0 {
		return e.French
	}
	return fmt.Sprintf("ligne %d : %s", e.Line, e.French)
}

// Errors are what is wrong with a file, in the order of its lines.
type Errors []Error

// Error implements error.
func (e Errors) Error() string {
	out := make([]string, len(e))
	for i, x := range e {
		out[i] = x.Error()
	}
	return strings.Join(out, "\n")
}

// Parse reads a file. Its error is Errors, or that of the reader.
func Parse(r io.Reader) (dossiers.Setup, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return dossiers.Setup{}, err
	}
	if len(raw) > MaxBytes {
		return dossiers.Setup{}, Errors{{French: "Le fichier est trop grand : 8 Mio au plus."}}
	}
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	if err := dec.Decode(&doc); err != nil {
		return dossiers.Setup{}, unreadable(err)
	}
	if err := dec.Decode(new(yaml.Node)); err != io.EOF { //nolint:errorlint // the decoder answers it as it is
		return dossiers.Setup{}, Errors{{French: "Le fichier contient plusieurs documents (« --- ») : un seul est lu."}}
	}
	if len(doc.Content) == 0 {
		return dossiers.Setup{}, Errors{{French: "Le fichier est vide."}}
	}
	w := walk{}
	value := w.value(doc.Content[0], reflect.TypeFor[dossiers.Setup](), "le fichier")
	if len(w.errs) > 0 {
		return dossiers.Setup{}, w.errs
	}
	var s dossiers.Setup
	clean, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(clean, &s)
	}
	if err != nil {
		return s, Errors{{French: "Le fichier ne se lit pas : " + err.Error()}}
	}
	return s, nil
}

// unreadable turns an error of the YAML reader into ours, with its line.
func unreadable(err error) error {
	if err == io.EOF { //nolint:errorlint // the decoder answers it as it is
		return Errors{{French: "Le fichier est vide."}}
	}
	e := Error{French: "Ce n’est pas du YAML : vérifiez les deux-points, les tirets et l’alignement. (" + strings.TrimPrefix(err.Error(), "yaml: ") + ")"}
	if rest, ok := strings.CutPrefix(err.Error(), "yaml: line "); ok {
		line, _, _ := strings.Cut(rest, ":")
		e.Line, _ = strconv.Atoi(line) // 0 when it is not told
	}
	return Errors{e}
}

// A walk turns nodes into values for JSON, after the types they are for.
type walk struct{ errs Errors }

func (w *walk) wrong(n *yaml.Node, french string) any {
	if len(w.errs) < maxErrors {
		w.errs = append(w.errs, Error{Line: n.Line, French: french})
	}
	return nil
}

// value reads n as a t. where names it in messages.
func (w *walk) value(n *yaml.Node, t reflect.Type, where string) any {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return w.wrong(n, "Les ancres et les renvois (& et *) ne sont pas lus : écrivez la valeur.")
	case n.Style&yaml.TaggedStyle != 0:
		return w.wrong(n, "Les étiquettes de type ("+n.Tag+") ne sont pas lues.")
	case n.Tag == "!!null":
		return nil
	case t.Kind() == reflect.Pointer:
		return w.value(n, t.Elem(), where)
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return w.text(n, t, where)
	}
	if t == reflect.TypeFor[[]byte]() {
		return w.bytes(n, where)
	}
	switch t.Kind() {
	case reflect.Struct:
		return w.object(n, t, where)
	case reflect.Slice:
		return w.list(n, t, where)
	case reflect.Map:
		return w.table(n, t, where)
	default:
		return w.scalar(n, t, where)
	}
}

func (w *walk) text(n *yaml.Node, t reflect.Type, where string) any {
	if n.Kind != yaml.ScalarNode {
		return w.wrong(n, where+" attend une seule valeur.")
	}
	fresh, _ := reflect.New(t).Interface().(encoding.TextUnmarshaler) // asked before
	if err := fresh.UnmarshalText([]byte(n.Value)); err != nil {
		return w.wrong(n, "« "+n.Value+" » ne convient pas à "+where+".")
	}
	return n.Value
}

// bytes reads what is written in base64, on as many lines as one wants.
func (w *walk) bytes(n *yaml.Node, where string) any {
	raw := strings.Join(strings.Fields(n.Value), "")
	if _, err := base64.StdEncoding.DecodeString(raw); err != nil || n.Kind != yaml.ScalarNode {
		return w.wrong(n, where+" attend les octets de l’image en base64 (« base64 -w 76 armoiries.png »).")
	}
	return raw
}

func (w *walk) scalar(n *yaml.Node, t reflect.Type, where string) any {
	if n.Kind != yaml.ScalarNode {
		return w.wrong(n, where+" attend une seule valeur.")
	}
	switch t.Kind() {
	case reflect.Bool:
		if n.Tag == "!!bool" {
			return n.Value == "true" || n.Value == "True" || n.Value == "TRUE"
		}
		return w.wrong(n, where+" attend true ou false.")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if i, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			return i
		}
		return w.wrong(n, where+" attend un nombre entier.")
	case reflect.String:
		return n.Value // 007, 2026-03-01 and yes are what they look like
	default:
		return w.wrong(n, where+" ne peut pas être écrit dans un fichier.")
	}
}

func (w *walk) list(n *yaml.Node, t reflect.Type, where string) any {
	if n.Kind != yaml.SequenceNode {
		return w.wrong(n, where+" attend une liste : une ligne commençant par un tiret pour chaque élément.")
	}
	out := make([]any, 0, len(n.Content))
	for _, item := range n.Content {
		out = append(out, w.value(item, t.Elem(), where))
	}
	return out
}

func (w *walk) table(n *yaml.Node, t reflect.Type, where string) any {
	if n.Kind != yaml.MappingNode {
		return w.wrong(n, where+" attend des lignes « nom : valeur ».")
	}
	out := map[string]any{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if _, twice := out[key.Value]; twice {
			w.wrong(key, "« "+key.Value+" » est écrit deux fois.")
		}
		out[key.Value] = w.value(n.Content[i+1], t.Elem(), "« "+key.Value+" »")
	}
	return out
}

// object reads a struct by the names of its JSON.
func (w *walk) object(n *yaml.Node, t reflect.Type, where string) any {
	if n.Kind != yaml.MappingNode {
		return w.wrong(n, where+" attend des lignes « nom : valeur ».")
	}
	known, out := keys(t), map[string]any{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		of, ok := known[key.Value]
		_, twice := out[key.Value]
		switch {
		case !ok:
			names := []string{}
			for name := range known {
				names = append(names, name)
			}
			slices.Sort(names)
			w.wrong(key, "« "+key.Value+" » n’est pas connu ici. Noms connus : "+strings.Join(names, ", ")+".")
		case twice:
			w.wrong(key, "« "+key.Value+" » est écrit deux fois.")
		default:
			out[key.Value] = w.value(n.Content[i+1], of, "« "+key.Value+" »")
		}
	}
	return out
}

// keys lists what a struct is written with.
func keys(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			for k, v := range keys(f.Type) {
				out[k] = v
			}
		case !f.IsExported() || name == "-" || hidden(t, name):
		case name == "":
			out[f.Name] = f.Type
		default:
			out[name] = f.Type
		}
	}
	return out
}

// hidden are what files do not carry: identifiers, drawn by each town, and
// versions, counted by it.
func hidden(t reflect.Type, name string) bool {
	top := reflect.TypeFor[dossiers.Setup]()
	for i := range top.NumField() {
		of := top.Field(i).Type
		if of.Kind() == reflect.Slice && of.Elem() == t {
			return name == "id" || name == "version"
		}
	}
	return false
}

const heading = `# Organisation d’une collectivité, telle que la lit « parapheur config apply ».
# Les personnes sont nommées par leur adresse, les bureaux et les types par leur code.
# Une partie présente est complète : ce qu’elle ne nomme pas est mis hors d’usage.
# Aucun secret, aucune clé d’accès : docs/config-file.md dit tout.
`

// Format writes s, always the same way.
func Format(w io.Writer, s dossiers.Setup) error {
	var raw bytes.Buffer
	enc := json.NewEncoder(&raw)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return fmt.Errorf("write the set-up: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(raw.Bytes(), &doc); err != nil { // JSON is YAML
		return fmt.Errorf("write the set-up: %w", err)
	}
	plain(&doc)
	for _, list := range section(&doc, "circuits") {
		without(list, "version")
	}
	folded(&doc)
	if _, err := io.WriteString(w, heading); err != nil {
		return err
	}
	out := yaml.NewEncoder(w)
	out.SetIndent(2)
	if err := out.Encode(&doc); err != nil {
		return fmt.Errorf("write the set-up: %w", err)
	}
	return out.Close()
}

// plain drops the style of JSON: blocks, and quotes where they are needed.
func plain(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		plain(c)
	}
}

// folded writes the image of the arms on lines that a person can scroll past,
// and a repository compare.
func folded(doc *yaml.Node) {
	arms := section(doc, "arms")
	for i := 0; i+1 < len(arms); i += 2 {
		if arms[i].Value != "image" {
			continue
		}
		lines := ""
		for part := range slices.Chunk([]byte(arms[i+1].Value), 76) {
			lines += string(part) + "\n"
		}
		arms[i+1].Value, arms[i+1].Style = lines, yaml.LiteralStyle
	}
}

// section returns the entries of a list at the top of the document.
func section(doc *yaml.Node, name string) []*yaml.Node {
	top := doc.Content[0]
	for i := 0; i+1 < len(top.Content); i += 2 {
		if top.Content[i].Value == name {
			return top.Content[i+1].Content
		}
	}
	return nil
}

// without drops a key of a mapping.
func without(n *yaml.Node, key string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = slices.Delete(n.Content, i, i+2)
			return
		}
	}
}

//go:embed starters/*.yaml
var starters embed.FS

// Starters lists the set-ups to begin with.
func Starters() []string { return []string{"petite-commune", "ville-30000"} }

// Starter returns the file of a set-up to begin with.
func Starter(name string) ([]byte, error) {
	if !slices.Contains(Starters(), name) {
		return nil, fmt.Errorf("« %s » n’est pas une organisation de départ : %s", name, strings.Join(Starters(), ", "))
	}
	return starters.ReadFile("starters/" + name + ".yaml")
}
