package order

import (
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
)

// Check returns the first fault of the terms, nil when an order can be made of them. The fault's Param is
// the name of the field in Terms' JSON form; a dialect turns it into its own spelling.
func (t *Terms) Check() error {
	for _, rule := range termsRules {
		if rule.broken(t) {
			return fault.New(rule.code, rule.message).On(rule.param)
		}
	}
	return nil
}

type termsRule struct {
	param   string
	code    fault.Code
	message string
	broken  func(*Terms) bool
}

// termsRules are asked in order: what a rule relies on stands before it.
var termsRules = []termsRule{
	{"book", fault.CodeMissingField, "Who holds the money is missing.", func(t *Terms) bool { return t.Book == "" }},
	{"to", fault.CodeMissingField, "The account delivered to is missing.", func(t *Terms) bool { return t.To == "" }},
	{"to", fault.CodeInvalidValue, "The account delivered to does not exist.", func(t *Terms) bool { return !isAccount(t.To) }},

	{"due", fault.CodeInvalidAmount, "The amount due must be above zero.", func(t *Terms) bool { return t.Due.Sign() <= 0 }},
	{"fee", fault.CodeInvalidAmount, "The fee is in another asset than the amount due.", func(t *Terms) bool { return strange(t.Fee, t.Due) }},
	{"fee", fault.CodeInvalidAmount, "The fee must not be negative.", func(t *Terms) bool { return t.Fee.Sign() < 0 }},
	{"referral", fault.CodeInvalidAmount, "The referral fee is in another asset than the amount due.", func(t *Terms) bool { return strange(t.Referral.Amount, t.Due) }},
	{"referral", fault.CodeInvalidAmount, "The referral fee must be above zero.", func(t *Terms) bool { return t.Referral != (Referral{}) && t.Referral.Amount.Sign() <= 0 }},
	{"referral", fault.CodeInvalidValue, "The referral fee goes to a balance that a merchant may spend.", func(t *Terms) bool {
		return t.Referral != (Referral{}) && (!isAccount(t.Referral.To) || !t.Referral.To.Spendable())
	}},
	{"referral", fault.CodeInvalidValue, "Only an instant delivery of what a payer paid has a referral fee.", func(t *Terms) bool {
		return t.Referral != (Referral{}) && (!t.Instant || t.FromBalance)
	}},
	{"fee", fault.CodeInvalidAmount, "The fee must be less than the amount due.", func(t *Terms) bool { return t.less().Sign() <= 0 }},
	{"out", fault.CodeInvalidAmount, "The amount delivered must be above zero.", func(t *Terms) bool { return !t.Out.Asset().IsZero() && t.Out.Sign() <= 0 }},
	{"out", fault.CodeInvalidAmount, "Without conversion the amount delivered is the amount due less the fees.", func(t *Terms) bool {
		return t.Out.Asset() == t.Due.Asset() && !t.Out.Equal(t.less())
	}},
	{"under", fault.CodeInvalidAmount, "The tolerance is in another asset than the amount due.", func(t *Terms) bool { return strange(t.Under, t.Due) }},
	{"under", fault.CodeInvalidAmount, "The tolerance must be at least zero and less than the amount due.", func(t *Terms) bool {
		return t.Under.Sign() < 0 || t.Due.Sub(t.Under).Sign() <= 0
	}},
	{"under", fault.CodeInvalidAmount, "An order with conversion tolerates no shortfall.", func(t *Terms) bool { return t.Under.Sign() > 0 && t.converts() }},
	{"over", fault.CodeInvalidAmount, "The tolerance is in another asset than the amount due.", func(t *Terms) bool { return strange(t.Over, t.Due) }},
	{"over", fault.CodeInvalidAmount, "The tolerance must not be negative.", func(t *Terms) bool { return t.Over.Sign() < 0 }},

	{"completeOnCollect", fault.CodeInvalidValue, "Only an instant delivery completes on collection.", func(t *Terms) bool { return t.CompleteOnCollect && !t.Instant }},
	{"confirmBy", fault.CodeInvalidValue, "Waiting for seen money needs an end after the deadline.", func(t *Terms) bool {
		return t.SeenWaits && !t.ConfirmBy.After(t.Deadline)
	}},
	{"deadline", fault.CodeInvalidValue, "An order collected from the balance has no deadline.", func(t *Terms) bool { return t.FromBalance && !t.Deadline.IsZero() }},
	{"sends", fault.CodeInvalidValue, "An instant delivery is not sent.", func(t *Terms) bool { return t.Instant && t.Sends != 0 }},
	{"sends", fault.CodeInvalidValue, "A delivery that is sent must be tried at least once.", func(t *Terms) bool { return !t.Instant && t.Sends < 1 }},

	{"book", fault.CodeInvalidValue, "Money in the merchant's own wallet can only be recorded as collected there.", func(t *Terms) bool {
		return t.Book.IsWallet() && (!t.Instant || t.Referral != (Referral{}) || t.FromBalance || t.CompleteOnCollect || t.converts() || t.To.Book() != t.Book)
	}},
	{"dueFollows", fault.CodeInvalidValue, "An amount that follows its payment has no fee, tolerance or conversion and need not fit.", func(t *Terms) bool {
		return t.DueFollows && (!t.Fee.IsZero() || t.Referral != (Referral{}) || !t.Under.IsZero() || t.converts() || t.Out.Sign() != 0 || t.Whole || t.FromBalance)
	}},
}

// strange says that an amount is given in another asset than the one expected.
func strange(a, expected money.Amount) bool {
	return !a.Asset().IsZero() && a.Asset() != expected.Asset()
}

func isAccount(a ledger.Account) bool {
	_, err := ledger.ParseAccount(string(a))
	return err == nil
}
