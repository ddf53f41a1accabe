// Package storetest is the specification of engine.Store: what every database behind it must do. A store's own
// tests call Run; what is special to one database is tested beside that database.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

// Opener opens an empty store that ends with the test. reopen closes it and opens the same database again.
type Opener func(t *testing.T, now func() time.Time) (s engine.Store, reopen func() engine.Store)

// Run runs the whole suite, each test on a store of its own.
func Run(t *testing.T, open Opener) {
	tests := []struct {
		name string
		test func(*suite)
	}{
		{"orders come back as they were stored", ordersRoundTrip},
		{"a public id is found in its scope only", publicIDs},
		{"numbers count from one in each scope", numbers},
		{"a taken unique key names the order that has it", uniqueKeys},
		{"one of 64 at once gets the unique key", uniqueKeyRace},
		{"a stale version is refused", versionGuard},
		{"concurrent changes of one order lose nothing", noLostUpdate},
		{"what never changes of an order cannot be changed", fixedFields},
		{"reads give copies", copies},
		{"a refused caller leaves nothing", refusedLeaveNothing},
		{"later callers see earlier ones", laterSeeEarlier},
		{"a panic is one caller's error", panics},
		{"a function that ends its goroutine is answered", goexit},
		{"an ended context stops what has not begun", endedContext},
		{"an acknowledged write is read at once", readYourWrites},
		{"a view does not change while it is read", stableView},
		{"time never runs backwards", timeForward},
		{"ids sort as they were made", idsSort},

		{"payments belong to one order", payments},
		{"strays are kept and can be assigned", strays},
		{"payments since a block", paymentsSince},
		{"deadlines fall due", due},

		{"orders wait to be sent", ordersToSend},
		{"transfers in flight fall due", transfersToWork},
		{"a transfer belongs to one order", transferOwners},
		{"copies of what surrounds a transfer", sendingCopies},
		{"orders with money aside", ordersAside},
		{"lists by how orders look", looks},
		{"orders by their numbers", numbered},
		{"orders about which somebody must decide", reviewedOrders},
		{"payments without an owner are listed", strayList},
		{"the memory of rails", railMemory},

		{"balances are the sum of postings", balances},
		{"amounts of 78 digits", longAmounts},
		{"a bad posting is refused", badPosting},
		{"statements list every posting", statements},
		{"the bytes of files", blobs},

		{"seals stand in a chain", seals},
		{"leases have one owner at a time", leases},

		{"events keep their sequence", events},
		{"events of no order", notices},
		{"events with nobody to tell", nobodyToTell},
		{"endpoints of an organisation", organisationListens},
		{"events that an organisation was told", toldEvents},
		{"answers are remembered", answers},
		{"old answers are found by their age", oldAnswers},
		{"settings", settings},
		{"clocks only move forward", clocks},
		{"progress is fenced", progress},
		{"merchants and keys", merchantsAndKeys},
		{"endpoints", endpoints},
		{"one message for each event and endpoint", messages},
		{"due messages by endpoint", dueMessages},
		{"a merchant's messages: lists, totals, exhausted ones", messageLists},
		{"counts of messages under concurrent writers", messageCountsHold},

		{"instruments are handed out in order", handOut},
		{"an instrument rests on the mode's clock", restOnModeClock},
		{"instruments of a refused caller go back", handBack},
		{"importing twice adds nothing", importTwice},
		{"an instrument made for one order", madeInstruments},
		{"instruments and transfers that are read beforehand", wantedHolds},
		{"an instrument has one owner at a time", oneOwner},
		{"who held an instrument when", holdAt},
		{"who held an instrument on which rail", holdOfRail},
		{"instruments as operators see them", instrumentRows},
		{"the size of a pool", poolSize},
		{"watchers' look-ups", knownInstruments},
		{"imported instruments go before derived ones", importedFirst},
		{"a derived instrument serves once", derivedOnce},
		{"an index is derived once", derivedMark},
		{"an instrument rests until its balance is on record", restEnds},
		{"quarantine", quarantine},
		{"archived instruments", archived},
		{"free instruments are counted", freeCounts},
		{"a pool is on record as low", lowPools},

		{"standing instructions", standings},
		{"standing instructions are changed", saveStandings},
		{"one standing instruction for each reference", standingRaces},
		{"lists of standing instructions", standingLists},
		{"orders of a standing instruction", arrivalLists},
		{"holds follow each other", holdsFollow},
		{"holds on one rail and on every rail", standingHolds},

		{"pages of a list", pages},
		{"totals under concurrent writers", totalsUnderWriters},
		{"filters", filters},
		{"references with special characters", specialReferences},
		{"creation times bound a list", createdBounds},
		{"sorting by amount and by update", sorting},

		{"orders sum up", orderSums},
		{"sums of 78 digits", longSums},
		{"sums under concurrent writers", sumsUnderWriters},
		{"lists of payments", paymentLists},
		{"an assigned stray is listed", assignedPayments},
		{"payments of a standing instruction", arrivedPayments},

		{"operators search orders of every scope", searchOrders},
		{"operators search by a clock that was moved", searchOrdersOfAMovedClock},
		{"operators search payments and entries", searchMoney},
		{"operators search events and messages", searchTold},
		{"what operators administer", administration},
		{"keys are used, changed and revoked", keysChange},

		{"offers", offers},
		{"offers in pages", offerLists},
		{"an offer is not sold more often than it can be", offerRace},

		{"bookings of banks", bookings},
		{"a booking is stored once", bookingRace},
		{"bookings that are looked for", bookingsFound},
		{"bookings of batches and days", bookingsOfBatches},
		{"statements of banks", bankStatements},
		{"what was booked outside the statements", bookedOutside},
		{"orders that wait on a bank's rail", openOrders},

		{"quotes", quotes},
		{"old quotes that nobody used", oldQuotes},
		{"a quote is used once", quoteRace},

		{"documents", documents},
		{"keys of documents", documentKeys},
		{"a key of documents has one owner", documentKeyRace},
		{"documents in pages", documentLists},
		{"documents of many buckets", documentBuckets},
		{"documents that are due", dueDocuments},
		{"notifications", notifications},
		{"notifications in turn", notificationsInTurn},
		{"a notification is claimed once", notificationClaims},
		{"lists of notifications", notificationLists},
		{"reminders", reminders},

		{"people and their roles", people},
		{"sessions", sessions},
		{"counters of failed logins", tries},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			c := &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
			s, reopen := open(t, c.now)
			tc.test(&suite{T: t, store: s, clock: c, reopenStore: reopen})
		})
	}
}

// suite is one test with its store.
type suite struct {
	*testing.T
	store       engine.Store
	clock       *clock
	reopenStore func() engine.Store
	ids         sync.Mutex
	lastID      int
}

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	return c.at
}

var (
	eur  = money.MustAsset("EUR", "", 2)
	usdt = money.MustAsset("USDT", "testnet", 6)

	scopeA = engine.Scope{Merchant: "m1", Mode: engine.Sandbox, Dialect: "one"}
	scopeB = engine.Scope{Merchant: "m2", Mode: engine.Sandbox, Dialect: "one"}
	scopeC = engine.Scope{Merchant: "m1", Mode: engine.Live, Dialect: "one"}
	scopeD = engine.Scope{Merchant: "m1", Mode: engine.Sandbox, Dialect: "two"}

	poolA = engine.Pool{Merchant: "m1", Mode: engine.Sandbox, Family: engine.EVM}
	poolB = engine.Pool{Merchant: "m2", Mode: engine.Sandbox, Family: engine.EVM}
)

const testRail = "evm:testnet"

var errRefused = errors.New("refused by the test")

// reopen ends the store and opens its database again.
func (s *suite) reopen() { s.Helper(); s.store = s.reopenStore() }

// update runs fn and fails the test on an error. fn runs on another goroutine: it returns errors.
func (s *suite) update(fn func(tx engine.Tx) error) {
	s.Helper()
	if err := s.try(fn); err != nil {
		s.Fatal(err)
	}
}

func (s *suite) try(fn func(tx engine.Tx) error) error {
	return s.store.Update(context.Background(), engine.Keys{}, fn)
}

func (s *suite) view(fn func(rd engine.Reader) error) {
	s.Helper()
	if err := s.store.View(context.Background(), fn); err != nil {
		s.Fatal(err)
	}
}

// unique is a text no other call of this test returns.
func (s *suite) unique(prefix string) string {
	s.ids.Lock()
	defer s.ids.Unlock()
	s.lastID++
	return fmt.Sprintf("%s-%06d", prefix, s.lastID)
}

// draft is a waiting order that is not stored yet.
func (s *suite) draft(tx engine.Tx, scope engine.Scope) *engine.Order {
	public := s.unique("ord")
	return &engine.Order{
		Order: order.Order{
			Terms: order.Terms{Book: ledger.Wallet(scope.Merchant), Due: money.FromInt(usdt, 1_000_000), To: ledger.Wallet(scope.Merchant).Account(ledger.Merchant)},
			State: order.Waiting,
		},
		ID: tx.NewID(), PublicID: public, Scope: scope, Reference: "ref " + public, UniqueKey: "key " + public,
		Network: "testnet", Rail: testRail, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
	}
}

// insert stores a draft that change has altered.
func (s *suite) insert(scope engine.Scope, change func(o *engine.Order)) *engine.Order {
	s.Helper()
	var o *engine.Order
	s.update(func(tx engine.Tx) error {
		o = s.draft(tx, scope)
		if change != nil {
			change(o)
		}
		return tx.InsertOrder(o)
	})
	return o
}

// save loads an order, changes it and saves it.
func (s *suite) save(id string, change func(o *engine.Order)) error {
	return s.store.Update(context.Background(), engine.Keys{Orders: []string{id}}, func(tx engine.Tx) error {
		o, err := tx.Order(id)
		if err != nil {
			return err
		}
		change(o)
		return tx.SaveOrder(o)
	})
}

func (s *suite) order(id string) *engine.Order {
	s.Helper()
	var o *engine.Order
	s.view(func(rd engine.Reader) (err error) { o, err = rd.Order(id); return err })
	return o
}

// AtOnce calls fn from n goroutines that begin together, each with its number, and returns the results by number.
func AtOnce[T any](n int, fn func(i int) T) []T {
	got := make([]T, n)
	var done, ready sync.WaitGroup
	gate := make(chan struct{})
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-gate
			got[i] = fn(i)
		})
	}
	ready.Wait()
	close(gate)
	done.Wait()
	return got
}

func (s *suite) wantCode(err error, code fault.Code) {
	s.Helper()
	if !fault.Is(err, code) {
		s.Fatalf("error is %v, want %s", err, code)
	}
}

// want fails the test unless got is want.
func want[T comparable](s *suite, what string, got, want T) {
	s.Helper()
	if got != want {
		s.Fatalf("%s: got %v, want %v", what, got, want)
	}
}
