package dialecttest

import (
	"context"
	"fmt"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/rail/sandbox"
	"till/internal/worker"
)

// Far is the far side that a face's orders are collected on; it says what it is told to say. To play a new kind of
// rail (a bank, cards), write one.
type Far interface {
	// Network is what the orders are collected on. Its first token is what is asked for, its second another.
	Network() engine.Network
	// Tell reports one word about a payment, at the house's time.
	Tell(p Payment, rank order.Rank)
	// Again is a reversed payment that comes again: mined anew, or paid anew where the same one cannot come twice.
	Again(p Payment) Payment
	// Told says that nothing else has happened up to the house's time.
	Told()
}

// Payment is money on its way to an order.
type Payment struct {
	ID     string
	To     string // the order's instrument
	Amount money.Amount
}

// observe books a report of a far side, and lets time pass.
func (h *House) observe(n engine.Network, c rail.Cursor, seen []rail.Observation) {
	h.Helper()
	h.must(h.Engine.Observe(h.Context(), n, engine.Report{Progress: engine.Progress{Rail: n.Rail, Cursor: c, Fence: 1}, Seen: seen}))
	h.tick()
}

// chain is a chain of the EVM family. What arrives there lies in the merchant's own wallet.
type chain struct {
	*House
	head  uint64
	epoch uint64                      // how often a block was replaced
	mined map[string]rail.Observation // where each payment was mined last
}

// Chain is the far side of an API whose orders are paid on a chain.
func Chain(h *House) Far { return &chain{House: h, head: 1000, mined: map[string]rail.Observation{}} }

var chainNetwork = engine.Network{
	ID: "ethereum-sepolia", Name: "Ethereum Sepolia", Family: engine.EVM, Mode: engine.Sandbox,
	Rail: "evm:ethereum-sepolia", ChainID: 11155111, Confirmations: 3,
	Tokens: []engine.Token{{Asset: money.MustAsset("USDT", "ethereum-sepolia", 6)}, {Asset: money.MustAsset("USDC", "ethereum-sepolia", 6)}},
}

func (c *chain) Network() engine.Network { return chainNetwork }

func (c *chain) Tell(p Payment, rank order.Rank) {
	c.Helper()
	m, known := c.mined[p.ID]
	if !known {
		m = c.mine(p)
	}
	m.Rank = rank
	if rank == order.RankReversed {
		c.epoch++
	}
	c.block(m)
}

// mine puts a payment into the next block.
func (c *chain) mine(p Payment) rail.Observation {
	block := c.head + 1
	m := rail.Observation{
		External: p.ID, Instrument: p.To, Epoch: c.epoch, Amount: p.Amount, Value: c.Now(),
		Evidence: order.Evidence{Tx: p.ID, Block: block, BlockHash: fmt.Sprintf("0x%x", block), To: p.To},
	}
	c.mined[p.ID] = m
	return m
}

func (c *chain) Again(p Payment) Payment {
	c.mine(p)
	return p
}

func (c *chain) Told() {
	c.Helper()
	c.block()
}

func (c *chain) block(seen ...rail.Observation) {
	c.Helper()
	c.head++
	c.observe(chainNetwork, rail.Cursor{Horizon: c.Now(), Head: c.head}, seen)
}

// office is the sandbox's own rail. What arrives there is the operator's to hold, and to send.
type office struct {
	*House
	rail    *sandbox.Rail
	deliver *worker.Deliver
	heard   rail.Cursor
	made    int // payments that came again
}

// Sandbox is the far side of an API whose money the operator holds. The house always has one, for what it sends.
func Sandbox(h *House) Far { return h.office }

var sandboxNetwork = engine.Network{
	ID: "sandbox", Name: "Sandbox", Family: sandbox.Family, Mode: engine.Sandbox, Rail: sandbox.Name, Prefix: sandbox.Prefix,
	Custodial: true, Simulated: true,
	Tokens: []engine.Token{{Asset: money.MustAsset("EUR", "", 2)}, {Asset: money.MustAsset("USD", "", 2)}},
}

func newOffice(h *House) *office {
	o := &office{House: h}
	var err error
	o.rail, err = sandbox.New(sandbox.Config{State: h.Engine.State(sandbox.Name), Now: h.Now})
	h.must(err)
	workers := worker.New(worker.Config{Engine: h.Engine, Senders: []rail.Sender{o.rail}, Events: worker.NewBell(), Now: h.Now, Log: h.Log})
	o.deliver = workers.Deliver[0]
	return o
}

func (o *office) Network() engine.Network { return sandboxNetwork }

func (o *office) Tell(p Payment, rank order.Rank) {
	o.Helper()
	_, err := o.rail.Pay(o.Context(), sandbox.Payment{ID: p.ID, Reference: p.To, Amount: p.Amount, Rank: rank})
	o.must(err)
	o.Told()
}

func (o *office) Again(p Payment) Payment {
	o.made++
	p.ID = fmt.Sprintf("%s again %d", p.ID, o.made)
	return p
}

// Told listens until everything is heard.
func (o *office) Told() {
	o.Helper()
	for more := true; more; {
		ctx, heard := context.WithCancel(o.Context())
		err := o.rail.Watch(ctx, o.heard, o.Engine.Book(sandboxNetwork), func(_ context.Context, to rail.Cursor, seen []rail.Observation) error {
			defer heard()
			o.observe(sandboxNetwork, to, seen)
			o.heard, more = to, len(seen) > 0
			return nil
		})
		if ctx.Err() == nil {
			o.Fatal(err)
		}
		heard()
	}
}

// send sends what waits to be sent, and hears what became of it.
func (o *office) send() {
	o.Helper()
	_, err := o.deliver.RunOnce(o.Context())
	o.must(err)
	o.Told()
}
