package main

import (
	"context"
	"fmt"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/store"
)

// fill puts orders into the database of a folder whose server is not running: through the store, in large groups, each with an address
// and times of its own. They have no events: a server that starts is to rest, not to tell and seal what happened to them. A child does
// it, so that this process stays small.
func (b *bench) fill(ctx context.Context, dir string, from, to int) error {
	p, err := startChild(ctx, childFill, filepath.Join(dir, databaseFile), strconv.Itoa(from), strconv.Itoa(to), strconv.FormatUint(b.seed, 10))
	if err != nil {
		return err
	}
	return p.cmd.Wait()
}

const databaseFile = "till.db"

// fillGroup is how many orders are written in one transaction.
const fillGroup = 500

func fillChild(args []string) error {
	from, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	to, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	seed, err := strconv.ParseUint(args[3], 10, 64)
	if err != nil {
		return err
	}
	fmt.Println("listening on nothing") // what whoever starts a child waits for
	ctx, stop := signalContext()
	defer stop()
	s, err := store.OpenSQLite(ctx, args[0], store.Options{Block: 2 * fillGroup})
	if err != nil {
		return err
	}
	for ; from < to; from += fillGroup {
		f := filler{seed: seed, from: from, to: min(from+fillGroup, to)}
		if err := s.Update(ctx, engine.Keys{}, f.write); err != nil {
			return err
		}
	}
	return s.Close()
}

func signalContext() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
}

var (
	fillScope = engine.Scope{Merchant: "default", Mode: engine.Sandbox, Dialect: "payin"}
	fillPool  = engine.Pool{Merchant: "default", Mode: engine.Sandbox, Family: engine.EVM}
)

// filler writes the orders numbered from to to-1, a second apart in time.
type filler struct {
	seed     uint64
	from, to int
}

func (f filler) write(tx engine.Tx) error {
	var addresses []engine.Imported
	for n := f.from; n < f.to; n++ {
		addresses = append(addresses, engine.Imported{Value: address(f.seed, uint64(n)+1)})
	}
	if _, err := tx.ImportInstruments(fillPool, addresses); err != nil {
		return err
	}
	for n := f.from; n < f.to; n++ {
		if err := f.order(tx, n); err != nil {
			return err
		}
	}
	return nil
}

// firstOrder is when the first of the orders was created.
var firstOrder = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (f filler) order(tx engine.Tx, n int) error {
	book := ledger.Wallet(fillScope.Merchant)
	at := firstOrder.Add(time.Duration(n) * time.Second)
	state := []order.State{order.Waiting, order.Completed, order.Completed, order.Expired}[n%4]
	o := &engine.Order{
		Order: order.Order{State: state, Terms: order.Terms{
			Book: book, To: book.Account(ledger.Merchant), Due: money.FromInt(echoAsset, int64(1_000_000+n)), OverAny: true, SeenWaits: true, Instant: true,
			Deadline: at.AddDate(10, 0, 0), ConfirmBy: at.AddDate(10, 0, 1),
		}},
		ID: tx.NewID(), PublicID: "ord_" + tx.NewID(), Scope: fillScope, Reference: "fill-" + strconv.Itoa(n), UniqueKey: "fill-" + strconv.Itoa(n),
		Network: network, Rail: "evm:" + network, Instrument: engine.Instrument{Family: engine.EVM, Value: address(f.seed, uint64(n)+1)},
		CreatedAt: at, UpdatedAt: at, Doc: []byte(`{"amount":"125.50","windowMinutes":15}`),
	}
	if state.Terminal() {
		o.EndedAt = at.Add(time.Minute)
	}
	return tx.InsertOrder(o)
}
