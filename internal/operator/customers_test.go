package operator

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"till/internal/fault"
	"till/internal/operator/client"
)

// An operator finds customers and accounts, and reads no number or address of theirs.
func TestCustomersAreMasked(t *testing.T) {
	k := newKit(t)
	read := func(path string, into any) string {
		t.Helper()
		w := call(k.handler, "GET", path, tokenAll, "")
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s %v", path, w.Code, w.Body, err)
		}
		for _, secret := range []string{"ana@", "3001234567", "1020304050", "012180026050783858"} {
			if strings.Contains(w.Body.String(), secret) {
				t.Errorf("%s shows %s", path, secret)
			}
		}
		return w.Body.String()
	}
	const of = "?merchant=m1&mode=sandbox&dialect="
	var customers client.CustomerPage
	read("/customers"+of+"some", &customers)
	if len(customers.Customers) != 1 || customers.Total != 1 || customers.Next != "" {
		t.Fatalf("%+v", customers)
	}
	var ana client.Customer
	read("/customers/con_ana", &ana)
	if ana != customers.Customers[0] || ana.FirstName != "Ana" || ana.Email != "a****@example.com" || ana.Phone != "****4567" || ana.Document != "****4050" || ana.Merchant != "m1" {
		t.Errorf("%+v", ana)
	}
	var first, second, theirs client.ExternalAccountPage
	read("/external-accounts"+of+"some&limit=1", &first)
	read("/external-accounts"+of+"some&limit=1&after="+first.Next, &second)
	read("/external-accounts"+of+"some&customer=con_ana", &theirs)
	if first.Total != 2 || first.Accounts[0].ID != "acc_own" || len(second.Accounts) != 1 || second.Accounts[0].ID != "acc_bank" || second.Next != "" ||
		len(theirs.Accounts) != 1 || theirs.Accounts[0] != second.Accounts[0] {
		t.Errorf("%+v\n%+v\n%+v", first, second, theirs)
	}
	var account client.ExternalAccount
	read("/external-accounts/acc_bank", &account)
	if account.Number != "****3858" || account.Bank != "012" || account.Kind != "bank" || !account.Default || account.Customer != "con_ana" {
		t.Errorf("%+v", account)
	}
	var none client.CustomerPage
	if text := read("/customers"+of+"another", &none); !strings.Contains(text, `"customers":[]`) {
		t.Error(text)
	}
	wantProblem(t, call(k.handler, "GET", "/customers?mode=sandbox&dialect=x", tokenAll, ""), http.StatusBadRequest, fault.CodeMissingField, "merchant")
	wantProblem(t, call(k.handler, "GET", "/customers"+of+"x&after=0", tokenAll, ""), http.StatusBadRequest, fault.CodeInvalidPage, "after")
	wantProblem(t, call(k.handler, "GET", "/customers/none", tokenAll, ""), http.StatusNotFound, fault.CodeNotFound, "")
	wantProblem(t, call(k.handler, "GET", "/external-accounts/none", tokenAll, ""), http.StatusNotFound, fault.CodeNotFound, "")
}

// Who was erased is there without a name, and so are his accounts; again is the same.
func TestCustomerIsErased(t *testing.T) {
	k := newKit(t)
	c := k.client(t, tokenAll)
	for range 2 {
		erased, err := c.EraseCustomer(t.Context(), "con_ana")
		must(t, err)
		if !erased.Erased || erased.ID != "con_ana" || erased.Country != "CO" || erased.FirstName+erased.LastName+erased.Email+erased.Phone+erased.DocumentType+erased.Document != "" {
			t.Errorf("%+v", erased)
		}
	}
	one, err := c.Customer(t.Context(), "con_ana")
	if must(t, err); !one.Erased {
		t.Errorf("%+v", one)
	}
	account, err := c.ExternalAccount(t.Context(), "acc_bank")
	if must(t, err); !account.Erased || account.Number != "" || account.Bank != "" || account.Default || account.Customer != "con_ana" {
		t.Errorf("%+v", account)
	}
	own, err := c.ExternalAccount(t.Context(), "acc_own")
	if must(t, err); own.Erased || own.Number == "" {
		t.Errorf("the merchant's own: %+v", own)
	}
	page, err := c.Customers(t.Context(), client.RecordQuery{Merchant: "m1", Mode: "sandbox", Dialect: "some", Limit: 10})
	if must(t, err); page.Total != 1 || len(page.Customers) != 1 || !page.Customers[0].Erased {
		t.Errorf("%+v", page)
	}
}
