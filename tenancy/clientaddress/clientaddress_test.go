package clientaddress_test

import (
	"net/http"
	"testing"

	"icehouse/tenancy/clientaddress"
)

func TestOf(t *testing.T) {
	for _, c := range []struct {
		remote    string
		forwarded []string
		proxies   int
		want      string
	}{
		{remote: "192.0.2.1:4711", want: "192.0.2.1"},
		{remote: "192.0.2.1:4711", forwarded: []string{"198.51.100.7"}, want: "192.0.2.1"},
		{remote: "192.0.2.1:4711", forwarded: []string{"203.0.113.9, 198.51.100.7"}, proxies: 1, want: "198.51.100.7"},
		{remote: "192.0.2.1:4711", forwarded: []string{"203.0.113.9", " 198.51.100.7 "}, proxies: 2, want: "203.0.113.9"},
		{remote: "192.0.2.1:4711", forwarded: []string{"203.0.113.9"}, proxies: 2, want: "192.0.2.1"},
		{remote: "192.0.2.1:4711", forwarded: []string{"nonsense"}, proxies: 1, want: "unknown"},
		{remote: "[2001:db8:1:2:3::4]:80", want: "2001:db8:1:2::/64"},
		{remote: "[fe80::1%eth0]:80", want: "fe80::/64"},
		{remote: "[::ffff:192.0.2.1]:80", want: "192.0.2.1"},
		{remote: "@", want: "unknown"},
	} {
		r := &http.Request{RemoteAddr: c.remote, Header: http.Header{"X-Forwarded-For": c.forwarded}}
		if got := clientaddress.Of(r, c.proxies); got != c.want {
			t.Errorf("%s, %v, %d proxies: %s, want %s", c.remote, c.forwarded, c.proxies, got, c.want)
		}
	}
}
