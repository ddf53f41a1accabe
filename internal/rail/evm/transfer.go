package evm

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

// transferTopic is the first topic of EIP-20's Transfer(address indexed, address indexed, uint256).
var transferTopic = crypto.Keccak256Hash([]byte("Transfer(address,address,uint256)"))

// transfer is one Transfer log of a listed token.
type transfer struct {
	log    types.Log
	asset  money.Asset
	from   common.Address
	to     common.Address
	amount *big.Int
}

// transferOf reads a log. ok is false for whatever is not a transfer of a listed token that brings
// somebody money: another contract, whatever it calls itself; another event or shape of event (EIP-721
// has the same signature and four topics); a transfer of nothing, which anybody can make in anybody's
// name; one to the sender itself; and a log that is taken back.
func (r *Rail) transferOf(l types.Log) (t transfer, ok bool) {
	asset, listed := r.tokens[l.Address]
	if !listed || l.Removed || len(l.Topics) != 3 || l.Topics[0] != transferTopic || len(l.Data) != 32 {
		return transfer{}, false
	}
	from, fromOK := topicAddress(l.Topics[1])
	to, toOK := topicAddress(l.Topics[2])
	amount := new(big.Int).SetBytes(l.Data)
	if !fromOK || !toOK || from == to || amount.Sign() == 0 {
		return transfer{}, false
	}
	return transfer{log: l, asset: asset, from: from, to: to, amount: amount}, true
}

// topicAddress is the address in an indexed parameter: twelve zero bytes and the address.
func topicAddress(topic common.Hash) (common.Address, bool) {
	address := common.BytesToAddress(topic[12:])
	return address, common.BytesToHash(address[:]) == topic
}

// match makes observations, without a rank, of those logs that bring a known address money. Logs may
// come in any order and more than once. headers are blocks that were read already; the others are read
// here, which also proves that each log's block is on the node's chain.
func (w *watch) match(ctx context.Context, logs []types.Log, known addresses, headers map[uint64]header) ([]rail.Observation, error) {
	var transfers []transfer
	for _, l := range logs {
		if t, ok := w.transferOf(l); ok {
			transfers = append(transfers, t)
		}
	}
	slices.SortStableFunc(transfers, func(a, b transfer) int {
		return cmp.Or(cmp.Compare(a.log.BlockNumber, b.log.BlockNumber), cmp.Compare(a.log.Index, b.log.Index))
	})
	transfers = slices.CompactFunc(transfers, func(a, b transfer) bool {
		return a.log.BlockHash == b.log.BlockHash && a.log.Index == b.log.Index
	})
	var recipients []string
	for _, t := range transfers {
		recipients = append(recipients, t.to.Hex())
	}
	slices.Sort(recipients)
	ours, err := w.knownOf(ctx, known, slices.Compact(recipients))
	if err != nil {
		return nil, err
	}
	var found []rail.Observation
	ordinals := map[string]int{}
	for _, t := range transfers {
		if !ours[t.to.Hex()] {
			continue
		}
		h, read := headers[t.log.BlockNumber]
		if !read {
			if h, err = w.node.byNumber(ctx, t.log.BlockNumber); err != nil {
				return nil, err
			}
			headers[t.log.BlockNumber] = h
		}
		if t.log.BlockHash != h.hash {
			return nil, errUnsteady
		}
		found = append(found, w.observe(t, h, ordinals))
	}
	return found, nil
}

// observe makes the observation of a transfer. The external id names transaction, token, recipient and
// the transfer's ordinal among those, and neither block nor log index, so that it is the same when the
// transaction is mined again elsewhere.
func (w *watch) observe(t transfer, h header, ordinals map[string]int) rail.Observation {
	key := strings.ToLower(t.log.TxHash.Hex() + "/" + t.log.Address.Hex() + "/" + t.to.Hex())
	n := ordinals[key]
	ordinals[key]++
	return rail.Observation{
		External:   fmt.Sprintf("%s/%d", key, n),
		Instrument: t.to.Hex(),
		Epoch:      w.at.Reorgs,
		Amount:     money.New(t.asset, t.amount),
		Value:      h.time,
		Evidence: order.Evidence{
			Tx:        t.log.TxHash.Hex(),
			Block:     h.number,
			BlockHash: h.hash.Hex(),
			Index:     uint64(t.log.Index),
			From:      t.from.Hex(),
			To:        t.to.Hex(),
		},
	}
}
