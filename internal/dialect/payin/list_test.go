package payin

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/order"
)

// references is what a list shows, in its order.
func (k *kit) references(query string) (string, paginationBody) {
	k.Helper()
	got := k.get(shopKey, "/api/v1/orders"+query)
	if got.status != 200 {
		k.Fatalf("%s: %d %s", query, got.status, got.body)
	}
	list := parse[listBody](k, got)
	var found []string
	for _, o := range list.Data {
		found = append(found, o.OrderReference)
	}
	return strings.Join(found, " "), list.Pagination
}

func TestListPages(t *testing.T) {
	k := newKit(t)
	if got := k.get(shopKey, "/api/v1/orders"); got.body != `{"data":[],"pagination":{"page":1,"limit":20,"total":0,"totalPages":0,"hasMore":false}}` {
		t.Errorf("empty: %s", got.body)
	}
	k.pool(shopKey, 1, 45)
	for i := range 45 {
		k.create(fmt.Sprintf("R-%02d", i))
		k.clock.Move(time.Second)
	}
	tests := []struct {
		query, first, last string
		n                  int
		want               paginationBody
	}{
		{"", "R-44", "R-25", 20, paginationBody{1, 20, 45, 3, true}},
		{"?page=&limit=&status=&currency=&chainId=&orderReference=&sortBy=&sortOrder=", "R-44", "R-25", 20, paginationBody{1, 20, 45, 3, true}},
		{"?page=2", "R-24", "R-05", 20, paginationBody{2, 20, 45, 3, true}},
		{"?page=3", "R-04", "R-00", 5, paginationBody{3, 20, 45, 3, false}},
		{"?page=4", "", "", 0, paginationBody{4, 20, 45, 3, false}},
		{"?page=1000000000", "", "", 0, paginationBody{1000000000, 20, 45, 3, false}},
		{"?limit=100", "R-44", "R-00", 45, paginationBody{1, 100, 45, 1, false}},
		{"?limit=9&page=5&sortOrder=asc", "R-36", "R-44", 9, paginationBody{5, 9, 45, 5, false}},
		{"?limit=1&sortOrder=ASC", "R-00", "R-00", 1, paginationBody{1, 1, 45, 45, true}},
		{"?unknown=1&limit=1", "R-44", "R-44", 1, paginationBody{1, 1, 45, 45, true}},
	}
	for _, test := range tests {
		found, got := k.references(test.query)
		list := strings.Fields(found)
		if len(list) != test.n || got != test.want || test.n > 0 && (list[0] != test.first || list[len(list)-1] != test.last) {
			t.Errorf("%s: %d orders %s, %+v", test.query, len(list), found, got)
		}
	}

	// Every order is on exactly one page.
	var all []string
	for page := 1; page <= 7; page++ {
		found, _ := k.references(fmt.Sprintf("?limit=7&sortBy=updatedAt&page=%d", page))
		all = append(all, strings.Fields(found)...)
	}
	slices.Sort(all)
	if len(all) != 45 || len(slices.Compact(all)) != 45 {
		t.Errorf("pages hold %v", all)
	}
}

func TestListFilters(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 10)
	paid := k.create("paid_1")
	k.clock.Move(time.Second)
	k.told(sepolia, 1234100, k.payment(paid.Address, "0xaaa", 1234090, order.RankConfirmed, sepoliaUSDT100))
	k.create("Expired%1", "currency", `"DAI"`)
	k.expire(sepolia, 20*time.Minute-time.Second)
	k.clock.Move(500 * time.Microsecond)
	open := k.create("open-1", "currency", `"USDC"`)
	k.clock.Move(time.Minute)
	k.create("open-2", "currency", `"USDC"`, "chainId", `"polygon-amoy"`)
	for query, want := range map[string]string{
		"":                                         "open-2 open-1 Expired%1 paid_1",
		"status=pending":                           "open-2 open-1",
		"status=completed":                         "paid_1",
		"status=expired":                           "Expired%1",
		"status=completed,%20expired":              "Expired%1 paid_1",
		"status=pending,pending":                   "open-2 open-1",
		"currency=USDC":                            "open-2 open-1",
		"token=USDC&chain=polygon-amoy":            "open-2",
		"currency=USDC&token=USDC":                 "open-2 open-1",
		"currency=USDT":                            "paid_1",
		"currency=EUR":                             "",
		"chainId=ethereum-sepolia":                 "open-1 Expired%1 paid_1",
		"chainId=nowhere":                          "",
		"orderReference=OPEN":                      "open-2 open-1",
		"orderReference=open-1":                    "open-1",
		"orderReference=%25":                       "Expired%1",
		"orderReference=_":                         "paid_1",
		"orderReference='%20OR%201=1--":            "",
		"orderReference=*":                         "",
		"createdAfter=" + open.CreatedAt:           "open-2 open-1",
		"createdBefore=" + open.CreatedAt:          "open-1 Expired%1 paid_1",
		"createdAfter=2025-01-20":                  "open-2 open-1 Expired%1 paid_1",
		"createdBefore=2025-01-20":                 "",
		"createdAfter=2025-01-21":                  "",
		"createdAfter=2025-01-20T11:50:30%2B01:00": "open-2",
		"createdBefore=2025-01-20T10:30:01":        "Expired%1 paid_1",
		"sortBy=updatedAt":                         "open-2 open-1 Expired%1 paid_1",
		"sortBy=created_at&sortOrder=Asc":          "paid_1 Expired%1 open-1 open-2",
		"sortBy=CREATEDAT&sortOrder=asc":           "paid_1 Expired%1 open-1 open-2",
		"status=pending&currency=USDC&sortBy=amount&sortOrder=asc": "open-1 open-2",
	} {
		found, page := k.references("?" + query)
		if found != want || page.Total != int64(len(strings.Fields(want))) {
			t.Errorf("%s: %q of %d, want %q", query, found, page.Total, want)
		}
	}
	list := parse[listBody](k, k.get(shopKey, "/api/v1/orders?status=completed"))
	if len(list.Data) != 1 {
		t.Fatalf("%+v", list)
	}
	if o := list.Data[0]; o.Status != completed || o.CompletedAt != "2025-01-20T10:30:01.000Z" || o.Address != paid.Address || o.Amount != "100.00" {
		t.Errorf("%+v", o)
	}
}

// case 44 and case 49: what a filter may say.
func TestListRefusals(t *testing.T) {
	k := newKit(t)
	for query, field := range map[string]string{
		"page=0": "page", "page=-1": "page", "page=1.5": "page", "page=x": "page", "page=01": "page", "page=1e3": "page", "page=99999999999999999999": "page",
		"limit=0": "limit", "limit=101": "limit", "limit=1000000000": "limit", "limit=ten": "limit", "limit=%2B5": "limit",
		"status=paid": "status", "status=PENDING": "status", "status=pending,": "status", "status=pending;expired": "",
		"sortBy=address": "sortBy", "sortBy=amount;drop": "", "sortBy=1": "sortBy", "sortBy=order_id": "sortBy",
		"sortOrder=up": "sortOrder", "sortOrder=desc,asc": "sortOrder",
		"createdAfter=yesterday": "createdAfter", "createdBefore=2025-13-01": "createdBefore", "createdAfter=0001-01-01T00:00:00Z": "createdAfter", "createdAfter=1737369000": "createdAfter",
		"page=1&page=2": "page", "currency=USDT&currency=DAI": "currency", "currency=USDT&token=DAI": "token", "chain=a&chainId=b": "chain",
		"orderReference=%00": "orderReference", "orderReference=%ff": "orderReference", "orderReference=%zz": "",
		"orderReference=" + strings.Repeat("x", 256): "orderReference", "currency=" + url.QueryEscape("a\nb"): "currency",
	} {
		k.refused(query, k.get(shopKey, "/api/v1/orders?"+query), 400, "VALIDATION_ERROR", field)
	}
}

// Sorted by what an amount is worth in figures, whatever its token and however it is written.
func TestSortByAmount(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 10)
	for _, o := range [][3]string{
		{"ten", "10", "USDT"}, {"nine", "9.5", "DAI"}, {"hundred", "100.00", "USDT"}, {"crumb", "0.000000000000000001", "DAI"}, {"cent", "0.01", "USDC"},
		{"ten-too", "10.000000000000000000", "DAI"}, {"ten-more", "10.000000000000000001", "DAI"},
	} {
		k.create(o[0], "amount", `"`+o[1]+`"`, "currency", `"`+o[2]+`"`)
	}
	if found, _ := k.references("?sortBy=amount&sortOrder=asc"); found != "crumb cent nine ten ten-too ten-more hundred" {
		t.Error(found)
	}
	if found, _ := k.references("?sortBy=amount"); found != "hundred ten-more ten-too ten nine cent crumb" {
		t.Error(found)
	}
	if found, _ := k.references("?sortBy=amount&currency=USDT&limit=1&page=2"); found != "ten" {
		t.Error(found)
	}
}
