package dev

import (
	"context"
	"net/http"
	"net/url"

	"till/internal/dialect/glomo"
	"till/internal/engine"
	"till/internal/operator/client"
)

const (
	glomoEndpoint = "gl_dev"
	glomoCustomer = "asha@example.com"
)

// business gives the ready merchant keys of the Glomo API, a customer and an endpoint. Keys are new at each start; those of a
// start before on the same folder go on.
func (s *Server) business(ctx context.Context, keys Keys) error {
	operator := client.New(s.Info.Operator.URL, s.Info.Operator.Token, http.DefaultClient)
	ask := client.NewKey{Name: "dev", Merchant: merchant, Mode: string(engine.Sandbox), Dialect: glomo.Name}
	secret, err := operator.AddKey(ctx, ask)
	if err != nil {
		return err
	}
	ask.Publishable = true
	public, err := operator.AddKey(ctx, ask)
	if err != nil {
		return err
	}
	g := &s.Info.Glomo
	g.SecretKey, g.PublishableKey = secret.Key, public.Key
	if g.CustomerID, err = customer(ctx, g.BaseURL, g.SecretKey); err != nil {
		return err
	}
	return s.addEndpoint(ctx, keys, engine.Endpoint{
		ID: glomoEndpoint, Scope: engine.Scope{Merchant: merchant, Mode: engine.Sandbox, Dialect: glomo.Name}, URL: s.Info.Sink.URL + "/glomo",
	})
}

// customer is the ready one, who is made once.
func customer(ctx context.Context, base, key string) (string, error) {
	var there struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := ask(ctx, key, http.MethodGet, base+"/api/v1/customer?email_address="+url.QueryEscape(glomoCustomer), nil, &there); err != nil {
		return "", err
	}
	if len(there.Data) > 0 {
		return there.Data[0].ID, nil
	}
	var made struct {
		ID string `json:"id"`
	}
	err := ask(ctx, key, http.MethodPost, base+"/api/v1/customer", map[string]string{
		"name": "Asha Rao", "customer_type": "individual", "email": glomoCustomer, "phone": "+91-9023456789", "address": "12 MG Road",
		"city": "Bengaluru", "state": "Karnataka", "country": "IND", "pincode": "560001",
	}, &made)
	return made.ID, err
}
