package glomo

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
	"till/internal/screen"
)

// known is a screener that knows one name and one account.
type known struct{ name, account string }

func (l known) Name(q screen.Query) []screen.Hit {
	if !strings.EqualFold(q.Name, l.name) {
		return nil
	}
	return []screen.Hit{{Entry: screen.Entry{List: "ours", ID: "17", Name: l.name}, Name: l.name, Score: 990, Why: []screen.Match{{Asked: q.Name, Listed: l.name, Score: 990}}}}
}

func (l known) Address(address string) []screen.Hit {
	if address != l.account {
		return nil
	}
	return []screen.Hit{{Entry: screen.Entry{List: "ours", ID: "18", Name: "account"}, Name: address, Score: 1000}}
}

func (l known) Entries() int { return 2 }

// holding is the tables that hold a word.
func (k *kit) holding(word string) (list []string) {
	k.Helper()
	db, err := sql.Open("sqlite", "file:"+k.path)
	k.must(err)
	defer db.Close()
	var tables []string
	rows, err := db.Query(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
	k.must(err)
	for rows.Next() {
		var table string
		k.must(rows.Scan(&table))
		tables = append(tables, table)
	}
	k.must(rows.Err())
	for _, table := range tables {
		rows, err := db.Query(`SELECT * FROM ` + table)
		k.must(err)
		columns, err := rows.Columns()
		k.must(err)
		for rows.Next() {
			into := make([]any, len(columns))
			for i := range into {
				into[i] = new([]byte)
			}
			k.must(rows.Scan(into...))
			for i, v := range into {
				if strings.Contains(strings.ToLower(string(*v.(*[]byte))), strings.ToLower(word)) {
					list = append(list, table+"."+columns[i])
				}
			}
		}
		k.must(rows.Err())
	}
	return list
}

// remember keeps what an order's events are told as, as if an endpoint had been told.
func (k *kit) remember(id string) {
	k.Helper()
	story, err := k.engine.Story(k.Context(), id)
	k.must(err)
	k.must(k.store.Update(k.Context(), engine.Keys{}, func(tx engine.Tx) error {
		var list []engine.Message
		for _, ev := range story.Events {
			if wire, kind, body, ok := k.dialect.Tell(ev, story.Order); ok {
				list = append(list, engine.Message{ID: tx.NewID(), EventID: ev.ID, OrderID: ev.OrderID, EndpointID: "e1", Scope: story.Order.Scope, WireID: wire,
					Type: kind, Body: body, State: engine.MessageDelivered, CreatedAt: tx.Now(), DoneAt: tx.Now(), Response: string(body)})
			}
		}
		return tx.SaveMessages(list)
	}))
}

// Who a customer was is nowhere in the database after he was erased: not with his orders, not in what was found of him on lists,
// not in what the merchant was told, and not in files that were given for him. What was paid stays.
func TestErasedCustomerIsInNoTable(t *testing.T) {
	const name, number, customerNumber, words = "Zuleika Quartz", "ZQ1122334455", "zq-bank-77", "zuleika-passport-scan"
	k := moneyKit(t)
	k.engine.SetScreener(known{name, number})
	k.engine.SetForgetters(map[string]engine.Forgetter{Name: k.dialect})
	customer := k.made(shopKey, "/api/v1/customer", with(goodCustomer, "name", quoted(name), "email", `"zuleika@example.com"`))
	account := fmt.Sprintf(`{"account_number":%q,"bic_primary":"HDFCINBB","bank_customer_id":%q}`, number, customerNumber)
	id := k.order("customer_id", quoted(customer), "bank_account_details", account)
	o := k.found(id)
	if len(o.Findings) != 2 || o.State != order.Documents {
		t.Fatalf("%s, found %+v", o.State, o.Findings)
	}
	var given []engine.Given
	var files []string
	for _, slot := range o.MissingDocuments() {
		file := k.dialect.newID(documentID)
		_, err := k.engine.AddFile(t.Context(), o.Scope, engine.NewFile{ID: file, Name: "passport of " + name, FileName: words + ".pdf", Content: strings.NewReader("%PDF-1.7\n" + words)})
		k.must(err)
		files, given = append(files, file), append(given, engine.Given{Slot: slot.ID, Document: file})
	}
	_, err := k.engine.GiveDocuments(t.Context(), o.Scope, o.ID, given)
	k.must(err)
	if _, err := k.engine.EraseCustomer(t.Context(), customer); !fault.Is(err, fault.CodeOrderStateConflict) {
		t.Fatalf("with an open order: %v", err)
	}
	_, err = k.engine.Approve(t.Context(), o.ID, order.Screening, order.ByOperator, "officer")
	k.must(err)
	k.choose(id, byCard)
	k.pay(id, "p1", order.RankConfirmed, o.Terms.Due, "card 1")
	want(k, "status", k.shown(id).Status, statusPaid)
	k.remember(id) // what the merchant is told is on record
	other := k.order("bank_account_details", `{"account_number":"OTHER998877","bic_primary":"HDFCINBB"}`)

	for _, word := range []string{name, number, customerNumber, words} {
		if len(k.holding(word)) == 0 {
			t.Errorf("%q is nowhere before: the test looks for the wrong thing", word)
		}
	}
	if at := strings.Join(k.holding(number), " "); !strings.Contains(at, "messages.body") {
		t.Errorf("no webhook says the account: %s", at)
	}
	before := k.found(id)
	for range 2 { // again is the same
		_, err = k.engine.EraseCustomer(t.Context(), customer)
		k.must(err)
	}
	for _, word := range []string{name, "zuleika", number, customerNumber, words} {
		if at := k.holding(word); len(at) > 0 {
			t.Errorf("%q stands in %v", word, at)
		}
	}
	if len(k.holding("OTHER998877")) == 0 {
		t.Errorf("the account of %s is gone too", other)
	}

	// The order is there, and what was decided about it.
	after := k.found(id)
	if len(after.Findings) != 2 || after.Findings[0].List != "ours" || after.Findings[0].Entry != "17" || after.Findings[0].Score != 990 || len(after.Requested) != 2 {
		t.Errorf("%+v", after.Findings)
	}
	want(k, "state", after.State, before.State)
	want(k, "money", fmt.Sprint(after.Balances), fmt.Sprint(before.Balances))
	shown := k.shown(id)
	if shown.Account != nil || shown.Customer != customer || shown.Status != statusPaid {
		t.Errorf("%+v", shown)
	}
	messages := 0
	story, err := k.engine.Story(t.Context(), id)
	k.must(err)
	for _, m := range story.Messages {
		messages++
		if !strings.Contains(string(m.Body), quoted(id)) || string(canonical(json.RawMessage(m.Body))) != string(m.Body) {
			t.Errorf("%s", m.Body)
		}
	}
	if messages == 0 {
		t.Error("no message is left")
	}

	// Nobody gets a file or gives it again.
	for _, file := range files {
		if _, err := k.engine.File(t.Context(), o.Scope, file); !fault.Is(err, fault.CodeNotFound) {
			t.Errorf("the record: %v", err)
		}
		if _, _, err := k.engine.OpenFile(t.Context(), engine.Scope{}, file); !fault.Is(err, fault.CodeNotFound) {
			t.Errorf("the bytes: %v", err)
		}
	}
	asked := k.order("reference_number", quoted(SandboxDocuments))
	path := "/api/v1/orders/" + asked + "/update-rfi"
	k.refused("an erased file", k.patch(shopKey, path, fmt.Sprintf(`{"documents":[{"id":%q,"rfi_doc_id":%q}]}`, files[0], k.shown(asked).Requested[0].ID)), 400, "Invalid rfi_doc_id")
	if list := k.get(shopKey, "/api/v1/document"); list.status != 200 || !strings.Contains(list.body, files[0]) {
		t.Errorf("the list: %d %s", list.status, list.body)
	}
}

// A beneficiary is erased with the files that were given with him.
func TestErasedBeneficiary(t *testing.T) {
	k := moneyKit(t)
	k.engine.SetForgetters(map[string]engine.Forgetter{Name: k.dialect})
	paper := k.paper()
	id := k.made(shopKey, "/api/v2/beneficiaries", `{"category":"payout","beneficiary":{"name":"Zuleika Quartz","type":"individual","address":{"address_line1":"1 Zed Street","city":"Berlin","state":"BE",
		"country_code":"DEU","postal_code":"10115"}},"bank_account":{"account_number":"DE89370400440532013000","currency":"EUR"},"documents":["`+paper+`"]}`)
	_, err := k.engine.EraseCustomer(t.Context(), id)
	k.must(err)
	for _, word := range []string{"zuleika", "Zed Street", iban} {
		if at := k.holding(word); len(at) > 0 {
			t.Errorf("%q stands in %v", word, at)
		}
	}
	if _, _, err := k.engine.OpenFile(t.Context(), engine.Scope{}, paper); !fault.Is(err, fault.CodeNotFound) {
		t.Errorf("his document: %v", err)
	}
}
