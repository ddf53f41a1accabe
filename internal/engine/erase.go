package engine

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"till/internal/fault"
	"till/internal/order"
	"till/internal/party"
)

// erasePage is how many orders or accounts are looked at, at once.
const erasePage = 200

// EraseCustomer takes from a customer's record, and from those of his accounts, what says who he is: names, e-mail
// address, telephone number, document, address, numbers of accounts and what his API kept beside them. Ids, country,
// currencies and times stay, because orders name them. Nobody can be told, paid or sold to by what is left, and a merchant
// finds neither by its id; his lists show that there was one. It cannot be taken back, and again is the same.
//
// Orders, the ledger and the sealed record are not touched: they hold the customer's id and what was paid, and nothing in
// the sealed record says who he is. What a payer's bank told of him stays with the payment.
//
// Only operators may call it. Errors: not_found; order_state_conflict (Details order: a public id) while an order that
// names him or an account of his is open.
func (e *Engine) EraseCustomer(ctx context.Context, id string) (*Customer, error) {
	c, err := e.Customer(ctx, Scope{}, id)
	if err != nil {
		return nil, err
	}
	accounts, err := e.accountsOf(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := e.noneOpen(ctx, c, accounts); err != nil {
		return nil, err
	}
	err = e.update(ctx, Keys{Documents: []DocumentKey{{KindCustomer, id}}, Clocks: []Mode{c.Scope.Mode}}, func(tx Tx) error {
		d, err := tx.Document(KindCustomer, id)
		if err != nil {
			return err
		}
		was, err := customerOf(d, c.Scope)
		if err != nil {
			return err
		}
		if c = was; was.IsErased() {
			return nil
		}
		now, err := modeTime(tx, was.Scope.Mode)
		if err != nil {
			return err
		}
		c = &Customer{Scope: was.Scope, Number: was.Number, Version: was.Version, ErasedAt: now, Doc: json.RawMessage(`{}`), Customer: party.Customer{
			ID: was.ID, Kind: was.Kind, Country: was.Country, CreatedAt: was.CreatedAt, UpdatedAt: now,
		}}
		if d, err = c.document(); err != nil {
			return err
		}
		if err := tx.SaveDocument(d); err != nil {
			return err
		}
		c.Version = d.Version
		return e.act(tx, c.Scope.Mode, "customer.erase", c.ID, "")
	})
	if err != nil {
		return nil, err
	}
	// From here on he gets no new account: those that came in between are among these.
	if accounts, err = e.accountsOf(ctx, c); err != nil {
		return nil, err
	}
	for _, a := range accounts {
		if err := e.eraseAccount(ctx, c.Scope, a); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// IsErased says that nothing is left that says who the customer is.
func (c *Customer) IsErased() bool { return !c.ErasedAt.IsZero() }

// IsErased says that nothing is left that says whose account it is.
func (a *Account) IsErased() bool { return !a.ErasedAt.IsZero() }

// accountsOf is the ids of a customer's accounts.
func (e *Engine) accountsOf(ctx context.Context, c *Customer) (ids []string, err error) {
	for behind := int64(0); ; {
		page, err := e.Accounts(ctx, AccountFilter{Scope: c.Scope, Customer: c.ID, Page: 1, Limit: erasePage, Behind: behind})
		if err != nil {
			return nil, err
		}
		for _, a := range page.Accounts {
			ids, behind = append(ids, a.ID), a.Number
		}
		if len(page.Accounts) < erasePage {
			return ids, nil
		}
	}
}

// noneOpen refuses while an order that names the customer, or one of his accounts, can still change.
func (e *Engine) noneOpen(ctx context.Context, c *Customer, accounts []string) error {
	named := append(slices.Clone(accounts), c.ID)
	f := Filter{Scope: c.Scope, Page: 1, Limit: erasePage}
	for _, s := range order.States() {
		if !s.Terminal() {
			f.States = append(f.States, s)
		}
	}
	for ; ; f.Page++ {
		page, err := e.Orders(ctx, f)
		if err != nil {
			return err
		}
		for i := range page.Orders {
			if o := &page.Orders[i]; o.names(named) {
				return fault.New(fault.CodeOrderStateConflict, "an order of the customer is open: "+o.PublicID).With("order", o.PublicID)
			}
		}
		if len(page.Orders) < erasePage {
			return nil
		}
	}
}

// names says whether the order is directed to one of these, or has a word about one ("customer:" and its id).
func (o *Order) names(ids []string) bool {
	return slices.Contains(ids, o.Notify.Customer) || slices.ContainsFunc(o.Words, func(w string) bool {
		_, id, found := strings.Cut(w, ":")
		return found && slices.Contains(ids, id)
	})
}

func (e *Engine) eraseAccount(ctx context.Context, s Scope, id string) error {
	return e.update(ctx, Keys{Documents: []DocumentKey{{KindAccount, id}}, Clocks: []Mode{s.Mode}}, func(tx Tx) error {
		d, err := tx.Document(KindAccount, id)
		if err != nil {
			return err
		}
		a, err := accountOf(d, s)
		if err != nil || a.IsErased() {
			return err
		}
		if a.UpdatedAt, err = modeTime(tx, s.Mode); err != nil {
			return err
		}
		a.ErasedAt, a.Name, a.Default, a.Doc = a.UpdatedAt, "", false, json.RawMessage(`{}`)
		if b := a.Bank; b != nil {
			a.Bank = &party.BankAccount{ID: b.ID, Customer: b.Customer, Country: b.Country, Currency: b.Currency, CreatedAt: b.CreatedAt, UpdatedAt: b.UpdatedAt}
		} else {
			a.Wallet = &party.Wallet{ID: a.Wallet.ID, Customer: a.Wallet.Customer, Network: a.Wallet.Network, Asset: a.Wallet.Asset, CreatedAt: a.Wallet.CreatedAt, UpdatedAt: a.Wallet.UpdatedAt}
		}
		if d, err = a.document(); err != nil {
			return err
		}
		return tx.SaveDocument(d)
	})
}
