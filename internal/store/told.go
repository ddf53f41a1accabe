package store

import (
	"strconv"
	"time"

	"till/internal/engine"
)

// Events that the endpoints of an organisation are told: each has a number, on the first of its messages.

const (
	selectLastTold        = `SELECT told_number FROM messages WHERE scope_id = $1 AND told_number > 0 ORDER BY told_number DESC LIMIT 1`
	selectMessagesOfEvent = selectMessages + `WHERE m.event_id = $1 ORDER BY m.id`
	listTold              = `SELECT ` + messageColumns + `, COALESCE(o.public_id, ''), whose.merchant
		FROM messages m JOIN scopes s ON s.id = m.scope_id JOIN events e ON e.id = m.event_id JOIN scopes whose ON whose.id = e.scope_id
		LEFT JOIN orders o ON o.id = m.order_id{where} ORDER BY m.told_number DESC LIMIT {limit}`
	countTold = `SELECT COUNT(*) FROM messages m JOIN events e ON e.id = m.event_id JOIN scopes whose ON whose.id = e.scope_id{where}`
)

// markTold counts the events that a scope's endpoints are told.
func markTold(scope int64) string { return "told/" + strconv.FormatInt(scope, 10) }

// toldNumber is the next number of a scope. Messages are the last that give out a mark of their own, behind all callers.
func (g *group) toldNumber(scope int64) (int64, error) {
	last, err := g.mark(markTold(scope))
	if err != nil {
		return 0, err
	}
	set(&g.marks.group, markTold(scope), last+1)
	return last + 1, nil
}

// ToldEvents implements engine.Reader.
func (r *reader) ToldEvents(f engine.ToldFilter) (engine.ToldPage, error) {
	if f.Page < 1 || f.Limit < 1 || f.Page > 1<<40/f.Limit {
		return engine.ToldPage{}, errPage
	}
	scope, err := queryScope(r.store, r, f.Scope)
	if err != nil || scope == 0 {
		return engine.ToldPage{}, err
	}
	var page engine.ToldPage
	err = r.within(func(r *reader) (err error) {
		if f.Type == "" && f.Resource == "" && f.Merchant == "" && f.OrderID == "" && f.From.IsZero() && f.To.IsZero() {
			page, err = r.toldByNumber(scope, f)
		} else {
			page, err = r.toldBySearch(scope, f)
		}
		return err
	})
	return page, err
}

func (r *reader) toldByNumber(scope int64, f engine.ToldFilter) (page engine.ToldPage, err error) {
	err = scan(r, selectLastTold, []any{scope}, func(rows record) error { return rows.Scan(&page.Total) })
	if err != nil || page.Total == 0 {
		return page, err
	}
	var c condition
	c.and("m.scope_id = ?", scope)
	c.text = append(c.text, "m.told_number > 0")
	c.and("m.told_number <= ?", page.Total-int64(f.Page-1)*int64(f.Limit))
	query, args := c.of(listTold, f.Limit)
	page.Events, err = r.toldEvents(query, args)
	return page, err
}

func (r *reader) toldBySearch(scope int64, f engine.ToldFilter) (page engine.ToldPage, err error) {
	column := "m.scope_id"
	if f.OrderID != "" {
		column = "COALESCE(m.scope_id, 0)" // the expression keeps the planner on the order
	}
	var c condition
	c.and(column+" = ?", scope)
	c.text = append(c.text, "m.told_number > 0")
	c.is("m.order_id", f.OrderID)
	c.is("m.type", f.Type)
	if f.Resource != "" {
		c.and("m.type >= ?", f.Resource+".")
		c.and("m.type < ?", f.Resource+"/") // the character behind the dot
	}
	c.is("whose.merchant", f.Merchant)
	if !f.From.IsZero() {
		c.and("m.id >= ?", firstID(f.From))
	}
	if !f.To.IsZero() {
		c.and("m.id < ?", firstID(f.To.Add(time.Millisecond)))
	}
	query, args := c.of(countTold, 0)
	if err := scan(r, query, args, func(rows record) error { return rows.Scan(&page.Total) }); err != nil {
		return page, err
	}
	query, args = c.of(listTold, f.Limit)
	page.Events, err = r.toldEvents(query+" OFFSET $"+strconv.Itoa(len(args)+1), append(args, int64(f.Page-1)*int64(f.Limit)))
	return page, err
}

func (r *reader) toldEvents(query string, args []any) (list []engine.ToldEvent, err error) {
	err = scan(r, query, args, func(rows record) error {
		var t engine.ToldEvent
		m, err := scanMessage(rows, &t.Order, &t.Merchant)
		t.Message = m
		list = append(list, t)
		return err
	})
	return list, err
}

// MessagesOfEvent implements engine.Reader.
func (r *reader) MessagesOfEvent(eventID string) ([]engine.Message, error) {
	return r.messages(selectMessagesOfEvent, eventID)
}

// Listeners implements engine.Reader.
func (r *reader) Listeners(s engine.Scope) ([]engine.Endpoint, error) {
	return queryEndpoints(r, selectListening, s.Merchant, string(s.Mode), s.Dialect)
}
