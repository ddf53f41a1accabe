package sandbox

import (
	"context"
	"fmt"
	"testing"
	"time"

	"till/internal/money"
	"till/internal/rail"
	"till/internal/rail/railtest"
)

func (f *far) wishes(t *testing.T, w rail.Wish) {
	t.Helper()
	text, err := w.Text()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.state.Update(t.Context(), func(m rail.Memory) error { return m.Put(w.Key(), text) }); err != nil {
		t.Fatal(err)
	}
}

// A payment comes by itself when its time has come on the mode's clock, once, after a restart too; not when its wish
// was taken back.
func TestWishes(t *testing.T) {
	f := open(t)
	ahead := time.Duration(0) // of the mode's clock
	clocked := func() {
		r, err := New(Config{State: f.state, Now: func() time.Time { return f.at }, NewID: func() string { return "id" }, Poll: time.Millisecond,
			Clock: func(context.Context) (time.Time, error) { return f.at.Add(ahead), nil }})
		if err != nil {
			t.Fatal(err)
		}
		f.Rail = r
	}
	clocked()
	due := money.FromInt(eur, 500)
	taken := rail.Wish{ID: "taken", At: start.Add(3 * time.Second), Instrument: "SBX-1", Amount: due}
	f.wishes(t, rail.Wish{ID: "one", At: start.Add(5 * time.Second), Instrument: "SBX-1", Amount: due, Document: "123"})
	f.wishes(t, taken)
	f.wishes(t, rail.Wish{ID: "two", At: start.Add(time.Hour), Instrument: "SBX-2", Amount: due})
	if err := f.state.Update(t.Context(), func(m rail.Memory) error { return m.Put(taken.Key(), nil) }); err != nil {
		t.Fatal(err)
	}
	heard := func(n int) []string {
		t.Helper()
		told := railtest.Watching(func() rail.Watcher { return f }, &railtest.Book{})
		_, seen := told(t, rail.Cursor{}, func(seen []rail.Observation) bool { return len(seen) >= n })
		var list []string
		for _, s := range seen {
			list = append(list, fmt.Sprint(s.External, " ", s.Instrument, " ", s.Amount, " ", s.Evidence.Document))
		}
		return list
	}
	wantHeard := func(want ...string) {
		t.Helper()
		if got := heard(len(want)); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
	for range 2 { // nothing yet, before and after a restart
		if err := f.fulfil(t.Context()); err != nil {
			t.Fatal(err)
		}
		if words, err := f.words(t.Context(), ""); err != nil || len(words) != 0 {
			t.Errorf("%d words, %v", len(words), err)
		}
		clocked()
	}
	ahead = 5 * time.Second // the mode's clock is moved
	wantHeard("sbx-one SBX-1 5.00 EUR 123")
	clocked()
	ahead = 2 * time.Hour
	wantHeard("sbx-one SBX-1 5.00 EUR 123", "sbx-two SBX-2 5.00 EUR ")
	if left, err := f.state.List(t.Context(), rail.WishKey, "", 10); err != nil || len(left) != 0 {
		t.Errorf("%d wishes are left, %v", len(left), err)
	}
}

// What becomes of a transfer to a checked destination is decided by its amount, in any currency.
func TestAmounts(t *testing.T) {
	clp := money.MustAsset("CLP", "", 0)
	for _, test := range []struct {
		amount money.Amount
		status rail.Status
		told   string
	}{
		{money.FromInt(eur, 490100), rail.StatusNone, "[]"},
		{money.FromInt(clp, 4902), rail.StatusFailed, "[t failed]"},
		{money.FromInt(eur, 490200), rail.StatusFailed, "[t failed]"},
		{money.FromInt(clp, 4903), rail.StatusDelivered, "[t delivered t returned]"},
		{money.FromInt(clp, 4904), rail.StatusSent, "[]"},
		{money.FromInt(clp, 4905), rail.StatusDelivered, "[]"},
		{money.FromInt(clp, 4906), rail.StatusNone, "[]"},
		{money.FromInt(eur, 490201), rail.StatusDelivered, "[t delivered]"},
		{money.FromInt(clp, 490200), rail.StatusDelivered, "[t delivered]"},
	} {
		f := open(t)
		d := rail.Delivery{ID: "t", To: "646180157000000004", Amount: test.amount}
		_, sent := f.Send(t.Context(), d)
		status, _, err := f.Lookup(t.Context(), d)
		if err != nil || status != test.status || fmt.Sprint(f.outcomes()) != test.told {
			t.Errorf("%s: found %s, %v, told %v (sending: %v)", test.amount, status, err, f.outcomes(), sent)
		}
	}
}
