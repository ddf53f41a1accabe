package payin

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"till/internal/money"
	"till/internal/order"
)

var sepoliaUSDT100 = money.FromInt(sepoliaUSDT, 100_000_000)

// The life of an order, as create and get show it.
func TestOrderIsPaid(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 3)
	o := k.create("R-1")
	get := func() orderBody { t.Helper(); return parse[orderBody](k, k.get(shopKey, "/api/v1/orders/"+o.OrderID)) }
	if o.TxHash != "" || o.BlockNumber != nil || o.Confirmations != nil || o.ConfirmedReceived != "" || o.RequiredConfirmations != nil || o.CompletedAt != "" {
		t.Errorf("before any payment: %+v", o)
	}
	show := func(o orderBody) string {
		n := func(p *uint64) string {
			if p == nil {
				return "-"
			}
			return fmt.Sprint(*p)
		}
		return strings.Join([]string{o.Status, o.TxHash, n(o.BlockNumber), n(o.Confirmations), o.ConfirmedReceived, o.CompletedAt}, " ")
	}

	// A part is seen, then confirmed; another part is seen; both are needed.
	part := money.FromInt(sepoliaUSDT, 40_000_000)
	k.clock.Move(time.Minute)
	k.told(sepolia, 1234100, k.payment(o.Address, "0xaaa", 1234100, order.RankSeen, part))
	if got, want := show(get()), "pending 0xaaa 1234100 1 0.000000 "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := get(); *got.RequiredConfirmations != 3 {
		t.Errorf("%+v", got)
	}
	k.told(sepolia, 1234102, k.payment(o.Address, "0xaaa", 1234100, order.RankConfirmed, part))
	if got, want := show(get()), "pending 0xaaa 1234100 3 40.000000 "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	k.clock.Move(time.Minute)
	k.told(sepolia, 1234110, k.payment(o.Address, "0xbbb", 1234109, order.RankSeen, sepoliaUSDT100))
	if got, want := show(get()), "pending 0xbbb 1234109 2 40.000000 "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	k.clock.Move(time.Minute)
	k.told(sepolia, 1234120, k.payment(o.Address, "0xbbb", 1234109, order.RankConfirmed, sepoliaUSDT100))
	if got, want := show(get()), "completed 0xbbb 1234109 12 140.000000 2025-01-20T10:33:00.000Z"; got != want {
		t.Errorf("%q, want %q", got, want)
	}

	// It stands still from here on.
	k.told(sepolia, 1239999, k.payment(o.Address, "0xccc", 1239990, order.RankConfirmed, part))
	if got := show(get()); !strings.HasPrefix(got, "completed 0xbbb 1234109 12 ") || !strings.HasSuffix(got, " 2025-01-20T10:33:00.000Z") {
		t.Errorf("later: %q", got)
	}
}

// case 14, as the merchant sees it: a payment that a reorganisation took away is not shown as received.
func TestPaymentIsTakenBack(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 3)
	o := k.create("R-1")
	k.told(sepolia, 1234100, k.payment(o.Address, "0xaaa", 1234100, order.RankSeen, sepoliaUSDT100))
	k.told(sepolia, 1234101, k.payment(o.Address, "0xaaa", 1234100, order.RankReversed, sepoliaUSDT100))
	got := parse[orderBody](k, k.get(shopKey, "/api/v1/orders/"+o.OrderID))
	if got.Status != pending || got.TxHash != "" || got.BlockNumber != nil || got.Confirmations != nil || got.ConfirmedReceived != "" {
		t.Errorf("%+v", got)
	}
}

func TestAnExpiredOrderCannotBePaid(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 3)
	o := k.create("R-1")
	status := func() string {
		t.Helper()
		return parse[orderBody](k, k.get(shopKey, "/api/v1/orders/"+o.OrderID)).Status
	}
	k.expire(sepolia, 10*time.Minute+time.Second) // the window is over, the grace period is not
	if got := status(); got != pending {
		t.Errorf("in the grace period: %s", got)
	}
	k.expire(sepolia, 5*time.Minute)
	if got := status(); got != expired {
		t.Errorf("after the grace period: %s", got)
	}
	k.told(sepolia, 1234200, k.payment(o.Address, "0xaaa", 1234190, order.RankConfirmed, sepoliaUSDT100))
	got := parse[orderBody](k, k.get(shopKey, "/api/v1/orders/"+o.OrderID))
	if got.Status != expired || got.CompletedAt != "" || got.TxHash != "" {
		t.Errorf("after a late payment: %+v", got)
	}
}

// Money that was sent in time is waited for.
func TestSentInTimeConfirmedLate(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 3)
	o := k.create("R-1")
	k.clock.Move(14*time.Minute + 59*time.Second)
	paid := k.payment(o.Address, "0xaaa", 1234190, order.RankSeen, sepoliaUSDT100)
	k.told(sepolia, 1234190, paid)
	k.expire(sepolia, 10*time.Minute)
	if got := parse[orderBody](k, k.get(shopKey, "/api/v1/orders/"+o.OrderID)); got.Status != pending {
		t.Fatalf("%+v", got)
	}
	paid.Rank = order.RankConfirmed
	k.told(sepolia, 1234193, paid)
	if got := parse[orderBody](k, k.get(shopKey, "/api/v1/orders/"+o.OrderID)); got.Status != completed {
		t.Errorf("%+v", got)
	}
}

// With the strict reading it is not: what is not confirmed at the end of the grace period is nothing.
func TestStrictExpiry(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 3)
	before := k.create("R-1")
	k.must(putOK(k, shopKey, "wait_for_seen", `"false"`))
	strict := k.create("R-2") // the setting holds for orders made from then on
	k.clock.Move(14 * time.Minute)
	k.told(sepolia, 1234190,
		k.payment(before.Address, "0xaaa", 1234190, order.RankSeen, sepoliaUSDT100),
		k.payment(strict.Address, "0xbbb", 1234190, order.RankSeen, sepoliaUSDT100))
	k.expire(sepolia, 2*time.Minute)
	for id, want := range map[string]string{before.OrderID: pending, strict.OrderID: expired} {
		if got := parse[orderBody](k, k.get(shopKey, "/api/v1/orders/"+id)); got.Status != want {
			t.Errorf("%s is %s, want %s", got.OrderReference, got.Status, want)
		}
	}
}

func TestOrdersThatAreNotThere(t *testing.T) {
	k := newKit(t)
	for _, id := range []string{"ord_abc123def456", "ord_aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "x", "by-reference", "'", "%00", "ord_%2e%2e", strings.Repeat("x", 10000)} {
		body := k.refused(id, k.get(shopKey, "/api/v1/orders/"+id), 404, "RESOURCE_NOT_FOUND", "")
		if body.Error != "Not Found" || body.Message != "Order not found" {
			t.Errorf("%+v", body)
		}
	}
	for _, reference := range []string{"", "none", "%00", "%ff", "%20", "a%0Ab", strings.Repeat("x", 256), "%25"} {
		k.refused(reference, k.get(shopKey, "/api/v1/orders/by-reference/"+reference), 404, "RESOURCE_NOT_FOUND", "")
	}
}

func TestByReferenceWithOddCharacters(t *testing.T) {
	k := newKit(t)
	references := []string{
		"ORDER-2025-001", "stats", "by-reference", "a/b", "/a/", "https://shop.example/?a=1#x", "50% off", "%2F", "a b", " a ", "a+b", "ümläut", "注文-1",
		"🧾", "a'b\"c", "a;b,c", "a\\b", "..a", "<b>", "_", "%", "{orderId}", "{{orderId}}", "a&b=c", "ord_aaaaaaaaaaaaaaaaaaaaaaaaaaaa", strings.Repeat("ø", 255),
	}
	k.pool(shopKey, 1, len(references))
	ids := map[string]string{}
	for _, reference := range references {
		ids[reference] = k.create(reference).OrderID
	}
	for _, reference := range references {
		got := k.get(shopKey, "/api/v1/orders/by-reference/"+url.PathEscape(reference))
		o := parse[orderBody](k, got)
		if got.status != 200 || o.OrderID != ids[reference] || o.OrderReference != reference {
			t.Errorf("%q: %d %s", reference, got.status, got.body)
		}
	}
	if got := parse[orderBody](k, k.get(shopKey, "/api/v1/orders/by-reference/a/b")); got.OrderID != ids["a/b"] {
		t.Errorf("with a bare slash: %+v", got)
	}
	k.refused("in other case", k.get(shopKey, "/api/v1/orders/by-reference/order-2025-001"), 404, "RESOURCE_NOT_FOUND", "")
}

func TestRoutes(t *testing.T) {
	k := newKit(t)
	for _, q := range []struct{ method, path, message string }{
		{"GET", "/", "Route GET / not found"},
		{"GET", "/api/v1/orderz", "Route GET /api/v1/orderz not found"},
		{"POST", "/api/v2/orders", "Route POST /api/v2/orders not found"},
		{"GET", "/api/v1/orders/a/b", "Route GET /api/v1/orders/a/b not found"},
		{"DELETE", "/api/v1/config/a/b", "Route DELETE /api/v1/config/a/b not found"},
		{"GET", "/api/v1/orders/", "Route GET /api/v1/orders/ not found"},
	} {
		body := k.refused(q.path, k.do(request{method: q.method, path: q.path, key: shopKey}), 404, "RESOURCE_NOT_FOUND", "")
		if body.Message != q.message || body.Error != "Not Found" {
			t.Errorf("%+v", body)
		}
	}
	for _, q := range []struct{ method, path, allow string }{
		{"DELETE", "/api/v1/orders", "GET, POST"},
		{"POST", "/api/v1/orders/x", "GET"},
		{"PUT", "/api/v1/orders/by-reference/x", "GET"},
		{"DELETE", "/api/v1/address-pool/addresses", "GET, POST"},
		{"POST", "/api/v1/address-pool/addresses/x/archive", "PATCH"},
		{"GET", "/api/v1/address-pool/import", "POST"},
		{"POST", "/api/v1/config/payment_window_minutes", "DELETE, GET, PUT"},
		{"DELETE", "/api/v1/config", "GET"},
		{"PUT", "/api/v1/config/runtime", "GET"},
		{"POST", "/api/chains", "GET"},
		{"POST", "/health", "GET"},
		{"OPTIONS", "/api/v1/orders", "GET, POST"},
	} {
		got := k.do(request{method: q.method, path: q.path, key: shopKey})
		body := k.refused(q.path, got, 405, "METHOD_NOT_ALLOWED", "")
		if got.header.Get("Allow") != q.allow || body.Message != "Method "+q.method+" is not allowed for "+q.path {
			t.Errorf("%s %s: Allow %q, %+v", q.method, q.path, got.header.Get("Allow"), body)
		}
	}
	if got := k.do(request{method: "GET", path: "/openapi.yaml"}); got.status != 200 || !strings.HasPrefix(got.body, "openapi: 3.1.0\n") || got.header.Get("Content-Type") != "application/yaml; charset=utf-8" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := k.do(request{method: "GET", path: "/api/v1/orders", key: shopKey, header: map[string][]string{"X-HTTP-Method-Override": {"DELETE"}}}); got.status != 200 {
		t.Errorf("case 50: %d %s", got.status, got.body)
	}
}
