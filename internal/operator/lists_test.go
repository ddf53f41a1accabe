package operator

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator/client"
	"till/internal/rail"
)

func TestListOrders(t *testing.T) {
	k := newKit(t)
	c := k.client(t, tokenAll)
	for i := range 7 {
		k.now = k.now.Add(time.Minute)
		k.address(t, fmt.Sprint("0xmore", i))
		k.order(t, fmt.Sprintf("ord_%d", i))
	}
	all := []string{"ord_6", "ord_5", "ord_4", "ord_3", "ord_2", "ord_1", "ord_0", "ord_open", "ord_short", "ord_late"}
	third := k.now.Add(-4 * time.Minute) // when ord_2 was made
	for name, test := range map[string]struct {
		query client.OrderQuery
		want  []string
	}{
		"all":               {client.OrderQuery{}, all},
		"a merchant":        {client.OrderQuery{Merchant: "m1", Mode: "sandbox", Dialect: "some"}, all},
		"another merchant":  {client.OrderQuery{Merchant: "m2"}, nil},
		"another mode":      {client.OrderQuery{Mode: "live"}, nil},
		"another API":       {client.OrderQuery{Dialect: "other"}, nil},
		"a state":           {client.OrderQuery{State: "expired"}, []string{"ord_late"}},
		"two states":        {client.OrderQuery{State: "completed,expired"}, []string{"ord_short", "ord_late"}},
		"a state nobody is": {client.OrderQuery{State: "held"}, nil},
		"a reference":       {client.OrderQuery{Reference: "REF ORD_L"}, []string{"ord_late"}},
		"only what it says": {client.OrderQuery{Reference: "ord%"}, nil},
		"from":              {client.OrderQuery{CreatedAfter: third}, all[:5]},
		"to":                {client.OrderQuery{CreatedBefore: third}, all[4:]},
		"from, to":          {client.OrderQuery{CreatedAfter: third, CreatedBefore: third}, []string{"ord_2"}},
		"a state, from":     {client.OrderQuery{State: "waiting", CreatedAfter: third}, all[:5]},
	} {
		t.Run(name, func(t *testing.T) {
			for _, limit := range []int{0, 1, 3} {
				var got []string
				for query, pages := test.query, 0; ; pages++ {
					query.Limit = limit
					page, err := c.Orders(t.Context(), query)
					must(t, err)
					if limit > 0 && len(page.Orders) > limit || pages > 12 {
						t.Fatalf("a page of %d, after %d pages", len(page.Orders), pages)
					}
					for _, o := range page.Orders {
						got = append(got, o.ID)
					}
					if query.After = page.Next; query.After == "" {
						break
					}
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("with pages of %d: %q, want %q", limit, got, test.want)
				}
			}
		})
	}
	for _, query := range []string{"state=none", "state=waiting,", "mode=test", "after=ord_none", "limit=1001", "createdAfter=yesterday"} {
		if w := call(k.handler, "GET", "/orders?"+query, tokenAll, ""); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

// The sandbox's clock is ahead of true time, which ids are made of.
func TestListOrdersByAMovedClock(t *testing.T) {
	k := newKit(t)
	c := k.client(t, tokenAll)
	_, err := c.AdvanceClock(t.Context(), "sandbox", 24*3600)
	must(t, err)
	k.address(t, "0xahead")
	k.order(t, "ord_ahead")
	page, err := c.Orders(t.Context(), client.OrderQuery{CreatedAfter: k.now.Add(23 * time.Hour)})
	if err != nil || len(page.Orders) != 1 || page.Orders[0].ID != "ord_ahead" {
		t.Errorf("%+v %v", page, err)
	}
	page, err = c.Orders(t.Context(), client.OrderQuery{CreatedBefore: k.now.Add(23 * time.Hour)})
	if err != nil || len(page.Orders) != 3 {
		t.Errorf("%+v %v", page, err)
	}
}

func TestLedgerLists(t *testing.T) {
	k := newKit(t)
	c := k.client(t, tokenAll)
	entries, err := c.Entries(t.Context(), client.EntryQuery{Order: "ord_late"})
	if err != nil || len(entries.Entries) != 1 || entries.Entries[0].Order != "ord_late" || len(entries.Entries[0].Postings) != 1 ||
		entries.Entries[0].Postings[0].ToRole != "suspense/late" || entries.Entries[0].Postings[0].Amount.Decimal != "10.000000" {
		t.Errorf("%+v %v", entries, err)
	}
	strays := 0
	var ids []string
	for query := (client.EntryQuery{Limit: 1}); ; {
		page, err := c.Entries(t.Context(), query)
		must(t, err)
		for _, e := range page.Entries {
			ids = append(ids, e.ID)
			if len(e.Postings) == 0 {
				t.Errorf("an entry without postings: %+v", e)
			}
			if e.Order == "" {
				strays++
			}
		}
		if query.After = page.Next; query.After == "" {
			break
		}
	}
	if !slices.IsSortedFunc(ids, func(a, b string) int { return strings.Compare(b, a) }) || len(ids) < 4 || strays != 1 {
		t.Errorf("%d entries, %d of no order: %v", len(ids), strays, ids)
	}
	one, err := c.Entries(t.Context(), client.EntryQuery{Account: "owed/m1/suspense/late"})
	if err != nil || len(one.Entries) != 1 {
		t.Errorf("%+v %v", one, err)
	}
	if _, err := c.Entries(t.Context(), client.EntryQuery{Account: "nonsense"}); !client.IsCode(err, string(fault.CodeInvalidValue)) {
		t.Error(err)
	}

	events, err := c.Events(t.Context(), client.EventQuery{Type: "order.created", Limit: 2})
	if err != nil || len(events.Events) != 2 || events.Next == "" || events.Events[0].Order != "ord_open" || events.Events[0].Row != "O1" {
		t.Errorf("%+v %v", events, err)
	}
	rest, err := c.Events(t.Context(), client.EventQuery{Type: "order.created", After: events.Next})
	if err != nil || len(rest.Events) != 1 || rest.Next != "" || rest.Events[0].Order != "ord_late" {
		t.Errorf("%+v %v", rest, err)
	}
	mine, err := c.Events(t.Context(), client.EventQuery{Order: "ord_late"})
	if err != nil || len(mine.Events) < 3 || mine.Events[len(mine.Events)-1].Type != "order.created" {
		t.Errorf("%+v %v", mine, err)
	}
}

func TestPayments(t *testing.T) {
	k := newKit(t)
	c := k.client(t, tokenAll)
	var got []string
	for query := (client.PaymentQuery{Limit: 1, Rail: "evm:some-chain"}); ; {
		page, err := c.Payments(t.Context(), query)
		must(t, err)
		for _, p := range page.Payments {
			got = append(got, p.Order+" "+p.External+" "+p.State+" "+p.BookedRole)
		}
		if query.After = page.Next; query.After == "" {
			break
		}
	}
	if want := []string{"ord_late 0xla:0 confirmed suspense/late", "ord_short 0xsh:0 reversed "}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	strays, err := c.Strays(t.Context(), "", "", 0)
	if err != nil || len(strays.Strays) != 1 || strays.Strays[0].External != "0xst:0" || strays.Strays[0].Merchant != "m1" ||
		strays.Strays[0].Amount.Decimal != "3.000000" || strays.Strays[0].Instrument != "0xaddr4" {
		t.Errorf("%+v %v", strays, err)
	}
	for _, path := range []string{"/payments?after=x", "/strays?after=%21", "/unmatched?after=x"} {
		wantProblem(t, call(k.handler, "GET", path, tokenAll, ""), http.StatusBadRequest, fault.CodeInvalidPage, "after")
	}
}

// What a gateway and a payment service report that is nobody's is listed over both, page by page, each mode to those who may see it.
func TestListUnmatched(t *testing.T) {
	k := newKit(t)
	gate := engine.Gateway{ID: "gate", Mode: engine.Sandbox, Rail: "gate:one"}
	cards := engine.Network{ID: "cards", Family: "cards:two", Mode: engine.Live, Rail: "cards:two", Prefix: "C-", Pages: true}
	k.engine = engine.New(k.store, []engine.Network{cards}, nil).WithGateways([]engine.Gateway{gate})
	cfg := testConfig(k.engine, func() time.Time { return k.now }, slog.New(slog.DiscardHandler))
	k.handler = Handler(cfg)
	for _, u := range []struct {
		rail rail.Name
		rail.Unmatched
	}{
		{"gate:one", rail.Unmatched{Payment: "p1", Request: "r1", Order: "ord_open", Why: "another amount"}}, {"gate:one", rail.Unmatched{Payment: "p2", Why: "unknown"}},
		{"cards:two", rail.Unmatched{Payment: "p1", Why: "another mode"}}, {"elsewhere", rail.Unmatched{Payment: "p3"}},
	} {
		must(t, rail.NewService(k.engine.State(u.rail), cfg.Now, cfg.Log, time.Second).KeepUnmatched(t.Context(), u.Unmatched))
	}
	read := func(token, mode string, limit int) (got []string) {
		for after := ""; ; {
			page, err := k.client(t, token).Unmatched(t.Context(), mode, after, limit)
			must(t, err)
			if limit > 0 && len(page.Unmatched) > limit {
				t.Fatalf("a page of %d", len(page.Unmatched))
			}
			for _, u := range page.Unmatched {
				if !u.FoundAt.Equal(k.now) {
					t.Errorf("found at %s", u.FoundAt)
				}
				got = append(got, strings.Join([]string{u.Mode, u.Rail, u.Payment, u.Request, u.Order, u.Why}, " "))
			}
			if after = page.Next; after == "" {
				return got
			}
		}
	}
	live, sandbox := []string{"live cards:two p1   another mode"}, []string{"sandbox gate:one p1 r1 ord_open another amount", "sandbox gate:one p2   unknown"}
	for _, limit := range []int{0, 1, 2, 3} {
		for mode, want := range map[string][]string{"": append(slices.Clone(live), sandbox...), "live": live, "sandbox": sandbox} {
			if got := read(tokenAll, mode, limit); !slices.Equal(got, want) {
				t.Errorf("mode %q, pages of %d: %q, want %q", mode, limit, got, want)
			}
		}
	}
	if got := read(tokenLive, "", 0); !slices.Equal(got, live) {
		t.Errorf("a token for the live mode reads %q", got)
	}
}

func TestJobs(t *testing.T) {
	k := newKit(t)
	got, err := k.client(t, tokenAll).Jobs(t.Context())
	if err != nil || len(got.Jobs) != 1 || got.Jobs[0].Name != "tell" || got.Pending != 3 || got.Untold != 0 || got.OldestPending == nil ||
		!got.OldestPending.Equal(k.now) {
		t.Errorf("%+v %v", got, err)
	}
}
