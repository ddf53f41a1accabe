package app

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"

	"till/internal/auth"
	"till/internal/dialect/glomo"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator"
	"till/internal/operator/client"
	"till/internal/rail/evm"
	"till/internal/rail/sandbox"
	"till/internal/secrets"
	"till/internal/webhook"
	"till/internal/worker"
)

// operatorAPI is the operator API with what it takes from the rest of the program.
func operatorAPI(a *App, keys *auth.Auth, cfg Config) http.Handler {
	var names, organisations []string
	for _, d := range a.dialects {
		names = append(names, d.Name())
		if keyForms[d.Name()].pair {
			organisations = append(organisations, d.Name())
		}
	}
	var reporters []operator.Reporter
	for _, d := range a.dialects {
		if r, ok := d.(operator.Reporter); ok {
			reporters = append(reporters, r)
		}
	}
	return operator.Handler(operator.Config{
		Engine: a.Engine, Auth: keys, People: a.people, Now: cfg.Now, Log: cfg.Log, Dialects: names, Organisations: organisations,
		NewKey: a.newKey,
		RotateSigning: func(ctx context.Context, by *engine.Engine, dialect string) (engine.SigningKey, error) {
			if dialect != a.signing.api {
				return engine.SigningKey{}, fault.New(fault.CodeInvalidValue, "this API does not sign its keys").On("dialect")
			}
			return a.signing.Rotate(ctx, by)
		},
		NewEndpoint: a.newEndpoint,
		NewSecret:   a.newSecret,
		CheckURL: func(url string) error {
			_, err := cfg.Guard.CheckURL(url)
			return err
		},
		ParseAddress: parseAddress,
		Pay: func(ctx context.Context, p operator.Payment) (string, error) {
			return a.sandbox.Pay(ctx, sandbox.Payment{ID: p.ID, Reference: p.Reference, Amount: p.Amount, Rank: p.Rank, From: p.From, Name: p.Name})
		},
		Banks: a.operatorBanks(cfg.Banks), Reporters: reporters,
		Shop: operator.Shop{
			SealProduct: func(s engine.Scope, code string) (string, string, error) {
				raw, err := a.draw(secretBytes)
				if err != nil {
					return "", "", err
				}
				secret := "whsec_" + base64.StdEncoding.EncodeToString(raw)
				sealed, err := a.SealProduct(s, code, webhook.Secret(secret))
				return secret, sealed, err
			},
			HashPassword: a.grants.HashPassword,
			NewApplicationSecret: func() (string, string, error) {
				raw, err := a.draw(secretBytes)
				if err != nil {
					return "", "", err
				}
				secret := hex.EncodeToString(raw)
				return secret, secrets.Hash(secret), nil
			},
			EndTokens: func(ctx context.Context, user string) error {
				return a.grants.End(ctx, user, func(auth.Session) bool { return true })
			},
			NewID: func() (string, error) {
				raw, err := a.draw(uuidBytes)
				if err != nil {
					return "", err
				}
				raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80 // RFC 9562, version 4
				return fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:]), nil
			},
		},
		Jobs: func() []client.Job { return jobsOf(a.Health()) },
	})
}

// newKey makes a key of an API, or an operator's token for "".
func (a *App) newKey(ctx context.Context, n operator.KeyFor) (operator.NewKey, error) {
	switch {
	case n.Dialect == glomo.Name:
		return a.newSignedKey(ctx, n)
	case n.Publishable:
		return operator.NewKey{}, errNoPublishable()
	}
	return NewKey(n.Dialect, n.Mode, a.draw)
}

// NewKey makes a key of an API ("" for the operator API) of as many random bytes as it draws.
//
// Error: invalid_value (Param: dialect) when the API has no keys.
func NewKey(dialect string, m engine.Mode, draw func(n int) ([]byte, error)) (operator.NewKey, error) {
	if dialect == "" {
		raw, err := draw(operatorBytes)
		if err != nil {
			return operator.NewKey{}, err
		}
		key := secrets.Text("op_" + hex.EncodeToString(raw))
		return operator.NewKey{Key: key.Reveal(), Hash: secrets.Hash(key.Reveal()), Shown: shown(key, len("op_"))}, nil
	}
	form, known := keyForms[dialect]
	if !known {
		return operator.NewKey{}, fault.New(fault.CodeInvalidValue, "this API has no keys").On("dialect")
	}
	raw, err := draw(form.size())
	if err != nil {
		return operator.NewKey{}, err
	}
	key := form.key(m, raw)
	made := operator.NewKey{Key: key.Reveal(), Hash: secrets.Hash(key.Reveal()), Shown: form.shown(key, m)}
	if form.pair {
		made.Key, made.Secret = parts(key)
	}
	return made, nil
}

// The random bytes of an endpoint's id and of its secret. The secret's form is that of Standard Webhooks.
const (
	endpointBytes = 12
	secretBytes   = 32
)

func (a *App) newEndpoint() (operator.NewEndpoint, error) {
	raw, err := a.draw(endpointBytes)
	if err != nil {
		return operator.NewEndpoint{}, err
	}
	return a.newSecret("ep_" + hex.EncodeToString(raw))
}

// newSecret makes a secret for an endpoint.
func (a *App) newSecret(endpoint string) (operator.NewEndpoint, error) {
	raw, err := a.draw(secretBytes)
	if err != nil {
		return operator.NewEndpoint{}, err
	}
	secret := webhook.Secret("whsec_" + base64.StdEncoding.EncodeToString(raw))
	sealed, err := a.Seal(endpoint, secret)
	return operator.NewEndpoint{ID: endpoint, Secret: secret.Reveal(), Sealed: sealed}, err
}

func (a *App) draw(size int) ([]byte, error) {
	raw := make([]byte, size)
	_, err := io.ReadFull(a.random, raw)
	return raw, err
}

// parseAddress gives an address of a family its canonical spelling. A new family gets its case here.
func parseAddress(f engine.Family, text string) (string, error) {
	if f != engine.EVM {
		return "", fault.New(fault.CodeInvalidValue, "there are no addresses of this family").On("family")
	}
	value, checksumOK, err := evm.ParseAddress(text)
	if errors.Is(err, evm.ErrAddress) {
		return "", fault.New(fault.CodeInvalidAddress, err.Error())
	}
	if err == nil && !checksumOK {
		err = fault.New(fault.CodeInvalidAddress, "its upper and lower case do not fit (EIP-55): it is probably mistyped")
	}
	return value, err
}

func jobsOf(list []worker.Status) []client.Job {
	jobs := make([]client.Job, 0, len(list))
	for _, s := range list {
		j := client.Job{Name: s.Name, OK: s.Err == nil, Rail: string(s.Rail), Head: s.Head}
		if s.Err != nil {
			j.Error = s.Err.Error()
			j.Since = new(s.Since.UTC())
		}
		if !s.Horizon.IsZero() {
			j.Horizon = new(s.Horizon.UTC())
		}
		if !s.Told.IsZero() {
			j.ToldAt = new(s.Told.UTC())
		}
		jobs = append(jobs, j)
	}
	return jobs
}
