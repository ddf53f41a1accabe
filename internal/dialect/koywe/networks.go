package koywe

import (
	"cmp"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
)

// chains are the words of this API for chains, by the ids of the networks they stand for: the real chain for live
// keys, its test network for the sandbox's. A network without a word here is called by its id in capital letters.
var chains = map[string]string{
	"ethereum-mainnet": "ETHEREUM",
	"ethereum-sepolia": "ETHEREUM",
	"polygon-mainnet":  "POLYGON",
	"polygon-amoy":     "POLYGON",
	"arbitrum-mainnet": "ARBITRUM",
	"arbitrum-sepolia": "ARBITRUM",
}

// wireNetwork is what this API calls a network.
func wireNetwork(id string) string { return cmp.Or(chains[id], strings.ToUpper(id)) }

// symbol is a currency as it is sent: a fiat one in capitals, a token as it came, for tokens may have small letters.
func symbol(text string) string {
	if upper := strings.ToUpper(text); isFiat(upper) {
		return upper
	}
	return text
}

func isFiat(code string) bool {
	_, err := money.Fiat(code)
	return err == nil
}

// symbolOf is symbol, with a token as it is on record.
func (d *Dialect) symbolOf(m engine.Mode, text string) string {
	text = symbol(text)
	for _, n := range d.engine.Networks(m) {
		if asset, err := n.AssetLike(text); err == nil {
			return asset.Code()
		}
	}
	return text
}

// chain is the network of a mode that a client names, in small or capital letters, by this API's word or by its id.
//
// Error, on the field: invalid_network.
func (d *Dialect) chain(m engine.Mode, word, field string) (engine.Network, error) {
	var served []string
	for _, n := range d.engine.Networks(m) {
		if n.Family != engine.EVM {
			continue
		}
		name := wireNetwork(n.ID)
		if strings.EqualFold(word, name) || strings.EqualFold(word, n.ID) {
			return n, nil
		}
		served = append(served, name)
	}
	if len(served) == 0 {
		return engine.Network{}, fault.New(fault.CodeInvalidNetwork, "No network is served here").On(field)
	}
	return engine.Network{}, fault.New(fault.CodeInvalidNetwork, "The field '"+field+"' must be one of "+strings.Join(served, ", ")).On(field)
}
