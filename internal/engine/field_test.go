package engine

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"till/internal/fault"
)

func TestFieldRules(t *testing.T) {
	rules, err := ParseFieldRules(json.RawMessage(`[
		{"name":"policy_number","required":true,"pattern":"[A-Z]{2}[0-9]+|none"},
		{"name":"Ligne","one_of":["auto","vie"]},
		{"name":"free"}]`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		rule  int
		value string
		want  bool
	}{
		{0, "AB12", true}, {0, "none", true}, {0, "xAB12", false}, {0, "AB12x", false}, {0, "nonesuch", false}, {0, "", false}, {0, "AB12\n", false},
		{1, "vie", true}, {1, "Vie", false}, {1, "", false},
		{2, "", true}, {2, "anything", true},
	} {
		if got := rules[tt.rule].Allows(tt.value); got != tt.want {
			t.Errorf("%s %q: %v, want %v", rules[tt.rule].Name, tt.value, got, tt.want)
		}
	}
	if none, err := ParseFieldRules(nil); none != nil || err != nil {
		t.Errorf("nothing: %v %v", none, err)
	}
	many := make([]FieldRule, MaxFieldRules+1)
	for i := range many {
		many[i].Name = fmt.Sprint("f", i)
	}
	tooMany, _ := json.Marshal(many)
	for _, bad := range []string{
		`{}`, `true`, `[{"name":""}]`, `[{"name":" a"}]`, `[{"name":"a"},{"name":"a"}]`, `[{"name":"a","pattern":"("}]`, `[{"name":"a","pattern":"a)(b"}]`,
		`[{"name":"a","enum":["x"]}]`, `[{"name":"a","required":"yes"}]`, `[] []`, string(tooMany),
		`[{"name":"a","pattern":"` + strings.Repeat("a", maxPattern+1) + `"}]`,
	} {
		known, err := CheckSetting(CustomFields, json.RawMessage(bad))
		if f, ok := fault.As(err); !known || !ok || f.Code != fault.CodeInvalidValue || f.Param != CustomFields {
			t.Errorf("%.60s: %v %v", bad, known, err)
		}
	}
}

func TestOrigins(t *testing.T) {
	good := `["https://shop.example","https://a-b.shop.example:8443","http://localhost:3000","http://127.0.0.1:39001"]`
	if known, err := CheckSetting(CheckoutOrigins, json.RawMessage(good)); !known || err != nil {
		t.Errorf("%v %v", known, err)
	}
	// case 54
	for _, bad := range []string{
		"http://shop.example", "https://shop.example/", "https://shop.example/path", "https://good@evil.example", "https://*.example", "*", "",
		"javascript:alert(1)", "data:text/html,x", "//evil.example", "https://evil.example\r\nX: y", "https://evil.example;", "https://evil.example 'self'",
		"HTTPS://SHOP.EXAMPLE", "https://shop.example:0", "https://shop.example?x", `https://evil.example\@good`, "https://", "null",
	} {
		value, _ := json.Marshal([]string{bad})
		known, err := CheckSetting(CheckoutOrigins, value)
		if f, ok := fault.As(err); !known || !ok || f.Code != fault.CodeInvalidValue || f.Param != CheckoutOrigins {
			t.Errorf("%q: %v %v", bad, known, err)
		}
	}
	many, _ := json.Marshal(make([]string, MaxCheckoutOrigins+1))
	if _, err := ParseOrigins(many); !fault.Is(err, fault.CodeInvalidValue) {
		t.Errorf("too many: %v", err)
	}
}
