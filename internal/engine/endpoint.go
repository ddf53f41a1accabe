package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"till/internal/fault"
)

// SaveMerchant adds or changes a merchant.
func (e *Engine) SaveMerchant(ctx context.Context, m Merchant) error {
	return e.update(ctx, Keys{}, func(tx Tx) error {
		if m.CreatedAt.IsZero() {
			m.CreatedAt = tx.Now()
		}
		if err := e.act(tx, "", "merchant.save", m.ID, m.Name); err != nil {
			return err
		}
		return tx.SaveMerchant(m)
	})
}

// SaveKey adds or changes an API key.
func (e *Engine) SaveKey(ctx context.Context, k Key) error {
	return e.update(ctx, Keys{}, func(tx Tx) error {
		if k.CreatedAt.IsZero() {
			k.CreatedAt = tx.Now()
		}
		if err := e.act(tx, k.Scope.Mode, "key.save", k.ID, keyDetail(k)); err != nil {
			return err
		}
		return tx.SaveKey(k)
	})
}

// keyDetail is what may be shown of a key.
func keyDetail(k Key) string {
	return fmt.Sprintf("%s %s of %s; active %t; scopes %s", k.Name, k.Prefix, k.Scope.Merchant, k.Active, strings.Join(k.Scopes, " "))
}

// SaveEndpoint adds or changes a webhook endpoint. The caller has checked the URL and sealed the secret.
func (e *Engine) SaveEndpoint(ctx context.Context, ep Endpoint) error {
	return e.update(ctx, Keys{}, func(tx Tx) error {
		if ep.CreatedAt.IsZero() {
			ep.CreatedAt = tx.Now()
		}
		if err := e.act(tx, ep.Scope.Mode, "endpoint.save", ep.ID, fmt.Sprintf("%s; enabled %t", ep.Name, ep.Enabled)); err != nil {
			return err
		}
		ep.UpdatedAt = tx.Now()
		return tx.SaveEndpoint(ep)
	})
}

// Endpoints lists a scope's webhook endpoints.
func (e *Engine) Endpoints(ctx context.Context, s Scope) ([]Endpoint, error) {
	var list []Endpoint
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		list, err = rd.Endpoints(s)
		return err
	})
	return list, err
}

// Untold is an event that has no messages yet, with what is needed to render them.
type Untold struct {
	Event     Event
	Order     *Order     // nil for an event of the scope, and where there are no endpoints
	Endpoints []Endpoint // the scope's and its organisation's, enabled only; of an event for one endpoint that one
}

// Untold returns the oldest events of these dialects that have no messages yet. Those of others wait for a process
// that serves them.
func (e *Engine) Untold(ctx context.Context, dialects []string, limit int) ([]Untold, error) {
	var list []Untold
	words := slices.Clone(dialects)
	for _, d := range dialects {
		words = append(words, Scope{Dialect: d}.Arrivals().Dialect, Scope{Dialect: d}.Spending().Dialect)
	}
	err := e.store.View(ctx, func(rd Reader) error {
		events, err := rd.UntoldEvents(words, limit)
		if err != nil {
			return err
		}
		endpoints := map[Scope][]Endpoint{}
		for _, ev := range events {
			scope := ev.Scope.Owner()
			if _, ok := endpoints[scope]; !ok {
				if endpoints[scope], err = rd.Listeners(scope); err != nil {
					return err
				}
			}
			u := Untold{Event: ev, Endpoints: endpoints[scope]}
			if only := ev.Facts.Endpoint; only != "" {
				u.Endpoints = slices.DeleteFunc(slices.Clone(u.Endpoints), func(ep Endpoint) bool { return ep.ID != only })
			}
			if len(u.Endpoints) > 0 && ev.OrderID != "" {
				if u.Order, err = rd.Order(ev.OrderID); err != nil {
					return err
				}
				if err := fillHead(rd, u.Order); err != nil {
					return err
				}
			}
			list = append(list, u)
		}
		return nil
	})
	return list, err
}

// Told writes the messages of events and marks the events as told, in one transaction. Telling an event
// twice makes no second message: one per event and endpoint. A message that was rendered before its order's customer was
// erased is written without him.
func (e *Engine) Told(ctx context.Context, eventIDs []string, messages []Message) error {
	number(messages)
	var want Keys
	for _, m := range messages {
		if m.OrderID != "" && e.forgetters[m.Scope.API()] != nil {
			want.Orders = append(want.Orders, m.OrderID)
		}
	}
	return e.store.Update(ctx, want, func(tx Tx) error {
		for i := range messages {
			if messages[i].ID == "" {
				messages[i].ID = tx.NewID()
				messages[i].CreatedAt = tx.Now()
				messages[i].NextAt = tx.Now()
			}
		}
		list, err := e.withoutErased(tx, messages)
		if err != nil {
			return err
		}
		if err := tx.SaveMessages(list); err != nil {
			return err
		}
		return tx.EventsTold(eventIDs)
	})
}

// DueEndpoints returns ids of endpoints with messages whose next attempt is due, by id, behind the given
// one. Each endpoint has a queue of its own, so that a long one hides no other.
func (e *Engine) DueEndpoints(ctx context.Context, now time.Time, after string, limit int) ([]string, error) {
	var list []string
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		list, err = rd.DueEndpoints(now, after, limit)
		return err
	})
	return list, err
}

// DueMessages returns an endpoint's messages whose next attempt is due, oldest first.
func (e *Engine) DueMessages(ctx context.Context, endpoint string, now time.Time, limit int) ([]Message, error) {
	var list []Message
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		list, err = rd.DueMessages(endpoint, now, limit)
		return err
	})
	return list, err
}

// Endpoint finds an endpoint; nil when it is gone.
func (e *Engine) Endpoint(ctx context.Context, id string) (*Endpoint, error) {
	var ep *Endpoint
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		ep, err = rd.Endpoint(id)
		return err
	})
	return ep, err
}

// Attempted records the outcome of attempts to deliver messages.
func (e *Engine) Attempted(ctx context.Context, messages []Message) error {
	return e.store.Update(ctx, Keys{}, func(tx Tx) error { return tx.SaveMessages(messages) })
}

// DisableEndpoint stops telling an endpoint whose receiver at a URL answered that it is gone. All else of it stays as
// it is at that moment; where it has got another URL meanwhile, so does that, and disabled is false. Error: not_found.
func (e *Engine) DisableEndpoint(ctx context.Context, id, url string) (disabled bool, err error) {
	err = e.update(ctx, Keys{}, func(tx Tx) error {
		ep, err := tx.Endpoint(id)
		if err != nil {
			return err
		}
		if ep == nil {
			return fault.New(fault.CodeNotFound, "no such endpoint")
		}
		if disabled = ep.URL == url; !disabled {
			return nil
		}
		ep.Enabled, ep.UpdatedAt = false, tx.Now()
		return tx.SaveEndpoint(*ep)
	})
	return disabled && err == nil, err
}
