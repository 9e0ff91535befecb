package revisions

import (
	"slices"

	"parapheur/signing/internal/pdf"
)

// Filling is a form field that received a value, with nothing else changed. It is up to the caller to
// say whether the document permitted it: a [Diff] does not count it among its changes.
type Filling struct {
	Field   string // fully qualified name
	Object  int    // its number
	Objects []int  // all that changed for it: the field, its widgets, their appearances
}

// filledForms recognises the fields whose value was changed as a person fills a form: the value, the
// state, and appearances that stay within the rectangle of the field (ISO 32000-2, 12.8.2.2, P=2).
func (s *step) filledForms() error {
	if len(s.changed) == 0 {
		return nil
	}
	fields, err := s.before.Fields()
	if err != nil {
		return ignoreSyntax(err)
	}
	for _, f := range fields {
		isForm := f.Type.Is("Tx") || f.Type.Is("Ch") || f.Type.Is("Btn")
		if !isForm || !f.Terminal || f.Ref.Number == 0 {
			continue
		}
		touched, ok, err := s.filling(f)
		if err != nil {
			return err
		}
		if !ok || len(touched) == 0 {
			continue
		}
		for _, n := range touched {
			s.allowed[n] = true
		}
		s.diff.Filled = append(s.diff.Filled, Filling{Field: f.Name, Object: f.Ref.Number, Objects: touched})
	}
	return nil
}

// filling lists what changed of a field; ok is false when that is more than a filling, or less: an
// appearance that changes without the value would show what nobody entered.
func (s *step) filling(f pdf.Field) (touched []int, ok bool, err error) {
	nodes := append([]pdf.Ref{f.Ref}, f.Widgets...)
	seen, entered := map[int]bool{}, false
	for _, ref := range nodes {
		if seen[ref.Number] {
			continue
		}
		seen[ref.Number] = true
		if _, changed := s.changed[ref.Number]; changed && !s.allowed[ref.Number] {
			value, ok, err := s.filledNode(ref)
			if err != nil || !ok {
				return nil, false, err
			}
			entered = entered || value
			touched = append(touched, ref.Number)
		}
		n, err := s.redrawn(ref)
		if err != nil {
			return nil, false, err
		}
		if n != 0 && !seen[n] {
			seen[n] = true
			touched = append(touched, n)
		}
	}
	return touched, entered, nil
}

// filledNode accepts a field or a widget that differs by its value, its state or its appearance, and
// reports whether a value or a state was entered.
func (s *step) filledNode(ref pdf.Ref) (entered, ok bool, err error) {
	a, _ := s.changed[ref.Number].(*pdf.Dict)
	b, err := plain(s.after, ref)
	if err != nil || a == nil || b == nil {
		return false, false, err
	}
	keys := differing(a, b)
	if !within(keys, "V", "I", "AS", "AP", "M") || !filledValue(b.Get("V")) {
		return false, false, nil
	}
	ok, err = s.newAppearance(changedValue(a, b, "AP"))
	return slices.Contains(keys, "V") || slices.Contains(keys, "AS"), ok, err
}

// filledValue accepts what a person enters: a string, a name, a list of strings, nothing.
func filledValue(v pdf.Object) bool {
	switch x := v.(type) {
	case nil, pdf.Name:
		return true
	case pdf.Raw:
		return x.IsString()
	case pdf.Array:
		for _, e := range x {
			if raw, ok := e.(pdf.Raw); !ok || !raw.IsString() {
				return false
			}
		}
		return true
	}
	return false
}

// redrawn returns the appearance of a widget that was replaced under its own number, if it plays no
// other role; 0 when there is none.
func (s *step) redrawn(widget pdf.Ref) (int, error) {
	w, err := plain(s.after, widget)
	if err != nil || w == nil {
		return 0, err
	}
	ap, err := plain(s.after, w.Get("AP"))
	if err != nil || ap == nil {
		return 0, err
	}
	n := number(ap.Get("N"))
	old, changed := s.changed[n]
	if !changed || s.refs[n] != 1 {
		return 0, nil
	}
	now, err := s.after.Object(n)
	if err != nil {
		return 0, ignoreSyntax(err)
	}
	_, wasStream := old.(*pdf.Stream)
	_, isStream := now.(*pdf.Stream)
	if !wasStream || !isStream || role(old) != "form_xobject" || role(now) != "form_xobject" {
		return 0, nil
	}
	return n, nil
}
