package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/party"
)

// payees are rails that send to addresses that begin with their network's name, and to banks on "bank".
type payees struct{}

func (payees) Address(n engine.Network, address string) (string, error) {
	if !strings.HasPrefix(strings.ToLower(address), n.ID) {
		return "", fault.New(fault.CodeInvalidAddress, "no address of this network")
	}
	return strings.ToLower(address), nil
}

func (payees) Bank(_ context.Context, a *engine.Account) (engine.Destination, error) {
	if a.Scope.Mode == engine.Live {
		return engine.Destination{}, fault.New(fault.CodeNotConfigured, "no rail pays to banks")
	}
	return engine.Destination{Rail: "bank", To: a.Bank.Number}, nil
}

var (
	cop    = money.MustAsset("COP", "", 2)
	mxn    = money.MustAsset("MXN", "", 2)
	clabe  = party.BankAccount{Country: "MX", Currency: mxn, Number: "0121 8002 6050 7838 58"}
	bogota = party.BankAccount{Country: "CO", Currency: cop, Number: "123456789", Bank: "1001", Type: party.Savings}
)

func (k *kit) account(a engine.Account) *engine.Account {
	k.Helper()
	if a.Scope == (engine.Scope{}) {
		a.Scope = shop
	}
	made, err := k.engine.AddAccount(context.Background(), a)
	k.must(err)
	return made
}

func TestAccounts(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	k.wantCode(onlyErr(k.engine.AddAccount(ctx, engine.Account{ID: "a0", Scope: shop, Bank: &clabe})), fault.CodeNotConfigured)
	k.wantCode(onlyErr(k.engine.Destination(context.Background(), &engine.Account{Bank: &clabe})), fault.CodeNotConfigured)
	k.engine.SetPayees(payees{})
	k.customer("c1", ana)

	bank := k.account(engine.Account{ID: "a1", Bank: &clabe, Name: "Main", Doc: json.RawMessage(`{"a":1}`)})
	if bank.Bank.Number != "012180026050783858" || bank.Bank.Bank != "012" || bank.Currency() != mxn || bank.Number != 1 {
		t.Errorf("kept %+v", bank.Bank)
	}
	if clabe.Bank != "" {
		t.Error("what was asked for was changed")
	}
	wallet := k.account(engine.Account{ID: "a2", Customer: "c1", Wallet: &party.Wallet{Network: "north", Address: "NORTH-7", Asset: money.MustAsset("USDT", "", 2)}})
	if wallet.Wallet.Address != "north-7" || wallet.Currency() != northUSDT {
		t.Errorf("kept %+v", wallet.Wallet)
	}
	for _, c := range []struct {
		account *engine.Account
		to      engine.Destination
	}{{bank, engine.Destination{Rail: "bank", To: "012180026050783858"}}, {wallet, engine.Destination{Rail: north.Rail, To: "north-7"}}} {
		found, err := k.engine.Account(ctx, shop, c.account.ID)
		k.must(err)
		want(k, "the account", fmt.Sprint(found), fmt.Sprint(c.account))
		want(k, "its document", string(found.Doc), string(c.account.Doc))
		to, err := k.engine.Destination(context.Background(), found)
		k.must(err)
		want(k, "where it is paid to", to, c.to)
		for _, s := range []engine.Scope{other, shopLive, shopTwo} {
			k.wantCode(onlyErr(k.engine.Account(ctx, s, found.ID)), fault.CodeNotFound)
		}
		if text := found.String(); strings.Contains(text, "012180026050783858") || strings.Contains(text, "north-7") {
			t.Errorf("shown in a log: %s", text)
		}
	}

	for _, c := range []struct {
		a     engine.Account
		code  fault.Code
		param string
	}{
		{engine.Account{}, fault.CodeMissingField, "kind"},
		{engine.Account{Bank: &party.BankAccount{Country: "MX", Currency: mxn, Number: "012180026050783859"}}, fault.CodeInvalidAddress, "account_number"},
		{engine.Account{Bank: &party.BankAccount{Country: "MX", Currency: cop, Number: "012180026050783858"}}, fault.CodeInvalidCurrency, "currency"},
		{engine.Account{Bank: &party.BankAccount{Country: "MX", Currency: mxn, Number: "012180026050783858", Bank: "002"}}, fault.CodeInvalidValue, "bank"},
		{engine.Account{Bank: &party.BankAccount{Country: "CO", Currency: cop, Number: "1234567890", Bank: "1001"}}, fault.CodeInvalidAddress, "account_number"},
		{engine.Account{Wallet: &party.Wallet{Network: "main", Address: "main-1"}}, fault.CodeInvalidNetwork, "network"}, // of the other mode
		{engine.Account{Wallet: &party.Wallet{Network: "north", Address: "south-1"}}, fault.CodeInvalidAddress, "address"},
		{engine.Account{Wallet: &party.Wallet{Network: "north", Address: "north-1", Asset: eur}}, fault.CodeInvalidCurrency, "currency"},
		{engine.Account{Bank: &clabe, Customer: "nobody"}, fault.CodeNotFound, "customer"},
	} {
		c.a.ID, c.a.Scope = "bad", shop
		err := onlyErr(k.engine.AddAccount(ctx, c.a))
		k.wantCode(err, c.code)
		f, _ := fault.As(err)
		want(k, "what is wrong", f.Param, c.param)
	}
	k.wantCode(onlyErr(k.engine.AddAccount(ctx, engine.Account{ID: "bad", Scope: other, Bank: &clabe, Customer: "c1"})), fault.CodeNotFound)
}

func TestAccountsInPages(t *testing.T) {
	k := newKit(t)
	k.engine.SetPayees(payees{})
	k.customer("c1", ana)
	for i := range 3 {
		k.account(engine.Account{ID: fmt.Sprint("m", i), Bank: &clabe})
		k.account(engine.Account{ID: fmt.Sprint("b", i), Bank: &bogota})
		k.account(engine.Account{ID: fmt.Sprint("c", i), Customer: "c1", Bank: &bogota})
	}
	for _, c := range []struct {
		f     engine.AccountFilter
		ids   string
		total int64
	}{
		{engine.AccountFilter{Page: 1, Limit: 4}, "b2 m2 b1 m1", 6},
		{engine.AccountFilter{Page: 2, Limit: 4}, "b0 m0", 6},
		{engine.AccountFilter{Page: 1, Limit: 4, Currency: "MXN"}, "m2 m1 m0", 3},
		{engine.AccountFilter{Page: 1, Limit: 2, Customer: "c1"}, "c2 c1", 3},
		{engine.AccountFilter{Page: 1, Limit: 2, Customer: "c1", Currency: "MXN"}, "", 0},
		{engine.AccountFilter{Page: 1, Limit: 4, All: true}, "c2 b2 m2 c1", 9},
	} {
		c.f.Scope = shop
		page, err := k.engine.Accounts(context.Background(), c.f)
		k.must(err)
		var ids []string
		for _, a := range page.Accounts {
			ids = append(ids, a.ID)
		}
		want(k, fmt.Sprintf("accounts of %+v", c.f), strings.Join(ids, " "), c.ids)
		want(k, "their total", page.Total, c.total)
	}
}

// An owner has one default for each currency: the last one that was made so.
func TestDefaultAccount(t *testing.T) {
	k := newKit(t)
	k.engine.SetPayees(payees{})
	k.customer("c1", ana)
	k.account(engine.Account{ID: "m1", Bank: &clabe, Default: true})
	k.account(engine.Account{ID: "b1", Bank: &bogota, Default: true})
	k.account(engine.Account{ID: "c1a", Bank: &clabe, Customer: "c1", Default: true})
	k.account(engine.Account{ID: "m2", Bank: &clabe, Default: true})
	k.account(engine.Account{ID: "m3", Bank: &clabe})
	var defaults []string
	page, err := k.engine.Accounts(context.Background(), engine.AccountFilter{Scope: shop, All: true, Page: 1, Limit: 10})
	k.must(err)
	for _, a := range page.Accounts {
		if a.Default {
			defaults = append(defaults, a.ID)
		}
	}
	wantList(k, "defaults", defaults, "m2", "c1a", "b1")
}

// A payee is a customer and his account, or nothing.
func TestPayeeIsBothOrNeither(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	k.engine.SetPayees(payees{})
	person := engine.Customer{Scope: shop, Customer: ana}
	person.ID = "p1"
	made, err := k.engine.AddPayee(ctx, person, engine.Account{ID: "a1", Bank: &clabe})
	k.must(err)
	want(k, "whose it is", made.Customer, "p1")
	if _, err := k.engine.Customer(ctx, shop, "p1"); err != nil {
		t.Error(err)
	}
	person.ID, person.Email, person.Phone = "p2", "p2@example.com", ""
	if _, err := k.engine.AddPayee(ctx, person, engine.Account{ID: "a1", Bank: &clabe}); err == nil {
		t.Error("an account was made twice")
	}
	k.wantCode(onlyErr(k.engine.Customer(ctx, shop, "p2")), fault.CodeNotFound)
	if strings.Contains(k.actions(), "customer.add p2") {
		t.Errorf("on record:\n%s", k.actions())
	}
}
