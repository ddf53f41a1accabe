package store

import (
	"bytes"
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
)

// What the writer's groups and the readers ask alike. Functions that begin with "query" read the database
// and nothing else; the group's methods below put its overlay before them.

// queryer is a connection inside a transaction.
type queryer interface {
	query(query string, args ...any) (*sql.Rows, error)
	postgres() bool
}

// record is one row of an answer.
type record interface{ Scan(into ...any) error }

// scan runs a query and calls row for each row.
func scan(q queryer, query string, args []any, row func(record) error) error {
	if !storable(args) {
		return nil // nothing on record equals that
	}
	rows, err := q.query(query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// A question is a query, and what to do with each row of its answer. A group asks what it wants to know at once (session.ask).
type question struct {
	query string
	args  []any
	row   func(record) error
}

// matchAny runs a query whose {any} is true where the columns equal any of the keys. A row may come only
// once, in no order across chunks.
func matchAny(q queryer, query string, columns []string, keys [][]any, row func(record) error) error {
	for _, one := range askAny(q.postgres(), query, columns, keys, row) {
		if err := scan(q, one.query, one.args, row); err != nil {
			return err
		}
	}
	return nil
}

// sizes are how many keys one statement asks for, so that few different statements exist; a smaller last chunk is
// filled up with its last key.
var sizes = []int{1, 4, 16, 64}

// askAny is what matchAny asks: one question on PostgreSQL, one for each chunk of keys on SQLite.
func askAny(postgres bool, query string, columns []string, keys [][]any, row func(record) error) (list []question) {
	keys = slices.DeleteFunc(keys, func(key []any) bool { return !storable(key) })
	if postgres && len(keys) > 0 {
		condition, args := anyOfArrays(columns, keys)
		return []question{{strings.Replace(query, "{any}", condition, 1), args, row}}
	}
	// SQLite goes straight through a list of values of one column; of a row of ORs it notes what each of them found, to tell no row twice.
	same := 0
	if len(keys) > 1 {
		same = alike(columns, keys)
	}
	for len(keys) > 0 {
		chunk := keys[:min(len(keys), sizes[len(sizes)-1])]
		keys = keys[len(chunk):]
		size := 0
		for _, size = range sizes {
			if size >= len(chunk) {
				break
			}
		}
		args := make([]any, 0, size*len(columns))
		args = append(args, chunk[0][:same]...)
		for i := range size {
			args = append(args, chunk[min(i, len(chunk)-1)][same:]...)
		}
		list = append(list, question{strings.Replace(query, "{any}", sameAnd(columns, same, size), 1), args, row})
	}
	return list
}

// alike are the columns that have one value in all keys. They stand first.
func alike(columns []string, keys [][]any) int {
	n := 0
	for n < len(columns)-1 && !slices.ContainsFunc(keys, func(key []any) bool { return key[n] != keys[0][n] }) {
		n++
	}
	return n
}

// sameAnd writes "a = $1 AND b IN ($2, $3)", where the first columns have one value in all keys.
func sameAnd(columns []string, same, n int) string {
	var s strings.Builder
	for i, c := range columns[:same] {
		s.WriteString(c + " = $" + strconv.Itoa(i+1) + " AND ")
	}
	return s.String() + anyOf(columns[same:], same, n)
}

// anyOf writes "c IN ($1, $2)" or "(a = $1 AND b = $2 OR a = $3 AND b = $4)", with placeholders behind others.
func anyOf(columns []string, behind, n int) string {
	var s strings.Builder
	if len(columns) == 1 {
		s.WriteString(columns[0] + " IN ($" + strconv.Itoa(behind+1))
		for i := 2; i <= n; i++ {
			s.WriteString(", $" + strconv.Itoa(behind+i))
		}
		return s.String() + ")"
	}
	placeholder := behind
	for i := range n {
		s.WriteString([]string{"(", " OR "}[min(i, 1)])
		for j, c := range columns {
			placeholder++
			s.WriteString([]string{"", " AND "}[min(j, 1)] + c + " = $" + strconv.Itoa(placeholder))
		}
	}
	return s.String() + ")"
}

func single[T ~string | ~int64](keys []T) [][]any {
	list := make([][]any, len(keys))
	for i, k := range keys {
		list[i] = []any{k}
	}
	return list
}

// Times are microseconds, 0 for none.

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func micro(t time.Time) time.Time { return timeOf(micros(t)) }

// parseAmount reads a stored amount of any length: a balance may have more digits than one payment can.
func parseAmount(text string) (money.Amount, error) {
	digits, name, _ := strings.Cut(text, " ")
	asset, err := money.ParseAsset(name)
	if err != nil {
		return money.Amount{}, err
	}
	units, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		return money.Amount{}, fmt.Errorf("%q is not an amount", text)
	}
	return money.New(asset, units), nil
}

func formatAmount(a money.Amount) string {
	text, _ := a.AppendText(make([]byte, 0, 64))
	return string(text)
}

// Orders.

func queryOrders(q queryer, column string, ids []string, row func(*engine.Order)) error {
	orders := map[string]*engine.Order{}
	err := matchAny(q, selectOrders, []string{column}, single(ids), func(rows record) error {
		o, err := scanOrder(rows)
		if err != nil {
			return err
		}
		orders[o.ID] = o
		return nil
	})
	if err != nil || len(orders) == 0 {
		return err
	}
	if err := queryPaymentsOf(q, orders); err != nil {
		return err
	}
	for _, o := range orders {
		row(o)
	}
	return nil
}

func scanOrder(rows record) (*engine.Order, error) {
	var body, doc sql.RawBytes
	if err := rows.Scan(&body, &doc); err != nil {
		return nil, err
	}
	o := &engine.Order{}
	if err := json.Unmarshal(body, o); err != nil {
		return nil, fmt.Errorf("an order on record cannot be read: %w", err)
	}
	o.Doc = nil
	if len(doc) > 0 {
		o.Doc = append(json.RawMessage(nil), doc...)
	}
	return o, nil
}

// queryPaymentsOf fills in the payments of orders.
func queryPaymentsOf(q queryer, orders map[string]*engine.Order) error {
	ids := make([]string, 0, len(orders))
	for id := range orders {
		ids = append(ids, id)
	}
	return matchAny(q, selectPaymentsOfOrder, []string{"order_id"}, single(ids), func(rows record) error {
		row, err := scanPayment(rows)
		if err == nil {
			o := orders[row.orderID]
			o.Payments = append(o.Payments, row.Payment)
		}
		return err
	})
}

func scanPayment(rows record) (paymentRow, error) {
	var row paymentRow
	var body sql.RawBytes
	if err := rows.Scan(&row.orderID, &row.position, &body); err != nil {
		return row, err
	}
	if err := json.Unmarshal(body, &row.Stray); err != nil {
		return row, fmt.Errorf("a payment on record cannot be read: %w", err)
	}
	return row, nil
}

// order is nil when there is none.
func (g *group) order(id string) (*engine.Order, error) {
	for {
		if err := g.loadOrders([]string{id}); err != nil {
			return nil, err
		}
		if o, found := g.orders.get(id); found { // else it is not what was kept of it
			return o, nil
		}
		g.store.recents.orders.drop(id)
	}
}

func (g *group) loadOrders(ids []string) error { return g.db.ask(g.askOrders(ids)) }

// askOrders asks for orders and then, behind them, for their payments.
func (g *group) askOrders(ids []string) []question {
	missing := g.orders.missing(ids)
	var list []question
	if g.db.postgres() {
		if known := g.store.recents.known(missing); len(known) > 0 {
			missing = slices.DeleteFunc(missing, func(id string) bool { return slices.Contains(known, id) })
			list = g.askVersions(known)
		}
	}
	for _, id := range missing {
		g.orders.load(id, nil)
	}
	list = append(list, askAny(g.db.postgres(), selectOrders, []string{"id"}, single(missing), func(rows record) error {
		o, err := scanOrder(rows)
		if err == nil {
			g.orders.load(o.ID, o)
		}
		return err
	})...)
	return append(list, askAny(g.db.postgres(), selectPaymentsOfOrder, []string{"order_id"}, single(missing), func(rows record) error {
		row, err := scanPayment(rows)
		if err != nil {
			return err
		}
		if o, _ := g.orders.get(row.orderID); o != nil {
			o.Payments = append(o.Payments, row.Payment)
		}
		if _, ok := g.payments.stored[row.PaymentKey]; !ok {
			g.payments.load(row.PaymentKey, row)
		}
		return nil
	})...)
}

// owner is whose a unique key is, the zero owner for nobody.
func (g *group) owner(k engine.UniqueKey) (owner, error) {
	if err := g.loadUnique([]engine.UniqueKey{k}); err != nil {
		return owner{}, err
	}
	o, _ := g.unique.get(k)
	return o, nil
}

func (g *group) loadUnique(keys []engine.UniqueKey) error {
	missing := g.unique.missing(keys)
	for _, k := range missing {
		scope, err := g.findScope(k.Scope)
		if err != nil {
			return err
		}
		if scope == 0 {
			g.unique.load(k, owner{}) // a scope without an id has no orders
		}
	}
	return g.db.ask(g.askUnique(missing))
}

// askUnique asks whose the keys are, and for the last numbers of their scopes. Keys of a scope whose id is not in memory are left to
// loadUnique.
func (g *group) askUnique(keys []engine.UniqueKey) []question {
	var args [][]any
	scopes := map[int64]engine.Scope{}
	for _, k := range g.unique.missing(keys) {
		if scope := g.knownScope(k.Scope); scope > 0 {
			g.unique.load(k, owner{})
			scopes[scope] = k.Scope
			args = append(args, []any{scope, k.Key})
		}
	}
	list := askAny(g.db.postgres(), selectOrdersByUnique, []string{"scope_id", "unique_key"}, args, func(rows record) error {
		var scope int64
		var key string
		var o owner
		if err := rows.Scan(&scope, &key, &o.id, &o.publicID); err != nil {
			return err
		}
		g.unique.load(engine.UniqueKey{Scope: scopes[scope], Key: key}, o)
		return nil
	})
	list = append(list, g.askNumbers(slices.Collect(maps.Keys(scopes)))...)
	for _, s := range scopes {
		list = append(list, g.askListeners([]engine.Scope{s.Owner()})...) // an order begins with an event
	}
	return list
}

// payment is the zero row when there is none.
func (g *group) payment(k order.PaymentKey) (paymentRow, error) {
	if err := g.loadPayments([]order.PaymentKey{k}); err != nil {
		return paymentRow{}, err
	}
	row, _ := g.payments.get(k)
	return row, nil
}

func (g *group) loadPayments(keys []order.PaymentKey) error { return g.db.ask(g.askPayments(keys)) }

func (g *group) askPayments(keys []order.PaymentKey) []question {
	var args [][]any
	for _, k := range g.payments.missing(keys) {
		g.payments.load(k, paymentRow{})
		args = append(args, []any{k.Rail, k.External})
	}
	return askAny(g.db.postgres(), selectPayments, []string{"rail", "external"}, args, func(rows record) error {
		row, err := scanPayment(rows)
		if err == nil {
			g.payments.load(row.PaymentKey, row)
		}
		return err
	})
}

// Scopes.

// knownScope is the id of a scope, 0 when it is not in memory.
func (g *group) knownScope(s engine.Scope) int64 {
	if id, ok := g.newScopes[s]; ok {
		return id
	}
	id, _ := g.store.scopes.Load(s)
	n, _ := id.(int64)
	return n
}

// findScope is the id of a scope on record, 0 when it has none.
func (g *group) findScope(s engine.Scope) (int64, error) {
	if id := g.knownScope(s); id > 0 {
		return id, nil
	}
	id, err := queryScope(g.store, g.db, s)
	if id > 0 {
		g.newScopes[s] = id
	}
	return id, err
}

func queryScope(store *Store, q queryer, s engine.Scope) (int64, error) {
	if id, ok := store.scopes.Load(s); ok {
		return id.(int64), nil
	}
	var id int64
	err := scan(q, selectScope, []any{s.Merchant, string(s.Mode), s.Dialect}, func(rows record) error { return rows.Scan(&id) })
	return id, err
}

// scope is the id of a scope, which it gets when it has none. An id without orders does no harm, so it
// stays when the caller fails.
func (g *group) scope(s engine.Scope) (int64, error) {
	id, err := g.findScope(s)
	if err != nil || id > 0 {
		return id, err
	}
	if _, err := g.db.exec(insertScope, s.Merchant, string(s.Mode), s.Dialect); err != nil {
		return 0, err
	}
	g.dirty = true
	return g.findScope(s)
}

// number is the last order number of a scope.
func (g *group) number(scope int64) (int64, error) {
	if n, ok := g.numbers.get(scope); ok {
		return n, nil
	}
	err := g.db.ask(g.askNumbers([]int64{scope}))
	n, _ := g.numbers.get(scope)
	return n, err
}

func (g *group) askNumbers(scopes []int64) []question {
	return askAny(g.db.postgres(), selectNumber, []string{"id"}, single(g.numbers.missing(scopes)), func(rows record) error {
		var id, n int64
		if err := rows.Scan(&id, &n); err != nil {
			return err
		}
		g.numbers.load(id, n)
		return nil
	})
}

// markInstrument is the number of the last instrument imported; markNow the latest time given out.
const (
	markInstrument = "instrument"
	markNow        = "now"
)

func (g *group) mark(name string) (int64, error) {
	if v, ok := g.marks.get(name); ok {
		return v, nil
	}
	v, err := queryMark(g.db, name)
	if err == nil {
		g.marks.load(name, v)
	}
	return v, err
}

// next is the number behind the last one under a mark, which it becomes.
func (g *group) next(name string) (int64, error) {
	last, err := g.mark(name)
	if err != nil {
		return 0, err
	}
	g.marks.put(name, last+1)
	return last + 1, nil
}

func queryMark(q queryer, name string) (v int64, err error) {
	err = scan(q, selectMark, []any{name}, func(rows record) error { return rows.Scan(&v) })
	return v, err
}

// Balances.

func (g *group) balance(k balanceKey) (balanceRow, error) {
	if err := g.loadBalances([]balanceKey{k}); err != nil {
		return balanceRow{}, err
	}
	return g.balances[k], nil
}

// askWantedBalances asks for balances before anything else is read.
func (g *group) askWantedBalances(wanted []engine.BalanceKey) []question {
	keys := make([]balanceKey, len(wanted))
	for i, k := range wanted {
		keys[i] = balanceKey{k.Mode, k.Account, k.Asset}
	}
	return g.askBalances(keys)
}

func (g *group) loadBalances(keys []balanceKey) error { return g.db.ask(g.askBalances(keys)) }

func (g *group) askBalances(keys []balanceKey) []question {
	var args [][]any
	for _, k := range keys {
		if _, ok := g.balances[k]; !ok {
			set(&g.balances, k, balanceRow{amount: money.Zero(k.asset)})
			args = append(args, []any{string(k.mode), string(k.account.Book()), string(k.account), k.asset.String()})
		}
	}
	return askAny(g.db.postgres(), selectBalances, []string{"mode", "book", "account", "asset"}, args, func(rows record) error {
		var k balanceKey
		var asset, amount string
		var row balanceRow
		err := rows.Scan(&k.mode, &k.account, &asset, &amount, &row.version, &row.lines)
		if err != nil {
			return err
		}
		if row.amount, err = parseAmount(amount); err != nil {
			return err
		}
		k.asset = row.amount.Asset()
		g.balances[k] = row
		return nil
	})
}

// Answers, settings, clocks, progress.

func (g *group) answer(k engine.AnswerKey) (*engine.Answer, error) {
	if err := g.db.ask(g.askAnswers([]engine.AnswerKey{k})); err != nil {
		return nil, err
	}
	a, _ := g.answers.get(k)
	return a, nil
}

func (g *group) askAnswers(keys []engine.AnswerKey) []question {
	var args [][]any
	for _, k := range g.answers.missing(keys) {
		g.answers.load(k, nil)
		args = append(args, []any{k.Scope, k.Key})
	}
	return askAny(g.db.postgres(), selectAnswers, []string{"scope", "name"}, args, func(rows record) error {
		a := &engine.Answer{}
		var at int64
		if err := rows.Scan(&a.Scope, &a.Key, &a.Hash, &a.OrderID, &a.Status, &a.Body, &at); err != nil {
			return err
		}
		a.At = timeOf(at)
		g.answers.load(engine.AnswerKey{Scope: a.Scope, Key: a.Key}, a)
		return nil
	})
}

func (g *group) setting(s engine.SettingScope) (map[string]json.RawMessage, error) {
	if err := g.db.ask(g.askSettings([]engine.SettingScope{s})); err != nil {
		return nil, err
	}
	values, _ := g.settings.get(s)
	return values, nil
}

func (g *group) askSettings(scopes []engine.SettingScope) []question {
	list, all := askSettings(g.db.postgres(), g.settings.missing(scopes))
	for s, values := range all {
		g.settings.load(s, values)
	}
	return list
}

// askSettings gives every scope a map, an empty one where nothing is set.
func askSettings(postgres bool, scopes []engine.SettingScope) ([]question, map[engine.SettingScope]map[string]json.RawMessage) {
	all := map[engine.SettingScope]map[string]json.RawMessage{}
	var args [][]any
	for _, s := range scopes {
		all[s] = map[string]json.RawMessage{}
		args = append(args, []any{s.Merchant, string(s.Mode)})
	}
	return askAny(postgres, selectSettings, []string{"merchant", "mode"}, args, func(rows record) error {
		var s engine.SettingScope
		var name string
		var value []byte
		if err := rows.Scan(&s.Merchant, &s.Mode, &name, &value); err != nil {
			return err
		}
		all[s][name] = value
		return nil
	}), all
}

func (g *group) clock(m engine.Mode) (engine.Clock, error) {
	if err := g.db.ask(g.askClocks([]engine.Mode{m})); err != nil {
		return nil, err
	}
	c, _ := g.clocks.get(m)
	return c, nil
}

func (g *group) askClocks(modes []engine.Mode) (list []question) {
	for _, m := range g.clocks.missing(modes) {
		g.clocks.load(m, nil)
		list = append(list, askClock(m, func(move engine.ClockMove) {
			c, _ := g.clocks.get(m)
			g.clocks.load(m, append(c, move))
		}))
	}
	return list
}

func askClock(m engine.Mode, each func(engine.ClockMove)) question {
	return question{selectClock, []any{string(m)}, func(rows record) error {
		var at, offset int64
		err := rows.Scan(&at, &offset)
		each(engine.ClockMove{At: timeOf(at), Offset: time.Duration(offset)})
		return err
	}}
}

func queryClock(q queryer, m engine.Mode) (engine.Clock, error) {
	var c engine.Clock
	one := askClock(m, func(move engine.ClockMove) { c = append(c, move) })
	err := scan(q, one.query, one.args, one.row)
	return c, err
}

// watched is how far a rail's watcher is, nil when it never told anything.
func (g *group) watched(r engine.RailName) (*engine.Progress, error) {
	if err := g.db.ask(g.askProgress([]engine.RailName{r})); err != nil {
		return nil, err
	}
	p, _ := g.progress.get(r)
	return p, nil
}

func (g *group) askProgress(rails []engine.RailName) (list []question) {
	for _, r := range g.progress.missing(rails) {
		g.progress.load(r, nil)
		list = append(list, askProgress(r, func(p *engine.Progress) { g.progress.load(r, p) }))
	}
	return list
}

func queryProgress(q queryer, r engine.RailName) (found *engine.Progress, err error) {
	one := askProgress(r, func(p *engine.Progress) { found = p })
	err = scan(q, one.query, one.args, one.row)
	return found, err
}

func askProgress(r engine.RailName, is func(*engine.Progress)) question {
	return question{selectProgress, []any{string(r)}, func(rows record) error {
		found := &engine.Progress{Rail: r}
		var horizon, head int64
		err := rows.Scan(&found.Cursor.State, &horizon, &head, &found.Fence)
		found.Cursor.Horizon, found.Cursor.Head = timeOf(horizon), uint64(head)
		if len(found.Cursor.State) == 0 {
			found.Cursor.State = nil
		}
		is(found)
		return err
	}}
}

// Endpoints.

func (g *group) endpoint(id string) (*engine.Endpoint, error) {
	if e, ok := g.endpoints.get(id); ok {
		return e, nil
	}
	e, err := queryEndpoint(g.db, id)
	if err == nil {
		g.endpoints.load(id, e)
	}
	return e, err
}

// listened says whether a scope, or its merchant's organisation, has an enabled endpoint, as the group leaves it.
func (g *group) listened(s engine.Scope) (bool, error) {
	if err := g.db.ask(g.askListeners([]engine.Scope{s})); err != nil {
		return false, err
	}
	for _, e := range g.endpoints.group {
		if e == nil || !e.Enabled || e.Scope.Mode != s.Mode || e.Scope.Dialect != s.Dialect {
			continue
		}
		// One of an organisation that comes in the same moment may be this merchant's: whose it is, is asked when it is told.
		if _, organisation := e.Scope.Organisation(); organisation || e.Scope == s {
			return true, nil
		}
	}
	for id := range g.listeners[s] {
		if changed, ok := g.endpoints.group[id]; !ok || changed != nil && changed.Enabled {
			return true, nil
		}
	}
	return false, nil
}

// askListeners asks for each scope once in a group: the many events of a group are of few scopes.
func (g *group) askListeners(scopes []engine.Scope) (list []question) {
	for _, s := range scopes {
		if _, ok := g.listeners[s]; ok {
			continue
		}
		if !g.db.postgres() {
			if ids, ok := g.store.recents.listeners.get(s); ok {
				set(&g.listeners, s, ids)
				continue
			}
		}
		ids := map[string]bool{}
		set(&g.listeners, s, ids)
		list = append(list, question{selectListeners, []any{s.Merchant, string(s.Mode), s.Dialect}, func(rows record) error {
			var id string
			err := rows.Scan(&id)
			ids[id] = true
			return err
		}})
	}
	return list
}

// queryEndpoint is nil when there is none.
func queryEndpoint(q queryer, id string) (*engine.Endpoint, error) {
	found, err := queryEndpoints(q, selectEndpoint, id)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func queryEndpoints(q queryer, query string, args ...any) ([]engine.Endpoint, error) {
	var found []engine.Endpoint
	err := scan(q, query, args, func(rows record) error {
		var e engine.Endpoint
		var old, events, metadata sql.RawBytes
		var created, updated, timeout int64
		var retries sql.NullInt64
		err := rows.Scan(&e.ID, &e.Scope.Merchant, &e.Scope.Mode, &e.Scope.Dialect, &e.Name, &e.URL, &e.Secret, &old, &events, &e.Enabled, &created, &updated,
			&retries, &timeout, &e.ScheduleOnly, &e.Description, &metadata)
		if err != nil {
			return err
		}
		e.CreatedAt, e.UpdatedAt, e.Timeout = timeOf(created), timeOf(updated), time.Duration(timeout)*time.Millisecond
		if retries.Valid {
			e.MaxRetries = new(int(retries.Int64))
		}
		if len(metadata) > 0 {
			e.Metadata = bytes.Clone(metadata)
		}
		if err := errors.Join(json.Unmarshal(old, &e.Old), json.Unmarshal(events, &e.Events)); err != nil {
			return err
		}
		found = append(found, e)
		return nil
	})
	return found, err
}

// Instruments.

func (g *group) loadInstruments(list []engine.Instrument) error {
	var args [][]any
	for _, in := range g.instruments.missing(list) {
		g.instruments.load(in, instrumentRow{})
		args = append(args, []any{string(in.Family), in.Value})
	}
	return matchAny(g.db, selectInstruments, []string{"family", "value"}, args, func(rows record) error {
		var value string
		var p engine.Pool
		if err := rows.Scan(&p.Family, &value, &p.Merchant, &p.Mode); err != nil {
			return err
		}
		g.instruments.load(engine.Instrument{Family: p.Family, Value: value}, instrumentRow{pool: p})
		return nil
	})
}

// latestHolds is how many holds of an instrument are looked at to find its owner at a time. One order holds it at
// a time and then it rests, while the clocks of rails differ by minutes: the owner is among the last two or three.
const latestHolds = 10

// askHolds asks for every hold of instruments. They are few of those that are made for one order.
func (g *group) askHolds(list []engine.Instrument) []question {
	var args [][]any
	for _, in := range list {
		if _, ok := g.held[in]; !ok {
			set(&g.held, in, nil)
			args = append(args, []any{string(in.Family), in.Value})
		}
	}
	return askAny(g.db.postgres(), selectHoldsOf, []string{"i.family", "i.value"}, args, func(rows record) error {
		var h holdRow
		var from, to, taken, archived int64
		err := rows.Scan(&h.Instrument.Family, &h.Instrument.Value, &h.number, &h.Rail, &h.OrderID, &from, &to, &taken, &archived)
		h.From, h.To, h.taken, h.stored, h.made = timeOf(from), timeOf(to), timeOf(taken), true, archived == 2
		g.held[h.Instrument] = append(g.held[h.Instrument], h)
		return err
	})
}

// holdsBefore is the latest holds of an instrument that began no later than at, the latest first.
func (g *group) holdsBefore(in engine.Instrument, at time.Time) ([]holdRow, error) {
	if all, ok := g.held[in]; ok {
		list := slices.DeleteFunc(slices.Clone(all), func(h holdRow) bool { return h.From.After(at) })
		slices.SortFunc(list, func(a, b holdRow) int { return cmp.Or(b.From.Compare(a.From), strings.Compare(b.OrderID, a.OrderID)) })
		return list[:min(len(list), latestHolds)], nil
	}
	return queryHolds(g.db, in, selectHoldsBefore, string(in.Family), in.Value, micros(at), latestHolds)
}

func (g *group) openHold(in engine.Instrument) (*holdRow, error) {
	if all, ok := g.held[in]; ok {
		i := slices.IndexFunc(all, func(h holdRow) bool { return h.To.IsZero() })
		if i < 0 {
			return nil, nil
		}
		return &all[i], nil
	}
	found, err := queryHolds(g.db, in, selectHoldOpen, string(in.Family), in.Value)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func queryHolds(q queryer, in engine.Instrument, query string, args ...any) ([]holdRow, error) {
	var list []holdRow
	err := scan(q, query, args, func(rows record) error {
		h := holdRow{Hold: engine.Hold{Instrument: in}, stored: true}
		var from, to, taken int64
		err := rows.Scan(&h.number, &h.Rail, &h.OrderID, &from, &to, &taken)
		h.From, h.To, h.taken = timeOf(from), timeOf(to), timeOf(taken)
		list = append(list, h)
		return err
	})
	return list, err
}
