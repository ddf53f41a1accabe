package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/rail/sandbox"
	"till/internal/store"
)

// The tests in this file move money that the operator holds: real engine, real database, the sandbox rail.

var (
	eur   = money.MustAsset("EUR", "", 2)
	usd   = money.MustAsset("USD", "", 2)
	sbx   = engine.Network{ID: "sandbox", Family: sandbox.Family, Mode: engine.Sandbox, Rail: sandbox.Name, Prefix: sandbox.Prefix, Custodial: true, Simulated: true, Tokens: []engine.Token{{Asset: eur}, {Asset: usd}}}
	owed  = ledger.Owed("m")
	payee = ledger.House.Account(ledger.PayeeOn(string(sandbox.Name)))
)

// house is an operator who holds a merchant's money.
type house struct {
	t       *testing.T
	clock   *clock
	engine  *engine.Engine
	store   engine.Store
	rail    *sandbox.Rail
	workers *Workers
	orders  []string // public ids
	mu      sync.Mutex
}

var paymentIDs atomic.Int64

// operate opens the house on a database; its watcher listens until the test ends or leave is called.
func operate(t *testing.T, path string, c *clock, senders ...rail.Sender) (h *house, leave func()) {
	t.Helper()
	db, err := open(t.Context(), path, store.Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	config := quiet(c.now)
	h = &house{t: t, clock: c, store: db, engine: engine.New(db, []engine.Network{sbx, network}, nil)}
	h.rail, err = sandbox.New(sandbox.Config{State: h.engine.State(sandbox.Name), Now: c.now, Poll: 5 * time.Millisecond,
		NewID: func() string { return fmt.Sprint(paymentIDs.Add(1)) }})
	if err != nil {
		t.Fatal(err)
	}
	config.Engine, config.Rails, config.Senders, config.Events = h.engine, []Rail{{sbx, h.rail}}, append(senders, h.rail), NewBell()
	h.workers = New(config)
	stop := running(t, h.workers.Watches[0].Run)
	eventually(t, "the rail is heard", func() bool { return !h.workers.Watches[0].Status().Told.IsZero() })
	leave = sync.OnceFunc(func() {
		stop()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(leave)
	return h, leave
}

func newHouse(t *testing.T, senders ...rail.Sender) *house {
	t.Helper()
	return newHouseIn(t, filepath.Join(t.TempDir(), "till.db"), senders...)
}

func newHouseIn(t *testing.T, database string, senders ...rail.Sender) *house {
	t.Helper()
	h, _ := operate(t, database, &clock{at: start}, senders...)
	if err := h.engine.SaveMerchant(t.Context(), engine.Merchant{ID: "m", Organisation: "o", Name: "M"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.audit)
	return h
}

// collected is the terms of an order that a payer pays and that the merchant's balance gets.
func collected(units int64) order.Terms {
	return order.Terms{Book: owed, Due: money.FromInt(eur, units), To: owed.Account(ledger.Merchant), OverAny: true, Instant: true,
		Deadline: start.Add(time.Hour)}
}

// forwarded is the terms of an order that a payer pays and that goes to a bank account.
func forwarded(units int64, sends int) order.Terms {
	t := collected(units)
	t.Fee, t.To, t.Instant, t.Sends = money.FromInt(eur, 10), payee, false, sends
	return t
}

// paidOut is the terms of an order that the merchant's balance pays and that goes to a bank account.
func paidOut(units int64) order.Terms {
	return order.Terms{Book: owed, Due: money.FromInt(eur, units), To: payee, FromBalance: true, Sends: 1, MerchantCancels: true}
}

func (h *house) create(public string, terms order.Terms, to string) (*engine.Order, error) {
	asked := engine.NewOrder{Scope: scope, PublicID: public,
		Terms: func(engine.Plan) (order.Terms, json.RawMessage, error) { return terms, nil, nil }}
	if !terms.FromBalance {
		asked.Network, asked.Instrument = sbx, engine.Made
	}
	if !terms.Instant {
		asked.Destination = engine.Destination{Rail: sandbox.Name, To: to}
	}
	made, err := h.engine.Create(h.t.Context(), asked)
	if err == nil {
		h.mu.Lock()
		h.orders = append(h.orders, public)
		h.mu.Unlock()
	}
	return made.Order, err
}

func (h *house) order(public string, terms order.Terms, to string) *engine.Order {
	h.t.Helper()
	o, err := h.create(public, terms, to)
	h.must(err)
	return o
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) wants(err error, code fault.Code) {
	h.t.Helper()
	if !fault.Is(err, code) {
		h.t.Errorf("the error is %v, want %s", err, code)
	}
}

func (h *house) read(public string) *engine.Order {
	h.t.Helper()
	o, err := h.engine.Order(h.t.Context(), scope, public)
	h.must(err)
	return o
}

// pay pays to an order and waits until that is heard.
func (h *house) pay(o *engine.Order, units int64) (id string) {
	h.t.Helper()
	id, err := h.rail.Pay(h.t.Context(), sandbox.Payment{Reference: o.Instrument.Value, Amount: money.FromInt(eur, units)})
	h.must(err)
	h.hears(o, id, order.RankConfirmed)
	return id
}

func (h *house) reverse(o *engine.Order, id string) {
	h.t.Helper()
	for _, p := range h.read(o.PublicID).Payments {
		if p.External == id {
			_, err := h.rail.Pay(h.t.Context(), sandbox.Payment{ID: id, Reference: o.Instrument.Value, Amount: p.Amount, Rank: order.RankReversed})
			h.must(err)
		}
	}
	h.hears(o, id, order.RankReversed)
}

func (h *house) hears(o *engine.Order, id string, rank order.Rank) {
	h.t.Helper()
	eventually(h.t, "payment "+id+" is "+rank.String(), func() bool {
		return slices.ContainsFunc(h.read(o.PublicID).Payments, func(p order.Payment) bool { return p.External == id && p.Rank == rank })
	})
}

// deliver runs the delivering worker of the sandbox rail once.
func (h *house) deliver() int {
	h.t.Helper()
	return once(h.t, h.workers.Deliver[len(h.workers.Deliver)-1].RunOnce)
}

// reaches waits until an order is in a state.
func (h *house) reaches(public string, want order.State) *engine.Order {
	h.t.Helper()
	var o *engine.Order
	eventually(h.t, public+" is "+string(want), func() bool { o = h.read(public); return o.State == want })
	return o
}

func (h *house) tick() {
	h.t.Helper()
	once(h.t, h.workers.Ticks[0].RunOnce)
}

// holds checks the merchant's accounts, all of them: "merchant 100, suspense/extra 5".
func (h *house) holds(want string) {
	h.t.Helper()
	list, err := h.engine.Balances(h.t.Context(), "m", engine.Sandbox)
	h.must(err)
	var have []string
	for _, b := range list {
		if !b.Amount.IsZero() {
			have = append(have, string(b.Account.Role())+" "+b.Amount.Units())
		}
	}
	if got := strings.Join(have, ", "); got != want {
		h.t.Errorf("the merchant's accounts: %s\nwant %s", got, want)
	}
}

// entries is how many entries an order has in the ledger.
func (h *house) entries(public string) int {
	h.t.Helper()
	story, err := h.engine.Story(h.t.Context(), public)
	h.must(err)
	return len(story.Entries)
}

// audit: every balance is the sum of its postings; an ended order keeps nothing in or out; no account stands
// where it must not. invariant I3
func (h *house) audit() {
	h.t.Helper()
	proved(h.t, h.store)
	ctx := context.Background() // the test's has ended
	var posted []ledger.Posting
	for _, public := range h.orders {
		story, err := h.engine.Story(ctx, public)
		h.must(err)
		for _, e := range story.Entries {
			for _, p := range e.Postings {
				posted = append(posted, p.Posting)
			}
		}
		if !story.Order.State.Terminal() {
			continue
		}
		for _, b := range story.Order.Balances {
			if role := b.Account.Role(); role == ledger.In || role == ledger.Out {
				h.t.Errorf("%s is %s and has %s in %s", public, story.Order.State, b.Amount, b.Account)
			}
		}
	}
	list, err := h.engine.Balances(ctx, "m", engine.Sandbox)
	h.must(err)
	sums := ledger.Sum(posted)
	for _, b := range list {
		if b.Account.Book() != owed || b.Account.Role() == ledger.Stray { // strays are no order's
			continue
		}
		if want := sums.Of(b.Account, b.Amount.Asset()); !b.Amount.Equal(want) {
			h.t.Errorf("%s has %s, its postings sum to %s", b.Account, b.Amount, want)
		}
		if b.Amount.Sign() < 0 && !b.Account.MayBeNegative() || b.Amount.Sign() > 0 && !b.Account.MayBePositive() {
			h.t.Errorf("%s stands at %s", b.Account, b.Amount)
		}
	}
}

// case 10
func TestCollectOnSandbox(t *testing.T) {
	for _, test := range []struct {
		name  string
		play  func(h *house, o *engine.Order)
		state order.State
		holds string
	}{
		{"paid exact", func(h *house, o *engine.Order) { h.pay(o, 1000) }, order.Completed, "merchant 1000"},
		{"paid in two", func(h *house, o *engine.Order) { h.pay(o, 400); h.pay(o, 600) }, order.Completed, "merchant 1000"},
		{"overpaid", func(h *house, o *engine.Order) { h.pay(o, 1300) }, order.Completed, "merchant 1000, suspense/extra 300"},
		{"underpaid and expired", func(h *house, o *engine.Order) {
			h.pay(o, 400)
			h.clock.move(2 * time.Hour)
			h.tick()
		}, order.Expired, "suspense/extra 400"},
		{"paid late", func(h *house, o *engine.Order) {
			h.clock.move(2 * time.Hour)
			h.tick()
			h.pay(o, 1000)
		}, order.Expired, "suspense/late 1000"},
		{"cancelled", func(h *house, o *engine.Order) {
			h.pay(o, 400)
			_, err := h.engine.Cancel(h.t.Context(), o.ID, order.ByOperator, "ann", "asked for")
			h.must(err)
		}, order.Cancelled, "suspense/extra 400"},
		{"told again", func(h *house, o *engine.Order) {
			id := h.pay(o, 1000)
			for range 3 {
				_, err := h.rail.Pay(h.t.Context(), sandbox.Payment{ID: id, Reference: o.Instrument.Value, Amount: money.FromInt(eur, 1000)})
				h.must(err)
			}
			h.pay(o, 1) // behind them
		}, order.Completed, "merchant 1000, suspense/extra 1"},
		{"reversed before it is enough", func(h *house, o *engine.Order) {
			id := h.pay(o, 400)
			h.reverse(o, id)
		}, order.Waiting, ""},
		{"reversed afterwards", func(h *house, o *engine.Order) {
			id := h.pay(o, 1000)
			h.reverse(o, id)
		}, order.Completed, "merchant 1000, order/short -1000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			o := h.order("one", collected(1000), "")
			if !strings.HasPrefix(o.Instrument.Value, sandbox.Prefix) || o.Instrument.Family != sandbox.Family {
				t.Errorf("the payer pays to %+v", o.Instrument)
			}
			test.play(h, o)
			if got := h.read("one").State; got != test.state {
				t.Errorf("the order is %s, want %s", got, test.state)
			}
			h.holds(test.holds)
		})
	}
}

// Every reference is one order's alone, and stays it after the order has ended.
func TestReferencesAreNeverReused(t *testing.T) {
	h := newHouse(t)
	first := h.order("one", collected(1000), "")
	h.pay(first, 1000)
	second := h.order("two", collected(1000), "")
	if first.Instrument == second.Instrument {
		t.Fatal("one reference serves two orders")
	}
	h.clock.move(1000 * time.Hour)
	h.pay(first, 5)
	h.holds("merchant 1000, suspense/late 5")
}

func TestDeliverOnSandbox(t *testing.T) {
	wait := func(d time.Duration) func(*house) { return func(h *house) { h.clock.move(d); h.deliver() } }
	for _, test := range []struct {
		to        string
		sends     int
		then      []func(*house) // after the first round
		state     order.State
		transfers []order.TransferState
		holds     string
	}{
		{"ok", 2, nil, order.Completed, []order.TransferState{order.TransferConfirmed}, ""},
		{"CH9300762011623852957", 2, nil, order.Completed, []order.TransferState{order.TransferConfirmed}, ""},
		{"slow", 2, []func(*house){wait(10 * time.Second), wait(time.Minute)}, order.Completed, []order.TransferState{order.TransferConfirmed}, ""},
		{"unknown-then-ok", 2, []func(*house){wait(10 * time.Second)}, order.Completed, []order.TransferState{order.TransferConfirmed}, ""},
		{"unknown-then-none", 2, []func(*house){wait(10 * time.Second)}, order.Completed, []order.TransferState{order.TransferConfirmed}, ""},
		{"refuse", 2, []func(*house){wait(10 * time.Second), wait(time.Minute)}, order.Failed,
			[]order.TransferState{order.TransferFailed, order.TransferFailed}, "suspense/extra 1000"},
		{"fail", 1, nil, order.Failed, []order.TransferState{order.TransferFailed}, "suspense/extra 1000"},
		{"return", 2, nil, order.Completed, []order.TransferState{order.TransferReturned}, "suspense/returned 990"},
	} {
		t.Run(test.to, func(t *testing.T) {
			h := newHouse(t)
			o := h.order("one", forwarded(1000, test.sends), test.to)
			if h.deliver() != 0 {
				t.Error("an order that is not paid was sent")
			}
			h.pay(o, 1000)
			if h.read("one").State != order.Paid {
				t.Fatalf("the order is %s", h.read("one").State)
			}
			h.deliver()
			for _, then := range test.then {
				then(h)
			}
			var states []order.TransferState
			eventually(t, fmt.Sprintf("the order is %s with transfers %v", test.state, test.transfers), func() bool {
				o, states = h.read("one"), nil
				for _, transfer := range o.Transfers {
					states = append(states, transfer.State)
				}
				return o.State == test.state && slices.Equal(states, test.transfers)
			})
			h.holds(test.holds)
			h.clock.move(24 * time.Hour)
			if n := h.deliver(); n != 0 {
				t.Errorf("%d things are still to be done", n)
			}
			if test.state == order.Failed && o.Reason != order.ReasonDeliveries {
				t.Errorf("it failed because of %q", o.Reason)
			}
			if s := o.Sendings[o.Transfers[0].ID]; test.to == "ok" && (s.To != "ok" || s.Ref == "" || !s.Look.IsZero()) {
				t.Errorf("the transfer is surrounded by %+v", s)
			}
		})
	}
}

// A delivery that failed is tried again after a while, not at once.
func TestRetryWaits(t *testing.T) {
	h := newHouse(t)
	h.pay(h.order("one", forwarded(1000, 3), "refuse"), 1000)
	for round, step := range []struct {
		wait time.Duration
		n    int
	}{{0, 1}, {0, 0}, {59 * time.Second, 0}, {time.Second, 1}, {119 * time.Second, 0}, {time.Second, 1}} {
		h.clock.move(step.wait)
		if n := h.deliver(); n != step.n {
			t.Errorf("round %d: %d, want %d", round, n, step.n)
		}
	}
	h.reaches("one", order.Failed)
}

// What is on its way is looked at less and less often, and not at all once it has arrived.
func TestLooksBecomeRare(t *testing.T) {
	h := newHouse(t)
	h.pay(h.order("one", forwarded(1000, 1), "slow"), 1000)
	for round, step := range []struct {
		wait time.Duration
		n    int
	}{{0, 1}, {5*time.Second - 1000, 0}, {1000, 1}, {10*time.Second - 1000, 0}, {1000, 1}, {20 * time.Second, 1}, {39 * time.Second, 0}, {time.Second, 1}, {time.Hour, 0}} {
		h.clock.move(step.wait)
		if n := h.deliver(); n != step.n {
			t.Errorf("round %d: %d, want %d", round, n, step.n)
		}
	}
	h.reaches("one", order.Completed)
}

// One of many workers gets a transfer to look at, and nobody else until its lease has ended.
func TestOneWorkerClaims(t *testing.T) {
	h := newHouse(t)
	h.pay(h.order("one", forwarded(1000, 1), "slow"), 1000)
	h.deliver()
	h.clock.move(5 * time.Second)
	due := func() []engine.DueTransfer {
		list, err := h.engine.InFlight(t.Context(), sandbox.Name, h.clock.now(), engine.Due{}, 10)
		h.must(err)
		return list
	}
	list := due()
	if len(list) != 1 {
		t.Fatalf("%d transfers are due", len(list))
	}
	var all sync.WaitGroup
	var got atomic.Int64
	for range 16 {
		all.Go(func() {
			job, ok, err := h.engine.Claim(t.Context(), list[0])
			if err != nil || ok && (job.ID != list[0].ID || job.To != "slow" || job.State != order.TransferSent || !job.Amount.Equal(money.FromInt(eur, 990))) {
				t.Errorf("claimed %+v, %v", job, err)
			}
			if ok {
				got.Add(1)
			}
		})
	}
	all.Wait()
	if got.Load() != 1 {
		t.Errorf("%d workers have it", got.Load())
	}
	h.clock.move(engine.TransferLease - time.Microsecond)
	if n := len(due()); n != 0 {
		t.Errorf("it is due for others during the lease")
	}
	h.clock.move(time.Microsecond)
	if n := len(due()); n != 1 {
		t.Errorf("%d are due after the lease", n)
	}
}

// A reservation keeps the transfer from other workers for as long as its sending may take.
func TestReservedIsLeased(t *testing.T) {
	h := newHouse(t)
	o := h.order("one", forwarded(1000, 1), "ok")
	h.pay(o, 1000)
	job, err := h.engine.Reserve(t.Context(), o.ID)
	h.must(err)
	h.holds("order/out 990")
	if job.To != "ok" || !job.Amount.Equal(money.FromInt(eur, 990)) || job.State != order.TransferReserved || job.Purpose != order.Delivery {
		t.Errorf("reserved %+v", job)
	}
	if n := h.deliver(); n != 0 {
		t.Errorf("%d things are to be done", n)
	}
	h.clock.move(engine.TransferLease)
	h.deliver()
	h.reaches("one", order.Completed)
}

// A rail speaks only of what was sent on it, in its mode; and of what nobody knows in vain.
func TestForeignWordsOfTransfers(t *testing.T) {
	h := newHouse(t)
	o := h.order("one", forwarded(1000, 1), "slow")
	h.pay(o, 1000)
	h.deliver()
	id := h.read("one").Transfers[0].ID
	live, other := sbx, network
	live.Mode, live.Simulated = engine.Live, false
	for fence, n := range []engine.Network{other, live, sbx} {
		word := rail.Word{ID: id, Status: rail.StatusFailed}
		if n.Rail == sbx.Rail && n.Mode == sbx.Mode {
			word.ID = "nobody's"
		}
		h.must(h.engine.Observe(t.Context(), n, engine.Report{
			Progress: engine.Progress{Rail: n.Rail, Fence: int64(fence + 10)}, Seen: []rail.Observation{{Transfer: &word}}}))
		if got := h.read("one").Transfers[0].State; got != order.TransferSent {
			t.Errorf("after a word of %s in %s the transfer is %s", n.Rail, n.Mode, got)
		}
	}
	_, err := h.engine.Reserve(t.Context(), "none")
	h.wants(err, fault.CodeNotFound)
	h.wants(h.engine.Transferred(t.Context(), o.ID, "nobody's", order.Sent, ""), fault.CodeNotFound)
}

func TestCancelBeforeSending(t *testing.T) {
	h := newHouse(t)
	o := h.order("one", forwarded(1000, 1), "ok")
	h.pay(o, 1000)
	_, err := h.engine.Cancel(t.Context(), o.ID, order.ByOperator, "ann", "")
	h.must(err)
	if h.deliver() != 0 {
		t.Error("a cancelled order was sent")
	}
	_, err = h.engine.Reserve(t.Context(), o.ID)
	h.wants(err, fault.CodeOrderStateConflict)
	h.holds("suspense/extra 1000")
}

// fund gives the merchant a balance.
func (h *house) fund(units int64) *engine.Order {
	h.t.Helper()
	o := h.order(fmt.Sprint("fund", len(h.orders)), collected(units), "")
	h.pay(o, units)
	return o
}

func TestPayOut(t *testing.T) {
	for _, test := range []struct {
		to      string
		state   order.State
		overlay order.Overlay
		holds   string
	}{
		{"ok", order.Completed, order.NoOverlay, "merchant 600"},
		{"refuse", order.Failed, order.NoOverlay, "merchant 1000"},
		{"fail", order.Failed, order.NoOverlay, "merchant 1000"},
		{"return", order.Completed, order.Refunded, "merchant 1000"},
	} {
		t.Run(test.to, func(t *testing.T) {
			h := newHouse(t)
			h.fund(1000)
			o := h.order("out", paidOut(400), test.to)
			if o.State != order.Paid {
				t.Errorf("collected from the balance it is %s", o.State)
			}
			h.holds("merchant 600, order/in 400")
			h.deliver()
			eventually(t, "it is over", func() bool {
				o = h.read("out")
				return o.State == test.state && o.Overlay == test.overlay
			})
			h.holds(test.holds)
		})
	}
}

func TestCancelPayOut(t *testing.T) {
	h := newHouse(t)
	h.fund(1000)
	o := h.order("out", paidOut(400), "ok")
	_, err := h.engine.Cancel(t.Context(), o.ID, order.ByMerchant, "", "")
	h.must(err)
	h.holds("merchant 1000")
}

// 64 pay-outs at once over a balance that covers ten: ten.
func TestPayOutsAtOnce(t *testing.T) {
	h := newHouse(t)
	h.fund(1000)
	errs := make([]error, 64)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, errs[i] = h.create(fmt.Sprint("out", i), paidOut(100), "ok") })
	}
	all.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else {
			h.wants(err, fault.CodeInsufficientBalance)
		}
	}
	if made != 10 {
		t.Errorf("%d pay-outs were made", made)
	}
	h.holds("order/in 1000")
	if n := h.deliver(); n != 10 {
		t.Errorf("%d were sent", n)
	}
	for _, public := range h.orders[1:] {
		h.reaches(public, order.Completed)
	}
	h.holds("")
}

func refund(o *engine.Order, id string, units int64) engine.NewRefund {
	return engine.NewRefund{OrderID: o.ID, ID: id, Amount: money.FromInt(eur, units), From: ledger.Merchant, Actor: order.ByMerchant}
}

func (h *house) overlay(public string, want order.Overlay) {
	h.t.Helper()
	if got := h.read(public).Overlay; got != want {
		h.t.Errorf("the overlay is %q, want %q", got, want)
	}
}

func TestRefund(t *testing.T) {
	h := newHouse(t)
	o := h.order("one", collected(1000), "")
	_, err := h.engine.Refund(t.Context(), refund(o, "r0", 10))
	h.wants(err, fault.CodeOrderStateConflict) // it has not ended
	h.pay(o, 1000)

	_, err = h.engine.Refund(t.Context(), refund(o, "r1", 300))
	h.must(err)
	h.overlay("one", order.Refunding)
	h.holds("merchant 700, order/refunding 300")
	h.deliver()
	eventually(t, "it is sent back", func() bool { return h.read("one").Transfers[0].State == order.TransferConfirmed })
	h.overlay("one", order.NoOverlay) // in part
	h.holds("merchant 700")

	_, err = h.engine.Refund(t.Context(), refund(o, "r2", 700))
	h.must(err)
	h.deliver()
	eventually(t, "all is sent back", func() bool { return h.read("one").Overlay == order.Refunded })
	h.holds("")
	if s := h.read("one").Sendings["r2"]; s.Rail != sandbox.Name || s.To != "payer" {
		t.Errorf("it went to %+v", s)
	}
}

// case 11: more than received, twice at once, of another merchant's account: refused, and nothing moves.
func TestRefundRefused(t *testing.T) {
	h := newHouse(t)
	o := h.order("one", collected(1000), "")
	h.pay(o, 1300)
	other := h.order("two", collected(500), "")
	h.pay(other, 500)
	before := h.entries("one")
	for _, test := range []struct {
		name   string
		change func(*engine.NewRefund)
		code   fault.Code
	}{
		{"more than the order brought", func(r *engine.NewRefund) { r.Amount = money.FromInt(eur, 1001) }, fault.CodeOrderStateConflict},
		{"nothing", func(r *engine.NewRefund) { r.Amount = money.Zero(eur) }, fault.CodeOrderStateConflict},
		{"less than nothing", func(r *engine.NewRefund) { r.Amount = money.FromInt(eur, -1) }, fault.CodeOrderStateConflict},
		{"another asset", func(r *engine.NewRefund) {
			r.Amount, r.To = money.FromInt(usd, 5), engine.Destination{Rail: sandbox.Name, To: "ok"}
		}, fault.CodeOrderStateConflict},
		{"a merchant out of suspense", func(r *engine.NewRefund) { r.From = ledger.Extra }, fault.CodeForbidden},
		{"an account that is no source", func(r *engine.NewRefund) { r.From, r.Actor = ledger.Short, order.ByOperator }, fault.CodeOrderStateConflict},
		{"no id", func(r *engine.NewRefund) { r.ID = "" }, fault.CodeMissingField},
		{"a rail of nobody", func(r *engine.NewRefund) { r.To = engine.Destination{Rail: "bank:none", To: "x"} }, fault.CodeNotConfigured},
		{"an order of nobody", func(r *engine.NewRefund) { r.OrderID = "none" }, fault.CodeNotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := refund(o, "r", 100)
			test.change(&r)
			_, err := h.engine.Refund(t.Context(), r)
			if !fault.Is(err, test.code) {
				t.Errorf("%v, want %s", err, test.code)
			}
		})
	}
	h.holds("merchant 1500, suspense/extra 300")
	if h.entries("one") != before || len(h.read("one").Transfers) != 0 {
		t.Error("a refused refund left something")
	}
}

// case 11: the same refund 64 times at once is one; two whole refunds at once are one.
func TestRefundTwiceAtOnce(t *testing.T) {
	h := newHouse(t)
	o := h.order("one", collected(1000), "")
	h.pay(o, 1000)
	at := func(n int, ask func(i int) engine.NewRefund) (taken int) {
		errs := make([]error, n)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() { _, errs[i] = h.engine.Refund(t.Context(), ask(i)) })
		}
		all.Wait()
		for _, err := range errs {
			if err == nil {
				taken++
			} else {
				h.wants(err, fault.CodeOrderStateConflict)
			}
		}
		return taken
	}
	if n := at(64, func(int) engine.NewRefund { return refund(o, "same", 100) }); n != 64 {
		t.Errorf("%d of the same request succeeded", n)
	}
	h.holds("merchant 900, order/refunding 100")
	if n := at(16, func(i int) engine.NewRefund { return refund(o, fmt.Sprint("whole", i), 900) }); n != 1 {
		t.Errorf("%d whole refunds were taken", n)
	}
	h.holds("order/refunding 1000")
	_, err := h.engine.Refund(t.Context(), refund(o, "same", 101))
	h.wants(err, fault.CodeIdempotencyConflict)
	two := h.order("two", collected(1000), "")
	h.pay(two, 1000)
	_, err = h.engine.Refund(t.Context(), refund(two, "same", 100))
	h.wants(err, fault.CodeIdempotencyConflict)
}

// What the merchant has spent meanwhile cannot be refunded.
func TestRefundOfSpentMoney(t *testing.T) {
	h := newHouse(t)
	o := h.fund(1000)
	h.order("out", paidOut(800), "ok")
	before := h.entries(o.PublicID)
	_, err := h.engine.Refund(t.Context(), refund(o, "r", 300))
	h.wants(err, fault.CodeInsufficientBalance)
	if h.entries(o.PublicID) != before {
		t.Error("a refused refund left an entry")
	}
	_, err = h.engine.Refund(t.Context(), refund(o, "r", 200))
	h.must(err)
	h.holds("order/in 800, order/refunding 200")
}

// A refund that was called failed and arrived after all has left the house, whatever the merchant did with
// the money meanwhile: the rail's word is booked, and the rail goes on.
func TestRefundArrivedAfterAll(t *testing.T) {
	h := newHouse(t)
	o := h.order("one", collected(1000), "")
	h.pay(o, 1000)
	r := refund(o, "r", 1000)
	r.To = engine.Destination{Rail: sandbox.Name, To: "refuse"}
	_, err := h.engine.Refund(t.Context(), r)
	h.must(err)
	h.deliver()
	h.holds("merchant 1000")
	h.order("out", paidOut(1000), "slow")
	h.must(h.engine.Observe(t.Context(), sbx, engine.Report{Progress: engine.Progress{Rail: sandbox.Name, Fence: 10},
		Seen: []rail.Observation{{Transfer: &rail.Word{ID: "r", Status: rail.StatusDelivered}}}}))
	story, err := h.engine.Story(t.Context(), "one")
	h.must(err)
	if last := story.Events[len(story.Events)-1]; last.Type != "transfer.conflict" || last.Facts.Ref != "r" {
		t.Errorf("the last event is %+v", last)
	}
	h.holds("order/in 1000, order/short -1000")
	if left := h.deliver(); left != 1 {
		t.Errorf("%d were looked at", left)
	}
	h.holds("order/in 1000, order/short -1000") // nothing leaves while something is missing
	_, err = h.create("more", paidOut(1), "ok")
	h.wants(err, fault.CodeInsufficientBalance)
}

// Money that hits a merchant's instrument while no order holds it is the merchant's, in the book of who holds it.
func TestStrayIsBookedWhereItLies(t *testing.T) {
	h := newHouse(t)
	for i, custodial := range []bool{false, true} {
		n := network
		n.Family, n.Rail, n.Custodial = engine.Family(fmt.Sprint("family", i)), rail.Name(fmt.Sprint("bank:", i)), custodial
		_, err := h.engine.ImportInstruments(t.Context(), engine.Pool{Merchant: "m", Mode: engine.Sandbox, Family: n.Family}, []engine.Imported{{Value: address(i)}})
		h.must(err)
		h.must(h.engine.Observe(t.Context(), n, engine.Report{Progress: engine.Progress{Rail: n.Rail},
			Seen: []rail.Observation{pays("tx", i, 7, 0, order.RankConfirmed, start)}}))
	}
	list, err := h.engine.Balances(t.Context(), "m", engine.Sandbox)
	h.must(err)
	var have []string
	for _, b := range list {
		if b.Account.Role() == ledger.Stray {
			have = append(have, string(b.Account)+" "+b.Amount.Units())
		}
	}
	if got := strings.Join(have, ", "); got != "owed/m/suspense/stray 7, wallet/m/suspense/stray 7" {
		t.Errorf("strays: %s", got)
	}
}

// What lies in the merchant's own wallet is not the operator's to refund.
func TestRefundOutOfWallet(t *testing.T) {
	h := newHouse(t)
	tell := func(fence int64, head uint64, seen ...rail.Observation) {
		at := start.Add(time.Duration(head) * time.Second)
		h.must(h.engine.Observe(t.Context(), network, engine.Report{
			Progress: engine.Progress{Rail: network.Rail, Fence: fence, Cursor: rail.Cursor{Head: head, Horizon: at}}, Seen: seen}))
	}
	tell(1, 1)
	_, err := h.engine.ImportInstruments(t.Context(), engine.Pool{Merchant: "m", Mode: engine.Sandbox, Family: engine.EVM}, []engine.Imported{{Value: address(0)}})
	h.must(err)
	wallet := ledger.Wallet("m")
	made, err := h.engine.Create(t.Context(), engine.NewOrder{Scope: scope, PublicID: "one", Network: network,
		Terms: func(engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: wallet, Due: money.FromInt(coin, 1000), To: wallet.Account(ledger.Merchant), OverAny: true, Instant: true}, nil, nil
		}})
	h.must(err)
	tell(2, 2, pays("tx", 0, 1000, 0, order.RankConfirmed, start.Add(2*time.Second)))
	r := refund(made.Order, "r", 5)
	r.Amount, r.To = money.FromInt(coin, 5), engine.Destination{Rail: network.Rail, To: address(1)}
	if h.read("one").State != order.Completed {
		t.Fatalf("the order is %s", h.read("one").State)
	}
	_, err = h.engine.Refund(t.Context(), r)
	h.wants(err, fault.CodeOrderStateConflict)
}

// A refund that fails, or comes back, is where it was taken from.
func TestRefundComesBack(t *testing.T) {
	for _, to := range []string{"refuse", "fail", "return"} {
		t.Run(to, func(t *testing.T) {
			h := newHouse(t)
			o := h.order("one", collected(1000), "")
			h.pay(o, 1300)
			r := refund(o, "r", 300)
			r.From, r.Actor, r.Who, r.To = ledger.Extra, order.ByOperator, "ann", engine.Destination{Rail: sandbox.Name, To: to}
			_, err := h.engine.Refund(t.Context(), r)
			h.must(err)
			h.holds("merchant 1000, order/refunding 300")
			h.deliver()
			want := order.TransferFailed
			if to == "return" {
				want = order.TransferReturned
			}
			eventually(t, "it is back", func() bool { return h.read("one").Transfers[0].State == want })
			h.holds("merchant 1000, suspense/extra 300")
		})
	}
}

// case 15: money that was reversed after it was passed on is a shortfall: pay-outs of that asset wait until it
// is written off; others do not.
func TestShortfallStopsPayOuts(t *testing.T) {
	h := newHouse(t)
	bad := h.order("bad", collected(1000), "")
	id := h.pay(bad, 1000)
	h.fund(500)
	dollars := collected(300)
	dollars.Due, dollars.To = money.FromInt(usd, 300), owed.Account(ledger.Merchant)
	funding := h.order("dollars", dollars, "")
	paid, err := h.rail.Pay(t.Context(), sandbox.Payment{Reference: funding.Instrument.Value, Amount: money.FromInt(usd, 300)})
	h.must(err)
	h.hears(funding, paid, order.RankConfirmed)
	h.order("out", paidOut(400), "ok")
	other := paidOut(0)
	other.Due = money.FromInt(usd, 200)
	h.order("other", other, "ok")

	h.reverse(bad, id)
	h.holds("merchant 1100, merchant 100, order/in 400, order/in 200, order/short -1000")
	h.deliver()
	h.reaches("other", order.Completed)
	if got := h.read("out").State; got != order.Paid {
		t.Fatalf("the pay-out is %s", got)
	}
	_, err = h.engine.Reserve(t.Context(), h.read("out").ID)
	h.wants(err, fault.CodeInsufficientBalance)
	if h.deliver() != 0 {
		t.Error("the pay-out is asked for again at once")
	}

	aside, err := h.engine.Aside(t.Context(), engine.Sandbox, "", 10)
	h.must(err)
	if len(aside) != 1 || aside[0].ID != bad.ID {
		t.Errorf("aside: %+v", aside)
	}
	_, err = h.engine.Absorb(t.Context(), bad.ID, money.FromInt(eur, 1001), "ann")
	h.wants(err, fault.CodeOrderStateConflict)
	_, err = h.engine.Absorb(t.Context(), bad.ID, money.FromInt(eur, 400), "ann")
	h.must(err)
	h.clock.move(engine.ShortWait)
	h.deliver()
	if got := h.read("out").State; got != order.Paid {
		t.Fatalf("still short, and the pay-out is %s", got)
	}
	_, err = h.engine.Absorb(t.Context(), bad.ID, money.FromInt(eur, 600), "ann")
	h.must(err)
	h.clock.move(engine.ShortWait)
	h.deliver()
	h.reaches("out", order.Completed)
	h.holds("merchant 1100, merchant 100")
	if aside, err = h.engine.Aside(t.Context(), engine.Sandbox, "", 10); err != nil || len(aside) != 0 {
		t.Errorf("aside: %+v, %v", aside, err)
	}
}

// A word of the rail is never refused for a balance: what is missing under money that was paid out is a shortfall, the cursor moves
// on, the merchant's further pay-outs of that asset wait, and the books hold. case 15
func TestReversalOfWhatWasPaidOut(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		h := newHouseIn(t, database)
		o := h.order("one", collected(1000), "")
		id := h.pay(o, 1000)
		h.order("out", paidOut(1000), "ok")
		h.deliver()
		h.reaches("out", order.Completed)
		cursor := func() string {
			at, err := h.engine.Progress(t.Context(), sandbox.Name)
			h.must(err)
			return string(at.Cursor.State)
		}
		before := cursor()
		h.reverse(o, id)
		if after := cursor(); after == before {
			t.Errorf("the cursor stands at %q", after)
		}
		h.holds("order/short -1000")
		if got := h.read("one").State; got != order.Completed {
			t.Errorf("the order whose money went away is %s", got)
		}
		proved(t, h.store)

		h.pay(h.order("next", collected(200), ""), 200)
		h.holds("merchant 200, order/short -1000")
		h.order("later", paidOut(150), "ok")
		h.deliver()
		if got := h.read("later").State; got != order.Paid {
			t.Errorf("with a shortfall the pay-out is %s", got)
		}
		h.holds("merchant 50, order/in 150, order/short -1000")
	})
}

func TestRelease(t *testing.T) {
	h := newHouse(t)
	o := h.order("one", collected(1000), "")
	h.clock.move(2 * time.Hour)
	h.tick()
	h.pay(o, 1000)
	_, err := h.engine.Release(t.Context(), o.ID, ledger.Late, money.FromInt(eur, 1001), "ann")
	h.wants(err, fault.CodeOrderStateConflict)
	_, err = h.engine.Release(t.Context(), o.ID, ledger.Extra, money.FromInt(eur, 1), "ann")
	h.wants(err, fault.CodeOrderStateConflict)
	got, err := h.engine.Release(t.Context(), o.ID, ledger.Late, money.FromInt(eur, 700), "ann")
	h.must(err)
	if got.State != order.Expired {
		t.Errorf("the order is %s", got.State)
	}
	h.holds("merchant 700, suspense/late 300")
	_, err = h.engine.Release(t.Context(), "none", ledger.Late, money.FromInt(eur, 1), "ann")
	h.wants(err, fault.CodeNotFound)
}

// case 63: money that names no order is nobody's until an operator assigns it.
func TestAssign(t *testing.T) {
	h := newHouse(t)
	astray := func(units int64) order.PaymentKey {
		t.Helper()
		id, err := h.rail.Pay(t.Context(), sandbox.Payment{Reference: sandbox.Prefix + "TYPO", Amount: money.FromInt(eur, units)})
		h.must(err)
		key := order.PaymentKey{Rail: string(sandbox.Name), External: id}
		eventually(t, "it is heard", func() bool {
			list, err := h.engine.Strays(t.Context(), order.PaymentKey{}, 10)
			h.must(err)
			return slices.ContainsFunc(list, func(s engine.Stray) bool { return s.PaymentKey == key && s.Rank == order.RankConfirmed })
		})
		return key
	}
	key := astray(1000)
	o := h.order("one", collected(1000), "")
	_, err := h.engine.Assign(t.Context(), order.PaymentKey{Rail: string(sandbox.Name), External: "none"}, o.ID, "ann")
	h.wants(err, fault.CodeNotFound)
	got, err := h.engine.Assign(t.Context(), key, o.ID, "ann")
	h.must(err)
	if got.State != order.Completed || !got.Received().Equal(money.FromInt(eur, 1000)) {
		t.Errorf("assigned: %s with %s", got.State, got.Received())
	}
	h.holds("merchant 1000")
	if list, err := h.engine.Strays(t.Context(), order.PaymentKey{}, 10); err != nil || len(list) != 0 {
		t.Errorf("strays: %v, %v", list, err)
	}
	_, err = h.engine.Assign(t.Context(), key, o.ID, "ann")
	h.wants(err, fault.CodeNotFound) // it has an owner now

	// What the rail says of it afterwards is about its order.
	_, err = h.rail.Pay(t.Context(), sandbox.Payment{ID: key.External, Reference: sandbox.Prefix + "TYPO", Amount: money.FromInt(eur, 1000), Rank: order.RankReversed})
	h.must(err)
	h.hears(o, key.External, order.RankReversed)
	h.holds("merchant 1000, order/short -1000")

	network := sbx
	network.Mode, network.Rail, network.Simulated = engine.Live, "bank:live", false
	h.must(h.engine.Observe(t.Context(), network, engine.Report{Progress: engine.Progress{Rail: network.Rail}}))
	live, err := h.liveOrder(network)
	h.must(err)
	_, err = h.engine.Assign(t.Context(), astray(5), live.ID, "ann")
	h.wants(err, fault.CodeNotFound) // it is of another mode

	_, err = h.engine.Assign(t.Context(), astray(7), o.ID, "ann")
	h.wants(err, fault.CodeOrderStateConflict) // it has ended
	if list, err := h.engine.Strays(t.Context(), order.PaymentKey{}, 10); err != nil || len(list) != 2 {
		t.Errorf("strays: %v, %v", list, err)
	}
}

// liveOrder makes an order of the live mode that the house holds the money of.
func (h *house) liveOrder(n engine.Network) (*engine.Order, error) {
	made, err := h.engine.Create(h.t.Context(), engine.NewOrder{Scope: engine.Scope{Merchant: "m", Mode: engine.Live, Dialect: "plain"}, PublicID: "live",
		Network: n, Instrument: engine.None,
		Terms: func(engine.Plan) (order.Terms, json.RawMessage, error) { return collected(1000), nil, nil }})
	return made.Order, err
}

// A live mode takes no simulated payment, and sends nothing by the sandbox.
func TestNothingSimulatedInLive(t *testing.T) {
	h := newHouse(t)
	live := sbx
	live.Mode = engine.Live
	err := h.engine.Observe(t.Context(), live, engine.Report{Progress: engine.Progress{Rail: sandbox.Name, Fence: 99}})
	h.wants(err, fault.CodeForbidden)

	for _, n := range []engine.Network{sbx, live} {
		_, err := h.liveOrder(n)
		h.wants(err, fault.CodeInvalidNetwork)
	}
	e := engine.New(h.store, []engine.Network{live}, nil)
	_, err = e.Network(live.ID, engine.Live)
	h.wants(err, fault.CodeInvalidNetwork)
	for _, made := range []*engine.Engine{e, h.engine} {
		_, err = made.Create(t.Context(), engine.NewOrder{
			Scope: engine.Scope{Merchant: "m", Mode: engine.Live, Dialect: "plain"}, PublicID: "live",
			Network: sbx, Instrument: engine.Made, Destination: engine.Destination{Rail: sandbox.Name, To: "ok"},
			Terms: func(engine.Plan) (order.Terms, json.RawMessage, error) { return forwarded(1000, 1), nil, nil },
		})
		h.wants(err, fault.CodeNotConfigured)
	}
}

// A payment on a test network to an address of a live order is not the order's: an address is the same there.
func TestModesDoNotMix(t *testing.T) {
	h := newHouse(t)
	main, test := network, network
	main.ID, main.Mode, main.Rail = "main", engine.Live, "chain:main"
	test.ID = "test"
	at := start.Add(time.Minute)
	for fence, n := range []engine.Network{main, test} {
		h.must(h.engine.Observe(t.Context(), n, engine.Report{Progress: engine.Progress{Rail: n.Rail, Fence: int64(fence), Cursor: rail.Cursor{Head: 1, Horizon: start}}}))
	}
	pool := engine.Pool{Merchant: "m", Mode: engine.Live, Family: engine.EVM}
	_, err := h.engine.ImportInstruments(t.Context(), pool, []engine.Imported{{Value: address(0)}})
	h.must(err)
	wallet, mine := ledger.Wallet("m"), engine.Scope{Merchant: "m", Mode: engine.Live, Dialect: "plain"}
	_, err = h.engine.Create(t.Context(), engine.NewOrder{Scope: mine, PublicID: "live", Network: main,
		Terms: func(engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: wallet, Due: money.FromInt(coin, 1000), To: wallet.Account(ledger.Merchant), OverAny: true, Instant: true}, nil, nil
		}})
	h.must(err)
	h.must(h.engine.Observe(t.Context(), test, engine.Report{
		Progress: engine.Progress{Rail: test.Rail, Fence: 9, Cursor: rail.Cursor{Head: 2, Horizon: at}},
		Seen:     []rail.Observation{pays("tx", 0, 1000, 0, order.RankConfirmed, at)},
	}))
	o, err := h.engine.Order(t.Context(), mine, "live")
	h.must(err)
	if o.State != order.Waiting || len(o.Payments) != 0 {
		t.Errorf("the live order is %s with %v", o.State, o.Payments)
	}
	strays, err := h.engine.Strays(t.Context(), order.PaymentKey{}, 10)
	h.must(err)
	if len(strays) != 1 || strays[0].Mode != engine.Sandbox || strays[0].Merchant != "m" {
		t.Errorf("strays: %+v", strays)
	}
}

// An order whose delivery leaves the house needs a destination.
func TestDestinationIsNeeded(t *testing.T) {
	h := newHouse(t)
	_, err := h.create("one", forwarded(1000, 1), "")
	if got, ok := fault.As(err); !ok || got.Code != fault.CodeMissingField || got.Param != "destination" {
		t.Errorf("the error is %v", err)
	}
	h.holds("")
}
