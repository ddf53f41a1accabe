package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/quote"
)

// case 9
func TestRatesSurviveARestart(t *testing.T) {
	k := exchanging(t)
	if !errors.Is(k.tellRates(rate("EUR", "USDT", "2.5", start.Add(time.Second))), quote.ErrAbsurd) {
		t.Fatal("a rate that doubled is believed")
	}
	again := k.over(k.store) // another process: nothing in its memory
	for _, e := range []*engine.Engine{k.engine, again} {
		believed, doubts, err := e.Rates(context.Background())
		k.must(err)
		if len(believed) != 1 || believed[0].Value.String() != "1.25" || len(doubts) != 1 || doubts[0].Value.String() != "2.5" {
			t.Errorf("believed %v, in doubt %v", believed, doubts)
		}
		_, err = e.Price(context.Background(), shop, eurIn(100), "swap")
		k.wantCode(err, fault.CodeOverloaded)
		if refusal, _ := fault.As(err); !errors.Is(err, quote.ErrAbsurd) || refusal.RetryAfter <= 0 {
			t.Errorf("refused with %v", err)
		}
	}
	_, err := again.MakeQuote(context.Background(), engine.NewQuote{ID: "qte_1", Scope: shop, Ask: eurIn(100), OrderKind: "swap"})
	k.wantCode(err, fault.CodeOverloaded)

	seen := rate("EUR", "USDT", "2.4", start.Add(time.Second))
	k.wantCode(k.engine.AcceptRate(context.Background(), seen), fault.CodeVersionConflict)
	seen.Value = quote.MustDecimal("2.5")
	k.must(k.engine.As("olga").AcceptRate(context.Background(), seen))
	k.wantCode(k.engine.AcceptRate(context.Background(), seen), fault.CodeNotFound)
	priced, err := again.Price(context.Background(), shop, eurIn(100), "swap")
	k.must(err)
	want(k, "at the accepted rate", priced.AmountOut.Decimal(), "2.500000")
	var actions []string
	k.rows(`SELECT who, what, ref, detail FROM actions`, nil, func(c []string) { actions = append(actions, c...) })
	wantList(k, "the action", actions, "olga", "rate.accept", "EUR/USDT", "2.5 by fixed")
}

// An accepted rate is compared with nothing at the next start, whatever the reference says.
func TestAcceptedRateOutlivesItsReference(t *testing.T) {
	k := exchanging(t)
	x := engine.DefaultExchange()
	x.References = []quote.Rate{rate("EUR", "USDT", "1.25", start)}
	strict, err := k.engine.WithExchange(x)
	k.must(err)
	far := rate("EUR", "USDT", "5", start.Add(time.Second))
	_, err = strict.TellRates(context.Background(), []string{fixed}, []engine.RatesTold{{Source: fixed, Rates: []quote.Rate{far}}})
	k.must(err)
	k.must(strict.AcceptRate(context.Background(), far))
	next, err := k.over(k.store).WithExchange(x)
	k.must(err)
	if _, err := next.Price(context.Background(), shop, eurIn(100), "swap"); err != nil {
		t.Error(err)
	}
}

// case 9
func TestStaleRateGivesNoQuote(t *testing.T) {
	k := exchanging(t)
	aging := rate("EUR", "USDT", "1.25", start.Add(time.Second))
	aging.MaxAge = time.Minute
	k.must(k.tellRates(aging))
	k.clock.set(aging.At.Add(time.Minute))
	k.quote(shop, eurIn(100), "swap")
	k.clock.set(aging.At.Add(time.Minute + time.Microsecond))
	k.unchanged("a stale rate", func() {
		_, err := k.engine.MakeQuote(context.Background(), engine.NewQuote{ID: "qte_x", Scope: shop, Ask: eurIn(100), OrderKind: "swap"})
		k.wantCode(err, fault.CodeOverloaded)
		if !errors.Is(err, quote.ErrStale) {
			t.Errorf("refused with %v", err)
		}
	})
}

func TestToldRates(t *testing.T) {
	k := exchanging(t)
	tell := func(sources []string, told ...engine.RatesTold) {
		t.Helper()
		doubted, err := k.engine.TellRates(context.Background(), sources, told)
		k.must(errors.Join(doubted, err))
	}
	rates := func() (list []string) {
		t.Helper()
		believed, _, err := k.engine.Rates(context.Background())
		k.must(err)
		for _, r := range believed {
			list = append(list, r.Base+"/"+r.Quote+" "+r.Value.String()+" "+r.Source+" "+r.At.Format("05"))
		}
		return list
	}
	web := quote.Rate{Base: "BTC", Quote: "USD", Value: quote.MustDecimal("90000"), At: start, Source: "url", MaxAge: time.Minute}
	all := []string{fixed, "url"}
	tell(all, engine.RatesTold{Source: "url", Rates: []quote.Rate{web}})
	wantList(k, "two sources", rates(), "BTC/USD 90000 url 00", "EUR/USDT 1.25 fixed 00")

	k.unchanged("what is told again", func() {
		tell(all, engine.RatesTold{Source: "url", Rates: []quote.Rate{web}})
		// A source that tells all it has tells it at each start, and it keeps its time.
		tell(all, engine.RatesTold{Source: fixed, All: true, Rates: []quote.Rate{rate("EUR", "USDT", "1.25", start.Add(time.Second))}})
		tell(all) // the url says nothing at the moment
	})
	tell(all, engine.RatesTold{Source: fixed, All: true, Rates: []quote.Rate{rate("EUR", "USDT", "1.26", start.Add(2*time.Second))}})
	wantList(k, "another value", rates(), "BTC/USD 90000 url 00", "EUR/USDT 1.26 fixed 02")
	tell(all, engine.RatesTold{Source: fixed, All: true})
	wantList(k, "withdrawn", rates(), "BTC/USD 90000 url 00")
	tell([]string{fixed})
	wantList(k, "a source that is gone", rates())
}

func TestPricingIsChecked(t *testing.T) {
	good := engine.Pricing{From: "COP", To: "USDC", Spread: 50, Percent: 100, Fixed: "1500", Tax: 1900}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(p *engine.Pricing){
		"a spread of all":             func(p *engine.Pricing) { p.Spread = 10_000 },
		"a negative percentage":       func(p *engine.Pricing) { p.Percent = -1 },
		"a fee of all, with its tax":  func(p *engine.Pricing) { p.Percent, p.Tax = 9000, 1900 },
		"a fixed fee of no number":    func(p *engine.Pricing) { p.Fixed = "1,5" },
		"a negative fixed fee":        func(p *engine.Pricing) { p.Fixed = "-1" },
		"a fixed fee of three places": func(p *engine.Pricing) { p.Fixed = "1.555" },
		"a fixed fee of no currency":  func(p *engine.Pricing) { p.From = "" },
	} {
		p := good
		if change(&p); p.Check() == nil {
			t.Errorf("%s is let through", name)
		}
	}
	x := engine.DefaultExchange()
	x.Factor = quote.MustDecimal("1")
	if _, err := engine.New(nil, nil, nil).WithExchange(x); err == nil {
		t.Error("a factor of 1 is let through")
	}
}
