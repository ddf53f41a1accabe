package engine_test

import (
	"context"
	"errors"
	"testing"

	"till/internal/rail"
)

// A rail's memory is its own, and one update of it is written whole or not at all.
func TestRailState(t *testing.T) {
	k := newKit(t)
	ctx, own, foreign := context.Background(), k.engine.State("evm:north"), k.engine.State("evm:south")
	put := func(s rail.State, fail error, items ...string) error {
		return s.Update(ctx, func(m rail.Memory) error {
			for i := 0; i < len(items); i += 2 {
				if err := m.Put(items[i], []byte(items[i+1])); err != nil {
					return err
				}
			}
			return fail
		})
	}
	k.must(put(own, nil, "n/1", "one", "n/2", "two", "o/1", "else"))
	k.must(put(foreign, nil, "n/1", "foreign"))
	failed := errors.New("failed")
	k.unchanged("an update that failed", func() {
		if err := put(own, failed, "n/1", "changed", "n/3", "three"); !errors.Is(err, failed) {
			k.Errorf("error is %v", err)
		}
	})
	k.reopen()
	own = k.engine.State("evm:north")
	var got []string
	for after := ""; ; {
		list, err := own.List(ctx, "n/", after, 1)
		k.must(err)
		if len(list) == 0 {
			break
		}
		after = list[0].Key
		got = append(got, list[0].Key, string(list[0].Value))
	}
	wantList(k, "memory", got, "n/1", "one", "n/2", "two")
	k.must(own.Update(ctx, func(m rail.Memory) error {
		value, err := m.Get("n/1")
		if string(value) != "one" {
			k.Errorf("read %q", value)
		}
		if none, _ := m.Get("none"); none != nil {
			k.Errorf("read %q where nothing is", none)
		}
		if err == nil {
			err = m.Put("n/1", nil)
		}
		return err
	}))
	list, err := own.List(ctx, "n/", "", 10)
	k.must(err)
	want(k, "lines left", len(list), 1)
}
