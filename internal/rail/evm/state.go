package evm

import (
	"encoding/json"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
)

const maxTail = 256 // blocks remembered by hash

// state is what the cursor carries from one start to the next: enough to see that the chain was
// reorganised, or is another one, while nobody watched.
type state struct {
	Genesis common.Hash `json:"genesis"`
	ChainID uint64      `json:"chainId"`
	Reorgs  uint64      `json:"reorgs"` // reorganisations so far; the epoch of what is told from here on
	Base    uint64      `json:"base"`   // the first epoch of this genesis; what was told before lies on another chain
	Tail    []told      `json:"tail"`   // the newest blocks told, oldest first; never empty; of a range only its end
}

// told is one block that was told.
type told struct {
	Number uint64
	Hash   common.Hash
}

// MarshalJSON writes [number, hash].
func (t told) MarshalJSON() ([]byte, error) { return json.Marshal([]any{t.Number, t.Hash}) }

// UnmarshalJSON reads what MarshalJSON writes.
func (t *told) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&t.Number, &t.Hash})
}

func decodeState(text []byte) (state, error) {
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return state{}, fmt.Errorf("the stored cursor: %w", err)
	}
	for i := range s.Tail {
		if i > 0 && s.Tail[i].Number <= s.Tail[i-1].Number {
			return state{}, fmt.Errorf("the stored cursor: block %d follows %d", s.Tail[i].Number, s.Tail[i-1].Number)
		}
	}
	if len(s.Tail) == 0 {
		return state{}, fmt.Errorf("the stored cursor: no block")
	}
	return s, nil
}

func (s state) encode() []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // numbers and hashes always encode
	}
	return text
}

// last is the newest block told, oldest the oldest one remembered.
func (s state) last() told   { return s.Tail[len(s.Tail)-1] }
func (s state) oldest() told { return s.Tail[0] }

// forward is the state after more blocks were told.
func (s state) forward(blocks []told) state {
	tail := append(append([]told{}, s.Tail...), blocks...)
	s.Tail = tail[max(0, len(tail)-maxTail):]
	return s
}

// back is the state after the blocks above fork were replaced.
func (s state) back(fork told) state {
	var tail []told
	for _, t := range s.Tail {
		if t.Number < fork.Number {
			tail = append(tail, t)
		}
	}
	s.Tail = append(tail, fork)
	s.Reorgs++
	return s
}
