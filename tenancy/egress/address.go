package egress

import "net/netip"

// special are the addresses that are no public host's, with what we call them. The first
// that fits counts. They are IANA's registries of special-purpose addresses, and what the
// clouds answer their own machines on.
var special = []struct {
	prefix netip.Prefix
	class  string
}{
	{netip.MustParsePrefix("169.254.169.254/32"), "a metadata"},
	{netip.MustParsePrefix("169.254.170.0/24"), "a metadata"}, // credentials of containers and pods, AWS
	{netip.MustParsePrefix("100.100.100.200/32"), "a metadata"},
	{netip.MustParsePrefix("168.63.129.16/32"), "a metadata"}, // public by number, but Azure's within Azure
	{netip.MustParsePrefix("192.0.0.192/32"), "a metadata"},
	{netip.MustParsePrefix("fd00:ec2::/32"), "a metadata"},
	{netip.MustParsePrefix("fd20:ce::254/128"), "a metadata"},

	{netip.MustParsePrefix("0.0.0.0/8"), "an unspecified"}, // systems take it for themselves
	{netip.MustParsePrefix("10.0.0.0/8"), "a private"},
	{netip.MustParsePrefix("100.64.0.0/10"), "a shared"}, // carriers' NAT, and many clusters
	{netip.MustParsePrefix("127.0.0.0/8"), "a loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local"},
	{netip.MustParsePrefix("172.16.0.0/12"), "a private"},
	{netip.MustParsePrefix("192.0.0.0/24"), "a reserved"},
	{netip.MustParsePrefix("192.0.2.0/24"), "a documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), "a tunnel's"},
	{netip.MustParsePrefix("192.168.0.0/16"), "a private"},
	{netip.MustParsePrefix("198.18.0.0/15"), "a benchmark's"},
	{netip.MustParsePrefix("198.51.100.0/24"), "a documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "a documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved"}, // with broadcast

	{netip.MustParsePrefix("::/128"), "an unspecified"},
	{netip.MustParsePrefix("::1/128"), "a loopback"},
	{netip.MustParsePrefix("64:ff9b::/96"), "a translated"},   // NAT64: an IPv4 address is in it
	{netip.MustParsePrefix("64:ff9b:1::/48"), "a translated"}, // the same, for a network's own use
	{netip.MustParsePrefix("fc00::/7"), "a private"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local"},
	{netip.MustParsePrefix("fec0::/10"), "a private"}, // of old
	{netip.MustParsePrefix("ff00::/8"), "a multicast"},
	{netip.MustParsePrefix("2001::/32"), "a tunnel's"}, // Teredo
	{netip.MustParsePrefix("2001::/23"), "a reserved"},
	{netip.MustParsePrefix("2001:db8::/32"), "a documentation"},
	{netip.MustParsePrefix("2002::/16"), "a tunnel's"}, // 6to4: an IPv4 address is in it
	{netip.MustParsePrefix("3fff::/20"), "a documentation"},
}

// global is all that was ever given out of IPv6.
var global = netip.MustParsePrefix("2000::/3")

// class says what is special about an address; nothing when it is a public one.
func class(a netip.Addr) string {
	for _, s := range special {
		if s.prefix.Contains(a) {
			return s.class
		}
	}
	if a.Is4() {
		return ""
	}
	if !global.Contains(a) {
		return "a reserved"
	}
	// ISATAP carries an IPv4 address under every prefix: 0000:5efe or 0200:5efe and the address.
	if b := a.As16(); b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe {
		return "a tunnel's"
	}
	return ""
}

// refusal is the class of an address that is refused; nothing when it may be dialed.
func (p Policy) refusal(a netip.Addr) string {
	if a.Zone() != "" {
		return "a link-local" // a zone names one of our interfaces
	}
	a = a.Unmap() // dialing an IPv4-mapped address reaches the IPv4 one
	if p.Loopback && a.IsLoopback() {
		return ""
	}
	for _, open := range p.Open {
		if open.Addr().Is4In6() && open.Bits() >= 96 {
			open = netip.PrefixFrom(open.Addr().Unmap(), open.Bits()-96)
		}
		if open.Contains(a) {
			return ""
		}
	}
	return class(a)
}
