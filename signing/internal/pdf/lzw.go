package pdf

import (
	"bufio"
	"errors"
	"io"
)

// Codes of LZWDecode (ISO 32000-2, 7.4.4.2).
const (
	lzwClear  = 256
	lzwEnd    = 257
	lzwFirst  = 258
	lzwLength = 4096
)

// errLZW reports a code that names no sequence yet.
var errLZW = errors.New("pdf: broken LZW data")

// lzwReader decodes LZW as old producers wrote it: most significant bit first, 9 to 12 bits.
type lzwReader struct {
	src    *bufio.Reader
	early  bool // codes grow one code sooner, the default
	bits   uint32
	have   int
	width  int // of a code; 0 before the first one
	next   int // code to define
	last   int // code before, -1 after a clear
	prefix [lzwLength]uint16
	suffix [lzwLength]byte
	out    []byte // decoded and not yet read
	stack  [lzwLength]byte
	err    error
}

// Read implements io.Reader.
func (z *lzwReader) Read(p []byte) (int, error) {
	for len(z.out) == 0 && z.err == nil {
		z.err = z.step()
	}
	n := copy(p, z.out)
	if z.out = z.out[n:]; n > 0 {
		return n, nil
	}
	return 0, z.err
}

func (z *lzwReader) step() error {
	if z.width == 0 {
		z.reset()
	}
	code, err := z.code()
	if err != nil {
		return err
	}
	switch {
	case code == lzwClear:
		z.reset()
		return nil
	case code == lzwEnd:
		return io.EOF
	case code > z.next || code == z.next && z.last < 0 || code >= lzwLength:
		return errLZW
	}
	sequence := code
	at := len(z.stack)
	if code == z.next { // the sequence before, and its own first byte
		sequence = z.last
		at--
	}
	for sequence >= lzwFirst {
		at--
		z.stack[at] = z.suffix[sequence]
		sequence = int(z.prefix[sequence])
	}
	at--
	z.stack[at] = byte(sequence)
	if code == z.next {
		z.stack[len(z.stack)-1] = z.stack[at]
	}
	z.out = z.stack[at:]
	z.define(code, z.stack[at])
	return nil
}

// define gives the next code the sequence before and one more byte.
func (z *lzwReader) define(code int, first byte) {
	if z.last >= 0 && z.next < lzwLength {
		z.prefix[z.next], z.suffix[z.next] = uint16(z.last), first
		z.next++
	}
	z.last = code
	grow := z.next
	if z.early {
		grow++
	}
	for z.width < 12 && grow >= 1<<z.width {
		z.width++
	}
}

func (z *lzwReader) reset() { z.width, z.next, z.last = 9, lzwFirst, -1 }

func (z *lzwReader) code() (int, error) {
	for z.have < z.width {
		b, err := z.src.ReadByte()
		if err != nil {
			return 0, err
		}
		z.bits, z.have = z.bits<<8|uint32(b), z.have+8
	}
	z.have -= z.width
	return int(z.bits >> z.have & (1<<z.width - 1)), nil
}

// runReader decodes RunLengthDecode (ISO 32000-2, 7.4.5).
type runReader struct {
	src    *bufio.Reader
	left   int
	repeat bool
	value  byte
}

// Read implements io.Reader.
func (z *runReader) Read(p []byte) (int, error) {
	for n := range p {
		if z.left == 0 {
			if err := z.start(); err != nil {
				return n, err
			}
		}
		if !z.repeat {
			var err error
			if z.value, err = z.src.ReadByte(); err != nil {
				return n, err
			}
		}
		p[n] = z.value
		z.left--
	}
	return len(p), nil
}

func (z *runReader) start() error {
	length, err := z.src.ReadByte()
	if err != nil {
		return err
	}
	if length == 128 {
		return io.EOF
	}
	if z.repeat = length > 128; !z.repeat {
		z.left = int(length) + 1
		return nil
	}
	z.left = 257 - int(length)
	z.value, err = z.src.ReadByte()
	return err
}
