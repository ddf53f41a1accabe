package koywe

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
)

// refusal is how an error is answered.
func (k *kit) refusal(err error) string {
	w := httptest.NewRecorder()
	k.dialect.refuse(w, httptest.NewRequest("GET", "/x", nil), err)
	return w.Body.String()
}

// tell makes messages of all events that wait, as the worker does, and returns them.
func (k *kit) tell() (list []engine.Message) {
	k.Helper()
	untold, err := k.engine.Untold(context.Background(), []string{Name}, 1000)
	k.must(err)
	var ids []string
	for _, u := range untold {
		ids = append(ids, u.Event.ID)
		id, kind, body, ok := k.dialect.Tell(u.Event, u.Order)
		if !ok {
			continue
		}
		for _, ep := range u.Endpoints {
			if u.Event.Facts.Endpoint == "" && !k.dialect.Wants(ep.Events, kind) {
				continue
			}
			list = append(list, engine.Message{EventID: u.Event.ID, OrderID: u.Event.OrderID, EndpointID: ep.ID, Scope: ep.Scope, WireID: id, Type: kind, Body: body, State: engine.MessagePending})
		}
	}
	k.must(k.engine.Told(context.Background(), ids, list))
	return list
}

const hook = `{"url":"https://shop.example.com/hooks","secret":"a secret of enough characters"}`

func TestGoldenWebhooks(t *testing.T) {
	g := &golden{kit: newKit(t), file: "webhooks.golden"}
	ask := func(title, method, path, body string) reply {
		t.Helper()
		g.clock.Move(time.Second)
		return g.ask(title, request{method: method, path: o(path), key: acmeKey, body: body})
	}
	first := parse[webhookBody](g.kit, ask("add a webhook", "POST", "/webhooks", hook))
	second := parse[webhookBody](g.kit, ask("add another", "POST", "/webhooks", strings.Replace(hook, "hooks", "more", 1)))
	ask("a URL that is refused", "POST", "/webhooks", `{"url":"http://10.0.0.1/","secret":"a secret of enough characters"}`)
	ask("a secret that is too short", "POST", "/webhooks", `{"url":"https://shop.example.com/","secret":"short"}`)
	ask("list", "GET", "/webhooks", "")
	ask("pause", "POST", "/webhooks/"+second.ID+"/pause", "")
	ask("ping a paused one", "POST", "/webhooks/"+second.ID+"/ping", "")
	ask("resume", "POST", "/webhooks/"+second.ID+"/resume", "")
	ping := parse[pingBody](g.kit, ask("ping", "POST", "/webhooks/"+first.ID+"/ping", ""))
	sent := g.tell()
	if len(sent) != 1 || sent[0].Type != pinged || sent[0].WireID != ping.EventID || sent[0].EndpointID != first.ID {
		t.Errorf("a ping sends %+v", sent)
	}
	ask("rotate the secret", "POST", "/webhooks/"+first.ID+"/rotate-secret", `{"secret":"another secret of enough characters"}`)
	ask("get", "GET", "/webhooks/"+first.ID, "")
	ask("events", "GET", "/webhook-events", "")
	ask("events of a type", "GET", "/webhook-events?type=order.completed&from=2026-03-01&to=2026-03-02&merchantId=shop&resourceType=order&page=1&limit=10", "")
	ask("one event", "GET", "/webhook-events/"+ping.EventID, "")
	ask("its deliveries", "GET", "/webhook-events/"+ping.EventID+"/deliveries", "")
	ask("replay it", "POST", "/webhook-events/"+ping.EventID+"/replay", "")
	ask("no such event", "GET", "/webhook-events/evt_none", "")
	ask("a parameter that makes no sense", "GET", "/webhook-events?limit=1000", "")
	ask("delete", "DELETE", "/webhooks/"+second.ID, "")
	ask("it is gone", "GET", "/webhooks/"+second.ID, "")
	g.check()
}

// Every active webhook of an organization is told of all its merchants, and of nobody else's; a paused one of nothing.
func TestWebhooksAreToldOfAllMerchants(t *testing.T) {
	k := newKit(t)
	first := parse[webhookBody](k, k.post(acmeKey, o("/webhooks"), hook))
	second := parse[webhookBody](k, k.post(acmeKey, o("/webhooks"), hook))
	paused := parse[webhookBody](k, k.post(acmeKey, o("/webhooks"), hook))
	k.post(acmeKey, o("/webhooks/"+paused.ID+"/pause"), "")
	live := parse[webhookBody](k, k.post(liveKey, o("/webhooks"), hook))
	rival := parse[webhookBody](k, k.post(rivalKey, "/api/v1/organizations/rival/webhooks", hook))
	told := map[string]int{}
	for _, s := range []engine.Scope{shopHere, branchIs} {
		_, err := k.engine.Announce(context.Background(), s, engine.Notice{Type: endpointTried, Ref: "nothing"})
		k.must(err)
	}
	for _, m := range k.tell() {
		told[m.EndpointID]++
	}
	if told[first.ID] != 2 || told[second.ID] != 2 || told[paused.ID]+told[live.ID]+told[rival.ID] != 0 {
		t.Errorf("told: %v", told)
	}
	list := parse[toldEventsBody](k, k.get(acmeKey, o("/webhook-events")))
	if list.Pagination.TotalCount != 2 || len(list.Events) != 2 || *list.Events[0].MerchantID != "branch" {
		t.Errorf("events: %+v", list)
	}
	var payload map[string]any
	if err := json.Unmarshal(list.Events[0].Payload, &payload); err != nil || payload["id"] != list.Events[0].ID {
		t.Errorf("payload: %s", list.Events[0].Payload)
	}
	deliveries := parse[deliveryList](k, k.get(acmeKey, o("/webhook-events/"+list.Events[0].ID+"/deliveries")))
	if len(deliveries.Deliveries) != 2 {
		t.Errorf("deliveries: %+v", deliveries)
	}
	k.refused("another organization's event", k.get(rivalKey, "/api/v1/organizations/rival/webhook-events/"+list.Events[0].ID), 404, "NOT_FOUND", "eventId")
	k.refused("another organization's webhook", k.get(rivalKey, "/api/v1/organizations/rival/webhooks/"+first.ID), 404, "NOT_FOUND", "webhookId")
	for _, path := range []string{"/pause", "/resume", "/ping"} {
		k.refused(path, k.post(rivalKey, "/api/v1/organizations/rival/webhooks/"+first.ID+path, ""), 404, "NOT_FOUND", "webhookId")
	}
	k.refused("a foreign secret", k.post(rivalKey, "/api/v1/organizations/rival/webhooks/"+first.ID+"/rotate-secret", `{"secret":"another secret of enough characters"}`), 404, "NOT_FOUND", "webhookId")
	if got := k.do(request{method: "DELETE", path: "/api/v1/organizations/rival/webhooks/" + first.ID, key: rivalKey}); got.status != 404 {
		t.Errorf("deleted: %+v", got)
	}
	k.refused("a resource of another kind", k.get(acmeKey, o("/webhook-events?resourceType=contact&resourceId=x")), 400, validationError, "resourceType")
	// Nobody sees a secret.
	for _, path := range []string{"/webhooks", "/webhooks/" + first.ID} {
		if got := k.get(acmeKey, o(path)); strings.Contains(got.body, "secret") || strings.Contains(got.body, "sealed") {
			t.Errorf("%s: %s", path, got.body)
		}
	}
}
