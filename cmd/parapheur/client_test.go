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

func TestClient(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, trusted, peer string
		forwarded           []string
		want                string
	}{
		{"no proxy", "", "192.0.2.1:1", nil, "192.0.2.1"},
		{"nobody is believed by default", "", "192.0.2.1:1", []string{"198.51.100.7"}, "192.0.2.1"},
		{"a client that is no proxy lies", "127.0.0.1", "192.0.2.1:1", []string{"198.51.100.7"}, "192.0.2.1"},
		{"behind a proxy", "127.0.0.1", "127.0.0.1:1", []string{"198.51.100.7"}, "198.51.100.7"},
		{"the client's own say counts for nothing", "127.0.0.1", "127.0.0.1:1", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7"},
		{"said in two headers", "127.0.0.1", "127.0.0.1:1", []string{"203.0.113.9", "198.51.100.7"}, "198.51.100.7"},
		{"behind two proxies", "127.0.0.1, 10.0.0.0/8", "127.0.0.1:1", []string{"203.0.113.9, 198.51.100.7, 10.1.2.3"}, "198.51.100.7"},
		{"a name for an address", "127.0.0.1", "127.0.0.1:1", []string{"198.51.100.7, unknown"}, "127.0.0.1"},
		{"a proxy that says nothing", "127.0.0.1", "127.0.0.1:1", nil, "127.0.0.1"},
		{"IPv6 by /64", "", "[2001:db8:1:2:3:4:5:6]:1", nil, "2001:db8:1:2::"},
		{"IPv6 behind IPv6", "::1", "[::1]:1", []string{"2001:db8:1:2:3:4:5:6"}, "2001:db8:1:2::"},
		{"IPv4 in IPv6", "127.0.0.0/8", "[::ffff:127.0.0.1]:1", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{"not a network address", "", "@", nil, "@"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			trusted, err := parseProxies(test.trusted)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr, r.Header["X-Forwarded-For"] = test.peer, test.forwarded
			if got := trusted.client(r); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	for _, bad := range []string{"proxy.example", "10.0.0.0/33", "1.2.3"} {
		if _, err := parseProxies(bad); err == nil {
			t.Errorf("%q passes for an address", bad)
		}
	}
}

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
