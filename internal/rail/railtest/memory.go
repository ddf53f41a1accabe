package railtest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"till/internal/rail"
)

// Memory is a rail.State that lives as long as the test. It is safe for concurrent use.
func Memory() rail.State { return &memory{lines: map[string][]byte{}} }

type memory struct {
	mu    sync.Mutex
	lines map[string][]byte
}

func (m *memory) Update(ctx context.Context, fn func(rail.Memory) error, _ ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	changed := memoryTx{maps.Clone(m.lines)}
	if err := fn(changed); err != nil {
		return err
	}
	m.lines = changed.lines
	return nil
}

func (m *memory) List(ctx context.Context, prefix, after string, limit int) ([]rail.Item, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []rail.Item
	for _, key := range slices.Sorted(maps.Keys(m.lines)) {
		if strings.HasPrefix(key, prefix) && key > after && len(list) < limit {
			list = append(list, rail.Item{Key: key, Value: bytes.Clone(m.lines[key])})
		}
	}
	return list, nil
}

type memoryTx struct{ lines map[string][]byte }

func (m memoryTx) Get(key string) ([]byte, error) { return bytes.Clone(m.lines[key]), nil }

func (m memoryTx) Put(key string, value []byte) error {
	if value == nil {
		delete(m.lines, key)
	} else {
		m.lines[key] = bytes.Clone(value)
	}
	return nil
}
