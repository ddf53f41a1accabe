package worker

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/store"
	"till/internal/verify"
)

// proved fails the test when the books of a store contradict themselves, and returns the report.
func proved(t *testing.T, db engine.Store) *verify.Report {
	t.Helper()
	var report *verify.Report
	err := db.(*store.Store).Audit(context.Background(), func(r verify.Reader) (err error) {
		report, err = verify.Run(r, verify.Options{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		t.Error(p)
	}
	return report
}

func openStore(t *testing.T, now func() time.Time) (*engine.Engine, *store.Store) {
	t.Helper()
	db, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "till.db"), store.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return engine.New(db, []engine.Network{network}, nil), db
}

// acts makes n actions.
func acts(t *testing.T, e *engine.Engine, n int) {
	t.Helper()
	for range n {
		if err := e.As("op").SaveMerchant(t.Context(), engine.Merchant{ID: "m", Organisation: "o", Name: "M"}); err != nil {
			t.Fatal(err)
		}
	}
}

func sealing(e *engine.Engine, c *clock) *Seal {
	return &Seal{loop: newLoop("seal", nil, quiet(c.now)), sealer: e.Sealer(processName(rand.Reader), rand.Reader)}
}

func TestSealing(t *testing.T) {
	c := &clock{at: start}
	e, db := openStore(t, c.now)
	first, second := sealing(e, c), sealing(e, c)
	if n := once(t, first.RunOnce); n != 0 {
		t.Errorf("sealed %d of nothing", n)
	}
	acts(t, e, 1203)
	if n := once(t, first.RunOnce); n != 1203 {
		t.Errorf("sealed %d", n)
	}
	if r := proved(t, db); r.Counted.Seals != 1203 || r.Counted.Unsealed != 0 {
		t.Errorf("%+v", r.Counted)
	}

	// The other one waits for the lease.
	acts(t, e, 2)
	if n := once(t, second.RunOnce); n != 0 {
		t.Errorf("the second sealed %d beside the first", n)
	}
	c.move(time.Minute)
	if n := once(t, second.RunOnce); n != 2 {
		t.Errorf("the second sealed %d when the lease had ended", n)
	}
	// The first one, which still believes in its lease, changes nothing.
	acts(t, e, 3)
	c.move(-time.Minute)
	if n := once(t, first.RunOnce); n != 0 {
		t.Errorf("the first sealed %d after it had lost the lease", n)
	}
	c.move(time.Minute)
	if n := once(t, second.RunOnce); n != 3 {
		t.Errorf("the second sealed %d", n)
	}
	// Given back, it is free at once.
	acts(t, e, 1)
	if err := second.sealer.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := once(t, first.RunOnce); n != 1 {
		t.Errorf("the first sealed %d of a lease given back", n)
	}
	if r := proved(t, db); r.Counted.Seals != 1209 {
		t.Errorf("%+v", r.Counted)
	}
}

// Rows may be committed in another order than their ids were made: what comes late is sealed all the same.
func TestSealingLateIDs(t *testing.T) {
	c := &clock{at: start}
	e, db := openStore(t, c.now)
	seal := sealing(e, c)
	early := ""
	err := db.Update(t.Context(), engine.Keys{}, func(tx engine.Tx) error { early = tx.NewID(); return nil })
	if err != nil {
		t.Fatal(err)
	}
	acts(t, e, 2)
	once(t, seal.RunOnce)
	err = db.Update(t.Context(), engine.Keys{}, func(tx engine.Tx) error {
		return tx.AddAction(engine.Action{ID: early, Mode: engine.Live, At: tx.Now(), Who: "op", What: "late"})
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := once(t, seal.RunOnce); n != 1 {
		t.Errorf("sealed %d", n)
	}
	if r := proved(t, db); r.Counted.Unsealed != 0 || r.Counted.Seals != 3 {
		t.Errorf("%+v", r.Counted)
	}
}

// Run seals at the bell, and gives the lease back at its end.
func TestSealingRuns(t *testing.T) {
	e, db := openStore(t, time.Now)
	bell := NewBell()
	seal := &Seal{loop: newLoop("seal", bell, quiet(time.Now)), sealer: e.Sealer("one", rand.Reader)}
	stop := running(t, seal.Run)
	acts(t, e, 1)
	bell.Ring()
	eventually(t, "it is sealed", func() bool {
		heads, err := e.Heads(t.Context(), time.Now())
		return err == nil && len(heads) == 1 && heads[0].N == 1
	})
	stop()
	acts(t, e, 1)
	other := &Seal{loop: newLoop("seal", nil, quiet(time.Now)), sealer: e.Sealer("two", rand.Reader)}
	if n := once(t, other.RunOnce); n != 1 {
		t.Errorf("the next process sealed %d", n)
	}
	proved(t, db)
}

func TestHeads(t *testing.T) {
	c := &clock{at: start}
	e, _ := openStore(t, c.now)
	folder := filepath.Join(t.TempDir(), "a", "heads")
	heads := &Heads{loop: newLoop("heads", nil, quiet(c.now)), engine: e, folder: folder}
	files := func() (names []string) {
		list, err := os.ReadDir(folder)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, f := range list {
			names = append(names, f.Name())
		}
		return names
	}
	if n := once(t, heads.RunOnce); n != 0 || len(files()) != 0 {
		t.Errorf("%d files of nothing: %v", n, files())
	}
	seal := sealing(e, c)
	step := func(want ...string) {
		t.Helper()
		once(t, heads.RunOnce)
		if got := files(); !slices.Equal(got, want) {
			t.Errorf("the folder has %v, want %v", got, want)
		}
	}
	acts(t, e, 2)
	once(t, seal.RunOnce)
	step("live-2.json") // nothing was exported yet: at once
	acts(t, e, 1)
	once(t, seal.RunOnce)
	step("live-2.json")
	c.move(time.Hour)
	step("live-2.json", "live-3.json")
	c.move(time.Hour)
	step("live-2.json", "live-3.json")

	raw, err := os.ReadFile(filepath.Join(folder, "live-3.json"))
	var head engine.Head
	if err == nil {
		err = json.Unmarshal(raw, &head)
	}
	now, _ := e.Heads(t.Context(), c.now())
	if err != nil || head.N != 3 || head.Mode != engine.Live || head.Head != now[0].Head || !head.At.Equal(start.Add(time.Hour)) {
		t.Errorf("%s: %+v, want %+v", raw, head, now)
	}
}
