// Package segments presents an ordered list of runs of bytes as one file,
// without copying. A document version is such a list: signing appends a
// segment, it never rewrites one.
//
// It must not know where segments are kept. It fails with the error of the
// segment that failed, and with io.ErrUnexpectedEOF when one is shorter than
// it said: what follows never shifts.
package segments

import (
	"errors"
	"fmt"
	"io"
	"sort"
)

// Segment is a part of a [Concatenation]: a blob, a bytes.Reader, a section.
type Segment interface {
	io.ReaderAt
	// Size is in bytes and does not change.
	Size() int64
}

// Concatenation presents an ordered list of segments as one file, without
// copying: the version of a document is the frozen letter followed by what each
// signature appended. ReadAt may be called concurrently if the segments allow
// it; Read and Seek share one position and may not.
type Concatenation struct {
	segments []Segment // none is empty
	ends     []int64   // ends[i] is the offset just after segments[i]
	pos      int64
}

var (
	_ io.ReadSeeker = (*Concatenation)(nil)
	_ Segment       = (*Concatenation)(nil)
)

// Concat joins segments in order. Empty ones are left out; none at all is an empty file.
func Concat(segments ...Segment) *Concatenation {
	c := &Concatenation{}
	var end int64
	for _, s := range segments {
		if s.Size() > 0 {
			end += s.Size()
			c.segments, c.ends = append(c.segments, s), append(c.ends, end)
		}
	}
	return c
}

// Size is the sum of the segments', in bytes.
func (c *Concatenation) Size() int64 {
	if len(c.ends) == 0 {
		return 0
	}
	return c.ends[len(c.ends)-1]
}

// ReadAt implements [io.ReaderAt] across segments.
func (c *Concatenation) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("segments: negative offset")
	}
	// The first segment that ends after off holds it.
	i := sort.Search(len(c.ends), func(i int) bool { return c.ends[i] > off })
	for ; i < len(c.segments) && n < len(p); i++ {
		end := c.ends[i]
		size := c.segments[i].Size()
		part := p[n:min(int64(len(p)), int64(n)+end-off)]
		m, err := c.segments[i].ReadAt(part, off-(end-size))
		n, off = n+m, off+int64(m)
		if m < len(part) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF // the segment is shorter than it said
			}
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Read implements [io.Reader].
func (c *Concatenation) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := c.ReadAt(p, c.pos)
	c.pos += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil // said at the next call
	}
	return n, err
}

// Seek implements [io.Seeker].
func (c *Concatenation) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += c.pos
	case io.SeekEnd:
		offset += c.Size()
	default:
		return 0, fmt.Errorf("segments: seek from %d", whence)
	}
	if offset < 0 {
		return 0, errors.New("segments: seek before the start")
	}
	c.pos = offset
	return offset, nil
}
