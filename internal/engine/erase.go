package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/party"
)

// erasePage is how many orders or accounts are looked at, at once.
const erasePage = 200

// Forgetter is an API that keeps or tells more of a customer than his id: with his orders, in what it told of them, or with
// an account of his. What there is nothing in comes back as it is, byte for byte. A message says no more of a customer than the Doc
// of its order: of an order in which there is nothing to forget, because there never was or because it was forgotten, every message
// may be stored as ForgetMessage leaves it.
type Forgetter interface {
	// ForgetOrder is what may stay of an order's Doc.
	ForgetOrder(doc json.RawMessage) json.RawMessage
	// ForgetMessage is what may stay of a message's body.
	ForgetMessage(body []byte) []byte
	// FilesOf is the ids of the files that were given with an account, by its Doc.
	FilesOf(account json.RawMessage) []string
}

// SetForgetters says which APIs are such, by their words. It is called before the engine is used.
func (e *Engine) SetForgetters(by map[string]Forgetter) { e.forgetters = by }

// EraseCustomer takes from a customer's record, and from those of his accounts, what says who he is: names, e-mail
// address, telephone number, document, address, numbers of accounts and what his API kept beside them. Ids, country,
// currencies and times stay, because orders name them. Nobody can be told, paid or sold to by what is left, and a merchant
// finds neither by its id; his lists show that there was one. It cannot be taken back, and again is the same: it also does
// what an interruption left undone.
//
// Of his orders it takes what their API keeps of him beside the id (Forgetter), also from messages about them, and what was
// looked up on lists and found there: that something was, in which entry of which list and how like, stays. Files that
// were given for a review of such an order, or with an account of his, lose their bytes and names, whoever else they were
// given for.
//
// Amounts, states, the ledger and the sealed record are not touched: they hold the customer's id and what was paid, and
// nothing in the sealed record says who he is. What a payer's bank told of him stays with the payment.
//
// Only operators may call it. Errors: not_found; order_state_conflict (Details order: a public id) while an order that
// names him or an account of his is open, or waits for a review.
func (e *Engine) EraseCustomer(ctx context.Context, id string) (*Customer, error) {
	c, err := e.Customer(ctx, Scope{}, id)
	if err != nil {
		return nil, err
	}
	accounts, err := e.accountsOf(ctx, c)
	if err != nil {
		return nil, err
	}
	orders, next, err := e.ended(ctx, c, accounts, 1)
	if err != nil {
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
	if err := e.forgetOrders(ctx, c.Scope, orders); err != nil {
		return nil, err
	}
	if orders, _, err = e.ended(ctx, c, accounts, next); err != nil { // those that were made meanwhile
		return nil, err
	}
	return c, e.forgetOrders(ctx, c.Scope, orders)
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

// ended is the ids of the orders from a number on that name the customer, or one of his accounts, and the number behind the
// last order of his scope. It refuses while one of them can still change, or waits for a person. It looks through the orders
// since he is known.
func (e *Engine) ended(ctx context.Context, c *Customer, accounts []string, from int64) (ids []string, next int64, err error) {
	named := append(slices.Clone(accounts), c.ID)
	var last int64
	err = e.store.View(ctx, func(rd Reader) (err error) {
		next, last, err = rd.OrderNumbers(c.Scope, c.CreatedAt, time.Time{})
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	for next = max(next, from); next <= last; {
		var page []Order
		err := e.store.View(ctx, func(rd Reader) (err error) {
			page, err = rd.OrdersNumbered(c.Scope, next, min(next+erasePage-1, last))
			return err
		})
		if err != nil {
			return nil, 0, err
		}
		for i := range page {
			switch o := &page[i]; {
			case !o.names(named):
			case !o.State.Terminal() || o.Reviewed():
				return nil, 0, fault.New(fault.CodeOrderStateConflict, "an order of the customer is open: "+o.PublicID).With("order", o.PublicID)
			default:
				ids = append(ids, o.ID)
			}
		}
		next += int64(len(page))
	}
	return ids, next, nil
}

// names says whether the order is directed to one of these, or has a word about one ("customer:" and its id).
func (o *Order) names(ids []string) bool {
	return slices.Contains(ids, o.Notify.Customer) || slices.ContainsFunc(o.Words, func(w string) bool {
		_, id, found := strings.Cut(w, ":")
		return found && slices.Contains(ids, id)
	})
}

// forgetOrders takes out of orders, of what was told of them and of the files that were given for them who the customer is.
func (e *Engine) forgetOrders(ctx context.Context, s Scope, ids []string) error {
	api := e.forgetters[s.API()]
	for _, id := range ids {
		var given []string
		err := e.update(ctx, Keys{Orders: []string{id}}, func(tx Tx) error {
			o, err := tx.Order(id)
			if err != nil {
				return err
			}
			given = nil
			for _, r := range o.Requested {
				if r.Document != "" {
					given = append(given, r.Document)
				}
			}
			return o.forget(tx, api)
		})
		if err == nil && api != nil {
			err = e.forgetMessages(ctx, id, api)
		}
		if err == nil {
			err = e.eraseFiles(ctx, s, given)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *Order) forget(tx Tx, api Forgetter) error {
	known := slices.ContainsFunc(o.Findings, func(f Finding) bool { return f.Asked != "" || f.Name != "" || f.Why != nil })
	o.Findings = slices.Clone(o.Findings)
	for i := range o.Findings { // the name on the list is like his
		o.Findings[i].Asked, o.Findings[i].Name, o.Findings[i].Why = "", "", nil
	}
	if api != nil {
		doc := api.ForgetOrder(o.Doc)
		known = known || !bytes.Equal(doc, o.Doc)
		o.Doc = doc
	}
	if !known {
		return nil
	}
	return tx.SaveOrder(o)
}

func (e *Engine) forgetMessages(ctx context.Context, orderID string, api Forgetter) error {
	var list []Message
	err := e.store.View(ctx, func(rd Reader) (err error) {
		list, err = rd.Messages(orderID)
		return err
	})
	if err != nil {
		return err
	}
	return e.update(ctx, Keys{}, func(tx Tx) error {
		for _, m := range list {
			body := api.ForgetMessage(m.Body)
			if bytes.Equal(body, m.Body) {
				continue
			}
			if err := tx.ForgetMessage(m.ID, body); err != nil {
				return err
			}
		}
		return nil
	})
}

// withoutErased is messages that are about to be stored. They were rendered outside this transaction: of an order that says nothing of
// a customer any more they must not either, for who erases him looks through those alone that are stored by then.
func (e *Engine) withoutErased(tx Tx, messages []Message) ([]Message, error) {
	list := slices.Clone(messages)
	for i, m := range list {
		api := e.forgetters[m.Scope.API()]
		if api == nil || m.OrderID == "" {
			continue
		}
		o, err := tx.Order(m.OrderID)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(api.ForgetOrder(o.Doc), o.Doc) {
			list[i].Body = api.ForgetMessage(m.Body)
		}
	}
	return list, nil
}

// eraseFiles takes the bytes of files, and then what they are called. What of them is not there is left out.
func (e *Engine) eraseFiles(ctx context.Context, s Scope, ids []string) error {
	for _, id := range ids {
		f, err := e.File(ctx, Scope{}, id)
		if fault.Is(err, fault.CodeNotFound) || err == nil && (f.Scope.Owner() != s.Owner() || f.IsErased()) {
			continue
		}
		if err != nil {
			return err
		}
		if err := e.blobs.Drop(ctx, f.Blob); err != nil {
			return err
		}
		err = e.update(ctx, Keys{Documents: []DocumentKey{{KindFile, id}}, Clocks: []Mode{f.Scope.Mode}}, func(tx Tx) error {
			d, err := tx.Document(KindFile, id)
			if err != nil {
				return err
			}
			if f, err = fileOf(d, Scope{}); err != nil {
				return err
			}
			if d.UpdatedAt, err = modeTime(tx, f.Scope.Mode); err != nil {
				return err
			}
			f.Name, f.FileName, f.Doc, f.ErasedAt = "", "", nil, d.UpdatedAt
			if d.Doc, err = json.Marshal(f); err != nil {
				return err
			}
			return tx.SaveDocument(d)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) eraseAccount(ctx context.Context, s Scope, id string) error {
	if api := e.forgetters[s.API()]; api != nil {
		a, err := e.Account(ctx, Scope{}, id)
		if err != nil {
			return err
		}
		if err := e.eraseFiles(ctx, s, api.FilesOf(a.Doc)); err != nil { // by what it still says
			return err
		}
	}
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
