package compat

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	endBytes     = 22       // of a zip's end record without comment (APPNOTE 4.3.16)
	maxDirectory = 64 << 10 // of a directory with one entry
	maxRatio     = 200      // how much smaller than its document a zip may be
	freeInflated = 1 << 20  // inflated bytes that no ratio is asked of
)

// Unzip opens the only document of a zip. The directory is looked at before
// it is read, since a reader would hold every entry that it lists; reading the
// document ends with ErrZip beyond max bytes, or where it inflates beyond what
// documents do.
func Unzip(p Part, most int64) (name string, doc io.ReadCloser, err error) {
	if p.Size < endBytes {
		return "", nil, ErrZip
	}
	var end [endBytes]byte
	if _, err := p.ReadAt(end[:], p.Size-endBytes); err != nil {
		return "", nil, fmt.Errorf("read a zip: %w", err)
	}
	le := binary.LittleEndian
	entries, size, offset := le.Uint16(end[10:]), le.Uint32(end[12:]), le.Uint32(end[16:])
	plain := le.Uint32(end[:]) == 0x06054b50 && le.Uint16(end[20:]) == 0 // no comment, so no second record in it
	if !plain || entries != 1 || size > maxDirectory || int64(offset)+int64(size)+endBytes != p.Size {
		return "", nil, ErrZip
	}
	z, err := zip.NewReader(p, p.Size)
	if err != nil || len(z.File) != 1 || z.File[0].FileInfo().IsDir() {
		return "", nil, ErrZip
	}
	f := z.File[0]
	inflated, err := f.Open()
	if err != nil {
		return "", nil, ErrZip
	}
	return f.Name, &inflating{from: inflated, packed: p.Size, most: most}, nil
}

// inflating reads a document as long as it could be one.
type inflating struct {
	from         io.ReadCloser
	packed, most int64
	read         int64
}

// Read implements io.Reader.
func (x *inflating) Read(b []byte) (int, error) {
	n, err := x.from.Read(b)
	x.read += int64(n)
	if x.read > x.most {
		return 0, fmt.Errorf("inflated beyond %d bytes: %w", x.most, ErrTooLarge)
	}
	if x.read > freeInflated && x.read > maxRatio*x.packed {
		return 0, fmt.Errorf("inflates %d times: %w", maxRatio, ErrZip)
	}
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader's contract
		err = fmt.Errorf("%w: %w", ErrZip, err)
	}
	return n, err
}

// Close implements io.Closer.
func (x *inflating) Close() error { return x.from.Close() }
