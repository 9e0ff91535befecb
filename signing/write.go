package signing

import (
	"parapheur/signing/internal/appearance"
	"parapheur/signing/internal/pdf"
)

// flagsPrintLocked is /F of the widget: Print and Locked (ISO 32000-2, table 167).
const flagsPrintLocked = 132

func entry(k pdf.Name, v pdf.Object) pdf.Entry { return pdf.Entry{Key: k, Value: v} }

// write lays out the increment: signature dictionary with its hole, block, field, page, form,
// catalog, cross-reference section.
func (l *layout) write(reserve int) ([]byte, pdf.Hole, error) {
	u, err := l.doc.NewUpdate()
	if err != nil {
		return nil, pdf.Hole{}, err
	}
	sig, dict := u.Alloc(), l.dictionary()
	refs, err := l.references()
	if err != nil {
		return nil, pdf.Hole{}, err
	}
	if len(refs) > 0 {
		dict.Set("Reference", refs)
	}
	u.PutSignature(sig, dict, reserve)
	if l.target != nil {
		err = l.fillField(u, sig)
	} else {
		err = l.newField(u, sig)
	}
	if err != nil {
		return nil, pdf.Hole{}, err
	}
	return u.Finish()
}

// dictionary returns the signature dictionary without /ByteRange and /Contents (ISO 32000-2,
// 12.8.1; EN 319 142-1, 6.3: no /Cert, /M once).
func (l *layout) dictionary() *pdf.Dict {
	c := &l.opt.Claims
	d := pdf.NewDict(
		entry("Type", pdf.Name("Sig")),
		entry("Filter", pdf.Name("Adobe.PPKLite")),
		entry("SubFilter", pdf.Name("ETSI.CAdES.detached")),
		entry("M", pdf.EncodeDate(c.Time)),
	)
	for _, t := range []struct {
		key  pdf.Name
		text string
	}{{"Name", c.Name}, {"Reason", c.Reason}, {"Location", c.Place}, {"ContactInfo", c.ContactInfo}} {
		if t.text != "" {
			d.Set(t.key, pdf.EncodeText(t.text))
		}
	}
	return d
}

// newField writes a field merged with its widget, and hooks it to its page and to the form.
func (l *layout) newField(u *pdf.Update, sig pdf.Ref) error {
	widget := pdf.NewDict(
		entry("Type", pdf.Name("Annot")),
		entry("Subtype", pdf.Name("Widget")),
		entry("FT", pdf.Name("Sig")),
		entry("T", pdf.EncodeText(l.field)),
		entry("V", sig),
		entry("F", flagsPrintLocked),
		entry("Rect", l.rect.Array()),
		entry("P", l.page.Ref),
	)
	if l.block == nil {
		widget.Set("AP", emptyAppearance(u))
	}
	if err := l.appearance(u, widget); err != nil {
		return err
	}
	ref := u.Alloc()
	u.Put(ref, widget)
	if err := u.AddAnnotation(l.page, ref); err != nil {
		return err
	}
	return u.AddField(ref)
}

// emptyAppearance is that of a signature without a block: PDF/A-1 wants one for every field
// (ISO 19005-1, 6.9).
func emptyAppearance(u *pdf.Update) *pdf.Dict {
	form := u.Alloc()
	u.PutStream(form, pdf.NewDict(
		entry("Type", pdf.Name("XObject")),
		entry("Subtype", pdf.Name("Form")),
		entry("BBox", pdf.Array{0, 0, 0, 0}),
	), []byte{})
	return pdf.NewDict(entry("N", form))
}

// fillField signs the existing field, keeping every other entry of it and of its widget.
func (l *layout) fillField(u *pdf.Update, sig pdf.Ref) error {
	field := l.target.Dict.Clone()
	field.Set("V", sig)
	widgets := l.target.Widgets
	if len(widgets) == 1 && widgets[0] != l.target.Ref {
		d, err := l.doc.Dict(widgets[0])
		if err != nil {
			return err
		}
		widget := d.Clone()
		if err := l.appearance(u, widget); err != nil {
			return err
		}
		u.Replace(widgets[0], widget)
	} else if err := l.appearance(u, field); err != nil {
		return err
	}
	u.Replace(l.target.Ref, field)
	return u.UseField()
}

// appearance draws the block and makes it the normal appearance of the widget.
func (l *layout) appearance(u *pdf.Update, widget *pdf.Dict) error {
	if l.block == nil {
		return nil
	}
	l.block.Flat = l.flat
	o, err := l.block.Build()
	if err != nil {
		return err
	}
	form := u.Alloc()
	refs := make([]pdf.Ref, len(o.Extra))
	for i := range refs {
		refs[i] = u.Alloc()
	}
	ref := func(i int) string { return refs[i].String() }
	m := pdf.Array{}
	for _, v := range l.matrix {
		m = append(m, v)
	}
	u.PutStream(form, pdf.NewDict(
		entry("Type", pdf.Name("XObject")),
		entry("Subtype", pdf.Name("Form")),
		entry("BBox", l.box(o)),
		entry("Matrix", m),
		entry("Resources", pdf.Raw(o.Resources(ref))),
	), o.Form)
	for i, x := range o.Extra {
		u.PutRaw(refs[i], x.Dict(ref), x.Stream)
	}
	widget.Set("AP", pdf.NewDict(entry("N", form)))
	widget.Set("F", flagsPrintLocked)
	if l.page.Rotate != 0 {
		widget.Set("MK", pdf.NewDict(entry("R", l.page.Rotate)))
	}
	return nil
}

// box is the /BBox of the form: readers stretch it over the rectangle, so it is given the same
// proportions and the block keeps its own, centred, no larger than its scale.
func (l *layout) box(o appearance.Objects) pdf.Array {
	w, h := l.rect.Width(), l.rect.Height()
	if l.matrix[0] == 0 {
		w, h = h, w
	}
	scale := min(w/o.Width, h/o.Height)
	if l.scale > 0 {
		scale = min(scale, l.scale)
	}
	dx, dy := (w/scale-o.Width)/2, (h/scale-o.Height)/2
	return pdf.Rect{X0: -dx, Y0: -dy, X1: o.Width + dx, Y1: o.Height + dy}.Array()
}
