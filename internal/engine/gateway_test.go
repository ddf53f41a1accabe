package engine_test

import (
	"context"
	"fmt"
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
	lineUSDC = money.MustAsset("USDC", "line", 6)
	farUSDC  = money.MustAsset("USDC", "far", 6)

	// lineNet is a chain that is watched; farNet is one that only the gateway tells of.
	lineNet = engine.Network{ID: "line", Family: engine.EVM, Mode: engine.Sandbox, Rail: "evm:line", ChainID: 59144, Confirmations: 3,
		Tokens: []engine.Token{{Asset: lineUSDC, Contract: "0xline"}}}
	farNet = engine.Network{ID: "far", Family: "daimo:far", Mode: engine.Sandbox, Rail: "daimo:far", ChainID: 8453, Custodial: true,
		Tokens: []engine.Token{{Asset: farUSDC, Contract: "0xfar"}}}
	gatewayFar = engine.Gateway{ID: "far", Name: "Far", Mode: engine.Sandbox, Rail: "daimo:far", Network: "far", Address: "0xhouse"}
)

// gatewayKit is a kit with a gateway, a chain that is watched, and the gateway's own network that is not.
func gatewayKit(t *testing.T, addresses int) *kit {
	k := newKit(t)
	k.engine = engine.New(k.store, []engine.Network{north, lineNet, farNet}, func() {}).
		WithGateways([]engine.Gateway{gatewayFar, {ID: "live", Mode: engine.Live, Rail: "daimo:live"}, {ID: "silent", Mode: engine.Sandbox, Rail: "daimo:silent"}})
	k.heads[lineNet.Rail], k.heads[farNet.Rail] = 99, 0
	k.block(lineNet, start)
	k.must(k.tell(farNet, 1, start))
	k.pool(pool(shop), "line", addresses)
	return k
}

// routed is an order of 100 units in one piece, with one attempt, that may be paid through the gateway.
func (k *kit) routed(n engine.Network) engine.NewOrder {
	ask := withTerms(k.ask(shop, n), func(t *order.Terms) { t.Whole, t.OneAttempt = true, true })
	if n.Custodial {
		ask.Instrument = engine.None
		ask = withTerms(ask, func(t *order.Terms) { t.Book = ledger.Owed("shop"); t.To = t.Book.Account(ledger.Merchant) })
	}
	ask.Gateway = engine.Paying{Gateway: "far", Request: k.unique("payment_x"), Title: "A card", Currency: "USD", Price: "1.00", Metadata: map[string]string{"orderId": ask.PublicID}}
	return ask
}

// says is a gateway's word about an order's payment g; what it says of the session beside follows from it.
func says(o *engine.Order, rank order.Rank, epoch uint64, n int64, s rail.Session) rail.Observation {
	s.Payment = "g" + o.PublicID
	return rail.Observation{
		Session: &s, External: s.Payment, Instrument: o.Gateway.Request.Value, Epoch: epoch, Rank: rank,
		Amount: units(o.Terms.Due.Asset(), n), Value: at(time.Minute), Final: rank == order.RankReversed,
		Evidence: order.Evidence{Tx: s.Tx, From: s.From, To: o.Gateway.To},
	}
}

func permutations[T any](list []T, each func([]T)) {
	var walk func(done, left []T)
	walk = func(done, left []T) {
		if len(left) == 0 {
			each(append([]T{}, done...))
		}
		for i := range left {
			rest := append(append([]T{}, left[:i]...), left[i+1:]...)
			walk(append(done, left[i]), rest)
		}
	}
	walk(nil, list)
}

// What the gateway tells and what the chain tells of one payment is one payment, in whatever order they tell it: the
// chain's counts, and the gateway's is never booked.
func TestGatewayAndChainTellOneTruth(t *testing.T) {
	k := gatewayKit(t, 130)
	for _, test := range []struct {
		name  string
		n     int // of words
		words func(o *engine.Order) []rail.Observation
		last  order.State
	}{
		{"paid", 5, func(o *engine.Order) []rail.Observation {
			return []rail.Observation{
				says(o, 0, 0, 0, rail.Session{URL: "https://pay"}), says(o, order.RankSeen, 0, 100, rail.Session{From: "0xpayer"}),
				says(o, order.RankConfirmed, 1, 100, rail.Session{Tx: "0xTX" + o.PublicID}),
				{External: "0xtx" + o.PublicID, Instrument: o.Instrument.Value, Rank: order.RankSeen, Amount: units(lineUSDC, 100), Value: at(time.Minute), Evidence: order.Evidence{Tx: "0xtx" + o.PublicID, Block: 101}},
				{External: "0xtx" + o.PublicID, Instrument: o.Instrument.Value, Rank: order.RankConfirmed, Amount: units(lineUSDC, 100), Value: at(time.Minute), Evidence: order.Evidence{Tx: "0xtx" + o.PublicID, Block: 101}},
			}
		}, order.Completed},
		{"bounced", 3, func(o *engine.Order) []rail.Observation {
			return []rail.Observation{
				says(o, 0, 0, 0, rail.Session{URL: "https://pay"}), says(o, order.RankSeen, 0, 100, rail.Session{}),
				says(o, order.RankFailed, 0, 100, rail.Session{Note: rail.NoteBounced}),
			}
		}, order.Failed},
		{"refunded", 2, func(o *engine.Order) []rail.Observation {
			return []rail.Observation{
				says(o, order.RankSeen, 0, 100, rail.Session{}), says(o, order.RankReversed, 0, 100, rail.Session{Note: rail.NoteRefunded}),
			}
		}, order.Failed},
	} {
		var first string
		permutations([]int{0, 1, 2, 3, 4}[:test.n], func(turn []int) {
			o := k.order(k.routed(lineNet))
			words := test.words(o)
			for _, i := range turn {
				n := lineNet
				if words[i].Session != nil {
					n = farNet
				}
				k.must(k.tell(n, 1, start, words[i], words[i])) // each twice
			}
			o = k.now(o)
			want(k, fmt.Sprint(test.name, turn), o.State, test.last)
			got := fmt.Sprint(o.Received(), o.Arrived(), len(o.Payments), o.Gateway.Payment == "g"+o.PublicID, o.Gateway.Tx == "0xTX"+o.PublicID, o.Gateway.Note, o.Gateway.URL)
			for _, p := range o.Payments {
				if p.Rail == string(farNet.Rail) && (p.Booked != "" || p.Rank == order.RankConfirmed) {
					k.Errorf("%s %v: the gateway's word was booked: %+v", test.name, turn, p)
				}
			}
			for _, b := range o.Balances {
				got += fmt.Sprint(" ", b.Account, b.Amount)
			}
			if first == "" {
				first = got
			}
			want(k, fmt.Sprint(test.name, turn), got, first)
		})
	}
	want(k, "collected on the chain", k.balance(engine.Sandbox, ledger.Wallet("shop").Account(ledger.Merchant), lineUSDC), "12000") // 120 orders of 100
	want(k, "collected at the gateway", k.balance(engine.Sandbox, ledger.House.Account(ledger.PayerOn(string(farNet.Rail))), lineUSDC), "0")
}

// Where nobody watches the chain, the gateway's word counts, once.
func TestGatewayWithItsOwnNetwork(t *testing.T) {
	k := gatewayKit(t, 1)
	o := k.order(k.routed(farNet))
	want(k, "where it is paid to", o.Gateway.To, "0xhouse")
	done := says(o, order.RankConfirmed, 1, 100, rail.Session{Tx: "0xt"})
	k.must(k.tell(farNet, 1, start, done, says(o, order.RankSeen, 0, 100, rail.Session{}), done))
	k.wantState(o, order.Completed)
	want(k, "owed", k.balance(engine.Sandbox, ledger.Owed("shop").Account(ledger.Merchant), farUSDC), "100")
	// A refund told afterwards is a note: the payment stands, for the gateway still says that it delivered.
	k.must(k.tell(farNet, 1, start, says(o, order.RankConfirmed, 1, 100, rail.Session{Note: rail.NoteRefunded})))
	o = k.now(o)
	want(k, "note", o.Gateway.Note, rail.NoteRefunded)
	want(k, "state", o.State, order.Completed)
	want(k, "owed", k.balance(engine.Sandbox, ledger.Owed("shop").Account(ledger.Merchant), farUSDC), "100")

	less := k.order(k.routed(farNet))
	k.must(k.tell(farNet, 1, start, says(less, order.RankConfirmed, 1, 99, rail.Session{Tx: "0xu"})))
	k.wantState(less, order.Failed)
	want(k, "set aside", k.share(less, ledger.Unfit), "99")
}

// An order whose money a gateway has announced in time waits for it at its deadline, and no longer than its terms say. It does
// not expire before the gateway was asked about the time up to the deadline.
func TestGatewayAndTime(t *testing.T) {
	k := gatewayKit(t, 3)
	waits, little, none := k.order(k.routed(lineNet)), k.order(k.routed(lineNet)), k.order(k.routed(lineNet))
	k.must(k.tell(farNet, 1, at(time.Minute), says(waits, order.RankSeen, 0, 100, rail.Session{}), says(little, order.RankSeen, 0, 60, rail.Session{})))
	late := window + time.Minute
	k.pass(lineNet, at(late))
	k.wantState(none, order.Waiting) // the gateway may know something of that time
	k.must(k.tell(farNet, 1, at(late)))
	k.tick(lineNet)
	k.wantState(none, order.Expired)
	k.wantState(little, order.Expired)
	k.wantState(waits, order.Seen)
	late = window + confirm + time.Minute
	k.must(k.tell(farNet, 1, at(late)))
	k.pass(lineNet, at(late))
	k.wantState(waits, order.Expired)
	// What comes then is set aside, and the state stays.
	k.block(lineNet, at(late), k.word(lineNet, order.RankConfirmed, "slow", waits.Instrument.Value, units(lineUSDC, 100), at(late)))
	k.must(k.tell(farNet, 1, at(late), says(waits, order.RankConfirmed, 1, 100, rail.Session{Tx: "slow"})))
	k.wantState(waits, order.Expired)
	want(k, "set aside", k.share(waits, ledger.Late), "100")
	want(k, "its transaction", k.now(waits).Gateway.Tx, "slow")
}

// The request is written with the order, and only with it.
func TestGatewayIsAskedWithTheOrder(t *testing.T) {
	k := gatewayKit(t, 2)
	ask := k.routed(lineNet)
	o := k.order(ask)
	items, err := k.engine.State(farNet.Rail).List(context.Background(), rail.RequestKey, "", 10)
	k.must(err)
	want(k, "requests", len(items), 1)
	got, err := rail.ReadRequest(items[0].Value)
	k.must(err)
	want(k, "request", fmt.Sprint(got.ID, got.Amount, got.Chain, got.Token, got.To, got.Until, got.Title, got.Currency, got.Price, got.Metadata),
		fmt.Sprint(ask.Gateway.Request, o.Terms.Due, 59144, "0xline", o.Instrument.Value, at(window+confirm), "A card", "USD", "1.00", map[string]string{"orderId": o.PublicID}))
	for _, change := range []func(n *engine.NewOrder){
		func(n *engine.NewOrder) { n.Gateway.Gateway = "live" },
		func(n *engine.NewOrder) { n.Gateway.Gateway = "silent" },
		func(n *engine.NewOrder) { n.Gateway.Gateway = "unknown" },
		func(n *engine.NewOrder) { n.Network = north }, // of which no contract is known
	} {
		n := k.routed(lineNet)
		change(&n)
		k.unchanged("refused", func() {
			_, err := k.engine.Create(context.Background(), n)
			k.wantCode(err, fault.CodeNotConfigured)
		})
	}
	twice := k.routed(lineNet)
	twice.Gateway.Request = ask.Gateway.Request
	k.unchanged("another order's request", func() {
		if _, err := k.engine.Create(context.Background(), twice); err == nil {
			t.Error("two orders have one request")
		}
	})
}

// A gateway's word about an order that is not paid through it changes nothing.
func TestGatewayOfAnother(t *testing.T) {
	k := gatewayKit(t, 2)
	o := k.order(k.routed(lineNet))
	other := farNet
	other.ID, other.Rail = "other", "daimo:other"
	k.must(k.tell(other, 1, start, says(o, order.RankConfirmed, 1, 100, rail.Session{Tx: "0xt"})))
	k.wantState(o, order.Waiting)
	want(k, "payments", len(k.now(o).Payments), 0)
}

func TestGateways(t *testing.T) {
	k := gatewayKit(t, 0)
	var ids []string
	for _, g := range k.engine.Gateways(engine.Sandbox) {
		ids = append(ids, g.ID)
	}
	wantList(k, "gateways", ids, "far", "silent")
	g := engine.Gateway{Tolerance: 50}
	want(k, "half a percent", g.Under(units(lineUSDC, 199_000199)).Units(), "995000")
	want(k, "exact", engine.Gateway{}.Under(units(lineUSDC, 199)).Units(), "0")
}

// What a gateway says of a payment stands on the order with the time of its last new word; the same word again moves neither.
func TestGatewayStands(t *testing.T) {
	k := gatewayKit(t, 1)
	o := k.order(k.routed(lineNet))
	want(k, "before a word", k.now(o).Gateway.ToldAt.IsZero(), true)
	for i, status := range []string{"unpaid", "started", "started"} {
		k.clock.set(start.Add(time.Duration(i+1) * time.Minute))
		k.must(k.tell(farNet, 1, start, says(o, 0, 0, 0, rail.Session{Status: status})))
		now := k.now(o).Gateway
		want(k, "its status", now.Status, status)
		want(k, "its time", now.ToldAt.Sub(start), time.Duration(min(i, 1)+1)*time.Minute)
	}
	k.clock.set(start.Add(9 * time.Minute))
	k.must(k.tell(farNet, 1, start, says(o, order.RankSeen, 0, 100, rail.Session{}))) // money and nothing new beside
	want(k, "its status", k.now(o).Gateway.Status, "started")
	want(k, "its time", k.now(o).Gateway.ToldAt.Sub(start), 2*time.Minute)
}
