// Package egress makes the calls whose address a tenant named: to webhooks, and to whatever
// else a project may point at. Such an address is hostile until it is checked: it may be
// meant for the machines beside ours, for the cloud's own services or for this process.
//
// In: a request, and what the operator allows. Out: a response, redirects included, for none
// is followed; or an error whose text may be shown to the tenant. A name is resolved once for
// a connection, every address of it is checked, and what was checked is what is dialed.
// Callers: whoever calls out for a tenant. Nobody else in the house makes such calls.
package egress

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// What is allowed when a Policy doesn't say.
const (
	DefaultTimeout       = 15 * time.Second
	DefaultResponseBytes = 6 << 20
)

const (
	mostHeaderBytes = 64 << 10
	mostAddresses   = 8 // of one name: as many as are tried
	idleTime        = 30 * time.Second
)

// Policy is what the operator allows. Its zero value is that of a hosted installation.
type Policy struct {
	// Open are addresses that may be called although they are not public.
	Open []netip.Prefix
	// Loopback allows this machine, for development.
	Loopback bool
	// Timeout is for a whole call: from the look-up to the last byte.
	Timeout time.Duration
	// ResponseBytes is the most that a response's body may have.
	ResponseBytes int64
	// Roots are the authorities that are trusted; nil for the system's.
	Roots *x509.CertPool
	// Lookup finds the addresses of a host; nil for the system's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
}

// Request is a call to make.
type Request struct {
	Method string
	URL    string
	Header http.Header
	Body   []byte
}

// Response is what was answered, whatever its status.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Client makes calls. Connections are kept for a while, each for the host that it was
// opened to. It is safe for concurrent use.
type Client struct {
	policy    Policy
	dialer    net.Dialer
	transport *http.Transport
}

// New returns a client.
func New(p Policy) *Client {
	if p.Timeout <= 0 {
		p.Timeout = DefaultTimeout
	}
	if p.ResponseBytes <= 0 {
		p.ResponseBytes = DefaultResponseBytes
	}
	if p.Lookup == nil {
		p.Lookup = lookup
	}
	c := &Client{policy: p}
	c.dialer.Control = c.control
	c.transport = &http.Transport{
		// Proxy stays nil: through a proxy of the environment, it would be the proxy that
		// resolves and dials. Compression is off: what is counted is what is kept.
		DialContext:            c.dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: p.Roots},
		TLSHandshakeTimeout:    p.Timeout,
		DisableCompression:     true,
		MaxResponseHeaderBytes: mostHeaderBytes,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        idleTime,
	}
	return c
}

// Close closes the connections that are kept.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Do makes one call. The error is an *Error, or the context's when that was cancelled.
func (c *Client) Do(ctx context.Context, r Request) (Response, error) {
	u, err := c.policy.target(r.URL)
	if err != nil {
		return Response{}, err
	}
	call, cancel := context.WithTimeout(ctx, c.policy.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(call, r.Method, u.String(), bytes.NewReader(r.Body))
	if err != nil {
		return Response{}, &Error{Kind: ErrURL, Text: "it is no request", Cause: err}
	}
	if err := checkHeader(r.Header); err != nil {
		return Response{}, err
	}
	if request.Header = r.Header.Clone(); request.Header == nil {
		request.Header = http.Header{}
	}
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", "Icehouse")
	}
	// Not http.Client: it would follow redirects.
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return Response{}, c.failure(ctx, call, u.Hostname(), err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.ContentLength > c.policy.ResponseBytes && r.Method != http.MethodHead {
		return Response{}, tooLarge(u.Hostname())
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, c.policy.ResponseBytes+1))
	if err != nil {
		return Response{}, c.failure(ctx, call, u.Hostname(), err)
	}
	if int64(len(body)) > c.policy.ResponseBytes {
		return Response{}, tooLarge(u.Hostname())
	}
	return Response{Status: response.StatusCode, Header: response.Header, Body: body}, nil
}

// failure tells what went wrong in words that are the tenant's to read.
func (c *Client) failure(caller, call context.Context, host string, err error) error {
	if errors.Is(caller.Err(), context.Canceled) {
		return caller.Err()
	}
	var ours *Error
	if errors.As(err, &ours) {
		return ours
	}
	var timeout net.Error
	if call.Err() != nil || errors.As(err, &timeout) && timeout.Timeout() {
		return &Error{Kind: ErrTimeout, Text: host + " took too long", Cause: err}
	}
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		return &Error{Kind: ErrUnreachable, Text: "the certificate of " + host + " is not valid for it", Cause: err}
	case strings.Contains(err.Error(), "response headers exceeded"): // net/http has no name for it
		return tooLarge(host)
	}
	return &Error{Kind: ErrUnreachable, Text: host + " broke off", Cause: err}
}

// dial connects to a host. It looks the name up once, and dials what it has checked.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	// The transport dials for whoever needs the connection first, so a dial outlives the
	// call that began it: it has its own limit.
	ctx, cancel := context.WithTimeout(ctx, c.policy.Timeout)
	defer cancel()
	addresses, err := c.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	var first error
	for i, a := range addresses {
		conn, err := c.dialOne(ctx, network, net.JoinHostPort(a.String(), port), len(addresses)-i)
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = err
		}
	}
	var ours *Error
	var timeout net.Error
	if errors.As(first, &ours) || errors.As(first, &timeout) && timeout.Timeout() {
		return nil, first
	}
	return nil, &Error{Kind: ErrUnreachable, Text: host + " takes no connection", Cause: first}
}

// dialOne gives an address its share of the time: those after it are to be tried as well.
func (c *Client) dialOne(ctx context.Context, network, address string, shares int) (net.Conn, error) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/time.Duration(shares))
		defer cancel()
	}
	return c.dialer.DialContext(ctx, network, address)
}

// resolve finds the addresses of a host. One that is refused refuses them all: a name
// that is half private was not made for honest use.
func (c *Client) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil // checked with the URL, and again when it is dialed
	}
	if isLocalhost(host) {
		return c.policy.allowed(localhost), nil
	}
	found, err := c.policy.Lookup(ctx, host)
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return nil, err
	case err != nil || len(found) == 0:
		return nil, &Error{Kind: ErrUnreachable, Text: "there is no host " + host, Cause: err}
	}
	addresses := make([]netip.Addr, len(found))
	for i, a := range found {
		if class := c.policy.refusal(a); class != "" {
			return nil, refused("%s has %s address", host, class)
		}
		addresses[i] = a.Unmap()
	}
	return addresses[:min(len(addresses), mostAddresses)], nil
}

// control sees each address as the system is about to connect to it. All are checked by
// then; this holds even if a way past the checks is found.
func (c *Client) control(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if class := c.policy.refusal(a.Addr()); class != "" {
		return refused("the host has %s address", class)
	}
	return nil
}

// lookup asks the system for a name as it stands: without the domains that it would try
// to append, which are our own network's.
func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host+".")
}
