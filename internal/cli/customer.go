package cli

import (
	"io"
	"strings"

	"till/internal/operator/client"
)

type customerCommand struct {
	List  customerList  `cmd:"" aliases:"ls" help:"List a merchant's customers, the newest first."`
	Show  customerShow  `cmd:"" help:"Show one."`
	Erase customerErase `cmd:"" help:"Erase who one is, for good: names, addresses, document, numbers of accounts."`
}

type accountCommand struct {
	List accountList `cmd:"" aliases:"ls" help:"List the accounts that a merchant can send money to, the newest first."`
	Show accountShow `cmd:"" help:"Show one."`
}

// records is whose records a list has.
type records struct {
	Merchant string `required:"" help:"Of this merchant."`
	Mode     string `required:"" enum:"live,sandbox" help:"live or sandbox."`
	Dialect  string `required:"" help:"Made through this API."`
	Limit    int    `default:"100" help:"At most as many."`
}

func (r records) query(after string, n int) client.RecordQuery {
	return client.RecordQuery{Merchant: r.Merchant, Mode: r.Mode, Dialect: r.Dialect, After: after, Limit: n}
}

type customerList struct {
	remote  `embed:""`
	records `embed:""`
}

func (c *customerList) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list := []client.Customer{}
	err = pages(c.Limit, func(after string, n int) (int, string, error) {
		page, err := api.Customers(t, c.query(after, n))
		list = append(list, page.Customers...)
		return len(page.Customers), page.Next, err
	})
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) { showCustomers(w, list) })
}

type customerShow struct {
	remote `embed:""`
	ID     string `arg:"" help:"The customer."`
}

func (c *customerShow) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	one, err := api.Customer(t, c.ID)
	if err != nil {
		return err
	}
	return c.show(t, one, func(w io.Writer) { showCustomers(w, []client.Customer{one}) })
}

type customerErase struct {
	remote `embed:""`
	ID     string `arg:"" help:"The customer."`
}

func (c *customerErase) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	one, err := api.EraseCustomer(t, c.ID)
	if err != nil {
		return err
	}
	return c.show(t, one, func(w io.Writer) { showCustomers(w, []client.Customer{one}) })
}

func showCustomers(w io.Writer, list []client.Customer) {
	row(w, "CUSTOMER", "NAME", "KIND", "COUNTRY", "EMAIL", "PHONE", "DOCUMENT", "CREATED")
	for _, c := range list {
		name := strings.TrimSpace(c.FirstName + " " + c.LastName)
		if c.Erased {
			name = "(erased)"
		}
		row(w, c.ID, dash(name), c.Kind, dash(c.Country), dash(c.Email), dash(c.Phone), dash(strings.TrimSpace(c.DocumentType+" "+c.Document)), moment(c.CreatedAt))
	}
}

type accountList struct {
	remote   `embed:""`
	records  `embed:""`
	Customer string `help:"Of this customer; else the merchant's and all customers'."`
}

func (c *accountList) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list := []client.ExternalAccount{}
	err = pages(c.Limit, func(after string, n int) (int, string, error) {
		q := c.query(after, n)
		q.Customer = c.Customer
		page, err := api.ExternalAccounts(t, q)
		list = append(list, page.Accounts...)
		return len(page.Accounts), page.Next, err
	})
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) { showAccounts(w, list) })
}

type accountShow struct {
	remote `embed:""`
	ID     string `arg:"" help:"The account."`
}

func (c *accountShow) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	one, err := api.ExternalAccount(t, c.ID)
	if err != nil {
		return err
	}
	return c.show(t, one, func(w io.Writer) { showAccounts(w, []client.ExternalAccount{one}) })
}

func showAccounts(w io.Writer, list []client.ExternalAccount) {
	row(w, "ACCOUNT", "KIND", "WHERE", "BANK", "NUMBER", "CURRENCY", "DEFAULT", "CUSTOMER", "NAME", "CREATED")
	for _, a := range list {
		row(w, a.ID, a.Kind, a.Country+a.Network, dash(a.Bank), a.Number, dash(a.Currency), a.Default, dash(a.Customer), dash(a.Name), moment(a.CreatedAt))
	}
}
