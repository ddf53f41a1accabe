package engine

import (
	"context"
	"math"
	"time"

	"till/internal/fault"
)

// messageReader is what a merchant sees of the messages of one scope.
type messageReader interface {
	// MessageList pages a scope's messages, the newest first, with their exact number. A page costs at most what the
	// messages of the order, or of the days it lies in, cost, however long the history is; with Match what all days
	// with fitting messages cost. A list that takes a second ends: overloaded.
	MessageList(f MessageFilter) (MessagePage, error)
	// MessageCounts counts a scope's messages made on the days from and to (UTC, both included; zero times are no
	// bound), or those to one endpoint, by state. States without messages are left out.
	MessageCounts(s Scope, endpoint string, from, to time.Time) ([]MessageCount, error)
	// ExhaustedMessages returns a scope's exhausted messages by id, behind the given one.
	ExhaustedMessages(s ExhaustedSearch) ([]Message, error)
}

// MessageFilter chooses and pages a scope's messages. Pages count from 1.
type MessageFilter struct {
	Scope       Scope
	Endpoint    string
	Types       []string       // empty: all
	States      []MessageState // empty: all
	OrderID     string         // an internal id
	Page, Limit int

	// Match, where it is set, lets messages through one by one; the list then looks through all that the rest of the
	// filter lets through.
	Match func(Message) bool
}

// MessagePage is one page of messages and the exact total.
type MessagePage struct {
	Messages []FoundMessage
	Total    int64
}

// MessageCount is how many messages are in a state, and how long the attempts took that delivered them.
type MessageCount struct {
	State MessageState
	N     int64
	Took  time.Duration // of all together; 0 unless State is delivered
}

// ExhaustedSearch chooses exhausted messages of a scope.
type ExhaustedSearch struct {
	Scope     Scope
	Endpoint  string
	Type      string
	DoneAfter time.Time // since when they are exhausted, included
	After     string    // an internal id
	Limit     int
}

// Messages lists a scope's messages, or those of one of its orders by its public id; an order that does not exist
// has none.
//
// Errors: invalid_page, overloaded.
func (e *Engine) Messages(ctx context.Context, f MessageFilter, publicID string) (MessagePage, error) {
	var page MessagePage
	err := e.store.View(ctx, func(rd Reader) error {
		if publicID != "" {
			o, err := rd.OrderByPublic(f.Scope, publicID)
			if fault.Is(err, fault.CodeNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			f.OrderID = o.ID
		}
		var err error
		page, err = rd.MessageList(f)
		return err
	})
	return page, err
}

// MessageOf finds a scope's message by its internal id, with its order.
//
// Error: not_found, also for another scope's.
func (e *Engine) MessageOf(ctx context.Context, s Scope, id string) (FoundMessage, error) {
	var found FoundMessage
	err := e.store.View(ctx, func(rd Reader) error {
		m, err := rd.Message(id)
		if err != nil {
			return err
		}
		if m == nil || m.Scope != s {
			return fault.New(fault.CodeNotFound, "no such message")
		}
		found.Message = *m
		if m.OrderID == "" {
			return nil
		}
		o, err := rd.Order(m.OrderID)
		if err == nil {
			found.Order = o.PublicID
		}
		return err
	})
	return found, err
}

// MessageCounts counts a scope's messages made on the days from and to (UTC, both included; zero times are no bound),
// or those to one endpoint, by state.
func (e *Engine) MessageCounts(ctx context.Context, s Scope, endpoint string, from, to time.Time) ([]MessageCount, error) {
	var list []MessageCount
	err := e.store.View(ctx, func(rd Reader) (err error) {
		list, err = rd.MessageCounts(s, endpoint, from, to)
		return err
	})
	return list, err
}

// MaxReplay is how many exhausted messages one call sends again.
const MaxReplay = 1000

// ReplayExhausted sends exhausted messages of a scope again, the oldest first, at most MaxReplay: the same ids and the
// same bytes, each with its schedule anew. Those of deleted or disabled endpoints are left alone and not counted. It
// returns how many are sent again; After and Limit of the search do not matter.
//
// A fault in the middle leaves those before it replayed: asking again is safe.
//
// Error: overloaded.
func (e *Engine) ReplayExhausted(ctx context.Context, s ExhaustedSearch) (n int, err error) {
	s.After = ""
	for n < MaxReplay {
		s.Limit = min(replayed, MaxReplay-n)
		var page []Message
		err := e.store.View(ctx, func(rd Reader) (err error) {
			page, err = rd.ExhaustedMessages(s)
			return err
		})
		if err != nil {
			return n, err
		}
		again, err := e.again(ctx, page)
		if err != nil {
			return n, err
		}
		n += again
		if len(page) < s.Limit {
			break
		}
		s.After = page[len(page)-1].ID
	}
	return n, nil
}

// cancel gives up what waits for an endpoint that was deleted. What is being sent at this moment is recorded as it goes.
func (e *Engine) cancel(ctx context.Context, endpoint string) error {
	for {
		list, err := e.DueMessages(ctx, endpoint, time.UnixMicro(math.MaxInt64), replayed)
		if err != nil || len(list) == 0 {
			return err
		}
		err = e.store.Update(ctx, Keys{}, func(tx Tx) error {
			for i := range list {
				list[i].State, list[i].DoneAt, list[i].LastError = MessageCancelled, tx.Now(), "the endpoint is deleted"
			}
			return tx.SaveMessages(list)
		})
		if err != nil {
			return err
		}
	}
}
