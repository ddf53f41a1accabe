package payin

import (
	"fmt"
	"testing"
	"time"

	"till/internal/money"
	"till/internal/order"
)

// stats are the statistics for a query.
func (k *kit) stats(query string) statsData {
	k.Helper()
	got := k.get(shopKey, "/api/v1/orders/stats"+query)
	if got.status != 200 {
		k.Fatalf("%s: %d %s", query, got.status, got.body)
	}
	return parse[statsBody](k, got).Data
}

func TestStats(t *testing.T) {
	k := newKit(t)
	if got := k.get(shopKey, "/api/v1/orders/stats").body; got != `{"success":true,"data":{"totalOrders":0,"completedOrders":0,"pendingOrders":0,"expiredOrders":0,`+
		`"totalAmount":"0","completedAmount":"0","avgPaymentTimeSeconds":0,"byStatus":{"completed":0,"expired":0,"pending":0},"byChain":{},"byToken":{},`+
		`"totalAmountByToken":{},"completedAmountByToken":{}}}` {
		t.Errorf("of nothing: %s", got)
	}
	k.pool(shopKey, 1, 10)
	k.pool(otherKey, 21, 1)
	k.post(otherKey, "/api/v1/orders", newOrder("R-1", "amount", `"7777"`))
	paid := k.create("paid")
	other := k.create("paid too", "amount", `"0.1"`)
	k.clock.Move(time.Minute)
	k.told(sepolia, 1234100, k.payment(paid.Address, "0xaaa", 1234090, order.RankConfirmed, sepoliaUSDT100))
	k.clock.Move(30 * time.Second)
	k.told(sepolia, 1234101, k.payment(other.Address, "0xbbb", 1234091, order.RankSeen, money.FromInt(sepoliaUSDT, 200_000)))
	k.clock.Move(10 * time.Second)
	k.told(sepolia, 1234104, k.payment(other.Address, "0xbbb", 1234091, order.RankConfirmed, money.FromInt(sepoliaUSDT, 200_000)))
	k.create("expired", "currency", `"DAI"`, "amount", `"0.000000000000000003"`)
	k.expire(sepolia, 50*time.Minute)
	k.create("open", "currency", `"USDC"`, "amount", `"250.5"`)
	k.create("elsewhere", "currency", `"USDC"`, "chainId", `"polygon-amoy"`, "amount", `"1"`)

	all := k.stats("")
	if got, want := fmt.Sprintf("%+v", all), "{TotalOrders:5 CompletedOrders:2 PendingOrders:2 ExpiredOrders:1 TotalAmount:351.600000000000000003 CompletedAmount:100.100000 "+
		"AvgPaymentTimeSeconds:75 ByStatus:map[completed:2 expired:1 pending:2] ByChain:map[ethereum-sepolia:4 polygon-amoy:1] ByToken:map[DAI:1 USDC:2 USDT:2] "+
		"TotalAmountByToken:map[DAI:0.000000000000000003 USDC:251.500000 USDT:100.100000] CompletedAmountByToken:map[USDT:100.100000]}"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	open := k.stats("?createdAfter=2025-01-20T11:00:00Z")
	for query, want := range map[string]string{
		"?chainId=ethereum-sepolia":           "4 350.600000000000000003",
		"?chain=polygon-amoy":                 "1 1.000000",
		"?currency=USDT":                      "2 100.100000",
		"?token=USDC":                         "2 251.500000",
		"?token=USDC&chainId=nowhere":         "0 0",
		"?status=completed":                   "2 100.100000",
		"?status=completed,expired":           "3 100.100000000000000003",
		"?createdBefore=2025-01-20T10:30:00Z": "2 100.100000",
		"?createdAfter=2025-01-20":            "5 351.600000000000000003",
		"?createdAfter=2025-01-21":            "0 0",
		"?unknown=1&status=":                  "5 351.600000000000000003",
	} {
		if got := k.stats(query); fmt.Sprint(got.TotalOrders, " ", got.TotalAmount) != want {
			t.Errorf("%s: %d %s, want %s", query, got.TotalOrders, got.TotalAmount, want)
		}
	}
	if open.TotalOrders != 2 || open.PendingOrders != 2 || open.AvgPaymentTimeSeconds != 0 {
		t.Errorf("%+v", open)
	}
	for query, field := range map[string]string{
		"status=paid": "status", "createdAfter=yesterday": "createdAfter", "createdBefore=x": "createdBefore", "currency=A&token=B": "token",
		"chain=a&chainId=b": "chain", "orderReference=paid": "orderReference", "status=pending&status=expired": "status", "chain=%zz": "",
	} {
		k.refused(query, k.get(shopKey, "/api/v1/orders/stats?"+query), 400, "VALIDATION_ERROR", field)
	}
}

// An order of the reference "stats" is found by its reference, and by its id.
func TestAnOrderNamedStats(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 1)
	o := k.create("stats")
	if got := parse[orderBody](k, k.get(shopKey, "/api/v1/orders/by-reference/stats")); got.OrderID != o.OrderID {
		t.Errorf("%+v", got)
	}
	if got := parse[orderBody](k, k.get(shopKey, "/api/v1/orders/"+o.OrderID)); got.OrderReference != "stats" {
		t.Errorf("%+v", got)
	}
	if got := k.stats(""); got.TotalOrders != 1 {
		t.Errorf("%+v", got)
	}
}

// The vendor keeps amounts in binary fractions and in six decimals. Here nothing is rounded, alone or summed up.
func TestVendorsBugAmountsAreNoFractionsOfTwo(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 20)
	for i, amount := range []string{"0.1", "0.2", "9007199254740993", "0.000000000000000001", "123456789012345678901234567890.123456789012345678"} {
		o := k.create(fmt.Sprint("R-", i), "currency", `"DAI"`, "amount", `"`+amount+`"`)
		if got := parse[orderBody](k, k.get(shopKey, "/api/v1/orders/"+o.OrderID)); got.Amount != amount {
			t.Errorf("%s became %s", amount, got.Amount)
		}
	}
	const sum = "123456789012354686100489308883.423456789012345679"
	if got := k.stats("?currency=DAI"); got.TotalAmount != sum || got.TotalAmountByToken["DAI"] != sum {
		t.Errorf("%+v, want %s", got, sum)
	}
}
