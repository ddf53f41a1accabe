package payin

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

// transfers are the hashes that a list shows, in its order.
func (k *kit) transfers(key, query string) (string, transferList) {
	k.Helper()
	got := k.get(key, "/api/v1/transfers"+query)
	if got.status != 200 {
		k.Fatalf("%s: %d %s", query, got.status, got.body)
	}
	list := parse[transferList](k, got)
	var found []string
	for _, row := range list.Data {
		found = append(found, row.TransactionHash)
	}
	if int64(len(found)) > list.Pagination.Total || !list.Success {
		k.Errorf("%s: %s", query, got.body)
	}
	return strings.Join(found, " "), list
}

// paidShop is a shop with payments of every kind, a minute apart, the first at 10:31.
func paidShop(t *testing.T) (k *kit, orders map[string]orderBody) {
	k = newKit(t)
	k.pool(shopKey, 1, 5)
	k.pool(otherKey, 21, 2)
	orders = map[string]orderBody{"one": k.create("one"), "two": k.create("two", "currency", `"USDC"`)}
	orders["theirs"] = parse[orderBody](k, k.post(otherKey, "/api/v1/orders", newOrder("one")))
	amount := func(units int64) money.Amount { return money.FromInt(sepoliaUSDT, units) }
	block := uint64(1234000)
	tell := func(n uint64, seen rail.Observation) {
		k.clock.Move(time.Minute)
		block += n
		k.told(sepolia, block, seen)
	}
	one, two := orders["one"].Address, orders["two"].Address
	tell(1, k.payment(one, "0x01", 1234001, order.RankSeen, amount(40_000_000)))
	tell(1, k.payment(orders["theirs"].Address, "0xffff", 1234002, order.RankSeen, amount(5)))
	tell(1, k.payment(one, "0x02", 1234003, order.RankFailed, amount(99)))
	tell(1, k.payment(two, "0x03", 1234004, order.RankConfirmed, amount(7))) // another token than was asked for
	tell(1, k.payment(one, "0x04", 1234005, order.RankSeen, amount(60_000_000)))
	tell(1, k.payment(one, "0x04", 1234005, order.RankReversed, amount(60_000_000)))
	tell(1, k.payment(one, "0x01", 1234001, order.RankConfirmed, amount(40_000_000)))
	tell(1, k.payment(two, "0x05", 1234008, order.RankConfirmed, money.FromInt(sepoliaUSDC, 100_000_000)))
	k.expire(sepolia, time.Hour)
	k.told(sepolia, 1234100, k.payment(one, "0x06", 1234099, order.RankConfirmed, amount(60_000_000))) // too late
	return k, orders
}

func TestTransfers(t *testing.T) {
	k, orders := paidShop(t)
	one, two := orders["one"], orders["two"]
	for query, want := range map[string]string{
		"":                                          "0x06 0x05 0x04 0x03 0x02 0x01",
		"?sortOrder=ASC":                            "0x01 0x02 0x03 0x04 0x05 0x06",
		"?limit=2&page=2":                           "0x04 0x03",
		"?page=9":                                   "",
		"?orderId=" + one.OrderID:                   "0x06 0x04 0x02 0x01",
		"?order_id=" + two.OrderID:                  "0x05 0x03",
		"?orderId=ord_none":                         "",
		"?depositReference=none":                    "",
		"?businessType=order":                       "0x06 0x05 0x04 0x03 0x02 0x01",
		"?businessType=deposit":                     "",
		"?business_type=order&page=1":               "0x06 0x05 0x04 0x03 0x02 0x01",
		"?chainId=ethereum-sepolia&token=USDC":      "0x05",
		"?chain=polygon-amoy":                       "",
		"?currency=USDT":                            "0x06 0x04 0x03 0x02 0x01",
		"?isConfirmed=true":                         "0x06 0x05 0x03 0x01",
		"?is_confirmed=false":                       "0x04 0x02",
		"?isFailed=true":                            "0x04 0x02",
		"?is_failed=false":                          "0x06 0x05 0x03 0x01",
		"?isFailed=true&isConfirmed=true":           "",
		"?status=confirmed":                         "0x06 0x05 0x03 0x01",
		"?status=failed,%20pending":                 "0x04 0x02",
		"?status=confirmed&isFailed=true":           "",
		"?txHash=0X03":                              "0x03",
		"?transaction_hash=0x04":                    "0x04",
		"?txHash=0xffff":                            "",
		"?detectedAfter=2025-01-20T10:34:00Z":       "0x06 0x05 0x04 0x03",
		"?detected_before=2025-01-20T10:34:00.000Z": "0x03 0x02 0x01",
		"?detectedAfter=2025-01-20&detectedBefore=2025-01-20":     "",
		"?sortBy=amount&sortOrder=asc":                            "0x03 0x02 0x01 0x04 0x06 0x05",
		"?sortBy=confirmed_at":                                    "0x06 0x05 0x01 0x03 0x04 0x02",
		"?sortBy=confirmedAt&sortOrder=asc&status=confirmed":      "0x03 0x01 0x05 0x06",
		"?orderId=" + one.OrderID + "&status=confirmed&limit=1":   "0x06",
		"?orderId=" + one.OrderID + "&chainId=ethereum-sepolia":   "0x06 0x04 0x02 0x01",
		"?orderId=" + one.OrderID + "&businessType=deposit":       "",
		"?sortBy=detected_at&sortOrder=asc&chain=&token=&limit=1": "0x01",
	} {
		found, list := k.transfers(shopKey, query)
		if found != want {
			t.Errorf("%s: %q, want %q (%+v)", query, found, want, list.Pagination)
		}
	}
	if _, list := k.transfers(shopKey, "?limit=4&page=2"); list.Pagination != (paginationBody{2, 4, 6, 2, false}) {
		t.Errorf("%+v", list.Pagination)
	}

	// What a merchant learns of each.
	_, list := k.transfers(shopKey, "?sortOrder=asc")
	show := func(row transferBody) string {
		text := func(s *string) string {
			if s == nil {
				return "-"
			}
			return *s
		}
		return fmt.Sprint(row.Amount, " ", row.Token, " confirmed ", row.IsConfirmed, " ", text(row.ConfirmedAt), " failed ", row.IsFailed, " ", row.LastError != nil, " counted ", row.Counted)
	}
	for i, want := range []string{
		"40.000000 USDT confirmed true 2025-01-20T10:37:00.000Z failed false false counted true",
		"0.000099 USDT confirmed false - failed true true counted false",
		"0.000007 USDT confirmed true 2025-01-20T10:34:00.000Z failed false false counted false",
		"60.000000 USDT confirmed false - failed true true counted false",
		"100.000000 USDC confirmed true 2025-01-20T10:38:00.000Z failed false false counted true",
		"60.000000 USDT confirmed true 2025-01-20T11:38:00.000Z failed false false counted false",
	} {
		if got := show(list.Data[i]); got != want {
			t.Errorf("%s: %s, want %s", list.Data[i].TransactionHash, got, want)
		}
	}
	first := list.Data[0]
	if *first.OrderID != one.OrderID || *first.OrderReference != "one" || first.DepositReference != nil || first.BusinessType != "order" || first.ToAddress != one.Address ||
		first.Chain != "ethereum-sepolia" || first.BlockNumber != 1234001 || *first.RequiredConfirmations != 3 || first.DetectedAt != "2025-01-20T10:31:00.000Z" || first.LastCheckedConfirmations == 0 {
		t.Errorf("%+v", first)
	}
}

// What arrives at a deposit address is listed beside what orders were paid, and apart from it where that is asked for.
func TestTransfersOfDeposits(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 3)
	k.pool(otherKey, 21, 1)
	scope := engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: Name}
	bind := func(s engine.Scope, reference string) string {
		t.Helper()
		bound, err := k.engine.Bind(t.Context(), engine.NewStanding{Scope: s, Reference: reference, Prefix: "dep_", Family: engine.EVM})
		k.must(err)
		return bound.Binding.Instrument.Value
	}
	anna, bob := bind(scope, "anna"), bind(scope, "bob")
	theirs := bind(engine.Scope{Merchant: "other", Mode: engine.Sandbox, Dialect: Name}, "anna")
	o := k.create("order")
	for i, to := range []string{anna, theirs, o.Address, bob, anna} {
		k.clock.Move(time.Minute)
		k.told(sepolia, uint64(1234001+i), k.payment(to, fmt.Sprint("0x0", i), uint64(1234001+i), order.RankConfirmed, sepoliaUSDT100))
	}
	for query, want := range map[string]string{
		"":                       "0x04 0x03 0x02 0x00",
		"?limit=1&page=2":        "0x03",
		"?businessType=deposit":  "0x04 0x03 0x00",
		"?businessType=order":    "0x02",
		"?depositReference=anna": "0x04 0x00",
		"?deposit_reference=bob": "0x03",
		"?depositReference=anna&businessType=order": "",
		"?depositReference=none":                    "",
		"?txHash=0x03":                              "0x03",
	} {
		if found, list := k.transfers(shopKey, query); found != want || list.Pagination.Total < int64(len(strings.Fields(want))) {
			t.Errorf("%s: %q, want %q (%+v)", query, found, want, list.Pagination)
		}
	}
	got := parse[transfersOfOne](k, k.get(shopKey, "/api/v1/transfers/by-reference?depositReference=anna"))
	if got.Total != 2 || len(got.Data) != 2 {
		t.Fatalf("%+v", got)
	}
	row := got.Data[0]
	if row.OrderID != nil || row.OrderReference != nil || row.BusinessType != "deposit" || *row.DepositReference != "anna" || !strings.HasPrefix(*row.DepositID, "dep_") || !row.Counted || !row.IsConfirmed {
		t.Errorf("%+v", row)
	}
	if found, _ := k.transfers(otherKey, "?depositReference=anna"); found != "0x01" {
		t.Errorf("another merchant's anna: %s", found)
	}
}

func TestTransferRefusals(t *testing.T) {
	k := newKit(t)
	for query, field := range map[string]string{
		"page=0": "page", "limit=0": "limit", "limit=101": "limit", "status=paid": "status", "status=confirmed,": "status", "isConfirmed=yes": "isConfirmed", "is_failed=1": "isFailed",
		"businessType=link": "businessType", "sortBy=block": "sortBy", "sortOrder=up": "sortOrder", "detectedAfter=now": "detectedAfter", "detected_before=x": "detectedBefore",
		"orderId=a&order_id=b": "order_id", "chain=a&chainId=b": "chain", "txHash=a&txHash=b": "txHash", "token=%00": "token", "x=%zz": "",
	} {
		k.refused(query, k.get(shopKey, "/api/v1/transfers?"+query), 400, "VALIDATION_ERROR", field)
	}
	k.refused("neither", k.get(shopKey, "/api/v1/transfers/by-reference"), 400, "VALIDATION_ERROR", "orderId")
	k.refused("too many", k.get(shopKey, "/api/v1/transfers/by-reference?orderId=x&limit=201"), 400, "VALIDATION_ERROR", "limit")
}

// The vendor shows transfers by reference to whoever asks. Here they are the merchant's own, in his own mode.
func TestVendorsBugTransfersOfAnotherTenant(t *testing.T) {
	k, orders := paidShop(t)
	byReference := func(key, query string) transfersOfOne {
		t.Helper()
		got := k.get(key, "/api/v1/transfers/by-reference"+query)
		if got.status != 200 {
			t.Fatalf("%s: %d %s", query, got.status, got.body)
		}
		return parse[transfersOfOne](k, got)
	}
	if got := byReference(shopKey, "?orderId="+orders["one"].OrderID); !got.Success || got.Total != 4 || len(got.Data) != 4 || got.Data[0].TransactionHash != "0x06" {
		t.Errorf("%+v", got)
	}
	if got := byReference(otherKey, "?orderId="+orders["theirs"].OrderID); got.Total != 1 || got.Data[0].TransactionHash != "0xffff" {
		t.Errorf("%+v", got)
	}
	for _, stranger := range []string{otherKey, liveKey} {
		if got := byReference(stranger, "?orderId="+orders["one"].OrderID); got.Total != 0 || len(got.Data) != 0 {
			t.Errorf("%s: %+v", stranger, got)
		}
		for _, query := range []string{"", "?orderId=" + orders["one"].OrderID, "?txHash=0x01", "?status=confirmed", "?sortBy=amount", "?currency=USDC"} {
			if found, _ := k.transfers(stranger, query); strings.Contains(found, "0x0") {
				t.Errorf("%s%s: %s", stranger, query, found)
			}
		}
	}
	if found, list := k.transfers(liveKey, ""); found != "" || list.Pagination.Total != 0 {
		t.Errorf("%s %+v", found, list)
	}
}

// Two transfers of one transaction are two, with a place of their own in it.
func TestVendorsBugTwoTransfersInOneTransaction(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 2)
	a, b := k.create("a"), k.create("b")
	half := money.FromInt(sepoliaUSDT, 50_000_000)
	var seen []rail.Observation
	for i, to := range []string{a.Address, a.Address, b.Address} {
		one := k.payment(to, "0xaaa", 1234100, order.RankConfirmed, half)
		one.External, one.Evidence.Index = fmt.Sprint("0xaaa:", i), uint64(10+i)
		seen = append(seen, one)
	}
	k.told(sepolia, 1234103, seen...)
	if got := parse[orderBody](k, k.get(shopKey, "/api/v1/orders/"+a.OrderID)); got.Status != completed || got.ConfirmedReceived != "100.000000" {
		t.Errorf("%+v", got)
	}
	if got := parse[orderBody](k, k.get(shopKey, "/api/v1/orders/"+b.OrderID)); got.Status != pending || got.ConfirmedReceived != "50.000000" {
		t.Errorf("%+v", got)
	}
	_, list := k.transfers(shopKey, "?txHash=0xaaa&sortOrder=asc")
	var places, ids []string
	for _, row := range list.Data {
		places, ids = append(places, fmt.Sprint(row.TransactionHash, "/", row.EventIndex)), append(ids, row.ID)
	}
	slices.Sort(places)
	slices.Sort(ids)
	if strings.Join(places, " ") != "0xaaa/10 0xaaa/11 0xaaa/12" || len(slices.Compact(ids)) != 3 {
		t.Errorf("%v %v", places, ids)
	}
}

// The vendor forgets a transaction that is not confirmed after ten minutes, or behind a thousand others. Here it is
// waited for as long as its order's terms say.
func TestVendorsBugSlowConfirmationsAreNotDropped(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 2)
	o, crowded := k.create("slow"), k.create("crowded")
	paid := k.payment(o.Address, "0xaaa", 1234100, order.RankSeen, sepoliaUSDT100)
	crowd := []rail.Observation{paid}
	for i := range 150 {
		crowd = append(crowd, k.payment(crowded.Address, fmt.Sprint("0xc", i), 1234100, order.RankSeen, money.FromInt(sepoliaUSDT, 1)))
	}
	k.told(sepolia, 1234100, crowd...)
	k.expire(sepolia, 40*time.Minute)
	paid.Rank = order.RankConfirmed
	k.told(sepolia, 1234300, paid)
	if got := parse[orderBody](k, k.get(shopKey, "/api/v1/orders/"+o.OrderID)); got.Status != completed {
		t.Errorf("%+v", got)
	}
	if _, list := k.transfers(shopKey, "?orderId="+o.OrderID); len(list.Data) != 1 || !list.Data[0].IsConfirmed {
		t.Errorf("%+v", list)
	}
}
