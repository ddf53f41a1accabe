package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Why a call brought no answer. [Client.Post] wraps exactly one of them.
var (
	ErrRefused = errors.New("webhook: refused") // by the guard: nothing was sent
	ErrTimeout = errors.New("webhook: timeout") // the deadline passed before a status line arrived
	ErrNetwork = errors.New("webhook: network") // no such name, no connection, no valid TLS or HTTP
)

// How long one call may take, from the name's resolution to the last byte read.
const (
	DefaultTimeout = 15 * time.Second // where an endpoint says nothing
	MaxTimeout     = 30 * time.Second // that an endpoint may ask for
)

// Limits of one call. A receiver is not trusted: it may be slow, endless or hostile.
const (
	maxBody       = 64 << 10 // read of an answer before the connection is closed
	keptBody      = 2 << 10  // kept of it for the log
	maxHeader     = 64 << 10 // of the answer, all informational (1xx) answers before it included
	maxAddresses  = 8        // tried of one name
	maxRetryAfter = 24 * time.Hour
)

// Resolver turns a host name into addresses; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options are what tests and wiring may change of a client. The zero value of each field means its default.
type Options struct {
	Timeout  time.Duration    // for a whole call, however long its context lasts; MaxTimeout
	Now      func() time.Time // time.Now
	Resolver Resolver         // the system's
	TLS      *tls.Config      // roots for receivers with a private authority; the minimum stays TLS 1.2
}

// Client posts to URLs that merchants have chosen. It refuses what its [Guard] refuses, at the moment it connects, follows no
// redirect, uses no proxy (the environment's included, since a proxy would connect unguarded), and bounds time and size. It keeps
// connections open between calls and is safe for concurrent use; call [Client.Close] at the end.
type Client struct {
	guard     Guard
	timeout   time.Duration
	now       func() time.Time
	resolver  Resolver
	transport *http.Transport
}

// Answer is what the receiver said.
type Answer struct {
	Status     int
	RetryAfter time.Duration // how long the receiver asks to wait, at most 24 h; 0 for none
	Body       []byte        // the first 2 KiB, for the log: untrusted bytes
	Took       time.Duration
}

// NewClient makes a client that calls what guard allows.
func NewClient(guard Guard, options Options) *Client {
	c := &Client{guard: guard, timeout: options.Timeout, now: options.Now, resolver: options.Resolver}
	if c.timeout == 0 {
		c.timeout = MaxTimeout
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.resolver == nil {
		c.resolver = net.DefaultResolver
	}
	config := options.TLS.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	c.transport = &http.Transport{
		Proxy:                  nil,
		DialContext:            c.dial,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    c.timeout,
		DisableCompression:     true, // so that a small answer cannot unfold into a large one
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    8,
		MaxConnsPerHost:        64,
		IdleConnTimeout:        90 * time.Second,
	}
	return c
}

// Close drops the connections that are kept open.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Post sends body and returns the receiver's answer, whatever its status. As soon as a status line has arrived there is an answer,
// even if the body behind it is endless or never comes. header may set any header but Host; without one, Content-Type is
// application/json and User-Agent is Till.
//
// An error matches one of [ErrRefused], [ErrTimeout] and [ErrNetwork]. Its text holds neither path nor query of the URL, nor an address of
// the network that the client is in; but it may hold what the receiver sent, whatever bytes those are. When the
// caller's own context was cancelled the error is context.Canceled and says nothing about the receiver.
func (c *Client) Post(ctx context.Context, url string, header http.Header, body []byte) (Answer, error) {
	started := c.now()
	answer, err := c.post(ctx, url, header, body)
	answer.Took = c.now().Sub(started)
	return answer, err
}

func (c *Client) post(ctx context.Context, url string, header http.Header, body []byte) (Answer, error) {
	target, err := c.guard.CheckURL(url)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	for name, values := range header {
		for _, value := range values {
			if !validHeader(name, value) {
				return Answer{}, fmt.Errorf("%w: a header holds characters that are not allowed there", ErrRefused)
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(body))
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Till")
	for name, values := range header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	// The transport itself, not http.Client: it follows no redirect, keeps no cookies and puts no URL into its errors.
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return Answer{}, classify(ctx, err)
	}
	defer response.Body.Close()
	answer := Answer{Status: response.StatusCode, RetryAfter: retryAfter(response.Header.Get("Retry-After"), c.now())}
	if answer.Status != http.StatusSwitchingProtocols { // what follows a 101 is the raw connection, which no deadline ends
		answer.Body = readSome(response.Body)
	}
	return answer, nil
}

// dial resolves once, refuses a name if any of its addresses is not public, and connects to the addresses it has checked. The
// dialer's Control then checks what is really dialed, whatever led there.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout) // the transport dials on behalf of any call, without the call's deadline
	defer cancel()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addresses, err := c.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	var failures []error
	for i, addr := range addresses {
		conn, err := c.dialOne(ctx, network, net.JoinHostPort(addr.String(), port), len(addresses)-i)
		if err == nil {
			return conn, nil
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

// dialOne connects to one of several addresses, with a fair share of the time that is left, so that a dead one leaves some to the
// rest.
func (c *Client) dialOne(ctx context.Context, network, address string, share int) (net.Conn, error) {
	deadline, _ := ctx.Deadline()
	dialer := net.Dialer{Control: c.guard.control, Timeout: time.Until(deadline) / time.Duration(share)}
	return dialer.DialContext(ctx, network, address)
}

func (c *Client) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, c.guard.checkAddr(addr)
	}
	addresses, err := c.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	if len(addresses) == 0 {
		return nil, errors.New("the name has no address")
	}
	for i, addr := range addresses {
		addresses[i] = addr.Unmap() // resolvers write IPv4 in either form
		if err := c.guard.checkAddr(addresses[i]); err != nil {
			return nil, err
		}
	}
	return addresses[:min(len(addresses), maxAddresses)], nil
}

func (g Guard) checkAddr(addr netip.Addr) error {
	if g.AllowPrivate || Public(addr) {
		return nil
	}
	return errPrivate
}

// control is a net.Dialer.Control: the last word, on the socket's own address.
func (g Guard) control(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return g.checkAddr(target.Addr().Unmap())
}

// errPrivate does not say which address: merchants read why their webhooks failed, and what names lead to in the operator's
// network is not theirs to know.
var errPrivate = fmt.Errorf("%w: the host has a private or reserved address", ErrRefused)

func classify(ctx context.Context, err error) error {
	var timeout net.Error
	switch {
	case errors.Is(err, ErrRefused):
		return errPrivate
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%w: %s", ErrTimeout, cause(err))
	}
	return fmt.Errorf("%w: %s", ErrNetwork, cause(err))
}

// cause is what went wrong, without the addresses of this machine and of its resolver that Go's errors name.
func cause(err error) string {
	var name *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return "no such host"
	case errors.As(err, &name):
		return "the host's name cannot be resolved"
	case errors.As(err, &op):
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}

// readSome keeps the beginning of a body and reads on to its end where that is near, so that the connection can be used again.
func readSome(body io.Reader) []byte {
	limited := io.LimitReader(body, maxBody)
	kept, err := io.ReadAll(io.LimitReader(limited, keptBody))
	if err == nil {
		io.Copy(io.Discard, limited) // an error here is the receiver's: the status has been heard
	}
	return kept
}

// retryAfter reads the header of RFC 9110, 10.2.3: whole seconds or a date. What is neither, or has passed, is no wish.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), maxRetryAfter)
}
