package koywe

import (
	"context"
	"strings"
	"testing"

	"till/internal/engine"
	"till/internal/money"
)

func TestGoldenAccounts(t *testing.T) {
	g := &golden{kit: newKit(t), file: "accounts.golden"}
	ask := func(title, method, path, body string) reply {
		t.Helper()
		return g.ask(title, request{method: method, path: m(path), key: shopKey, body: body})
	}
	ask("the merchant", "GET", "", "")
	bank := parse[accountBody](g.kit, ask("keep a bank account", "POST", "/accounts", `{"kind":"BANK","name":"Main","accountNumber":"0121 8002 6050 7838 58","countrySymbol":"MX","currencySymbol":"MXN","isDefault":true}`))
	wallet := parse[accountBody](g.kit, ask("keep a wallet", "POST", "/accounts", `{"kind":"CRYPTO","name":"Cold","address":"0x52908400098527886e0f7030069857d2e4169ee7","network":"ethereum","currencySymbol":"USDC"}`))
	ask("an account number with a wrong check digit", "POST", "/accounts", `{"kind":"BANK","accountNumber":"012180026050783859","countrySymbol":"MX","currencySymbol":"MXN"}`)
	ask("a bank that the number denies", "POST", "/accounts", `{"kind":"BANK","accountNumber":"012180026050783858","entity":"002","countrySymbol":"MX","currencySymbol":"MXN"}`)
	ask("an address with a wrong checksum", "POST", "/accounts", `{"kind":"CRYPTO","address":"0x52908400098527886E0F7030069857D2E4169Ee7","network":"ETHEREUM"}`)
	ask("get the bank account", "GET", "/accounts/"+bank.ID, "")
	ask("get the wallet", "GET", "/accounts/"+wallet.ID, "")
	ask("get a balance as an account", "GET", "/accounts/"+virtualAccountID(shopScope, cop), "")
	ask("accounts in one currency", "GET", "/accounts?currency=MXN", "")
	ask("the second page", "GET", "/accounts?pageSize=1&pageNumber=2", "")
	ask("balances", "GET", "/accounts/balances?currency=COP", "")
	ask("balances by the older path", "GET", "/bank-accounts/balances?currency=COP", "")
	ask("one balance", "GET", "/accounts/"+virtualAccountID(shopScope, cop)+"/balances", "")
	ask("the balance of a bank account", "GET", "/accounts/"+bank.ID+"/balances", "")
	ask("a balance of the past", "GET", "/accounts/balances?currency=COP&date=2026-03-01", "")
	ask("a date that is none", "GET", "/accounts/balances?date=yesterday", "")
	ask("no such account", "GET", "/accounts/acc_none", "")
	g.check()
}

var (
	shopScope = engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: Name}
	cop       = money.MustAsset("COP", "", 2)
)

func TestAccountsThatAreTaken(t *testing.T) {
	k := newKit(t)
	for what, c := range map[string]struct{ body, number, entity string }{
		"CLABE":                  {`"accountNumber":"012180026050783858","countrySymbol":"MX","currencySymbol":"MXN"`, "012180026050783858", "012"},
		"CLABE with its bank":    {`"accountNumber":"012180026050783858","entity":"012","countrySymbol":"mx","currencySymbol":"mxn"`, "012180026050783858", "012"},
		"CBU":                    {`"accountNumber":"2850590940090418135201","countrySymbol":"AR","currencySymbol":"ARS"`, "2850590940090418135201", "285"},
		"a PIX key":              {`"accountNumber":"111.444.777-35","countrySymbol":"BR","currencySymbol":"BRL"`, "11144477735", ""},
		"a Brazilian account":    {`"accountNumber":"1234567","routingNumber":"0001","entity":"260","countrySymbol":"BR","currencySymbol":"BRL"`, "1234567", "260"},
		"a Chilean account":      {`"accountNumber":"12345678","entity":"012","countrySymbol":"CL","currencySymbol":"CLP","type":"CHECKING"`, "12345678", "012"},
		"a Colombian account":    {`"accountNumber":"12345678901","entity":"1007","countrySymbol":"CO","currencySymbol":"COP","type":"SAVINGS"`, "12345678901", "1007"},
		"one of a type not said": {`"accountNumber":"12345678901","entity":"1007","countrySymbol":"CO","currencySymbol":"COP"`, "12345678901", "1007"},
		"an American account":    {`"accountNumber":"123456789","routingNumber":"021000021","countrySymbol":"US","currencySymbol":"USD"`, "123456789", "021000021"},
		"one of another country": {`"accountNumber":"DE89 3704 0044 0532 0130 00","countrySymbol":"DE","currencySymbol":"EUR"`, "DE89370400440532013000", ""},
	} {
		got := k.post(shopKey, m("/accounts"), `{"kind":"BANK",`+c.body+`}`)
		a := parse[accountBody](k, got)
		entity := ""
		if a.Entity != nil {
			entity = *a.Entity
		}
		if got.status != 201 || *a.AccountNumber != c.number || entity != c.entity || *a.MerchantID != "shop" || a.ContactID != nil {
			t.Errorf("%s: %d %s", what, got.status, got.body)
		}
	}
}

func TestAccountsThatAreRefused(t *testing.T) {
	k := newKit(t)
	const invalidAccount, invalidCurrency = "INVALID_ACCOUNT", "INVALID_CURRENCY"
	for what, c := range map[string]struct{ body, code, field string }{
		"no kind":                              {`{}`, validationError, "kind"},
		"another kind":                         {`{"kind":"CASH"}`, validationError, "kind"},
		"a bank account without a number":      {`{"kind":"BANK","countrySymbol":"MX","currencySymbol":"MXN"}`, validationError, "accountNumber"},
		"without a country":                    {`{"kind":"BANK","accountNumber":"012180026050783858","currencySymbol":"MXN"}`, validationError, "countrySymbol"},
		"without a currency":                   {`{"kind":"BANK","accountNumber":"012180026050783858","countrySymbol":"MX"}`, validationError, "currencySymbol"},
		"a currency that is none":              {`{"kind":"BANK","accountNumber":"012180026050783858","countrySymbol":"MX","currencySymbol":"XXXX"}`, invalidCurrency, "currencySymbol"},
		"a currency of another country":        {`{"kind":"BANK","accountNumber":"012180026050783858","countrySymbol":"MX","currencySymbol":"COP"}`, invalidCurrency, "currencySymbol"},
		"a CLABE with a wrong check digit":     {`{"kind":"BANK","accountNumber":"012180026050783859","countrySymbol":"MX","currencySymbol":"MXN"}`, invalidAccount, "accountNumber"},
		"a CLABE of 17 digits":                 {`{"kind":"BANK","accountNumber":"01218002605078385","countrySymbol":"MX","currencySymbol":"MXN"}`, invalidAccount, "accountNumber"},
		"a CBU with a wrong check digit":       {`{"kind":"BANK","accountNumber":"2850590940090418135202","countrySymbol":"AR","currencySymbol":"ARS"}`, invalidAccount, "accountNumber"},
		"a CCI of 19 digits":                   {`{"kind":"BANK","accountNumber":"0021930023456789018","countrySymbol":"PE","currencySymbol":"PEN"}`, invalidAccount, "accountNumber"},
		"a PIX key that is none":               {`{"kind":"BANK","accountNumber":"11144477736","countrySymbol":"BR","currencySymbol":"BRL"}`, invalidAccount, "accountNumber"},
		"a Chilean account without its bank":   {`{"kind":"BANK","accountNumber":"12345678","countrySymbol":"CL","currencySymbol":"CLP"}`, validationError, "entity"},
		"a Colombian account without its bank": {`{"kind":"BANK","accountNumber":"123456789","countrySymbol":"CO","currencySymbol":"COP"}`, validationError, "entity"},
		"a bank that is not in the list":       {`{"kind":"BANK","accountNumber":"12345678","entity":"999","countrySymbol":"CL","currencySymbol":"CLP"}`, validationError, "entity"},
		"a bank that the number denies":        {`{"kind":"BANK","accountNumber":"012180026050783858","entity":"002","countrySymbol":"MX","currencySymbol":"MXN"}`, validationError, "entity"},
		"a type that the bank does not keep":   {`{"kind":"BANK","accountNumber":"12345678901","entity":"1047","countrySymbol":"CO","currencySymbol":"COP","type":"CHECKING"}`, validationError, "type"},
		"a number longer than the bank's":      {`{"kind":"BANK","accountNumber":"1234567890","entity":"1001","countrySymbol":"CO","currencySymbol":"COP"}`, invalidAccount, "accountNumber"},
		"another type":                         {`{"kind":"BANK","accountNumber":"012180026050783858","countrySymbol":"MX","currencySymbol":"MXN","type":"GOLD"}`, validationError, "type"},
		"a text for a flag":                    {`{"kind":"BANK","accountNumber":"012180026050783858","countrySymbol":"MX","currencySymbol":"MXN","isDefault":"yes"}`, validationError, "isDefault"},
		"a wallet without an address":          {`{"kind":"CRYPTO","network":"ETHEREUM"}`, validationError, "address"},
		"a wallet without a network":           {`{"kind":"CRYPTO","address":"0x52908400098527886E0F7030069857D2E4169EE7"}`, validationError, "network"},
		"a network that is not served":         {`{"kind":"CRYPTO","address":"0x52908400098527886E0F7030069857D2E4169EE7","network":"TRON"}`, "INVALID_NETWORK", "network"},
		"an address with a wrong checksum":     {`{"kind":"CRYPTO","address":"0x52908400098527886E0F7030069857D2E4169Ee7","network":"ETHEREUM"}`, invalidAccount, "address"},
		"an address of zeros":                  {`{"kind":"CRYPTO","address":"0x` + strings.Repeat("0", 40) + `","network":"ETHEREUM"}`, invalidAccount, "address"},
		"a token that the network lacks":       {`{"kind":"CRYPTO","address":"0x52908400098527886E0F7030069857D2E4169EE7","network":"POLYGON","currencySymbol":"USDT"}`, invalidCurrency, "currencySymbol"},
	} {
		k.refused(what, k.post(shopKey, m("/accounts"), c.body), 400, c.code, c.field)
	}
	page, err := k.engine.Accounts(context.Background(), engine.AccountFilter{Scope: shopScope, All: true, Page: 1, Limit: 1})
	if err != nil || page.Total != 0 {
		t.Errorf("kept %+v, %v", page, err)
	}
}

func TestAccountsOfOthers(t *testing.T) {
	k := newKit(t)
	made := parse[accountBody](k, k.post(shopKey, m("/accounts"), `{"kind":"BANK","accountNumber":"012180026050783858","countrySymbol":"MX","currencySymbol":"MXN"}`))
	sister := func(path string) string { return strings.Replace(m(path), "shop", "branch", 1) }
	k.refused("a sister's account", k.get(acmeKey, sister("/accounts/"+made.ID)), 404, "NOT_FOUND", "accountId")
	k.refused("a sister's balance as an account", k.get(acmeKey, sister("/accounts/"+virtualAccountID(shopScope, cop))), 404, "NOT_FOUND", "accountId")
	k.refused("a sister's balance", k.get(acmeKey, sister("/accounts/"+virtualAccountID(shopScope, cop)+"/balances")), 404, "NOT_FOUND", "accountId")
	k.refused("another mode's account", k.get(liveKey, m("/accounts/"+made.ID)), 404, "NOT_FOUND", "accountId")
	k.refused("a key that may not read them", k.get(readerKey, m("/accounts")), 403, "FORBIDDEN", "")
	list := parse[[]accountBody](k, k.get(acmeKey, sister("/accounts?currency=MXN")))
	if len(list) != 1 || *list[0].AccountNumber != "VIRTUAL_FIAT-branch-MXN" {
		t.Errorf("a sister's list has %+v", list)
	}
}

// A list shows the balances once, before what is outside, and nothing of contacts.
func TestAccountsInPages(t *testing.T) {
	k := newKit(t)
	contact := parse[contactBody](k, k.post(shopKey, m("/contacts"), anaContact))
	const account = `{"kind":"BANK","accountNumber":"012180026050783858","countrySymbol":"MX","currencySymbol":"MXN"}`
	var ids []string
	for range 3 {
		ids = append(ids, parse[accountBody](k, k.post(shopKey, m("/accounts"), account)).ID)
	}
	theirs := parse[accountBody](k, k.post(shopKey, m("/contacts/"+contact.ID+"/accounts"), account))
	if theirs.MerchantID != nil || *theirs.ContactID != contact.ID {
		t.Errorf("a contact's account is %+v", theirs)
	}
	if got := parse[accountBody](k, k.get(shopKey, m("/accounts/"+theirs.ID))); *got.ContactID != contact.ID {
		t.Errorf("a contact's account is read as %+v", got)
	}
	read := func(path string) (list []string) {
		for _, a := range parse[[]accountBody](k, k.get(shopKey, m(path))) {
			if a.IsVirtual {
				list = append(list, *a.CurrencyCode)
			} else {
				list = append(list, a.ID)
			}
		}
		return list
	}
	for path, want := range map[string][]string{
		"/accounts":                             append(append([]string{}, virtualCurrencies...), ids[2], ids[1], ids[0]),
		"/accounts?currency=mxn&pageSize=2":     {"MXN", ids[2], ids[1]},
		"/accounts?pageSize=2&pageNumber=2":     {ids[0]},
		"/accounts?currency=EUR":                {"EUR"},
		"/accounts?currency=USDC":               nil,
		"/contacts/" + contact.ID + "/accounts": {theirs.ID},
	} {
		if got := read(path); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	k.refused("a currency that is none", k.get(shopKey, m("/accounts?currency=C-P")), 400, validationError, "currency")
	k.refused("a page of 501", k.get(shopKey, m("/accounts?pageSize=501")), 400, validationError, "pageSize")
}
