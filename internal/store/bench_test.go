package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/store/pgtest"
)

const benchClients = 64

// BenchmarkInsertOrder creates orders the way a merchant's API does (unique key, address, event, remembered answer)
// from 64 clients, for one merchant and for a hundred. BenchmarkBareGroup beside it writes one bare row for each call.
func BenchmarkInsertOrder(b *testing.B) {
	benchEach(b, func(b *testing.B, open func(b *testing.B, o Options) *Store) {
		for _, merchants := range []int{1, 100} {
			b.Run(fmt.Sprintf("merchants=%d", merchants), func(b *testing.B) {
				s := open(b, Options{Block: max(32, 512/merchants)})
				for m := range merchants {
					importValues(b, s, benchPool(m), b.N/merchants+5*s.pools.block, spread) // PostgreSQL keeps the last four blocks for all
				}
				b.ResetTimer()
				perSecond(b, s, func(n int) error { return insertBench(s, n, n%merchants) })
			})
		}
	})
}

func BenchmarkBareGroup(b *testing.B) {
	benchEach(b, func(b *testing.B, open func(b *testing.B, o Options) *Store) {
		s := open(b, Options{})
		perSecond(b, s, func(n int) error {
			return s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
				return tx.SaveMerchant(engine.Merchant{ID: strconv.Itoa(n)})
			})
		})
	})
}

// benchEach runs a benchmark on each database, both waiting for the disk at each commit.
func benchEach(b *testing.B, bench func(b *testing.B, open func(b *testing.B, o Options) *Store)) {
	b.Run("sqlite", func(b *testing.B) {
		bench(b, func(b *testing.B, o Options) *Store { return openTest(b, filepath.Join(b.TempDir(), "till.db"), o) })
	})
	b.Run("postgres", func(b *testing.B) {
		bench(b, func(b *testing.B, o Options) *Store {
			url := pgtest.URL(b)
			pgtest.Durable(b)
			return openPostgres(b, url, o)
		})
	})
}

func perSecond(b *testing.B, s *Store, one func(n int) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	start, before, used := time.Now(), s.Stats(), processorTime(b)
	for range benchClients {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := one(int(n)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	after := s.Stats()
	b.ReportMetric(float64((processorTime(b)-used).Microseconds())/float64(b.N), "cpu-us/call")
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "calls/s")
	b.ReportMetric(float64(after.Calls-before.Calls)/float64(after.Groups-before.Groups), "calls/group")
	b.ReportMetric(float64(after.Statements-before.Statements)/float64(b.N), "statements/call")
}

// processorTime is what this process has used: on a machine that others use too it says more than the clock.
func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// spread is n among all others, as addresses and public ids are that nobody can guess.
func spread(n int) string {
	hash := sha256.Sum256([]byte(strconv.Itoa(n)))
	return hex.EncodeToString(hash[:13])
}

func benchPool(m int) engine.Pool {
	return engine.Pool{Merchant: "m" + strconv.Itoa(m), Mode: engine.Sandbox, Family: engine.EVM}
}

func importRange(t testing.TB, s *Store, p engine.Pool, n int) {
	t.Helper()
	importValues(t, s, p, n, func(i int) string { return fmt.Sprintf("%036x", i) })
}

func importValues(t testing.TB, s *Store, p engine.Pool, n int, digits func(i int) string) {
	t.Helper()
	var list []engine.Imported
	for i := range n {
		list = append(list, engine.Imported{Value: "0x" + p.Merchant + digits(i)})
		if len(list) == 2000 || i == n-1 {
			err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error { _, err := tx.ImportInstruments(p, list); return err })
			if err != nil {
				t.Fatal(err)
			}
			list = nil
		}
	}
}

func insertBench(s *Store, n, m int) error {
	p := benchPool(m)
	scope := engine.Scope{Merchant: p.Merchant, Mode: p.Mode, Dialect: "one"}
	key := engine.UniqueKey{Scope: scope, Key: "ref-" + strconv.Itoa(n)}
	answer := engine.AnswerKey{Scope: p.Merchant, Key: key.Key}
	want := engine.Keys{Unique: []engine.UniqueKey{key}, Answers: []engine.AnswerKey{answer}, Settings: []engine.SettingScope{{Merchant: p.Merchant, Mode: p.Mode}}}
	return s.Update(context.Background(), want, func(tx engine.Tx) error {
		if _, err := tx.Answer(answer); err != nil {
			return err
		}
		if _, err := tx.Settings(want.Settings[0]); err != nil {
			return err
		}
		now := tx.Now()
		o := &engine.Order{
			Order: order.Order{State: order.Waiting, Terms: order.Terms{Book: ledger.Wallet(p.Merchant), To: ledger.Wallet(p.Merchant).Account(ledger.Merchant),
				Due: money.FromInt(benchAsset, 1_000_000), SeenWaits: true, Deadline: now.Add(15 * time.Minute), ConfirmBy: now.Add(time.Hour)}},
			ID: tx.NewID(), PublicID: "ord_" + spread(n), Scope: scope, Reference: key.Key, UniqueKey: key.Key, Network: "testnet", Rail: "evm:testnet",
			CreatedAt: now, UpdatedAt: now, EventSeq: 1, Doc: []byte(`{"successUrl":"https://example.com/ok","metadata":{"cart":"17"}}`),
		}
		var err error
		if o.Instrument, err = tx.TakeInstrument(p, "rail", o.ID, now); err != nil {
			return err
		}
		if err := tx.InsertOrder(o); err != nil {
			return err
		}
		if err := tx.AddEvents([]engine.Event{{ID: tx.NewID(), OrderID: o.ID, Scope: scope, Seq: 1, Type: "order.created", State: o.State, Row: "O1", At: now}}); err != nil {
			return err
		}
		return tx.Remember(engine.Answer{Scope: answer.Scope, Key: answer.Key, Hash: "h", OrderID: o.ID, Status: 201, Body: []byte(`{"id":"` + o.PublicID + `"}`), At: now})
	})
}

var benchAsset = money.MustAsset("USDT", "testnet", 6)

// BenchmarkViewOrder reads one order by its public id, the way a merchant polls.
func BenchmarkViewOrder(b *testing.B) {
	benchEach(b, func(b *testing.B, open func(b *testing.B, o Options) *Store) { viewOrders(b, open(b, Options{})) })
}

func viewOrders(b *testing.B, s *Store) {
	err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
		for i := range 1000 {
			o := testOrder(tx)
			o.PublicID = strconv.Itoa(i)
			if err := tx.InsertOrder(o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) // as a request has
	defer cancel()
	for n := 0; b.Loop(); n++ {
		err := s.View(ctx, func(rd engine.Reader) error { _, err := rd.OrderByPublic(testScope, strconv.Itoa(n%1000)); return err })
		if err != nil {
			b.Fatal(err)
		}
	}
}
