//go:build slow

package blobs_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"parapheur/internal/blobs"
	"parapheur/internal/blobs/blobstest"
)

const (
	s3Access = "parapheur"
	s3Secret = "secret-of-the-test"
)

// tool builds a program declared in the module of test tools, once: the result
// stays in the build cache of the user.
func tool(t testing.TB, name string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-n", name)
	cmd.Dir = filepath.Join("..", "..", "tools")
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("building %s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// startGateway runs a real S3 server over a folder and returns its address.
func startGateway(t testing.TB) (endpoint, dir string) {
	t.Helper()
	dir = t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	endpoint = l.Addr().String()
	if err := l.Close(); err != nil { // versitygw wants the address itself
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, tool(t, "versitygw"), "--access", s3Access, "--secret", s3Secret, "--port", endpoint, "posix", dir)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	t.Cleanup(func() { cancel(); <-exited })
	deadline := time.After(30 * time.Second)
	for {
		c, err := net.Dial("tcp", endpoint)
		if err == nil {
			_ = c.Close() // it listens
			return endpoint, dir
		}
		select {
		case <-exited:
			t.Fatalf("versitygw ended: %s", log.String())
		case <-deadline:
			t.Fatal("versitygw does not listen")
		case <-time.After(20 * time.Millisecond): // no signal to wait on: another process's socket
		}
	}
}

func s3Client(t testing.TB, endpoint string) *minio.Client {
	t.Helper()
	c, err := minio.New(endpoint, &minio.Options{Creds: credentials.NewStaticV4(s3Access, s3Secret, "")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestS3Conforms(t *testing.T) {
	endpoint, _ := startGateway(t)
	client := s3Client(t, endpoint)
	var n atomic.Int32
	blobstest.Conformance(t, func(t *testing.T) blobstest.Subject {
		bucket, spool := fmt.Sprintf("town-%d", n.Add(1)), t.TempDir()
		if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
			t.Fatal(err)
		}
		s, err := blobs.OpenS3(t.Context(), blobs.S3Options{
			Endpoint: endpoint, Insecure: true, AccessKey: s3Access, SecretKey: s3Secret, Bucket: bucket, Prefix: "blobs/", SpoolDir: spool,
		})
		if err != nil {
			t.Fatal(err)
		}
		return blobstest.Subject{
			Store: s,
			Corrupt: func(digest blobs.Digest, content []byte) error {
				_, err := client.PutObject(context.Background(), bucket, "blobs/"+hex.EncodeToString(digest[:]),
					bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{})
				return err
			},
			Count: func() (int, error) {
				left, err := os.ReadDir(spool)
				count := len(left)
				for o := range client.ListObjects(context.Background(), bucket, minio.ListObjectsOptions{Recursive: true}) {
					if o.Err != nil {
						return 0, o.Err
					}
					count++
				}
				return count, err
			},
		}
	})
}

// TestS3Large crosses every size at which clients and servers switch to multipart.
func TestS3Large(t *testing.T) {
	endpoint, _ := startGateway(t)
	if err := s3Client(t, endpoint).MakeBucket(t.Context(), "large", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	s, err := blobs.OpenS3(t.Context(), blobs.S3Options{Endpoint: endpoint, Insecure: true, AccessKey: s3Access, SecretKey: s3Secret, Bucket: "large"})
	if err != nil {
		t.Fatal(err)
	}
	content := blobstest.Content(70 << 20)
	start := time.Now()
	digest, _, err := s.Put(t.Context(), bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	put := time.Since(start)
	b, err := s.Open(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }() // verified already
	t.Logf("70 MB: put %s, open and verify %s", put, time.Since(start)-put)
	tail := make([]byte, 100)
	if _, err := b.ReadAt(tail, b.Size()-100); err != nil || !bytes.Equal(tail, content[len(content)-100:]) {
		t.Errorf("tail: %v", err)
	}
}

func TestS3RefusesAnAbsentBucketAndAWrongSecret(t *testing.T) {
	endpoint, _ := startGateway(t)
	for name, opt := range map[string]blobs.S3Options{
		"bucket": {Endpoint: endpoint, Insecure: true, AccessKey: s3Access, SecretKey: s3Secret, Bucket: "absent"},
		"secret": {Endpoint: endpoint, Insecure: true, AccessKey: s3Access, SecretKey: "wrong-secret", Bucket: "absent"},
	} {
		if _, err := blobs.OpenS3(t.Context(), opt); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

// TestS3WritesOnce: the second put of a blob is refused by the server and is still a success.
func TestS3WritesOnce(t *testing.T) {
	endpoint, _ := startGateway(t)
	if err := s3Client(t, endpoint).MakeBucket(t.Context(), "once", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	var puts statuses
	s, err := blobs.OpenS3(t.Context(), blobs.S3Options{
		Endpoint: endpoint, Insecure: true, AccessKey: s3Access, SecretKey: s3Secret, Bucket: "once", Transport: &puts,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, _, err := s.Put(t.Context(), bytes.NewReader([]byte("lettre"))); err != nil {
			t.Fatal(err)
		}
	}
	if want := []int{http.StatusOK, http.StatusPreconditionFailed}; !slices.Equal(puts.seen, want) {
		t.Errorf("PUT answered %v, want %v", puts.seen, want)
	}
}

// statuses remembers what the server answered to each PUT.
type statuses struct{ seen []int }

func (s *statuses) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && r.Method == http.MethodPut {
		s.seen = append(s.seen, resp.StatusCode)
	}
	return resp, err
}
