package engine

import (
	"context"
	"encoding/json"
	"time"

	"till/internal/fault"
	"till/internal/money"
)

// KindReferralFee is the kind of a referral fee's document.
const KindReferralFee DocumentKind = "referral_fee"

// ReferralFee is what a platform takes of an order that names it, for having brought the two together: an amount, or a share.
type ReferralFee struct {
	ID    string // the caller's
	Scope Scope  `json:"-"`

	Amount money.Amount // zero: it is a share
	BPS    int64        `json:",omitempty"` // hundredths of a percent

	CreatedAt time.Time // on the mode's clock
	UpdatedAt time.Time
}

// Of is the fee that the price is for an amount. A share is rounded half up to the smallest unit, once.
//
// Error: invalid_currency, when the price is an amount of another asset.
func (p *ReferralFee) Of(due money.Amount) (money.Amount, error) {
	if p.BPS == 0 {
		if p.Amount.Asset() != due.Asset() {
			return money.Amount{}, fault.New(fault.CodeInvalidCurrency, "the price is in "+p.Amount.Asset().Code())
		}
		return p.Amount, nil
	}
	return share(due, p.BPS), nil
}

// AddReferralFee keeps a price. Its amount or share is above zero: the caller has checked it.
func (e *Engine) AddReferralFee(ctx context.Context, p ReferralFee) (*ReferralFee, error) {
	made := p
	err := e.update(ctx, Keys{Documents: []DocumentKey{{KindReferralFee, p.ID}}, Clocks: []Mode{p.Scope.Mode}}, func(tx Tx) error {
		now, err := modeTime(tx, p.Scope.Mode)
		if err != nil {
			return err
		}
		made.CreatedAt, made.UpdatedAt = now, now
		body, err := json.Marshal(made)
		if err != nil {
			return err
		}
		if err := tx.InsertDocument(&Document{Kind: KindReferralFee, ID: p.ID, Scope: p.Scope, CreatedAt: now, UpdatedAt: now, Doc: body}); err != nil {
			return err
		}
		return e.act(tx, p.Scope.Mode, "referral-fee.add", p.ID, "")
	})
	return &made, err
}

// ReferralFee finds a fee of the scope. Error: not_found, also for another scope's.
func (e *Engine) ReferralFee(ctx context.Context, s Scope, id string) (p *ReferralFee, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		d, err := rd.Document(KindReferralFee, id)
		if err != nil {
			return err
		}
		p, err = referralFeeOf(d, s)
		return err
	})
	return p, err
}

// ReferralFeeFilter pages a scope's fees, the newest first. Pages count from 1.
type ReferralFeeFilter struct {
	Scope       Scope
	Page, Limit int

	CreatedFrom, CreatedTo time.Time // both included; zero: there is no bound
}

// ReferralFeePage is one page of a list and the exact total.
type ReferralFeePage struct {
	ReferralFees []ReferralFee
	Total        int64
}

// ReferralFees lists a scope's fees. Error: invalid_page.
func (e *Engine) ReferralFees(ctx context.Context, f ReferralFeeFilter) (page ReferralFeePage, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		page = ReferralFeePage{}
		found, err := rd.Documents(DocumentFilter{
			Kind: KindReferralFee, Scope: f.Scope, Page: f.Page, Limit: f.Limit, Descending: true, CreatedFrom: f.CreatedFrom, CreatedTo: f.CreatedTo,
		})
		if err != nil {
			return err
		}
		page.Total = found.Total
		for i := range found.List {
			p, err := referralFeeOf(&found.List[i], f.Scope)
			if err != nil {
				return err
			}
			page.ReferralFees = append(page.ReferralFees, *p)
		}
		return nil
	})
	return page, err
}

func referralFeeOf(d *Document, s Scope) (*ReferralFee, error) {
	if d == nil || d.Scope != s {
		return nil, fault.New(fault.CodeNotFound, "there is no such referral fee")
	}
	p := &ReferralFee{}
	if err := json.Unmarshal(d.Doc, p); err != nil {
		return nil, err
	}
	p.Scope = d.Scope
	return p, nil
}
