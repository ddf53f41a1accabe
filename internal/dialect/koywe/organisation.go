package koywe

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
)

// organisationRoutes is what an organization sees of all its merchants at once.
func (d *Dialect) organisationRoutes() []route {
	return []route{
		{http.MethodGet, ofO + "/balances", "accounts:read", d.organisationBalances},
	}
}

// baseCurrency is what an organization's balances are worth together; Koywe knows no other.
const baseCurrency = "USD"

// maxLooks is how many balances one answer looks up: merchants times currencies times days.
const maxLooks = 20_000

// organisationAsk is which balances of an organization are asked for.
type organisationAsk struct {
	merchants []string // none: all
	days      []time.Time
	at        time.Time // of the balances themselves, on the mode's clock; zero: now
	breakdown bool
}

func (d *Dialect) organisationBalances(r *http.Request, s engine.Scope) (answer, error) {
	clock, err := d.engine.Clock(r.Context(), s.Mode)
	if err != nil {
		return answer{}, err
	}
	now := clock.Shift(d.now())
	asked, err := decodeOrganisationBalances(r, now)
	if err != nil {
		return answer{}, err
	}
	merchants, err := d.merchantsOf(r.Context(), s, asked.merchants)
	if err != nil {
		return answer{}, err
	}
	body, err := d.sumUp(r.Context(), s, merchants, asked, now)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, body}, nil
}

func decodeOrganisationBalances(r *http.Request, now time.Time) (a organisationAsk, err error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return a, err
	}
	if list := q.Text("merchantIds"); list != "" {
		a.merchants = strings.Split(list, ",")
	}
	q.word("baseCurrency", baseCurrency)
	a.breakdown = q.flag("includeMerchantBreakdown", false)
	today := now.UTC().Truncate(24 * time.Hour)
	last := today
	if q.flag("excludeToday", false) {
		last = today.AddDate(0, 0, -1)
		a.at = today.Add(-time.Microsecond)
	}
	if at := q.time("date", shownTime-time.Microsecond); !at.IsZero() {
		a.at = at
	}
	if period := q.Text("period"); period != "" {
		n, err := strconv.Atoi(strings.TrimSuffix(period, "d"))
		switch {
		case q.Text("date") != "":
			q.Refuse("period", "The parameter 'period' excludes 'date'")
		case err != nil || n < 1 || n > maxReportDays || strconv.Itoa(n)+"d" != period:
			q.Refuse("period", fmt.Sprintf("The parameter 'period' must be 1d to %dd", maxReportDays))
		default:
			for day := last.AddDate(0, 0, 1-n); !day.After(last); day = day.AddDate(0, 0, 1) {
				a.days = append(a.days, day)
			}
		}
	}
	return a, q.Err()
}

// merchantsOf are the organization's merchants, or those of them that are asked for.
func (d *Dialect) merchantsOf(ctx context.Context, s engine.Scope, only []string) (list []string, err error) {
	organisation, _ := s.Organisation()
	all, err := d.engine.Merchants(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		if m.Organisation == organisation && (len(only) == 0 || slices.Contains(only, m.ID)) {
			list = append(list, m.ID)
		}
	}
	for _, id := range only {
		if !slices.Contains(list, id) {
			return nil, numbered{fault.New(fault.CodeInvalidPage, "The organization has no merchant '"+id+"'").On("merchantIds"), numberMerchant}
		}
	}
	return list, nil
}

// held is what is held in each currency.
type held map[money.Asset]money.Amount

func (h held) add(a money.Amount) {
	sum, known := h[a.Asset()]
	if !known {
		sum = money.Zero(a.Asset())
	}
	h[a.Asset()] = sum.Add(a)
}

type organisationBody struct {
	OrganizationID string             `json:"organizationId"`
	BaseCurrency   string             `json:"baseCurrency"`
	BalanceDate    string             `json:"balanceDate"`
	Balances       []heldBody         `json:"balances"`
	TotalInBase    *string            `json:"totalInBaseCurrency"`
	Merchants      []merchantHeldBody `json:"merchants,omitempty"`
	History        []dayHeldBody      `json:"history,omitempty"`
}

type heldBody struct {
	Currency string  `json:"currency"`
	Balance  string  `json:"balance"`
	InBase   *string `json:"balanceInBaseCurrency"`
}

type merchantHeldBody struct {
	MerchantID  string     `json:"merchantId"`
	Balances    []heldBody `json:"balances"`
	TotalInBase *string    `json:"totalInBaseCurrency"`
}

type dayHeldBody struct {
	Date     string     `json:"date"`
	Balances []heldBody `json:"balances"`
}

// sumUp adds up what the merchants can spend, now or at a time, and at the end of each day.
func (d *Dialect) sumUp(ctx context.Context, s engine.Scope, merchants []string, a organisationAsk, now time.Time) (organisationBody, error) {
	organisation, _ := s.Organisation()
	body := organisationBody{OrganizationID: organisation, BaseCurrency: baseCurrency, BalanceDate: wireTime(now)}
	if !a.at.IsZero() {
		body.BalanceDate = wireTime(a.at)
	}
	var keys []engine.BalanceKey
	sum := held{}
	for _, m := range merchants {
		own, err := d.balancesHeld(ctx, engine.Scope{Merchant: m, Mode: s.Mode, Dialect: s.Dialect})
		if err != nil {
			return body, err
		}
		keys = append(keys, own...)
		has, err := d.heldAt(ctx, own, a.at)
		if err != nil {
			return body, err
		}
		for _, amount := range has {
			sum.add(amount)
		}
		if a.breakdown {
			list, total, err := d.inBase(ctx, has)
			if err != nil {
				return body, err
			}
			body.Merchants = append(body.Merchants, merchantHeldBody{m, list, total})
		}
	}
	var err error
	if body.Balances, body.TotalInBase, err = d.inBase(ctx, sum); err != nil {
		return body, err
	}
	if len(keys)*len(a.days) > maxLooks {
		return body, fault.New(fault.CodeInvalidPage, "The period is too long for so many merchants: ask for fewer of either").On("period")
	}
	for _, day := range a.days {
		end := day.AddDate(0, 0, 1).Add(-time.Microsecond)
		has, err := d.heldAt(ctx, keys, end)
		if err != nil {
			return body, err
		}
		body.History = append(body.History, dayHeldBody{dayOf(day), listHeld(has)})
	}
	return body, nil
}

// balancesHeld are the balances of a merchant that something ever moved.
func (d *Dialect) balancesHeld(ctx context.Context, s engine.Scope) (keys []engine.BalanceKey, err error) {
	list, err := d.engine.Balances(ctx, s.Merchant, s.Mode)
	for _, b := range list {
		if b.Account == ledger.Owed(s.Merchant).Account(ledger.Merchant) && b.Amount.Asset().Network() == "" {
			keys = append(keys, spendable(s, b.Amount.Asset()))
		}
	}
	return keys, err
}

func (d *Dialect) heldAt(ctx context.Context, keys []engine.BalanceKey, at time.Time) (held, error) {
	sum := held{}
	for _, k := range keys {
		stood, err := d.engine.BalanceAt(ctx, k, at)
		if err != nil {
			return nil, err
		}
		sum.add(stood)
	}
	return sum, nil
}

// listHeld is what is held by currency.
func listHeld(has held) []heldBody {
	list := []heldBody{}
	for _, a := range has {
		list = append(list, heldBody{Currency: a.Asset().Code(), Balance: a.Decimal()})
	}
	slices.SortFunc(list, func(a, b heldBody) int { return strings.Compare(a.Currency, b.Currency) })
	return list
}

// inBase is what is held with its worth in the base currency by the rates of now, and the worth of all together: null
// where something has no rate.
func (d *Dialect) inBase(ctx context.Context, has held) ([]heldBody, *string, error) {
	base, err := money.Fiat(baseCurrency)
	if err != nil {
		return nil, nil, err
	}
	worth, err := d.engine.Worth(ctx, slices.Collect(maps.Values(has)), base, d.now())
	if err != nil {
		return nil, nil, err
	}
	total, rated := money.Zero(base), true
	inBase := map[string]*string{}
	for asset, a := range has {
		w, known := worth[asset]
		if !known && !a.IsZero() {
			rated = false
			continue
		}
		total = total.Add(w)
		if known {
			inBase[asset.Code()] = new(w.Decimal())
		}
	}
	list := listHeld(has)
	for i := range list {
		list[i].InBase = inBase[list[i].Currency]
	}
	if !rated {
		return list, nil, nil
	}
	return list, new(total.Decimal()), nil
}
