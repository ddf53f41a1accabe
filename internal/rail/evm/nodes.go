package evm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// The rule of several nodes:
//
//   - One attempt (a round, the beginning) is read from one node as a whole. The logs of one node and the
//     blocks of another cannot be checked against each other: one that lags would pass for a chain without
//     payments.
//   - An attempt that fails is made again at once with the next node, and pauses only when every node failed.
//     The node that worked stays in use; after backAfter the first is tried again.
//   - A node whose head stands still for stallAfter is left for the next, though it errs in nothing.
//   - A node of another chain is out, and gets another chance when the first node is tried again.
//   - Two nodes that disagree about a block are no more than one node that does: see judge.
const (
	backAfter  = 5 * time.Minute
	stallAfter = time.Minute
)

// NodeStatus is how one of a network's nodes is.
type NodeStatus struct {
	Host  string    // of its URL, which itself often holds a key
	Used  bool      // the watcher reads from it
	Err   error     // why it was left, when it last was; nil: nothing is known against it
	Since time.Time // since when Err
}

// nodes are the nodes of one network, in the order of the config.
type nodes struct {
	network string
	chain   uint64
	list    []*node
	now     func() time.Time
	log     *slog.Logger

	mu      sync.Mutex
	used    int
	turned  time.Time   // when another than the first came into use
	moved   time.Time   // when the head last moved, or another node came into use
	genesis common.Hash // of the chain watched so far; zero: not known yet
	health  []NodeStatus
	foreign []bool // serves another chain
	checked []bool // was asked for its chain since it last failed
}

// foreign is an error of a node that serves another chain.
type foreign struct{ error }

// ours is a failure of this side: no other node would do better.
type ours struct{ error }

func (o ours) Unwrap() error { return o.error }

func newNodes(cfg Config, timeout time.Duration, now func() time.Time, log *slog.Logger) (*nodes, error) {
	p := &nodes{
		network: cfg.Network, chain: cfg.ChainID, now: now, log: log, moved: now(),
		foreign: make([]bool, len(cfg.RPC)), checked: make([]bool, len(cfg.RPC)),
	}
	for i, url := range cfg.RPC {
		n, err := newNode(url, timeout)
		if err != nil {
			return nil, fmt.Errorf("RPC URL %d: %w", i+1, err)
		}
		if slices.ContainsFunc(p.list, func(other *node) bool { return other.url == n.url }) {
			return nil, fmt.Errorf("RPC URL %d is given twice", i+1)
		}
		p.list = append(p.list, n)
		p.health = append(p.health, NodeStatus{Host: n.host})
	}
	return p, nil
}

// status is how every node is, in the order of the config.
func (p *nodes) status() []NodeStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := slices.Clone(p.health)
	all[p.used].Used = true
	return all
}

// begin forgets what was found out about the chains of the nodes: somebody may have mended it.
func (p *nodes) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used, p.turned, p.moved = 0, time.Time{}, p.now()
	clear(p.foreign)
	clear(p.checked)
}

// order is the nodes as they are to be tried: the one in use, and from it on. When it is time to go back
// to the first, that one begins, and those of other chains get another chance.
func (p *nodes) order() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.turned.IsZero() && p.now().Sub(p.turned) >= backAfter {
		p.use(0)
		clear(p.foreign)
	}
	var order []int
	for i := range p.list {
		if k := (p.used + i) % len(p.list); !p.foreign[k] {
			order = append(order, k)
		}
	}
	return order
}

// works notes that a node did what it was asked.
func (p *nodes) works(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.health[i].Err, p.health[i].Since = nil, time.Time{}
}

// fails notes why a node is left.
func (p *nodes) fails(i int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.health[i].Err == nil {
		p.health[i].Since = p.now()
		if len(p.list) > 1 {
			p.log.Warn("a node failed", "node", i+1, "host", p.list[i].host, "error", err)
		}
	}
	p.health[i].Err, p.checked[i] = err, false
	if _, other := errors.AsType[foreign](err); other {
		p.foreign[i] = true
	}
}

// use makes a node the one in use; the caller holds the mutex.
func (p *nodes) use(i int) {
	if i == p.used {
		return
	}
	p.log.Info("another node is used", "node", i+1, "host", p.list[i].host)
	p.used, p.turned, p.moved = i, p.now(), p.now()
	if i == 0 {
		p.turned = time.Time{}
	}
}

// advances notes that the head moved.
func (p *nodes) advances() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved = p.now()
}

// leaveStale leaves a node whose head stands still. Where the chain itself makes no blocks the nodes take
// turns, which does no harm.
func (p *nodes) leaveStale() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.list) == 1 || p.now().Sub(p.moved) < stallAfter {
		return
	}
	for i := 1; i < len(p.list); i++ {
		if k := (p.used + i) % len(p.list); !p.foreign[k] {
			p.health[p.used].Err, p.health[p.used].Since = fmt.Errorf("no new block for %s", stallAfter), p.now()
			p.use(k)
			return
		}
	}
}

// follow notes the chain that is watched by its first block.
func (p *nodes) follow(genesis common.Hash) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.genesis = genesis
}

// admit refuses a node of another chain. Where there are several nodes, one with another first block than the
// watched chain's is of another chain too; a single one is judged by the watcher, for it may be a test chain
// that was begun anew.
func (p *nodes) admit(ctx context.Context, n *node) error {
	id, err := n.chainID(ctx)
	if err != nil {
		return err
	}
	if id != p.chain {
		return foreign{fmt.Errorf("evm:%s: the node serves chain %d, not %d", p.network, id, p.chain)}
	}
	p.mu.Lock()
	genesis := p.genesis
	p.mu.Unlock()
	if len(p.list) == 1 || genesis == (common.Hash{}) {
		return nil
	}
	first, err := n.byNumber(ctx, 0)
	if err != nil {
		return err
	}
	if first.hash != genesis {
		return foreign{fmt.Errorf("evm:%s: the node has another block 0 than the chain watched so far", p.network)}
	}
	return nil
}

// attempt does something with one node after another until one can, and that one is then in use. The error is
// every node's, without URLs; a stop when all are of other chains.
func (p *nodes) attempt(ctx context.Context, do func(*node) error) error {
	err := p.each(ctx, do, func(i int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.use(i)
	})
	if err == nil {
		p.leaveStale()
	}
	return err
}

// aside is attempt for a question beside the watching: it changes nothing about which node is in use.
func (p *nodes) aside(ctx context.Context, do func(*node) error) error {
	return p.each(ctx, do, func(int) {})
}

// each tries the nodes in their order; turn is told of one that works where an earlier one did not. With
// several nodes one that was not asked for its chain since it last failed is asked first.
func (p *nodes) each(ctx context.Context, do func(*node) error, turn func(i int)) error {
	var failures []error
	for _, i := range p.order() {
		err := p.check(ctx, i)
		if err == nil {
			err = do(p.list[i])
		}
		if err == nil {
			p.works(i)
			if len(failures) > 0 {
				turn(i)
			}
			return nil
		}
		if _, here := errors.AsType[ours](err); here || ctx.Err() != nil {
			return err
		}
		p.fails(i, err)
		if _, end := errors.AsType[stop](err); end {
			return err
		}
		if len(p.list) > 1 {
			err = fmt.Errorf("node %d (%s): %w", i+1, p.list[i].host, err)
		}
		failures = append(failures, err)
	}
	if p.allForeign() {
		return stop{errors.Join(p.complaints()...)}
	}
	return errors.Join(failures...)
}

// check admits a node once.
func (p *nodes) check(ctx context.Context, i int) error {
	p.mu.Lock()
	done := p.checked[i] || len(p.list) == 1
	p.mu.Unlock()
	if done {
		return nil
	}
	if err := p.admit(ctx, p.list[i]); err != nil {
		return err
	}
	p.mu.Lock()
	p.checked[i] = true
	p.mu.Unlock()
	return nil
}

func (p *nodes) allForeign() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !slices.Contains(p.foreign, false)
}

// complaints are what is wrong with each node.
func (p *nodes) complaints() []error {
	var list []error
	for i, s := range p.status() {
		switch {
		case s.Err == nil:
		case len(p.list) > 1:
			list = append(list, fmt.Errorf("node %d (%s): %w", i+1, s.Host, s.Err))
		default:
			list = append(list, s.Err)
		}
	}
	return list
}

func (p *nodes) close() {
	for _, n := range p.list {
		n.http.CloseIdleConnections()
	}
}
