package dev

import (
	"crypto/ecdsa"
	"encoding/binary"
	"encoding/hex"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// wallet is the merchant's own wallet of a dev server: addresses whose keys follow from one seed. The
// server itself only ever gets the addresses, as any merchant's server does.
type wallet struct{ seed []byte }

func newWallet(seed string) (wallet, error) {
	b, err := hex.DecodeString(seed)
	return wallet{b}, err
}

// key is the n-th private key.
func (w wallet) key(n uint64) *ecdsa.PrivateKey {
	for salt := byte(0); ; salt++ {
		text := append(binary.BigEndian.AppendUint64(append([]byte{}, w.seed...), n), salt)
		if key, err := crypto.ToECDSA(crypto.Keccak256(text)); err == nil {
			return key
		}
	}
}

// address is the n-th address.
func (w wallet) address(n uint64) common.Address { return crypto.PubkeyToAddress(w.key(n).PublicKey) }
