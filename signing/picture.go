package signing

import (
	"context"
	"fmt"

	"parapheur/signing/internal/appearance"
	"parapheur/signing/internal/pdf"
)

// A PictureUse is what an image of a block is.
type PictureUse int

// The uses of images.
const (
	Arms   PictureUse = iota // a coat of arms or a logo
	Griffe                   // a handwritten signature
)

// RewritePicture checks an image that somebody brings (PNG or JPEG, within limits) and writes it anew, as it is to be
// kept: its margins cut, no larger than a block shows, nothing left of what its file carried beside its pixels. Of a
// [Griffe] that was scanned or photographed the ink alone is kept, on a transparent ground. It fails with [ErrPicture].
func RewritePicture(file []byte, use PictureUse) ([]byte, error) {
	out, err := appearance.Rewrite(file, use == Griffe)
	if err != nil {
		return nil, fmt.Errorf("rewriting an image: %w", err)
	}
	return out, nil
}

// Sketch returns the bytes to append to doc to see the block as [Prepare] would lay it out: the same options give the
// same block at the same place, in a field whose signature is empty. It needs Claims and Field, and no certificate. What
// it makes is to be looked at, and no verifier accepts it.
func Sketch(ctx context.Context, doc Source, opt Options) ([]byte, Placement, error) {
	if err := opt.shown(); err != nil {
		return nil, Placement{}, fmt.Errorf("sketching a signature: %w", err)
	}
	d, err := pdf.Open(doc, doc.Size())
	if err != nil {
		return nil, Placement{}, fmt.Errorf("sketching a signature: %w", err)
	}
	l, err := newLayout(ctx, d, &opt)
	if err != nil {
		return nil, Placement{}, fmt.Errorf("sketching a signature: %w", err)
	}
	tail, _, err := l.write(sketchReserve)
	if err != nil {
		return nil, Placement{}, fmt.Errorf("sketching a signature: %w", err)
	}
	return tail, l.placement(), nil
}

// sketchReserve is the room of the empty signature, in bytes.
const sketchReserve = 16
