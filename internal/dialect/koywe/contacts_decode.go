package koywe

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/party"
	"till/internal/web"
)

const (
	maxContact     = 16 << 10
	maxName        = 120 // characters
	maxContactText = 255
)

// contactTypes are the words for what a contact is.
var contactTypes = map[string]party.CustomerKind{
	"PERSON": party.Person, "BUSINESS": party.Business, "GOVERNMENT": party.Government, "NGO": party.NGO, "FOREIGN": party.Foreign,
}

var contactTypeWords = []string{"PERSON", "BUSINESS", "GOVERNMENT", "NGO", "FOREIGN"}

// documentTypes are the types that any country may have, in the order of Koywe's validator; CC is the older word for
// CED_CIU. Which of them a contact may have is decided by its country.
var documentTypes = []string{
	"RUT", "DNI", "CUIL", "CPF", "CURP", "CED_CIU", "CED_EXT", "NIT", "NOP", "RC", "PP", "DIE", "EIN", "SSN", "RFC", "RUC", "VAT", "HKID", "CNID",
	"NRIC", "FIN", "BN", "OTHER", "CUIT", "CNPJ", "TXID", "CC",
}

// contactDoc is what is remembered of a contact beside the customer.
type contactDoc struct {
	BusinessType string `json:"businessType,omitempty"`
}

// decodeContact reads a new contact. Its name is firstName and lastName, or fullName, which older clients send; type
// says what it is, or businessType where there is no type.
func (d *Dialect) decodeContact(r *http.Request, s engine.Scope) (engine.Customer, error) {
	c := engine.Customer{Scope: s}
	change, err := decodeContactChange(r)
	if err != nil {
		return c, err
	}
	if err := change(&c); err != nil {
		return c, err
	}
	switch {
	case c.FirstName == "":
		return c, missing("firstName")
	case c.Country == "":
		return c, missing("countrySymbol")
	}
	c.ID = d.newID("con")
	return c, nil
}

// decodeContactChange reads what is said of a contact: a field that is there changes it, null takes it away.
func decodeContactChange(r *http.Request) (func(c *engine.Customer) error, error) {
	body, err := web.Decode(r, maxContact)
	if err != nil {
		return nil, err
	}
	f := &contactFields{body: body}
	first, last := f.name(body)
	email := f.text("email", maxContactText)
	phone := f.text("phone", 40)
	country := f.text("countrySymbol", 2)
	kind := f.text("type", 40)
	business := f.text("businessType", 40)
	documentType, documentNumber := f.text("documentType", 40), f.text("documentNumber", 64)
	if taxType, taxNumber := f.text("taxIdType", 40), f.text("taxIdNumber", 64); documentType == nil && documentNumber == nil {
		documentType, documentNumber = taxType, taxNumber // the older names
	}
	address := f.address()
	f.oneOf("type", kind, contactTypeWords)
	f.oneOf("documentType", documentType, documentTypes)
	if business != nil && strings.Trim(*business, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" {
		f.refuse(fault.New(fault.CodeInvalidValue, "The field 'businessType' is a word in capital letters, as PERSON or COMPANY").On("businessType"))
	}
	if f.err != nil {
		return nil, f.err
	}
	return func(c *engine.Customer) error {
		set(&c.FirstName, first)
		set(&c.LastName, last)
		set(&c.Email, email)
		set(&c.Phone, phone)
		set(&c.Country, country)
		set(&c.Document.Type, documentType)
		set(&c.Document.Number, documentNumber)
		if country != nil {
			c.Document.Country = ""
		}
		if address != nil {
			c.Address = *address
		}
		doc := contactDoc{}
		if len(c.Doc) > 0 {
			if err := json.Unmarshal(c.Doc, &doc); err != nil {
				return err
			}
		}
		set(&doc.BusinessType, business)
		switch {
		case kind != nil && *kind != "":
			c.Kind = contactTypes[*kind]
		case c.Kind == "" && (doc.BusinessType == "" || doc.BusinessType == "PERSON"):
			c.Kind = party.Person
		case c.Kind == "":
			c.Kind = party.Business
		}
		if doc.BusinessType == "" {
			doc.BusinessType = "COMPANY"
			if c.Kind == party.Person {
				doc.BusinessType = "PERSON"
			}
		}
		switch {
		case c.FirstName == "":
			return missing("firstName")
		case c.Country == "":
			return missing("countrySymbol")
		}
		c.Doc = encode(doc)
		return nil
	}, nil
}

// set changes what is said.
func set(field, said *string) {
	if said != nil {
		*field = *said
	}
}

// contactFields reads fields and remembers the first that is wrong.
type contactFields struct {
	body web.Object
	err  error
}

func (f *contactFields) refuse(err error) {
	if f.err == nil {
		f.err = err
	}
}

// text is nil where the field is absent, and empty where it is null.
func (f *contactFields) text(field string, limit int) *string { return f.textOf(f.body, field, limit) }

func (f *contactFields) textOf(body web.Object, field string, limit int) *string {
	if !slices.Contains(body.Names(), field) {
		return nil
	}
	text, err := optional(body, field, limit)
	if err != nil {
		f.refuse(err)
	}
	text = strings.TrimSpace(text)
	return &text
}

// name is the first and the last name, from fullName where there is no firstName.
func (f *contactFields) name(body web.Object) (first, last *string) {
	first, last = f.text("firstName", maxName), f.text("lastName", maxName)
	full := f.text("fullName", 2*maxName)
	if first == nil && last == nil && full != nil {
		return full, new(string)
	}
	return first, last
}

func (f *contactFields) oneOf(field string, said *string, allowed []string) {
	if said != nil && *said != "" && !slices.Contains(allowed, *said) {
		f.refuse(fault.New(fault.CodeInvalidValue, "The field '"+field+"' must be one of "+strings.Join(allowed, ", ")).On(field))
	}
}

// address is nil where there is none, and empty where it is null. It is changed as a whole.
func (f *contactFields) address() *party.Address {
	if !slices.Contains(f.body.Names(), "address") {
		return nil
	}
	a := &party.Address{}
	object, present, err := f.body.Object("address")
	if err != nil {
		f.refuse(err)
	}
	if err != nil || !present {
		return a
	}
	set(&a.Street, f.textOf(object, "street", maxContactText))
	set(&a.City, f.textOf(object, "city", maxContactText))
	set(&a.State, f.textOf(object, "state", maxContactText))
	set(&a.PostalCode, f.textOf(object, "zipCode", 40))
	set(&a.Country, f.textOf(object, "country", 80))
	return a
}

// contactParams are this API's words for what a customer's check names.
var contactParams = map[string]string{"country": "countrySymbol", "document_type": "documentType", "document_number": "documentNumber"}

// contactFault is a fault on a customer as this API says it. What is wrong with a document has a number of its own.
func contactFault(err error) error {
	f, ok := fault.As(err)
	if !ok {
		return err
	}
	switch f.Param {
	case "document_type", "document_number":
		said := f.On(contactParams[f.Param])
		if f.Code == fault.CodeMissingField {
			return said
		}
		return numbered{said, numberDocument}
	case "country":
		return f.On(contactParams[f.Param])
	case "phone":
		if f.Code == fault.CodeInvalidValue {
			f = fault.New(f.Code, "Invalid phone number: "+f.Message).On(f.Param)
		}
	}
	if f.Code == fault.CodeDuplicateReference {
		return fault.New(f.Code, "A contact with this "+f.Param+" already exists").On(f.Param).With("existing", f.Details["existing"])
	}
	return f
}

// noContact says what was not found.
func noContact(err error) error {
	if fault.Is(err, fault.CodeNotFound) {
		return fault.New(fault.CodeNotFound, "Contact not found").On("contactId")
	}
	return err
}
