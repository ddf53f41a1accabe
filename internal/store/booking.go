package store

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	selectBookedBefore   = `SELECT moved FROM bookings WHERE rail = $1 AND booked_at < $2 AND booked_at > 0 AND moved <> ''`
	selectBookedAfter    = `SELECT moved FROM bookings WHERE rail = $1 AND booked_at > $2 AND booked_at > 0 AND moved <> ''`
	selectPending        = `SELECT body FROM bookings WHERE rail = $1 AND state = 'pending' AND id > $2 ORDER BY id LIMIT $3`
	insertBooking        = `INSERT INTO bookings (id, rail, name, state, early, end_to_end, booked_at, moved, version, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`
	updateBooking = `UPDATE bookings SET state = $1, early = $2, end_to_end = $3, booked_at = $4, moved = $5, version = $6, body = $7 WHERE id = $8 AND version = $9`

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

// bookingsLike is what the database finds and what the group wrote, as it is now.
func (t *tx) bookingsLike(query string, args []any, is func(*engine.Booking) bool) (list []engine.Booking, err error) {
	g := t.use()
	found, err := queryBookings(g.db, query, args...)
	if err != nil {
		return nil, err
	}
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
	return list, nil
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
	err := inOrder(&g.bookings, byBookingKey, func(_ engine.BookingKey, was, now *engine.Booking) error {
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
	return []any{string(b.State), flag(b.Early), b.EndToEnd, at, moved, b.Version, body}, nil
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
	if err := scan(r, selectBookedBefore, []any{string(on), micros(before)}, add); err != nil {
		return sum, err
	}
	return sum, scan(r, selectBookedAfter, []any{string(on), micros(after)}, add)
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
