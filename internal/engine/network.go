package engine

import (
	"sort"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/rail"
)

// Network is where orders can be collected: a chain with its tokens. It is configuration, not a record.
type Network struct {
	ID            string // as merchants name it: "ethereum-sepolia"
	Name          string // for people: "Ethereum Sepolia"
	Family        Family
	Mode          Mode // a live order never collects on a test network, nor the other way round
	Rail          rail.Name
	ChainID       uint64
	Confirmations int
	Tokens        []Token
}

// Token is an asset on a network with its contract.
type Token struct {
	Asset    money.Asset
	Contract string // canonical address
}

// Network finds a network of the mode. Error: invalid_network.
func (e *Engine) Network(id string, m Mode) (Network, error) {
	n, ok := e.networks[id]
	if !ok || n.Mode != m {
		return Network{}, fault.New(fault.CodeInvalidNetwork, "the network '"+id+"' is not supported")
	}
	return n, nil
}

// Networks lists the networks of a mode by id.
func (e *Engine) Networks(m Mode) []Network {
	var list []Network
	for _, n := range e.networks {
		if n.Mode == m {
			list = append(list, n)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].ID < list[j].ID })
	return list
}

// Asset finds a token of the network by its code. Error: invalid_currency.
func (n Network) Asset(code string) (money.Asset, error) {
	for _, t := range n.Tokens {
		if t.Asset.Code() == code {
			return t.Asset, nil
		}
	}
	return money.Asset{}, fault.New(fault.CodeInvalidCurrency, "the currency '"+code+"' is not available on '"+n.ID+"'")
}
