package signing

import (
	"fmt"
	"io"

	"parapheur/signing/internal/pdf"
)

// Admits says whether a signature may be added to the document in a new field: nil, [ErrCertified] or [ErrLocked] when
// the signatures it has forbid it, [ErrEncrypted], or why it cannot be read. It asks what [Prepare] asks, before anybody
// decides anything.
func Admits(r io.ReaderAt, size int64) error {
	d, err := pdf.Open(r, size)
	if err != nil {
		return fmt.Errorf("reading a document to sign: %w", err)
	}
	if d.Encrypted() {
		return ErrEncrypted
	}
	l := &layout{doc: d, opt: &Options{}}
	if l.fields, err = d.Fields(); err != nil {
		return err
	}
	if err := l.chooseField(); err != nil {
		return err
	}
	if err := l.checkOrder(); err != nil {
		return err
	}
	return l.checkPermissions()
}

// checkOrder refuses a document whose revisions do not follow each other: [Check] would call a
// signature over them invalid, for what they may hide. Written anew, it can be signed.
func (l *layout) checkOrder() error {
	c := &checker{doc: l.doc, r: l.doc.ReaderAt(), size: l.doc.Size()}
	if err := c.collect(); err != nil {
		return err
	}
	if c.checkChain(); c.broken < len(c.revisions) {
		return fmt.Errorf("%w: revision %d is out of its place", ErrMalformed, c.broken)
	}
	return nil
}
