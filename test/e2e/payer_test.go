package e2e

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"

	"till/internal/operator/client"
)

// payer is somebody with a wallet. It signs its transactions, sends them to the node and keeps them, so
// that it can send again what a reorganisation took away. Safe for concurrent use.
type payer struct {
	node *ethclient.Client
	rpc  *rpc.Client
	key  *ecdsa.PrivateKey
	of   info

	mu   sync.Mutex
	sent []*types.Transaction // by nonce
}

func newPayer(t *testing.T, of info, h *http.Client) *payer {
	t.Helper()
	key, err := crypto.HexToECDSA(strings.TrimPrefix(of.Chain.PayerKey, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := rpc.DialOptions(t.Context(), of.Chain.RPCURL, rpc.WithHTTPClient(h))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &payer{node: ethclient.NewClient(c), rpc: c, key: key, of: of}
}

func (p *payer) address() common.Address { return crypto.PubkeyToAddress(p.key.PublicKey) }

// The first four bytes of the hash of the function's signature (EIP-20).
var (
	transferCall  = crypto.Keccak256([]byte("transfer(address,uint256)"))[:4]
	balanceOfCall = crypto.Keccak256([]byte("balanceOf(address)"))[:4]
)

func call(selector []byte, address string, more ...*big.Int) []byte {
	data := append(append([]byte{}, selector...), common.LeftPadBytes(common.HexToAddress(address).Bytes(), 32)...)
	for _, n := range more {
		data = append(data, common.LeftPadBytes(n.Bytes(), 32)...)
	}
	return data
}

var gasPrice = big.NewInt(10_000_000_000) // ten times what an empty chain asks at most

// sign makes a transaction with a nonce.
func (p *payer) sign(nonce uint64, to common.Address, wei *big.Int, data []byte, price *big.Int) (*types.Transaction, error) {
	return types.SignNewTx(p.key, types.NewEIP155Signer(new(big.Int).SetUint64(p.of.Chain.ChainID)), &types.LegacyTx{
		Nonce: nonce, GasPrice: price, Gas: 100_000, To: &to, Value: wei, Data: data,
	})
}

// next signs a transaction with the next nonce and keeps it; it is not sent yet.
func (p *payer) next(to common.Address, wei *big.Int, data []byte) (*types.Transaction, error) {
	tx, err := p.sign(uint64(len(p.sent)), to, wei, data, gasPrice)
	if err == nil {
		p.sent = append(p.sent, tx)
	}
	return tx, err
}

// transfer sends units of a token contract to an address and does not wait for a block.
func (p *payer) transfer(contract, to string, units *big.Int) (*types.Transaction, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	tx, err := p.next(common.HexToAddress(contract), new(big.Int), call(transferCall, to, units))
	if err != nil {
		return nil, err
	}
	if err := p.node.SendTransaction(context.Background(), tx); err != nil {
		return tx, err
	}
	return tx, p.offered(tx.Nonce())
}

// offered waits until the node would put the transaction with a nonce into its next block: it takes one in before it has
// looked at it, and a block that is asked for meanwhile is without it. Where one before it is missing, as a reorganisation
// may have dropped it, there is nothing to wait for.
func (p *payer) offered(nonce uint64) error {
	for range 12_000 { // a minute
		next, err := p.node.PendingNonceAt(context.Background(), p.address())
		if err != nil || next != nonce {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
	return fmt.Errorf("the node does not offer the transaction %d", nonce)
}

// pay sends a decimal amount of a currency to an address.
func (p *payer) pay(t *testing.T, currency, to, amount string) *types.Transaction {
	t.Helper()
	tx, err := p.transfer(p.of.Chain.Tokens[currency].Address, to, p.units(t, currency, amount))
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// ether sends the chain's own currency.
func (p *payer) ether(t *testing.T, to string, wei *big.Int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	tx, err := p.next(common.HexToAddress(to), wei, nil)
	if err == nil {
		err = p.node.SendTransaction(context.Background(), tx)
	}
	if err == nil {
		err = p.offered(tx.Nonce())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sendAgain sends every transaction that is in no block, as a wallet does that notices. One that the node
// still has is no error.
func (p *payer) sendAgain(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	mined, err := p.node.NonceAt(bounded(t), p.address(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tx := range p.sent[mined:] {
		if err := p.node.SendTransaction(bounded(t), tx); err != nil && !hasIt(err) {
			t.Fatal(err)
		}
	}
	for nonce := mined; nonce < uint64(len(p.sent)); nonce++ {
		if err := p.offered(nonce); err != nil {
			t.Fatal(err)
		}
	}
}

// hasIt says that a node refused a transaction because it has it, in its pool or in a block.
func hasIt(err error) bool {
	return strings.Contains(err.Error(), "already known") || strings.Contains(err.Error(), "nonce too low")
}

// thinkAgain does with the transactions that the node has lost what choose says: send the same again, or,
// to choose's own address and amount, another in its place, which makes the lost one impossible for good.
func (p *payer) thinkAgain(t *testing.T, choose func() (contract, to string, units *big.Int, another bool)) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	mined, err := p.node.NonceAt(bounded(t), p.address(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for nonce := mined; nonce < uint64(len(p.sent)); nonce++ {
		_, _, err := p.node.TransactionByHash(bounded(t), p.sent[nonce].Hash())
		contract, to, units, another := choose()
		if errors.Is(err, ethereum.NotFound) && another {
			if p.sent[nonce], err = p.sign(nonce, common.HexToAddress(contract), new(big.Int), call(transferCall, to, units), gasPrice); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.node.SendTransaction(bounded(t), p.sent[nonce]); err != nil && !hasIt(err) {
			t.Fatal(err)
		}
	}
}

// units turns a decimal amount into a currency's smallest units.
func (p *payer) units(t *testing.T, currency, amount string) *big.Int {
	t.Helper()
	decimals := int(p.of.Chain.Tokens[currency].Decimals)
	whole, fraction, _ := strings.Cut(amount, ".")
	units, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", max(0, decimals-len(fraction))), 10)
	if !ok || len(fraction) > decimals {
		t.Fatalf("%q is no amount of %s", amount, currency)
	}
	return units
}

// block is the hash of the block a transaction is in; ok is false when it is in none.
func (p *payer) block(t *testing.T, tx *types.Transaction) (hash common.Hash, ok bool) {
	t.Helper()
	receipt, err := p.node.TransactionReceipt(bounded(t), tx.Hash())
	if errors.Is(err, ethereum.NotFound) {
		return common.Hash{}, false
	}
	if err != nil {
		t.Fatal(err)
	}
	return receipt.BlockHash, true
}

// held is what an address holds of a currency, as the chain says.
func (p *payer) held(t *testing.T, currency, address string) *big.Int {
	t.Helper()
	return p.heldByAll(t, currency, []string{address})
}

// heldByAll sums what addresses hold of a currency.
func (p *payer) heldByAll(t *testing.T, currency string, addresses []string) *big.Int {
	t.Helper()
	const batch = 500
	sum := new(big.Int)
	for len(addresses) > 0 {
		n := min(batch, len(addresses))
		calls := make([]rpc.BatchElem, n)
		for i, a := range addresses[:n] {
			calls[i] = rpc.BatchElem{Method: "eth_call", Result: new(string), Args: []any{
				map[string]string{"to": p.of.Chain.Tokens[currency].Address, "data": "0x" + common.Bytes2Hex(call(balanceOfCall, a))}, "latest",
			}}
		}
		if err := p.rpc.BatchCallContext(bounded(t), calls); err != nil {
			t.Fatal(err)
		}
		for _, c := range calls {
			units, ok := new(big.Int).SetString(strings.TrimPrefix(*c.Result.(*string), "0x"), 16)
			if c.Error != nil || !ok {
				t.Fatalf("balanceOf: %v, %q", c.Error, *c.Result.(*string))
			}
			sum.Add(sum, units)
		}
		addresses = addresses[n:]
	}
	return sum
}

// control steers the chain. It may be called from any goroutine.
func (s *server) control(path string, body any) error {
	if body == nil {
		body = map[string]any{}
	}
	a, err := s.fetch(http.MethodPost, s.info.Chain.ControlURL+path, body)
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%s answered %d: %s", path, a.status, a.body)
	}
	return err
}

func (s *server) pause(t *testing.T) {
	t.Helper()
	if err := s.control("/pause", nil); err != nil {
		t.Fatal(err)
	}
}

func (s *server) mine(t *testing.T, blocks int) {
	t.Helper()
	if err := s.control("/mine", map[string]int{"blocks": blocks}); err != nil {
		t.Fatal(err)
	}
}

// reorg replaces the newest blocks; keep is what becomes of their transactions, "drop" or "remine".
func (s *server) reorg(t *testing.T, depth int, keep string) {
	t.Helper()
	if err := s.control("/reorg", map[string]any{"depth": depth, "keep": keep}); err != nil {
		t.Fatal(err)
	}
}

// setMark makes an order that is never paid in full. The confirmations of its one payment tell how far
// the server has read the chain: see caughtUp. The chain must be paused, and the payment lies deeper than
// any reorganisation of the test.
func (s *server) setMark(t *testing.T) {
	t.Helper()
	o := s.create(t, "MARK", "1000", "USDC")
	s.pay(t, "USDC", o.Address, "0.000001")
	s.mine(t, 30)
	s.until(t, o.OrderID, "was seen", func(o order) bool { return o.Confirmations != nil })
	s.mark = &o
}

// caughtUp waits until the server has read the whole chain. Only then does it mean something that a
// payment is not there.
func (s *server) caughtUp(t *testing.T) {
	t.Helper()
	head, err := s.node.BlockNumber(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, fmt.Sprintf("the server reads block %d", head), func() bool {
		p := s.story(t, s.mark.OrderID).Payments[0]
		return p.Block+p.Confirmations >= head+1
	})
}

// pool is every address of the merchant.
func (s *server) pool(t *testing.T) []string {
	t.Helper()
	var addresses []string
	for after := ""; ; {
		page, err := s.operator.Instruments(bounded(t), client.InstrumentQuery{Merchant: "default", Mode: "sandbox", After: after, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Instruments {
			addresses = append(addresses, i.Address)
		}
		if after = page.Next; after == "" {
			return addresses
		}
	}
}

// balanced checks the books against the chain: of each token, what was booked from the chain is what all
// the merchant's addresses hold.
func (s *server) balanced(t *testing.T) {
	t.Helper()
	addresses := s.pool(t)
	balances, err := s.operator.Balances(bounded(t), "default", "sandbox")
	if err != nil {
		t.Fatal(err)
	}
	for currency := range s.info.Chain.Tokens {
		booked, sum := new(big.Int), new(big.Int)
		for _, b := range balances {
			units, ok := new(big.Int).SetString(b.Amount.Units, 10)
			if !ok {
				t.Fatalf("a balance of %q units", b.Amount.Units)
			}
			if b.Amount.Currency != currency {
				continue
			}
			sum.Add(sum, units)
			if strings.HasPrefix(b.Role, "outside/payer") {
				booked.Sub(booked, units) // money arrives out of the world's account
			}
		}
		if held := s.heldByAll(t, currency, addresses); booked.Cmp(held) != 0 {
			t.Errorf("%s: %s was booked from the chain, the addresses hold %s", currency, booked, held)
		}
		if sum.Sign() != 0 {
			t.Errorf("%s: the books do not add up to zero: %s", currency, sum) // I1
		}
	}
}

// fakeUSDT is a contract that calls itself USDT too. Every dev chain has it, and no client is told of it.
const fakeUSDT = "0xfA4e000000000000000000000000000000000dA1"

// heldOf is what an address holds of any token contract.
func (p *payer) heldOf(t *testing.T, contract, address string) *big.Int {
	t.Helper()
	to := common.HexToAddress(contract)
	out, err := p.node.CallContract(bounded(t), ethereum.CallMsg{To: &to, Data: call(balanceOfCall, address)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return new(big.Int).SetBytes(out)
}

func addressOf(o order) common.Address { return common.HexToAddress(o.Address) }

// free is an address of the merchant that no order holds.
func (s *server) free(t *testing.T) string {
	t.Helper()
	page, err := s.operator.Instruments(bounded(t), client.InstrumentQuery{Merchant: "default", Mode: "sandbox", Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range page.Instruments {
		if i.State == "available" {
			return i.Address
		}
	}
	t.Fatal("no address is free")
	return ""
}

// balance is what stands on an account of the merchant's books.
func (s *server) balance(t *testing.T, role, currency string) string {
	t.Helper()
	balances, err := s.operator.Balances(bounded(t), "default", "sandbox")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range balances {
		if b.Role == role && b.Amount.Currency == currency {
			return b.Amount.Decimal
		}
	}
	return ""
}
