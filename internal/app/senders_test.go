package app

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/simchain"
	"till/internal/verify"
)

// The hot wallet of these tests: a key file as geth writes it, with little scrypt.
const (
	walletFile = `{"address":"e1b11d84da8765c1f7b7dd66bb852702355c9661","crypto":{"cipher":"aes-128-ctr","ciphertext":"ffa7b1d08e33103322a77a79e5685910a7ed0adafff0f8e8be818d4f7f262b97",` +
		`"cipherparams":{"iv":"fc351da0fbd286f250d5b28ba0e8763b"},"kdf":"scrypt","kdfparams":{"dklen":32,"n":4096,"p":6,"r":8,` +
		`"salt":"a05e334153147e75f3f416139b5109d1179cb56fef6a4ecb4c4cbc92a7c37b70"},"mac":"52a41831d2ff815ed54f9f37e0904ca58366c2b99ab513919d945338eb3b084c"},` +
		`"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}`
	walletPassword = "correct horse"
	walletKey      = "94cf071c1ab8b51c33682fc6be860e751c4c23eff510006b291ebf300b4ed351"
	walletAddress  = "0xE1B11d84Da8765C1F7b7Dd66bB852702355c9661"
	walletEnv      = "TILL_TEST_WALLET"
)

func walletIs(name string) string {
	if name == walletEnv {
		return walletPassword
	}
	return ""
}

// paying is a server whose hot wallet has 100 USDT and a little of the coin, on a chain of this process.
type paying struct {
	t      *testing.T
	chain  *simchain.Chain
	dir    string
	config string
	to     string
}

func newPaying(t *testing.T, database string) *paying {
	t.Helper()
	chain, err := simchain.Start(simchain.Config{BlockTime: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	wallet := common.HexToAddress(walletAddress)
	if _, err := chain.Fund(t.Context(), wallet, big.NewInt(params.Ether)); err != nil {
		t.Fatal(err)
	}
	if _, err := chain.Transfer(t.Context(), chain.Tokens()["USDT"].Address, wallet, big.NewInt(100_000_000)); err != nil {
		t.Fatal(err)
	}
	p := &paying{t: t, chain: chain, dir: t.TempDir()}
	p.to = common.BytesToAddress(crypto.Keccak256([]byte(t.Name()))).Hex()
	write(t, p.dir, "hot.json", walletFile)
	text := networksOff + ownNetwork(chain, chain.ChainID()) + "coin = \"ETH\"\n[networks.sim.sender]\nkeystore = \"hot.json\"\npassword_env = \"" + walletEnv + "\"\n" +
		"[server]\naddr = \"127.0.0.1:0\"\n[log]\nlevel = \"debug\"\n" + database
	p.config = write(t, p.dir, "till.toml", text)
	return p
}

func (p *paying) load(logTo io.Writer) Config {
	p.t.Helper()
	cfg, err := LoadConfig(p.config, walletIs, logTo)
	if err != nil {
		p.t.Fatal(err)
	}
	return cfg
}

// prepare puts an order on record that is paid in EUR and waits to be sent as 5 USDT.
func (p *paying) prepare() {
	p.t.Helper()
	cfg := p.load(io.Discard)
	db, err := openStore(p.t.Context(), cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	e := engine.New(db, networks(cfg), nil)
	house, asset := sandboxNetwork(), cfg.Networks[0].Tokens[0].Asset
	eur, err := house.Asset("EUR")
	if err != nil {
		p.t.Fatal(err)
	}
	if err := e.SaveMerchant(p.t.Context(), engine.Merchant{ID: "default", Organisation: "default", Name: "Default"}); err != nil {
		p.t.Fatal(err)
	}
	report := func(seen ...rail.Observation) {
		p.t.Helper()
		if err := e.Observe(p.t.Context(), house, engine.Report{Progress: engine.Progress{Rail: house.Rail, Fence: 1}, Seen: seen}); err != nil {
			p.t.Fatal(err)
		}
	}
	report()
	asked := deal("one", engine.Sandbox, house, money.FromInt(eur, 500), engine.Made)
	asked.Destination = engine.Destination{Rail: evmRail("sim"), To: p.to}
	terms := asked.Terms
	asked.Terms = func(plan engine.Plan) (order.Terms, json.RawMessage, error) {
		t, doc, err := terms(plan)
		t.Out, t.To = money.FromInt(asset, 5_000_000), ledger.House.Account(ledger.PayeeOn(string(evmRail("sim"))))
		return t, doc, err
	}
	made, err := e.Create(p.t.Context(), asked)
	if err != nil {
		p.t.Fatal(err)
	}
	report(rail.Observation{External: "payment", Instrument: made.Order.Instrument.Value, Rank: order.RankConfirmed, Amount: made.Order.Terms.Due, Value: time.Now()})
}

func (p *paying) serve(logTo io.Writer) *App {
	p.t.Helper()
	cfg := p.load(logTo)
	cfg.Now = func() time.Time { return time.Now().Add(10 * time.Minute) } // what a process that died had leased is free
	return startWith(p.t, cfg)
}

// delivered waits until the order is delivered, and compares the chain and the books: the money moved once.
func (p *paying) delivered(a *App) {
	p.t.Helper()
	scope := engine.Scope{Merchant: "default", Mode: engine.Sandbox, Dialect: "none"}
	var o *engine.Order
	for end := time.Now().Add(4 * deadline); ; <-time.After(20 * time.Millisecond) {
		var err error
		if o, err = a.Engine.Order(p.t.Context(), scope, "one"); err != nil {
			p.t.Fatal(err)
		}
		if o.State == order.Completed {
			break
		}
		if time.Now().After(end) {
			p.t.Fatalf("the order is %s: %+v %+v", o.State, o.Transfers, o.Sendings)
		}
	}
	from, to := common.HexToHash(walletAddress), common.HexToHash(p.to)
	logs, err := p.chain.Client().FilterLogs(p.t.Context(), ethereum.FilterQuery{
		FromBlock: new(big.Int), Topics: [][]common.Hash{{crypto.Keccak256Hash([]byte("Transfer(address,address,uint256)"))}, {from}, {to}},
	})
	if err != nil || len(logs) != 1 || new(big.Int).SetBytes(logs[0].Data).Int64() != 5_000_000 {
		p.t.Errorf("%d transfers, %v", len(logs), err)
	} else if ref := o.Sendings[o.Transfers[0].ID].Ref; string(ref) != logs[0].TxHash.Hex() {
		p.t.Errorf("the order names %s, the chain %s", ref, logs[0].TxHash)
	}
	if nonce, err := p.chain.Client().NonceAt(p.t.Context(), common.HexToAddress(walletAddress), nil); err != nil || nonce != 1 || len(o.Transfers) != 1 {
		p.t.Errorf("%d nonces for %d transfers, %v", nonce, len(o.Transfers), err)
	}
	err = a.store.Audit(p.t.Context(), func(r verify.Reader) error {
		report, err := verify.Run(r, verify.Options{})
		if err == nil {
			for _, problem := range report.Problems {
				p.t.Error(problem)
			}
		}
		return err
	})
	if err != nil {
		p.t.Error(err)
	}
}

// The whole server, killed at each marked place between a paid order and its delivery on the chain, pays once.
func TestKilledSending(t *testing.T) {
	program := victimProgram(t)
	for _, place := range []string{"deliver.reserved", "evm.reserved", "evm.signed", "evm.submitted", "evm.noted", "deliver.sent", "evm.found", "evm.bumped"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, database string) { killedSending(t, program, place, database) })
		})
	}
}

func killedSending(t *testing.T, program, place, database string) {
	p := newPaying(t, database)
	p.prepare()
	stuck := place == "evm.bumped"
	if stuck { // no block takes the transaction, so that it is soon offered more
		text, err := os.ReadFile(p.config)
		if err != nil {
			t.Fatal(err)
		}
		write(t, p.dir, "till.toml", strings.Replace(string(text), "keystore =", "bump_after = \"10s\"\nkeystore =", 1))
		p.chain.Pause()
	}
	killServer(t, program, p.config, place, nil)
	first := p.waiting()
	a := p.serve(io.Discard)
	if stuck {
		if first == (common.Hash{}) {
			t.Fatal("no transaction is stuck")
		}
		for end := time.Now().Add(4 * deadline); p.waiting() == first; <-time.After(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s was not offered more", first)
			}
		}
		p.chain.Resume()
	}
	p.delivered(a)
}

// waiting is the hash of the wallet's transaction that no block has taken; zero for none.
func (p *paying) waiting() common.Hash {
	p.t.Helper()
	var pool map[string]map[string]struct{ Hash common.Hash } // pending and queued, by nonce
	if err := p.chain.Client().Client().CallContext(p.t.Context(), &pool, "txpool_contentFrom", common.HexToAddress(walletAddress)); err != nil {
		p.t.Fatal(err)
	}
	return pool["pending"]["0"].Hash
}

// case 92: the hot wallet's key and its password are in no file but their own, and in no log.
func TestHotWalletStaysOffTheDisk(t *testing.T) {
	p := newPaying(t, "")
	p.prepare()
	var log locked
	a := p.serve(&log)
	p.delivered(a)
	waitFor(t, a, "sim", []reason{noAddresses})
	stop(t, a)
	if _, err := Backup(t.Context(), Books{Config: p.config, Env: noEnv, Log: io.Discard}, filepath.Join(p.dir, "copy.db")); err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(walletKey)
	if err != nil {
		t.Fatal(err)
	}
	check := func(where string, text []byte) {
		t.Helper()
		for name, secret := range map[string][]byte{"key": []byte(walletKey), "key in capitals": []byte(strings.ToUpper(walletKey)), "raw key": raw,
			"key as a number": []byte(new(big.Int).SetBytes(raw).String()), "password": []byte(walletPassword)} {
			if bytes.Contains(text, secret) {
				t.Errorf("%s holds the %s", where, name)
			}
		}
	}
	check("the log", []byte(log.String()))
	files := 0
	err = filepath.WalkDir(p.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		check(path, text)
		return err
	})
	if err != nil || files < 4 || !strings.Contains(log.String(), walletEnv) && log.String() == "" {
		t.Errorf("%d files, a log of %d bytes, %v", files, len(log.String()), err)
	}
}

// A wallet that is low on gas is told of by the probe and by the numbers.
func TestWalletLow(t *testing.T) {
	p := newPaying(t, "[metrics]\nenabled = true\n")
	text, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, p.dir, "till.toml", strings.Replace(string(text), "keystore =", "min_coin = \"1.5\"\nkeystore =", 1))
	a := p.serve(io.Discard)
	waitFor(t, a, "sim", []reason{noAddresses, walletLow})
	for end := time.Now().Add(deadline); ; <-time.After(20 * time.Millisecond) {
		_, numbers := visit(t, a, "GET", "/metrics", "")
		missing := ""
		for _, line := range []string{`till_wallet_units{asset="ETH",rail="evm:sim"} 1e+18`, `till_wallet_units{asset="USDT",rail="evm:sim"} 1e+08`,
			`till_wallet_trouble{rail="evm:sim",reason="wallet_low"} 1`, `till_wallet_open_transfers{rail="evm:sim"} 0`} {
			if !strings.Contains(numbers, line) {
				missing = line
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no %s in\n%s", missing, numbers)
		}
	}
}

func TestSenderConfig(t *testing.T) {
	const network = "[networks.ethereum-mainnet]\nrpc = [\"http://127.0.0.1:1\"]\n[networks.ethereum-mainnet.sender]\n"
	signer := network + "signer_url = \"http://127.0.0.1:8550\"\naddress = \"" + walletAddress + "\"\n"
	for name, test := range map[string]struct{ text, want string }{
		"both":               {signer + "keystore = \"hot.json\"", "the key is in one place"},
		"no password":        {network + "keystore = \"hot.json\"", "give one of both"},
		"two passwords":      {network + "keystore = \"hot.json\"\npassword_file = \"a\"\npassword_env = \"B\"", "give one of both"},
		"neither":            {network + "address = \"" + walletAddress + "\"", "neither a keystore nor a signer_url"},
		"an address beside":  {network + "keystore = \"hot.json\"\npassword_file = \"a\"\naddress = \"x\"", "says itself"},
		"no RPC":             {strings.Replace(signer, "\"http://127.0.0.1:1\"", "", 1), "no RPC URL"},
		"no fee":             {signer + "max_fee = \"\"", "gwei"},
		"a fee below a wei":  {signer + "max_fee = \"0.0000000001\"", "gwei"},
		"a negative fee":     {signer + "max_fee = \"-1\"", "gwei"},
		"hasty":              {signer + "bump_after = \"1s\"", "want 10s to"},
		"a coin too fine":    {signer + "min_coin = \"0.0000000000000000001\"", "decimal"},
		"a bad address":      {strings.Replace(signer, walletAddress, "0xe1B11d84Da8765C1F7b7Dd66bB852702355c9661", 1), "address"},
		"an unknown token":   {signer + "[networks.ethereum-mainnet.limits.XYZ]\nper_order = \"1\"", "no token XYZ"},
		"a limit of nothing": {signer + "[networks.ethereum-mainnet.limits.USDT]\nper_order = \"0\"", "above zero"},
		"a limit too fine":   {signer + "[networks.ethereum-mainnet.limits.USDT]\nper_day = \"0.0000001\"", "at most 6 decimals"},
		"another coin":       {"[networks.ethereum-mainnet]\ncoin = \"BTC\"\n", "native coin of this network is ETH"},
		"a house's merchant": {"[pools.x]\nhouse = true\nmerchant = \"m\"\nmode = \"live\"\nxpub = \"" + junkXPub + "\"", "one's or the other's"},
	} {
		if _, err := load(t, test.text); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg, err := load(t, signer+"max_fee = \"1.5\"\nmin_coin = \"0.05\"\nstart_nonce = 7\n[networks.ethereum-mainnet.limits.USDT]\nper_order = \"1000\"\n"+
		"[networks.ethereum-mainnet.limits.ETH]\nper_day = \"2\"\n[pools.house]\nhouse = true\nmode = \"live\"\nxpub = \""+junkXPub+"\"")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range cfg.Networks {
		if n.ID != "ethereum-mainnet" {
			if n.Sender != nil {
				t.Errorf("%s has a hot wallet", n.ID)
			}
			continue
		}
		s := n.Sender
		if s == nil || s.Signer.Address().Hex() != walletAddress || s.MaxFee.Int64() != 1_500_000_000 || s.MinCoin.Units() != "50000000000000000" || s.Start != 7 {
			t.Errorf("the sender is %+v", s)
		}
		if len(n.Limits) != 2 || n.Limits[n.Coin].Day.Units() != "2000000000000000000" {
			t.Errorf("the limits are %+v", n.Limits)
		}
	}
	if len(cfg.Pools) != 1 || !cfg.Pools[0].IsHouse() {
		t.Errorf("the pools are %+v", cfg.Pools)
	}
}

// A key file that others may read is refused, and so is its password's.
func TestHotWalletFiles(t *testing.T) {
	p := newPaying(t, "")
	refused := func(want string, env func(string) string) {
		t.Helper()
		_, err := LoadConfig(p.config, env, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), walletPassword) {
			t.Errorf("the error is %v", err)
		}
	}
	refused("the environment has no "+walletEnv, noEnv)
	refused("password does not fit", func(name string) string {
		return strings.Replace(walletIs(name), "correct", "wrong", 1)
	})
	keystore := filepath.Join(p.dir, "hot.json")
	if err := os.Chmod(keystore, 0o644); err != nil {
		t.Fatal(err)
	}
	refused("others than its owner", walletIs)
	if err := os.Chmod(keystore, 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, p.dir, "till.toml", strings.Replace(string(text), "password_env = \""+walletEnv+"\"", "password_file = \"password\"", 1))
	refused("hot-wallet.md", noEnv)
	password := write(t, p.dir, "password", walletPassword+"\n")
	if err := os.Chmod(password, 0o640); err != nil {
		t.Fatal(err)
	}
	refused("others than its owner", noEnv)
	if err := os.Chmod(password, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadConfig(p.config, noEnv, io.Discard)
	if err != nil || cfg.Networks[0].Sender.Signer.Address().Hex() != walletAddress {
		t.Errorf("%v", err)
	}
	if err := os.Remove(keystore); err != nil {
		t.Fatal(err)
	}
	refused("hot-wallet.md", noEnv)
	if _, err := ReadConfig(p.config, noEnv, io.Discard); err != nil {
		t.Errorf("a command that only reads: %v", err)
	}
}
