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
	currency, at := q.currency(d, s.Mode), q.balanceDate()
	if q.Err() != nil {
		return answer{}, q.Err()
	}
	found, err := d.balancesAt(r.Context(), s, currency, at)
	if err != nil {
		return answer{}, err
	}
	list := make([]balanceBody, 0, len(found))
	for _, b := range found {
		list = append(list, d.balanceBodyOf(s, b, at))
	}
	return answer{http.StatusOK, list}, nil
}

func (d *Dialect) getBalance(r *http.Request, s engine.Scope) (answer, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	at := q.balanceDate()
	if q.Err() != nil {
		return answer{}, q.Err()
	}
	currency, is := virtualCurrency(s, r.PathValue("accountId"))
	if !is {
		return answer{}, fault.New(fault.CodeNotFound, "There is no balance under this id: only virtual accounts have one").On("accountId")
	}
	found, err := d.balancesAt(r.Context(), s, currency.Code(), at)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, d.balanceBodyOf(s, found[0], at)}, nil
}

// balanceDate is the moment of which balances are asked, a day's end where it is a day; zero: now.
func (q *query) balanceDate() time.Time { return q.time("date", time.Millisecond-time.Microsecond) }

// balancesAt are the scope's balances as they were at a time on the mode's clock. Of the past only what could be spent
// is known; the zero time is now.
func (d *Dialect) balancesAt(ctx context.Context, s engine.Scope, only string, at time.Time) ([]balance, error) {
	list, err := d.balancesOf(ctx, s, only)
	if err != nil || at.IsZero() {
		return list, err
	}
	for i := range list {
		b := &list[i]
		key := engine.BalanceKey{Account: ledger.Owed(s.Merchant).Account(ledger.Merchant), Asset: b.currency, Mode: s.Mode}
		if b.available, err = d.engine.BalanceAt(ctx, key, at); err != nil {
			return nil, err
		}
	}
	return list, nil
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
	PendingBalance   *string `json:"pendingBalance"`
	ReservedBalance  *string `json:"reservedBalance"`
	BalanceDate      string  `json:"balanceDate"`
	Address          *string `json:"address"`
	Network          *string `json:"network"`
	MerchantID       *string `json:"merchantId"`
	ContactID        *string `json:"contactId"`
}

// balanceBodyOf is a balance as it was at a time; zero: now.
func (d *Dialect) balanceBodyOf(s engine.Scope, b balance, at time.Time) balanceBody {
	body := balanceBody{
		ID: virtualAccountID(s, b.currency), AccountNumber: virtualNumber(s, b.currency), Currency: b.currency.Code(), Balance: b.available.Decimal(),
		AvailableBalance: b.available.Decimal(), BalanceDate: wireTime(at), MerchantID: &s.Merchant,
	}
	if at.IsZero() {
		body.BalanceDate = wireTime(d.now())
		body.PendingBalance, body.ReservedBalance = new(b.pending.Decimal()), new(b.reserved.Decimal())
	}
	return body
}
