package worker

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/store"
)

// Answers older than they are given go, in batches, the others and the server's own marks stay, whoever else deletes them too.
func TestForget(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		c := &clock{at: start}
		db, err := open(t.Context(), where, store.Options{Now: c.now})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		const old, young = 2*forgetBatch + 7, 5
		remember := func(scope string, n int) {
			t.Helper()
			err := db.Update(t.Context(), engine.Keys{}, func(tx engine.Tx) error {
				for i := range n {
					a := engine.Answer{Scope: scope, Key: fmt.Sprint(scope, i), Hash: "h", Status: 201, Body: []byte("{}"), At: tx.Now()}
					if err := tx.Remember(a); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		left := func(scope string, n int) (found int) {
			t.Helper()
			err := db.Update(t.Context(), engine.Keys{}, func(tx engine.Tx) error {
				found = 0
				for i := range n {
					a, err := tx.Answer(engine.AnswerKey{Scope: scope, Key: fmt.Sprint(scope, i)})
					if err != nil {
						return err
					}
					if a != nil {
						found++
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		remember("old", old)
		remember(engine.ServerMarks, 1)
		config := quiet(c.now)
		config.Engine, config.Events = engine.New(db, nil, nil), NewBell()
		one, other := New(config).Forget, New(config).Forget

		c.move(engine.Idempotency - time.Second)
		remember("young", young)
		if n := once(t, one.RunOnce); n != 0 || left("old", old) != old {
			t.Errorf("%d were forgotten too early", n)
		}
		c.move(time.Second)
		if n := once(t, one.RunOnce); n != 0 {
			t.Errorf("looked again at once: %d", n)
		}
		c.move(forgetApart)
		both := make(chan error, 1)
		go func() { _, err := other.RunOnce(t.Context()); both <- err }()
		once(t, one.RunOnce)
		if err := <-both; err != nil {
			t.Error(err)
		}
		if left("old", old) != 0 || left("young", young) != young || left(engine.ServerMarks, 1) != 1 {
			t.Errorf("left: %d old, %d young, %d marks", left("old", old), left("young", young), left(engine.ServerMarks, 1))
		}
	})
}

// failing cannot forget.
type failing struct{}

func (failing) ForgetAnswers(context.Context, time.Time, int) (int, error)       { return 0, errPoison }
func (failing) ForgetQuotes(context.Context, time.Time, int) (int, error)        { return 0, errPoison }
func (failing) ForgetNotifications(context.Context, time.Time, int) (int, error) { return 0, errPoison }

// A failure is tried again at once, not a minute later.
func TestForgetFails(t *testing.T) {
	f := &Forget{loop: newLoop("forget", nil, quiet((&clock{at: start}).now)), engine: failing{}}
	for range 2 {
		if _, err := f.RunOnce(t.Context()); !errors.Is(err, errPoison) {
			t.Errorf("%v", err)
		}
	}
}
