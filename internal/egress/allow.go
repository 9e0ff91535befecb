package egress

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Allow is the operator's list of hosts and networks that may be asked although
// they are private, or speak plain http. The zero value is empty.
type Allow struct {
	hosts    map[string]bool // "name" or "name:port", lower case
	prefixes []netip.Prefix
}

// ParseAllow reads a list separated by commas or spaces: "name", "name:port",
// an address, or a network such as "10.20.0.0/16". Names match exactly.
func ParseAllow(list string) (Allow, error) {
	var out Allow
	for _, entry := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
		if err := out.add(entry); err != nil {
			return Allow{}, err
		}
	}
	return out, nil
}

func (a *Allow) add(entry string) error {
	if p, err := netip.ParsePrefix(entry); err == nil {
		a.prefixes = append(a.prefixes, p.Masked())
		return nil
	}
	if ip, err := netip.ParseAddr(entry); err == nil {
		ip = ip.Unmap()
		a.prefixes = append(a.prefixes, netip.PrefixFrom(ip, ip.BitLen()))
		return nil
	}
	name := entry
	if host, port, err := net.SplitHostPort(entry); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err == nil {
			name = host
		}
	}
	if name == "" || strings.ContainsAny(name, "/@*?#[]") || strings.Contains(name, ":") && name == entry {
		return fmt.Errorf("egress: %q is neither a host, an address nor a network", entry)
	}
	if a.hosts == nil {
		a.hosts = map[string]bool{}
	}
	a.hosts[canonical(entry)] = true
	return nil
}

// canonical is how names are compared: DNS ignores case and a final dot.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// Host reports whether the list names this host, or this port of it.
func (a Allow) Host(host, port string) bool {
	host = canonical(host)
	return a.hosts[host] || a.hosts[net.JoinHostPort(host, port)]
}

// Address reports whether a network of the list holds this address.
func (a Allow) Address(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	for _, p := range a.prefixes {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

func (a Allow) networks() bool { return len(a.prefixes) > 0 }

// CheckURL says whether a client with these options could ask this address, as
// far as can be told without resolving its name: for the moment when somebody
// types it in. The refusal is [ErrRefused].
func CheckURL(raw string, opt Options) error {
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("%w: not an address", ErrRefused)
	}
	_, err = (&guard{opt: opt}).check(u)
	return err
}

// Public reports whether an address belongs to a host on the public Internet:
// not this machine, a private or local network, a cloud's metadata service, a
// range kept for documentation or tests, nor an IPv6 form that carries such an
// IPv4 address (RFC 6890 and the IANA registries it points to).
func Public(ip netip.Addr) bool {
	ip = ip.Unmap()
	if !ip.IsValid() || ip.Zone() != "" || !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, p := range special() {
		if p.Contains(ip) {
			return false
		}
	}
	if v4, ok := carried(ip); ok {
		return Public(v4)
	}
	return true
}

// special lists what IsGlobalUnicast and IsPrivate let through.
func special() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"),    // carriers' own, RFC 6598; some clouds' metadata
		netip.MustParsePrefix("168.63.129.16/32"), // a public address that Azure answers to its machines
		netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("192.0.2.0/24"),
		netip.MustParsePrefix("192.88.99.0/24"),
		netip.MustParsePrefix("198.18.0.0/15"),
		netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"),
		netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("::/96"),
		netip.MustParsePrefix("64:ff9b:1::/48"),
		netip.MustParsePrefix("100::/64"),
		netip.MustParsePrefix("2001::/23"), // Teredo, ORCHID, benchmarks
		netip.MustParsePrefix("2001:db8::/32"),
		netip.MustParsePrefix("3fff::/20"),
		netip.MustParsePrefix("5f00::/16"),
		netip.MustParsePrefix("fec0::/10"),
	}
}

// carried is the IPv4 address within a NAT64 or 6to4 address.
func carried(ip netip.Addr) (netip.Addr, bool) {
	b := ip.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case netip.MustParsePrefix("2002::/16").Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}
