package app

import (
	"context"
	"fmt"
	"time"

	"till/internal/dialect/baanx"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/rail"
	"till/internal/rail/fulfil"
	"till/internal/webhook"
)

// fulfilRails are the rails on which merchants hand over what was paid, one for each mode.
func (a *App) fulfilRails(cfg Config) (list []rail.Sender) {
	waits := webhook.Schedule{5 * time.Second, 30 * time.Second, 2 * time.Minute}.Then(webhook.Ours)
	for _, m := range []engine.Mode{engine.Live, engine.Sandbox} {
		name := engine.FulfilRail(m)
		list = append(list, fulfil.New(fulfil.Config{Name: name, State: a.Engine.State(name), Caller: fulfilCaller{a}, Waits: waits, Now: cfg.Now}))
	}
	return list
}

// fulfilCaller asks a merchant's server to hand over a product.
type fulfilCaller struct{ app *App }

// Call implements fulfil.Caller. Where the product is handed over is asked now, so that a URL that was corrected is
// called by what waits already.
func (f fulfilCaller) Call(ctx context.Context, d rail.Delivery) (fulfil.Answer, error) {
	a := f.app
	o, err := a.Engine.Find(ctx, d.To)
	if err != nil {
		return fulfil.Answer{}, err
	}
	last, ok := o.LastDelivery()
	if !ok || last.ID != d.ID || !last.State.InFlight() || o.State.Terminal() {
		return fulfil.Answer{Over: true}, nil
	}
	p, err := a.Engine.Product(ctx, o.Scope, o.Purchase.Product)
	if err != nil {
		return fulfil.Answer{}, err
	}
	if p.Fulfilment.Kind == engine.FulfilByHand {
		return fulfil.Answer{Manual: true}, nil
	}
	secret, err := a.openProduct(p)
	if err != nil {
		return fulfil.Answer{}, err
	}
	u, err := a.Engine.User(ctx, o.Scope, o.Purchase.User)
	if err != nil {
		return fulfil.Answer{}, err
	}
	header, body := a.shop.Fulfilment(o, u, d.ID, secret, a.now())
	within, cancel := context.WithTimeout(ctx, webhook.DefaultTimeout)
	defer cancel()
	got, err := a.client.Post(within, p.Fulfilment.URL, header, body)
	return fulfil.Answer{Status: got.Status, Wait: got.RetryAfter}, err
}

// What seals the secret of a product's fulfilment.
func productContext(s engine.Scope, code string) string {
	return "product/" + s.Merchant + "/" + string(s.Mode) + "/" + s.Dialect + "/" + code
}

// SealProduct encrypts the secret that signs a product's fulfilment for the database.
func (a *App) SealProduct(s engine.Scope, code string, secret webhook.Secret) (string, error) {
	return a.box.Seal([]byte(secret.Reveal()), productContext(s, code))
}

func (a *App) openProduct(p *engine.Product) (webhook.Secret, error) {
	plain, err := a.box.Open(p.Fulfilment.Secret, productContext(p.Scope, p.Code))
	if err != nil {
		return "", fmt.Errorf("the secret of product %s cannot be opened: %w", p.Code, err)
	}
	return webhook.Secret(plain), nil
}

// putProducts brings the catalogue to what the config file says: its products are made or replaced. One that the file
// says no more stays as it was, and is the operator's again.
func (a *App) putProducts(ctx context.Context, list []Product) error {
	for _, p := range list {
		was, err := a.Engine.Product(ctx, p.Scope, p.Code)
		if err != nil && !fault.Is(err, fault.CodeNotFound) {
			return err
		}
		made := p.Product
		made.Configured = true
		if p.Secret != "" {
			if err == nil && was.Fulfilment.Secret != "" {
				if now, err := a.openProduct(was); err == nil && now == p.Secret {
					made.Fulfilment.Secret = was.Fulfilment.Secret
				}
			}
			if made.Fulfilment.Secret == "" {
				if made.Fulfilment.Secret, err = a.SealProduct(p.Scope, p.Code, p.Secret); err != nil {
					return err
				}
			}
		}
		if _, err := a.Engine.SaveProduct(ctx, made); err != nil {
			return fmt.Errorf("baanx.products.%s: %w", p.Code, err)
		}
	}
	configured := map[string]bool{}
	for _, p := range list {
		configured[string(p.Scope.Mode)+p.Scope.Merchant+p.Code] = true
	}
	var free []engine.Product
	if err := eachProduct(ctx, a.Engine, func(p engine.Product) error {
		if p.Configured && !configured[string(p.Scope.Mode)+p.Scope.Merchant+p.Code] {
			free = append(free, p)
		}
		return nil
	}); err != nil {
		return err
	}
	for _, p := range free {
		if err := a.Engine.ReleaseProduct(ctx, p.Scope, p.Code); err != nil {
			return err
		}
	}
	return nil
}

// eachProduct visits every product there is that has a secret or that the config file says.
func eachProduct(ctx context.Context, e *engine.Engine, visit func(p engine.Product) error) error {
	merchants, err := e.Merchants(ctx)
	if err != nil {
		return err
	}
	for _, m := range merchants {
		for _, mode := range []engine.Mode{engine.Live, engine.Sandbox} {
			list, err := e.Products(ctx, engine.Scope{Merchant: m.ID, Mode: mode, Dialect: baanx.Name}, false)
			if err != nil {
				return err
			}
			for _, p := range list {
				if p.Fulfilment.Secret == "" && !p.Configured {
					continue
				}
				if err := visit(p); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
