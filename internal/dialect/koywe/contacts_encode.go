package koywe

import (
	"encoding/json"
	"strings"

	"till/internal/engine"
	"till/internal/party"
)

type contactBody struct {
	ID             string       `json:"id"`
	FirstName      string       `json:"firstName"`
	LastName       *string      `json:"lastName"`
	FullName       string       `json:"fullName"`
	Email          *string      `json:"email"`
	Phone          *string      `json:"phone"`
	CountrySymbol  string       `json:"countrySymbol"`
	BusinessType   string       `json:"businessType"`
	Type           string       `json:"type"`
	DocumentType   *string      `json:"documentType"`
	DocumentNumber *string      `json:"documentNumber"`
	TaxIDType      *string      `json:"taxIdType"`
	TaxIDNumber    *string      `json:"taxIdNumber"`
	Address        *addressBody `json:"address"`
	MerchantID     string       `json:"merchantId"`
	OrganizationID string       `json:"organizationId"`
	CreatedAt      string       `json:"createdAt"`
	UpdatedAt      string       `json:"updatedAt"`
}

type addressBody struct {
	Street  *string `json:"street"`
	City    *string `json:"city"`
	State   *string `json:"state"`
	ZipCode *string `json:"zipCode"`
	Country *string `json:"country"`
}

type contactList struct {
	Contacts   []contactBody `json:"contacts"`
	Pagination pagination    `json:"pagination"`
}

func contactOf(c *engine.Customer, organisation string) contactBody {
	var doc contactDoc
	json.Unmarshal(c.Doc, &doc) // we wrote it; without it the business type is empty
	b := contactBody{
		ID: c.ID, FirstName: c.FirstName, LastName: textOrNull(c.LastName), FullName: strings.TrimSpace(c.FirstName + " " + c.LastName),
		Email: textOrNull(c.Email), Phone: textOrNull(c.Phone), CountrySymbol: c.Country, BusinessType: doc.BusinessType, Type: strings.ToUpper(string(c.Kind)),
		DocumentType: textOrNull(c.Document.Type), DocumentNumber: textOrNull(c.Document.Number),
		TaxIDType: textOrNull(c.Document.Type), TaxIDNumber: textOrNull(c.Document.Number),
		MerchantID: c.Scope.Merchant, OrganizationID: organisation, CreatedAt: wireTime(c.CreatedAt), UpdatedAt: wireTime(c.UpdatedAt),
	}
	if a := c.Address; a != (party.Address{}) {
		b.Address = &addressBody{textOrNull(a.Street), textOrNull(a.City), textOrNull(a.State), textOrNull(a.PostalCode), textOrNull(a.Country)}
	}
	return b
}

// textOrNull is nil for an empty text.
func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
