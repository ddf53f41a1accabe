package verify

import (
	"strings"
	"testing"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
	"till/internal/quote"
)

// A deal and its orders say the same, or the report names what does not.
func TestDealsAreAddedUp(t *testing.T) {
	eur, usdt := money.MustAsset("EUR", "", 2), money.MustAsset("USDT", "x", 6)
	q := quote.Quote{AmountIn: money.FromInt(eur, 300), Fee: money.FromInt(eur, 0), Tax: money.Zero(eur), AmountOut: money.FromInt(usdt, 300), ExchangeRate: quote.MustDecimal("10000")}
	if err := q.Check(); err != nil {
		t.Fatal(err)
	}
	frozen := engine.Frozen{ID: "qte_1", Quote: q}
	part := func(id string, units int64) *engine.Order {
		return &engine.Order{PublicID: id, Deal: "deal_1", Quote: &frozen, Order: order.Order{Terms: order.Terms{Due: money.FromInt(eur, units), Out: money.FromInt(usdt, units)}}}
	}
	good := func() (*engine.Deal, []*engine.Order) {
		return &engine.Deal{ID: "deal_1", State: engine.DealMade, Quote: frozen, Paid: q.AmountIn, Orders: []string{"a", "b"}}, []*engine.Order{part("a", 100), part("b", 200)}
	}
	for name, tt := range map[string]struct {
		spoil func(d *engine.Deal, list []*engine.Order)
		says  string
	}{
		"nothing":                  {func(*engine.Deal, []*engine.Order) {}, ""},
		"an order is gone":         {func(_ *engine.Deal, list []*engine.Order) { list[1].Deal = "" }, "its order b is gone"},
		"an order is not named":    {func(d *engine.Deal, _ []*engine.Order) { d.Orders = d.Orders[:1] }, "names 1 orders and has 2"},
		"less is paid":             {func(d *engine.Deal, _ []*engine.Order) { d.Paid = money.FromInt(eur, 299) }, "its orders take 3.00"},
		"more comes out":           {func(_ *engine.Deal, list []*engine.Order) { list[0].Terms.Out = money.FromInt(usdt, 101) }, "over more than its quote"},
		"less comes out":           {func(_ *engine.Deal, list []*engine.Order) { list[0].Terms.Out = money.FromInt(usdt, 99) }, "its orders sum to"},
		"a quote that is none":     {func(d *engine.Deal, _ []*engine.Order) { d.Quote.ExchangeRate = quote.MustDecimal("1") }, "its quote is none"},
		"another merchant's order": {func(_ *engine.Deal, list []*engine.Order) { list[1].Scope.Merchant = "other" }, "of another merchant"},
		"another asset":            {func(_ *engine.Deal, list []*engine.Order) { list[1].Terms.Due = money.FromInt(usdt, 200) }, "in other assets"},
	} {
		d, list := good()
		tt.spoil(d, list)
		v := &run{report: &Report{}, parts: map[string]*parts{}}
		for _, o := range list {
			v.part(o)
		}
		v.deal("deal deal_1", d)
		var said []string
		for _, p := range v.report.Problems {
			said = append(said, p.Text)
		}
		if text := strings.Join(said, "; "); (tt.says == "") != (text == "") || !strings.Contains(text, tt.says) {
			t.Errorf("%s: %s", name, text)
		}
	}
}
