package engine

import (
	"context"
	"slices"
	"strings"

	"till/internal/order"
	"till/internal/rail"
)

// Unmatched is what a gateway or a payment service said of a payment and what is not what was asked for: nothing is booked for that word.
type Unmatched struct {
	Rail rail.Name
	Mode Mode
	rail.Unmatched
}

// Unmatched lists them by rail and the far side's id, behind the given payment: those of the gateways and payment services that are
// configured, of one mode, or of both where it is "". For operators.
func (e *Engine) Unmatched(ctx context.Context, m Mode, after order.PaymentKey, limit int) ([]Unmatched, error) {
	var list []Unmatched
	for _, far := range e.services() {
		if m != "" && far.mode != m || string(far.rail) < after.Rail {
			continue
		}
		from := ""
		if string(far.rail) == after.Rail {
			from = after.External
		}
		found, err := rail.ListUnmatched(ctx, e.State(far.rail), from, limit-len(list))
		if err != nil {
			return nil, err
		}
		for _, u := range found {
			list = append(list, Unmatched{far.rail, far.mode, u})
		}
		if len(list) >= limit {
			break
		}
	}
	return list, nil
}

// service is a rail that asks a far side what was paid there.
type service struct {
	rail rail.Name
	mode Mode
}

// services are the gateways and payment services, by rail.
func (e *Engine) services() []service {
	var list []service
	for _, g := range e.gateways {
		list = append(list, service{g.Rail, g.Mode})
	}
	for _, n := range e.networks {
		if n.Pages {
			list = append(list, service{n.Rail, n.Mode})
		}
	}
	slices.SortFunc(list, func(a, b service) int { return strings.Compare(string(a.rail), string(b.rail)) })
	return list
}
