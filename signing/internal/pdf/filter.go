package pdf

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// Decode returns the decoded data of s, at most limit bytes of it. It knows FlateDecode and LZWDecode
// with PNG predictors, RunLengthDecode, ASCIIHexDecode and ASCII85Decode; other filters give [ErrFilter], more data than
// limit gives [ErrLimit].
func (d *Doc) Decode(s *Stream, limit int) ([]byte, error) {
	src, err := d.StreamData(s)
	if err != nil {
		return nil, err
	}
	filters, err := d.list(s.Dict.Get("Filter"))
	if err != nil {
		return nil, err
	}
	params, err := d.list(s.Dict.Get("DecodeParms"))
	if err != nil {
		return nil, err
	}
	if len(filters) == 0 {
		return d.readLimited(src, limit)
	}
	if len(filters) > 4 {
		return nil, fmt.Errorf("%w: %d filters", ErrLimit, len(filters))
	}
	var r io.Reader = src
	var data []byte
	for i, f := range filters {
		name, _ := f.(Name)
		var p *Dict
		if i < len(params) {
			p, _ = params[i].(*Dict)
		}
		if data, err = d.filter(name, p, r, limit); err != nil {
			return nil, err
		}
		r = bytes.NewReader(data)
	}
	return data, nil
}

// list resolves a value that may be a single element or an array of them.
func (d *Doc) list(v Object) (Array, error) {
	v, err := d.Resolve(v)
	if err != nil || v == nil {
		return nil, err
	}
	a, ok := v.(Array)
	if !ok {
		return Array{v}, nil
	}
	out := make(Array, len(a))
	for i := range a {
		if out[i], err = d.Resolve(a[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (d *Doc) filter(name Name, params *Dict, r io.Reader, limit int) ([]byte, error) {
	switch name.Decoded() {
	case "FlateDecode", "Fl":
		z, err := zlib.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
		}
		data, err := d.readLimited(z, limit)
		if err != nil {
			return nil, err
		}
		return unpredict(data, params)
	case "LZWDecode", "LZW":
		early, ok := params.Int("EarlyChange")
		data, err := d.readLimited(&lzwReader{src: bufio.NewReader(r), early: !ok || early != 0}, limit)
		if err != nil {
			return nil, err
		}
		return unpredict(data, params)
	case "RunLengthDecode", "RL":
		return d.readLimited(&runReader{src: bufio.NewReader(r)}, limit)
	case "ASCIIHexDecode", "AHx":
		data, err := d.readLimited(r, limit)
		if err != nil {
			return nil, err
		}
		return decodeHex(data), nil
	case "ASCII85Decode", "A85":
		data, err := d.readLimited(r, limit)
		if err != nil {
			return nil, err
		}
		data, _, _ = bytes.Cut(data, []byte("~>"))
		return d.readLimited(ascii85.NewDecoder(bytes.NewReader(data)), limit)
	}
	return nil, fmt.Errorf("%w: %s", ErrFilter, name)
}

// readLimited reads at most limit bytes. Flate data that is cut short or whose checksum is wrong
// is kept, as every reader does.
func (d *Doc) readLimited(r io.Reader, limit int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if spent := d.spend(len(b)); spent != nil {
		return nil, spent
	}
	if len(b) > limit {
		return nil, fmt.Errorf("%w: a stream decodes to more than %d bytes", ErrLimit, limit)
	}
	if err != nil && (len(b) == 0 || !errors.Is(err, zlib.ErrChecksum) && !errors.Is(err, io.ErrUnexpectedEOF)) {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return b, nil
}

func decodeHex(b []byte) []byte {
	b, _, _ = bytes.Cut(b, []byte(">"))
	clean := b[:0:0]
	for _, c := range b {
		if !isSpace(int(c)) {
			clean = append(clean, c)
		}
	}
	if len(clean)%2 == 1 {
		clean = append(clean, '0')
	}
	n, _ := hex.Decode(clean, clean)
	return clean[:n]
}

// unpredict undoes the PNG row filters (ISO 32000-2, 7.4.4.4; RFC 2083, section 6).
func unpredict(b []byte, params *Dict) ([]byte, error) {
	p, ok := params.Int("Predictor")
	if !ok || p == 1 {
		return b, nil
	}
	if p < 10 {
		return nil, fmt.Errorf("%w: predictor %d", ErrFilter, p)
	}
	get := func(k Name, def int64) int64 {
		if v, ok := params.Int(k); ok {
			return v
		}
		return def
	}
	columns, colors, bits := get("Columns", 1), get("Colors", 1), get("BitsPerComponent", 8)
	if columns < 1 || columns > maxColumns || colors < 1 || colors > 32 || bits < 1 || bits > 16 {
		return nil, fmt.Errorf("%w: predictor parameters", ErrLimit)
	}
	return unfilterRows(b, int((columns*colors*bits+7)/8), int((colors*bits+7)/8)), nil
}

// unfilterRows works in place: row is the bytes of a row, pixel those between neighbours.
func unfilterRows(b []byte, row, pixel int) []byte {
	out, prev := b[:0], make([]byte, row)
	for len(b) > row {
		kind, cur := b[0], b[1:row+1]
		b = b[row+1:]
		for i := range cur {
			var left, corner byte
			if i >= pixel {
				left, corner = cur[i-pixel], prev[i-pixel]
			}
			switch kind {
			case 1:
				cur[i] += left
			case 2:
				cur[i] += prev[i]
			case 3:
				cur[i] += byte((int(left) + int(prev[i])) / 2)
			case 4:
				cur[i] += paeth(left, prev[i], corner)
			}
		}
		copy(prev, cur)
		out = append(out, cur...)
	}
	return out
}

func paeth(a, b, c byte) byte {
	p := int(a) + int(b) - int(c)
	pa, pb, pc := abs(p-int(a)), abs(p-int(b)), abs(p-int(c))
	switch {
	case pa <= pb && pa <= pc:
		return a
	case pb <= pc:
		return b
	}
	return c
}

func abs(x int) int {
	if x < 0 {
		return -x
	}
	return x
}
