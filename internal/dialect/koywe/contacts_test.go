package koywe

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"till/internal/store/storetest"
)

const anaContact = `{"firstName":"Ana","lastName":"Restrepo","email":"Ana@Example.com","phone":"+57 300 123 4567","countrySymbol":"CO","businessType":"PERSON","type":"PERSON",` +
	`"documentType":"CED_CIU","documentNumber":"1.020.304.050","address":{"street":"Calle 1","city":"Bogotá","state":"DC","zipCode":"110111","country":"CO"}}`

func TestGoldenContacts(t *testing.T) {
	g := &golden{kit: newKit(t), file: "contacts.golden"}
	ask := func(title, method, path, body string) string {
		t.Helper()
		got := g.ask(title, request{method: method, path: m(path), key: shopKey, body: body})
		return parse[contactBody](g.kit, got).ID
	}
	id := ask("create a contact", "POST", "/contacts", anaContact)
	g.clock.Move(time.Minute)
	ask("create one the older way", "POST", "/contacts", `{"fullName":"Comercial Sol SpA","email":"sol@example.com","countrySymbol":"CL","businessType":"COMPANY","taxIdType":"RUT","taxIdNumber":"76.192.083-9"}`)
	ask("create one with little", "POST", "/contacts", `{"firstName":"X","countrySymbol":"us"}`)
	ask("no name", "POST", "/contacts", `{"countrySymbol":"CO"}`)
	ask("no country", "POST", "/contacts", `{"firstName":"X"}`)
	ask("a document that is none", "POST", "/contacts", `{"firstName":"X","countrySymbol":"BR","documentType":"CPF","documentNumber":"111.444.777-36"}`)
	ask("a document without a number", "POST", "/contacts", `{"firstName":"X","countrySymbol":"BR","documentType":"CPF"}`)
	ask("a telephone number that is none", "POST", "/contacts", `{"firstName":"X","countrySymbol":"CO","phone":"300 123 4567"}`)
	ask("an e-mail address that is there", "POST", "/contacts", `{"firstName":"X","countrySymbol":"CO","email":"ana@example.com"}`)
	ask("get it", "GET", "/contacts/"+id, "")
	ask("change it", "PATCH", "/contacts/"+id, `{"lastName":"Restrepo Gil","phone":null}`)
	ask("change it by PUT", "PUT", "/contacts/"+id, `{"type":"BUSINESS","businessType":"COMPANY","documentType":null,"documentNumber":null,"address":null}`)
	ask("list them", "GET", "/contacts?pageSize=2&pageNumber=1", "")
	ask("the second page", "GET", "/contacts?pageSize=2&pageNumber=2", "")
	ask("a page that is too large", "GET", "/contacts?pageSize=101", "")
	ask("nobody", "GET", "/contacts/con_none", "")
	ask("keep an account", "POST", "/contacts/"+id+"/accounts", `{"kind":"BANK","name":"Ana","accountNumber":"123456789","entity":"1001","countrySymbol":"CO","currencySymbol":"COP","type":"SAVINGS"}`)
	ask("an account of nobody", "POST", "/contacts/con_none/accounts", `{"kind":"BANK","accountNumber":"123456789","entity":"1001","countrySymbol":"CO","currencySymbol":"COP"}`)
	g.ask("list its accounts", request{method: "GET", path: m("/contacts/" + id + "/accounts"), key: shopKey})
	ask("accounts of nobody", "GET", "/contacts/con_none/accounts", "")
	g.check()
}

func TestContactsThatAreRefused(t *testing.T) {
	k := newKit(t)
	for what, c := range map[string]struct{ body, code, field string }{
		"a number for a name":             {`{"firstName":1,"countrySymbol":"CO"}`, validationError, "firstName"},
		"a name that is too long":         {`{"firstName":"` + strings.Repeat("x", 121) + `","countrySymbol":"CO"}`, validationError, "firstName"},
		"a line break in a name":          {`{"firstName":"A\nB","countrySymbol":"CO"}`, validationError, "firstName"},
		"spaces for a name":               {`{"firstName":"  ","countrySymbol":"CO"}`, validationError, "firstName"},
		"a country of three letters":      {`{"firstName":"A","countrySymbol":"COL"}`, validationError, "countrySymbol"},
		"a country of digits":             {`{"firstName":"A","countrySymbol":"12"}`, validationError, "countrySymbol"},
		"another type":                    {`{"firstName":"A","countrySymbol":"CO","type":"ROBOT"}`, validationError, "type"},
		"another businessType":            {`{"firstName":"A","countrySymbol":"CO","businessType":"company"}`, validationError, "businessType"},
		"an e-mail address without @":     {`{"firstName":"A","countrySymbol":"CO","email":"x"}`, validationError, "email"},
		"a telephone number without +":    {`{"firstName":"A","countrySymbol":"CO","phone":"573001234567"}`, validationError, "phone"},
		"another type of document":        {`{"firstName":"A","countrySymbol":"CO","documentType":"LIBRARY","documentNumber":"1"}`, validationError, "documentType"},
		"a type of another country":       {`{"firstName":"A","countrySymbol":"CO","documentType":"CPF","documentNumber":"11144477735"}`, numberDocument, "documentType"},
		"a number without a type":         {`{"firstName":"A","countrySymbol":"CO","documentNumber":"1"}`, validationError, "documentType"},
		"a type without a number":         {`{"firstName":"A","countrySymbol":"CO","documentType":"PP"}`, validationError, "documentNumber"},
		"a CC of five digits":             {`{"firstName":"A","countrySymbol":"CO","documentType":"CC","documentNumber":"12345"}`, numberDocument, "documentNumber"},
		"a CPF with a wrong check digit":  {`{"firstName":"A","countrySymbol":"BR","documentType":"CPF","documentNumber":"11144477736"}`, numberDocument, "documentNumber"},
		"an RFC of eleven":                {`{"firstName":"A","countrySymbol":"MX","documentType":"RFC","documentNumber":"GODE561231G"}`, numberDocument, "documentNumber"},
		"a RUT with a wrong check digit":  {`{"firstName":"A","countrySymbol":"CL","documentType":"RUT","documentNumber":"12.345.678-9"}`, numberDocument, "documentNumber"},
		"an address that is a text":       {`{"firstName":"A","countrySymbol":"CO","address":"Calle 1"}`, validationError, "address"},
		"a city that is too long":         {`{"firstName":"A","countrySymbol":"CO","address":{"city":"` + strings.Repeat("x", 256) + `"}}`, validationError, "address.city"},
		"a name twice in the same object": {`{"firstName":"A","firstName":"B","countrySymbol":"CO"}`, validationError, "firstName"},
	} {
		k.refused(what, k.post(shopKey, m("/contacts"), c.body), 400, c.code, c.field)
	}
	if list := parse[contactList](k, k.get(shopKey, m("/contacts"))); list.Pagination.TotalCount != 0 {
		t.Errorf("kept %+v", list)
	}
	made := parse[contactBody](k, k.post(shopKey, m("/contacts"), anaContact))
	for what, c := range map[string]struct{ body, field string }{
		"no name":            {`{"firstName":null}`, "firstName"},
		"no country":         {`{"countrySymbol":null}`, "countrySymbol"},
		"no document's kind": {`{"documentType":null}`, "documentType"},
	} {
		k.refused(what, k.do(request{method: "PATCH", path: m("/contacts/" + made.ID), key: shopKey, body: c.body}), 400, validationError, c.field)
	}
	// Who moves to another country has its documents.
	k.refused("a document of the country before", k.put(shopKey, m("/contacts/"+made.ID), `{"countrySymbol":"BR"}`), 400, numberDocument, "documentType")
}

// An e-mail address or a telephone number has one contact, whoever is faster; the refusal says which.
func TestContactsAreUnique(t *testing.T) {
	k := newKit(t)
	k.token(shopKey)
	replies := storetest.AtOnce(12, func(i int) reply {
		return k.post(shopKey, m("/contacts"), fmt.Sprintf(`{"firstName":"A","countrySymbol":"CO","phone":"+57 300 123456%d"}`, i%3))
	})
	made := map[string]bool{}
	for _, got := range replies {
		if got.status == 201 {
			made[parse[contactBody](k, got).ID] = true
		}
	}
	for _, got := range replies {
		if got.status == 201 {
			continue
		}
		body := k.refused("a number that is taken", got, 409, "ALREADY_EXISTS", "phone")
		if id, _ := body.Details["existingId"].(string); !made[id] || !strings.Contains(body.Message, "already exists") {
			t.Errorf("refused with %s", got.body)
		}
	}
	if len(made) != 3 {
		t.Errorf("%d contacts of three numbers", len(made))
	}
	if got := k.post(branchKey, strings.Replace(m("/contacts"), "shop", "branch", 1), `{"firstName":"A","countrySymbol":"CO","phone":"+573001234561"}`); got.status != 201 {
		t.Errorf("another merchant's: %d %s", got.status, got.body)
	}
}

func TestContactsOfOthers(t *testing.T) {
	k := newKit(t)
	made := parse[contactBody](k, k.post(shopKey, m("/contacts"), anaContact))
	theirs := strings.Replace(m("/contacts/"+made.ID), "shop", "branch", 1)
	for what, got := range map[string]reply{
		"read by a sister":        k.get(acmeKey, theirs),
		"changed by a sister":     k.put(acmeKey, theirs, `{"firstName":"B"}`),
		"accounts for a sister":   k.get(acmeKey, theirs+"/accounts"),
		"an account by a sister":  k.post(acmeKey, theirs+"/accounts", `{"kind":"BANK","accountNumber":"123456789","entity":"1001","countrySymbol":"CO","currencySymbol":"COP"}`),
		"read in the live mode":   k.get(liveKey, m("/contacts/"+made.ID)),
		"changed by another rule": k.put(liveKey, m("/contacts/"+made.ID), `{"firstName":"B"}`),
	} {
		k.refused(what, got, 404, "NOT_FOUND", "contactId")
	}
	if got := k.get(shopKey, m("/contacts/"+made.ID)); parse[contactBody](k, got) != made && !strings.Contains(got.body, `"Ana"`) {
		t.Errorf("now %s", got.body)
	}
	k.refused("by a key that may not", k.get(readerKey, m("/contacts")), 403, "FORBIDDEN", "")
	if list := parse[contactList](k, k.get(acmeKey, strings.Replace(m("/contacts"), "shop", "branch", 1))); len(list.Contacts) != 0 {
		t.Errorf("a sister's list has %+v", list)
	}
}

// A contact that an operator erased is in lists without saying who it was, and is not there for anything else.
func TestContactIsErased(t *testing.T) {
	k := newKit(t)
	made := parse[contactBody](k, k.post(shopKey, m("/contacts"), anaContact))
	account := k.post(shopKey, m("/contacts/"+made.ID+"/accounts"), `{"kind":"BANK","name":"Ana's","accountNumber":"123456789","entity":"1001","countrySymbol":"CO","currencySymbol":"COP","type":"SAVINGS"}`)
	if account.status != 201 {
		t.Fatalf("%d %s", account.status, account.body)
	}
	if _, err := k.engine.EraseCustomer(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/contacts", "/accounts"} {
		got := k.get(shopKey, m(path))
		for _, secret := range []string{"Ana", "Restrepo", "example.com", "3001234567", "020", "Calle", "123456789"} {
			if got.status != 200 || strings.Contains(got.body, secret) {
				t.Errorf("%s: %d, with %q: %s", path, got.status, secret, got.body)
			}
		}
	}
	if list := parse[contactList](k, k.get(shopKey, m("/contacts"))); len(list.Contacts) != 1 || list.Contacts[0].ID != made.ID {
		t.Errorf("%+v", list)
	}
	k.refused("read", k.get(shopKey, m("/contacts/"+made.ID)), 404, "NOT_FOUND", "contactId")
	k.refused("changed", k.put(shopKey, m("/contacts/"+made.ID), `{"firstName":"B"}`), 404, "NOT_FOUND", "contactId")
	k.refused("accounts", k.get(shopKey, m("/contacts/"+made.ID+"/accounts")), 404, "NOT_FOUND", "contactId")
	if got := k.post(shopKey, m("/contacts"), anaContact); got.status != 201 || parse[contactBody](k, got).ID == made.ID {
		t.Errorf("somebody else with the same address: %d %s", got.status, got.body)
	}
}
