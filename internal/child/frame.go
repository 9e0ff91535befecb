package child

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// An answer is a sequence of frames: one byte of kind, four bytes of length (big endian), the body. Jobs choose their
// kinds among the lower-case letters. The last frame is kindEnd, or kindFail with "code\ndetail"; without one of them
// the answer is incomplete, whatever came before.
const (
	kindEnd  = 'E'
	kindFail = 'F'

	headerSize = 5
)

// Frame is one part of an answer.
type Frame struct {
	Kind byte // 'a' to 'z'
	Body []byte
}

// Writer sends frames from the child.
type Writer struct{ w io.Writer }

// NewWriter writes frames to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w} }

// Frame sends one part of the answer; kind is 'a' to 'z'.
func (w *Writer) Frame(kind byte, body []byte) error {
	if kind < 'a' || kind > 'z' {
		return fmt.Errorf("frame of kind %q: jobs use lower-case letters", kind)
	}
	return w.send(kind, body)
}

func (w *Writer) end() error { return w.send(kindEnd, nil) }

func (w *Writer) fail(f *Failure) error {
	detail := f.Detail[:min(len(f.Detail), 2048)]
	return w.send(kindFail, []byte(f.Code+"\n"+detail))
}

func (w *Writer) send(kind byte, body []byte) error {
	if uint64(len(body)) > 1<<32-1 {
		return fmt.Errorf("frame of %d bytes", len(body))
	}
	head := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)))
	if _, err := w.w.Write(head); err != nil {
		return fmt.Errorf("send a frame: %w", err)
	}
	if _, err := w.w.Write(body); err != nil {
		return fmt.Errorf("send a frame: %w", err)
	}
	return nil
}

// Decode splits what a child sent. Complete is true when it ended properly with nothing after the end; a failure is not
// complete. Bodies share the memory of b.
func Decode(b []byte) (frames []Frame, failure *Failure, complete bool) {
	for len(b) >= headerSize {
		kind, size := b[0], uint64(binary.BigEndian.Uint32(b[1:]))
		if b = b[headerSize:]; size > uint64(len(b)) {
			return frames, nil, false
		}
		body := b[:size:size]
		b = b[size:]
		switch {
		case kind == kindEnd:
			return frames, nil, size == 0 && len(b) == 0
		case kind == kindFail && len(b) == 0:
			code, detail, _ := strings.Cut(string(body), "\n")
			return frames, &Failure{code, detail}, false
		case kind >= 'a' && kind <= 'z':
			frames = append(frames, Frame{kind, body})
		default:
			return frames, nil, false
		}
	}
	return frames, nil, false
}
