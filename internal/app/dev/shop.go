package dev

import (
	"context"
	"errors"
	"net/http"
	"time"

	"till/internal/app"
	"till/internal/dialect/baanx"
	"till/internal/engine"
	"till/internal/money"
	"till/internal/operator/client"
	"till/internal/webhook"
)

// What the ready merchant sells to a user who has logged in.
const (
	keyDevBaanx   = "key_dev_baanx"
	baanxEmail    = "ana@example.com"
	baanxEndpoint = "bx_dev"
)

var baanxProducts = []string{"PREMIUM_SUBSCRIPTION", "METAL_CARD"}

// products are two, paid in USDC on the chain or through the simulated gateway, and handed over by the receiver of webhooks.
func (s *Server) products(keys Keys, tools string) (list []app.Product) {
	usd, err := money.Fiat("USD")
	if err != nil {
		panic(err) // the table has it
	}
	for i, code := range baanxProducts {
		list = append(list, app.Product{Secret: webhook.Secret(keys.WebhookSecret), Product: engine.Product{
			Code: code, Scope: engine.Scope{Merchant: merchant, Mode: engine.Sandbox, Dialect: baanx.Name},
			Description: []string{"Premium subscription", "Metal card"}[i], Active: true, Price: money.FromInt(usd, []int64{4999, 19900}[i]),
			Network: network, Token: "USDC", Gateway: app.SandboxGateway, TTL: time.Hour,
			Eligibility: engine.Eligibility{Verified: true}, Fulfilment: engine.Fulfilment{Kind: engine.FulfilByWebhook, URL: tools + "/sink/hook/baanx/fulfil"},
		}})
	}
	return list
}

// shop makes the application and its user, once, and logs the user in.
func (s *Server) shop(ctx context.Context, keys Keys) error {
	operator := client.New(s.Info.Operator.URL, s.Info.Operator.Token, http.DefaultClient)
	if _, err := operator.SaveApplication(ctx, keyDevBaanx, client.NewApplication{Name: "Dev shop", RedirectURIs: []string{s.Info.Baanx.RedirectURI}}); err != nil {
		return err
	}
	_, err := operator.ImportUsers(ctx, client.UserImport{Merchant: merchant, Mode: string(engine.Sandbox), Dialect: baanx.Name, Users: []client.NewUser{
		{Email: baanxEmail, Password: keys.BaanxPassword, Verification: string(engine.Verified), Country: "US"},
	}})
	if err != nil {
		return err
	}
	var got struct {
		AccessToken string `json:"accessToken"`
	}
	login := map[string]string{"email": baanxEmail, "password": keys.BaanxPassword}
	if err := askAs(ctx, http.Header{"X-Client-Id": {keys.BaanxClient}}, http.MethodPost, s.Info.Baanx.BaseURL+"/v1/auth/login", login, &got); err != nil {
		return err
	}
	if s.Info.Baanx.AccessToken = got.AccessToken; got.AccessToken == "" {
		return errors.New("the user's login gave no token")
	}
	return s.addEndpoint(ctx, keys, engine.Endpoint{
		ID: baanxEndpoint, Scope: engine.Scope{Merchant: merchant, Mode: engine.Sandbox, Dialect: baanx.Name}, URL: s.Info.Sink.URL + "/baanx",
	})
}
