package revisions

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"parapheur/signing/internal/pdf"
)

// Kind is the nature of a change that no signature needs.
type Kind string

// Kinds of changes.
const (
	Modified Kind = "object_modified"   // an object was replaced
	Deleted  Kind = "object_deleted"    // an object was freed
	Filled   Kind = "reference_filled"  // a reference that led nowhere was given an object
	Forward  Kind = "forward_reference" // an object of the signed revision lies after its end
	Trailer  Kind = "trailer_modified"  // another /Root, /Info, /Encrypt or first /ID
	Added    Kind = "object_added"      // an annotation or a field that is not a new signature
	Covering Kind = "widget_covering"   // a new signature drawn over another annotation
)

// Change is one change that is not allowed after a signature.
type Change struct {
	Kind   Kind
	Object int    // its number, 0 for the trailer
	Role   string // what the object is: "page", "catalog", "form", "field", "annotation", "content", ...
	Detail string // the keys concerned, as "/Contents /Rotate"; may be empty
}

// Diff is what one revision did to the one before it.
type Diff struct {
	Revision   int   // index, 0 being the oldest
	Signatures []int // object numbers of the signature dictionaries it added, sorted
	Timestamps []int // the same for document time-stamps
	Evidence   bool  // it changed the /DSS
	Filled     []Filling
	Changes    []Change
}

// maxChanges bounds the changes reported for one revision.
const maxChanges = 64

// comparer walks the revisions after the first signed one.
type comparer struct {
	doc *pdf.Doc
	// refs counts, in the state before the current revision, how many times each object number is
	// referred to: an object with two referrers plays two roles.
	refs map[int]int
	// dangling holds the numbers that signed objects refer to although no object has them.
	dangling map[int]bool
}

// Compare returns one Diff for each revision after revision from (the first signed one), oldest
// first. doc must be at its last revision.
func Compare(doc *pdf.Doc, from int) ([]Diff, error) {
	last := len(doc.Revisions()) - 1
	if from >= last {
		return nil, nil
	}
	c := &comparer{doc: doc, refs: map[int]int{}, dangling: map[int]bool{}}
	forward, err := c.scan(from)
	if err != nil {
		return nil, fmt.Errorf("reading the signed revision %d: %w", from, err)
	}
	var out []Diff
	for r := from + 1; r <= last; r++ {
		d, err := c.compare(r)
		if err != nil {
			return nil, fmt.Errorf("comparing revision %d: %w", r, err)
		}
		if r == from+1 {
			d.Changes = append(forward, d.Changes...)
		}
		if len(d.Changes) > maxChanges {
			d.Changes = d.Changes[:maxChanges]
		}
		out = append(out, d)
	}
	return out, nil
}

// scan reads every object of the signed revision once: it counts the references, finds those that
// lead nowhere, and the objects that can only be read with bytes added later.
func (c *comparer) scan(from int) ([]Change, error) {
	base := c.doc.At(from)
	var numbers []int
	for i := range from + 1 {
		numbers = append(numbers, c.doc.Revisions()[i].Numbers()...)
	}
	slices.Sort(numbers)
	var out []Change
	for _, n := range slices.Compact(numbers) {
		v, err := base.Object(n)
		if err == nil {
			err = complete(base, v)
		}
		if errors.Is(err, pdf.ErrLimit) {
			return nil, err
		}
		if err != nil {
			later, laterErr := c.doc.Object(n)
			if laterErr == nil && complete(c.doc, later) == nil {
				out = append(out, Change{Kind: Forward, Object: n, Role: role(later)})
			}
			continue
		}
		c.count(v, 1)
	}
	c.count(base.Trailer(), 1)
	c.findDangling(base)
	return out, nil
}

// complete checks that the data of a stream lies within the revision.
func complete(d *pdf.Doc, v pdf.Object) error {
	if s, ok := v.(*pdf.Stream); ok {
		_, err := d.StreamData(s)
		return err
	}
	return nil
}

// count adds by to the count of every object that v refers to.
func (c *comparer) count(v pdf.Object, by int) {
	switch x := v.(type) {
	case pdf.Ref:
		if c.refs[x.Number] += by; c.refs[x.Number] <= 0 {
			delete(c.refs, x.Number)
		}
	case pdf.Array:
		for _, e := range x {
			c.count(e, by)
		}
	case *pdf.Dict:
		for _, e := range x.Entries {
			c.count(e.Value, by)
		}
	case *pdf.Stream:
		c.count(x.Dict, by)
	}
}

func (c *comparer) findDangling(state *pdf.Doc) {
	for n := range c.refs {
		if x, _ := state.XRef(n); x.Kind == pdf.Free {
			c.dangling[n] = true
		}
	}
}

// step is the comparison of one revision with the one before.
type step struct {
	*comparer
	before, after *pdf.Doc
	diff          Diff
	fresh         map[int]bool       // objects that did not exist before
	changed       map[int]pdf.Object // objects that did, with the value they had
	allowed       map[int]bool       // changed objects that were found in an allowed role, or already reported
	widgets       map[int]bool       // widgets of the new signatures
}

func (c *comparer) compare(r int) (Diff, error) {
	s := &step{
		comparer: c, before: c.doc.At(r - 1), after: c.doc.At(r), diff: Diff{Revision: r},
		fresh: map[int]bool{}, changed: map[int]pdf.Object{}, allowed: map[int]bool{}, widgets: map[int]bool{},
	}
	numbers := c.doc.Revisions()[r].Numbers()
	if err := s.classify(numbers); err != nil {
		return Diff{}, err
	}
	s.trailer()
	if err := s.structures(); err != nil {
		return Diff{}, err
	}
	for _, n := range numbers {
		if v, ok := s.changed[n]; ok && !s.allowed[n] {
			s.report(Change{Kind: Modified, Object: n, Role: role(v), Detail: s.keys(n, v)})
		}
	}
	if err := s.settle(numbers); err != nil {
		return Diff{}, err
	}
	slices.Sort(s.diff.Signatures)
	slices.Sort(s.diff.Timestamps)
	return s.diff, nil
}

func (s *step) report(c Change) {
	if len(s.diff.Changes) <= maxChanges {
		s.diff.Changes = append(s.diff.Changes, c)
	}
}

// classify sorts the objects of the revision into new, changed and unchanged ones, and reports the
// deleted ones and the dangling references that are filled.
func (s *step) classify(numbers []int) error {
	for _, n := range numbers {
		old, _ := s.before.XRef(n)
		now, _ := s.after.XRef(n)
		switch {
		case old.Kind == pdf.Free && now.Kind == pdf.Free:
		case old.Kind == pdf.Free:
			s.fresh[n] = true
			if s.dangling[n] {
				s.report(Change{Kind: Filled, Object: n})
			}
		case now.Kind == pdf.Free:
			v, err := s.before.Object(n)
			if errors.Is(err, pdf.ErrLimit) {
				return err
			}
			s.report(Change{Kind: Deleted, Object: n, Role: role(v)})
		default:
			if err := s.classifyExisting(n); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *step) classifyExisting(n int) error {
	old, errOld := s.before.Object(n)
	now, errNow := s.after.Object(n)
	if err := errors.Join(errOld, errNow); err != nil {
		if errors.Is(err, pdf.ErrLimit) {
			return err
		}
		s.changed[n] = old
		return nil
	}
	same, err := s.equal(old, now)
	if err != nil {
		return err
	}
	// A cross-reference stream may reuse the number of the one before, if nothing refers to it.
	if !same && !(isXRefStream(old) && isXRefStream(now) && s.refs[n] == 0) {
		s.changed[n] = old
	}
	return nil
}

func isXRefStream(v pdf.Object) bool {
	s, ok := v.(*pdf.Stream)
	if !ok {
		return false
	}
	t, _ := s.Dict.Get("Type").(pdf.Name)
	return t.Is("XRef")
}

// equal compares two values by their tokens, and the data of streams byte by byte.
func (s *step) equal(a, b pdf.Object) (bool, error) {
	sa, okA := a.(*pdf.Stream)
	sb, okB := b.(*pdf.Stream)
	if okA != okB || !sameTokens(a, b) {
		return false, nil
	}
	if !okA || sa.Offset == sb.Offset {
		return true, nil
	}
	ra, errA := s.before.StreamData(sa)
	rb, errB := s.after.StreamData(sb)
	if err := errors.Join(errA, errB); err != nil {
		if errors.Is(err, pdf.ErrLimit) {
			return false, err
		}
		return false, nil
	}
	return sameData(ra, rb)
}

func sameData(a, b *io.SectionReader) (bool, error) {
	if a.Size() != b.Size() {
		return false, nil
	}
	bufA, bufB := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, errA := io.ReadFull(a, bufA)
		m, errB := io.ReadFull(b, bufB)
		if n != m || !bytes.Equal(bufA[:n], bufB[:m]) {
			return false, nil
		}
		if errA == io.EOF || errA == io.ErrUnexpectedEOF {
			return true, nil
		}
		if err := errors.Join(errA, errB); err != nil {
			return false, fmt.Errorf("comparing two streams: %w", err)
		}
	}
}

func sameTokens(a, b pdf.Object) bool {
	return bytes.Equal(pdf.Append(nil, a), pdf.Append(nil, b))
}

// sameDict is sameTokens for dictionaries, where nil is an absent one.
func sameDict(a, b *pdf.Dict) bool {
	if a == nil || b == nil {
		return a == b
	}
	return sameTokens(a, b)
}

// trailer reports what a new trailer may not change (ISO 32000-2, 7.5.5).
func (s *step) trailer() {
	old, now := s.before.Trailer(), s.after.Trailer()
	for _, k := range []pdf.Name{"Root", "Info", "Encrypt"} {
		if len(now.All(k)) > 1 || !sameTokens(old.Get(k), now.Get(k)) {
			s.report(Change{Kind: Trailer, Role: "trailer", Detail: "/" + string(k)})
		}
	}
	a, _ := s.before.Array(old.Get("ID"))
	b, _ := s.after.Array(now.Get("ID"))
	if len(a) == 2 && (len(b) != 2 || !sameTokens(a[0], b[0])) {
		s.report(Change{Kind: Trailer, Role: "trailer", Detail: "/ID"})
	}
}

// settle brings the reference counts and the dangling references to the state after the revision.
func (s *step) settle(numbers []int) error {
	for _, n := range numbers {
		if old, ok := s.changed[n]; ok {
			s.count(old, -1)
		} else if !s.fresh[n] {
			continue
		}
		now, err := s.after.Object(n)
		if errors.Is(err, pdf.ErrLimit) {
			return err
		}
		if err == nil {
			s.count(now, 1)
			s.addDangling(now)
		}
	}
	return nil
}

func (s *step) addDangling(v pdf.Object) {
	switch x := v.(type) {
	case pdf.Ref:
		if e, _ := s.after.XRef(x.Number); e.Kind == pdf.Free {
			s.dangling[x.Number] = true
		}
	case pdf.Array:
		for _, e := range x {
			s.addDangling(e)
		}
	case *pdf.Dict:
		for _, e := range x.Entries {
			s.addDangling(e.Value)
		}
	case *pdf.Stream:
		s.addDangling(x.Dict)
	}
}

// keys names the entries that differ when object n is a dictionary or a stream.
func (s *step) keys(n int, old pdf.Object) string {
	a, okA := old.(*pdf.Dict)
	now, err := s.after.Object(n)
	b, okB := now.(*pdf.Dict)
	if err != nil || !okA || !okB {
		return ""
	}
	return list(differing(a, b))
}

// differing returns the keys whose values are not the same in two dictionaries, in file order. A
// key written twice counts as different: two readers would take two values.
func differing(a, b *pdf.Dict) []string {
	if sameDict(a, b) {
		return nil
	}
	var out []string
	add := func(k pdf.Name) {
		if name := k.Decoded(); !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, d := range []*pdf.Dict{a, b} {
		if d == nil {
			continue
		}
		seen := map[string]bool{}
		for _, e := range d.Entries {
			if k := e.Key.Decoded(); seen[k] && d == b {
				add(e.Key)
			} else {
				seen[k] = true
			}
		}
	}
	va, vb := index(a), index(b)
	for _, d := range []*pdf.Dict{a, b} {
		if d == nil {
			continue
		}
		for _, e := range d.Entries {
			if k := e.Key.Decoded(); !sameTokens(va[k], vb[k]) {
				add(e.Key)
			}
		}
	}
	return out
}

func index(d *pdf.Dict) map[string]pdf.Object {
	m := map[string]pdf.Object{}
	if d != nil {
		for _, e := range d.Entries {
			if _, twice := m[e.Key.Decoded()]; !twice {
				m[e.Key.Decoded()] = e.Value
			}
		}
	}
	return m
}

// within reports whether all the keys are among the accepted ones.
func within(keys []string, accepted ...string) bool {
	for _, k := range keys {
		if !slices.Contains(accepted, k) {
			return false
		}
	}
	return true
}

func list(keys []string) string {
	var b bytes.Buffer
	for i, k := range keys {
		if i == 8 {
			b.WriteString(" …")
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "/%.40s", k)
	}
	return b.String()
}

// role names what an object is, for the reader of a report.
func role(v pdf.Object) string {
	if s, ok := v.(*pdf.Stream); ok {
		return streamRole(s.Dict)
	}
	d, ok := v.(*pdf.Dict)
	if !ok {
		return "object"
	}
	t, _ := d.Get("Type").(pdf.Name)
	switch t.Decoded() {
	case "Page":
		return "page"
	case "Pages":
		return "page_tree"
	case "Catalog":
		return "catalog"
	case "Font", "FontDescriptor":
		return "font"
	case "Sig", "DocTimeStamp":
		return "signature"
	case "OCG", "OCMD":
		return "layer"
	}
	switch {
	case d.Get("FT") != nil:
		return "field"
	case d.Get("Rect") != nil || t.Is("Annot"):
		return "annotation"
	}
	return "object"
}

func streamRole(d *pdf.Dict) string {
	t, _ := d.Get("Type").(pdf.Name)
	sub, _ := d.Get("Subtype").(pdf.Name)
	switch {
	case sub.Is("Form"):
		return "form_xobject"
	case sub.Is("Image"):
		return "image"
	case t.Is("ObjStm"):
		return "object_stream"
	case t.Is("Metadata"):
		return "metadata"
	case d.Get("Length1") != nil || sub.Is("Type1C") || sub.Is("CIDFontType0C") || sub.Is("OpenType"):
		return "font"
	}
	return "content"
}
