package app

import (
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"till/internal/engine"
	"till/internal/rail/evm"
	"till/internal/simchain"
)

// The account m/44'/60'/0' of the mnemonic that every development chain has, in both halves.
const (
	junkXPub    = "xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP"
	junkFirst   = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
	otherXPub   = "xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5"
	somePrivate = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"
)

func poolText(fields string) string { return "[pools.default]\n" + fields }

func TestPools(t *testing.T) {
	cfg, err := load(t, `
[pools.default]
mode = "live"
xpub = "`+junkXPub+`"
[pools.default-test]
merchant = "default"
mode = "sandbox"
xpub = "`+otherXPub+`"
ahead = 7
start = 1000
`)
	if err != nil || len(cfg.Pools) != 2 {
		t.Fatalf("%+v %v", cfg.Pools, err)
	}
	live, test := cfg.Pools[0], cfg.Pools[1]
	if live.Pool != (engine.Pool{Merchant: "default", Mode: engine.Live, Family: engine.EVM}) || live.Ahead != 200 || live.Start != 0 || live.Key.Key() != junkXPub {
		t.Errorf("%+v", live)
	}
	if test.Pool != (engine.Pool{Merchant: "default", Mode: engine.Sandbox, Family: engine.EVM}) || test.Ahead != 7 || test.Start != 1000 || test.Name != "default-test" {
		t.Errorf("%+v", test)
	}
	for _, key := range []string{"merchant", "mode", "xpub", "ahead", "start"} {
		if !strings.Contains(Template, "\n#"+key+" = ") {
			t.Errorf("%s is not in the template", key)
		}
	}
}

// case 93: a private key is refused by name and line, and never repeated.
func TestPoolsRefuse(t *testing.T) {
	good := "mode = \"live\"\nxpub = \"" + junkXPub + "\"\n"
	for _, test := range []struct{ name, text, where, what string }{
		{"a private key", poolText("mode = \"live\"\nxpub = \"" + somePrivate + "\""), "line 3: pools.default.xpub", "PRIVATE key"},
		{"a mnemonic", poolText("mode = \"live\"\nxpub = \"test test test test test test test test test test test junk\""), "line 3: pools.default.xpub", "mnemonic"},
		{"no key", poolText("mode = \"live\""), "pools.default.xpub", "begins with xpub"},
		{"a typing error", poolText("mode = \"live\"\nxpub = \"" + junkXPub[:60] + "1" + junkXPub[61:] + "\""), "line 3: pools.default.xpub", "begins with xpub"},
		{"no mode", poolText("xpub = \"" + junkXPub + "\""), "pools.default.mode", "live or sandbox"},
		{"another mode", poolText("mode = \"test\"\nxpub = \"" + junkXPub + "\""), "line 2: pools.default.mode", "live or sandbox"},
		{"too many ahead", poolText(good + "ahead = 10001"), "line 4: pools.default.ahead", "1 to 10000"},
		{"fewer than none", poolText(good + "start = -1"), "line 4: pools.default.start", "0 to 2147483647"},
		{"an unknown key", poolText(good + "confirmations = 5"), "line 4: pools.default.confirmations", "unknown key"},
		{"one pool twice", poolText(good) + "[pools.z]\nmerchant = \"default\"\nmode = \"live\"\nxpub = \"" + otherXPub + "\"", "line 4: pools.z", "same merchant and mode"},
		{"one key twice", poolText(good) + "[pools.z]\nmode = \"sandbox\"\nxpub = \"" + junkXPub + "\"", "line 6: pools.z.xpub", "same key"},
	} {
		_, err := load(t, test.text)
		if err == nil || !strings.Contains(err.Error(), test.where) || !strings.Contains(err.Error(), test.what) {
			t.Errorf("%s: %v", test.name, err)
		}
		if err != nil && (strings.Contains(err.Error(), somePrivate[10:30]) || strings.Contains(err.Error(), "junk") || strings.Contains(err.Error(), junkXPub[10:30])) {
			t.Errorf("%s is repeated: %v", test.name, err)
		}
	}
}

// A server with a public key gives its addresses to orders, on a real chain, and never one twice, also after a
// restart. cases 31 and 88: an older copy of the database is found out.
func TestDerivedAddresses(t *testing.T) {
	chain, err := simchain.Start(simchain.Config{BlockTime: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	dir := t.TempDir()
	text := networksOff + ownNetwork(chain, chain.ChainID()) + poolText("mode = \"sandbox\"\nahead = 5\nxpub = \""+junkXPub+"\"\n")
	xpub, err := evm.ParseXPub(junkXPub)
	if err != nil {
		t.Fatal(err)
	}
	a := startIn(t, dir, text, io.Discard)
	keys, err := a.FirstStart(t.Context(), filepath.Join(dir, FirstKeysFile))
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, a, "sim", []reason{})
	next := int64(0)
	order := func(name string) {
		t.Helper()
		want, _ := xpub.Address(next)
		next++
		body := `{"orderReference":"` + name + `","amount":"1.00","currency":"USDT","chainId":"sim"}`
		code, got := post(t, a, keys.APIKeys["payin"].Test, body)
		if code != http.StatusCreated || !strings.Contains(strings.ToLower(got), strings.ToLower(want)) {
			t.Errorf("%d %s, want the address %s", code, got, want)
		}
	}
	order("A")
	if first, _ := xpub.Address(0); first != junkFirst {
		t.Errorf("index 0 is %s", first)
	}
	copied := filepath.Join(t.TempDir(), "till.db")
	if err := a.store.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(dir, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(copied), "master.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	stop(t, a)
	a = startIn(t, dir, text, io.Discard)
	waitFor(t, a, "sim", []reason{})
	pool := engine.Pool{Merchant: "default", Mode: engine.Sandbox, Family: engine.EVM}
	for _, name := range []string{"B", "C", "D", "E", "F", "G", "H"} {
		for end := time.Now().Add(deadline); time.Now().Before(end); <-time.After(10 * time.Millisecond) {
			if c, err := a.Engine.InstrumentCounts(t.Context(), pool); err != nil || c.Free > 0 {
				break
			}
		}
		order(name)
	}
	stop(t, a)

	// The last order is paid, and the copy knows nothing of it.
	last, _ := xpub.Address(next - 1)
	if _, err := chain.Transfer(t.Context(), chain.Tokens()["USDT"].Address, common.HexToAddress(last), big.NewInt(1_000_000)); err != nil {
		t.Fatal(err)
	}
	chain.Mine(1)
	var log locked
	a = startIn(t, filepath.Dir(copied), text, &log)
	waitFor(t, a, "sim", []reason{addressGap})
	if said := log.String(); !strings.Contains(said, "backup") || !strings.Contains(said, "pools.default.start to 8") || strings.Contains(said, junkXPub) {
		t.Errorf("log: %s", said)
	}
	stop(t, a)
	a = startIn(t, filepath.Dir(copied), text+"start = 8\n", io.Discard)
	waitFor(t, a, "sim", []reason{})
}
