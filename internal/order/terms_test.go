package order

import (
	"testing"
	"time"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
)

func TestTermsOfEveryKindHold(t *testing.T) {
	for name, terms := range kinds {
		if err := terms.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTermsCheck(t *testing.T) {
	for _, tt := range []struct {
		name   string
		kind   string
		change func(*Terms)
		param  string
		code   fault.Code
	}{
		{"no book", "chain to own wallet", func(t *Terms) { t.Book = "" }, "book", fault.CodeMissingField},
		{"no destination", "chain to own wallet", func(t *Terms) { t.To = "" }, "to", fault.CodeMissingField},
		{"no such destination", "one method to balance", func(t *Terms) { t.To = "owed/m1/pocket" }, "to", fault.CodeInvalidValue},
		{"nothing due", "one method to balance", func(t *Terms) { t.Due, t.Fee = euro(0), money.Amount{} }, "due", fault.CodeInvalidAmount},
		{"less than nothing due", "one method to balance", func(t *Terms) { t.Due, t.Fee = euro(-1), money.Amount{} }, "due", fault.CodeInvalidAmount},
		{"no due at all", "one method to balance", func(t *Terms) { t.Due, t.Fee = money.Amount{}, money.Amount{} }, "due", fault.CodeInvalidAmount},
		{"referral in another asset", "link with a referral", func(t *Terms) { t.Referral.Amount = money.FromInt(clp, 1) }, "referral", fault.CodeInvalidAmount},
		{"referral of nothing", "link with a referral", func(t *Terms) { t.Referral.Amount = euro(0) }, "referral", fault.CodeInvalidAmount},
		{"negative referral", "link with a referral", func(t *Terms) { t.Referral.Amount = euro(-1) }, "referral", fault.CodeInvalidAmount},
		{"referral to nobody", "link with a referral", func(t *Terms) { t.Referral.To = "" }, "referral", fault.CodeInvalidValue},
		{"referral to the house", "link with a referral", func(t *Terms) { t.Referral.To = ledger.House.Account(ledger.Fee) }, "referral", fault.CodeInvalidValue},
		{"referral of what is sent", "link with a referral", func(t *Terms) { t.Instant, t.CompleteOnCollect, t.Sends = false, false, 1 }, "referral", fault.CodeInvalidValue},
		{"referral out of the balance", "link with a referral", func(t *Terms) { t.FromBalance, t.Deadline = true, time.Time{} }, "referral", fault.CodeInvalidValue},
		{"fee and referral eat all", "link with a referral", func(t *Terms) { t.Referral.Amount = euro(950) }, "fee", fault.CodeInvalidAmount},
		{"arrival with a referral", "standing instruction", func(t *Terms) { t.Referral = kinds["link with a referral"].Referral }, "dueFollows", fault.CodeInvalidValue},
		{"own wallet pays a referral", "chain to own wallet", func(t *Terms) {
			t.Referral = Referral{To: ledger.Owed("m3").Account(ledger.Merchant), Amount: money.FromInt(usdt, 1)}
		}, "book", fault.CodeInvalidValue},
		{"fee in another asset", "one method to balance", func(t *Terms) { t.Fee = money.FromInt(clp, 1) }, "fee", fault.CodeInvalidAmount},
		{"negative fee", "one method to balance", func(t *Terms) { t.Fee = euro(-1) }, "fee", fault.CodeInvalidAmount},
		{"fee eats all", "one method to balance", func(t *Terms) { t.Fee = t.Due }, "fee", fault.CodeInvalidAmount},
		{"nothing delivered", "chain to balance", func(t *Terms) { t.Out = euro(0) }, "out", fault.CodeInvalidAmount},
		{"delivered is not due less fee", "one method to balance", func(t *Terms) { t.Out = euro(1000) }, "out", fault.CodeInvalidAmount},
		{"tolerance in another asset", "chain to fulfilment", func(t *Terms) { t.Under = euro(1) }, "under", fault.CodeInvalidAmount},
		{"negative tolerance", "chain to fulfilment", func(t *Terms) { t.Under = money.FromInt(usdt, -1) }, "under", fault.CodeInvalidAmount},
		{"tolerates everything", "chain to fulfilment", func(t *Terms) { t.Under = t.Due }, "under", fault.CodeInvalidAmount},
		{"tolerance with conversion", "chain to balance", func(t *Terms) { t.Under = money.FromInt(usdt, 1) }, "under", fault.CodeInvalidAmount},
		{"surplus in another asset", "chain to fulfilment", func(t *Terms) { t.Over = euro(1) }, "over", fault.CodeInvalidAmount},
		{"negative surplus", "chain to fulfilment", func(t *Terms) { t.Over = money.FromInt(usdt, -1) }, "over", fault.CodeInvalidAmount},
		{"completes on collection, delivers later", "link, funds may wait", func(t *Terms) { t.Instant, t.Sends = false, 1 }, "completeOnCollect", fault.CodeInvalidValue},
		{"waits for seen money without end", "chain to fulfilment", func(t *Terms) { t.ConfirmBy = t.Deadline }, "confirmBy", fault.CodeInvalidValue},
		{"balance with a deadline", "balance to bank", func(t *Terms) { t.Deadline = at(900) }, "deadline", fault.CodeInvalidValue},
		{"instant and sent", "one method to balance", func(t *Terms) { t.Sends = 1 }, "sends", fault.CodeInvalidValue},
		{"never sent", "one method to bank", func(t *Terms) { t.Sends = 0 }, "sends", fault.CodeInvalidValue},
		{"own wallet delivers elsewhere", "chain to own wallet", func(t *Terms) { t.To = balance.Account(ledger.Merchant) }, "book", fault.CodeInvalidValue},
		{"own wallet sends", "chain to own wallet", func(t *Terms) { t.Instant, t.Sends = false, 1 }, "book", fault.CodeInvalidValue},
		{"own wallet withholds", "chain to own wallet", func(t *Terms) { t.CompleteOnCollect = true }, "book", fault.CodeInvalidValue},
		{"own wallet converts", "chain to own wallet", func(t *Terms) { t.Out = euro(5) }, "book", fault.CodeInvalidValue},
		{"own wallet is a balance", "chain to own wallet", func(t *Terms) { t.Deadline, t.SeenWaits, t.FromBalance = time.Time{}, false, true }, "book", fault.CodeInvalidValue},
		{"arrival with a fee", "standing instruction", func(t *Terms) { t.Fee = euro(1) }, "dueFollows", fault.CodeInvalidValue},
		{"arrival that must fit", "standing instruction", func(t *Terms) { t.Whole = true }, "dueFollows", fault.CodeInvalidValue},
		{"arrival with a tolerance", "standing instruction", func(t *Terms) { t.Under = euro(1) }, "dueFollows", fault.CodeInvalidValue},
		{"arrival from the balance", "standing instruction", func(t *Terms) { t.FromBalance = true }, "dueFollows", fault.CodeInvalidValue},
	} {
		t.Run(tt.name, func(t *testing.T) {
			terms := kinds[tt.kind]
			tt.change(&terms)
			f, ok := fault.As(terms.Check())
			if !ok || f.Param != tt.param || f.Code != tt.code || f.Message == "" {
				t.Errorf("got %v", f)
			}
		})
	}
}
