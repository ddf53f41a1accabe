package payin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/order"
)

func TestCreateValidation(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 200)
	const v = "VALIDATION_ERROR"
	long := func(n int) string { return `"` + strings.Repeat("é", n) + `"` }
	pairs := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`"k%d":%d`, i, i))
		}
		return "{" + strings.Join(list, ",") + "}"
	}
	tests := []struct {
		name   string
		fields []string
		code   string // empty: taken
		field  string
	}{
		{"as in the seed", nil, "", ""},

		{"no reference", []string{"orderReference", ""}, v, "orderReference"},
		{"null reference", []string{"orderReference", "null"}, v, "orderReference"},
		{"empty reference", []string{"orderReference", `""`}, v, "orderReference"},
		{"one dot", []string{"orderReference", `"."`}, v, "orderReference"},
		{"two dots", []string{"orderReference", `".."`}, v, "orderReference"},
		{"blank reference", []string{"orderReference", `" \u00a0 "`}, v, "orderReference"},
		{"number as reference", []string{"orderReference", "7"}, v, "orderReference"},
		{"255 characters", []string{"orderReference", long(255)}, "", ""},
		{"256 characters", []string{"orderReference", long(256)}, v, "orderReference"},
		{"line end in the reference", []string{"orderReference", `"a\nb"`}, v, "orderReference"},
		{"space around the reference", []string{"orderReference", `" A "`}, "", ""},

		{"no currency", []string{"currency", ""}, v, "currency"},
		{"currency of another type", []string{"currency", `["USDT"]`}, v, "currency"},
		{"unknown currency", []string{"currency", `"EUR"`}, "INVALID_CURRENCY", "currency"},
		{"currency in lower case", []string{"currency", `"usdt"`}, "INVALID_CURRENCY", "currency"},
		{"currency of another chain", []string{"chainId", `"polygon-amoy"`}, "INVALID_CURRENCY", "currency"},
		{"very long currency", []string{"currency", long(5000)}, v, "currency"},

		{"no chain", []string{"chainId", ""}, v, "chainId"},
		{"chain of another type", []string{"chainId", "1"}, v, "chainId"},
		{"unknown chain", []string{"chainId", `"invalid-chain"`}, "INVALID_CHAIN", "chainId"},
		{"chain of the live mode", []string{"chainId", `"ethereum-mainnet"`}, "INVALID_CHAIN", "chainId"},

		{"no metadata", []string{"metadata", "null"}, "", ""},
		{"empty metadata", []string{"metadata", "{}"}, "", ""},
		{"10 pairs", []string{"metadata", pairs(10)}, "", ""},
		{"11 pairs", []string{"metadata", pairs(11)}, v, "metadata"},
		{"metadata as a list", []string{"metadata", "[]"}, v, "metadata"},
		{"metadata as a text", []string{"metadata", `"{}"`}, v, "metadata"},
		{"16 KiB of metadata", []string{"metadata", `{"a":"` + strings.Repeat("x", 16<<10-8) + `"}`}, "", ""},
		{"more than 16 KiB of metadata", []string{"metadata", `{"a":"` + strings.Repeat("x", 16<<10-7) + `"}`}, v, "metadata"},

		{"window", []string{"paymentWindowMinutes", "55"}, "", ""},
		{"window as a text", []string{"paymentWindowMinutes", `"15"`}, "", ""},
		{"window zero", []string{"paymentWindowMinutes", "0"}, v, "paymentWindowMinutes"},
		{"window below zero", []string{"paymentWindowMinutes", "-5"}, v, "paymentWindowMinutes"},
		{"part of a minute", []string{"paymentWindowMinutes", "1.5"}, v, "paymentWindowMinutes"},
		{"minutes with an exponent", []string{"paymentWindowMinutes", "1e1"}, v, "paymentWindowMinutes"},
		{"minutes in words", []string{"paymentWindowMinutes", `"ten"`}, v, "paymentWindowMinutes"},
		{"minutes with a plus", []string{"paymentWindowMinutes", `"+15"`}, v, "paymentWindowMinutes"},
		{"window true", []string{"paymentWindowMinutes", "true"}, v, "paymentWindowMinutes"},
		{"window and grace beyond an hour", []string{"paymentWindowMinutes", "56"}, v, "paymentWindowMinutes"},
		{"more than a day", []string{"paymentWindowMinutes", "1441"}, v, "paymentWindowMinutes"},
		{"no grace", []string{"gracePeriodMinutes", "0"}, "", ""},
		{"grace below zero", []string{"gracePeriodMinutes", "-1"}, v, "gracePeriodMinutes"},
		{"grace by its other name", []string{"graceMinutes", "-1"}, v, "graceMinutes"},
		{"two graces", []string{"gracePeriodMinutes", "1", "graceMinutes", "2"}, v, "graceMinutes"},
		{"one grace twice", []string{"gracePeriodMinutes", "1", "graceMinutes", `"1"`}, "", ""},
	}
	for i, test := range tests {
		fields := test.fields
		if len(fields) == 0 || fields[0] != "orderReference" {
			fields = append([]string{"orderReference", fmt.Sprintf(`"R-%d"`, i)}, fields...)
		}
		got := k.post(shopKey, "/api/v1/orders", newOrder("", fields...))
		if test.code != "" {
			k.refused(test.name, got, 400, test.code, test.field)
		} else if got.status != 201 {
			t.Errorf("%s: %d %s", test.name, got.status, got.body)
		}
	}
}

// cases 1, 2, 5 and 6
func TestAmounts(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 100)
	tests := []struct {
		currency, amount string
		ok               bool
	}{
		{"USDT", `"100.00"`, true},
		{"USDT", `"0.000001"`, true},
		{"USDT", `"007.50"`, true},
		{"USDT", `"0"`, false},
		{"USDT", `"0.000000"`, false},
		{"USDT", `"0.0000001"`, false},
		{"USDT", `"1.0000000"`, false},
		{"DAI", `"0.000000000000000001"`, true},
		{"DAI", `"123456789.123456789012345678"`, true},
		{"DAI", `"0.0000000000000000001"`, false},
		{"DAI", `"` + strings.Repeat("9", 60) + `.999999999999999999"`, true},
		{"DAI", `"1` + strings.Repeat("0", 60) + `"`, false},
		{"USDT", `"` + strings.Repeat("9", 78) + `"`, false},
		{"USDT", `"` + strings.Repeat("0", 5000) + `1"`, false},
		{"USDT", `100.00`, false},
		{"USDT", `1e21`, false},
		{"USDT", `0.30000000000000004`, false},
		{"USDT", `true`, false},
		{"USDT", `{"value":"1"}`, false},
		{"USDT", `"-1"`, false},
		{"USDT", `"-0"`, false},
		{"USDT", `"+1"`, false},
		{"USDT", `" 1"`, false},
		{"USDT", `"1 "`, false},
		{"USDT", `"1."`, false},
		{"USDT", `".5"`, false},
		{"USDT", `"."`, false},
		{"USDT", `"١"`, false},
		{"USDT", `"1,5"`, false},
		{"USDT", `"0x10"`, false},
		{"USDT", `"1_000"`, false},
		{"USDT", `"1e3"`, false},
		{"USDT", `"NaN"`, false},
		{"USDT", `"Infinity"`, false},
		{"USDT", `"abc"`, false},
	}
	for i, test := range tests {
		got := k.post(shopKey, "/api/v1/orders", newOrder(fmt.Sprintf("A-%d", i), "amount", test.amount, "currency", `"`+test.currency+`"`))
		if !test.ok {
			k.refused(test.amount, got, 400, "INVALID_AMOUNT", "amount")
			continue
		}
		if got.status != 201 {
			t.Errorf("%s: %d %s", test.amount, got.status, got.body)
			continue
		}
		// Echoed to the last digit, also when it is read again.
		made := parse[orderBody](k, got)
		again := parse[orderBody](k, k.get(shopKey, "/api/v1/orders/"+made.OrderID))
		if `"`+made.Amount+`"` != test.amount || again.Amount != made.Amount {
			t.Errorf("%s became %s and %s", test.amount, made.Amount, again.Amount)
		}
	}
	k.refused("no amount", k.post(shopKey, "/api/v1/orders", newOrder("A-none", "amount", "")), 400, "VALIDATION_ERROR", "amount")

	// What is due is the amount itself, in the smallest unit.
	o, err := k.engine.OrderByUnique(t.Context(), engine.UniqueKey{Scope: engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: Name}, Key: "A-8"})
	if err != nil || o.Terms.Due.Units() != "123456789123456789012345678" {
		t.Errorf("due %v, %v", o.Terms.Due.Units(), err)
	}
}

// What is told first when everything is wrong.
func TestOrderOfValidation(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 1)
	k.create("taken") // and the pool is empty
	steps := []struct {
		name, key, body string
		status          int
		code            string
	}{
		{"key", "pk_wrong", "{", 401, "INVALID_API_KEY"},
		{"permission", readerKey, "{", 403, "INSUFFICIENT_PERMISSIONS"},
		{"JSON", shopKey, `{"orderReference":"taken"`, 400, "VALIDATION_ERROR"},
		{"fields", shopKey, newOrder("taken", "amount", `"0"`, "chainId", `"x"`, "currency", ""), 400, "VALIDATION_ERROR"},
		{"amount", shopKey, newOrder("taken", "amount", `"0"`, "chainId", `"x"`, "currency", `"x"`), 400, "INVALID_AMOUNT"},
		{"chain", shopKey, newOrder("taken", "amount", `"0.0000001"`, "chainId", `"x"`, "currency", `"x"`), 400, "INVALID_CHAIN"},
		{"currency", shopKey, newOrder("taken", "amount", `"0.0000001"`, "currency", `"x"`), 400, "INVALID_CURRENCY"},
		{"decimals", shopKey, newOrder("taken", "amount", `"0.0000001"`), 400, "INVALID_AMOUNT"},
		{"duplicate", shopKey, newOrder("taken"), 409, "DUPLICATE_ORDER_REFERENCE"},
		{"pool", shopKey, newOrder("free"), 503, "NO_AVAILABLE_ADDRESSES"},
	}
	for _, step := range steps {
		got := k.post(step.key, "/api/v1/orders", step.body)
		if body := parse[errorBody](k, got); got.status != step.status || body.Code != step.code {
			t.Errorf("%s: %d %s", step.name, got.status, got.body)
		}
	}
	got := k.post(shopKey, "/api/v1/orders", newOrder("unwatched", "chainId", `"arbitrum-sepolia"`, "currency", `"USDC"`))
	k.refused("a chain that nobody watches", got, 503, "NOT_CONFIGURED", "")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// cases 44 and 48
func TestHostileBodies(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 20)
	valid := newOrder("R")
	many := strings.Builder{}
	for i := range 5000 {
		fmt.Fprintf(&many, `"k%d":0,`, i)
	}
	tests := []struct {
		name, kind, body string
		status           int
		field            string
	}{
		{"empty", "application/json", "", 400, ""},
		{"not JSON", "application/json", "orderReference=R", 400, ""},
		{"list", "application/json", "[" + valid + "]", 400, ""},
		{"null", "application/json", "null", 400, ""},
		{"text behind it", "application/json", valid + "x", 400, ""},
		{"two values", "application/json", valid + valid, 400, ""},
		{"byte order mark", "application/json", "\ufeff" + valid, 400, ""},
		{"invalid UTF-8", "application/json", strings.Replace(valid, "R", "\xff", 1), 400, ""},
		{"half a surrogate pair", "application/json", strings.Replace(valid, `"R"`, `"\ud800"`, 1), 400, ""},
		{"NUL", "application/json", strings.Replace(valid, `"R"`, `"\u0000"`, 1), 400, "orderReference"},
		{"a name twice", "application/json", strings.Replace(valid, `{`, `{"amount":"1",`, 1), 400, "amount"},
		{"a name twice, escaped", "application/json", strings.Replace(valid, `{`, `{"amoun\u0074":"1",`, 1), 400, "amount"},
		{"a name twice in the metadata", "application/json", newOrder("R", "metadata", `{"a":{"b":1,"b":2}}`), 400, "metadata.a.b"},
		{"too long", "application/json", newOrder("R", "metadata", `{"a":"`+strings.Repeat("x", 64<<10)+`"}`), 413, ""},
		{"too many names", "application/json", newOrder("R", "metadata", "{"+strings.TrimSuffix(many.String(), ",")+"}"), 400, "metadata"},
		{"too deep", "application/json", newOrder("R", "metadata", `{"a":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+"}"), 400, ""},
		{"a form", "application/x-www-form-urlencoded", valid, 415, ""},
		{"plain text", "text/plain", valid, 415, ""},
		{"no type", "", valid, 415, ""},
		{"another encoding", "application/json; charset=utf-16", valid, 415, ""},
		{"with its encoding", "application/json; charset=UTF-8", valid, 201, ""},
	}
	for _, test := range tests {
		got := k.do(request{method: "POST", path: "/api/v1/orders", key: shopKey, body: test.body, header: http.Header{"Content-Type": {test.kind}}})
		if test.status == 201 {
			if got.status != 201 {
				t.Errorf("%s: %d %s", test.name, got.status, got.body)
			}
			continue
		}
		body := parse[errorBody](k, got)
		if got.status != test.status || test.field != "" && body.Details["field"] != test.field {
			t.Errorf("%s: %d %s", test.name, got.status, got.body)
		}
	}
	compressed := k.do(request{method: "POST", path: "/api/v1/orders", key: shopKey, body: valid, header: http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}})
	k.refused("compressed", compressed, 415, "UNSUPPORTED_MEDIA_TYPE", "")
}

// case 43: fields that only the server may set are ignored.
func TestFieldsOfTheServerAreIgnored(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 1)
	o := k.create("R-1", "status", `"completed"`, "orderId", `"ord_x"`, "merchantId", `"other"`, "address", `"0x00000000000000000000000000000000000000ff"`,
		"completedAt", `"2025-01-01T00:00:00.000Z"`, "confirmedReceived", `"100"`, "expiresAt", `"2099-01-01T00:00:00.000Z"`, "createdAt", `"2024-01-01T00:00:00.000Z"`,
		"txHash", `"0x1"`, "mode", `"live"`)
	if o.Status != pending || !isOrderID(o.OrderID) || o.Address != "0x0000000000000000000000000000000000000001" || o.CompletedAt != "" || o.ConfirmedReceived != "" ||
		o.TxHash != "" || o.CreatedAt != "2025-01-20T10:30:00.000Z" || o.ExpiresAt != "2025-01-20T10:40:00.000Z" {
		t.Errorf("%+v", o)
	}
}

// Metadata is in responses and webhooks, to the last character.
func TestMetadataIsEchoed(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 2)
	const sent = `{"z":1.10,"a":[1,{"deep":null}],"html":"<script>&amp;</script>","line":"\u2028","big":123456789012345678901234567890e-3,"":false}`
	o := k.create("R-1", "metadata", sent)
	again := parse[orderBody](k, k.get(shopKey, "/api/v1/orders/"+o.OrderID))
	if string(o.Metadata) != sent || string(again.Metadata) != sent {
		t.Errorf("sent\n%s\ngot\n%s\nand\n%s", sent, o.Metadata, again.Metadata)
	}
	kept, err := k.engine.OrderByUnique(t.Context(), engine.UniqueKey{Scope: engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: Name}, Key: "R-1"})
	k.must(err)
	for _, kind := range []string{"order.completed", "order.expired"} {
		if _, _, body, ok := k.dialect.Tell(engine.Event{Type: kind}, kept); !ok || !strings.Contains(string(body), `"metadata":`+sent) {
			t.Errorf("%s: %s", kind, body)
		}
	}
	if got := k.get(shopKey, "/api/v1/orders"); strings.Contains(got.body, "deep") {
		t.Error("a list shows metadata")
	}
	if bare := k.create("R-2"); bare.Metadata != nil || bare.SuccessURL != "" || bare.CancelURL != "" {
		t.Errorf("%+v", bare)
	}
}

// case 54
func TestRedirectURLs(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 60)
	good := []string{
		"https://yoursite.com/order/success",
		"https://yoursite.com/order/success?orderId={{orderId}}",
		"https://yoursite.com/{{orderReference}}/done#/{{orderId}}",
		"http://localhost:3000/done",
		"http://127.0.0.1:3000",
		"https://shop.example/?a=%0d%0a&b=é",
		"https://shop.example/#/spa/route",
		"https://[2001:db8::1]/x",
		"HTTPS://Shop.Example/X",
		"",
	}
	bad := []string{
		"javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "ftp://shop.example/x",
		"//evil.example", "/relative", "shop.example/x", "https:", "https://", "https:///x", "https:shop.example",
		"https://good.example@evil.example", "https://user:pass@shop.example",
		`https://good.example\@evil.example`, `https:\\evil.example`,
		"https://shop.example/\r\nSet-Cookie: a=b", "https://shop.example/ x", "https://shop.example/\tx", " https://shop.example",
		"https://{{orderId}}.example/", "https://{{orderId}}/", "{{orderId}}://shop.example", "https://shop.example:{{orderId}}/", "https://shop.example:0/",
		"https://shop.example/#a#b", "https://shop.example/#\\x",
		"https://shop.example/" + strings.Repeat("x", 2048),
		"https://shop.example/" + strings.Repeat("{{orderReference}}", 200),
	}
	for i, text := range good {
		quoted, _ := json.Marshal(text)
		got := k.post(shopKey, "/api/v1/orders", newOrder(fmt.Sprintf("G-%d", i), "successUrl", string(quoted), "cancelUrl", string(quoted)))
		if o := parse[orderBody](k, got); got.status != 201 || o.SuccessURL != text || o.CancelURL != text {
			t.Errorf("%s: %d %s", text, got.status, got.body)
		}
	}
	for i, text := range bad {
		quoted, _ := json.Marshal(text)
		for _, field := range []string{"successUrl", "cancelUrl"} {
			k.refused(text, k.post(shopKey, "/api/v1/orders", newOrder(fmt.Sprintf("B-%d", i), field, string(quoted))), 400, "VALIDATION_ERROR", field)
		}
	}
	k.refused("a number", k.post(shopKey, "/api/v1/orders", newOrder("B", "successUrl", "7")), 400, "VALIDATION_ERROR", "successUrl")
}

func TestWindows(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 10)
	check := func(reference, expires, graceEnds string, more ...string) {
		t.Helper()
		if o := k.create(reference, more...); o.ExpiresAt != expires || o.GracePeriodEndsAt != graceEnds {
			t.Errorf("%s expires %s, grace ends %s", reference, o.ExpiresAt, o.GracePeriodEndsAt)
		}
	}
	check("default", "2025-01-20T10:40:00.000Z", "2025-01-20T10:45:00.000Z")
	check("own window", "2025-01-20T10:45:00.000Z", "2025-01-20T10:50:00.000Z", "paymentWindowMinutes", "15")
	check("no grace", "2025-01-20T10:40:00.000Z", "2025-01-20T10:40:00.000Z", "gracePeriodMinutes", `"0"`)
	check("both", "2025-01-20T11:20:00.000Z", "2025-01-20T11:30:00.000Z", "paymentWindowMinutes", "50", "graceMinutes", "10")

	k.must(putOK(k, shopKey, "payment_window_minutes", "20"))
	k.must(putOK(k, shopKey, "grace_period_minutes", "0"))
	check("configured", "2025-01-20T10:50:00.000Z", "2025-01-20T10:50:00.000Z")
	check("own window, configured grace", "2025-01-20T10:31:00.000Z", "2025-01-20T10:31:00.000Z", "paymentWindowMinutes", "1")

	// An order keeps the windows it was made with.
	first := parse[orderBody](k, k.get(shopKey, "/api/v1/orders/by-reference/default"))
	if first.ExpiresAt != "2025-01-20T10:40:00.000Z" || first.GracePeriodEndsAt != "2025-01-20T10:45:00.000Z" {
		t.Errorf("%+v", first)
	}

	// A longer maximum allows an invoice of a day.
	k.must(putOK(k, shopKey, "max_total_timeout_minutes", "1440"))
	check("invoice", "2025-01-21T10:30:00.000Z", "2025-01-21T10:30:00.000Z", "paymentWindowMinutes", "1440")
}

func TestTerms(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 1)
	k.create("R-1")
	o, err := k.engine.OrderByUnique(t.Context(), engine.UniqueKey{Scope: engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: Name}, Key: "R-1"})
	k.must(err)
	got := o.Terms
	if got.Book != "wallet/shop" || got.To != "wallet/shop/merchant" || got.Due.String() != "100.000000 USDT" || !got.OverAny || !got.Instant || !got.SeenWaits ||
		!got.Deadline.Equal(started.Add(15*time.Minute)) || !got.ConfirmBy.Equal(started.Add(45*time.Minute)) || got.Whole || got.MerchantCancels || got.FromBalance {
		t.Errorf("%+v", got)
	}
}

// The loser of a race for a reference takes no address, and learns who won.
func TestOneReferenceManyClients(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 70)
	const clients = 64
	replies := make([]reply, clients)
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() { replies[i] = k.post(shopKey, "/api/v1/orders", newOrder("ORDER-2025-001")) })
	}
	group.Wait()
	winner := ""
	for _, got := range replies {
		if got.status == 201 && winner == "" {
			winner = parse[orderBody](k, got).OrderID
		} else if got.status == 201 {
			t.Error("a second order was made")
		}
	}
	for _, got := range replies {
		if got.status == 201 {
			continue
		}
		body := k.refused("a loser", got, 409, "DUPLICATE_ORDER_REFERENCE", "")
		if body.ExistingOrderID != winner || body.Message != "Order with reference 'ORDER-2025-001' already exists" {
			t.Errorf("%+v, the winner is %s", body, winner)
		}
	}
	counts, err := k.engine.InstrumentCounts(t.Context(), engine.Pool{Merchant: "shop", Mode: engine.Sandbox, Family: engine.EVM})
	if err != nil || counts.Held != 1 || counts.Free != 69 {
		t.Errorf("%+v, %v", counts, err)
	}
}

// An ended order keeps its reference: what the merchant calls an order is one order for ever.
func TestReferenceOfAnExpiredOrderStaysTaken(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 5)
	o := k.create("R-1")
	k.expire(sepolia, 20*time.Minute)
	if got := parse[orderBody](k, k.get(shopKey, "/api/v1/orders/"+o.OrderID)); got.Status != expired {
		t.Fatalf("%+v", got)
	}
	body := k.refused("again", k.post(shopKey, "/api/v1/orders", newOrder("R-1")), 409, "DUPLICATE_ORDER_REFERENCE", "")
	if body.ExistingOrderID != o.OrderID {
		t.Errorf("%+v", body)
	}
}

// cases 34 to 38
func TestIdempotencyKey(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 20)
	k.pool(otherKey, 101, 20)
	post := func(key, once, body string) reply {
		return k.do(request{method: "POST", path: "/api/v1/orders", key: key, body: body, header: http.Header{"Idempotency-Key": {once}}})
	}
	replies := make([]reply, 64)
	var group sync.WaitGroup
	for i := range replies {
		group.Go(func() { replies[i] = post(shopKey, "once", newOrder("R-1", "metadata", `{"b":"<&>","a":1.0}`)) })
	}
	group.Wait()
	for _, got := range replies {
		if got.status != 201 || got.body != replies[0].body {
			t.Fatalf("%d %s, and %s", got.status, got.body, replies[0].body)
		}
	}
	first := parse[orderBody](k, replies[0])

	// The answer is the first one, whatever has become of the order.
	k.clock.Move(time.Second)
	k.told(sepolia, 1234567, k.payment(first.Address, "0xabc123", 1234565, order.RankConfirmed, sepoliaUSDT100))
	if now := parse[orderBody](k, k.get(shopKey, "/api/v1/orders/"+first.OrderID)); now.Status != completed {
		t.Fatalf("%+v", now)
	}
	k.clock.Move(24*time.Hour - time.Second - time.Microsecond)
	if got := post(shopKey, "once", newOrder("R-1", "metadata", `{"b":"<&>","a":1.0}`)); got.status != 201 || got.body != replies[0].body {
		t.Errorf("%d %s", got.status, got.body)
	}

	// The same key for something else.
	k.refused("another body", post(shopKey, "once", newOrder("R-2")), 409, "IDEMPOTENCY_KEY_CONFLICT", "")
	if got := post(otherKey, "once", newOrder("R-2")); got.status != 201 {
		t.Errorf("of another merchant: %d %s", got.status, got.body)
	}

	// Nothing crosses the modes, in neither direction.
	k.refused("a test network", post(liveKey, "test network", newOrder("R-2")), 400, "INVALID_CHAIN", "chainId")
	k.pool(liveKey, 201, 1)
	if got := post(liveKey, "once", newOrder("R-2", "chainId", `"ethereum-mainnet"`)); got.status != 201 {
		t.Errorf("of the live mode: %d %s", got.status, got.body)
	}

	// A refused call does not use up its key.
	k.refused("invalid", post(shopKey, "retry", newOrder("R-3", "amount", `"0"`)), 400, "INVALID_AMOUNT", "amount")
	k.refused("duplicate", post(shopKey, "retry", newOrder("R-1")), 409, "DUPLICATE_ORDER_REFERENCE", "")
	if got := post(shopKey, "retry", newOrder("R-3")); got.status != 201 {
		t.Errorf("after a refusal: %d %s", got.status, got.body)
	}

	// After a day the key is forgotten; the reference is not.
	k.clock.Move(time.Microsecond)
	k.refused("a day later", post(shopKey, "once", newOrder("R-1", "metadata", `{"b":"<&>","a":1.0}`)), 409, "DUPLICATE_ORDER_REFERENCE", "")
	if got := post(shopKey, "once", newOrder("R-4")); got.status != 201 {
		t.Errorf("a day later: %d %s", got.status, got.body)
	}

	// What was agreed once is answered again, also when it would not be agreed on now.
	long := newOrder("R-long", "paymentWindowMinutes", "50")
	agreed := post(shopKey, "long", long)
	k.must(putOK(k, shopKey, "grace_period_minutes", "15"))
	k.refused("now too long", post(shopKey, "other", newOrder("R-longer", "paymentWindowMinutes", "50")), 400, "VALIDATION_ERROR", "paymentWindowMinutes")
	if got := post(shopKey, "long", long); got.status != 201 || got.body != agreed.body {
		t.Errorf("%d %s", got.status, got.body)
	}

	for _, key := range []string{"", " ", "a b", "schlüssel", "a\x00", strings.Repeat("x", 256)} {
		k.refused(key, post(shopKey, key, newOrder("R-5")), 400, "VALIDATION_ERROR", "Idempotency-Key")
	}
	if got := post(shopKey, strings.Repeat("x", 255), newOrder("R-5")); got.status != 201 {
		t.Errorf("%d %s", got.status, got.body)
	}
	two := k.do(request{method: "POST", path: "/api/v1/orders", key: shopKey, body: newOrder("R-6"), header: http.Header{"Idempotency-Key": {"a", "b"}}})
	k.refused("two keys", two, 400, "VALIDATION_ERROR", "Idempotency-Key")
}
