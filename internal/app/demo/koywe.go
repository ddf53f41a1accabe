package demo

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"till/internal/app/dev"
	"till/internal/operator/client"
)

// KoyweResult is what the demo of the Koywe API verified: how many orders of each type ended in which way. It is
// the last line it prints.
type KoyweResult struct {
	Completed        perType `json:"completed"`
	Failed           perType `json:"failed"`
	Expired          perType `json:"expired"`
	Cancelled        perType `json:"cancelled"`
	WebhooksVerified int     `json:"webhooks_verified"`
	LedgerBalanced   bool    `json:"ledger_balanced"` // each balance is what its statement and the ledger's books say
}

// perType counts orders by their type.
type perType struct {
	PayIn           int `json:"PAYIN,omitempty"`
	PayOut          int `json:"PAYOUT,omitempty"`
	OnRamp          int `json:"ONRAMP,omitempty"`
	OffRamp         int `json:"OFFRAMP,omitempty"`
	BalanceTransfer int `json:"BALANCE_TRANSFER,omitempty"`
	PaymentLink     int `json:"PAYMENT_LINK,omitempty"`
	InterMerchant   int `json:"INTER_MERCHANT_TRANSFER,omitempty"`
}

func (p *perType) count(kind string) {
	switch kind {
	case "PAYIN":
		p.PayIn++
	case "PAYOUT":
		p.PayOut++
	case "ONRAMP":
		p.OnRamp++
	case "OFFRAMP":
		p.OffRamp++
	case "BALANCE_TRANSFER":
		p.BalanceTransfer++
	case "PAYMENT_LINK":
		p.PaymentLink++
	case "INTER_MERCHANT_TRANSFER":
		p.InterMerchant++
	}
}

// koywe is one run of the demo of the Koywe API.
type koywe struct {
	*demo
	store   *storefront
	browser browser // a payer's
	token   string  // of the merchant's sign-in

	contact string            // who is paid and pays
	bank    string            // the contact's account at a bank, in COP
	refuses string            // another one, which refuses everything
	wallet  common.Address    // the contact's, on the chain
	account string            // ... as the API knows it
	ended   map[string]string // by order: the event that must have told its end
	result  KoyweResult
}

// Koywe plays a merchant who takes money in, exchanges it, pays it out, and turns it into crypto and back; its payers
// and payees are people, a chain, and the sandbox's banks. It returns the closing line, or an error at the first step that is not
// as it must be.
func Koywe(ctx context.Context, info dev.Info, out io.Writer) (line string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d, err := start(ctx, info, out)
	if err != nil {
		return "", err
	}
	defer d.payer.close()
	store, err := openStorefront()
	if err != nil {
		return "", err
	}
	defer store.close()
	run := &koywe{demo: d, store: store, browser: browser{http.DefaultClient}, ended: map[string]string{}}
	for _, step := range []func(context.Context) error{
		run.open, run.payIns, run.links, run.exchange, run.between, run.payOuts, run.onRamps, run.offRamps, run.approvals,
		run.expiring, run.settled,
	} {
		if err := step(ctx); err != nil {
			return "", err
		}
	}
	return closing(run.result), nil
}

// koyweOrder is an order as the API shows it.
type koyweOrder struct {
	ID                 string      `json:"id"`
	Type               string      `json:"type"`
	Status             string      `json:"status"`
	Origin             string      `json:"originCurrencySymbol"`
	Destination        string      `json:"destinationCurrencySymbol"`
	AmountIn           json.Number `json:"amountIn"`
	AmountOut          json.Number `json:"amountOut"`
	ProvidedAction     string      `json:"providedAction"`
	ProvidedActionType string      `json:"providedActionType"`
	FailureReason      string      `json:"failureReason"`
}

// fields is the body of a request.
type fields map[string]any

func (f fields) with(name string, value any) fields {
	g := fields{name: value}
	for k, v := range f {
		g[k] = v
	}
	return g
}

// open signs in and registers who is paid: a contact with two bank accounts and a wallet.
func (d *koywe) open(ctx context.Context) error {
	d.title("A merchant signs in, and knows a supplier")
	var err error
	if d.token, err = d.signIn(ctx, d.info.Koywe.APIKey, d.info.Koywe.Secret); err != nil {
		return err
	}
	key, err := crypto.GenerateKey()
	if err != nil {
		return err
	}
	d.wallet = crypto.PubkeyToAddress(key.PublicKey)
	if d.contact, err = d.register(ctx, "/contacts", fields{
		"firstName": "Ana", "lastName": "Gómez", "email": "ana@example.com", "phone": "+573001234567", "countrySymbol": "CO", "businessType": "PERSON", "type": "PERSON",
		"documentType": "CED_CIU", "documentNumber": "1032456789",
	}); err != nil {
		return err
	}
	bank := fields{
		"kind": "BANK", "name": "Ana", "accountNumber": "12345678901", "countrySymbol": "CO", "currencySymbol": "COP", "entity": "1007", "type": "SAVINGS",
	}
	if d.bank, err = d.register(ctx, "/accounts", bank); err != nil {
		return err
	}
	wallet := fields{"kind": "CRYPTO", "name": "Ana's wallet", "address": d.wallet.Hex(), "network": "ETHEREUM", "currencySymbol": "USDC"}
	if d.account, err = d.register(ctx, "/accounts", wallet); err != nil {
		return err
	}
	d.say("contact %s has a bank account and the wallet %s", d.contact, d.wallet.Hex())
	return nil
}

// payIns are one whose payer succeeds, one whose payer fails, one that pays itself, and one that is called off.
func (d *koywe) payIns(ctx context.Context) error {
	d.title("1. Money comes in (PAYIN)")
	asked := fields{
		"type": "PAYIN", "originCurrencySymbol": "COP", "destinationCurrencySymbol": "COP", "amountIn": json.Number("50000.50"), "contactId": d.contact,
		"paymentMethods": []fields{{"method": "PSE", "extra": "BANCOLOMBIA"}},
	}
	for _, choice := range []struct{ pick, status string }{{"success", "COMPLETED"}, {"failure", "FAILED"}} {
		o, err := d.order(ctx, asked)
		if err != nil {
			return err
		}
		if err := d.pick(ctx, o, choice.pick); err != nil {
			return err
		}
		if err := d.ends(ctx, o, choice.status); err != nil {
			return err
		}
	}
	itself, err := d.order(ctx, fields{
		"type": "PAYIN", "originCurrencySymbol": "CLP", "destinationCurrencySymbol": "CLP", "amountIn": 25000,
		"paymentMethods": []fields{{"method": "KHIPU"}},
	})
	if err != nil {
		return err
	}
	if err := d.ends(ctx, itself, "COMPLETED"); err != nil {
		return err
	}
	return d.calledOff(ctx, asked)
}

// links are one that its payer opens, chooses a method of and pays, and one that is called off.
func (d *koywe) links(ctx context.Context) error {
	d.title("2. A link that anybody pays as they like (PAYMENT_LINK)")
	asked := fields{
		"type": "PAYMENT_LINK", "originCurrencySymbol": "COP", "destinationCurrencySymbol": "COP", "amountIn": 120000,
		"description": "A chair", "contactId": d.contact,
	}
	o, err := d.order(ctx, asked)
	if err != nil {
		return err
	}
	if err := d.choose(ctx, o, "NEQUI"); err != nil {
		return err
	}
	if err := d.pick(ctx, o, "success"); err != nil {
		return err
	}
	if err := d.ends(ctx, o, "COMPLETED"); err != nil {
		return err
	}
	return d.calledOff(ctx, asked)
}

// exchange moves money from one balance to another at a quoted rate.
func (d *koywe) exchange(ctx context.Context) error {
	d.title("3. From one balance to another, at a quoted rate (BALANCE_TRANSFER)")
	id, err := d.quote(ctx, "BALANCE_TRANSFER", "COP", "USD", "400000", "")
	if err != nil {
		return err
	}
	o, err := d.order(ctx, fields{"type": "BALANCE_TRANSFER", "quoteId": id})
	if err != nil {
		return err
	}
	return d.ends(ctx, o, "COMPLETED")
}

// between gives money to another merchant of the organisation.
func (d *koywe) between(ctx context.Context) error {
	d.title("4. From one merchant to another (INTER_MERCHANT_TRANSFER)")
	o, err := d.order(ctx, fields{
		"type": "INTER_MERCHANT_TRANSFER", "originCurrencySymbol": "USD", "destinationCurrencySymbol": "USD", "amountIn": json.Number("12.34"),
		"destinationMerchantId": d.info.Koywe.OtherMerchantID,
	})
	if err != nil {
		return err
	}
	return d.ends(ctx, o, "COMPLETED")
}

// payOuts are one that arrives and one that the bank refuses.
func (d *koywe) payOuts(ctx context.Context) error {
	d.title("5. Money goes out to a bank (PAYOUT)")
	for _, choice := range []struct{ amount, status string }{{"75000", "COMPLETED"}, {refusedAmount, "FAILED"}} {
		o, err := d.order(ctx, d.payOut(choice.amount))
		if err != nil {
			return err
		}
		if err := d.ends(ctx, o, choice.status); err != nil {
			return err
		}
	}
	return nil
}

// refusedAmount is one that the sandbox's bank refuses to be paid.
const refusedAmount = "4902"

func (d *koywe) payOut(amount string) fields {
	return fields{
		"type": "PAYOUT", "originCurrencySymbol": "COP", "destinationCurrencySymbol": "COP", "amountIn": json.Number(amount), "destinationAccountId": d.bank,
	}
}

// onRamps are one paid from the balance, whose tokens arrive on the chain, and one that a payer should have paid and is called
// off.
func (d *koywe) onRamps(ctx context.Context) error {
	d.title("6. Money becomes crypto in a wallet (ONRAMP)")
	id, err := d.quote(ctx, "ONRAMP", "COP", "USDC", "200000", "ETHEREUM")
	if err != nil {
		return err
	}
	o, err := d.order(ctx, fields{"type": "ONRAMP", "quoteId": id, "destinationAccountId": d.account})
	if err != nil {
		return err
	}
	if err := d.ends(ctx, o, "COMPLETED"); err != nil {
		return err
	}
	got, err := d.payer.held(ctx, "USDC", []string{d.wallet.Hex()})
	if err != nil {
		return err
	}
	want, err := atomic(o.AmountOut.String(), d.info.Chain.Tokens["USDC"].Decimals)
	if err != nil {
		return err
	}
	if got.Cmp(want) != 0 {
		return fmt.Errorf("the wallet holds %s units of USDC and not %s", got, want)
	}
	d.say("the wallet holds %s USDC on the chain", o.AmountOut)
	return d.calledOff(ctx, d.onRampByMethod())
}

// onRampByMethod is an ONRAMP that somebody pays at his bank, not the merchant from his balance.
func (d *koywe) onRampByMethod() fields {
	return fields{
		"type": "ONRAMP", "originCurrencySymbol": "COP", "destinationCurrencySymbol": "USDC", "amountIn": 80000, "destinationAccountId": d.account,
		"paymentMethods": []fields{{"method": "PSE", "extra": "BANCOLOMBIA"}},
	}
}

// offRamps are one that is paid on the chain and credited, one whose bank refuses the money, which then is in the balance, and one that is
// called off.
func (d *koywe) offRamps(ctx context.Context) error {
	d.title("7. Crypto becomes money (OFFRAMP)")
	id, err := d.quote(ctx, "OFFRAMP", "USDC", "COP", "25.5", "ETHEREUM")
	if err != nil {
		return err
	}
	credited, err := d.order(ctx, fields{"type": "OFFRAMP", "quoteId": id})
	if err != nil {
		return err
	}
	if err := d.payOnChain(ctx, credited); err != nil {
		return err
	}
	if err := d.ends(ctx, credited, "COMPLETED"); err != nil {
		return err
	}
	refused, err := d.order(ctx, fields{
		"type": "OFFRAMP", "originCurrencySymbol": "USDC", "destinationCurrencySymbol": "COP", "amountOut": json.Number(refusedAmount),
		"destinationAccountId": d.bank,
	})
	if err != nil {
		return err
	}
	if err := d.payOnChain(ctx, refused); err != nil {
		return err
	}
	if err := d.ends(ctx, refused, "FAILED"); err != nil {
		return err
	}
	return d.calledOff(ctx, d.offRamp())
}

func (d *koywe) offRamp() fields {
	return fields{"type": "OFFRAMP", "originCurrencySymbol": "USDC", "destinationCurrencySymbol": "COP", "amountIn": 10}
}

// payOnChain sends an OFFRAMP's crypto to its address.
func (d *koywe) payOnChain(ctx context.Context, o koyweOrder) error {
	_, err := d.pay(ctx, order{Address: o.ProvidedAction, Currency: o.Origin}, o.AmountIn.String())
	return err
}

// approvals are orders that a second person must allow: one is called off before anybody has looked, one is refused.
func (d *koywe) approvals(ctx context.Context) error {
	d.title("8. What a second person must approve")
	second, err := d.operator.AddKey(ctx, client.NewKey{Name: "second person", Organisation: d.info.Koywe.OrganizationID, Mode: "sandbox", Dialect: "koywe"})
	if err != nil {
		return err
	}
	approver, err := d.signIn(ctx, second.Key, second.Secret)
	if err != nil {
		return err
	}
	for _, kind := range []string{"PAYOUT", "ONRAMP"} {
		rule := fields{"orderType": kind, "currencySymbol": "COP", "amountFrom": 500000, "action": "REQUIRE_APPROVAL"}
		if err := d.ask(ctx, d.token, http.MethodPost, d.organization()+"/policy/rules", rule, nil); err != nil {
			return err
		}
	}
	held, err := d.order(ctx, d.payOut("600000"))
	if err != nil {
		return err
	}
	if err := d.reaches(ctx, held, "ON_HOLD"); err != nil {
		return err
	}
	if err := d.cancel(ctx, held); err != nil {
		return err
	}
	id, err := d.quote(ctx, "ONRAMP", "COP", "USDC", "700000", "ETHEREUM")
	if err != nil {
		return err
	}
	refused, err := d.order(ctx, fields{"type": "ONRAMP", "quoteId": id, "destinationAccountId": d.account})
	if err != nil {
		return err
	}
	if err := d.reaches(ctx, refused, "ON_HOLD"); err != nil {
		return err
	}
	var pending struct {
		Approvals []struct {
			ID      string `json:"id"`
			OrderID string `json:"orderId"`
		} `json:"approvals"`
	}
	if err := d.ask(ctx, approver, http.MethodGet, d.organization()+"/policy/approvals?status=PENDING", nil, &pending); err != nil {
		return err
	}
	for _, a := range pending.Approvals {
		if a.OrderID != refused.ID {
			continue
		}
		if err := d.ask(ctx, approver, http.MethodPost, d.organization()+"/policy/approvals/"+a.ID+"/reject", fields{"reason": "not agreed"}, nil); err != nil {
			return err
		}
		return d.ends(ctx, refused, "FAILED")
	}
	return fmt.Errorf("nobody is asked to approve order %s", refused.ID)
}

// expiring is one order of each type that waits for a payer, whom nobody hears of.
func (d *koywe) expiring(ctx context.Context) error {
	d.title("9. Orders that nobody pays")
	var waiting []koyweOrder
	for _, asked := range []fields{
		{
			"type": "PAYIN", "originCurrencySymbol": "BRL", "destinationCurrencySymbol": "BRL", "amountIn": json.Number("99.90"),
			"paymentMethods": []fields{{"method": "PIX_DYNAMIC"}},
		},
		d.onRampByMethod(), d.offRamp(),
		{
			"type": "PAYMENT_LINK", "originCurrencySymbol": "COP", "destinationCurrencySymbol": "COP", "amountIn": 45000,
			"dueDate": d.now().Add(24 * time.Hour).UTC().Format(time.RFC3339),
		},
	} {
		o, err := d.order(ctx, asked)
		if err != nil {
			return err
		}
		waiting = append(waiting, o)
	}
	if _, err := d.operator.AdvanceClock(ctx, "sandbox", int64(50*time.Hour/time.Second)); err != nil {
		return err
	}
	d.say("the sandbox's clock is moved by 50 hours")
	for _, o := range waiting {
		if err := d.ends(ctx, o, "EXPIRED"); err != nil {
			return err
		}
	}
	return nil
}

// settled holds each balance against its statement and the ledger, and checks every webhook that came.
func (d *koywe) settled(ctx context.Context) error {
	d.title("The books, and what the merchant was told")
	var balances []struct {
		ID       string `json:"id"`
		Currency string `json:"currency"`
		Balance  string `json:"balance"`
	}
	if err := d.ask(ctx, d.token, http.MethodGet, d.ours()+"/accounts/balances", nil, &balances); err != nil {
		return err
	}
	booked, err := d.booked(ctx)
	if err != nil {
		return err
	}
	for _, b := range balances {
		if err := d.statement(ctx, b.ID, b.Currency, b.Balance); err != nil {
			return err
		}
		if booked[b.Currency] != "" && !sameDecimal(booked[b.Currency], b.Balance) {
			return fmt.Errorf("%s: the API says %s, the ledger says %s", b.Currency, b.Balance, booked[b.Currency])
		}
	}
	d.result.LedgerBalanced = true
	return d.toldAll(ctx)
}

// booked is what the ledger owes the merchant, by currency.
func (d *koywe) booked(ctx context.Context) (map[string]string, error) {
	list, err := d.operator.Balances(ctx, d.info.Koywe.MerchantID, "sandbox")
	if err != nil {
		return nil, err
	}
	owed := map[string]string{}
	for _, b := range list {
		if b.Role == "merchant" && !strings.HasPrefix(b.Account, "wallet/") {
			owed[b.Amount.Currency] = b.Amount.Decimal
		}
	}
	return owed, nil
}

// statement adds up the movements of an account: they must end at its balance.
func (d *koywe) statement(ctx context.Context, account, currency, balance string) error {
	day := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	sum := new(big.Int)
	query := url.Values{"from": {day(d.now().AddDate(0, -1, 0))}, "to": {day(d.now().AddDate(0, 0, 7))}, "limit": {"100"}}
	for n := 0; ; {
		var got struct {
			ClosingBalance string `json:"closingBalance"`
			Movements      []struct {
				Type   string `json:"type"`
				Amount string `json:"amount"`
			} `json:"movements"`
			NextCursor string `json:"nextCursor"`
		}
		if err := d.ask(ctx, d.token, http.MethodGet, d.ours()+"/accounts/"+account+"/reports/ledger-statement?"+query.Encode(), nil, &got); err != nil {
			return err
		}
		for _, m := range got.Movements {
			units, err := atomic(m.Amount, 18)
			if err != nil {
				return err
			}
			if m.Type == "debit" {
				units.Neg(units)
			}
			sum.Add(sum, units)
			n++
		}
		if got.NextCursor != "" {
			query.Set("cursor", got.NextCursor)
			continue
		}
		want, err := atomic(balance, 18)
		if err != nil {
			return err
		}
		if sum.Cmp(want) != 0 || !sameDecimal(got.ClosingBalance, balance) {
			return fmt.Errorf("%s: %d movements do not add up to the balance of %s", currency, n, balance)
		}
		if n > 0 {
			d.say("%s %s: %d movements add up to it", currency, balance, n)
		}
		return nil
	}
}

// toldAll checks the signatures of every webhook, and that the end of every order was told once.
func (d *koywe) toldAll(ctx context.Context) error {
	const path = "/hook/koywe"
	for {
		all, err := d.shop.log(ctx)
		if err != nil {
			return err
		}
		missing := map[string]string{}
		for id, kind := range d.ended {
			missing[id] = kind
		}
		verified := 0
		for _, w := range all {
			if w.Path != path {
				continue
			}
			var e struct {
				Type          string `json:"type"`
				Relationships struct {
					Self struct {
						ID string `json:"id"`
					} `json:"self"`
				} `json:"relationships"`
			}
			if err := json.Unmarshal([]byte(w.Body), &e); err != nil {
				return err
			}
			if err := verifyKoywe(w, d.info.Koywe.WebhookSecret); err != nil {
				return fmt.Errorf("webhook %s: %w", e.Type, err)
			}
			verified++
			if missing[e.Relationships.Self.ID] == e.Type {
				delete(missing, e.Relationships.Self.ID)
			}
		}
		if len(missing) == 0 {
			d.say("%d webhooks came; every signature fits, and the end of each of %d orders was told", verified, len(d.ended))
			d.result.WebhooksVerified = verified
			return nil
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("the ends of %v were not told: %w", missing, err)
		}
	}
}

// verifyKoywe checks a webhook by the API's own formula; the receiver has checked the other one.
func verifyKoywe(w delivery, secret string) error {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(w.Body))
	if given := w.Headers["Koywe-Signature"]; !hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(given)) {
		return fmt.Errorf("the signature %q does not fit", given)
	}
	if !w.Verified {
		return errors.New("the receiver did not verify it")
	}
	return nil
}

// What every step does.

// calledOff makes an order and cancels it.
func (d *koywe) calledOff(ctx context.Context, asked fields) error {
	o, err := d.order(ctx, asked)
	if err != nil {
		return err
	}
	return d.cancel(ctx, o)
}

func (d *koywe) cancel(ctx context.Context, o koyweOrder) error {
	if err := d.ask(ctx, d.token, http.MethodPost, d.ours()+"/orders/"+o.ID+"/cancel", nil, nil); err != nil {
		return err
	}
	return d.ends(ctx, o, "CANCELLED")
}

// choose is what a payer does on the page of a link: he takes a method.
func (d *koywe) choose(ctx context.Context, o koyweOrder, method string) error {
	d.say("the payer chooses %s", method)
	return d.browser.press(ctx, o.ProvidedAction, "method", method)
}

// pick is what a payer does where the sandbox stands for his bank: he lets the payment succeed or fail.
func (d *koywe) pick(ctx context.Context, o koyweOrder, outcome string) error {
	d.say("at the bank's page the payer picks %s", outcome)
	return d.browser.press(ctx, o.ProvidedAction+"/sandbox", "outcome", outcome)
}

func (d *koywe) order(ctx context.Context, asked fields) (koyweOrder, error) {
	var o koyweOrder
	if err := d.ask(ctx, d.token, http.MethodPost, d.ours()+"/orders", asked, &o); err != nil {
		return o, err
	}
	d.say("order %s: %s, %s %s → %s %s, %s", o.ID, o.Type, o.AmountIn, o.Origin, o.AmountOut, o.Destination, o.Status)
	return o, nil
}

// quote asks for a rate that can be used once.
func (d *koywe) quote(ctx context.Context, kind, from, to, amountIn, network string) (id string, err error) {
	asked := fields{
		"orderType": kind, "originCurrencySymbol": from, "destinationCurrencySymbol": to, "amountIn": json.Number(amountIn), "executable": true,
	}
	if network != "" {
		asked["network"] = network
	}
	var q struct {
		ID             string      `json:"id"`
		FinalAmountIn  json.Number `json:"finalAmountIn"`
		FinalAmountOut json.Number `json:"finalAmountOut"`
		ExchangeRate   json.Number `json:"exchangeRate"`
		Fee            json.Number `json:"fee"`
	}
	if err := d.ask(ctx, d.token, http.MethodPost, d.ours()+"/quotes", asked, &q); err != nil {
		return "", err
	}
	d.say("quote: %s %s → %s %s at %s, fee %s", q.FinalAmountIn, from, q.FinalAmountOut, to, q.ExchangeRate, q.Fee)
	return q.ID, nil
}

// reaches waits until an order has a status.
func (d *koywe) reaches(ctx context.Context, o koyweOrder, status string) error {
	was := o.Status
	for {
		var now koyweOrder
		if err := d.ask(ctx, d.token, http.MethodGet, d.ours()+"/orders/"+o.ID, nil, &now); err != nil {
			return err
		}
		if now.Status != was {
			d.say("%s → %s", was, now.Status)
			was = now.Status
		}
		if now.Status == status {
			return nil
		}
		if d.over(now.Status) {
			return fmt.Errorf("order %s is %s and not %s", o.ID, now.Status, status)
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("order %s stayed %s and did not become %s: %w", o.ID, now.Status, status, err)
		}
	}
}

// over says that an order's status will not change any more by itself.
func (d *koywe) over(status string) bool { return endings[status] != "" }

// endings are the statuses that end an order, and the events that tell so.
var endings = map[string]string{
	"COMPLETED": "order.completed", "FAILED": "order.failed", "CANCELLED": "order.canceled", "EXPIRED": "order.expired",
}

// ends waits for the end of an order, and counts it.
func (d *koywe) ends(ctx context.Context, o koyweOrder, status string) error {
	if err := d.reaches(ctx, o, status); err != nil {
		return err
	}
	d.ended[o.ID] = endings[status]
	map[string]*perType{
		"COMPLETED": &d.result.Completed, "FAILED": &d.result.Failed, "CANCELLED": &d.result.Cancelled, "EXPIRED": &d.result.Expired,
	}[status].count(o.Type)
	return nil
}

// register makes something of the merchant's and returns its id.
func (d *koywe) register(ctx context.Context, path string, what fields) (id string, err error) {
	var made struct {
		ID string `json:"id"`
	}
	err = d.ask(ctx, d.token, http.MethodPost, d.ours()+path, what, &made)
	return made.ID, err
}

func (d *koywe) signIn(ctx context.Context, key, secret string) (token string, err error) {
	var signed struct {
		Token string `json:"token"`
	}
	err = d.ask(ctx, "", http.MethodPost, "/api/v1/auth/sign-in", fields{"apiKey": key, "secret": secret}, &signed)
	return signed.Token, err
}

// organization and ours are the paths of what is the organisation's and the merchant's.
func (d *koywe) organization() string { return "/api/v1/organizations/" + d.info.Koywe.OrganizationID }
func (d *koywe) ours() string         { return d.organization() + "/merchants/" + d.info.Koywe.MerchantID }

func (d *koywe) ask(ctx context.Context, token, method, path string, body, answer any) error {
	r, err := request(ctx, method, d.info.Koywe.BaseURL+path, body)
	if err != nil {
		return err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return do(d.shop.client, r, answer)
}
