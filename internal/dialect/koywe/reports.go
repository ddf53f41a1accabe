package koywe

import (
	"net/http"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
)

// reportsRoutes are what happened on one of a merchant's balances. Every number comes from the lines that the ledger
// wrote with its postings, so that a statement adds up however it is cut.
func (d *Dialect) reportsRoutes() []route {
	const read = "reports:read"
	return []route{
		{http.MethodGet, ofM + "/accounts/{accountId}/reports/orders", read, d.ordersReport},
		{http.MethodGet, ofM + "/accounts/{accountId}/reports/ledger-statement", read, d.ledgerStatement},
		{http.MethodGet, ofM + "/accounts/{accountId}/reports/ledger-entry/{ledgerEntryId}", read, d.ledgerEntry},
	}
}

func (d *Dialect) ledgerStatement(r *http.Request, s engine.Scope) (answer, error) {
	k, err := reportedBalance(r, s)
	if err != nil {
		return answer{}, err
	}
	asked, err := decodeStatement(r)
	if err != nil {
		return answer{}, err
	}
	asked.Balance = k
	found, err := d.engine.Statement(r.Context(), asked)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, statementOf(s, asked, found)}, nil
}

func (d *Dialect) ledgerEntry(r *http.Request, s engine.Scope) (answer, error) {
	k, err := reportedBalance(r, s)
	if err != nil {
		return answer{}, err
	}
	n, known := entryNumber(r.PathValue("ledgerEntryId"))
	if !known {
		return answer{}, noEntry()
	}
	line, err := d.engine.Line(r.Context(), k, n)
	if fault.Is(err, fault.CodeNotFound) {
		return answer{}, noEntry()
	}
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, entryOf(s, k, line)}, nil
}

// reportedBalance is the balance that a path names. Other accounts have no books here.
func reportedBalance(r *http.Request, s engine.Scope) (engine.BalanceKey, error) {
	currency, is := virtualCurrency(s, r.PathValue("accountId"))
	if !is {
		return engine.BalanceKey{}, fault.New(fault.CodeNotFound, "There are no reports under this id: only virtual accounts have them").On("accountId")
	}
	return spendable(s, currency), nil
}

func noEntry() error {
	return fault.New(fault.CodeNotFound, "Ledger entry not found").On("ledgerEntryId")
}

// receivesFrom says whether a line is of another merchant's order: what that one is called is his.
func receivesFrom(s engine.Scope, l engine.Line) bool {
	return l.Order != "" && l.Scope.Merchant != s.Merchant || l.Other.Book() != "" && l.Other.Book() != ledger.House && l.Other.Book() != ledger.Owed(s.Merchant)
}
