package egress

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// The addresses of a host that is called localhost, whatever a resolver says (RFC 6761).
var localhost = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}

// Check says whether a URL could be called, as far as its text tells: names are looked up
// with every connection and not here. The error is of ErrURL or ErrRefused.
func (p Policy) Check(address string) error {
	_, err := p.target(address)
	return err
}

// target reads a URL. What one reader takes for a host, and another for something else, is
// no URL to us; and the host that comes out is the very text that is looked up, dialed,
// verified and sent.
func (p Policy) target(address string) (*url.URL, error) {
	for i := range len(address) {
		if c := address[i]; c <= ' ' || c == 0x7f || c == '\\' {
			return nil, unusable("a URL has no spaces, control characters or backslashes")
		}
	}
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, &Error{Kind: ErrURL, Text: "it is no URL", Cause: err}
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, unusable("the scheme of a URL is http or https")
	case u.Opaque != "" || u.Host == "":
		return nil, unusable("a URL names a host")
	case u.User != nil:
		return nil, unusable("a URL holds no user and no password; send them in a header")
	}
	port := u.Port()
	if port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, unusable("a port is a number from 1 to 65535")
		}
		port = strings.TrimLeft(port, "0")
	}
	host, err := p.host(u)
	if err != nil {
		return nil, err
	}
	if u.Host = host; port != "" {
		u.Host = net.JoinHostPort(host, port)
	} else if strings.Contains(host, ":") {
		u.Host = "[" + host + "]"
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// host is the host of a URL as everybody reads it: a name in small letters, or an address.
func (p Policy) host(u *url.URL) (string, error) {
	text := u.Hostname()
	if a, err := netip.ParseAddr(text); err == nil {
		if a.Is6() != strings.HasPrefix(u.Host, "[") {
			return "", unusable("brackets go with an IPv6 address")
		}
		if class := p.refusal(a); class != "" {
			return "", refused("%s is %s address", text, class)
		}
		return a.Unmap().String(), nil
	}
	if strings.HasPrefix(u.Host, "[") {
		return "", unusable("brackets go with an IPv6 address")
	}
	name := strings.TrimSuffix(strings.ToLower(text), ".")
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if !isLabel(label) {
			return "", unusable("a host is a name of ASCII letters, digits, hyphens and dots; write others in Punycode")
		}
	}
	if len(name) > 253 {
		return "", unusable("the name of the host is too long")
	}
	// 2130706433, 0177.0.0.1, 0x7f.1 and 127.1 are addresses to some readers. A name
	// doesn't end in a number, for no domain does.
	if last := labels[len(labels)-1]; isNumber(last) {
		if a, err := netip.ParseAddr(name); err == nil { // it had a dot at its end
			if class := p.refusal(a); class != "" {
				return "", refused("%s is %s address", name, class)
			}
			return name, nil
		}
		return "", refused("%s is an address in an unusual form", name)
	}
	if isLocalhost(name) && len(p.allowed(localhost)) == 0 {
		return "", refused("%s is a loopback address", name)
	}
	return name, nil
}

func (p Policy) allowed(addresses []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for _, a := range addresses {
		if p.refusal(a) == "" {
			out = append(out, a)
		}
	}
	return out
}

func isLocalhost(name string) bool {
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

func isLabel(label string) bool {
	for i := range len(label) {
		switch c := label[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return label != "" && len(label) <= 63
}

// isNumber reports whether a label is a number to those who read 127.1 as an address.
func isNumber(label string) bool {
	digits := "0123456789"
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		label, digits = hex, "0123456789abcdef"
	}
	return strings.Trim(label, digits) == ""
}
