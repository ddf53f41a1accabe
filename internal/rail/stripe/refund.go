package stripe

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"till/internal/killpoint"
	"till/internal/rail"
)

// Send gives money back to where a charge came from; the delivery's destination is the charge. Stripe forgets after a day what
// it made by a key, so what it has of the transfer is looked up before anything is sent, however often that is.
func (r *Rail) Send(ctx context.Context, d rail.Delivery) (rail.Ref, error) {
	if !goodObject.MatchString(d.To) || d.ID == "" {
		return "", fmt.Errorf("stripe: %w: its destination is no charge", rail.ErrRefused)
	}
	n, err := units(d.Amount)
	if err != nil {
		return "", fmt.Errorf("%w: %w", rail.ErrRefused, err)
	}
	known, err := r.find(ctx, d)
	if err != nil {
		return "", r.sending(err)
	}
	if known != nil {
		if known.Amount != n {
			return "", fmt.Errorf("stripe: %w: the id is that of another transfer", rail.ErrRefused)
		}
		return rail.Ref(known.ID), nil
	}
	var body form
	body.set("charge", d.To)
	body.set("amount", strconv.FormatInt(n, 10))
	body.set("metadata["+transferLine+"]", d.ID)
	var made refund
	if err := r.api.post(ctx, "/v1/refunds", "till-refund-"+d.ID, &body, &made); err != nil {
		return "", r.sending(err)
	}
	killpoint.Here("refund.made")
	if !goodObject.MatchString(made.ID) || made.Object != "refund" || made.Amount != n || made.Charge != d.To {
		return "", fmt.Errorf("%w: it is not the refund that was asked for", errNonsense)
	}
	return rail.Ref(made.ID), nil
}

// sending is an error as a Sender says it.
func (r *Rail) sending(err error) error {
	switch {
	case errors.Is(err, errRefused), errors.Is(err, errUnknown):
		return fmt.Errorf("%w: %w", rail.ErrRefused, err)
	case errors.Is(err, errNotNow):
		return fmt.Errorf("%w: %w", rail.ErrNotNow, err)
	}
	return err
}

// Lookup says what Stripe knows of a refund.
func (r *Rail) Lookup(ctx context.Context, d rail.Delivery) (rail.Status, rail.Ref, error) {
	known, err := r.find(ctx, d)
	switch {
	case errors.Is(err, errUnknown): // there is no such charge, so nothing of it was given back
		return rail.StatusNone, "", nil
	case err != nil:
		return "", "", err
	case known == nil:
		return rail.StatusNone, "", nil
	}
	return known.statusOf(""), rail.Ref(known.ID), nil
}

// find is the refund that a transfer made; nil when there is none.
func (r *Rail) find(ctx context.Context, d rail.Delivery) (*refund, error) {
	list, err := r.api.refunds(ctx, d.To)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Metadata[transferLine] == d.ID {
			return &list[i], nil
		}
	}
	return nil, nil
}
