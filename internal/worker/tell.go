package worker

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"till/internal/engine"
	"till/internal/killpoint"
)

const (
	tellBatch  = 200                   // events told in one transaction
	tellGather = 50 * time.Millisecond // between two rounds: under load many events share a look into the database and a commit
)

// tellEngine is what telling needs of the engine.
type tellEngine interface {
	Untold(ctx context.Context, dialects []string, limit int) ([]engine.Untold, error)
	Told(ctx context.Context, eventIDs []string, messages []engine.Message) error
}

// Tell turns events into messages. An event is rendered once; every endpoint that wants it gets the
// same bytes.
type Tell struct {
	*loop
	engine  tellEngine
	tellers map[string]Teller
	due     *Bell // rung when there are messages to send
}

// Run tells until ctx ends. An event after a quiet while is told at once.
func (t *Tell) Run(ctx context.Context) {
	t.gather = tellGather
	t.run(ctx, t.RunOnce)
}

// RunOnce tells every event that has no messages yet, oldest first, and returns how many. Events of a dialect that
// this process does not serve stay untold: another one may, while servers are replaced one by one. A crash
// before the messages are stored leaves the events untold; afterwards a repeat makes no second message.
func (t *Tell) RunOnce(ctx context.Context) (n int, err error) {
	served := slices.Sorted(maps.Keys(t.tellers))
	for {
		list, err := t.engine.Untold(ctx, served, tellBatch)
		if err != nil || len(list) == 0 {
			return n, err
		}
		// Messages are sent in the order in which they are stored. Ids of events sort by time, and a clock
		// that was set back would turn the events of an order around.
		slices.SortStableFunc(list, func(a, b engine.Untold) int {
			return cmp.Or(cmp.Compare(a.Event.OrderID, b.Event.OrderID), cmp.Compare(a.Event.Seq, b.Event.Seq))
		})
		var ids []string
		var messages []engine.Message
		for _, u := range list {
			ids = append(ids, u.Event.ID)
			messages = append(messages, t.messages(u)...)
		}
		killpoint.Here("tell.rendered")
		if err := t.engine.Told(ctx, ids, messages); err != nil {
			return n, err
		}
		killpoint.Here("tell.stored")
		n += len(list)
		if len(messages) > 0 {
			t.due.Ring()
		}
	}
}

// messages renders an event for the endpoints that want it.
func (t *Tell) messages(u engine.Untold) []engine.Message {
	if len(u.Endpoints) == 0 {
		return nil
	}
	teller := t.tellers[u.Event.Scope.API()]
	id, kind, body, ok := teller.Tell(u.Event, u.Order)
	if !ok {
		return nil
	}
	var list []engine.Message
	for _, ep := range u.Endpoints {
		if u.Event.Facts.Endpoint == "" && !teller.Wants(ep.Events, kind) {
			continue
		}
		list = append(list, engine.Message{
			EventID: u.Event.ID, OrderID: u.Event.OrderID, EndpointID: ep.ID, Scope: ep.Scope,
			WireID: id, Type: kind, Body: body, State: engine.MessagePending,
		})
	}
	return list
}
