package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"till/internal/app/dev"
)

// Result is what the demo of orders verified. It is the last line it prints.
type Result struct {
	Orders           int  `json:"orders"`
	Completed        int  `json:"completed"`
	Expired          int  `json:"expired"`
	WebhooksVerified int  `json:"webhooks_verified"` // deliveries whose two signatures were checked
	LedgerBalanced   bool `json:"ledger_balanced"`   // per token: booked from the chain = held on the chain
	ReorgSurvived    bool `json:"reorg_survived"`
}

// orders is one run of the demo of orders.
type orders struct {
	*demo
	result Result
}

// Orders plays four orders: one paid, one whose payment a reorganisation takes away, one paid in two parts, one that
// expires. It returns the closing line, or an error at the first step that is not as it must be.
func Orders(ctx context.Context, info dev.Info, out io.Writer) (line string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d, err := start(ctx, info, out)
	if err != nil {
		return "", err
	}
	defer d.payer.close()
	run := &orders{demo: d}
	for _, step := range []func(context.Context) error{run.plain, run.reorganised, run.inParts, run.expires} {
		if err := step(ctx); err != nil {
			return "", err
		}
	}
	if err := d.books(ctx, "USDT", "USDC", "DAI"); err != nil {
		return "", err
	}
	run.result.WebhooksVerified, run.result.LedgerBalanced = d.verified, true
	return closing(run.result), nil
}

// plain is one order paid exactly, and a webhook that is refused once and comes again.
func (d *orders) plain(ctx context.Context) error {
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
	d.result.Completed++
	return d.told(ctx, o, "order.completed", 1)
}

// reorganised is an order whose payment a reorganisation takes out of the chain after a confirmation. It
// is sent again and completes in another block.
func (d *orders) reorganised(ctx context.Context) error {
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
	d.result.Completed++
	second, ok, err := d.payer.mined(ctx, tx)
	if err != nil || !ok || second == first {
		return fmt.Errorf("the payment is not in another block: %w", err)
	}
	d.say("it was in block %s, it is in block %s", first.Hex()[:10], second.Hex()[:10])
	d.result.ReorgSurvived = true
	return d.told(ctx, o, "order.completed", 0)
}

// inParts is one order paid by two payments.
func (d *orders) inParts(ctx context.Context) error {
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
	d.result.Completed++
	return d.told(ctx, o, "order.completed", 0)
}

// expires is an order that nobody pays. The sandbox's clock is moved past its window and grace.
func (d *orders) expires(ctx context.Context) error {
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

func (d *orders) create(ctx context.Context, reference, amount, currency string) (order, error) {
	o, err := d.shop.create(ctx, reference, amount, currency)
	if err != nil {
		return o, err
	}
	d.result.Orders++
	d.say("order %s: %s %s to %s", o.OrderID, o.Amount, o.Currency, o.Address)
	return o, nil
}
