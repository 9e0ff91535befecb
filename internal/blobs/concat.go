package blobs

import (
	"context"
	"errors"
	"fmt"

	"parapheur/internal/segments"
)

// OpenAll opens the segments of a document version, in order, as one blob. All
// are verified; closing it closes them.
func OpenAll(ctx context.Context, s Store, digests ...Digest) (Blob, error) {
	var opened joined
	parts := make([]segments.Segment, 0, len(digests))
	for i, d := range digests {
		b, err := s.Open(ctx, d)
		if err != nil {
			_ = opened.Close() // the reason to give up is the one to report
			return nil, fmt.Errorf("segment %d of %d: %w", i+1, len(digests), err)
		}
		opened.parts = append(opened.parts, b)
		parts = append(parts, b)
	}
	opened.Concatenation = segments.Concat(parts...)
	return &opened, nil
}

// joined is a concatenation that owns its blobs.
type joined struct {
	*segments.Concatenation
	parts []Blob
}

// Close implements [io.Closer].
func (j *joined) Close() error {
	var errs []error
	for _, b := range j.parts {
		errs = append(errs, b.Close())
	}
	return errors.Join(errs...)
}
