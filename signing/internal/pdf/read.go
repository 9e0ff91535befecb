package pdf

import (
	"errors"
	"fmt"
	"io"
)

// objectStream is a decoded object stream and where each of its objects starts.
type objectStream struct {
	data  []byte
	first map[int]int
	err   error // why it cannot be decoded, kept so that it is not tried for each of its objects
}

// readAt reads "n g obj value" at off and, for a stream, up to the start of its data. want < 0
// accepts any object number. The lexer is left after the value.
func (d *Doc) readAt(off int64, want int) (Object, *lexer, error) {
	if off < 0 || off >= d.size {
		return nil, nil, fmt.Errorf("%w: object %d at offset %d of %d", ErrSyntax, want, off, d.size)
	}
	l := d.lex(off)
	n, err := l.integer()
	if err != nil {
		return nil, nil, err
	}
	if want >= 0 && n != int64(want) {
		return nil, nil, fmt.Errorf("%w: object %d at offset %d, where %d should be", ErrSyntax, n, off, want)
	}
	if _, err := l.integer(); err != nil {
		return nil, nil, err
	}
	if l.keyword() != "obj" {
		return nil, nil, l.fail("obj expected")
	}
	v, err := l.object(0)
	if err != nil {
		return nil, nil, err
	}
	dict, ok := v.(*Dict)
	if !ok {
		return v, l, nil
	}
	save := l.p
	if l.keyword() != "stream" {
		l.p = save
		return v, l, nil
	}
	if l.peek(0) == '\r' {
		l.p++
	}
	if l.peek(0) == '\n' {
		l.p++
	}
	return &Stream{Dict: dict, Offset: l.offset()}, l, nil
}

// Object reads object n as of this revision; nil without error when it is free or absent.
func (d *Doc) Object(n int) (Object, error) {
	x, _ := d.XRef(n)
	if err := d.spend(0); err != nil {
		return nil, err
	}
	switch x.Kind {
	case InFile:
		v, _, err := d.readAt(x.Offset, n)
		return v, err
	case Compressed:
		return d.compressed(n, x)
	default: // Free
		return nil, nil
	}
}

func (d *Doc) compressed(n int, x XRef) (Object, error) {
	if x.Offset > maxObject {
		return nil, fmt.Errorf("%w: object stream %d", ErrSyntax, x.Offset)
	}
	s, err := d.objectStream(int(x.Offset))
	if err != nil {
		return nil, fmt.Errorf("object %d in object stream %d: %w", n, x.Offset, err)
	}
	at, ok := s.first[n]
	if !ok {
		return nil, nil
	}
	l := d.lexData(s.data[at:])
	v, err := l.object(0)
	if err == nil {
		err = d.spend(l.p)
	}
	return v, err
}

// objectStream decodes object stream n, or finds it in the cache.
func (d *Doc) objectStream(n int) (*objectStream, error) {
	x, _ := d.XRef(n)
	if x.Kind != InFile { // an object stream is never itself compressed
		return nil, fmt.Errorf("%w: not in the file", ErrSyntax)
	}
	if s := d.objstms[x.Offset]; s != nil {
		return s, s.err
	}
	if d.decoding[x.Offset] {
		return nil, fmt.Errorf("%w: needs itself", ErrSyntax)
	}
	d.decoding[x.Offset] = true
	defer delete(d.decoding, x.Offset)
	v, _, err := d.readAt(x.Offset, n)
	if err != nil {
		return nil, err
	}
	st, ok := v.(*Stream)
	if !ok {
		return nil, fmt.Errorf("%w: not a stream", ErrSyntax)
	}
	s, err := d.openObjectStream(st)
	if err != nil {
		d.objstms[x.Offset] = &objectStream{err: err}
		return nil, err
	}
	if d.cached += len(s.data); d.cached > maxCached {
		clear(d.objstms)
		d.cached = len(s.data)
	}
	d.objstms[x.Offset] = s
	return s, nil
}

// openObjectStream decodes the data and reads the header of pairs (ISO 32000-2, 7.5.7).
func (d *Doc) openObjectStream(st *Stream) (*objectStream, error) {
	data, err := d.Decode(st, maxStructure)
	if err != nil {
		return nil, err
	}
	first, err := d.Int(st.Dict.Get("First"))
	if err != nil {
		return nil, err
	}
	count, err := d.Int(st.Dict.Get("N"))
	if err != nil {
		return nil, err
	}
	if first < 0 || first > int64(len(data)) || count < 0 || count > first/2+1 {
		return nil, fmt.Errorf("%w: header of an object stream", ErrSyntax)
	}
	s := &objectStream{data: data, first: map[int]int{}}
	l := d.lexData(data[:first])
	for range count {
		id, err := l.integer()
		if err != nil {
			return nil, err
		}
		at, err := l.integer()
		if err != nil {
			return nil, err
		}
		if at < 0 || at >= int64(len(data))-first || id < 0 || id > maxObject {
			return nil, fmt.Errorf("%w: header of an object stream", ErrSyntax)
		}
		if _, ok := s.first[int(id)]; !ok {
			s.first[int(id)] = int(first + at)
		}
	}
	return s, nil
}

// Resolve follows references until a value; the keyword null and a free object give nil.
func (d *Doc) Resolve(v Object) (Object, error) {
	for range maxChain {
		switch x := v.(type) {
		case Ref:
			var err error
			if v, err = d.Object(x.Number); err != nil {
				return nil, err
			}
		case Raw:
			if x.IsNull() {
				return nil, nil
			}
			return x, nil
		default:
			return v, nil
		}
	}
	return nil, fmt.Errorf("%w: references in a loop", ErrSyntax)
}

// Int resolves v to an integer.
func (d *Doc) Int(v Object) (int64, error) {
	v, err := d.Resolve(v)
	if err != nil {
		return 0, err
	}
	n, ok := asInt(v)
	if !ok {
		return 0, fmt.Errorf("%w: integer expected", ErrSyntax)
	}
	return n, nil
}

// Dict resolves v to a dictionary, or to that of a stream. Nil without error when v is neither.
func (d *Doc) Dict(v Object) (*Dict, error) {
	v, err := d.Resolve(v)
	switch x := v.(type) {
	case *Dict:
		return x, err
	case *Stream:
		return x.Dict, err
	}
	return nil, err
}

// Array resolves v to an array. Nil without error when v is something else.
func (d *Doc) Array(v Object) (Array, error) {
	v, err := d.Resolve(v)
	a, _ := v.(Array)
	return a, err
}

// Extent returns where object n lies in the file, from its number to the end of its endobj
// keyword. It fails with [ErrNotFound] when n is free, absent or in an object stream.
func (d *Doc) Extent(n int) (start, end int64, err error) {
	x, _ := d.XRef(n)
	if x.Kind != InFile {
		return 0, 0, fmt.Errorf("%w: object %d in the file", ErrNotFound, n)
	}
	v, l, err := d.readAt(x.Offset, n)
	if err != nil {
		return 0, 0, err
	}
	if s, ok := v.(*Stream); ok {
		length, err := d.streamLength(s)
		if err != nil {
			return 0, 0, err
		}
		if l = d.lex(s.Offset + length); l.keyword() != "endstream" {
			return 0, 0, l.fail("endstream expected")
		}
	}
	if l.keyword() != "endobj" {
		return 0, 0, l.fail("endobj expected")
	}
	return x.Offset, l.offset(), nil
}

// StreamData returns a reader of the encoded data of s, as many bytes as /Length says.
func (d *Doc) StreamData(s *Stream) (*io.SectionReader, error) {
	n, err := d.streamLength(s)
	if err != nil {
		return nil, err
	}
	return io.NewSectionReader(d.r, s.Offset, n), nil
}

func (d *Doc) streamLength(s *Stream) (int64, error) {
	n, err := d.Int(s.Dict.Get("Length"))
	if err != nil {
		return 0, fmt.Errorf("length of a stream: %w", err)
	}
	if n < 0 || n > d.size-s.Offset {
		return 0, fmt.Errorf("%w: length %d of a stream", ErrSyntax, n)
	}
	return n, nil
}

// spend charges n bytes of decoded data to the limit of work.
func (d *Doc) spend(n int) error {
	if *d.work += int64(n); *d.work > maxWork {
		return fmt.Errorf("%w: work on one document", ErrLimit)
	}
	return nil
}

// isLimit reports whether a walk must stop because the file is hostile rather than merely odd.
func isLimit(err error) bool { return errors.Is(err, ErrLimit) }
