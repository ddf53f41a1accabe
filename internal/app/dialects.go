package app

import (
	"context"

	"till/internal/auth"
	"till/internal/dialect"
	"till/internal/dialect/baanx"
	"till/internal/dialect/glomo"
	"till/internal/dialect/koywe"
	"till/internal/dialect/payin"
	"till/internal/engine"
	"till/internal/rail/evm"
	"till/internal/rail/sandbox"
	"till/internal/worker"
)

// dialects lists the APIs that are served. A new one gets its line here.
func dialects(a *App, keyring *auth.Auth, cfg Config) ([]dialect.Dialect, error) {
	public := a.publicURL(cfg)
	checkURL := func(url string) error {
		_, err := cfg.Guard.CheckURL(url)
		return err
	}
	sending := func(endpointIDs []string) (now, most int) { return a.workers.Send.Attempts(endpointIDs) }
	sign, err := cfg.Box.Derive("tokens/" + koywe.Name)
	if err != nil {
		return nil, err
	}
	tokens := auth.NewTokens(auth.TokensConfig{Auth: keyring, Keys: keys{a.store}, Store: a.store, Sign: sign, API: koywe.Name, Now: cfg.Now})
	grants, err := cfg.Box.Derive("grants/" + baanx.Name)
	if err != nil {
		return nil, err
	}
	shop, err := baanx.New(baanx.Config{
		Engine: a.Engine, Auth: keyring, Grants: a.grants, SignKeys: grants, Kit: a.pages, SendCode: a.sendCode(cfg), Later: func(errand func(ctx context.Context) error) bool { return a.errands.later(errand) }, Issuer: issuerOf(cfg.Baanx.Issuer),
		PublicURL: below(public, baanx.Name), DocumentedAt: cfg.Baanx.DocumentedAt, Now: cfg.Now, Random: cfg.Random, Log: cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	a.shop = shop
	a.signing = newSigning(a.Engine, cfg.Box, glomo.Name, cfg.NewSigningKey)
	a.signedKeys = auth.NewSignedKeys(auth.SignedKeysConfig{Auth: keyring, Signing: a.signing, API: glomo.Name, Now: cfg.Now, Random: cfg.Random})
	return []dialect.Dialect{
		payin.New(payin.Config{
			Engine: a.Engine, Auth: keyring, People: a.people, Limits: cfg.PayIn, NewKey: a.newKeyOf(payin.Name), ParseAddress: evm.ParseAddress,
			CheckURL: checkURL, Seal: a.Seal, Sending: sending,
			Now: cfg.Now, Version: cfg.Version, PublicURL: below(public, payin.Name), Random: cfg.Random, Log: cfg.Log,
		}),
		koywe.New(koywe.Config{
			Engine: a.Engine, Tokens: tokens, CheckURL: checkURL, Seal: a.Seal,
			PublicURL: below(public, koywe.Name), Now: cfg.Now, Random: cfg.Random, Log: cfg.Log,
		}),
		glomo.New(glomo.Config{
			Engine: a.Engine, Keys: a.signedKeys, SecretKey: a.secretKey, Auth: keyring, Currencies: cfg.Currencies, PublicURL: below(public, glomo.Name), Now: cfg.Now, Random: cfg.Random, Log: cfg.Log,
			Play: func(ctx context.Context, p glomo.Play) error {
				_, err := a.sandbox.Pay(ctx, sandbox.Payment{ID: p.ID, Reference: p.Reference, Amount: p.Amount, From: p.Account, Name: p.Name})
				return err
			},
		}),
		shop,
	}, nil
}

// newKeyOf makes keys of one API.
func (a *App) newKeyOf(dialect string) func(m engine.Mode) (key, hash, shown string, err error) {
	return func(m engine.Mode) (key, hash, shown string, err error) {
		made, err := NewKey(dialect, m, a.draw)
		return made.Key, made.Hash, made.Shown, err
	}
}

// below is the URL of an API's mount; "" where nobody said where the server is reached.
func below(public, name string) string {
	if public == "" {
		return ""
	}
	return public + "/" + name
}

var _ worker.PoolTeller = (*payin.Dialect)(nil) // what the workers look for in an API and need not find

// forgetters is the APIs that keep more of a customer than his id.
func forgetters(list []dialect.Dialect) map[string]engine.Forgetter {
	out := map[string]engine.Forgetter{}
	for _, d := range list {
		if f, ok := d.(engine.Forgetter); ok {
			out[d.Name()] = f
		}
	}
	return out
}

// tellers is the dialects as the webhook workers see them.
func tellers(list []dialect.Dialect) map[string]worker.Teller {
	out := map[string]worker.Teller{}
	for _, d := range list {
		out[d.Name()] = d
	}
	return out
}
