package egress_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"parapheur/internal/egress"
)

// names is a resolver whose answer changes with each question: the nth answer
// of a name, then its last one for ever.
type names struct {
	answers map[string][][]string
	asked   atomic.Int32
}

func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	i := int(n.asked.Add(1)) - 1
	list, ok := n.answers[host]
	if !ok {
		return nil, errors.New("no such host")
	}
	var out []netip.Addr
	for _, a := range list[min(i, len(list)-1)] {
		out = append(out, netip.MustParseAddr(a))
	}
	return out, nil
}

func allow(t *testing.T, list string) egress.Allow {
	t.Helper()
	a, err := egress.ParseAllow(list)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// get asks and returns the body.
func get(t *testing.T, c *http.Client, address string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close() //nolint:errcheck // a test's
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// inside is a server in the private network, which tells how often it was reached.
func inside(t *testing.T) (s *httptest.Server, reached *atomic.Int32) {
	t.Helper()
	reached = &atomic.Int32{}
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached.Add(1)
		io.WriteString(w, "secret") //nolint:errcheck // a test's
	}))
	t.Cleanup(s.Close)
	return s, reached
}

func port(s *httptest.Server) string { return s.URL[strings.LastIndex(s.URL, ":")+1:] }

// What lies in the private network is not reached, whatever the address looks
// like, unless the operator said so.
func TestPrivateAddresses(t *testing.T) {
	t.Parallel()
	s, reached := inside(t)
	resolver := &names{answers: map[string][][]string{
		"town.example": {{"127.0.0.1"}}, "mixed.example": {{"10.0.0.1", "127.0.0.1"}}, "empty.example": {{}},
		"mapped.example": {{"::ffff:127.0.0.1"}}, "meta.example": {{"169.254.169.254"}},
	}}
	for _, c := range []struct {
		name, url, allow string
		only, plain      bool
		reaches          bool
	}{
		{name: "loopback", url: s.URL, plain: true},
		{name: "loopback by name", url: "http://town.example:" + port(s), plain: true},
		{name: "several private addresses", url: "http://mixed.example:" + port(s), plain: true},
		{name: "IPv4 in IPv6", url: "http://mapped.example:" + port(s), plain: true},
		{name: "IPv4 in IPv6, literal", url: "http://[::ffff:127.0.0.1]:" + port(s), plain: true},
		{name: "decimal address", url: "http://2130706433:" + port(s), plain: true},
		{name: "short address", url: "http://127.1:" + port(s), plain: true},
		{name: "metadata service", url: "http://169.254.169.254/latest/meta-data", plain: true},
		{name: "metadata service by name", url: "https://meta.example/"},
		{name: "no address", url: "https://empty.example/"},
		{name: "http where https is wanted", url: "http://town.example:" + port(s)},
		{name: "another scheme", url: "ftp://town.example/", plain: true},
		{name: "a user in the address", url: "http://admin@town.example:" + port(s), plain: true, allow: "town.example"},
		{name: "another port than the allowed one", url: s.URL, allow: "127.0.0.1:1", plain: true},
		{name: "another network than the allowed one", url: s.URL, allow: "10.0.0.0/8", plain: true},
		{name: "not on the list that is exclusive", url: "https://town.example", allow: "other.example", only: true},
		{name: "allowed by name", url: "http://town.example:" + port(s), allow: "TOWN.example.", reaches: true},
		{name: "allowed by name and port", url: "http://town.example:" + port(s), allow: "town.example:" + port(s), reaches: true},
		{name: "allowed by network", url: s.URL, allow: "10.0.0.0/8, 127.0.0.0/8", reaches: true},
		{name: "allowed by network, asked by name", url: "http://town.example:" + port(s), allow: "127.0.0.1", reaches: true},
		{name: "allowed by network, exclusive", url: "http://mixed.example:" + port(s), allow: "127.0.0.0/8", only: true, reaches: true},
	} {
		before := reached.Load()
		client := egress.NewClient(egress.Options{Allow: allow(t, c.allow), OnlyAllowed: c.only, PlainHTTP: c.plain, Resolver: resolver})
		_, body, err := get(t, client, c.url)
		switch {
		case c.reaches && (err != nil || body != "secret"):
			t.Errorf("%s: %v", c.name, err)
		case !c.reaches && (err == nil || reached.Load() != before):
			t.Errorf("%s: reached", c.name)
		case !c.reaches && !errors.Is(err, egress.ErrRefused) && !strings.Contains(err.Error(), "no such host"):
			t.Errorf("%s: %v, want ErrRefused", c.name, err)
		}
	}
}

// A name that answers an acceptable address when it is checked and a private
// one when it is used (DNS rebinding) is asked once, and used as checked.
func TestRebinding(t *testing.T) {
	t.Parallel()
	s, reached := inside(t)
	resolver := &names{answers: map[string][][]string{"rebind.example": {{"127.0.0.9"}, {"127.0.0.1"}}}}
	// 127.0.0.9 stands for the acceptable address: nothing listens there.
	client := egress.NewClient(egress.Options{Allow: allow(t, "127.0.0.9"), PlainHTTP: true, Resolver: resolver})
	address := "http://rebind.example:" + port(s)
	if _, _, err := get(t, client, address); err == nil || errors.Is(err, egress.ErrRefused) {
		t.Errorf("the checked address: %v, want a refused connection", err)
	}
	if n := resolver.asked.Load(); n != 1 {
		t.Errorf("the name was resolved %d times for one connection", n)
	}
	if _, _, err := get(t, client, address); !errors.Is(err, egress.ErrRefused) {
		t.Errorf("the second answer: %v, want ErrRefused", err)
	}
	if reached.Load() != 0 {
		t.Error("the private server was reached")
	}
}

// A redirect is handed back, or followed as far as each step is acceptable.
func TestRedirects(t *testing.T) {
	t.Parallel()
	s, reached := inside(t)
	var to atomic.Value
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/end" {
			io.WriteString(w, "end") //nolint:errcheck // a test's
			return
		}
		http.Redirect(w, r, to.Load().(string), http.StatusFound)
	}))
	t.Cleanup(front.Close)
	client := func(n int) *http.Client {
		return egress.NewClient(egress.Options{Allow: allow(t, "127.0.0.1:"+port(front)), PlainHTTP: true, Redirects: n})
	}
	to.Store("/end")
	if status, _, err := get(t, client(0), front.URL); err != nil || status != http.StatusFound {
		t.Errorf("not followed: %d, %v", status, err)
	}
	if _, body, err := get(t, client(1), front.URL); err != nil || body != "end" {
		t.Errorf("followed: %q, %v", body, err)
	}
	to.Store("/again")
	if _, _, err := get(t, client(3), front.URL); !errors.Is(err, egress.ErrRefused) {
		t.Errorf("without end: %v", err)
	}
	for _, target := range []string{s.URL, "http://169.254.169.254/", "file:///etc/passwd", "http://[::1]:" + port(s)} {
		to.Store(target)
		if _, _, err := get(t, client(3), front.URL); err == nil || reached.Load() != 0 {
			t.Errorf("redirect to %s was followed", target)
		}
	}
}

// From https nothing leads back to http.
func TestRedirectFromHTTPS(t *testing.T) {
	t.Parallel()
	s, reached := inside(t)
	front := httptest.NewTLSServer(http.RedirectHandler(s.URL, http.StatusFound))
	t.Cleanup(front.Close)
	pool := x509.NewCertPool()
	pool.AddCert(front.Certificate())
	client := egress.NewClient(egress.Options{
		Allow: allow(t, "127.0.0.0/8"), PlainHTTP: true, Redirects: 3, TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	})
	if _, _, err := get(t, client, front.URL); !errors.Is(err, egress.ErrRefused) || reached.Load() != 0 {
		t.Errorf("%v, want ErrRefused", err)
	}
	// A certificate of nobody known ends the connection.
	strict := egress.NewClient(egress.Options{Allow: allow(t, "127.0.0.0/8")})
	if _, _, err := get(t, strict, front.URL); err == nil {
		t.Error("an unknown authority was accepted")
	}
}

// An answer stops at the limit, and says that it did.
func TestBodyLimit(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, strings.Repeat("x", 100)) //nolint:errcheck // a test's
	}))
	t.Cleanup(s.Close)
	for limit, tooLarge := range map[int64]bool{99: true, 100: false, 101: false, 1: true} {
		client := egress.NewClient(egress.Options{Allow: allow(t, "127.0.0.1"), MaxBody: limit})
		_, body, err := get(t, client, s.URL)
		if errors.Is(err, egress.ErrTooLarge) != tooLarge || int64(len(body)) > limit {
			t.Errorf("limit %d: %d bytes, %v", limit, len(body), err)
		}
	}
}

// Only what is on the public Internet is public.
func TestPublic(t *testing.T) {
	t.Parallel()
	for address, public := range map[string]bool{
		"8.8.8.8": true, "2001:4860:4860::8888": true, "::ffff:8.8.8.8": true, "64:ff9b::8.8.8.8": true, "2002:808:808::1": true,
		"127.0.0.1": false, "::1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.100.100.200": false, "168.63.129.16": false, "0.0.0.0": false, "::": false, "0.1.2.3": false, "255.255.255.255": false,
		"224.0.0.1": false, "240.0.0.1": false, "192.0.2.1": false, "198.18.0.1": false, "203.0.113.9": false, "fd00:ec2::254": false,
		"fe80::1": false, "fe80::1%eth0": false, "ff02::1": false, "2001:db8::1": false, "::ffff:10.0.0.1": false, "::127.0.0.1": false,
		"64:ff9b::10.0.0.1": false, "64:ff9b::169.254.169.254": false, "2002:a00:1::1": false, "2002:7f00:1::1": false, "fec0::1": false,
	} {
		if got := egress.Public(netip.MustParseAddr(address)); got != public {
			t.Errorf("%s: public = %v", address, got)
		}
	}
}

// A list with an entry that means nothing is refused as a whole.
func TestParseAllow(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"http://host", "host/24", "*.example.org", "10.0.0.0/99", "a@b", "::g", "a, ?"} {
		if _, err := egress.ParseAllow(bad); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
	a := allow(t, "one.example two.example:8443,\n10.0.0.0/8 [::1]:99 fd00::/8")
	if !a.Host("ONE.example", "1") || a.Host("two.example", "443") || !a.Host("two.example.", "8443") || !a.Host("::1", "99") {
		t.Error("hosts")
	}
	if !a.Address(netip.MustParseAddr("::ffff:10.9.9.9")) || !a.Address(netip.MustParseAddr("fd12::1")) || a.Address(netip.MustParseAddr("11.0.0.1")) {
		t.Error("networks")
	}
}

// What can be judged as soon as it is typed is.
func TestCheckURL(t *testing.T) {
	t.Parallel()
	for address, fine := range map[string]bool{
		"https://hooks.example.org/in": true, "https://8.8.8.8/": true, "http://hooks.example.org/in": false, "https://10.0.0.1/": false,
		"https://u:p@hooks.example.org/": false, "javascript:alert(1)": false, "https:///nowhere": false, "://": false, "https://[::1]/": false,
		"http://gec.intra:8080/hook": true,
	} {
		err := egress.CheckURL(address, egress.Options{Allow: allow(t, "gec.intra")})
		if (err == nil) != fine || err != nil && !errors.Is(err, egress.ErrRefused) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// Behind a proxy that resolves for us, literal private addresses stay refused.
func TestProxy(t *testing.T) {
	t.Parallel()
	proxy, reached := inside(t)
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := egress.NewClient(egress.Options{PlainHTTP: true, Proxy: http.ProxyURL(u)})
	if _, _, err := get(t, client, "http://10.0.0.1/"); !errors.Is(err, egress.ErrRefused) || reached.Load() != 0 {
		t.Errorf("a private address: %v", err)
	}
	if _, body, err := get(t, client, "http://crl.example.org/list"); err != nil || body != "secret" {
		t.Errorf("a name: %q, %v", body, err)
	}
}
