package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

// tx is one caller's view of a group. It implements engine.Tx: writes are recorded in the overlay.
type tx struct {
	g     *group
	taken []pooled // instruments handed out by this caller
	over  bool
}

var _ engine.Tx = (*tx)(nil)

// use stops a function that kept its transaction.
func (t *tx) use() *group {
	if t.over {
		panic("store: a transaction was used after its function had returned")
	}
	return t.g
}

func (t *tx) Now() time.Time { return t.use().now }

func (t *tx) NewID() string {
	id, err := t.use().store.ids.next(t.g.now)
	if err != nil {
		panic("store: no random bytes: " + err.Error())
	}
	t.g.made[id] = true
	return id
}

// Orders and payments.

func (t *tx) Order(id string) (*engine.Order, error) {
	o, err := t.use().order(id)
	if err != nil {
		return nil, err
	}
	if o == nil {
		return nil, errNoOrder
	}
	return cloneOrder(o), nil
}

func (t *tx) OrderByUnique(k engine.UniqueKey) (*engine.Order, error) {
	owner, err := t.use().owner(k)
	if err != nil || owner.id == "" {
		return nil, err
	}
	return t.Order(owner.id)
}

func (t *tx) OrderByPayment(k order.PaymentKey) (string, error) {
	row, err := t.use().payment(k)
	return row.orderID, err
}

func (t *tx) Stray(k order.PaymentKey) (*engine.Stray, error) {
	row, err := t.use().payment(k)
	if err != nil || !row.exists() || row.orderID != "" {
		return nil, err
	}
	return &row.Stray, nil
}

func (t *tx) InsertOrder(o *engine.Order) error {
	g := t.use()
	if o.ID == "" || o.PublicID == "" {
		return fmt.Errorf("an order without an id cannot be stored")
	}
	if o.UniqueKey != "" {
		owner, err := g.owner(engine.UniqueKey{Scope: o.Scope, Key: o.UniqueKey})
		if err != nil {
			return err
		}
		if owner.id != "" {
			return fault.New(fault.CodeDuplicateReference, "An order with this reference exists already.").With("existing", owner.publicID)
		}
		g.unique.put(engine.UniqueKey{Scope: o.Scope, Key: o.UniqueKey}, ownerOf(o))
	}
	scope, err := g.scope(o.Scope)
	if err != nil {
		return err
	}
	last, err := g.number(scope)
	if err != nil {
		return err
	}
	if err := t.savePayments(nil, o); err != nil {
		return err
	}
	if err := t.saveTransfers(nil, o); err != nil {
		return err
	}
	g.numbers.put(scope, last+1)
	o.Number, o.Version = last+1, 1
	g.orders.put(o.ID, cloneOrder(o))
	return nil
}

func (t *tx) SaveOrder(o *engine.Order) error {
	g := t.use()
	was, err := g.order(o.ID)
	if err != nil {
		return err
	}
	if was == nil {
		return errNoOrder
	}
	if was.Version != o.Version {
		return fault.New(fault.CodeVersionConflict, "Somebody changed the order meanwhile.")
	}
	if was.PublicID != o.PublicID || was.Scope != o.Scope || was.Number != o.Number || was.UniqueKey != o.UniqueKey || was.Standing != o.Standing || !was.CreatedAt.Equal(o.CreatedAt) {
		return fmt.Errorf("order %s: its ids, scope, unique key, standing instruction and creation never change", o.ID)
	}
	if err := t.savePayments(was, o); err != nil {
		return err
	}
	if err := t.saveTransfers(was, o); err != nil {
		return err
	}
	o.Version++
	g.orders.put(o.ID, cloneOrder(o))
	return nil
}

// savePayments records the payments that differ from what was.
func (t *tx) savePayments(was, o *engine.Order) error {
	g := t.g
	var keys []order.PaymentKey
	for _, p := range o.Payments {
		if _, known := g.payments.get(p.PaymentKey); !known && g.made[p.External] {
			g.payments.load(p.PaymentKey, paymentRow{})
		}
		keys = append(keys, p.PaymentKey)
	}
	if err := g.loadPayments(keys); err != nil {
		return err
	}
	if was != nil && len(o.Payments) < len(was.Payments) {
		return fmt.Errorf("order %s: a payment on record cannot be removed", o.ID)
	}
	for i, p := range o.Payments {
		row, err := g.payment(p.PaymentKey)
		if err != nil {
			return err
		}
		if row.exists() && row.orderID == o.ID && row.position == i && samePayment(row.Payment, p) {
			continue
		}
		if row.exists() && row.orderID != "" && row.orderID != o.ID {
			return fmt.Errorf("order %s: payment %s of %s belongs to another order", o.ID, p.External, p.Rail)
		}
		row.Payment, row.orderID, row.position = p, o.ID, i
		g.payments.put(p.PaymentKey, row)
	}
	return nil
}

func (t *tx) SaveStray(s *engine.Stray) error {
	g := t.use()
	row, err := g.payment(s.PaymentKey)
	if err != nil {
		return err
	}
	if row.orderID != "" {
		return fmt.Errorf("payment %s of %s belongs to an order", s.External, s.Rail)
	}
	g.payments.put(s.PaymentKey, paymentRow{Stray: *s})
	return nil
}

// The ledger, events, answers.

func (t *tx) Balance(a ledger.Account, asset money.Asset, m engine.Mode) (money.Amount, error) {
	k := balanceKey{m, a, asset}
	row, err := t.use().balance(k)
	if err != nil {
		return money.Amount{}, err
	}
	delta, _ := t.g.deltas.get(k)
	return row.amount.Add(delta), nil
}

func (t *tx) AddEntry(e engine.Entry) error {
	g := t.use()
	if e.ID == "" || len(e.Postings) == 0 {
		return fmt.Errorf("an entry needs an id and a posting")
	}
	for _, p := range e.Postings {
		if err := p.Check(); err != nil {
			return err
		}
	}
	for _, p := range e.Postings {
		g.shift(balanceKey{e.Mode, p.From, p.Amount.Asset()}, p.Amount.Neg())
		g.shift(balanceKey{e.Mode, p.To, p.Amount.Asset()}, p.Amount)
	}
	e.Postings = slices.Clone(e.Postings)
	g.entries.add(e)
	return nil
}

// shift changes a balance by an amount; the sum is written once for the whole group.
func (g *group) shift(k balanceKey, by money.Amount) {
	sum, _ := g.deltas.get(k)
	g.deltas.put(k, sum.Add(by))
}

func (t *tx) AddEvents(list []engine.Event) error {
	g := t.use()
	for _, e := range list {
		if e.ID == "" || e.Type == "" || (e.OrderID == "") != (e.Seq == 0) {
			return fmt.Errorf("an event needs an id and a type, and of an order a number")
		}
		scope, err := g.scope(e.Scope)
		if err != nil {
			return err
		}
		e.Facts.Details = maps.Clone(e.Facts.Details)
		g.events.add(eventRow{e, scope})
	}
	return nil
}

func (t *tx) Answer(k engine.AnswerKey) (*engine.Answer, error) {
	a, err := t.use().answer(k)
	if err != nil || a == nil {
		return nil, err
	}
	c := *a
	c.Body = bytes.Clone(a.Body)
	return &c, nil
}

func (t *tx) Remember(a engine.Answer) error {
	k := engine.AnswerKey{Scope: a.Scope, Key: a.Key}
	if _, err := t.use().answer(k); err != nil {
		return err
	}
	a.Body = bytes.Clone(a.Body)
	t.g.answers.put(k, &a)
	return nil
}

func (t *tx) Forget(k engine.AnswerKey) error {
	if _, err := t.use().answer(k); err != nil {
		return err
	}
	t.g.answers.put(k, nil)
	return nil
}

// Settings, clocks, progress.

func (t *tx) Settings(s engine.SettingScope) (map[string]json.RawMessage, error) {
	values, err := t.use().setting(s)
	return maps.Clone(values), err
}

func (t *tx) SaveSetting(s engine.SettingScope, key string, value json.RawMessage) error {
	values, err := t.use().setting(s)
	if err != nil {
		return err
	}
	values = maps.Clone(values)
	if value == nil {
		delete(values, key)
	} else {
		values[key] = bytes.Clone(value)
	}
	t.g.settings.put(s, values)
	return nil
}

func (t *tx) Clock(m engine.Mode) (engine.Clock, error) {
	c, err := t.use().clock(m)
	return slices.Clone(c), err
}

func (t *tx) MoveClock(m engine.Mode, to engine.ClockMove) error {
	if m == engine.Live {
		return fault.New(fault.CodeForbidden, "The live clock cannot be moved.")
	}
	moves, err := t.use().clock(m)
	if err != nil {
		return err
	}
	to.At = to.At.UTC().Truncate(time.Microsecond)
	last := engine.ClockMove{}
	if len(moves) > 0 {
		last = moves[len(moves)-1]
	}
	if to.Offset < last.Offset || to.At.Before(last.At) {
		return fault.New(fault.CodeInvalidValue, "The clock only moves forward.")
	}
	t.g.clocks.put(m, append(slices.Clone(moves), to))
	return nil
}

func (t *tx) Progress(r engine.RailName) (*engine.Progress, error) {
	p, err := t.use().watched(r)
	if err != nil || p == nil {
		return nil, err
	}
	return new(*p), nil
}

func (t *tx) SaveProgress(p engine.Progress) error {
	was, err := t.use().watched(p.Rail)
	if err != nil {
		return err
	}
	if was != nil && was.Fence > p.Fence {
		return fault.New(fault.CodeVersionConflict, "Another watcher has taken over.")
	}
	p.Cursor.State = bytes.Clone(p.Cursor.State)
	t.g.progress.put(p.Rail, &p)
	return nil
}

// Instruments.

func (t *tx) InstrumentPool(in engine.Instrument) (*engine.Pool, error) {
	if err := t.use().loadInstruments([]engine.Instrument{in}); err != nil {
		return nil, err
	}
	row, _ := t.g.instruments.get(in)
	if row.pool == (engine.Pool{}) {
		return nil, nil
	}
	return &row.pool, nil
}

// PoolSize counts what the database has, and what this group imported: it is not there yet.
func (t *tx) PoolSize(p engine.Pool) (int64, error) {
	g := t.use()
	var size int64
	err := scan(g.db, countPool, []any{p.Merchant, string(p.Mode), string(p.Family)}, func(rows record) error { return rows.Scan(&size) })
	for _, added := range []map[engine.Instrument]instrumentRow{g.instruments.group, g.instruments.mine} {
		for _, row := range added {
			if row.number > 0 && row.pool == p {
				size++
			}
		}
	}
	return size, err
}

func (t *tx) ImportInstruments(p engine.Pool, list []engine.Imported) (added int, err error) {
	g := t.use()
	all := make([]engine.Instrument, len(list))
	for i, im := range list {
		all[i] = engine.Instrument{Family: p.Family, Value: im.Value}
	}
	if err := g.loadInstruments(all); err != nil {
		return 0, err
	}
	last, err := g.mark(markInstrument)
	if err != nil {
		return 0, err
	}
	for i, in := range all {
		row, _ := g.instruments.get(in)
		if row.pool == p {
			continue
		}
		if row.pool != (engine.Pool{}) {
			return 0, fault.New(fault.CodeInvalidAddress, "The address belongs to another pool.").On(strconv.Itoa(i))
		}
		last++
		added++
		g.instruments.put(in, instrumentRow{pool: p, number: last, imported: list[i]})
	}
	if added > 0 {
		g.marks.put(markInstrument, last)
	}
	return added, nil
}

func (t *tx) TakeInstrument(p engine.Pool, r engine.RailName, orderID string, from time.Time) (engine.Instrument, error) {
	return t.takeInstrument(p, false, r, orderID, from)
}

func (t *tx) TakeNewInstrument(p engine.Pool, r engine.RailName, orderID string, from time.Time) (engine.Instrument, error) {
	return t.takeInstrument(p, true, r, orderID, from)
}

func (t *tx) takeInstrument(p engine.Pool, onlyNew bool, r engine.RailName, orderID string, from time.Time) (engine.Instrument, error) {
	g := t.use()
	taken, err := g.take(p, onlyNew)
	if err != nil {
		return engine.Instrument{}, err
	}
	t.taken = append(t.taken, taken)
	in := engine.Instrument{Family: p.Family, Value: taken.value}
	if r == "" && !taken.fresh {
		// On every rail: a clock that can be moved ends a rest while those of the rails have hardly gone on.
		last, err := t.HoldAt(in, r, g.now.AddDate(100, 0, 0))
		if err != nil {
			return engine.Instrument{}, err
		}
		if last != nil && last.Rail == r && last.To.After(from) {
			from = last.To
		}
	}
	written, _ := g.holds.get(in)
	g.holds.put(in, append(slices.Clone(written), holdRow{Hold: engine.Hold{Instrument: in, Rail: r, OrderID: orderID, From: micro(from)}, number: taken.number, taken: g.now}))
	return in, nil
}

// FreeInstrument does nothing when the order does not hold the instrument: the end of a hold may be told twice.
func (t *tx) FreeInstrument(in engine.Instrument, orderID string, at, restUntil time.Time) error {
	g := t.use()
	written, _ := g.holds.get(in)
	written = slices.Clone(written)
	i := slices.IndexFunc(written, func(h holdRow) bool { return h.OrderID == orderID && h.To.IsZero() })
	if i < 0 {
		open, err := g.openHold(in)
		if err != nil {
			return err
		}
		ended := func(h holdRow) bool { return h.stored && h.OrderID == orderID }
		if open == nil || open.OrderID != orderID || slices.ContainsFunc(written, ended) {
			return nil
		}
		written, i = append(written, *open), len(written)
	}
	// A hold lasts from its beginning on, and its end is never the zero time, which means "still held".
	to := max(micros(at), micros(written[i].From), 1)
	written[i].To = timeOf(to)
	g.holds.put(in, written)
	if !written[i].made {
		g.rests.put(in, rest{since: g.now, until: restUntil})
	}
	return nil
}

func (t *tx) HoldAt(in engine.Instrument, r engine.RailName, at time.Time) (*engine.Hold, error) {
	g := t.use()
	list, err := g.holdsBefore(in, at)
	if err != nil {
		return nil, err
	}
	written, _ := g.holds.get(in)
	for _, h := range written {
		same := func(was holdRow) bool { return was.OrderID == h.OrderID && was.From.Equal(h.From) }
		if i := slices.IndexFunc(list, same); i >= 0 {
			list[i] = h
		} else if !h.From.After(at) {
			list = append(list, h)
		}
	}
	// The last owner comes first. Which that is says our own clock alone: those of two rails are not compared.
	slices.SortStableFunc(list, func(a, b holdRow) int { return cmp.Or(b.taken.Compare(a.taken), b.From.Compare(a.From)) })
	for _, on := range []engine.RailName{r, ""} { // on this rail, then on every rail
		then := func(h holdRow) bool { return h.Rail == on && (h.To.IsZero() || !at.After(h.To)) }
		if i := slices.IndexFunc(list, then); i >= 0 {
			return &list[i].Hold, nil
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	return &list[0].Hold, nil
}

// What only workers and administration write.

func (t *tx) SaveMerchant(m engine.Merchant) error { t.use().merchants.add(m); return nil }

func (t *tx) SaveKey(k engine.Key) error {
	if k.ID == "" || k.Hash == "" {
		return fmt.Errorf("a key needs an id and a hash")
	}
	k.Scopes = slices.Clone(k.Scopes)
	t.use().keys.add(k)
	return nil
}

func (t *tx) Endpoint(id string) (*engine.Endpoint, error) {
	e, err := t.use().endpoint(id)
	if err != nil || e == nil {
		return nil, err
	}
	return new(cloneEndpoint(*e)), nil
}

func (t *tx) CountEndpoints(s engine.Scope) (n int, err error) {
	g := t.use()
	list, err := queryEndpoints(g.db, selectEndpointsOfScope, s.Merchant, string(s.Mode), s.Dialect)
	if err != nil {
		return 0, err
	}
	there := map[string]bool{}
	for _, e := range list {
		there[e.ID] = true
	}
	for _, changed := range []map[string]*engine.Endpoint{g.endpoints.group, g.endpoints.mine} {
		for id, e := range changed {
			if e == nil || e.Scope != s {
				delete(there, id)
				continue
			}
			there[id] = true
		}
	}
	return len(there), nil
}

func (t *tx) SaveEndpoint(e engine.Endpoint) error {
	t.use().endpoints.put(e.ID, new(cloneEndpoint(e)))
	return nil
}

// cloneEndpoint copies an endpoint so that neither copy's changes are seen in the other.
func cloneEndpoint(e engine.Endpoint) engine.Endpoint {
	e.Events, e.Old, e.Metadata = slices.Clone(e.Events), slices.Clone(e.Old), bytes.Clone(e.Metadata)
	if e.MaxRetries != nil {
		e.MaxRetries = new(*e.MaxRetries)
	}
	return e
}

func (t *tx) SaveMessages(list []engine.Message) error {
	g := t.use()
	for _, m := range list {
		scope, err := g.scope(m.Scope)
		if err != nil {
			return err
		}
		m.Body, m.Tries = bytes.Clone(m.Body), slices.Clone(m.Tries)
		g.messages.add(messageRow{m, scope})
	}
	return nil
}

func (t *tx) ForgetMessage(id string, body []byte) error {
	t.use().scrubbed.add(scrubbedMessage{id, bytes.Clone(body)})
	return nil
}

func (t *tx) EventsTold(ids []string) error { t.use().told.add(ids...); return nil }

var errNoOrder = fault.New(fault.CodeNotFound, "No such order.")

func ownerOf(o *engine.Order) owner { return owner{o.ID, o.PublicID} }

// cloneOrder copies an order so that neither copy's changes are seen in the other.
func cloneOrder(o *engine.Order) *engine.Order {
	c := *o
	c.Attempts = slices.Clone(o.Attempts)
	c.Transfers = slices.Clone(o.Transfers)
	c.Sendings = maps.Clone(o.Sendings)
	c.Reviews = slices.Clone(o.Reviews)
	for i := range c.Reviews {
		c.Reviews[i].Missing = slices.Clone(c.Reviews[i].Missing)
	}
	c.Balances = slices.Clone(o.Balances)
	c.Payments = slices.Clone(o.Payments)
	c.Notify.Times = slices.Clone(o.Notify.Times)
	c.Methods, c.Words = slices.Clone(o.Methods), slices.Clone(o.Words)
	c.Chosen = maps.Clone(o.Chosen)
	for id, chosen := range c.Chosen {
		chosen.Given = maps.Clone(chosen.Given)
		c.Chosen[id] = chosen
	}
	if o.Quote != nil {
		c.Quote = new(*o.Quote) // what a quote says never changes
	}
	c.Asks, c.Findings, c.Requested = slices.Clone(o.Asks), slices.Clone(o.Findings), slices.Clone(o.Requested)
	for i := range c.Findings {
		c.Findings[i].Why = slices.Clone(c.Findings[i].Why)
	}
	c.Firsts = maps.Clone(o.Firsts)
	c.Doc = bytes.Clone(o.Doc)
	return &c
}
