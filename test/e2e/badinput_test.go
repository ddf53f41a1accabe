package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
)

// valid is a good request as text, with some fields replaced; a nil value takes a field out.
func valid(replaced map[string]any) []byte {
	body := asked("BAD-INPUT", "100.00", "USDT")
	maps.Copy(body, replaced)
	maps.DeleteFunc(body, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // plain values always encode
	}
	return text
}

func with(field string, value any) []byte { return valid(map[string]any{field: value}) }

// squeezed is a good request, compressed.
func squeezed() []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(valid(nil))
	w.Close()
	return out.Bytes()
}

func pairs(n int) map[string]string {
	m := map[string]string{}
	for i := range n {
		m["key"+strings.Repeat("x", i)] = "value"
	}
	return m
}

var badOrders = []struct {
	name    string
	body    []byte
	headers []string
	status  int
	code    string
}{
	{"no JSON", []byte(`{"orderReference":`), nil, 400, "VALIDATION_ERROR"},
	{"nothing", []byte{}, nil, 400, "VALIDATION_ERROR"},
	{"an array", []byte(`[]`), nil, 400, "VALIDATION_ERROR"},
	{"null", []byte(`null`), nil, 400, "VALIDATION_ERROR"},
	{"a text", []byte(`"order"`), nil, 400, "VALIDATION_ERROR"},
	{"a byte order mark", append([]byte("\xef\xbb\xbf"), valid(nil)...), nil, 400, "VALIDATION_ERROR"},                      // case 48
	{"something behind it", append(valid(nil), "{}"...), nil, 400, "VALIDATION_ERROR"},                                      // case 48
	{"one key twice", bytes.Replace(valid(nil), []byte(`{`), []byte(`{"amount":"1.00",`), 1), nil, 400, "VALIDATION_ERROR"}, // case 48
	{"one metadata key twice", bytes.Replace(valid(nil), []byte(`{`), []byte(`{"metadata":{"a":"1","a":"2"},`), 1), nil, 400, "VALIDATION_ERROR"},
	{"invalid UTF-8", bytes.Replace(valid(nil), []byte("BAD"), []byte("B\xffD"), 1), nil, 400, "VALIDATION_ERROR"},                                                                     // case 48
	{"nested too deep", bytes.Replace(valid(nil), []byte(`{`), []byte(`{"metadata":{"a":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`},`), 1), nil, 400, "VALIDATION_ERROR"}, // case 44

	{"no reference", with("orderReference", nil), nil, 400, "VALIDATION_ERROR"},
	{"an empty reference", with("orderReference", ""), nil, 400, "VALIDATION_ERROR"},
	{"a blank reference", with("orderReference", "  "), nil, 400, "VALIDATION_ERROR"},
	{"a number as reference", with("orderReference", 7), nil, 400, "VALIDATION_ERROR"},
	{"a reference of 256 characters", with("orderReference", strings.Repeat("é", 256)), nil, 400, "VALIDATION_ERROR"},
	{"a reference of two lines", with("orderReference", "A\r\nB"), nil, 400, "VALIDATION_ERROR"},
	{"a NUL in the reference", with("orderReference", "A\x00B"), nil, 400, "VALIDATION_ERROR"},

	{"no amount", with("amount", nil), nil, 400, "VALIDATION_ERROR"},
	{"a number as amount", with("amount", 100), nil, 400, "INVALID_AMOUNT"},                                                               // case 1
	{"a fraction as amount", bytes.Replace(valid(nil), []byte(`"100.00"`), []byte(`0.30000000000000004`), 1), nil, 400, "INVALID_AMOUNT"}, // case 1
	{"true as amount", with("amount", true), nil, 400, "INVALID_AMOUNT"},
	{"zero", with("amount", "0"), nil, 400, "INVALID_AMOUNT"},
	{"zero with decimals", with("amount", "0.000000"), nil, 400, "INVALID_AMOUNT"},
	{"below zero", with("amount", "-1"), nil, 400, "INVALID_AMOUNT"},                   // case 5
	{"minus zero", with("amount", "-0"), nil, 400, "INVALID_AMOUNT"},                   // case 6
	{"a sign", with("amount", "+1"), nil, 400, "INVALID_AMOUNT"},                       // case 6
	{"an exponent", with("amount", "1e3"), nil, 400, "INVALID_AMOUNT"},                 // case 1
	{"a space before", with("amount", " 1"), nil, 400, "INVALID_AMOUNT"},               // case 6
	{"a space behind", with("amount", "1 "), nil, 400, "INVALID_AMOUNT"},               // case 6
	{"no digit before the point", with("amount", ".5"), nil, 400, "INVALID_AMOUNT"},    // case 6
	{"no digit behind the point", with("amount", "1."), nil, 400, "INVALID_AMOUNT"},    // case 6
	{"a comma", with("amount", "1,5"), nil, 400, "INVALID_AMOUNT"},                     // case 6
	{"an underscore", with("amount", "1_000"), nil, 400, "INVALID_AMOUNT"},             // case 6
	{"hexadecimal", with("amount", "0x10"), nil, 400, "INVALID_AMOUNT"},                // case 6
	{"Arabic digits", with("amount", "١٢"), nil, 400, "INVALID_AMOUNT"},                // case 6
	{"not a number", with("amount", "NaN"), nil, 400, "INVALID_AMOUNT"},                // case 6
	{"infinity", with("amount", "Infinity"), nil, 400, "INVALID_AMOUNT"},               // case 6
	{"seven decimals of six", with("amount", "0.0000001"), nil, 400, "INVALID_AMOUNT"}, // case 2
	{"nineteen decimals of eighteen", valid(map[string]any{"currency": "DAI", "amount": "0.0000000000000000001"}), nil, 400, "INVALID_AMOUNT"},
	{"79 digits", with("amount", strings.Repeat("9", 79)), nil, 400, "INVALID_AMOUNT"},     // case 5
	{"1000 digits", with("amount", strings.Repeat("9", 1000)), nil, 400, "INVALID_AMOUNT"}, // case 5

	{"no currency", with("currency", nil), nil, 400, "VALIDATION_ERROR"},
	{"an unknown currency", with("currency", "BTC"), nil, 400, "INVALID_CURRENCY"},
	{"a list of currencies", with("currency", []string{"USDT"}), nil, 400, "VALIDATION_ERROR"},
	{"no chain", with("chainId", nil), nil, 400, "VALIDATION_ERROR"},
	{"an unknown chain", with("chainId", "invalid-chain"), nil, 400, "INVALID_CHAIN"},
	{"a live chain with a test key", with("chainId", "ethereum-mainnet"), nil, 400, "INVALID_CHAIN"},
	{"a number as chain", with("chainId", 1), nil, 400, "VALIDATION_ERROR"},

	{"eleven metadata keys", with("metadata", pairs(11)), nil, 400, "VALIDATION_ERROR"},
	{"a list as metadata", with("metadata", []string{"a"}), nil, 400, "VALIDATION_ERROR"},
	{"a text as metadata", with("metadata", "a"), nil, 400, "VALIDATION_ERROR"},
	{"20,000 bytes of metadata", with("metadata", map[string]string{"a": strings.Repeat("x", 20_000)}), nil, 400, "VALIDATION_ERROR"},

	{"a script as URL", with("successUrl", "javascript:alert(1)"), nil, 400, "VALIDATION_ERROR"},                        // case 54
	{"data as URL", with("cancelUrl", "data:text/html,<b>"), nil, 400, "VALIDATION_ERROR"},                              // case 54
	{"a URL without a scheme", with("successUrl", "//evil.example"), nil, 400, "VALIDATION_ERROR"},                      // case 54
	{"a URL with a user", with("successUrl", "https://good.example@evil.example/"), nil, 400, "VALIDATION_ERROR"},       // case 54
	{"a URL with a backslash", with("successUrl", `https://good.example\@evil.example/`), nil, 400, "VALIDATION_ERROR"}, // case 54
	{"a URL of two lines", with("successUrl", "https://good.example/\r\nX: y"), nil, 400, "VALIDATION_ERROR"},           // case 54
	{"a number as URL", with("successUrl", 1), nil, 400, "VALIDATION_ERROR"},

	{"no key", valid(nil), []string{"X-API-Key", ""}, 401, "INVALID_API_KEY"},                                              // case 42
	{"another key", valid(nil), []string{"X-API-Key", "pk_test_00000000000000000000000000000000"}, 401, "INVALID_API_KEY"}, // case 42
	{"a password", valid(nil), []string{"X-API-Key", "", "Authorization", "Basic YTpi"}, 401, "INVALID_API_KEY"},           // case 42
	{"no content type", valid(nil), []string{"Content-Type", ""}, 415, "UNSUPPORTED_MEDIA_TYPE"},                           // case 48
	{"a form", valid(nil), []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "UNSUPPORTED_MEDIA_TYPE"},
	{"plain text", valid(nil), []string{"Content-Type", "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"},
	{"another character set", valid(nil), []string{"Content-Type", "application/json; charset=utf-16"}, 415, "UNSUPPORTED_MEDIA_TYPE"},
	{"gzip", squeezed(), []string{"Content-Encoding", "gzip"}, 415, "UNSUPPORTED_MEDIA_TYPE"},              // case 44
	{"a body over the limit", with("padding", strings.Repeat("x", 64<<10)), nil, 413, "PAYLOAD_TOO_LARGE"}, // case 44
	{"an idempotency key with a space", valid(nil), []string{"Idempotency-Key", "a b"}, 400, "VALIDATION_ERROR"},
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	s := start(t)
	available := s.counts(t).Available
	for _, bad := range badOrders {
		t.Run(bad.name, func(t *testing.T) {
			a, err := s.call(http.MethodPost, ordersPath, bad.body, bad.headers...)
			if err != nil {
				t.Fatal(err)
			}
			refusedBy(t, a, bad.status, bad.code)
			if total, free := s.page(t, 1, 1, "").Pagination.Total, s.counts(t).Available; total != 0 || free != available {
				t.Errorf("a refused request left %d orders and %d of %d addresses", total, free, available)
			}
		})
	}

	// The words of the documented errors.
	for _, said := range []struct {
		body []byte
		want refusal
	}{
		{with("amount", "-1"), refusal{Error: "Invalid amount", Message: "Amount must be a positive number", Code: "INVALID_AMOUNT", StatusCode: 400}},
		{with("chainId", "invalid-chain"), refusal{Error: "Invalid chain", Message: "Chain 'invalid-chain' is not supported", Code: "INVALID_CHAIN", StatusCode: 400}},
	} {
		if a, err := s.call(http.MethodPost, ordersPath, said.body); err != nil || a.refusal() != said.want {
			t.Errorf("refused by %s, not %+v, %v", a.body, said.want, err)
		}
	}

	// What every request above was made from is good.
	if a, err := s.call(http.MethodPost, ordersPath, valid(nil)); err != nil || a.status != http.StatusCreated {
		t.Fatalf("the good request: %d %s, %v", a.status, a.body, err)
	}
	if total, free := s.page(t, 1, 1, "").Pagination.Total, s.counts(t).Available; total != 1 || free != available-1 {
		t.Errorf("the good request left %d orders and %d of %d addresses", total, free, available)
	}
}

func TestBadQuestions(t *testing.T) {
	t.Parallel()
	s := start(t)
	o := s.create(t, "QUESTIONS", "1.00", "USDT")
	for _, bad := range []struct {
		name, method, path string
		body               any
		status             int
		code               string
	}{
		{"an unknown id", "GET", ordersPath + "/ord_abc123def456", nil, 404, "RESOURCE_NOT_FOUND"},
		{"an id in capitals", "GET", ordersPath + "/" + strings.ToUpper(o.OrderID), nil, 404, "RESOURCE_NOT_FOUND"},
		{"an unknown reference", "GET", ordersPath + "/by-reference/NOBODY", nil, 404, "RESOURCE_NOT_FOUND"},
		{"a pattern as reference", "GET", ordersPath + "/by-reference/QUESTION%25", nil, 404, "RESOURCE_NOT_FOUND"}, // case 49
		{"page 0", "GET", ordersPath + "?page=0", nil, 400, "VALIDATION_ERROR"},
		{"a huge limit", "GET", ordersPath + "?limit=1000000000", nil, 400, "VALIDATION_ERROR"}, // case 44
		{"an unknown status", "GET", ordersPath + "?status=paid", nil, 400, "VALIDATION_ERROR"},
		{"a column as sort key", "GET", ordersPath + "?sortBy=amount_key;--", nil, 400, "VALIDATION_ERROR"}, // case 49
		{"a method there is not", "DELETE", ordersPath + "/" + o.OrderID, nil, 405, "METHOD_NOT_ALLOWED"},
		{"a route there is not", "GET", "/api/v1/nothing", nil, 404, "RESOURCE_NOT_FOUND"},
		{"a window of no minutes", "PUT", "/api/v1/config/payment_window_minutes", map[string]any{"value": 0}, 400, "VALIDATION_ERROR"},
		{"a window of a year", "PUT", "/api/v1/config/payment_window_minutes", map[string]any{"value": 525_600}, 400, "VALIDATION_ERROR"},
		{"an address with a wrong checksum", "POST", "/api/v1/address-pool/addresses", []any{map[string]any{"address": "0x742d35Cc6634C0532925a3b844Bc9e7595f0bEb0", "protocol": "evm"}}, 400, "VALIDATION_ERROR"}, // case 32
	} {
		t.Run(bad.name, func(t *testing.T) {
			a, err := s.call(bad.method, bad.path, bad.body)
			if err != nil {
				t.Fatal(err)
			}
			refusedBy(t, a, bad.status, bad.code)
		})
	}
	if again := s.get(t, o.OrderID); again.Status != "pending" || again.Address != o.Address {
		t.Errorf("the order is %+v", again)
	}
}

// refusedBy checks the shape of a refusal.
func refusedBy(t *testing.T, a answer, status int, code string) {
	t.Helper()
	r := a.refusal()
	if a.status != status || r.StatusCode != status || r.Code != code || r.Error == "" || r.Message == "" {
		t.Errorf("the answer is %d %s, not %d %s", a.status, a.body, status, code)
	}
	if kind := a.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		t.Errorf("a refusal is sent as %q", kind)
	}
}
