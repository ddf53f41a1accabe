package engine

import (
	"context"
	"slices"
	"time"

	"till/internal/fault"
	"till/internal/order"
)

// What payments may be sorted by, beside ByAmount.
const (
	ByTold    SortKey = "told"    // when they were first told
	BySettled SortKey = "settled" // when they were confirmed; those that are not come before all others
)

// PaymentFilter chooses and pages the payments of some scopes' orders: all that an order owns, also late ones and
// those of another asset. Pages count from 1.
type PaymentFilter struct {
	Scopes     []Scope
	OrderID    string       // internal id; of this order alone
	Standing   string       // internal id; of what arrived for this standing instruction
	Ranks      []order.Rank // of their last word; empty: all
	Network    string       // of the payment's asset
	AssetCode  string
	Tx         string // as the rail writes it
	ToldAfter  time.Time
	ToldBefore time.Time // on the mode's clock, both included
	Sort       SortKey   // ByTold unless it is said
	Descending bool
	Page       int
	Limit      int
}

// PaymentPage is one page of payments and the exact total.
type PaymentPage struct {
	Payments []OwnedPayment
	Total    int64
}

// OwnedPayment is a payment and whose it is. Payments of one order on a page share it.
type OwnedPayment struct {
	order.Payment
	Order *Order
}

// PaymentOwner is whose payments are asked for, by the names that merchants know. The zero value is everybody's.
type PaymentOwner struct {
	Order     string // public id
	Scope     Scope  // of Reference
	Reference string // of a standing instruction
}

// Payments lists payments of some scopes' orders, or of one owner among them. What the scopes do not have has no
// payments. Errors: invalid_page, overloaded.
func (e *Engine) Payments(ctx context.Context, f PaymentFilter, of PaymentOwner) (PaymentPage, error) {
	var page PaymentPage
	err := e.store.View(ctx, func(rd Reader) error {
		page = PaymentPage{}
		if of.Reference != "" {
			st, err := rd.StandingByReference(of.Scope, of.Reference)
			if err != nil || st == nil {
				return err
			}
			f.Standing = st.ID
		}
		if of.Order != "" {
			o, err := rd.OrderByPublic(Scope{}, of.Order)
			if err == nil && !slices.Contains(f.Scopes, o.Scope) || fault.Is(err, fault.CodeNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			f.OrderID = o.ID
		}
		var err error
		if page, err = rd.Payments(f); err != nil {
			return err
		}
		for _, p := range page.Payments {
			if err := fillHead(rd, p.Order); err != nil {
				return err
			}
		}
		return nil
	})
	return page, err
}
