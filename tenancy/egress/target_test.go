package egress_test

import (
	"errors"
	"net/netip"
	"testing"

	"icehouse/tenancy/egress"
)

// literals are hosts that a hosted installation refuses by their text.
var literals = []string{
	// IPv4, as it is and as other readers read it
	"127.0.0.1", "127.255.255.254", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1",
	"169.254.169.254", "169.254.170.2", "169.254.0.1", "100.100.100.200", "168.63.129.16", "0.0.0.0", "0.1.2.3", "100.64.0.1", "100.127.255.255",
	"192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
	"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "127.0.0.1.", "127.0.0.1:8080",
	"2130706433", "0177.0.0.1", "0x7f.1", "0x7f000001", "0X7F.0.0.1", "127.1", "127.0.1", "0", "017700000001", "00127.0.0.1", "127.0.0.1.1", "1.2.3.999", "example.0x",
	// IPv6
	"[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[fc00::1]", "[fd12:3456::1]", "[fd00:ec2::254]", "[fd20:ce::254]", "[fe80::1]", "[febf::1]", "[fec0::1]", "[ff02::1]",
	"[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:169.254.169.254]", "[::127.0.0.1]", "[::7f00:1]", "[::ffff:0:127.0.0.1]",
	"[64:ff9b::7f00:1]", "[64:ff9b::8.8.8.8]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:a00:1::1]",
	"[2001::7f00:1]", "[2001:0:4136:e378:8000:63bf:80ff:fffe]", "[2001:2::1]", "[2001:10::1]", "[2001:db8::1]", "[3fff::1]", "[100::1]", "[5f00::1]", "[4000::1]",
	"[2a00:1450::5efe:7f00:1]", "[2a00:1450::200:5efe:10.0.0.1]", "[fe80::1%25eth0]", "[::1%25lo]", "[2a00:1450::1%25eth0]", "[::1]:80",
	// names
	"localhost", "LocalHost", "localhost.", "localhost:80", "api.localhost", "a.b.LOCALHOST.",
}

// unusable are no URLs to us.
var unusable = []string{
	"", "//example.com/", "example.com", "/path", "http:", "http://", "http:///path", "http:example.com", "https://:443/", "http://?x", "http://#x",
	"file:///etc/passwd", "gopher://example.com/", "ftp://example.com/", "unix:///run/docker.sock", "javascript:alert(1)", "ws://example.com/", "data:,x",
	"http://good@127.0.0.1/", "http://good:better@example.com/", "http://@example.com/", "http://example.com@127.0.0.1/", "http://example.com%40127.0.0.1/",
	`http://example.com\@127.0.0.1/`, `http:\\127.0.0.1\`, `http://127.0.0.1\.example.com/`, "http://127.0.0.1\t/", "http://exa mple.com/", " http://example.com/", "http://example.com/\r\nHost: x", "http://example.com/\x00", "http://example.com/\x7f",
	"http://%31%32%37.0.0.1/", "http://127%2e0.0.1/", "http://１２７.0.0.1/", "http://①②⑦.0.0.1/", "http://127。0。0。1/", "http://ｌocalhost/", "http://localho\u017ft/", "http://%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1/", "http://ex\u00adample.com/", "http://münchen.example/",
	"http://example.com:0/", "http://example.com:65536/", "http://example.com:99999999999999999999/", "http://example.com:-1/", "http://example.com:http/", "http://example.com:80:80/", "http://example.com:+80/",
	"http://[::1", "http://::1/", "http://[127.0.0.1]/", "http://[example.com]/", "http://[::1]x/", "http://[::g]/", "http://[]/",
	"http://./", "http://../", "http://.example.com/", "http://example..com/", "http://example.com../", "http://exa*mple.com/", "http://a,b/",
	"http://aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg.example/",
}

func TestHostileURLs(t *testing.T) {
	var hosted egress.Policy
	for _, host := range literals {
		for _, scheme := range []string{"http://", "HTTPS://"} {
			if err := hosted.Check(scheme + host + "/hook"); !errors.Is(err, egress.ErrRefused) {
				t.Errorf("%s%s: %v, want it refused", scheme, host, err)
			}
		}
		if _, err := egress.New(hosted).Do(t.Context(), egress.Request{Method: "POST", URL: "http://" + host + "/"}); !errors.Is(err, egress.ErrRefused) {
			t.Errorf("a call to %s: %v, want it refused", host, err)
		}
	}
	for _, address := range unusable {
		for _, policy := range []egress.Policy{hosted, {Loopback: true}} {
			if err := policy.Check(address); !errors.Is(err, egress.ErrURL) {
				t.Errorf("%q: %v, want it unusable", address, err)
			}
		}
	}
	t.Logf("%d hosts refused, %d URLs unusable", len(literals), len(unusable))
}

func TestHonestURLs(t *testing.T) {
	for _, address := range []string{
		"https://example.com", "https://example.com/hook?x=1#y", "http://EXAMPLE.com.:8080/", "https://xn--mnchen-3ya.example/", "https://a_b.example.com/",
		"https://example.com:/", "https://8.8.8.8/", "https://8.8.8.8./", "https://[2a00:1450:4001::1]:8443/", "https://[::ffff:8.8.8.8]/", "https://1e100.net/", "https://localhost.example.com/",
		"https://notlocalhost/", "https://11.0.0.1/", "https://172.32.0.1/", "https://100.128.0.1/", "https://9.255.255.255/", "https://example.com/%7Ea%20b", "https://hooks/",
	} {
		if err := (egress.Policy{}).Check(address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestOperatorsOpenAddresses(t *testing.T) {
	open := func(prefixes ...string) (p egress.Policy) {
		for _, text := range prefixes {
			p.Open = append(p.Open, netip.MustParsePrefix(text))
		}
		return p
	}
	for _, c := range []struct {
		policy egress.Policy
		host   string
		ok     bool
	}{
		{open("10.1.0.0/16"), "10.1.2.3", true},
		{open("10.1.0.0/16"), "10.2.0.1", false},
		{open("10.1.0.0/16"), "[::ffff:10.1.2.3]", true},
		{open("10.1.0.0/16"), "[64:ff9b::a01:203]", false},
		{open("::ffff:10.1.0.0/112"), "10.1.2.3", true},
		{open("::/0"), "10.1.2.3", false},
		{open("fd00:1::/32", "10.0.0.0/8"), "[fd00:1::7]", true},
		{open("fe80::/10"), "[fe80::1%25eth0]", false},
		{open("127.0.0.1/32"), "localhost", true},
		{open("10.0.0.0/8"), "169.254.169.254", false},
		{egress.Policy{Loopback: true}, "localhost:3000", true},
		{egress.Policy{Loopback: true}, "x.localhost", true},
		{egress.Policy{Loopback: true}, "127.0.0.9", true},
		{egress.Policy{Loopback: true}, "[::1]", true},
		{egress.Policy{Loopback: true}, "[::ffff:127.0.0.1]", true},
		{egress.Policy{Loopback: true}, "[::127.0.0.1]", false},
		{egress.Policy{Loopback: true}, "127.1", false},
		{egress.Policy{Loopback: true}, "10.0.0.1", false},
		{egress.Policy{Loopback: true}, "0.0.0.0", false},
	} {
		if err := c.policy.Check("http://" + c.host + "/"); (err == nil) != c.ok {
			t.Errorf("%s with %v, loopback %t: %v", c.host, c.policy.Open, c.policy.Loopback, err)
		}
	}
}
