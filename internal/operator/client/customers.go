package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Customer is who pays a merchant or is paid by it. What is masked shows its end alone.
type Customer struct {
	ID           string    `json:"customerId"`
	Merchant     string    `json:"merchant"`
	Mode         string    `json:"mode" enum:"live,sandbox"`
	Dialect      string    `json:"dialect" doc:"the API it was made through"`
	Kind         string    `json:"kind" enum:"person,business,government,ngo,foreign"`
	FirstName    string    `json:"firstName" doc:"of a company its name"`
	LastName     string    `json:"lastName,omitempty"`
	Email        string    `json:"email,omitempty" doc:"masked"`
	Phone        string    `json:"phone,omitempty" doc:"masked"`
	Country      string    `json:"country,omitempty"`
	DocumentType string    `json:"documentType,omitempty"`
	Document     string    `json:"document,omitempty" doc:"masked"`
	CreatedAt    time.Time `json:"createdAt"`
	UpdatedAt    time.Time `json:"updatedAt"`
	Erased       bool      `json:"erased,omitempty" doc:"nothing is left that says who it is"`
}

// CustomerPage is one page of customers.
type CustomerPage struct {
	Customers []Customer `json:"customers" nullable:"false"`
	Total     int64      `json:"total"`
	Next      string     `json:"next,omitempty"`
}

// ExternalAccount is a bank account or a wallet that a merchant can send money to.
type ExternalAccount struct {
	ID        string    `json:"accountId"`
	Merchant  string    `json:"merchant"`
	Mode      string    `json:"mode" enum:"live,sandbox"`
	Dialect   string    `json:"dialect" doc:"the API it was made through"`
	Customer  string    `json:"customer,omitempty" doc:"absent: the merchant's own"`
	Kind      string    `json:"kind" enum:"bank,wallet"`
	Name      string    `json:"name,omitempty"`
	Country   string    `json:"country,omitempty" doc:"of a bank"`
	Bank      string    `json:"bank,omitempty" doc:"its code"`
	Network   string    `json:"network,omitempty" doc:"of a wallet"`
	Number    string    `json:"number" doc:"of the account, or the address; masked"`
	Currency  string    `json:"currency,omitempty" doc:"absent: every token of the network"`
	Default   bool      `json:"default"`
	CreatedAt time.Time `json:"createdAt"`
	Erased    bool      `json:"erased,omitempty" doc:"nothing is left that says whose it is"`
}

// ExternalAccountPage is one page of accounts.
type ExternalAccountPage struct {
	Accounts []ExternalAccount `json:"accounts" nullable:"false"`
	Total    int64             `json:"total"`
	Next     string            `json:"next,omitempty"`
}

// RecordQuery chooses a merchant's records in one API. All three are needed.
type RecordQuery struct {
	Merchant, Mode, Dialect string
	Customer                string // of accounts only
	After                   string
	Limit                   int
}

// Customers is one page of a merchant's customers, the newest first.
func (c *Client) Customers(ctx context.Context, q RecordQuery) (CustomerPage, error) {
	var got CustomerPage
	return got, c.call(ctx, http.MethodGet, "/customers", params("merchant", q.Merchant, "mode", q.Mode, "dialect", q.Dialect, "after", q.After,
		"limit", number(q.Limit)), nil, &got)
}

// Customer is one customer.
func (c *Client) Customer(ctx context.Context, id string) (Customer, error) {
	var got Customer
	return got, c.call(ctx, http.MethodGet, "/customers/"+url.PathEscape(id), nil, nil, &got)
}

// EraseCustomer takes out what says who a customer is.
func (c *Client) EraseCustomer(ctx context.Context, id string) (Customer, error) {
	var got Customer
	return got, c.call(ctx, http.MethodPost, "/customers/"+url.PathEscape(id)+"/erase", nil, nil, &got)
}

// ExternalAccounts is one page of the accounts that a merchant can send money to, the newest first.
func (c *Client) ExternalAccounts(ctx context.Context, q RecordQuery) (ExternalAccountPage, error) {
	var got ExternalAccountPage
	return got, c.call(ctx, http.MethodGet, "/external-accounts", params("merchant", q.Merchant, "mode", q.Mode, "dialect", q.Dialect, "customer", q.Customer,
		"after", q.After, "limit", number(q.Limit)), nil, &got)
}

// ExternalAccount is one account.
func (c *Client) ExternalAccount(ctx context.Context, id string) (ExternalAccount, error) {
	var got ExternalAccount
	return got, c.call(ctx, http.MethodGet, "/external-accounts/"+url.PathEscape(id), nil, nil, &got)
}
