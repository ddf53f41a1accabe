package engine

import (
	"encoding/hex"
	"reflect"
	"testing"
	"time"

	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

var (
	sealedCoin  = money.MustAsset("USDT", "test", 6)
	sealedAt    = time.Date(2026, 3, 1, 12, 0, 0, 1000, time.UTC)
	sealedEntry = Entry{ID: "e1", OrderID: "o1", Merchant: "m", Mode: Live, At: sealedAt, Postings: []order.Posting{
		{Posting: ledger.Posting{From: "wallet/m/order/in", To: "wallet/m/merchant", Amount: money.FromInt(sealedCoin, 5)}, Row: "O24"},
		{Posting: ledger.Posting{From: "a", To: "b", Amount: money.FromInt(sealedCoin, 6)}, Row: "B4"},
	}}
	sealedEvent = Event{ID: "v1", OrderID: "o1", Scope: Scope{"m", Sandbox, "one"}, Seq: 3, Type: "payment.seen", State: order.Seen, Row: "P2", At: sealedAt,
		Facts: Facts{Received: money.Zero(sealedCoin), Payment: order.PaymentKey{Rail: "r", External: "x"}, Evidence: order.Evidence{Tx: "t", Block: 7}}}
	sealedNotice = Event{ID: "v2", Scope: Scope{"m", Sandbox, "one"}, Type: "test", At: sealedAt, Facts: Facts{At: sealedAt, Details: map[string]string{"b": "2", "a": "1"}, Endpoint: "e"}}
	sealedAction = Action{ID: "a1", Mode: Live, At: sealedAt, Who: "op", What: "cancel", Ref: "o1"}
)

// What a row's canonical bytes are never changes: every seal ever made was made of them.
func TestCanonicalBytesStay(t *testing.T) {
	for _, test := range []struct {
		content []byte
		want    string
	}{
		{sealedEntry.Canonical(), "bfde695d0113db2c0ff8b09e02481f13bbeacfada762c83a0e7f569002a0722d"},
		{sealedEvent.Canonical(), "9cf5477c90caa79af43b6699c7528822a34a52034bc6352275ed2fce5245e093"},
		{sealedNotice.Canonical(), "6b6c73bb83a665c89e5730ab2bed5b814d2fd0bc2d2b324e1b5d8b74b96c2ee9"},
		{sealedAction.Canonical(), "5bf157f2b63d519d43fd4665e4f60f86717dd3665bbe0d83e8e9f267178fb0c9"},
	} {
		digest := Digest([]byte("salt"), SealEntry, "ref", test.content)
		if got := hex.EncodeToString(digest[:]); got != test.want {
			t.Errorf("%q\nhas the digest %s, want %s", test.content, got, test.want)
		}
	}
}

// Every field of a sealed row is under seal, also one that is added later.
func TestEveryFieldIsSealed(t *testing.T) {
	everyField(t, reflect.ValueOf(&sealedEntry).Elem(), "entry", func() string { return string(sealedEntry.Canonical()) })
	everyField(t, reflect.ValueOf(&sealedEvent).Elem(), "event", func() string { return string(sealedEvent.Canonical()) })
	everyField(t, reflect.ValueOf(&sealedNotice).Elem(), "notice", func() string { return string(sealedNotice.Canonical()) })
	everyField(t, reflect.ValueOf(&sealedAction).Elem(), "action", func() string { return string(sealedAction.Canonical()) })
}

func everyField(t *testing.T, v reflect.Value, name string, content func() string) {
	t.Helper()
	was, before := reflect.New(v.Type()).Elem(), content()
	was.Set(v)
	switch value := v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(value.Add(time.Hour)))
	case money.Amount:
		v.Set(reflect.ValueOf(money.FromInt(sealedCoin, 99)))
	default:
		switch v.Kind() {
		case reflect.Struct:
			for field, at := range v.Fields() {
				everyField(t, at, name+"."+field.Name, content)
			}
			return
		case reflect.Slice:
			for i := range v.Len() {
				everyField(t, v.Index(i), name, content)
			}
			v.Set(v.Slice(0, v.Len()-1))
		case reflect.String:
			v.SetString(v.String() + "!")
		case reflect.Map:
			v.Set(reflect.ValueOf(map[string]string{"b": "2", "c": "1"}))
		case reflect.Int64:
			v.SetInt(v.Int() + 1)
		case reflect.Uint64:
			v.SetUint(v.Uint() + 1)
		default:
			t.Fatalf("%s is a %s, which this test cannot change", name, v.Kind())
		}
	}
	if content() == before {
		t.Errorf("%s is not under seal", name)
	}
	v.Set(was)
	if content() != before {
		t.Fatalf("%s was not put back", name)
	}
}

// What stands in one field cannot be taken for two.
func TestFieldsAreApart(t *testing.T) {
	one := Action{ID: "a", Who: "b\x00\x00\x00\x04whatc", What: "d"}
	two := Action{ID: "a", Who: "b", What: "cd"}
	if string(one.Canonical()) == string(two.Canonical()) {
		t.Error("two rows have the same bytes")
	}
	if Digest([]byte("ab"), "c", "d", nil) == Digest([]byte("a"), "bc", "d", nil) || Digest(nil, "a", "bc", nil) == Digest(nil, "a", "b", []byte("c")) {
		t.Error("two seals have the same digest")
	}
}
