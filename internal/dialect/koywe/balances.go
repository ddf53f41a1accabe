package koywe

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

func (d *Dialect) listBalances(r *http.Request, s engine.Scope) (answer, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	currency := q.currency()
	d.onlyNow(q)
	if q.err != nil {
		return answer{}, q.err
	}
	found, err := d.balancesOf(r.Context(), s, currency)
	if err != nil {
		return answer{}, err
	}
	list := make([]balanceBody, 0, len(found))
	for _, b := range found {
		list = append(list, d.balanceBodyOf(s, b))
	}
	return answer{http.StatusOK, list}, nil
}

func (d *Dialect) getBalance(r *http.Request, s engine.Scope) (answer, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	if d.onlyNow(q); q.err != nil {
		return answer{}, q.err
	}
	currency, is := virtualCurrency(s, r.PathValue("accountId"))
	if !is {
		return answer{}, fault.New(fault.CodeNotFound, "There is no balance under this id: only virtual accounts have one").On("accountId")
	}
	found, err := d.balancesOf(r.Context(), s, currency.Code())
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, d.balanceBodyOf(s, found[0])}, nil
}

// onlyNow refuses a date that is not today or later: what a balance was is in the reports.
func (d *Dialect) onlyNow(q *query) {
	if at := q.time("date", 0); !at.IsZero() && at.Before(d.now().UTC().Truncate(24 * time.Hour)) {
		q.refuse("date", "Past balances are in the ledger statement of the account; leave 'date' out for the newest")
	}
}

// balance is what a merchant has in a currency.
type balance struct {
	currency  money.Asset
	available money.Amount // can be spent
	pending   money.Amount // seen, or collected, and not delivered yet
	reserved  money.Amount // on its way out
}

// balancesOf are the scope's balances by currency, those that every merchant has and those with something in them; in
// one currency alone where that is not empty, which is there even with nothing in it.
func (d *Dialect) balancesOf(ctx context.Context, s engine.Scope, only string) ([]balance, error) {
	all := map[money.Asset]*balance{}
	of := func(a money.Asset) *balance {
		if all[a] == nil {
			all[a] = &balance{a, money.Zero(a), money.Zero(a), money.Zero(a)}
		}
		return all[a]
	}
	for _, code := range virtualCurrencies {
		currency, err := money.Fiat(code)
		if err != nil {
			return nil, err
		}
		of(currency)
	}
	if currency, err := money.Fiat(only); err == nil {
		of(currency)
	}
	lines, err := d.engine.Balances(ctx, s.Merchant, s.Mode)
	if err != nil {
		return nil, err
	}
	book := ledger.Owed(s.Merchant)
	for _, line := range lines {
		if line.Amount.Asset().Network() != "" {
			continue // what was not converted is no balance of this API
		}
		switch b := of(line.Amount.Asset()); line.Account {
		case book.Account(ledger.Merchant):
			b.available = b.available.Add(line.Amount)
		case book.Account(ledger.In):
			b.pending = b.pending.Add(line.Amount)
		case book.Account(ledger.Out):
			b.reserved = b.reserved.Add(line.Amount)
		}
	}
	if err := d.addSeen(ctx, s, of); err != nil {
		return nil, err
	}
	var list []balance
	for _, b := range all {
		if only == "" || b.currency.Code() == only {
			list = append(list, *b)
		}
	}
	slices.SortFunc(list, func(a, b balance) int { return strings.Compare(a.currency.Code(), b.currency.Code()) })
	return list, nil
}

// addSeen adds payments that are on their way: what they will bring, converted where the order converts.
func (d *Dialect) addSeen(ctx context.Context, s engine.Scope, of func(money.Asset) *balance) error {
	const limit = 500
	for page := 1; ; page++ {
		seen, err := d.engine.Payments(ctx, engine.PaymentFilter{
			Scopes: []engine.Scope{s, s.Arrivals()}, Ranks: []order.Rank{order.RankSeen}, Sort: engine.ByTold, Page: page, Limit: limit,
		}, engine.PaymentOwner{})
		if err != nil {
			return err
		}
		for _, p := range seen.Payments {
			amount := p.Amount
			if t := p.Order.Terms; !t.Out.IsZero() && t.Out.Asset() != t.Due.Asset() && amount.Asset() == t.Due.Asset() && amount.Cmp(t.Due) >= 0 {
				amount = t.Out
			}
			if amount.Asset().Network() == "" && !p.Order.State.Terminal() {
				b := of(amount.Asset())
				b.pending = b.pending.Add(amount)
			}
		}
		if len(seen.Payments) < limit {
			return nil
		}
	}
}

type balanceBody struct {
	ID               string  `json:"id"`
	AccountNumber    string  `json:"accountNumber"`
	Currency         string  `json:"currency"`
	Balance          string  `json:"balance"`
	AvailableBalance string  `json:"availableBalance"`
	PendingBalance   string  `json:"pendingBalance"`
	ReservedBalance  string  `json:"reservedBalance"`
	BalanceDate      string  `json:"balanceDate"`
	Address          *string `json:"address"`
	Network          *string `json:"network"`
	MerchantID       *string `json:"merchantId"`
	ContactID        *string `json:"contactId"`
}

func (d *Dialect) balanceBodyOf(s engine.Scope, b balance) balanceBody {
	return balanceBody{
		ID: virtualAccountID(s, b.currency), AccountNumber: virtualNumber(s, b.currency), Currency: b.currency.Code(), Balance: b.available.Decimal(),
		AvailableBalance: b.available.Decimal(), PendingBalance: b.pending.Decimal(), ReservedBalance: b.reserved.Decimal(),
		BalanceDate: wireTime(d.now()), MerchantID: &s.Merchant,
	}
}
