package egress_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"icehouse/tenancy/egress"
)

// TestMain names a proxy that isn't there: net/http reads the environment once only.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		if err := os.Setenv(name, "http://127.0.0.1:1"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// names is a resolver that knows a few names, each with the answers of one look-up after
// another; the last stays.
type names struct {
	answers map[string][]string // addresses, separated by spaces
	asked   atomic.Int64
}

func (n *names) lookup(_ context.Context, host string) ([]netip.Addr, error) {
	n.asked.Add(1)
	rest := n.answers[host]
	if len(rest) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, Server: "10.9.8.7:53", IsNotFound: true}
	}
	if len(rest) > 1 {
		n.answers[host] = rest[1:]
	}
	var out []netip.Addr
	for _, text := range strings.Fields(rest[0]) {
		out = append(out, netip.MustParseAddr(text))
	}
	return out, nil
}

func serve(t *testing.T, handler http.HandlerFunc) (server *httptest.Server, port string) {
	t.Helper()
	server = httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server, server.URL[strings.LastIndex(server.URL, ":"):]
}

// raw answers every connection with a program of its own.
func raw(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					answer(conn)
				}
			}()
		}
	}()
	return "http://" + l.Addr().String() + "/"
}

func client(t *testing.T, p egress.Policy) *egress.Client {
	c := egress.New(p)
	t.Cleanup(c.Close)
	return c
}

func TestCall(t *testing.T) {
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Answer", "yes")
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprintf(w, "%s %s %s %s %s|%s|%s", r.Method, r.Host, r.RequestURI, r.Header.Get("X-A"), body, r.UserAgent(), r.Header.Get("Accept-Encoding"))
	})
	host := strings.TrimPrefix(server.URL, "http://")
	header := http.Header{"X-A": {"b"}, "Host": {"metadata.internal"}}
	got, err := client(t, egress.Policy{Loopback: true}).Do(t.Context(), egress.Request{Method: "PUT", URL: server.URL + "/p%20q?x=1#y", Header: header, Body: []byte("hello")})
	if want := "PUT " + host + " /p%20q?x=1 b hello|Icehouse|"; err != nil || got.Status != http.StatusTeapot || string(got.Body) != want || got.Header.Get("X-Answer") != "yes" {
		t.Errorf("%+v %s, %v; want %s", got, got.Body, err, want)
	}
	if len(header) != 2 {
		t.Errorf("the caller's headers were changed: %v", header)
	}
}

func TestNamesOfRefusedAddresses(t *testing.T) {
	_, port := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was called") })
	n := &names{answers: map[string][]string{}}
	c := client(t, egress.Policy{Lookup: n.lookup})
	for i, addresses := range []string{
		"127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.1.1", "0.0.0.0", "::1", "::", "fd00::1", "fe80::1", "fe80::1%eth0", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1",
		"8.8.8.8 127.0.0.1", "127.0.0.1 8.8.8.8", "2a00:1450::1 8.8.8.8 10.0.0.1",
		"8.8.8.8 8.8.8.8 8.8.8.8 8.8.8.8 8.8.8.8 8.8.8.8 8.8.8.8 8.8.8.8 8.8.8.8 127.0.0.1",
	} {
		host := fmt.Sprintf("h%d.example.com", i)
		n.answers[host] = []string{addresses}
		_, err := c.Do(t.Context(), egress.Request{Method: "POST", URL: "http://" + host + port + "/"})
		if !errors.Is(err, egress.ErrRefused) || !strings.Contains(err.Error(), host) {
			t.Errorf("%s: %v, want it refused", addresses, err)
		}
		for _, a := range strings.Fields(addresses) {
			if len(a) > 4 && strings.Contains(fmt.Sprint(err), a) {
				t.Errorf("the error tells the address: %v", err)
			}
		}
	}
}

// TestRebinding has a name that turns to another address between two look-ups.
func TestRebinding(t *testing.T) {
	_, port := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		_, _ = io.WriteString(w, "checked")
	})
	n := &names{answers: map[string][]string{"rebind.example.com": {"127.0.0.1", "127.0.0.2"}}}
	c := client(t, egress.Policy{Lookup: n.lookup, Open: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	request := egress.Request{Method: "POST", URL: "http://Rebind.Example.Com." + port + "/"}
	if got, err := c.Do(t.Context(), request); err != nil || string(got.Body) != "checked" {
		t.Fatalf("%s, %v", got.Body, err)
	}
	if asked := n.asked.Load(); asked != 1 {
		t.Errorf("the name was looked up %d times for one connection", asked)
	}
	if _, err := c.Do(t.Context(), request); !errors.Is(err, egress.ErrRefused) {
		t.Errorf("the second connection: %v, want it refused", err)
	}
}

func TestRedirectsAreAnswers(t *testing.T) {
	var calls atomic.Int64
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		status := http.StatusFound
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
		w.Header().Set("Location", "http://169.254.169.254/latest/meta-data/")
		w.WriteHeader(status)
	})
	c := client(t, egress.Policy{Loopback: true})
	for i, status := range []int{301, 302, 303, 307, 308} {
		got, err := c.Do(t.Context(), egress.Request{Method: "POST", URL: fmt.Sprintf("%s/%d", server.URL, status), Body: []byte("x")})
		if err != nil || got.Status != status || got.Header.Get("Location") == "" || calls.Load() != int64(i+1) {
			t.Errorf("%d: %+v, %v, %d calls", status, got, err, calls.Load())
		}
	}
}

func TestProxiesOfTheEnvironmentAreIgnored(t *testing.T) {
	_, port := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RequestURI) })
	n := &names{answers: map[string][]string{"hooks.example.com": {"127.0.0.1"}}}
	c := client(t, egress.Policy{Loopback: true, Lookup: n.lookup})
	if got, err := c.Do(t.Context(), egress.Request{Method: "GET", URL: "http://hooks.example.com" + port + "/x"}); err != nil || string(got.Body) != "/x" {
		t.Errorf("%s, %v", got.Body, err)
	}
}

// TestConnectionsAreKeptByHost has two hosts of one address.
func TestConnectionsAreKeptByHost(t *testing.T) {
	_, port := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr+" "+r.Host) })
	n := &names{answers: map[string][]string{"a.example.com": {"127.0.0.1"}, "b.example.com": {"127.0.0.1"}}}
	c := client(t, egress.Policy{Loopback: true, Lookup: n.lookup})
	call := func(host string) (peer string) {
		t.Helper()
		got, err := c.Do(t.Context(), egress.Request{Method: "POST", URL: "http://" + host + port + "/", Body: []byte("x")})
		if err != nil {
			t.Fatal(err)
		}
		peer, seen, _ := strings.Cut(string(got.Body), " ")
		if want := strings.TrimSuffix(strings.ToLower(host), ".") + port; seen != want {
			t.Errorf("the server was called %s, want %s", seen, want)
		}
		return peer
	}
	a, b := call("a.example.com"), call("b.example.com")
	if a == b {
		t.Error("two hosts share a connection")
	}
	if again := call("A.Example.com."); again != a || n.asked.Load() != 2 {
		t.Errorf("%s, then %s; %d look-ups", a, again, n.asked.Load())
	}
}

func TestTLSVerifiesTheName(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.TLS.ServerName) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it is told of each refused certificate
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	n := &names{answers: map[string][]string{"example.com": {"127.0.0.1"}, "other.test": {"127.0.0.1"}}}
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	trusting := client(t, egress.Policy{Loopback: true, Lookup: n.lookup, Roots: roots})
	if got, err := trusting.Do(t.Context(), egress.Request{Method: "GET", URL: "https://Example.com." + port + "/"}); err != nil || string(got.Body) != "example.com" {
		t.Errorf("%s, %v", got.Body, err)
	}
	for _, c := range []struct {
		client *egress.Client
		host   string
	}{{trusting, "other.test"}, {client(t, egress.Policy{Loopback: true, Lookup: n.lookup}), "example.com"}} {
		_, err := c.client.Do(t.Context(), egress.Request{Method: "GET", URL: "https://" + c.host + port + "/"})
		if !errors.Is(err, egress.ErrUnreachable) || !strings.Contains(err.Error(), "certificate of "+c.host) {
			t.Errorf("%s: %v", c.host, err)
		}
	}
}

func TestTimeIsLimited(t *testing.T) {
	const limit = 300 * time.Millisecond
	backlog, err := net.Listen("tcp", "127.0.0.1:0") // connects, and is never served
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = backlog.Close() })
	silent := "http://" + backlog.Addr().String() + "/"
	drip := func(head, drop string) string {
		return raw(t, func(conn net.Conn) {
			_, err := io.WriteString(conn, head)
			for ; err == nil; time.Sleep(20 * time.Millisecond) {
				_, err = io.WriteString(conn, drop)
			}
		})
	}
	waiting := func(ctx context.Context, _ string) ([]netip.Addr, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for name, address := range map[string]string{
		"no headers":         silent,
		"slow headers":       drip("HTTP/1.1 200 OK\r\n", "X-A: b\r\n"),
		"slow body":          drip("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "x"),
		"slow chunks":        drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
		"no TLS handshake":   strings.Replace(silent, "http:", "https:", 1),
		"silent name server": "http://slow.example.com/",
	} {
		began := time.Now()
		_, err := client(t, egress.Policy{Loopback: true, Timeout: limit, Lookup: waiting}).Do(t.Context(), egress.Request{Method: "POST", URL: address})
		if took := time.Since(began); !errors.Is(err, egress.ErrTimeout) || took < limit || took > 10*limit {
			t.Errorf("%s: %v after %s", name, err, took)
		}
	}
	early, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := client(t, egress.Policy{Loopback: true}).Do(early, egress.Request{Method: "GET", URL: silent}); !errors.Is(err, egress.ErrTimeout) {
		t.Errorf("the caller's own limit: %v", err)
	}
	for _, address := range []string{silent, drip("HTTP/1.1 200 OK\r\n\r\n", "x")} {
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, stop)
		if _, err := client(t, egress.Policy{Loopback: true}).Do(ctx, egress.Request{Method: "GET", URL: address}); !errors.Is(err, context.Canceled) || errors.Is(err, egress.ErrTimeout) {
			t.Errorf("cancelled: %v", err)
		}
	}
}

func TestBytesAreLimited(t *testing.T) {
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var size int
		_, _ = fmt.Sscanf(r.URL.RawQuery, "%d", &size)
		if r.URL.Path == "/chunked" {
			w.(http.Flusher).Flush()
		} else {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		}
		_, _ = io.WriteString(w, strings.Repeat("x", size))
	})
	c := client(t, egress.Policy{Loopback: true, ResponseBytes: 1000})
	for _, path := range []string{"/", "/chunked"} {
		if got, err := c.Do(t.Context(), egress.Request{Method: "GET", URL: server.URL + path + "?1000"}); err != nil || len(got.Body) != 1000 {
			t.Errorf("%s with as much as is allowed: %d bytes, %v", path, len(got.Body), err)
		}
		for _, size := range []string{"1001", "1000000"} {
			if _, err := c.Do(t.Context(), egress.Request{Method: "GET", URL: server.URL + path + "?" + size}); !errors.Is(err, egress.ErrTooLarge) {
				t.Errorf("%s with %s bytes: %v", path, size, err)
			}
		}
	}
	if _, err := c.Do(t.Context(), egress.Request{Method: "HEAD", URL: server.URL + "/?5000"}); err != nil {
		t.Errorf("only the headers of a large answer: %v", err)
	}
	headers := raw(t, func(conn net.Conn) {
		_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
		for err == nil {
			_, err = io.WriteString(conn, "X-A: "+strings.Repeat("b", 1000)+"\r\n")
		}
	})
	if _, err := c.Do(t.Context(), egress.Request{Method: "GET", URL: headers}); !errors.Is(err, egress.ErrTooLarge) {
		t.Errorf("endless headers: %v", err)
	}
}

func TestBrokenAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing":            "",
		"half the headers":   "HTTP/1.1 200 OK\r\nContent-Le",
		"half the body":      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
		"half the chunks":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"two lengths":        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhe",
		"no protocol at all": "SSH-2.0-OpenSSH_9.9\r\n",
	} {
		address := raw(t, func(conn net.Conn) { _, _ = io.WriteString(conn, answer) })
		if _, err := client(t, egress.Policy{Loopback: true}).Do(t.Context(), egress.Request{Method: "POST", URL: address, Body: []byte("x")}); !errors.Is(err, egress.ErrUnreachable) || strings.Contains(err.Error(), "SSH") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnreachable(t *testing.T) {
	server, port := serve(t, func(http.ResponseWriter, *http.Request) {})
	n := &names{answers: map[string][]string{"down.example.com": {"127.0.0.1"}, "second.example.com": {"127.0.0.3 127.0.0.1"}}}
	c := client(t, egress.Policy{Loopback: true, Lookup: n.lookup})
	if _, err := c.Do(t.Context(), egress.Request{Method: "GET", URL: "http://second.example.com" + port}); err != nil {
		t.Errorf("the first address is down, the second is not: %v", err)
	}
	server.Close()
	for _, host := range []string{"down.example.com", "missing.example.com"} {
		_, err := c.Do(t.Context(), egress.Request{Method: "GET", URL: "http://" + host + port})
		if !errors.Is(err, egress.ErrUnreachable) || !strings.Contains(err.Error(), host) || strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(err.Error(), "10.9.8.7") {
			t.Errorf("%s: %v", host, err)
		}
		var e *egress.Error
		if !errors.As(err, &e) || e.Cause == nil {
			t.Errorf("%s: the operator is told no cause", host)
		}
	}
}

func TestHeadersOfTenants(t *testing.T) {
	server, _ := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was called") })
	for _, header := range []http.Header{{"X-A": {"b\r\nX-B: c"}}, {"X-A": {"b\x00"}}, {"X A": {"b"}}, {"X-A\r\nX-B": {"c"}}, {"": {"b"}}, {"X-Ä": {"b"}}} {
		if _, err := client(t, egress.Policy{Loopback: true}).Do(t.Context(), egress.Request{Method: "GET", URL: server.URL, Header: header}); !errors.Is(err, egress.ErrURL) {
			t.Errorf("%q: %v", header, err)
		}
	}
}
