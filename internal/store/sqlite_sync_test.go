package store

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"till/internal/engine"
	"till/internal/fault"
)

// slowDisk makes each sync say that it began, and wait for a word; the word is its outcome.
func slowDisk(t *testing.T) (s *Store, began chan bool, words chan error) {
	t.Helper()
	s = openTest(t, filepath.Join(t.TempDir(), "till.db"), Options{})
	began, words = make(chan bool), make(chan error)
	s.syncs.sync = func() error { // nothing was committed yet, so that nobody reads it now
		began <- true
		return <-words
	}
	return s, began, words
}

func saveMerchant(s *Store, id string) chan error {
	done := make(chan error, 1)
	go func() {
		done <- s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error { return tx.SaveMerchant(engine.Merchant{ID: id}) })
	}()
	return done
}

// The next group is computed and committed while the disk is at work for the one before. Nobody hears of either before the disk is done: not who
// wrote, not who was refused for what he read, not who views.
func TestNobodyIsAnsweredBeforeTheDisk(t *testing.T) {
	s, began, words := slowDisk(t)
	first := saveMerchant(s, "first")
	<-began

	var next []chan error
	for range enoughCalls - 1 {
		next = append(next, saveMerchant(s, "next"))
	}
	refused, refusal := make(chan error, 1), errors.New("refused")
	go func() {
		refused <- s.Update(context.Background(), engine.Keys{}, func(engine.Tx) error { return refusal })
	}()
	waitFor(t, func() bool { return s.Stats().Calls == 1+enoughCalls })

	var seen []engine.Merchant
	viewed := make(chan error, 1)
	go func() {
		viewed <- s.View(context.Background(), func(rd engine.Reader) (err error) { seen, err = rd.Merchants(); return err })
	}()
	waitFor(t, func() bool { return len(s.idle) < cap(s.idle) })

	var found []engine.Merchant
	if err := s.View(engine.Beginning(context.Background()), func(rd engine.Reader) (err error) { found, err = rd.Merchants(); return err }); err != nil || len(found) != 2 {
		t.Errorf("what a request begins with waits for no disk: %d merchants, %v", len(found), err)
	}

	nobody := func(when string, all ...chan error) {
		t.Helper()
		for _, done := range all {
			if len(done) > 0 {
				t.Errorf("%s: somebody was answered: %v", when, <-done)
			}
		}
	}
	nobody("while the disk is at work", append([]chan error{first, refused, viewed}, next...)...)
	words <- nil
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	<-began // for the second group
	nobody("after the first group", append([]chan error{refused, viewed}, next...)...)
	words <- nil
	for _, done := range next {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if err := <-refused; err != refusal {
		t.Error(err)
	}
	if err := <-viewed; err != nil || len(seen) != 2 {
		t.Errorf("%d merchants, %v", len(seen), err)
	}
}

// A view that cannot wait for the disk any longer ends.
func TestViewStopsWaitingForTheDisk(t *testing.T) {
	s, began, words := slowDisk(t)
	first := saveMerchant(s, "first")
	<-began
	ctx, cancel := context.WithCancel(context.Background())
	viewed := make(chan error, 1)
	go func() { viewed <- s.View(ctx, func(engine.Reader) error { return nil }) }()
	waitFor(t, func() bool { return len(s.idle) < cap(s.idle) })
	cancel()
	if err := <-viewed; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	words <- nil
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// When the log cannot be synced nobody knows what is on disk: who waits is told so, nothing more is written or shown, and no second sync is
// believed.
func TestSyncFails(t *testing.T) {
	s, began, words := slowDisk(t)
	first := saveMerchant(s, "first")
	<-began
	second := saveMerchant(s, "second") // waits for company or the disk
	waitFor(t, func() bool { return len(s.queue) == 0 })
	words <- errors.New("the disk is on fire")
	if err := <-first; !fault.Is(err, fault.CodeCommitUnknown) {
		t.Error(err)
	}
	<-s.Broken()
	if err := <-second; err == nil {
		t.Error("a change after the failure was acknowledged")
	}
	if err := s.View(context.Background(), func(engine.Reader) error { return nil }); err == nil {
		t.Error("a view shows what may not be on disk")
	}
	if err := <-saveMerchant(s, "third"); err == nil {
		t.Error("a change after the failure was acknowledged")
	}
	select {
	case <-began:
		t.Error("the log was synced again")
	default:
	}
}
