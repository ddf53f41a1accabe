package checkout

import (
	"fmt"

	"till/internal/engine"
	"till/internal/money"
)

// payURI is what a wallet reads to pay an amount of a token to an address; "" where the network has no such
// form. The amount is in whole units of the token, so that no wallet can round it, and everything in it is
// hexadecimal or digits: there is nothing to escape.
//
// EVM: EIP-681, ethereum:<token>@<chain id>/transfer?address=<to>&uint256=<units>.
func payURI(n engine.Network, to engine.Instrument, amount money.Amount) string {
	if to.Family != engine.EVM || amount.Sign() <= 0 {
		return ""
	}
	for _, t := range n.Tokens {
		if t.Asset == amount.Asset() {
			return fmt.Sprintf("ethereum:%s@%d/transfer?address=%s&uint256=%s", t.Contract, n.ChainID, to.Value, amount.Units())
		}
	}
	return ""
}
