package signing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"parapheur/signing/internal/appearance"
	"parapheur/signing/internal/content"
	"parapheur/signing/internal/pdf"
)

// layout is the increment of one signature while it is laid out.
type layout struct {
	doc    *pdf.Doc
	opt    *Options
	fields []pdf.Field
	field  string     // fully qualified name of the signature field
	target *pdf.Field // the empty field to fill, nil for a new one
	page   pdf.Page   // of a new field
	rect   pdf.Rect   // empty when invisible
	matrix [6]float64 // of the form XObject
	block  *appearance.Block
	scale  float64 // of a block in a given rectangle, 0 to fill it
	notice Notice
	reader *content.Reader
	words  appearance.Text // of the block
	flat   bool            // pictures may not be transparent
}

// newLayout decides everything before a byte is written.
func newLayout(ctx context.Context, doc *pdf.Doc, opt *Options) (*layout, error) {
	if doc.Encrypted() {
		return nil, ErrEncrypted
	}
	l := &layout{doc: doc, opt: opt}
	var err error
	if l.fields, err = doc.Fields(); err != nil {
		return nil, err
	}
	if err := l.chooseField(); err != nil {
		return nil, err
	}
	if err := l.checkOrder(); err != nil {
		return nil, err
	}
	if err := l.checkPermissions(); err != nil {
		return nil, err
	}
	if err := l.compose(); err != nil {
		return nil, err
	}
	if l.target != nil {
		return l, l.useTarget()
	}
	return l, l.choosePlace(ctx)
}

// compose gathers the words and the pictures of the block.
func (l *layout) compose() error {
	c := &l.opt.Claims
	l.reader = content.NewReader(l.doc)
	l.words = appearance.Text{
		Name: c.Name, Quality: c.Quality, Town: c.Town, Mention: c.Mention,
		Motto: c.Motto, Reason: c.Reason, Date: appearance.FrenchDate(c.Time), Seal: l.opt.isSeal(), Warning: c.Warning,
	}
	for _, p := range []struct {
		file []byte
		to   **appearance.Picture
	}{{l.opt.Arms, &l.words.Arms}, {l.opt.Griffe, &l.words.Griffe}} {
		if len(p.file) == 0 {
			continue
		}
		var err error
		if *p.to, err = appearance.NewPicture(p.file); err != nil {
			return err
		}
	}
	l.flat = l.words.Arms != nil || l.words.Griffe != nil
	if l.flat {
		l.flat = isPDFA(l.doc)
	}
	return nil
}

// maxMetadata bounds the XMP that is read.
const maxMetadata = 1 << 20

// isPDFA reports whether the document says that it is PDF/A: PDF/A-1 forbids transparency, and the
// later parts submit it to conditions on the page (ISO 19005-2, 6.2.10).
func isPDFA(doc *pdf.Doc) bool {
	_, cat, err := doc.Catalog()
	if err != nil {
		return false
	}
	v, err := doc.Resolve(cat.Get("Metadata"))
	s, ok := v.(*pdf.Stream)
	if err != nil || !ok {
		return false
	}
	b, err := doc.Decode(s, maxMetadata)
	return err != nil || bytes.Contains(b, []byte("pdfaid:part"))
}

// chooseField finds the empty field to fill or the name of a new one.
func (l *layout) chooseField() error {
	taken := func(name string) int {
		return slices.IndexFunc(l.fields, func(f pdf.Field) bool { return f.Name == name })
	}
	name := l.opt.Field.Name
	if name == "" {
		l.field = freeName(l.fields, "Signature")
		return nil
	}
	if i := taken(name); i >= 0 {
		l.field, l.target = name, &l.fields[i]
		return nil
	}
	// A period separates the partial names of a tree: a new root field cannot have one.
	if strings.ContainsAny(name, ".\x00") || len(name) > 127 || !l.free(name) {
		return fmt.Errorf("%w: name %q for a new field", ErrField, name)
	}
	l.field = name
	return nil
}

// free reports whether no field has the name, nor a name under it.
func (l *layout) free(name string) bool {
	return !slices.ContainsFunc(l.fields, func(f pdf.Field) bool { return nameTaken(f, name) })
}

func nameTaken(f pdf.Field, name string) bool {
	return f.Name == name || strings.HasPrefix(f.Name, name+".")
}

// useTarget checks that the existing field can be signed and takes its rectangle.
func (l *layout) useTarget() error {
	t := l.target
	if f := &l.opt.Field; len(f.Tags) > 0 || f.At != nil || f.Rect != nil {
		return fmt.Errorf("%w: the place of %q is in the document", ErrOptions, t.Name)
	}
	if !t.Type.Is("Sig") || t.Ref == (pdf.Ref{}) || !t.Terminal || len(t.Widgets) > 1 {
		return fmt.Errorf("%w: %q is not a simple signature field", ErrField, t.Name)
	}
	v, err := l.doc.Resolve(t.Value)
	if err != nil {
		return err
	}
	if v != nil {
		return fmt.Errorf("%w: %w: %q", ErrField, ErrSigned, t.Name)
	}
	if len(t.Widgets) == 0 || l.opt.Field.Invisible {
		return nil
	}
	w, err := l.doc.Dict(t.Widgets[0])
	if err != nil {
		return err
	}
	if l.page, err = l.pageOf(t.Widgets[0], w); err != nil {
		return err
	}
	if l.rect, err = l.doc.Rect(w.Get("Rect")); err != nil || l.rect.Empty() {
		l.rect = pdf.Rect{}
		return ignoreSyntax(err)
	}
	l.matrix = appearance.Upright(l.page.Rotate)
	l.fit()
	return nil
}

// ignoreSyntax lets an odd value pass and a limit stop the work.
func ignoreSyntax(err error) error {
	if errors.Is(err, pdf.ErrSyntax) {
		return nil
	}
	return err
}

// pageOf finds the page of a widget, by its /P or by the annotations of each page; a widget on no
// page gives a page without number.
func (l *layout) pageOf(ref pdf.Ref, widget *pdf.Dict) (pdf.Page, error) {
	parent, _ := widget.Get("P").(pdf.Ref)
	var found pdf.Page
	var failed error
	err := l.doc.Pages(func(p pdf.Page) bool {
		annots, err := l.doc.Array(p.Dict.Get("Annots"))
		if failed = err; err != nil {
			return false
		}
		if p.Ref == parent || slices.Contains(annots, pdf.Object(ref)) {
			found = p
			return false
		}
		return true
	})
	return found, errors.Join(err, failed)
}
