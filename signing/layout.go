package signing

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"parapheur/signing/internal/appearance"
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
}

// newLayout decides everything before a byte is written.
func newLayout(doc *pdf.Doc, opt *Options) (*layout, error) {
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
	if err := l.checkCertification(); err != nil {
		return nil, err
	}
	if !opt.Field.Invisible {
		l.block = newBlock(&opt.Claims)
	}
	if l.target != nil {
		return l, l.useTarget()
	}
	return l, l.choosePlace()
}

func newBlock(c *Claims) *appearance.Block {
	b := appearance.Layout(appearance.Text{
		Name: c.Name, Quality: c.Quality, Town: c.Town, Mention: c.Mention,
		Motto: c.Motto, Date: appearance.FrenchDate(c.Time),
	})
	return &b
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
	if !t.Type.Is("Sig") || t.Ref == (pdf.Ref{}) || !t.Terminal || len(t.Widgets) > 1 {
		return fmt.Errorf("%w: %q is not a simple signature field", ErrField, t.Name)
	}
	v, err := l.doc.Resolve(t.Value)
	if err != nil {
		return err
	}
	if v != nil {
		return fmt.Errorf("%w: %q is already signed", ErrField, t.Name)
	}
	if len(t.Widgets) == 0 {
		l.block = nil
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
		l.rect, l.block = pdf.Rect{}, nil
		return ignoreSyntax(err)
	}
	l.matrix = upright(l.page.Rotate)
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

// choosePlace finds the page and the rectangle of a new field.
func (l *layout) choosePlace() error {
	f := l.opt.Field
	var err error
	switch {
	case f.Page > 0:
		l.page, err = l.doc.Page(f.Page)
	case f.Page == 0 && f.Invisible:
		l.page, err = l.doc.Page(1)
	case f.Page == 0:
		l.page, err = l.doc.LastPage()
	default:
		err = fmt.Errorf("%w: page %d", ErrOptions, f.Page)
	}
	if err != nil || f.Invisible {
		return err
	}
	if f.Rect != nil {
		return l.useRect(pdf.Rect(*f.Rect))
	}
	p, err := appearance.Place(l.doc, l.page, l.block.Width, l.block.Height)
	if errors.Is(err, errNoRoom) {
		return fmt.Errorf("%w: %w", ErrPlace, err)
	}
	l.rect, l.matrix = p.Rect, p.Matrix
	return err
}

// useRect accepts a rectangle that is on the page and covers no form field.
func (l *layout) useRect(r pdf.Rect) error {
	if r.Empty() || r.Intersect(l.page.CropBox) != r {
		return fmt.Errorf("%w: rectangle outside page %d", ErrPlace, l.page.Number)
	}
	annots, err := l.doc.Array(l.page.Dict.Get("Annots"))
	if err != nil {
		return err
	}
	for _, a := range annots {
		d, err := l.doc.Dict(a)
		if err != nil {
			return err
		}
		if sub, _ := d.Get("Subtype").(pdf.Name); !sub.Is("Widget") {
			continue
		}
		other, err := l.doc.Rect(d.Get("Rect"))
		if err := ignoreSyntax(err); err != nil {
			return err
		}
		if other.Overlaps(r) {
			return fmt.Errorf("%w: rectangle over a form field of page %d", ErrPlace, l.page.Number)
		}
	}
	l.rect, l.matrix = r, upright(l.page.Rotate)
	return nil
}

// upright is the form matrix that turns a block upright on a page with that rotation.
func upright(rotate int) [6]float64 {
	switch rotate {
	case 90:
		return [6]float64{0, 1, -1, 0, 0, 0}
	case 180:
		return [6]float64{-1, 0, 0, -1, 0, 0}
	case 270:
		return [6]float64{0, -1, 1, 0, 0, 0}
	}
	return [6]float64{1, 0, 0, 1, 0, 0}
}

// checkCertification refuses what a certification signature of the document forbids: everything
// at P=1, a new field at P=2 (ISO 32000-2, 12.8.2.2).
func (l *layout) checkCertification() error {
	p, err := l.certification()
	if err != nil {
		return err
	}
	if p == 1 || p == 2 && l.target == nil {
		return fmt.Errorf("%w: DocMDP P=%d", ErrCertified, p)
	}
	return nil
}

// certification returns the permission of the DocMDP signature, 0 when there is none.
func (l *layout) certification() (int64, error) {
	_, cat, err := l.doc.Catalog()
	if err != nil {
		return 0, err
	}
	perms, err := l.doc.Dict(cat.Get("Perms"))
	if err != nil {
		return 0, err
	}
	sig, err := l.doc.Dict(perms.Get("DocMDP"))
	if err != nil || sig == nil {
		return 0, err
	}
	refs, err := l.doc.Array(sig.Get("Reference"))
	if err != nil {
		return 0, err
	}
	for _, r := range refs {
		ref, err := l.doc.Dict(r)
		if err != nil {
			return 0, err
		}
		if m, _ := ref.Get("TransformMethod").(pdf.Name); !m.Is("DocMDP") {
			continue
		}
		params, err := l.doc.Dict(ref.Get("TransformParams"))
		if err != nil {
			return 0, err
		}
		if n, err := l.doc.Int(params.Get("P")); err == nil {
			return n, nil
		}
	}
	return 2, nil
}
