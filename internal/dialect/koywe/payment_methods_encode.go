package koywe

import (
	"till/internal/engine"
)

// paymentMethodsBody is what clients of Koywe read. countrySymbol, currencySymbol and banks are ours.
type paymentMethodsBody struct {
	PaymentMethods []paymentMethodBody `json:"paymentMethods"`
}

type paymentMethodBody struct {
	Method         string         `json:"method"`
	Name           string         `json:"name"`
	MinAmount      *number        `json:"minAmount"`
	MaxAmount      *number        `json:"maxAmount"`
	ResponseType   string         `json:"responseType"`
	RequiredFields requiredFields `json:"requiredFields"`
	CountrySymbol  string         `json:"countrySymbol"`
	CurrencySymbol string         `json:"currencySymbol"`
	Banks          []string       `json:"banks,omitempty"` // for extra.bankAccount.name
}

// requiredFields is what a method wants to know of the payer. What the contact does not say the page asks for.
type requiredFields struct {
	Contact []string `json:"contact"`
}

// askedFields are the names of a contact's fields, by the engine's. The bank is no field of a contact.
var askedFields = map[string]string{
	engine.FieldName: "firstName", engine.FieldDocument: "documentNumber", engine.FieldEmail: "email", engine.FieldPhone: "phone",
}

func encodePaymentMethods(list []engine.Method) paymentMethodsBody {
	body := paymentMethodsBody{PaymentMethods: []paymentMethodBody{}}
	for _, m := range list {
		one := paymentMethodBody{
			Method: m.Code, Name: m.Name, ResponseType: actionOf[m.Prompt], RequiredFields: requiredFields{Contact: []string{}},
			CountrySymbol: m.Country, CurrencySymbol: m.Currency, Banks: m.Banks,
		}
		if m.Min.Sign() > 0 {
			one.MinAmount = new(numberOf(m.Min))
		}
		if m.Max.Sign() > 0 {
			one.MaxAmount = new(numberOf(m.Max))
		}
		for _, field := range m.Required {
			if name := askedFields[field]; name != "" {
				one.RequiredFields.Contact = append(one.RequiredFields.Contact, name)
			}
		}
		body.PaymentMethods = append(body.PaymentMethods, one)
	}
	return body
}
