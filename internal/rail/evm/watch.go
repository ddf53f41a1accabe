package evm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"till/internal/order"
	"till/internal/rail"
)

const (
	firstPause = 250 * time.Millisecond // after the first failure
	maxPause   = 15 * time.Second       // and at most
	nearHead   = 64                     // blocks read one by one below the head, besides the confirmations
)

// watch is one run of Watch.
type watch struct {
	*Rail
	node   *node // the one in use for this attempt
	book   rail.Book
	report func(context.Context, rail.Cursor, []rail.Observation) error

	at      state              // what the last report committed
	pending []rail.Observation // told as seen and not yet as confirmed
	span    uint64             // blocks asked for at once when far behind
	doubted bool               // the last round found a block replaced
	skipped map[string]bool    // stored addresses that were complained about
}

// stop is an error after which watching on would be wrong.
type stop struct{ error }

// Watch tells every transfer of a listed token to a known address from the cursor on. At the first
// start the cursor is the present head, for no address given out here can have been paid before.
//
// It returns ctx's error when ctx ends, and another when every node serves another chain than the
// configured one, when a token's decimals differ from the configured ones, or when the stored cursor
// cannot be read. All else is retried after 0.25 s doubling to 15 s, and nothing is skipped: a report
// that fails is made again unchanged until it succeeds, because it may have been stored all the same.
func (r *Rail) Watch(ctx context.Context, from rail.Cursor, book rail.Book, report func(context.Context, rail.Cursor, []rail.Observation) error) error {
	defer r.nodes.close()
	r.nodes.begin()
	w := &watch{Rail: r, book: book, report: report, span: maxSpan, skipped: map[string]bool{}}
	if err := w.ask(ctx, func() error { return w.begin(ctx, from) }); err != nil {
		return err
	}
	for {
		var more bool
		err := w.ask(ctx, func() (err error) {
			more, err = w.round(ctx)
			return err
		})
		if err == nil && !more {
			err = w.wait(ctx, w.poll)
		}
		if err != nil {
			return err
		}
	}
}

// ask repeats do, each time with one node after another, like retry.
func (w *watch) ask(ctx context.Context, do func() error) error {
	return w.retry(ctx, func() error {
		return w.nodes.attempt(ctx, func(n *node) error {
			w.node = n
			return do()
		})
	})
}

// retry repeats do until it succeeds, watching must stop or ctx ends.
func (w *watch) retry(ctx context.Context, do func() error) error {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := do()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			w.well()
			return nil
		}
		w.trouble(err)
		if end, ok := errors.AsType[stop](err); ok {
			w.log.Error("watching stops", "error", err)
			return end.error
		}
		if err := w.wait(ctx, pause); err != nil {
			return err
		}
	}
}

// begin finds the place to go on from.
func (w *watch) begin(ctx context.Context, from rail.Cursor) error {
	var at state
	if len(from.State) > 0 {
		var err error
		if at, err = decodeState(from.State); err != nil {
			return stop{fmt.Errorf("evm:%s: %w", w.network, err)}
		}
		if at.ChainID == w.chainID {
			w.nodes.follow(at.Genesis)
		}
	}
	if err := w.nodes.admit(ctx, w.node); err != nil {
		return err
	}
	if err := w.checkScales(ctx, w.node); err != nil {
		return err
	}
	if len(from.State) == 0 {
		return w.beginAtHead(ctx, 0)
	}
	genesis, err := w.node.byNumber(ctx, 0)
	if err != nil {
		return err
	}
	if at.Genesis != genesis.hash || at.ChainID != w.chainID {
		w.log.Error("the node has another block 0 than before: watching goes on from the head, nothing is reversed",
			"before", at.Genesis, "now", genesis.hash, "told", at.last().Number)
		return w.beginAtHead(ctx, at.Reorgs+1)
	}
	// A transfer of any remembered block may still wait for its confirmation, also when fewer
	// confirmations were asked for before.
	first := min(at.oldest().Number, at.last().Number-min(w.confirmations, at.last().Number))
	marks, err := w.book.Since(ctx, first)
	if err != nil {
		return ours{err}
	}
	w.at, w.pending = at, nil
	for _, m := range marks {
		if !m.Confirmed && m.Epoch >= at.Base {
			o := m.Observation
			o.Rank = order.RankSeen
			w.pending = append(w.pending, o)
		}
	}
	w.told(at.last().Number, from.Horizon)
	return nil
}

// beginAtHead makes the present head the cursor and reports it at once, so that there is a horizon
// before the first order. The epoch is also the first of this genesis.
func (w *watch) beginAtHead(ctx context.Context, epoch uint64) error {
	genesis, err := w.node.byNumber(ctx, 0)
	if err != nil {
		return err
	}
	head, err := w.node.latest(ctx)
	if err != nil {
		return err
	}
	tail, err := w.ancestry(ctx, head)
	if err != nil {
		return err
	}
	to := state{Genesis: genesis.hash, ChainID: w.chainID, Reorgs: epoch, Base: epoch, Tail: tail}
	if err := w.tell(ctx, to, head.time, nil, nil); err != nil {
		return err
	}
	w.nodes.follow(genesis.hash)
	return nil
}

// round reads the head and tells what is new, at most one range or nearHead blocks. more says that
// there is more to tell at once.
func (w *watch) round(ctx context.Context) (more bool, err error) {
	head, err := w.node.latest(ctx)
	if err != nil {
		return false, err
	}
	last := w.at.last()
	if head.hash == last.Hash {
		w.doubted = false
		return false, nil
	}
	if err := w.nodes.admit(ctx, w.node); err != nil {
		return false, err
	}
	if head.number <= last.Number {
		return false, w.judge(ctx, head)
	}
	w.nodes.advances()
	// Known addresses are read after the head: whoever is missing was given out after all of these
	// blocks were made.
	known, err := w.knownAddresses(ctx)
	if err != nil {
		return false, err
	}
	var s scan
	if settled := last.Number + w.confirmations + nearHead; settled < head.number {
		s, err = w.readRange(ctx, head.number-w.confirmations-nearHead, known)
	} else {
		s, err = w.readBlocks(ctx, min(last.Number+nearHead, head.number), head, known)
	}
	if errors.Is(err, errUnlinked) {
		return false, w.judge(ctx, head)
	}
	if err != nil {
		return false, err
	}
	w.doubted = false
	return s.last.number < head.number, w.advance(ctx, s)
}

// advance tells what a scan found, and which earlier transfers are deep enough by now.
func (w *watch) advance(ctx context.Context, s scan) error {
	var seen, pending []rail.Observation
	for _, o := range append(slices.Clone(w.pending), s.found...) {
		isNew := o.Rank == 0
		o.Rank = order.RankSeen
		if o.Evidence.Block+w.confirmations <= s.last.number+1 {
			o.Rank = order.RankConfirmed
		} else {
			pending = append(pending, o)
		}
		if isNew || o.Rank == order.RankConfirmed {
			seen = append(seen, o)
		}
	}
	return w.tell(ctx, w.at.forward(s.blocks), s.last.time, seen, pending)
}

// rewind goes back to the newest block that is still there and takes back everything told of later
// ones, each under the epoch it was told in; what was mined again is told again, under the next epoch.
func (w *watch) rewind(ctx context.Context, fork header) error {
	marks, err := w.book.Since(ctx, fork.number+1)
	if err != nil {
		return ours{err}
	}
	var seen []rail.Observation
	for _, m := range marks {
		if m.Epoch < w.at.Base {
			continue
		}
		if m.Confirmed {
			w.log.Error("a confirmed payment is reversed by a reorganisation",
				"tx", m.Evidence.Tx, "block", m.Evidence.Block, "amount", m.Amount.String())
		}
		o := m.Observation
		o.Rank = order.RankReversed
		seen = append(seen, o)
	}
	var pending []rail.Observation
	for _, o := range w.pending {
		if o.Evidence.Block <= fork.number {
			pending = append(pending, o)
		}
	}
	w.log.Warn("the chain was reorganised", "from", w.at.last().Number, "to", fork.number, "reversed", len(seen))
	return w.tell(ctx, w.at.back(told{fork.number, fork.hash}), fork.time, seen, pending)
}

// tell reports, again and again until it succeeds, and only then moves on.
func (w *watch) tell(ctx context.Context, to state, horizon time.Time, seen, pending []rail.Observation) error {
	cursor := rail.Cursor{State: to.encode(), Horizon: horizon, Head: to.last().Number}
	err := w.retry(ctx, func() error {
		if err := w.report(ctx, cursor, seen); err != nil {
			return fmt.Errorf("report: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.at, w.pending = to, pending
	w.told(cursor.Head, horizon)
	return nil
}
