package app

import (
	"till/internal/engine"
	"till/internal/money"
	"till/internal/rail"
)

// Catalogue is the networks that a config file may name without describing them. Their ids are the chainId
// of the PayIn API; confirmations and contracts are its published networks and tokens, the chain ids those
// of EIP-155. Only chains of the EVM family are here, because that is what there is a rail for: Tron and
// Solana are not.
//
// The decimals are checked against the contract before a network is watched.
func Catalogue() []engine.Network {
	return []engine.Network{
		evmNetwork("ethereum-mainnet", "Ethereum", engine.Live, 1, 12,
			token("USDC", 6, "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"),
			token("USDT", 6, "0xdAC17F958D2ee523a2206206994597C13D831ec7"),
			token("DAI", 18, "0x6B175474E89094C44Da98b954EedeAC495271d0F")),
		evmNetwork("ethereum-sepolia", "Ethereum Sepolia", engine.Sandbox, 11155111, 3,
			token("USDC", 6, "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238"),
			token("USDT", 6, "0xaA8E23Fb1079EA71e0a56F48a2aA51851D8433D0")),
		evmNetwork("polygon-mainnet", "Polygon", engine.Live, 137, 128,
			token("USDC", 6, "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359"),
			token("USDT", 6, "0xc2132D05D31c914a87C6611C10748AEb04B58e8F"),
			token("DAI", 18, "0x8f3Cf7ad23Cd3CaDbD9735AFf958023239c6A063")),
		evmNetwork("polygon-amoy", "Polygon Amoy", engine.Sandbox, 80002, 10,
			token("USDC", 6, "0x41E94Eb019C0762f9Bfcf9Fb1E58725BfB0e7582")),
		evmNetwork("arbitrum-mainnet", "Arbitrum One", engine.Live, 42161, 64,
			token("USDC", 6, "0xaf88d065e77c8cC2239327C5EDb3A432268e5831"),
			token("USDT", 6, "0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9"),
			token("DAI", 18, "0xDA10009cBd5D07dd0CeCc66161FC93D7c9000da1")),
		evmNetwork("arbitrum-sepolia", "Arbitrum Sepolia", engine.Sandbox, 421614, 3,
			token("USDC", 6, "0x75faf114eafb1BDbe2F0316DF893fd58CE46AA4d")),
		evmNetwork("xlayer-mainnet", "X Layer", engine.Live, 196, 10,
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

func evmNetwork(id, name string, mode engine.Mode, chainID uint64, confirmations int, tokens ...contract) engine.Network {
	n := engine.Network{
		ID: id, Name: name, Family: engine.EVM, Mode: mode, Rail: evmRail(id), ChainID: chainID, Confirmations: confirmations,
	}
	for _, t := range tokens {
		n.Tokens = append(n.Tokens, engine.Token{Asset: money.MustAsset(t.code, id, t.decimals), Contract: t.address})
	}
	return n
}

// evmRail is the name of the rail that watches an EVM network.
func evmRail(network string) rail.Name { return rail.Name("evm:" + network) }
