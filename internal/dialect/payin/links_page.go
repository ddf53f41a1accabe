package payin

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"net/netip"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
)

// What the page of a payment link (internal/checkout) must know of this API.

// Listing is what the page of a payment link shows: nothing of its metadata, and what is served only, the primary
// currency first.
func (d *Dialect) Listing(o *engine.Offer) engine.Listing {
	l := linkOf(o)
	shown := engine.Listing{Title: plainText(l.Title, ""), Description: plainText(l.Description, "\n")}
	var others []engine.Way
	for _, c := range l.Currencies {
		for _, chain := range c.Chains {
			network, asset, err := d.served(chain, c.Currency, o.Scope.Mode)
			if err != nil {
				continue
			}
			way := engine.Way{Network: network, Price: money.Zero(asset)}
			if price := l.price(c); price != "" {
				if way.Price, err = money.Parse(asset, price); err != nil {
					continue
				}
			}
			if c.Primary {
				shown.Ways = append(shown.Ways, way)
			} else {
				others = append(others, way)
			}
		}
	}
	shown.Ways = append(shown.Ways, others...)
	return shown
}

// TakeUp makes an order of a payment link as [Dialect.takeLink] does. A form that made one already gets that, as long
// as it can be paid.
func (d *Dialect) TakeUp(ctx context.Context, client netip.Prefix, slug string, c engine.Choice) (*engine.Order, error) {
	choice := taking{email: c.Email, currency: c.Currency, chain: c.Network, amount: c.Amount}
	if err := choice.check(); err != nil {
		return nil, err
	}
	if c.Once != "" {
		choice.once = onceOf(c)
		if o, err := d.takenBy(ctx, slug, choice); o != nil || err != nil {
			return o, err
		}
	}
	if wait, ok := d.takings.Allow(client, d.now()); !ok {
		return nil, tooOften(wait)
	}
	o, err := d.take(ctx, slug, choice)
	if fault.Is(err, fault.CodeDuplicateReference) { // by the same form, at the same time, or before that order expired
		if o, err := d.takenBy(ctx, slug, choice); o != nil || err != nil {
			return o, err
		}
		choice.once = ""
		o, err = d.take(ctx, slug, choice)
	}
	return o, onPage(err)
}

// onceOf is the end of the reference of an order that a form makes: the same choice of the same form is the same order.
func onceOf(c engine.Choice) string {
	hash := sha256.Sum256(encode(c))
	return strings.ToLower(base32.StdEncoding.EncodeToString(hash[:15]))
}

// takenBy is the order that a form made, as long as it can be paid; nil when there is none.
func (d *Dialect) takenBy(ctx context.Context, slug string, choice taking) (*engine.Order, error) {
	offer, err := d.engine.OfferBySlug(ctx, slug)
	if err != nil {
		return nil, explainLink(err)
	}
	o, err := d.engine.OrderByUnique(ctx, engine.UniqueKey{Scope: offer.Scope, Key: linkReference(slug, choice.once)})
	if fault.Is(err, fault.CodeNotFound) || err == nil && o.State.Terminal() {
		return nil, nil
	}
	return o, err
}

// onPage names the field of the page that a refusal is about.
func onPage(err error) error {
	f, ok := fault.As(err)
	if !ok || f.Param != "currency" && f.Param != "chainId" {
		return err
	}
	told := *f
	told.Param = "way"
	return &told
}
