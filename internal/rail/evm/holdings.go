package evm

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"till/internal/money"
	"till/internal/rail"
)

// batchSize is how many questions go into one request at the most; most providers allow 100 to 1,000.
const batchSize = 100

var _ rail.Holder = (*Rail)(nil)

// Holdings reads the balances of every listed token (EIP-20 balanceOf) and the nonce of each address, all at
// the head of one node. The native coin is not told, as everywhere on this rail; an address that sent
// anything, a transaction of it too, has a nonce.
//
// Errors: an address that is none, and what is wrong with every node.
func (r *Rail) Holdings(ctx context.Context, addresses []string) ([]rail.Holding, error) {
	for _, a := range addresses {
		if canonical, _, err := ParseAddress(a); err != nil || canonical != a {
			return nil, fmt.Errorf("evm:%s: %s is not an address in the canonical spelling", r.network, a)
		}
	}
	if len(addresses) == 0 {
		return nil, nil
	}
	var found []rail.Holding
	err := r.nodes.aside(ctx, func(n *node) error {
		if err := r.nodes.admit(ctx, n); err != nil {
			return err
		}
		head, err := n.latest(ctx)
		if err != nil {
			return err
		}
		found, err = r.holdingsAt(ctx, n, head.number, addresses)
		return err
	})
	return found, err
}

func (r *Rail) holdingsAt(ctx context.Context, n *node, block uint64, addresses []string) ([]rail.Holding, error) {
	each := 1 + len(r.contracts) // questions for one address
	questions := make([]rpc.BatchElem, 0, each*len(addresses))
	for _, a := range addresses {
		questions = append(questions, rpc.BatchElem{
			Method: "eth_getTransactionCount", Args: []any{a, hexutil.Uint64(block)}, Result: new(*hexutil.Uint64),
		})
		for _, contract := range r.contracts {
			questions = append(questions, rpc.BatchElem{
				Method: "eth_call", Result: new(*hexutil.Bytes),
				Args: []any{map[string]any{"to": contract, "data": balanceOf(a)}, hexutil.Uint64(block)},
			})
		}
	}
	if err := n.askAll(ctx, questions); err != nil {
		return nil, err
	}
	found := make([]rail.Holding, len(addresses))
	for i, a := range addresses {
		answers := questions[i*each : (i+1)*each]
		nonce := *answers[0].Result.(**hexutil.Uint64)
		if nonce == nil {
			return nil, errors.New("eth_getTransactionCount: null")
		}
		found[i] = rail.Holding{Address: a, Block: block, Sent: *nonce > 0}
		for j, contract := range r.contracts {
			word := *answers[1+j].Result.(**hexutil.Bytes)
			if word == nil || len(*word) != 32 {
				return nil, fmt.Errorf("the contract %s did not answer balanceOf", contract)
			}
			found[i].Amounts = append(found[i].Amounts, money.New(r.tokens[contract], new(big.Int).SetBytes(*word)))
		}
	}
	return found, nil
}

// balanceOf is the call of EIP-20's balanceOf(address).
func balanceOf(address string) string {
	return "0x70a08231" + hex.EncodeToString(common.LeftPadBytes(common.HexToAddress(address).Bytes(), 32))
}

// askAll asks questions, many in one request. A request that the node refuses is made again with half of them, down to
// one at a time: some providers allow fewer, or none together. It fails when one question does.
func (n *node) askAll(ctx context.Context, questions []rpc.BatchElem) error {
	for size := batchSize; len(questions) > 0; {
		part := questions[:min(size, len(questions))]
		err := n.batch(ctx, part)
		if len(part) > 1 && refusedTogether(err) {
			size = len(part) / 2
			continue
		}
		if err != nil {
			return err
		}
		questions = questions[len(part):]
	}
	return nil
}

// refusedTogether says that the node did not want these questions in one request: it refused the request or one of them,
// gave one answer in place of a list, or a list that lacks some.
func refusedTogether(err error) bool {
	_, oneAnswer := errors.AsType[*json.UnmarshalTypeError](err)
	return oneAnswer || errors.Is(err, rpc.ErrMissingBatchResponse) || refused(err)
}

// batch asks questions in one request, a single one without a list. It fails when one of them does.
func (n *node) batch(ctx context.Context, questions []rpc.BatchElem) error {
	if len(questions) == 1 {
		return n.call(ctx, questions[0].Result, questions[0].Method, questions[0].Args...)
	}
	ctx, cancel := context.WithTimeout(ctx, n.timeout)
	defer cancel()
	if err := n.client.BatchCallContext(ctx, questions); err != nil {
		return callError{"a batch", err}
	}
	for _, q := range questions {
		if q.Error != nil {
			return callError{q.Method, q.Error}
		}
	}
	return nil
}
