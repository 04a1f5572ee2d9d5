// Package clientaddress says where a request came from, to those who count by address.
//
// In: a request, and how many proxies of the operator's stand before this process. Out: an
// address, or a network. Callers: the HTTP ends of both planes.
package clientaddress

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Of is the address that a request came from: what the outermost of our proxies saw;
// "unknown" when that is none. An IPv6 network counts as one address, since its holder has
// all of it.
func Of(r *http.Request, proxies int) string {
	text, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		text = r.RemoteAddr
	}
	if proxies > 0 {
		// With fewer entries than proxies the request did not come through them all:
		// what stands there may be the client's own word.
		if seen := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ","); len(seen) >= proxies {
			text = strings.TrimSpace(seen[len(seen)-proxies])
		}
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return "unknown"
	}
	if ip = ip.Unmap().WithZone(""); ip.Is6() {
		network, _ := ip.Prefix(64) // never fails: an IPv6 address has 128 bits
		return network.String()
	}
	return ip.String()
}
