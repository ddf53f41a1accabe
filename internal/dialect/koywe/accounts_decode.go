package koywe

import (
	"net/http"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/party"
	"till/internal/web"
)

const maxAccount = 16 << 10

// Kinds of accounts.
const (
	kindBank   = "BANK"
	kindCrypto = "CRYPTO"
)

// accountTypes are the words for what a bank keeps.
var accountTypes = map[string]party.AccountType{"SAVINGS": party.Savings, "CHECKING": party.Checking, "VIRTUAL": party.Virtual}

// accountDoc is what is remembered of an account beside what the engine has.
type accountDoc struct {
	Virtual bool `json:"isVirtual,omitempty"`
	Tracked bool `json:"isTracked,omitempty"`
}

// decodeAccount reads a new bank account or wallet. A type that is not said is VIRTUAL, and not held against what the
// bank keeps.
func (d *Dialect) decodeAccount(r *http.Request, s engine.Scope) (engine.Account, error) {
	a := engine.Account{Scope: s}
	body, err := web.Decode(r, maxAccount)
	if err != nil {
		return a, err
	}
	kind, err := word(body, "kind", []string{kindBank, kindCrypto})
	if err != nil {
		return a, err
	}
	if kind == "" {
		return a, missing("kind")
	}
	if a.Name, err = optional(body, "name", 255); err != nil {
		return a, err
	}
	var doc accountDoc
	for _, of := range []struct {
		field string
		into  *bool
	}{{"isDefault", &a.Default}, {"isVirtual", &doc.Virtual}, {"isTracked", &doc.Tracked}} {
		if *of.into, _, err = body.Bool(of.field); err != nil {
			return a, err
		}
	}
	if kind == kindBank {
		a.Bank, err = decodeBank(body)
	} else {
		a.Wallet, err = d.decodeWallet(body, s.Mode)
	}
	if err != nil {
		return a, err
	}
	a.ID, a.Doc = d.newID("acc"), encode(doc)
	return a, nil
}

func decodeBank(body web.Object) (*party.BankAccount, error) {
	b := &party.BankAccount{}
	var err error
	if b.Number, err = required(body, "accountNumber", 80); err != nil {
		return nil, err
	}
	if b.Routing, err = optional(body, "routingNumber", 40); err != nil {
		return nil, err
	}
	if b.Country, err = required(body, "countrySymbol", 2); err != nil {
		return nil, err
	}
	code, err := required(body, "currencySymbol", 16)
	if err != nil {
		return nil, err
	}
	if b.Currency, err = money.Fiat(strings.ToUpper(code)); err != nil {
		return nil, fault.New(fault.CodeInvalidCurrency, "The field 'currencySymbol' must be a currency of ISO 4217").On("currencySymbol")
	}
	if b.Bank, err = optional(body, "entity", 40); err != nil {
		return nil, err
	}
	kept, err := word(body, "type", []string{"SAVINGS", "CHECKING", "VIRTUAL"})
	b.Type = accountTypes[kept]
	return b, err
}

func (d *Dialect) decodeWallet(body web.Object, m engine.Mode) (*party.Wallet, error) {
	w := &party.Wallet{}
	var err error
	if w.Address, err = required(body, "address", 128); err != nil {
		return nil, err
	}
	named, err := required(body, "network", 64)
	if err != nil {
		return nil, err
	}
	n, err := d.chain(m, named, "network")
	if err != nil {
		return nil, err
	}
	w.Network = n.ID
	code, err := optional(body, "currencySymbol", 16)
	if err != nil || code == "" {
		return w, err
	}
	if w.Asset, err = n.AssetLike(code); err != nil {
		return nil, fault.New(fault.CodeInvalidCurrency, "The currency "+code+" is not available on "+wireNetwork(n.ID)).On("currencySymbol")
	}
	return w, nil
}

// accountFilterOf reads which of an owner's accounts are asked for. A list is an array and has no place for a total:
// whoever has more than 500 accounts asks for its pages.
func (d *Dialect) accountFilterOf(r *http.Request, s engine.Scope) (engine.AccountFilter, error) {
	f := engine.AccountFilter{Scope: s}
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return f, err
	}
	f.Page, f.Limit = q.paging(500, 500)
	f.Currency = q.currency(d, s.Mode)
	return f, q.Err()
}

// currency is the code of a currency or token.
func (q *query) currency(d *Dialect, m engine.Mode) string {
	code := d.symbolOf(m, q.Text("currency"))
	if code == "" {
		return ""
	}
	if _, err := money.NewAsset(code, "any", 0); err != nil {
		q.Refuse("currency", "The parameter 'currency' must be a currency, as COP")
	}
	return code
}

// accountParams are this API's words for what an account's check names.
var accountParams = map[string]string{
	"country": "countrySymbol", "currency": "currencySymbol", "account_number": "accountNumber", "routing_number": "routingNumber", "bank": "entity",
	"account_type": "type",
}

// accountFault is a fault on an account as this API says it.
func accountFault(err error) error {
	if f, ok := fault.As(err); ok && accountParams[f.Param] != "" {
		return f.On(accountParams[f.Param])
	}
	return err
}
