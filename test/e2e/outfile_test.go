package e2e

import (
	"encoding/json"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// outKeys is what the out file holds at least.
var outKeys = []string{
	"base_url", "operator.url", "operator.token", "database",
	"chain.rpc_url", "chain.control_url", "chain.chain_id", "chain.payer_private_key",
	"chain.tokens.USDT.address", "chain.tokens.USDT.decimals", "chain.tokens.USDC.address", "chain.tokens.USDC.decimals",
	"chain.tokens.DAI.address", "chain.tokens.DAI.decimals",
	"webhook_sink.url", "webhook_sink.log_url", "payin.base_url", "payin.api_key", "payin.webhook_secret",
}

func TestOutFile(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := start(t, "--data", data)
	text, err := os.ReadFile(s.out)
	if err != nil {
		t.Fatal(err)
	}
	var found any
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatal(err)
	}
	for _, path := range outKeys {
		if v := lookUp(found, path); v == nil || v == "" || v == 0.0 {
			t.Errorf("the out file has no %s", path)
		}
	}
	eachURL(found, func(u string) {
		if strings.HasSuffix(u, "/") {
			t.Errorf("%s ends with a slash", u)
		}
		parsed, err := url.Parse(u)
		if err != nil || parsed.Hostname() != "127.0.0.1" || parsed.Port() == "" || parsed.Port() == "0" { // case 52
			t.Errorf("%s does not lead to a port of 127.0.0.1", u)
		}
	})
	if s.info.PayIn.BaseURL != s.info.BaseURL+"/payin" {
		t.Errorf("%s is not below %s", s.info.PayIn.BaseURL, s.info.BaseURL)
	}
	for path, mode := range map[string]fs.FileMode{s.out: 0o600, filepath.Join(data, "keys.json"): 0o600, data: fs.ModeDir | 0o700} {
		if at, err := os.Stat(path); err != nil || at.Mode() != mode {
			t.Errorf("%s: mode %v, %v", path, at.Mode(), err)
		}
	}
	if beside, err := os.ReadDir(filepath.Dir(s.out)); err != nil || len(beside) != 1 {
		t.Errorf("beside the out file: %v, %v", beside, err)
	}
	if _, err := os.Stat(s.info.Database); err != nil {
		t.Error(err)
	}
	everythingAnswers(t, s)
	reachableFromHereOnly(t, s)
	isRich(t, s)
}

// Keys outlive a restart, and so do orders; the chain does not, however soon the restart comes.
func TestRestartOnTheSameFolder(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	chains := map[common.Hash]bool{}
	var first info
	var o order
	for round := range 3 {
		s := start(t, "--data", data)
		genesis, err := s.node.HeaderByNumber(bounded(t), big.NewInt(0))
		if err != nil {
			t.Fatal(err)
		}
		if chains[genesis.Hash()] {
			t.Errorf("start %d: the chain is the one of an earlier start", round)
		}
		chains[genesis.Hash()] = true
		if round == 0 {
			first = s.info
			o = s.create(t, "RESTART", "1.00", "USDT")
		} else if again := s.get(t, o.OrderID); again.Address != o.Address || again.Status != "pending" {
			t.Errorf("start %d: the order is %+v, it was %+v", round, again, o)
		}
		if s.info.Operator.Token != first.Operator.Token || s.info.PayIn.APIKey != first.PayIn.APIKey ||
			s.info.PayIn.WebhookSecret != first.PayIn.WebhookSecret || s.info.Chain.PayerKey != first.Chain.PayerKey ||
			s.info.Database != first.Database {
			t.Errorf("start %d: other keys than before", round)
		}
		s.kill()
	}
}

// The chain's clock runs ahead of ours, an order is acknowledged, and the server is killed. On the next
// chain its payment counts all the same.
func TestRestartWithTheClockAhead(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := start(t, "--data", data)
	if err := s.control("/time", map[string]any{"seconds": 300}); err != nil {
		t.Fatal(err)
	}
	s.nextBlock() // told: the next order's address is held from here on
	o := s.create(t, "AHEAD", "2.00", "USDT")
	s.kill()

	s = start(t, "--data", data)
	s.pay(t, o.Currency, o.Address, "2.00")
	s.ends(t, o.OrderID, "completed")
}

// lookUp finds a value by its path.
func lookUp(v any, path string) any {
	for _, name := range strings.Split(path, ".") {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

// eachURL calls do with every text that is an http URL.
func eachURL(v any, do func(string)) {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			eachURL(inner, do)
		}
	case string:
		if strings.HasPrefix(v, "http") {
			do(v)
		}
	}
}

// everythingAnswers asks whatever the file names once, now that the file is there.
func everythingAnswers(t *testing.T, s *server) {
	t.Helper()
	if a, err := s.fetch(http.MethodGet, s.info.BaseURL+"/healthz", nil); err != nil || a.status != http.StatusOK {
		t.Errorf("healthz: %d, %v", a.status, err)
	}
	if clock, err := s.operator.Clock(bounded(t), "sandbox"); err != nil || clock.OffsetSeconds != 0 {
		t.Errorf("the operator API: %+v, %v", clock, err)
	}
	if id, err := s.node.ChainID(bounded(t)); err != nil || id.Uint64() != s.info.Chain.ChainID {
		t.Errorf("the chain's id: %v, %v", id, err)
	}
	if a, err := s.fetch(http.MethodGet, s.info.Sink.LogURL, nil); err != nil || a.status != http.StatusOK || string(a.body) != "[]" {
		t.Errorf("the sink's log: %d %s, %v", a.status, a.body, err)
	}
	if a, err := s.fetch(http.MethodPost, s.info.Sink.URL, map[string]string{"type": "test"}); err != nil || a.status/100 != 2 {
		t.Errorf("the sink: %d, %v", a.status, err)
	}
	if log := decode[[]delivery](t, http.StatusOK)(s.fetch(http.MethodGet, s.info.Sink.LogURL, nil)); len(log) != 1 || log[0].Verified || log[0].Scheme != "none" {
		t.Errorf("an unsigned delivery is logged as %+v", log)
	}
	if list := s.all(t, ""); len(list) != 0 {
		t.Errorf("a new server has orders: %+v", list)
	}
	s.mine(t, 1)
}

// reachableFromHereOnly tries every port through the machine's other addresses.
func reachableFromHereOnly(t *testing.T, s *server) { // case 52
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, own := range []string{s.info.BaseURL, s.info.Chain.RPCURL, s.info.Chain.ControlURL, s.info.Sink.URL} {
		parsed, err := url.Parse(own)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range addresses {
			network, ok := a.(*net.IPNet)
			if !ok || network.IP.IsLoopback() || network.IP.IsLinkLocalUnicast() {
				continue
			}
			if c, err := net.DialTimeout("tcp", net.JoinHostPort(network.IP.String(), parsed.Port()), time.Second); err == nil {
				c.Close()
				t.Errorf("%s is reachable at %s", own, network.IP)
			}
		}
	}
}

// isRich checks what the payer owns: 1,000 ETH and a thousand million of each token.
func isRich(t *testing.T, s *server) {
	t.Helper()
	ether, err := s.node.BalanceAt(bounded(t), s.address(), nil)
	if want, _ := new(big.Int).SetString("1000000000000000000000", 10); err != nil || ether.Cmp(want) != 0 {
		t.Errorf("the payer has %v wei, %v", ether, err)
	}
	for currency, decimals := range map[string]uint8{"USDT": 6, "USDC": 6, "DAI": 18} {
		if s.info.Chain.Tokens[currency].Decimals != decimals {
			t.Errorf("%s has %d decimals", currency, s.info.Chain.Tokens[currency].Decimals)
		}
		if held := s.held(t, currency, s.address().Hex()); held.Cmp(s.units(t, currency, "1000000000")) != 0 {
			t.Errorf("the payer has %s of %s", held, currency)
		}
	}
}
