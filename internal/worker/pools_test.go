package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
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

var testPool = engine.Pool{Merchant: "m", Mode: engine.Sandbox, Family: engine.EVM}

// account derives addresses that say their index.
type account struct{}

func (account) Key() string { return "xpub of the test" }

func (account) Address(index int64) (string, bool) {
	return fmt.Sprintf("0xd%039d", index), index != 13 // one that has none
}

func accountAddress(index int64) string {
	address, _ := account{}.Address(index)
	return address
}

// holding is a tape whose addresses can be looked into.
type holding struct {
	tape
	mu   sync.Mutex
	held map[string]int64
	sent map[string]bool // what it held is gone
	down bool
}

func (h *holding) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

func (h *holding) Holdings(_ context.Context, addresses []string) ([]rail.Holding, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down {
		return nil, errors.New("the node is down")
	}
	var list []rail.Holding
	for _, a := range addresses {
		list = append(list, rail.Holding{Address: a, Block: 77, Sent: h.sent[a], Amounts: []money.Amount{money.FromInt(coin, h.held[a])}})
	}
	return list, nil
}

// stocked is a server with a pool that addresses are derived for.
func stocked(t *testing.T, path string, now func() time.Time, watcher rail.Watcher, p Pool) *server {
	t.Helper()
	s := serve(t, path, now, watcher)
	s.derive(now, watcher, p, slog.New(slog.DiscardHandler))
	return s
}

func (s *server) derive(now func() time.Time, watcher rail.Watcher, p Pool, log *slog.Logger) {
	c := Config{Engine: s.engine, Rails: []Rail{{network, watcher}}, Pools: []Pool{p}, Now: now, Log: log}
	s.workers.Rests, s.workers.Stocks = rests(c), stocks(c)
}

func stockOf(ahead int, start int64) Pool {
	return Pool{Pool: testPool, Name: "shop", Key: account{}, Ahead: ahead, Start: start}
}

// take makes an order and returns its address, "" when there is none.
func (s *server) take() string {
	s.t.Helper()
	wallet := ledger.Wallet("m")
	made, err := s.engine.Create(s.t.Context(), engine.NewOrder{
		Scope: scope, PublicID: fmt.Sprintf("o%d", time.Now().UnixNano()), Network: network,
		Terms: func(engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: wallet, Due: money.FromInt(coin, 1000), To: wallet.Account(ledger.Merchant), OverAny: true, Instant: true}, nil, nil
		},
	})
	if fault.Is(err, fault.CodeNoAddress) {
		return ""
	}
	s.must(err)
	return made.Order.Instrument.Value
}

func (s *server) rows() map[string]engine.InstrumentRow {
	s.t.Helper()
	all := map[string]engine.InstrumentRow{}
	rows, err := s.engine.Instruments(s.t.Context(), testPool, "", 100_000)
	s.must(err)
	for _, row := range rows {
		all[row.Instrument.Value] = row
	}
	return all
}

func (s *server) counts() engine.InstrumentCounts {
	s.t.Helper()
	c, err := s.engine.InstrumentCounts(s.t.Context(), testPool)
	s.must(err)
	return c
}

// Addresses are derived ahead of the demand, more when it is high, and each serves one order. What is not asked
// for is not derived.
func TestStock(t *testing.T) {
	c := &clock{at: start}
	chain := &holding{tape: tape{{1, start, nil}}}
	s := stocked(t, filepath.Join(t.TempDir(), "till.db"), c.now, chain, stockOf(20, 3))
	s.furnish(2, "http://127.0.0.1:1")
	s.listen(1)
	stock := s.workers.Stocks[0]
	if n := once(t, stock.RunOnce); n != 20 {
		t.Fatalf("%d derived at first", n)
	}
	if n := once(t, stock.RunOnce); n != 0 {
		t.Errorf("%d derived though nobody took any", n)
	}
	taken := map[string]bool{}
	for i := range 2 {
		if got := s.take(); got != address(i) {
			t.Errorf("took %s before the imported %s", got, address(i))
		}
	}
	for range 5 {
		taken[s.take()] = true
	}
	for i := int64(3); i < 8; i++ { // the index that has no address is beyond
		if !taken[accountAddress(i)] {
			t.Errorf("index %d was not taken: %v", i, taken)
		}
	}
	if n := once(t, stock.RunOnce); n != 5 {
		t.Errorf("%d derived for 5 taken", n)
	}
	// More than half between two rounds: from now on more are kept.
	for range 15 {
		taken[s.take()] = true
	}
	if n := once(t, stock.RunOnce); n != 35 || s.counts().Free != 40 {
		t.Errorf("%d derived for 15 taken, %+v", n, s.counts())
	}
	for range 40 {
		taken[s.take()] = true
	}
	if len(taken) != 60 || taken[""] || s.take() != "" {
		t.Errorf("%d different addresses were taken", len(taken))
	}
	next, err := s.engine.DerivedNext(t.Context(), account{}.Key())
	if err != nil || next != 3+60+1 {
		t.Errorf("the mark is %d, %v", next, err)
	}
}

// Two processes that derive at once never derive an index twice.
func TestStockOfTwo(t *testing.T) {
	chain := &holding{tape: tape{{1, start, nil}}}
	now := func() time.Time { return start }
	s := stocked(t, filepath.Join(t.TempDir(), "till.db"), now, chain, stockOf(3000, 0))
	s.furnish(0, "http://127.0.0.1:1")
	c := Config{Engine: s.engine, Rails: []Rail{{network, chain}}, Pools: []Pool{stockOf(3000, 0)}, Now: now, Log: slog.New(slog.DiscardHandler)}
	var wg sync.WaitGroup
	for range 4 {
		other := stocks(c)[0]
		wg.Go(func() {
			if _, err := other.RunOnce(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	next, err := s.engine.DerivedNext(t.Context(), account{}.Key())
	s.must(err)
	seen := map[int64]string{}
	for value, row := range s.rows() {
		if row.Index == nil || *row.Index >= next || seen[*row.Index] != "" || value != accountAddress(*row.Index) {
			t.Errorf("%s has index %v, as %q", value, row.Index, seen[*row.Index])
		}
		seen[*row.Index] = value
	}
	if n := len(seen); n < 2000 || int64(n) != next-1 {
		t.Errorf("%d addresses, the mark is %d", n, next)
	}
}

// derivingVictim derives until the process is killed.
func derivingVictim(path string) error {
	db, err := open(context.Background(), path, store.Options{Now: victimNow})
	if err != nil {
		return err
	}
	eng := engine.New(db, []engine.Network{network}, nil)
	log := slog.New(slog.DiscardHandler)
	stock := stocks(Config{Engine: eng, Rails: []Rail{{network, &holding{}}}, Pools: []Pool{stockOf(1200, 0)}, Now: victimNow, Log: log})[0]
	if _, err := stock.RunOnce(context.Background()); err != nil {
		return err
	}
	return errors.New("nothing killed the process")
}

// case 31, invariant I8: killed anywhere, no index serves a second time.
func TestStockKilled(t *testing.T) {
	program := buildVictim(t)
	for _, place := range []string{"stock.derived", "stock.derived:2", "stock.added", "stock.added:2"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, path string) { stockKilled(t, program, place, path) })
		})
	}
}

func stockKilled(t *testing.T, program, place, path string) {
	now := func() time.Time { return start }
	chain := &holding{tape: tape{{1, start, nil}}}
	s := stocked(t, path, now, chain, stockOf(5, 0))
	s.furnish(0, "http://127.0.0.1:1")
	s.listen(1)
	once(t, s.workers.Stocks[0].RunOnce)
	taken := map[string]bool{}
	for range 3 {
		taken[s.take()] = true
	}
	s.close()
	kill(t, program, place, "TILL_TEST_DERIVER="+path)
	s = stocked(t, path, victimNow, chain, stockOf(5, 0))
	for range 4 {
		once(t, s.workers.Stocks[0].RunOnce)
		for range 5 {
			value := s.take()
			if value == "" || taken[value] {
				t.Fatalf("took %q again", value)
			}
			taken[value] = true
		}
	}
	indexes := map[int64]bool{}
	for _, row := range s.rows() {
		if indexes[*row.Index] {
			t.Errorf("index %d is there twice", *row.Index)
		}
		indexes[*row.Index] = true
	}
	next, err := s.engine.DerivedNext(t.Context(), account{}.Key())
	if err != nil || !indexes[next-1] || indexes[next] {
		t.Errorf("the mark is %d, %v", next, err)
	}
}

// cases 31 and 88: an older copy of the database does not know which addresses were given out since. They are
// found in use on the chain, nothing more is derived, and what the copy thinks is free and is not is quarantined,
// until the operator has said where to go on.
func TestOlderCopy(t *testing.T) {
	dir := t.TempDir()
	now := func() time.Time { return start }
	chain := &holding{tape: tape{{1, start, nil}}, held: map[string]int64{}}
	s := stocked(t, filepath.Join(dir, "till.db"), now, chain, stockOf(10, 0))
	s.furnish(0, "http://127.0.0.1:1")
	s.listen(1)
	once(t, s.workers.Stocks[0].RunOnce)
	for range 4 {
		chain.held[s.take()] = 1 // indexes 0 to 3, before the copy
	}
	copied := filepath.Join(dir, "copy.db")
	s.must(s.store.Backup(t.Context(), copied))
	var since []string
	for range 5 {
		for range 4 {
			since = append(since, s.take())
		}
		once(t, s.workers.Stocks[0].RunOnce)
	}
	s.close()
	chain.held[since[1]], chain.held[since[len(since)-2]] = 5, 5
	highest := *s.index(since[len(since)-2])

	var log bytes.Buffer
	s = stocked(t, copied, now, chain, stockOf(10, 0))
	s.derive(now, chain, stockOf(10, 0), slog.New(slog.NewTextHandler(&log, nil)))
	stock := s.workers.Stocks[0]
	before := len(s.rows())
	for range 2 {
		n, err := stock.RunOnce(t.Context())
		if n != 0 || err == nil || !strings.Contains(err.Error(), "backup") || !strings.Contains(err.Error(), fmt.Sprintf("pools.shop.start to %d", highest+1)) {
			t.Fatalf("%d derived, %v", n, err)
		}
	}
	if g := stock.Gap(); g == nil || g.Highest != highest || len(s.rows()) != before {
		t.Errorf("gap %+v, want %d; %d addresses, before %d", g, highest, len(s.rows()), before)
	}
	if got := s.rows()[since[1]].State; got != engine.InstrumentQuarantined {
		t.Errorf("%s is %s", since[1], got)
	}
	if !strings.Contains(log.String(), "quarantined") || !strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("log: %s", log.String())
	}
	for _, held := range []string{accountAddress(0), accountAddress(3)} {
		if s.rows()[held].State != engine.InstrumentHeld {
			t.Errorf("%s is %s", held, s.rows()[held].State)
		}
	}
	// The operator has looked.
	s.derive(now, chain, stockOf(10, highest+1), slog.New(slog.DiscardHandler))
	once(t, s.workers.Stocks[0].RunOnce)
	for s.counts().Free > 0 {
		if value := s.take(); chain.held[value] > 0 {
			t.Errorf("took %s, which is in use", value)
		}
	}
	if s.workers.Stocks[0].Gap() != nil {
		t.Error("the gap is still shown")
	}
}

// cases 31 and 88: an address is in use that holds something, or that has sent something and is empty again; the next
// thousand are looked at.
func TestGap(t *testing.T) {
	const last = 999
	for name, test := range map[string]struct {
		held map[string]int64
		sent map[string]bool
		gap  bool
	}{
		"the last one looked at holds something": {held: map[string]int64{accountAddress(last): 1}, gap: true},
		"the last one looked at is empty again":  {sent: map[string]bool{accountAddress(last): true}, gap: true},
		"one further on holds something":         {held: map[string]int64{accountAddress(last + 1): 1}},
	} {
		t.Run(name, func(t *testing.T) {
			chain := &holding{tape: tape{{1, start, nil}}, held: test.held, sent: test.sent}
			s := stocked(t, filepath.Join(t.TempDir(), "till.db"), func() time.Time { return start }, chain, stockOf(10, 0))
			stock := s.workers.Stocks[0]
			n, err := stock.RunOnce(t.Context())
			if g := stock.Gap(); test.gap && (err == nil || n != 0 || g == nil || g.Next != 0 || g.Highest != last) || !test.gap && (err != nil || n != 10 || g != nil) {
				t.Errorf("%d derived, gap %+v, %v", n, g, err)
			}
		})
	}
}

// index is the index of an address of the test's account.
func (s *server) index(value string) *int64 {
	for i := int64(0); i < 100_000; i++ {
		if accountAddress(i) == value {
			return &i
		}
	}
	return nil
}

// Nothing is derived before the chain could be asked.
func TestStockWithoutTheNode(t *testing.T) {
	c := &clock{at: start}
	chain := &holding{tape: tape{{1, start, nil}}, down: true}
	s := stocked(t, filepath.Join(t.TempDir(), "till.db"), c.now, chain, stockOf(10, 0))
	stock := s.workers.Stocks[0]
	if n, err := stock.RunOnce(t.Context()); n != 0 || err == nil {
		t.Errorf("%d derived, %v", n, err)
	}
	chain.set(func() { chain.down = false })
	if n := once(t, stock.RunOnce); n != 10 {
		t.Errorf("%d derived", n)
	}
	chain.set(func() { chain.held = map[string]int64{accountAddress(500): 1} })
	if n := once(t, stock.RunOnce); n != 0 {
		t.Errorf("%d derived", n)
	}
	c.move(checkEvery)
	if _, err := stock.RunOnce(t.Context()); err == nil || stock.Gap() == nil || stock.Gap().Highest != 500 {
		t.Errorf("an hour later: %v, %+v", err, stock.Gap())
	}
	// Where no node is configured there is nothing to ask.
	s.derive(c.now, nil, stockOf(12, 0), slog.New(slog.DiscardHandler))
	if n := once(t, s.workers.Stocks[0].RunOnce); n != 2 {
		t.Errorf("without a node: %d derived", n)
	}
}

// case 30: what an address holds is recorded at the end of its rest, or it rests on; a transfer to an address
// whose order has ended puts it in quarantine until it is released, and then it is looked into again.
func TestRest(t *testing.T) {
	c := &clock{at: start}
	path := filepath.Join(t.TempDir(), "till.db")
	late := start.Add(3 * time.Hour)
	told := tape{
		{1, start, nil},
		{2, start.Add(time.Second), []rail.Observation{pays("first", 0, 1000, 0, order.RankConfirmed, start.Add(time.Second))}},
		{3, late, []rail.Observation{pays("late", 0, 5, 0, order.RankSeen, late)}},
	}
	chain := &holding{tape: told[:1], held: map[string]int64{address(0): 1000}}
	s := stocked(t, path, c.now, chain, stockOf(1, 0))
	s.furnish(1, "http://127.0.0.1:1")
	s.listen(1)
	if got := s.take(); got != address(0) {
		t.Fatalf("took %s", got)
	}
	c.move(time.Second)
	chain.set(func() { chain.tape = told[:2] })
	s.listen(2)
	rest := s.workers.Rests[0]
	if n := once(t, rest.RunOnce); n != 0 {
		t.Errorf("%d rests ended before their time", n)
	}
	c.move(time.Hour)
	chain.set(func() { chain.down = true })
	if n, err := rest.RunOnce(t.Context()); n != 0 || err == nil {
		t.Errorf("while the node is down: %d rests ended, %v", n, err)
	}
	if got := s.take(); got != "" {
		t.Errorf("took %s, which nobody has looked into", got)
	}
	chain.set(func() { chain.down = false })
	if n := once(t, rest.RunOnce); n != 1 {
		t.Errorf("%d rests ended", n)
	}
	row := s.rows()[address(0)]
	if row.State != engine.InstrumentFree || len(row.Balances) != 1 || row.Balances[0].Network != "test" || row.Balances[0].Block != 77 ||
		len(row.Balances[0].Amounts) != 1 || row.Balances[0].Amounts[0].String() != "0.001000 USDT" {
		t.Errorf("%+v", row)
	}
	// Late money.
	c.move(2 * time.Hour)
	chain.set(func() { chain.tape, chain.held = told, map[string]int64{address(0): 1005} })
	s.listen(3)
	any, err := s.engine.Quarantined(t.Context(), engine.EVM, engine.Sandbox)
	if row := s.rows()[address(0)]; row.State != engine.InstrumentQuarantined || s.take() != "" || !any || err != nil {
		t.Errorf("after late money: %+v, %v", row, err)
	}
	other := testPool
	other.Merchant = "other"
	if err := s.engine.ReleaseInstrument(t.Context(), other, address(0)); !fault.Is(err, fault.CodeNotFound) {
		t.Errorf("released by another merchant: %v", err)
	}
	for range 2 {
		s.must(s.engine.As("op").ReleaseInstrument(t.Context(), testPool, address(0)))
	}
	if got := s.take(); got != "" {
		t.Errorf("took %s, which nobody has looked into again", got)
	}
	once(t, rest.RunOnce)
	if row := s.rows()[address(0)]; row.Balances[0].Amounts[0].Units() != "1005" {
		t.Errorf("%+v", row)
	}
	s.must(s.engine.ArchiveInstrument(t.Context(), testPool, address(0)))
	if got := s.take(); got != "" {
		t.Errorf("took %s, which is archived", got)
	}
	s.must(s.engine.UnarchiveInstrument(t.Context(), testPool, address(0)))
	if got := s.take(); got != address(0) {
		t.Errorf("took %q", got)
	}
}

// Money to an address that was never given to an order is nobody's, and the address waits for an operator. Money
// in time and a second payment in the order's own block do nothing of the kind.
func TestQuarantineOfFreeAddresses(t *testing.T) {
	at := start.Add(time.Second)
	told := tape{{1, start, nil}, {2, at, []rail.Observation{
		pays("paid", 0, 1000, 0, order.RankConfirmed, at), pays("again", 0, 7, 0, order.RankConfirmed, at), pays("stray", 1, 5, 0, order.RankConfirmed, at),
	}}}
	c := &clock{at: start}
	chain := &holding{tape: told[:1]}
	s := stocked(t, filepath.Join(t.TempDir(), "till.db"), c.now, chain, stockOf(1, 0))
	s.furnish(3, "http://127.0.0.1:1")
	s.listen(1)
	s.take()
	c.move(time.Second)
	chain.set(func() { chain.tape = told })
	s.listen(2)
	for n, want := range []engine.InstrumentState{engine.InstrumentResting, engine.InstrumentQuarantined, engine.InstrumentFree} {
		if got := s.rows()[address(n)].State; got != want {
			t.Errorf("address %d is %s, want %s", n, got, want)
		}
	}
	if got := s.take(); got != address(2) {
		t.Errorf("took %s", got)
	}
}
