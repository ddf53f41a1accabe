package koywe

import (
	"context"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/store/storetest"
)

func TestGoldenVirtualAccounts(t *testing.T) {
	g := &golden{kit: newKit(t), file: "virtual_accounts.golden"}
	ask := func(title, method, path, body string) {
		t.Helper()
		g.ask(title, request{method: method, path: m(path), key: shopKey, body: body})
	}
	ask("none yet", "GET", "/virtual-accounts", "")
	ask("get a number", "POST", "/virtual-accounts", `{"country":"CO","currency":"COP"}`)
	ask("get it again", "POST", "/virtual-accounts", `{"countrySymbol":"co","currencySymbol":"cop"}`)
	ask("where to pay", "GET", "/bankIncome/accounts?country=CO&currency=COP", "")
	ask("where to pay in another country", "GET", "/bankIncome/accounts?countrySymbol=MX&currencySymbol=MXN", "")
	ask("list them", "GET", "/virtual-accounts", "")
	ask("a country where nothing is received", "POST", "/virtual-accounts", `{"country":"US","currency":"USD"}`)
	ask("another currency", "POST", "/virtual-accounts", `{"country":"CO","currency":"USD"}`)
	ask("no currency", "POST", "/virtual-accounts", `{"country":"CO"}`)
	ask("instructions without a currency", "GET", "/bankIncome/accounts?country=CO", "")
	g.ask("no bank in the live mode", request{method: "POST", path: m("/virtual-accounts"), key: liveKey, body: `{"country":"CO","currency":"COP"}`})
	g.check()
}

// income is what the sandbox's rail says of money paid to a receiving number.
func (k *kit) income(id, to string, amount money.Amount, rank order.Rank) {
	k.Helper()
	k.told(pretend(), 0, rail.Observation{
		External: id, Instrument: to, Rank: rank, Amount: amount, Value: k.clock.Now(), Evidence: order.Evidence{Tx: id, From: "123", To: to, Name: "Comercial Sol"},
	})
}

// Money at a receiving number is pending when it is seen, and available once it is there. Each is an order of its own,
// and is told. What the balance was before stays known.
func TestIncomeCreditsTheBalance(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	k.must(k.engine.SaveEndpoint(ctx, engine.Endpoint{ID: "ep", Scope: shopScope, URL: "https://shop.example/", Enabled: true}))
	made := parse[receivingBody](k, k.post(shopKey, m("/virtual-accounts"), `{"country":"CO","currency":"COP"}`))
	to := made.VirtualBankAccountNumber
	if !made.IsActive || !strings.HasPrefix(to, "SBX-") {
		t.Fatalf("made %+v", made)
	}
	read := func(path string) balanceBody {
		t.Helper()
		list := parse[[]balanceBody](k, k.get(shopKey, m(path)))
		if len(list) != 1 {
			t.Fatalf("%s: %+v", path, list)
		}
		return list[0]
	}
	k.income("p1", to, money.FromInt(cop, 150050), order.RankSeen)
	if b := read("/accounts/balances?currency=COP"); b.Balance != "0.00" || *b.PendingBalance != "1500.50" || *b.ReservedBalance != "0.00" {
		t.Errorf("seen: %+v", b)
	}
	before := k.clock.Now()
	k.clock.Move(time.Hour)
	k.income("p1", to, money.FromInt(cop, 150050), order.RankConfirmed)
	k.income("p2", to, money.FromInt(cop, 49950), order.RankConfirmed)
	if b := read("/bank-accounts/balances?currency=cop"); b.Balance != "2000.00" || b.AvailableBalance != "2000.00" || *b.PendingBalance != "0.00" {
		t.Errorf("received: %+v", b)
	}
	if b := read("/accounts/balances?currency=COP&date=" + wireTime(before)); b.Balance != "0.00" || b.PendingBalance != nil || b.BalanceDate[:19] != wireTime(before)[:19] {
		t.Errorf("before: %+v", b)
	}
	if b := read("/accounts/balances?currency=COP&date=2026-03-02"); b.Balance != "2000.00" {
		t.Errorf("at the end of the day: %+v", b)
	}
	one := parse[balanceBody](k, k.get(shopKey, m("/accounts/"+virtualAccountID(shopScope, cop)+"/balances")))
	if one.Balance != "2000.00" || one.ID != virtualAccountID(shopScope, cop) {
		t.Errorf("one: %+v", one)
	}
	if b := parse[[]balanceBody](k, k.get(acmeKey, strings.Replace(m("/accounts/balances?currency=COP"), "shop", "branch", 1))); b[0].Balance != "0.00" {
		t.Errorf("a sister has %+v", b)
	}

	// What arrives in another currency is nobody's, and credits nothing.
	k.income("p3", to, money.FromInt(money.MustAsset("MXN", "", 2), 100), order.RankConfirmed)
	if b := read("/accounts/balances?currency=MXN"); b.Balance != "0.00" {
		t.Errorf("pesos of another country: %+v", b)
	}

	var told []string
	untold, err := k.engine.Untold(ctx, []string{Name, shopScope.Arrivals().Dialect}, 100)
	k.must(err)
	for _, u := range untold {
		id, kind, body, ok := k.dialect.Tell(u.Event, u.Order)
		if !ok {
			continue
		}
		told = append(told, kind)
		if again, _, _, _ := k.dialect.Tell(u.Event, u.Order); again != id || !strings.HasPrefix(id, "evt_") {
			t.Errorf("told as %s and %s", id, again)
		}
		said := parse[struct {
			Type string
			Data map[string]any
		}](k, reply{body: string(body)})
		for field, want := range map[string]any{
			"account_number": to, "currency_symbol": "COP", "country_symbol": "CO", "merchant_id": "shop", "status": "RECEIVED", "sender_name": "Comercial Sol",
			"account_id": virtualAccountID(shopScope, cop),
		} {
			if said.Data[field] != want {
				t.Errorf("%s is told as %v", field, said.Data[field])
			}
		}
		if amount := []string{`"amount":1500.5,`, `"amount":499.5,`}[len(told)-1]; said.Type != kind || !strings.Contains(string(body), amount) {
			t.Errorf("told %s", body)
		}
	}
	if strings.Join(told, " ") != "bank_income.received bank_income.received" {
		t.Errorf("told %v", told)
	}
}

// One number for each country and currency, however many ask at once.
func TestOneReceivingNumber(t *testing.T) {
	k := newKit(t)
	k.token(shopKey)
	numbers := map[string]bool{}
	for _, got := range storetest.AtOnce(8, func(int) reply { return k.post(shopKey, m("/virtual-accounts"), `{"country":"PE","currency":"USD"}`) }) {
		numbers[parse[receivingBody](k, got).VirtualBankAccountNumber] = true
	}
	list := parse[[]receivingBody](k, k.get(shopKey, m("/virtual-accounts")))
	if len(numbers) != 1 || len(list) != 1 || !numbers[list[0].VirtualBankAccountNumber] {
		t.Errorf("%v and %+v", numbers, list)
	}
	other := parse[receivingBody](k, k.post(branchKey, strings.Replace(m("/virtual-accounts"), "shop", "branch", 1), `{"country":"PE","currency":"USD"}`))
	if numbers[other.VirtualBankAccountNumber] {
		t.Error("two merchants share a number")
	}
	k.refused("a key that may not", k.post(readerKey, m("/virtual-accounts"), `{"country":"PE","currency":"PEN"}`), 403, "FORBIDDEN", "")
}

// What is told of a contact names it and says nothing of who it is.
func TestContactsAreTold(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	k.must(k.engine.SaveEndpoint(ctx, engine.Endpoint{ID: "ep", Scope: shopScope, URL: "https://shop.example/", Enabled: true}))
	c := parse[contactBody](k, k.post(shopKey, m("/contacts"), anaContact))
	k.put(shopKey, m("/contacts/"+c.ID), `{"email":"new@example.com"}`)
	untold, err := k.engine.Untold(ctx, []string{Name}, 10)
	k.must(err)
	var told []string
	for _, u := range untold {
		_, kind, body, ok := k.dialect.Tell(u.Event, u.Order)
		if !ok {
			t.Errorf("not told: %+v", u.Event)
			continue
		}
		told = append(told, kind)
		text := string(body)
		if !strings.Contains(text, `"relationships":{"self":{"type":"contact","id":"`+c.ID+`"}}`) || !strings.Contains(text, `"country_symbol":"CO"`) {
			t.Errorf("told %s", text)
		}
		for _, secret := range []string{"Ana", "example", "1020304050", "3001234567"} {
			if strings.Contains(text, secret) {
				t.Errorf("told %s", text)
			}
		}
	}
	if strings.Join(told, " ") != "contact.created contact.updated" {
		t.Errorf("told %v", told)
	}
	if _, _, _, ok := k.dialect.Tell(engine.Event{Type: engine.StandingBound, Scope: shopScope}, nil); ok {
		t.Error("what this API has no word for is told")
	}
}
