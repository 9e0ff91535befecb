package intake

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// A Kind is something active that a PDF can carry: what a reader of paper would never meet.
type Kind string

// The kinds, worst first.
const (
	KindLaunch     Kind = "launch"              // an action that starts a program (ISO 32000-2, 12.6.4.6)
	KindExecutable Kind = "embedded_executable" // an attached file that is a program, by its name or its first bytes
	KindJavaScript Kind = "javascript"          // a script (12.6.4.17)
	KindSubmit     Kind = "submit_form"         // sends what is typed to an address, or takes it from a file (12.7.6.2, 12.7.6.4)
	KindRemote     Kind = "remote_content"      // leads to, or takes its content from, another file (12.6.4.3, 7.3.8)
	KindRichMedia  Kind = "rich_media"          // film, sound, three dimensions (clause 13)
	KindAttachment Kind = "embedded_file"       // an attached file that is no program (7.11.4)
)

// Where something was found, when no page says it.
const (
	WhereOpening  = "opening"  // done when the document opens
	WhereForm     = "form"     // in the form's fields
	WhereBookmark = "bookmark" // in the table of contents
	WhereDocument = "document" // in the document as a whole
)

// A Finding is one kind of active content at one place.
type Finding struct {
	Kind  Kind   `json:"kind"`
	Page  int    `json:"page,omitempty"`  // from 1; 0 when Where says it
	Where string `json:"where,omitempty"` // one of the constants; empty on a page
	Name  string `json:"name,omitempty"`  // of the file or address it leads to: one line, at most 80 characters
}

const (
	maxFindings = 50
	maxName     = 80
	maxDepth    = 200 // of nested objects; deeper than any producer goes
)

// scanner looks at every object once. Those that hang on a page are looked at first, so that the page is known.
type scanner struct {
	doc   *model.Context
	seen  map[int]bool
	found map[Finding]bool
	at    Finding // where the scan is: Page and Where
}

// findings lists the active content, pages first.
func findings(doc *model.Context, pages []page) []Finding {
	s := &scanner{doc: doc, seen: map[int]bool{}, found: map[Finding]bool{}}
	for _, p := range pages {
		s.at = Finding{Page: p.number}
		s.walk(p.dict["AA"], 0)
		s.walk(p.dict["Annots"], 0)
	}
	catalog, err := doc.Catalog()
	if err != nil {
		catalog = types.Dict{}
	}
	for _, root := range []struct{ key, where string }{
		{"OpenAction", WhereOpening}, {"AA", WhereOpening}, {"AcroForm", WhereForm}, {"Outlines", WhereBookmark}, {"Names", WhereDocument},
	} {
		s.at = Finding{Where: root.where}
		s.walk(catalog[root.key], 0)
	}
	s.at = Finding{Where: WhereDocument}
	for _, number := range slices.Sorted(maps.Keys(doc.Table)) {
		if entry := doc.Table[number]; entry != nil && !entry.Free && !s.seen[number] {
			s.seen[number] = true
			s.walk(entry.Object, 0)
		}
	}
	return s.sorted()
}

// sorted lists what was found. What the document has as a whole is said once: not again when its place is known.
func (s *scanner) sorted() []Finding {
	type what struct {
		kind Kind
		name string
	}
	placed := map[what]bool{}
	for f := range s.found {
		placed[what{f.Kind, f.Name}] = placed[what{f.Kind, f.Name}] || f.Where != WhereDocument
	}
	var out []Finding
	for f := range s.found {
		if f.Where != WhereDocument || !placed[what{f.Kind, f.Name}] {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(rank(a.Kind), rank(b.Kind)), cmp.Compare(a.Page, b.Page), cmp.Compare(a.Where, b.Where), cmp.Compare(a.Name, b.Name))
	})
	return out[:min(len(out), maxFindings)]
}

// Kinds lists every kind, worst first.
func Kinds() []Kind {
	return []Kind{KindLaunch, KindExecutable, KindJavaScript, KindSubmit, KindRemote, KindRichMedia, KindAttachment}
}

func rank(k Kind) int { return slices.Index(Kinds(), k) }

// upwards are the keys that lead back to what holds an object, or aside to another page.
func upwards(key string) bool {
	return slices.Contains([]string{"Parent", "P", "Pg", "Dest", "Page", "IRT"}, key)
}

func (s *scanner) walk(o types.Object, depth int) {
	if depth > maxDepth || len(s.found) >= 10*maxFindings {
		return
	}
	switch o := o.(type) {
	case types.IndirectRef:
		number := o.ObjectNumber.Value()
		if s.seen[number] {
			return
		}
		s.seen[number] = true
		if held, err := s.doc.Dereference(o); err == nil {
			s.walk(held, depth+1)
		}
	case types.Array:
		for _, x := range o {
			s.walk(x, depth+1)
		}
	case types.StreamDict:
		if _, external := o.Find("F"); external {
			s.note(KindRemote, s.fileName(o.Dict["F"]))
		}
		s.dict(o.Dict, depth)
	case *types.StreamDict:
		s.walk(*o, depth)
	case types.Dict:
		s.dict(o, depth)
	}
}

func (s *scanner) dict(d types.Dict, depth int) {
	if name(d["Type"]) == "StructElem" {
		return // its S is a role, not an action
	}
	s.judge(d)
	for _, key := range slices.Sorted(maps.Keys(d)) {
		if !upwards(key) && (key != "D" || !isGoTo(d)) {
			s.walk(d[key], depth+1)
		}
	}
}

// isGoTo says that D is a destination, which leads to a page.
func isGoTo(d types.Dict) bool { return strings.HasPrefix(name(d["S"]), "GoTo") }

// judge looks at one dictionary.
func (s *scanner) judge(d types.Dict) {
	switch name(d["S"]) {
	case "Launch":
		s.note(KindLaunch, cmp.Or(s.fileName(d["F"]), s.fileName(d["Win"])))
	case "JavaScript":
		s.note(KindJavaScript, "")
	case "SubmitForm", "ImportData":
		s.note(KindSubmit, s.fileName(d["F"]))
	case "GoToR", "GoToE":
		s.note(KindRemote, s.fileName(d["F"]))
	case "Movie", "Sound", "Rendition", "GoTo3DView", "RichMediaExecute":
		s.note(KindRichMedia, "")
		if _, script := d.Find("JS"); script {
			s.note(KindJavaScript, "")
		}
	}
	switch name(d["Subtype"]) {
	case "RichMedia", "Screen", "Movie", "Sound", "3D":
		s.note(KindRichMedia, "")
	}
	if files, err := s.doc.DereferenceDict(d["EF"]); err == nil && files != nil {
		s.attachment(d, files)
	}
}

func (s *scanner) note(k Kind, about string) {
	f := s.at
	f.Kind, f.Name = k, about
	s.found[f] = true
}

// attachment tells a program from another file, by its name and by its first bytes: either is enough.
func (s *scanner) attachment(spec, files types.Dict) {
	called := s.fileName(spec)
	kind := KindAttachment
	if isProgramName(called) {
		kind = KindExecutable
	}
	for _, o := range files {
		stream, _, err := s.doc.DereferenceStreamDict(o)
		if err == nil && stream != nil && isProgram(firstBytes(stream)) {
			kind = KindExecutable
		}
	}
	s.note(kind, called)
}

// fileName reads a file specification (7.11): a string, or a dictionary with UF or F.
func (s *scanner) fileName(o types.Object) string {
	o, err := s.doc.Dereference(o)
	if err != nil || o == nil {
		return ""
	}
	if d, ok := o.(types.Dict); ok {
		for _, key := range []string{"UF", "F"} {
			if text := s.text(d[key]); text != "" {
				return text
			}
		}
		return ""
	}
	return s.text(o)
}

func (s *scanner) text(o types.Object) string {
	o, err := s.doc.Dereference(o)
	if err != nil {
		return ""
	}
	switch o.(type) {
	case types.StringLiteral, types.HexLiteral:
	default:
		return ""
	}
	text, err := s.doc.DereferenceText(o)
	if err != nil {
		return ""
	}
	runes := []rune(oneLine(text))
	return string(runes[:min(len(runes), maxName)])
}

func name(o types.Object) string {
	n, _ := o.(types.Name)
	return n.Value()
}

// isProgramName goes by what the systems of an office run, or run after one question.
func isProgramName(called string) bool {
	return slices.Contains(strings.Fields(
		".exe .com .bat .cmd .ps1 .psm1 .vbs .vbe .js .jse .wsf .wsh .hta .msi .msp .mst .scr .pif .cpl .dll .sys .jar .lnk .reg .inf "+
			".sh .command .app .pkg .dmg .deb .rpm .run .appimage .apk .docm .dotm .xlsm .xltm .xlam .pptm .ppam .xll .iso .img .vhd .vhdx .chm .scf .url .settingcontent-ms"),
		strings.ToLower(path.Ext(strings.TrimRight(called, ". "))))
}

// isProgram goes by the first bytes: Windows, Linux, macOS, Java, scripts.
func isProgram(first []byte) bool {
	for _, magic := range []string{
		"MZ", "\x7fELF", "\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xce\xfa\xed\xfe", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe", "#!", "L\x00\x00\x00\x01\x14\x02\x00",
	} {
		if bytes.HasPrefix(first, []byte(magic)) {
			return true
		}
	}
	return false
}

// firstBytes reads the beginning of a stream without inflating the rest.
func firstBytes(s *types.StreamDict) []byte {
	switch {
	case len(s.FilterPipeline) == 0:
		return s.Raw[:min(len(s.Raw), 8)]
	case len(s.FilterPipeline) == 1 && s.FilterPipeline[0].Name == "FlateDecode":
		r, err := zlib.NewReader(bytes.NewReader(s.Raw))
		if err != nil {
			return nil
		}
		first := make([]byte, 8)
		n, _ := io.ReadFull(r, first) // a short or damaged file shows what it shows
		return first[:n]
	}
	if err := s.Decode(); err != nil {
		return nil
	}
	return s.Content[:min(len(s.Content), 8)]
}
