package payin

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
)

var overlays = []order.Overlay{order.NoOverlay, order.Refunding, order.Refunded}

// Every state has a status, whatever becomes of its money.
func TestEveryStateHasAStatus(t *testing.T) {
	d := New(Config{Engine: engine.New(nil, nil, nil)})
	for _, state := range order.States() {
		for _, overlay := range overlays {
			o := &engine.Order{Order: order.Order{State: state, Overlay: overlay}}
			if got := d.encodeOrder(o).Status; !slices.Contains(statuses, got) || got != statusOf(state) {
				t.Errorf("%s with overlay %q is shown as %q", state, overlay, got)
			}
		}
	}
	if len(projection) != len(order.States()) {
		t.Error("the projection has states that the machine has not")
	}
}

// The machine never leaves a terminal state, so a final status is final when exactly the terminal states have
// one.
func TestAFinalStatusNeverChanges(t *testing.T) {
	for _, state := range order.States() {
		if final := statusOf(state) != pending; final != state.Terminal() {
			t.Errorf("%s is shown as %s", state, statusOf(state))
		}
	}
}

// case 51
func TestOrderIDs(t *testing.T) {
	// 252 to 255 are skipped: a would be likelier than 9 otherwise.
	at := time.Unix(81*1000, 0)
	d := New(Config{Random: bytes.NewReader(bytes.Repeat([]byte{0, 35, 36, 71, 251, 252, 255, 26}, 13)), Now: func() time.Time { return at }})
	if got, want := d.newOrderID(), "ord_00a9a990a9a990a9a990a9a990a9"; got != want {
		t.Errorf("id %q, want %q", got, want)
	}
	// They turn round in 81 seconds.
	for after, want := range map[time.Duration]string{62 * time.Millisecond: "ord_00", 63 * time.Millisecond: "ord_01", 5 * time.Second: "ord_28", 80999 * time.Millisecond: "ord_zz", 81 * time.Second: "ord_00"} {
		d := New(Config{Random: rand.Reader, Now: func() time.Time { return at.Add(after) }})
		if got := d.newOrderID(); !strings.HasPrefix(got, want) || !isOrderID(got) {
			t.Errorf("after %s: %q, want %s...", after, got, want)
		}
	}
	count := map[byte]int{}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	d = New(Config{Random: bytes.NewReader(bytes.Repeat(all, 2))})
	for _, c := range []byte(d.randomText(252)) {
		count[c]++
	}
	for _, c := range []byte(alphabet) {
		if count[c] != 7 {
			t.Errorf("%c came %d times of 252", c, count[c])
		}
	}

	for id, want := range map[string]bool{
		"ord_00abcdefghijklmnopqrstuvwx09": true,
		"ord_abcdefghijklmnopqrstuvwx09":   false,
		"ord_abc123def456":                 false,
		"ord_00ABCDEFGHIJKLMNOPQRSTUVWX09": false,
		"ORD_00abcdefghijklmnopqrstuvwx09": false,
		"ord_00abcdefghijklmnopqrstuvwx0'": false,
		"":                                 false,
	} {
		if isOrderID(id) != want {
			t.Errorf("%q is an id: %v", id, !want)
		}
	}
}

func TestNoRandomnessNoID(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an id was made of nothing")
		}
	}()
	New(Config{Random: strings.NewReader("short")}).newOrderID()
}

func TestTimesHaveMilliseconds(t *testing.T) {
	at := time.Date(2025, 1, 20, 11, 30, 0, 123_999_999, time.FixedZone("", 3600))
	if got := wireTime(at); got != "2025-01-20T10:30:00.123Z" {
		t.Error(got)
	}
	if got := wireTime(at.Truncate(time.Hour)); got != "2025-01-20T10:00:00.000Z" {
		t.Error(got)
	}
}

// An order whose record cannot be read is shown all the same, from its terms.
func TestUnreadableRecord(t *testing.T) {
	usdt := money.MustAsset("USDT", "ethereum-sepolia", 6)
	o := &engine.Order{Order: order.Order{Terms: order.Terms{Due: money.FromInt(usdt, 1_500_000)}}}
	for _, doc := range []string{"", "{", "[]", `{"amount":3}`} {
		o.Doc = json.RawMessage(doc)
		if got := recordOf(o).Amount; got != "1.500000" {
			t.Errorf("%q gives the amount %q", doc, got)
		}
	}
}

// The newest payment that stands and counts is the one a pending order shows.
func TestNewestPayment(t *testing.T) {
	usdt, dai := money.MustAsset("USDT", "n", 6), money.MustAsset("DAI", "n", 18)
	deadline := time.Date(2025, 1, 20, 10, 45, 0, 0, time.UTC)
	payment := func(tx string, rank order.Rank, asset money.Asset, told, value time.Duration) order.Payment {
		return order.Payment{
			PaymentKey: order.PaymentKey{External: tx}, Rank: rank, Amount: money.FromInt(asset, 1),
			Told: deadline.Add(told), Value: deadline.Add(value), Evidence: order.Evidence{Tx: tx},
		}
	}
	first := payment("first", order.RankConfirmed, usdt, -5*time.Minute, -5*time.Minute)
	second := payment("second", order.RankSeen, usdt, -4*time.Minute, 0)
	tests := []struct {
		name string
		list []order.Payment
		want string
	}{
		{"none", nil, ""},
		{"one", []order.Payment{first}, "first"},
		{"two", []order.Payment{first, second}, "second"},
		{"told in another order", []order.Payment{second, first}, "second"},
		{"reversed", []order.Payment{first, payment("x", order.RankReversed, usdt, 0, 0)}, "first"},
		{"failed", []order.Payment{first, payment("x", order.RankFailed, usdt, 0, 0)}, "first"},
		{"another token", []order.Payment{first, payment("x", order.RankSeen, dai, 0, 0)}, "first"},
		{"late", []order.Payment{first, payment("x", order.RankSeen, usdt, 0, time.Nanosecond)}, "first"},
	}
	for _, test := range tests {
		o := &engine.Order{Order: order.Order{Terms: order.Terms{Due: money.FromInt(usdt, 2), Deadline: deadline}, Payments: test.list}}
		got, found := newestPayment(o)
		if got.Evidence.Tx != test.want || found != (test.want != "") {
			t.Errorf("%s: %q, want %q", test.name, got.Evidence.Tx, test.want)
		}
	}
}

// The OpenAPI document is written by hand; this holds that it names every path, field and code.
func TestOpenAPINamesEverything(t *testing.T) {
	document, read := string(openAPI), readDocument(t)
	d := New(Config{})
	for _, rt := range append(d.routes(), d.publicRoutes()...) {
		path := strings.ReplaceAll(rt.path, "...}", "}")
		operation := read.Object("paths", path, strings.ToLower(rt.method))
		if operation == nil || !strings.Contains(fmt.Sprint(operation), rt.scope) {
			t.Errorf("%s %s or its permission %s is missing", rt.method, path, rt.scope)
		}
	}
	for _, body := range []any{orderBody{}, listItem{}, listBody{}, paginationBody{}, importBody{}, importWarning{}, configBody{}, settingBody{}, configList{}, runtimeBody{}, metadataBody{},
		oneMetadata{}, metadataList{}, chainList{}, chainBody{}, tokenList{}, tokenBody{}, healthBody{}, errorBody{}, eventBody{}, eventData{}, transferData{}, testData{},
		statsBody{}, statsData{}, transferList{}, transfersOfOne{}, transferBody{}, endpointBody{}, endpointInField{}, endpointList{}, testedBody{}, retriedBody{}, logBody{}, attemptBody{}, logList{}, statisticsBody{}, queueBody{},
		referenceCreated{}, referenceBody{}, referenceAddress{}, referenceList{}, referenceItem{}, depositList{}, depositBody{}, bindingAnswer{}, bindingList{}, bindingBody{},
		monitoringTarget{}, poolImportBody{}, poolImportSummary{}, derivationRange{}, wrongLine{}, lineWarning{}, wrongLinesBody{}, poolCounts{}, poolSummaryBody{}, addressesBody{}, addressBody{}, unboundBody{}, depositStatsBody{}, depositTold{}, boundTold{}, unboundTold{}, lowData{}} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(body)) {
			wire, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !strings.Contains(document, " "+wire+":") {
				t.Errorf("%T.%s is missing", body, wire)
			}
		}
	}
	for _, row := range refusals {
		if !strings.Contains(document, "- "+row.code+"\n") {
			t.Errorf("%s is missing", row.code)
		}
	}
	for _, s := range settings {
		for _, key := range s.names {
			if !strings.Contains(document, "- "+key+"\n") {
				t.Errorf("%s is missing", key)
			}
		}
	}
}
