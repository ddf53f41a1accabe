package engine

import (
	"context"
	"time"

	"till/internal/fault"
)

// Idempotency is how long a remembered answer is given again.
const Idempotency = 24 * time.Hour

// ServerMarks is the scope of answers that are kept for ever: what the server itself did once.
const ServerMarks = "server"

// Once names a request that must have one effect.
type Once struct {
	Key  AnswerKey
	Hash string // of what was asked
}

// Repeatable says how a request for something new may be repeated. The zero Repeatable has no name: each call is
// a request of its own.
type Repeatable[T any] struct {
	Once *Once
	// Answer renders what is remembered and given to every repeat. It is kept on disk, so it holds no secret:
	// a repeat shows it masked.
	Answer func(made T) (status int, body []byte)
}

// once makes something in one transaction together with the memory of the answer, or finds the answer that the
// same request was given before, and then makes nothing. Every use case that may be repeated goes through it.
//
// Errors: idempotency_conflict, and those of do. A refused request is not remembered.
func once[T any](ctx context.Context, e *Engine, want Keys, r Repeatable[T], do func(tx Tx) (T, error)) (made T, replay *Answer, err error) {
	if r.Once != nil {
		want.Answers = append(want.Answers, r.Once.Key)
	}
	var none T
	err = e.update(ctx, want, func(tx Tx) (err error) {
		made, replay = none, nil
		if r.Once != nil {
			if replay, err = remembered(tx, *r.Once); err != nil || replay != nil {
				return err
			}
		}
		if made, err = do(tx); err != nil || r.Once == nil {
			return err
		}
		a := Answer{Scope: r.Once.Key.Scope, Key: r.Once.Key.Key, Hash: r.Once.Hash, At: tx.Now()}
		a.Status, a.Body = r.Answer(made)
		if o, ok := any(made).(*Order); ok {
			a.OrderID = o.ID
		}
		return tx.Remember(a)
	})
	if err != nil {
		made, replay = none, nil
	}
	return made, replay, err
}

// remembered finds the answer to a request, if it is still given again.
func remembered(tx Tx, o Once) (*Answer, error) {
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

// ForgetAnswers deletes up to limit answers that are given no more and returns how many. Several processes may do it at the same
// time.
func (e *Engine) ForgetAnswers(ctx context.Context, now time.Time, limit int) (n int, err error) {
	var old []AnswerKey
	err = e.store.View(ctx, func(rd Reader) error {
		old, err = rd.OldAnswers(now.Add(-Idempotency), limit)
		return err
	})
	if err != nil || len(old) == 0 {
		return 0, err
	}
	err = e.store.Update(ctx, Keys{Answers: old}, func(tx Tx) error {
		n = 0
		for _, k := range old {
			a, err := tx.Answer(k)
			if err != nil {
				return err
			}
			if a == nil || tx.Now().Sub(a.At) < Idempotency { // somebody was faster
				continue
			}
			if err := tx.Forget(k); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
