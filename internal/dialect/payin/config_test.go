package payin

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
)

func putOK(k *kit, key, setting, value string) error {
	got := k.put(key, "/api/v1/config/"+setting, `{"value":`+value+`}`)
	if got.status != 200 {
		return fmt.Errorf("%s = %s: %d %s", setting, value, got.status, got.body)
	}
	return nil
}

func TestConfig(t *testing.T) {
	k := newKit(t)
	value := func(key string) string {
		t.Helper()
		got := k.get(shopKey, "/api/v1/config/"+key)
		body := parse[configBody](k, got)
		if got.status != 200 || !body.Success || body.Data.Key != key {
			t.Fatalf("%d %s", got.status, got.body)
		}
		return string(body.Data.Value)
	}
	for key, want := range map[string]string{
		"payment_window_minutes": "10", "orders.payment_window_minutes": "10", "grace_period_minutes": "5", "orders.grace_period_minutes": "5",
		"max_total_timeout_minutes": "60", "orders.max_total_timeout_minutes": "60", "wait_for_seen": "true", "orders.wait_for_seen": "true",
		"cooldown_minutes": "30", "address_pool.cooldown_minutes": "30", "services.orders_enabled": "true", "orders_enabled": "true",
		"services.deposits_enabled": "true", "deposits_enabled": "true", "delayed_confirmation.check_interval": "null", "check_interval": "null",
		"redirect.deposit_success_url": "null", "deposit_success_url": "null",
		"default_order_success_url": "null", "redirect.default_order_success_url": "null", "default_order_cancel_url": "null", "redirect.default_order_cancel_url": "null",
	} {
		if got := value(key); got != want {
			t.Errorf("%s is %s", key, got)
		}
	}

	// One setting under both names; a text of digits is a number; null is no URL.
	k.must(putOK(k, shopKey, "payment_window_minutes", `"15"`))
	k.must(putOK(k, shopKey, "orders.grace_period_minutes", "0"))
	k.must(putOK(k, shopKey, "default_order_success_url", `"https://yoursite.com/done?orderId={{orderId}}"`))
	k.must(putOK(k, shopKey, "redirect.default_order_cancel_url", `"http://localhost:3000/<&>"`))
	for key, want := range map[string]string{
		"orders.payment_window_minutes": "15", "grace_period_minutes": "0",
		"redirect.default_order_success_url": `"https://yoursite.com/done?orderId={{orderId}}"`, "default_order_cancel_url": `"http://localhost:3000/<&>"`,
	} {
		if got := value(key); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	kept, err := k.engine.Settings(t.Context(), engine.SettingScope{Merchant: "shop", Mode: engine.Sandbox})
	if err != nil || len(kept) != 4 || string(kept["payin.orders.payment_window_minutes"]) != "15" {
		t.Errorf("on record %s, %v", kept, err) // the name in front keeps the APIs' settings apart
	}
	k.must(putOK(k, shopKey, "redirect.default_order_success_url", "null"))
	if got := value("default_order_success_url"); got != "null" {
		t.Error(got)
	}
}

func TestConfigRefusals(t *testing.T) {
	k := newKit(t)
	for _, test := range []struct{ key, body, code, field string }{
		{"payment_window_minutes", `{}`, "VALIDATION_ERROR", "value"},
		{"payment_window_minutes", `{"value":null}`, "VALIDATION_ERROR", "value"},
		{"payment_window_minutes", `{"value":0}`, "VALIDATION_ERROR", "value"},
		{"payment_window_minutes", `{"value":61}`, "VALIDATION_ERROR", "value"},
		{"payment_window_minutes", `{"value":56}`, "VALIDATION_ERROR", "value"}, // with 5 minutes of grace
		{"payment_window_minutes", `{"value":1.5}`, "VALIDATION_ERROR", "value"},
		{"payment_window_minutes", `{"value":"fifteen"}`, "VALIDATION_ERROR", "value"},
		{"payment_window_minutes", `{"value":"015"}`, "VALIDATION_ERROR", "value"},
		{"payment_window_minutes", `{"value":true}`, "VALIDATION_ERROR", "value"},
		{"payment_window_minutes", `{"value":[15]}`, "VALIDATION_ERROR", "value"},
		{"payment_window_minutes", `15`, "VALIDATION_ERROR", ""},
		{"payment_window_minutes", `{"value":15,"value":16}`, "VALIDATION_ERROR", "value"},
		{"grace_period_minutes", `{"value":-1}`, "VALIDATION_ERROR", "value"},
		{"grace_period_minutes", `{"value":31}`, "VALIDATION_ERROR", "value"},
		{"cooldown_minutes", `{"value":-1}`, "VALIDATION_ERROR", "value"},
		{"address_pool.cooldown_minutes", `{"value":1441}`, "VALIDATION_ERROR", "value"},
		{"low_threshold", `{"value":-1}`, "VALIDATION_ERROR", "value"},
		{"address_pool.low_threshold", `{"value":10001}`, "VALIDATION_ERROR", "value"},
		{"low_threshold", `{"value":1.5}`, "VALIDATION_ERROR", "value"},
		{"orders_enabled", `{"value":"yes"}`, "VALIDATION_ERROR", "value"},
		{"services.deposits_enabled", `{"value":1}`, "VALIDATION_ERROR", "value"},
		{"deposit_success_url", `{"value":"ftp://yoursite.com"}`, "VALIDATION_ERROR", "value"},
		{"max_total_timeout_minutes", `{"value":14}`, "VALIDATION_ERROR", "value"}, // less than the windows have
		{"max_total_timeout_minutes", `{"value":1441}`, "VALIDATION_ERROR", "value"},
		{"wait_for_seen", `{"value":null}`, "VALIDATION_ERROR", "value"},
		{"wait_for_seen", `{"value":0}`, "VALIDATION_ERROR", "value"},
		{"wait_for_seen", `{"value":"no"}`, "VALIDATION_ERROR", "value"},
		{"default_order_success_url", `{}`, "VALIDATION_ERROR", "value"},
		{"default_order_success_url", `{"value":""}`, "VALIDATION_ERROR", "value"},
		{"default_order_success_url", `{"value":"javascript:alert(1)"}`, "VALIDATION_ERROR", "value"},
		{"default_order_cancel_url", `{"value":7}`, "VALIDATION_ERROR", "value"},
	} {
		k.refused(test.key+" "+test.body, k.put(shopKey, "/api/v1/config/"+test.key, test.body), 400, test.code, test.field)
	}
	for _, key := range []string{"nothing", "payment_window", "orders", "address_pool.size", "Payment_Window_Minutes", "%00"} {
		k.refused(key, k.put(shopKey, "/api/v1/config/"+key, `{"value":1}`), 404, "RESOURCE_NOT_FOUND", "")
		k.refused(key, k.get(shopKey, "/api/v1/config/"+key), 404, "RESOURCE_NOT_FOUND", "")
		k.refused(key, k.get(shopKey, "/api/v1/config/metadata/"+key), 404, "RESOURCE_NOT_FOUND", "")
		k.refused(key, k.do(request{method: "DELETE", path: "/api/v1/config/" + key, key: shopKey}), 404, "RESOURCE_NOT_FOUND", "")
	}
	if got := parse[configBody](k, k.get(shopKey, "/api/v1/config/payment_window_minutes")); string(got.Data.Value) != "10" {
		t.Errorf("a refused value was kept: %+v", got)
	}
}

// What is the operator's can be read and not changed, whatever is sent.
func TestConfigReadOnly(t *testing.T) {
	k := newKit(t)
	for _, key := range []string{"delayed_confirmation.check_interval", "check_interval"} {
		for _, body := range []string{`{"value":30}`, `{}`} {
			k.refused(body, k.put(shopKey, "/api/v1/config/"+key, body), 403, "INSUFFICIENT_PERMISSIONS", "")
		}
		k.refused("delete", k.do(request{method: "DELETE", path: "/api/v1/config/" + key, key: shopKey}), 403, "INSUFFICIENT_PERMISSIONS", "")
		if got := parse[configBody](k, k.get(shopKey, "/api/v1/config/"+key)); string(got.Data.Value) != "null" || !got.Data.ReadOnly {
			t.Errorf("%+v", got)
		}
	}
}

// The lists of settings: all, of one category, the values alone, and what each may be.
func TestConfigLists(t *testing.T) {
	k := newKit(t)
	k.must(putOK(k, shopKey, "payment_window_minutes", `"15"`))
	k.must(putOK(k, shopKey, "orders.wait_for_seen", `"false"`))
	keys := func(query string) string {
		t.Helper()
		got := k.get(shopKey, "/api/v1/config"+query)
		if got.status != 200 {
			t.Fatalf("%s: %d %s", query, got.status, got.body)
		}
		var list []string
		for _, s := range parse[configList](k, got).Data {
			list = append(list, fmt.Sprintf("%s=%s/%t", s.Key, s.Value, s.IsDefault))
		}
		return strings.Join(list, " ")
	}
	orders := "orders.payment_window_minutes=15/false orders.grace_period_minutes=5/true orders.max_total_timeout_minutes=60/true orders.wait_for_seen=false/false"
	if got := keys("?category=orders"); got != orders {
		t.Error(got)
	}
	if got := keys("?category=address_pool"); got != "address_pool.cooldown_minutes=30/true address_pool.low_threshold=100/true" {
		t.Error(got)
	}
	if got := keys("?category="); got != keys("") || len(strings.Fields(got)) != len(settings) || !strings.HasPrefix(got, orders) {
		t.Error(got)
	}
	for _, query := range []string{"?category=money", "?category=orders&category=redirect", "?category=orders.wait_for_seen"} {
		k.refused(query, k.get(shopKey, "/api/v1/config"+query), 400, "VALIDATION_ERROR", "category")
	}

	runtime := parse[runtimeBody](k, k.get(shopKey, "/api/v1/config/runtime")).Data
	if len(runtime) != len(settings) || string(runtime["orders.payment_window_minutes"]) != "15" || string(runtime["services.orders_enabled"]) != "true" {
		t.Errorf("%s", runtime)
	}
	all := parse[metadataList](k, k.get(shopKey, "/api/v1/config/metadata")).Data
	if len(all) != len(settings) {
		t.Errorf("%+v", all)
	}
	for _, m := range all {
		for _, key := range append([]string{m.Key}, m.Aliases...) {
			one := parse[oneMetadata](k, k.get(shopKey, "/api/v1/config/metadata/"+key)).Data
			if fmt.Sprint(one.Key, one.Type, one.Category, string(one.DefaultValue), one.Nullable) != fmt.Sprint(m.Key, m.Type, m.Category, string(m.DefaultValue), m.Nullable) {
				t.Errorf("%s: %+v and %+v", key, one, m)
			}
		}
		if m.Description == "" || !strings.HasPrefix(m.Key, m.Category+".") || (m.Min == nil) != (m.Type != "number") || (m.Pattern == "") != (m.Type != "string") {
			t.Errorf("%+v", m)
		}
	}
}

func TestConfigReset(t *testing.T) {
	k := newKit(t)
	reset := func(key string) reply {
		return k.do(request{method: "DELETE", path: "/api/v1/config/" + key, key: shopKey})
	}
	k.must(putOK(k, shopKey, "default_order_cancel_url", `"https://yoursite.com/cancel"`))
	got := parse[configBody](k, reset("redirect.default_order_cancel_url"))
	if string(got.Data.Value) != "null" || !got.Data.IsDefault || got.Data.Key != "redirect.default_order_cancel_url" {
		t.Errorf("%+v", got)
	}
	if again := reset("default_order_cancel_url"); again.status != 200 {
		t.Errorf("twice: %d %s", again.status, again.body)
	}
	kept, err := k.engine.Settings(t.Context(), engine.SettingScope{Merchant: "shop", Mode: engine.Sandbox})
	if err != nil || len(kept) != 0 {
		t.Errorf("on record %s, %v", kept, err)
	}

	// The default of one setting may not fit the others.
	k.must(putOK(k, shopKey, "max_total_timeout_minutes", "90"))
	k.must(putOK(k, shopKey, "payment_window_minutes", "60"))
	k.must(putOK(k, shopKey, "grace_period_minutes", "30"))
	k.refused("the maximum", reset("max_total_timeout_minutes"), 400, "VALIDATION_ERROR", "value")
	k.must(putOK(k, shopKey, "payment_window_minutes", "30"))
	if got := reset("max_total_timeout_minutes"); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// A switched off service refuses new orders and nothing else.
func TestOrdersSwitchedOff(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 2)
	k.pool(otherKey, 11, 1)
	o := k.create("R-1")
	k.must(putOK(k, shopKey, "services.orders_enabled", `"false"`))
	body := k.refused("off", k.post(shopKey, "/api/v1/orders", newOrder("R-2")), 403, "ORDER_SERVICE_DISABLED", "")
	if body.Message != "The order service is disabled" {
		t.Errorf("%+v", body)
	}
	if got := k.get(shopKey, "/api/v1/orders/"+o.OrderID); got.status != 200 {
		t.Errorf("get: %d %s", got.status, got.body)
	}
	if got := k.post(otherKey, "/api/v1/orders", newOrder("R-2")); got.status != 201 {
		t.Errorf("another merchant: %d %s", got.status, got.body)
	}
	k.must(putOK(k, shopKey, "orders_enabled", "true"))
	k.create("R-2")
}

// The cooldown holds for the address of orders made from then on.
func TestCooldownIsConfigured(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 3)
	k.create("default")
	k.must(putOK(k, shopKey, "address_pool.cooldown_minutes", "5"))
	k.create("five")
	k.must(putOK(k, shopKey, "cooldown_minutes", `"0"`))
	k.create("none")
	k.expire(sepolia, 46*time.Minute) // past the window, the grace period and the wait for confirmations
	rows, err := k.engine.Instruments(context.Background(), engine.Pool{Merchant: "shop", Mode: engine.Sandbox, Family: engine.EVM}, "", 3)
	k.must(err)
	ended := k.clock.Now() // the last moment at which money could have been meant for them was before
	for i, want := range []time.Duration{30 * time.Minute, 5 * time.Minute, 0} {
		if got := rows[i].RestUntil.Sub(ended); got != want {
			t.Errorf("order %d: its address rests %v, want %v", i+1, got, want)
		}
	}
}
