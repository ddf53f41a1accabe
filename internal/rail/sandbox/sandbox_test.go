package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/rail/railtest"
)

var (
	eur   = money.MustAsset("EUR", "", 2)
	start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// far is the sandbox with a memory that outlives it.
type far struct {
	t     *testing.T
	state rail.State
	at    time.Time
	*Rail
}

var ids atomic.Int64

func open(t *testing.T) *far {
	f := &far{t: t, state: railtest.Memory(), at: start}
	f.reopen(t)
	return f
}

func (f *far) reopen(t *testing.T) {
	t.Helper()
	r, err := New(Config{State: f.state, Now: func() time.Time { return f.at }, NewID: func() string { return fmt.Sprint(ids.Add(1)) }, Poll: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	f.Rail = r
}

func (f *far) taken(t *testing.T, id string) (n int) {
	t.Helper()
	err := f.state.Update(t.Context(), func(m rail.Memory) error {
		var record transfer
		_, err := rail.Load(m, transferKey+id, &record)
		n = record.Taken
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRail(t *testing.T) {
	railtest.Run(t, railtest.Fixture{
		Collects: func(t *testing.T) railtest.Collecting {
			f := open(t)
			paid := map[string]Payment{}
			pay := func(t *testing.T, p Payment) string {
				t.Helper()
				id, err := f.Pay(t.Context(), p)
				if err != nil {
					t.Fatal(err)
				}
				p.ID = id
				paid[id] = p
				return id
			}
			return railtest.Collecting{
				Rail: f, Told: railtest.Watching(func() rail.Watcher { return f }, &railtest.Book{}), Asset: eur, Reopen: f.reopen,
				Instrument: func(*testing.T) string { return fmt.Sprintf("%sREF%d", Prefix, ids.Add(1)) },
				Spelled:    func(in string) string { return strings.ToLower(in[:5]) + " " + in[5:] },
				Pay: func(t *testing.T, in string, amount money.Amount) string {
					return pay(t, Payment{Reference: in, Amount: amount})
				},
				Again: func(t *testing.T, id string) { f.at = f.at.Add(time.Hour); pay(t, paid[id]) },
				Reverse: func(t *testing.T, id string) {
					p := paid[id]
					p.Rank = order.RankReversed
					pay(t, p)
				},
			}
		},
		Sends: func(t *testing.T) railtest.Sending {
			f := open(t)
			return railtest.Sending{
				Rail: func() rail.Sender { return f }, State: f.state, Moved: f.taken, Reopen: f.reopen, Asset: eur,
				Good: OK, Refuses: Refuse, Fails: Fail, Answers: UnknownThenOK, Loses: UnknownThenNone,
			}
		},
	})
}

// The rail never serves a live mode.
func TestLive(t *testing.T) {
	if r, err := New(Config{Live: true, State: railtest.Memory()}); !errors.Is(err, ErrLive) || r != nil {
		t.Errorf("made %v, %v", r, err)
	}
}

func TestPayRefuses(t *testing.T) {
	f := open(t)
	good := Payment{ID: "one", Reference: "SBX-1", Amount: money.FromInt(eur, 5)}
	if _, err := f.Pay(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", maxText+1)
	for _, test := range []struct {
		change func(*Payment)
		code   fault.Code
		param  string
	}{
		{func(p *Payment) { p.Reference = "" }, fault.CodeInvalidValue, "reference"},
		{func(p *Payment) { p.Reference = "SBX-" }, fault.CodeInvalidValue, "reference"},
		{func(p *Payment) { p.Reference = "ABC-1" }, fault.CodeInvalidValue, "reference"},
		{func(p *Payment) { p.Reference = "SBX-é" }, fault.CodeInvalidValue, "reference"},
		{func(p *Payment) { p.Reference = "SBX-" + long }, fault.CodeInvalidValue, "reference"},
		{func(p *Payment) { p.Amount = money.Amount{} }, fault.CodeInvalidAmount, "amount"},
		{func(p *Payment) { p.Amount = money.FromInt(eur, -5) }, fault.CodeInvalidAmount, "amount"},
		{func(p *Payment) { p.ID = long }, fault.CodeInvalidValue, "id"},
		{func(p *Payment) { p.Rank = order.RankReversed + 1 }, fault.CodeInvalidValue, "rank"},
		{func(p *Payment) { p.From = long }, fault.CodeInvalidValue, "from"},
		{func(p *Payment) { p.Name = long }, fault.CodeInvalidValue, "name"},
		{func(p *Payment) { p.Amount = money.FromInt(eur, 6) }, fault.CodeIdempotencyConflict, ""},
		{func(p *Payment) { p.Reference = "SBX-2" }, fault.CodeIdempotencyConflict, ""},
	} {
		p := good
		test.change(&p)
		_, err := f.Pay(t.Context(), p)
		if got, ok := fault.As(err); !ok || got.Code != test.code || got.Param != test.param {
			t.Errorf("%+v: %v, want %s (%s)", p, err, test.code, test.param)
		}
	}
	words, err := f.words(t.Context(), "")
	if err != nil || len(words) != 1 {
		t.Errorf("%d words were written, %v", len(words), err)
	}
}

// outcomes is what the rail tells by itself of transfers.
func (f *far) outcomes() (list []string) {
	f.t.Helper()
	words, err := f.words(f.t.Context(), "")
	if err != nil {
		f.t.Fatal(err)
	}
	for _, w := range words {
		var word rail.Observation
		if err := json.Unmarshal(w.Value, &word); err != nil {
			f.t.Fatal(err)
		}
		list = append(list, word.Transfer.ID+" "+string(word.Transfer.Status))
	}
	return list
}

func TestDestinations(t *testing.T) {
	for _, test := range []struct {
		to     string
		status rail.Status // of a look-up
		told   string
	}{
		{OK, rail.StatusDelivered, "[t delivered]"},
		{"DE89370400440532013000", rail.StatusDelivered, "[t delivered]"},
		{Refuse, rail.StatusNone, "[]"},
		{Fail, rail.StatusFailed, "[t failed]"},
		{Return, rail.StatusDelivered, "[t delivered t returned]"},
		{Slow, rail.StatusSent, "[]"},
		{UnknownThenOK, rail.StatusDelivered, "[]"},
		{UnknownThenNone, rail.StatusNone, "[]"},
	} {
		f := open(t)
		d := rail.Delivery{ID: "t", To: test.to, Amount: money.FromInt(eur, 5)}
		_, sent := f.Send(t.Context(), d)
		status, _, err := f.Lookup(t.Context(), d)
		if err != nil || status != test.status || fmt.Sprint(f.outcomes()) != test.told {
			t.Errorf("%s: found %s, %v, told %v (sending: %v)", test.to, status, err, f.outcomes(), sent)
		}
	}
}

func TestSlow(t *testing.T) {
	f := open(t)
	d := rail.Delivery{ID: "t", To: Slow, Amount: money.FromInt(eur, 5)}
	if _, err := f.Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after  time.Duration
		status rail.Status
	}{{SlowFor - 1, rail.StatusSent}, {1, rail.StatusDelivered}} {
		f.at = f.at.Add(step.after)
		if status, _, err := f.Lookup(t.Context(), d); status != step.status || err != nil {
			t.Errorf("%s later: %s, %v", step.after, status, err)
		}
	}
}

func TestSendRefusesMalformed(t *testing.T) {
	f := open(t)
	good := rail.Delivery{ID: "t", To: OK, Amount: money.FromInt(eur, 5)}
	for _, change := range []func(*rail.Delivery){
		func(d *rail.Delivery) { d.ID = "" },
		func(d *rail.Delivery) { d.ID = strings.Repeat("x", maxText+1) },
		func(d *rail.Delivery) { d.To = "" },
		func(d *rail.Delivery) { d.To = strings.Repeat("x", maxText+1) },
		func(d *rail.Delivery) { d.Amount = money.Zero(eur) },
	} {
		d := good
		change(&d)
		if _, err := f.Send(t.Context(), d); !errors.Is(err, rail.ErrRefused) {
			t.Errorf("%+v: %v", d, err)
		}
	}
}

// A memory with a word that cannot be read stops the watcher with the reason, instead of passing it over.
func TestUnreadableWord(t *testing.T) {
	f := open(t)
	err := f.state.Update(t.Context(), func(m rail.Memory) error { return m.Put(wordKey+"1", []byte("?")) })
	if err != nil {
		t.Fatal(err)
	}
	err = f.Watch(t.Context(), rail.Cursor{}, &railtest.Book{}, func(context.Context, rail.Cursor, []rail.Observation) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("ended with %v", err)
	}
}

// More words than one report holds are told in their order and without a gap.
func TestManyWords(t *testing.T) {
	f := open(t)
	const n = 2*wordsAtOnce + 7
	for range n {
		if _, err := f.Pay(t.Context(), Payment{Reference: "SBX-1", Amount: money.FromInt(eur, 5)}); err != nil {
			t.Fatal(err)
		}
	}
	told := railtest.Watching(func() rail.Watcher { return f }, &railtest.Book{})
	_, seen := told(t, rail.Cursor{}, func(seen []rail.Observation) bool { return len(seen) >= n })
	different := map[string]bool{}
	for _, s := range seen {
		different[s.External] = true
	}
	if len(seen) != n || len(different) != n {
		t.Errorf("%d words about %d payments, want %d", len(seen), len(different), n)
	}
}
