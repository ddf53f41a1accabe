package order

import (
	"slices"
	"time"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
)

// Guard is a condition of a row. Doc says in one sentence when it holds.
type Guard struct {
	Name string
	Doc  string
	ok   func(*step) bool
	// fault is what a command is told when this guard stops it; nil: order_state_conflict.
	fault func(*step) error
}

// Payments.
var (
	newer = Guard{Name: "newer", Doc: "The word's (epoch, rank) is larger than the one kept.", ok: func(s *step) bool {
		return s.change.Payment.Epoch > s.payment.Epoch ||
			s.change.Payment.Epoch == s.payment.Epoch && s.word() > s.payment.Rank
	}}
	worth = Guard{Name: "worth", Doc: "The word is about an amount above zero; a failure or reversal may leave out the amount of a known payment.", ok: func(s *step) bool {
		amount := s.change.Payment.Amount
		if amount.IsZero() && (s.word() == RankFailed || s.word() == RankReversed) {
			amount = s.payment.Amount
		}
		return amount.Sign() > 0
	}}
	liesInStray = Guard{Name: "lies in stray", Doc: "The money lies in a stray account of who holds this order's money, or of the house where that is the operator.", ok: func(s *step) bool {
		lies, book := s.change.Payment.Booked, s.order.Terms.Book
		return lies.Kind() == ledger.Stray &&
			(lies.Book() == book || lies.Book() == ledger.House && !book.IsWallet())
	}}
)

// Attempts.
var anotherAttempt = Guard{Name: "another attempt", Doc: "The order allows several attempts, or has none yet.", ok: func(s *step) bool {
	return !s.order.Terms.OneAttempt || len(s.order.Attempts) == 0
}}

// Transfers.
var (
	custodial = Guard{Name: "custodial", Doc: "The operator holds the money; what lies in the merchant's own wallet is not ours to send.", ok: func(s *step) bool {
		return !s.order.Terms.Book.IsWallet()
	}}
	sourceHolds = Guard{Name: "source holds", Doc: "The refund is above zero and at most the order's share of its source: the merchant's account (unless the order was collected from it) or a suspense account.", ok: func(s *step) bool {
		t := s.change.Transfer
		merchant := t.Source == s.account(ledger.Merchant) && !s.order.Terms.FromBalance
		return (merchant || s.isSuspense(t.Source)) && atMost(t.Amount, s.order.Balance(t.Source, t.Amount.Asset()))
	}}
	toPayer = Guard{Name: "to payer", Doc: "The refund goes to a payer's account.", ok: func(s *step) bool {
		return s.change.Transfer.To.Kind() == ledger.Payer
	}}
)

// Reviews.
var (
	needsSomebody = Guard{Name: "needs somebody", Doc: "The verdict asks for documents or a decision, or refuses.", ok: func(s *step) bool {
		state := s.change.Reviews[0].State
		return state == ReviewDocuments || state == ReviewOpen || state == ReviewRefused
	}}
	nothingMissing = Guard{Name: "nothing missing", Doc: "No document is missing any more.", ok: func(s *step) bool {
		return len(s.change.Missing) == 0
	}}
	notByMaker = Guard{Name: "not by maker", Doc: "Who approves is not who made it.", ok: func(s *step) bool {
		return s.review.Maker == "" || s.review.Maker != s.change.Who
	}}
)

// Commands.
var (
	termsHold = Guard{Name: "terms hold", Doc: "The terms, with the deadline no later than the quote's end, pass Terms.Check.",
		ok:    func(s *step) bool { return s.shortened().Check() == nil },
		fault: func(s *step) error { return s.shortened().Check() }}
	quoteLive = Guard{Name: "quote live", Doc: "The quote, if any, has not ended.",
		ok: func(s *step) bool {
			return s.change.QuoteEnd.IsZero() || !s.change.At.After(s.change.QuoteEnd)
		},
		fault: func(*step) error { return fault.New(fault.CodeQuoteExpired, "The quote has ended.") }}
	balanceSuffices = Guard{Name: "balance suffices", Doc: "An order collected from the balance finds all of Due there.",
		ok: func(s *step) bool {
			return !s.order.Terms.FromBalance || atMost(s.order.Terms.Due, s.change.Available)
		},
		fault: func(*step) error {
			return fault.New(fault.CodeInsufficientBalance, "The balance is less than the order needs.")
		}}
	byOperator = Guard{Name: "by operator", Doc: "An operator asks for it.", ok: func(s *step) bool {
		return s.change.Actor == ByOperator
	}}
	byMerchant = Guard{Name: "by merchant", Doc: "The merchant asks for it.", ok: func(s *step) bool {
		return s.change.Actor == ByMerchant
	}}
	merchantCancels = Guard{Name: "merchant cancels", Doc: "The terms let the merchant cancel.", ok: func(s *step) bool {
		return s.order.Terms.MerchantCancels
	}}
	noForeignMoney = Guard{Name: "no foreign money", Doc: "Nothing of a payer is seen or counted; the merchant's own balance does not matter.", ok: func(s *step) bool {
		return s.order.Terms.FromBalance || s.order.seen().IsZero() && s.order.counted().IsZero()
	}}
	suspenseHolds = Guard{Name: "suspense holds", Doc: "The amount is above zero and at most the order's share of the suspense account named.", ok: func(s *step) bool {
		c := s.change
		return s.isSuspense(c.Account) && atMost(c.Amount, s.order.Balance(c.Account, c.Amount.Asset()))
	}}
	shortBy = Guard{Name: "short by", Doc: "The amount is above zero and at most the shortfall.", ok: func(s *step) bool {
		c := s.change
		return atMost(c.Amount, s.order.Balance(s.account(ledger.Short), c.Amount.Asset()).Neg())
	}}
)

// Facts.
var (
	refusedBeforePayment = Guard{Name: "refused before payment", Doc: "A screening or approval is refused.", ok: func(s *step) bool {
		return s.order.anyReview(beforePayment, ReviewRefused)
	}}
	cleared = Guard{Name: "clear", Doc: "No screening or approval is missing documents, open or refused.", ok: func(s *step) bool {
		return !s.order.anyReview(beforePayment, ReviewDocuments, ReviewOpen, ReviewRefused)
	}}
	documentsMissing = Guard{Name: "documents missing", Doc: "A screening or approval is missing documents.", ok: func(s *step) bool {
		return s.order.anyReview(beforePayment, ReviewDocuments)
	}}
	noDocumentsMissing = not(documentsMissing, "no documents missing", "No screening or approval is missing documents.")
	reviewOpen         = Guard{Name: "review open", Doc: "A screening or approval is open.", ok: func(s *step) bool {
		return s.order.anyReview(beforePayment, ReviewOpen)
	}}

	enough = Guard{Name: "enough", Doc: "What is confirmed and counts is at least Due less the tolerance.", ok: func(s *step) bool {
		return s.order.suffices(s.order.counted())
	}}
	notEnough     = not(enough, "not enough", "What is confirmed and counts is less than Due less the tolerance.")
	somethingSeen = Guard{Name: "something seen", Doc: "Money that would count is seen and not confirmed.", ok: func(s *step) bool {
		return !s.order.seen().IsZero()
	}}
	nothingSeen      = not(somethingSeen, "nothing seen", "No money that would count is seen.")
	somethingCounted = Guard{Name: "something counted", Doc: "Some money is confirmed and counts.", ok: func(s *step) bool {
		return !s.order.counted().IsZero()
	}}
	nothingCounted = not(somethingCounted, "nothing counted", "No confirmed money counts.")

	attemptLost = Guard{Name: "attempt lost", Doc: "The order has one attempt, which is declined or abandoned, or whose payment failed, did not fit, or was reversed for good.", ok: func(s *step) bool {
		return s.order.Terms.OneAttempt && s.order.lost()
	}}
	pastDeadline = Guard{Name: "past deadline", Doc: "Everything up to a time after the deadline has been told.", ok: func(s *step) bool {
		return !s.order.Terms.Deadline.IsZero() && s.order.Through.After(s.order.Terms.Deadline)
	}}
	notWaitingForSeen = Guard{Name: "not waiting for seen", Doc: "The terms do not wait for money that was seen in time (also where a reorganisation took it and may give it back), or it would not suffice, or the time for its confirmation is over.", ok: func(s *step) bool {
		o, t := s.order, s.order.Terms
		return !t.SeenWaits || !o.suffices(o.counted().Add(o.seen()).Add(o.takenBack())) || !o.Through.Before(t.ConfirmBy)
	}}

	deliveryConfirmed = Guard{Name: "delivery confirmed", Doc: "A delivery is confirmed.", ok: func(s *step) bool {
		return s.order.anyDelivery(func(t TransferState) bool { return t == TransferConfirmed })
	}}
	nothingInFlight = Guard{Name: "nothing in flight", Doc: "No delivery is in flight.", ok: func(s *step) bool {
		return !s.order.anyDelivery(TransferState.InFlight)
	}}
	sendsLeft = Guard{Name: "sends left", Doc: "Fewer deliveries were tried than the terms allow.", ok: func(s *step) bool {
		return s.order.deliveries() < s.order.Terms.Sends
	}}
	notSending = Guard{Name: "not sending", Doc: "The order is not delivering, or its last delivery failed and another may be tried.", ok: func(s *step) bool {
		return s.order.State != Delivering || nothingInFlight.ok(s) && !deliveryConfirmed.ok(s) && sendsLeft.ok(s)
	}}
	instant = Guard{Name: "instant", Doc: "Delivery is a posting.", ok: func(s *step) bool { return s.order.Terms.Instant }}

	complianceOpen = Guard{Name: "compliance open", Doc: "The compliance review is open or misses documents.", ok: func(s *step) bool {
		return s.order.anyReview(compliance, ReviewOpen, ReviewDocuments)
	}}
	complianceNotOpen = not(complianceOpen, "compliance not open", "No compliance review is open or misses documents.")
	complianceRefused = Guard{Name: "compliance refused", Doc: "The compliance review is refused.", ok: func(s *step) bool {
		return s.order.anyReview(compliance, ReviewRefused)
	}}
	complianceNotRefused = not(complianceRefused, "compliance not refused", "No compliance review is refused.")
	complianceApproved   = Guard{Name: "compliance approved", Doc: "The compliance review is approved.", ok: func(s *step) bool {
		return s.order.anyReview(compliance, ReviewApproved)
	}}
	holdsOrder = Guard{Name: "holds order", Doc: "An open compliance review holds the order, not only its funds.", ok: func(s *step) bool {
		return !s.order.Terms.CompleteOnCollect
	}}
	somethingWithheld = Guard{Name: "something withheld", Doc: "Funds of the order are withheld.", ok: func(s *step) bool {
		return s.withheld().Sign() > 0
	}}
)

// Books: each is asked per asset.
var (
	inAbove    = Guard{Name: "in above zero", Doc: "order/in is above zero.", ok: func(s *step) bool { return s.share(ledger.In).Sign() > 0 }}
	inBelow    = Guard{Name: "in below zero", Doc: "order/in is below zero.", ok: func(s *step) bool { return s.share(ledger.In).Sign() < 0 }}
	shortBelow = Guard{Name: "short below zero", Doc: "order/short is below zero.", ok: func(s *step) bool { return s.share(ledger.Short).Sign() < 0 }}
	extraAbove = Guard{Name: "extra above zero", Doc: "suspense/extra is above zero.", ok: func(s *step) bool { return s.share(ledger.Extra).Sign() > 0 }}
	overdrawn  = Guard{Name: "overdrawn", Doc: "The order's share of a suspense account, or of the merchant's account it paid into, is below zero.", ok: func(s *step) bool {
		return len(s.overdrawnAccounts()) > 0
	}}
)

// not is the opposite of a guard, under a name of its own.
func not(g Guard, name, doc string) Guard {
	return Guard{Name: name, Doc: doc, ok: func(s *step) bool { return !g.ok(s) }}
}

// The small facts of an order that guards and postings share.

// beforePayment and compliance are the kinds of review by what they stop.
var (
	beforePayment = []ReviewKind{Screening, Approval}
	compliance    = []ReviewKind{Compliance}
)

func (o *Order) anyReview(kinds []ReviewKind, states ...ReviewState) bool {
	for _, r := range o.Reviews {
		if slices.Contains(kinds, r.Kind) && slices.Contains(states, r.State) {
			return true
		}
	}
	return false
}

func (o *Order) anyDelivery(is func(TransferState) bool) bool {
	for _, t := range o.Transfers {
		if t.Purpose == Delivery && is(t.State) {
			return true
		}
	}
	return false
}

func (o *Order) deliveries() int {
	n := 0
	for _, t := range o.Transfers {
		if t.Purpose == Delivery {
			n++
		}
	}
	return n
}

// Counts is where the money of a payment belongs: order/in where it counts, else the suspense account
// that says why it does not. It depends on the payment and the terms alone, never on the order's state,
// so that it does not matter in which order things are told.
func (t *Terms) Counts(p Payment) ledger.Role {
	switch {
	case p.Amount.Asset() != t.Due.Asset(), p.Stranger:
		return ledger.Wrong
	case p.Listed:
		return ledger.Refused
	case t.FromBalance && p.Source != t.Book.Account(ledger.Merchant):
		return ledger.Wrong
	case !t.Deadline.IsZero() && p.Value.After(t.Deadline):
		return ledger.Late
	case t.Whole && !t.fits(p.Amount):
		return ledger.Unfit
	}
	return ledger.In
}

// fits says whether an amount in Due's asset is Due alone, within the tolerances.
func (t *Terms) fits(amount money.Amount) bool {
	return amount.Cmp(t.Due.Sub(t.Under)) >= 0 && (t.OverAny || amount.Cmp(t.Due.Add(t.Over)) <= 0)
}

// counted is the confirmed money that counts, in Due's asset.
func (o *Order) counted() money.Amount {
	sum, in := money.Zero(o.Terms.Due.Asset()), o.Terms.Book.Account(ledger.In)
	for _, p := range o.Payments {
		if p.Rank == RankConfirmed && p.Booked == in {
			sum = sum.Add(p.Amount)
		}
	}
	return sum
}

// seen is the money that is seen and would count, in Due's asset.
func (o *Order) seen() money.Amount {
	sum := money.Zero(o.Terms.Due.Asset())
	for _, p := range o.Payments {
		if p.Rank == RankSeen && o.Terms.Counts(p) == ledger.In {
			sum = sum.Add(p.Amount)
		}
	}
	return sum
}

// takenBack is the money that would count, was reversed, and may come again: a transaction is mined anew.
func (o *Order) takenBack() money.Amount {
	sum := money.Zero(o.Terms.Due.Asset())
	for _, p := range o.Payments {
		if p.Rank == RankReversed && !p.Final && o.Terms.Counts(p) == ledger.In {
			sum = sum.Add(p.Amount)
		}
	}
	return sum
}

func (o *Order) suffices(amount money.Amount) bool {
	return amount.Cmp(o.Terms.Due.Sub(o.Terms.Under)) >= 0
}

// lost says whether the order's attempt is lost and no payment is seen or counts. A reversal loses it
// only where the same payment cannot come again.
func (o *Order) lost() bool {
	if !o.seen().IsZero() || !o.counted().IsZero() {
		return false
	}
	for _, a := range o.Attempts {
		if a.State == AttemptDeclined || a.State == AttemptAbandoned {
			return true
		}
	}
	unfit := o.Terms.Book.Account(ledger.Unfit)
	for _, p := range o.Payments {
		if p.Rank == RankFailed || p.Rank == RankReversed && p.Final || p.Rank == RankConfirmed && p.Booked == unfit {
			return true
		}
	}
	return false
}

// out is what a delivery delivers, less is what it takes from order/in for that.
func (t *Terms) out() money.Amount {
	if t.converts() {
		return t.Out
	}
	return t.less()
}

func (t *Terms) less() money.Amount {
	if t.Referral.Amount.IsZero() {
		return t.Due.Sub(t.Fee)
	}
	return t.Due.Sub(t.Fee).Sub(t.Referral.Amount)
}

func (t *Terms) converts() bool {
	return !t.Out.Asset().IsZero() && t.Out.Asset() != t.Due.Asset()
}

// atMost says 0 < amount <= limit, both in one asset.
func atMost(amount, limit money.Amount) bool {
	return amount.Sign() > 0 && amount.Asset() == limit.Asset() && amount.Cmp(limit) <= 0
}

// shortened is the terms whose deadline is no later than the quote's end. An order that is collected
// from the balance at once has no deadline to shorten.
func (s *step) shortened() *Terms {
	if s.order.Terms.FromBalance || s.change.QuoteEnd.IsZero() {
		return &s.order.Terms
	}
	t := s.order.Terms
	t.Deadline = earlier(t.Deadline, s.change.QuoteEnd)
	return &t
}

// earlier is the earlier of two times, of which a zero one says nothing.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
