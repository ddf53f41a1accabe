package engine

import (
	"context"
	"time"

	"till/internal/fault"
)

// ToldEvent is an event that an organisation's endpoints were told, or are being told. Its bytes are the same for all.
type ToldEvent struct {
	Message         // the first of its messages
	Merchant string // whose event it is; empty: the organisation's own
	Order    string // public id; empty: an event of no order
}

// ToldFilter chooses and pages events that the endpoints of an organisation are told. Pages count from 1.
type ToldFilter struct {
	Scope       Scope  // OfOrganisation
	Type        string // the dialect's name of the event; empty: all
	Resource    string // what the event's name begins with, before the dot; empty: all
	Merchant    string
	OrderID     string    // an internal id
	From, To    time.Time // true times at which it was first told, both included; zero: no bound
	Page, Limit int
}

// ToldPage is one page of events, the newest first, and the exact total.
type ToldPage struct {
	Events []ToldEvent
	Total  int64
}

// toldReader is what an organisation sees of the events that its endpoints are told.
type toldReader interface {
	// ToldEvents pages events. Without a filter a page is found by its numbers; with one the list looks through what the
	// organisation was told, and one that takes a second ends: overloaded.
	ToldEvents(f ToldFilter) (ToldPage, error)
	// MessagesOfEvent returns the messages of an event, by id.
	MessagesOfEvent(eventID string) ([]Message, error)
	// Listeners returns the enabled endpoints that are told of a scope: its own, and those of its merchant's organisation.
	Listeners(s Scope) ([]Endpoint, error)
}

// ToldEvents lists events that an organisation's endpoints are told, or those of one order of its merchants by its public
// id; an order that does not exist has none. What happened while no endpoint listened is not among them.
//
// Errors: invalid_page, overloaded.
func (e *Engine) ToldEvents(ctx context.Context, f ToldFilter, publicID string) (ToldPage, error) {
	var page ToldPage
	err := e.store.View(ctx, func(rd Reader) error {
		if publicID != "" {
			o, err := rd.OrderByPublic(Scope{}, publicID)
			if fault.Is(err, fault.CodeNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			f.OrderID = o.ID // the messages are the organisation's own: another's order has none there
		}
		var err error
		page, err = rd.ToldEvents(f)
		for i := range page.Events {
			if _, is := (Scope{Merchant: page.Events[i].Merchant}).Organisation(); is {
				page.Events[i].Merchant = ""
			}
		}
		return err
	})
	return page, err
}

// ToldEvent finds an event that an organisation's endpoints are told by the event's id, with its messages to them.
//
// Error: not_found, also for another organisation's, and for one nobody was told.
func (e *Engine) ToldEvent(ctx context.Context, organisation Scope, eventID string) (ToldEvent, []Message, error) {
	var told ToldEvent
	var messages []Message
	err := e.store.View(ctx, func(rd Reader) error {
		all, err := rd.MessagesOfEvent(eventID)
		if err != nil {
			return err
		}
		messages = nil
		for _, m := range all {
			if m.Scope == organisation {
				messages = append(messages, m)
			}
		}
		if len(messages) == 0 {
			return fault.New(fault.CodeNotFound, "no such event")
		}
		told.Message = messages[0]
		if told.OrderID == "" {
			return nil
		}
		o, err := rd.Order(told.OrderID)
		if err == nil {
			told.Order, told.Merchant = o.PublicID, o.Scope.Merchant
		}
		return err
	})
	return told, messages, err
}

// ReplayEvent tells an event again to those of an organisation's endpoints that it was told: the same ids and the same
// bytes, the schedule anew. Endpoints that are deleted or disabled are left alone. It returns how many are told again.
//
// Error: not_found.
func (e *Engine) ReplayEvent(ctx context.Context, organisation Scope, eventID string) (int, error) {
	_, messages, err := e.ToldEvent(ctx, organisation, eventID)
	if err != nil {
		return 0, err
	}
	return e.again(ctx, messages)
}

// number marks the message of each event by which an organisation's events are counted: the first to an endpoint of it.
func number(messages []Message) {
	counted := map[string]bool{}
	for i := range messages {
		m := &messages[i]
		if _, is := m.Scope.Organisation(); is && !counted[m.EventID] {
			counted[m.EventID], m.Counts = true, true
		}
	}
}
