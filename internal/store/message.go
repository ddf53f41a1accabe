package store

import (
	"bytes"
	"cmp"
	"database/sql"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"till/internal/engine"
)

// How messages are kept, listed and counted.

const (
	messageColumns = `m.id, m.event_id, m.order_id, m.endpoint_id, s.merchant, s.mode, s.dialect, m.wire_id, m.type, m.body, m.state,
		m.attempts, m.next_at, m.last_status, m.last_error, m.created_at, m.done_at, m.sent_at, m.took, m.response, m.tries`
	selectMessages        = `SELECT ` + messageColumns + ` FROM messages m JOIN scopes s ON s.id = m.scope_id `
	selectMessage         = selectMessages + `WHERE m.id = $1`
	selectMessagesOfOrder = selectMessages + `WHERE m.order_id = $1 ORDER BY m.id`
	selectMessagesDue     = selectMessages + `WHERE m.state = 'pending' AND m.endpoint_id = $1 AND m.next_at <= $2 ORDER BY m.next_at, m.id LIMIT $3`
	selectNextEndpoint    = `SELECT endpoint_id, next_at FROM messages WHERE state = 'pending' AND endpoint_id > $1 ORDER BY endpoint_id, next_at LIMIT 1`

	listMessages = `SELECT ` + messageColumns + `, COALESCE(o.public_id, '')
		FROM messages m JOIN scopes s ON s.id = m.scope_id LEFT JOIN orders o ON o.id = m.order_id{where} ORDER BY m.id DESC`
	searchExhausted = `SELECT ` + messageColumns + ` FROM messages m JOIN scopes s ON s.id = m.scope_id{where} ORDER BY m.id LIMIT {limit}`
	countDays       = `SELECT day, CAST(SUM(n) AS BIGINT) FROM message_counts{where} GROUP BY day HAVING SUM(n) > 0 ORDER BY day DESC`
	countMessages   = `SELECT state, CAST(SUM(n) AS BIGINT), CAST(SUM(took) AS BIGINT) FROM message_counts{where}
		GROUP BY state HAVING SUM(n) > 0 ORDER BY state`

	selectStoredMessages = `SELECT id, event_id, endpoint_id, scope_id, type, state, took, created_at FROM messages WHERE {any}`
	updateMessage        = `UPDATE messages SET state = $1, attempts = $2, next_at = $3, last_status = $4, last_error = $5, done_at = $6,
		sent_at = $7, took = $8, response = $9, tries = $10 WHERE id = $11 AND state = $12`
	forgetMessage = `UPDATE messages SET body = $1, response = '' WHERE id = $2`
	insertMessage = `INSERT INTO messages (id, event_id, order_id, endpoint_id, scope_id, wire_id, type, body, state, attempts, next_at,
		last_status, last_error, created_at, done_at, sent_at, took, response, tries, told_number)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) ON CONFLICT DO NOTHING`
	addMessageCount = `INSERT INTO message_counts (scope_id, day, endpoint_id, type, state, n, took) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (scope_id, day, endpoint_id, type, state) DO UPDATE SET n = message_counts.n + excluded.n, took = message_counts.took + excluded.took`
)

// dayOf is the day (UTC, counted from 1970) of a time in microseconds.
func dayOf(at int64) int64 { return at / (24 * time.Hour).Microseconds() }

// startOf is when a day begins.
func startOf(day int64) time.Time { return timeOf(day * (24 * time.Hour).Microseconds()) }

// storedMessage is what the database has of a message, as far as it is counted.
type storedMessage struct {
	scope, day     int64
	endpoint, kind string
	state          engine.MessageState
	took           int64 // milliseconds
}

// messageTally is a row of message_counts.
type messageTally struct {
	scope, day            int64
	endpoint, kind, state string
}

// tallies sums what a group does to message_counts: how many messages, and how long they took.
type tallies map[messageTally][2]int64

func (t tallies) add(m storedMessage, n int64) {
	key := messageTally{m.scope, m.day, m.endpoint, m.kind, string(m.state)}
	sum := t[key]
	sum[0] += n
	if m.state == engine.MessageDelivered {
		sum[1] += n * m.took
	}
	t[key] = sum
}

// toldTo is an event and the endpoint it is told to: there is one message of it.
type toldTo struct{ event, endpoint string }

// scrubbedMessage is a message that gets another body because the one it has names somebody who was erased.
type scrubbedMessage struct {
	id   string
	body []byte
}

// flushMessages updates messages by id and inserts the others; one whose event its endpoint is told already is left alone.
// An update leaves the bytes alone, unless somebody in them was erased. What the database has is read first, so that messages are counted exactly, and each
// statement is guarded by what was read.
func (g *group) flushMessages() error {
	for _, m := range g.scrubbed.group {
		if err := g.write("message "+m.id, forgetMessage, blob(m.body), m.id); err != nil {
			return err
		}
	}
	if len(g.messages.group) == 0 {
		return nil
	}
	stored, told, err := g.storedMessages()
	if err != nil {
		return err
	}
	counts := tallies{}
	for _, m := range lastOfEach(g.messages.group) {
		tries, err := triesText(m.Tries)
		if err != nil {
			return err
		}
		if was, found := stored[m.ID]; found {
			counts.add(was, -1)
			now := was
			now.state, now.took = m.State, m.Took.Milliseconds()
			err = g.write("message "+m.ID, updateMessage, string(m.State), m.Attempts, micros(m.NextAt), m.LastStatus, m.LastError, micros(m.DoneAt),
				micros(m.SentAt), m.Took.Milliseconds(), m.Response, tries, m.ID, string(was.state))
			stored[m.ID] = now
			counts.add(now, 1)
		} else if to := (toldTo{m.EventID, m.EndpointID}); !told[to] {
			told[to] = true
			now := storedMessage{m.scope, dayOf(micros(m.CreatedAt)), m.EndpointID, m.Type, m.State, m.Took.Milliseconds()}
			var number int64
			if m.Counts {
				if number, err = g.toldNumber(m.scope); err != nil {
					return err
				}
			}
			err = g.write("message "+m.ID, insertMessage, m.ID, m.EventID, m.OrderID, m.EndpointID, m.scope, m.WireID, m.Type, blob(m.Body), string(m.State),
				m.Attempts, micros(m.NextAt), m.LastStatus, m.LastError, micros(m.CreatedAt), micros(m.DoneAt),
				micros(m.SentAt), m.Took.Milliseconds(), m.Response, tries, number)
			stored[m.ID] = now
			counts.add(now, 1)
		}
		if err != nil {
			return err
		}
	}
	return g.flushMessageCounts(counts)
}

// lastOfEach keeps the last word on each message, so that a group writes it once, with the bytes of the first: they
// never change.
func lastOfEach(list []messageRow) []messageRow {
	at := map[string]int{}
	var kept []messageRow
	for _, m := range list {
		i, seen := at[m.ID]
		if !seen {
			at[m.ID] = len(kept)
			kept = append(kept, m)
			continue
		}
		first := kept[i]
		first.State, first.Attempts, first.NextAt, first.LastStatus, first.LastError = m.State, m.Attempts, m.NextAt, m.LastStatus, m.LastError
		first.DoneAt, first.SentAt, first.Took, first.Response, first.Tries = m.DoneAt, m.SentAt, m.Took, m.Response, m.Tries
		kept[i] = first
	}
	return kept
}

// storedMessages reads what the database has of the group's messages: those on record by id, and which of the new ones
// tell an event that is told already.
func (g *group) storedMessages() (stored map[string]storedMessage, told map[toldTo]bool, err error) {
	stored, told = map[string]storedMessage{}, map[toldTo]bool{}
	read := func(rows record) error {
		var id, event string
		var m storedMessage
		var created int64
		err := rows.Scan(&id, &event, &m.endpoint, &m.scope, &m.kind, &m.state, &m.took, &created)
		m.day = dayOf(created)
		stored[id], told[toldTo{event, m.endpoint}] = m, true
		return err
	}
	var ids, events [][]any
	for _, m := range g.messages.group {
		ids = append(ids, []any{m.ID})
	}
	if err := matchAny(g.db, selectStoredMessages, []string{"id"}, ids, read); err != nil {
		return nil, nil, err
	}
	for _, m := range g.messages.group {
		if _, found := stored[m.ID]; !found {
			events = append(events, []any{m.EventID, m.EndpointID})
		}
	}
	return stored, told, matchAny(g.db, selectStoredMessages, []string{"event_id", "endpoint_id"}, events, read)
}

func (g *group) flushMessageCounts(counts tallies) error {
	keys := make([]messageTally, 0, len(counts))
	for k, sum := range counts {
		if sum != [2]int64{} {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b messageTally) int {
		return cmp.Or(cmp.Compare(a.scope, b.scope), cmp.Compare(a.day, b.day), cmp.Compare(a.endpoint, b.endpoint), cmp.Compare(a.kind, b.kind), cmp.Compare(a.state, b.state))
	})
	for _, k := range keys {
		if err := g.write("", addMessageCount, k.scope, k.day, k.endpoint, k.kind, k.state, counts[k][0], counts[k][1]); err != nil {
			return err
		}
	}
	return nil
}

func triesText(tries []engine.Try) (string, error) {
	if len(tries) == 0 {
		return "", nil
	}
	return toJSON(tries)
}

// scanMessage reads messageColumns, and what stands behind them.
func scanMessage(rows record, more ...any) (engine.Message, error) {
	var m engine.Message
	var next, created, done, sent, took int64
	var tries sql.RawBytes
	columns := []any{&m.ID, &m.EventID, &m.OrderID, &m.EndpointID, &m.Scope.Merchant, &m.Scope.Mode, &m.Scope.Dialect, &m.WireID, &m.Type, &m.Body,
		&m.State, &m.Attempts, &next, &m.LastStatus, &m.LastError, &created, &done, &sent, &took, &m.Response, &tries}
	err := rows.Scan(append(columns, more...)...)
	m.NextAt, m.CreatedAt, m.DoneAt, m.SentAt = timeOf(next), timeOf(created), timeOf(done), timeOf(sent)
	m.Took = time.Duration(took) * time.Millisecond
	if err == nil && len(tries) > 0 {
		err = json.Unmarshal(bytes.Clone(tries), &m.Tries)
	}
	return m, err
}

func (r *reader) messages(query string, args ...any) (found []engine.Message, err error) {
	err = scan(r, query, args, func(rows record) error {
		m, err := scanMessage(rows)
		found = append(found, m)
		return err
	})
	return found, err
}

// Message implements engine.Searches.
func (r *reader) Message(id string) (*engine.Message, error) {
	found, err := r.messages(selectMessage, id)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// MessageList implements engine.Reader.
func (r *reader) MessageList(f engine.MessageFilter) (engine.MessagePage, error) {
	if f.Page < 1 || f.Limit < 1 || f.Page > 1<<40/f.Limit {
		return engine.MessagePage{}, errPage
	}
	scope, err := queryScope(r.store, r, f.Scope)
	if err != nil || scope == 0 {
		return engine.MessagePage{}, err
	}
	var page engine.MessagePage
	err = r.within(func(r *reader) (err error) {
		if f.OrderID != "" || f.Match != nil {
			page, err = r.matchMessages(scope, f)
		} else {
			page, err = r.pageMessages(scope, f)
		}
		return err
	})
	return page, err
}

// pageMessages takes the total from message_counts, and goes only through days that have messages of the page.
func (r *reader) pageMessages(scope int64, f engine.MessageFilter) (page engine.MessagePage, err error) {
	days, err := r.messageDays(scope, f)
	if err != nil {
		return page, err
	}
	skip := int64(f.Page-1) * int64(f.Limit)
	for _, d := range days {
		page.Total += d.n
	}
	for _, d := range days {
		left := int64(f.Limit - len(page.Messages))
		if left == 0 {
			break
		}
		if skip >= d.n {
			skip -= d.n
			continue
		}
		err := r.messagesOfDay(scope, d.id, f, skip, left, func(m engine.FoundMessage) { page.Messages = append(page.Messages, m) })
		if err != nil {
			return page, err
		}
		skip = 0
	}
	return page, nil
}

// matchMessages looks at every message that the filter lets through but for Match.
func (r *reader) matchMessages(scope int64, f engine.MessageFilter) (page engine.MessagePage, err error) {
	first, last := int64(f.Page-1)*int64(f.Limit), int64(f.Page)*int64(f.Limit)
	take := func(m engine.FoundMessage) {
		if f.Match == nil || f.Match(m.Message) {
			if page.Total >= first && page.Total < last {
				page.Messages = append(page.Messages, m)
			}
			page.Total++
		}
	}
	if f.OrderID != "" {
		c := messageCondition("COALESCE(m.scope_id, 0)", scope, f) // the expression keeps the planner on the order
		c.and("m.order_id = ?", f.OrderID)
		query, args := c.of(listMessages, 0)
		return page, r.foundMessages(query, args, take)
	}
	days, err := r.messageDays(scope, f)
	if err != nil {
		return page, err
	}
	for _, d := range days {
		if err := r.messagesOfDay(scope, d.id, f, 0, d.n, take); err != nil {
			return page, err
		}
	}
	return page, nil
}

// messageDays counts the filter's messages by day, the newest day first.
func (r *reader) messageDays(scope int64, f engine.MessageFilter) (days []bucket, err error) {
	var c condition
	c.and("scope_id = ?", scope)
	c.is("endpoint_id", f.Endpoint)
	c.oneOf("type", f.Types)
	c.oneOf("state", words(f.States))
	query, args := c.of(countDays, 0)
	err = scan(r, query, args, func(rows record) error {
		var b bucket
		err := rows.Scan(&b.id, &b.n)
		days = append(days, b)
		return err
	})
	return days, err
}

// messagesOfDay gives up to limit messages of a day behind the first skip ones, the newest first.
func (r *reader) messagesOfDay(scope, day int64, f engine.MessageFilter, skip, limit int64, each func(engine.FoundMessage)) error {
	c := messageCondition("m.scope_id", scope, f)
	c.and("m.id >= ?", firstID(startOf(day)))
	c.and("m.id < ?", firstID(startOf(day+1)))
	query, args := c.of(listMessages+` LIMIT {limit}`, int(limit))
	return r.foundMessages(query+" OFFSET $"+strconv.Itoa(len(args)+1), append(args, skip), each)
}

func messageCondition(column string, scope int64, f engine.MessageFilter) condition {
	var c condition
	c.and(column+" = ?", scope)
	c.is("m.endpoint_id", f.Endpoint)
	c.oneOf("m.type", f.Types)
	c.oneOf("m.state", words(f.States))
	return c
}

func (r *reader) foundMessages(query string, args []any, each func(engine.FoundMessage)) error {
	return scan(r, query, args, func(rows record) error {
		var f engine.FoundMessage
		m, err := scanMessage(rows, &f.Order)
		f.Message = m
		each(f)
		return err
	})
}

// oneOf adds a condition for a list that was given.
func (c *condition) oneOf(column string, values []string) {
	if len(values) == 0 {
		return
	}
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	c.in(column, list)
}

func words[T ~string](values []T) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = string(v)
	}
	return list
}

// MessageCounts implements engine.Reader.
func (r *reader) MessageCounts(s engine.Scope, endpoint string, from, to time.Time) ([]engine.MessageCount, error) {
	scope, err := queryScope(r.store, r, s)
	if err != nil || scope == 0 {
		return nil, err
	}
	var c condition
	c.and("scope_id = ?", scope)
	c.is("endpoint_id", endpoint)
	if !from.IsZero() {
		c.and("day >= ?", dayOf(micros(from)))
	}
	if !to.IsZero() {
		c.and("day <= ?", dayOf(micros(to)))
	}
	query, args := c.of(countMessages, 0)
	var list []engine.MessageCount
	err = scan(r, query, args, func(rows record) error {
		var n engine.MessageCount
		var took int64
		err := rows.Scan(&n.State, &n.N, &took)
		n.Took = time.Duration(took) * time.Millisecond
		list = append(list, n)
		return err
	})
	return list, err
}

// ExhaustedMessages implements engine.Reader.
func (r *reader) ExhaustedMessages(s engine.ExhaustedSearch) (list []engine.Message, err error) {
	scope, err := queryScope(r.store, r, s.Scope)
	if err != nil || scope == 0 {
		return nil, err
	}
	c := condition{text: []string{"m.state = 'exhausted'"}}
	c.and("m.scope_id = ?", scope)
	c.is("m.endpoint_id", s.Endpoint)
	c.is("m.type", s.Type)
	c.and("m.id > ?", s.After)
	if !s.DoneAfter.IsZero() {
		c.and("m.done_at >= ?", micros(s.DoneAfter))
	}
	query, args := c.of(searchExhausted, s.Limit)
	err = r.within(func(r *reader) (err error) {
		list, err = r.messages(query, args...)
		return err
	})
	return list, err
}
