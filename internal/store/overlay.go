package store

import (
	"encoding/json"
	"time"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

// A shelf holds one noun during a group: as the database has it, with what earlier callers of the group
// wrote over it, and over that what the running caller wrote. The zero V means that there is none. Values
// are never changed in place.
type shelf[K comparable, V any] struct {
	stored, group, mine map[K]V
	recent              *recent[K, V] // what the database has besides, from groups before; nil: nothing is kept
}

// get finds the newest value; false when it was not loaded yet.
func (s *shelf[K, V]) get(k K) (V, bool) {
	if v, ok := s.mine[k]; ok {
		return v, true
	}
	if v, ok := s.group[k]; ok {
		return v, true
	}
	v, ok := s.stored[k]
	if !ok && s.recent != nil {
		if v, ok = s.recent.get(k); ok {
			s.load(k, v)
		}
	}
	return v, ok
}

// load notes what the database has.
func (s *shelf[K, V]) load(k K, v V) { set(&s.stored, k, v) }

// put notes what the running caller writes.
func (s *shelf[K, V]) put(k K, v V) { set(&s.mine, k, v) }

// missing are those of the keys that were not loaded yet, each once.
func (s *shelf[K, V]) missing(keys []K) []K {
	var list []K
	seen := map[K]bool{}
	for _, k := range keys {
		if _, ok := s.get(k); !ok && !seen[k] {
			seen[k] = true
			list = append(list, k)
		}
	}
	return list
}

func (s *shelf[K, V]) keep() {
	if len(s.mine) == 0 {
		return // most of them, and there are dozens for each caller
	}
	for k, v := range s.mine {
		set(&s.group, k, v)
	}
	clear(s.mine)
}

func (s *shelf[K, V]) drop()       { clear(s.mine) }
func (s *shelf[K, V]) empty() bool { return len(s.group) == 0 }

func set[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[k] = v
}

// A list holds rows of one noun that are only ever written.
type list[V any] struct{ group, mine []V }

func (l *list[V]) add(v ...V)  { l.mine = append(l.mine, v...) }
func (l *list[V]) keep()       { l.group = append(l.group, l.mine...); l.mine = l.mine[:0] }
func (l *list[V]) drop()       { clear(l.mine); l.mine = l.mine[:0] }
func (l *list[V]) empty() bool { return len(l.group) == 0 }

// overlay is everything a group read and wrote.
type overlay struct {
	all []layer // those below that callers write to; see layers

	orders      shelf[string, *engine.Order]
	unique      shelf[engine.UniqueKey, owner]
	numbers     shelf[int64, int64] // the last order number, by scope id
	payments    shelf[order.PaymentKey, paymentRow]
	deltas      shelf[balanceKey, money.Amount]
	answers     shelf[engine.AnswerKey, *engine.Answer]
	settings    shelf[engine.SettingScope, map[string]json.RawMessage]
	clocks      shelf[engine.Mode, engine.Clock]
	progress    shelf[engine.RailName, *engine.Progress]
	marks       shelf[string, int64]
	instruments shelf[engine.Instrument, instrumentRow]
	holds       shelf[engine.Instrument, []holdRow]
	rests       shelf[engine.Instrument, rest]
	transfers   shelf[string, string] // whose it is: the order's id
	memory      shelf[engine.RailKey, []byte]
	endpoints   shelf[string, *engine.Endpoint]
	lastSeals   shelf[engine.Mode, engine.Seal]
	leases      shelf[string, engine.WorkLease]
	people      shelf[string, *auth.Person]
	personIDs   shelf[string, string] // by name
	sessions    shelf[string, *auth.Session]
	tries       shelf[string, auth.Tries]
	standings   shelf[string, *engine.Standing]
	offers      shelf[string, *engine.Offer]
	documents   shelf[engine.DocumentKey, *engine.Document]

	documentKeys shelf[documentName, string] // whose it is: the document's id
	reminders    shelf[string, reminder]     // by order

	notifications shelf[string, *engine.Notification]
	quotes        shelf[string, *engine.Quote]

	bookings       shelf[engine.BookingKey, *engine.Booking]
	bookingIDs     shelf[string, engine.BookingKey]
	bankStatements shelf[statementKey, *engine.BankStatement]

	standingKeys shelf[standingKey, string] // whose it is: the standing instruction's id

	entries   list[engine.Entry]
	events    list[eventRow]
	told      list[string]
	merchants list[engine.Merchant]
	keys      list[engine.Key]
	messages  list[messageRow]
	scrubbed  list[scrubbedMessage]
	actions   list[engine.Action]
	keepings  list[keeping]
	rested    list[restEnd]
	seals     list[engine.Seal]
	used      list[keyUse]
	forgotten list[string] // notifications
	blobs     list[blobChange]

	balances  map[balanceKey]balanceRow        // as the database has them
	held      map[engine.Instrument][]holdRow  // every hold, as the database has them, of instruments that were wanted
	listeners map[engine.Scope]map[string]bool // the ids of the enabled endpoints, as the database had them
}

// owner is the order that has a unique key.
type owner struct{ id, publicID string }

// paymentRow is a payment on record; the zero row is none.
type paymentRow struct {
	engine.Stray
	orderID  string // "" for a stray
	position int
}

func (p paymentRow) exists() bool { return p.External != "" }

type balanceKey struct {
	mode    engine.Mode
	account ledger.Account
	asset   money.Asset
}

type balanceRow struct {
	amount  money.Amount
	version int64 // 0: no row yet
	lines   int64 // of its statement
}

// instrumentRow is an instrument on record; the zero row is none.
type instrumentRow struct {
	pool     engine.Pool
	number   int64 // above zero: imported by this group
	imported engine.Imported
	made     bool // for one order alone: no pool hands it out
}

// holdRow is a hold this group began or ended.
type holdRow struct {
	engine.Hold
	number int64     // the instrument's
	taken  time.Time // when it was handed out, by our clock
	stored bool      // the database has it, as held
	made   bool      // the instrument is for this order alone, and so never rests
}

// rest is the end of a hold: since when and until when the instrument rests.
type rest struct{ since, until time.Time }

type eventRow struct {
	engine.Event
	scope int64
}

type messageRow struct {
	engine.Message
	scope int64
}

type layer interface {
	keep()
	drop()
	empty() bool
}

// layers are made once for a group: each caller's writes go through all of them.
func (o *overlay) layers() []layer {
	if o.all == nil {
		o.all = []layer{
			&o.orders, &o.unique, &o.numbers, &o.payments, &o.deltas, &o.answers, &o.settings, &o.clocks, &o.progress, &o.marks,
			&o.instruments, &o.holds, &o.rests, &o.transfers, &o.memory, &o.entries, &o.events, &o.told, &o.merchants, &o.keys, &o.endpoints, &o.messages, &o.scrubbed,
			&o.lastSeals, &o.leases, &o.standings, &o.standingKeys, &o.actions, &o.seals, &o.keepings, &o.rested,
			&o.people, &o.personIDs, &o.sessions, &o.tries, &o.used, &o.offers,
			&o.documents, &o.documentKeys, &o.notifications, &o.reminders, &o.forgotten, &o.quotes, &o.bookings, &o.bookingIDs, &o.bankStatements, &o.blobs,
		}
	}
	return o.all
}

// keep makes the running caller's writes the group's.
func (o *overlay) keep() {
	for _, l := range o.layers() {
		l.keep()
	}
}

// drop forgets the running caller's writes.
func (o *overlay) drop() {
	for _, l := range o.layers() {
		l.drop()
	}
}

// empty says that nobody wrote anything.
func (o *overlay) empty() bool {
	for _, l := range o.layers() {
		if !l.empty() {
			return false
		}
	}
	return true
}
