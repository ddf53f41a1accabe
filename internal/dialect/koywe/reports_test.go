package koywe

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"till/internal/money"
	"till/internal/order"
)

// moved is a month of movements of the merchant shop.
func (k *kit) moved() {
	k.Helper()
	k.arrive(shopHere, "PAYIN", money.FromInt(pesos, 10_000_050))
	k.arrive(shopHere, "PAYIN", money.FromInt(dollars, 7_500))
	k.arrive(branchIs, "PAYMENT_LINK", money.FromInt(pesos, 99_900))
	k.clock.Move(26 * time.Hour)
	k.post(acmeKey, o("/policy"), `{"rules":[{"currencySymbol":"COP","amountFrom":30000,"action":"REQUIRE_APPROVAL"}]}`)
	_, err := k.transfer(shopHere, branchIs, money.FromInt(pesos, 1_000_000), "a key")
	k.must(err)
	held, err := k.transfer(shopHere, branchIs, money.FromInt(pesos, 4_000_000), "a key")
	k.must(err)
	k.clock.Move(time.Hour)
	_, err = k.engine.Refuse(context.Background(), held.ID, order.Approval, order.ByMerchant, "another key", "no")
	k.must(err)
	k.clock.Move(24 * time.Hour)
	k.arrive(shopHere, "PAYMENT_LINK", money.FromInt(pesos, 55))
}

func TestGoldenReports(t *testing.T) {
	g := &golden{kit: newKit(t), file: "reports.golden"}
	g.moved()
	account := m("/accounts/" + virtualAccountID(shopHere, pesos))
	ask := func(title, path string) reply {
		t.Helper()
		return g.ask(title, request{method: "GET", path: account + path, key: shopKey})
	}
	first := parse[statementBody](g.kit, ask("a page of a statement", "/reports/ledger-statement?from=2026-03-01&to=2026-03-31&limit=3"))
	ask("the next page, by month", "/reports/ledger-statement?from=2026-03-01&to=2026-03-31&limit=3&granularity=monthly&cursor="+*first.NextCursor)
	ask("a day in which nothing moved", "/reports/ledger-statement?from=2026-03-10&to=2026-03-10")
	ask("an entry", "/reports/ledger-entry/2")
	ask("what came back", "/reports/ledger-entry/4")
	ask("no such entry", "/reports/ledger-entry/99")
	ask("no days", "/reports/ledger-statement?from=2026-03-10")
	ask("a day that is none", "/reports/ledger-statement?from=2026-03-32&to=2026-04-01")
	ask("backwards", "/reports/ledger-statement?from=2026-03-10&to=2026-03-09")
	g.ask("another account", request{method: "GET", path: m("/accounts/acc_none/reports/ledger-statement?from=2026-03-10&to=2026-03-10"), key: shopKey})
	g.ask("another merchant's movement", request{method: "GET", path: "/api/v1/organizations/acme/merchants/branch/accounts/" + virtualAccountID(branchIs, pesos) + "/reports/ledger-entry/2", key: branchKey})
	g.check()
}

// What a statement opens with and its movements give what it closes with, however it is cut into days and pages, and the
// end is the balance.
func TestStatementsAddUp(t *testing.T) {
	k := newKit(t)
	k.moved()
	account := m("/accounts/" + virtualAccountID(shopHere, pesos))
	for from := 1; from <= 6; from++ {
		for to := from; to <= 6; to++ {
			for limit := 1; limit <= 4; limit++ {
				cursor, n := "", int64(0)
				var sum money.Amount
				for {
					page := parse[statementBody](k, k.get(shopKey, fmt.Sprintf("%s/reports/ledger-statement?from=2026-03-%02d&to=2026-03-%02d&limit=%d&cursor=%s", account, from, to, limit, cursor)))
					if cursor == "" {
						sum = k.amount(page.OpeningBalance)
					}
					for _, m := range page.Movements {
						n++
						by := k.amount(m.Amount)
						if m.Type == "debit" {
							by = by.Neg()
						}
						if sum = sum.Add(by); sum.Decimal() != m.RunningBalance {
							t.Fatalf("%d to %d: entry %s leaves %s, not %s", from, to, m.LedgerEntryID, sum.Decimal(), m.RunningBalance)
						}
					}
					if page.NextCursor == nil {
						if sum.Decimal() != page.ClosingBalance || n != page.TotalMovements {
							t.Fatalf("%d to %d: %d movements end with %s: %+v", from, to, n, sum.Decimal(), page)
						}
						break
					}
					cursor = *page.NextCursor
				}
				if from == 1 && to == 6 && (sum.Decimal() != "90001.05" || n != 5) {
					t.Errorf("all: %d movements, %s", n, sum.Decimal())
				}
			}
		}
	}
	for _, bad := range []string{"", "?from=2026-03-01", "?from=1969-12-31&to=2026-03-01", "?from=2024-01-01&to=2026-03-01", "?from=2026-03-01&to=2026-03-01&granularity=hourly",
		"?from=2026-03-01&to=2026-03-01&limit=101", "?from=2026-03-01&to=2026-03-01&cursor=x", "?from=2026-03-01&to=2026-03-01&cursor=-1"} {
		if got := k.get(shopKey, account+"/reports/ledger-statement"+bad); got.status != 400 {
			t.Errorf("%s: %d %s", bad, got.status, got.body)
		}
	}
	for _, none := range []string{"0", "-1", "01", "x", "6"} {
		k.refused(none, k.get(shopKey, account+"/reports/ledger-entry/"+none), 404, "NOT_FOUND", "ledgerEntryId")
	}
	k.refused("another's account", k.get(branchKey, "/api/v1/organizations/acme/merchants/branch/accounts/"+virtualAccountID(shopHere, pesos)+"/reports/ledger-entry/1"), 404, "NOT_FOUND", "accountId")
}

// amount reads pesos, below zero too.
func (k *kit) amount(text string) money.Amount {
	k.Helper()
	plain, negative := strings.CutPrefix(text, "-")
	a, err := money.Parse(pesos, plain)
	k.must(err)
	if negative {
		a = a.Neg()
	}
	return a
}

func TestGoldenOrganizationBalances(t *testing.T) {
	g := &golden{kit: newKit(t), file: "organization_balances.golden"}
	g.moved()
	ask := func(title, query string) reply {
		t.Helper()
		return g.ask(title, request{method: "GET", path: o("/balances" + query), key: acmeKey})
	}
	ask("now", "")
	ask("by merchant", "?includeMerchantBreakdown=true&baseCurrency=USD")
	ask("of one merchant", "?merchantIds=branch")
	ask("of a day", "?date=2026-03-02")
	ask("of the last days", "?period=4d&excludeToday=true")
	ask("a merchant of another organization", "?merchantIds=shop,other")
	ask("another base currency", "?baseCurrency=EUR")
	ask("a date and a period", "?date=2026-03-02&period=30d")
	g.check()
}

func TestOrganizationBalances(t *testing.T) {
	k := newKit(t)
	k.moved()
	body := parse[organisationBody](k, k.get(acmeKey, o("/balances?includeMerchantBreakdown=true&period=30d")))
	if len(body.History) != 30 || body.Balances[0].Balance != "101000.05" || body.Balances[1].Balance != "75.00" || *body.Balances[1].InBase != "75.00" {
		t.Errorf("%+v", body)
	}
	last := body.History[29].Balances
	if last[0].Balance != body.Balances[0].Balance || len(body.Merchants) != 2 {
		t.Errorf("the last day: %+v", last)
	}
	for _, bad := range []string{"?period=0d", "?period=30", "?period=400d", "?date=never", "?includeMerchantBreakdown=perhaps"} {
		if got := k.get(acmeKey, o("/balances"+bad)); got.status != 400 {
			t.Errorf("%s: %d %s", bad, got.status, got.body)
		}
	}
}
