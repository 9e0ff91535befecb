package blobs

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3Options configures [OpenS3].
type S3Options struct {
	// Endpoint is host or host:port, without scheme.
	Endpoint string
	// Insecure speaks plain HTTP; for a gateway on the same machine.
	Insecure bool
	// Region is empty or what the server wants.
	Region string
	// AccessKey and SecretKey are given by the administrator of the server.
	AccessKey, SecretKey string
	// Bucket must exist.
	Bucket string
	// Prefix stands before each name, such as "blobs/"; may be empty.
	Prefix string
	// SpoolDir takes the bytes on their way in and out, in files without a name;
	// the system's temporary folder if empty. It needs room for the largest blob
	// times the number of simultaneous uses.
	SpoolDir string
	// Transport carries the requests; minio's default if nil.
	Transport http.RoundTripper
}

// S3 is a store in a bucket: one object a blob, named by 64 hexadecimal digits.
//
// An upload is spooled and hashed first, then sent by a single PUT that carries
// its SHA-256 and only succeeds if the name is free. Multipart is never used:
// servers ignore that condition there.
type S3 struct {
	client *minio.Client
	opt    S3Options
}

var _ Store = (*S3)(nil)

// maxS3Put is what the protocol allows in a single PUT.
const maxS3Put = 5 << 30

// OpenS3 connects to a bucket and checks that it exists.
func OpenS3(ctx context.Context, opt S3Options) (*S3, error) {
	client, err := minio.New(opt.Endpoint, &minio.Options{
		Creds:  credentials.NewStaticV4(opt.AccessKey, opt.SecretKey, ""),
		Secure: !opt.Insecure, Region: opt.Region, Transport: opt.Transport,
		TrailingHeaders: true, // what checksums of the body need in this client
	})
	if err != nil {
		return nil, fmt.Errorf("blobs: S3 at %s: %w", opt.Endpoint, err)
	}
	found, err := client.BucketExists(ctx, opt.Bucket)
	if err != nil {
		return nil, fmt.Errorf("blobs: S3 at %s, bucket %s: %w", opt.Endpoint, opt.Bucket, err)
	}
	if !found {
		return nil, fmt.Errorf("blobs: S3 at %s: no bucket %s", opt.Endpoint, opt.Bucket)
	}
	return &S3{client: client, opt: opt}, nil
}

// spool makes a temporary file that has no name any more: killed or not, the
// process leaves nothing.
func (s *S3) spool() (*os.File, error) {
	f, err := os.CreateTemp(s.opt.SpoolDir, "blob-*")
	if err != nil {
		return nil, fmt.Errorf("blobs: spooling: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, fmt.Errorf("blobs: spooling: %w", errors.Join(err, f.Close()))
	}
	return f, nil
}

// Put implements [Store].
func (s *S3) Put(ctx context.Context, r io.Reader) (digest Digest, size int64, err error) {
	f, err := s.spool()
	if err != nil {
		return digest, 0, err
	}
	defer func() { _ = f.Close() }() // nothing to keep
	digest, size, err = copyHashing(ctx, f, Limit(r, maxS3Put))
	if err == nil {
		err = s.upload(ctx, f, digest, size)
	}
	if err != nil {
		return Digest{}, 0, fmt.Errorf("blobs: putting: %w", err)
	}
	return digest, size, nil
}

// upload sends a spooled blob unless it is there already. One that is there
// with another size cannot be sound and is replaced.
func (s *S3) upload(ctx context.Context, f *os.File, digest Digest, size int64) error {
	err := s.send(ctx, f, digest, size, true)
	if minio.ToErrorResponse(err).StatusCode != http.StatusPreconditionFailed {
		return err
	}
	info, err := s.client.StatObject(ctx, s.opt.Bucket, s.name(digest), minio.StatObjectOptions{})
	if err == nil && info.Size == size {
		return nil
	}
	return s.send(ctx, f, digest, size, false)
}

func (s *S3) send(ctx context.Context, f *os.File, digest Digest, size int64, ifAbsent bool) error {
	opt := minio.PutObjectOptions{
		ContentType: "application/octet-stream", DisableMultipart: true,
		// The server refuses the body if the way there changed it.
		UserMetadata: map[string]string{"x-amz-checksum-sha256": base64.StdEncoding.EncodeToString(digest[:])},
	}
	if ifAbsent {
		opt.SetMatchETagExcept("*")
	}
	_, err := s.client.PutObject(ctx, s.opt.Bucket, s.name(digest), io.NewSectionReader(f, 0, size), size, opt)
	return err
}

// Open implements [Store]: the object is spooled while it is verified, and
// ranges are then read locally.
func (s *S3) Open(ctx context.Context, digest Digest) (Blob, error) {
	f, err := s.spool()
	if err != nil {
		return nil, err
	}
	b, err := s.download(ctx, f, digest)
	if err != nil {
		_ = f.Close() // the reason to give up is the one to report
		if s.absent(err) {
			return nil, fmt.Errorf("%w: %x", ErrNotFound, digest)
		}
		return nil, fmt.Errorf("blobs: opening %x: %w", digest, err)
	}
	return b, nil
}

func (s *S3) download(ctx context.Context, f *os.File, digest Digest) (Blob, error) {
	object, err := s.client.GetObject(ctx, s.opt.Bucket, s.name(digest), minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = object.Close() }() // read to its end, or given up
	got, size, err := copyHashing(ctx, f, object)
	if err != nil {
		return nil, err
	}
	if got != digest {
		return nil, fmt.Errorf("%w: holds %x", ErrCorrupt, got)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return fileBlob{File: f, size: size}, nil
}

// Has implements [Store].
func (s *S3) Has(ctx context.Context, digest Digest) (bool, error) {
	_, err := s.client.StatObject(ctx, s.opt.Bucket, s.name(digest), minio.StatObjectOptions{})
	if s.absent(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("blobs: looking for %x: %w", digest, err)
	}
	return true, nil
}

// absent recognises the answer for an object that is not there; a bucket that
// is not there is another matter.
func (s *S3) absent(err error) bool { return minio.ToErrorResponse(err).Code == minio.NoSuchKey }

func (s *S3) name(digest Digest) string { return s.opt.Prefix + hex.EncodeToString(digest[:]) }
