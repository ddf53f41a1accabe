package payin

import (
	"fmt"
	"testing"

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
	for _, key := range []string{"nothing", "payment_window", "orders", "address_pool.cooldown_minutes", "Payment_Window_Minutes", "%00"} {
		k.refused(key, k.put(shopKey, "/api/v1/config/"+key, `{"value":1}`), 404, "RESOURCE_NOT_FOUND", "")
		k.refused(key, k.get(shopKey, "/api/v1/config/"+key), 404, "RESOURCE_NOT_FOUND", "")
	}
	if got := parse[configBody](k, k.get(shopKey, "/api/v1/config/payment_window_minutes")); string(got.Data.Value) != "10" {
		t.Errorf("a refused value was kept: %+v", got)
	}
}
