package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"till/internal/money"
)

// The Koywe API, and the merchant whose balance is paid out of.
const (
	koywePath = "/koywe/"
	signIn    = koywePath + "api/v1/auth/sign-in"
	ours      = koywePath + "api/v1/organizations/default/merchants/default"
	payouts   = ours + "/orders"
)

const (
	funds       = "1000000000000" // COP, so many that they never run out
	payoutText  = "1.25"          // COP, each; no amount that the sandbox plays tricks with
	payoutUnits = 125
	fundTime    = 30 * time.Second
	settleLimit = 10 * time.Minute // until every payout of a run is delivered
)

var cop = fiat("COP")

func fiat(code string) money.Asset {
	a, err := money.Fiat(code)
	if err != nil {
		panic("bench: " + err.Error())
	}
	return a
}

// paid is a line of the table of payouts.
type paid struct {
	cell
	count   int          // of all pairs, the warm-up's too
	fell    money.Amount // what the balance lost by them
	settled float64      // seconds after a run until the last of its payouts was delivered, median
	whole   float64      // microseconds of processor time for each payout until it is delivered, median
}

// payOut measures payouts from one balance on a new database, each run beside one of PayIn orders just before it, with as many clients.
// The server delivers while it takes payouts, on the sandbox's rail; what is left of that is waited for, so that it burdens no other run.
func (b *bench) payOut(ctx context.Context, on database, clients int) (c paid, err error) {
	s, close, err := b.open(ctx, on)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, close()) }()
	if err := s.signIn(ctx); err != nil {
		return c, err
	}
	first, err := s.fund(ctx)
	if err != nil {
		return c, err
	}
	account, err := s.bankAccount(ctx)
	if err != nil {
		return c, err
	}
	ask := payoutRequest(s.host(), s.token, account, b.seed)

	c = paid{cell: cell{database: on.name, clients: clients}}
	left, orders := first, 0
	var settled, whole []float64
	for range b.pairs {
		if err := b.stockFor(ctx, s, clients); err != nil {
			return c, err
		}
		var p pair
		if p.base, err = b.orders(ctx, s, clients); err != nil {
			return c, fmt.Errorf("orders: %w", err)
		}
		before, _, err := s.cpu()
		if err != nil {
			return c, err
		}
		b.markProfile(s.process)
		if p.own, err = b.load(ctx, s.process, ask, clients); err != nil {
			return c, err
		}
		b.markProfile(s.process)
		end := time.Now()
		left = left.Sub(money.FromInt(cop, int64(p.own.requests)*payoutUnits))
		if err := s.delivered(ctx, left); err != nil {
			return c, fmt.Errorf("after %d payouts: %w", p.own.requests, err)
		}
		settled = append(settled, time.Since(end).Seconds())
		after, _, err := s.cpu()
		if err != nil {
			return c, err
		}
		whole = append(whole, float64((after-before).Microseconds())/float64(p.own.requests))
		c.add(p)
		c.count, orders = c.count+p.own.requests, orders+p.base.requests
	}
	if err := s.has(ctx, orders); err != nil {
		return c, err
	}
	c.medians()
	c.fell = first.Sub(left)
	itself := func(v float64) float64 { return v }
	c.settled, c.whole = medianOf(settled, itself), medianOf(whole, itself)
	return c, nil
}

// payoutRequest asks for a payout to a bank account.
func payoutRequest(host, token, account string, seed uint64) request {
	reference := newReference(seed)
	body := fmt.Sprintf(`{"type":"PAYOUT","originCurrencySymbol":"COP","destinationCurrencySymbol":"COP","amountIn":%s,"destinationAccountId":%q,`+
		`"externalId":%q,"description":"Supplier 4711, invoice 17"}`, payoutText, account, reference)
	return newRequest(host, payouts, "Authorization: Bearer "+token, body, reference)
}

// ask calls the server with a body of JSON.
func (s *server) ask(ctx context.Context, path string, body, out any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return s.call(ctx, http.MethodPost, path, bytes.NewReader(text), out)
}

func (s *server) signIn(ctx context.Context) error {
	var said struct{ Token string }
	err := s.ask(ctx, signIn, s.pair, &said)
	s.token = said.Token
	return err
}

// fund pays into the merchant's balance, from outside, and waits for the money.
func (s *server) fund(ctx context.Context) (money.Amount, error) {
	var to struct {
		Number string `json:"virtualBankAccountNumber"`
	}
	if err := s.ask(ctx, ours+"/virtual-accounts", map[string]string{"country": "CO", "currency": "COP"}, &to); err != nil {
		return money.Amount{}, err
	}
	var simulated struct{ ID string }
	if err := s.ask(ctx, "/operator/v1/sandbox/payments", map[string]string{"reference": to.Number, "amount": funds, "currency": "COP"}, &simulated); err != nil {
		return money.Amount{}, err
	}
	want, err := money.Parse(cop, funds)
	if err != nil {
		return want, err
	}
	for deadline := time.Now().Add(fundTime); ; time.Sleep(20 * time.Millisecond) {
		available, _, err := s.balance(ctx)
		if err != nil || available.Equal(want) {
			return available, err
		}
		if time.Now().After(deadline) {
			return available, fmt.Errorf("the balance is %s and was to be funded with %s", available.Decimal(), funds)
		}
	}
}

// bankAccount registers one of the merchant's own that payouts go to.
func (s *server) bankAccount(ctx context.Context) (id string, err error) {
	var said struct{ ID string }
	err = s.ask(ctx, ours+"/accounts", map[string]string{
		"kind": "BANK", "name": "Supplier", "accountNumber": "12345678901", "countrySymbol": "CO", "currencySymbol": "COP", "entity": "1007", "type": "SAVINGS",
	}, &said)
	return said.ID, err
}

// balance is what can be spent, and what is held by orders or on its way out.
func (s *server) balance(ctx context.Context) (available, held money.Amount, err error) {
	var said []struct {
		Available string `json:"availableBalance"`
		Pending   string `json:"pendingBalance"`
		Reserved  string `json:"reservedBalance"`
	}
	if err := s.call(ctx, http.MethodGet, ours+"/accounts/balances?currency=COP", nil, &said); err != nil {
		return available, held, err
	}
	if len(said) != 1 {
		return available, held, fmt.Errorf("%d balances in COP", len(said))
	}
	var amounts [3]money.Amount
	for i, text := range []string{said[0].Available, said[0].Pending, said[0].Reserved} {
		if amounts[i], err = money.Parse(cop, text); err != nil {
			return available, held, err
		}
	}
	return amounts[0], amounts[1].Add(amounts[2]), nil
}

// delivered checks that the balance is what it must be as soon as the last payout was accepted, and still is when nothing is held by any
// of them or on its way: each took its amount once, and none gave it back.
func (s *server) delivered(ctx context.Context, want money.Amount) error {
	for deadline := time.Now().Add(settleLimit); ; time.Sleep(20 * time.Millisecond) {
		available, held, err := s.balance(ctx)
		if err != nil {
			return err
		}
		if !available.Equal(want) {
			return fmt.Errorf("the balance is %s and not %s", available.Decimal(), want.Decimal())
		}
		if held.IsZero() {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("of the payouts %s are not delivered after %s", held.Decimal(), settleLimit)
		}
	}
}
