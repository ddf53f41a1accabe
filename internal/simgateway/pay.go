package simgateway

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// Callback is one that was sent, or kept back.
type Callback struct {
	ID      string // of the event
	Type    string
	Payment string
	Body    []byte
	Sent    bool
	Err     error // of the last sending
}

// Begin is a payer whose money was seen.
func (g *Gateway) Begin(ctx context.Context, id string) error {
	return g.move(ctx, id, Started, func(p *Payment) error {
		if p.From == "" {
			p.From = hash(20)
		}
		return nil
	})
}

// Complete brings a payment's money to its address: amount of it, a decimal; "" is all that was asked for.
func (g *Gateway) Complete(ctx context.Context, id, amount string) error {
	return g.move(ctx, id, Completed, func(p *Payment) (err error) {
		if amount == "" {
			amount = p.Amount
		}
		p.Received = amount
		if g.cfg.Deliver != nil {
			p.Tx, p.From, err = g.cfg.Deliver(ctx, *p, amount)
			return err
		}
		p.Tx = hash(32)
		if p.From == "" {
			p.From = hash(20)
		}
		return nil
	})
}

// Bounce is a payment whose money could not be brought to its address.
func (g *Gateway) Bounce(ctx context.Context, id string) error {
	return g.move(ctx, id, Bounced, func(p *Payment) error { p.Tx = hash(32); return nil })
}

// Expire is a payment that nobody paid in time. Nobody is told.
func (g *Gateway) Expire(id string) error {
	return g.Change(id, func(p *Payment) { p.Status = Expired })
}

// Refund sends money back to the payer. Only the older API tells of it, and its payment stays what it is.
func (g *Gateway) Refund(ctx context.Context, id string) error {
	return g.act(ctx, id, "payment_refunded", func(p *Payment) error { p.Refund = hash(32); return nil })
}

func (g *Gateway) move(ctx context.Context, id, status string, do func(p *Payment) error) error {
	return g.act(ctx, id, status, func(p *Payment) error {
		if p.Status == Completed || p.Status == Bounced || p.Status == Expired {
			return fmt.Errorf("simgateway: the payment %s is %s", id, p.Status)
		}
		if err := do(p); err != nil {
			return err
		}
		p.Status = status
		return nil
	})
}

// act changes a payment and calls back. Moving tokens takes time, in which the gateway answers nobody else: that is its
// only order.
func (g *Gateway) act(ctx context.Context, id, kind string, do func(p *Payment) error) error {
	g.mu.Lock()
	known := g.payments[id]
	if known == nil {
		g.mu.Unlock()
		return fmt.Errorf("simgateway: there is no payment %s", id)
	}
	p := *known
	err := do(&p)
	if err == nil {
		err = g.keep(p)
	}
	if err != nil {
		g.mu.Unlock()
		return err
	}
	*known = p
	place := -1
	if cb, told := g.callback(p, kind); told {
		g.callbacks = append(g.callbacks, cb)
		place = len(g.callbacks) - 1
	}
	mute := g.mute
	g.mu.Unlock()
	if place < 0 || mute {
		return nil
	}
	_ = g.Send(ctx, place) // it is kept with the callback: a receiver that is away is no trouble of the payer's
	return nil
}

// Callbacks lists those that were sent or kept back, in the order of their events.
func (g *Gateway) Callbacks() []Callback {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]Callback{}, g.callbacks...)
}

// Send sends the callback at a place of Callbacks, again where it was sent before: the same bytes under a new time.
func (g *Gateway) Send(ctx context.Context, place int) error {
	g.mu.Lock()
	if place < 0 || place >= len(g.callbacks) {
		g.mu.Unlock()
		return fmt.Errorf("simgateway: there is no callback %d", place)
	}
	cb, hook := g.callbacks[place], g.cfg.Hook
	g.mu.Unlock()
	if hook == nil {
		return nil
	}
	err := hook(ctx, g.Header(cb), cb.Body)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.callbacks[place].Sent, g.callbacks[place].Err = true, err
	return err
}

// Header is how a callback proves itself at this moment.
func (g *Gateway) Header(cb Callback) http.Header {
	header := http.Header{}
	if g.cfg.API == PaymentsAPI {
		header.Set("Authorization", "Basic "+g.cfg.Secret)
		header.Set("Idempotency-Key", cb.ID)
		return header
	}
	at := strconv.FormatInt(g.cfg.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(g.cfg.Secret))
	mac.Write([]byte(at + "."))
	mac.Write(cb.Body)
	header.Set("Daimo-Signature", "t="+at+",v1="+hex.EncodeToString(mac.Sum(nil)))
	return header
}

// callback is the event of a change; told is false where the API has none.
func (g *Gateway) callback(p Payment, kind string) (cb Callback, told bool) {
	raw := make([]byte, 16)
	rand.Read(raw)
	cb = Callback{ID: hex.EncodeToString(raw), Type: kind, Payment: p.ID}
	var body map[string]any
	if g.cfg.API == SessionsAPI {
		cb.Type, told = map[string]string{Started: "session.processing", Completed: "session.succeeded", Bounced: "session.bounced"}[kind], kind != "payment_refunded"
		body = map[string]any{"id": cb.ID, "type": cb.Type, "createdAt": g.cfg.Now().Unix(), "data": map[string]any{"session": p.newer()}}
	} else {
		told = true
		body = map[string]any{"type": kind, "paymentId": p.ID, "chainId": p.Chain, "txHash": orNull(p.Tx), "payment": p.older()}
		if kind == "payment_refunded" {
			body["refundAddress"], body["tokenAddress"], body["amountUnits"], body["txHash"] = p.RefundTo, p.Token, p.Amount, p.Refund
		}
	}
	cb.Body, _ = json.Marshal(body) // of texts and numbers only
	return cb, told
}
