package engine

import "context"

// Notice is something that happened to a scope and to no order of it: an address was bound, a pool runs low, a
// merchant tries an endpoint.
type Notice struct {
	Type     string
	Ref      string            // internal id of what it is about; may be empty
	Details  map[string]string // what there is to say, for the API that tells it
	Endpoint string            // the only endpoint that is told, whatever it wants to hear; empty: all that want it
}

// Announce records an event of a scope. It is told as an order's events are, once. The caller has checked that the
// endpoint, where there is one, is the scope's.
func (e *Engine) Announce(ctx context.Context, s Scope, n Notice) (Event, error) {
	var told Event
	err := e.update(ctx, Keys{}, func(tx Tx) (err error) {
		told, err = announce(tx, s, n)
		return err
	})
	return told, err
}

func announce(tx Tx, s Scope, n Notice) (Event, error) {
	clock, err := tx.Clock(s.Mode)
	if err != nil {
		return Event{}, err
	}
	ev := Event{ID: tx.NewID(), Scope: s, Type: n.Type, At: tx.Now(),
		Facts: Facts{Ref: n.Ref, Details: n.Details, Endpoint: n.Endpoint, At: clock.Shift(tx.Now())}}
	return ev, tx.AddEvents([]Event{ev})
}
