package payin

import (
	"encoding/json"
	"time"

	"till/internal/engine"
)

// linkBody is a payment link as its merchant sees it.
type linkBody struct {
	ID                 string          `json:"id"`
	Slug               *string         `json:"slug"` // null in a draft
	URL                *string         `json:"url"`  // of its page; null in a draft, and where nobody said how browsers reach this server
	Title              string          `json:"title"`
	Description        string          `json:"description,omitempty"`
	Amount             string          `json:"amount"`
	Currencies         []linkCurrency  `json:"currencies"`
	InventoryTotal     *int64          `json:"inventoryTotal"` // null: without end
	InventorySold      int64           `json:"inventorySold"`
	InventoryReserved  int64           `json:"inventoryReserved"` // orders that can still be paid
	InventoryRemaining *int64          `json:"inventoryRemaining"`
	Status             string          `json:"status"`
	ExpiresAt          *string         `json:"expiresAt"`
	Metadata           json.RawMessage `json:"metadata,omitempty"`
	SuccessURL         string          `json:"successUrl,omitempty"`
	CancelURL          string          `json:"cancelUrl,omitempty"`
	CreatedAt          string          `json:"createdAt"`
	UpdatedAt          string          `json:"updatedAt"`
	PublishedAt        *string         `json:"publishedAt"`
}

type linkList struct {
	Data       []linkBody     `json:"data"`
	Pagination paginationBody `json:"pagination"`
}

// publicLinkBody is a payment link as payers see it: nothing of its metadata, of where it leads, or of what was sold.
type publicLinkBody struct {
	Slug               string         `json:"slug"`
	Title              string         `json:"title"`
	Description        string         `json:"description,omitempty"`
	Amount             string         `json:"amount"`
	AmountChosen       bool           `json:"amountChosenByPayer"`
	Currencies         []linkCurrency `json:"currencies"`
	InventoryRemaining *int64         `json:"inventoryRemaining"`
	Status             string         `json:"status"`
	ExpiresAt          *string        `json:"expiresAt"`
}

func (d *Dialect) encodeLink(o *engine.Offer) linkBody {
	l := linkOf(o)
	body := linkBody{
		ID: o.ID, Title: l.Title, Description: l.Description, Amount: l.Amount, Currencies: l.Currencies, InventoryTotal: o.Stock,
		InventorySold: o.Sold, InventoryReserved: o.Taken - o.Sold, InventoryRemaining: remaining(o), Status: string(o.State),
		ExpiresAt: optionalTime(o.EndsAt), Metadata: l.Metadata, SuccessURL: l.SuccessURL, CancelURL: l.CancelURL,
		CreatedAt: wireTime(o.CreatedAt), UpdatedAt: wireTime(o.UpdatedAt), PublishedAt: optionalTime(o.PublishedAt),
	}
	if o.Slug != "" {
		body.Slug = &o.Slug
		if d.publicURL != "" {
			body.URL = new(d.publicURL + "/checkout/" + o.Slug)
		}
	}
	return body
}

func (d *Dialect) encodeLinks(f engine.OfferFilter, page engine.OfferPage) linkList {
	list := linkList{
		Data:       make([]linkBody, 0, len(page.Offers)),
		Pagination: pagination(f.Page, f.Limit, page.Total),
	}
	for i := range page.Offers {
		list.Data = append(list.Data, d.encodeLink(&page.Offers[i]))
	}
	return list
}

func (d *Dialect) encodePublicLink(o *engine.Offer) publicLinkBody {
	l := linkOf(o)
	return publicLinkBody{
		Slug: o.Slug, Title: l.Title, Description: l.Description, Amount: l.Amount, AmountChosen: isZero(l.Amount), Currencies: l.Currencies,
		InventoryRemaining: remaining(o), Status: string(o.State), ExpiresAt: optionalTime(o.EndsAt),
	}
}

func remaining(o *engine.Offer) *int64 {
	left, limited := o.Left()
	if !limited {
		return nil
	}
	return &left
}

func optionalTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(wireTime(t))
}
