package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/party"
	"till/internal/store/storetest"
)

var ana = party.Customer{
	Kind: party.Person, FirstName: "Ana", LastName: "Restrepo", Email: "Ana@Example.com", Phone: "+57 300 123 4567", Country: "co",
	Document: party.Document{Type: "CED_CIU", Number: "1.020.304.050"},
}

func (k *kit) customer(id string, c party.Customer) *engine.Customer {
	k.Helper()
	c.ID = id
	made, err := k.engine.As("op-1").AddCustomer(context.Background(), engine.Customer{Customer: c, Scope: shop, Doc: json.RawMessage(`{"a":1}`)})
	k.must(err)
	return made
}

func (k *kit) noticesOf(what string) (list []engine.Event) {
	k.Helper()
	for _, u := range k.untold() {
		if strings.HasPrefix(u.Event.Type, what) {
			list = append(list, u.Event)
		}
	}
	return list
}

func (k *kit) untold() []engine.Untold {
	k.Helper()
	list, err := k.engine.Untold(context.Background(), dialects, 100)
	k.must(err)
	return list
}

// actions are what operators did, one on each line.
func (k *kit) actions() string {
	k.Helper()
	var lines strings.Builder
	k.rows(`SELECT who, what, ref, detail FROM actions ORDER BY id`, nil, func(c []string) { lines.WriteString(strings.Join(c, " ") + "\n") })
	return lines.String()
}

func onlyErr[T any](_ T, err error) error { return err }

func TestCustomers(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	k.must(k.engine.SaveEndpoint(ctx, engine.Endpoint{ID: "ep", Scope: shop, URL: "https://shop.example/", Enabled: true}))
	made := k.customer("c1", ana)
	if made.Email != "Ana@example.com" || made.Phone != "+573001234567" || made.Country != "CO" || made.Document.Number != "1020304050" || made.Number != 1 || !made.CreatedAt.Equal(start) {
		t.Errorf("made %+v", made)
	}
	found, err := k.engine.Customer(ctx, shop, "c1")
	k.must(err)
	if found.Customer != made.Customer || string(found.Doc) != `{"a":1}` || found.Version != 1 {
		t.Errorf("found %+v", found)
	}

	// Nothing is shown to another merchant, mode or API.
	for _, s := range []engine.Scope{other, shopLive, shopTwo} {
		_, err := k.engine.Customer(ctx, s, "c1")
		k.wantCode(err, fault.CodeNotFound)
		_, err = k.engine.ChangeCustomer(ctx, s, "c1", func(*engine.Customer) error { return errors.New("asked") })
		k.wantCode(err, fault.CodeNotFound)
	}

	k.clock.set(start.Add(time.Hour))
	changed, err := k.engine.As("op-2").ChangeCustomer(ctx, shop, "c1", func(c *engine.Customer) error {
		c.Email, c.ID, c.Scope, c.CreatedAt = "new@example.com", "another", other, time.Time{}
		return nil
	})
	k.must(err)
	if changed.Email != "new@example.com" || changed.ID != "c1" || changed.Version != 2 || !changed.CreatedAt.Equal(start) || !changed.UpdatedAt.Equal(start.Add(time.Hour)) {
		t.Errorf("changed %+v", changed)
	}
	// To change nothing is not told and not saved.
	same, err := k.engine.As("op-2").ChangeCustomer(ctx, shop, "c1", func(*engine.Customer) error { return nil })
	k.must(err)
	if same.Version != 2 {
		t.Errorf("saved again: version %d", same.Version)
	}
	k.wantCode(onlyErr(k.engine.ChangeCustomer(ctx, shop, "c1", func(c *engine.Customer) error { c.Phone = "5"; return nil })), fault.CodeInvalidValue)

	// What is told and put on record names no person.
	events := k.noticesOf("customer.")
	if len(events) != 2 || events[0].Type != engine.CustomerAdded || events[1].Type != engine.CustomerChanged || events[1].Facts.Ref != "c1" {
		t.Errorf("told %+v", events)
	}
	actions := k.actions()
	if !strings.Contains(actions, "op-1 customer.add c1 kind, name, email, phone, country, document, more") || !strings.Contains(actions, "op-2 customer.change c1 email\n") {
		t.Errorf("on record:\n%s", actions)
	}
	for _, secret := range []string{"ample.com", "Restrepo", "1020304050", "3001234567"} {
		if strings.Contains(actions+fmt.Sprint(events), secret) {
			t.Errorf("%s is told or on record for ever", secret)
		}
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("seen", "customer", changed)
		if strings.Contains(log.String(), secret) && secret != "ample.com" {
			t.Errorf("%s is logged: %s", secret, log.String())
		}
	}
}

func TestCustomersInPages(t *testing.T) {
	k := newKit(t)
	for i := range 5 {
		k.customer(fmt.Sprint("c", i), party.Customer{FirstName: "X"})
	}
	page, err := k.engine.Customers(context.Background(), engine.CustomerFilter{Scope: shop, Page: 2, Limit: 2})
	k.must(err)
	if page.Total != 5 || len(page.Customers) != 2 || page.Customers[0].ID != "c2" || page.Customers[1].ID != "c1" {
		t.Errorf("%+v", page)
	}
}

// An e-mail address and a telephone number are one customer's, whoever is faster.
func TestCustomersAreUnique(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	errs := storetest.AtOnce(16, func(i int) error {
		c := party.Customer{ID: fmt.Sprint("c", i), Email: "Ana@example.com"}
		if i%2 == 0 {
			c.Email = "ana@EXAMPLE.com"
		}
		return onlyErr(k.engine.AddCustomer(ctx, engine.Customer{Customer: c, Scope: shop}))
	})
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
			continue
		}
		k.wantCode(err, fault.CodeDuplicateReference)
		if f, _ := fault.As(err); f.Param != "email" || f.Details["existing"] == "" {
			t.Errorf("refused with %+v", f)
		}
	}
	if made != 1 {
		t.Errorf("%d customers have one address", made)
	}
	k.must(onlyErr(k.engine.AddCustomer(ctx, engine.Customer{Customer: party.Customer{ID: "o1", Email: "ana@example.com"}, Scope: other})))
	k.must(onlyErr(k.engine.AddCustomer(ctx, engine.Customer{Customer: party.Customer{ID: "p1", Phone: "+573001234567"}, Scope: shop})))
	err := onlyErr(k.engine.AddCustomer(ctx, engine.Customer{Customer: party.Customer{ID: "p2", Phone: "+57 300 1234567"}, Scope: shop}))
	if f, _ := fault.As(err); f == nil || f.Param != "phone" || f.Details["existing"] != "p1" {
		t.Errorf("refused with %v", err)
	}
	// Who gives an address up leaves it to others.
	k.must(onlyErr(k.engine.ChangeCustomer(ctx, shop, "p1", func(c *engine.Customer) error { c.Phone = ""; return nil })))
	k.must(onlyErr(k.engine.AddCustomer(ctx, engine.Customer{Customer: party.Customer{ID: "p2", Phone: "+573001234567"}, Scope: shop})))
}
