package glomo

import (
	"encoding/json"

	"till/internal/engine"
	"till/internal/party"
)

// customerBody is a customer as create, get and lists show him. What he does not have is null.
type customerBody struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	Type        string  `json:"customer_type"`
	Email       string  `json:"email"`
	Phone       *string `json:"phone"`
	Born        *string `json:"dob"`
	Nationality *string `json:"nationality"`
	Address     string  `json:"address"`
	City        string  `json:"city"`
	State       string  `json:"state"`
	Country     string  `json:"country"`
	Pincode     *string `json:"pincode"`
	Status      string  `json:"status"`
	CreatedAt   string  `json:"created_at"`
	UpdatedAt   string  `json:"updated_at"`
}

func customerDocOf(c *engine.Customer) (doc customerDoc) {
	if json.Unmarshal(c.Doc, &doc) != nil {
		return customerDoc{} // what was forgotten of him shows as nothing
	}
	return doc
}

func customerOf(c *engine.Customer) customerBody {
	doc := customerDocOf(c)
	kind := individual
	if c.Kind == party.Business {
		kind = business
	}
	return customerBody{
		ID: c.ID, Name: c.FirstName, Type: kind, Email: c.Email, Phone: textOrNull(doc.Phone), Born: textOrNull(doc.Born), Nationality: textOrNull(doc.Nationality),
		Address: c.Address.Street, City: c.Address.City, State: c.Address.State, Country: doc.Country, Pincode: textOrNull(c.Address.PostalCode),
		Status: "active", CreatedAt: wireTime(c.CreatedAt), UpdatedAt: wireTime(c.UpdatedAt),
	}
}
