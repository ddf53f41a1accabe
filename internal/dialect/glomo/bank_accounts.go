package glomo

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
)

func (d *Dialect) bankAccountRoutes() []route {
	return []route{
		{http.MethodPost, v1 + "/customer/{id}/bank-accounts", "customers:write", d.createBankAccount},
		{http.MethodGet, v1 + "/customer/{id}/bank-accounts", "customers:read", d.listBankAccounts},
	}
}

// customerAccount is the account that a customer pays from. He has one: another takes its place.
type customerAccount struct {
	bankAccount
	ID        string `json:"id"`
	CreatedAt string `json:"created_at"`
}

// bankAccountBody is an account of a customer.
type bankAccountBody struct {
	ID         string `json:"id"`
	CustomerID string `json:"customer_id"`
	bankAccount
	Status    string `json:"status"`
	CreatedAt string `json:"created_at"`
}

func bankAccountOf(customer string, a *customerAccount) bankAccountBody {
	return bankAccountBody{ID: a.ID, CustomerID: customer, bankAccount: a.bankAccount, Status: "active", CreatedAt: a.CreatedAt}
}

// newAccount is an account that a customer is to have.
func (d *Dialect) newAccount(ctx context.Context, s engine.Scope, a bankAccount) (*customerAccount, error) {
	clock, err := d.engine.Clock(ctx, s.Mode)
	if err != nil {
		return nil, err
	}
	return &customerAccount{bankAccount: a, ID: d.newID(bankAccountID), CreatedAt: wireTime(clock.Shift(d.now()))}, nil
}

// hasAccount says that an account is the customer's already.
func hasAccount(c *engine.Customer, a bankAccount) bool {
	his := customerDocOf(c).Account
	return his != nil && reflect.DeepEqual(his.bankAccount, a)
}

// putOn makes the account the customer's.
func (a *customerAccount) putOn(c *engine.Customer) (err error) {
	doc := customerDocOf(c)
	doc.Account = a
	c.Doc, err = json.Marshal(doc)
	return err
}

func (d *Dialect) createBankAccount(r *http.Request, s engine.Scope) (answer, error) {
	id := r.PathValue("id")
	if err := checkID(id, customerID); err != nil {
		return answer{}, err
	}
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return answer{}, err
	}
	account, err := readBankAccount(body)
	if err != nil {
		return answer{}, err
	}
	made, err := d.newAccount(r.Context(), s, *account)
	if err != nil {
		return answer{}, err
	}
	_, err = d.by(r).ChangeCustomer(r.Context(), s, id, made.putOn)
	if err != nil {
		return answer{}, orNoEntity(err)
	}
	return answer{status: http.StatusCreated, body: bankAccountOf(id, made)}, nil
}

func (d *Dialect) listBankAccounts(r *http.Request, s engine.Scope) (answer, error) {
	id := r.PathValue("id")
	if err := checkID(id, customerID); err != nil {
		return answer{}, err
	}
	c, err := d.engine.Customer(r.Context(), s, id)
	if err != nil {
		return answer{}, orNoEntity(err)
	}
	list := []bankAccountBody{}
	if a := customerDocOf(c).Account; a != nil {
		list = append(list, bankAccountOf(id, a))
	}
	return answer{status: http.StatusOK, body: struct {
		Data []bankAccountBody `json:"data"`
	}{list}}, nil
}

// namedAccount is the account of an order that names the one its customer has; nil where it names none.
//
// Errors, on bank_account_id: invalid_value.
func namedAccount(body web.Object, c *engine.Customer) (*bankAccount, error) {
	const field = "bank_account_id"
	id, err := optional(body, field, maxID)
	if err != nil || id == "" {
		return nil, err
	}
	if _, both := body.Get("bank_account_details"); both {
		return nil, wrong(field, "Only one of bank_account_id and bank_account_details can be given")
	}
	a := customerDocOf(c).Account
	if a == nil || a.ID != id {
		return nil, fault.New(fault.CodeInvalidValue, "bank_account_id is not the active bank account of the customer").On(field)
	}
	return &a.bankAccount, nil
}
