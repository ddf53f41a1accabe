package store

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
)

// Bookings and statements of banks. body is the record as JSON; the columns are what is looked for.
const (
	selectBookings       = `SELECT body FROM bookings WHERE {any}`
	selectBookingByID    = `SELECT body FROM bookings WHERE id = $1`
	selectEarlyBookings  = `SELECT body FROM bookings WHERE rail = $1 AND early = 1 ORDER BY id LIMIT $2`
	selectBookingsNaming = `SELECT body FROM bookings WHERE rail = $1 AND end_to_end = $2 AND end_to_end <> '' LIMIT $3`
	listBookings         = `SELECT body FROM bookings WHERE rail = $1 AND id < $2 ORDER BY id DESC LIMIT $3`
	listBookingsOfState  = `SELECT body FROM bookings WHERE rail = $1 AND state = $2 AND id < $3 ORDER BY id DESC LIMIT $4`
	selectBookingsOf     = `SELECT body FROM bookings WHERE {any} AND batch <> '' LIMIT `
	selectBookingsCalled = `SELECT body FROM bookings WHERE rail = $1 AND name > $2 AND name < $3 ORDER BY name LIMIT $4`
	selectPending        = `SELECT body FROM bookings WHERE rail = $1 AND state = 'pending' AND id > $2 ORDER BY id LIMIT $3`
	insertBooking        = `INSERT INTO bookings (id, rail, name, state, early, end_to_end, booked_at, moved, batch, version, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`
	updateBooking = `UPDATE bookings SET state = $1, early = $2, end_to_end = $3, booked_at = $4, moved = $5, batch = $6, version = $7, body = $8 WHERE id = $9 AND version = $10`

	selectBankDays       = `SELECT rail, day, moved, version FROM bank_days WHERE {any}`
	selectBankDaysBefore = `SELECT moved FROM bank_days WHERE rail = $1 AND day < $2`
	selectBankDaysAfter  = `SELECT moved FROM bank_days WHERE rail = $1 AND day > $2`
	insertBankDay        = `INSERT INTO bank_days (rail, day, asset, moved, version) VALUES ($1, $2, $3, $4, 1) ON CONFLICT DO NOTHING`
	updateBankDay        = `UPDATE bank_days SET moved = $1, version = $2 WHERE rail = $3 AND day = $4 AND asset = $5 AND version = $6`

	selectBankStatement       = `SELECT body FROM bank_statements WHERE rail = $1 AND place = $2`
	selectBankStatementBefore = `SELECT body FROM bank_statements WHERE rail = $1 AND closing = 1 AND place < $2 ORDER BY place DESC LIMIT 1`
	selectBankStatementAfter  = `SELECT body FROM bank_statements WHERE rail = $1 AND closing = 1 AND place > $2 ORDER BY place LIMIT 1`
	listBankStatements        = `SELECT body FROM bank_statements WHERE rail = $1 AND place < $2 ORDER BY place DESC LIMIT $3`
	listClosingStatements     = `SELECT body FROM bank_statements WHERE rail = $1 AND closing = 1 AND place < $2 ORDER BY place DESC LIMIT $3`
	insertBankStatement       = `INSERT INTO bank_statements (rail, place, closing, version, body) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`
	updateBankStatement       = `UPDATE bank_statements SET version = $1, body = $2 WHERE rail = $3 AND place = $4 AND version = $5`

	// The conditions are those of the index, word for word.
	selectOpenOrders = `SELECT id FROM orders WHERE rail = $1 AND rail >= 'bank:' AND rail < 'bank;' AND state IN ('documents', 'review', 'waiting', 'seen', 'part')
		AND amount_key = $2 AND mode = $3 ORDER BY id LIMIT $4`
)

// farPlace and farID are behind every place and every id.
const (
	farPlace = "~"
	farID    = "~"
)

func (t *tx) Booking(k engine.BookingKey) (*engine.Booking, error) {
	b, err := t.use().booking(k)
	return b.Clone(), err
}

// booking is nil when there is none.
func (g *group) booking(k engine.BookingKey) (*engine.Booking, error) {
	if b, loaded := g.bookings.get(k); loaded {
		return b, nil
	}
	err := g.db.ask(g.askBookings([]engine.BookingKey{k}))
	b, _ := g.bookings.get(k)
	return b, err
}

func (g *group) askBookings(keys []engine.BookingKey) []question {
	var args [][]any
	for _, k := range g.bookings.missing(keys) {
		g.bookings.load(k, nil)
		args = append(args, []any{string(k.Rail), k.Key})
	}
	return askAny(g.db.postgres(), selectBookings, []string{"rail", "name"}, args, func(row record) error {
		b, err := scanBooking(row)
		if err == nil {
			g.bookings.load(keyOfBooking(b), b)
		}
		return err
	})
}

func keyOfBooking(b *engine.Booking) engine.BookingKey {
	return engine.BookingKey{Rail: b.Rail, Key: b.Key}
}

func (t *tx) BookingByID(id string) (*engine.Booking, error) {
	g := t.use()
	if k, known := g.bookingIDs.get(id); known {
		return t.Booking(k)
	}
	found, err := queryBookings(g.db, selectBookingByID, id)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return t.Booking(keyOfBooking(&found[0]))
}

// EarlyBookings and BookingsNaming look through what the group wrote as well: it is not in the database yet.
func (t *tx) EarlyBookings(r engine.RailName) ([]engine.Booking, error) {
	list, err := t.bookingsLike(selectEarlyBookings, []any{string(r), engine.MaxEarly}, func(b *engine.Booking) bool { return b.Rail == r && b.Early })
	slices.SortFunc(list, func(a, b engine.Booking) int { return strings.Compare(a.ID, b.ID) })
	return list[:min(len(list), engine.MaxEarly)], err
}

func (t *tx) BookingsNaming(r engine.RailName, endToEnd string, limit int) ([]engine.Booking, error) {
	list, err := t.bookingsLike(selectBookingsNaming, []any{string(r), endToEnd, limit}, func(b *engine.Booking) bool { return b.Rail == r && endToEnd != "" && b.EndToEnd == endToEnd })
	return list[:min(len(list), limit)], err
}

func (t *tx) PendingBookings(r engine.RailName, after string, limit int) ([]engine.Booking, error) {
	list, err := t.bookingsLike(selectPending, []any{string(r), after, limit}, func(b *engine.Booking) bool {
		return b.Rail == r && b.State == engine.BookingPending && b.ID > after
	})
	slices.SortFunc(list, func(a, b engine.Booking) int { return strings.Compare(a.ID, b.ID) })
	return list[:min(len(list), limit)], err
}

// BookingsOfBatch looks for each of the names.
func (t *tx) BookingsOfBatch(r engine.RailName, names []string, limit int) ([]engine.Booking, error) {
	var keys [][]any
	wanted := map[string]bool{}
	for _, name := range names {
		if name != "" && !wanted[name] {
			wanted[name] = true
			keys = append(keys, []any{string(r), name})
		}
	}
	var found []engine.Booking
	for _, q := range askAny(t.use().db.postgres(), selectBookingsOf, []string{"rail", "batch"}, keys, func(row record) error {
		b, err := scanBooking(row)
		if err == nil {
			found = append(found, *b)
		}
		return err
	}) {
		if err := scan(t.g.db, q.query+"$"+strconv.Itoa(len(q.args)+1), append(q.args, limit), q.row); err != nil {
			return nil, err
		}
	}
	return t.withWritten(found, func(b *engine.Booking) bool { return b.Rail == r && wanted[b.InBatch()] }), nil
}

// BookingsCalled are those whose key is the reference with the mark of a repetition or of another line behind it.
func (t *tx) BookingsCalled(r engine.RailName, reference string, limit int) (all []engine.Booking, err error) {
	for _, mark := range []string{"#", "@"} {
		list, err := t.bookingsLike(selectBookingsCalled, []any{string(r), reference + mark, reference + string(mark[0]+1), limit}, func(b *engine.Booking) bool {
			return b.Rail == r && strings.HasPrefix(b.Key, reference+mark) && len(b.Key) > len(reference+mark)
		})
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all[:min(len(all), limit)], nil
}

// bookingsLike is what the database finds and what the group wrote, as it is now.
func (t *tx) bookingsLike(query string, args []any, is func(*engine.Booking) bool) (list []engine.Booking, err error) {
	found, err := queryBookings(t.use().db, query, args...)
	if err != nil {
		return nil, err
	}
	return t.withWritten(found, is), nil
}

// withWritten is what was found and what the group wrote, as it is now.
func (t *tx) withWritten(found []engine.Booking, is func(*engine.Booking) bool) (list []engine.Booking) {
	g := t.g
	keys := map[engine.BookingKey]bool{}
	for i := range found {
		k := keyOfBooking(&found[i])
		if _, loaded := g.bookings.get(k); !loaded {
			g.bookings.load(k, &found[i])
		}
		keys[k] = true
	}
	for _, written := range []map[engine.BookingKey]*engine.Booking{g.bookings.group, g.bookings.mine} {
		for k, b := range written {
			if is(b) {
				keys[k] = true
			}
		}
	}
	sorted := slices.SortedFunc(maps.Keys(keys), byBookingKey)
	for _, k := range sorted {
		if b, _ := g.bookings.get(k); b != nil && is(b) {
			list = append(list, *b.Clone())
		}
	}
	return list
}

func byBookingKey(a, b engine.BookingKey) int {
	return cmp.Or(cmp.Compare(a.Rail, b.Rail), cmp.Compare(a.Key, b.Key))
}

func (t *tx) SaveBooking(b *engine.Booking) error {
	g := t.use()
	if b.ID == "" || b.Key == "" || b.Rail == "" || b.State == "" {
		return errors.New("a booking needs an id, a key, a rail and a state")
	}
	was, err := g.booking(keyOfBooking(b))
	switch {
	case err != nil:
		return err
	case was == nil && b.Version != 0 || was != nil && was.Version != b.Version:
		return fault.New(fault.CodeVersionConflict, "Somebody changed the booking meanwhile.")
	case was != nil && (was.ID != b.ID || was.Mode != b.Mode):
		return fmt.Errorf("booking %s: its id and mode never change", was.ID)
	}
	b.Version++
	g.bookings.put(keyOfBooking(b), b.Clone())
	g.bookingIDs.put(b.ID, keyOfBooking(b))
	return nil
}

// statementKey is where a bank's statement stands.
type statementKey struct {
	rail  engine.RailName
	place string
}

func keyOfStatement(s *engine.BankStatement) statementKey { return statementKey{s.Rail, s.Place()} }

func (t *tx) BankStatement(s engine.BankStatement) (*engine.BankStatement, error) {
	found, err := t.use().bankStatement(keyOfStatement(&s))
	return cloneStatement(found), err
}

// bankStatement is nil when there is none.
func (g *group) bankStatement(k statementKey) (*engine.BankStatement, error) {
	if s, loaded := g.bankStatements.get(k); loaded {
		return s, nil
	}
	list, err := queryBankStatements(g.db, selectBankStatement, string(k.rail), k.place)
	if err != nil {
		return nil, err
	}
	var found *engine.BankStatement
	if len(list) > 0 {
		found = &list[0]
	}
	g.bankStatements.load(k, found)
	return found, nil
}

func (t *tx) BankStatementBeside(s engine.BankStatement, after bool) (*engine.BankStatement, error) {
	g := t.use()
	query, nearer := selectBankStatementBefore, func(a, b string) bool { return a > b }
	if after {
		query, nearer = selectBankStatementAfter, func(a, b string) bool { return a < b }
	}
	list, err := queryBankStatements(g.db, query, string(s.Rail), s.Place())
	if err != nil {
		return nil, err
	}
	var found *engine.BankStatement
	if len(list) > 0 {
		if found, err = g.bankStatement(keyOfStatement(&list[0])); err != nil {
			return nil, err
		}
	}
	for _, written := range []map[statementKey]*engine.BankStatement{g.bankStatements.group, g.bankStatements.mine} {
		for k, w := range written {
			beside := k.rail == s.Rail && w.Closes() && k.place != s.Place() && (k.place > s.Place()) == after
			if beside && (found == nil || nearer(k.place, found.Place())) {
				found, _ = g.bankStatements.get(k)
			}
		}
	}
	return cloneStatement(found), nil
}

func (t *tx) SaveBankStatement(s *engine.BankStatement) error {
	g := t.use()
	if s.Digest == "" || s.Rail == "" {
		return errors.New("a bank's statement needs a digest and a rail")
	}
	was, err := g.bankStatement(keyOfStatement(s))
	if err != nil {
		return err
	}
	if was == nil && s.Version != 0 || was != nil && was.Version != s.Version {
		return fault.New(fault.CodeVersionConflict, "Somebody changed the statement meanwhile.")
	}
	s.Version++
	g.bankStatements.put(keyOfStatement(s), cloneStatement(s))
	return nil
}

func cloneStatement(s *engine.BankStatement) *engine.BankStatement {
	if s == nil {
		return nil
	}
	c := *s
	return &c
}

func (g *group) flushBookings() error {
	var inserted []*engine.Booking
	days := bankDays{}
	err := inOrder(&g.bookings, byBookingKey, func(_ engine.BookingKey, was, now *engine.Booking) error {
		days.add(was, -1)
		days.add(now, 1)
		if was == nil {
			inserted = append(inserted, now)
			return nil
		}
		columns, err := bookingColumns(now)
		if err != nil {
			return err
		}
		return g.write("booking "+now.ID, updateBooking, append(columns, now.ID, was.Version)...)
	})
	if err != nil {
		return err
	}
	if err := g.flushBankDays(days); err != nil {
		return err
	}
	slices.SortFunc(inserted, func(a, b *engine.Booking) int { return strings.Compare(a.ID, b.ID) })
	for _, b := range inserted {
		columns, err := bookingColumns(b)
		if err != nil {
			return err
		}
		if err := g.write("booking "+b.ID, insertBooking, append([]any{b.ID, string(b.Rail), b.Key}, columns...)...); err != nil {
			return err
		}
	}
	byPlace := func(a, b statementKey) int { return cmp.Or(cmp.Compare(a.rail, b.rail), cmp.Compare(a.place, b.place)) }
	return inOrder(&g.bankStatements, byPlace, func(k statementKey, was, now *engine.BankStatement) error {
		body, err := toJSON(now)
		if err != nil {
			return err
		}
		what := "bank statement " + now.Digest
		if was == nil {
			return g.write(what, insertBankStatement, string(k.rail), k.place, flag(now.Closes()), now.Version, body)
		}
		return g.write(what, updateBankStatement, now.Version, body, string(k.rail), k.place, was.Version)
	})
}

// bankDay is a day of an account.
type bankDay struct {
	rail  engine.RailName
	day   int64
	asset money.Asset
}

// bankDays is by how much days change.
type bankDays map[bankDay]money.Amount

// add adds what a booking moved, times a sign; nil is none.
func (d bankDays) add(b *engine.Booking, sign int) {
	if b == nil || !b.Counts() || b.Booked.IsZero() {
		return
	}
	k, moved := bankDay{b.Rail, micros(b.Booked), b.Amount.Asset()}, b.Moved()
	if sign < 0 {
		moved = moved.Neg()
	}
	d[k] = d[k].Add(moved)
}

// flushBankDays adds what days changed by to what is on record of them.
func (g *group) flushBankDays(days bankDays) error {
	maps.DeleteFunc(days, func(_ bankDay, by money.Amount) bool { return by.IsZero() })
	keys := slices.SortedFunc(maps.Keys(days), func(a, b bankDay) int {
		return cmp.Or(cmp.Compare(a.rail, b.rail), cmp.Compare(a.day, b.day), cmp.Compare(a.asset.String(), b.asset.String()))
	})
	var args [][]any
	for _, k := range keys {
		args = append(args, []any{string(k.rail), k.day, k.asset.String()})
	}
	versions := map[bankDay]int64{}
	err := matchAny(g.db, selectBankDays, []string{"rail", "day", "asset"}, args, func(row record) error {
		var k bankDay
		var text string
		var version int64
		if err := row.Scan(&k.rail, &k.day, &text, &version); err != nil {
			return err
		}
		moved, err := parseAmount(text)
		if err != nil {
			return err
		}
		k.asset = moved.Asset()
		versions[k], days[k] = version, days[k].Add(moved)
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range keys {
		what, text, asset := "a day of "+string(k.rail), formatAmount(days[k]), k.asset.String()
		if versions[k] == 0 {
			err = g.write(what, insertBankDay, string(k.rail), k.day, asset, text)
		} else {
			err = g.write(what, updateBankDay, text, versions[k]+1, string(k.rail), k.day, asset, versions[k])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bookingColumns are those that may change.
func bookingColumns(b *engine.Booking) ([]any, error) {
	body, err := toJSON(b)
	if err != nil {
		return nil, err
	}
	var at int64
	moved := ""
	if b.Counts() {
		at, moved = micros(b.Booked), formatAmount(b.Moved())
	}
	return []any{string(b.State), flag(b.Early), b.EndToEnd, at, moved, b.InBatch(), b.Version, body}, nil
}

func (r *reader) BookingByID(id string) (*engine.Booking, error) {
	found, err := queryBookings(r, selectBookingByID, id)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func (r *reader) Bookings(f engine.BookingFilter) ([]engine.Booking, error) {
	after := cmp.Or(f.After, farID)
	if f.State != "" {
		return queryBookings(r, listBookingsOfState, string(f.Rail), string(f.State), after, f.Limit)
	}
	return queryBookings(r, listBookings, string(f.Rail), after, f.Limit)
}

func (r *reader) BankStatements(f engine.StatementFilter) ([]engine.BankStatement, error) {
	query := listBankStatements
	if f.Closing {
		query = listClosingStatements
	}
	return queryBankStatements(r, query, string(f.Rail), cmp.Or(f.After, farPlace), f.Limit)
}

func (r *reader) FirstBankStatement(on engine.RailName) (*engine.BankStatement, error) {
	list, err := queryBankStatements(r, selectBankStatementAfter, string(on), "")
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

func (r *reader) BookedOutside(on engine.RailName, asset money.Asset, before, after time.Time) (money.Amount, error) {
	sum := money.Zero(asset)
	add := func(row record) error {
		var text string
		if err := row.Scan(&text); err != nil {
			return err
		}
		a, err := parseAmount(text)
		if err == nil && a.Asset() == asset {
			sum = sum.Add(a)
		}
		return err
	}
	if err := scan(r, selectBankDaysBefore, []any{string(on), micros(before)}, add); err != nil {
		return sum, err
	}
	return sum, scan(r, selectBankDaysAfter, []any{string(on), micros(after)}, add)
}

func (r *reader) BalanceOf(a ledger.Account, asset money.Asset, m engine.Mode) (money.Amount, error) {
	sum := money.Zero(asset)
	err := matchAny(r, selectBalances, []string{"mode", "book", "account", "asset"}, [][]any{{string(m), string(a.Book()), string(a), asset.String()}}, func(row record) error {
		var mode, account, name, amount string
		var version, lines int64
		err := row.Scan(&mode, &account, &name, &amount, &version, &lines)
		if err == nil {
			sum, err = parseAmount(amount)
		}
		return err
	})
	return sum, err
}

func (r *reader) OpenOrders(m engine.Mode, on engine.RailName, due money.Amount, limit int) (list []engine.Order, err error) {
	ids, err := texts(r, selectOpenOrders, string(on), due.SortKey(), string(m), limit)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	err = queryOrders(r, "id", ids, func(o *engine.Order) {
		if o.Terms.Due.Asset() == due.Asset() {
			list = append(list, *o)
		}
	})
	slices.SortFunc(list, func(a, b engine.Order) int { return strings.Compare(a.ID, b.ID) })
	return list, err
}

func queryBookings(q queryer, query string, args ...any) (list []engine.Booking, err error) {
	err = scan(q, query, args, func(row record) error {
		b, err := scanBooking(row)
		if err == nil {
			list = append(list, *b)
		}
		return err
	})
	return list, err
}

func scanBooking(row record) (*engine.Booking, error) {
	var body []byte
	if err := row.Scan(&body); err != nil {
		return nil, err
	}
	b := &engine.Booking{}
	if err := json.Unmarshal(body, b); err != nil {
		return nil, fmt.Errorf("a booking on record cannot be read: %w", err)
	}
	return b, nil
}

func queryBankStatements(q queryer, query string, args ...any) (list []engine.BankStatement, err error) {
	err = scan(q, query, args, func(row record) error {
		var body []byte
		if err := row.Scan(&body); err != nil {
			return err
		}
		var s engine.BankStatement
		if err := json.Unmarshal(body, &s); err != nil {
			return fmt.Errorf("a bank's statement on record cannot be read: %w", err)
		}
		list = append(list, s)
		return nil
	})
	return list, err
}
