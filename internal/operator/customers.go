package operator

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator/client"
	"till/internal/party"
)

// customers is who a merchant's customers are, and the accounts that money can be sent to. Numbers and addresses are
// masked: an operator finds the record, and does not read out whom it is of.
func (a *api) customers() {
	const masked = "E-mail address, telephone number and document are masked."
	serve(a, huma.Operation{
		OperationID: "listCustomers", Method: http.MethodGet, Path: "/customers", Security: needs("customers:read"),
		Summary: "A merchant's customers in one API", Description: "The newest first. " + masked,
	}, a.listCustomers)
	serve(a, huma.Operation{
		OperationID: "getCustomer", Method: http.MethodGet, Path: "/customers/{customerId}", Security: needs("customers:read"),
		Summary: "One customer", Description: masked,
	}, a.getCustomer)
	serve(a, huma.Operation{
		OperationID: "eraseCustomer", Method: http.MethodPost, Path: "/customers/{customerId}/erase", Security: needs("customers:write"),
		Summary: "Erase who a customer is", Description: "Names, e-mail address, telephone number, document, address, and the numbers of the customer's accounts. It cannot be taken back; again is the same. " +
			"Orders, the ledger and the sealed record keep the id alone. Refused while an order of the customer is open.",
	}, a.eraseCustomer)
	serve(a, huma.Operation{
		OperationID: "listExternalAccounts", Method: http.MethodGet, Path: "/external-accounts", Security: needs("customers:read"),
		Summary: "The accounts outside that a merchant can send money to, in one API", Description: "The newest first. Numbers and addresses are masked.",
	}, a.listExternalAccounts)
	serve(a, huma.Operation{
		OperationID: "getExternalAccount", Method: http.MethodGet, Path: "/external-accounts/{accountId}", Security: needs("customers:read"),
		Summary: "One account outside", Description: "Its number or address is masked.",
	}, a.getExternalAccount)
}

// ScopeInput is whose records are listed.
type ScopeInput struct {
	Merchant string `query:"merchant" required:"true" maxLength:"64"`
	Mode     string `query:"mode" required:"true" enum:"live,sandbox"`
	Dialect  string `query:"dialect" required:"true" maxLength:"32" doc:"the API they were made through"`
	After    string `query:"after" pattern:"^[0-9]{0,18}$" doc:"next of the page before"`
	Limit    int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
}

func (in ScopeInput) scope(ctx context.Context) (s engine.Scope, behind int64, err error) {
	s = engine.Scope{Merchant: in.Merchant, Mode: engine.Mode(in.Mode), Dialect: in.Dialect}
	if in.After != "" {
		behind, err = strconv.ParseInt(in.After, 10, 64)
	}
	if err != nil || in.After != "" && behind < 1 {
		return s, 0, fault.New(fault.CodeInvalidPage, "this is the next of no page").On("after")
	}
	return s, behind, mustSee(ctx, s.Mode)
}

type customersInput struct{ ScopeInput }

func (a *api) listCustomers(ctx context.Context, in *customersInput) (client.CustomerPage, error) {
	page := client.CustomerPage{Customers: []client.Customer{}}
	s, behind, err := in.scope(ctx)
	if err != nil {
		return page, err
	}
	found, err := a.Engine.Customers(ctx, engine.CustomerFilter{Scope: s, Page: 1, Limit: in.Limit + 1, Behind: behind})
	if err != nil {
		return page, err
	}
	page.Total = found.Total
	list, next := cut(found.Customers, in.Limit, func(c engine.Customer) string { return strconv.FormatInt(c.Number, 10) })
	page.Next = next
	for _, c := range list {
		page.Customers = append(page.Customers, customerOf(c))
	}
	return page, nil
}

type customerInput struct {
	ID string `path:"customerId"`
}

func (a *api) getCustomer(ctx context.Context, in *customerInput) (client.Customer, error) {
	c, err := a.Engine.Customer(ctx, engine.Scope{}, in.ID)
	if err == nil && !sees(ctx, c.Scope.Mode) {
		err = fault.New(fault.CodeNotFound, "there is no such customer")
	}
	if err != nil {
		return client.Customer{}, err
	}
	return customerOf(*c), nil
}

func (a *api) eraseCustomer(ctx context.Context, in *customerInput) (client.Customer, error) {
	if _, err := a.getCustomer(ctx, in); err != nil {
		return client.Customer{}, err
	}
	c, err := a.as(ctx).EraseCustomer(ctx, in.ID)
	if err != nil {
		return client.Customer{}, err
	}
	return customerOf(*c), nil
}

type externalAccountsInput struct {
	ScopeInput
	Customer string `query:"customer" maxLength:"200" doc:"of this customer; absent: the merchant's and all customers'"`
}

func (a *api) listExternalAccounts(ctx context.Context, in *externalAccountsInput) (client.ExternalAccountPage, error) {
	page := client.ExternalAccountPage{Accounts: []client.ExternalAccount{}}
	s, behind, err := in.scope(ctx)
	if err != nil {
		return page, err
	}
	found, err := a.Engine.Accounts(ctx, engine.AccountFilter{Scope: s, Customer: in.Customer, All: in.Customer == "", Page: 1, Limit: in.Limit + 1, Behind: behind})
	if err != nil {
		return page, err
	}
	page.Total = found.Total
	list, next := cut(found.Accounts, in.Limit, func(a engine.Account) string { return strconv.FormatInt(a.Number, 10) })
	page.Next = next
	for i := range list {
		page.Accounts = append(page.Accounts, externalAccountOf(&list[i]))
	}
	return page, nil
}

type externalAccountInput struct {
	ID string `path:"accountId"`
}

func (a *api) getExternalAccount(ctx context.Context, in *externalAccountInput) (client.ExternalAccount, error) {
	found, err := a.Engine.Account(ctx, engine.Scope{}, in.ID)
	if err == nil && !sees(ctx, found.Scope.Mode) {
		err = fault.New(fault.CodeNotFound, "there is no such account")
	}
	if err != nil {
		return client.ExternalAccount{}, err
	}
	return externalAccountOf(found), nil
}

func customerOf(c engine.Customer) client.Customer {
	return client.Customer{
		ID: c.ID, Merchant: c.Scope.Merchant, Mode: string(c.Scope.Mode), Dialect: c.Scope.Dialect, Kind: string(c.Kind), FirstName: c.FirstName, LastName: c.LastName,
		Email: party.Mask(c.Email), Phone: party.Mask(c.Phone), Country: c.Country, DocumentType: c.Document.Type, Document: party.Mask(c.Document.Number),
		CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(), Erased: c.IsErased(),
	}
}

func externalAccountOf(a *engine.Account) client.ExternalAccount {
	out := client.ExternalAccount{
		ID: a.ID, Merchant: a.Scope.Merchant, Mode: string(a.Scope.Mode), Dialect: a.Scope.Dialect, Customer: a.Customer, Name: a.Name,
		Currency: a.Currency().Code(), Default: a.Default, CreatedAt: a.CreatedAt.UTC(), Erased: a.IsErased(),
	}
	if b := a.Bank; b != nil {
		out.Kind, out.Country, out.Bank, out.Number = "bank", b.Country, b.Bank, party.Mask(b.Number)
	} else {
		out.Kind, out.Network, out.Number = "wallet", a.Wallet.Network, party.Mask(a.Wallet.Address)
	}
	return out
}
