package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
)

// What the migration makes of the orders and payments that are there already is what the store keeps of them from
// then on.
func TestSumsOfWhatWasThereBefore(t *testing.T) {
	onEach(t, func(t *testing.T, db database) {
		now := time.Date(2026, 3, 1, 0, 0, 0, 123456000, time.UTC)
		s := db.open(t, Options{Now: func() time.Time { return now }})
		random := rand.New(rand.NewPCG(7, 8))
		dai, eur, points := money.MustAsset("DAI", "test-2", 18), money.MustAsset("EUR", "", 2), money.MustAsset("P", "x", 0)
		longest, err := money.ParseUnits(dai, strings.Repeat("9", money.MaxDigits))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 60 {
			now = now.Add(time.Duration(random.IntN(5_000_000)) * time.Millisecond).Add(time.Duration(random.IntN(3)) * 500 * time.Microsecond)
			err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
				o := testOrder(tx)
				o.State = order.States()[random.IntN(12)]
				o.Terms.Due = []money.Amount{longest, money.FromInt(eur, int64(i)), money.FromInt(points, 7), money.FromInt(dai, 1_000_000_000)}[i%4]
				for n := range i % 3 {
					p := order.Payment{PaymentKey: order.PaymentKey{Rail: "evm:test", External: fmt.Sprint(i, "/", n)}, Rank: order.Rank(random.IntN(4) + 1),
						Told: now.Add(time.Duration(random.IntN(1_000_000)-1000) * time.Microsecond), Amount: o.Terms.Due, Evidence: order.Evidence{Tx: fmt.Sprint("0x", i)}}
					if n == 1 {
						p.Amount = money.FromInt(eur, 0)
						p.Told = now.Truncate(time.Second)
					}
					if p.Rank == order.RankConfirmed {
						p.Settled = now.Add(time.Duration(random.IntN(1_000_000)) * time.Microsecond)
					}
					o.Payments = append(o.Payments, p)
				}
				if i%10 == 0 {
					stray := engine.Stray{Payment: order.Payment{PaymentKey: order.PaymentKey{Rail: "evm:test", External: fmt.Sprint("stray", i)}, Rank: order.RankSeen, Told: now, Amount: money.FromInt(dai, 5)}, Mode: testScope.Mode}
					if err := tx.SaveStray(&stray); err != nil {
						return err
					}
				}
				return tx.InsertOrder(o)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		raw := db.raw(t)
		dump := func() []string {
			list := rows(t, raw, `SELECT 'sum ' || scope_id || ' ' || bucket || ' ' || state || ' ' || asset || ' ' || n || ' ' || seen || ' ' || seen_us || ' ' || units_0 || ' ' || units_1 || ' ' || units_2
				|| ' ' || units_3 || ' ' || units_4 || ' ' || units_5 || ' ' || units_6 || ' ' || units_7 || ' ' || units_8 FROM order_sums`)
			list = append(list, rows(t, raw, `SELECT 'count ' || scope_id || ' ' || rank || ' ' || hour || ' ' || n FROM payment_counts`)...)
			list = append(list, rows(t, raw, `SELECT 'payment ' || external || ' ' || scope_id || ' ' || told_at || ' ' || settled_at || ' ' || network || ' ' || asset_code || ' ' || amount_key || ' ' || tx FROM payments`)...)
			slices.Sort(list)
			return list
		}
		kept := dump()
		folder := "sqlite"
		if IsPostgres(db.where) {
			folder = "postgres"
		}
		text, err := migrations.ReadFile(path.Join("migrations", folder, "00010_sums.sql"))
		if err != nil {
			t.Fatal(err)
		}
		statements := []string{`DELETE FROM order_sums`, `DELETE FROM payment_counts`,
			`UPDATE payments SET scope_id = 0, told_at = 0, settled_at = 0, network = '', asset_code = '', amount_key = '', tx = ''`}
		for statement := range strings.SplitSeq(string(text), ";\n") {
			var lines []string
			for line := range strings.Lines(statement) {
				if !strings.HasPrefix(line, "--") && strings.TrimSpace(line) != "" {
					lines = append(lines, line)
				}
			}
			if statement = strings.Join(lines, ""); strings.HasPrefix(statement, "UPDATE") || strings.HasPrefix(statement, "INSERT") {
				statements = append(statements, statement)
			}
		}
		if len(statements) != 7 {
			t.Fatalf("%d statements: %q", len(statements), statements)
		}
		for _, statement := range statements {
			if _, err := raw.Exec(statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		made := dump()
		for _, row := range kept {
			if !slices.Contains(made, row) {
				t.Errorf("not made: %s", row)
			}
		}
		for _, row := range made {
			if !slices.Contains(kept, row) {
				t.Errorf("not kept: %s", row)
			}
		}
		if len(kept) < 100 {
			t.Errorf("only %d rows", len(kept))
		}
	})
}

// Sums over many buckets, whole and cut, against a plain computation.
func TestSumsOverManyBuckets(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := openTest(t, path.Join(t.TempDir(), "till.db"), Options{Now: func() time.Time { return now }})
	const n = 2<<bucketBits + 300
	var created []time.Time
	for len(created) < n {
		err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
			for i := 0; i < 500 && len(created) < n; i++ {
				o := testOrder(tx)
				if err := tx.InsertOrder(o); err != nil {
					return err
				}
				created = append(created, o.CreatedAt)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Minute)
	}
	for _, bounds := range [][2]time.Time{{}, {created[100], time.Time{}}, {time.Time{}, created[5000]}, {created[3000], created[8400]}, {created[4200], created[4300]}, {created[0], created[4095]}, {created[4096], created[n-1]}} {
		f := engine.Filter{Scope: testScope, CreatedAfter: bounds[0], CreatedBefore: bounds[1]}
		var want int64
		for _, at := range created {
			if !at.Before(bounds[0]) && (bounds[1].IsZero() || !at.After(bounds[1])) {
				want++
			}
		}
		err := s.View(context.Background(), func(rd engine.Reader) error {
			list, err := rd.Tally(f)
			if err == nil && (len(list) != 1 || list[0].Orders != want || list[0].Due.Units() != fmt.Sprint(want*100)) {
				t.Errorf("%v: %+v, want %d", bounds, list, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
