package webhook

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quiet drops what servers log about clients that leave.
var quiet = log.New(io.Discard, "", 0)

// development is the guard of every test that really delivers: receivers listen on loopback.
var development = Guard{AllowPrivate: true, AllowHTTP: true}

// names is a resolver whose answers are lists, one for each look-up of the name; the last is repeated.
type names struct {
	mu      sync.Mutex
	answers map[string][][]string
	asked   int
}

func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	lists := n.answers[host]
	if len(lists) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(lists) > 1 {
		n.answers[host] = lists[1:]
	}
	var found []netip.Addr
	for _, text := range lists[0] {
		found = append(found, netip.MustParseAddr(text))
	}
	return found, nil
}

func TestPostDelivers(t *testing.T) {
	type heard struct {
		method, path, query, body string
		header                    http.Header
	}
	requests := make(chan heard, 8)
	receiver := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- heard{r.Method, r.URL.Path, r.URL.RawQuery, string(body), r.Header}
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, "thanks")
	})
	client := newClient(t, development, Options{})
	for range 3 {
		answer, err := client.Post(t.Context(), receiver.URL+"/hook?a=b", http.Header{"x-custom": {"1"}}, []byte(`{"id":1}`))
		if err != nil || answer.Status != 202 || string(answer.Body) != "thanks" || answer.Took <= 0 || answer.RetryAfter != 0 {
			t.Fatalf("%+v %v", answer, err)
		}
		got := <-requests
		if got.method != "POST" || got.path != "/hook" || got.query != "a=b" || got.body != `{"id":1}` {
			t.Errorf("the receiver heard %+v", got)
		}
		if got.header.Get("Content-Type") != "application/json" || got.header.Get("User-Agent") != "Till" || got.header.Get("X-Custom") != "1" || got.header.Get("Accept-Encoding") != "" {
			t.Errorf("headers %v", got.header)
		}
	}
	if receiver.connections.Load() != 1 {
		t.Errorf("%d connections for three calls one after the other", receiver.connections.Load())
	}
	header := http.Header{"User-Agent": {"Vendor/1.0"}, "Content-Type": {"application/json; charset=utf-8"}}
	if _, err := client.Post(t.Context(), receiver.URL, header, nil); err != nil {
		t.Fatal(err)
	}
	if got := <-requests; got.header.Get("User-Agent") != "Vendor/1.0" || got.header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("headers %v", got.header)
	}
}

func TestTLS(t *testing.T) {
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	receiver.Config.ErrorLog = quiet
	receiver.StartTLS()
	defer receiver.Close()
	roots := x509.NewCertPool()
	roots.AddCert(receiver.Certificate())
	guard := Guard{AllowPrivate: true}

	client := newClient(t, guard, Options{TLS: &tls.Config{RootCAs: roots}})
	if answer, err := client.Post(t.Context(), receiver.URL, nil, nil); err != nil || answer.Status != 200 {
		t.Errorf("%+v %v", answer, err)
	}
	strangers := newClient(t, guard, Options{})
	if _, err := strangers.Post(t.Context(), receiver.URL, nil, nil); !errors.Is(err, ErrNetwork) {
		t.Errorf("an unknown certificate: %v", err)
	}

	old := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	old.Config.ErrorLog = quiet
	old.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	old.StartTLS()
	defer old.Close()
	weak := newClient(t, guard, Options{TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10}})
	if _, err := weak.Post(t.Context(), old.URL, nil, nil); !errors.Is(err, ErrNetwork) {
		t.Errorf("TLS 1.1: %v", err)
	}
}

// case 69
func TestPostChecksTheURLAgain(t *testing.T) {
	receiver := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, raw := range append(hostile, receiver.URL, "https"+receiver.URL[4:]) {
		client := newClient(t, Guard{AllowHTTP: true}, Options{})
		if _, err := client.Post(t.Context(), raw, nil, nil); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	if receiver.connections.Load() != 0 {
		t.Error("a refused receiver was connected to")
	}
}

// case 70
func TestOnePrivateAddressAmongPublicOnesRefuses(t *testing.T) {
	receiver := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, private := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254", "fd00::1", "64:ff9b::7f00:1", "0.0.0.0"} {
		for _, addresses := range [][]string{{private}, {"192.0.66.1", private}, {private, "192.0.66.1"}} {
			resolver := &names{answers: map[string][][]string{"hook.example": {addresses}}}
			client := newClient(t, Guard{AllowHTTP: true}, Options{Resolver: resolver})
			_, err := client.Post(t.Context(), "http://hook.example:"+receiver.port+"/", nil, nil)
			if !errors.Is(err, ErrRefused) || resolver.asked != 1 {
				t.Errorf("%v: %v after %d look-ups", addresses, err, resolver.asked)
			}
			// Refused before anything is dialed, the public address included.
			if checked, err := client.resolve(t.Context(), "hook.example"); !errors.Is(err, ErrRefused) || checked != nil {
				t.Errorf("%v: to be dialed: %v %v", addresses, checked, err)
			}
		}
	}
	if receiver.connections.Load() != 0 {
		t.Error("a refused receiver was connected to")
	}
}

// case 70: between the check and the dial the name's owner changes its address. There is no second look-up that could see the
// change within one dial, the next dial sees it and refuses, and the socket's own check refuses whatever else might lead inside.
func TestRebindingBetweenCheckAndDial(t *testing.T) {
	receiver := serve(t, func(http.ResponseWriter, *http.Request) {})
	resolver := &names{answers: map[string][][]string{"hook.example": {{"192.0.66.1"}, {"127.0.0.1"}}}}
	client := newClient(t, Guard{AllowHTTP: true}, Options{Resolver: resolver})

	checked, err := client.resolve(t.Context(), "hook.example")
	if err != nil || len(checked) != 1 || checked[0] != netip.MustParseAddr("192.0.66.1") {
		t.Fatalf("%v %v", checked, err)
	}
	if _, err := client.Post(t.Context(), "http://hook.example:"+receiver.port+"/", nil, nil); !errors.Is(err, ErrRefused) {
		t.Errorf("after the change: %v", err)
	}
	deadline, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, address := range []string{"127.0.0.1:" + receiver.port, "localhost:" + receiver.port} {
		conn, err := client.dialOne(deadline, "tcp", address, 1)
		if !errors.Is(err, ErrRefused) {
			t.Errorf("the socket to %s: %v", address, err)
		}
		if conn != nil {
			conn.Close()
		}
	}
	if receiver.connections.Load() != 0 {
		t.Error("a refused receiver was connected to")
	}
	for _, address := range []string{"[::ffff:127.0.0.1]:80", "[::1]:80", "[fe80::1%lo]:80", "10.0.0.1:443", "nonsense", ""} {
		if err := (Guard{}).control("tcp", address, nil); !errors.Is(err, ErrRefused) {
			t.Errorf("socket to %q: %v", address, err)
		}
	}
	for _, address := range []string{"8.8.8.8:443", "[::ffff:8.8.8.8]:443", "[2606:4700:4700::1111]:443"} {
		if err := (Guard{}).control("tcp", address, nil); err != nil {
			t.Errorf("socket to %q: %v", address, err)
		}
	}
}

func TestNamesAreTriedAddressByAddress(t *testing.T) {
	receiver := serve(t, func(http.ResponseWriter, *http.Request) {})
	resolver := &names{answers: map[string][][]string{"hook.example": {{"127.0.0.2", "::ffff:127.0.0.1"}}, "empty.example": {{}}}}
	client := newClient(t, development, Options{Resolver: resolver})
	if answer, err := client.Post(t.Context(), "http://hook.example:"+receiver.port, nil, nil); err != nil || answer.Status != 200 {
		t.Errorf("the second address answers: %+v %v", answer, err)
	}
	resolver.answers["mapped.example"] = [][]string{{"::ffff:8.8.8.8", "2606:4700:4700::1111"}}
	checked, err := newClient(t, Guard{}, Options{Resolver: resolver}).resolve(t.Context(), "mapped.example")
	if err != nil || len(checked) != 2 || checked[0] != netip.MustParseAddr("8.8.8.8") {
		t.Errorf("public addresses, one in the form of IPv6: %v %v", checked, err)
	}
	for _, host := range []string{"empty.example", "missing.example"} {
		if _, err := client.Post(t.Context(), "http://"+host, nil, nil); !errors.Is(err, ErrNetwork) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// cases 71, 73
func TestRedirectsAreNotFollowed(t *testing.T) {
	var target atomic.Int64
	other := serve(t, func(http.ResponseWriter, *http.Request) { target.Add(1) })
	for _, status := range []int{300, 301, 302, 303, 304, 307, 308} {
		receiver := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(status)
		})
		answer, err := newClient(t, development, Options{}).Post(t.Context(), receiver.URL, nil, []byte("{}"))
		if err != nil || answer.Status != status || Decide(answer, err).Outcome != Retry {
			t.Errorf("%d: %+v %v", status, answer, err)
		}
	}
	if target.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

// case 72
func TestProxyVariablesAreIgnored(t *testing.T) {
	var proxied atomic.Int64
	proxy := serve(t, func(http.ResponseWriter, *http.Request) { proxied.Add(1) })
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	receiver := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	// net/http never proxies to loopback literals, so the receiver needs a name.
	resolver := &names{answers: map[string][][]string{"hook.example": {{"127.0.0.1"}}}}
	client := newClient(t, development, Options{Resolver: resolver})
	for _, host := range []string{"127.0.0.1", "hook.example"} {
		answer, err := client.Post(t.Context(), "http://"+host+":"+receiver.port, nil, nil)
		if err != nil || answer.Status != 204 {
			t.Errorf("%s: %+v %v", host, answer, err)
		}
	}
	guarded := newClient(t, Guard{AllowHTTP: true}, Options{Resolver: resolver})
	if _, err := guarded.Post(t.Context(), "http://hook.example:"+receiver.port, nil, nil); !errors.Is(err, ErrRefused) {
		t.Errorf("the proxy answers for a private receiver: %v", err)
	}
	if proxied.Load() != 0 || proxy.connections.Load() != 0 {
		t.Error("the proxy was used")
	}
}

// case 73
func TestStatusesAndRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		status     int
		retryAfter string
		want       Verdict
	}{
		{200, "", Verdict{Outcome: Delivered}},
		{204, "", Verdict{Outcome: Delivered}},
		{400, "", Verdict{Outcome: Retry}},
		{410, "60", Verdict{Outcome: Disable}},
		{429, "", Verdict{Outcome: Retry}},
		{429, "120", Verdict{Outcome: Retry, Wait: 2 * time.Minute}},
		{429, "Thu, 01 Jan 2026 12:05:00 GMT", Verdict{Outcome: Retry, Wait: 5 * time.Minute}},
		{429, "31536000", Verdict{Outcome: Retry, Wait: 24 * time.Hour}},
		{503, "30", Verdict{Outcome: Retry, Wait: 30 * time.Second}},
	} {
		receiver := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if c.retryAfter != "" {
				w.Header().Set("Retry-After", c.retryAfter)
			}
			w.WriteHeader(c.status)
		})
		client := newClient(t, development, Options{Now: func() time.Time { return now }})
		answer, err := client.Post(t.Context(), receiver.URL, nil, nil)
		if got := Decide(answer, err); got != c.want || answer.Status != c.status || answer.Took != 0 {
			t.Errorf("%d %q: %+v %+v %v", c.status, c.retryAfter, got, answer, err)
		}
	}
}

// case 73
func TestReceiverHangs(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n"
	for name, c := range map[string]struct {
		talk func(net.Conn)
		want error // nil: an answer of 200
	}{
		"and says nothing":     {func(net.Conn) {}, ErrTimeout},
		"inside its headers":   {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nX-A") }, ErrTimeout},
		"dripping its headers": {func(c net.Conn) { drip(c, "HTTP/1.1 200 OK\r\nX-A: "+strings.Repeat("a", 1<<16)) }, ErrTimeout},
		"dripping its body":    {func(c net.Conn) { io.WriteString(c, ok); drip(c, strings.Repeat("a", 1<<16)) }, nil},
		"before its body":      {func(c net.Conn) { io.WriteString(c, ok) }, nil},
		"after switching protocols": {func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
		}, nil},
		"with a flood of 1xx answers":    {func(c net.Conn) { flood(c, "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n") }, ErrNetwork},
		"with a flood of headers":        {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\n"); flood(c, "X-A: aaaaaaaaaaaa\r\n") }, ErrNetwork},
		"with something that is no HTTP": {func(c net.Conn) { io.WriteString(c, "220 mail.example ESMTP\r\n") }, ErrNetwork},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := listen(t, c.talk)
			timeout, bound := 200*time.Millisecond, 30*time.Second
			if c.want != ErrTimeout { // something is answered, and a busy machine takes a while for it
				timeout = 4 * time.Second
			}
			client := newClient(t, development, Options{Timeout: timeout})
			started := time.Now()
			answer, err := client.Post(t.Context(), "http://"+address+"/secret?token=hunter2", nil, []byte("{}"))
			if took := time.Since(started); took > bound {
				t.Errorf("the call took %v", took)
			}
			if c.want == nil && (err != nil || answer.Status != 200 && answer.Status != 101) {
				t.Errorf("%+v %v", answer, err)
			}
			if c.want != nil && (!errors.Is(err, c.want) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
}

// case 73
func TestEndlessAnswerIsCutOff(t *testing.T) {
	var written atomic.Int64
	receiver := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := bytes.Repeat([]byte("a"), 64<<10)
		for written.Load() < 10<<30 {
			n, err := w.Write(chunk)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	answer, err := newClient(t, development, Options{}).Post(t.Context(), receiver.URL, nil, nil)
	if err != nil || answer.Status != 200 || len(answer.Body) != 2<<10 {
		t.Errorf("status %d, %d bytes kept, %v", answer.Status, len(answer.Body), err)
	}
	receiver.Close() // waits for the handler
	if written.Load() > 64<<20 {
		t.Errorf("%d bytes left the receiver", written.Load())
	}
}

func TestCompressedAnswerIsNotUnfolded(t *testing.T) {
	var bomb bytes.Buffer
	packed := gzip.NewWriter(&bomb)
	packed.Write(make([]byte, 1<<20))
	packed.Close()
	receiver := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb.Bytes())
	})
	answer, err := newClient(t, development, Options{}).Post(t.Context(), receiver.URL, nil, nil)
	if err != nil || !bytes.HasPrefix(bomb.Bytes(), answer.Body) || len(answer.Body) == 0 {
		t.Errorf("%x %v", answer.Body, err)
	}
}

func TestErrorsAreClassified(t *testing.T) {
	client := newClient(t, development, Options{})
	closed := listen(t, func(c net.Conn) { c.Close() })
	if _, err := client.Post(t.Context(), "http://"+closed, nil, nil); !errors.Is(err, ErrNetwork) {
		t.Errorf("a closed connection: %v", err)
	}
	if _, err := client.Post(t.Context(), "https://"+listen(t, func(c net.Conn) { io.WriteString(c, "HTTP/1.0 400 No\r\n\r\n"); c.Close() }), nil, nil); !errors.Is(err, ErrNetwork) {
		t.Errorf("https to an http port: %v", err)
	}
	for _, header := range []http.Header{{"X-A": {"a\r\nb"}}, {"X A": {"a"}}, {"X-A\r\n": {"a"}}} {
		if _, err := client.Post(t.Context(), "http://"+closed, header, nil); !errors.Is(err, ErrRefused) { // case 78
			t.Errorf("%q: %v", header, err)
		}
	}

	hanging := "http://" + listen(t, func(net.Conn) {})
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := client.Post(short, hanging, nil, nil); !errors.Is(err, ErrTimeout) {
		t.Errorf("the caller's own deadline: %v", err)
	}
	stopping, stop := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, stop)
	_, err := client.Post(stopping, hanging, nil, nil)
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrTimeout) || errors.Is(err, ErrNetwork) {
		t.Errorf("a caller that stops: %v", err)
	}
}

// failingResolver has one answer to every name.
type failingResolver struct{ err error }

func (r failingResolver) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, r.err
}

// Merchants read why their webhooks failed: it does not tell them what names lead to inside the operator's network, where
// its resolver is, or which address the server has there. case 70
func TestErrorsTellNothingOfTheNetworkInside(t *testing.T) {
	reset := listen(t, func(c net.Conn) { c.(*net.TCPConn).SetLinger(0); c.Close() })
	for what, test := range map[string]struct {
		url      string
		guard    Guard
		resolver Resolver
		want     error
	}{
		"a name that leads inside": {"http://db.corp.example/", Guard{AllowHTTP: true}, &names{answers: map[string][][]string{"db.corp.example": {{"10.11.12.13"}}}}, ErrRefused},
		"a resolver that does not answer": {"http://hook.example/", development, failingResolver{&net.DNSError{
			Err: "read udp 10.11.12.13:40000->10.11.12.14:53: i/o timeout", Name: "hook.example", Server: "10.11.12.14:53", IsTimeout: true}}, ErrTimeout},
		"a name that is not there": {"http://hook.example/", development, failingResolver{&net.DNSError{
			Err: "no such host", Name: "hook.example", Server: "10.11.12.14:53", IsNotFound: true}}, ErrNetwork},
		"a connection that breaks": {"http://" + reset + "/", development, nil, ErrNetwork},
	} {
		_, err := newClient(t, test.guard, Options{Resolver: test.resolver}).Post(t.Context(), test.url, nil, []byte("{}"))
		if !errors.Is(err, test.want) || strings.Contains(err.Error(), "10.11.12.") || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	client := newClient(t, Guard{}, Options{})
	if client.timeout != MaxTimeout || client.resolver != net.DefaultResolver {
		t.Errorf("%+v", client)
	}
	if c := client.transport; c.Proxy != nil || !c.DisableCompression || c.TLSClientConfig.MinVersion != tls.VersionTLS12 || c.TLSClientConfig.InsecureSkipVerify {
		t.Errorf("%+v", c)
	}
}

// receiver is an HTTP server that counts its connections.
type receiver struct {
	*httptest.Server
	port        string
	connections atomic.Int64
}

func serve(t *testing.T, handler http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{Server: httptest.NewUnstartedServer(handler)}
	r.Config.ErrorLog = quiet
	r.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			r.connections.Add(1)
		}
	}
	r.Start()
	t.Cleanup(r.Close)
	_, r.port, _ = net.SplitHostPort(r.Listener.Addr().String())
	return r
}

// listen is a server below HTTP: it reads a request's headers, then talk says what it likes; the connection stays open until the
// test ends or the client leaves.
func listen(t *testing.T, talk func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(time.Minute))
				in := bufio.NewReader(conn)
				if first, err := in.Peek(1); err == nil && first[0] == 'P' {
					http.ReadRequest(in)
				}
				talk(conn)
				io.Copy(io.Discard, in)
			})
		}
	})
	t.Cleanup(func() { listener.Close(); open.Wait() })
	return listener.Addr().String()
}

// drip writes a byte every few milliseconds until the client has left: slower than any deadline of these tests.
func drip(conn net.Conn, text string) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for i := range text {
		<-ticker.C
		if _, err := conn.Write([]byte{text[i]}); err != nil {
			return
		}
	}
}

func flood(conn net.Conn, text string) {
	for {
		if _, err := fmt.Fprint(conn, text); err != nil {
			return
		}
	}
}

func newClient(t *testing.T, guard Guard, options Options) *Client {
	t.Helper()
	client := NewClient(guard, options)
	t.Cleanup(client.Close)
	return client
}
