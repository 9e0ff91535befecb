package revisions

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"parapheur/signing/internal/pdf"
)

// structures walks what a signature may touch, from the catalog down, marks as allowed the changed
// objects found in their role, and reports the rest where it is known what it is.
func (s *step) structures() error {
	ref, old, err := s.before.Catalog()
	if err != nil {
		return err
	}
	_, now, err := s.after.Catalog()
	if err != nil {
		return err
	}
	if keys := differing(old, now); len(keys) > 0 && within(keys, "AcroForm", "DSS", "Perms", "Extensions", "Version") {
		s.allowed[ref.Number] = true
	}
	if err := s.declarations(ref.Number, now); err != nil {
		return err
	}
	if err := s.form(old.Get("AcroForm"), now.Get("AcroForm")); err != nil {
		return err
	}
	if err := s.filledFields(); err != nil {
		return err
	}
	if err := s.filledForms(); err != nil {
		return err
	}
	if err := s.annotations(); err != nil {
		return err
	}
	if err := s.evidence(old.Get("DSS"), now.Get("DSS")); err != nil {
		return err
	}
	return s.permissions(ref.Number, old.Get("Perms"), now.Get("Perms"))
}

// declarations checks the type of catalog entries that may change freely: should the catalog be used
// as a resource dictionary too, a stream among them would be drawn.
func (s *step) declarations(catalog int, now *pdf.Dict) error {
	if v := now.Get("Version"); v != nil {
		if _, ok := v.(pdf.Name); !ok {
			s.report(Change{Kind: Modified, Object: catalog, Role: "catalog", Detail: "/Version"})
		}
	}
	for _, k := range []pdf.Name{"Extensions", "AcroForm", "DSS", "Perms"} {
		v, err := s.after.Resolve(now.Get(k))
		if ignoreSyntax(err) != nil {
			return err
		}
		if _, ok := v.(*pdf.Dict); !ok && v != nil {
			s.report(Change{Kind: Modified, Object: catalog, Role: "catalog", Detail: "/" + string(k)})
		}
	}
	return nil
}

// plain resolves v to a dictionary that is not that of a stream; nil when it is nothing else.
func plain(d *pdf.Doc, v pdf.Object) (*pdf.Dict, error) {
	v, err := d.Resolve(v)
	x, _ := v.(*pdf.Dict)
	return x, ignoreSyntax(err)
}

func array(d *pdf.Doc, v pdf.Object) (pdf.Array, error) {
	a, err := d.Array(v)
	return a, ignoreSyntax(err)
}

// ignoreSyntax keeps the errors that must end the comparison: a value that cannot be read counts
// as absent, and the object that holds it as changed.
func ignoreSyntax(err error) error {
	if errors.Is(err, pdf.ErrLimit) {
		return err
	}
	return nil
}

// sole marks the object behind an indirect value as allowed to change, when it is the same object
// before and after and plays no other role: a single reference leads to it.
func (s *step) sole(old, now pdf.Object) bool {
	a, okA := old.(pdf.Ref)
	b, okB := now.(pdf.Ref)
	if !okB { // direct: it belongs to its holder
		return true
	}
	if s.fresh[b.Number] {
		return true
	}
	if !okA || a != b {
		return false
	}
	if _, changed := s.changed[b.Number]; changed && s.refs[b.Number] == 1 {
		s.allowed[b.Number] = true
	}
	return true
}

// form compares the interactive forms: /Fields may grow, /SigFlags may be set.
func (s *step) form(old, now pdf.Object) error {
	a, err := plain(s.before, old)
	if err != nil {
		return err
	}
	b, err := plain(s.after, now)
	if err != nil {
		return err
	}
	if a == nil && b == nil {
		return nil
	}
	n := number(now)
	keys := differing(a, b)
	if b == nil || !within(keys, "Fields", "SigFlags") || !goodFlags(a, b) || !s.sole(old, now) {
		s.report(Change{Kind: Modified, Object: n, Role: "form", Detail: list(keys)})
		s.allowed[n] = true
		return nil
	}
	added, ok, err := s.grown(a.Get("Fields"), b.Get("Fields"))
	if err != nil {
		return err
	}
	if !ok {
		s.report(Change{Kind: Modified, Object: n, Role: "form", Detail: "/Fields"})
		return nil
	}
	for _, v := range added {
		if err := s.newField(v); err != nil {
			return err
		}
	}
	return nil
}

func number(v pdf.Object) int {
	r, _ := v.(pdf.Ref)
	return r.Number
}

// goodFlags accepts /SigFlags that gain SignaturesExist and AppendOnly (ISO 32000-2, table 225).
func goodFlags(a, b *pdf.Dict) bool {
	was, _ := a.Int("SigFlags")
	is, ok := b.Int("SigFlags")
	if b.Get("SigFlags") == nil {
		return a.Get("SigFlags") == nil
	}
	return ok && is&^3 == 0 && is&was == was
}

// grown compares two arrays and returns the elements added at the end of the second; ok is false
// when anything else changed, or when an indirect array has another role.
func (s *step) grown(old, now pdf.Object) (added pdf.Array, ok bool, err error) {
	a, err := array(s.before, old)
	if err != nil {
		return nil, false, err
	}
	b, err := array(s.after, now)
	if err != nil {
		return nil, false, err
	}
	if len(b) < len(a) || !sameTokens(a, b[:len(a)]) && len(a) > 0 || !s.sole(old, now) {
		return nil, false, nil
	}
	return b[len(a):], true, nil
}

// fieldKeys are what a new signature field or its widget may hold: no action, no script.
const fieldKeys = " Type Subtype FT T TU TM V F Ff Rect P AP AS Kids Parent MK BS Border H M NM Lock SV DA StructParent "

func onlyKeys(d *pdf.Dict, accepted string) bool {
	seen := map[string]bool{}
	for _, e := range d.Entries {
		k := e.Key.Decoded()
		if seen[k] || strings.Contains(k, " ") || !strings.Contains(accepted, " "+k+" ") {
			return false
		}
		seen[k] = true
	}
	return true
}

// newField accepts a field added to the form: a new object, a signature, a name of its own.
func (s *step) newField(v pdf.Object) error {
	ref, _ := v.(pdf.Ref)
	d, err := plain(s.after, v)
	if err != nil {
		return err
	}
	refuse := func(detail string) error {
		s.report(Change{Kind: Added, Object: ref.Number, Role: "field", Detail: detail})
		return nil
	}
	if !s.fresh[ref.Number] || d == nil {
		return refuse("")
	}
	ft, _ := d.Get("FT").(pdf.Name)
	if !ft.Is("Sig") || !onlyKeys(d, fieldKeys) || d.Get("Parent") != nil {
		return refuse("")
	}
	if ok, err := s.uniqueName(d); err != nil || !ok {
		return errors.Join(err, refuse("/T"))
	}
	if ok, err := s.newWidgets(ref, d); err != nil || !ok {
		return errors.Join(err, refuse("/AP /Kids"))
	}
	if d.Get("V") == nil { // an empty field shows nothing
		if d.Get("AP") != nil {
			return refuse("/AP")
		}
		return nil
	}
	if ok, err := s.newSignature(d.Get("V")); err != nil || !ok {
		return errors.Join(err, refuse("/V"))
	}
	return nil
}

// uniqueName refuses a field that takes the name of another: readers would merge them.
func (s *step) uniqueName(d *pdf.Dict) (bool, error) {
	t, err := s.after.Resolve(d.Get("T"))
	if err != nil {
		return false, ignoreSyntax(err)
	}
	raw, _ := t.(pdf.Raw)
	name := raw.Text()
	if name == "" || strings.Contains(name, ".") {
		return false, nil
	}
	fields, err := s.after.Fields()
	if err != nil {
		return false, ignoreSyntax(err)
	}
	n := 0
	for _, f := range fields {
		if f.Name == name {
			n++
		}
	}
	return n == 1, nil
}

// newWidgets records the widgets of a new field and checks their appearance and place.
func (s *step) newWidgets(ref pdf.Ref, d *pdf.Dict) (bool, error) {
	if d.Get("Kids") == nil {
		return s.newWidget(ref, d)
	}
	kids, err := array(s.after, d.Get("Kids"))
	if err != nil || !s.fresh[number(d.Get("Kids"))] && number(d.Get("Kids")) != 0 {
		return false, err
	}
	for _, k := range kids {
		w, err := plain(s.after, k)
		if err != nil || w == nil || !s.fresh[number(k)] || !onlyKeys(w, fieldKeys) || w.Get("V") != nil || w.Get("Kids") != nil {
			return false, err
		}
		if ok, err := s.newWidget(k.(pdf.Ref), w); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func (s *step) newWidget(ref pdf.Ref, d *pdf.Dict) (bool, error) {
	if sub, _ := d.Get("Subtype").(pdf.Name); !sub.Is("Widget") {
		return d.Get("Rect") == nil && d.Get("AP") == nil, nil
	}
	s.widgets[ref.Number] = true
	if err := s.covering(ref, d); err != nil {
		return false, err
	}
	return s.newAppearance(d.Get("AP"))
}

// newAppearance accepts /AP with a single normal appearance, a new form XObject.
func (s *step) newAppearance(v pdf.Object) (bool, error) {
	if v == nil {
		return true, nil
	}
	ap, err := plain(s.after, v)
	if err != nil || ap == nil || !onlyKeys(ap, " N ") || number(v) != 0 && !s.fresh[number(v)] {
		return false, err
	}
	n := ap.Get("N")
	form, err := s.after.Resolve(n)
	if err != nil {
		return false, ignoreSyntax(err)
	}
	st, ok := form.(*pdf.Stream)
	return ok && s.fresh[number(n)] && streamRole(st.Dict) == "form_xobject", nil
}

// covering reports a new signature that is drawn over an annotation of its page.
func (s *step) covering(ref pdf.Ref, d *pdf.Dict) error {
	rect, err := s.after.Rect(d.Get("Rect"))
	if err != nil || rect.Empty() {
		return ignoreSyntax(err)
	}
	page, err := plain(s.before, d.Get("P"))
	if err != nil || page == nil {
		return err
	}
	others, err := array(s.before, page.Get("Annots"))
	if err != nil {
		return err
	}
	for _, o := range others {
		other, err := plain(s.before, o)
		if err != nil {
			return err
		}
		if sub, _ := other.Get("Subtype").(pdf.Name); other == nil || sub.Is("Link") || sub.Is("Popup") {
			continue
		}
		r, err := s.before.Rect(other.Get("Rect"))
		if err == nil && !r.Empty() && r.Overlaps(rect) {
			s.report(Change{Kind: Covering, Object: ref.Number, Role: role(other)})
			return nil
		}
	}
	return nil
}

// newSignature accepts the value of a new or filled field: a new dictionary of a signature.
func (s *step) newSignature(v pdf.Object) (bool, error) {
	d, err := plain(s.after, v)
	if err != nil || d == nil || !s.fresh[number(v)] || d.Get("Contents") == nil || d.Get("ByteRange") == nil {
		return false, err
	}
	t, _ := d.Get("Type").(pdf.Name)
	switch t.Decoded() {
	case "Sig", "":
		s.diff.Signatures = append(s.diff.Signatures, number(v))
	case "DocTimeStamp":
		s.diff.Timestamps = append(s.diff.Timestamps, number(v))
	default:
		return false, nil
	}
	return true, nil
}

// filledFields accepts that an empty signature field receives its value and appearance.
func (s *step) filledFields() error {
	if len(s.changed) == 0 {
		return nil
	}
	fields, err := s.before.Fields()
	if err != nil {
		return ignoreSyntax(err)
	}
	for _, f := range fields {
		if old, changed := s.changed[f.Ref.Number]; changed && f.Type.Is("Sig") && f.Value == nil && f.Ref.Number != 0 {
			if err := s.filledField(f, old); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *step) filledField(f pdf.Field, old pdf.Object) error {
	a, _ := old.(*pdf.Dict)
	b, err := plain(s.after, f.Ref)
	if err != nil || a == nil || b == nil || !within(differing(a, b), "V", "AP", "F", "M") {
		return err
	}
	signed, err := s.newSignature(b.Get("V"))
	if err != nil || !signed {
		return err
	}
	if ok, err := s.newAppearance(changedValue(a, b, "AP")); err != nil || !ok {
		return err
	}
	s.allowed[f.Ref.Number] = true
	for _, w := range f.Widgets {
		was, isChanged := s.changed[w.Number]
		if w == f.Ref || !isChanged {
			continue
		}
		wa, _ := was.(*pdf.Dict)
		wb, err := plain(s.after, w)
		if err != nil || wa == nil || wb == nil || !within(differing(wa, wb), "AP", "F", "M") {
			return err
		}
		if ok, err := s.newAppearance(changedValue(wa, wb, "AP")); err != nil || !ok {
			return err
		}
		s.allowed[w.Number] = true
	}
	return nil
}

// changedValue returns the value of k in b when it is not the one of a.
func changedValue(a, b *pdf.Dict, k pdf.Name) pdf.Object {
	if sameTokens(a.Get(k), b.Get(k)) {
		return nil
	}
	return b.Get(k)
}

// annotations accepts that the widgets of the new signatures are added to their pages, in the
// page itself or in an indirect array.
func (s *step) annotations() error {
	arrays := false
	for _, n := range slices.Sorted(maps.Keys(s.changed)) {
		v := s.changed[n]
		a, isDict := v.(*pdf.Dict)
		if _, isArray := v.(pdf.Array); isArray && !s.allowed[n] {
			arrays = true
		}
		if !isDict || role(a) != "page" {
			continue
		}
		b, err := plain(s.after, pdf.Ref{Number: n})
		if err != nil {
			return err
		}
		if b != nil && within(differing(a, b), "Annots") {
			if err := s.grownAnnotations(n, n, a.Get("Annots"), b.Get("Annots")); err != nil {
				return err
			}
		}
	}
	if !arrays {
		return nil
	}
	return s.annotationArrays()
}

// annotationArrays looks for changed arrays that are the /Annots of an unchanged page.
func (s *step) annotationArrays() error {
	var failed error
	err := s.before.Pages(func(p pdf.Page) bool {
		v := p.Dict.Get("Annots")
		n := number(v)
		_, changed := s.changed[n]
		if _, pageChanged := s.changed[p.Ref.Number]; changed && !pageChanged && n != 0 {
			failed = s.grownAnnotations(n, p.Ref.Number, v, v)
		}
		return failed == nil
	})
	return errors.Join(failed, ignoreSyntax(err))
}

// grownAnnotations checks the annotations of a page; n is the object to allow, the page or the array.
func (s *step) grownAnnotations(n, page int, old, now pdf.Object) error {
	added, ok, err := s.grown(old, now)
	if err != nil {
		return err
	}
	if !ok {
		s.report(Change{Kind: Modified, Object: page, Role: "page", Detail: "/Annots"})
	}
	for _, v := range added {
		if w := number(v); !s.widgets[w] {
			d, err := plain(s.after, v)
			if err != nil {
				return err
			}
			s.report(Change{Kind: Added, Object: w, Role: "annotation", Detail: subtype(d)})
		}
	}
	if n == page || s.refs[n] == 1 {
		s.allowed[n] = true // or reported above
	}
	return nil
}

func subtype(d *pdf.Dict) string {
	n, _ := d.Get("Subtype").(pdf.Name)
	if n == "" {
		return ""
	}
	return list([]string{n.Decoded()})
}

// permissions accepts a first /DocMDP that names a signature added by the same revision.
func (s *step) permissions(catalog int, old, now pdf.Object) error {
	a, err := plain(s.before, old)
	if err != nil {
		return err
	}
	b, err := plain(s.after, now)
	if err != nil {
		return err
	}
	keys := differing(a, b)
	if len(keys) == 0 {
		return nil
	}
	named := false
	for _, n := range s.diff.Signatures {
		named = named || b.Get("DocMDP") == pdf.Object(pdf.Ref{Number: n})
	}
	if !named || a.Get("DocMDP") != nil || !within(keys, "DocMDP") || !s.sole(old, now) {
		s.report(Change{Kind: Modified, Object: catalog, Role: "catalog", Detail: "/Perms"})
	}
	return nil
}
