package simchain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"
	"go.uber.org/goleak"
)

const testKey = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"

var someone = common.HexToAddress("0x1000000000000000000000000000000000000001")

// clock is a clock that a test moves.
type clock struct{ unix atomic.Int64 }

func (c *clock) now() time.Time { return time.Unix(c.unix.Load(), 0) }

func newClock() *clock {
	c := &clock{}
	c.unix.Store(1_800_000_000)
	return c
}

// start starts a chain on a clock that stands still, and a client that reaches
// it over its port.
func start(t *testing.T, cfg Config) (*Chain, *ethclient.Client) {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = newClock().now
	}
	c, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	client, err := ethclient.Dial(c.RPCURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return c, client
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func transfer(t *testing.T, c *Chain, token Token, units int64) common.Hash {
	t.Helper()
	return must(c.Transfer(t.Context(), token.Address, someone, big.NewInt(units)))(t)
}

// call calls a method of a token without arguments or with one address.
func call(t *testing.T, client *ethclient.Client, token common.Address, method string, args ...any) any {
	t.Helper()
	data := must(tokenABI.Pack(method, args...))(t)
	out := must(client.CallContract(t.Context(), ethereum.CallMsg{To: &token, Data: data}, nil))(t)
	return must(tokenABI.Unpack(method, out))(t)[0]
}

func balance(t *testing.T, client *ethclient.Client, token Token, of common.Address) *big.Int {
	t.Helper()
	return call(t, client, token.Address, "balanceOf", of).(*big.Int)
}

func wantBalance(t *testing.T, client *ethclient.Client, token Token, of common.Address, want int64) {
	t.Helper()
	if got := balance(t, client, token, of); got.Cmp(big.NewInt(want)) != 0 {
		t.Errorf("balance of %s = %s, want %d", of, got, want)
	}
}

// transferLogs are the Transfer events of all tokens to someone.
func transferLogs(t *testing.T, client *ethclient.Client, q ethereum.FilterQuery) []types.Log {
	t.Helper()
	q.Topics = [][]common.Hash{{tokenABI.Events["Transfer"].ID}, nil, {common.BytesToHash(someone.Bytes())}}
	return must(client.FilterLogs(t.Context(), q))(t)
}

func allLogs(t *testing.T, client *ethclient.Client) []types.Log {
	t.Helper()
	return transferLogs(t, client, ethereum.FilterQuery{FromBlock: new(big.Int)})
}

func wantGone(t *testing.T, client *ethclient.Client, tx common.Hash) {
	t.Helper()
	if r, err := client.TransactionReceipt(t.Context(), tx); !errors.Is(err, ethereum.NotFound) {
		t.Errorf("receipt of %s = %v, %v; want not found", tx, r, err)
	}
	if _, _, err := client.TransactionByHash(t.Context(), tx); !errors.Is(err, ethereum.NotFound) {
		t.Errorf("transaction %s: %v; want not found", tx, err)
	}
}

func canonicalHash(t *testing.T, client *ethclient.Client, number uint64) common.Hash {
	t.Helper()
	return must(client.HeaderByNumber(t.Context(), new(big.Int).SetUint64(number)))(t).Hash()
}

// eventually polls until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// A machine that does other things slows some starts, not the fastest of many.
func TestStartIsQuick(t *testing.T) {
	fastest := time.Hour
	for tries := 0; tries < 30 && fastest > time.Second; tries++ {
		begin := time.Now()
		_, client := start(t, Config{})
		must(client.BlockNumber(t.Context()))(t)
		fastest = min(fastest, time.Since(begin))
	}
	if fastest > time.Second {
		t.Errorf("start to first answer took %s", fastest)
	}
}

func TestStartRefusesBadConfig(t *testing.T) {
	for name, cfg := range map[string]Config{
		"payer key":  {PayerKey: "12"},
		"block time": {BlockTime: -1},
	} {
		if c, err := Start(cfg); err == nil {
			_ = c.Close()
			t.Errorf("%s: no error", name)
		}
	}
}

// Two chains on one clock with one payer are two chains.
func TestEveryStartIsAnotherChain(t *testing.T) {
	frozen := newClock().now
	_, first := start(t, Config{Now: frozen, PayerKey: testKey})
	_, second := start(t, Config{Now: frozen, PayerKey: testKey})
	if one, other := canonicalHash(t, first, 0), canonicalHash(t, second, 0); one == other {
		t.Errorf("both have block 0 %s", one)
	}
}

func TestGenesis(t *testing.T) {
	clk := newClock()
	c, client := start(t, Config{Now: clk.now, PayerKey: "0x" + testKey})

	if id := must(client.ChainID(t.Context()))(t); id.Uint64() != 1337 || c.ChainID() != 1337 {
		t.Errorf("chain id %s and %d, want 1337", id, c.ChainID())
	}
	if block := must(client.HeaderByNumber(t.Context(), nil))(t); block.Number.Sign() != 0 || block.Time != uint64(clk.unix.Load()-60) {
		t.Errorf("head = %d at %d, want 0 at %d", block.Number, block.Time, clk.unix.Load()-60)
	}
	if c.Payer() != crypto.PubkeyToAddress(must(crypto.HexToECDSA(testKey))(t).PublicKey) {
		t.Errorf("payer %s is not of the configured key", c.Payer())
	}
	if got := must(client.BalanceAt(t.Context(), c.Payer(), nil))(t); got.Cmp(units(1000, 18)) != 0 {
		t.Errorf("payer has %s wei", got)
	}

	tokens := c.Tokens()
	if len(tokens) != 3 {
		t.Errorf("%d tokens, want 3", len(tokens))
	}
	for _, want := range []struct {
		symbol, name, address string
		decimals              uint8
	}{
		{"USDT", "Tether USD", "0x7e57c01A00000000000000000000000000000dA1", 6},
		{"USDC", "USD Coin", "0x7E57c01A00000000000000000000000000000DB2", 6},
		{"DAI", "Dai Stablecoin", "0x7e57c01a00000000000000000000000000000Dc3", 18},
		{"USDT", "Tether USD", "0xfA4e000000000000000000000000000000000dA1", 6},
	} {
		token := tokens[want.symbol]
		if want.address[:4] == "0xfA" {
			token = c.FakeToken()
		}
		if token.Address.Hex() != want.address || token.Decimals != want.decimals {
			t.Errorf("%s = %s with %d decimals, want %s with %d", want.symbol, token.Address, token.Decimals, want.address, want.decimals)
		}
		supply := units(1_000_000_000, want.decimals).String()
		got := fmt.Sprint(call(t, client, token.Address, "name"), "/", call(t, client, token.Address, "symbol"), "/",
			call(t, client, token.Address, "decimals"), "/", call(t, client, token.Address, "totalSupply"), "/", balance(t, client, token, c.Payer()))
		if exp := fmt.Sprint(want.name, "/", want.symbol, "/", want.decimals, "/", supply, "/", supply); got != exp {
			t.Errorf("%s: contract says %s, want %s", want.symbol, got, exp)
		}
	}
}

// A node whose index has not seen its first block refuses to say that it does not know a transaction. A chain's blocks are
// there when they can be asked about.
func TestFirstBlockCanBeAskedAbout(t *testing.T) {
	for range 5 {
		c, client := start(t, Config{})
		c.Mine(1)
		if !c.eth.BlockChain().TxIndexDone() {
			t.Error("the node still indexes")
		}
		if _, err := client.TransactionReceipt(t.Context(), common.Hash{1}); !errors.Is(err, ethereum.NotFound) {
			t.Error(err)
		}
	}
}

func TestTransferIsSeenOverJSONRPC(t *testing.T) {
	c, client := start(t, Config{})
	usdt := c.Tokens()["USDT"]
	tx := transfer(t, c, usdt, 1_500_000)
	fake := transfer(t, c, c.FakeToken(), 7)
	if _, pending, err := client.TransactionByHash(t.Context(), tx); err != nil || !pending {
		t.Errorf("before the block: pending %v, %v", pending, err)
	}
	if head := c.Mine(1); head != 1 {
		t.Fatalf("head %d, want 1", head)
	}

	receipt := must(client.TransactionReceipt(t.Context(), tx))(t)
	if receipt.Status != types.ReceiptStatusSuccessful || receipt.BlockNumber.Uint64() != 1 {
		t.Errorf("receipt: status %d in block %s", receipt.Status, receipt.BlockNumber)
	}
	wantBalance(t, client, usdt, someone, 1_500_000)
	wantBalance(t, client, c.FakeToken(), someone, 7)

	hash := canonicalHash(t, client, 1)
	byRange := transferLogs(t, client, ethereum.FilterQuery{FromBlock: big.NewInt(0), ToBlock: big.NewInt(1), Addresses: []common.Address{usdt.Address}})
	byHash := transferLogs(t, client, ethereum.FilterQuery{BlockHash: &hash, Addresses: []common.Address{usdt.Address}})
	for how, logs := range map[string][]types.Log{"range": byRange, "hash": byHash} {
		if len(logs) != 1 {
			t.Errorf("by %s: %d logs, want 1", how, len(logs))
			continue
		}
		l := logs[0]
		if l.TxHash != tx || l.BlockHash != hash || l.Address != usdt.Address || new(big.Int).SetBytes(l.Data).Int64() != 1_500_000 ||
			common.BytesToAddress(l.Topics[1].Bytes()) != c.Payer() {
			t.Errorf("by %s: %+v", how, l)
		}
	}
	if logs := allLogs(t, client); len(logs) != 2 || logs[1].TxHash != fake || logs[1].Address != c.FakeToken().Address {
		t.Errorf("all contracts: %+v", logs)
	}
}

// Who else holds money from the start has what the payer has, and the payer has made no transaction for it.
func TestHolders(t *testing.T) {
	c, client := start(t, Config{Holders: []common.Address{someone}})
	wantBalance(t, client, c.Tokens()["USDT"], someone, 1_000_000_000_000_000)
	for _, holder := range []common.Address{someone, c.Payer()} {
		if got := must(client.BalanceAt(t.Context(), holder, nil))(t); got.Cmp(units(1000, 18)) != 0 {
			t.Errorf("%s holds %s", holder, got)
		}
	}
	if n := must(client.NonceAt(t.Context(), c.Payer(), nil))(t); n != 0 {
		t.Errorf("the payer made %d transactions", n)
	}
}

func TestFund(t *testing.T) {
	c, client := start(t, Config{})
	for _, wei := range []*big.Int{nil, big.NewInt(-1)} {
		if _, err := c.Fund(t.Context(), someone, wei); err == nil {
			t.Errorf("%v wei are sent", wei)
		}
	}
	if _, err := c.Fund(t.Context(), someone, units(1, 30)); err == nil {
		t.Error("more than the payer has is sent")
	}
	must(c.Fund(t.Context(), someone, units(3, 18)))(t)
	c.Mine(1)
	if got := must(client.BalanceAt(t.Context(), someone, nil))(t); got.Cmp(units(3, 18)) != 0 {
		t.Errorf("it holds %s", got)
	}
}

func TestTransferRefuses(t *testing.T) {
	c, client := start(t, Config{})
	ctx := t.Context()
	usdt := c.Tokens()["USDT"]
	ended, cancel := context.WithCancel(ctx)
	cancel()
	for name, err := range map[string]error{
		"unknown token":  second(c.Transfer(ctx, someone, someone, big.NewInt(1))),
		"negative units": second(c.Transfer(ctx, usdt.Address, someone, big.NewInt(-1))),
		"no units":       second(c.Transfer(ctx, usdt.Address, someone, nil)),
		"ended context":  second(c.Transfer(ended, usdt.Address, someone, big.NewInt(1))),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}

	tx := must(c.Transfer(ctx, usdt.Address, someone, units(1_000_000_001, 6)))(t)
	c.Mine(1)
	if receipt := must(client.TransactionReceipt(ctx, tx))(t); receipt.Status != types.ReceiptStatusFailed {
		t.Error("a transfer of more than the payer has succeeded")
	}
	wantBalance(t, client, usdt, someone, 0)
}

func second[T any](_ T, err error) error { return err }

// Another program with a key of its own, knowing nothing but the address.
func TestForeignClient(t *testing.T) {
	c, client := start(t, Config{})
	ctx := t.Context()
	usdc := c.Tokens()["USDC"]
	key := must(crypto.GenerateKey())(t)
	from := crypto.PubkeyToAddress(key.PublicKey)

	send := func(key string, data []byte, to common.Address, value *big.Int) common.Hash {
		t.Helper()
		signer := c.PayerKey()
		if key == "own" {
			signer = must(crypto.HexToECDSA(testKey))(t)
		}
		sender := crypto.PubkeyToAddress(signer.PublicKey)
		nonce := must(client.PendingNonceAt(ctx, sender))(t)
		price := must(client.SuggestGasPrice(ctx))(t)
		gas := must(client.EstimateGas(ctx, ethereum.CallMsg{From: sender, To: &to, Value: value, Data: data}))(t)
		tx := types.MustSignNewTx(signer, types.LatestSignerForChainID(must(client.ChainID(ctx))(t)),
			&types.LegacyTx{Nonce: nonce, GasPrice: price, Gas: gas, To: &to, Value: value, Data: data})
		if err := client.SendTransaction(ctx, tx); err != nil {
			t.Fatal(err)
		}
		c.Mine(1)
		if receipt := must(client.TransactionReceipt(ctx, tx.Hash()))(t); receipt.Status != types.ReceiptStatusSuccessful {
			t.Fatalf("transaction %s failed", tx.Hash())
		}
		return tx.Hash()
	}
	own := crypto.PubkeyToAddress(must(crypto.HexToECDSA(testKey))(t).PublicKey)
	send("payer", nil, own, units(1, 18))
	send("payer", must(tokenABI.Pack("transfer", from, big.NewInt(500)))(t), usdc.Address, nil)
	send("payer", must(tokenABI.Pack("approve", own, big.NewInt(300)))(t), usdc.Address, nil)
	send("own", must(tokenABI.Pack("transferFrom", c.Payer(), someone, big.NewInt(200)))(t), usdc.Address, nil)
	wantBalance(t, client, usdc, from, 500)
	wantBalance(t, client, usdc, someone, 200)
	if left := call(t, client, usdc.Address, "allowance", c.Payer(), own).(*big.Int); left.Int64() != 100 {
		t.Errorf("allowance left %s, want 100", left)
	}

	for method, data := range map[string][]byte{
		"insufficient balance":         must(tokenABI.Pack("transfer", someone, big.NewInt(1)))(t),
		"insufficient allowance":       must(tokenABI.Pack("transferFrom", c.Payer(), someone, big.NewInt(101)))(t),
		"transfer to the zero address": must(tokenABI.Pack("transfer", common.Address{}, big.NewInt(0)))(t),
	} {
		if _, err := client.EstimateGas(ctx, ethereum.CallMsg{From: own, To: &usdc.Address, Data: data}); err == nil || !strings.Contains(err.Error(), method) {
			t.Errorf("estimate: %v, want %s", err, method)
		}
	}

	// The payer's own transfers go on from the nonces used here.
	transfer(t, c, usdc, 1)
	c.Mine(1)
	wantBalance(t, client, usdc, someone, 201)
}

func TestConcurrentTransfers(t *testing.T) {
	c, client := start(t, Config{BlockTime: 5 * time.Millisecond})
	dai := c.Tokens()["DAI"]
	var wg sync.WaitGroup
	hashes := make([]common.Hash, 100)
	for i := range hashes {
		wg.Go(func() {
			hash, err := c.Transfer(t.Context(), dai.Address, someone, big.NewInt(1))
			if err != nil {
				t.Error(err)
			}
			hashes[i] = hash
		})
	}
	wg.Wait()
	eventually(t, "all transfers mined", func() bool { return len(allLogs(t, client)) == len(hashes) })
	wantBalance(t, client, dai, someone, int64(len(hashes)))
}

func TestPort(t *testing.T) {
	c, client := start(t, Config{})
	c.Mine(3)
	post := func(host, origin, body string) (int, http.Header, string) {
		t.Helper()
		req := must(http.NewRequestWithContext(t.Context(), http.MethodPost, c.RPCURL(), strings.NewReader(body)))(t)
		req.Header.Set("Content-Type", "application/json")
		if host != "" {
			req.Host = host
		}
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		resp := must(http.DefaultClient.Do(req))(t)
		defer resp.Body.Close()
		return resp.StatusCode, resp.Header, string(must(io.ReadAll(resp.Body))(t))
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)

	status, _, body := post("localhost", "", `[{"jsonrpc":"2.0","id":1,"method":"eth_chainId"},{"jsonrpc":"2.0","id":2,"method":"eth_blockNumber"}]`)
	var batch []struct{ Result string }
	if err := json.Unmarshal([]byte(body), &batch); err != nil || status != 200 || len(batch) != 2 || batch[0].Result != "0x539" || batch[1].Result != "0x3" {
		t.Errorf("batch: %d %s", status, body)
	}
	if status, _, _ := post("rebound.example", "", `{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}`); status != http.StatusForbidden {
		t.Errorf("foreign host name: %d, want 403", status)
	}
	for _, origin := range []string{"http://localhost:3000", "http://127.0.0.1:8080"} {
		if _, header, _ := post("", origin, `{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}`); header.Get("Access-Control-Allow-Origin") != origin {
			t.Errorf("origin %s is not allowed", origin)
		}
	}
	if _, header, _ := post("", "http://elsewhere.example", `{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}`); header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("a foreign origin is allowed")
	}

	latest := must(client.HeaderByNumber(t.Context(), big.NewInt(int64(rpc.LatestBlockNumber))))(t)
	byHash := must(client.HeaderByHash(t.Context(), latest.Hash()))(t)
	if latest.Number.Uint64() != 3 || byHash.Number.Uint64() != 3 {
		t.Errorf("latest %s, by its hash %s; want 3", latest.Number, byHash.Number)
	}
	for _, tag := range []rpc.BlockNumber{rpc.FinalizedBlockNumber, rpc.SafeBlockNumber} {
		if final := must(client.HeaderByNumber(t.Context(), big.NewInt(int64(tag))))(t); final.Number.Sign() != 0 {
			t.Errorf("%s is block %s, want 0", tag, final.Number)
		}
	}
}

func TestReorg(t *testing.T) {
	for _, depth := range []int{1, 3, 20} {
		for _, keep := range []bool{false, true} {
			t.Run(fmt.Sprintf("depth %d keep %v", depth, keep), func(t *testing.T) {
				c, client := start(t, Config{})
				usdt := c.Tokens()["USDT"]
				c.Mine(5)
				stays := transfer(t, c, usdt, 1)
				head := c.Mine(1)
				var moved []common.Hash
				for range depth {
					moved = append(moved, transfer(t, c, usdt, 10))
					c.Mine(1)
				}
				old := map[common.Hash]*types.Header{}
				for number := head + 1; number <= head+uint64(depth); number++ {
					h := must(client.HeaderByNumber(t.Context(), new(big.Int).SetUint64(number)))(t)
					old[h.Hash()] = h
				}
				below := canonicalHash(t, client, head)

				if err := c.Reorg(depth, keep); err != nil {
					t.Fatal(err)
				}

				if got := must(client.BlockNumber(t.Context()))(t); got != head+uint64(depth)+1 {
					t.Errorf("head %d, want %d", got, head+uint64(depth)+1)
				}
				if canonicalHash(t, client, head) != below {
					t.Error("a block below the reorganisation changed")
				}
				parent := below
				for number := head + 1; number <= head+uint64(depth)+1; number++ {
					h := must(client.HeaderByNumber(t.Context(), new(big.Int).SetUint64(number)))(t)
					if old[h.Hash()] != nil || h.ParentHash != parent {
						t.Errorf("block %d: hash %s, parent %s", number, h.Hash(), h.ParentHash)
					}
					parent = h.Hash()
				}
				for hash, was := range old { // orphans stay readable by hash
					if h := must(client.HeaderByHash(t.Context(), hash))(t); h.Number.Cmp(was.Number) != 0 {
						t.Errorf("orphan %s is now block %s", hash, h.Number)
					}
				}

				must(client.TransactionReceipt(t.Context(), stays))(t)
				for i, tx := range moved {
					if !keep {
						wantGone(t, client, tx)
						continue
					}
					receipt := must(client.TransactionReceipt(t.Context(), tx))(t)
					if want := head + uint64(i) + 2; receipt.BlockNumber.Uint64() != want || old[receipt.BlockHash] != nil ||
						receipt.BlockHash != canonicalHash(t, client, want) || receipt.Status != types.ReceiptStatusSuccessful {
						t.Errorf("transaction %d: block %s %s, status %d; want block %d", i, receipt.BlockNumber, receipt.BlockHash, receipt.Status, want)
					}
				}
				c.Mine(2)
				want := 1
				if keep {
					want += 10 * depth
				}
				wantBalance(t, client, usdt, someone, int64(want))
				if logs := allLogs(t, client); len(logs) != 1+(want-1)/10 {
					t.Errorf("%d logs after the reorganisation", len(logs))
				}
			})
		}
	}
}

func TestReorgTwice(t *testing.T) {
	c, client := start(t, Config{})
	usdt := c.Tokens()["USDT"]
	c.Mine(2)
	tx := transfer(t, c, usdt, 10)
	c.Mine(2) // tx in block 3, head 4
	seen := map[common.Hash]bool{}
	for range 2 {
		receipt := must(client.TransactionReceipt(t.Context(), tx))(t)
		seen[receipt.BlockHash] = true
		if err := c.Reorg(3, true); err != nil {
			t.Fatal(err)
		}
	}
	receipt := must(client.TransactionReceipt(t.Context(), tx))(t)
	seen[receipt.BlockHash] = true
	if len(seen) != 3 || receipt.BlockNumber.Uint64() != 5 {
		t.Errorf("%d different blocks, the last %s; want 3 and 5", len(seen), receipt.BlockNumber)
	}
	wantBalance(t, client, usdt, someone, 10)
	if err := c.Reorg(2, false); err != nil {
		t.Fatal(err)
	}
	wantGone(t, client, tx)
	wantBalance(t, client, usdt, someone, 0)
	if head := c.Mine(1); head != 8 {
		t.Errorf("head %d, want 8", head)
	}
}

// After a drop the payer's nonces are free again, and transactions that had not
// been mined wait for them.
func TestTransferAfterDrop(t *testing.T) {
	c, client := start(t, Config{})
	usdt := c.Tokens()["USDT"]
	c.Mine(1)
	dropped := transfer(t, c, usdt, 10)
	c.Mine(1)
	waiting := transfer(t, c, usdt, 100)
	if err := c.Reorg(1, false); err != nil {
		t.Fatal(err)
	}
	c.Mine(1)
	wantGone(t, client, dropped)
	if _, pending, err := client.TransactionByHash(t.Context(), waiting); err != nil || !pending {
		t.Errorf("the waiting transaction: pending %v, %v", pending, err)
	}

	next := transfer(t, c, usdt, 1000)
	c.Mine(1)
	for _, tx := range []common.Hash{waiting, next} {
		if receipt := must(client.TransactionReceipt(t.Context(), tx))(t); receipt.Status != types.ReceiptStatusSuccessful {
			t.Errorf("%s failed", tx)
		}
	}
	wantBalance(t, client, usdt, someone, 1100)
}

func TestReorgLimits(t *testing.T) {
	c, client := start(t, Config{})
	c.Mine(3)
	tx := transfer(t, c, c.Tokens()["USDT"], 1)
	head := canonicalHash(t, client, 3)
	for _, depth := range []int{-1, 0, 4, 201} {
		if err := c.Reorg(depth, true); err == nil {
			t.Errorf("depth %d: no error", depth)
		}
	}
	if got := must(client.HeaderByNumber(t.Context(), nil))(t); got.Hash() != head {
		t.Errorf("head is now block %s", got.Number)
	}
	if err := c.Reorg(3, true); err != nil {
		t.Errorf("down to block 0: %v", err)
	}
	c.Mine(1)
	must(client.TransactionReceipt(t.Context(), tx))(t)

	// The deepest one ends exactly above what is final.
	c.Mine(300)
	final := must(client.HeaderByNumber(t.Context(), big.NewInt(int64(rpc.FinalizedBlockNumber))))(t)
	if want := must(client.BlockNumber(t.Context()))(t) - 200; final.Number.Uint64() != want {
		t.Errorf("final is block %s, want %d", final.Number, want)
	}
	if err := c.Reorg(200, false); err != nil {
		t.Fatal(err)
	}
	if canonicalHash(t, client, final.Number.Uint64()) != final.Hash() {
		t.Error("a final block was replaced")
	}
}

func TestBlockTimes(t *testing.T) {
	clk := newClock()
	c, client := start(t, Config{Now: clk.now})
	t0 := uint64(clk.unix.Load())
	want := func(what string, at uint64) {
		t.Helper()
		if head := must(client.HeaderByNumber(t.Context(), nil))(t); head.Time != at {
			t.Errorf("%s: block %s at t0%+d, want t0%+d", what, head.Number, int64(head.Time-t0), int64(at-t0))
		}
	}
	c.Mine(1)
	want("the clock", t0)
	c.Mine(2)
	want("later than the parent", t0+2)
	clk.unix.Add(100)
	c.Mine(1)
	want("the clock again", t0+100)

	if err := c.AdjustTime(10*time.Minute + 900*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	want("ten minutes ahead", t0+700)
	clk.unix.Add(50)
	c.Mine(1)
	want("still ahead", t0+750)
	clk.unix.Add(-500)
	c.Mine(10)
	want("a clock set back", t0+760)
	if err := c.AdjustTime(time.Second); err != nil {
		t.Fatal(err)
	}
	want("forward from the head", t0+761)

	// A new branch has the old times; only the block more has the clock's.
	clk.unix.Add(1000)
	if err := c.Reorg(2, false); err != nil {
		t.Fatal(err)
	}
	want("after a reorganisation", t0+1761)
	if h := must(client.HeaderByNumber(t.Context(), big.NewInt(17)))(t); h.Time != t0+761 {
		t.Errorf("the replaced head is at t0%+d", int64(h.Time-t0))
	}

	head := canonicalHash(t, client, 18)
	for _, d := range []time.Duration{0, -time.Hour, 999 * time.Millisecond, maxForward + time.Second} {
		if err := c.AdjustTime(d); err == nil {
			t.Errorf("%s: no error", d)
		}
	}
	for range 9 {
		if err := c.AdjustTime(maxForward); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.AdjustTime(maxForward); err == nil {
		t.Error("more than a hundred years in all: no error")
	}
	if n := must(client.BlockNumber(t.Context()))(t); n != 27 || canonicalHash(t, client, 18) != head {
		t.Errorf("head %d, want 27", n)
	}
}

func TestAutomaticMiner(t *testing.T) {
	c, client := start(t, Config{BlockTime: 5 * time.Millisecond})
	usdt := c.Tokens()["USDT"]
	number := func() uint64 { return must(client.BlockNumber(t.Context()))(t) }
	eventually(t, "three empty blocks", func() bool { return number() >= 3 })

	c.Pause()
	before := number()
	tx := transfer(t, c, usdt, 1)
	if err := c.mineUnlessPaused(); err != nil { // what the miner does at its next tick
		t.Fatal(err)
	}
	if got := number(); got != before {
		t.Errorf("paused, but block %d follows %d", got, before)
	}
	if got := c.Mine(2); got != before+2 {
		t.Errorf("Mine while paused: head %d, want %d", got, before+2)
	}
	must(client.TransactionReceipt(t.Context(), tx))(t)

	c.Resume()
	tx = transfer(t, c, usdt, 1)
	eventually(t, "the transfer mined", func() bool {
		_, err := client.TransactionReceipt(t.Context(), tx)
		return err == nil
	})
}

func TestClose(t *testing.T) {
	before := goleak.IgnoreCurrent()
	c, err := Start(Config{BlockTime: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	c.Mine(2)
	url, token := c.RPCURL(), c.Tokens()["USDT"].Address
	for range 2 {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if resp, err := http.Post(url, "application/json", bytes.NewReader(nil)); err == nil {
		resp.Body.Close()
		t.Error("the port still answers")
	}

	head := c.Mine(1)
	if c.Mine(1) != head {
		t.Error("a closed chain mines")
	}
	c.Pause()
	c.Resume()
	for name, err := range map[string]error{
		"Reorg":      c.Reorg(1, true),
		"AdjustTime": c.AdjustTime(time.Second),
		"Transfer":   second(c.Transfer(t.Context(), token, someone, big.NewInt(1))),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v, want ErrClosed", name, err)
		}
	}
	// go-ethereum recovers senders in workers that it starts once per process.
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("github.com/ethereum/go-ethereum/core.(*txSenderCacher).cache"),
		// The peer database takes a second to notice that it was closed.
		goleak.IgnoreAnyFunction("github.com/syndtr/goleveldb/leveldb.(*DB).mpoolDrain"))
}
