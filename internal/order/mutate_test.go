package order

import (
	"flag"
	"fmt"
	"slices"
	"testing"
)

var mutate = flag.Int("mutate", 1000, "how many random sequences a broken table may survive")

// TestMutation takes one thing out of the table at a time (a row, a guard, the order's states, an action,
// an event) and wants the scenarios, or else the random sequences, to notice.
func TestMutation(t *testing.T) {
	byRandom, survivors := 0, 0
	for _, m := range mutants() {
		if noticedByScenarios(m.table) {
			continue
		}
		byRandom++
		if !noticedByRandom(m.table, *mutate) {
			survivors++
			t.Errorf("survivor: nobody notices the table without %s", m.without)
		} else {
			t.Logf("only random sequences notice the table without %s", m.without)
		}
	}
	t.Logf("%d mutants, %d of them noticed by random sequences alone, survivors: %d", len(mutants()), byRandom, survivors)
}

type mutant struct {
	without string
	table   table
}

func mutants() (list []mutant) {
	for i, row := range rows {
		list = append(list, mutant{"row " + row.ID, slices.Delete(slices.Clone(rows), i, i+1)})
		change := func(without string, f func(*Row)) {
			broken := slices.Clone(rows)
			f(&broken[i])
			list = append(list, mutant{without + " of " + row.ID, broken})
		}
		for j, g := range row.Guards {
			change(fmt.Sprintf("guard %q", g.Name), func(r *Row) { r.Guards = slices.Delete(slices.Clone(r.Guards), j, j+1) })
		}
		for j, a := range row.Do {
			change(fmt.Sprintf("action %q", a.Name), func(r *Row) { r.Do = slices.Delete(slices.Clone(r.Do), j, j+1) })
		}
		dissect := row.From
		if row.Entity == OfOrder || row.Entity == OfFact || row.Entity == OfBooks {
			dissect = nil // sets of order states, some of which a row names only because the set has them
		}
		for j, from := range dissect {
			change(fmt.Sprintf("from %q", from), func(r *Row) { r.From = slices.Delete(slices.Clone(r.From), j, j+1) })
		}
		if len(row.While) > 0 {
			change("while", func(r *Row) { r.While = nil })
		}
		if row.Event != "" {
			change("event", func(r *Row) { r.Event = "" })
		}
		if row.AsideToo != "" {
			change("event aside", func(r *Row) { r.AsideToo = "" })
		}
		if row.Reason != "" {
			change("reason", func(r *Row) { r.Reason = "" })
		}
	}
	return list
}

func noticedByScenarios(t table) (noticed bool) {
	defer func() {
		if recover() != nil {
			noticed = true
		}
	}()
	for _, sc := range scenarios {
		if len(sc.play(t, map[string]bool{})) > 0 {
			return true
		}
	}
	return false
}

func noticedByRandom(t table, sequences int) bool {
	for i := range sequences {
		if len(randomRun(t, *seed, uint64(i)).problems) > 0 {
			return true
		}
	}
	return false
}
