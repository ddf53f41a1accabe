package evm

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"till/internal/money"
	"till/internal/rail"
)

const (
	maxGas   = 5_000_000 // of one transfer; a token or recipient that wants more is refused
	maxGoing = 64        // transfers on their way at a time: more than a node's pool keeps of one sender in line
)

var (
	// errForeign says that the wallet has transactions that are not on record: somebody else uses its key, or an older
	// backup of the database was restored and knows nothing of what was paid since. Nothing more is sent until the
	// operator says that he has looked, by the nonce to start at.
	errForeign = errors.New("the hot wallet has sent transactions that are not on record here")
	// errLow says that the wallet lacks tokens or gas.
	errLow = errors.New("the hot wallet does not hold enough")
	// errDear says that gas costs more than the configured maximum.
	errDear = errors.New("gas costs more than the highest fee")
)

// offer is what a reservation is made with.
type offer struct {
	count uint64 // transactions of the wallet in the chain
	head  uint64
	gas   uint64
	try   try
}

// afford finds out whether the wallet can send a payment now, and for which fee. What is reserved and not mined yet is
// taken off what the wallet holds: what is mined, the balance shows. Error: ErrNotNow, ErrRefused, or what is wrong with
// the nodes.
func (s *Sender) afford(ctx context.Context, p payment, w wallet, lines []line) (offer, error) {
	var found offer
	err := s.rail.nodes.aside(ctx, func(n *node) error {
		if err := s.rail.nodes.admit(ctx, n); err != nil {
			return err
		}
		at, err := s.holds(ctx, n, p.contract)
		if err != nil {
			return err
		}
		if err := s.mayGoOn(at, w); err != nil {
			return ours{err}
		}
		tokens, coin, going := at.units, at.coin, 0
		for _, l := range lines {
			if l.from != s.from || l.nonce < at.count {
				continue
			}
			going++
			coin = new(big.Int).Sub(coin, l.cost())
			if p.contract != (common.Address{}) {
				tokens = new(big.Int).Sub(tokens, l.amountOf(p.asset))
			}
		}
		if going >= maxGoing {
			return ours{s.notNow(fmt.Errorf("%d transfers are on their way", going))}
		}
		if p.contract != (common.Address{}) && tokens.Cmp(p.units) < 0 {
			return ours{s.notNow(fmt.Errorf("%w: %s are free of %s, %s are wanted", errLow, amountText(p.asset, tokens), s.from.Hex(), amountText(p.asset, p.units)))}
		}
		t, err := s.fee(ctx, n, at)
		if err != nil {
			return err
		}
		// The coin that is to be sent is looked at before the gas is estimated, which fails without it.
		_, value, _ := p.call()
		if coin.Cmp(value) < 0 {
			return ours{s.notNow(fmt.Errorf("%w: of the native coin %s wei are free of %s", errLow, coin, s.from.Hex()))}
		}
		gas, err := s.gas(ctx, n, p)
		if err != nil {
			return err
		}
		need := new(big.Int).Mul((*big.Int)(t.Price), new(big.Int).SetUint64(gas))
		if need.Add(need, value); coin.Cmp(need) < 0 {
			return ours{s.notNow(fmt.Errorf("%w: %s wei are free of %s for gas and value, up to %s are needed", errLow, coin, s.from.Hex(), need))}
		}
		found = offer{count: at.count, head: at.head.number, gas: gas, try: t}
		return nil
	})
	if decided, ok := errors.AsType[ours](err); ok {
		err = decided.error
	}
	return found, err
}

func (s *Sender) notNow(why error) error {
	return fmt.Errorf("evm:%s: %w: %w", s.rail.network, rail.ErrNotNow, why)
}

// mayGoOn refuses to send from a wallet that somebody else used.
func (s *Sender) mayGoOn(at held, w wallet) error {
	switch known := max(w.Next, s.cfg.Start); {
	case w.Begun && at.count > known:
		return s.notNow(fmt.Errorf("%w: the chain has %d of %s, on record are %d", errForeign, at.count, s.from.Hex(), known))
	case !w.Begun && at.pending > at.count:
		return s.notNow(fmt.Errorf("%w: %d of %s are waiting to be mined; the first transfer waits for them", errForeign, at.pending-at.count, s.from.Hex()))
	}
	return nil
}

// held is what the wallet has at one block.
type held struct {
	head    sealed
	count   uint64   // transactions
	pending uint64   // with those that a node holds to be mined
	coin    *big.Int // wei
	units   *big.Int // of the token that was asked for
}

// sealed is a block's header with what gas costs in it.
type sealed struct {
	number uint64
	base   *big.Int // wei for a unit of gas; nil: the chain has no base fee
}

// holds reads what the wallet has at the head.
func (s *Sender) holds(ctx context.Context, n *node, token common.Address) (held, error) {
	var block *struct {
		Number *hexutil.Uint64 `json:"number"`
		Base   *hexutil.Big    `json:"baseFeePerGas"`
	}
	if err := n.call(ctx, &block, "eth_getBlockByNumber", "latest", false); err != nil {
		return held{}, err
	}
	if block == nil || block.Number == nil {
		return held{}, errors.New("eth_getBlockByNumber: the block lacks fields")
	}
	h := held{head: sealed{number: uint64(*block.Number), base: (*big.Int)(block.Base)}, units: new(big.Int)}
	count, pending, coin, word := new(*hexutil.Uint64), new(*hexutil.Uint64), new(*hexutil.Big), new(*hexutil.Bytes)
	ask := []rpc.BatchElem{
		{Method: "eth_getTransactionCount", Args: []any{s.from, *block.Number}, Result: count},
		{Method: "eth_getTransactionCount", Args: []any{s.from, "pending"}, Result: pending},
		{Method: "eth_getBalance", Args: []any{s.from, *block.Number}, Result: coin},
	}
	if token != (common.Address{}) {
		call := map[string]any{"to": token, "data": balanceOf(s.from.Hex())}
		ask = append(ask, rpc.BatchElem{Method: "eth_call", Args: []any{call, *block.Number}, Result: word})
	}
	if err := n.askAll(ctx, ask); err != nil {
		return held{}, err
	}
	if *count == nil || *pending == nil || *coin == nil {
		return held{}, errors.New("the node does not say what the hot wallet has")
	}
	h.count, h.pending, h.coin = uint64(**count), uint64(**pending), (*big.Int)(*coin)
	if token != (common.Address{}) {
		if *word == nil || len(**word) != 32 {
			return held{}, fmt.Errorf("the contract %s did not answer balanceOf", token)
		}
		h.units = new(big.Int).SetBytes(**word)
	}
	return h, nil
}

// fee is what a transaction is offered: twice the base fee and the node's tip (EIP-1559), or the node's gas price where
// the chain has no base fee; never more than the maximum. Error: ErrNotNow when that is not enough for the next block.
func (s *Sender) fee(ctx context.Context, n *node, at held) (try, error) {
	t := try{At: s.rail.now()}
	if at.head.base == nil {
		price, err := n.wei(ctx, "eth_gasPrice")
		if err != nil {
			return t, err
		}
		if price.Cmp(s.cfg.MaxFee) > 0 {
			return t, ours{s.notNow(fmt.Errorf("%w: %s wei, at most %s", errDear, price, s.cfg.MaxFee))}
		}
		t.Price = (*hexutil.Big)(price)
		return t, nil
	}
	if at.head.base.Cmp(s.cfg.MaxFee) > 0 {
		return t, ours{s.notNow(fmt.Errorf("%w: %s wei, at most %s", errDear, at.head.base, s.cfg.MaxFee))}
	}
	tip, err := n.wei(ctx, "eth_maxPriorityFeePerGas")
	if err != nil {
		return t, err
	}
	price := new(big.Int).Lsh(at.head.base, 1)
	price.Add(price, tip)
	if price.Cmp(s.cfg.MaxFee) > 0 {
		price = s.cfg.MaxFee
	}
	if tip.Cmp(price) > 0 {
		tip = price
	}
	t.Price, t.Tip = (*hexutil.Big)(price), (*hexutil.Big)(tip)
	return t, nil
}

// wei asks for an amount of wei.
func (n *node) wei(ctx context.Context, method string) (*big.Int, error) {
	var answer *hexutil.Big
	if err := n.call(ctx, &answer, method); err != nil {
		return nil, err
	}
	if answer == nil {
		return nil, fmt.Errorf("%s: null", method)
	}
	return (*big.Int)(answer), nil
}

// gas estimates what a payment takes, and a quarter more, for the chain moves on before it is mined. Error: ErrRefused
// where the token's contract, or the recipient, does not let it through though the wallet has enough.
func (s *Sender) gas(ctx context.Context, n *node, p payment) (uint64, error) {
	to, value, data := p.call()
	call := map[string]any{"from": s.from, "to": to, "value": (*hexutil.Big)(value), "data": hexutil.Bytes(data)}
	var answer *hexutil.Uint64
	err := n.call(ctx, &answer, "eth_estimateGas", call)
	switch {
	case reverted(err):
		return 0, ours{fmt.Errorf("evm:%s: %w: it would fail: %w", s.rail.network, rail.ErrRefused, err)}
	case err != nil:
		return 0, err
	case answer == nil:
		return 0, errors.New("eth_estimateGas: null")
	case uint64(*answer) > maxGas:
		return 0, ours{fmt.Errorf("evm:%s: %w: it would take %d gas, at most %d is spent", s.rail.network, rail.ErrRefused, uint64(*answer), maxGas)}
	}
	gas := uint64(*answer)
	if gas > 21_000 {
		gas += gas / 4
	}
	return gas, nil
}

// submit gives a signed transaction to a node. One that it has, or that is mined, is taken.
func (n *node) submit(ctx context.Context, t try) error {
	var hash *common.Hash
	err := n.call(ctx, &hash, "eth_sendRawTransaction", t.Raw)
	if err == nil {
		return nil
	}
	if said, ok := errors.AsType[rpc.Error](err); ok {
		text := strings.ToLower(said.Error())
		if strings.Contains(text, "already known") || strings.Contains(text, "known transaction") || strings.Contains(text, "already exists") {
			return nil
		}
		if strings.Contains(text, "nonce too low") {
			if known, lookErr := n.knows(ctx, t.Hash); lookErr == nil && known {
				return nil
			}
		}
	}
	return err
}

// knows says whether a node has a transaction, mined or waiting.
func (n *node) knows(ctx context.Context, hash common.Hash) (bool, error) {
	var tx *struct {
		Hash common.Hash `json:"hash"`
	}
	if err := n.call(ctx, &tx, "eth_getTransactionByHash", hash); err != nil {
		return false, err
	}
	return tx != nil && tx.Hash == hash, nil
}

func amountText(asset money.Asset, units *big.Int) string { return money.New(asset, units).String() }
