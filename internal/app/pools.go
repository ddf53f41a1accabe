package app

import (
	"cmp"
	"maps"
	"slices"

	"github.com/BurntSushi/toml" // MIT

	"till/internal/engine"
	"till/internal/rail/evm"
	"till/internal/secrets"
	"till/internal/worker"
)

// PoolSection is a public key from which a merchant's addresses in one mode are derived, or the house's own.
type PoolSection struct {
	Merchant string       `toml:"merchant"` // empty: the section's name
	House    bool         `toml:"house"`    // the operator's own, of no merchant
	Mode     engine.Mode  `toml:"mode"`
	XPub     secrets.Text `toml:"xpub"` // not secret if all is well; a private key put here by mistake is
	Ahead    int          `toml:"ahead"`
	Start    int64        `toml:"start"`
}

const (
	defaultAhead = 200
	maxAhead     = 10_000
)

// poolList checks every pool and returns them by name.
func poolList(sections map[string]PoolSection) ([]worker.Pool, error) {
	var list []worker.Pool
	names := map[engine.Pool]string{}
	keys := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		p, err := sections[name].pool(name)
		if err != nil {
			return nil, err
		}
		if other := names[p.Pool]; other != "" {
			return nil, wrong(toml.Key{"pools", name}, "pools.%s is of the same merchant and mode: a pool has one key", other)
		}
		if other := keys[p.Key.Key()]; other != "" {
			return nil, wrong(toml.Key{"pools", name, "xpub"}, "pools.%s has the same key: an address belongs to one pool", other)
		}
		names[p.Pool], keys[p.Key.Key()] = name, name
		list = append(list, p)
	}
	return list, nil
}

func (s PoolSection) pool(name string) (worker.Pool, error) {
	key := func(k string) toml.Key { return toml.Key{"pools", name, k} }
	merchant := cmp.Or(s.Merchant, name)
	if s.House {
		merchant = ""
	}
	switch {
	case s.House && s.Merchant != "":
		return worker.Pool{}, wrong(key("house"), "a merchant is named too: the pool is one's or the other's")
	case merchant == "" && !s.House || len(merchant) > 64:
		return worker.Pool{}, wrong(key("merchant"), "want a merchant's id")
	case s.Mode != engine.Live && s.Mode != engine.Sandbox:
		return worker.Pool{}, wrong(key("mode"), "want live or sandbox")
	case s.Ahead < 0 || s.Ahead > maxAhead:
		return worker.Pool{}, wrong(key("ahead"), "want 1 to %d, or 0 for %d", maxAhead, defaultAhead)
	case s.Start < 0 || s.Start > 1<<31-1:
		return worker.Pool{}, wrong(key("start"), "want 0 to %d", 1<<31-1)
	}
	xpub, err := evm.ParseXPub(s.XPub.Reveal())
	if err != nil {
		return worker.Pool{}, wrong(key("xpub"), "%v", err)
	}
	return worker.Pool{
		Pool: engine.Pool{Merchant: merchant, Mode: s.Mode, Family: engine.EVM},
		Name: name, Key: xpub, Ahead: cmp.Or(s.Ahead, defaultAhead), Start: s.Start,
	}, nil
}
