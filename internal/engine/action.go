package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"till/internal/order"
)

// Action is what an operator did: a row of its own, written in the transaction of the command and sealed like
// the ledger. It holds no secret.
type Action struct {
	ID     string
	Mode   Mode // whose chain it is sealed in; what concerns the whole server is live
	At     time.Time
	Who    string // the operator's key or name
	What   string // the command: "cancel", "release", "clock.move", "key.save", ...
	Ref    string // what it was about: an order's or a key's internal id, ...
	Detail string // what else was asked, for people
}

// As is the engine for one operator: what is administrated through it (merchants, keys, endpoints, the clock)
// is recorded as an action of who. Commands on orders name their operator themselves. Through the engine
// itself, administration is the program's own and no action.
func (e *Engine) As(who string) *Engine {
	mine := *e
	mine.who = who
	return &mine
}

// act records an action of the operator the engine is for, where it is for one.
func (e *Engine) act(tx Tx, m Mode, what, ref, detail string) error {
	if e.who == "" {
		return nil
	}
	return addAction(tx, m, e.who, what, ref, detail)
}

// Asked records what an operator asks of a rail, before it is done: nothing that a rail does for him is without its record.
func (e *Engine) Asked(ctx context.Context, m Mode, what, ref, detail string) error {
	return e.update(ctx, Keys{}, func(tx Tx) error { return e.act(tx, m, what, ref, detail) })
}

func addAction(tx Tx, m Mode, who, what, ref, detail string) error {
	if m == "" {
		m = Live
	}
	return tx.AddAction(Action{ID: tx.NewID(), Mode: m, At: tx.Now(), Who: who, What: what, Ref: ref, Detail: detail})
}

// commanded records a command on an order as an action, where an operator gave it.
func commanded(tx Tx, o *Order, c order.Change) error {
	if !c.Kind.IsCommand() || c.Actor != order.ByOperator {
		return nil
	}
	return addAction(tx, o.Scope.Mode, c.Who, string(c.Kind), o.ID, detail(c))
}

// detail is what a command asked for beside its kind.
func detail(c order.Change) string {
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if c.Reason != "" {
		say("reason %s", c.Reason)
	}
	if c.Review != "" {
		say("review %s", c.Review)
	}
	if len(c.Missing) > 0 {
		say("missing %s", strings.Join(c.Missing, ", "))
	}
	if !c.Amount.IsZero() {
		say("amount %s", c.Amount)
	}
	if c.Account != "" {
		say("from %s", c.Account)
	}
	if c.Payment.External != "" {
		say("payment %s on %s", c.Payment.External, c.Payment.Rail)
	}
	if c.Transfer.ID != "" {
		say("transfer %s of %s from %s to %s", c.Transfer.ID, c.Transfer.Amount, c.Transfer.Source, c.Transfer.To)
	}
	return strings.Join(parts, "; ")
}
