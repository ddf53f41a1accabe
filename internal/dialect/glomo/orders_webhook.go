package glomo

import (
	"slices"

	"till/internal/engine"
	"till/internal/order"
)

// ordersEntity is what webhooks about orders are about.
const ordersEntity = "orders"

// tellOrder tells each change of what an order is called. Its creation is told where something is asked of the merchant or
// nothing more can come; that it is active he knows from the answer.
func (d *Dialect) tellOrder(ev engine.Event, o *engine.Order) (told, bool) {
	if o == nil || o.Kind != kindOrder {
		return told{}, false
	}
	status := projection[ev.State]
	if ev.Type == "order.created" {
		if status == statusActive {
			return told{}, false
		}
	} else if before, _, known := ev.Before(); !known || projection[before] == status {
		return told{}, false
	}
	return told{ordersEntity, status, orderAt(ev, o)}, true
}

// orderAt is the order as it was at an event. What was asked for then stands in it, though it may have been given since.
func orderAt(ev engine.Event, o *engine.Order) orderBody {
	then := *o
	then.State, then.UpdatedAt = ev.State, ev.Facts.At
	body := encodeOrder(&then)
	if body.Status == statusActionRequired {
		asked := slices.DeleteFunc(slices.Clone(o.Requested), func(r engine.Requested) bool {
			return r.Review != order.Screening || !r.GivenAt.IsZero() && r.GivenAt.Before(ev.Facts.At)
		})
		body.Requested = encodeRequested(asked)
	}
	return body
}
