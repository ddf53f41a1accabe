package simchain

import (
	"context"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
)

const transferGas = 100_000 // a transfer to a new holder uses about half of it

// Transfer sends units (the token's smallest) from the payer to an address and
// returns the transaction's hash without waiting for a block. token is one of
// Tokens or FakeToken; any other address is an error, as are units below 0. A
// transfer of more than the payer has is sent, and fails in its block.
func (c *Chain) Transfer(ctx context.Context, token, to common.Address, units *big.Int) (common.Hash, error) {
	if err := ctx.Err(); err != nil {
		return common.Hash{}, err
	}
	if !isToken(token) {
		return common.Hash{}, fmt.Errorf("simchain: %s is no token of this chain", token)
	}
	if units == nil || units.Sign() < 0 {
		return common.Hash{}, fmt.Errorf("simchain: %v units cannot be transferred", units)
	}
	data, err := tokenABI.Pack("transfer", to, units)
	if err != nil {
		return common.Hash{}, fmt.Errorf("simchain: %w", err)
	}
	return c.send(token, new(big.Int), data, transferGas)
}

// Fund sends wei of the chain's own coin from the payer to an address and returns the transaction's hash without
// waiting for a block. More than the payer has is an error.
func (c *Chain) Fund(ctx context.Context, to common.Address, wei *big.Int) (common.Hash, error) {
	if err := ctx.Err(); err != nil {
		return common.Hash{}, err
	}
	if wei == nil || wei.Sign() < 0 {
		return common.Hash{}, fmt.Errorf("simchain: %v wei cannot be sent", wei)
	}
	return c.send(to, wei, nil, params.TxGas)
}

// send puts a transaction of the payer into the pool.
func (c *Chain) send(to common.Address, wei *big.Int, data []byte, gas uint64) (common.Hash, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return common.Hash{}, ErrClosed
	}
	// The pool follows the head on its own time; until it has, its next nonce may be one already waiting.
	if err := c.eth.TxPool().Sync(); err != nil {
		return common.Hash{}, fmt.Errorf("simchain: %w", err)
	}
	config := c.eth.BlockChain().Config()
	tx, err := types.SignNewTx(c.payer, types.LatestSigner(config), &types.DynamicFeeTx{
		ChainID:   config.ChainID,
		Nonce:     c.eth.TxPool().PoolNonce(c.Payer()),
		GasTipCap: big.NewInt(params.GWei),
		GasFeeCap: big.NewInt(100 * params.GWei),
		Gas:       gas,
		To:        &to,
		Value:     wei,
		Data:      data,
	})
	if err != nil {
		return common.Hash{}, fmt.Errorf("simchain: %w", err)
	}
	// Waiting until the pool has settled it makes the next PoolNonce right.
	if err := c.eth.TxPool().Add([]*types.Transaction{tx}, true)[0]; err != nil {
		return common.Hash{}, fmt.Errorf("simchain: %w", err)
	}
	return tx.Hash(), nil
}

// dropFromPool takes transactions out of the pool and leaves the others. Those
// that follow a dropped one of the same sender wait until its nonce is used
// again. The caller holds mu.
func (c *Chain) dropFromPool(dropped []*types.Transaction) {
	gone := map[common.Hash]bool{}
	for _, tx := range dropped {
		gone[tx.Hash()] = true
	}
	var rest []*types.Transaction
	runnable, blocked := c.eth.TxPool().Content()
	for _, senders := range []map[common.Address][]*types.Transaction{runnable, blocked} {
		for _, txs := range senders {
			rest = append(rest, slices.DeleteFunc(slices.Clone(txs), func(tx *types.Transaction) bool { return gone[tx.Hash()] })...)
		}
	}
	// The pool can only be emptied as a whole.
	c.eth.TxPool().Clear()
	for i, err := range c.eth.TxPool().Add(rest, true) {
		if err != nil {
			c.log.Warn("simulated chain: transaction lost in a reorganisation", "hash", rest[i].Hash(), "error", err)
		}
	}
	if err := c.eth.TxPool().Sync(); err != nil {
		c.log.Warn("simulated chain: the pool did not follow the reorganisation", "error", err)
	}
}

func isToken(address common.Address) bool {
	for _, t := range genesisTokens {
		if t.Address == address {
			return true
		}
	}
	return false
}
