// Package demo plays a merchant's shop and its payers against a dev server, and checks every step. It is
// a client: it knows what a dev server tells any client and nothing else. Nothing it prints is scripted;
// every line shows what an answer, a block or a webhook said.
//
// There are two: orders.go has what every order can meet, payin.go what a merchant does with one API.
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

// patience bounds a whole demo.
const patience = 3 * time.Minute

// demo is what every demo has: a shop, a payer, and somebody who can look behind the API.
type demo struct {
	out      io.Writer
	shop     *shop
	payer    *payer
	operator *client.Client
	info     dev.Info
	merchant string // whose shop it is
	now      func() time.Time
	verified int // webhooks, refused ones included
}

// start begins a demo with the dev server's ready merchant. The caller closes the payer.
func start(ctx context.Context, info dev.Info, out io.Writer) (*demo, error) {
	p, err := newPayer(ctx, info.Chain)
	if err != nil {
		return nil, err
	}
	return &demo{
		out: out, info: info, payer: p, now: time.Now, merchant: "default",
		shop:     &shop{info: info, client: http.DefaultClient},
		operator: client.New(info.Operator.URL, info.Operator.Token, http.DefaultClient),
	}, nil
}

// closing is a result as one line of JSON.
func closing(result any) string {
	text, _ := json.Marshal(result) // plain fields only
	return string(text)
}

// books holds the ledger against the chain: what was booked from it, per token, is what the pool's
// addresses hold.
func (d *demo) books(ctx context.Context, tokens ...string) error {
	d.title("The books against the chain")
	var pool []string
	for after := ""; ; {
		page, err := d.operator.Instruments(ctx, client.InstrumentQuery{Merchant: d.merchant, Mode: "sandbox", After: after, Limit: 1000})
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
	balances, err := d.operator.Balances(ctx, d.merchant, "sandbox")
	if err != nil {
		return err
	}
	for _, token := range tokens {
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
	return nil
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

// told waits for the webhook of an order and checks each delivery of it.
func (d *demo) told(ctx context.Context, o order, kind string, refused int) error {
	return d.toldOf(ctx, "order "+o.OrderID, kind, refused, func(e event) bool { return e.Data.OrderID == o.OrderID })
}

// toldOf waits for the webhook that is about something and checks each delivery of it: the refused ones too, which come
// again with the same id and the same bytes.
func (d *demo) toldOf(ctx context.Context, what, kind string, refused int, about func(event) bool) error {
	for {
		came, events, err := d.shop.deliveries(ctx, about)
		if err != nil {
			return err
		}
		if len(came) < refused+1 {
			if err := pause(ctx); err != nil {
				return fmt.Errorf("%s: %d of %d webhooks came: %w", what, len(came), refused+1, err)
			}
			continue
		}
		for i, c := range came {
			if err := d.shop.verify(c, d.now()); err != nil {
				return err
			}
			if events[i].Type != kind || c.id() != came[0].id() || c.Body != came[0].Body {
				return fmt.Errorf("%s: the webhook %s says %s: %s", what, c.id(), events[i].Type, c.Body)
			}
			d.verified++
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
