package quote

import (
	"encoding/json"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

var (
	cop  = money.MustAsset("COP", "", 2)
	usd  = money.MustAsset("USD", "", 2)
	clp  = money.MustAsset("CLP", "", 0)
	usdc = money.MustAsset("USDC", "ethereum", 6)
	eth  = money.MustAsset("ETH", "ethereum", 18)
	noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
)

func TestNew(t *testing.T) {
	table := tableOf(t, "USD/COP 4000", "USDC/COP 4000", "ETH/CLP 3000000", "USD/CLP 950")
	half := Pricing{Percent: 50}
	tests := []struct {
		name               string
		in, out            money.Asset
		amountIn           string
		amountOut          string
		pricing            Pricing
		wantIn, wantOut    string
		fee, tax, exchange string
	}{
		{"fee of a half percent", cop, usd, "1000000.00", "", half, "1000000.00", "248.75", "5000.00", "0.00", "4000"},
		{"the same from the other side", cop, usd, "", "248.75", half, "1000000.00", "248.75", "5000.00", "0.00", "4000"},
		{"no fee", usd, cop, "1", "", Pricing{}, "1.00", "4000.00", "0.00", "0.00", "0.00025"},
		{"spread of one percent", usd, cop, "100", "", Pricing{Spread: 100}, "100.00", "396000.00", "0.00", "0.00", "0.00025252525"},
		{"fixed fee and tax", cop, usdc, "1000000", "", Pricing{Fixed: money.FromInt(cop, 100_000), Tax: 1900}, "1000000.00", "249.702500", "1190.00", "190.00", "4000"},
		{"fixed fee and tax from the other side", cop, usdc, "", "249.7025", Pricing{Fixed: money.FromInt(cop, 100_000), Tax: 1900}, "1000000.00", "249.702500", "1190.00", "190.00", "4000"},
		{"one unit out of a coarse asset", cop, usd, "40.00", "", Pricing{}, "40.00", "0.01", "0.00", "0.00", "4000"},
		{"the remainder is the house's", cop, usd, "79.99", "", Pricing{}, "79.99", "0.01", "0.00", "0.00", "7999"},
		{"one unit into a fine asset", clp, eth, "1", "", Pricing{}, "1", "0.000000333333333333", "0", "0", "3000000"},
		{"a fine amount asked for in a coarse asset", clp, eth, "", "0.000000000000000001", Pricing{}, "1", "0.000000000000000001", "0", "0", "1000000000000000000"},
		{"what is asked for comes out exactly", usd, cop, "", "4000.01", Pricing{}, "1.01", "4000.01", "0.00", "0.00", "0.000252499"},
		{"cross", cop, clp, "4000.00", "", Pricing{}, "4000.00", "950", "0.00", "0.00", "4.21052"},
		{"fee and tax are rounded up together", cop, cop, "100.01", "", Pricing{Percent: 50, Tax: 1900}, "100.01", "99.41", "0.60", "0.09", "1"},
		{"one asset", cop, cop, "100.00", "", Pricing{Percent: 100, Spread: 500}, "100.00", "99.00", "1.00", "0.00", "1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ask := Ask{From: tt.in, To: tt.out}
			if tt.amountIn != "" {
				ask.AmountIn = parse(t, tt.in, tt.amountIn)
			} else {
				ask.AmountOut = parse(t, tt.out, tt.amountOut)
			}
			q, err := New(ask, table, tt.pricing, noon, DefaultLife)
			if err != nil {
				t.Fatal(err)
			}
			got := []string{q.AmountIn.Decimal(), q.AmountOut.Decimal(), q.Fee.Decimal(), q.Tax.Decimal(), q.ExchangeRate.String()}
			want := []string{tt.wantIn, tt.wantOut, tt.fee, tt.tax, tt.exchange}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("\ngot  %q\nwant %q", got, want)
			}
			if err := q.Check(); err != nil {
				t.Error(err)
			}
			if !q.Made.Equal(noon) || !q.Ends.Equal(noon.Add(15*time.Second)) {
				t.Errorf("from %s to %s", q.Made, q.Ends)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	table := tableOf(t, "USD/COP 4000", "ETH/CLP 3000000")
	big77 := money.New(usd, tenTo(77))
	ten := money.FromInt(cop, 1000)
	tests := []struct {
		name    string
		ask     Ask
		pricing Pricing
		code    fault.Code
		param   string
	}{
		{"no amount", Ask{From: cop, To: usd}, Pricing{}, fault.CodeMissingField, "amountIn"},
		{"both amounts", Ask{cop, usd, ten, money.FromInt(usd, 1)}, Pricing{}, fault.CodeInvalidValue, "amountIn"},
		{"zero in", Ask{From: cop, To: usd, AmountIn: money.Zero(cop)}, Pricing{}, fault.CodeInvalidAmount, "amountIn"},
		{"zero out", Ask{From: cop, To: usd, AmountOut: money.Zero(usd)}, Pricing{}, fault.CodeInvalidAmount, "amountOut"},
		{"negative", Ask{From: cop, To: usd, AmountIn: ten.Neg()}, Pricing{}, fault.CodeInvalidAmount, "amountIn"},
		{"another currency", Ask{From: usd, To: cop, AmountIn: ten}, Pricing{}, fault.CodeInvalidCurrency, "amountIn"},
		{"nothing for nothing", Ask{AmountIn: ten}, Pricing{}, fault.CodeInvalidCurrency, "amountIn"},
		{"nothing comes out", Ask{From: cop, To: usd, AmountIn: money.FromInt(cop, 3999)}, Pricing{}, fault.CodeInvalidAmount, "amountIn"},
		{"all of it is fee", Ask{From: cop, To: usd, AmountIn: ten}, Pricing{Fixed: ten}, fault.CodeInvalidAmount, "amountIn"},
		{"more than all of it is fee", Ask{From: cop, To: usd, AmountIn: ten}, Pricing{Fixed: ten.Add(ten)}, fault.CodeInvalidAmount, "amountIn"},
		{"too much paid in", Ask{From: cop, To: usd, AmountIn: money.New(cop, tenTo(78))}, Pricing{}, fault.CodeAmountTooLarge, "amountIn"},
		{"too much would come out", Ask{From: usd, To: cop, AmountIn: big77}, Pricing{}, fault.CodeAmountTooLarge, "amountIn"},
		{"too much would be paid in", Ask{From: cop, To: usd, AmountOut: big77}, Pricing{}, fault.CodeAmountTooLarge, "amountOut"},
		{"no rate", Ask{From: cop, To: clp, AmountIn: ten}, Pricing{}, fault.CodeNotConfigured, ""},
		{"spread of all", Ask{From: cop, To: usd, AmountIn: ten}, Pricing{Spread: 10000}, fault.CodeNotConfigured, ""},
		{"negative spread", Ask{From: cop, To: usd, AmountIn: ten}, Pricing{Spread: -1}, fault.CodeNotConfigured, ""},
		{"fee of all", Ask{From: cop, To: usd, AmountIn: ten}, Pricing{Percent: 10000}, fault.CodeNotConfigured, ""},
		{"fee and tax of all", Ask{From: cop, To: usd, AmountIn: ten}, Pricing{Percent: 5000, Tax: 10000}, fault.CodeNotConfigured, ""},
		{"negative tax", Ask{From: cop, To: usd, AmountIn: ten}, Pricing{Tax: -1}, fault.CodeNotConfigured, ""},
		{"negative fee", Ask{From: cop, To: usd, AmountIn: ten}, Pricing{Fixed: ten.Neg()}, fault.CodeNotConfigured, ""},
		{"fee in another currency", Ask{From: cop, To: usd, AmountIn: ten}, Pricing{Fixed: money.FromInt(usd, 1)}, fault.CodeNotConfigured, ""},
		{"fee too large", Ask{From: cop, To: usd, AmountIn: ten}, Pricing{Fixed: money.New(cop, tenTo(78))}, fault.CodeNotConfigured, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q, err := New(tt.ask, table, tt.pricing, noon, DefaultLife)
			f, ok := fault.As(err)
			if !ok || f.Code != tt.code || f.Param != tt.param || !reflect.DeepEqual(q, Quote{}) {
				t.Errorf("%+v, %v; want %s on %q", q, err, tt.code, tt.param)
			}
		})
	}
	if _, err := New(Ask{From: cop, To: usd, AmountIn: ten.Add(ten)}, table, Pricing{}, noon, 0); err == nil {
		t.Error("a quote without life")
	} else if _, is := fault.As(err); is {
		t.Errorf("blamed on the client: %v", err)
	}
}

func TestCheckAlive(t *testing.T) {
	q := Quote{Made: noon, Ends: noon.Add(DefaultLife)}
	if err := q.CheckAlive(q.Ends); err != nil {
		t.Errorf("at its end: %v", err)
	}
	if err := q.CheckAlive(q.Ends.Add(time.Nanosecond)); !fault.Is(err, fault.CodeQuoteExpired) {
		t.Errorf("after its end: %v", err)
	}
}

// Any of the four numbers follows from the other three, and nothing is lost by
// the house or taken twice from the payer.
func TestQuoteReproduces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDeal(t)
		q, err := New(d.ask, d.table, d.pricing, noon, DefaultLife)
		if err != nil {
			checkRefusal(t, d, err)
			return
		}
		if given := d.ask.AmountIn; !given.Asset().IsZero() && !given.Equal(q.AmountIn) {
			t.Fatalf("asked for %s in, got %s", given, q.AmountIn)
		}
		if given := d.ask.AmountOut; !given.Asset().IsZero() && !given.Equal(q.AmountOut) {
			t.Fatalf("asked for %s out, got %s", given, q.AmountOut)
		}

		out, err := AmountOutOf(q.AmountIn, q.Fee, q.ExchangeRate, d.ask.To)
		if err != nil || !out.Equal(q.AmountOut) {
			t.Fatalf("out is %s, again %s (%v)", q.AmountOut, out, err)
		}
		in, err := AmountInOf(q.AmountOut, q.Fee, q.ExchangeRate)
		if err != nil || !in.Equal(q.AmountIn) {
			t.Fatalf("in is %s, again %s (%v)", q.AmountIn, in, err)
		}
		fee, err := FeeOf(q.AmountIn, q.AmountOut, q.ExchangeRate)
		if err != nil || !fee.Equal(q.Fee) {
			t.Fatalf("fee is %s, again %s (%v)", q.Fee, fee, err)
		}
		rate, err := ExchangeRateOf(q.AmountIn, q.Fee, q.AmountOut)
		if err != nil || rate != q.ExchangeRate {
			t.Fatalf("rate is %s, again %s (%v)", q.ExchangeRate, rate, err)
		}
		if err := q.Check(); err != nil {
			t.Fatal(err)
		}

		// The house: the fee is not less than its exact share, what is delivered
		// not more than what the rest buys.
		exactFee := d.exactFee(q.AmountIn)
		if exactFee.Cmp(value(q.Fee)) > 0 {
			t.Fatalf("fee %s, exactly %s", q.Fee, exactFee)
		}
		bought := new(big.Rat).Mul(value(q.AmountIn.Sub(q.Fee)), d.rate)
		if value(q.AmountOut).Cmp(bought) > 0 {
			t.Fatalf("%s buy %s, delivered is %s", q.AmountIn.Sub(q.Fee), bought, q.AmountOut)
		}
		// The payer: less than one unit more of either.
		if new(big.Rat).Add(exactFee, value(money.FromInt(d.ask.From, 1))).Cmp(value(q.Fee)) <= 0 {
			t.Fatalf("fee %s, exactly %s", q.Fee, exactFee)
		}
		if d.ask.AmountOut.Asset().IsZero() {
			if bought.Cmp(value(q.AmountOut.Add(money.FromInt(d.ask.To, 1)))) >= 0 {
				t.Fatalf("%s would buy a unit more than %s", q.AmountIn, q.AmountOut)
			}
		} else if less := q.AmountIn.Sub(money.FromInt(d.ask.From, 1)); less.Sign() > 0 {
			cheaper, err := New(Ask{From: d.ask.From, To: d.ask.To, AmountIn: less}, d.table, d.pricing, noon, DefaultLife)
			if err == nil && cheaper.AmountOut.Cmp(q.AmountOut) >= 0 {
				t.Fatalf("%s would have been enough for %s", less, q.AmountOut)
			}
		}

		// Going back and forth gains nothing.
		back, err := New(Ask{From: d.ask.From, To: d.ask.To, AmountOut: q.AmountOut}, d.table, d.pricing, noon, DefaultLife)
		if err != nil || back.AmountIn.Cmp(q.AmountIn) > 0 {
			t.Fatalf("%s for %s, back %s (%v)", q.AmountOut, q.AmountIn, back.AmountIn, err)
		}
		forth, err := New(Ask{From: d.ask.From, To: d.ask.To, AmountIn: back.AmountIn}, d.table, d.pricing, noon, DefaultLife)
		if err != nil || forth.AmountOut.Cmp(q.AmountOut) < 0 {
			t.Fatalf("%s buy %s, forth %s (%v)", back.AmountIn, q.AmountOut, forth.AmountOut, err)
		}

		text, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		var stored Quote
		if err := json.Unmarshal(text, &stored); err != nil || stored.Check() != nil || stored.ExchangeRate != q.ExchangeRate {
			t.Fatalf("%s came back as %+v (%v)", text, stored, err)
		}
		terms := order.Terms{Book: ledger.Owed("m1"), Due: q.AmountIn, Fee: q.Fee, Out: q.AmountOut, To: ledger.Owed("m1").Account(ledger.Merchant), Instant: true}
		if err := terms.Check(); err != nil {
			t.Fatalf("no order can be made of it: %v", err)
		}
	})
}

// The shown rate has no decimal that is not needed.
func TestExchangeRateIsShortest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDeal(t)
		q, err := New(d.ask, d.table, d.pricing, noon, DefaultLife)
		if err != nil {
			return
		}
		_, fraction, has := strings.Cut(q.ExchangeRate.String(), ".")
		if !has {
			return
		}
		power := new(big.Rat).SetInt(tenTo(len(fraction) - 1))
		cut := floor(new(big.Rat).Mul(q.ExchangeRate.Rat(), power))
		for range 2 { // the neighbours below and above with one decimal fewer
			if shorter, err := decimalOf(cut, len(fraction)-1); err == nil {
				out, _ := AmountOutOf(q.AmountIn, q.Fee, shorter, d.ask.To)
				in, _ := AmountInOf(q.AmountOut, q.Fee, shorter)
				if out.Equal(q.AmountOut) && in.Equal(q.AmountIn) {
					t.Fatalf("%s would do for %s", shorter, q.ExchangeRate)
				}
			}
			cut.Add(cut, big.NewInt(1))
		}
	})
}

func TestQuoteIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDeal(t)
		q, err := New(d.ask, d.table, d.pricing, noon, DefaultLife)
		if err != nil {
			return
		}
		more := d.ask
		step := rapid.OneOf(rapid.Int64Range(1, 3), rapid.Int64Range(1, 1_000_000)).Draw(t, "step")
		if d.ask.AmountOut.Asset().IsZero() {
			more.AmountIn = more.AmountIn.Add(money.FromInt(d.ask.From, step))
		} else {
			more.AmountOut = more.AmountOut.Add(money.FromInt(d.ask.To, step))
		}
		larger, err := New(more, d.table, d.pricing, noon, DefaultLife)
		if fault.Is(err, fault.CodeAmountTooLarge) {
			return
		}
		if err != nil || larger.AmountIn.Cmp(q.AmountIn) < 0 || larger.AmountOut.Cmp(q.AmountOut) < 0 || larger.Fee.Cmp(q.Fee) < 0 {
			t.Fatalf("for %s: %s, fee %s; for %s: %s, fee %s (%v)", q.AmountIn, q.AmountOut, q.Fee, larger.AmountIn, larger.AmountOut, larger.Fee, err)
		}
		dearer := d.pricing
		dearer.Spread = min(dearer.Spread+1, 9999)
		dearer.Fixed = dearer.Fixed.Add(money.FromInt(d.ask.From, 1))
		worse, err := New(d.ask, d.table, dearer, noon, DefaultLife)
		if err == nil && (worse.AmountIn.Cmp(q.AmountIn) < 0 || worse.AmountOut.Cmp(q.AmountOut) > 0) {
			t.Fatalf("dearer is better: %s for %s, before %s for %s", worse.AmountOut, worse.AmountIn, q.AmountOut, q.AmountIn)
		}
	})
}

// Whatever the parts, they add up to the quote, and before the end the house
// has not given more than its share.
func TestPartsSumToTheQuote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDeal(t)
		q, err := New(d.ask, d.table, d.pricing, noon, DefaultLife)
		if err != nil {
			return
		}
		paid, fee, out := money.Zero(d.ask.From), money.Zero(d.ask.From), money.Zero(d.ask.To)
		for paid.Cmp(q.AmountIn) < 0 {
			next := q.AmountIn
			if rapid.IntRange(0, 9).Draw(t, "last") > 0 {
				rest := q.AmountIn.Sub(paid).Big()
				share := new(big.Int).Mul(rest, big.NewInt(rapid.Int64Range(0, 1000).Draw(t, "share")))
				next = paid.Add(money.New(d.ask.From, share.Quo(share, big.NewInt(1000)))).Add(money.FromInt(d.ask.From, 1))
				next = money.Min(next, q.AmountIn)
			}
			part, err := q.Part(paid, next)
			if err != nil {
				t.Fatal(err)
			}
			if part.Fee.Sign() < 0 || part.AmountOut.Sign() < 0 || !part.AmountIn.Equal(next.Sub(paid)) || part.Fee.Cmp(part.AmountIn) > 0 {
				t.Fatalf("from %s to %s: %+v", paid, next, part)
			}
			paid, fee, out = next, fee.Add(part.Fee), out.Add(part.AmountOut)
			given := new(big.Int).Mul(out.Big(), q.AmountIn.Big())
			due := new(big.Int).Mul(q.AmountOut.Big(), paid.Big())
			if given.Cmp(due) > 0 || given.Add(given, q.AmountIn.Big()).Cmp(due) <= 0 {
				t.Fatalf("%s delivered for %s of %s", out, paid, q.AmountIn)
			}
		}
		if !paid.Equal(q.AmountIn) || !fee.Equal(q.Fee) || !out.Equal(q.AmountOut) {
			t.Fatalf("parts are %s, %s, %s; the quote %s, %s, %s", paid, fee, out, q.AmountIn, q.Fee, q.AmountOut)
		}
	})
}

func TestPartRefuses(t *testing.T) {
	q := Quote{AmountIn: money.FromInt(cop, 10), AmountOut: money.FromInt(usd, 3), Fee: money.FromInt(cop, 1)}
	for name, tt := range map[string]struct {
		before, after money.Amount
		code          fault.Code
	}{
		"nothing":          {money.FromInt(cop, 5), money.FromInt(cop, 5), fault.CodeInvalidAmount},
		"backwards":        {money.FromInt(cop, 5), money.FromInt(cop, 4), fault.CodeInvalidAmount},
		"below zero":       {money.FromInt(cop, -1), money.FromInt(cop, 4), fault.CodeInvalidAmount},
		"beyond the whole": {money.FromInt(cop, 5), money.FromInt(cop, 11), fault.CodeInvalidAmount},
		"another currency": {money.Zero(usd), money.FromInt(usd, 1), fault.CodeInvalidCurrency},
		"no currency":      {money.Amount{}, money.FromInt(cop, 1), fault.CodeInvalidCurrency},
	} {
		if part, err := q.Part(tt.before, tt.after); !fault.Is(err, tt.code) {
			t.Errorf("%s: %+v, %v", name, part, err)
		}
	}
}

func TestCheckFindsWhatDoesNotFit(t *testing.T) {
	good, err := New(Ask{From: cop, To: usd, AmountIn: money.FromInt(cop, 100_000_000)}, tableOf(t, "USD/COP 4000"), Pricing{Percent: 50, Tax: 1900}, noon, DefaultLife)
	if err != nil || good.Check() != nil {
		t.Fatal(err, good.Check())
	}
	for name, spoil := range map[string]func(*Quote){
		"one unit more in":        func(q *Quote) { q.AmountIn = q.AmountIn.Add(money.FromInt(cop, 1)) },
		"one unit more out":       func(q *Quote) { q.AmountOut = q.AmountOut.Add(money.FromInt(usd, 1)) },
		"one unit more fee":       func(q *Quote) { q.Fee = q.Fee.Add(money.FromInt(cop, 1)) },
		"another rate":            func(q *Quote) { q.ExchangeRate = MustDecimal("4001") },
		"no rate":                 func(q *Quote) { q.ExchangeRate = Decimal{} },
		"nothing in":              func(q *Quote) { q.AmountIn = money.Zero(cop) },
		"nothing out":             func(q *Quote) { q.AmountOut = money.Zero(usd) },
		"all fee":                 func(q *Quote) { q.Fee = q.AmountIn },
		"fee in another currency": func(q *Quote) { q.Fee = money.FromInt(usd, 1) },
		"tax above the fee":       func(q *Quote) { q.Tax = q.Fee.Add(money.FromInt(cop, 1)) },
		"negative tax":            func(q *Quote) { q.Tax = money.FromInt(cop, -1) },
	} {
		q := good
		if spoil(&q); q.Check() == nil {
			t.Errorf("%s was not seen", name)
		}
	}
}

func TestNumbersOfNoQuote(t *testing.T) {
	ten, one, rate := money.FromInt(cop, 10), money.FromInt(usd, 1), MustDecimal("4000")
	for name, f := range map[string]func() error{
		"out, fee is all":     func() error { _, err := AmountOutOf(ten, ten, rate, usd); return err },
		"out, no rate":        func() error { _, err := AmountOutOf(ten, money.Zero(cop), Decimal{}, usd); return err },
		"out, of what":        func() error { _, err := AmountOutOf(ten, money.Zero(cop), rate, money.Asset{}); return err },
		"out, strange fee":    func() error { _, err := AmountOutOf(ten, money.Zero(usd), rate, usd); return err },
		"in, nothing out":     func() error { _, err := AmountInOf(money.Zero(usd), ten, rate); return err },
		"in, no rate":         func() error { _, err := AmountInOf(one, ten, Decimal{}); return err },
		"in, negative fee":    func() error { _, err := AmountInOf(one, ten.Neg(), rate); return err },
		"fee, nothing in":     func() error { _, err := FeeOf(money.Zero(cop), one, rate); return err },
		"fee, below zero":     func() error { _, err := FeeOf(ten, one, rate); return err },
		"rate, nothing out":   func() error { _, err := ExchangeRateOf(ten, money.Zero(cop), money.Zero(usd)); return err },
		"rate, nothing to it": func() error { _, err := ExchangeRateOf(ten, ten, one); return err },
	} {
		if f() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A deal is everything a quote is made of; rate is the house's, exactly.
type deal struct {
	ask     Ask
	table   *Table
	pricing Pricing
	rate    *big.Rat
}

func drawDeal(t *rapid.T) deal {
	scales := rapid.Uint8Range(0, 18)
	from, to := money.MustAsset("AAA", "net", scales.Draw(t, "scale in")), money.MustAsset("BBB", "net", scales.Draw(t, "scale out"))
	if rapid.IntRange(0, 9).Draw(t, "one asset") == 0 {
		to = from
	}
	amounts := rapid.StringMatching(`[1-9][0-9]{0,5}|[1-9][0-9]{0,25}|[1-9][0-9]{70,77}`)
	d := deal{
		ask:     Ask{From: from, To: to},
		pricing: Pricing{Tax: rapid.Int64Range(0, 10000).Draw(t, "tax"), Spread: rapid.Int64Range(0, 9999).Draw(t, "spread")},
		rate:    big.NewRat(1, 1),
	}
	if rapid.Bool().Draw(t, "by in") {
		d.ask.AmountIn = units(t, from, amounts.Draw(t, "in"))
	} else {
		d.ask.AmountOut = units(t, to, amounts.Draw(t, "out"))
	}
	if rapid.Bool().Draw(t, "percent") {
		d.pricing.Percent = rapid.Int64Range(0, 4999).Draw(t, "percent of")
	}
	if rapid.Bool().Draw(t, "fixed") {
		d.pricing.Fixed = units(t, from, rapid.StringMatching(`[0-9]{1,12}`).Draw(t, "fixed of"))
	}
	if from == to {
		return d
	}
	way := []string{"AAA", "BBB"}
	if rapid.Bool().Draw(t, "cross") {
		way = []string{"AAA", "MMM", "BBB"}
	}
	var told []Rate
	for i := range way[1:] {
		r := drawRate(t, way[i], way[i+1])
		told = append(told, r)
		v := r.Value.Rat()
		if r.Base != way[i] {
			v.Inv(v)
		}
		d.rate.Mul(d.rate, v)
	}
	d.rate.Mul(d.rate, big.NewRat(10000-d.pricing.Spread, 10000))
	empty, err := NewTable(MustDecimal("1.5"))
	if err != nil {
		t.Fatal(err)
	}
	if d.table, err = empty.Update(told, noon); err != nil {
		t.Fatal(err)
	}
	return d
}

// drawRate is a rate between two codes, told in either direction.
func drawRate(t *rapid.T, from, to string) Rate {
	text := rapid.StringMatching(`[1-9][0-9]{0,8}|[0-9]{1,6}\.[0-9]{0,9}[1-9]|0\.0{0,18}[1-9]{1,3}`).Draw(t, from+to)
	if rapid.Bool().Draw(t, from+to+" inverse") {
		from, to = to, from
	}
	return Rate{Base: from, Quote: to, Value: MustDecimal(text), At: noon, Source: "test", MaxAge: time.Hour}
}

func (d deal) exactFee(in money.Amount) *big.Rat {
	fee := new(big.Rat).Mul(value(in), big.NewRat(d.pricing.Percent, 10000))
	if !d.pricing.Fixed.Asset().IsZero() {
		fee.Add(fee, value(d.pricing.Fixed))
	}
	return fee.Mul(fee, big.NewRat(10000+d.pricing.Tax, 10000))
}

// checkRefusal: a well-formed deal is refused only because too little or too
// much would come of it.
func checkRefusal(t *rapid.T, d deal, err error) {
	switch {
	case fault.Is(err, fault.CodeAmountTooLarge):
	case fault.Is(err, fault.CodeInvalidAmount) && !d.ask.AmountIn.Asset().IsZero():
		rest := new(big.Rat).Sub(value(d.ask.AmountIn), d.exactFee(d.ask.AmountIn))
		rest.Sub(rest, value(money.FromInt(d.ask.From, 1)))
		if rest.Mul(rest, d.rate).Cmp(value(money.FromInt(d.ask.To, 1))) >= 0 {
			t.Fatalf("refused, and something would have come out: %v", err)
		}
	default:
		t.Fatal(err)
	}
}

func units(t *rapid.T, asset money.Asset, digits string) money.Amount {
	amount, err := money.ParseUnits(asset, digits)
	if err != nil {
		t.Fatal(err)
	}
	return amount
}

func parse(t *testing.T, asset money.Asset, text string) money.Amount {
	t.Helper()
	amount, err := money.Parse(asset, text)
	if err != nil {
		t.Fatal(err)
	}
	return amount
}

// tableOf is a table of rates written as "USD/COP 4000", told at noon.
func tableOf(t *testing.T, rates ...string) *Table {
	t.Helper()
	empty, err := NewTable(MustDecimal("2"))
	if err != nil {
		t.Fatal(err)
	}
	var told []Rate
	for _, text := range rates {
		told = append(told, rateOf(text, noon))
	}
	table, err := empty.Update(told, noon)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func rateOf(text string, at time.Time) Rate {
	pair, value, _ := strings.Cut(text, " ")
	base, quote, _ := strings.Cut(pair, "/")
	return Rate{Base: base, Quote: quote, Value: MustDecimal(value), At: at, Source: "test", MaxAge: time.Hour}
}

func BenchmarkNew(b *testing.B) {
	empty, err := NewTable(MustDecimal("2"))
	if err != nil {
		b.Fatal(err)
	}
	table, err := empty.Update([]Rate{rateOf("ETH/USD 3123.45", noon), rateOf("USD/COP 4012.55", noon)}, noon)
	if err != nil {
		b.Fatal(err)
	}
	ask := Ask{From: cop, To: eth, AmountIn: money.FromInt(cop, 123_456_789)}
	pricing := Pricing{Spread: 30, Percent: 50, Tax: 1900}
	for b.Loop() {
		if _, err := New(ask, table, pricing, noon, DefaultLife); err != nil {
			b.Fatal(err)
		}
	}
}
