package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator/client"
	"till/internal/secrets"
)

// share is what the order has on an account.
func share(o client.Order, role string) string {
	for _, b := range o.Balances {
		if b.Role == role {
			return b.Amount.Decimal
		}
	}
	return ""
}

func TestRemediesHaveOneEffect(t *testing.T) {
	k := newKit(t)
	c, ctx := k.client(t, tokenAll), t.Context()
	release := client.Release{ID: "r1", Order: "ord_late", From: "suspense/late", Amount: "4.00"}
	for range 3 {
		o, err := c.Release(ctx, release)
		if err != nil || share(o, "suspense/late") != "6.000000" || share(o, "merchant") != "4.000000" || o.State != "expired" {
			t.Fatalf("released: %+v %v", o.Balances, err)
		}
	}
	release.Amount = "5.00"
	if _, err := c.Release(ctx, release); !client.IsCode(err, string(fault.CodeIdempotencyConflict)) {
		t.Errorf("another release under the same id: %v", err)
	}
	if _, err := c.Absorb(ctx, client.Absorb{ID: "r1", Order: "ord_short", Amount: "5.00"}); !client.IsCode(err, string(fault.CodeIdempotencyConflict)) {
		t.Errorf("another command under the same id: %v", err)
	}
	release.ID, release.Amount = "r2", "6.01"
	if _, err := c.Release(ctx, release); !client.IsCode(err, string(fault.CodeOrderStateConflict)) {
		t.Errorf("more than there is: %v", err)
	}

	refund := client.Refund{ID: "tr_1", Order: "ord_late", From: "suspense/late", Amount: "6.00", Reason: "paid too late"}
	for range 3 {
		o, err := c.Refund(ctx, refund)
		if err != nil || share(o, "suspense/late") != "" || share(o, "order/refunding") != "6.000000" || len(o.Transfers) != 1 ||
			o.Transfers[0].To != "0xpayer" || o.Transfers[0].Reason != "paid too late" || !strings.Contains(fmt.Sprint(o.Timeline), `because "paid too late"`) || o.Transfers[0].State != "reserved" || !strings.Contains(strings.Join(o.Waiting.Missing, " "), "tr_1") {
			t.Fatalf("refunded: %+v %+v %v", o.Balances, o.Transfers, err)
		}
	}

	short, err := c.Shortfalls(ctx, "sandbox", "", 0)
	if err != nil || len(short.Orders) != 1 || short.Orders[0].Order != "ord_short" || short.Orders[0].Balances[0].Amount.Decimal != "-100.000000" {
		t.Errorf("%+v %v", short, err)
	}
	for range 2 {
		o, err := c.Absorb(ctx, client.Absorb{ID: "a1", Order: "ord_short", Amount: "100.00"})
		if err != nil || share(o, "order/short") != "" {
			t.Fatalf("absorbed: %+v %v", o.Balances, err)
		}
	}
	if short, err = c.Shortfalls(ctx, "", "", 0); err != nil || len(short.Orders) != 0 {
		t.Errorf("%+v %v", short, err)
	}
	suspense, err := c.Suspense(ctx, "", "", 0)
	if err != nil || len(suspense.Orders) != 0 {
		t.Errorf("%+v %v", suspense, err)
	}

	if o, err := c.Assign(ctx, client.Assign{Order: "ord_open", Rail: "evm:some-chain", External: "0xst:0"}); err != nil || o.State != "part" || o.Received.Decimal != "3.000000" {
		t.Errorf("assigned: %s %+v %v", o.State, o.Received, err)
	}
	if o, err := c.Cancel(ctx, "ord_open", "wish of the payer"); err != nil || o.State != "cancelled" || o.Reason != "wish of the payer" {
		t.Errorf("cancelled: %s %s %v", o.State, o.Reason, err)
	}
	if _, err := c.Cancel(ctx, "ord_open", ""); !client.IsCode(err, string(fault.CodeOrderStateConflict)) {
		t.Errorf("cancelled again: %v", err)
	}
	wantActions(t, k, "release", "refund", "absorb", "assign", "cancel")
}

// wantActions wants each command on record, once, as the token's that gave it.
func wantActions(t *testing.T, k *kit, what ...string) {
	t.Helper()
	var unsealed engine.Unsealed
	must(t, k.store.View(t.Context(), func(rd engine.Reader) (err error) {
		unsealed, err = rd.Unsealed(1000)
		return err
	}))
	n := map[string]int{}
	for _, a := range unsealed.Actions {
		if a.Who == tokenAll {
			n[a.What]++
		}
		if strings.Contains(a.Detail, "whsec_") || strings.Contains(a.Detail, "made_some") {
			t.Errorf("a secret is on record: %+v", a)
		}
	}
	for _, w := range what {
		if n[w] != 1 {
			t.Errorf("%d actions %s on record: %v", n[w], w, n)
		}
	}
}

func TestBadRemedies(t *testing.T) {
	k := newKit(t)
	bad := http.StatusBadRequest
	for _, test := range []struct {
		path, body string
		status     int
		code       fault.Code
		param      string
	}{
		{"/suspense/release", `{"order":"ord_late","from":"suspense/late","amount":"1"}`, bad, fault.CodeMissingField, "id"},
		{"/suspense/release", `{"id":"","order":"ord_late","from":"suspense/late","amount":"1"}`, bad, fault.CodeInvalidValue, "id"},
		{"/suspense/release", `{"id":"1","order":"ord_late","from":"suspense/late","amount":1}`, bad, fault.CodeWrongType, "amount"},
		{"/suspense/release", `{"id":"1","order":"ord_late","from":"suspense/late","amount":"-1"}`, bad, fault.CodeInvalidAmount, "amount"},
		{"/suspense/release", `{"id":"1","order":"ord_late","from":"suspense/late","amount":"0"}`, bad, fault.CodeInvalidAmount, "amount"},
		{"/suspense/release", `{"id":"1","order":"ord_late","from":"suspense/late","amount":"0.0000001"}`, bad, fault.CodeInvalidAmount, "amount"},
		{"/suspense/release", `{"id":"1","order":"ord_late","from":"merchant/all","amount":"1"}`, bad, fault.CodeInvalidValue, "from"},
		{"/suspense/release", `{"id":"1","order":"ord_late","from":"suspense/late","amount":"1","asset":"GOLD"}`, bad, fault.CodeInvalidCurrency, "asset"},
		{"/suspense/release", `{"id":"1","order":"ord_none","from":"suspense/late","amount":"1"}`, http.StatusNotFound, fault.CodeNotFound, ""},
		{"/suspense/release", `{"id":"1","order":"ord_late","from":"merchant","amount":"1"}`, http.StatusConflict, fault.CodeOrderStateConflict, ""},
		{"/suspense/refund", `{"id":"1","order":"ord_late","from":"suspense/late","amount":"1","to":"0x1"}`, bad, fault.CodeMissingField, "to"},
		{"/suspense/refund", `{"id":"1","order":"ord_late","from":"suspense/late","amount":"1","rail":"bank","to":"1"}`, http.StatusServiceUnavailable, fault.CodeNotConfigured, ""},
		{"/suspense/refund", `{"id":"1","order":"ord_open","from":"suspense/late","amount":"1"}`, http.StatusConflict, fault.CodeOrderStateConflict, ""},
		{"/suspense/assign", `{"order":"ord_open","rail":"evm:some-chain","external":"0xsh:0"}`, http.StatusNotFound, fault.CodeNotFound, ""},
		{"/suspense/assign", `{"order":"ord_late","rail":"evm:some-chain","external":"0xst:0"}`, http.StatusConflict, fault.CodeOrderStateConflict, ""},
		{"/shortfalls/absorb", `{"id":"1","order":"ord_late","amount":"1"}`, http.StatusConflict, fault.CodeOrderStateConflict, ""},
		{"/messages/replay", `{}`, bad, fault.CodeMissingField, "order"},
		{"/messages/replay", `{"endpoint":"ep_1"}`, bad, fault.CodeMissingField, "createdAfter"},
		{"/messages/replay", `{"endpoint":"ep_2","createdAfter":"2026-03-01T00:00:00Z"}`, http.StatusNotFound, fault.CodeNotFound, ""},
		{"/messages/none/replay", "", http.StatusNotFound, fault.CodeNotFound, ""},
		{"/merchants", `{"id":"m1","name":"again"}`, http.StatusConflict, fault.CodeDuplicateReference, "id"},
		{"/merchants", `{"id":"m/1","name":"x"}`, bad, fault.CodeInvalidValue, "id"},
		{"/endpoints", `{"merchant":"m9","mode":"sandbox","dialect":"some","url":"https://x.example/"}`, http.StatusNotFound, fault.CodeNotFound, "merchant"},
		{"/endpoints", `{"merchant":"m1","mode":"sandbox","dialect":"none","url":"https://x.example/"}`, bad, fault.CodeInvalidValue, "dialect"},
		{"/endpoints", `{"merchant":"m1","mode":"sandbox","dialect":"some","url":"http://x.example/"}`, bad, fault.CodeInvalidURL, "url"},
		{"/keys", `{"merchant":"m9","mode":"sandbox","dialect":"some"}`, http.StatusNotFound, fault.CodeNotFound, "merchant"},
		{"/keys", `{"merchant":"m1","dialect":"some"}`, bad, fault.CodeMissingField, "mode"},
		{"/keys", `{"merchant":"m1","mode":"live","dialect":""}`, bad, fault.CodeInvalidValue, "dialect"},
		{"/keys", `{"dialect":"some","mode":"live"}`, bad, fault.CodeMissingField, "merchant"},
		{"/keys", `{"scopes":["everything"]}`, bad, fault.CodeInvalidValue, "scopes"},
		{"/keys", `{"scopes":["orders:read","order:write"]}`, bad, fault.CodeInvalidValue, "scopes"},
		{"/keys", `{"expiresAt":"2026-03-01T13:00:00Z"}`, bad, fault.CodeInvalidValue, "expiresAt"},
		{"/instruments", `{"merchant":"m1","mode":"sandbox","addresses":["0xnew","12"]}`, bad, fault.CodeInvalidAddress, "addresses[1]"},
		{"/instruments", `{"merchant":"m1","mode":"sandbox","addresses":["0xnew","0xnew"]}`, bad, fault.CodeInvalidAddress, "addresses[1]"},
		{"/instruments", `{"merchant":"m1","mode":"live","addresses":["0xnew","0xaddr1"]}`, bad, fault.CodeInvalidAddress, "addresses[1]"},
		{"/instruments", `{"merchant":"m9","mode":"live","addresses":["0xnew"]}`, http.StatusNotFound, fault.CodeNotFound, "merchant"},
		{"/instruments/archive", `{"merchant":"m1","mode":"sandbox","address":"0xnone"}`, http.StatusNotFound, fault.CodeNotFound, ""},
	} {
		t.Run(test.path+" "+test.body, func(t *testing.T) {
			wantProblem(t, call(k.handler, "POST", test.path, tokenAll, test.body), test.status, test.code, test.param)
		})
	}
	if counts, err := k.client(t, tokenAll).Counts(t.Context(), "m1", "sandbox", ""); err != nil || counts.Total != 4 {
		t.Errorf("a refused import added something: %+v %v", counts, err)
	}
}

// A replay sends the same id and bytes, from the first attempt on.
func TestReplay(t *testing.T) {
	k := newKit(t)
	c, ctx := k.client(t, tokenAll), t.Context()
	stored := func() engine.Message {
		t.Helper()
		m, err := k.engine.Message(ctx, k.message)
		must(t, err)
		return *m
	}
	first := stored()
	done := first
	done.State, done.Attempts, done.LastStatus, done.DoneAt = engine.MessageExhausted, 9, 500, k.now
	must(t, k.engine.Attempted(ctx, []engine.Message{done}))
	k.now = k.now.Add(time.Hour)
	due := func(want int) {
		t.Helper()
		list, err := k.engine.DueMessages(ctx, "ep_1", k.now, 100)
		if err != nil || len(list) != want {
			t.Errorf("%d messages are due, want %d: %v", len(list), want, err)
		}
	}
	due(2)

	got, err := c.ReplayMessage(ctx, k.message)
	if err != nil || got.State != "pending" || got.Attempts != 0 || got.NextAt == nil || !got.NextAt.Equal(k.now) || got.DoneAt != nil || got.Order != "ord_open" {
		t.Errorf("%+v %v", got, err)
	}
	after := stored()
	if after.WireID != first.WireID || string(after.Body) != string(first.Body) || after.Type != first.Type || !after.CreatedAt.Equal(first.CreatedAt) {
		t.Errorf("it was %+v, it is %+v", first, after)
	}
	due(3)

	for name, test := range map[string]struct {
		ask  client.Replay
		want int
	}{
		"an order":               {client.Replay{Order: "ord_open"}, 1},
		"an order, one state":    {client.Replay{Order: "ord_open", State: "delivered"}, 0},
		"an endpoint":            {client.Replay{Endpoint: "ep_1", CreatedAfter: new(testNow)}, 3},
		"an endpoint, too late":  {client.Replay{Endpoint: "ep_1", CreatedAfter: new(k.now)}, 0},
		"an endpoint, too early": {client.Replay{Endpoint: "ep_1", CreatedAfter: new(testNow), CreatedBefore: new(testNow.Add(59 * time.Minute))}, 0},
		"another type":           {client.Replay{Endpoint: "ep_1", CreatedAfter: new(testNow), Type: "done"}, 0},
	} {
		if got, err := c.Replay(ctx, test.ask); err != nil || got.Replayed != test.want {
			t.Errorf("%s: %d %v, want %d", name, got.Replayed, err, test.want)
		}
	}
	page, err := c.Messages(ctx, client.MessageQuery{State: "pending", Limit: 2})
	if err != nil || len(page.Messages) != 2 || page.Next == "" || page.Messages[0].Order != "ord_open" {
		t.Errorf("%+v %v", page, err)
	}
	if page, err = c.Messages(ctx, client.MessageQuery{State: "pending", After: page.Next}); err != nil || len(page.Messages) != 1 || page.Next != "" {
		t.Errorf("%+v %v", page, err)
	}

	_, err = c.ChangeEndpoint(ctx, "ep_1", client.EndpointChange{Enabled: new(false)})
	must(t, err)
	if _, err := c.ReplayMessage(ctx, k.message); !client.IsCode(err, string(fault.CodeInvalidValue)) {
		t.Errorf("to a disabled endpoint: %v", err)
	}
	if got, err := c.Replay(ctx, client.Replay{Order: "ord_open"}); err != nil || got.Replayed != 0 {
		t.Errorf("to a disabled endpoint: %+v %v", got, err)
	}
	_, err = c.RemoveEndpoint(ctx, "ep_1")
	must(t, err)
	if _, err := c.ReplayMessage(ctx, k.message); !client.IsCode(err, string(fault.CodeNotFound)) {
		t.Errorf("to a deleted endpoint: %v", err)
	}
}

// cases 79, 92: the secret is shown once and kept sealed; a deleted endpoint is told nothing more.
func TestEndpoints(t *testing.T) {
	k := newKit(t)
	c, ctx := k.client(t, tokenAll), t.Context()
	made, err := c.AddEndpoint(ctx, client.NewEndpoint{Merchant: "m1", Mode: "sandbox", Dialect: "some", Name: "two", URL: "https://two.example/", Events: []string{"made"}})
	if err != nil || made.Secret != "whsec_made" || !made.Enabled || made.Name != "two" || len(made.Events) != 1 {
		t.Fatalf("%+v %v", made, err)
	}
	stored, err := k.engine.Endpoint(ctx, made.ID)
	if err != nil || stored.Secret != "sealed" {
		t.Errorf("%+v %v", stored, err)
	}
	changed, err := c.ChangeEndpoint(ctx, made.ID, client.EndpointChange{URL: new("https://three.example/"), Events: &[]string{}})
	if err != nil || changed.URL != "https://three.example/" || changed.Name != "two" || len(changed.Events) != 0 || changed.Secret != "" {
		t.Errorf("%+v %v", changed, err)
	}
	if _, err := c.ChangeEndpoint(ctx, made.ID, client.EndpointChange{URL: new("ftp://x")}); !client.IsCode(err, string(fault.CodeInvalidURL)) {
		t.Error(err)
	}
	if stored, err = k.engine.Endpoint(ctx, made.ID); err != nil || stored.Secret != "sealed" {
		t.Errorf("a change lost the secret: %+v %v", stored, err)
	}
	for query, want := range map[client.EndpointQuery]int{{}: 2, {Merchant: "m1", Mode: "sandbox", Dialect: "some"}: 2, {Merchant: "m2"}: 0, {Mode: "live"}: 0, {Limit: 1}: 1} {
		page, err := c.Endpoints(ctx, query)
		if err != nil || len(page.Endpoints) != want {
			t.Errorf("%+v: %+v %v", query, page, err)
		}
		for _, e := range page.Endpoints {
			if e.Secret != "" {
				t.Errorf("a list shows the secret: %+v", e)
			}
		}
	}
	if _, err := c.RemoveEndpoint(ctx, made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := c.RemoveEndpoint(ctx, made.ID); !client.IsCode(err, string(fault.CodeNotFound)) {
		t.Errorf("removed again: %v", err)
	}
	if stored, err = k.engine.Endpoint(ctx, made.ID); err != nil || stored != nil {
		t.Errorf("%+v %v", stored, err)
	}
	wantActions(t, k, "endpoint.add", "endpoint.change", "endpoint.delete")
}

// A payment is made up for an order of the sandbox's own rail, and for no other.
func TestSimulatePayment(t *testing.T) {
	k := newKit(t)
	c, ctx := k.client(t, tokenAll), t.Context()
	o, err := k.engine.Find(ctx, "ord_open")
	must(t, err)
	for _, test := range []struct {
		ask  client.SimulatedPayment
		told string
	}{
		{client.SimulatedPayment{Order: "ord_open", Amount: "1.5"}, "|" + o.Instrument.Value + "|1.500000 USDT|confirmed||"},
		{client.SimulatedPayment{Order: "ord_open", Amount: "2", Currency: "USDT", State: "reversed", ID: "sbx-1", From: "acc", Name: "Ann"}, "sbx-1|" + o.Instrument.Value + "|2.000000 USDT|reversed|acc|Ann"},
	} {
		got, err := c.SimulatePayment(ctx, test.ask)
		if err != nil || got.ID != test.told || got.Order != "ord_open" || got.Reference != o.Instrument.Value || got.Amount.Currency != "USDT" {
			t.Errorf("%+v: %+v %v", test.ask, got, err)
		}
	}
	for _, test := range []struct {
		ask  client.SimulatedPayment
		code fault.Code
	}{
		{client.SimulatedPayment{Order: "ord_none", Amount: "1"}, fault.CodeNotFound},
		{client.SimulatedPayment{Order: "ord_open", Amount: "0"}, fault.CodeInvalidAmount},
		{client.SimulatedPayment{Order: "ord_open", Amount: "1.1234567"}, fault.CodeInvalidAmount},
		{client.SimulatedPayment{Order: "ord_open", Amount: "1", Currency: "XYZ"}, fault.CodeInvalidCurrency},
		{client.SimulatedPayment{Order: "ord_open", Amount: "1", State: "paid"}, fault.CodeInvalidValue},
	} {
		if _, err := c.SimulatePayment(ctx, test.ask); !client.IsCode(err, string(test.code)) {
			t.Errorf("%+v: %v, want %s", test.ask, err, test.code)
		}
	}
}

// case 92: a new secret is shown once; the old one signs until its end, or not at all.
func TestRotateEndpoint(t *testing.T) {
	k := newKit(t)
	c, ctx := k.client(t, tokenAll), t.Context()
	sealed := func() string {
		ep, err := k.engine.Endpoint(ctx, "ep_1")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(ep.Secrets(k.now), " ")
	}
	for _, test := range []struct {
		ask    client.SecretRotation
		until  time.Duration
		sealed string
	}{
		{client.SecretRotation{}, 24 * time.Hour, "sealed1 sealed"},
		{client.SecretRotation{OverlapSeconds: new(int64(60))}, time.Minute, "sealed2 sealed1 sealed"},
		{client.SecretRotation{OverlapSeconds: new(int64(0))}, 0, "sealed3"},
	} {
		got, err := c.RotateEndpoint(ctx, "ep_1", test.ask)
		if err != nil || !strings.HasPrefix(got.Secret, "whsec_new") || sealed() != test.sealed {
			t.Errorf("%+v %v, sealed %s", got, err, sealed())
		}
		if test.until > 0 && (len(got.OldSecretsUntil) == 0 || !got.OldSecretsUntil[0].Equal(k.now.Add(test.until))) || test.until == 0 && got.OldSecretsUntil != nil {
			t.Errorf("the old one ends %v", got.OldSecretsUntil)
		}
	}
	if _, err := c.RotateEndpoint(ctx, "ep_1", client.SecretRotation{OverlapSeconds: new(int64(31 * 24 * 3600))}); !client.IsCode(err, string(fault.CodeInvalidValue)) {
		t.Error(err)
	}
	if _, err := c.RotateEndpoint(ctx, "none", client.SecretRotation{}); !client.IsCode(err, string(fault.CodeNotFound)) {
		t.Error(err)
	}
	page, err := c.Endpoints(ctx, client.EndpointQuery{})
	if err != nil || page.Endpoints[0].Secret != "" {
		t.Errorf("%+v %v", page, err)
	}
}

// cases 42, 92: a key is shown once, kept as a hash, and ends when it is revoked or its time is over.
func TestKeys(t *testing.T) {
	k := newKit(t)
	c, ctx := k.client(t, tokenAll), t.Context()
	made, err := c.AddKey(ctx, client.NewKey{Merchant: "m1", Mode: "sandbox", Dialect: "some", Name: "shop", Scopes: []string{"orders:read"}, ExpiresAt: new(k.now.Add(time.Hour))})
	if err != nil || made.Key == "" || made.Shown != made.Key[:4] || !made.Active || made.ExpiresAt == nil {
		t.Fatalf("%+v %v", made, err)
	}
	check := auth.New(storedKeys{k}, func() time.Time { return k.now })
	who, err := check.Check(ctx, made.Key, "some")
	if err != nil || who.Merchant != "m1" || who.Mode != "sandbox" || who.May("orders:write") || !who.May("orders:read") {
		t.Errorf("%+v %v", who, err)
	}
	w := call(k.handler, "GET", "/keys", tokenAll, "")
	if w.Code != http.StatusOK || strings.Contains(w.Body.String(), made.Key) || strings.Contains(w.Body.String(), secrets.Hash(made.Key)) {
		t.Errorf("a list shows the key: %s", w.Body)
	}
	var page client.KeyPage
	must(t, json.Unmarshal(w.Body.Bytes(), &page))
	if len(page.Keys) != 2 {
		t.Errorf("%+v", page)
	}
	for range 2 {
		if got, err := c.RevokeKey(ctx, made.ID); err != nil || got.Active || got.Key != "" {
			t.Errorf("%+v %v", got, err)
		}
	}
	k.now = k.now.Add(time.Second) // for so long at most is a key believed that was just checked
	if _, err := check.Check(ctx, made.Key, "some"); err == nil {
		t.Error("a revoked key opens")
	}
	short, err := c.AddKey(ctx, client.NewKey{Merchant: "m1", Mode: "sandbox", Dialect: "some", ExpiresAt: new(k.now.Add(time.Minute))})
	must(t, err)
	if _, err := check.Check(ctx, short.Key, "some"); err != nil {
		t.Error(err)
	}
	k.now = k.now.Add(time.Minute)
	if _, err := check.Check(ctx, short.Key, "some"); err == nil {
		t.Error("a key opens after its time")
	}
	wantProblem(t, call(k.handler, "POST", "/keys/"+tokenAll+"/revoke", tokenAll, ""), http.StatusForbidden, fault.CodeForbidden, "")
	wantActions(t, k, "key.revoke")
}

// A key of an organisation is the organisation's on record, and no merchant can be named that looks like one.
func TestKeysOfOrganisations(t *testing.T) {
	k := newKit(t)
	c, ctx := k.client(t, tokenAll), t.Context()
	made, err := c.AddKey(ctx, client.NewKey{Organisation: "o1", Mode: "sandbox", Dialect: "some"})
	if err != nil || made.Organisation != "o1" || made.Merchant != "" || made.Key == "" {
		t.Fatalf("%+v %v", made, err)
	}
	who, err := auth.New(storedKeys{k}, func() time.Time { return k.now }).Check(ctx, made.Key, "some")
	if got, is := (engine.Scope{Merchant: who.Merchant}).Organisation(); err != nil || !is || got != "o1" {
		t.Errorf("%+v %v", who, err)
	}
	for body, want := range map[string]struct {
		status int
		code   fault.Code
		param  string
	}{
		`{"organisation":"none","mode":"sandbox","dialect":"some"}`:               {http.StatusNotFound, fault.CodeNotFound, "organisation"},
		`{"organisation":"o1","merchant":"m1","mode":"sandbox","dialect":"some"}`: {http.StatusBadRequest, fault.CodeInvalidValue, "organisation"},
		`{"organisation":"o1","mode":"sandbox","dialect":"other"}`:                {http.StatusBadRequest, fault.CodeInvalidValue, "dialect"},
		`{"organisation":"o1","dialect":"some"}`:                                  {http.StatusBadRequest, fault.CodeMissingField, "mode"},
		`{"merchant":"org:o1","mode":"sandbox","dialect":"other"}`:                {http.StatusNotFound, fault.CodeNotFound, "merchant"},
	} {
		wantProblem(t, call(k.handler, "POST", "/keys", tokenAll, body), want.status, want.code, want.param)
	}
}

// Nobody makes a token that may do more than his own.
func TestNoTokenOutgrowsItsMaker(t *testing.T) {
	k := newKit(t)
	for token, tests := range map[string]map[string]int{
		tokenKeys: {
			`{"scopes":["keys:write"]}`:               http.StatusCreated,
			`{"scopes":["keys:write","orders:read"]}`: http.StatusForbidden,
			`{}`: http.StatusForbidden,
			`{"merchant":"m1","mode":"live","dialect":"some"}`:                                 http.StatusCreated,
			`{"merchant":"m1","mode":"live","dialect":"some","scopes":["payment_links:read"]}`: http.StatusCreated,
		},
		tokenLive: {
			`{"mode":"live"}`:    http.StatusCreated,
			`{}`:                 http.StatusForbidden,
			`{"mode":"sandbox"}`: http.StatusForbidden,
		},
	} {
		for body, want := range tests {
			if w := call(k.handler, "POST", "/keys", token, body); w.Code != want {
				t.Errorf("%s asks for %s: %d %s", token, body, w.Code, w.Body)
			}
		}
	}
}

// storedKeys lets auth look keys up in the kit's store.
type storedKeys struct{ *kit }

func (s storedKeys) KeyByHash(ctx context.Context, hash string) (*auth.Key, error) {
	var found *engine.Key
	err := s.store.View(ctx, func(rd engine.Reader) (err error) {
		found, err = rd.KeyByHash(hash)
		return err
	})
	if err != nil || found == nil {
		return nil, err
	}
	return &auth.Key{ID: found.ID, Hash: found.Hash, Merchant: found.Scope.Merchant, Mode: string(found.Scope.Mode), Dialect: found.Scope.Dialect,
		Scopes: found.Scopes, Active: found.Active, ExpiresAt: found.ExpiresAt}, nil
}

func TestInstrumentsAreKept(t *testing.T) {
	k := newKit(t)
	c, ctx := k.client(t, tokenAll), t.Context()
	got, err := c.ImportInstruments(ctx, client.InstrumentImport{Merchant: "m1", Mode: "sandbox", Addresses: []string{"0xaddr1", "0xnew1", "0xnew2"}})
	if err != nil || got.Added != 2 || got.Present != 1 {
		t.Errorf("%+v %v", got, err)
	}
	ref := client.InstrumentRef{Merchant: "m1", Mode: "sandbox", Address: "0xnew1"}
	if one, err := c.ArchiveInstrument(ctx, ref); err != nil || one.State != "archived" || one.Address != "0xnew1" {
		t.Errorf("%+v %v", one, err)
	}
	if one, err := c.UnarchiveInstrument(ctx, ref); err != nil || one.State != "available" {
		t.Errorf("%+v %v", one, err)
	}
	ref.Address = "0xaddr4" // the stray arrived there
	page, err := c.Instruments(ctx, client.InstrumentQuery{Merchant: "m1", Mode: "sandbox"})
	must(t, err)
	for _, i := range page.Instruments {
		if i.Address == ref.Address && i.State != "quarantined" {
			t.Errorf("money of nobody arrived there: %+v", i)
		}
	}
	if one, err := c.ReleaseInstrument(ctx, ref); err != nil || one.State != "available" {
		t.Errorf("%+v %v", one, err)
	}
	wantActions(t, k, "instrument.archive", "instrument.unarchive", "instrument.release")
}
