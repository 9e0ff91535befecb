package pdf

import (
	"bytes"
	"fmt"
	"io"
	"slices"
)

// Revision is one state of the document: what the file was after one save or one signature.
type Revision struct {
	Trailer *Dict // its own trailer dictionary
	XRef    int64 // offset of its cross-reference section, the number after startxref
	EOF     int64 // offset just after its %%EOF marker, 0 when there is none
	End     int64 // EOF plus one end-of-line when there is one; 0 when there is no marker
	Stream  bool  // the section is a cross-reference stream
	Hybrid  bool  // the section is a table completed by a stream (/XRefStm)

	sections []*section // newest first; a linearized file has two in one revision, Acrobat may write two
}

// Doc is an opened document, seen as of its last revision or of the one chosen with [Doc.At].
type Doc struct {
	r         io.ReaderAt
	size      int64
	revisions []Revision // oldest first
	objstms   map[int64]*objectStream
	cached    int
	decoding  map[int64]bool // object streams being decoded: one may not need itself
	work      *int64
}

// Open reads the cross-reference sections of the size bytes of r; objects are read on demand. It
// never repairs: it fails with [ErrSyntax] or [ErrLimit], or with the error of r.
func Open(r io.ReaderAt, size int64) (*Doc, error) {
	d := &Doc{r: r, size: size, work: new(int64)}
	d.reset()
	off, err := d.startXRef()
	if err != nil {
		return nil, err
	}
	chain, err := d.chain(off)
	if err != nil {
		return nil, err
	}
	d.revisions = d.group(chain)
	if n, ok := d.Trailer().Int("Size"); ok && n-1 > maxObject {
		return nil, fmt.Errorf("%w: /Size %d", ErrLimit, n)
	}
	if _, ok := d.Trailer().Get("Root").(Ref); !ok {
		return nil, fmt.Errorf("%w: no /Root in the trailer", ErrSyntax)
	}
	return d, nil
}

func (d *Doc) reset() {
	d.objstms, d.decoding, d.cached = map[int64]*objectStream{}, map[int64]bool{}, 0
}

// startXRef finds the offset after the last startxref keyword.
func (d *Doc) startXRef() (int64, error) {
	n := min(d.size, tailWindow)
	b := make([]byte, n)
	if m, err := d.r.ReadAt(b, d.size-n); err != nil && (err != io.EOF || int64(m) < n) {
		return 0, fmt.Errorf("pdf: reading the end of the file: %w", err)
	}
	i := bytes.LastIndex(b, []byte("startxref"))
	if i < 0 {
		return 0, fmt.Errorf("%w: no startxref in the last %d bytes", ErrSyntax, n)
	}
	l := d.lexData(b[i+len("startxref"):])
	return l.integer()
}

// chain follows /Prev from the last section; the result is newest first.
func (d *Doc) chain(off int64) ([]*section, error) {
	var chain []*section
	seen := map[int64]bool{}
	entries := 0
	for {
		if seen[off] {
			return nil, fmt.Errorf("%w: /Prev loops to offset %d", ErrSyntax, off)
		}
		if seen[off] = true; len(seen) > maxSections {
			return nil, fmt.Errorf("%w: cross-reference sections", ErrLimit)
		}
		s, err := d.readSection(off, &entries)
		if err != nil {
			return nil, err
		}
		chain = append(chain, s)
		prev, ok := s.trailer.Int("Prev")
		if !ok || prev <= 0 {
			return chain, nil
		}
		off = prev
	}
}

// group gathers the sections of the chain into revisions. A linearized file stores the first
// section it names before the one that follows in the chain: both are one revision. So are two
// sections of which the older has no end of its own and runs into the newer: what Acrobat makes of
// a file that Word wrote.
func (d *Doc) group(chain []*section) []Revision {
	var out []Revision
	for i := 0; i < len(chain); i++ {
		s := chain[i]
		rev := Revision{
			Trailer: s.trailer, XRef: s.offset, Stream: s.stream, Hybrid: s.hidden != nil,
			EOF: s.eof, End: s.end, sections: []*section{s},
		}
		for i+1 < len(chain) && chain[i+1].next == chain[i].offset {
			i++
			rev.sections = append(rev.sections, chain[i])
		}
		if i+1 == len(chain)-1 && s.offset < chain[i+1].offset {
			i++
			rev.sections = append(rev.sections, chain[i])
			rev.EOF, rev.End = max(rev.EOF, chain[i].eof), max(rev.End, chain[i].end)
		}
		out = append(out, rev)
	}
	slices.Reverse(out)
	return out
}

// Revisions returns the revisions, oldest first. Their order is that of the /Prev chain; a caller
// that judges a file must check that their End offsets grow and that the last one is [Doc.Size].
func (d *Doc) Revisions() []Revision { return d.revisions }

// At returns the document as of revision i (0 is the oldest): objects are resolved through the
// sections of that revision and of its ancestors, and nothing after its End can be read. The limit
// of work is shared with d. It panics when i is out of range.
func (d *Doc) At(i int) *Doc {
	v := &Doc{r: d.r, size: d.size, revisions: d.revisions[: i+1 : i+1], work: d.work}
	if end := v.revisions[i].End; end > 0 {
		v.size = end
	}
	v.reset()
	return v
}

// Size is the number of bytes of the document as of this revision.
func (d *Doc) Size() int64 { return d.size }

// ReaderAt returns the file.
func (d *Doc) ReaderAt() io.ReaderAt { return d.r }

// Trailer returns the trailer dictionary of the last revision.
func (d *Doc) Trailer() *Dict { return d.last().Trailer }

// Encrypted reports whether the document has an encryption dictionary.
func (d *Doc) Encrypted() bool { return d.Trailer().Get("Encrypt") != nil }

func (d *Doc) last() *Revision { return &d.revisions[len(d.revisions)-1] }

func (d *Doc) lex(off int64) *lexer {
	return &lexer{r: d.r, size: d.size, base: off, located: true, work: d.work}
}

// lexData reads tokens from bytes already in memory.
func (d *Doc) lexData(b []byte) *lexer { return &lexer{buf: b, eof: true, work: d.work} }

// Catalog returns the reference and the dictionary of the document catalog.
func (d *Doc) Catalog() (Ref, *Dict, error) {
	r, ok := d.Trailer().Get("Root").(Ref)
	if !ok {
		return Ref{}, nil, fmt.Errorf("%w: no /Root in the trailer", ErrSyntax)
	}
	v, err := d.Resolve(r)
	if err != nil {
		return r, nil, fmt.Errorf("reading the catalog: %w", err)
	}
	cat, ok := v.(*Dict)
	if !ok {
		return r, nil, fmt.Errorf("%w: the catalog is not a dictionary", ErrSyntax)
	}
	return r, cat, nil
}
