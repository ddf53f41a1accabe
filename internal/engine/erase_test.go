package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
	"till/internal/party"
)

// An erased customer is an id that orders name: nothing in the database says who he was, nothing can be done with him,
// and everything else still proves itself.
func TestEraseCustomer(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	k.engine.SetPayees(payees{})
	k.customer("c1", ana)
	bruno := ana
	bruno.Email, bruno.Phone = "bruno@example.com", "+57 300 765 4321"
	k.customer("c2", bruno)
	k.account(engine.Account{ID: "a1", Customer: "c1", Name: "Ana's own", Bank: &clabe, Default: true, Doc: json.RawMessage(`{"holder":"Restrepo"}`)})
	k.account(engine.Account{ID: "a2", Customer: "c1", Wallet: &party.Wallet{Network: "north", Address: "NORTH-7"}})
	theirs := k.account(engine.Account{ID: "a3", Customer: "c2", Name: "Bruno's own", Wallet: &party.Wallet{Network: "north", Address: "NORTH-8"}})

	directed := k.ask(shop, north)
	directed.Notify = engine.Notify{Customer: "c1", InApp: true}
	named := k.ask(shop, north)
	named.Words = []string{"account:a1"}
	for _, asked := range []engine.NewOrder{directed, named} {
		o := k.order(asked)
		_, err := k.engine.EraseCustomer(ctx, "c1")
		k.wantCode(err, fault.CodeOrderStateConflict)
		if f, _ := fault.As(err); f.Details["order"] != o.PublicID {
			t.Errorf("%+v", f)
		}
		if c, err := k.engine.Customer(ctx, shop, "c1"); err != nil || c.FirstName != "Ana" {
			t.Errorf("after a refusal: %+v %v", c, err)
		}
		k.block(north, at(time.Minute), k.confirmed(o, k.unique("tx"), 100, at(time.Minute)))
		k.wantState(o, order.Completed)
	}
	before := k.balances()

	erased, err := k.engine.As("op-3").EraseCustomer(ctx, "c1")
	k.must(err)
	if !erased.IsErased() || erased.ID != "c1" || erased.Country != "CO" || erased.FirstName+erased.LastName+erased.Email+erased.Phone+erased.Document.Number != "" {
		t.Errorf("%+v", erased)
	}
	again, err := k.engine.EraseCustomer(ctx, "c1")
	k.must(err)
	want(k, "the version after a second time", again.Version, erased.Version)
	if !strings.Contains(k.actions(), "op-3 customer.erase c1 \n") || strings.Count(k.actions(), "customer.erase") != 1 {
		t.Errorf("on record:\n%s", k.actions())
	}

	// Nothing of him is anywhere.
	k.rows(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`, nil, func(table []string) {
		rows, err := k.db.Query(`SELECT * FROM ` + table[0])
		k.must(err)
		defer rows.Close()
		columns, err := rows.Columns()
		k.must(err)
		for rows.Next() {
			into := make([]any, len(columns))
			for i := range into {
				into[i] = new([]byte)
			}
			k.must(rows.Scan(into...))
			text := ""
			for _, v := range into {
				text += fmt.Sprintf("%s ", *v.(*[]byte))
			}
			for _, secret := range []string{"na@example", "NA@example", "3001234567", "012180026050783858", "north-7", "Ana's own", "holder"} {
				if strings.Contains(text, secret) {
					t.Errorf("%s holds %q: %s", table[0], secret, text)
				}
			}
			if strings.Contains(text, `"c1"`) && strings.Contains(text, "Restrepo") {
				t.Errorf("%s: %s", table[0], text)
			}
		}
		k.must(rows.Err())
	})

	// Nobody finds him or does anything with him, except who asks as an operator.
	k.wantCode(onlyErr(k.engine.Customer(ctx, shop, "c1")), fault.CodeNotFound)
	k.wantCode(onlyErr(k.engine.Account(ctx, shop, "a1")), fault.CodeNotFound)
	k.wantCode(onlyErr(k.engine.AddAccount(ctx, engine.Account{ID: "a4", Scope: shop, Customer: "c1", Bank: &clabe})), fault.CodeNotFound)
	k.wantCode(onlyErr(k.engine.ChangeCustomer(ctx, shop, "c1", func(c *engine.Customer) error { c.FirstName = "Ana"; return nil })), fault.CodeNotFound)
	if c, err := k.engine.CustomerByEmail(ctx, shop, ana.Email); err != nil || c != nil {
		t.Errorf("by e-mail: %+v %v", c, err)
	}
	if c, err := k.engine.Customer(ctx, engine.Scope{}, "c1"); err != nil || !c.IsErased() {
		t.Errorf("for an operator: %+v %v", c, err)
	}
	page, err := k.engine.Accounts(ctx, engine.AccountFilter{Scope: shop, Customer: "c1", Page: 1, Limit: 10})
	k.must(err)
	want(k, "his accounts", page.Total, 2)
	for _, a := range page.Accounts {
		if !a.IsErased() || a.Default || a.Name != "" || a.String() == "" || a.Bank != nil && a.Currency() != mxn {
			t.Errorf("%+v", a)
		}
	}
	list, err := k.engine.Customers(ctx, engine.CustomerFilter{Scope: shop, Page: 1, Limit: 10})
	k.must(err)
	want(k, "customers", list.Total, 2)

	// What he had is free for somebody else, and whoever else there is has all that he had.
	k.customer("c5", ana)
	if got, err := k.engine.Account(ctx, shop, "a3"); err != nil || got.Name != theirs.Name || got.Wallet.Address != "north-8" {
		t.Errorf("%+v %v", got, err)
	}
	k.wantCode(onlyErr(k.engine.EraseCustomer(ctx, "nobody")), fault.CodeNotFound)

	if fmt.Sprint(k.balances()) != fmt.Sprint(before) {
		t.Error("the ledger has changed")
	}
	k.checkBooks()
}

// forgetful is an API that keeps and tells the word "secret" of a customer.
type forgetful struct{}

func (forgetful) ForgetOrder(doc json.RawMessage) json.RawMessage {
	return bytes.ReplaceAll(doc, []byte("secret"), nil)
}
func (forgetful) ForgetMessage(body []byte) []byte {
	return bytes.ReplaceAll(body, []byte("secret"), nil)
}
func (forgetful) FilesOf(json.RawMessage) (files []string) { return nil }

// A message that was rendered before its order's customer was erased, and is stored afterwards, says nothing of him. One whose customer
// is still there says all.
func TestErasedWhileAMessageIsRendered(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	k.engine.SetForgetters(map[string]engine.Forgetter{shop.API(): forgetful{}})
	k.endpoint(shop, "e1", true)
	k.customer("c1", ana)
	bruno := ana
	bruno.Email, bruno.Phone = "bruno@example.com", "+57 300 765 4321"
	k.customer("c2", bruno)
	for _, customer := range []string{"c1", "c2"} {
		ask := k.ask(shop, north)
		ask.Notify = engine.Notify{Customer: customer, InApp: true}
		terms := ask.Terms
		ask.Terms = func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			t, _, err := terms(p)
			return t, json.RawMessage(`{"account":"secret"}`), err
		}
		o := k.order(ask)
		k.block(north, at(time.Minute), k.confirmed(o, k.unique("tx"), 100, at(time.Minute)))
		k.wantState(o, order.Completed)
	}
	render := func() (ids []string, list []engine.Message) {
		untold, err := k.engine.Untold(ctx, dialects, 100)
		k.must(err)
		for _, u := range untold {
			if u.Order == nil { // of the scope: a customer was made
				continue
			}
			m := k.message(u.Event, u.Endpoints[0])
			m.Body = []byte(`{"customer":"` + u.Order.Notify.Customer + `","tells":` + string(u.Order.Doc) + `}`)
			ids, list = append(ids, u.Event.ID), append(list, m)
		}
		return ids, list
	}

	ids, rendered := render()
	_, err := k.engine.EraseCustomer(ctx, "c1")
	k.must(err)
	k.must(k.engine.Told(ctx, ids, rendered))
	erased, whole := 0, 0
	k.rows(`SELECT body FROM messages`, nil, func(row []string) {
		switch body := row[0]; {
		case body == `{"customer":"c1","tells":{"account":""}}`:
			erased++
		case body == `{"customer":"c2","tells":{"account":"secret"}}`:
			whole++
		default:
			t.Errorf("stored: %s", body)
		}
	})
	if erased == 0 || whole == 0 || erased+whole != len(rendered) {
		t.Errorf("of %d messages %d are without him, %d whole", len(rendered), erased, whole)
	}
}
