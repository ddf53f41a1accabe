package app

import (
	"time"

	"github.com/ethereum/go-ethereum/common"

	"till/internal/engine"
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

// rails makes the rail of every network, with a watcher where it can be reached. A new kind of rail gets
// its case here.
func rails(cfg Config) ([]worker.Rail, error) {
	var out []worker.Rail
	for _, n := range cfg.Networks {
		r := worker.Rail{Network: n.Network}
		if len(n.RPC) > 0 && n.Family == engine.EVM {
			w, err := evm.New(evmConfig(n), evm.Opts{Now: cfg.Now, Log: cfg.Log})
			if err != nil {
				return nil, err
			}
			r.Watcher = w
		}
		out = append(out, r)
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
