package peer_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"parapheur/internal/peer"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, trusted, peer string
		forwarded           []string
		want, counted       string
	}{
		{"no proxy", "", "192.0.2.1:1", nil, "192.0.2.1", "192.0.2.1"},
		{"nobody is believed by default", "", "192.0.2.1:1", []string{"198.51.100.7"}, "192.0.2.1", "192.0.2.1"},
		{"a client that is no proxy lies", "127.0.0.1", "192.0.2.1:1", []string{"198.51.100.7"}, "192.0.2.1", "192.0.2.1"},
		{"behind a proxy", "127.0.0.1", "127.0.0.1:1", []string{"198.51.100.7"}, "198.51.100.7", "198.51.100.7"},
		{"the client's own say counts for nothing", "127.0.0.1", "127.0.0.1:1", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7", "198.51.100.7"},
		{"said in two headers", "127.0.0.1", "127.0.0.1:1", []string{"203.0.113.9", "198.51.100.7"}, "198.51.100.7", "198.51.100.7"},
		{"behind two proxies", "127.0.0.1, 10.0.0.0/8", "127.0.0.1:1", []string{"203.0.113.9, 198.51.100.7, 10.1.2.3"}, "198.51.100.7", "198.51.100.7"},
		{"a name for an address", "127.0.0.1", "127.0.0.1:1", []string{"198.51.100.7, unknown"}, "127.0.0.1", "127.0.0.1"},
		{"a proxy that says nothing", "127.0.0.1", "127.0.0.1:1", nil, "127.0.0.1", "127.0.0.1"},
		{"IPv6, counted by /64", "", "[2001:db8:1:2:3:4:5:6]:1", nil, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"IPv6 behind IPv6", "::1", "[::1]:1", []string{"2001:db8:1:2:3:4:5:6"}, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"IPv6 with a zone", "", "[fe80::1%eth0]:1", nil, "fe80::1", "fe80::"},
		{"IPv4 in IPv6", "127.0.0.0/8", "[::ffff:127.0.0.1]:1", []string{"::ffff:198.51.100.7"}, "198.51.100.7", "198.51.100.7"},
		{"not a network address", "", "@", nil, "::", "::"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			trusted, err := peer.Parse(test.trusted)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr, r.Header["X-Forwarded-For"] = test.peer, test.forwarded
			got := trusted.Address(r)
			if got.String() != test.want || peer.Network(got) != test.counted {
				t.Errorf("got %s, counted as %s; want %s as %s", got, peer.Network(got), test.want, test.counted)
			}
		})
	}
	for _, bad := range []string{"proxy.example", "10.0.0.0/33", "1.2.3"} {
		if _, err := peer.Parse(bad); err == nil {
			t.Errorf("%q passes for an address", bad)
		}
	}
}
