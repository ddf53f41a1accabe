package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
)

// unsealed is the ids of all that has no seal, each kind by id.
func (s *suite) unsealed(limit int) (found engine.Unsealed) {
	s.Helper()
	s.view(func(rd engine.Reader) (err error) { found, err = rd.Unsealed(limit); return err })
	return found
}

func sealOf(last engine.Seal, kind engine.SealKind, ref string) engine.Seal {
	s := engine.Seal{Mode: last.Mode, N: last.N + 1, Kind: kind, Ref: ref, Salt: []byte("salt " + ref)}
	s.Digest = engine.Digest(s.Salt, kind, ref, []byte("content"))
	s.Head = engine.NextHead(last.Head, s.Digest)
	return s
}

func seals(s *suite) {
	o := s.insert(scopeA, nil)
	var entries, actions []string
	for i := range 3 {
		s.update(func(tx engine.Tx) error {
			e := entry(tx, o.ID, payer, incoming, money.FromInt(eur, int64(i+1)))
			a := engine.Action{ID: tx.NewID(), Mode: engine.Sandbox, At: tx.Now(), Who: "op", What: "cancel", Ref: o.ID, Detail: "why"}
			ev := engine.Event{ID: tx.NewID(), OrderID: o.ID, Scope: scopeA, Seq: int64(i + 1), Type: "order.created", At: tx.Now(), Facts: engine.Facts{Ref: "x"}}
			entries, actions = append(entries, e.ID), append(actions, a.ID)
			if err := tx.AddEvents([]engine.Event{ev}); err != nil {
				return err
			}
			if err := tx.AddAction(a); err != nil {
				return err
			}
			return tx.AddEntry(e)
		})
	}
	if err := s.try(func(tx engine.Tx) error { return tx.AddAction(engine.Action{ID: "x", What: "y"}) }); err == nil {
		s.Error("an action without a mode was stored")
	}
	found := s.unsealed(2)
	if len(found.Entries) != 2 || len(found.Events) != 2 || len(found.Actions) != 2 || found.Entries[0].ID != entries[0] || len(found.Entries[1].Postings) != 1 ||
		found.Events[0].Seq != 1 || found.Actions[1].ID != actions[1] || found.Actions[0].Detail != "why" || !found.Actions[0].At.Equal(s.clock.now()) {
		s.Fatalf("to be sealed: %+v", found)
	}

	// Sealed in another order than made.
	add := func(list ...engine.Seal) error { return s.try(func(tx engine.Tx) error { return tx.AddSeals(list) }) }
	none := engine.Seal{Mode: engine.Sandbox, Head: engine.FirstHead(engine.Sandbox)}
	first := sealOf(none, engine.SealAction, actions[1])
	second := sealOf(first, engine.SealEntry, entries[2])
	if err := add(first, second); err != nil {
		s.Fatal(err)
	}
	found = s.unsealed(10)
	if len(found.Entries) != 2 || len(found.Events) != 3 || len(found.Actions) != 2 || found.Entries[1].ID != entries[1] {
		s.Errorf("left to be sealed: %+v", found)
	}
	s.reopen()
	s.view(func(rd engine.Reader) error {
		last, err := rd.LastSeal(engine.Sandbox)
		if err != nil {
			return err
		}
		if last.N != 2 || last.Kind != engine.SealEntry || last.Ref != entries[2] || !bytes.Equal(last.Salt, second.Salt) || last.Digest != second.Digest || last.Head != second.Head {
			s.Errorf("the last seal is %+v", last)
		}
		last, err = rd.LastSeal(engine.Live)
		want(s, "seals of another mode", last.N, int64(0))
		return err
	})

	third := sealOf(second, engine.SealEntry, entries[0])
	gap := third
	gap.N++
	unsalted := third
	unsalted.Salt = nil
	for name, list := range map[string][]engine.Seal{
		"a number that is taken": {second}, "a number too far": {gap}, "no salt": {unsalted}, "an unknown kind": {sealOf(second, "order", o.ID)},
	} {
		if add(list...) == nil {
			s.Errorf("%s was stored", name)
		}
	}
	// A row has one seal, and no seal is without its row.
	s.wantCode(add(sealOf(second, engine.SealEntry, entries[2])), fault.CodeVersionConflict)
	s.wantCode(add(sealOf(second, engine.SealEvent, "nothing")), fault.CodeVersionConflict)
	if err := add(third); err != nil {
		s.Fatal(err)
	}
	want(s, "entries left", len(s.unsealed(10).Entries), 1)

	// Callers of one group, and a caller that fails.
	left := s.unsealed(10)
	errs := AtOnce(len(left.Events), func(i int) error {
		return s.try(func(tx engine.Tx) error {
			last, err := tx.LastSeal(engine.Sandbox)
			if err != nil {
				return err
			}
			if err := tx.AddSeals([]engine.Seal{sealOf(last, engine.SealEvent, left.Events[i].ID)}); err != nil {
				return err
			}
			if i == 1 {
				return errRefused
			}
			return nil
		})
	})
	for i, err := range errs {
		if (i == 1) != (err != nil) {
			s.Errorf("caller %d: %v", i, err)
		}
	}
	if now := s.unsealed(10); len(now.Events) != 1 || now.Events[0].ID != left.Events[1].ID {
		s.Errorf("left: %+v", now.Events)
	}
	s.view(func(rd engine.Reader) error {
		last, err := rd.LastSeal(engine.Sandbox)
		want(s, "the last number", last.N, int64(5))
		return err
	})
}

func leases(s *suite) {
	now := s.clock.now()
	get := func() (l engine.WorkLease) {
		s.update(func(tx engine.Tx) (err error) { l, err = tx.Lease("work"); return err })
		return l
	}
	save := func(l engine.WorkLease) error { return s.try(func(tx engine.Tx) error { return tx.SaveLease(l) }) }
	want(s, "a lease nobody took", get(), engine.WorkLease{})
	mine := engine.WorkLease{Name: "work", Owner: "a", Fence: 1, Until: now.Add(time.Minute)}
	if err := save(mine); err != nil {
		s.Fatal(err)
	}
	s.reopen()
	want(s, "the lease", get(), mine)
	other := engine.WorkLease{Name: "work", Owner: "b", Fence: 2, Until: now.Add(time.Hour)}
	if err := save(other); err != nil {
		s.Fatal(err)
	}
	s.wantCode(save(mine), fault.CodeVersionConflict)
	other.Until = time.Time{}
	if err := save(other); err != nil {
		s.Fatal(err)
	}
	want(s, "the lease given back", get(), other)
	for _, bad := range []engine.WorkLease{{Owner: "a", Fence: 1}, {Name: "work", Fence: 3}, {Name: "new", Owner: "a"}} {
		if save(bad) == nil {
			s.Errorf("%+v was stored", bad)
		}
	}
	// Of many that take it at once, each sees who was before.
	var owners []string
	for i, err := range AtOnce(8, func(i int) error {
		return s.try(func(tx engine.Tx) error {
			l, err := tx.Lease("race")
			if err != nil {
				return err
			}
			if l.Fence > 0 {
				return errRefused
			}
			return tx.SaveLease(engine.WorkLease{Name: "race", Owner: fmt.Sprint(i), Fence: 1})
		})
	}) {
		if err == nil {
			owners = append(owners, fmt.Sprint(i))
		}
	}
	if len(owners) != 1 || !slices.Contains(owners, func() string {
		var l engine.WorkLease
		s.update(func(tx engine.Tx) (err error) { l, err = tx.Lease("race"); return err })
		return l.Owner
	}()) {
		s.Errorf("it was taken by %s", strings.Join(owners, ", "))
	}
}
