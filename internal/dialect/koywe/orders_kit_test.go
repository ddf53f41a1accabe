package koywe

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/quote"
	"till/internal/rail"
)

// What tests of orders need beside the kit: methods, rates, accounts, contacts and money.

func fiatOf(code string) money.Asset {
	a, err := money.Fiat(code)
	if err != nil {
		panic(err)
	}
	return a
}

func amount(decimal, code string) money.Amount {
	a, err := money.Parse(fiatOf(code), decimal)
	if err != nil {
		panic(err)
	}
	return a
}

// testMethods are three methods in pesos, and one in Chile that pays by itself.
func testMethods() []engine.Method {
	method := func(code, country, currency string, p engine.Prompt) engine.Method {
		return engine.Method{Code: code, Name: code, Country: country, Currency: currency, Network: "sandbox", Prompt: p, Window: 30 * time.Minute}
	}
	spei := method("SPEI", "MX", "MXN", engine.PromptTransfer)
	spei.Min, spei.Max = amount("10", "MXN"), amount("1000000", "MXN")
	card := method("CARD", "MX", "MXN", engine.PromptLink)
	card.Reports = true
	return []engine.Method{spei, card, method("QR", "MX", "MXN", engine.PromptQR), method("QRI", "CL", "CLP", engine.PromptQR)}
}

// rates makes exchange rates known: a dollar is 20 Mexican pesos, a USDC a dollar, and a dollar 950 Chilean pesos.
func (k *kit) rates() {
	k.Helper()
	rate := func(base, other, value string) quote.Rate {
		return quote.Rate{Base: base, Quote: other, Value: quote.MustDecimal(value), At: k.clock.Now(), Source: "fixed", MaxAge: quote.Forever}
	}
	doubted, err := k.engine.TellRates(context.Background(), []string{"fixed"}, []engine.RatesTold{{Source: "fixed", All: true, Rates: []quote.Rate{
		rate("USD", "MXN", "20"), rate("USDC", "USD", "1"), rate("USDC", "MXN", "20"), rate("USD", "CLP", "950"),
	}}})
	k.must(doubted)
	k.must(err)
}

func scopeOf(merchant string) engine.Scope {
	return engine.Scope{Merchant: merchant, Mode: engine.Sandbox, Dialect: Name}
}

// fund gives a merchant a balance.
func (k *kit) fund(merchant, decimal, code string) {
	k.Helper()
	p := ledger.Posting{From: ledger.House.Account(ledger.PayerOn("test")), To: ledger.Owed(merchant).Account(ledger.Merchant), Amount: amount(decimal, code)}
	k.must(k.store.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
		return tx.AddEntry(engine.Entry{ID: tx.NewID(), Merchant: merchant, Mode: engine.Sandbox, At: tx.Now(), Postings: []order.Posting{{Posting: p, Row: "test"}}})
	}))
}

// balance is what a merchant can spend.
func (k *kit) balance(merchant, code string) string {
	k.Helper()
	var have money.Amount
	k.must(k.store.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) (err error) {
		have, err = tx.Balance(ledger.Owed(merchant).Account(ledger.Merchant), fiatOf(code), engine.Sandbox)
		return err
	}))
	return have.Decimal()
}

type made struct {
	ID string `json:"id"`
}

func (k *kit) make(key, path, body string) string {
	k.Helper()
	got := k.post(key, path, body)
	if got.status != 201 {
		k.Fatalf("POST %s %s: %d %s", path, body, got.status, got.body)
	}
	return parse[made](k, got).ID
}

const (
	clabe  = "012180026050783858"
	wallet = "0x52908400098527886E0F7030069857D2E4169EE7"
)

// bank is an account in Mexican pesos of the merchant shop; to says what becomes of money that is sent there, in the
// sandbox's words.
func (k *kit) bank() string {
	k.Helper()
	return k.make(shopKey, m("/accounts"), `{"kind":"BANK","name":"Main","accountNumber":"`+clabe+`","countrySymbol":"MX","currencySymbol":"MXN"}`)
}

func (k *kit) wallet() string {
	k.Helper()
	return k.make(shopKey, m("/accounts"), `{"kind":"CRYPTO","name":"Cold","address":"`+wallet+`","network":"ETHEREUM","currencySymbol":"USDC"}`)
}

func (k *kit) contact() string {
	k.Helper()
	return k.make(shopKey, m("/contacts"), `{"firstName":"Ana","lastName":"Reyes","email":"ana@example.com","phone":"+525512345678","countrySymbol":"MX","businessType":"PERSON","type":"PERSON","documentType":"RFC","documentNumber":"GODE561231GR8"}`)
}

// quote makes a quote of a type.
func (k *kit) quote(kind string, ask quote.Ask) string {
	k.Helper()
	q, err := k.engine.MakeQuote(context.Background(), engine.NewQuote{ID: k.dialect.newID("qt"), Scope: scopeOf("shop"), Ask: ask, OrderKind: kind})
	k.must(err)
	return q.ID
}

// housePool gives the house addresses to take crypto in at.
func (k *kit) housePool(n int) {
	k.Helper()
	var list []engine.Imported
	for i := range n {
		list = append(list, engine.Imported{Value: fmt.Sprintf("0x%040d", i+1)})
	}
	_, err := k.engine.ImportInstruments(context.Background(), engine.HousePool(engine.Sandbox, engine.EVM), list)
	k.must(err)
}

// body is a request for an order: pairs of a field and its JSON; the last word about a field counts, and an empty one
// leaves it out.
func body(pairs ...string) string {
	values, fields := map[string]string{}, []string{}
	for i := 0; i < len(pairs); i += 2 {
		if _, known := values[pairs[i]]; !known {
			fields = append(fields, pairs[i])
		}
		values[pairs[i]] = pairs[i+1]
	}
	var parts []string
	for _, field := range fields {
		if values[field] != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", field, values[field]))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func quoted(text string) string {
	out, _ := json.Marshal(text)
	return string(out)
}

// good is a good request of each type, with what more says.
func (k *kit) good(kind string, more ...string) string {
	k.Helper()
	base := []string{"type", quoted(kind), "originCurrencySymbol", `"MXN"`, "destinationCurrencySymbol", `"MXN"`, "amountIn", "1000"}
	switch kind {
	case payIn:
		base = append(base, "paymentMethods", `[{"method":"SPEI"}]`)
	case payOut:
		base = append(base, "destinationAccountId", quoted(k.bank()))
	case onRamp:
		base = append(base, "destinationCurrencySymbol", `"USDC"`, "destinationAccountId", quoted(k.wallet()))
	case offRamp:
		base = append(base, "originCurrencySymbol", `"USDC"`, "network", `"ETHEREUM"`, "amountIn", "10")
	case balanceTransfer:
		base = append(base, "destinationCurrencySymbol", `"USD"`)
	case interMerchant:
		base = append(base, "destinationMerchantId", `"branch"`)
	}
	return body(append(base, more...)...)
}

// create makes an order and returns it.
func (k *kit) create(kind string, more ...string) orderBody {
	k.Helper()
	got := k.post(shopKey, m("/orders"), k.good(kind, more...))
	if got.status != 201 {
		k.Fatalf("%s: %d %s", kind, got.status, got.body)
	}
	return parse[orderBody](k, got)
}

func (k *kit) order(id string) orderBody {
	k.Helper()
	got := k.get(shopKey, m("/orders/"+id))
	if got.status != 200 {
		k.Fatalf("%s: %d %s", id, got.status, got.body)
	}
	return parse[orderBody](k, got)
}

// record is the order as the engine has it.
func (k *kit) record(id string) *engine.Order {
	k.Helper()
	found, err := k.engine.Order(context.Background(), scopeOf("shop"), id)
	k.must(err)
	return found
}

// pay tells a payment to an order: a word about so much, at its instrument.
func (k *kit) pay(id, external string, rank order.Rank, much money.Amount) {
	k.Helper()
	found := k.record(id)
	n, err := k.engine.Network(found.Network, engine.Sandbox)
	k.must(err)
	k.told(n, 1234100, rail.Observation{
		External: external, Instrument: found.Instrument.Value, Epoch: 1, Rank: rank, Amount: much, Value: k.clock.Now(),
		Evidence: order.Evidence{Tx: external, Block: 1234050, From: "payer", To: found.Instrument.Value},
	})
}

// deliver sends what waits on a rail, and says what becomes of it.
func (k *kit) deliver(id string, kind order.ChangeKind) {
	k.Helper()
	found := k.record(id)
	job, err := k.engine.Reserve(context.Background(), found.ID)
	k.must(err)
	k.outcome(found, string(job.ID), kind)
}

// outcome says what became of a transfer.
func (k *kit) outcome(found *engine.Order, transfer string, kind order.ChangeKind) {
	k.Helper()
	k.must(k.engine.Transferred(context.Background(), found.ID, transfer, kind, ""))
}

// expire lets time pass on a network.
func (k *kit) expire(n engine.Network, by time.Duration) {
	k.Helper()
	k.clock.Move(by)
	k.told(n, 1234200)
	_, err := k.engine.Tick(context.Background(), n.Mode, n.Rail, k.clock.Now())
	k.must(err)
}

// payAs pays an order whole, by somebody with a document.
func (k *kit) payAs(id, external, document string) {
	k.Helper()
	found := k.record(id)
	k.told(pretend(), 0, rail.Observation{
		External: external, Instrument: found.Instrument.Value, Epoch: 1, Rank: order.RankConfirmed, Amount: found.Terms.Due, Value: k.clock.Now(),
		Evidence: order.Evidence{Tx: external, From: "payer", To: found.Instrument.Value, Document: document},
	})
}

// UnmarshalJSON lets tests read what is written.
func (n *number) UnmarshalJSON(text []byte) error {
	*n = number(text)
	return nil
}
