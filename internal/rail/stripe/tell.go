package stripe

import (
	"cmp"
	"context"
	"time"

	"till/internal/order"
	"till/internal/rail"
)

// The lines of metadata that name what is paid, and which of our transfers a refund is.
const (
	pageLine     = "till_page"
	orderLine    = "till_order"
	attemptLine  = "till_attempt"
	transferLine = "till_transfer"
)

// disagrees says what of a session is not what was asked for; "" when it agrees.
func (s session) disagrees(p rail.Page, live bool) string {
	n, err := units(p.Amount)
	switch {
	case s.Live != live:
		return "it is of the other mode"
	case s.Mode != "payment":
		return "it is no payment"
	case s.Reference != p.ID || s.Metadata[pageLine] != p.ID:
		return "it names another page"
	case s.Metadata[orderLine] != p.Order || s.Metadata[attemptLine] != p.Attempt:
		return "it names another order or attempt"
	case !fold(s.Currency, p.Amount.Asset().Code()):
		return "it is in another currency"
	case err != nil || s.Amount == nil || *s.Amount != n:
		return "it is of another amount"
	}
	return ""
}

func fold(a, b string) bool {
	return len(a) == len(b) && len(a) == 3 && a[0]|0x20 == b[0]|0x20 && a[1]|0x20 == b[1]|0x20 && a[2]|0x20 == b[2]|0x20
}

// seen is all that Stripe says of one page.
type seen struct {
	session  session
	charges  []charge
	disputes []dispute
	refunds  []refund
}

// read asks for a session and all that moved money of it. What a charge says was given back is what stays so: refunds that failed
// are not in it. refunds says that there may be such.
func (r *Rail) read(ctx context.Context, id string, refunds bool) (seen, error) {
	var s seen
	var err error
	if s.session, err = r.api.session(ctx, id); err != nil || s.session.Intent == "" {
		return s, err
	}
	if s.charges, err = r.api.charges(ctx, s.session.Intent); err != nil {
		return s, err
	}
	for _, c := range s.charges {
		if c.Refunded > 0 || c.Status == "succeeded" && (c.Disputed || refunds) {
			list, err := r.api.refunds(ctx, c.ID)
			if err != nil {
				return s, err
			}
			s.refunds = append(s.refunds, list...)
		}
		if c.Disputed && s.disputes == nil {
			if s.disputes, err = r.api.disputes(ctx, s.session.Intent); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

// disagrees says what of the money is not what was asked for; "" when it agrees.
func (s seen) disagrees(p rail.Page, live bool) string {
	if why := s.session.disagrees(p, live); why != "" {
		return why
	}
	for _, c := range s.charges {
		switch {
		case c.Object != "charge" || !goodObject.MatchString(c.ID) || c.Live != live || c.Intent != s.session.Intent:
			return "a charge is another session's"
		case c.Metadata[pageLine] != "" && c.Metadata[pageLine] != p.ID:
			return "a charge names another page"
		case !fold(c.Currency, p.Amount.Asset().Code()):
			return "a charge is in another currency"
		case c.Status != "succeeded" && c.Status != "pending" && c.Status != "failed":
			return "a charge has a status that nobody knows"
		}
	}
	return ""
}

// over says that nothing more comes of the session by itself: it is closed, and no charge is on its way.
func (s seen) over() bool {
	if s.session.Status != "complete" && s.session.Status != "expired" {
		return false
	}
	moved := s.session.Status == "expired" || s.session.Paid == "no_payment_required"
	for _, c := range s.charges {
		if c.Status == "pending" {
			return false
		}
		moved = true
	}
	return moved
}

// ends is what the session says of its attempt, and why.
func (s seen) ends() (e rail.Ends, why string) {
	paid, pending := false, false
	var last charge
	for _, c := range s.charges {
		paid, pending = paid || c.Status == "succeeded", pending || c.Status == "pending"
		if c.Status == "failed" && c.Created >= last.Created {
			last = c
		}
	}
	if last.ID != "" {
		why = cmp.Or(last.why(), "card_declined")
	}
	switch {
	case paid:
		return "", ""
	case pending:
		return rail.EndsPending, ""
	case s.session.Status == "expired":
		return rail.EndsLeft, why
	case s.session.Status == "complete" && last.ID != "":
		return rail.EndsDeclined, why
	}
	return "", why
}

// words is what is to be told of the money.
func (s seen) words(p rail.Page) (words []rail.Observation, err error) {
	for _, c := range s.charges {
		o := rail.Observation{
			External: c.ID, Instrument: p.ID, Value: time.Unix(c.Created, 0).UTC(),
			Evidence: order.Evidence{Tx: c.ID, From: c.ID, To: p.ID, Name: c.Billing.Name},
		}
		n := c.Amount
		switch c.Status {
		case "failed":
			o.Rank = order.RankFailed
		case "pending":
			o.Rank = order.RankSeen
		default:
			n = c.Captured
			lost, epoch := s.lost(c)
			o.Rank, o.Epoch = order.RankConfirmed, epoch
			if lost > 0 && lost >= n {
				o.Rank = order.RankReversed
			} else {
				n -= lost
			}
		}
		if o.Amount, err = amount(p.Amount.Asset(), c.Currency, n); err != nil {
			return nil, err
		}
		if o.Amount.Sign() > 0 {
			words = append(words, o)
		}
	}
	return words, nil
}

// lost is what of a charge's money was taken back without us: by the payer's bank, as long as it has it, and by refunds that
// somebody made elsewhere. epoch grows with each movement, so that the word about the last one stands.
func (s seen) lost(c charge) (lost int64, epoch uint64) {
	for _, d := range s.disputes {
		if d.Charge != c.ID {
			continue
		}
		balance := 0
		for _, m := range d.Moves {
			epoch++
			if m.Amount < 0 {
				balance--
			} else if m.Amount > 0 {
				balance++
			}
		}
		if balance < 0 {
			lost += d.Amount
		}
	}
	for _, r := range s.refunds {
		if r.Charge != c.ID || r.Metadata[transferLine] != "" {
			continue
		}
		epoch++
		if r.Status == "failed" || r.Status == "canceled" {
			epoch++
		} else {
			lost += r.Amount
		}
	}
	return lost, epoch
}

// open says that nobody has decided about a dispute yet.
func (d dispute) open() bool {
	return d.Status != "won" && d.Status != "lost" && d.Status != "warning_closed" && d.Status != "prevented"
}

// statusOf is what Stripe's word for a refund means. One that failed after it was done came back.
func (r refund) statusOf(was rail.Status) rail.Status {
	switch r.Status {
	case "succeeded":
		return rail.StatusDelivered
	case "failed", "canceled":
		if was == rail.StatusDelivered {
			return rail.StatusReturned
		}
		return rail.StatusFailed
	}
	return rail.StatusSent
}

// transfers is what is to be told of our refunds that is not what was said before.
func (s seen) transfers(was map[string]said) (words []rail.Observation) {
	for _, r := range s.refunds {
		id := r.Metadata[transferLine]
		if id == "" {
			continue
		}
		now := said{rail.Ref(r.ID), r.statusOf(was[id].Status)}
		if was[id].Status == rail.StatusReturned && now.Status == rail.StatusFailed {
			now.Status = rail.StatusReturned
		}
		if now != was[id] {
			words = append(words, rail.Observation{Transfer: &rail.Word{ID: id, Status: now.Status, Ref: now.Ref, Reason: word(r.Failure)}})
		}
	}
	return words
}
