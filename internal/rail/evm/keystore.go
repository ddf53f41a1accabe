package evm

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/crypto"
	"golang.org/x/crypto/scrypt"
)

// maxScrypt is the most memory that unlocking may take, in bytes: geth's own files take 256 MiB.
const maxScrypt = 1 << 30

// errPassword says no more, so that nobody learns what is wrong.
var errPassword = errors.New("the password does not fit the keystore file")

// OpenKeystore decrypts a key file in the format of go-ethereum (Web3 Secret Storage, version 3): the key of one
// account, under a password. It takes a second or so and much memory, as the format means it to. No error repeats any
// of the contents.
func OpenKeystore(text []byte, password string) (*ecdsa.PrivateKey, error) {
	var file struct {
		Address string `json:"address"`
		Version int    `json:"version"`
		Crypto  struct {
			Cipher string `json:"cipher"`
			Text   hexed  `json:"ciphertext"`
			Params struct {
				IV hexed `json:"iv"`
			} `json:"cipherparams"`
			KDF    string    `json:"kdf"`
			KDFFor kdfParams `json:"kdfparams"`
			MAC    hexed     `json:"mac"`
		} `json:"crypto"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, errors.New("not a keystore file: it is not the JSON that geth writes")
	}
	c := file.Crypto
	if file.Version != 3 || c.Cipher != "aes-128-ctr" || len(c.Text) != 32 || len(c.Params.IV) != aes.BlockSize {
		return nil, errors.New("not a keystore file of version 3 with aes-128-ctr")
	}
	derived, err := c.KDFFor.derive(c.KDF, password)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(crypto.Keccak256(derived[16:32], c.Text), c.MAC) != 1 {
		return nil, errPassword
	}
	block, err := aes.NewCipher(derived[:16])
	if err != nil {
		return nil, err
	}
	plain := make([]byte, len(c.Text))
	cipher.NewCTR(block, c.Params.IV).XORKeyStream(plain, c.Text)
	key, err := crypto.ToECDSA(plain)
	if err != nil {
		return nil, errors.New("the keystore file holds no valid key")
	}
	if want := crypto.PubkeyToAddress(key.PublicKey); file.Address != "" && hex.EncodeToString(want[:]) != trimHex(file.Address) {
		return nil, errors.New("the keystore file holds the key of another address than it says")
	}
	return key, nil
}

// kdfParams are those of scrypt and of PBKDF2.
type kdfParams struct {
	Length int    `json:"dklen"`
	Salt   hexed  `json:"salt"`
	N      int    `json:"n"`
	R      int    `json:"r"`
	P      int    `json:"p"`
	C      int    `json:"c"`
	PRF    string `json:"prf"`
}

func (k kdfParams) derive(kdf, password string) ([]byte, error) {
	if k.Length != 32 {
		return nil, errors.New("the keystore file wants a derived key of another length than 32 bytes")
	}
	switch {
	case kdf == "scrypt" && k.N > 1 && k.R > 0 && k.P > 0 && k.R < 1<<10 && k.P < 1<<10 && k.N <= maxScrypt/128/k.R:
		return scrypt.Key([]byte(password), k.Salt, k.N, k.R, k.P, k.Length)
	case kdf == "pbkdf2" && k.PRF == "hmac-sha256" && k.C > 0 && k.C <= 10_000_000:
		return pbkdf2.Key(sha256.New, password, k.Salt, k.C, k.Length)
	}
	return nil, fmt.Errorf("the keystore file wants a key derivation that is not done here: %.20q", kdf)
}

// hexed is bytes in hexadecimal, without 0x.
type hexed []byte

// UnmarshalText reads them.
func (h *hexed) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(trimHex(string(text)))
	if err != nil {
		return errors.New("not hexadecimal")
	}
	*h = raw
	return nil
}

func trimHex(s string) string {
	if len(s) > 1 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		s = s[2:]
	}
	raw := []byte(s)
	for i, c := range raw {
		if 'A' <= c && c <= 'F' {
			raw[i] = c + 'a' - 'A'
		}
	}
	return string(raw)
}
