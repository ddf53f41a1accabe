package glomo

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/party"
	"till/internal/web"
)

// The two types of customers.
const (
	individual = "individual"
	business   = "business"
)

var customerKinds = map[string]party.CustomerKind{individual: party.Person, business: party.Business}

// customerDoc is what of a customer only this API knows. The telephone number is here and not the engine's, where no two
// customers of a merchant may have one: people of one household do.
type customerDoc struct {
	Phone       string `json:"phone,omitempty"` // as it was sent
	Born        string `json:"dob,omitempty"`   // as it was sent
	Nationality string `json:"nationality,omitempty"`
	Country     string `json:"country"` // three letters

	Account *customerAccount `json:"account,omitempty"` // that he pays from; nil: none is known
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9 &.,'-]{2,128}$`)

// decodeCustomer reads POST /customer.
func (d *Dialect) decodeCustomer(r *http.Request) (c engine.Customer, err error) {
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return c, err
	}
	var kind string
	var doc customerDoc
	for _, t := range []struct {
		field string
		into  *string
	}{
		{"name", &c.FirstName}, {"customer_type", &kind}, {"email", &c.Email}, {"phone", &doc.Phone}, {"dob", &doc.Born}, {"nationality", &doc.Nationality},
		{"address", &c.Address.Street}, {"city", &c.Address.City}, {"state", &c.Address.State}, {"country", &doc.Country}, {"pincode", &c.Address.PostalCode},
	} {
		if *t.into, err = optional(body, t.field, maxText); err != nil {
			return c, err
		}
	}
	known := false
	c.Kind, known = customerKinds[kind]
	c.Country, _ = party.TwoLetters(doc.Country)
	_, national := party.TwoLetters(doc.Nationality)
	switch {
	case c.FirstName == "":
		return c, wrong("name", "Customer name cannot be blank.")
	case !nameForm.MatchString(c.FirstName):
		return c, wrong("name", "Validation failed: Name is invalid")
	case !known:
		return c, wrong("customer_type", "Customer type must be either Individual or Business.")
	case c.Address.Street == "":
		return c, wrong("address", "Address cannot be blank.")
	case c.Address.City == "":
		return c, wrong("city", "City cannot be blank.")
	case c.Address.State == "":
		return c, wrong("state", "State cannot be blank.")
	case c.Country == "":
		return c, wrong("country", "Country code must be a valid 3-letter ISO code (e.g., IND, USA).")
	case c.Address.PostalCode == "" && slices.Contains(pincodeCountries, doc.Country):
		return c, wrong("pincode", "Pincode is required for the selected country.")
	case doc.Nationality != "" && !national:
		return c, wrong("nationality", "Nationality code must be valid 3-letter ISO.")
	}
	if err = checkEmail(c.Email); err != nil {
		return c, err
	}
	if err = checkPhone(doc.Phone); err != nil {
		return c, err
	}
	if err = d.checkBorn(doc.Born); err != nil {
		return c, err
	}
	c.Address.Country = c.Country
	c.Doc, err = json.Marshal(doc)
	return c, err
}

// pincodeCountries are those whose addresses are nothing without a postal code. The list of the contract is not published.
var pincodeCountries = []string{"IND", "USA", "CAN", "GBR", "AUS", "DEU", "FRA", "SGP"}

func checkEmail(text string) error {
	if _, err := party.Email("email", text); err != nil {
		return wrong("email", "Email address is not valid.")
	}
	return nil
}

func checkPhone(text string) error {
	if text == "" {
		return nil
	}
	if _, err := party.Phone("phone", text); err != nil {
		return wrong("phone", "Phone number format is invalid.")
	}
	return nil
}

// checkBorn refuses a day that is none, or is not over.
func (d *Dialect) checkBorn(text string) error {
	if text == "" {
		return nil
	}
	day, err := time.Parse("02-01-2006", text)
	switch {
	case err != nil:
		return wrong("dob", "Date of birth must be written as DD-MM-YYYY.")
	case !day.Before(d.now().UTC().Truncate(24 * time.Hour)):
		return wrong("dob", "Date of birth must be in the past.")
	}
	return nil
}

// fixed are the fields of a customer that never change.
var fixed = []string{"name", "customer_type", "dob", "nationality", "address", "city", "state", "country", "pincode"}

// decodeCustomerChange reads PATCH /customer/{id}.
func decodeCustomerChange(r *http.Request) (func(c *engine.Customer) error, error) {
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return nil, err
	}
	for _, field := range fixed {
		if _, sent := body.Get(field); sent {
			return nil, wrong(field, "Only email and phone of a customer may change, not "+field)
		}
	}
	email, err := optional(body, "email", maxText)
	if err != nil {
		return nil, err
	}
	if _, sent := body.Get("email"); sent {
		if err := checkEmail(email); err != nil {
			return nil, err
		}
	}
	phone, err := optional(body, "phone", maxText)
	if err != nil {
		return nil, err
	}
	if err := checkPhone(phone); err != nil {
		return nil, err
	}
	return func(c *engine.Customer) error {
		doc := customerDocOf(c)
		if email != "" {
			c.Email = email
		}
		if phone != "" {
			doc.Phone = phone
		}
		var err error
		c.Doc, err = json.Marshal(doc)
		return err
	}, nil
}

// customerFilter is the query of GET /customer.
type customerFilter struct {
	engine.CustomerFilter
	paging paging
	email  string
}

func decodeCustomerFilter(rawQuery string, s engine.Scope) (f customerFilter, err error) {
	q, err := queryOf(rawQuery)
	if err != nil {
		return f, err
	}
	f.paging, f.email = q.paging(), q.Text("email_address")
	f.CustomerFilter = engine.CustomerFilter{
		Scope: s, Kind: customerKinds[q.word("customer_type", individual, business)], Page: f.paging.page, Limit: f.paging.perPage,
		CreatedFrom: f.paging.from, CreatedTo: f.paging.to,
	}
	return f, q.Err()
}

// find is the page. There is one customer at most with an e-mail address.
func (f customerFilter) find(ctx context.Context, e *engine.Engine) (engine.CustomerPage, error) {
	if f.email == "" {
		return e.Customers(ctx, f.CustomerFilter)
	}
	c, err := e.CustomerByEmail(ctx, f.Scope, strings.TrimSpace(f.email))
	if err != nil || c == nil || f.Kind != "" && c.Kind != f.Kind || !f.paging.has(c.CreatedAt) {
		return engine.CustomerPage{}, err
	}
	page := engine.CustomerPage{Total: 1}
	if f.Page == 1 {
		page.Customers = []engine.Customer{*c}
	}
	return page, nil
}
