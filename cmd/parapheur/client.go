package main

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// How long one exchange may take. A client that sends or reads more slowly
// holds a connection for nothing, on purpose or not; who streams sets its own.
const (
	patience    = 30 * time.Second // to send a body, and then some for its length
	slowestSend = 16 << 10         // bytes a second
	longestSend = 30 * time.Minute
	longestRead = 30 * time.Minute // of an answer by the client
)

// hurry gives each exchange its deadlines. They are of the connection, so
// they hold whatever the handler does.
func hurry(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, now := http.NewResponseController(w), time.Now()
		if r.ContentLength != 0 { // unknown is -1
			_ = c.SetReadDeadline(now.Add(sendTime(r.ContentLength))) // a writer of tests has none
		}
		_ = c.SetWriteDeadline(now.Add(longestRead))
		next.ServeHTTP(w, r)
	})
}

// sendTime is how long a body of so many bytes may take, -1 when not known.
func sendTime(size int64) time.Duration {
	if size < 0 || size > slowestSend*int64(longestSend/time.Second) {
		return longestSend
	}
	return min(patience+time.Duration(size/slowestSend)*time.Second, longestSend)
}

// A proxies is the list of those whose X-Forwarded-For is believed.
type proxies []netip.Prefix

// parseProxies reads addresses and networks, separated by commas.
func parseProxies(list string) (proxies, error) {
	var out proxies
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(item)
		if err != nil {
			address, err := netip.ParseAddr(item)
			if err != nil {
				return nil, fmt.Errorf("--trusted-proxies : %q n’est ni une adresse ni un réseau", item)
			}
			prefix = netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen())
		}
		out = append(out, prefix.Masked())
	}
	return out, nil
}

func (p proxies) include(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a) })
}

// client returns the address to which requests are counted. X-Forwarded-For
// is read from its end, where the nearest proxy wrote: the first address that
// is no proxy of ours is the client's. What stands before it is the client's
// own say, and counts for nothing. IPv6 clients are taken by /64, which is
// what one of them is given.
func (p proxies) client(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	client := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && p.include(client); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break // what is not an address hides what stands before it
		}
		client = hop.Unmap().WithZone("")
	}
	if client.Is6() {
		if prefix, err := client.WithZone("").Prefix(64); err == nil {
			return prefix.Addr().String()
		}
	}
	return client.String()
}
