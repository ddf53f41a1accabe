package evm

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rpc"
)

// Signer has the key of the hot wallet, or asks who has it.
type Signer interface {
	// Address is the wallet's.
	Address() common.Address
	// Sign signs a transaction for the chain. An error that wraps ErrDenied says that it will not be signed; after any
	// other one it may be asked again.
	Sign(ctx context.Context, tx *types.Transaction, chain *big.Int) (*types.Transaction, error)
}

// ErrDenied is what Sign wraps when whoever has the key does not want to sign.
var ErrDenied = errors.New("the signer denied it")

// KeySigner signs with a key in memory.
func KeySigner(key *ecdsa.PrivateKey) Signer {
	return keySigner{key, crypto.PubkeyToAddress(key.PublicKey)}
}

type keySigner struct {
	key     *ecdsa.PrivateKey
	address common.Address
}

func (s keySigner) Address() common.Address { return s.address }

func (s keySigner) Sign(ctx context.Context, tx *types.Transaction, chain *big.Int) (*types.Transaction, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return types.SignTx(tx, types.LatestSignerForChainID(chain), s.key)
}

// Format keeps the key out of whatever is printed.
func (s keySigner) Format(f fmt.State, _ rune) { fmt.Fprint(f, "key of ", s.address.Hex()) }

// RemoteSigner asks a signer over JSON-RPC, by the method account_signTransaction of clef. Its answer is checked: what
// is not signed by the wallet's key, or differs from what was asked for, is refused. The URL must be http or https and
// is never shown.
func RemoteSigner(url string, address common.Address, timeout time.Duration) (Signer, error) {
	if timeout == 0 {
		timeout = defaultTimeout
	}
	n, err := newNode(url, timeout)
	if err != nil {
		return nil, errors.New("the signer's URL is not an http or https URL")
	}
	return remoteSigner{n, address}, nil
}

type remoteSigner struct {
	node    *node
	address common.Address
}

func (s remoteSigner) Address() common.Address { return s.address }

// signRequest is the argument of account_signTransaction. Addresses are in their checksummed spelling: clef refuses
// another one.
type signRequest struct {
	From     string         `json:"from"`
	To       string         `json:"to"`
	Gas      hexutil.Uint64 `json:"gas"`
	GasPrice *hexutil.Big   `json:"gasPrice,omitempty"`
	MaxFee   *hexutil.Big   `json:"maxFeePerGas,omitempty"`
	MaxTip   *hexutil.Big   `json:"maxPriorityFeePerGas,omitempty"`
	Value    *hexutil.Big   `json:"value"`
	Nonce    hexutil.Uint64 `json:"nonce"`
	Data     hexutil.Bytes  `json:"data"`
	Chain    *hexutil.Big   `json:"chainId"`
}

func (s remoteSigner) Sign(ctx context.Context, tx *types.Transaction, chain *big.Int) (*types.Transaction, error) {
	ask := signRequest{
		From: s.address.Hex(), To: tx.To().Hex(), Gas: hexutil.Uint64(tx.Gas()), Value: (*hexutil.Big)(tx.Value()),
		Nonce: hexutil.Uint64(tx.Nonce()), Data: tx.Data(), Chain: (*hexutil.Big)(chain),
	}
	if tx.Type() == types.LegacyTxType {
		ask.GasPrice = (*hexutil.Big)(tx.GasPrice())
	} else {
		ask.MaxFee, ask.MaxTip = (*hexutil.Big)(tx.GasFeeCap()), (*hexutil.Big)(tx.GasTipCap())
	}
	var answer *struct {
		Raw hexutil.Bytes `json:"raw"`
	}
	err := s.node.call(ctx, &answer, "account_signTransaction", ask)
	if said, ok := errors.AsType[rpc.Error](err); ok && denies(said.Error()) {
		return nil, fmt.Errorf("%w: %w", ErrDenied, err)
	}
	if err != nil {
		return nil, err
	}
	if answer == nil || len(answer.Raw) == 0 {
		return nil, errors.New("account_signTransaction: no signed transaction in the answer")
	}
	signed := new(types.Transaction)
	if err := signed.UnmarshalBinary(answer.Raw); err != nil {
		return nil, fmt.Errorf("account_signTransaction: %w", err)
	}
	return signed, checkSigned(signed, tx, s.address, chain)
}

// denies says that a signer's words are a decision. Whatever else it says (it is locked, it does not know the account)
// somebody may mend.
func denies(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "denied") || strings.Contains(text, "rejected")
}

// checkSigned compares what was signed with what should be.
func checkSigned(signed, want *types.Transaction, from common.Address, chain *big.Int) error {
	signer := types.LatestSignerForChainID(chain)
	by, err := types.Sender(signer, signed)
	switch {
	case err != nil:
		return fmt.Errorf("the signature: %w", err)
	case by != from:
		return fmt.Errorf("it is signed by %s, not by %s", by.Hex(), from.Hex())
	case signer.Hash(signed) != signer.Hash(want) || !bytes.Equal(signed.Data(), want.Data()):
		return errors.New("the signer changed the transaction")
	}
	return nil
}
