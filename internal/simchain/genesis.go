package simchain

import (
	"crypto/rand"
	_ "embed"
	"math/big"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
)

// Token is an ERC-20 contract that exists from the genesis block on.
type Token struct {
	Address  common.Address
	Decimals uint8
}

// The contracts of the genesis block. The fake one says "USDT" too, but is
// another contract: who goes by the symbol is fooled by it.
var genesisTokens = []struct {
	name, symbol string
	fake         bool
	Token
}{
	{name: "Tether USD", symbol: "USDT", Token: Token{common.HexToAddress("0x7e57c01A00000000000000000000000000000dA1"), 6}},
	{name: "USD Coin", symbol: "USDC", Token: Token{common.HexToAddress("0x7E57c01A00000000000000000000000000000DB2"), 6}},
	{name: "Dai Stablecoin", symbol: "DAI", Token: Token{common.HexToAddress("0x7e57c01a00000000000000000000000000000Dc3"), 18}},
	{name: "Tether USD", symbol: "USDT", fake: true, Token: Token{common.HexToAddress("0xfA4e000000000000000000000000000000000dA1"), 6}},
}

const (
	payerEther = 1_000         // ETH the payer starts with
	payerUnits = 1_000_000_000 // whole units of each token the payer starts with
)

//go:embed token/Token.abi.json
var tokenABIJSON string

//go:embed token/Token.bin
var tokenRuntimeHex string

var tokenABI = func() abi.ABI {
	parsed, err := abi.JSON(strings.NewReader(tokenABIJSON))
	if err != nil {
		panic("simchain: token/Token.abi.json: " + err.Error()) // an embedded file: wrong only in a broken build
	}
	return parsed
}()

// rules are those of go-ethereum's development chain up to Shanghai. From Cancun
// on every block writes to system contracts: an empty block then takes four
// times the memory and twice the time, for nothing a payment shows.
func rules() *params.ChainConfig {
	config := *params.AllDevChainProtocolChanges
	config.CancunTime, config.PragueTime, config.OsakaTime, config.BogotaTime = nil, nil, nil, nil
	config.BlobScheduleConfig = nil
	return &config
}

// genesis describes block 0: the holders' ether and the four token contracts
// with their code, texts and the holders' balances. Random bytes make it another
// block at every start, also within a second and with the same payer: whoever
// watches tells one chain from the next by the hash of block 0.
func genesis(holders []common.Address, nonces map[common.Address]uint64, gasLimit uint64, at time.Time) *core.Genesis {
	alloc := types.GenesisAlloc{}
	for _, h := range holders {
		alloc[h] = types.Account{Balance: units(payerEther, 18), Nonce: nonces[h]}
	}
	code := common.FromHex(strings.TrimSpace(tokenRuntimeHex))
	for _, t := range genesisTokens {
		storage := map[common.Hash]common.Hash{ // slots as declared in token/Token.sol
			slot(0): shortString(t.name),
			slot(1): shortString(t.symbol),
			slot(2): common.BigToHash(big.NewInt(int64(t.Decimals))),
			slot(3): common.BigToHash(units(payerUnits*int64(len(holders)), t.Decimals)), // totalSupply
		}
		for _, h := range holders {
			storage[mappingSlot(h.Bytes(), 4)] = common.BigToHash(units(payerUnits, t.Decimals)) // balanceOf[h]
		}
		alloc[t.Address] = types.Account{Balance: new(big.Int), Code: code, Storage: storage}
	}
	var one [32]byte
	rand.Read(one[:])
	return &core.Genesis{
		Config:    rules(),
		ExtraData: one[:],
		Timestamp: uint64(at.Unix()),
		GasLimit:  gasLimit,
		Alloc:     alloc,
	}
}

// units is whole units of an asset in its smallest unit.
func units(whole int64, decimals uint8) *big.Int {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)
	return scale.Mul(scale, big.NewInt(whole))
}

func slot(n int64) common.Hash { return common.BigToHash(big.NewInt(n)) }

// mappingSlot is where Solidity keeps mapping[key] of the mapping at slot n.
func mappingSlot(key []byte, n int64) common.Hash {
	at := slot(n)
	return crypto.Keccak256Hash(common.LeftPadBytes(key, 32), at[:])
}

// shortString is how Solidity keeps a string of less than 32 bytes: the text
// from the left, twice its length in the last byte.
func shortString(s string) common.Hash {
	var h common.Hash
	copy(h[:31], s)
	h[31] = byte(2 * len(s))
	return h
}
