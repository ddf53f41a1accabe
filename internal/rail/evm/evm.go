// Package evm watches ERC-20 (EIP-20) tokens on one EVM network through a node's JSON-RPC port and
// tells of every transfer to an address that is known here: seen when it is mined, confirmed when
// enough blocks lie on it, reversed when its block is replaced.
//
// Watching holds no key, sends nothing and decides nothing. Only mined blocks are read, so a transaction
// that merely waits in the mempool is never told. The network's native coin is not told: it can
// move inside a contract call without leaving a log, and half of such payments would be missed, so
// none is told. A log list that a node shortens without saying so cannot be told from a complete one;
// use a node you trust.
//
// The story is in watch.go: one round is reading the head, reading blocks from the cursor on, and
// reporting. fork.go holds the rule by which a reorganisation is believed, scan.go reads blocks and
// ranges, transfer.go turns logs into observations, node.go speaks to a
// node and nodes.go chooses it. holdings.go reads what addresses hold, xpub.go derives addresses.
//
// Where a hot wallet is configured, a Sender sends listed tokens and the native coin: see send.go. sign.go and
// keystore.go are where its key is, or who is asked for signatures.
package evm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"till/internal/money"
	"till/internal/rail"
)

const (
	defaultPoll    = 4 * time.Second
	defaultTimeout = 10 * time.Second
)

// Config describes one network.
type Config struct {
	Network       string   // the name in orders, for example "ethereum-sepolia"
	ChainID       uint64   // EIP-155; a node of another chain is never listened to
	RPC           []string // http or https URLs of nodes, the preferred one first; the others are for when it fails
	Confirmations int      // a payment is confirmed when head - its block + 1 >= Confirmations; at least 1
	Tokens        []Token  // what is told; everything else on the chain is ignored
	Poll          time.Duration
	Timeout       time.Duration // of one call; 0 is 10 seconds
}

// Token is one listed contract. The contract, never its name or symbol, says what the asset is.
type Token struct {
	Asset    money.Asset // its network is Config.Network; its scale must be what the contract says
	Contract common.Address
}

// Opts are what comes from outside. The zero value is the system's clock and no log.
type Opts struct {
	Now  func() time.Time
	Log  *slog.Logger
	Wait func(ctx context.Context, d time.Duration) error // returns ctx's error when ctx ends first
}

// Rail is one EVM network. It is a rail.Watcher.
type Rail struct {
	network       string
	chainID       uint64
	confirmations uint64
	tokens        map[common.Address]money.Asset
	contracts     []common.Address // the keys of tokens, in the order of the config
	poll          time.Duration
	nodes         *nodes
	now           func() time.Time
	log           *slog.Logger
	wait          func(ctx context.Context, d time.Duration) error

	mu     sync.Mutex
	status Status
}

var _ rail.Watcher = (*Rail)(nil)

// Status is how a watcher is, for a health page.
type Status struct {
	Head    uint64    // the last block told
	Horizon time.Time // its time
	Err     error     // why nothing can be told at present, without a node's URL; nil: it can
	Since   time.Time // since when Err
	Nodes   []NodeStatus
}

// New checks the config and makes the rail. It does not touch the network.
func New(cfg Config, opts Opts) (*Rail, error) {
	if cfg.Network == "" {
		return nil, errors.New("evm: a network needs a name")
	}
	refuse := func(format string, args ...any) (*Rail, error) {
		return nil, fmt.Errorf("evm:"+cfg.Network+": "+format, args...)
	}
	if cfg.ChainID == 0 {
		return refuse("the chain id is missing")
	}
	if cfg.Confirmations < 1 {
		return refuse("confirmations must be at least 1")
	}
	if cfg.Poll < 0 || cfg.Timeout < 0 {
		return refuse("poll and timeout must not be negative")
	}
	if len(cfg.RPC) == 0 {
		return refuse("no RPC URL is given")
	}
	if len(cfg.Tokens) == 0 {
		return refuse("no token is listed")
	}
	r := &Rail{
		network:       cfg.Network,
		chainID:       cfg.ChainID,
		confirmations: uint64(cfg.Confirmations),
		tokens:        map[common.Address]money.Asset{},
		poll:          cfg.Poll,
		now:           opts.Now,
		log:           opts.Log,
		wait:          opts.Wait,
	}
	assets := map[money.Asset]bool{}
	for _, t := range cfg.Tokens {
		if t.Asset.IsZero() || t.Asset.Network() != cfg.Network {
			return refuse("token %s: its asset %q is not one of this network", t.Contract, t.Asset)
		}
		if t.Contract == (common.Address{}) {
			return refuse("token %s has no contract", t.Asset)
		}
		if _, twice := r.tokens[t.Contract]; twice || assets[t.Asset] {
			return refuse("token %s, %s is listed twice", t.Asset, t.Contract)
		}
		r.tokens[t.Contract] = t.Asset
		r.contracts = append(r.contracts, t.Contract)
		assets[t.Asset] = true
	}
	if r.poll == 0 {
		r.poll = defaultPoll
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.wait == nil {
		r.wait = wait
	}
	r.log = r.log.With("rail", string(r.Name()))
	timeout := cfg.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	var err error
	if r.nodes, err = newNodes(cfg, timeout, r.now, r.log); err != nil {
		return refuse("%w", err)
	}
	return r, nil
}

// Name is "evm:" and the network.
func (r *Rail) Name() rail.Name { return rail.Name("evm:" + r.network) }

// Status is how the watcher is now. It may be called at any time from anywhere.
func (r *Rail) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	s.Nodes = r.nodes.status()
	return s
}

// trouble notes that something failed, well that it works again; each writes to the log once an outage.
func (r *Rail) trouble(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status.Err == nil {
		r.status.Since = r.now()
		r.log.Warn("watching is interrupted and will be retried", "error", err)
	}
	r.status.Err = err
}

func (r *Rail) well() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status.Err == nil {
		return
	}
	r.log.Info("watching goes on", "after", r.now().Sub(r.status.Since), "error", r.status.Err)
	r.status.Err, r.status.Since = nil, time.Time{}
}

func (r *Rail) told(head uint64, horizon time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Head, r.status.Horizon = head, horizon
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// checkScales compares each token's decimals with the contract's own word. A contract that has none
// to give leaves the configured scale in force; one that disagrees stops the watcher, because every
// amount would be wrong by a power of ten.
func (r *Rail) checkScales(ctx context.Context, n *node) error {
	for _, contract := range r.contracts {
		asset := r.tokens[contract]
		answer, err := n.decimals(ctx, contract)
		if reverted(err) || err == nil && len(answer) == 0 {
			r.log.Warn("the token does not tell its decimals; the configured ones stand", "asset", asset.String(), "contract", contract.Hex())
			continue
		}
		if err != nil {
			return err
		}
		said := new(big.Int).SetBytes(answer)
		if len(answer) != 32 || said.Cmp(big.NewInt(int64(asset.Scale()))) != 0 {
			return stop{fmt.Errorf("evm:%s: the contract %s has %s decimals, %s is configured", r.network, contract, said, asset)}
		}
	}
	return nil
}
