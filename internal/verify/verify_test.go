package verify_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/store"
	"till/internal/store/pgtest"
	"till/internal/verify"
)

var (
	coin    = money.MustAsset("USDT", "test", 6)
	eur     = money.MustAsset("EUR", "", 2)
	chain   = engine.Network{ID: "test", Family: engine.EVM, Mode: engine.Sandbox, Rail: "evm:test", ChainID: 7, Confirmations: 1, Tokens: []engine.Token{{Asset: coin}}}
	mainnet = engine.Network{ID: "main", Family: engine.EVM, Mode: engine.Live, Rail: "evm:main", ChainID: 8, Confirmations: 1, Tokens: []engine.Token{{Asset: coin}}}
	bank    = engine.Network{ID: "bank", Family: "bank", Mode: engine.Sandbox, Rail: "bank", Prefix: "REF-", Custodial: true, Tokens: []engine.Token{{Asset: eur}}}

	sandboxScope = engine.Scope{Merchant: "m", Mode: engine.Sandbox, Dialect: "one"}
	liveScope    = engine.Scope{Merchant: "m", Mode: engine.Live, Dialect: "one"}
	start        = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// shop makes a database with something of everything.
type shop struct {
	t      *testing.T
	store  *store.Store
	engine *engine.Engine
	now    atomic.Int64 // in microseconds; the store reads it whenever it likes
	heads  map[string]uint64
	ids    map[string]string // internal ids of orders by their public ones
	offer  engine.OfferTaken // that the next orders are made of
}

func open(t *testing.T, path string) *shop {
	t.Helper()
	s := &shop{t: t, heads: map[string]uint64{}, ids: map[string]string{}}
	s.set(start)
	var err error
	open := store.OpenSQLite
	if store.IsPostgres(path) {
		open = store.OpenPostgres
	}
	s.store, err = open(t.Context(), path, store.Options{Now: s.at, Log: slog.New(slog.DiscardHandler)})
	s.must(err)
	s.engine = engine.New(s.store, []engine.Network{chain, mainnet, bank}, nil)
	return s
}

func (s *shop) at() time.Time   { return time.UnixMicro(s.now.Load()).UTC() }
func (s *shop) set(t time.Time) { s.now.Store(t.UnixMicro()) }

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) close() { s.t.Helper(); s.must(s.store.Close()) }

// told reports one more block of a network.
func (s *shop) told(n engine.Network, seen ...rail.Observation) {
	s.t.Helper()
	s.set(s.at().Add(time.Second))
	s.heads[n.ID]++
	p := engine.Progress{Rail: n.Rail, Cursor: rail.Cursor{State: []byte("{}"), Head: s.heads[n.ID], Horizon: s.at()}}
	if n.Custodial {
		p.Cursor.Horizon = time.Time{}
	}
	s.must(s.engine.Observe(s.t.Context(), n, engine.Report{Progress: p, Seen: seen}))
}

func (s *shop) paid(id, to string, amount money.Amount, rank order.Rank, epoch uint64) rail.Observation {
	return rail.Observation{External: id, Instrument: to, Epoch: epoch, Rank: rank, Amount: amount, Value: s.at().Add(time.Second),
		Evidence: order.Evidence{Tx: id, To: to, From: "payer", Block: s.heads["test"] + 1, Name: "A. Payer"}}
}

func (s *shop) order(public string, scope engine.Scope, n engine.Network, origin engine.Origin, terms order.Terms, to engine.Destination) *engine.Order {
	s.t.Helper()
	made, err := s.engine.Create(s.t.Context(), engine.NewOrder{
		Scope: scope, PublicID: public, Reference: "Ref " + public, UniqueKey: public, Network: n, Instrument: origin, Destination: to,
		Terms: func(engine.Plan) (order.Terms, json.RawMessage, error) { return terms, json.RawMessage(`{}`), nil },
		Offer: s.offer,
	})
	s.must(err)
	s.ids[public] = made.Order.ID
	return made.Order
}

func (s *shop) wallet(public string, scope engine.Scope, n engine.Network) *engine.Order {
	s.t.Helper()
	book := ledger.Wallet("m")
	return s.order(public, scope, n, engine.Pooled, order.Terms{Book: book, Due: money.FromInt(coin, 1000), To: book.Account(ledger.Merchant),
		OverAny: true, Instant: true, Deadline: s.at().Add(10 * time.Minute)}, engine.Destination{})
}

func (s *shop) seal() {
	s.t.Helper()
	sealer := s.engine.Sealer("test", noise())
	for {
		_, more, err := sealer.Seal(s.t.Context(), s.at())
		s.must(err)
		if !more {
			break
		}
	}
	s.must(sealer.Leave(s.t.Context()))
}

// noise is randomness that is the same each time.
func noise() io.Reader { return rand.NewChaCha8([32]byte{1}) }

// fill lets everything happen that the books know.
func (s *shop) fill() {
	s.t.Helper()
	ctx := s.t.Context()
	admin := s.engine.As("op-1")
	s.must(admin.SaveMerchant(ctx, engine.Merchant{ID: "m", Organisation: "o", Name: "M"}))
	s.must(admin.SaveKey(ctx, engine.Key{ID: "k1", Hash: "h", Prefix: "p", Scope: liveScope, Name: "first", Active: true}))
	s.must(s.engine.SaveEndpoint(ctx, engine.Endpoint{ID: "ep", Scope: sandboxScope, URL: "https://example.com/", Enabled: true}))
	_, err := s.engine.Announce(ctx, sandboxScope, engine.Notice{Type: "pool.low", Details: map[string]string{"available": "3"}})
	s.must(err)
	for _, m := range engine.Modes() {
		var list []engine.Imported
		for i := range 14 {
			list = append(list, engine.Imported{Value: fmt.Sprintf("0x%s%d", m, i)})
		}
		_, err := s.engine.ImportInstruments(ctx, engine.Pool{Merchant: "m", Mode: m, Family: engine.EVM}, list)
		s.must(err)
	}
	s.told(chain)
	s.told(mainnet)
	s.told(bank)

	exact := s.wallet("exact", sandboxScope, chain)
	parts := s.wallet("parts", sandboxScope, chain)
	s.told(chain, s.paid("t1", exact.Instrument.Value, money.FromInt(coin, 1000), order.RankSeen, 0))
	s.told(chain, s.paid("t1", exact.Instrument.Value, money.FromInt(coin, 1000), order.RankConfirmed, 0),
		s.paid("t2", parts.Instrument.Value, money.FromInt(coin, 400), order.RankConfirmed, 0))
	s.told(chain, s.paid("t3", parts.Instrument.Value, money.FromInt(coin, 700), order.RankConfirmed, 0))
	s.must(errOf(s.engine.Release(ctx, parts.ID, ledger.Extra, money.FromInt(coin, 60), "op-1")))
	// One that was completed and then reversed: a shortfall.
	gone := s.wallet("gone", sandboxScope, chain)
	s.told(chain, s.paid("t4", gone.Instrument.Value, money.FromInt(coin, 1000), order.RankConfirmed, 0))
	s.told(chain, s.paid("t4", gone.Instrument.Value, money.FromInt(coin, 1000), order.RankReversed, 1))
	// Money of nobody, one of it given to an order.
	s.told(chain, s.paid("s1", "0xnobody", money.FromInt(coin, 5), order.RankConfirmed, 0),
		s.paid("s2", "0xsandbox8", money.FromInt(coin, 7), order.RankConfirmed, 0))
	given := s.wallet("given", sandboxScope, chain)
	s.must(errOf(s.engine.Assign(ctx, order.PaymentKey{Rail: string(chain.Rail), External: "s2"}, given.ID, "op-1")))
	s.wallet("waits", sandboxScope, chain)
	cancelled := s.wallet("cancelled", sandboxScope, chain)
	s.must(errOf(s.engine.Cancel(ctx, cancelled.ID, order.ByOperator, "op-1", "by mistake")))

	// The house holds money: collected, paid out and on its way, refunded.
	owed := ledger.Owed("m")
	collected := s.order("collected", sandboxScope, bank, engine.Made, order.Terms{Book: owed, Due: money.FromInt(eur, 5000), Fee: money.FromInt(eur, 50),
		To: owed.Account(ledger.Merchant), OverAny: true, Instant: true, Deadline: s.at().Add(time.Hour)}, engine.Destination{})
	s.told(bank, s.paid("b1", collected.Instrument.Value, money.FromInt(eur, 5000), order.RankConfirmed, 0))
	payee := ledger.House.Account(ledger.PayeeOn("bank"))
	out := s.order("out", sandboxScope, engine.Network{}, engine.None, order.Terms{Book: owed, Due: money.FromInt(eur, 1000), To: payee, FromBalance: true, Sends: 1},
		engine.Destination{Rail: "bank", To: "DE1"})
	s.must(errOf(s.engine.Reserve(ctx, out.ID)))
	s.must(errOf(s.engine.Refund(ctx, engine.NewRefund{OrderID: collected.ID, ID: "r1", Amount: money.FromInt(eur, 100), From: ledger.Merchant,
		To: engine.Destination{Rail: "bank", To: "DE2"}, Actor: order.ByOperator, Who: "op-1"})))

	// Money of somebody on a list: withheld until somebody has looked.
	theirs := ledger.Owed("w")
	withheld := s.order("withheld", engine.Scope{Merchant: "w", Mode: engine.Sandbox, Dialect: "one"}, bank, engine.Made, order.Terms{Book: theirs,
		Due: money.FromInt(eur, 6623), Fee: money.FromInt(eur, 23), To: theirs.Account(ledger.Merchant), Whole: true, Instant: true, CompleteOnCollect: true}, engine.Destination{})
	s.told(bank, s.paid("w1", withheld.Instrument.Value, money.FromInt(eur, 6623), order.RankConfirmed, 0))

	live := s.wallet("live", liveScope, mainnet)
	s.told(mainnet, s.paid("l1", live.Instrument.Value, money.FromInt(coin, 1000), order.RankConfirmed, 0))

	// An offer that was sold once, let go once, and is waited for once.
	_, err = s.engine.MakeOffer(ctx, engine.NewOffer{ID: "mug", Scope: sandboxScope})
	s.must(err)
	mug, err := s.engine.PublishOffer(ctx, sandboxScope, "mug", "slug")
	s.must(err)
	s.offer = engine.OfferTaken{ID: mug.ID, Revision: mug.Revision}
	sold := s.wallet("sold", sandboxScope, chain)
	s.wallet("letgo", sandboxScope, chain)
	s.told(chain, s.paid("m1", sold.Instrument.Value, money.FromInt(coin, 1000), order.RankConfirmed, 0))

	// Time passes: what still waits expires.
	s.must(errOf(admin.MoveClock(ctx, engine.Sandbox, time.Hour)))
	s.told(chain)
	s.must(errOf(s.engine.Tick(ctx, engine.Sandbox, chain.Rail, s.at())))
	s.wallet("open", sandboxScope, chain)
	s.offer = engine.OfferTaken{}

	// A standing instruction with arrivals, and one whose address was taken back.
	for _, reference := range []string{"anna", "bob"} {
		bound, err := s.engine.Bind(ctx, engine.NewStanding{Scope: sandboxScope, Reference: reference, Prefix: "dep_", Family: engine.EVM})
		s.must(err)
		s.ids[reference] = bound.Standing.ID
		to := bound.Binding.Instrument.Value
		s.told(chain, s.paid(reference+"1", to, money.FromInt(coin, 30), order.RankConfirmed, 0), s.paid(reference+"2", to, money.FromInt(coin, 3), order.RankSeen, 0))
	}
	neighbour := engine.Scope{Merchant: "n", Mode: engine.Sandbox, Dialect: "one"}
	made, err := s.engine.Bind(ctx, engine.NewStanding{Scope: neighbour, Reference: "cara", Prefix: "inc_", Family: bank.Family, Only: eur})
	s.must(err)
	s.told(bank, s.paid("c1", made.Binding.Instrument.Value, money.FromInt(eur, 700), order.RankConfirmed, 0))
	_, _, err = s.engine.Unbind(ctx, engine.Unbinding{Scope: sandboxScope, Reference: "bob"})
	s.must(err)
	page, err := s.engine.Orders(ctx, engine.Filter{Scope: sandboxScope.Arrivals(), Page: 1, Limit: 10})
	s.must(err)
	for i, o := range page.Orders {
		s.ids[fmt.Sprintf("arrival%d", i)] = o.ID
	}

	for _, id := range []string{"a", "b"} {
		s.must(s.store.Update(ctx, engine.Keys{}, func(tx engine.Tx) error {
			return tx.InsertDocument(&engine.Document{Kind: "letter", ID: id, Scope: sandboxScope, State: "open", Keys: []string{"to:" + id, "from:" + id}})
		}))
	}

	untold, err := s.engine.Untold(ctx, []string{"one"}, 3)
	s.must(err)
	var ids []string
	var messages []engine.Message
	for _, u := range untold {
		ids = append(ids, u.Event.ID)
		messages = append(messages, engine.Message{EventID: u.Event.ID, OrderID: u.Event.OrderID, EndpointID: "ep", Scope: u.Event.Scope, WireID: "w",
			Type: "x", Body: []byte("{}"), State: engine.MessagePending})
	}
	s.must(s.engine.Told(ctx, ids, messages))
	s.seal()
}

func errOf[T any](_ T, err error) error { return err }

// check verifies a database.
func check(t *testing.T, path string, o verify.Options) *verify.Report {
	t.Helper()
	s, err := store.OpenReadOnly(t.Context(), path, store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var report *verify.Report
	err = s.Audit(context.Background(), func(r verify.Reader) (err error) {
		report, err = verify.Run(r, o)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func text(r *verify.Report) string {
	var b bytes.Buffer
	r.Write(&b)
	return b.String()
}

// filled is the file of a database with something of everything, closed.
func filled(t *testing.T) (path string, ids map[string]string, heads []engine.Head) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "till.db")
	ids, heads = fillIn(t, path)
	return path, ids, heads
}

func fillIn(t *testing.T, database string) (ids map[string]string, heads []engine.Head) {
	t.Helper()
	s := open(t, database)
	s.fill()
	heads, err := s.engine.Heads(t.Context(), s.at())
	s.must(err)
	s.close()
	return s.ids, heads
}

func TestMain(m *testing.M) {
	code := m.Run()
	pgtest.Stop()
	os.Exit(code)
}

func TestBooksThatAreRight(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { booksThatAreRight(t, filepath.Join(t.TempDir(), "till.db")) })
	t.Run("postgres", func(t *testing.T) { booksThatAreRight(t, pgtest.URL(t)) })
}

func booksThatAreRight(t *testing.T, path string) {
	ids, heads := fillIn(t, path)
	for _, page := range []int{0, 1, 3} {
		r := check(t, path, verify.Options{Heads: heads, Page: page})
		if !r.OK() || len(r.Notes) > 0 {
			t.Fatalf("page of %d:\n%s", page, text(r))
		}
		c := r.Counted
		if c.Orders != int64(len(ids))-1 || c.Standings != 3 || c.Offers != 1 || c.Payments != 16 || c.Transfers != 2 || c.Actions != 7 || c.Unsealed != 0 || c.Erased != 0 ||
			c.Seals != c.Entries+c.Events+c.Actions || c.Entries < 10 || c.Postings < c.Entries || c.Balances < 10 || c.Holds < 8 {
			t.Errorf("page of %d: %+v", page, c)
		}
	}
	var acts []string
	db, err := store.OpenReadOnly(t.Context(), path, store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Audit(t.Context(), func(r verify.Reader) error {
		list, err := r.Actions("", 100)
		for _, a := range list {
			acts = append(acts, strings.Join([]string{string(a.Mode), a.Who, a.What, a.Ref, a.Detail}, "|"))
		}
		return err
	})
	want := []string{"live|op-1|merchant.save|m|M", "live|op-1|key.save|k1|first p of m; active true; scopes ",
		"sandbox|op-1|release|" + ids["parts"] + "|amount 0.000060 USDT; from wallet/m/suspense/extra",
		"sandbox|op-1|assign|" + ids["given"] + "|payment s2 on evm:test",
		"sandbox|op-1|cancel|" + ids["cancelled"] + "|reason by mistake",
		"sandbox|op-1|refund|" + ids["collected"] + "|transfer r1 of 1.00 EUR from owed/m/merchant to house/outside/payer:bank",
		"sandbox|op-1|clock.move|sandbox|by 1h0m0s to 1h0m0s"}
	if err != nil || !slices.Equal(acts, want) {
		t.Errorf("%v, actions\n%s\nwant\n%s", err, strings.Join(acts, "\n"), strings.Join(want, "\n"))
	}
	if len(heads) != 2 || heads[0].N < 4 || heads[1].N < 20 {
		t.Errorf("heads %+v", heads)
	}
}

// What is committed and not sealed yet is no problem, and neither is a salt that was erased.
func TestUnsealedAndErased(t *testing.T) {
	path, _, heads := filled(t)
	s := open(t, path)
	s.set(start.Add(2 * time.Hour))
	s.told(chain)
	o := s.wallet("later", sandboxScope, chain)
	s.close()
	damage(t, path, `UPDATE seals SET salt = NULL WHERE ref = (SELECT MIN(id) FROM events WHERE type = 'payment.confirmed')`)
	damage(t, path, `UPDATE events SET facts = replace(facts, 'A. Payer', '') WHERE id = (SELECT MIN(id) FROM events WHERE type = 'payment.confirmed')`)
	r := check(t, path, verify.Options{Heads: heads})
	if !r.OK() || r.Counted.Unsealed != 1 || r.Counted.Erased != 1 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "erased") {
		t.Errorf("order %s: %+v\n%s", o.ID, r.Counted, text(r))
	}
}

// damage changes a database behind everybody's back, past its checks too.
func damage(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=ignore_check_constraints(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		r, err := db.Exec(statement)
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		n, err := r.RowsAffected()
		if err != nil || n == 0 && !strings.HasPrefix(statement, "DROP") {
			t.Fatalf("%s changed nothing", statement)
		}
	}
}

// Every row that somebody changed is found, and the report names it. {x} stands for the internal id of order x.
func TestDamageIsFound(t *testing.T) { // invariants I1 to I3, I6 to I9, I12, I13
	path, ids, heads := filled(t)
	entryOf := func(public string) string {
		return `(SELECT MIN(id) FROM entries WHERE order_id = '{` + public + `}')`
	}
	someEvent := `(SELECT id FROM events WHERE order_id = '{exact}' AND seq = 2)`
	tests := []struct {
		name   string
		damage []string
		want   []string // in the report, each on one line: a check, and what names the row
	}{
		{"a posting's amount", []string{`UPDATE postings SET amount = '999 USDT/6@test' WHERE n = 1 AND entry_id = ` + entryOf("exact")},
			[]string{"balances balance wallet/m/outside/payer:evm:test", "orders order {exact}", "payments order {exact}", "seals entry"}},
		{"a posting's account", []string{`UPDATE postings SET to_account = 'wallet/m/suspense/late' WHERE n = 1 AND entry_id = ` + entryOf("exact")},
			[]string{"balances balance wallet/m/suspense/late", "orders order {exact}", "seals entry"}},
		{"a posting that is negative", []string{`UPDATE postings SET amount = '-1000 USDT/6@test' WHERE n = 1 AND entry_id = ` + entryOf("exact")},
			[]string{"postings entry"}},
		{"a posting that cannot be read", []string{`UPDATE postings SET amount = 'much' WHERE n = 1 AND entry_id = ` + entryOf("exact")},
			[]string{"record entry", "seals entry"}},
		{"a posting is gone", []string{`DELETE FROM postings WHERE n = 2 AND entry_id = ` + entryOf("exact")},
			[]string{"balances balance wallet/m/merchant", "orders order {exact}", "seals entry"}},
		{"all postings of an entry are gone", []string{`DELETE FROM postings WHERE entry_id = ` + entryOf("exact")},
			[]string{"postings entry", "balances balance wallet/m/merchant", "seals entry"}},
		{"an entry is gone", []string{`DELETE FROM entries WHERE id = ` + entryOf("exact")},
			[]string{"missing posting 1 of entry", "seals entry", "orders order {exact}"}},
		{"an entry that never was", []string{
			`INSERT INTO entries (id, order_id, merchant, mode, at) VALUES ('zz', '{exact}', 'm', 'sandbox', 1)`,
			`INSERT INTO postings (entry_id, n, from_account, to_account, amount, row_name) VALUES ('zz', 1, 'wallet/m/outside/payer:evm:test', 'wallet/m/merchant', '5 USDT/6@test', 'P1')`},
			[]string{"balances balance wallet/m/merchant", "orders order {exact}"}},
		{"a balance", []string{`UPDATE balances SET amount = '1 USDT/6@test' WHERE account = 'wallet/m/merchant' AND mode = 'live'`},
			[]string{"balances balance wallet/m/merchant in USDT/6@test of live"}},
		{"a balance is gone", []string{`DELETE FROM balances WHERE account = 'wallet/m/merchant' AND mode = 'live'`},
			[]string{"balances balance wallet/m/merchant in USDT/6@test of live: is gone"}},
		{"a balance of another book", []string{`UPDATE balances SET book = 'house' WHERE account = 'wallet/m/merchant' AND mode = 'live'`},
			[]string{"record balance wallet/m/merchant"}},
		{"a line's amount", []string{`UPDATE lines SET amount = '4951' WHERE n = 1 AND account = 'owed/m/merchant'`},
			[]string{"lines line 1 of balance owed/m/merchant in EUR/2 of sandbox: leaves 4950, and 0 and 4951 give 4951", "lines line 1 of balance owed/m/merchant in EUR/2 of sandbox: says 4951 of EUR/2, and posting"}},
		{"a line's balance", []string{`UPDATE lines SET balance = '3951' WHERE n = 2`},
			[]string{"lines line 2 of balance owed/m/merchant in EUR/2 of sandbox: leaves 3951, and 4950 and -1000 give 3950", "lines line 3 of balance owed/m/merchant"}},
		{"a line is gone", []string{`DELETE FROM lines WHERE n = 2`},
			[]string{"lines line 3 of balance owed/m/merchant in EUR/2 of sandbox: follows line 1", "lines statement of balance owed/m/merchant in EUR/2 of sandbox: lists 2 postings, and 3 others"}},
		{"the last line is gone", []string{`DELETE FROM lines WHERE n = 3`}, []string{"lines statement of balance owed/m/merchant in EUR/2 of sandbox: lists 2 postings, and 3 others"}},
		{"the number of lines", []string{`UPDATE balances SET lines = 2 WHERE account = 'owed/m/merchant'`},
			[]string{"lines balance owed/m/merchant in EUR/2 of sandbox: counts 2 lines, and 3 postings moved it"}},
		{"a line that stands twice", []string{`UPDATE lines SET entry_id = (SELECT entry_id FROM lines WHERE n = 1), posting = (SELECT posting FROM lines WHERE n = 1) WHERE n = 2`},
			[]string{"lines line 2 of balance owed/m/merchant in EUR/2 of sandbox: says -1000", "lines statement of balance owed/m/merchant in EUR/2 of sandbox: lists 3 postings, and 3 others moved it, or not the same ones"}},
		{"a line of nothing", []string{`UPDATE lines SET entry_id = 'zz' WHERE n = 2`}, []string{"missing line 2 of balance owed/m/merchant in EUR/2 of sandbox: its posting 1 of entry zz is gone"}},
		{"a line that went back in time", []string{`UPDATE lines SET at = 5 WHERE n = 2`}, []string{"lines line 2 of balance owed/m/merchant in EUR/2 of sandbox: is older than the one before it"}},
		{"a statement of a balance that is none", []string{`UPDATE lines SET account = 'owed/x/merchant' WHERE account = 'owed/m/merchant'`},
			[]string{"lines statement of balance owed/m/merchant in EUR/2 of sandbox: lists 0 postings", "lines statement of balance owed/x/merchant in EUR/2 of sandbox: has lines, and no posting moved it"}},
		{"a review of withheld money", []string{`UPDATE orders SET body = json_set(body, '$.reviews[0].state', 'approved') WHERE id = '{withheld}'`},
			[]string{"orders order {withheld}: it withholds 66.23 EUR, and its review wants 0.00 EUR"}},
		{"an event is gone", []string{`DELETE FROM events WHERE id = ` + someEvent},
			[]string{"events order {exact}: event 3 follows event 1", "seals event"}},
		{"the last event is gone", []string{`DELETE FROM events WHERE order_id = '{open}'`},
			[]string{"events order {open}: its last event is 0, and it counts 1", "seals event"}},
		{"what an offer sold", []string{`UPDATE offers SET body = json_set(body, '$.Sold', 2) WHERE id = 'mug'`}, []string{"counters offer mug: says 2 taken and 2 sold, and its orders say 2 and 1"}},
		{"what of an offer is taken", []string{`UPDATE offers SET body = json_set(body, '$.Taken', 1) WHERE id = 'mug'`}, []string{"counters offer mug: says 1 taken and 1 sold, and its orders say 2 and 1"}},
		{"an offer's columns", []string{`UPDATE offers SET state = 'draft' WHERE id = 'mug'`}, []string{"record offer mug: its columns contradict its record: state"}},
		{"an offer's record", []string{`UPDATE offers SET body = '{' WHERE id = 'mug'`}, []string{"record offer mug: cannot be read"}},
		{"an offer is gone", []string{`DELETE FROM offers WHERE id = 'mug'`}, []string{"missing offer mug: is gone, and has orders"}},
		{"a counter of documents", []string{`UPDATE document_counts SET n = 3`}, []string{"counters documents of kind letter, scope", "the counter is off by 1"}},
		{"a document is gone", []string{`DELETE FROM documents WHERE id = 'b'`},
			[]string{"counters documents of kind letter", "the last number is 2, and there are 1", "unique key to:b of letter b: the record does not have it"}},
		{"a document's key is another's", []string{`UPDATE document_keys SET id = 'a' WHERE name = 'to:b'`},
			[]string{"unique key to:b of letter a: the record does not have it", "unique letter b: it has a key that is not kept for it"}},
		{"a document's key is gone", []string{`DELETE FROM document_keys WHERE name = 'to:b'`}, []string{"unique letter b: it has a key that is not kept for it"}},
		{"a document's mode", []string{`UPDATE documents SET mode = 'live' WHERE id = 'a'`}, []string{"missing letter a: its scope is gone"}},
		{"a standing instruction's total", []string{`UPDATE standings SET body = json_set(body, '$.Totals[0]', '31 USDT/6@test') WHERE id = '{anna}'`},
			[]string{"counters standing instruction {anna}: says 0.000031 USDT in all"}},
		{"a standing instruction's total is gone", []string{`UPDATE standings SET body = json_remove(body, '$.Totals') WHERE id = '{anna}'`},
			[]string{"counters standing instruction {anna}: knows nothing of 0.000030 USDT"}},
		{"a standing instruction's arrivals", []string{`UPDATE standings SET body = json_set(body, '$.Arrivals', 2) WHERE id = '{anna}'`},
			[]string{"counters standing instruction {anna}: says 2 arrivals, and 1 were completed"}},
		{"a standing instruction's columns", []string{`UPDATE standings SET bound = 1 WHERE id = '{bob}'`}, []string{"record standing instruction {bob}: its columns contradict its record: bound"}},
		{"a standing instruction's record", []string{`UPDATE standings SET body = '{' WHERE id = '{anna}'`}, []string{"record standing instruction {anna}: cannot be read"}},
		{"a standing instruction's scope", []string{`UPDATE standings SET body = json_set(body, '$.Scope.Merchant', 'x') WHERE id = '{anna}'`},
			[]string{"record standing instruction {anna}: its columns contradict its record: scope_id", "orders standing instruction {anna}: its orders are of another merchant"}},
		{"a standing instruction's binding", []string{`UPDATE standings SET body = json_set(body, '$.Bindings[0].N', 2) WHERE id = '{anna}'`}, []string{"holds standing instruction {anna}: binding 2 of 1"}},
		{"a standing instruction is gone", []string{`DELETE FROM standings WHERE id = '{anna}'`},
			[]string{"missing standing instruction {anna}: is gone, and has orders", "missing hold", "missing order", "counters scope m sandbox one: it counts 2 standing instructions, and there are 1"}},
		{"a standing instruction's hold is gone", []string{`DELETE FROM holds WHERE order_id = '{anna}'`}, []string{"holds standing instruction {anna}: says that it holds"}},
		{"a standing instruction's hold is open again", []string{`UPDATE holds SET to_at = 0 WHERE order_id = '{bob}'`}, []string{"holds standing instruction {bob}: holds", "of which it knows nothing"}},
		{"a reference of two standing instructions", []string{`DROP INDEX standings_reference`, `UPDATE standings SET reference = 'anna' WHERE id = '{bob}'`},
			[]string{"unique reference anna", "record standing instruction {bob}: its columns contradict its record: reference"}},
		{"an order of another standing instruction", []string{`UPDATE orders SET standing_id = 'std_x' WHERE id = '{arrival0}'`},
			[]string{"record order {arrival0}: its columns contradict its record: standing_id", "missing order"}},
		{"an event of no order", []string{`UPDATE events SET facts = replace(facts, '"available":"3"', '"available":"9"') WHERE order_id = ''`},
			[]string{"seals event"}},
		{"an event of no order is gone", []string{`DELETE FROM events WHERE order_id = ''`}, []string{"seals event"}},
		{"an event of no order gets a state", []string{`UPDATE events SET state = 'paid' WHERE order_id = ''`}, []string{"events event", "belongs to no order"}},
		{"an event's facts", []string{`UPDATE events SET facts = replace(facts, 'A. Payer', 'B. Payer') WHERE type = 'payment.confirmed' AND order_id = '{exact}'`},
			[]string{"seals event"}},
		{"an event's type", []string{`UPDATE events SET type = 'order.expired' WHERE type = 'order.completed' AND order_id = '{exact}'`},
			[]string{"events order {exact}", "seals event"}},
		{"an order ended twice", []string{
			`INSERT INTO events (id, order_id, scope_id, seq, type, state, overlay, row_name, at, facts, told)
				SELECT 'zz', order_id, scope_id, seq + 1, type, state, overlay, row_name, at, facts, 1 FROM events WHERE type = 'order.completed' AND order_id = '{exact}'`,
			`UPDATE orders SET body = json_set(body, '$.EventSeq', json_extract(body, '$.EventSeq') + 1) WHERE id = '{exact}'`},
			[]string{"events order {exact}: event 7: it ended as completed a second time"}},
		{"it was paid with less", []string{`UPDATE events SET facts = json_set(facts, '$.received', '10 USDT/6@test') WHERE type = 'order.paid' AND order_id = '{exact}'`},
			[]string{"events order {exact}", "it was paid with"}},
		{"an order's state, in its column", []string{`UPDATE orders SET state = 'failed' WHERE id = '{exact}'`},
			[]string{"record order {exact}: its columns contradict its record: state is failed and not completed"}},
		{"an order's state, everywhere", []string{`UPDATE orders SET state = 'failed', body = json_set(body, '$.state', 'failed') WHERE id = '{exact}'`},
			[]string{"events order {exact}: it is failed, and its last event says completed", "counters counter of m sandbox one, state completed"}},
		{"an order's own balance", []string{`UPDATE orders SET body = json_remove(body, '$.balances') WHERE id = '{gone}'`},
			[]string{"orders order {gone}: its postings leave"}},
		{"an order's record", []string{`UPDATE orders SET body = '{' WHERE id = '{gone}'`}, []string{"record order {gone}: cannot be read"}},
		{"an order is gone", []string{`DELETE FROM orders WHERE id = '{gone}'`},
			[]string{"missing entry", "missing event", "missing payment t4", "missing hold", "counters scope m sandbox one", "counters counter of m sandbox one, state completed"}},
		{"a merchant's reference twice", []string{`DROP INDEX orders_unique_key`, `UPDATE orders SET unique_key = 'exact' WHERE id = '{parts}'`},
			[]string{"unique reference exact", "record order {parts}"}},
		{"a payment's amount", []string{`UPDATE payments SET body = json_set(body, '$.amount', '1 USDT/6@test') WHERE external = 't1'`},
			[]string{"payments order {exact}: what is booked for payments in wallet/m/order/in"}},
		{"a payment's rank", []string{`UPDATE payments SET rank = 4 WHERE external = 't1'`}, []string{"record payment t1 on evm:test: its columns contradict its record: rank"}},
		{"a payment is gone", []string{`DELETE FROM payments WHERE external = 't1'`}, []string{"payments order {exact}"}},
		{"a payment of nobody is gone", []string{`DELETE FROM payments WHERE external = 's1'`}, []string{"payments account house/suspense/stray of sandbox"}},
		{"a payment of nobody that never was", []string{
			`INSERT INTO payments (rail, external, order_id, position, epoch, rank, block, body)
				SELECT rail, 's9', order_id, position, epoch, rank, block, json_set(body, '$.external', 's9') FROM payments WHERE external = 's1'`},
			[]string{"payments account house/suspense/stray of sandbox"}},
		{"a counter", []string{`UPDATE order_counts SET n = n + 1 WHERE state = 'cancelled'`}, []string{"counters counter of m sandbox one, state cancelled, bucket 0: says 2 orders, and there are 1"}},
		{"a counter is gone", []string{`DELETE FROM order_counts WHERE state = 'cancelled'`}, []string{"counters counter of m sandbox one, state cancelled, bucket 0: is gone"}},
		{"a counter of messages", []string{`UPDATE message_counts SET n = n + 1`}, []string{"counters messages of type", "-1 more were made on day"}},
		{"a counter of messages is gone", []string{`DELETE FROM message_counts`}, []string{"counters messages of type", "3 more were made on day"}},
		{"a sum", []string{`UPDATE order_sums SET units_0 = units_0 + 1 WHERE state = 'cancelled'`}, []string{"counters sum of m sandbox one, state cancelled, bucket 0, USDT/6@test: says 1, 0, 0, 1001 "}},
		{"how many were seen", []string{`UPDATE order_sums SET seen = seen - 1 WHERE state = 'completed'`}, []string{"counters sum of m sandbox one, state completed, bucket 0, USDT/6@test"}},
		{"a sum is gone", []string{`DELETE FROM order_sums WHERE state = 'cancelled'`}, []string{"counters sum of m sandbox one, state cancelled, bucket 0, USDT/6@test: is gone"}},
		{"a counter of payments", []string{`UPDATE payment_counts SET n = n + 2 WHERE rank = 3`}, []string{"counters payments of scope", "the counter is off by 2"}},
		{"a payment's scope", []string{`UPDATE payments SET scope_id = 99 WHERE external = 't1'`}, []string{"counters payment t1 on evm:test: it is counted for another scope"}},
		{"when a payment was told", []string{`UPDATE payments SET told_at = 1 WHERE external = 't1'`}, []string{"record payment t1 on evm:test: its columns contradict its record: told_at"}},
		{"the number of orders", []string{`UPDATE scopes SET last_number = 99 WHERE mode = 'live'`}, []string{"counters scope m live one: its last order number is 99, and there are 1 orders"}},
		{"a second open hold", []string{`DROP INDEX holds_open`,
			`INSERT INTO holds (number, from_at, order_id, to_at, rail) SELECT number, from_at + 1, '{exact}', 0, rail FROM holds WHERE order_id = '{open}'`},
			[]string{"holds hold of 0xsandbox", "two owners"}},
		{"a hold into another's time", []string{
			`INSERT INTO holds (number, from_at, order_id, to_at, rail) SELECT number, to_at - 1, '{open}', to_at + 5, rail FROM holds WHERE order_id = '{exact}'`},
			[]string{"holds hold of 0xsandbox", "two owners"}},
		{"an open order's hold is gone", []string{`DELETE FROM holds WHERE order_id = '{open}'`}, []string{"holds order {open}: it is waiting and has 0 holds of its 1 instruments"}},
		{"a transfer's state", []string{`UPDATE transfers SET state = 'confirmed' WHERE order_id = '{out}'`}, []string{"transfers order {out}: transfer"}},
		{"a transfer is gone", []string{`DELETE FROM transfers WHERE order_id = '{out}'`}, []string{"transfers order {out}: transfer"}},
		{"a transfer in flight in its order", []string{`UPDATE orders SET body = json_set(body, '$.transfers[0].state', 'confirmed') WHERE id = '{out}'`},
			[]string{"transfers order {out}: its transfers in flight and owed/m/order/out differ"}},
		{"a message's event is gone", []string{`UPDATE messages SET event_id = 'nothing' WHERE event_id = (SELECT MIN(event_id) FROM messages)`}, []string{"missing message"}},
		{"an action", []string{`UPDATE actions SET who = 'somebody' WHERE what = 'cancel'`}, []string{"seals action"}},
		{"an action is gone", []string{`DELETE FROM actions WHERE what = 'cancel'`}, []string{"seals action"}},
		{"a seal's digest", []string{`UPDATE seals SET digest = head WHERE mode = 'sandbox' AND n = 5`},
			[]string{"seals seal 5 of sandbox: does not follow", "was changed"}},
		{"a seal's head", []string{`UPDATE seals SET head = digest WHERE mode = 'sandbox' AND n = 5`}, []string{"seals seal 5 of sandbox: does not follow", "seals seal 6 of sandbox"}},
		{"a seal in the middle is gone", []string{`DELETE FROM seals WHERE mode = 'sandbox' AND n = 5`}, []string{"seals seal 6 of sandbox: follows seal 4", "is marked as sealed and has no seal"}},
		{"a seal's number", []string{`UPDATE seals SET n = n + 1000 WHERE mode = 'live' AND n = (SELECT MAX(n) FROM seals WHERE mode = 'live')`}, []string{"seals seal 10"}},
		{"the tail is cut", []string{
			`DELETE FROM seals WHERE mode = 'live' AND n = (SELECT MAX(n) FROM seals WHERE mode = 'live')`,
			`UPDATE entries SET sealed = 0 WHERE id NOT IN (SELECT ref FROM seals)`},
			[]string{fmt.Sprintf("head seal %d of live: was exported, and the chain ends at %d: its tail was cut off", heads[0].N, heads[0].N-1)}},
		{"an entry's mode", []string{`UPDATE entries SET mode = 'live' WHERE id = ` + entryOf("exact")},
			[]string{"is of live and sealed in the chain of sandbox", "orders order {exact}: entry"}},
		{"where money of nobody lies", []string{`UPDATE payments SET body = json_remove(body, '$.booked') WHERE external = 's1'`},
			[]string{`payments payment s1 on evm:test: is confirmed and booked in ""`}},
		{"the asset of money of nobody", []string{`UPDATE payments SET body = json_set(body, '$.amount', '5 EUR/2') WHERE external = 's1'`},
			[]string{"payments account house/suspense/stray of sandbox: has no posting"}},
		{"a balance's sign", []string{`UPDATE balances SET amount = '-5 EUR/2' WHERE account = 'house/fee'`}, []string{"balances balance house/fee in EUR/2 of sandbox: is -5, which such an account never is"}},
		{"a hold backwards", []string{`UPDATE holds SET to_at = from_at - 1 WHERE order_id = '{exact}'`}, []string{"ends before it begins"}},
		{"an event that cannot be read", []string{`UPDATE events SET facts = '{' WHERE id = ` + someEvent}, []string{"record event", "seals event"}},
		{"an event's scope", []string{`UPDATE events SET scope_id = (SELECT id FROM scopes WHERE mode = 'live') WHERE id = ` + someEvent},
			[]string{"events order {exact}: event 2 is of another merchant, mode or API"}},
		{"an end that was left", []string{`UPDATE events SET state = 'waiting' WHERE order_id = '{gone}' AND type = 'payment.reversed'`},
			[]string{"events order {gone}", "it had ended as completed and is waiting"}},
		{"completed and never paid", []string{`UPDATE events SET type = 'payment.seen' WHERE type = 'order.paid' AND order_id = '{exact}'`},
			[]string{"events order {exact}", "it was completed and never paid"}},
		{"an end that nobody told", []string{`UPDATE events SET type = 'payment.seen' WHERE type = 'order.completed' AND order_id = '{exact}'`},
			[]string{"events order {exact}: it is completed, and no event says that it ended so"}},
		{"the time of an end", []string{`UPDATE orders SET body = json_set(body, '$.EndedAt', '0001-01-01T00:00:00Z') WHERE id = '{exact}'`},
			[]string{"orders order {exact}: it is completed, and its end is"}},
		{"an end with money in", []string{`UPDATE orders SET body = json_set(body, '$.balances[0].account', 'wallet/m/order/in') WHERE id = '{exact}'`},
			[]string{"orders order {exact}: it has ended as completed with 0.001000 USDT in wallet/m/order/in"}},
		{"a shortfall above zero", []string{`UPDATE orders SET body = json_set(body, '$.balances[0].account', 'wallet/m/order/short') WHERE id = '{exact}'`},
			[]string{"orders order {exact}: it has 0.001000 USDT in wallet/m/order/short, which no order has"}},
		{"a payment that cannot be read", []string{`UPDATE payments SET body = '{' WHERE external = 't1'`}, []string{"record payment t1 on evm:test: cannot be read"}},
		{"a payment's place", []string{`UPDATE payments SET position = 5 WHERE external = 't1'`}, []string{"stands at 5 and should stand at 0"}},
		{"where a payment is booked", []string{`UPDATE payments SET body = json_remove(body, '$.booked') WHERE external = 't1'`},
			[]string{`payments payment t1 on evm:test: is confirmed and booked in ""`}},
		{"a mark is taken back", []string{`UPDATE entries SET sealed = 0 WHERE id = ` + entryOf("exact")}, []string{"seals entry", "marked as not sealed"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "till.db")
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(copied, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			fill := func(s string) string {
				for public, id := range ids {
					s = strings.ReplaceAll(s, "{"+public+"}", id)
				}
				return s
			}
			for i := range test.damage {
				damage(t, copied, fill(test.damage[i]))
			}
			r := check(t, copied, verify.Options{Heads: heads})
			var lines []string
			for _, p := range r.Problems {
				lines = append(lines, strings.Join(strings.Fields(p.String()), " "))
			}
			all := strings.Join(lines, "\n")
			for _, want := range test.want {
				if !strings.Contains("\n"+all, fill(want)) {
					t.Errorf("the report does not say %q:\n%s", fill(want), all)
				}
			}
		})
	}
}

// A chain that was written anew from some row on holds in itself; the exported head finds it.
func TestChainWrittenAnew(t *testing.T) {
	path, ids, heads := filled(t)
	damage(t, path, `UPDATE events SET facts = replace(facts, 'A. Payer', 'B. Payer') WHERE type = 'payment.confirmed' AND order_id = '`+ids["exact"]+`'`,
		`DELETE FROM seals`, `UPDATE events SET sealed = 0`, `UPDATE entries SET sealed = 0`, `UPDATE actions SET sealed = 0`)
	s := open(t, path)
	s.set(start.Add(2 * time.Hour))
	s.seal()
	s.close()
	if r := check(t, path, verify.Options{}); !r.OK() {
		t.Fatalf("without a head:\n%s", text(r))
	}
	r := check(t, path, verify.Options{Heads: heads})
	if r.OK() || !strings.Contains(text(r), "is not the head that was exported") {
		t.Errorf("with the heads:\n%s", text(r))
	}
	heads[0].Head = hex.EncodeToString(make([]byte, 32))
	if r := check(t, path, verify.Options{Heads: heads[:1]}); r.OK() {
		t.Error("any head is found")
	}
}
