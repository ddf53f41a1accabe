package engine

import (
	"context"
	"encoding/json"
	"time"

	"till/internal/fault"
	"till/internal/order"
)

// Idempotency is how long a remembered answer is given again.
const Idempotency = 24 * time.Hour

// NewOrder asks for an order. The dialect fills it after it has checked the request.
type NewOrder struct {
	Scope     Scope
	PublicID  string
	Reference string
	UniqueKey string
	Network   Network // where it is collected

	// Terms is called in the transaction, with what only the transaction knows. doc is what the dialect
	// must remember of the order and echo.
	Terms func(p Plan) (t order.Terms, doc json.RawMessage, err error)

	// Once, when set, makes a repeat of the same request give the first answer again. Answer renders what
	// is remembered.
	Once   *Once
	Answer func(o *Order) (status int, body []byte)
}

// Plan is what the terms of an order depend on beside the request.
type Plan struct {
	Now      time.Time                  // on the mode's clock
	Settings map[string]json.RawMessage // of the merchant in this mode
}

// Once names a request that must have one effect.
type Once struct {
	Key  AnswerKey
	Hash string // of what was asked
}

// Created is the new order, or the remembered answer to the same request.
type Created struct {
	Order  *Order
	Replay *Answer
}

// Create makes an order that is paid to an instrument of the merchant's pool. Everything is written in
// one transaction or nothing is: a refused order takes no instrument.
//
// Errors: duplicate_reference (Details "existing": the public id of the order that has the unique key),
// idempotency_conflict, not_configured (the network's rail has never told anything), no_address, and what
// Terms returns.
func (e *Engine) Create(ctx context.Context, n NewOrder) (Created, error) {
	var made Created
	want := Keys{
		Unique:   []UniqueKey{{Scope: n.Scope, Key: n.UniqueKey}},
		Settings: []SettingScope{{Merchant: n.Scope.Merchant, Mode: n.Scope.Mode}},
	}
	if n.Once != nil {
		want.Answers = []AnswerKey{n.Once.Key}
	}
	err := e.update(ctx, want, func(tx Tx) error {
		made = Created{}
		if n.Once != nil {
			replay, err := once(tx, *n.Once)
			if err != nil || replay != nil {
				made.Replay = replay
				return err
			}
		}
		o, err := e.create(tx, n)
		if err != nil {
			return err
		}
		made.Order = o
		if n.Once == nil {
			return nil
		}
		status, body := n.Answer(o)
		return tx.Remember(Answer{Scope: n.Once.Key.Scope, Key: n.Once.Key.Key, Hash: n.Once.Hash, OrderID: o.ID, Status: status, Body: body, At: tx.Now()})
	})
	return made, err
}

// create makes the order inside a transaction.
func (e *Engine) create(tx Tx, n NewOrder) (*Order, error) {
	if n.UniqueKey != "" {
		taken, err := tx.OrderByUnique(UniqueKey{Scope: n.Scope, Key: n.UniqueKey})
		if err != nil {
			return nil, err
		}
		if taken != nil {
			return nil, Duplicate(taken.PublicID)
		}
	}
	told, err := tx.Progress(n.Network.Rail)
	if err != nil {
		return nil, err
	}
	if told == nil || told.Cursor.Horizon.IsZero() {
		return nil, fault.New(fault.CodeNotConfigured, "the network '"+n.Network.ID+"' is not being watched yet")
	}
	clock, err := tx.Clock(n.Scope.Mode)
	if err != nil {
		return nil, err
	}
	settings, err := tx.Settings(SettingScope{Merchant: n.Scope.Merchant, Mode: n.Scope.Mode})
	if err != nil {
		return nil, err
	}
	now := clock.Shift(tx.Now())
	terms, doc, err := n.Terms(Plan{Now: now, Settings: settings})
	if err != nil {
		return nil, err
	}

	o := &Order{
		Order: order.Order{Terms: terms},
		ID:    tx.NewID(), PublicID: n.PublicID, Scope: n.Scope, Reference: n.Reference, UniqueKey: n.UniqueKey,
		Network: n.Network.ID, Rail: n.Network.Rail, Doc: doc,
		CreatedAt: now, UpdatedAt: now, Head: told.Cursor.Head,
	}
	if ahead := told.Cursor.Horizon.Sub(tx.Now()); ahead > 0 {
		o.Skew = ahead
	}
	pool := Pool{Merchant: n.Scope.Merchant, Mode: n.Scope.Mode, Family: n.Network.Family}
	o.Instrument, err = tx.TakeInstrument(pool, o.ID, told.Cursor.Horizon)
	if err != nil {
		return nil, err
	}
	_, err = e.apply(tx, o, order.Change{Kind: order.Create, Actor: order.ByMerchant}, true)
	if err != nil {
		return nil, err
	}
	return o, nil
}

// once finds the remembered answer to a request, if it is still given again.
func once(tx Tx, o Once) (*Answer, error) {
	a, err := tx.Answer(o.Key)
	if err != nil || a == nil {
		return nil, err
	}
	if tx.Now().Sub(a.At) >= Idempotency {
		return nil, tx.Forget(o.Key)
	}
	if a.Hash != o.Hash {
		return nil, fault.New(fault.CodeIdempotencyConflict, "this idempotency key was used for another request")
	}
	return a, nil
}

// Duplicate is the refusal of a reference that another order has.
func Duplicate(existing string) *fault.Error {
	return fault.New(fault.CodeDuplicateReference, "an order with this reference exists").With("existing", existing)
}
