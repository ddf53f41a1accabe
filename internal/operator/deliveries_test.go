package operator

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/operator/client"
	"till/internal/order"
)

// above makes orders that leave by the chain and are above its limit, and lets a worker try to send them.
func (k *kit) above(t *testing.T, publicIDs ...string) {
	t.Helper()
	must(t, k.engine.SaveMerchant(t.Context(), engine.Merchant{ID: "m9", Organisation: "o9", Name: "Nine"}))
	*k.engine = *k.engine.Limited(engine.Limits{k.delivery.Rail: {usdt: {Order: money.FromInt(usdt, 1_000_000)}}})
	for _, id := range publicIDs {
		_, err := k.engine.ImportInstruments(t.Context(), engine.Pool{Merchant: "m9", Mode: engine.Sandbox, Family: engine.EVM}, []engine.Imported{{Value: "0x" + id}})
		must(t, err)
		book := ledger.Owed("m9")
		made, err := k.engine.Create(t.Context(), engine.NewOrder{
			Scope: engine.Scope{Merchant: "m9", Mode: engine.Sandbox, Dialect: "some"}, PublicID: id, Network: k.delivery, Maker: "op_maker",
			Destination: engine.Destination{Rail: k.delivery.Rail, To: "0xpayee"},
			Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
				return order.Terms{Book: book, Due: money.FromInt(usdt, 100_000_000), To: ledger.House.Account(ledger.PayeeOn(string(k.delivery.Rail))),
					Deadline: p.Now.Add(15 * time.Minute), Sends: 1, OverAny: true}, nil, nil
			},
		})
		must(t, err)
		k.report(t, 300, observation(made.Order.Instrument.Value, "0xpay"+id, "100.000000", k.now, 299))
		if _, err := k.engine.Reserve(t.Context(), made.Order.ID); err == nil {
			t.Fatal("it is sent")
		}
	}
}

func TestDeliveriesAboveALimit(t *testing.T) {
	k := newKit(t)
	c := k.client(t, tokenAll)
	page, err := c.WaitingDeliveries(t.Context(), "", "", 0)
	if must(t, err); len(page.Deliveries) != 0 {
		t.Fatalf("%+v", page)
	}
	k.above(t, "ord_x", "ord_y", "ord_z")
	var got []string
	for after := ""; ; {
		page, err := c.WaitingDeliveries(t.Context(), "sandbox", after, 2)
		must(t, err)
		for _, d := range page.Deliveries {
			got = append(got, d.Order)
			if d.Purpose != "delivery" || d.Amount.Decimal != "100.000000" || d.To != "0xpayee" || d.Maker != "op_maker" || !strings.Contains(d.Why, "limit") {
				t.Errorf("%+v", d)
			}
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if strings.Join(got, " ") != "ord_x ord_y ord_z" {
		t.Errorf("waiting: %v", got)
	}
	if page, err := c.WaitingDeliveries(t.Context(), "live", "", 10); err != nil || len(page.Deliveries) != 0 {
		t.Errorf("live: %+v %v", page, err)
	}

	o, err := c.Order(t.Context(), "ord_x")
	must(t, err)
	text, _ := json.Marshal(o)
	if !strings.Contains(string(text), "a second person's approval") || !strings.Contains(string(text), "delivery.waits") {
		t.Errorf("the story does not tell: %s", text)
	}
	o, err = c.ApproveDelivery(t.Context(), client.DeliveryDecision{Order: "ord_x"})
	if must(t, err); o.State != "paid" {
		t.Errorf("approved: %s", o.State)
	}
	o, err = c.RefuseDelivery(t.Context(), client.DeliveryDecision{Order: "ord_y", Reason: "nobody knows it"})
	if must(t, err); o.State != "cancelled" {
		t.Errorf("refused: %s", o.State)
	}
	for _, test := range []struct {
		path, body string
		status     int
	}{
		{"/deliveries/approve", `{"order":"ord_x"}`, http.StatusConflict},
		{"/deliveries/refuse", `{"order":"ord_y"}`, http.StatusConflict},
		{"/deliveries/approve", `{"order":"ord_z","transfer":"none"}`, http.StatusConflict},
		{"/deliveries/approve", `{"order":"ord_none"}`, http.StatusNotFound},
		{"/deliveries/approve", `{}`, http.StatusBadRequest},
		{"/deliveries/refuse", `{"order":"ord_z","reason":1}`, http.StatusBadRequest},
	} {
		if w := call(k.handler, "POST", test.path, tokenAll, test.body); w.Code != test.status {
			t.Errorf("%s %s: %d %s", test.path, test.body, w.Code, w.Body)
		}
	}
	if w := call(k.handler, "GET", "/deliveries/waiting?after=ord_none/", tokenAll, ""); w.Code != http.StatusBadRequest {
		t.Errorf("behind an order that is none: %d", w.Code)
	}
}

// Who made an operator's key is on record, so that he cannot approve with it what he made.
func TestOperatorKeyKnowsItsMaker(t *testing.T) {
	k := newKit(t)
	made, err := k.client(t, tokenAll).AddKey(t.Context(), client.NewKey{Name: "second", Scopes: []string{"deliveries:write"}})
	must(t, err)
	found, err := k.engine.Key(t.Context(), engine.Scope{}, made.ID)
	if must(t, err); found.MadeBy == "" {
		t.Error("nobody made the key")
	}
}

// The operator's own pool is that of no merchant.
func TestHouseAddresses(t *testing.T) {
	k := newKit(t)
	c := k.client(t, tokenAll)
	got, err := c.ImportInstruments(t.Context(), client.InstrumentImport{Merchant: client.House, Mode: "sandbox", Addresses: []string{"0xhouse1", "0xhouse2"}})
	if must(t, err); got.Added != 2 {
		t.Errorf("%+v", got)
	}
	counts, err := c.Counts(t.Context(), client.House, "sandbox", "")
	if must(t, err); counts.Available != 2 {
		t.Errorf("%+v", counts)
	}
	free, err := k.engine.InstrumentCounts(t.Context(), engine.HousePool(engine.Sandbox, engine.EVM))
	if must(t, err); free.Free != 2 {
		t.Errorf("%+v", free)
	}
}
