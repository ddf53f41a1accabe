package koywe

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/money"
)

type accountBody struct {
	ID            string  `json:"id"`
	Name          *string `json:"name"`
	Entity        *string `json:"entity"`
	Kind          string  `json:"kind"`
	IsVirtual     bool    `json:"isVirtual"`
	Address       *string `json:"address"`
	Network       *string `json:"network"`
	Type          *string `json:"type"`
	AccountNumber *string `json:"accountNumber"`
	RoutingNumber *string `json:"routingNumber"`
	CountryID     *string `json:"countryId"`
	CurrencyID    *string `json:"currencyId"`
	CurrencyCode  *string `json:"currencyCode"`
	CountryCode   *string `json:"countryCode"`
	CreatedAt     string  `json:"createdAt"`
	UpdatedAt     string  `json:"updatedAt"`
	IsDefault     bool    `json:"isDefault"`
	IsTracked     bool    `json:"isTracked"`
	MerchantID    *string `json:"merchantId"`
	ContactID     *string `json:"contactId"`
}

// accountOf is an account outside the house. It is a contact's, or else the merchant's.
func accountOf(a *engine.Account) accountBody {
	var doc accountDoc
	json.Unmarshal(a.Doc, &doc) // we wrote it; without it both are false
	b := accountBody{
		ID: a.ID, Name: textOrNull(a.Name), IsVirtual: doc.Virtual, IsDefault: a.Default, IsTracked: doc.Tracked,
		CurrencyCode: textOrNull(a.Currency().Code()), CreatedAt: wireTime(a.CreatedAt), UpdatedAt: wireTime(a.UpdatedAt), ContactID: textOrNull(a.Customer),
	}
	b.CurrencyID = idOf("cur", a.Currency().Code())
	if a.Customer == "" {
		b.MerchantID = &a.Scope.Merchant
	}
	if a.Bank == nil {
		b.Kind, b.Address, b.Network = kindCrypto, &a.Wallet.Address, new(wireNetwork(a.Wallet.Network))
		return b
	}
	b.Kind, b.Type = kindBank, new(cmp.Or(strings.ToUpper(string(a.Bank.Type)), "VIRTUAL"))
	b.Entity, b.AccountNumber, b.RoutingNumber = textOrNull(a.Bank.Bank), &a.Bank.Number, textOrNull(a.Bank.Routing)
	b.CountryCode, b.CountryID = &a.Bank.Country, idOf("ctry", a.Bank.Country)
	return b
}

// virtualAccountOf is a merchant's balance as an account.
func virtualAccountOf(s engine.Scope, currency money.Asset, since time.Time) accountBody {
	return accountBody{
		ID: virtualAccountID(s, currency), Name: new(currency.Code() + " balance"), Kind: kindBank, IsVirtual: true, Type: new("VIRTUAL"),
		AccountNumber: new(virtualNumber(s, currency)), CurrencyCode: new(currency.Code()), CurrencyID: idOf("cur", currency.Code()),
		CreatedAt: wireTime(since), UpdatedAt: wireTime(since), IsDefault: true, IsTracked: true, MerchantID: &s.Merchant,
	}
}

type merchantBody struct {
	MerchantID     string          `json:"merchantId"`
	OrganizationID string          `json:"organizationId"`
	Slug           string          `json:"slug"`
	Profile        merchantProfile `json:"profile"`
	CreatedAt      string          `json:"createdAt"`
}

// merchantProfile has Koywe's fields. Till keeps a merchant's name and nothing else.
type merchantProfile struct {
	Name        string  `json:"name"`
	Description *string `json:"description"`
	Address     *string `json:"address"`
	Email       *string `json:"email"`
	Phone       *string `json:"phone"`
	URL         *string `json:"url"`
	TaxIDType   *string `json:"taxIdType"`
	TaxIDNumber *string `json:"taxIdNumber"`
	City        *string `json:"city"`
	PostalCode  *string `json:"postalCode"`
	State       *string `json:"State"`
	County      *string `json:"County"`
	Country     *string `json:"Country"`
}

func merchantOf(m engine.Merchant) merchantBody {
	return merchantBody{MerchantID: m.ID, OrganizationID: m.Organisation, Slug: strings.ToLower(m.ID), Profile: merchantProfile{Name: m.Name}, CreatedAt: wireTime(m.CreatedAt)}
}
