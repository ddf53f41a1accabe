package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"till/internal/app/dev"
	"till/internal/operator/client"
)

// PayInResult is what the demo of the PayIn API verified. It is the last line it prints.
type PayInResult struct {
	Deposits         int  `json:"deposits"`
	LinksSold        int  `json:"links_sold"`
	PaidInGrace      int  `json:"paid_in_grace"`
	RedirectsChecked int  `json:"redirects_checked"`
	WebhooksVerified int  `json:"webhooks_verified"` // all that came, and each that must
	LedgerBalanced   bool `json:"ledger_balanced"`
}

// payin is one run of the demo of the PayIn API.
type payin struct {
	*demo
	store   *storefront
	browser browser // a payer's
	hook    string  // the path of the shop's webhooks
	address string  // of the deposits
	result  PayInResult
}

const (
	payinNetwork = "ethereum-sepolia"
	customer     = "CUSTOMER-42"
	nextCustomer = "CUSTOMER-43"
)

// PayIn plays a merchant with an address to receive deposits at, a payment link, and payers who are late. It returns the
// closing line, or an error at the first step that is not as it must be.
func PayIn(ctx context.Context, info dev.Info, out io.Writer) (line string, err error) {
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
	run := &payin{demo: d, store: store, browser: browser{http.DefaultClient}, hook: "/hook/tickets"}
	for _, step := range []func(context.Context) error{run.open, run.deposits, run.reuse, run.link, run.expires, run.grace, run.settled} {
		if err := step(ctx); err != nil {
			return "", err
		}
	}
	return closing(run.result), nil
}

// open makes a merchant of the demo's own, so that it knows every address and every webhook there is: one address at first,
// whose use can then be followed.
func (d *payin) open(ctx context.Context) error {
	d.title("A merchant with one address")
	d.merchant = "tickets"
	if _, err := d.operator.AddMerchant(ctx, client.NewMerchant{ID: d.merchant, Name: "Tickets"}); err != nil {
		return err
	}
	key, err := d.operator.AddKey(ctx, client.NewKey{Name: "shop", Merchant: d.merchant, Mode: "sandbox", Dialect: "payin"})
	if err != nil {
		return err
	}
	d.shop.info.PayIn.APIKey = key.Key
	err = d.shop.call(ctx, http.MethodPost, "/api/v1/notifications/endpoints", map[string]any{
		"endpoint_name": "shop", "endpoint_type": "webhook", "subscribed_events": []string{"order.completed", "order.expired", "deposit.*"},
		"config": map[string]string{"url": strings.TrimSuffix(d.info.Sink.URL, "/hook") + d.hook, "secret": d.info.PayIn.WebhookSecret},
	}, nil)
	if err != nil {
		return err
	}
	return d.addAddresses(ctx, 1)
}

// addAddresses imports new addresses of a wallet into the pool.
func (d *payin) addAddresses(ctx context.Context, n int) error {
	var list []map[string]any
	for i := range n {
		key, err := crypto.GenerateKey()
		if err != nil {
			return err
		}
		list = append(list, map[string]any{"address": crypto.PubkeyToAddress(key.PublicKey).Hex(), "protocol": "evm", "derivationIndex": i})
	}
	d.say("addresses of its wallet in the pool: %d more", n)
	return d.shop.call(ctx, http.MethodPost, "/api/v1/address-pool/addresses", map[string]any{"addresses": list}, nil)
}

// binding is a deposit reference's address.
type binding struct {
	Address string `json:"address"`
}

func (d *payin) bind(ctx context.Context, reference string) (binding, error) {
	var b binding
	err := d.shop.call(ctx, http.MethodPost, "/api/v1/deposits/references", map[string]any{
		"depositReference": reference, "currency": "USDT", "chainId": payinNetwork,
	}, &b)
	return b, err
}

// deposit is a payment to a bound address, as the API lists it.
type deposit struct {
	DepositID string `json:"depositId"`
	Amount    string `json:"amount"`
	Currency  string `json:"currency"`
	Address   string `json:"address"`
	TxHash    string `json:"txHash"`
	Status    string `json:"status"`
}

// deposits binds an address and receives three payments in two tokens, each of which is a deposit of its own.
func (d *payin) deposits(ctx context.Context) error {
	d.title("1. An address for deposits")
	b, err := d.bind(ctx, customer)
	if err != nil {
		return err
	}
	d.address = b.Address
	d.say("%s has the address %s", customer, d.address)
	if err := d.toldOfBinding(ctx, customer, "deposit.address_bound"); err != nil {
		return err
	}
	paid := map[string]deposit{} // by transaction
	for _, p := range []struct{ amount, token string }{{"10", "USDT"}, {"5.5", "USDC"}, {"20.25", "USDT"}} {
		tx, err := d.pay(ctx, order{Address: d.address, Currency: p.token}, p.amount)
		if err != nil {
			return err
		}
		paid[tx.Hash().Hex()] = deposit{Amount: p.amount, Currency: p.token}
	}
	list, err := d.untilDeposited(ctx, len(paid))
	if err != nil {
		return err
	}
	for _, got := range list {
		want, known := paid[got.TxHash]
		delete(paid, got.TxHash)
		if !known || !sameDecimal(got.Amount, want.Amount) || got.Currency != want.Currency || got.Address != d.address {
			return fmt.Errorf("a deposit that was not made: %+v", got)
		}
		d.say("deposit %s: %s %s, completed", got.DepositID, got.Amount, got.Currency)
		err := d.toldOf(ctx, "deposit "+got.DepositID, "deposit.completed", 0, func(e event) bool { return e.Data.DepositID == got.DepositID })
		if err != nil {
			return err
		}
		d.result.Deposits++
	}
	return d.totals(ctx, customer, d.result.Deposits, map[string]string{"USDT": "30.25", "USDC": "5.5"})
}

// untilDeposited waits until a number of deposits is completed.
func (d *payin) untilDeposited(ctx context.Context, n int) ([]deposit, error) {
	for {
		var got struct {
			Data []deposit `json:"data"`
		}
		if err := d.shop.call(ctx, http.MethodGet, "/api/v1/deposits?depositReference="+url.QueryEscape(customer), nil, &got); err != nil {
			return nil, err
		}
		if len(got.Data) == n && !slices.ContainsFunc(got.Data, func(p deposit) bool { return p.Status != "completed" }) {
			return got.Data, nil
		}
		if err := pause(ctx); err != nil {
			return nil, fmt.Errorf("of %d deposits are there %+v: %w", n, got.Data, err)
		}
	}
}

// totals checks what a reference has received in all.
func (d *payin) totals(ctx context.Context, reference string, count int, sums map[string]string) error {
	var got struct {
		TotalDeposits int               `json:"totalDeposits"`
		TotalAmount   map[string]string `json:"totalAmount"`
	}
	if err := d.shop.call(ctx, http.MethodGet, "/api/v1/deposits/references/"+reference, nil, &got); err != nil {
		return err
	}
	right := got.TotalDeposits == count && len(got.TotalAmount) == len(sums)
	for token, sum := range sums {
		right = right && sameDecimal(got.TotalAmount[token], sum)
	}
	if !right {
		return fmt.Errorf("%s has received %d deposits, %v, and not %d, %v", reference, got.TotalDeposits, got.TotalAmount, count, sums)
	}
	if count == 0 {
		d.say("%s has received nothing", reference)
	}
	for _, token := range slices.Sorted(maps.Keys(sums)) {
		d.say("%s has received %s %s", reference, sums[token], token)
	}
	return nil
}

// sameDecimal compares two amounts, of which one may have more zeros at its end.
func sameDecimal(a, b string) bool {
	const most = 18 // decimals of a token here
	x, err := atomic(a, most)
	if err != nil {
		return false
	}
	y, err := atomic(b, most)
	return err == nil && x.Cmp(y) == 0
}

// toldOfBinding waits for the webhook about a reference's address.
func (d *payin) toldOfBinding(ctx context.Context, reference, kind string) error {
	return d.toldOf(ctx, reference, kind, 0, func(e event) bool {
		return e.Data.DepositReference == reference && e.Data.DepositAddress == d.address && e.Type == kind
	})
}

// reuse unbinds the address, which then rests, and binds it for somebody else.
func (d *payin) reuse(ctx context.Context) error {
	d.title("2. The address serves somebody else, after a rest")
	err := d.shop.call(ctx, http.MethodPost, "/api/v1/deposits/unbind", map[string]any{"depositReference": customer, "protocol": "evm"}, nil)
	if err != nil {
		return err
	}
	d.say("%s gives the address back", customer)
	if err := d.toldOfBinding(ctx, customer, "deposit.address_unbound"); err != nil {
		return err
	}
	if _, err := d.bind(ctx, nextCustomer); !refused(err, http.StatusServiceUnavailable) {
		return fmt.Errorf("the address does not rest: %w", err)
	}
	d.say("%s cannot have it yet: no address is available", nextCustomer)
	if err := d.forward(ctx, 31*time.Minute); err != nil {
		return err
	}
	b, err := d.bind(ctx, nextCustomer)
	for refused(err, http.StatusServiceUnavailable) { // the chain is asked what the address holds, and then it is free
		if err := pause(ctx); err != nil {
			return fmt.Errorf("the address still rests: %w", err)
		}
		b, err = d.bind(ctx, nextCustomer)
	}
	if err != nil {
		return err
	}
	if b.Address != d.address {
		return fmt.Errorf("%s got %s", nextCustomer, b.Address)
	}
	d.say("%s has the address %s", nextCustomer, b.Address)
	if err := d.toldOfBinding(ctx, nextCustomer, "deposit.address_bound"); err != nil {
		return err
	}
	return d.totals(ctx, nextCustomer, 0, nil)
}

func refused(err error, status int) bool {
	var r *refusal
	return errors.As(err, &r) && r.status == status
}

// link sells a ticket to somebody who has nothing but the address of its page.
func (d *payin) link(ctx context.Context) error {
	d.title("3. A ticket sold through a payment link")
	if err := d.addAddresses(ctx, 3); err != nil {
		return err
	}
	var made, published, sold paymentLink
	err := d.shop.call(ctx, http.MethodPost, "/api/v1/payment-links", map[string]any{
		"title": "A ticket", "amount": "42.00", "inventoryTotal": 1, "successUrl": d.store.url + "/thanks?order={{orderId}}",
		"currencies": []map[string]any{{"currency": "USDC", "chainOptions": []string{payinNetwork}}},
	}, &made)
	if err != nil {
		return err
	}
	if err := d.shop.call(ctx, http.MethodPost, "/api/v1/payment-links/"+made.ID+"/publish", nil, &published); err != nil {
		return err
	}
	d.say("payment link %s is published as %s", published.ID, published.Slug)

	var offered paymentLink
	if err := d.browser.call(ctx, http.MethodGet, d.info.PayIn.BaseURL+"/api/payment-links/"+published.Slug, nil, &offered); err != nil {
		return err
	}
	d.say("a payer sees: %s, %s", offered.Title, offered.Amount)
	var o order
	err = d.browser.call(ctx, http.MethodPost, d.info.PayIn.BaseURL+"/api/payment-links/"+published.Slug+"/orders", map[string]any{
		"email": "ann@example.com", "currency": "USDC", "chainId": payinNetwork,
	}, &o)
	if err != nil {
		return err
	}
	d.say("and takes it: order %s, %s %s to %s", o.OrderID, o.Amount, o.Currency, o.Address)
	if _, err := d.pay(ctx, o, o.Amount); err != nil {
		return err
	}
	if err := d.completes(ctx, o); err != nil {
		return err
	}
	if err := d.told(ctx, o, "order.completed", 0); err != nil {
		return err
	}
	if err := d.shop.call(ctx, http.MethodGet, "/api/v1/payment-links/"+made.ID, nil, &sold); err != nil {
		return err
	}
	if sold.InventorySold != 1 || sold.InventoryRemaining != 0 {
		return fmt.Errorf("of the link %d are sold and %d left", sold.InventorySold, sold.InventoryRemaining)
	}
	d.say("the link: 1 sold, 0 left")
	d.result.LinksSold++
	paid, err := d.shop.get(ctx, o.OrderID)
	if err != nil {
		return err
	}
	return d.follow(ctx, paid, "/thanks", url.Values{"order": {o.OrderID}, "txHash": {paid.TxHash}})
}

// paymentLink is a payment link, for its merchant or for a payer.
type paymentLink struct {
	ID                 string `json:"id"`
	Slug               string `json:"slug"`
	Title              string `json:"title"`
	Amount             string `json:"amount"`
	InventorySold      int    `json:"inventorySold"`
	InventoryRemaining int    `json:"inventoryRemaining"`
}

// expires is an order that nobody pays: its payer is sent where the shop takes those.
func (d *payin) expires(ctx context.Context) error {
	d.title("4. An order that nobody pays, and where its payer is sent")
	o, err := d.create(ctx, "DEMO-EXPIRES", "5.00", "cancelUrl", d.store.url+"/sorry?lang=en")
	if err != nil {
		return err
	}
	if err := d.forward(ctx, 16*time.Minute); err != nil {
		return err
	}
	last, err := d.shop.until(ctx, o.OrderID, d.show, func(o order) bool { return o.Status != "pending" })
	if err != nil {
		return err
	}
	if last.Status != "expired" {
		return fmt.Errorf("the order is %s", last.Status)
	}
	if err := d.told(ctx, o, "order.expired", 0); err != nil {
		return err
	}
	return d.follow(ctx, last, "/sorry", url.Values{"lang": {"en"}})
}

// grace is an order that is paid after its window and before the end of its grace period.
func (d *payin) grace(ctx context.Context) error {
	d.title("5. An order paid in its grace period")
	o, err := d.create(ctx, "DEMO-GRACE", "7.50")
	if err != nil {
		return err
	}
	if err := d.forward(ctx, 11*time.Minute); err != nil {
		return err
	}
	d.say("the window of 10 is over, the grace of 5 is not")
	if err := d.blockAfter(ctx, d.now().Add(time.Second)); err != nil { // blocks count in whole seconds
		return err
	}
	if _, err := d.pay(ctx, o, o.Amount); err != nil {
		return err
	}
	if err := d.completes(ctx, o); err != nil {
		return err
	}
	if err := d.told(ctx, o, "order.completed", 0); err != nil {
		return err
	}
	return d.wasLate(ctx, o)
}

// wasLate checks that an order's one payment came after the window and before the end of the grace period.
func (d *payin) wasLate(ctx context.Context, o order) error {
	window, err := time.Parse(time.RFC3339, o.ExpiresAt)
	if err != nil {
		return err
	}
	end, err := time.Parse(time.RFC3339, o.GracePeriodEndsAt)
	if err != nil {
		return err
	}
	story, err := d.operator.Order(ctx, o.OrderID)
	if err != nil {
		return err
	}
	if len(story.Payments) != 1 || !story.Payments[0].ValueAt.After(window) || story.Payments[0].ValueAt.After(end) {
		return fmt.Errorf("the order's window ended at %s and its grace at %s; its payments are %+v", window, end, story.Payments)
	}
	d.say("it was paid %s after the window", story.Payments[0].ValueAt.Sub(window).Truncate(time.Second))
	d.result.PaidInGrace++
	return nil
}

// settled holds the books against the chain, and counts the webhooks: nothing came that was not looked for.
func (d *payin) settled(ctx context.Context) error {
	if err := d.books(ctx, "USDT", "USDC"); err != nil {
		return err
	}
	d.result.LedgerBalanced = true
	came, _, err := d.shop.deliveries(ctx, func(event) bool { return true })
	if err != nil {
		return err
	}
	came = slices.DeleteFunc(came, func(c delivery) bool { return c.Path != d.hook })
	if len(came) != d.verified {
		return fmt.Errorf("%d webhooks came, %d were looked for", len(came), d.verified)
	}
	d.result.WebhooksVerified = d.verified
	return nil
}

// create makes an order; further fields are given as name, value, name, value.
func (d *payin) create(ctx context.Context, reference, amount string, fields ...string) (order, error) {
	body := map[string]any{"orderReference": reference, "amount": amount, "currency": "USDT", "chainId": payinNetwork}
	for pair := range slices.Chunk(fields, 2) {
		body[pair[0]] = pair[1]
	}
	var o order
	if err := d.shop.call(ctx, http.MethodPost, "/api/v1/orders", body, &o); err != nil {
		return o, err
	}
	d.say("order %s: %s %s to %s", o.OrderID, o.Amount, o.Currency, o.Address)
	return o, nil
}

// follow does what the payer's browser does at the end of an order, and checks what the shop is told by it: the
// parameters of every redirect, and those that this one has beside them.
func (d *payin) follow(ctx context.Context, o order, path string, also url.Values) error {
	to, err := d.browser.leave(ctx, o.PaymentURL)
	if err != nil {
		return err
	}
	d.say("the pay page leads to %s", to)
	if err := d.browser.visit(ctx, to); err != nil {
		return err
	}
	came, err := d.store.visitor()
	if err != nil {
		return err
	}
	want := url.Values{
		"orderReference": {o.OrderReference}, "status": {o.Status}, "amount": {o.Amount}, "currency": {o.Currency}, "chainId": {payinNetwork},
	}
	for name, values := range also {
		want[name] = values
	}
	if came.Path != path || came.Query().Encode() != want.Encode() {
		return fmt.Errorf("the payer came to %s, not to %s?%s", came, path, want.Encode())
	}
	d.result.RedirectsChecked++
	return nil
}

// forward moves the sandbox's clock.
func (d *payin) forward(ctx context.Context, by time.Duration) error {
	if _, err := d.operator.AdvanceClock(ctx, "sandbox", int64(by/time.Second)); err != nil {
		return err
	}
	d.say("the sandbox's clock is moved by %d minutes", by/time.Minute)
	return nil
}

// blockAfter waits until the chain has a block that is later than a moment.
func (d *payin) blockAfter(ctx context.Context, at time.Time) error {
	for {
		head, err := d.payer.node.HeaderByNumber(ctx, nil)
		if err != nil {
			return err
		}
		if time.Unix(int64(head.Time), 0).After(at) {
			return nil
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}
