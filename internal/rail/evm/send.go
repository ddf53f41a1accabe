package evm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"till/internal/killpoint"
	"till/internal/money"
	"till/internal/rail"
)

// SendConfig is how a network's hot wallet sends.
type SendConfig struct {
	Signer    Signer
	State     rail.State    // of this rail; what several processes share
	MaxFee    *big.Int      // the most that a unit of gas may cost, in wei, tip included
	BumpAfter time.Duration // a transaction that no block took for so long is offered more; 0 is 2 minutes
	Coin      money.Asset   // the network's native coin; zero: it is not sent
	MinCoin   money.Amount  // below it the wallet counts as low on gas
	Start     uint64        // the operator knows of the wallet's transactions below this nonce; see errForeign
}

const defaultBump = 2 * time.Minute

// Sender sends listed tokens and the native coin of one network from one hot wallet.
//
// A transfer is reserved, signed, submitted and settled, and each step is on record before the next begins:
//
//   - reserved: it has a nonce. Its fees, gas and recipient are fixed with it, so that signing again gives the same.
//   - signed: the bytes are kept before they leave, so that sending again sends the same bytes.
//   - submitted: a node took them.
//   - settled: enough blocks lie on the block that has it; it was delivered, or it failed.
//
// One nonce is one transfer for ever, so whatever is sent twice moves money once. A transaction that is stuck is
// replaced by one of the same nonce that pays more; both are kept, for either may be mined. Several processes may use
// one wallet over one database: what they reserve is checked against one another in the database's transaction.
//
// send.go has the steps, wallet.go what is on record, afford.go fees and balances, outcome.go how the end of a transfer
// is found out, tend.go what is done for those on their way.
type Sender struct {
	rail  *Rail
	cfg   SendConfig
	from  common.Address
	chain *big.Int
	log   *slog.Logger

	one     chan struct{} // one reservation at a time in this process
	mu      sync.Mutex
	status  SenderStatus // without its errors
	sendErr error        // of the last sending
	tendErr error        // of the last round of Tend
	since   time.Time    // since when any of them
	short   bool         // the wallet holds less of the coin than it should
	misused bool         // it has transactions that are not on record
	read    time.Time    // when the balances in status were read
}

var (
	_ rail.Sender = (*Sender)(nil)
	_ rail.Tender = (*Sender)(nil)
)

// NewSender makes the sender of a network. It does not touch the network.
func NewSender(r *Rail, cfg SendConfig) (*Sender, error) {
	refuse := func(text string) (*Sender, error) { return nil, fmt.Errorf("evm:%s: sender: %s", r.network, text) }
	switch {
	case cfg.Signer == nil || cfg.State == nil:
		return refuse("a signer and a state are needed")
	case cfg.MaxFee == nil || cfg.MaxFee.Sign() <= 0:
		return refuse("the highest fee must be above zero")
	case cfg.BumpAfter < 0:
		return refuse("the time before a higher fee must not be negative")
	case !cfg.Coin.IsZero() && (cfg.Coin.Network() != r.network || cfg.Coin.Scale() != 18):
		return refuse("the native coin is not one of this network with 18 decimals")
	}
	if cfg.BumpAfter == 0 {
		cfg.BumpAfter = defaultBump
	}
	s := &Sender{
		rail: r, cfg: cfg, from: cfg.Signer.Address(), chain: new(big.Int).SetUint64(r.chainID), log: r.log,
		one: make(chan struct{}, 1),
	}
	s.status.Address = s.from.Hex()
	return s, nil
}

// Name is that of the network's rail.
func (s *Sender) Name() rail.Name { return s.rail.Name() }

// payment is what a delivery asks for, in the chain's words.
type payment struct {
	to       common.Address
	asset    money.Asset
	contract common.Address // of the token; zero: the native coin
	units    *big.Int
}

// maxUnits is 2^256-1.
var maxUnits = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))

// paymentOf reads a delivery. Error: ErrRefused for what can never be sent here.
func (s *Sender) paymentOf(d rail.Delivery) (payment, error) {
	refuse := func(why string) (payment, error) {
		return payment{}, fmt.Errorf("evm:%s: %w: %s", s.rail.network, rail.ErrRefused, why)
	}
	if d.ID == "" || len(d.ID) > maxID {
		return refuse("its id is malformed")
	}
	canonical, checksumOK, err := ParseAddress(d.To)
	if err != nil || !checksumOK {
		return refuse("its destination is not an address")
	}
	p := payment{to: common.HexToAddress(canonical), asset: d.Amount.Asset(), units: d.Amount.Big()}
	if p.units.Sign() <= 0 || p.units.Cmp(maxUnits) > 0 {
		return refuse("its amount is not one that a chain knows")
	}
	if p.asset.IsZero() || p.asset != s.cfg.Coin {
		found := false
		for contract, asset := range s.rail.tokens {
			if asset == p.asset {
				p.contract, found = contract, true
			}
		}
		if !found {
			return refuse("its asset is not sent on this network")
		}
	}
	if _, token := s.rail.tokens[p.to]; token || p.to == s.from {
		return refuse("its destination is a token's contract or the hot wallet itself: the money would be lost or stay")
	}
	return p, nil
}

// call is what the transaction of a payment says: whom it calls, with which value and data.
func (p payment) call() (to common.Address, value *big.Int, data []byte) {
	if p.contract == (common.Address{}) {
		return p.to, p.units, nil
	}
	data = append(hexutil.MustDecode("0xa9059cbb"), common.LeftPadBytes(p.to[:], 32)...) // EIP-20 transfer(address,uint256)
	return p.contract, new(big.Int), append(data, common.LeftPadBytes(p.units.Bytes(), 32)...)
}

// Send implements rail.Sender. It answers ErrNotNow while the wallet lacks tokens or gas, while gas costs more than
// the highest fee, and while it does not know who used the wallet; ErrRefused for what no wallet could send: a
// malformed transfer, one that the token's contract does not let through, one that the signer denies.
func (s *Sender) Send(ctx context.Context, d rail.Delivery) (rail.Ref, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	known, err := s.find(ctx, d.ID)
	if err == nil && known == nil {
		var p payment
		if p, err = s.paymentOf(d); err == nil {
			known, err = s.reserve(ctx, d.ID, p)
		}
	}
	if err == nil && known.End == "" && known.is(d) {
		var ref rail.Ref
		if ref, err = s.submit(ctx, known.From, known.Nonce, d.ID); !errors.Is(err, errSettled) {
			s.note(err)
			return ref, err
		}
		known, err = s.find(ctx, d.ID)
	}
	s.note(err)
	switch {
	case err != nil:
		return "", err
	case known == nil || !known.is(d):
		return "", s.another(d)
	case known.End == rail.StatusFailed:
		return "", fmt.Errorf("evm:%s: %w: its transaction %s failed", s.rail.network, rail.ErrRefused, known.Tx.Hex())
	}
	return rail.Ref(known.Tx.Hex()), nil
}

// another is the error of an id that is on record with something else.
func (s *Sender) another(d rail.Delivery) error {
	return fmt.Errorf("evm:%s: transfer %s is on record with another amount or recipient", s.rail.network, d.ID)
}

// errSettled says that a nonce was settled while somebody wanted to go on with it.
var errSettled = errors.New("the transfer was settled meanwhile")

// submit signs what is reserved, where that is still to be done, and gives it to a node.
func (s *Sender) submit(ctx context.Context, from common.Address, nonce uint64, id string) (rail.Ref, error) {
	o, err := s.openAt(ctx, from, nonce)
	if err != nil {
		return "", err
	}
	if o == nil || o.ID != id {
		return "", fmt.Errorf("evm:%s: transfer %s: %w", s.rail.network, id, errSettled)
	}
	if !o.signed() {
		if o, err = s.sign(ctx, from, nonce, *o); err != nil {
			return "", err
		}
	}
	last := o.last()
	if !o.Submitted {
		if err := s.hand(ctx, *o); err != nil {
			return "", err
		}
		killpoint.Here("evm.submitted")
		if err := s.submitted(ctx, from, nonce); err != nil {
			return "", err
		}
		killpoint.Here("evm.noted")
	}
	return rail.Ref(last.Hash.Hex()), nil
}

// sign signs the last try of an open nonce and puts its bytes on record. Of two processes that sign at the same time
// one is first, and its bytes are the ones.
func (s *Sender) sign(ctx context.Context, from common.Address, nonce uint64, o open) (*open, error) {
	if from != s.from {
		return nil, fmt.Errorf("evm:%s: %w: its nonce is one of the wallet %s, whose key is not here any more", s.rail.network, rail.ErrNotNow, from.Hex())
	}
	try := o.Tries[len(o.Tries)-1]
	signed, err := s.cfg.Signer.Sign(ctx, o.transaction(nonce, try, s.chain), s.chain)
	switch {
	case errors.Is(err, ErrDenied) && len(o.Tries) == 1:
		gone, err := s.vacate(ctx, nonce, o.ID, err)
		if gone {
			return nil, fmt.Errorf("evm:%s: %w: %w", s.rail.network, rail.ErrRefused, err)
		}
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("evm:%s: %w: signing: %w", s.rail.network, rail.ErrNotNow, err)
	}
	if err := checkSigned(signed, o.transaction(nonce, try, s.chain), s.from, s.chain); err != nil {
		return nil, fmt.Errorf("evm:%s: %w: %w", s.rail.network, rail.ErrNotNow, err)
	}
	raw, err := signed.MarshalBinary()
	if err != nil {
		return nil, err
	}
	var now *open
	err = s.change(ctx, nonce, func(at *open) {
		if at != nil && !at.signed() && len(at.Tries) == len(o.Tries) {
			at.Tries[len(at.Tries)-1].Raw, at.Tries[len(at.Tries)-1].Hash = raw, signed.Hash()
		}
		now = at
	})
	if err == nil && (now == nil || !now.signed()) {
		err = fmt.Errorf("evm:%s: the transfer changed while it was signed", s.rail.network)
	}
	if err == nil {
		killpoint.Here("evm.signed")
	}
	return now, err
}

// hand gives the signed bytes to every node, the newest try first: a node that does not take that one may still take an
// earlier one. One node that took it is enough; that all are asked makes up for one that keeps it for itself.
func (s *Sender) hand(ctx context.Context, o open) error {
	took := false
	var failures []error
	for i, n := range s.rail.nodes.list {
		if err := s.handTo(ctx, n, o); err != nil {
			failures = append(failures, fmt.Errorf("node %d (%s): %w", i+1, n.host, err))
			continue
		}
		took = true
	}
	if took {
		return nil
	}
	return fmt.Errorf("evm:%s: no node took the transaction: %w", s.rail.network, errors.Join(failures...))
}

func (s *Sender) handTo(ctx context.Context, n *node, o open) error {
	err := s.rail.nodes.admit(ctx, n)
	for i := len(o.Tries) - 1; i >= 0 && err == nil; i-- {
		if len(o.Tries[i].Raw) == 0 {
			continue
		}
		if err = n.submit(ctx, o.Tries[i]); err == nil {
			return nil
		}
		if i > 0 && ctx.Err() == nil {
			s.log.Debug("a node did not take the newest transaction of a nonce", "error", err)
			err = nil
		}
	}
	if err == nil {
		err = errors.New("nothing of it is signed")
	}
	return err
}
