package evm

import (
	"errors"
	"strings"

	"github.com/btcsuite/btcd/btcutil/v2/hdkeychain" // ISC
	"github.com/ethereum/go-ethereum/crypto"

	"till/internal/rail"
)

// What is wrong with a key that was to be an account's public key. No error repeats any part of it.
var (
	ErrPrivateKey = errors.New("this is a PRIVATE key or a mnemonic: whoever has it can spend, so it does not belong on a server. " +
		"Give the account's extended PUBLIC key (xpub), and treat what was put here as known to others")
	ErrXPub    = errors.New("want an account's extended public key: a text that begins with xpub (BIP-32)")
	ErrAccount = errors.New("this extended public key is not an account's: want that of m/44'/60'/0' (BIP-44), of which the addresses are 0/0, 0/1, ...")
)

// XPub derives the addresses of one account. It is the public half only: nothing can be spent with it. Safe
// for concurrent use.
type XPub struct {
	text     string
	external *hdkeychain.ExtendedKey // the account's child 0
}

var _ rail.Deriver = (*XPub)(nil)

// ParseXPub reads the extended public key of an account (BIP-32, in base58 with checksum): depth 3, a hardened
// child, as m/44'/60'/0' of BIP-44 is. Address i is its child 0/i: the same addresses that wallets show for
// the path m/44'/60'/0'/0/i.
//
// Errors: ErrPrivateKey, ErrXPub, ErrAccount.
func ParseXPub(text string) (*XPub, error) {
	if len(text) >= 4 && strings.EqualFold(text[1:4], "prv") || len(strings.Fields(text)) > 1 {
		return nil, ErrPrivateKey
	}
	account, err := hdkeychain.NewKeyFromString(text)
	if err != nil {
		if raw := strings.TrimPrefix(text, "0x"); len(raw) == 64 && strings.Trim(strings.ToLower(raw), "0123456789abcdef") == "" {
			return nil, ErrPrivateKey
		}
		return nil, ErrXPub
	}
	if account.IsPrivate() {
		account.Zero()
		return nil, ErrPrivateKey
	}
	if !strings.HasPrefix(text, "xpub") {
		return nil, ErrXPub
	}
	if account.Depth() != 3 || account.ChildIndex() < hdkeychain.HardenedKeyStart {
		return nil, ErrAccount
	}
	external, err := account.Derive(0)
	if err != nil {
		return nil, ErrXPub
	}
	return &XPub{text: text, external: external}, nil
}

// Key is the extended public key as it was given.
func (x *XPub) Key() string { return x.text }

// Address is the address 0/index of the account. It is not ok where BIP-32 gives the index no key, which no
// index is ever likely to meet, and beyond the last index, 2^31-1.
func (x *XPub) Address(index int64) (address string, ok bool) {
	if index < 0 || index >= hdkeychain.HardenedKeyStart {
		return "", false
	}
	child, err := x.external.Derive(uint32(index))
	if err != nil {
		return "", false
	}
	key, err := child.ECPubKey()
	if err != nil {
		return "", false
	}
	return crypto.PubkeyToAddress(*key.ToECDSA()).Hex(), true
}
