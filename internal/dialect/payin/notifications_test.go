package payin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/secrets"
	"till/internal/webhook"
	"till/internal/worker"
)

// receiver takes webhooks as one merchant's endpoint would, and answers as it is told.
type receiver struct {
	status   int
	body     string
	received []string // the path of the URL and the id of each
	bodies   []string
}

func (rc *receiver) Post(_ context.Context, url string, header http.Header, body []byte) (webhook.Answer, error) {
	rc.received = append(rc.received, strings.TrimPrefix(url, "https://shop.example")+" "+header.Get("X-PayIn-Event-Id"))
	rc.bodies = append(rc.bodies, string(body))
	return webhook.Answer{Status: rc.status, Body: []byte(rc.body), Took: 120 * time.Millisecond}, nil
}

// deliver runs the webhook workers once, and returns what was received by it.
func (k *kit) deliver(rc *receiver) []string {
	k.Helper()
	rc.received, rc.bodies = nil, nil
	w := worker.New(worker.Config{
		Engine: k.engine, Tellers: map[string]worker.Teller{Name: k.dialect}, Client: rc, Events: worker.NewBell(), Now: k.clock.Now,
		Open: func(ep engine.Endpoint) ([]webhook.Secret, error) {
			return []webhook.Secret{webhook.Secret(ep.Secret)}, nil
		},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	_, err := w.Tell.RunOnce(context.Background())
	k.must(err)
	_, err = w.Send.RunOnce(context.Background())
	k.must(err)
	slices.Sort(rc.received)
	return rc.received
}

const canary = "whsec_canary-canary-canary-canary"

// newEndpoint is a body. more is pairs of a field and its JSON.
func newEndpoint(path string, more ...string) string {
	fields := []string{`"endpoint_name":"` + path + `"`, `"endpoint_type":"webhook"`, `"config":{"url":"https://shop.example/` + path + `","secret":"` + canary + `"}`}
	for i := 0; i < len(more); i += 2 {
		fields = append(fields, fmt.Sprintf("%q:%s", more[i], more[i+1]))
	}
	return "{" + strings.Join(fields, ",") + "}"
}

func (k *kit) addEndpoint(key, path string, more ...string) endpointBody {
	k.Helper()
	got := k.post(key, "/api/v1/notifications/endpoints", newEndpoint(path, more...))
	if got.status != 201 {
		k.Fatalf("%d %s", got.status, got.body)
	}
	return parse[endpointBody](k, got)
}

func (k *kit) logs(key, query string) logList {
	k.Helper()
	got := k.get(key, "/api/v1/notifications/logs"+query)
	if got.status != 200 {
		k.Fatalf("%s: %d %s", query, got.status, got.body)
	}
	return parse[logList](k, got)
}

func TestGoldenNotifications(t *testing.T) {
	g := &golden{kit: newKit(t), file: "notifications.golden"}
	ask := func(method, path, title, body string) reply {
		t.Helper()
		return g.ask(method+" "+path+": "+title, request{method: method, path: path, key: shopKey, body: body})
	}
	const base = "/api/v1/notifications/endpoints"
	g.pool(shopKey, 1, 3)
	full := `{"endpoint_name":"Shop","endpoint_type":"webhook","config":{"url":"https://yoursite.com/webhooks/payin","secret":"whsec_5f2c1a9be04d7788"},` +
		`"subscribed_events":["order.*","transfer.detected"],"max_retries":1,"timeout_ms":5000,"is_enabled":true,"description":"The shop","metadata":{"team":"web"}}`
	ep := parse[endpointBody](g.kit, ask("POST", base, "every field", full))
	g.ask("POST "+base+": with an idempotency key", request{method: "POST", path: base, key: shopKey, body: newEndpoint("second"), header: http.Header{"Idempotency-Key": {"k1"}}})
	g.ask("POST "+base+": the same again, without the secret", request{method: "POST", path: base, key: shopKey, body: newEndpoint("second"), header: http.Header{"Idempotency-Key": {"k1"}}})
	g.ask("POST "+base+": something else with the key", request{method: "POST", path: base, key: shopKey, body: newEndpoint("third"), header: http.Header{"Idempotency-Key": {"k1"}}})
	made := parse[endpointBody](g.kit, ask("POST", "/api/v1/notifications/webhooks", "as little as possible, and a secret is made", `{"endpoint_name":"Third","config":{"url":"https://yoursite.com/third"}}`))
	newest := parse[endpointInField](g.kit, ask("POST", "/api/v1/webhooks/endpoints", "the newest name", newEndpoint("fourth")))
	ask("POST", base, "e-mail is not delivered", `{"endpoint_name":"x","endpoint_type":"email","config":{"url":"https://yoursite.com"}}`)
	ask("POST", base, "a private address", `{"endpoint_name":"x","config":{"url":"https://169.254.169.254/latest"}}`)
	ask("POST", base, "an unknown event", newEndpoint("x", "subscribed_events", `["order.completed","order.paid"]`))
	ask("POST", base, "a short secret", `{"endpoint_name":"x","config":{"url":"https://yoursite.com","secret":"short"}}`)
	ask("GET", base, "all", "")
	ask("GET", base+"?is_enabled=false", "those that are off", "")
	ask("GET", "/api/v1/webhooks/endpoints", "the newest name", "")
	one := base + "/" + ep.ID
	ask("GET", one, "one", "")
	ask("GET", "/api/v1/webhooks/endpoints/"+newest.Endpoint.ID, "the newest name", "")
	ask("GET", base+"/ep_unknown", "none", "")
	ask("PUT", one, "some of it", `{"description":null,"subscribed_events":["*"],"vendor_schedule_only":true}`)
	ask("PUT", one, "no URL", `{"config":{"url":"nowhere"}}`)
	ask("PUT", base+"/ep_unknown", "none", `{}`)
	ask("POST", one+"/rotate-secret", "a new secret beside the old one", "")
	ask("POST", one+"/rotate-secret", "a new secret at once", `{"secret":"whsec_00112233445566778899","overlap_hours":0}`)
	ask("POST", one+"/rotate-secret", "too long an overlap", `{"overlap_hours":721}`)
	ask("POST", one+"/test", "an endpoint", "")
	ask("POST", base+"/ep_unknown/test", "none", "")
	ask("DELETE", "/api/v1/notifications/webhooks/"+made.ID, "the other name", "")
	ask("DELETE", "/api/v1/notifications/webhooks/"+made.ID, "it is gone", "")
	ask("PUT", "/api/v1/webhooks/endpoints/"+newest.Endpoint.ID, "the newest name", `{"is_enabled":false}`)
	ask("POST", "/api/v1/webhooks/endpoints/"+newest.Endpoint.ID+"/test", "a disabled endpoint", "")

	g.create("ORDER-2025-001")
	rc := &receiver{status: 503, body: "<b>down</b>"}
	g.deliver(rc)
	g.clock.Move(2 * time.Second)
	g.deliver(rc)
	logs := "/api/v1/notifications/logs"
	list := parse[logList](g.kit, ask("GET", logs, "all", ""))
	ask("GET", logs+"?endpoint_id="+ep.ID+"&event_type=order.created&status=failed&page=1&limit=1", "some", "")
	ask("GET", logs+"?status=sending", "those being sent", "")
	ask("GET", logs+"?business_type=order&business_id=ord_unknown", "of an order that is none", "")
	ask("GET", logs+"?status=lost", "a status that is none", "")
	ask("GET", logs+"/"+list.Logs[0].ID, "one, with its attempts", "")
	ask("GET", logs+"/unknown", "none", "")
	ask("POST", logs+"/"+list.Logs[0].ID+"/retry", "one", "")
	ask("POST", logs+"/unknown/retry", "none", "")
	ask("POST", "/api/v1/notifications/retry-failed", "none of that type", `{"event_type":"order.expired","failed_after":"2025-01-20"}`)
	ask("POST", "/api/v1/notifications/retry-failed", "all", "")
	ask("POST", "/api/v1/notifications/retry-failed", "a time that is none", `{"failed_after":"yesterday"}`)
	rc.status, rc.body = 200, "ok"
	g.deliver(rc)
	delivered := g.logs(shopKey, "?status=success&limit=1").Logs[0]
	ask("GET", logs+"/"+delivered.ID, "delivered", "")
	ask("POST", logs+"/"+delivered.ID+"/retry", "what was delivered", "")
	ask("GET", "/api/v1/notifications/statistics", "all", "")
	ask("GET", "/api/v1/notifications/statistics?endpoint_id="+ep.ID+"&start_date=2025-01-20&end_date=2025-01-20T23:00:00Z", "an endpoint's of a day", "")
	ask("GET", "/api/v1/notifications/statistics?start_date=2025-01-20&end_date=2025-01-19", "days that are none", "")
	ask("GET", "/api/v1/notifications/queue/status", "mine", "")
	g.ask("POST "+base+": a key that may only read", request{method: "POST", path: base, key: readerKey, body: full})
	g.check()
}

// Every route of this noun refuses another merchant's and another mode's records as unknown, and changes nothing. case 41
func TestForeignNotifications(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 1)
	ep := k.addEndpoint(shopKey, "mine", "subscribed_events", `["order.created"]`)
	k.create("R-1")
	rc := &receiver{status: 500}
	k.deliver(rc)
	log := k.logs(shopKey, "").Logs[0]
	before := k.get(shopKey, "/api/v1/notifications/endpoints").body + k.get(shopKey, "/api/v1/notifications/logs/"+log.ID).body
	for _, key := range []string{otherKey, liveKey} {
		for _, path := range []string{"/api/v1/notifications/endpoints/", "/api/v1/notifications/webhooks/", "/api/v1/webhooks/endpoints/"} {
			k.refused("get", k.get(key, path+ep.ID), 404, "RESOURCE_NOT_FOUND", "")
			k.refused("put", k.put(key, path+ep.ID, `{"endpoint_name":"x"}`), 404, "RESOURCE_NOT_FOUND", "")
			k.refused("delete", k.do(request{method: "DELETE", path: path + ep.ID, key: key}), 404, "RESOURCE_NOT_FOUND", "")
			k.refused("test", k.post(key, path+ep.ID+"/test", ""), 404, "RESOURCE_NOT_FOUND", "")
			k.refused("rotate", k.post(key, path+ep.ID+"/rotate-secret", ""), 404, "RESOURCE_NOT_FOUND", "")
			if list := parse[endpointList](k, k.get(key, strings.TrimSuffix(path, "/"))); len(list.Endpoints) != 0 || list.Total != 0 {
				t.Errorf("%s lists %+v", path, list)
			}
		}
		k.refused("log", k.get(key, "/api/v1/notifications/logs/"+log.ID), 404, "RESOURCE_NOT_FOUND", "")
		k.refused("retry", k.post(key, "/api/v1/notifications/logs/"+log.ID+"/retry", ""), 404, "RESOURCE_NOT_FOUND", "")
		for _, query := range []string{"", "?endpoint_id=" + ep.ID, "?business_id=" + *log.BusinessID} {
			if list := k.logs(key, query); list.Total != 0 || len(list.Logs) != 0 {
				t.Errorf("%s: %+v", query, list)
			}
		}
		if got := k.post(key, "/api/v1/notifications/retry-failed", `{"endpoint_id":"`+ep.ID+`"}`); got.body != `{"success":true,"retried":0}` {
			t.Error(got.body)
		}
		if got := parse[statisticsBody](k, k.get(key, "/api/v1/notifications/statistics?endpoint_id="+ep.ID)); got.Total != 0 {
			t.Errorf("%+v", got)
		}
		if got := parse[queueBody](k, k.get(key, "/api/v1/notifications/queue/status")); got.Pending != 0 || got.Active != 0 {
			t.Errorf("%+v", got)
		}
	}
	if after := k.get(shopKey, "/api/v1/notifications/endpoints").body + k.get(shopKey, "/api/v1/notifications/logs/"+log.ID).body; after != before {
		t.Errorf("it was\n%s\nand is\n%s", before, after)
	}
}

// A merchant's events go to its own endpoints of the same mode, whatever the others subscribe to; an endpoint is told
// what it asked for.
func TestWhoIsTold(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 1)
	k.addEndpoint(shopKey, "plain")
	k.addEndpoint(shopKey, "all", "subscribed_events", `["*"]`)
	k.addEndpoint(shopKey, "created", "subscribed_events", `["order.created","order.created"]`)
	k.addEndpoint(shopKey, "off", "subscribed_events", `["*"]`, "is_enabled", `false`)
	k.addEndpoint(otherKey, "other", "subscribed_events", `["*"]`)
	k.addEndpoint(liveKey, "live", "subscribed_events", `["*"]`)
	o := k.create("R-1")
	rc := &receiver{status: 200}
	if got := strings.Join(k.deliver(rc), ", "); got != "/all evt_order_created_"+o.OrderID+", /created evt_order_created_"+o.OrderID {
		t.Error(got)
	}
	k.expire(sepolia, 20*time.Minute)
	if got := strings.Join(k.deliver(rc), ", "); got != "/all evt_order_expired_"+o.OrderID+", /plain evt_order_expired_"+o.OrderID {
		t.Error(got)
	}
}

// A test goes to its endpoint alone, and not through its subscription; the answer names its event.
func TestTestingAnEndpoint(t *testing.T) {
	k := newKit(t)
	k.addEndpoint(shopKey, "other", "subscribed_events", `["*"]`)
	ep := k.addEndpoint(shopKey, "tried", "subscribed_events", `["order.expired"]`)
	got := parse[testedBody](k, k.post(shopKey, "/api/v1/notifications/endpoints/"+ep.ID+"/test", ""))
	rc := &receiver{status: 200}
	if received := strings.Join(k.deliver(rc), ", "); received != "/tried "+got.EventID || got.EventID != fmt.Sprint("test_", started.UnixMilli()) || !got.Success {
		t.Errorf("received %s, told %+v", received, got)
	}
	list := k.logs(shopKey, "?event_type=test.event")
	if list.Total != 1 || list.Logs[0].EventID != got.EventID || list.Logs[0].BusinessType != nil || list.Logs[0].Status != "success" {
		t.Errorf("%+v", list)
	}
}

// No secret comes back: not in an answer after the first, not in a repeat, not in a log, not in what is stored.
func TestSecretsAreNotShownAgain(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 1)
	const base = "/api/v1/notifications/endpoints"
	once := http.Header{"Idempotency-Key": {"k"}}
	first := k.do(request{method: "POST", path: base, key: shopKey, body: newEndpoint("shop", "subscribed_events", `["*"]`), header: once})
	ep := parse[endpointBody](k, first)
	if first.status != 201 || ep.Config.Secret != canary {
		t.Fatalf("%d %s", first.status, first.body)
	}
	k.create("R-1")
	rc := &receiver{status: 500, body: "signed with sealed " + ep.ID + " " + secrets.Hash(canary)} // what this kit opens the secret as
	k.deliver(rc)
	log := k.logs(shopKey, "").Logs[0]
	var said strings.Builder
	for _, q := range []request{
		{method: "POST", path: base, body: newEndpoint("shop", "subscribed_events", `["*"]`), header: once},
		{method: "GET", path: base}, {method: "GET", path: base + "/" + ep.ID}, {method: "GET", path: "/api/v1/webhooks/endpoints/" + ep.ID},
		{method: "PUT", path: base + "/" + ep.ID, body: `{"config":{"url":"https://shop.example/new","secret":"` + mask + `"}}`},
		{method: "PUT", path: base + "/" + ep.ID, body: `{"config":{"secret":"` + canary + `"}}`},
		{method: "GET", path: "/api/v1/notifications/logs"}, {method: "GET", path: "/api/v1/notifications/logs/" + log.ID},
		{method: "PUT", path: base + "/" + ep.ID, body: `{"config":{"secret":"` + canary + ` with a space"}}`},
		{method: "DELETE", path: base + "/" + ep.ID},
	} {
		q.key = shopKey
		got := k.do(q)
		if got.status >= 500 {
			t.Errorf("%s %s: %d %s", q.method, q.path, got.status, got.body)
		}
		said.WriteString(got.body)
	}
	for _, secret := range []string{canary, secrets.Hash(canary)} {
		if strings.Contains(said.String(), secret) {
			t.Errorf("%s is in an answer: %s", secret, said.String())
		}
	}
	if !strings.Contains(said.String(), "signed with [secret]") {
		t.Error("the receiver's answer is not in the log")
	}
}

// A secret that was made is one of Standard Webhooks; a change keeps it, replaces it at once, or with an overlap.
func TestEndpointSecrets(t *testing.T) {
	k := newKit(t)
	stored := func(id string) engine.Endpoint {
		ep, err := k.engine.Endpoint(context.Background(), id)
		k.must(err)
		return *ep
	}
	sealed := func(id, secret string) string { return "sealed " + id + " " + secrets.Hash(secret) }
	const base = "/api/v1/notifications/endpoints/"
	made := parse[endpointBody](k, k.post(shopKey, "/api/v1/notifications/endpoints", `{"endpoint_name":"x","config":{"url":"https://shop.example"}}`))
	if !strings.HasPrefix(made.Config.Secret, "whsec_") || len(made.Config.Secret) != 50 || stored(made.ID).Secret != sealed(made.ID, made.Config.Secret) {
		t.Errorf("%+v", made)
	}
	k.put(shopKey, base+made.ID, `{"config":{"url":"https://shop.example/2","secret":"`+mask+`"}}`)
	if ep := stored(made.ID); ep.Secret != sealed(made.ID, made.Config.Secret) || ep.URL != "https://shop.example/2" {
		t.Errorf("the mask changed the secret: %+v", ep)
	}
	k.put(shopKey, base+made.ID, `{"config":{"secret":"whsec_0123456789"}}`)
	if ep := stored(made.ID); ep.Secret != sealed(made.ID, "whsec_0123456789") || len(ep.Old) != 0 || ep.URL != "https://shop.example/2" {
		t.Errorf("%+v", ep)
	}
	rotated := parse[endpointBody](k, k.post(shopKey, base+made.ID+"/rotate-secret", `{"overlap_hours":2}`))
	ep := stored(made.ID)
	if ep.Secret != sealed(made.ID, rotated.Config.Secret) || len(ep.Old) != 1 || ep.Old[0].Sealed != sealed(made.ID, "whsec_0123456789") ||
		rotated.PreviousSecretUntil != "2025-01-20T12:30:00.000Z" || !strings.HasPrefix(rotated.Config.Secret, "whsec_") {
		t.Errorf("%+v %+v", rotated, ep)
	}
	k.refused("overlap", k.post(shopKey, base+made.ID+"/rotate-secret", `{"overlap_hours":-1}`), 400, "VALIDATION_ERROR", "overlap_hours")
	k.refused("secret", k.post(shopKey, base+made.ID+"/rotate-secret", `{"secret":"short"}`), 400, "VALIDATION_ERROR", "secret")
}

// cases 69, 78: what an endpoint may be.
func TestEndpointRefusals(t *testing.T) {
	k := newKit(t)
	for _, url := range []string{
		"http://shop.example", "ftp://shop.example", "https://127.0.0.1", "https://[::1]", "https://0.0.0.0", "https://169.254.169.254", "https://10.1.2.3",
		"https://172.16.0.1", "https://192.168.0.1", "https://100.64.0.1", "https://[fc00::1]", "https://[fe80::1]", "https://[::ffff:127.0.0.1]", "https://[64:ff9b::7f00:1]",
		"https://2130706433", "https://0x7f.1", "https://0177.0.0.1", "https://localhost.", "https://user:pass@shop.example", "https://shop.example/a\\r\\nX: y",
		"https://shop.example#x", "javascript:alert(1)", "https://", "/relative", strings.Repeat("x", 3000),
	} {
		for _, verb := range []string{"POST", "PUT"} {
			path := "/api/v1/notifications/endpoints"
			if verb == "PUT" {
				path += "/" + k.addEndpoint(shopKey, "victim").ID
			}
			body := `{"endpoint_name":"x","config":{"url":"` + url + `"}}`
			k.refused(verb+" "+url, k.do(request{method: verb, path: path, key: shopKey, body: body}), 400, "VALIDATION_ERROR", "config.url")
		}
	}
	good := newEndpoint("x")
	for _, test := range [][3]string{
		{`"endpoint_name":"x"`, `"endpoint_name":""`, "endpoint_name"},
		{`"endpoint_name":"x"`, `"endpoint_name":null`, "endpoint_name"},
		{`"endpoint_name":"x"`, `"endpoint_name":"a\u0000b"`, "endpoint_name"},
		{`"endpoint_name":"x"`, `"endpoint_name":"` + strings.Repeat("x", 256) + `"`, "endpoint_name"},
		{`"webhook"`, `"email"`, "endpoint_type"}, {`"webhook"`, `"telegram"`, "endpoint_type"}, {`"webhook"`, `"sms"`, "endpoint_type"}, {`"webhook"`, `7`, "endpoint_type"},
		{`"config":{`, `"settings":{`, "config"}, {`"config":{`, `"config":"x","y":{`, "config"},
		{canary, "short", "config.secret"}, {canary, mask, "config.secret"}, {canary, strings.Repeat("x", 256), "config.secret"}, {canary, "with spaces and more", "config.secret"},
	} {
		body := strings.Replace(good, test[0], test[1], 1)
		k.refused(body, k.post(shopKey, "/api/v1/notifications/endpoints", body), 400, "VALIDATION_ERROR", test[2])
	}
	for _, test := range [][3]string{
		{"subscribed_events", `"*"`, "subscribed_events"}, {"subscribed_events", `["order.paid"]`, "subscribed_events[0]"}, {"subscribed_events", `["order.*","refund.*"]`, "subscribed_events[1]"},
		{"subscribed_events", `["test.event"]`, "subscribed_events[0]"}, {"subscribed_events", `[1]`, "subscribed_events[0]"}, {"subscribed_events", `["order*"]`, "subscribed_events[0]"},
		{"subscribed_events", `["` + strings.Repeat(`*","`, 50) + `*"]`, "subscribed_events"},
		{"max_retries", `-1`, "max_retries"}, {"max_retries", `14`, "max_retries"}, {"max_retries", `1.5`, "max_retries"}, {"max_retries", `"many"`, "max_retries"},
		{"timeout_ms", `999`, "timeout_ms"}, {"timeout_ms", `30001`, "timeout_ms"}, {"timeout_ms", `true`, "timeout_ms"},
		{"is_enabled", `"yes"`, "is_enabled"}, {"vendor_schedule_only", `1`, "vendor_schedule_only"},
		{"description", `7`, "description"}, {"description", `"\u0001"`, "description"}, {"description", `"` + strings.Repeat("x", 1001) + `"`, "description"},
		{"metadata", `[]`, "metadata"}, {"metadata", `{"1":1,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9,"10":10,"11":11}`, "metadata"},
	} {
		body := newEndpoint("x", test[0], test[1])
		k.refused(body, k.post(shopKey, "/api/v1/notifications/endpoints", body), 400, "VALIDATION_ERROR", test[2])
	}
}

// What is left out of a change stays, and null goes back to the default.
func TestEndpointChanges(t *testing.T) {
	k := newKit(t)
	ep := k.addEndpoint(shopKey, "shop", "subscribed_events", `["order.*"]`, "max_retries", `"2"`, "timeout_ms", `1000`, "description", `"d"`, "metadata", `{"a":1.10}`)
	path := "/api/v1/notifications/endpoints/" + ep.ID
	k.clock.Move(time.Minute)
	change := func(body string) string {
		t.Helper()
		got := k.put(shopKey, path, body)
		if got.status != 200 {
			t.Fatalf("%s: %d %s", body, got.status, got.body)
		}
		return got.body
	}
	same := func(what, body string, want endpointBody) {
		t.Helper()
		text, _ := json.Marshal(want)
		if body != string(text) {
			t.Errorf("%s:\n%s\nwant\n%s", what, body, text)
		}
	}
	want := ep
	want.Config.Secret, want.UpdatedAt = mask, "2025-01-20T10:31:00.000Z"
	same("nothing", change(`{"unknown":1,"id":"x","organization_id":"y","created_at":"z"}`), want)
	want.EndpointName, want.IsEnabled, want.MaxRetries = "new", false, 0
	same("some", change(`{"endpoint_name":"new","is_enabled":false,"max_retries":0}`), want)
	want.Description, want.Metadata, want.SubscribedEvents, want.MaxRetries, want.TimeoutMS = nil, json.RawMessage("null"), []string{}, 13, 30000
	same("back to the defaults", change(`{"description":null,"metadata":null,"subscribed_events":null,"max_retries":null,"timeout_ms":null}`), want)
	want.MaxRetries, want.VendorScheduleOnly = 5, true
	same("PayIn's schedule", change(`{"vendor_schedule_only":true}`), want)
	k.must(putOK(k, shopKey, "vendor_schedule_only", `true`))
	want.VendorScheduleOnly = false
	same("PayIn's schedule for all", change(`{"vendor_schedule_only":false}`), want)
}

// Retries send the stored bytes under the same id; a log says what became of them, and what cannot be retried.
func TestRetryingNotifications(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 3)
	ep := k.addEndpoint(shopKey, "shop", "subscribed_events", `["order.created"]`, "max_retries", "0")
	o := k.create("R-1")
	k.create("R-2")
	rc := &receiver{status: 404, body: "no"}
	k.deliver(rc)
	first := slices.Clone(rc.bodies)
	failed := k.logs(shopKey, "?status=failed")
	if failed.Total != 2 || *failed.Logs[0].ErrorMessage != "The endpoint answered 404" || *failed.Logs[0].ResponseBody != "no" || failed.Logs[0].RetryCount != 0 {
		t.Fatalf("%+v", failed)
	}
	k.clock.Move(time.Hour)
	rc.status = 200
	for body, n := range map[string]int{
		`{"endpoint_id":"ep_unknown"}`: 0, `{"event_type":"order.expired"}`: 0, `{"failed_after":"2025-01-20T10:30:01Z"}`: 0,
	} {
		if got := parse[retriedBody](k, k.post(shopKey, "/api/v1/notifications/retry-failed", body)); got.Retried != n {
			t.Errorf("%s: %+v", body, got)
		}
	}
	of := k.logs(shopKey, "?business_id="+o.OrderID)
	if of.Total != 1 || *of.Logs[0].BusinessID != o.OrderID || *of.Logs[0].BusinessType != "order" {
		t.Fatalf("%+v", of)
	}
	retry := "/api/v1/notifications/logs/" + of.Logs[0].ID + "/retry"
	k.put(shopKey, "/api/v1/notifications/endpoints/"+ep.ID, `{"is_enabled":false}`)
	k.refused("to a disabled endpoint", k.post(shopKey, retry, ""), 400, "VALIDATION_ERROR", "")
	k.put(shopKey, "/api/v1/notifications/endpoints/"+ep.ID, `{"is_enabled":true}`)
	if got := k.post(shopKey, retry, ""); got.body != `{"success":true}` {
		t.Error(got.body)
	}
	if again := k.logs(shopKey, "?status=pending"); again.Total != 1 || again.Logs[0].NextRetryAt == nil || again.Logs[0].HTTPStatusCode != nil {
		t.Errorf("%+v", again)
	}
	if got := parse[retriedBody](k, k.post(shopKey, "/api/v1/notifications/retry-failed", `{"endpoint_id":"`+ep.ID+`","failed_after":"2025-01-20"}`)); got.Retried != 1 || !got.Success {
		t.Errorf("%+v", got)
	}
	k.deliver(rc)
	slices.Sort(first)
	slices.Sort(rc.bodies)
	if !slices.Equal(first, rc.bodies) {
		t.Errorf("first\n%q\nagain\n%q", first, rc.bodies)
	}
	k.refused("delivered", k.post(shopKey, retry, ""), 400, "VALIDATION_ERROR", "")
	one := parse[logBody](k, k.get(shopKey, strings.TrimSuffix(retry, "/retry")))
	if len(one.Attempts) != 2 || *one.Attempts[0].HTTPStatusCode != 404 || *one.Attempts[1].HTTPStatusCode != 200 || one.Attempts[1].ErrorMessage != nil || *one.ResponseTimeMS != 120 {
		t.Errorf("%+v", one)
	}

	// What waits for an endpoint that is deleted is cancelled, and its history stays.
	k.create("R-3")
	rc.status = 500
	k.put(shopKey, "/api/v1/notifications/endpoints/"+ep.ID, `{"max_retries":5}`)
	k.deliver(rc)
	k.do(request{method: "DELETE", path: "/api/v1/notifications/endpoints/" + ep.ID, key: shopKey})
	list := k.logs(shopKey, "?endpoint_id="+ep.ID+"&limit=1")
	if list.Total != 3 || list.Logs[0].Status != "cancelled" || list.Logs[0].NextRetryAt != nil {
		t.Errorf("%+v", list)
	}
	k.refused("to a deleted endpoint", k.post(shopKey, "/api/v1/notifications/logs/"+list.Logs[0].ID+"/retry", ""), 404, "RESOURCE_NOT_FOUND", "")
}

// Statistics are exact, by endpoint and by day, and the queue shows what waits.
func TestNotificationStatistics(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 9)
	first := k.addEndpoint(shopKey, "first", "subscribed_events", `["order.created"]`, "max_retries", "0")
	k.addEndpoint(shopKey, "second", "subscribed_events", `["order.created"]`)
	rc := &receiver{status: 200}
	for i := range 5 {
		rc.status = []int{200, 200, 200, 500, 500}[i]
		k.create(fmt.Sprint("R-", i))
		k.deliver(rc)
		if i == 1 {
			k.clock.Move(24 * time.Hour)
		}
	}
	stats := func(query string) string {
		t.Helper()
		s := parse[statisticsBody](k, k.get(shopKey, "/api/v1/notifications/statistics"+query))
		avg := "none"
		if s.AvgResponseTimeMS != nil {
			avg = fmt.Sprint(*s.AvgResponseTimeMS)
		}
		return fmt.Sprintf("%d: %d pending, %d success, %d failed, %d cancelled, %s ms", s.Total, s.Pending, s.Success, s.Failed, s.Cancelled, avg)
	}
	for query, want := range map[string]string{
		"":                         "10: 2 pending, 6 success, 2 failed, 0 cancelled, 120 ms",
		"?endpoint_id=" + first.ID: "5: 0 pending, 3 success, 2 failed, 0 cancelled, 120 ms",
		"?start_date=2025-01-21":   "6: 2 pending, 2 success, 2 failed, 0 cancelled, 120 ms",
		"?end_date=2025-01-20":     "4: 0 pending, 4 success, 0 failed, 0 cancelled, 120 ms",
		"?start_date=2025-01-22":   "0: 0 pending, 0 success, 0 failed, 0 cancelled, none ms",
		"?start_date=2025-01-20&end_date=2025-01-21": "10: 2 pending, 6 success, 2 failed, 0 cancelled, 120 ms",
		"?endpoint_id=ep_unknown":                    "0: 0 pending, 0 success, 0 failed, 0 cancelled, none ms",
	} {
		if got := stats(query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	if got := k.get(shopKey, "/api/v1/notifications/queue/status").body; got != `{"running":true,"active":2,"max":256,"pending":2}` {
		t.Error(got)
	}
	for query, field := range map[string]string{"?start_date=x": "start_date", "?end_date=2025": "end_date", "?start_date=2025-01-02&end_date=2025-01-01": "end_date", "?endpoint_id=a&endpoint_id=b": "endpoint_id"} {
		k.refused(query, k.get(shopKey, "/api/v1/notifications/statistics"+query), 400, "VALIDATION_ERROR", field)
	}
	for query, field := range map[string]string{"?limit=101": "limit", "?page=0": "page", "?status=exhausted": "status", "?business_type=link": "business_type", "?event_type=%00": "event_type"} {
		k.refused(query, k.get(shopKey, "/api/v1/notifications/logs"+query), 400, "VALIDATION_ERROR", field)
	}
	for query, n := range map[string]int64{
		"?business_type=order": 10, "?business_type=deposit": 0, "?business_type=deposit&business_id=R-1": 0, "?business_id=R-1": 0, "?business_type=deposit&event_type=order.created": 0,
		"?event_type=order.created&status=success": 6, "?status=sending": 0, "?page=3&limit=4": 10,
	} {
		list := k.logs(shopKey, query)
		if list.Total != n {
			t.Errorf("%s: %d logs, want %d", query, list.Total, n)
		}
	}
	if list := k.logs(shopKey, "?page=3&limit=4"); len(list.Logs) != 2 || list.Page != 3 || list.Limit != 4 {
		t.Errorf("%+v", list)
	}
}

// A merchant has at most a hundred endpoints in a mode.
func TestEndpointsAreLimited(t *testing.T) {
	k := newKit(t)
	for i := range maxEndpoints {
		k.must(k.engine.SaveEndpoint(context.Background(), engine.Endpoint{ID: fmt.Sprint("ep", i), Scope: engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: Name}}))
	}
	k.refused("one more", k.post(shopKey, "/api/v1/notifications/endpoints", newEndpoint("x")), 400, "VALIDATION_ERROR", "")
	k.addEndpoint(liveKey, "x")
}

// Who points a merchant's webhooks, payers or money elsewhere, or gives himself a secret, stands among the actions, which are
// sealed.
func TestWhoAdministersIsOnRecord(t *testing.T) {
	k := newKit(t)
	const path = "/api/v1/notifications/endpoints"
	const secret = "sixteen-characters"
	made := parse[endpointBody](k, k.post(shopKey, path, `{"endpoint_name":"ERP","config":{"url":"https://erp.example","secret":"`+secret+`"}}`))
	link := k.link()
	for _, asked := range []request{
		{method: "PUT", path: linksPath + "/" + link.ID, body: `{"amount":"1"}`},
		{method: "POST", path: linksPath + "/" + link.ID + "/publish"},
		{method: "PUT", path: path + "/" + made.ID, body: `{"config":{"url":"https://thief.example"}}`},
		{method: "POST", path: path + "/" + made.ID + "/rotate-secret", body: `{"secret":"` + secret + `"}`},
		{method: "DELETE", path: path + "/" + made.ID},
		{method: "PUT", path: "/api/v1/config/redirect.default_order_success_url", body: `{"value":"https://thief.example"}`},
		{method: "DELETE", path: "/api/v1/config/redirect.default_order_success_url"},
		{method: "POST", path: "/api/v1/address-pool/addresses", body: `{"addresses":[{"protocol":"evm","address":"0x00000000000000000000000000000000000000aa","derivationIndex":null}]}`},
	} {
		asked.key = shopKey
		if got := k.do(asked); got.status/100 != 2 {
			t.Fatalf("%s: %d %s", asked.method, got.status, got.body)
		}
	}
	var found engine.Unsealed
	k.must(k.store.View(t.Context(), func(rd engine.Reader) (err error) {
		found, err = rd.Unsealed(100)
		return err
	}))
	var done []string
	for _, a := range found.Actions {
		done = append(done, a.Who+" "+a.What+" "+a.Ref)
		if strings.Contains(a.Detail, secret) {
			t.Errorf("a secret is on record: %+v", a)
		}
	}
	var want []string
	for _, what := range []string{"endpoint.add " + made.ID, "offer.make " + link.ID, "offer.save " + link.ID, "offer.save " + link.ID, "endpoint.change " + made.ID, "endpoint.rotate " + made.ID, "endpoint.delete " + made.ID,
		"setting.save shop", "setting.save shop", "instrument.import shop"} {
		want = append(want, "key_"+shopKey+" "+what)
	}
	if !slices.Equal(done, want) {
		t.Errorf("on record: %q, want %q", done, want)
	}
}
