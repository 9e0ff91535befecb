package signing

import (
	"fmt"
	"strings"

	"parapheur/signing/internal/pdf"
)

// permissions are what the signatures of a document allow to those who come after.
type permissions struct {
	certified int64 // P of the certification signature in force, 0 without one
	least     int64 // the lowest P of all signatures, 0 without any
	locks     []lock
}

// lock is a set of fields that a signature closes (ISO 32000-2, 12.7.5.5 and 12.8.2.4).
type lock struct {
	action string // All, Include or Exclude
	fields []string
}

// closes reports whether the lock holds for a field, or for one above it.
func (k lock) closes(name string) bool {
	listed := false
	for _, f := range k.fields {
		listed = listed || f == name || strings.HasPrefix(name, f+".")
	}
	switch k.action {
	case "All":
		return true
	case "Include":
		return listed
	case "Exclude":
		return !listed
	}
	return false
}

// permit takes a P entry into account: the lowest counts (ISO 32000-2, table 257).
func (p *permissions) permit(n int64) {
	if n >= 1 && n <= 3 && (p.least == 0 || n < p.least) {
		p.least = n
	}
}

// checkPermissions refuses what the signatures of the document forbid: everything at P=1, a new field
// at P=2 (ISO 32000-2, 12.8.2.2), a field that is locked.
func (l *layout) checkPermissions() error {
	p, err := l.permissions()
	if err != nil {
		return err
	}
	if p.least == 1 || p.least == 2 && l.target == nil {
		return fmt.Errorf("%w: DocMDP P=%d", ErrCertified, p.least)
	}
	for _, k := range p.locks {
		if k.closes(l.field) {
			return fmt.Errorf("%w: %q (%s)", ErrLocked, l.field, k.action)
		}
	}
	return nil
}

// permissions reads the transforms of all signatures, and the locks of their fields: a signer that
// forgot to copy its /Lock in its signature meant it all the same.
func (l *layout) permissions() (permissions, error) {
	var p permissions
	var err error
	if p.certified, err = l.certification(); err != nil {
		return p, err
	}
	p.permit(p.certified)
	list, err := l.doc.Signatures()
	if err != nil {
		return p, err
	}
	if len(list) > maxSignatures {
		return p, fmt.Errorf("%w: more than %d signatures", ErrLimit, maxSignatures)
	}
	for _, s := range list {
		if err := l.transforms(s.Dict, &p); err != nil {
			return p, err
		}
		k, err := l.doc.Dict(s.Field.Dict.Get("Lock"))
		if err := ignoreSyntax(err); err != nil {
			return p, err
		}
		if k == nil {
			continue
		}
		if n, err := l.doc.Int(k.Get("P")); err == nil {
			p.permit(n)
		}
		if err := l.lock(k, &p); err != nil {
			return p, err
		}
	}
	return p, nil
}

// transforms reads the signature references of one signature.
func (l *layout) transforms(sig *pdf.Dict, p *permissions) error {
	if sig == nil {
		return nil
	}
	refs, err := l.doc.Array(sig.Get("Reference"))
	if err := ignoreSyntax(err); err != nil {
		return err
	}
	for _, r := range refs {
		ref, err := l.doc.Dict(r)
		if err := ignoreSyntax(err); err != nil {
			return err
		}
		params, err := l.doc.Dict(ref.Get("TransformParams"))
		if err := ignoreSyntax(err); err != nil {
			return err
		}
		switch m, _ := ref.Get("TransformMethod").(pdf.Name); {
		case m.Is("DocMDP"):
			n, err := l.doc.Int(params.Get("P"))
			if err != nil {
				n = 2 // the default
			}
			p.permit(n)
		case m.Is("FieldMDP"):
			if err := l.lock(params, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// lock reads /Action and /Fields of a lock or of the parameters of a FieldMDP transform.
func (l *layout) lock(d *pdf.Dict, p *permissions) error {
	action, _ := d.Get("Action").(pdf.Name)
	if action == "" {
		return nil
	}
	k := lock{action: action.Decoded()}
	names, err := l.doc.Array(d.Get("Fields"))
	if err := ignoreSyntax(err); err != nil {
		return err
	}
	for _, n := range names {
		v, err := l.doc.Resolve(n)
		if err := ignoreSyntax(err); err != nil {
			return err
		}
		if raw, ok := v.(pdf.Raw); ok {
			k.fields = append(k.fields, raw.Text())
		}
	}
	p.locks = append(p.locks, k)
	return nil
}

// references are the transforms that the /Lock of the field to fill asks of its signature (ISO
// 32000-2, 12.7.5.5); nil without one.
func (l *layout) references() (pdf.Array, error) {
	if l.target == nil {
		return nil, nil
	}
	k, err := l.doc.Dict(l.target.Dict.Get("Lock"))
	if err != nil || k == nil {
		return nil, err
	}
	transform := func(method pdf.Name, params *pdf.Dict) *pdf.Dict {
		params.Set("Type", pdf.Name("TransformParams"))
		params.Set("V", pdf.Name("1.2"))
		return pdf.NewDict(entry("Type", pdf.Name("SigRef")), entry("TransformMethod", method), entry("TransformParams", params))
	}
	params := pdf.NewDict()
	for _, key := range []pdf.Name{"Action", "Fields"} {
		v, err := l.doc.Resolve(k.Get(key))
		if err != nil {
			return nil, err
		}
		if v != nil {
			params.Set(key, v)
		}
	}
	var out pdf.Array
	if params.Get("Action") != nil {
		out = append(out, transform("FieldMDP", params))
	}
	if n, err := l.doc.Int(k.Get("P")); err == nil && n >= 1 && n <= 3 {
		out = append(out, transform("DocMDP", pdf.NewDict(entry("P", n))))
	}
	return out, nil
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
