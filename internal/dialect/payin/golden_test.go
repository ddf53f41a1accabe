package payin

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"till/internal/dialect/dialecttest"
	"till/internal/engine"
	"till/internal/order"
	"till/internal/webhook"
)

// golden is one file of testdata: what is asked of one endpoint, and every kind of answer.
type golden struct {
	*kit
	dialecttest.Golden
	file string
}

// ask makes a request and writes it down with its answer.
func (g *golden) ask(title string, q request) reply {
	g.Helper()
	got := g.do(q)
	x := dialecttest.Exchange{Title: title, Method: q.method, Path: q.path, Asked: q.header, Sent: q.body, Status: got.status, Header: got.header, Body: got.body}
	if q.key != "" {
		x.Key = "X-API-Key: " + q.key
	}
	g.Write(x)
	return got
}

func (g *golden) check() {
	g.Helper()
	g.Check(g.T, g.file)
}

// The seed's own request for an order.
const seedRequest = `{"orderReference":"ORDER-2025-001","amount":"100.00","currency":"USDT","chainId":"ethereum-sepolia",` +
	`"metadata":{"customerName":"John Doe","customerEmail":"john@example.com","productSku":"PROD-123"},` +
	`"successUrl":"https://yoursite.com/order/success","cancelUrl":"https://yoursite.com/order/cancel"}`

func TestGoldenCreateOrder(t *testing.T) {
	g := &golden{kit: newKit(t), file: "create_order.golden"}
	post := func(title, body string, header ...string) {
		t.Helper()
		q := request{method: "POST", path: "/api/v1/orders", key: shopKey, body: body}
		if len(header) > 0 {
			q.header = http.Header{header[0]: header[1:]}
		}
		g.ask("POST /api/v1/orders: "+title, q)
	}
	g.pool(shopKey, 1, 4)
	post("as in the seed", seedRequest)
	post("the reference again", seedRequest)
	post("with an idempotency key", newOrder("ORDER-2025-002"), "Idempotency-Key", "0d6d1f7c")
	post("the same again", newOrder("ORDER-2025-002"), "Idempotency-Key", "0d6d1f7c")
	post("something else with the key", newOrder("ORDER-2025-003"), "Idempotency-Key", "0d6d1f7c")
	post("every field there is", newOrder("ORDER-2025-004", "amount", `"0.000000000000000001"`, "currency", `"DAI"`, "metadata", `{"userId":"user_123","items":[{"sku":"A","qty":2}]}`,
		"successUrl", `"https://yoursite.com/order/success?orderId={{orderId}}"`, "cancelUrl", `"https://yoursite.com/order/cancel?orderId={{orderId}}"`,
		"paymentWindowMinutes", "30", "gracePeriodMinutes", "0"))
	post("another chain", newOrder("ORDER-2025-005", "currency", `"USDC"`, "chainId", `"polygon-amoy"`))
	post("no address is left", newOrder("ORDER-2025-006"))
	post("an amount of zero", newOrder("ORDER-2025-007", "amount", `"0.00"`))
	post("an amount as a number", newOrder("ORDER-2025-007", "amount", `100.00`))
	post("too many decimals", newOrder("ORDER-2025-007", "amount", `"0.0000001"`))
	post("too large an amount", newOrder("ORDER-2025-007", "amount", `"`+strings.Repeat("9", 78)+`"`))
	post("an unknown chain", newOrder("ORDER-2025-007", "chainId", `"invalid-chain"`))
	post("a currency the chain does not have", newOrder("ORDER-2025-007", "chainId", `"polygon-amoy"`))
	post("a missing field", newOrder("ORDER-2025-007", "currency", ""))
	post("a field of another type", newOrder("ORDER-2025-007", "metadata", `"VIP"`))
	post("a long reference", newOrder(strings.Repeat("x", 256)))
	post("a long metadata", newOrder("ORDER-2025-007", "metadata", `{"1":1,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9,"10":10,"11":11}`))
	post("a URL that is none", newOrder("ORDER-2025-007", "successUrl", `"javascript:alert(1)"`))
	post("too long a window", newOrder("ORDER-2025-007", "paymentWindowMinutes", "4320"))
	post("a window and grace beyond the maximum", newOrder("ORDER-2025-007", "paymentWindowMinutes", "60"))
	post("a name twice", `{"amount":"1","amount":"2"}`)
	post("no JSON", `orderReference=ORDER-2025-007`)
	post("another type of body", newOrder("ORDER-2025-007"), "Content-Type", "text/plain")
	post("a chain that is not watched", newOrder("ORDER-2025-007", "currency", `"USDC"`, "chainId", `"arbitrum-sepolia"`))
	g.ask("POST /api/v1/orders: without a key", request{method: "POST", path: "/api/v1/orders", body: seedRequest})
	g.ask("POST /api/v1/orders: a key that may only read", request{method: "POST", path: "/api/v1/orders", key: readerKey, body: seedRequest})
	g.check()
}

func TestGoldenGetOrder(t *testing.T) {
	g := &golden{kit: newKit(t), file: "get_order.golden"}
	g.pool(shopKey, 1, 4)
	paid := parse[orderBody](g.kit, g.post(shopKey, "/api/v1/orders", seedRequest))
	late := g.create("ORDER-2025-002")
	get := func(title, id string) {
		t.Helper()
		g.ask("GET /api/v1/orders/:orderId: "+title, request{method: "GET", path: "/api/v1/orders/" + id, key: shopKey})
	}
	get("nothing seen yet", paid.OrderID)
	g.clock.Move(5 * time.Minute)
	g.told(sepolia, 1234567, g.payment(paid.Address, txHash, 1234567, order.RankSeen, sepoliaUSDT100))
	get("seen, not confirmed", paid.OrderID)
	g.clock.Move(22 * time.Second)
	g.told(sepolia, 1234578, g.payment(paid.Address, txHash, 1234567, order.RankConfirmed, sepoliaUSDT100))
	get("completed, as in the seed", paid.OrderID)
	g.expire(sepolia, 10*time.Minute)
	get("expired", late.OrderID)
	get("unknown", "ord_abc123def456")
	g.ask("GET /api/v1/orders/:orderId: of another merchant", request{method: "GET", path: "/api/v1/orders/" + paid.OrderID, key: otherKey})
	g.ask("GET /api/v1/orders/:orderId: another key", request{method: "GET", path: "/api/v1/orders/" + paid.OrderID, key: "pk_test_wrong"})
	g.ask("GET /api/v1/orders/:orderId: two different keys", request{method: "GET", path: "/api/v1/orders/" + paid.OrderID, key: shopKey, header: http.Header{"Authorization": {"Bearer " + otherKey}}})
	g.ask("another method", request{method: "DELETE", path: "/api/v1/orders/" + paid.OrderID, key: shopKey})
	g.ask("another path", request{method: "GET", path: "/api/v1/order/" + paid.OrderID, key: shopKey})
	g.check()
}

const txHash = "0xabc1230000000000000000000000000000000000000000000000000000000001"

func TestGoldenGetOrderByReference(t *testing.T) {
	g := &golden{kit: newKit(t), file: "get_order_by_reference.golden"}
	g.pool(shopKey, 1, 2)
	g.create("ORDER-2025-001")
	g.create("2025/001 50% ümläut")
	get := func(title, reference string) {
		t.Helper()
		g.ask("GET /api/v1/orders/by-reference/:orderReference: "+title, request{method: "GET", path: "/api/v1/orders/by-reference/" + reference, key: shopKey})
	}
	get("as in the seed", "ORDER-2025-001")
	get("odd characters", "2025%2F001%2050%25%20%C3%BCml%C3%A4ut")
	get("unknown", "ORDER-2025-002")
	g.check()
}

func TestGoldenListOrders(t *testing.T) {
	g := &golden{kit: newKit(t), file: "list_orders.golden"}
	g.pool(shopKey, 1, 4)
	paid := g.create("ORDER-2025-001")
	g.clock.Move(time.Minute)
	g.create("ORDER-2025-002", "amount", `"250"`, "currency", `"DAI"`)
	g.clock.Move(time.Minute)
	g.create("ORDER-2025-003", "amount", `"9.5"`, "currency", `"USDC"`, "chainId", `"polygon-amoy"`)
	g.told(sepolia, 1234578, g.payment(paid.Address, txHash, 1234567, order.RankConfirmed, sepoliaUSDT100))
	list := func(title, query string) {
		t.Helper()
		g.ask("GET /api/v1/orders: "+title, request{method: "GET", path: "/api/v1/orders" + query, key: shopKey})
	}
	list("all", "")
	list("a page", "?page=2&limit=2")
	list("as in the seed, pending", "?status=pending&limit=10")
	list("as in the seed, by amount", "?currency=USDT&sortBy=amount&sortOrder=desc")
	list("several filters", "?status=pending,expired&chainId=polygon-amoy&orderReference=2025-0&sortBy=createdAt&sortOrder=asc")
	list("nothing found", "?orderReference=none")
	list("no such page", "?page=0")
	list("too many at once", "?limit=101")
	list("no such status", "?status=paid")
	list("no such order of rows", "?sortBy=address")
	g.check()
}

func TestGoldenImportAddresses(t *testing.T) {
	g := &golden{kit: newKit(t), file: "import_addresses.golden"}
	post := func(title, body string) {
		t.Helper()
		g.ask("POST /api/v1/address-pool/addresses: "+title, request{method: "POST", path: "/api/v1/address-pool/addresses", key: shopKey, body: body})
	}
	post("two addresses", `{"addresses":[{"address":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed","protocol":"evm","derivationIndex":0,"masterPublicKey":"xpub661MyMwAqRbcF"},{"address":"0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359","protocol":"evm","derivationIndex":null}]}`)
	post("one of them again, and the seed's address, whose checksum is wrong", `{"addresses":[{"address":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed","protocol":"evm","derivationIndex":0},{"address":"0x742d35Cc6634C0532925a3b844Bc9e7595f0bEb0","protocol":"evm","derivationIndex":1}]}`)
	post("one that is none", `{"addresses":[{"address":"0x1234","protocol":"evm","derivationIndex":0}]}`)
	post("another protocol", `{"addresses":[{"address":"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t","protocol":"tron","derivationIndex":0}]}`)
	post("none", `{"addresses":[]}`)
	g.check()
}

func TestGoldenConfig(t *testing.T) {
	g := &golden{kit: newKit(t), file: "config.golden"}
	ask := func(method, key, body, title string) {
		t.Helper()
		g.ask(method+" /api/v1/config/"+key+": "+title, request{method: method, path: "/api/v1/config/" + key, key: shopKey, body: body})
	}
	ask("GET", "payment_window_minutes", "", "the default")
	ask("PUT", "payment_window_minutes", `{"value":15}`, "as in the seed")
	ask("PUT", "orders.grace_period_minutes", `{"value":"0"}`, "no grace, as a text")
	ask("PUT", "default_order_success_url", `{"value":"https://yoursite.com/order/success?orderId={{orderId}}"}`, "a URL")
	ask("PUT", "default_order_cancel_url", `{"value":null}`, "no URL")
	ask("GET", "redirect.default_order_success_url", "", "by its full name")
	ask("PUT", "payment_window_minutes", `{"value":61}`, "out of range")
	ask("PUT", "max_total_timeout_minutes", `{"value":14}`, "less than the windows need")
	ask("PUT", "payment_window_minutes", `{}`, "no value")
	ask("GET", "no_such_key", "", "unknown")
	ask("PUT", "orders.wait_for_seen", `{"value":"false"}`, "a switch, as a text")
	ask("PUT", "address_pool.cooldown_minutes", `{"value":"45"}`, "minutes of rest")
	ask("PUT", "delayed_confirmation.check_interval", `{"value":60}`, "what is the operator's")
	ask("DELETE", "address_pool.cooldown_minutes", "", "back to the default")
	ask("DELETE", "no_such_key", "", "unknown")
	g.check()
}

func TestGoldenConfigLists(t *testing.T) {
	g := &golden{kit: newKit(t), file: "config_lists.golden"}
	ask := func(path, title string) {
		t.Helper()
		g.ask("GET "+path+": "+title, request{method: "GET", path: path, key: shopKey})
	}
	g.must(putOK(g.kit, shopKey, "payment_window_minutes", "15"))
	ask("/api/v1/config", "all")
	ask("/api/v1/config?category=orders", "a category")
	ask("/api/v1/config?category=nothing", "no such category")
	ask("/api/v1/config/runtime", "the values in effect")
	ask("/api/v1/config/metadata", "what each may be")
	ask("/api/v1/config/metadata/payment_window_minutes", "what one may be")
	ask("/api/v1/config/metadata/no_such_key", "unknown")
	g.check()
}

func TestGoldenStats(t *testing.T) {
	k, _ := paidShop(t)
	g := &golden{kit: k, file: "order_stats.golden"}
	ask := func(title, query string) {
		t.Helper()
		g.ask("GET /api/v1/orders/stats: "+title, request{method: "GET", path: "/api/v1/orders/stats" + query, key: shopKey})
	}
	ask("all", "")
	ask("of a token", "?currency=USDC&chainId=ethereum-sepolia&createdAfter=2025-01-20")
	ask("of nothing", "?createdBefore=2025-01-19")
	ask("no such status", "?status=paid")
	ask("a filter that sums cannot have", "?orderReference=one")
	g.check()
}

func TestGoldenTransfers(t *testing.T) {
	k, orders := paidShop(t)
	g := &golden{kit: k, file: "transfers.golden"}
	ask := func(title, path string) {
		t.Helper()
		g.ask("GET /api/v1/transfers"+title, request{method: "GET", path: "/api/v1/transfers" + path, key: shopKey})
	}
	ask(": a page", "?limit=2&page=2")
	ask(": of an order, confirmed", "?orderId="+orders["one"].OrderID+"&isConfirmed=true&sortBy=amount")
	ask(": nothing found", "?businessType=deposit")
	ask(": no such status", "?status=paid")
	ask("/by-reference: of an order", "/by-reference?orderId="+orders["two"].OrderID)
	ask("/by-reference: of another merchant's", "/by-reference?orderId="+orders["theirs"].OrderID)
	ask("/by-reference: of nothing", "/by-reference")
	g.check()
}

func TestGoldenCatalogue(t *testing.T) {
	g := &golden{kit: newKit(t), file: "catalogue.golden"}
	ask := func(path, key, title string) {
		t.Helper()
		g.ask("GET "+path+": "+title, request{method: "GET", path: path, key: key})
	}
	ask("/api/v1/chains", shopKey, "of a test key")
	ask("/api/v1/chains", liveKey, "of a live key")
	ask("/api/chains", "", "without a key")
	ask("/api/v1/tokens", shopKey, "of a test key")
	ask("/api/v1/tokens?chainId=ethereum-sepolia&currency=USDT", shopKey, "one")
	ask("/api/tokens?currency=USDT", "", "without a key")
	ask("/api/v1/chains", "", "without a key, where one is needed")
	g.check()
}

func TestGoldenHealth(t *testing.T) {
	g := &golden{kit: newKit(t), file: "health.golden"}
	g.ask("GET /health", request{method: "GET", path: "/health"})
	g.ask("GET /api/v1/health", request{method: "GET", path: "/api/v1/health"})
	g.check()
}

// The webhooks of real orders, with the headers they are sent with.
func TestGoldenWebhooks(t *testing.T) {
	g := &golden{kit: newKit(t), file: "webhooks.golden"}
	g.pool(shopKey, 1, 2)
	scope := engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: Name}
	g.must(g.engine.SaveEndpoint(context.Background(), engine.Endpoint{ID: "ep_1", Scope: scope, URL: "https://yoursite.com/webhooks/payin", Enabled: true}))
	paid := parse[orderBody](g.kit, g.post(shopKey, "/api/v1/orders", seedRequest))
	g.create("ORDER-2025-002", "metadata", `{"userId":"user_123"}`)
	g.clock.Move(5*time.Minute + 22*time.Second)
	g.told(sepolia, 1234568, g.payment(paid.Address, txHash, 1234567, order.RankSeen, sepoliaUSDT100))
	g.told(sepolia, 1234578, g.payment(paid.Address, txHash, 1234567, order.RankConfirmed, sepoliaUSDT100))
	g.expire(sepolia, 10*time.Minute)
	_, err := g.engine.Announce(context.Background(), scope, engine.Notice{Type: endpointTried, Endpoint: "ep_1"})
	g.must(err)
	g.pool(shopKey, 11, 1)
	deposit := g.reference("user_12345")
	g.told(sepolia, 1234600, g.payment(deposit.Address, "0xd1", 1234590, order.RankConfirmed, sepoliaUSDT100))
	g.do(request{method: "DELETE", path: "/api/v1/deposits/references/user_12345", key: shopKey})

	g.pool(shopKey, 12, 2)
	for range 2 { // the second time there is nothing new
		_, err = g.engine.CheckPool(context.Background(), scope, engine.EVM, g.dialect.LowPool(nil))
		g.must(err)
	}

	untold, err := g.engine.Untold(context.Background(), []string{Name}, 100)
	g.must(err)
	for _, u := range untold {
		id, kind, body, ok := g.dialect.Tell(u.Event, u.Order)
		if !ok {
			continue
		}
		header := g.dialect.Sign(engine.Message{WireID: id, Type: kind, Body: body}, []webhook.Secret{"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}, g.clock.Now())
		g.WriteWebhook(kind, header, string(body))
	}
	if n := g.Count("# order."); n != 4 {
		t.Errorf("%d webhooks of two orders", n)
	}
	g.check()
}
