package wiring

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"parapheur/dossiers"
	"parapheur/internal/blobs"
)

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
	return adopting{kept{store}, store}, nil
}

// adopting is a folder of blobs, which takes a spooled file over by renaming it.
type adopting struct {
	kept
	dir *blobs.Dir
}

// Adopt is what dossiers looks for before it copies.
func (a adopting) Adopt(ctx context.Context, f *os.File, digest [32]byte) error {
	return a.dir.Adopt(ctx, f, digest)
}

// kept is a blobs.Store in the words of dossiers.
type kept struct{ store blobs.Store }

// Put implements dossiers.Blobs.
func (k kept) Put(ctx context.Context, r io.Reader) ([32]byte, int64, error) {
	return k.store.Put(ctx, r)
}

// Open implements dossiers.Blobs. Bytes that a fact names and that are lost or
// damaged stay blobs.ErrNotFound or blobs.ErrCorrupt: the dossier exists, and
// saying "not found" would hide a fault of the storage.
func (k kept) Open(ctx context.Context, digest [32]byte) (dossiers.Blob, error) {
	b, err := k.store.Open(ctx, digest)
	if err != nil {
		return nil, err
	}
	return b, nil
}
