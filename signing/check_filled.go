package signing

import (
	"slices"

	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/revisions"
)

// filled judges a form field filled by revision r. For a signature it is a remark when the document
// was certified, at the latest by that signature, in a way that permits filling (DocMDP with P=2 or 3), and no
// signature made before locks the field; otherwise it is a modification.
func (c *checker) filled(r int, f revisions.Filling) {
	locked := c.locked(r, f.Field)
	allowed := func(s *candidate) bool { return !locked && c.certifiedOpen(s) }
	if c.unanimous(r, allowed) {
		c.revisions[r].Filled = append(c.revisions[r].Filled, f.Field)
		c.later(r, Reason{Code: FormFilled, Revision: r, Object: f.Object, Role: "field", Detail: f.Field})
		return
	}
	for _, n := range f.Objects {
		reason := Reason{Code: ObjectModified, Revision: r, Object: n, Role: "field", Detail: f.Field}
		c.revisions[r].Changes = append(c.revisions[r].Changes, reason)
		for _, s := range c.before(r) {
			if !allowed(s) {
				s.report(reason)
			}
		}
	}
}

// before lists the signatures whose bytes end before revision r.
func (c *checker) before(r int) []*candidate {
	var out []*candidate
	for _, s := range c.found {
		if s.rep.Revision >= 0 && s.rep.Revision < r {
			out = append(out, s)
		}
	}
	return out
}

func (c *checker) unanimous(r int, allowed func(*candidate) bool) bool {
	return !slices.ContainsFunc(c.before(r), func(s *candidate) bool { return !allowed(s) })
}

// certifiedOpen reports whether a certification that permits filling was there when s was made:
// one that comes later cannot permit anything to those before it.
func (c *checker) certifiedOpen(s *candidate) bool {
	return slices.ContainsFunc(c.before(s.rep.Revision+1), func(by *candidate) bool { return c.permission(by) >= 2 })
}

// locked reports whether a signature made before revision r forbids every change (P=1) or locks the
// field (ISO 32000-2, 12.8.2.4 and table 236).
func (c *checker) locked(r int, field string) bool {
	return slices.ContainsFunc(c.before(r), func(s *candidate) bool {
		if c.permission(s) == 1 || c.locks(s.sig.Field.Dict.Get("Lock"), field) {
			return true
		}
		refs, err := c.doc.Array(s.sig.Dict.Get("Reference"))
		if err != nil {
			return true // what cannot be read forbids
		}
		return slices.ContainsFunc(refs, func(v pdf.Object) bool {
			d, err := c.doc.Dict(v)
			m, _ := d.Get("TransformMethod").(pdf.Name)
			return err != nil || m.Is("FieldMDP") && c.locks(d.Get("TransformParams"), field)
		})
	})
}

// locks reads the /Action and /Fields of a lock.
func (c *checker) locks(v pdf.Object, field string) bool {
	if v == nil {
		return false
	}
	d, err := c.doc.Dict(v)
	if err != nil || d == nil {
		return true
	}
	names, err := c.doc.Array(d.Get("Fields"))
	if err != nil {
		return true
	}
	named := slices.ContainsFunc(names, func(e pdf.Object) bool {
		raw, _ := e.(pdf.Raw)
		return raw.Text() == field
	})
	switch action, _ := d.Get("Action").(pdf.Name); action.Decoded() {
	case "Include":
		return named
	case "Exclude":
		return !named
	}
	return true // All, and what a later norm may bring
}
