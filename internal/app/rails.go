package app

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/rail"
	"till/internal/rail/bank"
	"till/internal/rail/evm"
	"till/internal/rail/sandbox"
	"till/internal/worker"
)

// Network is a network and how to reach it. RPC may be empty: orders are then refused as not configured.
type Network struct {
	engine.Network
	RPC    []string
	Poll   time.Duration
	Sender *Sender                      // its hot wallet; nil: nothing can be sent here
	Limits map[money.Asset]engine.Limit // of what is sent without a second person
	dir    string                       // of the config file, where the wallet's address is looked for; empty: it is not
}

// sandboxNetwork stands for every method that has no far side here: orders of the sandbox mode are collected and
// delivered on it in any currency, with payments that an operator makes up. No config names it, and no live order
// reaches it.
func sandboxNetwork() engine.Network {
	n := engine.Network{
		ID: "sandbox", Name: "Sandbox", Family: sandbox.Family, Mode: engine.Sandbox, Rail: sandbox.Name, Prefix: sandbox.Prefix,
		Custodial: true, Simulated: true,
	}
	for _, a := range money.Fiats() {
		n.Tokens = append(n.Tokens, engine.Token{Asset: a})
	}
	return n
}

// networks is what the engine knows of them.
func networks(cfg Config) []engine.Network {
	out := []engine.Network{sandboxNetwork(), engine.FulfilNetwork(engine.Live), engine.FulfilNetwork(engine.Sandbox)}
	for _, n := range cfg.Networks {
		n.Network.ReceiveOnly = n.Sender == nil
		out = append(out, n.Network)
	}
	for _, b := range cfg.Banks {
		out = append(out, b.Network)
	}
	for _, p := range cfg.PSPs {
		out = append(out, p.Network)
	}
	return out
}

// reach is the far sides that the workers speak to.
type reach struct {
	rails   []worker.Rail
	senders []rail.Sender
	sandbox *sandbox.Rail
	banks   map[string]*bank.Rail // those that send, by the id of their network
}

// rails makes the rail of every network, with a watcher where it can be reached. A new kind of rail gets
// its lines here.
func rails(cfg Config, e *engine.Engine) (reach, error) {
	var out reach
	for _, n := range cfg.Networks {
		r := worker.Rail{Network: n.Network}
		if len(n.RPC) > 0 && n.Family == engine.EVM {
			w, err := evm.New(evmConfig(n), evm.Opts{Now: cfg.Now, Log: cfg.Log})
			if err != nil {
				return out, err
			}
			r.Watcher = w
			s, err := sender(n, w, e.State(n.Rail))
			if err != nil {
				return out, err
			}
			if s != nil {
				out.senders = append(out.senders, s)
			}
		}
		out.rails = append(out.rails, r)
	}
	var err error
	if out.banks, err = bankRails(cfg, e); err != nil {
		return out, err
	}
	for _, b := range cfg.Banks { // whoever imports files is their watcher
		out.rails = append(out.rails, worker.Rail{Network: b.Network})
		if r := out.banks[b.ID]; r != nil {
			out.senders = append(out.senders, r)
		}
	}
	n := sandboxNetwork()
	out.sandbox, err = sandbox.New(sandbox.Config{
		Live: n.Mode == engine.Live, State: e.State(sandbox.Name), Now: cfg.Now, NewID: rand.Text,
		Clock: func(ctx context.Context) (time.Time, error) {
			c, err := e.Clock(ctx, n.Mode)
			return c.Shift(cfg.Now()), err
		},
	})
	if err != nil {
		return out, err
	}
	out.rails = append(out.rails, worker.Rail{Network: n, Watcher: out.sandbox})
	out.senders = append(out.senders, out.sandbox)
	return out, nil
}

func evmConfig(n Network) evm.Config {
	c := evm.Config{Network: n.ID, ChainID: n.ChainID, RPC: n.RPC, Confirmations: n.Confirmations, Poll: n.Poll}
	for _, t := range n.Tokens {
		c.Tokens = append(c.Tokens, evm.Token{Asset: t.Asset, Contract: common.HexToAddress(t.Contract)})
	}
	return c
}
