package engine_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

var (
	seeds = flag.Uint64("seeds", 0, "TestRandom makes as many long random runs, not its short ones")
	seed  = flag.Uint64("seed", 1, "the first of them")
)

// run is one random run.
type run struct {
	name  string
	seed  uint64
	steps int
}

// runs are short: what a step costs grows with what happened before it. The named ones once found what is told about them.
var runs = []run{
	{"any", 1, 300}, {"any", 2, 300}, {"any", 3, 300}, {"any", 4, 300}, {"any", 5, 300},
	{"late money, and another chain's clock was ahead", 18, 640},
	{"the owner's chain is behind the clock of the owner before", 6, 700},
}

// TestRandom lets orders of two merchants, two chains, time and people act on each other at random, and holds
// after each step what a small model of its own expects. (invariants I1, I3, I4, I6 to I10, I12, I17; cases
// 14 to 16, 29, 30, 39)
func TestRandom(t *testing.T) {
	list := runs
	if *seeds > 0 {
		list = nil
	}
	for i := range *seeds {
		list = append(list, run{"long", *seed + i, 2000})
	}
	happened := map[string]int{} // in all runs
	for _, r := range list {
		t.Run(fmt.Sprintf("%s, seed %d", r.name, r.seed), func(t *testing.T) {
			w := newWorld(t, r.seed)
			for n := 0; n < r.steps && !t.Failed(); n++ {
				what := w.step()
				if w.check(); t.Failed() {
					t.Fatalf("seed %d, step %d: %s", r.seed, n, what)
				}
			}
			w.wantCounted()
			for what, n := range w.happened {
				happened[what] += n
			}
		})
	}
	wantCovered(t, happened)
}

// world is the model: what the test did and what must have become of it. It shares no code with the engine.
type world struct {
	*kit
	rnd      *rand.Rand
	chains   []*chain
	moves    engine.Clock // as moved; asked with a function of its own
	orders   map[string]*agreed
	live     []*agreed            // not ended
	holds    map[string][]*agreed // by address, in the order of time
	payments []*paid
	asks     []engine.NewOrder    // that were answered, with a key
	made     map[string]time.Time // when, by the order's public id
	books    replay
	touched  map[string]bool // orders that the step must have changed; nil: nobody knows
	may      order.State     // the end that the step's command may bring
	happened map[string]int
	links    []*linked
}

type chain struct {
	network engine.Network
	lead    time.Duration // of its clock before ours
	at      time.Time     // of its last block
	epoch   uint64
}

// agreed is an order as it was made, and as it was last seen.
type agreed struct {
	*engine.Order
	from    time.Time // its hold begins, on its chain's clock
	to      time.Time // its hold ends, on that clock; zero: not yet
	state   order.State
	through time.Time // as last seen
	version int64
	ended   time.Time
	end     order.State // what a word of this step must have ended it with
}

// paid is a payment as its chain told of it.
type paid struct {
	chain  *chain
	word   rail.Observation // the last that counted
	value  time.Time        // the earliest, on the mode's clock
	owner  *agreed          // nil: nobody
	strays ledger.Book      // of whom the address is that nobody held
}

var (
	merchants = []engine.Scope{shop, other}
	tokens    = map[string][]money.Asset{"north": {northUSDT, northUSDT, northUSDT, northUSDC}, "south": {southUSDT}}
)

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{kit: newKit(t), rnd: rand.New(rand.NewPCG(seed, 0)), orders: map[string]*agreed{}, holds: map[string][]*agreed{}, made: map[string]time.Time{}, happened: map[string]int{}}
	w.chains = []*chain{{network: north, at: start}, {network: south, lead: 40 * time.Minute, at: start}}
	for _, s := range merchants {
		w.pool(pool(s), "z "+s.Merchant+" ", 8)
	}
	return w
}

// step does one thing and says which.
func (w *world) step() string {
	w.touched, w.may = map[string]bool{}, ""
	switch n := w.rnd.IntN(112); {
	case n >= 100:
		for range 5 { // people are quicker than blocks
			what := w.payer()
			w.books.read(w.kit)
			if w.checkLinks(); w.Failed() {
				return what
			}
		}
		return "payers are done"
	case n < 38:
		return w.mine()
	case n < 45:
		return w.reorganise()
	case n < 60:
		return w.letTimePass()
	case n < 72:
		return w.tickOne()
	case n < 88:
		return w.create()
	case n < 91:
		return w.repeat()
	case n < 95:
		return w.cancel()
	case n < 97:
		return w.oldWatcher()
	case n < 98:
		return w.moveClock()
	default:
		w.told()
		return "told"
	}
}

func (w *world) chance(percent int) bool { return w.rnd.IntN(100) < percent }

func pick[T any](w *world, list []T) T { return list[w.rnd.IntN(len(list))] }

func (w *world) letTimePass() string {
	by := time.Duration(5+w.rnd.IntN(100)) * time.Second
	if w.chance(8) {
		by = time.Duration(20+w.rnd.IntN(60)) * time.Minute
	}
	w.clock.set(w.clock.now().Add(by))
	return "time passes by " + by.String()
}

func (w *world) moveClock() string {
	by := time.Duration(1+w.rnd.IntN(20)) * time.Minute
	total, err := w.engine.MoveClock(context.Background(), engine.Sandbox, by)
	w.must(err)
	w.moves = append(w.moves, engine.ClockMove{At: w.clock.now(), Offset: total})
	return "the clock is moved by " + by.String()
}

// shifted is a true time on the sandbox's clock.
func (w *world) shifted(at time.Time) time.Time {
	for _, m := range slices.Backward(w.moves) {
		if !m.At.After(at) {
			return at.Add(m.Offset)
		}
	}
	return at
}

// mine tells the next block of a chain: new payments, and further words about old ones, in any order.
func (w *world) mine() string {
	c := pick(w, w.chains)
	w.advance(c)
	var seen []rail.Observation
	for range w.rnd.IntN(4) {
		if p := w.some(c); p != nil && w.chance(60) {
			word := p.word
			word.Rank = order.Rank(1 + w.rnd.IntN(4))
			if w.chance(50) {
				word.Rank = order.RankConfirmed
			}
			if w.chance(10) && word.Epoch > 0 {
				word.Epoch-- // told by a node that is behind
			}
			if w.chance(10) {
				word.Value = c.at // of another word about it
			}
			seen = append(seen, word)
			continue
		}
		seen = append(seen, w.newWord(c))
	}
	w.report(c, seen)
	return fmt.Sprintf("%s tells %v", c.network.ID, seen)
}

// reorganise takes back what the last blocks held; some of it is mined again at once.
func (w *world) reorganise() string {
	c := pick(w, w.chains)
	w.advance(c)
	var seen []rail.Observation
	var last []*paid
	for _, p := range slices.Backward(w.payments) {
		if p.chain == c && len(last) < 4 && (p.word.Rank == order.RankSeen || p.word.Rank == order.RankConfirmed) {
			last = append(last, p)
		}
	}
	for _, p := range last {
		seen = append(seen, again(p.word, order.RankReversed, p.word.Epoch))
	}
	c.epoch++
	for _, p := range last {
		if !w.chance(60) {
			continue
		}
		mined := again(p.word, pick(w, []order.Rank{order.RankSeen, order.RankConfirmed}), c.epoch)
		mined.Value, mined.Evidence.Block = c.at, w.heads[c.network.Rail]+1
		if w.chance(20) {
			mined.Amount = units(mined.Amount.Asset(), int64(1+w.rnd.IntN(120)))
		}
		seen = append(seen, mined)
	}
	w.report(c, seen)
	return fmt.Sprintf("%s is reorganised: %v", c.network.ID, seen)
}

// advance gives a chain the time of its next block: its own clock, a little behind.
func (w *world) advance(c *chain) {
	at := w.clock.now().Add(c.lead - time.Duration(w.rnd.IntN(20))*time.Second)
	if at.After(c.at) {
		c.at = at
	}
}

// some is one of the chain's last payments, nil when it has none.
func (w *world) some(c *chain) *paid {
	for range 5 {
		if len(w.payments) == 0 {
			return nil
		}
		if p := w.payments[len(w.payments)-1-w.rnd.IntN(min(30, len(w.payments)))]; p.chain == c {
			return p
		}
	}
	return nil
}

func (w *world) newWord(c *chain) rail.Observation {
	to := "nobody's"
	switch {
	case len(w.live) > 0 && w.chance(80):
		to = pick(w, w.live).Instrument.Value
	case len(w.orders) > 0 && w.chance(90):
		to = fmt.Sprintf("z %s %d", pick(w, merchants).Merchant, 1+w.rnd.IntN(8))
	}
	rank := pick(w, []order.Rank{order.RankSeen, order.RankSeen, order.RankConfirmed, order.RankFailed, order.RankReversed})
	value := c.at.Add(-time.Duration(w.rnd.IntN(30)) * time.Second)
	word := w.word(c.network, rank, w.unique("tx"), to, units(pick(w, tokens[c.network.ID]), int64(1+w.rnd.IntN(200))), value)
	word.Epoch = c.epoch
	return word
}

// report tells what is seen and notes what must follow.
func (w *world) report(c *chain, seen []rail.Observation) {
	w.block(c.network, c.at, seen...)
	for _, word := range seen {
		w.note(c, word)
	}
}

func (w *world) note(c *chain, word rail.Observation) {
	i := slices.IndexFunc(w.payments, func(p *paid) bool { return p.chain == c && p.word.External == word.External })
	if i < 0 {
		p := &paid{chain: c, strays: ledger.House}
		p.owner = w.ownerAt(c, word)
		for _, s := range merchants {
			if slices.Contains(w.addresses(s), word.Instrument) {
				p.strays = ledger.Wallet(s.Merchant)
			}
		}
		w.payments = append(w.payments, p)
		i = len(w.payments) - 1
	}
	p := w.payments[i]
	if word.Epoch < p.word.Epoch || word.Epoch == p.word.Epoch && word.Rank <= p.word.Rank {
		w.happened["a word that is not newer"]++
		return
	}
	value := word.Value
	if p.owner != nil && p.owner.Rail == c.network.Rail {
		value = value.Add(-p.owner.Skew)
	}
	if value = w.shifted(value); p.value.IsZero() || value.Before(p.value) {
		p.value = value
	}
	p.word = word
	if p.owner == nil {
		w.happened["a stray"]++
		return
	}
	w.touched[p.owner.ID] = true
	// The words of one report act one after another, and an end is an end.
	if o := p.owner; !o.state.Terminal() && o.end == "" {
		counted, _, due, _ := w.sums(o)
		switch {
		case counted >= due:
			o.end = order.Completed
		case o.timeIsOver(o.through, counted, w.coming(o), due):
			o.end = order.Expired
		}
	}
	if p.owner.state.Terminal() {
		w.happened["money of an ended order"]++
	}
	if h := w.holds[word.Instrument]; h[len(h)-1] != p.owner {
		w.happened["money of the address's old order"]++
	}
}

// ownerAt is whose a payment is: who held the address on its chain at that time, else who got it last of those that had
// it before. Clocks of two chains are never compared.
func (w *world) ownerAt(c *chain, word rail.Observation) (owner *agreed) {
	held := false
	for _, h := range w.holds[word.Instrument] {
		if h.from.After(word.Value) {
			continue
		}
		there := h.Rail == c.network.Rail && (h.to.IsZero() || !word.Value.After(h.to))
		if there || !held {
			owner, held = h, there
		}
	}
	switch {
	case owner == nil || held:
	case owner.Rail == c.network.Rail:
		w.happened["late money for the last owner"]++
	default:
		w.happened["money of another chain"]++
	}
	return owner
}

func (w *world) addresses(s engine.Scope) []string {
	prefix := map[string]string{"shop": "a", "other": "b"}[s.Merchant]
	var list []string
	for i := range 8 {
		list = append(list, fmt.Sprintf("%s%d", prefix, i+1), fmt.Sprintf("z %s %d", s.Merchant, i+1))
	}
	return list
}

func (w *world) create() string {
	if len(w.live) >= 20 {
		return w.letTimePass()
	}
	c, s := pick(w, w.chains), pick(w, merchants)
	asked := w.once(s, w.unique("key"), "hash")
	asked.Network = c.network
	asked = withTerms(asked, func(t *order.Terms) {
		t.Due = units(c.network.Tokens[0].Asset, int64(20+w.rnd.IntN(100)))
		t.MerchantCancels = w.chance(30)
	})
	if w.chance(80) { // else the chain may be behind
		w.advance(c)
		w.report(c, nil)
	}
	w.free(s)
	behind := w.clock.now().Sub(c.at) > 2*time.Minute
	fit := w.fit(s, behind)
	made, err := w.engine.Create(context.Background(), asked)
	if len(fit) == 0 {
		w.wantCode(err, fault.CodeNoAddress)
		w.happened["no address"]++
		if behind {
			w.happened["no new address, and the chain is behind"]++
		}
		return "no address is free"
	}
	w.must(err)
	if got := made.Order.Instrument.Value; !slices.Contains(fit, got) {
		w.Errorf("%v got %s, which is none of %v", s, got, fit)
	}
	o := &agreed{Order: made.Order, from: c.at, state: order.Waiting, version: made.Order.Version}
	if before := w.holds[o.Instrument.Value]; len(before) > 0 {
		w.happened["an address handed on"]++
		was := before[len(before)-1]
		if was.Rail != o.Rail {
			w.happened["an address handed on to another chain"]++
		}
		rest := was.ended
		for _, at := range []time.Time{was.Terms.Deadline, was.Terms.ConfirmBy} {
			if at.After(rest) {
				rest = at
			}
		}
		if now := w.shifted(w.clock.now()); !was.state.Terminal() || now.Before(rest.Add(engine.Rest)) {
			w.Errorf("at %v the address of %s, %s since %v, went to another order", now, was.PublicID, was.state, was.ended)
		}
	}
	if !slices.Contains(w.addresses(s), o.Instrument.Value) {
		w.Errorf("%v got the address %s", s, o.Instrument.Value)
	}
	w.orders[o.ID] = o
	w.live = append(w.live, o)
	w.holds[o.Instrument.Value] = append(w.holds[o.Instrument.Value], o)
	w.asks, w.made[asked.PublicID] = append(w.asks, asked), w.clock.now()
	w.touched[o.ID] = true
	return "create " + o.PublicID
}

// free is what others do for a pool: a worker ends rests, and sometimes an operator looks at the addresses that
// were paid to unasked.
func (w *world) free(s engine.Scope) {
	if w.chance(30) {
		rows, err := w.engine.Instruments(context.Background(), pool(s), "", 100)
		w.must(err)
		for _, row := range rows {
			if row.State == engine.InstrumentQuarantined {
				w.must(w.engine.ReleaseInstrument(context.Background(), pool(s), row.Instrument.Value))
				w.happened["a quarantine"]++
			}
		}
	}
	w.sweep()
}

// fit is the addresses that an order may get. While its chain is behind, these are those no order ever held.
func (w *world) fit(s engine.Scope, behind bool) []string {
	rows, err := w.engine.Instruments(context.Background(), pool(s), "", 100)
	w.must(err)
	var list []string
	for _, row := range rows {
		if row.State == engine.InstrumentFree && !(behind && len(w.holds[row.Instrument.Value]) > 0) {
			list = append(list, row.Instrument.Value)
		}
	}
	return list
}

// repeat asks again with a key that was used, sometimes for something else.
func (w *world) repeat() string {
	if len(w.asks) == 0 {
		return "nothing to repeat"
	}
	asked := w.asks[len(w.asks)-1-w.rnd.IntN(min(5, len(w.asks)))]
	if made := w.made[asked.PublicID]; w.clock.now().Sub(made) >= engine.Idempotency {
		return "nothing to repeat"
	}
	hash := pick(w, []string{"hash", "another hash"})
	asked.Once = &engine.Once{Key: asked.Once.Key, Hash: hash}
	made, err := w.engine.Create(context.Background(), asked)
	switch {
	case hash != "hash":
		w.wantCode(err, fault.CodeIdempotencyConflict)
	case err != nil || made.Replay == nil || string(made.Replay.Body) != "made "+asked.PublicID:
		w.Errorf("a repeat of %s gave %+v, %v", asked.PublicID, made, err)
	}
	return "repeat " + asked.PublicID
}

func (w *world) cancel() string {
	if len(w.orders) == 0 {
		return "nothing to cancel"
	}
	o := w.orders[pick(w, sortedIDs(w.orders))]
	if len(w.live) > 0 && w.chance(80) {
		o = pick(w, w.live)
	}
	actor := pick(w, []order.Actor{order.ByOperator, order.ByMerchant})
	counted, seen, _, _ := w.sums(o)
	may := !o.state.Terminal() && (actor == order.ByOperator || o.Terms.MerchantCancels && counted == 0 && seen == 0)
	_, err := w.engine.Cancel(context.Background(), o.ID, actor, "who", "")
	if !may {
		w.wantCode(err, fault.CodeOrderStateConflict)
		w.happened["a refused cancel"]++
		return "a refused cancel of " + o.PublicID
	}
	w.must(err)
	w.touched[o.ID], w.may = true, order.Cancelled
	return "cancel " + o.PublicID
}

func (w *world) oldWatcher() string {
	c := pick(w, w.chains)
	err := w.tell(c.network, 0, c.at, w.newWord(c))
	w.wantCode(err, fault.CodeVersionConflict)
	return "an old watcher reports"
}

func (w *world) tickOne() string {
	c := pick(w, w.chains)
	w.touched, w.may = nil, order.Expired
	w.tick(c.network)
	w.check()
	for _, o := range w.live {
		if o.Rail != c.network.Rail {
			continue
		}
		through := c.at.Add(-o.Skew)
		if now := w.clock.now(); now.Before(through) {
			through = now
		}
		through = w.shifted(through)
		counted, _, due, _ := w.sums(o)
		if through.After(o.Terms.Deadline) && (counted+w.coming(o) < due || through.After(o.Terms.ConfirmBy)) {
			w.Errorf("%s has not expired: its rail has told everything through %v", o.PublicID, through)
		}
	}
	return c.network.ID + " ticks"
}

// sums is an order's money by the model: confirmed in time, seen in time, what is due, and what is set aside by
// account and asset. Amounts of these tests are small.
func (w *world) sums(o *agreed) (counted, seen, due int64, aside map[line]int64) {
	aside = map[line]int64{}
	due = o.Terms.Due.Big().Int64()
	for _, p := range w.payments {
		if p.owner != o || p.word.Rank != order.RankConfirmed && p.word.Rank != order.RankSeen {
			continue
		}
		role, asset, amount := ledger.In, p.word.Amount.Asset(), p.word.Amount.Big().Int64()
		switch {
		case asset != o.Terms.Due.Asset():
			role = ledger.Wrong
		case p.value.After(o.Terms.Deadline):
			role = ledger.Late
		}
		switch {
		case role == ledger.In && p.word.Rank == order.RankSeen:
			seen += amount
		case role == ledger.In:
			counted += amount
		case p.word.Rank == order.RankConfirmed:
			aside[line{engine.Sandbox, ledger.Wallet(o.Scope.Merchant).Account(role), asset}] += amount
		}
	}
	return counted, seen, due, aside
}

// coming is the money of an order that may still be confirmed and would count: seen in time, or taken back by a
// reorganisation.
func (w *world) coming(o *agreed) (sum int64) {
	for _, p := range w.payments {
		if p.owner == o && (p.word.Rank == order.RankSeen || p.word.Rank == order.RankReversed) &&
			p.word.Amount.Asset() == o.Terms.Due.Asset() && !p.value.After(o.Terms.Deadline) {
			sum += p.word.Amount.Big().Int64()
		}
	}
	return sum
}

// check holds the whole database against the model, reading only what changed since the last time.
func (w *world) check() {
	w.Helper()
	w.books.read(w.kit)
	w.compareBooks(w.books.books)
	w.checkChains()
	changed := map[string]int64{}
	w.rows(`SELECT id, version FROM orders`, nil, func(c []string) {
		if slices.ContainsFunc(w.links, func(l *linked) bool { return l.ID == c[0] }) {
			return // checkLinks looks at them
		}
		o := w.orders[c[0]]
		if o == nil {
			w.Errorf("order %s is nobody's", c[0])
		} else if version := fmt.Sprint(o.version); version != c[1] || w.touched[c[0]] {
			changed[c[0]] = o.version
		}
	})
	for _, id := range sortedIDs(changed) {
		w.auditOrder(id, w.books.orders[id])
		w.checkOrder(w.orders[id])
	}
	w.checkLinks()
	w.live = slices.DeleteFunc(w.live, func(o *agreed) bool { return o.state.Terminal() })
}

func sortedIDs[V any](m map[string]V) []string {
	var ids []string
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (w *world) checkOrder(o *agreed) {
	w.Helper()
	var now *engine.Order
	w.must(w.store.View(context.Background(), func(rd engine.Reader) (err error) { now, err = rd.Order(o.ID); return err }))
	if err := w.expect(o, now); err != nil {
		w.Errorf("order %s, %s, was %s: %v", o.PublicID, now.State, o.state, err)
	}
	if now.State.Terminal() && !o.state.Terminal() {
		o.ended = w.shifted(w.clock.now())
		for _, c := range w.chains {
			if c.network.Rail == o.Rail {
				o.to = c.at
			}
		}
		if !now.EndedAt.Equal(o.ended) {
			w.Errorf("order %s ended at %v, not at %v", o.PublicID, now.EndedAt, o.ended)
		}
		w.happened[string(now.State)]++
	}
	if short := now.Balance(now.Terms.Book.Account(ledger.Short), now.Terms.Due.Asset()); short.Sign() < 0 {
		w.happened["a shortfall"]++
	}
	o.state, o.through, o.version, o.end = now.State, now.Through, now.Version, ""
}

// timeIsOver says whether an order that was told everything through a time has nothing left to wait for.
func (o *agreed) timeIsOver(through time.Time, counted, coming, due int64) bool {
	return through.After(o.Terms.Deadline) && (counted+coming < due || !through.Before(o.Terms.ConfirmBy))
}

// expect is what an order must be by the model.
func (w *world) expect(o *agreed, now *engine.Order) error {
	counted, seen, due, aside := w.sums(o)
	if w.touched != nil && (now.Version != o.version) != w.touched[o.ID] && now.Version != 1 {
		return fmt.Errorf("it went from version %d to %d", o.version, now.Version)
	}
	live := order.Waiting
	switch {
	case seen > 0:
		live = order.Seen
	case counted > 0:
		live = order.Part
	}
	switch {
	case o.state.Terminal() && now.State != o.state:
		return errors.New("it left its end")
	case o.state.Terminal():
	case o.end != "" && now.State != o.end:
		return fmt.Errorf("it should have %s", o.end)
	case o.end != "":
	case now.State.Terminal() && now.State != w.may:
		return errors.New("nothing ended it")
	case now.State == order.Expired && !o.timeIsOver(now.Through, counted, w.coming(o), due):
		return fmt.Errorf("it expired through %v, deadline %v, with %d and %d seen of %d", now.Through, o.Terms.Deadline, counted, seen, due)
	case now.State.Terminal():
	case counted >= due || o.timeIsOver(now.Through, counted, w.coming(o), due) || now.State != live:
		return fmt.Errorf("it has %d and %d seen of %d, and is told through %v", counted, seen, due, now.Through)
	}

	in, rest := counted, int64(0) // rest: set aside, or missing
	passed := int64(0)
	if now.State.Terminal() {
		in, rest = 0, counted
	}
	if now.State == order.Completed {
		passed, rest = due, counted-due
	}
	extra, short := max(rest, 0), min(rest, 0)
	for role, wanted := range map[ledger.Role]int64{ledger.In: in, ledger.Extra: extra, ledger.Short: short, ledger.Merchant: passed} {
		aside[line{engine.Sandbox, now.Terms.Book.Account(role), now.Terms.Due.Asset()}] += wanted
	}
	for l, wanted := range aside {
		if got := now.Balance(l.account, l.asset); got.Units() != fmt.Sprint(wanted) {
			return fmt.Errorf("%s stands at %s, not at %d", l.account, got, wanted)
		}
	}
	return nil
}

// checkChains holds that what came from outside is what the chains confirmed, and that what nobody owns is
// where its address belongs. (invariants I4, I7)
func (w *world) checkChains() {
	w.Helper()
	came, strays := map[line]int64{}, map[line]int64{}
	for _, p := range w.payments {
		if p.word.Rank != order.RankConfirmed {
			continue
		}
		book := p.strays
		if p.owner != nil {
			book = ledger.Wallet(p.owner.Scope.Merchant)
		} else {
			strays[line{engine.Sandbox, book.Account(ledger.Stray), p.word.Amount.Asset()}] += p.word.Amount.Big().Int64()
		}
		came[line{engine.Sandbox, book.Account(ledger.PayerOn(string(p.chain.network.Rail))), p.word.Amount.Asset()}] -= p.word.Amount.Big().Int64()
	}
	for _, l := range w.links {
		for r, cents := range l.came {
			came[line{engine.Sandbox, ledger.House.Account(ledger.PayerOn(string(r))), eur}] -= cents
		}
	}
	for l, amount := range w.books.books {
		var wanted int64
		switch l.account.Kind() {
		case ledger.Payer:
			wanted = came[l]
			delete(came, l)
		case ledger.Stray:
			wanted = strays[l]
			delete(strays, l)
		default:
			continue
		}
		if amount.Units() != fmt.Sprint(wanted) {
			w.Errorf("%s stands at %s, not at %d", l.account, amount, wanted)
		}
	}
	for _, left := range []map[line]int64{came, strays} {
		for l, amount := range left {
			if amount != 0 {
				w.Errorf("%s stands at nothing, not at %d", l.account, amount)
			}
		}
	}
}

// wantCovered holds that the runs were about something.
func wantCovered(t *testing.T, happened map[string]int) {
	t.Helper()
	for _, what := range []string{"completed", "expired", "cancelled", "a shortfall", "a stray", "a word that is not newer", "a refused cancel",
		"a method", "another method", "the method before again", "a declined method again", "a refused choice", "a declined attempt", "a link completed", "a link expired",
		"a link cancelled", "a second success", "a link paid too little", "a link paid after its end",
		"money of an ended order", "money of the address's old order", "an address handed on", "a quarantine", "no address", "no new address, and the chain is behind",
		"late money for the last owner", "an address handed on to another chain", "money of another chain"} {
		if happened[what] == 0 {
			t.Errorf("never in these runs: %s", what)
		}
	}
}

// wantCounted holds that the engine counts the orders as the model does.
func (w *world) wantCounted() {
	w.Helper()
	byState := map[order.State]int64{}
	for _, o := range w.orders {
		byState[o.state]++
	}
	for _, l := range w.links {
		byState[l.State]++
	}
	for _, state := range order.States() {
		var total int64
		for _, s := range merchants {
			page, err := w.engine.Orders(context.Background(), engine.Filter{Scope: s, States: []order.State{state}, Page: 1, Limit: 1})
			w.must(err)
			total += page.Total
		}
		want(w.kit, "orders "+string(state), total, byState[state])
	}
	w.Logf("%d orders, %d payments: %v", len(w.orders), len(w.payments), w.happened)
}

// linked is an order whose payer chooses among methods, as it was last seen, and what payers did.
type linked struct {
	*engine.Order
	given []engine.Chosen     // each attempt's surroundings, in the order of choosing
	came  map[rail.Name]int64 // confirmed, by rail, in cents
	touch bool                // the step may have changed it
}

// payer does what payers of links, their merchants and the far sides of methods do.
func (w *world) payer() string {
	live := slices.DeleteFunc(slices.Clone(w.links), func(l *linked) bool { return l.State.Terminal() })
	if len(live) < 3 || len(live) < 8 && w.chance(15) {
		n := w.link()
		n.Scope = pick(w, merchants)
		book := ledger.Owed(n.Scope.Merchant)
		n = withTerms(n, func(t *order.Terms) { t.Book, t.To = book, book.Account(ledger.Merchant) })
		l := &linked{Order: w.order(n), came: map[rail.Name]int64{}, touch: true}
		w.links = append(w.links, l)
		return "a link: " + l.PublicID
	}
	l := pick(w, live)
	if w.chance(15) {
		l = pick(w, w.links)
	}
	l.touch = true
	switch n := w.rnd.IntN(100); {
	case n < 45:
		return w.chooses(l)
	case n < 60:
		return w.declines(l)
	case n < 85:
		return w.payLink(l)
	case n < 90:
		return w.cancelLink(l)
	default:
		for _, l := range live {
			l.touch = true
		}
		for _, n := range []engine.Network{bank, card} {
			w.tick(n)
		}
		return "the networks of methods tick"
	}
}

func (w *world) chooses(l *linked) string {
	code := pick(w, []string{"TRANSFER", "CARD"})
	before := len(l.Attempts)
	again := before > 0 && l.Attempts[before-1].Method == code && l.Attempts[before-1].State == order.AttemptOpen
	now, err := w.engine.Choose(context.Background(), l.ID, engine.Pick{Method: code})
	if !again && (l.State != order.Waiting || before >= 30) {
		w.wantCode(err, fault.CodeOrderStateConflict)
		w.happened["a refused choice"]++
		return "a refused choice of " + l.PublicID
	}
	w.must(err)
	if again {
		want(w.kit, "attempts after the same choice", len(now.Attempts), before)
		w.happened["the method before again"]++
		return code + " is chosen once more for " + l.PublicID
	}
	want(w.kit, "attempts after a choice", len(now.Attempts), before+1)
	made := now.Chosen[now.Attempts[before].ID]
	var was engine.Instrument // of the last attempt by this method
	var then order.AttemptState
	for i, a := range l.Attempts {
		if a.Method == code {
			was, then = l.given[i].Instrument, a.State
		}
	}
	declined := then == order.AttemptDeclined
	known := slices.ContainsFunc(l.given, func(c engine.Chosen) bool { return c.Instrument == made.Instrument })
	switch {
	case was.Value == "" || declined:
		if known {
			w.Errorf("%s got %v, which it had", l.PublicID, made.Instrument)
		}
	case then == order.AttemptAbandoned && made.Instrument != was:
		w.Errorf("%s got %v, not %v again", l.PublicID, made.Instrument, was)
	}
	for _, other := range w.links {
		if other != l && slices.ContainsFunc(other.given, func(c engine.Chosen) bool { return c.Instrument == made.Instrument }) {
			w.Errorf("%s got %v of %s", l.PublicID, made.Instrument, other.PublicID)
		}
	}
	l.given = append(l.given, made)
	switch {
	case declined:
		w.happened["a declined method again"]++
	case before > 0:
		w.happened["another method"]++
	default:
		w.happened["a method"]++
	}
	return code + " is chosen for " + l.PublicID
}

func (w *world) declines(l *linked) string {
	if len(l.Attempts) == 0 {
		return "nothing to decline"
	}
	i := len(l.Attempts) - 1
	if w.chance(30) {
		i = w.rnd.IntN(len(l.Attempts))
	}
	was := l.Attempts[i]
	now, err := w.engine.Declined(context.Background(), l.ID, was.ID, "")
	w.must(err)
	state := was.State
	if state == order.AttemptOpen {
		state = order.AttemptDeclined
		w.happened["a declined attempt"]++
	}
	want(w.kit, "a declined attempt", now.Attempts[i].State, state)
	return "an attempt of " + l.PublicID + " is declined"
}

// payLink is a payment at any instrument that the link ever had.
func (w *world) payLink(l *linked) string {
	if len(l.given) == 0 {
		return "nothing to pay to"
	}
	i := len(l.given) - 1
	if w.chance(40) {
		i = w.rnd.IntN(len(l.given))
	}
	cents := pick(w, []int64{999, 1000, 1000, 1000, 1200})
	at, n := l.given[i], bank
	if at.Rail == card.Rail {
		n = card
	}
	now := w.clock.now()
	w.must(w.tell(n, 1, time.Time{}, w.word(n, order.RankConfirmed, w.unique("pay"), at.Instrument.Value, units(eur, cents), now)))
	l.came[at.Rail] += cents
	fits := cents >= 1000 && !w.shifted(now).After(l.Terms.Deadline)
	switch {
	case l.State == order.Waiting && fits:
		l.State = order.Completed // must have
		w.happened["a link completed"]++
		if l.Attempts[i].State == order.AttemptAbandoned {
			w.happened["an abandoned attempt paid"]++
		}
	case l.State == order.Completed && cents >= 1000:
		w.happened["a second success"]++
	case l.State.Terminal():
		w.happened["a link paid after its end"]++
	case cents < 1000:
		w.happened["a link paid too little"]++
	}
	return fmt.Sprintf("%s is paid %d at %s", l.PublicID, cents, at.Instrument.Value)
}

func (w *world) cancelLink(l *linked) string {
	_, err := w.engine.Cancel(context.Background(), l.ID, order.ByMerchant, "who", "")
	if l.State.Terminal() {
		w.wantCode(err, fault.CodeOrderStateConflict)
		return "a refused cancel of " + l.PublicID
	}
	w.must(err)
	l.State = order.Cancelled // must be
	w.happened["a link cancelled"]++
	return "cancel " + l.PublicID
}

// checkLinks holds what the step touched against what payers did.
func (w *world) checkLinks() {
	w.Helper()
	for _, l := range w.links {
		if !l.touch {
			continue
		}
		l.touch = false
		var now *engine.Order
		w.must(w.store.View(context.Background(), func(rd engine.Reader) (err error) { now, err = rd.Order(l.ID); return err }))
		w.auditOrder(l.ID, w.books.orders[l.ID])
		if err := l.expect(now, w.shifted(w.clock.now())); err != nil {
			w.Errorf("link %s, %s, was %s: %v", l.PublicID, now.State, l.State, err)
		}
		if now.State == order.Expired && l.State != order.Expired {
			w.happened["a link expired"]++
		}
		l.Order = now
	}
}

// expect is what a link must be: one attempt in progress at most, and none behind its end; each instrument it ever gave
// out is its own; what came is all there, and no more than what is due is the merchant's.
func (l *linked) expect(now *engine.Order, at time.Time) error {
	open, succeeded := 0, 0
	for _, a := range now.Attempts {
		switch a.State {
		case order.AttemptOpen, order.AttemptPending:
			open++
		case order.AttemptSucceeded:
			succeeded++
		}
	}
	switch {
	case now.State != l.State && !(now.State == order.Expired && l.State == order.Waiting && at.After(l.Terms.Deadline)):
		return fmt.Errorf("it should be %s", l.State)
	case open > 1 || open > 0 && now.State.Terminal():
		return fmt.Errorf("%d of its attempts are in progress", open)
	case now.State == order.Completed && succeeded == 0:
		return errors.New("none of its attempts succeeded")
	}
	for _, c := range l.given {
		if !slices.Contains(now.Instruments(), c.Instrument) {
			return fmt.Errorf("%s is not its own any more", c.Instrument.Value)
		}
	}
	var came, wanted int64
	for _, cents := range l.came {
		came += cents
	}
	if now.State == order.Completed {
		wanted = 1000
	}
	sum := money.Zero(eur)
	for _, r := range []ledger.Role{ledger.In, ledger.Merchant, ledger.Extra, ledger.Late, ledger.Unfit, ledger.Wrong} {
		sum = sum.Add(now.Balance(now.Terms.Book.Account(r), eur))
	}
	in, merchants := now.Balance(now.Terms.Book.Account(ledger.In), eur), now.Balance(now.Terms.Book.Account(ledger.Merchant), eur)
	if sum.Units() != fmt.Sprint(came) || merchants.Units() != fmt.Sprint(wanted) || !in.IsZero() {
		return fmt.Errorf("of %d cents it has %s, of them %s the merchant's and %s held", came, sum, merchants, in)
	}
	return nil
}
