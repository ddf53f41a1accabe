package engine_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/quote"
)

// What is worth something by a rate in either direction, rounded down; what has none, and what is too old, is left out.
func TestWorth(t *testing.T) {
	k := newKit(t)
	peso, yen, dollar, coin := money.MustAsset("COP", "", 2), money.MustAsset("JPY", "", 0), money.MustAsset("USD", "", 2), money.MustAsset("ETH", "north", 18)
	var rates []quote.Rate
	k.must(json.Unmarshal([]byte(`[
		{"base":"USD","quote":"COP","value":"4000","at":"2026-03-01T12:00:00Z","source":"test","maxAge":3600000000000},
		{"base":"ETH","quote":"USD","value":"2000.5","at":"2026-03-01T12:00:00Z","source":"test","maxAge":3600000000000}]`), &rates))
	_, err := k.engine.TellRates(context.Background(), []string{"test"}, []engine.RatesTold{{Source: "test", Rates: rates}})
	k.must(err)
	half, err := money.ParseUnits(coin, "500000000000000000")
	k.must(err)
	amounts := []money.Amount{units(peso, 1_000_099), units(yen, 5), units(dollar, -7), half}
	got, err := k.engine.Worth(context.Background(), amounts, dollar, start.Add(time.Minute))
	k.must(err)
	want(k, "worth", len(got), 3)
	want(k, "pesos", got[peso].Decimal(), "2.50")
	want(k, "dollars", got[dollar].Decimal(), "-0.07")
	want(k, "coins", got[coin].Decimal(), "1000.25")
	got, err = k.engine.Worth(context.Background(), amounts, dollar, start.Add(2*time.Hour))
	k.must(err)
	want(k, "later", len(got), 1)
}
