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
	return l.checkPermissions()
}
