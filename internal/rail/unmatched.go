package rail

import (
	"context"
	"strings"
	"time"
)

// Unmatched is what a far side said of a payment that is not what was asked for: another amount, another place, or nothing that
// was ever asked for here. No order is told of that word, and nothing is booked for it. It stays on the list: what the far side says
// before or later, and what agrees, is booked all the same.
type Unmatched struct {
	Payment string    `json:"payment"`           // the far side's id of it
	Request string    `json:"request,omitempty"` // the id of the request or page that it names; "": none
	Order   string    `json:"order,omitempty"`   // the public id of the order that was asked for; "": none was
	Why     string    `json:"why"`               // for people
	At      time.Time `json:"at"`                // true time at which it was found
}

// unmatchedKey is what the keys of all of them begin with in the rail's memory; the payment's id follows.
const unmatchedKey = "unmatched/"

func (u Unmatched) key() string { return unmatchedKey + u.Payment }

// ListUnmatched lists what the rail with this memory kept of them, by the payment's id, behind the given one.
func ListUnmatched(ctx context.Context, s State, after string, limit int) ([]Unmatched, error) {
	if after != "" {
		after = unmatchedKey + after
	}
	items, err := s.List(ctx, unmatchedKey, after, limit)
	if err != nil {
		return nil, err
	}
	list := make([]Unmatched, len(items))
	for i, item := range items {
		if err := item.Read(&list[i]); err != nil {
			return nil, err
		}
		list[i].Payment = strings.TrimPrefix(item.Key, unmatchedKey) // which a line of an older form calls otherwise
	}
	return list, nil
}
