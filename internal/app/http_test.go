package app

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/secrets"
	"till/internal/simchain"
)

const deadline = time.Minute

// case 90
func TestReadyWithoutAnything(t *testing.T) {
	a := startIn(t, t.TempDir(), "[networks.ethereum-mainnet]\nenabled = false", io.Discard)
	if got := status(t, a, "/healthz", ""); got != http.StatusOK {
		t.Errorf("/healthz gives %d", got)
	}
	code, got := readyz(t, a)
	if code != http.StatusOK || got.Status != "degraded" || len(got.Networks) != len(Catalogue())-1 {
		t.Errorf("%d %+v", code, got)
	}
	for id, n := range got.Networks {
		if n.Status != "degraded" || !slices.Equal(n.Reasons, []reason{noRPC, noAddresses}) {
			t.Errorf("%s: %+v", id, n)
		}
	}
	keys, err := a.FirstStart(t.Context(), filepath.Join(t.TempDir(), FirstKeysFile))
	if err != nil {
		t.Fatal(err)
	}
	body := `{"orderReference":"A","amount":"1.00","currency":"USDT","chainId":"ethereum-sepolia"}`
	if got, text := post(t, a, keys.APIKeys["payin"].Test, body); got != http.StatusServiceUnavailable || !strings.Contains(text, "NOT_CONFIGURED") {
		t.Errorf("an order without an RPC: %d %s", got, text)
	}
}

func TestReadyBecomesOK(t *testing.T) {
	chain, err := simchain.Start(simchain.Config{BlockTime: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	a := startIn(t, t.TempDir(), networksOff+ownNetwork(chain, chain.ChainID()), io.Discard)
	keys, err := a.FirstStart(t.Context(), filepath.Join(t.TempDir(), FirstKeysFile))
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, a, "sim", []reason{noAddresses})

	pool := engine.Pool{Merchant: "default", Mode: engine.Sandbox, Family: engine.EVM}
	if _, err := a.Engine.ImportInstruments(t.Context(), pool, []engine.Imported{{Value: goodContract}}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, a, "sim", []reason{})
	if code, got := readyz(t, a); code != http.StatusOK || got.Status != "ok" || len(got.Networks) != 1 {
		t.Errorf("%d %+v", code, got)
	}
	body := `{"orderReference":"A","amount":"1.00","currency":"USDT","chainId":"sim"}`
	if got, text := post(t, a, keys.APIKeys["payin"].Test, body); got != http.StatusCreated {
		t.Errorf("an order: %d %s", got, text)
	}
	if got, text := post(t, a, keys.APIKeys["payin"].Live, body); got != http.StatusBadRequest {
		t.Errorf("an order with a live key on a test network: %d %s", got, text)
	}
}

// case 90: the node is not there when the server starts.
func TestReadyWithoutTheNode(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there now
	a := startIn(t, t.TempDir(), networksOff+"[networks.ethereum-sepolia]\nrpc = [\"http://"+l.Addr().String()+"\"]", io.Discard)
	waitFor(t, a, "ethereum-sepolia", []reason{nodeTrouble, notHeard, noAddresses})
}

// case 24
func TestReadyWithAnotherChain(t *testing.T) {
	chain, err := simchain.Start(simchain.Config{BlockTime: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	a := startIn(t, t.TempDir(), networksOff+ownNetwork(chain, chain.ChainID()+1), io.Discard)
	waitFor(t, a, "sim", []reason{watchTrouble, nodeTrouble, notHeard, noAddresses})
}

func TestNotReady(t *testing.T) {
	a := startIn(t, t.TempDir(), "", io.Discard)
	if err := a.store.Close(); err != nil {
		t.Fatal(err)
	}
	code, got := readyz(t, a)
	if code != http.StatusServiceUnavailable || got.Status != "unavailable" || len(got.Networks) != 0 {
		t.Errorf("%d %+v", code, got)
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	roots := writePair(t, dir)
	a := startIn(t, dir, "[server]\naddr = \"127.0.0.1:0\"\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"", io.Discard)
	if !strings.HasPrefix(a.URL(), "https://127.0.0.1:") {
		t.Fatal(a.URL())
	}
	client := &http.Client{Timeout: deadline, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	got, err := client.Get(a.URL() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	got.Body.Close()
	if got.StatusCode != http.StatusOK || got.TLS.Version < tls.VersionTLS12 {
		t.Errorf("%s", got.Status)
	}
	old := &http.Client{Timeout: deadline, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS11}}}
	if got, err := old.Get(a.URL() + "/healthz"); err == nil {
		got.Body.Close()
		t.Error("TLS 1.1 was spoken")
	}
}

func TestForwarded(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	header := func(pairs ...string) http.Header {
		h := http.Header{"Accept": {"x"}}
		for i := 0; i < len(pairs); i += 2 {
			h.Add(pairs[i], pairs[i+1])
		}
		return h
	}
	tests := []struct {
		name, peer string
		header     http.Header
		want       string // the client's address
		kept       bool   // the headers are still there
	}{
		{"no proxy", "203.0.113.5:99", header(), "203.0.113.5:99", true},
		{"a stranger's word", "203.0.113.5:99", header("X-Forwarded-For", "1.2.3.4", "X-Forwarded-Proto", "https"), "203.0.113.5:99", false},
		{"a stranger's other word", "203.0.113.5:99", header("Forwarded", "for=1.2.3.4", "X-Real-Ip", "1.2.3.4", "X-Forwarded-Host", "evil"), "203.0.113.5:99", false},
		{"a proxy's word", "10.1.2.3:99", header("X-Forwarded-For", "203.0.113.5"), "203.0.113.5:0", true},
		{"what the client invented", "10.1.2.3:99", header("X-Forwarded-For", "1.2.3.4, 203.0.113.5"), "203.0.113.5:0", true},
		{"two proxies", "10.1.2.3:99", header("X-Forwarded-For", "1.2.3.4, 203.0.113.5, 10.9.9.9"), "203.0.113.5:0", true},
		{"two headers", "10.1.2.3:99", header("X-Forwarded-For", "1.2.3.4", "X-Forwarded-For", "203.0.113.5"), "203.0.113.5:0", true},
		{"with ports", "[::1]:99", header("X-Forwarded-For", "203.0.113.5:1234"), "203.0.113.5:0", true},
		{"IPv6", "[::1]:99", header("X-Forwarded-For", "[2001:db8::5]:1234"), "[2001:db8::5]:0", true},
		{"an IPv4 address in IPv6", "[::ffff:10.1.2.3]:99", header("X-Forwarded-For", "203.0.113.5"), "203.0.113.5:0", true},
		{"nonsense", "10.1.2.3:99", header("X-Forwarded-For", "203.0.113.5, unknown"), "10.1.2.3:99", true},
		{"only proxies", "10.1.2.3:99", header("X-Forwarded-For", "10.0.0.1"), "10.0.0.1:0", true},
		{"a proxy that says nothing", "10.1.2.3:99", header(), "10.1.2.3:99", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr, r.Header = test.peer, test.header
			sent := test.header.Clone()
			forwarded(http.HandlerFunc(func(_ http.ResponseWriter, got *http.Request) {
				if got.RemoteAddr != test.want {
					t.Errorf("the client is %s, want %s", got.RemoteAddr, test.want)
				}
				if want := len(sent); test.kept && len(got.Header) != want || !test.kept && len(got.Header) != 1 {
					t.Errorf("the headers are %v", got.Header)
				}
			}), proxies, slog.New(slog.DiscardHandler)).ServeHTTP(httptest.NewRecorder(), r)
			if r.RemoteAddr != test.peer || len(r.Header) != len(sent) {
				t.Error("the server's own request was changed")
			}
		})
	}
}

// networksOff leaves only the networks a test adds.
const networksOff = `
[networks]
ethereum-mainnet.enabled = false
polygon-mainnet.enabled = false
polygon-amoy.enabled = false
arbitrum-mainnet.enabled = false
arbitrum-sepolia.enabled = false
xlayer-mainnet.enabled = false
`

func ownNetwork(chain *simchain.Chain, id uint64) string {
	usdt := chain.Tokens()["USDT"]
	return fmt.Sprintf("ethereum-sepolia.enabled = false\n[networks.sim]\nchain_id = %d\nmode = \"sandbox\"\nconfirmations = 3\npoll = \"100ms\"\nrpc = [%q]\n"+
		"tokens = [{ code = \"USDT\", decimals = %d, contract = %q }]\n", id, chain.RPCURL(), usdt.Decimals, usdt.Address.Hex())
}

// waitFor waits until a network has exactly these reasons.
func waitFor(t *testing.T, a *App, network string, want []reason) {
	t.Helper()
	var got readiness
	for end := time.Now().Add(deadline); time.Now().Before(end); <-time.After(10 * time.Millisecond) {
		var code int
		if code, got = readyz(t, a); code != http.StatusOK {
			t.Fatalf("/readyz gives %d", code)
		}
		n := got.Networks[network]
		if slices.Equal(n.Reasons, want) {
			if degraded := len(want) > 0; (n.Status == "degraded") != degraded || degraded && got.Status != "degraded" {
				t.Errorf("%+v", got)
			}
			return
		}
	}
	t.Fatalf("%s does not come to %v: %+v", network, want, got)
}

func readyz(t *testing.T, a *App) (int, readiness) {
	t.Helper()
	answer, err := http.Get(a.URL() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var got readiness
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, got
}

func status(t *testing.T, a *App, path string, key secrets.Text) int {
	t.Helper()
	return statusOf(t, a, path, "X-API-Key", key.Reveal())
}

// statusOf is what a GET with one header is answered with.
func statusOf(t *testing.T, a *App, path, header, value string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if value != "" {
		r.Header.Set(header, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

func post(t *testing.T, a *App, key secrets.Text, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL()+"/payin/api/v1/orders", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-API-Key", key.Reveal())
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func authOf(a *App) *auth.Auth { return auth.New(keys{a.store}, time.Now) }
