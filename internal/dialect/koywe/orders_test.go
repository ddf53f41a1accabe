package koywe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/dialect/dialecttest"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/order"
	"till/internal/quote"
)

// Every rule of the page of creating an order, broken: 400, and the field that breaks it is named. The names of the
// tests stand in RULES.md.

// broken is a request that must be refused on a field.
type broken struct {
	name, kind  string
	more        []string
	code, field string
}

func refuseAll(t *testing.T, tests []broken) {
	t.Helper()
	k := newKit(t)
	k.rates()
	k.fund("shop", "100000", "MXN")
	for _, test := range tests {
		got := k.post(shopKey, m("/orders"), k.good(test.kind, test.more...))
		refused := k.refused(test.name, got, 400, test.code, test.field)
		if !strings.Contains(refused.Message, test.field) && test.code == validationError && refused.Message == "" {
			t.Errorf("%s: the message does not say what is wrong: %s", test.name, refused.Message)
		}
	}
	if list := parse[ordersBody](k, k.get(shopKey, m("/orders"))); list.Pagination.TotalCount != 0 {
		t.Errorf("%d refused orders are on record", list.Pagination.TotalCount)
	}
	if got := k.balance("shop", "MXN"); got != "100000.00" {
		t.Errorf("refused orders took money: %s is left", got)
	}
}

func TestTypeIsRequired(t *testing.T) {
	refuseAll(t, []broken{
		{"no type", payIn, []string{"type", ""}, validationError, "type"},
		{"no type of ours", payIn, []string{"type", `"GIFT"`}, validationError, "type"},
		{"a number", payIn, []string{"type", `1`}, validationError, "type"},
		{"in small letters", payIn, []string{"type", `"payin"`}, validationError, "type"},
	})
}

func TestCurrenciesOfEachType(t *testing.T) {
	var tests []broken
	for _, kind := range []string{payIn, payOut, balanceTransfer, paymentLink, interMerchant} {
		tests = append(tests,
			broken{kind + " of crypto", kind, []string{"originCurrencySymbol", `"USDC"`}, "INVALID_CURRENCY", "originCurrencySymbol"},
			broken{kind + " to crypto", kind, []string{"destinationCurrencySymbol", `"USDC"`}, "INVALID_CURRENCY", "destinationCurrencySymbol"})
	}
	refuseAll(t, append(tests,
		broken{"ONRAMP of crypto", onRamp, []string{"originCurrencySymbol", `"USDC"`}, "INVALID_CURRENCY", "originCurrencySymbol"},
		broken{"ONRAMP to fiat", onRamp, []string{"destinationCurrencySymbol", `"USD"`}, "INVALID_CURRENCY", "destinationCurrencySymbol"},
		broken{"ONRAMP to a token that is not there", onRamp, []string{"destinationCurrencySymbol", `"DAI"`}, "INVALID_CURRENCY", "destinationCurrencySymbol"},
		broken{"OFFRAMP of fiat", offRamp, []string{"originCurrencySymbol", `"MXN"`}, "INVALID_CURRENCY", "originCurrencySymbol"},
		broken{"OFFRAMP to crypto", offRamp, []string{"destinationCurrencySymbol", `"USDC"`}, "INVALID_CURRENCY", "destinationCurrencySymbol"},
		broken{"OFFRAMP of a token on two networks", offRamp, []string{"network", ""}, "INVALID_NETWORK", "network"},
		broken{"OFFRAMP on a network that is not there", offRamp, []string{"network", `"BITCOIN"`}, "INVALID_NETWORK", "network"},
		broken{"one currency in a BALANCE_TRANSFER", balanceTransfer, []string{"destinationCurrencySymbol", `"MXN"`}, validationError, "destinationCurrencySymbol"},
		broken{"two currencies in an INTER_MERCHANT_TRANSFER", interMerchant, []string{"destinationCurrencySymbol", `"USD"`}, validationError, "destinationCurrencySymbol"},
		broken{"PAYOUT between two currencies without a quote", payOut, []string{"destinationCurrencySymbol", `"USD"`}, validationError, "quoteId"},
		broken{"no origin", payIn, []string{"originCurrencySymbol", ""}, validationError, "originCurrencySymbol"},
		broken{"no destination", payIn, []string{"destinationCurrencySymbol", ""}, validationError, "destinationCurrencySymbol"},
	))
}

func TestOneAmount(t *testing.T) {
	refuseAll(t, []broken{
		{"neither", payOut, []string{"amountIn", ""}, validationError, "amountIn"},
		{"both", payOut, []string{"amountOut", "1000"}, validationError, "amountOut"},
		{"a text", payOut, []string{"amountIn", `"1000"`}, validationError, "amountIn"},
		{"an object", payOut, []string{"amountIn", "", "amountOut", `{"value":1000}`}, validationError, "amountOut"},
		{"zero", payOut, []string{"amountIn", "0"}, "INVALID_AMOUNT", "amountIn"},
		{"negative", payOut, []string{"amountIn", "-1"}, "INVALID_AMOUNT", "amountIn"},
		{"three decimals", payOut, []string{"amountIn", "1.001"}, "INVALID_AMOUNT", "amountIn"},
		{"decimals of a currency without", balanceTransfer, []string{"amountIn", "", "amountOut", "1.5", "destinationCurrencySymbol", `"CLP"`}, "INVALID_AMOUNT", "amountOut"},
		{"below the method's least", payIn, []string{"amountIn", "9.99"}, "INVALID_AMOUNT", "amountIn"},
		{"above the method's most", payIn, []string{"amountIn", "1000000.01"}, "INVALID_AMOUNT", "amountIn"},
	})
}

func TestWithAQuoteNothingElse(t *testing.T) {
	for _, field := range []string{"originCurrencySymbol", "destinationCurrencySymbol", "amountIn", "amountOut"} {
		k := newKit(t)
		k.rates()
		k.fund("shop", "10000", "MXN")
		id := k.quote(balanceTransfer, quote.Ask{From: fiatOf("MXN"), To: fiatOf("USD"), AmountIn: amount("1000", "MXN")})
		bare := []string{"originCurrencySymbol", "", "destinationCurrencySymbol", "", "amountIn", "", "quoteId", quoted(id)}
		value := map[string]string{"originCurrencySymbol": `"MXN"`, "destinationCurrencySymbol": `"USD"`, "amountIn": "1000", "amountOut": "50"}[field]
		got := k.post(shopKey, m("/orders"), k.good(balanceTransfer, append(bare, field, value)...))
		k.refused(field, got, 400, validationError, field)
		// Currencies are not required with a quote, and the quote still serves.
		if made := k.create(balanceTransfer, bare...); *made.QuoteID != id || made.AmountIn != "1000" || made.AmountOut != "50" || made.Status != statusCompleted {
			t.Errorf("%+v", made)
		}
	}
}

func TestQuotes(t *testing.T) {
	k := newKit(t)
	k.rates()
	k.fund("shop", "10000", "MXN")
	mxn, usd := fiatOf("MXN"), fiatOf("USD")
	ask := quote.Ask{From: mxn, To: usd, AmountIn: amount("1000", "MXN")}
	bare := func(id string) []string {
		return []string{"originCurrencySymbol", "", "destinationCurrencySymbol", "", "amountIn", "", "quoteId", quoted(id)}
	}
	try := func(what, kind, id, code string) {
		t.Helper()
		status := 400
		if code == "QUOTE_USED" {
			status = 409
		}
		k.refused(what, k.post(shopKey, m("/orders"), k.good(kind, bare(id)...)), status, code, "quoteId")
	}
	try("no such quote", balanceTransfer, "qt_none", validationError)
	id := k.quote(balanceTransfer, ask)
	for _, kind := range []string{payIn, paymentLink, interMerchant} {
		try(kind, kind, id, validationError)
	}
	try("of another type", onRamp, id, validationError)
	if got := k.post(otherKey, strings.Replace(strings.Replace(m("/orders"), "acme", "rival", 1), "shop", "other", 1), k.good(balanceTransfer, bare(id)...)); got.status != 400 {
		t.Errorf("another merchant's quote: %d %s", got.status, got.body)
	}
	k.create(balanceTransfer, bare(id)...)
	try("used", balanceTransfer, id, "QUOTE_USED")
	late := k.quote(balanceTransfer, ask)
	k.clock.Move(16 * time.Second)
	try("expired", balanceTransfer, late, "QUOTE_EXPIRED")
	crossed := k.quote(payOut, quote.Ask{From: usd, To: mxn, AmountOut: amount("100", "MXN")})
	k.fund("shop", "10", "USD")
	if made := k.create(payOut, bare(crossed)...); made.AmountIn != "5" || made.OriginCurrency != "USD" || made.Status != statusPending {
		t.Errorf("a PAYOUT between two currencies: %+v", made)
	}
	lost := k.quote(payOut, quote.Ask{From: mxn, To: usd, AmountIn: amount("100", "MXN")})
	k.refused("a quote into another currency than the account's", k.post(shopKey, m("/orders"), k.good(payOut, bare(lost)...)), 400, "BAA00008", "destinationAccountId")
}

func TestDestinationAccounts(t *testing.T) {
	k := newKit(t)
	k.rates()
	k.fund("shop", "10000", "MXN")
	k.fund("shop", "100", "USD")
	bank, wallet := quoted(k.bank()), quoted(k.wallet())
	own := func(code string) string { return quoted(virtualAccountID(scopeOf("shop"), fiatOf(code))) }
	foreign := quoted(k.make(branchKey, strings.Replace(m("/accounts"), "shop", "branch", 1), `{"kind":"BANK","accountNumber":"`+clabe+`","countrySymbol":"MX","currencySymbol":"MXN"}`))
	ana, account := k.contact(), ""
	account = quoted(k.make(shopKey, m("/contacts/"+ana+"/accounts"), `{"kind":"BANK","accountNumber":"`+clabe+`","countrySymbol":"MX","currencySymbol":"MXN"}`))
	other := k.make(shopKey, m("/contacts"), `{"firstName":"Eva","countrySymbol":"MX","businessType":"PERSON","type":"PERSON"}`)
	for _, test := range []broken{
		{"PAYOUT without one", payOut, []string{"destinationAccountId", ""}, validationError, "destinationAccountId"},
		{"PAYOUT to a balance", payOut, []string{"destinationAccountId", own("MXN")}, validationError, "destinationAccountId"},
		{"PAYOUT to a wallet", payOut, []string{"destinationAccountId", wallet}, validationError, "destinationAccountId"},
		{"PAYOUT to nothing", payOut, []string{"destinationAccountId", `"acc_none"`}, "INVALID_ACCOUNT", "destinationAccountId"},
		{"PAYOUT to another merchant's account", payOut, []string{"destinationAccountId", foreign}, "INVALID_ACCOUNT", "destinationAccountId"},
		{"PAYOUT in another currency", payOut, []string{"originCurrencySymbol", `"USD"`, "destinationCurrencySymbol", `"USD"`, "amountIn", "1", "destinationAccountId", bank}, "BAA00008", "destinationAccountId"},
		{"PAYOUT to another contact's account", payOut, []string{"destinationAccountId", account, "contactId", quoted(other)}, validationError, "destinationAccountId"},
		{"ONRAMP without one", onRamp, []string{"destinationAccountId", ""}, validationError, "destinationAccountId"},
		{"ONRAMP to a bank", onRamp, []string{"destinationAccountId", bank}, validationError, "destinationAccountId"},
		{"ONRAMP in another token", onRamp, []string{"destinationCurrencySymbol", `"USDT"`, "destinationAccountId", wallet}, "BAA00008", "destinationAccountId"},
		{"BALANCE_TRANSFER with one", balanceTransfer, []string{"destinationAccountId", own("USD")}, validationError, "destinationAccountId"},
		{"INTER_MERCHANT_TRANSFER with one", interMerchant, []string{"destinationAccountId", bank}, validationError, "destinationAccountId"},
		{"PAYIN to a wallet", payIn, []string{"destinationAccountId", wallet}, validationError, "destinationAccountId"},
		{"PAYIN to a balance in another currency", payIn, []string{"destinationAccountId", own("USD")}, "BAA00008", "destinationAccountId"},
		{"OFFRAMP to a wallet", offRamp, []string{"destinationAccountId", wallet}, validationError, "destinationAccountId"},
		{"PAYMENT_LINK to a bank in another currency", paymentLink, []string{"originCurrencySymbol", `"CLP"`, "destinationCurrencySymbol", `"CLP"`, "destinationAccountId", bank}, "BAA00008", "destinationAccountId"},
	} {
		k.refused(test.name, k.post(shopKey, m("/orders"), k.good(test.kind, test.more...)), 400, test.code, test.field)
	}

	// Nothing said is the merchant's balance, which can be said as well; a bank account sends what is collected on.
	for name, test := range map[string]struct{ said, shown string }{"nothing": {"", own("MXN")}, "the balance": {own("MXN"), own("MXN")}, "a bank": {bank, bank}} {
		for _, kind := range []string{payIn, paymentLink} {
			made := k.create(kind, "destinationAccountId", test.said)
			if quoted(*made.DestinationAccount) != test.shown {
				t.Errorf("%s, %s: %s", kind, name, *made.DestinationAccount)
			}
			if instant := k.record(made.ID).Terms.Instant; instant == (test.said == bank) {
				t.Errorf("%s to %s: instant %t", kind, name, instant)
			}
		}
	}
	if made := k.create(payOut, "destinationAccountId", account, "contactId", quoted(ana)); *made.ContactID != ana {
		t.Errorf("a PAYOUT to a contact: %+v", made)
	}
}

func TestPaymentMethods(t *testing.T) {
	refuseAll(t, []broken{
		{"PAYIN without one", payIn, []string{"paymentMethods", ""}, validationError, "paymentMethods"},
		{"PAYIN with an empty list", payIn, []string{"paymentMethods", "[]"}, validationError, "paymentMethods"},
		{"PAYIN with two", payIn, []string{"paymentMethods", `[{"method":"SPEI"},{"method":"CARD"}]`}, validationError, "paymentMethods"},
		{"PAYIN with a strange one", payIn, []string{"paymentMethods", `[{"method":"BARTER"}]`}, validationError, "paymentMethods"},
		{"PAYIN with one of another currency", payIn, []string{"paymentMethods", `[{"method":"QRI"}]`}, validationError, "paymentMethods"},
		{"a text", payIn, []string{"paymentMethods", `"SPEI"`}, validationError, "paymentMethods"},
		{"a list of texts", payIn, []string{"paymentMethods", `["SPEI"]`}, validationError, "paymentMethods[0]"},
		{"no method in it", payIn, []string{"paymentMethods", `[{}]`}, validationError, "paymentMethods[0].method"},
		{"a number as extra", payIn, []string{"paymentMethods", `[{"method":"SPEI","extra":1}]`}, validationError, "paymentMethods[0].extra"},
		{"PAYMENT_LINK with one twice", paymentLink, []string{"paymentMethods", `[{"method":"SPEI"},{"method":"SPEI"}]`}, validationError, "paymentMethods[1].method"},
		{"PAYOUT with one", payOut, []string{"paymentMethods", `[{"method":"SPEI"}]`}, validationError, "paymentMethods"},
		{"BALANCE_TRANSFER with one", balanceTransfer, []string{"paymentMethods", `[{"method":"SPEI"}]`}, validationError, "paymentMethods"},
		{"OFFRAMP with one", offRamp, []string{"paymentMethods", `[{"method":"SPEI"}]`}, validationError, "paymentMethods"},
		{"ONRAMP with two", onRamp, []string{"paymentMethods", `[{"method":"SPEI"},{"method":"CARD"}]`}, validationError, "paymentMethods"},
	})
	k := newKit(t)
	k.rates()
	for more, want := range map[string]int{``: 0, `[]`: 0, `[{"method":"SPEI"}]`: 1, `[{"method":"CARD","extra":{"email":"a@b.co"}},{"method":"QR"}]`: 2} {
		if made := k.create(paymentLink, "paymentMethods", more); len(made.PaymentMethods) != want || made.Status != statusPending || made.ProvidedActionType != actionLink {
			t.Errorf("a link with %s: %+v", more, made)
		}
	}
	for code, want := range map[string]string{"SPEI": actionTransfer, "CARD": actionLink, "QR": actionQR} {
		made := k.create(payIn, "paymentMethods", `[{"method":"`+code+`"}]`)
		if made.ProvidedActionType != want || made.ProvidedAction == nil || !strings.HasSuffix(*made.ProvidedAction, "/pay/order/"+made.ID) {
			t.Errorf("%s: %s %v", code, made.ProvidedActionType, made.ProvidedAction)
		}
	}
	// ONRAMP without a method takes from the balance, with one from its payer.
	k.fund("shop", "1000", "MXN")
	if made := k.create(onRamp); made.Status != statusProcessing || made.OriginAccount == nil || made.AmountOut != "50" {
		t.Errorf("from the balance: %+v", made)
	}
	if made := k.create(onRamp, "paymentMethods", `[{"method":"SPEI"}]`); made.Status != statusPending || made.OriginAccount != nil {
		t.Errorf("from a payer: %+v", made)
	}
}

func TestDueDate(t *testing.T) {
	var tests []broken
	for _, kind := range []string{payIn, payOut, onRamp, offRamp, balanceTransfer, interMerchant} {
		tests = append(tests, broken{kind, kind, []string{"dueDate", `"2026-04-01T00:00:00Z"`}, validationError, "dueDate"})
	}
	refuseAll(t, append(tests,
		broken{"past", paymentLink, []string{"dueDate", `"2026-03-02T10:30:00Z"`}, validationError, "dueDate"},
		broken{"yesterday", paymentLink, []string{"dueDate", `"2026-03-01"`}, validationError, "dueDate"},
		broken{"in two years", paymentLink, []string{"dueDate", `"2028-03-01"`}, validationError, "dueDate"},
		broken{"no date", paymentLink, []string{"dueDate", `"soon"`}, validationError, "dueDate"},
		broken{"a number", paymentLink, []string{"dueDate", `1772447400`}, validationError, "dueDate"}))

	k := newKit(t)
	for said, want := range map[string]string{"": "2026-04-01T10:30:00.000Z", `"2026-03-05T12:00:00.000-06:00"`: "2026-03-05T18:00:00.000Z", `"2026-03-02"`: "2026-03-02T23:59:59.999Z"} {
		if made := k.create(paymentLink, "dueDate", said); *made.DueDate != want {
			t.Errorf("%s: %s", said, *made.DueDate)
		}
	}
	made := k.create(paymentLink, "dueDate", `"2026-03-03T10:30:00Z"`, "paymentMethods", `[{"method":"SPEI"}]`)
	if _, err := k.engine.Choose(context.Background(), k.record(made.ID).ID, engine.Pick{Method: "SPEI"}); err != nil {
		t.Fatal(err)
	}
	k.expire(pretend(), 24*time.Hour+time.Second)
	if got := k.order(made.ID).Status; got != statusExpired {
		t.Errorf("after its due date: %s", got)
	}
}

func TestExternalID(t *testing.T) {
	k := newKit(t)
	k.fund("shop", "10000", "MXN")
	first := k.create(payOut, "externalId", `"inv 1"`)
	again := k.refused("a repeat", k.post(shopKey, m("/orders"), k.good(payOut, "externalId", `"inv 1"`, "amountIn", "7")), 409, "ALREADY_EXISTS", "externalId")
	if again.Details["existingId"] != first.ID || !strings.Contains(again.Message, "inv 1") {
		t.Errorf("%+v", again)
	}
	if got := k.balance("shop", "MXN"); got != "9000.00" {
		t.Errorf("the repeat took money: %s", got)
	}
	link := k.create(paymentLink, "externalId", `"inv 1"`) // another type: another order
	if got := parse[orderBody](k, k.get(shopKey, m("/orders/external/inv%201"))); got.ID != link.ID {
		t.Errorf("the newest is %s, not %s", got.ID, link.ID)
	}
	if got := parse[orderBody](k, k.get(shopKey, m("/orders/external/inv%201?type=PAYOUT"))); got.ID != first.ID {
		t.Errorf("of a type: %s, not %s", got.ID, first.ID)
	}
	k.refused("no such type", k.get(shopKey, m("/orders/external/inv%201?type=GIFT")), 400, validationError, "type")
	k.refused("none of a type", k.get(shopKey, m("/orders/external/inv%201?type=PAYIN")), 404, "NOT_FOUND", "")
	k.refused("another merchant's", k.get(branchKey, strings.Replace(m("/orders/external/inv%201"), "shop", "branch", 1)), 404, "NOT_FOUND", "")
	// Another merchant may use the same one; without one nothing is checked.
	for range 2 {
		k.create(payOut)
	}
	for _, bad := range []string{`" "`, `"."`, `".."`, `"a\u0000b"`, quoted(strings.Repeat("x", 256)), `7`} {
		got := k.post(shopKey, m("/orders"), k.good(paymentLink, "externalId", bad))
		k.refused(bad, got, 400, validationError, "externalId")
	}
	slashed := k.create(paymentLink, "externalId", `"2026/001"`)
	if got := parse[orderBody](k, k.get(shopKey, m("/orders/external/2026%2F001"))); got.ID != slashed.ID {
		t.Errorf("with a slash: %+v", got)
	}
}

// One of many at once makes the order, all others are told which it is.
func TestExternalIDAtOnce(t *testing.T) {
	k := newKit(t)
	k.fund("shop", "10000", "MXN")
	request := k.good(payOut, "externalId", `"once"`)
	k.token(shopKey)
	const n = 32
	answers := make([]reply, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { answers[i] = k.post(shopKey, m("/orders"), request) })
	}
	group.Wait()
	made := ""
	for _, a := range answers {
		if a.status == 201 {
			if made != "" {
				t.Error("two orders")
			}
			made = parse[orderBody](k, a).ID
		}
	}
	for _, a := range answers {
		if a.status != 201 && (a.status != 409 || parse[errorBody](k, a).Details["existingId"] != made) {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if got := k.balance("shop", "MXN"); made == "" || got != "9000.00" {
		t.Errorf("%s is left", got)
	}
}

func TestNotifyFlagsNeedAContact(t *testing.T) {
	var tests []broken
	for _, flag := range flags {
		tests = append(tests, broken{flag.name, paymentLink, []string{flag.name, "true"}, validationError, "contactId"},
			broken{flag.name + " as a text", paymentLink, []string{flag.name, `"true"`}, validationError, flag.name})
	}
	refuseAll(t, append(tests, broken{"no such contact", paymentLink, []string{"contactId", `"con_none"`}, validationError, "contactId"}))
	k := newKit(t)
	made := k.create(paymentLink, "contactId", quoted(k.contact()), "sendEmail", "true", "sendNotification", "true", "sendWhatsapp", "true", "sendReminders", "true")
	if !made.SendEmail || !made.SendNotification || !made.SendWhatsapp || !made.SendReminders {
		t.Errorf("%+v", made)
	}
	if n := k.record(made.ID).Notify; n.Customer != *made.ContactID || !n.Email || !n.InApp || !n.WhatsApp || !n.Reminders {
		t.Errorf("%+v", n)
	}
	if quiet := k.create(paymentLink, "sendEmail", "false"); quiet.SendEmail {
		t.Errorf("%+v", quiet)
	}
}

// Reminders go while an order is pending, and no longer.
func TestRemindersWhilePending(t *testing.T) {
	k := newKit(t)
	ana := quoted(k.contact())
	waiting, cancelled := k.create(paymentLink, "contactId", ana, "sendReminders", "true"), k.create(paymentLink, "contactId", ana, "sendReminders", "true")
	if got := k.post(shopKey, m("/orders/"+cancelled.ID+"/cancel"), ""); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	k.clock.Move(29 * 24 * time.Hour)
	due, err := k.engine.DueReminders(context.Background(), engine.Sandbox, 10)
	k.must(err)
	if len(due) != 1 || due[0].ID != k.record(waiting.ID).ID {
		t.Fatalf("due: %+v", due)
	}
	if told, err := k.engine.Remind(context.Background(), due[0]); err != nil || !told {
		t.Errorf("%t %v", told, err)
	}
}

func TestSelfOrders(t *testing.T) {
	k := newKit(t)
	k.rates()
	k.fund("shop", "10000", "MXN")
	ana := quoted(k.contact())
	k.refused("with a contact", k.post(shopKey, m("/orders"), k.good(payOut, "isMerchantSelfOrder", "true", "contactId", ana)), 400, validationError, "contactId")
	k.refused("a transfer is one by itself", k.post(shopKey, m("/orders"), k.good(balanceTransfer, "contactId", ana)), 400, validationError, "contactId")
	k.refused("no flag", k.post(shopKey, m("/orders"), k.good(payOut, "isMerchantSelfOrder", `"yes"`)), 400, validationError, "isMerchantSelfOrder")
	if made := k.create(balanceTransfer); !made.IsMerchantSelfOrder {
		t.Errorf("%+v", made)
	}
	if made := k.create(balanceTransfer, "isMerchantSelfOrder", "false", "contactId", ana); made.IsMerchantSelfOrder {
		t.Errorf("%+v", made)
	}
	if made := k.create(payOut, "contactId", ana); made.IsMerchantSelfOrder {
		t.Errorf("%+v", made)
	}
}

func TestEnforcedDocument(t *testing.T) {
	refuseAll(t, []broken{
		{"no document", payIn, []string{"enforcedDocument", `"12"`}, "DC00010", "enforcedDocument"},
		{"of a PAYOUT", payOut, []string{"enforcedDocument", `"GODE561231GR8"`}, validationError, "enforcedDocument"},
		{"of an OFFRAMP", offRamp, []string{"enforcedDocument", `"GODE561231GR8"`}, validationError, "enforcedDocument"},
	})
	k := newKit(t)
	// Whose document is another does not complete the order; who has it does.
	for document, want := range map[string]string{"GODE561231GR8": statusCompleted, "XAXX010101000": statusPending} {
		made := k.create(paymentLink, "enforcedDocument", `"gode561231gr8"`, "paymentMethods", `[{"method":"CARD"}]`)
		if *made.EnforcedDocument != "gode561231gr8" {
			t.Errorf("%+v", made)
		}
		if _, err := k.engine.Choose(context.Background(), k.record(made.ID).ID, engine.Pick{Method: "CARD"}); err != nil {
			t.Fatal(err)
		}
		k.payAs(made.ID, "paid "+document, document)
		if got := k.order(made.ID).Status; got != want {
			t.Errorf("paid by %s: %s, want %s", document, got, want)
		}
	}
}

func TestURLs(t *testing.T) {
	refuseAll(t, []broken{
		{"no scheme", paymentLink, []string{"successUrl", `"shop.example/ok"`}, "VALIDATION_ERROR", "successUrl"},
		{"a script", paymentLink, []string{"failedUrl", `"javascript:alert(1)"`}, "VALIDATION_ERROR", "failedUrl"},
		{"a number", paymentLink, []string{"failedUrl", `1`}, "VALIDATION_ERROR", "failedUrl"},
		{"a long description", paymentLink, []string{"description", quoted(strings.Repeat("x", 1001))}, validationError, "description"},
		{"a description with a bell", paymentLink, []string{"description", `"\u0007"`}, validationError, "description"},
	})
	k := newKit(t)
	k.create(paymentLink, "successUrl", `"https://shop.example/ok?a=1#b"`, "failedUrl", `"http://localhost:3000/no"`, "description", `"Two chairs"`)
}

// What is not enough in the balance is refused whole: nothing is stored, nothing is reserved.
func TestInsufficientBalance(t *testing.T) {
	k := newKit(t)
	k.rates()
	k.fund("shop", "999.99", "MXN")
	for _, kind := range []string{payOut, onRamp, balanceTransfer, interMerchant} {
		got := k.post(shopKey, m("/orders"), k.good(kind, "externalId", `"x"`))
		refused := k.refused(kind, got, 400, "INSUFFICIENT_BALANCE", "")
		if fmt.Sprintf("%v %v %v", refused.Details["available"], refused.Details["required"], refused.Details["currency"]) != "999.99 1000 MXN" {
			t.Errorf("%s: %s", kind, got.body)
		}
	}
	if list := parse[ordersBody](k, k.get(shopKey, m("/orders"))); list.Pagination.TotalCount != 0 || k.balance("shop", "MXN") != "999.99" {
		t.Errorf("%d orders, %s", list.Pagination.TotalCount, k.balance("shop", "MXN"))
	}
	k.fund("shop", "0.01", "MXN")
	k.create(payOut, "externalId", `"x"`) // the refused ones did not use up the id
}

// 64 at once over a balance that covers ten give exactly ten.
func TestPayoutsAtOnce(t *testing.T) {
	k := newKit(t)
	k.fund("shop", "10000", "MXN")
	request := k.good(payOut)
	k.token(shopKey)
	var mu sync.Mutex
	statuses := map[int]int{}
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			got := k.post(shopKey, m("/orders"), request)
			mu.Lock()
			statuses[got.status]++
			mu.Unlock()
		})
	}
	group.Wait()
	if statuses[201] != 10 || statuses[400] != 54 || k.balance("shop", "MXN") != "0.00" {
		t.Errorf("%v, %s left", statuses, k.balance("shop", "MXN"))
	}
}

// What each type does with money, from its creation to its end.
func TestLives(t *testing.T) {
	t.Run("PAYIN", func(t *testing.T) {
		k := newKit(t)
		made := k.create(payIn)
		k.pay(made.ID, "p1", order.RankSeen, amount("1000", "MXN"))
		if got := k.order(made.ID); got.Status != statusProcessing || k.balance("shop", "MXN") != "0.00" {
			t.Errorf("seen: %+v", got)
		}
		k.pay(made.ID, "p1", order.RankConfirmed, amount("1000", "MXN"))
		if got := k.order(made.ID); got.Status != statusCompleted || got.CompletedAt == "" || got.ProvidedActionType != actionNone || k.balance("shop", "MXN") != "1000.00" {
			t.Errorf("confirmed: %+v, %s", got, k.balance("shop", "MXN"))
		}
		lost := k.create(payIn)
		k.expire(pretend(), 31*time.Minute)
		if got := k.order(lost.ID); got.Status != statusExpired {
			t.Errorf("after the method's window: %+v", got)
		}
	})
	t.Run("PAYIN to a bank", func(t *testing.T) {
		k := newKit(t)
		made := k.create(payIn, "destinationAccountId", quoted(k.bank()))
		k.pay(made.ID, "p1", order.RankConfirmed, amount("1000", "MXN"))
		if got := k.order(made.ID); got.Status != statusPaid {
			t.Errorf("paid: %+v", got)
		}
		k.deliver(made.ID, order.Delivered)
		if got := k.order(made.ID); got.Status != statusCompleted || k.balance("shop", "MXN") != "0.00" {
			t.Errorf("delivered: %+v", got)
		}
		lost := k.create(payIn, "destinationAccountId", quoted(k.bank()))
		k.pay(lost.ID, "p2", order.RankConfirmed, amount("1000", "MXN"))
		for range bankSends {
			k.clock.Move(time.Hour)
			k.deliver(lost.ID, order.Undelivered)
		}
		// Collected and not deliverable: the money is in the balance, and the merchant is told why.
		if got := k.order(lost.ID); got.Status != statusFailed || got.StatusReason != string(order.ReasonDeliveries) || k.balance("shop", "MXN") != "1000.00" {
			t.Errorf("not deliverable: %+v, %s", got, k.balance("shop", "MXN"))
		}
	})
	t.Run("PAYOUT", func(t *testing.T) {
		k := newKit(t)
		k.fund("shop", "5000", "MXN")
		made := k.create(payOut)
		if made.Status != statusPending || k.balance("shop", "MXN") != "4000.00" {
			t.Errorf("%+v, %s", made, k.balance("shop", "MXN"))
		}
		k.deliver(made.ID, order.Delivered)
		if got := k.order(made.ID); got.Status != statusCompleted {
			t.Errorf("%+v", got)
		}
		k.outcome(k.record(made.ID), k.record(made.ID).Transfers[0].ID, order.ReturnedBack)
		if got := k.order(made.ID); got.Status != statusRefunded || k.balance("shop", "MXN") != "5000.00" {
			t.Errorf("returned by the bank: %+v, %s", got, k.balance("shop", "MXN"))
		}
		lost := k.create(payOut)
		k.deliver(lost.ID, order.Undelivered)
		if got := k.order(lost.ID); got.Status != statusFailed || k.balance("shop", "MXN") != "5000.00" {
			t.Errorf("failed: %+v, %s", got, k.balance("shop", "MXN"))
		}
	})
	t.Run("ONRAMP", func(t *testing.T) {
		k := newKit(t)
		k.rates()
		k.fund("shop", "1000", "MXN")
		made := k.create(onRamp)
		if made.Status != statusProcessing || made.Network != "ETHEREUM" || made.AmountOut != "50" || k.balance("shop", "MXN") != "0.00" {
			t.Errorf("%+v", made)
		}
		k.deliver(made.ID, order.Delivered)
		if got := k.order(made.ID); got.Status != statusCompleted {
			t.Errorf("%+v", got)
		}
	})
	t.Run("OFFRAMP", func(t *testing.T) {
		k := newKit(t)
		k.rates()
		k.refused("no address of the house", k.post(shopKey, m("/orders"), k.good(offRamp)), 503, "NO_AVAILABLE_ADDRESSES", "")
		k.housePool(2)
		made := k.create(offRamp)
		if made.Status != statusPending || made.AmountOut != "200" || made.ProvidedActionType != actionAddress || !strings.HasPrefix(*made.ProvidedAction, "0x") {
			t.Errorf("%+v", made)
		}
		k.pay(made.ID, "0x1:0", order.RankConfirmed, money.FromInt(sepoliaUSDC, 10_000_000))
		if got := k.order(made.ID); got.Status != statusCompleted || k.balance("shop", "MXN") != "200.00" {
			t.Errorf("%+v, %s", got, k.balance("shop", "MXN"))
		}
		late := k.create(offRamp)
		k.expire(sepolia, 61*time.Minute)
		if got := k.order(late.ID); got.Status != statusExpired {
			t.Errorf("after the rate's hold: %+v", got)
		}
	})
	t.Run("BALANCE_TRANSFER", func(t *testing.T) {
		k := newKit(t)
		k.rates()
		k.fund("shop", "1000", "MXN")
		if made := k.create(balanceTransfer); made.Status != statusCompleted || k.balance("shop", "MXN") != "0.00" || k.balance("shop", "USD") != "50.00" {
			t.Errorf("%+v, %s and %s", made, k.balance("shop", "MXN"), k.balance("shop", "USD"))
		}
	})
	t.Run("PAYMENT_LINK", func(t *testing.T) {
		k := newKit(t)
		made := k.create(paymentLink)
		if _, err := k.engine.Choose(context.Background(), k.record(made.ID).ID, engine.Pick{Method: "QR"}); err != nil {
			t.Fatal(err)
		}
		if got := k.order(made.ID); got.ProvidedActionType != actionQR {
			t.Errorf("chosen: %+v", got)
		}
		k.pay(made.ID, "p1", order.RankConfirmed, amount("1000", "MXN"))
		if got := k.order(made.ID); got.Status != statusCompleted || k.balance("shop", "MXN") != "1000.00" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("INTER_MERCHANT_TRANSFER", func(t *testing.T) {
		k := newKit(t)
		k.fund("shop", "1500", "MXN")
		made := k.create(interMerchant)
		if made.Status != statusCompleted || *made.DestinationMerchant != "branch" || k.balance("shop", "MXN") != "500.00" || k.balance("branch", "MXN") != "1000.00" {
			t.Errorf("%+v, %s and %s", made, k.balance("shop", "MXN"), k.balance("branch", "MXN"))
		}
		for name, test := range map[string]struct{ said, code string }{
			"nobody": {"", validationError}, "himself": {`"shop"`, validationError}, "of another organisation": {`"other"`, "MC00015"}, "no merchant": {`"none"`, "MC00015"},
			"an organisation": {`"org:acme"`, "MC00015"},
		} {
			k.refused(name, k.post(shopKey, m("/orders"), k.good(interMerchant, "amountIn", "1", "destinationMerchantId", test.said)), 400, test.code, "destinationMerchantId")
		}
		k.refused("of another type", k.post(shopKey, m("/orders"), k.good(payOut, "amountIn", "1", "destinationMerchantId", `"branch"`)), 400, validationError, "destinationMerchantId")
	})
}

func TestCancel(t *testing.T) {
	k := newKit(t)
	k.rates()
	k.housePool(1)
	k.fund("shop", "2000", "MXN")
	for _, kind := range []string{payIn, payOut, onRamp, offRamp, paymentLink} {
		made := k.create(kind)
		got := k.post(shopKey, m("/orders/"+made.ID+"/cancel"), "")
		if got.status != 200 || parse[orderBody](k, got).Status != statusCancelled {
			t.Errorf("%s: %d %s", kind, got.status, got.body)
		}
		k.refused(kind+" again", k.post(shopKey, m("/orders/"+made.ID+"/cancel"), ""), 409, "ORDER_STATE_CONFLICT", "")
	}
	if got := k.balance("shop", "MXN"); got != "2000.00" {
		t.Errorf("cancelled orders kept money: %s", got)
	}
	seen := k.create(payIn)
	k.pay(seen.ID, "p1", order.RankSeen, amount("1000", "MXN"))
	k.refused("money is on its way", k.post(shopKey, m("/orders/"+seen.ID+"/cancel"), ""), 409, "ORDER_STATE_CONFLICT", "")
	sent := k.create(payOut)
	if _, err := k.engine.Reserve(context.Background(), k.record(sent.ID).ID); err != nil {
		t.Fatal(err)
	}
	k.refused("it is being sent", k.post(shopKey, m("/orders/"+sent.ID+"/cancel"), ""), 409, "ORDER_STATE_CONFLICT", "")
	k.refused("none", k.post(shopKey, m("/orders/ord_none/cancel"), ""), 404, "NOT_FOUND", "")
	k.refused("another's", k.post(branchKey, strings.Replace(m("/orders/"+sent.ID+"/cancel"), "shop", "branch", 1), ""), 404, "NOT_FOUND", "")
	k.refused("by a reader", k.post(readerKey, m("/orders/"+sent.ID+"/cancel"), ""), 403, "FORBIDDEN", "")
}

func TestRefund(t *testing.T) {
	k := newKit(t)
	made := k.create(payIn)
	path := m("/orders/" + made.ID + "/refund")
	k.refused("before it ended", k.post(shopKey, path, `{}`), 409, "ORDER_STATE_CONFLICT", "")
	k.pay(made.ID, "p1", order.RankConfirmed, amount("1000", "MXN"))
	for name, test := range map[string]struct{ body, code string }{
		"too much": {`{"amount":1000.01}`, "INVALID_AMOUNT"}, "nothing": {`{"amount":0}`, "INVALID_AMOUNT"}, "a text": {`{"amount":"1"}`, validationError}, "three decimals": {`{"amount":0.001}`, "INVALID_AMOUNT"},
	} {
		k.refused(name, k.post(shopKey, path, test.body), 400, test.code, "amount")
	}
	if got := parse[orderBody](k, k.post(shopKey, path, `{"amount":400,"reason":"one chair is broken"}`)); got.Status != statusRefunding || k.balance("shop", "MXN") != "600.00" {
		t.Errorf("a part: %+v", got)
	}
	found := k.record(made.ID)
	shown := k.order(made.ID).Refunds
	if len(shown) != 1 || shown[0].Reason != "one chair is broken" || shown[0].Status != statusRefunding || shown[0].Amount != "400" || shown[0].Currency != "MXN" {
		t.Errorf("the refund is shown as %+v", shown)
	}
	k.outcome(found, found.Transfers[0].ID, order.Delivered)
	if got := k.order(made.ID).Status; got != statusCompleted {
		t.Errorf("after a part: %s", got)
	}
	if got := parse[orderBody](k, k.post(shopKey, path, "")); got.Status != statusRefunding || k.balance("shop", "MXN") != "0.00" {
		t.Errorf("the rest: %+v", got)
	}
	k.refused("nothing is left", k.post(shopKey, path, ""), 409, "ORDER_STATE_CONFLICT", "")
	k.outcome(found, k.record(made.ID).Transfers[1].ID, order.Delivered)
	if got := k.order(made.ID); got.Status != statusRefunded || len(got.Refunds) != 2 || got.Refunds[1].Status != statusRefunded || got.Refunds[1].Reason != "" {
		t.Errorf("gone back: %+v", got)
	}
	k.fund("shop", "10", "MXN")
	own := k.create(payOut, "amountIn", "10")
	k.deliver(own.ID, order.Delivered)
	k.refused("a PAYOUT was paid by nobody", k.post(shopKey, m("/orders/"+own.ID+"/refund"), `{}`), 409, "ORDER_STATE_CONFLICT", "")
}

func TestWithdrawals(t *testing.T) {
	k := newKit(t)
	k.fund("shop", "500", "MXN")
	bank := k.bank()
	ana := k.contact()
	theirs := k.make(shopKey, m("/contacts/"+ana+"/accounts"), `{"kind":"BANK","accountNumber":"`+clabe+`","countrySymbol":"MX","currencySymbol":"MXN"}`)
	ask := func(more ...string) reply {
		return k.post(shopKey, m("/withdrawals"), body(append([]string{"destinationAccountId", quoted(bank), "currencySymbol", `"MXN"`, "amount", "200"}, more...)...))
	}
	got := ask("externalId", `"w1"`)
	made := parse[orderBody](k, got)
	if got.status != 201 || made.Type != payOut || !made.IsMerchantSelfOrder || made.AmountOut != "200" || k.balance("shop", "MXN") != "300.00" {
		t.Errorf("%d %s", got.status, got.body)
	}
	k.refused("again", ask("externalId", `"w1"`), 409, "ALREADY_EXISTS", "externalId")
	k.refused("a contact's account", ask("destinationAccountId", quoted(theirs)), 400, validationError, "destinationAccountId")
	k.refused("a balance", ask("destinationAccountId", quoted(virtualAccountID(scopeOf("shop"), fiatOf("MXN")))), 400, validationError, "destinationAccountId")
	k.refused("no amount", ask("amount", ""), 400, validationError, "amount")
	k.refused("no currency", ask("currencySymbol", ""), 400, validationError, "currencySymbol")
	k.refused("another currency", ask("currencySymbol", `"USD"`), 400, "BAA00008", "destinationAccountId")
	k.refused("too much", ask("amount", "300.01"), 400, "INSUFFICIENT_BALANCE", "")
}

func TestGetOrder(t *testing.T) {
	k := newKit(t)
	made := k.create(paymentLink)
	if got := k.order(made.ID); fmt.Sprint(got) != fmt.Sprint(got) || got.ID != made.ID {
		t.Errorf("%+v", got)
	}
	k.refused("another merchant's", k.get(branchKey, strings.Replace(m("/orders/"+made.ID), "shop", "branch", 1)), 404, "NOT_FOUND", "")
	k.refused("by the organisation, under another merchant", k.get(acmeKey, strings.Replace(m("/orders/"+made.ID), "shop", "branch", 1)), 404, "NOT_FOUND", "")
	if got := k.get(acmeKey, m("/orders/"+made.ID)); got.status != 200 {
		t.Errorf("by the organisation: %d %s", got.status, got.body)
	}
	k.refused("in the other mode", k.get(liveKey, m("/orders/"+made.ID)), 404, "NOT_FOUND", "")
	for _, id := range []string{"ord_none", "x", made.ID + "x", strings.ToUpper(made.ID)} {
		k.refused(id, k.get(shopKey, m("/orders/"+id)), 404, "NOT_FOUND", "")
	}
	// A live order never takes a simulated method.
	k.refused("live", k.post(liveKey, m("/orders"), k.good(payIn)), 400, validationError, "paymentMethods")
	k.refused("a live link without any method", k.post(liveKey, m("/orders"), k.good(paymentLink)), 503, "NOT_CONFIGURED", "paymentMethods")
}

func TestListOrders(t *testing.T) {
	k := newKit(t)
	k.rates()
	k.fund("shop", "100000", "MXN")
	var ids []string
	for i, kind := range []string{payIn, payOut, onRamp, balanceTransfer, paymentLink, interMerchant, paymentLink, payOut} {
		ids = append(ids, k.create(kind, "amountIn", fmt.Sprint(1000+i)).ID)
		k.clock.Move(time.Minute)
	}
	pick := func(numbers ...int) (list []string) {
		for _, n := range numbers {
			list = append(list, ids[n])
		}
		return list
	}
	k.post(shopKey, m("/orders/"+ids[6]+"/cancel"), "")
	mxn, usd := virtualAccountID(scopeOf("shop"), fiatOf("MXN")), virtualAccountID(scopeOf("shop"), fiatOf("USD"))
	bank := *k.order(ids[1]).DestinationAccount
	for query, want := range map[string][]string{
		"":                                   pick(7, 6, 5, 4, 3, 2, 1, 0),
		"sort=createdAt:asc":                 pick(0, 1, 2, 3, 4, 5, 6, 7),
		"sort=amountIn":                      pick(7, 6, 5, 4, 3, 2, 1, 0),
		"sort=amountIn:asc":                  pick(0, 1, 2, 3, 4, 5, 6, 7),
		"sort=updatedAt:desc":                pick(6, 7, 5, 4, 3, 2, 1, 0),
		"status=PENDING":                     pick(7, 4, 1, 0),
		"status=PROCESSING":                  pick(2),
		"status=COMPLETED":                   pick(5, 3),
		"status=CANCELLED":                   pick(6),
		"status=REFUNDED":                    nil,
		"status=ON_HOLD":                     nil,
		"type=PAYOUT":                        pick(7, 1),
		"type=PAYOUT&status=PENDING":         pick(7, 1),
		"type=PAYMENT_LINK&status=PENDING":   pick(4),
		"type=INTER_MERCHANT_TRANSFER":       pick(5),
		"startDate=2026-03-02T10:33:00.000Z": pick(7, 6, 5, 4, 3),
		"endDate=2026-03-02T10:33:00.000Z":   pick(3, 2, 1, 0),
		"endDate=2026-03-02":                 pick(7, 6, 5, 4, 3, 2, 1, 0),
		"startDate=2026-03-03":               nil,
		"status=COMPLETED&startDate=2026-03-02T10:34:00Z": pick(5),
		"currencyId=USD":                    pick(3),
		"currencyId=" + *idOf("cur", "USD"): pick(3),
		"currencyId=USDC":                   pick(2),
		"currencyId=EUR":                    nil,
		"originAccountId=" + mxn:            pick(7, 5, 3, 2, 1),
		"destinationAccountId=" + mxn:       pick(6, 4, 0),
		"destinationAccountId=" + usd:       pick(3),
		"accountId=" + mxn:                  pick(7, 6, 5, 4, 3, 2, 1, 0),
		"destinationAccountId=" + bank:      pick(1),
		"originAccountId=" + mxn + "&destinationAccountId=" + bank: pick(1),
		"pageSize=3":              pick(7, 6, 5),
		"pageSize=3&pageNumber=2": pick(4, 3, 2),
		"pageSize=3&pageNumber=4": nil,
		"status=&type=&sort=":     pick(7, 6, 5, 4, 3, 2, 1, 0),
	} {
		got := k.get(shopKey, m("/orders?"+query))
		page := parse[ordersBody](k, got)
		var found []string
		for _, o := range page.Orders {
			found = append(found, o.ID)
		}
		if got.status != 200 || fmt.Sprint(found) != fmt.Sprint(want) {
			t.Errorf("%s: %d\n got %v\nwant %v", query, got.status, found, want)
		}
		if !strings.Contains(query, "page") && page.Pagination.TotalCount != int64(len(want)) {
			t.Errorf("%s: %d of them", query, page.Pagination.TotalCount)
		}
	}
	for query, field := range map[string]string{
		"status=completed": "status", "status=DRAFT": "status", "type=GIFT": "type", "startDate=soon": "startDate", "endDate=1": "endDate", "pageSize=0": "pageSize",
		"pageSize=101": "pageSize", "pageNumber=0": "pageNumber", "sort=id": "sort", "sort=createdAt:up": "sort", "status=PENDING&status=PAID": "status",
		"accountId=" + mxn + "&originAccountId=" + mxn: "accountId",
	} {
		k.refused(query, k.get(shopKey, m("/orders?"+query)), 400, validationError, field)
	}
	if page := parse[ordersBody](k, k.get(branchKey, strings.Replace(m("/orders"), "shop", "branch", 1))); page.Pagination.TotalCount != 0 || page.Orders == nil {
		t.Errorf("another merchant's list: %+v", page)
	}
}

// A quote that was forgotten between the look at it and its use is told as one that is not there.
func TestForgottenQuoteIsToldOnItsField(t *testing.T) {
	for code, wanted := range map[fault.Code]fault.Code{fault.CodeNotFound: fault.CodeInvalidValue, fault.CodeQuoteExpired: fault.CodeQuoteExpired} {
		f, ok := fault.As(explain(fault.New(code, "no").On("quote"), asked{}))
		if !ok || f.Code != wanted || f.Param != "quoteId" {
			t.Errorf("%s: %+v", code, f)
		}
	}
}

// A refund that is asked for again by the same Idempotency-Key moves nothing: its client may have missed the answer. // case 34
func TestRefundOnce(t *testing.T) {
	k := newKit(t)
	made := k.create(payIn)
	k.pay(made.ID, "p1", order.RankConfirmed, amount("1000", "MXN"))
	ask := func(body string, keys ...string) reply {
		return k.do(request{method: "POST", path: m("/orders/" + made.ID + "/refund"), key: shopKey, body: body, header: http.Header{"Idempotency-Key": keys}})
	}
	for range 3 {
		if got := ask(`{"amount":400}`, "k1"); got.status != http.StatusOK || k.balance("shop", "MXN") != "600.00" {
			t.Errorf("%d %s, left %s", got.status, got.body, k.balance("shop", "MXN"))
		}
	}
	k.refused("another amount", ask(`{"amount":300}`, "k1"), 409, "IDEMPOTENCY_CONFLICT", "")
	k.refused("two keys", ask(`{"amount":300}`, "k1", "k2"), 400, validationError, "Idempotency-Key")
	for range 2 { // all that is left, by a repeat too
		if got := ask("", "k2"); got.status != http.StatusOK || k.balance("shop", "MXN") != "0.00" {
			t.Errorf("%d %s, left %s", got.status, got.body, k.balance("shop", "MXN"))
		}
	}
	if got := len(k.record(made.ID).Transfers); got != 2 {
		t.Errorf("%d refunds", got)
	}
}

// Of two wrong fields always the same one is named.
func TestTheFirstWrongFieldIsNamed(t *testing.T) {
	k := newKit(t)
	for range 20 {
		k.refused("with a quote", k.post(shopKey, m("/orders"), `{"type":"ONRAMP","quoteId":"q","amountOut":1,"amountIn":1,"destinationCurrencySymbol":"USDC","originCurrencySymbol":"MXN"}`),
			400, validationError, "originCurrencySymbol")
		k.refused("a rule", k.post(acmeKey, o("/policy/rules"), `{"action":"DENY","currencySymbol":"MXN","amountTo":"x","amountFrom":"y"}`), 400, validationError, "amountFrom")
		k.refused("virtual accounts", k.get(shopKey, m("/bankIncome/accounts")), 400, validationError, "country")
	}
}

// A token's code may have small letters.
func TestTokenWithSmallLetters(t *testing.T) {
	k := newKit(t)
	staked := money.MustAsset("stUSD", "polygon-amoy", 6)
	net := amoy
	net.Tokens = append(net.Tokens, engine.Token{Asset: staked, Contract: "0x0000000000000000000000000000000000000001"})
	k.engine = engine.New(k.store, []engine.Network{pretend(), sepolia, net}, nil).WithRandom(new(dialecttest.Counter)).WithMethods(testMethods())
	terms := engine.DefaultExchange()
	terms.Now = k.clock.Now
	var err error
	k.engine, err = k.engine.WithExchange(terms)
	k.must(err)
	k.engine.SetPayees(payees{})
	k.dialect = New(k.config(k.dialect.log))
	k.handler = k.dialect.Handler()
	k.housePool(3)
	one := quote.Rate{Base: "stUSD", Quote: "MXN", Value: quote.MustDecimal("20"), At: k.clock.Now(), Source: "fixed", MaxAge: quote.Forever}
	doubted, err := k.engine.TellRates(context.Background(), []string{"fixed"}, []engine.RatesTold{{Source: "fixed", All: true, Rates: []quote.Rate{one}}})
	k.must(doubted)
	k.must(err)
	for _, code := range []string{"stUSD", "STUSD", "stusd"} {
		sold := k.create(offRamp, "originCurrencySymbol", quoted(code), "network", `"POLYGON"`, "destinationCurrencySymbol", `"mxn"`)
		if sold.OriginCurrency != "stUSD" || sold.AmountOut != "200" || sold.DestinationCurrency != "MXN" {
			t.Errorf("%s: %+v", code, sold)
		}
		k.make(shopKey, m("/quotes"), body("orderType", `"OFFRAMP"`, "originCurrencySymbol", quoted(code), "network", `"POLYGON"`, "destinationCurrencySymbol", `"MXN"`, "amountIn", "10", "executable", "true"))
		k.make(shopKey, m("/accounts"), `{"kind":"CRYPTO","name":"`+code+`","address":"`+wallet+`","network":"POLYGON","currencySymbol":"`+code+`"}`)
		if list := parse[ordersBody](k, k.get(shopKey, m("/orders?currencyId="+code))); list.Pagination.TotalCount == 0 {
			t.Errorf("no orders in %s", code)
		}
		if got := k.get(shopKey, m("/accounts?currency="+code)); !strings.Contains(got.body, `"currencyCode":"stUSD"`) {
			t.Errorf("accounts in %s: %s", code, got.body)
		}
	}
}

// A merchant may want that each PAYIN says who pays it, as the live API does.
func TestPayInNeedsAContactWhereTheMerchantWantsIt(t *testing.T) {
	k := newKit(t)
	k.create(payIn)
	k.must(k.engine.SaveSetting(context.Background(), engine.SettingScope{Merchant: "shop", Mode: engine.Sandbox}, engine.CustomerRequired, json.RawMessage("true")))
	k.refused("without", k.post(shopKey, m("/orders"), k.good(payIn)), 400, numberContact, "contactId")
	k.create(payIn, "contactId", quoted(k.contact()))
	k.create(payIn, "isMerchantSelfOrder", "true")
	k.create(paymentLink)
}
