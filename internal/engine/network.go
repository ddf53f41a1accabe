package engine

import (
	"io"
	"slices"
	"strings"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/rail"
)

// Network is where orders can be collected or delivered: a chain with its tokens, or any other rail with its
// far side. It is configuration, not a record.
type Network struct {
	ID            string // as merchants name it: "ethereum-sepolia"
	Name          string // for people: "Ethereum Sepolia"
	Family        Family
	Mode          Mode // a live order never collects on a test network, nor the other way round
	Rail          rail.Name
	ChainID       uint64
	Confirmations int
	Tokens        []Token
	Prefix        string      // of the references made for orders here, as "SBX-"; "" where they have another form, or instruments come from pools
	Coin          money.Asset // the chain's native coin: it can be sent, and is not collected; zero: it cannot
	ReceiveOnly   bool        // nothing can be sent here: there is no hot wallet
	// What arrives here is the operator's to hold, whoever's pool the instrument is of. Else it is where the instrument
	// is of the house's pool, and lies in the merchant's own wallet where it is of the merchant's.
	Custodial bool
	Simulated bool        // its payments are made up: never in live mode
	Pages     bool        // each attempt is paid on a page of the far side's, which its rail asks for: see pages.go
	Details   BankDetails // the house's account that payers transfer to and name a reference; zero: there is none

	// Reference makes a reference of a form that Prefix cannot say, out of randomness, for one order alone. Two are never
	// the same in practice: 64 random bits at least. nil where there is none.
	Reference func(random io.Reader) (string, error)
}

// Makes says that orders and standing instructions get a reference of their own here, and need no pool.
func (n Network) Makes() bool { return n.Prefix != "" || n.Reference != nil }

// Token is an asset on a network with its contract.
type Token struct {
	Asset    money.Asset
	Contract string // canonical address
}

// Network finds a network of the mode. Error: invalid_network.
func (e *Engine) Network(id string, m Mode) (Network, error) {
	n, ok := e.networks[id]
	if !ok || n.Mode != m || n.Simulated && m == Live {
		return Network{}, fault.New(fault.CodeInvalidNetwork, "the network '"+id+"' is not supported")
	}
	return n, nil
}

// Networks lists the networks of a mode by id. The list is the same for all who ask and must not be changed.
func (e *Engine) Networks(m Mode) []Network { return e.modes[m] }

// byMode sorts networks by id, those of each mode apart.
func byMode(networks map[string]Network) map[Mode][]Network {
	modes := map[Mode][]Network{}
	for _, n := range networks {
		if !n.Simulated || n.Mode != Live {
			modes[n.Mode] = append(modes[n.Mode], n)
		}
	}
	for _, list := range modes {
		slices.SortFunc(list, func(a, b Network) int { return strings.Compare(a.ID, b.ID) })
	}
	return modes
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

// AssetLike is Asset for an API that does not tell small letters from capitals: the token whose code is written so, else
// the only one that is but for that. Error: invalid_currency.
func (n Network) AssetLike(code string) (money.Asset, error) {
	found, err := n.Asset(code)
	if err == nil {
		return found, nil
	}
	for _, t := range n.Tokens {
		if !strings.EqualFold(t.Asset.Code(), code) {
			continue
		}
		if !found.IsZero() {
			return money.Asset{}, err
		}
		found = t.Asset
	}
	if found.IsZero() {
		return found, err
	}
	return found, nil
}

// serves refuses a rail that is no network's of the mode, for what is sent crosses no mode, and one that nothing can be
// sent on. Error: not_configured.
func (e *Engine) serves(r rail.Name, m Mode) error {
	for _, n := range e.Networks(m) {
		if n.Rail == r && !n.ReceiveOnly {
			return nil
		}
	}
	return fault.New(fault.CodeNotConfigured, "the rail '"+string(r)+"' is not available")
}
