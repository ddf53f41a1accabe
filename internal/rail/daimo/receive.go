package daimo

import (
	"context"
	"net/http"

	"till/internal/killpoint"
	"till/internal/rail"
)

// Receive notes down that the gateway has something to say of a payment, and makes the watcher ask. It returns no
// observation: what a callback says is not believed, it is asked for. The same callback again changes nothing, and one
// about a payment that is not known yet waits until it is.
//
// Errors: unauthorized, invalid_value. After any other the gateway should call again: nothing was noted.
func (r *Rail) Receive(ctx context.Context, header http.Header, body []byte) ([]rail.Observation, error) {
	e, err := r.api.event(header, body, r.now())
	if err != nil {
		return nil, err
	}
	if e.ignored || e.test && r.live {
		return nil, nil
	}
	err = r.state.Update(ctx, func(m rail.Memory) error {
		h := hint{Payment: e.payment, Refund: e.refund, Since: r.now()}
		if _, err := rail.Load(m, h.key(), &h); err != nil {
			return err
		}
		h.Calls, h.Next = h.Calls+1, r.now() // so that one which comes while the gateway is being asked is not taken for the one before
		return rail.Save(m, h.key(), h)
	})
	if err != nil {
		return nil, err
	}
	killpoint.Here("gateway.heard")
	r.Nudge()
	return nil, nil
}
