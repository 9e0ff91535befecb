//go:build slow

package certs

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parapheur/internal/tooltest"
)

// TestSigstoreTSA asks an authority that shares no code with ours.
func TestSigstoreTSA(t *testing.T) {
	base := startSigstore(t)
	resp, err := http.Get(base + "/api/v1/timestamp/certchain")
	if err != nil {
		t.Fatal(err)
	}
	chain, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	list, err := ParseCertificates(chain)
	if err != nil {
		t.Fatal(err)
	}
	root := list[len(list)-1]
	trust, err := NewTrust(Guard{}, root) // production rules: it is no demonstration
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(nil)
	if _, err := newClient(t, trust, base+"/api/v1/timestamp").Timestamp(t.Context(), crypto.SHA256, sum[:]); !errors.Is(err, ErrTSAInvalid) {
		t.Errorf("without the intermediate, which its tokens leave out: %v, want ErrTSAInvalid", err)
	}
	if trust, err = trust.WithIntermediates(list[:len(list)-1]...); err != nil {
		t.Fatal(err)
	}
	client := newClient(t, trust, base+"/api/v1/timestamp")
	letter := []byte("Madame, Monsieur,")
	sum256, sum384, sum512 := sha256.Sum256(letter), sha512.Sum384(letter), sha512.Sum512(letter)
	for h, digest := range map[crypto.Hash][]byte{crypto.SHA256: sum256[:], crypto.SHA384: sum384[:], crypto.SHA512: sum512[:]} {
		start := time.Now()
		raw, err := client.Timestamp(t.Context(), h, digest)
		if err != nil {
			t.Fatalf("%s: %v", h, err)
		}
		t.Logf("%s: token of %d bytes in %s", h, len(raw), time.Since(start))
		dir := t.TempDir()
		tooltest.Output(t, "", "openssl", "ts", "-verify", "-data", writeFile(t, dir, "letter", letter),
			"-in", writeFile(t, dir, "token", raw), "-token_in",
			"-CAfile", writeFile(t, dir, "root", pemOf(root)), "-untrusted", writeFile(t, dir, "chain", chain))
	}
	demo := openDemo(t, t.TempDir())
	if _, err := newClient(t, demo.Trust(), base+"/api/v1/timestamp").Timestamp(t.Context(), crypto.SHA256, sum256[:]); !errors.Is(err, ErrTSAInvalid) {
		t.Errorf("under another root: %v, want ErrTSAInvalid", err)
	}
}

// startSigstore builds the server declared in the module of test tools, once
// (the result stays in the build cache of the user), and runs it.
func startSigstore(t *testing.T) string {
	t.Helper()
	build := exec.CommandContext(t.Context(), "go", "tool", "-n", "timestamp-server")
	build.Dir = filepath.Join("..", "tools")
	build.Env = append(os.Environ(), "GOFLAGS=-mod=readonly")
	path, err := build.Output()
	if err != nil {
		t.Fatal("building timestamp-server: ", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err = errors.Join(err, l.Close()); err != nil { // the server wants the address itself
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, strings.TrimSpace(string(path)), "serve", "--host", host, "--port", port, "--timestamp-signer", "memory", "--disable-ntp-monitoring")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	t.Cleanup(func() { cancel(); <-exited })
	for range 1500 {
		c, err := net.Dial("tcp", net.JoinHostPort(host, port))
		if err == nil {
			_ = c.Close() // it listens
			return "http://" + net.JoinHostPort(host, port)
		}
		select {
		case <-exited:
			t.Fatalf("timestamp-server ended: %s", log.String())
		case <-time.After(20 * time.Millisecond): // no signal to wait on: another process's socket
		}
	}
	t.Fatal("timestamp-server does not listen")
	return ""
}
