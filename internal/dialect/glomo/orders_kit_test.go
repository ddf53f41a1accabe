package glomo

import (
	"context"
	"encoding/json"
	"strings"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

const goodCustomer = `{"name":"Asha Rao","customer_type":"individual","email":"asha@example.com","phone":"+91-9023456789","dob":"29-11-2003","nationality":"IND",
	"address":"12 MG Road","city":"Bengaluru","state":"Karnataka","country":"IND","pincode":"560001"}`

// with is a JSON object with some of its members changed: names and their new values in turn; "" takes one away.
func with(body string, more ...string) string {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &members); err != nil {
		panic(err)
	}
	for i := 0; i < len(more); i += 2 {
		if more[i+1] == "" {
			delete(members, more[i])
			continue
		}
		members[more[i]] = json.RawMessage(more[i+1])
	}
	text, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func quoted(text string) string { return `"` + text + `"` }

// made creates something and gives its id.
func (k *kit) made(key, path, body string) string {
	k.Helper()
	got := k.post(key, path, body)
	if got.status != 201 {
		k.Fatalf("POST %s %s: %d %s", path, body, got.status, got.body)
	}
	return parse[struct{ ID string }](k, got).ID
}

// customer is the good customer, of the shop unless another key is named.
func (k *kit) customer() string {
	k.Helper()
	list := parse[pageBody[customerBody]](k, k.get(shopKey, "/api/v1/customer?email_address=asha@example.com"))
	if len(list.Data) == 1 {
		return list.Data[0].ID
	}
	return k.made(shopKey, "/api/v1/customer", goodCustomer)
}

// good is a request for an order, changed as with says.
func (k *kit) good(more ...string) string {
	k.Helper()
	return with(`{"customer_id":"`+k.customer()+`","currency":"USD","amount":1000}`, more...)
}

// order makes an order of the shop and gives its id.
func (k *kit) order(more ...string) string {
	k.Helper()
	return k.made(shopKey, "/api/v1/orders", k.good(more...))
}

// shown is what the API says of an order.
func (k *kit) shown(id string) orderBody {
	k.Helper()
	got := k.get(shopKey, "/api/v1/orders/"+id)
	if got.status != 200 {
		k.Fatalf("%d %s", got.status, got.body)
	}
	return parse[orderBody](k, got)
}

// found is an order as the engine has it.
func (k *kit) found(id string) *engine.Order {
	k.Helper()
	o, err := k.engine.Find(context.Background(), id)
	k.must(err)
	return o
}

// choose is the payer's choice of a method.
func (k *kit) choose(id, method string) {
	k.Helper()
	_, err := k.engine.Choose(context.Background(), k.found(id).ID, engine.Pick{Method: method})
	k.must(err)
}

// pay is a payment to the attempt in progress, of an amount as the order has it.
func (k *kit) pay(id, external string, rank order.Rank, much money.Amount, from string) {
	k.Helper()
	to := k.found(id).Instrument.Value
	if to == "" {
		k.Fatalf("%s has no instrument: choose a method", id)
	}
	k.told(rail.Observation{
		External: external, Instrument: to, Epoch: 1, Rank: rank, Amount: much, Value: k.clock.Now(), Evidence: order.Evidence{Tx: external, From: from, To: to, Name: from},
	})
}

// paid pays an order whole.
func (k *kit) paid(id, external string) {
	k.Helper()
	k.choose(id, byCard)
	k.pay(id, external, order.RankConfirmed, k.found(id).Terms.Due, "Asha Rao")
}

// setting changes a setting of the shop.
func (k *kit) setting(name, value string) {
	k.Helper()
	k.must(k.engine.SaveSetting(context.Background(), engine.SettingScope{Merchant: "shop", Mode: engine.Sandbox}, name, json.RawMessage(value)))
}

// tellings is what an order's events are told as.
func (k *kit) tellings(id string) (kinds []string) {
	k.Helper()
	story, err := k.engine.Story(context.Background(), id)
	k.must(err)
	for _, ev := range story.Events {
		if _, kind, body, ok := k.dialect.Tell(ev, story.Order); ok && strings.HasPrefix(kind, ordersEntity+".") {
			kinds = append(kinds, kind)
			if !json.Valid(body) {
				k.Errorf("%s", body)
			}
		}
	}
	return kinds
}
