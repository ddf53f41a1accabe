package glomo

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/quote"
	"till/internal/rail"
)

// What tests of money need beside the kit: a rail whose made-up payments are told at once, rates, balances and accounts that
// can be paid to.

// moneyKit is the kit with them.
func moneyKit(t *testing.T) *kit {
	t.Helper()
	return newKit(t).withMoney()
}

// withMoney gives a kit what the tests of money need.
func (k *kit) withMoney() *kit {
	k.dialect.play = func(_ context.Context, p Play) error {
		k.told(k.word(p.ID, p.Reference, order.RankConfirmed, p.Amount, func(s *rail.Observation) { s.Evidence.Name, s.Evidence.From = p.Name, p.Account }))
		return nil
	}
	k.engine.SetPayees(testPayees{})
	return k
}

// paid is a word about a payment.
func (k *kit) word(id, reference string, rank order.Rank, amount money.Amount, but func(*rail.Observation)) rail.Observation {
	s := rail.Observation{
		External: id, Instrument: reference, Epoch: 1, Rank: rank, Amount: amount, Value: k.clock.Now(),
		Evidence: order.Evidence{Tx: id, From: "12345678", To: reference}, Final: rank == order.RankReversed,
	}
	if but != nil {
		but(&s)
	}
	return s
}

// testPayees pay every bank account through the sandbox.
type testPayees struct{}

func (testPayees) Address(engine.Network, string) (string, error) {
	return "", fmt.Errorf("there is no chain")
}
func (testPayees) Bank(_ context.Context, a *engine.Account) (engine.Destination, error) {
	return engine.Destination{Rail: pretend().Rail, To: a.Bank.Number}, nil
}

func cents(code string, n int64) money.Amount {
	a, err := money.Fiat(code)
	if err != nil {
		panic(err)
	}
	return money.FromInt(a, n)
}

// fund gives the merchant shop a balance.
func (k *kit) fund(a money.Amount) {
	k.Helper()
	p := ledger.Posting{From: ledger.House.Account(ledger.PayerOn("test")), To: ledger.Owed("shop").Account(ledger.Merchant), Amount: a}
	k.must(k.store.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
		return tx.AddEntry(engine.Entry{ID: tx.NewID(), Merchant: "shop", Mode: engine.Sandbox, At: tx.Now(), Postings: []order.Posting{{Posting: p, Row: "test"}}})
	}))
}

// rates makes known that a dollar is 0.8 euros.
func (k *kit) rates() {
	k.Helper()
	doubted, err := k.engine.TellRates(context.Background(), []string{"fixed"}, []engine.RatesTold{{Source: "fixed", All: true, Rates: []quote.Rate{
		{Base: "USD", Quote: "EUR", Value: quote.MustDecimal("0.8"), At: k.clock.Now(), Source: "fixed", MaxAge: quote.Forever},
	}}})
	k.must(doubted)
	k.must(err)
}

type brief struct {
	ID     string `json:"id"`
	Status string `json:"status"`
}

// ok is the answer to a request that is not refused.
func (k *kit) ok(got reply, status int) reply {
	k.Helper()
	if got.status != status {
		k.Fatalf("%d %s, want %d", got.status, got.body, status)
	}
	return got
}

var people = 0

// buyer is a new customer's id.
func (k *kit) buyer() string {
	k.Helper()
	people++
	got := k.ok(k.post(shopKey, "/api/v1/customer", fmt.Sprintf(`{"name":"Asha Rao","customer_type":"individual","email":"asha%d@example.com","phone":"+91-9023456789",
		"address":"12 MG Road","city":"Pune","state":"MH","country":"IND","pincode":"411001"}`, people)), 201)
	return parse[brief](k, got).ID
}

// bills makes an order of an amount in dollars and returns its id; more is further fields.
func (k *kit) bills(amount int64, more ...string) string {
	k.Helper()
	body := fmt.Sprintf(`{"customer_id":%q,"currency":"USD","amount":%d,"purpose_code":"P1401"%s}`, k.buyer(), amount, strings.Join(append([]string{""}, more...), ","))
	return parse[brief](k, k.ok(k.post(shopKey, "/api/v1/orders", body), 201)).ID
}

// mocks makes a payment up, and returns it.
func (k *kit) mocks(amount int64, payin string, more ...string) paymentBody {
	k.Helper()
	of := `"payin_id":"` + payin + `"`
	if payin == "" {
		of = `"payment_method":"BankTransfer"`
	}
	body := fmt.Sprintf(`{"amount":%d,"currency":"USD",%s%s}`, amount, of, strings.Join(append([]string{""}, more...), ","))
	return parse[paymentBody](k, k.ok(k.post(shopKey, "/api/v1/payment/mock", body), 201))
}

// shown is a payment as it is now.
func (k *kit) paymentNow(id string) paymentBody {
	k.Helper()
	return parse[paymentBody](k, k.ok(k.get(shopKey, "/api/v1/payment/"+id), 200))
}

// onRecord is an order as the engine has it.
func (k *kit) onRecord(id string) *engine.Order {
	k.Helper()
	o, err := k.engine.Order(context.Background(), scopeOf("shop", engine.Sandbox), id)
	k.must(err)
	return o
}

// spends is an order out of the balance as the engine has it.
func (k *kit) spends(id string) *engine.Order {
	k.Helper()
	o, err := k.engine.Order(context.Background(), scopeOf("shop", engine.Sandbox).Spending(), id)
	k.must(err)
	return o
}

// tells is what the merchant is told of an order: the names of its webhooks in their order.
func (k *kit) tells(o *engine.Order) (list []string) {
	k.Helper()
	story, err := k.engine.Story(context.Background(), o.PublicID)
	k.must(err)
	for _, ev := range story.Events {
		if _, kind, _, ok := k.dialect.Tell(ev, story.Order); ok {
			list = append(list, kind)
		}
	}
	return list
}

// later lets time pass, on the rail's clock too.
func (k *kit) later(by time.Duration) {
	k.Helper()
	k.clock.Move(by)
	k.told()
	for _, r := range []rail.Name{"", pretend().Rail} {
		_, err := k.engine.Tick(context.Background(), engine.Sandbox, r, k.clock.Now())
		k.must(err)
	}
}

func want[T comparable](k *kit, what string, got, wanted T) {
	k.Helper()
	if got != wanted {
		k.Errorf("%s: %v, want %v", what, got, wanted)
	}
}

// text is what a pointer points to; "" for nil.
func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// paper is a document of the merchant shop.
func (k *kit) paper() string {
	k.Helper()
	id := k.dialect.newID(documentID)
	_, err := k.engine.AddFile(context.Background(), scopeOf("shop", engine.Sandbox), engine.NewFile{ID: id, Name: "Passport", FileName: "p.pdf", Content: strings.NewReader("%PDF-1.7\nx")})
	k.must(err)
	return id
}
