package segments_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"parapheur/internal/segments"
)

func TestConcatReadsLikeOneFile(t *testing.T) {
	t.Parallel()
	whole := []byte("première partie, seconde partie, fin")
	for name, cuts := range map[string][]int{
		"none": nil, "one": {len(whole)}, "empty ones between": {0, 5, 5, 5, 20, 20, len(whole)},
		"every byte": func() (all []int) {
			for i := range whole {
				all = append(all, i+1)
			}
			return all
		}(),
	} {
		var parts []segments.Segment
		start := 0
		for _, end := range cuts {
			parts = append(parts, bytes.NewReader(whole[start:end]))
			start = end
		}
		c := segments.Concat(parts...)
		if err := iotest.TestReader(c, whole[:start]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestConcatReportsAShortSegment: a segment shorter than announced must not shift the rest.
func TestConcatReportsAShortSegment(t *testing.T) {
	t.Parallel()
	c := segments.Concat(liar{bytes.NewReader([]byte("abc")), 5}, bytes.NewReader([]byte("def")))
	if got, err := io.ReadAll(c); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read %q, %v; want io.ErrUnexpectedEOF", got, err)
	}
	for _, off := range []int64{-1} {
		if _, err := c.ReadAt(make([]byte, 1), off); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("ReadAt(%d): %v", off, err)
		}
	}
	if _, err := c.Seek(-1, io.SeekStart); err == nil {
		t.Error("seek before the start accepted")
	}
}

type liar struct {
	io.ReaderAt
	size int64
}

func (l liar) Size() int64 { return l.size }
