package operator

import (
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/quote"
)

func TestRates(t *testing.T) {
	k := newKit(t)
	rate := func(value string, at time.Time) quote.Rate {
		return quote.Rate{Base: "EUR", Quote: "USD", Value: quote.MustDecimal(value), At: at, Source: "file", MaxAge: time.Hour}
	}
	tell := func(r quote.Rate) {
		t.Helper()
		if _, err := k.engine.TellRates(t.Context(), []string{"file"}, []engine.RatesTold{{Source: "file", Rates: []quote.Rate{r}}}); err != nil {
			t.Fatal(err)
		}
	}
	tell(rate("4000", testNow))
	tell(rate("40000", testNow.Add(time.Second)))
	list := call(k.handler, "GET", "/rates", tokenAll, "")
	for _, want := range []string{`"value":"4000"`, `"value":"40000"`, `"doubt":true`, `"until":"`} {
		if list.Code != 200 || !strings.Contains(list.Body.String(), want) {
			t.Errorf("%d %s", list.Code, list.Body)
		}
	}
	accept := func(value string) int {
		t.Helper()
		got := call(k.handler, "POST", "/rates/accept", tokenAll, `{"base":"EUR","quote":"USD","value":"`+value+`","at":"`+testNow.Add(time.Second).Format(time.RFC3339)+`","source":"file"}`)
		return got.Code
	}
	for value, want := range map[string]int{"none": 422, "0": 422, "39999": 409} {
		if got := accept(value); got != want && !(want == 422 && got == 400) {
			t.Errorf("%s: %d", value, got)
		}
	}
	if got := accept("40000"); got != 200 {
		t.Errorf("accepting: %d", got)
	}
	if got := accept("40000"); got != 404 {
		t.Errorf("accepting again: %d", got)
	}
}
