package glomo

import (
	"fmt"
	"testing"
)

func TestBankAccounts(t *testing.T) {
	k := newKit(t)
	id := k.customer()
	path := "/api/v1/customer/" + id + "/bank-accounts"
	list := func() []bankAccountBody {
		return parse[struct{ Data []bankAccountBody }](k, k.ok(k.get(shopKey, path), 200)).Data
	}
	want(k, "none yet", len(list()), 0)
	first := parse[bankAccountBody](k, k.ok(k.post(shopKey, path, `{"account_number":"1234567890","bic_primary":"HDFCINBBDEL"}`), 201))
	want(k, "account", fmt.Sprint(first.CustomerID == id, first.Number, text(first.Primary), first.Secondary == nil, first.Status), "true1234567890HDFCINBBDELtrueactive")
	second := parse[bankAccountBody](k, k.ok(k.post(shopKey, path, `{"account_number":"99","bic_secondary":"HDFC0001097"}`), 201))
	if got := list(); len(got) != 1 || got[0].ID != second.ID {
		t.Errorf("a second account takes the place of the first: %+v", got)
	}
	for _, test := range []struct{ body, part string }{
		{`{}`, "account_number is required"},
		{`{"account_number":"1"}`, "Either bic_primary or bic_secondary must be provided"},
	} {
		k.refused(test.body, k.post(shopKey, path, test.body), 400, test.part)
	}
	k.refused("nobody", k.post(shopKey, "/api/v1/customer/cust_none/bank-accounts", `{"account_number":"1","bic_primary":"HDFCINBBDEL"}`), 404, "Entity not found")
	k.refused("another merchant's", k.post(otherKey, path, `{"account_number":"1","bic_primary":"HDFCINBBDEL"}`), 404, "Entity not found")
	k.refused("another noun", k.get(shopKey, "/api/v1/customer/order_1/bank-accounts"), 400, "Id must start with 'cust_'")

	order := parse[orderBody](k, k.ok(k.post(shopKey, "/api/v1/orders", k.good("bank_account_id", quoted(second.ID))), 201))
	want(k, "the order's", order.Account.Number, "99")
	k.refused("one that was replaced", k.post(shopKey, "/api/v1/orders", k.good("bank_account_id", quoted(first.ID))), 400, "not the active bank account")
	k.refused("both", k.post(shopKey, "/api/v1/orders", k.good("bank_account_id", quoted(second.ID), "bank_account_details", `{"account_number":"1","bic_primary":"HDFCINBBDEL"}`)), 400, "Only one of")
	k.ok(k.patch(shopKey, "/api/v1/customer/"+id, `{"phone":"+91-9023456780"}`), 200)
	want(k, "after a change of the customer", len(list()), 1)
}
