package engine_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/order"
)

// What a watcher asks of what is on record.
func TestBook(t *testing.T) {
	k := newKit(t)
	book := k.engine.Book(north)
	known, err := book.Known(context.Background(), []string{"a1", "b1", "c1", "none"})
	k.must(err)
	wantList(k, "known", slices.Sorted(maps.Keys(known)), "a1", "b1", "c1")
	ofBank, err := k.engine.Book(bank).Known(context.Background(), []string{"a1"})
	k.must(err)
	want(k, "known to the bank", len(ofBank), 0)

	few, err := book.Few(context.Background(), 24)
	k.must(err)
	want(k, "all addresses", len(few), 24)
	few, err = book.Few(context.Background(), 23)
	k.must(err)
	if few != nil {
		k.Errorf("more than 23 were given: %v", few)
	}

	_, err = k.engine.MoveClock(context.Background(), engine.Sandbox, time.Hour) // marks are on the chain's own clock
	k.must(err)
	o := k.order(k.ask(shop, north))
	seen := k.seen(o, "seen", 10, at(time.Minute))
	k.block(north, at(time.Minute), seen) // block 101
	confirmed := k.confirmed(o, "confirmed", 20, at(2*time.Minute))
	failed := again(k.seen(o, "failed", 10, at(2*time.Minute)), order.RankFailed, 0)
	k.block(north, at(2*time.Minute), confirmed, failed) // block 102
	stray := again(k.word(north, order.RankConfirmed, "stray", "b8", units(northUSDT, 5), at(3*time.Minute)), order.RankConfirmed, 2)
	k.block(north, at(3*time.Minute), stray) // block 103
	k.block(south, at(3*time.Minute), k.word(south, order.RankConfirmed, "south", "b8", units(southUSDT, 5), at(3*time.Minute)))

	marks, err := book.Since(context.Background(), 101)
	k.must(err)
	want(k, "marks", len(marks), 3)
	for i, wanted := range []struct {
		external  string
		confirmed bool
		epoch     uint64
		at        time.Time
		to        string
	}{{"seen", false, 0, at(time.Minute), "a1"}, {"confirmed", true, 0, at(2 * time.Minute), "a1"}, {"stray", true, 2, at(3 * time.Minute), "b8"}} {
		want(k, "mark", marks[i].External, wanted.external)
		want(k, "confirmed", marks[i].Confirmed, wanted.confirmed)
		want(k, "epoch", marks[i].Epoch, wanted.epoch)
		want(k, "block time", marks[i].Value, wanted.at)
		want(k, "address", marks[i].Instrument, wanted.to)
	}
	// What is told again of a mark, as its watcher does when it takes it back, is about that payment.
	back := marks[1].Observation
	back.Rank = order.RankReversed
	k.block(north, at(4*time.Minute), back)
	want(k, "rank", k.payment(o, "confirmed").Rank, order.RankReversed)
	marks, err = book.Since(context.Background(), 102)
	k.must(err)
	want(k, "marks left", len(marks), 1)

	p, err := k.engine.Progress(context.Background(), north.Rail)
	k.must(err)
	want(k, "head", p.Cursor.Head, 104)
	want(k, "horizon", p.Cursor.Horizon, at(4*time.Minute))
	want(k, "state", string(p.Cursor.State), "state")
	none, err := k.engine.Progress(context.Background(), silent.Rail)
	k.must(err)
	if none != nil {
		k.Errorf("a rail that never told anything is at %+v", none)
	}
}
