package engine

import (
	"context"
	"time"

	"till/internal/fault"
)

// replayed is how many messages are set back in one transaction.
const replayed = 500

// Replay sends messages again whatever became of them, as they were: the same id and the same bytes. Each
// starts its schedule anew, now. Messages of endpoints that are deleted or disabled are left alone. It
// returns how many are sent again; After and Limit of the search do not matter. publicID is of the order
// whose messages are wanted, "" for any. For operators.
//
// A fault in the middle leaves those before it replayed: asking again is safe.
//
// Errors: not_found for the order; overloaded.
func (e *Engine) Replay(ctx context.Context, s MessageSearch, publicID string) (n int, err error) {
	s.After, s.Limit = "", replayed
	for {
		page, err := e.SearchMessages(ctx, s, publicID)
		if err != nil {
			return n, err
		}
		messages := make([]Message, len(page))
		for i, m := range page {
			messages[i] = m.Message
		}
		again, err := e.again(ctx, messages)
		if err != nil {
			return n, err
		}
		n += again
		if len(page) < replayed {
			return n, nil
		}
		s.After = page[len(page)-1].ID
	}
}

// Message finds a message by its internal id; nil when there is none. For operators.
func (e *Engine) Message(ctx context.Context, id string) (*Message, error) {
	var m *Message
	err := e.store.View(ctx, func(rd Reader) (err error) {
		m, err = rd.Message(id)
		return err
	})
	return m, err
}

// ReplayMessage does what Replay does, with one message.
//
// Errors: not_found, also when its endpoint is deleted; invalid_value when its endpoint is disabled.
func (e *Engine) ReplayMessage(ctx context.Context, id string) (*Message, error) {
	m, err := e.Message(ctx, id)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, fault.New(fault.CodeNotFound, "no such message")
	}
	ep, err := e.Endpoint(ctx, m.EndpointID)
	switch {
	case err != nil:
		return nil, err
	case ep == nil:
		return nil, fault.New(fault.CodeNotFound, "the message's endpoint is deleted")
	case !ep.Enabled:
		return nil, fault.New(fault.CodeInvalidValue, "the message's endpoint is disabled").On("endpoint")
	}
	if _, err := e.again(ctx, []Message{*m}); err != nil {
		return nil, err
	}
	return e.Message(ctx, id)
}

// again sets messages back to their first attempt, where their endpoint is still told.
func (e *Engine) again(ctx context.Context, messages []Message) (n int, err error) {
	err = e.update(ctx, Keys{}, func(tx Tx) error {
		n = 0
		var back []Message
		for _, m := range messages {
			ep, err := tx.Endpoint(m.EndpointID)
			if err != nil {
				return err
			}
			if ep == nil || !ep.Enabled {
				continue
			}
			m.State, m.Attempts, m.NextAt = MessagePending, 0, tx.Now()
			m.LastStatus, m.LastError, m.DoneAt = 0, "", time.Time{}
			m.SentAt, m.Took, m.Response = time.Time{}, 0, ""
			back = append(back, m)
			if err := e.act(tx, m.Scope.Mode, "message.replay", m.ID, "to "+m.EndpointID); err != nil {
				return err
			}
		}
		if n = len(back); n == 0 {
			return nil
		}
		return tx.SaveMessages(back)
	})
	return n, err
}
