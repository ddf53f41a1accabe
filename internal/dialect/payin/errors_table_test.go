package payin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/fault"
)

// Every code that PayIn's pages document, raised over HTTP as a client raises it, with its status, its words and
// the keys that belong to it. A row names what must hold beside the code.
func TestEveryDocumentedError(t *testing.T) {
	const all, poor = "address pool exhausted", "Order with reference 'R-1' already exists"
	k := newKit(t)
	k.pool(shopKey, 1, 1)
	first := k.create("R-1")
	order := func(more ...string) request {
		return request{method: "POST", path: "/api/v1/orders", key: shopKey, body: newOrder("R-2", more...)}
	}
	once := func(body string) request {
		return request{method: "POST", path: "/api/v1/orders", key: otherKey, body: body, header: http.Header{"Idempotency-Key": {"once"}}}
	}
	k.pool(otherKey, 11, 1)
	if got := k.do(once(newOrder("R-1"))); got.status != 201 {
		t.Fatal(got.body)
	}
	tests := []struct {
		name         string
		ask          request
		status       int
		code, error_ string
		field        string
		check        func(body errorBody, header http.Header) bool
	}{
		{"DUPLICATE_ORDER_REFERENCE names the order and the reference", request{method: "POST", path: "/api/v1/orders", key: shopKey, body: newOrder("R-1")},
			409, "DUPLICATE_ORDER_REFERENCE", "Duplicate order reference", "", func(b errorBody, _ http.Header) bool { return b.ExistingOrderID == first.OrderID && b.Message == poor }},
		{"NO_AVAILABLE_ADDRESSES names the protocol", order(), 503, "NO_AVAILABLE_ADDRESSES", "No available addresses", "",
			func(b errorBody, h http.Header) bool {
				return strings.EqualFold(b.Message, all+" for protocol 'evm'") && h.Get("Retry-After") != ""
			}},
		{"INVALID_AMOUNT: not positive", order("amount", `"0"`), 400, "INVALID_AMOUNT", "Invalid amount", "amount", nil},
		{"INVALID_AMOUNT: malformed", order("amount", `"1,5"`), 400, "INVALID_AMOUNT", "Invalid amount", "amount", nil},
		{"INVALID_AMOUNT: a number", order("amount", `1.5`), 400, "INVALID_AMOUNT", "Invalid amount", "amount", nil},
		{"INVALID_AMOUNT: too many decimals", order("amount", `"0.0000001"`), 400, "INVALID_AMOUNT", "Invalid amount", "amount", nil},
		{"INVALID_CHAIN names the chain", order("chainId", `"invalid-chain"`), 400, "INVALID_CHAIN", "Invalid chain", "chainId",
			func(b errorBody, _ http.Header) bool { return b.Message == "Chain 'invalid-chain' is not supported" }},
		{"INVALID_CURRENCY: not on that chain", order("chainId", `"polygon-amoy"`), 400, "INVALID_CURRENCY", "Invalid currency", "currency", nil},
		{"INVALID_API_KEY: missing", request{method: "GET", path: "/api/v1/orders"}, 401, "INVALID_API_KEY", "Unauthorized", "",
			func(_ errorBody, h http.Header) bool { return h.Get("WWW-Authenticate") != "" }},
		{"INVALID_API_KEY: invalid", request{method: "GET", path: "/api/v1/orders", key: "pk_test_wrong"}, 401, "INVALID_API_KEY", "Unauthorized", "", nil},
		{"INVALID_API_KEY: expired", request{method: "GET", path: "/api/v1/orders", key: expiredKey}, 401, "INVALID_API_KEY", "Unauthorized", "", nil},
		{"INVALID_API_KEY: revoked", request{method: "GET", path: "/api/v1/orders", key: inactiveKey}, 401, "INVALID_API_KEY", "Unauthorized", "", nil},
		{"INSUFFICIENT_PERMISSIONS: a key that may only read", request{method: "POST", path: "/api/v1/orders", key: readerKey, body: newOrder("R-2")},
			403, "INSUFFICIENT_PERMISSIONS", "Forbidden", "", func(b errorBody, _ http.Header) bool { return strings.Contains(b.Message, "orders:write") }},
		{"RESOURCE_NOT_FOUND: an order", request{method: "GET", path: "/api/v1/orders/ord_abc123def456", key: shopKey}, 404, "RESOURCE_NOT_FOUND", "Not Found", "", nil},
		{"RESOURCE_NOT_FOUND: a reference", request{method: "GET", path: "/api/v1/orders/by-reference/none", key: shopKey}, 404, "RESOURCE_NOT_FOUND", "Not Found", "", nil},
		{"RESOURCE_NOT_FOUND: another merchant's order", request{method: "GET", path: "/api/v1/orders/" + first.OrderID, key: otherKey}, 404, "RESOURCE_NOT_FOUND", "Not Found", "", nil},
		{"RESOURCE_NOT_FOUND: a setting", request{method: "GET", path: "/api/v1/config/none", key: shopKey}, 404, "RESOURCE_NOT_FOUND", "Not Found", "", nil},
		{"an unknown route", request{method: "GET", path: "/api/v1/nowhere"}, 404, "RESOURCE_NOT_FOUND", "Not Found", "",
			func(b errorBody, _ http.Header) bool { return b.Message == "Route GET /api/v1/nowhere not found" }},
		{"the idempotency key was used for another request", once(newOrder("R-3")), 409, "IDEMPOTENCY_KEY_CONFLICT", "Idempotency key conflict", "", nil},
		{"a missing field", order("currency", ""), 400, "VALIDATION_ERROR", "Validation error", "currency", nil},
		{"a long reference", order("orderReference", `"`+strings.Repeat("x", 256)+`"`), 400, "VALIDATION_ERROR", "Validation error", "orderReference", nil},
		{"no http URL", order("successUrl", `"javascript:alert(1)"`), 400, "VALIDATION_ERROR", "Validation error", "successUrl", nil},
		{"a bad page", request{method: "GET", path: "/api/v1/orders?page=0", key: shopKey}, 400, "VALIDATION_ERROR", "Validation error", "page", nil},
		{"a bad limit", request{method: "GET", path: "/api/v1/orders?limit=101", key: shopKey}, 400, "VALIDATION_ERROR", "Validation error", "limit", nil},
		{"a bad status", request{method: "GET", path: "/api/v1/orders?status=paid", key: shopKey}, 400, "VALIDATION_ERROR", "Validation error", "status", nil},
		{"a bad sort", request{method: "GET", path: "/api/v1/orders?sortBy=address", key: shopKey}, 400, "VALIDATION_ERROR", "Validation error", "sortBy", nil},
		{"a bad date", request{method: "GET", path: "/api/v1/orders?createdAfter=today", key: shopKey}, 400, "VALIDATION_ERROR", "Validation error", "createdAfter", nil},
	}
	for _, test := range tests {
		got := k.do(test.ask)
		body := k.refused(test.name, got, test.status, test.code, test.field)
		if body.Error != test.error_ {
			t.Errorf("%s: error %q", test.name, body.Error)
		}
		if test.check != nil && !test.check(body, got.header) {
			t.Errorf("%s: %+v %v", test.name, body, got.header)
		}
	}

	// A repeat with the key is the first answer, although its reference is taken by now.
	again := k.do(once(newOrder("R-1")))
	if again.status != 201 {
		t.Errorf("a replay: %d %s", again.status, again.body)
	}
	k.clock.Move(24 * time.Hour)
	k.refused("the same a day later", k.do(once(newOrder("R-1"))), 409, "DUPLICATE_ORDER_REFERENCE", "")
}

// ORDER_EXPIRED and ORDER_ALREADY_PAID are listed by PayIn, but no endpoint of it raises them, nor does one here:
// what can no longer be paid is told by the order's status.
func TestListedErrorsThatNobodyRaises(t *testing.T) {
	for _, row := range refusals {
		if row.code == "ORDER_EXPIRED" || row.code == "ORDER_ALREADY_PAID" {
			t.Errorf("%+v", row)
		}
	}
}

// The 500 of PayIn's list: what goes wrong on our side tells nothing.
func TestInternalErrorOverHTTP(t *testing.T) {
	k := newKit(t)
	k.dialect.auth = auth.New(brokenKeys{}, k.clock.Now)
	k.dialect.log = slog.New(slog.DiscardHandler)
	k.handler = k.dialect.Handler()
	got := k.get(shopKey, "/api/v1/orders")
	body := k.refused("a broken key store", got, 500, "INTERNAL_ERROR", "")
	if body.Error != "Internal Server Error" || strings.Contains(got.body, "disk") {
		t.Errorf("%s", got.body)
	}
}

// brokenKeys cannot be read.
type brokenKeys struct{}

func (brokenKeys) KeyByHash(context.Context, string) (*auth.Key, error) {
	return nil, errors.New("the disk is broken")
}

// Of the rate limit's code only the mapping is held here; what counts requests has its own tests.
func TestRateLimitSaysWhenToComeBack(t *testing.T) {
	w, body, _ := refuse(t, fault.New(fault.CodeRateLimited, "too many requests").Retry(42*time.Second))
	if w.Code != 429 || body.Code != "RATE_LIMIT_EXCEEDED" || body.RetryAfter != 42 || w.Header().Get("Retry-After") != fmt.Sprint(body.RetryAfter) {
		t.Errorf("%d %+v", w.Code, body)
	}
}
