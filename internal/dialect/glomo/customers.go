package glomo

import (
	"net/http"

	"till/internal/engine"
	"till/internal/fault"
)

// customerRoutes is who pays a merchant's orders.
func (d *Dialect) customerRoutes() []route {
	return []route{
		{http.MethodPost, v1 + "/customer", "customers:write", d.createCustomer},
		{http.MethodGet, v1 + "/customer", "customers:read", d.listCustomers},
		{http.MethodGet, v1 + "/customer/{id}", "customers:read", d.getCustomer},
		{http.MethodPatch, v1 + "/customer/{id}", "customers:write", d.changeCustomer},
	}
}

func (d *Dialect) createCustomer(r *http.Request, s engine.Scope) (answer, error) {
	asked, err := d.decodeCustomer(r)
	if err != nil {
		return answer{}, err
	}
	asked.ID, asked.Scope = d.newID(customerID), s
	c, err := d.by(r).AddCustomer(r.Context(), asked)
	if err != nil {
		return answer{}, customerFault(err)
	}
	return answer{status: http.StatusCreated, body: customerOf(c)}, nil
}

func (d *Dialect) listCustomers(r *http.Request, s engine.Scope) (answer, error) {
	f, err := decodeCustomerFilter(r.URL.RawQuery, s)
	if err != nil {
		return answer{}, err
	}
	page, err := f.find(r.Context(), d.engine)
	if err != nil {
		return answer{}, err
	}
	list := make([]customerBody, len(page.Customers))
	for i := range page.Customers {
		list[i] = customerOf(&page.Customers[i])
	}
	return answer{status: http.StatusOK, body: pageOf(f.paging, list, page.Total)}, nil
}

func (d *Dialect) getCustomer(r *http.Request, s engine.Scope) (answer, error) {
	if err := checkID(r.PathValue("id"), customerID); err != nil {
		return answer{}, err
	}
	c, err := d.engine.Customer(r.Context(), s, r.PathValue("id"))
	if err != nil {
		return answer{}, orNoEntity(err)
	}
	return answer{status: http.StatusOK, body: customerOf(c)}, nil
}

func (d *Dialect) changeCustomer(r *http.Request, s engine.Scope) (answer, error) {
	if err := checkID(r.PathValue("id"), customerID); err != nil {
		return answer{}, err
	}
	change, err := decodeCustomerChange(r)
	if err != nil {
		return answer{}, err
	}
	c, err := d.by(r).ChangeCustomer(r.Context(), s, r.PathValue("id"), change)
	if err != nil {
		return answer{}, orNoEntity(customerFault(err))
	}
	return answer{status: http.StatusOK, body: customerOf(c)}, nil
}

// customerFault says an engine's refusal of a customer in this API's words.
func customerFault(err error) error {
	switch f, _ := fault.As(err); {
	case f == nil:
	case f.Code == fault.CodeDuplicateReference && f.Param == "email":
		return fault.New(fault.CodeDuplicateReference, "This email address is already registered under your business.").On("email")
	case f.Param == "email":
		return wrong("email", "Email address is not valid.")
	}
	return err
}
