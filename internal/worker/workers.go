// Package worker runs everything that goes on without being asked: each kind of background work is one
// loop in one file.
//
//   - watch.go listens to the far side of a rail and books what it tells
//   - tick.go lets time pass, so that orders expire
//   - tell.go turns events into messages, one for each endpoint that wants them
//   - deliver.go sends money that leaves the house, and finds out what became of it; tend.go looks after it on its way
//   - payfiles.go makes the day's payment files and hands them out to a folder
//   - rest.go looks into addresses before they serve again, stock.go derives new ones ahead of the demand
//   - low.go tells merchants that few addresses are left
//   - send.go delivers messages; lane.go is the queue that each endpoint has for itself
//   - notify.go tells customers of orders, by e-mail, WhatsApp and in the merchant's app, and reminds them
//   - bankfile.go imports a bank's file, inbox.go the files that are put into a folder
//   - rates.go asks for exchange rates; exchange.go goes on with deals and with late money that is exchanged anew
//   - lists.go reads lists to screen against again when they change
//   - forget.go deletes remembered answers that are given no more
//   - seal.go puts what is committed under seal, and exports the heads of the chains
//
// A loop decides nothing about money and holds no state that a restart would miss: what is left to do
// stands in the database, so that a crash at any point leaves rows which the next start picks up. The
// package knows no API; what an event looks like comes through [Teller].
//
// Workers below puts the loops together; loop.go is what they have in common.
package worker

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"till/internal/engine"
	"till/internal/rail"
	"till/internal/webhook"
)

// Teller is what the workers need of an API.
type Teller interface {
	// Tell renders an event for the API's endpoints: the id the receiver sees, the API's name of the event
	// and the body. ok is false when the API has no such event. The same event always gives the same id. o is nil
	// for an event of a scope, which belongs to no order.
	Tell(ev engine.Event, o *engine.Order) (id, kind string, body []byte, ok bool)
	// Sign makes the headers of one attempt.
	Sign(m engine.Message, keys []webhook.Secret, at time.Time) http.Header
	// Wants says whether an endpoint that subscribed to these events is told one of that name.
	Wants(subscribed []string, kind string) bool
	// Retries is when a failed delivery to the endpoint is tried again. settings are its merchant's.
	Retries(ep engine.Endpoint, settings map[string]json.RawMessage) webhook.Retries
}

// PoolTeller is a Teller whose API tells merchants that their pool runs low.
type PoolTeller interface {
	// LowPool is how many free addresses are enough, by the merchant's settings; 0: he is not told.
	LowPool(settings map[string]json.RawMessage) int64
}

// Poster sends one attempt; *webhook.Client is one.
type Poster interface {
	Post(ctx context.Context, url string, header http.Header, body []byte) (webhook.Answer, error)
}

// Rail is a network orders are collected on, with what listens to it. Watcher is nil when nothing does:
// time passes for its orders all the same.
type Rail struct {
	Network engine.Network
	Watcher rail.Watcher
}

// Config is what the workers are made of. All of it is needed unless it says otherwise.
type Config struct {
	Engine     *engine.Engine
	Rails      []Rail
	Pools      []Pool                                             // that addresses are derived for
	Filings    []Filing                                           // those of them whose transfers leave in files
	Senders    []rail.Sender                                      // what deliveries and refunds leave by; none: nothing leaves
	Tellers    map[string]Teller                                  // by Scope.API
	Open       func(ep engine.Endpoint) ([]webhook.Secret, error) // an endpoint's secrets, the newest first
	Client     Poster
	Notices    Notices                          // what customers are told with
	Events     *Bell                            // the one whose Ring the engine was given
	Now        func() time.Time                 // true time
	Chance     func() uint64                    // 64 random bits, to spread retries; nil spreads nothing
	Commits    *Bell                            // rung after each commit, so that it is sealed soon; nil: every second will do
	Random     io.Reader                        // salts of seals; nil: crypto/rand
	Banks      []BankAccount                    // whose folders are watched
	Rates      []RateSource                     // who tells exchange rates; none: nothing is exchanged but at 1
	Every      time.Duration                    // between two looks at them; 0 is a minute
	Lists      func() (changed bool, err error) // reads the lists to screen against again when they changed; nil: there are none
	ListsEvery time.Duration                    // between two looks at their files; 0 is a minute
	Heads      string                           // the folder that heads of the sealed chains are exported to; empty: they are not
	Log        *slog.Logger

	PerEndpoint int // attempts at one endpoint at a time; 0 is 8
	InAll       int // attempts at all endpoints at a time; 0 is 256
}

// Workers are all loops of one process. The loops are exported for tests and tools that run one of them
// once, before Start or without it.
type Workers struct {
	Watches []*Watch
	Ticks   []*Tick
	Deliver []*Deliver
	Tends   []*Tend
	Files   []*PayFiles
	Rests   []*Rest
	Stocks  []*Stock
	Low     *Low
	Tell    *Tell
	Send    *Send
	Notify  []*Notify // one for each channel
	Remind  *Remind
	Seal    *Seal
	Forget  *Forget
	Rates   *Rates
	Lists   *Lists // nil: there are none
	Trade   *Exchange
	Inboxes []*Inbox
	Heads   *Heads // nil: not exported

	cancel  context.CancelFunc
	running sync.WaitGroup
}

// New makes the workers of a config. Nothing runs before Start.
func New(c Config) *Workers {
	w := &Workers{}
	for _, r := range c.Rails {
		passed := NewBell()
		w.Ticks = append(w.Ticks, &Tick{
			loop: newLoop("tick "+string(r.Network.Rail), passed, c), engine: c.Engine, network: r.Network,
		})
		if r.Watcher != nil {
			w.Watches = append(w.Watches, &Watch{
				loop: newLoop("watch "+string(r.Network.Rail), nil, c), engine: c.Engine, network: r.Network, watcher: r.Watcher, told: passed,
			})
		}
	}
	for _, m := range []engine.Mode{engine.Live, engine.Sandbox} { // orders whose payers have not chosen how to pay
		w.Ticks = append(w.Ticks, &Tick{loop: newLoop("tick unchosen "+string(m), nil, c), engine: c.Engine, network: engine.Network{Mode: m}})
	}
	for _, s := range c.Senders {
		w.Deliver = append(w.Deliver, &Deliver{loop: newLoop("deliver "+string(s.Name()), nil, c), engine: c.Engine, sender: s})
		if t, ok := s.(rail.Tender); ok {
			w.Tends = append(w.Tends, newTend(c, t))
		}
	}
	for _, f := range c.Filings {
		w.Files = append(w.Files, newPayFiles(c, f))
	}
	w.Rests, w.Stocks, w.Low = rests(c), stocks(c), newLow(c)
	due := NewBell()
	w.Tell = &Tell{loop: newLoop("tell", c.Events, c), engine: c.Engine, tellers: c.Tellers, due: due}
	w.Send = &Send{
		loop: newLoop("send", due, c), engine: c.Engine, tellers: c.Tellers, open: c.Open, client: c.Client, chance: c.Chance,
		perEndpoint: c.PerEndpoint, inAll: c.InAll, lanes: map[string]*lane{},
	}
	w.Notify, w.Remind = notifies(c), &Remind{loop: newLoop("remind", nil, c), engine: c.Engine}
	random := c.Random
	if random == nil {
		random = rand.Reader
	}
	w.Seal = &Seal{loop: newLoop("seal", c.Commits, c), sealer: c.Engine.Sealer(processName(random), random)}
	w.Forget = &Forget{loop: newLoop("forget", nil, c), engine: c.Engine}
	w.Rates = &Rates{loop: newLoop("rates", nil, c), engine: c.Engine, sources: c.Rates}
	if w.Rates.every = c.Every; c.Every == 0 {
		w.Rates.every = time.Minute
	}
	if c.Lists != nil {
		w.Lists = newLists(c)
	}
	for _, b := range c.Banks {
		if b.Folder != "" {
			w.Inboxes = append(w.Inboxes, NewInbox(c, b, processName(random)))
		}
	}
	w.Trade = &Exchange{loop: newLoop("exchange", nil, c), engine: c.Engine}
	if c.Heads != "" {
		w.Heads = &Heads{loop: newLoop("heads", nil, c), engine: c.Engine, folder: c.Heads}
	}
	if w.Send.perEndpoint == 0 {
		w.Send.perEndpoint = 8
	}
	if w.Send.inAll == 0 {
		w.Send.inAll = 256
	}
	return w
}

// Start runs every loop until ctx ends or Stop is called. Call it once.
func (w *Workers) Start(ctx context.Context) {
	ctx, w.cancel = context.WithCancel(ctx)
	for _, watch := range w.Watches {
		w.running.Go(func() { watch.Run(ctx) })
	}
	for _, tick := range w.Ticks {
		w.running.Go(func() { tick.Run(ctx) })
	}
	for _, deliver := range w.Deliver {
		w.running.Go(func() { deliver.Run(ctx) })
	}
	for _, tend := range w.Tends {
		w.running.Go(func() { tend.Run(ctx) })
	}
	for _, files := range w.Files {
		w.running.Go(func() { files.Run(ctx) })
	}
	for _, rest := range w.Rests {
		w.running.Go(func() { rest.Run(ctx) })
	}
	for _, stock := range w.Stocks {
		w.running.Go(func() { stock.Run(ctx) })
	}
	w.running.Go(func() { w.Low.Run(ctx) })
	w.running.Go(func() { w.Tell.Run(ctx) })
	w.running.Go(func() { w.Send.Run(ctx) })
	for _, notify := range w.Notify {
		w.running.Go(func() { notify.Run(ctx) })
	}
	w.running.Go(func() { w.Remind.Run(ctx) })
	w.running.Go(func() { w.Seal.Run(ctx) })
	w.running.Go(func() { w.Forget.Run(ctx) })
	w.running.Go(func() { w.Rates.Run(ctx) })
	w.running.Go(func() { w.Trade.Run(ctx) })
	if w.Lists != nil {
		w.running.Go(func() { w.Lists.Run(ctx) })
	}
	for _, inbox := range w.Inboxes {
		w.running.Go(func() { inbox.Run(ctx) })
	}
	if w.Heads != nil {
		w.running.Go(func() { w.Heads.Run(ctx) })
	}
}

// Stop ends every loop and waits for them, less than 10 s: attempts in flight get a few seconds to be
// answered and recorded, and what has not begun stays in the database. Close the store after it.
func (w *Workers) Stop() {
	if w.cancel != nil {
		w.cancel()
	}
	w.running.Wait()
}

// Health is how every loop is at this moment, in the order of the config.
func (w *Workers) Health() []Status {
	var all []Status
	for _, watch := range w.Watches {
		all = append(all, watch.Status())
	}
	for _, tick := range w.Ticks {
		all = append(all, tick.Status())
	}
	for _, deliver := range w.Deliver {
		all = append(all, deliver.Status())
	}
	for _, tend := range w.Tends {
		all = append(all, tend.Status())
	}
	for _, files := range w.Files {
		all = append(all, files.Status())
	}
	for _, rest := range w.Rests {
		all = append(all, rest.Status())
	}
	for _, stock := range w.Stocks {
		all = append(all, stock.Status())
	}
	all = append(all, w.Low.Status(), w.Tell.Status(), w.Send.Status())
	for _, notify := range w.Notify {
		all = append(all, notify.Status())
	}
	all = append(all, w.Remind.Status(), w.Seal.Status(), w.Forget.Status(), w.Rates.Status(), w.Trade.Status())
	if w.Lists != nil {
		all = append(all, w.Lists.Status())
	}
	for _, inbox := range w.Inboxes {
		all = append(all, inbox.Status())
	}
	if w.Heads != nil {
		all = append(all, w.Heads.Status())
	}
	return all
}
