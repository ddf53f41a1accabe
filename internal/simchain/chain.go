// Package simchain is an EVM chain inside this process, for development and
// tests: go-ethereum's own chain, state, transaction pool and JSON-RPC server,
// without peers and without a disk, on a loopback port of its own. It starts in
// a fraction of a second and begins at its genesis block every time. Three
// ERC-20 tokens and a payer who owns plenty of them exist from the start.
//
// It is not a node for real money and knows nothing of orders: what looks at
// the chain speaks JSON-RPC to it as to any other node. Blocks come from Mine
// and from an automatic miner. Reorg builds a longer branch beside the chain and
// then switches to it, as a node does that hears of a better one: go-ethereum
// takes the new blocks over one by one, so for some milliseconds a client may
// see a head below the old one.
//
// Blocks are in chain.go, the contracts in genesis.go and token/, the payer's
// transfers in transfer.go, the control API in handler.go.
package simchain

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/eth/filters"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/miner"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/rpc"
)

const (
	// maxReorg is the deepest reorganisation. Blocks deeper than that are
	// final: the tags "finalized" and "safe" name the block maxReorg below the
	// head, so nothing final is ever replaced. go-ethereum also moves final
	// blocks to a store that cannot be reorganised.
	maxReorg = 200

	genesisAge  = 60 * time.Second           // block 0 is older than Start by this
	maxForward  = 10 * 365 * 24 * time.Hour  // one AdjustTime moves no further
	maxForwards = 100 * 365 * 24 * time.Hour // nor all of them together
	poolSlots   = 1 << 16                    // waiting transactions, per account and in all
)

// ErrClosed is what a closed chain answers.
var ErrClosed = errors.New("simchain: closed")

// badInput is a refusal of what the caller asked for: "field: reason".
type badInput string

func (e badInput) Error() string { return string(e) }

// Config describes a chain. The zero value is a chain that mines on demand
// only, on the system's clock, with a payer key of its own.
type Config struct {
	// BlockTime is the pause between automatic blocks, empty ones included; 0
	// means none. Block times are whole seconds and grow strictly, so with a
	// pause below one second they run ahead of the clock.
	BlockTime time.Duration

	// Now is the clock that block times follow; nil is time.Now.
	Now func() time.Time

	// Log hears of failed automatic blocks; nil discards.
	Log *slog.Logger

	// Holders have what the payer has, from block 0 on. None is the payer.
	Holders []common.Address

	// Nonces are of holders that have sent before, on a chain that is lost: what they had signed for it fits here.
	Nonces map[common.Address]uint64

	// PayerKey is the payer's secp256k1 key in hex, with or without 0x; "" is a
	// new random key.
	PayerKey string
}

// Chain is a running chain. Its methods may be called concurrently; those that
// change the chain run one at a time.
type Chain struct {
	now     func() time.Time
	log     *slog.Logger
	payer   *ecdsa.PrivateKey
	holders []common.Address
	nonces  map[common.Address]uint64
	node    *node.Node
	eth     *eth.Ethereum
	client  *ethclient.Client

	stop  chan struct{}  // closed by Close
	tasks sync.WaitGroup // the automatic miner

	mu     sync.Mutex
	closed bool
	paused bool
	ahead  int64  // seconds the chain's clock is ahead of now
	sealed uint64 // blocks built so far; makes each block's hash its own
}

// Start starts a chain at its genesis block, which is a minute old, with its
// JSON-RPC port open. The caller must Close it. It fails on a bad payer key or
// if no loopback port can be opened.
func Start(cfg Config) (*Chain, error) {
	c := &Chain{now: cfg.Now, log: cfg.Log, holders: cfg.Holders, nonces: cfg.Nonces, stop: make(chan struct{})}
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if c.payer, err = payerKey(cfg.PayerKey); err != nil {
		return nil, err
	}
	if cfg.BlockTime < 0 {
		return nil, fmt.Errorf("simchain: block time %s is negative", cfg.BlockTime)
	}
	if err := c.startNode(); err != nil {
		return nil, fmt.Errorf("simchain: %w", err)
	}
	if cfg.BlockTime > 0 {
		c.tasks.Go(func() { c.mineEvery(cfg.BlockTime) })
	}
	return c, nil
}

// Close stops the miner, the port and the chain, and forgets all blocks. A
// second call does nothing.
func (c *Chain) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	close(c.stop)
	c.mu.Unlock()

	c.tasks.Wait()
	c.client.Close()
	return c.node.Close()
}

// RPCURL is the JSON-RPC address, http://127.0.0.1:PORT: POST, single calls and
// batches, namespaces eth, net and web3.
func (c *Chain) RPCURL() string { return c.node.HTTPEndpoint() }

// ChainID is go-ethereum's development chain id, 1337.
func (c *Chain) ChainID() uint64 { return c.eth.BlockChain().Config().ChainID.Uint64() }

// Client is a client of this chain that does not go through the port. It
// belongs to the chain and is closed with it.
func (c *Chain) Client() *ethclient.Client { return c.client }

// PayerKey is the key that holds 1,000 ETH and 1e9 whole units of each token,
// the fake one included.
func (c *Chain) PayerKey() *ecdsa.PrivateKey { return c.payer }

// Payer is the address of PayerKey.
func (c *Chain) Payer() common.Address { return crypto.PubkeyToAddress(c.payer.PublicKey) }

// Tokens are the chain's tokens by symbol: USDT, USDC, DAI. Their addresses are
// the same on every chain.
func (c *Chain) Tokens() map[string]Token {
	tokens := map[string]Token{}
	for _, t := range genesisTokens {
		if !t.fake {
			tokens[t.symbol] = t.Token
		}
	}
	return tokens
}

// FakeToken is another contract with the name, symbol and decimals of USDT. It
// is not among Tokens: its transfers must be taken for nothing.
func (c *Chain) FakeToken() Token {
	for _, t := range genesisTokens {
		if t.fake {
			return t.Token
		}
	}
	panic("simchain: no fake token in the genesis block")
}

// Mine makes n blocks at once, each with what of the pool fits into it, and
// returns the number of the head. If a block cannot be made (the chain is
// closed) it logs that and returns the head as it is.
func (c *Chain) Mine(n int) (head uint64) {
	header, err := c.mine(n)
	if err != nil {
		c.log.Error("simulated chain: mine", "error", err)
	}
	return header.Number.Uint64()
}

// Pause stops the automatic miner: once it returns, no automatic block comes
// until Resume. Mine, Reorg and AdjustTime still work.
func (c *Chain) Pause() { _, _ = c.setPaused(true) } // a closed chain has no miner

// Resume starts the automatic miner again.
func (c *Chain) Resume() { _, _ = c.setPaused(false) }

// Reorg replaces the newest depth blocks by depth+1 new ones. Orphaned blocks
// stay readable by their hash at least until their replacements are final.
// With keep their transactions are mined again, each one block later than
// before, so the first new block is empty; without, they are gone from the
// chain and from the pool. A new block has the time of the one it replaces, the
// additional one the chain's time. Transactions that waited in the pool still
// wait. An error, about a depth outside 1 to 200 or down to block 0, changes
// nothing.
func (c *Chain) Reorg(depth int, keep bool) error {
	_, err := c.reorg(depth, keep)
	return err
}

// AdjustTime moves the chain's clock forward by d, in whole seconds, counted
// from the head where that is ahead of the clock, and mines a block with the
// new time. Later blocks stay ahead. It refuses less than a second and more
// than ten years (a hundred in all).
func (c *Chain) AdjustTime(d time.Duration) error {
	_, err := c.adjustTime(d)
	return err
}

func (c *Chain) mine(n int) (*types.Header, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range n {
		if err := c.mineBlock(); err != nil {
			return c.head(), err
		}
	}
	return c.head(), nil
}

func (c *Chain) setPaused(paused bool) (*types.Header, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.head(), ErrClosed
	}
	c.paused = paused
	return c.head(), nil
}

func (c *Chain) reorg(depth int, keep bool) (*types.Header, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.head(), ErrClosed
	}
	head := c.head().Number.Uint64()
	if depth < 1 || depth > maxReorg {
		return c.head(), badInput(fmt.Sprintf("depth: must be 1 to %d", maxReorg))
	}
	if uint64(depth) > head {
		return c.head(), badInput(fmt.Sprintf("depth: the chain has only %d blocks above block 0", head))
	}

	chain := c.eth.BlockChain()
	first := head - uint64(depth) + 1
	parent := chain.GetHeaderByNumber(first - 1)
	var orphaned, carried []*types.Transaction
	for number := first; number <= head; number++ {
		old := chain.GetBlockByNumber(number)
		block, err := c.build(parent, old.Time(), carried, len(carried) == 0)
		if err != nil {
			return c.head(), err
		}
		orphaned = append(orphaned, old.Transactions()...)
		if keep {
			carried = old.Transactions()
		}
		parent = block.Header()
	}
	last, err := c.build(parent, c.nextTime(parent), carried, len(carried) == 0)
	if err != nil {
		return c.head(), err
	}
	if err := c.setHead(last); err != nil {
		return c.head(), err
	}
	// The pool takes orphaned transactions back by itself, as any node's does.
	if err := c.eth.TxPool().Sync(); err != nil {
		return c.head(), err
	}
	if !keep {
		c.dropFromPool(orphaned)
	}
	return c.head(), nil
}

func (c *Chain) adjustTime(d time.Duration) (*types.Header, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d < time.Second || d > maxForward {
		return c.head(), badInput(fmt.Sprintf("seconds: must be 1 to %d", int64(maxForward/time.Second)))
	}
	if c.closed {
		return c.head(), ErrClosed
	}
	now := c.now().Unix()
	ahead := max(c.ahead, int64(c.head().Time)-now) + int64(d/time.Second)
	if ahead > int64(maxForwards/time.Second) {
		return c.head(), badInput("seconds: the chain would be more than a hundred years ahead")
	}
	before := c.ahead
	c.ahead = ahead
	if err := c.mineBlock(); err != nil {
		c.ahead = before
		return c.head(), err
	}
	return c.head(), nil
}

func (c *Chain) mineEvery(pause time.Duration) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-ticker.C:
			if err := c.mineUnlessPaused(); err != nil {
				c.log.Error("simulated chain: automatic block", "error", err)
			}
		}
	}
}

func (c *Chain) mineUnlessPaused() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused || c.closed {
		return nil
	}
	return c.mineBlock()
}

// mineBlock puts a block with what waits in the pool on top of the head. The
// caller holds mu.
func (c *Chain) mineBlock() error {
	if c.closed {
		return ErrClosed
	}
	// The pool follows the chain in the background; it must have seen the last
	// block and settled what clients just sent before it can say what waits.
	if err := c.eth.TxPool().Sync(); err != nil {
		return err
	}
	head := c.head()
	block, err := c.build(head, c.nextTime(head), nil, false)
	if err != nil {
		return err
	}
	if err := c.setHead(block); err != nil {
		return err
	}
	// Whoever was paid in this block can spend it at once: the pool knows balances only when it has seen the block.
	return c.eth.TxPool().Sync()
}

// build makes a block on any known parent and stores it beside the chain: with
// txs, or with nothing if empty, or else with what waits in the pool.
func (c *Chain) build(parent *types.Header, at uint64, txs []*types.Transaction, empty bool) (*types.Block, error) {
	c.sealed++
	block, _, err := c.eth.Miner().BuildTestingPayload(&miner.BuildPayloadArgs{
		Parent:    parent.Hash(),
		Timestamp: at,
		Random:    common.BigToHash(new(big.Int).SetUint64(c.sealed)),
	}, txs, empty, nil)
	if err != nil {
		return nil, fmt.Errorf("build block %d: %w", parent.Number.Uint64()+1, err)
	}
	if _, err := c.eth.BlockChain().InsertBlockWithoutSetHead(context.Background(), block, false); err != nil {
		return nil, fmt.Errorf("insert block %d: %w", block.NumberU64(), err)
	}
	return block, nil
}

// setHead makes block's branch the chain.
func (c *Chain) setHead(block *types.Block) error {
	chain := c.eth.BlockChain()
	if _, err := chain.SetCanonical(block); err != nil {
		return fmt.Errorf("set head to block %d: %w", block.NumberU64(), err)
	}
	c.setFinal()
	return c.indexed()
}

// indexed waits until the node answers questions for transactions that it does not know. Before its index has seen the first
// block it refuses them, as a node does that is starting.
func (c *Chain) indexed() error {
	deadline := time.Now().Add(time.Minute) // a busy machine may take seconds
	for !c.eth.BlockChain().TxIndexDone() {
		if time.Now().After(deadline) {
			return errors.New("the node does not index its transactions")
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

func (c *Chain) setFinal() {
	chain := c.eth.BlockChain()
	final := chain.GetHeaderByNumber(c.head().Number.Uint64() - min(maxReorg, c.head().Number.Uint64()))
	chain.SetSafe(final)
	chain.SetFinalized(final)
}

func (c *Chain) head() *types.Header { return c.eth.BlockChain().CurrentBlock() }

// nextTime is the time of a block on parent: the chain's clock, but later than
// the parent, which consensus demands.
func (c *Chain) nextTime(parent *types.Header) uint64 {
	return max(parent.Time+1, uint64(max(0, c.now().Unix()+c.ahead)))
}

// startNode is what geth's own start does, without peers, files and the
// consensus client's port.
func (c *Chain) startNode() error {
	nodeConf := node.DefaultConfig
	nodeConf.Name = "simchain"
	nodeConf.DataDir = ""
	nodeConf.P2P = p2p.Config{NoDiscovery: true, NoDial: true}
	nodeConf.HTTPHost = "127.0.0.1"
	nodeConf.HTTPPort = 0
	nodeConf.HTTPModules = []string{"eth", "net", "web3"}
	nodeConf.HTTPVirtualHosts = []string{"localhost", "127.0.0.1"}
	nodeConf.HTTPCors = []string{"http://localhost", "http://localhost:*", "http://127.0.0.1", "http://127.0.0.1:*"}

	ethConf := ethconfig.Defaults
	ethConf.Genesis = genesis(append([]common.Address{c.Payer()}, c.holders...), c.nonces, ethConf.Miner.GasCeil, c.now().Add(-genesisAge))
	ethConf.SyncMode = ethconfig.FullSync
	ethConf.StateScheme = rawdb.HashScheme // with NoPruning: the state of every
	ethConf.NoPruning = true               // block stays, so any can get a new branch
	ethConf.SnapshotCache = 0
	ethConf.LogNoHistory = true
	ethConf.TxPool.NoLocals = true // or the pool would send dropped transactions again
	ethConf.TxPool.AccountSlots = poolSlots
	ethConf.TxPool.GlobalSlots = poolSlots
	ethConf.TxPool.AccountQueue = poolSlots
	ethConf.TxPool.GlobalQueue = poolSlots

	stack, err := node.New(&nodeConf)
	if err != nil {
		return err
	}
	backend, err := eth.New(stack, &ethConf)
	if err != nil {
		return errors.Join(err, stack.Close())
	}
	stack.RegisterAPIs([]rpc.API{{
		Namespace: "eth",
		Service:   filters.NewFilterAPI(filters.NewFilterSystem(backend.APIBackend, filters.Config{})),
	}})
	if err := stack.Start(); err != nil {
		return errors.Join(err, stack.Close())
	}
	c.node, c.eth, c.client = stack, backend, ethclient.NewClient(stack.Attach())
	c.setFinal()
	return nil
}

func payerKey(hex string) (*ecdsa.PrivateKey, error) {
	if hex == "" {
		return crypto.GenerateKey()
	}
	key, err := crypto.HexToECDSA(strings.TrimPrefix(hex, "0x"))
	if err != nil {
		return nil, fmt.Errorf("simchain: payer key: %w", err)
	}
	return key, nil
}
