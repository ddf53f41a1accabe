package store

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
	"till/internal/quote"
)

// An order's body is what encoding/json makes of it, whatever is in it: every field of the record is zero in some of these orders and
// filled in others, also those that are yet to be invented.
func TestOrderBodyIsItsJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 3000 {
		var o engine.Order
		fill(r, reflect.ValueOf(&o).Elem(), []int{0, 1, 2, 4}[n%4]) // none, all, half, a quarter
		c := o
		c.Doc, c.Head = nil, 0
		want, err := toJSON(&c)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := orderBody(&o); err != nil || got != want {
			t.Fatalf("%v\n got %s\nwant %s", err, got, want)
		}
	}
}

func TestPaymentBodyAndFactsAreTheirJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 3000 {
		oneOf := []int{0, 1, 2, 4}[n%4]
		var p engine.Stray
		fill(r, reflect.ValueOf(&p).Elem(), oneOf)
		want, err := toJSON(&p)
		if got, err2 := paymentBody(&p); err != nil || err2 != nil || got != want {
			t.Fatalf("%v %v\n got %s\nwant %s", err, err2, got, want)
		}
		var f engine.Facts
		fill(r, reflect.ValueOf(&f).Elem(), oneOf)
		want, err = toJSON(&f)
		if got, err2 := factsBody(&f); err != nil || err2 != nil || got != want {
			t.Fatalf("%v %v\n got %s\nwant %s", err, err2, got, want)
		}
	}
}

func TestOrderBodyRefusesWhatJSONRefuses(t *testing.T) {
	o := engine.Order{CreatedAt: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}
	if got, err := orderBody(&o); err == nil {
		t.Errorf("a year of five digits: %s", got)
	}
}

func BenchmarkOrderBody(b *testing.B) {
	due := money.MustAsset("USDT", "ethereum-sepolia", 6)
	amount, err := money.ParseUnits(due, "1500000")
	if err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
	o := engine.Order{
		ID: "0198c2f0a1b2c3d4e5f6a7b8", PublicID: "ord_0123456789abcdefghijklmnopqr", Scope: engine.Scope{Merchant: "default", Mode: engine.Sandbox, Dialect: "one"},
		Number: 7, Reference: "order-7", UniqueKey: "order-7", Network: "ethereum-sepolia", Rail: "evm:ethereum-sepolia",
		Instrument: engine.Instrument{Family: engine.EVM, Value: "0x00112233445566778899aabbccddeeff00112233"}, Rest: time.Hour, CreatedAt: at, UpdatedAt: at, Version: 1, EventSeq: 1,
	}
	o.State, o.Terms.Book, o.Terms.Due, o.Terms.To, o.Terms.Deadline, o.Terms.SeenWaits = order.Waiting, "rail", amount, "merchant/default", at, true
	b.Run("orderBody", func(b *testing.B) {
		for b.Loop() {
			orderBody(&o)
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		for b.Loop() {
			toJSON(&o)
		}
	})
}

var someTexts = []string{"plain", "a \"quote\" and a \\", "<b>&amp;</b>", "Grüße\u2028\u2029", "\x00\x1f\x7f", "no \xff text", "tab\tline\n", ""}

// fill sets one of so many fields, at random; 0: none.
func fill(r *rand.Rand, v reflect.Value, oneOf int) {
	if oneOf == 0 || v.Kind() != reflect.Struct && r.IntN(oneOf) != 0 {
		return
	}
	switch v.Interface().(type) {
	case time.Time:
		if r.IntN(oneOf) == 0 {
			zone := time.FixedZone("", r.IntN(48)*1800-12*3600)
			v.Set(reflect.ValueOf(time.Unix(r.Int64N(4e9), int64(r.IntN(3))*r.Int64N(1e9)).In(zone)))
		}
		return
	case money.Amount:
		if r.IntN(oneOf) == 0 {
			asset, err := money.NewAsset("USDT", []string{"", "ethereum-sepolia"}[r.IntN(2)], uint8(r.IntN(19)))
			if err != nil {
				panic(err)
			}
			amount, err := money.ParseUnits(asset, fmt.Sprint(r.Int64N(3)*(r.Int64()-1<<62)))
			if err != nil {
				panic(err)
			}
			v.Set(reflect.ValueOf(amount))
		}
		return
	case quote.Decimal:
		if r.IntN(oneOf) == 0 {
			v.Set(reflect.ValueOf(quote.MustDecimal(fmt.Sprintf("%d.5", r.Int64()))))
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i), oneOf)
		}
	case reflect.String:
		v.SetString(someTexts[r.IntN(len(someTexts))])
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(r.Int64() - r.Int64())
	case reflect.Uint64, reflect.Uint8:
		v.SetUint(r.Uint64() % 200)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(`{"a":1}`))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(3), 3))
		for i := range v.Len() {
			fill(r, v.Index(i), oneOf)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for i := range r.IntN(3) {
			one := reflect.New(v.Type().Elem()).Elem()
			fill(r, one, oneOf)
			v.SetMapIndex(reflect.ValueOf(fmt.Sprint("key ", i)).Convert(v.Type().Key()), one)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem(), oneOf)
	default:
		panic("a field of a kind that no order had before: " + v.Type().String())
	}
}
