package demo

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"

	"till/internal/app/dev"
)

// payer is somebody with a wallet: it signs transactions and sends them to a node, and can ask the node
// what an address holds.
type payer struct {
	node   *ethclient.Client
	rpc    *rpc.Client
	key    *ecdsa.PrivateKey
	chain  *big.Int
	tokens map[string]dev.Token
	next   uint64 // the nonce behind the last one used: the node counts what it was sent a moment later
}

func newPayer(ctx context.Context, c dev.Chain) (*payer, error) {
	key, err := crypto.HexToECDSA(strings.TrimPrefix(c.PayerKey, "0x"))
	if err != nil {
		return nil, err
	}
	client, err := rpc.DialContext(ctx, c.RPCURL)
	if err != nil {
		return nil, err
	}
	return &payer{node: ethclient.NewClient(client), rpc: client, key: key, chain: new(big.Int).SetUint64(c.ChainID), tokens: c.Tokens}, nil
}

func (p *payer) close() { p.rpc.Close() }

// The first four bytes of the hash of the function's signature (EIP-20).
var (
	transferCall  = crypto.Keccak256([]byte("transfer(address,uint256)"))[:4]
	balanceOfCall = crypto.Keccak256([]byte("balanceOf(address)"))[:4]
)

// pay sends units of a token to an address and returns the signed transaction; it does not wait.
func (p *payer) pay(ctx context.Context, token, to string, units *big.Int) (*types.Transaction, error) {
	contract := common.HexToAddress(p.tokens[token].Address)
	from := crypto.PubkeyToAddress(p.key.PublicKey)
	nonce, err := p.node.PendingNonceAt(ctx, from)
	if err != nil {
		return nil, err
	}
	nonce = max(nonce, p.next)
	price, err := p.node.SuggestGasPrice(ctx)
	if err != nil {
		return nil, err
	}
	call := append(append(append([]byte{}, transferCall...), common.LeftPadBytes(common.HexToAddress(to).Bytes(), 32)...), common.LeftPadBytes(units.Bytes(), 32)...)
	tx, err := types.SignNewTx(p.key, types.NewEIP155Signer(p.chain), &types.LegacyTx{
		Nonce: nonce, GasPrice: new(big.Int).Mul(price, big.NewInt(2)), Gas: 100_000, To: &contract, Data: call,
	})
	if err != nil {
		return nil, err
	}
	if err := p.send(ctx, tx); err != nil {
		return nil, err
	}
	p.next = nonce + 1
	return tx, nil
}

// send broadcasts a transaction, once more if it was dropped before.
func (p *payer) send(ctx context.Context, tx *types.Transaction) error {
	return p.node.SendTransaction(ctx, tx)
}

// mined says in which block a transaction is; ok is false when it is in none.
func (p *payer) mined(ctx context.Context, tx *types.Transaction) (block common.Hash, ok bool, err error) {
	receipt, err := p.node.TransactionReceipt(ctx, tx.Hash())
	if err == ethereum.NotFound {
		return common.Hash{}, false, nil
	}
	if err != nil {
		return common.Hash{}, false, err
	}
	return receipt.BlockHash, true, nil
}

// held sums what a list of addresses holds of a token, as the chain says.
func (p *payer) held(ctx context.Context, token string, addresses []string) (*big.Int, error) {
	const batch = 500
	sum := new(big.Int)
	for len(addresses) > 0 {
		n := min(batch, len(addresses))
		calls := make([]rpc.BatchElem, n)
		for i, a := range addresses[:n] {
			data := append(append([]byte{}, balanceOfCall...), common.LeftPadBytes(common.HexToAddress(a).Bytes(), 32)...)
			calls[i] = rpc.BatchElem{Method: "eth_call", Result: new(string), Args: []any{
				map[string]string{"to": p.tokens[token].Address, "data": "0x" + common.Bytes2Hex(data)}, "latest",
			}}
		}
		if err := p.rpc.BatchCallContext(ctx, calls); err != nil {
			return nil, err
		}
		for _, c := range calls {
			if c.Error != nil {
				return nil, c.Error
			}
			units, ok := new(big.Int).SetString(strings.TrimPrefix(*c.Result.(*string), "0x"), 16)
			if !ok {
				return nil, fmt.Errorf("balanceOf answered %q", *c.Result.(*string))
			}
			sum.Add(sum, units)
		}
		addresses = addresses[n:]
	}
	return sum, nil
}
