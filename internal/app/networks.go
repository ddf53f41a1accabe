package app

import (
	"strings"

	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/BurntSushi/toml" // MIT

	"till/internal/engine"
	"till/internal/money"
	"till/internal/rail"
	"till/internal/rail/evm"
)

// Catalogue is the networks that a config file may name without describing them. Their ids are the chainId
// of the PayIn API; confirmations and contracts are its published networks and tokens, the chain ids those
// of EIP-155. Only chains of the EVM family are here, because that is what there is a rail for: Tron and
// Solana are not.
//
// The decimals are checked against the contract before a network is watched.
func Catalogue() []engine.Network {
	return []engine.Network{
		evmNetwork("ethereum-mainnet", "Ethereum", "ETH", engine.Live, 1, 12,
			token("USDC", 6, "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"),
			token("USDT", 6, "0xdAC17F958D2ee523a2206206994597C13D831ec7"),
			token("DAI", 18, "0x6B175474E89094C44Da98b954EedeAC495271d0F")),
		evmNetwork("ethereum-sepolia", "Ethereum Sepolia", "ETH", engine.Sandbox, 11155111, 3,
			token("USDC", 6, "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238"),
			token("USDT", 6, "0xaA8E23Fb1079EA71e0a56F48a2aA51851D8433D0")),
		evmNetwork("polygon-mainnet", "Polygon", "POL", engine.Live, 137, 128,
			token("USDC", 6, "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359"),
			token("USDT", 6, "0xc2132D05D31c914a87C6611C10748AEb04B58e8F"),
			token("DAI", 18, "0x8f3Cf7ad23Cd3CaDbD9735AFf958023239c6A063")),
		evmNetwork("polygon-amoy", "Polygon Amoy", "POL", engine.Sandbox, 80002, 10,
			token("USDC", 6, "0x41E94Eb019C0762f9Bfcf9Fb1E58725BfB0e7582")),
		evmNetwork("arbitrum-mainnet", "Arbitrum One", "ETH", engine.Live, 42161, 64,
			token("USDC", 6, "0xaf88d065e77c8cC2239327C5EDb3A432268e5831"),
			token("USDT", 6, "0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9"),
			token("DAI", 18, "0xDA10009cBd5D07dd0CeCc66161FC93D7c9000da1")),
		evmNetwork("arbitrum-sepolia", "Arbitrum Sepolia", "ETH", engine.Sandbox, 421614, 3,
			token("USDC", 6, "0x75faf114eafb1BDbe2F0316DF893fd58CE46AA4d")),
		evmNetwork("xlayer-mainnet", "X Layer", "OKB", engine.Live, 196, 10,
			token("USDC", 6, "0x74b7F16337b8972027F6196A17a631aC6dE26d22"),
			token("USDT", 6, "0x779Ded0c9e1022225f8E0630b35a9b54bE713736")),
	}
}

// contract is a token before its network is known.
type contract struct {
	code     string
	decimals uint8
	address  string
}

func token(code string, decimals uint8, address string) contract {
	return contract{code, decimals, address}
}

func evmNetwork(id, name, coin string, mode engine.Mode, chainID uint64, confirmations int, tokens ...contract) engine.Network {
	n := engine.Network{
		ID: id, Name: name, Family: engine.EVM, Mode: mode, Rail: evmRail(id), ChainID: chainID, Confirmations: confirmations,
		Coin: money.MustAsset(coin, id, 18),
	}
	for _, t := range tokens {
		n.Tokens = append(n.Tokens, engine.Token{Asset: money.MustAsset(t.code, id, t.decimals), Contract: t.address})
	}
	return n
}

// evmRail is the name of the rail that watches an EVM network.
func evmRail(network string) rail.Name { return rail.Name("evm:" + network) }

// networkList checks every network, and returns those that are enabled by id.
func networkList(sections map[string]NetworkSection) ([]Network, error) {
	known := map[string]engine.Network{}
	chains := map[uint64]string{} // whose chain id it is
	for _, n := range Catalogue() {
		known[n.ID], chains[n.ChainID] = n, n.ID
	}
	var list []Network
	for _, id := range slices.Sorted(maps.Keys(sections)) {
		s := sections[id]
		n, found := known[id]
		if !found {
			n = engine.Network{ID: id, Family: engine.EVM, Rail: evmRail(id)}
		}
		if err := s.describe(&n, found, chains); err != nil {
			return nil, err
		}
		rpc, err := s.urls(id)
		if err != nil {
			return nil, err
		}
		limits, err := limitsOf(n, s.Limits)
		if err != nil {
			return nil, err
		}
		sender, err := s.Sender.sender(n, rpc)
		if err != nil {
			return nil, err
		}
		if s.Enabled {
			list = append(list, Network{Network: n, RPC: rpc, Poll: time.Duration(s.Poll), Sender: sender, Limits: limits})
		}
	}
	return list, nil
}

// describe checks what a section says of its network and fills it in. A chain has one network: under a
// second name its payments could be taken for those of another mode.
func (s NetworkSection) describe(n *engine.Network, known bool, chains map[uint64]string) error {
	key := func(name string) toml.Key { return toml.Key{"networks", n.ID, name} }
	if _, err := money.NewAsset("X", n.ID, 0); err != nil || n.ID == "" {
		return wrong(toml.Key{"networks", n.ID}, "a network's name is 1 to 40 of a-z, 0-9 and -")
	}
	switch {
	case known && s.ChainID != n.ChainID:
		return wrong(key("chain_id"), "this network has chain id %d", n.ChainID)
	case known && s.Mode != n.Mode:
		return wrong(key("mode"), "this network is %s", n.Mode)
	case s.ChainID == 0:
		return wrong(key("chain_id"), "a network that Till does not know needs its chain id")
	case s.ChainID > maxChainID:
		return wrong(key("chain_id"), "want 1 to %d", maxChainID)
	case chains[s.ChainID] != "" && chains[s.ChainID] != n.ID:
		return wrong(key("chain_id"), "chain %d is the network %s", s.ChainID, chains[s.ChainID])
	case s.Mode != engine.Live && s.Mode != engine.Sandbox:
		return wrong(key("mode"), "want live or sandbox")
	case s.Confirmations < 1 || s.Confirmations > maxConfirmations:
		return wrong(key("confirmations"), "want 1 to %d", maxConfirmations)
	case s.Poll < minPoll || s.Poll > maxPoll:
		return wrong(key("poll"), "want %s to %s", time.Duration(minPoll), time.Duration(maxPoll))
	case known && s.Coin != n.Coin.Code():
		return wrong(key("coin"), "the native coin of this network is %s", n.Coin.Code())
	case len(s.Name) > 64:
		return wrong(key("name"), "is longer than 64 bytes")
	}
	if s.Coin != "" && !known {
		coin, err := money.NewAsset(s.Coin, n.ID, 18)
		if err != nil {
			return wrong(key("coin"), "want 1 to 16 of A-Z, a-z and 0-9")
		}
		n.Coin = coin
	}
	chains[s.ChainID] = n.ID
	n.Name, n.ChainID, n.Mode, n.Confirmations = cmp.Or(s.Name, n.ID), s.ChainID, s.Mode, s.Confirmations
	for i, t := range s.Tokens {
		if err := t.add(n); err != nil {
			return wrong(key("tokens"), "token %d: %v", i+1, err)
		}
	}
	for _, t := range n.Tokens {
		if !n.Coin.IsZero() && strings.EqualFold(t.Asset.Code(), n.Coin.Code()) {
			return wrong(key("coin"), "a token is called %s too", n.Coin.Code())
		}
	}
	if len(n.Tokens) == 0 {
		return wrong(key("tokens"), "a network that Till does not know needs at least one token")
	}
	return nil
}

// add puts a token beside those that a network has. The same token again is fine; another contract under
// its code, or another code for its contract, is not.
func (s TokenSection) add(n *engine.Network) error {
	if s.Decimals == nil {
		return errors.New("decimals is missing")
	}
	if *s.Decimals < 0 || *s.Decimals > money.MaxScale {
		return fmt.Errorf("decimals: want 0 to %d", money.MaxScale)
	}
	asset, err := money.NewAsset(s.Code, n.ID, uint8(*s.Decimals))
	if err != nil {
		return errors.New("code: want 1 to 16 of A-Z, a-z and 0-9")
	}
	address, checksumOK, err := evm.ParseAddress(s.Contract)
	if err != nil {
		return fmt.Errorf("contract: %w", err)
	}
	if !checksumOK {
		return fmt.Errorf("contract: the upper and lower case of %s do not fit (EIP-55); it is probably mistyped", s.Contract)
	}
	added := engine.Token{Asset: asset, Contract: address}
	for _, t := range n.Tokens {
		if t == added {
			return nil
		}
		if strings.EqualFold(t.Asset.Code(), s.Code) || t.Contract == address {
			return fmt.Errorf("%s with %d decimals at %s is on this network already", t.Asset.Code(), t.Asset.Scale(), t.Contract)
		}
	}
	n.Tokens = append(n.Tokens, added)
	return nil
}

// urls are the nodes of a network.
func (s NetworkSection) urls(id string) ([]string, error) {
	var list []string
	for i, text := range s.RPC {
		u, err := url.Parse(text.Reveal())
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			return nil, wrong(toml.Key{"networks", id, "rpc"}, "URL %d: want an http or https URL", i+1)
		}
		list = append(list, text.Reveal())
	}
	return list, nil
}
