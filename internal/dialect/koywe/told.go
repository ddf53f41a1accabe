package koywe

import (
	"till/internal/engine"
)

// What is told that is about no order somebody asked for: contacts, and money that arrived at a receiving number.

// recordEvents is what this API calls the engine's events of a scope.
var recordEvents = map[string]string{engine.CustomerAdded: "contact.created", engine.CustomerChanged: "contact.updated"}

// incomeEvents is what this API calls the events of an arrival.
var incomeEvents = map[string]string{"order.completed": "bank_income.received", "order.cancelled": "bank_income.rejected", "order.failed": "bank_income.rejected"}

type recordBody struct {
	Type          string         `json:"type"`
	Data          any            `json:"data"`
	Relationships recordRelation `json:"relationships"`
}

type recordRelation struct {
	Self recordSelf `json:"self"`
}

type recordSelf struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// contactData says nothing of who the contact is: what is told is kept, and a contact may ask to be forgotten.
type contactData struct {
	ContactID     string `json:"contact_id"`
	MerchantID    string `json:"merchant_id"`
	CountrySymbol string `json:"country_symbol"`
	OccurredAt    string `json:"occurred_at"`
}

type incomeData struct {
	MerchantID     string  `json:"merchant_id"`
	AccountID      string  `json:"account_id"`
	AccountNumber  string  `json:"account_number"`
	CountrySymbol  string  `json:"country_symbol"`
	CurrencySymbol string  `json:"currency_symbol"`
	Amount         number  `json:"amount"`
	Status         string  `json:"status"`
	SenderName     *string `json:"sender_name"`
	ReceivedAt     string  `json:"received_at"`
}

// tellRecord renders an event of a scope, or of an arrival.
func (d *Dialect) tellRecord(ev engine.Event, o *engine.Order) (id, kind string, body []byte, ok bool) {
	if ev.Type == endpointTried {
		return tellPing(ev)
	}
	if o == nil {
		if kind, ok = recordEvents[ev.Type]; !ok {
			return "", "", nil, false
		}
		data := contactData{ContactID: ev.Facts.Ref, MerchantID: ev.Scope.Merchant, CountrySymbol: ev.Facts.Details["country"], OccurredAt: wireTime(ev.Facts.At)}
		return eventID(ev.ID), kind, encode(recordBody{kind, data, recordRelation{recordSelf{"contact", ev.Facts.Ref}}}), true
	}
	if kind, ok = incomeEvents[ev.Type]; !ok {
		return "", "", nil, false
	}
	at, _ := placeOf(o.Reference)
	due := o.Terms.Due
	data := incomeData{
		MerchantID: o.Scope.Merchant, AccountID: virtualAccountID(o.Scope, due.Asset()), AccountNumber: o.Instrument.Value, CountrySymbol: at.country,
		CurrencySymbol: due.Asset().Code(), Amount: numberOf(due), Status: "RECEIVED", ReceivedAt: wireTime(ev.Facts.At),
	}
	if kind == "bank_income.rejected" {
		data.Status = "REJECTED"
	}
	if len(o.Payments) > 0 {
		data.SenderName = textOrNull(o.Payments[0].Evidence.Name)
	}
	return eventID(ev.ID), kind, encode(recordBody{kind, data, recordRelation{recordSelf{"bank_income", o.PublicID}}}), true
}
