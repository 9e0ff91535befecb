package signing

import (
	"bytes"
	"context"
	"crypto"
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Source is a document at rest: its bytes must not change while it is in use.
type Source interface {
	io.ReaderAt
	// Size is the number of bytes.
	Size() int64
}

// HashState is the SHA-2 state after the whole of a document, as encoding.BinaryMarshaler of the
// crypto/sha256 or crypto/sha512 packages writes it (about 110 bytes). Kept beside the document
// when it is frozen, it lets every signature read a few kilobytes instead of the whole file.
type HashState []byte

// stateMagic says which hash wrote a state.
func stateMagic(h crypto.Hash) string {
	switch h {
	case crypto.SHA256:
		return "sha\x03"
	case crypto.SHA384:
		return "sha\x04"
	case crypto.SHA512:
		return "sha\x07"
	}
	return ""
}

// NewHashState hashes the whole document.
func NewHashState(ctx context.Context, doc Source, h crypto.Hash) (HashState, error) {
	if stateMagic(h) == "" {
		return nil, fmt.Errorf("%w: %v", ErrAlgorithm, h)
	}
	w := h.New()
	if err := stream(ctx, w, doc); err != nil {
		return nil, err
	}
	return marshalState(w)
}

// Extend returns the state after the document followed by more bytes, such as the tail of a
// signature: the next signer starts from it.
func (s HashState) Extend(h crypto.Hash, more []byte) (HashState, error) {
	w, err := s.open(h)
	if err != nil {
		return nil, err
	}
	w.Write(more)
	return marshalState(w)
}

// Digest returns the digest of the document itself.
func (s HashState) Digest(h crypto.Hash) ([]byte, error) {
	w, err := s.open(h)
	if err != nil {
		return nil, err
	}
	return w.Sum(nil), nil
}

// Length is the number of bytes that were hashed; 0 for a state that is not one.
func (s HashState) Length() int64 {
	if len(s) < 12 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(s[len(s)-8:]))
}

func marshalState(w hash.Hash) (HashState, error) {
	m, ok := w.(encoding.BinaryMarshaler)
	if !ok {
		return nil, fmt.Errorf("%w: %T keeps no state", ErrHashState, w)
	}
	b, err := m.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHashState, err)
	}
	return b, nil
}

func (s HashState) open(h crypto.Hash) (hash.Hash, error) {
	if magic := stateMagic(h); magic == "" || !bytes.HasPrefix(s, []byte(magic)) {
		return nil, fmt.Errorf("%w: not a state of %v", ErrHashState, h)
	}
	w := h.New()
	u, ok := w.(encoding.BinaryUnmarshaler)
	if !ok {
		return nil, fmt.Errorf("%w: %T keeps no state", ErrHashState, w)
	}
	if err := u.UnmarshalBinary(s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHashState, err)
	}
	return w, nil
}

// copyBuffer is the step of a pass over a document: it stays in the processor's cache.
const copyBuffer = 256 << 10

// stream writes the whole document to w, and stops when ctx ends.
func stream(ctx context.Context, w io.Writer, doc Source) error {
	size := doc.Size()
	buf := make([]byte, min(size, copyBuffer))
	for off := int64(0); off < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(int64(len(buf)), size-off)
		if m, err := doc.ReadAt(buf[:n], off); int64(m) < n {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("reading the document at offset %d: %w", off, err)
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return fmt.Errorf("copying the document: %w", err)
		}
		off += n
	}
	return nil
}
