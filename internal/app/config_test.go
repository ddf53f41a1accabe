package app

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"till/internal/dialect/payin"
	"till/internal/engine"
	"till/internal/rail/evm"
	"till/internal/secrets"
)

const (
	goodContract  = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
	wrongChecksum = "0x5FbDB2315678afecb367f032d93F642f64180aA3"
	masterKey     = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
)

func TestTemplateIsTheDefaults(t *testing.T) {
	got, err := decode(Template)
	if err != nil {
		t.Fatal(err)
	}
	if want := Defaults(); !reflect.DeepEqual(got, want) {
		t.Errorf("the template says\n%+v\nthe defaults are\n%+v", got, want)
	}
	empty, err := decode("")
	if err != nil || !reflect.DeepEqual(empty, got) {
		t.Errorf("an empty file says\n%+v %v", empty, err)
	}
}

// The example of a network of one's own is a comment, so it is read too.
func TestTemplateHasEveryKey(t *testing.T) {
	var example []string
	lines := strings.Split(Template, "\n")
	for _, line := range lines[slices.Index(lines, "#[networks.my-chain]"):] {
		example = append(example, strings.TrimPrefix(line, "#"))
	}
	// A pool has no key of its own to show: the example's is one that everybody knows.
	text := Template + strings.Join(example, "\n") + "\n[pools.default]\nmerchant = \"default\"\nmode = \"live\"\nxpub = \"" + junkXPub + "\"\nahead = 200\nstart = 0\nhouse = false\n"
	if _, err := load(t, text); err != nil {
		t.Fatal(err)
	}
	md, err := toml.Decode(text, new(map[string]any))
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{"": true, "networks": true, "pools": true, "methods": true, "methods.ID": true, "notify": true, "networks.ID.limits": true, "banks": true, "gateways": true, "psp": true, "banks.ID.virtual": true, "baanx.products": true, "baanx.products.ID": true}
	for _, key := range md.Keys() {
		there[keyPattern(key)] = true
	}
	if len(knownKeys) < 25 {
		t.Errorf("only %d keys are known", len(knownKeys))
	}
	for key := range knownKeys {
		if !there[key] {
			t.Errorf("%s is not in the template", key)
		}
	}
	for _, n := range Catalogue() {
		for _, key := range []string{"enabled", "rpc", "confirmations", "poll"} {
			if !md.IsDefined("networks", n.ID, key) {
				t.Errorf("networks.%s.%s is not in the template", n.ID, key)
			}
		}
	}
}

func TestDefaultConfig(t *testing.T) {
	dir := t.TempDir()
	cfg, err := LoadConfig(write(t, dir, "till.toml", ""), noEnv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Addr != "127.0.0.1:4488" || cfg.TLS != nil || cfg.PublicURL != "" || cfg.TrustedProxies != nil {
		t.Errorf("%+v", cfg)
	}
	if cfg.Guard.AllowPrivate || cfg.Guard.AllowHTTP {
		t.Error("webhooks may go anywhere")
	}
	if cfg.Database != filepath.Join(dir, "till.db") || cfg.Dir != dir {
		t.Errorf("%s, %s", cfg.Database, cfg.Dir)
	}
	if info, err := os.Stat(filepath.Join(dir, "master.key")); err != nil || info.Mode().Perm() != 0o600 || cfg.Box == nil {
		t.Errorf("the master key: %v %v", info, err)
	}
	if len(cfg.Networks) != len(Catalogue()) {
		t.Errorf("%d networks", len(cfg.Networks))
	}
	for _, n := range cfg.Networks {
		if n.Poll != 4*time.Second || n.RPC != nil {
			t.Errorf("%+v", n)
		}
	}
	if cfg.Log.Enabled(t.Context(), slog.LevelDebug) || !cfg.Log.Enabled(t.Context(), slog.LevelInfo) {
		t.Error("the log's level is not info")
	}
}

func TestConfigSaysEverything(t *testing.T) {
	dir := t.TempDir()
	writePair(t, dir)
	text := `
[server]
addr = "0.0.0.0:0"
public_url = "https://pay.example.com/till/"
trusted_proxies = ["10.0.0.0/8", "::1", "192.168.1.77/24"]
tls_cert = "cert.pem"
tls_key = "key.pem"
[database]
url = "sub/orders.db"
[secrets]
master_key_file = "` + dir + `/other.key"
[webhooks]
allow_private = true
allow_http = true
[log]
level = "debug"
format = "json"
[networks.ethereum-mainnet]
enabled = false
[networks.ethereum-sepolia]
rpc = ["https://node.example/secret-path", "http://127.0.0.1:8545"]
confirmations = 5
poll = "250ms"
chain_id = 11155111
mode = "sandbox"
tokens = [{ code = "USDC", decimals = 6, contract = "0x1c7d4b196cb0c7b01d743fbc6116a902379c7238" }]
[networks.polygon-amoy]
tokens = [{ code = "USDT", decimals = 6, contract = "` + goodContract + `" }]
[networks.my-chain]
chain_id = 31337
mode = "live"
tokens = [{ code = "EURX", decimals = 0, contract = "` + strings.ToLower(goodContract) + `" }]
`
	var log bytes.Buffer
	cfg, err := LoadConfig(write(t, dir, "till.toml", text), noEnv, &log)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Addr != "0.0.0.0:0" || cfg.TLS == nil || cfg.PublicURL != "https://pay.example.com/till" {
		t.Errorf("%+v", cfg)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("192.168.1.0/24")}
	if !reflect.DeepEqual(cfg.TrustedProxies, want) {
		t.Errorf("%v", cfg.TrustedProxies)
	}
	if cfg.Database != filepath.Join(dir, "sub/orders.db") || !cfg.Guard.AllowPrivate || !cfg.Guard.AllowHTTP {
		t.Errorf("%+v", cfg)
	}
	if _, err := os.Stat(filepath.Join(dir, "other.key")); err != nil {
		t.Error(err)
	}
	if cfg.Log.Debug("x"); !strings.HasPrefix(log.String(), "{") {
		t.Errorf("the log is %q", log.String())
	}
	byID := map[string]Network{}
	for _, n := range cfg.Networks {
		byID[n.ID] = n
	}
	if _, there := byID["ethereum-mainnet"]; there || len(byID) != len(Catalogue()) {
		t.Errorf("%d networks", len(byID))
	}
	sepolia := byID["ethereum-sepolia"]
	if sepolia.Confirmations != 5 || sepolia.Poll != 250*time.Millisecond || len(sepolia.Tokens) != 2 ||
		!reflect.DeepEqual(sepolia.RPC, []string{"https://node.example/secret-path", "http://127.0.0.1:8545"}) {
		t.Errorf("%+v", sepolia)
	}
	if amoy := byID["polygon-amoy"]; len(amoy.Tokens) != 2 || amoy.Tokens[1].Contract != goodContract {
		t.Errorf("%+v", amoy)
	}
	own := byID["my-chain"]
	if own.Name != "my-chain" || own.Mode != engine.Live || own.ChainID != 31337 || own.Confirmations != 12 || own.Rail != "evm:my-chain" ||
		own.Tokens[0].Contract != goodContract || own.Tokens[0].Asset.String() != "EURX/0@my-chain" {
		t.Errorf("%+v", own)
	}
}

// Each mistake is one line with the line of the file and the key.
func TestConfigRefuses(t *testing.T) {
	own := func(more string) string { return "[networks.own]\nchain_id = 5\nmode = \"sandbox\"\n" + more }
	token := func(fields string) string { return own("tokens = [{" + fields + "}]") }
	tests := []struct{ name, text, where, what string }{
		{"no TOML", "server = = 1", "line 1", "server"},
		{"a key twice", "[log]\nlevel = \"info\"\nlevel = \"info\"", "line 3", "log.level"},
		{"unknown table", "[sever]\n", "line 1", "sever: unknown key"},
		{"unknown key", "[server]\n\nadress = 1", "line 3", "server.adress: unknown key"},
		{"another case", "[server]\nAddr = \"127.0.0.1:1\"", "line 2", "server.Addr: unknown key"},
		{"a dotted name", "\"server.addr\" = \"127.0.0.1:1\"", "line 1", "\"server.addr\": unknown key"},
		{"unknown key of a network", "[networks.ethereum-mainnet]\nrcp = []", "line 2", "networks.ethereum-mainnet.rcp: unknown key"},
		{"unknown key of a token", token("code=\"A\", scale=6"), "line 4", "networks.own.tokens.scale: unknown key"},
		{"a private key (case 93)", "[networks.ethereum-mainnet]\nprivate_key = \"x\"", "line 2", "networks.ethereum-mainnet.private_key: unknown key"},
		{"text for a table", "server = \"x\"", "line 1", "server"},
		{"number for a text", "[server]\naddr = 4488", "line 2", "server.addr"},
		{"text for a truth", "[webhooks]\nallow_http = \"no\"", "line 2", "webhooks.allow_http"},
		{"text for a list", "[networks.ethereum-mainnet]\nrpc = \"https://x.example\"", "line 2", "networks.ethereum-mainnet.rpc"},
		{"number for a network", "[networks]\nx = 1", "line 2", "networks.x"},

		{"no port", "[server]\naddr = \"127.0.0.1\"", "line 2", "server.addr: want HOST:PORT"},
		{"a named port", "[server]\naddr = \"127.0.0.1:http\"", "line 2", "server.addr: the port"},
		{"a large port", "[server]\naddr = \"127.0.0.1:65536\"", "line 2", "server.addr: the port"},
		{"every address (case 52)", "[server]\naddr = \"0.0.0.0:4488\"", "line 2", "server.allow_non_loopback"},
		{"every address of IPv6 (case 52)", "[server]\naddr = \"[::]:4488\"", "line 2", "server.allow_non_loopback"},
		{"no host (case 52)", "[server]\naddr = \":4488\"", "line 2", "server.allow_non_loopback"},
		{"a name (case 52)", "[server]\naddr = \"pay.example:4488\"", "line 2", "server.allow_non_loopback"},
		{"public URL without host", "[server]\npublic_url = \"https:///x\"", "line 2", "server.public_url: want an http"},
		{"public URL of another scheme", "[server]\npublic_url = \"ftp://x.example\"", "line 2", "server.public_url: want an http"},
		{"public URL with a query", "[server]\npublic_url = \"https://x.example/?a\"", "line 2", "server.public_url: want scheme"},
		{"public URL with a password", "[server]\npublic_url = \"https://u:p@x.example\"", "line 2", "server.public_url: want scheme"},
		{"proxy by name", "[server]\ntrusted_proxies = [\"proxy\"]", "line 2", "server.trusted_proxies"},
		{"every proxy", "[server]\ntrusted_proxies = [\"0.0.0.0/0\"]", "line 2", "server.trusted_proxies"},
		{"certificate alone", "[server]\ntls_cert = \"c.pem\"", "", "server.tls_key: is missing"},
		{"key alone", "[server]\ntls_key = \"k.pem\"", "", "server.tls_cert: is missing"},
		{"no such certificate", "[server]\ntls_cert = \"c.pem\"\ntls_key = \"k.pem\"", "line 2", "server.tls_cert"},
		{"no database", "[database]\nurl = \"\"", "line 2", "database.url: is empty"},
		{"a folder", "[database]\nurl = \"here/\"", "line 2", "database.url: want a file"},
		{"another database", "[database]\nurl = \"mysql://u:hunter2@db/till\"", "line 2", "database.url: want the path"},
		{"no key file", "[secrets]\nmaster_key_file = \"\"", "", "secrets.master_key_file"},
		{"no such level", "[log]\nlevel = \"INFO\"", "line 2", "log.level: want"},
		{"no such format", "[log]\nformat = \"xml\"", "line 2", "log.format: want"},

		{"a host with a scheme", "[payin]\nhosts = [\"https://payin.example.com\"]", "line 2", "payin.hosts: \"https://payin.example.com\" is no host name"},
		{"fewer requests than none", "[payin]\nrequests_per_hour = -1", "line 2", "payin.requests_per_hour: is a number"},
		{"name of a network", "[networks.My_Chain]\nchain_id = 5", "line 1", "networks.My_Chain"},
		{"an empty name", "[networks.\"\"]\nchain_id = 5", "line 1", "networks.\"\""},
		{"another chain id", "[networks.ethereum-mainnet]\nchain_id = 5", "line 2", "networks.ethereum-mainnet.chain_id: this network has chain id 1"},
		{"another mode", "[networks.ethereum-sepolia]\nmode = \"live\"", "line 2", "networks.ethereum-sepolia.mode: this network is sandbox"},
		{"no chain id", "[networks.own]\nmode = \"live\"", "line 1", "networks.own.chain_id"},
		{"chain id below zero", "[networks.own]\nchain_id = -1", "line 2", "networks.own.chain_id"},
		{"a test network under another name", "[networks.own]\nchain_id = 11155111\nmode = \"live\"", "line 2", "networks.own.chain_id: chain 11155111 is the network ethereum-sepolia"},
		{"a chain twice", token("code=\"A\", decimals=6, contract=\""+goodContract+"\"") + "\n[networks.pwn]\nchain_id = 5", "line 6", "networks.pwn.chain_id: chain 5 is the network own"},
		{"no mode", "[networks.own]\nchain_id = 5", "line 1", "networks.own.mode"},
		{"no such mode", "[networks.own]\nchain_id = 5\nmode = \"test\"", "line 3", "networks.own.mode"},
		{"no confirmations", own("confirmations = 0"), "line 4", "networks.own.confirmations"},
		{"too many confirmations", "[networks.ethereum-mainnet]\nconfirmations = 257", "line 2", "networks.ethereum-mainnet.confirmations"},
		{"poll without a unit", own("poll = 4"), "line 4", "networks.own.poll"},
		{"poll in words", own("poll = \"often\""), "line 4", "networks.own.poll"},
		{"poll too often", own("poll = \"4ns\""), "line 4", "networks.own.poll"},
		{"poll too rarely", own("poll = \"11m\""), "line 4", "networks.own.poll"},
		{"a long name", own("name = \"" + strings.Repeat("x", 65) + "\""), "line 4", "networks.own.name"},
		{"no tokens", own(""), "line 1", "networks.own.tokens: a network"},
		{"no decimals", token("code=\"A\", contract=\"" + goodContract + "\""), "line 4", "networks.own.tokens: token 1: decimals"},
		{"too many decimals", token("code=\"A\", decimals=37, contract=\"" + goodContract + "\""), "line 4", "networks.own.tokens: token 1: decimals"},
		{"decimals below zero", token("code=\"A\", decimals=-1, contract=\"" + goodContract + "\""), "line 4", "networks.own.tokens: token 1: decimals"},
		{"a code with a dot", token("code=\"usdt.e\", decimals=6, contract=\"" + goodContract + "\""), "line 4", "networks.own.tokens: token 1: code"},
		{"no contract", token("code=\"A\", decimals=6"), "line 4", "networks.own.tokens: token 1: contract"},
		{"a wrong checksum (case 32)", token("code=\"A\", decimals=6, contract=\"" + wrongChecksum + "\""), "line 4", "networks.own.tokens: token 1: contract: the upper and lower case"},
		{"another chain's address (case 32)", token("code=\"A\", decimals=6, contract=\"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t\""), "line 4", "networks.own.tokens: token 1: contract"},
		{"another contract for a token", "[networks.ethereum-sepolia]\ntokens=[{code=\"USDT\", decimals=6, contract=\"" + goodContract + "\"}]", "line 2", "networks.ethereum-sepolia.tokens: token 1: USDT"},
		{"other decimals for a token", "[networks.ethereum-sepolia]\ntokens=[{code=\"USDT\", decimals=18, contract=\"0xaA8E23Fb1079EA71e0a56F48a2aA51851D8433D0\"}]", "line 2", "networks.ethereum-sepolia.tokens: token 1: USDT"},
		{"another code for a contract", "[networks.ethereum-sepolia]\ntokens=[{code=\"TETHER\", decimals=6, contract=\"0xaA8E23Fb1079EA71e0a56F48a2aA51851D8433D0\"}]", "line 2", "networks.ethereum-sepolia.tokens: token 1: USDT"},
		{"a socket", "[networks.ethereum-sepolia]\nrpc = [\"wss://node.example/hunter2\"]", "line 2", "networks.ethereum-sepolia.rpc: URL 1"},
		{"no URL", "[networks.ethereum-sepolia]\nrpc = [\"https://node.example\", \"http://hunter2\\u0000\"]", "line 2", "networks.ethereum-sepolia.rpc: URL 2"},
		{"a disabled one is checked too", "[networks.ethereum-sepolia]\nenabled = false\npoll = \"0s\"", "line 3", "networks.ethereum-sepolia.poll"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := load(t, test.text)
			if err == nil {
				t.Fatal("it was taken")
			}
			text := err.Error()
			if !strings.Contains(text, test.where) || !strings.Contains(text, test.what) || strings.Contains(text, "\n") {
				t.Errorf("%s\nwant %q and %q", text, test.where, test.what)
			}
			if strings.Contains(text, "hunter2") {
				t.Errorf("the error repeats a secret: %s", text)
			}
		})
	}
}

func TestRequestLimits(t *testing.T) {
	cfg, err := load(t, "[payin]\nrequests_per_minute = 100\nrequests_per_hour = 1000\nrequests_per_day = 10000")
	if want := (payin.Limits{PerMinute: 100, PerHour: 1000, PerDay: 10000}); err != nil || cfg.PayIn != want {
		t.Errorf("%+v %v", cfg.PayIn, err)
	}
	if cfg, err = load(t, ""); err != nil || cfg.PayIn != (payin.Limits{}) {
		t.Errorf("by default %+v %v", cfg.PayIn, err)
	}
}

func TestNonLoopback(t *testing.T) { // case 52
	for _, addr := range []string{"127.0.0.1:0", "127.9.9.9:0", "[::1]:0", "localhost:0", "[::ffff:127.0.0.1]:0"} {
		if _, err := load(t, "[server]\naddr = \""+addr+"\""); err != nil {
			t.Error(err)
		}
	}
	cfg, err := load(t, "[server]\naddr = \"0.0.0.0:4488\"\nallow_non_loopback = true")
	if err != nil || cfg.Addr != "0.0.0.0:4488" {
		t.Errorf("%+v %v", cfg, err)
	}
}

func TestConfigFile(t *testing.T) {
	if _, err := LoadConfig(filepath.Join(t.TempDir(), "none.toml"), noEnv, io.Discard); err == nil || !strings.Contains(err.Error(), "none.toml") {
		t.Errorf("a file that is not there: %v", err)
	}
	t.Chdir(t.TempDir())
	cfg, err := LoadConfig("", noEnv, io.Discard)
	if err != nil || cfg.Addr != Defaults().Server.Addr {
		t.Errorf("without a file: %+v %v", cfg, err)
	}
	write(t, ".", "till.toml", "[server]\naddr = \"127.0.0.1:1\"")
	if cfg, err = LoadConfig("", noEnv, io.Discard); err != nil || cfg.Addr != "127.0.0.1:1" {
		t.Errorf("the folder's file: %+v %v", cfg, err)
	}
}

func TestConfigEnvironment(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "till.toml", "[database]\nurl = \"\"")
	env := map[string]string{"TILL_DATABASE_URL": "other.db", "TILL_MASTER_KEY": masterKey, "TILL_SERVER_ADDR": "0.0.0.0:1"}
	cfg, err := LoadConfig(path, func(name string) string { return env[name] }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Database != filepath.Join(dir, "other.db") || cfg.Addr != "127.0.0.1:4488" {
		t.Errorf("%+v", cfg)
	}
	box, err := secrets.FromText(masterKey)
	if err != nil || cfg.Box.KeyID() != box.KeyID() {
		t.Errorf("the key of the environment was not taken: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "master.key")); !os.IsNotExist(err) {
		t.Errorf("a key file was made beside: %v", err)
	}

	for name, value := range map[string]string{"TILL_DATABASE_URL": "mysql://u:hunter2@db/x", "TILL_MASTER_KEY": "hunter2"} {
		_, err := LoadConfig(path, func(asked string) string {
			if asked == name {
				return value
			}
			return env[asked]
		}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "till.toml") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A new key beside an old database would open nothing that is in it.
func TestMasterKeyIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "till.toml", "")
	write(t, dir, "till.db", "")
	_, err := LoadConfig(path, noEnv, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "secrets.master_key_file") || !strings.Contains(err.Error(), "put the file back") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "master.key")); !os.IsNotExist(err) {
		t.Errorf("a key was made: %v", err)
	}
	write(t, dir, "master.key", masterKey)
	if _, err := LoadConfig(path, noEnv, io.Discard); err != nil {
		t.Error(err)
	}
}

// TestCatalogue: the networks and their tokens, with the contracts that they are known by. A wrong contract would be
// money that nobody is told of.
func TestCatalogue(t *testing.T) {
	tests := []struct {
		id            string
		chain         uint64
		mode          engine.Mode
		confirmations int
		tokens        string
	}{
		{"ethereum-mainnet", 1, engine.Live, 12, `
			USDC/6 0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48
			USDT/6 0xdac17f958d2ee523a2206206994597c13d831ec7
			DAI/18 0x6b175474e89094c44da98b954eedeac495271d0f`},
		{"ethereum-sepolia", 11155111, engine.Sandbox, 3, `
			USDC/6 0x1c7d4b196cb0c7b01d743fbc6116a902379c7238
			USDT/6 0xaa8e23fb1079ea71e0a56f48a2aa51851d8433d0`},
		{"polygon-mainnet", 137, engine.Live, 128, `
			USDC/6 0x3c499c542cef5e3811e1192ce70d8cc03d5c3359
			USDT/6 0xc2132d05d31c914a87c6611c10748aeb04b58e8f
			DAI/18 0x8f3cf7ad23cd3cadbd9735aff958023239c6a063`},
		{"polygon-amoy", 80002, engine.Sandbox, 10, `
			USDC/6 0x41e94eb019c0762f9bfcf9fb1e58725bfb0e7582`},
		{"arbitrum-mainnet", 42161, engine.Live, 64, `
			USDC/6 0xaf88d065e77c8cc2239327c5edb3a432268e5831
			USDT/6 0xfd086bc7cd5c481dcc9c85ebe478a1c0b69fcbb9
			DAI/18 0xda10009cbd5d07dd0cecc66161fc93d7c9000da1`},
		{"arbitrum-sepolia", 421614, engine.Sandbox, 3, `
			USDC/6 0x75faf114eafb1bdbe2f0316df893fd58ce46aa4d`},
		{"xlayer-mainnet", 196, engine.Live, 10, `
			USDC/6 0x74b7f16337b8972027f6196a17a631ac6de26d22
			USDT/6 0x779ded0c9e1022225f8e0630b35a9b54be713736`},
	}
	list := Catalogue()
	if len(list) != len(tests) {
		t.Fatalf("%d networks", len(list))
	}
	for i, test := range tests {
		n := list[i]
		var tokens []string
		for _, token := range n.Tokens {
			tokens = append(tokens, strings.TrimSuffix(token.Asset.String(), "@"+n.ID), strings.ToLower(token.Contract))
			if canonical, ok, err := evm.ParseAddress(token.Contract); err != nil || !ok || canonical != token.Contract {
				t.Errorf("%s: %s is not the canonical spelling of an address", n.ID, token.Contract) // case 32
			}
		}
		if n.ID != test.id || n.ChainID != test.chain || n.Mode != test.mode || n.Confirmations != test.confirmations ||
			!slices.Equal(tokens, strings.Fields(test.tokens)) || n.Family != engine.EVM || n.Rail != evmRail(n.ID) || n.Name == "" {
			t.Errorf("%+v\nwant %+v", n, test)
		}
	}
}

// Reading a config must not change what the next one starts from.
func TestDefaultsAreFresh(t *testing.T) {
	before := Defaults()
	text := "[server]\ntrusted_proxies = [\"10.0.0.1\"]\n[networks.ethereum-mainnet]\nrpc = [\"https://x.example\"]\n" +
		"tokens = [{ code = \"A\", decimals = 1, contract = \"" + goodContract + "\" }]"
	if _, err := load(t, text); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(before, Defaults()) || len(Catalogue()[0].Tokens) != 3 {
		t.Error("the defaults changed")
	}
}

func noEnv(string) string { return "" }

// load loads a config file of its own folder.
func load(t *testing.T, text string) (Config, error) {
	t.Helper()
	return LoadConfig(write(t, t.TempDir(), "till.toml", text), noEnv, io.Discard)
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// writePair writes cert.pem and key.pem for 127.0.0.1 and returns what trusts them.
func writePair(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	write(t, dir, "cert.pem", string(certPEM))
	write(t, dir, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return pool
}
