package dev

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"till/internal/operator/client"
)

// funds is what the ready merchant's balances begin with, paid in from outside at the number of each country.
var funds = []struct{ country, currency, amount string }{
	{"CO", "COP", "500000000"},
	{"PE", "USD", "1000000"},
	{"CL", "CLP", "100000000"},
	{"BR", "BRL", "1000000"},
	{"MX", "MXN", "5000000"},
	{"PE", "PEN", "1000000"},
	{"AR", "ARS", "500000000"},
}

// fund pays money into the ready merchant's balances, as anybody could: to the numbers that its API gives out. A balance that
// was funded once stays as it is; a start that was interrupted is finished.
func (s *Server) fund(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	k := s.Info.Koywe
	var signed struct {
		Token string `json:"token"`
	}
	if err := ask(ctx, "", http.MethodPost, k.BaseURL+"/api/v1/auth/sign-in", map[string]string{"apiKey": k.APIKey, "secret": k.Secret}, &signed); err != nil {
		return err
	}
	ours := k.BaseURL + "/api/v1/organizations/" + k.OrganizationID + "/merchants/" + k.MerchantID
	operator := client.New(s.Info.Operator.URL, s.Info.Operator.Token, http.DefaultClient)
	for _, f := range funds {
		var to struct {
			Number string `json:"virtualBankAccountNumber"`
		}
		if err := ask(ctx, signed.Token, http.MethodPost, ours+"/virtual-accounts", map[string]string{"country": f.country, "currency": f.currency}, &to); err != nil {
			return err
		}
		_, err := operator.SimulatePayment(ctx, client.SimulatedPayment{Reference: to.Number, Amount: f.amount, Currency: f.currency, ID: "dev-funds-" + f.currency})
		if err != nil {
			return err
		}
	}
	for {
		var balances []struct {
			ID       string `json:"id"`
			Currency string `json:"currency"`
			Balance  string `json:"balance"`
		}
		if err := ask(ctx, signed.Token, http.MethodGet, ours+"/accounts/balances", nil, &balances); err != nil {
			return err
		}
		for _, b := range balances {
			if strings.Trim(b.Balance, "0.") != "" {
				k.FundedAccountIDs[b.Currency] = b.ID
			}
		}
		if len(k.FundedAccountIDs) >= len(funds) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("of %d balances %d were funded: %w", len(funds), len(k.FundedAccountIDs), ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// ask calls an API of this server; token "" is none.
func ask(ctx context.Context, token, method, url string, body, answer any) error {
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	return askAs(ctx, header, method, url, body, answer)
}

func askAs(ctx context.Context, header http.Header, method, url string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header = header
	r.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	if got.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s answered %s", method, url, got.Status)
	}
	return json.NewDecoder(got.Body).Decode(answer)
}
