package intake

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
)

// outer is what can be seen without parsing: whether the file is whole, and whether a signature can be appended as it is.
type outer struct {
	ended bool // the last thing in the file is %%EOF; blanks and zeros after it do not count
	tidy  bool // header at the first byte, few blanks after the end, and startxref points at a cross-reference section
}

const (
	tailRead  = 64 << 10 // more padding than that is no PDF any more
	maxBlanks = 16       // a line end or two; some producers pad to a word
)

func readOuter(f *os.File, size int64) (outer, error) {
	first := make([]byte, min(size, headerWithin))
	if _, err := f.ReadAt(first, 0); err != nil && !errors.Is(err, io.EOF) {
		return outer{}, err
	}
	tail := make([]byte, min(size, tailRead))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return outer{}, err
	}
	body := bytes.TrimRight(tail, "\x00\t\n\f\r ")
	o := outer{ended: bytes.HasSuffix(body, []byte("%%EOF"))}
	if !o.ended || headerAt(first) != 0 || len(tail)-len(body) > maxBlanks {
		return o, nil
	}
	at, ok := startXref(body)
	if !ok || at >= size {
		return o, nil
	}
	section := make([]byte, 32)
	n, err := f.ReadAt(section, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return outer{}, err
	}
	o.tidy = isSection(section[:n])
	return o, nil
}

// startXref reads the offset between the last startxref and the final %%EOF.
func startXref(body []byte) (int64, bool) {
	at := bytes.LastIndex(body, []byte("startxref"))
	if at < 0 {
		return 0, false
	}
	number := bytes.TrimSuffix(body[at+len("startxref"):], []byte("%%EOF"))
	offset, err := strconv.ParseInt(string(bytes.TrimSpace(number)), 10, 64)
	return offset, err == nil && offset > 0
}

// isSection says that a cross-reference table ("xref") or stream ("12 0 obj") begins here.
func isSection(b []byte) bool {
	if bytes.HasPrefix(b, []byte("xref")) {
		return true
	}
	fields := bytes.Fields(b)
	if len(fields) < 3 || b[0] < '0' || b[0] > '9' {
		return false
	}
	_, number := strconv.ParseUint(string(fields[0]), 10, 32)
	_, generation := strconv.ParseUint(string(fields[1]), 10, 16)
	return errors.Join(number, generation) == nil && bytes.HasPrefix(fields[2], []byte("obj"))
}
