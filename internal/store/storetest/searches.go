package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

// searched inserts orders of several scopes and states, a second apart, and returns their ids, newest first.
func searched(s *suite) []string {
	var ids []string
	for i, scope := range []engine.Scope{scopeA, scopeB, scopeC, scopeD, scopeA, scopeA} {
		s.clock.advance(time.Second)
		o := s.insert(scope, func(o *engine.Order) {
			o.Reference = fmt.Sprintf("Ref 100%%_%d", i)
			if i == 4 {
				o.State = order.Expired
			}
		})
		ids = append(ids, o.ID)
	}
	slices.Reverse(ids)
	return ids
}

func pick(list []string, at ...int) []string {
	var some []string
	for _, i := range at {
		some = append(some, list[i])
	}
	return some
}

// searchOrders: orders of every scope, the newest first, by filters and by pages.
func searchOrders(s *suite) {
	ids := searched(s)
	begin := s.clock.now().Add(-5 * time.Second) // when the first was made
	tests := map[string]struct {
		search engine.OrderSearch
		want   []string
	}{
		"all":                    {engine.OrderSearch{}, ids},
		"a merchant":             {engine.OrderSearch{Merchant: "m2"}, pick(ids, 4)},
		"a mode":                 {engine.OrderSearch{Mode: engine.Live}, pick(ids, 3)},
		"an API":                 {engine.OrderSearch{Dialect: "two"}, pick(ids, 2)},
		"a scope":                {engine.OrderSearch{Merchant: "m1", Mode: engine.Sandbox, Dialect: "one"}, pick(ids, 0, 1, 5)},
		"no such scope":          {engine.OrderSearch{Merchant: "m3"}, nil},
		"a state":                {engine.OrderSearch{States: []order.State{order.Expired}}, pick(ids, 1)},
		"a state of a scope":     {engine.OrderSearch{Merchant: "m1", States: []order.State{order.Waiting}}, pick(ids, 0, 2, 3, 5)},
		"states":                 {engine.OrderSearch{States: []order.State{order.Waiting, order.Expired}}, ids},
		"no such state":          {engine.OrderSearch{States: []order.State{order.Held}}, nil},
		"a reference":            {engine.OrderSearch{Reference: "rEF 100%_3"}, pick(ids, 2)},
		"every character counts": {engine.OrderSearch{Reference: "ref_100"}, nil},
		"from":                   {engine.OrderSearch{CreatedAfter: begin.Add(4 * time.Second)}, pick(ids, 0, 1)},
		"to":                     {engine.OrderSearch{CreatedBefore: begin.Add(time.Second)}, pick(ids, 4, 5)},
		"from and to":            {engine.OrderSearch{Mode: engine.Live, CreatedAfter: begin.Add(2 * time.Second), CreatedBefore: begin.Add(2 * time.Second)}, pick(ids, 3)},
		"a state from":           {engine.OrderSearch{States: []order.State{order.Waiting}, CreatedAfter: begin.Add(4 * time.Second)}, pick(ids, 0)},
	}
	for name, test := range tests {
		for _, limit := range []int{1, 2, 100} {
			var got []string
			search := test.search
			search.Limit = limit
			for range 10 {
				var page []engine.Order
				s.view(func(rd engine.Reader) (err error) {
					page, err = rd.SearchOrders(search)
					return err
				})
				for _, o := range page {
					got = append(got, o.ID)
				}
				if len(page) < limit {
					break
				}
				search.After = page[len(page)-1].ID
			}
			if !slices.Equal(got, test.want) {
				s.Errorf("%s, pages of %d: %v, want %v", name, limit, got, test.want)
			}
		}
	}
}

// searchOrdersOfAMovedClock: what is made on a clock that is ahead is found by its time on that clock.
func searchOrdersOfAMovedClock(s *suite) {
	before := s.insert(scopeA, nil)
	s.update(func(tx engine.Tx) error {
		return tx.MoveClock(engine.Sandbox, engine.ClockMove{At: tx.Now(), Offset: 48 * time.Hour})
	})
	s.clock.advance(time.Second)
	after := s.insert(scopeA, func(o *engine.Order) { o.CreatedAt = s.clock.now().Add(48 * time.Hour) })
	for name, test := range map[string]struct {
		search engine.OrderSearch
		want   string
	}{
		"from":             {engine.OrderSearch{CreatedAfter: s.clock.now().Add(time.Hour)}, after.ID},
		"from, in a mode":  {engine.OrderSearch{Mode: engine.Sandbox, CreatedAfter: s.clock.now().Add(47 * time.Hour)}, after.ID},
		"to":               {engine.OrderSearch{CreatedBefore: s.clock.now().Add(time.Hour)}, before.ID},
		"to, by its state": {engine.OrderSearch{States: []order.State{order.Waiting}, CreatedBefore: s.clock.now().Add(time.Hour)}, before.ID},
	} {
		test.search.Limit = 10
		s.view(func(rd engine.Reader) error {
			list, err := rd.SearchOrders(test.search)
			if err == nil && (len(list) != 1 || list[0].ID != test.want) {
				s.Errorf("%s: %d orders, want %s", name, len(list), test.want)
			}
			return err
		})
	}
}

// searchMoney: payments and entries across merchants.
func searchMoney(s *suite) {
	paid := s.insert(scopeA, func(o *engine.Order) {
		o.Payments = []order.Payment{{PaymentKey: order.PaymentKey{Rail: testRail, External: "tx1"}, Rank: order.RankConfirmed, Amount: money.FromInt(usdt, 5)}}
	})
	s.insert(scopeC, func(o *engine.Order) {
		o.Payments = []order.Payment{{PaymentKey: order.PaymentKey{Rail: testRail, External: "tx2"}, Rank: order.RankSeen, Amount: money.FromInt(usdt, 6)}}
	})
	from, to := ledger.House.Account(ledger.PayerOn("evm:testnet")), ledger.Wallet("m1").Account(ledger.In)
	var entries []string
	for i, e := range []engine.Entry{{OrderID: paid.ID, Merchant: "m1", Mode: engine.Sandbox}, {Merchant: "", Mode: engine.Live}, {Merchant: "m2", Mode: engine.Sandbox}} {
		s.update(func(tx engine.Tx) error {
			e.ID, e.At = tx.NewID(), tx.Now()
			p := order.Posting{Row: "P5", Posting: ledger.Posting{From: from, To: to, Amount: money.FromInt(usdt, int64(i+1))}}
			e.Postings = []order.Posting{p, p}
			if i == 1 {
				e.Postings[1].To = ledger.House.Account(ledger.Stray)
			}
			entries = append(entries, e.ID)
			return tx.AddEntry(e)
		})
	}
	slices.Reverse(entries)
	s.reopen()
	s.view(func(rd engine.Reader) error {
		for name, test := range map[string]struct {
			search engine.PaymentSearch
			want   string
		}{
			"all":            {engine.PaymentSearch{}, "tx1 tx2"},
			"a page":         {engine.PaymentSearch{Limit: 1}, "tx1"},
			"the next page":  {engine.PaymentSearch{After: order.PaymentKey{Rail: testRail, External: "tx1"}}, "tx2"},
			"a mode":         {engine.PaymentSearch{Mode: engine.Live}, "tx2"},
			"no such rail":   {engine.PaymentSearch{Rail: "bank"}, ""},
			"a merchant, on": {engine.PaymentSearch{Merchant: "m1", Rail: testRail}, "tx1 tx2"},
		} {
			if test.search.Limit == 0 {
				test.search.Limit = 10
			}
			list, err := rd.SearchPayments(test.search)
			if err != nil {
				return err
			}
			var got []string
			for _, p := range list {
				got = append(got, p.External)
				if p.External == "tx1" && (p.Order != paid.PublicID || p.Scope != scopeA || !p.Amount.Equal(money.FromInt(usdt, 5))) {
					s.Errorf("%s: %+v", name, p)
				}
			}
			if strings.Join(got, " ") != test.want {
				s.Errorf("payments, %s: %v, want %s", name, got, test.want)
			}
		}
		for name, test := range map[string]struct {
			search engine.EntrySearch
			want   []string
		}{
			"all":           {engine.EntrySearch{}, entries},
			"a page":        {engine.EntrySearch{Limit: 2}, entries[:2]},
			"the next page": {engine.EntrySearch{After: entries[1]}, entries[2:]},
			"a merchant":    {engine.EntrySearch{Merchant: "m2"}, entries[:1]},
			"a mode":        {engine.EntrySearch{Mode: engine.Live}, entries[1:2]},
			"an order":      {engine.EntrySearch{OrderID: paid.ID}, entries[2:]},
			"an account":    {engine.EntrySearch{Account: ledger.House.Account(ledger.Stray)}, entries[1:2]},
		} {
			if test.search.Limit == 0 {
				test.search.Limit = 10
			}
			list, err := rd.SearchEntries(test.search)
			if err != nil {
				return err
			}
			var got []string
			for _, e := range list {
				got = append(got, e.ID)
				if len(e.Postings) != 2 || e.Postings[0].Row != "P5" || (e.OrderID == paid.ID) != (e.Order == paid.PublicID) {
					s.Errorf("%s: %+v", name, e)
				}
			}
			if !slices.Equal(got, test.want) {
				s.Errorf("entries, %s: %v, want %v", name, got, test.want)
			}
		}
		return nil
	})
}

// searchTold: events and messages across scopes, and what waits of them.
func searchTold(s *suite) {
	o := s.insert(scopeA, nil)
	var events, messages []string
	begin := s.clock.now()
	s.update(func(tx engine.Tx) error {
		return tx.SaveEndpoint(engine.Endpoint{ID: "ep1", Scope: scopeA, Enabled: true, CreatedAt: tx.Now()})
	})
	for seq := int64(1); seq <= 3; seq++ {
		s.clock.advance(time.Second)
		s.update(func(tx engine.Tx) error {
			e := s.event(tx, o.ID, seq)
			m := engine.Message{ID: tx.NewID(), EventID: e.ID, OrderID: o.ID, EndpointID: "ep1", Scope: scopeA, WireID: fmt.Sprint("evt", seq), Type: "paid",
				Body: []byte("{}"), State: engine.MessagePending, NextAt: tx.Now().Add(time.Hour), CreatedAt: tx.Now()}
			if seq == 2 {
				m.State, m.Type = engine.MessageDelivered, "done"
			}
			events, messages = append(events, e.ID), append(messages, m.ID)
			if err := tx.AddEvents([]engine.Event{e}); err != nil {
				return err
			}
			return tx.SaveMessages([]engine.Message{m})
		})
	}
	s.update(func(tx engine.Tx) error { return tx.EventsTold(events[:2]) })
	slices.Reverse(events)
	slices.Reverse(messages)
	s.view(func(rd engine.Reader) error {
		for name, test := range map[string]struct {
			search engine.EventSearch
			want   []string
		}{
			"all":            {engine.EventSearch{}, events},
			"a page":         {engine.EventSearch{Limit: 2}, events[:2]},
			"the next page":  {engine.EventSearch{After: events[1]}, events[2:]},
			"a scope":        {engine.EventSearch{Merchant: "m1", Mode: engine.Sandbox, Dialect: "one", OrderID: o.ID, Type: "order.paid"}, events},
			"another mode":   {engine.EventSearch{Mode: engine.Live}, nil},
			"another type":   {engine.EventSearch{Type: "order.created"}, nil},
			"another order":  {engine.EventSearch{OrderID: "none"}, nil},
			"another author": {engine.EventSearch{Dialect: "two"}, nil},
		} {
			if test.search.Limit == 0 {
				test.search.Limit = 10
			}
			list, err := rd.SearchEvents(test.search)
			if err != nil {
				return err
			}
			var got []string
			for _, e := range list {
				got = append(got, e.ID)
				if e.Order != o.PublicID || e.Row != "O7" || e.Facts.Ref != "<r>" {
					s.Errorf("%s: %+v", name, e)
				}
			}
			if !slices.Equal(got, test.want) {
				s.Errorf("events, %s: %v, want %v", name, got, test.want)
			}
		}
		for name, test := range map[string]struct {
			search engine.MessageSearch
			want   []string
		}{
			"all":              {engine.MessageSearch{}, messages},
			"a page":           {engine.MessageSearch{Limit: 1}, messages[:1]},
			"the next page":    {engine.MessageSearch{After: messages[0]}, messages[1:]},
			"a state":          {engine.MessageSearch{State: engine.MessageDelivered}, messages[1:2]},
			"a type":           {engine.MessageSearch{Type: "done"}, messages[1:2]},
			"an endpoint":      {engine.MessageSearch{Endpoint: "ep1", OrderID: o.ID, Merchant: "m1", Mode: engine.Sandbox}, messages},
			"another endpoint": {engine.MessageSearch{Endpoint: "ep2"}, nil},
			"from":             {engine.MessageSearch{CreatedAfter: begin.Add(3 * time.Second)}, messages[:1]},
			"to":               {engine.MessageSearch{CreatedBefore: begin.Add(time.Second)}, messages[2:]},
		} {
			if test.search.Limit == 0 {
				test.search.Limit = 10
			}
			list, err := rd.SearchMessages(test.search)
			if err != nil {
				return err
			}
			var got []string
			for _, m := range list {
				got = append(got, m.ID)
				if m.Order != o.PublicID || m.Scope != scopeA || string(m.Body) != "{}" {
					s.Errorf("%s: %+v", name, m)
				}
			}
			if !slices.Equal(got, test.want) {
				s.Errorf("messages, %s: %v, want %v", name, got, test.want)
			}
		}
		m, err := rd.Message(messages[0])
		if err != nil || m == nil || m.WireID != "evt3" {
			s.Errorf("%+v %v", m, err)
		}
		if m, err := rd.Message("none"); err != nil || m != nil {
			s.Errorf("%+v %v", m, err)
		}
		b, err := rd.Backlog()
		if err != nil || b.Untold != 1 || b.Pending != 2 || !b.OldestPending.Equal(begin.Add(time.Second)) || b.ToSend != 0 || b.InFlight != 0 {
			s.Errorf("backlog %+v %v", b, err)
		}
		return err
	})
}

// administration: what operators make, change and delete.
func administration(s *suite) {
	s.view(func(rd engine.Reader) error {
		b, err := rd.Backlog()
		if err == nil && b != (engine.Backlog{}) {
			s.Errorf("an empty database has a backlog: %+v", b)
		}
		return err
	})
	for i, scope := range []engine.Scope{scopeA, scopeB, scopeC} {
		s.update(func(tx engine.Tx) error {
			id := fmt.Sprint(i)
			if m, err := tx.Merchant("mm" + id); err != nil || m != nil {
				return fmt.Errorf("a merchant before it is made: %+v %w", m, err)
			}
			if there, err := tx.HasOrganisation("oo" + id); err != nil || there {
				return fmt.Errorf("an organisation before it has a merchant: %t %w", there, err)
			}
			if err := tx.SaveMerchant(engine.Merchant{ID: "mm" + id, Organisation: "oo" + id, Name: "n", CreatedAt: tx.Now()}); err != nil {
				return err
			}
			if there, err := tx.HasOrganisation("oo" + id); err != nil || !there {
				return fmt.Errorf("an organisation of this transaction: %t %w", there, err)
			}
			if m, err := tx.Merchant("mm" + id); err != nil || m == nil || m.Name != "n" {
				return fmt.Errorf("a merchant of this transaction: %+v %w", m, err)
			}
			if err := tx.SaveKey(engine.Key{ID: "key" + id, Hash: "hash" + id, Prefix: "pk", Scope: scope, Scopes: []string{"orders:read"}, Active: true, CreatedAt: tx.Now()}); err != nil {
				return err
			}
			return tx.SaveEndpoint(engine.Endpoint{ID: "ep" + id, Scope: scope, URL: "https://x/", Enabled: true, CreatedAt: tx.Now()})
		})
	}
	s.reopen()
	s.view(func(rd engine.Reader) error {
		if m, err := rd.Merchant("mm1"); err != nil || m == nil || m.Organisation != "oo1" {
			s.Errorf("a merchant as it is read: %+v %v", m, err)
		}
		if m, err := rd.Merchant("none"); err != nil || m != nil {
			s.Errorf("a merchant nobody made: %+v %v", m, err)
		}
		return nil
	})
	s.update(func(tx engine.Tx) error {
		for id, want := range map[string]bool{"oo1": true, "mm1": false} {
			if there, err := tx.HasOrganisation(id); err != nil || there != want {
				return fmt.Errorf("organisation %s: %t %w", id, there, err)
			}
		}
		if m, err := tx.Merchant("mm1"); err != nil || m == nil || m.CreatedAt.IsZero() {
			return fmt.Errorf("a merchant on record: %+v %w", m, err)
		}
		k, err := tx.KeyByID("key1")
		if err != nil || k == nil || k.Hash != "hash1" || !slices.Equal(k.Scopes, []string{"orders:read"}) {
			return fmt.Errorf("a key on record: %+v %w", k, err)
		}
		k.Active = false
		if err := tx.SaveKey(*k); err != nil {
			return err
		}
		if k, err = tx.KeyByID("key1"); err != nil || k.Active {
			return fmt.Errorf("a key that was just changed: %+v %w", k, err)
		}
		if k, err := tx.KeyByID("none"); err != nil || k != nil {
			return fmt.Errorf("a key nobody has: %+v %w", k, err)
		}
		if err := tx.DeleteEndpoint("ep0"); err != nil {
			return err
		}
		if ep, err := tx.Endpoint("ep0"); err != nil || ep != nil {
			return fmt.Errorf("an endpoint that was just deleted: %+v %w", ep, err)
		}
		return nil
	})
	s.insert(scopeA, nil)
	s.insert(scopeA, nil)
	s.insert(scopeC, func(o *engine.Order) { o.State = order.Expired })
	s.view(func(rd engine.Reader) error {
		keys, err := rd.SearchKeys(engine.KeySearch{Limit: 10})
		if err != nil || len(keys) != 3 || keys[0].ID != "key0" || keys[1].Active || !keys[2].Active {
			s.Errorf("keys %+v %v", keys, err)
		}
		if keys, err = rd.SearchKeys(engine.KeySearch{Merchant: "m1", Mode: engine.Live, After: "key0", Limit: 1}); err != nil || len(keys) != 1 || keys[0].ID != "key2" {
			s.Errorf("keys %+v %v", keys, err)
		}
		endpoints, err := rd.SearchEndpoints(engine.EndpointSearch{Limit: 10})
		if err != nil || len(endpoints) != 2 || endpoints[0].ID != "ep1" {
			s.Errorf("endpoints %+v %v", endpoints, err)
		}
		if endpoints, err = rd.SearchEndpoints(engine.EndpointSearch{Merchant: "m1", Mode: engine.Live, Dialect: "one", After: "ep0", Limit: 10}); err != nil || len(endpoints) != 1 || endpoints[0].ID != "ep2" {
			s.Errorf("endpoints %+v %v", endpoints, err)
		}
		if ep, err := rd.Endpoint("ep0"); err != nil || ep != nil {
			s.Errorf("a deleted endpoint: %+v %v", ep, err)
		}
		counts, err := rd.OrderCounts()
		want := []engine.OrderCount{{Mode: engine.Live, Dialect: "one", State: order.Expired, N: 1}, {Mode: engine.Sandbox, Dialect: "one", State: order.Waiting, N: 2}}
		if err != nil || !slices.Equal(counts, want) {
			s.Errorf("counts %+v %v", counts, err)
		}
		return err
	})
}
