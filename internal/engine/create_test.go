package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/store/storetest"
)

// Everything of a new order is written in one transaction. // invariant I12
func TestCreate(t *testing.T) {
	k := newKit(t)
	k.order(k.ask(shop, north)) // the scope has its rows
	was, stats, woken := k.dump(), k.store.Stats(), k.woken.Load()

	asked := k.ask(shop, north)
	asked.Reference, asked.UniqueKey = "Invoice 7", "invoice 7"
	o := k.order(asked)

	wantList(k, "tables", k.changed(was), "events", "holds", "order_counts", "order_sums", "orders", "scopes")
	now := k.store.Stats()
	want(k, "commits", now.Groups-stats.Groups, 1)
	want(k, "wakes", k.woken.Load()-woken, 1)

	kept := k.now(o)
	want(k, "state", kept.State, order.Waiting)
	want(k, "number", kept.Number, 2)
	want(k, "reference", kept.Reference, "Invoice 7")
	want(k, "network", kept.Network, "north")
	want(k, "rail", kept.Rail, "evm:north")
	want(k, "address", kept.Instrument, engine.Instrument{Family: engine.EVM, Value: "a2"}) // the first of the import went to the first order
	want(k, "created", kept.CreatedAt, start)
	want(k, "deadline", kept.Terms.Deadline, at(window))
	want(k, "skew", kept.Skew, 0)
	want(k, "head", kept.Head, 100)
	want(k, "document", string(kept.Doc), `{}`)
	wantList(k, "events", k.events(o), "order.created")

	page, err := k.engine.Orders(context.Background(), engine.Filter{Scope: shop, States: []order.State{order.Waiting}, Page: 1, Limit: 10})
	k.must(err)
	want(k, "orders waiting", page.Total, 2)
	counts, err := k.engine.InstrumentCounts(context.Background(), pool(shop))
	k.must(err)
	want(k, "addresses", counts, engine.InstrumentCounts{Total: 8, Free: 6, Held: 2})
}

// A refused order leaves nothing behind, and the address it would have had is the next one's.
func TestCreateRefused(t *testing.T) {
	refusedByTerms := errors.New("refused by the terms")
	tests := []struct {
		name string
		ask  func(k *kit, n *engine.NewOrder)
		want fault.Code
	}{
		{"the reference is taken", func(k *kit, n *engine.NewOrder) { n.UniqueKey = "taken" }, fault.CodeDuplicateReference}, // invariant I9
		{"no address is free", func(k *kit, n *engine.NewOrder) { n.Scope.Merchant = "nobody" }, fault.CodeNoAddress},
		{"nobody watches the network", func(k *kit, n *engine.NewOrder) { n.Network = silent }, fault.CodeNotConfigured},
		{"addresses on a rail that tells no time", func(k *kit, n *engine.NewOrder) { n.Network = bank }, fault.CodeNotConfigured},
		{"a network of another mode", func(k *kit, n *engine.NewOrder) { n.Network = mainnet }, fault.CodeInvalidNetwork},
		{"the terms refuse", func(k *kit, n *engine.NewOrder) {
			n.Terms = func(engine.Plan) (order.Terms, json.RawMessage, error) { return order.Terms{}, nil, refusedByTerms }
		}, ""},
		{"the terms do not hold", func(k *kit, n *engine.NewOrder) {
			*n = withTerms(*n, func(t *order.Terms) { t.Due = units(northUSDT, 0) })
		}, fault.CodeInvalidAmount},
		{"the key is another request's", func(k *kit, n *engine.NewOrder) {
			n.Once = &engine.Once{Key: engine.AnswerKey{Scope: "shop", Key: "used"}, Hash: "another"}
		}, fault.CodeIdempotencyConflict}, // case 35
		{"a delivery without a destination", func(k *kit, n *engine.NewOrder) { deliverTo(n, engine.Destination{}) }, fault.CodeMissingField},
		{"a delivery into another mode", func(k *kit, n *engine.NewOrder) {
			deliverTo(n, engine.Destination{Rail: mainnet.Rail, To: "payee"})
		}, fault.CodeNotConfigured},
		{"a delivery on no rail", func(k *kit, n *engine.NewOrder) { deliverTo(n, engine.Destination{Rail: "none", To: "payee"}) }, fault.CodeNotConfigured},
		{"the balance is too small", func(k *kit, n *engine.NewOrder) {
			book := ledger.Owed("shop")
			*n = withTerms(*n, func(t *order.Terms) {
				*t = order.Terms{Book: book, Due: units(eur, 1), To: book.Account(ledger.Merchant), FromBalance: true, Instant: true}
			})
			n.Network = engine.Network{}
		}, fault.CodeInsufficientBalance},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			k := newKit(t)
			first := k.ask(shop, north)
			first.UniqueKey = "taken"
			first.Once = &engine.Once{Key: engine.AnswerKey{Scope: "shop", Key: "used"}, Hash: "hash"}
			first.Answer = answer
			k.order(first)
			woken := k.woken.Load()

			asked := k.ask(shop, north)
			asked.Once, asked.Answer = &engine.Once{Key: engine.AnswerKey{Scope: "shop", Key: "new"}, Hash: "hash"}, answer
			tc.ask(k, &asked)
			k.unchanged("a refused order", func() {
				made, err := k.engine.Create(context.Background(), asked)
				if tc.want == "" {
					if !errors.Is(err, refusedByTerms) {
						k.Fatalf("error is %v", err)
					}
				} else {
					k.wantCode(err, tc.want)
				}
				if tc.want == fault.CodeDuplicateReference {
					refusal, _ := fault.As(err)
					want(k, "the existing order", refusal.Details["existing"], first.PublicID)
				}
				if made.Order != nil || made.Replay != nil {
					k.Errorf("refused, and made %+v", made)
				}
			})
			want(k, "wakes", k.woken.Load(), woken)
			want(k, "the next order's address", k.order(k.ask(shop, north)).Instrument.Value, "a2")
		})
	}
}

func answer(o *engine.Order) (int, []byte) { return 201, []byte("made " + o.PublicID) }

// deliverTo asks for a delivery that leaves the house.
func deliverTo(n *engine.NewOrder, d engine.Destination) {
	book := ledger.Owed(n.Scope.Merchant)
	*n = withTerms(*n, func(t *order.Terms) {
		t.Book, t.To, t.Instant, t.Sends = book, ledger.House.Account(ledger.PayeeOn("bank")), false, 1
	})
	n.Destination = d
}

// Of many that ask with one reference at once, one gets its order. // case 34, invariant I9
func TestCreateDuplicates(t *testing.T) {
	k := newKit(t)
	asks := make([]engine.NewOrder, 64)
	for i := range asks {
		asks[i] = k.ask(shop, north)
		asks[i].UniqueKey = "one"
	}
	type outcome struct {
		made engine.Created
		err  error
	}
	got := storetest.AtOnce(64, func(i int) outcome {
		made, err := k.engine.Create(context.Background(), asks[i])
		return outcome{made, err}
	})
	var winner *engine.Order
	for _, g := range got {
		if g.err == nil {
			if winner != nil {
				k.Fatal("two orders of one reference")
			}
			winner = g.made.Order
		}
	}
	if winner == nil {
		k.Fatal("no order was made")
	}
	for _, g := range got {
		if g.err == nil {
			continue
		}
		k.wantCode(g.err, fault.CodeDuplicateReference)
		refusal, _ := fault.As(g.err)
		want(k, "the existing order", refusal.Details["existing"], winner.PublicID)
	}
	counts, err := k.engine.InstrumentCounts(context.Background(), pool(shop))
	k.must(err)
	want(k, "addresses held", counts.Held, 1)
	wantList(k, "events", k.events(winner), "order.created")
	found, err := k.engine.OrderByUnique(context.Background(), engine.UniqueKey{Scope: shop, Key: "one"})
	k.must(err)
	want(k, "the order of the reference", found.ID, winner.ID)

	// A reference is one scope's: in any other it is free.
	for _, s := range []engine.Scope{other, shopTwo, shopLive} {
		asked := k.ask(s, map[engine.Mode]engine.Network{engine.Sandbox: north, engine.Live: mainnet}[s.Mode])
		asked.UniqueKey = "one"
		want(k, "number", k.order(asked).Number, 1)
	}
}

// Terms see the mode's time and the merchant's settings as they are in the transaction.
func TestCreatePlan(t *testing.T) {
	k := newKit(t)
	_, err := k.engine.MoveClock(context.Background(), engine.Sandbox, time.Hour)
	k.must(err)
	k.must(k.engine.SaveSetting(context.Background(), engine.SettingScope{Merchant: "shop", Mode: engine.Sandbox}, "window", json.RawMessage(`7`)))
	k.must(k.engine.SaveSetting(context.Background(), engine.SettingScope{Merchant: "other", Mode: engine.Sandbox}, "window", json.RawMessage(`8`)))
	for _, tc := range []struct {
		scope   engine.Scope
		network engine.Network
		now     time.Time
		setting string
	}{{shop, north, at(time.Hour), `7`}, {other, north, at(time.Hour), `8`}, {shopLive, mainnet, start, ``}} {
		var plan engine.Plan
		asked := k.ask(tc.scope, tc.network)
		was := asked.Terms
		asked.Terms = func(p engine.Plan) (order.Terms, json.RawMessage, error) { plan = p; return was(p) }
		o := k.order(asked)
		want(k, "now", plan.Now, tc.now)
		want(k, "setting", string(plan.Settings["window"]), tc.setting)
		want(k, "created", o.CreatedAt, tc.now)
	}
}

// A reference that is made for one order has the network's prefix and is never another's.
func TestCreateMadeReference(t *testing.T) {
	k := newKit(t)
	var values []string
	for range 3 {
		asked := k.ask(shop, bank)
		asked.Instrument = engine.Made
		o := k.order(asked)
		want(k, "prefix", o.Instrument.Value[:4], "REF-")
		values = append(values, o.Instrument.Value)
	}
	want(k, "references", len(slices.Compact(slices.Sorted(slices.Values(values)))), 3)

	asked := k.ask(shop, bank)
	asked.Instrument = engine.None
	want(k, "an order without", k.order(asked).Instrument, engine.Instrument{})
}

// A rail whose first word has come can be collected on at once.
func TestCreateAfterTheFirstWord(t *testing.T) {
	k := newKit(t)
	_, err := k.engine.Create(context.Background(), k.ask(shop, silent))
	k.wantCode(err, fault.CodeNotConfigured)
	k.must(k.engine.Observe(context.Background(), silent, engine.Report{Progress: engine.Progress{Rail: silent.Rail, Fence: 1, Cursor: rail.Cursor{Head: 1, Horizon: start}}}))
	want(k, "network", k.order(k.ask(shop, silent)).Network, "silent")
}
