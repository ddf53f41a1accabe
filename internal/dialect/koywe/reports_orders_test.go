package koywe

import (
	"fmt"
	"testing"
	"time"

	"till/internal/money"
)

// A report of orders counts those of its days, type and status, and pages through each once; what the balance was before
// and after is what the ledger statement of the same days says.
func TestGoldenOrdersReport(t *testing.T) {
	g := &golden{kit: newKit(t), file: "orders_report.golden"}
	g.arrive(shopHere, "PAYIN", money.FromInt(pesos, 10_000_000))
	account := m("/accounts/" + virtualAccountID(shopHere, pesos))
	for i := range 5 {
		g.clock.Move(time.Hour)
		got := g.post(acmeKey, m("/orders"), fmt.Sprintf(`{"type":"INTER_MERCHANT_TRANSFER","originCurrencySymbol":"COP","destinationCurrencySymbol":"COP","amountIn":%d,"destinationMerchantId":"branch"}`, 100+i))
		if got.status != 201 {
			t.Fatal(got.body)
		}
	}
	ask := func(title, query string) reply {
		t.Helper()
		return g.ask(title, request{method: "GET", path: account + "/reports/orders" + query, key: shopKey})
	}
	first := parse[struct{ NextCursor string }](g.kit, ask("a page", "?from=2026-03-01&to=2026-03-31&limit=2&type=INTER_MERCHANT_TRANSFER"))
	ask("the next page", "?from=2026-03-01&to=2026-03-31&limit=2&type=INTER_MERCHANT_TRANSFER&cursor="+first.NextCursor)
	ask("of a status", "?from=2026-03-01&to=2026-03-31&limit=1&status=COMPLETED")
	ask("a status that the type never has", "?from=2026-03-01&to=2026-03-31&status=PAID&type=PAYOUT")
	ask("other days", "?from=2026-04-01&to=2026-04-30")
	ask("no days", "")
	ask("a cursor that makes no sense", "?from=2026-03-01&to=2026-03-31&cursor=x")
	g.check()

	seen := map[string]bool{}
	for cursor := ""; ; {
		page := parse[struct {
			Summary    struct{ TotalOrders int }
			Orders     []struct{ ID string }
			NextCursor string
		}](g.kit, g.get(shopKey, account+"/reports/orders?from=2026-03-01&to=2026-03-31&limit=2&type=INTER_MERCHANT_TRANSFER&cursor="+cursor))
		for _, o := range page.Orders {
			if seen[o.ID] {
				t.Errorf("%s is on two pages", o.ID)
			}
			seen[o.ID] = true
		}
		if cursor = page.NextCursor; cursor == "" {
			if len(seen) != page.Summary.TotalOrders || len(seen) != 5 {
				t.Errorf("%d orders on the pages, %d in all", len(seen), page.Summary.TotalOrders)
			}
			break
		}
	}
}
