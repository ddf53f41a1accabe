package payin

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"till/internal/order"
)

// The seed's examples, as they are printed there.
const (
	seedCreated = `{"orderId":"ord_abc123def456","orderReference":"ORDER-2025-001","amount":"100.00","currency":"USDT","chainId":"ethereum-sepolia","protocol":"evm",
		"address":"0x742d35Cc6634C0532925a3b844Bc9e7595f0bEb0","status":"pending",
		"metadata":{"customerName":"John Doe","customerEmail":"john@example.com","productSku":"PROD-123"},
		"successUrl":"https://yoursite.com/order/success","cancelUrl":"https://yoursite.com/order/cancel",
		"createdAt":"2025-01-20T10:30:00.000Z","expiresAt":"2025-01-20T10:40:00.000Z"}`
	seedCompleted = `{"orderId":"ord_abc123def456","orderReference":"ORDER-2025-001","amount":"100.00","currency":"USDT","chainId":"ethereum-sepolia","protocol":"evm",
		"address":"0x742d35Cc6634C0532925a3b844Bc9e7595f0bEb0","status":"completed","metadata":{"customerName":"John Doe"},
		"successUrl":"https://yoursite.com/order/success","createdAt":"2025-01-20T10:30:00.000Z","expiresAt":"2025-01-20T10:40:00.000Z",
		"completedAt":"2025-01-20T10:35:22.000Z","txHash":"0xabc123...","blockNumber":1234567,"confirmations":12}`
	seedListed = `{"orderId":"ord_abc123def456","orderReference":"ORDER-2025-001","amount":"100.00","currency":"USDT","chainId":"ethereum-sepolia",
		"address":"0x742d35...","status":"completed","createdAt":"2025-01-20T10:30:00.000Z","completedAt":"2025-01-20T10:35:22.000Z"}`
	seedDuplicate = `{"error":"Duplicate order reference","message":"Order with reference 'ORDER-2025-001' already exists","code":"DUPLICATE_ORDER_REFERENCE","statusCode":409,"existingOrderId":"ord_abc123"}`
	seedNoAddress = `{"error":"No available addresses","message":"Address pool exhausted for protocol 'evm'","code":"NO_AVAILABLE_ADDRESSES","statusCode":503}`
	seedAmount    = `{"error":"Invalid amount","message":"Amount must be a positive number","code":"INVALID_AMOUNT","statusCode":400}`
	seedChain     = `{"error":"Invalid chain","message":"Chain 'invalid-chain' is not supported","code":"INVALID_CHAIN","statusCode":400}`
)

// Every example of the seed, field by field. What cannot be the same is given as own: ids are random here,
// and the seed's address has a wrong checksum and is served in its right spelling. extra is what is added.
func TestExamplesOfTheSeed(t *testing.T) {
	k := newKit(t)
	compare := func(name, seed string, got reply, own map[string]any, extra ...string) {
		t.Helper()
		var want, have map[string]any
		k.must(json.Unmarshal([]byte(seed), &want))
		k.must(json.Unmarshal([]byte(got.body), &have))
		for field, value := range own {
			if want[field] == nil || have[field] == nil {
				t.Errorf("%s: %s is in one of the two only", name, field)
			}
			want[field] = value
		}
		for _, field := range extra {
			if have[field] == nil {
				t.Errorf("%s: %s is not there", name, field)
			}
			delete(have, field)
		}
		if !reflect.DeepEqual(have, want) {
			t.Errorf("%s\n%v\nthe seed has\n%v", name, have, want)
		}
	}

	const address = "0x742D35CC6634c0532925A3b844BC9E7595F0BEb0"
	imported := k.post(shopKey, "/api/v1/address-pool/addresses", `{"addresses":[{"address":"0x742d35Cc6634C0532925a3b844Bc9e7595f0bEb0","protocol":"evm","derivationIndex":0}]}`)
	if imported.status != 201 {
		t.Fatal(imported.body)
	}
	created := k.post(shopKey, "/api/v1/orders", `{"orderReference":"ORDER-2025-001","amount":"100.00","currency":"USDT","chainId":"ethereum-sepolia",`+
		`"metadata":{"customerName":"John Doe","customerEmail":"john@example.com","productSku":"PROD-123"},`+
		`"successUrl":"https://yoursite.com/order/success","cancelUrl":"https://yoursite.com/order/cancel"}`)
	o := parse[orderBody](k, created)
	ids := map[string]any{"orderId": o.OrderID, "address": address}
	compare("create", seedCreated, created, ids, "gracePeriodEndsAt", "paymentUrl")
	compare("duplicate", seedDuplicate, k.post(shopKey, "/api/v1/orders", newOrder("ORDER-2025-001")), map[string]any{"existingOrderId": o.OrderID})
	compare("no address", seedNoAddress, k.post(shopKey, "/api/v1/orders", newOrder("ORDER-2025-002")), nil)
	compare("amount", seedAmount, k.post(shopKey, "/api/v1/orders", newOrder("ORDER-2025-002", "amount", `"-1"`)), nil, "details")
	compare("chain", seedChain, k.post(shopKey, "/api/v1/orders", newOrder("ORDER-2025-002", "chainId", `"invalid-chain"`)), nil, "details")

	k.clock.Move(5*time.Minute + 22*time.Second)
	k.told(sepolia, 1234578, k.payment(o.Address, txHash, 1234567, order.RankConfirmed, sepoliaUSDT100))
	done := map[string]any{"orderId": o.OrderID, "address": address, "txHash": txHash, "metadata": map[string]any{"customerName": "John Doe", "customerEmail": "john@example.com", "productSku": "PROD-123"}}
	extra := []string{"gracePeriodEndsAt", "paymentUrl", "confirmedReceived", "requiredConfirmations", "cancelUrl"} // the example was made without a cancelUrl
	compare("get", seedCompleted, k.get(shopKey, "/api/v1/orders/"+o.OrderID), done, extra...)
	compare("by reference", seedCompleted, k.get(shopKey, "/api/v1/orders/by-reference/ORDER-2025-001"), done, extra...)

	var list struct{ Data []json.RawMessage }
	k.must(json.Unmarshal([]byte(k.get(shopKey, "/api/v1/orders").body), &list))
	compare("list", seedListed, reply{body: string(list.Data[0])}, ids)
}

// An API key is required, whichever route is asked.
func TestAPIKeyIsRequired(t *testing.T) {
	k := newKit(t)
	for _, q := range []request{
		{method: "POST", path: "/api/v1/orders", body: seedRequest}, {method: "GET", path: "/api/v1/orders"}, {method: "GET", path: "/api/v1/orders/ord_abc123def456"},
		{method: "GET", path: "/api/v1/orders/by-reference/ORDER-2025-001"}, {method: "PUT", path: "/api/v1/config/payment_window_minutes", body: `{"value":15}`},
	} {
		k.refused(q.method+" "+q.path, k.do(q), 401, "INVALID_API_KEY", "")
	}
}

// A list without parameters is the first page of twenty, the newest order first, whatever happened to older
// ones since. A page has at most a hundred.
func TestListDefaults(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 21)
	var first orderBody
	for i := range 21 {
		o := k.create(string(rune('a'+i)), "amount", fmt.Sprintf(`"%d"`, 100-i))
		if i == 1 {
			first = o
		}
		k.clock.Move(time.Second)
	}
	k.told(sepolia, 1234100, k.payment(first.Address, txHash, 1234100, order.RankSeen, sepoliaUSDT100))
	if found, _ := k.references("?sortBy=updatedAt&limit=1"); found != first.OrderReference {
		t.Fatalf("updated last: %s", found)
	}
	bare := k.get(shopKey, "/api/v1/orders")
	if spelled := k.get(shopKey, "/api/v1/orders?page=1&limit=20&sortBy=createdAt&sortOrder=desc"); bare.body != spelled.body {
		t.Errorf("%s\n%s", bare.body, spelled.body)
	}
	list := parse[listBody](k, bare)
	if len(list.Data) != 20 || list.Data[0].OrderReference != "u" || list.Data[19].OrderReference != "b" || list.Pagination != (paginationBody{1, 20, 21, 2, true}) {
		t.Errorf("%+v", list)
	}
	if _, page := k.references("?limit=100"); page.Limit != 100 {
		t.Errorf("%+v", page)
	}
	k.refused("limit=101", k.get(shopKey, "/api/v1/orders?limit=101"), 400, "VALIDATION_ERROR", "limit")
}
