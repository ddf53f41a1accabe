package evm

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"

	"till/internal/killpoint"
	"till/internal/money"
	"till/internal/rail"
)

// What the sender keeps in the rail's memory:
//
//	wallet/<address>         the next nonce, and a version that grows with each reservation
//	open/<address>/<nonce>   a nonce that is not settled: its transfer, and every transaction signed for it
//	sent/<id>                a transfer for ever: its nonce and, once settled, how it ended
//
// Costs follow the open nonces, never the history.
const (
	walletKey = "wallet/"
	openKey   = "open/"
	sentKey   = "sent/"
	maxID     = 150 // bytes of a transfer's id
	openPage  = 100
)

// wallet is one address's line.
type wallet struct {
	Next    uint64   `json:"next"`    // the next nonce that was never given out
	Vacant  []uint64 `json:"vacant"`  // nonces that were given out and taken back unsigned, lowest first
	Version uint64   `json:"version"` // grows with each reservation, so that two see one another
	Begun   bool     `json:"begun"`   // Next was read from the chain once
}

// sent is what is on record of a transfer for ever.
type sent struct {
	To    common.Address `json:"to"`
	Asset string         `json:"asset"`
	Units *hexutil.Big   `json:"units"`
	From  common.Address `json:"from"`
	Nonce uint64         `json:"nonce"`
	End   rail.Status    `json:"end,omitempty"` // empty: it is not settled
	Tx    common.Hash    `json:"tx,omitzero"`   // the transaction that settled it
}

func (t sent) is(d rail.Delivery) bool {
	return strings.EqualFold(t.To.Hex(), d.To) && t.Asset == d.Amount.Asset().String() && (*big.Int)(t.Units).Cmp(d.Amount.Big()) == 0
}

// open is a nonce that is not settled.
type open struct {
	ID        string          `json:"id,omitempty"` // of the transfer; empty: it only fills a gap
	To        common.Address  `json:"to"`           // the recipient
	Contract  common.Address  `json:"contract,omitzero"`
	Call      *common.Address `json:"call"` // what the transaction calls
	Asset     string          `json:"asset,omitempty"`
	Units     *hexutil.Big    `json:"units"`
	Value     *hexutil.Big    `json:"value"`
	Data      hexutil.Bytes   `json:"data,omitempty"`
	Gas       uint64          `json:"gas"`
	Since     uint64          `json:"since"` // the chain's head when it was reserved
	Made      time.Time       `json:"made"`
	Tries     []try           `json:"tries"`               // the oldest first; only the last may be unsigned
	Submitted bool            `json:"submitted,omitempty"` // a node took one of them
}

// try is one transaction for a nonce.
type try struct {
	Price *hexutil.Big  `json:"price"`         // the most a unit of gas may cost
	Tip   *hexutil.Big  `json:"tip,omitempty"` // nil: a legacy transaction
	Hash  common.Hash   `json:"hash,omitzero"`
	Raw   hexutil.Bytes `json:"raw,omitempty"` // nil: not signed yet
	At    time.Time     `json:"at"`
}

func (o open) signed() bool { return len(o.Tries[len(o.Tries)-1].Raw) > 0 }

// last is the newest signed try.
func (o open) last() try {
	for i := len(o.Tries) - 1; i >= 0; i-- {
		if len(o.Tries[i].Raw) > 0 {
			return o.Tries[i]
		}
	}
	return try{}
}

func (o open) has(hash common.Hash) bool {
	return slices.ContainsFunc(o.Tries, func(t try) bool { return len(t.Raw) > 0 && t.Hash == hash })
}

// cost is what it takes of the native coin at most.
func (o open) cost() *big.Int {
	price := new(big.Int)
	for _, t := range o.Tries {
		if (*big.Int)(t.Price).Cmp(price) > 0 {
			price = (*big.Int)(t.Price)
		}
	}
	cost := new(big.Int).Mul(price, new(big.Int).SetUint64(o.Gas))
	return cost.Add(cost, (*big.Int)(o.Value))
}

// transaction is the unsigned transaction of a try.
func (o open) transaction(nonce uint64, t try, chain *big.Int) *types.Transaction {
	if t.Tip == nil {
		return types.NewTx(&types.LegacyTx{Nonce: nonce, GasPrice: (*big.Int)(t.Price), Gas: o.Gas, To: o.Call, Value: (*big.Int)(o.Value), Data: o.Data})
	}
	return types.NewTx(&types.DynamicFeeTx{ChainID: chain, Nonce: nonce, GasTipCap: (*big.Int)(t.Tip), GasFeeCap: (*big.Int)(t.Price),
		Gas: o.Gas, To: o.Call, Value: (*big.Int)(o.Value), Data: o.Data})
}

func openName(from common.Address, nonce uint64) string {
	return fmt.Sprintf("%s%s/%020d", openKey, from.Hex(), nonce)
}

// find is what is on record of a transfer; nil: nothing.
func (s *Sender) find(ctx context.Context, id string) (*sent, error) {
	var found *sent
	err := s.cfg.State.Update(ctx, func(m rail.Memory) (err error) {
		found, err = recall[sent](m, sentKey+id)
		return err
	})
	return found, err
}

// openAt is an open nonce; nil: it is settled, or never was.
func (s *Sender) openAt(ctx context.Context, from common.Address, nonce uint64) (*open, error) {
	var found *open
	err := s.cfg.State.Update(ctx, func(m rail.Memory) (err error) {
		found, err = recall[open](m, openName(from, nonce))
		return err
	})
	return found, err
}

// line is one open nonce and whose it is.
type line struct {
	from  common.Address
	nonce uint64
	open
}

// opens is every open nonce, by address and nonce; the wallet is read before them, so that what is reserved in between
// shows in its version.
func (s *Sender) opens(ctx context.Context) (w wallet, list []line, err error) {
	err = s.cfg.State.Update(ctx, func(m rail.Memory) error {
		got, err := recall[wallet](m, walletKey+s.from.Hex())
		if got != nil {
			w = *got
		}
		return err
	})
	for after := ""; err == nil; {
		var page []rail.Item
		if page, err = s.cfg.State.List(ctx, openKey, after, openPage); err != nil || len(page) == 0 {
			break
		}
		for _, item := range page {
			var l line
			address, nonce, _ := strings.Cut(strings.TrimPrefix(item.Key, openKey), "/")
			l.from = common.HexToAddress(address)
			if _, err := fmt.Sscanf(nonce, "%d", &l.nonce); err != nil {
				return w, nil, fmt.Errorf("evm:%s: a line of the hot wallet is not readable: %w", s.rail.network, err)
			}
			if err := json.Unmarshal(item.Value, &l.open); err != nil {
				return w, nil, fmt.Errorf("evm:%s: a line of the hot wallet is not readable: %w", s.rail.network, err)
			}
			list = append(list, l)
		}
		after = page[len(page)-1].Key
	}
	return w, list, err
}

// FirstNonce is the first nonce of a wallet that is not settled, or the next one where all are: where a chain must begin
// for it that knows nothing of what it sent before.
func FirstNonce(ctx context.Context, state rail.State, wallet common.Address) (uint64, error) {
	s := Sender{cfg: SendConfig{State: state}, from: wallet}
	w, lines, err := s.opens(ctx)
	first := w.Next
	for _, l := range lines {
		if l.from == wallet && l.nonce < first {
			first = l.nonce
		}
	}
	return first, err
}

// reserve gives a transfer a nonce, once the wallet can afford it. The lowest vacant nonce is taken first, so that no
// gap stays while there is something to send. Error: ErrNotNow, ErrRefused, and what went wrong.
func (s *Sender) reserve(ctx context.Context, id string, p payment) (*sent, error) {
	select {
	case s.one <- struct{}{}:
		defer func() { <-s.one }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		if known, err := s.find(ctx, id); err != nil || known != nil {
			return known, err
		}
		w, lines, err := s.opens(ctx)
		if err != nil {
			return nil, err
		}
		offer, err := s.afford(ctx, p, w, lines)
		if err != nil {
			return nil, err
		}
		made, again, err := s.write(ctx, id, p, w, offer)
		if err != nil || !again {
			return made, err
		}
	}
}

// write puts a reservation on record. again says that the wallet has changed since it was read.
func (s *Sender) write(ctx context.Context, id string, p payment, was wallet, offer offer) (made *sent, again bool, err error) {
	err = s.cfg.State.Update(ctx, func(m rail.Memory) error {
		again = false
		var err error
		if made, err = recall[sent](m, sentKey+id); err != nil || made != nil {
			return err
		}
		w := wallet{}
		if got, err := recall[wallet](m, walletKey+s.from.Hex()); err != nil {
			return err
		} else if got != nil {
			w = *got
		}
		if w.Version != was.Version {
			again = true
			return nil
		}
		nonce := w.give(offer.count)
		made = &sent{To: p.to, Asset: p.asset.String(), Units: (*hexutil.Big)(p.units), From: s.from, Nonce: nonce}
		to, value, data := p.call()
		o := open{
			ID: id, To: p.to, Contract: p.contract, Call: &to, Asset: p.asset.String(), Units: made.Units, Value: (*hexutil.Big)(value), Data: data,
			Gas: offer.gas, Since: offer.head, Made: s.rail.now(), Tries: []try{offer.try},
		}
		if err := keep(m, walletKey+s.from.Hex(), w); err != nil {
			return err
		}
		if err := keep(m, sentKey+id, made); err != nil {
			return err
		}
		return keep(m, openName(s.from, nonce), o)
	})
	if err == nil && !again {
		killpoint.Here("evm.reserved")
	}
	return made, again, err
}

// give hands out a nonce. count is how many transactions of the wallet the chain has.
func (w *wallet) give(count uint64) (nonce uint64) {
	w.Version++
	if !w.Begun {
		w.Next, w.Begun = count, true
	}
	w.Vacant = slices.DeleteFunc(w.Vacant, func(n uint64) bool { return n < count })
	if len(w.Vacant) > 0 {
		nonce, w.Vacant = w.Vacant[0], w.Vacant[1:]
		return nonce
	}
	w.Next = max(w.Next, count)
	nonce = w.Next
	w.Next++
	return nonce
}

// vacate takes a nonce back from a transfer that was never signed. It says false when it was signed meanwhile.
func (s *Sender) vacate(ctx context.Context, nonce uint64, id string, why error) (gone bool, err error) {
	err = s.cfg.State.Update(ctx, func(m rail.Memory) error {
		gone = false
		o, err := recall[open](m, openName(s.from, nonce))
		if err != nil || o == nil || o.ID != id || o.signed() {
			return err
		}
		w, err := recall[wallet](m, walletKey+s.from.Hex())
		if err != nil || w == nil {
			return err
		}
		gone = true
		w.Version++
		w.Vacant = append(w.Vacant, nonce)
		slices.Sort(w.Vacant)
		if err := keep(m, walletKey+s.from.Hex(), w); err != nil {
			return err
		}
		if err := m.Put(openName(s.from, nonce), nil); err != nil || id == "" {
			return err
		}
		return m.Put(sentKey+id, nil)
	})
	if err == nil {
		err = why
	}
	return gone, err
}

// change changes an open nonce of this wallet; at is nil when it is settled.
func (s *Sender) change(ctx context.Context, nonce uint64, fn func(at *open)) error {
	return s.changeOf(ctx, s.from, nonce, fn)
}

func (s *Sender) changeOf(ctx context.Context, from common.Address, nonce uint64, fn func(at *open)) error {
	return s.cfg.State.Update(ctx, func(m rail.Memory) error {
		o, err := recall[open](m, openName(from, nonce))
		if err != nil {
			return err
		}
		if fn(o); o == nil {
			return nil
		}
		return keep(m, openName(from, nonce), o)
	})
}

// submitted notes that a node took a transaction of an open nonce.
func (s *Sender) submitted(ctx context.Context, from common.Address, nonce uint64) error {
	return s.changeOf(ctx, from, nonce, func(at *open) {
		if at != nil {
			at.Submitted = true
		}
	})
}

// settle puts on record how a nonce ended.
func (s *Sender) settle(ctx context.Context, from common.Address, nonce uint64, id string, end rail.Status, tx common.Hash) error {
	return s.cfg.State.Update(ctx, func(m rail.Memory) error {
		o, err := recall[open](m, openName(from, nonce))
		if err != nil || o == nil || o.ID != id {
			return err
		}
		if err := m.Put(openName(from, nonce), nil); err != nil || id == "" {
			return err
		}
		t, err := recall[sent](m, sentKey+id)
		if err != nil || t == nil {
			return err
		}
		t.End, t.Tx = end, tx
		return keep(m, sentKey+id, t)
	})
}

func recall[T any](m rail.Memory, key string) (*T, error) {
	text, err := m.Get(key)
	if err != nil || text == nil {
		return nil, err
	}
	v := new(T)
	if err := json.Unmarshal(text, v); err != nil {
		return nil, fmt.Errorf("the hot wallet's line %s is not readable: %w", key, err)
	}
	return v, nil
}

func keep(m rail.Memory, key string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return m.Put(key, text)
}

// amountOf is what an open nonce takes of an asset.
func (o open) amountOf(asset money.Asset) *big.Int {
	if o.Asset != asset.String() {
		return new(big.Int)
	}
	return (*big.Int)(o.Units)
}
