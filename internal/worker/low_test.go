package worker

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/store"
)

// thrifty is a teller whose merchants say how many addresses are enough; 3 where they do not.
type thrifty struct{ plainTeller }

func (thrifty) LowPool(settings map[string]json.RawMessage) int64 {
	enough := int64(3)
	if value, ok := settings["enough"]; ok && json.Unmarshal(value, &enough) != nil {
		return 0
	}
	return enough
}

func lowOf(eng *engine.Engine, now func() time.Time) *Low {
	return newLow(Config{Engine: eng, Tellers: map[string]Teller{"plain": thrifty{}, "silent": plainTeller{short}}, Now: now, Log: slog.New(slog.DiscardHandler)})
}

// lowTold is what was told of pools, sorted.
func (s *server) lowTold() string {
	s.t.Helper()
	untold, err := s.engine.Untold(s.t.Context(), []string{"plain", "silent"}, 100)
	s.must(err)
	var list []string
	for _, u := range untold {
		if d := u.Event.Facts.Details; u.Event.Type == engine.PoolLow {
			list = append(list, fmt.Sprintf("%s %s %s: %s of %s, not %s", u.Event.Scope.Merchant, u.Event.Scope.Dialect, d["family"], d["available"], d["total"], d["threshold"]))
		}
	}
	slices.Sort(list)
	return strings.Join(list, "; ")
}

// A merchant is told once when his pool falls below what he wants, and again only after there was enough in between;
// neither a restart nor another process tells it again.
func TestLow(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		c := &clock{at: start}
		s := serve(t, where, c.now, tape{{1, start, nil}})
		low := lowOf(s.engine, c.now)
		look := func(told int) {
			t.Helper()
			if n := once(t, low.RunOnce); n != told {
				t.Errorf("told of %d pools, want %d: %s", n, told, s.lowTold())
			}
		}
		archive := func(n int) { s.must(s.engine.ArchiveInstrument(t.Context(), testPool, address(n))) }
		unarchive := func(n int) { s.must(s.engine.UnarchiveInstrument(t.Context(), testPool, address(n))) }
		enough := func(value string) {
			s.must(s.engine.SaveSetting(t.Context(), engine.SettingScope{Merchant: "m", Mode: engine.Sandbox}, "enough", json.RawMessage(value)))
		}
		s.furnish(0, "http://127.0.0.1:1")
		s.must(s.engine.SaveMerchant(t.Context(), engine.Merchant{ID: "other", Organisation: "o", Name: "Other"}))
		_, err := s.engine.ImportInstruments(t.Context(), engine.Pool{Merchant: "other", Mode: engine.Sandbox, Family: engine.EVM}, []engine.Imported{{Value: address(90)}})
		s.must(err)
		look(0) // no address at all; and the other one has nobody who could be told

		s.furnish(4, "http://127.0.0.1:1")
		s.listen(1)
		look(0)
		s.take()
		look(0) // as many as are wanted
		archive(2)
		look(1)
		look(0)
		const first = "m plain evm: 2 of 3, not 3"
		if got := s.lowTold(); got != first {
			t.Fatalf("told: %s, want %s", got, first)
		}
		archive(3)
		look(0) // falls further
		s.close()
		s = serve(t, where, c.now, tape{{1, start, nil}})
		low = lowOf(s.engine, c.now)
		look(0)
		unarchive(2)
		unarchive(3)
		look(0)
		archive(3)

		// Two processes look at once.
		second := s.engine
		if store.IsPostgres(where) {
			db, err := open(t.Context(), where, store.Options{Now: c.now})
			s.must(err)
			defer db.Close()
			second = engine.New(db, []engine.Network{network}, nil)
		}
		var both sync.WaitGroup
		var told [2]int
		var failed [2]error
		for i, l := range []*Low{low, lowOf(second, c.now)} {
			both.Go(func() { told[i], failed[i] = l.RunOnce(t.Context()) })
		}
		both.Wait()
		if got := s.lowTold(); told[0]+told[1] != 1 || failed[0] != nil || failed[1] != nil || got != first+"; "+first {
			t.Errorf("two at once told %v, %v: %s", told, failed, got)
		}

		enough("0")
		look(0)
		enough("3") // on again
		look(1)
		enough("2")
		look(0)
		enough("5")
		look(1)
		if got := s.lowTold(); !strings.HasSuffix(got, "2 of 3, not 5") || strings.Count(got, ";") != 3 {
			t.Errorf("told: %s", got)
		}

		// The other one is told when there is somebody to tell.
		s.must(s.engine.SaveEndpoint(t.Context(), engine.Endpoint{ID: "off", Scope: engine.Scope{Merchant: "other", Mode: engine.Sandbox, Dialect: "plain"}, URL: "http://127.0.0.1:1", Secret: "sealed"}))
		look(0)
		s.must(s.engine.SaveEndpoint(t.Context(), engine.Endpoint{ID: "on", Scope: engine.Scope{Merchant: "other", Mode: engine.Sandbox, Dialect: "plain"}, URL: "http://127.0.0.1:1", Secret: "sealed", Enabled: true}))
		look(1)
		if got := s.lowTold(); !strings.HasSuffix(got, "; other plain evm: 1 of 1, not 3") {
			t.Errorf("told: %s", got)
		}
	})
}
