package koywe

import (
	"net/http"

	"till/internal/engine"
)

// contactsRoutes is who a merchant collects from and pays to. An update may be a PUT or a PATCH; both change only what
// they name.
func (d *Dialect) contactsRoutes() []route {
	return []route{
		{http.MethodPost, ofM + "/contacts", "contacts:write", d.createContact},
		{http.MethodGet, ofM + "/contacts", "contacts:read", d.listContacts},
		{http.MethodGet, ofM + "/contacts/{contactId}", "contacts:read", d.getContact},
		{http.MethodPut, ofM + "/contacts/{contactId}", "contacts:write", d.updateContact},
		{http.MethodPatch, ofM + "/contacts/{contactId}", "contacts:write", d.updateContact},
		{http.MethodGet, ofM + "/contacts/{contactId}/accounts", "accounts:read", d.listContactAccounts},
		{http.MethodPost, ofM + "/contacts/{contactId}/accounts", "accounts:write", d.createContactAccount},
	}
}

func (d *Dialect) createContact(r *http.Request, s engine.Scope) (answer, error) {
	asked, err := d.decodeContact(r, s)
	if err != nil {
		return answer{}, err
	}
	c, err := d.by(r).AddCustomer(r.Context(), asked)
	if err != nil {
		return answer{}, contactFault(err)
	}
	return answer{http.StatusCreated, contactOf(c, r.PathValue("organizationId"))}, nil
}

func (d *Dialect) listContacts(r *http.Request, s engine.Scope) (answer, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	number, size := q.paging(10, 100)
	if q.Err() != nil {
		return answer{}, q.Err()
	}
	page, err := d.engine.Customers(r.Context(), engine.CustomerFilter{Scope: s, Page: number, Limit: size})
	if err != nil {
		return answer{}, err
	}
	list := contactList{Contacts: make([]contactBody, 0, len(page.Customers)), Pagination: pagination{number, size, page.Total}}
	for i := range page.Customers {
		list.Contacts = append(list.Contacts, contactOf(&page.Customers[i], r.PathValue("organizationId")))
	}
	return answer{http.StatusOK, list}, nil
}

func (d *Dialect) getContact(r *http.Request, s engine.Scope) (answer, error) {
	c, err := d.engine.Customer(r.Context(), s, r.PathValue("contactId"))
	if err != nil {
		return answer{}, noContact(err)
	}
	return answer{http.StatusOK, contactOf(c, r.PathValue("organizationId"))}, nil
}

func (d *Dialect) updateContact(r *http.Request, s engine.Scope) (answer, error) {
	change, err := decodeContactChange(r)
	if err != nil {
		return answer{}, err
	}
	c, err := d.by(r).ChangeCustomer(r.Context(), s, r.PathValue("contactId"), change)
	if err != nil {
		return answer{}, noContact(contactFault(err))
	}
	return answer{http.StatusOK, contactOf(c, r.PathValue("organizationId"))}, nil
}

func (d *Dialect) listContactAccounts(r *http.Request, s engine.Scope) (answer, error) {
	filter, err := d.accountFilterOf(r, s)
	if err != nil {
		return answer{}, err
	}
	c, err := d.engine.Customer(r.Context(), s, r.PathValue("contactId"))
	if err != nil {
		return answer{}, noContact(err)
	}
	filter.Customer = c.ID
	list, err := d.externalAccounts(r.Context(), filter)
	return answer{http.StatusOK, list}, err
}

func (d *Dialect) createContactAccount(r *http.Request, s engine.Scope) (answer, error) {
	asked, err := d.decodeAccount(r, s)
	if err != nil {
		return answer{}, err
	}
	asked.Customer = r.PathValue("contactId")
	a, err := d.by(r).AddAccount(r.Context(), asked)
	if err != nil {
		return answer{}, noContact(accountFault(err))
	}
	return answer{http.StatusCreated, accountOf(a)}, nil
}
