package quote

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"till/internal/fault"
	"till/internal/money"
)

func TestPrice(t *testing.T) {
	table := tableOf(t, "USD/COP 4000", "USD/CLP 950", "EUR/USD 1.25", "USDC/USD 1", "BTC/USDC 90000")
	for _, tt := range []struct {
		from, to, want string
		legs           int
	}{
		{"USD", "COP", "4000", 1},
		{"COP", "USD", "1/4000", 1},
		{"COP", "CLP", "950/4000", 2},
		{"CLP", "COP", "4000/950", 2},
		{"EUR", "COP", "5000", 2},
		{"COP", "COP", "1", 0},
		{"XYZ", "XYZ", "1", 0},
	} {
		p, err := table.Price(tt.from, tt.to, noon)
		want, _ := new(big.Rat).SetString(tt.want)
		if err != nil || p.Rat().Cmp(want) != 0 || len(p.Rates) != tt.legs {
			t.Errorf("%s to %s: %v by %d rates, %v", tt.from, tt.to, p.value, len(p.Rates), err)
		}
	}
	// Two codes between are one too many, and an unknown code has no rate.
	for _, pair := range [][2]string{{"BTC", "COP"}, {"COP", "BTC"}, {"XYZ", "USD"}, {"USD", "XYZ"}} {
		if p, err := table.Price(pair[0], pair[1], noon); !fault.Is(err, fault.CodeNotConfigured) {
			t.Errorf("%v: %v, %v", pair, p, err)
		}
	}
	var none *Table
	if _, err := none.Price("USD", "COP", noon); !fault.Is(err, fault.CodeNotConfigured) || none.Rates() != nil {
		t.Errorf("without a table: %v", err)
	}
	p, _ := table.Price("USD", "COP", noon)
	p.Rat().SetInt64(1)
	if again, _ := table.Price("USD", "COP", noon); again.Rat().Cmp(big.NewRat(4000, 1)) != 0 {
		t.Error("the table changed with what it gave")
	}
}

// Of several ways the youngest is taken, then the first by code; a way that
// may not be used is passed by.
func TestPriceChoosesTheWay(t *testing.T) {
	table := tableOf(t, "AAA/MMM 2", "MMM/BBB 2", "AAA/KKK 3", "KKK/BBB 3")
	if p, err := table.Price("AAA", "BBB", noon); err != nil || p.Rat().Cmp(big.NewRat(9, 1)) != 0 {
		t.Errorf("by code: %v, %v", p.value, err)
	}
	later := noon.Add(time.Minute)
	table, err := table.Update([]Rate{rateOf("AAA/MMM 2", later)}, later)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := table.Price("AAA", "BBB", later); err != nil || p.Rat().Cmp(big.NewRat(9, 1)) != 0 {
		t.Errorf("one half of the way is young: %v, %v", p.value, err)
	}
	if table, err = table.Update([]Rate{rateOf("MMM/BBB 2", later)}, later); err != nil {
		t.Fatal(err)
	}
	if p, err := table.Price("BBB", "AAA", later); err != nil || p.Rat().Cmp(big.NewRat(1, 4)) != 0 {
		t.Errorf("the whole way is young: %v, %v", p.value, err)
	}
	doubtful, err := table.Update([]Rate{rateOf("AAA/MMM 20", later)}, later)
	if !errors.Is(err, ErrAbsurd) {
		t.Fatal(err)
	}
	if p, err := doubtful.Price("AAA", "BBB", later); err != nil || p.Rat().Cmp(big.NewRat(9, 1)) != 0 {
		t.Errorf("around the doubt: %v, %v", p.value, err)
	}
	// The pair's own rate decides, and nothing leads around it.
	if doubtful, err = doubtful.Update([]Rate{rateOf("AAA/BBB 9", noon)}, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if p, err := doubtful.Price("AAA", "BBB", later.Add(time.Hour-time.Second)); !errors.Is(err, ErrStale) {
		t.Errorf("around the pair's own old rate: %v, %v", p.value, err)
	}
}

// case 9: a rate that is old, jumped or is nothing at all gives no quote, and
// what was quoted before stands.
func TestStaleOrAbsurdRateGivesNoQuote(t *testing.T) {
	table := tableOf(t, "USD/COP 4000")
	ask := Ask{From: usd, To: cop, AmountIn: money.FromInt(usd, 100)}
	quoted, err := New(ask, table, Pricing{}, noon.Add(time.Hour), DefaultLife)
	if err != nil {
		t.Fatalf("at its last moment: %v", err)
	}
	refused := func(name string, table *Table, now time.Time, reason error) {
		t.Helper()
		_, err := New(ask, table, Pricing{}, now, DefaultLife)
		f, ok := fault.As(err)
		if !ok || f.Kind != fault.Unavailable || f.RetryAfter <= 0 || !f.Retryable() || !errors.Is(err, reason) {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused("old", table, noon.Add(time.Hour+1), ErrStale)

	for _, jump := range []string{"8001", "1999", "40000", "400"} {
		later := noon.Add(time.Minute)
		after, err := table.Update([]Rate{rateOf("USD/COP "+jump, later)}, later)
		if !errors.Is(err, ErrAbsurd) || len(after.Doubts()) != 1 || after.Rates()[0].Value != MustDecimal("4000") {
			t.Fatalf("%s: %v", jump, err)
		}
		refused("jump to "+jump, after, later, ErrAbsurd)
		if _, err := New(ask, table, Pricing{}, later, DefaultLife); err != nil {
			t.Errorf("the table before it changed: %v", err)
		}
	}
	for _, step := range []string{"8000", "2000", "4000"} {
		if _, err := table.Update([]Rate{rateOf("USD/COP "+step, noon)}, noon); err != nil {
			t.Errorf("within the factor: %v", err)
		}
	}
	// The inverse of a jump is a jump.
	if _, err := table.Update([]Rate{rateOf("COP/USD 0.0001", noon)}, noon); !errors.Is(err, ErrAbsurd) {
		t.Errorf("inverse: %v", err)
	}
	if err := quoted.CheckAlive(quoted.Made.Add(DefaultLife)); err != nil || quoted.Check() != nil {
		t.Errorf("what was quoted before: %v", err)
	}
}

func TestDoubtEnds(t *testing.T) {
	later := noon.Add(time.Minute)
	closed, err := tableOf(t, "USD/COP 4000").Update([]Rate{rateOf("USD/COP 40000", later)}, later)
	if !errors.Is(err, ErrAbsurd) {
		t.Fatal(err)
	}
	price := func(table *Table) string {
		p, err := table.Price("USD", "COP", later)
		if err != nil {
			return "none"
		}
		return p.value.RatString()
	}
	told := func(text string, at time.Time) string {
		next, _ := closed.Update([]Rate{rateOf(text, at)}, later)
		return price(next)
	}
	if got := told("USD/COP 4100", later); got != "4100" {
		t.Errorf("told again, believably: %s", got)
	}
	if got := told("USD/COP 41000", later); got != "none" {
		t.Errorf("told again, no better: %s", got)
	}
	if got := told("USD/COP 4100", noon.Add(time.Second)); got != "none" {
		t.Errorf("an older one: %s", got)
	}
	seen := closed.Doubts()[0]
	accepted, err := closed.Accept(seen)
	if err != nil || price(accepted) != "40000" || len(accepted.Doubts()) != 0 || price(closed) != "none" {
		t.Errorf("accepted: %v", err)
	}
	if next, err := accepted.Update([]Rate{rateOf("USD/COP 41000", later)}, later); err != nil || price(next) != "41000" {
		t.Errorf("after it was accepted: %v", err)
	}
	if _, err := accepted.Accept(seen); !fault.Is(err, fault.CodeNotFound) {
		t.Errorf("accepted twice: %v", err)
	}
	other := seen
	other.Value = MustDecimal("50000")
	if _, err := closed.Accept(other); !fault.Is(err, fault.CodeVersionConflict) {
		t.Errorf("another than was seen: %v", err)
	}
}

func TestReference(t *testing.T) {
	empty, err := NewTable(MustDecimal("1.5"), rateOf("COP/USD 0.00025", noon))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := empty.Price("USD", "COP", noon); !fault.Is(err, fault.CodeNotConfigured) {
		t.Errorf("a reference was quoted: %v", err)
	}
	first, err := empty.Update([]Rate{rateOf("USD/COP 6001", noon)}, noon)
	if !errors.Is(err, ErrAbsurd) {
		t.Errorf("the first rate, far off: %v", err)
	}
	if _, err := first.Price("USD", "COP", noon); !errors.Is(err, ErrAbsurd) || len(first.Rates()) != 0 {
		t.Errorf("quoted: %v", err)
	}
	if next, err := first.Update([]Rate{rateOf("USD/COP 6000", noon)}, noon); err != nil || len(next.Rates()) != 1 {
		t.Errorf("at the bound: %v", err)
	}
	// Step by step it gets no further either.
	next, err := empty.Update([]Rate{rateOf("USD/COP 5900", noon)}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := next.Update([]Rate{rateOf("USD/COP 6100", noon)}, noon); !errors.Is(err, ErrAbsurd) {
		t.Errorf("in steps: %v", err)
	}
}

func TestUpdate(t *testing.T) {
	table := tableOf(t, "USD/COP 4000")
	old, err := table.Update([]Rate{rateOf("USD/COP 4100", noon.Add(-time.Second))}, noon)
	if err != nil || old.Rates()[0].Value != MustDecimal("4000") {
		t.Errorf("an older rate: %v, %v", old.Rates(), err)
	}
	inverse, err := table.Update([]Rate{rateOf("COP/USD 0.0002", noon)}, noon)
	if err != nil || len(inverse.Rates()) != 1 {
		t.Fatalf("the other direction: %v, %v", inverse.Rates(), err)
	}
	if p, err := inverse.Price("USD", "COP", noon); err != nil || p.Rat().Cmp(big.NewRat(5000, 1)) != 0 {
		t.Errorf("the other direction: %v, %v", p.value, err)
	}
	// What is wrong is refused alone.
	future := rateOf("USD/CLP 950", noon.Add(skew+1))
	next, err := table.Update([]Rate{{Base: "USD"}, future, rateOf("EUR/USD 1.25", noon.Add(skew))}, noon)
	if !errors.Is(err, ErrRate) || strings.Count(err.Error(), "\n") != 1 || len(next.Rates()) != 2 || len(table.Rates()) != 1 {
		t.Errorf("%v: %v", next.Rates(), err)
	}
	// A new table takes what the old one knew.
	empty, _ := NewTable(MustDecimal("2"))
	again, err := empty.Update(next.Rates(), noon)
	if err != nil || fmt.Sprint(again.Rates()) != fmt.Sprint(next.Rates()) {
		t.Errorf("%v, %v", again.Rates(), err)
	}
	ageless := rateOf("USD/COP 4000", noon)
	ageless.MaxAge = Forever
	fixed, err := empty.Update([]Rate{ageless}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fixed.Price("USD", "COP", noon.AddDate(500, 0, 0)); err != nil {
		t.Errorf("a rate set by hand got old: %v", err)
	}
}

func TestNewTableRefuses(t *testing.T) {
	for _, factor := range []Decimal{{}, MustDecimal("1"), MustDecimal("0.5")} {
		if _, err := NewTable(factor); err == nil {
			t.Errorf("factor %q", factor)
		}
	}
	if _, err := NewTable(MustDecimal("2"), Rate{}); !errors.Is(err, ErrRate) {
		t.Errorf("bad reference: %v", err)
	}
	if _, err := NewTable(MustDecimal("2"), rateOf("USD/COP 1", noon), rateOf("COP/USD 1", noon)); !errors.Is(err, ErrRate) {
		t.Errorf("two references of one pair: %v", err)
	}
}

func TestRateCheck(t *testing.T) {
	if err := rateOf("USD/COP 4000", noon).Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Rate){
		"no base":         func(r *Rate) { r.Base = "" },
		"small letters":   func(r *Rate) { r.Quote = "cop" },
		"long code":       func(r *Rate) { r.Quote = strings.Repeat("A", 17) },
		"for itself":      func(r *Rate) { r.Quote = "USD" },
		"no value":        func(r *Rate) { r.Value = Decimal{} },
		"too many digits": func(r *Rate) { r.Value = MustDecimal(strings.Repeat("1", 65)) },
		"no time":         func(r *Rate) { r.At = time.Time{} },
		"no source":       func(r *Rate) { r.Source = "" },
		"no age":          func(r *Rate) { r.MaxAge = 0 },
		"negative age":    func(r *Rate) { r.MaxAge = -1 },
	} {
		r := rateOf("USD/COP 4000", noon)
		if spoil(&r); !errors.Is(r.Check(), ErrRate) {
			t.Errorf("%s: %v", name, r.Check())
		}
	}
}
