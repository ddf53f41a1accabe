package evm

import (
	"encoding/hex"
	"errors"

	"github.com/ethereum/go-ethereum/common"
)

// ErrAddress says that a text is not an address that can be paid.
var ErrAddress = errors.New("not an EVM address: it is 0x and 40 hex digits, and not all zero")

// ParseAddress reads an address and returns its canonical spelling, the checksummed one of EIP-55.
// All lower case and all upper case carry no checksum and are fine; checksumOK is false for a mixed
// spelling whose checksum is wrong, which is nearly always a typing error: whoever takes an address
// from a person should refuse it. The zero address and everything else is ErrAddress.
func ParseAddress(s string) (canonical string, checksumOK bool, err error) {
	if len(s) != 42 || s[:2] != "0x" {
		return "", false, ErrAddress
	}
	raw, err := hex.DecodeString(s[2:])
	if err != nil {
		return "", false, ErrAddress
	}
	address := common.BytesToAddress(raw)
	if address == (common.Address{}) {
		return "", false, ErrAddress
	}
	canonical = address.Hex()
	lower, upper := false, false
	for _, c := range s[2:] {
		lower = lower || 'a' <= c && c <= 'f'
		upper = upper || 'A' <= c && c <= 'F'
	}
	return canonical, s == canonical || !(lower && upper), nil
}
