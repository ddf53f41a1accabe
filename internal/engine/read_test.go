package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
)

// Nothing that one scope reads has a trace of another: each plants a word of its own in every field that it
// can fill. // case 41, invariant I18
func TestScopes(t *testing.T) {
	k := newKit(t)
	scopes := []engine.Scope{shop, shopTwo, shopLive, other}
	canary := func(s engine.Scope) string { return "canary." + s.Merchant + "." + string(s.Mode) + "." + s.Dialect }
	setting := func(s engine.Scope) string { return "canary." + s.Merchant + "." + string(s.Mode) + ".setting" }
	made := map[engine.Scope]*engine.Order{}
	for _, s := range scopes {
		n, word := north, canary(s)
		if s.Mode == engine.Live {
			n = mainnet
		}
		asked := k.ask(s, n)
		asked.PublicID, asked.Reference, asked.UniqueKey = "id "+word, "reference "+word, "the same for all"
		was := asked.Terms
		asked.Terms = func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			terms, _, err := was(p)
			return terms, json.RawMessage(`{"doc": "` + word + `"}`), err
		}
		o := k.order(asked)
		made[s] = o
		w := k.confirmed(o, "tx "+word, 120, at(time.Minute))
		w.Evidence.From = word
		k.block(n, at(time.Minute), w)
		ep := k.endpoint(s, "endpoint "+word, true)
		ep.Name, ep.URL, ep.Secret, ep.Events = word, "https://"+word, word, []string{word}
		k.must(k.engine.SaveEndpoint(context.Background(), ep))
		k.must(k.engine.SaveSetting(context.Background(), engine.SettingScope{Merchant: s.Merchant, Mode: s.Mode}, "word", json.RawMessage(`"`+setting(s)+`"`)))
	}

	for _, s := range scopes {
		read := k.readAll(s, made[s])
		if !strings.Contains(read, canary(s)) || !strings.Contains(read, setting(s)) {
			k.Errorf("%v does not see its own", s)
		}
		for _, foreign := range scopes {
			if foreign == s {
				continue
			}
			if strings.Contains(read, canary(foreign)) {
				k.Errorf("%v sees %s:\n%s", s, canary(foreign), read)
			}
			if setting(foreign) != setting(s) && strings.Contains(read, setting(foreign)) { // settings are a merchant's in a mode, whatever the API
				k.Errorf("%v sees %s:\n%s", s, setting(foreign), read)
			}
			_, err := k.engine.Order(context.Background(), s, made[foreign].PublicID)
			k.wantCode(err, fault.CodeNotFound)
		}
		found, err := k.engine.OrderByUnique(context.Background(), engine.UniqueKey{Scope: s, Key: "the same for all"})
		k.must(err)
		want(k, "the order of the key", found.ID, made[s].ID)
		want(k, "its number", found.Number, 1)
	}
	_, err := k.engine.Order(context.Background(), shop, "none")
	k.wantCode(err, fault.CodeNotFound)
	_, err = k.engine.OrderByUnique(context.Background(), engine.UniqueKey{Scope: shop, Key: "none"})
	k.wantCode(err, fault.CodeNotFound)
}

// readAll is all that a scope can read, as text.
func (k *kit) readAll(s engine.Scope, o *engine.Order) string {
	k.Helper()
	ctx := context.Background()
	own, err := k.engine.Order(ctx, s, o.PublicID)
	k.must(err)
	page, err := k.engine.Orders(ctx, engine.Filter{Scope: s, Page: 1, Limit: 100})
	k.must(err)
	want(k, "orders", page.Total, 1)
	search, err := k.engine.Orders(ctx, engine.Filter{Scope: s, Reference: "CANARY", Page: 1, Limit: 100})
	k.must(err)
	want(k, "orders found", search.Total, 1)
	endpoints, err := k.engine.Endpoints(ctx, s)
	k.must(err)
	untold, err := k.engine.Untold(ctx, dialects, 1000)
	k.must(err)
	untold = slices.DeleteFunc(untold, func(u engine.Untold) bool { return u.Event.Scope != s })
	rows, err := k.engine.Instruments(ctx, pool(s), "", 100)
	k.must(err)
	balances, err := k.engine.Balances(ctx, s.Merchant, s.Mode)
	k.must(err)
	settings, err := k.engine.Settings(ctx, engine.SettingScope{Merchant: s.Merchant, Mode: s.Mode})
	k.must(err)
	list := rows[:0]
	for _, row := range rows { // a pool is the merchant's in a mode, whatever the API
		if row.OrderID == "" || row.OrderID == o.PublicID {
			list = append(list, row)
		}
	}
	text, err := json.Marshal(map[string]any{"order": own, "page": page, "search": search, "endpoints": endpoints, "untold": untold, "pool": list, "balances": balances,
		"settings": settings})
	k.must(err)
	return string(text) + string(own.Doc) + fmt.Sprint(own.Payments)
}

func TestOrders(t *testing.T) {
	k := newKit(t)
	var ids []string
	for i := range 5 {
		k.clock.set(at(time.Duration(i) * time.Minute))
		k.block(north, k.clock.now())
		ids = append(ids, k.order(k.ask(shop, north)).PublicID)
	}
	k.order(k.ask(other, north))
	page, err := k.engine.Orders(context.Background(), engine.Filter{Scope: shop, Descending: true, Page: 2, Limit: 2})
	k.must(err)
	want(k, "total", page.Total, 5)
	var got []string
	for _, o := range page.Orders {
		got = append(got, o.PublicID)
		want(k, "head", o.Head, 105)
	}
	wantList(k, "second page", got, ids[2], ids[1])
	since, err := k.engine.Orders(context.Background(), engine.Filter{Scope: shop, CreatedAfter: at(3 * time.Minute), Page: 1, Limit: 10})
	k.must(err)
	want(k, "created since", since.Total, 2)
}

// Settings hold for what is made from then on, are one mode's, and go back to the default.
func TestSettings(t *testing.T) {
	k := newKit(t)
	ctx, own := context.Background(), engine.SettingScope{Merchant: "shop", Mode: engine.Sandbox}
	k.must(k.engine.SaveSetting(ctx, own, "a", json.RawMessage(`{"x": 1}`)))
	k.must(k.engine.SaveSetting(ctx, own, "b", json.RawMessage(`2`)))
	k.must(k.engine.SaveSetting(ctx, own, "a", json.RawMessage(`3`)))
	k.must(k.engine.SaveSetting(ctx, own, "b", nil))
	got, err := k.engine.Settings(ctx, own)
	k.must(err)
	want(k, "settings", len(got), 1)
	want(k, "a", string(got["a"]), `3`)
	for _, foreign := range []engine.SettingScope{{Merchant: "shop", Mode: engine.Live}, {Merchant: "other", Mode: engine.Sandbox}} {
		got, err := k.engine.Settings(ctx, foreign)
		k.must(err)
		want(k, "settings of another", len(got), 0)
	}
}
