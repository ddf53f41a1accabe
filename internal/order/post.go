package order

import (
	"slices"

	"till/internal/ledger"
	"till/internal/money"
)

// Action is what a row does beside moving its entity: postings, with two exceptions that change the
// terms (followDue, shorten). Doc says it in one sentence.
type Action struct {
	Name string
	Doc  string
	do   func(*step)
}

// Payments.
var (
	book = Action{"book", "source → order/in where the payment counts, else suspense/wrong, refused, late or unfit (stray: suspense/stray).", func(s *step) {
		p := s.payment
		p.Booked = s.belongs(*p)
		s.post(p.Source, p.Booked, p.Amount)
	}}
	unbook = Action{"unbook", "where the payment was booked → source.", func(s *step) {
		s.post(s.before.Booked, s.before.Source, s.before.Amount)
		s.payment.Booked = ""
	}}
	bookFromStray = Action{"book from stray", "suspense/stray → where the payment belongs.", func(s *step) {
		p := s.payment
		p.Booked = s.belongs(*p)
		s.post(s.change.Payment.Booked, p.Booked, p.Amount)
	}}
	followDue = Action{"follow due", "Due of a standing instruction's arrival becomes its payment's amount.", func(s *step) {
		t := &s.order.Terms
		if t.DueFollows && s.order.State.Collecting() && len(s.order.Payments) == 1 && s.payment.Amount.Asset() == t.Due.Asset() {
			t.Due = s.payment.Amount
		}
	}}
)

// Deliveries. Those that a refund's row shares do nothing for a refund.
var (
	takeFee = Action{"take fee", "order/in → fee.", func(s *step) {
		if s.delivers() {
			s.post(s.account(ledger.In), s.house(ledger.Fee), s.order.Terms.Fee)
		}
	}}
	sendOut = Action{"send out", "order/in → order/out; with conversion order/in → fx, fx → order/out.", func(s *step) {
		if s.delivers() {
			s.pass(s.account(ledger.In), s.account(ledger.Out))
		}
	}}
	arrive = Action{"arrive", "order/out → the account delivered to.", func(s *step) {
		if s.delivers() {
			s.post(s.account(ledger.Out), s.order.Terms.To, s.order.Terms.out())
		}
	}}
	outBack = Action{"out back", "order/out → order/in; with conversion order/out → fx, fx → order/in.", func(s *step) {
		if s.delivers() {
			s.passBack()
		}
	}}
	feeBack = Action{"fee back", "fee → order/in.", func(s *step) {
		if s.delivers() {
			s.post(s.house(ledger.Fee), s.account(ledger.In), s.order.Terms.Fee)
		}
	}}
	comeBack = Action{"come back", "the account delivered to → suspense/returned; collected from the balance: → merchant.", func(s *step) {
		if !s.delivers() {
			return
		}
		back := s.account(ledger.Returned)
		if s.order.Terms.FromBalance {
			back = s.account(ledger.Merchant)
		}
		s.post(s.order.Terms.To, back, s.order.Terms.out())
	}}
	comeBackToOut = Action{"come back to out", "the account delivered to → order/out.", func(s *step) {
		s.post(s.order.Terms.To, s.account(ledger.Out), s.order.Terms.out())
	}}
	payReferral = Action{"pay referral", "order/in → the merchant who earns the referral fee.", func(s *step) {
		s.post(s.account(ledger.In), s.order.Terms.Referral.To, s.order.Terms.Referral.Amount)
	}}
	deliver = Action{"deliver", "order/in → the account delivered to; with conversion through fx.", func(s *step) {
		s.pass(s.account(ledger.In), s.order.Terms.To)
	}}
	withhold = Action{"withhold", "order/in → merchant/withheld, all of Due.", func(s *step) {
		s.post(s.account(ledger.In), s.account(ledger.Withheld), s.order.Terms.Due)
	}}
)

// Refunds. Those that a delivery's row shares do nothing for a delivery.
var (
	reserveRefund = Action{"reserve refund", "the refund's source → order/refunding.", func(s *step) {
		if s.refunds() {
			s.post(s.transfer.Source, s.account(ledger.Refunding), s.transfer.Amount)
		}
	}}
	coverSpent = Action{"cover spent", "order/short → merchant, what the merchant's balance lacks for a refund from it.", func(s *step) {
		if s.refunds() && s.transfer.Source == s.account(ledger.Merchant) && s.change.Lacks.Sign() > 0 {
			s.post(s.account(ledger.Short), s.transfer.Source, s.change.Lacks)
		}
	}}
	arriveRefund = Action{"arrive refund", "order/refunding → payer.", func(s *step) {
		if s.refunds() {
			s.post(s.account(ledger.Refunding), s.transfer.To, s.transfer.Amount)
		}
	}}
	refundBack = Action{"refund back", "order/refunding → the refund's source.", func(s *step) {
		if s.refunds() {
			s.post(s.account(ledger.Refunding), s.transfer.Source, s.transfer.Amount)
		}
	}}
	comeBackRefund = Action{"come back refund", "payer → the refund's source.", func(s *step) {
		if s.refunds() {
			s.post(s.transfer.To, s.transfer.Source, s.transfer.Amount)
		}
	}}
)

// Commands and facts.
var (
	shorten = Action{"shorten", "The deadline becomes the quote's end where that is earlier.", func(s *step) {
		s.order.Terms = *s.shortened()
	}}
	release = Action{"release", "the suspense account named → merchant.", func(s *step) {
		s.post(s.change.Account, s.account(ledger.Merchant), s.change.Amount)
	}}
	absorb = Action{"absorb", "loss → order/short.", func(s *step) {
		s.post(s.house(ledger.Loss), s.account(ledger.Short), s.change.Amount)
	}}
	takeFeeWithheld = Action{"take fee of withheld", "merchant/withheld → fee.", func(s *step) {
		s.post(s.account(ledger.Withheld), s.house(ledger.Fee), s.order.Terms.Fee)
	}}
	payReferralWithheld = Action{"pay referral of withheld", "merchant/withheld → the merchant who earns the referral fee.", func(s *step) {
		s.post(s.account(ledger.Withheld), s.order.Terms.Referral.To, s.order.Terms.Referral.Amount)
	}}
	makeAvailable = Action{"make available", "merchant/withheld → the account delivered to; with conversion through fx.", func(s *step) {
		s.pass(s.account(ledger.Withheld), s.order.Terms.To)
	}}
	refuseFunds = Action{"refuse funds", "merchant/withheld → suspense/refused.", func(s *step) {
		s.post(s.account(ledger.Withheld), s.account(ledger.Refused), s.withheld())
	}}
)

// Books.
var (
	repayFromIn = Action{"repay from in", "order/in → order/short, the smaller of the two.", func(s *step) {
		s.post(s.account(ledger.In), s.account(ledger.Short), money.Min(s.share(ledger.In), s.share(ledger.Short).Neg()))
	}}
	coverIn = Action{"cover in", "order/short → order/in, what is missing there.", func(s *step) {
		s.post(s.account(ledger.Short), s.account(ledger.In), s.share(ledger.In).Neg())
	}}
	clearIn = Action{"clear in", "order/in → suspense/extra; collected from the balance: → merchant.", func(s *step) {
		to := s.account(ledger.Extra)
		if s.order.Terms.FromBalance {
			to = s.account(ledger.Merchant)
		}
		s.post(s.account(ledger.In), to, s.share(ledger.In))
	}}
	coverOverdrawn = Action{"cover overdrawn", "order/short → each overdrawn account, what is missing there.", func(s *step) {
		for _, account := range s.overdrawnAccounts() {
			s.post(s.account(ledger.Short), account, s.order.Balance(account, s.asset).Neg())
		}
	}}
	repayFromExtra = Action{"repay from extra", "suspense/extra → order/short, the smaller of the two.", func(s *step) {
		s.post(s.account(ledger.Extra), s.account(ledger.Short), money.Min(s.share(ledger.Extra), s.share(ledger.Short).Neg()))
	}}
)

// suspense is every role in which an order's money can lie set aside. Stray is not one of them: what
// lies there belongs to no order.
var suspense = []ledger.Role{ledger.Extra, ledger.Late, ledger.Wrong, ledger.Unfit, ledger.Refused, ledger.Returned}

// post books one posting of the row that fires. An amount of zero is no posting.
func (s *step) post(from, to ledger.Account, amount money.Amount) {
	if amount.IsZero() {
		return
	}
	p := ledger.Posting{From: from, To: to, Amount: amount}
	if err := p.Check(); err != nil {
		s.fail(err)
		return
	}
	s.out.Postings = append(s.out.Postings, Posting{Posting: p, Row: s.row.ID})
	s.order.add(from, amount.Neg())
	s.order.add(to, amount)
}

// pass takes what one delivery costs from one account to another, through fx where the asset changes.
func (s *step) pass(from, to ledger.Account) {
	t := s.order.Terms
	if !t.converts() {
		s.post(from, to, t.less())
		return
	}
	s.post(from, s.house(ledger.FX), t.less())
	s.post(s.house(ledger.FX), to, t.Out)
}

// passBack is the reverse of pass to order/out.
func (s *step) passBack() {
	t := s.order.Terms
	if !t.converts() {
		s.post(s.account(ledger.Out), s.account(ledger.In), t.less())
		return
	}
	s.post(s.account(ledger.Out), s.house(ledger.FX), t.Out)
	s.post(s.house(ledger.FX), s.account(ledger.In), t.less())
}

// account is an account of who holds the order's money.
func (s *step) account(r ledger.Role) ledger.Account { return s.order.Terms.Book.Account(r) }

// house is an account of the operator's own. The record of a merchant's own wallet keeps to itself.
func (s *step) house(r ledger.Role) ledger.Account {
	if s.order.Terms.Book.IsWallet() {
		return s.account(r)
	}
	return ledger.House.Account(r)
}

// share is the order's share of an account in the asset the books are looked at.
func (s *step) share(r ledger.Role) money.Amount { return s.order.Balance(s.account(r), s.asset) }

func (s *step) withheld() money.Amount {
	return s.order.Balance(s.account(ledger.Withheld), s.order.Terms.Due.Asset())
}

// belongs is the account a payment's money is booked to.
func (s *step) belongs(p Payment) ledger.Account {
	if s.stray {
		return s.account(ledger.Stray)
	}
	return s.account(s.order.Terms.Counts(p))
}

func (s *step) isSuspense(a ledger.Account) bool {
	return a.Book() == s.order.Terms.Book && slices.Contains(suspense, a.Role())
}

func (s *step) overdrawnAccounts() []ledger.Account {
	roles := suspense
	if !s.order.Terms.FromBalance {
		roles = append([]ledger.Role{ledger.Merchant}, suspense...)
	}
	var accounts []ledger.Account
	for _, r := range roles {
		if s.share(r).Sign() < 0 {
			accounts = append(accounts, s.account(r))
		}
	}
	return accounts
}

// delivers and refunds say what the row is about; a row of the order itself can only deliver.
func (s *step) delivers() bool { return !s.refunds() }
func (s *step) refunds() bool  { return s.row.Entity == OfTransfer && s.transfer.Purpose == Refund }

// Balance is the order's own share of an account in an asset, zero where it has none.
func (o *Order) Balance(account ledger.Account, asset money.Asset) money.Amount {
	if i, ok := o.find(account, asset); ok {
		return o.Balances[i].Amount
	}
	return money.Zero(asset)
}

func (o *Order) add(account ledger.Account, amount money.Amount) {
	i, ok := o.find(account, amount.Asset())
	if !ok {
		o.Balances = slices.Insert(o.Balances, i, Balance{Account: account, Amount: amount})
		return
	}
	sum := o.Balances[i].Amount.Add(amount)
	if sum.IsZero() {
		o.Balances = slices.Delete(o.Balances, i, i+1)
		return
	}
	o.Balances[i].Amount = sum
}

// find is the place of a line in Balances, or the place where it belongs.
func (o *Order) find(account ledger.Account, asset money.Asset) (int, bool) {
	name := asset.String()
	return slices.BinarySearchFunc(o.Balances, account, func(b Balance, a ledger.Account) int {
		if b.Account != a {
			if b.Account < a {
				return -1
			}
			return 1
		}
		switch other := b.Amount.Asset().String(); {
		case other < name:
			return -1
		case other > name:
			return 1
		}
		return 0
	})
}
