package storetest

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/order"
)

// list reads every page of a list and checks each against the total.
func (s *suite) list(f engine.Filter) (references []string) {
	s.Helper()
	s.view(func(rd engine.Reader) error {
		for f.Page = 1; ; f.Page++ {
			page, err := rd.Orders(f)
			if err != nil {
				return err
			}
			for _, o := range page.Orders {
				references = append(references, o.Reference)
			}
			if len(page.Orders) < f.Limit {
				want(s, "total of page "+strconv.Itoa(f.Page), page.Total, int64(len(references)))
				return nil
			}
		}
	})
	return references
}

func (s *suite) wantList(what string, f engine.Filter, want []string) {
	s.Helper()
	for _, limit := range []int{2, 7, 100} {
		f.Limit = limit
		if got := s.list(f); !slices.Equal(got, want) {
			s.Fatalf("%s, %d a page:\n got %v\nwant %v", what, limit, got, want)
		}
	}
}

// fill stores n orders with random properties and returns them in the order of creation.
func (s *suite) fill(n int) []*engine.Order {
	s.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	var all []*engine.Order
	for len(all) < n {
		s.update(func(tx engine.Tx) error {
			o := s.draft(tx, scopeA)
			o.Reference = strconv.Itoa(len(all) + 1)
			o.State = order.States()[random.IntN(4)+2]
			o.Network = []string{"testnet", "other"}[random.IntN(2)]
			o.Terms.Due = []money.Amount{money.FromInt(usdt, 500_000), money.FromInt(eur, int64(random.IntN(200)+1)), money.FromInt(usdt, int64(random.IntN(3_000_000)+1))}[random.IntN(3)]
			o.UpdatedAt = tx.Now().Add(time.Duration(random.IntN(100)) * time.Hour)
			all = append(all, o)
			return tx.InsertOrder(o)
		})
		s.clock.advance(time.Minute)
	}
	s.insert(scopeB, nil)
	s.insert(scopeC, nil)
	return all
}

// which are the references of the orders that fit, sorted by less, then by creation.
func which(all []*engine.Order, fits func(*engine.Order) bool, compare func(a, b *engine.Order) int, descending bool) (references []string) {
	chosen := slices.DeleteFunc(slices.Clone(all), func(o *engine.Order) bool { return !fits(o) })
	slices.SortStableFunc(chosen, func(a, b *engine.Order) int { return cmp.Or(compare(a, b), cmp.Compare(a.Number, b.Number)) })
	if descending {
		slices.Reverse(chosen)
	}
	for _, o := range chosen {
		references = append(references, o.Reference)
	}
	return references
}

func byNumber(a, b *engine.Order) int { return cmp.Compare(a.Number, b.Number) }
func everything(*engine.Order) bool   { return true }
func inStates(list ...order.State) func(*engine.Order) bool {
	return func(o *engine.Order) bool { return slices.Contains(list, o.State) }
}

func pages(s *suite) {
	s.wantList("empty", engine.Filter{Scope: scopeA}, nil)
	all := s.fill(40)
	for _, down := range []bool{false, true} {
		s.wantList("all", engine.Filter{Scope: scopeA, Descending: down}, which(all, everything, byNumber, down))
		s.wantList("by creation", engine.Filter{Scope: scopeA, Sort: engine.ByCreation, Descending: down}, which(all, everything, byNumber, down))
		for _, states := range [][]order.State{{order.Waiting}, {order.Waiting, order.Paid}, {order.Paid, order.Waiting, order.Waiting}, order.States()} {
			s.wantList("by state", engine.Filter{Scope: scopeA, States: states, Descending: down}, which(all, inStates(states...), byNumber, down))
		}
	}
	s.wantList("another scope", engine.Filter{Scope: scopeD}, nil)
	for _, o := range all[:10] {
		if err := s.save(o.ID, func(o *engine.Order) { o.State = order.Completed }); err != nil {
			s.Fatal(err)
		}
		o.State = order.Completed
	}
	s.reopen()
	s.wantList("after changes", engine.Filter{Scope: scopeA, States: []order.State{order.Completed, order.Part}}, which(all, inStates(order.Completed, order.Part), byNumber, false))
	s.view(func(rd engine.Reader) error {
		for _, f := range []engine.Filter{{Page: 0, Limit: 1}, {Page: 1, Limit: 0}, {Page: -1, Limit: 5}, {Page: 1 << 62, Limit: 100}, {Page: 1, Limit: 1, Sort: "id; DROP TABLE orders"}} {
			f.Scope = scopeA
			_, err := rd.Orders(f)
			s.wantCode(err, fault.CodeInvalidPage)
		}
		page, err := rd.Orders(engine.Filter{Scope: scopeA, Page: 1000, Limit: 10})
		want(s, "total behind the end", page.Total, 40)
		want(s, "orders behind the end", len(page.Orders), 0)
		return err
	})
}

// numbered: a period's orders, by their numbers.
func numbered(s *suite) {
	all := s.fill(20)
	of := func(scope engine.Scope, from, to time.Time) (references []string) {
		s.view(func(rd engine.Reader) error {
			first, last, err := rd.OrderNumbers(scope, from, to)
			if err != nil || first > last {
				return err
			}
			list, err := rd.OrdersNumbered(scope, first, last)
			for _, o := range list {
				references = append(references, o.Reference)
			}
			return err
		})
		return references
	}
	s.reopen()
	for _, tt := range []struct {
		name     string
		scope    engine.Scope
		from, to time.Time
		low, end int
	}{
		{"all", scopeA, time.Time{}, time.Time{}, 0, 20},
		{"both ends included", scopeA, all[3].CreatedAt, all[7].CreatedAt, 3, 8},
		{"just inside", scopeA, all[3].CreatedAt.Add(time.Microsecond), all[7].CreatedAt.Add(-time.Microsecond), 4, 7},
		{"before all", scopeA, time.Time{}, all[0].CreatedAt.Add(-time.Hour), 0, 0},
		{"behind all", scopeA, all[19].CreatedAt.Add(time.Hour), time.Time{}, 0, 0},
		{"the wrong way round", scopeA, all[7].CreatedAt, all[3].CreatedAt, 0, 0},
		{"nobody's", scopeD, time.Time{}, time.Time{}, 0, 0},
	} {
		if got := of(tt.scope, tt.from, tt.to); !slices.Equal(got, which(all[tt.low:tt.end], everything, byNumber, false)) {
			s.Errorf("%s: %v", tt.name, got)
		}
	}
	want(s, "orders of another scope", len(of(scopeB, time.Time{}, time.Time{})), 1)
	err := s.store.View(s.Context(), func(rd engine.Reader) error {
		_, err := rd.OrdersNumbered(scopeA, 20, 21)
		return err
	})
	if err == nil {
		s.Error("an order that is not there was passed over")
	}
}

func totalsUnderWriters(s *suite) {
	var stop atomic.Bool
	done := make(chan error, 1)
	go func() {
		for !stop.Load() {
			err := s.store.View(s.Context(), func(rd engine.Reader) error {
				var sum int64
				for _, states := range [][]order.State{{order.Waiting}, {order.Seen, order.Completed}} {
					page, err := rd.Orders(engine.Filter{Scope: scopeA, States: states, Page: 1, Limit: 1000})
					if err != nil {
						return err
					}
					if int64(len(page.Orders)) != page.Total {
						s.Errorf("a list of %d orders says %d", len(page.Orders), page.Total)
					}
					sum += page.Total
				}
				page, err := rd.Orders(engine.Filter{Scope: scopeA, Page: 1, Limit: 1000})
				if page.Total != sum {
					s.Errorf("the states add up to %d of %d", sum, page.Total)
				}
				return err
			})
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for _, err := range AtOnce(16, func(int) error {
		for range 5 {
			var id string
			if err := s.try(func(tx engine.Tx) error { o := s.draft(tx, scopeA); id = o.ID; return tx.InsertOrder(o) }); err != nil {
				return err
			}
			for _, state := range []order.State{order.Seen, order.Completed} {
				if err := s.save(id, func(o *engine.Order) { o.State = state }); err != nil {
					return err
				}
			}
		}
		return nil
	}) {
		if err != nil {
			s.Error(err)
		}
	}
	stop.Store(true)
	if err := <-done; err != nil {
		s.Fatal(err)
	}
	s.view(func(rd engine.Reader) error {
		page, err := rd.Orders(engine.Filter{Scope: scopeA, States: []order.State{order.Completed}, Page: 1, Limit: 1})
		want(s, "completed", page.Total, 80)
		return err
	})
}

func filters(s *suite) {
	all := s.fill(40)
	for _, down := range []bool{false, true} {
		s.wantList("asset", engine.Filter{Scope: scopeA, AssetCode: "EUR", Descending: down},
			which(all, func(o *engine.Order) bool { return o.Terms.Due.Asset() == eur }, byNumber, down))
		s.wantList("network", engine.Filter{Scope: scopeA, Network: "other", Descending: down},
			which(all, func(o *engine.Order) bool { return o.Network == "other" }, byNumber, down))
		s.wantList("reference", engine.Filter{Scope: scopeA, Reference: "3", Descending: down},
			which(all, func(o *engine.Order) bool { return strings.Contains(o.Reference, "3") }, byNumber, down))
		s.wantList("all at once", engine.Filter{Scope: scopeA, Network: "other", AssetCode: "USDT", Reference: "1", States: []order.State{order.Waiting, order.Seen},
			CreatedAfter: all[3].CreatedAt, CreatedBefore: all[35].CreatedAt, Descending: down},
			which(all[3:36], func(o *engine.Order) bool {
				return o.Network == "other" && o.Terms.Due.Asset() == usdt && strings.Contains(o.Reference, "1") && (o.State == order.Waiting || o.State == order.Seen)
			}, byNumber, down))
	}
	s.wantList("none", engine.Filter{Scope: scopeA, AssetCode: "XXX"}, nil)
}

// case 49: every character of a search means itself.
func specialReferences(s *suite) {
	references := []string{"100%", "100 of 100", "a_b", "aXb", `it's "quoted"`, `back\slash`, "back/slash", "ÉCLAIR", "éclair au chocolat", "x'; DROP TABLE orders; --", "[a-z]", "*"}
	for _, r := range references {
		s.insert(scopeA, func(o *engine.Order) { o.Reference = r })
	}
	for search, found := range map[string][]string{
		"%": {"100%"}, "100%": {"100%"}, "_": {"a_b"}, "A_B": {"a_b"}, "a": {"a_b", "aXb", `back\slash`, "back/slash", "ÉCLAIR", "éclair au chocolat", "x'; DROP TABLE orders; --", "[a-z]"},
		"'": {`it's "quoted"`, "x'; DROP TABLE orders; --"}, `"`: {`it's "quoted"`}, `\`: {`back\slash`}, "éclair": {"ÉCLAIR", "éclair au chocolat"}, "Éclair": {"ÉCLAIR", "éclair au chocolat"},
		"[": {"[a-z]"}, "*": {"*"}, "; drop": {"x'; DROP TABLE orders; --"}, "%%": nil, "a%b": nil,
	} {
		s.wantList("search for "+search, engine.Filter{Scope: scopeA, Reference: search}, found)
	}
}

func createdBounds(s *suite) {
	all := s.fill(30)
	// Four more at one moment.
	moment := s.clock.now()
	for i := range 4 {
		all = append(all, s.insert(scopeA, func(o *engine.Order) { o.Reference = "same" + strconv.Itoa(i) }))
	}
	times := []time.Time{{}, all[0].CreatedAt.Add(-time.Hour), all[7].CreatedAt, all[7].CreatedAt.Add(time.Second), moment, moment.Add(time.Hour)}
	for _, after := range times {
		for _, before := range times {
			for _, states := range [][]order.State{nil, {order.Waiting, order.Seen}} {
				fits := func(o *engine.Order) bool {
					return (after.IsZero() || !o.CreatedAt.Before(after)) && (before.IsZero() || !o.CreatedAt.After(before)) && (states == nil || slices.Contains(states, o.State))
				}
				f := engine.Filter{Scope: scopeA, States: states, CreatedAfter: after, CreatedBefore: before, Limit: 15}
				if got, want := s.list(f), which(all, fits, byNumber, false); !slices.Equal(got, want) {
					s.Fatalf("%v to %v, %v:\n got %v\nwant %v", after, before, states, got, want)
				}
				f.Descending = true
				if got, want := s.list(f), which(all, fits, byNumber, true); !slices.Equal(got, want) {
					s.Fatalf("%v to %v, %v, descending:\n got %v\nwant %v", after, before, states, got, want)
				}
			}
		}
	}
}

func sorting(s *suite) {
	all := s.fill(40)
	byAmount := func(a, b *engine.Order) int { return cmp.Compare(a.Terms.Due.SortKey(), b.Terms.Due.SortKey()) }
	byUpdate := func(a, b *engine.Order) int { return a.UpdatedAt.Compare(b.UpdatedAt) }
	for _, down := range []bool{false, true} {
		s.wantList("by amount", engine.Filter{Scope: scopeA, Sort: engine.ByAmount, Descending: down}, which(all, everything, byAmount, down))
		s.wantList("by update", engine.Filter{Scope: scopeA, Sort: engine.ByUpdate, Descending: down}, which(all, everything, byUpdate, down))
		s.wantList("by amount, one state", engine.Filter{Scope: scopeA, Sort: engine.ByAmount, States: []order.State{order.Seen}, Descending: down},
			which(all, inStates(order.Seen), byAmount, down))
		s.wantList("by update, bounded", engine.Filter{Scope: scopeA, Sort: engine.ByUpdate, CreatedAfter: all[5].CreatedAt, Descending: down},
			which(all[5:], everything, byUpdate, down))
	}
}
