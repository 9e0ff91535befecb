package pdf

import (
	"cmp"
	"fmt"
	"slices"
)

// Kind says where an object is stored.
type Kind uint8

// Kinds of cross-reference entries.
const (
	Free       Kind = iota // no object
	InFile                 // "n g obj" at an offset of the file
	Compressed             // in an object stream
)

// XRef is one cross-reference entry.
type XRef struct {
	// Offset is the byte offset in the file when InFile, the number of the object stream when
	// Compressed.
	Offset     int64
	Generation uint16
	Kind       Kind
}

// run is a cross-reference subsection.
type run struct {
	first   int
	entries []XRef
}

// section is one cross-reference section of the file.
type section struct {
	offset   int64
	eof, end int64 // see Revision
	next     int64 // offset of what follows a trailer, white space apart, where no marker does
	trailer  *Dict
	stream   bool
	runs     []run    // by first object number
	hidden   *section // what /XRefStm adds to a table
}

func (s *section) find(n int) (XRef, bool) {
	i, _ := slices.BinarySearchFunc(s.runs, n+1, func(r run, n int) int { return cmp.Compare(r.first, n) })
	if i == 0 || n-s.runs[i-1].first >= len(s.runs[i-1].entries) {
		return XRef{}, false
	}
	r := s.runs[i-1]
	return r.entries[n-r.first], true
}

// lookup finds n in the section. In a hybrid file the table marks as free the objects that only
// the stream knows: such a free entry gives way (ISO 32000-2, 7.5.8.4).
func (s *section) lookup(n int) (XRef, bool) {
	x, ok := s.find(n)
	if (!ok || x.Kind == Free) && s.hidden != nil {
		if h, found := s.hidden.find(n); found && h.Kind != Free {
			return h, true
		}
	}
	return x, ok
}

// XRef returns the entry of object n as of this revision.
func (d *Doc) XRef(n int) (XRef, bool) {
	// Thousands of sections times thousands of objects is work that a hostile file can ask for.
	*d.work += 16 * int64(len(d.revisions))
	for i := len(d.revisions) - 1; i >= 0; i-- {
		if x, ok := d.revisions[i].Own(n); ok {
			return x, true
		}
	}
	return XRef{}, false
}

// Own returns the entry that the revision itself holds for object n, ignoring older revisions.
func (r *Revision) Own(n int) (XRef, bool) {
	for _, s := range r.sections {
		if x, ok := s.lookup(n); ok {
			return x, true
		}
	}
	return XRef{}, false
}

// Numbers returns the object numbers that the revision itself lists, free or not, in order.
func (r *Revision) Numbers() []int {
	var out []int
	add := func(s *section) {
		for _, run := range s.runs {
			for i := range run.entries {
				out = append(out, run.first+i)
			}
		}
	}
	for _, s := range r.sections {
		add(s)
		if s.hidden != nil {
			add(s.hidden)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// MaxObject is the highest object number that is listed or announced by /Size.
func (d *Doc) MaxObject() int {
	n := 0
	for i := range d.revisions {
		for _, s := range d.revisions[i].sections {
			n = max(n, s.highest())
			if s.hidden != nil {
				n = max(n, s.hidden.highest())
			}
		}
	}
	if size, ok := d.Trailer().Int("Size"); ok && size-1 <= maxObject {
		n = max(n, int(size)-1)
	}
	return n
}

func (s *section) highest() int {
	n := 0
	for _, r := range s.runs {
		n = max(n, r.first+len(r.entries)-1)
	}
	return n
}

// readSection reads the section at off; entries counts those of the whole file.
func (d *Doc) readSection(off int64, entries *int) (*section, error) {
	if off < 0 || off >= d.size {
		return nil, fmt.Errorf("%w: cross-reference section at offset %d of %d", ErrSyntax, off, d.size)
	}
	l := d.lex(off)
	l.space()
	s := &section{offset: off}
	if l.peek(0) != 'x' {
		if err := d.readXRefStream(s, entries); err != nil {
			return nil, fmt.Errorf("cross-reference stream at offset %d: %w", off, err)
		}
		return s, nil
	}
	if err := readTable(l, s, entries); err != nil {
		return nil, fmt.Errorf("cross-reference table at offset %d: %w", off, err)
	}
	for isSpace(l.peek(0)) {
		l.p++
	}
	s.next = l.offset()
	if s.eof, s.end = readEOF(l); s.end > 0 {
		s.next = 0
	}
	if at, ok := s.trailer.Int("XRefStm"); ok {
		if at < 0 || at >= d.size {
			return nil, fmt.Errorf("%w: /XRefStm %d", ErrSyntax, at)
		}
		s.hidden = &section{offset: at}
		if err := d.readXRefStream(s.hidden, entries); err != nil {
			return nil, fmt.Errorf("/XRefStm at offset %d: %w", at, err)
		}
	}
	return s, nil
}

// newRun adds a subsection after checking what it announces.
func (s *section) newRun(first, count int64, entries *int) (*run, error) {
	if first < 0 || count < 0 {
		return nil, fmt.Errorf("%w: negative subsection", ErrSyntax)
	}
	if first > maxObject || count > maxObject || first+count-1 > maxObject || count > int64(maxEntries-*entries) {
		return nil, fmt.Errorf("%w: cross-reference entries", ErrLimit)
	}
	if len(s.runs) >= maxEntries/8 {
		return nil, fmt.Errorf("%w: cross-reference subsections", ErrLimit)
	}
	*entries += int(count)
	s.runs = append(s.runs, run{first: int(first)})
	return &s.runs[len(s.runs)-1], nil
}

// sort orders the subsections and refuses those that give two answers for one object, as two
// readers could take either (ISO 32000-2, 7.5.4).
func (s *section) sort() error {
	s.runs = slices.DeleteFunc(s.runs, func(r run) bool { return len(r.entries) == 0 })
	slices.SortFunc(s.runs, func(a, b run) int { return cmp.Compare(a.first, b.first) })
	for i := 1; i < len(s.runs); i++ {
		if prev := s.runs[i-1]; prev.first+len(prev.entries) > s.runs[i].first {
			return fmt.Errorf("%w: object %d listed twice in one section", ErrSyntax, s.runs[i].first)
		}
	}
	return nil
}

// readTable reads "xref", its subsections and the trailer (ISO 32000-2, 7.5.4 and 7.5.5).
func readTable(l *lexer, s *section, entries *int) error {
	if l.keyword() != "xref" {
		return l.fail("xref expected")
	}
	for {
		l.compact()
		l.space()
		if c := l.peek(0); c < '0' || c > '9' {
			break
		}
		first, err := l.integer()
		if err != nil {
			return err
		}
		count, err := l.integer()
		if err != nil {
			return err
		}
		r, err := s.newRun(first, count, entries)
		if err != nil {
			return err
		}
		if err := r.readTable(l, int(count)); err != nil {
			return err
		}
	}
	if err := s.sort(); err != nil {
		return err
	}
	if l.word() != "trailer" {
		return l.fail("trailer expected")
	}
	v, err := l.object(0)
	if err != nil {
		return err
	}
	var ok bool
	if s.trailer, ok = v.(*Dict); !ok {
		return l.fail("trailer dictionary expected")
	}
	return nil
}

func (r *run) readTable(l *lexer, count int) error {
	for range count {
		l.compact()
		l.space()
		x, ok := l.fixedEntry()
		if !ok {
			var err error
			if x, err = l.looseEntry(); err != nil {
				return err
			}
		}
		r.entries = append(r.entries, x)
	}
	return nil
}

// maxGeneration is the highest generation of an object; MuPDF gives free ones more, which means nothing.
const maxGeneration = 65535

// fixedEntry reads the 18 characters that the standard prescribes, when they are there.
func (l *lexer) fixedEntry() (XRef, bool) {
	if l.peek(18) == -1 {
		return XRef{}, false
	}
	b := l.buf[l.p : l.p+19]
	off, ok1 := digits(b[:10])
	gen, ok2 := digits(b[11:16])
	inUse := b[17] == 'n'
	if !ok1 || !ok2 || b[10] != ' ' || b[16] != ' ' || !isSpace(int(b[18])) || inUse && gen > maxGeneration {
		return XRef{}, false
	}
	l.p += 18
	return entryOf(off, gen, inUse), inUse || b[17] == 'f'
}

// looseEntry reads an entry whose spacing is not the prescribed one.
func (l *lexer) looseEntry() (XRef, error) {
	off, err := l.integer()
	if err != nil {
		return XRef{}, err
	}
	gen, err := l.integer()
	if err != nil {
		return XRef{}, err
	}
	t := l.keyword()
	if t != "n" && t != "f" || off < 0 || gen < 0 || t == "n" && gen > maxGeneration {
		return XRef{}, l.fail("cross-reference entry expected")
	}
	return entryOf(off, gen, t == "n"), nil
}

func entryOf(off, gen int64, used bool) XRef {
	if !used {
		return XRef{Generation: uint16(min(gen, maxGeneration))}
	}
	return XRef{Kind: InFile, Offset: off, Generation: uint16(gen)}
}

func digits(b []byte) (int64, bool) {
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// readEOF reads "startxref n %%EOF" and at most one end-of-line; zeros when it is not there.
func readEOF(l *lexer) (eof, end int64) {
	if l.keyword() != "startxref" {
		return 0, 0
	}
	if _, err := l.integer(); err != nil {
		return 0, 0
	}
	for isSpace(l.peek(0)) {
		l.p++
	}
	for i, c := range []byte("%%EOF") {
		if l.peek(i) != int(c) {
			return 0, 0
		}
	}
	l.p += len("%%EOF")
	eof = l.offset()
	if l.peek(0) == '\r' {
		l.p++
	}
	if l.peek(0) == '\n' {
		l.p++
	}
	return eof, l.offset()
}

// readXRefStream reads a cross-reference stream (ISO 32000-2, 7.5.8).
func (d *Doc) readXRefStream(s *section, entries *int) error {
	v, _, err := d.readAt(s.offset, -1)
	if err != nil {
		return err
	}
	st, ok := v.(*Stream)
	if !ok {
		return fmt.Errorf("%w: stream expected", ErrSyntax)
	}
	s.stream, s.trailer = true, st.Dict
	// The length must be direct: no section is known yet to resolve a reference with.
	length, ok := st.Dict.Int("Length")
	if !ok || length < 0 || length > d.size-st.Offset {
		return fmt.Errorf("%w: /Length of a cross-reference stream", ErrSyntax)
	}
	data, err := d.Decode(st, maxStructure)
	if err != nil {
		return err
	}
	l := d.lex(st.Offset + length)
	if l.keyword() == "endstream" && l.keyword() == "endobj" {
		s.eof, s.end = readEOF(l)
	}
	return s.readRows(data, entries)
}

// readRows reads the fixed-width rows of a cross-reference stream.
func (s *section) readRows(data []byte, entries *int) error {
	w, err := rowWidths(s.trailer)
	if err != nil {
		return err
	}
	width := w[0] + w[1] + w[2]
	index, ok := s.trailer.Get("Index").(Array)
	if !ok {
		size, _ := s.trailer.Int("Size")
		index = Array{Raw("0"), Raw(fmt.Sprint(size))}
	}
	for i := 0; i+1 < len(index); i += 2 {
		first, ok1 := asInt(index[i])
		count, ok2 := asInt(index[i+1])
		if !ok1 || !ok2 {
			return fmt.Errorf("%w: /Index of a cross-reference stream", ErrSyntax)
		}
		if count > int64(len(data)/width) {
			return fmt.Errorf("%w: cross-reference stream shorter than its /Index", ErrSyntax)
		}
		r, err := s.newRun(first, count, entries)
		if err != nil {
			return err
		}
		r.entries = make([]XRef, count)
		for j := range r.entries {
			r.entries[j] = readRow(data[j*width:], w)
		}
		data = data[int(count)*width:]
	}
	return s.sort()
}

func rowWidths(t *Dict) (w [3]int, err error) {
	a, _ := t.Get("W").(Array)
	if len(a) < 3 {
		return w, fmt.Errorf("%w: /W of a cross-reference stream", ErrSyntax)
	}
	for i := range w {
		n, ok := asInt(a[i])
		if !ok || n < 0 || n > 8 {
			return w, fmt.Errorf("%w: /W of a cross-reference stream", ErrSyntax)
		}
		w[i] = int(n)
	}
	if w[0]+w[1]+w[2] == 0 { // rows of no bytes would never end
		return w, fmt.Errorf("%w: /W of a cross-reference stream", ErrSyntax)
	}
	return w, nil
}

func readRow(b []byte, w [3]int) XRef {
	field := func(n int, def uint64) uint64 {
		if n == 0 {
			return def
		}
		var v uint64
		for _, c := range b[:n] {
			v = v<<8 | uint64(c)
		}
		b = b[n:]
		return v
	}
	kind, f2, f3 := field(w[0], 1), field(w[1], 0), field(w[2], 0)
	if f2 > 1<<62 {
		return XRef{}
	}
	switch kind {
	case 1:
		return XRef{Kind: InFile, Offset: int64(f2), Generation: uint16(f3)}
	case 2:
		return XRef{Kind: Compressed, Offset: int64(f2)}
	}
	return XRef{Generation: uint16(f3)}
}

func asInt(v Object) (int64, bool) {
	r, _ := v.(Raw)
	return r.Int()
}
