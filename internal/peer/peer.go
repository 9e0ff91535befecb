// Package peer says from which address a request comes, through the proxies
// that are believed, and by which name addresses are counted. The pages, the
// REST interface and the connectors share it, so that an address that one of
// them lets in is the address that another counts.
//
// It must not decide who may enter. It fails only in [Parse]; a request whose
// peer has no network address comes from the unspecified one.
package peer

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are those whose X-Forwarded-For is believed. None are by default.
type Proxies []netip.Prefix

// Parse reads addresses and networks, separated by commas.
func Parse(list string) (Proxies, error) {
	var out Proxies
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(item)
		if err != nil {
			address, err := netip.ParseAddr(item)
			if err != nil {
				return nil, fmt.Errorf("%q n’est ni une adresse ni un réseau", item)
			}
			prefix = netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen())
		}
		out = append(out, prefix.Masked())
	}
	return out, nil
}

func (p Proxies) include(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a) })
}

// Address returns the client's address, without a zone. X-Forwarded-For is
// read from its end, where the nearest proxy wrote: the first address that is
// no proxy of ours is the client's. What stands before it is the client's own
// say, and counts for nothing.
func (p Proxies) Address(r *http.Request) netip.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.IPv6Unspecified()
	}
	client := from.Addr().Unmap().WithZone("")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && p.include(client); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break // what is not an address hides what stands before it
		}
		client = hop.Unmap().WithZone("")
	}
	return client
}

// Network is the name by which a client is counted: its address, and of IPv6
// its /64, which is what one client is given.
func Network(a netip.Addr) string {
	if a.Is6() {
		if prefix, err := a.Prefix(64); err == nil {
			return prefix.Addr().String()
		}
	}
	return a.String()
}
