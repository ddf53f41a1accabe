package engine

import (
	"context"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

// Remedy is an operator's command about money of an ended order that must have one effect, however often it
// is sent.
type Remedy struct {
	ID      string // given by the caller; the same one for another command is a conflict
	OrderID string
	Amount  money.Amount
	From    ledger.Role // Release: the suspense account
	Who     string
}

// ReleaseOnce is Release that is safe to repeat under its id for a day.
//
// Errors: those of Release; missing_field, idempotency_conflict.
func (e *Engine) ReleaseOnce(ctx context.Context, r Remedy) (*Order, error) {
	return e.remedy(ctx, "release", r, func(o *Order) order.Change {
		return order.Change{Kind: order.Release, Actor: order.ByOperator, Who: r.Who, Account: o.Terms.Book.Account(r.From), Amount: r.Amount}
	})
}

// AbsorbOnce is Absorb that is safe to repeat under its id for a day.
//
// Errors: those of Absorb; missing_field, idempotency_conflict.
func (e *Engine) AbsorbOnce(ctx context.Context, r Remedy) (*Order, error) {
	return e.remedy(ctx, "absorb", r, func(*Order) order.Change {
		return order.Change{Kind: order.Absorb, Actor: order.ByOperator, Who: r.Who, Amount: r.Amount}
	})
}

func (e *Engine) remedy(ctx context.Context, what string, r Remedy, ask func(*Order) order.Change) (*Order, error) {
	if r.ID == "" {
		return nil, fault.New(fault.CodeMissingField, "the command needs an id").On("id")
	}
	key := AnswerKey{Scope: "operator/remedy", Key: r.ID}
	hash := what + " " + r.OrderID + " " + string(r.From) + " " + r.Amount.Units() + " " + r.Amount.Asset().String()
	var got *Order
	err := e.update(ctx, Keys{Orders: []string{r.OrderID}, Answers: []AnswerKey{key}}, func(tx Tx) error {
		o, err := tx.Order(r.OrderID)
		if err != nil {
			return err
		}
		got = o
		before, err := remembered(tx, Once{Key: key, Hash: hash})
		if err != nil || before != nil {
			return err
		}
		if _, err := e.apply(tx, o, ask(o), false); err != nil {
			return err
		}
		return tx.Remember(Answer{Scope: key.Scope, Key: key.Key, Hash: hash, OrderID: o.ID, Body: []byte{}, At: tx.Now()})
	})
	return got, err
}
