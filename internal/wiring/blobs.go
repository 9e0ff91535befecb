package wiring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"parapheur/dossiers"
	"parapheur/internal/blobs"
)

func newReader(b []byte) io.Reader { return bytes.NewReader(b) }

// blobs opens the blob store that the configuration names.
func (s *System) blobs(ctx context.Context) (dossiers.Blobs, error) {
	if s.cfg.S3 != nil {
		store, err := blobs.OpenS3(ctx, *s.cfg.S3)
		if err != nil {
			return nil, err
		}
		return kept{store}, nil
	}
	store, err := blobs.OpenDir(filepath.Join(s.cfg.DataDir, "blobs"), blobs.DirOptions{Now: s.cfg.Now})
	if err != nil {
		return nil, err
	}
	return kept{store}, nil
}

// kept is a blobs.Store in the words of dossiers.
type kept struct{ store blobs.Store }

// Put implements dossiers.Blobs.
func (k kept) Put(ctx context.Context, r io.Reader) ([32]byte, int64, error) {
	return k.store.Put(ctx, r)
}

// Open implements dossiers.Blobs.
func (k kept) Open(ctx context.Context, digest [32]byte) (dossiers.Blob, error) {
	b, err := k.store.Open(ctx, digest)
	if errors.Is(err, blobs.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", dossiers.ErrNotFound, err)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}
