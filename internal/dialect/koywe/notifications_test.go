package koywe

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

// directed makes an order to a contact of the shop, and tells the contact in the app, as the worker does.
func (k *kit) directed(public, contact string) {
	k.Helper()
	ctx := context.Background()
	s := engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: Name}
	book := ledger.Owed("shop")
	_, err := k.engine.Create(ctx, engine.NewOrder{
		Scope: s, PublicID: public, Network: pretend(), Instrument: engine.Made, Notify: engine.Notify{Customer: contact, InApp: true},
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: book, Due: money.FromInt(money.MustAsset("COP", "", 2), 1050), To: book.Account(ledger.Merchant), OverAny: true, Instant: true,
				Deadline: p.Now.Add(time.Hour)}, json.RawMessage(`{}`), nil
		},
	})
	k.must(err)
	list, err := k.engine.DueNotifications(ctx, engine.InApp, k.clock.Now(), engine.Due{}, 10)
	k.must(err)
	for _, n := range list {
		n, _, err := k.engine.ClaimNotification(ctx, n)
		k.must(err)
		n.State, n.DoneAt, n.Title, n.Text, n.Link = engine.NotificationSent, k.clock.Now(), "shop le pide un pago", "shop le pide que pague 10,50 COP.", "https://pay.example.com/koywe/pay/order/"+public
		k.must(k.engine.Notified(ctx, []engine.Notification{n}))
	}
}

func TestGoldenNotifications(t *testing.T) {
	g := &golden{kit: newKit(t), file: "notifications.golden"}
	ask := func(title, method, path string) reply {
		t.Helper()
		return g.ask(title, request{method: method, path: m(path), key: shopKey})
	}
	made := g.do(request{method: "POST", path: m("/contacts"), key: shopKey, body: anaContact})
	contact := "/contacts/" + parse[contactBody](g.kit, made).ID
	other := g.do(request{method: "POST", path: m("/contacts"), key: shopKey, body: `{"firstName":"X","countrySymbol":"US"}`})
	another := "/contacts/" + parse[contactBody](g.kit, other).ID
	ask("a contact who was told nothing", "GET", contact+"/notifications")
	g.directed("ord_one", contact[len("/contacts/"):])
	g.clock.Move(time.Minute)
	g.directed("ord_two", contact[len("/contacts/"):])
	list := parse[notificationList](g.kit, ask("the newest first", "GET", contact+"/notifications"))
	ask("the second page", "GET", contact+"/notifications?pageSize=1&pageNumber=2")
	ask("a page that is too large", "GET", contact+"/notifications?pageSize=101")
	ask("nobody's", "GET", "/contacts/con_none/notifications")
	g.clock.Move(time.Minute)
	first := contact + "/notifications/" + list.Notifications[1].ID
	ask("it was read", "POST", first+"/read")
	g.clock.Move(time.Minute)
	ask("it was read again", "POST", first+"/read")
	ask("one that is none", "POST", contact+"/notifications/ntf_none/read")
	ask("one of another contact", "POST", another+"/notifications/"+list.Notifications[1].ID+"/read")
	ask("an id of another form", "POST", contact+"/notifications/"+list.Notifications[1].ID[len(notificationPrefix):]+"/read")
	g.check()

	// Every subject that stands in the app has a word.
	if len(notificationTypes) != 9 {
		t.Errorf("%d words", len(notificationTypes))
	}
	// A merchant of the same organisation sees none of it.
	if got := g.do(request{method: "GET", path: m(contact + "/notifications"), key: otherKey}); got.status != http.StatusNotFound && got.status != http.StatusForbidden {
		t.Errorf("another merchant: %d %s", got.status, got.body)
	}
}
