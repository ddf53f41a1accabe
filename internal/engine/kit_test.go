package engine_test

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
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
	"till/internal/store"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// What an order of these tests agrees on.
const (
	window  = 15 * time.Minute // to the deadline
	confirm = 30 * time.Minute // from there to the bound of waiting for seen money
)

var (
	northUSDT = money.MustAsset("USDT", "north", 6)
	northUSDC = money.MustAsset("USDC", "north", 6)
	southUSDT = money.MustAsset("USDT", "south", 18)
	mainUSDT  = money.MustAsset("USDT", "main", 6)
	eur       = money.MustAsset("EUR", "", 2)

	north = engine.Network{ID: "north", Family: engine.EVM, Mode: engine.Sandbox, Rail: "evm:north", Confirmations: 3,
		Tokens: []engine.Token{{Asset: northUSDT}, {Asset: northUSDC}}}
	south   = engine.Network{ID: "south", Family: engine.EVM, Mode: engine.Sandbox, Rail: "evm:south", Confirmations: 3, Tokens: []engine.Token{{Asset: southUSDT}}}
	mainnet = engine.Network{ID: "main", Family: engine.EVM, Mode: engine.Live, Rail: "evm:main", Confirmations: 3, Tokens: []engine.Token{{Asset: mainUSDT}}}
	silent  = engine.Network{ID: "silent", Family: engine.EVM, Mode: engine.Sandbox, Rail: "evm:silent", Tokens: []engine.Token{{Asset: money.MustAsset("USDT", "silent", 6)}}}
	card    = engine.Network{ID: "card", Family: "card", Mode: engine.Sandbox, Rail: "card", Prefix: "CRD-", Custodial: true, Simulated: true, Tokens: []engine.Token{{Asset: eur}}}
	bank    = engine.Network{ID: "bank", Family: "bank", Mode: engine.Sandbox, Rail: "bank", Prefix: "REF-", Custodial: true, Tokens: []engine.Token{{Asset: eur}}}

	shop     = engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: "one"}
	shopTwo  = engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: "two"}
	shopLive = engine.Scope{Merchant: "shop", Mode: engine.Live, Dialect: "one"}
	other    = engine.Scope{Merchant: "other", Mode: engine.Sandbox, Dialect: "one"}
	dialects = []string{"one", "two", "three"} // of all scopes
)

// kit is the engine over a real database, with a clock and blocks that only the test moves. At the end of
// each test the whole database is checked by auditBooks and auditOrders.
type kit struct {
	*testing.T
	path   string
	store  *store.Store
	engine *engine.Engine
	db     *sql.DB // reads the database past the store
	clock  *clock
	woken  atomic.Int64
	heads  map[rail.Name]uint64
	last   int
}

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// newKit has rails that have told block 100 at the start, and eight addresses of shop and of other.
func newKit(t *testing.T) *kit {
	t.Helper()
	k := &kit{T: t, path: filepath.Join(t.TempDir(), "till.db"), clock: &clock{at: start}, heads: map[rail.Name]uint64{}}
	k.open()
	db, err := sql.Open("sqlite", "file:"+k.path+"?mode=ro&_pragma=busy_timeout(5000)")
	k.must(err)
	k.db = db
	t.Cleanup(func() {
		k.auditBooks()
		k.auditOrders()
		k.auditStandings()
		k.must(k.db.Close())
		k.must(k.store.Close())
	})
	for _, n := range []engine.Network{north, south, mainnet} {
		k.heads[n.Rail] = 99
		k.block(n, start)
	}
	for _, n := range []engine.Network{bank, card} {
		k.must(k.engine.Observe(context.Background(), n, engine.Report{Progress: engine.Progress{Rail: n.Rail, Fence: 1}}))
	}
	k.pool(pool(shop), "a", 8)
	k.pool(pool(other), "b", 8)
	k.pool(pool(shopLive), "c", 8)
	return k
}

func (k *kit) open() {
	k.Helper()
	opened, err := store.OpenSQLite(context.Background(), k.path, store.Options{Now: k.clock.now, Log: slog.New(slog.DiscardHandler), Block: 4})
	k.must(err)
	k.store = opened
	k.engine = k.over(opened)
}

func (k *kit) over(s engine.Store) *engine.Engine {
	return engine.New(s, []engine.Network{north, south, mainnet, silent, bank, card, engine.FulfilNetwork(engine.Sandbox)}, func() { k.woken.Add(1) }).WithMethods(methods)
}

// reopen is a restart of the program.
func (k *kit) reopen() {
	k.Helper()
	k.must(k.store.Close())
	k.open()
}

func (k *kit) must(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

func (k *kit) wantCode(err error, code fault.Code) {
	k.Helper()
	if !fault.Is(err, code) {
		k.Fatalf("error is %v, want %s", err, code)
	}
}

func want[T comparable](k *kit, what string, got, want T) {
	k.Helper()
	if got != want {
		k.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func wantList[T comparable](k *kit, what string, got []T, want ...T) {
	k.Helper()
	if !slices.Equal(got, want) {
		k.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

// unique is a text that no other call of this test returns.
func (k *kit) unique(prefix string) string {
	k.last++
	return prefix + "-" + strconv.Itoa(k.last)
}

func pool(s engine.Scope) engine.Pool {
	return engine.Pool{Merchant: s.Merchant, Mode: s.Mode, Family: engine.EVM}
}

// pool imports the addresses <prefix>1 to <prefix>n.
func (k *kit) pool(p engine.Pool, prefix string, n int) {
	k.Helper()
	var list []engine.Imported
	for i := range n {
		list = append(list, engine.Imported{Value: prefix + strconv.Itoa(i+1)})
	}
	_, err := k.engine.ImportInstruments(context.Background(), p, list)
	k.must(err)
}

// sweep records what the addresses at the end of their rest hold, as a worker does: then they may serve again.
func (k *kit) sweep() {
	k.Helper()
	list, err := k.engine.RestOver(context.Background(), engine.EVM, engine.Sandbox, 1000)
	k.must(err)
	k.must(k.engine.EndRests(context.Background(), list, nil))
}

// Making orders.

// ask is a request for an order of 100 units of the network's first token, in parts, any surplus.
func (k *kit) ask(s engine.Scope, n engine.Network) engine.NewOrder {
	due, book := units(n.Tokens[0].Asset, 100), ledger.Wallet(s.Merchant)
	return engine.NewOrder{
		Scope: s, PublicID: k.unique("ord"), Network: n,
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			deadline := p.Now.Add(window)
			return order.Terms{
				Book: book, Due: due, To: book.Account(ledger.Merchant), OverAny: true,
				Deadline: deadline, SeenWaits: true, ConfirmBy: deadline.Add(confirm), Instant: true,
			}, json.RawMessage(`{}`), nil
		},
	}
}

// withTerms changes the terms that are asked for.
func withTerms(n engine.NewOrder, change func(t *order.Terms)) engine.NewOrder {
	was := n.Terms
	n.Terms = func(p engine.Plan) (order.Terms, json.RawMessage, error) {
		t, doc, err := was(p)
		change(&t)
		return t, doc, err
	}
	return n
}

func (k *kit) order(n engine.NewOrder) *engine.Order {
	k.Helper()
	made, err := k.engine.Create(context.Background(), n)
	k.must(err)
	return made.Order
}

// Blocks and payments.

func units(a money.Asset, n int64) money.Amount { return money.FromInt(a, n) }

func at(after time.Duration) time.Time { return start.Add(after) }

// block tells the network's next block, of that time, and what is seen.
func (k *kit) block(n engine.Network, at time.Time, seen ...rail.Observation) {
	k.Helper()
	k.heads[n.Rail]++
	k.must(k.tell(n, 1, at, seen...))
}

// tell is one report about the network's present head.
func (k *kit) tell(n engine.Network, fence int64, horizon time.Time, seen ...rail.Observation) error {
	return k.engine.Observe(context.Background(), n, engine.Report{
		Progress: engine.Progress{Rail: n.Rail, Fence: fence, Cursor: rail.Cursor{State: []byte("state"), Head: k.heads[n.Rail], Horizon: horizon}},
		Seen:     seen,
	})
}

// word is what a rail says of the payment id in its next block.
func (k *kit) word(n engine.Network, rank order.Rank, id, to string, amount money.Amount, at time.Time) rail.Observation {
	block := k.heads[n.Rail] + 1
	return rail.Observation{External: id, Instrument: to, Rank: rank, Amount: amount, Value: at, Evidence: order.Evidence{
		Tx: id, Block: block, BlockHash: "hash of " + strconv.FormatUint(block, 10), From: "payer", To: to,
	}}
}

// seen and confirmed are words about money for an order, of its own asset.
func (k *kit) seen(o *engine.Order, id string, n int64, at time.Time) rail.Observation {
	return k.word(networkOf(o), order.RankSeen, id, o.Instrument.Value, units(o.Terms.Due.Asset(), n), at)
}

func (k *kit) confirmed(o *engine.Order, id string, n int64, at time.Time) rail.Observation {
	w := k.seen(o, id, n, at)
	w.Rank = order.RankConfirmed
	return w
}

func networkOf(o *engine.Order) engine.Network {
	for _, n := range []engine.Network{north, south, mainnet, bank, card} {
		if n.ID == o.Network {
			return n
		}
	}
	panic("an order of another network: " + o.Network)
}

// again is a further word about the same payment.
func again(w rail.Observation, rank order.Rank, epoch uint64) rail.Observation {
	w.Rank, w.Epoch = rank, epoch
	return w
}

// tick lets time pass on a network and returns how many orders were looked at.
func (k *kit) tick(n engine.Network) int {
	k.Helper()
	looked, err := k.engine.Tick(context.Background(), n.Mode, n.Rail, k.clock.now())
	k.must(err)
	return looked
}

// pass sets the clock and tells an empty block of that time, and ticks.
func (k *kit) pass(n engine.Network, at time.Time) {
	k.Helper()
	k.clock.set(at)
	k.block(n, at)
	k.tick(n)
}

// What is on record.

func (k *kit) story(o *engine.Order) engine.Story {
	k.Helper()
	s, err := k.engine.Story(context.Background(), o.PublicID)
	k.must(err)
	return s
}

func (k *kit) now(o *engine.Order) *engine.Order { k.Helper(); return k.story(o).Order }

func (k *kit) wantState(o *engine.Order, state order.State) {
	k.Helper()
	want(k, "state", k.now(o).State, state)
}

// events are the types of an order's events.
func (k *kit) events(o *engine.Order) []string {
	k.Helper()
	var types []string
	for _, ev := range k.story(o).Events {
		types = append(types, ev.Type)
	}
	return types
}

// payment is the order's payment of that id.
func (k *kit) payment(o *engine.Order, id string) order.Payment {
	k.Helper()
	for _, p := range k.now(o).Payments {
		if p.External == id {
			return p
		}
	}
	k.Fatalf("the order has no payment %s", id)
	return order.Payment{}
}

// share is the order's share of an account of its own book, in its own asset.
func (k *kit) share(o *engine.Order, r ledger.Role) string {
	k.Helper()
	return k.now(o).Balance(o.Terms.Book.Account(r), o.Terms.Due.Asset()).Units()
}

// balance is an account's running balance.
func (k *kit) balance(m engine.Mode, a ledger.Account, asset money.Asset) string {
	k.Helper()
	sum, ok := k.balances()[line{m, a, asset}]
	if !ok {
		return "0"
	}
	return sum.Units()
}

// line is one balance of the books.
type line struct {
	mode    engine.Mode
	account ledger.Account
	asset   money.Asset
}

// balances is every running balance that is not zero.
func (k *kit) balances() map[line]money.Amount {
	k.Helper()
	all := map[line]money.Amount{}
	k.rows(`SELECT mode, account, amount FROM balances`, nil, func(c []string) {
		amount := parse(c[2])
		if !amount.IsZero() {
			all[line{engine.Mode(c[0]), ledger.Account(c[1]), amount.Asset()}] = amount
		}
	})
	return all
}

func parse(stored string) money.Amount {
	var a money.Amount
	if err := a.UnmarshalText([]byte(stored)); err != nil {
		panic(err)
	}
	return a
}

// rows reads the database past the store.
func (k *kit) rows(query string, args []any, each func(columns []string)) {
	k.Helper()
	rows, err := k.db.Query(query, args...)
	k.must(err)
	defer rows.Close()
	names, err := rows.Columns()
	k.must(err)
	for rows.Next() {
		values, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		k.must(rows.Scan(into...))
		texts := make([]string, len(names))
		for i, v := range values {
			texts[i] = v.String
		}
		each(texts)
	}
	k.must(rows.Err())
}

// dump is all that is on disk, by table, but for what is no record: the latest time given out, and which
// process may hand out an address.
func (k *kit) dump() map[string]string {
	k.Helper()
	var tables []string
	k.rows(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%'`, nil, func(c []string) { tables = append(tables, c[0]) })
	all := map[string]string{}
	for _, table := range tables {
		query := "SELECT * FROM " + table
		switch table {
		case "runs": // what a process has taken ahead, beside its callers
			continue
		case "marks":
			query += ` WHERE name <> 'now' AND name NOT LIKE 'run/%'`
		case "instruments":
			query = `SELECT family, value, merchant, mode, archived, rest_since, rest_until FROM instruments`
		}
		var lines []string
		k.rows(query, nil, func(c []string) { lines = append(lines, strings.Join(c, "|")) })
		slices.Sort(lines)
		all[table] = strings.Join(lines, "\n")
	}
	return all
}

// changed is the tables that differ from a dump.
func (k *kit) changed(was map[string]string) []string {
	k.Helper()
	now := k.dump()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(now)), func(table string) bool { return now[table] == was[table] })
}

// unchanged fails the test when fn leaves a trace on disk.
func (k *kit) unchanged(what string, fn func()) {
	k.Helper()
	was := k.dump()
	fn()
	if changed := k.changed(was); len(changed) > 0 {
		k.Errorf("%s changed %v", what, changed)
	}
}

// replay sums postings by account and by order, and can go on from where it was.
type replay struct {
	last   string // the last entry read
	books  map[line]money.Amount
	orders map[string]map[line]money.Amount
}

func (r *replay) read(k *kit) {
	k.Helper()
	if r.books == nil {
		r.books, r.orders = map[line]money.Amount{}, map[string]map[line]money.Amount{}
	}
	k.rows(`SELECT e.id, e.order_id, e.mode, p.from_account, p.to_account, p.amount FROM entries e JOIN postings p ON p.entry_id = e.id
		WHERE e.id > $1 ORDER BY e.id, p.n`, []any{r.last}, func(c []string) {
		amount := parse(c[5])
		if amount.Sign() <= 0 || c[3] == c[4] {
			k.Errorf("entry %s moves %s from %s to %s", c[0], amount, c[3], c[4])
		}
		own := r.orders[c[1]]
		if own == nil {
			own = map[line]money.Amount{}
			r.orders[c[1]] = own
		}
		for _, books := range []map[line]money.Amount{r.books, own} {
			shift(books, line{engine.Mode(c[2]), ledger.Account(c[3]), amount.Asset()}, amount.Neg())
			shift(books, line{engine.Mode(c[2]), ledger.Account(c[4]), amount.Asset()}, amount)
		}
		r.last = c[0]
	})
}

func shift(books map[line]money.Amount, l line, by money.Amount) {
	sum := by
	if was, ok := books[l]; ok {
		sum = was.Add(by)
	}
	if books[l] = sum; sum.IsZero() {
		delete(books, l)
	}
}

// auditBooks holds that the running balances are what the postings give, and that they have the signs their
// accounts may have. (invariants I1, I3)
func (k *kit) auditBooks() {
	k.Helper()
	var r replay
	r.read(k)
	k.compareBooks(r.books)
	k.auditStatements()
}

// auditStatements holds of each balance that a merchant may spend that its statement, cut anywhere, opens with what was
// there, lists every posting that moved it once, and closes with what it comes to.
func (k *kit) auditStatements() {
	k.Helper()
	type moved struct {
		entry   string
		posting int
		amount  string
	}
	posted := map[engine.BalanceKey][]moved{}
	k.rows(`SELECT e.id, p.n, e.mode, p.from_account, p.to_account, p.amount FROM entries e JOIN postings p ON p.entry_id = e.id ORDER BY e.id, p.n`, nil, func(c []string) {
		n, err := strconv.Atoi(c[1])
		k.must(err)
		amount := parse(c[5])
		for i, account := range []ledger.Account{ledger.Account(c[3]), ledger.Account(c[4])} {
			if strings.HasPrefix(string(account), "owed/") && strings.HasSuffix(string(account), "/merchant") {
				by := amount
				if i == 0 {
					by = amount.Neg()
				}
				key := engine.BalanceKey{Account: account, Asset: amount.Asset(), Mode: engine.Mode(c[2])}
				posted[key] = append(posted[key], moved{c[0], n, by.Units()})
			}
		}
	})
	ctx := context.Background()
	for key, all := range posted {
		whole, err := k.engine.Statement(ctx, engine.StatementAsk{Balance: key, From: start.AddDate(-1, 0, 0), Before: start.AddDate(100, 0, 0), Limit: 1000})
		k.must(err)
		want(k, "movements of "+string(key.Account), whole.Count, int64(len(all)))
		if now := k.balances()[line{key.Mode, key.Account, key.Asset}]; !whole.Closing.Equal(money.Zero(key.Asset).Add(now)) || !whole.Opening.IsZero() {
			k.Errorf("the statement of %s goes from %s to %s, the balance is %s", key.Account, whole.Opening, whole.Closing, now)
		}
		var list []moved
		for _, l := range whole.Lines {
			list = append(list, moved{l.Entry, l.Posting, l.Amount.Units()})
		}
		// Lines are in the order of the commits. Ids are too, but for those of a clock that stands still over a restart.
		for _, l := range [][]moved{list, all} {
			slices.SortFunc(l, func(a, b moved) int { return cmp.Or(cmp.Compare(a.entry, b.entry), cmp.Compare(a.posting, b.posting)) })
		}
		if len(all) <= 1000 && !slices.Equal(list, all) {
			k.Errorf("the statement of %s lists %v, and it was moved by %v", key.Account, list, all)
		}
		for i := 0; i < len(whole.Lines); i += 1 + len(whole.Lines)/10 {
			cut := whole.Lines[i].At
			if i+1 < len(whole.Lines) && whole.Lines[i+1].At.After(cut) {
				at, err := k.engine.BalanceAt(ctx, key, cut)
				k.must(err)
				want(k, "balance at "+cut.String(), at.String(), whole.Lines[i].Balance.String())
			}
			k.pages(engine.StatementAsk{Balance: key, From: cut, Before: cut.Add(7 * time.Minute), Limit: 3})
		}
	}
}

// pages reads a statement page by page, and holds that what it opens with and its movements give what it closes with.
func (k *kit) pages(a engine.StatementAsk) {
	k.Helper()
	a.Next = func(t time.Time) time.Time { return t.Add(2 * time.Minute) }
	var sum money.Amount
	var n int64
	for {
		page, err := k.engine.Statement(context.Background(), a)
		k.must(err)
		if a.After == 0 {
			sum = page.Opening
			stood, moved := page.Opening, int64(0)
			for _, p := range page.Periods {
				if !p.Opening.Equal(stood) {
					k.Errorf("a period of %s opens with %s behind %s", a.Balance.Account, p.Opening, stood)
				}
				stood, moved = p.Closing, moved+p.Count
			}
			if !stood.Equal(page.Closing) || moved != page.Count {
				k.Errorf("the periods of %s end with %s after %d movements, the statement with %s after %d", a.Balance.Account, stood, moved, page.Closing, page.Count)
			}
		}
		for _, l := range page.Lines {
			sum, n, a.After = sum.Add(l.Amount), n+1, l.N
			if !l.Balance.Equal(sum) {
				k.Errorf("line %d of %s leaves %s, its movements %s", l.N, a.Balance.Account, l.Balance, sum)
			}
		}
		if !page.More {
			if !sum.Equal(page.Closing) || n != page.Count {
				k.Errorf("%s: %d movements end with %s; the statement closes with %s after %d", a.Balance.Account, n, sum, page.Closing, page.Count)
			}
			return
		}
	}
}

func (k *kit) compareBooks(replayed map[line]money.Amount) {
	k.Helper()
	running := k.balances()
	if !maps.EqualFunc(running, replayed, money.Amount.Equal) {
		k.Errorf("running balances %v\nare not the postings' %v", running, replayed)
	}
	sums := map[string]money.Amount{}
	for l, amount := range running {
		if amount.Sign() < 0 && !l.account.MayBeNegative() || amount.Sign() > 0 && !l.account.MayBePositive() {
			k.Errorf("%s stands at %s", l.account, amount)
		}
		asset := string(l.mode) + amount.Asset().String()
		if was, ok := sums[asset]; ok {
			amount = was.Add(amount)
		}
		sums[asset] = amount
	}
	for asset, sum := range sums {
		if !sum.IsZero() {
			k.Errorf("all accounts of %s sum to %s", asset, sum)
		}
	}
}

// auditOrders holds of every order what auditOrder holds of one.
func (k *kit) auditOrders() {
	k.Helper()
	var r replay
	r.read(k)
	var ids []string
	k.rows(`SELECT id FROM orders`, nil, func(c []string) { ids = append(ids, c[0]) })
	for _, id := range ids {
		k.auditOrder(id, r.orders[id])
	}
}

// auditOrder holds that an order's balances are its postings, that its events are numbered without a gap and
// tell each change of state once, and what the accounts of an ended order may hold. (invariants I3, I6, I12)
func (k *kit) auditOrder(id string, posted map[line]money.Amount) {
	k.Helper()
	var o *engine.Order
	var events []engine.Event
	k.must(k.store.View(context.Background(), func(rd engine.Reader) (err error) {
		if o, err = rd.Order(id); err != nil {
			return err
		}
		events, err = rd.Events(id)
		return err
	}))
	if err := auditAccounts(o, posted); err != nil {
		k.Errorf("order %s, %s: %v", o.PublicID, o.State, err)
	}
	if err := auditEvents(o, events); err != nil {
		k.Errorf("order %s, %s: %v", o.PublicID, o.State, err)
	}
}

func auditAccounts(o *engine.Order, posted map[line]money.Amount) error {
	own := map[line]money.Amount{}
	for _, b := range o.Balances {
		own[line{o.Scope.Mode, b.Account, b.Amount.Asset()}] = b.Amount
	}
	if !maps.EqualFunc(own, posted, money.Amount.Equal) {
		return fmt.Errorf("its balances %v are not its postings' %v", own, posted)
	}
	for l := range own {
		in, short, extra := o.Balance(o.Terms.Book.Account(ledger.In), l.asset), o.Balance(o.Terms.Book.Account(ledger.Short), l.asset), o.Balance(o.Terms.Book.Account(ledger.Extra), l.asset)
		switch {
		case o.State.Terminal() && !in.IsZero():
			return fmt.Errorf("it has ended with %s in", in)
		case in.Sign() < 0 || short.Sign() > 0 || extra.Sign() < 0:
			return fmt.Errorf("in %s, short %s, extra %s", in, short, extra)
		case short.Sign() < 0 && (in.Sign() > 0 || o.State.Terminal() && extra.Sign() > 0):
			return fmt.Errorf("short %s beside in %s and extra %s", short, in, extra)
		}
	}
	return nil
}

func auditEvents(o *engine.Order, events []engine.Event) error {
	var state order.State
	for i, ev := range events {
		moves := ev.Type == "order."+string(ev.State)
		switch {
		case ev.Seq != int64(i+1):
			return fmt.Errorf("event %d has number %d", i+1, ev.Seq)
		case ev.Scope != o.Scope:
			return fmt.Errorf("event %d is of scope %v", ev.Seq, ev.Scope)
		case i == 0 && ev.Type != "order.created":
			return fmt.Errorf("the first event is %s", ev.Type)
		case i > 0 && (ev.State != state) != moves:
			return fmt.Errorf("event %d, %s, stands between %s and %s", ev.Seq, ev.Type, state, ev.State)
		case state.Terminal() && ev.State != state:
			return fmt.Errorf("it left %s for %s", state, ev.State)
		}
		state = ev.State
	}
	if o.EventSeq != int64(len(events)) || state != o.State {
		return fmt.Errorf("its last event is %d with %s; there are %d events up to %s", o.EventSeq, o.State, len(events), state)
	}
	return nil
}

// between is a store in which something happens just before each transaction begins.
type between struct {
	engine.Store
	before func()
}

func (b between) Update(ctx context.Context, keys engine.Keys, fn func(engine.Tx) error) error {
	b.before()
	return b.Store.Update(ctx, keys, fn)
}

// kept is a store that keeps a transaction for later, and joined one that runs such a one behind another.
type kept struct {
	engine.Store
	fn func(engine.Tx) error
}

func (s *kept) Update(_ context.Context, _ engine.Keys, fn func(engine.Tx) error) error {
	s.fn = fn
	return nil
}

type joined struct {
	engine.Store
	then func(engine.Tx) error
}

func (j joined) Update(ctx context.Context, keys engine.Keys, fn func(engine.Tx) error) error {
	return j.Store.Update(ctx, keys, func(tx engine.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return j.then(tx)
	})
}

// failing is a store in which one order cannot be read by a transaction.
type failing struct {
	engine.Store
	order string
}

type failingTx struct {
	engine.Tx
	order string
}

func (f failing) Update(ctx context.Context, keys engine.Keys, fn func(engine.Tx) error) error {
	return f.Store.Update(ctx, keys, func(tx engine.Tx) error { return fn(failingTx{tx, f.order}) })
}

func (f failingTx) Order(id string) (*engine.Order, error) {
	if id == f.order {
		return nil, fmt.Errorf("order %s cannot be read", id)
	}
	return f.Tx.Order(id)
}
