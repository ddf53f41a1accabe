package app

import (
	"time"

	"github.com/ethereum/go-ethereum/common"

	"till/internal/engine"
	"till/internal/rail"
	"till/internal/rail/evm"
	"till/internal/worker"
)

// Network is a network and how to reach it. RPC may be empty: orders are then refused as not configured.
type Network struct {
	engine.Network
	RPC  []string
	Poll time.Duration
}

// networks is what the engine knows of them.
func networks(list []Network) []engine.Network {
	var out []engine.Network
	for _, n := range list {
		out = append(out, n.Network)
	}
	return out
}

// watchers makes the rail of every network that can be reached. A new kind of rail gets its case here.
func watchers(list []Network, cfg Config) ([]worker.Watched, error) {
	var out []worker.Watched
	for _, n := range list {
		if len(n.RPC) == 0 {
			continue
		}
		var w rail.Watcher
		var err error
		switch n.Family {
		case engine.EVM:
			w, err = evm.New(evmConfig(n), evm.Opts{Now: cfg.Now, Log: cfg.Log})
		}
		if err != nil {
			return nil, err
		}
		out = append(out, worker.Watched{Network: n.Network, Watcher: w})
	}
	return out, nil
}

func evmConfig(n Network) evm.Config {
	c := evm.Config{Network: n.ID, ChainID: n.ChainID, RPC: n.RPC, Confirmations: n.Confirmations, Poll: n.Poll}
	for _, t := range n.Tokens {
		c.Tokens = append(c.Tokens, evm.Token{Asset: t.Asset, Contract: common.HexToAddress(t.Contract)})
	}
	return c
}
