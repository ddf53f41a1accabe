package koywe

import (
	"strconv"
	"time"

	"till/internal/engine"
)

type statementBody struct {
	AccountID      string         `json:"accountId"`
	MerchantID     string         `json:"merchantId"`
	Currency       string         `json:"currency"`
	From           string         `json:"from"`
	To             string         `json:"to"`
	OpeningBalance string         `json:"openingBalance"`
	ClosingBalance string         `json:"closingBalance"`
	TotalMovements int64          `json:"totalMovements"`
	Movements      []movementBody `json:"movements"`
	Periods        []periodBody   `json:"periods"`
	NextCursor     *string        `json:"nextCursor"`
}

type movementBody struct {
	LedgerEntryID  string  `json:"ledgerEntryId"`
	PostedAt       string  `json:"postedAt"`
	Type           string  `json:"type"` // credit, debit
	Amount         string  `json:"amount"`
	Currency       string  `json:"currency"`
	Description    string  `json:"description"`
	Category       string  `json:"category"`
	RunningBalance string  `json:"runningBalance"`
	OrderID        *string `json:"orderId"`
}

type periodBody struct {
	From           string `json:"from"`
	To             string `json:"to"`
	OpeningBalance string `json:"openingBalance"`
	ClosingBalance string `json:"closingBalance"`
	Movements      int64  `json:"movements"`
}

func statementOf(s engine.Scope, a engine.StatementAsk, found engine.Statement) statementBody {
	body := statementBody{
		AccountID: virtualAccountID(s, a.Balance.Asset), MerchantID: s.Merchant, Currency: a.Balance.Asset.Code(), From: dayOf(a.From), To: lastDay(a.Before),
		OpeningBalance: found.Opening.Decimal(), ClosingBalance: found.Closing.Decimal(), TotalMovements: found.Count,
		Movements: []movementBody{}, Periods: []periodBody{},
	}
	for _, l := range found.Lines {
		body.Movements = append(body.Movements, movementOf(s, l))
	}
	for _, p := range found.Periods {
		body.Periods = append(body.Periods, periodBody{dayOf(p.From), lastDay(p.Before), p.Opening.Decimal(), p.Closing.Decimal(), p.Count})
	}
	if found.More {
		body.NextCursor = new(body.Movements[len(body.Movements)-1].LedgerEntryID)
	}
	return body
}

func movementOf(s engine.Scope, l engine.Line) movementBody {
	body := movementBody{
		LedgerEntryID: strconv.FormatInt(l.N, 10), PostedAt: wireTime(l.At), Type: "credit", Amount: l.Amount.Decimal(), Currency: l.Amount.Asset().Code(),
		Description: described(s, l), Category: categoryOf(l), RunningBalance: l.Balance.Decimal(),
	}
	if l.Amount.Sign() < 0 {
		body.Type, body.Amount = "debit", l.Amount.Neg().Decimal()
	}
	if !receivesFrom(s, l) {
		body.OrderID = nullText(l.Order)
	}
	return body
}

type entryBody struct {
	LedgerEntryID string         `json:"ledgerEntryId"`
	AccountID     string         `json:"accountId"`
	Merchant      string         `json:"merchant"`
	PostedAt      string         `json:"postedAt"`
	Type          string         `json:"type"`
	Amount        string         `json:"amount"`
	Currency      string         `json:"currency"`
	BalanceBefore string         `json:"balanceBefore"`
	BalanceAfter  string         `json:"balanceAfter"`
	Description   string         `json:"description"`
	Category      string         `json:"category"`
	References    referencesBody `json:"references"`
}

// referencesBody is what an entry is about. There are no settlements here: each order is settled by itself.
type referencesBody struct {
	OrderID      *string `json:"orderId"`
	SettlementID *string `json:"settlementId"`
}

func entryOf(s engine.Scope, k engine.BalanceKey, l engine.Line) entryBody {
	m := movementOf(s, l)
	return entryBody{
		LedgerEntryID: m.LedgerEntryID, AccountID: virtualAccountID(s, k.Asset), Merchant: s.Merchant, PostedAt: m.PostedAt, Type: m.Type, Amount: m.Amount,
		Currency: m.Currency, BalanceBefore: l.Balance.Sub(l.Amount).Decimal(), BalanceAfter: m.RunningBalance, Description: m.Description, Category: m.Category,
		References: referencesBody{OrderID: m.OrderID},
	}
}

// The words of Koywe's ledger for why a balance moved. SETTLEMENT, FEE and TAX are among them too: here an order's fee is
// taken before its money reaches the balance, and nothing is settled later.
const (
	categoryReverse    = "REVERSE"
	categoryAdjustment = "ADJUSTMENT"
	categoryOther      = "OTHER"
)

// byRow is what a row of the state machine does to a balance, where that is not the order's own business: what was taken
// comes back, or somebody put the books right.
var byRow = map[string]string{
	"B4": categoryReverse, "T1": categoryReverse, "T5": categoryReverse, "T6": categoryReverse, "T7": categoryReverse, "T8": categoryReverse,
	"O5": categoryAdjustment, "B5": categoryAdjustment,
}

// byType is what each type of order does to a balance.
var byType = map[string]string{
	payIn: payIn, paymentLink: payIn, payOut: payOut, onRamp: onRamp, offRamp: offRamp, balanceTransfer: balanceTransfer, interMerchant: balanceTransfer,
}

func categoryOf(l engine.Line) string {
	if word, known := byRow[l.Row]; known {
		return word
	}
	if word, known := byType[l.Kind]; known {
		return word
	}
	if l.Scope.Dialect != "" && l.Scope == l.Scope.Owner().Arrivals() && l.Amount.Sign() > 0 {
		return payIn // it arrived at a receiving number, and nobody had asked for it
	}
	return categoryOther
}

// described says in a few words what a line is.
func described(s engine.Scope, l engine.Line) string {
	what := l.Kind
	if what == "" {
		what = categoryOf(l)
	}
	switch {
	case receivesFrom(s, l) && l.Amount.Sign() > 0:
		return "Transfer from another merchant"
	case receivesFrom(s, l):
		return "Transfer to another merchant taken back"
	case byRow[l.Row] == categoryReverse:
		return what + " " + l.Order + " reversed"
	case byRow[l.Row] == categoryAdjustment:
		return what + " " + l.Order + " adjusted"
	}
	return what + " " + l.Order
}

func dayOf(t time.Time) string { return t.Format(time.DateOnly) }

// lastDay is the last day before a time.
func lastDay(before time.Time) string { return before.Add(-time.Microsecond).Format(time.DateOnly) }
