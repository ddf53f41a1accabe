package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/quote"
	"till/internal/rail"
)

// fixed is the source of the rates of these tests.
const fixed = "fixed"

// rate is a word of fixed that never ages.
func rate(base, to, value string, at time.Time) quote.Rate {
	return quote.Rate{Base: base, Quote: to, Value: quote.MustDecimal(value), At: at, Source: fixed, MaxAge: quote.Forever}
}

// tellRates says what is told from now on, all of it.
func (k *kit) tellRates(list ...quote.Rate) error {
	k.Helper()
	doubted, err := k.engine.TellRates(context.Background(), []string{fixed}, []engine.RatesTold{{Source: fixed, Rates: list}})
	k.must(err)
	return doubted
}

// exchanging is the kit with a price and the rate of 1 EUR = 1.25 USDT.
func exchanging(t *testing.T) *kit {
	k := newKit(t)
	k.pool(engine.HousePool(engine.Sandbox, engine.EVM), "h", 8) // for what the house collects
	x := engine.DefaultExchange()
	x.Now = k.clock.now
	x.Pricing = []engine.Pricing{{Kind: "dear", Percent: 100, Fixed: "0.50", From: "EUR", Tax: 1900}, {Kind: "wrong", Fixed: "0.123", From: "EUR"}}
	var err error
	k.engine, err = k.engine.WithExchange(x)
	k.must(err)
	k.must(k.tellRates(rate("EUR", "USDT", "1.25", start)))
	return k
}

func (k *kit) quote(s engine.Scope, ask quote.Ask, kind string) *engine.Quote {
	k.Helper()
	q, err := k.engine.MakeQuote(context.Background(), engine.NewQuote{ID: k.unique("qte"), Scope: s, Ask: ask, OrderKind: kind, Doc: json.RawMessage(`{"a":1}`)})
	k.must(err)
	return q
}

// topUp puts money into shop's balance by an order that a bank's payment completes.
func (k *kit) topUp(amount int64) {
	k.Helper()
	book := ledger.Owed(shop.Merchant)
	o := k.order(engine.NewOrder{
		Scope: shop, PublicID: k.unique("top"), Network: bank, Instrument: engine.Made,
		Terms: func(engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: book, Due: units(eur, amount), To: book.Account(ledger.Merchant), OverAny: true, Instant: true}, nil, nil
		},
	})
	k.must(k.engine.Observe(context.Background(), bank, engine.Report{
		Progress: engine.Progress{Rail: bank.Rail, Fence: 1}, Seen: []rail.Observation{k.confirmed(o, k.unique("pay"), amount, k.clock.now())},
	}))
	k.wantState(o, order.Completed)
}

// exchange is an order over shop's balance that copies what the plan says of its exchange.
func (k *kit) exchange(change func(n *engine.NewOrder)) engine.NewOrder {
	book := ledger.Owed(shop.Merchant)
	n := engine.NewOrder{
		Scope: shop, PublicID: k.unique("ord"), Kind: "swap",
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			if p.Quote == nil {
				return order.Terms{}, nil, errors.New("there is no quote")
			}
			return order.Terms{
				Book: book, Due: p.Quote.AmountIn, Fee: p.Quote.Fee, Out: p.Quote.AmountOut, To: book.Account(ledger.Merchant), FromBalance: true, Instant: true,
			}, json.RawMessage(`{"doc":1}`), nil
		},
	}
	change(&n)
	return n
}

func eurIn(cents int64) quote.Ask {
	return quote.Ask{From: eur, To: northUSDT, AmountIn: units(eur, cents)}
}

func TestQuoteIsMadeAndFound(t *testing.T) {
	k := exchanging(t)
	q := k.quote(shop, eurIn(100_00), "dear")
	// 100 EUR cost a fee of 0.50 + 1.00 and 19 % of that, 1.785: 1.79; 98.21 buy 122.7625.
	want(k, "fee", q.Fee.Decimal(), "1.79")
	want(k, "tax", q.Tax.Decimal(), "0.29")
	want(k, "out", q.AmountOut.Decimal(), "122.762500")
	want(k, "end", q.Ends, start.Add(15*time.Second))
	got, err := k.engine.Quote(context.Background(), shop, q.ID)
	k.must(err)
	want(k, "the numbers on record", got.AmountOut.Equal(q.AmountOut) && got.ExchangeRate == q.ExchangeRate && got.Check() == nil && string(got.Doc) == `{"a":1}`, true)
	for _, foreign := range []engine.Scope{shopTwo, shopLive, other} {
		_, err := k.engine.Quote(context.Background(), foreign, q.ID)
		k.wantCode(err, fault.CodeNotFound)
	}
	// Another kind has no price of its own, and a price that nobody promises is the same.
	free := k.quote(shop, eurIn(100_00), "swap")
	want(k, "out without a fee", free.AmountOut.Decimal(), "125.000000")
	priced, err := k.engine.Price(context.Background(), shop, eurIn(100_00), "dear")
	k.must(err)
	want(k, "the price", priced.AmountOut.Equal(q.AmountOut), true)
	_, err = k.engine.Price(context.Background(), shop, eurIn(100_00), "wrong")
	k.wantCode(err, fault.CodeNotConfigured)
	_, err = k.engine.Price(context.Background(), shop, quote.Ask{From: eur, To: money.MustAsset("COP", "", 2), AmountIn: units(eur, 1)}, "swap")
	k.wantCode(err, fault.CodeNotConfigured)
}

// case 8
func TestQuoteIsFrozenOnItsOrder(t *testing.T) {
	k := exchanging(t)
	k.topUp(100_00)
	q := k.quote(shop, eurIn(100_00), "dear")
	k.tellRates(rate("EUR", "USDT", "1.30", start.Add(time.Second)))
	k.clock.set(start.Add(15 * time.Second)) // its last moment
	o := k.order(k.exchange(func(n *engine.NewOrder) { n.Quote = q.ID }))
	o = k.now(o)
	want(k, "state", o.State, order.Completed)
	want(k, "quote", o.Quote.ID == q.ID && o.Quote.AmountOut.Equal(q.AmountOut) && o.Quote.ExchangeRate == q.ExchangeRate, true)
	want(k, "out", k.balance(engine.Sandbox, ledger.Owed("shop").Account(ledger.Merchant), northUSDT), "122762500")
	want(k, "the house's fee", k.balance(engine.Sandbox, ledger.House.Account(ledger.Fee), eur), "179")
	want(k, "the house's side in", k.balance(engine.Sandbox, ledger.House.Account(ledger.FX), eur), "9821")
	want(k, "the house's side out", k.balance(engine.Sandbox, ledger.House.Account(ledger.FX), northUSDT), "-122762500")
	used, err := k.engine.Quote(context.Background(), shop, q.ID)
	k.must(err)
	want(k, "used by", used.UsedBy, o.PublicID)
}

func TestQuoteIsRefused(t *testing.T) {
	k := exchanging(t)
	k.topUp(100_00)
	try := func(s engine.Scope, id string) error {
		_, err := k.engine.Create(context.Background(), k.exchange(func(n *engine.NewOrder) { n.Scope, n.Quote = s, id }))
		return err
	}
	q := k.quote(shop, eurIn(10_00), "swap")
	k.unchanged("a refused quote", func() {
		k.wantCode(try(shop, "nobody's"), fault.CodeNotFound)
		k.wantCode(try(shopTwo, q.ID), fault.CodeNotFound)
		k.clock.set(start.Add(15*time.Second + time.Microsecond))
		k.wantCode(try(shop, q.ID), fault.CodeQuoteExpired)
	})
	q = k.quote(shop, eurIn(10_00), "swap")
	k.must(try(shop, q.ID))
	k.unchanged("a used quote", func() {
		err := try(shop, q.ID)
		k.wantCode(err, fault.CodeQuoteUsed)
		refusal, _ := fault.As(err)
		want(k, "by whom", strings.HasPrefix(refusal.Details["existing"], "ord-"), true)
	})
	// An order that is refused for another reason leaves its quote as it was.
	q = k.quote(shop, eurIn(1000_00), "swap")
	k.wantCode(try(shop, q.ID), fault.CodeInsufficientBalance)
	left, err := k.engine.Quote(context.Background(), shop, q.ID)
	k.must(err)
	want(k, "used by", left.UsedBy, "")
}

// Of 64 callers at once one gets the quote.
func TestQuoteIsUsedOnce(t *testing.T) {
	k := exchanging(t)
	k.topUp(1000_00)
	q := k.quote(shop, eurIn(10_00), "swap")
	var wg sync.WaitGroup
	outcomes := make(chan error, 64)
	for range 64 {
		n := k.exchange(func(n *engine.NewOrder) { n.Quote = q.ID })
		wg.Go(func() { _, err := k.engine.Create(context.Background(), n); outcomes <- err })
	}
	wg.Wait()
	close(outcomes)
	made := 0
	for err := range outcomes {
		if err == nil {
			made++
		} else {
			k.wantCode(err, fault.CodeQuoteUsed)
		}
	}
	want(k, "orders", made, 1)
	want(k, "the balance", k.balance(engine.Sandbox, ledger.Owed("shop").Account(ledger.Merchant), eur), "99000")
}

func TestPriceIsFoundWithTheOrder(t *testing.T) {
	k := exchanging(t)
	k.topUp(100_00)
	ask := quote.Ask{From: eur, To: northUSDT, AmountOut: units(northUSDT, 50_000_001)}
	o := k.now(k.order(k.exchange(func(n *engine.NewOrder) { n.Ask = &ask })))
	want(k, "paid", o.Terms.Due.Decimal(), "40.01")
	want(k, "quote", o.Quote != nil && o.Quote.ID == "" && o.Quote.Check() == nil, true)
}

func TestTermsMustCopyTheQuote(t *testing.T) {
	k := exchanging(t)
	k.topUp(100_00)
	for name, change := range map[string]func(t *order.Terms){
		"due": func(t *order.Terms) { t.Due = t.Due.Sub(units(eur, 1)) },
		"fee": func(t *order.Terms) { t.Fee = units(eur, 1) },
		"out": func(t *order.Terms) { t.Out = t.Out.Add(units(northUSDT, 1)) },
	} {
		q := k.quote(shop, eurIn(10_00), "swap")
		_, err := k.engine.Create(context.Background(), withTerms(k.exchange(func(n *engine.NewOrder) { n.Quote = q.ID }), change))
		if _, ok := fault.As(err); err == nil || ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The rate of an order that somebody else pays holds for as long as the rail needs.
func TestRateHolds(t *testing.T) {
	k := exchanging(t)
	for _, c := range []struct {
		n    engine.Network
		ask  quote.Ask
		hold time.Duration
	}{
		{north, quote.Ask{From: northUSDT, To: eur, AmountIn: units(northUSDT, 100_000_000)}, 30 * time.Minute},
		{bank, eurIn(100_00), 24 * time.Hour},
	} {
		q := k.quote(shop, c.ask, "swap")
		from := engine.Pooled
		if c.n.ID == bank.ID {
			from = engine.Made
		}
		o := k.order(engine.NewOrder{
			Scope: shop, PublicID: k.unique("ord"), Network: c.n, Instrument: from, Quote: q.ID,
			Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
				want(k, "hold", p.RateHold, c.hold)
				book := ledger.Owed(shop.Merchant)
				return order.Terms{Book: book, Due: p.Quote.AmountIn, Fee: p.Quote.Fee, Out: p.Quote.AmountOut, To: book.Account(ledger.Merchant), Instant: true, OverAny: true}, nil, nil
			},
		})
		want(k, "deadline", o.Terms.Deadline, start.Add(c.hold))
	}
}

func TestOldQuotesAreForgotten(t *testing.T) {
	k := exchanging(t)
	k.topUp(100_00)
	unused, used := k.quote(shop, eurIn(1_00), "swap"), k.quote(shop, eurIn(1_00), "swap")
	k.order(k.exchange(func(n *engine.NewOrder) { n.Quote = used.ID }))
	forget := func(at time.Time) int {
		n, err := k.engine.ForgetQuotes(context.Background(), at, 10)
		k.must(err)
		return n
	}
	want(k, "after a day", forget(unused.Ends.Add(24*time.Hour)), 0)
	want(k, "later", forget(unused.Ends.Add(24*time.Hour+time.Second)), 1)
	_, err := k.engine.Quote(context.Background(), shop, unused.ID)
	k.wantCode(err, fault.CodeNotFound)
	_, err = k.engine.Quote(context.Background(), shop, used.ID)
	k.must(err)
}
