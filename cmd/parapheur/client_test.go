package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestSendTime(t *testing.T) {
	t.Parallel()
	for size, want := range map[int64]time.Duration{
		1: patience, 16 << 20: patience + 1024*time.Second, 1 << 40: longestSend, -1: longestSend, 1<<63 - 1: longestSend,
	} {
		if got := sendTime(size); got != want {
			t.Errorf("%d bytes: %v, want %v", size, got, want)
		}
	}
}

// TestHurry shows that the deadline ends a body that does not come, and that
// a writer in between does not hide the connection.
func TestHurry(t *testing.T) {
	t.Parallel()
	done := make(chan error, 1)
	srv := httptest.NewServer(hurry(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The deadline was set before us: make it past.
		if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
			t.Error(err)
		}
		_, err := io.ReadAll(r.Body)
		done <- err
	})))
	t.Cleanup(srv.Close)
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
	if err := <-done; err == nil {
		t.Error("a body that stops coming is read to its end")
	}
	_, _ = bufio.NewReader(conn).ReadByte()
}
