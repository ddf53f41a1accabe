package glomo

import (
	"slices"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/party"
)

// payment is a payment with what it is for; order is nil where no order owns it.
type payment struct {
	order.Payment
	order *engine.Order
	stray *engine.Stray
}

// id is the payment's public id.
func (p payment) id() string { return paymentIDOf(p.Told, p.PaymentKey) }

// status is what a payment is called, and its error where it has one. A payment that made its order paid is a success for
// ever; of everything else it follows from where its money lies.
func (p payment) status() (status, code string) {
	o := p.order
	if o == nil {
		return paymentAction, errorNoPayin
	}
	closing := o.State == order.Completed && p.PaymentKey == o.Closing
	booked := p.Booked.Kind()
	switch {
	case closing && p.Rank == order.RankReversed:
		return paymentSuccess, errorReversed
	case closing:
		return paymentSuccess, ""
	case p.Rank == order.RankSeen:
		return paymentInProgress, ""
	case p.Rank == order.RankFailed:
		return paymentFailed, declineOf(o, p.Payment)
	case p.Rank == order.RankReversed:
		return paymentFailed, errorReversed
	case p.Listed:
		return paymentAction, errorSanctions
	case p.Stranger:
		return paymentAction, errorHold
	case booked == ledger.Unfit || booked == ledger.Wrong:
		return paymentAction, errorMismatch
	case booked == ledger.In && !o.State.Terminal(): // it waits for a decision about its order
		return paymentInProgress, ""
	case booked == ledger.In && o.Reason == order.ReasonRefused:
		return paymentAction, errorSanctions
	}
	return paymentAction, errorNoPayin
}

// declineOf is why a payment failed.
func declineOf(o *engine.Order, p order.Payment) string {
	if code, known := declines[o.Chosen[p.Attempt].Reason]; known {
		return code
	}
	return errorDeclined
}

// complianceWords are what the states of compliance are called.
var complianceWords = map[engine.ComplianceState]string{
	engine.ComplianceNone:      "",
	engine.ComplianceOpen:      complianceReview,
	engine.ComplianceDocuments: complianceAction,
	engine.ComplianceApproved:  complianceApproved,
	engine.ComplianceRefused:   complianceRejected,
	engine.ComplianceBarred:    complianceRejected,
}

// compliance is what compliance says of the payment.
func (p payment) compliance() engine.Compliance {
	if p.order == nil {
		return engine.Compliance{}
	}
	c := p.order.ComplianceOf(p.Payment)
	c.Available = c.Available && p.Rank == order.RankConfirmed && p.PaymentKey == p.order.Closing
	return c
}

// method is how the payment came, in the words of orders.
func (p payment) method() string {
	if p.order != nil {
		if m := p.order.Chosen[p.Attempt].Method; m != "" {
			return m
		}
	}
	return byTransfer
}

func (d *Dialect) encodePayment(p payment) paymentBody {
	status, code := p.status()
	compliance := p.compliance()
	b := paymentBody{
		ID: p.id(), Status: status, PaymentCurrency: p.Amount.Asset().Code(), PaymentAmount: minor(p.Amount),
		SenderName: textOrNull(p.Evidence.Name), PaymentDate: wireMillis(p.Value),
		FeeBearer: string(engine.BearerMerchant), FeeCollectionMode: "immediate", Documents: []string{},
		FXFee: sumBody{0, p.Amount.Asset().Code()}, TxnFee: sumBody{0, p.Amount.Asset().Code()},
		FeeBreakdown: feeBody{[]sumBody{}, []sumBody{}, []sumBody{}}, FundsAvailable: compliance.Available,
		ComplianceStatus: textOrNull(complianceWords[compliance.State]), RFIID: textOrNull(compliance.Inquiry),
		PaymentMethod: p.methodBody(), CreatedAt: wireMillis(p.Told), UpdatedAt: wireMillis(later(p.Told, p.Settled)),
	}
	if code != "" {
		text, known := errorTexts[code]
		if !known {
			text = errorTexts[errorDeclined]
		}
		b.ErrorCode, b.ErrorMessage, b.ErrorDescription, b.CustomerErrorDescription = &code, &text, &text, &text
	}
	for _, r := range compliance.Missing {
		b.RFIDocuments = append(b.RFIDocuments, requestedBody{r.ID, r.Name})
	}
	if p.order == nil {
		b.MerchantID = p.stray.Merchant
		return b
	}
	p.encodeBill(&b)
	if status == paymentSuccess {
		b.PaidAt = textOrNull(wireMillis(p.Settled))
	}
	return b
}

// encodeBill says what the payment is for.
func (p payment) encodeBill(b *paymentBody) {
	o, of := p.order, billOf(p.order)
	kind := payinOrder
	if o.Kind == kindLink {
		kind = payinLink
	}
	code, units := of.amount.Asset().Code(), minor(of.amount)
	b.PayinID, b.PayinType, b.TransactionReference, b.MerchantID = &o.PublicID, &kind, &o.PublicID, o.Scope.Merchant
	b.RequestedCurrency, b.RequestedAmount, b.OrderedCurrency, b.OrderedAmount = &code, &units, &code, &units
	b.PurposeCode, b.CustomerID, b.Notes, b.FeeBearer = textOrNull(of.Purpose), textOrNull(of.Customer), of.Notes, string(of.bears)
	if of.Product != nil {
		b.ProductName, b.ProductDescription = &of.Product.Name, of.Product.Description
	}
	if of.Document != "" {
		b.Documents = append(b.Documents, of.Document)
	}
	b.TxnFee = sumOf(of.fee)
	if of.fee.Sign() > 0 {
		b.FeeBreakdown.TxnFee = []sumBody{b.TxnFee}
	}
	if of.referral.Sign() > 0 {
		b.FeeBreakdown.ReferralFee = []sumBody{sumOf(of.referral)}
	}
}

// methodBody is how the payment came.
func (p payment) methodBody() methodBody {
	b := methodBody{Type: p.method()}
	b.ID = b.Type + "_" + digest("method\x00" + p.Rail + "\x00" + p.External)[:12]
	if b.Type == byTransfer {
		b.Details = methodDetails{Reference: p.Evidence.To, Account: party.Mask(p.Evidence.From)}
	}
	return b
}

func sumOf(a money.Amount) sumBody { return sumBody{minor(a), a.Asset().Code()} }

// paymentsOf are the payments of an order, as they were told.
func paymentsOf(o *engine.Order) []payment {
	list := make([]payment, 0, len(o.Payments))
	for _, p := range o.Payments {
		list = append(list, payment{Payment: p, order: o})
	}
	return list
}

// paidBy is the payment that made an order paid, or the newest of those that count; ok is false where there is none.
func paidBy(o *engine.Order) (p payment, ok bool) {
	list := paymentsOf(o)
	i := slices.IndexFunc(list, func(p payment) bool { return p.PaymentKey == o.Closing })
	if i < 0 {
		return payment{}, false
	}
	return list[i], true
}
