package koywe

import (
	"context"
	"os"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/dialect/dialecttest"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/quote"
	"till/internal/rail/sandbox"
	"till/internal/secrets"
	"till/internal/store"
	"till/internal/store/pgtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	pgtest.Stop()
	os.Exit(code)
}

// TestScenarios plays what every API must do alike, with payment links whose payer has chosen a method; what leaves the
// house is a PAYIN to a bank account. A link is paid by one payment that fits, until its due date; an OFFRAMP adds up what
// comes, and waits for what was sent in time.
func TestScenarios(t *testing.T) {
	words := dialecttest.Words{
		Open: statusPending, Completed: statusCompleted, Expired: statusExpired, Cancelled: statusCancelled, Failed: statusFailed, Refunded: statusRefunded,
		CompletedEvent: "order.completed", ExpiredEvent: "order.expired", CancelledEvent: "order.canceled", FailedEvent: "order.failed", RefundedEvent: "order.refunded",
	}
	ramp := dialecttest.Face{Open: openSeller, Far: dialecttest.Chain, Words: words, Exchanges: true}
	dialecttest.Run(t, Name, dialecttest.Face{
		Open: openPlayer, Far: dialecttest.Sandbox, Words: words, Sends: bankSends, Releases: true,
		Kinds: map[string]dialecttest.Face{"paid_in_two": ramp, "underpaid_expired": ramp, "paid_in_grace": ramp},
	})
}

// player is a merchant's client.
type player struct {
	*Dialect
	kit *kit
}

func openPlayer(h *dialecttest.House) dialecttest.Client {
	method := engine.Method{Code: "TRANSFER", Name: "Transfer", Country: "ES", Currency: "EUR", Network: "sandbox", Prompt: engine.PromptTransfer, Window: 15 * time.Minute}
	h.Engine = h.Engine.WithMethods([]engine.Method{method})
	h.Engine.SetPayees(failing{})
	return open(h)
}

// seller is a client who sells crypto for the balance of his merchant.
type seller struct{ player }

// openSeller exchanges one for one, at a rate that holds as long as the scenarios' orders are payable.
func openSeller(h *dialecttest.House) dialecttest.Client {
	terms := engine.DefaultExchange()
	terms.Now, terms.HoldChain = h.Now, 15*time.Minute
	changed, err := h.Engine.WithExchange(terms)
	if err != nil {
		h.Fatal(err)
	}
	h.Engine = changed
	s := seller{open(h)}
	one := quote.Rate{Base: "USDT", Quote: "EUR", Value: quote.MustDecimal("1"), At: h.Now(), Source: "fixed", MaxAge: quote.Forever}
	doubted, err := h.Engine.TellRates(h.Context(), []string{"fixed"}, []engine.RatesTold{{Source: "fixed", All: true, Rates: []quote.Rate{one}}})
	s.kit.must(doubted)
	s.kit.must(err)
	return s
}

func (s seller) Place(reference, amount string) string {
	s.kit.Helper()
	return s.kit.make(shopKey, s.path("/orders"), body("type", `"OFFRAMP"`, "originCurrencySymbol", `"USDT"`, "network", `"ETHEREUM"`, "destinationCurrencySymbol", `"EUR"`,
		"amountIn", amount, "externalId", quoted(reference)))
}

// open is a client of the API over the house.
func open(h *dialecttest.House) player {
	k := &kit{T: h.T, engine: h.Engine, clock: dialecttest.NewClock(h.Now()), made: map[string]string{}}
	key := engine.Key{ID: "key_1", Hash: secrets.Hash(shopKey), Scope: h.Scope, Active: true}
	k.must(h.Engine.SaveMerchant(h.Context(), engine.Merchant{ID: h.Scope.Merchant, Organisation: "acme", Name: "Shop"}))
	k.must(h.Engine.SaveKey(h.Context(), key))
	keys := oneKey{auth.Key{ID: key.ID, Hash: key.Hash, Merchant: h.Scope.Merchant, Mode: string(h.Scope.Mode), Dialect: Name, Active: true}}
	opened, err := store.OpenSQLite(h.Context(), h.TempDir()+"/people.db", store.Options{Now: h.Now, Log: h.Log})
	k.must(err)
	h.Cleanup(func() { k.must(opened.Close()) })
	k.tokens = auth.NewTokens(auth.TokensConfig{Auth: auth.New(keys, h.Now), Keys: keys, Store: opened, Sign: [][]byte{[]byte("a key of thirty-two bytes: 123456")}, API: Name, Now: h.Now})
	k.dialect = New(Config{Engine: h.Engine, Tokens: k.tokens, Now: h.Now, Random: new(dialecttest.Counter), Log: h.Log})
	k.handler = k.dialect.Handler()
	return player{Dialect: k.dialect, kit: k}
}

func (p player) path(rest string) string {
	return "/api/v1/organizations/acme/merchants/merchant" + rest
}

func (p player) Place(reference, amount string) string {
	p.kit.Helper()
	made := parse[orderBody](p.kit, p.link(reference, amount))
	found, err := p.kit.engine.Find(p.kit.Context(), made.ID)
	p.kit.must(err)
	_, err = p.kit.engine.Choose(p.kit.Context(), found.ID, engine.Pick{Method: "TRANSFER"})
	p.kit.must(err)
	return made.ID
}

func (p player) link(reference, amount string) reply {
	p.kit.Helper()
	p.kit.made = map[string]string{}
	due := p.now().Add(15 * time.Minute)
	return p.kit.post(shopKey, p.path("/orders"), body("type", `"PAYMENT_LINK"`, "originCurrencySymbol", `"EUR"`, "destinationCurrencySymbol", `"EUR"`,
		"amountIn", amount, "externalId", quoted(reference), "dueDate", quoted(wireTime(due)), "paymentMethods", `[{"method":"TRANSFER"}]`))
}

func (p player) PlaceAgain(reference, amount string) string {
	p.kit.Helper()
	got := p.link(reference, amount)
	if got.status != 409 {
		p.kit.Fatalf("a repeat: %d %s", got.status, got.body)
	}
	existing, _ := parse[errorBody](p.kit, got).Details["existingId"].(string)
	return existing
}

func (p player) PlaceTo(reference, amount, to string) string {
	p.kit.Helper()
	if to != sandbox.Fail {
		p.kit.Fatalf("the account of this client fails, and does not %s", to)
	}
	account := p.kit.make(shopKey, p.path("/accounts"), `{"kind":"BANK","accountNumber":"ES9121000418450200051332","countrySymbol":"ES","currencySymbol":"EUR","entity":"2100"}`)
	return p.kit.make(shopKey, p.path("/orders"), body("type", `"PAYIN"`, "originCurrencySymbol", `"EUR"`, "destinationCurrencySymbol", `"EUR"`,
		"amountIn", amount, "externalId", quoted(reference), "destinationAccountId", quoted(account), "paymentMethods", `[{"method":"TRANSFER"}]`))
}

// Status is the order's; PROCESSING and PAID are ways to be open.
func (p player) Status(id string) string {
	p.kit.Helper()
	p.kit.made = map[string]string{}
	status := parse[orderBody](p.kit, p.kit.get(shopKey, p.path("/orders/"+id))).Status
	if status == statusProcessing || status == statusPaid {
		return statusPending
	}
	return status
}

func (p player) Cancel(id string) {
	p.kit.Helper()
	if got := p.kit.post(shopKey, p.path("/orders/"+id+"/cancel"), ""); got.status != 200 {
		p.kit.Fatalf("%d %s", got.status, got.body)
	}
}

func (p player) Refund(id, amount string) {
	p.kit.Helper()
	if got := p.kit.post(shopKey, p.path("/orders/"+id+"/refund"), `{"amount":`+amount+`}`); got.status != 200 {
		p.kit.Fatalf("%d %s", got.status, got.body)
	}
}

// failing is a rail that takes what is sent to any bank account, and then fails.
type failing struct{}

func (failing) Address(engine.Network, string) (string, error) {
	return "", fault.New(fault.CodeNotConfigured, "no network sends")
}

func (failing) Bank(context.Context, *engine.Account) (engine.Destination, error) {
	return engine.Destination{Rail: sandbox.Name, To: sandbox.Fail}, nil
}
