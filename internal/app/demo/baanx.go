package demo

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"

	"till/internal/app/dev"
	"till/internal/operator/client"
)

// BaanxResult is what the demo of the Baanx API verified. It is the last line it prints.
type BaanxResult struct {
	OnChain        int  `json:"completed_onchain"`
	Gateway        int  `json:"completed_gateway"`
	Bounced        int  `json:"bounced"`
	Refunded       int  `json:"refunded"`
	Expired        int  `json:"expired"`
	Underpaid      int  `json:"underpaid"`
	Fulfilled      int  `json:"fulfilled"`
	LedgerBalanced bool `json:"ledger_balanced"` // what was booked is what the chain says, and every account sums to nothing
}

// baanxRun is one run of the demo.
type baanxRun struct {
	*demo
	paid   map[string]*big.Int // units that must lie at each order's address
	back   *big.Int            // units that were given back
	made   []string
	result BaanxResult
}

// Baanx plays users of a shop's application: they log in, order products and pay them, on the chain and through the
// simulated gateway. It returns the closing line, or an error at the first step that is not as it must be.
func Baanx(ctx context.Context, info dev.Info, out io.Writer) (line string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d, err := start(ctx, info, out)
	if err != nil {
		return "", err
	}
	defer d.payer.close()
	run := &baanxRun{demo: d, paid: map[string]*big.Int{}, back: new(big.Int)}
	for _, step := range []func(context.Context) error{run.buys, run.bounces, run.underpays, run.refunds, run.expires, run.settled} {
		if err := step(ctx); err != nil {
			return "", err
		}
	}
	return closing(run.result), nil
}

// baanxOrder is an order as it is made, and as its status shows it.
type baanxOrder struct {
	OrderID   string `json:"orderId"`
	RequestID string `json:"requestId"`
	Config    struct {
		Amount  json.Number `json:"paymentAmount"`
		Address string      `json:"destinationAddress"`
		Token   string      `json:"destinationTokenSymbol"`
	} `json:"paymentConfig"`
	Status   string `json:"status"`
	PaidAt   string `json:"paidAt"`
	Metadata struct {
		PaymentID string `json:"paymentId"`
		TxHash    string `json:"txHash"`
		Note      string `json:"note"`
	} `json:"metadata"`
}

// ask calls the API as the application, for the user with the token.
func (d *baanxRun) ask(ctx context.Context, token, method, path string, body, answer any) error {
	r, err := request(ctx, method, d.info.Baanx.BaseURL+path, body)
	if err != nil {
		return err
	}
	r.Header.Set("X-Client-ID", d.info.Baanx.ClientID)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return do(d.shop.client, r, answer)
}

// logsIn logs a user in and gets the application a token of his, with PKCE, as an application does that has a login of its own.
func (d *baanxRun) logsIn(ctx context.Context, email, password string) (token string, err error) {
	var login struct {
		AccessToken string `json:"accessToken"`
	}
	if err := d.ask(ctx, "", http.MethodPost, "/v1/auth/login", fields{"email": email, "password": password}, &login); err != nil {
		return "", err
	}
	verifier := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	query := url.Values{
		"response_type": {"code"}, "client_id": {d.info.Baanx.ClientID}, "redirect_uri": {d.info.Baanx.RedirectURI}, "state": {"demo"}, "mode": {"api"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	var begun struct{ Token string }
	if err := d.ask(ctx, "", http.MethodGet, "/v1/auth/oauth/authorize/initiate?"+query.Encode(), nil, &begun); err != nil {
		return "", err
	}
	var allowed struct{ Code, State string }
	if err := d.ask(ctx, login.AccessToken, http.MethodPost, "/v1/auth/oauth/authorize", fields{"token": begun.Token}, &allowed); err != nil {
		return "", err
	}
	if allowed.State != "demo" {
		return "", fmt.Errorf("the state came back as %q", allowed.State)
	}
	change := fields{"grant_type": "authorization_code", "code": allowed.Code, "redirect_uri": d.info.Baanx.RedirectURI, "code_verifier": verifier}
	var tokens struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := d.ask(ctx, "", http.MethodPost, "/v1/auth/oauth/token", change, &tokens); err != nil {
		return "", err
	}
	d.say("%s has logged in, and allowed the application to act for %d seconds", email, tokens.ExpiresIn)
	return tokens.AccessToken, nil
}

// customer adds a user to the shop's, and logs him in.
func (d *baanxRun) customer(ctx context.Context, name string) (token string, err error) {
	password := rand.Text()
	if _, err := d.operator.ImportUsers(ctx, client.UserImport{Merchant: d.merchant, Mode: "sandbox", Dialect: "baanx", Users: []client.NewUser{
		{Email: name + "@example.com", Password: password, Verification: "verified", Country: "US"},
	}}); err != nil {
		return "", err
	}
	return d.logsIn(ctx, name+"@example.com", password)
}

// order orders a product, and the same again: that is one order.
func (d *baanxRun) order(ctx context.Context, token, product string) (o baanxOrder, err error) {
	asked := fields{"productId": product, "paymentMethod": "CRYPTO_EXTERNAL_DAIMO"}
	if err := d.ask(ctx, token, http.MethodPost, "/v1/order", asked, &o); err != nil {
		return o, err
	}
	var again baanxOrder
	if err := d.ask(ctx, token, http.MethodPost, "/v1/order", asked, &again); err != nil {
		return o, err
	}
	if again.OrderID != o.OrderID || again.RequestID != o.RequestID {
		return o, fmt.Errorf("a repeat made order %s beside %s", again.OrderID, o.OrderID)
	}
	d.say("order %s… of %s: %s %s to %s", o.OrderID[:12], product, o.Config.Amount, o.Config.Token, o.Config.Address)
	d.paid[o.Config.Address] = new(big.Int)
	d.made = append(d.made, o.OrderID)
	return o, nil
}

// pays sends a decimal amount to the order's address on the chain.
func (d *baanxRun) pays(ctx context.Context, o baanxOrder, amount string) error {
	units, err := atomic(amount, d.info.Chain.Tokens[o.Config.Token].Decimals)
	if err != nil {
		return err
	}
	tx, err := d.payer.pay(ctx, o.Config.Token, o.Config.Address, units)
	if err != nil {
		return err
	}
	d.paid[o.Config.Address].Add(d.paid[o.Config.Address], units)
	d.say("paid %s in transaction %s", amount, tx.Hash().Hex()[:18])
	return nil
}

// plays says on the gateway's page what becomes of the order's payment there.
func (d *baanxRun) plays(ctx context.Context, token string, o baanxOrder, play string) error {
	with, err := d.until(ctx, token, o, func(o baanxOrder) bool { return o.Metadata.PaymentID != "" })
	if err != nil {
		return fmt.Errorf("the gateway has no payment: %w", err)
	}
	page := d.info.Baanx.GatewayURL + "/pay/" + url.PathEscape(with.Metadata.PaymentID)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, page, strings.NewReader(url.Values{"play": {play}}.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	got, err := d.shop.client.Do(r)
	if err != nil {
		return err
	}
	got.Body.Close()
	if got.StatusCode >= 400 {
		return fmt.Errorf("the gateway's page answered %s", got.Status)
	}
	d.say("payment %s… at the gateway: %s", with.Metadata.PaymentID[:12], play)
	return nil
}

func (d *baanxRun) until(ctx context.Context, token string, o baanxOrder, want func(baanxOrder) bool) (now baanxOrder, err error) {
	for {
		now = baanxOrder{}
		if err := d.ask(ctx, token, http.MethodGet, "/v1/order/"+o.OrderID, nil, &now); err != nil {
			return now, err
		}
		if want(now) {
			return now, nil
		}
		if err := pause(ctx); err != nil {
			return now, fmt.Errorf("order %s stayed %s (%s): %w", o.OrderID, now.Status, now.Metadata.Note, err)
		}
	}
}

// ends waits until the order has ended so.
func (d *baanxRun) ends(ctx context.Context, token string, o baanxOrder, status, note string) (baanxOrder, error) {
	last, err := d.until(ctx, token, o, func(now baanxOrder) bool { return now.Status != "STARTED" })
	if err != nil {
		return last, err
	}
	if last.Status != status || last.Metadata.Note != note || (last.PaidAt != "") != (status == "COMPLETED") {
		return last, fmt.Errorf("order %s is %s with note %q, not %s with %q", o.OrderID, last.Status, last.Metadata.Note, status, note)
	}
	d.say("%s %s %s", last.Status, last.PaidAt, note)
	return last, nil
}

// fulfilled checks that the merchant was asked to hand over, by a call that is signed right.
func (d *baanxRun) fulfilled(ctx context.Context, o baanxOrder) error {
	log, err := d.shop.log(ctx)
	if err != nil {
		return err
	}
	for _, call := range log {
		if strings.HasSuffix(call.Path, "/fulfil") && strings.Contains(call.Body, o.OrderID) {
			if !call.Verified {
				return errors.New("the call that asks to hand over is not signed right")
			}
			d.result.Fulfilled++
			d.say("the merchant was asked to hand it over: signed right")
			return nil
		}
	}
	return errors.New("nobody was asked to hand over order " + o.OrderID)
}

func (d *baanxRun) available(ctx context.Context, token string) (eligible map[string]bool, err error) {
	var list []struct {
		ID       string `json:"id"`
		Eligible bool   `json:"isEligible"`
	}
	err = d.ask(ctx, token, http.MethodGet, "/v1/order/products/available", nil, &list)
	eligible = map[string]bool{}
	for _, p := range list {
		eligible[p.ID] = p.Eligible
	}
	return eligible, err
}

// buys is one product paid on the chain and one through the gateway.
func (d *baanxRun) buys(ctx context.Context) error {
	d.title("1. A user logs in, and sees what there is")
	token, err := d.logsIn(ctx, d.info.Baanx.Email, d.info.Baanx.Password)
	if err != nil {
		return err
	}
	products, err := d.available(ctx, token)
	if err != nil {
		return err
	}
	for _, id := range d.info.Baanx.ProductIDs {
		d.say("%-22s eligible %t", id, products[id])
		if !products[id] {
			return errors.New(id + " cannot be bought")
		}
	}
	d.title("2. A product paid from a wallet, on the chain")
	card, err := d.order(ctx, token, "METAL_CARD")
	if err != nil {
		return err
	}
	if err := d.pays(ctx, card, card.Config.Amount.String()); err != nil {
		return err
	}
	if _, err := d.ends(ctx, token, card, "COMPLETED", ""); err != nil {
		return err
	}
	d.result.OnChain++
	if err := d.fulfilled(ctx, card); err != nil {
		return err
	}
	d.title("3. A product paid through the gateway")
	premium, err := d.order(ctx, token, "PREMIUM_SUBSCRIPTION")
	if err != nil {
		return err
	}
	if err := d.plays(ctx, token, premium, "pay"); err != nil {
		return err
	}
	last, err := d.ends(ctx, token, premium, "COMPLETED", "")
	if err != nil {
		return err
	}
	units, err := atomic(premium.Config.Amount.String(), d.info.Chain.Tokens[premium.Config.Token].Decimals)
	if err != nil {
		return err
	}
	d.paid[premium.Config.Address].Add(d.paid[premium.Config.Address], units)
	if last.Metadata.TxHash == "" || last.Metadata.PaymentID == "" {
		return fmt.Errorf("the order names no transaction or payment: %+v", last.Metadata)
	}
	d.result.Gateway++
	if err := d.fulfilled(ctx, premium); err != nil {
		return err
	}
	if products, err = d.available(ctx, token); err != nil {
		return err
	}
	for id, may := range products {
		if may {
			return errors.New(id + " can be bought twice")
		}
	}
	d.say("nothing is left that the user could buy twice")
	return nil
}

func (d *baanxRun) bounces(ctx context.Context) error {
	d.title("4. A payment that bounces at the gateway")
	token, err := d.customer(ctx, "bob")
	if err != nil {
		return err
	}
	o, err := d.order(ctx, token, "METAL_CARD")
	if err != nil {
		return err
	}
	if err := d.plays(ctx, token, o, "bounce"); err != nil {
		return err
	}
	if _, err := d.ends(ctx, token, o, "FAILED", "payment_bounced"); err != nil {
		return err
	}
	d.result.Bounced++
	return nil
}

func (d *baanxRun) underpays(ctx context.Context) error {
	d.title("5. Too little is no payment")
	token, err := d.customer(ctx, "cyn")
	if err != nil {
		return err
	}
	o, err := d.order(ctx, token, "METAL_CARD")
	if err != nil {
		return err
	}
	if err := d.pays(ctx, o, "198.99"); err != nil {
		return err
	}
	if _, err := d.ends(ctx, token, o, "FAILED", "underpaid"); err != nil {
		return err
	}
	d.result.Underpaid++
	return nil
}

// refunds is a product that the merchant cannot hand over: an operator refuses it and gives the money back.
func (d *baanxRun) refunds(ctx context.Context) error {
	d.title("6. A product that cannot be handed over")
	token, err := d.customer(ctx, "dan")
	if err != nil {
		return err
	}
	o, err := d.order(ctx, token, "METAL_CARD")
	if err != nil {
		return err
	}
	if err := d.shop.refuseNext(ctx, 1, http.StatusUnprocessableEntity); err != nil {
		return err
	}
	if err := d.pays(ctx, o, o.Config.Amount.String()); err != nil {
		return err
	}
	if err := d.held(ctx, o); err != nil {
		return err
	}
	d.say("the merchant answered 422: the order is held until an operator decides")
	refused, err := d.operator.RefuseReview(ctx, o.OrderID, "compliance", "out of stock")
	if err != nil {
		return err
	}
	if _, err := d.ends(ctx, token, o, "FAILED", "fulfilment_failed"); err != nil {
		return err
	}
	p := refused.Proposed
	if p == nil {
		return errors.New("no refund is proposed")
	}
	d.say("a refund is proposed: %s to %s", p.Amount.Decimal, p.To)
	if _, err := d.operator.Refund(ctx, client.Refund{ID: "refund-" + o.OrderID[:12], Order: o.OrderID, From: p.From, Amount: p.Amount.Decimal}); err != nil {
		return err
	}
	if _, err := d.until(ctx, token, o, func(now baanxOrder) bool { return now.Metadata.Note == "payment_refunded" }); err != nil {
		return err
	}
	units, ok := new(big.Int).SetString(p.Amount.Units, 10)
	if !ok {
		return fmt.Errorf("an amount of %q units", p.Amount.Units)
	}
	d.back.Add(d.back, units)
	if _, err := d.ends(ctx, token, o, "FAILED", "payment_refunded"); err != nil {
		return err
	}
	d.result.Refunded++
	return nil
}

func (d *baanxRun) held(ctx context.Context, o baanxOrder) error {
	for {
		now, err := d.operator.Order(ctx, o.OrderID)
		if err != nil {
			return err
		}
		if now.State == "held" {
			return nil
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("order %s stayed %s: %w", o.OrderID, now.State, err)
		}
	}
}

func (d *baanxRun) expires(ctx context.Context) error {
	d.title("7. An order that nobody pays")
	token, err := d.customer(ctx, "eve")
	if err != nil {
		return err
	}
	o, err := d.order(ctx, token, "PREMIUM_SUBSCRIPTION")
	if err != nil {
		return err
	}
	if _, err := d.operator.AdvanceClock(ctx, "sandbox", int64(2*time.Hour/time.Second)); err != nil {
		return err
	}
	d.say("the sandbox's clock is moved by 2 hours")
	if _, err := d.ends(ctx, token, o, "EXPIRED", ""); err != nil {
		return err
	}
	d.result.Expired++
	return nil
}

// settled holds the ledger against the chain: what was booked is what lies at the orders' addresses, less what went back,
// and what left one account came to another.
func (d *baanxRun) settled(ctx context.Context) error {
	d.title("The books against the chain")
	var addresses []string
	sent := new(big.Int)
	for address, units := range d.paid {
		addresses = append(addresses, address)
		sent.Add(sent, units)
	}
	held, err := d.payer.held(ctx, "USDC", addresses)
	if err != nil {
		return err
	}
	if held.Cmp(sent) != 0 {
		return fmt.Errorf("%s units were paid, and %s lie at the orders' addresses", sent, held)
	}
	in, sum := new(big.Int), new(big.Int)
	for _, id := range d.made {
		story, err := d.operator.Order(ctx, id)
		if err != nil {
			return err
		}
		for _, e := range story.Entries {
			for _, p := range e.Postings {
				units, ok := new(big.Int).SetString(p.Amount.Units, 10)
				if !ok {
					return fmt.Errorf("a posting of %q units", p.Amount.Units)
				}
				if strings.Contains(p.From, "outside/payer") {
					in.Add(in, units)
				}
				if strings.Contains(p.To, "outside/payer") {
					in.Sub(in, units)
				}
			}
		}
		for _, b := range story.Balances {
			units, ok := new(big.Int).SetString(b.Amount.Units, 10)
			if !ok {
				return fmt.Errorf("a balance of %q units", b.Amount.Units)
			}
			sum.Add(sum, units)
		}
	}
	d.say("paid %s, given back %s; booked %s", sent, d.back, in)
	if want := new(big.Int).Sub(sent, d.back); in.Cmp(want) != 0 {
		return fmt.Errorf("the books say %s, the chain %s", in, want)
	}
	if sum.Sign() != 0 {
		return fmt.Errorf("the orders' accounts sum to %s, not to nothing", sum)
	}
	d.result.LedgerBalanced = true
	return nil
}
