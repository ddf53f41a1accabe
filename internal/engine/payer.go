package engine

import (
	"context"
	"time"

	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

// maxPublicID bounds what is looked up for a stranger.
const maxPublicID = 64

// ForPayer finds an order of any scope by its public id, which is all that a payer has and needs, and says what
// time it is on the order's clock. Only pages and public answers may call it: they show what the payer may know
// and nothing of the merchant. Error: not_found.
func (e *Engine) ForPayer(ctx context.Context, publicID string, now time.Time) (o *Order, at time.Time, err error) {
	if publicID == "" || len(publicID) > maxPublicID {
		publicID = "none" // no public id looks so: answered as any other unknown one
	}
	err = e.store.View(ctx, func(rd Reader) error {
		var err error
		if o, err = rd.OrderByPublic(Scope{}, publicID); err != nil {
			return err
		}
		clock, err := rd.Clock(o.Scope.Mode)
		if err != nil {
			return err
		}
		at = clock.Shift(now)
		return fillHead(rd, o)
	})
	return o, at, err
}

// Arrived is what came for an order, as its payer sees it: by what the rail told, not by how it is booked.
type Arrived struct {
	Confirmed money.Amount   // in time, in the asset that is due
	Seen      money.Amount   // the same, but not confirmed yet
	Late      money.Amount   // in that asset, after the deadline; confirmed or not
	Wrong     []money.Amount // in other assets
	Unfit     money.Amount   // in that asset and in time, but more or less than an order takes that wants it in one piece
	Stranger  money.Amount   // in that asset, from somebody else than who must pay
	Count     int            // payments that stand, of all kinds
}

// Arrived adds up the payments that stand: seen or confirmed, not failed or reversed.
func (o *Order) Arrived() Arrived {
	none := money.Zero(o.Terms.Due.Asset())
	a := Arrived{Confirmed: none, Seen: none, Late: none, Unfit: none, Stranger: none}
	for _, p := range o.Payments {
		if p.Rank != order.RankSeen && p.Rank != order.RankConfirmed || o.announced(p) {
			continue
		}
		a.Count++
		switch belongs := o.Terms.Counts(p); {
		case p.Amount.Asset() != o.Terms.Due.Asset():
			a.Wrong = append(a.Wrong, p.Amount)
		case belongs == ledger.Wrong:
			a.Stranger = a.Stranger.Add(p.Amount)
		case belongs == ledger.Refused: // its sender is on a list, and is not told so
		case belongs == ledger.Late:
			a.Late = a.Late.Add(p.Amount)
		case belongs == ledger.Unfit:
			a.Unfit = a.Unfit.Add(p.Amount)
		case p.Rank == order.RankConfirmed:
			a.Confirmed = a.Confirmed.Add(p.Amount)
		default:
			a.Seen = a.Seen.Add(p.Amount)
		}
	}
	return a
}

// InTime is what arrived in time in the asset that is due, confirmed or not.
func (a Arrived) InTime() money.Amount { return a.Confirmed.Add(a.Seen) }

// Missing is what is still to be sent, as far as anybody can see; zero when nothing is.
func (o *Order) Missing() money.Amount {
	missing := o.Terms.Due.Sub(o.Arrived().InTime())
	if missing.Sign() < 0 {
		return money.Zero(missing.Asset())
	}
	return missing
}
