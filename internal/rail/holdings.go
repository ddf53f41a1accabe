package rail

import (
	"context"

	"till/internal/money"
)

// Holder tells what addresses hold on its far side: a rail whose instruments can be looked into. It may be
// asked at any time beside the watching.
//
// The answer has one Holding for each address, in their order, all of one moment. An error says nothing about
// any of them.
type Holder interface {
	Rail
	Holdings(ctx context.Context, addresses []string) ([]Holding, error)
}

// Holding is what one address holds.
type Holding struct {
	Address string
	Block   uint64         // the moment
	Sent    bool           // something was sent from it before
	Amounts []money.Amount // of every listed token, also the zeros, in the order of the config
}

// Used says that the address is not new: it holds something, or something was sent from it.
func (h Holding) Used() bool {
	for _, a := range h.Amounts {
		if a.Sign() != 0 {
			return true
		}
	}
	return h.Sent
}

// Deriver makes addresses from a public key, one for each index from 0 on. It holds no secret.
type Deriver interface {
	Key() string // the public key, as text: the same key gives the same addresses
	// Address is the address of an index, in the rail's canonical spelling. ok is false for an index that
	// has none.
	Address(index int64) (address string, ok bool)
}
