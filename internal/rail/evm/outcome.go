package evm

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"

	"till/internal/killpoint"
	"till/internal/rail"
)

// How it is found out what became of a transfer. Every node that is configured is asked, and the rule is:
//
//   - A block counts once the network's confirmations lie on it, itself included. Before that a transfer is on its way,
//     mined or not, so a reorganisation needs no rule of its own.
//   - It was delivered when one node says so and none that is as far says anything else.
//   - It failed when every configured node says so, for what failed is sent again by somebody: a node that is out of
//     order must not make that happen. So a failure waits for a node that is away.
//   - It failed by a transaction that is there: its own, which was reverted or moved nothing, or another one of the same
//     nonce, which is proof that its own will never be mined. That a node knows nothing of it proves nothing.

// ending is what one node says became of an open nonce.
type ending string

const (
	unheard   ending = "unheard"   // the node knows none of its transactions
	underway  ending = "underway"  // waiting, or mined in a block that is not final
	arrived   ending = "arrived"   // final, and the money moved
	fruitless ending = "fruitless" // final, and nothing moved
)

// view is one node's word.
type view struct {
	ending
	tx    common.Hash // the transaction that ended it
	block common.Hash // which it is in
	at    uint64      // its number
	head  uint64
}

// receipt is what a node says of a mined transaction.
type receipt struct {
	Hash   common.Hash     `json:"transactionHash"`
	Block  common.Hash     `json:"blockHash"`
	Number *hexutil.Uint64 `json:"blockNumber"`
	Status *hexutil.Uint64 `json:"status"`
	Logs   []types.Log     `json:"logs"`
}

// Lookup implements rail.Sender. It puts the end of a transfer on record when it finds it.
func (s *Sender) Lookup(ctx context.Context, d rail.Delivery) (rail.Status, rail.Ref, error) {
	if err := ctx.Err(); err != nil {
		return "", "", err
	}
	for range 2 { // it may be settled between two reads
		known, err := s.find(ctx, d.ID)
		switch {
		case err != nil:
			return "", "", err
		case known == nil:
			return rail.StatusNone, "", nil
		case !known.is(d):
			return "", "", s.another(d)
		case known.End != "":
			return known.End, rail.Ref(known.Tx.Hex()), nil
		}
		o, err := s.openAt(ctx, known.From, known.Nonce)
		if err != nil {
			return "", "", err
		}
		if o != nil {
			status, ref, _, err := s.outcome(ctx, known.From, known.Nonce, *o)
			return status, ref, err
		}
	}
	return "", "", errSettled
}

// outcome finds out where an open nonce stands, and settles it where it has ended. StatusNone says that nothing of it
// has left this house, as far as anybody knows.
// in between, place says whether a block or a node's pool has it.
func (s *Sender) outcome(ctx context.Context, from common.Address, nonce uint64, o open) (status rail.Status, ref rail.Ref, in place, err error) {
	if len(o.last().Raw) == 0 {
		return rail.StatusNone, "", nowhere, nil
	}
	views, silent, err := s.views(ctx, from, nonce, o)
	if err != nil {
		return "", "", nowhere, err
	}
	said, err := agreed(views, silent)
	if err != nil {
		return "", "", nowhere, fmt.Errorf("evm:%s: transfer %s: %w", s.rail.network, o.ID, err)
	}
	in = placeOf(views)
	switch said.ending {
	case arrived, fruitless:
		end := rail.StatusDelivered
		if said.ending == fruitless {
			end = rail.StatusFailed
			s.log.Error("a transaction of the hot wallet failed", "transfer", o.ID, "nonce", nonce, "tx", said.tx.Hex(), "own", o.has(said.tx))
		}
		killpoint.Here("evm.found")
		if err := s.settle(ctx, from, nonce, o.ID, end, said.tx); err != nil {
			return "", "", in, err
		}
		return end, rail.Ref(said.tx.Hex()), in, nil
	case underway:
		if !o.Submitted {
			if err := s.submitted(ctx, from, nonce); err != nil {
				return "", "", in, err
			}
		}
		return rail.StatusSent, rail.Ref(o.last().Hash.Hex()), in, nil
	}
	if o.Submitted {
		return rail.StatusSent, rail.Ref(o.last().Hash.Hex()), in, nil
	}
	return rail.StatusNone, "", in, nil
}

// place is where the nodes have a transaction that has not ended.
type place uint8

const (
	nowhere  place = iota // some node that answered has it neither in a block nor waiting
	inPools               // all have it waiting
	inABlock              // some node has a block with it
)

func placeOf(views []view) place {
	in := inPools
	for _, v := range views {
		switch {
		case v.at > 0:
			return inABlock
		case v.ending == unheard:
			in = nowhere
		}
	}
	return in
}

// views asks every node. silent counts those that did not answer; a node of another chain is none of ours. Error: what
// is wrong with all of them.
func (s *Sender) views(ctx context.Context, from common.Address, nonce uint64, o open) (list []view, silent int, err error) {
	var failures []error
	for i, n := range s.rail.nodes.list {
		v, err := s.view(ctx, n, from, nonce, o)
		if ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		if _, other := errors.AsType[foreign](err); other {
			failures = append(failures, err)
			continue
		}
		if err != nil {
			silent++
			failures = append(failures, fmt.Errorf("node %d (%s): %w", i+1, n.host, err))
			continue
		}
		list = append(list, v)
	}
	if len(list) == 0 {
		return nil, 0, fmt.Errorf("evm:%s: %w", s.rail.network, errors.Join(failures...))
	}
	return list, silent, nil
}

// agreed is what follows from the nodes' words.
func agreed(views []view, silent int) (view, error) {
	best := views[0]
	for _, v := range views {
		if weight(v) > weight(best) {
			best = v
		}
	}
	if best.ending != arrived && best.ending != fruitless {
		return best, nil
	}
	for _, v := range views {
		switch {
		case v.ending == best.ending && v.tx == best.tx && v.block == best.block:
		case best.ending == arrived && v.head < best.head && (v.ending == underway || v.ending == unheard):
			// not as far
		case best.ending == fruitless && (v.ending == underway || v.ending == unheard):
			return v, nil // not everybody says so yet
		default:
			return view{}, fmt.Errorf("%w: one says %s by %s, another %s", errUnsteady, best.ending, best.tx.Hex(), v.ending)
		}
	}
	if best.ending == fruitless && silent > 0 {
		best.ending = underway
	}
	return best, nil
}

func weight(v view) int {
	switch v.ending {
	case arrived:
		return 3
	case fruitless:
		return 2
	case underway:
		return 1
	}
	return 0
}

// view is what one node says. Everything it says must fit together: the receipt's block is read, and read at its
// number again.
func (s *Sender) view(ctx context.Context, n *node, from common.Address, nonce uint64, o open) (view, error) {
	if err := s.rail.nodes.admit(ctx, n); err != nil {
		return view{}, err
	}
	head, err := n.latest(ctx)
	if err != nil {
		return view{}, err
	}
	known := false
	for _, t := range o.Tries {
		if len(t.Raw) == 0 {
			continue
		}
		r, err := n.receipt(ctx, t.Hash)
		if err != nil {
			return view{}, err
		}
		if r == nil {
			if !known {
				if known, err = n.knows(ctx, t.Hash); err != nil {
					return view{}, err
				}
			}
			continue
		}
		v := view{ending: underway, tx: t.Hash, block: r.Block, at: uint64(*r.Number), head: head.number}
		if v.at+s.rail.confirmations > head.number+1 {
			return v, nil
		}
		at, err := n.byNumber(ctx, v.at)
		if err != nil {
			return view{}, err
		}
		if at.hash != r.Block {
			return view{}, errUnsteady
		}
		v.ending, err = s.moved(*r, from, o)
		return v, err
	}
	v := view{ending: unheard, head: head.number}
	if known {
		v.ending = underway
		return v, nil
	}
	return s.taken(ctx, n, from, nonce, o, v)
}

func (n *node) receipt(ctx context.Context, hash common.Hash) (*receipt, error) {
	var r *receipt
	if err := n.call(ctx, &r, "eth_getTransactionReceipt", hash); err != nil || r == nil {
		return nil, err
	}
	if r.Hash != hash || r.Number == nil || r.Status == nil || uint64(*r.Number) > 1<<62 {
		return nil, fmt.Errorf("eth_getTransactionReceipt: asked for %s, got something else", hash)
	}
	return r, nil
}

// moved says whether a final transaction moved the money. A token that answers false instead of reverting leaves no
// Transfer log.
func (s *Sender) moved(r receipt, from common.Address, o open) (ending, error) {
	if *r.Status != 1 {
		return fruitless, nil
	}
	if o.Contract == (common.Address{}) {
		return arrived, nil
	}
	left := false
	for _, l := range r.Logs {
		if l.Address != o.Contract || len(l.Topics) != 3 || l.Topics[0] != transferTopic || len(l.Data) != 32 || new(big.Int).SetBytes(l.Data).Sign() == 0 {
			continue
		}
		by, byOK := topicAddress(l.Topics[1])
		to, toOK := topicAddress(l.Topics[2])
		if !byOK || !toOK || by != from {
			continue
		}
		if to == o.To {
			return arrived, nil
		}
		left = true
	}
	if left {
		return "", errors.New("its transaction moved the token to somebody else than its recipient: an operator must look at the contract")
	}
	return fruitless, nil
}

// taken finds out whether another transaction took the nonce for good: of the blocks since the reservation it finds, by
// halving, the one in which the wallet's count went past the nonce, and reads the transaction there.
func (s *Sender) taken(ctx context.Context, n *node, from common.Address, nonce uint64, o open, v view) (view, error) {
	if v.head+1 < s.rail.confirmations {
		return v, nil
	}
	last := v.head + 1 - s.rail.confirmations // the newest final block
	count, err := n.count(ctx, from, last)
	if err != nil || count <= nonce || last < o.Since {
		return v, err
	}
	first := o.Since
	if before, err := n.count(ctx, from, first); err != nil || before > nonce {
		if err == nil {
			err = errors.New("the nonce was taken before it was reserved: an operator must look at the wallet")
		}
		return view{}, err
	}
	for last-first > 1 {
		middle := first + (last-first)/2
		c, err := n.count(ctx, from, middle)
		if err != nil {
			return view{}, err
		}
		if c > nonce {
			last = middle
		} else {
			first = middle
		}
	}
	var block *struct {
		Hash common.Hash `json:"hash"`
		Txs  []struct {
			Hash  common.Hash    `json:"hash"`
			From  common.Address `json:"from"`
			Nonce hexutil.Uint64 `json:"nonce"`
		} `json:"transactions"`
	}
	if err := n.call(ctx, &block, "eth_getBlockByNumber", hexutil.Uint64(last), true); err != nil {
		return view{}, err
	}
	if block == nil {
		return view{}, errNoBlock
	}
	for _, tx := range block.Txs {
		if tx.From != from || uint64(tx.Nonce) != nonce {
			continue
		}
		if o.has(tx.Hash) {
			return view{}, errUnsteady // it is there, and the node had no receipt of it
		}
		s.log.Error("a nonce of the hot wallet was used by a transaction that is not on record here: its key is used elsewhere",
			"transfer", o.ID, "nonce", nonce, "tx", tx.Hash.Hex())
		v.ending, v.tx, v.block, v.at = fruitless, tx.Hash, block.Hash, last
		return v, nil
	}
	return view{}, errUnsteady
}

// count is how many transactions of an address the chain has up to a block.
func (n *node) count(ctx context.Context, of common.Address, block uint64) (uint64, error) {
	var answer *hexutil.Uint64
	if err := n.call(ctx, &answer, "eth_getTransactionCount", of, hexutil.Uint64(block)); err != nil {
		return 0, err
	}
	if answer == nil {
		return 0, errors.New("eth_getTransactionCount: null")
	}
	return uint64(*answer), nil
}
