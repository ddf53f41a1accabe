package engine_test

import (
	"testing"

	"till/internal/engine"
	"till/internal/fault"
)

// A network is one mode's, and what makes its payments up is never in live mode.
func TestNetworks(t *testing.T) {
	k := newKit(t)
	got, err := k.engine.Network("north", engine.Sandbox)
	k.must(err)
	want(k, "rail", got.Rail, north.Rail)
	for _, id := range []string{"north", "none", ""} {
		_, err := k.engine.Network(id, engine.Live)
		k.wantCode(err, fault.CodeInvalidNetwork)
	}
	_, err = k.engine.Network("main", engine.Sandbox)
	k.wantCode(err, fault.CodeInvalidNetwork)

	made := engine.Network{ID: "made up", Mode: engine.Live, Simulated: true}
	e := engine.New(k.store, []engine.Network{made, mainnet, north, bank}, nil)
	_, err = e.Network("made up", engine.Live)
	k.wantCode(err, fault.CodeInvalidNetwork)
	var ids []string
	for _, n := range append(e.Networks(engine.Live), e.Networks(engine.Sandbox)...) {
		ids = append(ids, n.ID)
	}
	wantList(k, "networks", ids, "main", "bank", "north")

	asset, err := north.Asset("USDC")
	k.must(err)
	want(k, "asset", asset, northUSDC)
	_, err = north.Asset("EUR")
	k.wantCode(err, fault.CodeInvalidCurrency)
}
