package order

import (
	"flag"
	"fmt"
	"slices"
	"testing"
)

var mutate = flag.Int("mutate", 1000, "how many random sequences a broken table may survive")

// TestMutation takes one thing out of the table at a time (a row, a guard, the order's states, an action, one posting
// of an action that makes several, an event) and wants the scenarios, or else the random sequences, to notice.
func TestMutation(t *testing.T) {
	byRandom, survivors := 0, 0
	all := mutants()
	for _, m := range all {
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
	t.Logf("%d mutants, %d of them noticed by random sequences alone, survivors: %d", len(all), byRandom, survivors)
}

type mutant struct {
	without string
	table   table
}

func mutants() (list []mutant) {
	several := postingsOfActions()
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
			if most := several[actionOf{row.ID, a.Name}]; most > 1 {
				for n := range most {
					change(fmt.Sprintf("posting %d of action %q", n+1, a.Name), func(r *Row) {
						r.Do = slices.Clone(r.Do)
						r.Do[j] = withoutPosting(a, n)
					})
				}
			}
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

// withoutPosting is an action that forgets its nth posting, counted from 0.
func withoutPosting(a Action, n int) Action {
	return Action{Name: a.Name, Doc: a.Doc, do: func(s *step) {
		at := len(s.out.Postings) + n
		a.do(s)
		if at >= len(s.out.Postings) {
			return
		}
		p := s.out.Postings[at]
		s.out.Postings = slices.Delete(s.out.Postings, at, at+1)
		s.order.add(p.From, p.Amount)
		s.order.add(p.To, p.Amount.Neg())
	}}
}

// actionOf names an action of a row.
type actionOf struct{ row, action string }

// postingsOfActions is how many postings each action of each row makes at the most, in the scenarios and in some
// random sequences.
func postingsOfActions() map[actionOf]int {
	most := map[actionOf]int{}
	counting := slices.Clone(rows)
	for i, row := range counting {
		counting[i].Do = slices.Clone(row.Do)
		for j, a := range row.Do {
			name := actionOf{row.ID, a.Name}
			counting[i].Do[j] = Action{Name: a.Name, Doc: a.Doc, do: func(s *step) {
				before := len(s.out.Postings)
				a.do(s)
				most[name] = max(most[name], len(s.out.Postings)-before)
			}}
		}
	}
	for _, sc := range scenarios {
		sc.play(counting, map[string]bool{})
	}
	for i := range uint64(1000) {
		randomRun(counting, *seed, i)
	}
	return most
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
