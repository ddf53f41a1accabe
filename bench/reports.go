package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"till/internal/dialect/glomo"
	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/store"
)

// reportOrders is how many orders the report lists.
const reportOrders = 1_000_000

// reported is what a report took.
type reported struct {
	lines  int
	bytes  int64
	took   time.Duration
	memory float64 // MiB, the most that was in use at any look, beyond what was before
}

// reports measures the report of a million orders with notes, and the memory that it takes.
func (b *bench) reports(ctx context.Context) (r reported, err error) {
	r.lines = reportOrders
	if b.short {
		r.lines /= 50
	}
	dir, err := os.MkdirTemp(b.dir, "reports-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := store.OpenSQLite(ctx, filepath.Join(dir, databaseFile), store.Options{Block: 2 * fillGroup})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	scope := engine.Scope{Merchant: "default", Mode: engine.Sandbox, Dialect: glomo.Name}
	eur := money.MustAsset("EUR", "", 2)
	book := ledger.Owed(scope.Merchant)
	for from := 0; from < r.lines; from += fillGroup {
		err := s.Update(ctx, engine.Keys{}, func(tx engine.Tx) error {
			for n := from; n < min(from+fillGroup, r.lines); n++ {
				at := firstOrder.Add(time.Duration(n) * time.Second)
				o := &engine.Order{
					Order: order.Order{State: order.Expired, Terms: order.Terms{Book: book, Due: money.FromInt(eur, int64(n+1)), To: book.Account(ledger.Merchant), Whole: true}},
					ID:    tx.NewID(), PublicID: "order_" + tx.NewID(), Scope: scope, Kind: "order", Methods: []string{"card"}, CreatedAt: at, UpdatedAt: at, EndedAt: at,
					Doc: fmt.Appendf(nil, `{"customer":"cust_1","notes":{"project":"p%d","key%d":"=1+1"}}`, n, n%100),
				}
				if err := tx.InsertOrder(o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return r, err
		}
	}
	api := glomo.New(glomo.Config{Engine: engine.New(s, nil, nil), Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	runtime.GC()
	before := heap()
	began := time.Now()
	write, err := api.Report(ctx, "orders", scope, time.Time{}, time.Time{})
	if err != nil {
		return r, err
	}
	w := &watched{to: io.Discard, before: before}
	err = write(ctx, w)
	r.took, r.bytes, r.memory = time.Since(began), w.n, w.most
	return r, err
}

// watched counts what is written, and looks at the memory in use on the way.
type watched struct {
	to     io.Writer
	n      int64
	before float64
	most   float64
}

func (w *watched) Write(part []byte) (int, error) {
	w.n += int64(len(part))
	w.most = max(w.most, heap()-w.before)
	return w.to.Write(part)
}
