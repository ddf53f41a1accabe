package app

import (
	"till/internal/auth"
	"till/internal/dialect"
	"till/internal/dialect/payin"
	"till/internal/engine"
	"till/internal/rail/evm"
	"till/internal/worker"
)

// dialects lists the APIs that are served. A new one gets its line here.
func dialects(e *engine.Engine, keys *auth.Auth, cfg Config) []dialect.Dialect {
	return []dialect.Dialect{
		payin.New(payin.Config{Engine: e, Auth: keys, ParseAddress: evm.ParseAddress, Now: cfg.Now, Version: cfg.Version, Random: cfg.Random, Log: cfg.Log}),
	}
}

// tellers is the dialects as the webhook workers see them.
func tellers(list []dialect.Dialect) map[string]worker.Teller {
	out := map[string]worker.Teller{}
	for _, d := range list {
		out[d.Name()] = d
	}
	return out
}
