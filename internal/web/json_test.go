package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"till/internal/fault"
)

// refusals are bodies that are never read, with the code and Param of the fault.
var refusals = []struct {
	body  string
	code  fault.Code
	param string
}{
	// not JSON, or more than JSON
	{"", fault.CodeInvalidJSON, ""}, {" \n", fault.CodeInvalidJSON, ""}, {"{", fault.CodeInvalidJSON, ""}, {"}", fault.CodeInvalidJSON, ""},
	{`{"a"}`, fault.CodeInvalidJSON, ""}, {`{"a":}`, fault.CodeInvalidJSON, ""}, {`{"a":1,}`, fault.CodeInvalidJSON, ""},
	{`{,}`, fault.CodeInvalidJSON, ""}, {`{"a":1 "b":2}`, fault.CodeInvalidJSON, ""}, {`{a:1}`, fault.CodeInvalidJSON, ""},
	{`{'a':1}`, fault.CodeInvalidJSON, ""}, {`{"a":[1,]}`, fault.CodeInvalidJSON, ""}, {`{"a":[,1]}`, fault.CodeInvalidJSON, ""},
	{`{"a":[1 2]}`, fault.CodeInvalidJSON, ""}, {`{"a":[1}`, fault.CodeInvalidJSON, ""}, {`{"a":"b`, fault.CodeInvalidJSON, ""},
	{`{"a":"b\`, fault.CodeInvalidJSON, ""}, {`{"a":tru}`, fault.CodeInvalidJSON, ""}, {`{"a":True}`, fault.CodeInvalidJSON, ""},
	{`{"a":nul`, fault.CodeInvalidJSON, ""}, {`{"a":NaN}`, fault.CodeInvalidJSON, ""}, {`{"a":Infinity}`, fault.CodeInvalidJSON, ""},
	{`{"a":01}`, fault.CodeInvalidJSON, ""}, {`{"a":+1}`, fault.CodeInvalidJSON, ""}, {`{"a":-}`, fault.CodeInvalidJSON, ""},
	{`{"a":1.}`, fault.CodeInvalidJSON, ""}, {`{"a":.5}`, fault.CodeInvalidJSON, ""}, {`{"a":1e}`, fault.CodeInvalidJSON, ""},
	{`{"a":1e+}`, fault.CodeInvalidJSON, ""}, {`{"a":0x10}`, fault.CodeInvalidJSON, ""}, {`{"a":1_000}`, fault.CodeInvalidJSON, ""},
	{`{} {}`, fault.CodeInvalidJSON, ""}, {`{}x`, fault.CodeInvalidJSON, ""}, {`{},`, fault.CodeInvalidJSON, ""}, {"{}\x00", fault.CodeInvalidJSON, ""},
	{"{/**/}", fault.CodeInvalidJSON, ""}, {"{}\u00a0", fault.CodeInvalidJSON, ""}, {"{\"a\":\"\n\"}", fault.CodeInvalidJSON, ""},
	{"{\"a\":\"\\\n\"}", fault.CodeInvalidJSON, ""}, {`{"a":"\x"}`, fault.CodeInvalidJSON, ""}, {`{"a":"\u12g4"}`, fault.CodeInvalidJSON, ""},
	{`{"a":"\u12"}`, fault.CodeInvalidJSON, ""}, {`{"a":"\u`, fault.CodeInvalidJSON, ""}, {"{\"a\":\"\\n\t\"}", fault.CodeInvalidJSON, ""},
	// bytes that are not text
	{"\xef\xbb\xbf{}", fault.CodeInvalidJSON, ""}, {"\xff\xfe{\x00}\x00", fault.CodeInvalidJSON, ""}, {"{\"a\":\"\xff\"}", fault.CodeInvalidJSON, ""},
	{"{\"a\":\"\xc0\xaf\"}", fault.CodeInvalidJSON, ""}, {"{\"a\":\"\xed\xa0\x80\"}", fault.CodeInvalidJSON, ""}, {"{\"\xff\":1}", fault.CodeInvalidJSON, ""},
	{`{"a":"\ud800"}`, fault.CodeInvalidJSON, ""}, {`{"a":"\udc00"}`, fault.CodeInvalidJSON, ""}, {`{"a":"\ud800\u0041"}`, fault.CodeInvalidJSON, ""},
	{`{"a":"\ud800\ud800"}`, fault.CodeInvalidJSON, ""}, {`{"\ud800":1,"\ud801":2}`, fault.CodeInvalidJSON, ""},
	// one name twice
	{`{"a":1,"a":1}`, fault.CodeDuplicateJSONKey, "a"}, {`{"a":1,"\u0061":2}`, fault.CodeDuplicateJSONKey, "a"},
	{`{"é":1,"\u00e9":2}`, fault.CodeDuplicateJSONKey, "é"}, {`{"😀":1,"\ud83d\uDE00":2}`, fault.CodeDuplicateJSONKey, "😀"},
	{`{"":1,"":2}`, fault.CodeDuplicateJSONKey, ""}, {`{"a\/b":1,"a/b":2}`, fault.CodeDuplicateJSONKey, "a/b"},
	{`{"x":{"y":[1,{"a":1,"b":2,"a":3}]}}`, fault.CodeDuplicateJSONKey, "x.y[1].a"}, {`[[{"a":1,"a":2}]]`, fault.CodeDuplicateJSONKey, "[0][0].a"},
	{object(40, "") + `,"n3":0}`, fault.CodeDuplicateJSONKey, "n3"}, {object(40, "") + `,"n39":0}`, fault.CodeDuplicateJSONKey, "n39"},
	{object(16, "") + `,"n15":0}`, fault.CodeDuplicateJSONKey, "n15"}, {object(17, "") + `,"n16":0}`, fault.CodeDuplicateJSONKey, "n16"},
	// too much
	{strings.Repeat("[", 33) + strings.Repeat("]", 33), fault.CodeInvalidBody, strings.Repeat("[0]", 32)},
	{strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), fault.CodeInvalidBody, strings.Repeat("a.", 31) + "a"},
	{strings.Repeat("[", 1_000_000), fault.CodeInvalidBody, strings.Repeat("[0]", 32)},
	{object(10_001, "") + "}", fault.CodeInvalidBody, "n10000"},
	{`{"a":[` + strings.Repeat("0,", 10_000) + `0]}`, fault.CodeInvalidBody, "a[9999]"},
	// NUL
	{`{"a":"x\u0000"}`, fault.CodeInvalidValue, "a"}, {`{"m":{"a":["\u0000"]}}`, fault.CodeInvalidValue, "m.a[0]"},
	{`{"b":1,"a\u0000":1}`, fault.CodeInvalidValue, ""}, {`{"m":{"b":1,"\u0000":1}}`, fault.CodeInvalidValue, "m"},
}

// case 48
func TestRefusals(t *testing.T) {
	for _, c := range refusals {
		err := CheckJSON([]byte(c.body))
		got, ok := fault.As(err)
		if !ok || got.Code != c.code || got.Param != c.param {
			t.Errorf("%.60q: %v, want %s on %q", c.body, err, c.code, c.param)
		}
		if _, err := ParseObject([]byte(c.body)); !fault.Is(err, c.code) {
			t.Errorf("%.60q as an object: %v", c.body, err)
		}
	}
	for _, body := range []string{`[]`, `[{"a":1}]`, `"a"`, `1`, `true`, `null`, ` null `} {
		if _, err := ParseObject([]byte(body)); !fault.Is(err, fault.CodeInvalidBody) {
			t.Errorf("%s: %v", body, err)
		}
		if err := CheckJSON([]byte(body)); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	long := strings.Repeat("ñ", 1000)
	if err := CheckJSON([]byte(`{"` + long + `":1,"` + long + `":1}`)); err == nil || len(err.Error()) > 400 {
		t.Errorf("a long name is repeated in full: %v", err)
	}
}

var accepted = []string{
	`{}`, " {\t}\r\n", `{"a":1,"A":2}`, `{"a":{"a":{"a":1}}}`, `[{"a":1},{"a":1}]`, `{"":0}`, `{"a":[]}`, `{"a":[ ]}`,
	`{"a":-0,"b":0.10,"c":1e21,"d":1E-2,"e":12345678901234567890123456789012345678901234567890123456789012345678901234567890}`,
	`{"a":"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00é😀"}`, `{"a":null,"b":true,"c":false}`, "{\"a\":\"\x7f\u2028\"}", "{\"a\":\"\ufffd\"}",
	strings.Repeat("[", 32) + strings.Repeat("]", 32), object(10_000, "") + "}", object(16, "") + "}", object(17, "") + "}",
}

func TestAccepted(t *testing.T) {
	for _, body := range accepted {
		if err := CheckJSON([]byte(body)); err != nil {
			t.Errorf("%.60q: %v", body, err)
		}
	}
}

// case 44: the worst bodies of a megabyte cost no more than their reading.
func TestWorstBodiesAreCheap(t *testing.T) {
	const size = 1 << 20
	for name, body := range map[string]string{
		"members with one name's beginning": object(9_999, strings.Repeat("x", 90)) + "}",
		"a long string":                     `{"a":"` + strings.Repeat("x", size) + `"}`,
		"a string of escapes":               `{"a":"` + strings.Repeat(`\u00e9`, size/6) + `"}`,
		"a long number":                     `{"a":` + strings.Repeat("1", size) + `}`,
		"space":                             strings.Repeat(" ", size) + "{}",
	} {
		started := time.Now()
		if err := CheckJSON([]byte(body)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(started); took > 2*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}

func TestReaders(t *testing.T) {
	body := ` {"name":"Jos\u00e9 😀","empty":"","none":null,"amount":0.10,"big":1e400,"count":42,"yes":true,"no":false,
		"customer":{"email":"a@b.example","phone":7,"tags":["x",1,null,{"k":[[2]]}]},"Name":"other"} `
	o, err := ParseObject([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if got := o.Names(); !slices.Equal(got, []string{"name", "empty", "none", "amount", "big", "count", "yes", "no", "customer", "Name"}) || o.Len() != 10 {
		t.Errorf("names %v", got)
	}
	if string(o.Raw()) != strings.TrimSpace(body) {
		t.Errorf("raw %s", o.Raw())
	}
	text := func(value any, present bool, err error) string {
		if err != nil {
			f, _ := fault.As(err)
			return string(f.Code) + " on " + f.Param
		}
		return fmt.Sprint(value, " ", present)
	}
	customer, _, err := o.Object("customer")
	if err != nil || customer.Path() != "customer" || !strings.HasPrefix(string(customer.Raw()), `{"email"`) {
		t.Fatalf("%+v %v", customer, err)
	}
	tags, _, err := customer.Array("tags", 4)
	if err != nil || len(tags) != 4 || tags[2].Kind() != "null" || tags[1].Path() != "customer.tags[1]" || string(tags[1].Raw()) != "1" {
		t.Fatalf("%v %v", tags, err)
	}
	inner, err := tags[3].Object()
	if err != nil {
		t.Fatal(err)
	}
	rows, _, _ := inner.Array("k", 1)
	cells, err := rows[0].Array(1)
	if err != nil || cells[0].Path() != "customer.tags[3].k[0][0]" {
		t.Fatalf("%v %v", cells, err)
	}

	str := func(o Object, name string, limit int) string { return text(o.String(name, limit)) }
	for got, want := range map[string]string{
		str(o, "name", 6):                                    "José 😀 true",
		str(o, "name", 5):                                    "too_long on name",
		str(o, "empty", 0):                                   " true",
		str(o, "none", 5):                                    " false",
		str(o, "absent", 5):                                  " false",
		str(o, "amount", 5):                                  "wrong_type on amount",
		str(o, "Name", 5):                                    "other true",
		str(o, "NAME", 5):                                    " false",
		str(customer, "phone", 5):                            "wrong_type on customer.phone",
		str(customer, "email", 1):                            "too_long on customer.email",
		text(o.Number("amount")):                             "0.10 true",
		text(o.Number("big")):                                "1e400 true",
		text(o.Number("name")):                               "wrong_type on name",
		text(o.Number("none")):                               " false",
		text(o.Int("count", 1, 42)):                          "42 true",
		text(o.Int("count", 1, 41)):                          "invalid_value on count",
		text(o.Int("count", 43, 50)):                         "invalid_value on count",
		text(o.Int("amount", 0, 9)):                          "invalid_value on amount",
		text(o.Int("big", 0, 9)):                             "invalid_value on big",
		text(o.Int("yes", 0, 9)):                             "wrong_type on yes",
		text(o.Int("absent", 0, 9)):                          "0 false",
		text(o.Bool("yes")):                                  "true true",
		text(o.Bool("no")):                                   "false true",
		text(o.Bool("count")):                                "wrong_type on count",
		text(o.Bool("none")):                                 "false false",
		text(o.Array("customer", 9)):                         "wrong_type on customer",
		text(customer.Array("tags", 3)):                      "too_long on customer.tags",
		text(customer.Object("tags")):                        "wrong_type on customer.tags",
		text(o.Object("name")):                               "wrong_type on name",
		text(nil, false, o.Only("name")):                     "invalid_value on empty",
		text(nil, false, customer.Only("email", "phone")):    "invalid_value on customer.tags",
		text("ok", true, customer.Only(customer.Names()...)): "ok true",
	} {
		if got != want {
			t.Errorf("read %q, want %q", got, want)
		}
	}
	if _, err := tags[1].String(9); text(nil, true, err) != "wrong_type on customer.tags[1]" {
		t.Errorf("a number as a text: %v", err)
	}
	if missing, present, err := o.Object("absent"); present || err != nil || missing.Len() != 0 {
		t.Errorf("%v %v %v", missing, present, err)
	}
}

// Whatever is accepted is JSON to the standard library too, and means the same to it; and whatever the standard library refuses, so
// does the scan.
func FuzzCheckJSON(f *testing.F) {
	for _, c := range refusals {
		if len(c.body) < 1000 {
			f.Add([]byte(c.body))
		}
	}
	for _, body := range accepted {
		if len(body) < 1000 {
			f.Add([]byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		err := CheckJSON(body)
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		if err != nil {
			if _, ok := fault.As(err); !ok {
				t.Errorf("not a fault: %v", err)
			}
			return
		}
		if !json.Valid(body) {
			t.Fatalf("accepted %q", body)
		}
		if repeated(t, body) {
			t.Fatalf("accepted a repeated name in %q", body)
		}
		o, err := ParseObject(body)
		if err != nil {
			if fault.Is(err, fault.CodeInvalidBody) {
				return // not an object
			}
			t.Fatalf("%q: %v", body, err)
		}
		var std map[string]json.RawMessage
		if err := json.Unmarshal(body, &std); err != nil || len(std) != o.Len() {
			t.Fatalf("%q: %d members, the standard library reads %d (%v)", body, o.Len(), len(std), err)
		}
		for _, name := range o.Names() {
			value, _ := o.Get(name)
			if value.raw == nil || string(value.raw) != string(std[name]) {
				t.Errorf("%q: %q is %q, the standard library reads %q", body, name, value.raw, std[name])
			}
			if value.Kind() != "string" {
				continue
			}
			var want string
			if got, err := value.String(len(body)); err != nil || json.Unmarshal(value.raw, &want) != nil || got != want {
				t.Errorf("%q says %q, the standard library reads %q (%v)", value.raw, got, want, err)
			}
		}
	})
}

func BenchmarkParseObject(b *testing.B) {
	body := []byte(`{"orderReference":"ref-1","amount":"12.50","currency":"USDC","chainId":137,"metadata":{"a":"b","c":"d"},"webhookUrl":"https://example.com/hook"}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseObject(body); err != nil {
			b.Fatal(err)
		}
	}
}

// object is an object of n members, without its closing brace.
func object(n int, prefix string) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(map[bool]string{true: "{", false: ","}[i == 0] + `"` + prefix + "n" + strconv.Itoa(i) + `":0`)
	}
	return text.String()
}

// repeated finds a name that comes twice, slowly and by other means.
func repeated(t *testing.T, body []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	type level struct {
		names  map[string]bool
		object bool
		name   bool // the next token is a name
	}
	levels := []*level{{}}
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		here := levels[len(levels)-1]
		if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
			levels = levels[:len(levels)-1]
			continue
		}
		if here.object && here.name {
			if name := token.(string); here.names[name] {
				return true
			} else {
				here.names[name] = true
			}
			here.name = false
			continue
		}
		here.name = here.object
		if delim, ok := token.(json.Delim); ok {
			levels = append(levels, &level{names: map[string]bool{}, object: delim == '{', name: delim == '{'})
		}
	}
}
