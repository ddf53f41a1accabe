// Package demo plays a merchant's shop and its payers against a dev server, and checks every step. It is
// a client: it knows what a dev server tells any client and nothing else. Nothing it prints is scripted;
// every line shows what an answer, a block or a webhook said.
package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/core/types"

	"till/internal/app/dev"
	"till/internal/operator/client"
)

// patience bounds the whole demo.
const patience = 3 * time.Minute

// Result is what the demo verified. It is the last line it prints.
type Result struct {
	Orders           int  `json:"orders"`
	Completed        int  `json:"completed"`
	Expired          int  `json:"expired"`
	WebhooksVerified int  `json:"webhooks_verified"` // deliveries whose two signatures were checked
	LedgerBalanced   bool `json:"ledger_balanced"`   // per token: booked from the chain = held on the chain
	ReorgSurvived    bool `json:"reorg_survived"`
}

// Line is the result as one line of JSON.
func (r Result) Line() string {
	text, _ := json.Marshal(r) // plain fields only
	return string(text)
}

// demo is one run.
type demo struct {
	out      io.Writer
	shop     *shop
	payer    *payer
	operator *client.Client
	info     dev.Info
	now      func() time.Time
	result   Result
}

// Run plays four orders. It returns an error at the first step that is not as it must be.
func Run(ctx context.Context, info dev.Info, out io.Writer) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p, err := newPayer(ctx, info.Chain)
	if err != nil {
		return Result{}, err
	}
	defer p.close()
	d := &demo{
		out: out, info: info, payer: p, now: time.Now,
		shop:     &shop{info: info, client: http.DefaultClient},
		operator: client.New(info.Operator.URL, info.Operator.Token, http.DefaultClient),
	}
	for _, step := range []func(context.Context) error{d.plain, d.reorganised, d.inParts, d.expires, d.books} {
		if err := step(ctx); err != nil {
			return d.result, err
		}
	}
	return d.result, nil
}

// plain is one order paid exactly, and a webhook that is refused once and comes again.
func (d *demo) plain(ctx context.Context) error {
	d.title("1. An order, paid")
	if err := d.shop.refuseNext(ctx, 1, http.StatusInternalServerError); err != nil {
		return err
	}
	o, err := d.create(ctx, "DEMO-PLAIN", "100.00", "USDT")
	if err != nil {
		return err
	}
	if _, err := d.pay(ctx, o, "100.00"); err != nil {
		return err
	}
	if err := d.completes(ctx, o); err != nil {
		return err
	}
	return d.told(ctx, o, "order.completed", 1)
}

// reorganised is an order whose payment a reorganisation takes out of the chain after a confirmation. It
// is sent again and completes in another block.
func (d *demo) reorganised(ctx context.Context) error {
	d.title("2. A payment that a reorganisation takes away")
	o, err := d.create(ctx, "DEMO-REORG", "25.50", "USDC")
	if err != nil {
		return err
	}
	tx, err := d.pay(ctx, o, "25.50")
	if err != nil {
		return err
	}
	seen, err := d.shop.until(ctx, o.OrderID, d.show, func(o order) bool { return o.Confirmations >= 1 })
	if err != nil {
		return err
	}
	if seen.Status != "pending" || seen.TxHash != tx.Hash().Hex() {
		return fmt.Errorf("after one confirmation the order is %s with transaction %q", seen.Status, seen.TxHash)
	}
	first, ok, err := d.payer.mined(ctx, tx)
	if err != nil || !ok {
		return fmt.Errorf("the payment is in no block: %w", err)
	}

	if err := d.control(ctx, "/pause", nil); err != nil {
		return err
	}
	head, err := d.payer.node.BlockNumber(ctx)
	if err != nil {
		return err
	}
	depth := head - seen.BlockNumber + 1
	if err := d.control(ctx, "/reorg", map[string]any{"depth": depth, "keep": "drop"}); err != nil {
		return err
	}
	d.say("the last %d blocks are replaced; the payment is not in the new ones", depth)
	if _, ok, err := d.payer.mined(ctx, tx); err != nil || ok {
		return fmt.Errorf("the payment is still on the chain: %w", err)
	}
	gone, err := d.shop.until(ctx, o.OrderID, d.show, func(o order) bool { return o.Confirmations == 0 && o.TxHash == "" })
	if err != nil {
		return err
	}
	story, err := d.operator.Order(ctx, o.OrderID)
	if err != nil {
		return err
	}
	if gone.Status != "pending" || len(story.Entries) != 0 {
		return fmt.Errorf("after the reorganisation the order is %s and %d entries are booked", gone.Status, len(story.Entries))
	}
	d.say("the order is pending again, and nothing was booked")

	if err := d.payer.send(ctx, tx); err != nil {
		return err
	}
	d.say("the payer's wallet sends the same transaction again")
	if err := d.control(ctx, "/resume", nil); err != nil {
		return err
	}
	if err := d.completes(ctx, o); err != nil {
		return err
	}
	second, ok, err := d.payer.mined(ctx, tx)
	if err != nil || !ok || second == first {
		return fmt.Errorf("the payment is not in another block: %w", err)
	}
	d.say("it was in block %s, it is in block %s", first.Hex()[:10], second.Hex()[:10])
	d.result.ReorgSurvived = true
	return d.told(ctx, o, "order.completed", 0)
}

// inParts is one order paid by two payments.
func (d *demo) inParts(ctx context.Context) error {
	d.title("3. An order paid in two parts")
	o, err := d.create(ctx, "DEMO-PARTS", "0.000000000000000003", "DAI")
	if err != nil {
		return err
	}
	if _, err := d.pay(ctx, o, "0.000000000000000001"); err != nil {
		return err
	}
	part, err := d.shop.until(ctx, o.OrderID, d.show, func(o order) bool { return o.ConfirmedReceived == "0.000000000000000001" })
	if err != nil {
		return err
	}
	if part.Status != "pending" {
		return fmt.Errorf("with a third of the money the order is %s", part.Status)
	}
	if _, err := d.pay(ctx, o, "0.000000000000000002"); err != nil {
		return err
	}
	if err := d.completes(ctx, o); err != nil {
		return err
	}
	return d.told(ctx, o, "order.completed", 0)
}

// expires is an order that nobody pays. The sandbox's clock is moved past its window and grace.
func (d *demo) expires(ctx context.Context) error {
	d.title("4. An order that nobody pays")
	o, err := d.create(ctx, "DEMO-EXPIRES", "5.00", "USDT")
	if err != nil {
		return err
	}
	if _, err := d.operator.AdvanceClock(ctx, "sandbox", 16*60); err != nil {
		return err
	}
	d.say("the sandbox's clock is moved by 16 minutes: past the window of 10 and the grace of 5")
	last, err := d.shop.until(ctx, o.OrderID, d.show, func(o order) bool { return o.Status != "pending" })
	if err != nil {
		return err
	}
	if last.Status != "expired" {
		return fmt.Errorf("the order is %s", last.Status)
	}
	d.result.Expired++
	return d.told(ctx, o, "order.expired", 0)
}

// books holds the ledger against the chain: what was booked from it, per token, is what the pool's
// addresses hold.
func (d *demo) books(ctx context.Context) error {
	d.title("The books against the chain")
	var pool []string
	for after := ""; ; {
		page, err := d.operator.Instruments(ctx, client.InstrumentQuery{Merchant: "default", Mode: "sandbox", After: after, Limit: 1000})
		if err != nil {
			return err
		}
		for _, i := range page.Instruments {
			pool = append(pool, i.Address)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	balances, err := d.operator.Balances(ctx, "default", "sandbox")
	if err != nil {
		return err
	}
	for _, token := range []string{"USDT", "USDC", "DAI"} {
		booked := new(big.Int)
		for _, b := range balances {
			if b.Amount.Currency == token && strings.HasPrefix(b.Role, "outside/payer") {
				units, ok := new(big.Int).SetString(b.Amount.Units, 10)
				if !ok {
					return fmt.Errorf("a balance of %q units", b.Amount.Units)
				}
				booked.Sub(booked, units) // money arrives out of the world's account
			}
		}
		held, err := d.payer.held(ctx, token, pool)
		if err != nil {
			return err
		}
		d.say("%-4s  booked %s, held by the pool's %d addresses %s", token, booked, len(pool), held)
		if booked.Sign() == 0 || booked.Cmp(held) != 0 {
			return fmt.Errorf("%s: the books say %s, the chain says %s", token, booked, held)
		}
	}
	d.result.LedgerBalanced = true
	return nil
}

func (d *demo) create(ctx context.Context, reference, amount, currency string) (order, error) {
	o, err := d.shop.create(ctx, reference, amount, currency)
	if err != nil {
		return o, err
	}
	d.result.Orders++
	d.say("order %s: %s %s to %s", o.OrderID, o.Amount, o.Currency, o.Address)
	return o, nil
}

// pay sends a decimal amount to the order's address.
func (d *demo) pay(ctx context.Context, o order, amount string) (*types.Transaction, error) {
	units, err := atomic(amount, d.info.Chain.Tokens[o.Currency].Decimals)
	if err != nil {
		return nil, err
	}
	tx, err := d.payer.pay(ctx, o.Currency, o.Address, units)
	if err == nil {
		d.say("paid %s %s in transaction %s", amount, o.Currency, tx.Hash().Hex()[:18])
	}
	return tx, err
}

// completes waits until the order is completed and shows what was booked.
func (d *demo) completes(ctx context.Context, o order) error {
	last, err := d.shop.until(ctx, o.OrderID, d.show, func(o order) bool { return o.Status != "pending" })
	if err != nil {
		return err
	}
	if last.Status != "completed" {
		return fmt.Errorf("the order is %s", last.Status)
	}
	d.result.Completed++
	story, err := d.operator.Order(ctx, o.OrderID)
	if err != nil {
		return err
	}
	if len(story.Entries) == 0 {
		return fmt.Errorf("order %s is completed and nothing is booked", o.OrderID)
	}
	for _, e := range story.Entries {
		for _, p := range e.Postings {
			d.say("booked  %-4s %s  %s → %s", p.Row, p.Amount.Decimal, p.From, p.To)
		}
	}
	return nil
}

// told waits for the webhook of an order and checks each delivery of it: the refused ones too, which come
// again with the same id and the same bytes.
func (d *demo) told(ctx context.Context, o order, kind string, refused int) error {
	for {
		came, events, err := d.shop.deliveries(ctx, o.OrderID)
		if err != nil {
			return err
		}
		if len(came) < refused+1 {
			if err := pause(ctx); err != nil {
				return fmt.Errorf("order %s: %d of %d webhooks came: %w", o.OrderID, len(came), refused+1, err)
			}
			continue
		}
		for i, c := range came {
			if err := d.shop.verify(c, d.now()); err != nil {
				return err
			}
			if events[i].Type != kind || c.id() != came[0].id() || c.Body != came[0].Body {
				return fmt.Errorf("order %s: the webhook %s says %s: %s", o.OrderID, c.id(), events[i].Type, c.Body)
			}
			d.result.WebhooksVerified++
			if i < refused {
				d.say("webhook %s %s: both signatures fit; answered 500", events[i].Type, c.id())
			} else {
				d.say("webhook %s %s: both signatures fit", events[i].Type, c.id())
			}
		}
		return nil
	}
}

// control steers the chain.
func (d *demo) control(ctx context.Context, path string, body any) error {
	if body == nil {
		body = map[string]any{}
	}
	r, err := request(ctx, http.MethodPost, d.info.Chain.ControlURL+path, body)
	if err != nil {
		return err
	}
	return do(d.shop.client, r, nil)
}

func (d *demo) title(text string) { fmt.Fprintf(d.out, "\n%s\n", text) }

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, "  "+format+"\n", args...) }

func (d *demo) show(o order) {
	line := o.Status
	if o.TxHash != "" {
		line += fmt.Sprintf(", transaction %s in block %d, %d confirmations", o.TxHash[:10], o.BlockNumber, o.Confirmations)
	}
	if o.ConfirmedReceived != "" {
		line += ", confirmed " + o.ConfirmedReceived
	}
	d.say("%s", line)
}

// atomic turns a decimal amount into a token's smallest units.
func atomic(amount string, decimals uint8) (*big.Int, error) {
	whole, fraction, _ := strings.Cut(amount, ".")
	if len(fraction) > int(decimals) {
		return nil, fmt.Errorf("%s has more than %d decimals", amount, decimals)
	}
	units, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", int(decimals)-len(fraction)), 10)
	if !ok {
		return nil, fmt.Errorf("%q is not an amount", amount)
	}
	return units, nil
}
