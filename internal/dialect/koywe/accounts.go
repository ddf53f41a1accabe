package koywe

import (
	"context"
	"net/http"

	"till/internal/engine"
	"till/internal/fault"
)

// accountsRoutes is where a merchant's money is and can go: his balances, which are accounts here, and his bank
// accounts and wallets. /bank-accounts/balances is the older path.
func (d *Dialect) accountsRoutes() []route {
	return []route{
		{http.MethodGet, ofM, "accounts:read", d.getMerchant},
		{http.MethodGet, ofM + "/accounts", "accounts:read", d.listAccounts},
		{http.MethodPost, ofM + "/accounts", "accounts:write", d.createAccount},
		{http.MethodGet, ofM + "/accounts/balances", "accounts:read", d.listBalances},
		{http.MethodGet, ofM + "/bank-accounts/balances", "accounts:read", d.listBalances},
		{http.MethodGet, ofM + "/accounts/{accountId}", "accounts:read", d.getAccount},
		{http.MethodGet, ofM + "/accounts/{accountId}/balances", "accounts:read", d.getBalance},
	}
}

func (d *Dialect) getMerchant(r *http.Request, s engine.Scope) (answer, error) {
	m, err := d.engine.Merchant(r.Context(), s.Merchant)
	if err != nil || m == nil {
		return answer{}, err
	}
	return answer{http.StatusOK, merchantOf(*m)}, nil
}

// listAccounts shows the balances first, then what is outside, the newest first.
func (d *Dialect) listAccounts(r *http.Request, s engine.Scope) (answer, error) {
	filter, err := d.accountFilterOf(r, s)
	if err != nil {
		return answer{}, err
	}
	outside, err := d.externalAccounts(r.Context(), filter)
	if err != nil || filter.Page > 1 {
		return answer{http.StatusOK, outside}, err
	}
	list, err := d.virtualAccounts(r.Context(), s, filter.Currency)
	return answer{http.StatusOK, append(list, outside...)}, err
}

func (d *Dialect) createAccount(r *http.Request, s engine.Scope) (answer, error) {
	asked, err := d.decodeAccount(r, s)
	if err != nil {
		return answer{}, err
	}
	a, err := d.by(r).AddAccount(r.Context(), asked)
	if err != nil {
		return answer{}, accountFault(err)
	}
	return answer{http.StatusCreated, accountOf(a)}, nil
}

func (d *Dialect) getAccount(r *http.Request, s engine.Scope) (answer, error) {
	id := r.PathValue("accountId")
	if currency, is := virtualCurrency(s, id); is {
		m, err := d.engine.Merchant(r.Context(), s.Merchant)
		if err != nil || m == nil {
			return answer{}, err
		}
		return answer{http.StatusOK, virtualAccountOf(s, currency, m.CreatedAt)}, nil
	}
	a, err := d.engine.Account(r.Context(), s, id)
	if err != nil {
		return answer{}, noAccount(err)
	}
	return answer{http.StatusOK, accountOf(a)}, nil
}

// externalAccounts is a page of an owner's accounts outside the house.
func (d *Dialect) externalAccounts(ctx context.Context, filter engine.AccountFilter) ([]accountBody, error) {
	page, err := d.engine.Accounts(ctx, filter)
	list := make([]accountBody, 0, len(page.Accounts))
	for i := range page.Accounts {
		list = append(list, accountOf(&page.Accounts[i]))
	}
	return list, err
}

// virtualAccounts are the merchant's balances as accounts, in one currency where that is not empty.
func (d *Dialect) virtualAccounts(ctx context.Context, s engine.Scope, currency string) ([]accountBody, error) {
	m, err := d.engine.Merchant(ctx, s.Merchant)
	if err != nil || m == nil {
		return nil, err
	}
	found, err := d.balancesOf(ctx, s, currency)
	list := make([]accountBody, 0, len(found))
	for _, b := range found {
		list = append(list, virtualAccountOf(s, b.currency, m.CreatedAt))
	}
	return list, err
}

// noAccount says what was not found.
func noAccount(err error) error {
	if fault.Is(err, fault.CodeNotFound) {
		return fault.New(fault.CodeNotFound, "Account not found").On("accountId")
	}
	return err
}
