package pdf

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
)

// Hole is the place reserved for the value of a signature, by its offsets in the tail: Start is
// the "<" of /Contents, End is just after its ">".
type Hole struct{ Start, End int }

// Capacity is the number of bytes that the hole can hold.
func (h Hole) Capacity() int { return (h.End - h.Start - 2) / 2 }

// byteRangeWidth is the width of each number of a /ByteRange, written before it is known.
const byteRangeWidth = 12

// Update builds one incremental update: the bytes to append to a document. Objects are rewritten
// under their own number, every new one is uncompressed, and what was read is written back token
// for token. An Update belongs to one goroutine.
type Update struct {
	doc     *Doc
	buf     []byte
	next    int
	written map[int]int64  // offsets in the file of the objects of this update
	gens    map[int]int    // their generations
	values  map[int]Object // their values, so that later changes build on earlier ones
	hole    Hole
	ranges  int // offset in buf of the value of /ByteRange
	catalog *Dict
	changed bool // the catalog must be written
}

// NewUpdate starts an update of d, which must be at its last revision. It fails with
// [ErrEncrypted] for an encrypted document.
func (d *Doc) NewUpdate() (*Update, error) {
	if d.Encrypted() {
		return nil, ErrEncrypted
	}
	_, cat, err := d.Catalog()
	if err != nil {
		return nil, err
	}
	u := &Update{
		doc: d, next: d.MaxObject() + 1, catalog: cat.Clone(),
		written: map[int]int64{}, gens: map[int]int{}, values: map[int]Object{},
	}
	u.buf = append(u.buf, '\n')
	return u, nil
}

// Alloc reserves a new object number.
func (u *Update) Alloc() Ref {
	u.next++
	return Ref{Number: u.next - 1}
}

func (u *Update) begin(r Ref) {
	u.written[r.Number], u.gens[r.Number] = u.doc.size+int64(len(u.buf)), r.Generation
	u.buf = append(u.buf, fmt.Sprintf("%d %d obj\n", r.Number, r.Generation)...)
}

func (u *Update) end() { u.buf = append(u.buf, "\nendobj\n"...) }

// Put writes an object, new or replaced.
func (u *Update) Put(r Ref, v Object) {
	u.begin(r)
	u.buf = Append(u.buf, v)
	u.end()
	u.values[r.Number] = v
}

// PutStream writes a stream with the data as given; it sets /Length.
func (u *Update) PutStream(r Ref, d *Dict, data []byte) {
	d = d.Clone()
	d.Set("Length", len(data))
	u.PutRaw(r, string(Append(nil, d)), data)
}

// PutRaw writes an object whose value is already serialised; stream, when it is not nil, is the
// data of a stream whose /Length the value already says.
func (u *Update) PutRaw(r Ref, value string, stream []byte) {
	u.begin(r)
	u.buf = append(u.buf, value...)
	if stream != nil {
		u.buf = append(u.buf, "\nstream\n"...)
		u.buf = append(u.buf, stream...)
		u.buf = append(u.buf, "\nendstream"...)
	}
	u.end()
}

// PutSignature writes a signature dictionary: d, then a /ByteRange and a /Contents with room for
// reserve bytes. There is one per update.
func (u *Update) PutSignature(r Ref, d *Dict, reserve int) {
	u.begin(r)
	u.buf = append(u.buf, "<<\n"...)
	for _, e := range d.Entries {
		u.buf = append(append(u.buf, '/'), e.Key...)
		u.buf = append(Append(append(u.buf, ' '), e.Value), '\n')
	}
	u.buf = append(u.buf, "/ByteRange "...)
	u.ranges = len(u.buf)
	u.buf = append(u.buf, byteRange(0, 0, 0)...)
	u.buf = append(u.buf, "\n/Contents "...)
	u.hole.Start = len(u.buf)
	u.buf = append(u.buf, '<')
	u.buf = slices.Grow(u.buf, 2*reserve+1024)
	for range 2 * reserve {
		u.buf = append(u.buf, '0')
	}
	u.buf = append(u.buf, '>')
	u.hole.End = len(u.buf)
	u.buf = append(u.buf, "\n>>"...)
	u.end()
}

func byteRange(a, b, c int64) string {
	return fmt.Sprintf("[0 %*d %*d %*d]", byteRangeWidth, a, byteRangeWidth, b, byteRangeWidth, c)
}

// Finish writes the catalog when it changed, then a cross-reference section of the flavour of the
// last one: Acrobat does not accept a table after a stream. The second element of /ID changes; it
// is derived from the update, so that the same update has the same bytes. Finish returns the bytes
// to append and the hole in them; the /ByteRange is filled in and covers everything but the hole.
func (u *Update) Finish() ([]byte, Hole, error) {
	if u.changed {
		root, _ := u.doc.Trailer().Get("Root").(Ref)
		u.Put(u.generation(root), u.catalog)
	}
	trailer, err := u.trailer()
	if err != nil {
		return nil, Hole{}, err
	}
	start := u.doc.size + int64(len(u.buf))
	if u.doc.last().Stream {
		u.xrefStream(trailer, start)
	} else if err := u.xrefTable(trailer); err != nil {
		return nil, Hole{}, err
	}
	u.buf = append(u.buf, fmt.Sprintf("startxref\n%d\n%%%%EOF\n", start)...)
	if u.hole.End > 0 {
		a, b := u.doc.size+int64(u.hole.Start), u.doc.size+int64(u.hole.End)
		r := byteRange(a, b, int64(len(u.buf)-u.hole.End))
		if len(r) != len(byteRange(0, 0, 0)) {
			return nil, Hole{}, fmt.Errorf("%w: file of %d bytes", ErrLimit, u.doc.size)
		}
		copy(u.buf[u.ranges:], r)
	}
	return u.buf, u.hole, nil
}

// trailer keeps every entry of the last trailer (ISO 32000-2, 7.5.6) but those that describe the
// old section itself.
func (u *Update) trailer() (*Dict, error) {
	t := u.doc.Trailer().Clone()
	for _, k := range []Name{
		"Prev", "XRefStm", "Size", "ID", "Type", "W", "Index", "Length", "Filter",
		"DecodeParms", "F", "FFilter", "FDecodeParms", "DL",
	} {
		t.Delete(k)
	}
	old, err := u.doc.Array(u.doc.Trailer().Get("ID"))
	if err != nil {
		return nil, fmt.Errorf("reading /ID: %w", err)
	}
	sum := sha256.Sum256(append(strconv.AppendInt(nil, u.doc.size, 10), u.buf...))
	second := Raw("<" + hex.EncodeToString(sum[:16]) + ">")
	first := Object(second)
	if len(old) == 2 {
		if first, err = u.doc.Resolve(old[0]); err != nil {
			return nil, fmt.Errorf("reading /ID: %w", err)
		}
	}
	t.Set("ID", Array{first, second})
	t.Set("Prev", u.doc.last().XRef)
	return t, nil
}

// subsections groups the numbers of the written objects into runs of consecutive ones.
func (u *Update) subsections() [][]int {
	var nums []int
	for n := range u.written {
		nums = append(nums, n)
	}
	slices.Sort(nums)
	var runs [][]int
	for i, n := range nums {
		if i == 0 || nums[i-1]+1 != n {
			runs = append(runs, nil)
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], n)
	}
	return runs
}

// xrefTable writes 20-byte entries (ISO 32000-2, 7.5.4).
func (u *Update) xrefTable(trailer *Dict) error {
	trailer.Set("Size", u.next)
	u.buf = append(u.buf, "xref\n"...)
	for _, run := range u.subsections() {
		u.buf = append(u.buf, fmt.Sprintf("%d %d\n", run[0], len(run))...)
		for _, n := range run {
			if u.written[n] > 9_999_999_999 {
				return fmt.Errorf("%w: offset %d in a table", ErrLimit, u.written[n])
			}
			u.buf = append(u.buf, fmt.Sprintf("%010d %05d n\r\n", u.written[n], u.gens[n])...)
		}
	}
	u.buf = append(u.buf, "trailer\n"...)
	u.buf = append(Append(u.buf, trailer), '\n')
	return nil
}

// xrefStream writes an unfiltered stream, so that its bytes depend on nothing but the update.
func (u *Update) xrefStream(trailer *Dict, start int64) {
	self := u.Alloc()
	trailer.Set("Size", u.next)
	u.written[self.Number], u.gens[self.Number] = start, 0
	index, rows := Array{}, []byte{}
	for _, run := range u.subsections() {
		index = append(index, run[0], len(run))
		for _, n := range run {
			rows = append(rows, 1)
			rows = binary.BigEndian.AppendUint64(rows, uint64(u.written[n]))
			rows = binary.BigEndian.AppendUint16(rows, uint16(u.gens[n]))
		}
	}
	trailer.Set("Type", Name("XRef"))
	trailer.Set("W", Array{1, 8, 2})
	trailer.Set("Index", index)
	u.PutStream(self, trailer, rows)
}

// Resolve follows references, seeing the objects already written in this update.
func (u *Update) Resolve(v Object) (Object, error) {
	if r, ok := v.(Ref); ok {
		if w, ok := u.values[r.Number]; ok {
			return w, nil
		}
	}
	return u.doc.Resolve(v)
}

// Catalog returns the catalog as of this update; [Update.SetCatalog] records a change to it.
func (u *Update) Catalog() *Dict { return u.catalog }

// SetCatalog sets one entry of the catalog, which Finish will write.
func (u *Update) SetCatalog(k Name, v Object) {
	u.catalog.Set(k, v)
	u.changed = true
}

// generation gives a reference the generation of the entry that it replaces, 0 for an object that
// was compressed.
func (u *Update) generation(r Ref) Ref {
	r.Generation = 0
	if x, ok := u.doc.XRef(r.Number); ok && x.Kind == InFile {
		r.Generation = int(x.Generation)
	}
	return r
}

// AddField adds a root field to the form and sets its /SigFlags (append-only, signatures exist).
// Every other entry of the form is kept; an indirect /Fields array is replaced alone.
func (u *Update) AddField(field Ref) error {
	v := u.catalog.Get("AcroForm")
	form, err := u.dict(v)
	if err != nil {
		return fmt.Errorf("reading the form: %w", err)
	}
	form = form.Clone()
	before := string(Append(nil, form))
	fields, err := u.array(form.Get("Fields"), "Fields")
	if err != nil {
		return fmt.Errorf("reading the fields: %w", err)
	}
	if err := u.setArray(form, "Fields", append(fields, field)); err != nil {
		return err
	}
	if n, _ := form.Int("SigFlags"); n&3 != 3 {
		form.Set("SigFlags", int(n|3))
	}
	return u.putForm(v, form, before)
}

// UseField records that an existing field was filled: only /SigFlags may change.
func (u *Update) UseField() error {
	v := u.catalog.Get("AcroForm")
	form, err := u.dict(v)
	if err != nil {
		return fmt.Errorf("reading the form: %w", err)
	}
	form = form.Clone()
	before := string(Append(nil, form))
	if n, _ := form.Int("SigFlags"); n&3 != 3 {
		form.Set("SigFlags", int(n|3))
	}
	return u.putForm(v, form, before)
}

// putForm writes the form where it was, when it differs from what it was.
func (u *Update) putForm(v Object, form *Dict, before string) error {
	if string(Append(nil, form)) == before {
		return nil
	}
	if r, ok := v.(Ref); ok {
		u.Put(u.generation(r), form)
		return nil
	}
	u.SetCatalog("AcroForm", form)
	return nil
}

// AddAnnotation adds an annotation to a page. An indirect /Annots array is replaced alone, so that
// the page itself does not change. Annotations written directly in the array become objects of their
// own, as ISO 32000-2 wants them (table 31) and pyHanko requires, but only in a document that nobody
// has signed: after a signature they stay as they are.
func (u *Update) AddAnnotation(page Page, annotation Ref) error {
	dict, err := u.dict(page.Ref)
	if err != nil {
		return fmt.Errorf("reading page %d: %w", page.Number, err)
	}
	dict = dict.Clone()
	_, indirect := dict.Get("Annots").(Ref)
	array, err := u.array(dict.Get("Annots"), "Annots")
	if err != nil {
		return fmt.Errorf("reading the annotations of page %d: %w", page.Number, err)
	}
	if array, err = u.detach(array); err != nil {
		return fmt.Errorf("detaching the annotations of page %d: %w", page.Number, err)
	}
	if err := u.setArray(dict, "Annots", append(array, annotation)); err != nil {
		return err
	}
	if !indirect {
		u.Put(u.generation(page.Ref), dict)
	}
	return nil
}

// detach makes objects of the direct annotations of an array, unless the document is signed.
func (u *Update) detach(array Array) (Array, error) {
	isDirect := func(e Object) bool { _, ok := e.(*Dict); return ok }
	if !slices.ContainsFunc(array, isDirect) {
		return array, nil
	}
	if signed, err := u.doc.Signatures(); err != nil || len(signed) > 0 {
		return array, err
	}
	for i, e := range array {
		if isDirect(e) {
			ref := u.Alloc()
			u.Put(ref, e)
			array[i] = ref
		}
	}
	return array, nil
}

// array returns a copy of the array that v is or refers to; an absent one is empty.
func (u *Update) array(v Object, k Name) (Array, error) {
	v, err := u.Resolve(v)
	if err != nil {
		return nil, err
	}
	array, ok := v.(Array)
	if !ok && v != nil {
		return nil, fmt.Errorf("%w: /%s is not an array", ErrSyntax, k)
	}
	return slices.Clone(array), nil
}

// setArray replaces the array under k: in place when it is direct, as an object when it is not. A dangling
// reference has nothing to replace, and the array takes its place.
func (u *Update) setArray(d *Dict, k Name, array Array) error {
	if r, ok := d.Get(k).(Ref); ok {
		old, err := u.Resolve(r)
		if err != nil {
			return err
		}
		if old != nil {
			u.Put(u.generation(r), array)
			return nil
		}
	}
	d.Set(k, array)
	return nil
}

// dict resolves v to a dictionary; an absent one is empty.
func (u *Update) dict(v Object) (*Dict, error) {
	v, err := u.Resolve(v)
	if err != nil {
		return nil, err
	}
	switch d := v.(type) {
	case nil:
		return &Dict{}, nil
	case *Dict:
		return d, nil
	}
	return nil, fmt.Errorf("%w: dictionary expected", ErrSyntax)
}

// Replace writes a new value of an existing object under its own number and generation.
func (u *Update) Replace(r Ref, v Object) { u.Put(u.generation(r), v) }
