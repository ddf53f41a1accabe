package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/party"
)

// KindAccount is the kind of an external account's document. Its parent is the customer's id, or ownAccounts; its
// state is the code of its currency, so that the accounts of one currency are found.
const KindAccount DocumentKind = "account"

// ownAccounts is the parent of a merchant's own accounts. No id of a customer is so short.
const ownAccounts = "own"

// Account is an account outside the house that money can be sent to: a bank account or a wallet, of the merchant or of
// one of its customers. What is logged of one is masked.
type Account struct {
	ID        string // public, made by the dialect, unique on the server
	Scope     Scope  `json:"-"`
	Number    int64  `json:"-"`          // counts the scope's from 1
	Customer  string `json:",omitempty"` // the customer's id; empty: the merchant's own
	Default   bool   `json:",omitempty"` // its owner's first choice for its currency; at most one is
	Name      string `json:",omitempty"` // what the client calls it
	CreatedAt time.Time
	UpdatedAt time.Time

	// One of the two.
	Bank   *party.BankAccount `json:",omitempty"`
	Wallet *party.Wallet      `json:",omitempty"`

	Version int64 `json:"-"`

	ErasedAt time.Time       `json:",omitzero"`  // when its number and name were taken out (erase.go), on the mode's clock; zero: never
	Doc      json.RawMessage `json:",omitempty"` // what the dialect must remember and show; the engine never reads it
}

// Currency is what the account is kept in; the zero Asset for a wallet that takes every token of its network.
func (a *Account) Currency() money.Asset {
	if a.Bank != nil {
		return a.Bank.Currency
	}
	return a.Wallet.Asset
}

// String is the account with its number or address masked, so that a log holds no more.
func (a *Account) String() string {
	if a.Bank != nil {
		return a.Bank.String()
	}
	return fmt.Sprintf("wallet %s on %s %s", a.ID, a.Wallet.Network, party.Mask(a.Wallet.Address))
}

// Payees is what the rails say of accounts that money is sent to. The app fills it.
type Payees interface {
	// Address is the canonical spelling of an address on a network.
	//
	// Errors: invalid_address; not_configured when no rail of the network sends.
	Address(n Network, address string) (string, error)
	// Bank is where a rail sends money that goes to a bank account. Error: not_configured when none does.
	Bank(ctx context.Context, a *Account) (Destination, error)
}

// SetPayees says who knows accounts. It is called before the engine is used; without it every account is refused as
// not_configured.
func (e *Engine) SetPayees(p Payees) { e.payees = p }

// AddAccount keeps an account. The id is the caller's. A bank account is checked by the rules of its country, a wallet's
// address by the rail of its network; both are kept in their canonical spellings. One that is the default takes that
// from the one that was.
//
// Errors: those of party.CheckAccount; invalid_network, invalid_currency, invalid_address, not_configured of a wallet;
// not_found (Param: customer) when the scope has no such customer.
func (e *Engine) AddAccount(ctx context.Context, a Account) (*Account, error) {
	checked, err := e.checkAccount(a)
	if err != nil {
		return nil, err
	}
	var added *Account
	want := Keys{Documents: []DocumentKey{{KindAccount, a.ID}}, Clocks: []Mode{a.Scope.Mode}}
	if a.Customer != "" {
		want.Documents = append(want.Documents, DocumentKey{KindCustomer, a.Customer})
	}
	err = e.update(ctx, want, func(tx Tx) (err error) {
		added, err = e.addAccount(tx, *checked)
		return err
	})
	return added, err
}

// addAccount adds an account that was checked.
func (e *Engine) addAccount(tx Tx, made Account) (*Account, error) {
	if made.Customer != "" {
		owner, err := tx.Document(KindCustomer, made.Customer)
		if err != nil {
			return nil, err
		}
		if c, err := customerOf(owner, made.Scope); err != nil || c.IsErased() {
			return nil, fault.New(fault.CodeNotFound, "there is no such customer").On("customer")
		}
	}
	now, err := modeTime(tx, made.Scope.Mode)
	if err != nil {
		return nil, err
	}
	made.CreatedAt, made.UpdatedAt = now, now
	if made.Default {
		if err := takeDefault(tx, &made, now); err != nil {
			return nil, err
		}
	}
	d, err := made.document()
	if err != nil {
		return nil, err
	}
	if err := tx.InsertDocument(d); err != nil {
		return nil, err
	}
	made.Number, made.Version = d.Number, d.Version
	return &made, e.act(tx, made.Scope.Mode, "account.add", made.ID, made.String())
}

// AddPayee keeps a customer and his account, both or neither: the account is his, in his scope.
//
// Errors: those of AddCustomer and of AddAccount.
func (e *Engine) AddPayee(ctx context.Context, c Customer, a Account) (*Account, error) {
	person, err := party.CheckCustomer(c.Customer)
	if err != nil {
		return nil, err
	}
	c.Customer = person
	a.Scope, a.Customer = c.Scope, c.ID
	checked, err := e.checkAccount(a)
	if err != nil {
		return nil, err
	}
	var added *Account
	want := Keys{Documents: []DocumentKey{{KindCustomer, c.ID}, {KindAccount, a.ID}}, Clocks: []Mode{c.Scope.Mode}}
	err = e.update(ctx, want, func(tx Tx) error {
		if _, err := e.addCustomer(tx, c); err != nil {
			return err
		}
		added, err = e.addAccount(tx, *checked)
		return err
	})
	return added, err
}

// checkAccount gives the account with its canonical spellings.
func (e *Engine) checkAccount(a Account) (*Account, error) {
	if e.payees == nil {
		return nil, fault.New(fault.CodeNotConfigured, "no account can be paid to")
	}
	switch {
	case a.Bank != nil:
		bank, err := party.CheckAccount(*a.Bank, party.Banks())
		if err != nil {
			return nil, err
		}
		a.Bank = &bank
	case a.Wallet != nil:
		wallet := *a.Wallet
		n, err := e.Network(wallet.Network, a.Scope.Mode)
		if err != nil {
			return nil, onParam(err, "network")
		}
		if !wallet.Asset.IsZero() {
			if wallet.Asset, err = n.Asset(wallet.Asset.Code()); err != nil {
				return nil, onParam(err, "currency")
			}
		}
		if wallet.Address, err = e.payees.Address(n, wallet.Address); err != nil {
			return nil, onParam(err, "address")
		}
		a.Wallet = &wallet
	default:
		return nil, fault.New(fault.CodeMissingField, "an account is a bank account or a wallet").On("kind")
	}
	return &a, nil
}

func onParam(err error, param string) error {
	if f, ok := fault.As(err); ok {
		return f.On(param)
	}
	return err
}

// takeDefault makes the owner's default of this currency an account like any other.
func takeDefault(tx Tx, a *Account, now time.Time) error {
	d, err := tx.DocumentByKey(KindAccount, a.Scope, a.defaultKey())
	if err != nil || d == nil {
		return err
	}
	was, err := accountOf(d, a.Scope)
	if err != nil {
		return err
	}
	was.Default, was.UpdatedAt = false, now
	if d, err = was.document(); err != nil {
		return err
	}
	return tx.SaveDocument(d)
}

// Account finds an account of the scope; the zero Scope means any, for operators, and finds one that was erased as well.
// Error: not_found, also for another scope's.
func (e *Engine) Account(ctx context.Context, s Scope, id string) (*Account, error) {
	found, err := e.looks.accounts.get(ctx, id)
	if err != nil {
		return nil, err
	}
	if found == nil || s != (Scope{}) && (found.Scope != s || found.IsErased()) {
		return nil, noAccount()
	}
	own := *found
	own.Doc = bytes.Clone(found.Doc)
	if found.Bank != nil {
		own.Bank = new(*found.Bank)
	}
	if found.Wallet != nil {
		own.Wallet = new(*found.Wallet)
	}
	return &own, nil
}

func noAccount() error { return fault.New(fault.CodeNotFound, "there is no such account") }

// Destination is where a rail sends money that goes to the account. Errors: not_configured, invalid_network.
func (e *Engine) Destination(ctx context.Context, a *Account) (Destination, error) {
	switch {
	case e.payees == nil:
		return Destination{}, fault.New(fault.CodeNotConfigured, "no account can be paid to")
	case a.Bank != nil:
		return e.payees.Bank(ctx, a)
	}
	n, err := e.Network(a.Wallet.Network, a.Scope.Mode)
	return Destination{Rail: n.Rail, To: a.Wallet.Address}, err
}

// AccountFilter pages a scope's accounts, the newest first. Pages count from 1.
type AccountFilter struct {
	Scope       Scope
	Customer    string // whose; empty: the merchant's own
	All         bool   // whoever's; Customer and Currency do not choose then
	Currency    string // the code; empty: any
	Page, Limit int
	Behind      int64 // a number: the list begins behind it, on page 1; 0: with the newest
}

// AccountPage is one page of a list and the exact total.
type AccountPage struct {
	Accounts []Account
	Total    int64
}

// Accounts lists a scope's accounts. An owner's are counted, for a second at most. Errors: invalid_page, overloaded.
func (e *Engine) Accounts(ctx context.Context, f AccountFilter) (page AccountPage, err error) {
	of := DocumentFilter{Kind: KindAccount, Scope: f.Scope, Page: f.Page, Limit: f.Limit, Behind: f.Behind, Descending: true}
	if !f.All {
		of.Parent, of.State = parentOf(f.Customer), f.Currency
	}
	err = e.store.View(ctx, func(rd Reader) error {
		page = AccountPage{}
		found, err := rd.Documents(of)
		if err != nil {
			return err
		}
		page.Total = found.Total
		for i := range found.List {
			a, err := accountOf(&found.List[i], f.Scope)
			if err != nil {
				return err
			}
			page.Accounts = append(page.Accounts, *a)
		}
		return nil
	})
	return page, err
}

func parentOf(customer string) string {
	if customer == "" {
		return ownAccounts
	}
	return customer
}

func (a *Account) defaultKey() string {
	return "default:" + parentOf(a.Customer) + "/" + a.Currency().String()
}

// document is how the account is kept.
func (a *Account) document() (*Document, error) {
	body, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	d := &Document{
		Kind: KindAccount, ID: a.ID, Scope: a.Scope, Number: a.Number, Parent: parentOf(a.Customer), State: a.Currency().Code(),
		CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, Version: a.Version, Doc: body,
	}
	if a.Default {
		d.Keys = []string{a.defaultKey()}
	}
	return d, nil
}

func accountOf(d *Document, s Scope) (*Account, error) {
	if d == nil || d.Scope != s && s != (Scope{}) {
		return nil, noAccount()
	}
	a := &Account{}
	if err := json.Unmarshal(d.Doc, a); err != nil {
		return nil, err
	}
	a.Scope, a.Number, a.Version = d.Scope, d.Number, d.Version
	return a, nil
}
