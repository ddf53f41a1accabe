package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
)

// What a query costs must not grow with the history: each goes through an index, and only those sort whose rows are
// few by nature (one order's, one merchant's accounts, one row for thousands of orders).
func TestQueriesUseIndexes(t *testing.T) {
	s := testStore(t)
	queries, few := indexedQueries(func(query string, columns ...string) string {
		if query == selectBookingsOf { // its keys are always of one account
			return strings.Replace(query, "{any}", sameAnd(columns, 1, 4), 1) + "$6"
		}
		return strings.Replace(query, "{any}", anyOf(columns, 0, 4), 1)
	})
	for _, q := range queries {
		var plan []string
		asked := keepPlan(q.query)
		if regexp.MustCompile(`LIMIT \$\d+(\)|$)`).MatchString(asked) {
			t.Errorf("%s\n\tis planned again at each use", asked)
		}
		rows, err := s.readers.Query("EXPLAIN QUERY PLAN "+asked, make([]any, strings.Count(q.query, "$"))...)
		if err != nil {
			t.Fatalf("%s: %v", q.query, err)
		}
		for rows.Next() {
			var id, parent, skip int
			var detail string
			if err := rows.Scan(&id, &parent, &skip, &detail); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, detail)
		}
		rows.Close()
		text := strings.Join(plan, "\n\t")
		if !strings.Contains(text, q.index) || strings.Contains(text, "TEMP B-TREE") && !slices.Contains(few, q.query) {
			t.Errorf("%s\n\t%s\nwant %s", q.query, text, q.index)
		}
		for _, step := range plan {
			if strings.HasPrefix(step, "SCAN") && !strings.Contains(step, q.index) {
				t.Errorf("%s\n\tlooks through a whole table: %s", q.query, step)
			}
		}
	}
}

// indexed is a query, and the index that SQLite is to use for it.
type indexed struct{ query, index string }

// indexedQueries are the queries whose cost must not grow, with match for their {any}, and those of them that may sort.
func indexedQueries(match func(query string, columns ...string) string) (list []indexed, few []string) {
	where := func(query, condition string) string {
		return strings.Replace(strings.Replace(query, "{where}", " WHERE "+condition, 1), "{limit}", "10", 1)
	}
	byState := strings.Replace(selectOrderCounts, "{states}", "$4, $5", 1)
	few = []string{byState, selectOrderSums, selectEntries, selectBooks, selectListening, selectMessagesOfEvent,
		where(listTold, "COALESCE(m.scope_id, 0) = $1 AND m.told_number > 0 AND m.order_id = $2"), where(countMessages, "scope_id = $1 AND endpoint_id = $2 AND day >= $3 AND day <= $4")}
	return []indexed{
		{match(selectOrders, "id"), "sqlite_autoindex_orders_1"},
		{match(selectOrders, "place"), "INTEGER PRIMARY KEY"},
		{selectOrderByPublic, "sqlite_autoindex_orders_2"},
		{match(selectOrdersByUnique, "scope_id", "unique_key"), "orders_unique_key"},
		{selectOrdersDue, "orders_due"},
		{selectCreatedAt, "INTEGER PRIMARY KEY"},
		{strings.Replace(selectOrderNumbers, "{direction}", "DESC", 1), "COVERING INDEX orders_state"},
		{byState, "PRIMARY KEY"},
		{updateOrder, "sqlite_autoindex_orders_1"},
		{selectOrderSums, "PRIMARY KEY"},
		{selectPaymentCounts, "PRIMARY KEY"},
		{countPaymentsTold, "COVERING INDEX payments_told"},
		{strings.ReplaceAll(selectPaymentsTold, "{direction}", "DESC"), "COVERING INDEX payments_told"},
		{countPaymentsFound + " WHERE scope_id <> 0 AND order_id <> '' AND order_id = $1 AND COALESCE(scope_id, 0) = $2", "payments_order"},
		{countPaymentsFound + " WHERE scope_id <> 0 AND order_id <> '' AND scope_id = $1 AND tx = $2", "payments_tx"},
		{countPaymentsFound + " WHERE scope_id <> 0 AND order_id <> '' AND order_id IN (SELECT id FROM orders WHERE standing_id = $1) AND COALESCE(scope_id, 0) IN ($2, $3)", "orders_standing"},
		{match(selectPayments, "rail", "external"), "PRIMARY KEY"},
		{match(selectPaymentsOfOrder, "order_id"), "payments_order"},
		{selectPaymentsSince, "payments_standing"},
		{selectOrdersToSend, "orders_send"},
		{selectTransfersDue, "transfers_look"},
		{match(selectTransferOwners, "id"), "PRIMARY KEY"},
		{match(selectHoldsOf, "i.family", "i.value"), "PRIMARY KEY"},
		{selectOrdersAside, "orders_aside"},
		{selectReviewed, "orders_reviewing"},
		{selectLines, "PRIMARY KEY"},
		{selectLineAt, "COVERING INDEX lines_at"},
		{selectLastLine, "lines_at"},
		{auditLines, "PRIMARY KEY"},
		{selectStrays, "payments_stray"},
		{selectStraysOf, "payments_stray_of"},
		{match(selectRailState, "rail", "name"), "PRIMARY KEY"},
		{selectRailStates, "PRIMARY KEY"},
		{updateRailState, "PRIMARY KEY"},
		{updatePayment, "PRIMARY KEY"},
		{selectEventsOfOrder, "events_order"},
		{auditNotices, "events_notices"},
		{untoldOf(2), "events_untold"},
		{updateEventTold, "PRIMARY KEY"},
		{selectUnsealedEntries, "entries_unsealed"},
		{selectUnsealedEvents, "events_unsealed"},
		{selectUnsealedActions, "actions_unsealed"},
		{match(selectEntriesByID, "e.id"), "PRIMARY KEY"},
		{selectLastSeal, "PRIMARY KEY"},
		{sealEntry, "PRIMARY KEY"},
		{sealEvent, "PRIMARY KEY"},
		{sealAction, "PRIMARY KEY"},
		{auditSeals, "PRIMARY KEY"},
		{auditOrders, "sqlite_autoindex_orders_1"},
		{match(auditPaymentsOfOrder, "order_id"), "payments_order"},
		{match(auditEventsOfOrder, "e.order_id"), "events_order"},
		{auditHolds, "PRIMARY KEY"},
		{auditStandings, "PRIMARY KEY"},
		{auditOffers, "PRIMARY KEY"},
		{auditBookings, "PRIMARY KEY"},
		{auditStatement, "bank_statements_place"},
		{auditDeals, "PRIMARY KEY"},
		{selectBlobPart, "sqlite_autoindex_blobs_1"},
		{deleteBlob, "sqlite_autoindex_blobs_1"},
		{match(auditArrivals, "standing_id"), "orders_standing"},
		{match(selectStandings, "id"), "PRIMARY KEY"},
		{selectStandingByReference, "standings_reference"},
		{selectStandingsByNumber, "standings_number"},
		{selectStandingsBound, "standings_bound"},
		{countStandingsBound, "standings_bound"},
		{updateStanding, "PRIMARY KEY"},
		{countOrders + ` WHERE standing_id = $1 AND number >= $2 AND number <= $3 AND state IN ($4)`, "orders_standing"},
		{searchOrders + ` WHERE standing_id = $1 AND number >= $2 AND number <= $3 ORDER BY number DESC LIMIT $4 OFFSET $5`, "orders_standing"},
		{selectEntries, "entries_order"},
		{match(selectBalances, "mode", "book", "account", "asset"), "PRIMARY KEY"},
		{selectBooks, "PRIMARY KEY"},
		{match(selectAnswers, "scope", "name"), "PRIMARY KEY"},
		{selectOldAnswers, "answers_age"},
		{match(selectSettings, "merchant", "mode"), "PRIMARY KEY"},
		{match(selectNumber, "id"), "INTEGER PRIMARY KEY"},
		{match(selectInstruments, "family", "value"), "sqlite_autoindex_instruments_1"},
		{match(selectKnownInstruments, "family", "value"), "sqlite_autoindex_instruments_1"},
		{selectSomeInstruments, "sqlite_autoindex_instruments_1"},
		{claimNewInstruments, "instruments_new"},
		{ofKind(selectRun, false), "instruments_imported"},
		{ofKind(selectRun, true), "instruments_unheld"},
		{ofKind(selectFar, false), "instruments_imported"},
		{ofKind(selectFar, true), "instruments_unheld"},
		{claimRuns, "runs_claimed"},
		{deleteRun, "PRIMARY KEY"},
		{freeRuns, "runs_claimed"},
		{claimRestedInstruments, "instruments_rested"},
		{selectClaimed, "instruments_claimed"},
		{freeDeadClaims, "instruments_claimed"},
		{restInstrument, "sqlite_autoindex_instruments_1"},
		{selectInstrumentRows, "instruments_pool"},
		{selectDerivedFree, "instruments_unheld"},
		{selectRestOver, "instruments_uncounted"},
		{selectFreeImported, "instruments_imported"},
		{selectFreeDerived, "instruments_unheld"},
		{selectQuarantined, "instruments_quarantined"},
		{endRest, "sqlite_autoindex_instruments_1"},
		{quarantineInstrument, "sqlite_autoindex_instruments_1"},
		{releaseInstrument, "sqlite_autoindex_instruments_1"},
		{countInstruments, "instruments_pool"},
		{selectInstrumentAt, "COVERING INDEX instruments_pool"},
		{countPool, "COVERING INDEX instruments_pool"},
		{selectHoldsBefore, "PRIMARY KEY"},
		{selectHoldOpen, "holds_open"},
		{endHold, "PRIMARY KEY"},
		{selectMerchant, "PRIMARY KEY"},
		{selectOrganisation, "merchants_organisation"},
		{selectKey, "sqlite_autoindex_keys_2"},
		{selectKeyByID, "PRIMARY KEY"},
		{updateKeyUsed, "PRIMARY KEY"},
		{selectPerson, "PRIMARY KEY"},
		{selectPersonByName, "sqlite_autoindex_people_2"},
		{selectPeopleAfter, "PRIMARY KEY"},
		{match(selectRoles, "person_id"), "PRIMARY KEY"},
		{selectSession, "PRIMARY KEY"},
		{selectSessionByHash, "sqlite_autoindex_sessions_2"},
		{selectSessionsOf, "sessions_person"},
		{forgetSessions, "sessions_expired"},
		{selectOffer, "PRIMARY KEY"},
		{selectOfferBySlug, "offers_slug"},
		{selectOffersByNumber, "offers_number"},
		{selectOffersIn, "offers_state"},
		{countOffersIn, "COVERING INDEX offers_state"},
		{updateOffer, "PRIMARY KEY"},
		{match(selectBookings, "rail", "name"), "bookings_name"},
		{selectBookingByID, "PRIMARY KEY"},
		{selectEarlyBookings, "bookings_early"},
		{selectBookingsNaming, "bookings_end_to_end"},
		{listBookings, "bookings_rail"},
		{listBookingsOfState, "bookings_state"},
		{selectPending, "bookings_state"},
		{match(selectBookingsOf, "rail", "batch"), "bookings_batch"},
		{selectBookingsCalled, "bookings_name"},
		{match(selectBankDays, "rail", "day", "asset"), "PRIMARY KEY"},
		{selectBankDaysBefore, "PRIMARY KEY"},
		{selectBankDaysAfter, "PRIMARY KEY"},
		{updateBooking, "PRIMARY KEY"},
		{selectBankStatement, "bank_statements_place"},
		{selectBankStatementBefore, "PRIMARY KEY"},
		{selectBankStatementAfter, "PRIMARY KEY"},
		{listBankStatements, "bank_statements_place"},
		{listClosingStatements, "PRIMARY KEY"},
		{updateBankStatement, "bank_statements_place"},
		{selectOpenOrders, "orders_bank"},
		{match(selectQuotes, "id"), "PRIMARY KEY"},
		{selectOldQuotes, "quotes_unused"},
		{updateQuote, "PRIMARY KEY"},
		{deleteQuote, "PRIMARY KEY"},
		{match(selectDocuments, "d.kind", "d.id"), "PRIMARY KEY"},
		{match(selectDocumentKeys, "scope_id", "kind", "name"), "PRIMARY KEY"},
		{documentsQuery(documentsByNumber, 4, true), "documents_number"},
		{documentsQuery(documentsByState, 5, true), "documents_state"},
		{documentsQuery(documentsByParent, 5, true), "documents_parent"},
		{documentsQuery(documentsByParent+" AND d.state = $6", 6, false), "documents_parent"},
		{countDocumentsOf, "documents_parent"},
		{countDocumentsByState, "documents_state"},
		{selectDocumentCreated, "documents_number"},
		{selectDocumentBuckets, "PRIMARY KEY"},
		{selectDocumentsDue, "documents_due"},
		{updateDocument, "PRIMARY KEY"},
		{moveDocumentKey, "PRIMARY KEY"},
		{deleteDocumentKey, "PRIMARY KEY"},
		{selectNotification, "PRIMARY KEY"},
		{selectNotificationsDue, "notifications_due"},
		{selectOldNotifications, "notifications_old"},
		{countInbox, "COVERING INDEX notifications_inbox"},
		{selectInbox, "notifications_inbox"},
		{where(searchNotifications, "n.order_id = $1"), "notifications_order"},
		{where(searchNotifications, "n.state = 'failed' AND n.id < $1"), "notifications_failed"},
		{updateNotification, "PRIMARY KEY"},
		{deleteNotification, "PRIMARY KEY"},
		{selectReminder, "PRIMARY KEY"},
		{selectRemindersDue, "reminders_due"},
		{updateReminder, "PRIMARY KEY"},
		{deleteReminder, "PRIMARY KEY"},
		{strings.Replace(selectWholeNumbers, "{direction}", "DESC", 1), "orders_state"},
		{lookNumbers(selectLookNumbers), "orders_state"},
		{lookNumbers(countLook), "orders_state"},
		{lookNumbers(selectOverlayNumbers), "orders_refunds"},
		{lookNumbers(countOverlay), "COVERING INDEX orders_refunds"},
		{selectTries, "PRIMARY KEY"},
		{forgetTries, "tries_forgotten"},
		{selectEndpointsOfScope, "endpoints_scope"},
		{selectListeners, "endpoints_scope"},
		{selectListening, "endpoints_scope"},
		{selectLastTold, "COVERING INDEX messages_told"},
		{selectMessagesOfEvent, "messages_event"},
		{where(listTold, "m.scope_id = $1 AND m.told_number > 0 AND m.told_number <= $2"), "messages_told"},
		{where(listTold, "COALESCE(m.scope_id, 0) = $1 AND m.told_number > 0 AND m.order_id = $2"), "messages_order"},
		{where(countTold, "m.scope_id = $1 AND m.told_number > 0 AND m.type >= $2 AND whose.merchant = $3"), "messages_told"},
		{selectMessagesOfOrder, "messages_order"},
		{selectMessagesDue, "messages_due"},
		{selectNextEndpoint, "COVERING INDEX messages_due"},
		{selectMessage, "sqlite_autoindex_messages_1"},
		{updateMessage, "sqlite_autoindex_messages_1"},
		{forgetMessage, "sqlite_autoindex_messages_1"},
		{match(selectStoredMessages, "id"), "sqlite_autoindex_messages_1"},
		{match(selectStoredMessages, "event_id", "endpoint_id"), "messages_event"},
		{where(listMessages, "m.scope_id = $1 AND m.endpoint_id = $2 AND m.type IN ($3) AND m.state IN ($4) AND m.id >= $5 AND m.id < $6"), "messages_scope"},
		{where(listMessages, "COALESCE(m.scope_id, 0) = $1 AND m.order_id = $2"), "messages_order"},
		{where(searchExhausted, "m.state = 'exhausted' AND m.scope_id = $1 AND m.endpoint_id = $2 AND m.id > $3 AND m.done_at >= $4"), "messages_exhausted"},
		{where(countDays, "scope_id = $1 AND endpoint_id = $2 AND type IN ($3) AND state IN ($4)"), "PRIMARY KEY"},
		{where(countMessages, "scope_id = $1 AND endpoint_id = $2 AND day >= $3 AND day <= $4"), "PRIMARY KEY"},
	}, few
}

// lookNumbers is a query of looks for a list.
func lookNumbers(query string) string {
	return strings.NewReplacer("{direction}", "DESC", "{limit}", "$6", "{kinds}", "").Replace(query)
}

// Lists of more orders than one bucket counts, against a plain computation.
func TestListsOverManyBuckets(t *testing.T) {
	onEach(t, func(t *testing.T, db database) {
		now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		s := db.open(t, Options{Now: func() time.Time { return now }})
		const n = 2<<bucketBits + 300
		random := rand.New(rand.NewPCG(3, 4))
		states := make([]order.State, n+1) // by number
		overlays := make([]order.Overlay, n+1)
		created := make([]time.Time, n+1)
		for done := 0; done < n; {
			err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
				for i := 0; i < 500 && done < n; i++ {
					o := testOrder(tx)
					if random.IntN(3) > 0 {
						o.State = order.Completed
					}
					if done%3000 == 17 { // a rare state
						o.State = order.Held
					}
					if o.State == order.Completed && done%500 == 3 {
						o.Overlay = order.Refunded
					}
					if err := tx.InsertOrder(o); err != nil {
						return err
					}
					done++
					states[done], created[done], overlays[done] = o.State, o.CreatedAt, o.Overlay
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			now = now.Add(time.Minute)
		}
		check := func(f engine.Filter) {
			t.Helper()
			var fit []int64
			for number := int64(1); number <= n; number++ {
				looks := len(f.Looks) == 0 || slices.ContainsFunc(f.Looks, func(l engine.Look) bool { return l.State == states[number] && l.Overlay == overlays[number] })
				if looks && (len(f.States) == 0 || slices.Contains(f.States, states[number])) && (f.CreatedAfter.IsZero() || !created[number].Before(f.CreatedAfter)) &&
					(f.CreatedBefore.IsZero() || !created[number].After(f.CreatedBefore)) {
					fit = append(fit, number)
				}
			}
			if f.Descending {
				slices.Reverse(fit)
			}
			pages := (len(fit) + f.Limit - 1) / f.Limit
			for _, f.Page = range []int{1, pages/2 + 1, pages, pages + 1} {
				if f.Page < 1 {
					continue
				}
				err := s.View(context.Background(), func(rd engine.Reader) error {
					page, err := rd.Orders(f)
					if err != nil {
						return err
					}
					var got []int64
					for _, o := range page.Orders {
						got = append(got, o.Number)
					}
					want := fit[min((f.Page-1)*f.Limit, len(fit)):min(f.Page*f.Limit, len(fit))]
					if page.Total != int64(len(fit)) || !slices.Equal(got, want) {
						return fmt.Errorf("%+v:\n got %v of %d\nwant %v of %d", f, got, page.Total, want, len(fit))
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, down := range []bool{false, true} {
			for _, list := range [][]order.State{nil, {order.Completed}, {order.Held}, {order.Held, order.Waiting}} {
				for _, bounds := range [][2]time.Time{{}, {created[100], time.Time{}}, {time.Time{}, created[5000]}, {created[3000], created[8400]}, {created[4200], created[4300]}} {
					check(engine.Filter{Scope: testScope, States: list, CreatedAfter: bounds[0], CreatedBefore: bounds[1], Descending: down, Limit: 97})
					var looks []engine.Look
					for _, s := range list {
						looks = append(looks, engine.Look{State: s})
					}
					check(engine.Filter{Scope: testScope, Looks: looks, CreatedAfter: bounds[0], CreatedBefore: bounds[1], Descending: down, Limit: 97})
					if len(list) == 1 {
						check(engine.Filter{Scope: testScope, Looks: []engine.Look{{State: list[0], Overlay: order.Refunded}}, CreatedAfter: bounds[0], CreatedBefore: bounds[1], Descending: down, Limit: 7})
					}
				}
			}
		}
	})
}

// A list that looks through too much is stopped, and says so.
func TestSlowListIsStopped(t *testing.T) {
	ctx, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer cancel()
	s := testStore(t)
	rows, err := s.readers.QueryContext(ctx, `SELECT 1`)
	if err == nil {
		rows.Close()
		t.Fatal("a query under an ended context")
	}
	if err := tooSlow(context.Background(), err); !fault.Is(err, fault.CodeOverloaded) {
		t.Errorf("the list's own time ended: %v", err)
	}
	if got := tooSlow(ctx, err); got != err {
		t.Errorf("the caller's time ended: %v", got)
	}
	// In the middle of a query, too.
	ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	r := <-s.idle
	if r.conn, err = s.readers.Conn(context.Background()); err != nil {
		t.Fatal(err)
	}
	err = scan(&reader{store: s, ctx: ctx, session: r}, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n`, nil, nil)
	s.idle <- r
	if f, ok := fault.As(tooSlow(context.Background(), err)); !ok || f.Code != fault.CodeOverloaded || f.RetryAfter == 0 {
		t.Errorf("stopped in the middle: %v", err)
	}
}
