package glomo

import (
	"encoding/json"
	"net/http"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/party"
	"till/internal/web"
)

func (d *Dialect) beneficiaryRoutes() []route {
	return []route{
		{http.MethodPost, v2 + "/beneficiaries", "payouts:write", d.createBeneficiary},
		{http.MethodGet, v2 + "/beneficiaries", "payouts:read", d.listBeneficiaries},
		{http.MethodGet, v2 + "/beneficiaries/{id}", "payouts:read", d.getBeneficiary},
	}
}

// A beneficiary is a customer of the engine and an account of his, under one id, both in the scope of what is paid out of the
// balance: so none of them is among those who pay.

// beneficiaryDoc is what of a beneficiary only this API knows.
type beneficiaryDoc struct {
	Beneficiary personBody       `json:"beneficiary"`
	Account     payeeAccountBody `json:"bank_account"`
	Documents   []string         `json:"documents,omitempty"`
}

// personBody is who is paid.
type personBody struct {
	Name     string      `json:"name"`
	Type     string      `json:"type"`
	Email    *string     `json:"email"`
	Phone    *string     `json:"phone"`
	Nickname string      `json:"nickname"`
	Address  addressBody `json:"address"`
}

// addressBody is where he is.
type addressBody struct {
	Line1      string  `json:"address_line1"`
	Line2      *string `json:"address_line2"`
	City       string  `json:"city"`
	State      string  `json:"state"`
	Country    string  `json:"country_code"`
	PostalCode string  `json:"postal_code"`
}

// payeeAccountBody is the account that is paid to.
type payeeAccountBody struct {
	Number   string  `json:"account_number"`
	Currency string  `json:"currency"`
	Swift    *string `json:"swift_code"`
	Routing  *string `json:"local_routing_number"`
	Bank     *string `json:"bank_name"`
	Country  *string `json:"bank_country_code"`
}

// beneficiaryBody is a beneficiary. Each is active: nobody reviews them here, and whoever is paid is screened with his payout.
type beneficiaryBody struct {
	ID          string           `json:"id"`
	Category    string           `json:"category"`
	Status      string           `json:"status"`
	Beneficiary personBody       `json:"beneficiary"`
	Account     payeeAccountBody `json:"bank_account"`
	Documents   []string         `json:"documents"`
	CreatedAt   string           `json:"created_at"`
	UpdatedAt   string           `json:"updated_at"`
}

const categoryPayout = "payout"

func (d *Dialect) createBeneficiary(r *http.Request, s engine.Scope) (answer, error) {
	asked, account, err := decodeBeneficiary(r)
	if err != nil {
		return answer{}, err
	}
	for _, id := range asked.Documents {
		if err := d.checkDocument(r.Context(), s, id); err != nil {
			return answer{}, err
		}
	}
	doc, err := json.Marshal(asked)
	if err != nil {
		return answer{}, err
	}
	id := d.newID(beneficiaryID)
	person := engine.Customer{Scope: s.Spending()}
	person.ID, person.FirstName, person.Kind = id, asked.Beneficiary.Name, customerKinds[asked.Beneficiary.Type]
	person.Country, _ = party.TwoLetters(asked.Beneficiary.Address.Country)
	person.Address = party.Address{
		Street: asked.Beneficiary.Address.Line1, City: asked.Beneficiary.Address.City, State: asked.Beneficiary.Address.State,
		PostalCode: asked.Beneficiary.Address.PostalCode, Country: person.Country,
	}
	made, err := d.by(r).AddPayee(r.Context(), person, engine.Account{ID: id, Name: asked.Beneficiary.Nickname, Bank: &account, Doc: doc})
	if err != nil {
		return answer{}, onAccount(err)
	}
	return answer{status: http.StatusCreated, body: beneficiaryOf(made)}, nil
}

// onAccount names the fields of an account as beneficiaries do.
func onAccount(err error) error {
	f, ok := fault.As(err)
	if !ok {
		return err
	}
	if name := map[string]string{
		"account_number": "bank_account.account_number", "routing_number": "bank_account.local_routing_number", "bic": "bank_account.swift_code",
		"currency": "bank_account.currency", "country": "beneficiary.address.country_code", "bank": "bank_account.bank_name",
	}[f.Param]; name != "" {
		return f.On(name)
	}
	return err
}

// decodeBeneficiary reads a beneficiary, and his account as the engine keeps it: by the rules of the country it is in.
func decodeBeneficiary(r *http.Request) (b beneficiaryDoc, account party.BankAccount, err error) {
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return b, account, err
	}
	category, err := required(body, "category", 64)
	if err != nil {
		return b, account, err
	}
	if category != categoryPayout {
		return b, account, wrong("category", "category must be payout: others are not served here")
	}
	if b.Beneficiary, err = decodePerson(body); err != nil {
		return b, account, err
	}
	if b.Documents, err = idList(body, "documents", documentID); err != nil {
		return b, account, err
	}
	if b.Account, account, err = decodePayee(body, b.Beneficiary.Address.Country); err != nil {
		return b, account, err
	}
	if b.Beneficiary.Nickname == "" {
		b.Beneficiary.Nickname = b.Beneficiary.Name
		if b.Account.Bank != nil {
			b.Beneficiary.Nickname += " - " + *b.Account.Bank
		}
	}
	return b, account, nil
}

func decodePerson(body web.Object) (p personBody, err error) {
	o, sent, err := body.Object("beneficiary")
	if err != nil {
		return p, err
	}
	if !sent {
		return p, missing("beneficiary")
	}
	if p.Name, err = required(o, "name", maxReference); err != nil {
		return p, err
	}
	if p.Type, err = word(o, "type", individual, business); err != nil {
		return p, err
	}
	if p.Type == "" {
		return p, missing(o.Param("type"))
	}
	var email, phone string
	for _, t := range []struct {
		field string
		into  *string
	}{{"email", &email}, {"phone", &phone}, {"nickname", &p.Nickname}} {
		if *t.into, err = optional(o, t.field, maxReference); err != nil {
			return p, err
		}
	}
	if email != "" {
		if err := checkEmail(email); err != nil {
			return p, err
		}
	}
	if err := checkPhone(phone); err != nil {
		return p, err
	}
	p.Email, p.Phone = textOrNull(email), textOrNull(phone)
	p.Address, err = decodeAddress(o)
	return p, err
}

func decodeAddress(person web.Object) (a addressBody, err error) {
	o, sent, err := person.Object("address")
	if err != nil {
		return a, err
	}
	if !sent {
		return a, missing(person.Param("address"))
	}
	for _, t := range []struct {
		field string
		into  *string
	}{{"address_line1", &a.Line1}, {"city", &a.City}, {"state", &a.State}, {"country_code", &a.Country}, {"postal_code", &a.PostalCode}} {
		if *t.into, err = required(o, t.field, maxReference); err != nil {
			return a, err
		}
	}
	a.Country = strings.ToUpper(a.Country)
	if _, ok := party.TwoLetters(a.Country); !ok {
		return a, wrong(o.Param("country_code"), "Country code must be a valid 3-letter ISO code (e.g., IND, USA).")
	}
	second, err := optional(o, "address_line2", maxReference)
	a.Line2 = textOrNull(second)
	return a, err
}

// decodePayee reads the account. It is in the country that is said of it, else in that of its IBAN or BIC, else in that of
// the beneficiary.
func decodePayee(body web.Object, home string) (b payeeAccountBody, account party.BankAccount, err error) {
	o, sent, err := body.Object("bank_account")
	if err != nil {
		return b, account, err
	}
	if !sent {
		return b, account, missing("bank_account")
	}
	var swift, routing, bank, country string
	for _, t := range []struct {
		field string
		into  *string
	}{{"account_number", &b.Number}, {"currency", &b.Currency}, {"swift_code", &swift}, {"local_routing_number", &routing}, {"bank_name", &bank}, {"bank_country_code", &country}} {
		if *t.into, err = optional(o, t.field, maxAccount); err != nil {
			return b, account, err
		}
	}
	if b.Number == "" {
		return b, account, missing(o.Param("account_number"))
	}
	account.Currency, err = fiatOf(b.Currency, o.Param("currency"))
	if err != nil {
		return b, account, err
	}
	switch {
	case country != "":
		two, ok := party.TwoLetters(strings.ToUpper(country))
		if !ok {
			return b, account, wrong(o.Param("bank_country_code"), "Country code must be a valid 3-letter ISO code (e.g., IND, USA).")
		}
		account.Country = two
	case len(swift) >= 6:
		account.Country = strings.ToUpper(swift[4:6])
	case len(b.Number) >= 15 && isLetters(b.Number[:2]):
		account.Country = strings.ToUpper(b.Number[:2])
	default:
		account.Country, _ = party.TwoLetters(home)
	}
	account.Number, account.BIC, account.Routing = b.Number, swift, routing
	checked, err := party.CheckAccount(account, party.Banks())
	if err != nil {
		return b, account, onAccount(err)
	}
	b.Number, b.Swift, b.Routing, b.Bank, b.Country = checked.Number, textOrNull(checked.BIC), textOrNull(checked.Routing), textOrNull(bank), textOrNull(strings.ToUpper(country))
	return b, checked, nil
}

func isLetters(text string) bool {
	return strings.Trim(strings.ToUpper(text), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// maxList is how many ids a list of a request names.
const maxList = 20

// idList reads a list of ids of a noun; none where it is absent.
func idList(body web.Object, field, prefix string) ([]string, error) {
	values, _, err := body.Array(field, maxList)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, v := range values {
		id, err := v.String(maxID)
		if err != nil {
			return nil, err
		}
		if !isID(id, prefix) {
			return nil, wrong(field, field+" must be ids that start with '"+prefix+"'")
		}
		list = append(list, id)
	}
	return list, nil
}

func (d *Dialect) getBeneficiary(r *http.Request, s engine.Scope) (answer, error) {
	id := r.PathValue("id")
	if err := checkID(id, beneficiaryID); err != nil {
		return answer{}, err
	}
	a, err := d.engine.Account(r.Context(), s.Spending(), id)
	if err != nil {
		return answer{}, orNoEntity(err)
	}
	return answer{status: http.StatusOK, body: beneficiaryOf(a)}, nil
}

func (d *Dialect) listBeneficiaries(r *http.Request, s engine.Scope) (answer, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	p := q.paging()
	if q.Err() != nil {
		return answer{}, q.Err()
	}
	page, err := d.engine.Accounts(r.Context(), engine.AccountFilter{Scope: s.Spending(), All: true, Page: p.page, Limit: p.perPage})
	if err != nil {
		return answer{}, err
	}
	var list []beneficiaryBody
	for i := range page.Accounts {
		list = append(list, beneficiaryOf(&page.Accounts[i]))
	}
	return answer{status: http.StatusOK, body: pageOf(p, list, page.Total)}, nil
}

func beneficiaryOf(a *engine.Account) beneficiaryBody {
	var doc beneficiaryDoc
	_ = json.Unmarshal(a.Doc, &doc) // ours: it was written by createBeneficiary
	b := beneficiaryBody{
		ID: a.ID, Category: categoryPayout, Status: "active", Beneficiary: doc.Beneficiary, Account: doc.Account, Documents: doc.Documents,
		CreatedAt: wireTime(a.CreatedAt), UpdatedAt: wireTime(a.UpdatedAt),
	}
	if b.Documents == nil {
		b.Documents = []string{}
	}
	return b
}
