package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/order"
)

// flush writes what the group's callers recorded: tables in a fixed order, rows in the order of their keys,
// one statement for each row, balances and counts summed. A statement that finds the database other than
// the group saw it is a conflict.
func (g *group) flush() error {
	steps := []func() error{
		g.flushOrders, g.flushStandings, g.flushTransfers, g.flushPayments, g.flushInstruments, g.flushHolds, g.flushLedger, g.flushAdministration, g.flushPeople, g.flushOffers, g.flushDocuments, g.flushNotifications, g.flushQuotes, g.flushBookings, g.flushBlobs,
		g.flushEvents, g.flushAnswers, g.flushSettings, g.flushProgress, g.flushMemory, g.flushMessages, g.flushSeals, g.flushMarks,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return g.db.send()
}

// write writes one row. Where what is not empty, the statement must change it.
func (g *group) write(what string, query string, args ...any) error {
	var none *conflict
	if what != "" {
		none = &conflict{what: what}
	}
	return g.db.write(none, query, args...)
}

// inOrder calls row for everything the group wrote on a shelf, sorted by key, with what the database has.
func inOrder[K comparable, V any](s *shelf[K, V], compare func(a, b K) int, row func(k K, was, now V) error) error {
	keys := make([]K, 0, len(s.group))
	for k := range s.group {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compare)
	for _, k := range keys {
		if err := row(k, s.stored[k], s.group[k]); err != nil {
			return err
		}
	}
	return nil
}

// bucketBits is how many orders share a row of order_counts: 1 << bucketBits numbers.
const bucketBits = 12

// place is where an order's row lies: the scope's rows one behind another, by their numbers.
func place(scope, number int64) int64 { return scope<<placeBits + number }

// placeBits is what a number may have.
const placeBits = 40

type countKey struct {
	scope  int64
	state  order.State
	bucket int64
}

func (g *group) flushOrders() error {
	err := inOrder(&g.numbers, cmp.Compare, func(scope, was, now int64) error {
		return g.write("the last order number", updateNumber, now, scope, was)
	})
	if err != nil {
		return err
	}
	counts := map[countKey]int64{}
	sums := map[sumKey]*orderSum{}
	var others []newOrder // after the plain ones: rows of one statement that follow each other are written together
	err = inOrder(&g.orders, strings.Compare, func(id string, was, now *engine.Order) error {
		scope, err := g.scope(now.Scope)
		if err != nil {
			return err
		}
		bucket := now.Number >> bucketBits
		counts[countKey{scope, now.State, bucket}]++
		addSum(sums, sumKeyOf(now, scope), sumOf(now))
		if was != nil {
			counts[countKey{scope, was.State, bucket}]--
			takeSum(sums, sumKeyOf(was, scope), sumOf(was))
			return g.updateOrder(now, was.Version)
		}
		made, err := rowOfOrder(now, scope)
		if err != nil {
			return err
		}
		if slices.Equal(made.row[plainColumns:], plainOrder) {
			return g.write(made.what, insertPlainOrder, made.row[:plainColumns]...)
		}
		others = append(others, made)
		return nil
	})
	if err != nil {
		return err
	}
	for _, made := range others {
		if err := g.write(made.what, insertOrder, made.row...); err != nil {
			return err
		}
	}
	keys := make([]countKey, 0, len(counts))
	for k, n := range counts {
		if n != 0 {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b countKey) int {
		return cmp.Or(cmp.Compare(a.scope, b.scope), cmp.Compare(a.state, b.state), cmp.Compare(a.bucket, b.bucket))
	})
	for _, k := range keys {
		if err := g.write("", addOrderCount, k.scope, string(k.state), k.bucket, counts[k]); err != nil {
			return err
		}
	}
	return g.flushSums(sums)
}

// newOrder is the row of an order, as insertOrder takes it.
type newOrder struct {
	what string
	row  []any
}

// plainColumns is how many columns insertPlainOrder writes: the first of insertOrder's. plainOrder is what the others hold in a plain
// order: their defaults.
const plainColumns = 19

var plainOrder = []any{nil, nil, int64(0), nil, int64(0), "", "", ""}

func rowOfOrder(o *engine.Order, scope int64) (newOrder, error) {
	body, err := orderBody(o)
	if err != nil {
		return newOrder{}, err
	}
	sendRail, sendAt := sendColumns(o)
	return newOrder{"order " + o.ID, []any{place(scope, o.Number), o.ID, o.PublicID, scope, o.Number, nullText(o.UniqueKey), strings.ToLower(o.Reference), string(o.Scope.Mode),
		string(o.Rail), o.Network, string(o.State), o.Terms.Due.Asset().Code(), amountKey(o), nextDeadline(o),
		micros(o.CreatedAt), micros(o.UpdatedAt), o.Version, body, string(o.Doc),
		sendRail, sendAt, flag(o.Aside()), nullText(o.Standing), flag(o.Reviewed()), o.Kind, wordsColumn(o), string(o.Overlay)}}, nil
}

// wordsColumn is an order's words with a space around each, so that each is found as a whole.
func wordsColumn(o *engine.Order) string {
	if len(o.Words) == 0 {
		return ""
	}
	return " " + strings.Join(o.Words, " ") + " "
}

// nullText is NULL for nothing.
func nullText(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (g *group) updateOrder(o *engine.Order, was int64) error {
	body, err := orderBody(o)
	if err != nil {
		return err
	}
	sendRail, sendAt := sendColumns(o)
	return g.write("order "+o.ID, updateOrder, strings.ToLower(o.Reference), string(o.Rail), o.Network, string(o.State), o.Terms.Due.Asset().Code(),
		amountKey(o), nextDeadline(o), sendRail, sendAt, flag(o.Aside()), micros(o.UpdatedAt), o.Version, body, string(o.Doc), flag(o.Reviewed()), string(o.Overlay), o.ID, was)
}

func toJSON(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func amountKey(o *engine.Order) string {
	if o.Terms.Due.Sign() < 0 {
		return ""
	}
	return o.Terms.Due.SortKey()
}

// nextDeadline is the time after which a tick can change the order: its deadline, and once that has been ticked
// through the bound of waiting for seen money; nil for none.
func nextDeadline(o *engine.Order) any {
	if !o.State.Collecting() {
		return nil
	}
	for _, t := range []time.Time{o.Terms.Deadline, o.Terms.ConfirmBy} {
		if !t.IsZero() && !o.Through.After(t) {
			return micros(t)
		}
	}
	return nil
}

func (g *group) flushPayments() error {
	byKey := func(a, b order.PaymentKey) int {
		return cmp.Or(cmp.Compare(a.Rail, b.Rail), cmp.Compare(a.External, b.External))
	}
	counts := map[paymentCountKey]int64{}
	err := inOrder(&g.payments, byKey, func(k order.PaymentKey, was, now paymentRow) error {
		body, err := paymentBody(&now.Stray)
		if err != nil {
			return err
		}
		scope, err := g.scopeOf(now)
		if err != nil {
			return err
		}
		counts[paymentCountKey{scope, now.Rank, micros(now.Told) / toldHour}]++
		columns := append([]any{now.orderID, now.position, int64(now.Epoch), int64(now.Rank), int64(now.Evidence.Block), body, scope, strayOf(now)}, paymentColumns(now.Payment)...)
		what := "payment " + k.External
		if !was.exists() {
			return g.write(what, insertPayment, append(columns, k.Rail, k.External)...)
		}
		if was.orderID != "" {
			counts[paymentCountKey{scope, was.Rank, micros(was.Told) / toldHour}]--
		}
		return g.write(what, updatePayment, append(columns, k.Rail, k.External, was.orderID, int64(was.Epoch), int64(was.Rank))...)
	})
	if err != nil {
		return err
	}
	return g.flushPaymentCounts(counts)
}

// samePayment may say false for equal ones, which costs a write and nothing else.
func samePayment(a, b order.Payment) bool { return reflect.DeepEqual(a, b) }

func byInstrument(a, b engine.Instrument) int {
	return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Value, b.Value))
}

func (g *group) flushInstruments() error {
	var imported []instrumentRow
	for _, row := range g.instruments.group {
		if row.number > 0 {
			imported = append(imported, row)
		}
	}
	slices.SortFunc(imported, func(a, b instrumentRow) int { return cmp.Compare(a.number, b.number) })
	for _, row := range imported {
		var index any
		if row.imported.DerivationIndex != nil {
			index = *row.imported.DerivationIndex
		}
		err := g.write("instrument "+row.imported.Value, insertInstrument, row.number, string(row.pool.Family), row.imported.Value,
			row.pool.Merchant, string(row.pool.Mode), index, row.imported.MasterPublicKey, 2*flag(row.made), flag(row.imported.Derived), micros(g.now))
		if err != nil {
			return err
		}
	}
	err := inOrder(&g.rests, byInstrument, func(in engine.Instrument, _, now rest) error {
		return g.write("", restInstrument, micros(now.since), micros(now.until), string(in.Family), in.Value)
	})
	if err != nil {
		return err
	}
	return g.flushKeepings()
}

// flushHolds ends holds before it begins new ones: an instrument may change hands within a group.
func (g *group) flushHolds() error {
	err := inOrder(&g.holds, byInstrument, func(in engine.Instrument, _, written []holdRow) error {
		for _, h := range written {
			if !h.stored {
				continue
			}
			if err := g.write("the hold of "+in.Value, endHold, micros(h.To), h.number, micros(h.From), h.OrderID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return inOrder(&g.holds, byInstrument, func(in engine.Instrument, _, written []holdRow) error {
		for _, h := range written {
			if h.stored {
				continue
			}
			held := &conflict{what: "the hold of " + in.Value, instrument: in}
			if err := g.db.write(held, insertHold, h.number, micros(h.From), h.OrderID, micros(h.To), string(h.Rail), micros(h.taken)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (g *group) flushLedger() error {
	for _, e := range g.entries.group {
		if err := g.write("", insertEntry, e.ID, e.OrderID, e.Merchant, string(e.Mode), micros(e.At)); err != nil {
			return err
		}
	}
	for _, e := range g.entries.group {
		for n, p := range e.Postings {
			if err := g.write("", insertPosting, e.ID, n+1, string(p.From), string(p.To), formatAmount(p.Amount), p.Row); err != nil {
				return err
			}
		}
	}
	keys := make([]balanceKey, 0, len(g.deltas.group))
	for k, delta := range g.deltas.group {
		if !delta.IsZero() {
			keys = append(keys, k)
		}
	}
	lined := g.linedBalances()
	if err := g.loadBalances(append(lined, keys...)); err != nil {
		return err
	}
	written, err := g.flushLines(g.entries.group)
	if err != nil {
		return err
	}
	for k := range written {
		if g.deltas.group[k].IsZero() { // what came went again: the balance stays, and its statement grows
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b balanceKey) int {
		return cmp.Or(cmp.Compare(a.mode, b.mode), cmp.Compare(a.account, b.account), cmp.Compare(a.asset.String(), b.asset.String()))
	})
	for _, k := range keys {
		was := g.balances[k]
		sum := formatAmount(was.amount.Add(g.deltas.group[k]))
		mode, book, account, asset := string(k.mode), string(k.account.Book()), string(k.account), k.asset.String()
		var err error
		if was.version == 0 {
			err = g.write("balance "+account, insertBalance, mode, book, account, asset, sum, written[k])
		} else {
			err = g.write("balance "+account, updateBalance, sum, was.version+1, was.lines+written[k], mode, book, account, asset, was.version)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// flushEvents writes an event as told where nobody is to be told.
func (g *group) flushEvents() error {
	for _, e := range g.events.group {
		facts, err := factsBody(&e.Facts)
		if err != nil {
			return err
		}
		listened, err := g.listened(e.Scope.Owner())
		if err != nil {
			return err
		}
		err = g.write(fmt.Sprintf("event %d of order %s", e.Seq, e.OrderID), insertEvent, e.ID, e.OrderID, e.scope, e.Seq, e.Type,
			string(e.State), string(e.Overlay), e.Row, micros(e.At), facts, flag(!listened))
		if err != nil {
			return err
		}
	}
	for _, id := range g.told.group {
		if err := g.write("", updateEventTold, id); err != nil {
			return err
		}
	}
	return nil
}

func (g *group) flushAnswers() error {
	byKey := func(a, b engine.AnswerKey) int {
		return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Key, b.Key))
	}
	return inOrder(&g.answers, byKey, func(k engine.AnswerKey, was, now *engine.Answer) error {
		switch {
		case now == nil && was == nil:
			return nil
		case now == nil:
			return g.write("", deleteAnswer, k.Scope, k.Key)
		case was == nil:
			return g.write("answer "+k.Key, insertAnswer, k.Scope, k.Key, now.Hash, now.OrderID, now.Status, blob(now.Body), micros(now.At))
		}
		return g.write("answer "+k.Key, updateAnswer, now.Hash, now.OrderID, now.Status, blob(now.Body), micros(now.At), k.Scope, k.Key)
	})
}

// blob is never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func (g *group) flushSettings() error {
	byScope := func(a, b engine.SettingScope) int {
		return cmp.Or(cmp.Compare(a.Merchant, b.Merchant), cmp.Compare(a.Mode, b.Mode))
	}
	err := inOrder(&g.settings, byScope, func(s engine.SettingScope, was, now map[string]json.RawMessage) error {
		for _, name := range sortedKeys(was) {
			if _, ok := now[name]; !ok {
				if err := g.write("", deleteSetting, s.Merchant, string(s.Mode), name); err != nil {
					return err
				}
			}
		}
		for _, name := range sortedKeys(now) {
			if !bytes.Equal(was[name], now[name]) {
				if err := g.write("", upsertSetting, s.Merchant, string(s.Mode), name, string(now[name])); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return inOrder(&g.clocks, cmp.Compare, func(m engine.Mode, was, now engine.Clock) error {
		for n := len(was); n < len(now); n++ {
			if err := g.write("the clock", insertClockMove, string(m), n+1, micros(now[n].At), int64(now[n].Offset)); err != nil {
				return err
			}
		}
		return nil
	})
}

func sortedKeys(m map[string]json.RawMessage) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (g *group) flushProgress() error {
	return inOrder(&g.progress, cmp.Compare, func(r engine.RailName, _, now *engine.Progress) error {
		return g.write("the progress of "+string(r), upsertProgress, string(r), blob(now.Cursor.State), micros(now.Cursor.Horizon), int64(now.Cursor.Head), now.Fence)
	})
}

func (g *group) flushAdministration() error {
	for _, m := range g.merchants.group {
		if err := g.write("", upsertMerchant, m.ID, m.Organisation, m.Name, micros(m.CreatedAt)); err != nil {
			return err
		}
	}
	for _, k := range g.keys.group {
		scopes, err := toJSON(k.Scopes)
		if err != nil {
			return err
		}
		err = g.write("", upsertKey, k.ID, k.Hash, k.Prefix, k.Scope.Merchant, string(k.Scope.Mode), k.Scope.Dialect, k.Name, scopes,
			flag(k.Active), micros(k.ExpiresAt), micros(k.CreatedAt), k.MadeBy, micros(k.UpdatedAt), micros(k.RevokedAt))
		if err != nil {
			return err
		}
	}
	return inOrder(&g.endpoints, strings.Compare, func(id string, _, e *engine.Endpoint) error {
		if e == nil {
			return g.write("", deleteEndpoint, id)
		}
		events, err := toJSON(e.Events)
		if err != nil {
			return err
		}
		old, err := toJSON(e.Old)
		if err != nil {
			return err
		}
		return g.write("", upsertEndpoint, id, e.Scope.Merchant, string(e.Scope.Mode), e.Scope.Dialect, e.Name, e.URL, e.Secret, old, events,
			flag(e.Enabled), micros(e.CreatedAt), micros(e.UpdatedAt), e.MaxRetries, e.Timeout.Milliseconds(), flag(e.ScheduleOnly), e.Description, string(e.Metadata))
	})
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (g *group) flushMarks() error {
	err := inOrder(&g.marks, strings.Compare, func(name string, was, now int64) error {
		return g.write("mark "+name, raiseMark, name, now, was)
	})
	if err != nil {
		return err
	}
	return g.write("", upsertMark, markNow, micros(g.now))
}
