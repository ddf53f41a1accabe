package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/quote"
)

// quoteOf inserts a quote that ends in an hour.
func (s *suite) quoteOf(id string, scope engine.Scope) *engine.Quote {
	s.Helper()
	var q *engine.Quote
	s.update(func(tx engine.Tx) error {
		at := tx.Now()
		q = &engine.Quote{ID: id, Scope: scope, OrderKind: "kind", Doc: json.RawMessage(`{"a":1}`), Quote: quote.Quote{
			AmountIn: money.FromInt(eur, 1000), Fee: money.FromInt(eur, 10), Tax: money.Zero(eur), AmountOut: money.FromInt(usdt, 1_234_567),
			ExchangeRate: quote.MustDecimal("8.02"), Made: at, Ends: at.Add(time.Hour),
			Rates: []quote.Rate{{Base: "USDT", Quote: "EUR", Value: quote.MustDecimal("8"), At: at, Source: "x", MaxAge: time.Hour}},
		}}
		return tx.InsertQuote(q)
	})
	return q
}

func quotes(s *suite) {
	first := s.quoteOf("qte_1", scopeA)
	if first.Version != 1 {
		s.Errorf("version %d", first.Version)
	}
	stale := *first
	s.update(func(tx engine.Tx) error {
		q, err := tx.Quote("qte_1")
		if err != nil {
			return err
		}
		q.UsedBy, q.UsedAt = "ord_1", tx.Now()
		if err := tx.SaveQuote(q); err != nil {
			return err
		}
		again, err := tx.Quote("qte_1")
		if err != nil || again.UsedBy != "ord_1" {
			return fmt.Errorf("read %v after the write (%w)", again, err)
		}
		first = q
		return nil
	})
	s.wantCode(s.try(func(tx engine.Tx) error { q := stale; return tx.SaveQuote(&q) }), fault.CodeVersionConflict)
	s.wantCode(s.try(func(tx engine.Tx) error { return tx.SaveQuote(&engine.Quote{ID: "nobody"}) }), fault.CodeNotFound)
	for what, change := range map[string]func(q *engine.Quote){
		"scope": func(q *engine.Quote) { q.Scope = scopeB },
		"end":   func(q *engine.Quote) { q.Ends = q.Ends.Add(time.Second) },
		"time":  func(q *engine.Quote) { q.Made = q.Made.Add(time.Second) },
	} {
		if s.try(func(tx engine.Tx) error {
			q, err := tx.Quote("qte_1")
			if err != nil {
				return err
			}
			change(q)
			return tx.SaveQuote(q)
		}) == nil {
			s.Errorf("the %s of a quote was changed", what)
		}
	}
	for _, id := range []string{"", "qte_1"} {
		if s.try(func(tx engine.Tx) error { return tx.InsertQuote(&engine.Quote{ID: id, Scope: scopeA}) }) == nil {
			s.Errorf("a quote with the id %q was inserted", id)
		}
	}
	if s.try(func(tx engine.Tx) error { return tx.ForgetQuote("qte_1") }) == nil {
		s.Error("a quote that was used is forgotten")
	}
	s.reopen()
	s.view(func(rd engine.Reader) error {
		got, err := rd.Quote("qte_1")
		if err != nil {
			return err
		}
		s.same("the quote", got, first)
		if got, err = rd.Quote("qte_2"); got != nil {
			s.Errorf("there is a quote %v", got)
		}
		return err
	})
}

func oldQuotes(s *suite) {
	ends := s.quoteOf("qte_1", scopeA).Ends
	s.clock.advance(time.Minute)
	s.quoteOf("qte_2", scopeB)
	used := s.quoteOf("qte_3", scopeA)
	s.update(func(tx engine.Tx) error { used.UsedBy = "ord_1"; return tx.SaveQuote(used) })
	old := func(before time.Time, limit int) (ids []string) {
		s.view(func(rd engine.Reader) error {
			var err error
			ids, err = rd.OldQuotes(before, limit)
			return err
		})
		return ids
	}
	s.same("before the first's end", old(ends, 10), []string(nil))
	s.same("after it", old(ends.Add(time.Microsecond), 10), []string{"qte_1"})
	s.same("after all", old(ends.Add(time.Hour), 10), []string{"qte_1", "qte_2"})
	s.same("the oldest", old(ends.Add(time.Hour), 1), []string{"qte_1"})
	s.update(func(tx engine.Tx) error {
		for _, id := range []string{"qte_1", "nobody"} {
			if err := tx.ForgetQuote(id); err != nil {
				return err
			}
		}
		if q, err := tx.Quote("qte_1"); q != nil || err != nil {
			return fmt.Errorf("a forgotten quote is %v, %w", q, err)
		}
		return nil
	})
	s.same("the rest", old(ends.Add(time.Hour), 10), []string{"qte_2"})
}

// quoteRace has many callers use one quote at once: one does.
func quoteRace(s *suite) {
	s.quoteOf("qte_1", scopeA)
	const callers = 32
	var wg sync.WaitGroup
	won := make(chan string, callers)
	for n := range callers {
		wg.Go(func() {
			who := fmt.Sprintf("ord_%d", n)
			err := s.store.Update(context.Background(), engine.Keys{Quotes: []string{"qte_1"}}, func(tx engine.Tx) error {
				q, err := tx.Quote("qte_1")
				if err != nil {
					return err
				}
				if q.UsedBy != "" {
					return errRefused
				}
				q.UsedBy = who
				return tx.SaveQuote(q)
			})
			if err == nil {
				won <- who
			}
		})
	}
	wg.Wait()
	close(won)
	var winners []string
	for who := range won {
		winners = append(winners, who)
	}
	s.view(func(rd engine.Reader) error {
		q, err := rd.Quote("qte_1")
		if err == nil && (len(winners) != 1 || q.UsedBy != winners[0]) {
			s.Errorf("%v used it, the record says %s", winners, q.UsedBy)
		}
		return err
	})
}
