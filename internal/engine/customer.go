package engine

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/party"
)

// KindCustomer is the kind of a customer's document. It has an e-mail address and a telephone number at most once in a
// scope, whatever their capital letters.
const KindCustomer DocumentKind = "customer"

// The events of a scope about its customers. Ref is the customer's id; who the customer is stands nowhere in them,
// because events are never erased.
const (
	CustomerAdded   = "customer.added"
	CustomerChanged = "customer.changed"
)

// Customer is a customer on record. What is logged of one is masked.
type Customer struct {
	party.Customer // its times are on the mode's clock

	Scope   Scope `json:"-"`
	Number  int64 `json:"-"` // counts the scope's from 1
	Version int64 `json:"-"` // grows with each change

	ErasedAt time.Time       `json:",omitzero"`  // when what says who it is was taken out (erase.go), on the mode's clock; zero: never
	Doc      json.RawMessage `json:",omitempty"` // what the dialect must remember and show; the engine never reads it
}

// AddCustomer keeps a customer. The id is the caller's; country, e-mail address, telephone number and document are
// checked and kept in their canonical spellings.
//
// Errors: those of party.CheckCustomer; duplicate_reference (Param: email or phone; Details existing: the customer's
// id) when another customer of the scope has it.
func (e *Engine) AddCustomer(ctx context.Context, c Customer) (*Customer, error) {
	checked, err := party.CheckCustomer(c.Customer)
	if err != nil {
		return nil, err
	}
	c.Customer = checked
	var added *Customer
	err = e.update(ctx, Keys{Documents: []DocumentKey{{KindCustomer, c.ID}}, Clocks: []Mode{c.Scope.Mode}}, func(tx Tx) (err error) {
		added, err = e.addCustomer(tx, c)
		return err
	})
	return added, err
}

// addCustomer adds a customer who was checked.
func (e *Engine) addCustomer(tx Tx, made Customer) (*Customer, error) {
	now, err := modeTime(tx, made.Scope.Mode)
	if err != nil {
		return nil, err
	}
	made.CreatedAt, made.UpdatedAt = now, now
	d, err := made.document()
	if err != nil {
		return nil, err
	}
	if err := tx.InsertDocument(d); err != nil {
		return nil, err
	}
	made.Number, made.Version = d.Number, d.Version
	if err := e.act(tx, made.Scope.Mode, "customer.add", made.ID, strings.Join(made.changed(&Customer{}), ", ")); err != nil {
		return nil, err
	}
	_, err = announce(tx, made.Scope, Notice{Type: CustomerAdded, Ref: made.ID, Details: map[string]string{"country": made.Country}})
	return &made, err
}

// ChangeCustomer changes a customer; change may run more than once. The record of who did it names the fields that
// changed and not what they say. What changes nothing is not told.
//
// Errors: not_found, those of change, those of AddCustomer.
func (e *Engine) ChangeCustomer(ctx context.Context, s Scope, id string, change func(c *Customer) error) (*Customer, error) {
	var changed *Customer
	err := e.update(ctx, Keys{Documents: []DocumentKey{{KindCustomer, id}}, Clocks: []Mode{s.Mode}}, func(tx Tx) (err error) {
		changed, err = e.changeCustomer(tx, s, id, change)
		return err
	})
	return changed, err
}

// CustomerChange changes a customer in the transaction of something else.
type CustomerChange struct {
	ID     string
	Change func(c *Customer) error // may run more than once
}

// changeCustomer is ChangeCustomer inside a transaction.
func (e *Engine) changeCustomer(tx Tx, s Scope, id string, change func(c *Customer) error) (*Customer, error) {
	d, err := tx.Document(KindCustomer, id)
	if err != nil {
		return nil, err
	}
	was, err := customerOf(d, s)
	if err == nil && was.IsErased() {
		err = noCustomer()
	}
	if err != nil {
		return nil, err
	}
	c := *was
	if err := change(&c); err != nil {
		return nil, err
	}
	if c.Customer, err = party.CheckCustomer(c.Customer); err != nil {
		return nil, err
	}
	c.ID, c.CreatedAt, c.Scope, c.Number, c.Version = was.ID, was.CreatedAt, was.Scope, was.Number, was.Version
	fields := c.changed(was)
	if len(fields) == 0 {
		return was, nil
	}
	if c.UpdatedAt, err = modeTime(tx, s.Mode); err != nil {
		return nil, err
	}
	if d, err = c.document(); err != nil {
		return nil, err
	}
	if err := tx.SaveDocument(d); err != nil {
		return nil, err
	}
	c.Version = d.Version
	if err := e.act(tx, s.Mode, "customer.change", c.ID, strings.Join(fields, ", ")); err != nil {
		return nil, err
	}
	_, err = announce(tx, s, Notice{Type: CustomerChanged, Ref: c.ID, Details: map[string]string{"country": c.Country}})
	return &c, err
}

// Customer finds a customer of the scope; the zero Scope means any, for operators, and finds one that was erased as well.
// Error: not_found, also for another scope's.
func (e *Engine) Customer(ctx context.Context, s Scope, id string) (c *Customer, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		d, err := rd.Document(KindCustomer, id)
		if err != nil {
			return err
		}
		c, err = customerOf(d, s)
		if err == nil && c.IsErased() && s != (Scope{}) {
			err = noCustomer()
		}
		return err
	})
	return c, err
}

// CustomerByEmail finds the customer of a scope who has an e-mail address, whatever its capital letters; nil when there is
// none.
func (e *Engine) CustomerByEmail(ctx context.Context, s Scope, email string) (c *Customer, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		c = nil
		d, err := rd.DocumentByKey(KindCustomer, s, "email:"+strings.ToLower(email))
		if err != nil || d == nil {
			return err
		}
		c, err = customerOf(d, s)
		return err
	})
	return c, err
}

// CustomerFilter pages a scope's customers, the newest first. Pages count from 1.
type CustomerFilter struct {
	Scope       Scope
	Kind        party.CustomerKind // empty: all
	Page, Limit int

	CreatedFrom, CreatedTo time.Time // both included; zero: there is no bound
	Behind                 int64     // a number: the list begins behind it, on page 1; 0: with the newest
}

// CustomerPage is one page of a list and the exact total.
type CustomerPage struct {
	Customers []Customer
	Total     int64
}

// Customers lists a scope's customers. Error: invalid_page.
func (e *Engine) Customers(ctx context.Context, f CustomerFilter) (page CustomerPage, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		page = CustomerPage{}
		found, err := rd.Documents(DocumentFilter{
			Kind: KindCustomer, Scope: f.Scope, State: string(f.Kind), Page: f.Page, Limit: f.Limit, Behind: f.Behind, Descending: true, CreatedFrom: f.CreatedFrom, CreatedTo: f.CreatedTo,
		})
		if err != nil {
			return err
		}
		page.Total = found.Total
		for i := range found.List {
			c, err := customerOf(&found.List[i], f.Scope)
			if err != nil {
				return err
			}
			page.Customers = append(page.Customers, *c)
		}
		return nil
	})
	return page, err
}

// document is how the customer is kept.
func (c *Customer) document() (*Document, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	d := &Document{
		Kind: KindCustomer, ID: c.ID, Scope: c.Scope, State: string(c.Kind), Number: c.Number, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, Version: c.Version, Doc: body,
	}
	if c.Email != "" {
		d.Keys = append(d.Keys, "email:"+strings.ToLower(c.Email))
	}
	if c.Phone != "" {
		d.Keys = append(d.Keys, "phone:"+c.Phone)
	}
	return d, nil
}

func customerOf(d *Document, s Scope) (*Customer, error) {
	if d == nil || d.Scope != s && s != (Scope{}) {
		return nil, noCustomer()
	}
	c := &Customer{}
	if err := json.Unmarshal(d.Doc, c); err != nil {
		return nil, err
	}
	c.Scope, c.Number, c.Version = d.Scope, d.Number, d.Version
	return c, nil
}

func noCustomer() error { return fault.New(fault.CodeNotFound, "there is no such customer") }

// changed names the fields that differ from what they were.
func (c *Customer) changed(was *Customer) (fields []string) {
	for _, f := range []struct {
		name string
		same bool
	}{
		{"kind", c.Kind == was.Kind},
		{"name", c.FirstName == was.FirstName && c.LastName == was.LastName},
		{"email", c.Email == was.Email},
		{"phone", c.Phone == was.Phone},
		{"country", c.Country == was.Country},
		{"document", c.Document == was.Document},
		{"address", c.Address == was.Address},
		{"more", slices.Equal(c.Doc, was.Doc)},
	} {
		if !f.same {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// modeTime is the transaction's time on a mode's clock.
func modeTime(tx Tx, m Mode) (time.Time, error) {
	clock, err := tx.Clock(m)
	if err != nil {
		return time.Time{}, err
	}
	return clock.Shift(tx.Now()), nil
}
