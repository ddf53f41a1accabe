package party

import (
	"log/slog"
	"time"
)

// CustomerKind is what sort of party a customer is.
type CustomerKind string

// The kinds.
const (
	Person     CustomerKind = "person"
	Business   CustomerKind = "business"
	Government CustomerKind = "government"
	NGO        CustomerKind = "ngo"
	Foreign    CustomerKind = "foreign"
)

// Customer is who pays a merchant or is paid by one; an API may say contact.
// A company has its name in FirstName. What a client did not say is empty.
type Customer struct {
	ID        string
	Kind      CustomerKind
	FirstName string
	LastName  string
	Email     string
	Phone     string // E.164
	Country   string // two letters
	Document  Document
	Address   Address
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Address is where a customer lives or has its seat, as it was typed.
type Address struct {
	Street, City, State, PostalCode, Country string
}

// String is the customer's id with what else is known masked, so that a log
// holds no more.
func (c Customer) String() string {
	s := "customer " + c.ID
	for _, part := range []string{Mask(c.Email), Mask(c.Phone), c.Document.String()} {
		if part != "" {
			s += " " + part
		}
	}
	return s
}

// LogValue is String.
func (c Customer) LogValue() slog.Value { return slog.StringValue(c.String()) }

// CheckCustomer checks what a customer has of country, e-mail address,
// telephone number and document, and gives them in their canonical spellings.
// What is empty stays empty: which fields must be there differs by API. A
// document without a country is one of the customer's country; one that has a
// type must have a number, and the other way round. Faults are on country,
// email, phone, document_type or document_number: missing_field, too_long,
// invalid_value.
func CheckCustomer(c Customer) (Customer, error) {
	var err error
	if c.Country != "" {
		if c.Country, err = Country("country", c.Country); err != nil {
			return Customer{}, err
		}
	}
	if c.Email != "" {
		if c.Email, err = Email("email", c.Email); err != nil {
			return Customer{}, err
		}
	}
	if c.Phone != "" {
		if c.Phone, err = Phone("phone", c.Phone); err != nil {
			return Customer{}, err
		}
	}
	if c.Document.Type == "" && c.Document.Number == "" {
		c.Document = Document{}
		return c, nil
	}
	if c.Document.Country == "" {
		c.Document.Country = c.Country
	}
	if c.Document, err = CheckDocument(c.Document); err != nil {
		return Customer{}, err
	}
	return c, nil
}
