package koywe

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/quote"
)

func (k *kit) askQuote(more ...string) reply {
	k.Helper()
	base := []string{"orderType", quotedText(balanceTransfer), "originCurrencySymbol", `"MXN"`, "destinationCurrencySymbol", `"USD"`, "amountIn", "1000", "executable", "true"}
	return k.post(shopKey, m("/quotes"), body(append(base, more...)...))
}

func quotedText(s string) string { return `"` + s + `"` }

// priced is the kit with rates and something taken: one per cent and five pesos, with 16 % tax on both.
func priced(t *testing.T) *kit {
	k := newKit(t)
	terms := engine.DefaultExchange()
	terms.Now = k.clock.Now
	terms.Pricing = []engine.Pricing{{Kind: balanceTransfer, From: "MXN", Percent: 100, Fixed: "5", Tax: 1600}}
	var err error
	k.engine, err = k.engine.WithExchange(terms)
	k.must(err)
	k.dialect.engine = k.engine
	k.rates()
	return k
}

func TestQuote(t *testing.T) {
	k := priced(t)
	got := k.askQuote()
	q := parse[quoteBody](k, got)
	// 5 + 10, and 16 % of it, of 1000 pesos at 20.
	if got.status != 201 || q.Fee != "17.4" || q.FinalAmountIn != "1000" || q.FinalAmountOut != "49.13" || q.Summary.TaxesOnFees != "2.4" || q.Taxes != "0" ||
		*q.RequestedAmountIn != "1000" || q.RequestedAmountOut != nil || q.ValidForSeconds != 15 || q.ValidUntil != "2026-03-02T10:30:15.000Z" || len(q.Components) != 2 || !q.Executable {
		t.Errorf("%d %s", got.status, got.body)
	}
	if again := k.get(shopKey, m("/quotes/"+*q.ID)); again.status != 200 || again.body != got.body {
		t.Errorf("%d %s", again.status, again.body)
	}
	if foreign := k.get(acmeKey, strings.Replace(m("/quotes/"+*q.ID), "shop", "branch", 1)); foreign.status != 404 {
		t.Errorf("another merchant's quote: %d %s", foreign.status, foreign.body)
	}

	k.fund("shop", "2000", "MXN")
	use := []string{"originCurrencySymbol", "", "destinationCurrencySymbol", "", "amountIn", "", "quoteId", quotedText(*q.ID)}
	o := k.create(balanceTransfer, use...)
	if o.AmountIn != "1000" || o.AmountOut != "49.13" || *o.QuoteID != *q.ID {
		t.Errorf("%+v", o)
	}
	k.refused("used", k.post(shopKey, m("/orders"), k.good(balanceTransfer, use...)), 409, "QUOTE_USED", "quoteId")
	if used := parse[quoteBody](k, k.get(shopKey, m("/quotes/"+*q.ID))); *used.UsedBy != o.ID {
		t.Errorf("%+v", used)
	}
	late := parse[quoteBody](k, k.askQuote())
	k.clock.Move(15*time.Second + time.Millisecond)
	k.refused("late", k.post(shopKey, m("/orders"), k.good(balanceTransfer, append(use, "quoteId", quotedText(*late.ID))...)), 400, "QUOTE_EXPIRED", "quoteId")
}

func TestQuoteThatIsNotExecutable(t *testing.T) {
	k := priced(t)
	for kind, more := range map[string][]string{
		payIn:   {"destinationCurrencySymbol", `"MXN"`},
		payOut:  {"destinationCurrencySymbol", `"MXN"`},
		onRamp:  {"destinationCurrencySymbol", `"USDC"`, "network", `"ethereum"`},
		offRamp: {"originCurrencySymbol", `"USDC"`, "network", `"POLYGON"`, "amountIn", "", "amountOut", "95.5"},
	} {
		got := k.askQuote(append([]string{"orderType", quotedText(kind), "executable", "false"}, more...)...)
		q := parse[quoteBody](k, got)
		if got.status != 201 || q.ID != nil || q.Executable || q.OrderType != kind {
			t.Errorf("%s: %d %s", kind, got.status, got.body)
		}
		if q.OriginCurrency == q.DestinationCurrency && q.ExchangeRate != "1" {
			t.Errorf("%s: %s", kind, got.body)
		}
	}
	if old := k.askQuote("orderType", "", "type", quotedText(balanceTransfer), "executable", ""); old.status != 201 || parse[quoteBody](k, old).ID == nil {
		t.Errorf("by an older client: %d %s", old.status, old.body)
	}
}

func TestQuoteRefusals(t *testing.T) {
	k := priced(t)
	for what, c := range map[string]struct {
		more        []string
		code, field string
	}{
		"no type":              {[]string{"orderType", ""}, "", "orderType"},
		"an unknown type":      {[]string{"orderType", `"PAYMENT_LINK"`}, "", "orderType"},
		"no currency":          {[]string{"originCurrencySymbol", ""}, "", "originCurrencySymbol"},
		"crypto as fiat":       {[]string{"originCurrencySymbol", `"USDC"`}, "", "originCurrencySymbol"},
		"both amounts":         {[]string{"amountOut", "1"}, "", "amountOut"},
		"no amount":            {[]string{"amountIn", ""}, "", "amountIn"},
		"zero":                 {[]string{"amountIn", "0"}, "", "amountIn"},
		"too many decimals":    {[]string{"amountIn", "1.001"}, "", "amountIn"},
		"a text":               {[]string{"amountIn", `"1"`}, "", "amountIn"},
		"less than its fee":    {[]string{"amountIn", "5"}, "", "amountIn"},
		"one currency":         {[]string{"destinationCurrencySymbol", `"MXN"`}, "", "destinationCurrencySymbol"},
		"a network of none":    {[]string{"network", `"ETHEREUM"`}, "", "network"},
		"crypto of no network": {[]string{"orderType", quotedText(onRamp), "destinationCurrencySymbol", `"USDC"`}, "", "network"},
		"an unknown network":   {[]string{"orderType", quotedText(onRamp), "destinationCurrencySymbol", `"USDC"`, "network", `"MOON"`}, "", "network"},
		"an unknown token":     {[]string{"orderType", quotedText(onRamp), "destinationCurrencySymbol", `"DOGE"`, "network", `"ETHEREUM"`}, "", "destinationCurrencySymbol"},
		"executable pay-in":    {[]string{"orderType", quotedText(payIn), "destinationCurrencySymbol", `"MXN"`}, "", "executable"},
		"executable as a text": {[]string{"executable", `"yes"`}, "", "executable"},
	} {
		got := k.askQuote(c.more...)
		if said := parse[errorBody](k, got); got.status != 400 || !strings.Contains(said.Message, c.field) && !strings.Contains(got.body, `"`+c.field+`"`) {
			t.Errorf("%s: %d %s", what, got.status, got.body)
		}
	}
}

// case 9
func TestNoQuoteWithoutARate(t *testing.T) {
	k := priced(t)
	tell := func(value string) {
		t.Helper()
		_, err := k.engine.TellRates(t.Context(), []string{"fixed"}, []engine.RatesTold{{Source: "fixed", Rates: []quote.Rate{
			{Base: "USD", Quote: "MXN", Value: quote.MustDecimal(value), At: k.clock.Now(), Source: "fixed", MaxAge: time.Minute},
		}}})
		k.must(err)
	}
	k.clock.Move(time.Second)
	tell("200") // ten times as much
	for range 2 {
		got := k.askQuote()
		if got.status != 503 || got.header.Get("Retry-After") == "" {
			t.Errorf("%d %v %s", got.status, got.header, got.body)
		}
		k.clock.Move(time.Hour) // and in an hour it is too old as well
	}
}

// The four numbers reproduce one another as they are written, whatever is asked for at whatever price.
func TestQuotesReproduceThemselvesOnTheWire(t *testing.T) {
	k := priced(t)
	terms := engine.DefaultExchange()
	terms.Now = k.clock.Now
	terms.Pricing = []engine.Pricing{{}}
	last := 0
	rapid.Check(t, func(rt *rapid.T) {
		terms.Pricing[0] = engine.Pricing{
			Spread: rapid.Int64Range(0, 500).Draw(rt, "spread"), Percent: rapid.Int64Range(0, 1000).Draw(rt, "percent"), Tax: rapid.Int64Range(0, 3000).Draw(rt, "tax"),
		}
		made, err := k.engine.WithExchange(terms)
		if err != nil {
			rt.Fatal(err)
		}
		k.dialect.engine = made
		last++
		from, to, network := "MXN", "USDC", `"ETHEREUM"`
		kind := onRamp
		fromAsset, toAsset := fiatOf("MXN"), sepoliaUSDC
		if rapid.Bool().Draw(rt, "off") {
			kind, from, to, fromAsset, toAsset = offRamp, to, from, toAsset, fromAsset
		}
		field, scale := "amountIn", fromAsset.Scale()
		if rapid.Bool().Draw(rt, "by out") {
			field, scale = "amountOut", toAsset.Scale()
		}
		units := rapid.Int64Range(1000, 1e15).Draw(rt, "units")
		amount := money.FromInt(money.MustAsset("X", "", scale), units).Decimal()
		got := k.post(shopKey, m("/quotes"), fmt.Sprintf(`{"orderType":%q,"originCurrencySymbol":%q,"destinationCurrencySymbol":%q,"network":%s,%q:%s,"executable":%t}`,
			kind, from, to, network, field, amount, last%50 == 0))
		if got.status == 400 && strings.Contains(got.body, field) {
			return // too small for its fee
		}
		if got.status != 201 {
			rt.Fatalf("%d %s", got.status, got.body)
		}
		q := parse[quoteBody](k, got)
		in, err1 := money.Parse(fromAsset, string(q.FinalAmountIn))
		out, err2 := money.Parse(toAsset, string(q.FinalAmountOut))
		fee, err3 := money.Parse(fromAsset, string(q.Fee))
		rate, err4 := quote.ParseDecimal(string(q.ExchangeRate))
		if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
			rt.Fatalf("%s: %v %v %v %v", got.body, err1, err2, err3, err4)
		}
		gotOut, _ := quote.AmountOutOf(in, fee, rate, toAsset)
		gotIn, _ := quote.AmountInOf(out, fee, rate)
		gotFee, _ := quote.FeeOf(in, out, rate)
		gotRate, _ := quote.ExchangeRateOf(in, fee, out)
		if !gotOut.Equal(out) || !gotIn.Equal(in) || !gotFee.Equal(fee) || gotRate != rate {
			rt.Fatalf("%s: out %s, in %s, fee %s, rate %s", got.body, gotOut, gotIn, gotFee, gotRate)
		}
		if requested := q.RequestedAmountIn; field == "amountIn" && *requested != q.FinalAmountIn {
			rt.Fatalf("%s", got.body)
		}
	})
}
