package pdf

import "fmt"

// Field is a node of the field tree that has a field type: a field of the form, with the values
// it inherits (ISO 32000-2, 12.7.4).
type Field struct {
	Ref      Ref    // zero for a direct dictionary, which is malformed
	Dict     *Dict  // the field's own dictionary, which may be its widget too
	Name     string // fully qualified, decoded
	Type     Name   // own or inherited /FT: Sig, Tx, Btn, Ch
	Value    Object // own or inherited /V, not resolved; nil when absent
	Terminal bool   // no child has a name: the children are widgets
	Widgets  []Ref  // its widget annotations, the field itself when merged
}

// Form returns the interactive form: its reference (zero when it is direct in the catalog) and
// its dictionary, nil when the document has none.
func (d *Doc) Form() (Ref, *Dict, error) {
	_, cat, err := d.Catalog()
	if err != nil {
		return Ref{}, nil, err
	}
	v := cat.Get("AcroForm")
	ref, _ := v.(Ref)
	form, err := d.Dict(v)
	if err != nil {
		return ref, nil, fmt.Errorf("reading the form: %w", err)
	}
	return ref, form, nil
}

// Fields returns all the fields of the form, parents before children.
func (d *Doc) Fields() ([]Field, error) {
	_, form, err := d.Form()
	if err != nil || form == nil {
		return nil, err
	}
	roots, err := d.Array(form.Get("Fields"))
	if err != nil {
		return nil, fmt.Errorf("reading the fields: %w", err)
	}
	w := fieldWalk{doc: d, seen: map[int]bool{}}
	if err := w.list(roots, Field{}, 0); err != nil {
		return nil, fmt.Errorf("walking the fields: %w", err)
	}
	return w.out, nil
}

type fieldWalk struct {
	doc     *Doc
	seen    map[int]bool // a node reached twice would make the walk exponential
	visited int
	out     []Field
}

func (w *fieldWalk) list(kids Array, parent Field, depth int) error {
	for _, k := range kids {
		if w.visited++; depth > maxTreeDepth || w.visited > maxTreeNodes {
			return fmt.Errorf("%w: field tree", ErrLimit)
		}
		ref, isRef := k.(Ref)
		if isRef && w.seen[ref.Number] {
			continue
		}
		w.seen[ref.Number] = w.seen[ref.Number] || isRef
		v, err := w.doc.Resolve(k)
		if err != nil {
			return err
		}
		if dict, ok := v.(*Dict); ok {
			if err := w.node(ref, dict, parent, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *fieldWalk) node(ref Ref, dict *Dict, parent Field, depth int) error {
	f := Field{Ref: ref, Dict: dict, Name: parent.Name, Type: parent.Type, Value: parent.Value}
	t, err := w.doc.Resolve(dict.Get("T"))
	if err != nil {
		return err
	}
	if s, ok := t.(Raw); ok {
		if f.Name != "" {
			f.Name += "."
		}
		f.Name += s.Text()
	}
	ft, err := w.doc.Resolve(dict.Get("FT"))
	if err != nil {
		return err
	}
	if n, ok := ft.(Name); ok {
		f.Type = n
	}
	if v := dict.Get("V"); v != nil {
		f.Value = v
	}
	kids, err := w.doc.Array(dict.Get("Kids"))
	if err != nil {
		return err
	}
	if f.Widgets, f.Terminal, err = w.widgets(ref, dict, kids); err != nil {
		return err
	}
	if f.Type != "" || f.Value != nil {
		w.out = append(w.out, f)
	}
	if f.Terminal {
		return nil
	}
	return w.list(kids, f, depth+1)
}

// widgets returns the children that are mere widgets; terminal is false as soon as one child is a
// field of its own.
func (w *fieldWalk) widgets(ref Ref, dict *Dict, kids Array) (out []Ref, terminal bool, err error) {
	if len(kids) == 0 {
		if sub, _ := dict.Get("Subtype").(Name); sub.Is("Widget") {
			out = append(out, ref)
		}
		return out, true, nil
	}
	for _, k := range kids {
		if w.visited++; w.visited > maxTreeNodes {
			return nil, false, fmt.Errorf("%w: field tree", ErrLimit)
		}
		kid, err := w.doc.Dict(k)
		if err != nil {
			return nil, false, err
		}
		if kid.Get("T") != nil || kid.Get("Kids") != nil || kid.Get("V") != nil {
			return nil, false, nil
		}
		if r, ok := k.(Ref); ok {
			out = append(out, r)
		}
	}
	return out, true, nil
}

// Signature is a signature field that has a value.
type Signature struct {
	Field Field
	Ref   Ref   // of the signature dictionary; zero when it is direct in the field
	Dict  *Dict // nil when /V is not a dictionary: the signature is broken, not absent
	// Contents and ByteRange are every entry of that name, with the exact offsets of their values
	// in the file. Anything but one of each is malformed; offsets of 0 mean that the dictionary is
	// in an object stream, which a signature must not be.
	Contents, ByteRange []Entry
}

// Signatures returns the signature fields with a value, in field order. None is ever left out
// because its content is broken. Document time-stamps are among them (/Type /DocTimeStamp).
func (d *Doc) Signatures() ([]Signature, error) {
	fields, err := d.Fields()
	if err != nil {
		return nil, err
	}
	var out []Signature
	for _, f := range fields {
		if !f.Type.Is("Sig") || f.Value == nil {
			continue
		}
		if raw, ok := f.Value.(Raw); ok && raw.IsNull() {
			continue
		}
		s := Signature{Field: f}
		s.Ref, _ = f.Value.(Ref)
		if s.Dict, err = d.Dict(f.Value); err != nil {
			return nil, fmt.Errorf("reading the signature of field %q: %w", f.Name, err)
		}
		s.Contents, s.ByteRange = s.Dict.All("Contents"), s.Dict.All("ByteRange")
		out = append(out, s)
	}
	return out, nil
}
